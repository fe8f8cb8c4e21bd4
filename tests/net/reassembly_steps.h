/* SPDX-License-Identifier: MIT
 * What the tests of reassembly share: a table with memory and timers of its own, and datagrams of
 * which every byte is known, sent fragment by fragment. */
#ifndef TESTS_NET_REASSEMBLY_STEPS_H
#define TESTS_NET_REASSEMBLY_STEPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "net/reassembly.h"

static inline void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

enum { IP4_MS = 30000, IP6_MS = 60000 };

struct fixture {
    struct reassemblies t;
    struct blocks blocks;
    struct wheel wheel;
    weir_time now;
    struct reassembly_datagram done; /* of the last fragment; payload checked and given back */
    bool finished;                   /* did it finish one? */
    unsigned quotes;                 /* expiries that are to be answered */
    uint8_t *mem, *arena;
};

static inline struct fixture *setup_with(uint32_t reassemblies_max, uint32_t fragments_max,
                                         uint32_t superblocks)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    struct blocks_config config = {.handler = &handler, .superblocks = superblocks};
    f->arena = malloc(blocks_size(&config));
    size_t size = reassemblies_size(reassemblies_max, fragments_max);
    assert_true(size > 0);
    f->mem = malloc(size + 1);
    assert_non_null(f->arena);
    assert_non_null(f->mem);
    memset(f->mem, 0xa5, size + 1);
    blocks_init(&f->blocks, &config, f->arena);
    wheel_init(&f->wheel, &handler, 0);
    reassemblies_init(&f->t,
                      &(struct reassemblies_config){.handler = &handler,
                                                    .wheel = &f->wheel,
                                                    .blocks = &f->blocks,
                                                    .key = {9, 10},
                                                    .rng = rng_make(11),
                                                    .reassemblies_max = reassemblies_max,
                                                    .fragments_max = fragments_max,
                                                    .ip4_ms = IP4_MS,
                                                    .ip6_ms = IP6_MS},
                      f->mem + 1); /* memory of no alignment */
    assert_true(reassemblies_invariants(&f->t));
    return f;
}

static inline struct fixture *setup(void)
{
    return setup_with(16, 64, 64);
}

/* Let the timers run, as the core does. */
static inline void advance(struct fixture *f, weir_time now)
{
    unsigned budget = UINT32_MAX;
    struct wheel_node *node;
    f->now = now;
    while ((node = wheel_pop(&f->wheel, now, &budget)) != NULL) {
        struct reassembly *r = (struct reassembly *)(void *)node;
        struct reassembly_quote quote;
        assert_int_equal(r->timer.kind, NET_TIMER_REASSEMBLY);
        f->quotes += reassembly_quote(&f->t, r, &quote);
        reassembly_expire(&f->t, r);
    }
}

/* Nothing may be left behind: not a block, not a timer, not an entry (G-7). */
static inline void teardown(struct fixture *f)
{
    assert_true(reassemblies_invariants(&f->t));
    advance(f, f->now + 200 * WEIR_NS_PER_S);
    assert_true(reassemblies_invariants(&f->t));
    assert_int_equal(f->t.in_use, 0);
    assert_int_equal(f->wheel.armed, 0);
    assert_int_equal(f->blocks.in_use[BLOCKS_64K], 0);
    assert_true(blocks_invariants(&f->blocks));
    free(f->mem);
    free(f->arena);
    free(f);
}

/* ---- datagrams ---- */

/* Which datagram, and how its fragments look. All zeros but `len` is a plain one. */
struct datagram {
    bool v6;
    uint8_t host; /* of the source: its /24 or /64 is `network` */
    uint16_t network;
    uint32_t id;
    uint8_t protocol; /* 0: UDP */
    uint8_t ecn;
    uint8_t ext;  /* bytes of options, or of extension headers before the fragment header */
    uint8_t salt; /* other salt, other bytes */
    uint8_t ifindex;
    bool link_local;
    uint32_t len;
};

static inline uint8_t octet(const struct datagram *d, uint32_t at)
{
    if (d->protocol == IP_PROTOCOL_TCP && at == 12)
        return 0x60; /* a header of 24 bytes */
    return (uint8_t)(at * 11 + (at >> 8) + d->salt + d->id * 3);
}

static inline struct ip4 header4(const struct datagram *d)
{
    return (struct ip4){.source = {{(uint8_t)(d->link_local ? 169 : 10),
                                    d->link_local ? 254 : (uint8_t)(d->network >> 8),
                                    (uint8_t)d->network, d->host}},
                        .destination = {{192, 168, 0, 1}},
                        .id = (uint16_t)d->id,
                        .ttl = 64,
                        .ecn = d->ecn,
                        .options_len = d->ext,
                        .protocol = d->protocol ? d->protocol : IP_PROTOCOL_UDP};
}

static inline struct ip6 header6(const struct datagram *d)
{
    struct ip6 h = {
        .source =
            {{0x20,
              1, [6] = (uint8_t)(d->network >> 8), [7] = (uint8_t)d->network, [15] = d->host}},
        .destination = {{0x20, 1, [15] = 0xff}},
        .fragment_id = d->id,
        .hop_limit = 64,
        .ecn = d->ecn,
        .protocol = d->protocol ? d->protocol : IP_PROTOCOL_UDP,
        .fragment_at = (uint16_t)(40 + d->ext),
        .upper_at = (uint16_t)(48 + d->ext)};
    if (d->link_local)
        h.source.b[0] = 0xfe, h.source.b[1] = 0x80;
    return h;
}

/* A fragment in up to three parts, cut at two places of its data. */
struct cut {
    uint32_t first, second;
};

static inline enum weir_drop send_cut(struct fixture *f, const struct datagram *d, uint32_t start,
                                      uint32_t end, bool more, struct cut cut)
{
    static uint8_t packet[REASSEMBLY_HEADER_MAX];
    uint32_t len = end - start;
    uint8_t *data = malloc(len + 1); /* exactly as long as it says, for the sanitizer */
    assert_non_null(data);
    for (uint32_t i = 0; i < len; i++)
        data[i] = octet(d, start + i);
    for (unsigned i = 0; i < sizeof packet; i++)
        packet[i] = (uint8_t)(i + start); /* each fragment's header differs */
    struct ip4 ip4 = header4(d);
    struct ip6 ip6 = header6(d);
    struct weir_ref part[3] = {{data, cut.first},
                               {data + cut.first, cut.second - cut.first},
                               {data + cut.second, len - cut.second}};
    ip4.fragment_offset = ip6.fragment_offset = (uint16_t)start;
    ip4.more_fragments = ip6.more_fragments = more;
    ip4.payload_len = ip6.upper_len = (uint16_t)len;
    ip4.options = packet + 20;
    struct reassembly_fragment fragment = {.ip4 = d->v6 ? NULL : &ip4,
                                           .ip6 = d->v6 ? &ip6 : NULL,
                                           .packet = packet,
                                           .part = part,
                                           .parts = 3,
                                           .ifindex = d->ifindex};
    enum weir_drop drop = reassembly_input(&f->t, &fragment, f->now, &f->done);
    free(data);
    f->finished = f->done.block != BLOCKS_NONE;
    if (!f->finished)
        return drop;
    assert_int_equal(drop, WEIR_DROP_NONE);
    for (uint32_t i = 0; i < f->done.len; i++)
        assert_int_equal(f->done.payload[i], octet(d, i));
    blocks_give(&f->blocks, f->done.block);
    return drop;
}

static inline enum weir_drop send(struct fixture *f, const struct datagram *d, uint32_t start,
                                  uint32_t end, bool more)
{
    return send_cut(f, d, start, end, more, (struct cut){(end - start) / 3, (end - start) / 2});
}

static inline enum weir_drop impossible(const struct datagram *d)
{
    return d->v6 ? WEIR_DROP_IP6_FRAGMENT : WEIR_DROP_IP4_FRAGMENT;
}

/* Fragment i of a datagram cut every `each` bytes. */
static inline enum weir_drop send_nth(struct fixture *f, const struct datagram *d, uint32_t each,
                                      unsigned i)
{
    uint32_t start = i * each, end = start + each < d->len ? start + each : d->len;
    return send(f, d, start, end, end < d->len);
}

static inline void check_finished(const struct fixture *f, const struct datagram *d)
{
    assert_true(f->finished);
    assert_int_equal(f->done.len, d->len);
    assert_int_equal(f->done.facts.is_ip6, d->v6);
}

#endif
