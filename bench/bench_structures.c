/* SPDX-License-Identifier: MIT
 * The containers of src/base, at the sizes of a busy stack. Elements are visited in a random order
 * fixed by a seed, so that the rows of large sets include the cache misses they will have in use.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/pool.h"
#include "base/ranges.h"
#include "base/ring.h"
#include "base/rng.h"
#include "base/wheel.h"

static void *need(size_t size)
{
    void *p = malloc(size);
    if (p == NULL) {
        fputs("bench: no memory\n", stderr);
        exit(1);
    }
    memset(p, 0, size); /* the kernel's part of the first touch is not measured */
    return p;
}

/* A cheap stream of numbers inside the measured loops; the upper half is good enough here. */
static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1;
    return (uint32_t)(*state >> 32);
}

static uint32_t pick(uint64_t *state, uint32_t bound)
{
    return (uint32_t)((uint64_t)next_random(state) * bound >> 32);
}

/* --- wheel: a million timers, each in a control block of its own --- */

enum { TIMERS = 1000000 };

struct timer {
    struct wheel_node node;
    uint8_t rest_of_the_block[104];
};

struct wheel_bench {
    struct wheel wheel;
    struct timer *timers;
    weir_time now;
    uint64_t random;
};

/* Between 1 ms and 17 s: from delayed ACKs to retransmissions that back off. */
static weir_time some_delay(uint64_t *random)
{
    return WEIR_NS_PER_MS + 4 * (weir_time)next_random(random);
}

static void wheel_setup(struct wheel_bench *b)
{
    b->timers = need(TIMERS * sizeof *b->timers);
    wheel_init(&b->wheel, NULL, 0);
    for (unsigned i = 0; i < TIMERS; i++)
        wheel_arm(&b->wheel, &b->timers[i].node, some_delay(&b->random));
}

static void wheel_rearm(void *ctx, uint64_t n)
{
    struct wheel_bench *b = ctx;
    for (; n > 0; n--) {
        struct wheel_node *node = &b->timers[pick(&b->random, TIMERS)].node;
        wheel_arm(&b->wheel, node, b->now + some_delay(&b->random));
    }
}

static void wheel_cancel_arm(void *ctx, uint64_t n)
{
    struct wheel_bench *b = ctx;
    for (; n > 0; n--) {
        struct wheel_node *node = &b->timers[pick(&b->random, TIMERS)].node;
        wheel_cancel(&b->wheel, node);
        wheel_arm(&b->wheel, node, b->now + some_delay(&b->random));
    }
}

/* Time passes as fast as timers expire; each is armed again at once, so there are always a million.
 */
static void wheel_expire_arm(void *ctx, uint64_t n)
{
    struct wheel_bench *b = ctx;
    unsigned budget = UINT32_MAX;
    while (n > 0) {
        struct wheel_node *node = wheel_pop(&b->wheel, b->now, &budget);
        if (node == NULL) {
            b->now = wheel_deadline(&b->wheel);
            budget = UINT32_MAX;
            continue;
        }
        wheel_arm(&b->wheel, node, b->now + some_delay(&b->random));
        n--;
    }
}

/* One timer moved again and again, as a connection does with each ACK. */
static void wheel_rearm_one(void *ctx, uint64_t n)
{
    struct wheel_bench *b = ctx;
    struct wheel_node *node = &b->timers[0].node;
    for (; n > 0; n--)
        wheel_arm(&b->wheel, node, b->now + 200 * WEIR_NS_PER_MS + (weir_time)(n & 0xfffff));
}

static void wheel_ask_deadline(void *ctx, uint64_t n)
{
    struct wheel_bench *b = ctx;
    for (; n > 0; n--)
        bench_use((uint64_t)wheel_deadline(&b->wheel));
}

/* --- pool and blocks --- */

static void pool_take_give(void *ctx, uint64_t n)
{
    struct pool *pool = ctx;
    for (; n > 0; n--) {
        uint32_t index = pool_take(pool);
        bench_use(index);
        pool_give(pool, index);
    }
}

static void pool_get_handle(void *ctx, uint64_t n)
{
    struct pool *pool = ctx;
    uint32_t index = pool_take(pool);
    struct pool_handle handle = pool_handle_of(pool, index);
    for (; n > 0; n--) {
        bench_use(handle.index);
        bench_use((uintptr_t)pool_get(pool, handle));
    }
    pool_give(pool, index);
}

struct blocks_bench {
    struct blocks *blocks;
    enum blocks_class class;
    bool cold; /* two at once, so that one goes past the warm block */
};

static void blocks_take_give(void *ctx, uint64_t n)
{
    const struct blocks_bench *b = ctx;
    for (; n > 0; n--) {
        uint32_t id = blocks_take(b->blocks, b->class, BLOCKS_NORMAL);
        bench_use(id);
        blocks_give(b->blocks, id);
    }
}

static void blocks_two_at_once(void *ctx, uint64_t n)
{
    const struct blocks_bench *b = ctx;
    for (; n > 1; n -= 2) {
        uint32_t first = blocks_take(b->blocks, b->class, BLOCKS_NORMAL);
        uint32_t second = blocks_take(b->blocks, b->class, BLOCKS_NORMAL);
        bench_use(first + second);
        blocks_give(b->blocks, first);
        blocks_give(b->blocks, second);
    }
}

/* --- ring: a window's worth in flight, one step in at the end and one out at the head --- */

enum { STEP_MAX = 65536 };

struct ring_bench {
    struct blocks *blocks;
    uint8_t *buffer; /* STEP_MAX bytes */
    enum blocks_class class;
    uint32_t window, step;
    bool copy_out; /* read, or only refer as a driver that gathers does */
};

static void ring_flow(void *ctx, uint64_t n)
{
    const struct ring_bench *b = ctx;
    struct ring ring;
    uint64_t tail = 0;
    ring_init(&ring, b->blocks, b->class, 0);
    for (; n > 0; n--) {
        struct weir_ref src = {b->buffer, b->step}, out[2];
        tail += ring_write(&ring, tail, src, BLOCKS_NORMAL);
        if (tail - ring.head < b->window)
            continue;
        if (b->copy_out) {
            ring_read(&ring, ring.head, b->buffer, b->step);
        } else {
            bench_use(ring_refs(&ring, ring.head, b->step, out));
            bench_use((uintptr_t)out[0].data + (uintptr_t)out[1].data);
        }
        ring_release(&ring, ring.head + b->step);
    }
    bench_use(tail);
    ring_reset(&ring, 0);
}

/* The least that a copy in can cost: memcpy round a window of contiguous memory. */
static void copy_flow(void *ctx, uint64_t n)
{
    const struct ring_bench *b = ctx;
    uint8_t *window = b->blocks->arena;
    size_t at = 0;
    for (; n > 0; n--) {
        memcpy(window + at, b->buffer, b->step);
        bench_use((uintptr_t)window);
        at = at + 2 * b->step <= b->window ? at + b->step : 0;
    }
}

/* --- ranges: n ranges arrive in random order, then the set is cleared --- */

enum { RANGES_MAX = 1024 };

struct ranges_bench {
    struct ranges_pool *pool;
    uint32_t *order; /* of 0 ... count - 1 */
    uint32_t count;
    bool joining; /* all holes fill up in the end; else no two ranges touch */
};

static void ranges_add_all(void *ctx, uint64_t n)
{
    const struct ranges_bench *b = ctx;
    struct ranges set;
    ranges_init(&set, b->pool, RANGES_MAX);
    for (uint32_t i = 0; n > 0; n--) {
        uint64_t start = (uint64_t)b->order[i] * 1460;
        ranges_add(&set, b->pool, (struct range){start, start + (b->joining ? 1460 : 1459)}, NULL);
        if (++i == b->count) {
            ranges_clear(&set, b->pool);
            i = 0;
        }
    }
    ranges_clear(&set, b->pool);
}

static uint32_t *shuffled(uint32_t count, struct rng *rng)
{
    uint32_t *order = need(count * sizeof *order);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = (uint32_t)rng_below(rng, (uint64_t)i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    return order;
}

/* --- map: the keys stand in control blocks, as a connection's tuple does --- */

struct map_key {
    uint32_t key;
    uint8_t rest_of_the_block[124];
};

struct map_bench {
    struct map map;
    struct map_key *keys;
    uint32_t count;
    uint64_t random;
};

struct map_question {
    const struct map_key *keys;
    uint32_t key;
};

static bool same_key(const void *ctx, uint32_t value)
{
    const struct map_question *q = ctx;
    return q->keys[value].key == q->key;
}

/* A hash without memory: as if it had been computed from the packet. */
static uint32_t hash_of(uint32_t i)
{
    uint64_t x = (uint64_t)(i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(x >> 32);
}

static void map_setup(struct map_bench *b, uint32_t count)
{
    b->keys = need(count * sizeof *b->keys);
    b->count = count;
    map_init(&b->map, count, NULL, need(map_size(count)));
    for (uint32_t i = 0; i < count; i++) {
        b->keys[i].key = i;
        if (!map_insert(&b->map, hash_of(i), i))
            exit(1);
    }
}

static void map_hit(void *ctx, uint64_t n)
{
    struct map_bench *b = ctx;
    for (; n > 0; n--) {
        struct map_question q = {b->keys, pick(&b->random, b->count)};
        bench_use(map_find(&b->map, hash_of(q.key), same_key, &q));
    }
}

static void map_miss(void *ctx, uint64_t n)
{
    struct map_bench *b = ctx;
    for (; n > 0; n--) {
        struct map_question q = {b->keys, UINT32_MAX};
        bench_use(map_find(&b->map, next_random(&b->random), same_key, &q));
    }
}

static void map_remove_insert(void *ctx, uint64_t n)
{
    struct map_bench *b = ctx;
    for (; n > 0; n--) {
        uint32_t value = pick(&b->random, b->count), hash = hash_of(value);
        bench_use(map_remove(&b->map, hash, value));
        bench_use(map_insert(&b->map, hash, value));
    }
}

/* --- the rows --- */

static struct wheel_bench wheel_bench = {.random = 1};
static struct pool pool;
static struct blocks blocks;
static struct ranges_pool ranges_pool;
static struct map_bench map_small = {.random = 2}, map_large = {.random = 3};
static uint8_t buffer[STEP_MAX];

static struct {
    const char *name;
    struct blocks_bench bench;
} blocks_rows[] = {
    {"blocks 4K: take, give", {.class = BLOCKS_4K}},
    {"blocks 4K: take, give, two at once", {.class = BLOCKS_4K, .cold = true}},
    {"blocks 16K: take, give", {.class = BLOCKS_16K}},
    {"blocks 16K: take, give, two at once", {.class = BLOCKS_16K, .cold = true}},
    {"blocks 64K: take, give", {.class = BLOCKS_64K}},
    {"blocks 64K: take, give, two at once", {.class = BLOCKS_64K, .cold = true}},
};

enum { K64 = 65536, K128 = 131072, M1 = 1048576, M16 = 16777216 };

static struct {
    const char *name, *baseline;
    struct ring_bench bench;
} ring_rows[] = {
    {"copy 64, 128K", NULL, {.window = K128, .step = 64}},
    {"copy 1460, 128K", NULL, {.window = K128, .step = 1460}},
    {"copy 1460, 1M", NULL, {.window = M1, .step = 1460}},
    {"copy 1460, 16M", NULL, {.window = M16, .step = 1460}},
    {"copy 64K, 128K", NULL, {.window = K128, .step = K64}},
    {"copy 64K, 1M", NULL, {.window = M1, .step = K64}},
    {"copy 64K, 16M", NULL, {.window = M16, .step = K64}},
    {"ring 64, empty each time: write, refer",
     "copy 64, 128K",
     {.class = BLOCKS_4K, .window = 0, .step = 64}},
    {"ring 1460, 128K of 4K: write, refer",
     "copy 1460, 128K",
     {.class = BLOCKS_4K, .window = K128, .step = 1460}},
    {"ring 1460, 128K of 16K: write, refer",
     "copy 1460, 128K",
     {.class = BLOCKS_16K, .window = K128, .step = 1460}},
    {"ring 1460, 128K: write, refer",
     "copy 1460, 128K",
     {.class = BLOCKS_64K, .window = K128, .step = 1460}},
    {"ring 1460, 1M: write, refer",
     "copy 1460, 1M",
     {.class = BLOCKS_64K, .window = M1, .step = 1460}},
    {"ring 1460, 16M: write, refer",
     "copy 1460, 16M",
     {.class = BLOCKS_64K, .window = M16, .step = 1460}},
    {"ring 64K, 128K: write, refer",
     "copy 64K, 128K",
     {.class = BLOCKS_64K, .window = K128, .step = K64}},
    {"ring 64K, 1M: write, refer",
     "copy 64K, 1M",
     {.class = BLOCKS_64K, .window = M1, .step = K64}},
    {"ring 64K, 16M: write, refer",
     "copy 64K, 16M",
     {.class = BLOCKS_64K, .window = M16, .step = K64}},
    {"ring 1460, 128K: write, read",
     "copy 1460, 128K",
     {.class = BLOCKS_64K, .window = K128, .step = 1460, .copy_out = true}},
    {"ring 1460, 1M: write, read",
     "copy 1460, 1M",
     {.class = BLOCKS_64K, .window = M1, .step = 1460, .copy_out = true}},
    {"ring 1460, 16M: write, read",
     "copy 1460, 16M",
     {.class = BLOCKS_64K, .window = M16, .step = 1460, .copy_out = true}},
    {"ring 64K, 128K: write, read",
     "copy 64K, 128K",
     {.class = BLOCKS_64K, .window = K128, .step = K64, .copy_out = true}},
    {"ring 64K, 1M: write, read",
     "copy 64K, 1M",
     {.class = BLOCKS_64K, .window = M1, .step = K64, .copy_out = true}},
    {"ring 64K, 16M: write, read",
     "copy 64K, 16M",
     {.class = BLOCKS_64K, .window = M16, .step = K64, .copy_out = true}},
};

static struct {
    const char *name;
    struct ranges_bench bench;
} ranges_rows[] = {
    {"ranges, 16 apart: add", {.count = 16}},
    {"ranges, 128 apart: add", {.count = 128}},
    {"ranges, 1024 apart: add", {.count = 1024}},
    {"ranges, 16 joining: add", {.count = 16, .joining = true}},
    {"ranges, 128 joining: add", {.count = 128, .joining = true}},
    {"ranges, 1024 joining: add", {.count = 1024, .joining = true}},
};

static const struct bench_row other_rows[] = {
    {.name = "wheel, 1M: re-arm", .run = wheel_rearm, .ctx = &wheel_bench},
    {.name = "wheel, 1M: cancel, arm", .run = wheel_cancel_arm, .ctx = &wheel_bench},
    {.name = "wheel, 1M: expire, arm", .run = wheel_expire_arm, .ctx = &wheel_bench},
    {.name = "wheel, 1M: re-arm the same", .run = wheel_rearm_one, .ctx = &wheel_bench},
    {.name = "wheel, 1M: deadline", .run = wheel_ask_deadline, .ctx = &wheel_bench},
    {.name = "pool: take, give", .run = pool_take_give, .ctx = &pool},
    {.name = "pool: get by handle", .run = pool_get_handle, .ctx = &pool},
    {.name = "map, 100K: hit", .run = map_hit, .ctx = &map_small},
    {.name = "map, 100K: miss", .run = map_miss, .ctx = &map_small},
    {.name = "map, 100K: remove, insert", .run = map_remove_insert, .ctx = &map_small},
    {.name = "map, 1M: hit", .run = map_hit, .ctx = &map_large},
    {.name = "map, 1M: miss", .run = map_miss, .ctx = &map_large},
    {.name = "map, 1M: remove, insert", .run = map_remove_insert, .ctx = &map_large},
};

enum {
    BLOCKS_ROWS = sizeof blocks_rows / sizeof blocks_rows[0],
    RING_ROWS = sizeof ring_rows / sizeof ring_rows[0],
    RANGES_ROWS = sizeof ranges_rows / sizeof ranges_rows[0],
    OTHER_ROWS = sizeof other_rows / sizeof other_rows[0],
    ROWS = BLOCKS_ROWS + RING_ROWS + RANGES_ROWS + OTHER_ROWS
};

static void setup(void)
{
    struct pool_config pool_config = {.capacity = 1000, .block_bytes = 512, .block_align = 64};
    struct blocks_config blocks_config = {.superblocks = 512};
    wheel_setup(&wheel_bench);
    pool_init(&pool, &pool_config, need(pool_size(&pool_config)));
    blocks_init(&blocks, &blocks_config, need(blocks_size(&blocks_config)));
    ranges_pool_init(&ranges_pool, RANGES_MAX, NULL, need(ranges_pool_size(RANGES_MAX)));
    map_setup(&map_small, 100000);
    map_setup(&map_large, 1000000);
}

static void fill_rows(struct bench_row *row)
{
    struct rng rng = rng_make(1);
    for (unsigned i = 0; i < OTHER_ROWS; i++)
        *row++ = other_rows[i];
    for (unsigned i = 0; i < BLOCKS_ROWS; i++) {
        blocks_rows[i].bench.blocks = &blocks;
        *row++ = (struct bench_row){.name = blocks_rows[i].name,
                                    .run = blocks_rows[i].bench.cold ? blocks_two_at_once
                                                                     : blocks_take_give,
                                    .ctx = &blocks_rows[i].bench};
    }
    for (unsigned i = 0; i < RING_ROWS; i++) {
        struct ring_bench *b = &ring_rows[i].bench;
        b->blocks = &blocks;
        b->buffer = buffer;
        *row++ = (struct bench_row){.name = ring_rows[i].name,
                                    .run = ring_rows[i].baseline == NULL ? copy_flow : ring_flow,
                                    .ctx = b,
                                    .bytes = b->step,
                                    .baseline = ring_rows[i].baseline};
    }
    for (unsigned i = 0; i < RANGES_ROWS; i++) {
        struct ranges_bench *b = &ranges_rows[i].bench;
        b->pool = &ranges_pool;
        b->order = shuffled(b->count, &rng);
        *row++ = (struct bench_row){.name = ranges_rows[i].name, .run = ranges_add_all, .ctx = b};
    }
}

int main(int argc, char **argv)
{
    static struct bench_row rows[ROWS];
    setup();
    fill_rows(rows);
    return bench_main(argc, argv, "structures", rows, ROWS);
}
