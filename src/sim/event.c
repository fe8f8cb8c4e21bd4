/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "sim/internal.h"

enum {
    HEAP_FIRST = 64
};

static bool entry_before(const struct sim_heap_entry *a, const struct sim_heap_entry *b)
{
    return a->time != b->time ? a->time < b->time : a->order < b->order;
}

static void heap_set(struct sim_heap *heap, size_t i, struct sim_heap_entry e)
{
    heap->entry[i] = e;
    e.event->index = i;
}

/* Put `e` into the hole at i, or where it belongs above it. */
static void heap_up(struct sim_heap *heap, size_t i, struct sim_heap_entry e)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (!entry_before(&e, &heap->entry[parent]))
            break;
        heap_set(heap, i, heap->entry[parent]);
        i = parent;
    }
    heap_set(heap, i, e);
}

/* The same below it. */
static void heap_down(struct sim_heap *heap, size_t i, struct sim_heap_entry e)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && entry_before(&heap->entry[child + 1], &heap->entry[child]))
            child++;
        if (!entry_before(&heap->entry[child], &e))
            break;
        heap_set(heap, i, heap->entry[child]);
        i = child;
    }
    heap_set(heap, i, e);
}

bool sim_heap_reserve(struct sim_heap *heap)
{
    if (heap->reserved == heap->capacity) {
        size_t capacity = heap->capacity == 0 ? HEAP_FIRST : heap->capacity * 2;
        struct sim_heap_entry *entry = realloc(heap->entry, capacity * sizeof *entry);
        if (entry == NULL)
            return false;
        heap->entry = entry;
        heap->capacity = capacity;
    }
    heap->reserved++;
    return true;
}

void sim_heap_release(struct sim_heap *heap)
{
    CHECK(NULL, heap->reserved > heap->count);
    heap->reserved--;
}

void sim_heap_add(struct sim_heap *heap, struct sim_event *event, weir_time at)
{
    CHECK(NULL, event->index == SIM_EVENT_OFF);
    CHECK(NULL, heap->count < heap->reserved);
    event->time = at;
    event->order = heap->order_next++;
    heap_up(heap, heap->count++, (struct sim_heap_entry){at, event->order, event});
}

void sim_heap_remove(struct sim_heap *heap, struct sim_event *event)
{
    size_t i = event->index;
    if (i == SIM_EVENT_OFF)
        return;
    CHECK(NULL, i < heap->count && heap->entry[i].event == event);
    event->index = SIM_EVENT_OFF;
    struct sim_heap_entry last = heap->entry[--heap->count];
    if (last.event == event)
        return;
    if (i > 0 && entry_before(&last, &heap->entry[(i - 1) / 2]))
        heap_up(heap, i, last);
    else
        heap_down(heap, i, last);
}

struct sim_event *sim_heap_first(const struct sim_heap *heap)
{
    return heap->count == 0 ? NULL : heap->entry[0].event;
}

bool sim_heap_is_sound(const struct sim_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        const struct sim_heap_entry *e = &heap->entry[i];
        if (e->event->index != i || e->event->time != e->time || e->event->order != e->order)
            return false;
        if (i > 0 && !entry_before(&heap->entry[(i - 1) / 2], e))
            return false;
    }
    return true;
}
