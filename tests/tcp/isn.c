/* SPDX-License-Identifier: MIT
 * Initial sequence numbers (RFC 6528), ports (RFC 6056) and timestamps (RFC 7323 7.1): what an observer
 * sees of them. The samples are the same in every run, so their statistics are facts, with limits that
 * a good hash keeps for all but one key in a million. */
#include "host.h"

static struct tcp_tuple tuple_of(uint32_t i)
{
    struct tcp_tuple t = {.local = addr("10.0.0.1"),
                          .remote = addr("10.0.0.2"),
                          .local_port = (uint16_t)(32768 + i % 256),
                          .remote_port = (uint16_t)(1 + i / 256)};
    return t;
}

/* Are the samples, of `bits` bits each, evenly spread? Each bit is set in half of them, and no value
 * of the top six bits is far from its share: six standard deviations. */
struct spread {
    uint32_t n, set[32], top[64];
};

static void note(struct spread *s, uint32_t value, unsigned bits)
{
    s->n++;
    for (unsigned i = 0; i < bits; i++)
        s->set[i] += value >> i & 1;
    s->top[value >> (bits - 6)]++;
}

static bool within(uint32_t count, uint32_t expected, uint64_t variance)
{
    int64_t off = (int64_t)count - (int64_t)expected;
    return (uint64_t)(off * off) <= 36 * variance;
}

static void assert_even(const struct spread *s, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++)
        assert_true(within(s->set[i], s->n / 2, s->n / 4));
    for (unsigned i = 0; i < 64; i++)
        assert_true(within(s->top[i], s->n / 64, s->n / 64));
}

enum { SAMPLES = 100000 };

/* ---- initial sequence numbers ---- */

static void test_ATK_INF_01_MUST_8_the_ISN_of_a_tuple_is_a_clock_of_4_us(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct tcp_tuple t = tuple_of(0);
    uint32_t first = tcp_isn(&h->tcp, &t, 0).v;
    assert_int_equal(tcp_isn(&h->tcp, &t, 3999).v, first);
    assert_int_equal(tcp_isn(&h->tcp, &t, 4000).v, first + 1);
    assert_int_equal(tcp_isn(&h->tcp, &t, 1 * S).v, first + 250000);
    /* It comes around in 4.77 hours, and goes on from there. */
    weir_time around = (INT64_C(1) << 32) * 4000;
    assert_int_equal(tcp_isn(&h->tcp, &t, around).v, first);
    assert_int_equal(tcp_isn(&h->tcp, &t, around + 4000).v, first + 1);
    assert_int_equal(tcp_isn(&h->tcp, &t, 20 * 365 * 86400 * S + 8000).v -
                         tcp_isn(&h->tcp, &t, 20 * 365 * 86400 * S).v,
                     2);
    host_close(h);
}

/* MUST-9: who knows the ISNs of some tuples knows nothing of another's: neither values nor differences
 * of neighbours are anywhere denser than elsewhere. */
static void test_ATK_INF_01_MUST_9_the_ISNs_of_different_tuples_are_unrelated(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct spread values = {0}, next_port = {0}, next_host = {0};
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct tcp_tuple t = tuple_of(i), port = t, host = t;
        uint32_t isn = tcp_isn(&h->tcp, &t, h->now).v;
        port.local_port ^= 1;
        host.remote.bytes[15] ^= 1;
        note(&values, isn, 32);
        note(&next_port, tcp_isn(&h->tcp, &port, h->now).v - isn, 32);
        note(&next_host, tcp_isn(&h->tcp, &host, h->now).v - isn, 32);
    }
    assert_even(&values, 32);
    assert_even(&next_host, 32);
    /* Each pair of ports counts twice, once with each sign: the variance doubles. */
    for (unsigned i = 0; i < 64; i++)
        assert_true(within(next_port.top[i], SAMPLES / 64, 2 * SAMPLES / 64));
    host_close(h);
}

static void test_ATK_INF_01_another_secret_gives_other_ISNs(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    struct host *a = host_open_with(&config, 1), *b = host_open_with(&config, 2);
    struct spread differences = {0};
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct tcp_tuple t = tuple_of(i);
        note(&differences, tcp_isn(&a->tcp, &t, a->now).v - tcp_isn(&b->tcp, &t, a->now).v, 32);
    }
    assert_even(&differences, 32);
    host_close(a);
    host_close(b);
}

static void test_ISN_offset_and_table_hash_do_not_tell_of_each_other(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct spread isn_offset = {0}, isn_hash = {0}, offset_hash = {0};
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct tcp_tuple t = tuple_of(i);
        uint32_t isn = tcp_isn(&h->tcp, &t, 0).v, offset = tcp_stamp_offset(&h->tcp, &t);
        uint32_t hash = tcp_tuple_hash(&h->tcp, &t);
        note(&isn_offset, isn ^ offset, 32);
        note(&isn_hash, isn ^ hash, 32);
        note(&offset_hash, offset ^ hash, 32);
    }
    assert_even(&isn_offset, 32);
    assert_even(&isn_hash, 32);
    assert_even(&offset_hash, 32);
    host_close(h);
}

/* ---- timestamps ---- */

static void test_ATK_INF_06_each_tuple_has_an_offset_of_its_own_for_ever(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct spread values = {0}, next = {0};
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct tcp_tuple t = tuple_of(i), host = t;
        uint32_t offset = tcp_stamp_offset(&h->tcp, &t);
        host.remote.bytes[15] ^= 1;
        note(&values, offset, 32);
        note(&next, offset - tcp_stamp_offset(&h->tcp, &host), 32);
    }
    assert_even(&values, 32);
    assert_even(&next, 32);
    struct tcp_tuple t = tuple_of(9);
    uint32_t offset = tcp_stamp_offset(&h->tcp, &t);
    h->now += 86400 * S;
    host_begin(h);
    assert_int_equal(tcp_stamp_offset(&h->tcp, &t), offset); /* monotone across incarnations */
    assert_int_equal(tcp_stamp(offset, h->now + 1 * S) - tcp_stamp(offset, h->now), 1000);
    host_close(h);
}

/* What goes out has it: of two connections made at one time the timestamps say nothing alike. */
static void test_ATK_INF_06_timestamps_on_the_wire_have_the_offset(void **state)
{
    (void)state;
    struct host *h = host_open();
    uint32_t values[8];
    for (unsigned i = 0; i < 8; i++) {
        struct tcp_conn *c = host_get(h, open_on(h, NULL, 0));
        struct weir_addr remote = addr("10.0.0.2");
        assert_int_equal(tcp_connect(&h->tcp, c, &remote, 80), WEIR_OK);
        struct seg s = must_take(h);
        assert_true((s.options.present & TCP_HAS_TIMESTAMPS) != 0);
        struct tcp_tuple t = tcp_conn_tuple(c);
        assert_int_equal(s.options.ts_val,
                         tcp_stamp_offset(&h->tcp, &t) + (uint32_t)(h->now / MS));
        values[i] = s.options.ts_val;
        for (unsigned k = 0; k < i; k++) {
            uint32_t apart = values[i] - values[k];
            assert_true(apart > 10000 && apart < UINT32_MAX - 10000);
        }
    }
    host_close(h);
}

/* RFC 6437 3: one label for a flow, and those of different flows unrelated. */
static void test_ATK_INF_10_flow_labels_are_evenly_spread_and_tell_nothing(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct spread values = {0}, next = {0};
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct tcp_tuple t = tuple_of(i), host = t;
        host.remote.bytes[15] ^= 1;
        uint32_t offset = tcp_stamp_offset(&h->tcp, &t), label = tcp_flow_label(&h->tcp, offset);
        assert_int_equal(tcp_flow_label(&h->tcp, offset), label);
        assert_true(label <= 0xfffff);
        note(&values, label, 20);
        note(&next, (label ^ tcp_flow_label(&h->tcp, tcp_stamp_offset(&h->tcp, &host))) & 0xfffff,
             20);
    }
    assert_even(&values, 20);
    /* Each pair of hosts counts at most twice: the variance doubles. */
    for (unsigned i = 0; i < 64; i++)
        assert_true(within(next.top[i], SAMPLES / 64, 2 * SAMPLES / 64));
    host_close(h);
}

/* ---- ports ---- */

static uint16_t choose(struct host *h, unsigned remote, uint16_t remote_port)
{
    struct tcp_tuple t = {.local = addr("10.0.0.1"),
                          .remote = addr("10.0.0.2"),
                          .remote_port = remote_port};
    store16(t.remote.bytes + 14, (uint16_t)remote);
    uint16_t port = tcp_port_choose(&h->tcp, &t, h->now);
    assert_true(port >= 32768);
    return port;
}

static void test_ATK_INF_03_ports_are_evenly_drawn_to_one_and_to_many(void **state)
{
    (void)state;
    struct host *h = host_open();
    for (unsigned many = 0; many < 2; many++) {
        struct spread values = {0}, steps = {0};
        uint16_t last = choose(h, 1, 80);
        for (uint32_t i = 0; i < SAMPLES; i++) {
            uint16_t port = choose(h, many != 0 ? i % 1000 : 1, 80);
            note(&values, port & 32767U, 15);
            note(&steps, (uint32_t)(port - last) & 32767U, 15);
            last = port;
        }
        assert_even(&values, 15);
        assert_even(&steps, 15);
    }
    host_close(h);
}

/* An observer who bets on the commonest step so far (as of a counter that goes on by one or two) is no
 * better off than by chance: 100,000 bets at 1 in 32,768 win 3 times. */
static void test_ATK_INF_03_the_next_port_does_not_follow_from_the_last(void **state)
{
    (void)state;
    static uint32_t steps[32768];
    struct host *h = host_open();
    uint16_t last = choose(h, 1, 80);
    unsigned best = 0, won = 0, small = 0;
    memset(steps, 0, sizeof steps);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        uint16_t port = choose(h, 1, 80);
        unsigned step = (unsigned)(port - last) & 32767;
        won += i > 0 && step == best;
        small += step >= 1 && step <= 16;
        if (++steps[step] > steps[best])
            best = step;
        last = port;
    }
    assert_true(won <= 15);                   /* expected 3; P(more than 15) < 10^-6 */
    assert_true(small > 10 && small < 100);   /* expected 49 */
    host_close(h);
}

static void test_another_secret_draws_other_ports(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    struct host *a = host_open_with(&config, 1), *b = host_open_with(&config, 2);
    unsigned same = 0;
    for (unsigned i = 0; i < 1000; i++)
        same += choose(a, 1, 80) == choose(b, 1, 80);
    assert_true(same <= 2);
    host_close(a);
    host_close(b);
}

/* A record in TIME-WAIT for port `i` of those that can be drawn. */
static struct tcp_wait *make_wait(struct host *h, uint32_t i)
{
    struct tcp_wait *w = pool_at(&h->tcp.waits, pool_take(&h->tcp.waits));
    struct tcp_tuple t = {.local = addr("10.0.0.1"),
                          .remote = addr("10.0.0.1"),
                          .local_port = (uint16_t)(32768 + i),
                          .remote_port = 80};
    *w = (struct tcp_wait){.local = t.local,
                           .remote = t.remote,
                           .local_port = t.local_port,
                           .remote_port = t.remote_port,
                           .expires_ms = tcp_ms(h->now) + 60000};
    tcp_table_add(&h->tcp, tcp_tuple_hash(&h->tcp, &t),
                  (struct tcp_found){TCP_KIND_WAIT, pool_index(&h->tcp.waits, w)});
    return w;
}

static void test_ATK_SYN_23_when_all_tuples_exist_there_is_no_port(void **state)
{
    (void)state;
    enum { ALL = 32768 };
    struct weir_config config = host_config();
    config.tcp_time_wait_max = ALL;
    struct host *h = host_open_with(&config, 1);
    struct tcp_tuple t = {
        .local = addr("10.0.0.1"), .remote = addr("10.0.0.1"), .remote_port = 80};
    struct tcp_wait *waits[3] = {NULL};
    for (uint32_t i = 0; i < ALL; i++) {
        struct tcp_wait *w = make_wait(h, i);
        if (i % 10000 == 1)
            waits[i / 10000 % 3] = w;
    }
    assert_int_equal(tcp_port_choose(&h->tcp, &t, h->now), 0);
    t.remote_port = 81; /* to anybody else there are all */
    assert_true(tcp_port_choose(&h->tcp, &t, h->now) >= 32768);
    t.remote_port = 80;

    /* One that may be taken over counts as free when nothing else is. */
    waits[0]->timestamps = true;
    waits[0]->expires_ms = tcp_ms(h->now) + 60000 - 2000;
    assert_int_equal(tcp_port_choose(&h->tcp, &t, h->now), waits[0]->local_port);
    /* A port that somebody asked for is not drawn. */
    open_on(h, NULL, waits[0]->local_port);
    assert_int_equal(tcp_port_choose(&h->tcp, &t, h->now), 0);
    /* One that is free is found, wherever it is. */
    struct tcp_tuple gone = {waits[1]->local, waits[1]->remote, waits[1]->local_port, 80};
    tcp_table_remove(&h->tcp, tcp_tuple_hash(&h->tcp, &gone),
                     (struct tcp_found){TCP_KIND_WAIT, pool_index(&h->tcp.waits, waits[1])});
    assert_int_equal(tcp_port_choose(&h->tcp, &t, h->now), gone.local_port);
    for (uint32_t i = 0; i < ALL; i++) {
        struct tcp_wait *w = pool_at(&h->tcp.waits, i);
        struct tcp_tuple tuple = {w->local, w->remote, w->local_port, w->remote_port};
        if (w != waits[1])
            tcp_table_remove(&h->tcp, tcp_tuple_hash(&h->tcp, &tuple),
                             (struct tcp_found){TCP_KIND_WAIT, i});
        pool_give(&h->tcp.waits, i);
    }
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ATK_INF_01_MUST_8_the_ISN_of_a_tuple_is_a_clock_of_4_us),
        cmocka_unit_test(test_ATK_INF_01_MUST_9_the_ISNs_of_different_tuples_are_unrelated),
        cmocka_unit_test(test_ATK_INF_01_another_secret_gives_other_ISNs),
        cmocka_unit_test(test_ISN_offset_and_table_hash_do_not_tell_of_each_other),
        cmocka_unit_test(test_ATK_INF_06_each_tuple_has_an_offset_of_its_own_for_ever),
        cmocka_unit_test(test_ATK_INF_06_timestamps_on_the_wire_have_the_offset),
        cmocka_unit_test(test_ATK_INF_10_flow_labels_are_evenly_spread_and_tell_nothing),
        cmocka_unit_test(test_ATK_INF_03_ports_are_evenly_drawn_to_one_and_to_many),
        cmocka_unit_test(test_ATK_INF_03_the_next_port_does_not_follow_from_the_last),
        cmocka_unit_test(test_another_secret_draws_other_ports),
        cmocka_unit_test(test_ATK_SYN_23_when_all_tuples_exist_there_is_no_port),
    };
    return cmocka_run_group_tests_name("isn", tests, NULL, NULL);
}
