/* SPDX-License-Identifier: MIT */
#include "receiver.h"

/* A segment with URG and a pointer. */
static enum weir_drop urgent(struct receiver *r, uint64_t start, uint32_t len, uint16_t pointer)
{
    r->urgent = pointer;
    return arrive_version(r, start, len, TCP_URG, 0);
}

static uint64_t mark(const struct receiver *r)
{
    return tcp_unwrap(r->c->rcv_up, r->c->rcv_nxt) - r->first;
}

static struct receiver *receiver_out_of_band(void)
{
    struct receiver *r = receiver_new((struct receiver_config){0});
    r->c->set.urgent_inline = false;
    return r;
}

static void test_MUST_62_the_pointer_names_the_octet_behind_the_urgent_data(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    urgent(r, 0, 10, 4);
    assert_true(r->c->urgent_in);
    assert_int_equal(mark(r), 4);
    assert_int_equal(take_events(r), WEIR_EVENT_URGENT | WEIR_EVENT_READABLE);
    assert_int_equal(tcp_at_mark(r->c), 0);
    read_bytes(r, 4); /* in line: all octets are in the stream */
    assert_int_equal(tcp_at_mark(r->c), 1);
    read_bytes(r, 6);
    assert_int_equal(tcp_at_mark(r->c), 0);
    assert_false(r->c->urgent_in);
    receiver_free(r);
}

static void test_ATK_URG_01_a_pointer_of_zero_says_nothing(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.irs = UINT32_MAX});
    urgent(r, 0, 0, 0);
    assert_int_equal(take_events(r), 0);
    urgent(r, 0, 10, 0);
    assert_int_equal(take_events(r), WEIR_EVENT_READABLE);
    assert_false(r->c->urgent_in);
    arrive(r, 10, 10);
    read_bytes(r, 20);
    receiver_free(r);
}

static void test_ATK_URG_02_a_pointer_beyond_the_segment_is_only_a_number(void **state)
{
    (void)state;
    static const uint16_t beyond[] = {1, 11, 65535};
    for (uint32_t len = 0; len <= 10; len++) {
        for (unsigned i = 0; i < 3; i++) {
            for (unsigned in_line = 0; in_line < 2; in_line++) {
                struct receiver *r = receiver_new((struct receiver_config){0});
                r->c->set.urgent_inline = in_line != 0;
                urgent(r, 0, len, beyond[i]);
                assert_int_equal(mark(r), beyond[i]);
                assert_int_equal(r->c->oob_held, !in_line && beyond[i] <= len);
                assert_int_equal(tcp_at_mark(r->c), beyond[i] == 1 && len >= 1 && !in_line);
                r->urgent = 0;
                arrive(r, len, 30000 - len); /* all that was announced */
                arrive(r, 30000, 35535);
                uint8_t data[64];
                uint64_t start, left = 65535;
                while (tcp_unread(r->c, &start) > 0) { /* ATK-URG-08: each call makes progress */
                    assert_in_range(tcp_receive(&r->tcp, r->c, data, sizeof data, 0), 1, 64);
                    assert_true(unread(r) < left);
                    left = unread(r);
                }
                assert_true(left <= 1); /* the octet kept apart may be the last */
                send_acks(r);
                arrive(r, 65535, 10);
                assert_in_range(tcp_receive(&r->tcp, r->c, data, sizeof data, 0), 1, 10);
                assert_false(r->c->urgent_in); /* it ends when it was read past */
                receiver_free(r);
            }
        }
    }
}

static void test_ATK_URG_05_I_37_the_pointer_never_recedes(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.irs = UINT32_MAX - 50});
    urgent(r, 0, 10, 40);
    assert_int_equal(mark(r), 40);
    assert_int_equal(take_events(r), WEIR_EVENT_URGENT | WEIR_EVENT_READABLE);
    urgent(r, 10, 10, 20); /* back to 30 */
    assert_int_equal(mark(r), 40);
    assert_int_equal(take_events(r), WEIR_EVENT_READABLE);
    urgent(r, 20, 10, 20); /* where it is */
    assert_int_equal(take_events(r), WEIR_EVENT_READABLE);
    urgent(r, 30, 10, 60); /* 90: beyond 2^32 */
    assert_int_equal(mark(r), 90);
    assert_int_equal(take_events(r), WEIR_EVENT_URGENT | WEIR_EVENT_READABLE);
    urgent(r, 40, 10, 1);
    assert_int_equal(mark(r), 90);
    receiver_free(r);
}

/* What points into what was read already is old. */
static void test_ATK_URG_05_a_pointer_behind_the_reader_is_ignored(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive(r, 0, 100);
    read_bytes(r, 100);
    take_events(r);
    urgent(r, 90, 20, 10); /* up to 100 */
    assert_false(r->c->urgent_in);
    urgent(r, 95, 25, 15); /* up to 110: counted from the segment's own beginning */
    assert_int_equal(mark(r), 110);
    receiver_free(r);
}

static void test_ATK_URG_06_after_fin_nothing_is_urgent(void **state)
{
    (void)state;
    static const uint8_t states[] = {WEIR_TCP_CLOSE_WAIT, WEIR_TCP_CLOSING, WEIR_TCP_LAST_ACK};
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive_version(r, 0, 10, TCP_FIN, 0);
    send_acks(r);
    take_events(r);
    for (unsigned i = 0; i < sizeof states; i++) {
        static struct tcp_header h;
        struct tcp_segment s = {.header = &h, .seq = r->c->rcv_nxt, .flags = TCP_URG | TCP_ACK};
        h = (struct tcp_header){.seq = tcp_wrap(r->c->rcv_nxt), .urgent = 5};
        r->c->state = states[i];
        tcp_urgent_arrives(&r->tcp, r->c, &s);
        assert_false(r->c->urgent_in);
        assert_int_equal(take_events(r), 0);
    }
    receiver_free(r);
}

static void test_ATK_URG_07_by_default_urgent_data_is_data(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    for (unsigned i = 0; i < 20; i++)
        urgent(r, 100 * i, 100, 50);
    read_bytes(r, 2000);
    assert_false(r->c->oob_held || r->c->oob_gone);
    receiver_free(r);
}

static void test_ATK_URG_09_a_flood_is_one_pending_notification(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    struct weir_event events[4];
    for (unsigned i = 0; i < 5000; i++)
        urgent(r, i, 1, 1);
    assert_int_equal(event_read(&r->events, events, 4), 1);
    assert_int_equal(events[0].bits, WEIR_EVENT_URGENT | WEIR_EVENT_READABLE);
    assert_int_equal(mark(r), 5000);
    receiver_free(r);
}

/* 1 GiB of urgent data: each segment moves the pointer on (MUST-31). */
static void test_ATK_URG_10_urgent_data_of_any_length(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.irs = UINT32_MAX - 1000});
    struct tcp_conn *c = r->c;
    for (unsigned i = 0; i < (1U << 30) / 65535; i++) {
        static struct tcp_header h;
        struct tcp_segment s = {.header = &h, .seq = c->rcv_nxt, .flags = TCP_URG | TCP_ACK};
        h = (struct tcp_header){.seq = tcp_wrap(c->rcv_nxt), .urgent = 65535};
        tcp_urgent_arrives(&r->tcp, c, &s);
        assert_int_equal(mark(r), 65535 * (uint64_t)(i + 1));
        assert_int_equal(take_events(r), WEIR_EVENT_URGENT);
        c->rcv_nxt += 65535; /* the data comes and is read */
        c->rcv_edge = c->rcv_nxt + 1000;
        ring_release(&c->receive, c->rcv_nxt);
    }
    receiver_free(r);
}

/* MUST-66: the notice is taken when the window is closed, though the data is not. */
static void test_ATK_BLD_17_urgent_at_window_zero(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = 4096});
    arrive(r, 0, 4096);
    send_acks(r);
    assert_int_equal(r->c->rcv_edge, r->c->rcv_nxt);
    take_events(r);
    urgent(r, 4096, 1, 100);
    assert_int_equal(mark(r), 4196);
    assert_int_equal(take_events(r), WEIR_EVENT_URGENT);
    assert_int_equal(r->c->rcv_nxt - r->first, 4096);
    receiver_free(r);
}

/* ---- the octet kept out of the stream ---- */

static void test_out_of_band_the_octet_is_taken_when_it_is_there(void **state)
{
    (void)state;
    struct receiver *r = receiver_out_of_band();
    uint8_t data[20];
    arrive(r, 0, 3);
    take_events(r);
    urgent(r, 3, 0, 5); /* announced: octet 7 */
    assert_int_equal(take_events(r), WEIR_EVENT_URGENT);
    assert_int_equal(tcp_receive(&r->tcp, r->c, data, 1, WEIR_TCP_URGENT), WEIR_E_INVALID);
    arrive(r, 3, 4);
    assert_int_equal(take_events(r), WEIR_EVENT_READABLE);
    arrive(r, 7, 5);
    assert_int_equal(take_events(r), WEIR_EVENT_URGENT | WEIR_EVENT_READABLE);
    assert_int_equal(tcp_receive(&r->tcp, r->c, data, 1, WEIR_TCP_URGENT), 1);
    assert_int_equal(data[0], byte_at(7, 0));
    assert_int_equal(tcp_receive(&r->tcp, r->c, data, 20, 0), 7); /* not across the mark */
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(data[i], byte_at(i, 0));
    assert_int_equal(tcp_at_mark(r->c), 1);
    assert_int_equal(tcp_receive(&r->tcp, r->c, data, 20, 0), 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(data[i], byte_at(8 + i, 0));
    receiver_free(r);
}

/* The data was there before its urgency was known, and when a hole is filled. */
static void test_out_of_band_the_octet_may_be_there_already(void **state)
{
    (void)state;
    struct receiver *r = receiver_out_of_band();
    arrive(r, 0, 10);
    urgent(r, 10, 0, 0);
    assert_false(r->c->oob_held);
    urgent(r, 5, 6, 4); /* octet 8; one byte of the segment is new */
    assert_true(r->c->oob_held);
    assert_int_equal(r->c->oob, byte_at(8, 0));
    urgent(r, 100, 50, 50); /* above a hole: octet 149 */
    assert_false(r->c->oob_held);
    arrive(r, 11, 89);
    assert_true(r->c->oob_held);
    assert_int_equal(r->c->oob, byte_at(149, 0));
    receiver_free(r);
}

/* The setting may change at the mark: the octet has been read in line. */
static void test_out_of_band_comes_too_late_for_what_was_read(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    urgent(r, 0, 10, 5);
    read_bytes(r, 5);
    r->c->set.urgent_inline = false;
    arrive(r, 10, 10);
    assert_false(r->c->oob_held);
    read_bytes(r, 15);
    receiver_free(r);
}

static void test_ATK_URG_03_a_syn_has_nothing_urgent(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    static struct tcp_header h;
    struct tcp_segment s = {.header = &h, .seq = r->c->rcv_nxt, .flags = TCP_URG | TCP_ACK};
    h = (struct tcp_header){.seq = r->c->irs, .urgent = 5, .flags = TCP_SYN | TCP_ACK | TCP_URG};
    tcp_urgent_arrives(&r->tcp, r->c, &s);
    assert_false(r->c->urgent_in);
    assert_int_equal(take_events(r), 0);
    receiver_free(r);
}

static void test_out_of_band_nothing_is_kept_for_a_shut_receiver(void **state)
{
    (void)state;
    struct receiver *r = receiver_out_of_band();
    r->c->receive_shut = true;
    urgent(r, 0, 10, 5);
    assert_false(r->c->oob_held);
    receiver_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_MUST_62_the_pointer_names_the_octet_behind_the_urgent_data),
        cmocka_unit_test(test_ATK_URG_01_a_pointer_of_zero_says_nothing),
        cmocka_unit_test(test_ATK_URG_02_a_pointer_beyond_the_segment_is_only_a_number),
        cmocka_unit_test(test_ATK_URG_05_I_37_the_pointer_never_recedes),
        cmocka_unit_test(test_ATK_URG_05_a_pointer_behind_the_reader_is_ignored),
        cmocka_unit_test(test_ATK_URG_06_after_fin_nothing_is_urgent),
        cmocka_unit_test(test_ATK_URG_07_by_default_urgent_data_is_data),
        cmocka_unit_test(test_ATK_URG_09_a_flood_is_one_pending_notification),
        cmocka_unit_test(test_ATK_URG_10_urgent_data_of_any_length),
        cmocka_unit_test(test_ATK_BLD_17_urgent_at_window_zero),
        cmocka_unit_test(test_out_of_band_the_octet_is_taken_when_it_is_there),
        cmocka_unit_test(test_out_of_band_the_octet_may_be_there_already),
        cmocka_unit_test(test_out_of_band_comes_too_late_for_what_was_read),
        cmocka_unit_test(test_ATK_URG_03_a_syn_has_nothing_urgent),
        cmocka_unit_test(test_out_of_band_nothing_is_kept_for_a_shut_receiver),
    };
    return cmocka_run_group_tests_name("urgent", tests, NULL, NULL);
}
