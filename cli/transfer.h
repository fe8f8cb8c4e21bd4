/* SPDX-License-Identifier: MIT
 * What `weir get` and `weir put` have in common: a request of HTTP from a stack on a device, or on
 * a wire in memory, with a progress bar and a summary. */
#ifndef WEIR_CLI_TRANSFER_H
#define WEIR_CLI_TRANSFER_H

#include <argp.h>

#include "device_args.h"
#include "http_client.h"

struct transfer_args {
    struct device_args device;
    const char *text; /* the URL as it was given; NULL: missing */
    struct url url;
    const char *memory; /* the directory of a server in memory; NULL: a device is used */
    weir_time timeout;  /* give up when nothing happened for so long */
    bool json, quiet;
    bool fast_open; /* the request goes with the SYN */
};

/* A child parser for the options that both have; its input is a struct transfer_args, whose device
 * it passes on. */
extern const struct argp transfer_argp;

/* Take the URL. A wrong one is one line and exit 2. */
void transfer_url(struct transfer_args *args, const char *text);

/* What came of it. */
struct transfer_result {
    enum http_end end;
    bool interrupted;
    uint64_t bytes;            /* of the body */
    weir_time connected, took; /* until the connection was there; from then on */
    bool fast;                 /* the peer took what went with the SYN */
};

/* Run a job (whose url may be left out). `total` points to the bytes to be expected, UINT64_MAX
 * while that is not known, and `done` to bytes that were there before. False: it did not come to an
 * answer, and a line was printed. */
bool transfer_run(const struct transfer_args *args, const struct http_job *job,
                  const uint64_t *total, const uint64_t *done, struct transfer_result *result);

/* What is printed in the end, where standard output is not the data's. */
struct transfer_summary {
    const char *file; /* "-": standard input or output */
    unsigned status;
    const char *note; /* instead of how it went; NULL: none */
    bool good;
};
void transfer_print(const struct transfer_args *args, const struct transfer_result *result,
                    const struct transfer_summary *summary);

#endif
