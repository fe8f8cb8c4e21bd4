/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "base/rng.h"
#include "base/wheel.h"

#define TICK WHEEL_TICK_NS
#define DAY (86400 * WEIR_NS_PER_S)
#define YEAR (365 * DAY)

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

static struct wheel *setup(weir_time now)
{
    struct wheel *wheel = malloc(sizeof *wheel);
    assert_non_null(wheel);
    wheel_init(wheel, &handler, now);
    assert_true(wheel_invariants(wheel));
    return wheel;
}

static struct wheel_node *pop(struct wheel *wheel, weir_time now)
{
    unsigned budget = UINT32_MAX;
    struct wheel_node *node = wheel_pop(wheel, now, &budget);
    assert_true(wheel_invariants(wheel));
    return node;
}

/* The tick a deadline belongs to: the first one that begins at or after it. */
static int64_t tick_of(weir_time deadline)
{
    return deadline / TICK + (deadline > 0 && deadline % TICK != 0);
}

static int64_t tick_floor(weir_time now)
{
    return now / TICK - (now < 0 && now % TICK != 0);
}

static void test_an_empty_wheel_never_has_work(void **state)
{
    (void)state;
    struct wheel *wheel = setup(0);
    assert_true(wheel_deadline(wheel) == WEIR_TIME_NEVER);
    assert_null(pop(wheel, 200 * YEAR));
    assert_true(wheel_deadline(wheel) == WEIR_TIME_NEVER);
    free(wheel);
}

static void test_a_timer_fires_at_its_tick_and_not_a_nanosecond_before(void **state)
{
    (void)state;
    static const weir_time starts[] = {0, 1, 12345678901, -5 * YEAR - 3, INT64_MIN, 250 * YEAR};
    static const weir_time delays[] = {
        1, TICK - 1, TICK, TICK + 1, 63 * TICK, 64 * TICK, 65 * TICK, 4095 * TICK, 4096 * TICK,
        4097 * TICK, 262143 * TICK, 262144 * TICK, 262145 * TICK, DAY, 50 * DAY, YEAR, 40 * YEAR};
    for (unsigned s = 0; s < sizeof starts / sizeof starts[0]; s++)
        for (unsigned d = 0; d < sizeof delays / sizeof delays[0]; d++) {
            struct wheel *wheel = setup(starts[s]);
            struct wheel_node node = {.deadline = 0};
            weir_time deadline = starts[s] + delays[d], fires = tick_of(deadline) * TICK;
            wheel_arm(wheel, &node, deadline);
            assert_true(wheel_is_armed(&node));
            assert_true(fires >= deadline && fires - deadline < TICK);
            assert_true(wheel_deadline(wheel) <= fires);
            assert_null(pop(wheel, deadline - 1));
            assert_null(pop(wheel, fires - 1));
            assert_true(wheel_deadline(wheel) == fires); /* it has come down to level 0 */
            assert_ptr_equal(pop(wheel, fires), &node);
            assert_false(wheel_is_armed(&node));
            assert_true(node.deadline == deadline);
            assert_true(wheel_deadline(wheel) == WEIR_TIME_NEVER);
            free(wheel);
        }
}

static void test_sleeping_until_the_deadline_wakes_once_a_level_at_most(void **state)
{
    (void)state;
    static const weir_time delays[] = {10 * TICK, 200 * WEIR_NS_PER_MS, 120 * WEIR_NS_PER_S,
                                       7200 * WEIR_NS_PER_S, 50 * DAY, 200 * YEAR};
    for (unsigned d = 0; d < sizeof delays / sizeof delays[0]; d++) {
        weir_time now = 987654321;
        struct wheel *wheel = setup(now);
        struct wheel_node node = {.deadline = 0};
        wheel_arm(wheel, &node, now + delays[d]);
        unsigned wakes = 0;
        struct wheel_node *popped = NULL;
        while (popped == NULL) {
            weir_time next = wheel_deadline(wheel);
            assert_true(next > now);
            now = next;
            wakes++;
            popped = pop(wheel, now);
        }
        assert_true(wakes <= WHEEL_LEVELS);
        assert_true(now == tick_of(node.deadline) * TICK);
        free(wheel);
    }
}

static void test_one_jump_over_everything_pops_all_in_order(void **state)
{
    (void)state;
    enum { N = 500 };
    static struct wheel_node nodes[N];
    struct rng rng = rng_make(1);
    memset(nodes, 0, sizeof nodes);
    struct wheel *wheel = setup(0);
    for (unsigned i = 0; i < N; i++) /* from nanoseconds to centuries, all magnitudes alike */
        wheel_arm(wheel, &nodes[i], (weir_time)(rng_u64(&rng) >> (1 + rng_below(&rng, 60))) / 2);
    int64_t before = 0;
    for (unsigned i = 0; i < N; i++) {
        struct wheel_node *node = pop(wheel, 200 * YEAR);
        assert_non_null(node);
        assert_true(tick_of(node->deadline) >= before);
        before = tick_of(node->deadline);
    }
    assert_null(pop(wheel, 200 * YEAR));
    assert_int_equal(wheel->armed, 0);
    free(wheel);
}

static void test_a_deadline_in_the_past_is_due_at_the_next_pop(void **state)
{
    (void)state;
    struct wheel *wheel = setup(50 * DAY);
    struct wheel_node past[3] = {{.deadline = 0}};
    wheel_arm(wheel, &past[0], 50 * DAY - 1);
    wheel_arm(wheel, &past[1], INT64_MIN);
    wheel_arm(wheel, &past[2], 0);
    assert_true(wheel_deadline(wheel) <= 50 * DAY);
    for (unsigned i = 0; i < 3; i++)
        assert_ptr_equal(pop(wheel, 50 * DAY), &past[i]); /* in the order of arming */
    assert_null(pop(wheel, 50 * DAY));
    free(wheel);
}

static void test_time_that_goes_backwards_is_ignored(void **state)
{
    (void)state;
    struct wheel *wheel = setup(1000 * TICK);
    struct wheel_node node = {.deadline = 0};
    assert_null(pop(wheel, 2000 * TICK));
    wheel_arm(wheel, &node, 2010 * TICK);
    assert_null(pop(wheel, 5 * TICK));
    assert_null(pop(wheel, INT64_MIN));
    assert_true(wheel_deadline(wheel) == 2010 * TICK);
    assert_ptr_equal(pop(wheel, 2010 * TICK), &node);
    wheel_arm(wheel, &node, 2005 * TICK);
    assert_ptr_equal(pop(wheel, 1), &node); /* 2010 has been: it stays due */
    free(wheel);
}

static void test_rearming_moves_and_cancelling_forgets(void **state)
{
    (void)state;
    struct wheel *wheel = setup(0);
    struct wheel_node a = {.deadline = 0}, b = {.deadline = 0};
    wheel_cancel(wheel, &a); /* not armed: nothing */
    wheel_arm(wheel, &a, 10 * TICK);
    wheel_arm(wheel, &b, 10 * TICK);
    wheel_arm(wheel, &a, 5000 * TICK);
    assert_int_equal(wheel->armed, 2);
    assert_ptr_equal(pop(wheel, 20 * TICK), &b);
    assert_null(pop(wheel, 20 * TICK));
    wheel_arm(wheel, &a, 30 * TICK);
    assert_true(wheel_deadline(wheel) == 30 * TICK);
    wheel_cancel(wheel, &a);
    assert_false(wheel_is_armed(&a));
    assert_true(wheel_deadline(wheel) == WEIR_TIME_NEVER); /* no stale bit wakes anybody */
    assert_null(pop(wheel, YEAR));
    assert_int_equal(wheel->armed, 0);
    free(wheel);
}

static void test_timers_of_one_tick_keep_the_order_of_arming(void **state)
{
    (void)state;
    enum { N = 40 };
    struct wheel_node nodes[N];
    memset(nodes, 0, sizeof nodes);
    struct wheel *wheel = setup(0);
    /* Armed for the same tick from far and from near, so that they start on different levels. */
    weir_time due = 300000 * TICK, now = 0;
    for (unsigned i = 0; i < N; i++) {
        wheel_arm(wheel, &nodes[i], due - (weir_time)(i % 7));
        now += (due - now) / 2;
        assert_null(pop(wheel, now < due - 2 * TICK ? now : due - 2 * TICK));
    }
    for (unsigned i = 0; i < N; i++)
        assert_ptr_equal(pop(wheel, due), &nodes[i]);
    free(wheel);
}

static void test_what_an_expiry_arms_comes_after_what_a_cascade_brings(void **state)
{
    (void)state;
    struct wheel *wheel = setup(0);
    struct wheel_node n[4];
    memset(n, 0, sizeof n);
    for (unsigned i = 0; i < 3; i++)
        wheel_arm(wheel, &n[i], 4096 * TICK); /* the first tick of a slot of level 2 */
    assert_ptr_equal(pop(wheel, 4096 * TICK), &n[0]);
    wheel_arm(wheel, &n[3], 4096 * TICK);
    for (unsigned i = 1; i < 4; i++)
        assert_ptr_equal(pop(wheel, 4096 * TICK), &n[i]);
    free(wheel);
}

static void test_an_expired_timer_may_cancel_move_and_arm_others(void **state)
{
    (void)state;
    struct wheel *wheel = setup(0);
    struct wheel_node n[5];
    memset(n, 0, sizeof n);
    for (unsigned i = 0; i < 5; i++)
        wheel_arm(wheel, &n[i], 100 * TICK); /* all due in the same pop */
    assert_ptr_equal(pop(wheel, 100 * TICK), &n[0]);
    wheel_cancel(wheel, &n[1]);          /* due and waiting */
    wheel_arm(wheel, &n[2], 101 * TICK); /* due, moved into the future */
    wheel_arm(wheel, &n[0], 100 * TICK); /* itself again, at once: after those waiting */
    assert_ptr_equal(pop(wheel, 100 * TICK), &n[3]);
    assert_ptr_equal(pop(wheel, 100 * TICK), &n[4]);
    assert_ptr_equal(pop(wheel, 100 * TICK), &n[0]);
    assert_null(pop(wheel, 100 * TICK));
    assert_ptr_equal(pop(wheel, 101 * TICK), &n[2]);
    assert_int_equal(wheel->armed, 0);
    free(wheel);
}

static void test_the_budget_bounds_each_call_and_the_backlog_says_now(void **state)
{
    (void)state;
    enum { N = 50 };
    struct wheel_node nodes[N];
    memset(nodes, 0, sizeof nodes);
    struct wheel *wheel = setup(0);
    for (unsigned i = 0; i < N; i++)
        wheel_arm(wheel, &nodes[i], 5000 * TICK); /* level 2: two cascades each, then the pop */
    weir_time now = 6000 * TICK;
    unsigned budget = 0, spent = 0, popped = 0;
    assert_null(wheel_pop(wheel, now, &budget));
    assert_true(wheel_deadline(wheel) <= now);
    while (popped < N) {
        assert_true(wheel_deadline(wheel) <= now);
        budget = 1;
        popped += wheel_pop(wheel, now, &budget) != NULL;
        assert_int_equal(budget, 0);
        assert_true(++spent < 10 * N);
        assert_true(wheel_invariants(wheel));
    }
    assert_int_equal(spent, 3 * N);
    budget = 1;
    assert_null(wheel_pop(wheel, now, &budget));
    assert_int_equal(budget, 1);
    assert_true(wheel_deadline(wheel) == WEIR_TIME_NEVER);
    free(wheel);
}

static void test_timers_in_a_cascade_that_was_cut_can_be_cancelled_and_moved(void **state)
{
    (void)state;
    struct wheel *wheel = setup(0);
    struct wheel_node n[4];
    memset(n, 0, sizeof n);
    for (unsigned i = 0; i < 4; i++)
        wheel_arm(wheel, &n[i], 5000 * TICK);
    unsigned budget = 1;
    assert_null(wheel_pop(wheel, 4996 * TICK, &budget)); /* one of four was moved */
    wheel_cancel(wheel, &n[1]);
    wheel_arm(wheel, &n[2], 4999 * TICK);
    assert_true(wheel_invariants(wheel));
    assert_null(pop(wheel, 4998 * TICK));
    assert_ptr_equal(pop(wheel, 5000 * TICK), &n[2]);
    assert_ptr_equal(pop(wheel, 5000 * TICK), &n[0]);
    assert_ptr_equal(pop(wheel, 5000 * TICK), &n[3]);
    assert_null(pop(wheel, 5000 * TICK));
    free(wheel);
}

static void test_the_last_deadline_of_all_can_be_armed_and_never_cannot(void **state)
{
    (void)state;
    struct wheel *wheel = setup(INT64_MIN);
    struct wheel_node node = {.deadline = 0};
    expect_breach(wheel_arm(wheel, &node, WEIR_TIME_NEVER));
    expect_breach(wheel_arm(wheel, &node, WHEEL_DEADLINE_MAX + 1));
    assert_false(wheel_is_armed(&node));
    wheel_arm(wheel, &node, WHEEL_DEADLINE_MAX);
    assert_null(pop(wheel, WHEEL_DEADLINE_MAX - 1));
    assert_true(wheel_deadline(wheel) == WHEEL_DEADLINE_MAX);
    assert_ptr_equal(pop(wheel, WHEEL_DEADLINE_MAX), &node);
    free(wheel);
}

/* The model: for each timer its deadline, the tick at which it counts (not before the tick
 * reached when it was armed), and the order of arming. */
enum { TIMERS = 60 };

struct model {
    struct {
        bool armed;
        bool was_future; /* when it was armed */
        weir_time deadline;
        int64_t tick;
        uint64_t order;
    } timer[TIMERS];
    int64_t tick; /* of what was popped last, or of now once nothing was due */
    uint64_t orders;
};

static weir_time random_delay(struct rng *rng)
{
    static const weir_time edges[] = {0, 1, TICK, 63 * TICK, 64 * TICK, 65 * TICK, 4096 * TICK,
                                      262144 * TICK, 50 * DAY, YEAR};
    unsigned n = sizeof edges / sizeof edges[0];
    switch (rng_below(rng, 4)) {
    case 0:
        return edges[rng_below(rng, n)] - (weir_time)rng_below(rng, 3) * TICK;
    case 1:
        return (weir_time)rng_below(rng, (uint64_t)(5 * TICK));
    default:
        return (weir_time)rng_below(rng, UINT64_C(1) << rng_below(rng, 46));
    }
}

static void model_arm(struct model *m, unsigned i, weir_time deadline, weir_time now)
{
    int64_t tick = tick_of(deadline);
    m->timer[i].armed = true;
    m->timer[i].was_future = tick > tick_floor(now);
    m->timer[i].deadline = deadline;
    m->timer[i].tick = tick > m->tick ? tick : m->tick;
    m->timer[i].order = m->orders++;
}

/* The timer that fires first, or TIMERS. */
static unsigned model_first(const struct model *m)
{
    unsigned first = TIMERS;
    for (unsigned i = 0; i < TIMERS; i++)
        if (m->timer[i].armed &&
            (first == TIMERS || m->timer[i].tick < m->timer[first].tick ||
             (m->timer[i].tick == m->timer[first].tick &&
              m->timer[i].order < m->timer[first].order)))
            first = i;
    return first;
}

static void check_deadline(const struct wheel *wheel, const struct model *m, weir_time now)
{
    unsigned first = model_first(m);
    weir_time answer = wheel_deadline(wheel);
    if (first == TIMERS) {
        assert_true(answer == WEIR_TIME_NEVER);
        return;
    }
    int64_t tick = m->timer[first].tick, tick_now = tick_floor(now);
    assert_true(answer <= tick * TICK);
    if (tick > tick_now) {
        assert_true(answer > now); /* nothing is due: do not spin */
        if (tick >> 6 == tick_now >> 6)
            assert_true(answer == tick * TICK);
    }
}

static void arm_random(struct wheel *wheel, struct model *m, struct wheel_node *nodes,
                       struct rng *rng, weir_time now)
{
    unsigned i = (unsigned)rng_below(rng, TIMERS);
    weir_time deadline = now + random_delay(rng);
    wheel_arm(wheel, &nodes[i], deadline);
    model_arm(m, i, deadline, now);
}

static void test_random_operations_agree_with_a_model(void **state)
{
    (void)state;
    struct wheel_node nodes[TIMERS];
    struct model m = {.tick = tick_floor(-3 * DAY)};
    struct rng rng = rng_make(2);
    weir_time now = -3 * DAY;
    memset(nodes, 0, sizeof nodes);
    struct wheel *wheel = setup(now);
    for (unsigned step = 0; step < 6000; step++) {
        for (uint64_t k = rng_below(&rng, 4); k > 0; k--)
            arm_random(wheel, &m, nodes, &rng, now);
        if (rng_below(&rng, 3) == 0) {
            unsigned i = (unsigned)rng_below(&rng, TIMERS);
            wheel_cancel(wheel, &nodes[i]);
            m.timer[i].armed = false;
        }
        now += random_delay(&rng) / 4 + TICK;
        for (;;) {
            struct wheel_node *node = pop(wheel, now);
            unsigned first = model_first(&m);
            if (first == TIMERS || m.timer[first].tick > tick_floor(now)) {
                assert_null(node);
                m.tick = tick_floor(now);
                break;
            }
            assert_ptr_equal(node, &nodes[first]);
            m.timer[first].armed = false;
            m.tick = m.timer[first].tick;
            if (rng_below(&rng, 4) == 0) /* arm from the expiry, the expired one itself perhaps */
                arm_random(wheel, &m, nodes, &rng, now);
        }
        check_deadline(wheel, &m, now);
        size_t armed = 0;
        for (unsigned i = 0; i < TIMERS; i++) {
            armed += m.timer[i].armed;
            assert_int_equal(wheel_is_armed(&nodes[i]), m.timer[i].armed);
        }
        assert_int_equal(wheel->armed, armed);
    }
    free(wheel);
}

static void test_random_operations_on_a_small_budget_lose_nothing(void **state)
{
    (void)state;
    struct wheel_node nodes[TIMERS];
    struct model m = {.tick = 0};
    struct rng rng = rng_make(3);
    weir_time now = 0;
    uint64_t popped = 0;
    memset(nodes, 0, sizeof nodes);
    struct wheel *wheel = setup(0);
    for (unsigned step = 0; step < 12000; step++) {
        if (rng_below(&rng, 2) == 0)
            arm_random(wheel, &m, nodes, &rng, now);
        if (rng_below(&rng, 4) == 0)
            now += random_delay(&rng) / 64;
        unsigned budget = (unsigned)rng_below(&rng, 3);
        struct wheel_node *node = wheel_pop(wheel, now, &budget);
        assert_true(wheel_invariants(wheel));
        unsigned first = model_first(&m);
        bool due = first != TIMERS && m.timer[first].tick <= tick_floor(now);
        if (node == NULL) {
            assert_true(!due || (budget == 0 && wheel_deadline(wheel) <= now));
            continue;
        }
        size_t i = (size_t)(node - nodes);
        assert_true(m.timer[i].armed && m.timer[i].deadline <= now);
        /* Among timers armed for the future the order of ticks is kept whatever the budget. */
        for (unsigned k = 0; k < TIMERS && m.timer[i].was_future; k++)
            assert_false(m.timer[k].armed && m.timer[k].was_future &&
                         tick_of(m.timer[k].deadline) < tick_of(m.timer[i].deadline));
        m.timer[i].armed = false;
        popped++;
    }
    assert_true(popped > 1000);
    free(wheel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_wheel_never_has_work),
        cmocka_unit_test(test_a_timer_fires_at_its_tick_and_not_a_nanosecond_before),
        cmocka_unit_test(test_sleeping_until_the_deadline_wakes_once_a_level_at_most),
        cmocka_unit_test(test_one_jump_over_everything_pops_all_in_order),
        cmocka_unit_test(test_a_deadline_in_the_past_is_due_at_the_next_pop),
        cmocka_unit_test(test_time_that_goes_backwards_is_ignored),
        cmocka_unit_test(test_rearming_moves_and_cancelling_forgets),
        cmocka_unit_test(test_timers_of_one_tick_keep_the_order_of_arming),
        cmocka_unit_test(test_what_an_expiry_arms_comes_after_what_a_cascade_brings),
        cmocka_unit_test(test_an_expired_timer_may_cancel_move_and_arm_others),
        cmocka_unit_test(test_the_budget_bounds_each_call_and_the_backlog_says_now),
        cmocka_unit_test(test_timers_in_a_cascade_that_was_cut_can_be_cancelled_and_moved),
        cmocka_unit_test(test_the_last_deadline_of_all_can_be_armed_and_never_cannot),
        cmocka_unit_test(test_random_operations_agree_with_a_model),
        cmocka_unit_test(test_random_operations_on_a_small_budget_lose_nothing),
    };
    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
