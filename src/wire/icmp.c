/* SPDX-License-Identifier: MIT */
#include "wire/icmp.h"

enum {
    ICMP6_ERROR_LAST = 127, /* types up to this are errors (RFC 4443 2.1) */
    ICMP4_DATA_MAX = IP4_PACKET_MAX - IP4_HEADER_MIN - ICMP_HEADER_LEN,
    ICMP6_DATA_MAX = IP6_PAYLOAD_MAX - ICMP_HEADER_LEN
};

static enum icmp_kind kind4(uint8_t type, uint8_t code)
{
    switch (type) {
    case ICMP4_ECHO_REQUEST:
        return ICMP_ECHO_REQUEST;
    case ICMP4_ECHO_REPLY:
        return ICMP_ECHO_REPLY;
    case ICMP4_UNREACHABLE:
        return code == ICMP4_FRAGMENTATION_NEEDED ? ICMP_TOO_BIG : ICMP_UNREACHABLE;
    case ICMP4_TIME_EXCEEDED:
        return ICMP_TIME_EXCEEDED;
    case ICMP4_PARAMETER_PROBLEM:
        return ICMP_PARAMETER_PROBLEM;
    case ICMP4_SOURCE_QUENCH:
        return ICMP_SOURCE_QUENCH;
    case ICMP4_REDIRECT:
        return ICMP_REDIRECT;
    default:
        return ICMP_OTHER;
    }
}

static enum icmp_kind kind6(uint8_t type)
{
    switch (type) {
    case ICMP6_ECHO_REQUEST:
        return ICMP_ECHO_REQUEST;
    case ICMP6_ECHO_REPLY:
        return ICMP_ECHO_REPLY;
    case ICMP6_UNREACHABLE:
        return ICMP_UNREACHABLE;
    case ICMP6_PACKET_TOO_BIG:
        return ICMP_TOO_BIG;
    case ICMP6_TIME_EXCEEDED:
        return ICMP_TIME_EXCEEDED;
    case ICMP6_PARAMETER_PROBLEM:
        return ICMP_PARAMETER_PROBLEM;
    case ICMP6_ROUTER_SOLICITATION:
    case ICMP6_ROUTER_ADVERTISEMENT:
    case ICMP6_NEIGHBOUR_SOLICITATION:
    case ICMP6_NEIGHBOUR_ADVERTISEMENT:
    case ICMP6_REDIRECT:
        return ICMP_ND;
    default:
        return ICMP_OTHER;
    }
}

static enum weir_drop parse_start(struct icmp *out, const uint8_t *p, size_t head_len,
                                  size_t message_len)
{
    if (message_len < ICMP_HEADER_LEN)
        return WEIR_DROP_ICMP_SHORT;
    if (head_len < ICMP_HEADER_LEN)
        return WEIR_DROP_DEVICE_HEADERS;
    *out = (struct icmp){
        .type = p[0],
        .code = p[1],
        .data_len = (uint32_t)(message_len - ICMP_HEADER_LEN),
    };
    return WEIR_DROP_NONE;
}

enum weir_drop icmp4_parse(struct icmp *out, const uint8_t *p, size_t head_len, size_t message_len)
{
    enum weir_drop reason = parse_start(out, p, head_len, message_len);
    if (reason != WEIR_DROP_NONE)
        return reason;
    out->kind = kind4(out->type, out->code);
    switch (out->kind) {
    case ICMP_ECHO_REQUEST:
    case ICMP_ECHO_REPLY:
        out->id = load16(p + 4);
        out->sequence = load16(p + 6);
        break;
    case ICMP_TOO_BIG: /* RFC 1191 4 */
        out->mtu = load16(p + 6);
        break;
    case ICMP_PARAMETER_PROBLEM:
        out->pointer = p[4];
        break;
    case ICMP_REDIRECT:
        memcpy(out->gateway.b, p + 4, 4);
        break;
    default:
        break;
    }
    return WEIR_DROP_NONE;
}

enum weir_drop icmp6_parse(struct icmp *out, const uint8_t *p, size_t head_len, size_t message_len)
{
    enum weir_drop reason = parse_start(out, p, head_len, message_len);
    if (reason != WEIR_DROP_NONE)
        return reason;
    out->kind = kind6(out->type);
    switch (out->kind) {
    case ICMP_ECHO_REQUEST:
    case ICMP_ECHO_REPLY:
        out->id = load16(p + 4);
        out->sequence = load16(p + 6);
        break;
    case ICMP_TOO_BIG:
        out->mtu = load32(p + 4);
        break;
    case ICMP_PARAMETER_PROBLEM:
        out->pointer = load32(p + 4);
        break;
    default:
        break;
    }
    return WEIR_DROP_NONE;
}

/* The second word of a message, by what it is. */
static uint32_t word4(const struct icmp *m, enum icmp_kind kind)
{
    switch (kind) {
    case ICMP_ECHO_REQUEST:
    case ICMP_ECHO_REPLY:
        return (uint32_t)m->id << 16 | m->sequence;
    case ICMP_TOO_BIG:
        return m->mtu & 0xffffU;
    case ICMP_PARAMETER_PROBLEM:
        return (m->pointer & 0xffU) << 24;
    case ICMP_REDIRECT:
        return load32(m->gateway.b);
    default:
        return 0;
    }
}

static uint32_t word6(const struct icmp *m, enum icmp_kind kind)
{
    switch (kind) {
    case ICMP_ECHO_REQUEST:
    case ICMP_ECHO_REPLY:
        return (uint32_t)m->id << 16 | m->sequence;
    case ICMP_TOO_BIG:
        return m->mtu;
    case ICMP_PARAMETER_PROBLEM:
        return m->pointer;
    default:
        return 0;
    }
}

/* A message about to be written: its first eight bytes, and how much data. */
struct message {
    enum icmp_kind kind;
    uint32_t word;
    size_t quote_max, data_max;
    size_t data_len;
};

/* Decide how much data goes in; false when the message cannot be written. */
static bool plan(struct message *w, size_t size, const struct icmp_data *data)
{
    if (w->kind == ICMP_OTHER || w->kind == ICMP_ND)
        return false;
    size_t max = icmp_is_error(w->kind) ? w->quote_max : w->data_max;
    w->data_len = 0;
    for (unsigned i = 0; i < data->count; i++) {
        size_t left = max - w->data_len;
        if (data->part[i].len > left && !icmp_is_error(w->kind))
            return false;
        w->data_len += data->part[i].len < left ? data->part[i].len : left;
    }
    return size >= ICMP_HEADER_LEN && size - ICMP_HEADER_LEN >= w->data_len;
}

static size_t write_message(uint8_t *p, const struct icmp *m, const struct message *w,
                            struct csum c, const struct icmp_data *data)
{
    size_t at = ICMP_HEADER_LEN;
    size_t end = ICMP_HEADER_LEN + w->data_len;
    p[0] = m->type;
    p[1] = m->code;
    store16(p + 2, 0);
    store32(p + 4, w->word);
    c = csum_header(c, p, ICMP_HEADER_LEN);
    for (unsigned i = 0; i < data->count && at < end; i++) {
        size_t n = data->part[i].len < end - at ? data->part[i].len : end - at;
        c = csum_join(c, at, data->ops->copy(p + at, data->part[i].data, n));
        at += n;
    }
    be16 checksum = csum_finish(c);
    memcpy(p + 2, checksum.b, 2);
    return at;
}

size_t icmp4_emit(uint8_t *p, size_t size, const struct icmp *m, const struct icmp_data *data)
{
    struct message w = {.kind = kind4(m->type, m->code),
                        .quote_max = ICMP4_QUOTE_MAX,
                        .data_max = ICMP4_DATA_MAX};
    w.word = word4(m, w.kind);
    return plan(&w, size, data) ? write_message(p, m, &w, csum_zero(), data) : 0;
}

size_t icmp6_emit(uint8_t *p, size_t size, const struct icmp *m, const struct ip6 *ip,
                  const struct icmp_data *data)
{
    struct message w = {.kind = kind6(m->type),
                        .quote_max = ICMP6_QUOTE_MAX,
                        .data_max = ICMP6_DATA_MAX};
    w.word = word6(m, w.kind);
    if (!plan(&w, size, data))
        return 0;
    struct csum c = ip6_pseudo(ip->source, ip->destination, IP_PROTOCOL_ICMP6,
                               (uint32_t)(ICMP_HEADER_LEN + w.data_len));
    return write_message(p, m, &w, c, data);
}

/* The parts of a quote that are the same in both families. transport_at is set and inside. */
static enum weir_drop parse_transport(struct icmp_quote *out, const uint8_t *p, size_t len)
{
    const uint8_t *t = p + out->transport_at;
    out->transport_len = (uint32_t)(len - out->transport_at);
    if (out->transport_len < ICMP_QUOTED_TRANSPORT_MIN)
        return WEIR_DROP_ICMP_QUOTE;
    if (out->protocol == IP_PROTOCOL_TCP || out->protocol == IP_PROTOCOL_UDP) {
        out->source_port = load16(t);
        out->destination_port = load16(t + 2);
    }
    if (out->protocol == IP_PROTOCOL_TCP)
        out->sequence = load32(t + 4);
    return WEIR_DROP_NONE;
}

enum weir_drop icmp4_quote_parse(struct icmp_quote *out, const uint8_t *p, size_t len)
{
    if (len < IP4_HEADER_MIN || p[0] >> 4 != 4)
        return WEIR_DROP_ICMP_QUOTE;
    size_t header_len = (p[0] & 0x0fU) * 4;
    if (header_len < IP4_HEADER_MIN || header_len > len ||
        (load16(p + 6) & IP4_FRAGMENT_OFFSET_MASK) != 0)
        return WEIR_DROP_ICMP_QUOTE;
    *out = (struct icmp_quote){
        .source = addr_from_ip4((struct ip4_addr){{p[12], p[13], p[14], p[15]}}),
        .destination = addr_from_ip4((struct ip4_addr){{p[16], p[17], p[18], p[19]}}),
        .protocol = p[9],
        .transport_at = (uint16_t)header_len,
    };
    return parse_transport(out, p, len);
}

enum weir_drop icmp6_quote_parse(struct icmp_quote *out, const uint8_t *p, size_t len)
{
    if (len < IP6_HEADER_LEN || p[0] >> 4 != 6)
        return WEIR_DROP_ICMP_QUOTE;
    struct ip6_chain c = {.at = IP6_HEADER_LEN, .next = p[6]};
    if (!ip6_chain_skip(&c, p, len))
        return WEIR_DROP_ICMP_QUOTE;
    *out = (struct icmp_quote){.protocol = c.next, .transport_at = (uint16_t)c.at};
    memcpy(out->source.bytes, p + 8, 16);
    memcpy(out->destination.bytes, p + 24, 16);
    return parse_transport(out, p, len);
}

bool icmp4_may_answer(const uint8_t *p, size_t len, bool link_group)
{
    if (len < IP4_HEADER_MIN || p[0] >> 4 != 4 || link_group)
        return false;
    struct ip4_addr source = {{p[12], p[13], p[14], p[15]}};
    struct ip4_addr destination = {{p[16], p[17], p[18], p[19]}};
    if (ip4_is_martian(source) || ip4_is_multicast(destination) || ip4_is_broadcast(destination) ||
        (load16(p + 6) & IP4_FRAGMENT_OFFSET_MASK) != 0)
        return false;
    if (p[9] != IP_PROTOCOL_ICMP4)
        return true;
    size_t at = (p[0] & 0x0fU) * 4;
    return at >= IP4_HEADER_MIN && len >= at + 2 && !icmp_is_error(kind4(p[at], p[at + 1]));
}

bool icmp6_may_answer(const uint8_t *p, size_t len, bool link_group, enum ip6_answer answer)
{
    if (len < IP6_HEADER_LEN || p[0] >> 4 != 6 || answer == IP6_ANSWER_NONE)
        return false;
    struct ip6_addr source, destination;
    memcpy(source.b, p + 8, 16);
    memcpy(destination.b, p + 24, 16);
    if (ip6_is_martian(source))
        return false;
    if (answer != IP6_ANSWER_ALWAYS && (link_group || ip6_is_multicast(destination)))
        return false;
    struct ip6_chain c = {.at = IP6_HEADER_LEN, .next = p[6]};
    bool whole = ip6_chain_skip(&c, p, len);
    if (c.later_fragment)
        return false;
    if (!whole) /* cut before an upper layer: nothing in it can be an ICMP error */
        return true;
    if (c.next != IP_PROTOCOL_ICMP6)
        return true;
    return c.at < len && p[c.at] > ICMP6_ERROR_LAST && p[c.at] != ICMP6_REDIRECT;
}
