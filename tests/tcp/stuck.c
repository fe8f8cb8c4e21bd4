/* SPDX-License-Identifier: MIT
 * Peers that hold our memory: who counts as stuck, and who goes under pressure and when (RFC 6429 3). */
#include "stuck_peer.h"

/* ---- who is stuck ---- */

static void test_stuck_is_who_keeps_us_from_sending(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h);
    struct peer p = connects(h, l, 4000);
    acks(h, &p, 0, 0); /* a closed window alone holds up nobody */
    host_pass(h, 10 * S);
    assert_int_equal(stuck_ms(h, &p), 0);
    sends(h, &p, QUEUED);
    pass_answered(h, &p, 1, 0, 20 * S);
    assert_in_range(stuck_ms(h, &p), 20000 - TICK_MS, 20000 + TICK_MS);
    acks(h, &p, 0, 30000);
    drain(h);
    assert_true(stuck_ms(h, &p) >= 20000 - TICK_MS); /* it has taken nothing yet */
    acks(h, &p, 1000, 30000);
    assert_int_equal(stuck_ms(h, &p), 0);
    acks(h, &p, 1000, 0);
    sends(h, &p, QUEUED);
    pass_answered(h, &p, 1, 0, 5 * S);
    assert_in_range(stuck_ms(h, &p), 5000 - TICK_MS, 5000 + TICK_MS);
    acks(h, &p, 0, 30000);
    drain(h);
    acks(h, &p, QUEUED, 30000);
    assert_int_equal(stuck_ms(h, &p), 0);
    host_close(h);
}

/* A byte every five seconds: RFC 9293 3.8.6.2.1 would rather send nothing. */
static void test_a_peer_that_takes_a_byte_now_and_then_is_stuck(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h);
    struct peer p = connects(h, l, 4000);
    sticks(h, &p);
    for (unsigned i = 0; i < 20; i++) {
        acks(h, &p, 0, 1);
        pass_answered(h, &p, 1, 1, 5 * S);
        drain(h);
        acks(h, &p, host_get(h, p.handle)->snd_max > host_get(h, p.handle)->snd_una, 0);
    }
    assert_in_range(p.una - p.iss - 101, 15, 25);
    assert_true(stuck_ms(h, &p) >= 100000 - TICK_MS);
    acks(h, &p, 0, 30000);
    drain(h);
    acks(h, &p, 536, 30000); /* a segment's worth */
    assert_int_equal(stuck_ms(h, &p), 0);
    host_close(h);
}

/* It opens its window, and takes nothing of what is sent. */
static void test_a_window_that_opens_for_nothing_ends_nothing(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h);
    struct peer p = connects(h, l, 4000);
    sticks(h, &p);
    for (unsigned i = 0; i < 20; i++) {
        acks(h, &p, 0, 2000);
        drain(h);
        acks(h, &p, 0, 0);
        pass_answered(h, &p, 1, 0, 5 * S);
    }
    assert_true(stuck_ms(h, &p) >= 100000 - TICK_MS);
    host_close(h);
}

/* It is not closed, but what it would take is no segment, and less than half of what it was. */
static void test_a_window_that_shrinks_to_little_is_as_good_as_closed(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h);
    struct peer p = connects(h, l, 4000);
    sends(h, &p, 100);
    drain(h);
    acks(h, &p, 100, 50);
    sends(h, &p, QUEUED);
    assert_int_equal(h->tcp.stuck.first, p.handle.index);
    host_pass(h, 400 * MS);
    assert_in_range(stuck_ms(h, &p), 400 - TICK_MS, 400 + TICK_MS);
    drain(h);
    host_close(h);
}

/* A window that was never larger is no small one. */
static void test_a_small_window_that_is_all_the_peer_has_does_not_count(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h);
    struct seg s = peer_seg(4000, TCP_SYN, irs, 0);
    s.window = 100;
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    struct peer p = {.port = 4000, .iss = must_take(h).seq, .seq = irs + 1};
    p.una = p.iss + 1;
    acks(h, &p, 0, 100);
    p.handle = accepts(h, l)->source.handle;
    sends(h, &p, QUEUED);
    for (unsigned i = 0; i < 5; i++) {
        host_pass(h, 1 * S);
        assert_int_equal(must_take(h).len, 100);
        drain(h);
        assert_int_equal(stuck_ms(h, &p), 0);
        acks(h, &p, 100, 100);
    }
    drain(h);
    host_close(h);
}

/* From R1 on (RFC 9293 3.8.3): data was sent again three times. */
static void test_a_peer_that_falls_silent_is_stuck(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h);
    struct peer p = connects(h, l, 4000);
    sends(h, &p, 100);
    drain(h);
    unsigned times = 0;
    weir_time begun = h->now;
    while (stuck_ms(h, &p) == 0) {
        struct seg s;
        assert_true(h->now - begun < 60 * S);
        host_pass(h, 10 * MS);
        while (take(h, &s))
            times += s.len == 100;
    }
    assert_int_equal(times, 3);
    acks(h, &p, 100, 30000);
    assert_int_equal(stuck_ms(h, &p), 0);
    host_close(h);
}

/* Would it be pressure if `bytes` more were in use? */
static bool is_short(const struct host *h, uint64_t bytes)
{
    return (blocks_free_bytes(&h->blocks) - bytes) * 100 < (uint64_t)MEMORY_KB * 1024 * PERCENT;
}

/* As many peers as can be stuck without pressure, the first of all for the longest. */
static unsigned fill(struct host *h, weir_handle l, struct peer *p)
{
    unsigned n = 0;
    for (; !is_short(h, 4 * 16384); n++) {
        assert_true(n < CONNS - 4);
        p[n] = connects(h, l, (uint16_t)(4000 + n));
        sticks(h, &p[n]);
        host_pass(h, 100 * MS);
        drain(h);
    }
    assert_true(n >= 5);
    return n;
}

/* ---- without pressure ---- */

/* MUST-37. */
static void test_I_23_without_pressure_nobody_goes(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    struct host *h = host_open_with(&config, 1);
    struct peer p[CONNS];
    unsigned n = fill(h, listens(h), p);
    pass_answered(h, p, n, 0, 1000 * S);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(state_of(h, &p[i]), WEIR_TCP_ESTABLISHED);
        assert_true(stuck_ms(h, &p[i]) >= 1000000 - TICK_MS);
    }
    assert_int_equal(h->tcp.count.stuck_given_up, 0);
    host_close(h);
}

/* ---- packet memory ---- */

/* What a connection that was given up has left. */
static void assert_gone(struct host *h, const struct peer *p)
{
    struct tcp_conn *c = host_get(h, p->handle);
    uint8_t byte;
    assert_int_equal(c->state, WEIR_TCP_CLOSED);
    assert_int_equal(c->reason, WEIR_E_PRESSURE);
    assert_true(ring_is_empty(&c->send) && ring_is_empty(&c->receive));
    assert_int_equal(tcp_receive(&h->tcp, c, &byte, 1, 0), WEIR_E_PRESSURE);
    assert_int_equal(tcp_receive(&h->tcp, c, &byte, 1, 0), WEIR_E_CLOSED);
}

/* More is in use by an honest one, until there is pressure. */
static void press(struct host *h, const struct peer *honest)
{
    while (!is_short(h, 0))
        sends(h, honest, 8000);
}

static void test_ATK_RES_04_under_pressure_the_longest_stuck_goes(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p[CONNS], honest;
    unsigned n = fill(h, l, p);
    acks(h, &p[0], 0, 30000); /* the first is good again, and then stuck last */
    drain(h);
    acks(h, &p[0], QUEUED, 0);
    sends(h, &p[0], QUEUED);
    struct seg data = peer_seg(p[1].port, TCP_ACK | TCP_PSH, irs + 1, p[1].una);
    data.window = 0;
    data.data = pattern();
    data.len = 100;
    assert_int_equal(give(h, &data), WEIR_DROP_NONE); /* not read */
    p[1].seq += 100;
    pass_answered(h, p, n, 0, 60 * S);
    honest = connects(h, l, 3999);
    assert_int_equal(h->tcp.count.stuck_given_up, 0);
    drain(h);
    press(h, &honest);
    assert_int_equal(h->tcp.count.stuck_given_up, 0); /* calls let what was sent be */
    host_pass(h, 1);
    assert_false(is_short(h, 0)); /* what they held is free at once */
    unsigned gone = (unsigned)h->tcp.count.stuck_given_up;
    assert_in_range(gone, 1, 2);
    struct seg s = must_take(h); /* the peer is told */
    assert_int_equal(s.to_port, p[1].port);
    assert_int_equal(s.flags, TCP_RST | TCP_ACK);
    assert_int_equal(s.seq, p[1].una);
    assert_int_equal(s.ack, irs + 101);
    drain(h);
    assert_int_equal(closed_for(h, WEIR_E_PRESSURE), gone);
    for (unsigned i = 0; i < n; i++)
        if (i >= 1 && i <= gone)
            assert_gone(h, &p[i]);
        else
            assert_int_equal(state_of(h, &p[i]), WEIR_TCP_ESTABLISHED);
    pass_answered(h, p, n, 0, 60 * S);
    assert_int_equal(h->tcp.count.stuck_given_up, gone); /* that was enough */
    host_close(h);
}

/* All of them when need be, but not more than eight in a call: it is bounded. */
static void test_a_few_go_at_a_time(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p[CONNS];
    h->config.tcp_stuck_ms = 3600000;
    for (unsigned i = 0; i < 20; i++) {
        p[i] = connects(h, l, (uint16_t)(4000 + i));
        sticks(h, &p[i]);
    }
    pass_answered(h, p, 20, 0, 60 * S);
    h->config.tcp_stuck_ms = 10000;
    h->config.tcp_pressure_percent = 90;
    host_begin(h);
    assert_int_equal(h->tcp.count.stuck_given_up, 8);
    host_begin(h);
    assert_in_range(h->tcp.count.stuck_given_up, 15, 16);
    for (unsigned i = 0; i < 20; i++)
        if (i < h->tcp.count.stuck_given_up)
            assert_gone(h, &p[i]);
        else
            assert_int_equal(state_of(h, &p[i]), WEIR_TCP_ESTABLISHED);
    host_close(h);
}

/* tcp_stuck_ms where pressure begins; the less is left, the sooner, in proportion. */
static void test_who_is_stuck_for_a_short_time_stays(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 4; more++) {
        struct weir_config config = config_of();
        config.tcp_stuck_ms = 5000;
        config.tcp_pressure_percent = PERCENT;
        struct host *h = host_open_with(&config, 1);
        weir_handle l = listens(h);
        struct peer p[CONNS];
        unsigned n = 0;
        for (; !is_short(h, 0) || n % 4 != more; n++) {
            p[n] = connects(h, l, (uint16_t)(4000 + n));
            sticks(h, &p[n]);
        }
        uint64_t left = blocks_free_bytes(&h->blocks), low = MEMORY_KB * 1024 / 100 * PERCENT;
        weir_time begun = h->now, expected = (weir_time)(left * 5000 / low) * MS;
        while (h->tcp.count.stuck_given_up == 0) {
            assert_true(h->now - begun < 10 * S);
            pass_answered(h, p, n, 0, 100 * MS);
        }
        assert_in_range(h->now - begun, expected - TICK_MS * MS, expected + 300 * MS);
        assert_gone(h, &p[0]);
        pass_answered(h, p, n, 0, 60 * S);
        assert_false(is_short(h, 0)); /* and not more than that */
        assert_true(blocks_free_bytes(&h->blocks) < low + 3 * 16384);
        host_close(h);
    }
}

static void test_pressure_of_memory_can_be_turned_off(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    config.tcp_pressure_percent = 0;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p[20];
    for (unsigned i = 0; i < 20; i++) {
        p[i] = connects(h, l, (uint16_t)(4000 + i));
        sticks(h, &p[i]);
    }
    assert_true(is_short(h, 0));
    pass_answered(h, p, 20, 0, 100 * S);
    h->blocks.failures[BLOCKS_NORMAL]++; /* nor does a refusal count */
    pass_answered(h, p, 20, 0, 1 * S);
    assert_int_equal(h->tcp.count.stuck_given_up, 0);
    host_close(h);
}

/* Peers whose windows are closed, and peers who are silent, wait in two lists: who waits longest of all
 * goes first. */
static void test_the_longest_of_both_kinds_goes(void **state)
{
    (void)state;
    for (unsigned silent_first = 0; silent_first < 2; silent_first++) {
        struct weir_config config = config_of();
        config.tcp_pressure_percent = 1;
        struct host *h = host_open_with(&config, 1);
        weir_handle l = listens(h);
        struct peer p[2];
        for (unsigned i = 0; i < 2; i++) {
            p[i] = connects(h, l, (uint16_t)(4000 + i));
            if (i == silent_first)
                sticks(h, &p[i]);
            else
                sends(h, &p[i], 100);
            for (unsigned t = 0; t < 50; t++) {
                host_pass(h, 100 * MS);
                drain(h);
            }
        }
        host_pass(h, 20 * S);
        drain(h);
        assert_true(stuck_ms(h, &p[0]) > stuck_ms(h, &p[1]) + 3000);
        h->blocks.failures[BLOCKS_NORMAL]++; /* one refusal: one goes */
        host_begin(h);
        assert_int_equal(h->tcp.count.stuck_given_up, 1);
        assert_gone(h, &p[0]);
        host_close(h);
    }
}

/* Also when next to nothing is left, nobody goes whose window has just been closed. */
static void test_there_is_a_tenth_of_patience_always(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    config.tcp_stuck_ms = 60000;
    config.tcp_pressure_percent = 90;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p = connects(h, l, 4000);
    sticks(h, &p);
    uint32_t held[16], n = 0; /* by somebody else */
    while ((held[n] = blocks_take(&h->blocks, BLOCKS_64K, BLOCKS_URGENT)) != BLOCKS_NONE)
        n++;
    while ((held[n] = blocks_take(&h->blocks, BLOCKS_16K, BLOCKS_URGENT)) != BLOCKS_NONE)
        n++;
    assert_int_equal(blocks_free_bytes(&h->blocks), 0);
    weir_time begun = h->now - (weir_time)stuck_ms(h, &p) * MS;
    while (h->tcp.count.stuck_given_up == 0) {
        assert_true(h->now - begun < 60 * S);
        pass_answered(h, &p, 1, 0, 100 * MS);
    }
    assert_in_range(h->now - begun, (6000 - TICK_MS) * MS, 6400 * MS);
    while (n > 0)
        blocks_give(&h->blocks, held[--n]);
    host_close(h);
}

/* A block that is refused is pressure, however much is free for urgent uses: one goes for each. */
static void test_a_refusal_is_pressure(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    config.tcp_pressure_percent = 1;
    config.packet_memory_reserve_kb = MEMORY_KB / 2;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p[CONNS];
    unsigned n = 0;
    for (; blocks_free_bytes(&h->blocks) > MEMORY_KB * 1024 / 2 + 2 * 16384; n++) {
        p[n] = connects(h, l, (uint16_t)(4000 + n));
        sticks(h, &p[n]);
    }
    pass_answered(h, p, n, 0, 60 * S);
    struct peer honest[4];
    for (unsigned i = 0; i < 4; i++)
        honest[i] = connects(h, l, (uint16_t)(3000 + i));
    uint64_t before = h->blocks.failures[BLOCKS_NORMAL];
    assert_int_equal(h->tcp.count.stuck_given_up, 0);
    for (unsigned i = 0; i < 4 && h->blocks.failures[BLOCKS_NORMAL] == before; i++) {
        struct weir_ref data = {pattern(), 8000};
        (void)tcp_send(&h->tcp, host_get(h, honest[i].handle), data, 0);
    }
    assert_true(h->blocks.failures[BLOCKS_NORMAL] > before);
    host_pass(h, 1);
    assert_int_equal(h->tcp.count.stuck_given_up, 1);
    assert_gone(h, &p[0]);
    pass_answered(h, p, n, 0, 60 * S);
    assert_int_equal(h->tcp.count.stuck_given_up, 1);
    host_close(h);
}

/* ---- data above a hole ---- */

/* The peer sends `len` bytes that stand `above` the next one. */
static void gives(struct host *h, struct peer *p, uint32_t above, size_t len)
{
    struct seg s = peer_seg(p->port, TCP_ACK | TCP_PSH, p->seq + above, p->una);
    s.data = pattern();
    s.len = len;
    (void)give(h, &s);
    drain(h);
}

static void reads_all(struct host *h, const struct peer *p)
{
    uint8_t bytes[8192];
    host_begin(h);
    while (tcp_receive(&h->tcp, host_get(h, p->handle), bytes, sizeof bytes, 0) > 0)
        ;
}

/* They keep data above a hole, and do not fill it. A byte now and then is not enough, a segment is. */
static void test_who_leaves_a_hole_open_longest_goes(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p[CONNS], honest;
    unsigned n = 0;
    for (; !is_short(h, 5 * 16384); n++) {
        p[n] = connects(h, l, (uint16_t)(4000 + n));
        gives(h, &p[n], 1000, 600);
        host_pass(h, 10 * MS);
    }
    assert_true(n >= 5);
    for (unsigned i = 0; i < 30; i++) {
        host_pass(h, 1 * S);
        gives(h, &p[0], 0, 1);
        p[0].seq++;
        reads_all(h, &p[0]);
        drain(h);
    }
    gives(h, &p[1], 0, 600); /* a part of the hole */
    p[1].seq += 600;
    reads_all(h, &p[1]);
    host_pass(h, 5 * S);
    drain(h);
    honest = connects(h, l, 3999);
    assert_int_equal(h->tcp.count.holes_given_up, 0); /* nothing is short */
    press(h, &honest);
    host_pass(h, 1);
    assert_false(is_short(h, 0));
    unsigned gone = (unsigned)h->tcp.count.holes_given_up;
    assert_in_range(gone, 1, 3);
    assert_int_equal(h->tcp.count.stuck_given_up, 0);
    for (unsigned i = 0; i < n; i++)
        if (i == 0 || (i > 1 && i <= gone))
            assert_gone(h, &p[i]);
        else
            assert_int_equal(state_of(h, &p[i]), WEIR_TCP_ESTABLISHED);
    host_close(h);
}

/* What is lost comes again, and that takes time. */
static void test_a_hole_that_is_open_for_a_short_time_stays(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    config.tcp_pressure_percent = 1;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p = connects(h, l, 4000);
    gives(h, &p, 1000, 600);
    for (unsigned i = 0; i < 15; i++) {
        assert_int_equal(h->tcp.count.holes_given_up, i < 10 ? 0 : 1);
        host_pass(h, 1 * S + 10 * MS);
        h->blocks.failures[BLOCKS_NORMAL]++;
        host_begin(h);
    }
    assert_gone(h, &p);
    host_close(h);
}

/* Who waits longest goes first, whatever for. */
static void test_holes_and_windows_are_weighed_by_time(void **state)
{
    (void)state;
    for (unsigned hole_first = 0; hole_first < 2; hole_first++) {
        struct weir_config config = config_of();
        config.tcp_pressure_percent = 1;
        struct host *h = host_open_with(&config, 1);
        weir_handle l = listens(h);
        struct peer p[2];
        for (unsigned i = 0; i < 2; i++) {
            p[i] = connects(h, l, (uint16_t)(4000 + i));
            if ((i == 0) == (hole_first == 1))
                gives(h, &p[i], 1000, 600);
            else
                sticks(h, &p[i]);
            pass_answered(h, p, i + 1, i == 0 && hole_first == 1 ? 30000 : 0, 5 * S);
        }
        host_pass(h, 20 * S);
        drain(h);
        h->blocks.failures[BLOCKS_NORMAL]++;
        host_begin(h);
        assert_gone(h, &p[0]);
        assert_int_equal(state_of(h, &p[1]), WEIR_TCP_ESTABLISHED);
        assert_int_equal(h->tcp.count.holes_given_up, hole_first);
        assert_int_equal(h->tcp.count.stuck_given_up, 1 - hole_first);
        host_close(h);
    }
}

/* ---- endpoints and flights ---- */

static void test_without_an_endpoint_left_the_longest_stuck_goes(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    config.tcp_endpoints_max = 5;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p[5];
    for (unsigned i = 0; i < 3; i++) {
        p[i] = connects(h, l, (uint16_t)(4000 + i));
        sticks(h, &p[i]);
        pass_answered(h, p, i + 1, 0, 100 * MS);
    }
    pass_answered(h, p, 3, 0, 60 * S);
    assert_int_equal(h->tcp.count.stuck_given_up, 0);
    p[3] = connects(h, l, 4003);
    host_pass(h, 1);
    assert_int_equal(h->tcp.count.stuck_given_up, 1);
    assert_gone(h, &p[0]);
    /* The application is slow to hear of it: nobody else goes meanwhile. */
    pass_answered(h, p, 3, 0, 60 * S);
    assert_int_equal(h->tcp.count.stuck_given_up, 1);
    host_begin(h);
    tcp_close(&h->tcp, host_get(h, p[0].handle), false);
    assert_int_equal(closed_for(h, WEIR_E_PRESSURE), 1);
    p[4] = connects(h, l, 4004); /* there is a place for an honest one */
    host_pass(h, 1);
    assert_int_equal(h->tcp.count.stuck_given_up, 2);
    assert_gone(h, &p[1]);
    host_close(h);
}

/* Its application has done with it, and its peer does not end: it goes before others. */
static void test_without_an_endpoint_left_FIN_WAIT_2_ends_early(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    config.tcp_endpoints_max = 5;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p[4];
    for (unsigned i = 0; i < 3; i++)
        p[i] = connects(h, l, (uint16_t)(4000 + i));
    sticks(h, &p[0]);
    for (unsigned i = 1; i < 3; i++) {
        host_begin(h);
        tcp_close(&h->tcp, host_get(h, p[i].handle), false);
        drain(h);
        acks(h, &p[i], 1, 30000);
    }
    pass_answered(h, p, 1, 0, 20 * S);
    assert_int_equal(h->tcp.count.fin_wait_2_given_up, 0);
    p[3] = connects(h, l, 4003);
    host_pass(h, 1);
    assert_int_equal(h->tcp.count.fin_wait_2_given_up, 1);
    assert_int_equal(h->tcp.count.stuck_given_up, 0);
    struct seg s = must_take(h);
    assert_int_equal(s.to_port, 4001);
    assert_int_equal(s.flags, TCP_RST | TCP_ACK);
    assert_int_equal(closed_for(h, WEIR_E_PRESSURE), 1);
    assert_int_equal(h->tcp.conns.in_use, 4); /* nobody holds it */
    host_pass(h, 60 * S);
    assert_int_equal(h->tcp.count.fin_wait_2_given_up, 2);
    host_close(h);
}

/* Peers that acknowledge nothing hold the flights, which others need to send at all. */
static void test_without_a_flight_left_those_go_who_answer_nothing(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    config.tcp_flights_max = 4;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p[6];
    p[5] = connects(h, l, 4005);
    sticks(h, &p[5]); /* without a flight: of no use here, though it is stuck longest */
    for (unsigned i = 0; i < 4; i++) {
        p[i] = connects(h, l, (uint16_t)(4000 + i));
        sends(h, &p[i], 100);
        drain(h);
    }
    pass_answered(h, &p[5], 1, 0, 30 * S);
    assert_int_equal(h->tcp.count.stuck_given_up, 0);
    p[4] = connects(h, l, 4004);
    sends(h, &p[4], 100);
    drain(h);
    host_pass(h, 1);
    assert_int_equal(h->tcp.count.stuck_given_up, 1);
    assert_gone(h, &p[0]);
    bool sent = false;
    struct seg s;
    while (take(h, &s))
        sent |= s.to_port == 4004 && s.len == 100;
    assert_true(sent);
    assert_int_equal(state_of(h, &p[5]), WEIR_TCP_ESTABLISHED);
    host_close(h);
}

/* A window that is closed over what was sent keeps the flight, too. */
static void test_without_a_flight_left_one_with_a_flight_goes(void **state)
{
    (void)state;
    struct weir_config config = config_of();
    config.tcp_flights_max = 1;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p[3];
    p[0] = connects(h, l, 4000);
    sticks(h, &p[0]); /* longest, but without a flight */
    p[1] = connects(h, l, 4001);
    sends(h, &p[1], 100);
    drain(h);
    acks(h, &p[1], 0, 0); /* taken back */
    pass_answered(h, p, 2, 0, 30 * S);
    p[2] = connects(h, l, 4002);
    sends(h, &p[2], 100);
    drain(h);
    host_pass(h, 1);
    assert_int_equal(h->tcp.count.stuck_given_up, 1);
    assert_gone(h, &p[1]);
    host_close(h);
}

/* ---- the lists ---- */

/* Whatever peers do, the lists hold: host_input() and the rest look after each step. */
static void test_any_windows_at_all_leave_the_lists_in_order(void **state)
{
    (void)state;
    enum { PEERS = 8 };
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng = rng_make(seed);
        struct weir_config config = config_of();
        config.tcp_flights_max = 3;
        config.tcp_stuck_ms = 2000;
        config.packet_memory_kb = 512;
        struct host *h = host_open_with(&config, seed);
        weir_handle l = listens(h);
        struct peer p[PEERS];
        for (unsigned i = 0; i < PEERS; i++)
            p[i] = connects(h, l, (uint16_t)(4000 + i));
        for (unsigned step = 0; step < 300; step++) {
            static const uint16_t windows[] = {0, 1, 50, 1000, 30000};
            unsigned i = (unsigned)rng_between(&rng, 0, PEERS - 1);
            struct tcp_conn *c = tcp_get(&h->tcp, p[i].handle);
            struct weir_ref data = {pattern(), (size_t)rng_between(&rng, 1, 3000)};
            host_begin(h);
            c = tcp_get(&h->tcp, p[i].handle);
            if (c != NULL && c->state == WEIR_TCP_CLOSED)
                tcp_close(&h->tcp, c, false);
            else if (c != NULL && rng_between(&rng, 0, 2) == 0)
                (void)tcp_send(&h->tcp, c, data, 0);
            else if (c != NULL && rng_between(&rng, 0, 60) == 0)
                tcp_close(&h->tcp, c, false);
            if (c != NULL && c->state >= WEIR_TCP_ESTABLISHED && rng_between(&rng, 0, 1) == 0) {
                uint64_t out = c->snd_max - c->snd_una;
                p[i].una = (uint32_t)(c->snd_una + rng_between(&rng, 0, out));
                struct seg s = peer_seg(p[i].port, TCP_ACK, irs + 1, p[i].una);
                s.window = windows[rng_between(&rng, 0, 4)];
                give(h, &s);
            }
            host_pass(h, (weir_time)rng_between(&rng, 0, 700) * MS);
            drain(h);
            (void)closed_for(h, 0);
        }
        host_close(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stuck_is_who_keeps_us_from_sending),
        cmocka_unit_test(test_a_peer_that_takes_a_byte_now_and_then_is_stuck),
        cmocka_unit_test(test_a_window_that_opens_for_nothing_ends_nothing),
        cmocka_unit_test(test_a_window_that_shrinks_to_little_is_as_good_as_closed),
        cmocka_unit_test(test_a_small_window_that_is_all_the_peer_has_does_not_count),
        cmocka_unit_test(test_a_peer_that_falls_silent_is_stuck),
        cmocka_unit_test(test_I_23_without_pressure_nobody_goes),
        cmocka_unit_test(test_ATK_RES_04_under_pressure_the_longest_stuck_goes),
        cmocka_unit_test(test_a_few_go_at_a_time),
        cmocka_unit_test(test_who_is_stuck_for_a_short_time_stays),
        cmocka_unit_test(test_pressure_of_memory_can_be_turned_off),
        cmocka_unit_test(test_the_longest_of_both_kinds_goes),
        cmocka_unit_test(test_there_is_a_tenth_of_patience_always),
        cmocka_unit_test(test_a_refusal_is_pressure),
        cmocka_unit_test(test_who_leaves_a_hole_open_longest_goes),
        cmocka_unit_test(test_a_hole_that_is_open_for_a_short_time_stays),
        cmocka_unit_test(test_holes_and_windows_are_weighed_by_time),
        cmocka_unit_test(test_without_an_endpoint_left_the_longest_stuck_goes),
        cmocka_unit_test(test_without_an_endpoint_left_FIN_WAIT_2_ends_early),
        cmocka_unit_test(test_without_a_flight_left_those_go_who_answer_nothing),
        cmocka_unit_test(test_without_a_flight_left_one_with_a_flight_goes),
        cmocka_unit_test(test_any_windows_at_all_leave_the_lists_in_order),
    };
    return cmocka_run_group_tests_name("stuck", tests, NULL, NULL);
}
