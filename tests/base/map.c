/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "base/map.h"
#include "base/rng.h"

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

static struct map setup(uint32_t entries_max, uint8_t **mem)
{
    struct map map;
    size_t size = map_size(entries_max);
    assert_true(size > 0);
    *mem = malloc(size + 1);
    assert_non_null(*mem);
    map_init(&map, entries_max, &handler, *mem + 1); /* memory of no alignment */
    assert_true(map_invariants(&map));
    return map;
}

/* In these tests the key of a value stands in an array at the value. */
static bool same_key(const void *ctx, uint32_t value)
{
    const uint64_t *const *key_and_keys = ctx;
    return *key_and_keys[0] == key_and_keys[1][value];
}

static uint32_t find(const struct map *map, uint32_t hash, const uint64_t *keys, uint64_t key)
{
    const uint64_t *ctx[2] = {&key, keys};
    return map_find(map, hash, same_key, ctx);
}

static void test_an_empty_map_finds_nothing(void **state)
{
    (void)state;
    uint8_t *mem;
    struct map map = setup(1, &mem);
    uint32_t cursor = 0;
    uint64_t key = 0;
    assert_int_equal(find(&map, 0, &key, 0), MAP_NONE);
    assert_false(map_remove(&map, 0, 0));
    assert_int_equal(map_next(&map, &cursor), MAP_NONE);
    free(mem);
}

static void test_holds_as_many_as_asked_and_counts_a_refusal(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 40; n++) {
        uint8_t *mem;
        uint64_t keys[41];
        struct map map = setup(n, &mem);
        assert_true((map.mask & (map.mask + 1)) == 0);
        assert_true((uint64_t)n * 4 <= ((uint64_t)map.mask + 1) * 3);
        for (uint32_t i = 0; i < n; i++) {
            keys[i] = i;
            assert_true(map_insert(&map, i * 7, i));
        }
        assert_false(map_insert(&map, 1, n));
        assert_int_equal(map.failures, 1);
        assert_int_equal(map.count, n);
        keys[n] = 1000;
        assert_int_equal(find(&map, 1000, keys, 1000), MAP_NONE); /* a miss ends in a full map */
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(find(&map, i * 7, keys, i), i);
        assert_true(map_remove(&map, 0, 0));
        assert_true(map_insert(&map, 1, n));
        assert_true(map_invariants(&map));
        free(mem);
    }
}

static void test_equal_hashes_are_told_apart_by_their_keys(void **state)
{
    (void)state;
    uint8_t *mem;
    uint64_t keys[6] = {10, 11, 12, 13, 14, 15};
    struct map map = setup(6, &mem);
    for (uint32_t i = 0; i < 6; i++)
        assert_true(map_insert(&map, 0xffffffff, i)); /* the last slot: they go round the end */
    assert_int_equal(map.probe_max, 5);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(find(&map, 0xffffffff, keys, keys[i]), i);
    assert_int_equal(find(&map, 0xffffffff, keys, 16), MAP_NONE);
    assert_true(map_remove(&map, 0xffffffff, 2));
    assert_false(map_remove(&map, 0xffffffff, 2));
    assert_true(map_invariants(&map));
    assert_int_equal(find(&map, 0xffffffff, keys, 12), MAP_NONE);
    assert_int_equal(find(&map, 0xffffffff, keys, 15), 5);
    free(mem);
}

static void test_a_hash_that_only_shares_its_slot_is_not_a_hit(void **state)
{
    (void)state;
    uint8_t *mem;
    uint64_t keys[1] = {7};
    struct map map = setup(3, &mem); /* 4 slots */
    assert_true(map_insert(&map, 1, 0));
    assert_int_equal(find(&map, 5, keys, 7), MAP_NONE);
    assert_false(map_remove(&map, 5, 0));
    assert_int_equal(find(&map, 1, keys, 7), 0);
    free(mem);
}

static void test_contract_breaches_are_caught(void **state)
{
    (void)state;
    uint8_t *mem;
    struct map map = setup(4, &mem);
    expect_breach(map_insert(&map, 1, MAP_NONE));
    expect_breach(map_remove(&map, 1, MAP_NONE));
    expect_breach(map_init(&map, 0, &handler, mem));
    expect_breach(map_init(&map, MAP_ENTRIES_MAX + 1, &handler, mem));
    assert_int_equal(map_size(0), 0);
    assert_int_equal(map_size(MAP_ENTRIES_MAX + 1), 0);
    free(mem);
}

/* The model is an array: for each value whether it is in the map, its hash and its key. */
enum { VALUES = 150, ENTRIES_MAX = 96 };

struct model {
    bool held[VALUES];
    uint32_t hash[VALUES];
    uint64_t key[VALUES];
    uint32_t count;
};

static void check_all(const struct map *map, const struct model *m)
{
    bool seen[VALUES] = {false};
    uint32_t cursor = 0, value, count = 0;
    while ((value = map_next(map, &cursor)) != MAP_NONE) {
        assert_true(value < VALUES && m->held[value] && !seen[value]);
        seen[value] = true;
        count++;
    }
    assert_int_equal(count, m->count);
    assert_int_equal(map->count, m->count);
    for (uint32_t v = 0; v < VALUES; v++) {
        uint32_t expected = m->held[v] ? v : MAP_NONE;
        assert_int_equal(find(map, m->hash[v], m->key, m->key[v]), expected);
    }
}

static void random_operations(uint64_t seed, uint32_t hash_mask)
{
    uint8_t *mem;
    struct map map = setup(ENTRIES_MAX, &mem);
    struct model m = {.count = 0};
    struct rng rng = rng_make(seed);
    uint64_t failures = 0;
    for (uint32_t v = 0; v < VALUES; v++) {
        m.key[v] = (uint64_t)v << 32 | rng_u32(&rng); /* distinct */
        m.hash[v] = rng_u32(&rng) & hash_mask;
    }
    for (unsigned step = 0; step < 4000; step++) {
        uint32_t v = (uint32_t)rng_below(&rng, VALUES);
        bool more = rng_below(&rng, 10) < (step / 500 % 2 == 0 ? 8U : 3U);
        if (more && !m.held[v]) {
            bool room = m.count < ENTRIES_MAX;
            assert_int_equal(map_insert(&map, m.hash[v], v), room);
            m.held[v] = room;
            m.count += room;
            failures += !room;
        } else if (!more) {
            assert_int_equal(map_remove(&map, m.hash[v], v), m.held[v]);
            m.count -= m.held[v];
            m.held[v] = false;
        }
        assert_true(map_invariants(&map));
        if (step % 16 == 0)
            check_all(&map, &m);
    }
    check_all(&map, &m);
    assert_true(failures > 0);
    assert_int_equal(map.failures, failures);
    free(mem);
}

static void test_random_operations_agree_with_a_model(void **state)
{
    (void)state;
    random_operations(1, UINT32_MAX);
}

static void test_hashes_crowded_into_few_slots_agree_with_a_model(void **state)
{
    (void)state;
    random_operations(2, 0x80000003);
    random_operations(3, 0xfffffff8);
    random_operations(4, 0);
}

static void test_probes_stay_short_at_full_load(void **state)
{
    (void)state;
    enum { N = 3 * 4096 / 4 };
    uint8_t *mem;
    struct map map = setup(N, &mem);
    struct rng rng = rng_make(5);
    for (uint32_t v = 0; v < N; v++)
        assert_true(map_insert(&map, rng_u32(&rng), v));
    assert_int_equal(map.mask, 4095);
    /* Knuth 6.4: (1 + 1/(1 - 3/4)) / 2 = 2.5 slots looked at on average, 1.5 of them past home. */
    uint64_t distance = 0;
    for (uint32_t i = 0; i <= map.mask; i++)
        if (map.slots[i].value != MAP_NONE)
            distance += (i - map.slots[i].hash) & map.mask;
    assert_in_range(distance * 10 / N, 10, 20);
    assert_true(map.probe_max < 40);
    free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_map_finds_nothing),
        cmocka_unit_test(test_holds_as_many_as_asked_and_counts_a_refusal),
        cmocka_unit_test(test_equal_hashes_are_told_apart_by_their_keys),
        cmocka_unit_test(test_a_hash_that_only_shares_its_slot_is_not_a_hit),
        cmocka_unit_test(test_contract_breaches_are_caught),
        cmocka_unit_test(test_random_operations_agree_with_a_model),
        cmocka_unit_test(test_hashes_crowded_into_few_slots_agree_with_a_model),
        cmocka_unit_test(test_probes_stay_short_at_full_load),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
