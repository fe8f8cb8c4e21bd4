/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* ppoll() */
#include "driver/loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "driver/clock.h"
#include "driver/device_impl.h"

enum { POLLS_MAX = 1 + LOOP_PORTS_MAX + LOOP_WATCHES_MAX };

int loop_init(struct loop *loop, weir_stack *stack, void (*serve)(void *ctx, weir_time now),
              void *ctx, struct device_error *why)
{
    memset(loop, 0, sizeof *loop);
    loop->stack = stack;
    loop->serve = serve;
    loop->serve_ctx = ctx;
    loop->more_output = true; /* what the application did before */
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0)
        return device_error_set(why, WEIR_E_IO, errno, "run loop");
    return WEIR_OK;
}

int loop_add_device(struct loop *loop, struct device *device, unsigned ifindex)
{
    if (loop->port_count == LOOP_PORTS_MAX)
        return WEIR_E_EXHAUSTED;
    loop->port[loop->port_count++] = (struct loop_port){.device = device, .ifindex = ifindex};
    return WEIR_OK;
}

/* The place of a descriptor (-1: of none) among the watches, or their count. */
static unsigned find_watch(const struct loop *loop, int fd)
{
    unsigned i = 0;
    while (i < loop->watch_count && loop->watch[i].fd != fd)
        i++;
    return i;
}

int loop_add_watch(struct loop *loop, const struct loop_watch *watch)
{
    unsigned i = find_watch(loop, -1);
    if (i == LOOP_WATCHES_MAX)
        return WEIR_E_EXHAUSTED;
    if (i == loop->watch_count)
        loop->watch_count++;
    loop->watch[i] = *watch;
    return WEIR_OK;
}

/* Its place stays empty, so that those of the others mean the same until the turn is over. */
void loop_remove_watch(struct loop *loop, int fd)
{
    unsigned i = find_watch(loop, fd);
    if (fd >= 0 && i < loop->watch_count)
        loop->watch[i].fd = -1;
}

void loop_wake(struct loop *loop)
{
    int before = errno; /* a signal handler leaves it as it was */
    const uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof one);
    (void)n; /* it fails only when the count is at its end, and then it wakes too */
    errno = before;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = 1;
    loop_wake(loop);
}

void loop_end(struct loop *loop)
{
    (void)close(loop->wake_fd);
    loop->wake_fd = -1;
}

static weir_time earlier(weir_time a, weir_time b)
{
    return a < b ? a : b;
}

/* When something is to be done though no descriptor says so; 0: at once. */
static weir_time wait_until(const struct loop *loop, weir_time until)
{
    if (loop->more_output)
        return 0;
    until = earlier(until, weir_stack_deadline(loop->stack));
    for (unsigned i = 0; i < loop->port_count; i++) {
        if (loop->port[i].more)
            return 0;
        until = earlier(until, device_deadline(loop->port[i].device));
    }
    return until;
}

/* Wait; the descriptors' states are in poll[]: the eventfd, the ports, the watches. 0, or an errno.
 */
static int wait_all(struct loop *loop, struct pollfd *polls, weir_time until)
{
    unsigned n = 0;
    polls[n++] = (struct pollfd){.fd = loop->wake_fd, .events = POLLIN};
    for (unsigned i = 0; i < loop->port_count; i++) {
        const struct device *device = loop->port[i].device;
        short events = device_kept(device) > 0 ? POLLIN | POLLOUT : POLLIN;
        int fd = device_failure(device, NULL) == 0 ? device_fd(device) : -1;
        polls[n++] = (struct pollfd){.fd = fd, .events = events};
    }
    for (unsigned i = 0; i < loop->watch_count; i++)
        polls[n++] = (struct pollfd){.fd = loop->watch[i].fd, .events = loop->watch[i].events};

    struct timespec timeout = {0};
    weir_time left = until != WEIR_TIME_NEVER && until > 0 ? until - clock_monotonic() : 0;
    if (left > 0)
        timeout = (struct timespec){.tv_sec = (time_t)(left / WEIR_NS_PER_S),
                                    .tv_nsec = (long)(left % WEIR_NS_PER_S)};
    if (ppoll(polls, n, until == WEIR_TIME_NEVER ? NULL : &timeout, NULL) >= 0)
        return 0;
    int number = errno;
    for (unsigned i = 0; i < n; i++)
        polls[i].revents = 0;
    return number == EINTR ? 0 : number;
}

/* Receive one batch and hand it in. */
static void port_input(struct loop *loop, struct loop_port *port, weir_time now)
{
    unsigned n = device_receive(port->device, loop->rx, DEVICE_BATCH, now);
    port->more = n == DEVICE_BATCH;
    if (n > 0)
        weir_stack_input(loop->stack, port->ifindex, loop->rx, n, now);
}

/* Send one batch; answers whether there may be more that the device has room for. */
static bool port_output(struct loop *loop, struct loop_port *port, weir_time now)
{
    unsigned room = device_room(port->device);
    unsigned n = 0;
    if (room > 0)
        n = weir_stack_output(loop->stack, port->ifindex, loop->tx, room, now);
    if (n > 0)
        device_send(port->device, loop->tx, n, now);
    return n > 0 && n == room && device_kept(port->device) == 0;
}

/* Everything that is ready comes in. 0, or the errno of a device that has failed. */
static int input_all(struct loop *loop, const struct pollfd *polls, weir_time now,
                     struct device_error *why)
{
    int failure = 0;
    for (unsigned i = 0; i < loop->port_count; i++) {
        struct loop_port *port = &loop->port[i];
        /* Errors (POLLERR, POLLHUP) are told by reading, too. */
        bool ready = (polls[i].revents & ~POLLOUT) != 0 || port->more;
        if (ready || device_deadline(port->device) <= now)
            port_input(loop, port, now);
        if (failure == 0)
            failure = device_failure(port->device, why);
    }
    return failure;
}

int loop_turn(struct loop *loop, weir_time until, struct device_error *why)
{
    struct pollfd polls[POLLS_MAX];
    int number = wait_all(loop, polls, wait_until(loop, until));
    if (number != 0)
        return device_error_set(why, WEIR_E_IO, number, "waiting for devices");
    if (polls[0].revents != 0) {
        uint64_t count;
        ssize_t n = read(loop->wake_fd, &count, sizeof count);
        (void)n; /* another reader cannot be; and if it were, the count is gone as wished */
    }
    weir_time now = clock_monotonic();
    number = input_all(loop, polls + 1, now, why);
    if (weir_stack_deadline(loop->stack) <= now)
        weir_stack_advance(loop->stack, now);
    const struct pollfd *watched = polls + 1 + loop->port_count;
    for (unsigned i = 0, count = loop->watch_count; i < count; i++)
        if (watched[i].revents != 0 && watched[i].fd == loop->watch[i].fd)
            loop->watch[i].fn(loop->watch[i].ctx, watched[i].fd, watched[i].revents);
    if (loop->serve != NULL)
        loop->serve(loop->serve_ctx, now);
    loop->more_output = false;
    for (unsigned i = 0; i < loop->port_count; i++)
        loop->more_output |= port_output(loop, &loop->port[i], now);
    return number != 0 ? WEIR_E_IO : WEIR_OK;
}

int loop_run(struct loop *loop, struct device_error *why)
{
    int error = WEIR_OK;
    while (error == WEIR_OK && !loop->stopped)
        error = loop_turn(loop, WEIR_TIME_NEVER, why);
    return error;
}
