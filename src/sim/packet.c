/* SPDX-License-Identifier: MIT */
#include "sim/packet.h"

#include "base/check.h"
#include "base/checksum.h"
#include "sim/internal.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum {
    IP4_CHECKSUM_AT = 10,
    TCP_CHECKSUM_AT = 16,
    UDP_CHECKSUM_AT = 6,
    ICMP_CHECKSUM_AT = 2,
    ICMP_HEADER_MIN = 4
};

uint32_t sim_ip_offset(const uint8_t *bytes, uint32_t len, unsigned link)
{
    struct eth eth;
    if (link != WEIR_LINK_ETHERNET)
        return 0;
    if (eth_parse(&eth, bytes, len) == WEIR_DROP_NONE)
        return (uint32_t)eth_header_len(&eth);
    return len < ETH_HEADER_MIN ? len : ETH_HEADER_MIN;
}

/* ---- finding the parts ---- */

static void parse_transport(struct sim_parsed *p)
{
    const uint8_t *at = p->bytes + p->transport_offset;
    struct tcp_header tcp;
    struct udp udp;
    if (p->protocol == IP_PROTOCOL_TCP &&
        tcp_parse(&tcp, at, p->transport_len, p->transport_len) == WEIR_DROP_NONE) {
        p->source_port = tcp.source_port;
        p->destination_port = tcp.destination_port;
        p->tcp_flags = tcp.flags & TCP_FLAGS;
        p->seq = tcp.seq;
        p->ack = tcp.ack;
        p->payload_offset = p->transport_offset + tcp.header_len;
        p->payload_len = p->transport_len - tcp.header_len;
    } else if (p->protocol == IP_PROTOCOL_UDP &&
               udp_parse(&udp, at, p->transport_len, p->transport_len) == WEIR_DROP_NONE) {
        p->source_port = udp.source_port;
        p->destination_port = udp.destination_port;
        p->payload_offset = p->transport_offset + UDP_HEADER_LEN;
        p->payload_len = udp.payload_len;
        p->transport_len = UDP_HEADER_LEN + (uint32_t)udp.payload_len;
    } else if (p->protocol == IP_PROTOCOL_TCP || p->protocol == IP_PROTOCOL_UDP) {
        p->transport_len = 0;
    }
}

static bool parse_ip4(struct sim_parsed *p, const uint8_t *at, uint32_t room)
{
    struct ip4 ip;
    if (ip4_parse(&ip, at, room, room) != WEIR_DROP_NONE)
        return false;
    p->ip_version = 4;
    p->ip_len = (uint32_t)ip4_header_len(&ip) + ip.payload_len;
    p->protocol = ip.protocol;
    p->ecn = ip.ecn;
    p->fragment = ip4_is_fragment(&ip);
    p->transport_offset = p->ip_offset + (uint32_t)ip4_header_len(&ip);
    p->transport_len = ip.fragment_offset == 0 ? ip.payload_len : 0;
    return true;
}

static bool parse_ip6(struct sim_parsed *p, const uint8_t *at, uint32_t room)
{
    struct ip6 ip;
    if (ip6_parse(&ip, at, room, room) != WEIR_DROP_NONE)
        return false;
    p->ip_version = 6;
    p->ip_len = IP6_HEADER_LEN + (uint32_t)ip.payload_len;
    p->protocol = ip.protocol;
    p->ecn = ip.ecn;
    p->fragment = ip6_is_fragment(&ip);
    p->transport_offset = p->ip_offset + ip.upper_at;
    p->transport_len = ip.fragment_offset == 0 ? ip.upper_len : 0;
    return true;
}

struct sim_parsed sim_parse(const uint8_t *bytes, uint32_t len, unsigned link)
{
    struct sim_parsed p = {.bytes = bytes, .len = len};
    struct eth eth;
    unsigned version = 0;
    p.ip_offset = sim_ip_offset(bytes, len, link);
    if (link == WEIR_LINK_ETHERNET) {
        if (eth_parse(&eth, bytes, len) != WEIR_DROP_NONE)
            return p;
        version = eth.type == ETH_TYPE_IP4 ? 4 : eth.type == ETH_TYPE_IP6 ? 6 : 0;
    } else if (len > 0) {
        version = bytes[0] >> 4;
    }
    const uint8_t *at = bytes + p.ip_offset;
    uint32_t room = len - p.ip_offset;
    bool good = version == 4 ? parse_ip4(&p, at, room) : version == 6 && parse_ip6(&p, at, room);
    if (good && p.transport_len > 0)
        parse_transport(&p);
    return p;
}

/* ---- checksums ---- */

/* The header's own checksum first: a packet whose checksum is wrong does not parse. */
static void fix_ip4_header(uint8_t *at, uint32_t room)
{
    if (room < IP4_HEADER_MIN || at[0] >> 4 != 4)
        return;
    uint32_t len = (at[0] & 15U) * 4;
    if (len < IP4_HEADER_MIN || len > room)
        return;
    store16(at + IP4_CHECKSUM_AT, 0);
    be16 sum = csum_finish(csum_header(csum_zero(), at, len));
    memcpy(at + IP4_CHECKSUM_AT, &sum, sizeof sum);
}

static struct csum pseudo_sum(const struct sim_parsed *p)
{
    const uint8_t *ip = p->bytes + p->ip_offset;
    /* Both pseudo-headers are addresses, length and protocol (RFC 9293 3.1, RFC 8200 8.1). With a
     * routing header the destination would be another; the parser takes none that still matters. */
    struct csum sum = p->ip_version == 4 ? csum_header(csum_zero(), ip + 12, 8)
                                         : csum_header(csum_zero(), ip + 8, 32);
    sum = csum_u16(sum, (uint16_t)p->transport_len);
    return csum_u16(sum, p->protocol);
}

void sim_fix_checksums(uint8_t *bytes, uint32_t len, unsigned link)
{
    uint32_t ip_offset = sim_ip_offset(bytes, len, link);
    fix_ip4_header(bytes + ip_offset, len - ip_offset);
    struct sim_parsed p = sim_parse(bytes, len, link);
    if (p.ip_version == 0 || p.fragment || p.transport_len < ICMP_HEADER_MIN)
        return;
    uint8_t *at = bytes + p.transport_offset;
    struct csum sum = pseudo_sum(&p);
    uint32_t field_at;
    if (p.protocol == IP_PROTOCOL_TCP) {
        field_at = TCP_CHECKSUM_AT;
    } else if (p.protocol == IP_PROTOCOL_UDP) {
        if (p.ip_version == 4 && load16(at + UDP_CHECKSUM_AT) == 0)
            return; /* none, which is right (RFC 768) */
        field_at = UDP_CHECKSUM_AT;
    } else if (p.protocol == IP_PROTOCOL_ICMP4 && p.ip_version == 4) {
        field_at = ICMP_CHECKSUM_AT;
        sum = csum_zero();
    } else if (p.protocol == IP_PROTOCOL_ICMP6 && p.ip_version == 6) {
        field_at = ICMP_CHECKSUM_AT;
    } else {
        return;
    }
    store16(at + field_at, 0);
    sum = csum_add(sum, csum_portable.sum(at, p.transport_len));
    be16 field = p.protocol == IP_PROTOCOL_UDP ? udp_checksum_finish(sum) : csum_finish(sum);
    memcpy(at + field_at, &field, sizeof field);
}

bool sim_mark_ce(uint8_t *bytes, uint32_t len, unsigned link)
{
    struct sim_parsed p = sim_parse(bytes, len, link);
    uint8_t *ip = bytes + p.ip_offset;
    if (p.ip_version == 0 || p.ecn == IP_ECN_NOT_ECT)
        return false;
    if (p.ip_version == 6) {
        ip[1] |= IP_ECN_CE << 4; /* the low bits of the traffic class (RFC 8200 section 3) */
        return true;
    }
    be16 from = {{ip[0], ip[1]}}, checksum = {{ip[IP4_CHECKSUM_AT], ip[IP4_CHECKSUM_AT + 1]}};
    ip[1] |= IP_ECN_CE;
    checksum = csum_update16(checksum, from, (be16){{ip[0], ip[1]}});
    memcpy(ip + IP4_CHECKSUM_AT, &checksum, sizeof checksum);
    return true;
}
