/* SPDX-License-Identifier: MIT */
#include "sim/build.h"

#include <string.h>

#include "base/check.h"
#include "wire/udp.h"

static bool is_ip4(const struct build_ip *ip)
{
    return addr_is_ip4(ip->source);
}

/* Write the IP header for a transport of `len` bytes; returns its length, 0: impossible, or no room
 * for all of the packet. */
static size_t put_ip(uint8_t *out, size_t size, const struct build_ip *b, uint8_t protocol,
                     size_t len)
{
    uint8_t ttl = b->ttl != 0 ? b->ttl : BUILD_TTL;
    if (addr_is_ip4(b->source) != addr_is_ip4(b->destination) || len > IP4_PACKET_MAX)
        return 0;
    size_t at;
    if (is_ip4(b)) {
        struct ip4 ip = {.source = ip4_from_addr(b->source),
                         .destination = ip4_from_addr(b->destination),
                         .payload_len = (uint16_t)len,
                         .id = b->id,
                         .dont_fragment = b->dont_fragment,
                         .dscp = b->dscp,
                         .ecn = b->ecn,
                         .ttl = ttl,
                         .protocol = protocol};
        at = ip4_emit(out, size, &ip);
    } else {
        struct ip6 ip = {.source = ip6_from_addr(b->source),
                         .destination = ip6_from_addr(b->destination),
                         .flow_label = b->flow_label,
                         .payload_len = (uint16_t)len,
                         .dscp = b->dscp,
                         .ecn = b->ecn,
                         .hop_limit = ttl,
                         .next_header = protocol};
        at = ip6_emit(out, size, &ip);
    }
    return at == 0 || size - at < len ? 0 : at;
}

static struct csum pseudo(const struct build_ip *ip, uint8_t protocol, size_t len)
{
    return is_ip4(ip) ? ip4_pseudo(ip4_from_addr(ip->source), ip4_from_addr(ip->destination),
                                   protocol, (uint16_t)len)
                      : ip6_pseudo(ip6_from_addr(ip->source), ip6_from_addr(ip->destination),
                                   protocol, (uint32_t)len);
}

static void put_ref(uint8_t *out, struct weir_ref ref)
{
    if (ref.len > 0)
        memcpy(out, ref.data, ref.len);
}

uint32_t build_udp(uint8_t *out, size_t size, const struct build_udp *b)
{
    size_t len = UDP_HEADER_LEN + b->payload.len;
    if (b->payload.len > UDP_LEN_MAX)
        return 0;
    size_t at = put_ip(out, size, &b->ip, IP_PROTOCOL_UDP, len);
    if (at == 0)
        return 0;
    struct udp udp = {.source_port = b->source_port,
                      .destination_port = b->destination_port,
                      .payload_len = (uint16_t)b->payload.len};
    if (udp_emit(out + at, size - at, &udp) == 0)
        return 0;
    put_ref(out + at + UDP_HEADER_LEN, b->payload);
    if (!b->no_checksum) {
        struct csum sum = pseudo(&b->ip, IP_PROTOCOL_UDP, len);
        udp.checksum = udp_checksum_finish(csum_add(sum, csum_portable.sum(out + at, len)));
        udp_emit(out + at, size - at, &udp);
    }
    return (uint32_t)(at + len);
}

uint32_t build_tcp(uint8_t *out, size_t size, const struct build_tcp *b)
{
    uint8_t options[TCP_OPTION_BYTES_MAX];
    size_t options_len = b->option_bytes.len;
    if (b->options != NULL) {
        options_len = tcp_options_emit(options, sizeof options, b->options);
    } else {
        if (options_len > sizeof options || options_len % 4 != 0)
            return 0;
        put_ref(options, b->option_bytes);
    }
    size_t header_len = TCP_HEADER_BYTES + options_len, len = header_len + b->payload.len;
    if (b->payload.len > IP4_PACKET_MAX)
        return 0;
    size_t at = put_ip(out, size, &b->ip, IP_PROTOCOL_TCP, len);
    if (at == 0)
        return 0;
    struct tcp_header header = {.source_port = b->source_port,
                                .destination_port = b->destination_port,
                                .seq = b->seq,
                                .ack = b->ack,
                                .header_len = (uint8_t)header_len,
                                .flags = b->flags,
                                .window = b->window,
                                .urgent = b->urgent};
    tcp_emit(out + at, &header);
    memcpy(out + at + TCP_HEADER_BYTES, options, options_len);
    put_ref(out + at + header_len, b->payload);
    header.checksum = tcp_checksum(out + at, header_len, pseudo(&b->ip, IP_PROTOCOL_TCP, len),
                                   csum_portable.sum(out + at + header_len, b->payload.len));
    tcp_emit(out + at, &header);
    return (uint32_t)(at + len);
}

/* An ICMP message of either family with its data. */
static uint32_t put_icmp(uint8_t *out, size_t size, const struct build_ip *b, const struct icmp *m,
                         struct weir_ref data)
{
    bool v4 = is_ip4(b);
    size_t quote_max = v4 ? ICMP4_QUOTE_MAX : ICMP6_QUOTE_MAX;
    size_t len = ICMP_HEADER_LEN + data.len;
    if (icmp_is_error(m->kind) && data.len > quote_max)
        len = ICMP_HEADER_LEN + quote_max;
    size_t at = put_ip(out, size, b, v4 ? IP_PROTOCOL_ICMP4 : IP_PROTOCOL_ICMP6, len);
    if (at == 0)
        return 0;
    struct icmp_data parts = {&csum_portable, &data, 1};
    struct ip6 ip6 = {.source = ip6_from_addr(b->source),
                      .destination = ip6_from_addr(b->destination)};
    size_t written = v4 ? icmp4_emit(out + at, size - at, m, &parts)
                        : icmp6_emit(out + at, size - at, m, &ip6, &parts);
    return written == len ? (uint32_t)(at + len) : 0;
}

uint32_t build_icmp_echo(uint8_t *out, size_t size, const struct build_icmp_echo *b)
{
    uint8_t request = is_ip4(&b->ip) ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST;
    uint8_t reply = is_ip4(&b->ip) ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY;
    struct icmp m = {.type = b->reply ? reply : request,
                     .id = b->id,
                     .sequence = b->sequence,
                     .kind = b->reply ? ICMP_ECHO_REPLY : ICMP_ECHO_REQUEST};
    return put_icmp(out, size, &b->ip, &m, b->payload);
}

uint32_t build_icmp_error(uint8_t *out, size_t size, const struct build_icmp_error *b)
{
    struct icmp m = {.type = b->type, .code = b->code, .mtu = b->mtu, .kind = ICMP_UNREACHABLE};
    return put_icmp(out, size, &b->ip, &m, b->packet);
}

uint32_t build_frame(uint8_t *out, size_t size, uint32_t len, struct eth_addr source,
                     struct eth_addr destination)
{
    if (size < ETH_HEADER_MIN || size - ETH_HEADER_MIN < len || len == 0)
        return 0;
    struct eth eth = {.source = source,
                      .destination = destination,
                      .type = out[0] >> 4 == 6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4};
    memmove(out + ETH_HEADER_MIN, out, len);
    eth_emit(out, size, &eth);
    return (uint32_t)eth_pad(out, size, ETH_HEADER_MIN + len);
}

struct build_ip build_path(const struct sim_parsed *packet, bool back)
{
    const uint8_t *ip = packet->bytes + packet->ip_offset;
    struct weir_addr source, destination;
    if (packet->ip_version == 4) {
        struct ip4_addr addr[2];
        memcpy(addr, ip + 12, sizeof addr);
        source = addr_from_ip4(addr[0]);
        destination = addr_from_ip4(addr[1]);
    } else {
        CHECK(NULL, packet->ip_version == 6);
        memcpy(source.bytes, ip + 8, sizeof source.bytes);
        memcpy(destination.bytes, ip + 24, sizeof destination.bytes);
    }
    return back ? (struct build_ip){.source = destination, .destination = source}
                : (struct build_ip){.source = source, .destination = destination};
}

struct weir_addr build_addr(const char *text)
{
    struct weir_addr addr;
    CHECK(NULL, addr_from_text(&addr, text, strlen(text)));
    return addr;
}

bool build_is_sound(const uint8_t *bytes, uint32_t len, unsigned link)
{
    struct sim_parsed p = sim_parse(bytes, len, link);
    if (p.ip_version == 0)
        return false; /* the parser has verified the header of IPv4 */
    if (p.fragment)
        return true;
    const uint8_t *ip = bytes + p.ip_offset, *at = bytes + p.transport_offset;
    bool icmp4 = p.protocol == IP_PROTOCOL_ICMP4 && p.ip_version == 4;
    bool icmp6 = p.protocol == IP_PROTOCOL_ICMP6 && p.ip_version == 6;
    bool udp = p.protocol == IP_PROTOCOL_UDP;
    if (!icmp4 && !icmp6 && !udp && p.protocol != IP_PROTOCOL_TCP)
        return true;
    if (p.transport_len < 4)
        return false;
    struct csum sum = csum_zero();
    if (!icmp4) {
        sum = p.ip_version == 4 ? csum_header(sum, ip + 12, 8) : csum_header(sum, ip + 8, 32);
        sum = csum_u16(csum_u16(sum, (uint16_t)p.transport_len), p.protocol);
    }
    if (udp && load16(at + 6) == 0)
        return p.ip_version == 4;
    return csum_is_good(csum_add(sum, csum_portable.sum(at, p.transport_len)));
}
