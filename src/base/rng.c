/* SPDX-License-Identifier: MIT
 * xoshiro256** 1.0 of Blackman and Vigna, with the seeding that they recommend, by splitmix64. */
#include "base/rng.h"

#include "base/check.h"

/* The step of splitmix64: 2^64 over the golden ratio. */
#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

/* The output function of splitmix64: a bijection in which every bit of x reaches every bit of the
 * result. */
static uint64_t mix64(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

struct rng rng_make(uint64_t seed)
{
    struct rng r;
    for (unsigned i = 0; i < 4; i++) {
        seed += GOLDEN;
        r.s[i] = mix64(seed);
    }
    /* All zero goes nowhere. A bijection of four different numbers is never that. */
    CHECK(NULL, (r.s[0] | r.s[1]) != 0);
    return r;
}

/* The parent's four words are chained through the mixer, which gives one number for the state; the
 * label is xored into that, mixed, and seeds the child. Each step is a bijection, so two labels
 * never give the same child of one parent. */
struct rng rng_fork(const struct rng *parent, uint64_t label)
{
    uint64_t state = 0;
    for (unsigned i = 0; i < 4; i++)
        state = mix64(state ^ parent->s[i]) + GOLDEN;
    return rng_make(mix64(state ^ label));
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t out = rotl(r->s[1] * 5, 7) * 9;
    uint64_t t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotl(r->s[3], 45);
    return out;
}

uint32_t rng_u32(struct rng *r)
{
    return (uint32_t)(rng_u64(r) >> 32);
}

/* Cut to the bits that bound - 1 needs, a draw is accepted more often than not: fewer than two
 * draws on average, and no division, which small processors do in software. */
uint64_t rng_below(struct rng *r, uint64_t bound)
{
    CHECK(NULL, bound > 0);
    uint64_t mask = UINT64_MAX >> __builtin_clzll((bound - 1) | 1);
    uint64_t v;
    do {
        v = rng_u64(r) & mask;
    } while (v >= bound);
    return v;
}

uint64_t rng_between(struct rng *r, uint64_t low, uint64_t high)
{
    CHECK(NULL, low <= high);
    uint64_t span = high - low;
    return low + (span == UINT64_MAX ? rng_u64(r) : rng_below(r, span + 1));
}

bool rng_chance(struct rng *r, struct ratio p)
{
    CHECK(NULL, p.denominator > 0 && p.numerator <= p.denominator);
    return rng_below(r, p.denominator) < p.numerator;
}

void rng_bytes(struct rng *r, void *p, size_t n)
{
    uint8_t *out = p;
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % 8 == 0)
            word = rng_u64(r);
        out[i] = (uint8_t)(word >> (8 * (i % 8)));
    }
}
