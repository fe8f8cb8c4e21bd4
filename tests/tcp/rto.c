/* SPDX-License-Identifier: MIT */
#include "conn_steps.h"

static weir_time rto_of(struct one *o)
{
    return tcp_rto(o->c);
}

/* What the application was told since the last look: bits of all events. */
static uint32_t told(struct one *o, int *error)
{
    struct weir_event event;
    if (event_read(&o->events, &event, 1) == 0)
        return 0;
    *error = event.error;
    return event.bits;
}

static void assert_told(struct one *o, uint32_t bits, int error)
{
    int got = 0;
    assert_int_equal(told(o, &got), bits);
    assert_int_equal(got, error);
}

/* Off the ready list, where it is alone. */
static void visited(struct one *o)
{
    o->c->on_ready = false;
    o->tcp.iface[0].ready = (struct tcp_list){TCP_NONE, TCP_NONE};
}

/* All work is done that the expiry left, as output does. */
static unsigned work_done(struct one *o)
{
    unsigned work = o->c->work;
    o->c->work = 0;
    visited(o);
    return work;
}

/* Time passes until the timer has done something, at most `ns`: how long it took. */
static weir_time until_work(struct one *o, weir_time ns, unsigned work)
{
    weir_time begun = o->now;
    while (o->now < begun + ns && (o->c->work & work) == 0 && o->c->state != WEIR_TCP_CLOSED) {
        weir_time at = wheel_deadline(&o->wheel);
        if (at > begun + ns)
            at = begun + ns;
        pass(o, at > o->now ? at - o->now : 0);
    }
    return o->now - begun;
}

/* A timer fires at its time, and a tick late at most. */
static void assert_about(weir_time got, weir_time expected)
{
    assert_true(got >= expected);
    assert_true(got <= expected + WHEEL_TICK_NS);
}

/* ---- RFC 6298 ---- */

/* 2.1: "the sender SHOULD set RTO <- 1 second"; 5.7: 3 seconds for data after a lost SYN. */
static void test_before_the_first_sample(void **state)
{
    (void)state;
    struct one *o = one_open();
    assert_int_equal(rto_of(o), 1 * S);
    o->c->syn_lost = true;
    assert_int_equal(rto_of(o), 3 * S);
    o->c->snd_una = tcp_iss(o->c); /* the SYN itself is not data */
    assert_int_equal(rto_of(o), 1 * S);
    one_close(o);
}

/* 2.2: SRTT <- R, RTTVAR <- R/2, RTO <- SRTT + max (G, K*RTTVAR). */
static void test_the_first_sample(void **state)
{
    (void)state;
    struct one *o = one_open();
    tcp_rtt_sample(o->c, 300000);
    assert_int_equal(o->c->srtt_us8 / 8, 300000);
    assert_int_equal(o->c->rttvar_us4 / 4, 150000);
    assert_int_equal(o->c->rtt_us_min, 300000);
    assert_int_equal(rto_of(o), 900 * MS);
    one_close(o);
}

/* 2.3, in real numbers. */
static void test_later_samples_are_weighed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng = rng_make(seed);
        struct one *o = one_open();
        double srtt = 0, rttvar = 0, least = 1e18;
        o->c->set.rto_min_ms = 1;
        uint64_t scale = seed <= 10 ? 1000000 : 5000;
        for (unsigned i = 0; i < 300; i++) {
            uint32_t us = (uint32_t)rng_between(&rng, 1, scale);
            double r = us;
            if (i == 0) {
                srtt = r;
                rttvar = r / 2;
            } else {
                double off = srtt > r ? srtt - r : r - srtt;
                rttvar = 0.75 * rttvar + 0.25 * off;
                srtt = 0.875 * srtt + 0.125 * r;
            }
            least = r < least ? r : least;
            tcp_rtt_sample(o->c, us);
            double rto = srtt + (4 * rttvar > 1000 ? 4 * rttvar : 1000);
            double got = (double)rto_of(o) / 1000;
            assert_true(got > rto - 20 && got < rto + 20); /* integers */
            assert_int_equal(o->c->rtt_us_min, (uint32_t)least);
        }
        one_close(o);
    }
}

static void test_the_timeout_has_a_floor_that_can_be_set(void **state)
{
    (void)state;
    struct one *o = one_open();
    for (unsigned i = 0; i < 100; i++)
        tcp_rtt_sample(o->c, 0); /* counts as 1 us */
    assert_int_equal(o->c->rtt_us_min, 1);
    assert_int_equal(rto_of(o), 200 * MS);
    o->c->set.rto_min_ms = 1000;
    assert_int_equal(rto_of(o), 1 * S);
    o->c->set.rto_min_ms = 1;
    assert_in_range(rto_of(o), 1 * MS, 1 * MS + 2 * US); /* G */
    one_close(o);
}

/* 5.5: "back off the timer": doubled each time, from whatever it was; 2.5: a ceiling of 60 s. */
static void test_the_timeout_doubles_up_to_its_ceiling(void **state)
{
    (void)state;
    static const uint32_t mins[] = {1, 200, 1000};
    for (unsigned i = 0; i < 3; i++) {
        struct one *o = one_open();
        tcp_rtt_sample(o->c, 1);
        o->c->set.rto_min_ms = (uint16_t)mins[i];
        weir_time expected = rto_of(o);
        for (unsigned n = 0; n <= TCP_BACKOFF_MAX; n++) {
            o->c->backoff = (uint8_t)n;
            assert_int_equal(rto_of(o), expected < 60 * S ? expected : 60 * S);
            expected *= 2;
        }
        assert_int_equal(rto_of(o), 60 * S);
        one_close(o);
    }
}

/* Karn: what was backed off stays so until a sample. */
static void test_a_sample_ends_the_backoff(void **state)
{
    (void)state;
    struct one *o = one_open();
    o->c->backoff = 5;
    assert_int_equal(rto_of(o), 32 * S);
    tcp_rtt_sample(o->c, 100000);
    assert_int_equal(rto_of(o), 300 * MS);
    one_close(o);
}

static void test_no_sample_overflows(void **state)
{
    (void)state;
    struct one *o = one_open();
    for (unsigned i = 0; i < 200; i++) {
        tcp_rtt_sample(o->c, i % 3 == 0 ? UINT32_MAX : i % 3 == 1 ? 0 : UINT32_MAX / 2);
        assert_in_range(rto_of(o), 200 * MS, 60 * S);
        assert_true(o->c->srtt_us8 > 0);
    }
    assert_int_equal(rto_of(o), 60 * S);
    one_close(o);
}

/* ---- retransmission ---- */

static void test_what_is_outstanding_times_out_again_and_again(void **state)
{
    (void)state;
    struct one *o = one_open();
    queue_bytes(o, o->c, 3 * MSS);
    send_now(o, o->c, 3 * MSS, false);
    assert_int_equal(o->c->repair, TCP_REPAIR_RETRANSMIT);
    weir_time wait = 1 * S;
    for (unsigned i = 1; i <= 8; i++) {
        weir_time begun = o->now;
        while (o->c->timeouts < i)
            pass(o, MS / 10);
        assert_in_range(o->now - begun, wait, wait + MS);
        assert_int_equal(o->c->backoff, i);
        assert_int_equal(o->c->snd_nxt, o->c->snd_una);
        assert_true(o->c->on_ready);
        visited(o);
        wait = wait * 2 < 60 * S ? wait * 2 : 60 * S;
    }
    one_close(o);
}

static void test_nothing_outstanding_no_timer(void **state)
{
    (void)state;
    struct one *o = one_open();
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    assert_int_equal(o->c->repair, TCP_REPAIR_NONE);
    assert_int_equal(o->c->repair_at, WEIR_TIME_NEVER);
    assert_false(wheel_is_armed(&o->c->timer.node));
    queue_bytes(o, o->c, MSS);
    send_now(o, o->c, MSS, false);
    o->c->snd_una = o->c->snd_max;
    tcp_flight_give(&o->tcp, o->c);
    tcp_repair_update(&o->tcp, o->c, true, o->now);
    assert_int_equal(o->c->repair, TCP_REPAIR_NONE);
    assert_int_equal(o->c->repair_at, WEIR_TIME_NEVER);
    pass(o, 100 * S); /* the wheel may still hold it */
    assert_int_equal(o->c->timeouts, 0);
    assert_false(wheel_is_armed(&o->c->timer.node));
    one_close(o);
}

/* RFC 6298 5.1 and 5.3: sending does not restart a timer that runs; an ACK of new data does. */
static void test_progress_begins_the_timer_anew_and_sending_does_not(void **state)
{
    (void)state;
    struct one *o = one_open();
    queue_bytes(o, o->c, 3 * MSS);
    send_now(o, o->c, MSS, false);
    weir_time first = o->c->repair_at;
    pass(o, 100 * MS);
    send_now(o, o->c, MSS, false);
    assert_int_equal(o->c->repair_at, first);
    o->c->snd_una += MSS;
    tcp_repair_update(&o->tcp, o->c, true, o->now);
    assert_int_equal(o->c->repair_at, o->now + 1 * S);
    /* The wheel fires at the old time, where nothing happens. */
    assert_true(o->c->timer.node.deadline <= first);
    pass(o, 950 * MS);
    assert_int_equal(o->c->timeouts, 0);
    pass(o, 51 * MS);
    assert_int_equal(o->c->timeouts, 1);
    one_close(o);
}

static void test_a_connection_that_waits_for_its_neighbour_has_no_timer(void **state)
{
    (void)state;
    struct one *o = one_open();
    o->c->parked = true;
    queue_bytes(o, o->c, MSS);
    send_now(o, o->c, MSS, false);
    assert_int_equal(o->wheel.armed, 0);
    o->c->parked = false;
    tcp_timer_update(&o->tcp, o->c);
    assert_int_equal(o->wheel.armed, 1);
    one_close(o);
}

static void test_the_timer_at_the_end_of_time(void **state)
{
    (void)state;
    struct one *o = one_open();
    o->now = INT64_MAX - 1000;
    queue_bytes(o, o->c, MSS);
    send_now(o, o->c, MSS, false);
    assert_int_equal(o->c->repair_at, WHEEL_DEADLINE_MAX);
    one_close(o);
}

/* ---- R1 and R2: RFC 9293 3.8.3 ---- */

/* MUST-20 (b), SHLD-9, SHLD-10: at the third retransmission, once, and the route is sought anew. */
static void test_at_R1_the_application_and_IP_are_told_once(void **state)
{
    (void)state;
    struct one *o = one_open();
    uint32_t generation = o->net.addresses.generation + o->net.routes.generation;
    queue_bytes(o, o->c, 2 * MSS);
    send_now(o, o->c, 2 * MSS, false);
    o->c->path_generation = generation;
    pass(o, 6 * S); /* 1 + 2 s: two retransmissions */
    assert_int_equal(o->c->timeouts, 2);
    assert_told(o, 0, 0);
    assert_int_equal(o->c->path_generation, generation);
    pass(o, 2 * S);
    assert_told(o, WEIR_EVENT_ADVICE, WEIR_E_TIMED_OUT);
    assert_int_not_equal(o->c->path_generation, generation);
    pass(o, 100 * S);
    assert_told(o, 0, 0);
    /* Another outage is told of again. */
    o->c->snd_una += MSS;
    tcp_recovery_acked(&o->tcp, o->c, MSS, o->now);
    tcp_rtt_sample(o->c, 300000);
    tcp_repair_update(&o->tcp, o->c, true, o->now);
    pass(o, 2500 * MS); /* 0.9, 1.8 */
    assert_told(o, 0, 0);
    pass(o, 5 * S); /* 3.6 */
    assert_told(o, WEIR_EVENT_ADVICE, WEIR_E_TIMED_OUT);
    one_close(o);
}

static void test_soft_errors_can_be_turned_off(void **state)
{
    (void)state;
    struct one *o = one_open();
    o->c->set.soft_errors = false;
    queue_bytes(o, o->c, MSS);
    send_now(o, o->c, MSS, false);
    pass(o, 100 * S);
    assert_told(o, 0, 0);
    one_close(o);
}

/* MUST-20 (c), SHLD-11. */
static void test_data_is_given_up_after_15_minutes(void **state)
{
    (void)state;
    struct one *o = one_open();
    o->c->set.soft_errors = false;
    queue_bytes(o, o->c, MSS);
    send_now(o, o->c, MSS, false);
    pass(o, 899 * S);
    assert_int_equal(o->c->state, WEIR_TCP_ESTABLISHED);
    pass(o, 2 * S);
    assert_int_equal(o->c->state, WEIR_TCP_CLOSED);
    assert_int_equal(o->tcp.count.retransmits_given_up, 1);
    assert_told(o, WEIR_EVENT_CLOSED, WEIR_E_TIMED_OUT);
    assert_int_equal(o->wheel.armed, 0);
    assert_int_equal(o->tcp.flights.in_use, 0);
    one_close(o);
}

static void test_progress_postpones_giving_up(void **state)
{
    (void)state;
    struct one *o = one_open();
    queue_bytes(o, o->c, 2 * MSS);
    send_now(o, o->c, 2 * MSS, false);
    pass(o, 800 * S);
    o->c->snd_una += MSS;
    o->c->snd_nxt = o->c->snd_una;
    tcp_recovery_acked(&o->tcp, o->c, MSS, o->now);
    tcp_repair_update(&o->tcp, o->c, true, o->now);
    pass(o, 899 * S);
    assert_int_equal(o->c->state, WEIR_TCP_ESTABLISHED);
    pass(o, 2 * S);
    assert_int_equal(o->c->state, WEIR_TCP_CLOSED);
    one_close(o);
}

/* MUST-21: the application sets R2, and it is kept to between retransmissions, too. */
static void test_the_user_timeout_is_R2(void **state)
{
    (void)state;
    static const uint32_t timeouts[] = {1, 500, 5000, 70000, 3600000};
    for (unsigned i = 0; i < 5; i++) {
        struct one *o = one_open();
        o->c->set.user_timeout_ms = timeouts[i];
        queue_bytes(o, o->c, MSS);
        send_now(o, o->c, MSS, false);
        weir_time begun = o->now;
        pass(o, timeouts[i] * MS);
        assert_int_equal(o->c->state, WEIR_TCP_ESTABLISHED);
        pass(o, 3 * MS);
        assert_int_equal(o->c->state, WEIR_TCP_CLOSED);
        assert_true(o->now - begun == (timeouts[i] + 3) * MS);
        one_close(o);
    }
}

static void test_a_user_timeout_counts_at_once(void **state)
{
    (void)state;
    struct one *o = one_open();
    queue_bytes(o, o->c, MSS);
    send_now(o, o->c, MSS, false);
    pass(o, 70 * S); /* the next retransmission is due after 127 s */
    o->c->set.user_timeout_ms = 75000;
    tcp_user_timeout_update(&o->tcp, o->c, o->now);
    pass(o, 5 * S - MS);
    assert_int_equal(o->c->state, WEIR_TCP_ESTABLISHED);
    pass(o, 4 * MS);
    assert_int_equal(o->c->state, WEIR_TCP_CLOSED);
    one_close(o);
}

/* MUST-23: R2 of a SYN is at least 3 minutes; it goes again after 1, 2, 4 ... seconds. */
static void test_a_SYN_is_sent_for_three_minutes(void **state)
{
    (void)state;
    static const unsigned states[] = {WEIR_TCP_SYN_SENT, WEIR_TCP_SYN_RECEIVED};
    for (unsigned i = 0; i < 2; i++) {
        struct one *o = one_open();
        struct tcp_conn *c = o->c;
        c->state = (uint8_t)states[i];
        c->set.user_timeout_ms = 1; /* for data */
        c->snd_una = tcp_iss(c);
        c->snd_nxt = c->snd_max = c->snd_una + 1;
        c->snd_wnd = 0; /* nothing is known of it */
        tcp_repair_update(&o->tcp, c, true, o->now);
        weir_time begun = o->now, wait = 1 * S;
        for (unsigned n = 1; n <= 7; n++) {
            assert_about(until_work(o, 100 * S, TCP_WORK_SYN), wait);
            assert_int_equal(work_done(o), TCP_WORK_SYN);
            assert_true(c->syn_lost);
            wait = wait * 2 < 60 * S ? wait * 2 : 60 * S;
            int error = 0;
            assert_int_equal(told(o, &error), n == 3 ? WEIR_EVENT_ADVICE : 0);
        }
        until_work(o, 100 * S, TCP_WORK_SYN);
        assert_int_equal(c->state, WEIR_TCP_CLOSED);
        assert_in_range(o->now - begun, 180 * S, 184 * S);
        assert_told(o, WEIR_EVENT_CLOSED, WEIR_E_TIMED_OUT);
        one_close(o);
    }
}

/* RFC 6298 5.7 and RFC 5681 3.1 are about a SYN that was lost, not one that could not leave. */
static void test_a_SYN_that_found_no_way_out_is_not_lost(void **state)
{
    (void)state;
    struct one *o = one_open();
    o->c->state = WEIR_TCP_SYN_SENT;
    o->c->work = TCP_WORK_SYN;
    o->c->snd_una = o->c->snd_nxt = o->c->snd_max = tcp_iss(o->c);
    tcp_repair_update(&o->tcp, o->c, true, o->now);
    pass(o, 100 * S);
    assert_false(o->c->syn_lost);
    assert_true(o->c->on_ready);
    pass(o, 100 * S); /* and it is given up like any other */
    assert_int_equal(o->c->state, WEIR_TCP_CLOSED);
    one_close(o);
}

/* As output leaves it when there is no route: tried again at growing intervals, and given up at R2. */
static void test_data_that_finds_no_way_out_is_given_up(void **state)
{
    (void)state;
    struct one *o = one_open();
    struct tcp_conn *c = o->c;
    queue_bytes(o, c, MSS);
    c->repair = TCP_REPAIR_PERSIST;
    c->repair_at = o->now + tcp_rto(c);
    c->stalled = true;
    c->stalled_ms = tcp_ms(o->now);
    tcp_timer_update(&o->tcp, c);
    unsigned tries = 0;
    for (weir_time begun = o->now; o->now < begun + 899 * S; tries += c->on_ready, visited(o))
        pass(o, 100 * MS);
    assert_int_equal(c->state, WEIR_TCP_ESTABLISHED);
    assert_in_range(tries, 10, 25); /* 1, 2, 4 ... 60, 60 ... s */
    assert_int_equal(c->work, 0);
    pass(o, 2 * S);
    assert_int_equal(c->state, WEIR_TCP_CLOSED);
    assert_told(o, WEIR_EVENT_CLOSED, WEIR_E_TIMED_OUT);
    one_close(o);
}

/* ---- windows: RFC 9293 3.8.6.1 ---- */

static struct one *with_window(uint32_t bytes, uint32_t queued)
{
    struct one *o = one_open();
    o->c->snd_wnd = bytes;
    queue_bytes(o, o->c, queued);
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    return o;
}

/* SHLD-29, SHLD-30: first after an RTO, then at growing intervals. */
static void test_a_closed_window_is_probed(void **state)
{
    (void)state;
    struct one *o = with_window(0, 1);
    assert_int_equal(o->c->repair, TCP_REPAIR_PERSIST);
    weir_time wait = 1 * S;
    for (unsigned n = 1; n <= 10; n++) {
        assert_about(until_work(o, 100 * S, TCP_WORK_PROBE), wait);
        assert_true(o->c->on_ready);
        assert_int_equal(work_done(o), TCP_WORK_PROBE);
        assert_int_equal(o->c->probes, n);
        assert_int_equal(o->c->cc.cwnd, 10 * MSS);
        wait = wait * 2 < 60 * S ? wait * 2 : 60 * S;
    }
    assert_int_equal(o->c->timeouts, 0);
    one_close(o);
}

/* MUST-37: as long as the peer answers. */
static void test_a_peer_that_answers_is_probed_for_ever(void **state)
{
    (void)state;
    struct one *o = with_window(0, MSS);
    o->c->set.soft_errors = false;
    for (unsigned n = 0; n < 2000; n++) { /* more than a day */
        assert_true(until_work(o, 100 * S, TCP_WORK_PROBE) < 61 * S);
        assert_int_equal(o->c->state, WEIR_TCP_ESTABLISHED);
        work_done(o);
        o->c->heard_at = o->now;
        o->c->probes = 0;
        tcp_repair_update(&o->tcp, o->c, false, o->now);
    }
    assert_true(o->now > 86400 * S);
    assert_told(o, 0, 0);
    one_close(o);
}

static void test_a_peer_that_does_not_answer_probes_is_given_up(void **state)
{
    (void)state;
    struct one *o = with_window(0, MSS);
    pass(o, 899 * S);
    assert_told(o, WEIR_EVENT_ADVICE, WEIR_E_TIMED_OUT);
    assert_int_equal(o->c->state, WEIR_TCP_ESTABLISHED);
    pass(o, 62 * S);
    assert_int_equal(o->c->state, WEIR_TCP_CLOSED);
    assert_int_equal(o->tcp.count.retransmits_given_up, 1);
    one_close(o);
}

/* RFC 5482 2: the user timeout counts for what is kept back, answered or not. */
static void test_the_user_timeout_ends_probing(void **state)
{
    (void)state;
    struct one *o = one_open();
    o->c->set.user_timeout_ms = 10000;
    o->c->snd_wnd = 0;
    queue_bytes(o, o->c, MSS);
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    for (unsigned i = 0; i < 100; i++) {
        pass(o, 100 * MS);
        o->c->heard_at = o->now;
        tcp_repair_update(&o->tcp, o->c, false, o->now);
        assert_int_equal(o->c->state, WEIR_TCP_ESTABLISHED);
    }
    pass(o, 3 * MS);
    assert_int_equal(o->c->state, WEIR_TCP_CLOSED);
    one_close(o);
}

static void test_an_open_window_ends_probing(void **state)
{
    (void)state;
    struct one *o = with_window(0, MSS);
    pass(o, 100 * S);
    assert_true(o->c->backoff > 3);
    o->c->snd_wnd = 65536;
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    assert_int_equal(o->c->repair, TCP_REPAIR_NONE);
    assert_int_equal(o->c->backoff, 0);
    work_done(o);
    send_now(o, o->c, MSS, false);
    assert_int_equal(o->c->repair_at, o->now + 1 * S);
    one_close(o);
}

/* 3.8.6.2.1 (4): a window that lets too little go is overridden in 0.1 to 1 s, never later. */
static void test_a_small_window_is_overridden_soon(void **state)
{
    (void)state;
    struct one *o = with_window(10, MSS);
    assert_int_equal(o->c->repair, TCP_REPAIR_PERSIST);
    for (unsigned i = 0; i < 5; i++) {
        assert_about(until_work(o, 100 * S, TCP_WORK_PROBE), 1 * S);
        work_done(o);
    }
    one_close(o);
    o = with_window(0, MSS);
    o->c->set.rto_min_ms = 1;
    tcp_rtt_sample(o->c, 1);
    pass(o, 50 * S);
    work_done(o);
    o->c->snd_wnd = 10;
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    assert_about(until_work(o, 100 * S, TCP_WORK_PROBE), 100 * MS);
    one_close(o);
}

/* What the window lets go by 3.8.6.2.1 needs no timer. */
static void test_enough_of_a_window_is_not_probed(void **state)
{
    (void)state;
    static const uint32_t cases[][4] = {
        /* window, its maximum, queued, probed */
        {MSS, 65536, 2 * MSS, 0},  {MSS - 1, 65536, 2 * MSS, 1}, {500, 65536, 500, 0},
        {500, 65536, 501, 1},      {500, 1000, 2 * MSS, 0},      {499, 1000, 2 * MSS, 1},
        {0, 1, 1, 1},              {1, 1, 2, 0},                 {0, 65536, 0, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct one *o = one_open();
        o->c->snd_wnd = cases[i][0];
        o->c->snd_wnd_max = cases[i][1];
        queue_bytes(o, o->c, cases[i][2]);
        tcp_repair_update(&o->tcp, o->c, false, o->now);
        assert_int_equal(o->c->repair, cases[i][3] ? TCP_REPAIR_PERSIST : TCP_REPAIR_NONE);
        one_close(o);
    }
}

static void test_a_FIN_behind_a_closed_window_is_probed_for(void **state)
{
    (void)state;
    struct one *o = with_window(0, 0);
    assert_int_equal(o->c->repair, TCP_REPAIR_NONE);
    o->c->fin_queued = true;
    o->c->state = WEIR_TCP_FIN_WAIT_1;
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    assert_int_equal(o->c->repair, TCP_REPAIR_PERSIST);
    one_close(o);
}

/* MUST-35: a window that is closed over what was sent is probed with it, in the standard way: cwnd
 * stays; SHLD-17: and it does not time the connection out. */
static void test_a_window_closed_over_what_was_sent_is_probed(void **state)
{
    (void)state;
    struct one *o = one_open();
    queue_bytes(o, o->c, 5 * MSS);
    send_now(o, o->c, 5 * MSS, false);
    o->c->snd_wnd = 0;
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    assert_int_equal(o->c->repair, TCP_REPAIR_PERSIST);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(until_work(o, 100 * S, TCP_WORK_PROBE) < 61 * S);
        assert_int_equal(o->c->snd_nxt, o->c->snd_una);
        o->c->snd_nxt += MSS;
        o->c->heard_at = o->now;
        o->c->probes = 0;
        work_done(o);
    }
    assert_int_equal(o->c->cc.cwnd, 10 * MSS);
    assert_int_equal(o->c->timeouts, 0);
    o->c->snd_wnd = 65536;
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    assert_int_equal(o->c->repair, TCP_REPAIR_RETRANSMIT);
    assert_int_equal(o->c->repair_at, o->now + 1 * S);
    assert_int_equal(o->c->snd_nxt, o->c->snd_una); /* all of it goes again */
    one_close(o);
}

static void test_a_cork_gives_way_after_200_ms(void **state)
{
    (void)state;
    struct one *o = one_open();
    o->c->set.cork = true;
    queue_bytes(o, o->c, MSS - 1);
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    assert_int_equal(o->c->repair, TCP_REPAIR_CORK);
    assert_about(until_work(o, 1 * S, TCP_WORK_UNCORK), 200 * MS);
    assert_true(o->c->on_ready);
    one_close(o);
    o = one_open();
    o->c->set.cork = true;
    queue_bytes(o, o->c, MSS); /* a full one is not held back */
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    assert_int_equal(o->c->repair, TCP_REPAIR_NONE);
    one_close(o);
    o = one_open();
    queue_bytes(o, o->c, 10);
    o->c->unpushed = 10; /* MORE */
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    assert_int_equal(o->c->repair, TCP_REPAIR_CORK);
    o->c->fin_queued = true;
    tcp_repair_update(&o->tcp, o->c, false, o->now);
    assert_int_equal(o->c->repair, TCP_REPAIR_NONE);
    one_close(o);
}

/* ---- the others ---- */

static void test_a_delayed_ACK_is_due_in_time(void **state)
{
    (void)state;
    struct one *o = one_open();
    o->c->delack_at = o->now + 40 * MS;
    tcp_timer_update(&o->tcp, o->c);
    assert_about(until_work(o, 1 * S, TCP_WORK_ACK), 40 * MS);
    assert_true(o->c->on_ready);
    assert_int_equal(o->tcp.count.delayed_acks, 1);
    assert_int_equal(o->c->delack_at, WEIR_TIME_NEVER);
    one_close(o);
}

static struct one *with_keepalive(void)
{
    struct one *o = one_open();
    o->c->set.keepalive = true;
    o->c->set.keepalive_idle_s = 100;
    o->c->set.keepalive_interval_s = 10;
    o->c->set.keepalive_probes = 3;
    tcp_idle_update(&o->tcp, o->c, o->now);
    return o;
}

/* MUST-25. */
static void test_no_keepalive_unless_it_is_asked_for(void **state)
{
    (void)state;
    struct one *o = one_open();
    tcp_idle_update(&o->tcp, o->c, o->now);
    pass(o, 86400 * S);
    assert_int_equal(o->c->work, 0);
    assert_int_equal(o->wheel.armed, 0);
    one_close(o);
}

/* MUST-26: no data or acknowledgment received within the interval. */
static void test_only_an_idle_peer_is_probed(void **state)
{
    (void)state;
    struct one *o = with_keepalive();
    for (unsigned i = 0; i < 20; i++) {
        pass(o, 99 * S);
        assert_int_equal(o->c->work, 0);
        o->c->heard_at = o->now;
    }
    assert_about(until_work(o, 1000 * S, TCP_WORK_KEEPALIVE), 100 * S);
    one_close(o);
}

/* The issue: probes, one more interval, and RST; MUST-29. */
static void test_a_peer_that_answers_no_keepalive_is_given_up(void **state)
{
    (void)state;
    struct one *o = with_keepalive();
    assert_about(until_work(o, 1000 * S, TCP_WORK_KEEPALIVE), 100 * S);
    for (unsigned n = 1; n < 3; n++) {
        work_done(o);
        assert_about(until_work(o, 1000 * S, TCP_WORK_KEEPALIVE), 10 * S);
    }
    work_done(o);
    pass(o, 10 * S - MS);
    assert_int_equal(o->c->state, WEIR_TCP_ESTABLISHED);
    pass(o, 2 * MS);
    assert_int_equal(o->c->state, WEIR_TCP_CLOSED);
    assert_int_equal(o->tcp.count.keepalive_given_up, 1);
    assert_int_equal(o->tcp.count.resets_out, 1);
    assert_told(o, WEIR_EVENT_CLOSED, WEIR_E_TIMED_OUT);
    one_close(o);
}

static void test_a_lost_keepalive_answer_is_not_a_dead_peer(void **state)
{
    (void)state;
    struct one *o = with_keepalive();
    for (unsigned i = 0; i < 10; i++) {
        assert_about(until_work(o, 1000 * S, TCP_WORK_KEEPALIVE), i == 0 ? 100 * S : 100 * S);
        work_done(o);
        for (unsigned lost = 0; lost < 2; lost++) {
            assert_about(until_work(o, 1000 * S, TCP_WORK_KEEPALIVE), 10 * S);
            work_done(o);
        }
        o->c->heard_at = o->now; /* the third is answered */
        o->c->probes = 0;
    }
    assert_int_equal(o->c->state, WEIR_TCP_ESTABLISHED);
    one_close(o);
}

static void test_ATK_REG_34_no_keepalive_while_data_is_outstanding(void **state)
{
    (void)state;
    struct one *o = with_keepalive();
    queue_bytes(o, o->c, MSS);
    pass(o, 99 * S);
    send_now(o, o->c, MSS, false);
    pass(o, 500 * S);
    assert_int_equal(o->c->work, 0);
    assert_int_equal(o->c->probes, 0);
    assert_true(o->c->timeouts > 5);
    one_close(o);
}

static struct one *in_fin_wait_2(bool released)
{
    struct one *o = one_open();
    o->c->fin_queued = true;
    o->c->snd_una = o->c->snd_nxt = o->c->snd_max = tcp_snd_end(o->c);
    o->c->state = WEIR_TCP_FIN_WAIT_2;
    o->c->released = released;
    tcp_idle_update(&o->tcp, o->c, o->now);
    return o;
}

static void test_FIN_WAIT_2_of_an_orphan_ends(void **state)
{
    (void)state;
    struct one *o = in_fin_wait_2(true);
    pass(o, 30 * S);
    o->c->heard_at = o->now; /* what the peer says makes it no longer */
    tcp_idle_update(&o->tcp, o->c, o->now);
    pass(o, 30 * S - MS);
    assert_int_equal(o->c->state, WEIR_TCP_FIN_WAIT_2);
    pass(o, 2 * MS);
    assert_int_equal(o->c->state, WEIR_TCP_CLOSED);
    assert_int_equal(o->tcp.count.fin_wait_2_given_up, 1);
    assert_int_equal(o->tcp.count.resets_out, 0);
    one_close(o);
}

static void test_ATK_RES_07_a_half_close_in_use_lasts(void **state)
{
    (void)state;
    struct one *o = in_fin_wait_2(false);
    pass(o, 86400 * S);
    assert_int_equal(o->c->state, WEIR_TCP_FIN_WAIT_2);
    o->c->released = true; /* from here on, a minute */
    tcp_idle_update(&o->tcp, o->c, o->now);
    pass(o, 61 * S);
    assert_int_equal(o->c->state, WEIR_TCP_CLOSED);
    one_close(o);
}

static void test_all_deadlines_are_kept_by_one_timer(void **state)
{
    (void)state;
    struct one *o = with_keepalive();
    queue_bytes(o, o->c, MSS);
    send_now(o, o->c, MSS, false);
    o->c->delack_at = o->now + 40 * MS;
    tcp_timer_update(&o->tcp, o->c);
    assert_int_equal(o->wheel.armed, 1);
    assert_about(until_work(o, 10 * S, TCP_WORK_ACK), 40 * MS);
    assert_int_equal(o->c->timeouts, 0);
    pass(o, 961 * MS);
    assert_int_equal(o->c->timeouts, 1);
    assert_int_equal(o->wheel.armed, 1);
    one_close(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_first_sample),
        cmocka_unit_test(test_the_first_sample),
        cmocka_unit_test(test_later_samples_are_weighed),
        cmocka_unit_test(test_the_timeout_has_a_floor_that_can_be_set),
        cmocka_unit_test(test_the_timeout_doubles_up_to_its_ceiling),
        cmocka_unit_test(test_a_sample_ends_the_backoff),
        cmocka_unit_test(test_no_sample_overflows),
        cmocka_unit_test(test_what_is_outstanding_times_out_again_and_again),
        cmocka_unit_test(test_nothing_outstanding_no_timer),
        cmocka_unit_test(test_progress_begins_the_timer_anew_and_sending_does_not),
        cmocka_unit_test(test_a_connection_that_waits_for_its_neighbour_has_no_timer),
        cmocka_unit_test(test_the_timer_at_the_end_of_time),
        cmocka_unit_test(test_at_R1_the_application_and_IP_are_told_once),
        cmocka_unit_test(test_soft_errors_can_be_turned_off),
        cmocka_unit_test(test_data_is_given_up_after_15_minutes),
        cmocka_unit_test(test_progress_postpones_giving_up),
        cmocka_unit_test(test_the_user_timeout_is_R2),
        cmocka_unit_test(test_a_user_timeout_counts_at_once),
        cmocka_unit_test(test_a_SYN_is_sent_for_three_minutes),
        cmocka_unit_test(test_a_SYN_that_found_no_way_out_is_not_lost),
        cmocka_unit_test(test_data_that_finds_no_way_out_is_given_up),
        cmocka_unit_test(test_a_closed_window_is_probed),
        cmocka_unit_test(test_a_peer_that_answers_is_probed_for_ever),
        cmocka_unit_test(test_a_peer_that_does_not_answer_probes_is_given_up),
        cmocka_unit_test(test_the_user_timeout_ends_probing),
        cmocka_unit_test(test_an_open_window_ends_probing),
        cmocka_unit_test(test_a_small_window_is_overridden_soon),
        cmocka_unit_test(test_enough_of_a_window_is_not_probed),
        cmocka_unit_test(test_a_FIN_behind_a_closed_window_is_probed_for),
        cmocka_unit_test(test_a_window_closed_over_what_was_sent_is_probed),
        cmocka_unit_test(test_a_cork_gives_way_after_200_ms),
        cmocka_unit_test(test_a_delayed_ACK_is_due_in_time),
        cmocka_unit_test(test_no_keepalive_unless_it_is_asked_for),
        cmocka_unit_test(test_only_an_idle_peer_is_probed),
        cmocka_unit_test(test_a_peer_that_answers_no_keepalive_is_given_up),
        cmocka_unit_test(test_a_lost_keepalive_answer_is_not_a_dead_peer),
        cmocka_unit_test(test_ATK_REG_34_no_keepalive_while_data_is_outstanding),
        cmocka_unit_test(test_FIN_WAIT_2_of_an_orphan_ends),
        cmocka_unit_test(test_ATK_RES_07_a_half_close_in_use_lasts),
        cmocka_unit_test(test_all_deadlines_are_kept_by_one_timer),
    };
    return cmocka_run_group_tests_name("rto", tests, NULL, NULL);
}
