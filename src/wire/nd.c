/* SPDX-License-Identifier: MIT */
#include "wire/nd.h"

enum {
    RS_LEN = 8,
    RA_LEN = 16,
    NS_LEN = 24,
    NA_LEN = 24,
    REDIRECT_LEN = 40,

    NA_ROUTER = 0x80,
    NA_SOLICITED = 0x40,
    NA_OVERRIDE = 0x20,
    RA_MANAGED = 0x80,
    RA_OTHER = 0x40,
    PREFIX_ON_LINK = 0x80,
    PREFIX_AUTONOMOUS = 0x40,

    OPTION_UNIT = 8, /* options count their length in these */
    MAC_UNITS = 1,
    MTU_UNITS = 1,
    PREFIX_UNITS = 4,
    RDNSS_UNITS_MIN = 3,
    REDIRECTED_HEADER_LEN = 8
};

_Static_assert(REDIRECT_LEN + 2 * MAC_UNITS * OPTION_UNIT + MTU_UNITS * OPTION_UNIT +
                       ND_PREFIXES_MAX * PREFIX_UNITS * OPTION_UNIT +
                       ND_RDNSS_MAX * RDNSS_UNITS_MIN * OPTION_UNIT <=
                   ND_MESSAGE_MAX,
               "a message without a redirected packet fits ND_MESSAGE_MAX");

/* The length before the options; 0: no message of neighbour discovery. */
static size_t fixed_len(uint8_t type)
{
    switch (type) {
    case ICMP6_ROUTER_SOLICITATION:
        return RS_LEN;
    case ICMP6_ROUTER_ADVERTISEMENT:
        return RA_LEN;
    case ICMP6_NEIGHBOUR_SOLICITATION:
        return NS_LEN;
    case ICMP6_NEIGHBOUR_ADVERTISEMENT:
        return NA_LEN;
    case ICMP6_REDIRECT:
        return REDIRECT_LEN;
    default:
        return 0;
    }
}

/* May the option stand in the message (RFC 4861 4.1 to 4.5, RFC 8106 5.1)? */
static bool belongs(uint8_t type, uint8_t option)
{
    bool advertisement = type == ICMP6_ROUTER_ADVERTISEMENT;
    switch (option) {
    case ND_OPTION_SOURCE_MAC:
        return advertisement || type == ICMP6_ROUTER_SOLICITATION ||
               type == ICMP6_NEIGHBOUR_SOLICITATION;
    case ND_OPTION_TARGET_MAC:
        return type == ICMP6_NEIGHBOUR_ADVERTISEMENT || type == ICMP6_REDIRECT;
    case ND_OPTION_PREFIX:
    case ND_OPTION_MTU:
    case ND_OPTION_RDNSS:
        return advertisement;
    case ND_OPTION_REDIRECTED:
        return type == ICMP6_REDIRECT;
    default:
        return false;
    }
}

static void parse_mac(bool *has, struct eth_addr *mac, const uint8_t *o)
{
    if (*has || o[1] != MAC_UNITS)
        return;
    *has = true;
    memcpy(mac->b, o + 2, 6);
}

static void parse_prefix(struct nd *m, const uint8_t *o)
{
    if (o[1] != PREFIX_UNITS || o[2] > 128 || m->prefix_count == ND_PREFIXES_MAX)
        return;
    struct nd_prefix *x = &m->prefix[m->prefix_count++];
    x->len = o[2];
    x->on_link = (o[3] & PREFIX_ON_LINK) != 0;
    x->autonomous = (o[3] & PREFIX_AUTONOMOUS) != 0;
    x->valid_s = load32(o + 4);
    x->preferred_s = load32(o + 8);
    memcpy(x->prefix.b, o + 16, 16);
}

static void parse_rdnss(struct nd *m, const uint8_t *o)
{
    /* An even length would end inside an address: CVE-2020-16898. */
    if (o[1] < RDNSS_UNITS_MIN || o[1] % 2 == 0)
        return;
    unsigned count = (o[1] - 1U) / 2;
    for (unsigned i = 0; i < count && m->rdnss_count < ND_RDNSS_MAX; i++) {
        struct nd_rdnss *x = &m->rdnss[m->rdnss_count++];
        x->lifetime_s = load32(o + 4);
        memcpy(x->server.b, o + 8 + 16 * (size_t)i, 16);
    }
}

/* The option at o, all o[1] * 8 bytes of which are there. */
static void parse_option(struct nd *m, const uint8_t *o)
{
    if (!belongs(m->type, o[0]))
        return;
    switch (o[0]) {
    case ND_OPTION_SOURCE_MAC:
        parse_mac(&m->has_source_mac, &m->source_mac, o);
        break;
    case ND_OPTION_TARGET_MAC:
        parse_mac(&m->has_target_mac, &m->target_mac, o);
        break;
    case ND_OPTION_PREFIX:
        parse_prefix(m, o);
        break;
    case ND_OPTION_MTU:
        if (o[1] == MTU_UNITS && m->mtu == 0)
            m->mtu = load32(o + 4);
        break;
    case ND_OPTION_RDNSS:
        parse_rdnss(m, o);
        break;
    default: /* ND_OPTION_REDIRECTED */
        if (m->redirected.len == 0 && o[1] > 1)
            m->redirected = (struct weir_ref){o + REDIRECTED_HEADER_LEN,
                                              o[1] * (size_t)OPTION_UNIT - REDIRECTED_HEADER_LEN};
        break;
    }
}

/* All options from `at` on; `source_option`: does one give a source address, well or badly? */
static enum weir_drop parse_options(struct nd *m, const uint8_t *p, size_t at, size_t len,
                                    bool *source_option)
{
    for (unsigned n = 0; at < len; n++) {
        const uint8_t *o = p + at;
        size_t left = len - at;
        if (n == ND_OPTIONS_MAX || left < 2 || o[1] == 0 || o[1] * (size_t)OPTION_UNIT > left)
            return WEIR_DROP_ND_OPTION;
        if (o[0] == ND_OPTION_SOURCE_MAC)
            *source_option = true;
        parse_option(m, o);
        at += o[1] * (size_t)OPTION_UNIT;
    }
    return WEIR_DROP_NONE;
}

static void parse_fixed(struct nd *m, const uint8_t *p)
{
    switch (m->type) {
    case ICMP6_ROUTER_SOLICITATION:
        return;
    case ICMP6_ROUTER_ADVERTISEMENT:
        m->hop_limit = p[4];
        m->managed = (p[5] & RA_MANAGED) != 0;
        m->other = (p[5] & RA_OTHER) != 0;
        m->lifetime_s = load16(p + 6);
        m->reachable_ms = load32(p + 8);
        m->retrans_ms = load32(p + 12);
        return;
    case ICMP6_NEIGHBOUR_ADVERTISEMENT:
        m->router = (p[4] & NA_ROUTER) != 0;
        m->solicited = (p[4] & NA_SOLICITED) != 0;
        m->override = (p[4] & NA_OVERRIDE) != 0;
        break;
    case ICMP6_REDIRECT:
        memcpy(m->destination.b, p + 24, 16);
        break;
    default:
        break;
    }
    memcpy(m->target.b, p + 8, 16);
}

/* The validity rules about addresses. */
static bool addresses_are_valid(const struct nd *m, const struct ip6 *ip, bool source_option)
{
    bool unspecified = ip6_is_unspecified(ip->source);
    switch (m->type) {
    case ICMP6_ROUTER_SOLICITATION: /* RFC 4861 6.1.1 */
        return !(unspecified && source_option);
    case ICMP6_ROUTER_ADVERTISEMENT: /* 6.1.2 */
        return ip6_is_link_local(ip->source);
    case ICMP6_NEIGHBOUR_SOLICITATION: /* 7.1.1 */
        if (unspecified && (source_option || !ip6_is_solicited_node(ip->destination)))
            return false;
        return !ip6_is_multicast(m->target);
    case ICMP6_NEIGHBOUR_ADVERTISEMENT: /* 7.1.2 */
        return !ip6_is_multicast(m->target) &&
               !(m->solicited && ip6_is_multicast(ip->destination));
    default: /* redirect, 8.1 */
        return ip6_is_link_local(ip->source) && !ip6_is_multicast(m->destination) &&
               (ip6_is_link_local(m->target) || ip6_eq(m->target, m->destination));
    }
}

enum weir_drop nd_parse(struct nd *out, const uint8_t *p, size_t head_len, size_t message_len,
                        const struct ip6 *ip)
{
    bool source_option = false;
    if (message_len < ICMP_HEADER_LEN)
        return WEIR_DROP_ND_SHORT;
    if (head_len < message_len)
        return WEIR_DROP_DEVICE_HEADERS;
    size_t at = fixed_len(p[0]);
    if (at == 0)
        return WEIR_DROP_ICMP_TYPE;
    if (ip->hop_limit != ND_HOP_LIMIT)
        return WEIR_DROP_ND_HOP_LIMIT;
    if (p[1] != 0)
        return WEIR_DROP_ND_CODE;
    if (message_len < at)
        return WEIR_DROP_ND_SHORT;
    *out = (struct nd){.type = p[0]};
    parse_fixed(out, p);
    enum weir_drop reason = parse_options(out, p, at, message_len, &source_option);
    if (reason != WEIR_DROP_NONE)
        return reason;
    return addresses_are_valid(out, ip, source_option) ? WEIR_DROP_NONE : WEIR_DROP_ND_TARGET;
}

/* How much of the redirected packet goes in: whole units, the message within the minimum MTU. */
static size_t redirected_len(const struct nd *m, size_t len)
{
    if (!belongs(m->type, ND_OPTION_REDIRECTED))
        return 0;
    size_t room = IP6_MTU_MIN - IP6_HEADER_LEN - len - REDIRECTED_HEADER_LEN;
    size_t n = m->redirected.len < room ? m->redirected.len : room;
    return n - n % OPTION_UNIT;
}

/* Length of the message; 0: it cannot be written. */
static size_t message_len(const struct nd *m)
{
    size_t len = fixed_len(m->type);
    if (len == 0 || m->prefix_count > ND_PREFIXES_MAX || m->rdnss_count > ND_RDNSS_MAX)
        return 0;
    if (m->has_source_mac && belongs(m->type, ND_OPTION_SOURCE_MAC))
        len += MAC_UNITS * OPTION_UNIT;
    if (m->has_target_mac && belongs(m->type, ND_OPTION_TARGET_MAC))
        len += MAC_UNITS * OPTION_UNIT;
    if (m->type == ICMP6_ROUTER_ADVERTISEMENT) {
        len += m->mtu != 0 ? MTU_UNITS * OPTION_UNIT : 0;
        len += (size_t)m->prefix_count * PREFIX_UNITS * OPTION_UNIT;
        len += (size_t)m->rdnss_count * RDNSS_UNITS_MIN * OPTION_UNIT;
    }
    size_t redirected = redirected_len(m, len);
    return redirected == 0 ? len : len + REDIRECTED_HEADER_LEN + redirected;
}

static void emit_fixed(uint8_t *p, const struct nd *m)
{
    memset(p, 0, fixed_len(m->type));
    p[0] = m->type;
    switch (m->type) {
    case ICMP6_ROUTER_SOLICITATION:
        return;
    case ICMP6_ROUTER_ADVERTISEMENT:
        p[4] = m->hop_limit;
        p[5] = (uint8_t)((m->managed ? RA_MANAGED : 0) | (m->other ? RA_OTHER : 0));
        store16(p + 6, m->lifetime_s);
        store32(p + 8, m->reachable_ms);
        store32(p + 12, m->retrans_ms);
        return;
    case ICMP6_NEIGHBOUR_ADVERTISEMENT:
        p[4] = (uint8_t)((m->router ? NA_ROUTER : 0) | (m->solicited ? NA_SOLICITED : 0) |
                         (m->override ? NA_OVERRIDE : 0));
        break;
    case ICMP6_REDIRECT:
        memcpy(p + 24, m->destination.b, 16);
        break;
    default:
        break;
    }
    memcpy(p + 8, m->target.b, 16);
}

static uint8_t *emit_mac(uint8_t *o, uint8_t option, struct eth_addr mac)
{
    o[0] = option;
    o[1] = MAC_UNITS;
    memcpy(o + 2, mac.b, 6);
    return o + MAC_UNITS * OPTION_UNIT;
}

/* The options of a router advertisement. */
static void emit_advertised(uint8_t *o, const struct nd *m)
{
    if (m->mtu != 0) {
        o[0] = ND_OPTION_MTU;
        o[1] = MTU_UNITS;
        store16(o + 2, 0);
        store32(o + 4, m->mtu);
        o += MTU_UNITS * OPTION_UNIT;
    }
    for (unsigned i = 0; i < m->prefix_count; i++, o += PREFIX_UNITS * OPTION_UNIT) {
        const struct nd_prefix *x = &m->prefix[i];
        o[0] = ND_OPTION_PREFIX;
        o[1] = PREFIX_UNITS;
        o[2] = x->len;
        o[3] = (uint8_t)((x->on_link ? PREFIX_ON_LINK : 0) |
                         (x->autonomous ? PREFIX_AUTONOMOUS : 0));
        store32(o + 4, x->valid_s);
        store32(o + 8, x->preferred_s);
        store32(o + 12, 0);
        memcpy(o + 16, x->prefix.b, 16);
    }
    for (unsigned i = 0; i < m->rdnss_count; i++, o += RDNSS_UNITS_MIN * OPTION_UNIT) {
        o[0] = ND_OPTION_RDNSS;
        o[1] = RDNSS_UNITS_MIN;
        store16(o + 2, 0);
        store32(o + 4, m->rdnss[i].lifetime_s);
        memcpy(o + 8, m->rdnss[i].server.b, 16);
    }
}

size_t nd_emit(uint8_t *p, size_t size, const struct nd *m, const struct ip6 *ip)
{
    size_t len = message_len(m);
    if (len == 0 || size < len)
        return 0;
    uint8_t *o = p + fixed_len(m->type);
    emit_fixed(p, m);
    if (m->has_source_mac && belongs(m->type, ND_OPTION_SOURCE_MAC))
        o = emit_mac(o, ND_OPTION_SOURCE_MAC, m->source_mac);
    if (m->has_target_mac && belongs(m->type, ND_OPTION_TARGET_MAC))
        o = emit_mac(o, ND_OPTION_TARGET_MAC, m->target_mac);
    if (m->type == ICMP6_ROUTER_ADVERTISEMENT)
        emit_advertised(o, m);
    size_t redirected = redirected_len(m, (size_t)(o - p));
    if (redirected > 0) {
        memset(o, 0, REDIRECTED_HEADER_LEN);
        o[0] = ND_OPTION_REDIRECTED;
        o[1] = (uint8_t)((REDIRECTED_HEADER_LEN + redirected) / OPTION_UNIT);
        memcpy(o + REDIRECTED_HEADER_LEN, m->redirected.data, redirected);
    }
    struct csum c = ip6_pseudo(ip->source, ip->destination, IP_PROTOCOL_ICMP6, (uint32_t)len);
    be16 checksum = csum_finish(csum_header(c, p, len));
    memcpy(p + 2, checksum.b, 2);
    return len;
}
