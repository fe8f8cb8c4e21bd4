/* SPDX-License-Identifier: MIT
 * Sending one datagram: next hop, neighbour, fragments, headers. Used by the stateless replies and
 * by the datagram transports. */
#ifndef WEIR_NET_DATAGRAM_H
#define WEIR_NET_DATAGRAM_H

#include "net/neighbour.h"
#include "weir/packet.h"

struct net;

/* The way to a destination, as net_path() found it. It holds while `generation` does. */
struct net_path {
    struct weir_addr source, destination, next_hop;
    uint32_t ifindex;
    uint32_t mtu;        /* of the route or interface; the path's may be smaller */
    uint32_t generation; /* of addresses and routes together */
};

/* Who waits for a neighbour: what is in neighbour_waiter.kind. */
enum net_waiter {
    NET_WAITER_REPLY = 1,
    NET_WAITER_UDP,
    NET_WAITER_TCP,
    NET_WAITER_TCP_SYN
};

enum { DATAGRAM_UPPER_MAX = 8 /* a UDP or ICMP header */ };

/* A datagram to send. Owner: whoever has it queued; what payload refers to stays until it is sent.
 * */
struct datagram {
    struct neighbour_waiter waiter; /* first: the waiter that is woken is the datagram */
    struct net_path path;
    struct weir_ref payload[WEIR_FRAGS_MAX];
    uint32_t id, mtu;       /* of its fragments: set with the first */
    uint16_t next_fragment; /* the first that was not sent yet */
    uint8_t protocol, hop_limit, traffic_class;
    bool dont_fragment;
    uint8_t upper_len;
    uint8_t upper[DATAGRAM_UPPER_MAX]; /* the transport header, checksum included */
};

enum datagram_outcome {
    DATAGRAM_SENT,    /* *tx is its last packet */
    DATAGRAM_MORE,    /* *tx is one of its fragments; more follow */
    DATAGRAM_PARKED,  /* nothing in *tx: it waits for its next hop, and its waiter will be woken */
    DATAGRAM_FAILED,  /* nothing in *tx: the next hop cannot be reached now */
    DATAGRAM_TOO_LONG /* nothing in *tx: too long for any packet, or for the path and not to be cut */
};

/* Make its next packet. The path's generation is the caller's to check. Bound: constant. */
enum datagram_outcome datagram_output(struct net *net, struct datagram *d, weir_time now,
                                      struct weir_tx *tx);

#endif
