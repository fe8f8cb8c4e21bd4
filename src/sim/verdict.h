/* SPDX-License-Identifier: MIT
 * The first thing that was found wrong in a simulation: what is found later is mostly its
 * consequence. */
#ifndef WEIR_SIM_VERDICT_H
#define WEIR_SIM_VERDICT_H

#include "sim/sim.h"

enum { VERDICT_ID_MAX = 15, VERDICT_TEXT_MAX = 255 };

struct verdict {
    struct sim *sim; /* stopped when something is wrong; NULL: none */
    bool failed;
    weir_time time;
    char id[VERDICT_ID_MAX + 1]; /* of the invariant: "I-15", "MUST-65" */
    char text[VERDICT_TEXT_MAX + 1];
};

/* Note a fault, if it is the first, and make the run in progress return. The text is as for
 * printf(). Bound: constant. */
__attribute__((format(printf, 4, 5))) void verdict_fail(struct verdict *verdict, weir_time now,
                                                        const char *id, const char *format, ...);

#endif
