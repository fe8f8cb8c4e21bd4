/* SPDX-License-Identifier: MIT
 * Two whole stacks on one wire in memory, in virtual time: 10.0.0.1 and 10.0.0.2, 2001:db8::1 and
 * 2001:db8::2. A packet takes DELAY; a test may look at each, and have it lost. After every step the
 * invariants of both are checked. The wire is bare IP, or Ethernet, where they have to find each other
 * first. */
#ifndef WEIR_TESTS_TCP_PAIR_H
#define WEIR_TESTS_TCP_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "core/stack.h"
#include "weir/net.h"
#include "weir/tcp.h"
#include "wire/tcp.h"

#define MS WEIR_NS_PER_MS
#define S  WEIR_NS_PER_S
#define DELAY (5 * MS)

enum { PAIR_MTU = 1500, PAIR_PACKET_MAX = 2000, PAIR_HANDLES_MAX = 64, PAIR_BATCH = 4 };

struct pair_packet {
    struct pair_packet *next;
    weir_time at;
    unsigned to;
    size_t len;
    uint8_t bytes[PAIR_PACKET_MAX];
};

/* What was told of a handle since the test last asked. */
struct pair_told {
    weir_handle handle;
    uint32_t bits;
    int32_t error;
    uint64_t user;
};

struct pair_side {
    weir_stack *stack;
    void *mem;
    struct pair_told told[PAIR_HANDLES_MAX];
    unsigned told_count;
    unsigned sent;         /* packets so far */
    struct tcp_header last; /* header of the segment sent last */
    size_t last_len;        /* ... and its payload */
    uint8_t packet[PAIR_PACKET_MAX]; /* the whole packet ... */
    size_t packet_len;               /* ... and its length */
};

struct pair {
    weir_time now;
    enum weir_link link;
    struct pair_side side[2];
    struct pair_packet *first, *last;
    bool events_left; /* events are left to be read by the test */
    bool (*lose)(struct pair *p, unsigned from, const uint8_t *packet, size_t len); /* or NULL */
    void *ctx;
};

static void pair_on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static inline struct weir_addr pair_addr(const char *text)
{
    struct weir_addr a;
    assert_true(addr_from_text(&a, text, strlen(text)));
    return a;
}

static inline void pair_side_open(struct pair *p, unsigned k, const struct weir_config *from)
{
    static const char *const addresses[2][2] = {{"10.0.0.1", "2001:db8::1"},
                                                {"10.0.0.2", "2001:db8::2"}};
    struct pair_side *side = &p->side[k];
    struct weir_config config = *from;
    config.on_assert.fn = pair_on_assert;
    config.secret[0] = (uint8_t)(k + 1);
    size_t size = (weir_stack_size(&config) + 63) & ~(size_t)63;
    assert_true(size > 0);
    side->mem = aligned_alloc(64, size);
    side->stack = weir_stack_init(side->mem, size, &config, p->now);
    assert_non_null(side->stack);
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = (uint8_t)p->link, .mtu_bytes = PAIR_MTU};
    if (p->link == WEIR_LINK_ETHERNET)
        memcpy(iface.mac, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(k + 1)}, 6);
    assert_int_equal(weir_stack_add_iface(side->stack, &iface), 0);
    struct net *net = &side->stack->net;
    assert_int_equal(net_add_address(net, 0, pair_addr(addresses[k][0]), 24, p->now), WEIR_OK);
    assert_int_equal(net_add_address(net, 0, pair_addr(addresses[k][1]), 64, p->now), WEIR_OK);
}

/* Small tables, so that their ends are near. */
static inline struct weir_config pair_config(void)
{
    struct weir_config config;
    weir_config_default(&config);
    config.interfaces_max = 1;
    config.tcp_endpoints_max = 8;
    config.tcp_flights_max = 8;
    config.tcp_syn_received_max = 8;
    config.tcp_time_wait_max = 8;
    config.ranges_max = 128;
    config.packet_memory_kb = 4096;
    config.packet_memory_reserve_kb = 64;
    config.path_mtus_max = 8;
    config.neighbours_max = 8;
    config.neighbours_incomplete_max = 8;
    config.udp_endpoints_max = 2;
    return config;
}

static inline struct pair *pair_open_on(enum weir_link link, const struct weir_config *config)
{
    struct pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->now = 1000 * S;
    p->link = link;
    for (unsigned k = 0; k < 2; k++)
        pair_side_open(p, k, config);
    return p;
}

static inline struct pair *pair_open_with(const struct weir_config *config)
{
    return pair_open_on(WEIR_LINK_IP, config);
}

static inline struct pair *pair_open(void)
{
    struct weir_config config = pair_config();
    return pair_open_with(&config);
}

static inline void pair_check(const struct pair *p)
{
    for (unsigned k = 0; k < 2; k++)
        assert_true(tcp_invariants(&p->side[k].stack->tcp));
}

/* ---- the wire ---- */

static inline void pair_note(struct pair *p, unsigned from, const uint8_t *packet, size_t len)
{
    struct pair_side *side = &p->side[from];
    if (p->link == WEIR_LINK_ETHERNET) {
        if (load16(packet + 12) != 0x0800 && load16(packet + 12) != 0x86dd)
            return;
        packet += 14;
        len -= 14;
    }
    size_t ip = packet[0] >> 4 == 4 ? 20 : 40;
    if (packet[ip == 20 ? 9 : 6] != 6)
        return;
    assert_int_equal(tcp_parse(&side->last, packet + ip, len - ip, len - ip), WEIR_DROP_NONE);
    side->last_len = len - ip - side->last.header_len;
    memcpy(side->packet, packet, len);
    side->packet_len = len;
    side->sent++;
}

static inline void pair_put(struct pair *p, unsigned to, const uint8_t *bytes, size_t len,
                            weir_time at)
{
    struct pair_packet *packet = calloc(1, sizeof *packet);
    assert_non_null(packet);
    assert_true(len <= sizeof packet->bytes);
    packet->at = at;
    packet->to = to;
    packet->len = len;
    memcpy(packet->bytes, bytes, len);
    if (p->last != NULL)
        p->last->next = packet;
    else
        p->first = packet;
    p->last = packet;
}

static inline void pair_output(struct pair *p, unsigned from)
{
    struct weir_tx tx[PAIR_BATCH];
    uint8_t bytes[PAIR_PACKET_MAX];
    unsigned n;
    do {
        n = weir_stack_output(p->side[from].stack, 0, tx, PAIR_BATCH, p->now);
        for (unsigned i = 0; i < n; i++) {
            assert_true(tx[i].len <= PAIR_MTU + (p->link == WEIR_LINK_ETHERNET ? 14 : 0));
            size_t len = tx[i].header_len;
            memcpy(bytes, tx[i].headers + tx[i].header_start, len);
            for (unsigned f = 0; f < tx[i].frag_count; f++) {
                memcpy(bytes + len, tx[i].frag[f].data, tx[i].frag[f].len);
                len += tx[i].frag[f].len;
            }
            assert_int_equal(len, tx[i].len);
            pair_note(p, from, bytes, len);
            if (p->lose == NULL || !p->lose(p, from, bytes, len))
                pair_put(p, 1 - from, bytes, len, p->now + DELAY);
        }
    } while (n == PAIR_BATCH);
    pair_check(p);
}

/* Hand in a packet, now. */
static inline void pair_input(struct pair *p, unsigned to, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len); /* of its very size */
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    struct weir_rx rx = {.head = copy, .head_len = (uint32_t)len, .len = (uint32_t)len};
    weir_stack_input(p->side[to].stack, 0, &rx, 1, p->now);
    free(copy);
    pair_check(p);
}

static inline void pair_events(struct pair *p, unsigned k)
{
    struct pair_side *side = &p->side[k];
    struct weir_event event;
    while (weir_stack_events(side->stack, &event, 1) == 1) {
        unsigned i = 0;
        while (i < side->told_count &&
               memcmp(&side->told[i].handle, &event.handle, sizeof event.handle) != 0)
            i++;
        assert_true(i < PAIR_HANDLES_MAX);
        if (i == side->told_count)
            side->told[side->told_count++] = (struct pair_told){.handle = event.handle};
        assert_int_equal(side->told[i].bits & WEIR_EVENT_CLOSED, 0); /* it was the last */
        side->told[i].bits |= event.bits;
        side->told[i].error = event.error;
        side->told[i].user = event.user;
    }
}

/* What was told of a handle since the last call. */
static inline struct pair_told pair_told(struct pair *p, unsigned k, weir_handle handle)
{
    struct pair_side *side = &p->side[k];
    pair_events(p, k);
    for (unsigned i = 0; i < side->told_count; i++)
        if (memcmp(&side->told[i].handle, &handle, sizeof handle) == 0) {
            struct pair_told told = side->told[i];
            side->told[i] = side->told[--side->told_count];
            return told;
        }
    return (struct pair_told){.handle = handle};
}

/* Deliver what has arrived and send what there is, until nothing happens at this time any more. */
static inline void pair_now(struct pair *p)
{
    for (unsigned k = 0; k < 2; k++)
        pair_output(p, k);
    while (p->first != NULL && p->first->at <= p->now) {
        struct pair_packet *packet = p->first;
        p->first = packet->next;
        if (p->first == NULL)
            p->last = NULL;
        pair_input(p, packet->to, packet->bytes, packet->len);
        pair_output(p, packet->to);
        free(packet);
    }
    for (unsigned k = 0; k < 2 && !p->events_left; k++)
        pair_events(p, k);
}

/* Let `ns` pass. */
static inline void pair_run(struct pair *p, weir_time ns)
{
    weir_time end = p->now + ns;
    for (;;) {
        pair_now(p);
        weir_time next = p->first != NULL ? p->first->at : WEIR_TIME_NEVER;
        for (unsigned k = 0; k < 2; k++) {
            weir_time deadline = weir_stack_deadline(p->side[k].stack);
            next = deadline < next ? deadline : next;
        }
        if (next > end)
            break;
        p->now = next > p->now ? next : p->now;
        for (unsigned k = 0; k < 2; k++)
            weir_stack_advance(p->side[k].stack, p->now);
        pair_check(p);
    }
    p->now = end;
    for (unsigned k = 0; k < 2; k++)
        weir_stack_advance(p->side[k].stack, p->now);
    pair_now(p);
}

/* Everything was closed and told: nothing may be left in either stack. */
static inline void pair_close(struct pair *p)
{
    pair_run(p, 200 * S);
    for (unsigned k = 0; k < 2; k++) {
        const struct weir_stack *stack = p->side[k].stack;
        assert_int_equal(stack->tcp.conns.in_use, 0);
        assert_int_equal(stack->tcp.syns.in_use, 0);
        assert_int_equal(stack->tcp.waits.in_use, 0);
        assert_int_equal(stack->tcp.tuples.count, 0);
        assert_int_equal(stack->tcp.ports.count, 0);
        assert_int_equal(stack->blocks.bytes_in_use, 0);
        assert_int_equal(stack->blocks.promised_bytes, 0);
        assert_int_equal(stack->tcp.flights.in_use, 0);
        assert_int_equal(stack->tcp.holes.in_use, 0);
        uint32_t cursor = 0;
        for (const struct neighbour *n;
             (n = neighbour_next(&stack->net.neighbours, &cursor)) != NULL;)
            assert_int_equal(n->pins, 0);
        free(p->side[k].mem);
    }
    while (p->first != NULL) {
        struct pair_packet *packet = p->first;
        p->first = packet->next;
        free(packet);
    }
    free(p);
}

/* ---- endpoints ---- */

static inline weir_handle pair_endpoint(struct pair *p, unsigned k, uint16_t port)
{
    struct weir_tcp_config config = {.size = sizeof config, .port = port};
    weir_handle handle = {0};
    assert_int_equal(weir_tcp_open(p->side[k].stack, &config, &handle), WEIR_OK);
    assert_true(handle.generation != 0);
    return handle;
}

static inline weir_handle pair_listen(struct pair *p, unsigned k, uint16_t port, unsigned backlog)
{
    weir_handle handle = pair_endpoint(p, k, port);
    assert_int_equal(weir_tcp_listen(p->side[k].stack, handle, backlog), WEIR_OK);
    return handle;
}

/* Begin to connect side 0 to side 1. */
static inline void pair_begin(struct pair *p, weir_handle handle, const char *to, uint16_t port)
{
    struct weir_addr remote = pair_addr(to);
    assert_int_equal(weir_tcp_connect(p->side[0].stack, handle, &remote, port), WEIR_OK);
}

/* A connection of side 0 to port 80 of side 1. */
struct pair_conn {
    weir_handle listener, h[2];
};

static inline struct pair_conn pair_connect_to(struct pair *p, const char *to)
{
    struct pair_conn c;
    c.listener = pair_listen(p, 1, 80, 8);
    c.h[0] = pair_endpoint(p, 0, 0);
    pair_begin(p, c.h[0], to, 80);
    pair_run(p, 100 * MS);
    assert_int_equal(weir_tcp_accept(p->side[1].stack, c.listener, 7, &c.h[1]), WEIR_OK);
    pair_run(p, 100 * MS);
    for (unsigned k = 0; k < 2; k++)
        (void)pair_told(p, k, c.h[k]);
    return c;
}

static inline struct pair_conn pair_connect(struct pair *p)
{
    return pair_connect_to(p, "10.0.0.2");
}

static inline int pair_send(struct pair *p, unsigned k, const struct pair_conn *c, const char *text,
                            unsigned flags)
{
    return weir_tcp_send(p->side[k].stack, c->h[k], text, strlen(text), flags);
}

/* What is there to be read must be exactly this text. */
static inline void pair_expect(struct pair *p, unsigned k, const struct pair_conn *c,
                               const char *text)
{
    char bytes[256];
    int n = weir_tcp_receive(p->side[k].stack, c->h[k], bytes, sizeof bytes, 0);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static inline unsigned pair_state(struct pair *p, unsigned k, weir_handle handle)
{
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_info(p->side[k].stack, handle, &info), WEIR_OK);
    return info.state;
}

/* Let go of all three, with resets where need be. */
static inline void pair_abort_all(struct pair *p, const struct pair_conn *c)
{
    weir_tcp_abort(p->side[1].stack, c->listener);
    weir_tcp_abort(p->side[0].stack, c->h[0]);
    weir_tcp_abort(p->side[1].stack, c->h[1]);
    pair_run(p, S);
}

#endif
