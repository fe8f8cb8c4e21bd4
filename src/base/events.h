/* SPDX-License-Identifier: MIT
 * The event queue of a stack: sources that have something to tell, in the order in which they first
 * had it. A source stands in it at most once and collects its bits there, so the queue has no size.
 * */
#ifndef WEIR_BASE_EVENTS_H
#define WEIR_BASE_EVENTS_H

#include "weir/event.h"

/* Part of each endpoint. Zero-initialise, then set handle and user. */
struct event_source {
    struct event_source *next; /* behind this one; undefined while not queued */
    weir_handle handle;
    uint64_t user;
    uint32_t bits; /* not yet read; 0: not queued */
    int32_t error; /* of the last ADVICE or CLOSED */
};

struct event_queue {
    struct event_source *first, *last;
};

/* Add bits (not 0) to what the source has to tell. `error` counts with ADVICE and CLOSED. O(1). */
void event_raise(struct event_queue *queue, struct event_source *source, uint32_t bits, int error);

/* Take up to max events, first raised first. A source whose CLOSED was read may be given away.
 * O(max). */
unsigned event_read(struct event_queue *queue, struct weir_event *events, unsigned max);

#endif
