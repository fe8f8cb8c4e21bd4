/* SPDX-License-Identifier: MIT
 * Addresses: Ethernet, IPv4 and IPv6, their classes and their text. */
#ifndef WEIR_WIRE_ADDR_H
#define WEIR_WIRE_ADDR_H

#include "base/bytes.h"
#include "base/mem.h"
#include "base/text.h"
#include "weir/types.h"

/* In network order. Arrays of bytes, so they have no alignment and can be laid over the wire. */
struct eth_addr {
    uint8_t b[6];
};

struct ip4_addr {
    uint8_t b[4];
};

struct ip6_addr {
    uint8_t b[16];
};

_Static_assert(sizeof(struct eth_addr) == 6 && _Alignof(struct eth_addr) == 1, "overlays the wire");
_Static_assert(sizeof(struct ip4_addr) == 4 && _Alignof(struct ip4_addr) == 1, "overlays the wire");
_Static_assert(sizeof(struct ip6_addr) == 16 && _Alignof(struct ip6_addr) == 1,
               "overlays the wire");

enum {
    IP4_TEXT_MAX = 16,  /* 255.255.255.255 and NUL */
    IP6_TEXT_MAX = 46,  /* eight groups, or six and a dotted quad, and NUL */
    ETH_TEXT_MAX = 18   /* ff:ff:ff:ff:ff:ff and NUL */
};

/* ---- Ethernet ---- */

static inline bool eth_addr_eq(struct eth_addr a, struct eth_addr b)
{
    return load32(a.b) == load32(b.b) && load16(a.b + 4) == load16(b.b + 4);
}

static inline bool eth_addr_is_zero(struct eth_addr a)
{
    return load32(a.b) == 0 && load16(a.b + 4) == 0;
}

/* The group bit: multicast, and the broadcast address too (IEEE 802-2014 8.2.2). */
static inline bool eth_addr_is_group(struct eth_addr a)
{
    return (a.b[0] & 1) != 0;
}

static inline bool eth_addr_is_broadcast(struct eth_addr a)
{
    return load32(a.b) == 0xffffffffU && load16(a.b + 4) == 0xffffU;
}

/* Can it be the address of one station: neither a group nor zero? */
static inline bool eth_addr_is_station(struct eth_addr a)
{
    return !eth_addr_is_group(a) && !eth_addr_is_zero(a);
}

static inline struct eth_addr eth_broadcast(void)
{
    return (struct eth_addr){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
}

/* ---- IPv4 ---- */

static inline bool ip4_eq(struct ip4_addr a, struct ip4_addr b)
{
    return load32(a.b) == load32(b.b);
}

static inline bool ip4_is_unspecified(struct ip4_addr a)
{
    return load32(a.b) == 0;
}

static inline bool ip4_is_loopback(struct ip4_addr a) /* 127/8, RFC 1122 3.2.1.3 (g) */
{
    return a.b[0] == 127;
}

static inline bool ip4_is_multicast(struct ip4_addr a) /* 224/4, RFC 1112 4 */
{
    return (a.b[0] & 0xf0) == 0xe0;
}

static inline bool ip4_is_broadcast(struct ip4_addr a) /* 255.255.255.255 only */
{
    return load32(a.b) == 0xffffffffU;
}

static inline bool ip4_is_link_local(struct ip4_addr a) /* 169.254/16, RFC 3927 */
{
    return a.b[0] == 169 && a.b[1] == 254;
}

/* Can no single host on a wire have it as source? 0/8, 127/8, 224/4, 240/4 (RFC 1122 3.2.1.3, RFC
 * 1112 4). The broadcast addresses of a subnet, and one's own, only the network room knows. */
static inline bool ip4_is_martian(struct ip4_addr a)
{
    return a.b[0] == 0 || a.b[0] == 127 || a.b[0] >= 224;
}

/* Do the first `bits` bits agree? bits <= 32; 0 matches all. */
static inline bool ip4_prefix_match(struct ip4_addr a, struct ip4_addr b, unsigned bits)
{
    uint32_t differ = load32(a.b) ^ load32(b.b);
    return bits == 0 || differ >> (32 - bits) == 0;
}

/* 01:00:5e and the low 23 bits of the group (RFC 1112 6.4). */
struct eth_addr ip4_multicast_mac(struct ip4_addr group);

/* ---- IPv6 ---- */

static inline bool ip6_eq(struct ip6_addr a, struct ip6_addr b)
{
    return __builtin_memcmp(a.b, b.b, sizeof a.b) == 0; /* two words, no call */
}

static inline bool ip6_is_unspecified(struct ip6_addr a)
{
    return load64(a.b) == 0 && load64(a.b + 8) == 0;
}

static inline bool ip6_is_loopback(struct ip6_addr a)
{
    return load64(a.b) == 0 && load64(a.b + 8) == 1;
}

static inline bool ip6_is_multicast(struct ip6_addr a)
{
    return a.b[0] == 0xff;
}

static inline bool ip6_is_link_local(struct ip6_addr a) /* fe80::/10, RFC 4291 2.4 */
{
    return a.b[0] == 0xfe && (a.b[1] & 0xc0) == 0x80;
}

static inline bool ip6_is_mapped(struct ip6_addr a) /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return __builtin_memcmp(a.b, prefix, sizeof prefix) == 0;
}

/* ff02::1:ff00:0/104, RFC 4291 2.7.1 */
static inline bool ip6_is_solicited_node(struct ip6_addr a)
{
    return load64(a.b) == UINT64_C(0xff02) << 48 && load32(a.b + 8) == 1 && a.b[12] == 0xff;
}

/* Can no single host on a wire have it as source of TCP: ::, ::1, ff00::/8, mapped? ND uses ::. */
static inline bool ip6_is_martian(struct ip6_addr a)
{
    return ip6_is_multicast(a) || ip6_is_mapped(a) || ip6_is_unspecified(a) || ip6_is_loopback(a);
}

/* Do the first `bits` bits agree? bits <= 128; 0 matches all. */
bool ip6_prefix_match(struct ip6_addr a, struct ip6_addr b, unsigned bits);

/* The group a node joins for each of its addresses (RFC 4291 2.7.1). */
struct ip6_addr ip6_solicited_node(struct ip6_addr a);

/* 33:33 and the low 32 bits of the group (RFC 2464 7). */
struct eth_addr ip6_multicast_mac(struct ip6_addr group);

/* ---- struct weir_addr: both families, IPv4 mapped ---- */

static inline struct weir_addr addr_from_ip4(struct ip4_addr a)
{
    return (struct weir_addr){
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a.b[0], a.b[1], a.b[2], a.b[3]}};
}

static inline struct weir_addr addr_from_ip6(struct ip6_addr a)
{
    struct weir_addr out;
    memcpy(out.bytes, a.b, 16);
    return out;
}

static inline struct ip6_addr ip6_from_addr(struct weir_addr a)
{
    struct ip6_addr out;
    memcpy(out.b, a.bytes, 16);
    return out;
}

static inline bool addr_is_ip4(struct weir_addr a)
{
    return ip6_is_mapped(ip6_from_addr(a));
}

/* The last four bytes; meant for an address that addr_is_ip4(). */
static inline struct ip4_addr ip4_from_addr(struct weir_addr a)
{
    return (struct ip4_addr){{a.bytes[12], a.bytes[13], a.bytes[14], a.bytes[15]}};
}

/* Does it mean something on its own link only (RFC 3927, RFC 4291 2.4)? */
static inline bool addr_is_link_scope(struct weir_addr a)
{
    return addr_is_ip4(a) ? ip4_is_link_local(ip4_from_addr(a))
                          : ip6_is_link_local(ip6_from_addr(a));
}

static inline bool addr_eq(struct weir_addr a, struct weir_addr b)
{
    return ip6_eq(ip6_from_addr(a), ip6_from_addr(b));
}

/* ---- text ---- */

/* Append: 10.0.0.1; RFC 5952 (lower case, longest run of zeros as ::, a mapped address with its
 * dotted quad); 02:00:00:00:00:01. addr_text() writes a mapped address as bare IPv4. */
void ip4_text(struct text *t, struct ip4_addr a);
void ip6_text(struct text *t, struct ip6_addr a);
void eth_text(struct text *t, struct eth_addr a);
void addr_text(struct text *t, struct weir_addr a);

/* Read all n characters at s (no NUL needed) as an address. False, and *out unchanged, when they
 * are none. IPv4: four decimal numbers 0..255 without leading zeros. IPv6: the three forms of RFC
 * 4291 2.2, no zone. MAC: six pairs of hexadecimal digits with a colon between. addr_from_text()
 * takes both families; ::ffff:10.0.0.1 gives the same as 10.0.0.1. Bound: linear in n. */
bool ip4_from_text(struct ip4_addr *out, const char *s, size_t n);
bool ip6_from_text(struct ip6_addr *out, const char *s, size_t n);
bool eth_from_text(struct eth_addr *out, const char *s, size_t n);
bool addr_from_text(struct weir_addr *out, const char *s, size_t n);

#endif
