/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/events.h"
#include "weir/error.h"

static void test_a_source_is_queued_once_and_collects_its_bits(void **state)
{
    (void)state;
    struct event_queue queue = {0};
    struct event_source a = {.handle = {1, 10}, .user = 77}, b = {.handle = {2, 20}};
    event_raise(&queue, &a, WEIR_EVENT_READABLE, 0);
    event_raise(&queue, &b, WEIR_EVENT_WRITABLE, 0);
    event_raise(&queue, &a, WEIR_EVENT_URGENT, 0);

    struct weir_event events[4];
    assert_int_equal(event_read(&queue, events, 4), 2);
    assert_int_equal(events[0].handle.index, 1);
    assert_int_equal(events[0].handle.generation, 10);
    assert_int_equal(events[0].user, 77);
    assert_int_equal(events[0].bits, WEIR_EVENT_READABLE | WEIR_EVENT_URGENT);
    assert_int_equal(events[1].handle.index, 2);
    assert_int_equal(events[1].bits, WEIR_EVENT_WRITABLE);
    assert_int_equal(event_read(&queue, events, 4), 0);
}

static void test_an_event_read_is_gone_and_can_happen_again(void **state)
{
    (void)state;
    struct event_queue queue = {0};
    struct event_source a = {.handle = {1, 1}};
    struct weir_event event;
    event_raise(&queue, &a, WEIR_EVENT_ADVICE, WEIR_E_RANGE);
    assert_int_equal(event_read(&queue, &event, 1), 1);
    assert_int_equal(event.error, WEIR_E_RANGE);
    event_raise(&queue, &a, WEIR_EVENT_READABLE, 0);
    assert_int_equal(event_read(&queue, &event, 1), 1);
    assert_int_equal(event.bits, WEIR_EVENT_READABLE);
    assert_int_equal(event.error, WEIR_OK); /* of its own, not left over */
}

static void test_the_error_belongs_to_advice_and_close_only(void **state)
{
    (void)state;
    struct event_queue queue = {0};
    struct event_source a = {.handle = {1, 1}};
    struct weir_event event;
    event_raise(&queue, &a, WEIR_EVENT_CLOSED, WEIR_E_IO);
    event_raise(&queue, &a, WEIR_EVENT_READABLE, WEIR_OK);
    assert_int_equal(event_read(&queue, &event, 1), 1);
    assert_int_equal(event.error, WEIR_E_IO);
}

/* Against a naive model: an array of pending bits and the order in which they became pending. */
static void test_random_raises_and_reads_match_a_model(void **state)
{
    (void)state;
    enum { SOURCES = 50, STEPS = 20000 };
    struct event_queue queue = {0};
    struct event_source source[SOURCES] = {0};
    uint32_t pending[SOURCES] = {0};
    unsigned order[SOURCES], waiting = 0;
    struct rng rng = rng_make(42);
    for (unsigned i = 0; i < SOURCES; i++)
        source[i].handle.index = i;
    for (unsigned step = 0; step < STEPS; step++) {
        if (rng_below(&rng, 3) != 0) {
            unsigned i = (unsigned)rng_below(&rng, SOURCES);
            uint32_t bits = 1U << rng_below(&rng, 8);
            if (pending[i] == 0)
                order[waiting++] = i;
            pending[i] |= bits;
            event_raise(&queue, &source[i], bits, 0);
            continue;
        }
        struct weir_event events[8];
        unsigned max = (unsigned)rng_below(&rng, 9);
        unsigned n = event_read(&queue, events, max);
        assert_int_equal(n, max < waiting ? max : waiting);
        for (unsigned i = 0; i < n; i++) {
            assert_int_equal(events[i].handle.index, order[i]);
            assert_int_equal(events[i].bits, pending[order[i]]);
            pending[order[i]] = 0;
        }
        waiting -= n;
        memmove(order, order + n, waiting * sizeof order[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_source_is_queued_once_and_collects_its_bits),
        cmocka_unit_test(test_an_event_read_is_gone_and_can_happen_again),
        cmocka_unit_test(test_the_error_belongs_to_advice_and_close_only),
        cmocka_unit_test(test_random_raises_and_reads_match_a_model),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
