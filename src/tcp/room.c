/* SPDX-License-Identifier: MIT
 * The TCP room as a whole: its memory, its timers, and what it promises itself. */
#include "tcp/tcp.h"

#include "base/layout.h"

/* Of sip_derive(); syncookie.c and fastopen.c count from 100. */
enum { KEY_TABLE = 1, KEY_ISN, KEY_PORT, KEY_STAMP };
enum { PORTS = 65535 };

static uint32_t at_least_one(uint32_t n)
{
    return n != 0 ? n : 1;
}

/* What a room is made of, by its limits. A room for none still has pools and maps. */
struct parts {
    struct pool_config conns, syns, waits, flights, holes, accounts;
    uint32_t tuples, ports, ranges, interfaces;
};

/* Close together: there may be millions of them, and each is a few cache lines long. */
#define POOL_OF(type, count)                                                                       \
    {                                                                                              \
        .capacity = at_least_one(count), .block_bytes = sizeof(type), .block_align = _Alignof(type) \
    }

static struct parts parts_of(const struct weir_config *config)
{
    struct parts p = {
        .conns = POOL_OF(struct tcp_conn, config->tcp_endpoints_max),
        .syns = POOL_OF(struct tcp_syn, config->tcp_syn_received_max),
        .waits = POOL_OF(struct tcp_wait, config->tcp_time_wait_max),
        .flights = POOL_OF(struct tcp_flight, config->tcp_flights_max),
        .holes = POOL_OF(struct tcp_holes, config->tcp_flights_max),
        .accounts = POOL_OF(struct tcp_account, config->tcp_accounts_max < config->tcp_endpoints_max
                                                    ? config->tcp_accounts_max
                                                    : config->tcp_endpoints_max),
        .ranges = config->ranges_max,
        .interfaces = config->interfaces_max,
    };
    /* One of them gives way to another: at no time do both stand in it under one tuple. */
    p.tuples = p.conns.capacity + p.syns.capacity + p.waits.capacity;
    p.ports = p.conns.capacity < PORTS ? p.conns.capacity : PORTS; /* the first of each port */
    return p;
}

size_t tcp_size(const struct weir_config *config)
{
    struct parts p = parts_of(config);
    size_t sizes[] = {pool_size(&p.conns),   pool_size(&p.syns),       pool_size(&p.waits),
                      pool_size(&p.flights), pool_size(&p.holes),      map_size(p.tuples),
                      map_size(p.ports),     ranges_pool_size(p.ranges),
                      pool_size(&p.accounts), tcp_cookies_size(config),
                      tcp_fast_open_size(config)};
    uint64_t total =
        layout_bytes(p.interfaces, sizeof(struct tcp_iface), _Alignof(struct tcp_iface));
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] == 0)
            return 0;
        total += sizes[i];
    }
    return layout_size(total);
}

static uint8_t *place_pool(struct tcp_room *tcp, struct pool *pool, struct pool_config config,
                           uint8_t *at)
{
    config.handler = tcp->handler;
    pool_init(pool, &config, at);
    return at + pool_size(&config);
}

static struct tcp_list empty_list(void)
{
    return (struct tcp_list){.first = TCP_NONE, .last = TCP_NONE};
}

void tcp_init(struct tcp_room *tcp, const struct tcp_room_config *config, void *mem)
{
    struct parts p = parts_of(config->config);
    uint8_t *at = mem;
    *tcp = (struct tcp_room){
        .net = config->net,
        .blocks = config->blocks,
        .wheel = config->wheel,
        .events = config->events,
        .ops = config->ops,
        .handler = config->handler,
        .config = config->config,
        .table_key = sip_derive(&config->key, KEY_TABLE),
        .isn_key = sip_derive(&config->key, KEY_ISN),
        .port_key = sip_derive(&config->key, KEY_PORT),
        .stamp_key = sip_derive(&config->key, KEY_STAMP),
        .want_flight = empty_list(),
        .stuck = empty_list(),
        .silent = empty_list(),
        .lingering = empty_list(),
        .holding = empty_list(),
        .waiting = {.timer = {.kind = NET_TIMER_TCP_WAIT}, .first = TCP_NONE, .last = TCP_NONE},
        .quiet_until = INT64_MIN,
        .quiet_timer = {.kind = NET_TIMER_TCP_QUIET},
        .now = config->now,
    };
    if (config->config->tcp_quiet_ms > 0) {
        tcp->quiet_until = config->now + config->config->tcp_quiet_ms * WEIR_NS_PER_MS;
        wheel_arm(tcp->wheel, &tcp->quiet_timer.node, tcp->quiet_until);
    }
    at = place_pool(tcp, &tcp->conns, p.conns, at);
    at = place_pool(tcp, &tcp->syns, p.syns, at);
    at = place_pool(tcp, &tcp->waits, p.waits, at);
    at = place_pool(tcp, &tcp->flights, p.flights, at);
    at = place_pool(tcp, &tcp->holes, p.holes, at);
    at = place_pool(tcp, &tcp->accounts, p.accounts, at);
    map_init(&tcp->tuples, p.tuples, tcp->handler, at);
    at += map_size(p.tuples);
    map_init(&tcp->ports, p.ports, tcp->handler, at);
    at += map_size(p.ports);
    ranges_pool_init(&tcp->ranges, p.ranges, tcp->handler, at);
    at += ranges_pool_size(p.ranges);
    tcp_cookies_init(tcp, &config->key, at);
    at += tcp_cookies_size(config->config);
    tcp_fast_open_init(tcp, &config->key, at);
    at += tcp_fast_open_size(config->config);
    tcp->iface = layout_align(at, _Alignof(struct tcp_iface));
    for (uint32_t i = 0; i < p.interfaces; i++)
        tcp->iface[i] = (struct tcp_iface){.ready = empty_list(), .syns = empty_list()};
}

bool tcp_expire(struct tcp_room *tcp, struct net_timer *timer, weir_time now)
{
    uint8_t *p = (uint8_t *)timer;
    switch (timer->kind) {
    case NET_TIMER_TCP: {
        struct tcp_conn *c = (void *)(p - offsetof(struct tcp_conn, timer));
        CHECK(tcp->handler, !c->parked && tcp_at(tcp, tcp_index(c)) == c);
        tcp_conn_expire(tcp, c, now);
        return true;
    }
    case NET_TIMER_TCP_SYN: {
        struct tcp_syn *syn = (void *)(p - offsetof(struct tcp_syn, timer));
        CHECK(tcp->handler, !syn->parked);
        tcp_syn_expire(tcp, syn, now);
        return true;
    }
    case NET_TIMER_TCP_WAIT:
        CHECK(tcp->handler, timer == &tcp->waiting.timer);
        tcp_time_wait_expire(tcp, now);
        return true;
    case NET_TIMER_TCP_QUIET: /* whoever waited to send is on a list already */
        CHECK(tcp->handler, !tcp_is_quiet(tcp));
        return true;
    default:
        return false;
    }
}
