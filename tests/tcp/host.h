/* SPDX-License-Identifier: MIT
 * What the tests of the TCP room stand on: a host with a network room and a TCP room, and the segments
 * of its peers, made by hand. Interface 0 is bare IP, interface 1 is Ethernet. */
#ifndef WEIR_TESTS_TCP_HOST_H
#define WEIR_TESTS_TCP_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../room.h"
#include "base/rng.h"
#include "tcp/tcp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

#define MS WEIR_NS_PER_MS
#define S  WEIR_NS_PER_S

enum { IP_IFACE = 0, ETH_IFACE = 1, HOST_PACKET_MAX = 66000, MTU = 1500 };

struct host {
    struct weir_config config;
    weir_time now;
    struct wheel wheel;
    struct blocks blocks;
    struct event_queue events;
    struct net net;
    struct tcp_room tcp;
    struct net_in in;
    void *mem[3];
    uint8_t bytes[HOST_PACKET_MAX]; /* the packet that came out last */
    size_t len;
    unsigned ifindex; /* where it came out, and where segments are handed in */
};

/* A segment, as numbers. */
struct seg {
    struct weir_addr from, to;
    uint16_t from_port, to_port;
    uint16_t flags, window;
    uint32_t seq, ack;
    struct tcp_options options;
    const void *data;
    size_t len;
};

static const uint8_t host_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};

static inline struct weir_config host_config(void)
{
    struct weir_config config = room_config();
    config.interfaces_max = 2;
    config.tcp_endpoints_max = 16;
    config.tcp_flights_max = 16;
    config.tcp_syn_received_max = 16;
    config.tcp_time_wait_max = 16;
    config.packet_memory_kb = 2048;
    config.packet_memory_reserve_kb = 64;
    return config;
}

static inline void host_settle(struct host *h);

/* Addresses 10.0.0.1/24 and 2001:db8::1/64 on bare IP, 192.168.0.1/24 on Ethernet. */
static inline struct host *host_open_with(const struct weir_config *config, uint64_t seed)
{
    struct host *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->config = *config;
    h->now = 1000 * S;
    struct sip_key key = {seed, ~seed};
    const struct csum_ops *ops = csum_best();
    wheel_init(&h->wheel, &room_handler, h->now);
    struct blocks_config blocks = {
        .handler = &room_handler,
        .superblocks = config->packet_memory_kb / 64,
        .urgent_superblocks = config->packet_memory_reserve_kb / 64,
        .promised_bytes_max = (uint64_t)config->packet_memory_kb * 4096,
    };
    blocks_init(&h->blocks, &blocks, room_memory(&h->mem[0], blocks_size(&blocks)));
    net_init(&h->net,
             &(struct net_config){.config = &h->config,
                                  .handler = &room_handler,
                                  .wheel = &h->wheel,
                                  .blocks = &h->blocks,
                                  .ops = ops,
                                  .key = &key},
             room_memory(&h->mem[1], net_size(config)));
    tcp_init(&h->tcp,
             &(struct tcp_room_config){.net = &h->net,
                                       .blocks = &h->blocks,
                                       .wheel = &h->wheel,
                                       .ops = ops,
                                       .events = &h->events,
                                       .handler = &room_handler,
                                       .key = key,
                                       .config = &h->config,
                                       .now = h->now},
             room_memory(&h->mem[2], tcp_size(config)));
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = MTU};
    net_add_iface(&h->net, &iface, h->now);
    iface.link = WEIR_LINK_ETHERNET;
    memcpy(iface.mac, host_mac, 6);
    net_add_iface(&h->net, &iface, h->now);
    assert_int_equal(net_add_address(&h->net, IP_IFACE, addr("10.0.0.1"), 24, h->now), WEIR_OK);
    assert_int_equal(net_add_address(&h->net, IP_IFACE, addr("2001:db8::1"), 64, h->now), WEIR_OK);
    assert_int_equal(net_add_address(&h->net, ETH_IFACE, addr("192.168.0.1"), 24, h->now),
                     WEIR_OK);
    host_settle(h);
    return h;
}

static inline struct host *host_open(void)
{
    struct weir_config config = host_config();
    return host_open_with(&config, 1);
}

static inline void host_begin(struct host *h)
{
    net_begin(&h->net);
    tcp_begin(&h->tcp, h->now);
}

static inline void host_wake(struct host *h)
{
    enum neighbour_answer verdict;
    struct neighbour_waiter *waiter;
    while ((waiter = net_woken(&h->net, &verdict)) != NULL)
        tcp_woken(&h->tcp, waiter, verdict, h->now);
}

/* Take a packet in as a stack does, from memory of its very size. Answers its drop reason. */
static inline enum weir_drop host_input(struct host *h, const void *packet, size_t len)
{
    enum weir_drop drop = WEIR_DROP_NONE;
    uint8_t *copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, packet, len);
    struct weir_rx rx = {.head = copy, .head_len = (uint32_t)len, .len = (uint32_t)len};
    host_begin(h);
    switch (net_input(&h->net, h->ifindex, &rx, h->now, &h->in)) {
    case NET_DROPPED:
        drop = h->in.drop;
        break;
    case NET_DELIVER:
        drop = tcp_input(&h->tcp, &h->in.rx, h->now);
        net_rx_done(&h->net, &h->in.rx);
        break;
    case NET_ERROR:
        drop = tcp_error(&h->tcp, &h->in.error, h->now);
        net_rx_done(&h->net, &h->in.rx);
        break;
    case NET_DONE:
        break;
    }
    host_wake(h);
    assert_true(tcp_invariants(&h->tcp));
    free(copy);
    return drop;
}

/* The next packet of interface h->ifindex into h->bytes; false when there is none. */
static inline bool host_output(struct host *h)
{
    struct weir_tx tx;
    host_begin(h);
    unsigned n = net_output(&h->net, h->ifindex, &tx, 1, h->now);
    if (n == 0)
        n = tcp_output(&h->tcp, h->ifindex, &tx, 1, h->now);
    if (n == 0) /* one may have begun to wait for a neighbour, who is to be asked now */
        n = net_output(&h->net, h->ifindex, &tx, 1, h->now);
    assert_true(tcp_invariants(&h->tcp));
    if (n == 0) {
        assert_false(tcp_has_output(&h->tcp, h->ifindex));
        return false;
    }
    memcpy(h->bytes, tx.headers + tx.header_start, tx.header_len);
    h->len = tx.header_len;
    for (unsigned i = 0; i < tx.frag_count; i++) {
        memcpy(h->bytes + h->len, tx.frag[i].data, tx.frag[i].len);
        h->len += tx.frag[i].len;
    }
    assert_int_equal(h->len, tx.len);
    return true;
}

static inline void host_pass(struct host *h, weir_time ns)
{
    unsigned budget = 1000000;
    struct wheel_node *node;
    h->now += ns;
    host_begin(h);
    while ((node = wheel_pop(&h->wheel, h->now, &budget)) != NULL) {
        struct net_timer *timer = (struct net_timer *)(void *)node;
        if (!net_expire(&h->net, timer, h->now))
            assert_true(tcp_expire(&h->tcp, timer, h->now));
    }
    host_wake(h);
    assert_true(tcp_invariants(&h->tcp));
}

/* Until addresses are checked and announced. */
static inline void host_settle(struct host *h)
{
    for (unsigned i = 0; i < 12; i++) {
        for (h->ifindex = 0; h->ifindex < 2; h->ifindex++)
            while (host_output(h))
                ;
        host_pass(h, 1 * S);
    }
    h->ifindex = IP_IFACE;
}

/* Read the next event, as a stack does. */
static inline bool host_event(struct host *h, struct weir_event *event)
{
    if (event_read(&h->events, event, 1) == 0)
        return false;
    if ((event->bits & WEIR_EVENT_CLOSED) != 0)
        tcp_closed_read(&h->tcp, event->handle);
    return true;
}

/* Close all and let go of all: nothing may be left. */
static inline void host_close(struct host *h)
{
    struct weir_event event;
    host_begin(h);
    for (uint32_t i = 0; i < h->tcp.conns.fresh; i++) {
        struct tcp_conn *c = pool_at(&h->tcp.conns, i);
        if (!pool_in_use(&h->tcp.conns, i) || c->listener != TCP_NONE)
            continue;
        if (!c->released)
            tcp_close(&h->tcp, c, true);
        else if (c->state != WEIR_TCP_CLOSED)
            tcp_conn_abort(&h->tcp, c, WEIR_E_ABORTED);
    }
    for (unsigned round = 0; round < 20; round++) {
        while (host_event(h, &event))
            ;
        for (h->ifindex = 0; h->ifindex < 2; h->ifindex++)
            while (host_output(h))
                ;
        h->ifindex = IP_IFACE;
        host_pass(h, 20 * S);
    }
    host_begin(h);
    assert_int_equal(h->tcp.conns.in_use, 0);
    assert_int_equal(h->tcp.syns.in_use, 0);
    assert_int_equal(h->tcp.waits.in_use, 0);
    assert_int_equal(h->tcp.flights.in_use, 0);
    assert_int_equal(h->tcp.holes.in_use, 0);
    assert_int_equal(h->tcp.tuples.count, 0);
    assert_int_equal(h->tcp.ports.count, 0);
    assert_int_equal(h->blocks.bytes_in_use, 0);
    assert_int_equal(h->blocks.promised_bytes, 0);
    for (unsigned i = 0; i < 3; i++)
        free(h->mem[i]);
    free(h);
}

/* ---- segments, by the letter of the RFCs ---- */

/* RFC 1071: the sum of 16-bit big-endian words, folded; `sum` goes in. */
static inline uint32_t naive_sum(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum += (uint32_t)p[i] << ((i & 1) != 0 ? 0 : 8);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static inline uint16_t naive_checksum(struct weir_addr from, struct weir_addr to, const uint8_t *p,
                                      size_t n)
{
    bool ip4 = addr_is_ip4(from);
    uint8_t tail[8] = {0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, 6};
    uint32_t sum = naive_sum(0, from.bytes + (ip4 ? 12 : 0), ip4 ? 4 : 16);
    sum = naive_sum(sum, to.bytes + (ip4 ? 12 : 0), ip4 ? 4 : 16);
    sum = naive_sum(sum, tail, sizeof tail);
    return (uint16_t)~naive_sum(sum, p, n);
}

/* An IP header before n bytes: its length. */
static inline size_t put_ip(uint8_t *d, struct weir_addr from, struct weir_addr to, size_t n)
{
    if (addr_is_ip4(from)) {
        memset(d, 0, 20);
        d[0] = 0x45;
        store16(d + 2, (uint16_t)(20 + n));
        d[8] = 55;
        d[9] = 6;
        memcpy(d + 12, from.bytes + 12, 4);
        memcpy(d + 16, to.bytes + 12, 4);
        store16(d + 10, (uint16_t)~naive_sum(0, d, 20));
        return 20;
    }
    memset(d, 0, 8);
    d[0] = 0x60;
    store16(d + 4, (uint16_t)n);
    d[6] = 6;
    d[7] = 55;
    memcpy(d + 8, from.bytes, 16);
    memcpy(d + 24, to.bytes, 16);
    return 40;
}

/* Hand a segment in. */
static inline enum weir_drop give(struct host *h, const struct seg *s)
{
    static uint8_t packet[HOST_PACKET_MAX];
    uint8_t options[TCP_OPTION_BYTES_MAX], *p = packet;
    size_t n = tcp_options_emit_any(options, sizeof options, &s->options);
    size_t header = 20 + n, len = header + s->len;
    if (h->ifindex == ETH_IFACE) {
        memcpy(p, host_mac, 6);
        memcpy(p + 6, peer_mac, 6);
        store16(p + 12, addr_is_ip4(s->from) ? 0x0800 : 0x86dd);
        p += 14;
    }
    p += put_ip(p, s->from, s->to, len);
    store16(p, s->from_port);
    store16(p + 2, s->to_port);
    store32(p + 4, s->seq);
    store32(p + 8, s->ack);
    store16(p + 12, (uint16_t)(header << 10 | s->flags));
    store16(p + 14, s->window);
    store32(p + 16, 0);
    memcpy(p + 20, options, n);
    if (s->len > 0)
        memcpy(p + header, s->data, s->len);
    store16(p + 16, naive_checksum(s->from, s->to, p, len));
    return host_input(h, packet, (size_t)(p - packet) + len);
}

/* The next segment that comes out of h->ifindex; false when nothing does. Data points into h->bytes. */
static inline bool take(struct host *h, struct seg *s)
{
    if (!host_output(h))
        return false;
    uint8_t *p = h->bytes + (h->ifindex == ETH_IFACE ? 14 : 0);
    size_t ip = p[0] >> 4 == 4 ? 20 : 40;
    memset(s, 0, sizeof *s);
    if (ip == 20) {
        assert_int_equal(p[0], 0x45);
        assert_int_equal(p[9], 6);
        assert_int_equal(naive_sum(0, p, 20), 0xffff);
        s->from = addr_from_ip4((struct ip4_addr){{p[12], p[13], p[14], p[15]}});
        s->to = addr_from_ip4((struct ip4_addr){{p[16], p[17], p[18], p[19]}});
    } else {
        assert_int_equal(p[6], 6);
        memcpy(s->from.bytes, p + 8, 16);
        memcpy(s->to.bytes, p + 24, 16);
    }
    p += ip;
    size_t len = h->len - (size_t)(p - h->bytes), header = (size_t)(p[12] >> 4) * 4;
    assert_true(header >= 20 && header <= len);
    assert_int_equal(naive_checksum(s->from, s->to, p, len), 0);
    s->from_port = load16(p);
    s->to_port = load16(p + 2);
    s->seq = load32(p + 4);
    s->ack = load32(p + 8);
    s->flags = load16(p + 12) & 0x1ff;
    s->window = load16(p + 14);
    tcp_options_parse_any(&s->options, p + 20, header - 20);
    s->data = p + header;
    s->len = len - header;
    return true;
}

/* The same; there must be one. */
static inline struct seg must_take(struct host *h)
{
    struct seg s;
    assert_true(take(h, &s));
    return s;
}

static inline void nothing_comes(struct host *h)
{
    assert_false(host_output(h));
}

/* ---- endpoints ---- */

static inline struct tcp_conn *host_get(struct host *h, weir_handle handle)
{
    struct tcp_conn *c = tcp_get(&h->tcp, handle);
    assert_non_null(c);
    return c;
}

static inline weir_handle open_on(struct host *h, const char *local, uint16_t port)
{
    struct weir_tcp_config config = {.size = sizeof config, .port = port};
    weir_handle handle;
    if (local != NULL)
        config.address = addr(local);
    host_begin(h);
    assert_int_equal(tcp_open(&h->tcp, &config, &handle), WEIR_OK);
    return handle;
}

static inline weir_handle listen_on(struct host *h, const char *local, uint16_t port,
                                    unsigned backlog)
{
    weir_handle handle = open_on(h, local, port);
    assert_int_equal(tcp_listen(&h->tcp, host_get(h, handle), backlog), WEIR_OK);
    return handle;
}

/* ---- a peer ---- */

/* A segment from 10.0.0.2 to port 80 of 10.0.0.1, to be changed before it is given. */
static inline struct seg peer_seg(uint16_t port, uint16_t flags, uint32_t seq, uint32_t ack)
{
    return (struct seg){.from = addr("10.0.0.2"),
                        .to = addr("10.0.0.1"),
                        .from_port = port,
                        .to_port = 80,
                        .flags = flags,
                        .seq = seq,
                        .ack = ack,
                        .window = 30000};
}

static inline struct seg with_stamp(struct seg s, uint32_t ts_val, uint32_t ts_ecr)
{
    s.options.present |= TCP_HAS_TIMESTAMPS;
    s.options.ts_val = ts_val;
    s.options.ts_ecr = ts_ecr;
    return s;
}

#endif
