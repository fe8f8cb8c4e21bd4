/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/seq.h"

/* Starting points around each seam of the circle. */
static const uint32_t points[] = {0,           1,           2,           1000,
                                  0x7ffffffe,  0x7fffffff,  0x80000000U, 0x80000001U,
                                  0xc0000000U, 0xfffffffeU, 0xffffffffU};
enum { POINTS = sizeof points / sizeof points[0] };

/* Distances that must count as "later": everything below half the circle. */
static const uint32_t ahead[] = {1,          2,          1460,       65535,     65536,
                                 0x3fffffff, 0x40000000, 0x7ffffffe, 0x7fffffff};
enum { AHEAD = sizeof ahead / sizeof ahead[0] };

static void assert_order(struct tcp_seq early, struct tcp_seq late, uint32_t distance)
{
    assert_true(seq_lt(early, late));
    assert_true(seq_leq(early, late));
    assert_false(seq_gt(early, late));
    assert_false(seq_geq(early, late));
    assert_false(seq_eq(early, late));
    assert_false(seq_lt(late, early));
    assert_false(seq_leq(late, early));
    assert_true(seq_gt(late, early));
    assert_true(seq_geq(late, early));
    assert_int_equal(seq_diff(late, early), (int64_t)distance);
    assert_int_equal(seq_diff(early, late), -(int64_t)distance);
    assert_int_equal(seq_max(early, late).v, late.v);
    assert_int_equal(seq_max(late, early).v, late.v);
    assert_int_equal(seq_min(early, late).v, early.v);
    assert_int_equal(seq_min(late, early).v, early.v);
}

static void test_a_number_less_than_half_the_circle_ahead_is_later(void **state)
{
    (void)state;
    for (size_t i = 0; i < POINTS; i++)
        for (size_t k = 0; k < AHEAD; k++)
            assert_order(seq_make(points[i]), seq_make(points[i] + ahead[k]), ahead[k]);
}

static void test_a_number_is_equal_to_itself_and_neither_earlier_nor_later(void **state)
{
    (void)state;
    for (size_t i = 0; i < POINTS; i++) {
        struct tcp_seq a = seq_make(points[i]), b = seq_make(points[i]);
        assert_true(seq_eq(a, b));
        assert_true(seq_leq(a, b));
        assert_true(seq_geq(a, b));
        assert_false(seq_lt(a, b));
        assert_false(seq_gt(a, b));
        assert_int_equal(seq_diff(a, b), 0);
        assert_int_equal(seq_max(a, b).v, points[i]);
        assert_int_equal(seq_min(a, b).v, points[i]);
    }
}

static void test_order_follows_the_walk_round_the_circle(void **state)
{
    (void)state;
    struct rng r = rng_make(3);
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t start = rng_u32(&r), step = (uint32_t)rng_between(&r, 1, 0x7fffffff);
        assert_order(seq_make(start), seq_make((uint32_t)(((uint64_t)start + step) % 0x100000000)),
                     step);
    }
}

static void test_adding_and_subtracting_wrap_modulo_2_to_the_32(void **state)
{
    (void)state;
    assert_int_equal(seq_add(seq_make(0xffffffffU), 1).v, 0);
    assert_int_equal(seq_sub(seq_make(0), 1).v, 0xffffffffU);
    assert_int_equal(seq_add(seq_make(0x7fffffff), 1).v, 0x80000000U);
    assert_int_equal(seq_add(seq_make(5), 0xffffffffU).v, 4);
    for (size_t i = 0; i < POINTS; i++)
        for (size_t k = 0; k < AHEAD; k++) {
            struct tcp_seq a = seq_make(points[i]);
            assert_int_equal(seq_add(a, ahead[k]).v,
                             ((uint64_t)points[i] + ahead[k]) % 0x100000000);
            assert_int_equal(seq_sub(seq_add(a, ahead[k]), ahead[k]).v, points[i]);
        }
}

/* Does x come up when one walks `len` numbers on from `from`? By 64-bit arithmetic without
 * wrapping. */
static bool naive_in(uint32_t x, uint32_t from, uint64_t len)
{
    uint64_t from_x = x >= from ? (uint64_t)x : (uint64_t)x + 0x100000000;
    return from_x < from + len;
}

static void test_nothing_is_in_an_empty_window(void **state)
{
    (void)state;
    for (size_t i = 0; i < POINTS; i++)
        for (size_t k = 0; k < POINTS; k++)
            assert_false(seq_in(seq_make(points[k]), seq_make(points[i]), 0));
}

static void test_a_window_holds_its_first_and_last_number_and_not_its_neighbours(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {
        1, 2, 65535, 0x7fffffff, 0x80000000U, 0x80000001U, 0xc0000000U, 0xfffffffeU, 0xffffffffU};
    for (size_t i = 0; i < POINTS; i++)
        for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
            struct tcp_seq from = seq_make(points[i]);
            uint32_t len = lengths[k];
            assert_true(seq_in(from, from, len));
            assert_true(seq_in(seq_add(from, len - 1), from, len));
            assert_true(seq_in(seq_add(from, len / 2), from, len));
            assert_false(seq_in(seq_add(from, len), from, len));
            assert_false(seq_in(seq_sub(from, 1), from, len));
        }
}

static void test_being_in_a_window_agrees_with_counting(void **state)
{
    (void)state;
    struct rng r = rng_make(4);
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t from = rng_u32(&r), len = rng_u32(&r) >> rng_below(&r, 32);
        uint32_t x = i % 2 != 0 ? rng_u32(&r) : from + len + (uint32_t)rng_below(&r, 5) - 2;
        assert_int_equal(seq_in(seq_make(x), seq_make(from), len), naive_in(x, from, len));
    }
}

static void test_unwrapping_follows_a_stream_past_many_turns_of_the_circle(void **state)
{
    (void)state;
    struct rng r = rng_make(5);
    uint32_t isn = 0xfffffff0U;
    uint64_t offset = 0; /* of the last number seen; the stream starts at isn */
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t forward = rng_below(&r, 0x80000000U);
        uint64_t back = rng_below(&r, 0x80000001U);
        uint64_t next = offset + forward, earlier = offset > back ? offset - back : 0;
        struct tcp_seq near_seq = seq_make((uint32_t)(isn + offset));
        assert_true(seq_unwrap(seq_make((uint32_t)(isn + next)), near_seq, offset) == next);
        assert_true(seq_unwrap(seq_make((uint32_t)(isn + earlier)), near_seq, offset) == earlier);
        offset = next;
    }
    assert_true(offset > UINT64_C(1000) << 32);
}

static void test_unwrapping_reaches_half_a_circle_each_way(void **state)
{
    (void)state;
    uint64_t here = UINT64_C(5) << 32;
    for (size_t i = 0; i < POINTS; i++) {
        struct tcp_seq near_seq = seq_make(points[i]);
        assert_true(seq_unwrap(near_seq, near_seq, here) == here);
        for (size_t k = 0; k < AHEAD; k++) {
            assert_true(seq_unwrap(seq_add(near_seq, ahead[k]), near_seq, here) == here + ahead[k]);
            assert_true(seq_unwrap(seq_sub(near_seq, ahead[k]), near_seq, here) == here - ahead[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_number_less_than_half_the_circle_ahead_is_later),
        cmocka_unit_test(test_a_number_is_equal_to_itself_and_neither_earlier_nor_later),
        cmocka_unit_test(test_order_follows_the_walk_round_the_circle),
        cmocka_unit_test(test_adding_and_subtracting_wrap_modulo_2_to_the_32),
        cmocka_unit_test(test_nothing_is_in_an_empty_window),
        cmocka_unit_test(test_a_window_holds_its_first_and_last_number_and_not_its_neighbours),
        cmocka_unit_test(test_being_in_a_window_agrees_with_counting),
        cmocka_unit_test(test_unwrapping_follows_a_stream_past_many_turns_of_the_circle),
        cmocka_unit_test(test_unwrapping_reaches_half_a_circle_each_way),
    };
    return cmocka_run_group_tests_name("seq", tests, NULL, NULL);
}
