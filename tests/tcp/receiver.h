/* SPDX-License-Identifier: MIT
 * What the tests of the receiver share: an established connection in a room of its own, with
 * nothing to send; segments for it whose every byte is known from its place in the stream and a
 * version; and the acknowledgments that go out, of which the edge told by each is checked against
 * all before (I-25). Offsets count from the first byte of the stream. */
#ifndef TESTS_TCP_RECEIVER_H
#define TESTS_TCP_RECEIVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "base/rng.h"
#include "tcp/tcp.h"

enum { RX_HEADER = 20, RX_PAYLOAD_MAX = 65515 };

static inline void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

/* How a connection is set up; zeros are replaced by what is usual. */
struct receiver_config {
    uint32_t irs;               /* default 1000 */
    uint32_t receive_bytes_max; /* default 262144 */
    bool tune;                  /* as its settings say; else the buffer has that size at once */
    uint32_t ranges_max;        /* islands of the connection, default 100 */
    uint32_t ranges_pool;       /* of all, default 1000 */
    uint32_t holes;             /* default 4 */
    uint32_t superblocks;       /* default 64 */
    uint32_t urgent_superblocks;
    uint32_t overcommit_percent; /* default 400 */
    uint32_t floor_bytes;        /* default 8192 */
    uint16_t mss;                /* ours and the peer's, default 1460 */
    bool no_sack, no_scale, timestamps;
};

struct receiver {
    struct tcp_room tcp;
    struct blocks blocks;
    struct wheel wheel;
    struct event_queue events;
    struct weir_config config;
    struct tcp_iface iface;
    struct net net; /* one interface, which can do nothing */
    struct net_iface net_iface;
    struct tcp_conn *c;
    weir_time now;
    uint64_t first;        /* offset of the first byte of the stream */
    uint64_t wire_edge;    /* the rightmost edge that the wire was told */
    uint64_t went_left;    /* by how much an edge stood left of it at most */
    unsigned cut;          /* in how many parts a packet comes: 1 ... 3 */
    uint16_t segment_size; /* of a packet that a device has put together; or 0 */
    uint16_t urgent;
    uint8_t options; /* bytes of options that a segment's header says it has */
    unsigned checks;
    uint32_t holes_elsewhere; /* in use by others */
    void *mem[8];
    unsigned mems;
    uint8_t packet[RX_HEADER + RX_PAYLOAD_MAX];
};

static inline void *take_mem(struct receiver *r, size_t size)
{
    assert_true(size > 0);
    void *mem = malloc(size);
    assert_non_null(mem);
    memset(mem, 0xa5, size);
    r->mem[r->mems++] = mem;
    return mem;
}

static inline void pool_setup(struct receiver *r, struct pool *pool, uint32_t capacity,
                              size_t bytes)
{
    struct pool_config config = {.handler = &handler,
                                 .capacity = capacity,
                                 .block_bytes = (uint32_t)bytes,
                                 .block_align = 8};
    pool_init(pool, &config, take_mem(r, pool_size(&config)));
}

static inline void conn_setup(struct receiver *r, const struct receiver_config *want)
{
    struct tcp_conn *c = r->c;
    uint32_t irs = want->irs != 0 ? want->irs : 1000;
    *c = (struct tcp_conn){.state = WEIR_TCP_ESTABLISHED, .srtt_us8 = 8, .rtt_us_min = 1};
    c->account = TCP_NONE;
    c->source.handle = (weir_handle){0, 1};
    c->timer.kind = NET_TIMER_TCP;
    c->local = c->remote = addr_from_ip4((struct ip4_addr){{10, 0, 0, 1}});
    tcp_settings_default(&c->set);
    c->set.receive_bytes_max = want->receive_bytes_max != 0 ? want->receive_bytes_max : 262144;
    c->set.tune = want->tune;
    tcp_tune_begin(c);
    c->mss_peer = want->mss != 0 ? want->mss : 1460;
    c->mtu = (uint16_t)(c->mss_peer + 40);
    c->flight = c->holes = c->listener = TCP_NONE;
    c->ready_next = c->wait_next = c->wait_prev = c->accept_next = TCP_NONE;
    c->repair_at = c->delack_at = c->idle_at = WEIR_TIME_NEVER;
    c->iss = seq_make(500);
    c->snd_una = c->snd_nxt = c->snd_max = tcp_iss(c) + 1;
    c->snd_wl1 = seq_make(irs);
    c->snd_wl2 = seq_make(501);
    c->snd_wnd = c->snd_wnd_max = 65535;
    c->irs = seq_make(irs);
    r->first = TCP_OFFSET_BASE + irs + 1;
    tcp_conn_rings(&r->tcp, c, c->snd_una, r->first);
    c->rcv_nxt = r->first;
    c->rcv_edge = r->first + tcp_rcv_window_first(&r->tcp, &c->set);
    c->rcv_acked = tcp_wrap(r->first);
    c->sack = !want->no_sack;
    c->rcv_scale = (want->no_scale ? 0U : tcp_rcv_scale(&c->set)) & 15U;
    c->timestamps = want->timestamps;
    r->wire_edge = c->rcv_edge;
}

static inline struct receiver *receiver_new(struct receiver_config want)
{
    struct receiver *r = calloc(1, sizeof *r);
    assert_non_null(r);
    weir_config_default(&r->config);
    if (want.ranges_max != 0)
        r->config.tcp_reassembly_ranges_max = want.ranges_max;
    if (want.floor_bytes != 0)
        r->config.tcp_window_floor_bytes = want.floor_bytes;
    uint32_t superblocks = want.superblocks != 0 ? want.superblocks : 64;
    uint64_t percent = want.overcommit_percent != 0 ? want.overcommit_percent : 400;
    struct blocks_config blocks = {
        .handler = &handler,
        .promised_bytes_max = superblocks * (uint64_t)BLOCKS_SUPERBLOCK_BYTES * percent / 100,
        .superblocks = superblocks,
        .urgent_superblocks = want.urgent_superblocks,
    };
    blocks_init(&r->blocks, &blocks, take_mem(r, blocks_size(&blocks)));
    wheel_init(&r->wheel, &handler, 0);
    r->iface.ready = r->iface.syns = (struct tcp_list){TCP_NONE, TCP_NONE};
    r->net.iface = &r->net_iface;
    r->net.iface_count = 1;
    r->tcp = (struct tcp_room){
        .net = &r->net,
        .blocks = &r->blocks,
        .wheel = &r->wheel,
        .events = &r->events,
        .handler = &handler,
        .config = &r->config,
        .iface = &r->iface,
        .want_flight = {TCP_NONE, TCP_NONE},
        .holding = {TCP_NONE, TCP_NONE},
    };
    pool_setup(r, &r->tcp.conns, 1, sizeof(struct tcp_conn));
    pool_setup(r, &r->tcp.holes, want.holes != 0 ? want.holes : 4, sizeof(struct tcp_holes));
    uint32_t ranges = want.ranges_pool != 0 ? want.ranges_pool : 1000;
    ranges_pool_init(&r->tcp.ranges, ranges, &handler, take_mem(r, ranges_pool_size(ranges)));
    assert_int_equal(pool_take(&r->tcp.conns), 0);
    r->c = pool_at(&r->tcp.conns, 0);
    r->cut = 1;
    conn_setup(r, &want);
    return r;
}

/* All that the receiver promises itself holds. */
static inline void receiver_check(struct receiver *r)
{
    const struct tcp_conn *c = r->c;
    const struct tcp_holes *h = tcp_holes(&r->tcp, c);
    if (r->checks++ % 64 == 0) { /* linear in all there is */
        assert_true(ring_invariants(&c->receive));
        assert_true(blocks_invariants(&r->blocks));
    }
    assert_int_equal(r->blocks.promised_bytes, (uint64_t)c->promised_kb << 10);
    assert_int_equal(r->tcp.holes.in_use, r->holes_elsewhere + (h != NULL));
    assert_int_equal(r->tcp.ranges.in_use, h != NULL ? h->islands.count : 0);
    assert_true(c->receive.head <= tcp_rcv_data_end(c));
    assert_true(c->fin_received || c->rcv_nxt <= c->rcv_edge);
    if (h == NULL)
        return;
    struct range range;
    assert_true(ranges_invariants(&h->islands, &r->tcp.ranges));
    if (ranges_first(&h->islands, &r->tcp.ranges, &range)) /* I-27 */
        assert_true(range.start > c->rcv_nxt);
    if (ranges_last(&h->islands, &r->tcp.ranges, &range))
        assert_true(range.end <= c->rcv_edge && range.end <= c->receive.end);
}

/* Nothing is left when the connection has gone. */
static inline void receiver_free(struct receiver *r)
{
    struct tcp_conn *c = r->c;
    r->checks = 0;
    receiver_check(r);
    if (c->holes != TCP_NONE) {
        ranges_clear(&tcp_holes(&r->tcp, c)->islands, &r->tcp.ranges);
        pool_give(&r->tcp.holes, c->holes);
    }
    tcp_rcv_unpromise(&r->tcp, c);
    ring_reset(&c->receive, c->receive.head);
    assert_int_equal(r->blocks.promised_bytes, 0);
    assert_int_equal(r->blocks.bytes_in_use, 0);
    for (unsigned i = 0; i < r->mems; i++)
        free(r->mem[i]);
    free(r);
}

/* The byte at a place of the stream in a version of it. */
static inline uint8_t byte_at(uint64_t at, unsigned version)
{
    return (uint8_t)((at * 31 + (at >> 8) * 7 + version * 101) & 0xff);
}

/* Lay a packet into one to three parts. */
static inline void cut_packet(struct receiver *r, struct net_rx *rx, uint32_t len)
{
    uint32_t at = 0;
    rx->len = len;
    for (rx->parts = 0; rx->parts < r->cut; rx->parts++) {
        uint32_t n = rx->parts + 1 == r->cut ? len - at : RX_HEADER + (len - RX_HEADER) / 3;
        if (n > len - at)
            n = len - at;
        rx->part[rx->parts] = (struct weir_ref){r->packet + at, n};
        at += n;
    }
}

/* A segment [start, start + len) of a version arrives, through all steps of RFC 9293 3.10.7.4. */
static inline enum weir_drop arrive_version(struct receiver *r, uint64_t start, uint32_t len,
                                            uint16_t flags, unsigned version)
{
    static struct net_rx rx;
    struct tcp_conn *c = r->c;
    assert_true(len <= RX_PAYLOAD_MAX);
    for (uint32_t i = 0; i < len; i++)
        r->packet[RX_HEADER + i] = byte_at(start + i, version);
    cut_packet(r, &rx, RX_HEADER + len);
    struct tcp_header h = {.seq = tcp_wrap(r->first + start),
                           .ack = tcp_wrap(c->snd_una),
                           .header_len = (uint8_t)(RX_HEADER + r->options),
                           .flags = flags | TCP_ACK,
                           .window = 65535,
                           .urgent = r->urgent};
    struct tcp_options o = {.present = c->timestamps ? TCP_HAS_TIMESTAMPS : 0};
    bool several = r->segment_size != 0 && len > r->segment_size;
    struct tcp_segment s = {
        .rx = &rx,
        .header = &h,
        .options = &o,
        .seq = tcp_unwrap(h.seq, c->rcv_nxt),
        .ack = c->snd_una,
        .len = len,
        .skip = RX_HEADER,
        .window = 65535,
        .flags = h.flags,
        .segments = (uint16_t)(several ? (len + r->segment_size - 1) / r->segment_size : 1),
        .segment_size = (uint16_t)(several ? r->segment_size : len),
        .now = r->now,
    };
    enum weir_drop drop = tcp_segment_arrives(&r->tcp, c, &s);
    receiver_check(r);
    return drop;
}

static inline enum weir_drop arrive(struct receiver *r, uint64_t start, uint32_t len)
{
    return arrive_version(r, start, len, 0, 0);
}

/* Is an acknowledgment due at once? */
static inline bool ack_is_due(const struct receiver *r)
{
    return (r->c->work & TCP_WORK_ACK) != 0 || r->c->dup_acks_due > 0;
}

/* An acknowledgment as it stands on the wire; blocks count from the first byte of the stream. */
struct told {
    uint64_t ack;
    uint32_t window; /* in bytes */
    unsigned count;
    struct {
        uint32_t start, end;
    } sack[TCP_SACK_BLOCKS_MAX];
};

/* Send one acknowledgment, as output does. */
static inline struct told send_ack(struct receiver *r)
{
    struct tcp_conn *c = r->c;
    struct tcp_sack_block blocks[TCP_SACK_BLOCKS_MAX];
    struct told told = {.ack = c->rcv_nxt - r->first};
    uint64_t edge = tcp_rcv_edge(&r->tcp, c);
    assert_true(edge >= c->rcv_edge && edge >= c->rcv_nxt);
    uint64_t field = (edge - c->rcv_nxt) >> c->rcv_scale;
    assert_in_range(field, 0, 65535);
    told.window = (uint32_t)field << c->rcv_scale;
    told.count = tcp_sack_blocks(&r->tcp, c, blocks, c->timestamps ? 3 : 4);
    for (unsigned i = 0; i < told.count; i++) {
        told.sack[i].start = blocks[i].start.v - (uint32_t)r->first;
        told.sack[i].end = blocks[i].end.v - (uint32_t)r->first;
    }
    if (c->dup_acks_due > 0)
        c->dup_acks_due--;
    tcp_ack_sent(&r->tcp, c, edge, told.count > 0);
    uint64_t wire = c->rcv_nxt + told.window;
    if (wire < r->wire_edge && r->wire_edge - wire > r->went_left)
        r->went_left = r->wire_edge - wire;
    if (wire > r->wire_edge)
        r->wire_edge = wire;
    receiver_check(r);
    return told;
}

/* Send all acknowledgments that are due; answers how many. */
static inline unsigned send_acks(struct receiver *r)
{
    unsigned n = 0;
    while (ack_is_due(r)) {
        send_ack(r);
        n++;
    }
    return n;
}

/* An acknowledgment is due, and says: `ack`, and these blocks: start, end, start, end ... */
static inline void expect_ack(struct receiver *r, uint64_t ack, unsigned numbers, ...)
{
    assert_true(ack_is_due(r));
    struct told told = send_ack(r);
    assert_false(ack_is_due(r));
    assert_int_equal(told.ack, ack);
    assert_int_equal(told.count, numbers / 2);
    va_list list;
    va_start(list, numbers);
    for (unsigned i = 0; i < numbers / 2; i++) {
        assert_int_equal(told.sack[i].start, va_arg(list, unsigned));
        assert_int_equal(told.sack[i].end, va_arg(list, unsigned));
    }
    va_end(list);
}

static inline uint64_t unread(const struct receiver *r)
{
    return tcp_rcv_data_end(r->c) - r->c->receive.head;
}

/* The application reads `n` bytes (there are so many), which must be those of version 0. */
static inline void read_bytes(struct receiver *r, uint64_t n)
{
    uint8_t data[4096], expected[4096];
    while (n > 0) {
        uint64_t at = r->c->receive.head - r->first;
        size_t want = n < sizeof data ? (size_t)n : sizeof data;
        int got = tcp_receive(&r->tcp, r->c, data, want, 0);
        assert_int_equal(got, want);
        for (size_t i = 0; i < want; i++)
            expected[i] = byte_at(at + i, 0);
        assert_memory_equal(data, expected, want);
        n -= want;
    }
    receiver_check(r);
}

/* Events raised since the last time. */
static inline uint32_t take_events(struct receiver *r)
{
    struct weir_event event = {.bits = 0};
    event_read(&r->events, &event, 1);
    return event.bits;
}

#endif
