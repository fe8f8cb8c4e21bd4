/* SPDX-License-Identifier: MIT
 * What holds for every segment of a connection: each rule is seen to be broken, and nothing else. */
#include "drill/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t scale_2[] = {1, 3, 3, 2};

static const char *sends(struct watch *w, uint16_t flags, uint32_t seq, uint32_t len,
                         uint32_t ack, uint16_t window)
{
    struct tcp_header h = {
        .seq = seq_make(seq), .ack = seq_make(ack), .flags = flags, .window = window};
    struct weir_ref options = {scale_2, (flags & TCP_SYN) != 0 ? sizeof scale_2 : 0};
    return watch_out(w, &(struct watch_segment){&h, options, len});
}

static void peer(struct watch *w, uint16_t flags, uint32_t seq, uint32_t ack, uint16_t window)
{
    struct tcp_header h = {
        .seq = seq_make(seq), .ack = seq_make(ack), .flags = flags, .window = window};
    struct weir_ref options = {scale_2, (flags & TCP_SYN) != 0 ? sizeof scale_2 : 0};
    watch_in(w, &(struct watch_segment){&h, options, 0});
}

/* A connection with a scale of 2 both ways: SND.NXT is 101 and the peer's window 4000 bytes; RCV.NXT is
 * 501, and the edge that was told 501 + 8000. */
static struct watch established(void)
{
    struct watch w = {0};
    peer(&w, TCP_SYN, 500, 0, 1000);
    assert_null(sends(&w, TCP_SYN | TCP_ACK, 100, 0, 501, 1000));
    peer(&w, TCP_ACK, 501, 101, 1000);
    assert_null(sends(&w, TCP_ACK, 101, 0, 501, 2000));
    return w;
}

static void has(const char *text, const char *part)
{
    assert_non_null(text);
    assert_non_null(strstr(text, part));
}

static void test_what_is_right_passes(void **state)
{
    (void)state;
    struct watch w = established();
    assert_null(sends(&w, TCP_ACK, 101, 4000, 501, 2000));
    assert_null(sends(&w, TCP_ACK, 101, 4000, 501, 2000)); /* again */
    assert_null(sends(&w, TCP_ACK, 4101, 1, 501, 2000));   /* a probe */
    peer(&w, TCP_ACK, 501, 4101, 10);
    assert_null(sends(&w, TCP_ACK | TCP_FIN, 4101, 39, 601, 1975));
    assert_null(sends(&w, TCP_ACK | TCP_FIN, 4101, 39, 601, 1975));
    assert_null(sends(&w, TCP_RST, 9, 0, 0, 0));
}

static void test_acknowledgment_never_goes_back(void **state)
{
    (void)state;
    struct watch w = established();
    assert_null(sends(&w, TCP_ACK, 101, 0, 601, 2000));
    has(sends(&w, TCP_ACK, 101, 0, 600, 2000), "acknowledges");
}

static void test_edge_goes_back_by_rounding_only(void **state)
{
    (void)state;
    struct watch w = established();
    assert_null(sends(&w, TCP_ACK, 101, 0, 502, 1999)); /* 502 + 7996: three less */
    has(sends(&w, TCP_ACK, 101, 0, 501, 2000), "acknowledges");
    w = established();
    has(sends(&w, TCP_ACK, 101, 0, 501, 1999), "right edge"); /* four less */
}

static void test_windows_of_syns_are_not_scaled(void **state)
{
    (void)state;
    struct watch w = {0};
    peer(&w, TCP_SYN, 500, 0, 1000);
    assert_null(sends(&w, TCP_SYN | TCP_ACK, 100, 0, 501, 1000));
    assert_null(sends(&w, TCP_ACK, 101, 0, 501, 250));
    w = (struct watch){0};
    peer(&w, TCP_SYN, 500, 0, 1000);
    assert_null(sends(&w, TCP_SYN | TCP_ACK, 100, 0, 501, 1000));
    has(sends(&w, TCP_ACK, 101, 0, 501, 249), "right edge");
}

static void test_nothing_new_is_beyond_the_window(void **state)
{
    (void)state;
    struct watch w = established();
    has(sends(&w, TCP_ACK, 101, 4001, 501, 2000), "beyond");
    w = established();
    peer(&w, TCP_ACK, 501, 5000, 4000); /* of what was never sent: not believed */
    has(sends(&w, TCP_ACK, 101, 4001, 501, 2000), "beyond");
    w = established();
    has(sends(&w, TCP_ACK, 4101, 2, 501, 2000), "beyond");
    w = established();
    peer(&w, TCP_ACK, 501, 101, 0); /* taken back: it was offered once */
    assert_null(sends(&w, TCP_ACK, 101, 4000, 501, 2000));
}

static void test_fin_is_the_last_and_stays(void **state)
{
    (void)state;
    struct watch w = established();
    assert_null(sends(&w, TCP_ACK | TCP_FIN, 101, 10, 501, 2000));
    struct watch before = w;
    has(sends(&w, TCP_ACK, 112, 1, 501, 2000), "FIN");
    w = before;
    has(sends(&w, TCP_ACK | TCP_FIN, 101, 9, 501, 2000), "FIN");
    w = before;
    assert_null(sends(&w, TCP_ACK, 111, 0, 501, 2000));
}

static void test_reserved_bits_are_zero(void **state)
{
    (void)state;
    struct watch w = established();
    has(sends(&w, TCP_ACK | 0x200, 101, 0, 501, 2000), "reserved");
}

static void test_another_connection_begins_anew(void **state)
{
    (void)state;
    struct watch w = established();
    peer(&w, TCP_SYN, 6, 0, 1000);
    assert_null(sends(&w, TCP_SYN | TCP_ACK, 70, 0, 7, 9));
    peer(&w, TCP_ACK, 7, 71, 1000);
    assert_null(sends(&w, TCP_ACK, 71, 4000, 7, 9));
    has(sends(&w, TCP_ACK, 4071, 2, 7, 9), "beyond");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_right_passes),
        cmocka_unit_test(test_acknowledgment_never_goes_back),
        cmocka_unit_test(test_edge_goes_back_by_rounding_only),
        cmocka_unit_test(test_windows_of_syns_are_not_scaled),
        cmocka_unit_test(test_nothing_new_is_beyond_the_window),
        cmocka_unit_test(test_fin_is_the_last_and_stays),
        cmocka_unit_test(test_reserved_bits_are_zero),
        cmocka_unit_test(test_another_connection_begins_anew),
    };
    return cmocka_run_group_tests_name("drill_watch", tests, NULL, NULL);
}
