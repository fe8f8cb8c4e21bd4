/* SPDX-License-Identifier: MIT
 * An actor: a node without a stack that does what a test or scenario tells it. It sends given
 * packets at given times or in streams, answers pings, reflects datagrams, and records what
 * arrives. */
#ifndef WEIR_SIM_ACTOR_H
#define WEIR_SIM_ACTOR_H

#include "sim/node.h"
#include "sim/packet.h"

struct actor;

enum {
    ACTOR_PORTS_MAX = 4,
    ACTOR_LISTENERS_MAX = 8,
    ACTOR_STREAMS_MAX = 16,
    ACTOR_QUEUE_PACKETS = 4096 /* unless the config says otherwise */
};

/* Zero is a good default: an actor that only sends what it is told and counts what arrives. */
struct actor_config {
    uint8_t link;               /* enum weir_link of its links; 0: WEIR_LINK_IP */
    bool answer_echo;           /* sound echo requests, to any address but groups */
    bool reflect_udp;           /* sound datagrams go back with addresses and ports changed over */
    uint32_t queue_packets_max; /* waiting for a port; 0: ACTOR_QUEUE_PACKETS */
};

/* A packet that arrived. */
struct actor_packet {
    const struct sim_parsed *parsed; /* with the bytes, for the call */
    weir_time now;
    unsigned port;
    bool sound; /* all checksums are right (build_is_sound()) */
};

typedef void (*actor_fn)(void *ctx, struct actor *actor, const struct actor_packet *packet);

struct actor_stats {
    uint64_t received, received_bytes;
    uint64_t unsound;  /* of them: a checksum is wrong, or it is no IP packet */
    uint64_t answered; /* echo replies sent */
    uint64_t reflected;
    uint64_t sent;       /* packets put into the queues, replies counted */
    uint64_t overflowed; /* those that did not fit */
    weir_time last_at;   /* the last arrival */
    uint64_t hash;       /* of all that arrived: times, ports, bytes, in order */
};

/* Add one. Owner: the simulation. NULL: no memory or a bad name. */
struct actor *actor_add(struct sim *sim, const char *name, const struct actor_config *config);

struct sim_node *actor_node(const struct actor *actor);
struct sim *actor_sim(const struct actor *actor);
struct actor_stats actor_stats(const struct actor *actor);

/* The last packet that arrived, valid until the next; length 0: none yet. */
struct weir_ref actor_last(const struct actor *actor);

/* Call fn for every packet that arrives, in the order of listening, before the actor answers.
 * Errors: WEIR_E_EXHAUSTED (ACTOR_LISTENERS_MAX). */
int actor_listen(struct actor *actor, actor_fn fn, void *ctx);

/* Call it no more. Not from a listener. */
void actor_unlisten(struct actor *actor, actor_fn fn, void *ctx);

/* Send a copy of a packet through a port, now or at a time that is not past; packets for the same
 * time go out in the order of the calls. May be called from a listener. A packet of length 0, which
 * is what the builders answer when they cannot, is refused: WEIR_E_INVALID. WEIR_E_EXHAUSTED: the
 * queue is full, or no memory. */
int actor_send(struct actor *actor, unsigned port, const void *bytes, uint32_t len);
int actor_send_at(struct actor *actor, unsigned port, weir_time at, const void *bytes,
                  uint32_t len);

/* Packets at a rate: number n = 0, 1, ... at start + n * interval. */
struct actor_stream {
    unsigned port;
    weir_time start, interval; /* interval > 0 */
    uint64_t count;            /* 0: without end */
    /* Write packet `number` to `out` and return its length; 0: send none this time. */
    uint32_t (*make)(void *ctx, uint64_t number, weir_time now, uint8_t *out, uint32_t size);
    void *ctx; /* the caller's, as long as the simulation */
};

/* Errors: WEIR_E_EXHAUSTED (ACTOR_STREAMS_MAX), WEIR_E_INVALID. */
int actor_stream(struct actor *actor, const struct actor_stream *stream);

#endif
