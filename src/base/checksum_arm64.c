/* SPDX-License-Identifier: MIT
 * The checksum by NEON, for little-endian arm64, where every processor has it.
 *
 * UADALP adds pairs of 32-bit words into 64-bit lanes: one operation a vector, and the bound of the
 * portable code, because n bytes give less than n / 4 * 2^32 in total, which is 2^64 at 16 GiB. */
#include "base/checksum_tail.h"

#include <arm_neon.h>

static inline uint8x16_t move128(uint8_t *to, const uint8_t *from)
{
    uint8x16_t v = vld1q_u8(from);
    vst1q_u8(to, v);
    return v;
}

static inline uint64x2_t add128(uint64x2_t sum, uint8x16_t v)
{
    return vpadalq_u32(sum, vreinterpretq_u32_u8(v));
}

/* The last n < 16 bytes of a buffer that holds at least 16, and zeros for the rest. They are loaded
 * together with bytes before them, so an odd n finds them at odd places: swapped in pairs, they add
 * up to what the even places would (RFC 1071 section 2(B)). */
static inline uint8x16_t load_last(const uint8_t *p, size_t n)
{
    static const uint8_t from_end[16] = {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
    uint8x16_t mine = vcltq_u8(vld1q_u8(from_end), vdupq_n_u8((uint8_t)n));
    uint8x16_t v = vandq_u8(vld1q_u8(p + n - 16), mine);
    return (n & 1) != 0 ? vrev16q_u8(v) : v;
}

static inline struct csum finish(uint64x2_t a, uint64x2_t b, uint64x2_t c, uint64x2_t d)
{
    return tail_fold(vaddvq_u64(vaddq_u64(vaddq_u64(a, b), vaddq_u64(c, d))));
}

static struct csum sum_neon(const void *data, size_t n)
{
    const uint8_t *p = data;
    if (n < 16)
        return tail_fold(tail_sum(p, n));
    uint64x2_t a = vdupq_n_u64(0), b = a, c = a, d = a;
    for (; n >= 64; n -= 64, p += 64) {
        a = add128(a, vld1q_u8(p));
        b = add128(b, vld1q_u8(p + 16));
        c = add128(c, vld1q_u8(p + 32));
        d = add128(d, vld1q_u8(p + 48));
    }
    for (; n >= 16; n -= 16, p += 16)
        a = add128(a, vld1q_u8(p));
    b = add128(b, load_last(p, n));
    return finish(a, b, c, d);
}

static struct csum copy_neon(void *restrict dst, const void *restrict src, size_t n)
{
    const uint8_t *p = src;
    uint8_t *to = dst;
    if (n < 16) {
        tail_copy(to, p, n);
        return tail_fold(tail_sum(p, n));
    }
    uint64x2_t a = vdupq_n_u64(0), b = a, c = a, d = a;
    for (; n >= 64; n -= 64, p += 64, to += 64) {
        a = add128(a, move128(to, p));
        b = add128(b, move128(to + 16, p + 16));
        c = add128(c, move128(to + 32, p + 32));
        d = add128(d, move128(to + 48, p + 48));
    }
    if (n >= 32) {
        a = add128(a, move128(to, p));
        b = add128(b, move128(to + 16, p + 16));
    }
    if ((n & 16) != 0)
        c = add128(c, move128(to + (n & 32), p + (n & 32)));
    size_t whole = n & 48;
    d = add128(d, load_last(p + whole, n - whole));
    move128(to + n - 16, p + n - 16);
    return finish(a, b, c, d);
}

static const struct csum_ops csum_neon = {"neon", sum_neon, copy_neon};

unsigned csum_available(const struct csum_ops **out, unsigned max)
{
    unsigned n = 0;
    if (max > n)
        out[n++] = &csum_portable;
    if (max > n)
        out[n++] = &csum_neon;
    return n;
}

const struct csum_ops *csum_best(void)
{
    return &csum_neon;
}
