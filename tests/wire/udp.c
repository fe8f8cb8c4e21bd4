/* SPDX-License-Identifier: MIT */
#include "wire/udp.h"

#include "packets.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

/* RFC 768, filled in by hand: ports 4660 and 53, length 11, checksum 0xbeef, three data bytes. */
static const uint8_t by_hand[11] = {0x12, 0x34, 0x00, 0x35, 0x00, 0x0b, 0xbe, 0xef, 'a', 'b', 'c'};

static enum weir_drop parse(struct udp *h, const uint8_t *p, size_t head_len, size_t len)
{
    uint8_t *exact = exact_copy(p, head_len);
    enum weir_drop reason = udp_parse(h, exact, head_len, len);
    free(exact);
    return reason;
}

static void test_fields_stand_where_the_rfc_has_them(void **state)
{
    (void)state;
    struct udp h;
    assert_int_equal(parse(&h, by_hand, 11, 11), WEIR_DROP_NONE);
    assert_int_equal(h.source_port, 4660);
    assert_int_equal(h.destination_port, 53);
    assert_int_equal(h.payload_len, 3);
    assert_int_equal(be16_get(h.checksum), 0xbeef);
}

static void test_every_truncation_is_dropped(void **state)
{
    (void)state;
    struct udp h;
    for (size_t n = 0; n < 8; n++)
        assert_int_equal(parse(&h, by_hand, n, n), WEIR_DROP_UDP_SHORT);
    for (size_t n = 8; n < 11; n++)
        assert_int_equal(parse(&h, by_hand, n, n), WEIR_DROP_UDP_LENGTH);
    for (size_t n = 0; n < 8; n++)
        assert_int_equal(parse(&h, by_hand, n, 11), WEIR_DROP_DEVICE_HEADERS);
    assert_int_equal(parse(&h, by_hand, 8, 11), WEIR_DROP_NONE); /* data may stand elsewhere */
}

static void test_length_field_rules_within_the_packet(void **state)
{
    (void)state;
    uint8_t p[8] = {0};
    struct udp h;
    for (unsigned field = 0; field <= 0xffff; field++) {
        store16(p + 4, (uint16_t)field);
        bool good = field >= 8 && field <= 1000;
        assert_int_equal(udp_parse(&h, p, 8, 1000), good ? WEIR_DROP_NONE : WEIR_DROP_UDP_LENGTH);
        if (good)
            assert_int_equal(h.payload_len, field - 8);
    }
}

static void test_emit_gives_back_what_was_parsed(void **state)
{
    (void)state;
    struct rng r = rng_make(3);
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t p[8], out[8];
        struct udp h;
        rng_bytes(&r, p, 8);
        store16(p + 4, (uint16_t)rng_between(&r, 8, 65535));
        assert_int_equal(parse(&h, p, 8, 65535), WEIR_DROP_NONE);
        assert_int_equal(udp_emit(out, 8, &h), 8);
        assert_memory_equal(out, p, 8);
    }
}

static void test_emit_writes_all_or_nothing(void **state)
{
    (void)state;
    struct udp h = {.payload_len = 65527};
    uint8_t out[8];
    for (size_t size = 0; size < 8; size++) {
        memset(out, 0xa5, 8);
        assert_int_equal(udp_emit(out, size, &h), 0);
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(out[i], 0xa5);
    }
    assert_int_equal(udp_emit(out, 8, &h), 8);
    assert_int_equal(load16(out + 4), 65535);
    h.payload_len = 65528;
    assert_int_equal(udp_emit(out, 8, &h), 0);
}

/* Compute, verify and break a checksum over both pseudo-headers, against the naive sum. */
static void test_checksum_covers_pseudo_header_and_data(void **state)
{
    (void)state;
    struct rng r = rng_make(4);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t p[8 + 64];
        struct ip4_addr s4, d4;
        struct ip6_addr s6, d6;
        bool ip6 = rng_chance(&r, (struct ratio){1, 2});
        size_t len = 8 + (size_t)rng_below(&r, 65);
        rng_bytes(&r, p, sizeof p);
        rng_bytes(&r, s4.b, 4);
        rng_bytes(&r, d4.b, 4);
        rng_bytes(&r, s6.b, 16);
        rng_bytes(&r, d6.b, 16);
        store16(p + 4, (uint16_t)len);
        store16(p + 6, 0);
        uint16_t want = (uint16_t)~(ip6 ? naive_transport_sum(s6.b, d6.b, 16, 17, p, len)
                                        : naive_transport_sum(s4.b, d4.b, 4, 17, p, len));
        if (want == 0)
            want = 0xffff;
        struct csum pseudo = ip6 ? ip6_pseudo(s6, d6, IP_PROTOCOL_UDP, (uint32_t)len)
                                 : ip4_pseudo(s4, d4, IP_PROTOCOL_UDP, (uint16_t)len);
        /* In three parts of any length, as a packet with fragments comes. */
        size_t a = (size_t)rng_between(&r, 0, len);
        size_t b = (size_t)rng_between(&r, a, len);
        struct weir_ref part[3] = {{p, a}, {p + a, b - a}, {p + b, len - b}};
        be16 field = udp_checksum_finish(csum_parts(&csum_portable, pseudo, part, 3));
        assert_int_equal(be16_get(field), want);
        memcpy(p + 6, field.b, 2);
        struct udp h;
        assert_int_equal(udp_parse(&h, p, len, len), WEIR_DROP_NONE);
        assert_true(udp_checksum_ok(&h, csum_parts(&csum_portable, pseudo, part, 3), ip6));
        p[rng_below(&r, 4)] ^= (uint8_t)(1U << rng_below(&r, 8));
        assert_false(udp_checksum_ok(&h, csum_parts(&csum_portable, pseudo, part, 3), ip6));
    }
}

static void test_a_sum_of_zero_is_sent_as_ffff(void **state)
{
    (void)state;
    /* Words that sum to 0xffff: the complement would be 0, which means none (RFC 768). */
    static const uint8_t words[4] = {0x12, 0x34, 0xed, 0xcb};
    be16 field = udp_checksum_finish(csum_header(csum_zero(), words, 4));
    assert_int_equal(be16_get(field), 0xffff);
    assert_int_equal(be16_get(udp_checksum_finish(csum_header(csum_zero(), words, 2))), 0xedcb);
}

static void test_zero_checksum_means_none_over_ip4_only(void **state)
{
    (void)state;
    struct udp h = {.checksum = {{0, 0}}};
    struct csum wrong = {1};
    assert_true(udp_checksum_ok(&h, wrong, false));
    assert_false(udp_checksum_ok(&h, wrong, true));
    assert_false(udp_checksum_ok(&h, (struct csum){0xffff}, true));
    h.checksum.b[1] = 1;
    assert_false(udp_checksum_ok(&h, wrong, false));
    assert_true(udp_checksum_ok(&h, (struct csum){0xffff}, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_stand_where_the_rfc_has_them),
        cmocka_unit_test(test_every_truncation_is_dropped),
        cmocka_unit_test(test_length_field_rules_within_the_packet),
        cmocka_unit_test(test_emit_gives_back_what_was_parsed),
        cmocka_unit_test(test_emit_writes_all_or_nothing),
        cmocka_unit_test(test_checksum_covers_pseudo_header_and_data),
        cmocka_unit_test(test_a_sum_of_zero_is_sent_as_ffff),
        cmocka_unit_test(test_zero_checksum_means_none_over_ip4_only),
    };
    return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
