/* SPDX-License-Identifier: MIT
 * Quiet time (RFC 9293 3.4.3): a TCP that lost its memory of sequence numbers sends nothing for a
 * maximum segment lifetime, and then goes on by itself. */
#include "pair.h"

enum { QUIET_MS = 120000 };

/* Side 1 is quiet from now on, side 0 is not: it is older. */
static struct pair *open_quiet(uint32_t quiet_ms)
{
    struct weir_config config = pair_config();
    struct pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->now = 1000 * S;
    p->link = WEIR_LINK_IP;
    pair_side_open(p, 0, &config);
    config.tcp_quiet_ms = quiet_ms;
    pair_side_open(p, 1, &config);
    pair_run(p, 0);
    return p;
}

static struct weir_tcp_stats stats_of(struct pair *p, unsigned k)
{
    struct weir_tcp_stats stats;
    weir_tcp_stats(p->side[k].stack, &stats);
    return stats;
}

static void begin(struct pair *p, unsigned k, weir_handle handle, const char *to)
{
    struct weir_addr remote = pair_addr(to);
    assert_int_equal(weir_tcp_connect(p->side[k].stack, handle, &remote, 80), WEIR_OK);
}

static void test_UN_13_a_SYN_waits_for_the_end_of_quiet_time(void **state)
{
    (void)state;
    struct pair *p = open_quiet(QUIET_MS);
    weir_handle l = pair_listen(p, 0, 80, 4), h = pair_endpoint(p, 1, 0), a;
    begin(p, 1, h, "10.0.0.1");
    pair_run(p, QUIET_MS * MS - 1);
    assert_int_equal(p->side[1].sent, 0);
    assert_int_equal(pair_state(p, 1, h), WEIR_TCP_SYN_SENT);
    pair_run(p, 1);
    assert_int_equal(p->side[1].sent, 1);
    assert_int_equal(p->side[1].last.flags, TCP_SYN);
    pair_run(p, 100 * MS);
    assert_true((pair_told(p, 1, h).bits & WEIR_EVENT_CONNECTED) != 0);
    assert_int_equal(weir_tcp_accept(p->side[0].stack, l, 0, &a), WEIR_OK);
    weir_tcp_abort(p->side[1].stack, h);
    pair_run(p, S);
    weir_tcp_close(p->side[0].stack, a);
    weir_tcp_close(p->side[0].stack, l);
    pair_close(p);
}

/* SYNs come again: the connection is made when quiet time is over. */
static void test_SYNs_are_dropped_in_silence(void **state)
{
    (void)state;
    struct pair *p = open_quiet(20000);
    weir_handle l = pair_listen(p, 1, 80, 4), h = pair_endpoint(p, 0, 0), a;
    begin(p, 0, h, "10.0.0.2");
    pair_run(p, 20 * S - 1);
    assert_int_equal(p->side[1].sent, 0);
    uint64_t held = stats_of(p, 1).quiet_held;
    assert_int_equal(held, p->side[0].sent);
    assert_true(held >= 4); /* after 0, 1, 3, 7 and 15 s */
    struct weir_stats stats;
    assert_int_equal(weir_stack_stats(p->side[1].stack, 0, &stats), WEIR_OK);
    assert_int_equal(stats.drop[WEIR_DROP_TCP_QUIET], held);
    assert_int_equal(pair_state(p, 0, h), WEIR_TCP_SYN_SENT);
    pair_run(p, 30 * S);
    assert_int_equal(stats_of(p, 1).quiet_held, held);
    assert_int_equal(pair_state(p, 0, h), WEIR_TCP_ESTABLISHED);
    assert_int_equal(weir_tcp_accept(p->side[1].stack, l, 0, &a), WEIR_OK);
    weir_tcp_abort(p->side[0].stack, h);
    pair_run(p, S);
    weir_tcp_close(p->side[1].stack, a);
    weir_tcp_close(p->side[1].stack, l);
    pair_close(p);
}

/* A connection of the life before: its segments are not answered, not with a reset either, until quiet
 * time is over; then they are. */
static void test_NF_25_old_connections_are_not_answered_and_then_reset(void **state)
{
    (void)state;
    struct weir_config config = pair_config();
    struct pair *p = pair_open_with(&config);
    struct pair_conn c = pair_connect(p);
    free(p->side[1].mem); /* it dies, and is there again at once */
    config.tcp_quiet_ms = 30000;
    pair_side_open(p, 1, &config);
    unsigned sent = p->side[1].sent;
    assert_int_equal(pair_send(p, 0, &c, "hello", 0), 5);
    pair_run(p, 30 * S - 1);
    assert_int_equal(p->side[1].sent, sent);
    assert_true(stats_of(p, 1).quiet_held >= 5);
    assert_int_equal(stats_of(p, 1).resets_out, 0);
    assert_int_equal(pair_state(p, 0, c.h[0]), WEIR_TCP_ESTABLISHED);
    pair_run(p, 60 * S);
    assert_int_equal(stats_of(p, 1).resets_out, 1);
    struct pair_told told = pair_told(p, 0, c.h[0]);
    assert_true((told.bits & WEIR_EVENT_CLOSED) != 0);
    assert_int_equal(told.error, WEIR_E_RESET);
    weir_tcp_close(p->side[0].stack, c.h[0]);
    pair_close(p);
}

/* Asking again and again gives nothing to do, and no other time. */
static void test_nothing_spins_meanwhile(void **state)
{
    (void)state;
    struct pair *p = open_quiet(QUIET_MS);
    weir_stack *stack = p->side[1].stack;
    weir_handle h = pair_endpoint(p, 1, 0);
    struct weir_tx tx[4];
    begin(p, 1, h, "10.0.0.1");
    for (unsigned i = 0; i < 1000; i++) {
        weir_time now = p->now + i * MS;
        assert_int_equal(weir_stack_output(stack, 0, tx, 4, now), 0);
        weir_stack_advance(stack, now);
        assert_true(weir_stack_deadline(stack) > now);
    }
    /* Woken a few times (the wheel has levels), and at the very time. */
    weir_time end = p->now + QUIET_MS * MS;
    unsigned woken = 0;
    for (p->now += S; p->now < end; woken++) {
        p->now = weir_stack_deadline(stack);
        weir_stack_advance(stack, p->now);
    }
    assert_in_range(p->now, end, end + WHEEL_TICK_NS);
    assert_in_range(woken, 1, 8);
    assert_int_equal(weir_stack_output(stack, 0, tx, 4, p->now), 1);
    weir_tcp_abort(stack, h);
    pair_close(p);
}

static void test_output_needs_no_advance_at_the_end(void **state)
{
    (void)state;
    struct pair *p = open_quiet(QUIET_MS);
    weir_handle h = pair_endpoint(p, 1, 0);
    struct weir_tx tx;
    begin(p, 1, h, "10.0.0.1");
    p->now += QUIET_MS * MS - 1;
    assert_int_equal(weir_stack_output(p->side[1].stack, 0, &tx, 1, p->now), 0);
    p->now++;
    assert_int_equal(weir_stack_output(p->side[1].stack, 0, &tx, 1, p->now), 1);
    weir_tcp_abort(p->side[1].stack, h);
    pair_close(p);
}

/* Given up before anything was sent: nothing is ever sent. */
static void test_what_ends_in_quiet_time_leaves_no_trace(void **state)
{
    (void)state;
    struct pair *p = open_quiet(QUIET_MS);
    weir_handle h = pair_endpoint(p, 1, 0);
    begin(p, 1, h, "10.0.0.1");
    pair_run(p, S);
    weir_tcp_close(p->side[1].stack, h);
    pair_run(p, 2 * QUIET_MS * MS);
    assert_int_equal(p->side[1].sent, 0);
    pair_close(p);
}

static void test_by_default_there_is_none(void **state)
{
    (void)state;
    struct weir_config config;
    weir_config_default(&config);
    assert_int_equal(config.tcp_quiet_ms, 0);
    struct pair *p = open_quiet(0);
    weir_handle h = pair_endpoint(p, 1, 0);
    begin(p, 1, h, "10.0.0.1");
    pair_run(p, 1);
    assert_int_equal(p->side[1].sent, 1);
    weir_tcp_abort(p->side[1].stack, h);
    pair_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_UN_13_a_SYN_waits_for_the_end_of_quiet_time),
        cmocka_unit_test(test_SYNs_are_dropped_in_silence),
        cmocka_unit_test(test_NF_25_old_connections_are_not_answered_and_then_reset),
        cmocka_unit_test(test_nothing_spins_meanwhile),
        cmocka_unit_test(test_output_needs_no_advance_at_the_end),
        cmocka_unit_test(test_what_ends_in_quiet_time_leaves_no_trace),
        cmocka_unit_test(test_by_default_there_is_none),
    };
    return cmocka_run_group_tests_name("quiet", tests, NULL, NULL);
}
