/* SPDX-License-Identifier: MIT
 * The file that a capture is written to. */
#ifndef WEIR_CLI_OUTPUT_H
#define WEIR_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "trace/writer.h"

/* Read `file` and `error`. */
struct cli_output {
    const char *path; /* NULL: none */
    FILE *file;       /* NULL: none; stdout when the path is "-" */
    int error;        /* errno of the first failure, or -1 when it has none */
};

/* Open it; path NULL: nothing is. False: it cannot be, and a line was printed. */
bool cli_output_open(struct cli_output *output, const char *path);

/* Where to write to; `write` is NULL when there is none. */
struct capture_sink cli_output_sink(struct cli_output *output);

/* Close it. A file that is not whole is removed, unless it is no regular one. False: it is not
 * whole, and a line was printed. */
bool cli_output_close(struct cli_output *output);

#endif
