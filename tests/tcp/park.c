/* SPDX-License-Identifier: MIT
 * Connections that wait for their neighbour: woken, given up, and closed in the middle of it. */
#include "host.h"

static const char *const peer = "192.168.0.2";

/* An ARP reply of the peer, or of whoever `who` is. */
static void answer_arp(struct host *h)
{
    uint8_t p[42];
    memcpy(p, host_mac, 6);
    memcpy(p + 6, peer_mac, 6);
    static const uint8_t fixed[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 2};
    memcpy(p + 12, fixed, sizeof fixed);
    memcpy(p + 22, peer_mac, 6);
    memcpy(p + 28, addr(peer).bytes + 12, 4);
    memcpy(p + 32, host_mac, 6);
    memcpy(p + 38, addr("192.168.0.1").bytes + 12, 4);
    assert_int_equal(host_input(h, p, sizeof p), WEIR_DROP_NONE);
}

static bool is_arp(const struct host *h)
{
    return load16(h->bytes + 12) == 0x0806;
}

/* A connection that waits. */
static weir_handle begin(struct host *h, uint16_t port)
{
    struct weir_addr to = addr(peer);
    weir_handle handle = open_on(h, NULL, 0);
    struct tcp_conn *c = host_get(h, handle);
    h->ifindex = ETH_IFACE;
    assert_int_equal(tcp_connect(&h->tcp, c, &to, port), WEIR_OK);
    while (host_output(h))
        assert_true(is_arp(h));
    assert_true(c->parked);
    return handle;
}

static void test_the_syn_leaves_when_the_neighbour_has_answered(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle one = begin(h, 80), two = begin(h, 81);
    answer_arp(h);
    for (unsigned i = 0; i < 2; i++) {
        struct seg s = must_take(h);
        assert_int_equal(s.flags, TCP_SYN);
        assert_int_equal(s.to_port, 80 + i); /* in the order in which they began to wait */
    }
    nothing_comes(h);
    assert_false(host_get(h, one)->parked || host_get(h, two)->parked);
    host_close(h);
}

static void test_closing_while_waiting_leaves_nothing_behind(void **state)
{
    (void)state;
    for (unsigned abort = 0; abort < 2; abort++) {
        struct host *h = host_open();
        struct weir_event event;
        weir_handle one = begin(h, 80), two = begin(h, 81);
        tcp_close(&h->tcp, host_get(h, one), abort != 0);
        assert_true(host_event(h, &event));
        assert_int_equal(event.bits, WEIR_EVENT_CLOSED);
        assert_int_equal(h->tcp.conns.in_use, 1);
        answer_arp(h); /* wakes the other alone */
        struct seg s = must_take(h);
        assert_int_equal(s.to_port, 81);
        nothing_comes(h);
        assert_false(host_get(h, two)->parked);
        host_close(h);
    }
}

static void test_closing_between_waking_and_sending_leaves_nothing_behind(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct weir_event event;
    weir_handle one = begin(h, 80);
    answer_arp(h); /* it stands on the list of those with something to send */
    tcp_close(&h->tcp, host_get(h, one), false);
    assert_true(host_event(h, &event));
    assert_true(tcp_invariants(&h->tcp));
    nothing_comes(h);
    assert_int_equal(h->tcp.conns.in_use, 0);
    host_close(h);
}

/* A neighbour that does not answer is advice (RFC 1122 2.4), and R2 decides. */
static void test_a_neighbour_that_never_answers_is_told_and_timed_out(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct weir_event event;
    weir_handle one = begin(h, 80);
    weir_time begun = h->now;
    bool advised = false, closed = false;
    while (!closed && h->now < begun + 1000 * S) {
        host_pass(h, 500 * MS);
        while (host_output(h))
            assert_true(is_arp(h));
        while (host_event(h, &event)) {
            assert_memory_equal(&event.handle, &one, sizeof one);
            advised = advised || (event.bits & WEIR_EVENT_ADVICE) != 0;
            closed = (event.bits & WEIR_EVENT_CLOSED) != 0;
        }
    }
    assert_true(advised);
    assert_int_equal(event.error, WEIR_E_TIMED_OUT);
    assert_true(h->now - begun >= 180 * S); /* MUST-23 */
    host_close(h);
}

static void test_a_neighbour_that_answers_late_is_used(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct weir_event event;
    weir_handle one = begin(h, 80);
    for (unsigned i = 0; i < 40; i++) { /* resolution failed several times meanwhile */
        host_pass(h, 500 * MS);
        while (host_output(h))
            assert_true(is_arp(h));
    }
    bool syn = false;
    for (unsigned i = 0; i < 240 && !syn; i++) {
        host_pass(h, 500 * MS);
        while (host_output(h)) {
            if (is_arp(h))
                answer_arp(h);
            else
                syn = true;
        }
    }
    assert_true(syn);
    while (host_event(h, &event))
        assert_int_equal(event.bits, WEIR_EVENT_ADVICE);
    assert_int_equal(host_get(h, one)->state, WEIR_TCP_SYN_SENT);
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_syn_leaves_when_the_neighbour_has_answered),
        cmocka_unit_test(test_closing_while_waiting_leaves_nothing_behind),
        cmocka_unit_test(test_closing_between_waking_and_sending_leaves_nothing_behind),
        cmocka_unit_test(test_a_neighbour_that_never_answers_is_told_and_timed_out),
        cmocka_unit_test(test_a_neighbour_that_answers_late_is_used),
    };
    return cmocka_run_group_tests_name("park", tests, NULL, NULL);
}
