/* SPDX-License-Identifier: MIT
 * A seeded generator of integers (xoshiro256**). Not for secrets: those are SipHash under a key. No
 * floating point anywhere, so the same seed gives the same choices on every machine. */
#ifndef WEIR_BASE_RNG_H
#define WEIR_BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

/* A chance of numerator in denominator; denominator > 0, numerator <= denominator. */
struct ratio {
    uint32_t numerator, denominator;
};

struct rng rng_make(uint64_t seed);
/* An independent stream: the same parent state and label give the same child; the parent is not
 * advanced, so adding a consumer never shifts the choices of another. */
struct rng rng_fork(const struct rng *parent, uint64_t label);
uint64_t rng_u64(struct rng *r);
uint32_t rng_u32(struct rng *r);
/* Uniform in [0, bound), without bias; bound > 0. */
uint64_t rng_below(struct rng *r, uint64_t bound);
/* Uniform in [low, high]. */
uint64_t rng_between(struct rng *r, uint64_t low, uint64_t high);
bool rng_chance(struct rng *r, struct ratio p);
void rng_bytes(struct rng *r, void *p, size_t n);

#endif
