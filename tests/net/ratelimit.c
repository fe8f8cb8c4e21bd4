/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "net/ratelimit.h"

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

static struct ratelimit make(uint32_t per_s_max, uint64_t seed)
{
    struct ratelimit t;
    ratelimit_init(&t, &(struct ratelimit_config){.handler = &handler,
                                                  .key = {seed, 8},
                                                  .rng = rng_make(seed),
                                                  .per_s_max = per_s_max});
    return t;
}

/* A host of the n-th /24. */
static struct weir_addr host(uint32_t n, uint8_t last)
{
    return addr_from_ip4(
        (struct ip4_addr){{(uint8_t)(11 + (n >> 16)), (uint8_t)(n >> 8), (uint8_t)n, last}});
}

/* How many of `tries` at one instant from ever new prefixes get through; the tries end with the
 * budget, for no more can. */
static unsigned burst(struct ratelimit *t, unsigned tries, weir_time now, uint32_t *fresh)
{
    unsigned allowed = 0;
    for (unsigned i = 0; i < tries && (now >= t->window_end || t->left > 0); i++)
        allowed += ratelimit_allow(t, host((*fresh)++, 1), now);
    return allowed;
}

static void test_a_rate_of_none_or_too_much_is_refused(void **state)
{
    (void)state;
    struct ratelimit t;
    struct ratelimit_config config = {.handler = &handler, .per_s_max = 0};
    expect_breach(ratelimit_init(&t, &config));
    config.per_s_max = RATELIMIT_PER_S_MAX + 1;
    expect_breach(ratelimit_init(&t, &config));
    config.per_s_max = RATELIMIT_PER_S_MAX;
    ratelimit_init(&t, &config);
}

static void test_the_first_question_of_a_quiet_time_is_granted(void **state)
{
    (void)state;
    struct ratelimit t = make(200, 1);
    for (weir_time now = -5 * WEIR_NS_PER_S; now < 1000 * WEIR_NS_PER_S; now += WEIR_NS_PER_S)
        assert_true(ratelimit_allow(&t, host(1, 1), now));
    assert_int_equal(t.allowed, 1005);
}

static void test_no_second_sees_more_than_the_limit(void **state)
{
    (void)state;
    static const uint32_t rates[] = {2, 3, 5, 17, 18, 36, 200, 1000};
    enum { EVENTS = 4096 };
    for (unsigned r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        struct ratelimit t = make(rates[r], r);
        struct rng rng = rng_make(r);
        static weir_time granted[EVENTS];
        unsigned n = 0, oldest = 0, most = 0;
        weir_time now = 0;
        uint32_t fresh = 0;
        while (n < EVENTS && now < 60 * WEIR_NS_PER_S) {
            /* A steady trickle and bursts, so that budgets end early and late in their windows. */
            if (rng_below(&rng, rates[r]) == 0 || fresh % 512 < 256)
                now += (weir_time)rng_below(&rng, (uint64_t)(4 * WEIR_NS_PER_S) / rates[r]);
            if (!ratelimit_allow(&t, host(fresh++, 1), now))
                continue;
            granted[n++] = now;
            while (granted[oldest] <= now - WEIR_NS_PER_S)
                oldest++;
            if (n - oldest > most)
                most = n - oldest;
        }
        assert_true(most <= rates[r]);
        assert_true(most >= 1);
        assert_int_equal(t.allowed, n);
    }
}

static void test_the_budget_of_a_window_is_between_a_quarter_and_half_of_the_rate(void **state)
{
    (void)state;
    struct ratelimit t = make(200, 2);
    unsigned seen[201] = {0}, different = 0;
    uint32_t fresh = 0;
    for (unsigned w = 0; w < 3000; w++) {
        unsigned n = burst(&t, 300, w * WEIR_NS_PER_S, &fresh);
        assert_in_range(n, 50, 100);
        seen[n]++;
    }
    for (unsigned i = 0; i <= 200; i++) {
        different += seen[i] != 0;
        if (i >= 50 && i <= 100)
            assert_in_range(seen[i], 20, 110); /* 3000 / 51 = 59, give or take */
    }
    assert_int_equal(different, 51);
}

static void test_one_prefix_cannot_spend_the_budget_of_all(void **state)
{
    (void)state;
    struct ratelimit t = make(200, 3);
    for (unsigned w = 0; w < 100; w++) {
        weir_time now = w * WEIR_NS_PER_S;
        unsigned flood = 0;
        for (unsigned i = 0; i < 1000; i++)
            flood += ratelimit_allow(&t, host(7, (uint8_t)i), now);
        assert_in_range(flood, 25, 50);
    }
    assert_true(t.refused_peer > 0);
    /* Others still get theirs, nearly always (one in 256 shares the slot). */
    unsigned answered = 0;
    for (unsigned w = 100; w < 300; w++) {
        weir_time now = w * WEIR_NS_PER_S;
        for (unsigned i = 0; i < 1000; i++)
            ratelimit_allow(&t, host(7, (uint8_t)i), now);
        answered += ratelimit_allow(&t, host(8, 1), now);
    }
    /* 25 to 50 are spent by the flood; 50 to 100 are there: one time in 100 both meet at 50. */
    assert_true(answered >= 190);
}

static void spend_slot(struct ratelimit *t, struct weir_addr peer, weir_time now)
{
    while (ratelimit_allow(t, peer, now))
        ;
    assert_true(t->left > 0);
}

static void test_the_prefix_of_a_peer_is_its_24_or_its_64(void **state)
{
    (void)state;
    unsigned next4 = 0, next6 = 0;
    for (unsigned seed = 0; seed < 16; seed++) {
        struct ratelimit t = make(4000, seed);
        struct weir_addr a6 = {{0x20, 1, 0xd, 0xb8}}, b6 = a6, c6 = a6;
        b6.bytes[8] = 9;
        c6.bytes[7] = 9;
        spend_slot(&t, host(1, 1), 0);
        assert_false(ratelimit_allow(&t, host(1, 254), 0));
        next4 += !ratelimit_allow(&t, host(2, 1), 0);
        t = make(4000, seed);
        spend_slot(&t, a6, 0);
        assert_false(ratelimit_allow(&t, b6, 0));
        next6 += !ratelimit_allow(&t, c6, 0);
    }
    assert_true(next4 <= 2 && next6 <= 2); /* one in 256 shares a slot by chance */
}

static void test_prefixes_are_dealt_anew_in_each_window(void **state)
{
    (void)state;
    uint32_t sharer = 0;
    struct ratelimit t;
    for (uint64_t seed = 0; seed < 64 && sharer == 0; seed++) {
        t = make(400, seed);
        spend_slot(&t, host(0, 1), 0);
        for (uint32_t n = 1; sharer == 0 && t.left > 0; n++)
            sharer = ratelimit_allow(&t, host(n, 1), 0) ? 0 : n;
    }
    assert_true(sharer != 0);
    unsigned shared = 0;
    for (unsigned w = 1; w < 20; w++) {
        spend_slot(&t, host(0, 1), w * WEIR_NS_PER_S);
        shared += !ratelimit_allow(&t, host(sharer, 1), w * WEIR_NS_PER_S);
    }
    assert_true(shared <= 2);
}

static void test_a_refusal_spends_nothing(void **state)
{
    (void)state;
    struct ratelimit t = make(200, 5);
    while (ratelimit_allow(&t, host(7, 1), 0))
        ;
    uint32_t left = t.left;
    for (unsigned i = 0; i < 100; i++)
        assert_false(ratelimit_allow(&t, host(7, 1), 0));
    assert_int_equal(t.left, left);
    assert_int_equal(t.refused_peer, 101);
}

static void test_time_that_goes_back_or_ends_opens_no_window(void **state)
{
    (void)state;
    struct ratelimit t = make(2, 6);
    unsigned allowed = 0;
    for (weir_time now = 10 * WEIR_NS_PER_S; now > 0; now -= WEIR_NS_PER_S)
        allowed += ratelimit_allow(&t, host(1, 1), now);
    assert_true(allowed <= 1);
    assert_int_equal(t.window, 1);
    ratelimit_allow(&t, host(1, 1), WEIR_TIME_NEVER - 1);
    ratelimit_allow(&t, host(1, 1), WEIR_TIME_NEVER - 1);
    assert_int_equal(t.window, 2);
}

/* ---- ATK-ICM-08 ---- */

/* An attacker who knows all but the random numbers. In the window from `now` he asks `own_before`
 * times himself, sends `spoofed` probes under other names, of which one is at an open port if
 * `open` (and costs no token), asks on until refused, and reports how many answers he got himself.
 */
static unsigned probe(struct ratelimit *t, unsigned own_before, unsigned spoofed, bool open,
                      weir_time now, uint32_t *fresh)
{
    unsigned answers = burst(t, own_before, now, fresh);
    burst(t, spoofed - open, now, fresh);
    return answers + burst(t, 300, now, fresh);
}

/* The best that such an attacker can do: he has learnt, from `ROUNDS` windows of each kind, which
 * count of answers speaks for which state, and guesses so in `ROUNDS` others. Returns right guesses
 * in 1000. */
static unsigned right_in_1000(uint32_t per_s_max, unsigned own_before, unsigned spoofed)
{
    enum { ROUNDS = 4000, COUNTS = 512 };
    static int speaks_for_open[COUNTS];
    struct ratelimit t = make(per_s_max, 77);
    struct rng coin = rng_make(78);
    uint32_t fresh = 0;
    weir_time now = 0;
    unsigned right = 0;
    memset(speaks_for_open, 0, sizeof speaks_for_open);
    for (unsigned i = 0; i < 2 * ROUNDS; i++, now += 2 * WEIR_NS_PER_S)
        speaks_for_open[probe(&t, own_before, spoofed, i % 2 != 0, now, &fresh)] += i % 2 ? 1 : -1;
    for (unsigned i = 0; i < ROUNDS; i++, now += 2 * WEIR_NS_PER_S) {
        bool open = rng_below(&coin, 2) != 0;
        int evidence = speaks_for_open[probe(&t, own_before, spoofed, open, now, &fresh)];
        bool guess = evidence != 0 ? evidence > 0 : rng_below(&coin, 2) != 0;
        right += guess == open;
    }
    return right * 1000 / ROUNDS;
}

static void test_ATK_ICM_08_a_guess_of_a_port_is_at_most_5_points_better_than_chance(void **state)
{
    (void)state;
    static const struct {
        unsigned per_s_max, own_before, spoofed;
    } plan[] = {{200, 0, 1}, {200, 0, 50}, {200, 0, 75}, {200, 49, 1}, {200, 70, 20}, {72, 0, 18}};
    for (unsigned i = 0; i < sizeof plan / sizeof plan[0]; i++) {
        unsigned right = right_in_1000(plan[i].per_s_max, plan[i].own_before, plan[i].spoofed);
        assert_in_range(right, 450, 550);
    }
}

/* The same attacker against a limiter without jitter (budgets of one value) is always right: the
 * test above can fail. */
static void test_the_attacker_of_that_test_wins_where_there_is_no_jitter(void **state)
{
    (void)state;
    uint32_t fresh = 0;
    for (unsigned open = 0; open < 2; open++) {
        struct ratelimit t = make(200, 9);
        ratelimit_allow(&t, host(fresh++, 1), 0);
        t.left = 80; /* what a limiter that counts exactly would always begin with */
        assert_int_equal(probe(&t, 0, 50, open != 0, 0, &fresh), 30 + open);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rate_of_none_or_too_much_is_refused),
        cmocka_unit_test(test_the_first_question_of_a_quiet_time_is_granted),
        cmocka_unit_test(test_no_second_sees_more_than_the_limit),
        cmocka_unit_test(test_the_budget_of_a_window_is_between_a_quarter_and_half_of_the_rate),
        cmocka_unit_test(test_one_prefix_cannot_spend_the_budget_of_all),
        cmocka_unit_test(test_the_prefix_of_a_peer_is_its_24_or_its_64),
        cmocka_unit_test(test_prefixes_are_dealt_anew_in_each_window),
        cmocka_unit_test(test_a_refusal_spends_nothing),
        cmocka_unit_test(test_time_that_goes_back_or_ends_opens_no_window),
        cmocka_unit_test(test_ATK_ICM_08_a_guess_of_a_port_is_at_most_5_points_better_than_chance),
        cmocka_unit_test(test_the_attacker_of_that_test_wins_where_there_is_no_jitter),
    };
    return cmocka_run_group_tests_name("ratelimit", tests, NULL, NULL);
}
