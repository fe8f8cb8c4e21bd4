/* SPDX-License-Identifier: MIT
 * Handshakes that wait for a verdict (weir_tcp_asked(), weir_tcp_decide()), to the letter of
 * weir/tcp.h. */
#include "listener.h"
#include "pair.h"

enum { VERDICT_MS = 3000 }; /* the default */

static weir_handle asking(struct host *h, unsigned backlog)
{
    weir_handle l = open_on(h, NULL, 80);
    assert_int_equal(tcp_set(&h->tcp, host_get(h, l), WEIR_TCP_ASK, 1), WEIR_OK);
    assert_int_equal(tcp_listen(&h->tcp, host_get(h, l), backlog), WEIR_OK);
    return l;
}

static struct seg full_syn(uint16_t port)
{
    struct seg syn = with_stamp(peer_seg(port, TCP_SYN, irs, 0), 7000, 0);
    syn.options.present |= TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE | TCP_HAS_SACK_PERMITTED;
    syn.options.mss = 1300;
    syn.options.window_scale = 3;
    return syn;
}

static void knock(struct host *h, uint16_t port)
{
    struct seg syn = full_syn(port);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    nothing_comes(h);
}

static int next_request(struct host *h, weir_handle l, struct weir_tcp_request *r)
{
    host_begin(h);
    return tcp_asked(&h->tcp, host_get(h, l), r);
}

static struct weir_tcp_request must_ask(struct host *h, weir_handle l, uint16_t port)
{
    struct weir_tcp_request r;
    assert_int_equal(next_request(h, l, &r), WEIR_OK);
    assert_int_equal(r.remote_port, port);
    return r;
}

static int decide(struct host *h, weir_handle request, enum weir_tcp_verdict verdict)
{
    host_begin(h);
    return tcp_decide(&h->tcp, request, verdict);
}

static void none_asked(struct host *h, weir_handle l)
{
    struct weir_tcp_request r;
    assert_int_equal(next_request(h, l, &r), WEIR_E_WOULD_BLOCK);
}

/* ---- the question ---- */

static void test_a_SYN_is_asked_about_and_not_answered(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = asking(h, 4);
    struct weir_event event;
    none_asked(h, l);
    assert_int_equal(tcp_level(&h->tcp, host_get(h, l)), 0);
    knock(h, 1234);
    assert_true(host_event(h, &event));
    assert_int_equal(event.bits, WEIR_EVENT_ASKED);
    assert_int_equal(event.handle.index, l.index);
    assert_int_equal(tcp_level(&h->tcp, host_get(h, l)), WEIR_EVENT_ASKED);
    h->now += 500 * MS;
    struct weir_tcp_request r = must_ask(h, l, 1234);
    assert_true(addr_eq(r.remote, addr("10.0.0.2")) && addr_eq(r.local, addr("10.0.0.1")));
    assert_int_equal(r.local_port, 80);
    assert_int_equal(r.ifindex, IP_IFACE + 1);
    assert_int_equal(r.peer_mss_bytes, 1300);
    assert_true(r.timestamps && r.sack && r.window_scale);
    assert_in_range(r.left, (VERDICT_MS - 502) * MS, (VERDICT_MS - 498) * MS);
    assert_int_equal(tcp_level(&h->tcp, host_get(h, l)), 0);
    none_asked(h, l); /* each is told once */
    assert_int_equal(h->tcp.count.asked, 1);
    host_close(h);
}

static void test_a_repeated_SYN_does_not_ask_again(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = asking(h, 4);
    struct weir_event event;
    knock(h, 1);
    knock(h, 1);
    assert_true(host_event(h, &event));
    struct weir_tcp_request r = must_ask(h, l, 1);
    knock(h, 1);
    none_asked(h, l);
    assert_false(host_event(h, &event));
    assert_int_equal(h->tcp.count.asked, 1);
    assert_int_equal(decide(h, r.handle, WEIR_TCP_ADMIT), WEIR_OK);
    take_syn_ack(h, 1, irs + 1);
    nothing_comes(h);
    host_close(h);
}

static void test_requests_come_in_the_order_of_their_SYNs(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = asking(h, 4);
    for (uint16_t i = 1; i <= 6; i++)
        knock(h, i);
    /* One in the middle and both ends go before they are told. */
    struct seg rst = peer_seg(3, TCP_RST, irs + 1, 0);
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    must_ask(h, l, 1);
    rst.from_port = 2;
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    rst.from_port = 6;
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    must_ask(h, l, 4);
    knock(h, 7);
    must_ask(h, l, 5);
    must_ask(h, l, 7);
    none_asked(h, l);
    host_close(h);
}

/* ---- the verdicts ---- */

static void test_who_is_admitted_goes_on_as_without_the_question(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = asking(h, 4);
    knock(h, 1);
    struct weir_tcp_request r = must_ask(h, l, 1);
    /* Before that there is nothing to acknowledge. */
    struct seg early = with_stamp(peer_seg(1, TCP_ACK, irs + 1, 1), 7001, 0);
    assert_int_equal(give(h, &early), WEIR_DROP_TCP_ACK);
    assert_int_equal(must_take(h).flags, TCP_RST);
    h->now += 1 * S;
    assert_int_equal(decide(h, r.handle, WEIR_TCP_ADMIT), WEIR_OK);
    assert_int_equal(decide(h, r.handle, WEIR_TCP_REFUSE), WEIR_E_STALE);
    struct seg a = take_syn_ack(h, 1, irs + 1);
    h->now += 20 * MS;
    struct seg ack = with_stamp(peer_seg(1, TCP_ACK, irs + 1, a.seq + 1), 7030, a.options.ts_val);
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    struct tcp_conn *c = accepts(h, l);
    assert_int_equal(c->state, WEIR_TCP_ESTABLISHED);
    assert_int_equal(c->mss_peer, 1300);
    assert_int_equal(c->srtt_us8 / 8, 20000);
    host_close(h);
}

/* The SYN,ACK of who was admitted is sent again like any. */
static void test_the_time_of_the_verdict_is_not_that_of_the_handshake(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = asking(h, 4);
    knock(h, 1);
    struct weir_tcp_request r = must_ask(h, l, 1);
    host_pass(h, 2900 * MS);
    assert_int_equal(decide(h, r.handle, WEIR_TCP_ADMIT), WEIR_OK);
    take_syn_ack(h, 1, irs + 1);
    host_pass(h, 990 * MS);
    nothing_comes(h);
    host_pass(h, 20 * MS);
    take_syn_ack(h, 1, irs + 1);
    assert_int_equal(h->tcp.count.ask_silent, 0);
    host_close(h);
}

/* RFC 9293 3.10.7.1: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>. */
static void test_who_is_refused_gets_a_reset(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = asking(h, 4);
    knock(h, 1);
    struct weir_tcp_request r = must_ask(h, l, 1);
    assert_int_equal(decide(h, r.handle, WEIR_TCP_REFUSE), WEIR_OK);
    struct seg s = must_take(h);
    assert_int_equal(s.flags, TCP_RST | TCP_ACK);
    assert_int_equal(s.seq, 0);
    assert_int_equal(s.ack, irs + 1);
    assert_int_equal(s.to_port, 1);
    nothing_comes(h);
    assert_int_equal(h->tcp.syns.in_use, 0);
    assert_int_equal(h->tcp.count.ask_refused, 1);
    assert_int_equal(h->tcp.count.attempt_fails, 1);
    knock(h, 1); /* and may ask again */
    must_ask(h, l, 1);
    host_close(h);
}

static void test_who_is_ignored_may_come_again(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = asking(h, 4);
    knock(h, 1);
    struct weir_tcp_request r = must_ask(h, l, 1);
    assert_int_equal(decide(h, r.handle, WEIR_TCP_IGNORE), WEIR_OK);
    nothing_comes(h);
    assert_int_equal(h->tcp.syns.in_use, 0);
    assert_int_equal(h->tcp.count.ask_silent, 1);
    knock(h, 1);
    struct weir_tcp_request again = must_ask(h, l, 1);
    assert_int_equal(decide(h, r.handle, WEIR_TCP_ADMIT), WEIR_E_STALE);
    assert_int_equal(decide(h, again.handle, WEIR_TCP_ADMIT), WEIR_OK);
    host_close(h);
}

static void test_silence_drops_at_the_deadline(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_verdict_ms = 200;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = asking(h, 4);
    knock(h, 1);
    knock(h, 2);
    struct weir_tcp_request r = must_ask(h, l, 1);
    host_pass(h, 195 * MS);
    assert_int_equal(h->tcp.syns.in_use, 2);
    host_pass(h, 10 * MS);
    assert_int_equal(h->tcp.syns.in_use, 0);
    assert_int_equal(h->tcp.count.ask_silent, 2);
    nothing_comes(h);
    assert_int_equal(decide(h, r.handle, WEIR_TCP_ADMIT), WEIR_E_STALE);
    none_asked(h, l); /* what was not told is not told any more */
    assert_int_equal(tcp_level(&h->tcp, host_get(h, l)), 0);
    host_close(h);
}

/* ---- limits ---- */

/* A cookie cannot wait: what finds no record is dropped, and comes again. */
static void test_beyond_the_records_nobody_is_asked_about(void **state)
{
    (void)state;
    for (uint32_t mode = 0; mode <= 2; mode++) {
        struct weir_config config = host_config();
        config.tcp_syn_cookies = mode;
        config.tcp_syn_received_max = 2;
        struct host *h = host_open_with(&config, 1);
        weir_handle l = asking(h, 4);
        knock(h, 1);
        knock(h, 2);
        struct seg syn = full_syn(3);
        assert_int_equal(give(h, &syn), WEIR_DROP_TCP_SYN_LIMIT);
        nothing_comes(h);
        assert_int_equal(h->tcp.count.syn_dropped_full, 1);
        assert_int_equal(h->tcp.count.asked, 2);
        struct weir_tcp_request r = must_ask(h, l, 1);
        assert_int_equal(decide(h, r.handle, WEIR_TCP_IGNORE), WEIR_OK);
        knock(h, 3);
        host_close(h);
    }
}

static void test_refusals_are_in_the_budget_of_resets(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.icmp_errors_per_s_max = 4;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = asking(h, 4);
    unsigned resets = 0;
    struct seg s;
    for (uint16_t i = 1; i <= 16; i++) {
        knock(h, i);
        struct weir_tcp_request r = must_ask(h, l, i);
        assert_int_equal(decide(h, r.handle, WEIR_TCP_REFUSE), WEIR_OK);
        while (take(h, &s))
            resets++;
    }
    assert_true(resets <= 4);
    assert_int_equal(h->tcp.count.resets_limited, 16 - resets);
    assert_int_equal(h->tcp.count.ask_refused, 16);
    host_close(h);
}

/* ---- the end of the listener ---- */

static void test_closing_the_listener_ends_the_requests(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = asking(h, 4);
    struct weir_event event;
    for (uint16_t i = 1; i <= 4; i++)
        knock(h, i);
    struct weir_tcp_request told = must_ask(h, l, 1), admitted = must_ask(h, l, 2);
    assert_int_equal(decide(h, admitted.handle, WEIR_TCP_ADMIT), WEIR_OK);
    uint32_t iss = take_syn_ack(h, 2, irs + 1).seq;
    host_begin(h);
    tcp_close(&h->tcp, host_get(h, l), false);
    /* Only who was answered is told. */
    struct seg s = must_take(h);
    assert_int_equal(s.flags, TCP_RST | TCP_ACK);
    assert_int_equal(s.to_port, 2);
    assert_int_equal(s.seq, iss + 1);
    nothing_comes(h);
    assert_int_equal(h->tcp.syns.in_use, 0);
    assert_int_equal(decide(h, told.handle, WEIR_TCP_ADMIT), WEIR_E_STALE);
    while (host_event(h, &event))
        ;
    host_close(h);
}

/* ---- handles ---- */

static void test_handles_of_requests_are_no_other_handles(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *b = p->side[1].stack;
    weir_handle l = pair_endpoint(p, 1, 80), other = pair_endpoint(p, 1, 81);
    assert_int_equal(weir_tcp_set(b, l, WEIR_TCP_ASK, 1), WEIR_OK);
    assert_int_equal(weir_tcp_listen(b, l, 4), WEIR_OK);
    assert_int_equal(weir_tcp_set(b, l, WEIR_TCP_ASK, 1), WEIR_OK); /* for those to come */
    struct weir_tcp_request r;
    assert_int_equal(weir_tcp_asked(b, other, &r), WEIR_E_INVALID);
    weir_handle c = pair_endpoint(p, 0, 0);
    struct weir_addr to = pair_addr("10.0.0.2");
    assert_int_equal(weir_tcp_connect(p->side[0].stack, c, &to, 80), WEIR_OK);
    pair_run(p, 100 * MS);
    assert_int_equal(pair_told(p, 1, l).bits, WEIR_EVENT_ASKED);
    assert_int_equal(weir_tcp_ready(b, l), WEIR_EVENT_ASKED);
    assert_int_equal(weir_tcp_asked(b, l, &r), WEIR_OK);
    /* The walk shows it as what it is. */
    struct weir_tcp_info info;
    unsigned received = 0;
    for (uint64_t cursor = 0; weir_tcp_next(b, &cursor, &info);)
        received += info.state == WEIR_TCP_SYN_RECEIVED;
    assert_int_equal(received, 1);

    uint8_t byte;
    weir_handle accepted;
    assert_int_equal(weir_tcp_info(b, r.handle, &info), WEIR_E_STALE);
    assert_int_equal(weir_tcp_send(b, r.handle, "x", 1, 0), WEIR_E_STALE);
    assert_int_equal(weir_tcp_receive(b, r.handle, &byte, 1, 0), WEIR_E_STALE);
    assert_int_equal(weir_tcp_close(b, r.handle), WEIR_E_STALE);
    assert_int_equal(weir_udp_close(b, r.handle), WEIR_E_STALE);
    assert_int_equal(weir_tcp_decide(b, l, WEIR_TCP_ADMIT), WEIR_E_STALE);
    assert_int_equal(weir_tcp_decide(b, other, WEIR_TCP_ADMIT), WEIR_E_STALE);
    struct weir_udp_config udp_config = {.size = sizeof udp_config};
    weir_handle udp;
    assert_int_equal(weir_udp_open(b, &udp_config, &udp), WEIR_OK);
    assert_int_equal(weir_tcp_decide(b, udp, WEIR_TCP_ADMIT), WEIR_E_STALE);
    assert_int_equal(weir_tcp_decide(b, (weir_handle){0}, WEIR_TCP_ADMIT), WEIR_E_STALE);
    assert_int_equal(weir_tcp_decide(b, (weir_handle){UINT32_MAX, UINT32_MAX}, WEIR_TCP_ADMIT),
                     WEIR_E_STALE);
    weir_handle wrong = r.handle;
    wrong.generation += 2;
    assert_int_equal(weir_tcp_decide(b, wrong, WEIR_TCP_ADMIT), WEIR_E_STALE);
    assert_int_equal(weir_tcp_decide(b, r.handle, (enum weir_tcp_verdict)3), WEIR_E_INVALID);

    assert_int_equal(weir_tcp_decide(b, r.handle, WEIR_TCP_ADMIT), WEIR_OK);
    pair_run(p, 100 * MS);
    assert_int_equal(pair_told(p, 0, c).bits & WEIR_EVENT_CONNECTED, WEIR_EVENT_CONNECTED);
    assert_int_equal(pair_told(p, 1, l).bits, WEIR_EVENT_ACCEPTED);
    assert_int_equal(weir_tcp_accept(b, l, 0, &accepted), WEIR_OK);
    assert_int_equal(weir_udp_close(b, udp), WEIR_OK);
    assert_int_equal(weir_tcp_abort(b, accepted), WEIR_OK);
    assert_int_equal(weir_tcp_close(b, l), WEIR_OK);
    assert_int_equal(weir_tcp_close(b, other), WEIR_OK);
    assert_int_equal(weir_tcp_close(p->side[0].stack, c), WEIR_OK);
    pair_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_SYN_is_asked_about_and_not_answered),
        cmocka_unit_test(test_a_repeated_SYN_does_not_ask_again),
        cmocka_unit_test(test_requests_come_in_the_order_of_their_SYNs),
        cmocka_unit_test(test_who_is_admitted_goes_on_as_without_the_question),
        cmocka_unit_test(test_the_time_of_the_verdict_is_not_that_of_the_handshake),
        cmocka_unit_test(test_who_is_refused_gets_a_reset),
        cmocka_unit_test(test_who_is_ignored_may_come_again),
        cmocka_unit_test(test_silence_drops_at_the_deadline),
        cmocka_unit_test(test_beyond_the_records_nobody_is_asked_about),
        cmocka_unit_test(test_refusals_are_in_the_budget_of_resets),
        cmocka_unit_test(test_closing_the_listener_ends_the_requests),
        cmocka_unit_test(test_handles_of_requests_are_no_other_handles),
    };
    return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
