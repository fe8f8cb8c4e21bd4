/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include "base/layout.h"

enum { BLOCK_BYTES_MAX = 1 << 30, BLOCK_ALIGN_MAX = 1 << 16 };

static bool config_is_valid(const struct pool_config *config)
{
    return config->capacity >= 1 && config->capacity <= POOL_CAPACITY_MAX &&
           config->block_bytes >= 1 && config->block_bytes <= BLOCK_BYTES_MAX &&
           config->block_align >= 1 && config->block_align <= BLOCK_ALIGN_MAX &&
           (config->block_align & (config->block_align - 1)) == 0;
}

static uint32_t stride_of(const struct pool_config *config)
{
    return (config->block_bytes + config->block_align - 1) & ~(config->block_align - 1);
}

size_t pool_size(const struct pool_config *config)
{
    if (!config_is_valid(config))
        return 0;
    return layout_size(
        layout_bytes(config->capacity, stride_of(config), config->block_align) +
        layout_bytes(config->capacity, sizeof(struct pool_slot), _Alignof(struct pool_slot)));
}

void pool_init(struct pool *pool, const struct pool_config *config, void *mem)
{
    CHECK(config->handler, config_is_valid(config));
    CHECK(config->handler, mem != NULL);
    *pool = (struct pool){
        .handler = config->handler,
        .blocks = layout_align(mem, config->block_align),
        .stride = stride_of(config),
        .capacity = config->capacity,
        .free_first = POOL_NONE,
    };
    pool->slots = layout_align(pool->blocks + (size_t)pool->capacity * pool->stride,
                               _Alignof(struct pool_slot));
}

bool pool_invariants(const struct pool *pool)
{
    if (pool->fresh > pool->capacity || pool->in_use > pool->in_use_max ||
        pool->in_use_max > pool->fresh)
        return false;
    uint32_t in_use = 0;
    for (uint32_t i = 0; i < pool->fresh; i++)
        in_use += pool->slots[i].generation & 1;
    if (in_use != pool->in_use)
        return false;
    uint32_t free = 0;
    for (uint32_t i = pool->free_first; i != POOL_NONE; i = pool->slots[i].next)
        if (i >= pool->fresh || (pool->slots[i].generation & 1) != 0 || ++free > pool->fresh)
            return false;
    return free == pool->fresh - in_use;
}
