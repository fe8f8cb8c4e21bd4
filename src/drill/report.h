/* SPDX-License-Identifier: MIT
 * What people read: the last things that happened, and what went wrong. */
#ifndef WEIR_DRILL_REPORT_H
#define WEIR_DRILL_REPORT_H

#include <stdarg.h>
#include <stdio.h>

#include "drill/script.h"

enum { REPORT_LINES_MAX = 16, REPORT_LINE_BYTES = 320 };

/* Fields are the report's. */
struct report {
    FILE *out; /* a memory stream; NULL: no memory */
    char *text;
    size_t size;
    const struct script *script;
    bool verbose;
    unsigned lines; /* logged so far; the last REPORT_LINES_MAX are kept */
    char line[REPORT_LINES_MAX][REPORT_LINE_BYTES];
};

void report_begin(struct report *report, const struct script *script, bool verbose);

/* Something happened. With `verbose` it is shown at once, else if something goes wrong soon. */
__attribute__((format(printf, 3, 4))) void report_log(struct report *report, weir_time time,
                                                      const char *format, ...);

/* Something went wrong at a line of the script; lines may follow with report_add(), and
 * report_history() says what came before. */
__attribute__((format(printf, 3, 4))) void report_fail(struct report *report, unsigned line,
                                                       const char *format, ...);
__attribute__((format(printf, 2, 3))) void report_add(struct report *report, const char *format,
                                                      ...);
void report_history(struct report *report);

/* The text, which is the caller's to free; NULL: no memory. */
char *report_end(struct report *report);

/* A time as scripts say it, "0.200000"; with nanoseconds when there are some. */
const char *report_time(weir_time time, char text[32]);

#endif
