/* SPDX-License-Identifier: MIT */
#include "base/events.h"

#include "base/check.h"
#include "weir/error.h"

void event_raise(struct event_queue *queue, struct event_source *source, uint32_t bits, int error)
{
    CHECK(NULL, bits != 0);
    if (source->bits == 0) {
        source->next = NULL;
        if (queue->last != NULL)
            queue->last->next = source;
        else
            queue->first = source;
        queue->last = source;
    }
    source->bits |= bits;
    if ((bits & (WEIR_EVENT_ADVICE | WEIR_EVENT_CLOSED)) != 0)
        source->error = error;
}

unsigned event_read(struct event_queue *queue, struct weir_event *events, unsigned max)
{
    unsigned n = 0;
    for (; n < max && queue->first != NULL; n++) {
        struct event_source *source = queue->first;
        CHECK(NULL, source->bits != 0);
        queue->first = source->next;
        if (queue->first == NULL)
            queue->last = NULL;
        events[n] = (struct weir_event){.handle = source->handle,
                                        .bits = source->bits,
                                        .error = source->error,
                                        .user = source->user};
        source->bits = 0;
        source->error = WEIR_OK;
    }
    return n;
}
