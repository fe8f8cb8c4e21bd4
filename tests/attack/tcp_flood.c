/* SPDX-License-Identifier: MIT
 * Floods of SYNs and of blind ACKs, through a whole stack. What a cookie keeps, and for how long,
 * is in tests/tcp/syncookie.c. */
#include "tcp_peer.h"

enum {
    CONNECTS = 1000,     /* of honest clients ... */
    FLOOD_EACH = 100,    /* ... and so many SYNs between two of them */
    ROUND_TRIP = 8,      /* a handshake takes so many such rounds */
    SYN_NS = 672,        /* minimal frames at 1 Gbit/s */
    SYN_RECORDS = 64,
    ENDPOINTS = 64,
    BURST_MAX = 200
};

static struct attack *begin(void)
{
    struct weir_config config = tcp_attack_config();
    config.tcp_syn_received_max = SYN_RECORDS;
    config.tcp_endpoints_max = ENDPOINTS;
    config.tcp_flights_max = ENDPOINTS;
    config.packet_memory_kb = 4096;
    struct attack *a = attack_begin(&config, 0xa5);
    a->ifindex = TUN;
    return a;
}

/* What a run has brought. */
struct harvest {
    unsigned connected; /* honest clients that have got their answer */
    uint64_t bystander; /* bytes */
    uint64_t memory_max;
};

/* The bystander downloads as fast as its window lets it: it acknowledges all that came since the
 * last time. */
static void download(struct tcp_peer *p, struct harvest *harvest)
{
    static const uint8_t data[65536];
    struct attack *a = p->a;
    (void)weir_tcp_send(a->stack, p->handle, data, sizeof data, 0);
    a->answers_max = BURST_MAX;
    (void)peer_gives(p, TCP_ACK, NULL, 0);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < a->out_count; i++)
            harvest->bystander += peer_takes(p, i).data.len;
        if (round == 0)
            attack_pass(a, 0);
    }
    a->answers_max = 1;
}

static void flood(struct attack *a, unsigned i)
{
    a->answers_max = 2; /* a SYN,ACK may find out late which interface is its own */
    for (unsigned k = 0; k < FLOOD_EACH; k++) {
        uint32_t number = i * FLOOD_EACH + k;
        struct tcp_peer spoofed = peer_of(a, number % 5 == 0 ? stranger6(number * 977)
                                                             : stranger4(number * 977), k);
        spoofed.own_port = (uint16_t)(80 + k % 2);
        assert_int_equal(peer_gives(&spoofed, TCP_SYN, NULL, 0), WEIR_DROP_NONE);
    }
    attack_pass(a, 0);
    a->answers_max = 1;
}

/* SYN in; does a SYN,ACK come? */
static bool knock(struct attack *a, struct tcp_peer *p, unsigned number)
{
    *p = peer_of(a, number % 3 == 0 ? peer6(TUN, 10 + number) : peer4(TUN, 10 + number), 0);
    p->own_port = (uint16_t)(80 + number % 2);
    p->stamps = number % 4 != 0;
    if (peer_gives(p, TCP_SYN, NULL, 0) != WEIR_DROP_NONE || a->out_count != 1)
        return false;
    struct out_tcp s = peer_takes(p, 0);
    return s.header.flags == (TCP_SYN | TCP_ACK) && s.header.ack.v == p->seq;
}

/* The final ACK, with a request; the answer; the end. */
static bool served(struct tcp_peer *p, const weir_handle listeners[2])
{
    uint8_t data[100] = "GET";
    struct attack *a = p->a;
    if (peer_gives(p, TCP_ACK | TCP_PSH, data, sizeof data) != WEIR_DROP_NONE ||
        weir_tcp_accept(a->stack, listeners[p->own_port - 80], 1, &p->handle) != WEIR_OK)
        return false;
    for (unsigned i = 0; i < a->out_count; i++)
        peer_takes(p, i);
    if (weir_tcp_receive(a->stack, p->handle, data, sizeof data, 0) != (int)sizeof data)
        return false;
    peer_is_sent(p, data, sizeof data);
    peer_ends(p);
    return true;
}

static struct harvest run(bool flooded)
{
    struct attack *a = begin();
    struct harvest harvest = {0};
    weir_handle listeners[2] = {tcp_listener(a, 80, 16), tcp_listener(a, 81, 16)};
    struct tcp_peer bystander = peer_of(a, peer4(TUN, 2), 0), honest[ROUND_TRIP];
    bool knocked[ROUND_TRIP] = {false};
    peer_connects(&bystander, listeners[0]);
    for (unsigned i = 0; flooded && i < 2; i++) /* the records are used up */
        flood(a, CONNECTS + i);
    for (unsigned i = 0; i < CONNECTS + ROUND_TRIP; i++) {
        unsigned slot = i % ROUND_TRIP;
        if (knocked[slot])
            harvest.connected += served(&honest[slot], listeners);
        knocked[slot] = i < CONNECTS && knock(a, &honest[slot], i);
        if (flooded && i < CONNECTS)
            flood(a, i);
        download(&bystander, &harvest);
        attack_pass(a, FLOOD_EACH * SYN_NS);
        const struct weir_stack *stack = a->stack;
        assert_true(stack->tcp.syns.in_use <= SYN_RECORDS);
        assert_int_equal(stack->net.replies.in_use, 0);
        if (stack->blocks.bytes_in_use > harvest.memory_max)
            harvest.memory_max = stack->blocks.bytes_in_use;
    }
    if (flooded)
        assert_int_equal(a->stack->tcp.syns.in_use, SYN_RECORDS);
    peer_ends(&bystander);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(weir_tcp_close(a->stack, listeners[i]), WEIR_OK);
    read_events(a);
    a->answers_max = BURST_MAX; /* the records that were answered are reset */
    attack_end(a); /* and everything is as it was before */
    return harvest;
}

static void test_ATK_SYN_01_honest_clients_connect_through_a_flood(void **state)
{
    (void)state;
    struct harvest calm = run(false), storm = run(true);
    assert_int_equal(calm.connected, CONNECTS);
    assert_true(storm.connected * 1000 >= CONNECTS * 999);
    assert_true(calm.bystander > CONNECTS * 30000);
    assert_true(storm.bystander * 10 >= calm.bystander * 9);
    assert_true(storm.memory_max <= calm.memory_max + 65536); /* a cookie costs none */
}

/* In the name of hosts on the link that do not exist: the answers to those wait for somebody, and
 * must not keep the answers to others from leaving. */
static void test_ATK_SYN_01_a_flood_in_the_name_of_neighbours(void **state)
{
    (void)state;
    struct attack *a = begin();
    a->ifindex = ETHER;
    weir_handle listener = tcp_listener(a, 80, 16);
    unsigned answered = 0;
    struct tcp_peer p = peer_of(a, peer4(ETHER, 2), 0);
    for (unsigned i = 0; i < 3000; i++) {
        for (unsigned k = 0; k < 20; k++) {
            unsigned host = 300 + (i * 20 + k) % 20000;
            struct tcp_peer spoofed = peer_of(a, peer4(ETHER, host), k);
            a->answers_max = 4; /* somebody may be asked for */
            (void)peer_gives(&spoofed, TCP_SYN, NULL, 0);
        }
        p = peer_of(a, peer4(ETHER, 2), i % 1000);
        assert_int_equal(peer_gives(&p, TCP_SYN, NULL, 0), WEIR_DROP_NONE);
        answered += a->out_count == 1 && out_tcp(a, 0).header.flags == (TCP_SYN | TCP_ACK);
        attack_pass(a, 1 * MS);
        assert_true(a->stack->net.replies.in_use <= a->config.replies_max / 2);
    }
    assert_true(answered * 1000 >= 3000 * 999);
    assert_int_equal(weir_tcp_close(a->stack, listener), WEIR_OK);
    read_events(a);
    a->answers_max = BURST_MAX;
    attack_end(a);
}

static void test_ATK_SYN_02_blind_ACKs_make_no_connection(void **state)
{
    (void)state;
    struct attack *a = begin();
    weir_handle listener = tcp_listener(a, 80, 16), handle;
    struct rng rng = rng_make(5);
    for (unsigned i = 0; i < 100; i++) {
        struct tcp_peer spoofed = peer_of(a, peer4(TUN, 10 + i), i);
        assert_int_equal(peer_gives(&spoofed, TCP_SYN, NULL, 0), WEIR_DROP_NONE);
    }
    assert_true(a->stack->tcp.count.cookies_out > 0);
    unsigned resets = 0;
    for (unsigned i = 0; i < 100000; i++) {
        struct tcp_peer blind = peer_of(a, stranger4((uint32_t)rng_u64(&rng)), i % 60000);
        blind.seq = (uint32_t)rng_u64(&rng);
        blind.ack = (uint32_t)rng_u64(&rng);
        assert_int_equal(peer_gives(&blind, TCP_ACK, NULL, 0), WEIR_DROP_TCP_LISTEN);
        for (unsigned k = 0; k < a->out_count; k++) {
            assert_int_equal(out_tcp(a, k).header.flags, TCP_RST);
            resets++;
        }
        if (i % 1000 == 0)
            attack_pass(a, 10 * MS);
    }
    assert_true(resets <= 2 * a->config.icmp_errors_per_s_max);
    assert_int_equal(a->stack->tcp.count.cookies_bad, 100000);
    assert_int_equal(a->stack->tcp.count.cookies_good, 0);
    assert_int_equal(weir_tcp_accept(a->stack, listener, 1, &handle), WEIR_E_WOULD_BLOCK);
    assert_int_equal(weir_tcp_close(a->stack, listener), WEIR_OK);
    read_events(a);
    a->answers_max = BURST_MAX;
    attack_end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ATK_SYN_01_honest_clients_connect_through_a_flood),
        cmocka_unit_test(test_ATK_SYN_01_a_flood_in_the_name_of_neighbours),
        cmocka_unit_test(test_ATK_SYN_02_blind_ACKs_make_no_connection),
    };
    return cmocka_run_group_tests_name("tcp_flood", tests, NULL, NULL);
}
