/* SPDX-License-Identifier: MIT */
#include "base/ring.h"

#include "base/mem.h"

enum { INDEX_NONE = BLOCKS_CLASSES };

static const struct weir_assert *handler_of(const struct ring *ring)
{
    return ring->blocks->handler;
}

static unsigned shift_of(const struct ring *ring)
{
    return blocks_shift((enum blocks_class)ring->class);
}

/* The entry of block number n is table[n & table_mask]. */
struct table {
    uint32_t *ids;
    uint32_t mask;
};

static struct table table_of(struct ring *ring)
{
    if (ring->index_class == INDEX_NONE)
        return (struct table){ring->ids, RING_BLOCKS_INLINE - 1};
    size_t bytes = blocks_bytes((enum blocks_class)ring->index_class);
    return (struct table){blocks_ptr(ring->blocks, ring->ids[0]), (uint32_t)(bytes / 4 - 1)};
}

static const uint32_t *entry_of(const struct ring *ring, uint64_t number)
{
    if (ring->index_class == INDEX_NONE)
        return &ring->ids[number & (RING_BLOCKS_INLINE - 1)];
    const uint32_t *ids = blocks_ptr(ring->blocks, ring->ids[0]);
    return &ids[number & (blocks_bytes((enum blocks_class)ring->index_class) / 4 - 1)];
}

/* The numbers of the blocks that the table covers: [block_first, block_end). */
static uint64_t block_first(const struct ring *ring)
{
    return ring->head >> shift_of(ring);
}

static uint64_t block_end(const struct ring *ring)
{
    return ring_is_empty(ring) ? block_first(ring) : ((ring->end - 1) >> shift_of(ring)) + 1;
}

void ring_init(struct ring *ring, struct blocks *blocks, enum blocks_class class, uint64_t head)
{
    CHECK(blocks->handler, class < BLOCKS_CLASSES);
    *ring = (struct ring){
        .blocks = blocks,
        .head = head,
        .end = head,
        .class = (uint8_t)class,
        .index_class = INDEX_NONE,
    };
}

void ring_reset(struct ring *ring, uint64_t head)
{
    ring_release(ring, ring->end);
    CHECK(handler_of(ring), ring->held == 0 && ring->index_class == INDEX_NONE);
    ring->head = head;
    ring->end = head;
}

void ring_set_class(struct ring *ring, enum blocks_class class)
{
    CHECK(handler_of(ring), ring_is_empty(ring));
    CHECK(handler_of(ring), class < BLOCKS_CLASSES);
    ring->class = (uint8_t)class;
}

/* Move the table to a place that holds `count` entries or more, if its own does not. False when
 * there is no memory for it; the ring is then as it was. */
static bool table_grow(struct ring *ring, uint64_t count, enum blocks_priority priority)
{
    struct table from = table_of(ring);
    if (count <= (uint64_t)from.mask + 1)
        return true;
    CHECK(handler_of(ring), count <= RING_BLOCKS_MAX);
    enum blocks_class class = BLOCKS_4K;
    while (blocks_bytes(class) / 4 < count)
        class++;
    uint32_t index = blocks_take(ring->blocks, class, priority);
    if (index == BLOCKS_NONE)
        return false;
    struct table to = {blocks_ptr(ring->blocks, index), (uint32_t)(blocks_bytes(class) / 4 - 1)};
    for (uint64_t n = block_first(ring); n < block_end(ring); n++)
        to.ids[n & to.mask] = from.ids[n & from.mask];
    if (ring->index_class != INDEX_NONE)
        blocks_give(ring->blocks, ring->ids[0]);
    ring->ids[0] = index;
    ring->index_class = (uint8_t)class;
    return true;
}

/* Move the table back into the struct when what is left of the span, from block `first` on, is
 * half of what fits there: only half, so that a span about the limit does not move it to and
 * fro. */
static void table_shrink(struct ring *ring, uint64_t first, uint64_t end)
{
    if (ring->index_class == INDEX_NONE || end - first > RING_BLOCKS_INLINE / 2)
        return;
    struct table from = table_of(ring);
    uint32_t index = ring->ids[0];
    for (uint64_t n = first; n < end; n++)
        ring->ids[n & (RING_BLOCKS_INLINE - 1)] = from.ids[n & from.mask];
    ring->index_class = INDEX_NONE;
    blocks_give(ring->blocks, index);
}

/* Mark the blocks [first, end) as holes in a table that has room for them. */
static void table_fill(struct table table, uint64_t first, uint64_t end)
{
    while (first < end) {
        uint32_t at = (uint32_t)first & table.mask;
        uint64_t run = (uint64_t)table.mask + 1 - at;
        if (run > end - first)
            run = end - first;
        memset(&table.ids[at], 0xff, (size_t)run * sizeof table.ids[0]); /* BLOCKS_NONE */
        first += run;
    }
}

/* The block of this number, taken now if there is a hole; NULL without memory, the ring then as
 * it was. A caller that gets a block of a number not covered before moves ring->end into or
 * past it. */
static uint8_t *block_open(struct ring *ring, uint64_t number, enum blocks_priority priority)
{
    uint64_t end = block_end(ring);
    if (number < end) {
        uint32_t there = *entry_of(ring, number);
        if (there != BLOCKS_NONE)
            return blocks_ptr(ring->blocks, there);
    }
    uint32_t id = blocks_take(ring->blocks, (enum blocks_class)ring->class, priority);
    if (id == BLOCKS_NONE)
        return NULL;
    if (number >= end) {
        if (!table_grow(ring, number - block_first(ring) + 1, priority)) {
            blocks_give(ring->blocks, id);
            return NULL;
        }
        table_fill(table_of(ring), end, number);
    }
    struct table table = table_of(ring);
    table.ids[number & table.mask] = id;
    ring->held++;
    return blocks_ptr(ring->blocks, id);
}

size_t ring_span_write(struct ring *ring, uint64_t offset, size_t len,
                       enum blocks_priority priority, struct ring_span out[2])
{
    unsigned shift = shift_of(ring);
    size_t block_bytes = (size_t)1 << shift, covered = 0;
    CHECK(handler_of(ring), offset >= ring->head);
    CHECK(handler_of(ring), len <= UINT64_MAX - offset);
    out[0] = out[1] = (struct ring_span){0};
    for (unsigned i = 0; i < 2 && covered < len; i++) {
        size_t at = (size_t)(offset & (block_bytes - 1)), n = block_bytes - at;
        if (n > len - covered)
            n = len - covered;
        uint8_t *block = block_open(ring, offset >> shift, priority);
        if (block == NULL)
            break;
        out[i] = (struct ring_span){.data = block + at, .len = n};
        covered += n;
        offset += n;
        if (offset > ring->end)
            ring->end = offset;
    }
    return covered;
}

size_t ring_write(struct ring *ring, uint64_t offset, struct weir_ref src,
                  enum blocks_priority priority)
{
    struct ring_span span[2];
    size_t done = 0;
    while (done < src.len) {
        size_t n = ring_span_write(ring, offset + done, src.len - done, priority, span);
        if (n == 0)
            break;
        memcpy(span[0].data, src.data + done, span[0].len);
        if (span[1].len != 0)
            memcpy(span[1].data, src.data + done + span[0].len, span[1].len);
        done += n;
    }
    return done;
}

struct ring_sum ring_write_sum(struct ring *ring, uint64_t offset, struct weir_ref src,
                               enum blocks_priority priority, const struct csum_ops *ops)
{
    struct ring_span span[2];
    struct ring_sum done = {.sum = csum_zero()};
    while (done.len < src.len) {
        size_t n = ring_span_write(ring, offset + done.len, src.len - done.len, priority, span);
        if (n == 0)
            break;
        for (unsigned i = 0; i < 2 && span[i].len != 0; i++) {
            struct csum part = ops->copy(span[i].data, src.data + done.len, span[i].len);
            done.sum = csum_join(done.sum, done.len, part);
            done.len += span[i].len;
        }
    }
    return done;
}

size_t ring_refs(const struct ring *ring, uint64_t offset, size_t len, struct weir_ref out[2])
{
    unsigned shift = shift_of(ring);
    size_t block_bytes = (size_t)1 << shift, covered = 0;
    CHECK(handler_of(ring), offset >= ring->head && offset <= ring->end);
    CHECK(handler_of(ring), len <= ring->end - offset);
    out[0] = out[1] = (struct weir_ref){0};
    for (unsigned i = 0; i < 2 && covered < len; i++) {
        size_t at = (size_t)(offset & (block_bytes - 1)), n = block_bytes - at;
        if (n > len - covered)
            n = len - covered;
        uint32_t id = *entry_of(ring, offset >> shift);
        CHECK(handler_of(ring), id != BLOCKS_NONE);
        const uint8_t *block = blocks_ptr(ring->blocks, id);
        out[i] = (struct weir_ref){.data = block + at, .len = n};
        covered += n;
        offset += n;
    }
    return covered;
}

void ring_read(const struct ring *ring, uint64_t offset, void *dst, size_t len)
{
    struct weir_ref ref[2];
    uint8_t *to = dst;
    while (len > 0) {
        size_t n = ring_refs(ring, offset, len, ref);
        memcpy(to, ref[0].data, ref[0].len);
        if (ref[1].len != 0)
            memcpy(to + ref[0].len, ref[1].data, ref[1].len);
        to += n;
        offset += n;
        len -= n;
    }
}

void ring_release(struct ring *ring, uint64_t up_to)
{
    CHECK(handler_of(ring), up_to >= ring->head);
    uint64_t end = block_end(ring);
    uint64_t first = up_to >= ring->end ? end : up_to >> shift_of(ring);
    for (uint64_t n = block_first(ring); n < first; n++) {
        uint32_t id = *entry_of(ring, n);
        if (id == BLOCKS_NONE)
            continue;
        CHECK(handler_of(ring), ring->held > 0);
        blocks_give(ring->blocks, id);
        ring->held--;
    }
    table_shrink(ring, first, end);
    ring->head = up_to;
    if (ring->end < up_to)
        ring->end = up_to;
}

bool ring_invariants(const struct ring *ring)
{
    if (ring->head > ring->end || ring->class >= BLOCKS_CLASSES ||
        ring->index_class > BLOCKS_CLASSES)
        return false;
    bool inline_table = ring->index_class == INDEX_NONE;
    uint64_t span = block_end(ring) - block_first(ring);
    if (inline_table ? span > RING_BLOCKS_INLINE : span <= RING_BLOCKS_INLINE / 2)
        return false;
    if (!inline_table && (blocks_class_of(ring->blocks, ring->ids[0]) != ring->index_class ||
                          blocks_bytes((enum blocks_class)ring->index_class) / 4 < span))
        return false;
    uint32_t held = 0;
    for (uint64_t n = block_first(ring); n < block_end(ring); n++) {
        uint32_t id = *entry_of(ring, n);
        if (id == BLOCKS_NONE)
            continue;
        if (blocks_class_of(ring->blocks, id) != ring->class)
            return false;
        held++;
    }
    return held == ring->held;
}
