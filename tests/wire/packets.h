/* SPDX-License-Identifier: MIT
 * What the tests of this room share: copies that a sanitizer guards, a checksum of their own. */
#ifndef TESTS_WIRE_PACKETS_H
#define TESTS_WIRE_PACKETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/rng.h"

/* A heap block of exactly n bytes, for a sanitizer to see every read too many. The caller frees. */
static inline uint8_t *exact_copy(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n);
    assert_true(copy != NULL || n == 0);
    if (n > 0)
        memcpy(copy, p, n);
    return copy;
}

/* RFC 1071, word by word as the text has it: the sum, folded, not complemented. */
static inline uint16_t naive_sum(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i += 2)
        sum += (uint32_t)p[i] << 8 | (i + 1 < n ? p[i + 1] : 0U);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* The same over a pseudo-header (RFC 793 3.1, RFC 8200 8.1) and then n bytes. */
static inline uint16_t naive_transport_sum(const uint8_t *source, const uint8_t *destination,
                                           size_t address_len, uint8_t protocol, const uint8_t *p,
                                           size_t n)
{
    uint32_t sum = naive_sum(0, source, address_len);
    sum += naive_sum(0, destination, address_len);
    sum += (uint32_t)(n >> 16) + (uint32_t)(n & 0xffff) + protocol;
    return naive_sum(sum, p, n);
}

/* Set the checksum of the IPv4 header at p. */
static inline void finish_ip4(uint8_t *p)
{
    store16(p + 10, 0);
    store16(p + 10, (uint16_t)~naive_sum(0, p, (p[0] & 15U) * 4));
}

/* Set the checksum of the ICMPv6 message of n bytes behind the fixed header at p. */
static inline void finish_icmp6(uint8_t *p, size_t n)
{
    store16(p + 42, 0);
    store16(p + 42, (uint16_t)~naive_transport_sum(p + 8, p + 24, 16, 58, p + 40, n));
}

#endif
