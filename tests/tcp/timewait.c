/* SPDX-License-Identifier: MIT
 * TIME-WAIT: what it answers, how long it lasts, and who may take its place (RFC 9293 3.6.1 and
 * 3.10.7.4, RFC 1337, RFC 6191). */
#include "host.h"

static const uint32_t irs = 0xfffffff0U;

/* A connection that came into TIME-WAIT: our next number is iss + 2, the peer's irs + 2. */
struct old {
    uint32_t iss;
    uint16_t port;
    uint32_t ts; /* TS.Recent; 0: no timestamps */
};

static struct seg stamped(const struct old *o, uint16_t flags, uint32_t seq, uint32_t ack)
{
    struct seg s = peer_seg(o->port, flags, seq, ack);
    return o->ts != 0 ? with_stamp(s, o->ts, 0) : s;
}

static void takes_ack(struct host *h, const struct old *o)
{
    struct seg s = must_take(h);
    assert_int_equal(s.flags, TCP_ACK);
    assert_int_equal(s.seq, o->iss + 2);
    assert_int_equal(s.ack, irs + 2);
    assert_int_equal(s.to_port, o->port);
    assert_int_equal((s.options.present & TCP_HAS_TIMESTAMPS) != 0, o->ts != 0);
    if (o->ts != 0)
        assert_int_equal(s.options.ts_ecr, o->ts);
}

/* From SYN to FIN-WAIT-2; the peer's timestamps begin at `ts`, or there are none. */
static struct old fin_wait_2(struct host *h, weir_handle l, uint16_t port, uint32_t ts)
{
    struct old o = {.port = port, .ts = ts};
    weir_handle handle;
    struct seg s = stamped(&o, TCP_SYN, irs, 0);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    struct seg a = must_take(h);
    assert_int_equal(a.flags, TCP_SYN | TCP_ACK);
    o.iss = a.seq;
    s = stamped(&o, TCP_ACK, irs + 1, o.iss + 1);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    assert_int_equal(tcp_accept(&h->tcp, host_get(h, l), 0, &handle), WEIR_OK);
    tcp_close(&h->tcp, host_get(h, handle), false);
    a = must_take(h);
    assert_int_equal(a.flags & (TCP_FIN | TCP_ACK), TCP_FIN | TCP_ACK);
    assert_int_equal(a.seq, o.iss + 1);
    s = stamped(&o, TCP_ACK, irs + 1, o.iss + 2);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    return o;
}

static enum weir_drop give_fin(struct host *h, const struct old *o)
{
    struct seg s = stamped(o, TCP_FIN | TCP_ACK, irs + 1, o->iss + 2);
    return give(h, &s);
}

static struct old time_wait(struct host *h, weir_handle l, uint16_t port, uint32_t ts)
{
    struct old o = fin_wait_2(h, l, port, ts);
    struct weir_event event;
    assert_int_equal(give_fin(h, &o), WEIR_DROP_NONE);
    takes_ack(h, &o);
    while (host_event(h, &event))
        ;
    nothing_comes(h);
    return o;
}

static enum tcp_kind kind_of(struct host *h, const struct old *o)
{
    struct tcp_tuple t = {.local = addr("10.0.0.1"),
                          .remote = addr("10.0.0.2"),
                          .local_port = 80,
                          .remote_port = o->port};
    return tcp_find(&h->tcp, &t).kind;
}

/* Does it stay for just so long, from now on? */
static void lasts(struct host *h, const struct old *o, weir_time ns)
{
    host_pass(h, ns - 1 * MS);
    assert_int_equal(kind_of(h, o), TCP_KIND_WAIT);
    host_pass(h, 3 * MS);
    assert_int_equal(kind_of(h, o), TCP_KIND_NONE);
    assert_int_equal(h->tcp.waits.in_use, 0);
    nothing_comes(h);
}

/* ---- entering and leaving ---- */

static void test_a_connection_leaves_a_record_for_twice_the_segment_lifetime(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    struct old o = time_wait(h, l, 1, 0);
    assert_int_equal(h->tcp.conns.in_use, 1); /* the listener */
    assert_int_equal(kind_of(h, &o), TCP_KIND_WAIT);
    lasts(h, &o, 60 * S);
    host_close(h);
}

static void test_the_time_is_that_of_the_config(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_time_wait_ms = 1000;
    struct host *h = host_open_with(&config, 1);
    struct old o = time_wait(h, listen_on(h, NULL, 80, 4), 1, 0);
    lasts(h, &o, 1 * S);
    host_close(h);
}

static void test_the_application_reads_what_is_left_and_is_told_that_all_is_over(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4), handle;
    struct seg s = peer_seg(1, TCP_SYN, irs, 0);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    uint32_t iss = must_take(h).seq;
    s = peer_seg(1, TCP_ACK, irs + 1, iss + 1);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    assert_int_equal(tcp_accept(&h->tcp, host_get(h, l), 9, &handle), WEIR_OK);
    assert_int_equal(tcp_shutdown(&h->tcp, host_get(h, handle), WEIR_TCP_SHUT_SEND), WEIR_OK);
    while (host_output(h))
        ;
    s = peer_seg(1, TCP_FIN | TCP_ACK, irs + 1, iss + 2);
    s.data = "last";
    s.len = 4;
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    struct seg a = must_take(h);
    assert_int_equal(a.flags, TCP_ACK);
    assert_int_equal(a.ack, irs + 6);
    nothing_comes(h);
    assert_int_equal(h->tcp.waits.in_use, 1);
    struct weir_event event;
    uint32_t bits = 0;
    while (host_event(h, &event))
        if (event.user == 9)
            bits |= event.bits;
    assert_true((bits & WEIR_EVENT_CLOSED) != 0 && (bits & WEIR_EVENT_READABLE) != 0);
    char data[8];
    assert_int_equal(tcp_receive(&h->tcp, host_get(h, handle), data, sizeof data, 0), 4);
    assert_memory_equal(data, "last", 4);
    assert_int_equal(tcp_receive(&h->tcp, host_get(h, handle), data, sizeof data, 0), 0);
    tcp_close(&h->tcp, host_get(h, handle), false);
    assert_int_equal(h->tcp.conns.in_use, 1);
    host_close(h);
}

/* MUST-13: from simultaneous close too; the last ACK was of ours, so there is nothing to say. */
static void test_MUST_13_a_simultaneous_close_ends_in_time_wait(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4), handle;
    struct seg s = peer_seg(1, TCP_SYN, irs, 0);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    struct old o = {.iss = must_take(h).seq, .port = 1};
    s = peer_seg(1, TCP_ACK, irs + 1, o.iss + 1);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    assert_int_equal(tcp_accept(&h->tcp, host_get(h, l), 0, &handle), WEIR_OK);
    tcp_close(&h->tcp, host_get(h, handle), false);
    while (host_output(h))
        ;
    s = peer_seg(1, TCP_FIN | TCP_ACK, irs + 1, o.iss + 1); /* it crossed ours */
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    takes_ack(h, &o);
    s = peer_seg(1, TCP_ACK, irs + 2, o.iss + 2);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    assert_int_equal(kind_of(h, &o), TCP_KIND_WAIT);
    lasts(h, &o, 60 * S);
    host_close(h);
}

/* The clock of the records has 32 bits of milliseconds; one that nobody has run for weeks is no longer
 * there when it goes on, and one that comes as the bits wrap around lasts as long as any other. */
static void test_the_clock_of_records_wraps_around(void **state)
{
    (void)state;
    static const unsigned days[] = {1, 24, 25, 26, 49, 50, 100, 10000};
    for (unsigned i = 0; i < sizeof days / sizeof days[0]; i++) {
        struct host *h = host_open();
        struct old o = time_wait(h, listen_on(h, NULL, 80, 4), 1, 0);
        host_pass(h, (weir_time)days[i] * 86400 * S);
        assert_int_equal(kind_of(h, &o), TCP_KIND_NONE);
        host_close(h);
    }
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    host_pass(h, (INT64_C(1) << 32) * MS - h->now - 20 * S);
    struct old before = time_wait(h, l, 1, 0);
    host_pass(h, 40 * S);
    struct old after = time_wait(h, l, 2, 0);
    host_pass(h, 20 * S - 1 * MS);
    assert_int_equal(kind_of(h, &before), TCP_KIND_WAIT);
    host_pass(h, 3 * MS);
    assert_int_equal(kind_of(h, &before), TCP_KIND_NONE);
    lasts(h, &after, 40 * S - 2 * MS);
    host_close(h);
}

static void test_hundreds_expire_together(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_time_wait_max = 300;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listen_on(h, NULL, 80, 4);
    for (uint16_t i = 1; i <= 300; i++)
        time_wait(h, l, i, 0);
    assert_int_equal(h->tcp.waits.in_use, 300);
    host_pass(h, 60 * S - 1 * MS);
    assert_int_equal(h->tcp.waits.in_use, 300);
    host_pass(h, 3 * MS);
    assert_int_equal(h->tcp.waits.in_use, 0);
    host_close(h);
}

static void test_ATK_TS_08_when_there_is_no_record_left_the_oldest_ends(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    struct old o[20];
    for (uint16_t i = 0; i < 20; i++) {
        o[i] = time_wait(h, l, (uint16_t)(i + 1), 0);
        host_pass(h, 1 * S);
        if (i == 10)
            assert_int_equal(give_fin(h, &o[0]), WEIR_DROP_NONE); /* the first becomes the youngest */
        while (host_output(h))
            ;
    }
    assert_int_equal(h->tcp.waits.in_use, 16);
    assert_int_equal(h->tcp.count.time_wait_evicted, 4);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(kind_of(h, &o[i]), i >= 1 && i <= 4 ? TCP_KIND_NONE : TCP_KIND_WAIT);
    struct old again = time_wait(h, l, 2, 0); /* who lost his can begin anew */
    assert_int_equal(kind_of(h, &again), TCP_KIND_WAIT);
    assert_true(again.iss != o[1].iss);
    host_close(h);
}

/* ---- what it answers ---- */

static void test_ATK_TS_05_RFC1337_neither_old_segments_nor_a_reset_end_it(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct old o = time_wait(h, listen_on(h, NULL, 80, 4), 1, 0);
    host_pass(h, 10 * S);
    struct seg s = stamped(&o, TCP_ACK, irs + 1, o.iss + 1); /* old data */
    s.data = "x";
    s.len = 1;
    (void)give(h, &s);
    takes_ack(h, &o);
    s = stamped(&o, TCP_ACK, irs + 1, o.iss + 1); /* old ACK */
    host_pass(h, 1 * S);
    (void)give(h, &s);
    takes_ack(h, &o); /* it is outside the window */
    const uint32_t seqs[] = {irs + 1, irs + 2, irs + 3, irs + 1000};
    for (unsigned i = 0; i < 4; i++) {
        s = stamped(&o, TCP_RST, seqs[i], 0);
        assert_int_equal(give(h, &s), WEIR_DROP_TCP_TIME_WAIT);
        s.flags |= TCP_ACK;
        s.ack = o.iss + 2;
        assert_int_equal(give(h, &s), WEIR_DROP_TCP_TIME_WAIT);
        s.flags |= TCP_SYN | TCP_FIN;
        assert_int_equal(give(h, &s), WEIR_DROP_TCP_TIME_WAIT);
    }
    nothing_comes(h);
    lasts(h, &o, 49 * S);
    host_close(h);
}

static void test_ATK_TS_07_the_FIN_that_comes_again_is_acknowledged_and_prolongs_the_wait(
    void **state)
{
    (void)state;
    struct host *h = host_open();
    struct old o = time_wait(h, listen_on(h, NULL, 80, 4), 1, 0);
    for (unsigned i = 0; i < 5; i++) {
        host_pass(h, 59 * S);
        assert_int_equal(give_fin(h, &o), WEIR_DROP_NONE);
        takes_ack(h, &o);
        assert_int_equal(give_fin(h, &o), WEIR_DROP_NONE); /* at no rate but its own */
        takes_ack(h, &o);
    }
    host_pass(h, 1 * S);
    struct seg s = stamped(&o, TCP_FIN | TCP_ACK | TCP_PSH, irs - 9, o.iss + 2); /* with old data */
    s.data = "0123456789";
    s.len = 10;
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    takes_ack(h, &o);
    lasts(h, &o, 60 * S);
    host_close(h);
}

static void test_ATK_TS_07_nothing_else_prolongs_the_wait(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct old o = time_wait(h, listen_on(h, NULL, 80, 4), 1, 0);
    host_pass(h, 30 * S);
    const struct {
        uint16_t flags;
        uint32_t seq, ack;
    } bad[] = {
        {TCP_FIN | TCP_ACK, irs, o.iss + 2},     {TCP_FIN | TCP_ACK, irs + 2, o.iss + 2},
        {TCP_FIN | TCP_ACK, irs + 3, o.iss + 2}, {TCP_FIN | TCP_ACK, irs + 1 + 0x80000000U, o.iss + 2},
        {TCP_FIN | TCP_ACK, irs + 1, o.iss + 3}, {TCP_FIN | TCP_ACK, irs + 1, o.iss},
        {TCP_FIN, irs + 1, 0},                   {TCP_ACK, irs + 2, o.iss + 2},
        {TCP_ACK | TCP_PSH, irs + 2, o.iss + 2}, {TCP_SYN | TCP_FIN | TCP_ACK, irs + 1, o.iss + 2},
        {TCP_SYN | TCP_FIN, irs, 0},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct seg s = peer_seg(1, bad[i].flags, bad[i].seq, bad[i].ack);
        assert_int_not_equal(give(h, &s), WEIR_DROP_NONE);
        while (host_output(h))
            ;
    }
    lasts(h, &o, 30 * S);
    host_close(h);
}

/* What is out of place is answered, but at most twice a second: it may be an answer to ours. */
static void test_a_storm_of_segments_is_answered_at_a_low_rate(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct old o = time_wait(h, listen_on(h, NULL, 80, 4), 1, 0);
    struct seg s = stamped(&o, TCP_ACK, irs + 1, o.iss + 1);
    unsigned answers = 0;
    for (unsigned ms = 0; ms < 2000; ms++) {
        assert_int_equal(give(h, &s), WEIR_DROP_TCP_SEQUENCE);
        while (host_output(h))
            answers++;
        host_pass(h, 1 * MS);
    }
    assert_int_equal(answers, 4);
    assert_int_equal(h->tcp.count.challenges_out, 4);
    assert_int_equal(h->tcp.count.challenges_limited, 1996);
    assert_int_equal(give_fin(h, &o), WEIR_DROP_NONE);
    takes_ack(h, &o);
    host_close(h);
}

static void test_an_ack_of_what_was_never_sent_is_answered_and_nothing_else_in_the_window(
    void **state)
{
    (void)state;
    struct host *h = host_open();
    struct old o = time_wait(h, listen_on(h, NULL, 80, 4), 1, 0);
    struct seg s = stamped(&o, TCP_ACK, irs + 2, o.iss + 2);
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_TIME_WAIT);
    s.flags = TCP_PSH; /* fifth: ACK off */
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_ACK);
    nothing_comes(h);
    s = stamped(&o, TCP_ACK, irs + 2, o.iss + 3);
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_ACK);
    takes_ack(h, &o);
    host_close(h);
}

static void test_with_timestamps_the_older_ones_are_refused(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct old o = time_wait(h, listen_on(h, NULL, 80, 4), 1, 5000);
    host_pass(h, 10 * S);
    struct seg s = stamped(&o, TCP_FIN | TCP_ACK, irs + 1, o.iss + 2);
    s.options.ts_val = 4999;
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_PAWS);
    takes_ack(h, &o);
    s.options.present = 0;
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_TIMESTAMP_MISSING);
    nothing_comes(h);
    o.ts = 5600; /* a newer one is echoed from then on (RFC 7323 4.3) */
    assert_int_equal(give_fin(h, &o), WEIR_DROP_NONE);
    takes_ack(h, &o);
    lasts(h, &o, 60 * S);
    host_close(h);
}

/* ---- who takes its place ---- */

static enum weir_drop give_syn(struct host *h, uint32_t seq, uint32_t ts)
{
    struct seg s = peer_seg(1, TCP_SYN, seq, 0);
    if (ts != 0)
        s = with_stamp(s, ts, 0);
    return give(h, &s);
}

/* It does; the ISN is above all that the old one has used. */
static void takes_place(struct host *h, const struct old *o, uint32_t seq, uint32_t ts)
{
    assert_int_equal(give_syn(h, seq, ts), WEIR_DROP_NONE);
    assert_int_equal(kind_of(h, o), TCP_KIND_SYN);
    assert_int_equal(h->tcp.waits.in_use, 0);
    assert_int_equal(h->tcp.count.time_wait_reused, 1);
    struct seg a = must_take(h);
    assert_int_equal(a.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(a.ack, seq + 1);
    assert_true((int32_t)(a.seq - (o->iss + 2)) >= 0);
    nothing_comes(h);
    host_close(h);
}

static void does_not(struct host *h, const struct old *o, uint32_t seq, uint32_t ts)
{
    assert_int_equal(give_syn(h, seq, ts), WEIR_DROP_TCP_TIME_WAIT);
    takes_ack(h, o);
    nothing_comes(h);
    assert_int_equal(kind_of(h, o), TCP_KIND_WAIT);
    assert_int_equal(h->tcp.count.time_wait_reused, 0);
    lasts(h, o, 60 * S);
    host_close(h);
}

static void test_ATK_TS_06_RFC6191_what_a_SYN_in_time_wait_comes_to(void **state)
{
    (void)state;
    static const struct {
        uint32_t old_ts, seq, ts; /* seq: from irs on; 0: no timestamps */
        bool taken;
    } rows[] = {
        /* Both have timestamps: a newer one is enough, whatever the sequence number. */
        {5000, 1000, 5001, true},
        {5000, 0x80000100U, 5001, true},
        {5000, 1, 5001, true},
        /* An equal one: by sequence number. */
        {5000, 3, 5000, true},
        {5000, 1, 5000, false},
        {5000, 0x90000000U, 5000, false},
        /* An older one: never. */
        {5000, 1000, 4999, false},
        {5000, 3, 4999, false},
        /* The new one has none: by sequence number. */
        {5000, 3, 0, true},
        {5000, 1, 0, false},
        /* The old one had none: nothing of it can be taken for the new one's. */
        {0, 1, 1, true},
        {0, 1, 0x90000000U, true},
        /* Neither has any (RFC 9293 MAY-2). */
        {0, 3, 0, true},
        {0, 0x70000000U, 0, true},
        {0, 1, 0, false},
        {0, 0, 0, false},
        {0, 0x90000000U, 0, false},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct host *h = host_open();
        struct old o = time_wait(h, listen_on(h, NULL, 80, 4), 1, rows[i].old_ts);
        if (rows[i].taken)
            takes_place(h, &o, irs + rows[i].seq, rows[i].ts);
        else
            does_not(h, &o, irs + rows[i].seq, rows[i].ts);
    }
}

static void test_ATK_TS_06_ten_SYNs_make_one_connection(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4), handle;
    struct old o = time_wait(h, l, 1, 5000);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(give_syn(h, irs + 1000, 5001 + i), WEIR_DROP_NONE);
    assert_int_equal(h->tcp.syns.in_use, 1);
    assert_int_equal(h->tcp.tuples.count, 1);
    struct seg a = must_take(h);
    assert_int_equal(a.flags, TCP_SYN | TCP_ACK);
    nothing_comes(h);
    struct seg s = with_stamp(peer_seg(1, TCP_ACK, irs + 1001, a.seq + 1), 5100, 0);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    assert_int_equal(tcp_accept(&h->tcp, host_get(h, l), 0, &handle), WEIR_OK);
    assert_int_equal(tcp_accept(&h->tcp, host_get(h, l), 0, &handle), WEIR_E_WOULD_BLOCK);
    assert_int_equal(kind_of(h, &o), TCP_KIND_CONN);
    host_close(h);
}

static void test_without_a_listener_a_SYN_changes_nothing(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 4);
    struct old o = time_wait(h, l, 1, 5000);
    tcp_close(&h->tcp, host_get(h, l), false);
    does_not(h, &o, irs + 1000, 6000);
}

static void test_while_the_accept_queue_is_full_the_record_stays(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listen_on(h, NULL, 80, 1);
    struct old o = time_wait(h, l, 1, 0);
    struct seg s = peer_seg(2, TCP_SYN, irs, 0);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    uint32_t iss = must_take(h).seq;
    s = peer_seg(2, TCP_ACK, irs + 1, iss + 1);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    assert_int_equal(give_syn(h, irs + 1000, 0), WEIR_DROP_TCP_BACKLOG);
    nothing_comes(h);
    assert_int_equal(kind_of(h, &o), TCP_KIND_WAIT);
    host_close(h);
}

/* Who has sent faster than a byte in 4 us has outrun the clock of the ISNs. */
static void test_MAY_2_the_new_ISN_is_above_numbers_that_outran_the_clock(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct old o = time_wait(h, listen_on(h, NULL, 80, 4), 1, 0);
    struct tcp_wait *w = pool_at(&h->tcp.waits, 0);
    w->snd_nxt += 500000000;
    o.iss = w->snd_nxt - 2;
    takes_place(h, &o, irs + 1000, 0);
}

/* RFC 6191 for our own SYNs: our timestamps must be surely later than those of the old one. */
static void test_an_active_open_takes_its_place_after_a_second_with_timestamps(void **state)
{
    (void)state;
    for (unsigned stamps = 0; stamps < 2; stamps++) {
        struct host *h = host_open();
        struct old o = time_wait(h, listen_on(h, NULL, 80, 4), 1, stamps != 0 ? 5000 : 0);
        const struct tcp_wait *w = pool_at(&h->tcp.waits, 0);
        assert_false(tcp_time_wait_reusable(&h->tcp, w, h->now));
        assert_false(tcp_time_wait_reusable(&h->tcp, w, h->now + 1 * S - 1));
        assert_int_equal(tcp_time_wait_reusable(&h->tcp, w, h->now + 1001 * MS), stamps != 0);
        host_pass(h, 2 * S);
        assert_int_equal(give_fin(h, &o), WEIR_DROP_NONE); /* something was sent: again a second */
        takes_ack(h, &o);
        assert_false(tcp_time_wait_reusable(&h->tcp, w, h->now + 1 * S - 1));
        assert_int_equal(tcp_time_wait_reusable(&h->tcp, w, h->now + 1001 * MS), stamps != 0);
        host_close(h);
    }
}

/* ---- anything at all ---- */

static void test_any_segments_at_all_leave_the_queue_in_order(void **state)
{
    (void)state;
    static const uint32_t near_irs[] = {0, 1, 2, 3, 1000, 0x80000000U, 0xffffffffU};
    struct host *h = host_open();
    struct rng rng = rng_make(6);
    weir_handle l = listen_on(h, NULL, 80, 4);
    struct old o[4];
    for (unsigned step = 0; step < 4000; step++) {
        uint16_t i = (uint16_t)rng_below(&rng, 4);
        struct old probe = {.port = (uint16_t)(i + 1)};
        if (kind_of(h, &probe) == TCP_KIND_NONE && rng_below(&rng, 4) == 0)
            o[i] = time_wait(h, l, (uint16_t)(i + 1), (uint32_t)rng_below(&rng, 3) * 1000);
        else if (kind_of(h, &probe) == TCP_KIND_WAIT) {
            struct seg s = stamped(&o[i], (uint16_t)rng_below(&rng, 0x40),
                                   irs + near_irs[rng_below(&rng, 7)],
                                   o[i].iss + near_irs[rng_below(&rng, 7)]);
            s.options.ts_val += near_irs[rng_below(&rng, 7)];
            (void)give(h, &s);
        }
        weir_handle handle; /* of one that took a place */
        while (tcp_accept(&h->tcp, host_get(h, l), 0, &handle) == WEIR_OK)
            tcp_close(&h->tcp, host_get(h, handle), true);
        struct weir_event event;
        while (host_event(h, &event))
            ;
        while (host_output(h))
            ;
        uint32_t n = 0;
        for (uint32_t at = h->tcp.waiting.first; at != TCP_NONE; n++) {
            const struct tcp_wait *w = pool_at(&h->tcp.waits, at);
            at = w->next;
        }
        assert_int_equal(n, h->tcp.waits.in_use);
        host_pass(h, (weir_time)rng_below(&rng, 3000) * MS);
        while (host_output(h)) /* SYN,ACKs that go again */
            ;
    }
    assert_true(h->tcp.count.time_wait_reused > 20);
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_connection_leaves_a_record_for_twice_the_segment_lifetime),
        cmocka_unit_test(test_the_time_is_that_of_the_config),
        cmocka_unit_test(test_the_application_reads_what_is_left_and_is_told_that_all_is_over),
        cmocka_unit_test(test_MUST_13_a_simultaneous_close_ends_in_time_wait),
        cmocka_unit_test(test_the_clock_of_records_wraps_around),
        cmocka_unit_test(test_hundreds_expire_together),
        cmocka_unit_test(test_ATK_TS_08_when_there_is_no_record_left_the_oldest_ends),
        cmocka_unit_test(test_ATK_TS_05_RFC1337_neither_old_segments_nor_a_reset_end_it),
        cmocka_unit_test(
            test_ATK_TS_07_the_FIN_that_comes_again_is_acknowledged_and_prolongs_the_wait),
        cmocka_unit_test(test_ATK_TS_07_nothing_else_prolongs_the_wait),
        cmocka_unit_test(test_a_storm_of_segments_is_answered_at_a_low_rate),
        cmocka_unit_test(
            test_an_ack_of_what_was_never_sent_is_answered_and_nothing_else_in_the_window),
        cmocka_unit_test(test_with_timestamps_the_older_ones_are_refused),
        cmocka_unit_test(test_ATK_TS_06_RFC6191_what_a_SYN_in_time_wait_comes_to),
        cmocka_unit_test(test_ATK_TS_06_ten_SYNs_make_one_connection),
        cmocka_unit_test(test_without_a_listener_a_SYN_changes_nothing),
        cmocka_unit_test(test_while_the_accept_queue_is_full_the_record_stays),
        cmocka_unit_test(test_MAY_2_the_new_ISN_is_above_numbers_that_outran_the_clock),
        cmocka_unit_test(test_an_active_open_takes_its_place_after_a_second_with_timestamps),
        cmocka_unit_test(test_any_segments_at_all_leave_the_queue_in_order),
    };
    return cmocka_run_group_tests_name("timewait", tests, NULL, NULL);
}
