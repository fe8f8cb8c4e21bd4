/* SPDX-License-Identifier: MIT
 * Packets that a node of ours has ready for one port: a queue of copies with a limit. */
#ifndef WEIR_SIM_OUTBOX_H
#define WEIR_SIM_OUTBOX_H

#include "sim/sim.h"
#include "weir/packet.h"

struct sim_outbox_packet;

/* Fields are the outbox's. Owner: whoever holds it; the packets in it are its own copies. */
struct sim_outbox {
    struct sim *sim;
    struct sim_outbox_packet *first, *last; /* waiting */
    struct sim_outbox_packet *given;        /* handed out by the last take */
    uint32_t count, packets_max;
};

/* Set up an empty one that holds at most `packets_max`. */
void sim_outbox_init(struct sim_outbox *box, struct sim *sim, uint32_t packets_max);

/* Append a copy of a packet; false when it is full (nothing changed). Without memory the simulation
 * stops with WEIR_E_EXHAUSTED. */
bool sim_outbox_put(struct sim_outbox *box, const void *bytes, uint32_t len);

/* Hand out up to `max` packets, oldest first, as a node's output() does; answers how many. They
 * stay valid until the next take. */
unsigned sim_outbox_take(struct sim_outbox *box, struct weir_tx *tx, unsigned max);

/* Free all that is in it. */
void sim_outbox_free(struct sim_outbox *box);

#endif
