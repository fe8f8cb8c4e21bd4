/* SPDX-License-Identifier: MIT */
#include "base/ranges.h"

#include "base/layout.h"

enum { LEFT, RIGHT };

#define CAPACITY_MAX (UINT32_MAX - 1) /* every index is below RANGES_NONE */

size_t ranges_pool_size(uint32_t capacity)
{
    if (capacity == 0 || capacity > CAPACITY_MAX)
        return 0;
    return layout_size(
        layout_bytes(capacity, sizeof(struct ranges_node), _Alignof(struct ranges_node)));
}

void ranges_pool_init(struct ranges_pool *pool, uint32_t capacity,
                      const struct weir_assert *handler, void *mem)
{
    CHECK(handler, capacity >= 1 && capacity <= CAPACITY_MAX);
    CHECK(handler, mem != NULL);
    *pool = (struct ranges_pool){
        .handler = handler,
        .nodes = layout_align(mem, _Alignof(struct ranges_node)),
        .capacity = capacity,
        .free_first = RANGES_NONE,
    };
}

void ranges_init(struct ranges *set, const struct ranges_pool *pool, uint32_t count_max)
{
    CHECK(pool->handler, count_max >= 1 && count_max <= RANGES_COUNT_MAX);
    *set = (struct ranges){.root = RANGES_NONE, .count_max = (uint16_t)count_max};
}

/* Is there room for one more range? Counted when not. */
static bool has_room(const struct ranges *set, struct ranges_pool *pool)
{
    if (set->count < set->count_max && pool->in_use < pool->capacity)
        return true;
    pool->failures++;
    return false;
}

static uint32_t node_take(struct ranges_pool *pool, struct range range)
{
    CHECK(pool->handler, pool->in_use < pool->capacity);
    uint32_t i = pool->free_first;
    if (i != RANGES_NONE)
        pool->free_first = pool->nodes[i].child[LEFT];
    else
        i = pool->fresh++;
    if (++pool->in_use > pool->in_use_max)
        pool->in_use_max = pool->in_use;
    pool->nodes[i] =
        (struct ranges_node){.range = range, .child = {RANGES_NONE, RANGES_NONE}, .height = 1};
    return i;
}

static void node_give(struct ranges_pool *pool, uint32_t i)
{
    CHECK(pool->handler, pool->in_use > 0);
    pool->nodes[i].height = 0;
    pool->nodes[i].child[LEFT] = pool->free_first;
    pool->free_first = i;
    pool->in_use--;
}

void ranges_clear(struct ranges *set, struct ranges_pool *pool)
{
    /* Without a stack: turn the tree to the right until the root has no left child, then take
     * the root away. Each node is turned past the root once. */
    uint32_t i = set->root;
    while (i != RANGES_NONE) {
        uint32_t left = pool->nodes[i].child[LEFT];
        if (left != RANGES_NONE) {
            pool->nodes[i].child[LEFT] = pool->nodes[left].child[RIGHT];
            pool->nodes[left].child[RIGHT] = i;
            i = left;
        } else {
            uint32_t right = pool->nodes[i].child[RIGHT];
            node_give(pool, i);
            set->count--;
            i = right;
        }
    }
    CHECK(pool->handler, set->count == 0);
    set->root = RANGES_NONE;
    set->bytes = 0;
}

/* The way from the root to a node: the places of the links that were followed. */
struct path {
    uint32_t *link[RANGES_DEPTH_MAX];
    unsigned depth;
};

static void path_push(const struct ranges_pool *pool, struct path *path, uint32_t *link)
{
    CHECK(pool->handler, path->depth < RANGES_DEPTH_MAX);
    path->link[path->depth++] = link;
}

static unsigned height_of(const struct ranges_pool *pool, uint32_t i)
{
    return i == RANGES_NONE ? 0 : pool->nodes[i].height;
}

static void set_height(struct ranges_pool *pool, uint32_t i)
{
    unsigned left = height_of(pool, pool->nodes[i].child[LEFT]);
    unsigned right = height_of(pool, pool->nodes[i].child[RIGHT]);
    pool->nodes[i].height = (uint8_t)(1 + (left > right ? left : right));
}

/* Lift the child on the `heavy` side of i above it; returns that child. */
static uint32_t rotate(struct ranges_pool *pool, uint32_t i, unsigned heavy)
{
    uint32_t up = pool->nodes[i].child[heavy];
    pool->nodes[i].child[heavy] = pool->nodes[up].child[1 - heavy];
    pool->nodes[up].child[1 - heavy] = i;
    set_height(pool, i);
    set_height(pool, up);
    return up;
}

/* Bring heights and balance in order along a path, from its end towards the root, after one node
 * was put in or taken out below it; done where the height stays as it was. */
static void rebalance(struct ranges_pool *pool, struct path *path)
{
    while (path->depth > 0) {
        uint32_t *link = path->link[--path->depth];
        uint32_t i = *link;
        CHECK(pool->handler, i != RANGES_NONE);
        unsigned height_before = pool->nodes[i].height;
        uint32_t *child = pool->nodes[i].child;
        unsigned left = height_of(pool, child[LEFT]), right = height_of(pool, child[RIGHT]);
        if (left > right + 1 || right > left + 1) {
            unsigned heavy = left > right ? LEFT : RIGHT;
            const uint32_t *below = pool->nodes[child[heavy]].child;
            if (height_of(pool, below[1 - heavy]) > height_of(pool, below[heavy]))
                child[heavy] = rotate(pool, child[heavy], 1 - heavy);
            *link = rotate(pool, i, heavy);
        } else {
            set_height(pool, i);
        }
        if (pool->nodes[*link].height == height_before)
            return;
    }
}

/* Put in a range that neither overlaps nor touches any of the set. */
static void insert(struct ranges *set, struct ranges_pool *pool, struct range range)
{
    struct path path = {.depth = 0};
    uint32_t *link = &set->root;
    while (*link != RANGES_NONE) {
        struct ranges_node *node = &pool->nodes[*link];
        path_push(pool, &path, link);
        link = &node->child[range.start > node->range.start];
    }
    CHECK(pool->handler, set->count < set->count_max);
    *link = node_take(pool, range);
    rebalance(pool, &path);
    set->count++;
    set->bytes += range.end - range.start;
}

/* Take out the range that starts at `start`. */
static void erase(struct ranges *set, struct ranges_pool *pool, uint64_t start)
{
    struct path path = {.depth = 0};
    uint32_t *link = &set->root;
    for (;;) {
        CHECK(pool->handler, *link != RANGES_NONE);
        struct ranges_node *node = &pool->nodes[*link];
        if (node->range.start == start)
            break;
        path_push(pool, &path, link);
        link = &node->child[start > node->range.start];
    }
    uint32_t gone = *link;
    struct ranges_node *node = &pool->nodes[gone];
    set->bytes -= node->range.end - node->range.start;
    set->count--;
    if (node->child[LEFT] != RANGES_NONE && node->child[RIGHT] != RANGES_NONE) {
        /* The next range takes this one's place, and its node is the one that goes. */
        path_push(pool, &path, link);
        link = &node->child[RIGHT];
        while (pool->nodes[*link].child[LEFT] != RANGES_NONE) {
            path_push(pool, &path, link);
            link = &pool->nodes[*link].child[LEFT];
        }
        gone = *link;
        node->range = pool->nodes[gone].range;
        *link = pool->nodes[gone].child[RIGHT];
    } else {
        *link = node->child[node->child[LEFT] == RANGES_NONE ? RIGHT : LEFT];
    }
    node_give(pool, gone);
    rebalance(pool, &path);
}

/* The lowest range that ends above `offset` (with `touching`, at or above it), or RANGES_NONE. */
static uint32_t first_ending(const struct ranges *set, const struct ranges_pool *pool,
                             uint64_t offset, bool touching)
{
    uint32_t found = RANGES_NONE;
    for (uint32_t i = set->root; i != RANGES_NONE;) {
        const struct ranges_node *node = &pool->nodes[i];
        bool above = node->range.end > offset || (touching && node->range.end == offset);
        if (above)
            found = i;
        i = node->child[above ? LEFT : RIGHT];
    }
    return found;
}

/* Change a range in place; its order among the others stays. */
static void resize(struct ranges *set, struct ranges_pool *pool, uint32_t i, struct range range)
{
    struct range *old = &pool->nodes[i].range;
    CHECK(pool->handler, range.start < range.end);
    set->bytes += (range.end - range.start) - (old->end - old->start);
    *old = range;
}

bool ranges_add(struct ranges *set, struct ranges_pool *pool, struct range range,
                struct range *merged)
{
    CHECK(pool->handler, range.start < range.end);
    uint32_t i = first_ending(set, pool, range.start, true);
    if (i == RANGES_NONE || pool->nodes[i].range.start > range.end) {
        if (!has_room(set, pool))
            return false;
        insert(set, pool, range);
    } else {
        /* The first range that is overlapped or touched becomes all of it; those after it are
         * swallowed. Taking out a range moves at most ranges above it to other nodes, so i
         * holds. */
        struct range next, first = pool->nodes[i].range;
        uint64_t end = first.end;
        while (end < range.end && ranges_next(set, pool, end, &next) && next.start <= range.end) {
            erase(set, pool, next.start);
            end = next.end;
        }
        if (first.start < range.start)
            range.start = first.start;
        if (end > range.end)
            range.end = end;
        resize(set, pool, i, range);
    }
    if (merged != NULL)
        *merged = range;
    return true;
}

bool ranges_remove(struct ranges *set, struct ranges_pool *pool, struct range range)
{
    CHECK(pool->handler, range.start < range.end);
    for (;;) {
        uint32_t i = first_ending(set, pool, range.start, false);
        if (i == RANGES_NONE || pool->nodes[i].range.start >= range.end)
            return true;
        struct range old = pool->nodes[i].range;
        bool keep_left = old.start < range.start;
        bool keep_right = old.end > range.end;
        if (keep_left && keep_right && !has_room(set, pool))
            return false;
        if (keep_left)
            resize(set, pool, i, (struct range){old.start, range.start});
        if (keep_left && keep_right)
            insert(set, pool, (struct range){range.end, old.end});
        else if (keep_right)
            resize(set, pool, i, (struct range){range.end, old.end});
        else if (!keep_left)
            erase(set, pool, old.start);
        if (keep_right)
            return true;
    }
}

void ranges_remove_below(struct ranges *set, struct ranges_pool *pool, uint64_t offset)
{
    if (offset == 0 || set->count == 0)
        return;
    bool removed = ranges_remove(set, pool, (struct range){0, offset});
    CHECK(pool->handler, removed); /* nothing stands below 0 that it could be split from */
}

static bool answer(const struct ranges_pool *pool, uint32_t i, struct range *out)
{
    if (i == RANGES_NONE)
        return false;
    *out = pool->nodes[i].range;
    return true;
}

bool ranges_find(const struct ranges *set, const struct ranges_pool *pool, uint64_t offset,
                 struct range *out)
{
    uint32_t i = first_ending(set, pool, offset, false);
    return i != RANGES_NONE && pool->nodes[i].range.start <= offset && answer(pool, i, out);
}

bool ranges_contain(const struct ranges *set, const struct ranges_pool *pool, struct range range)
{
    CHECK(pool->handler, range.start < range.end);
    struct range holding;
    return ranges_find(set, pool, range.start, &holding) && holding.end >= range.end;
}

/* The leftmost or the rightmost node, or RANGES_NONE. */
static uint32_t outermost(const struct ranges *set, const struct ranges_pool *pool, unsigned side)
{
    uint32_t found = RANGES_NONE;
    for (uint32_t i = set->root; i != RANGES_NONE; i = pool->nodes[i].child[side])
        found = i;
    return found;
}

bool ranges_first(const struct ranges *set, const struct ranges_pool *pool, struct range *out)
{
    return answer(pool, outermost(set, pool, LEFT), out);
}

bool ranges_last(const struct ranges *set, const struct ranges_pool *pool, struct range *out)
{
    return answer(pool, outermost(set, pool, RIGHT), out);
}

bool ranges_next(const struct ranges *set, const struct ranges_pool *pool, uint64_t offset,
                 struct range *out)
{
    uint32_t found = RANGES_NONE;
    for (uint32_t i = set->root; i != RANGES_NONE;) {
        bool after = pool->nodes[i].range.start >= offset;
        if (after)
            found = i;
        i = pool->nodes[i].child[after ? LEFT : RIGHT];
    }
    return answer(pool, found, out);
}

struct range ranges_gap_after(const struct ranges *set, const struct ranges_pool *pool,
                              uint64_t offset)
{
    struct range holding, next;
    if (ranges_find(set, pool, offset, &holding))
        offset = holding.end;
    bool more = ranges_next(set, pool, offset, &next);
    return (struct range){offset, more ? next.start : UINT64_MAX};
}

/* Walks the tree in order with a stack of its own; height and balance are checked at each node. */
bool ranges_invariants(const struct ranges *set, const struct ranges_pool *pool)
{
    uint32_t stack[RANGES_DEPTH_MAX], count = 0;
    unsigned depth = 0;
    uint64_t bytes = 0, end_before = 0;
    for (uint32_t i = set->root; i != RANGES_NONE || depth > 0;) {
        if (i != RANGES_NONE) {
            if (i >= pool->fresh || depth == RANGES_DEPTH_MAX)
                return false;
            stack[depth++] = i;
            i = pool->nodes[i].child[LEFT];
            continue;
        }
        const struct ranges_node *node = &pool->nodes[stack[--depth]];
        unsigned left = height_of(pool, node->child[LEFT]);
        unsigned right = height_of(pool, node->child[RIGHT]);
        if (node->height != 1 + (left > right ? left : right) || left > right + 1 ||
            right > left + 1)
            return false;
        if (node->range.start >= node->range.end || (count > 0 && node->range.start <= end_before))
            return false;
        end_before = node->range.end;
        bytes += node->range.end - node->range.start;
        count++;
        i = node->child[RIGHT];
    }
    return count == set->count && count <= set->count_max && bytes == set->bytes &&
           pool->in_use >= count && pool->in_use <= pool->in_use_max;
}
