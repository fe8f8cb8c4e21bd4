/* SPDX-License-Identifier: MIT */
#include "base/blocks.h"

#include "base/layout.h"

static bool config_is_valid(const struct blocks_config *config)
{
    return config->superblocks >= 1 && config->superblocks <= BLOCKS_SUPERBLOCKS_MAX &&
           config->urgent_superblocks <= config->superblocks;
}

size_t blocks_size(const struct blocks_config *config)
{
    if (!config_is_valid(config))
        return 0;
    return layout_size(
        layout_bytes(config->superblocks, BLOCKS_SUPERBLOCK_BYTES, BLOCKS_UNIT_BYTES) +
        layout_bytes(config->superblocks, sizeof(struct blocks_super),
                     _Alignof(struct blocks_super)));
}

void blocks_init(struct blocks *blocks, const struct blocks_config *config, void *mem)
{
    CHECK(config->handler, config_is_valid(config));
    CHECK(config->handler, mem != NULL);
    *blocks = (struct blocks){
        .handler = config->handler,
        .arena = layout_align(mem, BLOCKS_UNIT_BYTES),
        .superblocks = config->superblocks,
        .urgent_superblocks = config->urgent_superblocks,
        .free_first = BLOCKS_NONE,
        .warm = {BLOCKS_NONE, BLOCKS_NONE, BLOCKS_NONE},
        .partial = {BLOCKS_NONE, BLOCKS_NONE, BLOCKS_NONE},
        .superblocks_free = config->superblocks,
        .promised_bytes_max = config->promised_bytes_max,
    };
    blocks->supers =
        layout_align(blocks->arena + (size_t)config->superblocks * BLOCKS_SUPERBLOCK_BYTES,
                     _Alignof(struct blocks_super));
}

/* The mask of a superblock of which every block is free: 16, 4 or 1 of them. */
static uint16_t mask_full(enum blocks_class class)
{
    return (uint16_t)((1U << (16U >> (2 * (unsigned)class))) - 1);
}

static void partial_push(struct blocks *blocks, enum blocks_class class, uint32_t number)
{
    struct blocks_super *super = &blocks->supers[number];
    uint32_t next = blocks->partial[class];
    super->prev = BLOCKS_NONE;
    super->next = next;
    if (next != BLOCKS_NONE)
        blocks->supers[next].prev = number;
    blocks->partial[class] = number;
}

static void partial_remove(struct blocks *blocks, enum blocks_class class, uint32_t number)
{
    const struct blocks_super *super = &blocks->supers[number];
    if (super->prev != BLOCKS_NONE)
        blocks->supers[super->prev].next = super->next;
    else
        blocks->partial[class] = super->next;
    if (super->next != BLOCKS_NONE)
        blocks->supers[super->next].prev = super->prev;
}

/* Open an empty superblock for a class: its number, or BLOCKS_NONE. It is in no list. */
static uint32_t super_open(struct blocks *blocks, enum blocks_class class,
                           enum blocks_priority priority)
{
    uint32_t left_alone = priority == BLOCKS_URGENT ? 0 : blocks->urgent_superblocks;
    if (blocks->superblocks_free <= left_alone)
        return BLOCKS_NONE;
    uint32_t number = blocks->free_first;
    if (number != BLOCKS_NONE)
        blocks->free_first = blocks->supers[number].next;
    else
        number = blocks->fresh++;
    CHECK(blocks->handler, number < blocks->superblocks);
    blocks->superblocks_free--;
    blocks->supers[number] = (struct blocks_super){
        .order = UINT64_C(0xfedcba9876543210), /* lowest address first */
        .free_mask = mask_full(class),
        .class = (uint8_t)class,
    };
    return number;
}

/* Give all warm blocks back to their superblocks; false when there was none. */
static bool warm_flush(struct blocks *blocks)
{
    bool any = false;
    for (unsigned class = 0; class < BLOCKS_CLASSES; class++) {
        uint32_t id = blocks->warm[class];
        blocks->warm[class] = BLOCKS_NONE;
        if (id == BLOCKS_NONE)
            continue;
        blocks_give_cold(blocks, id);
        any = true;
    }
    return any;
}

/* Take a block from a superblock. */
static uint32_t super_take(struct blocks *blocks, enum blocks_class class,
                           enum blocks_priority priority)
{
    /* A part of the reserve that was opened is for nobody else until it is whole again. */
    if (priority != BLOCKS_URGENT && blocks->superblocks_free < blocks->urgent_superblocks)
        return BLOCKS_NONE;
    uint32_t number = blocks->partial[class];
    bool opened = number == BLOCKS_NONE;
    if (opened) {
        number = super_open(blocks, class, priority);
        if (number == BLOCKS_NONE)
            return BLOCKS_NONE;
    }
    struct blocks_super *super = &blocks->supers[number];
    unsigned block = super->order & 15;
    CHECK(blocks->handler, (super->free_mask >> block & 1) != 0);
    super->order >>= 4;
    super->free_mask = (uint16_t)(super->free_mask ^ 1U << block);
    if (super->free_mask == 0) {
        if (!opened)
            partial_remove(blocks, class, number);
    } else if (opened) {
        partial_push(blocks, class, number);
    }
    return number << 4 | block << (2 * (unsigned)class);
}

uint32_t blocks_take_cold(struct blocks *blocks, enum blocks_class class,
                          enum blocks_priority priority)
{
    CHECK(blocks->handler, priority < BLOCKS_PRIORITIES);
    /* A warm block that blocks_take() refused may be all that keeps a superblock from the
     * reserve. */
    if (blocks->warm[class] != BLOCKS_NONE)
        warm_flush(blocks);
    uint32_t id = super_take(blocks, class, priority);
    if (id == BLOCKS_NONE && warm_flush(blocks))
        id = super_take(blocks, class, priority);
    if (id == BLOCKS_NONE)
        blocks->failures[priority]++;
    return id;
}

void blocks_give_cold(struct blocks *blocks, uint32_t id)
{
    uint32_t number = id >> 4;
    enum blocks_class class = blocks_class_of(blocks, id);
    struct blocks_super *super = &blocks->supers[number];
    unsigned block = (id & 15) >> (2 * (unsigned)class);
    CHECK(blocks->handler, (super->free_mask >> block & 1) == 0);
    bool listed = super->free_mask != 0;
    super->order = super->order << 4 | block;
    super->free_mask = (uint16_t)(super->free_mask | 1U << block);
    bool empty = super->free_mask == mask_full(class);
    if (listed && (empty || blocks->partial[class] != number)) {
        partial_remove(blocks, class, number);
        listed = false;
    }
    if (empty) {
        super->class = BLOCKS_CLASSES;
        super->next = blocks->free_first;
        blocks->free_first = number;
        blocks->superblocks_free++;
    } else if (!listed) {
        partial_push(blocks, class, number);
    }
}

bool blocks_reserve(struct blocks *blocks, uint64_t bytes)
{
    CHECK(blocks->handler, blocks->promised_bytes <= blocks->promised_bytes_max);
    if (bytes > blocks->promised_bytes_max - blocks->promised_bytes) {
        blocks->promise_failures++;
        return false;
    }
    blocks->promised_bytes += bytes;
    return true;
}

void blocks_unreserve(struct blocks *blocks, uint64_t bytes)
{
    CHECK(blocks->handler, bytes <= blocks->promised_bytes);
    blocks->promised_bytes -= bytes;
}

/* The list of a class holds superblocks of that class only, linked both ways; how many, or
 * UINT32_MAX. */
static uint32_t partial_count(const struct blocks *blocks, enum blocks_class class)
{
    uint32_t count = 0, prev = BLOCKS_NONE;
    for (uint32_t i = blocks->partial[class]; i != BLOCKS_NONE; i = blocks->supers[i].next) {
        if (i >= blocks->fresh || blocks->supers[i].class != class ||
            blocks->supers[i].prev != prev || blocks->supers[i].free_mask == 0 ||
            ++count > blocks->fresh)
            return UINT32_MAX;
        prev = i;
    }
    return count;
}

/* The stack of free blocks of a superblock names exactly those in its mask. */
static bool order_matches(const struct blocks_super *super)
{
    uint16_t seen = 0;
    uint64_t order = super->order;
    for (unsigned mask = super->free_mask; mask != 0; mask &= mask - 1, order >>= 4)
        seen = (uint16_t)(seen | 1U << (order & 15));
    return seen == super->free_mask;
}

/* Is a block not in its superblock: in use, or warm? */
static bool is_out(const struct blocks *blocks, uint32_t id)
{
    if (id >> 4 >= blocks->fresh || blocks->supers[id >> 4].class >= BLOCKS_CLASSES)
        return false;
    const struct blocks_super *super = &blocks->supers[id >> 4];
    return (super->free_mask >> ((id & 15) >> (2 * super->class)) & 1) == 0;
}

bool blocks_invariants(const struct blocks *blocks)
{
    uint32_t in_use[BLOCKS_CLASSES] = {0}, partial[BLOCKS_CLASSES] = {0}, empty = 0;
    for (uint32_t i = 0; i < blocks->fresh; i++) {
        const struct blocks_super *super = &blocks->supers[i];
        if (super->class == BLOCKS_CLASSES) {
            empty++;
            continue;
        }
        uint16_t full = mask_full((enum blocks_class)super->class);
        if (super->class > BLOCKS_CLASSES || super->free_mask >= full || !order_matches(super))
            return false;
        partial[super->class] += super->free_mask != 0;
        for (unsigned mask = full & ~(unsigned)super->free_mask; mask != 0; mask &= mask - 1)
            in_use[super->class]++;
    }
    uint64_t bytes = 0;
    for (enum blocks_class class = BLOCKS_4K; class < BLOCKS_CLASSES; class++) {
        uint32_t warm = blocks->warm[class];
        if (warm != BLOCKS_NONE &&
            (!is_out(blocks, warm) || blocks_class_of(blocks, warm) != class))
            return false;
        in_use[class] -= warm != BLOCKS_NONE;
        if (in_use[class] != blocks->in_use[class] ||
            partial[class] != partial_count(blocks, class))
            return false;
        bytes += (uint64_t)in_use[class] * blocks_bytes(class);
    }
    uint32_t stack = 0;
    for (uint32_t i = blocks->free_first; i != BLOCKS_NONE; i = blocks->supers[i].next)
        if (i >= blocks->fresh || blocks->supers[i].class != BLOCKS_CLASSES || ++stack > empty)
            return false;
    return stack == empty && bytes == blocks->bytes_in_use && bytes <= blocks->bytes_in_use_max &&
           blocks->superblocks_free == blocks->superblocks - blocks->fresh + empty &&
           blocks->promised_bytes <= blocks->promised_bytes_max;
}
