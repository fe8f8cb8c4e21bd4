/* SPDX-License-Identifier: MIT
 * What a stack says of its connections, held against the invariants of the catalogue and against
 * what it said before: sequence numbers unwrapped to 64 bits, states by the diagram of RFC 9293
 * figure 5, timers, windows, and queues against what applications wrote and read. */
#ifndef WEIR_SIM_TCP_CHECK_H
#define WEIR_SIM_TCP_CHECK_H

#include "sim/tcp_app.h"
#include "sim/tcp_watch.h"

struct tcp_check;

/* `apps` and `watch` may be NULL: what needs them is not looked at. All outlive it. */
struct tcp_check *tcp_check_new(struct verdict *verdict, const struct tcp_apps *apps,
                                const struct tcp_watch *watch);
void tcp_check_free(struct tcp_check *check);

/* Add a host, by the number that the applications know it by. `slow`: its packets may wait for the
 * device. */
void tcp_check_add(struct tcp_check *check, weir_stack *stack, bool slow);

/* Look at everything, between events. `deep`: the stack recounts itself too (linear in all that it
 * has). Linear in its endpoints and records. */
void tcp_check_now(struct tcp_check *check, weir_time now, bool deep);

/* Look at one connection (what tcp_check_now() does with each), for tests. */
void tcp_check_one(struct tcp_check *check, unsigned host, const struct weir_tcp_info *info,
                   weir_time now);

/* No two connections of a host that were seen have the same four corners (I-40). Quadratic in them. */
void tcp_check_tuples(struct tcp_check *check, unsigned host, weir_time now);

/* Is nothing left on any host but what it had before the first packet: no connection, no record, no
 * memory, no timer (I-55)? Else the verdict says what. Listeners are closed, CLOSED events read. */
void tcp_check_idle(struct tcp_check *check, weir_time now);

/* Has `state` been seen behind `before` in one connection? The diagram's arrows that were walked. */
bool tcp_check_walked(const struct tcp_check *check, enum weir_tcp_state before,
                      enum weir_tcp_state state);

#endif
