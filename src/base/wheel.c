/* SPDX-License-Identifier: MIT */
#include "base/wheel.h"

/* Two lists follow those of the slots: the timers that are due, and those of a slot that is
 * being dealt out. */
enum { DUE = WHEEL_LEVELS * WHEEL_SLOTS, CASCADE = DUE + 1 };

/* Times in an order without a sign: adding 2^63 keeps it and wraps back. */
#define BIAS     (UINT64_C(1) << 63)
#define TICK_MAX (UINT64_MAX >> WHEEL_TICK_SHIFT)

static uint64_t tick_before(weir_time time)
{
    return ((uint64_t)time ^ BIAS) >> WHEEL_TICK_SHIFT;
}

static uint64_t tick_after(weir_time time)
{
    return (((uint64_t)time ^ BIAS) + (uint64_t)(WHEEL_TICK_NS - 1)) >> WHEEL_TICK_SHIFT;
}

static weir_time tick_time(uint64_t tick)
{
    return (weir_time)(tick << WHEEL_TICK_SHIFT ^ BIAS);
}

void wheel_init(struct wheel *wheel, const struct weir_assert *handler, weir_time now)
{
    wheel->handler = handler;
    wheel->tick = tick_before(now);
    wheel->armed = 0;
    for (unsigned i = 0; i <= WHEEL_LEVELS; i++)
        wheel->occupied[i] = 0;
    for (unsigned i = 0; i < WHEEL_LISTS; i++)
        wheel->lists[i] = (struct wheel_link){.next = &wheel->lists[i], .prev = &wheel->lists[i]};
}

static bool is_occupied(const struct wheel *wheel, unsigned list)
{
    return (wheel->occupied[list / WHEEL_SLOTS] >> (list % WHEEL_SLOTS) & 1) != 0;
}

static void append(struct wheel *wheel, unsigned list, struct wheel_link *link)
{
    struct wheel_link *head = &wheel->lists[list];
    link->next = head;
    link->prev = head->prev;
    head->prev->next = link;
    head->prev = link;
    wheel->occupied[list / WHEEL_SLOTS] |= UINT64_C(1) << (list % WHEEL_SLOTS);
}

static void unlink_node(struct wheel *wheel, struct wheel_link *link)
{
    struct wheel_link *next = link->next, *prev = link->prev;
    next->prev = prev;
    prev->next = next;
    link->next = NULL;
    link->prev = NULL;
    if (next != prev)
        return;
    /* Only a list's head can stand on both sides: the list is empty now, and the head says
     * which it is. So a timer can leave a list without knowing where it is, in the middle of a
     * cascade too. */
    CHECK(wheel->handler, next >= wheel->lists && next < wheel->lists + WHEEL_LISTS);
    size_t list = (size_t)(next - wheel->lists);
    wheel->occupied[list / WHEEL_SLOTS] &= ~(UINT64_C(1) << (list % WHEEL_SLOTS));
}

/* Move all of a slot's list, in order, to another that is empty. */
static void move_list(struct wheel *wheel, unsigned from, unsigned to)
{
    struct wheel_link *source = &wheel->lists[from], *head = &wheel->lists[to];
    CHECK(wheel->handler, source->next != source && head->next == head);
    *head = *source;
    head->next->prev = head;
    head->prev->next = head;
    *source = (struct wheel_link){.next = source, .prev = source};
    wheel->occupied[from / WHEEL_SLOTS] &= ~(UINT64_C(1) << (from % WHEEL_SLOTS));
    wheel->occupied[to / WHEEL_SLOTS] |= UINT64_C(1) << (to % WHEEL_SLOTS);
}

/* The list where a timer of this tick waits: the highest six bits in which it differs from the
 * current tick choose the level, and are the slot. */
static unsigned list_for(const struct wheel *wheel, uint64_t tick)
{
    if (tick <= wheel->tick)
        return DUE;
    unsigned level = (63U - (unsigned)__builtin_clzll(tick ^ wheel->tick)) / WHEEL_SLOT_BITS;
    return level * WHEEL_SLOTS + (tick >> (level * WHEEL_SLOT_BITS) & (WHEEL_SLOTS - 1));
}

/* The occupied slot that time enters first, and the tick it begins with. On a level only slots
 * after the current one are occupied, all within the current group, so the lowest level with
 * any and its lowest bit are the earliest. False when no slot is occupied. */
static bool next_slot(const struct wheel *wheel, unsigned *list, uint64_t *tick)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        if (wheel->occupied[level] == 0)
            continue;
        unsigned slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
        unsigned shift = level * WHEEL_SLOT_BITS;
        uint64_t group = wheel->tick >> shift & ~(uint64_t)(WHEEL_SLOTS - 1);
        *list = level * WHEEL_SLOTS + slot;
        *tick = (group | slot) << shift;
        CHECK(wheel->handler, *tick > wheel->tick);
        return true;
    }
    return false;
}

void wheel_arm(struct wheel *wheel, struct wheel_node *node, weir_time deadline)
{
    CHECK(wheel->handler, deadline <= WHEEL_DEADLINE_MAX);
    if (wheel_is_armed(node))
        unlink_node(wheel, &node->link);
    else
        wheel->armed++;
    node->deadline = deadline;
    append(wheel, list_for(wheel, tick_after(deadline)), &node->link);
}

void wheel_cancel(struct wheel *wheel, struct wheel_node *node)
{
    if (!wheel_is_armed(node))
        return;
    CHECK(wheel->handler, wheel->armed > 0);
    unlink_node(wheel, &node->link);
    wheel->armed--;
}

/* Take the first timer of a list that is not empty out of it. */
static struct wheel_node *pop_first(struct wheel *wheel, unsigned list)
{
    struct wheel_link *link = wheel->lists[list].next;
    CHECK(wheel->handler, link != &wheel->lists[list]);
    unlink_node(wheel, link);
    void *node = link; /* its first member */
    return node;
}

struct wheel_node *wheel_pop(struct wheel *wheel, weir_time now, unsigned *budget)
{
    uint64_t tick_now = tick_before(now);
    for (;;) {
        /* The cascade goes on first: what comes out of it must stand before what is armed next. */
        bool cascading = is_occupied(wheel, CASCADE);
        if (cascading || is_occupied(wheel, DUE)) {
            if (*budget == 0)
                return NULL;
            (*budget)--;
            struct wheel_node *node = pop_first(wheel, cascading ? CASCADE : DUE);
            if (!cascading) {
                wheel->armed--;
                return node;
            }
            append(wheel, list_for(wheel, tick_after(node->deadline)), &node->link);
            continue;
        }
        unsigned list;
        uint64_t tick;
        if (!next_slot(wheel, &list, &tick) || tick > tick_now) {
            if (tick_now > wheel->tick)
                wheel->tick = tick_now;
            return NULL;
        }
        wheel->tick = tick;
        move_list(wheel, list, list < WHEEL_SLOTS ? DUE : CASCADE);
    }
}

weir_time wheel_deadline(const struct wheel *wheel)
{
    unsigned list;
    uint64_t tick;
    if (is_occupied(wheel, DUE) || is_occupied(wheel, CASCADE))
        return tick_time(wheel->tick);
    if (next_slot(wheel, &list, &tick))
        return tick_time(tick);
    return WEIR_TIME_NEVER;
}

/* Count one list; false when a timer is in the wrong one or a link is broken. */
static bool list_invariants(const struct wheel *wheel, unsigned list, size_t *count)
{
    const struct wheel_link *head = &wheel->lists[list];
    if (is_occupied(wheel, list) != (head->next != head))
        return false;
    for (const struct wheel_link *link = head->next; link != head; link = link->next) {
        const void *node = link;
        uint64_t tick = tick_after(((const struct wheel_node *)node)->deadline);
        if (link->next->prev != link || ++*count > wheel->armed)
            return false;
        if (list == CASCADE ? tick < wheel->tick : list_for(wheel, tick) != list)
            return false;
    }
    return true;
}

bool wheel_invariants(const struct wheel *wheel)
{
    size_t count = 0;
    for (unsigned list = 0; list < WHEEL_LISTS; list++)
        if (!list_invariants(wheel, list, &count))
            return false;
    return count == wheel->armed && wheel->tick <= TICK_MAX;
}
