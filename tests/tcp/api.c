/* SPDX-License-Identifier: MIT
 * The calls on endpoints (weir/tcp.h), to the letter of their documentation. */
#include "pair.h"
#include "weir/udp.h"

/* ---- opening ---- */

static void test_open_checks_its_config(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    weir_handle handle;
    struct weir_tcp_config config = {.size = sizeof config};
    assert_int_equal(weir_tcp_open(a, NULL, &handle), WEIR_E_INVALID);
    config.size--;
    assert_int_equal(weir_tcp_open(a, &config, &handle), WEIR_E_INVALID);
    config.size++;
    config.ifindex = 2; /* there is one */
    assert_int_equal(weir_tcp_open(a, &config, &handle), WEIR_E_INVALID);
    config.ifindex = 0;
    config.address = pair_addr("10.0.0.9");
    assert_int_equal(weir_tcp_open(a, &config, &handle), WEIR_E_NOT_FOUND);
    config.address = pair_addr("10.0.0.1");
    assert_int_equal(weir_tcp_open(a, &config, &handle), WEIR_OK);
    assert_int_equal(weir_tcp_close(a, handle), WEIR_OK);
    assert_int_equal(pair_told(p, 0, handle).bits, WEIR_EVENT_CLOSED);
    pair_close(p);
}

static void test_endpoints_are_limited_and_handles_become_stale(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    weir_handle handle[8], more;
    struct weir_tcp_config config = {.size = sizeof config};
    for (unsigned i = 0; i < 8; i++)
        handle[i] = pair_endpoint(p, 0, 0);
    assert_int_equal(weir_tcp_open(a, &config, &more), WEIR_E_EXHAUSTED);
    assert_int_equal(weir_tcp_close(a, handle[3]), WEIR_OK);
    assert_int_equal(weir_tcp_close(a, handle[3]), WEIR_E_STALE);
    /* Not used again before its CLOSED was read. */
    assert_int_equal(weir_tcp_open(a, &config, &more), WEIR_E_EXHAUSTED);
    assert_int_equal(pair_told(p, 0, handle[3]).bits, WEIR_EVENT_CLOSED);
    assert_int_equal(weir_tcp_open(a, &config, &more), WEIR_OK);
    assert_int_equal(more.index, handle[3].index);
    assert_true(more.generation != handle[3].generation);
    uint8_t byte;
    uint32_t value;
    struct weir_addr b = pair_addr("10.0.0.2");
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_set(a, handle[3], WEIR_TCP_TTL, 3), WEIR_E_STALE);
    assert_int_equal(weir_tcp_get(a, handle[3], WEIR_TCP_TTL, &value), WEIR_E_STALE);
    assert_int_equal(weir_tcp_connect(a, handle[3], &b, 80), WEIR_E_STALE);
    assert_int_equal(weir_tcp_listen(a, handle[3], 1), WEIR_E_STALE);
    assert_int_equal(weir_tcp_accept(a, handle[3], 0, &more), WEIR_E_STALE);
    assert_int_equal(weir_tcp_send(a, handle[3], "x", 1, 0), WEIR_E_STALE);
    assert_int_equal(weir_tcp_receive(a, handle[3], &byte, 1, 0), WEIR_E_STALE);
    assert_int_equal(weir_tcp_at_mark(a, handle[3]), WEIR_E_STALE);
    assert_int_equal(weir_tcp_shutdown(a, handle[3], WEIR_TCP_SHUT_SEND), WEIR_E_STALE);
    assert_int_equal(weir_tcp_abort(a, handle[3]), WEIR_E_STALE);
    assert_int_equal(weir_tcp_info(a, handle[3], &info), WEIR_E_STALE);
    assert_int_equal(weir_tcp_ready(a, handle[3]), 0);
    assert_int_equal(weir_tcp_error(a, handle[3]), WEIR_OK);
    handle[3] = more;
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(weir_tcp_close(a, handle[i]), WEIR_OK);
    pair_close(p);
}

static void test_a_stack_for_no_endpoints_has_none(void **state)
{
    (void)state;
    struct weir_config config = pair_config();
    config.tcp_endpoints_max = 0;
    config.tcp_flights_max = 0;
    struct pair *p = pair_open_with(&config);
    struct weir_tcp_config endpoint = {.size = sizeof endpoint};
    weir_handle handle;
    assert_int_equal(weir_tcp_open(p->side[0].stack, &endpoint, &handle), WEIR_E_EXHAUSTED);
    struct weir_tcp_info info;
    uint64_t cursor = 0;
    assert_false(weir_tcp_next(p->side[0].stack, &cursor, &info));
    pair_close(p);
}

static void test_a_port_is_shared_only_by_who_says_so(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    struct weir_tcp_config config = {.size = sizeof config, .port = 1234};
    weir_handle first, second, third;
    assert_int_equal(weir_tcp_open(a, &config, &first), WEIR_OK);
    assert_int_equal(weir_tcp_open(a, &config, &second), WEIR_E_EXISTS);
    assert_int_equal(weir_tcp_close(a, first), WEIR_OK);
    config.reuse = true; /* the port came back with the endpoint */
    assert_int_equal(weir_tcp_open(a, &config, &first), WEIR_OK);
    assert_int_equal(weir_tcp_open(a, &config, &second), WEIR_OK);
    config.reuse = false;
    assert_int_equal(weir_tcp_open(a, &config, &third), WEIR_E_EXISTS);
    assert_int_equal(weir_tcp_listen(a, first, 1), WEIR_OK);
    assert_int_equal(weir_tcp_listen(a, second, 1), WEIR_E_EXISTS); /* one listens there */
    assert_int_equal(weir_tcp_close(a, first), WEIR_OK);
    assert_int_equal(weir_tcp_listen(a, second, 1), WEIR_OK);
    assert_int_equal(weir_tcp_close(a, second), WEIR_OK);
    pair_close(p);
}

/* ---- settings ---- */

static void test_settings_have_defaults_and_ranges(void **state)
{
    (void)state;
    static const struct {
        uint32_t value, low, high;
    } rows[] = {
#define X(name, value, low, high, meaning) {value, low, high},
        WEIR_TCP_SETTINGS(X)
#undef X
    };
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    weir_handle h = pair_endpoint(p, 0, 0);
    for (unsigned i = 0; i < WEIR_TCP_SETTING_COUNT; i++) {
        enum weir_tcp_setting setting = (enum weir_tcp_setting)i;
        uint32_t value = 12345;
        assert_int_equal(weir_tcp_get(a, h, setting, &value), WEIR_OK);
        assert_int_equal(value, rows[i].value);
        assert_int_equal(weir_tcp_set(a, h, setting, rows[i].high), WEIR_OK);
        assert_int_equal(weir_tcp_set(a, h, setting, rows[i].high + 1), WEIR_E_RANGE);
        if (rows[i].low > 0)
            assert_int_equal(weir_tcp_set(a, h, setting, rows[i].low - 1), WEIR_E_RANGE);
        assert_int_equal(weir_tcp_get(a, h, setting, &value), WEIR_OK);
        assert_int_equal(value, rows[i].high);
        assert_int_equal(weir_tcp_set(a, h, setting, rows[i].low), WEIR_OK);
        assert_int_equal(weir_tcp_get(a, h, setting, &value), WEIR_OK);
        assert_int_equal(value, rows[i].low);
    }
    uint32_t value;
    assert_int_equal(weir_tcp_set(a, h, WEIR_TCP_SETTING_COUNT, 1), WEIR_E_INVALID);
    assert_int_equal(weir_tcp_get(a, h, WEIR_TCP_SETTING_COUNT, &value), WEIR_E_INVALID);
    assert_int_equal(weir_tcp_close(a, h), WEIR_OK);
    pair_close(p);
}

static void test_what_counts_at_the_beginning_cannot_be_set_later(void **state)
{
    (void)state;
    static const enum weir_tcp_setting begun[] = {WEIR_TCP_MSS_MAX, WEIR_TCP_WINDOW_SCALE,
                                                  WEIR_TCP_TIMESTAMPS, WEIR_TCP_SACK,
                                                  WEIR_TCP_INITIAL_WINDOW};
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    for (unsigned i = 0; i < sizeof begun / sizeof begun[0]; i++) {
        uint32_t value = begun[i] == WEIR_TCP_MSS_MAX ? 1000 : 1;
        assert_int_equal(weir_tcp_set(p->side[1].stack, c.listener, begun[i], value),
                         WEIR_OK); /* for those to come */
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(weir_tcp_set(p->side[k].stack, c.h[k], begun[i], value),
                             WEIR_E_INVALID);
    }
    assert_int_equal(weir_tcp_set(p->side[0].stack, c.h[0], WEIR_TCP_NODELAY, 1), WEIR_OK);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_a_listener_hands_its_settings_down(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *b = p->side[1].stack;
    struct pair_conn c = {.listener = pair_endpoint(p, 1, 80)};
    assert_int_equal(weir_tcp_set(b, c.listener, WEIR_TCP_NODELAY, 1), WEIR_OK);
    assert_int_equal(weir_tcp_set(b, c.listener, WEIR_TCP_TTL, 9), WEIR_OK);
    assert_int_equal(weir_tcp_listen(b, c.listener, 1), WEIR_OK);
    c.h[0] = pair_endpoint(p, 0, 0);
    pair_begin(p, c.h[0], "10.0.0.2", 80);
    pair_run(p, 100 * MS);
    assert_int_equal(weir_tcp_accept(b, c.listener, 0, &c.h[1]), WEIR_OK);
    uint32_t value;
    assert_int_equal(weir_tcp_get(b, c.h[1], WEIR_TCP_NODELAY, &value), WEIR_OK);
    assert_int_equal(value, 1);
    assert_int_equal(weir_tcp_get(b, c.h[1], WEIR_TCP_TTL, &value), WEIR_OK);
    assert_int_equal(value, 9);
    pair_abort_all(p, &c);
    pair_close(p);
}

/* ---- connecting, listening, accepting ---- */

static void test_connect_checks_the_remote(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    weir_handle h = pair_endpoint(p, 0, 0);
    struct weir_addr good = pair_addr("10.0.0.2");
    /* Groups, broadcasts, nobody (MUST-46). */
    static const char *const bad[] = {"::",       "0.0.0.0",         "224.0.0.1", "ff02::1",
                                      "10.0.0.255", "255.255.255.255", "240.0.0.1"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct weir_addr remote = pair_addr(bad[i]);
        assert_int_equal(weir_tcp_connect(a, h, &remote, 80), WEIR_E_INVALID);
    }
    struct weir_addr far_away = pair_addr("192.0.2.1"), loop = pair_addr("127.0.0.1");
    assert_int_equal(weir_tcp_connect(a, h, &far_away, 80), WEIR_E_UNREACHABLE);
    assert_int_equal(weir_tcp_connect(a, h, &loop, 80), WEIR_E_UNREACHABLE);
    assert_int_equal(weir_tcp_connect(a, h, &good, 0), WEIR_E_INVALID);
    assert_int_equal(weir_tcp_connect(a, h, NULL, 80), WEIR_E_INVALID);
    assert_int_equal(weir_tcp_connect(a, h, &good, 80), WEIR_OK);
    assert_int_equal(weir_tcp_connect(a, h, &good, 80), WEIR_E_INVALID); /* not CLOSED any more */
    assert_int_equal(weir_tcp_listen(a, h, 1), WEIR_E_INVALID);
    assert_int_equal(weir_tcp_abort(a, h), WEIR_OK);

    struct weir_tcp_config config = {.size = sizeof config, .address = pair_addr("10.0.0.1")};
    struct weir_addr six = pair_addr("2001:db8::2"), own = pair_addr("10.0.0.1");
    config.port = 99;
    assert_int_equal(weir_tcp_open(a, &config, &h), WEIR_OK);
    assert_int_equal(weir_tcp_connect(a, h, &six, 80), WEIR_E_INVALID); /* families differ */
    /* ATK-SYN-18: to itself. */
    assert_int_equal(weir_tcp_connect(a, h, &own, 99), WEIR_E_INVALID);
    assert_int_equal(weir_tcp_close(a, h), WEIR_OK);
    pair_close(p);
}

static void test_one_tuple_is_one_connection(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    struct weir_tcp_config config = {.size = sizeof config, .port = 5000, .reuse = true};
    struct weir_addr b = pair_addr("10.0.0.2");
    weir_handle first, second;
    assert_int_equal(weir_tcp_open(a, &config, &first), WEIR_OK);
    assert_int_equal(weir_tcp_open(a, &config, &second), WEIR_OK);
    assert_int_equal(weir_tcp_connect(a, first, &b, 80), WEIR_OK);
    assert_int_equal(weir_tcp_connect(a, second, &b, 80), WEIR_E_EXISTS);
    assert_int_equal(weir_tcp_connect(a, second, &b, 81), WEIR_OK);
    assert_int_equal(weir_tcp_abort(a, first), WEIR_OK);
    assert_int_equal(weir_tcp_abort(a, second), WEIR_OK);
    pair_close(p);
}

static void test_nobody_listens_is_refused(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    weir_handle h = pair_endpoint(p, 0, 0);
    pair_begin(p, h, "10.0.0.2", 80);
    assert_int_equal(pair_state(p, 0, h), WEIR_TCP_SYN_SENT);
    pair_run(p, 100 * MS);
    struct pair_told told = pair_told(p, 0, h);
    assert_int_equal(told.bits, WEIR_EVENT_CLOSED);
    assert_int_equal(told.error, WEIR_E_REFUSED);
    assert_int_equal(weir_tcp_ready(a, h) & (WEIR_EVENT_READABLE | WEIR_EVENT_WRITABLE),
                     WEIR_EVENT_READABLE | WEIR_EVENT_WRITABLE);
    /* Told once. */
    assert_int_equal(weir_tcp_send(a, h, "x", 1, 0), WEIR_E_REFUSED);
    assert_int_equal(weir_tcp_send(a, h, "x", 1, 0), WEIR_E_CLOSED);
    assert_int_equal(weir_tcp_error(a, h), WEIR_OK);
    assert_int_equal(weir_tcp_close(a, h), WEIR_OK);
    pair_close(p);
}

static void test_a_connection_is_accepted_and_talks_both_ways(void **state)
{
    (void)state;
    static const char *const to[] = {"10.0.0.2", "2001:db8::2"};
    for (unsigned i = 0; i < 2; i++) {
        struct pair *p = pair_open();
        weir_stack *b = p->side[1].stack;
        struct pair_conn c = {.listener = pair_listen(p, 1, 80, 8)};
        assert_int_equal(weir_tcp_accept(b, c.listener, 0, &c.h[1]), WEIR_E_WOULD_BLOCK);
        c.h[0] = pair_endpoint(p, 0, 0);
        pair_begin(p, c.h[0], to[i], 80);
        pair_run(p, 100 * MS);
        assert_true((pair_told(p, 0, c.h[0]).bits & WEIR_EVENT_CONNECTED) != 0);
        assert_int_equal(pair_told(p, 1, c.listener).bits, WEIR_EVENT_ACCEPTED);
        assert_int_equal(weir_tcp_ready(b, c.listener), WEIR_EVENT_ACCEPTED);
        assert_int_equal(weir_tcp_accept(b, c.listener, 42, &c.h[1]), WEIR_OK);
        assert_int_equal(weir_tcp_ready(b, c.listener), 0);
        struct pair_told told = pair_told(p, 1, c.h[1]);
        assert_int_equal(told.bits, WEIR_EVENT_CONNECTED);
        assert_int_equal(told.user, 42);
        assert_int_equal(pair_send(p, 0, &c, "to the server", 0), 13);
        assert_int_equal(pair_send(p, 1, &c, "to the client", 0), 13);
        pair_run(p, 100 * MS);
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(pair_told(p, k, c.h[k]).bits, WEIR_EVENT_READABLE);
        pair_expect(p, 1, &c, "to the server");
        pair_expect(p, 0, &c, "to the client");
        pair_abort_all(p, &c);
        pair_close(p);
    }
}

static void test_what_happened_before_accept_is_told_after_it(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    struct pair_conn c = {.listener = pair_listen(p, 1, 80, 8)};
    c.h[0] = pair_endpoint(p, 0, 0);
    pair_begin(p, c.h[0], "10.0.0.2", 80);
    assert_int_equal(pair_send(p, 0, &c, "early", WEIR_TCP_END), 5); /* before it is connected */
    pair_run(p, S);
    assert_int_equal(p->side[1].told_count, 1); /* of the listener alone */
    assert_int_equal(weir_tcp_accept(b, c.listener, 3, &c.h[1]), WEIR_OK);
    struct pair_told told = pair_told(p, 1, c.h[1]);
    assert_int_equal(told.bits,
                     WEIR_EVENT_CONNECTED | WEIR_EVENT_READABLE | WEIR_EVENT_PEER_CLOSED);
    pair_expect(p, 1, &c, "early");
    char byte;
    assert_int_equal(weir_tcp_receive(b, c.h[1], &byte, 1, 0), 0); /* the end */
    assert_int_equal(weir_tcp_send(a, c.h[0], "x", 1, 0), WEIR_E_CLOSED);
    assert_int_equal(weir_tcp_close(a, c.h[0]), WEIR_OK);
    assert_int_equal(weir_tcp_close(b, c.h[1]), WEIR_OK);
    assert_int_equal(weir_tcp_close(b, c.listener), WEIR_OK);
    pair_close(p);
}

static void test_a_reset_before_accept_is_told_after_it(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *b = p->side[1].stack;
    struct pair_conn c = {.listener = pair_listen(p, 1, 80, 8)};
    c.h[0] = pair_endpoint(p, 0, 0);
    pair_begin(p, c.h[0], "10.0.0.2", 80);
    pair_run(p, S);
    assert_int_equal(weir_tcp_abort(p->side[0].stack, c.h[0]), WEIR_OK);
    pair_run(p, S);
    assert_int_equal(weir_tcp_accept(b, c.listener, 3, &c.h[1]), WEIR_OK);
    struct pair_told told = pair_told(p, 1, c.h[1]);
    assert_int_equal(told.bits & WEIR_EVENT_CLOSED, WEIR_EVENT_CLOSED);
    assert_int_equal(told.error, WEIR_E_RESET);
    char byte;
    assert_int_equal(weir_tcp_receive(b, c.h[1], &byte, 1, 0), WEIR_E_RESET);
    assert_int_equal(weir_tcp_receive(b, c.h[1], &byte, 1, 0), WEIR_E_CLOSED);
    assert_int_equal(weir_tcp_close(b, c.h[1]), WEIR_OK);
    assert_int_equal(weir_tcp_close(b, c.listener), WEIR_OK);
    pair_close(p);
}

static void test_a_listener_that_closes_resets_who_waits(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_handle listener = pair_listen(p, 1, 80, 8), h = pair_endpoint(p, 0, 0);
    pair_begin(p, h, "10.0.0.2", 80);
    pair_run(p, 100 * MS);
    (void)pair_told(p, 0, h);
    assert_int_equal(weir_tcp_close(p->side[1].stack, listener), WEIR_OK);
    assert_int_equal(p->side[1].stack->tcp.conns.in_use, 1); /* until its CLOSED is read */
    pair_run(p, 100 * MS);
    assert_int_equal(pair_told(p, 0, h).error, WEIR_E_RESET);
    assert_int_equal(weir_tcp_close(p->side[0].stack, h), WEIR_OK);
    pair_close(p);
}

static void test_a_listener_neither_sends_nor_receives(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *b = p->side[1].stack;
    weir_handle listener = pair_listen(p, 1, 80, 0), fresh = pair_endpoint(p, 1, 0), more;
    weir_handle both[2] = {listener, fresh};
    char byte;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(weir_tcp_send(b, both[i], "x", 1, 0), WEIR_E_NOT_CONNECTED);
        assert_int_equal(weir_tcp_receive(b, both[i], &byte, 1, 0), WEIR_E_NOT_CONNECTED);
        assert_int_equal(weir_tcp_shutdown(b, both[i], WEIR_TCP_SHUT_SEND), WEIR_E_NOT_CONNECTED);
        assert_int_equal(weir_tcp_at_mark(b, both[i]), WEIR_E_NOT_CONNECTED);
    }
    assert_int_equal(weir_tcp_listen(b, fresh, 1), WEIR_E_INVALID); /* it has no port */
    assert_int_equal(weir_tcp_accept(b, fresh, 0, &more), WEIR_E_INVALID);
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_info(b, listener, &info), WEIR_OK);
    assert_int_equal(info.accept_queue_max, 1); /* 0 counts as 1 */
    assert_int_equal(weir_tcp_listen(b, listener, 5), WEIR_OK);
    assert_int_equal(weir_tcp_info(b, listener, &info), WEIR_OK);
    assert_int_equal(info.accept_queue_max, 5);
    assert_int_equal(weir_tcp_close(b, listener), WEIR_OK);
    assert_int_equal(weir_tcp_close(b, fresh), WEIR_OK);
    pair_close(p);
}

/* ---- sending and receiving ---- */

static void test_a_full_buffer_blocks_until_a_third_is_free(void **state)
{
    (void)state;
    static uint8_t bytes[10000], got[20000];
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_set(a, c.h[0], WEIR_TCP_SEND_BYTES_MAX, 6000), WEIR_OK);
    assert_int_equal(weir_tcp_send(a, c.h[0], bytes, sizeof bytes, 0), 6000);
    assert_int_equal(weir_tcp_ready(a, c.h[0]) & WEIR_EVENT_WRITABLE, 0);
    assert_int_equal(weir_tcp_send(a, c.h[0], bytes, 1, 0), WEIR_E_WOULD_BLOCK);
    assert_int_equal(pair_told(p, 0, c.h[0]).bits & WEIR_EVENT_WRITABLE, 0);
    pair_run(p, S);
    assert_int_equal(pair_told(p, 0, c.h[0]).bits, WEIR_EVENT_WRITABLE);
    assert_int_equal(weir_tcp_receive(b, c.h[1], got, sizeof got, 0), 6000);
    /* Nobody was refused: nobody is told. */
    assert_int_equal(weir_tcp_send(a, c.h[0], bytes, 6000, 0), 6000);
    pair_run(p, S);
    assert_int_equal(pair_told(p, 0, c.h[0]).bits, 0);
    assert_int_equal(weir_tcp_receive(b, c.h[1], got, sizeof got, 0), 6000);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_writable_is_not_told_for_a_little_room(void **state)
{
    (void)state;
    static uint8_t bytes[60000];
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack;
    struct pair_conn c = pair_connect(p);
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_set(a, c.h[0], WEIR_TCP_SEND_BYTES_MAX, 30000), WEIR_OK);
    assert_int_equal(weir_tcp_send(a, c.h[0], bytes, sizeof bytes, 0), 30000);
    uint32_t freed = 0;
    bool told = false;
    while (!told && freed < 30000) {
        pair_run(p, MS);
        told = (pair_told(p, 0, c.h[0]).bits & WEIR_EVENT_WRITABLE) != 0;
        assert_int_equal(weir_tcp_info(a, c.h[0], &info), WEIR_OK);
        freed = 30000 - (uint32_t)info.send_queue_bytes;
        assert_true(told == (freed >= 10000));
    }
    assert_true(told);
    pair_abort_all(p, &c);
    pair_close(p);
}

/* MUST-39, RFC 9293 3.8.6.2.2: not only when the sender probes. */
static void test_reading_opens_a_closed_window(void **state)
{
    (void)state;
    static uint8_t bytes[100000], got[100000];
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_set(b, c.h[1], WEIR_TCP_RECEIVE_BYTES_MAX, 20000), WEIR_OK);
    size_t sent = 0;
    do {
        int n = weir_tcp_send(a, c.h[0], bytes, sizeof bytes, 0);
        sent += n > 0 ? (size_t)n : 0;
        pair_run(p, 100 * MS);
        assert_int_equal(weir_tcp_info(a, c.h[0], &info), WEIR_OK);
    } while (info.snd_wnd_bytes > 0 && sent < 1000000);
    assert_int_equal(info.snd_wnd_bytes, 0);
    pair_run(p, 30 * S); /* the next probe is far away */
    int before = weir_tcp_receive(b, c.h[1], got, sizeof got, 0);
    assert_true(before > 0);
    pair_run(p, 10 * DELAY);
    assert_true(weir_tcp_receive(b, c.h[1], got, sizeof got, 0) > 5000);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_receive_peeks_and_takes(void **state)
{
    (void)state;
    char bytes[16];
    struct pair *p = pair_open();
    weir_stack *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_receive(b, c.h[1], bytes, sizeof bytes, 0), WEIR_E_WOULD_BLOCK);
    assert_int_equal(weir_tcp_ready(b, c.h[1]), WEIR_EVENT_CONNECTED | WEIR_EVENT_WRITABLE);
    assert_int_equal(pair_send(p, 0, &c, "abcdef", 0), 6);
    pair_run(p, S);
    assert_int_equal(weir_tcp_ready(b, c.h[1]),
                     WEIR_EVENT_CONNECTED | WEIR_EVENT_WRITABLE | WEIR_EVENT_READABLE);
    assert_int_equal(weir_tcp_receive(b, c.h[1], bytes, 4, WEIR_TCP_PEEK), 4);
    assert_memory_equal(bytes, "abcd", 4);
    assert_int_equal(weir_tcp_receive(b, c.h[1], bytes, 4, 0), 4);
    assert_memory_equal(bytes, "abcd", 4);
    assert_int_equal(weir_tcp_receive(b, c.h[1], bytes, 4, 0), 2);
    assert_memory_equal(bytes, "ef", 2);
    assert_int_equal(weir_tcp_receive(b, c.h[1], bytes, 4, 0), WEIR_E_WOULD_BLOCK);
    assert_int_equal(weir_tcp_receive(b, c.h[1], bytes, 4, WEIR_TCP_URGENT), WEIR_E_INVALID);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_the_urgent_octet_is_kept_out_of_the_stream_when_asked(void **state)
{
    (void)state;
    char bytes[16];
    struct pair *p = pair_open();
    weir_stack *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(weir_tcp_set(b, c.h[1], WEIR_TCP_URGENT_INLINE, 0), WEIR_OK);
    assert_int_equal(pair_send(p, 0, &c, "before!", WEIR_TCP_URGENT), 7);
    assert_int_equal(pair_send(p, 0, &c, "after", 0), 5);
    pair_run(p, S);
    assert_true((pair_told(p, 1, c.h[1]).bits & WEIR_EVENT_URGENT) != 0);
    assert_true((weir_tcp_ready(b, c.h[1]) & WEIR_EVENT_URGENT) != 0);
    assert_int_equal(weir_tcp_at_mark(b, c.h[1]), 0);
    pair_expect(p, 1, &c, "before"); /* up to the mark, and not across it */
    assert_int_equal(weir_tcp_at_mark(b, c.h[1]), 1);
    assert_int_equal(weir_tcp_receive(b, c.h[1], bytes, 1, WEIR_TCP_URGENT | WEIR_TCP_PEEK), 1);
    assert_int_equal(weir_tcp_receive(b, c.h[1], bytes, 1, WEIR_TCP_URGENT), 1);
    assert_int_equal(bytes[0], '!');
    assert_int_equal(weir_tcp_ready(b, c.h[1]) & WEIR_EVENT_URGENT, 0);
    assert_int_equal(weir_tcp_receive(b, c.h[1], bytes, 1, WEIR_TCP_URGENT), WEIR_E_INVALID);
    pair_expect(p, 1, &c, "after");
    assert_int_equal(weir_tcp_at_mark(b, c.h[1]), 0);
    assert_int_equal(weir_tcp_ready(b, c.h[1]) & WEIR_EVENT_URGENT, 0);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_the_urgent_octet_stays_in_the_stream_by_default(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    weir_stack *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    assert_int_equal(pair_send(p, 0, &c, "before!", WEIR_TCP_URGENT), 7);
    pair_run(p, S);
    assert_true((pair_told(p, 1, c.h[1]).bits & WEIR_EVENT_URGENT) != 0);
    assert_int_equal(weir_tcp_ready(b, c.h[1]) & WEIR_EVENT_URGENT, WEIR_EVENT_URGENT);
    pair_expect(p, 1, &c, "before!");
    assert_int_equal(weir_tcp_at_mark(b, c.h[1]), 1);
    assert_int_equal(weir_tcp_ready(b, c.h[1]) & WEIR_EVENT_URGENT, 0); /* all of it was read */
    assert_int_equal(pair_send(p, 0, &c, "after", 0), 5);
    pair_run(p, S);
    pair_expect(p, 1, &c, "after");
    assert_int_equal(weir_tcp_at_mark(b, c.h[1]), 0);
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_more_holds_a_small_segment_back(void **state)
{
    (void)state;
    char bytes[16];
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    assert_int_equal(pair_send(p, 0, &c, "one", WEIR_TCP_MORE), 3);
    pair_run(p, 50 * MS);
    assert_int_equal(weir_tcp_receive(p->side[1].stack, c.h[1], bytes, 16, 0), WEIR_E_WOULD_BLOCK);
    assert_int_equal(pair_send(p, 0, &c, "two", 0), 3);
    pair_run(p, 50 * MS);
    pair_expect(p, 1, &c, "onetwo");
    assert_int_equal(pair_send(p, 0, &c, "three", WEIR_TCP_MORE), 5);
    assert_int_equal(pair_send(p, 0, &c, "", 0), 0); /* ends what MORE began */
    pair_run(p, 50 * MS);
    pair_expect(p, 1, &c, "three");
    pair_abort_all(p, &c);
    pair_close(p);
}

/* A probe of a closed window takes an octet that was still to be held back. */
static void test_probes_take_from_what_more_holds_back(void **state)
{
    (void)state;
    static uint8_t bytes[20000], got[20000];
    struct pair *p = pair_open();
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    struct pair_conn c = pair_connect(p);
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_set(b, c.h[1], WEIR_TCP_RECEIVE_BYTES_MAX, 8192), WEIR_OK);
    for (unsigned i = 0; i < 1000; i++) { /* until the window is closed and nothing waits */
        assert_int_equal(weir_tcp_info(a, c.h[0], &info), WEIR_OK);
        size_t n = info.snd_wnd_bytes < 1000 ? info.snd_wnd_bytes : 1000;
        if (n > 0)
            assert_int_equal(weir_tcp_send(a, c.h[0], bytes, n, 0), n);
        pair_run(p, 100 * MS);
    }
    assert_int_equal(info.snd_wnd_bytes, 0);
    assert_int_equal(info.send_queue_bytes, 0);
    assert_int_equal(pair_send(p, 0, &c, "abc", WEIR_TCP_MORE), 3);
    /* An octet of it is on its way as a probe when the window opens. */
    unsigned sent = p->side[0].sent;
    while (p->side[0].sent == sent)
        pair_run(p, MS);
    assert_int_equal(p->side[0].last_len, 1);
    while (weir_tcp_receive(b, c.h[1], got, sizeof got, 0) > 0)
        ;
    pair_run(p, S);
    assert_int_equal(weir_tcp_info(a, c.h[0], &info), WEIR_OK);
    assert_in_range(info.send_queue_bytes, 0, 2);
    assert_int_equal(weir_tcp_send(a, c.h[0], "", 0, 0), 0);
    pair_run(p, S);
    pair_expect(p, 1, &c, "abc");
    pair_abort_all(p, &c);
    pair_close(p);
}

static void test_no_packet_memory_is_an_error_and_not_a_loss(void **state)
{
    (void)state;
    struct weir_config config = pair_config();
    config.packet_memory_kb = 256;
    config.packet_memory_reserve_kb = 64;
    struct pair *p = pair_open_with(&config);
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    struct pair_conn c = {.listener = pair_listen(p, 1, 80, 1), .h[0] = pair_endpoint(p, 0, 0)};
    assert_int_equal(weir_tcp_set(a, c.h[0], WEIR_TCP_TUNE, 0), WEIR_OK); /* takes what there is */
    pair_begin(p, c.h[0], "10.0.0.2", 80);
    pair_run(p, S);
    assert_int_equal(weir_tcp_accept(b, c.listener, 0, &c.h[1]), WEIR_OK);
    static uint8_t bytes[262144], got[262144];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    size_t sent = 0, received = 0;
    bool exhausted = false;
    for (unsigned round = 0; round < 4000 && received < sizeof bytes; round++) {
        int n = weir_tcp_send(a, c.h[0], bytes + sent, sizeof bytes - sent, 0);
        sent += n > 0 ? (size_t)n : 0;
        if (sent < sizeof bytes)
            exhausted =
                weir_tcp_send(a, c.h[0], bytes + sent, 1, 0) == WEIR_E_EXHAUSTED || exhausted;
        pair_run(p, 20 * MS);
        n = weir_tcp_receive(b, c.h[1], got + received, sizeof got - received, 0);
        received += n > 0 ? (size_t)n : 0;
    }
    assert_true(exhausted);
    assert_int_equal(received, sizeof bytes);
    assert_memory_equal(got, bytes, sizeof bytes);
    pair_abort_all(p, &c);
    pair_close(p);
}

/* An echo server writes before it reads on; what others have sent it must not keep it from that. */
static void test_a_server_that_cannot_read_on_before_it_has_sent(void **state)
{
    (void)state;
    enum { CLIENTS = 6, BYTES = 60000 };
    static uint8_t bytes[BYTES], got[BYTES], echo[CLIENTS][2000];
    struct weir_config config = pair_config();
    config.packet_memory_kb = 256;
    config.packet_memory_reserve_kb = 64;
    struct pair *p = pair_open_with(&config);
    weir_stack *a = p->side[0].stack, *b = p->side[1].stack;
    weir_handle listener = pair_listen(p, 1, 80, CLIENTS), h[2][CLIENTS];
    size_t sent[CLIENTS] = {0}, back[CLIENTS] = {0};
    int held[CLIENTS] = {0};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 13 + i / 257);
    for (unsigned i = 0; i < CLIENTS; i++) {
        h[0][i] = pair_endpoint(p, 0, 0);
        pair_begin(p, h[0][i], "10.0.0.2", 80);
        pair_run(p, 100 * MS);
        assert_int_equal(weir_tcp_accept(b, listener, 0, &h[1][i]), WEIR_OK);
    }
    unsigned done = 0;
    for (unsigned round = 0; round < 4000 && done < CLIENTS; round++) {
        done = 0;
        for (unsigned i = 0; i < CLIENTS; i++) {
            int n = weir_tcp_send(a, h[0][i], bytes + sent[i], BYTES - sent[i], 0);
            sent[i] += n > 0 ? (size_t)n : 0;
            n = weir_tcp_receive(a, h[0][i], got, sizeof got, 0);
            if (n > 0)
                assert_memory_equal(got, bytes + back[i], (size_t)n);
            back[i] += n > 0 ? (size_t)n : 0;
            done += back[i] == BYTES;
            if (round < 50)
                continue; /* the server is busy at first */
            if (held[i] == 0)
                held[i] = weir_tcp_receive(b, h[1][i], echo[i], sizeof echo[i], 0);
            n = held[i] > 0 ? weir_tcp_send(b, h[1][i], echo[i], (size_t)held[i], 0) : 0;
            if (n > 0)
                memmove(echo[i], echo[i] + n, (size_t)(held[i] - n));
            held[i] = held[i] > 0 ? held[i] - (n > 0 ? n : 0) : 0;
        }
        pair_run(p, 20 * MS);
    }
    assert_int_equal(done, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        weir_tcp_abort(a, h[0][i]);
        weir_tcp_abort(b, h[1][i]);
    }
    weir_tcp_close(b, listener);
    pair_close(p);
}

/* ---- beside UDP ---- */

static void test_neither_transport_starves_the_other(void **state)
{
    (void)state;
    static uint8_t bytes[200000];
    for (unsigned max = 1; max <= 4; max++) {
        struct pair *p = pair_open();
        weir_stack *a = p->side[0].stack;
        struct pair_conn c = pair_connect(p);
        struct weir_udp_config config = {.size = sizeof config};
        struct weir_addr to = pair_addr("10.0.0.2");
        weir_handle udp;
        assert_int_equal(weir_udp_open(a, &config, &udp), WEIR_OK);
        assert_int_equal(weir_udp_connect(a, udp, &to, 9), WEIR_OK);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(weir_udp_send(a, udp, NULL, bytes, 100), WEIR_OK);
        assert_int_equal(weir_tcp_send(a, c.h[0], bytes, 8 * 1400, 0), 8 * 1400);
        unsigned count[2] = {0, 0}, sent = 0;
        struct weir_tx tx[4];
        while (sent < 8) {
            unsigned n = weir_stack_output(a, 0, tx, max, p->now);
            assert_int_equal(n, max); /* and nothing is left unused */
            for (unsigned i = 0; i < n && sent < 8; i++, sent++)
                count[tx[i].headers[tx[i].header_start + 9] == 6]++;
        }
        assert_true(count[0] >= 2 && count[1] >= 2);
        while (weir_stack_output(a, 0, tx, 4, p->now) > 0)
            ;
        assert_int_equal(weir_udp_close(a, udp), WEIR_OK);
        pair_abort_all(p, &c);
        pair_close(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_checks_its_config),
        cmocka_unit_test(test_endpoints_are_limited_and_handles_become_stale),
        cmocka_unit_test(test_a_stack_for_no_endpoints_has_none),
        cmocka_unit_test(test_a_port_is_shared_only_by_who_says_so),
        cmocka_unit_test(test_settings_have_defaults_and_ranges),
        cmocka_unit_test(test_what_counts_at_the_beginning_cannot_be_set_later),
        cmocka_unit_test(test_a_listener_hands_its_settings_down),
        cmocka_unit_test(test_connect_checks_the_remote),
        cmocka_unit_test(test_one_tuple_is_one_connection),
        cmocka_unit_test(test_nobody_listens_is_refused),
        cmocka_unit_test(test_a_connection_is_accepted_and_talks_both_ways),
        cmocka_unit_test(test_what_happened_before_accept_is_told_after_it),
        cmocka_unit_test(test_a_reset_before_accept_is_told_after_it),
        cmocka_unit_test(test_a_listener_that_closes_resets_who_waits),
        cmocka_unit_test(test_a_listener_neither_sends_nor_receives),
        cmocka_unit_test(test_a_full_buffer_blocks_until_a_third_is_free),
        cmocka_unit_test(test_writable_is_not_told_for_a_little_room),
        cmocka_unit_test(test_reading_opens_a_closed_window),
        cmocka_unit_test(test_receive_peeks_and_takes),
        cmocka_unit_test(test_the_urgent_octet_is_kept_out_of_the_stream_when_asked),
        cmocka_unit_test(test_the_urgent_octet_stays_in_the_stream_by_default),
        cmocka_unit_test(test_more_holds_a_small_segment_back),
        cmocka_unit_test(test_probes_take_from_what_more_holds_back),
        cmocka_unit_test(test_no_packet_memory_is_an_error_and_not_a_loss),
        cmocka_unit_test(test_a_server_that_cannot_read_on_before_it_has_sent),
        cmocka_unit_test(test_neither_transport_starves_the_other),
    };
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
