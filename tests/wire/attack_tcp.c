/* SPDX-License-Identifier: MIT
 * Rows of the attack catalogue that parsing and emission alone decide: ATK-HDR and ATK-OPT. What
 * the state machine must make of the same packets is tested in its room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

/* A header with ports 1 and 2, the given offset (in words) and flags. */
static void put_header(uint8_t *p, unsigned words, unsigned flags)
{
    memset(p, 0, 20);
    p[1] = 1;
    p[3] = 2;
    p[12] = (uint8_t)(words << 4 | flags >> 8);
    p[13] = (uint8_t)flags;
}

/* Parse a segment that ends where its heap block ends. */
static enum weir_drop parse_segment(struct tcp_header *h, const uint8_t *p, size_t len)
{
    uint8_t *exact = calloc(len, 1);
    if (len > 0)
        memcpy(exact, p, len);
    enum weir_drop drop = tcp_parse(h, exact, len, len);
    free(exact);
    return drop;
}

/* Parse options that end where their heap block ends; references are not to be followed afterwards.
 */
static struct tcp_options parse_options(const uint8_t *p, size_t len)
{
    struct tcp_options o;
    uint8_t *exact = calloc(len, 1);
    if (len > 0)
        memcpy(exact, p, len);
    memset(&o, 0xa5, sizeof o);
    tcp_options_parse(&o, exact, len);
    free(exact);
    return o;
}

static unsigned steps_of(const uint8_t *p, size_t len, bool *stopped)
{
    struct tcp_option_iter it = tcp_option_begin(p, len);
    struct tcp_option opt;
    unsigned steps = 0;
    while (tcp_option_next(&it, &opt))
        steps++;
    *stopped = it.stopped;
    return steps;
}

/* ---- the header ---- */

static void ATK_HDR_01_data_offset_below_five(void **state)
{
    (void)state;
    for (unsigned words = 0; words < 5; words++)
        for (unsigned flags = 0; flags < 256; flags++)
            for (size_t len = 20; len <= 60; len += 20) {
                uint8_t p[60] = {0};
                struct tcp_header h = {0};
                put_header(p, words, flags);
                assert_int_equal(parse_segment(&h, p, len), WEIR_DROP_TCP_DATA_OFFSET);
            }
}

static void ATK_HDR_02_data_offset_past_the_segment(void **state)
{
    (void)state;
    for (unsigned words = 6; words <= 15; words++)
        for (size_t len = 20; len <= 60; len++) {
            uint8_t p[60] = {0};
            struct tcp_header h = {0};
            put_header(p, words, TCP_ACK);
            assert_int_equal(parse_segment(&h, p, len),
                             len < 4 * words ? WEIR_DROP_TCP_DATA_OFFSET : WEIR_DROP_NONE);
        }
}

static void ATK_HDR_03_truncated_header(void **state)
{
    (void)state;
    for (size_t len = 0; len < 20; len++) {
        uint8_t p[20];
        struct tcp_header h = {0};
        put_header(p, 5, TCP_SYN);
        assert_int_equal(parse_segment(&h, p, len), WEIR_DROP_TCP_SHORT);
    }
}

static struct csum sum_of(const uint8_t *p, size_t n)
{
    struct csum c = csum_zero();
    for (size_t i = 0; i < n; i += 2)
        c = csum_word(c, (be16){{p[i], i + 1 < n ? p[i + 1] : 0}});
    return c;
}

enum { PAYLOAD = 7, SEGMENT = 24 + PAYLOAD }; /* odd */

static struct csum pseudo_of(size_t segment_len)
{
    uint8_t pseudo[12] = {10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0, (uint8_t)segment_len};
    return sum_of(pseudo, sizeof pseudo);
}

static bool checksum_is_good(const uint8_t *p, size_t pseudo_len)
{
    return tcp_checksum_is_good(p, 24, pseudo_of(pseudo_len), sum_of(p + 24, PAYLOAD));
}

static void put_good_segment(uint8_t *p)
{
    put_header(p, 6, TCP_ACK | TCP_PSH);
    memcpy(p + 20, "\1\1\1\1payload", 4 + PAYLOAD);
    be16 sum = tcp_checksum(p, 24, pseudo_of(SEGMENT), sum_of(p + 24, PAYLOAD));
    memcpy(p + 16, &sum, 2);
}

static void ATK_HDR_04_checksum_of_a_changed_segment(void **state)
{
    (void)state;
    uint8_t p[SEGMENT];
    put_good_segment(p);
    assert_true(checksum_is_good(p, SEGMENT));
    for (size_t wrong = 0; wrong < 256; wrong++)
        assert_int_equal(checksum_is_good(p, wrong), wrong == SEGMENT);
    for (size_t bit = 0; bit < 8 * sizeof p; bit++) {
        p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(checksum_is_good(p, SEGMENT));
        p[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    uint16_t good = load16(p + 16);
    for (uint32_t v = 0; v <= 0xffff; v++) { /* 0x0000, 0xffff, off by one, swapped among them */
        store16(p + 16, (uint16_t)v);
        assert_int_equal(checksum_is_good(p, SEGMENT), v == good);
    }
}

/* Zero has two forms in one's complement, and a sum of zero may be sent in either. */
static void ATK_HDR_04_checksum_zero_in_both_forms(void **state)
{
    (void)state;
    uint8_t p[SEGMENT];
    put_good_segment(p);
    store16(p + 14, load16(p + 16)); /* the window takes what was missing: now nothing is */
    assert_int_equal(be16_get(tcp_checksum(p, 24, pseudo_of(SEGMENT), sum_of(p + 24, PAYLOAD))), 0);
    for (uint32_t v = 0; v <= 0xffff; v++) {
        store16(p + 16, (uint16_t)v);
        assert_int_equal(checksum_is_good(p, SEGMENT), v == 0 || v == 0xffff);
    }
}

static void ATK_HDR_05_reserved_bits_are_ignored_and_kept(void **state)
{
    (void)state;
    for (unsigned reserved = 0; reserved < 8; reserved++) {
        uint8_t p[20], out[20];
        struct tcp_header h = {0};
        put_header(p, 5, TCP_SYN | reserved << 9);
        assert_int_equal(parse_segment(&h, p, 20), WEIR_DROP_NONE);
        assert_int_equal(h.header_len, 20);
        assert_int_equal(h.flags & TCP_FLAGS, TCP_SYN);
        tcp_emit(out, &h);
        assert_memory_equal(out, p, 20);
    }
}

static void ATK_HDR_14_largest_segment(void **state)
{
    (void)state;
    static const size_t payloads[] = {65495, 65515, 65535}; /* IPv4, IPv6, and none of 16 bits */
    for (size_t i = 0; i < 3; i++) {
        uint8_t p[60] = {0};
        struct tcp_header h = {0};
        put_header(p, 5, TCP_SYN | TCP_FIN);
        assert_int_equal(tcp_parse(&h, p, sizeof p, 20 + payloads[i]), WEIR_DROP_NONE);
        assert_int_equal(h.header_len, 20);
        assert_int_equal(tcp_segment_seq_len(h.flags, payloads[i]), payloads[i] + 2);
        put_header(p, 15, TCP_ACK);
        assert_int_equal(tcp_parse(&h, p, sizeof p, 20 + payloads[i]), WEIR_DROP_NONE);
    }
}

/* ---- options ---- */

/* kind 2..255 with a length that no option can have, after an option that counts, at every offset.
 */
static void check_stops(uint8_t len)
{
    for (unsigned kind = 2; kind < 256; kind++)
        for (size_t at = 4; at + 2 <= 40; at++) {
            uint8_t p[40];
            bool stopped;
            memset(p, TCP_OPT_NOP, sizeof p);
            memcpy(p, "\2\4\5\264", 4);
            p[at] = (uint8_t)kind;
            p[at + 1] = len;
            struct tcp_options o = parse_options(p, sizeof p);
            assert_true(o.stopped);
            assert_int_equal(o.present, TCP_HAS_MSS);
            assert_int_equal(o.mss, 1460);
            assert_true(steps_of(p, sizeof p, &stopped) <= 40 && stopped);
        }
}

static void ATK_OPT_01_option_length_zero_stops_parsing(void **state)
{
    (void)state;
    check_stops(0);
}

static void ATK_OPT_02_option_length_one_stops_parsing(void **state)
{
    (void)state;
    check_stops(1);
}

static void ATK_OPT_03_length_past_the_option_area(void **state)
{
    (void)state;
    for (unsigned kind = 2; kind < 256; kind++)
        for (size_t len = 2; len <= 40; len++) {
            const unsigned wrong[] = {(unsigned)len + 1, 41, 255};
            uint8_t p[40 + 8];
            for (size_t i = 0; i < 3; i++) {
                memset(p, 0x55, sizeof p); /* the payload behind is no option data */
                p[0] = (uint8_t)kind;
                p[1] = (uint8_t)wrong[i];
                struct tcp_options o = parse_options(p, len);
                assert_true(o.stopped);
                assert_int_equal(o.present, 0);
            }
        }
}

static void ATK_OPT_04_kind_in_the_last_byte(void **state)
{
    (void)state;
    for (unsigned kind = 2; kind < 256; kind++)
        for (size_t len = 1; len <= 40; len++) {
            uint8_t p[40];
            memset(p, TCP_OPT_NOP, sizeof p);
            p[len - 1] = (uint8_t)kind;
            struct tcp_options o = parse_options(p, len);
            assert_true(o.stopped);
            assert_int_equal(o.present, 0);
        }
}

/* One option of every length at the front of 40 bytes, an MSS or a window scale behind it. */
static struct tcp_options parse_one(unsigned kind, size_t len)
{
    uint8_t p[40];
    memset(p, TCP_OPT_NOP, sizeof p);
    memset(p, 7, len);
    p[0] = (uint8_t)kind;
    p[1] = (uint8_t)len;
    if (len <= 36)
        memcpy(p + len, kind == 28 ? "\2\4\5\264" : "\34\4\0\5", 4); /* MSS; user timeout */
    struct tcp_options o = parse_options(p, sizeof p);
    uint32_t behind = kind == 28 ? TCP_HAS_MSS : TCP_HAS_USER_TIMEOUT;
    assert_int_equal((o.present & behind) != 0, len <= 36); /* skipped by its length, no more */
    assert_false(o.stopped);
    o.present &= ~behind;
    return o;
}

/* The option is taken at exactly the lengths `right`, otherwise ignored and counted. */
static void check_lengths(unsigned kind, uint32_t bit, const uint8_t *right, size_t n)
{
    for (size_t len = 2; len <= 40; len++) {
        bool is_right = memchr(right, (int)len, n) != NULL;
        struct tcp_options o = parse_one(kind, len);
        assert_int_equal(o.present, is_right ? bit : 0);
        assert_int_equal(o.malformed, is_right ? 0 : 1);
    }
}

static void ATK_OPT_05_mss_of_wrong_length(void **state)
{
    (void)state;
    check_lengths(TCP_OPT_MSS, TCP_HAS_MSS, (const uint8_t[]){4}, 1);
}

static void ATK_OPT_09_window_scale_above_14(void **state)
{
    (void)state;
    check_lengths(TCP_OPT_WINDOW_SCALE, TCP_HAS_WINDOW_SCALE, (const uint8_t[]){3}, 1);
    for (unsigned scale = 0; scale < 256; scale++) {
        struct tcp_options o = parse_options((const uint8_t[]){3, 3, (uint8_t)scale, 1}, 4);
        assert_int_equal(o.present, TCP_HAS_WINDOW_SCALE);
        assert_int_equal(o.window_scale, scale < 14 ? scale : 14);
        assert_int_equal(o.window_scale_clamped, scale > 14);
    }
}

static void ATK_OPT_12_timestamps_of_wrong_length(void **state)
{
    (void)state;
    check_lengths(TCP_OPT_TIMESTAMPS, TCP_HAS_TIMESTAMPS, (const uint8_t[]){10}, 1);
    for (unsigned len = 0; len < 256; len++) { /* behind the very words of the fast path */
        uint8_t p[12] = {1, 1, 8, (uint8_t)len, 0, 0, 0, 1, 0, 0, 0, 2};
        struct tcp_options o = parse_options(p, sizeof p);
        assert_int_equal(o.present & TCP_HAS_TIMESTAMPS, len == 10 ? TCP_HAS_TIMESTAMPS : 0);
    }
}

static void ATK_OPT_13_sack_of_wrong_length(void **state)
{
    (void)state;
    check_lengths(TCP_OPT_SACK, TCP_HAS_SACK, (const uint8_t[]){10, 18, 26, 34}, 4);
}

/* Whatever the option, the first counts. */
static void ATK_OPT_14_duplicate_options(void **state)
{
    (void)state;
    struct tcp_options o = parse_options((const uint8_t[]){2, 4, 0, 1, 2, 4, 0, 2}, 8);
    assert_true(o.present == TCP_HAS_MSS && o.mss == 1 && o.repeated == 1);
    o = parse_options((const uint8_t[]){3, 3, 1, 3, 3, 99, 1, 1}, 8);
    assert_true(o.window_scale == 1 && o.repeated == 1 && !o.window_scale_clamped);
    o = parse_options(
        (const uint8_t[]){8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4}, 22);
    assert_true(o.ts_val == 1 && o.ts_ecr == 2 && o.repeated == 1);
    o = parse_options((const uint8_t[]){5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 18, 0, 0,
                                        0, 3,  0, 0, 0, 4, 0, 0, 0, 5, 0, 0,  0, 6},
                      28);
    assert_true(o.sack_count == 1 && o.sack[0].start.v == 1 && o.repeated == 1);
    o = parse_options((const uint8_t[]){34, 2, 254, 8, 0xf9, 0x89, 1, 2, 3, 4}, 10);
    assert_true(o.fast_open.len == 0 && !o.fast_open_experimental && o.repeated == 1);
    o = parse_options((const uint8_t[]){172, 5, 0, 0, 1, 174, 5, 0, 0, 2}, 10);
    assert_true(!o.accecn_order1 && o.accecn_ee0b == 1 && o.repeated == 1);
    /* One of a wrong length is no first. */
    o = parse_options((const uint8_t[]){2, 3, 9, 2, 4, 0, 2}, 7);
    assert_true(o.present == TCP_HAS_MSS && o.mss == 2 && o.malformed == 1 && o.repeated == 0);
}

static void ATK_OPT_15_nop_flood_and_eol(void **state)
{
    (void)state;
    uint8_t p[60];
    bool stopped;
    memset(p, TCP_OPT_NOP, sizeof p);
    struct tcp_options o = parse_options(p, 40);
    assert_true(o.present == 0 && !o.stopped);
    assert_int_equal(steps_of(p, 60, &stopped), 40);
    assert_false(stopped);
    for (size_t at = 0; at + 12 <= 40; at++) {
        memset(p, TCP_OPT_NOP, sizeof p);
        p[at] = TCP_OPT_EOL;
        memcpy(p + at + 1, "\10\12\0\0\0\1\0\0\0\2", 10); /* valid timestamps, and then no option */
        p[at + 11] = 2;
        o = parse_options(p, at + 12);
        assert_true(o.present == 0 && !o.stopped && o.malformed == 0);
    }
}

static void ATK_OPT_16_unknown_options_are_skipped(void **state)
{
    (void)state;
    static const uint8_t known[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,   11, 12,
                                    13, 14, 15, 19, 28, 29, 30, 34, 172, 174};
    for (unsigned kind = 0; kind < 256; kind++) {
        if (memchr(known, (int)kind, sizeof known) != NULL)
            continue;
        for (size_t len = 2; len <= 40; len++) {
            struct tcp_options o = parse_one(kind, len);
            assert_int_equal(o.present, TCP_HAS_OTHER);
            assert_int_equal(o.malformed, 0);
            assert_int_equal(o.other[0].kind, kind);
            assert_int_equal(o.other[0].len, len);
        }
    }
}

/* Every known option at every byte offset that has room for it means what it means at offset 0. */
static void ATK_OPT_17_options_at_every_offset(void **state)
{
    (void)state;
    static const struct {
        uint32_t bit;
        uint8_t len, bytes[20];
    } rows[] = {
        {TCP_HAS_MSS, 4, {2, 4, 0x12, 0x34}},
        {TCP_HAS_WINDOW_SCALE, 3, {3, 3, 9}},
        {TCP_HAS_SACK_PERMITTED, 2, {4, 2}},
        {TCP_HAS_SACK, 18, {5, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
        {TCP_HAS_TIMESTAMPS, 10, {8, 10, 1, 2, 3, 4, 5, 6, 7, 8}},
        {TCP_HAS_CC, 6, {11, 6, 1, 2, 3, 4}},
        {TCP_HAS_USER_TIMEOUT, 4, {28, 4, 1, 2}},
        {TCP_HAS_FAST_OPEN, 6, {34, 6, 1, 2, 3, 4}},
        {TCP_HAS_FAST_OPEN, 8, {254, 8, 0xf9, 0x89, 1, 2, 3, 4}},
        {TCP_HAS_AO, 8, {29, 8, 1, 2, 3, 4, 5, 6}},
        {TCP_HAS_MD5, 18, {19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
        {TCP_HAS_MPTCP, 4, {30, 4, 0x10, 2}},
        {TCP_HAS_ACCECN, 11, {172, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
        {TCP_HAS_OTHER, 5, {99, 5, 1, 2, 3}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t at = 0; at + rows[i].len <= 40; at++) {
            uint8_t p[40], back[40];
            memset(p, TCP_OPT_NOP, sizeof p);
            memcpy(p + at, rows[i].bytes, rows[i].len);
            uint8_t *exact = calloc(at + rows[i].len, 1);
            memcpy(exact, p, at + rows[i].len);
            struct tcp_options o;
            tcp_options_parse(&o, exact, at + rows[i].len);
            assert_int_equal(o.present, rows[i].bit);
            assert_false(o.stopped);
            size_t len = tcp_options_emit(back, sizeof back, &o);
            size_t front = rows[i].bytes[0] == back[0] ? 0 : 1 + (size_t)(back[1] == TCP_OPT_NOP);
            assert_true(front + rows[i].len <= len);
            assert_memory_equal(back + front, rows[i].bytes, rows[i].len);
            free(exact);
        }
}

static void ATK_OPT_18_malformed_authentication(void **state)
{
    (void)state;
    uint8_t ao[37];
    for (unsigned i = 0; i < sizeof ao; i++)
        ao[i] = (uint8_t)(4 + i);
    check_lengths(TCP_OPT_AO, TCP_HAS_AO, ao, sizeof ao);
    check_lengths(TCP_OPT_MD5, TCP_HAS_MD5, (const uint8_t[]){18}, 1);
}

/* A SYN-ACK with all that a SYN of 40 bytes and a cookie asks for: what is worth less is left out.
 */
static void ATK_OPT_20_a_syn_never_has_more_than_forty_bytes(void **state)
{
    (void)state;
    static const uint8_t cookie[16] = {1};
    struct tcp_options o = {
        .present = TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE | TCP_HAS_TIMESTAMPS |
                   TCP_HAS_SACK_PERMITTED | TCP_HAS_FAST_OPEN | TCP_HAS_USER_TIMEOUT |
                   TCP_HAS_ACCECN,
        .accecn_count = 3,
        .fast_open = {cookie, 16},
    };
    static const uint32_t usual =
        TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE | TCP_HAS_TIMESTAMPS | TCP_HAS_SACK_PERMITTED;
    static const struct {
        size_t cookie;
        uint32_t beside;
        size_t len;
    } rows[] = {
        {16, TCP_HAS_FAST_OPEN, 40},
        {10, TCP_HAS_FAST_OPEN | TCP_HAS_USER_TIMEOUT, 36},
        {14, TCP_HAS_FAST_OPEN | TCP_HAS_USER_TIMEOUT, 40},
        {4, TCP_HAS_FAST_OPEN | TCP_HAS_USER_TIMEOUT, 32},
        {0, TCP_HAS_FAST_OPEN | TCP_HAS_USER_TIMEOUT | TCP_HAS_ACCECN, 40},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t p[41];
        struct tcp_options back;
        o.fast_open.len = rows[i].cookie;
        assert_int_equal(tcp_options_emit(p, sizeof p, &o), rows[i].len);
        tcp_options_parse(&back, p, rows[i].len);
        assert_int_equal(back.present, usual | rows[i].beside);
        assert_int_equal(back.fast_open.len, rows[i].cookie);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_HDR_01_data_offset_below_five),
        cmocka_unit_test(ATK_HDR_02_data_offset_past_the_segment),
        cmocka_unit_test(ATK_HDR_03_truncated_header),
        cmocka_unit_test(ATK_HDR_04_checksum_of_a_changed_segment),
        cmocka_unit_test(ATK_HDR_04_checksum_zero_in_both_forms),
        cmocka_unit_test(ATK_HDR_05_reserved_bits_are_ignored_and_kept),
        cmocka_unit_test(ATK_HDR_14_largest_segment),
        cmocka_unit_test(ATK_OPT_01_option_length_zero_stops_parsing),
        cmocka_unit_test(ATK_OPT_02_option_length_one_stops_parsing),
        cmocka_unit_test(ATK_OPT_03_length_past_the_option_area),
        cmocka_unit_test(ATK_OPT_04_kind_in_the_last_byte),
        cmocka_unit_test(ATK_OPT_05_mss_of_wrong_length),
        cmocka_unit_test(ATK_OPT_09_window_scale_above_14),
        cmocka_unit_test(ATK_OPT_12_timestamps_of_wrong_length),
        cmocka_unit_test(ATK_OPT_13_sack_of_wrong_length),
        cmocka_unit_test(ATK_OPT_14_duplicate_options),
        cmocka_unit_test(ATK_OPT_15_nop_flood_and_eol),
        cmocka_unit_test(ATK_OPT_16_unknown_options_are_skipped),
        cmocka_unit_test(ATK_OPT_17_options_at_every_offset),
        cmocka_unit_test(ATK_OPT_18_malformed_authentication),
        cmocka_unit_test(ATK_OPT_20_a_syn_never_has_more_than_forty_bytes),
    };
    return cmocka_run_group_tests_name("attack_tcp", tests, NULL, NULL);
}
