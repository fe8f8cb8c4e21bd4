/* SPDX-License-Identifier: MIT
 * A swarm of runs: from one seed everything about two hosts is drawn - the link and what goes wrong
 * on it, the limits and options of their stacks, the applications - and every invariant is looked at
 * after each event. The faults of the link end after a while: then everything that was written must
 * arrive, every connection end, and all memory come back. `weir sim swarm --seed N` replays a run. */
#ifndef WEIR_SIM_SWARM_H
#define WEIR_SIM_SWARM_H

#include "sim/scenario.h"
#include "sim/verdict.h"

/* What was drawn and what came of it. */
struct swarm_result {
    struct verdict verdict; /* sim NULL */
    char drawn[512];        /* the link and the stacks, as one line */
    weir_time ended;
    uint64_t trace_hash;
    struct sim_stats stats;
    uint64_t bytes;         /* read by applications */
    uint64_t segments, retransmitted, sacks, probes, resets;
    unsigned talks;
};

/* Run one seed; true: nothing was wrong. The capture, if there is one, stays the caller's.
 * Bound: some million events. */
bool swarm_run(uint64_t seed, struct capture_writer *capture, struct swarm_result *result);

#endif
