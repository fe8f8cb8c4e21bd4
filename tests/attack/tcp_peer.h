/* SPDX-License-Identifier: MIT
 * A TCP peer made by hand, on the wire of the harness: one end of a connection whose other end is
 * the stack's, or somebody who only pretends to have one. */
#ifndef WEIR_TESTS_ATTACK_TCP_PEER_H
#define WEIR_TESTS_ATTACK_TCP_PEER_H

#include "harness.h"
#include "weir/tcp.h"

enum { PEER_WINDOW = 60000, PEER_PORT = 4000, PEER_DATA_MAX = 2048 };

/* The numbers of a connection as the peer sees them: it sends `seq` next and expects `ack`. */
struct tcp_peer {
    struct attack *a;
    struct weir_addr own, peer; /* of the stack, and of the peer */
    uint16_t own_port, port;
    uint32_t seq, ack;
    bool stamps; /* timestamps were agreed on */
    uint32_t ts_val, ts_recent;
    uint16_t window; /* as sent: PEER_WINDOW at first */
    uint16_t urgent; /* pointer of what it sends with URG */
    weir_handle handle; /* of the stack's end */
};

/* A segment that came out: numbers, and references to its bytes. */
struct out_tcp {
    struct weir_addr source, destination;
    struct tcp_header header;
    struct tcp_options options;
    struct weir_ref data;
    uint32_t flow_label;
    uint16_t id;
    bool dont_fragment, fragment;
};
struct out_tcp out_tcp(const struct attack *a, unsigned i);

/* Small tables, so that their ends are near, and all of the memory is filled before it is used. */
struct weir_config tcp_attack_config(void);

/* An endpoint of the stack, listening on `port`. */
weir_handle tcp_listener(struct attack *a, uint16_t port, unsigned backlog);

/* A peer with port PEER_PORT + number at `peer`, of which nobody knows yet. */
struct tcp_peer peer_of(struct attack *a, struct weir_addr peer, unsigned number);

/* Hand in a segment of the peer's, its numbers as given: why it was dropped. */
unsigned peer_segment(const struct tcp_peer *p, uint16_t flags, uint32_t seq, uint32_t ack,
                      struct weir_ref data);

/* The same with the numbers that are due, which move on by data, SYN and FIN. */
unsigned peer_gives(struct tcp_peer *p, uint16_t flags, const void *data, size_t len);

/* Take what came out as the next of the connection: it is in sequence, and what it says is
 * acknowledged by what the peer sends next. */
struct out_tcp peer_takes(struct tcp_peer *p, unsigned i);

/* The whole handshake with a listener that accepts. */
void peer_connects(struct tcp_peer *p, weir_handle listener);

/* The stack sends `len` bytes, the peer takes and acknowledges them. */
void peer_is_sent(struct tcp_peer *p, const void *data, size_t len);

/* The peer resets the connection, the stack closes its end. */
void peer_ends(struct tcp_peer *p);

/* Read all events: nothing that is closed keeps its handle for them. */
void read_events(struct attack *a);

#endif
