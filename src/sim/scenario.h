/* SPDX-License-Identifier: MIT
 * Named scenarios: plain code that builds nodes and links, lets them run, reports figures and
 * checks its own expectations. One seed, one history. */
#ifndef WEIR_SIM_SCENARIO_H
#define WEIR_SIM_SCENARIO_H

#include "sim/sim.h"
#include "trace/writer.h"

enum scenario_item_kind {
    SCENARIO_SECTION, /* text: a heading for what follows */
    SCENARIO_FIGURE,  /* text: a name, unique in its section; value and unit */
    SCENARIO_NOTE,    /* text: a line to read */
    SCENARIO_CHECK    /* text: an expectation; ok: it was met */
};

/* A line of a scenario's report, for the time of the call. */
struct scenario_item {
    uint8_t kind; /* enum scenario_item_kind */
    bool ok;
    const char *text, *unit; /* unit: "ns", "packets" ... */
    int64_t value;
};

/* One run. The caller sets the first part and reads the second. */
struct scenario_run {
    uint64_t seed;
    uint64_t only;                  /* of a scenario made of cells: that one alone; 0: all */
    weir_time until;                /* stop at this virtual time; 0: run to the end */
    struct capture_writer *capture; /* a pcapng, open; NULL: none. Stays the caller's */
    /* Told every line of the report, in order; NULL: nobody is. */
    void (*report)(void *ctx, const struct scenario_item *item);
    struct sim_recorders recorders; /* of the stacks */
    /* Asked now and then whether to stop; NULL: never. */
    bool (*stop)(void *ctx);
    void *ctx;

    unsigned checks, failed; /* expectations, and those that were not met */
    bool cut;                /* stopped by `until` or stop(): expectations were not looked at */
    bool stopped;            /* by stop() */
    weir_time ended;         /* virtual time */
    uint64_t trace_hash;     /* sim_trace_hash() */
    struct sim_stats stats;
    int error; /* what scenario_play() answers */
};

struct scenario {
    const char *name, *summary;
    bool heavy; /* takes seconds */
    void (*run)(struct scenario_run *run);
};

/* All of them, by number from 0; NULL behind the last. And by name; NULL: none. */
const struct scenario *scenario_at(unsigned index);
const struct scenario *scenario_find(const char *name);

/* Run one. Errors: those of the simulation (sim_error()): WEIR_E_EXHAUSTED, those of the capture.
 * Whether the expectations were met is in the run. */
int scenario_play(const struct scenario *scenario, struct scenario_run *run);

#endif
