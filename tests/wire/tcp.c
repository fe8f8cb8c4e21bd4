/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "wire/tcp.h"

/* The header of RFC 9293 section 3.1, filled in by hand: ports 4660 and 80, SEQ 0x01020304, ACK
 * 0xa0b0c0d0, offset 5 words, no reserved bit, PSH and ACK, window 0x1000, checksum 0xbeef,
 * urgent 9. */
static const uint8_t by_hand[20] = {0x12, 0x34, 0x00, 0x50, 0x01, 0x02, 0x03, 0x04, 0xa0, 0xb0,
                                    0xc0, 0xd0, 0x50, 0x18, 0x10, 0x00, 0xbe, 0xef, 0x00, 0x09};

/* Parse from a heap block of exactly head_len bytes, so that a sanitizer sees every read too many.
 */
static enum weir_drop parse(struct tcp_header *h, const uint8_t *p, size_t head_len,
                            size_t segment_len)
{
    uint8_t *exact = calloc(head_len, 1);
    if (head_len > 0)
        memcpy(exact, p, head_len);
    enum weir_drop drop = tcp_parse(h, exact, head_len, segment_len);
    free(exact);
    return drop;
}

static void test_fields_stand_where_the_diagram_has_them(void **state)
{
    (void)state;
    struct tcp_header h = {0};
    assert_int_equal(parse(&h, by_hand, 20, 20), WEIR_DROP_NONE);
    assert_int_equal(h.source_port, 4660);
    assert_int_equal(h.destination_port, 80);
    assert_int_equal(h.seq.v, 0x01020304);
    assert_int_equal(h.ack.v, 0xa0b0c0d0);
    assert_int_equal(h.header_len, 20);
    assert_int_equal(h.flags, TCP_PSH | TCP_ACK);
    assert_int_equal(h.window, 4096);
    assert_int_equal(be16_get(h.checksum), 0xbeef);
    assert_int_equal(h.urgent, 9);
}

static void test_the_overlay_has_the_same_fields(void **state)
{
    (void)state;
    struct tcp_wire w;
    memcpy(&w, by_hand, sizeof w);
    assert_int_equal(be16_get(w.source_port), 4660);
    assert_int_equal(be16_get(w.destination_port), 80);
    assert_int_equal(be32_get(w.seq), 0x01020304);
    assert_int_equal(be32_get(w.ack), 0xa0b0c0d0);
    assert_int_equal(be16_get(w.offset_flags), 0x5018);
    assert_int_equal(be16_get(w.window), 4096);
    assert_int_equal(be16_get(w.checksum), 0xbeef);
    assert_int_equal(be16_get(w.urgent), 9);
    assert_int_equal(be16_get(tcp_offset_flags(20, TCP_PSH | TCP_ACK)), 0x5018);
    assert_int_equal(be16_get(tcp_offset_flags(60, TCP_AE | TCP_FIN)), 0xf101);
}

/* The flags stand in byte 13 as CWR ECE URG ACK PSH RST SYN FIN, AE is the lowest bit of byte 12.
 */
static void test_each_flag_is_its_own_bit(void **state)
{
    (void)state;
    static const struct {
        unsigned flag;
        uint8_t byte12, byte13;
    } rows[] = {
        {TCP_FIN, 0, 0x01}, {TCP_SYN, 0, 0x02}, {TCP_RST, 0, 0x04},
        {TCP_PSH, 0, 0x08}, {TCP_ACK, 0, 0x10}, {TCP_URG, 0, 0x20},
        {TCP_ECE, 0, 0x40}, {TCP_CWR, 0, 0x80}, {TCP_AE, 0x01, 0},
        {0x200, 0x02, 0},   {0x400, 0x04, 0},   {0x800, 0x08, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tcp_header h = {0};
        uint8_t p[20], out[20];
        memcpy(p, by_hand, sizeof p);
        p[12] = (uint8_t)(0x50 | rows[i].byte12);
        p[13] = rows[i].byte13;
        assert_int_equal(tcp_parse(&h, p, 20, 20), WEIR_DROP_NONE);
        assert_int_equal(h.flags, rows[i].flag);
        assert_int_equal(h.header_len, 20);
        tcp_emit(out, &h);
        assert_memory_equal(out, p, 20);
    }
    assert_int_equal(TCP_FLAGS & TCP_RESERVED, 0);
    assert_int_equal(TCP_FLAGS | TCP_RESERVED, 0xfff);
}

static void test_any_header_that_parses_is_emitted_unchanged(void **state)
{
    (void)state;
    struct rng r = rng_make(1);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t p[60], out[22];
        struct tcp_header h = {0};
        rng_bytes(&r, p, sizeof p);
        p[12] = (uint8_t)(rng_between(&r, 5, 15) << 4 | (p[12] & 0x0f));
        assert_int_equal(tcp_parse(&h, p, sizeof p, sizeof p), WEIR_DROP_NONE);
        memset(out, 0x5a, sizeof out);
        tcp_emit(out + 1, &h);
        assert_memory_equal(out + 1, p, 20);
        assert_int_equal(out[0], 0x5a);
        assert_int_equal(out[21], 0x5a);
    }
}

/* A header that no TCP may send can be built all the same, to be sent in tests. */
static void test_an_offset_below_five_can_be_emitted(void **state)
{
    (void)state;
    for (unsigned words = 0; words < 5; words++) {
        uint8_t p[20], out[20];
        struct tcp_header h = {0};
        memcpy(p, by_hand, sizeof p);
        p[12] = (uint8_t)(words << 4);
        assert_int_equal(tcp_parse(&h, p, 20, 20), WEIR_DROP_TCP_DATA_OFFSET);
        tcp_emit(out, &h);
        assert_memory_equal(out, p, 20);
    }
}

/* Every data offset, every length of segment, every part of it in the head. */
static void test_lengths_decide_the_drop_reason(void **state)
{
    (void)state;
    for (unsigned words = 0; words < 16; words++)
        for (size_t segment_len = 0; segment_len <= 64; segment_len++)
            for (size_t head_len = 0; head_len <= segment_len; head_len++) {
                uint8_t p[64] = {0};
                struct tcp_header h = {0};
                memcpy(p, by_hand, 20);
                p[12] = (uint8_t)(words << 4);
                enum weir_drop want = WEIR_DROP_NONE;
                if (segment_len < 20)
                    want = WEIR_DROP_TCP_SHORT;
                else if (head_len >= 20 && (words < 5 || words * 4 > segment_len))
                    want = WEIR_DROP_TCP_DATA_OFFSET;
                else if (head_len < 20 || words * 4 > head_len)
                    want = WEIR_DROP_DEVICE_HEADERS;
                assert_int_equal(parse(&h, p, head_len, segment_len), want);
                if (want == WEIR_DROP_NONE)
                    assert_int_equal(h.header_len, words * 4);
            }
}

static void test_a_head_longer_than_the_segment_adds_nothing(void **state)
{
    (void)state;
    uint8_t p[64] = {0};
    struct tcp_header h = {0};
    memcpy(p, by_hand, 20);
    p[12] = 0x60;
    assert_int_equal(tcp_parse(&h, p, 64, 23), WEIR_DROP_TCP_DATA_OFFSET);
    assert_int_equal(tcp_parse(&h, p, 64, 24), WEIR_DROP_NONE);
    assert_int_equal(tcp_parse(&h, p, 64, 19), WEIR_DROP_TCP_SHORT);
}

static void test_syn_and_fin_take_a_number_each(void **state)
{
    (void)state;
    assert_int_equal(tcp_segment_seq_len(TCP_ACK | TCP_PSH | TCP_RST | TCP_URG, 0), 0);
    assert_int_equal(tcp_segment_seq_len(TCP_SYN, 0), 1);
    assert_int_equal(tcp_segment_seq_len(TCP_FIN | TCP_ACK, 10), 11);
    assert_int_equal(tcp_segment_seq_len(TCP_SYN | TCP_FIN, 65515), 65517);
}

/* ---- checksum: against the definition, written down a second time ---- */

/* RFC 9293 section 3.1: 16-bit words of pseudo-header, header and text, padded with a zero byte. */
static uint16_t naive_checksum(const uint8_t *pseudo, size_t pseudo_len, const uint8_t *segment,
                               size_t segment_len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < pseudo_len; i++)
        sum += (uint32_t)pseudo[i] << (i % 2 == 0 ? 8 : 0);
    for (size_t i = 0; i < segment_len; i++)
        sum += i == 16 || i == 17 ? 0 : (uint32_t)segment[i] << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static struct csum sum_of(const uint8_t *p, size_t n)
{
    struct csum c = csum_zero();
    for (size_t i = 0; i < n; i += 2)
        c = csum_word(c, (be16){{p[i], i + 1 < n ? p[i + 1] : 0}});
    return c;
}

static void test_the_checksum_is_that_of_the_definition(void **state)
{
    (void)state;
    struct rng r = rng_make(2);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t pseudo[12], segment[60 + 101];
        size_t header_len = 4 * rng_between(&r, 5, 15);
        size_t payload_len = rng_below(&r, 102);
        rng_bytes(&r, pseudo, sizeof pseudo);
        rng_bytes(&r, segment, sizeof segment);
        struct csum head = sum_of(pseudo, sizeof pseudo);
        struct csum payload = sum_of(segment + header_len, payload_len);
        uint16_t want = naive_checksum(pseudo, sizeof pseudo, segment, header_len + payload_len);
        be16 got = tcp_checksum(segment, header_len, head, payload);
        assert_int_equal(be16_get(got), want);
        store16(segment + 16, want);
        assert_true(tcp_checksum_is_good(segment, header_len, head, payload));
        store16(segment + 16, (uint16_t)(want + 1));
        assert_false(tcp_checksum_is_good(segment, header_len, head, payload));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_stand_where_the_diagram_has_them),
        cmocka_unit_test(test_the_overlay_has_the_same_fields),
        cmocka_unit_test(test_each_flag_is_its_own_bit),
        cmocka_unit_test(test_any_header_that_parses_is_emitted_unchanged),
        cmocka_unit_test(test_an_offset_below_five_can_be_emitted),
        cmocka_unit_test(test_lengths_decide_the_drop_reason),
        cmocka_unit_test(test_a_head_longer_than_the_segment_adds_nothing),
        cmocka_unit_test(test_syn_and_fin_take_a_number_each),
        cmocka_unit_test(test_the_checksum_is_that_of_the_definition),
    };
    return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
