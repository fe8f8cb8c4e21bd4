/* SPDX-License-Identifier: MIT
 * A stretch of a byte stream, addressed by absolute stream offsets, kept in blocks of one class
 * where each byte belongs: data may be written above a hole, and a hole of whole blocks costs no
 * memory. An empty ring holds no block. Both of TCP's buffers are rings; which bytes were written
 * is the caller's knowledge (a tail, or a set of ranges).
 *
 * Block number n of the stream (offset / block size) is found at entry n mod capacity of a table:
 * four entries in the struct, or, when the span needs more, an index block out of the same memory.
 * So every call is O(1) beside its copy; making the table cover more of the stream costs 4 bytes
 * of memset a block, paid once per block of the stream. */
#ifndef WEIR_BASE_RING_H
#define WEIR_BASE_RING_H

#include "base/blocks.h"
#include "base/checksum.h"
#include "weir/types.h"

enum {
    RING_BLOCKS_INLINE = 4,
    RING_BLOCKS_MAX = BLOCKS_SUPERBLOCK_BYTES / 4 /* as many ids as the largest index block holds */
};

/* The fields are the ring's; read `head`. 48 bytes. */
struct ring {
    struct blocks *blocks;
    uint64_t head; /* the oldest byte held: what ring_release() moved up to */
    uint64_t end;  /* past the highest byte opened for writing; equal to head when empty */
    /* The table: an id, or BLOCKS_NONE for a hole and for what is not in the span. Or in ids[0] the
     * index block with the table, of which only the entries from head's block to end's count. */
    uint32_t ids[RING_BLOCKS_INLINE];
    uint32_t held;       /* blocks of data */
    uint8_t class;       /* enum blocks_class of the data */
    uint8_t index_class; /* enum blocks_class of the index block; BLOCKS_CLASSES: none */
};

_Static_assert(sizeof(struct ring) <= 48, "two rings in every idle connection");

/* Writable bytes in a block; valid until they are released. */
struct ring_span {
    uint8_t *data;
    size_t len;
};

/* How far a write got and the sum over exactly those bytes. */
struct ring_sum {
    size_t len;
    struct csum sum;
};

/* Set up an empty ring whose first byte will be `head`. Owner: the caller; `blocks` outlives the
 * ring, and the ring is emptied (ring_reset) before it is forgotten. */
void ring_init(struct ring *ring, struct blocks *blocks, enum blocks_class class, uint64_t head);

/* Give every block back and begin again, empty, at `head`. Bound: linear in the blocks of
 * the span. */
void ring_reset(struct ring *ring, uint64_t head);

/* Use another class of block from now on. The ring is empty. */
void ring_set_class(struct ring *ring, enum blocks_class class);

static inline bool ring_is_empty(const struct ring *ring)
{
    return ring->head == ring->end;
}

/* The longest span of offsets, from head on, that a ring of a class can always cover, however head
 * lies in its block. A window is at most this. */
static inline uint64_t ring_bytes_max(enum blocks_class class)
{
    return (uint64_t)(RING_BLOCKS_MAX - 1) * blocks_bytes(class) + 1;
}

/* The memory that the ring holds, index included. */
static inline uint64_t ring_bytes_held(const struct ring *ring)
{
    uint64_t bytes = (uint64_t)ring->held * blocks_bytes((enum blocks_class)ring->class);
    if (ring->index_class < BLOCKS_CLASSES)
        bytes += blocks_bytes((enum blocks_class)ring->index_class);
    return bytes;
}

/* Open [offset, offset + len) for writing: up to two spans over as much of its beginning as two
 * blocks hold, taking blocks where there are none. Returns the bytes covered; less than two blocks
 * hold when memory ran out (counted in the blocks), 0 with the ring unchanged when there was none
 * for the first. Spans that are not needed have length 0. offset >= head; offset + len - head <=
 * ring_bytes_max(). */
size_t ring_span_write(struct ring *ring, uint64_t offset, size_t len,
                       enum blocks_priority priority, struct ring_span out[2]);

/* Copy `src` to `offset`. Returns the bytes written: fewer when memory ran out. */
size_t ring_write(struct ring *ring, uint64_t offset, struct weir_ref src,
                  enum blocks_priority priority);

/* The same with the checksum of the bytes written, from the same pass. */
struct ring_sum ring_write_sum(struct ring *ring, uint64_t offset, struct weir_ref src,
                               enum blocks_priority priority, const struct csum_ops *ops);

/* References to [offset, offset + len), all of which was written: up to two over as much of its
 * beginning as two blocks hold. Returns the bytes covered; references not needed have length 0.
 * They stay valid until released. Reading where no block is is a failed assertion. */
size_t ring_refs(const struct ring *ring, uint64_t offset, size_t len, struct weir_ref out[2]);

/* Copy [offset, offset + len), all of which was written, to `dst`. */
void ring_read(const struct ring *ring, uint64_t offset, void *dst, size_t len);

/* The rest of ring_release(), for when a block ends. */
void ring_release_blocks(struct ring *ring, uint64_t up_to);

/* Forget everything below `up_to` >= head and give back the blocks that lie wholly below it; at or
 * past the end, all of them. Bound: linear in the blocks passed. */
static inline void ring_release(struct ring *ring, uint64_t up_to)
{
    bool same_block = (up_to ^ ring->head) >> blocks_shift((enum blocks_class)ring->class) == 0;
    if (same_block && up_to >= ring->head && up_to < ring->end)
        ring->head = up_to;
    else
        ring_release_blocks(ring, up_to);
}

/* Does everything that the ring promises itself hold? For tests. Bound: linear in the blocks
 * of the span. */
bool ring_invariants(const struct ring *ring);

#endif
