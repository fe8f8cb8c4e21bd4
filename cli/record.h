/* SPDX-License-Identifier: MIT
 * What a stack's tap sees, into a capture file and as lines on standard output. */
#ifndef WEIR_CLI_RECORD_H
#define WEIR_CLI_RECORD_H

#include "cli.h"
#include "output.h"
#include "weir/config.h"
#include "weir/iface.h"

/* The fields are the recorder's own. */
struct record {
    struct cli_output output; /* of the capture */
    struct capture_writer capture, shown;
    struct cli_lines *lines; /* NULL: none */
    weir_time since_1970;    /* to be added to the stack's time */
    weir_time start;
    bool fresh; /* something was written that is not flushed */
};

/* Begin; path NULL: no capture, "-": to stdout; `lines`: packets as lines on stdout. False: it
 * cannot be, and a line was printed; nothing is to be closed then. */
bool record_open(struct record *record, const char *path, bool lines);

/* The interface whose packets follow. */
void record_interface(struct record *record, enum weir_link link, const char *name);

/* The tap to configure a stack with: of no effect when there is nothing to record. */
struct weir_tap record_tap(struct record *record);

/* Hand on what is buffered. False: something could not be written, and record_close() will say
 * what. */
bool record_flush(struct record *record);

/* Close the capture, which is removed when it is not whole. False: it is not, and a line was
 * printed. */
bool record_close(struct record *record);

#endif
