/* SPDX-License-Identifier: MIT
 * Round trips: an actor sends numbered requests, ICMP echo or UDP to one that reflects, and
 * accounts for every reply. */
#ifndef WEIR_SIM_PING_H
#define WEIR_SIM_PING_H

#include "sim/actor.h"

struct ping;

enum ping_kind { PING_ICMP = 0, PING_UDP };

enum {
    PING_COUNT_MAX = 65536, /* the sequence numbers of ICMP echo */
    PING_PAYLOAD_MIN = 8,
    PING_PAYLOAD_MAX = 65000
};

struct ping_config {
    uint8_t kind; /* enum ping_kind */
    bool dont_fragment;
    unsigned port; /* of the actor */
    struct weir_addr source, destination;
    uint16_t id;               /* ICMP; UDP: the source port */
    uint16_t destination_port; /* UDP */
    uint32_t count;            /* requests; 1 to PING_COUNT_MAX */
    weir_time start, interval; /* of the first; between them, > 0 */
    /* Payload bytes, evenly between; filled with random bytes of `seed` that are verified. */
    uint32_t payload_min, payload_max;
    uint64_t seed;
};

/* replies = received + duplicates + damaged + those to no request of ours (unexpected). */
struct ping_stats {
    uint64_t sent;
    uint64_t replies;    /* sound packets to us that look like replies */
    uint64_t received;   /* first good replies */
    uint64_t duplicates; /* further good ones */
    uint64_t damaged;    /* the checksum is right, the content is not */
    uint64_t unexpected;
    uint64_t overtaken; /* of those received: a later request was answered before */
    weir_time rtt_min, rtt_max, rtt_sum; /* of those received */
};

/* Begin. Owner: the caller frees it, after the simulation was destroyed. NULL: no memory, a value
 * out of range, or the actor has no room for a stream and a listener. */
struct ping *ping_start(struct actor *actor, const struct ping_config *config);
void ping_free(struct ping *ping);

struct ping_stats ping_stats(const struct ping *ping);

/* The round trip of request `number` (from 0), or -1: not sent or not answered. */
weir_time ping_rtt(const struct ping *ping, uint32_t number);

#endif
