/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include "base/layout.h"

/* Slots for so many entries: the power of two of which they are at most 3/4. */
static uint32_t slots_for(uint32_t entries_max)
{
    uint64_t needed = ((uint64_t)entries_max * 4 + 2) / 3;
    uint32_t slots = 2;
    while (slots < needed)
        slots *= 2;
    return slots;
}

size_t map_size(uint32_t entries_max)
{
    if (entries_max == 0 || entries_max > MAP_ENTRIES_MAX)
        return 0;
    return layout_size(
        layout_bytes(slots_for(entries_max), sizeof(struct map_slot), _Alignof(struct map_slot)));
}

void map_init(struct map *map, uint32_t entries_max, const struct weir_assert *handler, void *mem)
{
    CHECK(handler, entries_max >= 1 && entries_max <= MAP_ENTRIES_MAX);
    CHECK(handler, mem != NULL);
    *map = (struct map){
        .handler = handler,
        .slots = layout_align(mem, _Alignof(struct map_slot)),
        .mask = slots_for(entries_max) - 1,
        .count_max = entries_max,
    };
    for (uint32_t i = 0; i <= map->mask; i++)
        map->slots[i] = (struct map_slot){.value = MAP_NONE};
}

bool map_insert(struct map *map, uint32_t hash, uint32_t value)
{
    CHECK(map->handler, value != MAP_NONE);
    if (map->count >= map->count_max) {
        map->failures++;
        return false;
    }
    struct map_slot carried = {.hash = hash, .value = value};
    uint32_t i = hash & map->mask, distance = 0;
    /* Ends at an empty slot: count_max is less than the slots. */
    for (; map->slots[i].value != MAP_NONE; i = (i + 1) & map->mask, distance++) {
        uint32_t distance_there = (i - map->slots[i].hash) & map->mask;
        if (distance_there >= distance)
            continue;
        struct map_slot displaced = map->slots[i];
        map->slots[i] = carried;
        if (distance > map->probe_max)
            map->probe_max = distance;
        carried = displaced;
        distance = distance_there;
    }
    map->slots[i] = carried;
    if (distance > map->probe_max)
        map->probe_max = distance;
    map->count++;
    return true;
}

bool map_remove(struct map *map, uint32_t hash, uint32_t value)
{
    CHECK(map->handler, value != MAP_NONE);
    uint32_t i = hash & map->mask;
    for (uint32_t distance = 0;; distance++, i = (i + 1) & map->mask) {
        struct map_slot slot = map->slots[i];
        if (slot.value == MAP_NONE || ((i - slot.hash) & map->mask) < distance)
            return false;
        if (slot.hash == hash && slot.value == value)
            break;
    }
    /* Shift back what follows, up to an entry that stands at home. */
    for (uint32_t next = (i + 1) & map->mask;
         map->slots[next].value != MAP_NONE && ((next - map->slots[next].hash) & map->mask) != 0;
         i = next, next = (next + 1) & map->mask)
        map->slots[i] = map->slots[next];
    map->slots[i].value = MAP_NONE;
    CHECK(map->handler, map->count > 0);
    map->count--;
    return true;
}

uint32_t map_next(const struct map *map, uint32_t *cursor)
{
    while (*cursor <= map->mask) {
        uint32_t value = map->slots[(*cursor)++].value;
        if (value != MAP_NONE)
            return value;
    }
    return MAP_NONE;
}

bool map_invariants(const struct map *map)
{
    uint32_t count = 0;
    uint32_t reach = 0; /* how far from home an entry here may stand at most */
    struct map_slot before = map->slots[map->mask];
    if (before.value != MAP_NONE)
        reach = ((map->mask - before.hash) & map->mask) + 1;
    for (uint32_t i = 0; i <= map->mask; i++) {
        if (map->slots[i].value == MAP_NONE) {
            reach = 0;
            continue;
        }
        uint32_t distance = (i - map->slots[i].hash) & map->mask;
        if (distance > reach || distance > map->probe_max)
            return false;
        reach = distance + 1;
        count++;
    }
    return count == map->count && count <= map->count_max && map->count_max <= map->mask;
}
