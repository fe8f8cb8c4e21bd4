/* SPDX-License-Identifier: MIT
 * Neighbour discovery for IPv6 over Ethernet (RFC 4861), with name servers (RFC 8106). */
#ifndef WEIR_WIRE_ND_H
#define WEIR_WIRE_ND_H

#include "wire/icmp.h"

enum {
    ND_HOP_LIMIT = 255,
    ND_OPTIONS_MAX = 64,  /* options of one message; more is an attack */
    ND_PREFIXES_MAX = 8,  /* kept of one router advertisement; the rest is ignored */
    ND_RDNSS_MAX = 4,     /* the same of name servers */
    ND_MESSAGE_MAX = 512  /* bytes that nd_emit() writes at most without a redirected packet */
};

enum nd_option {
    ND_OPTION_SOURCE_MAC = 1,
    ND_OPTION_TARGET_MAC = 2,
    ND_OPTION_PREFIX = 3,
    ND_OPTION_REDIRECTED = 4,
    ND_OPTION_MTU = 5,
    ND_OPTION_RDNSS = 25
};

/* Prefix information (RFC 4861 4.6.2). */
struct nd_prefix {
    struct ip6_addr prefix;
    uint32_t valid_s, preferred_s; /* seconds; 2^32-1: for ever */
    uint8_t len;                   /* bits, 0..128 */
    bool on_link;
    bool autonomous;
};

/* A recursive name server (RFC 8106 5.1). */
struct nd_rdnss {
    struct ip6_addr server;
    uint32_t lifetime_s;
};

/* One message. Fields of other types are zero. */
struct nd {
    uint8_t type; /* ICMP6_ROUTER_SOLICITATION ... ICMP6_REDIRECT */

    /* neighbour solicitation and advertisement, redirect */
    struct ip6_addr target;
    struct ip6_addr destination; /* redirect: of the packets to send another way */
    bool router, solicited, override; /* neighbour advertisement */

    /* router advertisement */
    uint8_t hop_limit; /* 0: unspecified */
    bool managed, other;
    uint16_t lifetime_s;
    uint32_t reachable_ms, retrans_ms; /* 0: unspecified */

    /* options */
    bool has_source_mac, has_target_mac;
    struct eth_addr source_mac, target_mac;
    uint32_t mtu; /* 0: no such option, or it said 0 */
    uint8_t prefix_count, rdnss_count;
    struct nd_prefix prefix[ND_PREFIXES_MAX];
    struct nd_rdnss rdnss[ND_RDNSS_MAX];
    struct weir_ref redirected; /* the packet that caused a redirect, cut; borrowed; len 0: none */
};

/* Read and validate the message at p (RFC 4861 6.1, 7.1, 8.1), which begins with the ICMPv6 header:
 * head_len bytes are contiguous, message_len is what the IP header `ip` promises. The checksum is
 * the caller's to verify first. What only the tables know (is the sender of a redirect the first
 * hop?) is left to the network room, and so are the values of a router (ATK-ND-05). A known option
 * of a wrong length or prefix length is ignored, as are unknown options, options where they do not
 * belong and all but the first of those that stand once (ATK-ND-03); an option of length 0 or past
 * the end spoils the message (ATK-ND-02). *out is complete on WEIR_DROP_NONE and undefined
 * otherwise. Reasons: ND_SHORT, ND_HOP_LIMIT, ND_CODE, ND_OPTION, ND_TARGET (source, destination or
 * target impossible), ICMP_TYPE, DEVICE_HEADERS. Bound: constant (ND_OPTIONS_MAX). */
enum weir_drop nd_parse(struct nd *out, const uint8_t *p, size_t head_len, size_t message_len,
                        const struct ip6 *ip);

/* Write the message and its options, with the checksum for the addresses of `ip`; the redirected
 * packet is cut so that the message fits the minimum MTU, and to a multiple of 8. Returns the
 * length, or 0, with nothing written, when it does not fit `size`, the type is none of the five or
 * a count is too large. Owner: all stays the caller's. Bound: constant. */
size_t nd_emit(uint8_t *p, size_t size, const struct nd *m, const struct ip6 *ip);

#endif
