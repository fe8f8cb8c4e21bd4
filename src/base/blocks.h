/* SPDX-License-Identifier: MIT
 * The packet memory: blocks of 4, 16 and 64 KB out of one arena of 64 KB superblocks.
 * Everything is O(1), and the memory freed last is reused first, so the working set is the
 * bytes in flight.
 *
 * A superblock belongs to one class while any of its blocks is in use; when the last one comes
 * back, the superblock returns to a stack common to the classes. A block is taken from the
 * superblock of its class that was freed into last, in it the block freed last; only when no
 * superblock of the class has a free block is the top of the common stack opened. One small block
 * can pin 64 KB: that is why partly used superblocks are used up before an empty one is opened.
 *
 * Before all that stands one warm block of each class: the one given back last. A connection that
 * takes and gives one block for each small message exchanges it with the warm one, and touches no
 * list and opens no superblock. Warm blocks count as free; they go back to their superblocks
 * before anybody is refused.
 *
 * Two guards stand before the memory, for the promise that an advertised window is:
 * - blocks_reserve() accounts promises before they are made, against a limit that may exceed
 *   the arena by a configured overcommit. A guaranteed floor per connection is a reservation
 *   that is made when the connection is. Callers reserve blocks_span_bytes(), whole blocks, not
 *   payload bytes.
 * - The last `urgent_superblocks` empty superblocks are opened only for BLOCKS_URGENT: the data
 *   at rcv_nxt, which lets a receiver make progress and free memory when promises were
 *   overcommitted. While one of them is open, nobody else gets anything. */
#ifndef WEIR_BASE_BLOCKS_H
#define WEIR_BASE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* No block. */
#define BLOCKS_NONE UINT32_MAX

enum {
    BLOCKS_SUPERBLOCK_BYTES = 65536,
    BLOCKS_UNIT_BYTES = 4096,         /* the smallest block; a block's id counts these */
    BLOCKS_SUPERBLOCKS_MAX = 1 << 24, /* 1 TB; ids stay below 2^28 */
};

/* Ordered by size: block size = 4096 << 2 * class. */
enum blocks_class { BLOCKS_4K, BLOCKS_16K, BLOCKS_64K, BLOCKS_CLASSES };

enum blocks_priority {
    BLOCKS_NORMAL, /* leaves the last `urgent_superblocks` alone */
    BLOCKS_URGENT, /* may use all there is */
    BLOCKS_PRIORITIES
};

struct blocks_config {
    const struct weir_assert *handler;
    uint64_t promised_bytes_max; /* limit of blocks_reserve() */
    uint32_t superblocks;        /* 1 ... BLOCKS_SUPERBLOCKS_MAX */
    uint32_t urgent_superblocks; /* at most superblocks */
};

/* What is known of a superblock; 24 bytes beside 64 KB. Kept outside, so that the blocks are whole
 * pages and looking for one touches no payload. */
struct blocks_super {
    uint64_t order;      /* its free blocks as a stack of 4-bit numbers, the last freed lowest */
    uint32_t next, prev; /* in the list of its class; next also in the common stack */
    uint16_t free_mask;  /* its free blocks as bits; a warm block is not among them */
    uint8_t class;       /* enum blocks_class; BLOCKS_CLASSES in the common stack */
};

/* The fields are the blocks' own; the counters are for everyone to read. */
struct blocks {
    const struct weir_assert *handler;
    uint8_t *arena; /* aligned to BLOCKS_UNIT_BYTES */
    struct blocks_super *supers;
    uint32_t superblocks, urgent_superblocks;
    uint32_t fresh;                   /* superblocks from here on were never opened */
    uint32_t free_first;              /* top of the common stack */
    uint32_t warm[BLOCKS_CLASSES];    /* the block given back last, or BLOCKS_NONE */
    uint32_t partial[BLOCKS_CLASSES]; /* superblocks of a class with blocks both free and in use */
    uint32_t superblocks_free;        /* empty ones: in the common stack or never opened */
    uint32_t in_use[BLOCKS_CLASSES];  /* blocks */
    uint64_t bytes_in_use, bytes_in_use_max;
    uint64_t promised_bytes, promised_bytes_max; /* now, and the limit */
    uint64_t failures[BLOCKS_PRIORITIES];        /* takes refused */
    uint64_t promise_failures;                   /* reservations refused */
};

/* Memory for blocks_init(), of any alignment (a page-aligned start wastes none); 0 when the config
 * is out of range or the machine too small. */
size_t blocks_size(const struct blocks_config *config);

/* Set up with everything free. Owner: the caller owns `blocks` and `mem` (blocks_size() bytes),
 * which are in use until both are forgotten; the handler outlives them. The config is copied. The
 * arena is not touched before it is taken. Bound: constant. */
void blocks_init(struct blocks *blocks, const struct blocks_config *config, void *mem);

static inline unsigned blocks_shift(enum blocks_class class)
{
    return 12 + 2 * (unsigned)class;
}

/* The size of a block of a class. */
static inline size_t blocks_bytes(enum blocks_class class)
{
    return (size_t)1 << blocks_shift(class);
}

/* Where a block lies; aligned to BLOCKS_UNIT_BYTES. The id is one that blocks_take() gave. */
static inline void *blocks_ptr(const struct blocks *blocks, uint32_t id)
{
    CHECK(blocks->handler, id >> 4 < blocks->fresh);
    return blocks->arena + (size_t)id * BLOCKS_UNIT_BYTES;
}

/* The class of a block that is in use. */
static inline enum blocks_class blocks_class_of(const struct blocks *blocks, uint32_t id)
{
    CHECK(blocks->handler, id >> 4 < blocks->fresh);
    return (enum blocks_class)blocks->supers[id >> 4].class;
}

/* Bytes not in use, those in partly used superblocks included. */
static inline uint64_t blocks_free_bytes(const struct blocks *blocks)
{
    return (uint64_t)blocks->superblocks * BLOCKS_SUPERBLOCK_BYTES - blocks->bytes_in_use;
}

/* The rest of blocks_take() and blocks_give(), for when the warm block is not the answer. */
uint32_t blocks_take_cold(struct blocks *blocks, enum blocks_class class,
                          enum blocks_priority priority);
void blocks_give_cold(struct blocks *blocks, uint32_t id);

/* Take a block: its id, or BLOCKS_NONE (counted, nothing changed) when this priority may have none.
 * Its bytes are whatever its last user left. Bound: constant. */
static inline uint32_t blocks_take(struct blocks *blocks, enum blocks_class class,
                                   enum blocks_priority priority)
{
    CHECK(blocks->handler, class < BLOCKS_CLASSES);
    uint32_t id = blocks->warm[class];
    /* When the reserve has been broken into, the warm block may be part of it. */
    bool free_for_all = blocks->superblocks_free >= blocks->urgent_superblocks;
    if (id != BLOCKS_NONE && (free_for_all || priority == BLOCKS_URGENT)) {
        blocks->warm[class] = BLOCKS_NONE;
    } else {
        id = blocks_take_cold(blocks, class, priority);
        if (id == BLOCKS_NONE)
            return BLOCKS_NONE;
    }
    blocks->in_use[class]++;
    blocks->bytes_in_use += blocks_bytes(class);
    if (blocks->bytes_in_use > blocks->bytes_in_use_max)
        blocks->bytes_in_use_max = blocks->bytes_in_use;
    return id;
}

/* Give a block back that is in use; giving one twice is a failed assertion. Bound: constant. */
static inline void blocks_give(struct blocks *blocks, uint32_t id)
{
    enum blocks_class class = blocks_class_of(blocks, id);
    CHECK(blocks->handler, class < BLOCKS_CLASSES);
    unsigned block = (id & 15) >> (2 * (unsigned)class);
    CHECK(blocks->handler, block << (2 * (unsigned)class) == (id & 15));
    CHECK(blocks->handler, (blocks->supers[id >> 4].free_mask >> block & 1) == 0);
    uint32_t warm = blocks->warm[class];
    CHECK(blocks->handler, warm != id);
    blocks->warm[class] = id;
    blocks->in_use[class]--;
    blocks->bytes_in_use -= blocks_bytes(class);
    if (warm != BLOCKS_NONE)
        blocks_give_cold(blocks, warm);
}

/* The bytes of whole blocks that a span of a stream can occupy, wherever in a block it begins:
 * what a window of `bytes` costs. 0 for 0. */
static inline uint64_t blocks_span_bytes(enum blocks_class class, uint64_t bytes)
{
    uint64_t size = blocks_bytes(class);
    return bytes == 0 ? 0 : (bytes + 2 * (size - 1)) / size * size;
}

/* Account a promise of `bytes`; false (counted, nothing changed) when the promises would exceed
 * the limit. */
bool blocks_reserve(struct blocks *blocks, uint64_t bytes);

/* Take back `bytes` of what was promised. */
void blocks_unreserve(struct blocks *blocks, uint64_t bytes);

/* Does everything that the blocks promise themselves hold? For tests. Bound: linear in the
 * superblocks ever opened. */
bool blocks_invariants(const struct blocks *blocks);

#endif
