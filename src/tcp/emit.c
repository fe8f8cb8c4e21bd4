/* SPDX-License-Identifier: MIT
 * One segment's headers, written into the packet to send. */
#include "tcp/tcp.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

/* The IP header at p, and the sum of the pseudo-header. Answers its length. */
static size_t emit_ip(const struct tcp_room *tcp, const struct tcp_emit *e, uint8_t *p,
                      size_t tcp_len, struct csum *pseudo)
{
    if (addr_is_ip4(*e->remote)) {
        struct ip4 h = {
            .source = ip4_from_addr(*e->local),
            .destination = ip4_from_addr(*e->remote),
            .payload_len = (uint16_t)tcp_len,
            .dont_fragment = !e->may_fragment,
            .dscp = e->traffic_class >> 2,
            .ttl = e->ttl,
            .protocol = IP_PROTOCOL_TCP,
        };
        if (e->may_fragment) /* else it may be 0 (RFC 6864 4.1) */
            h.id = (uint16_t)fragment_id(&tcp->net->ids,
                                         &(struct fragment_flow){.source = *e->local,
                                                                 .destination = *e->remote,
                                                                 .protocol = IP_PROTOCOL_TCP});
        *pseudo = ip4_pseudo(h.source, h.destination, IP_PROTOCOL_TCP, (uint16_t)tcp_len);
        return ip4_emit(p, IP4_HEADER_MIN, &h);
    }
    struct ip6 h = {
        .source = ip6_from_addr(*e->local),
        .destination = ip6_from_addr(*e->remote),
        .flow_label = e->flow_label,
        .payload_len = (uint16_t)tcp_len,
        .next_header = IP_PROTOCOL_TCP,
        .dscp = e->traffic_class >> 2,
        .hop_limit = e->ttl,
    };
    *pseudo = ip6_pseudo(h.source, h.destination, IP_PROTOCOL_TCP, (uint32_t)tcp_len);
    return ip6_emit(p, IP6_HEADER_LEN, &h);
}

/* The checksum: by the device, which is given the sum of the pseudo-header, or here. */
static void finish_checksum(const struct tcp_room *tcp, const struct tcp_emit *e, uint8_t *header,
                            size_t header_len, struct weir_tx *tx)
{
    uint8_t *field = header + offsetof(struct tcp_wire, checksum);
    uint32_t capabilities = tcp->net->iface[e->ifindex].config.capabilities;
    if ((capabilities & WEIR_CAP_TX_CHECKSUM) != 0) {
        uint16_t sum = csum_fold(e->pseudo);
        memcpy(field, &sum, 2);
        tx->checksum_wanted = 1;
        tx->checksum_start = (uint16_t)(header - (tx->headers + tx->header_start));
        tx->checksum_offset = offsetof(struct tcp_wire, checksum);
        return;
    }
    struct csum payload = csum_zero();
    if (e->payload[0].len > 0)
        payload = tcp->ops->sum(e->payload[0].data, e->payload[0].len);
    if (e->payload[1].len > 0)
        payload = csum_join(payload, e->payload[0].len,
                            tcp->ops->sum(e->payload[1].data, e->payload[1].len));
    be16 sum = tcp_checksum(header, header_len, e->pseudo, payload);
    memcpy(field, sum.b, 2);
}

void tcp_emit_segment(const struct tcp_room *tcp, struct tcp_emit *e, struct weir_tx *tx)
{
    const struct net_iface *iface = &tcp->net->iface[e->ifindex];
    size_t payload = e->payload[0].len + e->payload[1].len;
    size_t header_len = TCP_HEADER_BYTES + (size_t)e->options_len;
    bool ip4 = addr_is_ip4(*e->remote);
    memset(tx, 0, offsetof(struct weir_tx, headers));
    uint8_t *p = tx->headers;
    if (iface->config.link == WEIR_LINK_ETHERNET) {
        struct eth eth = {.destination = e->station,
                          .source = iface->mac,
                          .type = ip4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6};
        p += eth_emit(p, ETH_HEADER_MIN, &eth);
    }
    p += emit_ip(tcp, e, p, header_len + payload, &e->pseudo);
    struct tcp_header h = {
        .source_port = e->local_port,
        .destination_port = e->remote_port,
        .seq = e->seq,
        .ack = e->ack,
        .header_len = (uint8_t)header_len,
        .flags = e->flags,
        .window = e->window,
        .urgent = e->urgent,
    };
    tcp_emit(p, &h);
    memcpy(p + TCP_HEADER_BYTES, e->options, e->options_len);
    tx->header_len = (uint16_t)((size_t)(p - tx->headers) + header_len);
    tx->len = (uint32_t)(tx->header_len + payload);
    for (unsigned i = 0; i < 2; i++)
        if (e->payload[i].len > 0)
            tx->frag[tx->frag_count++] = e->payload[i];
    if (e->mss != 0 && payload > e->mss) {
        tx->segmentation = ip4 ? WEIR_SEGMENT_TCP4 : WEIR_SEGMENT_TCP6;
        tx->segment_size = e->mss;
        tx->segment_count = (uint16_t)((payload + e->mss - 1) / e->mss);
    }
    finish_checksum(tcp, e, p, header_len, tx);
}

void tcp_emit_next(const struct tcp_room *tcp, const struct tcp_emit *e,
                   const struct weir_tx *before, struct weir_tx *tx)
{
    memcpy(tx, before, offsetof(struct weir_tx, headers));
    memcpy(tx->headers, before->headers, before->header_len);
    tx->frag[0] = e->payload[0];
    tx->frag[1] = e->payload[1];
    tx->frag_count = e->payload[1].len > 0 ? 2 : 1;
    size_t header_len = TCP_HEADER_BYTES + (size_t)e->options_len;
    uint8_t *p = tx->headers + tx->header_len - header_len;
    struct tcp_wire *wire = (struct tcp_wire *)p;
    wire->seq = be32_make(e->seq.v);
    wire->offset_flags = tcp_offset_flags(header_len, e->flags);
    wire->urgent = be16_make(e->urgent);
    if (tx->checksum_wanted == 0) /* else the pseudo-header stands there, which is the same */
        finish_checksum(tcp, e, p, header_len, tx);
}
