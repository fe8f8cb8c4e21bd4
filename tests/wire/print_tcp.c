/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "wire/addr.h"
#include "wire/print.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

#define OPTIONS(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

/* Every line of these tests begins with this. */
#define WHO "10.0.0.1.49152 > 10.0.0.2.80: "

static const struct print_flow flow = {
    .source = {{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}},
    .destination = {{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2}},
};

/* A segment under construction: the header, options and a payload of zeros. */
struct segment {
    uint8_t bytes[20 + 40 + 2000];
    size_t len;
};

static struct segment segment_make(unsigned flags, uint32_t seq, uint32_t ack, uint16_t window,
                                   const uint8_t *options, size_t options_len, size_t payload_len)
{
    struct segment s = {.len = 20 + options_len + payload_len};
    struct tcp_header h = {.source_port = 49152,
                           .destination_port = 80,
                           .seq = seq_make(seq),
                           .ack = seq_make(ack),
                           .header_len = (uint8_t)(20 + options_len),
                           .flags = (uint16_t)flags,
                           .window = window,
                           .urgent = 5};
    tcp_emit(s.bytes, &h);
    if (options_len > 0)
        memcpy(s.bytes + 20, options, options_len);
    return s;
}

/* The line for the first `captured` bytes, which lie in a heap block of just that length. */
static void check_captured(const struct segment *s, size_t captured, const struct print_options *o,
                           const char *want)
{
    char buf[400];
    struct text t = text_begin(buf, sizeof buf);
    uint8_t *exact = calloc(captured, 1);
    if (captured > 0)
        memcpy(exact, s->bytes, captured);
    print_tcp(&t, o, exact, captured, s->len, &flow);
    free(exact);
    assert_string_equal(buf, want);
    assert_false(t.cut);
}

static void check(const struct segment *s, const char *modern, const char *classic)
{
    check_captured(s, s->len, &(struct print_options){.style = PRINT_MODERN}, modern);
    check_captured(s, s->len, &(struct print_options){.style = PRINT_CLASSIC}, classic);
}

static void check_options(const uint8_t *options, size_t len, const char *modern,
                          const char *classic)
{
    struct segment s = segment_make(TCP_ACK, 1, 2000, 502, options, len, 0);
    char line[400];
    struct text t = text_begin(line, sizeof line);
    text_str(&t, WHO "Flags [.], ack 2000, win 502, options [");
    text_str(&t, modern);
    text_str(&t, "], length 0");
    check_captured(&s, s.len, &(struct print_options){.style = PRINT_MODERN}, line);
    t = text_begin(line, sizeof line);
    text_str(&t, WHO ". ack 2000 win 502 <");
    text_str(&t, classic);
    text_str(&t, ">");
    check_captured(&s, s.len, &(struct print_options){.style = PRINT_CLASSIC}, line);
}

static void test_a_syn(void **state)
{
    (void)state;
    struct segment s =
        segment_make(TCP_SYN, 123, 0, 65535,
                     OPTIONS(2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7), 0);
    check(&s,
          WHO
          "Flags [S], seq 123, win 65535, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], "
          "length 0",
          WHO "S 123:123(0) win 65535 <mss 1460,sackOK,timestamp 1 0,nop,wscale 7>");
    s = segment_make(TCP_SYN, 1415531521, 0, 4096, OPTIONS(2, 4, 4, 0), 0);
    check(&s, WHO "Flags [S], seq 1415531521, win 4096, options [mss 1024], length 0",
          WHO "S 1415531521:1415531521(0) win 4096 <mss 1024>");
}

static void test_a_syn_with_data(void **state)
{
    (void)state;
    struct segment s = segment_make(TCP_SYN | TCP_ACK, 100, 200, 10, NULL, 0, 7);
    check(&s, WHO "Flags [S.], seq 100:107, ack 200, win 10, length 7",
          WHO "S 100:107(7) ack 200 win 10");
}

static void test_data(void **state)
{
    (void)state;
    struct segment s = segment_make(TCP_PSH | TCP_ACK, 1, 1, 502,
                                    OPTIONS(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2), 512);
    check(&s,
          WHO "Flags [P.], seq 1:513, ack 1, win 502, options [nop,nop,TS val 1 ecr 2], length 512",
          WHO "P 1:513(512) ack 1 win 502 <nop,nop,timestamp 1 2>");
    s = segment_make(TCP_ACK, 1025, 1, 4096, NULL, 0, 1024);
    check(&s, WHO "Flags [.], seq 1025:2049, ack 1, win 4096, length 1024",
          WHO ". 1025:2049(1024) ack 1 win 4096");
}

static void test_acknowledgment_fin_and_reset(void **state)
{
    (void)state;
    struct segment s = segment_make(TCP_ACK, 9, 1, 4096, NULL, 0, 0);
    check(&s, WHO "Flags [.], ack 1, win 4096, length 0", WHO ". ack 1 win 4096");
    s = segment_make(TCP_FIN | TCP_ACK, 513, 1, 4096, NULL, 0, 0);
    check(&s, WHO "Flags [F.], seq 513, ack 1, win 4096, length 0",
          WHO "F 513:513(0) ack 1 win 4096");
    s = segment_make(TCP_RST, 513, 1, 0, NULL, 0, 0);
    check(&s, WHO "Flags [R], seq 513, win 0, length 0", WHO "R 513:513(0) win 0");
}

static void test_urgent_and_all_flags(void **state)
{
    (void)state;
    struct segment s = segment_make(TCP_ACK | TCP_URG, 1, 2, 3, NULL, 0, 2);
    check(&s, WHO "Flags [.U], seq 1:3, ack 2, win 3, urg 5, length 2",
          WHO ". 1:3(2) ack 2 win 3 urg 5");
    s = segment_make(0x1ff, 1, 2, 3, NULL, 0, 0);
    check(&s, WHO "Flags [FSRP.UEWe], seq 1, ack 2, win 3, urg 5, length 0",
          WHO "FSRPEWe 1:1(0) ack 2 win 3 urg 5");
    s = segment_make(0, 1, 2, 3, NULL, 0, 0);
    check(&s, WHO "Flags [none], win 3, length 0", WHO ". win 3");
    s = segment_make(0xe00, 1, 2, 3, NULL, 0, 0); /* reserved bits are nobody's letters */
    check(&s, WHO "Flags [none], win 3, length 0", WHO ". win 3");
}

static void test_each_flag_has_its_letter(void **state)
{
    (void)state;
    static const char letters[] = "FSRP.UEWe"; /* bit 0 first, as tcpdump has them */
    for (unsigned i = 0; i < 9; i++) {
        struct segment s = segment_make(1U << i, 0, 0, 0, NULL, 0, 0);
        char buf[200], want[] = "Flags [?]";
        struct text t = text_begin(buf, sizeof buf);
        want[7] = letters[i];
        print_tcp(&t, &(struct print_options){0}, s.bytes, 20, 20, &flow);
        assert_non_null(strstr(buf, want));
    }
}

static void test_relative_numbers_wrap_and_a_syn_keeps_its_own(void **state)
{
    (void)state;
    struct print_options o = {.relative = true, .seq_base = {0xfffffff0}, .ack_base = {1000}};
    struct segment s = segment_make(TCP_PSH | TCP_ACK, 0xfffffff1, 1001, 5,
                                    OPTIONS(1, 1, 5, 10, 0, 0, 0x07, 0xd0, 0, 0, 0x0b, 0xb8), 32);
    check_captured(&s, s.len, &o,
                   WHO "Flags [P.], seq 1:33, ack 1, win 5, options [nop,nop,sack 1 {1000:2000}], "
                       "length 32");
    o.style = PRINT_CLASSIC;
    check_captured(&s, s.len, &o,
                   WHO "P 1:33(32) ack 1 win 5 <nop,nop,sack 1 {1000:2000}>");
    s = segment_make(TCP_SYN | TCP_ACK, 0xfffffff0, 1001, 5, NULL, 0, 0);
    check_captured(&s, s.len, &o, WHO "S 4294967280:4294967280(0) ack 1001 win 5");
    o.style = PRINT_MODERN;
    check_captured(&s, s.len, &o, WHO "Flags [S.], seq 4294967280, ack 1001, win 5, length 0");
    o.relative = false;
    s = segment_make(TCP_ACK, 0xfffffff1, 1001, 5, NULL, 0, 32);
    check_captured(&s, s.len, &o, WHO "Flags [.], seq 4294967281:17, ack 1001, win 5, length 32");
}

static void test_options_by_name(void **state)
{
    (void)state;
    check_options(OPTIONS(1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4),
                  "nop,nop,sack 2 {1:2}{3:4}", "nop,nop,sack 2 {1:2}{3:4}");
    check_options(OPTIONS(6, 6, 0, 0, 0, 1, 7, 6, 0, 0, 0, 2), "echo 1,echoreply 2",
                  "echo 1,echoreply 2");
    check_options(OPTIONS(11, 6, 0, 0, 0, 1, 12, 6, 0, 0, 0, 2, 13, 6, 0, 0, 0, 3, 1, 1),
                  "cc 1,ccnew 2,ccecho 3,nop,nop", "cc 1,ccnew 2,ccecho 3,nop,nop");
    check_options(OPTIONS(28, 4, 0x80, 2, 28, 4, 0, 2), "uto 0x8002 120,uto 0x2 2",
                  "uto 0x8002 120,uto 0x2 2");
    check_options(OPTIONS(29, 8, 222, 173, 0xbe, 0xef, 1, 2),
                  "tcp-ao keyid 222 rnextkeyid 173 mac 0xbeef0102",
                  "tcp-ao keyid 222 rnextkeyid 173 mac 0xbeef0102");
    check_options(OPTIONS(29, 4, 1, 2), "tcp-ao keyid 1 rnextkeyid 2",
                  "tcp-ao keyid 1 rnextkeyid 2");
    check_options(OPTIONS(19, 18, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255, 1, 1),
                  "md5 000102030405060708090a0b0c0d0eff,nop,nop",
                  "md5 000102030405060708090a0b0c0d0eff,nop,nop");
    check_options(OPTIONS(30, 4, 0x20, 0), "mptcp 4 dss", "mptcp 4 dss");
    check_options(OPTIONS(30, 4, 0xf0, 0), "mptcp 4 unknown", "mptcp 4 unknown");
    check_options(OPTIONS(34, 2, 1, 1), "tfo  cookiereq,nop,nop", "tfo  cookiereq,nop,nop");
    check_options(OPTIONS(34, 6, 1, 2, 3, 4, 0, 0), "tfo  cookie 01020304,eol",
                  "tfo  cookie 01020304,eol");
    check_options(OPTIONS(254, 4, 0xf9, 0x89, 254, 8, 0xf9, 0x89, 1, 2, 3, 255),
                  "exp-tfo cookiereq,exp-tfo cookie 010203ff",
                  "exp-tfo cookiereq,exp-tfo cookie 010203ff");
    check_options(OPTIONS(254, 6, 0xde, 0xad, 1, 2, 0, 0), "exp-dead,eol", "exp-dead,eol");
}

static void test_options_without_a_name(void **state)
{
    (void)state;
    check_options(OPTIONS(99, 4, 0xde, 0xad), "unknown-99 0xdead", "unknown-99 0xdead");
    check_options(OPTIONS(99, 2, 1, 0), "unknown-99,nop,eol", "unknown-99,nop,eol");
    check_options(OPTIONS(172, 5, 1, 2, 3, 1, 1, 1), "unknown-172 0x010203,nop,nop,nop",
                  "unknown-172 0x010203,nop,nop,nop");
}

static void test_nothing_is_printed_behind_eol(void **state)
{
    (void)state;
    check_options(OPTIONS(0, 99, 1, 99), "eol", "eol");
}

static void test_options_of_wrong_length_are_shown_as_such(void **state)
{
    (void)state;
    check_options(OPTIONS(2, 3, 9, 1), "mss[len 3],nop", "mss[len 3],nop");
    check_options(OPTIONS(2, 5, 5, 0xb4, 9, 3, 3, 7), "mss 1460[len 5],wscale 7",
                  "mss 1460[len 5],wscale 7");
    check_options(OPTIONS(3, 2, 4, 2), "wscale[len 2],sackOK", "wscale[len 2],sackOK");
    check_options(OPTIONS(8, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1), "TS[len 9],nop,nop,nop",
                  "timestamp[len 9],nop,nop,nop");
    check_options(OPTIONS(8, 11, 0, 0, 0, 1, 0, 0, 0, 2, 3, 1), "TS val 1 ecr 2[len 11],nop",
                  "timestamp 1 2[len 11],nop");
    check_options(OPTIONS(5, 3, 0, 1), "sack invalid sack,nop", "sack invalid sack,nop");
    check_options(OPTIONS(5, 2, 1, 1), "sack 0 ,nop,nop", "sack 0 ,nop,nop");
    check_options(OPTIONS(29, 3, 0, 1), "tcp-ao (invalid),nop", "tcp-ao (invalid),nop");
    check_options(OPTIONS(34, 4, 0, 1), "tfo  (invalid)", "tfo  (invalid)");
    check_options(OPTIONS(254, 3, 0, 1), "exp,nop", "exp,nop");
    check_options(OPTIONS(19, 3, 0, 28), "unknown-19 0x00,[bad opt]", "unknown-19 0x00,[bad opt]");
}

static void test_an_illegal_length_is_a_bad_option(void **state)
{
    (void)state;
    check_options(OPTIONS(99, 0, 1, 1), "[bad opt]", "[bad opt]");
    check_options(OPTIONS(1, 99, 1, 1), "nop,[bad opt]", "nop,[bad opt]");
    check_options(OPTIONS(1, 1, 2, 4), "nop,nop,[bad opt]", "nop,nop,[bad opt]");
    check_options(OPTIONS(1, 1, 1, 2), "nop,nop,nop,[bad opt]", "nop,nop,nop,[bad opt]");
}

static void test_a_capture_may_end_anywhere(void **state)
{
    (void)state;
    struct segment s = segment_make(TCP_PSH | TCP_ACK, 1, 2, 3,
                                    OPTIONS(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2), 100);
    struct print_options o = {.style = PRINT_MODERN};
    for (size_t n = 0; n < 4; n++)
        check_captured(&s, n, &o, "10.0.0.1 > 10.0.0.2: [|tcp]");
    for (size_t n = 4; n < 20; n++)
        check_captured(&s, n, &o, WHO "[|tcp]");
    static const char *const options[] = {"[|tcp]", "nop,[|tcp]", "nop,nop,[|tcp]"};
    for (size_t n = 20; n < 40; n++) {
        char want[200];
        struct text t = text_begin(want, sizeof want);
        text_str(&t, WHO "Flags [P.], seq 1:101, ack 2, win 3, options [");
        text_str(&t, n >= 32 ? "nop,nop,TS val 1 ecr 2" : options[n < 22 ? n - 20 : 2]);
        text_str(&t, "], length 100");
        check_captured(&s, n, &o, want);
    }
    o.style = PRINT_CLASSIC;
    check_captured(&s, 23, &o, WHO "P 1:101(100) ack 2 win 3 <nop,nop,[|tcp]>");
}

static void test_a_cut_capture_does_not_hide_a_bad_option(void **state)
{
    (void)state;
    struct segment s = segment_make(TCP_ACK, 1, 2, 3, OPTIONS(1, 99, 9, 1, 1, 1, 1, 1), 0);
    struct print_options o = {.style = PRINT_CLASSIC};
    check_captured(&s, 28, &o, WHO ". ack 2 win 3 <nop,[bad opt]>"); /* 9 bytes in 7 */
    check_captured(&s, 23, &o, WHO ". ack 2 win 3 <nop,[bad opt]>");
    check_captured(&s, 22, &o, WHO ". ack 2 win 3 <nop,[|tcp]>");
    s.bytes[22] = 7;
    check_captured(&s, 23, &o, WHO ". ack 2 win 3 <nop,[|tcp]>");
    s.bytes[22] = 1; /* no option is that short */
    check_captured(&s, 23, &o, WHO ". ack 2 win 3 <nop,[bad opt]>");
    s.bytes[21] = 0; /* all is said after EOL */
    check_captured(&s, 22, &o, WHO ". ack 2 win 3 <nop,eol>");
}

static void test_an_impossible_data_offset(void **state)
{
    (void)state;
    struct segment s = segment_make(TCP_ACK, 1, 2, 3, NULL, 0, 4);
    s.bytes[12] = 0x40;
    check(&s, WHO "tcp 8 [bad hdr length 16 - too short, < 20]",
          WHO "tcp 8 [bad hdr length 16 - too short, < 20]");
    s.bytes[12] = 0xf0;
    check(&s, WHO "Flags [.] [bad hdr length 60 - too long, > 24]",
          WHO ". [bad hdr length 60 - too long, > 24]");
    s.len = 12; /* the IP header promises less than a header */
    check(&s, WHO "[|tcp]", WHO "[|tcp]");
}

static void test_padding_of_the_link_is_not_looked_at(void **state)
{
    (void)state;
    struct segment s = segment_make(TCP_ACK, 1, 2, 3, NULL, 0, 0);
    char buf[200];
    struct text t = text_begin(buf, sizeof buf);
    print_tcp(&t, &(struct print_options){0}, s.bytes, 46, 20, &flow);
    assert_string_equal(buf, WHO "Flags [.], ack 2, win 3, length 0");
}

static void test_a_short_buffer_cuts_the_line(void **state)
{
    (void)state;
    struct segment s = segment_make(TCP_ACK, 1, 2, 3, OPTIONS(2, 4, 5, 0xb4), 1);
    char whole[200];
    struct text t = text_begin(whole, sizeof whole);
    print_tcp(&t, &(struct print_options){0}, s.bytes, s.len, s.len, &flow);
    for (size_t size = 1; size <= strlen(whole) + 2; size++) {
        char *buf = malloc(size);
        struct text small = text_begin(buf, size);
        print_tcp(&small, &(struct print_options){0}, s.bytes, s.len, s.len, &flow);
        size_t want = size - 1 < strlen(whole) ? size - 1 : strlen(whole);
        assert_int_equal(strlen(buf), want);
        assert_memory_equal(buf, whole, want);
        assert_int_equal(small.cut, size <= strlen(whole));
        free(buf);
    }
}

static void test_any_bytes_can_be_printed(void **state)
{
    (void)state;
    struct rng r = rng_make(7);
    for (unsigned i = 0; i < 5000; i++) {
        struct print_options o = {.style = i % 2 == 0 ? PRINT_MODERN : PRINT_CLASSIC,
                                  .relative = i % 3 == 0};
        size_t captured = rng_below(&r, 80), len = captured + (i % 5 == 0 ? rng_below(&r, 90) : 0);
        uint8_t *exact = calloc(captured, 1);
        char buf[700];
        struct text t = text_begin(buf, sizeof buf);
        rng_bytes(&r, exact, captured);
        print_tcp(&t, &o, exact, captured, len, &flow);
        assert_true(t.len == strlen(buf) && t.len > 0 && !t.cut);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_syn),
        cmocka_unit_test(test_a_syn_with_data),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_acknowledgment_fin_and_reset),
        cmocka_unit_test(test_urgent_and_all_flags),
        cmocka_unit_test(test_each_flag_has_its_letter),
        cmocka_unit_test(test_relative_numbers_wrap_and_a_syn_keeps_its_own),
        cmocka_unit_test(test_options_by_name),
        cmocka_unit_test(test_options_without_a_name),
        cmocka_unit_test(test_nothing_is_printed_behind_eol),
        cmocka_unit_test(test_options_of_wrong_length_are_shown_as_such),
        cmocka_unit_test(test_an_illegal_length_is_a_bad_option),
        cmocka_unit_test(test_a_capture_may_end_anywhere),
        cmocka_unit_test(test_a_cut_capture_does_not_hide_a_bad_option),
        cmocka_unit_test(test_an_impossible_data_offset),
        cmocka_unit_test(test_padding_of_the_link_is_not_looked_at),
        cmocka_unit_test(test_a_short_buffer_cuts_the_line),
        cmocka_unit_test(test_any_bytes_can_be_printed),
    };
    return cmocka_run_group_tests_name("print_tcp", tests, NULL, NULL);
}
