/* SPDX-License-Identifier: MIT
 * Nodes of the simulator: anything with ports that behaves as a stack does (a stack, an actor of a
 * test, a router, a middlebox). The shape is the contract of the stack. */
#ifndef WEIR_SIM_NODE_H
#define WEIR_SIM_NODE_H

#include "sim/sim.h"
#include "weir/packet.h"

struct sim_node;

enum {
    SIM_PORTS_MAX = 64
};

/* What a node does; any of them may be NULL. `now` is the clock of the node (sim_node_set_clock())
 * and equals the virtual time unless that was set.
 *
 * The simulator calls input() with packets that a link delivers (borrowed for the call, checksum
 * unknown, never segmented) and advance() when the deadline is reached or after sim_node_wake().
 * After either it polls output() of each connected port, in the order of port numbers, until it
 * answers 0 or the link has no room, and then reads deadline() again and arms one wake-up. output()
 * fills at most `max` structs, whose members before `headers` are zero when it is called, and
 * returns how many; their references stay valid until the next call on the node. Offload requests
 * in them (segmentation, checksum) are carried out by the link. deadline() may lie in the past:
 * then advance() is called again at the same instant, or, while a link has no room
 * (sim_dir_config.backpressure), when it has some. A node calls nothing of the simulator from
 * within these functions but sim_now(), sim_at(), sim_node_wake(), sim_interrupt() and the
 * functions on faults and link settings. */
struct sim_node_ops {
    void (*input)(void *ctx, unsigned port, const struct weir_rx *rx, unsigned n, weir_time now);
    unsigned (*output)(void *ctx, unsigned port, struct weir_tx *tx, unsigned max, weir_time now);
    void (*advance)(void *ctx, weir_time now);
    weir_time (*deadline)(void *ctx); /* WEIR_TIME_NEVER: none; a NULL function means never */
    void (*destroy)(void *ctx);       /* once, by sim_destroy(); it must not call the simulator */
};

/* Add a node. Its name must be new and 1 to SIM_NAME_MAX characters; `ops` is copied.
 * Owner: ctx is the node's from here on if ops->destroy is set (also when NULL is returned it is
 * not called), else the caller's, who keeps it until the simulation is destroyed. It is woken once
 * at the time of adding. NULL: no memory or a bad name. */
struct sim_node *sim_node_add(struct sim *sim, const char *name, const struct sim_node_ops *ops,
                              void *ctx);

struct sim *sim_node_sim(const struct sim_node *node);
const char *sim_node_name(const struct sim_node *node);
void *sim_node_ctx(const struct sim_node *node);

/* Something outside changed the node (an application call, a setting): serve it (advance, output,
 * deadline) at the present time, as an event of its own. Several calls before it make one. */
void sim_node_wake(struct sim_node *node);

/* Stop a node: it gets no call at all until it is started again. Packets that arrive meanwhile wait
 * in front of it, at most `backlog_max` (further ones are lost for SIM_LOST_RECEIVER), and are
 * delivered in order of arrival when it starts; timers are late. A machine that is suspended, an
 * event loop that is starved (NF-26, NF-36, NF-39). */
void sim_node_stop(struct sim_node *node, uint32_t backlog_max);
void sim_node_start(struct sim_node *node);
bool sim_node_is_stopped(const struct sim_node *node);

/* Give the node a clock of its own: (virtual time + offset), rounded down to a multiple of `tick`
 * (0 or 1: exact). It may be set again at any time, forward or back (NF-27 to NF-31). The node is
 * woken. */
void sim_node_set_clock(struct sim_node *node, weir_time offset, weir_time tick);

/* The present time on the node's clock. */
weir_time sim_node_now(const struct sim_node *node);

#endif
