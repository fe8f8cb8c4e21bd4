/* SPDX-License-Identifier: MIT
 * The reference: 32-bit words added into 64-bit sums, so that carries gather in the upper halves
 * and are folded once, at the end (RFC 1071 section 2, deferred carries and unwinding). The words
 * go to four sums in turn, which leaves no addition waiting for the one before. The four together
 * stay below n / 4 * 2^32, which is 2^64 at 16 GiB. */
#include "base/checksum.h"

/* An odd last byte stands in front of its missing neighbour, [Z,0] (RFC 1071 section 2(B)), which
 * is the lower or the upper half of a word as the host has it. */
static inline uint16_t load_last(const uint8_t *p)
{
    return csum_load16((const uint8_t[2]){p[0], 0});
}

static struct csum fold64(uint64_t sum)
{
    sum = (sum & 0xffffffffU) + (sum >> 32);
    return (struct csum){(uint32_t)((sum & 0xffffffffU) + (sum >> 32))};
}

static struct csum sum_portable(const void *data, size_t n)
{
    const uint8_t *p = data;
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (; n >= 16; n -= 16, p += 16) {
        a += csum_load32(p);
        b += csum_load32(p + 4);
        c += csum_load32(p + 8);
        d += csum_load32(p + 12);
    }
    if ((n & 8) != 0) {
        a += csum_load32(p);
        b += csum_load32(p + 4);
        p += 8;
    }
    if ((n & 4) != 0) {
        c += csum_load32(p);
        p += 4;
    }
    if ((n & 2) != 0) {
        d += csum_load16(p);
        p += 2;
    }
    if ((n & 1) != 0)
        a += load_last(p);
    return fold64(a + b + c + d);
}

/* Move a word by way of a register, and hand it over for the sum. */
static inline uint32_t move32(uint8_t *to, const uint8_t *from)
{
    uint32_t w = csum_load32(from);
    ((struct csum_word32 *)to)->v = w;
    return w;
}

static inline uint16_t move16(uint8_t *to, const uint8_t *from)
{
    uint16_t w = csum_load16(from);
    ((struct csum_word16 *)to)->v = w;
    return w;
}

static struct csum copy_portable(void *restrict dst, const void *restrict src, size_t n)
{
    uint8_t *to = dst;
    const uint8_t *from = src;
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (; n >= 16; n -= 16, to += 16, from += 16) {
        a += move32(to, from);
        b += move32(to + 4, from + 4);
        c += move32(to + 8, from + 8);
        d += move32(to + 12, from + 12);
    }
    size_t done = n & 8;
    if (done != 0) {
        a += move32(to, from);
        b += move32(to + 4, from + 4);
    }
    if ((n & 4) != 0) {
        c += move32(to + done, from + done);
        done += 4;
    }
    if ((n & 2) != 0) {
        d += move16(to + done, from + done);
        done += 2;
    }
    if ((n & 1) != 0) {
        a += load_last(from + done);
        to[done] = from[done];
    }
    return fold64(a + b + c + d);
}

const struct csum_ops csum_portable = {"portable", sum_portable, copy_portable};

/* HC' = ~(~HC + ~m + m') (RFC 1624 equation 3), over one or two words. Numbers, not loads: the sum
 * does not depend on the order of the bytes as long as all words are read alike. */
static be16 updated(be16 checksum, uint32_t without, uint32_t with)
{
    uint32_t sum = (uint16_t)~be16_get(checksum);
    sum += without + with;
    sum = (sum & 0xffffU) + (sum >> 16);
    sum = (sum & 0xffffU) + (sum >> 16);
    return be16_make((uint16_t)~sum);
}

be16 csum_update16(be16 checksum, be16 from, be16 to)
{
    return updated(checksum, (uint16_t)~be16_get(from), be16_get(to));
}

be16 csum_update32(be16 checksum, be32 from, be32 to)
{
    uint32_t m = ~be32_get(from), m_new = be32_get(to);
    return updated(checksum, (m & 0xffffU) + (m >> 16), (m_new & 0xffffU) + (m_new >> 16));
}
