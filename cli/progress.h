/* SPDX-License-Identifier: MIT
 * A progress bar on standard error, where that is a terminal. */
#ifndef WEIR_CLI_PROGRESS_H
#define WEIR_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/types.h"

/* The fields are its own. */
struct progress {
    bool wanted, drawn;
    weir_time next; /* when to draw it again */
};

struct progress_state {
    uint64_t bytes;    /* that have come or gone */
    uint64_t done;     /* that were there before */
    uint64_t total;    /* in all; UINT64_MAX: unknown */
    weir_time elapsed; /* since it began; 0: it has not */
};

/* Nothing is ever drawn unless it is `wanted` and standard error is a terminal. */
void progress_init(struct progress *progress, bool wanted);

/* Draw it, if it is time to. Answers when to be called again; WEIR_TIME_NEVER: no need. */
weir_time progress_show(struct progress *progress, const struct progress_state *state,
                        weir_time now);

/* Take it away, so that other lines can be printed. */
void progress_clear(struct progress *progress);

/* The line itself, `width` characters at most. Answers text. */
char *progress_line(char *text, size_t size, unsigned width, const struct progress_state *state);

/* Bytes as 1.50 GB, in three digits and the largest unit that they reach (powers of 1000). */
void progress_size(char *text, size_t size, double bytes);

#endif
