/* SPDX-License-Identifier: MIT
 * Connecting to one server again and again (ATK-SYN-23, NF-47): every connection leaves a TIME-WAIT
 * behind, and the ports come to an end. Another number of cycles can be given as argument. */
#include "harness.h"

#include "../breach.h"
#include "weir/tcp.h"

enum {
    PORTS = 32768,   /* that are drawn: 32768 ... 65535 */
    PORT_LOW = 32768,
    SERVER_PORT = 80,
    LIFE_S = 60,     /* of TIME-WAIT: the default */
    RFC6191_MS = 1000 /* a tick of the peer's clock for sure (RFC 7323 5.4) */
};

static unsigned cycles_wanted = 100000;

/* The last use of a port. */
struct used {
    weir_time ended; /* 0: never */
    uint32_t seq;    /* past its FIN */
    uint32_t ts_val;
};

struct world {
    weir_stack *stack;
    void *mem;
    weir_time now;
    bool stamps;
    struct used used[PORTS];
    uint64_t reused;
};

static struct weir_addr own(void)
{
    return addr_from_ip4((struct ip4_addr){{10, 1, 0, 1}});
}

static struct weir_addr server(void)
{
    return addr_from_ip4((struct ip4_addr){{10, 1, 0, 2}});
}

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static struct world *world_open(bool stamps, uint32_t time_wait_max)
{
    struct world *w = calloc(1, sizeof *w);
    struct weir_config config;
    assert_non_null(w);
    weir_config_default(&config);
    config.on_assert.fn = on_assert;
    config.interfaces_max = 1;
    config.tcp_endpoints_max = 8;
    config.tcp_flights_max = 8;
    config.tcp_time_wait_max = time_wait_max;
    config.packet_memory_kb = 1024;
    config.packet_memory_reserve_kb = 64;
    size_t size = (weir_stack_size(&config) + 63) & ~(size_t)63;
    w->now = 1000 * S;
    w->stamps = stamps;
    w->mem = aligned_alloc(64, size);
    w->stack = weir_stack_init(w->mem, size, &config, w->now);
    assert_non_null(w->stack);
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = 1500};
    struct weir_addr address = own();
    assert_int_equal(weir_stack_add_iface(w->stack, &iface), 0);
    assert_int_equal(weir_stack_add_address(w->stack, 0, &address, 24), WEIR_OK);
    return w;
}

static void world_close(struct world *w)
{
    for (unsigned i = 0; i < 2 * LIFE_S; i++) {
        w->now += S;
        weir_stack_advance(w->stack, w->now);
    }
    assert_true(tcp_invariants(&w->stack->tcp));
    assert_int_equal(w->stack->tcp.waits.in_use, 0);
    assert_int_equal(w->stack->tcp.conns.in_use, 0);
    assert_int_equal(w->stack->tcp.tuples.count, 0);
    assert_int_equal(w->stack->blocks.bytes_in_use, 0);
    free(w->mem);
    free(w);
}

static struct weir_tcp_stats stats_of(const struct world *w)
{
    struct weir_tcp_stats stats;
    weir_tcp_stats(w->stack, &stats);
    return stats;
}

/* The one segment that comes out. */
static void comes(struct world *w, struct tcp_header *h, struct tcp_options *options)
{
    struct weir_tx tx;
    uint8_t bytes[128];
    assert_int_equal(weir_stack_output(w->stack, 0, &tx, 1, w->now), 1);
    assert_true(tx.len <= sizeof bytes);
    memcpy(bytes, tx.headers + tx.header_start, tx.header_len);
    if (tx.frag_count > 0)
        memcpy(bytes + tx.header_len, tx.frag[0].data, tx.frag[0].len);
    assert_int_equal(tcp_parse(h, bytes + 20, tx.len - 20U, tx.len - 20U), 0);
    tcp_options_parse(options, bytes + 20 + TCP_HEADER_BYTES, h->header_len - TCP_HEADER_BYTES);
}

static void answer(struct world *w, const struct tcp_header *to, const struct tcp_options *heard,
                   uint16_t flags)
{
    uint8_t packet[128];
    uint32_t seq = (flags & TCP_SYN) != 0 ? 5000 : 5001;
    struct tcp_options options = {.present = (flags & TCP_SYN) != 0 ? TCP_HAS_MSS : 0U,
                                  .mss = 1460};
    if (w->stamps) {
        options.present |= TCP_HAS_TIMESTAMPS;
        options.ts_val = (uint32_t)(w->now / MS);
        options.ts_ecr = heard->ts_val;
    }
    struct build_tcp tcp = {
        .ip = {.source = server(), .destination = own()},
        .source_port = SERVER_PORT,
        .destination_port = to->source_port,
        .seq = seq_make(seq),
        .ack = seq_make(to->seq.v + ((to->flags & (TCP_SYN | TCP_FIN)) != 0)),
        .flags = flags,
        .window = 60000,
        .options = &options,
    };
    size_t n = build_tcp(packet, sizeof packet, &tcp);
    struct weir_rx rx = {.head = packet, .head_len = (uint32_t)n, .len = (uint32_t)n};
    weir_stack_input(w->stack, 0, &rx, 1, w->now);
}

/* Nobody has the numbers of a port's last life that its new one uses: RFC 6191, or 2 MSL. */
static void check_reuse(struct world *w, const struct tcp_header *syn, const struct tcp_options *o)
{
    struct used *u = &w->used[syn->source_port - PORT_LOW];
    if (u->ended == 0 || w->now - u->ended >= LIFE_S * S)
        return;
    w->reused++;
    assert_true(w->stamps);
    assert_true(w->now - u->ended >= RFC6191_MS * MS);
    assert_true((int32_t)(o->ts_val - u->ts_val) > 0);
    assert_true((int32_t)(syn->seq.v - u->seq) > 0);
}

/* Connect, and close first. Answers what weir_tcp_connect() did. */
static int cycle(struct world *w, uint16_t *port)
{
    struct weir_tcp_config config = {.size = sizeof config};
    struct weir_addr remote = server();
    struct weir_event event;
    weir_handle h;
    struct tcp_header syn, s;
    struct tcp_options o;
    assert_int_equal(weir_tcp_open(w->stack, &config, &h), WEIR_OK);
    int error = weir_tcp_connect(w->stack, h, &remote, SERVER_PORT);
    if (error == WEIR_OK) {
        comes(w, &syn, &o);
        assert_int_equal(syn.flags, TCP_SYN);
        assert_true(syn.source_port >= PORT_LOW);
        check_reuse(w, &syn, &o);
        answer(w, &syn, &o, TCP_SYN | TCP_ACK);
        comes(w, &s, &o);
        assert_int_equal(s.flags, TCP_ACK);
    }
    assert_int_equal(weir_tcp_close(w->stack, h), WEIR_OK);
    if (error == WEIR_OK) {
        comes(w, &s, &o);
        assert_int_equal(s.flags, TCP_FIN | TCP_ACK);
        answer(w, &s, &o, TCP_FIN | TCP_ACK);
        comes(w, &s, &o); /* the last acknowledgment */
        *port = syn.source_port;
        w->used[syn.source_port - PORT_LOW] = (struct used){w->now, s.seq.v, o.ts_val};
    }
    while (weir_stack_events(w->stack, &event, 1) == 1)
        ;
    struct weir_tx tx;
    assert_int_equal(weir_stack_output(w->stack, 0, &tx, 1, w->now), 0);
    assert_int_equal(w->stack->tcp.conns.in_use, 0);
    return error;
}

static void pass(struct world *w, weir_time ns)
{
    w->now += ns;
    weir_stack_advance(w->stack, w->now);
}

/* 10,000 a second: with timestamps, ports come again before 2 MSL are over, but not before their
 * numbers are safe. */
static void ATK_SYN_23_connecting_again_and_again_with_timestamps(void **state)
{
    (void)state;
    struct world *w = world_open(true, PORTS);
    uint16_t port;
    for (unsigned i = 0; i < cycles_wanted; i++) {
        assert_int_equal(cycle(w, &port), WEIR_OK);
        pass(w, 100 * WEIR_NS_PER_US);
    }
    struct weir_tcp_stats stats = stats_of(w);
    assert_true(w->reused >= cycles_wanted - PORTS);
    assert_int_equal(stats.time_wait_reused, w->reused);
    assert_int_equal(stats.time_wait_evicted, 0);
    assert_int_equal(stats.ports_exhausted, 0);
    world_close(w);
}

/* Without timestamps they last for 32,768 connections a minute; then there is an error, and nothing
 * else, until one is free. */
static void ATK_SYN_23_NF_47_when_all_ports_wait_connecting_fails(void **state)
{
    (void)state;
    struct world *w = world_open(false, PORTS);
    uint16_t port, first = 0;
    for (unsigned i = 0; i < PORTS; i++) {
        assert_int_equal(cycle(w, &port), WEIR_OK);
        assert_int_equal(w->reused, 0);
        first = i == 0 ? port : first;
        if (i % 64 == 0)
            pass(w, MS);
    }
    struct weir_tx tx;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(cycle(w, &port), WEIR_E_EXHAUSTED);
        assert_int_equal(weir_stack_output(w->stack, 0, &tx, 1, w->now), 0);
    }
    assert_int_equal(stats_of(w).ports_exhausted, 20);
    assert_int_equal(stats_of(w).active_opens, PORTS);
    /* To somebody else, or by a port of one's own, it goes on. */
    struct weir_tcp_config config = {.size = sizeof config};
    struct weir_addr remote = server();
    struct weir_event event;
    weir_handle h;
    assert_int_equal(weir_tcp_open(w->stack, &config, &h), WEIR_OK);
    assert_int_equal(weir_tcp_connect(w->stack, h, &remote, SERVER_PORT + 1), WEIR_OK);
    assert_int_equal(weir_tcp_close(w->stack, h), WEIR_OK);
    config.port = 1234;
    assert_int_equal(weir_tcp_open(w->stack, &config, &h), WEIR_OK);
    assert_int_equal(weir_tcp_connect(w->stack, h, &remote, SERVER_PORT), WEIR_OK);
    assert_int_equal(weir_tcp_close(w->stack, h), WEIR_OK);
    while (weir_stack_events(w->stack, &event, 1) == 1)
        ;
    (void)weir_stack_output(w->stack, 0, &tx, 1, w->now);
    /* The port that was used first is the first to be free. */
    pass(w, w->used[first - PORT_LOW].ended + LIFE_S * S + 2 * MS - w->now);
    assert_int_equal(cycle(w, &port), WEIR_OK);
    assert_int_equal(w->reused, 0);
    world_close(w);
}

/* When there is no record left, the oldest gives way: those that stay are the last. */
static void ATK_SYN_23_the_oldest_record_gives_way(void **state)
{
    (void)state;
    enum { RECORDS = 500, CYCLES = 2000 };
    struct world *w = world_open(false, RECORDS);
    uint16_t port[CYCLES];
    bool newest[PORTS] = {false};
    for (unsigned i = 0; i < CYCLES; i++) {
        assert_int_equal(cycle(w, &port[i]), WEIR_OK);
        w->used[port[i] - PORT_LOW].ended = 0; /* with the record goes what it guarded against */
        pass(w, MS);
        assert_true(w->stack->tcp.waits.in_use <= RECORDS);
    }
    assert_int_equal(stats_of(w).time_wait_evicted, CYCLES - RECORDS);
    for (unsigned i = CYCLES - RECORDS; i < CYCLES; i++)
        newest[port[i] - PORT_LOW] = true;
    struct weir_tcp_info info;
    unsigned n = 0;
    for (uint64_t cursor = 0; weir_tcp_next(w->stack, &cursor, &info); n++)
        assert_true(info.state == WEIR_TCP_TIME_WAIT && newest[info.local_port - PORT_LOW]);
    assert_int_equal(n, RECORDS);
    world_close(w);
}

/* NF-47: endpoints, too, come to an end with an error, and are there again when one is let go of. */
static void test_NF_47_endpoints_run_out_and_come_back(void **state)
{
    (void)state;
    struct world *w = world_open(true, 16);
    struct weir_tcp_config config = {.size = sizeof config};
    struct weir_event event;
    weir_handle h[8], more;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(weir_tcp_open(w->stack, &config, &h[i]), WEIR_OK);
        for (unsigned i = 0; i < 100; i++)
            assert_int_equal(weir_tcp_open(w->stack, &config, &more), WEIR_E_EXHAUSTED);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(weir_tcp_close(w->stack, h[i]), WEIR_OK);
        assert_int_equal(weir_tcp_open(w->stack, &config, &more), WEIR_E_EXHAUSTED); /* not told */
        while (weir_stack_events(w->stack, &event, 1) == 1)
            ;
    }
    world_close(w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_SYN_23_connecting_again_and_again_with_timestamps),
        cmocka_unit_test(ATK_SYN_23_NF_47_when_all_ports_wait_connecting_fails),
        cmocka_unit_test(ATK_SYN_23_the_oldest_record_gives_way),
        cmocka_unit_test(test_NF_47_endpoints_run_out_and_come_back),
    };
    if (argc > 1)
        cycles_wanted = (unsigned)strtoul(argv[1], NULL, 10);
    return cmocka_run_group_tests_name("attack_tcp_ports", tests, NULL, NULL);
}
