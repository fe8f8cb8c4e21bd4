/* SPDX-License-Identifier: MIT
 * What weir_tcp_info() and weir_tcp_next() say, against what was on the wire and what was done. */
#include "pair.h"

static struct weir_tcp_info info_of(struct pair *p, unsigned k, weir_handle handle)
{
    struct weir_tcp_info info;
    memset(&info, 0xa5, sizeof info);
    assert_int_equal(weir_tcp_info(p->side[k].stack, handle, &info), WEIR_OK);
    return info;
}

static bool same(struct weir_addr a, const char *text)
{
    struct weir_addr b = pair_addr(text);
    return memcmp(&a, &b, sizeof a) == 0;
}

static void test_a_new_endpoint_and_a_listener(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_handle h = pair_endpoint(p, 0, 777);
    struct weir_tcp_info info = info_of(p, 0, h);
    assert_int_equal(info.state, WEIR_TCP_CLOSED);
    assert_int_equal(info.local_port, 777);
    assert_int_equal(info.ifindex, 0);
    assert_int_equal(info.timer, WEIR_TCP_TIMER_NONE);
    assert_true(info.timer_in == WEIR_TIME_NEVER);
    assert_memory_equal(&info.handle, &h, sizeof h);
    assert_int_equal(info.bytes_received, 0);
    assert_int_equal(info.bytes_acked, 0);
    assert_int_equal(info.receive_queue_bytes, 0);
    assert_int_equal(info.ssthresh_bytes, UINT32_MAX);
    assert_int_equal(weir_tcp_listen(p->side[0].stack, h, 3), WEIR_OK);
    pair_run(p, 10 * S);
    info = info_of(p, 0, h);
    assert_int_equal(info.state, WEIR_TCP_LISTEN);
    assert_int_equal(info.accept_queue_max, 3);
    assert_int_equal(info.accept_queue, 0);
    assert_int_equal(info.backlog, 0);
    assert_true(info.age == 10 * S);
    assert_int_equal(weir_tcp_close(p->side[0].stack, h), WEIR_OK);
    pair_close(p);
}

static void test_an_established_connection(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    struct weir_tcp_info a = info_of(p, 0, c.h[0]), b = info_of(p, 1, c.h[1]);
    assert_int_equal(a.state, WEIR_TCP_ESTABLISHED);
    assert_true(a.active && !b.active && !a.orphan);
    assert_true(same(a.local, "10.0.0.1") && same(a.remote, "10.0.0.2"));
    assert_true(same(b.local, "10.0.0.2") && same(b.remote, "10.0.0.1"));
    assert_int_equal(a.remote_port, 80);
    assert_int_equal(b.local_port, 80);
    assert_int_equal(b.remote_port, a.local_port);
    assert_int_equal(a.ifindex, 1);
    assert_int_equal(b.user, 7);
    /* What one sends is what the other receives. */
    assert_int_equal(a.iss, b.irs);
    assert_int_equal(b.iss, a.irs);
    assert_int_equal(a.snd_una, a.iss + 1);
    assert_int_equal(a.snd_nxt, a.iss + 1);
    assert_int_equal(a.snd_max, a.iss + 1);
    assert_int_equal(b.rcv_nxt, a.iss + 1);
    assert_int_equal(a.snd_scale, b.rcv_scale);
    assert_int_equal(b.snd_scale, a.rcv_scale);
    assert_int_equal(a.snd_wnd_bytes >> a.snd_scale, b.rcv_wnd_bytes >> a.snd_scale);
    assert_true(a.snd_wnd_bytes_max >= a.snd_wnd_bytes && a.snd_wnd_bytes > 0);
    assert_int_equal(a.options, WEIR_TCP_HAS_TIMESTAMPS | WEIR_TCP_HAS_SACK |
                                    WEIR_TCP_HAS_WINDOW_SCALE);
    assert_int_equal(a.options, b.options);
    assert_int_equal(a.path_mtu_bytes, PAIR_MTU);
    assert_int_equal(a.peer_mss_bytes, PAIR_MTU - 40);
    assert_int_equal(a.snd_mss_bytes, PAIR_MTU - 40 - 12);
    assert_int_equal(a.cwnd_bytes, 10 * a.snd_mss_bytes); /* RFC 6928 */
    assert_int_equal(a.ssthresh_bytes, UINT32_MAX);
    assert_int_equal(a.recovery, WEIR_TCP_OPEN);
    assert_in_range(a.srtt_us, 9900, 10200); /* twice 5 ms */
    assert_in_range(a.rtt_us_min, 9900, 10200);
    assert_in_range(a.rttvar_us, 4900, 5200); /* RFC 6298 2.2: half of it */
    assert_int_equal(a.rto_us, 200000);       /* the floor */
    assert_int_equal(a.timer, WEIR_TCP_TIMER_NONE);
    assert_int_equal(a.segments_out, 2); /* SYN, ACK */
    assert_int_equal(a.segments_in, 1);
    assert_true(a.age >= 200 * MS && a.age <= 1200 * MS);
    assert_true(a.idle == 190 * MS);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_what_was_agreed_on_is_what_both_offered(void **state)
{
    (void)state;
    static const struct {
        enum weir_tcp_setting setting;
        unsigned bit;
    } rows[] = {{WEIR_TCP_TIMESTAMPS, WEIR_TCP_HAS_TIMESTAMPS},
                {WEIR_TCP_SACK, WEIR_TCP_HAS_SACK},
                {WEIR_TCP_WINDOW_SCALE, WEIR_TCP_HAS_WINDOW_SCALE}};
    for (unsigned i = 0; i < 6; i++) {
        struct pair *p = pair_open();
        struct pair_conn c = {.listener = pair_endpoint(p, 1, 80)};
        unsigned all = WEIR_TCP_HAS_TIMESTAMPS | WEIR_TCP_HAS_SACK | WEIR_TCP_HAS_WINDOW_SCALE;
        c.h[0] = pair_endpoint(p, 0, 0);
        assert_int_equal(weir_tcp_set(p->side[i % 2].stack, i % 2 == 0 ? c.h[0] : c.listener,
                                      rows[i / 2].setting, 0),
                         WEIR_OK);
        assert_int_equal(weir_tcp_listen(p->side[1].stack, c.listener, 1), WEIR_OK);
        pair_begin(p, c.h[0], "10.0.0.2", 80);
        pair_run(p, S);
        assert_int_equal(weir_tcp_accept(p->side[1].stack, c.listener, 0, &c.h[1]), WEIR_OK);
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(info_of(p, k, c.h[k]).options, all & ~rows[i / 2].bit);
        pair_abort_all(p, &c);
        pair_close(p);
    }
}

static void test_queues_are_counted_in_bytes_of_the_stream(void **state)
{
    (void)state;
    static uint8_t bytes[100000];
    struct pair *p = pair_open();
    weir_stack *sa = p->side[0].stack, *sb = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_send(sa, c.h[0], bytes, 50000, WEIR_TCP_END), 50000);
    struct weir_tcp_info a = info_of(p, 0, c.h[0]);
    assert_int_equal(a.send_queue_bytes, 50000);
    assert_int_equal(a.unsent_bytes, 50000);
    assert_int_equal(a.in_flight_bytes, 0);
    pair_output(p, 0);
    a = info_of(p, 0, c.h[0]);
    assert_int_equal(a.in_flight_bytes, a.cwnd_bytes); /* what the window lets go */
    assert_int_equal(a.unsent_bytes, 50000 - a.cwnd_bytes);
    assert_int_equal(a.snd_max - a.snd_una, a.in_flight_bytes);
    assert_int_equal(a.timer, WEIR_TCP_TIMER_RETRANSMIT);
    assert_in_range(a.timer_in, 190 * MS, 200 * MS);
    pair_run(p, S);
    a = info_of(p, 0, c.h[0]);
    struct weir_tcp_info b = info_of(p, 1, c.h[1]);
    assert_int_equal(a.send_queue_bytes, 0);
    assert_int_equal(a.unsent_bytes, 0);
    assert_int_equal(a.in_flight_bytes, 0);
    assert_int_equal(a.bytes_acked, 50000); /* FIN is no byte */
    assert_int_equal(b.bytes_received, 50000);
    assert_int_equal(b.receive_queue_bytes, 50000);
    assert_int_equal(b.rcv_mss_bytes, a.snd_mss_bytes);
    assert_int_equal(a.bytes_retransmitted, 0);
    assert_int_equal(weir_tcp_receive(sb, c.h[1], bytes, 20000, 0), 20000);
    assert_int_equal(info_of(p, 1, c.h[1]).receive_queue_bytes, 30000);
    pair_abort_all(p, &c);
    pair_close(p);
}

struct once {
    unsigned nth, seen;
};

/* Lose one packet with data. */
static bool lose_nth(struct pair *p, unsigned from, const uint8_t *packet, size_t len)
{
    struct once *o = p->ctx;
    (void)packet;
    return from == 0 && len > 1000 && ++o->seen == o->nth;
}

static void test_a_loss_shows_in_the_counters(void **state)
{
    (void)state;
    static uint8_t bytes[20000];
    struct once once = {.nth = 3};
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    p->ctx = &once;
    p->lose = lose_nth;
    uint32_t mss = info_of(p, 0, c.h[0]).snd_mss_bytes;
    assert_int_equal(weir_tcp_send(p->side[0].stack, c.h[0], bytes, 8 * mss, 0), 8 * mss);
    pair_output(p, 0);
    pair_run(p, DELAY); /* what was not lost has arrived */
    struct weir_tcp_info b = info_of(p, 1, c.h[1]);
    assert_int_equal(b.receive_queue_bytes, 2 * mss);
    assert_int_equal(b.reassembly_bytes, 5 * mss);
    assert_int_equal(b.reassembly_ranges, 1);
    pair_run(p, S);
    struct weir_tcp_info a = info_of(p, 0, c.h[0]);
    b = info_of(p, 1, c.h[1]);
    assert_int_equal(b.receive_queue_bytes, 8 * mss);
    assert_int_equal(b.reassembly_bytes, 0);
    assert_int_equal(b.reassembly_ranges, 0);
    assert_int_equal(a.fast_retransmits, 1);
    assert_int_equal(a.retransmits, 1);
    assert_int_equal(a.bytes_retransmitted, mss);
    assert_int_equal(a.timeouts, 0);
    assert_true(a.ssthresh_bytes < UINT32_MAX);
    struct weir_tcp_stats stats;
    weir_tcp_stats(p->side[0].stack, &stats);
    assert_int_equal(stats.segments_retransmitted, 1);
    assert_int_equal(stats.fast_retransmits, 1);
    pair_abort_all(p, &c);
    pair_close(p);
}

static bool lose_all(struct pair *p, unsigned from, const uint8_t *packet, size_t len)
{
    (void)p, (void)from, (void)packet, (void)len;
    return true;
}

static void test_timers_show_as_what_they_are(void **state)
{
    (void)state;
    static uint8_t bytes[70000];
    struct pair *p = pair_open();
    weir_stack *sa = p->side[0].stack, *sb = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_set(sa, c.h[0], WEIR_TCP_KEEPALIVE, 1), WEIR_OK);
    struct weir_tcp_info a = info_of(p, 0, c.h[0]);
    assert_int_equal(a.timer, WEIR_TCP_TIMER_KEEPALIVE);
    assert_in_range(a.timer_in, 7199 * S, 7200 * S);
    assert_int_equal(weir_tcp_set(sa, c.h[0], WEIR_TCP_CORK, 1), WEIR_OK);
    assert_int_equal(pair_send(p, 0, &c, "x", 0), 1);
    pair_run(p, 10 * MS);
    a = info_of(p, 0, c.h[0]);
    assert_int_equal(a.timer, WEIR_TCP_TIMER_CORK);
    assert_int_equal(weir_tcp_set(sa, c.h[0], WEIR_TCP_CORK, 0), WEIR_OK);
    pair_run(p, S);
    pair_expect(p, 1, &c, "x");
    /* Acknowledgments are delayed when the connection is no longer new. */
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(pair_send(p, 0, &c, "x", 0), 1);
        pair_run(p, 100 * MS);
        pair_expect(p, 1, &c, "x");
    }
    assert_int_equal(pair_send(p, 0, &c, "x", 0), 1);
    pair_run(p, DELAY);
    struct weir_tcp_info b = info_of(p, 1, c.h[1]);
    assert_int_equal(b.timer, WEIR_TCP_TIMER_DELAYED_ACK);
    assert_in_range(b.timer_in, 39 * MS, 40 * MS);
    pair_run(p, S);
    pair_expect(p, 1, &c, "x");
    /* A window that closes. */
    assert_int_equal(weir_tcp_set(sb, c.h[1], WEIR_TCP_RECEIVE_BYTES_MAX, 2048), WEIR_OK);
    size_t sent = 0;
    for (unsigned i = 0; i < 40; i++) {
        int n = weir_tcp_send(sa, c.h[0], bytes, sizeof bytes, 0);
        sent += n > 0 ? (size_t)n : 0;
        pair_run(p, S);
    }
    assert_true(sent > 0);
    a = info_of(p, 0, c.h[0]);
    assert_int_equal(a.timer, WEIR_TCP_TIMER_PERSIST);
    assert_int_equal(a.snd_wnd_bytes, 0);
    assert_int_equal(info_of(p, 1, c.h[1]).rcv_wnd_bytes, 0);
    /* Timeouts double. */
    p->lose = lose_all;
    assert_int_equal(pair_send(p, 1, &c, "lost", 0), 4);
    pair_run(p, 2 * S);
    b = info_of(p, 1, c.h[1]);
    assert_int_equal(b.timer, WEIR_TCP_TIMER_RETRANSMIT);
    assert_true(b.timeouts >= 2 && b.backoff == b.timeouts && b.retransmits == b.timeouts);
    assert_int_equal(b.rto_us, 200000U << b.backoff);
    assert_int_equal(b.recovery, WEIR_TCP_LOSS);
    p->lose = NULL;
    pair_abort_all(p, &c);
    pair_close(p);
}

static unsigned count_states(struct pair *p, unsigned k, unsigned state)
{
    struct weir_tcp_info info;
    uint64_t cursor = 0;
    unsigned n = 0;
    while (weir_tcp_next(p->side[k].stack, &cursor, &info))
        n += info.state == state;
    return n;
}

static void test_the_walk_sees_endpoints_and_records(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *sa = p->side[0].stack, *sb = p->side[1].stack;
    struct weir_tcp_info info;
    uint64_t cursor = 0;
    assert_false(weir_tcp_next(sa, &cursor, &info));
    struct pair_conn c = pair_connect(p);
    assert_int_equal(count_states(p, 0, WEIR_TCP_ESTABLISHED), 1);
    assert_int_equal(count_states(p, 1, WEIR_TCP_ESTABLISHED), 1);
    assert_int_equal(count_states(p, 1, WEIR_TCP_LISTEN), 1);

    /* A handshake on its way. */
    weir_handle h = pair_endpoint(p, 0, 0);
    pair_begin(p, h, "10.0.0.2", 80);
    pair_run(p, DELAY);
    assert_int_equal(count_states(p, 0, WEIR_TCP_SYN_SENT), 1);
    assert_int_equal(count_states(p, 1, WEIR_TCP_SYN_RECEIVED), 1);
    assert_int_equal(info_of(p, 1, c.listener).backlog, 1);
    for (cursor = 0; weir_tcp_next(sb, &cursor, &info);)
        if (info.state == WEIR_TCP_SYN_RECEIVED) {
            struct weir_tcp_info sent = info_of(p, 0, h);
            assert_int_equal(info.handle.generation, 0);
            assert_int_equal(info.irs, sent.iss);
            assert_int_equal(info.remote_port, sent.local_port);
            assert_int_equal(info.local_port, 80);
            assert_int_equal(info.timer, WEIR_TCP_TIMER_RETRANSMIT);
            assert_in_range(info.timer_in, 990 * MS, 1000 * MS); /* RFC 6298 2.1 */
            assert_int_equal(info.ifindex, 1);
        }
    pair_run(p, S);
    /* It waits to be accepted: nobody has its handle. */
    assert_int_equal(count_states(p, 1, WEIR_TCP_ESTABLISHED), 2);
    assert_int_equal(info_of(p, 1, c.listener).accept_queue, 1);
    unsigned nameless = 0;
    for (cursor = 0; weir_tcp_next(sb, &cursor, &info);)
        nameless += info.handle.generation == 0;
    assert_int_equal(nameless, 1);
    assert_int_equal(weir_tcp_abort(sa, h), WEIR_OK);
    pair_run(p, S);

    /* An orphan, and TIME-WAIT. */
    assert_int_equal(weir_tcp_close(sa, c.h[0]), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(count_states(p, 0, WEIR_TCP_FIN_WAIT_2), 1);
    for (cursor = 0; weir_tcp_next(sa, &cursor, &info);)
        if (info.state == WEIR_TCP_FIN_WAIT_2) {
            assert_true(info.orphan && info.handle.generation == 0);
            assert_int_equal(info.timer, WEIR_TCP_TIMER_FIN_WAIT_2);
            assert_in_range(info.timer_in, 58 * S, 60 * S);
        }
    assert_int_equal(weir_tcp_close(sb, c.h[1]), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(count_states(p, 0, WEIR_TCP_TIME_WAIT), 1);
    for (cursor = 0; weir_tcp_next(sa, &cursor, &info);)
        if (info.state == WEIR_TCP_TIME_WAIT) {
            assert_int_equal(info.remote_port, 80);
            assert_int_equal(info.timer, WEIR_TCP_TIMER_TIME_WAIT);
            assert_in_range(info.timer_in, 58 * S, 60 * S);
        }
    assert_int_equal(weir_tcp_close(sb, c.listener), WEIR_OK);
    pair_close(p);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(weir_tcp_state_name(WEIR_TCP_SYN_RECEIVED), "SYN-RECEIVED");
    assert_string_equal(weir_tcp_state_name(WEIR_TCP_TIME_WAIT), "TIME-WAIT");
    assert_string_equal(weir_tcp_state_name(0), "?");
    assert_string_equal(weir_tcp_state_name(WEIR_TCP_TIME_WAIT + 1), "?");
    assert_string_equal(weir_tcp_recovery_name(WEIR_TCP_LOSS), "loss");
    assert_string_equal(weir_tcp_recovery_name(WEIR_TCP_LOSS + 1), "?");
    assert_string_equal(weir_tcp_timer_name(WEIR_TCP_TIMER_FIN_WAIT_2), "fin-wait-2");
    assert_string_equal(weir_tcp_timer_name(WEIR_TCP_TIMER_ORPHAN + 1), "?");
    assert_string_equal(weir_tcp_setting_name(WEIR_TCP_NODELAY), "NODELAY");
    assert_non_null(weir_tcp_setting_text(WEIR_TCP_RTO_MIN_MS));
    assert_null(weir_tcp_setting_name(WEIR_TCP_SETTING_COUNT));
    assert_null(weir_tcp_setting_text(WEIR_TCP_SETTING_COUNT));
    struct weir_tcp_stats stats = {.active_opens = 11, .quiet_held = 22}; /* first and last */
    unsigned n = 0;
    while (weir_tcp_counter_name(n) != NULL)
        assert_non_null(weir_tcp_counter_text(n++));
    assert_int_equal(n, sizeof stats / sizeof(uint64_t));
    assert_string_equal(weir_tcp_counter_name(0), "active_opens");
    assert_int_equal(weir_tcp_counter(&stats, 0), 11);
    assert_int_equal(weir_tcp_counter(&stats, n - 1), 22);
    assert_int_equal(weir_tcp_counter(&stats, n), 0);
    assert_null(weir_tcp_counter_text(n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_endpoint_and_a_listener),
        cmocka_unit_test(test_an_established_connection),
        cmocka_unit_test(test_what_was_agreed_on_is_what_both_offered),
        cmocka_unit_test(test_queues_are_counted_in_bytes_of_the_stream),
        cmocka_unit_test(test_a_loss_shows_in_the_counters),
        cmocka_unit_test(test_timers_show_as_what_they_are),
        cmocka_unit_test(test_the_walk_sees_endpoints_and_records),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("info", tests, NULL, NULL);
}
