/* SPDX-License-Identifier: MIT
 * What `weir netstat` prints of a control socket's answers. */
#ifndef WEIR_CLI_NETSTAT_H
#define WEIR_CLI_NETSTAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct netstat_args {
    bool all; /* listeners, SYN-RECEIVED and TIME-WAIT too */
    bool numeric, ip4_only, ip6_only, json;
    bool verbose; /* with their accounts */
};

/* Print connections as a table, sorted by local port, local address, remote address and remote
 * port, listeners first. False: no memory; a line was printed. */
bool netstat_connections(const struct netstat_args *args, const json_t *list, FILE *out);

/* What -v says of a connection, below its line (netstat_verbose.c). */
void netstat_verbose(const json_t *connection, FILE *out);

/* A time in three digits: "20us", "1.5ms", "12s", "3min", "25h". */
void netstat_time(char *text, size_t size, uint64_t us);

/* Print the counters that are not 0. */
bool netstat_counters(const struct netstat_args *args, const json_t *counters, FILE *out);

#endif
