/* SPDX-License-Identifier: MIT
 * A run loop for one stack and its devices: waits for packets, deadlines and other descriptors, and
 * calls the stack in order. Only the public calls of the stack are used. */
#ifndef WEIR_DRIVER_LOOP_H
#define WEIR_DRIVER_LOOP_H

#include <signal.h>

#include "driver/device.h"
#include "weir/stack.h"

enum { LOOP_PORTS_MAX = 64, LOOP_WATCHES_MAX = 16 };

/* A device and the interface of the stack that it carries. */
struct loop_port {
    struct device *device;
    unsigned ifindex;
    bool more; /* it may have more to receive: do not wait */
};

/* A descriptor of the application's: `fn` is called when any of `events` (of poll()) holds. */
struct loop_watch {
    int fd;
    short events;
    void (*fn)(void *ctx, int fd, short revents);
    void *ctx;
};

/* Owner: the caller; the fields are the loop's own. About 20 KB. */
struct loop {
    weir_stack *stack;
    struct loop_port port[LOOP_PORTS_MAX];
    unsigned port_count;
    struct loop_watch watch[LOOP_WATCHES_MAX];
    unsigned watch_count;
    void (*serve)(void *ctx, weir_time now);
    void *serve_ctx;
    bool more_output; /* the stack may have more to send that a device has room for: do not wait */
    int wake_fd;
    volatile sig_atomic_t stopped;
    struct weir_rx rx[DEVICE_BATCH];
    struct weir_tx tx[DEVICE_BATCH];
};

/* Make a loop for a stack, which stays the caller's. `serve` (may be NULL) is called once in each
 * turn, after input and timers and before output: the place to read events and to call the stack.
 * Errors: WEIR_E_IO (no descriptor to be had), with *why. */
int loop_init(struct loop *loop, weir_stack *stack, void (*serve)(void *ctx, weir_time now),
              void *ctx, struct device_error *why);

/* Add a device for an interface of the stack (several queues may have the same interface; output
 * then goes to the first of them). The device stays the caller's. Errors: WEIR_E_EXHAUSTED. */
int loop_add_device(struct loop *loop, struct device *device, unsigned ifindex);

/* Watch a descriptor. Errors: WEIR_E_EXHAUSTED. */
int loop_add_watch(struct loop *loop, const struct loop_watch *watch);

/* Watch it no longer, if it is watched: from a watch or serve(), or between turns. */
void loop_remove_watch(struct loop *loop, int fd);

/* One turn: wait, but no longer than until `until` (WEIR_TIME_NEVER: as long as nothing happens),
 * then carry one batch each way on each device, run due timers, call watches and serve. Answers
 * WEIR_OK, or WEIR_E_IO with *why: a device has failed, which is not tried again, or waiting
 * failed. Bound: DEVICE_BATCH packets each way on each device; what is left makes the next turn not
 * wait. */
int loop_turn(struct loop *loop, weir_time until, struct device_error *why);

/* Turn until loop_stop(); answers as loop_turn(). */
int loop_run(struct loop *loop, struct device_error *why);

/* End loop_run() after the turn it is in, or before its first. May be called from a signal handler
 * and from another thread. */
void loop_stop(struct loop *loop);

/* Make the turn that is waiting, or the next one, not wait: the application did something to the
 * stack between turns, or wants to in serve(). The first turn never waits. As safe as loop_stop().
 */
void loop_wake(struct loop *loop);

/* Free what the loop has: not the stack, not the devices. */
void loop_end(struct loop *loop);

#endif
