/* SPDX-License-Identifier: MIT
 * A stack instance: no I/O, no clock, no threads, no globals. The caller brings packets, time and
 * memory; one call runs to its end and returns. Calls on one stack must not overlap; stacks are
 * independent.
 *
 * `now` never goes back; a call with an older time is treated as made at the latest time seen. */
#ifndef WEIR_STACK_H
#define WEIR_STACK_H

#include "weir/config.h"
#include "weir/error.h"
#include "weir/event.h"
#include "weir/iface.h"
#include "weir/packet.h"
#include "weir/stats.h"
#include "weir/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_stack weir_stack;

/* Bytes of memory that a stack with this configuration needs; 0 when weir_config_check() refuses
 * it.
 * Bound: constant. */
WEIR_API size_t weir_stack_size(const struct weir_config *config);

/* Make a stack in `mem`.
 * Owner: the caller owns mem, keeps it as long as the stack is used, and ends the stack by taking
 * it back; the config is copied. Errors: NULL when mem is NULL or not aligned to 64 bytes, when
 * size is less than weir_stack_size() or when the configuration is refused; nothing is changed
 * then.
 * Bound: linear in the configured tables. */
WEIR_API weir_stack *weir_stack_init(void *mem, size_t size, const struct weir_config *config,
                                     weir_time now);

/* Add an interface; answers its index (0, 1, ...) or an error: WEIR_E_INVALID (a value of the
 * interface config is impossible), WEIR_E_EXHAUSTED (interfaces_max). Nothing is changed on error.
 * */
WEIR_API int weir_stack_add_iface(weir_stack *stack, const struct weir_iface_config *config);

/* Hand in n packets that arrived at an interface.
 * Owner: the packets are borrowed for the call. Errors: none; whatever is wrong with a packet is
 * counted under one drop reason. No packet is sent from inside: call weir_stack_output()
 * afterwards.
 * Bound: each packet costs a constant plus O(log n) in any table, and one pass over its bytes. */
WEIR_API void weir_stack_input(weir_stack *stack, unsigned ifindex, const struct weir_rx *packets,
                               unsigned n, weir_time now);

/* Take up to `max` packets that the interface is to send now; answers how many. Less than max:
 * there is no more for now. Owner: see struct weir_tx. Bound: linear in max. */
WEIR_API unsigned weir_stack_output(weir_stack *stack, unsigned ifindex, struct weir_tx *packets,
                                    unsigned max, weir_time now);

/* Let time pass: run the timers that are due. Bound: advance_steps_max timer steps; when more are
 * due, weir_stack_deadline() answers `now` until they have run. */
WEIR_API void weir_stack_advance(weir_stack *stack, weir_time now);

/* When to call weir_stack_advance() next, if nothing else happens; WEIR_TIME_NEVER: no need.
 * Constant. */
WEIR_API weir_time weir_stack_deadline(const weir_stack *stack);

/* Take up to `max` events; answers how many. Bound: linear in max. */
WEIR_API unsigned weir_stack_events(weir_stack *stack, struct weir_event *events, unsigned max);

/* Copy the counters of an interface, or their sums with ifindex WEIR_IFINDEX_ALL.
 * Errors: WEIR_E_NOT_FOUND. */
#define WEIR_IFINDEX_ALL (~0U)
WEIR_API int weir_stack_stats(const weir_stack *stack, unsigned ifindex, struct weir_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
