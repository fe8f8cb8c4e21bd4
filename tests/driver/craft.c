/* SPDX-License-Identifier: MIT */
#include "craft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "wire/ip6.h"
#include "wire/udp.h"

struct weir_addr craft_addr(const char *text)
{
    struct weir_addr out;
    assert_true(addr_from_text(&out, text, strlen(text)));
    return out;
}

static struct csum pseudo_sum(const struct flow *flow, size_t len)
{
    if (addr_is_ip4(flow->source))
        return ip4_pseudo(ip4_from_addr(flow->source), ip4_from_addr(flow->destination),
                          flow->protocol, (uint16_t)len);
    return ip6_pseudo(ip6_from_addr(flow->source), ip6_from_addr(flow->destination), flow->protocol,
                      (uint32_t)len);
}

static size_t put_link_and_ip(uint8_t *p, size_t size, const struct flow *flow, size_t transport)
{
    size_t at = 0;
    bool ip4 = addr_is_ip4(flow->source);
    if (flow->ethernet)
        at = eth_emit(p, size,
                      &(struct eth){.destination = flow->destination_mac,
                                    .source = flow->source_mac,
                                    .type = ip4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6});
    if (ip4)
        return at + ip4_emit(p + at, size - at,
                             &(struct ip4){.source = ip4_from_addr(flow->source),
                                           .destination = ip4_from_addr(flow->destination),
                                           .payload_len = (uint16_t)transport,
                                           .dont_fragment = true,
                                           .ttl = 64,
                                           .protocol = flow->protocol});
    return at + ip6_emit(p + at, size - at,
                         &(struct ip6){.source = ip6_from_addr(flow->source),
                                       .destination = ip6_from_addr(flow->destination),
                                       .payload_len = (uint16_t)transport,
                                       .hop_limit = 64,
                                       .next_header = flow->protocol});
}

void craft(struct weir_tx *tx, const struct flow *flow, const struct speech *speech)
{
    bool udp = flow->protocol == IP_PROTOCOL_UDP;
    size_t payload_len = speech->part[0].len + speech->part[1].len;
    size_t header_len = udp ? UDP_HEADER_LEN : TCP_HEADER_BYTES,
           transport = header_len + payload_len;
    memset(tx, 0, sizeof *tx);
    tx->header_start = 2;
    uint8_t *p = tx->headers + 2;
    size_t at = put_link_and_ip(p, sizeof tx->headers - 2, flow, transport);
    uint8_t *t = p + at;
    if (udp) {
        store16(t, flow->source_port);
        store16(t + 2, flow->destination_port);
        store16(t + 4, (uint16_t)transport);
    } else {
        tcp_emit(t, &(struct tcp_header){.source_port = flow->source_port,
                                         .destination_port = flow->destination_port,
                                         .seq = seq_make(speech->seq),
                                         .ack = seq_make(speech->ack),
                                         .header_len = TCP_HEADER_BYTES,
                                         .flags = speech->flags,
                                         .window = 0xffff});
    }
    tx->header_len = (uint16_t)(at + header_len);
    tx->len = (uint32_t)(at + transport);
    for (unsigned i = 0; i < 2; i++)
        if (speech->part[i].len > 0)
            tx->frag[tx->frag_count++] = speech->part[i];
    tx->checksum_start = (uint16_t)at;
    tx->checksum_offset = udp ? 6 : 16;
    struct csum sum = pseudo_sum(flow, transport);
    tx->checksum_wanted = speech->checksum_wanted || speech->segment_size != 0;
    if (tx->checksum_wanted) {
        uint16_t folded = csum_fold(sum); /* in the order of the host's loads, as it stands */
        memcpy(t + tx->checksum_offset, &folded, 2);
    } else {
        sum = csum_add(sum, csum_portable.sum(t, header_len));
        sum = csum_parts(&csum_portable, sum, tx->frag, tx->frag_count);
        be16 field = udp ? udp_checksum_finish(sum) : csum_finish(sum);
        memcpy(t + tx->checksum_offset, &field, 2);
        tx->checksum_start = tx->checksum_offset = 0;
    }
    if (speech->segment_size != 0) {
        bool ip4 = addr_is_ip4(flow->source);
        tx->segmentation = udp ? WEIR_SEGMENT_UDP : ip4 ? WEIR_SEGMENT_TCP4 : WEIR_SEGMENT_TCP6;
        tx->segment_size = speech->segment_size;
        tx->segment_count =
            (uint16_t)((payload_len + speech->segment_size - 1) / speech->segment_size);
    }
}

static bool read_ip(struct seen *out, const struct weir_rx *rx, bool ethernet, size_t *at,
                    size_t *len, struct csum *pseudo)
{
    const uint8_t *p = rx->head;
    *at = 0;
    if (ethernet) {
        struct eth eth;
        if (eth_parse(&eth, p, rx->head_len) != WEIR_DROP_NONE)
            return false;
        *at = eth_header_len(&eth);
    }
    size_t left = rx->head_len - *at;
    if (left == 0)
        return false;
    if (p[*at] >> 4 == 4) {
        struct ip4 ip;
        if (ip4_parse(&ip, p + *at, left, left) != WEIR_DROP_NONE)
            return false;
        *at += ip4_header_len(&ip);
        *len = ip.payload_len;
        out->fragment = ip4_is_fragment(&ip);
        out->version = 4;
        out->protocol = ip.protocol;
        *pseudo = ip4_pseudo(ip.source, ip.destination, ip.protocol, ip.payload_len);
        return true;
    }
    struct ip6 ip;
    if (ip6_parse(&ip, p + *at, left, left) != WEIR_DROP_NONE)
        return false;
    *at += ip.upper_at;
    *len = ip.upper_len;
    out->fragment = ip6_is_fragment(&ip);
    out->version = 6;
    out->protocol = ip.protocol;
    *pseudo = ip6_pseudo(ip.source, ip.destination, ip.protocol, ip.upper_len);
    return true;
}

bool craft_read(struct seen *out, const struct weir_rx *rx, bool ethernet)
{
    size_t at, len, header_len = UDP_HEADER_LEN, field = 6;
    struct csum pseudo;
    *out = (struct seen){0};
    if (rx->head_len != rx->len || !read_ip(out, rx, ethernet, &at, &len, &pseudo))
        return false;
    const uint8_t *t = rx->head + at;
    if (out->protocol == IP_PROTOCOL_TCP) {
        if (tcp_parse(&out->tcp, t, len, len) != WEIR_DROP_NONE)
            return false;
        header_len = out->tcp.header_len;
        field = 16;
    } else if (out->protocol != IP_PROTOCOL_UDP || len < UDP_HEADER_LEN) {
        return false;
    }
    out->source_port = load16(t);
    out->destination_port = load16(t + 2);
    out->payload = t + header_len;
    out->payload_len = len - header_len;
    uint16_t folded = csum_fold(pseudo), stands;
    memcpy(&stands, t + field, 2);
    out->sum_good = csum_is_good(csum_add(pseudo, csum_portable.sum(t, len)));
    out->sum_partial = rx->checksum == WEIR_RX_CHECKSUM_ABSENT && rx->checksum_start == at &&
                       rx->checksum_offset == field && stands == folded;
    return true;
}

static uint8_t pattern_byte(size_t at, unsigned seed)
{
    return (uint8_t)(at * 7 + at / 251 + seed);
}

void craft_pattern(uint8_t *p, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        p[i] = pattern_byte(i, seed);
}

bool craft_pattern_is(const uint8_t *p, size_t len, unsigned seed, size_t from)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != pattern_byte(from + i, seed))
            return false;
    return true;
}
