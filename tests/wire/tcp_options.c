/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "tcp_options_equal.h"
#include "wire/tcp_options.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

/* Parse a copy in a heap block of exactly `len` bytes; the caller frees *exact, which o refers to.
 */
static void parse(struct tcp_options *o, uint8_t **exact, const uint8_t *p, size_t len)
{
    *exact = calloc(len, 1);
    if (len > 0)
        memcpy(*exact, p, len);
    memset(o, 0xa5, sizeof *o); /* nothing may rely on what the struct held before */
    tcp_options_parse(o, *exact, len);
}

/* ---- parsing, by hand ---- */

static void test_a_syn_as_linux_sends_it(void **state)
{
    (void)state;
    struct tcp_options o;
    uint8_t *p;
    parse(&o, &p, BYTES(2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 10));
    assert_int_equal(o.present, TCP_HAS_MSS | TCP_HAS_SACK_PERMITTED | TCP_HAS_TIMESTAMPS |
                                    TCP_HAS_WINDOW_SCALE);
    assert_int_equal(o.mss, 1460);
    assert_int_equal(o.ts_val, 0x01020304);
    assert_int_equal(o.ts_ecr, 0);
    assert_int_equal(o.window_scale, 10);
    assert_false(o.stopped || o.window_scale_clamped);
    assert_int_equal(o.malformed + o.repeated, 0);
    free(p);
}

static void test_no_options_at_all(void **state)
{
    (void)state;
    struct tcp_options o;
    uint8_t *p;
    parse(&o, &p, NULL, 0);
    assert_int_equal(o.present, 0);
    assert_false(o.stopped);
    assert_int_equal(o.malformed + o.repeated, 0);
    free(p);
}

static void test_the_usual_data_segment(void **state)
{
    (void)state;
    struct tcp_options o;
    uint8_t *p;
    parse(&o, &p, BYTES(1, 1, 8, 10, 0xff, 0xee, 0xdd, 0xcc, 1, 0, 0, 2));
    assert_int_equal(o.present, TCP_HAS_TIMESTAMPS);
    assert_int_equal(o.ts_val, 0xffeeddcc);
    assert_int_equal(o.ts_ecr, 0x01000002);
    assert_false(o.stopped || o.window_scale_clamped);
    assert_int_equal(o.malformed + o.repeated, 0);
    free(p);
}

static void test_sack_blocks_of_each_number(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 4; n++) {
        uint8_t area[36] = {1, 1, 5, (uint8_t)(2 + 8 * n)};
        struct tcp_options o;
        uint8_t *p;
        for (uint32_t i = 0; i < 2 * n; i++)
            store32(area + 4 + 4 * i, 0xfffffff0U + i);
        parse(&o, &p, area, 4 + 8 * n);
        assert_int_equal(o.present, TCP_HAS_SACK);
        assert_int_equal(o.sack_count, n);
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(o.sack[i].start.v, 0xfffffff0U + 2 * i);
            assert_int_equal(o.sack[i].end.v, 0xfffffff0U + 2 * i + 1);
        }
        free(p);
    }
}

static void test_fast_open_request_cookie_and_experiment(void **state)
{
    (void)state;
    struct tcp_options o;
    uint8_t *p;
    parse(&o, &p, BYTES(34, 2));
    assert_int_equal(o.present, TCP_HAS_FAST_OPEN);
    assert_int_equal(o.fast_open.len, 0);
    assert_false(o.fast_open_experimental);
    free(p);
    parse(&o, &p, BYTES(34, 10, 1, 2, 3, 4, 5, 6, 7, 8));
    assert_int_equal(o.fast_open.len, 8);
    assert_memory_equal(o.fast_open.data, "\1\2\3\4\5\6\7\10", 8);
    free(p);
    parse(&o, &p, BYTES(254, 8, 0xf9, 0x89, 9, 8, 7, 6));
    assert_int_equal(o.present, TCP_HAS_FAST_OPEN);
    assert_true(o.fast_open_experimental);
    assert_int_equal(o.fast_open.len, 4);
    assert_memory_equal(o.fast_open.data, "\11\10\7\6", 4);
    free(p);
}

static void test_another_experiment_is_not_fast_open(void **state)
{
    (void)state;
    struct tcp_options o;
    uint8_t *p;
    parse(&o, &p, BYTES(254, 4, 0xf9, 0x88, 254, 3, 0xf9, 253, 4, 0xf9, 0x89));
    assert_int_equal(o.present, TCP_HAS_OTHER);
    assert_int_equal(o.other_count, 3);
    assert_int_equal(o.malformed, 0);
    free(p);
}

static void test_user_timeout_in_seconds_and_minutes(void **state)
{
    (void)state;
    struct tcp_options o;
    uint8_t *p;
    parse(&o, &p, BYTES(28, 4, 0x80, 0x02));
    assert_int_equal(o.present, TCP_HAS_USER_TIMEOUT);
    assert_int_equal(o.user_timeout, 0x8002);
    assert_int_equal(tcp_user_timeout_s(o.user_timeout), 120);
    assert_int_equal(tcp_user_timeout_s(0x7fff), 32767);
    assert_int_equal(tcp_user_timeout_s(0xffff), 32767 * 60);
    assert_int_equal(tcp_user_timeout_s(0), 0);
    free(p);
}

static void test_authentication_options(void **state)
{
    (void)state;
    struct tcp_options o;
    uint8_t *p;
    parse(&o, &p, BYTES(29, 16, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    assert_int_equal(o.present, TCP_HAS_AO);
    assert_int_equal(o.ao_key_id, 7);
    assert_int_equal(o.ao_rnext_key_id, 8);
    assert_int_equal(o.ao_mac.len, 12);
    assert_ptr_equal(o.ao_mac.data, p + 4);
    free(p);
    parse(&o, &p, BYTES(29, 4, 7, 8));
    assert_int_equal(o.present, TCP_HAS_AO);
    assert_int_equal(o.ao_mac.len, 0);
    free(p);
    parse(&o, &p, BYTES(19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16));
    assert_int_equal(o.present, TCP_HAS_MD5);
    assert_ptr_equal(o.md5, p + 2);
    free(p);
}

static void test_mptcp_subtype_and_bytes(void **state)
{
    (void)state;
    struct tcp_options o;
    uint8_t *p;
    parse(&o, &p, BYTES(30, 12, 0x20, 0x05, 1, 2, 3, 4, 5, 6, 7, 8));
    assert_int_equal(o.present, TCP_HAS_MPTCP);
    assert_int_equal(o.mptcp_subtype, 2);
    assert_int_equal(o.mptcp.len, 10);
    assert_ptr_equal(o.mptcp.data, p + 2);
    free(p);
}

/* RFC 9768 section 3.2.3: order 0 (172) is EE0B, ECEB, EE1B; order 1 (174) EE1B, ECEB, EE0B; fields
 * at the end may be left out; what is no whole field is padding. */
static void test_accecn_in_both_orders_and_all_lengths(void **state)
{
    (void)state;
    static const uint8_t data[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    for (unsigned order = 0; order < 2; order++)
        for (size_t n = 0; n <= 12; n++) {
            uint8_t area[14] = {order == 0 ? 172 : 174, (uint8_t)(2 + n)};
            struct tcp_options o;
            uint8_t *p;
            memcpy(area + 2, data, n);
            parse(&o, &p, area, 2 + n);
            uint32_t first = n >= 3 ? 0x010203 : 0, middle = n >= 6 ? 0x040506 : 0;
            uint32_t last = n >= 9 ? 0x070809 : 0;
            assert_int_equal(o.present, TCP_HAS_ACCECN);
            assert_int_equal(o.accecn_order1, order);
            assert_int_equal(o.accecn_count, n / 3 < 3 ? n / 3 : 3);
            assert_int_equal(o.accecn_ee0b, order == 0 ? first : last);
            assert_int_equal(o.accecn_eceb, middle);
            assert_int_equal(o.accecn_ee1b, order == 0 ? last : first);
            free(p);
        }
}

static void test_historic_options(void **state)
{
    (void)state;
    struct tcp_options o;
    uint8_t *p;
    parse(&o, &p,
          BYTES(6, 6, 0, 0, 0, 1, 7, 6, 0, 0, 0, 2, 11, 6, 0, 0, 0, 3, 12, 6, 0, 0, 0, 4, 13, 6, 0,
                0, 0, 5, 14, 3, 2, 15, 4, 0xab, 0xcd));
    assert_int_equal(o.present, TCP_HAS_ECHO | TCP_HAS_ECHO_REPLY | TCP_HAS_CC | TCP_HAS_CC_NEW |
                                    TCP_HAS_CC_ECHO | TCP_HAS_ALT_CHECKSUM |
                                    TCP_HAS_ALT_CHECKSUM_DATA);
    assert_int_equal(o.echo, 1);
    assert_int_equal(o.echo_reply, 2);
    assert_int_equal(o.cc, 3);
    assert_int_equal(o.cc_new, 4);
    assert_int_equal(o.cc_echo, 5);
    assert_int_equal(o.alt_checksum, 2);
    assert_int_equal(o.alt_checksum_data.len, 2);
    assert_ptr_equal(o.alt_checksum_data.data, p + 35);
    free(p);
}

static void test_unknown_options_are_recorded_where_they_stand(void **state)
{
    (void)state;
    struct tcp_options o;
    uint8_t *p;
    parse(&o, &p, BYTES(99, 4, 1, 2, 1, 9, 2, 2, 4, 5, 0xb4, 99, 3, 7));
    assert_int_equal(o.present, TCP_HAS_MSS | TCP_HAS_OTHER);
    assert_int_equal(o.other_count, 3);
    static const struct tcp_other_option want[3] = {{99, 4, 0}, {9, 2, 5}, {99, 3, 11}};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(o.other[i].kind, want[i].kind);
        assert_int_equal(o.other[i].len, want[i].len);
        assert_int_equal(o.other[i].offset, want[i].offset);
    }
    assert_ptr_equal(o.area, p);
    free(p);
}

static void test_twenty_unknown_options_fill_the_records(void **state)
{
    (void)state;
    uint8_t area[40];
    struct tcp_options o;
    uint8_t *p;
    for (unsigned i = 0; i < 20; i++) {
        area[2 * i] = (uint8_t)(200 + i);
        area[2 * i + 1] = 2;
    }
    parse(&o, &p, area, sizeof area);
    assert_int_equal(o.other_count, 20);
    assert_int_equal(o.other[19].kind, 219);
    assert_int_equal(o.other[19].offset, 38);
    free(p);
}

static void test_what_stands_past_forty_bytes_is_not_looked_at(void **state)
{
    (void)state;
    uint8_t area[44];
    struct tcp_options o;
    uint8_t *p;
    memset(area, TCP_OPT_NOP, sizeof area);
    memcpy(area + 40, "\2\4\5\264", 4);
    parse(&o, &p, area, sizeof area);
    assert_int_equal(o.present, 0);
    free(p);
    area[39] = 3; /* whose length would stand at 40 */
    parse(&o, &p, area, sizeof area);
    assert_true(o.stopped);
    free(p);
}

/* ---- parsing, against a model ---- */

/* A second reading of the rules: the list of options first, then each question asked of the list.
 */
struct model {
    struct {
        uint8_t kind;
        size_t at, len;
    } list[40];
    unsigned count;
    bool stopped;
};

static struct model model_of(const uint8_t *p, size_t n)
{
    struct model m = {.count = 0};
    size_t at = 0;
    while (at < n && p[at] != 0) {
        size_t len = p[at] == 1 ? 1 : at + 1 < n ? p[at + 1] : 0;
        if (p[at] != 1 && (len < 2 || at + len > n)) {
            m.stopped = true;
            break;
        }
        m.list[m.count].kind = p[at];
        m.list[m.count].at = at;
        m.list[m.count].len = len;
        m.count++;
        at += len;
    }
    return m;
}

/* 0: no such option is known; 1: known, and of a wrong length; 2: right. By the RFC of each. */
static int model_judges(uint8_t kind, size_t len, const uint8_t *data)
{
    switch (kind) {
    case 2:
    case 28:
        return len == 4 ? 2 : 1;
    case 3:
    case 14:
        return len == 3 ? 2 : 1;
    case 4:
        return len == 2 ? 2 : 1;
    case 5:
        return len == 10 || len == 18 || len == 26 || len == 34 ? 2 : 1;
    case 6:
    case 7:
    case 11:
    case 12:
    case 13:
        return len == 6 ? 2 : 1;
    case 8:
        return len == 10 ? 2 : 1;
    case 15:
    case 30:
        return len >= 3 ? 2 : 1;
    case 19:
        return len == 18 ? 2 : 1;
    case 29:
        return len >= 4 ? 2 : 1;
    case 34:
        return len == 2 || (len >= 6 && len <= 18 && len % 2 == 0) ? 2 : 1;
    case 172:
    case 174:
        return 2;
    case 254:
        if (len < 4 || data[0] != 0xf9 || data[1] != 0x89)
            return 0;
        return len == 4 || (len >= 8 && len <= 20 && len % 2 == 0) ? 2 : 1;
    default:
        return 0;
    }
}

static uint32_t bit_of(uint8_t kind)
{
    static const struct {
        uint8_t kind;
        uint32_t bit;
    } rows[] = {
        {2, TCP_HAS_MSS},           {3, TCP_HAS_WINDOW_SCALE}, {4, TCP_HAS_SACK_PERMITTED},
        {5, TCP_HAS_SACK},          {6, TCP_HAS_ECHO},         {7, TCP_HAS_ECHO_REPLY},
        {8, TCP_HAS_TIMESTAMPS},    {11, TCP_HAS_CC},          {12, TCP_HAS_CC_NEW},
        {13, TCP_HAS_CC_ECHO},      {14, TCP_HAS_ALT_CHECKSUM}, {15, TCP_HAS_ALT_CHECKSUM_DATA},
        {19, TCP_HAS_MD5},          {28, TCP_HAS_USER_TIMEOUT}, {29, TCP_HAS_AO},
        {30, TCP_HAS_MPTCP},        {34, TCP_HAS_FAST_OPEN},   {172, TCP_HAS_ACCECN},
        {174, TCP_HAS_ACCECN},      {254, TCP_HAS_FAST_OPEN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].kind == kind)
            return rows[i].bit;
    return 0;
}

static void check_value(const struct tcp_options *o, uint8_t kind, const uint8_t *data, size_t n)
{
    if (kind == 2)
        assert_int_equal(o->mss, data[0] * 256 + data[1]);
    else if (kind == 3)
        assert_int_equal(o->window_scale, data[0] > 14 ? 14 : data[0]);
    else if (kind == 8)
        assert_true(o->ts_val == load32(data) && o->ts_ecr == load32(data + 4));
    else if (kind == 5)
        assert_int_equal(o->sack_count * 8, n);
    else if (kind == 30)
        assert_true(o->mptcp.data == data && o->mptcp.len == n);
    else if (kind == 34)
        assert_true(o->fast_open.data == data && o->fast_open.len == n);
    else if (kind == 254)
        assert_true(o->fast_open.data == data + 2 && o->fast_open.len == n - 2);
}

static void check_against_model(const uint8_t *area, size_t len)
{
    struct tcp_options o;
    uint8_t *p;
    parse(&o, &p, area, len);
    struct model m = model_of(p, len);
    unsigned malformed = 0, repeated = 0, other = 0;
    uint32_t present = 0;
    bool clamped = false;
    for (unsigned i = 0; i < m.count; i++) {
        uint8_t kind = m.list[i].kind;
        if (kind == 1)
            continue;
        const uint8_t *data = p + m.list[i].at + 2;
        int judged = model_judges(kind, m.list[i].len, data);
        if (judged == 0) {
            assert_int_equal(o.other[other].kind, kind);
            assert_int_equal(o.other[other].offset, m.list[i].at);
            assert_int_equal(o.other[other].len, m.list[i].len);
            other++;
        } else if (judged == 1) {
            malformed++;
        } else if ((present & bit_of(kind)) != 0) {
            repeated++;
        } else {
            present |= bit_of(kind);
            check_value(&o, kind, data, m.list[i].len - 2);
            clamped = clamped || (kind == 3 && data[0] > 14);
        }
    }
    assert_int_equal(o.present, present | (other > 0 ? TCP_HAS_OTHER : 0));
    if (other > 0)
        assert_int_equal(o.other_count, other);
    assert_int_equal(o.stopped, m.stopped);
    assert_int_equal(o.malformed, malformed);
    assert_int_equal(o.repeated, repeated);
    assert_int_equal(o.window_scale_clamped, clamped);
    free(p);
}

/* An area of the kinds that are known, mostly of right lengths, and now and then anything. */
static size_t random_area(struct rng *r, uint8_t area[40])
{
    static const uint8_t kinds[] = {0, 1, 1, 2, 3,  4,  5,  6,  7,  8,  11,  12,  13,
                                    14, 15, 19, 28, 29, 30, 34, 99, 172, 174, 253, 254};
    static const uint8_t lengths[] = {2, 3, 4, 6, 8, 10, 11, 12, 16, 18, 20, 26, 34};
    size_t len = rng_below(r, 41), at = 0;
    rng_bytes(r, area, 40);
    while (at + 2 <= len) {
        area[at] = kinds[rng_below(r, sizeof kinds)];
        if (area[at] < 2) {
            at++;
            continue;
        }
        uint64_t guess = rng_below(r, 16);
        area[at + 1] =
            guess == 0 ? (uint8_t)rng_below(r, 41) : lengths[rng_below(r, sizeof lengths)];
        for (unsigned i = 0; i < 8 && model_judges(area[at], area[at + 1], area + at + 2) == 1; i++)
            area[at + 1] = lengths[rng_below(r, sizeof lengths)];
        if (area[at] == 254 && at + 4 <= len && rng_chance(r, (struct ratio){3, 4}))
            store16(area + at + 2, 0xf989);
        at += area[at + 1] == 0 ? 2 : area[at + 1];
    }
    return len;
}

static void test_random_areas_agree_with_the_model(void **state)
{
    (void)state;
    struct rng r = rng_make(3);
    uint8_t area[40 + 4];
    for (unsigned i = 0; i < 30000; i++)
        check_against_model(area, random_area(&r, area));
    for (unsigned i = 0; i < 5000; i++) {
        rng_bytes(&r, area, 40);
        check_against_model(area, rng_below(&r, 41));
    }
}

/* ---- walking ---- */

static void test_a_walk_yields_every_byte_once(void **state)
{
    (void)state;
    struct rng r = rng_make(4);
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t area[44];
        size_t len = random_area(&r, area), at = 0;
        struct tcp_option_iter it = tcp_option_begin(area, len);
        struct tcp_option opt = {.kind = 1};
        unsigned steps = 0;
        while (tcp_option_next(&it, &opt)) {
            assert_int_equal(opt.offset, at);
            assert_int_equal(opt.kind, area[at]);
            assert_ptr_equal(opt.data, area + at + (opt.kind < 2 ? 1 : 2));
            at += opt.len;
            assert_true(at <= len && ++steps <= 40);
            if (opt.kind == 0)
                break;
        }
        assert_false(tcp_option_next(&it, &opt)); /* and it stays at its end */
        assert_true(opt.kind == 0 || it.stopped || at == len);
        if (it.stopped)
            assert_int_equal(it.at, at);
    }
}

static void test_a_list_built_by_hand_is_walked_back(void **state)
{
    (void)state;
    uint8_t p[12];
    size_t len = 0;
    len = tcp_option_append(p, sizeof p, len, TCP_OPT_NOP, NULL, 0);
    len = tcp_option_append(p, sizeof p, len, TCP_OPT_MSS, "\5\264", 2);
    len = tcp_option_append(p, sizeof p, len, 99, NULL, 0);
    len = tcp_option_append(p, sizeof p, len, TCP_OPT_EOL, NULL, 0);
    assert_int_equal(len, 8);
    assert_memory_equal(p, "\1\2\4\5\264\143\2\0", 8);
    assert_int_equal(tcp_option_append(p, sizeof p, len, 99, "abc", 3), 8); /* no room */
    len = tcp_option_append(p, sizeof p, len, 99, "ab", 2);
    assert_int_equal(len, 12);
    assert_int_equal(tcp_option_append(p, sizeof p, len, TCP_OPT_NOP, NULL, 0), 12);
}

static void test_padding_is_zeros_up_to_a_multiple_of_four(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 8; len++) {
        uint8_t p[9];
        memset(p, 0x5a, sizeof p);
        size_t padded = tcp_options_pad(p, 8, len);
        assert_int_equal(padded, len == 0 ? 0 : len <= 4 ? 4 : 8);
        for (size_t i = 0; i < sizeof p; i++)
            assert_int_equal(p[i], i >= len && i < padded ? 0 : 0x5a);
        if (len > 4)
            assert_int_equal(tcp_options_pad(p, 7, len < 7 ? len : 7), len < 7 ? len : 7);
    }
}

/* ---- emission ---- */

static void check_emitted(const struct tcp_options *o, size_t size, const uint8_t *want, size_t len)
{
    uint8_t p[48];
    memset(p, 0x5a, sizeof p);
    assert_int_equal(tcp_options_emit(p, size, o), len);
    if (len > 0)
        assert_memory_equal(p, want, len);
    for (size_t i = len; i < sizeof p; i++)
        assert_int_equal(p[i], 0x5a);
    assert_int_equal(tcp_options_len(o, size), len);
}

static struct tcp_options syn_options(uint32_t present)
{
    return (struct tcp_options){.present = present,
                                .mss = 1460,
                                .window_scale = 7,
                                .ts_val = 0x01020304,
                                .ts_ecr = 0x05060708,
                                .sack_count = 4,
                                .sack = {{{1}, {2}}, {{3}, {4}}, {{5}, {6}}, {{7}, {8}}}};
}

static void test_a_syn_is_laid_out_as_linux_does(void **state)
{
    (void)state;
    struct tcp_options o = syn_options(TCP_HAS_MSS | TCP_HAS_SACK_PERMITTED | TCP_HAS_TIMESTAMPS |
                                       TCP_HAS_WINDOW_SCALE);
    check_emitted(&o, 40, BYTES(2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7));
    o = syn_options(TCP_HAS_MSS | TCP_HAS_SACK_PERMITTED | TCP_HAS_WINDOW_SCALE);
    check_emitted(&o, 40, BYTES(2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7));
    o = syn_options(TCP_HAS_MSS | TCP_HAS_TIMESTAMPS | TCP_HAS_WINDOW_SCALE);
    check_emitted(&o, 40, BYTES(2, 4, 5, 0xb4, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7));
    o = syn_options(TCP_HAS_MSS);
    check_emitted(&o, 40, BYTES(2, 4, 5, 0xb4));
    o = syn_options(0);
    check_emitted(&o, 40, NULL, 0);
}

static void test_a_data_segment_is_laid_out_as_linux_does(void **state)
{
    (void)state;
    struct tcp_options o = syn_options(TCP_HAS_TIMESTAMPS);
    check_emitted(&o, 40, BYTES(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8));
    check_emitted(&o, 12, BYTES(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8));
    o = syn_options(TCP_HAS_TIMESTAMPS | TCP_HAS_SACK);
    o.sack_count = 1;
    check_emitted(&o, 40, BYTES(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 5, 10, 0, 0, 0, 1, 0, 0,
                                0, 2));
}

/* One of each option, and what it costs by the documented layout, in the order of value. */
static const uint8_t other_area[8] = {99, 4, 0xde, 0xad, 100, 3, 0xbe, 0xef};

static struct tcp_options one_of_each(uint32_t present)
{
    static const uint8_t bytes[16] = {0x10, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct tcp_options o = syn_options(present);
    o.user_timeout = 0x8005;
    o.ao_key_id = 1;
    o.ao_rnext_key_id = 2;
    o.ao_mac = (struct weir_ref){bytes, 12};
    o.md5 = bytes;
    o.mptcp_subtype = 1;
    o.mptcp = (struct weir_ref){bytes, 2};
    o.fast_open_experimental = false;
    o.fast_open = (struct weir_ref){bytes, 8};
    o.accecn_order1 = true;
    o.accecn_count = 3;
    o.accecn_ee0b = 0xaabbcc;
    o.accecn_eceb = 0x010203;
    o.accecn_ee1b = 0xfffefd;
    o.echo = 11;
    o.echo_reply = 12;
    o.cc = 13;
    o.cc_new = 14;
    o.cc_echo = 15;
    o.alt_checksum = 2;
    o.alt_checksum_data = (struct weir_ref){bytes, 3};
    o.area = other_area;
    o.other_count = 2;
    o.other[0] = (struct tcp_other_option){99, 4, 0};
    o.other[1] = (struct tcp_other_option){100, 3, 4};
    return o;
}

static const struct {
    uint32_t bit;
    uint8_t cost;
} values[] = {
    {TCP_HAS_AO, 16},           {TCP_HAS_MD5, 20},           {TCP_HAS_MSS, 4},
    {TCP_HAS_WINDOW_SCALE, 4},  {TCP_HAS_TIMESTAMPS, 12},    {TCP_HAS_SACK_PERMITTED, 4},
    {TCP_HAS_SACK, 12},         {TCP_HAS_MPTCP, 4},          {TCP_HAS_FAST_OPEN, 12},
    {TCP_HAS_USER_TIMEOUT, 4},  {TCP_HAS_ACCECN, 12},        {TCP_HAS_ECHO, 8},
    {TCP_HAS_ECHO_REPLY, 8},    {TCP_HAS_CC, 8},             {TCP_HAS_CC_NEW, 8},
    {TCP_HAS_CC_ECHO, 8},       {TCP_HAS_ALT_CHECKSUM, 4},   {TCP_HAS_ALT_CHECKSUM_DATA, 8},
};

enum { VALUES = sizeof values / sizeof values[0] };

/* What fits by the documented rule, without `other`; *used is what it takes. */
static uint32_t model_fit(uint32_t present, size_t room, size_t *used, unsigned *sack_count)
{
    uint32_t fit = 0;
    *used = 0;
    for (unsigned i = 0; i < VALUES; i++) {
        size_t cost = values[i].cost;
        if ((present & values[i].bit) == 0)
            continue;
        if (values[i].bit == TCP_HAS_SACK_PERMITTED && (fit & TCP_HAS_TIMESTAMPS) != 0)
            cost = 0;
        if (*used + cost <= room) {
            fit |= values[i].bit;
            *used += cost;
        }
    }
    *sack_count = 0;
    if ((fit & TCP_HAS_SACK) != 0)
        for (*sack_count = 1; *sack_count < 4 && *used + 8 <= room; *used += 8)
            ++*sack_count;
    return fit;
}

static void check_fit(uint32_t present, size_t size)
{
    uint8_t p[44];
    size_t used;
    unsigned sack_count;
    struct tcp_options o = one_of_each(present), back;
    size_t room = (size > 40 ? 40 : size) / 4 * 4;
    uint32_t fit = model_fit(present, room, &used, &sack_count);
    p[used] = 0x5a;
    assert_int_equal(tcp_options_emit(p, size, &o), used);
    assert_int_equal(p[used], 0x5a);
    tcp_options_parse(&back, p, used);
    assert_int_equal(back.present, fit);
    assert_int_equal(back.stopped + back.malformed + back.repeated, 0);
    o.sack_count = (uint8_t)sack_count; /* only as many are expected back */
    assert_true(options_equal(&o, &back, fit));
}

static void test_every_subset_fits_forty_bytes_and_parses_back(void **state)
{
    (void)state;
    for (uint32_t present = 0; present < 1U << VALUES; present += present < 2048 ? 1 : 7)
        check_fit(present, 40);
}

static void test_every_room_is_kept(void **state)
{
    (void)state;
    struct rng r = rng_make(5);
    for (size_t size = 0; size <= 44; size++)
        for (unsigned i = 0; i < 300; i++)
            check_fit(rng_u32(&r) & rng_u32(&r) & ((1U << VALUES) - 1), size);
}

/* TS and three blocks are the 40 bytes; with less room blocks go one by one, then all of SACK. */
static void test_sack_blocks_give_way_first(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        unsigned blocks;
    } rows[] = {{40, 3}, {39, 2}, {32, 2}, {31, 1}, {24, 1}, {23, 0}, {12, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t p[40];
        struct tcp_options o = syn_options(TCP_HAS_TIMESTAMPS | TCP_HAS_SACK), back;
        tcp_options_parse(&back, p, tcp_options_emit(p, rows[i].size, &o));
        assert_true((back.present & TCP_HAS_TIMESTAMPS) != 0);
        assert_int_equal((back.present & TCP_HAS_SACK) != 0 ? back.sack_count : 0, rows[i].blocks);
    }
}

static void test_four_sack_blocks_fit_without_timestamps(void **state)
{
    (void)state;
    uint8_t p[40];
    struct tcp_options o = syn_options(TCP_HAS_SACK), back;
    assert_int_equal(tcp_options_emit(p, 40, &o), 36);
    tcp_options_parse(&back, p, 36);
    assert_true(options_equal(&o, &back, TCP_HAS_SACK));
}

/* Each option but `other` begins or ends on a multiple of four, and gaps are NOPs (MUST-69). */
static void test_options_are_aligned_with_nops(void **state)
{
    (void)state;
    struct rng r = rng_make(6);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t p[40];
        struct tcp_options o = one_of_each(rng_u32(&r) & rng_u32(&r) & (TCP_HAS_OTHER - 1U));
        size_t len = tcp_options_emit(p, sizeof p, &o);
        assert_int_equal(len % 4, 0);
        struct tcp_option_iter it = tcp_option_begin(p, len);
        struct tcp_option opt;
        while (tcp_option_next(&it, &opt)) {
            assert_int_not_equal(opt.kind, TCP_OPT_EOL);
            if (opt.kind != TCP_OPT_NOP)
                assert_true(opt.offset % 4 == 0 || (opt.offset + opt.len) % 4 == 0);
        }
        assert_false(it.stopped);
    }
}

static void test_unknown_options_are_put_back_unchanged(void **state)
{
    (void)state;
    struct tcp_options o, back;
    uint8_t *p, out[40];
    parse(&o, &p, BYTES(99, 5, 1, 2, 3, 2, 4, 5, 0xb4, 253, 6, 1, 2, 3, 4, 99, 3, 9));
    check_emitted(&o, 40, BYTES(2, 4, 5, 0xb4, 99, 5, 1, 2, 3, 253, 6, 1, 2, 3, 4, 99, 3, 9, 1, 1));
    tcp_options_parse(&back, out, tcp_options_emit(out, sizeof out, &o));
    assert_true(options_equal(&o, &back, TCP_HAS_MSS | TCP_HAS_OTHER));
    /* One that does not fit is dropped; a shorter one behind it need not be. */
    check_emitted(&o, 12, BYTES(2, 4, 5, 0xb4, 99, 5, 1, 2, 3, 99, 3, 9));
    check_emitted(&o, 11, BYTES(2, 4, 5, 0xb4, 99, 3, 9, 1));
    free(p);
}

static void test_each_option_alone_comes_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VALUES; i++) {
        uint8_t p[40];
        struct tcp_options o = one_of_each(values[i].bit), back;
        size_t len = tcp_options_emit(p, sizeof p, &o);
        tcp_options_parse(&back, p, len);
        assert_int_equal(back.present, values[i].bit);
        assert_true(options_equal(&o, &back, values[i].bit));
    }
}

static void test_an_accecn_option_may_be_shorter(void **state)
{
    (void)state;
    struct tcp_options o = one_of_each(TCP_HAS_ACCECN);
    check_emitted(&o, 40, BYTES(174, 11, 0xff, 0xfe, 0xfd, 1, 2, 3, 0xaa, 0xbb, 0xcc, 1));
    o.accecn_count = 2;
    check_emitted(&o, 40, BYTES(174, 8, 0xff, 0xfe, 0xfd, 1, 2, 3));
    o.accecn_order1 = false;
    check_emitted(&o, 40, BYTES(172, 8, 0xaa, 0xbb, 0xcc, 1, 2, 3));
    o.accecn_count = 0;
    check_emitted(&o, 40, BYTES(172, 2, 1, 1));
}

static void test_impossible_options_are_not_emitted(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    struct tcp_options o = one_of_each(TCP_HAS_MSS | TCP_HAS_SACK | TCP_HAS_FAST_OPEN | TCP_HAS_AO |
                                       TCP_HAS_MPTCP | TCP_HAS_ACCECN | TCP_HAS_ALT_CHECKSUM_DATA);
    o.sack_count = 0;
    o.ao_mac = (struct weir_ref){zeros, 37};
    o.mptcp.len = 0;
    o.accecn_count = 4;
    o.alt_checksum_data = (struct weir_ref){zeros, SIZE_MAX};
    static const size_t cookies[] = {1, 2, 3, 5, 15, 17, 18, SIZE_MAX};
    for (size_t i = 0; i < sizeof cookies / sizeof cookies[0]; i++) {
        o.fast_open = (struct weir_ref){zeros, cookies[i]};
        check_emitted(&o, 40, BYTES(2, 4, 5, 0xb4));
    }
    o.sack_count = 5;
    check_emitted(&o, 40, BYTES(2, 4, 5, 0xb4));
    o.ao_mac.len = 36;
    assert_int_equal(tcp_options_len(&o, 40), 40);
    o.ao_mac.len = 37;
    o.present = TCP_HAS_MPTCP;
    o.mptcp = (struct weir_ref){zeros, 38};
    assert_int_equal(tcp_options_len(&o, 40), 40);
    o.mptcp.len = 39;
    assert_int_equal(tcp_options_len(&o, 40), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_syn_as_linux_sends_it),
        cmocka_unit_test(test_no_options_at_all),
        cmocka_unit_test(test_the_usual_data_segment),
        cmocka_unit_test(test_sack_blocks_of_each_number),
        cmocka_unit_test(test_fast_open_request_cookie_and_experiment),
        cmocka_unit_test(test_another_experiment_is_not_fast_open),
        cmocka_unit_test(test_user_timeout_in_seconds_and_minutes),
        cmocka_unit_test(test_authentication_options),
        cmocka_unit_test(test_mptcp_subtype_and_bytes),
        cmocka_unit_test(test_accecn_in_both_orders_and_all_lengths),
        cmocka_unit_test(test_historic_options),
        cmocka_unit_test(test_unknown_options_are_recorded_where_they_stand),
        cmocka_unit_test(test_twenty_unknown_options_fill_the_records),
        cmocka_unit_test(test_what_stands_past_forty_bytes_is_not_looked_at),
        cmocka_unit_test(test_random_areas_agree_with_the_model),
        cmocka_unit_test(test_a_walk_yields_every_byte_once),
        cmocka_unit_test(test_a_list_built_by_hand_is_walked_back),
        cmocka_unit_test(test_padding_is_zeros_up_to_a_multiple_of_four),
        cmocka_unit_test(test_a_syn_is_laid_out_as_linux_does),
        cmocka_unit_test(test_a_data_segment_is_laid_out_as_linux_does),
        cmocka_unit_test(test_every_subset_fits_forty_bytes_and_parses_back),
        cmocka_unit_test(test_every_room_is_kept),
        cmocka_unit_test(test_sack_blocks_give_way_first),
        cmocka_unit_test(test_four_sack_blocks_fit_without_timestamps),
        cmocka_unit_test(test_options_are_aligned_with_nops),
        cmocka_unit_test(test_unknown_options_are_put_back_unchanged),
        cmocka_unit_test(test_each_option_alone_comes_back),
        cmocka_unit_test(test_an_accecn_option_may_be_shorter),
        cmocka_unit_test(test_impossible_options_are_not_emitted),
    };
    return cmocka_run_group_tests_name("tcp_options", tests, NULL, NULL);
}
