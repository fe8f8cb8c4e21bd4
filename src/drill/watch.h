/* SPDX-License-Identifier: MIT
 * What holds for every segment that a stack sends, whatever a script expects, seen by the wire alone:
 * acknowledgments and the right edge of the window never go back (RFC 9293 3.8.6, SHLD-14); the peer's
 * window is kept to, but for a probe of one octet; FIN has one place, and nothing follows it. */
#ifndef WEIR_DRILL_WATCH_H
#define WEIR_DRILL_WATCH_H

#include "base/seq.h"
#include "weir/types.h"
#include "wire/tcp.h"

enum { WATCH_CONNECTIONS_MAX = 64 };

/* What a connection has told so far. Begin with zeros. */
struct watch {
    bool scale_offered_in, scale_offered_out; /* in the SYNs: windows are scaled if both are */
    bool syn_offers_scale; /* the peer's last SYN does, taken or not: ... */
    uint8_t scale_in, scale_out, syn_scale; /* ... this */
    bool has_iss, has_sent, has_acked, has_edge_in, has_edge_out, has_fin;
    struct tcp_seq iss;
    struct tcp_seq sent;     /* behind the last number that was sent */
    struct tcp_seq acked;    /* the last acknowledgment of the stack's */
    struct tcp_seq edge_in;  /* the rightmost edge that the peer offered */
    struct tcp_seq edge_out; /* the rightmost edge that the stack offered */
    struct tcp_seq fin;      /* behind the stack's FIN */
};

struct watch_segment {
    const struct tcp_header *header;
    struct weir_ref options;
    uint32_t len; /* of the payload */
};

/* The peer sends a segment. */
void watch_in(struct watch *watch, const struct watch_segment *segment);

/* The stack has sent one: what is wrong with it; NULL: nothing. */
const char *watch_out(struct watch *watch, const struct watch_segment *segment);

/* All connections of a stack with one address, by their ports. Begin with zeros; those that do not find
 * room are not watched. */
struct watch_table {
    unsigned count;
    struct {
        uint16_t local_port, remote_port;
        struct watch watch;
    } connection[WATCH_CONNECTIONS_MAX];
};

/* The same for whole packets of IP. What is not sound, or no TCP, is nothing. */
void watch_packet_in(struct watch_table *table, const uint8_t *packet, uint32_t len);
const char *watch_packet_out(struct watch_table *table, const uint8_t *packet, uint32_t len);

#endif
