/* SPDX-License-Identifier: MIT
 * The room as a whole: its memory, and that tcp_invariants() notices what is wrong. */
#include "pair.h"

static void test_memory_grows_with_every_limit(void **state)
{
    (void)state;
    struct weir_config config = pair_config();
    size_t base = tcp_size(&config);
    assert_true(base > 0);
    uint32_t *const limits[] = {&config.tcp_endpoints_max, &config.tcp_flights_max,
                                &config.tcp_syn_received_max, &config.tcp_time_wait_max,
                                &config.ranges_max, &config.interfaces_max};
    for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        uint32_t before = *limits[i];
        *limits[i] = before + 16;
        assert_true(tcp_size(&config) > base);
        *limits[i] = before;
    }
    /* None of a kind is allowed where 0 is in range. */
    config.tcp_endpoints_max = config.tcp_flights_max = 0;
    assert_true(tcp_size(&config) > 0 && tcp_size(&config) < base);
}

/* What a connection costs that is idle, and one in TIME-WAIT. */
static void test_idle_connections_are_small(void **state)
{
    (void)state;
    enum { MORE = 1 << 20 }; /* where the size of the maps is a power of two, too */
    struct weir_config config = pair_config();
    config.tcp_endpoints_max = config.tcp_time_wait_max = config.tcp_syn_received_max = 8;
    size_t base = tcp_size(&config);
    config.tcp_endpoints_max = MORE;
    config.tcp_accounts_max = 8;
    size_t bare = tcp_size(&config);
    if (sizeof(void *) == 8)
        assert_in_range((bare - base) / MORE, 488, 520);
    config.tcp_accounts_max = MORE;
    assert_in_range((tcp_size(&config) - bare) / MORE, 80, 96);
    config.tcp_endpoints_max = 8;
    config.tcp_time_wait_max = MORE;
    assert_in_range((tcp_size(&config) - base) / MORE, 72, 100);
}

static void test_timers_of_other_rooms_are_left_alone(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct net_timer timer = {.kind = NET_TIMER_NEIGHBOUR};
    assert_false(tcp_expire(&p->side[0].stack->tcp, &timer, p->now));
    pair_close(p);
}

/* Each breaks one thing in an established connection that has something in each of its queues. */
static void break_connection(struct tcp_room *tcp, struct tcp_conn *c, unsigned i)
{
    switch (i) {
    case 0: c->snd_una = c->snd_max + 1; break;              /* I-01 */
    case 1: c->snd_nxt = c->snd_max + 1; break;              /* I-01 */
    case 2: c->snd_max = tcp_snd_end(c) + 1; break;          /* I-01 */
    case 3: c->send.head++; break;                           /* I-18 */
    case 4: c->repair = TCP_REPAIR_NONE; break;              /* I-11 */
    case 5: c->repair_at = WEIR_TIME_NEVER; break;           /* I-11 */
    case 6: c->cc.cwnd = 0; break;                           /* I-07 */
    case 7: c->cc.cwnd = TCP_CWND_MAX + 1; break;            /* I-07 */
    case 8: c->rcv_nxt = c->rcv_edge + 1; break;             /* I-26 */
    case 9: c->rcv_nxt = c->receive.head - 1; break;         /* I-24 */
    case 10: c->in_table = false; break;                     /* I-40 */
    case 11: c->remote_port ^= 1; break;                     /* I-40 */
    case 12: c->promised_kb += 4; break;                     /* I-51 */
    case 13: c->wants_flight = true; break;
    case 14: c->on_ready = true; break;
    case 15: c->fin_queued = true; break;                    /* I-16 */
    case 16: c->fin_received = true; break;
    case 17: c->closed_told = true; break;
    case 18: c->state = WEIR_TCP_CLOSED; break;              /* I-39 */
    case 19: c->state = WEIR_TCP_FIN_WAIT_2; break;
    case 20: c->unpushed = UINT32_MAX; break;
    case 21: c->delack_at = 0; break;                        /* the timer is armed too late */
    case 22: c->flight = TCP_NONE; break;
    case 23: c->listener = tcp_index(c); break;              /* I-41 */
    case 24: tcp->tuples.count++; break;
    default: tcp->want_flight.first = tcp_index(c); break;
    }
}

static void test_what_is_wrong_with_a_connection_is_noticed(void **state)
{
    (void)state;
    enum { BREAKS = 26 };
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    struct tcp_room *tcp = &p->side[0].stack->tcp;
    struct tcp_conn *conn = tcp_get(tcp, c.h[0]);
    assert_non_null(conn);
    assert_int_equal(pair_send(p, 1, &c, "unread", 0), 6);
    pair_run(p, S);
    assert_int_equal(pair_send(p, 0, &c, "outstanding", 0), 11);
    pair_output(p, 0);
    assert_true(tcp_invariants(tcp));
    for (unsigned i = 0; i < BREAKS; i++) {
        struct tcp_conn before = *conn;
        struct tcp_room room = *tcp;
        break_connection(tcp, conn, i);
        if (tcp_invariants(tcp))
            fail_msg("break %u is not noticed", i);
        *conn = before;
        *tcp = room;
        assert_true(tcp_invariants(tcp));
    }
    pair_abort_all(p, &c);
    pair_close(p);
}

/* I-22: what waits for a closed window is watched over. */
static void test_a_closed_window_without_a_timer_is_noticed(void **state)
{
    (void)state;
    static uint8_t bytes[30000];
    struct pair *p = pair_open();
    struct pair_conn c = pair_connect(p);
    struct tcp_conn *conn = tcp_get(&p->side[0].stack->tcp, c.h[0]);
    assert_int_equal(weir_tcp_set(p->side[1].stack, c.h[1], WEIR_TCP_RECEIVE_BYTES_MAX, 2048),
                     WEIR_OK);
    for (unsigned i = 0; i < 20; i++) {
        (void)weir_tcp_send(p->side[0].stack, c.h[0], bytes, sizeof bytes, 0);
        pair_run(p, S);
    }
    assert_int_equal(conn->repair, TCP_REPAIR_PERSIST);
    conn->repair = TCP_REPAIR_NONE;
    assert_false(tcp_invariants(&p->side[0].stack->tcp));
    conn->repair = TCP_REPAIR_PERSIST;
    assert_true(tcp_invariants(&p->side[0].stack->tcp));
    pair_abort_all(p, &c);
    pair_close(p);
}

/* I-41, I-39: the counters of a listener, and the records. */
static void test_what_is_wrong_with_a_listener_is_noticed(void **state)
{
    (void)state;
    struct pair *p = pair_open();
    struct tcp_room *tcp = &p->side[1].stack->tcp;
    weir_handle listener = pair_listen(p, 1, 80, 4), h = pair_endpoint(p, 0, 0);
    struct tcp_conn *l = tcp_get(tcp, listener);
    assert_non_null(l);
    l->listening.waiting++;
    assert_false(tcp_invariants(tcp));
    l->listening.waiting--;
    l->listening.handshakes++;
    assert_false(tcp_invariants(tcp));
    l->listening.handshakes--;
    l->listening.accept_last = 0;
    assert_false(tcp_invariants(tcp));
    l->listening.accept_last = TCP_NONE;
    l->on_port = false;
    assert_false(tcp_invariants(tcp));
    l->on_port = true;
    pair_begin(p, h, "10.0.0.2", 80);
    pair_run(p, DELAY); /* one handshake */
    struct tcp_syn *syn = pool_at(&tcp->syns, 0);
    assert_true(tcp_invariants(tcp));
    syn->remote_port ^= 1;
    assert_false(tcp_invariants(tcp));
    syn->remote_port ^= 1;
    syn->listener = 1;
    assert_false(tcp_invariants(tcp));
    syn->listener = 0;
    assert_true(tcp_invariants(tcp));
    pair_run(p, S);
    assert_int_equal(weir_tcp_abort(p->side[0].stack, h), WEIR_OK);
    assert_int_equal(weir_tcp_close(p->side[1].stack, listener), WEIR_OK);
    pair_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_grows_with_every_limit),
        cmocka_unit_test(test_idle_connections_are_small),
        cmocka_unit_test(test_timers_of_other_rooms_are_left_alone),
        cmocka_unit_test(test_what_is_wrong_with_a_connection_is_noticed),
        cmocka_unit_test(test_a_closed_window_without_a_timer_is_noticed),
        cmocka_unit_test(test_what_is_wrong_with_a_listener_is_noticed),
    };
    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
