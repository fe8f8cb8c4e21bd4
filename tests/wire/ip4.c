/* SPDX-License-Identifier: MIT */
#include "wire/ip4.h"

#include "packets.h"

/* RFC 791 3.1, filled in by hand: TOS 0xba (DSCP 46, ECT(0)), total length 24, id 0x1234, DF, TTL
 * 64, TCP, 192.0.2.1 to 198.51.100.2, and four bytes of payload. finish_ip4() adds the checksum. */
static const uint8_t by_hand[24] = {0x45, 0xba, 0, 24, 0x12, 0x34, 0x40, 0x00, 64,  6,   0, 0,
                                    192,  0,    2, 1,  198,  51,   100,  2,    'd', 'a', 't', 'a'};

static enum weir_drop parse(struct ip4 *h, const uint8_t *p, size_t head_len, size_t packet_len)
{
    uint8_t *exact = exact_copy(p, head_len);
    enum weir_drop reason = ip4_parse(h, exact, head_len, packet_len);
    /* The fast path and the full one answer alike. */
    struct ip4 any;
    assert_int_equal(ip4_parse_any(&any, exact, head_len, packet_len), reason);
    if (reason == WEIR_DROP_NONE) {
        assert_int_equal(any.payload_len, h->payload_len);
        assert_int_equal(any.id, h->id);
        assert_int_equal(any.fragment_offset, h->fragment_offset);
        assert_int_equal(any.dont_fragment, h->dont_fragment);
        assert_int_equal(any.more_fragments, h->more_fragments);
        assert_int_equal(any.dscp, h->dscp);
        assert_int_equal(any.ecn, h->ecn);
        assert_int_equal(any.ttl, h->ttl);
        assert_int_equal(any.protocol, h->protocol);
        assert_int_equal(any.options_len, h->options_len);
        assert_ptr_equal(any.options, h->options);
        assert_int_equal(any.source_route, h->source_route);
        assert_int_equal(any.router_alert, h->router_alert);
        assert_true(ip4_eq(any.source, h->source) && ip4_eq(any.destination, h->destination));
        h->options = p + 20; /* the copy is gone */
    }
    free(exact);
    return reason;
}

/* A packet of header and options; returns its length. */
static size_t with_options(uint8_t *p, const uint8_t *options, size_t n)
{
    memset(p, 0, 60);
    memcpy(p, by_hand, 20);
    p[0] = (uint8_t)(0x45 + n / 4);
    store16(p + 2, (uint16_t)(20 + n));
    if (n > 0)
        memcpy(p + 20, options, n);
    finish_ip4(p);
    return 20 + n;
}

static void test_fields_stand_where_the_diagram_has_them(void **state)
{
    (void)state;
    uint8_t p[24];
    struct ip4 h;
    memcpy(p, by_hand, 24);
    finish_ip4(p);
    assert_int_equal(parse(&h, p, 24, 24), WEIR_DROP_NONE);
    assert_int_equal(h.dscp, 46);
    assert_int_equal(h.ecn, IP_ECN_ECT0);
    assert_int_equal(h.payload_len, 4);
    assert_int_equal(ip4_header_len(&h), 20);
    assert_int_equal(h.id, 0x1234);
    assert_true(h.dont_fragment);
    assert_false(h.more_fragments || ip4_is_fragment(&h));
    assert_int_equal(h.fragment_offset, 0);
    assert_int_equal(h.ttl, 64);
    assert_int_equal(h.protocol, IP_PROTOCOL_TCP);
    assert_memory_equal(h.source.b, ((uint8_t[]){192, 0, 2, 1}), 4);
    assert_memory_equal(h.destination.b, ((uint8_t[]){198, 51, 100, 2}), 4);
    assert_int_equal(h.options_len, 0);
}

static void test_emit_writes_the_bytes_of_the_diagram(void **state)
{
    (void)state;
    uint8_t want[20], out[20];
    struct ip4 h = {.source = {{192, 0, 2, 1}},
                    .destination = {{198, 51, 100, 2}},
                    .payload_len = 4,
                    .id = 0x1234,
                    .dont_fragment = true,
                    .dscp = 46,
                    .ecn = IP_ECN_ECT0,
                    .ttl = 64,
                    .protocol = IP_PROTOCOL_TCP};
    memcpy(want, by_hand, 20);
    finish_ip4(want);
    assert_int_equal(ip4_emit(out, 20, &h), 20);
    assert_memory_equal(out, want, 20);
}

/* The example of many textbooks, whose checksum is b861. */
static void test_checksum_of_a_known_header(void **state)
{
    (void)state;
    uint8_t p[20] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                     0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
    struct ip4 h;
    uint8_t out[20];
    assert_int_equal(parse(&h, p, 20, 0x73), WEIR_DROP_NONE);
    assert_int_equal(ip4_emit(out, 20, &h), 20);
    assert_memory_equal(out, p, 20);
    p[10] ^= 1;
    assert_int_equal(parse(&h, p, 20, 0x73), WEIR_DROP_IP4_CHECKSUM);
}

static void test_every_truncation_is_dropped(void **state)
{
    (void)state;
    uint8_t p[60];
    struct ip4 h;
    static const uint8_t alert[4] = {148, 4, 0, 0};
    size_t n = with_options(p, alert, 4);
    for (size_t len = 0; len < n; len++) {
        enum weir_drop short_packet = parse(&h, p, len, len);
        assert_int_equal(short_packet,
                         len < 20 ? WEIR_DROP_IP4_SHORT : WEIR_DROP_IP4_HEADER_LENGTH);
        assert_int_equal(parse(&h, p, len, n), WEIR_DROP_DEVICE_HEADERS);
    }
    assert_int_equal(parse(&h, p, n, n), WEIR_DROP_NONE);
}

static void test_payload_may_stand_outside_the_head(void **state)
{
    (void)state;
    uint8_t p[24];
    struct ip4 h;
    memcpy(p, by_hand, 24);
    store16(p + 2, 65535);
    finish_ip4(p);
    assert_int_equal(parse(&h, p, 20, 65535), WEIR_DROP_NONE);
    assert_int_equal(h.payload_len, 65515);
    assert_int_equal(parse(&h, p, 20, 65534), WEIR_DROP_IP4_TOTAL_LENGTH);
}

static void test_fragment_fields_count_in_bytes(void **state)
{
    (void)state;
    uint8_t p[20 + 16];
    struct ip4 h;
    memset(p, 0, sizeof p);
    memcpy(p, by_hand, 20);
    store16(p + 2, sizeof p);
    store16(p + 6, 0x2000 | 185);
    finish_ip4(p);
    assert_int_equal(parse(&h, p, 20, sizeof p), WEIR_DROP_NONE);
    assert_true(h.more_fragments && ip4_is_fragment(&h));
    assert_false(h.dont_fragment);
    assert_int_equal(h.fragment_offset, 1480);
    store16(p + 6, 185);
    finish_ip4(p);
    assert_int_equal(parse(&h, p, 20, sizeof p), WEIR_DROP_NONE);
    assert_true(ip4_is_fragment(&h) && !h.more_fragments);
}

/* RFC 791 3.1: every option by its rules. `problem` is the offset in the options, 0 with ok. */
static void test_options_are_judged_by_rfc_791(void **state)
{
    (void)state;
    static const struct {
        uint8_t options[16];
        uint8_t len, problem;
        bool ok, source_route, router_alert;
    } rows[] = {
        {{1, 1, 1, 1}, 4, 0, true, false, false},
        {{0, 0, 0, 0}, 4, 0, true, false, false},
        {{1, 0, 0xff, 0x01}, 4, 0, true, false, false},        /* garbage behind the end */
        {{7, 7, 4, 0, 0, 0, 0, 0}, 8, 0, true, false, false},  /* record route, empty */
        {{7, 7, 8, 1, 2, 3, 4, 0}, 8, 0, true, false, false},  /* full */
        {{7, 3, 4, 0}, 4, 0, true, false, false},              /* no room at all */
        {{7, 7, 3, 0, 0, 0, 0, 0}, 8, 2, false, false, false}, /* pointer too small */
        {{7, 7, 5, 0, 0, 0, 0, 0}, 8, 2, false, false, false}, /* inside an address */
        {{7, 7, 12, 0, 0, 0, 0, 0}, 8, 2, false, false, false},
        {{7, 6, 4, 0, 0, 0, 0, 0}, 8, 1, false, false, false}, /* not whole addresses */
        {{7, 2, 0, 0}, 4, 1, false, false, false},
        {{131, 7, 4, 1, 2, 3, 4, 0}, 8, 0, true, true, false},
        {{137, 7, 8, 1, 2, 3, 4, 0}, 8, 0, true, true, false},
        {{1, 131, 7, 0, 1, 2, 3, 4}, 8, 3, false, true, false},
        {{68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, 0, true, false, false},
        {{68, 12, 9, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, 0, true, false, false},
        {{68, 12, 13, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 12, 0, true, false, false},
        {{68, 12, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 12, 2, false, false, false}, /* entries of 8 */
        {{68, 12, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, 2, false, false, false},
        {{68, 12, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, 2, false, false, false},
        {{68, 12, 5, 2, 0, 0, 0, 0, 0, 0, 0, 0}, 12, 2, false, false, false}, /* unknown flag */
        {{68, 3, 5, 0}, 4, 2, false, false, false},
        {{148, 4, 0, 0}, 4, 0, true, false, true},
        {{148, 3, 0, 0}, 4, 1, false, false, false},
        {{200, 4, 9, 9}, 4, 0, true, false, false}, /* unknown: passed over by its length */
        {{200, 2, 148, 4, 0, 0, 0, 0}, 8, 0, true, false, true},
        {{200, 1, 0, 0}, 4, 1, false, false, false},
        {{200, 0, 0, 0}, 4, 1, false, false, false},
        {{200, 5, 0, 0}, 4, 1, false, false, false},
        {{1, 1, 1, 200}, 4, 3, false, false, false}, /* no room for a length */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t p[60];
        struct ip4 h;
        size_t n = with_options(p, rows[i].options, rows[i].len);
        assert_int_equal(parse(&h, p, n, n), rows[i].ok ? WEIR_DROP_NONE : WEIR_DROP_IP4_OPTION);
        if (rows[i].ok) {
            assert_int_equal(h.source_route, rows[i].source_route);
            assert_int_equal(h.router_alert, rows[i].router_alert);
            assert_int_equal(h.options_len, rows[i].len);
            assert_memory_equal(h.options, rows[i].options, rows[i].len);
        } else {
            assert_int_equal(h.problem_at, 20 + rows[i].problem);
            assert_int_equal(h.protocol, IP_PROTOCOL_TCP); /* the rest holds, for an answer */
        }
    }
}

/* Random headers that are valid by construction come back from emit byte for byte. */
static void test_emit_gives_back_what_was_parsed(void **state)
{
    (void)state;
    struct rng r = rng_make(8);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t p[60], out[60];
        struct ip4 h;
        size_t options = 4 * (size_t)rng_below(&r, 11);
        size_t payload = (size_t)rng_below(&r, 1501);
        rng_bytes(&r, p, sizeof p);
        memset(p + 20, IP4_OPTION_NOP, 40);
        if (options > 0 && rng_chance(&r, (struct ratio){1, 2})) {
            p[20] = 200; /* one unknown option */
            p[21] = (uint8_t)rng_between(&r, 2, options);
        }
        p[0] = (uint8_t)(0x45 + options / 4);
        store16(p + 2, (uint16_t)(20 + options + payload));
        uint16_t flags = (uint16_t)(rng_below(&r, 2) << 14);
        if (payload > 0 && rng_chance(&r, (struct ratio){1, 4}))
            flags = (uint16_t)(flags | rng_below(&r, 8001)); /* a last fragment */
        store16(p + 6, flags);
        finish_ip4(p);
        size_t n = 20 + options;
        assert_int_equal(parse(&h, p, n, n + payload), WEIR_DROP_NONE);
        assert_int_equal(h.payload_len, payload);
        memset(out, 0xa5, sizeof out);
        assert_int_equal(ip4_emit(out, n, &h), n);
        assert_memory_equal(out, p, n);
        if (n < sizeof out)
            assert_int_equal(out[n], 0xa5);
        assert_int_equal(ip4_emit(out, n - 1, &h), 0);
    }
}

static void test_emit_fills_options_up_with_zeros(void **state)
{
    (void)state;
    static const uint8_t options[5] = {1, 148, 4, 0, 0};
    struct ip4 h = {.options = options, .options_len = 5, .protocol = 6, .ttl = 1};
    uint8_t out[28];
    memset(out, 0xa5, sizeof out);
    assert_int_equal(ip4_header_len(&h), 28);
    assert_int_equal(ip4_emit(out, 28, &h), 28);
    assert_int_equal(out[0], 0x47);
    assert_memory_equal(out + 20, ((uint8_t[]){1, 148, 4, 0, 0, 0, 0, 0}), 8);
    assert_int_equal(parse(&h, out, 28, 28), WEIR_DROP_NONE);
    assert_true(h.router_alert);
}

static void test_emit_refuses_what_no_packet_can_be(void **state)
{
    (void)state;
    static const uint8_t options[44] = {0};
    uint8_t out[64];
    struct ip4 h = {.options = options, .options_len = 40, .payload_len = 65475};
    memset(out, 0xa5, sizeof out);
    for (size_t size = 0; size < 60; size++)
        assert_int_equal(ip4_emit(out, size, &h), 0);
    assert_int_equal(out[0], 0xa5);
    assert_int_equal(ip4_emit(out, 60, &h), 60);
    assert_int_equal(load16(out + 2), 65535);
    h.payload_len = 65476;
    assert_int_equal(ip4_emit(out, 60, &h), 0);
    h.payload_len = 0;
    h.options_len = 41;
    assert_int_equal(ip4_emit(out, 64, &h), 0);
}

static void test_emit_masks_what_is_too_wide(void **state)
{
    (void)state;
    struct ip4 h = {.dscp = 0xff, .ecn = 0xff, .fragment_offset = 65535};
    uint8_t out[20];
    assert_int_equal(ip4_emit(out, 20, &h), 20);
    assert_int_equal(out[1], 0xff);
    assert_int_equal(load16(out + 6), 0x1fff); /* no flag is touched */
}

static void test_pseudo_header_sums_as_the_diagram(void **state)
{
    (void)state;
    struct rng r = rng_make(9);
    for (unsigned i = 0; i < 2000; i++) {
        struct ip4_addr s, d;
        uint16_t len = (uint16_t)rng_u64(&r);
        uint8_t protocol = (uint8_t)rng_u64(&r);
        rng_bytes(&r, s.b, 4);
        rng_bytes(&r, d.b, 4);
        uint8_t pseudo[12];
        memcpy(pseudo, s.b, 4);
        memcpy(pseudo + 4, d.b, 4);
        pseudo[8] = 0;
        pseudo[9] = protocol;
        store16(pseudo + 10, len);
        be16 got = csum_finish(ip4_pseudo(s, d, protocol, len));
        assert_int_equal(be16_get(got), (uint16_t)~naive_sum(0, pseudo, 12));
    }
}

static void test_parts_sum_as_the_whole(void **state)
{
    (void)state;
    struct rng r = rng_make(10);
    uint8_t p[300];
    for (unsigned i = 0; i < 3000; i++) {
        struct weir_ref part[5];
        size_t at = 0, len = (size_t)rng_below(&r, sizeof p + 1);
        rng_bytes(&r, p, sizeof p);
        for (unsigned k = 0; k < 5; k++) {
            size_t n = k == 4 ? len - at : (size_t)rng_below(&r, len - at + 1);
            part[k] = (struct weir_ref){p + at, n};
            at += n;
        }
        be16 got = csum_finish(csum_parts(&csum_portable, csum_zero(), part, 5));
        assert_int_equal(be16_get(got), (uint16_t)~naive_sum(0, p, len));
    }
}

/* Damaged packets: nothing is read outside, and what is accepted is consistent. */
static void test_damaged_packets_are_judged_within_their_bounds(void **state)
{
    (void)state;
    struct rng r = rng_make(11);
    unsigned accepted = 0;
    for (unsigned i = 0; i < 30000; i++) {
        uint8_t p[80];
        struct ip4 h;
        rng_bytes(&r, p, sizeof p);
        p[0] = (uint8_t)(0x40 | rng_below(&r, 16));
        size_t n = (size_t)rng_below(&r, sizeof p + 1);
        if (rng_chance(&r, (struct ratio){3, 4}))
            store16(p + 2, (uint16_t)n);
        if (rng_chance(&r, (struct ratio){1, 2}))
            store16(p + 6, 0);
        if (rng_chance(&r, (struct ratio){1, 2}))
            memset(p + 20, 1, 40);
        finish_ip4(p);
        if (parse(&h, p, n, n) == WEIR_DROP_NONE) {
            accepted++;
            assert_true(ip4_header_len(&h) + h.payload_len <= n);
            assert_true(ip4_header_len(&h) >= 20 && ip4_header_len(&h) <= 60);
        }
    }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_stand_where_the_diagram_has_them),
        cmocka_unit_test(test_emit_writes_the_bytes_of_the_diagram),
        cmocka_unit_test(test_checksum_of_a_known_header),
        cmocka_unit_test(test_every_truncation_is_dropped),
        cmocka_unit_test(test_payload_may_stand_outside_the_head),
        cmocka_unit_test(test_fragment_fields_count_in_bytes),
        cmocka_unit_test(test_options_are_judged_by_rfc_791),
        cmocka_unit_test(test_emit_gives_back_what_was_parsed),
        cmocka_unit_test(test_emit_fills_options_up_with_zeros),
        cmocka_unit_test(test_emit_refuses_what_no_packet_can_be),
        cmocka_unit_test(test_emit_masks_what_is_too_wide),
        cmocka_unit_test(test_pseudo_header_sums_as_the_diagram),
        cmocka_unit_test(test_parts_sum_as_the_whole),
        cmocka_unit_test(test_damaged_packets_are_judged_within_their_bounds),
    };
    return cmocka_run_group_tests_name("ip4", tests, NULL, NULL);
}
