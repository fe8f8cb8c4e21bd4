/* SPDX-License-Identifier: MIT
 * A swarm of runs: from one seed everything about two hosts is drawn - the link and what goes wrong
 * on it, the limits and options of their stacks, the applications - and every invariant is looked at
 * after each event. The faults of the link end after a while: then everything that was written must
 * arrive, every connection end, and all memory come back. `weir sim swarm --seed N` replays a run. */
#ifndef WEIR_SIM_SWARM_H
#define WEIR_SIM_SWARM_H

#include "sim/tcp_watch.h"

/* What was drawn and what came of it. */
struct swarm_result {
    struct verdict verdict; /* sim NULL */
    char drawn[768];        /* the link and the stacks, as one line */
    struct tcp_watch_stats wire;
    uint64_t bytes; /* read by applications */
    struct weir_tcp_stats tcp[2]; /* of the hosts */
    uint64_t trace_hash, events;
};

/* Run one seed; true: nothing was wrong. Bound: some million events. */
bool swarm_run(uint64_t seed, struct swarm_result *result);

#endif
