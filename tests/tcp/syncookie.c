/* SPDX-License-Identifier: MIT
 * SYN cookies (RFC 4987 3.6), rows ATK-SYN-02, -03, -05 and ATK-INF-08 among others. What the
 * stack has put into a cookie is known only by what it makes of it afterwards. */
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listener.h"
#include "pair.h"

enum { HTTP = 80, ALWAYS = 2 };

static struct host *cookie_host(uint32_t mode)
{
    struct weir_config config = host_config();
    config.tcp_syn_cookies = mode;
    return host_open_with(&config, 1);
}

/* Who asks for what. */
struct client {
    bool ip6;
    uint16_t port, mss; /* mss 0: no option */
    int scale;          /* below 0: no option */
    bool sack, stamps;
    uint32_t ts_val;
};

static struct seg client_syn(const struct client *c)
{
    struct seg syn = peer_seg(c->port, TCP_SYN, irs, 0);
    if (c->ip6) {
        syn.from = addr("2001:db8::2");
        syn.to = addr("2001:db8::1");
    }
    syn.options.mss = c->mss;
    syn.options.present |= c->mss != 0 ? TCP_HAS_MSS : 0;
    syn.options.present |= c->scale >= 0 ? TCP_HAS_WINDOW_SCALE : 0;
    syn.options.window_scale = (uint8_t)(c->scale >= 0 ? c->scale : 0);
    syn.options.present |= c->sack ? TCP_HAS_SACK_PERMITTED : 0;
    return c->stamps ? with_stamp(syn, c->ts_val, 0) : syn;
}

/* The ACK that answers a SYN,ACK. */
static struct seg client_ack(const struct client *c, const struct seg *syn_ack)
{
    struct seg ack = peer_seg(c->port, TCP_ACK, irs + 1, syn_ack->seq + 1);
    ack.from = syn_ack->to;
    ack.to = syn_ack->from;
    if ((syn_ack->options.present & TCP_HAS_TIMESTAMPS) != 0)
        ack = with_stamp(ack, c->ts_val + 5, syn_ack->options.ts_val);
    return ack;
}

/* SYN in, cookie out: it takes no record. */
static struct seg ask_cookie(struct host *h, const struct client *c)
{
    uint32_t records = h->tcp.syns.in_use;
    uint64_t cookies = h->tcp.count.cookies_out;
    struct seg syn = client_syn(c);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct seg a = take_syn_ack(h, c->port, irs + 1);
    assert_int_equal(h->tcp.syns.in_use, records);
    assert_int_equal(h->tcp.count.cookies_out, cookies + 1);
    nothing_comes(h);
    return a;
}

static struct tcp_conn *connect_by_cookie(struct host *h, weir_handle l, const struct client *c)
{
    struct seg a = ask_cookie(h, c), ack = client_ack(c, &a);
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    struct tcp_conn *conn = accepts(h, l);
    assert_true(conn->cookie);
    assert_int_equal(conn->state, WEIR_TCP_ESTABLISHED);
    assert_int_equal(conn->remote_port, c->port);
    return conn;
}

static void reset_by_peer(struct host *h, struct tcp_conn *c)
{
    struct seg rst = peer_seg(c->remote_port, TCP_RST, (uint32_t)c->rcv_nxt, 0);
    struct weir_event event;
    rst.from = c->remote;
    rst.to = c->local;
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    tcp_close(&h->tcp, c, true);
    while (host_event(h, &event))
        ;
}

/* A RST comes out, as from a port where nobody listens. */
static void is_reset(struct host *h, const struct seg *ack)
{
    struct seg s = must_take(h);
    assert_int_equal(s.flags, TCP_RST);
    assert_int_equal(s.seq, ack->ack);
    nothing_comes(h);
}

/* ---- when ---- */

static void test_cookies_are_sent_when_the_records_are_used_up_and_not_before(void **state)
{
    (void)state;
    struct host *h = cookie_host(1);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    for (uint16_t i = 1; i <= 16; i++)
        begin(h, i);
    assert_int_equal(h->tcp.count.cookies_out, 0);
    assert_int_equal(h->tcp.syns.in_use, 16);
    struct client c = {.port = 17, .mss = 1460, .scale = -1};
    connect_by_cookie(h, l, &c);
    assert_int_equal(h->tcp.count.cookies_good, 1);
    assert_int_equal(h->tcp.count.syn_dropped_full, 0);
    assert_int_equal(h->tcp.count.passive_opens, 17);
    /* One of the handshakes ends: the next has a record. */
    struct seg rst = peer_seg(5, TCP_RST, irs + 1, 0);
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    begin(h, 18);
    assert_int_equal(h->tcp.count.cookies_out, 1);
    host_close(h);
}

static void test_always_is_always(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    connect_by_cookie(h, l, &(struct client){.port = 1, .scale = -1});
    assert_int_equal(h->tcp.syns.in_use, 0);
    host_close(h);
}

/* ATK-SYN-04: what looks like the end of a handshake gets a RST where no cookie went out, and
 * again when the last of them is too old to come back; it is not even counted. */
static void test_without_cookies_out_an_ACK_is_a_stranger(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    struct seg ack = peer_seg(1, TCP_ACK, irs + 1, 12345);
    assert_int_equal(give(h, &ack), WEIR_DROP_TCP_LISTEN);
    is_reset(h, &ack);
    assert_int_equal(h->tcp.count.cookies_bad, 0);
    struct client c = {.port = 1, .scale = -1};
    struct seg a = ask_cookie(h, &c);
    assert_int_equal(give(h, &ack), WEIR_DROP_TCP_LISTEN);
    is_reset(h, &ack);
    assert_int_equal(h->tcp.count.cookies_bad, 1);
    h->now += 129 * S;
    struct seg late = client_ack(&c, &a);
    assert_int_equal(give(h, &late), WEIR_DROP_TCP_LISTEN);
    is_reset(h, &late);
    assert_int_equal(h->tcp.count.cookies_bad, 1);
    assert_int_equal(accept_error(h, l), WEIR_E_WOULD_BLOCK);
    host_close(h);
}

/* Whose number is beyond that of the connection before is known only with a record (MAY-2);
 * without one timestamps have to tell what is old (RFC 6191 2). */
static void test_in_place_of_a_TIME_WAIT_a_cookie_needs_timestamps(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_syn_received_max = 1;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    struct client c = {.port = 9, .mss = 1460, .scale = -1, .stamps = true, .ts_val = 100};
    struct seg syn = client_syn(&c);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct seg a = take_syn_ack(h, 9, irs + 1), ack = client_ack(&c, &a);
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    struct tcp_conn *conn = accepts(h, l);
    uint32_t nxt = (uint32_t)conn->snd_nxt;
    tcp_close(&h->tcp, conn, false);
    assert_int_equal(must_take(h).flags & TCP_FIN, TCP_FIN);
    struct seg fin = with_stamp(peer_seg(9, TCP_ACK | TCP_FIN, irs + 1, nxt + 1), 110, 0);
    assert_int_equal(give(h, &fin), WEIR_DROP_NONE);
    while (host_output(h))
        ;
    assert_int_equal(h->tcp.waits.in_use, 1);
    begin(h, 10); /* the one record */
    h->now += 2 * S;
    syn = client_syn(&(struct client){.port = 9, .scale = -1});
    syn.seq = irs + 100000;
    assert_int_equal(give(h, &syn), WEIR_DROP_TCP_SYN_LIMIT);
    nothing_comes(h);
    assert_int_equal(h->tcp.count.cookies_out, 0);
    assert_int_equal(h->tcp.waits.in_use, 1);
    syn = with_stamp(syn, 5000, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    a = take_syn_ack(h, 9, syn.seq + 1);
    assert_int_equal(h->tcp.count.cookies_out, 1);
    assert_int_equal(h->tcp.waits.in_use, 0);
    ack = with_stamp(peer_seg(9, TCP_ACK, syn.seq + 1, a.seq + 1), 5001, a.options.ts_val);
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    assert_true(accepts(h, l)->cookie);
    host_close(h);
}

/* ---- what they keep ---- */

/* MUST-16: never more than the peer takes; and not much less, of the sizes that are on the
 * Internet. */
static void test_the_MSS_comes_back_in_steps(void **state)
{
    (void)state;
    static const uint16_t exact[] = {536, 1220, 1440, 8940};
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        struct host *h = cookie_host(ALWAYS);
        weir_handle l = listen_on(h, ip6 != 0 ? "2001:db8::1" : NULL, HTTP, 4);
        unsigned steps = 0, last = 0;
        for (unsigned mss = 48; mss <= 9100; mss += mss < 1500 ? 1 : 19) {
            struct client c = {.ip6 = ip6 != 0, .port = 7, .mss = (uint16_t)mss, .scale = -1};
            struct tcp_conn *conn = connect_by_cookie(h, l, &c);
            assert_true(conn->mss_peer <= mss && conn->mss_peer >= last);
            steps += conn->mss_peer > last;
            last = conn->mss_peer;
            reset_by_peer(h, conn);
            h->now += 70 * S; /* else it were the same cookie */
        }
        assert_int_equal(steps, 8);
        for (unsigned i = 0; i < sizeof exact / sizeof exact[0]; i++) {
            struct client c = {.ip6 = ip6 != 0, .port = 8, .mss = exact[i], .scale = -1};
            struct tcp_conn *conn = connect_by_cookie(h, l, &c);
            assert_int_equal(conn->mss_peer, exact[i]);
            reset_by_peer(h, conn);
        }
        /* MUST-15: what is not told is 536, or 1220. */
        struct client c = {.ip6 = ip6 != 0, .port = 9, .scale = -1};
        assert_int_equal(connect_by_cookie(h, l, &c)->mss_peer, ip6 != 0 ? 1220 : 536);
        host_close(h);
    }
}

static void test_ATK_SYN_05_both_ends_agree_on_the_options(void **state)
{
    (void)state;
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        struct host *h = cookie_host(ALWAYS);
        weir_handle l = listen_on(h, ip6 != 0 ? "2001:db8::1" : NULL, HTTP, 4);
        for (unsigned i = 0; i < 64; i++) {
            struct client c = {.ip6 = ip6 != 0,
                               .port = (uint16_t)(100 + i),
                               .mss = 1400,
                               .scale = (int)(i >> 2) - 1, /* none, 0 ... 14 */
                               .sack = (i & 1) != 0,
                               .stamps = (i & 2) != 0,
                               .ts_val = 77};
            h->now += 13 * MS;
            struct seg a = ask_cookie(h, &c), ack = client_ack(&c, &a);
            /* What is answered is what the peer believes to be agreed on. */
            bool scale = (a.options.present & TCP_HAS_WINDOW_SCALE) != 0;
            assert_int_equal((a.options.present & TCP_HAS_TIMESTAMPS) != 0, c.stamps);
            assert_int_equal((a.options.present & TCP_HAS_SACK_PERMITTED) != 0, c.stamps && c.sack);
            assert_int_equal(scale, c.stamps && c.scale >= 0);
            assert_int_equal(a.options.mss, ip6 != 0 ? 1440 : 1460);
            assert_int_equal(a.window, 65535);
            if (c.stamps)
                assert_int_equal(a.options.ts_ecr, 77);
            ack.window = 1000;
            assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
            struct tcp_conn *conn = accepts(h, l);
            assert_int_equal(conn->timestamps, c.stamps);
            assert_int_equal(conn->sack, c.stamps && c.sack);
            assert_int_equal(conn->scaling, scale);
            assert_int_equal(conn->snd_scale, scale ? c.scale : 0);
            assert_int_equal(conn->rcv_scale, scale ? a.options.window_scale : 0);
            assert_int_equal(conn->snd_wnd, 1000U << (scale ? c.scale : 0));
            assert_int_equal((uint32_t)conn->rcv_edge, irs + 1 + 65535);
            if (c.stamps)
                assert_int_equal(conn->ts_recent, 82);
            assert_int_equal(conn->srtt_us8, 0); /* a cookie knows nothing of time */
            reset_by_peer(h, conn);
        }
        host_close(h);
    }
}

/* Something between the two strips timestamps off what is no SYN, or sets others: rather no
 * connection than one whose ends do not agree. That the listener's buffer was set anew meanwhile
 * does not matter. */
static void test_ATK_SYN_05_what_was_changed_on_the_way_is_refused(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    struct client c = {.port = 1, .mss = 1460, .scale = 7, .sack = true, .stamps = true};
    struct seg a = ask_cookie(h, &c), good = client_ack(&c, &a), ack = good;
    ack.options.present = 0;
    assert_int_equal(give(h, &ack), WEIR_DROP_TCP_LISTEN);
    for (unsigned bit = 0; bit < 5; bit++) {
        ack = good;
        ack.options.ts_ecr ^= 1U << bit;
        assert_int_equal(give(h, &ack), WEIR_DROP_TCP_LISTEN);
    }
    unsigned resets = 0; /* one in 64 may look like what is behind a first segment */
    struct seg s;
    for (; take(h, &s); resets++)
        assert_int_equal(s.flags, TCP_RST);
    assert_in_range(resets, 5, 6);
    assert_int_equal(h->tcp.count.cookies_bad, 6);
    assert_int_equal(accept_error(h, l), WEIR_E_WOULD_BLOCK);
    assert_int_equal(tcp_set(&h->tcp, host_get(h, l), WEIR_TCP_RECEIVE_BYTES_MAX, 65536), WEIR_OK);
    assert_int_equal(give(h, &good), WEIR_DROP_NONE);
    assert_int_equal(accepts(h, l)->rcv_scale, a.options.window_scale);
    /* And one that offered none must not come with any. */
    c = (struct client){.port = 2, .mss = 1460, .scale = -1};
    a = ask_cookie(h, &c);
    ack = with_stamp(client_ack(&c, &a), 1, 2);
    assert_int_equal(give(h, &ack), WEIR_DROP_TCP_LISTEN);
    is_reset(h, &ack);
    host_close(h);
}

/* ATK-SYN-02: what the low bits of the timestamp hold never puts it ahead of the clock, so the
 * next are not before it (RFC 7323 5.3). */
static void test_timestamps_are_never_ahead_of_the_clock(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    for (unsigned i = 0; i < 200; i++) {
        struct client c = {.port = (uint16_t)(1 + i), .scale = (int)(i % 16) - 1,
                           .sack = i % 3 == 0, .stamps = true, .ts_val = 1};
        h->now += i * 7 % 33 * MS;
        struct seg a = ask_cookie(h, &c), ack = client_ack(&c, &a);
        struct tcp_tuple tuple = {.local = a.from, .remote = a.to, .local_port = HTTP,
                                  .remote_port = c.port};
        uint32_t clock = (uint32_t)(h->now / MS) + tcp_stamp_offset(&h->tcp, &tuple);
        assert_in_range(clock - a.options.ts_val, 0, 31);
        ack.data = "x";
        ack.len = 1;
        assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
        struct seg answer = must_take(h);
        assert_true((int32_t)(answer.options.ts_val - a.options.ts_val) >= 0);
        struct tcp_conn *conn = accepts(h, l);
        reset_by_peer(h, conn);
    }
    host_close(h);
}

/* RFC 7413 4: data in a SYN whose cookie is only one of these has to come again. */
static void test_data_of_the_SYN_is_not_acknowledged(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    struct client c = {.port = 1, .scale = -1};
    struct seg syn = client_syn(&c);
    syn.data = "hello";
    syn.len = 5;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    struct seg a = take_syn_ack(h, 1, irs + 1), ack = client_ack(&c, &a);
    assert_int_equal(h->tcp.count.syn_data_ignored, 1);
    ack.data = "hello";
    ack.len = 5;
    ack.flags |= TCP_FIN;
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    struct tcp_conn *conn = accepts(h, l);
    assert_int_equal(conn->state, WEIR_TCP_CLOSE_WAIT);
    uint8_t data[8];
    assert_int_equal(tcp_receive(&h->tcp, conn, data, sizeof data, 0), 5);
    assert_memory_equal(data, "hello", 5);
    assert_int_equal(must_take(h).ack, irs + 7);
    host_close(h);
}

/* Two whole stacks: what was agreed on by the cookie serves a transfer of many windows each way. */
static void test_a_connection_by_cookie_is_like_any_other(void **state)
{
    (void)state;
    enum { TOTAL = 400000 };
    static uint8_t data[8192], got[8192];
    struct weir_config config = pair_config();
    config.tcp_syn_cookies = ALWAYS;
    for (unsigned family = 0; family < 2; family++) {
        struct pair *p = pair_open_with(&config);
        struct pair_conn c = pair_connect_to(p, family == 0 ? "10.0.0.2" : "2001:db8::2");
        struct weir_tcp_info info[2];
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(weir_tcp_info(p->side[k].stack, c.h[k], &info[k]), WEIR_OK);
        unsigned all = WEIR_TCP_HAS_TIMESTAMPS | WEIR_TCP_HAS_SACK | WEIR_TCP_HAS_WINDOW_SCALE;
        assert_int_equal(info[0].options, all);
        assert_int_equal(info[1].options, all | WEIR_TCP_HAS_COOKIE);
        assert_int_equal(info[0].snd_scale, info[1].rcv_scale);
        assert_int_equal(info[1].snd_scale, info[0].rcv_scale);
        assert_true(info[0].snd_scale > 0);
        for (unsigned k = 0; k < 2; k++) {
            uint32_t sent = 0, received = 0;
            while (received < TOTAL) {
                for (unsigned i = 0; i < sizeof data; i++)
                    data[i] = (uint8_t)((sent + i) * 31 >> 5);
                int n = sent < TOTAL ? weir_tcp_send(p->side[k].stack, c.h[k], data, sizeof data, 0)
                                     : WEIR_E_WOULD_BLOCK;
                assert_true(n > 0 || n == WEIR_E_WOULD_BLOCK);
                sent += n > 0 ? (uint32_t)n : 0;
                if (n < 0)
                    pair_run(p, 10 * MS);
                while ((n = weir_tcp_receive(p->side[1 - k].stack, c.h[1 - k], got, sizeof got,
                                             0)) > 0)
                    for (int i = 0; i < n; i++, received++)
                        assert_int_equal(got[i], (uint8_t)(received * 31 >> 5));
            }
        }
        for (unsigned k = 0; k < 2; k++) {
            assert_int_equal(weir_tcp_info(p->side[k].stack, c.h[k], &info[k]), WEIR_OK);
            assert_int_equal(info[k].retransmits, 0);
            assert_int_equal(weir_tcp_close(p->side[k].stack, c.h[k]), WEIR_OK);
        }
        assert_int_equal(weir_tcp_close(p->side[1].stack, c.listener), WEIR_OK);
        pair_close(p);
    }
}

/* ---- how long ---- */

static void test_ATK_SYN_03_a_cookie_is_good_for_64_to_128_seconds(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    static const uint16_t ages[] = {1, 30, 63, 64, 100, 128, 129, 192, 300, 2048, 2112, 4096};
    struct rng rng = rng_make(1);
    unsigned good = 0, bad = 0;
    for (unsigned i = 0; i < 600; i++) {
        h->now += (weir_time)rng_below(&rng, 64000) * MS;
        struct client c = {.port = (uint16_t)(1000 + i), .scale = 3, .stamps = true};
        struct seg a = ask_cookie(h, &c), ack = client_ack(&c, &a);
        uint16_t age = ages[i % 12];
        h->now += age * S;
        ask_cookie(h, &(struct client){.port = 9, .scale = -1}); /* so that some are out */
        enum weir_drop drop = give(h, &ack);
        assert_true(drop == WEIR_DROP_NONE || drop == WEIR_DROP_TCP_LISTEN);
        if (age <= 64)
            assert_int_equal(drop, WEIR_DROP_NONE);
        if (age >= 128)
            assert_int_equal(drop, WEIR_DROP_TCP_LISTEN);
        if (drop == WEIR_DROP_NONE) {
            good++;
            reset_by_peer(h, accepts(h, l));
        } else {
            bad++;
            if (age < 2048) /* then it looks like one that is behind a first segment */
                is_reset(h, &ack);
        }
    }
    assert_true(good >= 200 && bad >= 350);
    host_close(h);
}

/* One handshake, one connection: also after that was closed, or reset, and while the cookie is
 * young. */
static void test_ATK_SYN_03_a_cookie_makes_one_connection(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    struct client c = {.port = 1, .mss = 1460, .scale = 7, .sack = true, .stamps = true};
    struct seg a = ask_cookie(h, &c), ack = client_ack(&c, &a);
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE); /* for the connection that it has made */
    reset_by_peer(h, accepts(h, l));
    static const uint16_t seconds[] = {0, 1, 20, 40, 70, 200};
    for (unsigned i = 0; i < 6; i++) {
        h->now += seconds[i] * S;
        ask_cookie(h, &(struct client){.port = 9, .scale = -1});
        assert_int_equal(give(h, &ack), WEIR_DROP_TCP_LISTEN);
        is_reset(h, &ack);
    }
    assert_true(h->tcp.count.cookies_replayed >= 3);
    assert_int_equal(h->tcp.count.cookies_replayed + h->tcp.count.cookies_bad, 6);
    assert_int_equal(h->tcp.count.cookies_good, 1);
    assert_int_equal(accept_error(h, l), WEIR_E_WOULD_BLOCK);
    host_close(h);
}

/* As many as there may be endpoints are remembered, nearly. */
static void test_ATK_SYN_03_those_of_late_connections_are_remembered(void **state)
{
    (void)state;
    enum { MANY = 32 };
    struct weir_config config = host_config();
    config.tcp_syn_cookies = ALWAYS;
    config.tcp_endpoints_max = 8 * MANY; /* in sets of four */
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    struct seg acks[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        struct client c = {.port = (uint16_t)(1 + i), .scale = -1};
        struct seg a = ask_cookie(h, &c);
        acks[i] = client_ack(&c, &a);
        assert_int_equal(give(h, &acks[i]), WEIR_DROP_NONE);
        reset_by_peer(h, accepts(h, l));
    }
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(give(h, &acks[i]), WEIR_DROP_TCP_LISTEN);
    assert_int_equal(h->tcp.count.cookies_replayed, MANY);
    while (host_output(h))
        ;
    host_close(h);
}

/* ---- no place ---- */

static void test_without_a_place_the_ACK_is_dropped_and_is_good_later(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 1);
    struct client one = {.port = 1, .scale = -1}, two = {.port = 2, .scale = -1};
    struct seg a = ask_cookie(h, &one), b = ask_cookie(h, &two);
    struct seg first = client_ack(&one, &a), second = client_ack(&two, &b), more = second;
    assert_int_equal(give(h, &first), WEIR_DROP_NONE);
    assert_int_equal(give(h, &second), WEIR_DROP_TCP_BACKLOG);
    /* What follows it is no cookie any more; a RST for it would end what could still begin. */
    more.seq += 1000;
    assert_int_equal(give(h, &more), WEIR_DROP_TCP_BACKLOG);
    nothing_comes(h);
    assert_int_equal(h->tcp.count.ack_dropped_backlog, 2);
    accepts(h, l);
    assert_int_equal(give(h, &second), WEIR_DROP_NONE);
    assert_int_equal(accepts(h, l)->remote_port, 2);
    assert_int_equal(h->tcp.count.cookies_replayed, 0);
    /* The same when there is no endpoint left. */
    while (h->tcp.conns.in_use < 16)
        open_on(h, NULL, 0);
    struct client three = {.port = 3, .scale = -1};
    struct seg d = ask_cookie(h, &three), third = client_ack(&three, &d);
    assert_int_equal(give(h, &third), WEIR_DROP_TCP_BACKLOG);
    nothing_comes(h);
    host_close(h);
}

/* The final ACK and the first segment are lost, what is behind them arrives: it is no cookie, and
 * no reason to end what the first will begin when it comes again. A stranger is reset. */
static void test_data_behind_a_lost_end_of_the_handshake_is_no_stranger(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    struct client c = {.port = 1, .mss = 1460, .scale = -1};
    struct seg a = ask_cookie(h, &c), ack = client_ack(&c, &a), stranger = ack;
    ack.seq += 1000;
    ack.data = pattern();
    ack.len = 1000;
    assert_int_equal(give(h, &ack), WEIR_DROP_TCP_LISTEN);
    ack.seq += 0x80000000U; /* of somebody who knows the one number */
    ack.len = 0;
    assert_int_equal(give(h, &ack), WEIR_DROP_TCP_LISTEN);
    ack.flags |= TCP_FIN;
    assert_int_equal(give(h, &ack), WEIR_DROP_TCP_LISTEN);
    nothing_comes(h);
    assert_int_equal(h->tcp.count.cookies_bad, 3);
    stranger.seq += 1000;
    stranger.ack += 1U << 29;
    assert_int_equal(give(h, &stranger), WEIR_DROP_TCP_LISTEN);
    is_reset(h, &stranger);
    ack.seq = irs + 1;
    ack.len = 1000;
    ack.flags = TCP_ACK;
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    assert_int_equal((uint32_t)accepts(h, l)->rcv_nxt, irs + 1001);
    host_close(h);
}

/* The SYN,ACK with the cookie was late, the SYN came again, and by then there was a record for it:
 * the peer answers the first. */
static void test_a_cookie_that_a_record_has_overtaken_is_good(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.tcp_syn_received_max = 1;
    struct host *h = host_open_with(&config, 1);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    begin(h, 1);
    struct client c = {.port = 2, .mss = 1460, .scale = 5, .stamps = true, .ts_val = 10};
    struct seg cookie = ask_cookie(h, &c);
    struct seg rst = peer_seg(1, TCP_RST, irs + 1, 0), syn = client_syn(&c);
    assert_int_equal(give(h, &rst), WEIR_DROP_NONE);
    h->now += 1 * S;
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    assert_int_not_equal(take_syn_ack(h, 2, irs + 1).seq, cookie.seq);
    assert_int_equal(h->tcp.syns.in_use, 1);
    struct seg wrong = client_ack(&c, &cookie), ack = wrong;
    wrong.ack += 1U << 30; /* another time */
    assert_int_equal(give(h, &wrong), WEIR_DROP_TCP_ACK);
    is_reset(h, &wrong);
    wrong = ack;
    wrong.seq += 1000; /* not the first behind the SYN: that may still come */
    assert_int_equal(give(h, &wrong), WEIR_DROP_TCP_ACK);
    nothing_comes(h);
    assert_int_equal(give(h, &ack), WEIR_DROP_NONE);
    assert_int_equal(h->tcp.syns.in_use, 0);
    assert_true(accepts(h, l)->cookie);
    host_close(h);
}

/* ATK-SYN-01: SYNs in the name of hosts on the link that do not exist: the cookies for those wait
 * until nobody has answered, and leave half of the replies to others. */
static void test_cookies_that_wait_for_neighbours_leave_room_for_others(void **state)
{
    (void)state;
    enum { REPLIES = 16 };
    struct weir_config config = host_config();
    config.tcp_syn_cookies = ALWAYS;
    config.replies_max = REPLIES;
    struct host *h = host_open_with(&config, 1);
    listen_on(h, NULL, HTTP, 4);
    struct neighbour_key key = {.addr = addr("192.168.0.2"), .ifindex = ETH_IFACE};
    struct eth_addr station = {{2, 0, 0, 0, 0, 2}};
    assert_int_equal(neighbour_add_static(&h->net.neighbours, &key, station), WEIR_OK);
    h->ifindex = ETH_IFACE;
    struct seg syn = peer_seg(1, TCP_SYN, irs, 0);
    syn.to = addr("192.168.0.1");
    unsigned answered = 0;
    for (uint16_t i = 1; i <= 200; i++) {
        for (unsigned k = 0; k < 4; k++) {
            syn.from = addr("192.168.0.0");
            syn.from.bytes[15] = (uint8_t)(10 + (4 * i + k) % 240);
            assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
        }
        syn.from = key.addr;
        syn.from_port = i;
        assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
        while (host_output(h)) /* IPv4 to 192.168.0.2 */
            answered += load16(h->bytes + 12) == 0x0800 && h->bytes[33] == 2;
        assert_in_range(h->net.replies_parked, 0, REPLIES / 2);
        host_pass(h, 10 * MS);
    }
    assert_int_equal(answered, 200);
    for (unsigned i = 0; i < 10; i++) { /* nobody is there */
        host_pass(h, 1 * S);
        while (host_output(h))
            ;
    }
    host_begin(h);
    assert_int_equal(h->net.replies_parked, 0);
    assert_int_equal(h->net.replies.in_use, 0);
    host_close(h);
}

/* ---- forging ---- */

/* An ACK as tcp_cookie_judge() sees it. */
struct forged {
    struct net_rx rx;
    struct tcp_header header;
    struct tcp_options options;
    struct tcp_segment segment;
};

static void forge(struct forged *f, struct host *h, const struct seg *ack)
{
    memset(f, 0, sizeof *f);
    f->rx.source = ack->from;
    f->rx.destination = ack->to;
    f->header = (struct tcp_header){.source_port = ack->from_port,
                                    .destination_port = ack->to_port,
                                    .seq = seq_make(ack->seq),
                                    .ack = seq_make(ack->ack),
                                    .flags = TCP_ACK};
    f->options = ack->options;
    f->segment = (struct tcp_segment){
        .rx = &f->rx, .header = &f->header, .options = &f->options, .now = h->now};
}

static bool is_good(struct host *h, weir_handle l, const struct seg *ack)
{
    struct forged f;
    forge(&f, h, ack);
    struct tcp_syn syn;
    return tcp_cookie_judge(&h->tcp, host_get(h, l), &f.segment, &syn) == TCP_COOKIE_GOOD;
}

static void test_ATK_SYN_02_no_bit_of_a_cookie_can_be_changed(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    for (unsigned i = 0; i < 4; i++) {
        struct client c = {.ip6 = (i & 1) != 0, .port = 1, .mss = 1460, .scale = 7, .sack = true,
                           .stamps = (i & 2) != 0};
        struct seg a = ask_cookie(h, &c), good = client_ack(&c, &a);
        assert_true(is_good(h, l, &good));
        for (unsigned bit = 0; bit < 32; bit++) {
            struct seg bad = good;
            bad.ack ^= 1U << bit;
            assert_false(is_good(h, l, &bad));
            bad = good;
            bad.seq ^= 1U << bit;
            assert_false(is_good(h, l, &bad));
            bad = good;
            bad.from_port ^= (uint16_t)(1U << bit % 16);
            assert_false(is_good(h, l, &bad));
        }
        for (unsigned bit = 0; bit < 128; bit++) {
            struct seg bad = good;
            bad.from.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_false(is_good(h, l, &bad));
            bad = good;
            bad.to.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_false(is_good(h, l, &bad));
        }
        assert_true(is_good(h, l, &good));
        /* And under another secret it is nothing. */
        struct weir_config config = host_config();
        config.tcp_syn_cookies = ALWAYS;
        struct host *other = host_open_with(&config, 2);
        weir_handle m = listen_on(other, NULL, HTTP, 4);
        other->now = h->now;
        ask_cookie(other, &c);
        assert_false(is_good(other, m, &good));
        host_close(other);
    }
    host_close(h);
}

/* 16 of 2^32 acknowledgments are good: of 2^22 drawn at random none, but with a chance of 1.6 %.
 * With 8 bits less it were four. */
static void test_ATK_SYN_02_blind_ACKs_do_not_hit(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    struct client c = {.port = 1, .scale = -1};
    struct seg a = ask_cookie(h, &c), ack = client_ack(&c, &a);
    struct rng rng = rng_make(2);
    struct forged f;
    forge(&f, h, &ack);
    const struct tcp_conn *listener = host_get(h, l);
    struct tcp_syn syn;
    unsigned hits = 0;
    for (uint32_t i = 0; i < 1U << 22; i++) {
        uint64_t r = rng_u64(&rng);
        f.header.source_port = (uint16_t)(r >> 32);
        f.header.ack = seq_make((uint32_t)r);
        hits += tcp_cookie_judge(&h->tcp, listener, &f.segment, &syn) == TCP_COOKIE_GOOD;
    }
    assert_int_equal(hits, 0);
    host_close(h);
}

/* ---- how it is compared ---- */

/* How many instructions the verdict on an ACK takes, counted one by one; 0 where that cannot be
 * done. */
static unsigned long instructions(struct host *h, weir_handle l, const struct seg *ack)
{
    struct forged f;
    const struct tcp_conn *listener = host_get(h, l);
    forge(&f, h, ack);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(2);
        struct tcp_syn syn;
        (void)tcp_cookie_judge(&h->tcp, listener, &f.segment, &syn);
        raise(SIGSTOP);
        bool good = tcp_cookie_judge(&h->tcp, listener, &f.segment, &syn) == TCP_COOKIE_GOOD;
        raise(SIGSTOP);
        _exit(good);
    }
    unsigned long count = 0;
    unsigned stops = 0;
    int status;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        stops += WSTOPSIG(status) == SIGSTOP;
        count += stops == 1;
        if (ptrace(stops == 1 ? PTRACE_SINGLESTEP : PTRACE_CONT, child, NULL, NULL) != 0)
            break;
    }
    if (!WIFEXITED(status)) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        return 0;
    }
    return WEXITSTATUS(status) < 2 && stops == 2 ? count : 0;
}

/* G-8: how long it takes to find a cookie wrong tells nothing of where it is wrong. */
static void test_ATK_INF_08_a_wrong_cookie_costs_the_same_wherever_it_is_wrong(void **state)
{
    (void)state;
    struct host *h = cookie_host(ALWAYS);
    weir_handle l = listen_on(h, NULL, HTTP, 4);
    struct client c = {.port = 1, .mss = 1460, .scale = 7, .sack = true, .stamps = true};
    struct seg a = ask_cookie(h, &c), good = client_ack(&c, &a), bad = good;
    bad.ack ^= 1;
    unsigned long wanted = instructions(h, l, &bad);
    if (wanted == 0) { /* under an emulator, or forbidden */
        print_message("instructions cannot be counted here\n");
        host_close(h);
        return;
    }
    assert_true(wanted > 100);
    assert_int_not_equal(instructions(h, l, &good), wanted); /* so they are counted */
    for (unsigned bit = 1; bit < 32; bit += 6) { /* of the MAC, the step, the time */
        bad = good;
        /* The carry of a subtraction would change several bits: from the number, not from the ACK. */
        bad.ack = ((good.ack - 1) ^ 1U << bit) + 1;
        assert_int_equal(instructions(h, l, &bad), wanted);
    }
    bad = good;
    bad.ack += 123456789;
    assert_int_equal(instructions(h, l, &bad), wanted);
    h->now += 130 * S; /* right, but old */
    ask_cookie(h, &(struct client){.port = 9, .scale = -1});
    assert_int_equal(instructions(h, l, &good), wanted);
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookies_are_sent_when_the_records_are_used_up_and_not_before),
        cmocka_unit_test(test_always_is_always),
        cmocka_unit_test(test_without_cookies_out_an_ACK_is_a_stranger),
        cmocka_unit_test(test_in_place_of_a_TIME_WAIT_a_cookie_needs_timestamps),
        cmocka_unit_test(test_the_MSS_comes_back_in_steps),
        cmocka_unit_test(test_ATK_SYN_05_both_ends_agree_on_the_options),
        cmocka_unit_test(test_ATK_SYN_05_what_was_changed_on_the_way_is_refused),
        cmocka_unit_test(test_timestamps_are_never_ahead_of_the_clock),
        cmocka_unit_test(test_data_of_the_SYN_is_not_acknowledged),
        cmocka_unit_test(test_a_connection_by_cookie_is_like_any_other),
        cmocka_unit_test(test_ATK_SYN_03_a_cookie_is_good_for_64_to_128_seconds),
        cmocka_unit_test(test_ATK_SYN_03_a_cookie_makes_one_connection),
        cmocka_unit_test(test_ATK_SYN_03_those_of_late_connections_are_remembered),
        cmocka_unit_test(test_without_a_place_the_ACK_is_dropped_and_is_good_later),
        cmocka_unit_test(test_data_behind_a_lost_end_of_the_handshake_is_no_stranger),
        cmocka_unit_test(test_a_cookie_that_a_record_has_overtaken_is_good),
        cmocka_unit_test(test_cookies_that_wait_for_neighbours_leave_room_for_others),
        cmocka_unit_test(test_ATK_SYN_02_no_bit_of_a_cookie_can_be_changed),
        cmocka_unit_test(test_ATK_SYN_02_blind_ACKs_do_not_hit),
        cmocka_unit_test(test_ATK_INF_08_a_wrong_cookie_costs_the_same_wherever_it_is_wrong),
    };
    return cmocka_run_group_tests_name("syncookie", tests, NULL, NULL);
}
