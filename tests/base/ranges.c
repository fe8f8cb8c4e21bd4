/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "base/ranges.h"
#include "base/rng.h"

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

static uint8_t *setup(struct ranges_pool *pool, uint32_t nodes)
{
    size_t size = ranges_pool_size(nodes);
    assert_true(size > 0);
    uint8_t *mem = malloc(size + 1);
    assert_non_null(mem);
    ranges_pool_init(pool, nodes, &handler, mem + 1); /* memory of no alignment */
    return mem;
}

static bool add(struct ranges *set, struct ranges_pool *pool, uint64_t start, uint64_t end)
{
    return ranges_add(set, pool, (struct range){start, end}, NULL);
}

/* The set holds exactly these ranges. */
static void assert_ranges(const struct ranges *set, const struct ranges_pool *pool,
                          const struct range *expected, unsigned n)
{
    struct range r = {0, 0};
    uint64_t bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        assert_true(ranges_next(set, pool, r.end, &r));
        assert_int_equal(r.start, expected[i].start);
        assert_int_equal(r.end, expected[i].end);
        bytes += r.end - r.start;
    }
    assert_false(ranges_next(set, pool, r.end, &r));
    assert_int_equal(set->count, n);
    assert_int_equal(set->bytes, bytes);
    assert_true(ranges_invariants(set, pool));
}

#define ASSERT_RANGES(set, pool, ...)                                                              \
    do {                                                                                           \
        const struct range expected_[] = {__VA_ARGS__};                                            \
        assert_ranges(set, pool, expected_, sizeof expected_ / sizeof expected_[0]);               \
    } while (0)

static void test_an_empty_set_answers_nothing(void **state)
{
    (void)state;
    struct ranges_pool pool;
    struct ranges set;
    struct range r = {7, 8};
    uint8_t *mem = setup(&pool, 1);
    ranges_init(&set, &pool, 1);
    assert_false(ranges_first(&set, &pool, &r) || ranges_last(&set, &pool, &r) ||
                 ranges_next(&set, &pool, 0, &r) || ranges_find(&set, &pool, 0, &r) ||
                 ranges_contain(&set, &pool, (struct range){0, 1}));
    assert_int_equal(r.start, 7); /* not written to */
    struct range gap = ranges_gap_after(&set, &pool, 5);
    assert_true(gap.start == 5 && gap.end == UINT64_MAX);
    assert_true(ranges_remove(&set, &pool, (struct range){0, 10}));
    ranges_remove_below(&set, &pool, 10);
    ranges_clear(&set, &pool);
    assert_ranges(&set, &pool, NULL, 0);
    free(mem);
}

static void test_ranges_that_touch_or_overlap_become_one(void **state)
{
    (void)state;
    struct ranges_pool pool;
    struct ranges set;
    struct range merged;
    uint8_t *mem = setup(&pool, 8);
    ranges_init(&set, &pool, 8);
    assert_true(add(&set, &pool, 10, 20) && add(&set, &pool, 30, 40) && add(&set, &pool, 50, 60));
    ASSERT_RANGES(&set, &pool, {10, 20}, {30, 40}, {50, 60});
    assert_true(ranges_add(&set, &pool, (struct range){20, 30}, &merged)); /* touches both */
    assert_true(merged.start == 10 && merged.end == 40);
    ASSERT_RANGES(&set, &pool, {10, 40}, {50, 60});
    assert_true(add(&set, &pool, 41, 49)); /* one short of touching on both sides */
    ASSERT_RANGES(&set, &pool, {10, 40}, {41, 49}, {50, 60});
    assert_true(ranges_add(&set, &pool, (struct range){15, 16}, &merged)); /* nothing new */
    assert_true(merged.start == 10 && merged.end == 40);
    assert_true(add(&set, &pool, 9, 10));
    assert_true(add(&set, &pool, 60, 61));
    ASSERT_RANGES(&set, &pool, {9, 40}, {41, 49}, {50, 61});
    assert_true(ranges_add(&set, &pool, (struct range){0, 100}, &merged)); /* swallows all */
    assert_true(merged.start == 0 && merged.end == 100);
    ASSERT_RANGES(&set, &pool, {0, 100});
    assert_int_equal(pool.in_use, 1);
    free(mem);
}

static void test_a_full_set_still_extends_and_joins_but_adds_no_range(void **state)
{
    (void)state;
    struct ranges_pool pool;
    struct ranges set;
    struct range merged = {1, 2};
    uint8_t *mem = setup(&pool, 8);
    ranges_init(&set, &pool, 3);
    assert_true(add(&set, &pool, 10, 20) && add(&set, &pool, 30, 40) && add(&set, &pool, 50, 60));
    assert_false(ranges_add(&set, &pool, (struct range){70, 80}, &merged));
    assert_true(merged.start == 1 && merged.end == 2);
    assert_int_equal(pool.failures, 1);
    ASSERT_RANGES(&set, &pool, {10, 20}, {30, 40}, {50, 60});
    assert_true(add(&set, &pool, 60, 65));
    assert_false(ranges_remove(&set, &pool, (struct range){14, 16})); /* would split */
    assert_int_equal(pool.failures, 2);
    ASSERT_RANGES(&set, &pool, {10, 20}, {30, 40}, {50, 65});
    assert_true(add(&set, &pool, 20, 30));
    assert_true(ranges_remove(&set, &pool, (struct range){14, 16}));
    ASSERT_RANGES(&set, &pool, {10, 14}, {16, 40}, {50, 65});
    free(mem);
}

static void test_sets_share_the_nodes_and_feel_their_end(void **state)
{
    (void)state;
    struct ranges_pool pool;
    struct ranges a, b;
    uint8_t *mem = setup(&pool, 3);
    ranges_init(&a, &pool, 100);
    ranges_init(&b, &pool, 100);
    assert_true(add(&a, &pool, 1, 2) && add(&b, &pool, 1, 2) && add(&b, &pool, 3, 4));
    assert_false(add(&a, &pool, 3, 4));
    assert_false(add(&b, &pool, 5, 6));
    assert_true(add(&b, &pool, 2, 3)); /* frees one */
    ASSERT_RANGES(&b, &pool, {1, 4});
    assert_true(add(&a, &pool, 3, 4));
    assert_int_equal(pool.in_use, 3);
    ranges_clear(&a, &pool);
    assert_int_equal(pool.in_use, 1);
    assert_int_equal(pool.in_use_max, 3);
    assert_int_equal(pool.failures, 2);
    ASSERT_RANGES(&b, &pool, {1, 4});
    free(mem);
}

static void test_removal_trims_splits_and_swallows(void **state)
{
    (void)state;
    struct ranges_pool pool;
    struct ranges set;
    uint8_t *mem = setup(&pool, 8);
    ranges_init(&set, &pool, 8);
    assert_true(add(&set, &pool, 10, 20) && add(&set, &pool, 30, 40) && add(&set, &pool, 50, 60));
    assert_true(ranges_remove(&set, &pool, (struct range){20, 30})); /* a gap: no change */
    ASSERT_RANGES(&set, &pool, {10, 20}, {30, 40}, {50, 60});
    assert_true(ranges_remove(&set, &pool, (struct range){19, 31}));
    ASSERT_RANGES(&set, &pool, {10, 19}, {31, 40}, {50, 60});
    assert_true(ranges_remove(&set, &pool, (struct range){12, 55}));
    ASSERT_RANGES(&set, &pool, {10, 12}, {55, 60});
    assert_true(ranges_remove(&set, &pool, (struct range){57, 58}));
    ASSERT_RANGES(&set, &pool, {10, 12}, {55, 57}, {58, 60});
    ranges_remove_below(&set, &pool, 10);
    ASSERT_RANGES(&set, &pool, {10, 12}, {55, 57}, {58, 60});
    ranges_remove_below(&set, &pool, 11);
    ASSERT_RANGES(&set, &pool, {11, 12}, {55, 57}, {58, 60});
    ranges_remove_below(&set, &pool, 57);
    ASSERT_RANGES(&set, &pool, {58, 60});
    ranges_remove_below(&set, &pool, 60);
    assert_ranges(&set, &pool, NULL, 0);
    assert_int_equal(pool.in_use, 0);
    free(mem);
}

static void test_offsets_reach_the_end_of_64_bits(void **state)
{
    (void)state;
    struct ranges_pool pool;
    struct ranges set;
    struct range r;
    uint8_t *mem = setup(&pool, 8);
    ranges_init(&set, &pool, 8);
    assert_true(add(&set, &pool, UINT64_MAX - 1, UINT64_MAX) && add(&set, &pool, 0, 1));
    assert_true(ranges_find(&set, &pool, UINT64_MAX - 1, &r));
    assert_false(ranges_find(&set, &pool, UINT64_MAX, &r));
    struct range gap = ranges_gap_after(&set, &pool, 0);
    assert_true(gap.start == 1 && gap.end == UINT64_MAX - 1);
    assert_true(add(&set, &pool, 1, UINT64_MAX - 1));
    ASSERT_RANGES(&set, &pool, {0, UINT64_MAX});
    ranges_remove_below(&set, &pool, UINT64_MAX);
    assert_int_equal(set.count, 0);
    free(mem);
}

static void test_contract_breaches_are_caught(void **state)
{
    static const struct range empty = {5, 5};
    (void)state;
    struct ranges_pool pool;
    struct ranges set;
    uint8_t *mem = setup(&pool, 8);
    ranges_init(&set, &pool, 8);
    expect_breach(add(&set, &pool, 5, 5));
    expect_breach(add(&set, &pool, 5, 4));
    expect_breach(ranges_remove(&set, &pool, empty));
    expect_breach(ranges_contain(&set, &pool, empty));
    expect_breach(ranges_init(&set, &pool, 0));
    expect_breach(ranges_init(&set, &pool, RANGES_COUNT_MAX + 1));
    assert_int_equal(ranges_pool_size(0), 0);
    assert_int_equal(ranges_pool_size(UINT32_MAX), 0);
    free(mem);
}

/* Orders that ruin a tree without balance, at the largest set there may be: the depth stays
 * proven, for ranges_invariants() refuses a tree deeper than RANGES_DEPTH_MAX. */
static void test_no_order_of_arrival_makes_the_tree_deep(void **state)
{
    (void)state;
    enum { N = RANGES_COUNT_MAX };
    struct ranges_pool pool;
    uint8_t *mem = setup(&pool, N);
    for (unsigned order = 0; order < 4; order++) {
        struct ranges set;
        ranges_init(&set, &pool, N);
        for (uint64_t i = 0; i < N; i++) {
            uint64_t ends = i % 2 == 0 ? i / 2 : N - 1 - i / 2;
            uint64_t middle = i % 2 == 0 ? N / 2 + i / 2 : N / 2 - 1 - i / 2;
            uint64_t at[] = {i, N - 1 - i, ends, middle};
            assert_true(add(&set, &pool, at[order] * 2, at[order] * 2 + 1));
        }
        assert_true(ranges_invariants(&set, &pool));
        assert_int_equal(set.count, N);
        assert_false(add(&set, &pool, 2 * N, 2 * N + 1));
        /* Take one half away from below: the other half must balance itself. */
        ranges_remove_below(&set, &pool, N);
        assert_true(ranges_invariants(&set, &pool));
        ranges_clear(&set, &pool);
        assert_int_equal(pool.in_use, 0);
    }
    free(mem);
}

/* The model is one bool for each offset. */
enum { OFFSETS = 400, CAP = 24 };

static unsigned model_count(const bool *in)
{
    unsigned count = 0;
    for (unsigned i = 0; i < OFFSETS; i++)
        count += in[i] && (i == 0 || !in[i - 1]);
    return count;
}

static void check_queries(const struct ranges *set, const struct ranges_pool *pool, const bool *in,
                          unsigned at)
{
    struct range r = {0, 0}, walk = {0, 0};
    unsigned start = at, end = at, gap_start = at;
    assert_int_equal(ranges_find(set, pool, at, &r), in[at]);
    while (in[at] && start > 0 && in[start - 1])
        start--;
    while (end < OFFSETS && in[end])
        end++;
    if (in[at])
        assert_true(r.start == start && r.end == end);
    assert_int_equal(ranges_contain(set, pool, (struct range){at, at + 3}),
                     at + 3 <= OFFSETS && in[at] && in[at + 1] && in[at + 2]);
    gap_start = end;
    while (end < OFFSETS && !in[end])
        end++;
    struct range gap = ranges_gap_after(set, pool, at);
    assert_int_equal(gap.start, gap_start);
    assert_true(gap.end == (end < OFFSETS ? end : UINT64_MAX));

    unsigned count = 0;
    uint64_t bytes = 0, lowest = UINT64_MAX, highest = 0;
    for (unsigned i = 0; i < OFFSETS; i++) {
        bytes += in[i];
        if (in[i] && (i == 0 || !in[i - 1])) {
            assert_true(ranges_next(set, pool, walk.end, &walk));
            assert_int_equal(walk.start, i);
            count++;
        }
        if (in[i]) {
            lowest = lowest == UINT64_MAX ? i : lowest;
            highest = i + 1;
        }
    }
    assert_int_equal(set->count, count);
    assert_int_equal(set->bytes, bytes);
    assert_int_equal(ranges_first(set, pool, &r), count > 0);
    assert_true(count == 0 || r.start == lowest);
    assert_int_equal(ranges_last(set, pool, &r), count > 0);
    assert_true(count == 0 || r.end == highest);
}

static void test_random_operations_agree_with_a_model(void **state)
{
    (void)state;
    struct ranges_pool pool;
    struct ranges set;
    uint8_t *mem = setup(&pool, CAP + 2);
    bool in[OFFSETS + 3] = {false};
    struct rng rng = rng_make(1);
    uint64_t refused = 0;
    ranges_init(&set, &pool, CAP);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned start = (unsigned)rng_below(&rng, OFFSETS);
        unsigned len_max = rng_below(&rng, 6) == 0 ? 60 : 5;
        unsigned len = 1 + (unsigned)rng_below(&rng, len_max);
        unsigned end = start + len < OFFSETS ? start + len : OFFSETS;
        unsigned kind = (unsigned)rng_below(&rng, 100);
        bool after[OFFSETS + 3];
        memcpy(after, in, sizeof in);
        bool done = true;
        if (kind == 0) {
            ranges_clear(&set, &pool);
            memset(after, 0, sizeof after);
        } else if (kind < 3) {
            ranges_remove_below(&set, &pool, start / 4);
            memset(after, 0, start / 4);
        } else {
            bool adding = kind < (step / 1000 % 2 == 0 ? 80U : 45U);
            memset(after + start, adding, end - start);
            struct range r = {start, end};
            done = adding ? ranges_add(&set, &pool, r, NULL) : ranges_remove(&set, &pool, r);
            assert_int_equal(done, model_count(after) <= CAP);
            refused += !done;
        }
        if (done)
            memcpy(in, after, sizeof in);
        assert_true(ranges_invariants(&set, &pool));
        assert_int_equal(pool.in_use, set.count);
        if (step % 4 == 0)
            check_queries(&set, &pool, in, (unsigned)rng_below(&rng, OFFSETS));
    }
    assert_true(refused > 0);
    assert_int_equal(pool.failures, refused);
    free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_set_answers_nothing),
        cmocka_unit_test(test_ranges_that_touch_or_overlap_become_one),
        cmocka_unit_test(test_a_full_set_still_extends_and_joins_but_adds_no_range),
        cmocka_unit_test(test_sets_share_the_nodes_and_feel_their_end),
        cmocka_unit_test(test_removal_trims_splits_and_swallows),
        cmocka_unit_test(test_offsets_reach_the_end_of_64_bits),
        cmocka_unit_test(test_contract_breaches_are_caught),
        cmocka_unit_test(test_no_order_of_arrival_makes_the_tree_deep),
        cmocka_unit_test(test_random_operations_agree_with_a_model),
    };
    return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
