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

static bool is_inline(const struct ring *ring)
{
    return __builtin_expect(ring->index_class == INDEX_NONE, 1);
}

/* The entry of block number n is ids[n & mask]. */
struct table {
    uint32_t *ids;
    uint32_t mask;
};

static struct table table_of(struct ring *ring)
{
    if (is_inline(ring))
        return (struct table){ring->ids, RING_BLOCKS_INLINE - 1};
    size_t bytes = blocks_bytes((enum blocks_class)ring->index_class);
    return (struct table){blocks_ptr(ring->blocks, ring->ids[0]), (uint32_t)(bytes / 4 - 1)};
}

/* The numbers of the blocks from head's to end's: [block_first, block_end). */
static uint64_t block_first(const struct ring *ring)
{
    return ring->head >> shift_of(ring);
}

static uint64_t block_end(const struct ring *ring)
{
    return ring_is_empty(ring) ? block_first(ring) : ((ring->end - 1) >> shift_of(ring)) + 1;
}

/* The id of the block of this number, at or above the first; BLOCKS_NONE where there is none. */
static uint32_t block_held(const struct ring *ring, uint64_t number)
{
    if (is_inline(ring)) {
        if (number - block_first(ring) >= RING_BLOCKS_INLINE)
            return BLOCKS_NONE;
        return ring->ids[number & (RING_BLOCKS_INLINE - 1)];
    }
    if (number >= block_end(ring))
        return BLOCKS_NONE;
    const uint32_t *ids = blocks_ptr(ring->blocks, ring->ids[0]);
    return ids[number & (blocks_bytes((enum blocks_class)ring->index_class) / 4 - 1)];
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
    memset(ring->ids, 0xff, sizeof ring->ids); /* BLOCKS_NONE */
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

/* Move the table to an index block that holds `count` entries. False when there is no memory for
 * it; the ring is then as it was. */
static bool table_grow(struct ring *ring, uint64_t count, enum blocks_priority priority)
{
    CHECK(handler_of(ring), count <= RING_BLOCKS_MAX);
    enum blocks_class class = BLOCKS_4K;
    while (blocks_bytes(class) / 4 < count)
        class++;
    uint32_t index = blocks_take(ring->blocks, class, priority);
    if (index == BLOCKS_NONE)
        return false;
    struct table from = table_of(ring);
    struct table to = {blocks_ptr(ring->blocks, index), (uint32_t)(blocks_bytes(class) / 4 - 1)};
    for (uint64_t n = block_first(ring); n < block_end(ring); n++)
        to.ids[n & to.mask] = from.ids[n & from.mask];
    if (!is_inline(ring))
        blocks_give(ring->blocks, ring->ids[0]);
    ring->ids[0] = index;
    ring->index_class = (uint8_t)class;
    return true;
}

/* Move the table back into the struct when what is left of the span, [first, end), is half of what
 * fits there: only half, so that a span about the limit does not move it to and fro. */
static void table_shrink(struct ring *ring, uint64_t first, uint64_t end)
{
    if (is_inline(ring) || end - first > RING_BLOCKS_INLINE / 2)
        return;
    struct table from = table_of(ring);
    uint32_t index = ring->ids[0];
    memset(ring->ids, 0xff, sizeof ring->ids); /* BLOCKS_NONE */
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

/* Make the table reach a block beyond those it covers. */
static bool table_cover(struct ring *ring, uint64_t number, enum blocks_priority priority)
{
    uint64_t count = number - block_first(ring) + 1, end = block_end(ring);
    if (is_inline(ring) && count <= RING_BLOCKS_INLINE)
        return true;
    if (number < end)
        return true;
    if (count > (uint64_t)table_of(ring).mask + 1 && !table_grow(ring, count, priority))
        return false;
    table_fill(table_of(ring), end, number);
    return true;
}

/* Take a block into the hole of this number: its id, or BLOCKS_NONE without memory, the ring then
 * as it was. The caller moves ring->end into the block or past it. */
static __attribute__((noinline)) uint32_t block_open(struct ring *ring, uint64_t number,
                                                     enum blocks_priority priority)
{
    uint32_t id = blocks_take(ring->blocks, (enum blocks_class)ring->class, priority);
    if (id == BLOCKS_NONE)
        return BLOCKS_NONE;
    if (!table_cover(ring, number, priority)) {
        blocks_give(ring->blocks, id);
        return BLOCKS_NONE;
    }
    struct table table = table_of(ring);
    table.ids[number & table.mask] = id;
    ring->held++;
    return id;
}

/* Open as much of [offset, offset + len) as lies in the block of its beginning; length 0 without
 * memory. */
static struct ring_span open_span(struct ring *ring, uint64_t offset, size_t len,
                                  enum blocks_priority priority)
{
    if (len == 0)
        return (struct ring_span){0};
    unsigned shift = shift_of(ring);
    uint32_t id = block_held(ring, offset >> shift);
    if (id == BLOCKS_NONE) {
        id = block_open(ring, offset >> shift, priority);
        if (id == BLOCKS_NONE)
            return (struct ring_span){0};
    }
    size_t at = (size_t)offset & (((size_t)1 << shift) - 1), room = ((size_t)1 << shift) - at;
    struct ring_span span = {.data = (uint8_t *)blocks_ptr(ring->blocks, id) + at,
                             .len = len < room ? len : room};
    if (offset + span.len > ring->end)
        ring->end = offset + span.len;
    return span;
}

static void check_write(const struct ring *ring, uint64_t offset, size_t len)
{
    CHECK(handler_of(ring), offset >= ring->head);
    CHECK(handler_of(ring), len <= UINT64_MAX - offset);
}

size_t ring_span_write(struct ring *ring, uint64_t offset, size_t len,
                       enum blocks_priority priority, struct ring_span out[2])
{
    check_write(ring, offset, len);
    out[1] = (struct ring_span){0};
    out[0] = open_span(ring, offset, len, priority);
    if (out[0].len != 0 && out[0].len < len)
        out[1] = open_span(ring, offset + out[0].len, len - out[0].len, priority);
    return out[0].len + out[1].len;
}

/* ring_write() from `done` on, kept apart so that a packet within one block pays for no loop. */
static __attribute__((noinline)) size_t write_rest(struct ring *ring, uint64_t offset,
                                                   struct weir_ref src,
                                                   enum blocks_priority priority, size_t done)
{
    while (done < src.len) {
        struct ring_span span = open_span(ring, offset + done, src.len - done, priority);
        if (span.len == 0)
            break;
        memcpy(span.data, src.data + done, span.len);
        done += span.len;
    }
    return done;
}

size_t ring_write(struct ring *ring, uint64_t offset, struct weir_ref src,
                  enum blocks_priority priority)
{
    check_write(ring, offset, src.len);
    struct ring_span span = open_span(ring, offset, src.len, priority);
    if (span.len == 0)
        return 0;
    memcpy(span.data, src.data, span.len);
    if (span.len < src.len)
        return write_rest(ring, offset, src, priority, span.len);
    return span.len;
}

struct ring_sum ring_write_sum(struct ring *ring, uint64_t offset, struct weir_ref src,
                               enum blocks_priority priority, const struct csum_ops *ops)
{
    check_write(ring, offset, src.len);
    struct ring_sum done = {.sum = csum_zero()};
    while (done.len < src.len) {
        struct ring_span span = open_span(ring, offset + done.len, src.len - done.len, priority);
        if (span.len == 0)
            break;
        struct csum part = ops->copy(span.data, src.data + done.len, span.len);
        done.sum = csum_join(done.sum, done.len, part);
        done.len += span.len;
    }
    return done;
}

/* As much of [offset, offset + len), len > 0, as lies in the block of its beginning. */
static struct weir_ref held_ref(const struct ring *ring, uint64_t offset, size_t len)
{
    unsigned shift = shift_of(ring);
    uint32_t id = block_held(ring, offset >> shift);
    CHECK(handler_of(ring), id != BLOCKS_NONE);
    size_t at = (size_t)offset & (((size_t)1 << shift) - 1), room = ((size_t)1 << shift) - at;
    return (struct weir_ref){.data = (const uint8_t *)blocks_ptr(ring->blocks, id) + at,
                             .len = len < room ? len : room};
}

static void check_read(const struct ring *ring, uint64_t offset, size_t len)
{
    CHECK(handler_of(ring), offset >= ring->head && offset <= ring->end);
    CHECK(handler_of(ring), len <= ring->end - offset);
}

static __attribute__((noinline)) size_t refs_second(const struct ring *ring, uint64_t offset,
                                                    size_t len, struct weir_ref out[2])
{
    out[1] = held_ref(ring, offset + out[0].len, len - out[0].len);
    return out[0].len + out[1].len;
}

size_t ring_refs(const struct ring *ring, uint64_t offset, size_t len, struct weir_ref out[2])
{
    check_read(ring, offset, len);
    out[1] = (struct weir_ref){0};
    if (len == 0) {
        out[0] = out[1];
        return 0;
    }
    out[0] = held_ref(ring, offset, len);
    if (out[0].len < len)
        return refs_second(ring, offset, len, out);
    return len;
}

void ring_read(const struct ring *ring, uint64_t offset, void *dst, size_t len)
{
    check_read(ring, offset, len);
    uint8_t *to = dst;
    while (len > 0) {
        struct weir_ref ref = held_ref(ring, offset, len);
        memcpy(to, ref.data, ref.len);
        to += ref.len;
        offset += ref.len;
        len -= ref.len;
    }
}

void ring_release_blocks(struct ring *ring, uint64_t up_to)
{
    CHECK(handler_of(ring), up_to >= ring->head);
    uint64_t end = block_end(ring);
    uint64_t first = up_to >= ring->end ? end : up_to >> shift_of(ring);
    struct table table = table_of(ring);
    for (uint64_t n = block_first(ring); n < first; n++) {
        uint32_t id = table.ids[n & table.mask];
        if (id == BLOCKS_NONE)
            continue;
        CHECK(handler_of(ring), ring->held > 0);
        blocks_give(ring->blocks, id);
        table.ids[n & table.mask] = BLOCKS_NONE;
        ring->held--;
    }
    table_shrink(ring, first, end);
    ring->head = up_to;
    if (ring->end < up_to)
        ring->end = up_to;
}

/* No entry of the table in the struct is left over from a block that is not in the span. */
static bool inline_entries_are_clean(const struct ring *ring)
{
    uint64_t first = block_first(ring);
    for (uint64_t n = block_end(ring); n < first + RING_BLOCKS_INLINE; n++)
        if (ring->ids[n & (RING_BLOCKS_INLINE - 1)] != BLOCKS_NONE)
            return false;
    return true;
}

bool ring_invariants(const struct ring *ring)
{
    if (ring->head > ring->end || ring->class >= BLOCKS_CLASSES ||
        ring->index_class > BLOCKS_CLASSES)
        return false;
    uint64_t span = block_end(ring) - block_first(ring);
    if (is_inline(ring) ? span > RING_BLOCKS_INLINE || !inline_entries_are_clean(ring)
                        : span <= RING_BLOCKS_INLINE / 2)
        return false;
    if (!is_inline(ring) && (blocks_class_of(ring->blocks, ring->ids[0]) != ring->index_class ||
                             blocks_bytes((enum blocks_class)ring->index_class) / 4 < span))
        return false;
    uint32_t held = 0;
    for (uint64_t n = block_first(ring); n < block_end(ring); n++) {
        uint32_t id = block_held(ring, n);
        if (id == BLOCKS_NONE)
            continue;
        if (blocks_class_of(ring->blocks, id) != ring->class)
            return false;
        held++;
    }
    return held == ring->held;
}
