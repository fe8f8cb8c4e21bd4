/* SPDX-License-Identifier: MIT
 * Rows of the attack catalogue about headers, and about segments that somebody injects who sees
 * nothing: what the matrix compares with the model is said here in the catalogue's own words, state
 * by state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"
#include "wire/tcp_options.h"

enum {
    F = TCP_FIN,
    S = TCP_SYN,
    R = TCP_RST,
    P = TCP_PSH,
    A = TCP_ACK,
    U = TCP_URG,
    ALL = 0xff,
    HALF = 1U << 31
};

/* The synchronized states, TIME-WAIT last. */
static const enum rig_setup synchronized[] = {
    RIG_ESTABLISHED, RIG_FIN_WAIT_1, RIG_FIN_WAIT_2, RIG_CLOSE_WAIT,
    RIG_LAST_ACK,    RIG_CLOSING,    RIG_TIME_WAIT,
};
enum { SYNCHRONIZED = 7, WITH_RESET = 6 /* without TIME-WAIT */ };

static bool begun; /* and not ended: what a test that failed leaves behind */

static struct rig *begin(enum rig_setup setup)
{
    static struct rig r;
    if (begun)
        rig_close(&r);
    if (r.stack == NULL)
        rig_open(&r, 4);
    begun = true;
    if (!rig_begin(&r, setup))
        fail_msg("%s: %s", rig_setup_name(setup), r.trouble);
    return &r;
}

static void end(struct rig *r)
{
    assert_null(r->trouble);
    assert_true(rig_end(r));
    begun = false;
}

static unsigned state_of(const struct rig *r)
{
    struct rig_view view = rig_look(r);
    return view.present ? view.info.state : MODEL_CLOSED;
}

/* A segment at RCV.NXT + seq with ACK = SND.NXT + ack. */
static void sends(struct rig *r, unsigned flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    struct model_segment s = {.flags = flags,
                              .seq = seq_add(r->conn.rcv_nxt, seq),
                              .ack = seq_add(r->conn.snd_nxt, ack),
                              .len = len,
                              .window = RIG_WINDOW,
                              .urgent = 1};
    rig_send(r, &s);
}

static void assert_silent(const struct rig *r)
{
    assert_int_equal(r->out_count, 0);
}

/* One answer, with these of SYN, RST, ACK and FIN. */
static void assert_answer(const struct rig *r, unsigned flags)
{
    assert_int_equal(r->out_count, 1);
    assert_int_equal(r->out[0].header.flags & (S | R | A | F), flags);
    assert_int_equal(r->out[0].len, 0);
}

/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, and nothing has changed. */
static void assert_challenged(const struct rig *r)
{
    assert_answer(r, A);
    assert_int_equal(r->out[0].header.seq.v, r->conn.snd_nxt.v);
    assert_int_equal(r->out[0].header.ack.v, r->conn.rcv_nxt.v);
    assert_int_equal(state_of(r), r->conn.state);
    assert_int_equal(r->event_bits, 0);
}

static void assert_untouched(const struct rig *r)
{
    assert_silent(r);
    assert_int_equal(state_of(r), r->conn.state);
    assert_int_equal(r->event_bits, 0);
}

/* ---- headers ---- */

static void test_ATK_HDR_05_reserved_bits_mean_nothing(void **state)
{
    (void)state;
    struct rig *r = begin(RIG_LISTEN);
    sends(r, S | TCP_RESERVED, 0, 0, 0);
    assert_answer(r, S | A);
    assert_int_equal(r->out[0].header.flags & TCP_RESERVED, 0);
    end(r);
    uint8_t data[10];
    r = begin(RIG_ESTABLISHED);
    sends(r, A | TCP_RESERVED, 0, 0, 10);
    assert_answer(r, A);
    assert_int_equal(rig_read(r, data, sizeof data), 10);
    end(r);
}

static void test_ATK_HDR_06_all_flags_are_a_reset(void **state)
{
    (void)state;
    for (unsigned setup = 0; setup < RIG_SYN_RECEIVED_ACTIVE; setup++) {
        struct rig *r = begin((enum rig_setup)setup);
        bool ends = setup != RIG_CLOSED && setup != RIG_LISTEN && setup != RIG_TIME_WAIT;
        sends(r, ALL, 0, 0, 0);
        assert_silent(r);
        if (setup != RIG_LISTEN)
            assert_int_equal(state_of(r), ends ? MODEL_CLOSED : r->conn.state);
        end(r);
    }
}

static void test_ATK_HDR_07_no_flags(void **state)
{
    (void)state;
    for (unsigned setup = 0; setup < RIG_SYN_RECEIVED_ACTIVE; setup++)
        for (uint32_t len = 0; len <= 10; len += 10) {
            struct rig *r = begin((enum rig_setup)setup);
            sends(r, 0, 0, 0, len);
            if (setup == RIG_CLOSED) {
                assert_answer(r, R | A);
                assert_int_equal(r->out[0].header.seq.v, 0);
                assert_int_equal(r->out[0].header.ack.v, seq_add(r->conn.rcv_nxt, len).v);
            } else if (setup == RIG_LISTEN) {
                assert_silent(r);
            } else {
                assert_untouched(r);
            }
            end(r);
        }
}

static void test_ATK_HDR_08_SYN_with_FIN_leaves_nothing_half_done(void **state)
{
    (void)state;
    struct rig *r = begin(RIG_LISTEN);
    sends(r, S | F, 0, 0, 5);
    assert_silent(r);
    assert_false(rig_look(r).present);
    end(r);
    r = begin(RIG_CLOSED);
    sends(r, S | F, 0, 0, 5);
    assert_answer(r, R | A);
    assert_int_equal(r->out[0].header.ack.v, seq_add(r->conn.rcv_nxt, 7).v);
    end(r);
    r = begin(RIG_SYN_SENT); /* the SYN counts; FIN and text wait, or come again */
    sends(r, S | F, 0, 0, 0);
    assert_answer(r, S | A);
    assert_int_equal(state_of(r), MODEL_SYN_RECEIVED);
    end(r);
    r = begin(RIG_TIME_WAIT);
    sends(r, S | F, 100000, 0, 0);
    assert_challenged(r);
    end(r);
}

static void test_ATK_HDR_09_SYN_with_RST_is_a_reset(void **state)
{
    (void)state;
    for (unsigned setup = 0; setup < RIG_SYN_RECEIVED_ACTIVE; setup++)
        for (unsigned ack = 0; ack <= A; ack += A) {
            struct rig *r = begin((enum rig_setup)setup);
            bool ends = setup != RIG_CLOSED && setup != RIG_LISTEN && setup != RIG_TIME_WAIT;
            if (setup == RIG_SYN_SENT && ack == 0)
                ends = false; /* it acknowledges nothing */
            sends(r, S | R | ack, 0, 0, 0);
            assert_silent(r);
            if (setup != RIG_LISTEN)
                assert_int_equal(state_of(r), ends ? MODEL_CLOSED : r->conn.state);
            else
                assert_false(rig_look(r).present);
            end(r);
        }
}

static void test_ATK_HDR_10_FIN_that_cannot_be_validated(void **state)
{
    (void)state;
    const unsigned flags[] = {F, F | A, F | P | U};
    for (unsigned i = 0; i < 3; i++)
        for (uint32_t len = 0; len <= 10; len += 10) {
            struct rig *r = begin(RIG_SYN_SENT);
            sends(r, flags[i], 0, 0, len);
            assert_untouched(r);
            end(r);
            r = begin(RIG_LISTEN);
            sends(r, flags[i], 0, 0, len);
            assert_int_equal(r->out_count, (flags[i] & A) != 0 ? 1 : 0);
            assert_false(rig_look(r).present);
            end(r);
            r = begin(RIG_CLOSED);
            sends(r, flags[i], 0, 0, len);
            assert_answer(r, (flags[i] & A) != 0 ? R : R | A);
            end(r);
        }
}

static void test_ATK_HDR_11_without_ACK_nothing_is_taken(void **state)
{
    (void)state;
    const unsigned flags[] = {F, P, U, F | P | U};
    for (unsigned i = 0; i < SYNCHRONIZED; i++)
        for (unsigned k = 0; k < 4; k++)
            for (uint32_t len = 0; len <= 10; len += 10) {
                struct rig *r = begin(synchronized[i]);
                sends(r, flags[k], 0, 0, len);
                assert_untouched(r);
                end(r);
            }
}

/* ---- resets ---- */

static void test_ATK_BLD_01_reset_outside_the_window(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SYNCHRONIZED; i++) {
        struct rig *r = begin(synchronized[i]);
        const uint32_t seqs[] = {(uint32_t)-1, r->conn.rcv_wnd, HALF, (uint32_t)-100};
        for (unsigned k = 0; k < 4; k++) {
            sends(r, R, seqs[k], 0, 0);
            assert_untouched(r);
            sends(r, R | A, seqs[k], 0, k == 3 ? 200 : 0); /* its text reaches into the window */
            assert_untouched(r);
        }
        end(r);
    }
}

static void test_ATK_BLD_02_reset_in_the_window(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WITH_RESET; i++)
        for (unsigned k = 0; k < 3; k++) {
            struct rig *r = begin(synchronized[i]);
            const uint32_t seqs[] = {1, 1000, r->conn.rcv_wnd - 1};
            sends(r, R, seqs[k], 0, 0);
            assert_challenged(r);
            end(r);
        }
}

static void test_ATK_BLD_03_reset_at_the_next_octet(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WITH_RESET; i++) {
        uint8_t data[10];
        struct rig *r = begin(synchronized[i]);
        sends(r, R, 0, 0, 0);
        assert_silent(r);
        assert_int_equal(state_of(r), MODEL_CLOSED);
        assert_int_equal(r->event_bits, WEIR_EVENT_CLOSED);
        /* CLOSING and LAST-ACK have nobody to signal (3.10.7.4, second). */
        assert_int_equal(r->event_error, i < 4 ? WEIR_E_RESET : WEIR_OK);
        if (i < 4) {
            int first = weir_tcp_receive(r->stack, r->handle, data, sizeof data, 0);
            assert_int_equal(first, WEIR_E_RESET); /* once; then as after any end */
        }
        int then = weir_tcp_receive(r->stack, r->handle, data, sizeof data, 0);
        assert_int_equal(then, i < 3 ? WEIR_E_CLOSED : 0);
        end(r);
    }
}

static void test_ATK_BLD_04_a_sweep_of_resets_hits_only_by_the_number(void **state)
{
    (void)state;
    struct rig *r = begin(RIG_LISTEN);
    uint32_t answers = 0;
    weir_tcp_set(r->stack, r->listener, WEIR_TCP_RECEIVE_BYTES_MAX, 65535);
    end(r);
    r = begin(RIG_ESTABLISHED);
    assert_in_range(r->conn.rcv_wnd, 60000, 65535);
    for (uint64_t seq = 1; seq < UINT64_C(1) << 32; seq += r->conn.rcv_wnd) {
        sends(r, R, (uint32_t)seq, 0, 0);
        answers += r->out_count;
        assert_int_equal(r->event_bits, 0);
    }
    assert_in_range(answers, 1, 2); /* one of them was in the window */
    assert_int_equal(state_of(r), MODEL_ESTABLISHED);
    end(r);
    rig_close(r);
}

static void test_ATK_BLD_11_a_reset_may_carry_text_that_is_not_delivered(void **state)
{
    (void)state;
    struct rig *r = begin(RIG_ESTABLISHED);
    uint8_t data[100];
    sends(r, R, 0, 0, 100);
    assert_silent(r);
    assert_int_equal(r->event_bits, WEIR_EVENT_CLOSED);
    assert_int_equal(weir_tcp_receive(r->stack, r->handle, data, sizeof data, 0), WEIR_E_RESET);
    end(r);
}

static void test_ATK_BLD_17_reset_and_urgent_data_at_a_window_of_zero(void **state)
{
    (void)state;
    struct rig *r = begin(RIG_ESTABLISHED_SHUT);
    sends(r, A | U, 0, 0, 0);
    assert_true((r->event_bits & WEIR_EVENT_URGENT) != 0);
    sends(r, R, 0, 0, 0);
    assert_silent(r);
    assert_int_equal(state_of(r), MODEL_CLOSED);
    end(r);
}

/* ---- SYN, data, FIN ---- */

static void test_ATK_BLD_05_SYN_is_challenged_wherever_it_is(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WITH_RESET; i++)
        for (unsigned k = 0; k < 8; k++) {
            struct rig *r = begin(synchronized[i]);
            const uint32_t seqs[] = {0, 1000, (uint32_t)-1000, r->conn.rcv_wnd + 1000};
            sends(r, k < 4 ? S : S | A, seqs[k % 4], 0, 0);
            assert_challenged(r);
            end(r);
        }
}

static void test_ATK_BLD_06_data_with_an_ACK_out_of_range(void **state)
{
    (void)state;
    struct rig *r = begin(RIG_ESTABLISHED);
    uint32_t outstanding = (uint32_t)seq_diff(r->conn.snd_nxt, r->conn.snd_una);
    const uint32_t bad[] = {1, HALF, (uint32_t)-(int)(outstanding + RIG_WINDOW + 1)};
    uint8_t data[10];
    for (unsigned k = 0; k < 3; k++) {
        sends(r, A, 0, bad[k], 10);
        assert_challenged(r);
        assert_int_equal(rig_read(r, data, sizeof data), 0);
    }
    sends(r, A, 0, (uint32_t)-(int)(outstanding + RIG_WINDOW), 10); /* the oldest that is good */
    assert_int_equal(rig_read(r, data, sizeof data), 10);
    end(r);
}

static void test_ATK_BLD_07_ghost_ACK(void **state)
{
    (void)state;
    struct rig *r = begin(RIG_LISTEN);
    uint8_t data[10];
    weir_tcp_set(r->stack, r->listener, WEIR_TCP_WINDOW_SCALE, 1);
    end(r);
    r->scale = TCP_WINDOW_SCALE_MAX; /* its window is 655,360 octets: far below ISS */
    r = begin(RIG_ESTABLISHED_FRESH);
    uint32_t from_iss = (uint32_t)seq_diff(r->conn.snd_nxt, r->conn.iss);
    const uint32_t back[] = {0, 1, 100000, 600000, 1000000000};
    for (unsigned k = 0; k < 5; k++) {
        sends(r, A, 0, (uint32_t)-(int)(from_iss + back[k]), 10);
        assert_challenged(r);
        assert_int_equal(rig_read(r, data, sizeof data), 0);
    }
    r->scale = 0;
    end(r);
    rig_close(r);
}

static void test_ATK_BLD_09_answers_to_empty_segments_are_few(void **state)
{
    (void)state;
    struct rig *r = begin(RIG_ESTABLISHED);
    unsigned answers = 0, later = 0, to_data = 0;
    for (unsigned i = 0; i < 100; i++) {
        sends(r, A, (uint32_t)-10, 0, 0);
        answers += r->out_count;
    }
    for (unsigned i = 0; i < 10; i++) {
        r->now += 501 * WEIR_NS_PER_MS / 10;
        sends(r, A, (uint32_t)-10, 0, 0);
        later += r->out_count;
    }
    assert_in_range(answers, 1, 10);
    assert_in_range(later, 0, 2);
    for (unsigned i = 0; i < 100; i++) { /* which may be probes */
        sends(r, A, (uint32_t)-10, 0, 1);
        to_data += r->out_count;
    }
    assert_int_equal(to_data, 100);
    end(r);
}

static void test_ATK_BLD_10_blind_FIN(void **state)
{
    (void)state;
    struct rig *r = begin(RIG_ESTABLISHED);
    sends(r, F | A, 5, 0, 0); /* above a hole */
    assert_challenged(r);
    sends(r, F | A, 0, 1, 0); /* with a bad ACK */
    assert_challenged(r);
    end(r);
    for (unsigned i = 0; i < WITH_RESET; i++) {
        r = begin(synchronized[i]);
        sends(r, F | A, r->conn.rcv_wnd + 1000, 0, 0);
        assert_challenged(r);
        end(r);
    }
}

static void test_ATK_BLD_12_a_segment_without_the_timestamp_agreed_on(void **state)
{
    (void)state;
    struct rig *r = begin(RIG_ESTABLISHED_NO_TS);
    const unsigned flags[] = {A, A | F, A | P};
    for (unsigned k = 0; k < 3; k++) {
        sends(r, flags[k], 0, 0, k == 1 ? 0 : 10);
        assert_untouched(r);
        assert_int_equal(rig_look(r).info.snd_una, r->conn.snd_una.v);
    }
    sends(r, R, 1, 0, 0); /* a reset is judged by its number */
    assert_answer(r, A);
    sends(r, R, 0, 0, 0);
    assert_int_equal(state_of(r), MODEL_CLOSED);
    end(r);
}

static void test_ATK_BLD_16_an_old_segment_does_not_close_the_window(void **state)
{
    (void)state;
    struct rig *r = begin(RIG_ESTABLISHED);
    struct model_segment s = {.flags = A,
                              .seq = seq_sub(r->conn.rcv_nxt, 5),
                              .ack = r->conn.snd_una,
                              .len = 10}; /* window 0, but older than SND.WL1 */
    rig_send(r, &s);
    assert_int_equal(rig_look(r).info.snd_wnd_bytes, RIG_WINDOW);
    end(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ATK_HDR_05_reserved_bits_mean_nothing),
        cmocka_unit_test(test_ATK_HDR_06_all_flags_are_a_reset),
        cmocka_unit_test(test_ATK_HDR_07_no_flags),
        cmocka_unit_test(test_ATK_HDR_08_SYN_with_FIN_leaves_nothing_half_done),
        cmocka_unit_test(test_ATK_HDR_09_SYN_with_RST_is_a_reset),
        cmocka_unit_test(test_ATK_HDR_10_FIN_that_cannot_be_validated),
        cmocka_unit_test(test_ATK_HDR_11_without_ACK_nothing_is_taken),
        cmocka_unit_test(test_ATK_BLD_01_reset_outside_the_window),
        cmocka_unit_test(test_ATK_BLD_02_reset_in_the_window),
        cmocka_unit_test(test_ATK_BLD_03_reset_at_the_next_octet),
        cmocka_unit_test(test_ATK_BLD_04_a_sweep_of_resets_hits_only_by_the_number),
        cmocka_unit_test(test_ATK_BLD_05_SYN_is_challenged_wherever_it_is),
        cmocka_unit_test(test_ATK_BLD_06_data_with_an_ACK_out_of_range),
        cmocka_unit_test(test_ATK_BLD_07_ghost_ACK),
        cmocka_unit_test(test_ATK_BLD_09_answers_to_empty_segments_are_few),
        cmocka_unit_test(test_ATK_BLD_10_blind_FIN),
        cmocka_unit_test(test_ATK_BLD_11_a_reset_may_carry_text_that_is_not_delivered),
        cmocka_unit_test(test_ATK_BLD_12_a_segment_without_the_timestamp_agreed_on),
        cmocka_unit_test(test_ATK_BLD_16_an_old_segment_does_not_close_the_window),
        cmocka_unit_test(test_ATK_BLD_17_reset_and_urgent_data_at_a_window_of_zero),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
