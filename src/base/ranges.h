/* SPDX-License-Identifier: MIT
 * Sets of stream offsets as sorted ranges: what arrived above a hole, what was SACKed. The ranges
 * of a set are half open, never empty, disjoint, and never adjacent: touching ranges become one.
 *
 * A set is an AVL tree, so that no order of arrival that a peer can choose makes it deeper than
 * 1.44 log2(n); its nodes come from one pool shared by all sets. One call is O(log n), unless said
 * otherwise. "Amortised": a call may free many ranges, but each was added once, by a call of its
 * own. */
#ifndef WEIR_BASE_RANGES_H
#define WEIR_BASE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

#define RANGES_NONE UINT32_MAX

enum {
    RANGES_COUNT_MAX = 65535, /* ranges in a set */
    /* The least AVL tree of height h has N(h) = N(h-1) + N(h-2) + 1 nodes, N(1) = 1, N(2) = 2:
     * N(22) = 46367, N(23) = 75024 > RANGES_COUNT_MAX. So no set is higher than 22. */
    RANGES_DEPTH_MAX = 22
};

struct range {
    uint64_t start, end; /* [start, end) */
};

struct ranges_node {
    struct range range;
    uint32_t child[2]; /* below it: left and right, or RANGES_NONE; child[0] links free nodes */
    uint8_t height;    /* of the tree that begins here: 1 for a leaf */
};

_Static_assert(sizeof(struct ranges_node) <= 32, "two nodes to a cache line");

/* The nodes of all sets. The fields are the pool's; the counters are for everyone to read. */
struct ranges_pool {
    const struct weir_assert *handler;
    struct ranges_node *nodes;
    uint32_t capacity;
    uint32_t fresh;      /* nodes from here on were never taken */
    uint32_t free_first; /* the node freed last, or RANGES_NONE */
    uint32_t in_use, in_use_max;
    uint64_t failures; /* calls refused, by the cap of the set or for want of a node */
};

/* A set. The fields are its own; read `count` and `bytes`. */
struct ranges {
    uint64_t bytes; /* in all its ranges together */
    uint32_t root;
    uint16_t count, count_max; /* ranges now and at most */
};

_Static_assert(sizeof(struct ranges) <= 16, "two in every connection");

/* Memory for ranges_pool_init(), of any alignment; 0 when the capacity is out of range (1 ... 2^32
 * - 2) or the machine too small. */
size_t ranges_pool_size(uint32_t capacity);

/* Set up a pool of `capacity` nodes. Owner: the caller owns `pool` and `mem` (ranges_pool_size()
 * bytes); the handler outlives them. Bound: constant. */
void ranges_pool_init(struct ranges_pool *pool, uint32_t capacity,
                      const struct weir_assert *handler, void *mem);

/* Set up an empty set of at most `count_max` ranges, 1 ... RANGES_COUNT_MAX. It is emptied before
 * it is forgotten. */
void ranges_init(struct ranges *set, const struct ranges_pool *pool, uint32_t count_max);

/* Forget all ranges. Bound: linear in them. */
void ranges_clear(struct ranges *set, struct ranges_pool *pool);

/* Add a range, start < end. What it overlaps or touches becomes one range with it, which is stored
 * in *merged (unless NULL). False (counted, nothing changed, *merged too) only when the range
 * would stand alone and the set is at its cap or the pool empty: what extends or joins ranges
 * always succeeds. Amortised. */
bool ranges_add(struct ranges *set, struct ranges_pool *pool, struct range range,
                struct range *merged);

/* Remove a range, start < end; what is not in the set stays so. False (counted, nothing
 * changed) only when it would split a range in two and the set is at its cap or the pool empty.
 * Amortised. */
bool ranges_remove(struct ranges *set, struct ranges_pool *pool, struct range range);

/* Remove everything below `offset`. Amortised. */
void ranges_remove_below(struct ranges *set, struct ranges_pool *pool, uint64_t offset);

/* The range that holds `offset`; false when none does, and *out is as it was (so below, too). */
bool ranges_find(const struct ranges *set, const struct ranges_pool *pool, uint64_t offset,
                 struct range *out);

/* Is all of a range, start < end, in the set? */
bool ranges_contain(const struct ranges *set, const struct ranges_pool *pool, struct range range);

/* The lowest range, and the highest. */
bool ranges_first(const struct ranges *set, const struct ranges_pool *pool, struct range *out);
bool ranges_last(const struct ranges *set, const struct ranges_pool *pool, struct range *out);

/* The lowest range that starts at or after `offset`: to walk a set, begin at 0 and go on from
 * out.end. */
bool ranges_next(const struct ranges *set, const struct ranges_pool *pool, uint64_t offset,
                 struct range *out);

/* The first range at or after `offset` that is missing: from `offset`, or from the end of the
 * range that holds it, to the start of the next range, or to UINT64_MAX when there is none. */
struct range ranges_gap_after(const struct ranges *set, const struct ranges_pool *pool,
                              uint64_t offset);

/* Does everything that a set promises itself hold? For tests. Bound: linear in its ranges. */
bool ranges_invariants(const struct ranges *set, const struct ranges_pool *pool);

#endif
