/* SPDX-License-Identifier: MIT
 * ICMP errors about segments: RFC 9293 3.9.2.2, RFC 5927, RFC 5461, RFC 1191, RFC 8201. */
#include "icmp_error.h"

/* An error of a router's that quotes `packet`, given to side 0: its drop reason. */
static unsigned give_error(struct pair *p, uint8_t type, uint8_t code, uint16_t mtu,
                           const uint8_t *packet, size_t len)
{
    uint8_t b[PAIR_PACKET_MAX];
    size_t n = make_error(b, type, code, mtu, packet, len);
    struct weir_stats before, after;
    weir_stack_stats(p->side[0].stack, 0, &before);
    pair_input(p, 0, b, n);
    weir_stack_stats(p->side[0].stack, 0, &after);
    for (unsigned i = 0; i < WEIR_DROP_COUNT; i++)
        if (after.drop[i] != before.drop[i])
            return i;
    return WEIR_DROP_NONE;
}

/* One that quotes what side 0 has sent last. */
static unsigned error_about_last(struct pair *p, uint8_t type, uint8_t code, uint16_t mtu)
{
    return give_error(p, type, code, mtu, p->side[0].packet, p->side[0].packet_len);
}

static bool lose_all(struct pair *p, unsigned from, const uint8_t *packet, size_t len)
{
    (void)p, (void)from, (void)packet, (void)len;
    return true;
}

/* A connection of which side 0 has something outstanding. */
static struct pair_conn begin(struct pair *p, const char *to)
{
    struct pair_conn c = pair_connect_to(p, to);
    assert_int_equal(pair_send(p, 0, &c, "outstanding", 0), 11);
    pair_output(p, 0);
    return c;
}

/* It goes on as if nothing had been. */
static void goes_on(struct pair *p, const struct pair_conn *c)
{
    pair_run(p, S);
    pair_expect(p, 1, c, "outstanding");
    assert_int_equal(pair_send(p, 1, c, "answer", 0), 6);
    pair_run(p, S);
    pair_expect(p, 0, c, "answer");
    pair_abort_all(p, c);
    pair_close(p);
}

static void ATK_ICM_01_no_error_resets_a_connection(void **state)
{
    (void)state;
    for (uint8_t code = 0; code < 16; code++) {
        struct pair *p = pair_open();
        struct pair_conn c = begin(p, "10.0.0.2");
        if (code != 4)
            assert_int_equal(error_about_last(p, UNREACHABLE4, code, 0), WEIR_DROP_NONE);
        assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_ESTABLISHED);
        if (code != 4)
            assert_int_equal(pair_told(p, 0, c.h[0]).bits, WEIR_EVENT_ADVICE);
        goes_on(p, &c);
    }
    for (uint8_t code = 0; code < 8; code++) {
        struct pair *p = pair_open();
        struct pair_conn c = begin(p, "2001:db8::2");
        assert_int_equal(error_about_last(p, UNREACHABLE6, code, 0), WEIR_DROP_NONE);
        assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_ESTABLISHED);
        assert_int_equal(pair_told(p, 0, c.h[0]).bits, WEIR_EVENT_ADVICE);
        goes_on(p, &c);
    }
}

/* Side 0, with something outstanding, in a state after ESTABLISHED. */
static struct pair_conn begin_in(struct pair *p, unsigned state)
{
    struct pair_conn c = pair_connect(p);
    bool peer_first = state == WEIR_TCP_CLOSE_WAIT || state == WEIR_TCP_LAST_ACK;
    if (peer_first) {
        assert_int_equal(weir_tcp_shutdown(p->side[1].stack, c.h[1], WEIR_TCP_SHUT_SEND), WEIR_OK);
        pair_run(p, S);
    }
    assert_int_equal(pair_send(p, 0, &c, "outstanding", 0), 11);
    if (state != WEIR_TCP_CLOSE_WAIT)
        assert_int_equal(weir_tcp_shutdown(p->side[0].stack, c.h[0], WEIR_TCP_SHUT_SEND), WEIR_OK);
    pair_output(p, 0);
    if (state == WEIR_TCP_CLOSING) { /* FINs cross */
        assert_int_equal(weir_tcp_shutdown(p->side[1].stack, c.h[1], WEIR_TCP_SHUT_SEND), WEIR_OK);
        pair_output(p, 1);
        pair_run(p, DELAY);
    }
    assert_int_equal(pair_state(p, 0, c.h[0]), state);
    (void)pair_told(p, 0, c.h[0]);
    return c;
}

static void ATK_ICM_01_no_error_ends_a_connection_on_its_way_to_its_end(void **state)
{
    (void)state;
    static const uint8_t states[] = {WEIR_TCP_FIN_WAIT_1, WEIR_TCP_CLOSE_WAIT, WEIR_TCP_CLOSING,
                                     WEIR_TCP_LAST_ACK};
    static const struct {
        uint8_t type, codes;
    } errors[] = {{UNREACHABLE4, 16}, {QUENCH4, 1}, {EXCEEDED4, 2}, {12, 3}};
    for (unsigned i = 0; i < sizeof states; i++) {
        struct pair *p = pair_open();
        struct pair_conn c = begin_in(p, states[i]);
        uint8_t packet[PAIR_PACKET_MAX];
        size_t len = p->side[0].packet_len;
        memcpy(packet, p->side[0].packet, len);
        struct weir_tcp_info info;
        assert_int_equal(weir_tcp_info(p->side[0].stack, c.h[0], &info), WEIR_OK);
        assert_true(info.snd_max != info.snd_una);
        store32(packet + 24, info.snd_una); /* of what is outstanding */
        for (unsigned e = 0; e < 4; e++)
            for (uint8_t code = 0; code < errors[e].codes; code++)
                (void)give_error(p, errors[e].type, code, 600, packet, len);
        assert_int_equal(pair_state(p, 0, c.h[0]), states[i]);
        assert_int_equal(pair_told(p, 0, c.h[0]).bits, WEIR_EVENT_ADVICE);
        pair_run(p, S);
        pair_expect(p, 1, &c, "outstanding");
        (void)weir_tcp_shutdown(p->side[0].stack, c.h[0], WEIR_TCP_SHUT_SEND);
        (void)weir_tcp_shutdown(p->side[1].stack, c.h[1], WEIR_TCP_SHUT_SEND);
        pair_run(p, S);
        struct pair_told told = pair_told(p, 0, c.h[0]); /* in order */
        assert_true((told.bits & WEIR_EVENT_CLOSED) == 0 || told.error == WEIR_OK);
        pair_abort_all(p, &c);
        pair_close(p);
    }
}

static void ATK_ICM_02_the_quoted_number_must_be_outstanding(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = begin(p, "10.0.0.2");
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_info(p->side[0].stack, c.h[0], &info), WEIR_OK);
    assert_int_equal(info.snd_max - info.snd_una, 11);
    uint8_t packet[PAIR_PACKET_MAX];
    size_t len = p->side[0].packet_len;
    memcpy(packet, p->side[0].packet, len);
    const uint32_t outside[] = {info.snd_una - 1, info.snd_max, info.snd_max + 1,
                                info.snd_una + 0x80000000U, info.iss, 0};
    for (unsigned i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        store32(packet + 24, outside[i]);
        assert_int_equal(give_error(p, UNREACHABLE4, 1, 0, packet, len), WEIR_DROP_ICMP_QUOTE);
        assert_int_equal(give_error(p, UNREACHABLE4, 4, 600, packet, len), WEIR_DROP_ICMP_QUOTE);
    }
    assert_int_equal(pair_told(p, 0, c.h[0]).bits, 0);
    assert_int_equal(weir_tcp_info(p->side[0].stack, c.h[0], &info), WEIR_OK);
    assert_int_equal(info.path_mtu_bytes, PAIR_MTU);
    const uint32_t inside[] = {info.snd_una, info.snd_max - 1};
    for (unsigned i = 0; i < 2; i++) {
        store32(packet + 24, inside[i]);
        assert_int_equal(give_error(p, UNREACHABLE4, 1, 0, packet, len), WEIR_DROP_NONE);
        struct pair_told told = pair_told(p, 0, c.h[0]);
        assert_int_equal(told.bits, WEIR_EVENT_ADVICE);
        assert_int_equal(told.error, WEIR_E_UNREACHABLE);
    }
    goes_on(p, &c);
}

/* MUST-55. */
static void ATK_ICM_03_source_quench_changes_no_window(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = begin(p, "10.0.0.2");
    struct weir_tcp_info before, after;
    assert_int_equal(weir_tcp_info(p->side[0].stack, c.h[0], &before), WEIR_OK);
    (void)error_about_last(p, QUENCH4, 0, 0);
    assert_int_equal(weir_tcp_info(p->side[0].stack, c.h[0], &after), WEIR_OK);
    assert_int_equal(after.cwnd_bytes, before.cwnd_bytes);
    assert_int_equal(pair_told(p, 0, c.h[0]).bits, 0);
    goes_on(p, &c);
}

/* MUST-54: an error is for the connection that sent what it quotes. */
static void ATK_ICM_15_an_error_about_the_other_direction_is_dropped(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = begin(p, "10.0.0.2");
    uint8_t packet[PAIR_PACKET_MAX];
    size_t len = p->side[0].packet_len;
    memcpy(packet, p->side[0].packet, len);
    packet[21] ^= 1; /* another port */
    assert_int_equal(give_error(p, UNREACHABLE4, 3, 0, packet, len), WEIR_DROP_ICMP_QUOTE);
    assert_int_equal(pair_told(p, 0, c.h[0]).bits, 0);
    goes_on(p, &c);
}

static void ATK_ICM_16_errors_about_records_and_listeners_change_nothing(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_close(a, c.h[0]), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(weir_tcp_close(p->side[1].stack, c.h[1]), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(a->tcp.waits.in_use, 1); /* TIME-WAIT */
    assert_int_equal(error_about_last(p, UNREACHABLE4, 3, 0), WEIR_DROP_ICMP_QUOTE);
    assert_int_equal(a->tcp.waits.in_use, 1);

    /* LISTEN and SYN-RECEIVED: side 1 connects to side 0. */
    weir_handle listener = pair_listen(p, 0, 81, 2), h = pair_endpoint(p, 1, 0), accepted;
    struct weir_addr to = pair_addr("10.0.0.1");
    assert_int_equal(weir_tcp_connect(p->side[1].stack, h, &to, 81), WEIR_OK);
    pair_run(p, DELAY); /* the SYN,ACK is on its way */
    assert_int_equal(a->tcp.syns.in_use, 1);
    uint8_t packet[PAIR_PACKET_MAX];
    size_t len = p->side[0].packet_len;
    memcpy(packet, p->side[0].packet, len);
    assert_int_equal(give_error(p, UNREACHABLE4, 3, 0, packet, len), WEIR_DROP_NONE);
    assert_int_equal(a->tcp.syns.in_use, 1);
    store32(packet + 24, load32(packet + 24) + 1);
    assert_int_equal(give_error(p, UNREACHABLE4, 3, 0, packet, len), WEIR_DROP_ICMP_QUOTE);
    packet[23] ^= 1; /* of nobody but the listener */
    assert_int_equal(give_error(p, UNREACHABLE4, 3, 0, packet, len), WEIR_DROP_ICMP_QUOTE);
    assert_int_equal(pair_state(p, 0, listener), WEIR_TCP_LISTEN);
    pair_run(p, S);
    assert_int_equal(weir_tcp_accept(a, listener, 0, &accepted), WEIR_OK);
    assert_int_equal(weir_tcp_abort(a, accepted), WEIR_OK);
    assert_int_equal(weir_tcp_abort(a, listener), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(weir_tcp_close(p->side[1].stack, h), WEIR_OK);
    assert_int_equal(weir_tcp_close(p->side[1].stack, c.listener), WEIR_OK);
    pair_close(p);
}

/* RFC 1122 4.2.3.9, SHLD-26: hard errors end what is only being begun; MUST-56: soft ones do not. */
static void test_a_hard_error_ends_what_is_in_syn_sent(void **state)
{
    (void)state;
    static const struct {
        const char *to;
        uint8_t type, code;
        int error; /* WEIR_OK: soft */
    } rows[] = {
        {"10.0.0.2", UNREACHABLE4, 0, WEIR_OK},
        {"10.0.0.2", UNREACHABLE4, 1, WEIR_OK},
        {"10.0.0.2", UNREACHABLE4, 2, WEIR_E_REFUSED},
        {"10.0.0.2", UNREACHABLE4, 3, WEIR_E_REFUSED},
        {"10.0.0.2", UNREACHABLE4, 5, WEIR_OK},
        {"10.0.0.2", UNREACHABLE4, 9, WEIR_E_UNREACHABLE},
        {"10.0.0.2", UNREACHABLE4, 10, WEIR_E_UNREACHABLE},
        {"10.0.0.2", UNREACHABLE4, 13, WEIR_E_UNREACHABLE},
        {"10.0.0.2", EXCEEDED4, 0, WEIR_OK},
        {"2001:db8::2", UNREACHABLE6, 0, WEIR_OK},
        {"2001:db8::2", UNREACHABLE6, 1, WEIR_E_UNREACHABLE},
        {"2001:db8::2", UNREACHABLE6, 3, WEIR_OK},
        {"2001:db8::2", UNREACHABLE6, 4, WEIR_E_REFUSED},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pair *p = pair_open();
        weir_handle h = pair_endpoint(p, 0, 0);
        p->lose = lose_all;
        pair_begin(p, h, rows[i].to, 80);
        pair_run(p, 10 * MS);
        assert_int_equal(error_about_last(p, rows[i].type, rows[i].code, 0), WEIR_DROP_NONE);
        struct pair_told told = pair_told(p, 0, h);
        if (rows[i].error != WEIR_OK) {
            assert_int_equal(told.bits, WEIR_EVENT_CLOSED);
            assert_int_equal(told.error, rows[i].error);
            assert_int_equal(weir_tcp_send(p->side[0].stack, h, "x", 1, 0), rows[i].error);
        } else {
            assert_int_equal(told.bits, WEIR_EVENT_ADVICE);
            assert_int_equal(told.error, WEIR_E_UNREACHABLE);
            assert_int_equal(pair_state(p, 0, h), WEIR_TCP_SYN_SENT);
        }
        assert_int_equal(weir_tcp_close(p->side[0].stack, h), WEIR_OK);
        pair_close(p);
    }
}

/* SHLD-20. */
static void test_soft_errors_can_be_switched_off(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct pair_conn c = begin(p, "10.0.0.2");
    assert_int_equal(weir_tcp_set(p->side[0].stack, c.h[0], WEIR_TCP_SOFT_ERRORS, 0), WEIR_OK);
    assert_int_equal(error_about_last(p, UNREACHABLE4, 1, 0), WEIR_DROP_NONE);
    assert_int_equal(pair_told(p, 0, c.h[0]).bits, 0);
    goes_on(p, &c);
}

/* ---- a path that is narrower ---- */

struct narrow {
    uint16_t mtu;
    unsigned lost, passed; /* packets */
    size_t longest;        /* of those that passed */
};

/* A router with a narrow link: what is too long for it is reported by the test, later. */
static bool narrow_link(struct pair *p, unsigned from, const uint8_t *packet, size_t len)
{
    struct narrow *n = p->ctx;
    (void)packet;
    if (from != 0)
        return false;
    if (len > n->mtu) {
        n->lost++;
        return true;
    }
    n->passed++;
    if (len > n->longest)
        n->longest = len;
    return false;
}

static void a_narrow_path(const char *to, uint8_t type, uint8_t code)
{
    static uint8_t bytes[30000], got[30001];
    struct narrow narrow = {.mtu = 1300};
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect_to(p, to);
    struct weir_tcp_info before, after;
    assert_int_equal(weir_tcp_info(p->side[0].stack, c.h[0], &before), WEIR_OK);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 3 + i / 255);
    p->ctx = &narrow;
    p->lose = narrow_link;
    assert_int_equal(weir_tcp_send(p->side[0].stack, c.h[0], bytes, sizeof bytes, 0),
                     sizeof bytes);
    pair_output(p, 0);
    assert_true(narrow.lost > 0 && narrow.passed == 0);
    assert_int_equal(error_about_last(p, type, code, 1300), WEIR_DROP_NONE);
    /* At once, without a timeout, and without taking it for congestion. */
    pair_run(p, 20 * DELAY);
    assert_int_equal(weir_tcp_info(p->side[0].stack, c.h[0], &after), WEIR_OK);
    assert_int_equal(after.path_mtu_bytes, 1300);
    assert_int_equal(after.snd_mss_bytes, before.snd_mss_bytes - 200);
    assert_int_equal(after.timeouts, 0);
    assert_true(after.cwnd_bytes >= before.cwnd_bytes);
    assert_true(narrow.longest <= 1300);
    assert_int_equal(weir_tcp_receive(p->side[1].stack, c.h[1], got, sizeof got, 0),
                     sizeof bytes);
    assert_memory_equal(got, bytes, sizeof bytes);
    p->lose = NULL;
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_a_narrow_path_is_learnt_and_what_was_lost_goes_again(void **state)
{
    (void)state;
    a_narrow_path("10.0.0.2", UNREACHABLE4, 4);
    a_narrow_path("2001:db8::2", TOO_BIG6, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_ICM_01_no_error_resets_a_connection),
        cmocka_unit_test(ATK_ICM_01_no_error_ends_a_connection_on_its_way_to_its_end),
        cmocka_unit_test(ATK_ICM_02_the_quoted_number_must_be_outstanding),
        cmocka_unit_test(ATK_ICM_03_source_quench_changes_no_window),
        cmocka_unit_test(ATK_ICM_15_an_error_about_the_other_direction_is_dropped),
        cmocka_unit_test(ATK_ICM_16_errors_about_records_and_listeners_change_nothing),
        cmocka_unit_test(test_a_hard_error_ends_what_is_in_syn_sent),
        cmocka_unit_test(test_soft_errors_can_be_switched_off),
        cmocka_unit_test(test_a_narrow_path_is_learnt_and_what_was_lost_goes_again),
    };
    return cmocka_run_group_tests_name("icmp", tests, NULL, NULL);
}
