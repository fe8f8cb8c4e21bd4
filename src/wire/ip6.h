/* SPDX-License-Identifier: MIT
 * The IPv6 header and the chain of extension headers behind it (RFC 8200). */
#ifndef WEIR_WIRE_IP6_H
#define WEIR_WIRE_IP6_H

#include "base/checksum.h"
#include "wire/addr.h"
#include "wire/ip4.h"
#include "weir/drop.h"

enum {
    IP6_HEADER_LEN = 40,
    IP6_FRAGMENT_HEADER_LEN = 8,
    IP6_PAYLOAD_MAX = 65535,
    IP6_MTU_MIN = 1280,
    IP6_EXT_HEADERS_MAX = 8,  /* extension headers of one packet; more is an attack (ATK-IP6-02) */
    IP6_EXT_BYTES_MAX = 256   /* and the bytes of all of them */
};

/* Next header values that are not transport protocols. */
enum ip6_next {
    IP6_NEXT_HOP_BY_HOP = 0,
    IP6_NEXT_ROUTING = 43,
    IP6_NEXT_FRAGMENT = 44,
    IP6_NEXT_ESP = 50,
    IP6_NEXT_AH = 51,
    IP6_NEXT_NONE = 59,
    IP6_NEXT_DESTINATION = 60
};

enum ip6_option {
    IP6_OPTION_PAD1 = 0,
    IP6_OPTION_PADN = 1,
    IP6_OPTION_ROUTER_ALERT = 5, /* RFC 2711, hop-by-hop only */
    IP6_OPTION_JUMBO = 0xc2      /* RFC 2675, hop-by-hop only */
};

/* Who may be told of a packet that was dropped. */
enum ip6_answer {
    IP6_ANSWER_NONE = 0,
    IP6_ANSWER_UNLESS_MULTICAST, /* an error, unless the destination was multicast */
    IP6_ANSWER_ALWAYS            /* an error even then (RFC 4443 2.4 (e.3)) */
};

/* The ICMPv6 Parameter Problem that a drop calls for. */
struct ip6_problem {
    uint8_t answer; /* enum ip6_answer */
    uint8_t code;   /* RFC 4443 3.4: 0 erroneous field, 1 next header, 2 option; 3: RFC 7112 */
    uint16_t at;    /* offset of the octet, from the IPv6 header */
};

struct ip6 {
    struct ip6_addr source, destination;
    uint32_t flow_label;  /* 0..2^20-1 */
    uint16_t payload_len; /* bytes behind the fixed header, by its field: extension headers count */
    uint8_t dscp;         /* 0..63 */
    uint8_t ecn;          /* enum ip_ecn */
    uint8_t hop_limit;
    uint8_t next_header;  /* of the fixed header */
    /* Found by ip6_parse(), ignored by ip6_emit(). Offsets count from the fixed header. */
    uint8_t protocol;          /* of the upper layer: what stands at upper_at */
    bool more_fragments;
    uint16_t protocol_at;      /* the octet that names `protocol`, for a Parameter Problem code 1 */
    uint16_t upper_at;         /* behind the last extension header that was read */
    uint16_t upper_len;        /* from there to the end of the packet */
    uint16_t fragment_at;      /* the fragment header; 0: none */
    uint16_t fragment_next_at; /* the octet that names the fragment header */
    uint16_t fragment_offset;  /* bytes, a multiple of 8 */
    uint32_t fragment_id;
    struct ip6_problem problem; /* set when the packet is dropped */
};

/* A packet to be put together first. An atomic fragment (RFC 6946) is none: it is read through. */
static inline bool ip6_is_fragment(const struct ip6 *h)
{
    return h->more_fragments || h->fragment_offset != 0;
}

/* ip6_parse() without its fast path; the answers are the same. */
enum weir_drop ip6_parse_any(struct ip6 *out, const uint8_t *p, size_t head_len, size_t packet_len);

/* Read the fixed header of the packet at p and walk its extension headers: head_len bytes of it are
 * contiguous, packet_len is its length in all, padding behind it included.
 * The walk ends at a fragment header (but goes on behind an atomic one) and at the first header
 * that is no extension header; AH and ESP are such (ATK-IP6-11), and their number is reported as
 * `protocol`. Of a fragment, `protocol` is what its header names and upper_at is its data. A first
 * fragment holds the whole header chain (RFC 7112), and no second fragment header (ATK-FRG-17).
 * *out is complete on WEIR_DROP_NONE. On any other answer out->problem says which Parameter Problem
 * is due, and with problem.answer not NONE the addresses hold; the rest is undefined. Reasons:
 * IP6_SHORT, IP6_VERSION, IP6_PAYLOAD_LENGTH, IP6_EXT_SHORT, IP6_EXT_LIMIT, IP6_EXT_ORDER,
 * IP6_OPTION, IP6_OPTION_UNKNOWN, IP6_ROUTING, IP6_JUMBO, IP6_NO_NEXT, IP6_FRAGMENT, DEVICE_HEADERS
 * (an extension header beyond the head).
 * Bound: constant (IP6_EXT_HEADERS_MAX, IP6_EXT_BYTES_MAX). */
static inline enum weir_drop ip6_parse(struct ip6 *out, const uint8_t *p, size_t head_len,
                                       size_t packet_len)
{
    if (head_len >= IP6_HEADER_LEN && p[0] >> 4 == 6 &&
        (p[6] == IP_PROTOCOL_TCP || p[6] == IP_PROTOCOL_UDP || p[6] == IP_PROTOCOL_ICMP6)) {
        uint16_t payload_len = load16(p + 4);
        if (packet_len >= IP6_HEADER_LEN && payload_len <= packet_len - IP6_HEADER_LEN) {
            uint32_t first = load32(p);
            *out = (struct ip6){
                .flow_label = first & 0xfffffU,
                .payload_len = payload_len,
                .dscp = (uint8_t)(first >> 22 & 0x3f),
                .ecn = (uint8_t)(first >> 20 & 3),
                .hop_limit = p[7],
                .next_header = p[6],
                .protocol = p[6],
                .protocol_at = 6,
                .upper_at = IP6_HEADER_LEN,
                .upper_len = payload_len,
            };
            memcpy(out->source.b, p + 8, 16);
            memcpy(out->destination.b, p + 24, 16);
            return WEIR_DROP_NONE;
        }
    }
    return ip6_parse_any(out, p, head_len, packet_len);
}

/* A place in a chain of headers: `next` names what stands at offset `at`. */
struct ip6_chain {
    size_t at;
    uint8_t next;
    bool fragment;       /* a fragment header was passed ... */
    bool later_fragment; /* ... that is not of a first fragment */
};

/* Go on to the upper-layer header by the lengths of the headers alone, believing nothing they say:
 * for packets quoted in errors, and for what is behind a fragment header. `len` bytes are at p.
 * False, and *c where it stopped, when the chain leaves them, passes a later fragment or breaks a
 * limit. Bound: constant (IP6_EXT_HEADERS_MAX, IP6_EXT_BYTES_MAX). */
bool ip6_chain_skip(struct ip6_chain *c, const uint8_t *p, size_t len);

/* Write the fixed header; returns IP6_HEADER_LEN, or 0, with nothing written, if it does not fit.
 */
size_t ip6_emit(uint8_t *p, size_t size, const struct ip6 *h);

/* A fragment header (RFC 8200 4.5). */
struct ip6_fragment {
    uint32_t id;
    uint16_t offset; /* bytes, a multiple of 8 */
    bool more;
    uint8_t next_header;
};

/* Write it; returns IP6_FRAGMENT_HEADER_LEN, or 0, with nothing written, when it does not fit. */
size_t ip6_fragment_emit(uint8_t *p, size_t size, const struct ip6_fragment *f);

/* The sum of the pseudo-header before an upper-layer header (RFC 8200 8.1). */
static inline struct csum ip6_pseudo(struct ip6_addr source, struct ip6_addr destination,
                                     uint8_t next_header, uint32_t upper_len)
{
    struct csum c = csum_header(csum_zero(), source.b, 16);
    be32 len = be32_make(upper_len);
    c = csum_header(c, destination.b, 16);
    c = csum_header(c, len.b, 4);
    return csum_u16(c, next_header);
}

#endif
