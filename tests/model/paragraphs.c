/* SPDX-License-Identifier: MIT
 * The reference model against the text of RFC 9293 section 3.10.7, one test for each paragraph.
 * The numbers: ISS 1000, SND.UNA 1100, SND.NXT 1121, SND.WND 50; IRS 5000, RCV.NXT 5100,
 * RCV.WND 400. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "model.h"

enum {
    ISS = 1000,
    UNA = 1100,
    NXT = 1121, /* 21 outstanding: FIN is the last of them where it was sent */
    WND = 50,
    IRS = 5000,
    RCV = 5100,
    RCV_WND = 400,
    F = TCP_FIN,
    S = TCP_SYN,
    R = TCP_RST,
    A = TCP_ACK,
    U = TCP_URG
};

static struct model_conn in_state(enum model_state state)
{
    struct model_conn c = {.state = state,
                           .held = true,
                           .listener = true,
                           .iss = seq_make(ISS),
                           .irs = seq_make(IRS),
                           .snd_una = seq_make(UNA),
                           .snd_nxt = seq_make(NXT),
                           .snd_wl1 = seq_make(RCV),
                           .snd_wl2 = seq_make(UNA),
                           .snd_wnd = WND,
                           .snd_wnd_max = WND,
                           .rcv_nxt = seq_make(RCV),
                           .rcv_wnd = RCV_WND,
                           .consumed = seq_make(RCV)};
    c.fin_sent = state == MODEL_FIN_WAIT_1 || state == MODEL_CLOSING || state == MODEL_LAST_ACK ||
                 state == MODEL_FIN_WAIT_2 || state == MODEL_TIME_WAIT;
    if (state == MODEL_FIN_WAIT_2 || state == MODEL_TIME_WAIT)
        c.snd_una = c.snd_nxt;
    if (state == MODEL_SYN_SENT || state == MODEL_SYN_RECEIVED) {
        c.snd_una = c.iss;
        c.snd_nxt = seq_make(ISS + 1);
        c.rcv_nxt = seq_make(IRS + 1);
        c.snd_wnd = c.snd_wnd_max = 0;
    }
    return c;
}

static struct model_segment segment(unsigned flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    return (struct model_segment){.flags = flags,
                                  .seq = seq_make(seq),
                                  .ack = seq_make(ack),
                                  .len = len,
                                  .window = WND + 1,
                                  .urgent = 1};
}

static struct model_result arrives(const struct model_conn *c, unsigned flags, uint32_t seq,
                                   uint32_t ack, uint32_t len)
{
    struct model_segment s = segment(flags, seq, ack, len);
    return model_segment_arrives(c, &s);
}

static struct model_result to(enum model_state state, unsigned flags, uint32_t seq, uint32_t ack,
                              uint32_t len)
{
    struct model_conn c = in_state(state);
    return arrives(&c, flags, seq, ack, len);
}

static void assert_result(const struct model_result *r, enum model_state state,
                          enum model_reply_kind kind, unsigned events)
{
    assert_int_equal(r->conn.state, state);
    assert_int_equal(r->reply.kind, kind);
    assert_int_equal(r->events, events);
}

static void assert_reply(const struct model_result *r, uint32_t seq, uint32_t ack)
{
    assert_int_equal(r->reply.seq.v, seq);
    if (r->reply.kind != MODEL_RST)
        assert_int_equal(r->reply.ack.v, ack);
}

/* All in state "Other" but SYN-RECEIVED. */
static const enum model_state synchronized[] = {
    MODEL_ESTABLISHED, MODEL_FIN_WAIT_1, MODEL_FIN_WAIT_2, MODEL_CLOSE_WAIT,
    MODEL_CLOSING,     MODEL_LAST_ACK,   MODEL_TIME_WAIT,
};
enum { SYNCHRONIZED = sizeof synchronized / sizeof synchronized[0] };

/* ---- 3.10.7.1 ---- */

static void test_closed_discards_reset(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_CLOSED, R, 7, 9, 3);
    assert_result(&r, MODEL_CLOSED, MODEL_SILENT, 0);
    r = to(MODEL_CLOSED, S | F | R | A, 7, 9, 3);
    assert_result(&r, MODEL_CLOSED, MODEL_SILENT, 0);
}

static void test_closed_resets_what_has_no_ack(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_CLOSED, S | F, 7, 9, 3);
    assert_result(&r, MODEL_CLOSED, MODEL_RST_ACK, 0);
    assert_reply(&r, 0, 7 + 3 + 2);
    r = to(MODEL_CLOSED, 0, 7, 9, 0);
    assert_result(&r, MODEL_CLOSED, MODEL_RST_ACK, 0);
    assert_reply(&r, 0, 7);
}

static void test_closed_resets_what_has_an_ack(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_CLOSED, A | S, 7, 9, 3);
    assert_result(&r, MODEL_CLOSED, MODEL_RST, 0);
    assert_reply(&r, 9, 0);
}

/* ---- 3.10.7.2 ---- */

static void test_listen_ignores_reset(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_LISTEN, R | A | S, 7, 9, 0);
    assert_result(&r, MODEL_LISTEN, MODEL_SILENT, 0);
}

static void test_listen_resets_any_ack(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_LISTEN, S | A, 7, 9, 0);
    assert_result(&r, MODEL_LISTEN, MODEL_RST, 0);
    assert_reply(&r, 9, 0);
}

static void test_listen_takes_syn(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_LISTEN, S, 7, 9, 3);
    assert_result(&r, MODEL_SYN_RECEIVED, MODEL_SYN_ACK, 0);
    assert_true(r.reply.seq_drawn && r.conn.passive);
    assert_int_equal(r.reply.ack.v, 8);
    assert_int_equal(r.conn.irs.v, 7);
    assert_int_equal(r.conn.rcv_nxt.v, 8);
    assert_int_equal(seq_diff(r.conn.snd_nxt, r.conn.snd_una), 1);
    assert_int_equal(r.queued_max, 3);
}

static void test_listen_drops_everything_else(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_LISTEN, F | U, 7, 9, 3);
    assert_result(&r, MODEL_LISTEN, MODEL_SILENT, 0);
    r = to(MODEL_LISTEN, 0, 7, 9, 3);
    assert_result(&r, MODEL_LISTEN, MODEL_SILENT, 0);
    r = to(MODEL_LISTEN, S | F, 7, 9, 0); /* policy */
    assert_result(&r, MODEL_LISTEN, MODEL_SILENT, 0);
}

/* ---- 3.10.7.3 ---- */

static void test_syn_sent_resets_a_bad_ack(void **state)
{
    (void)state;
    const uint32_t bad[] = {ISS, ISS + 2, ISS - 5, ISS + 1 + 0x80000000U};
    for (unsigned i = 0; i < 4; i++) {
        struct model_result r = to(MODEL_SYN_SENT, S | A, 7, bad[i], 0);
        assert_result(&r, MODEL_SYN_SENT, MODEL_RST, 0);
        assert_reply(&r, bad[i], 0);
        r = to(MODEL_SYN_SENT, R | A, 7, bad[i], 0);
        assert_result(&r, MODEL_SYN_SENT, MODEL_SILENT, 0);
    }
}

static void test_syn_sent_is_refused_with_a_good_ack_only(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_SYN_SENT, R | A, 7, ISS + 1, 0);
    assert_result(&r, MODEL_CLOSED, MODEL_SILENT, MODEL_REFUSED);
    r = to(MODEL_SYN_SENT, R, 7, ISS + 1, 0);
    assert_result(&r, MODEL_SYN_SENT, MODEL_SILENT, 0);
    r = to(MODEL_SYN_SENT, R | S | A, 7, ISS + 1, 0);
    assert_result(&r, MODEL_CLOSED, MODEL_SILENT, MODEL_REFUSED);
}

static void test_syn_sent_becomes_established(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_SYN_SENT, S | A, 7, ISS + 1, 0);
    assert_result(&r, MODEL_ESTABLISHED, MODEL_ACK, MODEL_CONNECTED);
    assert_reply(&r, ISS + 1, 8);
    assert_int_equal(r.conn.snd_una.v, ISS + 1);
    assert_int_equal(r.conn.snd_wnd, WND + 1);
}

static void test_syn_sent_goes_on_with_text_and_fin(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_SYN_SENT, S | A | F, 7, ISS + 1, 10);
    assert_result(&r, MODEL_CLOSE_WAIT, MODEL_ACK, MODEL_CONNECTED | MODEL_PEER_CLOSED);
    assert_reply(&r, ISS + 1, 7 + 1 + 10 + 1);
    assert_int_equal(r.taken, 10);
    assert_int_equal(r.skipped, 0);
}

static void test_syn_sent_opens_simultaneously(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_SYN_SENT, S, 7, 0, 0);
    assert_result(&r, MODEL_SYN_RECEIVED, MODEL_SYN_ACK, 0);
    assert_false(r.conn.passive);
    assert_reply(&r, ISS, 8);
    r = to(MODEL_SYN_SENT, S | F, 7, 0, 10); /* queued until ESTABLISHED */
    assert_result(&r, MODEL_SYN_RECEIVED, MODEL_SYN_ACK, 0);
    assert_int_equal(r.queued_max, 10);
}

static void test_syn_sent_drops_what_has_neither_syn_nor_rst(void **state)
{
    (void)state;
    const unsigned flags[] = {A, A | F, 0, F, U | A};
    for (unsigned i = 0; i < 5; i++) {
        struct model_result r = to(MODEL_SYN_SENT, flags[i], 7, ISS + 1, 5);
        assert_result(&r, MODEL_SYN_SENT, MODEL_SILENT, 0);
    }
}

/* ---- 3.10.7.4 first ---- */

static void test_table_6(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_ESTABLISHED), shut = c;
    shut.rcv_wnd = 0;
    const struct {
        uint32_t seq, len;
        bool open, closed;
    } t[] = {
        {RCV, 0, true, true},
        {RCV - 1, 0, false, false},
        {RCV + 1, 0, true, false},
        {RCV + RCV_WND - 1, 0, true, false},
        {RCV + RCV_WND, 0, false, false},
        {RCV, 1, true, false},
        {RCV - 1, 1, false, false},
        {RCV - 1, 2, true, false},
        {RCV - 5, 5, false, false},
        {RCV + RCV_WND - 1, 9, true, false},
        {RCV + RCV_WND, 9, false, false},
        {RCV - 1, 2 + RCV_WND, true, false}, /* policy: neither end is in the window */
    };
    for (unsigned i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct model_segment s = segment(A, t[i].seq, UNA, t[i].len);
        assert_int_equal(model_acceptable(&c, &s, false), t[i].open);
        assert_int_equal(model_acceptable(&shut, &s, false), t[i].closed);
    }
}

static void test_unacceptable_is_answered_and_dropped(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SYNCHRONIZED; i++) {
        struct model_conn c = in_state(synchronized[i]);
        for (unsigned flags = 0; flags < 256; flags++) {
            struct model_result r = arrives(&c, flags & ~(unsigned)F, RCV - 30, NXT, 5);
            bool silent = (flags & R) != 0;
            assert_result(&r, c.state, silent ? MODEL_SILENT : MODEL_ACK, 0);
            if (!silent)
                assert_reply(&r, NXT, RCV);
            assert_int_equal(r.conn.snd_una.v, c.snd_una.v);
        }
    }
}

static void test_zero_window_takes_ack_and_urg_but_no_text(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_ESTABLISHED);
    c.rcv_wnd = 0;
    struct model_result r = arrives(&c, A | U | F, RCV, NXT, 5);
    assert_result(&r, MODEL_ESTABLISHED, MODEL_ACK, MODEL_URGENT);
    assert_reply(&r, NXT, RCV);
    assert_int_equal(r.conn.snd_una.v, NXT);
    assert_int_equal(r.taken + r.held, 0);
    r = arrives(&c, R, RCV, 0, 5);
    assert_result(&r, MODEL_CLOSED, MODEL_SILENT, MODEL_RESET);
    r = arrives(&c, R, RCV + 1, 0, 0);
    assert_result(&r, MODEL_ESTABLISHED, MODEL_SILENT, 0);
}

static void test_straddling_segments_are_trimmed(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_ESTABLISHED, A, RCV - 3, UNA, 10);
    assert_result(&r, MODEL_ESTABLISHED, MODEL_ACK, 0);
    assert_int_equal(r.skipped, 3);
    assert_int_equal(r.taken, 7);
    assert_int_equal(r.conn.rcv_nxt.v, RCV + 7);
    r = to(MODEL_ESTABLISHED, A | F, RCV, UNA, RCV_WND + 10); /* the FIN lies outside */
    assert_result(&r, MODEL_ESTABLISHED, MODEL_ACK, 0);
    assert_int_equal(r.taken, RCV_WND);
    assert_reply(&r, NXT, RCV + RCV_WND);
}

static void test_text_above_a_hole_is_held(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_ESTABLISHED, A | F, RCV + 10, NXT, 10);
    assert_result(&r, MODEL_ESTABLISHED, MODEL_ACK, 0);
    assert_reply(&r, NXT, RCV);
    assert_int_equal(r.held, 10);
    assert_true(r.fin_held && r.fin_at.v == RCV + 20);
    assert_int_equal(r.conn.snd_una.v, NXT);
}

static void test_syn_of_a_handshake_comes_again(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_SYN_RECEIVED);
    c.passive = true;
    struct model_result r = arrives(&c, S, IRS, 0, 0);
    assert_result(&r, MODEL_SYN_RECEIVED, MODEL_SYN_ACK, 0);
    assert_reply(&r, ISS, IRS + 1);
    c.passive = false;
    r = arrives(&c, S | A, IRS, ISS + 1, 0); /* figure 7, line 6 */
    assert_result(&r, MODEL_ESTABLISHED, MODEL_SILENT, MODEL_CONNECTED);
}

static void test_missing_timestamp(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_ESTABLISHED);
    c.timestamps = true;
    struct model_result r = arrives(&c, A, RCV, NXT, 5);
    assert_result(&r, MODEL_ESTABLISHED, MODEL_SILENT, 0);
    assert_int_equal(r.taken, 0);
    r = arrives(&c, R, RCV, NXT, 5);
    assert_result(&r, MODEL_CLOSED, MODEL_SILENT, MODEL_RESET);
}

static void test_old_timestamp(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_ESTABLISHED);
    c.timestamps = true;
    struct model_segment s = segment(A, RCV, NXT, 5);
    s.timestamps = s.timestamps_old = true;
    struct model_result r = model_segment_arrives(&c, &s);
    assert_result(&r, MODEL_ESTABLISHED, MODEL_ACK, 0);
    assert_reply(&r, NXT, RCV);
    s.flags = R;
    r = model_segment_arrives(&c, &s);
    assert_result(&r, MODEL_CLOSED, MODEL_SILENT, MODEL_RESET);
}

static void test_answer_when_the_window_has_shrunk(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_ESTABLISHED);
    c.snd_wnd = 5;
    struct model_result r = arrives(&c, A, RCV - 1, UNA, 0);
    assert_int_equal(r.reply.kind, MODEL_ACK);
    assert_reply(&r, UNA + 5, RCV);
    c.snd_wnd = NXT - UNA;
    r = arrives(&c, A, RCV - 1, UNA, 0);
    assert_reply(&r, NXT, RCV);
}

/* ---- 3.10.7.4 second ---- */

static void test_reset_of_a_handshake(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_SYN_RECEIVED);
    c.passive = true;
    struct model_result r = arrives(&c, R, IRS + 1, 0, 0);
    assert_result(&r, MODEL_LISTEN, MODEL_SILENT, 0);
    c.passive = false;
    r = arrives(&c, R | A, IRS + 1, 0, 0);
    assert_result(&r, MODEL_CLOSED, MODEL_SILENT, MODEL_REFUSED);
    r = arrives(&c, R, IRS + 2, 0, 0);
    assert_result(&r, MODEL_SYN_RECEIVED, MODEL_ACK, 0);
}

static void test_reset_must_be_exact(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SYNCHRONIZED; i++) {
        enum model_state in = synchronized[i];
        unsigned told = in == MODEL_CLOSING || in == MODEL_LAST_ACK ? MODEL_GONE : MODEL_RESET;
        bool waits = in == MODEL_TIME_WAIT; /* RFC 1337 */
        struct model_result r = to(in, R | S | F | U, RCV, 0, 5);
        assert_result(&r, waits ? in : MODEL_CLOSED, MODEL_SILENT, waits ? 0 : told);
        r = to(in, R | A, RCV + 1, NXT, 0);
        assert_result(&r, in, waits ? MODEL_SILENT : MODEL_ACK, 0);
        r = to(in, R, RCV - 1, NXT, 5); /* begins left of the window, ends in it */
        assert_result(&r, in, MODEL_SILENT, 0);
        r = to(in, R, RCV + RCV_WND, NXT, 0);
        assert_result(&r, in, MODEL_SILENT, 0);
    }
}

/* ---- 3.10.7.4 fourth ---- */

static void test_syn_in_a_handshake(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_SYN_RECEIVED);
    c.passive = true;
    struct model_result r = arrives(&c, S, IRS + 1, 0, 0);
    assert_result(&r, MODEL_SYN_RECEIVED, MODEL_ACK, 0); /* policy */
    c.passive = false;
    r = arrives(&c, S, IRS + 1, 0, 0);
    assert_result(&r, MODEL_SYN_RECEIVED, MODEL_ACK, 0);
}

static void test_syn_in_a_connection_is_challenged(void **state)
{
    (void)state;
    const uint32_t seqs[] = {RCV - 2000, RCV - 1, RCV, RCV + 7};
    for (unsigned i = 0; i < SYNCHRONIZED; i++) {
        struct model_conn c = in_state(synchronized[i]);
        c.listener = false;
        for (unsigned k = 0; k < 4; k++) {
            struct model_result r = arrives(&c, S | A, seqs[k], NXT, 0);
            assert_result(&r, c.state, MODEL_ACK, 0);
            assert_reply(&r, NXT, RCV);
            r = arrives(&c, S, seqs[k], 0, 3);
            assert_result(&r, c.state, MODEL_ACK, 0);
        }
    }
}

static void test_syn_in_time_wait_begins_anew(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_TIME_WAIT, S, RCV + 100000, 0, 0);
    assert_result(&r, MODEL_SYN_RECEIVED, MODEL_SYN_ACK, 0);
    assert_true(r.reply.seq_drawn);
    assert_int_equal(r.reply.ack.v, RCV + 100001);
    r = to(MODEL_TIME_WAIT, S, RCV, 0, 0);
    assert_result(&r, MODEL_TIME_WAIT, MODEL_ACK, 0);
    assert_reply(&r, NXT, RCV);
    r = to(MODEL_TIME_WAIT, S | A, RCV + 100, NXT, 0);
    assert_result(&r, MODEL_TIME_WAIT, MODEL_ACK, 0);
}

/* ---- 3.10.7.4 fifth ---- */

static void test_no_ack_is_dropped(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SYNCHRONIZED; i++) {
        struct model_result r = to(synchronized[i], F | U, RCV, NXT, 5);
        assert_result(&r, synchronized[i], MODEL_SILENT, 0);
        assert_int_equal(r.taken + r.held, 0);
    }
}

static void test_ack_range(void **state)
{
    (void)state;
    const struct {
        uint32_t ack;
        bool good;
    } t[] = {{UNA - WND, true}, {UNA - WND - 1, false}, {NXT, true}, {NXT + 1, false}};
    for (unsigned i = 0; i < 4; i++) {
        struct model_result r = to(MODEL_ESTABLISHED, A, RCV, t[i].ack, 5);
        assert_result(&r, MODEL_ESTABLISHED, MODEL_ACK, 0);
        assert_int_equal(r.taken, t[i].good ? 5 : 0);
    }
    struct model_conn c = in_state(MODEL_ESTABLISHED);
    c.snd_wnd_max = 1U << 30; /* ATK-BLD-07: never below ISS+1 */
    struct model_result r = arrives(&c, A, RCV, ISS, 5);
    assert_int_equal(r.taken, 0);
    r = arrives(&c, A, RCV, ISS + 1, 5);
    assert_int_equal(r.taken, 5);
}

static void test_syn_received_and_ack(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_SYN_RECEIVED, A, IRS + 1, ISS + 1, 5);
    assert_result(&r, MODEL_ESTABLISHED, MODEL_ACK, MODEL_CONNECTED);
    assert_int_equal(r.conn.snd_wnd, WND + 1);
    assert_int_equal(r.taken, 5);
    const uint32_t bad[] = {ISS, ISS + 2, ISS - 500};
    for (unsigned i = 0; i < 3; i++) {
        r = to(MODEL_SYN_RECEIVED, A, IRS + 1, bad[i], 5);
        assert_result(&r, MODEL_SYN_RECEIVED, MODEL_RST, 0);
        assert_reply(&r, bad[i], 0);
    }
    r = to(MODEL_SYN_RECEIVED, A | F, IRS + 1, ISS + 1, 0);
    assert_result(&r, MODEL_CLOSE_WAIT, MODEL_ACK, MODEL_CONNECTED | MODEL_PEER_CLOSED);
}

static void test_ack_moves_the_left_edge(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_ESTABLISHED, A, RCV, UNA + 5, 0);
    assert_result(&r, MODEL_ESTABLISHED, MODEL_SILENT, 0);
    assert_int_equal(r.conn.snd_una.v, UNA + 5);
    r = to(MODEL_CLOSE_WAIT, A, RCV, UNA - 1, 0);
    assert_result(&r, MODEL_CLOSE_WAIT, MODEL_SILENT, 0);
    assert_int_equal(r.conn.snd_una.v, UNA);
}

static void test_window_is_updated_by_newer_segments_only(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_ESTABLISHED);
    struct model_result r = arrives(&c, A, RCV, UNA, 0);
    assert_int_equal(r.conn.snd_wnd, WND + 1);
    assert_int_equal(r.conn.snd_wnd_max, WND + 1);
    c.snd_wl1 = seq_make(RCV + 1);
    r = arrives(&c, A, RCV, UNA, 0);
    assert_int_equal(r.conn.snd_wnd, WND);
    c.snd_wl1 = seq_make(RCV);
    c.snd_wl2 = seq_make(UNA + 1);
    r = arrives(&c, A, RCV, UNA, 0);
    assert_int_equal(r.conn.snd_wnd, WND);
    c.snd_wl1 = seq_make(RCV + 1); /* its ACK counts, its window does not: the edge stays */
    r = arrives(&c, A, RCV, UNA + 10, 0);
    assert_int_equal(r.conn.snd_una.v, UNA + 10);
    assert_int_equal(r.conn.snd_wnd, WND - 10);
    r = to(MODEL_ESTABLISHED, A, RCV, UNA - 1, 0); /* older than SND.UNA */
    assert_int_equal(r.conn.snd_wnd, WND);
}

static void test_ack_of_our_fin(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_FIN_WAIT_1, A, RCV, NXT - 1, 0);
    assert_result(&r, MODEL_FIN_WAIT_1, MODEL_SILENT, 0);
    r = to(MODEL_FIN_WAIT_1, A, RCV, NXT, 0);
    assert_result(&r, MODEL_FIN_WAIT_2, MODEL_SILENT, 0);
    r = to(MODEL_CLOSING, A, RCV, NXT - 1, 0);
    assert_result(&r, MODEL_CLOSING, MODEL_SILENT, 0);
    r = to(MODEL_CLOSING, A, RCV, NXT, 0);
    assert_result(&r, MODEL_TIME_WAIT, MODEL_SILENT, 0);
    r = to(MODEL_LAST_ACK, A, RCV, NXT - 1, 0);
    assert_result(&r, MODEL_LAST_ACK, MODEL_SILENT, 0);
    r = to(MODEL_LAST_ACK, A, RCV, NXT, 0);
    assert_result(&r, MODEL_CLOSED, MODEL_SILENT, MODEL_GONE);
}

static void test_time_wait_restarts_with_the_fin(void **state)
{
    (void)state;
    struct model_result r = to(MODEL_TIME_WAIT, A | F, RCV - 1, NXT, 0);
    assert_result(&r, MODEL_TIME_WAIT, MODEL_ACK, MODEL_RESTARTED);
    assert_reply(&r, NXT, RCV);
    r = to(MODEL_TIME_WAIT, A, RCV, NXT, 0);
    assert_result(&r, MODEL_TIME_WAIT, MODEL_SILENT, 0);
}

/* ---- RFC 4987 3.6 ---- */

static void test_cookie_comes_back(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_LISTEN);
    c.cookies = true;
    c.rcv_nxt = seq_make(IRS + 1);
    struct model_result r = arrives(&c, S, IRS, 0, 7); /* nothing is kept, not even text */
    assert_result(&r, MODEL_LISTEN, MODEL_SYN_ACK, 0);
    assert_true(r.reply.seq_drawn);
    assert_int_equal(r.reply.ack.v, IRS + 1);
    assert_int_equal(r.queued_max, 0);
    r = arrives(&c, A, IRS + 1, ISS + 1, 0);
    assert_result(&r, MODEL_ESTABLISHED, MODEL_SILENT, MODEL_CONNECTED);
    assert_int_equal(r.conn.snd_una.v, ISS + 1);
    assert_int_equal(r.conn.snd_nxt.v, ISS + 1);
    assert_int_equal(r.conn.rcv_nxt.v, IRS + 1);
    assert_int_equal(r.conn.snd_wnd, WND + 1);
    r = arrives(&c, A | F, IRS + 1, ISS + 1, 7); /* and on as in ESTABLISHED */
    assert_result(&r, MODEL_CLOSE_WAIT, MODEL_ACK, MODEL_CONNECTED | MODEL_PEER_CLOSED);
    assert_int_equal(r.taken, 7);
    assert_reply(&r, ISS + 1, IRS + 9);
    r = arrives(&c, A | R, IRS + 1, ISS + 1, 0);
    assert_result(&r, MODEL_LISTEN, MODEL_SILENT, 0);
    r = arrives(&c, A, IRS + 2, ISS + 1, 0); /* what follows it, when it is lost */
    assert_result(&r, MODEL_LISTEN, MODEL_SILENT, 0);
    r = arrives(&c, A, IRS + 1, ISS + 2, 0);
    assert_result(&r, MODEL_LISTEN, MODEL_RST_OPTIONAL, 0);
    assert_int_equal(r.reply.seq.v, ISS + 2);
    for (unsigned i = 0; i < 2; i++) { /* what is none */
        r = arrives(&c, i == 0 ? A | S : A, IRS + 1, ISS + 1 + (i << 20), 0);
        assert_result(&r, MODEL_LISTEN, MODEL_RST, 0);
        assert_reply(&r, ISS + 1 + (i << 20), 0);
    }
}

/* ---- RFC 7413 4.2.2 ---- */

static void test_reset_of_what_is_open_fast_is_told(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_SYN_RECEIVED);
    c.passive = c.fast = true;
    struct model_result r = arrives(&c, R, IRS + 1, 0, 0);
    assert_result(&r, MODEL_CLOSED, MODEL_SILENT, MODEL_RESET);
    r = arrives(&c, R, IRS + 2, 0, 0);
    assert_result(&r, MODEL_SYN_RECEIVED, MODEL_ACK, 0);
    r = arrives(&c, A, IRS + 1, ISS + 1, 0);
    assert_result(&r, MODEL_ESTABLISHED, MODEL_SILENT, MODEL_CONNECTED);
}

static void test_data_of_a_syn_may_go_again(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_SYN_SENT);
    c.snd_nxt = seq_make(ISS + 21);
    for (uint32_t acked = 1; acked <= 21; acked += 10) {
        struct model_result r = arrives(&c, S | A, IRS, ISS + acked, 0);
        assert_result(&r, MODEL_ESTABLISHED, MODEL_ACK, MODEL_CONNECTED);
        assert_int_equal(r.conn.snd_una.v, ISS + acked);
        assert_int_equal(r.again_max, 21 - acked);
    }
    struct model_result r = arrives(&c, S | A, IRS, ISS + 22, 0);
    assert_result(&r, MODEL_SYN_SENT, MODEL_RST, 0);
}

/* ---- 3.10.7.4 sixth, seventh, eighth ---- */

static void test_urgent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SYNCHRONIZED; i++) {
        bool told = i < 3; /* ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 */
        struct model_result r = to(synchronized[i], A | U, RCV, NXT - 1, 0);
        assert_int_equal(r.events & MODEL_URGENT, told ? MODEL_URGENT : 0);
    }
    struct model_conn c = in_state(MODEL_ESTABLISHED);
    struct model_segment s = segment(A | U, RCV, UNA, 0);
    s.urgent = 0; /* not in advance of what was consumed */
    struct model_result r = model_segment_arrives(&c, &s);
    assert_int_equal(r.events, 0);
    s.urgent = 5;
    r = model_segment_arrives(&c, &s);
    assert_int_equal(r.events, MODEL_URGENT);
    c = r.conn;
    r = model_segment_arrives(&c, &s); /* told already */
    assert_int_equal(r.events, 0);
    s.urgent = 6;
    r = model_segment_arrives(&c, &s);
    assert_int_equal(r.events, MODEL_URGENT);
}

static void test_text(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SYNCHRONIZED; i++) {
        bool taken = i < 3;
        struct model_conn c = in_state(synchronized[i]);
        struct model_result r = arrives(&c, A, RCV, NXT - 1, 7);
        assert_int_equal(r.taken, taken ? 7 : 0);
        assert_int_equal(r.conn.rcv_nxt.v, RCV + (taken ? 7 : 0));
        assert_int_equal(r.reply.kind, taken ? MODEL_ACK : MODEL_ACK_OPTIONAL);
        assert_int_equal(r.conn.rcv_nxt.v + r.conn.rcv_wnd, RCV + RCV_WND);
    }
}

static void test_text_that_nobody_will_read_is_answered_by_reset(void **state)
{
    (void)state;
    struct model_conn c = in_state(MODEL_FIN_WAIT_2);
    c.held = false;
    struct model_result r = arrives(&c, A, RCV, NXT, 7);
    assert_result(&r, MODEL_CLOSED, MODEL_RST, MODEL_ABORTED);
    assert_reply(&r, NXT, 0);
    r = arrives(&c, A | F, RCV, NXT, 0);
    assert_result(&r, MODEL_TIME_WAIT, MODEL_ACK, MODEL_PEER_CLOSED);
}

static void test_fin(void **state)
{
    (void)state;
    const struct {
        enum model_state in, next;
        uint32_t ack;
    } t[] = {
        {MODEL_ESTABLISHED, MODEL_CLOSE_WAIT, NXT},
        {MODEL_FIN_WAIT_1, MODEL_CLOSING, NXT - 1},
        {MODEL_FIN_WAIT_1, MODEL_TIME_WAIT, NXT},
        {MODEL_FIN_WAIT_2, MODEL_TIME_WAIT, NXT},
    };
    for (unsigned i = 0; i < 4; i++) {
        struct model_result r = to(t[i].in, A | F, RCV, t[i].ack, 7);
        assert_result(&r, t[i].next, MODEL_ACK, MODEL_PEER_CLOSED);
        assert_reply(&r, NXT, RCV + 8);
        assert_int_equal(r.taken, 7);
        r = to(t[i].in, A | F, RCV - 7, t[i].ack, 7); /* its text is old */
        assert_result(&r, t[i].next, MODEL_ACK, MODEL_PEER_CLOSED);
        assert_reply(&r, NXT, RCV + 1);
    }
    for (unsigned i = 3; i < SYNCHRONIZED; i++) {
        struct model_result r = to(synchronized[i], A | F, RCV, NXT - 1, 0);
        assert_result(&r, synchronized[i], MODEL_ACK_OPTIONAL, 0);
        assert_int_equal(r.conn.rcv_nxt.v, RCV);
    }
}

/* ---- the table itself ---- */

static void test_rules_stand_in_order_and_can_all_hold(void **state)
{
    (void)state;
    bool hit[200] = {false};
    assert_true(model_rule_count < 200);
    for (unsigned i = 1; i < model_rule_count; i++)
        assert_true(model_rules[i - 1].step <= model_rules[i].step);
    const uint32_t seqs[] = {RCV - 100, RCV - 7, RCV - 1, RCV, RCV + 5, RCV + 9000, IRS, IRS + 1};
    const uint32_t acks[] = {ISS, ISS + 1, UNA, NXT - 1, NXT, NXT + (1 << 20)};
    for (unsigned n = 0; n < 11U * 256 * 8 * 6 * 16; n++) {
        unsigned v = n;
        struct model_conn c = in_state((enum model_state)(1 + v % 11));
        v /= 11;
        struct model_segment s = segment(v % 256, seqs[v / 256 % 8], acks[v / 256 / 8 % 6], 0);
        v /= 256 * 8 * 6;
        s.len = (v & 1) != 0 ? 8 : 0;
        c.held = (v & 2) != 0;
        c.passive = (v & 4) != 0;
        c.cookies = c.passive && c.state == MODEL_LISTEN;
        c.fast = c.passive && !c.held;
        c.timestamps = (v & 8) != 0;
        if (c.timestamps && c.passive)
            c.rcv_wnd = 0;
        s.timestamps = c.passive || (s.flags & TCP_CWR) != 0;
        s.timestamps_old = s.timestamps && (s.flags & TCP_ECE) != 0;
        struct model_result r = model_segment_arrives(&c, &s);
        assert_true(r.hit_count < MODEL_RULES_HIT_MAX);
        for (unsigned i = 0; i < r.hit_count; i++)
            hit[r.hit[i] - model_rules] = true;
    }
    for (unsigned i = 0; i < model_rule_count; i++)
        if (!hit[i])
            fail_msg("never holds: %s", model_rules[i].where);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_discards_reset),
        cmocka_unit_test(test_closed_resets_what_has_no_ack),
        cmocka_unit_test(test_closed_resets_what_has_an_ack),
        cmocka_unit_test(test_listen_ignores_reset),
        cmocka_unit_test(test_listen_resets_any_ack),
        cmocka_unit_test(test_listen_takes_syn),
        cmocka_unit_test(test_listen_drops_everything_else),
        cmocka_unit_test(test_syn_sent_resets_a_bad_ack),
        cmocka_unit_test(test_syn_sent_is_refused_with_a_good_ack_only),
        cmocka_unit_test(test_syn_sent_becomes_established),
        cmocka_unit_test(test_syn_sent_goes_on_with_text_and_fin),
        cmocka_unit_test(test_syn_sent_opens_simultaneously),
        cmocka_unit_test(test_syn_sent_drops_what_has_neither_syn_nor_rst),
        cmocka_unit_test(test_table_6),
        cmocka_unit_test(test_unacceptable_is_answered_and_dropped),
        cmocka_unit_test(test_zero_window_takes_ack_and_urg_but_no_text),
        cmocka_unit_test(test_straddling_segments_are_trimmed),
        cmocka_unit_test(test_text_above_a_hole_is_held),
        cmocka_unit_test(test_syn_of_a_handshake_comes_again),
        cmocka_unit_test(test_missing_timestamp),
        cmocka_unit_test(test_old_timestamp),
        cmocka_unit_test(test_answer_when_the_window_has_shrunk),
        cmocka_unit_test(test_reset_of_a_handshake),
        cmocka_unit_test(test_reset_must_be_exact),
        cmocka_unit_test(test_syn_in_a_handshake),
        cmocka_unit_test(test_syn_in_a_connection_is_challenged),
        cmocka_unit_test(test_syn_in_time_wait_begins_anew),
        cmocka_unit_test(test_no_ack_is_dropped),
        cmocka_unit_test(test_ack_range),
        cmocka_unit_test(test_syn_received_and_ack),
        cmocka_unit_test(test_ack_moves_the_left_edge),
        cmocka_unit_test(test_window_is_updated_by_newer_segments_only),
        cmocka_unit_test(test_ack_of_our_fin),
        cmocka_unit_test(test_time_wait_restarts_with_the_fin),
        cmocka_unit_test(test_cookie_comes_back),
        cmocka_unit_test(test_reset_of_what_is_open_fast_is_told),
        cmocka_unit_test(test_data_of_a_syn_may_go_again),
        cmocka_unit_test(test_urgent),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_that_nobody_will_read_is_answered_by_reset),
        cmocka_unit_test(test_fin),
        cmocka_unit_test(test_rules_stand_in_order_and_can_all_hold),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
