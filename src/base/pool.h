/* SPDX-License-Identifier: MIT
 * A pool of equal blocks with a last-in-first-out free list and handles that notice reuse.
 * Everything is O(1); memory that was never taken is never touched, so a pool sized for millions
 * costs what it uses. */
#ifndef WEIR_BASE_POOL_H
#define WEIR_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* No block. */
#define POOL_NONE UINT32_MAX

/* The largest capacity: every index is below POOL_NONE and a generation fits beside it. */
#define POOL_CAPACITY_MAX (UINT32_MAX - 1)

/* Names one use of one block. All zeros names nothing, in every pool. A handle is noticed as stale
 * until its block has been taken 2^31 times more. */
struct pool_handle {
    uint32_t index;
    uint32_t generation; /* odd */
};

struct pool_config {
    const struct weir_assert *handler;
    uint32_t capacity;    /* blocks; 1 ... POOL_CAPACITY_MAX */
    uint32_t block_bytes; /* 1 ... 2^30 */
    uint32_t block_align; /* a power of two up to 2^16; 64: no cache line is shared */
};

/* Generation and free list stand beside the blocks, not in them: a stale handle is refused without
 * a load from the block's own cache lines, giving a block back dirties none of them, the block
 * keeps its whole size, and a late write into a freed block cannot break the pool. The price is
 * one more cache line touched per take and give; it serves eight neighbours. */
struct pool_slot {
    uint32_t generation; /* odd while the block is in use; counts takes and gives */
    uint32_t next;       /* while free: the block freed before this one, or POOL_NONE */
};

/* The fields are the pool's; the counters are for everyone to read. */
struct pool {
    const struct weir_assert *handler;
    uint8_t *blocks;
    struct pool_slot *slots;
    size_t stride; /* bytes from a block to the next */
    uint32_t capacity;
    uint32_t fresh;      /* blocks from here on were never taken, their slots not yet written */
    uint32_t free_first; /* the block freed last, or POOL_NONE */
    uint32_t in_use, in_use_max;
    uint64_t failures; /* takes refused because all were in use */
};

/* Memory for pool_init(), of any alignment; 0 when the config is out of range or the machine too
 * small. */
size_t pool_size(const struct pool_config *config);

/* Set up an empty pool. Owner: the caller owns `pool` and `mem` (pool_size() bytes), which the
 * pool uses until both are forgotten; the handler outlives it. The config is copied. Bound:
 * constant. */
void pool_init(struct pool *pool, const struct pool_config *config, void *mem);

/* The block at an index below the capacity, in use or not. */
static inline void *pool_at(const struct pool *pool, uint32_t index)
{
    CHECK(pool->handler, index < pool->capacity);
    return pool->blocks + (size_t)index * pool->stride;
}

/* The index of a block that is in use. */
static inline uint32_t pool_index(const struct pool *pool, const void *block)
{
    size_t offset = (size_t)((const uint8_t *)block - pool->blocks);
    CHECK(pool->handler, offset % pool->stride == 0 && offset / pool->stride < pool->fresh);
    return (uint32_t)(offset / pool->stride);
}

static inline bool pool_in_use(const struct pool *pool, uint32_t index)
{
    return index < pool->fresh && (pool->slots[index].generation & 1) != 0;
}

/* Take a block: its index, or POOL_NONE (counted, nothing changed) when all are in use. The block
 * freed last comes first. Its bytes are whatever its last user left. */
static inline uint32_t pool_take(struct pool *pool)
{
    uint32_t index = pool->free_first;
    if (index != POOL_NONE) {
        pool->free_first = pool->slots[index].next;
    } else if (pool->fresh < pool->capacity) {
        index = pool->fresh++;
        pool->slots[index].generation = 0;
    } else {
        pool->failures++;
        return POOL_NONE;
    }
    pool->slots[index].generation++;
    CHECK(pool->handler, pool_in_use(pool, index));
    if (++pool->in_use > pool->in_use_max)
        pool->in_use_max = pool->in_use;
    return index;
}

/* Give a block back that is in use; giving one twice is a failed assertion. Its handles are stale
 * from here on. */
static inline void pool_give(struct pool *pool, uint32_t index)
{
    CHECK(pool->handler, pool_in_use(pool, index));
    pool->slots[index].generation++;
    pool->slots[index].next = pool->free_first;
    pool->free_first = index;
    pool->in_use--;
}

/* The handle of a block that is in use. */
static inline struct pool_handle pool_handle_of(const struct pool *pool, uint32_t index)
{
    CHECK(pool->handler, pool_in_use(pool, index));
    return (struct pool_handle){.index = index, .generation = pool->slots[index].generation};
}

/* The block that a handle names, or NULL when it was given back since or the handle is none of this
 * pool. A handle may come from outside: no value of it is a failed assertion. */
static inline void *pool_get(const struct pool *pool, struct pool_handle handle)
{
    if ((handle.generation & 1) == 0 || handle.index >= pool->fresh ||
        pool->slots[handle.index].generation != handle.generation)
        return NULL;
    return pool->blocks + (size_t)handle.index * pool->stride;
}

/* Does everything that the pool promises itself hold? For tests. Bound: linear in the
 * blocks ever taken. */
bool pool_invariants(const struct pool *pool);

#endif
