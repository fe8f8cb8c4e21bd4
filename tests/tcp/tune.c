/* SPDX-License-Identifier: MIT
 * Buffers that suit the path: what lets them grow, and what does not. */
#include "receiver.h"

enum { MSS = 1460, RTT_US = 10000, MAX = 16776960 };

static uint64_t window(const struct receiver *r)
{
    return r->c->rcv_edge - r->c->rcv_nxt;
}

static void at(struct receiver *r, uint64_t us)
{
    r->now = (weir_time)(us * 1000);
    r->tcp.now = r->now;
}

/* A receiver with tuning on, whose round trip is known, and which reads for the first time. */
static struct receiver *tuned(struct receiver_config want)
{
    want.tune = true;
    if (want.receive_bytes_max == 0)
        want.receive_bytes_max = MAX;
    if (want.superblocks == 0)
        want.superblocks = 256;
    struct receiver *r = receiver_new(want);
    r->c->srtt_us8 = 8 * RTT_US;
    r->c->rtt_us_min = RTT_US;
    at(r, 1000);
    arrive(r, 0, 1000);
    read_bytes(r, 1000);
    send_acks(r);
    return r;
}

/* `bytes` come, as the window lets them, and are read in pieces of 60,000 at most, all at one time. */
static void come_and_go(struct receiver *r, uint64_t bytes)
{
    while (bytes > 0) {
        uint64_t n = bytes < 60000 ? bytes : 60000;
        if (n > window(r))
            n = window(r);
        assert_true(n > 0);
        arrive(r, r->c->rcv_nxt - r->first, (uint32_t)n);
        read_bytes(r, n);
        tcp_ack_now(&r->tcp, r->c, false);
        send_acks(r);
        bytes -= n;
    }
}

/* ---- the receive buffer ---- */

static void test_a_buffer_begins_as_it_should(void **state)
{
    (void)state;
    static const struct {
        uint32_t max;
        bool tune;
        uint32_t begins;
    } rows[] = {{MAX, true, 131072},    {131073, true, 131072}, {131072, true, 131072},
                {131071, true, 131071}, {2048, true, 2048},     {MAX, false, MAX},
                {2048, false, 2048}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tcp_conn c = {.state = WEIR_TCP_CLOSED};
        tcp_settings_default(&c.set);
        c.set.receive_bytes_max = rows[i].max;
        c.set.tune = rows[i].tune;
        tcp_tune_begin(&c);
        assert_int_equal(c.rcv_buf, rows[i].begins);
        /* What is agreed on is by the largest size; the first window is never scaled. */
        unsigned scale = 0;
        while (rows[i].max >> scale > 65535)
            scale++;
        assert_int_equal(tcp_rcv_scale(&c.set), scale);
        assert_int_equal(tcp_rcv_window_first(NULL, &c.set),
                         rows[i].max < 65535 ? rows[i].max : 65535);
    }
}

static void test_the_size_may_be_set_at_any_time(void **state)
{
    (void)state;
    struct tcp_conn c = {.state = WEIR_TCP_ESTABLISHED, .rcv_buf = 1000000};
    tcp_settings_default(&c.set);
    tcp_tune_begin(&c);
    assert_int_equal(c.rcv_buf, 1000000); /* what it has come to */
    c.set.receive_bytes_max = 500000;
    tcp_tune_begin(&c);
    assert_int_equal(c.rcv_buf, 500000);
    c.set.receive_bytes_max = MAX;
    tcp_tune_begin(&c);
    assert_int_equal(c.rcv_buf, 500000);
    c.set.receive_bytes_max = 3000;
    tcp_tune_begin(&c);
    assert_int_equal(c.rcv_buf, 3000);
    c.set.receive_bytes_max = MAX;
    tcp_tune_begin(&c);
    assert_int_equal(c.rcv_buf, 131072);
    c.set.tune = false;
    tcp_tune_begin(&c);
    assert_int_equal(c.rcv_buf, MAX);
}

/* A sender in slow start never waits for the window: it may have sent twice what was read in the round
 * trip before when the window comes that lets it send twice as much again. */
static void test_the_window_keeps_ahead_of_slow_start(void **state)
{
    (void)state;
    struct receiver *r = tuned((struct receiver_config){.superblocks = 600, .overcommit_percent = 1000});
    uint64_t cwnd = 10 * MSS;
    for (unsigned round = 1; cwnd < MAX / 2; round++, cwnd *= 2) {
        uint64_t start = (uint64_t)round * RTT_US + 1000;
        /* A burst at the beginning of a round trip; the window that counts is the last one told. */
        for (unsigned part = 0; part < 4; part++) {
            at(r, start + part * 100);
            come_and_go(r, cwnd / 4);
        }
        uint64_t next = 2 * cwnd < 14000000 ? 2 * cwnd : 14000000;
        if (window(r) < next)
            fail_msg("round %u: %llu bytes were sent, the window is %llu", round,
                     (unsigned long long)cwnd, (unsigned long long)window(r));
    }
    assert_int_equal(r->c->rcv_buf, MAX);
    assert_int_equal(r->went_left, 0);
    receiver_free(r);
}

/* 125 KB a round trip for a hundred of them: four times that is all that is of use. */
static void test_a_steady_stream_has_a_buffer_of_four_round_trips(void **state)
{
    (void)state;
    struct receiver *r = tuned((struct receiver_config){0});
    for (unsigned ms = 2; ms < 1000; ms++) {
        at(r, 1000 * ms);
        come_and_go(r, 12500);
    }
    assert_in_range(r->c->rcv_buf, 400000, 560000);
    receiver_free(r);
}

static void test_small_streams_change_nothing(void **state)
{
    (void)state;
    struct receiver *r = tuned((struct receiver_config){0});
    for (unsigned ms = 2; ms < 1000; ms++) {
        at(r, 1000 * ms);
        come_and_go(r, 3000); /* 33,000 in a round trip: a quarter of the buffer */
    }
    assert_int_equal(r->c->rcv_buf, 131072);
    receiver_free(r);
}

/* A reader that leaves most of the buffer unread makes no use of it, however much it reads. */
static void test_a_reader_that_is_behind_gets_no_larger_buffer(void **state)
{
    (void)state;
    struct receiver *r = tuned((struct receiver_config){0});
    for (unsigned ms = 2; ms < 1000; ms++) {
        at(r, 1000 * ms);
        while (window(r) > 1000) {
            uint64_t n = window(r) < 50000 ? window(r) : 50000;
            arrive(r, r->c->rcv_nxt - r->first, (uint32_t)n);
            tcp_ack_now(&r->tcp, r->c, false);
            send_acks(r);
        }
        read_bytes(r, 20000); /* 220,000 in a round trip */
        send_acks(r);
    }
    assert_int_equal(r->c->rcv_buf, 131072);
    receiver_free(r);
}

/* All there is, but once a second: a hundred times slower than the path. */
static void test_a_reader_that_comes_seldom_gets_no_larger_buffer(void **state)
{
    (void)state;
    struct receiver *r = tuned((struct receiver_config){0});
    for (unsigned s = 1; s < 30; s++) {
        at(r, UINT64_C(1000000) * s);
        while (window(r) > 60000) {
            arrive(r, r->c->rcv_nxt - r->first, 50000);
            tcp_ack_now(&r->tcp, r->c, false);
            send_acks(r);
        }
        read_bytes(r, unread(r));
        send_acks(r);
    }
    assert_int_equal(r->c->rcv_buf, 131072);
    receiver_free(r);
}

/* ... but one that comes every 80 ms, eight round trips, does. */
static void test_the_pace_of_a_reader_is_part_of_the_round_trip(void **state)
{
    (void)state;
    struct receiver *r = tuned((struct receiver_config){.superblocks = 600});
    uint64_t first = 0;
    for (unsigned k = 1; k < 50 && r->c->rcv_buf <= 8000000; k++) {
        at(r, 1000 + 80000 * k);
        while (window(r) > 60000) {
            arrive(r, r->c->rcv_nxt - r->first, 50000);
            tcp_ack_now(&r->tcp, r->c, false);
            send_acks(r);
        }
        first = first == 0 ? unread(r) : first;
        read_bytes(r, unread(r));
        send_acks(r);
    }
    assert_true(r->c->rcv_buf > 8000000 && first < 131072);
    receiver_free(r);
}

static void test_the_largest_size_is_not_passed(void **state)
{
    (void)state;
    struct receiver *r =
        tuned((struct receiver_config){.receive_bytes_max = 700000, .overcommit_percent = 1000});
    for (unsigned ms = 2; ms < 80; ms++) {
        at(r, 1000 * ms);
        come_and_go(r, 600000);
        assert_true(window(r) + unread(r) <= 700000);
    }
    assert_int_equal(r->c->rcv_buf, 700000);
    receiver_free(r);
}

/* ---- memory ---- */

/* A quarter of what may still be promised, its own included: with 4 MB in all, 1 MB. */
static void test_promises_bound_the_buffer(void **state)
{
    (void)state;
    struct receiver *r =
        tuned((struct receiver_config){.superblocks = 64, .overcommit_percent = 100});
    for (unsigned ms = 2; ms < 80; ms++) {
        at(r, 1000 * ms);
        come_and_go(r, 600000);
    }
    assert_in_range(r->c->rcv_buf, 900000, 1048576);
    receiver_free(r);
}

/* With almost all of the memory in use, though nothing is promised. */
static void test_a_buffer_does_not_grow_when_memory_is_short(void **state)
{
    (void)state;
    struct receiver *r = tuned((struct receiver_config){
        .superblocks = 64, .overcommit_percent = 1000, .urgent_superblocks = 8});
    struct ring elsewhere;
    static const uint8_t bytes[65536];
    ring_init(&elsewhere, &r->blocks, BLOCKS_64K, 0);
    for (unsigned i = 0; i < 52; i++)
        assert_int_equal(ring_write(&elsewhere, elsewhere.end, (struct weir_ref){bytes, 65536},
                                    BLOCKS_NORMAL),
                         65536);
    for (unsigned ms = 2; ms < 80; ms++) {
        at(r, 1000 * ms);
        come_and_go(r, 90000);
    }
    assert_int_equal(r->c->rcv_buf, 131072);
    ring_reset(&elsewhere, elsewhere.end);
    for (unsigned ms = 80; ms < 300; ms++) {
        at(r, 1000 * ms);
        come_and_go(r, 90000);
    }
    assert_true(r->c->rcv_buf > 1000000);
    receiver_free(r);
}

/* ---- the round trip ---- */

/* The SYN was lost, and there was no other sample: our timestamps come back with the data. */
static void test_timestamps_tell_the_round_trip_when_nothing_else_does(void **state)
{
    (void)state;
    struct receiver *r = tuned((struct receiver_config){.timestamps = true});
    r->c->srtt_us8 = r->c->rtt_us_min = 0;
    struct tcp_options o = {.present = TCP_HAS_TIMESTAMPS};
    struct tcp_segment s = {.options = &o, .now = 900 * WEIR_NS_PER_MS};
    tcp_tune_echo(r->c, &s); /* no echo */
    assert_int_equal(r->c->rtt_us_min, 0);
    o.ts_ecr = tcp_stamp(r->c->ts_offset, 905 * WEIR_NS_PER_MS); /* of the future: not ours */
    tcp_tune_echo(r->c, &s);
    assert_int_equal(r->c->rtt_us_min, 0);
    o.ts_ecr = tcp_stamp(r->c->ts_offset, 800 * WEIR_NS_PER_MS);
    tcp_tune_echo(r->c, &s);
    assert_in_range(r->c->rtt_us_min, 100000, 101000);
    o.ts_ecr = tcp_stamp(r->c->ts_offset, 870 * WEIR_NS_PER_MS);
    tcp_tune_echo(r->c, &s);
    assert_in_range(r->c->rtt_us_min, 30000, 31000);
    o.ts_ecr = tcp_stamp(r->c->ts_offset, 500 * WEIR_NS_PER_MS); /* it waited with its data */
    tcp_tune_echo(r->c, &s);
    assert_in_range(r->c->rtt_us_min, 30000, 31000);
    receiver_free(r);
}

/* Without any of them, the time in which a whole buffer is read is at least a round trip. */
static void test_a_whole_buffer_tells_the_round_trip_when_nothing_else_does(void **state)
{
    (void)state;
    struct receiver *r = tuned((struct receiver_config){0});
    r->c->srtt_us8 = r->c->rtt_us_min = 0;
    unsigned ms = 2;
    for (; r->c->rtt_us_min == 0; ms++) {
        at(r, 1000 * ms);
        come_and_go(r, 10000);
        assert_true(ms < 100);
    }
    assert_in_range(r->c->rtt_us_min, 12000, 15000); /* 131072 / 10000 ms */
    for (; ms < 1000; ms++) {
        at(r, 1000 * ms);
        come_and_go(r, 10000);
    }
    assert_in_range(r->c->rcv_buf, 131072, 4 * 140000); /* and does not grow with itself */
    receiver_free(r);
}

/* ---- I-25, I-26 ---- */

/* While the buffer grows, and is set to other sizes, at random: no edge on the wire moves left, unread
 * data and window never exceed the largest it was, and what is promised is what it notes
 * (receiver_check()). */
static void test_I_25_the_edge_never_moves_left_while_the_buffer_grows(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct rng rng = rng_make(seed);
        struct receiver *r = tuned((struct receiver_config){
            .receive_bytes_max = 1U << (18 + rng_below(&rng, 8)),
            .superblocks = 256,
            .overcommit_percent = 400});
        uint64_t us = 1000, largest = r->c->rcv_buf;
        for (unsigned step = 0; step < 500; step++) {
            us += rng_below(&rng, 1000);
            at(r, us);
            uint32_t len = 1 + (uint32_t)rng_below(&rng, 30000);
            if (len > window(r))
                len = (uint32_t)window(r);
            if (len > 0)
                arrive(r, r->c->rcv_nxt - r->first, len);
            send_acks(r);
            if (rng_chance(&rng, (struct ratio){3, 4}))
                read_bytes(r, rng_chance(&rng, (struct ratio){1, 2})
                                  ? unread(r)
                                  : rng_below(&rng, unread(r) + 1));
            send_acks(r);
            assert_true(r->c->rcv_buf >= largest); /* nothing else was set */
            largest = r->c->rcv_buf;
            assert_true(unread(r) + window(r) <= largest);
            assert_true(r->c->rcv_buf <= r->c->set.receive_bytes_max);
            assert_int_equal(r->tcp.count.memory_refused, 0);
        }
        assert_true(largest > 131072);
        assert_int_equal(r->went_left, 0);
        receiver_free(r);
    }
}

/* When no more can be promised, a connection keeps what it has, and does not fall to the floor. */
static void test_what_was_promised_is_kept_when_no_more_can_be(void **state)
{
    (void)state;
    struct receiver *r = tuned((struct receiver_config){.superblocks = 64});
    for (unsigned ms = 2; ms < 100; ms++) {
        at(r, 1000 * ms);
        come_and_go(r, 30000);
    }
    uint64_t before = window(r), elsewhere = r->blocks.promised_bytes_max - r->blocks.promised_bytes;
    assert_true(before > 300000);
    assert_true(blocks_reserve(&r->blocks, elsewhere));
    for (unsigned i = 0; i < 1000; i++) { /* what the others have is not ours to check */
        r->blocks.promised_bytes -= elsewhere;
        arrive(r, r->c->rcv_nxt - r->first, 1 + i * 7 % 3000);
        read_bytes(r, unread(r));
        r->blocks.promised_bytes += elsewhere;
        uint64_t told = tcp_rcv_edge(&r->tcp, r->c);
        assert_true(told >= r->c->rcv_edge);
        tcp_ack_sent(&r->tcp, r->c, told, true);
        assert_true(window(r) + 2 * 16384 + 3000 >= before);
        uint64_t cost = r->c->rcv_edge - r->c->receive.head - 8192; /* beyond the floor */
        assert_true(blocks_span_bytes(BLOCKS_16K, cost) <= (uint64_t)r->c->promised_kb << 10);
        uint64_t given_up = r->blocks.promised_bytes_max - r->blocks.promised_bytes;
        assert_true(blocks_reserve(&r->blocks, given_up)); /* is taken at once */
        elsewhere += given_up;
    }
    blocks_unreserve(&r->blocks, elsewhere);
    receiver_free(r);
}

/* ---- the send buffer ---- */

static void test_the_send_buffer_is_two_congestion_windows(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.superblocks = 2048, .tune = true});
    struct tcp_conn *c = r->c;
    c->snd_wnd_max = UINT32_C(1) << 30;
    static const uint32_t rows[][2] = {{0, 131072},           {14600, 131072},  {65536, 131072},
                                       {65537, 131074},       {100000, 200000}, {4000000, 8000000},
                                       {8388480, MAX},        {8388481, MAX},   {1 << 30, MAX}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        c->cc.cwnd = rows[i][0];
        assert_int_equal(tcp_tune_send_buffer(&r->tcp, c), rows[i][1]);
    }
    c->snd_wnd_max = 300000; /* no more than that can be in flight */
    assert_int_equal(tcp_tune_send_buffer(&r->tcp, c), 600000);
    c->set.send_bytes_max = 50000;
    assert_int_equal(tcp_tune_send_buffer(&r->tcp, c), 50000);
    c->set.tune = false;
    c->set.send_bytes_max = 999999;
    assert_int_equal(tcp_tune_send_buffer(&r->tcp, c), 999999);
    receiver_free(r);
}

/* Half of what is free beyond the reserve, but never too little to go on. */
static void test_the_send_buffer_heeds_the_memory(void **state)
{
    (void)state;
    struct receiver *r = receiver_new(
        (struct receiver_config){.superblocks = 64, .urgent_superblocks = 8, .tune = true});
    struct ring elsewhere;
    static const uint8_t bytes[65536];
    r->c->cc.cwnd = r->c->snd_wnd_max = 1 << 30;
    ring_init(&elsewhere, &r->blocks, BLOCKS_64K, 0);
    for (unsigned used = 0; used <= 56; used++) {
        uint64_t left = r->blocks.bytes_in_use < 56 * 65536 ? 56 * 65536 - r->blocks.bytes_in_use : 0;
        assert_int_equal(tcp_tune_send_buffer(&r->tcp, r->c), left > 32768 ? left / 2 : 16384);
        if (used < 55) /* and an index */
            assert_int_equal(ring_write(&elsewhere, elsewhere.end,
                                        (struct weir_ref){bytes, 65536}, BLOCKS_NORMAL),
                             65536);
    }
    struct ring small;
    ring_init(&small, &r->blocks, BLOCKS_4K, 0);
    assert_int_equal(ring_write(&small, 0, (struct weir_ref){bytes, 40960}, BLOCKS_NORMAL), 40960);
    assert_int_equal(tcp_tune_send_buffer(&r->tcp, r->c), 16384);
    ring_reset(&small, small.end);
    ring_reset(&elsewhere, elsewhere.end);
    receiver_free(r);
}

/* WRITABLE does not wait for a third of a buffer whose greater part is in flight: what is unsent would
 * be used up long before. */
static void test_a_large_buffer_is_written_before_it_runs_dry(void **state)
{
    (void)state;
    static const uint8_t bytes[65536];
    struct receiver *r = receiver_new((struct receiver_config){.superblocks = 1024, .tune = true});
    struct tcp_conn *c = r->c;
    uint64_t una = c->snd_una;
    c->cc.cwnd = c->snd_wnd_max = c->snd_wnd = 1 << 30;
    while (tcp_send(&r->tcp, c, (struct weir_ref){bytes, sizeof bytes}, 0) > 0)
        continue;
    assert_int_equal(c->send.end - una, MAX);
    assert_true(c->write_refused);
    (void)take_events(r);
    c->snd_nxt = c->snd_max = una + 15300000; /* of 16.8 MB */
    ring_release(&c->send, una + 500000);
    tcp_writable_update(&r->tcp, c);
    assert_int_equal(take_events(r), 0);
    c->snd_max = una + 10000000; /* 6.8 MB wait to be sent */
    ring_release(&c->send, una + 600000);
    tcp_writable_update(&r->tcp, c);
    assert_int_equal(take_events(r), 0);
    c->snd_max = una + 15300000;
    tcp_writable_update(&r->tcp, c);
    assert_int_equal(take_events(r), WEIR_EVENT_WRITABLE);
    assert_false(c->write_refused);
    /* A third will always do. */
    c->write_refused = true;
    c->snd_max = una + 10000000;
    ring_release(&c->send, una + MAX / 3 - 1);
    tcp_writable_update(&r->tcp, c);
    assert_int_equal(take_events(r), 0);
    ring_release(&c->send, una + MAX / 3);
    tcp_writable_update(&r->tcp, c);
    assert_int_equal(take_events(r), WEIR_EVENT_WRITABLE);
    c->snd_nxt = c->snd_max = c->snd_una;
    ring_reset(&c->send, c->send.end);
    receiver_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_buffer_begins_as_it_should),
        cmocka_unit_test(test_the_size_may_be_set_at_any_time),
        cmocka_unit_test(test_the_window_keeps_ahead_of_slow_start),
        cmocka_unit_test(test_a_steady_stream_has_a_buffer_of_four_round_trips),
        cmocka_unit_test(test_small_streams_change_nothing),
        cmocka_unit_test(test_a_reader_that_is_behind_gets_no_larger_buffer),
        cmocka_unit_test(test_a_reader_that_comes_seldom_gets_no_larger_buffer),
        cmocka_unit_test(test_the_pace_of_a_reader_is_part_of_the_round_trip),
        cmocka_unit_test(test_the_largest_size_is_not_passed),
        cmocka_unit_test(test_promises_bound_the_buffer),
        cmocka_unit_test(test_a_buffer_does_not_grow_when_memory_is_short),
        cmocka_unit_test(test_timestamps_tell_the_round_trip_when_nothing_else_does),
        cmocka_unit_test(test_a_whole_buffer_tells_the_round_trip_when_nothing_else_does),
        cmocka_unit_test(test_I_25_the_edge_never_moves_left_while_the_buffer_grows),
        cmocka_unit_test(test_what_was_promised_is_kept_when_no_more_can_be),
        cmocka_unit_test(test_the_send_buffer_is_two_congestion_windows),
        cmocka_unit_test(test_the_send_buffer_heeds_the_memory),
        cmocka_unit_test(test_a_large_buffer_is_written_before_it_runs_dry),
    };
    return cmocka_run_group_tests_name("tune", tests, NULL, NULL);
}
