/* SPDX-License-Identifier: MIT
 * TCP sequence numbers (RFC 9293 section 3.4): a 32-bit circle as a type of its own, so that `a < b`
 * does not compile and seq_lt(a, b) does. Comparisons hold for numbers less than 2^31 apart. */
#ifndef WEIR_BASE_SEQ_H
#define WEIR_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_seq {
    uint32_t v;
};

static inline struct tcp_seq seq_make(uint32_t v)
{
    return (struct tcp_seq){v};
}

static inline struct tcp_seq seq_add(struct tcp_seq a, uint32_t n)
{
    return (struct tcp_seq){a.v + n};
}

static inline struct tcp_seq seq_sub(struct tcp_seq a, uint32_t n)
{
    return (struct tcp_seq){a.v - n};
}

/* The signed distance from b to a: positive when a is later. */
static inline int32_t seq_diff(struct tcp_seq a, struct tcp_seq b)
{
    return (int32_t)(a.v - b.v);
}

static inline bool seq_eq(struct tcp_seq a, struct tcp_seq b)
{
    return a.v == b.v;
}

static inline bool seq_lt(struct tcp_seq a, struct tcp_seq b)
{
    return seq_diff(a, b) < 0;
}

static inline bool seq_leq(struct tcp_seq a, struct tcp_seq b)
{
    return seq_diff(a, b) <= 0;
}

static inline bool seq_gt(struct tcp_seq a, struct tcp_seq b)
{
    return seq_diff(a, b) > 0;
}

static inline bool seq_geq(struct tcp_seq a, struct tcp_seq b)
{
    return seq_diff(a, b) >= 0;
}

static inline struct tcp_seq seq_max(struct tcp_seq a, struct tcp_seq b)
{
    return seq_lt(a, b) ? b : a;
}

static inline struct tcp_seq seq_min(struct tcp_seq a, struct tcp_seq b)
{
    return seq_lt(a, b) ? a : b;
}

/* Is x in [from, from + len)? Exact for every len, also 0 and above 2^31. */
static inline bool seq_in(struct tcp_seq x, struct tcp_seq from, uint32_t len)
{
    return x.v - from.v < len;
}

/* The 64-bit stream offset of x, given one near it (within 2^31): unwraps the circle. */
static inline uint64_t seq_unwrap(struct tcp_seq x, struct tcp_seq near_seq, uint64_t near_offset)
{
    return near_offset + (uint64_t)(int64_t)seq_diff(x, near_seq);
}

#endif
