/* SPDX-License-Identifier: MIT
 * The small UDP services: echo (RFC 862), discard (RFC 863), chargen (RFC 864), daytime (RFC 867),
 * time (RFC 868). None of them answers a datagram that came from the port of such a service, or to
 * a group or a broadcast: two of them could talk to each other for ever, and many answer one (RFC
 * 1122 3.2.2.6). */
#ifndef WEIR_CLI_SERVICES_H
#define WEIR_CLI_SERVICES_H

#include <stdio.h>

#include "base/rng.h"
#include "weir/udp.h"

enum { SERVICES_MAX = 5 };

struct service {
    weir_handle handle;
    bool open, more; /* there may be more to receive */
    uint64_t received, answered, refused;
};

/* The fields are the services' own. */
struct services {
    weir_stack *stack;
    struct service service[SERVICES_MAX];
    struct rng rng;
};

/* Which are named in a list such as "echo,discard" (or "none"), as bits. False: *unknown begins
 * with what is no service. */
bool services_parse(const char *list, unsigned *set, const char **unknown);

/* Open those of `set` for all addresses of the stack. Lengths of chargen come from `seed`. False: a
 * line was printed. */
bool services_open(struct services *services, weir_stack *stack, unsigned set, uint64_t seed);

/* Answer what has arrived: at most SERVICES_BATCH datagrams each. True: there may be more. */
enum { SERVICES_BATCH = 64 };
bool services_serve(struct services *services);

/* Print the counters that are not 0. */
void services_print(const struct services *services, FILE *out);

#endif
