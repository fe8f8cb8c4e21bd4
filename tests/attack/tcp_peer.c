/* SPDX-License-Identifier: MIT */
#include "tcp_peer.h"

#include "wire/ip6.h"

static void out_ip_header(const struct weir_ref packet, struct out_tcp *out, struct weir_ref *tcp)
{
    if (packet.data[0] >> 4 == 4) {
        struct ip4 ip;
        assert_int_equal(ip4_parse(&ip, packet.data, packet.len, packet.len), WEIR_DROP_NONE);
        assert_int_equal(ip.protocol, IP_PROTOCOL_TCP);
        assert_int_equal(ip.options_len, 0);
        out->source = addr_from_ip4(ip.source);
        out->destination = addr_from_ip4(ip.destination);
        out->id = ip.id;
        out->dont_fragment = ip.dont_fragment;
        out->fragment = ip.more_fragments || ip.fragment_offset != 0;
        *tcp = (struct weir_ref){packet.data + IP4_HEADER_MIN, ip.payload_len};
        return;
    }
    struct ip6 ip;
    assert_int_equal(ip6_parse(&ip, packet.data, packet.len, packet.len), WEIR_DROP_NONE);
    assert_int_equal(ip.protocol, IP_PROTOCOL_TCP);
    assert_int_equal(ip.upper_at, IP6_HEADER_LEN);
    out->source = addr_from_ip6(ip.source);
    out->destination = addr_from_ip6(ip.destination);
    out->flow_label = ip.flow_label;
    *tcp = (struct weir_ref){packet.data + IP6_HEADER_LEN, ip.upper_len};
}

struct out_tcp out_tcp(const struct attack *a, unsigned i)
{
    struct out_tcp out;
    struct weir_ref tcp;
    memset(&out, 0, sizeof out);
    out_ip_header(out_ip(a, i), &out, &tcp);
    assert_int_equal(tcp_parse(&out.header, tcp.data, tcp.len, tcp.len), WEIR_DROP_NONE);
    size_t n = out.header.header_len;
    tcp_options_parse(&out.options, tcp.data + TCP_HEADER_BYTES, n - TCP_HEADER_BYTES);
    out.data = (struct weir_ref){tcp.data + n, tcp.len - n};
    return out;
}

struct weir_config tcp_attack_config(void)
{
    struct weir_config config = attack_config();
    config.interfaces_max = INTERFACES;
    config.tcp_endpoints_max = 16;
    config.tcp_flights_max = 16;
    config.tcp_syn_received_max = 16;
    config.tcp_time_wait_max = 16;
    config.ranges_max = 128;
    config.packet_memory_kb = 1024;
    config.packet_memory_reserve_kb = 64;
    config.reassemblies_max = 8;
    config.path_mtus_max = 64;
    config.neighbours_max = 64;
    config.udp_endpoints_max = 4;
    return config;
}

weir_handle tcp_listener(struct attack *a, uint16_t port, unsigned backlog)
{
    struct weir_tcp_config config = {.size = sizeof config, .port = port};
    weir_handle handle;
    assert_int_equal(weir_tcp_open(a->stack, &config, &handle), WEIR_OK);
    assert_int_equal(weir_tcp_listen(a->stack, handle, backlog), WEIR_OK);
    return handle;
}

struct tcp_peer peer_of(struct attack *a, struct weir_addr peer, unsigned number)
{
    return (struct tcp_peer){
        .a = a,
        .own = addr_is_ip4(peer) ? own4(a->ifindex) : own6(a->ifindex),
        .peer = peer,
        .own_port = 80,
        .port = (uint16_t)(PEER_PORT + number),
        .seq = 1000000 + number * 7919,
        .ts_val = 5000,
        .window = PEER_WINDOW,
    };
}

unsigned peer_segment(const struct tcp_peer *p, uint16_t flags, uint32_t seq, uint32_t ack,
                      struct weir_ref data)
{
    uint8_t packet[PEER_DATA_MAX + 128];
    struct tcp_options options = {.present = 0};
    if ((flags & TCP_SYN) != 0) {
        options.present |= TCP_HAS_MSS;
        options.mss = 1400;
    }
    if (p->stamps) {
        options.present |= TCP_HAS_TIMESTAMPS;
        options.ts_val = p->ts_val;
        options.ts_ecr = (flags & TCP_ACK) != 0 ? p->ts_recent : 0;
    }
    struct build_tcp tcp = {.ip = {.source = p->peer, .destination = p->own},
                            .source_port = p->port,
                            .destination_port = p->own_port,
                            .seq = seq_make(seq),
                            .ack = seq_make(ack),
                            .flags = flags,
                            .window = p->window,
                            .urgent = p->urgent,
                            .options = &options,
                            .payload = data};
    size_t len = build_tcp(packet, sizeof packet, &tcp);
    assert_true(len > 0);
    return attack_ip(p->a, packet, len);
}

unsigned peer_gives(struct tcp_peer *p, uint16_t flags, const void *data, size_t len)
{
    uint32_t seq = p->seq;
    p->seq += tcp_segment_seq_len(flags, len);
    return peer_segment(p, flags, seq, p->ack, (struct weir_ref){data, len});
}

struct out_tcp peer_takes(struct tcp_peer *p, unsigned i)
{
    struct out_tcp s = out_tcp(p->a, i);
    assert_true(addr_eq(s.source, p->own) && addr_eq(s.destination, p->peer));
    assert_int_equal(s.header.source_port, p->own_port);
    assert_int_equal(s.header.destination_port, p->port);
    if ((s.header.flags & TCP_SYN) == 0)
        assert_int_equal(s.header.seq.v, p->ack);
    p->ack = s.header.seq.v + tcp_segment_seq_len(s.header.flags, s.data.len);
    if ((s.options.present & TCP_HAS_TIMESTAMPS) != 0)
        p->ts_recent = s.options.ts_val;
    return s;
}

void peer_connects(struct tcp_peer *p, weir_handle listener)
{
    assert_int_equal(peer_gives(p, TCP_SYN, NULL, 0), WEIR_DROP_NONE);
    assert_int_equal(p->a->out_count, 1);
    struct out_tcp s = peer_takes(p, 0);
    assert_int_equal(s.header.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(s.header.ack.v, p->seq);
    p->stamps = (s.options.present & TCP_HAS_TIMESTAMPS) != 0;
    assert_int_equal(peer_gives(p, TCP_ACK, NULL, 0), WEIR_DROP_NONE);
    assert_int_equal(p->a->out_count, 0);
    assert_int_equal(weir_tcp_accept(p->a->stack, listener, 1, &p->handle), WEIR_OK);
}

void peer_is_sent(struct tcp_peer *p, const void *data, size_t len)
{
    assert_int_equal(weir_tcp_send(p->a->stack, p->handle, data, len, 0), len);
    attack_pass(p->a, 0);
    assert_int_equal(p->a->out_count, 1);
    struct out_tcp s = peer_takes(p, 0);
    assert_int_equal(s.data.len, len);
    assert_memory_equal(s.data.data, data, len);
    assert_int_equal(peer_gives(p, TCP_ACK, NULL, 0), WEIR_DROP_NONE);
    assert_int_equal(p->a->out_count, 0);
}

void read_events(struct attack *a)
{
    struct weir_event event[8];
    while (weir_stack_events(a->stack, event, 8) > 0)
        ;
}

void peer_ends(struct tcp_peer *p)
{
    assert_int_equal(peer_gives(p, TCP_RST, NULL, 0), WEIR_DROP_NONE);
    assert_int_equal(p->a->out_count, 0);
    assert_int_equal(weir_tcp_close(p->a->stack, p->handle), WEIR_OK);
    read_events(p->a);
}
