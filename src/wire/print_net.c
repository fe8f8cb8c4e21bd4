/* SPDX-License-Identifier: MIT */
#include "wire/print.h"

#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/udp.h"

/* What is left to print: `captured` bytes at p of the `len` that the headers so far promise. */
struct rest {
    const uint8_t *p;
    size_t captured, len;
};

static bool is_modern(const struct print_options *o)
{
    return o->style == PRINT_MODERN;
}

/* The rest behind n bytes; n <= captured. */
static struct rest skip(struct rest r, size_t n)
{
    return (struct rest){r.p + n, r.captured - n, r.len - n};
}

/* The first n bytes of the rest; n <= len. */
static struct rest trim(struct rest r, size_t n)
{
    return (struct rest){r.p, r.captured < n ? r.captured : n, n};
}

static void number(struct text *t, const char *before, uint64_t v, const char *behind)
{
    text_str(t, before);
    text_u64(t, v);
    text_str(t, behind);
}

static void length(struct text *t, const struct print_options *o, size_t len)
{
    if (is_modern(o))
        number(t, ", length ", len, "");
}

void print_endpoints(struct text *t, const struct print_flow *flow, uint16_t source_port,
                     uint16_t destination_port)
{
    addr_text(t, flow->source);
    number(t, ".", source_port, " > ");
    addr_text(t, flow->destination);
    number(t, ".", destination_port, ": ");
}

static void hosts(struct text *t, const struct print_flow *flow)
{
    addr_text(t, flow->source);
    text_str(t, " > ");
    addr_text(t, flow->destination);
    text_str(t, ": ");
}

/* ---- UDP ---- */

static void print_udp(struct text *t, const struct print_options *o, struct rest r,
                      const struct print_flow *flow, bool fragment)
{
    if (r.captured < UDP_HEADER_LEN) {
        hosts(t, flow);
        if (r.len < UDP_HEADER_LEN)
            number(t, "truncated-udp ", r.len, "");
        else
            text_str(t, "[|udp]");
        return;
    }
    uint16_t len = load16(r.p + 4);
    print_endpoints(t, flow, load16(r.p), load16(r.p + 2));
    if (len < UDP_HEADER_LEN) {
        number(t, "truncated-udplength ", len, "");
    } else if (len > r.len && !fragment) {
        number(t, is_modern(o) ? "UDP, bad length " : "udp bad length ", len - UDP_HEADER_LEN, "");
        number(t, " > ", r.len - UDP_HEADER_LEN, "");
    } else {
        number(t, is_modern(o) ? "UDP, length " : "udp ", len - UDP_HEADER_LEN, "");
    }
}

/* ---- ICMP, both families ---- */

static void protocol_name(struct text *t, uint8_t protocol)
{
    if (protocol == IP_PROTOCOL_TCP)
        text_str(t, "tcp");
    else if (protocol == IP_PROTOCOL_UDP)
        text_str(t, "udp");
    else
        number(t, "protocol ", protocol, "");
}

/* What stands before and behind the quoted destination, by code; 2 to 4 say more. */
static const struct {
    const char *before, *behind;
} unreachable4[] = {
    {"net ", " unreachable"},
    {"host ", " unreachable"},
    {"", " protocol "},
    {"", " "},
    {"", " unreachable - need to frag"},
    {"", " unreachable - source route failed"},
    {"net ", " unreachable - unknown"},
    {"host ", " unreachable - unknown"},
    {"", " unreachable - source host isolated"},
    {"net ", " unreachable - admin prohibited"},
    {"host ", " unreachable - admin prohibited"},
    {"net ", " unreachable - tos prohibited"},
    {"host ", " unreachable - tos prohibited"},
    {"host ", " unreachable - admin prohibited filter"},
    {"host ", " unreachable - host precedence violation"},
    {"host ", " unreachable - precedence cutoff"},
};

static void print_unreachable4(struct text *t, const struct icmp *m, const struct icmp_quote *q)
{
    if (m->code >= sizeof unreachable4 / sizeof unreachable4[0]) {
        addr_text(t, q->destination);
        number(t, " unreachable - #", m->code, "");
        return;
    }
    text_str(t, unreachable4[m->code].before);
    addr_text(t, q->destination);
    text_str(t, unreachable4[m->code].behind);
    if (m->code == ICMP4_PROTOCOL_UNREACHABLE) {
        number(t, "", q->protocol, " unreachable");
    } else if (m->code == ICMP4_PORT_UNREACHABLE) {
        protocol_name(t, q->protocol);
        number(t, " port ", q->destination_port, " unreachable");
    } else if (m->code == ICMP4_FRAGMENTATION_NEEDED && m->mtu != 0) {
        number(t, " (mtu ", m->mtu, ")");
    }
}

static void print_redirect4(struct text *t, const struct icmp *m, const struct icmp_quote *q)
{
    text_str(t, m->code == 2 || m->code == 3 ? "redirect-tos " : "redirect ");
    addr_text(t, q->destination);
    text_str(t, m->code == 0 || m->code == 2 ? " to net " : " to host ");
    ip4_text(t, m->gateway);
}

static void print_other4(struct text *t, uint8_t type)
{
    switch (type) {
    case ICMP4_ROUTER_ADVERTISEMENT:
        text_str(t, "router advertisement");
        break;
    case ICMP4_ROUTER_SOLICITATION:
        text_str(t, "router solicitation");
        break;
    case ICMP4_TIMESTAMP_REQUEST:
        text_str(t, "time stamp query");
        break;
    case ICMP4_TIMESTAMP_REPLY:
        text_str(t, "time stamp reply");
        break;
    case ICMP4_INFORMATION_REQUEST:
        text_str(t, "information request");
        break;
    case ICMP4_INFORMATION_REPLY:
        text_str(t, "information reply");
        break;
    case ICMP4_MASK_REQUEST:
        text_str(t, "address mask request");
        break;
    case ICMP4_MASK_REPLY:
        text_str(t, "address mask reply");
        break;
    default:
        number(t, "type-#", type, "");
        break;
    }
}

static void print_echo(struct text *t, const struct print_options *o, const struct icmp *m)
{
    text_str(t, m->kind == ICMP_ECHO_REQUEST ? "echo request" : "echo reply");
    if (!is_modern(o))
        return;
    number(t, ", id ", m->id, "");
    number(t, ", seq ", m->sequence, "");
}

static void print_icmp4(struct text *t, const struct print_options *o, struct rest r)
{
    struct icmp m;
    struct icmp_quote q;
    if (icmp4_parse(&m, r.p, r.captured, r.len) != WEIR_DROP_NONE) {
        text_str(t, "[|icmp]");
        return;
    }
    text_str(t, is_modern(o) ? "ICMP " : "icmp: ");
    struct rest data = skip(r, ICMP_HEADER_LEN);
    bool needs_quote =
        m.kind == ICMP_UNREACHABLE || m.kind == ICMP_TOO_BIG || m.kind == ICMP_REDIRECT;
    if (needs_quote && icmp4_quote_parse(&q, data.p, data.captured) != WEIR_DROP_NONE) {
        number(t, "type ", m.type, "");
        number(t, " code ", m.code, " [|icmp]");
        return;
    }
    switch (m.kind) {
    case ICMP_ECHO_REQUEST:
    case ICMP_ECHO_REPLY:
        print_echo(t, o, &m);
        break;
    case ICMP_UNREACHABLE:
    case ICMP_TOO_BIG:
        print_unreachable4(t, &m, &q);
        break;
    case ICMP_REDIRECT:
        print_redirect4(t, &m, &q);
        break;
    case ICMP_TIME_EXCEEDED:
        if (m.code <= ICMP_REASSEMBLY_EXCEEDED)
            text_str(t, m.code == ICMP_HOPS_EXCEEDED ? "time exceeded in-transit"
                                                     : "ip reassembly time exceeded");
        else
            number(t, "time exceeded-#", m.code, "");
        break;
    case ICMP_PARAMETER_PROBLEM:
        if (m.code == 0)
            number(t, "parameter problem - octet ", m.pointer, "");
        else
            number(t, "parameter problem - code ", m.code, "");
        break;
    case ICMP_SOURCE_QUENCH:
        text_str(t, "source quench");
        break;
    default:
        print_other4(t, m.type);
        break;
    }
    length(t, o, r.len);
}

/* The address at offset `at` of the message, or a remark when it was cut off. */
static void address_at(struct text *t, struct rest r, size_t at)
{
    struct ip6_addr a;
    if (r.captured < at + sizeof a.b) {
        text_str(t, "[|icmp6]");
        return;
    }
    memcpy(a.b, r.p + at, sizeof a.b);
    ip6_text(t, a);
}

static void print_nd(struct text *t, struct rest r)
{
    switch (r.p[0]) {
    case ICMP6_ROUTER_SOLICITATION:
        text_str(t, "router solicitation");
        break;
    case ICMP6_ROUTER_ADVERTISEMENT:
        text_str(t, "router advertisement");
        break;
    case ICMP6_NEIGHBOUR_SOLICITATION:
        text_str(t, "neighbor solicitation, who has ");
        address_at(t, r, 8);
        break;
    case ICMP6_NEIGHBOUR_ADVERTISEMENT:
        text_str(t, "neighbor advertisement, tgt is ");
        address_at(t, r, 8);
        break;
    default:
        text_str(t, "redirect, ");
        address_at(t, r, 24);
        text_str(t, " to ");
        address_at(t, r, 8);
        break;
    }
}

static void print_unreachable6(struct text *t, const struct icmp *m, const struct icmp_quote *q)
{
    static const char *const what[] = {"unreachable route ", "unreachable prohibited ",
                                       "beyond scope ", "unreachable address ",
                                       "unreachable port, "};
    text_str(t, "destination unreachable, ");
    if (m->code >= sizeof what / sizeof what[0]) {
        number(t, "unknown unreach code (", m->code, ")");
        return;
    }
    text_str(t, what[m->code]);
    addr_text(t, q->destination);
    if (m->code == 2) {
        text_str(t, ", source address ");
        addr_text(t, q->source);
    } else if (m->code == ICMP6_PORT_UNREACHABLE) {
        text_char(t, ' ');
        protocol_name(t, q->protocol);
        number(t, " port ", q->destination_port, "");
    }
}

static void print_problem6(struct text *t, const struct icmp *m)
{
    static const char *const what[] = {"erroneous", "next header", "option",
                                       "incomplete header chain"};
    text_str(t, "parameter problem, ");
    if (m->code < sizeof what / sizeof what[0])
        text_str(t, what[m->code]);
    else
        number(t, "code ", m->code, "");
    number(t, " - octet ", m->pointer, "");
}

static void print_time_exceeded6(struct text *t, const struct icmp *m, const struct icmp_quote *q)
{
    text_str(t, "time exceeded in-transit");
    if (m->code == ICMP_HOPS_EXCEEDED) {
        text_str(t, " for ");
        addr_text(t, q->destination);
    } else if (m->code == ICMP_REASSEMBLY_EXCEEDED) {
        text_str(t, " (reassembly)");
    } else {
        number(t, ", unknown code (", m->code, ")");
    }
}

static void print_other6(struct text *t, uint8_t type)
{
    switch (type) {
    case ICMP6_MLD_QUERY:
        text_str(t, "multicast listener query");
        break;
    case ICMP6_MLD_REPORT:
        text_str(t, "multicast listener report");
        break;
    case ICMP6_MLD_DONE:
        text_str(t, "multicast listener done");
        break;
    case ICMP6_MLD2_REPORT:
        text_str(t, "multicast listener report v2");
        break;
    default:
        number(t, "type-#", type, "");
        break;
    }
}

static void print_icmp6(struct text *t, const struct print_options *o, struct rest r)
{
    struct icmp m;
    struct icmp_quote q;
    if (icmp6_parse(&m, r.p, r.captured, r.len) != WEIR_DROP_NONE) {
        text_str(t, "[|icmp6]");
        return;
    }
    text_str(t, is_modern(o) ? "ICMP6, " : "icmp6: ");
    struct rest data = skip(r, ICMP_HEADER_LEN);
    if ((m.kind == ICMP_UNREACHABLE || m.kind == ICMP_TIME_EXCEEDED) &&
        icmp6_quote_parse(&q, data.p, data.captured) != WEIR_DROP_NONE) {
        number(t, "type ", m.type, "");
        number(t, " code ", m.code, " [|icmp6]");
        return;
    }
    switch (m.kind) {
    case ICMP_ECHO_REQUEST:
    case ICMP_ECHO_REPLY:
        print_echo(t, o, &m);
        break;
    case ICMP_UNREACHABLE:
        print_unreachable6(t, &m, &q);
        break;
    case ICMP_TOO_BIG:
        number(t, "packet too big, mtu ", m.mtu, "");
        break;
    case ICMP_TIME_EXCEEDED:
        print_time_exceeded6(t, &m, &q);
        break;
    case ICMP_PARAMETER_PROBLEM:
        print_problem6(t, &m);
        break;
    case ICMP_ND:
        print_nd(t, r);
        break;
    default:
        print_other6(t, m.type);
        break;
    }
    length(t, o, r.len);
}

/* ---- IP ---- */

/* The upper layer of a packet, or of its first fragment, endpoints included. */
static void print_upper(struct text *t, const struct print_options *o, uint8_t protocol,
                        struct rest r, const struct print_flow *flow, bool fragment)
{
    switch (protocol) {
    case IP_PROTOCOL_TCP:
        print_tcp(t, o, r.p, r.captured, r.len, flow);
        return;
    case IP_PROTOCOL_UDP:
        print_udp(t, o, r, flow, fragment);
        return;
    case IP_PROTOCOL_ICMP4:
        hosts(t, flow);
        print_icmp4(t, o, r);
        return;
    case IP_PROTOCOL_ICMP6:
        hosts(t, flow);
        print_icmp6(t, o, r);
        return;
    case IP6_NEXT_NONE:
        hosts(t, flow);
        text_str(t, "no next header");
        return;
    default:
        hosts(t, flow);
        number(t, "ip-proto-", protocol, " ");
        text_u64(t, r.len);
        return;
    }
}

/* What stands behind the line of an IPv4 packet: fragments, and what classic style says of the
 * header. */
static void print_ip4_suffix(struct text *t, const struct print_options *o, const uint8_t *p,
                             size_t payload_len)
{
    uint16_t field = load16(p + 6);
    unsigned offset = (field & IP4_FRAGMENT_OFFSET_MASK) * 8U;
    if (offset != 0 || (field & IP4_FLAG_MORE_FRAGMENTS) != 0) {
        number(t, " (frag ", load16(p + 4), ":");
        number(t, "", payload_len, "@");
        number(t, "", offset, (field & IP4_FLAG_MORE_FRAGMENTS) != 0 ? "+)" : ")");
    }
    if (is_modern(o))
        return;
    if ((field & IP4_FLAG_DONT_FRAGMENT) != 0)
        text_str(t, " (DF)");
    if (p[1] != 0) {
        text_str(t, " [tos 0x");
        text_hex(t, p[1], 1);
        text_char(t, ']');
    }
    if (p[8] <= 1)
        number(t, " [ttl ", p[8], "]");
}

static void print_ip4(struct text *t, const struct print_options *o, struct rest r)
{
    if (is_modern(o))
        text_str(t, "IP ");
    if (r.captured < IP4_HEADER_MIN) {
        text_str(t, "[|ip]");
        return;
    }
    size_t header_len = (r.p[0] & 0x0fU) * 4;
    size_t total_len = load16(r.p + 2);
    if (r.p[0] >> 4 != 4) {
        number(t, "version error: ", r.p[0] >> 4, " != 4");
        return;
    }
    if (header_len < IP4_HEADER_MIN) {
        number(t, "bad-hlen ", header_len, "");
        return;
    }
    if (total_len < header_len) {
        number(t, "bad-len ", total_len, "");
        return;
    }
    if (total_len > r.len) {
        number(t, "truncated-ip - ", total_len - r.len, " bytes missing! ");
        r.len = total_len;
    }
    if (header_len > r.captured) {
        text_str(t, "[|ip]");
        return;
    }
    uint16_t fragment = load16(r.p + 6) & (IP4_FLAG_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET_MASK);
    struct print_flow flow = {
        .source = addr_from_ip4((struct ip4_addr){{r.p[12], r.p[13], r.p[14], r.p[15]}}),
        .destination = addr_from_ip4((struct ip4_addr){{r.p[16], r.p[17], r.p[18], r.p[19]}}),
    };
    struct rest payload = skip(trim(r, total_len), header_len);
    if ((fragment & IP4_FRAGMENT_OFFSET_MASK) != 0) {
        hosts(t, &flow);
        number(t, "ip-proto-", r.p[9], "");
    } else {
        print_upper(t, o, r.p[9], payload, &flow, fragment != 0);
    }
    print_ip4_suffix(t, o, r.p, payload.len);
}

/* The name of an extension header, and what of it matters; `r` begins with it and holds 8 bytes of
 * it. */
static void print_extension(struct text *t, uint8_t next, struct rest r)
{
    switch (next) {
    case IP6_NEXT_HOP_BY_HOP:
        text_str(t, "HBH ");
        break;
    case IP6_NEXT_DESTINATION:
        text_str(t, "DSTOPT ");
        break;
    case IP6_NEXT_ROUTING:
        number(t, "RT6 (len=", r.p[1], "");
        number(t, ", type=", r.p[2], "");
        number(t, ", segleft=", r.p[3], ") ");
        break;
    default:
        number(t, "frag (", load16(r.p + 2) & 0xfff8U, "|");
        number(t, "", r.len - IP6_FRAGMENT_HEADER_LEN, ") ");
        break;
    }
}

static bool is_extension(uint8_t next)
{
    return next == IP6_NEXT_HOP_BY_HOP || next == IP6_NEXT_DESTINATION ||
           next == IP6_NEXT_ROUTING || next == IP6_NEXT_FRAGMENT;
}

/* The extension headers and then the upper layer, of which `r` begins with what `next` names. */
static void print_chain(struct text *t, const struct print_options *o, uint8_t next, struct rest r,
                        const struct print_flow *flow)
{
    bool fragment = false;
    for (unsigned n = 0; is_extension(next); n++) {
        if (n == IP6_EXT_HEADERS_MAX || r.captured < 8) {
            hosts(t, flow);
            text_str(t, "[|ip6]");
            return;
        }
        size_t len = next == IP6_NEXT_FRAGMENT ? IP6_FRAGMENT_HEADER_LEN : (r.p[1] + 1U) * 8;
        bool later = next == IP6_NEXT_FRAGMENT && (load16(r.p + 2) & 0xfff8U) != 0;
        print_extension(t, next, r);
        if (len > r.captured || later) {
            hosts(t, flow);
            if (later)
                number(t, "ip-proto-", r.p[0], "");
            else
                text_str(t, "[|ip6]");
            return;
        }
        fragment = fragment || next == IP6_NEXT_FRAGMENT;
        next = r.p[0];
        r = skip(r, len);
    }
    print_upper(t, o, next, r, flow, fragment);
}

static void print_ip6(struct text *t, const struct print_options *o, struct rest r)
{
    struct print_flow flow;
    if (is_modern(o))
        text_str(t, "IP6 ");
    if (r.captured < IP6_HEADER_LEN) {
        text_str(t, "[|ip6]");
        return;
    }
    size_t len = IP6_HEADER_LEN + (size_t)load16(r.p + 4);
    if (r.p[0] >> 4 != 6) {
        number(t, "version error: ", r.p[0] >> 4, " != 6");
        return;
    }
    if (len > r.len) {
        number(t, "truncated-ip6 - ", len - r.len, " bytes missing! ");
        r.len = len;
    }
    memcpy(flow.source.bytes, r.p + 8, 16);
    memcpy(flow.destination.bytes, r.p + 24, 16);
    print_chain(t, o, r.p[6], skip(trim(r, len), IP6_HEADER_LEN), &flow);
}

/* ---- ARP and Ethernet ---- */

/* Classic style writes a MAC address without leading zeros. */
static void mac(struct text *t, const struct print_options *o, struct eth_addr a)
{
    if (is_modern(o)) {
        eth_text(t, a);
        return;
    }
    for (unsigned i = 0; i < 6; i++) {
        if (i > 0)
            text_char(t, ':');
        text_hex(t, a.b[i], 1);
    }
}

static void print_arp(struct text *t, const struct print_options *o, struct rest r)
{
    struct arp m;
    text_str(t, is_modern(o) ? "ARP, " : "arp ");
    enum weir_drop reason = arp_parse(&m, r.p, r.captured);
    if (reason == WEIR_DROP_ARP_SHORT) {
        text_str(t, "[|arp]");
        return;
    }
    if (reason != WEIR_DROP_NONE) {
        number(t, "hardware ", load16(r.p), "");
        number(t, " (len ", r.p[4], "), protocol 0x");
        text_hex(t, load16(r.p + 2), 4);
        number(t, " (len ", r.p[5], ")");
        number(t, ", operation ", load16(r.p + 6), "");
    } else if (m.operation == ARP_REQUEST) {
        text_str(t, is_modern(o) ? "Request who-has " : "who-has ");
        ip4_text(t, m.target);
        if (!eth_addr_is_zero(m.target_mac)) {
            text_str(t, " (");
            mac(t, o, m.target_mac);
            text_char(t, ')');
        }
        text_str(t, " tell ");
        ip4_text(t, m.sender);
    } else {
        text_str(t, is_modern(o) ? "Reply " : "reply ");
        ip4_text(t, m.sender);
        text_str(t, " is-at ");
        mac(t, o, m.sender_mac);
    }
    length(t, o, r.len);
}

static void print_eth(struct text *t, const struct print_options *o, struct rest r)
{
    struct eth h;
    enum weir_drop reason = eth_parse(&h, r.p, r.captured);
    if (reason == WEIR_DROP_ETH_SHORT) {
        text_str(t, "[|ether]");
        return;
    }
    if (reason != WEIR_DROP_NONE) {
        text_str(t, reason == WEIR_DROP_ETH_TYPE ? "802.3" : "more than two VLAN tags");
        length(t, o, r.len);
        return;
    }
    for (unsigned i = 0; i < h.vlan_count; i++) {
        number(t, "vlan ", h.vlan[i].vid, "");
        number(t, ", p ", h.vlan[i].pcp, ", ");
    }
    struct rest payload = skip(r, eth_header_len(&h));
    switch (h.type) {
    case ETH_TYPE_IP4:
        print_ip4(t, o, payload);
        return;
    case ETH_TYPE_IP6:
        print_ip6(t, o, payload);
        return;
    case ETH_TYPE_ARP:
        print_arp(t, o, payload);
        return;
    default:
        mac(t, o, h.source);
        text_str(t, " > ");
        mac(t, o, h.destination);
        text_str(t, ", ethertype 0x");
        text_hex(t, h.type, 4);
        length(t, o, r.len);
        return;
    }
}

void print_packet(struct text *t, const struct print_options *o, const uint8_t *p,
                  size_t captured_len, size_t wire_len, enum weir_link link)
{
    struct rest r = {p, captured_len < wire_len ? captured_len : wire_len, wire_len};
    if (link == WEIR_LINK_ETHERNET)
        print_eth(t, o, r);
    else if (r.captured == 0)
        text_str(t, "[|ip]");
    else if (r.p[0] >> 4 == 4)
        print_ip4(t, o, r);
    else if (r.p[0] >> 4 == 6)
        print_ip6(t, o, r);
    else
        number(t, "IP", r.p[0] >> 4, " (invalid)");
}
