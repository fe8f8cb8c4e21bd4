/* SPDX-License-Identifier: MIT
 * The server's side of TCP Fast Open (RFC 7413): cookies, data of SYNs, and what may not come of it. */
#include "listener.h"

enum { COOKIE_BYTES = 8, HOUR = 3600 };

static weir_handle fast_listener(struct host *h, unsigned backlog)
{
    weir_handle handle = open_on(h, NULL, 80);
    struct tcp_conn *c = host_get(h, handle);
    assert_int_equal(tcp_set(&h->tcp, c, WEIR_TCP_FAST_OPEN, 1), WEIR_OK);
    assert_int_equal(tcp_listen(&h->tcp, c, backlog), WEIR_OK);
    return handle;
}

/* SYNs whose data is not kept without a cookie, so that what is acknowledged was taken at once. */
static struct host *fast_host(void)
{
    struct weir_config config = host_config();
    config.tcp_syn_data = 0;
    return host_open_with(&config, 1);
}

static struct seg with_cookie(struct seg s, const uint8_t *cookie, size_t len)
{
    s.options.present |= TCP_HAS_FAST_OPEN;
    s.options.fast_open = (struct weir_ref){cookie, len};
    return s;
}

/* A SYN with a cookie, and `len` bytes of data. */
static struct seg fast_syn(uint16_t port, const uint8_t *cookie, size_t len)
{
    struct seg s = with_cookie(peer_seg(port, TCP_SYN, irs, 0), cookie, COOKIE_BYTES);
    s.data = pattern();
    s.len = len;
    return s;
}

static void end_record(struct host *h, uint16_t port, struct weir_addr from, struct weir_addr to)
{
    struct seg rst = peer_seg(port, TCP_RST, irs + 1, 0);
    rst.from = from;
    rst.to = to;
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
}

/* The cookie that a client is given. */
static void get_cookie(struct host *h, struct weir_addr from, uint8_t cookie[COOKIE_BYTES])
{
    struct seg s = with_cookie(peer_seg(9999, TCP_SYN, irs, 0), NULL, 0);
    s.from = from;
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    struct seg a = take_syn_ack(h, 9999, irs + 1);
    assert_true((a.options.present & TCP_HAS_FAST_OPEN) != 0);
    assert_int_equal(a.options.fast_open.len, COOKIE_BYTES);
    memcpy(cookie, a.options.fast_open.data, COOKIE_BYTES);
    end_record(h, 9999, from, s.to);
}

/* The SYN is taken at once, data and all: the ISN of the SYN,ACK. */
static uint32_t is_fast(struct host *h, const struct seg *syn)
{
    uint32_t pending = h->tcp.fast_open.pending;
    assert_int_equal(give(h, syn), WEIR_DROP_NONE);
    assert_int_equal(h->tcp.fast_open.pending, pending + 1);
    struct seg a = take_syn_ack(h, syn->from_port, irs + 1 + (uint32_t)syn->len);
    assert_int_equal(a.len, 0);
    return a.seq;
}

/* It begins an ordinary handshake, and nothing of its data is taken; has the SYN,ACK a cookie? */
static bool is_ordinary(struct host *h, const struct seg *syn, uint8_t *cookie)
{
    uint32_t pending = h->tcp.fast_open.pending, conns = h->tcp.conns.in_use;
    assert_int_equal(give(h, syn), WEIR_DROP_NONE);
    assert_int_equal(h->tcp.fast_open.pending, pending);
    assert_int_equal(h->tcp.conns.in_use, conns);
    struct seg a = take_syn_ack(h, syn->from_port, irs + 1);
    bool has = (a.options.present & TCP_HAS_FAST_OPEN) != 0;
    if (has) {
        assert_int_equal(a.options.fast_open.len, COOKIE_BYTES);
        if (cookie != NULL)
            memcpy(cookie, a.options.fast_open.data, COOKIE_BYTES);
    }
    end_record(h, syn->from_port, syn->from, syn->to);
    return has;
}

static enum weir_drop ack(struct host *h, uint16_t port, uint32_t seq, uint32_t number)
{
    struct seg s = peer_seg(port, TCP_ACK, seq, number);
    return give(h, &s);
}

static uint32_t events_of(struct host *h, weir_handle handle, int *error)
{
    struct weir_event event;
    uint32_t bits = 0;
    while (host_event(h, &event))
        if (memcmp(&event.handle, &handle, sizeof handle) == 0) {
            bits |= event.bits;
            *error = event.error;
        }
    return bits;
}

static void read_is(struct host *h, struct tcp_conn *c, size_t len)
{
    uint8_t data[4096];
    host_begin(h);
    assert_int_equal(tcp_receive(&h->tcp, c, data, sizeof data, 0), len);
    assert_memory_equal(data, pattern(), len);
}

static int write_some(struct host *h, struct tcp_conn *c, size_t len)
{
    host_begin(h);
    return tcp_send(&h->tcp, c, (struct weir_ref){pattern(), len}, 0);
}

/* ---- requests ---- */

static void test_a_request_is_answered_with_a_cookie_of_its_kind(void **state)
{
    (void)state;
    struct host *h = fast_host();
    fast_listener(h, 4);
    uint8_t cookie[2][COOKIE_BYTES];
    for (unsigned i = 0; i < 2; i++) { /* RFC 7413 4.1.1: kind 34; kind 254 with 0xf989 */
        struct seg s = with_cookie(peer_seg(7, TCP_SYN, irs, 0), NULL, 0);
        s.options.fast_open_experimental = i == 1;
        assert_int_equal(give(h, &s), WEIR_DROP_NONE);
        struct seg a = take_syn_ack(h, 7, irs + 1);
        assert_true((a.options.present & TCP_HAS_FAST_OPEN) != 0);
        assert_int_equal(a.options.fast_open_experimental, i == 1);
        assert_int_equal(a.options.fast_open.len, COOKIE_BYTES);
        memcpy(cookie[i], a.options.fast_open.data, COOKIE_BYTES);
        end_record(h, 7, s.from, s.to);
    }
    assert_memory_equal(cookie[0], cookie[1], COOKIE_BYTES);
    struct seg plain = peer_seg(7, TCP_SYN, irs, 0);
    assert_false(is_ordinary(h, &plain, NULL));
    host_close(h);
}

static void test_fast_open_is_off_by_default(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    host_begin(h);
    tcp_close(&h->tcp, host_get(h, l), false);
    l = listen_on(h, NULL, 80, 4);
    struct seg request = with_cookie(peer_seg(7, TCP_SYN, irs, 0), NULL, 0);
    assert_false(is_ordinary(h, &request, NULL));
    struct seg s = fast_syn(8, cookie, 100);
    assert_false(is_ordinary(h, &s, NULL));
    assert_int_equal(h->tcp.count.fast_open_bad, 0);
    host_close(h);
}

/* ---- data ---- */

static void serves(struct host *h, weir_handle l, struct weir_addr from, struct weir_addr to,
                   bool experimental)
{
    uint8_t cookie[COOKIE_BYTES];
    struct seg request = with_cookie(peer_seg(1, TCP_SYN, irs, 0), NULL, 0);
    request.from = from;
    request.to = to;
    assert_int_equal(give(h, &request), WEIR_DROP_NONE);
    struct seg a = take_syn_ack(h, 1, irs + 1);
    memcpy(cookie, a.options.fast_open.data, COOKIE_BYTES);
    struct seg s = fast_syn(2, cookie, 100);
    s.from = from;
    s.to = to;
    s.options.fast_open_experimental = experimental;
    uint32_t iss = is_fast(h, &s);
    struct tcp_conn *c = accepts(h, l);
    read_is(h, c, 100);
    struct weir_tcp_info info;
    tcp_info(&h->tcp, c, &info);
    assert_int_equal(info.state, WEIR_TCP_SYN_RECEIVED);
    assert_true((info.options & WEIR_TCP_HAS_FAST_OPEN) != 0);
    assert_int_equal(info.bytes_received, 100);
    assert_int_equal(write_some(h, c, 300), 300); /* RFC 7413 4.2.2: before the final ACK */
    a = must_take(h);
    assert_int_equal(a.flags, TCP_ACK | TCP_PSH);
    assert_int_equal(a.seq, iss + 1);
    assert_int_equal(a.ack, irs + 101);
    assert_int_equal(a.len, 300);
    assert_int_equal(c->state, WEIR_TCP_SYN_RECEIVED);
    int error = 0;
    assert_int_equal(events_of(h, c->source.handle, &error) & WEIR_EVENT_CONNECTED, 0);
    struct seg final = peer_seg(2, TCP_ACK, irs + 101, iss + 301);
    final.from = from;
    final.to = to;
    assert_int_equal(give(h, &final), WEIR_DROP_NONE);
    assert_int_equal(c->state, WEIR_TCP_ESTABLISHED);
    assert_int_equal(events_of(h, c->source.handle, &error) & WEIR_EVENT_CONNECTED,
                     WEIR_EVENT_CONNECTED);
    assert_int_equal(h->tcp.fast_open.pending, 0);
    assert_int_equal(c->snd_una, c->snd_max);
    assert_int_equal(c->flight, TCP_NONE);
    struct seg rst = peer_seg(2, TCP_RST, irs + 101, 0);
    rst.from = from;
    rst.to = to;
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    rst.from_port = 1;
    rst.seq = irs + 1;
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    host_begin(h);
    tcp_close(&h->tcp, c, true);
    (void)events_of(h, l, &error);
    nothing_comes(h);
}

static void test_data_of_a_SYN_is_read_and_answered_before_the_handshake_ends(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    for (unsigned i = 0; i < 2; i++) {
        serves(h, l, addr("10.0.0.2"), addr("10.0.0.1"), i == 1);
        serves(h, l, addr("2001:db8::2"), addr("2001:db8::1"), i == 1);
    }
    assert_int_equal(h->tcp.count.fast_open_in, 4);
    assert_int_equal(h->tcp.count.fast_open_bad, 0);
    host_close(h);
}

static void test_a_cookie_without_data_lets_the_server_speak_first(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 0);
    uint32_t iss = is_fast(h, &s);
    struct tcp_conn *c = accepts(h, l);
    assert_int_equal(write_some(h, c, 7), 7);
    struct seg a = must_take(h);
    assert_int_equal(a.len, 7);
    assert_int_equal(a.seq, iss + 1);
    assert_int_equal(ack(h, 2, irs + 1, iss + 8), WEIR_DROP_NONE);
    assert_int_equal(c->state, WEIR_TCP_ESTABLISHED);
    host_close(h);
}

static void test_data_beyond_the_first_window_is_left_to_come_again(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = open_on(h, NULL, 80);
    struct tcp_conn *listener = host_get(h, l);
    h->net.iface[IP_IFACE].config.mtu_bytes = 9000;
    assert_int_equal(tcp_set(&h->tcp, listener, WEIR_TCP_FAST_OPEN, 1), WEIR_OK);
    assert_int_equal(tcp_set(&h->tcp, listener, WEIR_TCP_RECEIVE_BYTES_MAX, 2048), WEIR_OK);
    assert_int_equal(tcp_listen(&h->tcp, listener, 4), WEIR_OK);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg plain = peer_seg(3, TCP_SYN, irs, 0);
    assert_int_equal(give(h, &plain), WEIR_DROP_NONE);
    uint16_t window = take_syn_ack(h, 3, irs + 1).window;
    assert_in_range(window, 1, 2048);
    end_record(h, 3, plain.from, plain.to);
    struct seg s = fast_syn(2, cookie, window + 1U);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    struct seg a = take_syn_ack(h, 2, irs + 1 + window);
    assert_int_equal(a.window, 0);
    struct tcp_conn *c = accepts(h, l);
    read_is(h, c, window);
    /* The window that reading opened is told when the handshake is over. */
    assert_int_equal(ack(h, 2, irs + 1 + window, a.seq + 1), WEIR_DROP_NONE);
    a = must_take(h);
    assert_int_equal(a.ack, irs + 1 + window);
    assert_true(a.window > 0);
    host_close(h);
}

static void test_FIN_waits_for_the_final_ACK(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    uint32_t iss = is_fast(h, &s);
    struct tcp_conn *c = accepts(h, l);
    read_is(h, c, 100);
    assert_int_equal(write_some(h, c, 50), 50);
    host_begin(h);
    tcp_close(&h->tcp, c, false);
    struct seg a = must_take(h);
    assert_int_equal(a.flags, TCP_ACK | TCP_PSH);
    assert_int_equal(a.len, 50);
    nothing_comes(h);
    assert_int_equal(ack(h, 2, irs + 101, iss + 1), WEIR_DROP_NONE);
    assert_int_equal(c->state, WEIR_TCP_FIN_WAIT_1);
    takes(h, TCP_FIN | TCP_ACK, iss + 51, irs + 101);
    struct seg fin = peer_seg(2, TCP_FIN | TCP_ACK, irs + 101, iss + 52);
    assert_int_equal(give(h, &fin), WEIR_DROP_NONE);
    takes(h, TCP_ACK, iss + 52, irs + 102);
    assert_int_equal(h->tcp.waits.in_use, 1);
    host_close(h);
}

static void test_unread_data_of_a_SYN_resets_a_connection_that_is_closed(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    uint32_t iss = is_fast(h, &s);
    struct tcp_conn *c = accepts(h, l);
    host_begin(h);
    tcp_close(&h->tcp, c, false);
    takes(h, TCP_RST | TCP_ACK, iss + 1, irs + 101);
    assert_int_equal(h->tcp.fast_open.pending, 0);
    assert_int_equal(h->tcp.fast_open.held, 0); /* it was not the peer's word */
    host_close(h);
}

static void test_a_listener_that_closes_resets_those_not_accepted(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    uint32_t iss = is_fast(h, &s);
    host_begin(h);
    tcp_close(&h->tcp, host_get(h, l), false);
    takes(h, TCP_RST | TCP_ACK, iss + 1, irs + 101);
    assert_int_equal(h->tcp.fast_open.pending, 0);
    host_close(h);
}

static void test_final_ACK_may_carry_data_and_FIN(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    uint32_t iss = is_fast(h, &s);
    struct seg final = peer_seg(2, TCP_ACK | TCP_FIN, irs + 101, iss + 1);
    final.data = pattern() + 100;
    final.len = 200;
    host_pass(h, 70 * MS);
    assert_int_equal(give(h, &final), WEIR_DROP_NONE);
    takes(h, TCP_ACK, iss + 1, irs + 302);
    struct tcp_conn *c = accepts(h, l);
    struct weir_tcp_info info;
    tcp_info(&h->tcp, c, &info);
    assert_in_range(info.srtt_us, 70000, 70100); /* the handshake measured it */
    read_is(h, c, 300);
    assert_int_equal(c->state, WEIR_TCP_CLOSE_WAIT);
    host_close(h);
}

/* ---- loss ---- */

static void test_SYN_ACK_goes_again_and_is_given_up_after_63_seconds(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    uint32_t iss = is_fast(h, &s);
    struct tcp_conn *c = accepts(h, l);
    weir_handle handle = c->source.handle;
    static const unsigned after_s[] = {1, 2, 4, 8, 16}; /* RFC 6298 5.5 */
    for (unsigned i = 0; i < 5; i++) {
        host_pass(h, after_s[i] * S - 10 * MS);
        nothing_comes(h);
        host_pass(h, 11 * MS);
        assert_int_equal(take_syn_ack(h, 2, irs + 101).seq, iss);
        nothing_comes(h);
    }
    int error = 0;
    host_pass(h, 31 * S);
    (void)events_of(h, handle, &error);
    assert_int_equal(h->tcp.fast_open.pending, 1);
    host_pass(h, 2 * S);
    while (host_output(h))
        ;
    assert_int_equal(events_of(h, handle, &error) & WEIR_EVENT_CLOSED, WEIR_EVENT_CLOSED);
    assert_int_equal(error, WEIR_E_TIMED_OUT);
    assert_int_equal(h->tcp.fast_open.pending, 0);
    assert_int_equal(h->tcp.fast_open.held, 0);
    host_close(h);
}

/* A client throws away what comes before the SYN,ACK: when that was lost, so was the data behind it. */
static void test_data_sent_before_a_lost_SYN_ACK_goes_again_at_once(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    uint32_t iss = is_fast(h, &s);
    struct tcp_conn *c = accepts(h, l);
    assert_int_equal(write_some(h, c, 400), 400);
    assert_int_equal(must_take(h).len, 400);
    host_pass(h, 1 * S + 1 * MS);
    assert_int_equal(take_syn_ack(h, 2, irs + 101).seq, iss);
    nothing_comes(h); /* the data waits for the final ACK */
    assert_int_equal(ack(h, 2, irs + 101, iss + 1), WEIR_DROP_NONE);
    struct seg a = must_take(h);
    assert_int_equal(a.seq, iss + 1);
    assert_int_equal(a.len, 400);
    assert_int_equal(ack(h, 2, irs + 101, iss + 401), WEIR_DROP_NONE);
    assert_int_equal(c->snd_una, c->snd_max);
    struct weir_tcp_info info;
    tcp_info(&h->tcp, c, &info);
    assert_int_equal(info.srtt_us, 0); /* Karn: all of it was sent twice */
    host_close(h);
}

static void test_the_final_ACK_is_no_duplicate(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    uint32_t iss = is_fast(h, &s);
    struct tcp_conn *c = accepts(h, l);
    assert_int_equal(write_some(h, c, 3000), 3000);
    while (host_output(h))
        ;
    assert_int_equal(ack(h, 2, irs + 101, iss + 1), WEIR_DROP_NONE);
    struct weir_tcp_info info;
    tcp_info(&h->tcp, c, &info);
    assert_int_equal(info.dupacks, 0);
    assert_int_equal(info.recovery, WEIR_TCP_OPEN);
    nothing_comes(h);
    host_close(h);
}

static void test_a_full_accept_queue_drops_fast_SYNs_too(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 1);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    (void)is_fast(h, &s);
    s.from_port = 3;
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_BACKLOG);
    nothing_comes(h);
    (void)accepts(h, l);
    (void)is_fast(h, &s);
    host_close(h);
}

static void test_SYN_with_FIN_is_not_taken(void **state)
{
    (void)state;
    struct host *h = fast_host();
    fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    s.flags |= TCP_FIN;
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_LISTEN);
    nothing_comes(h);
    assert_int_equal(h->tcp.fast_open.pending, 0);
    host_close(h);
}

static void test_who_asks_is_asked_about_fast_SYNs_too(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    host_begin(h);
    tcp_close(&h->tcp, host_get(h, l), false);
    l = open_on(h, NULL, 80);
    struct tcp_conn *c = host_get(h, l);
    assert_int_equal(tcp_set(&h->tcp, c, WEIR_TCP_FAST_OPEN, 1), WEIR_OK);
    assert_int_equal(tcp_set(&h->tcp, c, WEIR_TCP_ASK, 1), WEIR_OK);
    assert_int_equal(tcp_listen(&h->tcp, c, 4), WEIR_OK);
    struct seg s = fast_syn(2, cookie, 100);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE);
    nothing_comes(h);
    assert_int_equal(h->tcp.fast_open.pending, 0);
    host_close(h);
}

static void test_no_endpoint_left_is_an_ordinary_handshake(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_syn_data = 0;
    config.tcp_endpoints_max = 2;
    struct host *h = host_open_with(&config, 1);
    fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    (void)is_fast(h, &s);
    s.from_port = 3;
    assert_false(is_ordinary(h, &s, NULL));
    host_close(h);
}

/* ---- attacks ---- */

/* RFC 7413 4.1.1: 4 to 16 bytes, and the length is even; others are no Fast Open option. */
static void test_ATK_TFO_01_cookies_of_every_length_fall_back_to_a_handshake(void **state)
{
    (void)state;
    struct host *h = fast_host();
    fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES], told[COOKIE_BYTES], area[40];
    get_cookie(h, addr("10.0.0.2"), cookie);
    for (unsigned len = 1; len <= 38; len++) {
        memset(area, 0, sizeof area);
        area[0] = 34;
        area[1] = (uint8_t)(2 + len);
        memcpy(area + 2, cookie, len < COOKIE_BYTES ? len : COOKIE_BYTES);
        if (len == COOKIE_BYTES)
            area[9] ^= 1;
        struct seg s = peer_seg((uint16_t)(100 + len), TCP_SYN, irs, 0);
        s.options.present = TCP_HAS_OTHER;
        s.options.other_count = 1;
        s.options.other[0] = (struct tcp_other_option){.kind = 34, .len = area[1], .offset = 0};
        s.options.area = area;
        s.data = pattern();
        s.len = 100;
        uint64_t bad = h->tcp.count.fast_open_bad;
        bool option = len >= 4 && len <= 16 && len % 2 == 0;
        assert_int_equal(is_ordinary(h, &s, told), option);
        assert_int_equal(h->tcp.count.fast_open_bad, bad + option);
        if (option)
            assert_memory_equal(told, cookie, COOKIE_BYTES); /* RFC 7413 4.1.2: a good one is sent */
    }
    host_close(h);
}

static void test_ATK_TFO_01_guessed_cookies_and_those_of_others_are_bad(void **state)
{
    (void)state;
    struct host *h = fast_host();
    fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES], other[COOKIE_BYTES], told[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    get_cookie(h, addr("10.0.0.3"), other);
    assert_memory_not_equal(cookie, other, COOKIE_BYTES);
    struct seg s = fast_syn(2, other, 100);
    assert_true(is_ordinary(h, &s, told));
    assert_memory_equal(told, cookie, COOKIE_BYTES);
    for (unsigned bit = 0; bit < 64; bit++) {
        memcpy(other, cookie, COOKIE_BYTES);
        other[bit / 8] ^= (uint8_t)(1U << bit % 8);
        s = fast_syn((uint16_t)(100 + bit), other, 100);
        assert_true(is_ordinary(h, &s, told));
    }
    s = fast_syn(3, cookie, 100); /* of the other family, mapped or not */
    s.from = addr("2001:db8::2");
    s.to = addr("2001:db8::1");
    assert_true(is_ordinary(h, &s, told));
    assert_int_equal(net_add_address(&h->net, IP_IFACE, addr("10.0.0.7"), 24, h->now), WEIR_OK);
    host_settle(h);
    s = fast_syn(3, cookie, 100); /* of another address of ours */
    s.to = addr("10.0.0.7");
    assert_true(is_ordinary(h, &s, told));
    assert_int_equal(h->tcp.count.fast_open_bad, 67);
    assert_int_equal(h->tcp.count.fast_open_in, 0);
    host_close(h);
}

/* RFC 7413 6.1: data of a SYN may reach the application again when the SYN is repeated, of an opted-in
 * listener only; while the connection is known it does not. */
static void test_ATK_TFO_02_a_repeated_SYN_is_delivered_once_while_it_is_known(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    uint32_t iss = is_fast(h, &s);
    for (unsigned i = 0; i < 20; i++) { /* answered, but not without limit */
        assert_int_equal(give(h, &s), WEIR_DROP_NONE);
        struct seg a;
        if (take(h, &a))
            assert_true(a.seq == iss && a.ack == irs + 101 && i < 5);
    }
    struct tcp_conn *c = accepts(h, l);
    read_is(h, c, 100);
    assert_int_equal(accept_error(h, l), WEIR_E_WOULD_BLOCK);
    host_pass(h, 100 * MS);
    assert_int_equal(give(h, &s), WEIR_DROP_NONE); /* after it was accepted */
    while (host_output(h))
        ;
    assert_int_equal(ack(h, 2, irs + 101, iss + 1), WEIR_DROP_NONE);
    assert_int_equal(c->state, WEIR_TCP_ESTABLISHED);
    host_pass(h, 10 * S);
    assert_int_equal(give(h, &s), WEIR_DROP_TCP_SEQUENCE); /* and now it is an old segment */
    takes(h, TCP_ACK, iss + 1, irs + 101);
    uint8_t none[8];
    assert_int_equal(tcp_receive(&h->tcp, c, none, sizeof none, 0), WEIR_E_WOULD_BLOCK);
    host_begin(h);
    tcp_close(&h->tcp, c, true);
    while (host_output(h))
        ;
    (void)is_fast(h, &s); /* what is forgotten cannot be told from new */
    c = accepts(h, l);
    read_is(h, c, 100);
    assert_int_equal(h->tcp.count.fast_open_in, 2);
    host_close(h);
}

static void test_ATK_TFO_03_the_limit_of_pending_ones_holds_under_exhaustion(void **state)
{
    (void)state;
    enum { LIMIT = 5, SYNS = 100000 };
    struct weir_config config = host_config();
    config.tcp_syn_data = 0;
    config.tcp_fast_open_pending_max = LIMIT;
    config.tcp_syn_cookies = 0;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = fast_listener(h, 14);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    for (unsigned i = 0; i < SYNS; i++) {
        struct seg s = fast_syn((uint16_t)(i % 60000 + 1), cookie, 10);
        enum weir_drop drop = give(h, &s);
        assert_true(drop == WEIR_DROP_NONE || drop == WEIR_DROP_TCP_SYN_LIMIT);
        assert_true(h->tcp.fast_open.pending <= LIMIT);
        assert_true(h->tcp.conns.in_use <= LIMIT + 1);
        if (i % 64 == 0)
            while (host_output(h))
                ;
    }
    while (host_output(h))
        ;
    assert_int_equal(h->tcp.count.fast_open_in, LIMIT);
    assert_true(h->tcp.count.fast_open_limited >= SYNS - LIMIT - 32);
    struct weir_event event;
    for (unsigned i = 0; i < LIMIT; i++)
        (void)accepts(h, l);
    host_pass(h, 64 * S); /* all are given up */
    while (host_output(h))
        ;
    while (host_event(h, &event))
        ;
    assert_int_equal(h->tcp.fast_open.pending, 0);
    struct seg s = fast_syn(1, cookie, 10);
    (void)is_fast(h, &s);
    host_close(h);
}

/* RFC 7413 5.1: an attacker who sends RST behind each SYN gains nothing. */
static void test_ATK_TFO_03_RST_gives_no_place_free_early(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_syn_data = 0;
    config.tcp_fast_open_pending_max = 2;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = fast_listener(h, 10);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    for (uint16_t port = 1; port <= 2; port++) {
        struct seg s = fast_syn(port, cookie, 100);
        (void)is_fast(h, &s);
        struct tcp_conn *c = accepts(h, l);
        weir_handle handle = c->source.handle;
        struct seg rst = peer_seg(port, TCP_RST, irs + 101, 0);
        assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
        int error = 0;
        assert_int_equal(events_of(h, handle, &error) & WEIR_EVENT_CLOSED, WEIR_EVENT_CLOSED);
        assert_int_equal(error, WEIR_E_RESET);
        assert_int_equal(h->tcp.fast_open.pending, 0);
    }
    struct seg s = fast_syn(3, cookie, 100);
    assert_false(is_ordinary(h, &s, NULL));
    assert_int_equal(h->tcp.count.fast_open_limited, 1);
    host_pass(h, 29 * S); /* 30 to 60 seconds */
    assert_false(is_ordinary(h, &s, NULL));
    host_pass(h, 32 * S);
    (void)is_fast(h, &s);
    host_close(h);
}

/* The same whenever it comes. */
static void test_ATK_TFO_03_each_RST_keeps_its_place_for_half_a_minute(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_fast_open_pending_max = 2;
    for (weir_time wait = 0; wait < 60; wait += 7) {
        struct host *h = host_open_with(&config, 1);
        fast_listener(h, 10);
        uint8_t cookie[COOKIE_BYTES];
        get_cookie(h, addr("10.0.0.2"), cookie);
        for (uint16_t port = 1; port <= 2; port++) {
            struct seg s = fast_syn(port, cookie, 100);
            struct seg rst = peer_seg(port, TCP_RST, irs + 101, 0);
            (void)is_fast(h, &s);
            assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
            if (port == 1)
                host_pass(h, wait * S);
        }
        host_pass(h, 30 * S - 1 * MS);
        for (uint16_t port = 3; port <= 4; port++) {
            struct seg s = fast_syn(port, cookie, 100);
            assert_int_equal(give(h, &s), WEIR_DROP_NONE);
        }
        assert_true(h->tcp.fast_open.pending <= 1); /* the second one's is taken still */
        host_close(h);
    }
}

static void test_ATK_TFO_03_a_limit_of_none_takes_none(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_syn_data = 0;
    config.tcp_fast_open_pending_max = 0;
    struct host *h = host_open_with(&config, 1);
    fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(3, cookie, 100);
    assert_false(is_ordinary(h, &s, NULL));
    host_close(h);
}

/* RFC 7413 5.2: whoever has a cookie has so many bytes sent to its owner, and no more. */
static void test_ATK_TFO_04_no_more_than_the_initial_window_before_the_final_ACK(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct seg s = fast_syn(2, cookie, 100);
    s.options.present |= TCP_HAS_MSS;
    s.options.mss = 1460;
    s.window = 65535;
    uint32_t iss = is_fast(h, &s);
    struct tcp_conn *c = accepts(h, l);
    unsigned written = 0, data = 0, syn_acks = 0;
    while (written < 60000)
        written += (unsigned)write_some(h, c, 6000);
    for (unsigned i = 0; i < 70; i++) {
        struct seg a;
        while (take(h, &a)) {
            data += (unsigned)a.len;
            syn_acks += (a.flags & TCP_SYN) != 0;
            assert_true(a.len == 0 || a.seq - iss - 1 < 14600);
        }
        host_pass(h, 1 * S);
    }
    assert_int_equal(data, 14600); /* RFC 6928 2: 10 segments, at most 14,600 bytes */
    assert_in_range(syn_acks, 1, 5);
    host_close(h);
}

static void pass_to(struct host *h, weir_time second)
{
    assert_true(second * S > h->now);
    host_pass(h, second * S - h->now);
}

static void test_ATK_TFO_04_cookies_are_good_for_two_epochs(void **state)
{
    (void)state;
    struct host *h = fast_host();
    weir_handle l = fast_listener(h, 4);
    uint8_t cookie[COOKIE_BYTES], next[COOKIE_BYTES];
    get_cookie(h, addr("10.0.0.2"), cookie);
    for (unsigned kind = 0; kind < 2; kind++) {
        weir_time epoch = kind * 12 * HOUR;
        pass_to(h, epoch + 6 * HOUR - 70);
        struct seg s = fast_syn(2, cookie, 10);
        s.options.fast_open_experimental = kind == 1;
        (void)is_fast(h, &s);
        host_begin(h);
        tcp_close(&h->tcp, accepts(h, l), true);
        while (host_output(h))
            ;
        pass_to(h, epoch + 6 * HOUR); /* of the last one: a new one comes with the SYN,ACK */
        assert_int_equal(give(h, &s), WEIR_DROP_NONE);
        struct seg a = take_syn_ack(h, 2, irs + 11);
        assert_int_equal(a.options.present & TCP_HAS_FAST_OPEN, TCP_HAS_FAST_OPEN);
        assert_int_equal(a.options.fast_open.len, COOKIE_BYTES);
        assert_int_equal(a.options.fast_open_experimental, kind == 1);
        memcpy(next, a.options.fast_open.data, COOKIE_BYTES);
        assert_memory_not_equal(cookie, next, COOKIE_BYTES);
        host_pass(h, 1 * S + 1 * MS); /* 4.2.2: the second SYN,ACK is plain */
        a = take_syn_ack(h, 2, irs + 11);
        assert_int_equal(a.options.present & TCP_HAS_FAST_OPEN, 0);
        host_begin(h);
        tcp_close(&h->tcp, accepts(h, l), true);
        while (host_output(h))
            ;
        pass_to(h, epoch + 12 * HOUR - 1);
        (void)is_fast(h, &s);
        host_begin(h);
        tcp_close(&h->tcp, accepts(h, l), true);
        while (host_output(h))
            ;
        pass_to(h, epoch + 12 * HOUR);
        assert_true(is_ordinary(h, &s, cookie));
        s = fast_syn(3, next, 10);
        (void)is_fast(h, &s);
        host_begin(h);
        tcp_close(&h->tcp, accepts(h, l), true);
        while (host_output(h))
            ;
    }
    host_close(h);
}

/* CVE-2015-3332: a count that is not given back on every way out ends in no fast open for anybody. The
 * recount is tcp_invariants(), after each step. */
static void test_ATK_TFO_05_pending_ones_are_counted_whatever_becomes_of_them(void **state)
{
    (void)state;
    enum { PORTS = 12, STEPS = 4000 };
    struct weir_config config = host_config();
    config.tcp_syn_data = 0;
    config.tcp_fast_open_pending_max = 6;
    config.tcp_endpoints_max = 12;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = fast_listener(h, 5);
    uint8_t cookie[COOKIE_BYTES], wrong[COOKIE_BYTES] = {0};
    uint32_t iss[PORTS] = {0}, most = 0;
    get_cookie(h, addr("10.0.0.2"), cookie);
    struct rng rng = rng_make(7413);
    for (unsigned i = 0; i < STEPS; i++) {
        uint16_t k = (uint16_t)rng_below(&rng, PORTS);
        struct seg s = fast_syn((uint16_t)(k + 1), rng_below(&rng, 5) == 0 ? wrong : cookie,
                                (size_t)rng_below(&rng, 3) * 50);
        struct weir_event event;
        weir_handle handle;
        switch (rng_below(&rng, 9)) {
        case 0:
        case 1:
            s.seq += (uint32_t)rng_below(&rng, 2);
            (void)give(h, &s);
            break;
        case 2:
            (void)ack(h, (uint16_t)(k + 1), irs + 1 + (uint32_t)rng_below(&rng, 3) * 50, iss[k] + 1);
            break;
        case 3:
            s = peer_seg((uint16_t)(k + 1), TCP_RST, irs + 1 + (uint32_t)rng_below(&rng, 3) * 50, 0);
            (void)give(h, &s);
            break;
        case 4:
            host_begin(h);
            (void)tcp_accept(&h->tcp, host_get(h, l), 1, &handle);
            break;
        case 5:
        case 6: { /* close one */
            host_begin(h);
            uint32_t index = (uint32_t)rng_below(&rng, 12);
            struct tcp_conn *c = pool_at(&h->tcp.conns, index);
            if (index < h->tcp.conns.fresh && pool_in_use(&h->tcp.conns, index) &&
                c->state != WEIR_TCP_LISTEN && !c->released && c->listener == TCP_NONE)
                tcp_close(&h->tcp, c, rng_below(&rng, 2) == 0);
            break;
        }
        case 7:
            host_pass(h, (weir_time)rng_below(&rng, 8) * S);
            break;
        default:
            while (host_event(h, &event))
                ;
            break;
        }
        struct seg a;
        while (take(h, &a))
            if (a.flags == (TCP_SYN | TCP_ACK) && a.to_port <= PORTS)
                iss[a.to_port - 1] = a.seq;
        most = h->tcp.fast_open.pending > most ? h->tcp.fast_open.pending : most;
        assert_true(tcp_invariants(&h->tcp));
    }
    assert_true(most >= 4); /* it was worth it */
    assert_true(h->tcp.count.fast_open_in > 50 && h->tcp.count.fast_open_bad > 10);
    host_pass(h, 200 * S);
    assert_int_equal(h->tcp.fast_open.pending, 0);
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_answered_with_a_cookie_of_its_kind),
        cmocka_unit_test(test_fast_open_is_off_by_default),
        cmocka_unit_test(test_data_of_a_SYN_is_read_and_answered_before_the_handshake_ends),
        cmocka_unit_test(test_a_cookie_without_data_lets_the_server_speak_first),
        cmocka_unit_test(test_data_beyond_the_first_window_is_left_to_come_again),
        cmocka_unit_test(test_FIN_waits_for_the_final_ACK),
        cmocka_unit_test(test_unread_data_of_a_SYN_resets_a_connection_that_is_closed),
        cmocka_unit_test(test_a_listener_that_closes_resets_those_not_accepted),
        cmocka_unit_test(test_final_ACK_may_carry_data_and_FIN),
        cmocka_unit_test(test_SYN_ACK_goes_again_and_is_given_up_after_63_seconds),
        cmocka_unit_test(test_data_sent_before_a_lost_SYN_ACK_goes_again_at_once),
        cmocka_unit_test(test_the_final_ACK_is_no_duplicate),
        cmocka_unit_test(test_a_full_accept_queue_drops_fast_SYNs_too),
        cmocka_unit_test(test_SYN_with_FIN_is_not_taken),
        cmocka_unit_test(test_who_asks_is_asked_about_fast_SYNs_too),
        cmocka_unit_test(test_no_endpoint_left_is_an_ordinary_handshake),
        cmocka_unit_test(test_ATK_TFO_01_cookies_of_every_length_fall_back_to_a_handshake),
        cmocka_unit_test(test_ATK_TFO_01_guessed_cookies_and_those_of_others_are_bad),
        cmocka_unit_test(test_ATK_TFO_02_a_repeated_SYN_is_delivered_once_while_it_is_known),
        cmocka_unit_test(test_ATK_TFO_03_the_limit_of_pending_ones_holds_under_exhaustion),
        cmocka_unit_test(test_ATK_TFO_03_RST_gives_no_place_free_early),
        cmocka_unit_test(test_ATK_TFO_03_each_RST_keeps_its_place_for_half_a_minute),
        cmocka_unit_test(test_ATK_TFO_03_a_limit_of_none_takes_none),
        cmocka_unit_test(test_ATK_TFO_04_no_more_than_the_initial_window_before_the_final_ACK),
        cmocka_unit_test(test_ATK_TFO_04_cookies_are_good_for_two_epochs),
        cmocka_unit_test(test_ATK_TFO_05_pending_ones_are_counted_whatever_becomes_of_them),
    };
    return cmocka_run_group_tests_name("fastserver", tests, NULL, NULL);
}
