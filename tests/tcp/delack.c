/* SPDX-License-Identifier: MIT */
#include "receiver.h"

enum { MSS = 1460 };

static struct receiver *receiver_after(unsigned segments)
{
    struct receiver *r = receiver_new((struct receiver_config){0});
    for (unsigned i = 0; i < segments; i++) {
        arrive(r, (uint64_t)MSS * i, MSS);
        tcp_ack_now(&r->tcp, r->c, false);
        send_acks(r);
    }
    return r;
}

/* SHLD-19 */
static void test_I_31_every_second_full_segment_is_acknowledged_at_once(void **state)
{
    (void)state;
    struct receiver *r = receiver_after(1);
    for (unsigned i = 1; i < 40; i += 2) {
        arrive(r, MSS * i, MSS);
        assert_false(ack_is_due(r));
        arrive(r, MSS * (i + 1), MSS);
        expect_ack(r, MSS * (i + 2), 0);
    }
    receiver_free(r);
}

/* RFC 2525 2.13: with 12 bytes of timestamps in each segment, a full one carries 1448 bytes, and
 * the second of them is acknowledged although they are less than two MSS. */
static void test_I_31_full_segments_with_options_are_full(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.timestamps = true});
    r->options = 12;
    for (unsigned i = 0; i < 40; i += 2) {
        arrive(r, 1448 * i, 1448);
        assert_false(ack_is_due(r));
        arrive(r, 1448 * (i + 1), 1448);
        expect_ack(r, 1448 * (i + 2), 0);
    }
    receiver_free(r);
}

/* The options of a peer that reports blocks take more of some segments: they are full all the same.
 * */
static void test_I_31_full_segments_carry_what_their_options_leave(void **state)
{
    (void)state;
    static const uint8_t options[] = {12, 24, 32, 40, 12, 40};
    struct receiver *r = receiver_new((struct receiver_config){.timestamps = true});
    uint64_t at = 0;
    for (unsigned i = 0; i < 6; i++) {
        r->options = options[i];
        for (unsigned second = 0; second < 2; second++) {
            assert_false(ack_is_due(r));
            arrive(r, at, MSS - (uint32_t)options[i]);
            at += MSS - (uint32_t)options[i];
        }
        expect_ack(r, at, 0);
    }
    /* and together, when a device has not said that it put them together */
    arrive(r, at, 5000);
    at += 5000;
    send_acks(r);
    r->options = 12;
    arrive(r, at, 1448);
    assert_false(ack_is_due(r));
    arrive(r, at + 1448, 1448);
    assert_true(ack_is_due(r));
    receiver_free(r);
}

/* Small segments wait until they are as much as two full ones. */
static void test_I_31_small_segments_add_up(void **state)
{
    (void)state;
    struct receiver *r = receiver_after(1);
    uint64_t at = MSS;
    for (unsigned i = 0; i < 5; i++, at += 500) {
        arrive(r, at, 500);
        assert_false(ack_is_due(r));
    }
    arrive(r, at, 2 * MSS - 2500 - 1);
    assert_false(ack_is_due(r));
    arrive(r, at + 2 * MSS - 2501, 1);
    assert_true(ack_is_due(r));
    receiver_free(r);
}

/* MUST-40: the delay runs from the first byte that was not acknowledged, and is below half a
 * second. */
static void test_I_31_the_delay_is_limited_from_the_first_byte_on(void **state)
{
    (void)state;
    static const uint16_t delays[] = {1, 40, 499};
    for (unsigned i = 0; i < 3; i++) {
        struct receiver *r = receiver_after(1);
        weir_time delay = delays[i] * WEIR_NS_PER_MS;
        r->c->set.delayed_ack_ms = delays[i];
        r->now = 7 * WEIR_NS_PER_MS;
        arrive(r, MSS, 100);
        assert_int_equal(r->c->delack_at, r->now + delay);
        assert_true(wheel_is_armed(&r->c->timer.node));
        r->now += WEIR_NS_PER_MS / 2;
        arrive(r, MSS + 100, 100);
        assert_int_equal(r->c->delack_at, 7 * WEIR_NS_PER_MS + delay);
        assert_true(delay < 500 * WEIR_NS_PER_MS);
        tcp_conn_expire(&r->tcp, r->c, 7 * WEIR_NS_PER_MS + delay);
        expect_ack(r, MSS + 200, 0);
        assert_int_equal(r->c->delack_at, WEIR_TIME_NEVER);
        receiver_free(r);
    }
}

static void test_no_delay_and_quick_ack_acknowledge_each_segment(void **state)
{
    (void)state;
    for (unsigned quick = 0; quick < 2; quick++) {
        struct receiver *r = receiver_after(1);
        r->c->set.delayed_ack_ms = quick ? 40 : 0;
        r->c->set.quick_ack = quick != 0;
        for (unsigned i = 0; i < 30; i++) {
            arrive(r, MSS + i, 1);
            expect_ack(r, MSS + i + 1, 0);
        }
        assert_int_equal(r->c->delack_at, WEIR_TIME_NEVER);
        receiver_free(r);
    }
}

static void test_a_young_connection_acknowledges_each_segment(void **state)
{
    (void)state;
    struct receiver *r = receiver_after(1);
    r->c->quick_acks = TCP_QUICK_ACKS;
    for (unsigned i = 0; i < 5; i++) /* nothing to acknowledge: does not count */
        send_ack(r);
    for (unsigned i = 0; i < TCP_QUICK_ACKS; i++) {
        arrive(r, MSS + i, 1);
        expect_ack(r, MSS + i + 1, 0);
    }
    arrive(r, MSS + TCP_QUICK_ACKS, 1);
    assert_false(ack_is_due(r));
    receiver_free(r);
}

/* MUST-58, MUST-59: a batch, or what a device has put together, has one answer. */
static void test_MUST_58_one_acknowledgment_answers_a_batch(void **state)
{
    (void)state;
    struct receiver *r = receiver_after(1);
    for (unsigned i = 1; i < 30; i++)
        arrive(r, MSS * i, MSS);
    assert_int_equal(send_acks(r), 1);
    r->segment_size = MSS;
    arrive(r, MSS * 30, MSS * 40);
    assert_int_equal(send_acks(r), 1);
    assert_int_equal(r->c->rcv_mss, MSS);
    receiver_free(r);
}

/* The peer's segments have become smaller: those that came together show it. */
static void test_three_segments_put_together_are_acknowledged(void **state)
{
    (void)state;
    struct receiver *r = receiver_after(1);
    r->segment_size = 400;
    arrive(r, MSS, 800);
    assert_false(ack_is_due(r));
    arrive(r, MSS + 800, 1200);
    assert_true(ack_is_due(r));
    receiver_free(r);
}

/* What a device put together without saying so counts as what it must have been. */
static void test_I_31_more_than_was_announced_is_several_segments(void **state)
{
    (void)state;
    struct receiver *r = receiver_after(1);
    arrive(r, MSS, 20 * MSS);
    assert_true(ack_is_due(r));
    send_acks(r);
    arrive(r, 21 * MSS, MSS);
    assert_false(ack_is_due(r));
    arrive(r, 22 * MSS, MSS);
    assert_true(ack_is_due(r));
    receiver_free(r);
}

static void test_MUST_40_fin_is_acknowledged_at_once(void **state)
{
    (void)state;
    struct receiver *r = receiver_after(1);
    arrive_version(r, MSS, 10, TCP_FIN, 0);
    expect_ack(r, MSS + 11, 0);
    receiver_free(r);
}

/* What an acknowledgment settles, and what not. */
static void test_an_acknowledgment_settles_all_but_the_duplicates(void **state)
{
    (void)state;
    struct receiver *r = receiver_after(1);
    arrive(r, MSS, 10);
    assert_int_not_equal(r->c->delack_at, WEIR_TIME_NEVER);
    tcp_ack_now(&r->tcp, r->c, false);
    tcp_ack_now(&r->tcp, r->c, true);
    tcp_ack_now(&r->tcp, r->c, true);
    assert_true(r->c->on_ready);
    tcp_ack_sent(&r->tcp, r->c, r->c->rcv_edge, true);
    assert_int_equal(r->c->dup_acks_due, 2);
    assert_int_equal(r->c->work & TCP_WORK_ACK, 0);
    assert_int_equal(r->c->delack_at, WEIR_TIME_NEVER);
    assert_int_equal(r->c->bytes_unacked, 0);
    assert_int_equal(r->c->rcv_acked.v, (uint32_t)(r->first + MSS + 10));
    receiver_free(r);
}

/* A DSACK that found no room in a segment is told by the next. */
static void test_a_duplicate_is_kept_until_it_is_told(void **state)
{
    (void)state;
    struct receiver *r = receiver_after(1);
    arrive(r, 100, 100);
    tcp_ack_sent(&r->tcp, r->c, r->c->rcv_edge, false);
    r->c->dup_acks_due = 1;
    expect_ack(r, MSS, 2, 100, 200);
    assert_int_equal(r->c->holes, TCP_NONE);
    receiver_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_I_31_every_second_full_segment_is_acknowledged_at_once),
        cmocka_unit_test(test_I_31_full_segments_with_options_are_full),
        cmocka_unit_test(test_I_31_full_segments_carry_what_their_options_leave),
        cmocka_unit_test(test_I_31_small_segments_add_up),
        cmocka_unit_test(test_I_31_the_delay_is_limited_from_the_first_byte_on),
        cmocka_unit_test(test_no_delay_and_quick_ack_acknowledge_each_segment),
        cmocka_unit_test(test_a_young_connection_acknowledges_each_segment),
        cmocka_unit_test(test_MUST_58_one_acknowledgment_answers_a_batch),
        cmocka_unit_test(test_three_segments_put_together_are_acknowledged),
        cmocka_unit_test(test_I_31_more_than_was_announced_is_several_segments),
        cmocka_unit_test(test_MUST_40_fin_is_acknowledged_at_once),
        cmocka_unit_test(test_an_acknowledgment_settles_all_but_the_duplicates),
        cmocka_unit_test(test_a_duplicate_is_kept_until_it_is_told),
    };
    return cmocka_run_group_tests_name("delack", tests, NULL, NULL);
}
