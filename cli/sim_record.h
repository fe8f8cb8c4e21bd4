/* SPDX-License-Identifier: MIT
 * The stacks of a scenario, each recorded in a file of its own. */
#ifndef WEIR_CLI_SIM_RECORD_H
#define WEIR_CLI_SIM_RECORD_H

#include "recorder.h"
#include "sim/sim.h"

enum { SIM_RECORD_OPEN_MAX = 64, SIM_RECORD_PATH_MAX = 4096 };

/* Begin with zeros and the directory. */
struct sim_record {
    const char *directory; /* NULL: nothing is recorded */
    uint64_t count;        /* stacks so far */
    bool failed;           /* a line was printed */
    /* Those made last: a scenario with more stacks than these has them in simulations one after the
     * other. */
    struct recorder recorder[SIM_RECORD_OPEN_MAX];
    char path[SIM_RECORD_OPEN_MAX][SIM_RECORD_PATH_MAX];
};

/* For the run of a scenario. */
struct sim_recorders sim_record_begin(struct sim_record *record);

/* Close all files. False: one of them is not whole; a line was printed. */
bool sim_record_end(struct sim_record *record);

#endif
