/* SPDX-License-Identifier: MIT
 * Peers of a room that take nothing, for the tests of who may be given up. */
#ifndef WEIR_TESTS_TCP_STUCK_PEER_H
#define WEIR_TESTS_TCP_STUCK_PEER_H

#include "listener.h"

enum { QUEUED = 2000, CONNS = 32, MEMORY_KB = 512, PERCENT = 50, TICK_MS = 68 };

/* A connection to port 80, and what its peer has acknowledged. */
struct peer {
    uint16_t port;
    uint32_t iss, una, seq; /* seq: what it sends next */
    weir_handle handle;
};

static inline struct weir_config config_of(void)
{
    struct weir_config config = host_config();
    config.tcp_endpoints_max = CONNS;
    config.tcp_flights_max = CONNS;
    config.tcp_syn_received_max = CONNS;
    config.packet_memory_kb = MEMORY_KB;
    config.tcp_pressure_percent = PERCENT;
    return config;
}

static inline void drain(struct host *h)
{
    struct seg s;
    while (take(h, &s))
        ;
}

/* Read all events: how many were CLOSED with a reason. */
static inline unsigned closed_for(struct host *h, int reason)
{
    struct weir_event event;
    unsigned n = 0;
    while (host_event(h, &event))
        n += (event.bits & WEIR_EVENT_CLOSED) != 0 && event.error == reason;
    return n;
}

/* What it accepts sends at once. */
static inline weir_handle listens(struct host *h)
{
    weir_handle l = listen_on(h, NULL, 80, CONNS);
    host_get(h, l)->set.nodelay = true;
    return l;
}

static inline struct peer connects(struct host *h, weir_handle listener, uint16_t port)
{
    struct peer p = {.port = port, .iss = begin(h, port), .seq = irs + 1};
    assert_int_equal(final_ack(h, port, p.iss), WEIR_DROP_NONE);
    p.handle = accepts(h, listener)->source.handle;
    p.una = p.iss + 1;
    return p;
}

/* The peer acknowledges all up to una + `more`, and tells a window. */
static inline void acks(struct host *h, struct peer *p, uint32_t more, uint16_t window)
{
    p->una += more;
    struct seg s = peer_seg(p->port, TCP_ACK, p->seq, p->una);
    s.window = window;
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
}

static inline void sends(struct host *h, const struct peer *p, size_t len)
{
    struct weir_ref data = {pattern(), len};
    host_begin(h);
    assert_int_equal(tcp_send(&h->tcp, host_get(h, p->handle), data, 0), len);
}

/* It closes its window, and there is more to send. */
static inline void sticks(struct host *h, struct peer *p)
{
    sends(h, p, 100);
    drain(h);
    acks(h, p, 100, 0);
    sends(h, p, QUEUED);
    drain(h);
}

static inline uint32_t stuck_ms(struct host *h, const struct peer *p)
{
    struct weir_tcp_info info;
    host_begin(h);
    tcp_info(&h->tcp, host_get(h, p->handle), &info);
    return info.stuck_ms;
}

static inline unsigned state_of(struct host *h, const struct peer *p)
{
    return host_get(h, p->handle)->state;
}

/* The probes of all these peers are answered, with a window, while time passes. */
static inline void pass_answered(struct host *h, struct peer *p, unsigned n, uint16_t window,
                                 weir_time ns)
{
    for (weir_time end = h->now + ns; h->now < end;) {
        struct seg s;
        host_pass(h, 100 * MS);
        while (take(h, &s))
            for (unsigned i = 0; i < n; i++)
                if (s.to_port == p[i].port && (s.flags & TCP_RST) == 0)
                    acks(h, &p[i], 0, window);
    }
}

#endif
