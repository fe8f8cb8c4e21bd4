/* SPDX-License-Identifier: MIT
 * A TCP room with one connection in it, made by hand in any state: for tests of what happens inside
 * a connection, where no packet is needed. 10.0.0.1:1000 to 10.0.0.2:2000; segments of MSS bytes. */
#ifndef WEIR_TESTS_TCP_CONN_STEPS_H
#define WEIR_TESTS_TCP_CONN_STEPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../room.h"
#include "base/rng.h"
#include "tcp/tcp.h"

#define US WEIR_NS_PER_US
#define MS WEIR_NS_PER_MS
#define S  WEIR_NS_PER_S

enum { MSS = 1000, ISS = 5000, IRS = 9000, MTU = 1500 };

struct one {
    struct weir_config config;
    weir_time now;
    struct wheel wheel;
    struct blocks blocks;
    struct event_queue events;
    struct net net;
    struct tcp_room tcp;
    struct tcp_conn *c;
    void *mem[3];
};

static inline struct weir_config one_config(void)
{
    struct weir_config config = room_config();
    config.interfaces_max = 1;
    config.packet_memory_kb = 1024;
    config.packet_memory_reserve_kb = 64;
    config.tcp_endpoints_max = 8;
    config.tcp_flights_max = 2;
    config.tcp_syn_received_max = 4;
    config.tcp_time_wait_max = 4;
    config.ranges_max = 64;
    config.neighbours_max = 8;
    config.path_mtus_max = 8;
    return config;
}

/* A connection as it is after the handshake: nothing sent, a window of 64 KB, cwnd of 10 segments. */
static inline struct tcp_conn *one_conn(struct one *o, uint16_t port)
{
    struct tcp_conn *c = tcp_conn_new(&o->tcp, NULL);
    assert_non_null(c);
    c->state = WEIR_TCP_ESTABLISHED;
    c->local = addr("10.0.0.1");
    c->remote = addr("10.0.0.2");
    c->local_port = port;
    c->remote_port = 2000;
    c->iss = seq_make(ISS);
    c->irs = seq_make(IRS);
    c->snd_una = c->snd_nxt = c->snd_max = TCP_OFFSET_BASE + ISS + 1;
    c->rcv_nxt = c->rcv_edge = TCP_OFFSET_BASE + IRS + 1;
    c->active = true;
    tcp_conn_rings(&o->tcp, c, c->snd_una, c->rcv_nxt);
    c->mss_peer = MSS;
    c->mtu = MTU;
    c->snd_wnd = c->snd_wnd_max = 65536;
    c->heard_at = o->now;
    c->cwnd_limited = true;
    cc_init(&c->cc, MSS, 10, false);
    return c;
}

static inline struct one *one_open_with(const struct weir_config *config)
{
    struct one *o = calloc(1, sizeof *o);
    assert_non_null(o);
    o->config = *config;
    o->now = 1000 * S;
    struct sip_key key = {1, 2};
    wheel_init(&o->wheel, &room_handler, o->now);
    struct blocks_config blocks = {.handler = &room_handler,
                                   .promised_bytes_max = UINT64_C(1) << 30,
                                   .superblocks = config->packet_memory_kb / 64,
                                   .urgent_superblocks = config->packet_memory_reserve_kb / 64};
    blocks_init(&o->blocks, &blocks, room_memory(&o->mem[0], blocks_size(&blocks)));
    net_init(&o->net,
             &(struct net_config){.config = &o->config,
                                  .handler = &room_handler,
                                  .wheel = &o->wheel,
                                  .blocks = &o->blocks,
                                  .ops = csum_best(),
                                  .key = &key},
             room_memory(&o->mem[1], net_size(config)));
    tcp_init(&o->tcp,
             &(struct tcp_room_config){.net = &o->net,
                                       .blocks = &o->blocks,
                                       .wheel = &o->wheel,
                                       .events = &o->events,
                                       .ops = csum_best(),
                                       .handler = &room_handler,
                                       .key = key,
                                       .config = &o->config},
             room_memory(&o->mem[2], tcp_size(config)));
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = MTU};
    net_add_iface(&o->net, &iface, o->now);
    assert_int_equal(net_add_address(&o->net, 0, addr("10.0.0.1"), 24, o->now), WEIR_OK);
    tcp_begin(&o->tcp, o->now);
    o->c = one_conn(o, 1000);
    return o;
}

static inline struct one *one_open(void)
{
    struct weir_config config = one_config();
    return one_open_with(&config);
}

static inline void one_close(struct one *o)
{
    for (unsigned i = 0; i < 3; i++)
        free(o->mem[i]);
    free(o);
}

/* Bytes into the send queue, as an application writes them. */
static inline void queue_bytes(struct one *o, struct tcp_conn *c, uint32_t len)
{
    static const uint8_t zeros[65536];
    while (len > 0) {
        uint32_t n = len < sizeof zeros ? len : (uint32_t)sizeof zeros;
        assert_int_equal(ring_write(&c->send, c->send.end, (struct weir_ref){zeros, n},
                                    BLOCKS_NORMAL),
                         n);
        len -= n;
    }
    (void)o;
}

/* The next `len` bytes of the queue leave now, and FIN behind them. */
static inline void send_now(struct one *o, struct tcp_conn *c, uint32_t len, bool fin)
{
    if (c->flight == TCP_NONE)
        assert_true(tcp_flight_take(&o->tcp, c));
    assert_true(txlog_prepare(&o->tcp, c));
    uint64_t end = c->snd_nxt + len + fin;
    txlog_sent(&o->tcp, c,
               &(struct tcp_run){.start = c->snd_nxt, .end = end, .sent = o->now, .mss = MSS});
    c->snd_nxt = c->snd_max = end;
    tcp_repair_update(&o->tcp, c, false, o->now);
}

/* Time passes, and timers expire when it is their time. */
static inline void pass(struct one *o, weir_time ns)
{
    weir_time until = o->now + ns;
    for (;;) {
        weir_time at = wheel_deadline(&o->wheel);
        if (at > until)
            break;
        if (at > o->now)
            o->now = at;
        unsigned budget = 64;
        struct wheel_node *node;
        tcp_begin(&o->tcp, o->now);
        while ((node = wheel_pop(&o->wheel, o->now, &budget)) != NULL) {
            struct net_timer *timer = (struct net_timer *)node;
            assert_true(tcp_expire(&o->tcp, timer, o->now) ||
                        net_expire(&o->net, timer, o->now));
        }
    }
    o->now = until;
    tcp_begin(&o->tcp, o->now);
}

#endif
