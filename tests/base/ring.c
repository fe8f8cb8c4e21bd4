/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "base/ring.h"
#include "base/rng.h"

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

static const size_t class_bytes[BLOCKS_CLASSES] = {4096, 16384, 65536};

static uint8_t *setup(struct blocks *blocks, uint32_t superblocks)
{
    struct blocks_config config = {.handler = &handler, .superblocks = superblocks};
    uint8_t *mem = malloc(blocks_size(&config));
    assert_non_null(mem);
    blocks_init(blocks, &config, mem);
    return mem;
}

static void teardown(struct ring *ring, uint8_t *mem)
{
    struct blocks *blocks = ring->blocks;
    ring_reset(ring, 0);
    assert_int_equal(blocks->bytes_in_use, 0); /* nothing leaked */
    assert_true(blocks_invariants(blocks));
    free(mem);
}

/* A byte that depends on every bit of its offset. */
static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static uint8_t *pattern(uint64_t offset, size_t len)
{
    uint8_t *bytes = malloc(len);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(offset + i);
    return bytes;
}

static size_t write_pattern(struct ring *ring, uint64_t offset, size_t len)
{
    uint8_t *bytes = pattern(offset, len);
    size_t done = ring_write(ring, offset, (struct weir_ref){bytes, len}, BLOCKS_NORMAL);
    free(bytes);
    assert_true(ring_invariants(ring));
    return done;
}

static void assert_pattern(const struct ring *ring, uint64_t offset, size_t len)
{
    uint8_t *expected = pattern(offset, len), *bytes = malloc(len);
    assert_non_null(bytes);
    ring_read(ring, offset, bytes, len);
    assert_true(memcmp(bytes, expected, len) == 0);
    free(bytes);
    free(expected);
}

static void test_an_empty_ring_holds_no_block(void **state)
{
    (void)state;
    struct blocks blocks;
    struct ring ring;
    uint8_t *mem = setup(&blocks, 2);
    ring_init(&ring, &blocks, BLOCKS_4K, 1000);
    assert_true(ring_is_empty(&ring) && ring_invariants(&ring));
    assert_int_equal(ring_bytes_held(&ring), 0);
    assert_int_equal(write_pattern(&ring, 1000, 5000), 5000);
    assert_int_equal(ring_bytes_held(&ring), 8192);
    assert_int_equal(blocks.bytes_in_use, 8192);
    ring_release(&ring, 4095);
    assert_int_equal(ring_bytes_held(&ring), 8192);
    ring_release(&ring, 4096); /* exactly to the end of the first block */
    assert_int_equal(ring_bytes_held(&ring), 4096);
    ring_release(&ring, 5999);
    assert_int_equal(ring_bytes_held(&ring), 4096);
    ring_release(&ring, 6000); /* the last byte, in the middle of a block */
    assert_int_equal(ring_bytes_held(&ring), 0);
    assert_true(ring_is_empty(&ring) && ring_invariants(&ring));
    teardown(&ring, mem);
}

static void test_write_above_a_hole_keeps_the_hole(void **state)
{
    (void)state;
    struct blocks blocks;
    struct ring ring;
    uint8_t *mem = setup(&blocks, 2), byte;
    struct weir_ref refs[2];
    ring_init(&ring, &blocks, BLOCKS_4K, 0);
    assert_int_equal(write_pattern(&ring, 3 * 4096 + 100, 50), 50);
    assert_int_equal(ring.held, 1); /* the three blocks of the hole cost nothing */
    assert_pattern(&ring, 3 * 4096 + 100, 50);
    expect_breach(ring_read(&ring, 0, &byte, 1));
    expect_breach(ring_refs(&ring, 2 * 4096 + 4095, 2, refs));
    assert_int_equal(write_pattern(&ring, 0, 4096), 4096);
    assert_int_equal(ring.held, 2);
    assert_int_equal(write_pattern(&ring, 4096, 2 * 4096 + 100), 2 * 4096 + 100);
    assert_int_equal(ring.held, 4);
    assert_pattern(&ring, 0, 3 * 4096 + 150);
    teardown(&ring, mem);
}

static void test_a_packet_touches_at_most_two_blocks(void **state)
{
    (void)state;
    struct blocks blocks;
    struct ring ring;
    struct ring_span span[2];
    struct weir_ref ref[2];
    uint8_t *mem = setup(&blocks, 8);
    for (enum blocks_class class = BLOCKS_4K; class < BLOCKS_CLASSES; class++) {
        size_t size = class_bytes[class];
        static const size_t at[] = {0, 1, 1000, 4095};
        for (unsigned i = 0; i < 4; i++) {
            uint64_t offset = 5 * size + at[i];
            ring_init(&ring, &blocks, class, offset);
            /* As long as a block: one span when it begins where a block does, else two. */
            assert_int_equal(ring_span_write(&ring, offset, size, BLOCKS_NORMAL, span), size);
            assert_int_equal(span[0].len, size - at[i]);
            assert_int_equal(span[1].len, at[i]);
            assert_int_equal(ring.held, at[i] == 0 ? 1 : 2);
            assert_int_equal(ring_refs(&ring, offset, size, ref), size);
            assert_ptr_equal(ref[0].data, span[0].data);
            assert_ptr_equal(ref[1].data, span[1].data);
            assert_true(ref[0].len == span[0].len && ref[1].len == span[1].len);
            /* Longer than two blocks can hold: as much as they do. */
            size_t two = 2 * size - at[i];
            assert_int_equal(ring_span_write(&ring, offset, 3 * size, BLOCKS_NORMAL, span), two);
            assert_int_equal(ring_span_write(&ring, offset, 0, BLOCKS_NORMAL, span), 0);
            assert_true(span[0].len == 0 && span[1].len == 0);
            assert_int_equal(ring_refs(&ring, offset, two, ref), two);
            assert_true(ring_invariants(&ring));
            ring_reset(&ring, 0);
        }
    }
    teardown(&ring, mem);
}

static void test_exhaustion_leaves_the_ring_as_it_was_and_counts(void **state)
{
    (void)state;
    struct blocks blocks;
    struct ring ring;
    struct ring_span span[2];
    uint8_t *mem = setup(&blocks, 2);
    ring_init(&ring, &blocks, BLOCKS_64K, 60000);
    assert_int_equal(write_pattern(&ring, 60000, 200000), 2 * 65536 - 60000); /* short */
    assert_int_equal(blocks.failures[BLOCKS_NORMAL], 1);
    struct ring before = ring;
    assert_int_equal(ring_span_write(&ring, 131072, 1, BLOCKS_URGENT, span), 0);
    assert_memory_equal(&ring, &before, sizeof ring);
    assert_int_equal(blocks.failures[BLOCKS_URGENT], 1);
    assert_pattern(&ring, 60000, 2 * 65536 - 60000);
    ring_release(&ring, 65536);
    assert_int_equal(write_pattern(&ring, 131072, 65536), 65536); /* what was freed can be had */
    assert_pattern(&ring, 65536, 2 * 65536);
    teardown(&ring, mem);
}

static void test_no_memory_for_the_index_gives_the_block_back(void **state)
{
    (void)state;
    struct blocks blocks;
    struct ring ring, other;
    uint8_t *mem = setup(&blocks, 1);
    ring_init(&ring, &blocks, BLOCKS_4K, 0);
    ring_init(&other, &blocks, BLOCKS_4K, 0);
    assert_int_equal(write_pattern(&ring, 0, 1), 1);
    for (uint64_t n = 0; n < 4; n++)
        assert_int_equal(write_pattern(&other, n * 4096, 1), 1);
    uint32_t rest[10]; /* one block is left: enough for the data, not for the index as well */
    for (unsigned i = 0; i < 10; i++)
        rest[i] = blocks_take(&blocks, BLOCKS_4K, BLOCKS_NORMAL);
    assert_int_equal(blocks.bytes_in_use, 15 * 4096);
    struct ring before = ring;
    assert_int_equal(write_pattern(&ring, 4 * 4096, 1), 0);
    assert_memory_equal(&ring, &before, sizeof ring);
    assert_int_equal(blocks.bytes_in_use, 15 * 4096);
    /* An empty ring that needs an index at once must not keep one either. */
    ring_release(&ring, 1);
    blocks_give(&blocks, rest[0]);
    rest[0] = blocks_take(&blocks, BLOCKS_4K, BLOCKS_NORMAL);
    uint32_t last = blocks_take(&blocks, BLOCKS_4K, BLOCKS_NORMAL);
    assert_int_equal(write_pattern(&ring, 9 * 4096, 1), 0);
    assert_int_equal(ring_bytes_held(&ring), 0);
    blocks_give(&blocks, last);
    for (unsigned i = 0; i < 10; i++)
        blocks_give(&blocks, rest[i]);
    ring_reset(&other, 0);
    teardown(&ring, mem);
}

static void test_the_table_grows_with_the_span_and_comes_back(void **state)
{
    (void)state;
    struct blocks blocks;
    struct ring ring;
    uint8_t *mem = setup(&blocks, 4);
    uint64_t head = UINT64_C(0x123456789a00), n = head / 4096;
    /* Blocks that are the last for the struct, an index block of 4, 16 and 64 KB (of 4-byte
     * ids), or one beyond; the bytes that the index then costs. */
    static const struct {
        uint64_t block, index_bytes;
    } steps[] = {{3, 0},        {4, 4096},     {1023, 4096},  {1024, 16384},
                 {4095, 16384}, {4096, 65536}, {16383, 65536}};
    ring_init(&ring, &blocks, BLOCKS_4K, head);
    assert_int_equal(write_pattern(&ring, head, 10), 10);
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(write_pattern(&ring, (n + steps[i].block) * 4096, 77), 77);
        assert_int_equal(ring_bytes_held(&ring), (2 + i) * 4096 + steps[i].index_bytes);
        assert_pattern(&ring, head, 10);
        for (unsigned k = 0; k <= i; k++)
            assert_pattern(&ring, (n + steps[k].block) * 4096, 77);
    }
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        ring_release(&ring, (n + steps[i].block) * 4096);
        assert_true(ring_invariants(&ring));
        for (unsigned k = i; k < sizeof steps / sizeof steps[0]; k++)
            assert_pattern(&ring, (n + steps[k].block) * 4096, 77);
    }
    assert_int_equal(ring_bytes_held(&ring), 4096); /* one block; the table is back */
    teardown(&ring, mem);
}

static void test_a_span_about_the_limit_does_not_move_the_table_to_and_fro(void **state)
{
    (void)state;
    struct blocks blocks;
    struct ring ring;
    uint8_t *mem = setup(&blocks, 2);
    ring_init(&ring, &blocks, BLOCKS_4K, 0);
    assert_int_equal(write_pattern(&ring, 0, 5 * 4096), 5 * 4096);
    assert_int_equal(ring_bytes_held(&ring), (5 + 1) * 4096);
    ring_release(&ring, 4096); /* four would fit into the struct again */
    assert_int_equal(ring_bytes_held(&ring), (4 + 1) * 4096);
    ring_release(&ring, 3 * 4096 - 1);
    assert_int_equal(ring_bytes_held(&ring), (3 + 1) * 4096);
    ring_release(&ring, 3 * 4096);
    assert_int_equal(ring_bytes_held(&ring), 2 * 4096);
    assert_pattern(&ring, 3 * 4096, 2 * 4096);
    teardown(&ring, mem);
}

static void test_the_longest_span_is_covered_from_every_place_and_no_more(void **state)
{
    (void)state;
    struct blocks blocks;
    struct ring ring;
    struct ring_span span[2];
    uint8_t *mem = setup(&blocks, 4);
    for (enum blocks_class class = BLOCKS_4K; class < BLOCKS_CLASSES; class++) {
        uint64_t max = ring_bytes_max(class), size = class_bytes[class];
        for (uint64_t at = 0; at < size; at += size - 1) {
            ring_init(&ring, &blocks, class, at);
            assert_int_equal(ring_span_write(&ring, at + max - 1, 1, BLOCKS_NORMAL, span), 1);
            assert_true(ring_invariants(&ring));
            ring_reset(&ring, 0);
        }
        ring_init(&ring, &blocks, class, size - 1);
        expect_breach(ring_span_write(&ring, size - 1 + max, 1, BLOCKS_NORMAL, span));
        ring_init(&ring, &blocks, class, 0);
        blocks_init(&blocks, &(struct blocks_config){.handler = &handler, .superblocks = 4}, mem);
    }
    teardown(&ring, mem);
}

static void test_contract_breaches_are_caught(void **state)
{
    (void)state;
    struct blocks blocks;
    struct ring ring;
    struct ring_span span[2];
    struct weir_ref ref[2];
    uint8_t *mem = setup(&blocks, 4);
    ring_init(&ring, &blocks, BLOCKS_4K, 100);
    expect_breach(ring_span_write(&ring, 99, 1, BLOCKS_NORMAL, span));
    expect_breach(ring_release(&ring, 99));
    expect_breach(ring_refs(&ring, 100, 1, ref)); /* empty */
    assert_int_equal(write_pattern(&ring, 100, 10), 10);
    expect_breach(ring_refs(&ring, 99, 1, ref));
    expect_breach(ring_refs(&ring, 105, 6, ref)); /* one past the end */
    expect_breach(ring_set_class(&ring, BLOCKS_16K));
    ring_release(&ring, 110);
    ring_set_class(&ring, BLOCKS_16K);
    assert_int_equal(write_pattern(&ring, 110, 20000), 20000);
    assert_int_equal(ring_bytes_held(&ring), 32768);
    assert_pattern(&ring, 110, 20000);
    teardown(&ring, mem);
}

static void test_release_beyond_the_end_moves_the_head(void **state)
{
    (void)state;
    struct blocks blocks;
    struct ring ring;
    uint8_t *mem = setup(&blocks, 4);
    ring_init(&ring, &blocks, BLOCKS_4K, 0);
    assert_int_equal(write_pattern(&ring, 0, 30000), 30000);
    ring_release(&ring, UINT64_C(1) << 40);
    assert_true(ring_is_empty(&ring) && ring.head == UINT64_C(1) << 40);
    assert_int_equal(ring_bytes_held(&ring), 0);
    assert_int_equal(write_pattern(&ring, (UINT64_C(1) << 40) + 5, 10), 10);
    assert_pattern(&ring, (UINT64_C(1) << 40) + 5, 10);
    teardown(&ring, mem);
}

/* RFC 1071 section 1, by the book: 16-bit big-endian words, an odd byte padded with zero. */
static uint16_t naive_checksum(const uint8_t *p, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += i % 2 == 0 ? (uint64_t)p[i] << 8 : p[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void test_the_fused_sum_joins_over_blocks_at_odd_lengths(void **state)
{
    (void)state;
    static uint8_t bytes[70000];
    struct blocks blocks;
    struct ring ring;
    struct rng rng = rng_make(4);
    uint8_t *mem = setup(&blocks, 4);
    rng_bytes(&rng, bytes, sizeof bytes);
    ring_init(&ring, &blocks, BLOCKS_4K, 0);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t offset = ring.head + rng_below(&rng, 4096);
        size_t len = (size_t)rng_below(&rng, i < 150 ? 3000 : sizeof bytes + 1);
        struct weir_ref src = {bytes, len};
        struct ring_sum got = ring_write_sum(&ring, offset, src, BLOCKS_NORMAL, &csum_portable);
        assert_int_equal(got.len, len);
        assert_int_equal(be16_get(csum_finish(got.sum)), naive_checksum(bytes, len));
        for (size_t at = 0; at < len;) {
            struct weir_ref ref[2];
            size_t n = ring_refs(&ring, offset + at, len - at, ref);
            assert_memory_equal(ref[0].data, bytes + at, ref[0].len);
            if (ref[1].len != 0)
                assert_memory_equal(ref[1].data, bytes + at + ref[0].len, ref[1].len);
            at += n;
        }
        ring_release(&ring, offset + len);
    }
    /* Cut short by exhaustion, the sum is over what was written. */
    ring_reset(&ring, 4095);
    uint32_t rest[3];
    for (unsigned i = 0; i < 3; i++)
        rest[i] = blocks_take(&blocks, BLOCKS_64K, BLOCKS_NORMAL);
    struct ring_sum got = ring_write_sum(&ring, 4095, (struct weir_ref){bytes, sizeof bytes},
                                         BLOCKS_NORMAL, &csum_portable);
    assert_int_equal(got.len, 11 * 4096 + 1 + 3 * 4096); /* 15 blocks and one for the index */
    assert_int_equal(be16_get(csum_finish(got.sum)), naive_checksum(bytes, got.len));
    for (unsigned i = 0; i < 3; i++)
        blocks_give(&blocks, rest[i]);
    teardown(&ring, mem);
}

/* The model is the stream's bytes (a block never lies across the end of the array), and which
 * of them were written in blocks not wholly released, around an offset that only grows. */
enum { WINDOW = 192 * 1024, MODEL_BYTES = WINDOW + 65536 };

struct model {
    uint8_t byte[MODEL_BYTES]; /* at offset % MODEL_BYTES */
    bool written[MODEL_BYTES];
    uint64_t head, end;
    uint64_t block_bytes;
};

/* Blocks with a byte written in them. */
static uint64_t model_held(const struct model *m)
{
    uint64_t held = 0, size = m->block_bytes;
    for (uint64_t n = m->head / size; n * size < m->end; n++)
        held += memchr(&m->written[n * size % MODEL_BYTES], true, (size_t)size) != NULL;
    return held;
}

static void model_write(struct ring *ring, struct model *m, struct rng *rng)
{
    static uint8_t bytes[WINDOW];
    size_t len_max = rng_below(rng, 4) == 0 ? 20000 : 1460;
    size_t len = 1 + (size_t)rng_below(rng, len_max);
    uint64_t room = rng_below(rng, 3) == 0 ? WINDOW - len : 30000;
    uint64_t offset = m->head + rng_below(rng, room);
    rng_bytes(rng, bytes, len);
    struct weir_ref src = {bytes, len};
    size_t done = rng_below(rng, 2) == 0
                      ? ring_write(ring, offset, src, BLOCKS_NORMAL)
                      : ring_write_sum(ring, offset, src, BLOCKS_NORMAL, &csum_portable).len;
    assert_true(done <= len);
    if (done < len) /* short only when there is no memory */
        assert_true(blocks_free_bytes(ring->blocks) < BLOCKS_SUPERBLOCK_BYTES);
    for (size_t i = 0; i < done; i++) {
        m->byte[(offset + i) % MODEL_BYTES] = bytes[i];
        m->written[(offset + i) % MODEL_BYTES] = true;
    }
    if (done > 0 && offset + done > m->end)
        m->end = offset + done;
}

static void model_read(const struct ring *ring, const struct model *m, struct rng *rng)
{
    static uint8_t bytes[WINDOW], expected[WINDOW];
    if (m->head == m->end)
        return;
    uint64_t from = m->head + rng_below(rng, m->end - m->head), to = from;
    for (; to < m->end && to - from < 9000 && m->written[to % MODEL_BYTES]; to++)
        expected[to - from] = m->byte[to % MODEL_BYTES];
    ring_read(ring, from, bytes, (size_t)(to - from));
    assert_true(memcmp(bytes, expected, (size_t)(to - from)) == 0);
}

static void model_release(struct ring *ring, struct model *m, uint64_t up_to)
{
    ring_release(ring, up_to);
    uint64_t size = m->block_bytes;
    uint64_t gone = up_to >= m->end ? m->end : up_to / size * size;
    for (uint64_t o = m->head / size * size; o < gone; o++)
        m->written[o % MODEL_BYTES] = false;
    m->head = up_to;
    if (m->end < up_to)
        m->end = up_to;
}

static void random_operations(enum blocks_class class, uint32_t superblocks, uint64_t seed)
{
    static struct model m;
    struct blocks blocks;
    struct ring ring;
    struct rng rng = rng_make(seed);
    uint8_t *mem = setup(&blocks, superblocks);
    memset(&m, 0, sizeof m);
    m.block_bytes = class_bytes[class];
    m.head = m.end = rng_below(&rng, UINT64_C(1) << 40);
    ring_init(&ring, &blocks, class, m.head);
    for (unsigned step = 0; step < 2000; step++) {
        if (rng_below(&rng, 3) != 0) {
            model_write(&ring, &m, &rng);
        } else {
            uint64_t most = rng_below(&rng, 4) == 0 ? m.end - m.head + 5000 : 8000;
            model_release(&ring, &m, m.head + rng_below(&rng, most));
        }
        assert_true(ring.head == m.head && ring.end == m.end);
        assert_true(ring_invariants(&ring));
        model_read(&ring, &m, &rng);
        assert_int_equal(blocks.bytes_in_use, ring_bytes_held(&ring));
        if (step % 8 == 0)
            assert_int_equal(ring.held, model_held(&m));
    }
    teardown(&ring, mem);
}

static void test_random_operations_agree_with_a_model(void **state)
{
    (void)state;
    random_operations(BLOCKS_4K, 8, 5);
    random_operations(BLOCKS_16K, 8, 6);
    random_operations(BLOCKS_64K, 8, 7);
}

static void test_random_operations_with_too_little_memory_agree_with_a_model(void **state)
{
    (void)state;
    random_operations(BLOCKS_4K, 1, 8);
    random_operations(BLOCKS_64K, 2, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_ring_holds_no_block),
        cmocka_unit_test(test_write_above_a_hole_keeps_the_hole),
        cmocka_unit_test(test_a_packet_touches_at_most_two_blocks),
        cmocka_unit_test(test_exhaustion_leaves_the_ring_as_it_was_and_counts),
        cmocka_unit_test(test_no_memory_for_the_index_gives_the_block_back),
        cmocka_unit_test(test_the_table_grows_with_the_span_and_comes_back),
        cmocka_unit_test(test_a_span_about_the_limit_does_not_move_the_table_to_and_fro),
        cmocka_unit_test(test_the_longest_span_is_covered_from_every_place_and_no_more),
        cmocka_unit_test(test_contract_breaches_are_caught),
        cmocka_unit_test(test_release_beyond_the_end_moves_the_head),
        cmocka_unit_test(test_the_fused_sum_joins_over_blocks_at_odd_lengths),
        cmocka_unit_test(test_random_operations_agree_with_a_model),
        cmocka_unit_test(test_random_operations_with_too_little_memory_agree_with_a_model),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
