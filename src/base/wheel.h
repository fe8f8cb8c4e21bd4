/* SPDX-License-Identifier: MIT
 * A hierarchical timer wheel: arm, cancel and expire in O(1) for any number of timers, over all of
 * time.
 *
 * Time is cut into ticks of 32.768 us. Level 0 has a slot for each of the 64 ticks of the current
 * group, level 1 one for each of the 64 groups around that, and so on; a timer waits on the lowest
 * level whose current group holds its tick. When time enters a group, the slot of that group is
 * dealt out to the levels below (a cascade). A mask per level says which slots are occupied, so
 * passing over years costs no more than passing over a tick.
 *
 * A timer never fires before its deadline and at most one tick late (beside the caller's own
 * lateness): it belongs to the first tick that begins at or after its deadline.
 * Order: by tick; within a tick in the order of arming. Two exceptions, both the same on every
 * machine: a timer armed for a tick that has been reached already comes after those that are
 * waiting to be popped; and when a budget ends in the middle of a cascade, what is armed before
 * the cascade goes on may overtake the rest of it. */
#ifndef WEIR_BASE_WHEEL_H
#define WEIR_BASE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "weir/types.h"

enum {
    WHEEL_TICK_SHIFT = 15,
    WHEEL_SLOT_BITS = 6,
    WHEEL_SLOTS = 1 << WHEEL_SLOT_BITS,
    WHEEL_LEVELS = 9,
    WHEEL_LISTS = WHEEL_LEVELS * WHEEL_SLOTS + 2 /* and the due and the cascading timers */
};

#define WHEEL_TICK_NS (INT64_C(1) << WHEEL_TICK_SHIFT)

/* The last deadline that can be armed: no tick begins after it. WEIR_TIME_NEVER is above it. */
#define WHEEL_DEADLINE_MAX (INT64_MAX - (WHEEL_TICK_NS - 1))

_Static_assert(WHEEL_LEVELS * WHEEL_SLOT_BITS >= 64 - WHEEL_TICK_SHIFT,
               "the levels cover every tick of 64 bits of nanoseconds");

struct wheel_link {
    struct wheel_link *next, *prev; /* NULL in a node that is not armed */
};

/* A timer, inside the caller's struct. All zeros is a timer that is not armed. While armed it
 * does not move. */
struct wheel_node {
    struct wheel_link link;
    weir_time deadline; /* as it was armed; stays readable after it was popped */
};

/* The fields are the wheel's; read `armed`. It does not move: its lists point into it. About 9.5
 * KB where pointers have 64 bits. */
struct wheel {
    const struct weir_assert *handler;
    uint64_t tick; /* every timer of this tick or an earlier one is due */
    size_t armed;
    uint64_t occupied[WHEEL_LEVELS + 1]; /* lists that are not empty, 64 to a word */
    struct wheel_link lists[WHEEL_LISTS];
};

/* Set up an empty wheel at `now`. Owner: the caller; the handler outlives it. */
void wheel_init(struct wheel *wheel, const struct weir_assert *handler, weir_time now);

static inline bool wheel_is_armed(const struct wheel_node *node)
{
    return node->link.next != NULL;
}

/* Arm a timer, or move one that is armed. The deadline is at most WHEEL_DEADLINE_MAX; one in the
 * past is due at once.
 * Owner: the caller keeps the node in place until it was popped or cancelled. Bound: constant. */
void wheel_arm(struct wheel *wheel, struct wheel_node *node, weir_time deadline);

/* Disarm a timer, armed or not. Bound: constant. */
void wheel_cancel(struct wheel *wheel, struct wheel_node *node);

/* The next timer that is due at `now`, disarmed, or NULL when none is or the budget is spent. Each
 * timer popped and each one moved by a cascade costs one of *budget; while work is left,
 * wheel_deadline() stays at or below now. Between calls any timer may be armed, moved or
 * cancelled. A `now` before that of an earlier call counts as that one. Bound: *budget steps, each
 * constant. */
struct wheel_node *wheel_pop(struct wheel *wheel, weir_time now, unsigned *budget);

/* When to call wheel_pop() next: never later than the tick of the earliest timer; earlier than it
 * only when a cascade comes first (at most one a level in the life of a timer). Not after the time
 * of the last pop when that left work; WEIR_TIME_NEVER when nothing is armed. Bound: constant. */
weir_time wheel_deadline(const struct wheel *wheel);

/* Does everything that the wheel promises itself hold? For tests. Bound: linear in the timers
 * armed. */
bool wheel_invariants(const struct wheel *wheel);

#endif
