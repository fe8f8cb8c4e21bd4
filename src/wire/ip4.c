/* SPDX-License-Identifier: MIT */
#include "wire/ip4.h"

enum {
    /* RFC 791 counts the length of a whole datagram, its header too, in 16 bits. */
    IP4_PAYLOAD_MAX = IP4_PACKET_MAX - IP4_HEADER_MIN,

    OPTION_LENGTH_MIN = 2, /* of an option that has a length: type and length */
    ROUTE_LENGTH_MIN = 3,
    ROUTE_POINTER_MIN = 4,
    TIMESTAMP_LENGTH_MIN = 4,
    TIMESTAMP_POINTER_MIN = 5
};

/* Is an option with a pointer sound? The pointer counts from 1 and stands at `length + 1` when the
 * list is full (RFC 791: the pointer then exceeds the length); entries have `entry` bytes. */
static bool pointer_is_sound(uint8_t pointer, uint8_t length, uint8_t min, unsigned entry)
{
    return pointer >= min && pointer <= length + 1 && (unsigned)(pointer - min) % entry == 0;
}

/* Is the timestamp option at o sound? Entries are 4 bytes, or 8 with addresses (RFC 791 3.1). */
static bool timestamp_is_sound(const uint8_t *o, uint8_t length)
{
    if (length < TIMESTAMP_LENGTH_MIN)
        return false;
    unsigned flag = o[3] & 0x0f;
    if (flag != 0 && flag != 1 && flag != 3)
        return false;
    return pointer_is_sound(o[2], length, TIMESTAMP_POINTER_MIN, flag == 0 ? 4 : 8);
}

/* Check the option of `length` bytes at o, all inside the header, and note what it is. The offset
 * of the first wrong octet in it, or -1. */
static int check_option(struct ip4 *h, const uint8_t *o, uint8_t length)
{
    switch (o[0]) {
    case IP4_OPTION_LSRR:
    case IP4_OPTION_SSRR:
        /* One source route at most (RFC 1122 3.2.1.8 (c)). */
        if (h->source_route)
            return 0;
        h->source_route = true;
        /* fall through */
    case IP4_OPTION_RECORD_ROUTE:
        if (length < ROUTE_LENGTH_MIN || (length - ROUTE_LENGTH_MIN) % 4 != 0)
            return 1;
        return pointer_is_sound(o[2], length, ROUTE_POINTER_MIN, 4) ? -1 : 2;
    case IP4_OPTION_TIMESTAMP:
        return timestamp_is_sound(o, length) ? -1 : 2;
    case IP4_OPTION_ROUTER_ALERT:
        if (length != 4)
            return 1;
        h->router_alert = true;
        return -1;
    default:
        return -1;
    }
}

/* Walk the options; false, and problem_at set, when one is malformed. At least one byte a step. */
static bool parse_options(struct ip4 *h)
{
    const uint8_t *o = h->options;
    unsigned at = 0;
    while (at < h->options_len && o[at] != IP4_OPTION_END) {
        if (o[at] == IP4_OPTION_NOP) {
            at++;
            continue;
        }
        unsigned left = h->options_len - at;
        int wrong = 1;
        if (left >= OPTION_LENGTH_MIN && o[at + 1] >= OPTION_LENGTH_MIN && o[at + 1] <= left)
            wrong = check_option(h, o + at, o[at + 1]);
        if (wrong >= 0) {
            h->problem_at = (uint8_t)(IP4_HEADER_MIN + at + (left > 1 ? (unsigned)wrong : 0));
            return false;
        }
        at += o[at + 1];
    }
    return true;
}

/* Could the fragment be part of a datagram? */
static bool fragment_is_possible(const struct ip4 *h)
{
    if (h->payload_len == 0 || (h->more_fragments && h->payload_len % 8 != 0))
        return false;
    return (uint32_t)h->fragment_offset + h->payload_len <= IP4_PAYLOAD_MAX;
}

enum weir_drop ip4_parse_any(struct ip4 *out, const uint8_t *p, size_t head_len, size_t packet_len)
{
    if (head_len < IP4_HEADER_MIN || packet_len < IP4_HEADER_MIN)
        return packet_len < IP4_HEADER_MIN ? WEIR_DROP_IP4_SHORT : WEIR_DROP_DEVICE_HEADERS;
    if (p[0] >> 4 != 4)
        return WEIR_DROP_IP4_VERSION;
    size_t header_len = (p[0] & 0x0fU) * 4;
    if (header_len < IP4_HEADER_MIN || header_len > packet_len)
        return WEIR_DROP_IP4_HEADER_LENGTH;
    if (header_len > head_len)
        return WEIR_DROP_DEVICE_HEADERS;
    uint16_t total_len = load16(p + 2);
    if (total_len < header_len || total_len > packet_len)
        return WEIR_DROP_IP4_TOTAL_LENGTH;
    if (!csum_is_good(csum_header(csum_zero(), p, header_len)))
        return WEIR_DROP_IP4_CHECKSUM;

    uint16_t fragment = load16(p + 6);
    *out = (struct ip4){
        .options = p + IP4_HEADER_MIN,
        .options_len = (uint8_t)(header_len - IP4_HEADER_MIN),
        .payload_len = (uint16_t)(total_len - header_len),
        .id = load16(p + 4),
        .fragment_offset = (uint16_t)((fragment & IP4_FRAGMENT_OFFSET_MASK) * 8U),
        .dont_fragment = (fragment & IP4_FLAG_DONT_FRAGMENT) != 0,
        .more_fragments = (fragment & IP4_FLAG_MORE_FRAGMENTS) != 0,
        .dscp = p[1] >> 2,
        .ecn = p[1] & 3,
        .ttl = p[8],
        .protocol = p[9],
    };
    memcpy(out->source.b, p + 12, 4);
    memcpy(out->destination.b, p + 16, 4);
    if (ip4_is_fragment(out) && !fragment_is_possible(out))
        return WEIR_DROP_IP4_FRAGMENT;
    return parse_options(out) ? WEIR_DROP_NONE : WEIR_DROP_IP4_OPTION;
}

size_t ip4_emit(uint8_t *p, size_t size, const struct ip4 *h)
{
    if (h->options_len > IP4_OPTIONS_MAX)
        return 0;
    size_t header_len = ip4_header_len(h);
    if (size < header_len || h->payload_len > IP4_PACKET_MAX - header_len)
        return 0;
    uint32_t first = (0x40U | (uint32_t)header_len / 4) << 24 | (h->dscp & 0x3fU) << 18 |
                     (h->ecn & 3U) << 16 | (uint32_t)(header_len + h->payload_len);
    uint32_t second = (uint32_t)h->id << 16 | (h->dont_fragment ? IP4_FLAG_DONT_FRAGMENT : 0U) |
                      (h->more_fragments ? IP4_FLAG_MORE_FRAGMENTS : 0U) | h->fragment_offset / 8U;
    uint32_t third = (uint32_t)h->ttl << 24 | (uint32_t)h->protocol << 16; /* checksum 0 */
    store32(p, first);
    store32(p + 4, second);
    store32(p + 8, third);
    /* Summed from the values: to load the bytes just stored would stall. */
    uint64_t sum = (uint64_t)first + second + third;
    sum += (uint64_t)load32(h->source.b) + load32(h->destination.b);
    struct csum c = csum_u16(csum_zero(), (uint16_t)sum);
    c = csum_u16(c, (uint16_t)(sum >> 16));
    c = csum_u16(c, (uint16_t)(sum >> 32));
    memcpy(p + 12, h->source.b, 4);
    memcpy(p + 16, h->destination.b, 4);
    if (h->options_len > 0) {
        memset(p + header_len - 4, IP4_OPTION_END, 4);
        memcpy(p + IP4_HEADER_MIN, h->options, h->options_len);
        c = csum_header(c, p + IP4_HEADER_MIN, header_len - IP4_HEADER_MIN);
    }
    be16 checksum = csum_finish(c);
    memcpy(p + 10, checksum.b, 2);
    return header_len;
}

struct csum csum_parts(const struct csum_ops *ops, struct csum c, const struct weir_ref *part,
                       unsigned count)
{
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        c = csum_join(c, len, ops->sum(part[i].data, part[i].len));
        len += part[i].len;
    }
    return c;
}
