/* SPDX-License-Identifier: MIT
 * The frame of a middlebox: a node with two ports that stands between two links and passes on, in
 * order, what comes through. What a box does to packets is its one decision function; everything
 * that a box does not handle goes on unchanged, malformed packets too. */
#ifndef WEIR_SIM_MIDDLEBOX_H
#define WEIR_SIM_MIDDLEBOX_H

#include "sim/node.h"
#include "sim/packet.h"

enum middlebox_port { MIDDLEBOX_INSIDE = 0, MIDDLEBOX_OUTSIDE = 1, MIDDLEBOX_PORTS = 2 };

/* Bits: packets that come in on these ports. */
enum middlebox_from {
    MIDDLEBOX_FROM_INSIDE = 1U << MIDDLEBOX_INSIDE,
    MIDDLEBOX_FROM_OUTSIDE = 1U << MIDDLEBOX_OUTSIDE,
    MIDDLEBOX_FROM_BOTH = MIDDLEBOX_FROM_INSIDE | MIDDLEBOX_FROM_OUTSIDE
};

enum {
    MIDDLEBOX_QUEUE_PACKETS = 1024 /* unless the config says otherwise */
};

/* What all boxes have; zero is a good default. */
struct middlebox_common {
    uint8_t link;               /* enum weir_link of both links; 0: WEIR_LINK_IP */
    uint32_t queue_packets_max; /* waiting for a port; 0: MIDDLEBOX_QUEUE_PACKETS */
};

/* By port of arrival: received = forwarded + dropped + overflowed + held. By port of departure:
 * injected and injections_lost. */
struct middlebox_stats {
    uint64_t received[MIDDLEBOX_PORTS];
    uint64_t forwarded[MIDDLEBOX_PORTS];
    uint64_t changed[MIDDLEBOX_PORTS]; /* of those forwarded: not as they came */
    uint64_t dropped[MIDDLEBOX_PORTS]; /* by decision */
    uint64_t overflowed[MIDDLEBOX_PORTS];
    uint64_t held[MIDDLEBOX_PORTS];            /* now: kept back by the box */
    uint64_t injected[MIDDLEBOX_PORTS];        /* packets of the box's own */
    uint64_t injections_lost[MIDDLEBOX_PORTS]; /* for want of room in the queue */
};

struct middlebox;

/* A packet before a decision. */
struct middlebox_packet {
    struct middlebox *box;
    weir_time now;
    uint8_t *bytes; /* may be edited ... */
    uint32_t len;   /* ... and the packet made shorter, or longer, up to WEIR_PACKET_BYTES_MAX */
    struct sim_parsed parsed; /* as it came */
    uint8_t from;             /* enum middlebox_port: where it came in ... */
    uint8_t to;               /* ... and where it goes out; may be changed */
    bool changed;             /* to be set by whoever edits it */
};

enum middlebox_verdict {
    MIDDLEBOX_FORWARD,
    MIDDLEBOX_DROP,
    MIDDLEBOX_HOLD /* the box has taken a copy, which it forwards or drops later */
};

/* What a box is made of; all but decide() may be NULL. */
struct middlebox_kind {
    enum middlebox_verdict (*decide)(void *ctx, struct middlebox_packet *packet);
    void (*advance)(void *ctx, struct middlebox *box, weir_time now);
    weir_time (*deadline)(void *ctx);
    void (*destroy)(void *ctx);
};

/* Add a box. Owner: the simulation owns the box, and ctx if destroy is set; a name that is taken or
 * bad, or no memory, gives NULL, with ctx destroyed. */
struct middlebox *middlebox_add(struct sim *sim, const char *name,
                                const struct middlebox_common *common,
                                const struct middlebox_kind *kind, void *ctx);

/* The node to put between two links. */
struct sim_node *middlebox_node(const struct middlebox *box);
struct middlebox_stats middlebox_stats(const struct middlebox *box);
/* The link type of both links. */
unsigned middlebox_link(const struct middlebox *box);

/* For boxes. The ctx given at adding; send a packet of the box's own, which in a decision goes out
 * behind the packet that is being decided. */
void *middlebox_ctx(const struct middlebox *box);
void middlebox_inject(struct middlebox *box, enum middlebox_port port, const void *bytes,
                      uint32_t len);

/* Inject an IP packet, in a frame like that of `packet`: towards its sender, between the same
 * stations. */
void middlebox_inject_ip(const struct middlebox_packet *packet, enum middlebox_port port,
                         const uint8_t *ip, uint32_t len);

/* For boxes that hold packets: forward one that came in on `from`, at once (before the packet that
 * is being decided), or drop it (bytes NULL). */
void middlebox_release(struct middlebox *box, enum middlebox_port from, const void *bytes,
                       uint32_t len);

/* Send an ICMP error about an IP packet back to where it came from, if it may be answered with one
 * (RFC 1122 3.2.2, RFC 4443 2.4). False: it may not. Behind the packet, as middlebox_inject(). */
struct middlebox_error {
    uint8_t type, code;
    uint32_t mtu;
    struct weir_addr source; /* the box's own address, of the packet's family */
};

bool middlebox_answer(const struct middlebox_packet *packet, const struct middlebox_error *error);

#endif
