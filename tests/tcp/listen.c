/* SPDX-License-Identifier: MIT
 * Passive opens, from SYN to accept. Expectations are RFC 9293 3.10.7.2 and 3.10.7.4. */
#include "listener.h"

/* ---- the handshake ---- */

static void test_a_handshake_makes_a_connection_to_be_accepted(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    struct seg syn = with_stamp(peer_seg(1234, TCP_SYN, irs, 0), 7000, 0);
    syn.options.present |= TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE | TCP_HAS_SACK_PERMITTED;
    syn.options.mss = 1200;
    syn.options.window_scale = 3;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct seg a = take_syn_ack(h, 1234, irs + 1);
    assert_int_equal(a.options.present, TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE | TCP_HAS_TIMESTAMPS |
                                            TCP_HAS_SACK_PERMITTED);
    assert_int_equal(a.options.mss, 1460); /* 1500 - 20 - 20 */
    assert_int_equal(a.options.ts_ecr, 7000);
    assert_int_equal(a.window, 65535); /* never scaled in a SYN (RFC 7323 2.2) */
    nothing_comes(h);
    assert_int_equal(accept_error(h, l), WEIR_E_WOULD_BLOCK);
    assert_int_equal(h->tcp.conns.in_use, 1); /* the listener: no endpoint is taken yet */

    h->now += 30 * MS;
    struct seg ack = with_stamp(peer_seg(1234, TCP_ACK, irs + 1, a.seq + 1), 7030, a.options.ts_val);
    ack.window = 1000;
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    struct weir_event event;
    assert_true(host_event(h, &event));
    assert_int_equal(event.bits, WEIR_EVENT_ACCEPTED);
    assert_false(host_event(h, &event));
    struct tcp_conn *c = accepts(h, l);
    assert_int_equal(c->state, WEIR_TCP_ESTABLISHED);
    assert_int_equal(c->remote_port, 1234);
    assert_int_equal(c->local_port, 80);
    assert_true(addr_eq(c->remote, addr("10.0.0.2")) && addr_eq(c->local, addr("10.0.0.1")));
    assert_int_equal(c->mss_peer, 1200);
    assert_int_equal(c->snd_wnd, 1000 << 3);
    assert_int_equal((uint32_t)c->snd_una, a.seq + 1);
    assert_int_equal((uint32_t)c->rcv_nxt, irs + 1);
    assert_int_equal((uint32_t)c->rcv_edge, irs + 1 + 65535);
    assert_true(c->timestamps && c->sack && !c->active);
    assert_int_equal(c->rcv_scale, a.options.window_scale);
    assert_int_equal(c->ts_recent, 7030);
    assert_int_equal(c->srtt_us8 / 8, 30000);
    assert_int_equal(h->tcp.syns.in_use, 0);
    assert_int_equal(h->tcp.count.passive_opens, 1);
    host_close(h);
}

static void test_over_ip6_the_mss_is_20_less(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, "2001:db8::1", 80, 4);
    struct seg syn = peer_seg(1234, TCP_SYN, irs, 0);
    syn.from = addr("2001:db8::2");
    syn.to = addr("2001:db8::1");
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct seg a = take_syn_ack(h, 1234, irs + 1);
    assert_int_equal(a.options.present, TCP_HAS_MSS);
    assert_int_equal(a.options.mss, 1440);
    syn.flags = TCP_ACK;
    syn.seq++;
    syn.ack = a.seq + 1;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct tcp_conn *c = accepts(h, l);
    assert_int_equal(c->mss_peer, 1220); /* MUST-15: it said nothing */
    host_close(h);
}

/* An option is answered only when it was offered and the settings take it. */
static void test_options_are_agreed_on_by_both_or_not_at_all(void **state)
{
    (void)state;
    static const uint32_t option[3] = {TCP_HAS_TIMESTAMPS, TCP_HAS_WINDOW_SCALE,
                                       TCP_HAS_SACK_PERMITTED};
    struct host *h = host_open();
    for (unsigned offered = 0; offered < 8; offered++) {
        for (unsigned taken = 0; taken < 8; taken++) {
            weir_handle l = open_on(h, NULL, 80);
            struct tcp_conn *listener = host_get(h, l);
            tcp_set(&h->tcp, listener, WEIR_TCP_TIMESTAMPS, taken & 1);
            tcp_set(&h->tcp, listener, WEIR_TCP_WINDOW_SCALE, taken >> 1 & 1);
            tcp_set(&h->tcp, listener, WEIR_TCP_SACK, taken >> 2 & 1);
            assert_int_equal(tcp_listen(&h->tcp, listener, 4), WEIR_OK);
            struct seg syn = peer_seg(1234, TCP_SYN, irs, 0);
            uint32_t expected = TCP_HAS_MSS;
            syn.options.ts_val = 5;
            syn.options.window_scale = 2;
            for (unsigned i = 0; i < 3; i++) {
                if ((offered >> i & 1) != 0)
                    syn.options.present |= option[i];
                if ((offered & taken) >> i & 1)
                    expected |= option[i];
            }
            assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
            struct seg a = take_syn_ack(h, 1234, irs + 1);
            assert_int_equal(a.options.present, expected);
            syn.flags = TCP_ACK;
            syn.seq++;
            syn.ack = a.seq + 1;
            syn.options.present &= TCP_HAS_TIMESTAMPS;
            assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
            struct tcp_conn *c = accepts(h, l);
            assert_int_equal(c->timestamps, offered & taken & 1);
            assert_int_equal(c->snd_scale, (offered & taken & 2) != 0 ? 2 : 0);
            assert_int_equal(c->sack, (offered & taken) >> 2 & 1);
            tcp_close(&h->tcp, c, true);
            tcp_close(&h->tcp, listener, true);
            struct seg rst;
            while (take(h, &rst))
                ;
            struct weir_event event;
            while (host_event(h, &event))
                ;
        }
    }
    host_close(h);
}

static void test_a_segment_with_the_final_ack_goes_on_in_the_connection(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    uint32_t iss = begin(h, 1);
    struct seg s = peer_seg(1, TCP_ACK | TCP_PSH, irs + 1, iss + 1);
    s.data = "hello";
    s.len = 5;
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    char data[8];
    assert_int_equal(tcp_receive(&h->tcp, accepts(h, l), data, sizeof data, 0), 5);
    assert_memory_equal(data, "hello", 5);
    host_close(h);
}

static void test_ATK_SYN_25_fin_with_or_before_the_final_ack_closes_in_order(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    uint32_t iss = begin(h, 1);
    struct seg s = peer_seg(1, TCP_ACK | TCP_FIN, irs + 1, iss + 1);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    struct tcp_conn *c = accepts(h, l);
    assert_int_equal(c->state, WEIR_TCP_CLOSE_WAIT);
    takes(h, TCP_ACK, iss + 1, irs + 2);
    char data[8];
    assert_int_equal(tcp_receive(&h->tcp, c, data, sizeof data, 0), 0);
    host_close(h);
}

static void test_ATK_SYN_25_an_exact_reset_frees_the_record(void **state)
{
    (void)state;
    struct host *h = host_open();
    listen_on(h, NULL, 80, 4);
    begin(h, 1);
    assert_int_equal(h->tcp.syns.in_use, 1);
    struct seg rst = peer_seg(1, TCP_RST, irs + 1, 0);
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    assert_int_equal(h->tcp.syns.in_use, 0);
    assert_int_equal(h->tcp.tuples.count, 0);
    assert_int_equal(h->tcp.count.attempt_fails, 1);
    host_pass(h, 100 * S);
    nothing_comes(h);
    host_close(h);
}

static void test_RFC5961_a_reset_that_is_not_exact_is_asked_about(void **state)
{
    (void)state;
    struct host *h = host_open();
    listen_on(h, NULL, 80, 4);
    uint32_t iss = begin(h, 1);
    struct seg rst = peer_seg(1, TCP_RST, irs + 2, 0);
    assert_int_equal(give(h, &rst), WEIR_DROP_TCP_RST);
    takes(h, TCP_ACK, iss + 1, irs + 1);
    rst.seq = irs + 65535;
    assert_int_equal(give(h, &rst), WEIR_DROP_TCP_RST);
    takes(h, TCP_ACK, iss + 1, irs + 1);
    rst.seq = irs + 65536; /* past the window of 65535: not a word */
    assert_int_equal(give(h, &rst), WEIR_DROP_TCP_SEQUENCE);
    rst.seq = irs;
    assert_int_equal(give(h, &rst), WEIR_DROP_TCP_SEQUENCE);
    rst.data = "text"; /* reaches into the window, and its SEQ is outside all the same */
    rst.len = 4;
    assert_int_equal(give(h, &rst), WEIR_DROP_TCP_RST);
    nothing_comes(h);
    assert_int_equal(final_ack(h, 1, iss), WEIR_DROP_NONE);
    host_close(h);
}

/* ---- limits ---- */

static void test_ATK_SYN_06_a_final_ack_without_a_place_is_dropped_and_the_record_stays(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 1);
    uint32_t first = begin(h, 1), second = begin(h, 2);
    assert_int_equal(final_ack(h, 1, first), WEIR_DROP_NONE);
    assert_int_equal(final_ack(h, 2, second), WEIR_DROP_TCP_BACKLOG);
    struct seg s = peer_seg(2, TCP_ACK, irs + 1, second + 1);
    s.data = "data";
    s.len = 4;
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_BACKLOG);
    nothing_comes(h); /* neither acknowledged nor reset */
    assert_int_equal(h->tcp.count.ack_dropped_backlog, 2);
    assert_int_equal(h->tcp.conns.in_use, 2); /* the listener and the first: no ghost */
    assert_int_equal(h->tcp.syns.in_use, 1);

    s = peer_seg(3, TCP_SYN, irs, 0); /* nor does another begin */
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_BACKLOG);
    assert_int_equal(h->tcp.count.syn_dropped_backlog, 1);
    nothing_comes(h);

    host_pass(h, 1 * S + 50 * MS);
    assert_int_equal(take_syn_ack(h, 2, irs + 1).seq, second);
    accepts(h, l);
    assert_int_equal(final_ack(h, 2, second), WEIR_DROP_NONE);
    assert_int_equal(accepts(h, l)->remote_port, 2);
    host_close(h);
}

static void test_ATK_SYN_06_without_endpoints_left_it_is_the_same(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_endpoints_max = 2;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listen_on(h, NULL, 80, 8);
    uint32_t first = begin(h, 1), second = begin(h, 2);
    assert_int_equal(final_ack(h, 1, first), WEIR_DROP_NONE);
    assert_int_equal(final_ack(h, 2, second), WEIR_DROP_TCP_BACKLOG);
    struct tcp_conn *c = accepts(h, l);
    tcp_close(&h->tcp, c, true);
    takes(h, TCP_RST | TCP_ACK, first + 1, irs + 1);
    struct weir_event event;
    while (host_event(h, &event))
        ;
    nothing_comes(h);
    assert_int_equal(final_ack(h, 2, second), WEIR_DROP_NONE);
    host_close(h);
}

static void test_those_that_wait_are_accepted_in_their_order(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 8);
    uint32_t iss[5];
    for (uint16_t i = 0; i < 5; i++)
        iss[i] = begin(h, (uint16_t)(i + 1));
    static const uint16_t order[5] = {3, 1, 4, 0, 2};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(final_ack(h, (uint16_t)(order[i] + 1), iss[order[i]]), WEIR_DROP_NONE);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(accepts(h, l)->remote_port, order[i] + 1);
    assert_int_equal(accept_error(h, l), WEIR_E_WOULD_BLOCK);
    host_close(h);
}

static void test_SYNs_beyond_the_limit_of_handshakes_are_dropped(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_syn_cookies = 0;
    struct host *h = host_open_with(&config, 1);
    listen_on(h, NULL, 80, 4);
    for (uint16_t i = 1; i <= 16; i++)
        begin(h, i);
    struct seg syn = peer_seg(17, TCP_SYN, irs, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_TCP_SYN_LIMIT);
    assert_int_equal(h->tcp.count.syn_dropped_full, 1);
    nothing_comes(h);
    struct seg rst = peer_seg(5, TCP_RST, irs + 1, 0);
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    begin(h, 17);
    host_close(h);
}

/* ---- the same SYN again ---- */

/* Many a client offers less when it has had no answer: what it said last counts (RFC 7323 3.2 is about
 * segments that are no SYN). */
static void test_a_SYN_that_comes_again_with_fewer_options_is_answered(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    struct seg syn = with_stamp(peer_seg(1234, TCP_SYN, irs, 0), 7000, 0);
    syn.options.present |= TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE | TCP_HAS_SACK_PERMITTED;
    syn.options.mss = 1200;
    syn.options.window_scale = 3;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    uint32_t iss = take_syn_ack(h, 1234, irs + 1).seq;
    h->now += 900 * MS;
    syn = peer_seg(1234, TCP_SYN, irs, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct seg a = take_syn_ack(h, 1234, irs + 1);
    assert_int_equal(a.seq, iss);
    assert_int_equal(a.options.present, TCP_HAS_MSS);
    struct seg ack = peer_seg(1234, TCP_ACK, irs + 1, iss + 1);
    ack.window = 1000;
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    struct tcp_conn *c = accepts(h, l);
    assert_false(c->timestamps || c->sack || c->scaling);
    assert_int_equal(c->snd_scale, 0);
    assert_int_equal(c->rcv_scale, 0);
    assert_int_equal(c->snd_wnd, 1000);
    assert_int_equal(c->mss_peer, 536);
    host_close(h);
}

/* A SYN that was overtaken by the one sent after it says what was, not what is. */
static void test_a_SYN_that_comes_late_is_answered_and_changes_nothing(void **state)
{
    (void)state;
    struct host *h = host_open();
    listen_on(h, NULL, 80, 4);
    struct seg syn = with_stamp(peer_seg(1234, TCP_SYN, irs, 0), 8000, 0);
    syn.options.present |= TCP_HAS_MSS;
    syn.options.mss = 1200;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    assert_int_equal(take_syn_ack(h, 1234, irs + 1).options.ts_ecr, 8000);
    syn = with_stamp(peer_seg(1234, TCP_SYN, irs, 0), 7000, 0);
    syn.options.present |= TCP_HAS_MSS | TCP_HAS_SACK_PERMITTED;
    syn.options.mss = 1200;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct seg a = take_syn_ack(h, 1234, irs + 1);
    assert_int_equal(a.options.present, TCP_HAS_MSS | TCP_HAS_TIMESTAMPS);
    assert_int_equal(a.options.ts_ecr, 8000);
    host_close(h);
}

/* ---- one listener of several ends ---- */

static void test_a_listener_takes_only_its_own_handshakes_along(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l[2] = {listen_on(h, NULL, 80, 4), listen_on(h, NULL, 81, 4)};
    struct weir_event event;
    for (uint16_t i = 1; i <= 12; i++) {
        struct seg syn = peer_seg(i, TCP_SYN, irs, 0);
        syn.to_port = i % 3 == 0 ? 81 : 80;
        assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
        (void)must_take(h);
    }
    struct seg rst = peer_seg(4, TCP_RST, irs + 1, 0);
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    host_begin(h);
    tcp_close(&h->tcp, host_get(h, l[0]), false);
    assert_int_equal(h->tcp.syns.in_use, 4);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(must_take(h).flags, TCP_RST | TCP_ACK);
    nothing_comes(h);
    host_begin(h);
    tcp_close(&h->tcp, host_get(h, l[1]), false);
    assert_int_equal(h->tcp.syns.in_use, 0);
    while (host_output(h) || host_event(h, &event))
        ;
    host_close(h);
}

/* ---- ATK-SYN-08 ---- */

static void test_ATK_SYN_08_a_silent_peer_is_sent_five_SYN_ACKs(void **state)
{
    (void)state;
    struct host *h = host_open();
    listen_on(h, NULL, 80, 4);
    uint32_t iss = begin(h, 1);
    weir_time began = h->now;
    unsigned sent = 1, at_s[8] = {0};
    weir_time ended = 0;
    for (unsigned i = 0; i < 1200; i++) { /* 120 s */
        host_pass(h, 100 * MS);
        if (h->tcp.syns.in_use == 0 && ended == 0)
            ended = h->now;
        struct seg s;
        while (take(h, &s)) {
            assert_int_equal(s.flags, TCP_SYN | TCP_ACK);
            assert_int_equal(s.seq, iss);
            assert_true(sent < 8);
            at_s[sent++] = (unsigned)((h->now - began) / S);
        }
    }
    assert_int_equal(sent, 5);
    static const unsigned expected[5] = {0, 1, 3, 7, 15}; /* 1 s, doubled each time */
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(at_s[i], expected[i]);
    assert_int_equal((ended - began) / S, 63); /* the last has long to be answered */
    assert_int_equal(h->tcp.count.attempt_fails, 1);
    assert_int_equal(final_ack(h, 1, iss), WEIR_DROP_TCP_LISTEN);
    takes(h, TCP_RST, iss + 1, 0);
    host_close(h);
}

static void test_ATK_SYN_08_a_reset_of_the_victim_stops_it_at_once(void **state)
{
    (void)state;
    struct host *h = host_open();
    listen_on(h, NULL, 80, 4);
    uint32_t iss = begin(h, 1);
    /* As 3.10.7.1 has the victim form it: SEQ=SEG.ACK of our SYN,ACK. */
    struct seg rst = peer_seg(1, TCP_RST, irs + 1, iss);
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    host_pass(h, 60 * S);
    nothing_comes(h);
    host_close(h);
}

static void test_a_late_final_ack_makes_a_connection_whose_SYN_was_lost(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    uint32_t iss = begin(h, 1);
    host_pass(h, 1100 * MS);
    assert_int_equal(take_syn_ack(h, 1, irs + 1).seq, iss);
    assert_int_equal(final_ack(h, 1, iss), WEIR_DROP_NONE);
    struct tcp_conn *c = accepts(h, l);
    assert_true(c->syn_lost);
    assert_int_equal(c->srtt_us8, 0); /* Karn: whichever of the two it answers */
    host_close(h);
}

/* ---- ATK-SYN-09, ATK-SYN-10, ATK-SYN-26 ---- */

static void test_ATK_SYN_09_what_a_listener_does_not_take(void **state)
{
    (void)state;
    struct host *h = host_open();
    listen_on(h, NULL, 80, 4);
    for (unsigned flags = 0; flags < 0x40; flags++) {
        struct seg s = peer_seg(1, (uint16_t)flags, 1000, 2000);
        bool is_syn = (flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
        if (is_syn)
            continue;
        assert_int_equal(give(h, &s), WEIR_DROP_TCP_LISTEN);
        if ((flags & TCP_ACK) != 0 && (flags & TCP_RST) == 0)
            takes(h, TCP_RST, 2000, 0);
        nothing_comes(h);
        assert_int_equal(h->tcp.syns.in_use, 0);
    }
    assert_int_equal(h->tcp.conns.in_use, 1);
    host_close(h);
}

static void test_ATK_SYN_10_the_same_SYN_again_is_answered_the_same(void **state)
{
    (void)state;
    struct host *h = host_open();
    listen_on(h, NULL, 80, 4);
    uint32_t iss = begin(h, 1);
    h->now += 500 * MS;
    assert_int_equal(begin(h, 1), iss);
    assert_int_equal(h->tcp.syns.in_use, 1);
    assert_int_equal(h->tcp.count.segments_retransmitted, 1);
    /* It neither puts off nor brings forward what the timer does. */
    host_pass(h, 600 * MS);
    assert_int_equal(take_syn_ack(h, 1, irs + 1).seq, iss);
    nothing_comes(h);
    assert_int_equal(final_ack(h, 1, iss), WEIR_DROP_NONE);
    host_close(h);
}

static void test_ATK_SYN_10_many_SYNs_are_not_answered_for_ever(void **state)
{
    (void)state;
    struct host *h = host_open();
    listen_on(h, NULL, 80, 4);
    uint32_t iss = begin(h, 1);
    struct seg syn = peer_seg(1, TCP_SYN, irs, 0), s;
    unsigned sent = 0;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
        while (take(h, &s))
            sent++;
    }
    assert_int_equal(sent, 10);
    assert_int_equal(h->tcp.syns.in_use, 1);
    assert_int_equal(final_ack(h, 1, iss), WEIR_DROP_NONE); /* it harms nobody */
    host_close(h);
}

static void test_ATK_SYN_10_another_SYN_is_asked_about(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    uint32_t iss = begin(h, 1);
    struct seg syn = peer_seg(1, TCP_SYN, irs + 1, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_TCP_SYN);
    takes(h, TCP_ACK, iss + 1, irs + 1);
    syn.seq = irs + 0x80000000U;
    assert_int_equal(give(h, &syn), WEIR_DROP_TCP_SEQUENCE);
    takes(h, TCP_ACK, iss + 1, irs + 1);
    assert_int_equal(h->tcp.syns.in_use, 1); /* one record for one tuple */
    assert_int_equal(h->tcp.tuples.count, 1);
    assert_int_equal(final_ack(h, 1, iss), WEIR_DROP_NONE);
    accepts(h, l);
    host_close(h);
}

static void test_ATK_SYN_26_an_ack_of_anything_but_our_SYN_is_reset(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    uint32_t iss = begin(h, 1);
    const uint32_t bad[] = {iss, iss + 2, iss - 1, iss + 1 + 0x80000000U, 0};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct seg s = peer_seg(1, TCP_ACK, irs + 1, bad[i]);
        assert_int_equal(give(h, &s), WEIR_DROP_TCP_ACK);
        takes(h, TCP_RST, bad[i], 0);
        assert_int_equal(accept_error(h, l), WEIR_E_WOULD_BLOCK);
    }
    /* The right one, out of the window: 65535 bytes from irs + 1 on. */
    const uint32_t outside[] = {irs, irs + 1 + 65535, irs + 1 + 0x80000000U};
    for (unsigned i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        struct seg s = peer_seg(1, TCP_ACK, outside[i], iss + 1);
        assert_int_equal(give(h, &s), WEIR_DROP_TCP_SEQUENCE);
        takes(h, TCP_ACK, iss + 1, irs + 1);
        assert_int_equal(accept_error(h, l), WEIR_E_WOULD_BLOCK);
    }
    struct seg s = peer_seg(1, TCP_PSH, irs + 1, iss + 1); /* no ACK at all */
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_ACK);
    nothing_comes(h);
    assert_int_equal(h->tcp.syns.in_use, 1);
    assert_int_equal(final_ack(h, 1, iss), WEIR_DROP_NONE);
    host_close(h);
}

static void test_an_ack_of_a_SYN_ACK_that_was_not_sent_is_no_handshake(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    struct seg syn = peer_seg(1, TCP_SYN, irs, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    const struct tcp_syn *record = pool_at(&h->tcp.syns, 0);
    assert_int_equal(final_ack(h, 1, record->iss.v), WEIR_DROP_TCP_ACK);
    assert_int_equal(accept_error(h, l), WEIR_E_WOULD_BLOCK);
    host_close(h);
}

static void test_timestamps_agreed_on_are_asked_for(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    struct seg syn = with_stamp(peer_seg(1, TCP_SYN, irs, 0), 7000, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    uint32_t iss = take_syn_ack(h, 1, irs + 1).seq;
    assert_int_equal(final_ack(h, 1, iss), WEIR_DROP_TCP_TIMESTAMP_MISSING);
    nothing_comes(h);
    struct seg s = with_stamp(peer_seg(1, TCP_ACK, irs + 1, iss + 1), 6999, 0);
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_PAWS);
    struct seg a = must_take(h);
    assert_int_equal(a.flags, TCP_ACK);
    assert_int_equal(a.options.ts_ecr, 7000);
    assert_int_equal(accept_error(h, l), WEIR_E_WOULD_BLOCK);
    s.options.ts_val = 7000;
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    accepts(h, l);
    host_close(h);
}

/* RFC 7323 4.3: only a segment at or before the last acknowledgment sent moves TS.Recent. */
static void test_a_final_ack_above_a_hole_leaves_TS_Recent_as_the_SYN_had_it(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    struct seg s = with_stamp(peer_seg(1, TCP_SYN, irs, 0), 7000, 0);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    uint32_t iss = take_syn_ack(h, 1, irs + 1).seq;
    s = with_stamp(peer_seg(1, TCP_ACK, irs + 3, iss + 1), 7050, 0);
    s.data = "c";
    s.len = 1;
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    struct tcp_conn *c = accepts(h, l);
    assert_int_equal(c->ts_recent, 7000);
    assert_int_equal((uint32_t)c->rcv_nxt, irs + 1);
    host_close(h);
}

/* A scan of all ports costs no memory, and resets go out within their budget: 200 a second at most. */
static void test_ATK_SYN_07_closed_ports_are_refused_within_the_budget(void **state)
{
    (void)state;
    struct host *h = host_open();
    listen_on(h, NULL, 80, 4);
    unsigned resets = 0;
    struct seg out;
    for (uint32_t i = 0; i < 20000; i++) {
        struct seg syn = peer_seg(1, TCP_SYN, irs, 0);
        syn.to_port = (uint16_t)(81 + i);
        assert_int_equal(give(h, &syn), WEIR_DROP_TCP_PORT);
        while (take(h, &out)) {
            assert_int_equal(out.flags, TCP_RST | TCP_ACK);
            assert_int_equal(out.seq, 0);
            assert_int_equal(out.ack, irs + 1);
            resets++;
        }
        if (i % 20 == 0)
            host_pass(h, 1 * MS);
    }
    assert_true(resets > 0 && resets <= 200); /* in one second */
    assert_int_equal(h->tcp.count.resets_limited, 20000 - resets);
    assert_int_equal(h->tcp.syns.in_use, 0);
    assert_int_equal(h->tcp.conns.in_use, 1);
    begin(h, 1);
    host_close(h);
}

/* RFC 9293 3.5.1: the peer has crashed and does not know the connection that we still have. */
static void test_ATK_SYN_22_the_SYN_of_a_peer_that_started_anew_clears_the_old_connection(
    void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    uint32_t iss = begin(h, 1);
    assert_int_equal(final_ack(h, 1, iss), WEIR_DROP_NONE);
    struct tcp_conn *c = accepts(h, l);
    struct seg syn = peer_seg(1, TCP_SYN, irs + 500000, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_TCP_SEQUENCE);
    takes(h, TCP_ACK, iss + 1, irs + 1);
    struct seg rst = peer_seg(1, TCP_RST, irs + 1, 0); /* for an ACK that it cannot place */
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    assert_int_equal(c->state, WEIR_TCP_CLOSED);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    take_syn_ack(h, 1, irs + 500001);
    host_close(h);
}

/* ---- the listener closes ---- */

static void test_ATK_SYN_20_a_listener_that_closes_leaves_nothing(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 8);
    uint32_t waiting = begin(h, 1), shaking = begin(h, 2);
    assert_int_equal(final_ack(h, 1, waiting), WEIR_DROP_NONE);
    struct seg syn = peer_seg(3, TCP_SYN, irs, 0); /* its SYN,ACK has not left */
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    weir_handle mine = listen_on(h, "10.0.0.1", 81, 1); /* another's records are not touched */
    syn = peer_seg(4, TCP_SYN, irs, 0);
    syn.to_port = 81;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);

    host_begin(h);
    tcp_close(&h->tcp, host_get(h, l), false);
    assert_true(tcp_invariants(&h->tcp));
    assert_int_equal(h->tcp.syns.in_use, 1);
    assert_int_equal(host_get(h, mine)->listening.handshakes, 1);
    struct seg s;
    unsigned resets = 0, others = 0;
    while (take(h, &s)) {
        if ((s.flags & TCP_RST) == 0) {
            assert_int_equal(s.from_port, 81);
            others++;
            continue;
        }
        resets++;
        assert_true(s.to_port == 1 || s.to_port == 2);
        assert_int_equal(s.seq, (s.to_port == 1 ? waiting : shaking) + 1);
        assert_int_equal(s.ack, irs + 1);
    }
    assert_int_equal(resets, 2);
    assert_int_equal(others, 1);
    struct weir_event event;
    while (host_event(h, &event)) /* of those that nobody knew nothing is told */
        assert_true(event.handle.index == l.index && event.handle.generation == l.generation);
    assert_int_equal(h->tcp.conns.in_use, 1);
    host_close(h);
}

/* MUST-41: a listener that comes later takes no record from the one before. */
static void test_MUST_41_ATK_SYN_24_a_new_listener_does_not_disturb_handshakes(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle any = listen_on(h, NULL, 80, 4);
    uint32_t before = begin(h, 1);
    weir_handle own = listen_on(h, "10.0.0.1", 80, 4);
    uint32_t after = begin(h, 2);
    assert_int_equal(final_ack(h, 1, before), WEIR_DROP_NONE);
    assert_int_equal(final_ack(h, 2, after), WEIR_DROP_NONE);
    assert_int_equal(accepts(h, any)->remote_port, 1);
    assert_int_equal(accept_error(h, any), WEIR_E_WOULD_BLOCK);
    struct tcp_conn *c = accepts(h, own);
    assert_int_equal(c->remote_port, 2);
    tcp_close(&h->tcp, host_get(h, own), false); /* nor does its end disturb connections */
    assert_int_equal(c->state, WEIR_TCP_ESTABLISHED);
    host_close(h);
}

/* ---- neighbours ---- */

static struct seg ether_seg(uint16_t flags, uint32_t seq, uint32_t ack)
{
    struct seg s = peer_seg(1, flags, seq, ack);
    s.from = addr("192.168.0.2");
    s.to = addr("192.168.0.1");
    return s;
}

static void arp_reply(struct host *h)
{
    uint8_t frame[60] = {0};
    memcpy(frame, host_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    static const uint8_t head[10] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 2};
    memcpy(frame + 12, head, 10);
    memcpy(frame + 22, peer_mac, 6);
    memcpy(frame + 28, addr("192.168.0.2").bytes + 12, 4);
    memcpy(frame + 32, host_mac, 6);
    memcpy(frame + 38, addr("192.168.0.1").bytes + 12, 4);
    assert_int_equal(host_input(h, frame, sizeof frame), WEIR_DROP_NONE);
}

static void take_arp_request(struct host *h)
{
    assert_true(host_output(h));
    assert_int_equal(load16(h->bytes + 12), 0x0806);
    assert_int_equal(load16(h->bytes + 20), 1);
}

static void test_a_SYN_ACK_waits_for_its_neighbour(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    h->ifindex = ETH_IFACE;
    struct seg syn = ether_seg(TCP_SYN, irs, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    take_arp_request(h);
    nothing_comes(h);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE); /* again: it waits already */
    nothing_comes(h);
    arp_reply(h);
    uint32_t iss = take_syn_ack(h, 1, irs + 1).seq;
    assert_memory_equal(h->bytes, peer_mac, 6);
    nothing_comes(h);
    struct seg ack = ether_seg(TCP_ACK, irs + 1, iss + 1);
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    assert_int_equal(accepts(h, l)->ifindex, ETH_IFACE);
    host_close(h);
}

static void test_a_SYN_from_nobody_is_forgotten_with_its_neighbour(void **state)
{
    (void)state;
    struct host *h = host_open();
    listen_on(h, NULL, 80, 4);
    h->ifindex = ETH_IFACE;
    struct seg syn = ether_seg(TCP_SYN, irs, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    for (unsigned i = 0; i < 8; i++) {
        while (host_output(h))
            assert_int_equal(load16(h->bytes + 12), 0x0806);
        host_pass(h, 1 * S);
    }
    assert_int_equal(h->tcp.syns.in_use, 0);
    assert_int_equal(h->tcp.count.attempt_fails, 1);
    host_close(h);
}

static void test_a_listener_closes_while_a_SYN_ACK_waits(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    h->ifindex = ETH_IFACE;
    struct seg syn = ether_seg(TCP_SYN, irs, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    take_arp_request(h);
    host_begin(h);
    tcp_close(&h->tcp, host_get(h, l), false);
    assert_int_equal(h->tcp.syns.in_use, 0);
    arp_reply(h);
    nothing_comes(h);
    host_close(h);
}

/* The SYN,ACK goes where the route leads, whatever interface the SYN came by. */
static void test_a_SYN_ACK_goes_by_the_route(void **state)
{
    (void)state;
    struct host *h = host_open();
    listen_on(h, NULL, 80, 4);
    h->ifindex = ETH_IFACE; /* from 10.0.0.2, which is behind the other one */
    struct seg syn = peer_seg(1, TCP_SYN, irs, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    nothing_comes(h);
    h->ifindex = IP_IFACE;
    take_syn_ack(h, 1, irs + 1);
    host_close(h);
}

/* ---- anything at all ---- */

static void test_any_segments_at_all_leave_the_room_sound(void **state)
{
    (void)state;
    static const uint32_t near_irs[] = {0, 1, 2, 65535, 65536, 0x80000000U, 0xffffffffU};
    struct host *h = host_open();
    struct rng rng = rng_make(5);
    weir_handle l = listen_on(h, NULL, 80, 3);
    uint32_t isn[4] = {0};
    unsigned accepted = 0;
    for (unsigned step = 0; step < 6000; step++) {
        uint16_t port = (uint16_t)rng_below(&rng, 4);
        struct seg s = peer_seg((uint16_t)(port + 1), (uint16_t)rng_below(&rng, 0x40),
                                irs + near_irs[rng_below(&rng, 7)], isn[port] + 1);
        if (rng_below(&rng, 3) == 0)
            s.ack += near_irs[rng_below(&rng, 7)];
        if (rng_below(&rng, 2) == 0)
            s.flags = rng_below(&rng, 2) == 0 ? TCP_SYN : TCP_ACK;
        if (rng_below(&rng, 4) == 0) {
            s.data = pattern();
            s.len = (size_t)rng_between(&rng, 1, 1400);
        }
        if (rng_below(&rng, 2) == 0)
            s = with_stamp(s, (uint32_t)rng_below(&rng, 3), 0);
        (void)give(h, &s);
        struct seg out;
        while (take(h, &out))
            if ((out.flags & TCP_SYN) != 0)
                isn[out.to_port - 1] = out.seq;
        weir_handle handle;
        if (rng_below(&rng, 8) == 0 &&
            tcp_accept(&h->tcp, host_get(h, l), 0, &handle) == WEIR_OK) {
            tcp_close(&h->tcp, host_get(h, handle), rng_below(&rng, 2) == 0);
            accepted++;
        }
        if (rng_below(&rng, 50) == 0) {
            tcp_close(&h->tcp, host_get(h, l), false);
            l = listen_on(h, NULL, 80, (unsigned)rng_between(&rng, 1, 4));
        }
        struct weir_event event;
        while (host_event(h, &event))
            ;
        host_pass(h, (weir_time)rng_below(&rng, 300) * MS);
    }
    assert_true(h->tcp.count.passive_opens > 100 && accepted > 50);
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handshake_makes_a_connection_to_be_accepted),
        cmocka_unit_test(test_over_ip6_the_mss_is_20_less),
        cmocka_unit_test(test_options_are_agreed_on_by_both_or_not_at_all),
        cmocka_unit_test(test_a_segment_with_the_final_ack_goes_on_in_the_connection),
        cmocka_unit_test(test_ATK_SYN_25_fin_with_or_before_the_final_ack_closes_in_order),
        cmocka_unit_test(test_ATK_SYN_25_an_exact_reset_frees_the_record),
        cmocka_unit_test(test_RFC5961_a_reset_that_is_not_exact_is_asked_about),
        cmocka_unit_test(
            test_ATK_SYN_06_a_final_ack_without_a_place_is_dropped_and_the_record_stays),
        cmocka_unit_test(test_ATK_SYN_06_without_endpoints_left_it_is_the_same),
        cmocka_unit_test(test_those_that_wait_are_accepted_in_their_order),
        cmocka_unit_test(test_SYNs_beyond_the_limit_of_handshakes_are_dropped),
        cmocka_unit_test(test_a_SYN_that_comes_again_with_fewer_options_is_answered),
        cmocka_unit_test(test_a_SYN_that_comes_late_is_answered_and_changes_nothing),
        cmocka_unit_test(test_a_listener_takes_only_its_own_handshakes_along),
        cmocka_unit_test(test_ATK_SYN_08_a_silent_peer_is_sent_five_SYN_ACKs),
        cmocka_unit_test(test_ATK_SYN_08_a_reset_of_the_victim_stops_it_at_once),
        cmocka_unit_test(test_a_late_final_ack_makes_a_connection_whose_SYN_was_lost),
        cmocka_unit_test(test_ATK_SYN_09_what_a_listener_does_not_take),
        cmocka_unit_test(test_ATK_SYN_10_the_same_SYN_again_is_answered_the_same),
        cmocka_unit_test(test_ATK_SYN_10_many_SYNs_are_not_answered_for_ever),
        cmocka_unit_test(test_ATK_SYN_10_another_SYN_is_asked_about),
        cmocka_unit_test(test_ATK_SYN_26_an_ack_of_anything_but_our_SYN_is_reset),
        cmocka_unit_test(test_an_ack_of_a_SYN_ACK_that_was_not_sent_is_no_handshake),
        cmocka_unit_test(test_timestamps_agreed_on_are_asked_for),
        cmocka_unit_test(test_ATK_SYN_07_closed_ports_are_refused_within_the_budget),
        cmocka_unit_test(
            test_ATK_SYN_22_the_SYN_of_a_peer_that_started_anew_clears_the_old_connection),
        cmocka_unit_test(test_a_final_ack_above_a_hole_leaves_TS_Recent_as_the_SYN_had_it),
        cmocka_unit_test(test_ATK_SYN_20_a_listener_that_closes_leaves_nothing),
        cmocka_unit_test(test_MUST_41_ATK_SYN_24_a_new_listener_does_not_disturb_handshakes),
        cmocka_unit_test(test_a_SYN_ACK_waits_for_its_neighbour),
        cmocka_unit_test(test_a_SYN_from_nobody_is_forgotten_with_its_neighbour),
        cmocka_unit_test(test_a_listener_closes_while_a_SYN_ACK_waits),
        cmocka_unit_test(test_a_SYN_ACK_goes_by_the_route),
        cmocka_unit_test(test_any_segments_at_all_leave_the_room_sound),
    };
    return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
