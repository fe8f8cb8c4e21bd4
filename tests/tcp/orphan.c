/* SPDX-License-Identifier: MIT
 * Connections that nobody holds: how long their peers may answer and take nothing (CVE-2009-1926,
 * CVE-2015-5358). */
#include "stuck_peer.h"

static unsigned live(const struct host *h, uint16_t port)
{
    for (uint32_t i = 0; i < h->tcp.conns.fresh; i++) {
        const struct tcp_conn *c = pool_at(&h->tcp.conns, i);
        if (pool_in_use(&h->tcp.conns, i) && c->remote_port == port)
            return c->state;
    }
    return 0;
}

static void close_it(struct host *h, const struct peer *p)
{
    host_begin(h);
    tcp_close(&h->tcp, host_get(h, p->handle), false);
    drain(h);
}

/* How long an orphan lasts whose peer answers each probe with a window, taking `take` octets of it. */
static weir_time orphan_lasts(struct host *h, struct peer *p, bool takes_octet)
{
    weir_time begun = h->now;
    while (live(h, p->port) != 0 && live(h, p->port) != WEIR_TCP_CLOSED) {
        struct seg s;
        assert_true(h->now - begun < 3600 * S);
        host_pass(h, 100 * MS);
        while (take(h, &s))
            if ((s.flags & TCP_RST) == 0)
                acks(h, p, takes_octet && s.len == 1 && s.seq == p->una, 0);
    }
    return h->now - begun;
}

static void test_ATK_RES_05_an_orphan_at_a_closed_window_ends(void **state)
{
    (void)state;
    for (unsigned octets = 0; octets < 2; octets++) {
        struct host *h = host_open();
        weir_handle l = listens(h);
        struct peer p = connects(h, l, 4000);
        sticks(h, &p);
        pass_answered(h, &p, 1, 0, 600 * S); /* while it is held, for ever */
        close_it(h, &p);
        weir_time lasts = orphan_lasts(h, &p, octets == 1);
        assert_in_range(lasts, 120 * S, 121 * S);
        assert_int_equal(h->tcp.count.orphans_given_up, 1);
        assert_int_equal(h->tcp.count.stuck_given_up, 0);
        assert_int_equal(closed_for(h, WEIR_E_ABORTED), 1);
        assert_int_equal(h->tcp.conns.in_use, 1);
        assert_int_equal(h->blocks.bytes_in_use, 0);
        host_close(h);
    }
}

/* It opens its window most of the time, takes nothing that comes then, and closes it for a moment. */
static void test_ATK_RES_05_an_orphan_whose_window_opens_for_nothing_ends(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h);
    struct peer p = connects(h, l, 4000);
    sticks(h, &p);
    close_it(h, &p);
    weir_time begun = h->now;
    while (live(h, 4000) == WEIR_TCP_FIN_WAIT_1) {
        assert_true(h->now - begun < 600 * S);
        acks(h, &p, 0, 2000);
        for (unsigned i = 0; i < 9 && live(h, 4000) == WEIR_TCP_FIN_WAIT_1; i++) {
            drain(h);
            host_pass(h, 100 * MS);
        }
        drain(h);
        if (live(h, 4000) == WEIR_TCP_FIN_WAIT_1)
            acks(h, &p, 0, 0);
    }
    assert_in_range(h->now - begun, 119 * S, 122 * S);
    assert_int_equal(h->tcp.count.orphans_given_up, 1);
    host_close(h);
}

/* The peer has closed, too: LAST-ACK, with data that it does not take. */
static void test_ATK_RES_06_in_LAST_ACK_alike(void **state)
{
    (void)state;
    for (unsigned silent = 0; silent < 2; silent++) {
        struct host *h = host_open();
        weir_handle l = listens(h);
        struct peer p = connects(h, l, 4000);
        sticks(h, &p);
        struct seg fin = peer_seg(4000, TCP_FIN | TCP_ACK, irs + 1, p.una);
        fin.window = 0;
        assert_int_equal(give(h, &fin), WEIR_DROP_NONE);
        close_it(h, &p);
        assert_int_equal(live(h, 4000), WEIR_TCP_LAST_ACK);
        weir_time begun = h->now;
        if (silent) {
            while (live(h, 4000) == WEIR_TCP_LAST_ACK) {
                host_pass(h, 100 * MS);
                drain(h);
            }
        } else {
            while (live(h, 4000) == WEIR_TCP_LAST_ACK) {
                struct seg s;
                host_pass(h, 100 * MS);
                while (take(h, &s)) {
                    struct seg a = peer_seg(4000, TCP_ACK, irs + 2, p.una);
                    a.window = 0;
                    if ((s.flags & TCP_RST) == 0)
                        give(h, &a);
                }
            }
        }
        weir_time expected = silent ? 900 * S : 120 * S; /* "R2 or orphan timer frees it" */
        assert_in_range(h->now - begun, expected, expected + 61 * S);
        assert_int_equal(h->tcp.count.orphans_given_up, 1 - silent);
        assert_int_equal(h->tcp.count.retransmits_given_up, silent);
        assert_int_equal(closed_for(h, silent ? WEIR_E_TIMED_OUT : WEIR_E_ABORTED), 1);
        host_close(h);
    }
}

/* Its window is open, and it says nothing any more: that may be an outage (NF-16), so it is R2. */
static void test_an_orphan_whose_peer_is_silent_has_until_R2(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h);
    struct peer p = connects(h, l, 4000);
    sends(h, &p, 100);
    close_it(h, &p);
    weir_time begun = h->now;
    while (live(h, 4000) == WEIR_TCP_FIN_WAIT_1) {
        assert_true(h->now - begun < 2000 * S);
        host_pass(h, 100 * MS);
        drain(h);
    }
    assert_in_range(h->now - begun, 900 * S, 901 * S);
    assert_int_equal(h->tcp.count.orphans_given_up, 0);
    host_close(h);
}

static void test_an_orphan_that_makes_progress_lasts(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h);
    struct peer p = connects(h, l, 4000);
    sends(h, &p, 8000);
    drain(h);
    close_it(h, &p);
    uint32_t end = p.una + 8000;
    while (p.una != end) { /* not more than 1,000 bytes each 100 s, and the window stays open */
        host_pass(h, 100 * S);
        drain(h);
        const struct tcp_conn *c = pool_at(&h->tcp.conns, p.handle.index);
        uint32_t sent = (uint32_t)c->snd_max - p.una;
        uint32_t left = end - p.una < 1000 ? end - p.una : 1000;
        acks(h, &p, sent < left ? sent : left, 30000);
        drain(h);
    }
    assert_int_equal(live(h, 4000), WEIR_TCP_FIN_WAIT_1);
    drain(h);
    acks(h, &p, 1, 30000);
    assert_int_equal(live(h, 4000), WEIR_TCP_FIN_WAIT_2);
    assert_int_equal(h->tcp.count.orphans_given_up, 0);
    host_close(h);
}

/* What was stuck before it was let go of has its time from then on. */
static void test_an_orphan_has_its_time_since_it_was_let_go(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_orphan_ms = 30000;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listens(h);
    struct peer p = connects(h, l, 4000);
    sticks(h, &p);
    pass_answered(h, &p, 1, 0, 100 * S);
    close_it(h, &p);
    pass_answered(h, &p, 1, 0, 29 * S);
    assert_int_equal(live(h, 4000), WEIR_TCP_FIN_WAIT_1);
    acks(h, &p, 0, 30000); /* it reads after all */
    drain(h);
    acks(h, &p, QUEUED + 1, 30000);
    assert_int_equal(live(h, 4000), WEIR_TCP_FIN_WAIT_2);
    assert_int_equal(h->tcp.count.orphans_given_up, 0);
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ATK_RES_05_an_orphan_at_a_closed_window_ends),
        cmocka_unit_test(test_ATK_RES_05_an_orphan_whose_window_opens_for_nothing_ends),
        cmocka_unit_test(test_ATK_RES_06_in_LAST_ACK_alike),
        cmocka_unit_test(test_an_orphan_whose_peer_is_silent_has_until_R2),
        cmocka_unit_test(test_an_orphan_that_makes_progress_lasts),
        cmocka_unit_test(test_an_orphan_has_its_time_since_it_was_let_go),
    };
    return cmocka_run_group_tests_name("orphan", tests, NULL, NULL);
}
