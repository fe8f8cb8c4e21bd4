/* SPDX-License-Identifier: MIT
 * The IPv4 header and its options (RFC 791, RFC 1122 3.2.1). */
#ifndef WEIR_WIRE_IP4_H
#define WEIR_WIRE_IP4_H

#include "base/checksum.h"
#include "wire/addr.h"
#include "weir/drop.h"

enum {
    IP4_HEADER_MIN = 20,
    IP4_HEADER_MAX = 60,
    IP4_OPTIONS_MAX = IP4_HEADER_MAX - IP4_HEADER_MIN,
    IP4_PACKET_MAX = 65535,

    IP4_FLAG_DONT_FRAGMENT = 0x4000,
    IP4_FLAG_MORE_FRAGMENTS = 0x2000,
    IP4_FRAGMENT_OFFSET_MASK = 0x1fff
};

/* Protocol numbers: of IPv4, and as next header of IPv6. */
enum ip_protocol {
    IP_PROTOCOL_ICMP4 = 1,
    IP_PROTOCOL_TCP = 6,
    IP_PROTOCOL_UDP = 17,
    IP_PROTOCOL_ICMP6 = 58
};

enum ip4_option {
    IP4_OPTION_END = 0,
    IP4_OPTION_NOP = 1,
    IP4_OPTION_RECORD_ROUTE = 7,
    IP4_OPTION_TIMESTAMP = 68,
    IP4_OPTION_LSRR = 131,
    IP4_OPTION_ROUTER_ALERT = 148,
    IP4_OPTION_SSRR = 137
};

/* What the ECN bits say (RFC 3168 5). */
enum ip_ecn {
    IP_ECN_NOT_ECT = 0,
    IP_ECN_ECT1 = 1,
    IP_ECN_ECT0 = 2,
    IP_ECN_CE = 3
};

struct ip4 {
    struct ip4_addr source, destination;
    const uint8_t
        *options; /* borrowed from the packet, or the caller's to emit; valid options only */
    uint16_t payload_len;     /* bytes behind the header, by the total length */
    uint16_t id;
    uint16_t fragment_offset; /* bytes, a multiple of 8 */
    bool dont_fragment;
    bool more_fragments;
    uint8_t dscp; /* 0..63 */
    uint8_t ecn;  /* enum ip_ecn */
    uint8_t ttl;
    uint8_t protocol;
    uint8_t options_len;  /* 0..40; a multiple of 4 when parsed */
    /* Found by ip4_parse(), ignored by ip4_emit(): */
    bool source_route;    /* one LSRR or SSRR option: refuse it unless policy allows (ATK-IP4-12) */
    bool router_alert;    /* RFC 2113 */
    uint8_t problem_at;   /* with IP4_OPTION: offset of the wrong octet, for a Parameter Problem */
};

/* Length of the header, and so the offset of the payload. */
static inline size_t ip4_header_len(const struct ip4 *h)
{
    return IP4_HEADER_MIN + ((h->options_len + 3U) & ~3U);
}

static inline bool ip4_is_fragment(const struct ip4 *h)
{
    return h->more_fragments || h->fragment_offset != 0;
}

/* ip4_parse() without its fast path; the answers are the same. */
enum weir_drop ip4_parse_any(struct ip4 *out, const uint8_t *p, size_t head_len, size_t packet_len);

/* Read and verify the header of the packet at p: head_len bytes of it are contiguous, packet_len is
 * its length in all, padding behind it included. *out is complete on WEIR_DROP_NONE; after
 * IP4_OPTION, all of it but the two facts about options holds, for an ICMP answer; otherwise it is
 * undefined. payload_len is checked against packet_len. A fragment is possible: a multiple of 8
 * bytes unless it is the last, not empty, its end within the largest datagram. The reserved flag is
 * ignored (ATK-IP4-15). Reasons: IP4_SHORT, IP4_VERSION, IP4_HEADER_LENGTH, IP4_TOTAL_LENGTH,
 * IP4_CHECKSUM, IP4_FRAGMENT, IP4_OPTION, DEVICE_HEADERS (options beyond the head). Bound:
 * constant. */
static inline enum weir_drop ip4_parse(struct ip4 *out, const uint8_t *p, size_t head_len,
                                       size_t packet_len)
{
    if (head_len >= IP4_HEADER_MIN && p[0] == 0x45) {
        uint16_t total_len = load16(p + 2);
        uint16_t fragment = load16(p + 6);
        if (total_len >= IP4_HEADER_MIN && total_len <= packet_len &&
            (fragment & (IP4_FLAG_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET_MASK)) == 0 &&
            csum_is_good(csum_header(csum_zero(), p, IP4_HEADER_MIN))) {
            *out = (struct ip4){
                .source = {{p[12], p[13], p[14], p[15]}},
                .destination = {{p[16], p[17], p[18], p[19]}},
                .options = p + IP4_HEADER_MIN,
                .payload_len = (uint16_t)(total_len - IP4_HEADER_MIN),
                .id = load16(p + 4),
                .dont_fragment = (fragment & IP4_FLAG_DONT_FRAGMENT) != 0,
                .dscp = p[1] >> 2,
                .ecn = p[1] & 3,
                .ttl = p[8],
                .protocol = p[9],
            };
            return WEIR_DROP_NONE;
        }
    }
    return ip4_parse_any(out, p, head_len, packet_len);
}

/* Write the header with its checksum, the options filled up with zeros (end of options) to a
 * multiple of four; returns its length, or 0, with nothing written, when it does not fit `size`,
 * when there are more than 40 bytes of options or the packet would be longer than 65,535 bytes. */
size_t ip4_emit(uint8_t *p, size_t size, const struct ip4 *h);

/* The sum of the pseudo-header before a transport header (RFC 9293 3.1, RFC 768), in four words. */
static inline struct csum ip4_pseudo(struct ip4_addr source, struct ip4_addr destination,
                                     uint8_t protocol, uint16_t transport_len)
{
    struct csum c = csum_header(csum_zero(), source.b, 4);
    c = csum_header(c, destination.b, 4);
    c = csum_u16(c, protocol);
    return csum_u16(c, transport_len);
}

/* Add `count` parts that follow each other in a packet to `c`, which covers an even number of
 * bytes. Parts may have any length, 0 too. Bound: linear in the bytes. */
struct csum csum_parts(const struct csum_ops *ops, struct csum c, const struct weir_ref *part,
                       unsigned count);

#endif
