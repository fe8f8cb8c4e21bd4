/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"

/* The value of n bytes, most significant first, by the definition of positional notation. */
static uint64_t naive_value(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * 256 + p[i];
    return v;
}

static void test_every_16_bit_value_stands_high_byte_first(void **state)
{
    (void)state;
    for (uint32_t v = 0; v <= UINT16_MAX; v++) {
        be16 x = be16_make((uint16_t)v);
        assert_int_equal(x.b[0], v / 256);
        assert_int_equal(x.b[1], v % 256);
        assert_int_equal(be16_get(x), v);
    }
}

static void test_32_and_64_bit_values_stand_highest_byte_first(void **state)
{
    (void)state;
    static const uint8_t bytes[8] = {0x80, 0x01, 0xfe, 0x7f, 0xff, 0x00, 0xa5, 0x5a};
    be32 x = be32_make(0x8001fe7fU);
    be64 y = be64_make(UINT64_C(0x8001fe7fff00a55a));
    assert_memory_equal(&x, bytes, 4);
    assert_memory_equal(&y, bytes, 8);
    assert_int_equal(be32_get(x), 0x8001fe7fU);
    assert_true(be64_get(y) == UINT64_C(0x8001fe7fff00a55a));
}

static void test_values_at_the_limits_round_trip(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,          1,
                                      0x7f,       0x80,
                                      0xff,       0x100,
                                      0x7fff,     0x8000,
                                      0xffff,     0x10000,
                                      0x7fffffff, 0x80000000,
                                      0xffffffff, UINT64_C(0x100000000),
                                      INT64_MAX,  UINT64_C(1) << 63,
                                      UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint64_t v = values[i];
        assert_int_equal(be16_get(be16_make((uint16_t)v)), (uint16_t)v);
        assert_int_equal(be32_get(be32_make((uint32_t)v)), (uint32_t)v);
        assert_true(be64_get(be64_make(v)) == v);
    }
}

static void test_loads_read_any_alignment_by_position(void **state)
{
    (void)state;
    struct rng r = rng_make(1);
    for (unsigned round = 0; round < 200; round++) {
        uint8_t buf[24];
        rng_bytes(&r, buf, sizeof buf);
        for (size_t at = 0; at + 8 <= sizeof buf; at++) {
            assert_int_equal(load16(buf + at), naive_value(buf + at, 2));
            assert_int_equal(load32(buf + at), naive_value(buf + at, 4));
            assert_true(load64(buf + at) == naive_value(buf + at, 8));
        }
    }
}

static void test_stores_write_their_bytes_and_no_others(void **state)
{
    (void)state;
    struct rng r = rng_make(2);
    for (unsigned round = 0; round < 200; round++) {
        for (size_t at = 1; at <= 8; at++) {
            uint64_t v = rng_u64(&r);
            for (size_t width = 2; width <= 8; width *= 2) {
                uint8_t buf[24];
                memset(buf, 0xee, sizeof buf);
                if (width == 2)
                    store16(buf + at, (uint16_t)v);
                else if (width == 4)
                    store32(buf + at, (uint32_t)v);
                else
                    store64(buf + at, v);
                uint64_t kept = width == 8 ? v : v & ((UINT64_C(1) << (8 * width)) - 1);
                assert_true(naive_value(buf + at, width) == kept);
                for (size_t i = 0; i < sizeof buf; i++)
                    if (i < at || i >= at + width)
                        assert_int_equal(buf[i], 0xee);
            }
        }
    }
}

static void test_a_header_of_big_endian_fields_has_no_padding(void **state)
{
    (void)state;
    struct header {
        uint8_t kind;
        be16 port;
        be64 stamp;
        be32 number;
    };
    assert_int_equal(sizeof(struct header), 15);
    assert_int_equal(offsetof(struct header, port), 1);
    assert_int_equal(offsetof(struct header, stamp), 3);
    assert_int_equal(offsetof(struct header, number), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_16_bit_value_stands_high_byte_first),
        cmocka_unit_test(test_32_and_64_bit_values_stand_highest_byte_first),
        cmocka_unit_test(test_values_at_the_limits_round_trip),
        cmocka_unit_test(test_loads_read_any_alignment_by_position),
        cmocka_unit_test(test_stores_write_their_bytes_and_no_others),
        cmocka_unit_test(test_a_header_of_big_endian_fields_has_no_padding),
    };
    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
