/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/rng.h"

/* The outputs of xoshiro256** that its authors' reference code gives from the state 1, 2, 3, 4. */
static void test_the_stream_is_xoshiro256_starstar(void **state)
{
    (void)state;
    static const uint64_t want[] = {11520,
                                    0,
                                    1509978240,
                                    UINT64_C(1215971899390074240),
                                    UINT64_C(1216172134540287360),
                                    UINT64_C(607988272756665600),
                                    UINT64_C(16172922978634559625),
                                    UINT64_C(8476171486693032832),
                                    UINT64_C(10595114339597558777),
                                    UINT64_C(2904607092377533576)};
    struct rng r = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_true(rng_u64(&r) == want[i]);
}

/* The outputs of splitmix64 for the seed 1234567, as published with its reference code. */
static void test_the_seed_is_spread_by_splitmix64(void **state)
{
    (void)state;
    static const uint64_t want[4] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                     UINT64_C(9817491932198370423), UINT64_C(4593380528125082431)};
    struct rng r = rng_make(1234567);
    for (unsigned i = 0; i < 4; i++)
        assert_true(r.s[i] == want[i]);
}

/* The same construction once more, written from its description. */
static uint64_t model_mix(uint64_t z)
{
    z ^= z >> 30;
    z *= 0xbf58476d1ce4e5b9;
    z ^= z >> 27;
    z *= 0x94d049bb133111eb;
    z ^= z >> 31;
    return z;
}

static struct rng model_make(uint64_t seed)
{
    struct rng r;
    for (uint64_t i = 0; i < 4; i++)
        r.s[i] = model_mix(seed + (i + 1) * 0x9e3779b97f4a7c15);
    return r;
}

static uint64_t model_next(struct rng *r)
{
    uint64_t a = r->s[0], b = r->s[1], c = r->s[2], d = r->s[3];
    uint64_t times5 = b * 5, turned = times5 << 7 | times5 >> 57, e = d ^ b;
    r->s[0] = a ^ b ^ d;
    r->s[1] = a ^ b ^ c;
    r->s[2] = a ^ c ^ b << 17;
    r->s[3] = e << 45 | e >> 19;
    return turned * 9;
}

static void test_long_streams_agree_with_the_model(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {
        0, 1, 42, UINT64_C(1) << 63, UINT64_MAX, UINT64_C(0x61c8864680b583eb)};
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        struct rng r = rng_make(seeds[i]), model = model_make(seeds[i]);
        for (unsigned k = 0; k < 2000; k++)
            assert_true(rng_u64(&r) == model_next(&model));
    }
}

static void test_32_bits_are_the_upper_half_of_64(void **state)
{
    (void)state;
    struct rng a = rng_make(9), b = rng_make(9);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(rng_u32(&a), rng_u64(&b) >> 32);
}

static void test_a_fork_is_made_as_documented_and_leaves_its_parent_alone(void **state)
{
    (void)state;
    static const uint64_t labels[] = {0, 1, 2, UINT64_C(1) << 32, UINT64_MAX};
    struct rng parent = rng_make(10);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        struct rng before = parent, child = rng_fork(&parent, labels[i]);
        assert_memory_equal(&parent, &before, sizeof parent);
        uint64_t state_number = 0;
        for (unsigned k = 0; k < 4; k++)
            state_number = model_mix(state_number ^ parent.s[k]) + 0x9e3779b97f4a7c15;
        struct rng want = model_make(model_mix(state_number ^ labels[i]));
        assert_memory_equal(&child, &want, sizeof child);
    }
}

/* Bits in which two streams agree: if independent, half of 64 * 2000 with a deviation of 179. */
static void assert_unrelated(struct rng a, struct rng b)
{
    unsigned equal = 0;
    for (unsigned i = 0; i < 2000; i++)
        equal += (unsigned)__builtin_popcountll(~(rng_u64(&a) ^ rng_u64(&b)));
    assert_in_range(equal, 64000 - 5 * 179, 64000 + 5 * 179);
}

static void test_forks_are_unrelated_to_each_other_and_to_their_parent(void **state)
{
    (void)state;
    struct rng parent = rng_make(11), moved = parent;
    (void)rng_u64(&moved);
    struct rng zero = rng_fork(&parent, 0), one = rng_fork(&parent, 1);
    assert_unrelated(parent, zero);
    assert_unrelated(zero, one);
    assert_unrelated(zero, rng_fork(&zero, 0));
    assert_unrelated(zero, rng_fork(&moved, 0));
    assert_unrelated(rng_fork(&zero, 1), rng_fork(&one, 0));
}

static void test_below_stays_below_at_every_kind_of_bound(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1, 2, 3, 4, 5, 7, 8, 9, 255, 256, 257, UINT32_MAX,
                                      0x100000000, 0x100000001, 0x7fffffffffffffff,
                                      0x8000000000000000, 0x8000000000000001, UINT64_MAX};
    struct rng r = rng_make(12);
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        uint64_t highest = 0;
        for (unsigned k = 0; k < 2000; k++) {
            uint64_t v = rng_below(&r, bounds[i]);
            assert_true(v < bounds[i]);
            highest = v > highest ? v : highest;
        }
        /* 2000 draws all below 63/64 of the range: once in 10^13. Small ones reach their last. */
        assert_true(highest >= bounds[i] - 1 - bounds[i] / 64);
    }
}

static void test_below_a_power_of_two_takes_one_draw(void **state)
{
    (void)state;
    struct rng a = rng_make(18), b = a;
    for (unsigned bits = 1; bits < 64; bits++) {
        assert_true(rng_below(&a, UINT64_C(1) << bits) < UINT64_C(1) << bits);
        (void)rng_u64(&b);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

/* Chi-square with k - 1 degrees of freedom stays below `limit` (the 99.9 % point); in integers: the
 * sum of squared deviations is compared with limit * expected. */
static void assert_uniform(const uint32_t *count, unsigned k, uint32_t draws, uint64_t limit)
{
    uint64_t expected = draws / k, sum = 0;
    for (unsigned i = 0; i < k; i++) {
        int64_t off = (int64_t)count[i] - (int64_t)expected;
        sum += (uint64_t)(off * off);
    }
    assert_true(sum <= limit * expected);
}

static void test_below_is_uniform_over_small_bounds(void **state)
{
    (void)state;
    static const struct {
        unsigned bound;
        uint64_t chi_square_limit;
    } rows[] = {{2, 11}, {3, 14}, {6, 21}, {10, 28}, {17, 40}};
    struct rng r = rng_make(13);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t count[17] = {0}, draws = 6000 * rows[i].bound;
        for (uint32_t k = 0; k < draws; k++)
            count[rng_below(&r, rows[i].bound)]++;
        assert_uniform(count, rows[i].bound, draws, rows[i].chi_square_limit);
    }
}

/* A remainder would give the first third of 3 * 2^62 twice the share of the others. */
static void test_below_has_no_bias_at_bounds_near_the_word(void **state)
{
    (void)state;
    struct rng r = rng_make(14);
    uint32_t count[3] = {0};
    for (unsigned i = 0; i < 30000; i++)
        count[rng_below(&r, UINT64_C(3) << 62) >> 62]++;
    assert_uniform(count, 3, 30000, 14);
}

static void test_between_reaches_both_ends_and_nothing_beyond(void **state)
{
    (void)state;
    struct rng r = rng_make(15);
    bool seen[5] = {false};
    for (unsigned i = 0; i < 500; i++) {
        uint64_t v = rng_between(&r, UINT64_MAX - 4, UINT64_MAX);
        assert_true(v >= UINT64_MAX - 4);
        seen[v - (UINT64_MAX - 4)] = true;
    }
    for (unsigned i = 0; i < 5; i++)
        assert_true(seen[i]);
    assert_true(rng_between(&r, 7, 7) == 7);
    assert_true(rng_between(&r, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
    uint64_t high_bits = 0, low_bits = UINT64_MAX;
    for (unsigned i = 0; i < 200; i++) {
        uint64_t v = rng_between(&r, 0, UINT64_MAX);
        high_bits |= v;
        low_bits &= v;
    }
    assert_true(high_bits == UINT64_MAX);
    assert_true(low_bits == 0);
}

static void test_a_chance_is_never_always_or_its_ratio(void **state)
{
    (void)state;
    struct rng r = rng_make(16);
    unsigned hits = 0, rare = 0;
    for (unsigned i = 0; i < 30000; i++) {
        assert_false(rng_chance(&r, (struct ratio){0, 3}));
        assert_true(rng_chance(&r, (struct ratio){3, 3}));
        assert_true(rng_chance(&r, (struct ratio){UINT32_MAX, UINT32_MAX}));
        hits += rng_chance(&r, (struct ratio){1, 3});
        rare += rng_chance(&r, (struct ratio){1, 1000});
    }
    assert_in_range(hits, 10000 - 5 * 82, 10000 + 5 * 82); /* deviation 82 */
    assert_in_range(rare, 30 - 5 * 5, 30 + 5 * 6);         /* deviation 5.5 */
}

static void test_bytes_are_the_stream_lowest_byte_first(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 33; n++) {
        struct rng a = rng_make(17), b = a;
        uint8_t buf[36];
        memset(buf, 0xee, sizeof buf);
        rng_bytes(&a, buf + 1, n);
        uint64_t word = 0;
        for (size_t i = 0; i < n; i++) {
            if (i % 8 == 0)
                word = model_next(&b);
            assert_int_equal(buf[1 + i], word % 256);
            word /= 256;
        }
        assert_int_equal(buf[0], 0xee);
        assert_int_equal(buf[1 + n], 0xee);
        assert_memory_equal(&a, &b, sizeof a); /* not one draw more than the bytes need */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_stream_is_xoshiro256_starstar),
        cmocka_unit_test(test_the_seed_is_spread_by_splitmix64),
        cmocka_unit_test(test_long_streams_agree_with_the_model),
        cmocka_unit_test(test_32_bits_are_the_upper_half_of_64),
        cmocka_unit_test(test_a_fork_is_made_as_documented_and_leaves_its_parent_alone),
        cmocka_unit_test(test_forks_are_unrelated_to_each_other_and_to_their_parent),
        cmocka_unit_test(test_below_stays_below_at_every_kind_of_bound),
        cmocka_unit_test(test_below_a_power_of_two_takes_one_draw),
        cmocka_unit_test(test_below_is_uniform_over_small_bounds),
        cmocka_unit_test(test_below_has_no_bias_at_bounds_near_the_word),
        cmocka_unit_test(test_between_reaches_both_ends_and_nothing_beyond),
        cmocka_unit_test(test_a_chance_is_never_always_or_its_ratio),
        cmocka_unit_test(test_bytes_are_the_stream_lowest_byte_first),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
