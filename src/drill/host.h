/* SPDX-License-Identifier: MIT
 * One stack on a point-to-point interface in virtual time, driven by hand: packets are put in, time
 * is moved, and what the stack sends is kept, with its time, in the order in which it was sent. */
#ifndef WEIR_DRILL_HOST_H
#define WEIR_DRILL_HOST_H

#include "drill/watch.h"
#include "trace/writer.h"
#include "weir/weir.h"

struct drill_host_config {
    struct weir_config stack;
    uint32_t mtu_bytes;
    struct weir_addr local4, local6; /* its addresses; a default route of each family follows */
    unsigned prefix4_len, prefix6_len;
    struct capture_writer *capture; /* NULL: none */
    uint32_t capture_interface;
};

/* A packet that the stack has sent; whoever takes it frees it. */
struct drill_out {
    struct drill_out *next;
    weir_time time; /* since the beginning */
    uint32_t len;
    uint8_t bytes[];
};

struct drill_held; /* a packet to be handed in with the next one */

/* Read `stack`, `now`, `first`, `fault` and the counters. */
struct drill_host {
    weir_stack *stack;
    weir_time now; /* since the beginning; never goes back */
    struct drill_out *first;
    const char *fault; /* a packet of the stack is not sound or breaks a rule of watch.h, or there is no
                          memory: what. NULL: all is well */
    unsigned packets_in, packets_out;
    unsigned idle_steps; /* in a row in which no time passed, but something was due */

    struct watch_table watch;
    weir_time base; /* the stack's time at the beginning */
    struct drill_out **last;
    struct drill_held *held;
    void *memory;
    struct capture_writer *capture;
    uint32_t capture_interface;
};

/* Set up a stack, and let it get ready (duplicate address detection), which takes no time of
 * host->now. Errors: what the stack answers, and `why` (size bytes) says more; nothing is to be
 * closed then. */
int drill_host_open(struct drill_host *host, const struct drill_host_config *config, char *why,
                    size_t size);
void drill_host_close(struct drill_host *host);

/* A packet arrives now; `more`: wait, and let it arrive in one batch with the next ones. */
void drill_host_input(struct drill_host *host, const uint8_t *bytes, uint32_t len, bool more);

/* Let the stack send what it has to, now. Call it after every call on the stack. */
void drill_host_settle(struct drill_host *host);

/* Let time pass up to `limit`, or until the next timer of the stack is due, if that is earlier; run
 * what is due, and settle. False: the stack has nothing to wait for, and time is `limit`. */
bool drill_host_step(struct drill_host *host, weir_time limit);

/* Take the packet that was sent first; NULL: none. */
struct drill_out *drill_host_take(struct drill_host *host);

#endif
