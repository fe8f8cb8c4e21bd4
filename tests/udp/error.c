/* SPDX-License-Identifier: MIT */
#include "host.h"

static uint8_t bytes[PACKET_MAX], got[PACKET_MAX];
static struct packet out;

/* An ICMP error from a router, about the packet quoted. `rest` is the second word: the MTU, or 0. */
static struct packet *icmp_error(const char *from, const char *to, uint8_t type, uint8_t code,
                                 uint32_t rest, const struct packet *quoted, size_t quote_len)
{
    struct packet *p = malloc(sizeof *p);
    struct weir_addr source = addr(from), destination = addr(to);
    bool ip4 = addr_is_ip4(source);
    uint8_t *d = p->data + ip_len(source);
    if (quote_len > quoted->len)
        quote_len = quoted->len;
    const uint8_t header[8] = {type, code, 0, 0, (uint8_t)(rest >> 24), (uint8_t)(rest >> 16),
                               (uint8_t)(rest >> 8), (uint8_t)rest};
    memcpy(d, header, 8);
    memcpy(d + 8, quoted->data, quote_len);
    uint16_t sum = ip4 ? (uint16_t)~naive_sum(0, d, 8 + quote_len)
                       : naive_checksum(source, destination, 58, d, 8 + quote_len);
    d[2] = (uint8_t)(sum >> 8);
    d[3] = (uint8_t)sum;
    wrap_ip(p, source, destination, ip4 ? 1 : 58, 8 + quote_len);
    return p;
}

struct family {
    const char *own, *peer, *other, *router;
    uint8_t unreachable, port_code;
    size_t quote_min; /* IP header and 8 bytes */
};

static const struct family families[2] = {
    {"10.0.0.1", "10.0.0.9", "10.0.0.8", "10.0.0.254", 3, 3, 28},
    {"2001:db8::1", "2001:db8::9", "2001:db8::8", "2001:db8::fe", 1, 4, 48},
};

static weir_handle open_connected(struct host *h, const struct family *f)
{
    weir_handle e = open_on(h, NULL, 7000);
    struct weir_addr peer = addr(f->peer);
    assert_int_equal(udp_connect(&h->udp, host_get(h, e), &peer, 9), WEIR_OK);
    return e;
}

static void sent(struct host *h, weir_handle e, size_t len)
{
    assert_int_equal(send_to(h, e, NULL, 0, bytes, len), WEIR_OK);
    assert_true(host_output(h, IP_IFACE, &out));
}

/* RFC 1122 4.1.3.3: what ICMP says is passed on. */
static void test_errors_are_told_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct family *f = &families[i];
        struct {
            uint8_t type, code;
            int error;
        } cases[] = {
            {f->unreachable, f->port_code, WEIR_E_REFUSED},
            {f->unreachable, 0, WEIR_E_UNREACHABLE},                       /* net, no route */
            {f->unreachable, i == 0 ? 1 : 3, WEIR_E_UNREACHABLE},          /* host, address */
            {f->unreachable, i == 0 ? 2 : 1, i == 0 ? WEIR_E_REFUSED       /* protocol */
                                                    : WEIR_E_UNREACHABLE}, /* prohibited */
            {i == 0 ? 11 : 3, 0, WEIR_E_UNREACHABLE},                      /* hops */
            {i == 0 ? 11 : 3, 1, WEIR_OK},                                 /* reassembly */
            {i == 0 ? 12 : 4, 0, WEIR_E_REFUSED},                          /* parameter */
        };
        for (unsigned k = 0; k < sizeof cases / sizeof cases[0]; k++)
            for (unsigned by_send = 0; by_send < 2; by_send++) {
                struct host *h = host_open();
                struct weir_event event;
                weir_handle e = open_connected(h, f);
                sent(h, e, 20);
                assert_int_equal(give(h, IP_IFACE,
                                      icmp_error(f->router, f->own, cases[k].type, cases[k].code, 0,
                                                 &out, f->quote_min)),
                                 WEIR_DROP_NONE);
                assert_int_equal(h->udp.count.errors, 1);
                bool told = cases[k].error != WEIR_OK;
                assert_int_equal(host_event(h, &event), told);
                if (told) {
                    assert_int_equal(event.bits, WEIR_EVENT_ADVICE);
                    assert_int_equal(event.error, cases[k].error);
                }
                int answer = by_send ? send_to(h, e, NULL, 0, "", 0) : receive(h, e, NULL, got, 1);
                int none = by_send ? WEIR_OK : WEIR_E_WOULD_BLOCK;
                assert_int_equal(answer, told ? cases[k].error : none);
                assert_int_equal(receive(h, e, NULL, got, 1), WEIR_E_WOULD_BLOCK);
                assert_int_equal(send_to(h, e, NULL, 0, "", 0), WEIR_OK);
                host_close(h);
            }
    }
}

static void test_without_a_peer_errors_are_only_advice(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct weir_event event;
    weir_handle e = open_on(h, NULL, 7000);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, "a", 1), WEIR_OK);
    assert_true(host_output(h, IP_IFACE, &out));
    give(h, IP_IFACE, icmp_error("10.0.0.9", "10.0.0.1", 3, 3, 0, &out, 28));
    assert_true(host_event(h, &event));
    assert_int_equal(event.error, WEIR_E_REFUSED);
    assert_int_equal(send_to(h, e, "10.0.0.8", 9, "a", 1), WEIR_OK);
    host_close(h);
}

/* Nobody else's datagram, turned around, of another protocol or port: no effect. */
static void test_ATK_ICM_15_a_quote_of_nothing_that_we_sent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct family *f = &families[i];
        struct host *h = host_open();
        struct weir_event event;
        weir_handle e = open_connected(h, f);
        sent(h, e, 20);
        struct packet *forged[] = {
            udp_packet(f->own, 7000, f->peer, 8, bytes, 20),   /* another port of the peer */
            udp_packet(f->own, 7001, f->peer, 9, bytes, 20),   /* another port of ours */
            udp_packet(f->own, 7000, f->other, 9, bytes, 20),  /* another peer */
            udp_packet(f->peer, 9, f->own, 7000, bytes, 20),   /* turned around */
            udp_packet(f->own, 7000, f->peer, 9, bytes, 20),   /* a transport that is not ours */
        };
        forged[4]->data[i == 0 ? 9 : 6] = 6;
        for (unsigned k = 0; k < 5; k++) {
            enum weir_drop drop =
                give(h, IP_IFACE, icmp_error(f->router, f->own, f->unreachable, f->port_code, 0,
                                             forged[k], f->quote_min));
            assert_int_equal(drop, WEIR_DROP_ICMP_QUOTE);
            free(forged[k]);
        }
        assert_false(host_event(h, &event));
        assert_int_equal(send_to(h, e, NULL, 0, "", 0), WEIR_OK);
        host_close(h);
    }
}

/* RFC 5927 4: believed only while the datagram may have been on its way. */
static void test_an_error_about_what_was_never_sent_or_long_ago(void **state)
{
    (void)state;
    struct host *h = host_open();
    const struct family *f = &families[0];
    weir_handle e = open_connected(h, f);
    struct packet *guess = udp_packet(f->own, 7000, f->peer, 9, "a", 1);
    assert_int_equal(give(h, IP_IFACE, icmp_error(f->router, f->own, 3, 3, 0, guess, 28)),
                     WEIR_DROP_ICMP_QUOTE);
    sent(h, e, 1);
    h->now += 10 * S - 1;
    assert_int_equal(give(h, IP_IFACE, icmp_error(f->router, f->own, 3, 3, 0, guess, 28)),
                     WEIR_DROP_NONE);
    h->now += 1;
    assert_int_equal(give(h, IP_IFACE, icmp_error(f->router, f->own, 3, 3, 0, guess, 28)),
                     WEIR_DROP_ICMP_QUOTE);
    assert_int_equal(h->udp.count.errors, 1);
    assert_int_equal(h->udp.count.errors_refused, 2);
    free(guess);
    host_close(h);
}

static uint32_t mtu_to(struct host *h, const char *whom)
{
    return pmtu_lookup(&h->net.pmtus, addr(whom), MTU, h->now).mtu;
}

static void test_ATK_ICM_04_a_narrow_path_is_believed_of_what_was_sent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct family *f = &families[i];
        struct host *h = host_open();
        uint8_t type = i == 0 ? 3 : 2, code = i == 0 ? 4 : 0;
        struct packet *guess = udp_packet(f->own, 7000, f->peer, 9, bytes, 1400);
        assert_int_equal(give(h, IP_IFACE, icmp_error(f->router, f->own, type, code, 1400, guess,
                                                      500)),
                         WEIR_DROP_ICMP_QUOTE);
        weir_handle e = open_connected(h, f);
        assert_int_equal(give(h, IP_IFACE, icmp_error(f->router, f->own, type, code, 1400, guess,
                                                      500)),
                         WEIR_DROP_ICMP_QUOTE);
        assert_int_equal(mtu_to(h, f->peer), MTU);
        sent(h, e, 1400);
        assert_int_equal(give(h, IP_IFACE, icmp_error(f->router, f->own, type, code, 1400, &out,
                                                      500)),
                         WEIR_DROP_NONE);
        assert_int_equal(mtu_to(h, f->peer), 1400);
        assert_int_equal(mtu_to(h, f->other), MTU);
        sent(h, e, 1400); /* cut from now on */
        assert_true(out.len <= 1400);
        struct weir_datagram to = {.dont_fragment = true};
        size_t room = 1400 - ip_len(addr(f->own)) - 8;
        assert_int_equal(udp_send(&h->udp, host_get(h, e), &to,
                                  (struct weir_ref){bytes, room + 1}, h->now),
                         WEIR_E_RANGE);
        assert_int_equal(udp_send(&h->udp, host_get(h, e), &to, (struct weir_ref){bytes, room},
                                  h->now),
                         WEIR_OK);
        free(guess);
        host_close(h);
    }
}

/* MTU 0 is of a router older than RFC 1191: the next plateau below the packet's own length (1452
 * bytes: 1006). */
static void test_a_router_that_names_no_mtu(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_connected(h, &families[0]);
    sent(h, e, 1424);
    assert_int_equal(give(h, IP_IFACE,
                          icmp_error("10.0.0.254", "10.0.0.1", 3, 4, 0, &out, 28)),
                     WEIR_DROP_NONE);
    assert_int_equal(mtu_to(h, "10.0.0.9"), 1006);
    host_close(h);
}

static void test_ATK_ICM_06_short_quotes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct family *f = &families[i];
        struct host *h = host_open();
        weir_handle e = open_connected(h, f);
        sent(h, e, 20);
        for (size_t n = 0; n < f->quote_min; n++)
            assert_int_equal(give(h, IP_IFACE, icmp_error(f->router, f->own, f->unreachable,
                                                          f->port_code, 0, &out, n)),
                             WEIR_DROP_ICMP_QUOTE);
        assert_int_equal(h->udp.count.errors, 0);
        host_close(h);
    }
}

static void test_errors_about_echo_requests(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct family *f = &families[i];
        struct host *h = host_open();
        struct weir_event event;
        struct weir_udp_config config = {
            .size = sizeof config, .kind = WEIR_DATAGRAM_ECHO, .port = 77, .user = 5};
        weir_handle e;
        assert_int_equal(udp_open(&h->udp, &config, &e), WEIR_OK);
        assert_int_equal(send_to(h, e, f->peer, 1, "abc", 3), WEIR_OK);
        assert_true(host_output(h, IP_IFACE, &out));
        struct packet *reply = malloc(sizeof *reply); /* an error about a reply is none of ours */
        *reply = out;
        reply->data[ip_len(addr(f->own))] = i == 0 ? 0 : 129;
        assert_int_equal(give(h, IP_IFACE, icmp_error(f->router, f->own, i == 0 ? 11 : 3, 0, 0, reply,
                                                      f->quote_min)),
                         WEIR_DROP_ICMP_QUOTE);
        reply->data[ip_len(addr(f->own))] = i == 0 ? 8 : 128;
        reply->data[ip_len(addr(f->own)) + 5] ^= 1; /* another identifier */
        assert_int_equal(give(h, IP_IFACE, icmp_error(f->router, f->own, i == 0 ? 11 : 3, 0, 0, reply,
                                                      f->quote_min)),
                         WEIR_DROP_ICMP_QUOTE);
        assert_false(host_event(h, &event));
        assert_int_equal(give(h, IP_IFACE, icmp_error(f->router, f->own, i == 0 ? 11 : 3, 0, 0, &out,
                                                      f->quote_min)),
                         WEIR_DROP_NONE);
        assert_true(host_event(h, &event));
        assert_int_equal(event.error, WEIR_E_UNREACHABLE);
        assert_int_equal(event.user, 5);
        free(reply);
        host_close(h);
    }
}

static void test_an_error_after_closing_finds_nobody(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct weir_event event;
    weir_handle e = open_connected(h, &families[0]);
    sent(h, e, 20);
    udp_close(&h->udp, host_get(h, e));
    assert_int_equal(give(h, IP_IFACE, icmp_error("10.0.0.9", "10.0.0.1", 3, 3, 0, &out, 28)),
                     WEIR_DROP_ICMP_QUOTE);
    assert_true(host_event(h, &event));
    assert_int_equal(event.bits, WEIR_EVENT_CLOSED);
    assert_int_equal(event.error, WEIR_OK);
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_told_once),
        cmocka_unit_test(test_without_a_peer_errors_are_only_advice),
        cmocka_unit_test(test_ATK_ICM_15_a_quote_of_nothing_that_we_sent),
        cmocka_unit_test(test_an_error_about_what_was_never_sent_or_long_ago),
        cmocka_unit_test(test_ATK_ICM_04_a_narrow_path_is_believed_of_what_was_sent),
        cmocka_unit_test(test_a_router_that_names_no_mtu),
        cmocka_unit_test(test_ATK_ICM_06_short_quotes),
        cmocka_unit_test(test_errors_about_echo_requests),
        cmocka_unit_test(test_an_error_after_closing_finds_nobody),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
