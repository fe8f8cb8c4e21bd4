/* SPDX-License-Identifier: MIT
 * SipHash (Aumasson and Bernstein): keyed hashing of tuples, cookies and sequence numbers.
 * 1-3 for tables, where only collisions matter; 2-4 for secrets that leave the host. */
#ifndef WEIR_BASE_SIPHASH_H
#define WEIR_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct sip_key {
    uint64_t k0, k1; /* the 16 key bytes read little-endian, as in the paper */
};

/* Hash n bytes. The result is the same on every machine. Bound: linear in n. */
uint64_t siphash13(const struct sip_key *key, const void *p, size_t n);
uint64_t siphash24(const struct sip_key *key, const void *p, size_t n);

/* A key of its own for use number `use`: what is seen of one tells nothing of the others. */
struct sip_key sip_derive(const struct sip_key *secret, uint64_t use);

#endif
