/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "tcp/cc.h"

enum { MSS = 1000 };

static struct tcp_cc begun(uint32_t mss)
{
    struct tcp_cc cc;
    cc_init(&cc, mss, 10, false);
    return cc;
}

static void ack(struct tcp_cc *cc, uint32_t bytes, uint32_t mss, bool limited)
{
    cc_acked(cc, &(struct tcp_cc_ack){
                     .acked = bytes, .flight = cc->cwnd, .mss = mss, .cwnd_limited = limited});
}

/* RFC 6928 2: min (10*MSS, max (2*MSS, 14600)). */
static void test_the_initial_window_is_that_of_rfc_6928(void **state)
{
    (void)state;
    static const uint32_t expected[][2] = {{48, 480},      {536, 5360},   {1220, 12200},
                                           {1459, 14590},  {1460, 14600}, {1461, 14600},
                                           {7299, 14600},  {7300, 14600}, {7301, 14602},
                                           {65495, 130990}};
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct tcp_cc cc = begun(expected[i][0]);
        assert_int_equal(cc.cwnd, expected[i][1]);
        assert_int_equal(cc.ssthresh, TCP_SSTHRESH_NONE);
        assert_int_equal(cc.acked, 0);
    }
}

static void test_the_initial_window_can_be_set_lower(void **state)
{
    (void)state;
    struct tcp_cc cc;
    for (unsigned segments = 1; segments <= 10; segments++) {
        cc_init(&cc, MSS, segments, false);
        assert_int_equal(cc.cwnd, segments * MSS);
    }
    cc_init(&cc, 9000, 10, false);
    assert_int_equal(cc.cwnd, 18000); /* the rule is the lower one here */
    cc_init(&cc, MSS, 0, false);
    assert_int_equal(cc.cwnd, MSS);
}

/* RFC 5681 3.1: "If the SYN or SYN/ACK is lost, the initial window [...] MUST be one segment". */
static void test_after_a_lost_SYN_the_initial_window_is_one_segment(void **state)
{
    (void)state;
    struct tcp_cc cc;
    cc_init(&cc, MSS, 10, true);
    assert_int_equal(cc.cwnd, MSS);
}

/* RFC 5681 equation 2: cwnd += min (N, SMSS), of each segment that is acknowledged. */
static void test_slow_start_doubles_in_a_round_trip(void **state)
{
    (void)state;
    struct tcp_cc cc = begun(MSS);
    for (unsigned round = 0; round < 5; round++) {
        uint32_t before = cc.cwnd;
        for (uint32_t left = before; left > 0; left -= MSS)
            ack(&cc, MSS, MSS, true);
        assert_int_equal(cc.cwnd, 2 * before);
    }
}

static void test_one_ACK_for_many_segments_counts_as_one_for_each(void **state)
{
    (void)state;
    struct tcp_cc cc = begun(MSS);
    ack(&cc, 10 * MSS, MSS, true);
    assert_int_equal(cc.cwnd, 20 * MSS);
}

static void test_ATK_ACK_02_dividing_an_ACK_gains_nothing(void **state)
{
    (void)state;
    struct tcp_cc cc = begun(MSS);
    for (unsigned i = 0; i < MSS; i++)
        ack(&cc, 1, MSS, true);
    assert_int_equal(cc.cwnd, 11 * MSS);
}

/* RFC 5681 3.1: one SMSS a round trip, by counting bytes. */
static void test_avoidance_adds_exactly_a_segment_for_each_window(void **state)
{
    (void)state;
    static const uint32_t steps[] = {1, 333, MSS, 2 * MSS, 4567};
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct tcp_cc cc = {.cwnd = 20 * MSS, .ssthresh = 20 * MSS};
        for (uint32_t window = 20 * MSS; window < 25 * MSS; window += MSS) {
            uint32_t count = 0;
            for (; cc.cwnd == window; count += steps[i])
                ack(&cc, steps[i], MSS, true);
            assert_int_equal(cc.cwnd, window + MSS);
            /* What was counted too much stays for the next window. */
            assert_in_range(count + steps[i], window, window + 2 * steps[i]);
        }
    }
}

/* Over many windows no byte is lost to the count. */
static void test_avoidance_counts_every_byte(void **state)
{
    (void)state;
    struct rng rng = rng_make(7);
    struct tcp_cc cc = {.cwnd = 10 * MSS, .ssthresh = 2 * MSS};
    uint64_t acked = 0, needed = 0;
    for (uint32_t window = 10 * MSS; window < 200 * MSS; window += MSS) {
        needed += window;
        while (cc.cwnd == window) {
            uint32_t n = 1 + (uint32_t)rng_below(&rng, 3 * MSS);
            ack(&cc, n, MSS, true);
            acked += n;
        }
        assert_int_equal(cc.cwnd, window + MSS);
        assert_true(acked >= needed && acked < needed + 3 * MSS);
    }
}

static void test_slow_start_ends_at_ssthresh(void **state)
{
    (void)state;
    struct tcp_cc cc = {.cwnd = 10 * MSS, .ssthresh = 12 * MSS + 500};
    ack(&cc, MSS, MSS, true);
    ack(&cc, MSS, MSS, true);
    assert_int_equal(cc.cwnd, 12 * MSS);
    ack(&cc, MSS, MSS, true); /* half of it reaches ssthresh; the other counts for avoidance */
    assert_int_equal(cc.cwnd, 12 * MSS + 500);
    assert_int_equal(cc.acked, 500);
    for (unsigned i = 0; i < 11; i++)
        ack(&cc, MSS, MSS, true);
    assert_int_equal(cc.cwnd, 12 * MSS + 500);
    ack(&cc, MSS, MSS, true);
    assert_int_equal(cc.cwnd, 13 * MSS + 500);
    assert_int_equal(cc.acked, 0);
}

static void test_a_window_that_is_not_used_does_not_grow(void **state)
{
    (void)state;
    struct tcp_cc cc = begun(MSS);
    ack(&cc, 5 * MSS, MSS, false);
    assert_int_equal(cc.cwnd, 10 * MSS);
    cc.ssthresh = 5 * MSS;
    for (unsigned i = 0; i < 100; i++)
        ack(&cc, MSS, MSS, false);
    assert_int_equal(cc.cwnd, 10 * MSS);
    assert_int_equal(cc.acked, 0);
}

static void test_the_window_has_a_limit(void **state)
{
    (void)state;
    struct tcp_cc cc = {.cwnd = TCP_CWND_MAX - 1, .ssthresh = TCP_SSTHRESH_NONE};
    ack(&cc, UINT32_MAX, MSS, true);
    assert_int_equal(cc.cwnd, TCP_CWND_MAX);
    ack(&cc, MSS, MSS, true);
    assert_int_equal(cc.cwnd, TCP_CWND_MAX);
    cc = (struct tcp_cc){.cwnd = TCP_CWND_MAX - 1, .ssthresh = MSS, .acked = TCP_CWND_MAX - 2};
    ack(&cc, UINT32_MAX, MSS, true);
    assert_int_equal(cc.cwnd, TCP_CWND_MAX);
}

/* RFC 5681 equation 4: ssthresh = max (FlightSize / 2, 2*SMSS). */
static void test_a_loss_halves_what_was_in_flight(void **state)
{
    (void)state;
    static const uint32_t expected[][2] = {{40 * MSS, 20 * MSS}, {4 * MSS + 2, 2 * MSS + 1},
                                           {4 * MSS, 2 * MSS},   {4 * MSS - 2, 2 * MSS},
                                           {MSS, 2 * MSS},       {0, 2 * MSS}};
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct tcp_cc cc = {.cwnd = 50 * MSS, .ssthresh = TCP_SSTHRESH_NONE, .acked = 77};
        cc_loss(&cc, expected[i][0], MSS);
        assert_int_equal(cc.ssthresh, expected[i][1]);
        assert_int_equal(cc.cwnd, 50 * MSS);
        assert_int_equal(cc.acked, 0);
    }
}

/* RFC 5681 3.1: the loss window is one segment; ssthresh is held when the same data times out again.
 */
static void test_a_timeout_leaves_one_segment(void **state)
{
    (void)state;
    struct tcp_cc cc = {.cwnd = 50 * MSS, .ssthresh = TCP_SSTHRESH_NONE};
    cc_timeout(&cc, 40 * MSS, MSS, false);
    assert_int_equal(cc.cwnd, MSS);
    assert_int_equal(cc.ssthresh, 20 * MSS);
    cc_timeout(&cc, MSS, MSS, true);
    assert_int_equal(cc.cwnd, MSS);
    assert_int_equal(cc.ssthresh, 20 * MSS);
    cc_timeout(&cc, MSS, MSS, false);
    assert_int_equal(cc.ssthresh, 2 * MSS);
}

/* RFC 5681 4.1: RW = min (IW, cwnd). */
static void test_after_idling_the_window_is_the_initial_one_at_most(void **state)
{
    (void)state;
    struct tcp_cc cc = {.cwnd = 50 * MSS, .ssthresh = 30 * MSS};
    cc_idle(&cc, MSS, 10);
    assert_int_equal(cc.cwnd, 10 * MSS);
    assert_int_equal(cc.ssthresh, 30 * MSS);
    cc.cwnd = 3 * MSS;
    cc_idle(&cc, MSS, 10);
    assert_int_equal(cc.cwnd, 3 * MSS);
    cc_idle(&cc, MSS, 2);
    assert_int_equal(cc.cwnd, 2 * MSS);
}

static void test_the_window_is_never_less_than_a_segment(void **state)
{
    (void)state;
    struct tcp_cc cc = {.cwnd = MSS, .ssthresh = 2 * MSS};
    cc_mss(&cc, MSS + 1);
    assert_int_equal(cc.cwnd, MSS + 1);
    cc_mss(&cc, MSS - 1);
    assert_int_equal(cc.cwnd, MSS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_initial_window_is_that_of_rfc_6928),
        cmocka_unit_test(test_the_initial_window_can_be_set_lower),
        cmocka_unit_test(test_after_a_lost_SYN_the_initial_window_is_one_segment),
        cmocka_unit_test(test_slow_start_doubles_in_a_round_trip),
        cmocka_unit_test(test_one_ACK_for_many_segments_counts_as_one_for_each),
        cmocka_unit_test(test_ATK_ACK_02_dividing_an_ACK_gains_nothing),
        cmocka_unit_test(test_avoidance_adds_exactly_a_segment_for_each_window),
        cmocka_unit_test(test_avoidance_counts_every_byte),
        cmocka_unit_test(test_slow_start_ends_at_ssthresh),
        cmocka_unit_test(test_a_window_that_is_not_used_does_not_grow),
        cmocka_unit_test(test_the_window_has_a_limit),
        cmocka_unit_test(test_a_loss_halves_what_was_in_flight),
        cmocka_unit_test(test_a_timeout_leaves_one_segment),
        cmocka_unit_test(test_after_idling_the_window_is_the_initial_one_at_most),
        cmocka_unit_test(test_the_window_is_never_less_than_a_segment),
    };
    return cmocka_run_group_tests_name("reno", tests, NULL, NULL);
}
