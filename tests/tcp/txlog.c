/* SPDX-License-Identifier: MIT */
#include "conn_steps.h"

/* A model of the log: every segment by itself. */
struct piece {
    uint64_t start, end;
    weir_time sent;
    bool resent;
};

enum { PIECES_MAX = 8192 };

struct model {
    struct piece piece[PIECES_MAX];
    unsigned first, end;
};

static void model_sent(struct model *m, const struct tcp_conn *c, const struct tcp_run *run)
{
    uint64_t tail = tcp_snd_tail(c), data_end = run->end < tail ? run->end : tail;
    if (run->start >= tail)
        m->piece[m->end++] = (struct piece){run->start, run->end, run->sent, false};
    for (uint64_t at = run->start; at < data_end; at += run->mss) {
        uint64_t end = at + run->mss < data_end ? at + run->mss : run->end;
        m->piece[m->end++] = (struct piece){at, end, run->sent, false};
        assert_true(m->end < PIECES_MAX);
    }
}

static const struct piece *model_find(const struct model *m, uint64_t seq)
{
    for (unsigned i = m->first; i < m->end; i++)
        if (seq >= m->piece[i].start && seq < m->piece[i].end)
            return &m->piece[i];
    fail();
    return NULL;
}

static weir_time model_acked(struct model *m, uint64_t una)
{
    weir_time sent = WEIR_TIME_NEVER;
    for (; m->first < m->end && m->piece[m->first].end <= una; m->first++)
        sent = m->piece[m->first].resent ? WEIR_TIME_NEVER : m->piece[m->first].sent;
    return sent;
}

static void check_segment(struct one *o, uint64_t seq, uint64_t start, uint64_t end)
{
    uint64_t s, e;
    txlog_segment(&o->tcp, o->c, seq, &s, &e);
    assert_int_equal(s, start);
    assert_int_equal(e, end);
}

static uint64_t runs(struct one *o)
{
    struct tcp_flight *f = tcp_flight(&o->tcp, o->c);
    return f->run_end - f->run_first;
}

static void test_segments_keep_their_boundaries(void **state)
{
    (void)state;
    struct one *o = one_open();
    uint64_t at = o->c->snd_una;
    queue_bytes(o, o->c, 2500 + 700);
    send_now(o, o->c, 2500, false);
    send_now(o, o->c, 700, false);
    assert_int_equal(runs(o), 2); /* the first ended on a small segment */
    check_segment(o, at, at, at + 1000);
    check_segment(o, at + 999, at, at + 1000);
    check_segment(o, at + 1000, at + 1000, at + 2000);
    check_segment(o, at + 2000, at + 2000, at + 2500);
    check_segment(o, at + 2499, at + 2000, at + 2500);
    check_segment(o, at + 2500, at + 2500, at + 3200);
    check_segment(o, at + 3199, at + 2500, at + 3200);
    one_close(o);
}

static void test_what_leaves_at_one_time_is_one_run(void **state)
{
    (void)state;
    struct one *o = one_open();
    queue_bytes(o, o->c, 100 * MSS);
    for (unsigned i = 1; i <= 64; i++) {
        send_now(o, o->c, MSS, false);
        assert_int_equal(runs(o), 1);
    }
    send_now(o, o->c, MSS, false); /* 64 bits say what was sent again */
    assert_int_equal(runs(o), 2);
    o->now++;
    send_now(o, o->c, MSS, false);
    assert_int_equal(runs(o), 3);
    one_close(o);
}

static void test_a_run_of_another_size_stands_alone(void **state)
{
    (void)state;
    struct one *o = one_open();
    struct tcp_conn *c = o->c;
    queue_bytes(o, c, 10 * MSS);
    send_now(o, c, MSS, false);
    assert_true(txlog_prepare(&o->tcp, c));
    txlog_sent(&o->tcp, c,
               &(struct tcp_run){
                   .start = c->snd_nxt, .end = c->snd_nxt + 500, .sent = o->now, .mss = 500});
    assert_int_equal(runs(o), 2);
    check_segment(o, c->snd_una, c->snd_una, c->snd_una + MSS);
    check_segment(o, c->snd_nxt, c->snd_nxt, c->snd_nxt + 500);
    one_close(o);
}

/* FIN counts one and goes with the last data, whether that is a full segment or not, or alone. */
static void test_a_FIN_rides_on_the_last_data(void **state)
{
    (void)state;
    for (uint32_t len = MSS - 1; len <= MSS + 1; len++) {
        struct one *o = one_open();
        uint64_t at = o->c->snd_una;
        queue_bytes(o, o->c, 2 * MSS + len);
        o->c->fin_queued = true;
        send_now(o, o->c, 2 * MSS, false);
        send_now(o, o->c, len, true);
        assert_int_equal(runs(o), 1);
        uint64_t end = at + 2 * MSS + len + 1, last = len > MSS ? at + 3 * MSS : at + 2 * MSS;
        check_segment(o, end - 1, last, end);
        check_segment(o, end - 2, last, end);
        check_segment(o, at + 2 * MSS - 1, at + MSS, at + 2 * MSS);
        /* All but the FIN is acknowledged: its segment is not. */
        assert_int_equal(txlog_acked(&o->tcp, o->c, end - 1), o->now);
        check_segment(o, end - 1, last, end);
        assert_int_equal(txlog_acked(&o->tcp, o->c, end), o->now);
        assert_int_equal(runs(o), 0);
        one_close(o);
    }
}

static void test_a_FIN_alone_is_a_segment_of_its_own(void **state)
{
    (void)state;
    struct one *o = one_open();
    uint64_t at = o->c->snd_una;
    queue_bytes(o, o->c, MSS);
    o->c->fin_queued = true;
    send_now(o, o->c, MSS, false);
    send_now(o, o->c, 0, true);
    check_segment(o, at + MSS - 1, at, at + MSS);
    check_segment(o, at + MSS, at + MSS, at + MSS + 1);
    txlog_resent(&o->tcp, o->c, at + MSS, at + MSS + 1);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + MSS), o->now);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + MSS + 1), WEIR_TIME_NEVER);
    one_close(o);
}

/* Karn: no time of a segment that was sent twice; RFC 6298 3. */
static void test_only_what_was_sent_once_tells_a_time(void **state)
{
    (void)state;
    struct one *o = one_open();
    uint64_t at = o->c->snd_una;
    weir_time begun = o->now;
    queue_bytes(o, o->c, 5 * MSS);
    send_now(o, o->c, 2 * MSS, false);
    o->now += 5 * MS;
    send_now(o, o->c, 3 * MSS, false);
    txlog_resent(&o->tcp, o->c, at + 3 * MSS, at + 4 * MSS);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at), WEIR_TIME_NEVER);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 999), WEIR_TIME_NEVER);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 1001), begun);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 1999), WEIR_TIME_NEVER); /* nothing more */
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 3000), begun + 5 * MS);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 4999), WEIR_TIME_NEVER); /* sent again */
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 5000), begun + 5 * MS);
    one_close(o);
}

static void test_a_part_of_a_segment_sent_again_spoils_it(void **state)
{
    (void)state;
    struct one *o = one_open();
    uint64_t at = o->c->snd_una;
    queue_bytes(o, o->c, 64 * MSS);
    send_now(o, o->c, 64 * MSS, false);
    txlog_resent(&o->tcp, o->c, at + 1500, at + 1501);
    txlog_resent(&o->tcp, o->c, at + 62999, at + 64000);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 1000), o->now);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 2000), WEIR_TIME_NEVER);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 62000), o->now);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 63000), WEIR_TIME_NEVER);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 64000), WEIR_TIME_NEVER);
    one_close(o);
}

static void test_more_runs_take_memory_and_give_it_back(void **state)
{
    (void)state;
    struct one *o = one_open();
    struct tcp_flight *f;
    queue_bytes(o, o->c, 200);
    uint64_t data = o->blocks.bytes_in_use, at = o->c->snd_una;
    for (unsigned i = 0; i < 200; i++) {
        send_now(o, o->c, 1, false);
        f = tcp_flight(&o->tcp, o->c);
        assert_int_equal(f->spills, i >= TCP_RUNS_INLINE);
        assert_int_equal(runs(o), i + 1);
    }
    assert_in_range(o->blocks.bytes_in_use - data, 200 * sizeof(struct tcp_run), 20480);
    for (unsigned i = 0; i < 200; i++)
        check_segment(o, at + i, at + i, at + i + 1);
    for (unsigned i = 1; i < 200; i++) {
        assert_int_equal(txlog_acked(&o->tcp, o->c, at + i), o->now);
        check_segment(o, at + i, at + i, at + i + 1);
    }
    assert_true(f->spills);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 200), o->now);
    assert_false(f->spills);
    assert_int_equal(o->blocks.bytes_in_use, data);
    one_close(o);
}

static void test_without_memory_the_log_stays_as_it_is(void **state)
{
    (void)state;
    struct one *o = one_open();
    queue_bytes(o, o->c, 10);
    uint64_t at = o->c->snd_una;
    for (unsigned i = 0; i < TCP_RUNS_INLINE; i++)
        send_now(o, o->c, 1, false);
    uint32_t taken[BLOCKS_SUPERBLOCKS_MAX >> 14], n = 0;
    while ((taken[n] = blocks_take(&o->blocks, BLOCKS_4K, BLOCKS_URGENT)) != BLOCKS_NONE)
        n++;
    assert_false(txlog_prepare(&o->tcp, o->c));
    assert_int_equal(o->tcp.count.log_exhausted, 1);
    assert_int_equal(runs(o), TCP_RUNS_INLINE);
    for (unsigned i = 0; i < TCP_RUNS_INLINE; i++)
        check_segment(o, at + i, at + i, at + i + 1);
    assert_int_equal(txlog_acked(&o->tcp, o->c, at + 1), o->now);
    send_now(o, o->c, 1, false); /* what is acknowledged makes room */
    blocks_give(&o->blocks, taken[--n]);
    send_now(o, o->c, 1, false);
    assert_true(tcp_flight(&o->tcp, o->c)->spills);
    tcp_flight_give(&o->tcp, o->c);
    assert_int_not_equal(blocks_take(&o->blocks, BLOCKS_4K, BLOCKS_URGENT), BLOCKS_NONE);
    one_close(o);
}

/* Who finds no flight waits, and is served when one is given back. */
static void test_flights_are_waited_for_in_turn(void **state)
{
    (void)state;
    struct one *o = one_open();
    struct tcp_conn *c[5] = {o->c};
    for (uint16_t i = 1; i < 5; i++)
        c[i] = one_conn(o, (uint16_t)(1000 + i));
    assert_true(tcp_flight_take(&o->tcp, c[0]));
    assert_true(tcp_flight_take(&o->tcp, c[1]));
    for (unsigned i = 2; i < 5; i++)
        for (unsigned twice = 0; twice < 2; twice++)
            assert_false(tcp_flight_take(&o->tcp, c[i]));
    tcp_flight_give(&o->tcp, c[0]);
    assert_true(c[2]->on_ready && !c[2]->wants_flight);
    assert_true(!c[3]->on_ready && c[3]->wants_flight);
    assert_true(tcp_flight_take(&o->tcp, c[3])); /* out of turn: it need not be served any more */
    tcp_flight_give(&o->tcp, c[1]);
    assert_true(!c[3]->on_ready && !c[3]->wants_flight);
    assert_true(c[4]->on_ready && !c[4]->wants_flight);
    tcp_flight_give(&o->tcp, c[3]); /* nobody waits */
    assert_int_equal(o->tcp.flights.in_use, 0);
    assert_int_equal(o->tcp.want_flight.first, TCP_NONE);
    one_close(o);
}

/* Send something new; answers how many bytes. */
static uint32_t random_send(struct one *o, struct model *m, struct rng *rng, bool fin)
{
    struct tcp_conn *c = o->c;
    static const uint16_t sizes[] = {1000, 1000, 1000, 536, 48};
    uint16_t mss = sizes[rng_below(rng, 5)];
    if (c->snd_nxt > tcp_snd_tail(c)) /* the FIN was sent */
        return 0;
    uint64_t left = tcp_snd_tail(c) - c->snd_nxt;
    uint64_t len = rng_chance(rng, (struct ratio){1, 2}) ? mss * rng_between(rng, 1, 64)
                                                         : rng_between(rng, 1, 3 * mss);
    len = len < left ? len : left;
    bool with_fin = fin && len == left && rng_chance(rng, (struct ratio){1, 2});
    if (len == 0 && fin)
        with_fin = true;
    if (len + with_fin == 0 || !txlog_prepare(&o->tcp, c))
        return 0;
    struct tcp_run run = {
        .start = c->snd_nxt, .end = c->snd_nxt + len + with_fin, .sent = o->now, .mss = mss};
    txlog_sent(&o->tcp, c, &run);
    model_sent(m, c, &run);
    c->snd_nxt = c->snd_max = run.end;
    return (uint32_t)(len + with_fin);
}

static void random_resend(struct one *o, struct model *m, struct rng *rng)
{
    uint64_t start = rng_between(rng, o->c->snd_una, o->c->snd_max - 1);
    uint64_t end = start + rng_between(rng, 1, 5000);
    end = end < o->c->snd_max ? end : o->c->snd_max;
    txlog_resent(&o->tcp, o->c, start, end);
    for (unsigned i = m->first; i < m->end; i++)
        if (m->piece[i].start < end && m->piece[i].end > start)
            m->piece[i].resent = true;
}

static void random_ack(struct one *o, struct model *m, struct rng *rng, bool much)
{
    struct tcp_conn *c = o->c;
    uint64_t most = much ? c->snd_max - c->snd_una : 3000, up = rng_between(rng, 1, most);
    c->snd_una = c->snd_una + up < c->snd_max ? c->snd_una + up : c->snd_max;
    assert_int_equal(txlog_acked(&o->tcp, c, c->snd_una), model_acked(m, c->snd_una));
    ring_release(&c->send, c->snd_una < tcp_snd_tail(c) ? c->snd_una : tcp_snd_tail(c));
}

static void test_the_log_is_like_a_list_of_segments(void **state)
{
    (void)state;
    static struct model m;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rng rng = rng_make(seed);
        struct one *o = one_open();
        struct tcp_conn *c = o->c;
        m.first = m.end = 0;
        assert_true(tcp_flight_take(&o->tcp, c));
        for (unsigned step = 0; step < 600 && m.end < PIECES_MAX - 1000; step++) {
            bool fin = step > 500;
            if (!fin && tcp_snd_tail(c) - c->snd_nxt < 70000 && c->snd_max - c->snd_una < 200000)
                queue_bytes(o, c, 70000);
            c->fin_queued = fin;
            unsigned what = (unsigned)rng_below(&rng, 8);
            if (what < 4)
                random_send(o, &m, &rng, fin && c->snd_nxt < tcp_snd_end(c));
            else if (what == 4)
                o->now += (weir_time)rng_below(&rng, 1000);
            else if (c->snd_una < c->snd_max && what == 5)
                random_resend(o, &m, &rng);
            else if (c->snd_una < c->snd_max)
                random_ack(o, &m, &rng, rng_chance(&rng, (struct ratio){1, 20}));
            for (unsigned i = 0; i < 5 && c->snd_una < c->snd_max; i++) {
                uint64_t seq = rng_between(&rng, c->snd_una, c->snd_max - 1);
                const struct piece *p = model_find(&m, seq);
                check_segment(o, seq, p->start, p->end);
            }
        }
        if (c->snd_una < c->snd_max) {
            c->snd_una = c->snd_max;
            assert_int_equal(txlog_acked(&o->tcp, c, c->snd_una), model_acked(&m, c->snd_una));
        }
        assert_int_equal(runs(o), 0);
        tcp_flight_give(&o->tcp, c);
        ring_release(&c->send, c->send.end);
        assert_int_equal(o->blocks.bytes_in_use, 0);
        one_close(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_keep_their_boundaries),
        cmocka_unit_test(test_what_leaves_at_one_time_is_one_run),
        cmocka_unit_test(test_a_run_of_another_size_stands_alone),
        cmocka_unit_test(test_a_FIN_rides_on_the_last_data),
        cmocka_unit_test(test_a_FIN_alone_is_a_segment_of_its_own),
        cmocka_unit_test(test_only_what_was_sent_once_tells_a_time),
        cmocka_unit_test(test_a_part_of_a_segment_sent_again_spoils_it),
        cmocka_unit_test(test_more_runs_take_memory_and_give_it_back),
        cmocka_unit_test(test_without_memory_the_log_stays_as_it_is),
        cmocka_unit_test(test_flights_are_waited_for_in_turn),
        cmocka_unit_test(test_the_log_is_like_a_list_of_segments),
    };
    return cmocka_run_group_tests_name("txlog", tests, NULL, NULL);
}
