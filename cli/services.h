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

/* Which services, as bits: over UDP and over TCP. */
struct service_set {
    unsigned udp, tcp;
};

/* Which are named in a list such as "echo,discard/udp" (or "none"). False: *unknown begins with
 * what is no service. */
bool services_parse(const char *list, struct service_set *set, const char **unknown);

/* Open those of `set` for all addresses of the stack. Lengths of chargen come from `seed`. False: a
 * line was printed. */
bool services_open(struct services *services, weir_stack *stack, unsigned set, uint64_t seed);

/* Take note of an event. False: it is not about one of these. */
bool services_event(struct services *services, const struct weir_event *event);

/* Answer what has arrived: at most SERVICES_BATCH datagrams each. True: there may be more. */
enum { SERVICES_BATCH = 64 };
bool services_serve(struct services *services);

/* What the services over TCP have in common with these: the port of one; the answers of daytime
 * (its length), and of time; `len` bytes of chargen's endless pattern, from a place in it, and the
 * place that is `len` bytes further on. */
uint16_t services_port(unsigned service);
size_t services_daytime(char *text, size_t size);
uint32_t services_time(void);
void services_pattern(uint8_t *data, size_t len, uint32_t at);
uint32_t services_pattern_after(uint32_t at, size_t len);

/* Print the counters that are not 0. */
void services_print(const struct services *services, FILE *out);

#endif
