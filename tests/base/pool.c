/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "base/pool.h"
#include "base/rng.h"

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

/* A pool in memory of its own that begins `skew` bytes past the heap's alignment. */
struct fixture {
    struct pool pool;
    uint8_t *mem;
};

static struct fixture setup(uint32_t capacity, uint32_t block_bytes, uint32_t align, size_t skew)
{
    struct pool_config config = {.handler = &handler,
                                 .capacity = capacity,
                                 .block_bytes = block_bytes,
                                 .block_align = align};
    size_t size = pool_size(&config);
    assert_true(size >= (size_t)capacity * block_bytes);
    struct fixture f = {.mem = malloc(size + skew)};
    assert_non_null(f.mem);
    memset(f.mem, 0xa5, size + skew);
    pool_init(&f.pool, &config, f.mem + skew);
    assert_true(pool_invariants(&f.pool));
    return f;
}

static void test_gives_each_block_once_and_then_none_and_counts_it(void **state)
{
    (void)state;
    struct fixture f = setup(3, 10, 1, 0);
    bool seen[3] = {false};
    for (unsigned i = 0; i < 3; i++) {
        uint32_t index = pool_take(&f.pool);
        assert_true(index < 3 && !seen[index]);
        seen[index] = true;
    }
    assert_int_equal(pool_take(&f.pool), POOL_NONE);
    assert_int_equal(pool_take(&f.pool), POOL_NONE);
    assert_int_equal(f.pool.failures, 2);
    assert_int_equal(f.pool.in_use, 3);
    pool_give(&f.pool, 1);
    assert_int_equal(f.pool.in_use, 2);
    assert_int_equal(f.pool.in_use_max, 3);
    assert_int_equal(pool_take(&f.pool), 1);
    free(f.mem);
}

static void test_the_block_freed_last_comes_first(void **state)
{
    (void)state;
    struct fixture f = setup(8, 64, 64, 0);
    for (unsigned i = 0; i < 5; i++)
        pool_take(&f.pool);
    pool_give(&f.pool, 1);
    pool_give(&f.pool, 4);
    pool_give(&f.pool, 0);
    assert_int_equal(pool_take(&f.pool), 0);
    assert_int_equal(pool_take(&f.pool), 4);
    assert_int_equal(pool_take(&f.pool), 1);
    assert_int_equal(pool_take(&f.pool), 5); /* never taken before: only when nothing was freed */
    free(f.mem);
}

static void test_blocks_are_aligned_and_apart_in_memory_of_any_alignment(void **state)
{
    (void)state;
    for (size_t skew = 0; skew < 70; skew += 23)
        for (uint32_t align = 1; align <= 4096; align *= 8) {
            struct fixture f = setup(5, 33, align, skew);
            for (unsigned i = 0; i < 5; i++) {
                uint32_t index = pool_take(&f.pool);
                uint8_t *p = pool_at(&f.pool, index);
                assert_int_equal((uintptr_t)p % align, 0);
                memset(p, (int)index, 33); /* the sanitizer sees it when outside of mem */
            }
            for (uint32_t i = 0; i < 5; i++)
                for (unsigned k = 0; k < 33; k++)
                    assert_int_equal(((uint8_t *)pool_at(&f.pool, i))[k], i);
            assert_true(pool_invariants(&f.pool));
            free(f.mem);
        }
}

static void test_a_handle_is_stale_once_its_block_was_given_back(void **state)
{
    (void)state;
    struct fixture f = setup(2, 16, 8, 0);
    uint32_t index = pool_take(&f.pool);
    struct pool_handle first = pool_handle_of(&f.pool, index);
    assert_ptr_equal(pool_get(&f.pool, first), pool_at(&f.pool, index));
    pool_give(&f.pool, index);
    assert_null(pool_get(&f.pool, first));
    assert_int_equal(pool_take(&f.pool), index);
    assert_null(pool_get(&f.pool, first));
    struct pool_handle second = pool_handle_of(&f.pool, index);
    assert_int_not_equal(first.generation, second.generation);
    assert_ptr_equal(pool_get(&f.pool, second), pool_at(&f.pool, index));
    free(f.mem);
}

static void test_foreign_handles_name_nothing(void **state)
{
    (void)state;
    struct fixture f = setup(4, 16, 8, 0);
    struct pool_handle zero = {0};
    assert_null(pool_get(&f.pool, zero));
    for (unsigned i = 0; i < 3; i++)
        pool_take(&f.pool);
    assert_null(pool_get(&f.pool, zero));
    pool_give(&f.pool, 1);
    /* Block 1 is free: not even its present generation opens it. Block 3 was never taken, and there
     * is no block 4. */
    for (uint32_t generation = 0; generation < 8; generation++) {
        assert_null(pool_get(&f.pool, (struct pool_handle){1, generation}));
        assert_null(pool_get(&f.pool, (struct pool_handle){3, generation}));
        assert_null(pool_get(&f.pool, (struct pool_handle){4, generation}));
        assert_null(pool_get(&f.pool, (struct pool_handle){POOL_NONE, generation}));
    }
    /* What the memory held before is no generation. */
    assert_null(pool_get(&f.pool, (struct pool_handle){3, 0xa5a5a5a5}));
    free(f.mem);
}

static void test_generation_wraps_without_a_valid_zero(void **state)
{
    (void)state;
    struct fixture f = setup(1, 16, 8, 0);
    uint32_t index = pool_take(&f.pool);
    f.pool.slots[index].generation = UINT32_MAX; /* as after 2^31 takes */
    struct pool_handle last = pool_handle_of(&f.pool, index);
    pool_give(&f.pool, index);
    assert_null(pool_get(&f.pool, (struct pool_handle){index, 0}));
    assert_int_equal(pool_take(&f.pool), index);
    assert_null(pool_get(&f.pool, last));
    assert_int_equal(pool_handle_of(&f.pool, index).generation, 1);
    free(f.mem);
}

/* Apart from the assertions, which leave by longjmp: those want no inlined local beside them. */
static __attribute__((noinline)) uint32_t take_and_give(struct pool *pool)
{
    uint32_t index = pool_take(pool);
    pool_give(pool, index);
    return index;
}

static void test_contract_breaches_are_caught(void **state)
{
    (void)state;
    struct fixture f = setup(2, 16, 8, 0);
    uint32_t index = take_and_give(&f.pool);
    expect_breach(pool_give(&f.pool, index)); /* twice */
    expect_breach(pool_give(&f.pool, 1));     /* never taken */
    expect_breach(pool_give(&f.pool, 2));     /* none of the pool */
    expect_breach(pool_give(&f.pool, POOL_NONE));
    expect_breach(pool_handle_of(&f.pool, index));
    expect_breach(pool_at(&f.pool, 2));
    assert_true(pool_invariants(&f.pool));
    free(f.mem);
}

static void test_size_refuses_what_is_out_of_range(void **state)
{
    (void)state;
    struct pool_config ok = {.capacity = 1, .block_bytes = 1, .block_align = 1}, c;
    assert_true(pool_size(&ok) > 0);
    c = ok, c.capacity = 0;
    assert_int_equal(pool_size(&c), 0);
    c = ok, c.capacity = POOL_CAPACITY_MAX + 1;
    assert_int_equal(pool_size(&c), 0);
    c = ok, c.block_bytes = 0;
    assert_int_equal(pool_size(&c), 0);
    c = ok, c.block_bytes = (1U << 30) + 1;
    assert_int_equal(pool_size(&c), 0);
    c = ok, c.block_align = 48;
    assert_int_equal(pool_size(&c), 0);
    c = ok, c.block_align = 0;
    assert_int_equal(pool_size(&c), 0);
    c = ok, c.block_align = 1 << 17;
    assert_int_equal(pool_size(&c), 0);
}

/* A model that knows each block's state, the handles given, and the free list as a plain stack. */
enum { CAPACITY = 37, HANDLES = 400 };

struct model {
    bool in_use[CAPACITY];
    uint32_t stack[CAPACITY], stacked, fresh;
    struct {
        struct pool_handle handle;
        bool live;
    } handles[HANDLES];
    unsigned handle_count;
};

static void model_take(struct fixture *f, struct model *m)
{
    uint32_t expected = m->stacked > 0        ? m->stack[--m->stacked]
                        : m->fresh < CAPACITY ? m->fresh++
                                              : POOL_NONE;
    assert_int_equal(pool_take(&f->pool), expected);
    if (expected == POOL_NONE)
        return;
    m->in_use[expected] = true;
    memset(pool_at(&f->pool, expected), (int)expected, 24);
    unsigned k = m->handle_count++ % HANDLES;
    m->handles[k].handle = pool_handle_of(&f->pool, expected);
    m->handles[k].live = true;
}

static void model_give(struct fixture *f, struct model *m, uint32_t index)
{
    const uint8_t *p = pool_at(&f->pool, index);
    for (unsigned i = 0; i < 24; i++)
        assert_int_equal(p[i], index);
    pool_give(&f->pool, index);
    m->in_use[index] = false;
    m->stack[m->stacked++] = index;
    for (unsigned k = 0; k < HANDLES; k++)
        if (m->handles[k].handle.index == index)
            m->handles[k].live = false;
}

static void test_random_operations_agree_with_a_model(void **state)
{
    (void)state;
    struct fixture f = setup(CAPACITY, 24, 8, 1);
    struct model m = {.fresh = 0};
    struct rng rng = rng_make(1);
    for (unsigned step = 0; step < 20000; step++) {
        uint32_t index = (uint32_t)rng_below(&rng, CAPACITY);
        /* Long runs of mostly taking and mostly giving, so that both ends are met. */
        if (rng_below(&rng, 10) < (step / 200 % 2 != 0 ? 7U : 3U))
            model_take(&f, &m);
        else if (m.in_use[index])
            model_give(&f, &m, index);
        unsigned in_use = 0;
        for (unsigned i = 0; i < CAPACITY; i++)
            in_use += m.in_use[i];
        assert_int_equal(f.pool.in_use, in_use);
        unsigned k = (unsigned)rng_below(&rng, HANDLES);
        struct pool_handle handle = m.handles[k].handle;
        void *expected = m.handles[k].live ? pool_at(&f.pool, handle.index) : NULL;
        assert_ptr_equal(pool_get(&f.pool, handle), expected);
        assert_true(pool_invariants(&f.pool));
    }
    assert_int_equal(f.pool.in_use_max, CAPACITY);
    assert_true(f.pool.failures > 0);
    free(f.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_each_block_once_and_then_none_and_counts_it),
        cmocka_unit_test(test_the_block_freed_last_comes_first),
        cmocka_unit_test(test_blocks_are_aligned_and_apart_in_memory_of_any_alignment),
        cmocka_unit_test(test_a_handle_is_stale_once_its_block_was_given_back),
        cmocka_unit_test(test_foreign_handles_name_nothing),
        cmocka_unit_test(test_generation_wraps_without_a_valid_zero),
        cmocka_unit_test(test_contract_breaches_are_caught),
        cmocka_unit_test(test_size_refuses_what_is_out_of_range),
        cmocka_unit_test(test_random_operations_agree_with_a_model),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
