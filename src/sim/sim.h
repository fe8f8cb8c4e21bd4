/* SPDX-License-Identifier: MIT
 * The simulator: nodes and links in virtual time. One seed, one byte-exact history, on every
 * machine and compiler: integers only, no OS clock, random choices from streams named after their
 * user, and events in the total order (time, order of scheduling).
 *
 * A simulation is one struct sim, used by one thread. Everything made in it (nodes, links, packets)
 * belongs to it and dies with it. Memory that runs out, or a node that breaks its contract, stops
 * the simulation with an error (sim_error()) instead of being lost. */
#ifndef WEIR_SIM_SIM_H
#define WEIR_SIM_SIM_H

#include "base/rng.h"
#include "weir/config.h"
#include "weir/error.h"
#include "weir/types.h"

struct sim;

enum {
    SIM_NAME_MAX = 47,            /* characters of the name of a node or link */
    SIM_BURST_PACKETS_MAX = 65536 /* packets that a node may send at one instant through one port */
};

/* Who records the stacks of a simulation: asked once for each, as it is made. `fn` NULL: nobody. */
struct sim_recorders {
    struct weir_recorder (*fn)(void *ctx, const char *node);
    void *ctx;
};

struct sim_config {
    uint64_t seed;
    weir_time start; /* of the virtual clock; >= 0 */
    struct sim_recorders recorders;
};

/* Why a run returned. */
enum sim_stop {
    SIM_STOP_IDLE,   /* no event is left */
    SIM_STOP_TIME,   /* the next event is later than asked */
    SIM_STOP_EVENTS, /* as many events as asked were run */
    SIM_STOP_ERROR   /* sim_error() says what */
};

struct sim_stats {
    uint64_t events;          /* run so far */
    uint64_t packets;         /* delivered to nodes */
    uint64_t bytes;           /* of them, link headers included */
    uint64_t malformed;       /* packets a node asked to send that contradict themselves */
    size_t events_pending;
};

/* A new simulation without nodes; NULL when there is no memory or `start` is negative. */
struct sim *sim_create(const struct sim_config *config);

/* Free the simulation, its links and its nodes (their ops->destroy is called). NULL is allowed. */
void sim_destroy(struct sim *sim);

weir_time sim_now(const struct sim *sim);
uint64_t sim_seed(const struct sim *sim);

/* The recorder of the stack of that node; its fn is NULL when nobody records. */
struct weir_recorder sim_recorder(const struct sim *sim, const char *node);

/* A random stream of its own for the user called `name`: depends on the seed and the name only, so
 * a new user never shifts the choices of another. */
struct rng sim_rng(const struct sim *sim, const char *name);

/* Call fn(sim, ctx) at virtual time `at`, or at once in the order of events when `at` has passed.
 * Whatever it does to nodes (application calls on a stack, say) it follows with sim_node_wake().
 * Owner: ctx stays the caller's, also when the simulation ends before the call.
 * Errors: WEIR_E_INVALID (WEIR_TIME_NEVER); WEIR_E_EXHAUSTED (no memory), which also stops the
 * simulation. */
int sim_at(struct sim *sim, weir_time at, void (*fn)(struct sim *sim, void *ctx), void *ctx);

/* Called after every event: where a test asserts sim_invariants() and its own. NULL: none.
 * Owner: ctx stays the caller's. */
void sim_on_event(struct sim *sim, void (*fn)(struct sim *sim, void *ctx), void *ctx);

/* Run one event; SIM_STOP_EVENTS when one was run. */
enum sim_stop sim_step(struct sim *sim);

/* Run every event up to and including `until`, at most events_max of them (0: as many as there
 * are), and leave the clock at `until` (SIM_STOP_TIME, SIM_STOP_IDLE) or at the last event
 * (otherwise). */
enum sim_stop sim_run_until(struct sim *sim, weir_time until, uint64_t events_max);

/* The same for a span of virtual time from now. */
enum sim_stop sim_run_for(struct sim *sim, weir_time span, uint64_t events_max);

/* Run until no event is left: the clock stays at the last one. A node with a periodic timer never
 * lets it end, hence events_max > 0, where SIM_STOP_EVENTS means that it did not. */
enum sim_stop sim_run_until_idle(struct sim *sim, uint64_t events_max);

/* Make the run in progress return SIM_STOP_EVENTS after this event: for callbacks. */
void sim_interrupt(struct sim *sim);

/* The hash of every packet delivered so far, in order: time, link, direction, length, bytes. Equal
 * seeds give equal hashes (I-49). */
uint64_t sim_trace_hash(const struct sim *sim);

/* What stopped the simulation: 0, WEIR_E_EXHAUSTED (no memory, or a node sent SIM_BURST_PACKETS_MAX
 * packets at one instant without an end), or what a capture answered (WEIR_E_IO, WEIR_E_RANGE).
 * It does not run on afterwards; it may be looked at and destroyed. */
int sim_error(const struct sim *sim);

struct sim_stats sim_stats(const struct sim *sim);

/* Recount everything: packets are conserved on every link in both directions (I-53), queues hold
 * what their counters say, no pending event lies in the past. True when all holds; else false and
 * one line in `text` (of `size` bytes; NULL allowed). Bound: linear in packets and events. */
bool sim_invariants(const struct sim *sim, char *text, size_t size);

#endif
