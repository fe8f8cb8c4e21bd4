/* SPDX-License-Identifier: MIT
 * A hash map from a caller's keyed 32-bit hash to a 32-bit value (an index into a pool, where the
 * key is). The table has a fixed size and open addresses; entries that collide are kept in the
 * order of their home slots (Robin Hood linear probing), and removal shifts back, so there are no
 * tombstones and misses end early.
 *
 * Bound: the table is at most 3/4 full, and whoever chooses the keys does not know the hash's key,
 * so a call looks at 2.5 neighbouring slots (of 8 bytes) on average, hit or miss, and at O(log n)
 * at worst with overwhelming probability; `probe_max` says what it came to. */
#ifndef WEIR_BASE_MAP_H
#define WEIR_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* No value; also what marks an empty slot, so it cannot be inserted. */
#define MAP_NONE UINT32_MAX

#define MAP_ENTRIES_MAX (UINT32_C(3) << 29) /* 3/4 of 2^31 slots */

struct map_slot {
    uint32_t hash;
    uint32_t value;
};

/* The fields are the map's; the counters are for everyone to read. */
struct map {
    const struct weir_assert *handler;
    struct map_slot *slots;
    uint32_t mask; /* slots - 1; a power of two of them */
    uint32_t count, count_max;
    uint32_t probe_max; /* the farthest that an entry ever stood from its home slot */
    uint64_t failures;  /* inserts refused */
};

/* Memory for a map of `entries_max` (1 ... MAP_ENTRIES_MAX), of any alignment: 8 bytes times 4/3
 * of it rounded up to a power of two. 0 when out of range or the machine is too small. */
size_t map_size(uint32_t entries_max);

/* Set up an empty map. Owner: the caller owns `map` and `mem` (map_size() bytes); the handler
 * outlives them.
 * Bound: linear in map_size(). */
void map_init(struct map *map, uint32_t entries_max, const struct weir_assert *handler, void *mem);

/* The value whose stored hash is `hash` and for which same(ctx, value) holds, or MAP_NONE. `same`
 * compares the keys; it is inlined where it is known. */
static inline uint32_t map_find(const struct map *map, uint32_t hash,
                                bool (*same)(const void *ctx, uint32_t value), const void *ctx)
{
    uint32_t i = hash & map->mask;
    for (uint32_t distance = 0;; distance++, i = (i + 1) & map->mask) {
        struct map_slot slot = map->slots[i];
        if (slot.value == MAP_NONE)
            return MAP_NONE;
        if (slot.hash == hash && same(ctx, slot.value))
            return slot.value;
        /* Nearer to its home than ours would be here: ours would have been put before it. */
        if (((i - slot.hash) & map->mask) < distance)
            return MAP_NONE;
    }
}

/* Insert a value whose key the map does not hold (the caller has looked). False (counted, nothing
 * changed) when `entries_max` are held. */
bool map_insert(struct map *map, uint32_t hash, uint32_t value);

/* Remove the entry that was inserted with this hash and value; false when there is none. */
bool map_remove(struct map *map, uint32_t hash, uint32_t value);

/* Walk the map in the order of its slots: begin with *cursor = 0; each call answers one value,
 * MAP_NONE at the end. Between calls the map does not change. */
uint32_t map_next(const struct map *map, uint32_t *cursor);

/* Does everything that the map promises itself hold? For tests. Bound: linear in map_size(). */
bool map_invariants(const struct map *map);

#endif
