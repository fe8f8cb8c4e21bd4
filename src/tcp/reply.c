/* SPDX-License-Identifier: MIT
 * Segments that no connection sends: resets, and what TIME-WAIT and SYN-RECEIVED answer. */
#include "tcp/tcp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

static struct csum pseudo(const struct tcp_reply *r, size_t len)
{
    if (addr_is_ip4(r->local))
        return ip4_pseudo(ip4_from_addr(r->local), ip4_from_addr(r->remote), IP_PROTOCOL_TCP,
                          (uint16_t)len);
    return ip6_pseudo(ip6_from_addr(r->local), ip6_from_addr(r->remote), IP_PROTOCOL_TCP,
                      (uint32_t)len);
}

void tcp_reply(struct tcp_room *tcp, const struct tcp_reply *r)
{
    uint8_t options[TCP_OPTION_BYTES_MAX], *p;
    size_t n = 0;
    if (r->syn != NULL) {
        n = tcp_options_emit(options, sizeof options, r->syn);
    } else if (r->timestamps) {
        tcp_options_emit_timestamps(options, r->ts_val, r->ts_ecr);
        n = 12;
    }
    size_t len = TCP_HEADER_BYTES + n;
    struct reply *reply = reply_take(tcp->net, len, &p);
    if (reply == NULL)
        return;
    struct tcp_header h = {
        .source_port = r->local_port,
        .destination_port = r->remote_port,
        .seq = r->seq,
        .ack = r->ack,
        .header_len = (uint8_t)len,
        .flags = r->flags,
        .window = r->window,
    };
    tcp_emit(p, &h);
    memcpy(p + TCP_HEADER_BYTES, options, n);
    be16 sum = tcp_checksum(p, len, pseudo(r, len), csum_zero());
    memcpy(p + offsetof(struct tcp_wire, checksum), sum.b, 2);
    reply->datagram.path.source = r->local;
    reply->datagram.path.destination = r->remote;
    reply->datagram.path.ifindex = r->ifindex;
    reply->datagram.protocol = IP_PROTOCOL_TCP;
    reply->datagram.hop_limit = r->ttl != 0 ? r->ttl : 64;
    reply->datagram.traffic_class = r->traffic_class;
    reply->datagram.dont_fragment = true;
    tcp->count.segments_out++;
    if ((r->flags & TCP_RST) != 0)
        tcp->count.resets_out++;
    reply_queue(tcp->net, reply);
}

void tcp_reset_stranger(struct tcp_room *tcp, const struct tcp_segment *s)
{
    if ((s->flags & TCP_RST) != 0)
        return;
    if (!ratelimit_allow(&tcp->net->errors, s->rx->source, s->now)) {
        tcp->count.resets_limited++;
        return;
    }
    struct tcp_reply r = {
        .local = s->rx->destination,
        .remote = s->rx->source,
        .local_port = s->header->destination_port,
        .remote_port = s->header->source_port,
        .ifindex = addr_is_link_scope(s->rx->source) ? s->rx->ifindex : ROUTE_ANY_INTERFACE,
        .flags = TCP_RST,
    };
    if ((s->flags & TCP_ACK) != 0) {
        r.seq = s->header->ack;
    } else {
        r.ack = tcp_wrap(tcp_segment_end(s));
        r.flags |= TCP_ACK;
    }
    tcp_reply(tcp, &r);
}

void tcp_reset_peer(struct tcp_room *tcp, const struct tcp_conn *c)
{
    tcp_reply(tcp, &(struct tcp_reply){
                       .local = c->local,
                       .remote = c->remote,
                       .local_port = c->local_port,
                       .remote_port = c->remote_port,
                       .ifindex = c->fixed_ifindex || addr_is_link_scope(c->remote)
                                      ? c->ifindex
                                      : ROUTE_ANY_INTERFACE,
                       .seq = tcp_ack_seq(c),
                       .ack = tcp_wrap(c->rcv_nxt),
                       .flags = TCP_RST | TCP_ACK,
                       .ttl = c->set.ttl,
                       .traffic_class = c->set.traffic_class & 0xfc,
                   });
}
