/* SPDX-License-Identifier: MIT
 * The Internet checksum (RFC 1071), its incremental update (RFC 1624), the copy fused with it. */
#ifndef WEIR_BASE_CHECKSUM_H
#define WEIR_BASE_CHECKSUM_H

#include "base/bytes.h"

/* A partial sum: the one's complement sum of 16-bit words in the order of the host's loads, 32 bits
 * wide with end-around carry, not yet folded to 16 and not complemented. RFC 1071 section 2(B): the
 * order of the bytes does not matter until the end, when csum_finish() hands back wire order. */
struct csum {
    uint32_t v;
};

/* One way to sum. `sum` and `copy` give equal results in every implementation for the same bytes
 * (after csum_finish). `copy` copies n bytes from src to dst (no overlap) and sums them in one
 * pass. Any alignment; any length below 16 GiB, which no sum inside can overflow. No byte outside
 * the n is touched, read or written. Bound: linear in n. */
struct csum_ops {
    const char *name;
    struct csum (*sum)(const void *p, size_t n);
    struct csum (*copy)(void *restrict dst, const void *restrict src, size_t n);
};

/* The reference: portable C, runs everywhere. */
extern const struct csum_ops csum_portable;

/* The fastest that this processor runs; asks the processor each time, so keep the answer. */
const struct csum_ops *csum_best(void);

/* Each implementation that this processor runs, portable first: for tests and benchmarks.
 * Writes at most `max` pointers, returns how many. */
unsigned csum_available(const struct csum_ops **out, unsigned max);

/* Words at any address, in the order of the host. Not by memcpy: where a processor cannot load them
 * whole, gcc would call it for each; this it spells out in bytes. */
struct csum_word16 {
    uint16_t v;
} __attribute__((packed, may_alias));

struct csum_word32 {
    uint32_t v;
} __attribute__((packed, may_alias));

static inline uint16_t csum_load16(const uint8_t *p)
{
    return ((const struct csum_word16 *)p)->v;
}

static inline uint32_t csum_load32(const uint8_t *p)
{
    return ((const struct csum_word32 *)p)->v;
}

static inline struct csum csum_zero(void)
{
    return (struct csum){0};
}

static inline uint16_t csum_fold(struct csum c)
{
    uint32_t v = (c.v & 0xffffU) + (c.v >> 16);
    return (uint16_t)((v & 0xffffU) + (v >> 16));
}

static inline struct csum csum_add(struct csum a, struct csum b)
{
    uint64_t v = (uint64_t)a.v + b.v;
    return (struct csum){(uint32_t)(v & 0xffffffffU) + (uint32_t)(v >> 32)};
}

/* The sum of bytes that begin at an odd offset of the whole: swapped (RFC 1071 section 2(B)). */
static inline struct csum csum_odd(struct csum c)
{
    uint16_t v = csum_fold(c);
    return (struct csum){(uint32_t)(uint16_t)(v << 8 | v >> 8)};
}

/* The sum of a followed by b, where a covers `a_len` bytes. */
static inline struct csum csum_join(struct csum a, size_t a_len, struct csum b)
{
    return csum_add(a, (a_len & 1) != 0 ? csum_odd(b) : b);
}

/* One 16-bit word of a header, as it stands on the wire. */
static inline struct csum csum_word(struct csum c, be16 word)
{
    return csum_add(c, (struct csum){csum_load16(word.b)});
}

/* A number in host order, summed as its 16-bit big-endian form. */
static inline struct csum csum_u16(struct csum c, uint16_t host)
{
    return csum_word(c, be16_make(host));
}

/* Sum a header of an even number of bytes, at most some tens: inlined, no call. */
static inline struct csum csum_header(struct csum c, const void *p, size_t n)
{
    const uint8_t *b = p;
    uint64_t sum = c.v;
    for (; n >= 4; n -= 4, b += 4)
        sum += csum_load32(b);
    if (n >= 2)
        sum += csum_load16(b);
    sum = (sum & 0xffffffffU) + (sum >> 32);
    return (struct csum){(uint32_t)(sum & 0xffffffffU) + (uint32_t)(sum >> 32)};
}

/* The checksum field for a sum: folded, complemented, in wire order. */
static inline be16 csum_finish(struct csum c)
{
    uint16_t v = (uint16_t)~csum_fold(c);
    be16 out;
    __builtin_memcpy(&out, &v, 2);
    return out;
}

/* Is this the sum of data that includes a correct checksum field? */
static inline bool csum_is_good(struct csum c)
{
    return csum_fold(c) == 0xffffU;
}

/* The checksum after a field at an even offset changes from `from` to `to` (RFC 1624 equation 3):
 * what recomputing would give, as long as some other word of the data is not zero, which holds for
 * every IP header and pseudo-header. */
be16 csum_update16(be16 checksum, be16 from, be16 to);
be16 csum_update32(be16 checksum, be32 from, be32 to);

#endif
