/* SPDX-License-Identifier: MIT */
#include "conn_steps.h"

static struct tcp_flight *flight(struct one *o)
{
    struct tcp_flight *f = tcp_flight(&o->tcp, o->c);
    assert_non_null(f);
    return f;
}

static unsigned state_of(struct one *o)
{
    return tcp_recovery_state(&o->tcp, o->c);
}

static uint64_t window(struct one *o)
{
    return tcp_recovery_window(&o->tcp, o->c);
}

/* `segments` full ones are outstanding, and cwnd is as much. */
static struct one *with_outstanding(unsigned segments)
{
    struct one *o = one_open();
    queue_bytes(o, o->c, (segments + 50) * MSS);
    send_now(o, o->c, segments * MSS, false);
    o->c->cc.cwnd = segments * MSS;
    o->c->cc.ssthresh = 2 * MSS; /* in congestion avoidance: growth is slow */
    return o;
}

static void dupacks(struct one *o, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        tcp_recovery_dupack(&o->tcp, o->c, o->now);
}

/* So many bytes are acknowledged, as ack.c takes it. */
static void acked(struct one *o, uint32_t bytes)
{
    struct tcp_conn *c = o->c;
    c->snd_una += bytes;
    assert_true(c->snd_una <= c->snd_max);
    if (c->snd_nxt < c->snd_una)
        c->snd_nxt = c->snd_una;
    tcp_recovery_acked(&o->tcp, c, bytes, o->now);
    txlog_acked(&o->tcp, c, c->snd_una);
    tcp_repair_update(&o->tcp, c, true, o->now);
}

static void test_without_anything_outstanding_all_is_open(void **state)
{
    (void)state;
    struct one *o = one_open();
    assert_int_equal(state_of(o), WEIR_TCP_OPEN);
    assert_int_equal(window(o), 10 * MSS);
    dupacks(o, 5);
    assert_int_equal(state_of(o), WEIR_TCP_OPEN);
    assert_int_equal(o->c->cc.cwnd, 10 * MSS);
    one_close(o);
}

/* RFC 3042: a new segment for each of the first two duplicates, beyond cwnd, which does not change. */
static void test_the_first_two_duplicates_let_a_segment_go_each(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    for (unsigned i = 1; i <= 2; i++) {
        dupacks(o, 1);
        assert_int_equal(state_of(o), WEIR_TCP_DISORDER);
        assert_int_equal(window(o), (10 + i) * MSS);
        assert_int_equal(o->c->cc.cwnd, 10 * MSS);
        assert_true(o->c->on_ready);
        assert_false(flight(o)->rtx_first);
    }
    acked(o, MSS);
    assert_int_equal(state_of(o), WEIR_TCP_OPEN);
    assert_int_equal(window(o), 10 * MSS);
    dupacks(o, 2); /* counted from the start */
    assert_int_equal(state_of(o), WEIR_TCP_DISORDER);
    one_close(o);
}

/* RFC 5681 3.2: ssthresh = max (FlightSize / 2, 2 SMSS), cwnd = ssthresh + 3 SMSS, the first segment
 * again. */
static void test_the_third_duplicate_begins_recovery(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    dupacks(o, 3);
    assert_int_equal(state_of(o), WEIR_TCP_RECOVERY);
    assert_true(flight(o)->rtx_first);
    assert_int_equal(o->c->cc.ssthresh, 5 * MSS);
    assert_int_equal(o->c->cc.cwnd, 8 * MSS);
    assert_int_equal(flight(o)->recover, o->c->snd_max);
    assert_int_equal(tcp_account(&o->tcp, o->c)->fast_retransmits, 1);
    assert_int_equal(o->tcp.count.fast_retransmits, 1);
    assert_int_equal(window(o), 8 * MSS);
    one_close(o);
}

/* RFC 5681 3.2 step 2: "additional data sent in limited transmit MUST NOT be included". */
static void test_limited_transmit_does_not_raise_ssthresh(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    dupacks(o, 1);
    send_now(o, o->c, MSS, false);
    dupacks(o, 1);
    send_now(o, o->c, MSS, false);
    dupacks(o, 1);
    assert_int_equal(o->c->cc.ssthresh, 5 * MSS);
    assert_int_equal(flight(o)->recover, o->c->snd_una + 12 * MSS);
    one_close(o);
}

static void test_ssthresh_is_two_segments_at_least(void **state)
{
    (void)state;
    struct one *o = with_outstanding(2);
    send_now(o, o->c, 2 * MSS, false);
    dupacks(o, 3);
    assert_int_equal(o->c->cc.ssthresh, 2 * MSS);
    assert_int_equal(o->c->cc.cwnd, 5 * MSS);
    one_close(o);
}

static void test_each_further_duplicate_inflates_by_a_segment(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    dupacks(o, 3);
    for (unsigned i = 1; i <= 6; i++) {
        dupacks(o, 1);
        assert_int_equal(o->c->cc.cwnd, (8 + i) * MSS);
    }
    one_close(o);
}

static void test_ATK_ACK_03_forged_duplicates_inflate_by_the_flight_only(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    dupacks(o, 100000);
    assert_int_equal(o->tcp.count.fast_retransmits, 1);
    assert_int_equal(o->c->cc.cwnd, (5 + 3 + 10) * MSS);
    one_close(o);
}

/* RFC 6582 3.2 step 3: min (ssthresh, max (FlightSize, SMSS) + SMSS). */
static void test_a_full_acknowledgment_deflates(void **state)
{
    (void)state;
    static const unsigned sent_more[][2] = {{0, 2}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 5}, {8, 5}};
    for (unsigned i = 0; i < sizeof sent_more / sizeof sent_more[0]; i++) {
        struct one *o = with_outstanding(10);
        dupacks(o, 12);
        if (sent_more[i][0] > 0)
            send_now(o, o->c, sent_more[i][0] * MSS, false);
        acked(o, 10 * MSS);
        assert_int_equal(state_of(o), WEIR_TCP_OPEN);
        assert_int_equal(o->c->cc.cwnd, sent_more[i][1] * MSS);
        assert_false(flight(o)->rtx_first);
        one_close(o);
    }
}

/* RFC 6582 3.2 step 3: "retransmit the first unacknowledged segment. Deflate the congestion window by
 * the amount of new data acknowledged [...]. If the partial ACK acknowledges at least one SMSS of new
 * data, then add back SMSS bytes". */
static void test_a_partial_acknowledgment_sends_the_next_hole(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    dupacks(o, 9); /* 8 + 6 */
    flight(o)->rtx_first = false; /* it was sent */
    acked(o, 3 * MSS);
    assert_int_equal(state_of(o), WEIR_TCP_RECOVERY);
    assert_true(flight(o)->rtx_first);
    assert_int_equal(o->c->cc.cwnd, (14 - 3 + 1) * MSS);
    flight(o)->rtx_first = false;
    acked(o, MSS - 1);
    assert_true(flight(o)->rtx_first);
    assert_int_equal(o->c->cc.cwnd, 12 * MSS - (MSS - 1));
    assert_int_equal(o->c->cc.ssthresh, 5 * MSS); /* one reduction a window of data */
    one_close(o);
}

static void test_cwnd_is_never_less_than_a_segment(void **state)
{
    (void)state;
    struct one *o = with_outstanding(40);
    o->c->cc.cwnd = 2 * MSS; /* a window that shrank meanwhile */
    dupacks(o, 3);
    acked(o, 30 * MSS);
    assert_int_equal(o->c->cc.cwnd, MSS);
    acked(o, 1); /* too little to add a segment for */
    assert_int_equal(o->c->cc.cwnd, MSS);
    one_close(o);
}

/* RFC 6582 3.2 step 3: "For the first partial ACK that arrives during fast recovery, also reset the
 * retransmit timer". */
static void test_only_the_first_partial_acknowledgment_begins_the_timer_anew(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    weir_time rto = tcp_rto(o->c);
    assert_int_equal(o->c->repair_at, o->now + rto);
    dupacks(o, 3);
    o->now += 10 * MS;
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    assert_int_equal(o->c->repair_at, o->now - 10 * MS + rto);
    acked(o, MSS);
    weir_time begun = o->now;
    assert_int_equal(o->c->repair_at, begun + rto);
    for (unsigned i = 0; i < 3; i++) {
        o->now += 10 * MS;
        acked(o, MSS);
        assert_int_equal(o->c->repair_at, begun + rto);
    }
    o->now += 10 * MS;
    send_now(o, o->c, MSS, false);
    acked(o, 6 * MSS); /* a full one */
    assert_int_equal(state_of(o), WEIR_TCP_OPEN);
    assert_int_equal(o->c->repair_at, o->now + rto);
    one_close(o);
}

/* The next recovery has its own first one. */
static void test_each_recovery_begins_the_timer_anew_once(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    dupacks(o, 3);
    acked(o, MSS);
    acked(o, MSS);
    send_now(o, o->c, 8 * MSS, false);
    acked(o, 9 * MSS); /* beyond `recover` */
    dupacks(o, 3);
    assert_int_equal(state_of(o), WEIR_TCP_RECOVERY);
    o->now += 10 * MS;
    acked(o, MSS);
    assert_int_equal(o->c->repair_at, o->now + tcp_rto(o->c));
    one_close(o);
}

/* RFC 6582 3.2 step 2: when the ACK "does not" cover more than `recover`, no fast retransmit. */
static void test_no_second_recovery_before_more_than_recover_is_acknowledged(void **state)
{
    (void)state;
    for (uint32_t beyond = 0; beyond <= 1; beyond++) {
        struct one *o = with_outstanding(10);
        dupacks(o, 3);
        send_now(o, o->c, 8 * MSS, false);
        acked(o, 10 * MSS + beyond);
        assert_int_equal(state_of(o), WEIR_TCP_OPEN);
        dupacks(o, 10);
        assert_int_equal(state_of(o), beyond ? WEIR_TCP_RECOVERY : WEIR_TCP_DISORDER);
        assert_int_equal(o->tcp.count.fast_retransmits, 1 + beyond);
        if (beyond == 0) /* what limited transmit lets go does not grow either */
            assert_int_equal(window(o), o->c->cc.cwnd + 2 * MSS);
        one_close(o);
    }
}

/* The same when all was acknowledged meanwhile: late duplicates are told from new ones by it. */
static void test_recover_is_kept_while_nothing_is_outstanding(void **state)
{
    (void)state;
    for (unsigned again = 0; again <= 1; again++) {
        struct one *o = with_outstanding(10);
        dupacks(o, 3);
        acked(o, 10 * MSS);
        tcp_flight_give(&o->tcp, o->c);
        if (again) { /* something in between, which is acknowledged */
            send_now(o, o->c, MSS, false);
            acked(o, MSS);
            tcp_flight_give(&o->tcp, o->c);
        }
        send_now(o, o->c, 2 * MSS, false);
        dupacks(o, 3);
        assert_int_equal(state_of(o), again ? WEIR_TCP_RECOVERY : WEIR_TCP_DISORDER);
        assert_int_equal(o->tcp.count.fast_retransmits, 1 + again);
        one_close(o);
    }
}

/* RFC 5681 3.1 and RFC 6298 5.4: the earliest segment again, one segment at a time at first. */
static void test_a_timeout_goes_back_to_the_first_segment(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    dupacks(o, 2);
    tcp_recovery_timeout(&o->tcp, o->c, o->now);
    assert_int_equal(state_of(o), WEIR_TCP_LOSS);
    assert_int_equal(o->c->snd_nxt, o->c->snd_una);
    assert_int_equal(o->c->cc.cwnd, MSS);
    assert_int_equal(o->c->cc.ssthresh, 5 * MSS);
    assert_int_equal(window(o), MSS);
    assert_int_equal(o->c->timeouts, 1);
    assert_int_equal(o->tcp.count.timeouts, 1);
    one_close(o);
}

static void test_a_timeout_ends_fast_recovery(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    dupacks(o, 8);
    tcp_recovery_timeout(&o->tcp, o->c, o->now);
    assert_int_equal(state_of(o), WEIR_TCP_LOSS);
    assert_false(flight(o)->rtx_first);
    assert_int_equal(o->c->cc.cwnd, MSS);
    one_close(o);
}

/* RFC 5681 3.1: the value of ssthresh is held when the same segment times out again. */
static void test_the_same_data_timing_out_again_holds_ssthresh(void **state)
{
    (void)state;
    struct one *o = with_outstanding(20);
    for (unsigned i = 0; i < 4; i++) {
        tcp_recovery_timeout(&o->tcp, o->c, o->now);
        o->c->snd_nxt += MSS;
        assert_int_equal(o->c->cc.ssthresh, 10 * MSS);
        assert_int_equal(o->c->cc.cwnd, MSS);
    }
    acked(o, MSS);
    o->c->snd_nxt += 6 * MSS; /* what is in the network is lost, too: other data */
    tcp_recovery_timeout(&o->tcp, o->c, o->now);
    assert_int_equal(o->c->cc.ssthresh, 3 * MSS);
    one_close(o);
}

/* Duplicates after a timeout come of what was sent twice. */
static void test_after_a_timeout_duplicates_tell_nothing(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    tcp_recovery_timeout(&o->tcp, o->c, o->now);
    dupacks(o, 10);
    assert_int_equal(state_of(o), WEIR_TCP_LOSS);
    assert_int_equal(o->c->cc.cwnd, MSS);
    assert_int_equal(o->tcp.count.fast_retransmits, 0);
    one_close(o);
}

/* RFC 3465 2.3: after a timeout cwnd grows by a segment for an ACK at most, until ssthresh. */
static void test_after_a_timeout_the_window_opens_slowly(void **state)
{
    (void)state;
    struct one *o = with_outstanding(20);
    tcp_recovery_timeout(&o->tcp, o->c, o->now);
    o->c->cwnd_limited = false; /* from before: what is to be sent again counts */
    acked(o, MSS);
    assert_int_equal(o->c->cc.cwnd, 2 * MSS);
    acked(o, 10 * MSS); /* a hole was filled */
    assert_int_equal(o->c->cc.cwnd, 3 * MSS);
    assert_int_equal(state_of(o), WEIR_TCP_LOSS);
    acked(o, 8 * MSS);
    assert_int_equal(state_of(o), WEIR_TCP_LOSS);
    acked(o, MSS);
    assert_int_equal(state_of(o), WEIR_TCP_OPEN);
    one_close(o);
}

static void test_all_that_was_outstanding_ends_the_loss_state(void **state)
{
    (void)state;
    struct one *o = with_outstanding(10);
    tcp_recovery_timeout(&o->tcp, o->c, o->now);
    acked(o, 10 * MSS - 1);
    assert_int_equal(state_of(o), WEIR_TCP_LOSS);
    acked(o, 1);
    assert_int_equal(state_of(o), WEIR_TCP_OPEN);
    one_close(o);
}

static void test_growth_follows_what_is_acknowledged(void **state)
{
    (void)state;
    struct one *o = one_open();
    queue_bytes(o, o->c, 100 * MSS);
    send_now(o, o->c, 20 * MSS, false);
    acked(o, MSS);
    assert_int_equal(o->c->cc.cwnd, 11 * MSS);
    dupacks(o, 1);
    acked(o, MSS); /* in DISORDER, too */
    assert_int_equal(o->c->cc.cwnd, 12 * MSS);
    o->c->cwnd_limited = false;
    acked(o, MSS);
    assert_int_equal(o->c->cc.cwnd, 12 * MSS);
    o->c->cwnd_limited = true;
    dupacks(o, 3);
    uint32_t cwnd = o->c->cc.cwnd;
    acked(o, MSS); /* in RECOVERY it does not */
    assert_int_equal(o->c->cc.cwnd, cwnd);
    one_close(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_anything_outstanding_all_is_open),
        cmocka_unit_test(test_the_first_two_duplicates_let_a_segment_go_each),
        cmocka_unit_test(test_the_third_duplicate_begins_recovery),
        cmocka_unit_test(test_limited_transmit_does_not_raise_ssthresh),
        cmocka_unit_test(test_ssthresh_is_two_segments_at_least),
        cmocka_unit_test(test_each_further_duplicate_inflates_by_a_segment),
        cmocka_unit_test(test_ATK_ACK_03_forged_duplicates_inflate_by_the_flight_only),
        cmocka_unit_test(test_a_full_acknowledgment_deflates),
        cmocka_unit_test(test_a_partial_acknowledgment_sends_the_next_hole),
        cmocka_unit_test(test_cwnd_is_never_less_than_a_segment),
        cmocka_unit_test(test_only_the_first_partial_acknowledgment_begins_the_timer_anew),
        cmocka_unit_test(test_each_recovery_begins_the_timer_anew_once),
        cmocka_unit_test(test_no_second_recovery_before_more_than_recover_is_acknowledged),
        cmocka_unit_test(test_recover_is_kept_while_nothing_is_outstanding),
        cmocka_unit_test(test_a_timeout_goes_back_to_the_first_segment),
        cmocka_unit_test(test_a_timeout_ends_fast_recovery),
        cmocka_unit_test(test_the_same_data_timing_out_again_holds_ssthresh),
        cmocka_unit_test(test_after_a_timeout_duplicates_tell_nothing),
        cmocka_unit_test(test_after_a_timeout_the_window_opens_slowly),
        cmocka_unit_test(test_all_that_was_outstanding_ends_the_loss_state),
        cmocka_unit_test(test_growth_follows_what_is_acknowledged),
    };
    return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
