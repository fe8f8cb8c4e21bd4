/* SPDX-License-Identifier: MIT */
#include "wire/ip6.h"

enum {
    NEXT_HEADER_AT = 6,    /* offsets in the fixed header */
    PAYLOAD_LENGTH_AT = 4,
    EXT_UNIT = 8,          /* extension headers count their length in these, less one */
    FRAGMENT_OFFSET_MASK = 0xfff8,
    FRAGMENT_MORE = 1,
    JUMBO_MIN = 65536,

    CODE_FIELD = 0, /* of a Parameter Problem */
    CODE_NEXT_HEADER = 1,
    CODE_OPTION = 2,
    CODE_FIRST_FRAGMENT = 3
};

/* Where the walk is. No state outlives a packet (ATK-IP6-09). */
struct walk {
    const uint8_t *p;
    size_t head_len; /* bytes that may be read */
    size_t end;      /* of the packet, by its payload length */
    size_t at;       /* of the header that is next */
    size_t next_at;  /* of the octet that names it */
    unsigned headers;
    uint8_t next;
};

static enum weir_drop problem(struct ip6 *h, enum weir_drop reason, enum ip6_answer answer,
                              uint8_t code, size_t at)
{
    h->problem = (struct ip6_problem){.answer = (uint8_t)answer, .code = code, .at = (uint16_t)at};
    return reason;
}

/* The length of the extension header at w->at, whole and readable, or why not. */
static enum weir_drop take_header(struct walk *w, size_t *len)
{
    if (++w->headers > IP6_EXT_HEADERS_MAX)
        return WEIR_DROP_IP6_EXT_LIMIT;
    if (w->end - w->at < EXT_UNIT)
        return WEIR_DROP_IP6_EXT_SHORT;
    if (w->head_len - w->at < EXT_UNIT)
        return WEIR_DROP_DEVICE_HEADERS;
    *len = w->next == IP6_NEXT_FRAGMENT ? EXT_UNIT : (w->p[w->at + 1] + 1U) * EXT_UNIT;
    if (*len > w->end - w->at)
        return WEIR_DROP_IP6_EXT_SHORT;
    if (w->at - IP6_HEADER_LEN + *len > IP6_EXT_BYTES_MAX)
        return WEIR_DROP_IP6_EXT_LIMIT;
    return *len > w->head_len - w->at ? WEIR_DROP_DEVICE_HEADERS : WEIR_DROP_NONE;
}

static void step(struct walk *w, size_t len)
{
    w->next = w->p[w->at];
    w->next_at = w->at;
    w->at += len;
}

/* The jumbo option at `at`: no packet of ours is that long, so each one is dropped. An impossible
 * one is told apart (RFC 2675 3); a possible one gets the answer to an unknown option. */
static enum weir_drop drop_jumbo(const struct walk *w, struct ip6 *h, size_t at)
{
    if (w->p[at + 1] != 4)
        return WEIR_DROP_IP6_JUMBO;
    if (h->payload_len != 0)
        return problem(h, WEIR_DROP_IP6_JUMBO, IP6_ANSWER_UNLESS_MULTICAST, CODE_FIELD, at);
    if (load32(w->p + at + 2) < JUMBO_MIN)
        return problem(h, WEIR_DROP_IP6_JUMBO, IP6_ANSWER_UNLESS_MULTICAST, CODE_FIELD, at + 2);
    return problem(h, WEIR_DROP_IP6_JUMBO, IP6_ANSWER_UNLESS_MULTICAST, CODE_OPTION, at);
}

/* What the two highest bits of an unknown option's type ask for (RFC 8200 4.2). */
static enum weir_drop unknown_option(const struct walk *w, struct ip6 *h, size_t at)
{
    switch (w->p[at] >> 6) {
    case 0:
        return WEIR_DROP_NONE;
    case 1:
        return WEIR_DROP_IP6_OPTION_UNKNOWN;
    case 2:
        return problem(h, WEIR_DROP_IP6_OPTION_UNKNOWN, IP6_ANSWER_ALWAYS, CODE_OPTION, at);
    default:
        return problem(h, WEIR_DROP_IP6_OPTION_UNKNOWN, IP6_ANSWER_UNLESS_MULTICAST, CODE_OPTION,
                       at);
    }
}

/* The options of the header of `len` bytes at w->at. At least one byte a step. */
static enum weir_drop parse_options(const struct walk *w, struct ip6 *h, size_t len)
{
    bool hop_by_hop = w->next == IP6_NEXT_HOP_BY_HOP;
    size_t end = w->at + len;
    size_t at = w->at + 2;
    while (at < end) {
        uint8_t type = w->p[at];
        enum weir_drop reason = WEIR_DROP_NONE;
        if (type == IP6_OPTION_PAD1) {
            at++;
            continue;
        }
        if (end - at < 2 || w->p[at + 1] > end - at - 2)
            return WEIR_DROP_IP6_OPTION;
        uint8_t option_len = w->p[at + 1];
        if (hop_by_hop && type == IP6_OPTION_JUMBO)
            return drop_jumbo(w, h, at);
        if (hop_by_hop && type == IP6_OPTION_ROUTER_ALERT)
            reason = option_len == 2 ? WEIR_DROP_NONE : WEIR_DROP_IP6_OPTION;
        else if (type != IP6_OPTION_PADN)
            reason = unknown_option(w, h, at);
        if (reason != WEIR_DROP_NONE)
            return reason;
        at += 2U + option_len;
    }
    return WEIR_DROP_NONE;
}

static enum weir_drop walk_options(struct walk *w, struct ip6 *h)
{
    size_t len;
    if (w->next == IP6_NEXT_HOP_BY_HOP && w->at != IP6_HEADER_LEN)
        return problem(h, WEIR_DROP_IP6_EXT_ORDER, IP6_ANSWER_UNLESS_MULTICAST, CODE_NEXT_HEADER,
                       w->next_at);
    enum weir_drop reason = take_header(w, &len);
    if (reason == WEIR_DROP_NONE)
        reason = parse_options(w, h, len);
    if (reason != WEIR_DROP_NONE)
        return reason;
    if (h->payload_len == 0) /* RFC 2675 3: that takes a jumbo option, and there was none */
        return problem(h, WEIR_DROP_IP6_JUMBO, IP6_ANSWER_UNLESS_MULTICAST, CODE_FIELD,
                       PAYLOAD_LENGTH_AT);
    step(w, len);
    return WEIR_DROP_NONE;
}

/* RFC 8200 4.4: no routing type is known here, type 0 is forbidden (RFC 5095); a used-up header of
 * any type is passed over. */
static enum weir_drop walk_routing(struct walk *w, struct ip6 *h)
{
    size_t len;
    enum weir_drop reason = take_header(w, &len);
    if (reason != WEIR_DROP_NONE)
        return reason;
    if (w->p[w->at + 3] != 0)
        return problem(h, WEIR_DROP_IP6_ROUTING, IP6_ANSWER_UNLESS_MULTICAST, CODE_FIELD,
                       w->at + 2);
    step(w, len);
    return WEIR_DROP_NONE;
}

/* Does the upper-layer header at c->at end before `end`? */
static bool upper_is_whole(const struct ip6_chain *c, const uint8_t *p, size_t end)
{
    size_t left = end - c->at;
    switch (c->next) {
    case IP_PROTOCOL_TCP:
        return left >= 20 && left >= (p[c->at + 12] >> 4) * 4U;
    case IP_PROTOCOL_UDP:
    case IP_PROTOCOL_ICMP6:
        return left >= 8;
    default:
        return true;
    }
}

/* RFC 8200 4.5: may this fragment, whose data begins at w->at, be part of a packet? */
static enum weir_drop check_fragment(const struct walk *w, struct ip6 *h)
{
    size_t data_len = w->end - w->at;
    if (data_len == 0)
        return WEIR_DROP_IP6_FRAGMENT;
    if (h->more_fragments && data_len % 8 != 0)
        return problem(h, WEIR_DROP_IP6_FRAGMENT, IP6_ANSWER_UNLESS_MULTICAST, CODE_FIELD,
                       PAYLOAD_LENGTH_AT);
    size_t before_len = w->at - IP6_HEADER_LEN - EXT_UNIT; /* headers that stay when put together */
    if (before_len + h->fragment_offset + data_len > IP6_PAYLOAD_MAX)
        return problem(h, WEIR_DROP_IP6_FRAGMENT, IP6_ANSWER_UNLESS_MULTICAST, CODE_FIELD,
                       h->fragment_at + 2U);
    if (h->fragment_offset != 0)
        return WEIR_DROP_NONE;
    struct ip6_chain c = {.at = w->at, .next = w->next};
    size_t readable = w->head_len < w->end ? w->head_len : w->end;
    bool whole = ip6_chain_skip(&c, w->p, readable) && upper_is_whole(&c, w->p, readable);
    if (c.fragment) /* one in another: nobody sends that (ATK-FRG-17) */
        return WEIR_DROP_IP6_FRAGMENT;
    if (whole)
        return WEIR_DROP_NONE;
    if (readable < w->end)
        return WEIR_DROP_DEVICE_HEADERS;
    return problem(h, WEIR_DROP_IP6_FRAGMENT, IP6_ANSWER_UNLESS_MULTICAST, CODE_FIRST_FRAGMENT, 0);
}

static enum weir_drop walk_fragment(struct walk *w, struct ip6 *h)
{
    size_t len;
    enum weir_drop reason = take_header(w, &len);
    if (reason != WEIR_DROP_NONE)
        return reason;
    if (h->fragment_at != 0) /* behind an atomic one */
        return WEIR_DROP_IP6_FRAGMENT;
    uint16_t field = load16(w->p + w->at + 2);
    h->fragment_at = (uint16_t)w->at;
    h->fragment_next_at = (uint16_t)w->next_at;
    h->fragment_offset = field & FRAGMENT_OFFSET_MASK;
    h->more_fragments = (field & FRAGMENT_MORE) != 0;
    h->fragment_id = load32(w->p + w->at + 4);
    step(w, len);
    return ip6_is_fragment(h) ? check_fragment(w, h) : WEIR_DROP_NONE;
}

/* Walk up to the upper layer, or to the data of a fragment. take_header() bounds the number of
 * steps. */
static enum weir_drop walk(struct walk *w, struct ip6 *h)
{
    enum weir_drop reason = WEIR_DROP_NONE;
    while (reason == WEIR_DROP_NONE && !ip6_is_fragment(h)) {
        switch (w->next) {
        case IP6_NEXT_HOP_BY_HOP:
        case IP6_NEXT_DESTINATION:
            reason = walk_options(w, h);
            break;
        case IP6_NEXT_ROUTING:
            reason = walk_routing(w, h);
            break;
        case IP6_NEXT_FRAGMENT:
            reason = walk_fragment(w, h);
            break;
        case IP6_NEXT_NONE:
            return WEIR_DROP_IP6_NO_NEXT;
        default:
            return WEIR_DROP_NONE;
        }
    }
    return reason;
}

enum weir_drop ip6_parse_any(struct ip6 *out, const uint8_t *p, size_t head_len, size_t packet_len)
{
    *out = (struct ip6){0};
    if (packet_len < IP6_HEADER_LEN)
        return WEIR_DROP_IP6_SHORT;
    if (head_len < IP6_HEADER_LEN)
        return WEIR_DROP_DEVICE_HEADERS;
    if (p[0] >> 4 != 6)
        return WEIR_DROP_IP6_VERSION;
    uint32_t first = load32(p);
    out->flow_label = first & 0xfffffU;
    out->dscp = (uint8_t)(first >> 22 & 0x3f);
    out->ecn = (uint8_t)(first >> 20 & 3);
    out->payload_len = load16(p + PAYLOAD_LENGTH_AT);
    out->next_header = p[NEXT_HEADER_AT];
    out->hop_limit = p[7];
    memcpy(out->source.b, p + 8, 16);
    memcpy(out->destination.b, p + 24, 16);
    if (out->payload_len > packet_len - IP6_HEADER_LEN)
        return WEIR_DROP_IP6_PAYLOAD_LENGTH;

    struct walk w = {
        .p = p,
        .head_len = head_len,
        .end = IP6_HEADER_LEN + (size_t)out->payload_len,
        .at = IP6_HEADER_LEN,
        .next_at = NEXT_HEADER_AT,
        .next = out->next_header,
    };
    if (out->payload_len == 0 && w.next == IP6_NEXT_HOP_BY_HOP)
        w.end = packet_len; /* a jumbogram says its length in there */
    enum weir_drop reason = walk(&w, out);
    out->protocol = w.next;
    out->protocol_at = (uint16_t)w.next_at;
    out->upper_at = (uint16_t)w.at;
    out->upper_len = (uint16_t)(w.end - w.at);
    return reason;
}

bool ip6_chain_skip(struct ip6_chain *c, const uint8_t *p, size_t len)
{
    const size_t start = c->at;
    for (unsigned n = 0; n <= IP6_EXT_HEADERS_MAX; n++) {
        if (c->at > len || c->later_fragment || c->at - start > IP6_EXT_BYTES_MAX)
            return false;
        if (c->next != IP6_NEXT_HOP_BY_HOP && c->next != IP6_NEXT_DESTINATION &&
            c->next != IP6_NEXT_ROUTING && c->next != IP6_NEXT_FRAGMENT)
            return true;
        if (len - c->at < EXT_UNIT)
            return false;
        size_t header_len = (p[c->at + 1] + 1U) * EXT_UNIT;
        if (c->next == IP6_NEXT_FRAGMENT) {
            header_len = EXT_UNIT;
            c->fragment = true;
            c->later_fragment = (load16(p + c->at + 2) & FRAGMENT_OFFSET_MASK) != 0;
        }
        c->next = p[c->at];
        c->at += header_len;
    }
    return false;
}

size_t ip6_emit(uint8_t *p, size_t size, const struct ip6 *h)
{
    if (size < IP6_HEADER_LEN)
        return 0;
    store32(p, 6U << 28 | (h->dscp & 0x3fU) << 22 | (h->ecn & 3U) << 20 |
                   (h->flow_label & 0xfffffU));
    store16(p + PAYLOAD_LENGTH_AT, h->payload_len);
    p[NEXT_HEADER_AT] = h->next_header;
    p[7] = h->hop_limit;
    memcpy(p + 8, h->source.b, 16);
    memcpy(p + 24, h->destination.b, 16);
    return IP6_HEADER_LEN;
}

size_t ip6_fragment_emit(uint8_t *p, size_t size, const struct ip6_fragment *f)
{
    if (size < IP6_FRAGMENT_HEADER_LEN)
        return 0;
    p[0] = f->next_header;
    p[1] = 0;
    store16(p + 2, (uint16_t)((f->offset & FRAGMENT_OFFSET_MASK) | (f->more ? FRAGMENT_MORE : 0)));
    store32(p + 4, f->id);
    return IP6_FRAGMENT_HEADER_LEN;
}
