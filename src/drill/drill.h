/* SPDX-License-Identifier: MIT
 * Scripts in the language of packetdrill, run against a stack of weir in virtual time: packets that
 * arrive, packets that must be sent, system calls with their results, and statements about a
 * connection, each at its time. The whole language that is understood is in weir-drill(1).
 *
 *     text -> parse (script.h) -> run: calls (calls.h) -> sockets (sockets.h) -> host (host.h) -> stack
 *                                      packets (packet.h, flow.h) ------------>
 *
 * host.h and sockets.h know nothing of scripts: a stack that is driven by hand, and descriptors over
 * it that answer as Linux does. */
#ifndef WEIR_DRILL_DRILL_H
#define WEIR_DRILL_DRILL_H

#include "trace/writer.h"
#include "weir/types.h"

/* A word of the script that stands for other text. */
struct drill_define {
    const char *name, *value;
};

/* How to run; zero what is not needed. Everything is borrowed for the call. */
struct drill_options {
    bool check;   /* parse only */
    bool ip6;     /* over IPv6, whatever the script says */
    bool verbose; /* the report holds every event, also of a script that passes */
    uint64_t seed;
    const struct drill_define *define;
    unsigned define_count;
    struct capture_writer *capture; /* NULL: none. The packets go to ... */
    uint32_t capture_interface;     /* ... this interface of it */
};

enum drill_verdict {
    DRILL_PASSED,
    DRILL_FAILED, /* the stack did something else */
    DRILL_BROKEN  /* the script is wrong, or asks for what there is not */
};

struct drill_result {
    enum drill_verdict verdict;
    unsigned line;    /* where it ended, if it did not pass */
    unsigned events;  /* that were run, or with `check` parsed */
    unsigned packets; /* both ways */
    weir_time time;   /* virtual time that passed */
    char *report;     /* lines for people, may be empty; the caller frees it. NULL: no memory */
};

/* Run the script `text`, called `name` in the report. The answer is complete whatever happens.
 * Bound: by the script, whose waiting costs a step per timer of the stack. */
void drill_run(struct drill_result *result, const char *name, const char *text, size_t len,
               const struct drill_options *options);

#endif
