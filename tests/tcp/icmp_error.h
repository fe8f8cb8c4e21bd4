/* SPDX-License-Identifier: MIT
 * ICMP errors about segments, as a router makes them (RFC 792, RFC 4443). */
#ifndef WEIR_TESTS_TCP_ICMP_ERROR_H
#define WEIR_TESTS_TCP_ICMP_ERROR_H

#include "pair.h"

enum { UNREACHABLE4 = 3, QUENCH4 = 4, EXCEEDED4 = 11, UNREACHABLE6 = 1, TOO_BIG6 = 2 };

static inline uint32_t sum_words(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum += (uint32_t)p[i] << ((i & 1) != 0 ? 0 : 8);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* An error that quotes `packet`, for who sent it, into b[PAIR_PACKET_MAX]: its length. */
static inline size_t make_error(uint8_t *b, uint8_t type, uint8_t code, uint16_t mtu,
                                const uint8_t *packet, size_t len)
{
    bool ip4 = packet[0] >> 4 == 4;
    size_t ip = ip4 ? 20 : 40, n = len < 500 ? len : 500;
    uint8_t *icmp = b + ip;
    memset(b, 0, ip + 8);
    icmp[0] = type;
    icmp[1] = code;
    store16(icmp + 6, mtu);
    memcpy(icmp + 8, packet, n);
    n += 8;
    if (ip4) {
        b[0] = 0x45;
        store16(b + 2, (uint16_t)(ip + n));
        b[8] = 60;
        b[9] = 1;
        memcpy(b + 12, pair_addr("10.0.0.254").bytes + 12, 4);
        memcpy(b + 16, packet + 12, 4);
        store16(b + 10, (uint16_t)~sum_words(0, b, 20));
        store16(icmp + 2, (uint16_t)~sum_words(0, icmp, n));
    } else {
        uint8_t tail[8] = {0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, 58};
        b[0] = 0x60;
        store16(b + 4, (uint16_t)n);
        b[6] = 58;
        b[7] = 60;
        memcpy(b + 8, pair_addr("2001:db8::fe").bytes, 16);
        memcpy(b + 24, packet + 8, 16);
        uint32_t sum = sum_words(sum_words(0, b + 8, 32), tail, 8);
        store16(icmp + 2, (uint16_t)~sum_words(sum, icmp, n));
    }
    return ip + n;
}

/* The same of a router whose next link takes no more than `mtu`. */
static inline size_t make_too_big(uint8_t *b, uint16_t mtu, const uint8_t *packet, size_t len)
{
    bool ip4 = packet[0] >> 4 == 4;
    return make_error(b, ip4 ? UNREACHABLE4 : TOO_BIG6, ip4 ? 4 : 0, mtu, packet, len);
}

#endif
