/* SPDX-License-Identifier: MIT
 * What a stack is made of. For the files of this room; users see weir/stack.h. */
#ifndef WEIR_CORE_STACK_H
#define WEIR_CORE_STACK_H

#include "base/events.h"
#include "tcp/tcp.h"
#include "udp/udp.h"
#include "weir/record.h"
#include "weir/stack.h"

struct weir_stack {
    struct weir_config config;
    weir_time now; /* the latest time any call has brought */
    const struct csum_ops *ops;
    struct wheel wheel;
    struct blocks blocks;
    struct event_queue events;
    struct net net;
    struct udp_room udp;
    struct tcp_room tcp;
    bool udp_first; /* whose turn it is to send first */
};

/* Tell the recorder, if there is one, that a call begins (with .call and what goes in), and that it is
 * over. Probes: without a recorder nothing of their arguments is evaluated. */
#define RECORD(stack, what, ...)                                                                   \
    do {                                                                                           \
        if (__builtin_expect((stack)->config.recorder.fn != NULL, 0))                              \
            (stack)->config.recorder.fn(                                                           \
                (stack)->config.recorder.ctx,                                                      \
                &(struct weir_record){.call = WEIR_CALL_##what, __VA_ARGS__});                     \
    } while (0)
#define RECORD_DONE(stack, what, ...) RECORD(stack, what, .done = true, __VA_ARGS__)

/* The same for calls of which no more comes out than their result, which it answers, and of those that
 * give a handle when they succeed. */
static inline int recorded(const weir_stack *stack, enum weir_call call, int result)
{
    if (__builtin_expect(stack->config.recorder.fn != NULL, 0)) {
        struct weir_record record = {.call = (uint8_t)call, .done = true, .result = result};
        stack->config.recorder.fn(stack->config.recorder.ctx, &record);
    }
    return result;
}

static inline int recorded_handle(const weir_stack *stack, enum weir_call call, int result,
                                  const weir_handle *handle)
{
    if (__builtin_expect(stack->config.recorder.fn != NULL, 0)) {
        struct weir_record record = {.call = (uint8_t)call, .done = true, .result = result};
        if (result == WEIR_OK)
            record.handle = *handle;
        stack->config.recorder.fn(stack->config.recorder.ctx, &record);
    }
    return result;
}

#endif
