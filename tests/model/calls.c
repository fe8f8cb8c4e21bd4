/* SPDX-License-Identifier: MIT
 * The user calls of RFC 9293 section 3.10.1 to 3.10.6 in every state, by a table of what each
 * answers, sends and leaves behind. Errors have the names of weir/tcp.h for the RFC's strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

/* Answers, short enough for a table. */
enum {
    OK = WEIR_OK,
    NO_CONNECTION = WEIR_E_NOT_CONNECTED, /* "connection does not exist" */
    EXISTS = WEIR_E_INVALID,              /* "connection already exists" */
    CLOSING = WEIR_E_CLOSED,              /* "connection closing", to SEND */
    QUEUED = WEIR_E_WOULD_BLOCK,          /* to RECEIVE: to be asked again */
    END = 0,                              /* "connection closing", to RECEIVE */
    TAKEN = 10                            /* octets */
};

enum { SILENT = 0, FIN = TCP_FIN | TCP_ACK, RST = TCP_RST };

struct row {
    enum rig_setup setup;
    int open_active, open_passive; /* 3.10.1 */
    int send;                      /* 3.10.2 */
    bool sends;                    /* ... at once */
    int receive;                   /* 3.10.3 */
    unsigned close_sends;          /* 3.10.4 */
    enum model_state closes_to;
    unsigned abort_sends; /* 3.10.5 */
};

/* SYN-SENT and SYN-RECEIVED: SENDs and a half-close wait for ESTABLISHED (3.10.4 has the FIN of a
 * connection in SYN-RECEIVED that has nothing to send go at once, and lets all others wait). */
static const struct row rows[] = {
    {RIG_SYN_SENT, EXISTS, EXISTS, TAKEN, false, QUEUED, SILENT, MODEL_CLOSED, SILENT},
    {RIG_SYN_RECEIVED_ACTIVE, EXISTS, EXISTS, TAKEN, false, QUEUED, SILENT, MODEL_SYN_RECEIVED,
     RST},
    {RIG_ESTABLISHED, EXISTS, EXISTS, TAKEN, true, QUEUED, FIN, MODEL_FIN_WAIT_1, RST},
    {RIG_FIN_WAIT_1, EXISTS, EXISTS, CLOSING, false, QUEUED, SILENT, MODEL_FIN_WAIT_1, RST},
    {RIG_FIN_WAIT_2, EXISTS, EXISTS, CLOSING, false, QUEUED, SILENT, MODEL_FIN_WAIT_2, RST},
    {RIG_CLOSE_WAIT, EXISTS, EXISTS, TAKEN, true, END, FIN, MODEL_LAST_ACK, RST},
    {RIG_CLOSING, EXISTS, EXISTS, CLOSING, false, END, SILENT, MODEL_CLOSING, SILENT},
    {RIG_LAST_ACK, EXISTS, EXISTS, CLOSING, false, END, SILENT, MODEL_LAST_ACK, SILENT},
    {RIG_TIME_WAIT, EXISTS, EXISTS, CLOSING, false, END, SILENT, MODEL_TIME_WAIT, SILENT},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* Run `check` on a fresh connection for each row and family. */
static void for_each(void (*check)(struct rig *r, const struct row *row))
{
    static struct rig r;
    for (unsigned family = 4; family <= 6; family += 2) {
        rig_open(&r, family);
        for (unsigned i = 0; i < ROWS; i++) {
            if (!rig_begin(&r, rows[i].setup))
                fail_msg("%s: %s", rig_setup_name(rows[i].setup), r.trouble);
            check(&r, &rows[i]);
            assert_null(r.trouble);
            assert_true(rig_end(&r));
        }
        rig_close(&r);
    }
}

static unsigned state_of(const struct rig *r)
{
    struct rig_view view = rig_look(r);
    return view.present ? view.info.state : MODEL_CLOSED;
}

/* One segment with these flags, or none; its sequence number is SND.NXT. */
static void assert_sent(struct rig *r, unsigned flags, uint32_t len)
{
    rig_poll(r);
    assert_int_equal(r->out_count, flags != SILENT ? 1 : 0);
    if (flags == SILENT)
        return;
    const struct rig_out *out = &r->out[0];
    unsigned got = out->header.flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);
    assert_true(got == flags || (flags == RST && got == (TCP_RST | TCP_ACK)));
    assert_int_equal(out->len, len);
    assert_int_equal(out->header.seq.v, r->conn.snd_nxt.v);
    if ((got & TCP_ACK) != 0)
        assert_int_equal(out->header.ack.v, r->conn.rcv_nxt.v);
}

static void check_open(struct rig *r, const struct row *row)
{
    assert_int_equal(weir_tcp_connect(r->stack, r->handle, &r->remote, 99), row->open_active);
    assert_int_equal(weir_tcp_listen(r->stack, r->handle, 1), row->open_passive);
    assert_sent(r, SILENT, 0);
    assert_int_equal(state_of(r), r->conn.state);
}

static void test_open_of_a_connection_says_that_it_exists(void **state)
{
    (void)state;
    for_each(check_open);
}

static void check_send(struct rig *r, const struct row *row)
{
    uint8_t data[TAKEN] = {1, 2, 3};
    assert_int_equal(weir_tcp_send(r->stack, r->handle, data, sizeof data, 0), row->send);
    assert_sent(r, row->sends ? TCP_ACK : SILENT, sizeof data);
    assert_int_equal(state_of(r), r->conn.state);
}

static void test_send(void **state)
{
    (void)state;
    for_each(check_send);
}

static void check_receive(struct rig *r, const struct row *row)
{
    uint8_t data[TAKEN];
    assert_int_equal(weir_tcp_receive(r->stack, r->handle, data, sizeof data, 0), row->receive);
    assert_sent(r, SILENT, 0);
    assert_int_equal(state_of(r), r->conn.state);
}

static void test_receive(void **state)
{
    (void)state;
    for_each(check_receive);
}

static void check_close(struct rig *r, const struct row *row)
{
    assert_int_equal(weir_tcp_close(r->stack, r->handle), OK);
    assert_sent(r, row->close_sends, 0);
    assert_int_equal(state_of(r), row->closes_to);
    assert_int_equal(weir_tcp_close(r->stack, r->handle), WEIR_E_STALE);
    r->handle = (weir_handle){0};
    rig_poll(r);
    assert_int_equal(r->out_count, 0); /* no second FIN */
}

static void test_close(void **state)
{
    (void)state;
    for_each(check_close);
}

static void check_abort(struct rig *r, const struct row *row)
{
    assert_int_equal(weir_tcp_abort(r->stack, r->handle), OK);
    assert_sent(r, row->abort_sends, 0);
    if (row->setup != RIG_TIME_WAIT) /* which keeps its quiet time, whoever goes away */
        assert_int_equal(state_of(r), MODEL_CLOSED);
    assert_int_equal(weir_tcp_abort(r->stack, r->handle), WEIR_E_STALE);
    r->handle = (weir_handle){0};
}

static void test_abort(void **state)
{
    (void)state;
    for_each(check_abort);
}

static void check_status(struct rig *r, const struct row *row)
{
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_info(r->stack, r->handle, &info), OK);
    if (row->setup != RIG_TIME_WAIT) /* the endpoint has no connection any more */
        assert_int_equal(info.state, r->conn.state);
    assert_int_equal(state_of(r), r->conn.state);
}

static void test_status(void **state)
{
    (void)state;
    for_each(check_status);
}

static void test_calls_in_closed(void **state)
{
    (void)state;
    static struct rig r;
    struct weir_tcp_config config = {.size = sizeof config};
    struct weir_tcp_info info;
    uint8_t data[TAKEN] = {0};
    weir_handle handle;
    rig_open(&r, 4);
    assert_int_equal(weir_tcp_open(r.stack, &config, &handle), OK);
    assert_int_equal(weir_tcp_send(r.stack, handle, data, sizeof data, 0), NO_CONNECTION);
    assert_int_equal(weir_tcp_receive(r.stack, handle, data, sizeof data, 0), NO_CONNECTION);
    assert_int_equal(weir_tcp_shutdown(r.stack, handle, WEIR_TCP_SHUT_SEND), NO_CONNECTION);
    assert_int_equal(weir_tcp_info(r.stack, handle, &info), OK);
    assert_int_equal(info.state, MODEL_CLOSED);
    assert_int_equal(weir_tcp_abort(r.stack, handle), OK);
    assert_int_equal(weir_tcp_send(r.stack, handle, data, sizeof data, 0), WEIR_E_STALE);
    rig_poll(&r);
    assert_int_equal(r.out_count, 0);
    rig_close(&r);
}

static void test_calls_in_listen(void **state)
{
    (void)state;
    static struct rig r;
    struct weir_tcp_info info;
    uint8_t data[TAKEN] = {0};
    rig_open(&r, 4);
    assert_int_equal(weir_tcp_info(r.stack, r.listener, &info), OK);
    assert_int_equal(info.state, MODEL_LISTEN);
    assert_int_equal(weir_tcp_listen(r.stack, r.listener, 2), OK); /* another backlog */
    assert_int_equal(weir_tcp_connect(r.stack, r.listener, &r.remote, 99), EXISTS);
    assert_int_equal(weir_tcp_send(r.stack, r.listener, data, sizeof data, 0), NO_CONNECTION);
    assert_int_equal(weir_tcp_receive(r.stack, r.listener, data, sizeof data, 0), NO_CONNECTION);
    assert_int_equal(weir_tcp_close(r.stack, r.listener), OK);
    rig_poll(&r);
    assert_int_equal(r.out_count, 0);
    r.remote_port = 99; /* and from now on nobody is there */
    r.local_port = 80;
    struct model_segment syn = {.flags = TCP_SYN, .seq = seq_make(1)};
    rig_send(&r, &syn);
    assert_int_equal(r.out_count, 1);
    assert_int_equal(r.out[0].header.flags, TCP_RST | TCP_ACK);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_of_a_connection_says_that_it_exists),
        cmocka_unit_test(test_send),
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_calls_in_closed),
        cmocka_unit_test(test_calls_in_listen),
    };
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
