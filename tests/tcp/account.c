/* SPDX-License-Identifier: MIT
 * The accounts: each limit provoked for a known time, in virtual time, and booked to within 1 %; the
 * sum is the life of the connection; and the counters of RFC 4898. */
#include "pair.h"

enum { BYTES = 400000 };

static uint8_t bytes[BYTES];

static struct weir_tcp_info info_of(struct pair *p, unsigned k, const struct pair_conn *c)
{
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_info(p->side[k].stack, c->h[k], &info), WEIR_OK);
    assert_true(info.accounts);
    return info;
}

/* What was booked between two looks, in milliseconds; all of it together is the time between them. */
struct booked {
    int64_t ms[WEIR_TCP_LIMIT_COUNT];
};

static struct booked between(const struct weir_tcp_info *a, const struct weir_tcp_info *b,
                             weir_time time)
{
    struct booked booked;
    int64_t sum = 0;
    for (unsigned i = 0; i < WEIR_TCP_LIMIT_COUNT; i++) {
        booked.ms[i] = ((int64_t)b->limited_us[i] - (int64_t)a->limited_us[i]) / 1000;
        assert_true(booked.ms[i] >= 0);
        sum += booked.ms[i];
    }
    assert_int_equal(sum, time / MS);
    return booked;
}

/* All of `time` went to one limit, but for 1 %. */
static void assert_all(struct booked booked, enum weir_tcp_limit limit, weir_time time)
{
    for (unsigned i = 0; i < WEIR_TCP_LIMIT_COUNT; i++)
        if (i == limit)
            assert_in_range(booked.ms[i], time / MS - time / MS / 100, time / MS);
        else
            assert_in_range(booked.ms[i], 0, time / MS / 100);
}

/* Write all that is taken. */
static void fill(struct pair *p, const struct pair_conn *c)
{
    while (weir_tcp_send(p->side[0].stack, c->h[0], bytes, sizeof bytes, 0) > 0)
        continue;
}

/* Read all there is; answers how much. */
static size_t drain(struct pair *p, const struct pair_conn *c)
{
    static uint8_t got[65536];
    size_t sum = 0;
    int n;
    while ((n = weir_tcp_receive(p->side[1].stack, c->h[1], got, sizeof got, 0)) > 0)
        sum += (size_t)n;
    return sum;
}

static void finish(struct pair *p, const struct pair_conn *c)
{
    pair_abort_all(p, c);
    pair_close(p);
}

/* ---- the limits ---- */

static void test_an_idle_connection_is_limited_by_the_application(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_time begun = p->now;
    struct pair_conn c = pair_connect(p);
    struct weir_tcp_info a = info_of(p, 0, &c);
    pair_run(p, 100 * S);
    struct weir_tcp_info b = info_of(p, 0, &c);
    assert_all(between(&a, &b, 100 * S), WEIR_TCP_LIMIT_APPLICATION, 100 * S);
    assert_int_equal(b.limit, WEIR_TCP_LIMIT_APPLICATION);
    assert_int_equal(b.limited_count[WEIR_TCP_LIMIT_APPLICATION], 1);
    /* Established when the SYN,ACK came, after a round trip; the other side half of one later. */
    assert_int_equal(b.limited_us[0] / 1000, (p->now - begun) / MS - 10);
    assert_int_equal(info_of(p, 1, &c).limited_us[0] / 1000, (p->now - begun) / MS - 15);
    finish(p, &c);
}

static void test_a_closed_window_limits(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_set(p->side[1].stack, c.h[1], WEIR_TCP_RECEIVE_BYTES_MAX, 4096),
                     WEIR_OK);
    assert_int_equal(weir_tcp_send(p->side[0].stack, c.h[0], bytes, 100000, 0), 100000);
    pair_run(p, S); /* the first window was of 64 KB */
    struct weir_tcp_info a = info_of(p, 0, &c);
    assert_int_equal(a.limit, WEIR_TCP_LIMIT_WINDOW);
    pair_run(p, 50 * S);
    struct weir_tcp_info b = info_of(p, 0, &c);
    assert_all(between(&a, &b, 50 * S), WEIR_TCP_LIMIT_WINDOW, 50 * S);
    /* The window opens, is used at once, and closes again: nothing of that is booked otherwise. */
    size_t read = 0;
    for (unsigned i = 0; i < 20; i++) {
        read += drain(p, &c);
        pair_run(p, S);
    }
    a = info_of(p, 0, &c);
    struct booked booked = between(&b, &a, 20 * S);
    assert_int_equal(read, 100000);
    assert_int_equal(a.limit, WEIR_TCP_LIMIT_APPLICATION); /* all was taken in the end */
    assert_int_equal(booked.ms[WEIR_TCP_LIMIT_CWND] + booked.ms[WEIR_TCP_LIMIT_BUFFER], 0);
    assert_true(booked.ms[WEIR_TCP_LIMIT_WINDOW] >= 6000);
    finish(p, &c);
}

/* FIN waits for the window, too (RFC 9293 3.8.6.1: it takes a sequence number). */
static void test_a_fin_behind_a_closed_window_is_limited_by_it(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    uint32_t room = info_of(p, 1, &c).rcv_wnd_bytes;
    assert_int_equal(weir_tcp_set(p->side[1].stack, c.h[1], WEIR_TCP_RECEIVE_BYTES_MAX, 2048),
                     WEIR_OK);
    assert_int_equal(weir_tcp_send(p->side[0].stack, c.h[0], bytes, room, 0), room);
    pair_run(p, S);
    assert_int_equal(weir_tcp_shutdown(p->side[0].stack, c.h[0], WEIR_TCP_SHUT_SEND), WEIR_OK);
    pair_now(p);
    struct weir_tcp_info a = info_of(p, 0, &c);
    assert_int_equal(a.snd_wnd_bytes, 0);
    pair_run(p, 20 * S);
    struct weir_tcp_info b = info_of(p, 0, &c);
    assert_all(between(&a, &b, 20 * S), WEIR_TCP_LIMIT_WINDOW, 20 * S);
    finish(p, &c);
}

static bool lose_from_0(struct pair *p, unsigned from, const uint8_t *packet, size_t len)
{
    (void)p, (void)packet, (void)len;
    return from == 0;
}

/* After the first timeout one segment is allowed, which is out. */
static void test_recovery_is_limited_by_cwnd(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    p->lose = lose_from_0;
    assert_int_equal(weir_tcp_send(p->side[0].stack, c.h[0], bytes, 100000, 0), 100000);
    pair_now(p);
    struct weir_tcp_info a = info_of(p, 0, &c);
    assert_int_equal(a.limit, WEIR_TCP_LIMIT_CWND);
    pair_run(p, 40 * S);
    struct weir_tcp_info b = info_of(p, 0, &c);
    assert_int_equal(b.recovery, WEIR_TCP_LOSS);
    assert_all(between(&a, &b, 40 * S), WEIR_TCP_LIMIT_CWND, 40 * S);
    assert_int_equal(b.congestion_signals, 1); /* the same data timed out again and again */
    assert_true(b.timeouts >= 5);
    p->lose = NULL;
    pair_run(p, 100 * S);
    assert_int_equal(drain(p, &c), 100000);
    assert_int_equal(info_of(p, 0, &c).limit, WEIR_TCP_LIMIT_APPLICATION);
    finish(p, &c);
}

/* Slow start: ten segments, then twenty, then forty: the first two take a round trip of 10 ms each. */
static void test_slow_start_is_limited_by_cwnd(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    struct weir_tcp_info a = info_of(p, 0, &c);
    assert_int_equal(weir_tcp_send(p->side[0].stack, c.h[0], bytes, 65000, 0), 65000); /* 45 */
    pair_run(p, S);
    struct weir_tcp_info b = info_of(p, 0, &c);
    struct booked booked = between(&a, &b, S);
    assert_int_equal(booked.ms[WEIR_TCP_LIMIT_CWND], 20);
    assert_int_equal(booked.ms[WEIR_TCP_LIMIT_APPLICATION], 980);
    assert_int_equal(b.limited_count[WEIR_TCP_LIMIT_CWND], 1);
    assert_int_equal(b.limited_count[WEIR_TCP_LIMIT_APPLICATION], 2);
    finish(p, &c);
}

/* An application that has more to write than the buffer takes, which is less than the path. */
static void test_a_small_send_buffer_limits(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_set(p->side[0].stack, c.h[0], WEIR_TCP_SEND_BYTES_MAX, 5000),
                     WEIR_OK);
    assert_int_equal(weir_tcp_set(p->side[0].stack, c.h[0], WEIR_TCP_NODELAY, 1), WEIR_OK);
    fill(p, &c);
    pair_now(p);
    struct weir_tcp_info a = info_of(p, 0, &c);
    assert_int_equal(a.limit, WEIR_TCP_LIMIT_BUFFER);
    weir_time begun = p->now;
    while (p->now < begun + 20 * S) {
        pair_run(p, MS);
        if ((pair_told(p, 0, c.h[0]).bits & WEIR_EVENT_WRITABLE) != 0)
            fill(p, &c);
        drain(p, &c);
    }
    struct weir_tcp_info b = info_of(p, 0, &c);
    assert_all(between(&a, &b, 20 * S), WEIR_TCP_LIMIT_BUFFER, 20 * S);
    finish(p, &c);
}

/* Told that it may write, and it does not: from then on it is the application. */
static void test_the_buffer_limits_until_it_may_be_written(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_set(p->side[0].stack, c.h[0], WEIR_TCP_SEND_BYTES_MAX, 5000),
                     WEIR_OK);
    assert_int_equal(weir_tcp_set(p->side[0].stack, c.h[0], WEIR_TCP_NODELAY, 1), WEIR_OK);
    struct weir_tcp_info a = info_of(p, 0, &c);
    fill(p, &c);
    pair_run(p, 10 * S);
    struct weir_tcp_info b = info_of(p, 0, &c);
    struct booked booked = between(&a, &b, 10 * S);
    assert_int_equal(booked.ms[WEIR_TCP_LIMIT_BUFFER], 10); /* a round trip */
    assert_int_equal(booked.ms[WEIR_TCP_LIMIT_APPLICATION], 9990);
    finish(p, &c);
}

/* All of a buffer is in flight; from the moment on when the application would write more, the buffer
 * limits. */
static void test_the_buffer_limits_from_the_refusal_on(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_set(p->side[0].stack, c.h[0], WEIR_TCP_SEND_BYTES_MAX, 5000),
                     WEIR_OK);
    assert_int_equal(weir_tcp_set(p->side[0].stack, c.h[0], WEIR_TCP_NODELAY, 1), WEIR_OK);
    struct weir_tcp_info a = info_of(p, 0, &c);
    assert_int_equal(weir_tcp_send(p->side[0].stack, c.h[0], bytes, 5000, 0), 5000);
    pair_run(p, 4 * MS);
    assert_int_equal(weir_tcp_send(p->side[0].stack, c.h[0], bytes, 1, 0), WEIR_E_WOULD_BLOCK);
    pair_run(p, 96 * MS);
    struct weir_tcp_info b = info_of(p, 0, &c);
    struct booked booked = between(&a, &b, 100 * MS);
    assert_int_equal(booked.ms[WEIR_TCP_LIMIT_BUFFER], 6); /* of a round trip of 10 */
    assert_int_equal(booked.ms[WEIR_TCP_LIMIT_APPLICATION], 94);
    finish(p, &c);
}

/* By the numbers alone. */
static void test_what_limits_is_the_narrowest(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    struct tcp_room *tcp = &p->side[0].stack->tcp;
    struct tcp_conn *conn = tcp_get(tcp, c.h[0]), before = *conn;
    static const struct {
        uint32_t flight, unsent, window, cwnd;
        bool refused;
        enum weir_tcp_limit limit;
    } rows[] = {
        {0, 0, 10000, 10000, false, WEIR_TCP_LIMIT_APPLICATION},
        {0, 0, 10000, 10000, true, WEIR_TCP_LIMIT_APPLICATION}, /* nothing is waited for */
        {5000, 0, 10000, 10000, false, WEIR_TCP_LIMIT_APPLICATION},
        {5000, 0, 10000, 10000, true, WEIR_TCP_LIMIT_BUFFER},
        {5000, 0, 5000, 10000, true, WEIR_TCP_LIMIT_BUFFER},
        {5000, 0, 4999, 10000, true, WEIR_TCP_LIMIT_WINDOW}, /* it has shrunk behind what is sent */
        {5000, 1000, 5999, 10000, false, WEIR_TCP_LIMIT_WINDOW},
        {5000, 1000, 6000, 10000, false, WEIR_TCP_LIMIT_APPLICATION},
        {5000, 1000, 10000, 5999, false, WEIR_TCP_LIMIT_CWND},
        {5000, 9000, 6447, 9000, false, WEIR_TCP_LIMIT_WINDOW},
        {5000, 9000, 6448, 9000, false, WEIR_TCP_LIMIT_APPLICATION}, /* a segment of 1448 */
        {5000, 9000, 9000, 6447, true, WEIR_TCP_LIMIT_CWND},
        {5000, 9000, 5000, 5000, false, WEIR_TCP_LIMIT_CWND},
        {5000, 9000, 0, 5000, false, WEIR_TCP_LIMIT_CWND}, /* closed, and nothing could go */
        {5000, 9000, 0, 5001, false, WEIR_TCP_LIMIT_WINDOW},
        {0, 9000, 0, 0, false, WEIR_TCP_LIMIT_CWND},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        conn->snd_nxt = conn->snd_max = conn->snd_una + rows[i].flight;
        conn->send.end = conn->snd_max + rows[i].unsent;
        conn->snd_wnd = rows[i].window;
        conn->cc.cwnd = rows[i].cwnd;
        conn->write_refused = rows[i].refused;
        if (tcp_account_limit(tcp, conn, p->now) != rows[i].limit)
            fail_msg("row %u: limited by %s", i,
                     weir_tcp_limit_name(tcp_account_limit(tcp, conn, p->now)));
    }
    *conn = before;
    finish(p, &c);
}

/* What an application holds back, or Nagle's rule for it, is the application's. */
static void test_what_is_held_back_here_is_not_the_networks(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    struct weir_tcp_info a = info_of(p, 0, &c);
    assert_int_equal(weir_tcp_set(p->side[0].stack, c.h[0], WEIR_TCP_CORK, 1), WEIR_OK);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(pair_send(p, 0, &c, "corked", 0), 6);
        pair_run(p, 50 * MS);
    }
    assert_int_equal(weir_tcp_set(p->side[0].stack, c.h[0], WEIR_TCP_CORK, 0), WEIR_OK);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(pair_send(p, 0, &c, "n", 0), 1);
        pair_run(p, 5 * MS);
    }
    struct weir_tcp_info b = info_of(p, 0, &c);
    assert_all(between(&a, &b, 10 * S), WEIR_TCP_LIMIT_APPLICATION, 10 * S);
    finish(p, &c);
}

/* ---- its life ---- */

/* From established to the end, which is booked when it comes, and nothing more afterwards. */
static void test_the_sum_is_its_life(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    pair_run(p, 3 * S);
    assert_int_equal(weir_tcp_send(p->side[0].stack, c.h[0], bytes, 90000, WEIR_TCP_END), 90000);
    pair_run(p, 5 * S);
    (void)drain(p, &c);
    pair_run(p, S);
    weir_time left = p->now;
    assert_int_equal(weir_tcp_shutdown(p->side[1].stack, c.h[1], WEIR_TCP_SHUT_SEND), WEIR_OK);
    pair_run(p, 30 * S); /* the server in TIME-WAIT's place: it closed last, and is gone */
    for (unsigned k = 0; k < 2; k++) {
        struct weir_tcp_info info = info_of(p, k, &c);
        uint64_t sum = 0;
        for (unsigned i = 0; i < WEIR_TCP_LIMIT_COUNT; i++)
            sum += info.limited_us[i] / 1000;
        assert_int_equal(info.state, WEIR_TCP_CLOSED);
        weir_time end = left + (k == 0 ? DELAY : 2 * DELAY);
        weir_time begun = 1000 * S + (k == 0 ? 2 * DELAY : 3 * DELAY);
        assert_int_equal(sum, (end - begun) / MS);
    }
    finish(p, &c);
}

/* Sixty days of silence are more milliseconds than 32 bits count. */
static void test_a_long_silence_is_booked_whole(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    struct weir_tcp_info a = info_of(p, 0, &c);
    pair_run(p, 60 * 86400 * S);
    struct weir_tcp_info b = info_of(p, 0, &c);
    assert_all(between(&a, &b, 60 * 86400 * S), WEIR_TCP_LIMIT_APPLICATION, 60 * 86400 * S);
    assert_int_equal(pair_send(p, 0, &c, "x", 0), 1); /* it is added up now */
    pair_run(p, 60 * 86400 * S);
    a = info_of(p, 0, &c);
    assert_all(between(&b, &a, 60 * 86400 * S), WEIR_TCP_LIMIT_APPLICATION, 60 * 86400 * S);
    pair_expect(p, 1, &c, "x");
    finish(p, &c);
}

/* ---- counters ---- */

struct once {
    unsigned nth, seen;
};

static bool lose_nth(struct pair *p, unsigned from, const uint8_t *packet, size_t len)
{
    struct once *o = p->ctx;
    (void)packet;
    return from == 0 && len > 1000 && ++o->seen == o->nth;
}

static void test_a_loss_is_counted_on_both_sides(void **state)
{
    (void)state;
    struct once once = {.nth = 3};
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    p->ctx = &once;
    p->lose = lose_nth;
    uint32_t mss = info_of(p, 0, &c).snd_mss_bytes;
    assert_int_equal(weir_tcp_send(p->side[0].stack, c.h[0], bytes, 8 * mss, 0), 8 * mss);
    pair_run(p, S);
    struct weir_tcp_info a = info_of(p, 0, &c), b = info_of(p, 1, &c);
    assert_int_equal(a.dupacks_in, 5); /* for segments 4 to 8 */
    assert_int_equal(b.dupacks_out, 5);
    assert_int_equal(a.dupacks_out, 0);
    assert_int_equal(b.dupacks_in, 0);
    assert_int_equal(a.congestion_signals, 1);
    assert_int_equal(a.fast_retransmits, 1);
    assert_int_equal(a.data_segments_out, 9);
    assert_int_equal(b.data_segments_in, 8);
    assert_int_equal(a.data_segments_in, 0);
    assert_int_equal(a.retransmits, 1);
    assert_in_range(a.cwnd_bytes_max, 10 * mss, 12 * mss); /* what recovery added does not count */
    finish(p, &c);
}

/* The first of 20 segments is lost: in recovery cwnd is half of them and one for each that has left the
 * network, 30 in the end, which is no window that it ever had. */
static void test_the_largest_cwnd_is_none_of_recoverys(void **state)
{
    (void)state;
    struct once once = {.nth = 11};
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    p->ctx = &once;
    p->lose = lose_nth;
    uint32_t mss = info_of(p, 0, &c).snd_mss_bytes;
    assert_int_equal(weir_tcp_send(p->side[0].stack, c.h[0], bytes, 60 * mss, 0), 60 * mss);
    pair_run(p, 20 * MS);
    pair_run(p, S);
    struct weir_tcp_info a = info_of(p, 0, &c);
    assert_int_equal(a.fast_retransmits, 1);
    assert_in_range(a.cwnd_bytes_max, 20 * mss, 22 * mss);
    finish(p, &c);
}

/* A window is counted when it is told to be closed, not again for each segment that says the same. */
static void test_windows_that_close_are_counted_on_both_sides(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_set(p->side[1].stack, c.h[1], WEIR_TCP_RECEIVE_BYTES_MAX, 4096),
                     WEIR_OK);
    for (unsigned round = 1; round <= 3; round++) {
        fill(p, &c);
        pair_run(p, 30 * S); /* some probes */
        struct weir_tcp_info a = info_of(p, 0, &c), b = info_of(p, 1, &c);
        assert_int_equal(a.snd_wnd_bytes, 0);
        assert_int_equal(a.zero_windows_in, round);
        assert_int_equal(b.zero_windows_out, round);
        assert_int_equal(a.zero_windows_out, 0);
        assert_int_equal(b.zero_windows_in, 0);
        assert_true(drain(p, &c) > 0);
        pair_run(p, S);
    }
    finish(p, &c);
}

/* ---- where they end ---- */

static void test_who_finds_no_account_has_none(void **state)
{
    (void)state;
    for (unsigned most = 0; most < 3; most++) {
        struct weir_config config = pair_config();
        config.tcp_accounts_max = most;
        struct pair *p = pair_open_with(&config);
        struct pair_conn c = {.h = {pair_endpoint(p, 0, 0)}};
        c.listener = pair_listen(p, 1, 80, 1); /* which has an account that nobody needs */
        pair_begin(p, c.h[0], "10.0.0.2", 80);
        pair_run(p, S);
        assert_int_equal(weir_tcp_accept(p->side[1].stack, c.listener, 0, &c.h[1]), WEIR_OK);
        assert_int_equal(pair_send(p, 0, &c, "text", 0), 4);
        pair_run(p, S);
        pair_expect(p, 1, &c, "text");
        for (unsigned k = 0; k < 2; k++) {
            struct weir_tcp_info info;
            uint64_t sum = 0;
            assert_int_equal(weir_tcp_info(p->side[k].stack, c.h[k], &info), WEIR_OK);
            for (unsigned i = 0; i < WEIR_TCP_LIMIT_COUNT; i++)
                sum += info.limited_us[i] + info.limited_count[i];
            assert_int_equal(info.accounts, most > 0);
            assert_int_equal(sum > 0, most > 0);
            assert_int_equal(info.segments_in > 0, most > 0);
            assert_int_equal(info.bytes_acked + info.bytes_received, 4); /* is no account's */
        }
        finish(p, &c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_idle_connection_is_limited_by_the_application),
        cmocka_unit_test(test_a_closed_window_limits),
        cmocka_unit_test(test_a_fin_behind_a_closed_window_is_limited_by_it),
        cmocka_unit_test(test_recovery_is_limited_by_cwnd),
        cmocka_unit_test(test_slow_start_is_limited_by_cwnd),
        cmocka_unit_test(test_a_small_send_buffer_limits),
        cmocka_unit_test(test_the_buffer_limits_until_it_may_be_written),
        cmocka_unit_test(test_the_buffer_limits_from_the_refusal_on),
        cmocka_unit_test(test_what_limits_is_the_narrowest),
        cmocka_unit_test(test_what_is_held_back_here_is_not_the_networks),
        cmocka_unit_test(test_the_sum_is_its_life),
        cmocka_unit_test(test_a_long_silence_is_booked_whole),
        cmocka_unit_test(test_a_loss_is_counted_on_both_sides),
        cmocka_unit_test(test_the_largest_cwnd_is_none_of_recoverys),
        cmocka_unit_test(test_windows_that_close_are_counted_on_both_sides),
        cmocka_unit_test(test_who_finds_no_account_has_none),
    };
    return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
