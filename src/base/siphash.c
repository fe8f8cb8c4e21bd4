/* SPDX-License-Identifier: MIT
 * SipHash-c-d as in "SipHash: a fast short-input PRF", sections 2.1 to 2.4, 64 bits out. */
#include "base/siphash.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

/* Little-endian loads, for any alignment; one instruction where the machine has it. */
static inline uint64_t load32_little(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load64_little(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

/* The last n < 8 bytes below the length modulo 256 (section 2.2). */
static inline uint64_t last_word(const uint8_t *p, size_t n, size_t length)
{
    uint64_t w = (uint64_t)length << 56;
    unsigned shift = 0;
    if ((n & 4) != 0) {
        w |= load32_little(p);
        p += 4;
        shift = 32;
    }
    if ((n & 2) != 0) {
        w |= (uint64_t)(p[0] | (uint32_t)p[1] << 8) << shift;
        p += 2;
        shift += 16;
    }
    if ((n & 1) != 0)
        w |= (uint64_t)p[0] << shift;
    return w;
}

/* SipRound, figure 2.1. */
static inline struct sip sip_rounds(struct sip s, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        s.v0 += s.v1;
        s.v2 += s.v3;
        s.v1 = rotl(s.v1, 13) ^ s.v0;
        s.v3 = rotl(s.v3, 16) ^ s.v2;
        s.v0 = rotl(s.v0, 32) + s.v3;
        s.v2 += s.v1;
        s.v1 = rotl(s.v1, 17) ^ s.v2;
        s.v3 = rotl(s.v3, 21) ^ s.v0;
        s.v2 = rotl(s.v2, 32);
    }
    return s;
}

static inline struct sip sip_word(struct sip s, uint64_t word, unsigned rounds)
{
    s.v3 ^= word;
    s = sip_rounds(s, rounds);
    s.v0 ^= word;
    return s;
}

/* Inlined by order: with the numbers of rounds known, their loops unroll. */
__attribute__((always_inline)) static inline uint64_t
siphash(const struct sip_key *key, const uint8_t *p, size_t n, unsigned c, unsigned d)
{
    struct sip s = {key->k0 ^ UINT64_C(0x736f6d6570736575), key->k1 ^ UINT64_C(0x646f72616e646f6d),
                    key->k0 ^ UINT64_C(0x6c7967656e657261), key->k1 ^ UINT64_C(0x7465646279746573)};
    size_t left = n;
    for (; left >= 8; left -= 8, p += 8)
        s = sip_word(s, load64_little(p), c);
    s = sip_word(s, last_word(p, left, n), c);
    s.v2 ^= 0xff;
    s = sip_rounds(s, d);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t siphash13(const struct sip_key *key, const void *p, size_t n)
{
    return siphash(key, p, n, 1, 3);
}

uint64_t siphash24(const struct sip_key *key, const void *p, size_t n)
{
    return siphash(key, p, n, 2, 4);
}

struct sip_key sip_derive(const struct sip_key *secret, uint64_t use)
{
    uint8_t input[9] = {0}; /* the use, little-endian, and which half of the key it is for */
    for (unsigned i = 0; i < 8; i++)
        input[i] = (uint8_t)(use >> 8 * i);
    uint64_t k0 = siphash24(secret, input, sizeof input);
    input[8] = 1;
    return (struct sip_key){k0, siphash24(secret, input, sizeof input)};
}
