/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"

static void test_an_empty_text_is_terminated_and_not_cut(void **state)
{
    (void)state;
    char buf[4] = "xyz";
    struct text t = text_begin(buf, sizeof buf);
    assert_string_equal(buf, "");
    assert_int_equal(t.len, 0);
    assert_false(t.cut);
}

static void test_pieces_follow_one_another(void **state)
{
    (void)state;
    char buf[64];
    struct text t = text_begin(buf, sizeof buf);
    text_str(&t, "seq ");
    text_u64(&t, 4294967295U);
    text_char(&t, ':');
    text_str(&t, "");
    text_i64(&t, -7);
    text_char(&t, ' ');
    text_hex(&t, 0xbeef, 2);
    assert_string_equal(buf, "seq 4294967295:-7 beef");
    assert_int_equal(t.len, strlen(buf));
    assert_false(t.cut);
}

/* Whatever the size, the text is the longest beginning that fits, and says whether it was cut. */
static void test_a_text_is_cut_at_every_size_to_what_fits(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x0f, 0xff};
    static const char whole[] = "win 0042 -9223372036854775808 00dead 000fff.";
    for (size_t size = 1; size <= sizeof whole + 2; size++) {
        char buf[sizeof whole + 4];
        memset(buf, '#', sizeof buf);
        struct text t = text_begin(buf, size);
        text_str(&t, "win ");
        text_u64_pad(&t, 42, 4);
        text_char(&t, ' ');
        text_i64(&t, INT64_MIN);
        text_char(&t, ' ');
        text_hex(&t, 0xdead, 6);
        text_char(&t, ' ');
        text_hex_bytes(&t, bytes, sizeof bytes);
        text_char(&t, '.');
        size_t fits = size > sizeof whole - 1 ? sizeof whole - 1 : size - 1;
        assert_int_equal(t.len, fits);
        assert_memory_equal(buf, whole, fits);
        assert_int_equal(buf[fits], '\0');
        assert_int_equal(t.cut, size < sizeof whole);
        for (size_t i = size; i < sizeof buf; i++)
            assert_int_equal(buf[i], '#');
    }
}

static void test_a_cut_text_stays_cut_and_takes_no_more(void **state)
{
    (void)state;
    char buf[3];
    struct text t = text_begin(buf, sizeof buf);
    text_str(&t, "ab");
    assert_false(t.cut);
    text_char(&t, 'c');
    assert_true(t.cut);
    text_str(&t, "");
    text_char(&t, 'd');
    assert_true(t.cut);
    assert_string_equal(buf, "ab");
}

static void assert_number(const char *want, void (*put)(struct text *, uint64_t, unsigned),
                          uint64_t v, unsigned digits)
{
    char buf[64];
    struct text t = text_begin(buf, sizeof buf);
    put(&t, v, digits);
    assert_string_equal(buf, want);
    assert_false(t.cut);
}

static void test_unsigned_numbers_are_right_at_their_limits(void **state)
{
    (void)state;
    assert_number("0", text_u64_pad, 0, 1);
    assert_number("9", text_u64_pad, 9, 1);
    assert_number("10", text_u64_pad, 10, 1);
    assert_number("4294967295", text_u64_pad, UINT32_MAX, 1);
    assert_number("4294967296", text_u64_pad, (uint64_t)UINT32_MAX + 1, 1);
    assert_number("9999999999999999999", text_u64_pad, UINT64_C(9999999999999999999), 1);
    assert_number("10000000000000000000", text_u64_pad, UINT64_C(10000000000000000000), 1);
    assert_number("18446744073709551615", text_u64_pad, UINT64_MAX, 1);
}

static void test_padding_fills_with_zeros_and_never_cuts_digits(void **state)
{
    (void)state;
    assert_number("0", text_u64_pad, 0, 0);
    assert_number("000", text_u64_pad, 0, 3);
    assert_number("007", text_u64_pad, 7, 3);
    assert_number("123", text_u64_pad, 123, 3);
    assert_number("1234", text_u64_pad, 1234, 3);
    assert_number("0000000000000000000000042", text_u64_pad, 42, 25);
    assert_number("0", text_hex, 0, 0);
    assert_number("00", text_hex, 0, 2);
    assert_number("0a", text_hex, 10, 2);
    assert_number("100", text_hex, 256, 2);
    assert_number("000000000000000000ff", text_hex, 255, 20);
    assert_number("ffffffffffffffff", text_hex, UINT64_MAX, 1);
    assert_number("8000000000000000", text_hex, UINT64_C(1) << 63, 16);
}

static void test_signed_numbers_are_right_at_their_limits(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *want;
    } rows[] = {{0, "0"},
                {1, "1"},
                {-1, "-1"},
                {-10, "-10"},
                {INT32_MIN, "-2147483648"},
                {INT64_MAX, "9223372036854775807"},
                {INT64_MIN + 1, "-9223372036854775807"},
                {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char buf[32];
        struct text t = text_begin(buf, sizeof buf);
        text_i64(&t, rows[i].value);
        assert_string_equal(buf, rows[i].want);
    }
}

static void test_numbers_read_as_printf_writes_them(void **state)
{
    (void)state;
    struct rng r = rng_make(6);
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t v = rng_u64(&r) >> rng_below(&r, 64);
        unsigned digits = (unsigned)rng_between(&r, 1, 22);
        int64_t s = (int64_t)(v ^ (rng_u64(&r) & 1 ? UINT64_MAX : 0));
        char want[160], got[160];
        snprintf(want, sizeof want, "%" PRIu64 " %0*" PRIu64 " %0*" PRIx64 " %" PRId64, v,
                 (int)digits, v, (int)digits, v, s);
        struct text t = text_begin(got, sizeof got);
        text_u64(&t, v);
        text_char(&t, ' ');
        text_u64_pad(&t, v, digits);
        text_char(&t, ' ');
        text_hex(&t, v, digits);
        text_char(&t, ' ');
        text_i64(&t, s);
        assert_string_equal(got, want);
    }
}

static void test_bytes_print_as_pairs_of_digits(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x01, 0x10, 0x7f, 0x80, 0xff, 0xab};
    char buf[32];
    struct text t = text_begin(buf, sizeof buf);
    text_hex_bytes(&t, bytes, 0);
    assert_string_equal(buf, "");
    text_hex_bytes(&t, bytes, sizeof bytes);
    assert_string_equal(buf, "0001107f80ffab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_text_is_terminated_and_not_cut),
        cmocka_unit_test(test_pieces_follow_one_another),
        cmocka_unit_test(test_a_text_is_cut_at_every_size_to_what_fits),
        cmocka_unit_test(test_a_cut_text_stays_cut_and_takes_no_more),
        cmocka_unit_test(test_unsigned_numbers_are_right_at_their_limits),
        cmocka_unit_test(test_padding_fills_with_zeros_and_never_cuts_digits),
        cmocka_unit_test(test_signed_numbers_are_right_at_their_limits),
        cmocka_unit_test(test_numbers_read_as_printf_writes_them),
        cmocka_unit_test(test_bytes_print_as_pairs_of_digits),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
