/* SPDX-License-Identifier: MIT
 * The ends of connections: RFC 9293 3.6, 3.10.4, 3.10.5, RFC 2525 2.16 and 2.17. */
#include "pair.h"

static int end_of(struct pair *p, unsigned k, const struct pair_conn *c)
{
    char byte;
    return weir_tcp_receive(p->side[k].stack, c->h[k], &byte, 1, 0);
}

static unsigned waits(const struct pair *p, unsigned k)
{
    return p->side[k].stack->tcp.waits.in_use;
}

/* ---- in order ---- */

/* RFC 9293 figure 12. */
static void test_a_normal_close_passes_through_the_states(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_ESTABLISHED);
    assert_int_equal(pair_state(p, 1, c.h[1]), WEIR_TCP_ESTABLISHED);
    assert_int_equal(weir_tcp_shutdown(a, c.h[0], WEIR_TCP_SHUT_SEND), WEIR_OK);
    assert_int_equal(weir_tcp_shutdown(a, c.h[0], WEIR_TCP_SHUT_SEND), WEIR_OK);
    assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_FIN_WAIT_1);
    pair_run(p, S);
    assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_FIN_WAIT_2);
    assert_int_equal(pair_state(p, 1, c.h[1]), WEIR_TCP_CLOSE_WAIT);
    assert_int_equal(pair_told(p, 1, c.h[1]).bits, WEIR_EVENT_PEER_CLOSED | WEIR_EVENT_READABLE);
    assert_int_equal(end_of(p, 1, &c), 0);
    assert_int_equal(end_of(p, 1, &c), 0);
    assert_int_equal(weir_tcp_shutdown(b, c.h[1], WEIR_TCP_SHUT_SEND), WEIR_OK);
    assert_int_equal(pair_state(p, 1, c.h[1]), WEIR_TCP_LAST_ACK);
    pair_run(p, S);
    assert_int_equal(waits(p, 0), 1);
    assert_int_equal(waits(p, 1), 0);
    struct pair_told told = pair_told(p, 0, c.h[0]);
    assert_int_equal(told.bits,
                     WEIR_EVENT_PEER_CLOSED | WEIR_EVENT_READABLE | WEIR_EVENT_CLOSED);
    assert_int_equal(told.error, WEIR_OK);
    told = pair_told(p, 1, c.h[1]);
    assert_int_equal(told.bits, WEIR_EVENT_CLOSED);
    assert_int_equal(told.error, WEIR_OK);
    assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_CLOSED);
    assert_int_equal(end_of(p, 0, &c), 0);
    assert_int_equal(weir_tcp_send(a, c.h[0], "x", 1, 0), WEIR_E_CLOSED);
    struct weir_tcp_stats stats;
    weir_tcp_stats(a, &stats);
    assert_int_equal(stats.established_resets + stats.attempt_fails + stats.resets_out, 0);
    pair_run(p, 59 * S);
    assert_int_equal(waits(p, 0), 1);
    pair_run(p, 2 * S);
    assert_int_equal(waits(p, 0), 0);
    pair_abort_all(p, &c);
    pair_close(p);
}

/* RFC 9293 figure 13. */
static void test_both_may_close_at_one_time(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    for (unsigned k = 0; k < 2; k++)
        assert_int_equal(weir_tcp_shutdown(p->side[k].stack, c.h[k], WEIR_TCP_SHUT_SEND), WEIR_OK);
    pair_run(p, DELAY); /* the FINs have crossed; their ACKs are on their way */
    for (unsigned k = 0; k < 2; k++)
        assert_int_equal(pair_state(p, k, c.h[k]), WEIR_TCP_CLOSING);
    pair_run(p, S);
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(waits(p, k), 1);
        assert_int_equal(pair_told(p, k, c.h[k]).error, WEIR_OK);
        assert_int_equal(end_of(p, k, &c), 0);
    }
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_a_half_closed_connection_still_receives(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    assert_int_equal(pair_send(p, 0, &c, "question", WEIR_TCP_END), 8);
    pair_run(p, S);
    pair_expect(p, 1, &c, "question");
    assert_int_equal(end_of(p, 1, &c), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pair_send(p, 1, &c, "answer", 0), 6);
        pair_run(p, 100 * S); /* as long as it is held, FIN-WAIT-2 has no end */
        pair_expect(p, 0, &c, "answer");
    }
    assert_int_equal(weir_tcp_close(p->side[1].stack, c.h[1]), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(end_of(p, 0, &c), 0);
    assert_int_equal(pair_told(p, 0, c.h[0]).error, WEIR_OK);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_fin_follows_all_data_however_long_it_takes(void **state)
{
    (void)state;
    static uint8_t bytes[100000], got[100001];
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 11 + i / 253);
    assert_int_equal(weir_tcp_set(b, c.h[1], WEIR_TCP_RECEIVE_BYTES_MAX, 5000), WEIR_OK);
    assert_int_equal(weir_tcp_send(a, c.h[0], bytes, sizeof bytes, WEIR_TCP_END), sizeof bytes);
    assert_int_equal(weir_tcp_close(a, c.h[0]), WEIR_OK); /* nobody waits for it any more */
    size_t received = 0;
    int n = 1;
    for (unsigned round = 0; round < 5000 && n != 0; round++) {
        pair_run(p, 30 * MS);
        n = weir_tcp_receive(b, c.h[1], got + received, sizeof got - received, 0);
        assert_true(n >= 0 || n == WEIR_E_WOULD_BLOCK);
        received += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(n, 0);
    assert_int_equal(received, sizeof bytes);
    assert_memory_equal(got, bytes, sizeof bytes);
    assert_int_equal(weir_tcp_close(b, c.h[1]), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(pair_told(p, 0, c.h[0]).error, WEIR_OK);
    assert_int_equal(weir_tcp_close(b, c.listener), WEIR_OK);
    pair_close(p);
}

static void test_data_and_end_before_the_handshake_go_with_it(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = {.listener = pair_listen(p, 1, 80, 1)};
    c.h[0] = pair_endpoint(p, 0, 0);
    pair_begin(p, c.h[0], "10.0.0.2", 80);
    assert_int_equal(pair_send(p, 0, &c, "all of it", WEIR_TCP_END), 9);
    assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_SYN_SENT);
    pair_run(p, S);
    assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_FIN_WAIT_2);
    assert_int_equal(weir_tcp_accept(p->side[1].stack, c.listener, 0, &c.h[1]), WEIR_OK);
    pair_expect(p, 1, &c, "all of it");
    assert_int_equal(end_of(p, 1, &c), 0);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_what_was_not_read_outlives_the_connection(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    assert_int_equal(pair_send(p, 1, &c, "last words", WEIR_TCP_END), 10);
    assert_int_equal(weir_tcp_shutdown(p->side[0].stack, c.h[0], WEIR_TCP_SHUT_SEND), WEIR_OK);
    pair_run(p, 100 * S); /* TIME-WAIT is over, too */
    struct pair_told told = pair_told(p, 0, c.h[0]);
    assert_true((told.bits & WEIR_EVENT_CLOSED) != 0);
    assert_int_equal(told.error, WEIR_OK);
    pair_expect(p, 0, &c, "last words");
    assert_int_equal(end_of(p, 0, &c), 0);
    assert_int_equal(weir_tcp_ready(p->side[0].stack, c.h[0]) & WEIR_EVENT_READABLE,
                     WEIR_EVENT_READABLE);
    pair_abort_all(p, &c);
    pair_close(p);
}

/* ---- with a reset ---- */

static void test_abort_resets_and_forgets_the_queue(void **state)
{
    (void)state;
    static uint8_t bytes[100000];
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_send(a, c.h[0], bytes, sizeof bytes, 0), sizeof bytes);
    pair_run(p, 2 * DELAY);
    assert_int_equal(weir_tcp_abort(a, c.h[0]), WEIR_OK);
    struct pair_told told = pair_told(p, 0, c.h[0]);
    assert_int_equal(told.bits, WEIR_EVENT_CLOSED);
    assert_int_equal(told.error, WEIR_E_ABORTED);
    pair_run(p, S);
    assert_int_equal(a->blocks.bytes_in_use, 0);
    assert_true((p->side[0].last.flags & TCP_RST) != 0);
    told = pair_told(p, 1, c.h[1]);
    assert_true((told.bits & WEIR_EVENT_CLOSED) != 0);
    assert_int_equal(told.error, WEIR_E_RESET);
    /* The unread data is thrown away, and the reason is told once (RFC 9293 3.10.7.4). */
    assert_int_equal(end_of(p, 1, &c), WEIR_E_RESET);
    assert_int_equal(end_of(p, 1, &c), WEIR_E_CLOSED);
    assert_int_equal(weir_tcp_shutdown(b, c.h[1], WEIR_TCP_SHUT_SEND), WEIR_E_NOT_CONNECTED);
    struct weir_tcp_stats stats;
    for (unsigned k = 0; k < 2; k++) {
        weir_tcp_stats(p->side[k].stack, &stats);
        assert_int_equal(stats.established_resets, 1);
    }
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_closing_with_unread_data_resets(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(pair_send(p, 0, &c, "never read", 0), 10);
    pair_run(p, S);
    assert_int_equal(weir_tcp_close(b, c.h[1]), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(pair_told(p, 0, c.h[0]).error, WEIR_E_RESET);
    struct weir_tcp_stats stats;
    weir_tcp_stats(b, &stats);
    assert_int_equal(stats.closed_with_data, 1);
    assert_int_equal(stats.resets_out, 1);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_data_after_close_resets(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_close(b, c.h[1]), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_CLOSE_WAIT);
    assert_int_equal(pair_send(p, 0, &c, "too late", 0), 8);
    pair_run(p, S);
    assert_int_equal(pair_told(p, 0, c.h[0]).error, WEIR_E_RESET);
    assert_int_equal(pair_told(p, 1, c.h[1]).error, WEIR_E_ABORTED);
    struct weir_tcp_stats stats;
    weir_tcp_stats(b, &stats);
    assert_int_equal(stats.closed_with_data, 1);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_shut_receive_throws_away_and_acknowledges(void **state)
{
    (void)state;
    static uint8_t bytes[400000];
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(pair_send(p, 0, &c, "unread", 0), 6);
    pair_run(p, S);
    assert_int_equal(weir_tcp_shutdown(b, c.h[1], WEIR_TCP_SHUT_RECEIVE), WEIR_OK);
    assert_int_equal(end_of(p, 1, &c), WEIR_E_CLOSED);
    size_t sent = 0;
    for (unsigned round = 0; round < 200 && sent < sizeof bytes; round++) {
        int n = weir_tcp_send(a, c.h[0], bytes + sent, sizeof bytes - sent, 0);
        sent += n > 0 ? (size_t)n : 0;
        pair_run(p, 20 * MS);
    }
    assert_int_equal(sent, sizeof bytes);
    pair_run(p, S);
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_info(a, c.h[0], &info), WEIR_OK);
    assert_int_equal(info.send_queue_bytes, 0); /* all of it was acknowledged */
    assert_int_equal(b->blocks.bytes_in_use, 0);
    assert_int_equal(pair_send(p, 1, &c, "still talking", 0), 13);
    pair_run(p, S);
    pair_expect(p, 0, &c, "still talking");
    assert_int_equal(weir_tcp_shutdown(b, c.h[1], 0), WEIR_E_INVALID);
    assert_int_equal(weir_tcp_shutdown(b, c.h[1], 4), WEIR_E_INVALID);
    /* It was told that nobody reads: closing is no loss. */
    assert_int_equal(weir_tcp_close(b, c.h[1]), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_CLOSE_WAIT);
    pair_abort_all(p, &c);
    pair_close(p);
}

/* ---- before it begins ---- */

static bool lose_all(struct pair *p, unsigned from, const uint8_t *packet, size_t len)
{
    (void)p, (void)from, (void)packet, (void)len;
    return true;
}

static void test_closing_in_syn_sent_forgets_it(void **state)
{
    (void)state;
    for (unsigned abort = 0; abort < 2; abort++) {
        struct pair *p = pair_open();
        weir_stack *a = p->side[0].stack;
        weir_handle h = pair_endpoint(p, 0, 0);
        p->lose = lose_all;
        pair_begin(p, h, "10.0.0.2", 80);
        pair_run(p, 100 * MS);
        unsigned sent = p->side[0].sent;
        assert_int_equal(abort ? weir_tcp_abort(a, h) : weir_tcp_close(a, h), WEIR_OK);
        pair_run(p, 100 * S);
        assert_int_equal(p->side[0].sent, sent); /* no RST: RFC 9293 3.10.4, 3.10.5 */
        assert_int_equal(pair_told(p, 0, h).error, abort ? WEIR_E_ABORTED : WEIR_OK);
        struct weir_tcp_stats stats;
        weir_tcp_stats(a, &stats);
        assert_int_equal(stats.attempt_fails, 1);
        assert_int_equal(stats.active_opens, 1);
        pair_close(p);
    }
}

static void test_a_syn_that_nobody_answers_times_out(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_handle h = pair_endpoint(p, 0, 0);
    p->lose = lose_all;
    weir_time begun = p->now;
    pair_begin(p, h, "10.0.0.2", 80);
    struct pair_told told = {.bits = 0};
    while ((told.bits & WEIR_EVENT_CLOSED) == 0 && p->now < begun + 2000 * S) {
        pair_run(p, S);
        told = pair_told(p, 0, h);
    }
    assert_int_equal(told.error, WEIR_E_TIMED_OUT);
    assert_true(p->now - begun >= 180 * S); /* MUST-23: R2 for a SYN is 3 minutes at least */
    assert_int_equal(weir_tcp_close(p->side[0].stack, h), WEIR_OK);
    pair_close(p);
}

/* RFC 9293 figure 7. */
static void test_both_may_open_at_one_time(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct weir_addr remote[2] = {pair_addr("10.0.0.2"), pair_addr("10.0.0.1")};
    struct pair_conn c;
    for (unsigned k = 0; k < 2; k++) {
        c.h[k] = pair_endpoint(p, k, 600);
        assert_int_equal(weir_tcp_connect(p->side[k].stack, c.h[k], &remote[k], 600), WEIR_OK);
    }
    pair_run(p, DELAY);
    for (unsigned k = 0; k < 2; k++)
        assert_int_equal(pair_state(p, k, c.h[k]), WEIR_TCP_SYN_RECEIVED);
    pair_run(p, S);
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(pair_state(p, k, c.h[k]), WEIR_TCP_ESTABLISHED);
        assert_true((pair_told(p, k, c.h[k]).bits & WEIR_EVENT_CONNECTED) != 0);
        assert_int_equal(pair_send(p, k, &c, "hello", WEIR_TCP_END), 5);
    }
    pair_run(p, S);
    for (unsigned k = 0; k < 2; k++) {
        pair_expect(p, k, &c, "hello");
        assert_int_equal(end_of(p, k, &c), 0);
        assert_int_equal(weir_tcp_close(p->side[k].stack, c.h[k]), WEIR_OK);
    }
    pair_close(p);
}

/* ---- nobody holds it any more ---- */

static void test_an_orphan_gives_up_in_fin_wait_2(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_close(a, c.h[0]), WEIR_OK);
    pair_run(p, 59 * S);
    assert_int_equal(a->tcp.conns.in_use, 1);
    assert_int_equal(pair_told(p, 0, c.h[0]).bits, 0);
    pair_run(p, 2 * S);
    assert_int_equal(pair_told(p, 0, c.h[0]).bits, WEIR_EVENT_CLOSED);
    assert_int_equal(a->tcp.conns.in_use, 0);
    struct weir_tcp_stats stats;
    weir_tcp_stats(a, &stats);
    assert_int_equal(stats.fin_wait_2_given_up, 1);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_an_orphan_in_fin_wait_2_since_long_gets_its_minute(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_shutdown(a, c.h[0], WEIR_TCP_SHUT_SEND), WEIR_OK);
    pair_run(p, 300 * S);
    assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_FIN_WAIT_2);
    assert_int_equal(weir_tcp_close(a, c.h[0]), WEIR_OK);
    pair_run(p, 59 * S);
    assert_int_equal(a->tcp.conns.in_use, 1);
    pair_run(p, 2 * S);
    assert_int_equal(pair_told(p, 0, c.h[0]).bits, WEIR_EVENT_CLOSED);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_a_released_endpoint_tells_nothing_but_its_end(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_close(p->side[0].stack, c.h[0]), WEIR_OK);
    assert_int_equal(weir_tcp_close(p->side[1].stack, c.h[1]), WEIR_OK);
    pair_run(p, S);
    for (unsigned k = 0; k < 2; k++) {
        struct pair_told told = pair_told(p, k, c.h[k]);
        assert_int_equal(told.bits, WEIR_EVENT_CLOSED);
        assert_int_equal(told.error, WEIR_OK);
        assert_int_equal(weir_tcp_close(p->side[k].stack, c.h[k]), WEIR_E_STALE);
    }
    assert_int_equal(weir_tcp_close(p->side[1].stack, c.listener), WEIR_OK);
    pair_close(p);
}

static void test_the_port_comes_back_when_the_connection_ends(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    struct weir_tcp_config config = {
        .size = sizeof config, .port = 700, .address = pair_addr("10.0.0.1")};
    struct weir_addr b = pair_addr("10.0.0.2");
    weir_handle h, other;
    assert_int_equal(weir_tcp_open(a, &config, &h), WEIR_OK);
    assert_int_equal(weir_tcp_connect(a, h, &b, 80), WEIR_OK);
    assert_int_equal(weir_tcp_open(a, &config, &other), WEIR_E_EXISTS);
    pair_run(p, S); /* refused */
    assert_int_equal(weir_tcp_open(a, &config, &other), WEIR_OK);
    assert_int_equal(weir_tcp_close(a, h), WEIR_OK);
    assert_int_equal(weir_tcp_close(a, other), WEIR_OK);
    pair_close(p);
}

/* RFC 9293 3.10.5: in LAST-ACK, with all sent, ABORT says nothing to the peer, who is done. */
static void test_abort_in_last_ack_is_silent_when_all_was_sent(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_shutdown(p->side[0].stack, c.h[0], WEIR_TCP_SHUT_SEND), WEIR_OK);
    pair_run(p, S);
    p->lose = lose_all;
    assert_int_equal(weir_tcp_shutdown(p->side[1].stack, c.h[1], WEIR_TCP_SHUT_SEND), WEIR_OK);
    pair_run(p, DELAY);
    assert_int_equal(pair_state(p, 1, c.h[1]), WEIR_TCP_LAST_ACK);
    unsigned sent = p->side[1].sent;
    assert_int_equal(weir_tcp_abort(p->side[1].stack, c.h[1]), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(p->side[1].sent, sent);
    p->lose = NULL;
    pair_abort_all(p, &c);
    pair_close(p);
}

/* ---- in the middle of waiting ---- */

static void test_whoever_waits_for_a_flight_may_go(void **state)
{
    (void)state;
    enum { N = 4 };
    struct weir_config config = pair_config();
    config.tcp_flights_max = 1;
    for (unsigned gone = 0; gone <= N; gone++) { /* which of them; the last time none */
        struct pair *p = pair_open_with(&config);
        weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
        weir_handle listener = pair_listen(p, 1, 80, 8), h[N], accepted;
        for (unsigned i = 0; i < N; i++) {
            h[i] = pair_endpoint(p, 0, 0);
            pair_begin(p, h[i], "10.0.0.2", 80);
        }
        pair_run(p, S);
        for (unsigned i = 0; i < N; i++)
            assert_int_equal(weir_tcp_send(a, h[i], "only one at a time", 18, 0), 18);
        pair_output(p, 0);
        assert_int_equal(a->tcp.flights.in_use, 1);
        if (gone < N)
            assert_int_equal(weir_tcp_abort(a, h[gone]), WEIR_OK);
        pair_check(p);
        pair_run(p, 2 * S);
        unsigned complete = 0;
        for (unsigned i = 0; i < N; i++) {
            char bytes[32];
            assert_int_equal(weir_tcp_accept(b, listener, 0, &accepted), WEIR_OK);
            complete += weir_tcp_receive(b, accepted, bytes, sizeof bytes, 0) == 18;
            assert_int_equal(weir_tcp_abort(b, accepted), WEIR_OK);
            if (i != gone)
                assert_int_equal(weir_tcp_abort(a, h[i]), WEIR_OK);
        }
        assert_int_equal(complete, gone < N ? N - 1 : N);
        assert_int_equal(weir_tcp_close(b, listener), WEIR_OK);
        pair_close(p);
    }
}

/* RFC 6191: a new connection of the same four corners takes the place of one in TIME-WAIT, and its
 * numbers are beyond those of the old one. */
static void test_a_connection_may_follow_itself_out_of_time_wait(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    weir_handle listener = pair_listen(p, 1, 80, 8);
    uint32_t used = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct pair_conn c = {.listener = listener};
        c.h[0] = pair_endpoint(p, 0, 900);
        pair_begin(p, c.h[0], "10.0.0.2", 80);
        struct weir_tcp_info info;
        assert_int_equal(weir_tcp_info(a, c.h[0], &info), WEIR_OK);
        if (i > 0)
            assert_true((int32_t)(info.iss - used) > 0);
        pair_run(p, S);
        assert_int_equal(weir_tcp_accept(b, listener, 0, &c.h[1]), WEIR_OK);
        assert_int_equal(pair_send(p, 0, &c, "again", WEIR_TCP_END), 5);
        pair_run(p, S);
        pair_expect(p, 1, &c, "again");
        assert_int_equal(weir_tcp_info(a, c.h[0], &info), WEIR_OK);
        used = info.snd_max;
        assert_int_equal(weir_tcp_close(b, c.h[1]), WEIR_OK);
        pair_run(p, 3 * S);
        assert_int_equal(waits(p, 0), 1);
        assert_int_equal(weir_tcp_close(a, c.h[0]), WEIR_OK);
    }
    struct weir_tcp_stats stats;
    weir_tcp_stats(a, &stats);
    assert_int_equal(stats.time_wait_reused, 2);
    /* Without timestamps nothing proves that an old segment is old. */
    weir_handle h = pair_endpoint(p, 0, 900);
    struct weir_addr to = pair_addr("10.0.0.2");
    assert_int_equal(weir_tcp_set(a, h, WEIR_TCP_TIMESTAMPS, 0), WEIR_OK);
    assert_int_equal(weir_tcp_connect(a, h, &to, 80), WEIR_E_EXISTS);
    assert_int_equal(weir_tcp_close(a, h), WEIR_OK);
    assert_int_equal(weir_tcp_close(b, listener), WEIR_OK);
    pair_close(p);
}

/* The clock of initial numbers runs at 250 KB/s; data may be faster. */
static void test_the_next_incarnation_begins_beyond_all_that_was_sent(void **state)
{
    (void)state;
    static uint8_t bytes[200000];
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    struct pair_conn c = {.listener = pair_listen(p, 1, 80, 8)};
    c.h[0] = pair_endpoint(p, 0, 900);
    pair_begin(p, c.h[0], "10.0.0.2", 80);
    pair_run(p, 100 * MS);
    assert_int_equal(weir_tcp_accept(b, c.listener, 0, &c.h[1]), WEIR_OK);
    size_t sent = 0;
    for (unsigned i = 0; i < 400 && sent < 3000000; i++) {
        int n = weir_tcp_send(a, c.h[0], bytes, sizeof bytes, 0);
        sent += n > 0 ? (size_t)n : 0;
        pair_run(p, 10 * MS);
        while (weir_tcp_receive(b, c.h[1], bytes, sizeof bytes, 0) > 0)
            ;
    }
    assert_true(sent >= 3000000);
    assert_int_equal(weir_tcp_shutdown(a, c.h[0], WEIR_TCP_SHUT_SEND), WEIR_OK);
    pair_run(p, 100 * MS);
    while (weir_tcp_receive(b, c.h[1], bytes, sizeof bytes, 0) > 0)
        ;
    struct weir_tcp_info old, new;
    assert_int_equal(weir_tcp_close(b, c.h[1]), WEIR_OK);
    assert_int_equal(weir_tcp_info(a, c.h[0], &old), WEIR_OK);
    pair_run(p, 2 * S);
    assert_int_equal(waits(p, 0), 1);
    assert_int_equal(weir_tcp_close(a, c.h[0]), WEIR_OK);
    c.h[0] = pair_endpoint(p, 0, 900);
    pair_begin(p, c.h[0], "10.0.0.2", 80);
    assert_int_equal(weir_tcp_info(a, c.h[0], &new), WEIR_OK);
    assert_true((int32_t)(new.iss - old.snd_max) > 0);
    pair_run(p, S);
    assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_ESTABLISHED);
    assert_int_equal(weir_tcp_accept(b, c.listener, 0, &c.h[1]), WEIR_OK);
    pair_abort_all(p, &c);
    pair_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_normal_close_passes_through_the_states),
        cmocka_unit_test(test_both_may_close_at_one_time),
        cmocka_unit_test(test_a_half_closed_connection_still_receives),
        cmocka_unit_test(test_fin_follows_all_data_however_long_it_takes),
        cmocka_unit_test(test_data_and_end_before_the_handshake_go_with_it),
        cmocka_unit_test(test_what_was_not_read_outlives_the_connection),
        cmocka_unit_test(test_abort_resets_and_forgets_the_queue),
        cmocka_unit_test(test_closing_with_unread_data_resets),
        cmocka_unit_test(test_data_after_close_resets),
        cmocka_unit_test(test_shut_receive_throws_away_and_acknowledges),
        cmocka_unit_test(test_closing_in_syn_sent_forgets_it),
        cmocka_unit_test(test_a_syn_that_nobody_answers_times_out),
        cmocka_unit_test(test_both_may_open_at_one_time),
        cmocka_unit_test(test_an_orphan_gives_up_in_fin_wait_2),
        cmocka_unit_test(test_an_orphan_in_fin_wait_2_since_long_gets_its_minute),
        cmocka_unit_test(test_a_released_endpoint_tells_nothing_but_its_end),
        cmocka_unit_test(test_the_port_comes_back_when_the_connection_ends),
        cmocka_unit_test(test_abort_in_last_ack_is_silent_when_all_was_sent),
        cmocka_unit_test(test_whoever_waits_for_a_flight_may_go),
        cmocka_unit_test(test_a_connection_may_follow_itself_out_of_time_wait),
        cmocka_unit_test(test_the_next_incarnation_begins_beyond_all_that_was_sent),
    };
    return cmocka_run_group_tests_name("close", tests, NULL, NULL);
}
