/* SPDX-License-Identifier: MIT
 * The run loop, with a stack of this test's own behind the public calls, and devices that are pairs
 * of local sockets. Time is the machine's, so nothing here says how long a thing takes, only in
 * what order. */
#include "driver/loop.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "craft.h"
#include "driver/clock.h"
#include "driver/entropy.h"
#include "driver/frames.h"

enum { QUEUE_MAX = 1000, IFACES = 2 };

/* Sends what is queued, queues what it received when it echoes, and asks to be called at
 * `deadline`. */
struct weir_stack {
    bool echo;
    weir_time deadline, last;
    unsigned inputs, input_max, advances, outputs;
    unsigned queued[IFACES], sent[IFACES];
    uint8_t bytes[IFACES][QUEUE_MAX][64];
    uint8_t len[IFACES][QUEUE_MAX];
};

static void observe(weir_stack *stack, weir_time now)
{
    assert_true(now >= stack->last);
    stack->last = now;
}

static void enqueue(weir_stack *stack, unsigned ifindex, const uint8_t *bytes, size_t len)
{
    unsigned at = stack->queued[ifindex]++;
    assert_true(at < QUEUE_MAX && len <= 64);
    memcpy(stack->bytes[ifindex][at], bytes, len);
    stack->len[ifindex][at] = (uint8_t)len;
}

void weir_stack_input(weir_stack *stack, unsigned ifindex, const struct weir_rx *packets,
                      unsigned n, weir_time now)
{
    observe(stack, now);
    assert_true(n > 0);
    stack->inputs += n;
    stack->input_max = n > stack->input_max ? n : stack->input_max;
    for (unsigned i = 0; i < n && stack->echo; i++)
        enqueue(stack, ifindex, packets[i].head, packets[i].len);
}

unsigned weir_stack_output(weir_stack *stack, unsigned ifindex, struct weir_tx *packets,
                           unsigned max, weir_time now)
{
    unsigned n = 0;
    observe(stack, now);
    stack->outputs++;
    for (; n < max && stack->sent[ifindex] < stack->queued[ifindex]; n++) {
        unsigned at = stack->sent[ifindex]++;
        packets[n] =
            (struct weir_tx){.len = stack->len[ifindex][at], .header_len = stack->len[ifindex][at]};
        memcpy(packets[n].headers, stack->bytes[ifindex][at], stack->len[ifindex][at]);
    }
    return n;
}

void weir_stack_advance(weir_stack *stack, weir_time now)
{
    observe(stack, now);
    assert_true(now >= stack->deadline);
    stack->advances++;
    stack->deadline = WEIR_TIME_NEVER;
}

weir_time weir_stack_deadline(const weir_stack *stack)
{
    return stack->deadline;
}

struct fixture {
    weir_stack stack;
    struct loop loop;
    struct device *device[IFACES];
    int peer[IFACES];
    unsigned serves, serves_max; /* stop after so many; 0: go on */
    unsigned got;
    struct device_error why;
};

static struct fixture f;

static void serve(void *ctx, weir_time now)
{
    assert_ptr_equal(ctx, &f);
    observe(&f.stack, now);
    f.serves++;
    if (f.serves_max != 0 && f.serves == f.serves_max)
        loop_stop(&f.loop);
}

static void turn(weir_time until)
{
    if (loop_turn(&f.loop, until, &f.why) != WEIR_OK)
        fail_msg("%s", f.why.text);
}

static int set_up(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    f.stack.deadline = WEIR_TIME_NEVER;
    assert_int_equal(loop_init(&f.loop, &f.stack, serve, &f, &f.why), WEIR_OK);
    for (unsigned i = 0; i < IFACES; i++) {
        int fd[2], bytes = 4096;
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
        (void)setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        struct frames_config config = {
            .fd = fd[0], .name = i == 0 ? "pair0" : "pair1", .link = WEIR_LINK_IP, .slots = 2};
        assert_int_equal(frames_open(&f.device[i], sizeof(struct frames), &config, &f.why),
                         WEIR_OK);
        assert_int_equal(loop_add_device(&f.loop, f.device[i], i), WEIR_OK);
        f.peer[i] = fd[1];
    }
    turn(WEIR_TIME_NEVER); /* the first one never waits */
    assert_int_equal(f.serves, 1);
    f.serves = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_end(&f.loop);
    for (unsigned i = 0; i < IFACES; i++) {
        device_close(f.device[i]);
        close(f.peer[i]);
    }
    return 0;
}

static void test_a_request_is_answered_in_one_turn(void **state)
{
    (void)state;
    char got[64];
    f.stack.echo = true;
    assert_int_equal(write(f.peer[0], "zero", 4), 4);
    assert_int_equal(write(f.peer[1], "one", 3), 3);
    turn(WEIR_TIME_NEVER);
    assert_int_equal(read(f.peer[0], got, sizeof got), 4);
    assert_memory_equal(got, "zero", 4);
    assert_int_equal(read(f.peer[1], got, sizeof got), 3);
    assert_memory_equal(got, "one", 3);
    assert_int_equal(f.serves, 1);
}

static void test_timers_run_when_they_are_due_and_not_before(void **state)
{
    (void)state;
    weir_time due = clock_monotonic() + 3 * WEIR_NS_PER_MS;
    f.stack.deadline = due;
    unsigned turns = 0;
    while (f.stack.advances == 0 && turns < 10) {
        turn(WEIR_TIME_NEVER); /* advance() itself asserts that it is not early */
        turns++;
    }
    assert_int_equal(f.stack.advances, 1);
    assert_true(turns <= 3); /* it waited, it did not spin */
    assert_true(clock_monotonic() >= due);
    f.stack.deadline = 0; /* long past */
    turn(WEIR_TIME_NEVER);
    assert_int_equal(f.stack.advances, 2);
}

static void test_a_turn_ends_at_its_limit(void **state)
{
    (void)state;
    weir_time until = clock_monotonic() + 2 * WEIR_NS_PER_MS;
    turn(until);
    assert_true(clock_monotonic() >= until);
    assert_int_equal(f.stack.inputs + f.stack.advances, 0);
    turn(0); /* does not wait */
    assert_int_equal(f.serves, 2);
}

static void test_a_flood_is_taken_batch_by_batch(void **state)
{
    (void)state;
    int bytes = 1 << 20;
    (void)setsockopt(f.peer[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    unsigned flood = 0;
    while (flood < 3 * DEVICE_BATCH + 5 && write(f.peer[0], "flood", 5) == 5)
        flood++;
    assert_true(flood > DEVICE_BATCH);
    unsigned turns = 0;
    while (f.stack.inputs < flood) {
        turn(WEIR_TIME_NEVER); /* would hang if more were not noticed */
        turns++;
    }
    assert_int_equal(f.stack.input_max, DEVICE_BATCH);
    assert_int_equal(turns, (flood + DEVICE_BATCH - 1) / DEVICE_BATCH);
}

/* Reads what the device sent, in order; the watched descriptor is the device's other end. */
static void read_peer(void *ctx, int fd, short revents)
{
    unsigned *next = ctx, number;
    assert_true(revents != 0);
    for (unsigned i = 0; i < 3 && read(fd, &number, sizeof number) == sizeof number; i++) {
        assert_int_equal(number, *next);
        ++*next;
    }
    if (*next == QUEUE_MAX)
        loop_stop(&f.loop);
}

static void test_a_full_device_is_waited_for_and_nothing_is_lost(void **state)
{
    (void)state;
    for (unsigned i = 0; i < QUEUE_MAX; i++)
        enqueue(&f.stack, 0, (uint8_t *)&i, sizeof i);
    struct loop_watch watch = {f.peer[0], POLLIN, read_peer, &f.got};
    assert_int_equal(loop_add_watch(&f.loop, &watch), WEIR_OK);
    loop_wake(&f.loop);
    assert_int_equal(loop_run(&f.loop, &f.why), WEIR_OK);
    assert_int_equal(f.got, QUEUE_MAX);
    struct device_stats stats;
    device_stats(f.device[0], &stats);
    assert_true(stats.counter[DEVICE_COUNTER_tx_kept] > 0);
    assert_int_equal(stats.counter[DEVICE_COUNTER_tx_packets], QUEUE_MAX);
    /* Each turn did something: read a few, or sent some. */
    assert_true(f.serves < QUEUE_MAX);
}

static void test_output_beyond_a_batch_goes_on_without_waiting(void **state)
{
    (void)state;
    int bytes = 1 << 20;
    (void)setsockopt(device_fd(f.device[0]), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    for (unsigned i = 0; i < 2 * DEVICE_BATCH + 1; i++)
        enqueue(&f.stack, 0, (uint8_t *)&i, sizeof i);
    turn(0);
    assert_int_equal(f.stack.sent[0], DEVICE_BATCH);
    turn(WEIR_TIME_NEVER);
    turn(WEIR_TIME_NEVER);
    assert_int_equal(f.stack.sent[0], 2 * DEVICE_BATCH + 1);
}

static void on_signal(int number)
{
    (void)number;
    loop_stop(&f.loop);
}

static void raise_in_loop(void *ctx, int fd, short revents)
{
    (void)ctx, (void)revents;
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
    raise(SIGUSR1);
}

static void test_a_signal_handler_stops_the_loop(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, before;
    int fd[2];
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    assert_int_equal(pipe(fd), 0);
    struct loop_watch watch = {fd[0], POLLIN, raise_in_loop, NULL};
    assert_int_equal(loop_add_watch(&f.loop, &watch), WEIR_OK);
    assert_int_equal(write(fd[1], "x", 1), 1);
    assert_int_equal(loop_run(&f.loop, &f.why), WEIR_OK);
    assert_int_equal(f.serves, 1);
    /* And one that comes before it runs is not forgotten. */
    assert_int_equal(loop_run(&f.loop, &f.why), WEIR_OK);
    assert_int_equal(f.serves, 1);
    close(fd[0]);
    close(fd[1]);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

static void *stop_from_outside(void *ctx)
{
    loop_stop(ctx);
    return NULL;
}

static void *wake_from_outside(void *ctx)
{
    loop_wake(ctx);
    return NULL;
}

static void test_another_thread_wakes_and_stops_the_loop(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_from_outside, &f.loop), 0);
    turn(WEIR_TIME_NEVER);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(f.serves, 1);
    assert_int_equal(pthread_create(&thread, NULL, stop_from_outside, &f.loop), 0);
    assert_int_equal(loop_run(&f.loop, &f.why), WEIR_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    /* A wake is one turn (and the stop may have left one): then the loop waits again. */
    weir_time until = clock_monotonic() + WEIR_NS_PER_MS;
    unsigned turns = 0;
    for (; clock_monotonic() < until; turns++)
        turn(until);
    assert_true(turns <= 2);
}

static void test_serve_may_stop_the_loop(void **state)
{
    (void)state;
    loop_wake(&f.loop);
    f.stack.deadline = clock_monotonic() + WEIR_NS_PER_MS;
    f.serves_max = 2;
    assert_int_equal(loop_run(&f.loop, &f.why), WEIR_OK);
    assert_int_equal(f.serves, 2);
}

static void test_a_device_that_fails_is_named_and_does_not_spin(void **state)
{
    (void)state;
    char got[8];
    f.stack.echo = true;
    close(f.peer[1]);
    assert_int_equal(loop_run(&f.loop, &f.why), WEIR_E_IO);
    assert_non_null(strstr(f.why.text, "pair1: "));
    /* A caller that goes on still has the other device, and a wait that is a wait. */
    assert_int_equal(write(f.peer[0], "still", 5), 5);
    assert_int_equal(loop_turn(&f.loop, WEIR_TIME_NEVER, &f.why), WEIR_E_IO);
    assert_int_equal(read(f.peer[0], got, sizeof got), 5);
    weir_time until = clock_monotonic() + 2 * WEIR_NS_PER_MS;
    assert_int_equal(loop_turn(&f.loop, until, &f.why), WEIR_E_IO);
    assert_true(clock_monotonic() >= until);
}

/* A device with a time instead of a descriptor. */
struct timed {
    struct device base;
    weir_time due;
};

static unsigned timed_receive(struct device *device, struct weir_rx *packets, unsigned max,
                              weir_time now)
{
    static const uint8_t byte = 7;
    struct timed *t = (struct timed *)device;
    assert_true(max > 0);
    if (t->due > now)
        return 0;
    t->due = WEIR_TIME_NEVER;
    packets[0] = (struct weir_rx){.head = &byte, .head_len = 1, .len = 1};
    return 1;
}

static weir_time timed_deadline(const struct device *device)
{
    return ((const struct timed *)device)->due;
}

static unsigned no_room(struct device *device)
{
    (void)device;
    return 0;
}

static unsigned none_kept(const struct device *device)
{
    (void)device;
    return 0;
}

static void test_a_device_without_a_descriptor_is_asked_at_its_time(void **state)
{
    (void)state;
    static const struct device_ops ops = {
        .receive = timed_receive, .deadline = timed_deadline, .room = no_room, .kept = none_kept};
    struct timed timed = {.base = {.ops = &ops, .fd = -1, .name = "timed"},
                          .due = clock_monotonic() + 2 * WEIR_NS_PER_MS};
    weir_time due = timed.due;
    assert_int_equal(loop_add_device(&f.loop, &timed.base, 0), WEIR_OK);
    for (unsigned i = 0; i < 3 && f.stack.inputs == 0; i++)
        turn(WEIR_TIME_NEVER);
    assert_int_equal(f.stack.inputs, 1);
    assert_true(f.stack.last >= due);
}

static void test_tables_have_limits(void **state)
{
    (void)state;
    struct loop_watch watch = {.fd = 0};
    for (; watch.fd < LOOP_WATCHES_MAX; watch.fd++)
        assert_int_equal(loop_add_watch(&f.loop, &watch), WEIR_OK);
    assert_int_equal(loop_add_watch(&f.loop, &watch), WEIR_E_EXHAUSTED);
    loop_remove_watch(&f.loop, 3); /* makes room for another */
    assert_int_equal(loop_add_watch(&f.loop, &watch), WEIR_OK);
    assert_int_equal(loop_add_watch(&f.loop, &watch), WEIR_E_EXHAUSTED);
    for (unsigned i = IFACES; i < LOOP_PORTS_MAX; i++)
        assert_int_equal(loop_add_device(&f.loop, f.device[0], 0), WEIR_OK);
    assert_int_equal(loop_add_device(&f.loop, f.device[0], 0), WEIR_E_EXHAUSTED);
}

static void test_clocks_go_forward_and_random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[300] = {0}, b[300] = {0}, zero[64] = {0};
    weir_time before = clock_monotonic();
    for (unsigned i = 0; i < 1000; i++) {
        weir_time now = clock_monotonic();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_date() > INT64_C(1500000000) * WEIR_NS_PER_S);
    assert_int_equal(entropy_bytes(a, 299), WEIR_OK);
    assert_int_equal(entropy_bytes(b, 299), WEIR_OK);
    assert_memory_not_equal(a, b, 299);
    assert_memory_not_equal(a + 299 - 64, zero, 64); /* to the end, and no further */
    assert_int_equal(a[299], 0);
    assert_int_equal(entropy_bytes(a, 0), WEIR_OK);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_a_request_is_answered_in_one_turn),
        LOOP_TEST(test_timers_run_when_they_are_due_and_not_before),
        LOOP_TEST(test_a_turn_ends_at_its_limit),
        LOOP_TEST(test_a_flood_is_taken_batch_by_batch),
        LOOP_TEST(test_a_full_device_is_waited_for_and_nothing_is_lost),
        LOOP_TEST(test_output_beyond_a_batch_goes_on_without_waiting),
        LOOP_TEST(test_a_signal_handler_stops_the_loop),
        LOOP_TEST(test_another_thread_wakes_and_stops_the_loop),
        LOOP_TEST(test_serve_may_stop_the_loop),
        LOOP_TEST(test_a_device_that_fails_is_named_and_does_not_spin),
        LOOP_TEST(test_a_device_without_a_descriptor_is_asked_at_its_time),
        LOOP_TEST(test_tables_have_limits),
        cmocka_unit_test(test_clocks_go_forward_and_random_bytes_differ),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
