/* SPDX-License-Identifier: MIT
 * TCP Fast Open (RFC 7413) between two whole stacks: what a client learns, what its SYNs carry, and what
 * it does when that comes to nothing. The server's side alone is in fastserver.c. */
#include <stdio.h>

#include "pair.h"

#include "base/rng.h"
#include "wire/tcp_options.h"

enum { NOTED_MAX = 16, PAYLOAD_MAX = 20000, HOUR = 3600 };

/* A SYN, or SYN,ACK, that was sent. */
struct noted {
    bool option;
    size_t cookie_len, data;
    uint8_t cookie[16];
};

/* What the wire does, and what it saw. */
struct wire {
    bool lose_fast; /* SYNs of side 0 with the option */
    bool strip;     /* the option is made NOPs, both ways */
    unsigned lose_syn_acks;
    struct noted syn[NOTED_MAX], syn_ack[NOTED_MAX];
    unsigned syns, syn_acks;
    struct rng *rng; /* or NULL: all of it at random */
};

static uint32_t sum_of(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum += (uint32_t)p[i] << ((i & 1) != 0 ? 0 : 8);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* RFC 9293 3.1, over the pseudo-header. */
static void fix_checksum(uint8_t *packet, size_t ip, size_t len)
{
    uint8_t pseudo[4] = {0, 6, (uint8_t)((len - ip) >> 8), (uint8_t)(len - ip)};
    uint32_t sum = ip == 20 ? sum_of(0, packet + 12, 8) : sum_of(0, packet + 8, 32);
    packet[ip + 16] = packet[ip + 17] = 0;
    sum = sum_of(sum_of(sum, pseudo, 4), packet + ip, len - ip);
    store16(packet + ip + 16, (uint16_t)~sum);
}

static void strip_and_pass(struct pair *p, unsigned from, const uint8_t *packet, size_t len,
                           size_t ip)
{
    uint8_t copy[PAIR_PACKET_MAX];
    memcpy(copy, packet, len);
    uint8_t *area = copy + ip + 20;
    size_t n = (size_t)(copy[ip + 12] >> 4) * 4 - 20;
    struct tcp_option_iter it = tcp_option_begin(area, n);
    struct tcp_option option;
    while (tcp_option_next(&it, &option))
        if (option.kind == 34)
            memset(area + option.offset, TCP_OPT_NOP, option.len);
    fix_checksum(copy, ip, len);
    pair_put(p, 1 - from, copy, len, p->now + DELAY);
}

static bool on_wire(struct pair *p, unsigned from, const uint8_t *packet, size_t len)
{
    struct wire *w = p->ctx;
    size_t ip = packet[0] >> 4 == 4 ? 20 : 40;
    struct tcp_header h = {0};
    struct tcp_options o;
    if (packet[ip == 20 ? 9 : 6] != 6)
        return false;
    assert_int_equal(tcp_parse(&h, packet + ip, len - ip, len - ip), WEIR_DROP_NONE);
    if (w->rng != NULL && rng_below(w->rng, 8) == 0)
        return true;
    if ((h.flags & TCP_SYN) == 0)
        return false;
    tcp_options_parse_any(&o, packet + ip + 20, h.header_len - 20U);
    struct noted noted = {.data = len - ip - h.header_len};
    noted.option = (o.present & TCP_HAS_FAST_OPEN) != 0;
    if (noted.option) {
        noted.cookie_len = o.fast_open.len;
        memcpy(noted.cookie, o.fast_open.data, o.fast_open.len);
    }
    bool answer = (h.flags & TCP_ACK) != 0;
    if (answer && w->syn_acks < NOTED_MAX)
        w->syn_ack[w->syn_acks++] = noted;
    if (!answer && w->syns < NOTED_MAX)
        w->syn[w->syns++] = noted;
    if (answer && w->lose_syn_acks > 0) {
        w->lose_syn_acks--;
        return true;
    }
    if (!answer && noted.option && (w->lose_fast || (w->rng != NULL && rng_below(w->rng, 4) == 0)))
        return true;
    if (noted.option && (w->strip || (w->rng != NULL && rng_below(w->rng, 4) == 0))) {
        strip_and_pass(p, from, packet, len, ip);
        return true;
    }
    return false;
}

/* ---- steps ---- */

struct fast {
    struct pair *p;
    struct wire wire;
    weir_handle listener;
};

static weir_handle fast_endpoint(struct pair *p, unsigned k, uint16_t port)
{
    weir_handle handle = pair_endpoint(p, k, port);
    assert_int_equal(weir_tcp_set(p->side[k].stack, handle, WEIR_TCP_FAST_OPEN, 1), WEIR_OK);
    return handle;
}

static weir_handle fast_listen(struct pair *p, unsigned k, uint16_t port)
{
    weir_handle handle = fast_endpoint(p, k, port);
    assert_int_equal(weir_tcp_listen(p->side[k].stack, handle, 8), WEIR_OK);
    return handle;
}

/* The server acknowledges no data of SYNs but what it takes at once. */
static void fast_begin_with(struct fast *f, const struct weir_config *from)
{
    struct weir_config config = *from;
    config.tcp_syn_data = 0;
    *f = (struct fast){.p = pair_open_with(&config)};
    f->p->lose = on_wire;
    f->p->ctx = &f->wire;
    f->listener = fast_listen(f->p, 1, 80);
}

static void fast_begin(struct fast *f)
{
    struct weir_config config = pair_config();
    fast_begin_with(f, &config);
}

static void fast_end(struct fast *f)
{
    assert_int_equal(weir_tcp_close(f->p->side[1].stack, f->listener), WEIR_OK);
    pair_close(f->p);
}

static const struct weir_tcp_stats *count_of(struct fast *f, unsigned k)
{
    return &f->p->side[k].stack->tcp.count;
}

static const uint8_t *payload(void)
{
    static uint8_t bytes[PAYLOAD_MAX];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 11 + (i >> 7));
    return bytes;
}

/* Connect and send before anything goes out. */
static weir_handle connects(struct fast *f, const char *to, uint16_t port, size_t len)
{
    weir_handle handle = fast_endpoint(f->p, 0, 0);
    assert_int_equal(weir_tcp_set(f->p->side[0].stack, handle, WEIR_TCP_NODELAY, 1), WEIR_OK);
    f->wire.syns = f->wire.syn_acks = 0;
    pair_begin(f->p, handle, to, port);
    if (len > 0)
        assert_int_equal(weir_tcp_send(f->p->side[0].stack, handle, payload(), len, 0), len);
    return handle;
}

static bool accepted(struct fast *f, weir_handle *handle)
{
    return weir_tcp_accept(f->p->side[1].stack, f->listener, 7, handle) == WEIR_OK;
}

/* So many bytes are there, and they are the first. */
static void reads(struct fast *f, unsigned k, weir_handle handle, size_t len)
{
    static uint8_t data[PAYLOAD_MAX];
    int n = weir_tcp_receive(f->p->side[k].stack, handle, data, sizeof data, 0);
    assert_int_equal(n, len > 0 ? (int)len : WEIR_E_WOULD_BLOCK);
    if (len > 0)
        assert_memory_equal(data, payload(), len);
}

static void ends(struct fast *f, weir_handle client, weir_handle server)
{
    weir_tcp_abort(f->p->side[0].stack, client);
    pair_run(f->p, 20 * MS);
    weir_tcp_abort(f->p->side[1].stack, server);
    pair_run(f->p, 20 * MS);
}

/* One whole connection with `len` bytes to the server; did its SYN carry data, and was it taken? */
static struct weir_tcp_info one(struct fast *f, const char *to, size_t len)
{
    struct weir_tcp_info info;
    weir_handle client = connects(f, to, 80, len), server;
    pair_run(f->p, 4 * S);
    assert_true(accepted(f, &server));
    reads(f, 1, server, len);
    assert_int_equal(weir_tcp_info(f->p->side[0].stack, client, &info), WEIR_OK);
    assert_int_equal(info.state, WEIR_TCP_ESTABLISHED);
    ends(f, client, server);
    return info;
}

static bool was_fast(const struct weir_tcp_info *info)
{
    return (info->options & WEIR_TCP_HAS_FAST_OPEN) != 0;
}

/* ---- learning, and what it is worth ---- */

static void first_learns_second_carries(const char *to)
{
    struct fast f;
    fast_begin(&f);
    struct weir_tcp_info info = one(&f, to, 500);
    assert_int_equal(f.wire.syns, 1); /* RFC 7413 4.1.1: a request is an empty cookie, without data */
    assert_true(f.wire.syn[0].option && f.wire.syn[0].cookie_len == 0 && f.wire.syn[0].data == 0);
    assert_int_equal(f.wire.syn_ack[0].cookie_len, 8);
    assert_false(was_fast(&info));
    uint8_t cookie[8];
    memcpy(cookie, f.wire.syn_ack[0].cookie, 8);

    weir_time begin = f.p->now;
    weir_handle client = connects(&f, to, 80, 500), server;
    pair_run(f.p, DELAY); /* half a round trip */
    assert_true(accepted(&f, &server));
    reads(&f, 1, server, 500);
    assert_int_equal(f.wire.syn[0].data, 500);
    assert_int_equal(f.wire.syn[0].cookie_len, 8);
    assert_memory_equal(f.wire.syn[0].cookie, cookie, 8);
    assert_int_equal(f.p->side[1].stack->tcp.fast_open.pending, 1);
    assert_int_equal(weir_tcp_send(f.p->side[1].stack, server, payload(), 300, 0), 300);
    pair_run(f.p, DELAY);
    reads(&f, 0, client, 300); /* the answer, after one round trip */
    assert_int_equal(f.p->now - begin, 2 * DELAY);
    assert_int_equal(f.wire.syn_ack[0].data, 0);
    pair_run(f.p, DELAY);
    assert_int_equal(f.p->side[1].stack->tcp.fast_open.pending, 0);
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(weir_tcp_info(f.p->side[k].stack, k == 0 ? client : server, &info), WEIR_OK);
        assert_true(was_fast(&info));
        assert_int_equal(info.state, WEIR_TCP_ESTABLISHED);
        assert_int_equal(info.send_queue_bytes, 0);
        assert_in_range(info.srtt_us, 10000, 10100); /* the handshake measured it */
    }
    assert_int_equal(pair_told(f.p, 0, client).bits & WEIR_EVENT_CONNECTED, WEIR_EVENT_CONNECTED);
    assert_int_equal(pair_told(f.p, 1, server).bits & WEIR_EVENT_CONNECTED, WEIR_EVENT_CONNECTED);
    assert_int_equal(count_of(&f, 0)->fast_open_out, 1);
    assert_int_equal(count_of(&f, 0)->fast_open_taken, 1);
    assert_int_equal(count_of(&f, 0)->fast_open_fallback, 0);
    assert_int_equal(count_of(&f, 1)->fast_open_in, 1);
    ends(&f, client, server);
    fast_end(&f);
}

static void test_SUP_32_the_first_connection_learns_and_the_second_carries_data(void **state)
{
    (void)state;
    first_learns_second_carries("10.0.0.2");
    first_learns_second_carries("2001:db8::2");
}

/* RFC 7413 4.2.1: as much as fits a segment; options count (RFC 9293 3.7.1). */
static void test_a_SYN_carries_a_full_packet_and_the_rest_follows_the_handshake(void **state)
{
    (void)state;
    static const char *const to[] = {"10.0.0.2", "2001:db8::2"};
    for (unsigned i = 0; i < 2; i++) {
        struct fast f;
        fast_begin(&f);
        (void)one(&f, to[i], 10);
        weir_handle client = connects(&f, to[i], 80, 10000), server;
        pair_now(f.p);
        assert_int_equal(f.p->side[0].packet_len, PAIR_MTU);
        size_t in_syn = f.wire.syn[0].data;
        pair_run(f.p, DELAY);
        assert_true(accepted(&f, &server));
        static uint8_t data[PAYLOAD_MAX];
        assert_int_equal(weir_tcp_receive(f.p->side[1].stack, server, data, sizeof data, 0), in_syn);
        pair_run(f.p, 2 * DELAY); /* the next arrives a round trip later */
        int n = weir_tcp_receive(f.p->side[1].stack, server, data + in_syn, sizeof data, 0);
        assert_int_equal(n, 10000 - in_syn);
        assert_memory_equal(data, payload(), 10000);
        assert_int_equal(count_of(&f, 0)->segments_retransmitted, 0);
        ends(&f, client, server);
        fast_end(&f);
    }
}

static void test_without_data_or_without_the_setting_SYNs_are_plain(void **state)
{
    (void)state;
    struct fast f;
    fast_begin(&f);
    (void)one(&f, "10.0.0.2", 10);
    (void)one(&f, "10.0.0.2", 0);
    assert_false(f.wire.syn[0].option);
    f.wire.syns = 0;
    weir_handle client = pair_endpoint(f.p, 0, 0), server;
    pair_begin(f.p, client, "10.0.0.2", 80);
    assert_int_equal(weir_tcp_send(f.p->side[0].stack, client, payload(), 100, 0), 100);
    pair_run(f.p, 1 * S);
    assert_false(f.wire.syn[0].option);
    assert_int_equal(f.wire.syn[0].data, 0);
    assert_true(accepted(&f, &server));
    ends(&f, client, server);
    fast_end(&f);
}

static void test_end_and_urgent_data_are_not_lost_in_a_SYN(void **state)
{
    (void)state;
    struct fast f;
    fast_begin(&f);
    (void)one(&f, "10.0.0.2", 10);
    weir_handle client = connects(&f, "10.0.0.2", 80, 0), server;
    assert_int_equal(weir_tcp_send(f.p->side[0].stack, client, payload(), 50, WEIR_TCP_END), 50);
    pair_run(f.p, 1 * S);
    assert_int_equal(f.wire.syn[0].data, 50);
    assert_true(accepted(&f, &server));
    reads(&f, 1, server, 50);
    assert_int_equal(weir_tcp_receive(f.p->side[1].stack, server, &(char){0}, 1, 0), 0);
    ends(&f, client, server);

    client = connects(&f, "10.0.0.2", 80, 0);
    assert_int_equal(weir_tcp_send(f.p->side[0].stack, client, payload(), 50, WEIR_TCP_URGENT), 50);
    pair_run(f.p, 1 * S);
    assert_int_equal(f.wire.syn[0].data, 0); /* a SYN would not say so */
    assert_true(accepted(&f, &server));
    assert_int_equal(pair_told(f.p, 1, server).bits & WEIR_EVENT_URGENT, WEIR_EVENT_URGENT);
    reads(&f, 1, server, 50);
    ends(&f, client, server);
    fast_end(&f);
}

/* RFC 7413 4.1.3: cookies belong to pairs of addresses, whatever the port. */
static void test_a_cookie_goes_to_nobody_but_him_it_came_from(void **state)
{
    (void)state;
    struct fast f;
    fast_begin(&f);
    struct net *server_net = &f.p->side[1].stack->net, *client_net = &f.p->side[0].stack->net;
    assert_int_equal(net_add_address(server_net, 0, pair_addr("10.0.0.3"), 24, f.p->now), WEIR_OK);
    assert_int_equal(net_add_address(client_net, 0, pair_addr("10.0.0.4"), 24, f.p->now), WEIR_OK);
    pair_run(f.p, 10 * S);
    (void)one(&f, "10.0.0.2", 10);
    (void)one(&f, "10.0.0.2", 10);
    assert_int_equal(f.wire.syn[0].cookie_len, 8);
    (void)one(&f, "10.0.0.3", 10); /* another server */
    assert_true(f.wire.syn[0].option && f.wire.syn[0].cookie_len == 0);
    (void)one(&f, "2001:db8::2", 10); /* the same, as far as anybody could know */
    assert_true(f.wire.syn[0].option && f.wire.syn[0].cookie_len == 0);
    struct weir_tcp_config config = {.size = sizeof config, .address = pair_addr("10.0.0.4")};
    weir_handle client, server;
    assert_int_equal(weir_tcp_open(f.p->side[0].stack, &config, &client), WEIR_OK);
    assert_int_equal(weir_tcp_set(f.p->side[0].stack, client, WEIR_TCP_FAST_OPEN, 1), WEIR_OK);
    f.wire.syns = 0;
    pair_begin(f.p, client, "10.0.0.2", 80);
    pair_run(f.p, 1 * S);
    assert_true(f.wire.syn[0].option && f.wire.syn[0].cookie_len == 0); /* another of us */
    assert_true(accepted(&f, &server));
    ends(&f, client, server);
    weir_handle other = fast_listen(f.p, 1, 81);
    client = connects(&f, "10.0.0.2", 81, 10);
    pair_run(f.p, 1 * S);
    assert_int_equal(f.wire.syn[0].cookie_len, 8); /* another port */
    assert_int_equal(weir_tcp_accept(f.p->side[1].stack, other, 7, &server), WEIR_OK);
    reads(&f, 1, server, 10);
    ends(&f, client, server);
    assert_int_equal(weir_tcp_close(f.p->side[1].stack, other), WEIR_OK);
    fast_end(&f);
}

static void test_cookies_are_renewed_over_hours(void **state)
{
    (void)state;
    struct fast f;
    fast_begin(&f);
    (void)one(&f, "10.0.0.2", 10);
    for (unsigned i = 0; i < 10; i++) { /* within the last epoch: always fast */
        pair_run(f.p, 5 * HOUR * S);
        struct weir_tcp_info info = one(&f, "10.0.0.2", 100);
        assert_true(was_fast(&info));
    }
    assert_int_equal(count_of(&f, 1)->fast_open_bad, 0);
    pair_run(f.p, 13 * HOUR * S); /* too old: a handshake, and a new one */
    struct weir_tcp_info info = one(&f, "10.0.0.2", 100);
    assert_false(was_fast(&info));
    assert_int_equal(f.wire.syn[0].data, 100);
    assert_int_equal(f.wire.syn_ack[0].cookie_len, 8);
    assert_int_equal(count_of(&f, 1)->fast_open_bad, 1);
    assert_int_equal(count_of(&f, 0)->fast_open_fallback, 1);
    info = one(&f, "10.0.0.2", 100);
    assert_true(was_fast(&info));
    fast_end(&f);
}

/* ---- when it comes to nothing ---- */

/* RFC 7413 4.1.3.1, 4.2.1: the SYN goes again without option and data, and if that is answered, the next
 * ones do so at once. */
static void test_a_lost_fast_SYN_falls_back_and_is_remembered(void **state)
{
    (void)state;
    static const char *const to[] = {"10.0.0.2", "2001:db8::2"};
    for (unsigned i = 0; i < 2; i++) {
        struct fast f;
        fast_begin(&f);
        (void)one(&f, to[i], 10);
        f.wire.lose_fast = true;
        weir_time begin = f.p->now;
        weir_handle client = connects(&f, to[i], 80, 700), server;
        while (!accepted(&f, &server))
            pair_run(f.p, DELAY);
        assert_in_range(f.p->now - begin, 1 * S, 1 * S + 4 * DELAY);
        pair_run(f.p, 2 * DELAY);
        reads(&f, 1, server, 700);
        assert_int_equal(f.wire.syns, 2);
        assert_true(f.wire.syn[0].option && f.wire.syn[0].data == 700);
        assert_true(!f.wire.syn[1].option && f.wire.syn[1].data == 0);
        assert_int_equal(count_of(&f, 0)->fast_open_fallback, 1);
        ends(&f, client, server);
        f.wire.lose_fast = false;
        pair_run(f.p, 59 * 60 * S);
        struct weir_tcp_info info = one(&f, to[i], 10);
        assert_false(f.wire.syn[0].option); /* within the hour */
        pair_run(f.p, 60 * S);
        f.wire.lose_fast = true; /* after it, once more in vain: two hours */
        info = one(&f, to[i], 10);
        assert_int_equal(f.wire.syns, 2);
        f.wire.lose_fast = false;
        pair_run(f.p, 119 * 60 * S);
        info = one(&f, to[i], 10);
        assert_false(f.wire.syn[0].option);
        pair_run(f.p, 60 * S);
        info = one(&f, to[i], 10);
        assert_true(was_fast(&info));
        assert_int_equal(count_of(&f, 0)->fast_open_fallback, 2);
        fast_end(&f);
    }
}

/* A request that is lost is the same. */
static void test_a_lost_request_falls_back_and_is_remembered(void **state)
{
    (void)state;
    struct fast f;
    fast_begin(&f);
    f.wire.lose_fast = true;
    (void)one(&f, "10.0.0.2", 10);
    assert_int_equal(f.wire.syns, 2);
    f.wire.lose_fast = false;
    (void)one(&f, "10.0.0.2", 10);
    assert_int_equal(f.wire.syns, 1);
    assert_false(f.wire.syn[0].option);
    assert_int_equal(count_of(&f, 0)->fast_open_fallback, 1);
    fast_end(&f);
}

/* The SYN came through, its answer did not: that says nothing against fast open. */
static void test_a_lost_SYN_ACK_is_no_reason_to_give_it_up(void **state)
{
    (void)state;
    struct fast f;
    fast_begin(&f);
    (void)one(&f, "10.0.0.2", 10);
    f.wire.lose_syn_acks = 1;
    struct weir_tcp_info info = one(&f, "10.0.0.2", 900);
    assert_true(was_fast(&info));
    assert_int_equal(count_of(&f, 0)->fast_open_fallback, 0);
    assert_int_equal(count_of(&f, 0)->fast_open_taken, 1);
    assert_int_equal(count_of(&f, 1)->fast_open_in, 1);
    info = one(&f, "10.0.0.2", 900);
    assert_true(was_fast(&info));
    fast_end(&f);
}

static void test_a_stripped_option_is_remembered_for_a_while(void **state)
{
    (void)state;
    static const char *const to[] = {"10.0.0.2", "2001:db8::2"};
    for (unsigned i = 0; i < 2; i++) {
        struct fast f;
        fast_begin(&f);
        f.wire.strip = true;
        (void)one(&f, to[i], 100); /* a request without an answer */
        assert_true(f.wire.syn[0].option);
        assert_int_equal(count_of(&f, 0)->fast_open_fallback, 1);
        (void)one(&f, to[i], 100);
        assert_false(f.wire.syn[0].option);
        f.wire.strip = false;
        pair_run(f.p, 11 * 60 * S);
        (void)one(&f, to[i], 100);
        assert_true(f.wire.syn[0].option && f.wire.syn_ack[0].option);
        f.wire.strip = true;
        struct weir_tcp_info info = one(&f, to[i], 100); /* data, not taken, and at once again */
        assert_false(was_fast(&info));
        assert_int_equal(f.wire.syn[0].data, 100);
        assert_int_equal(f.wire.syns, 1);
        assert_int_equal(count_of(&f, 0)->fast_open_fallback, 2);
        (void)one(&f, to[i], 100);
        assert_false(f.wire.syn[0].option);
        fast_end(&f);
    }
}

static void test_a_server_without_fast_open_takes_the_data_after_the_handshake(void **state)
{
    (void)state;
    struct fast f;
    fast_begin(&f);
    (void)one(&f, "10.0.0.2", 10);
    assert_int_equal(weir_tcp_close(f.p->side[1].stack, f.listener), WEIR_OK);
    f.listener = pair_listen(f.p, 1, 80, 8);
    weir_handle client = connects(&f, "10.0.0.2", 80, 4000), server;
    pair_run(f.p, 4 * DELAY); /* nothing of it waited for a timer */
    assert_true(accepted(&f, &server));
    reads(&f, 1, server, 4000);
    assert_int_equal(count_of(&f, 0)->timeouts, 0);
    ends(&f, client, server);
    (void)one(&f, "10.0.0.2", 10);
    assert_false(f.wire.syn[0].option);
    fast_end(&f);
}

static void test_refused_is_refused_and_remembered(void **state)
{
    (void)state;
    struct fast f;
    fast_begin(&f);
    (void)one(&f, "10.0.0.2", 10);
    weir_handle client = connects(&f, "10.0.0.2", 4242, 100);
    pair_run(f.p, 1 * S);
    assert_int_equal(f.wire.syn[0].data, 100);
    struct pair_told told = pair_told(f.p, 0, client);
    assert_int_equal(told.bits & WEIR_EVENT_CLOSED, WEIR_EVENT_CLOSED);
    assert_int_equal(told.error, WEIR_E_REFUSED);
    weir_tcp_close(f.p->side[0].stack, client);
    client = connects(&f, "10.0.0.2", 4242, 100);
    pair_run(f.p, 1 * S);
    assert_false(f.wire.syn[0].option);
    weir_tcp_close(f.p->side[0].stack, client);
    struct weir_tcp_info info = one(&f, "10.0.0.2", 100); /* of another port it says nothing */
    assert_true(was_fast(&info));
    fast_end(&f);
}

static void test_nobody_answers_is_an_end_and_remembered(void **state)
{
    (void)state;
    struct fast f;
    fast_begin(&f);
    (void)one(&f, "10.0.0.2", 10);
    f.wire.lose_syn_acks = 1000;
    weir_handle client = connects(&f, "10.0.0.2", 80, 100), server;
    pair_run(f.p, 200 * S);
    struct pair_told told = pair_told(f.p, 0, client);
    assert_int_equal(told.bits & WEIR_EVENT_CLOSED, WEIR_EVENT_CLOSED);
    assert_int_equal(told.error, WEIR_E_TIMED_OUT);
    weir_tcp_close(f.p->side[0].stack, client);
    assert_int_equal(f.p->side[1].stack->tcp.fast_open.pending, 0);
    while (accepted(&f, &server)) /* given up already */
        weir_tcp_abort(f.p->side[1].stack, server);
    f.wire.lose_syn_acks = 0;
    pair_run(f.p, 70 * S);
    while (accepted(&f, &server))
        weir_tcp_abort(f.p->side[1].stack, server);
    (void)one(&f, "10.0.0.2", 100);
    assert_false(f.wire.syn[0].option);
    fast_end(&f);
}

static void test_closing_in_SYN_SENT_forgets_the_data_of_the_SYN(void **state)
{
    (void)state;
    struct fast f;
    fast_begin(&f);
    (void)one(&f, "10.0.0.2", 10);
    weir_handle server;
    for (unsigned abort = 0; abort < 2; abort++) {
        weir_handle client = connects(&f, "10.0.0.2", 80, 100);
        pair_now(f.p);
        if (abort != 0)
            weir_tcp_abort(f.p->side[0].stack, client);
        else
            weir_tcp_close(f.p->side[0].stack, client);
        pair_run(f.p, 1 * S); /* its SYN,ACK is answered by RST */
        assert_int_equal(f.p->side[1].stack->tcp.fast_open.pending, 0);
        assert_true(accepted(&f, &server));
        assert_int_equal(pair_told(f.p, 1, server).error, WEIR_E_RESET);
        weir_tcp_close(f.p->side[1].stack, server);
    }
    struct weir_tcp_info info = one(&f, "10.0.0.2", 100);
    assert_true(was_fast(&info));
    fast_end(&f);
}

/* RFC 9293 3.5, figure 7, with data in both SYNs, which neither side takes. */
static void test_simultaneous_open_delivers_the_data_of_SYNs_once(void **state)
{
    (void)state;
    struct fast f;
    fast_begin(&f);
    (void)one(&f, "10.0.0.2", 10);
    weir_handle listener = fast_listen(f.p, 0, 80), h[2], server;
    h[1] = fast_endpoint(f.p, 1, 0);
    struct weir_addr to[2] = {pair_addr("10.0.0.2"), pair_addr("10.0.0.1")};
    assert_int_equal(weir_tcp_connect(f.p->side[1].stack, h[1], &to[1], 80), WEIR_OK);
    pair_run(f.p, 1 * S);
    assert_int_equal(weir_tcp_accept(f.p->side[0].stack, listener, 7, &server), WEIR_OK);
    weir_tcp_abort(f.p->side[0].stack, server);
    weir_tcp_abort(f.p->side[1].stack, h[1]);
    assert_int_equal(weir_tcp_close(f.p->side[0].stack, listener), WEIR_OK);
    pair_run(f.p, 1 * S);
    f.wire.syns = 0;
    for (unsigned k = 0; k < 2; k++) {
        h[k] = fast_endpoint(f.p, k, (uint16_t)(5000 + k));
        assert_int_equal(weir_tcp_connect(f.p->side[k].stack, h[k], &to[k], (uint16_t)(5001 - k)),
                         WEIR_OK);
        assert_int_equal(weir_tcp_send(f.p->side[k].stack, h[k], payload(), 600, 0), 600);
    }
    pair_run(f.p, 1 * S);
    assert_int_equal(f.wire.syns, 2);
    assert_int_equal(f.wire.syn[0].data, 600);
    assert_int_equal(f.wire.syn[1].data, 600);
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(pair_state(f.p, k, h[k]), WEIR_TCP_ESTABLISHED);
        reads(&f, k, h[k], 600);
        weir_tcp_abort(f.p->side[k].stack, h[k]);
    }
    pair_run(f.p, 1 * S);
    fast_end(&f);
}

/* A table of two paths: others make room, and all connections work. */
static void test_a_full_table_of_paths_makes_room(void **state)
{
    (void)state;
    struct fast f;
    struct weir_config config = pair_config();
    config.tcp_fast_open_paths_max = 2;
    config.addresses_max = 32;
    fast_begin_with(&f, &config);
    struct net *net = &f.p->side[1].stack->net;
    char text[16];
    for (unsigned i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "10.0.0.%u", 10 + i);
        assert_int_equal(net_add_address(net, 0, pair_addr(text), 24, f.p->now), WEIR_OK);
    }
    pair_run(f.p, 10 * S);
    for (unsigned i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "10.0.0.%u", 10 + i * 7 % 10);
        f.wire.strip = i % 3 == 0;
        (void)one(&f, text, 100);
        assert_true(f.p->side[0].stack->tcp.fast_open.paths_count <= 2);
    }
    assert_int_equal(count_of(&f, 1)->fast_open_bad, 0);
    f.wire.strip = false;
    pair_run(f.p, 2 * 24 * HOUR * S);
    (void)one(&f, "10.0.0.10", 100);
    struct weir_tcp_info info = one(&f, "10.0.0.10", 100);
    assert_true(was_fast(&info));
    fast_end(&f);
}

/* ATK-TFO-05 with both ends: whatever is lost or stripped, each connection works or says why not, and
 * every count comes out. tcp_invariants() recounts after each step. */
static void test_ATK_TFO_05_counts_come_out_whatever_the_network_does(void **state)
{
    (void)state;
    struct fast f;
    struct weir_config config = pair_config();
    config.tcp_fast_open_pending_max = 2;
    fast_begin_with(&f, &config);
    struct rng rng = rng_make(50);
    unsigned fast = 0;
    for (unsigned i = 0; i < 150; i++) {
        f.wire.rng = i % 2 != 0 ? &rng : NULL; /* each other one without harm, to learn again */
        size_t len = (size_t)rng_below(&rng, 3000) + 1;
        f.p->side[0].told_count = f.p->side[1].told_count = 0;
        weir_handle client = connects(&f, i % 4 < 2 ? "10.0.0.2" : "2001:db8::2", 80, len), server;
        if (rng_below(&rng, 8) == 0) {
            pair_run(f.p, (weir_time)rng_below(&rng, 12) * MS);
            weir_tcp_abort(f.p->side[0].stack, client);
            pair_run(f.p, 70 * S);
            while (accepted(&f, &server))
                weir_tcp_abort(f.p->side[1].stack, server);
            continue;
        }
        pair_run(f.p, 130 * S);
        bool found = false;
        while (!found && accepted(&f, &server)) {
            struct weir_tcp_info info;
            assert_int_equal(weir_tcp_info(f.p->side[1].stack, server, &info), WEIR_OK);
            found = info.state == WEIR_TCP_ESTABLISHED;
            fast += was_fast(&info);
            if (!found)
                weir_tcp_abort(f.p->side[1].stack, server);
        }
        assert_true(found);
        reads(&f, 1, server, len);
        f.wire.rng = NULL;
        ends(&f, client, server);
        if (i % 5 == 0)
            pair_run(f.p, 3 * HOUR * S);
    }
    pair_run(f.p, 200 * S);
    assert_int_equal(f.p->side[1].stack->tcp.fast_open.pending, 0);
    assert_true(fast > 20 && fast < 150);
    assert_true(count_of(&f, 0)->fast_open_taken <= count_of(&f, 0)->fast_open_out);
    assert_true(count_of(&f, 0)->fast_open_fallback > 5);
    fast_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_SUP_32_the_first_connection_learns_and_the_second_carries_data),
        cmocka_unit_test(test_a_SYN_carries_a_full_packet_and_the_rest_follows_the_handshake),
        cmocka_unit_test(test_without_data_or_without_the_setting_SYNs_are_plain),
        cmocka_unit_test(test_end_and_urgent_data_are_not_lost_in_a_SYN),
        cmocka_unit_test(test_a_cookie_goes_to_nobody_but_him_it_came_from),
        cmocka_unit_test(test_cookies_are_renewed_over_hours),
        cmocka_unit_test(test_a_lost_fast_SYN_falls_back_and_is_remembered),
        cmocka_unit_test(test_a_lost_request_falls_back_and_is_remembered),
        cmocka_unit_test(test_a_lost_SYN_ACK_is_no_reason_to_give_it_up),
        cmocka_unit_test(test_a_stripped_option_is_remembered_for_a_while),
        cmocka_unit_test(test_a_server_without_fast_open_takes_the_data_after_the_handshake),
        cmocka_unit_test(test_refused_is_refused_and_remembered),
        cmocka_unit_test(test_nobody_answers_is_an_end_and_remembered),
        cmocka_unit_test(test_closing_in_SYN_SENT_forgets_the_data_of_the_SYN),
        cmocka_unit_test(test_simultaneous_open_delivers_the_data_of_SYNs_once),
        cmocka_unit_test(test_a_full_table_of_paths_makes_room),
        cmocka_unit_test(test_ATK_TFO_05_counts_come_out_whatever_the_network_does),
    };
    return cmocka_run_group_tests_name("fastopen", tests, NULL, NULL);
}
