/* SPDX-License-Identifier: MIT
 * Buffers shorter than a vector, for the vector implementations on little-endian 64-bit machines:
 * no loop over bytes, and not a byte touched outside. */
#ifndef WEIR_BASE_CHECKSUM_TAIL_H
#define WEIR_BASE_CHECKSUM_TAIL_H

#include "base/checksum.h"

/* The sum of the halves of a 64-bit word: below 2^33, so carries gather and do not get lost. */
static inline uint64_t tail_halves(uint64_t w)
{
    return (w & 0xffffffffU) + (w >> 32);
}

/* 64 bits of sum to 32, with the carry brought round. */
static inline struct csum tail_fold(uint64_t sum)
{
    return (struct csum){(uint32_t)tail_halves(tail_halves(sum))};
}

static inline uint64_t tail_load(const uint8_t *p, size_t n)
{
    uint64_t w = 0;
    __builtin_memcpy(&w, p, n);
    return w;
}

/* Sum n bytes, for n of some tens at most. */
static inline uint64_t tail_sum(const uint8_t *p, size_t n)
{
    /* Two loads that overlap agree in the bytes they share, so `or` joins them. */
    if (n < 2)
        return n != 0 ? *p : 0;
    if (n < 4)
        return tail_load(p, 2) | tail_load(p + n - 2, 2) << (8 * (n - 2));
    if (n < 8)
        return tail_load(p, 4) | tail_load(p + n - 4, 4) << (8 * (n - 4));
    /* The last load reaches back over bytes that are already counted, and shifts them out (in two
     * shifts, because with n % 8 == 0 there are 64 bits to go). */
    uint64_t last = tail_load(p + n - 8, 8), sum = 0;
    for (; n >= 8; n -= 8, p += 8)
        sum += tail_halves(tail_load(p, 8));
    return sum + tail_halves(last >> 8 >> (8 * (7 - n)));
}

/* Copy n < 32 bytes, as two halves that overlap. */
static inline void tail_copy(uint8_t *restrict to, const uint8_t *restrict from, size_t n)
{
    if (n >= 16) {
        __builtin_memcpy(to, from, 16);
        __builtin_memcpy(to + n - 16, from + n - 16, 16);
    } else if (n >= 8) {
        __builtin_memcpy(to, from, 8);
        __builtin_memcpy(to + n - 8, from + n - 8, 8);
    } else if (n >= 4) {
        __builtin_memcpy(to, from, 4);
        __builtin_memcpy(to + n - 4, from + n - 4, 4);
    } else if (n >= 2) {
        __builtin_memcpy(to, from, 2);
        __builtin_memcpy(to + n - 2, from + n - 2, 2);
    } else if (n == 1) {
        *to = *from;
    }
}

#endif
