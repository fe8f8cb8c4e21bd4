/* SPDX-License-Identifier: MIT
 * The user timeout option (RFC 5482): when it is sent, what is told, what the peer's word changes. */
#include "listener.h"

/* A timeout of 15 minutes is what a connection has without the option (SHLD-11: at least 100 s). */
enum { DEFAULT_S = 900, LOW_S = 100, HIGH_S = 3600, MINUTES = 0x8000 };

struct peer {
    uint16_t port;
    uint32_t iss;
    weir_handle handle;
};

static weir_handle listens(struct host *h, bool option)
{
    weir_handle l = open_on(h, NULL, 80);
    struct tcp_conn *c = host_get(h, l);
    assert_int_equal(tcp_set(&h->tcp, c, WEIR_TCP_USER_TIMEOUT_OPTION, option), WEIR_OK);
    assert_int_equal(tcp_set(&h->tcp, c, WEIR_TCP_NODELAY, 1), WEIR_OK);
    assert_int_equal(tcp_listen(&h->tcp, c, 8), WEIR_OK);
    return l;
}

static struct seg with_option(struct seg s, uint16_t option)
{
    s.options.present |= TCP_HAS_USER_TIMEOUT;
    s.options.user_timeout = option;
    return s;
}

static bool has_option(const struct seg *s)
{
    return (s->options.present & TCP_HAS_USER_TIMEOUT) != 0;
}

/* A handshake; the SYN has the option unless it is 0. */
static struct peer connects(struct host *h, weir_handle l, uint16_t port, uint16_t option)
{
    struct seg syn = peer_seg(port, TCP_SYN, irs, 0);
    syn.options.present = TCP_HAS_MSS;
    syn.options.mss = 1460;
    if (option != 0)
        syn = with_option(syn, option);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct peer p = {.port = port, .iss = take_syn_ack(h, port, irs + 1).seq};
    assert_int_equal(final_ack(h, port, p.iss), WEIR_DROP_NONE);
    p.handle = accepts(h, l)->source.handle;
    return p;
}

static void sends(struct host *h, const struct peer *p, size_t len)
{
    host_begin(h);
    struct weir_ref data = {pattern(), len};
    assert_int_equal(tcp_send(&h->tcp, host_get(h, p->handle), data, 0), len);
}

static struct weir_tcp_info info_of(struct host *h, const struct peer *p)
{
    struct weir_tcp_info info;
    host_begin(h);
    tcp_info(&h->tcp, host_get(h, p->handle), &info);
    return info;
}

static void set(struct host *h, const struct peer *p, enum weir_tcp_setting setting, uint32_t value)
{
    host_begin(h);
    assert_int_equal(tcp_set(&h->tcp, host_get(h, p->handle), setting, value), WEIR_OK);
}

/* A bare ACK of the peer's with the option. */
static void tells(struct host *h, const struct peer *p, uint16_t option)
{
    struct seg s = with_option(peer_seg(p->port, TCP_ACK, irs + 1, p->iss + 1), option);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
}

/* ---- what is sent ---- */

static void test_off_it_is_neither_sent_nor_heeded(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h, false);
    struct seg syn = with_option(peer_seg(4000, TCP_SYN, irs, 0), 1800);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct seg s = take_syn_ack(h, 4000, irs + 1);
    assert_false(has_option(&s));
    assert_int_equal(final_ack(h, 4000, s.seq), WEIR_DROP_NONE);
    struct peer p = {4000, s.seq, accepts(h, l)->source.handle};
    tells(h, &p, 1800);
    sends(h, &p, 10);
    s = must_take(h);
    assert_int_equal(s.len, 10);
    assert_false(has_option(&s));
    struct weir_tcp_info info = info_of(h, &p);
    assert_int_equal(info.user_timeout_ms, 0);
    assert_int_equal(info.peer_user_timeout_ms, 0);
    assert_int_equal(info.options & WEIR_TCP_HAS_USER_TIMEOUT, 0);
    host_close(h);
}

/* Section 3: in the SYN,ACK, and in the first segment that has no SYN. */
static void test_SUP_30_a_listener_tells_it_in_its_SYN_ACK_and_once_more(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h, true);
    struct seg syn = peer_seg(4000, TCP_SYN, irs, 0); /* the peer's SYN may have been stripped of it */
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct seg s = take_syn_ack(h, 4000, irs + 1);
    assert_true(has_option(&s));
    assert_int_equal(s.options.user_timeout, DEFAULT_S);
    struct peer p = {.port = 4000, .iss = s.seq};
    assert_int_equal(final_ack(h, 4000, s.seq), WEIR_DROP_NONE);
    p.handle = accepts(h, l)->source.handle;
    nothing_comes(h); /* it waits for something to be sent */
    sends(h, &p, 3000);
    s = must_take(h);
    assert_true(has_option(&s));
    assert_int_equal(s.options.user_timeout, DEFAULT_S);
    while (take(h, &s))
        assert_false(has_option(&s));
    host_close(h);
}

static void test_SUP_30_a_client_tells_it_in_its_SYN_and_once_more(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle handle = open_on(h, NULL, 0);
    struct tcp_conn *c = host_get(h, handle);
    struct weir_addr remote = addr("10.0.0.2");
    assert_int_equal(tcp_set(&h->tcp, c, WEIR_TCP_USER_TIMEOUT_OPTION, 1), WEIR_OK);
    assert_int_equal(tcp_set(&h->tcp, c, WEIR_TCP_USER_TIMEOUT_MS, 30000), WEIR_OK);
    assert_int_equal(tcp_connect(&h->tcp, c, &remote, 80), WEIR_OK);
    struct seg s = must_take(h);
    assert_int_equal(s.flags, TCP_SYN);
    assert_true(has_option(&s));
    assert_int_equal(s.options.user_timeout, 30);
    struct seg a = {.from = s.to, .to = s.from, .from_port = 80, .to_port = s.from_port,
                    .flags = TCP_SYN | TCP_ACK, .seq = irs, .ack = s.seq + 1, .window = 30000};
    host_pass(h, 1 * S + WHEEL_TICK_NS);
    s = must_take(h);
    assert_int_equal(s.flags, TCP_SYN); /* again, and without: it may have been dropped for it */
    assert_false(has_option(&s));
    a = with_option(a, 1800);
    assert_int_equal(give(h, &a), WEIR_DROP_NONE);
    s = must_take(h);
    assert_int_equal(s.flags, TCP_ACK);
    assert_true(has_option(&s));
    assert_int_equal(s.options.user_timeout, 30);
    struct peer p = {.handle = handle};
    assert_int_equal(info_of(h, &p).peer_user_timeout_ms, 1800000);
    /* Too late to ask for it. */
    assert_int_equal(tcp_set(&h->tcp, c, WEIR_TCP_USER_TIMEOUT_OPTION, 0), WEIR_E_INVALID);
    host_close(h);
}

/* "whenever it starts using a new user timeout", in the next segment, of whatever kind. */
static void test_a_new_timeout_is_told_with_what_is_sent_next(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct peer p = connects(h, listens(h, true), 4000, 0);
    sends(h, &p, 10);
    struct seg s = must_take(h);
    assert_true(has_option(&s));
    while (take(h, &s))
        ;
    struct seg a = peer_seg(4000, TCP_ACK, irs + 1, p.iss + 11);
    assert_int_equal(give(h, &a), WEIR_DROP_NONE);
    set(h, &p, WEIR_TCP_USER_TIMEOUT_MS, 600000);
    nothing_comes(h);
    struct seg data = peer_seg(4000, TCP_ACK | TCP_PSH, irs + 1, p.iss + 11);
    data.data = pattern();
    data.len = 10;
    assert_int_equal(give(h, &data), WEIR_DROP_NONE);
    s = must_take(h); /* the acknowledgment of the data */
    assert_int_equal(s.ack, irs + 11);
    assert_true(has_option(&s));
    assert_int_equal(s.options.user_timeout, 600);
    host_close(h);
}

/* Section 3.2: 15 bits of seconds, or of minutes, never zero; never less than is meant. */
static void test_the_value_on_the_wire(void **state)
{
    (void)state;
    static const struct {
        uint32_t ms;
        uint16_t option;
    } cases[] = {{1, 1},           {1000, 1},           {1001, 2},
                 {32767000, 32767}, {32767001, MINUTES | 547}, {86400000, MINUTES | 1440}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct host *h = host_open();
        struct peer p = connects(h, listens(h, true), 4000, 0);
        set(h, &p, WEIR_TCP_USER_TIMEOUT_MS, cases[i].ms);
        sends(h, &p, 10);
        struct seg s = must_take(h);
        assert_true(has_option(&s));
        assert_int_equal(s.options.user_timeout, cases[i].option);
        assert_true(tcp_user_timeout_s(s.options.user_timeout) * UINT64_C(1000) >= cases[i].ms);
        host_close(h);
    }
}

/* RFC 9293 3.7.1: with or without options, no packet is larger than the path takes. */
static void test_no_packet_becomes_larger(void **state)
{
    (void)state;
    for (unsigned stamps = 0; stamps < 2; stamps++) {
        struct host *h = host_open();
        weir_handle l = listens(h, true);
        struct seg syn = peer_seg(4000, TCP_SYN, irs, 0);
        syn.options.present = TCP_HAS_MSS | TCP_HAS_SACK_PERMITTED;
        syn.options.mss = 1460;
        if (stamps)
            syn = with_stamp(syn, 1, 0);
        assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
        struct seg s = take_syn_ack(h, 4000, irs + 1);
        uint32_t iss = s.seq, sent = 0;
        struct seg a = peer_seg(4000, TCP_ACK, irs + 1, iss + 1);
        if (stamps)
            a = with_stamp(a, 2, 0);
        assert_int_equal(give(h, &a), WEIR_DROP_NONE);
        struct peer p = {4000, iss, accepts(h, l)->source.handle};
        /* Four islands: as many SACK blocks as there is room for. */
        for (unsigned i = 0; i < 4; i++) {
            struct seg d = peer_seg(4000, TCP_ACK, irs + 101 + i * 200, iss + 1);
            if (stamps)
                d = with_stamp(d, 3, 0);
            d.data = pattern();
            d.len = 100;
            assert_int_equal(give(h, &d), WEIR_DROP_NONE);
        }
        sends(h, &p, 8000);
        bool told = false;
        while (sent < 8000 && take(h, &s)) {
            size_t options = tcp_options_emit_any((uint8_t[40]){0}, 40, &s.options);
            told |= has_option(&s);
            assert_true(h->len <= MTU);
            assert_true(options <= 40);
            assert_true((s.options.present & TCP_HAS_SACK) != 0);
            assert_true(!stamps || (s.options.present & TCP_HAS_TIMESTAMPS) != 0);
            sent += (uint32_t)s.len;
        }
        assert_true(told);
        assert_true(sent > 4000);
        host_close(h);
    }
}

/* ---- what is heard ---- */

/* Section 3.1: USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)). */
static uint32_t adopted(uint32_t adv, uint32_t remote)
{
    uint32_t most = adv > remote ? adv : remote;
    most = most > LOW_S ? most : (uint32_t)LOW_S;
    return most < HIGH_S ? most : (uint32_t)HIGH_S;
}

static void test_SUP_30_the_longer_of_the_two_is_adopted_within_limits(void **state)
{
    (void)state;
    static const uint16_t options[] = {1,    100,           899,         900,          901,
                                       1800, 3600,          3601,        32767,        MINUTES | 1,
                                       MINUTES | 16, MINUTES | 60, MINUTES | 61, MINUTES | 32767};
    struct host *h = host_open();
    weir_handle l = listens(h, true);
    struct peer in_syn = connects(h, l, 4000, 1800);
    assert_int_equal(info_of(h, &in_syn).user_timeout_ms, 1800000);
    struct peer p = connects(h, l, 4001, 0);
    assert_int_equal(info_of(h, &p).user_timeout_ms, 0);
    for (unsigned i = 0; i < sizeof options / sizeof options[0]; i++) {
        uint32_t s = tcp_user_timeout_s(options[i]);
        tells(h, &p, options[i]);
        struct weir_tcp_info info = info_of(h, &p);
        assert_int_equal(info.user_timeout_ms, adopted(DEFAULT_S, s) * 1000);
        assert_int_equal(info.peer_user_timeout_ms, s * 1000);
        assert_true((info.options & WEIR_TCP_HAS_USER_TIMEOUT) != 0);
    }
    host_close(h);
}

/* "An option specifying a user timeout of zero ... MUST be silently ignored". */
static void test_zero_is_ignored(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle l = listens(h, true);
    struct seg syn = with_option(peer_seg(4000, TCP_SYN, irs, 0), 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct peer p = {.port = 4000, .iss = take_syn_ack(h, 4000, irs + 1).seq};
    assert_int_equal(final_ack(h, 4000, p.iss), WEIR_DROP_NONE);
    p.handle = accepts(h, l)->source.handle;
    tells(h, &p, 0);
    tells(h, &p, MINUTES);
    assert_int_equal(info_of(h, &p).options & WEIR_TCP_HAS_USER_TIMEOUT, 0);
    tells(h, &p, 1800);
    tells(h, &p, 0);
    assert_int_equal(info_of(h, &p).user_timeout_ms, 1800000);
    host_close(h);
}

/* "If an application explicitly sets the USER TIMEOUT, CHANGEABLE MUST become false"; it may still be
 * told what the peer said. */
static void test_what_the_application_set_is_not_changed(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct peer p = connects(h, listens(h, true), 4000, 1800);
    set(h, &p, WEIR_TCP_USER_TIMEOUT_MS, 20000);
    tells(h, &p, 2000);
    struct weir_tcp_info info = info_of(h, &p);
    assert_int_equal(info.user_timeout_ms, 20000);
    assert_int_equal(info.peer_user_timeout_ms, 2000000);
    set(h, &p, WEIR_TCP_USER_TIMEOUT_MS, 0); /* as it was */
    assert_int_equal(info_of(h, &p).user_timeout_ms, 2000000);
    host_close(h);
}

/* A blind attacker's segment is not acceptable: it changes nothing. */
static void test_only_acceptable_segments_are_heard(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct peer p = connects(h, listens(h, true), 4000, 0);
    struct seg s = with_option(peer_seg(4000, TCP_ACK, irs + 0x40000000, p.iss + 1), 1800);
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_SEQUENCE);
    s = with_option(peer_seg(4000, TCP_ACK, irs + 1, p.iss + 0x40000000), 1800);
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_ACK);
    assert_int_equal(info_of(h, &p).options & WEIR_TCP_HAS_USER_TIMEOUT, 0);
    host_close(h);
}

/* How long unacknowledged data is sent; 0 s: 2 hours and more. */
static uint32_t gives_up_after_s(struct host *h, const struct peer *p)
{
    struct seg s;
    weir_time begun = h->now;
    sends(h, p, 100);
    while (host_get(h, p->handle)->state == WEIR_TCP_ESTABLISHED && h->now - begun < 7200 * S) {
        host_pass(h, 500 * MS);
        while (take(h, &s))
            ;
    }
    bool ended = host_get(h, p->handle)->state == WEIR_TCP_CLOSED;
    return ended ? (uint32_t)((h->now - begun) / S) : 0;
}

static void test_data_is_given_up_when_the_adopted_timeout_has_passed(void **state)
{
    (void)state;
    static const uint16_t options[] = {0, 200, 1800, MINUTES | 32767};
    static const uint32_t expected[] = {900, 900, 1800, 3600};
    for (unsigned i = 0; i < 4; i++) {
        struct host *h = host_open();
        struct peer p = connects(h, listens(h, true), 4000, options[i]);
        assert_in_range(gives_up_after_s(h, &p), expected[i], expected[i] + 1);
        assert_int_equal(host_get(h, p.handle)->reason, WEIR_E_TIMED_OUT);
        host_close(h);
    }
}

/* Whose probes are answered lives on, whatever was told (MUST-37). */
static void test_a_peers_timeout_does_not_end_probing(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct peer p = connects(h, listens(h, true), 4000, 100);
    struct seg a = peer_seg(4000, TCP_ACK, irs + 1, p.iss + 1), s;
    a.window = 0;
    assert_int_equal(give(h, &a), WEIR_DROP_NONE);
    sends(h, &p, 100);
    for (unsigned i = 0; i < 5000; i++) {
        host_pass(h, 1 * S);
        while (take(h, &s))
            if (s.len == 1)
                assert_int_equal(give(h, &a), WEIR_DROP_NONE);
    }
    assert_int_equal(host_get(h, p.handle)->state, WEIR_TCP_ESTABLISHED);
    host_close(h);
}

/* Section 4.2: "the keep-alive timer MUST be set to a value larger than that of the adopted USER
 * TIMEOUT". */
static void test_keepalive_waits_longer_than_the_timeout(void **state)
{
    (void)state;
    for (unsigned option = 0; option < 2; option++) {
        struct host *h = host_open();
        struct peer p = connects(h, listens(h, option == 1), 4000, 1800);
        set(h, &p, WEIR_TCP_KEEPALIVE, 1);
        set(h, &p, WEIR_TCP_KEEPALIVE_IDLE_S, 60);
        struct seg s;
        weir_time begun = h->now;
        while (!take(h, &s))
            host_pass(h, 1 * S);
        uint32_t after_s = (uint32_t)((h->now - begun) / S);
        assert_in_range(after_s, option == 1 ? 1801 : 60, option == 1 ? 1802 : 61);
        host_close(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off_it_is_neither_sent_nor_heeded),
        cmocka_unit_test(test_SUP_30_a_listener_tells_it_in_its_SYN_ACK_and_once_more),
        cmocka_unit_test(test_SUP_30_a_client_tells_it_in_its_SYN_and_once_more),
        cmocka_unit_test(test_a_new_timeout_is_told_with_what_is_sent_next),
        cmocka_unit_test(test_the_value_on_the_wire),
        cmocka_unit_test(test_no_packet_becomes_larger),
        cmocka_unit_test(test_SUP_30_the_longer_of_the_two_is_adopted_within_limits),
        cmocka_unit_test(test_zero_is_ignored),
        cmocka_unit_test(test_what_the_application_set_is_not_changed),
        cmocka_unit_test(test_only_acceptable_segments_are_heard),
        cmocka_unit_test(test_data_is_given_up_when_the_adopted_timeout_has_passed),
        cmocka_unit_test(test_a_peers_timeout_does_not_end_probing),
        cmocka_unit_test(test_keepalive_waits_longer_than_the_timeout),
    };
    return cmocka_run_group_tests_name("uto", tests, NULL, NULL);
}
