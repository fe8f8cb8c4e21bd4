/* SPDX-License-Identifier: MIT
 * Listeners of a stack, and a table of the connections that they accept: who serves them, whose
 * turn it is, and which have been silent for too long. Memory is bounded by the number of
 * connections; when all places are taken, the next wait in the accept queue. */
#ifndef WEIR_CLI_TCP_HOST_H
#define WEIR_CLI_TCP_HOST_H

#include <stdio.h>

#include "stream.h"

/* Who serves a kind of connection. Each has `state_size` bytes of its own, zero at first. */
struct tcp_service {
    const char *name;
    size_t state_size;
    weir_time idle; /* a connection that did nothing for so long is reset */
    /* Take a turn: called when the connection is there, after each of its events, and when the turn
     * before wanted it. Bound: it does a limited amount of work. */
    enum stream_turn (*turn)(void *ctx, void *state, struct stream *stream);
    /* It is over: give back what the state holds. May be NULL. */
    void (*end)(void *ctx, void *state);
    void *ctx;
};

struct tcp_host;

/* A table for `connections_max` connections of a stack with so much packet memory, of which each
 * gets its share: who does not read what he asked for must not take it all. Owner: the caller frees
 * it, before the stack. NULL: no memory. */
struct tcp_host *tcp_host_new(weir_stack *stack, unsigned connections_max,
                              uint32_t packet_memory_kb);

/* Listeners to come take data that comes with a SYN (RFC 7413): the services may see it more than
 * once. */
void tcp_host_fast_open(struct tcp_host *host);

/* Listen on a port of all addresses. The service stays the caller's. Errors: those of
 * weir_tcp_open() and weir_tcp_listen(), and WEIR_E_EXHAUSTED (TCP_HOST_LISTENERS_MAX). */
enum { TCP_HOST_LISTENERS_MAX = 8 };
int tcp_host_listen(struct tcp_host *host, const struct tcp_service *service, uint16_t port);

/* Take note of an event. False: it is not about one of these. */
bool tcp_host_event(struct tcp_host *host, const struct weir_event *event);

/* Let those have their turns that are to. Answers when to be called again; 0: at once. */
weir_time tcp_host_turn(struct tcp_host *host, weir_time now);

/* The name of the service that an endpoint with this `user` belongs to; NULL: none. */
const char *tcp_host_owner(const struct tcp_host *host, uint64_t user);

/* Connections that are held now. */
unsigned tcp_host_count(const struct tcp_host *host);

/* Print the counters that are not 0. */
void tcp_host_print(const struct tcp_host *host, FILE *out);

/* End all connections and free the table. NULL is allowed. */
void tcp_host_free(struct tcp_host *host);

#endif
