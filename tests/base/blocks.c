/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "base/blocks.h"
#include "base/rng.h"

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

static const size_t class_bytes[BLOCKS_CLASSES] = {4096, 16384, 65536};

static uint8_t *setup(struct blocks *blocks, uint32_t superblocks, uint32_t urgent)
{
    struct blocks_config config = {.handler = &handler,
                                   .promised_bytes_max = 1000000,
                                   .superblocks = superblocks,
                                   .urgent_superblocks = urgent};
    size_t size = blocks_size(&config);
    assert_true(size >= (size_t)superblocks * 65536);
    uint8_t *mem = malloc(size + 1);
    assert_non_null(mem);
    blocks_init(blocks, &config, mem + 1); /* memory of no alignment */
    assert_true(blocks_invariants(blocks));
    return mem;
}

/* Not inlined: the assertions leave by longjmp and want no inlined local beside them. */
static __attribute__((noinline)) uint32_t take(struct blocks *blocks, enum blocks_class class)
{
    return blocks_take(blocks, class, BLOCKS_NORMAL);
}

static void test_a_class_fills_the_arena_with_whole_blocks_and_then_fails(void **state)
{
    (void)state;
    for (enum blocks_class class = BLOCKS_4K; class < BLOCKS_CLASSES; class++) {
        struct blocks blocks;
        uint8_t *mem = setup(&blocks, 3, 0);
        uint32_t n = (uint32_t)(3 * 65536 / class_bytes[class]), ids[48];
        assert_int_equal(blocks_bytes(class), class_bytes[class]);
        for (uint32_t i = 0; i < n; i++) {
            ids[i] = take(&blocks, class);
            assert_int_not_equal(ids[i], BLOCKS_NONE);
            assert_int_equal(blocks_class_of(&blocks, ids[i]), class);
            assert_int_equal((uintptr_t)blocks_ptr(&blocks, ids[i]) % 4096, 0);
            memset(blocks_ptr(&blocks, ids[i]), (int)i + 1, class_bytes[class]);
            assert_true(blocks_invariants(&blocks));
        }
        assert_int_equal(take(&blocks, class), BLOCKS_NONE);
        assert_int_equal(blocks_take(&blocks, class, BLOCKS_URGENT), BLOCKS_NONE);
        assert_int_equal(blocks.failures[BLOCKS_NORMAL], 1);
        assert_int_equal(blocks.failures[BLOCKS_URGENT], 1);
        assert_int_equal(blocks.in_use[class], n);
        assert_int_equal(blocks.bytes_in_use, 3 * 65536);
        assert_int_equal(blocks_free_bytes(&blocks), 0);
        for (uint32_t i = 0; i < n; i++) /* nobody wrote over another's block */
            for (size_t k = 0; k < class_bytes[class]; k += 511)
                assert_int_equal(((uint8_t *)blocks_ptr(&blocks, ids[i]))[k], i + 1);
        for (uint32_t i = 0; i < n; i++)
            blocks_give(&blocks, ids[i]);
        assert_true(blocks_invariants(&blocks));
        assert_int_equal(blocks.bytes_in_use, 0);
        assert_int_equal(blocks.bytes_in_use_max, 3 * 65536);
        assert_int_equal(blocks_free_bytes(&blocks), 3 * 65536);
        for (uint32_t i = 0; i < 3; i++) /* and every class may have it */
            assert_int_not_equal(take(&blocks, BLOCKS_64K), BLOCKS_NONE);
        free(mem);
    }
}

static void test_the_block_freed_last_comes_first(void **state)
{
    (void)state;
    struct blocks blocks;
    uint8_t *mem = setup(&blocks, 4, 0);
    uint32_t ids[20];
    for (unsigned i = 0; i < 20; i++) /* two superblocks: 16 and 4 blocks */
        ids[i] = take(&blocks, BLOCKS_4K);
    blocks_give(&blocks, ids[7]);
    blocks_give(&blocks, ids[3]);
    blocks_give(&blocks, ids[9]);
    assert_int_equal(take(&blocks, BLOCKS_4K), ids[9]);
    assert_int_equal(take(&blocks, BLOCKS_4K), ids[3]);
    assert_int_equal(take(&blocks, BLOCKS_4K), ids[7]);
    blocks_give(&blocks, ids[5]);
    blocks_give(&blocks, ids[18]); /* the other superblock */
    blocks_give(&blocks, ids[6]);
    assert_int_equal(take(&blocks, BLOCKS_4K), ids[6]);
    assert_int_equal(take(&blocks, BLOCKS_4K), ids[18]);
    /* Whole superblocks too. */
    uint32_t a = take(&blocks, BLOCKS_64K), b = take(&blocks, BLOCKS_64K);
    blocks_give(&blocks, a);
    blocks_give(&blocks, b);
    assert_int_equal(take(&blocks, BLOCKS_64K), b);
    assert_int_equal(take(&blocks, BLOCKS_64K), a);
    assert_true(blocks_invariants(&blocks));
    free(mem);
}

static void test_an_empty_superblock_serves_every_class(void **state)
{
    (void)state;
    struct blocks blocks;
    uint8_t *mem = setup(&blocks, 1, 0);
    for (unsigned round = 0; round < 6; round++) {
        enum blocks_class class = (enum blocks_class)(round % BLOCKS_CLASSES);
        enum blocks_class other = (enum blocks_class)((round + 1) % BLOCKS_CLASSES);
        uint32_t id = take(&blocks, class);
        assert_int_not_equal(id, BLOCKS_NONE);
        assert_int_equal(take(&blocks, other), BLOCKS_NONE);
        blocks_give(&blocks, id);
        assert_true(blocks_invariants(&blocks));
    }
    free(mem);
}

static void test_a_partly_used_superblock_is_used_up_before_an_empty_one(void **state)
{
    (void)state;
    struct blocks blocks;
    uint8_t *mem = setup(&blocks, 4, 0);
    uint32_t keep = take(&blocks, BLOCKS_4K);
    uint32_t full[2] = {take(&blocks, BLOCKS_64K), take(&blocks, BLOCKS_64K)};
    blocks_give(&blocks, full[0]); /* the memory freed last, but these are empty superblocks */
    blocks_give(&blocks, full[1]);
    for (unsigned i = 0; i < 15; i++)
        assert_int_equal(take(&blocks, BLOCKS_4K) >> 4, keep >> 4);
    assert_int_equal(take(&blocks, BLOCKS_4K) >> 4, full[0] >> 4); /* full[1] is kept warm */
    assert_int_equal(take(&blocks, BLOCKS_64K), full[1]);
    free(mem);
}

static void test_the_last_superblocks_are_for_the_urgent(void **state)
{
    (void)state;
    struct blocks blocks;
    uint8_t *mem = setup(&blocks, 4, 2);
    uint32_t a = take(&blocks, BLOCKS_4K);
    assert_int_not_equal(take(&blocks, BLOCKS_64K), BLOCKS_NONE);
    assert_int_equal(blocks.superblocks_free, 2);
    assert_int_equal(take(&blocks, BLOCKS_64K), BLOCKS_NONE);
    assert_int_equal(take(&blocks, BLOCKS_16K), BLOCKS_NONE);
    assert_int_equal(blocks.failures[BLOCKS_NORMAL], 2);
    /* What is left of a superblock already opened takes nothing from the reserve. */
    for (unsigned i = 0; i < 15; i++)
        assert_int_not_equal(take(&blocks, BLOCKS_4K), BLOCKS_NONE);
    assert_int_equal(take(&blocks, BLOCKS_4K), BLOCKS_NONE);
    assert_int_not_equal(blocks_take(&blocks, BLOCKS_64K, BLOCKS_URGENT), BLOCKS_NONE);
    assert_int_not_equal(blocks_take(&blocks, BLOCKS_16K, BLOCKS_URGENT), BLOCKS_NONE);
    assert_int_equal(blocks.superblocks_free, 0);
    assert_int_equal(blocks_take(&blocks, BLOCKS_64K, BLOCKS_URGENT), BLOCKS_NONE);
    assert_int_equal(blocks.failures[BLOCKS_URGENT], 1);
    /* Once the reserve is broken into, what comes back is for the urgent, until it is whole again. */
    blocks_give(&blocks, a);
    assert_int_equal(take(&blocks, BLOCKS_4K), BLOCKS_NONE);
    assert_int_equal(take(&blocks, BLOCKS_16K), BLOCKS_NONE);
    assert_int_equal(blocks_take(&blocks, BLOCKS_4K, BLOCKS_URGENT), a);
    assert_true(blocks_invariants(&blocks));
    free(mem);
}

static void test_a_warm_block_of_the_reserve_is_for_the_urgent_too(void **state)
{
    (void)state;
    struct blocks blocks;
    uint8_t *mem = setup(&blocks, 2, 1);
    assert_int_not_equal(take(&blocks, BLOCKS_64K), BLOCKS_NONE);
    uint32_t id = blocks_take(&blocks, BLOCKS_4K, BLOCKS_URGENT);
    assert_int_not_equal(id, BLOCKS_NONE);
    blocks_give(&blocks, id);
    assert_int_equal(take(&blocks, BLOCKS_4K), BLOCKS_NONE);
    assert_int_not_equal(blocks_take(&blocks, BLOCKS_64K, BLOCKS_URGENT), BLOCKS_NONE);
    assert_true(blocks_invariants(&blocks));
    free(mem);
}

static void test_promises_are_refused_above_the_limit_only(void **state)
{
    (void)state;
    struct blocks blocks;
    uint8_t *mem = setup(&blocks, 1, 0); /* a limit of 1,000,000 over 65,536: overcommitted */
    assert_true(blocks_reserve(&blocks, 999999));
    assert_false(blocks_reserve(&blocks, 2));
    assert_false(blocks_reserve(&blocks, UINT64_MAX));
    assert_int_equal(blocks.promise_failures, 2);
    assert_int_equal(blocks.promised_bytes, 999999);
    assert_true(blocks_reserve(&blocks, 1));
    assert_false(blocks_reserve(&blocks, 1));
    assert_true(blocks_reserve(&blocks, 0));
    expect_breach(blocks_unreserve(&blocks, 1000001));
    blocks_unreserve(&blocks, 1000000);
    assert_int_equal(blocks.promised_bytes, 0);
    free(mem);
}

static void test_a_span_is_charged_the_blocks_it_can_touch(void **state)
{
    (void)state;
    /* Counted block by block over each place in a block where the span can begin. */
    static const uint64_t spans[] = {0, 1, 2, 3, 4095, 4096, 4097, 4098, 8193, 65535, 65536, 65537};
    for (enum blocks_class class = BLOCKS_4K; class < BLOCKS_CLASSES; class++)
        for (unsigned i = 0; i < sizeof spans / sizeof spans[0]; i++) {
            uint64_t size = class_bytes[class], worst = 0;
            for (uint64_t at = 0; at < size && spans[i] > 0; at++) {
                uint64_t touched = (at + spans[i] - 1) / size + 1;
                worst = touched > worst ? touched : worst;
            }
            assert_int_equal(blocks_span_bytes(class, spans[i]), worst * size);
        }
}

static void test_contract_breaches_are_caught(void **state)
{
    (void)state;
    struct blocks blocks;
    uint8_t *mem = setup(&blocks, 2, 0);
    uint32_t a = take(&blocks, BLOCKS_16K), b = take(&blocks, BLOCKS_16K);
    assert_int_equal(a, 0);
    assert_int_equal(b, 4);
    expect_breach(blocks_give(&blocks, 8));  /* free */
    expect_breach(blocks_give(&blocks, 1));  /* inside a */
    expect_breach(blocks_give(&blocks, 16)); /* in a superblock never opened */
    expect_breach(blocks_give(&blocks, BLOCKS_NONE));
    expect_breach(blocks_ptr(&blocks, 16));
    expect_breach(take(&blocks, BLOCKS_CLASSES));
    blocks_give(&blocks, a);
    expect_breach(blocks_give(&blocks, a));
    blocks_give(&blocks, b);
    expect_breach(blocks_give(&blocks, b)); /* its superblock is empty now */
    assert_true(blocks_invariants(&blocks));
    free(mem);
}

static void test_size_refuses_what_is_out_of_range(void **state)
{
    (void)state;
    struct blocks_config config = {.superblocks = 0};
    assert_int_equal(blocks_size(&config), 0);
    config.superblocks = BLOCKS_SUPERBLOCKS_MAX + 1;
    assert_int_equal(blocks_size(&config), 0);
    config.superblocks = 1;
    config.urgent_superblocks = 2;
    assert_int_equal(blocks_size(&config), 0);
    config.urgent_superblocks = 1;
    assert_true(blocks_size(&config) > 65536);
}

/* The model: which unit of 4 KB belongs to which block, and nothing else. */
enum { SUPERS = 6, UNITS = SUPERS * 16, URGENT = 2 };

struct model {
    struct {
        uint32_t id;
        enum blocks_class class;
    } held[UNITS];
    unsigned held_count;
    bool unit_used[UNITS];
};

static bool model_super_is_empty(const struct model *m, unsigned super)
{
    for (unsigned u = 0; u < 16; u++)
        if (m->unit_used[super * 16 + u])
            return false;
    return true;
}

/* May a block be had? From a superblock of its class with a free block, or from an empty one; but not
 * while there are fewer empty ones than are kept for the urgent. */
static bool model_can_take(const struct model *m, enum blocks_class class,
                           enum blocks_priority priority)
{
    unsigned in_class[SUPERS] = {0}, empty = 0;
    bool partial = false;
    for (unsigned i = 0; i < m->held_count; i++)
        if (m->held[i].class == class)
            in_class[m->held[i].id / 16]++;
    for (unsigned s = 0; s < SUPERS; s++) {
        partial |= in_class[s] > 0 && in_class[s] < 65536 / class_bytes[class];
        empty += model_super_is_empty(m, s);
    }
    if (priority == BLOCKS_URGENT)
        return partial || empty > 0;
    return partial ? empty >= URGENT : empty > URGENT;
}

static void model_take(struct blocks *blocks, struct model *m, enum blocks_class class,
                       enum blocks_priority priority)
{
    bool possible = model_can_take(m, class, priority);
    uint32_t id = blocks_take(blocks, class, priority);
    assert_int_equal(id != BLOCKS_NONE, possible);
    if (!possible)
        return;
    unsigned units = (unsigned)(class_bytes[class] / 4096);
    assert_true(id + units <= UNITS && id / 16 == (id + units - 1) / 16);
    for (unsigned u = 0; u < units; u++) {
        assert_false(m->unit_used[id + u]);
        m->unit_used[id + u] = true;
    }
    m->held[m->held_count].id = id;
    m->held[m->held_count++].class = class;
    memset(blocks_ptr(blocks, id), (int)id, 64);
}

static void model_give(struct blocks *blocks, struct model *m, unsigned i)
{
    uint32_t id = m->held[i].id;
    const uint8_t *p = blocks_ptr(blocks, id);
    for (unsigned k = 0; k < 64; k++)
        assert_int_equal(p[k], id);
    for (unsigned u = 0; u < class_bytes[m->held[i].class] / 4096; u++)
        m->unit_used[id + u] = false;
    blocks_give(blocks, id);
    m->held[i] = m->held[--m->held_count];
}

static void test_random_operations_agree_with_a_model(void **state)
{
    (void)state;
    struct blocks blocks;
    uint8_t *mem = setup(&blocks, SUPERS, URGENT);
    struct model m = {.held_count = 0};
    struct rng rng = rng_make(1);
    for (unsigned step = 0; step < 20000; step++) {
        enum blocks_class class = (enum blocks_class)rng_below(&rng, BLOCKS_CLASSES);
        bool urgent = rng_below(&rng, 8) == 0;
        if (rng_below(&rng, 10) < (step / 100 % 2 == 0 ? 8U : 2U))
            model_take(&blocks, &m, class, urgent ? BLOCKS_URGENT : BLOCKS_NORMAL);
        else if (m.held_count > 0)
            model_give(&blocks, &m, (unsigned)rng_below(&rng, m.held_count));
        assert_true(blocks_invariants(&blocks));
        uint64_t units = 0;
        for (unsigned u = 0; u < UNITS; u++)
            units += m.unit_used[u];
        assert_int_equal(blocks.bytes_in_use, units * 4096);
    }
    assert_int_equal(blocks.bytes_in_use_max, (uint64_t)UNITS * 4096);
    assert_true(blocks.failures[BLOCKS_NORMAL] > 0 && blocks.failures[BLOCKS_URGENT] > 0);
    free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_class_fills_the_arena_with_whole_blocks_and_then_fails),
        cmocka_unit_test(test_the_block_freed_last_comes_first),
        cmocka_unit_test(test_an_empty_superblock_serves_every_class),
        cmocka_unit_test(test_a_partly_used_superblock_is_used_up_before_an_empty_one),
        cmocka_unit_test(test_the_last_superblocks_are_for_the_urgent),
        cmocka_unit_test(test_a_warm_block_of_the_reserve_is_for_the_urgent_too),
        cmocka_unit_test(test_promises_are_refused_above_the_limit_only),
        cmocka_unit_test(test_a_span_is_charged_the_blocks_it_can_touch),
        cmocka_unit_test(test_contract_breaches_are_caught),
        cmocka_unit_test(test_size_refuses_what_is_out_of_range),
        cmocka_unit_test(test_random_operations_agree_with_a_model),
    };
    return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
