/* SPDX-License-Identifier: MIT */
#include "wire/ip6.h"

#include "packets.h"

static enum weir_drop parse(struct ip6 *h, const uint8_t *p, size_t head_len, size_t packet_len)
{
    uint8_t *exact = exact_copy(p, head_len);
    enum weir_drop reason = ip6_parse(h, exact, head_len, packet_len);
    /* The fast path and the full one answer alike. */
    struct ip6 any;
    assert_int_equal(ip6_parse_any(&any, exact, head_len, packet_len), reason);
    assert_int_equal(any.problem.answer, h->problem.answer);
    assert_int_equal(any.problem.code, h->problem.code);
    assert_int_equal(any.problem.at, h->problem.at);
    if (reason == WEIR_DROP_NONE) {
        assert_true(ip6_eq(any.source, h->source) && ip6_eq(any.destination, h->destination));
        assert_int_equal(any.flow_label, h->flow_label);
        assert_int_equal(any.payload_len, h->payload_len);
        assert_int_equal(any.dscp, h->dscp);
        assert_int_equal(any.ecn, h->ecn);
        assert_int_equal(any.hop_limit, h->hop_limit);
        assert_int_equal(any.next_header, h->next_header);
        assert_int_equal(any.protocol, h->protocol);
        assert_int_equal(any.protocol_at, h->protocol_at);
        assert_int_equal(any.upper_at, h->upper_at);
        assert_int_equal(any.upper_len, h->upper_len);
        assert_int_equal(any.fragment_at, h->fragment_at);
        assert_int_equal(any.more_fragments, h->more_fragments);
        assert_int_equal(any.fragment_offset, h->fragment_offset);
        assert_int_equal(h->problem.answer, IP6_ANSWER_NONE);
    }
    free(exact);
    return reason;
}

/* A packet being put together by hand. */
struct packet {
    uint8_t b[2048];
    size_t len;
};

static void begin(struct packet *k, uint8_t next)
{
    memset(k->b, 0, sizeof k->b);
    k->b[0] = 0x60;
    k->b[6] = next;
    k->b[7] = 64;
    memcpy(k->b + 8, ((uint8_t[16]){0x20, 1, 0x0d, 0xb8, [15] = 1}), 16);
    memcpy(k->b + 24, ((uint8_t[16]){0x20, 1, 0x0d, 0xb8, [15] = 2}), 16);
    k->len = 40;
}

static void add(struct packet *k, const uint8_t *p, size_t n)
{
    memcpy(k->b + k->len, p, n);
    k->len += n;
    store16(k->b + 4, (uint16_t)(k->len - 40));
}

/* An extension header of 8 bytes whose options are one PadN. */
static void add_padded(struct packet *k, uint8_t next)
{
    add(k, (uint8_t[]){next, 0, 1, 4, 0, 0, 0, 0}, 8);
}

static void add_zeros(struct packet *k, size_t n)
{
    static const uint8_t zeros[1024];
    add(k, zeros, n);
}

static void add_fragment(struct packet *k, uint8_t next, uint16_t offset, bool more)
{
    add(k, (uint8_t[]){next, 0, (uint8_t)(offset >> 8), (uint8_t)(offset | more), 1, 2, 3, 4}, 8);
}

static enum weir_drop judge(struct ip6 *h, const struct packet *k)
{
    return parse(h, k->b, k->len, k->len);
}

static void assert_problem(const struct ip6 *h, enum ip6_answer answer, unsigned code, unsigned at)
{
    assert_int_equal(h->problem.answer, answer);
    assert_int_equal(h->problem.code, code);
    assert_int_equal(h->problem.at, at);
}

/* RFC 8200 3: traffic class 0xbb (DSCP 46, CE), flow label 0xabcde. */
static const uint8_t by_hand[60] = {0x6b, 0xba, 0xbc, 0xde, 0x00, 0x14, 6,    200,  0x20, 0x01,
                                    0x0d, 0xb8, 0,    0,    0,    0,    0,    0,    0,    0,
                                    0,    0,    0,    1,    0xfe, 0x80, 0,    0,    0,    0,
                                    0,    0,    0,    0,    0,    0,    0,    0,    0,    2};

static void test_fields_stand_where_the_diagram_has_them(void **state)
{
    (void)state;
    struct ip6 h;
    uint8_t out[40];
    assert_int_equal(parse(&h, by_hand, 60, 60), WEIR_DROP_NONE);
    assert_int_equal(h.dscp, 46);
    assert_int_equal(h.ecn, IP_ECN_CE);
    assert_int_equal(h.flow_label, 0xabcde);
    assert_int_equal(h.payload_len, 20);
    assert_int_equal(h.next_header, IP_PROTOCOL_TCP);
    assert_int_equal(h.hop_limit, 200);
    assert_memory_equal(h.source.b, by_hand + 8, 16);
    assert_memory_equal(h.destination.b, by_hand + 24, 16);
    assert_int_equal(h.protocol, IP_PROTOCOL_TCP);
    assert_int_equal(h.protocol_at, 6);
    assert_int_equal(h.upper_at, 40);
    assert_int_equal(h.upper_len, 20);
    assert_int_equal(h.fragment_at, 0);
    assert_false(ip6_is_fragment(&h));
    assert_int_equal(ip6_emit(out, 40, &h), 40);
    assert_memory_equal(out, by_hand, 40);
}

static void test_emit_gives_back_what_was_parsed(void **state)
{
    (void)state;
    struct rng r = rng_make(12);
    for (unsigned i = 0; i < 10000; i++) {
        uint8_t p[40], out[40];
        struct ip6 h;
        rng_bytes(&r, p, 40);
        p[0] = (uint8_t)(0x60 | (p[0] & 15));
        p[6] = (uint8_t)rng_between(&r, 1, 42); /* no extension header among them */
        assert_int_equal(parse(&h, p, 40, 40 + 65535), WEIR_DROP_NONE);
        assert_int_equal(ip6_emit(out, 40, &h), 40);
        assert_memory_equal(out, p, 40);
    }
}

static void test_emit_writes_all_or_nothing(void **state)
{
    (void)state;
    struct ip6 h = {.dscp = 0xff, .ecn = 0xff, .flow_label = 0xffffffff};
    struct ip6_fragment f = {.id = 0x01020304, .offset = 1480, .more = true, .next_header = 17};
    uint8_t out[48];
    memset(out, 0xa5, sizeof out);
    for (size_t size = 0; size < 40; size++)
        assert_int_equal(ip6_emit(out, size, &h), 0);
    for (size_t size = 0; size < 8; size++)
        assert_int_equal(ip6_fragment_emit(out, size, &f), 0);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0xa5);
    assert_int_equal(ip6_emit(out, 40, &h), 40);
    assert_int_equal(load32(out), 0x6fffffff);
    assert_int_equal(ip6_fragment_emit(out, 8, &f), 8);
    assert_memory_equal(out, ((uint8_t[]){17, 0, 0x05, 0xc9, 1, 2, 3, 4}), 8);
}

static void test_every_truncation_is_dropped(void **state)
{
    (void)state;
    struct packet k;
    struct ip6 h;
    begin(&k, IP6_NEXT_HOP_BY_HOP);
    add_padded(&k, IP6_NEXT_DESTINATION);
    add_padded(&k, IP6_NEXT_ROUTING);
    add(&k, (uint8_t[]){IP6_NEXT_FRAGMENT, 2, 0, 0}, 4);
    add_zeros(&k, 20);
    add_fragment(&k, IP_PROTOCOL_UDP, 0, true);
    add_zeros(&k, 16);
    assert_int_equal(judge(&h, &k), WEIR_DROP_NONE);
    for (size_t n = 0; n < k.len; n++) {
        assert_int_equal(parse(&h, k.b, n, n),
                         n < 40 ? WEIR_DROP_IP6_SHORT : WEIR_DROP_IP6_PAYLOAD_LENGTH);
        enum weir_drop cut = parse(&h, k.b, n, k.len);
        assert_int_equal(cut, n < k.len - 8 ? WEIR_DROP_DEVICE_HEADERS : WEIR_DROP_NONE);
        if (n < 40)
            continue;
        /* The same with a payload length that agrees: headers run past the packet. */
        struct packet shorter = k;
        store16(shorter.b + 4, (uint16_t)(n - 40));
        if (n == 40) { /* an empty payload behind a hop-by-hop header means a jumbogram */
            assert_int_equal(parse(&h, shorter.b, n, n), WEIR_DROP_IP6_EXT_SHORT);
            continue;
        }
        enum weir_drop reason = parse(&h, shorter.b, n, n);
        if (n < k.len - 16)
            assert_int_equal(reason, WEIR_DROP_IP6_EXT_SHORT);
        else
            assert_int_equal(reason, n == k.len - 8 ? WEIR_DROP_NONE : WEIR_DROP_IP6_FRAGMENT);
    }
}

static void test_chain_is_walked_to_the_upper_layer(void **state)
{
    (void)state;
    struct packet k;
    struct ip6 h;
    begin(&k, IP6_NEXT_HOP_BY_HOP);
    add(&k, (uint8_t[]){IP6_NEXT_DESTINATION, 0, 5, 2, 0, 0, 1, 0}, 8); /* router alert */
    add_padded(&k, IP6_NEXT_ROUTING);
    add(&k, (uint8_t[]){IP6_NEXT_DESTINATION, 2, 99, 0}, 4); /* used up, of a type unknown */
    add_zeros(&k, 20);
    add_padded(&k, IP_PROTOCOL_TCP);
    add_zeros(&k, 20);
    assert_int_equal(judge(&h, &k), WEIR_DROP_NONE);
    assert_int_equal(h.next_header, IP6_NEXT_HOP_BY_HOP);
    assert_int_equal(h.protocol, IP_PROTOCOL_TCP);
    assert_int_equal(h.upper_at, 40 + 8 + 8 + 24 + 8);
    assert_int_equal(h.upper_len, 20);
    assert_int_equal(h.protocol_at, 40 + 8 + 8 + 24);
}

static void test_unknown_upper_layers_are_named_and_located(void **state)
{
    (void)state;
    static const uint8_t stops[] = {IP6_NEXT_ESP, IP6_NEXT_AH, 132, 200, 255};
    for (size_t i = 0; i < sizeof stops; i++) {
        struct packet k;
        struct ip6 h;
        begin(&k, IP6_NEXT_DESTINATION);
        add_padded(&k, stops[i]);
        add_zeros(&k, 24);
        assert_int_equal(judge(&h, &k), WEIR_DROP_NONE);
        assert_int_equal(h.protocol, stops[i]);
        assert_int_equal(h.protocol_at, 40);
        assert_int_equal(h.upper_at, 48);
        assert_int_equal(h.upper_len, 24);
    }
}

static void test_headers_are_limited_in_number(void **state)
{
    (void)state;
    for (unsigned count = IP6_EXT_HEADERS_MAX - 1; count <= IP6_EXT_HEADERS_MAX + 1; count++) {
        struct packet k;
        struct ip6 h;
        begin(&k, IP6_NEXT_DESTINATION);
        for (unsigned i = 1; i < count; i++)
            add_padded(&k, IP6_NEXT_DESTINATION);
        add_padded(&k, IP_PROTOCOL_UDP);
        add_zeros(&k, 8);
        assert_int_equal(judge(&h, &k),
                         count <= IP6_EXT_HEADERS_MAX ? WEIR_DROP_NONE : WEIR_DROP_IP6_EXT_LIMIT);
    }
}

static void test_headers_are_limited_in_bytes(void **state)
{
    (void)state;
    for (unsigned bytes = IP6_EXT_BYTES_MAX - 8; bytes <= IP6_EXT_BYTES_MAX + 8; bytes += 8) {
        struct packet k;
        struct ip6 h;
        begin(&k, IP6_NEXT_DESTINATION);
        add_padded(&k, IP6_NEXT_DESTINATION);
        add(&k, (uint8_t[]){IP_PROTOCOL_UDP, (uint8_t)(bytes / 8 - 2)}, 2);
        add_zeros(&k, bytes - 10 + 8);
        assert_int_equal(judge(&h, &k),
                         bytes <= IP6_EXT_BYTES_MAX ? WEIR_DROP_NONE : WEIR_DROP_IP6_EXT_LIMIT);
    }
}

static void test_payload_length_rules_within_the_packet(void **state)
{
    (void)state;
    struct ip6 h;
    uint8_t p[60];
    memcpy(p, by_hand, 60);
    for (unsigned field = 0; field <= 25; field++) {
        store16(p + 4, (uint16_t)field);
        assert_int_equal(parse(&h, p, 60, 60),
                         field <= 20 ? WEIR_DROP_NONE : WEIR_DROP_IP6_PAYLOAD_LENGTH);
        if (field <= 20)
            assert_int_equal(h.upper_len, field);
    }
}

static void test_a_later_fragment_is_described_and_not_entered(void **state)
{
    (void)state;
    struct packet k;
    struct ip6 h;
    begin(&k, IP6_NEXT_DESTINATION);
    add_padded(&k, IP6_NEXT_FRAGMENT);
    add_fragment(&k, IP6_NEXT_DESTINATION, 1448, false); /* not a header in here, but its middle */
    add_zeros(&k, 11);
    assert_int_equal(judge(&h, &k), WEIR_DROP_NONE);
    assert_true(ip6_is_fragment(&h));
    assert_int_equal(h.fragment_offset, 1448);
    assert_false(h.more_fragments);
    assert_int_equal(h.fragment_id, 0x01020304);
    assert_int_equal(h.fragment_at, 48);
    assert_int_equal(h.fragment_next_at, 40);
    assert_int_equal(h.protocol, IP6_NEXT_DESTINATION);
    assert_int_equal(h.protocol_at, 48);
    assert_int_equal(h.upper_at, 56);
    assert_int_equal(h.upper_len, 11);
}

static void test_a_fragment_may_end_with_the_largest_payload(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct packet k;
        struct ip6 h;
        begin(&k, IP6_NEXT_DESTINATION);
        add_padded(&k, IP6_NEXT_FRAGMENT);
        add_fragment(&k, IP_PROTOCOL_UDP, 65520, false); /* 8 bytes of header stay: 8 + 65520 + 7 */
        add_zeros(&k, 7 + over);
        assert_int_equal(judge(&h, &k), over ? WEIR_DROP_IP6_FRAGMENT : WEIR_DROP_NONE);
        if (over)
            assert_problem(&h, IP6_ANSWER_UNLESS_MULTICAST, 0, 48 + 2);
    }
}

/* RFC 8200 4.5, RFC 7112: a first fragment without the whole chain gets code 3 and a pointer of
 * zero. */
static void test_a_first_fragment_holds_the_whole_chain(void **state)
{
    (void)state;
    static const struct {
        uint8_t next, tcp_offset;
        uint16_t len;
        bool ok;
    } rows[] = {
        {IP_PROTOCOL_UDP, 0, 8, true},         {IP_PROTOCOL_TCP, 0x50, 24, true},
        {IP_PROTOCOL_TCP, 0x50, 16, false},    {IP_PROTOCOL_TCP, 0x60, 24, true},
        {IP_PROTOCOL_TCP, 0x70, 24, false},    {IP_PROTOCOL_ICMP6, 0, 8, true},
        {IP6_NEXT_DESTINATION, 0, 8, false}, /* chains on to hop-by-hop, outside */
        {200, 0, 8, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct packet k;
        struct ip6 h;
        begin(&k, IP6_NEXT_FRAGMENT);
        add_fragment(&k, rows[i].next, 0, true);
        add_zeros(&k, rows[i].len);
        if (rows[i].tcp_offset != 0)
            k.b[48 + 12] = rows[i].tcp_offset;
        assert_int_equal(judge(&h, &k), rows[i].ok ? WEIR_DROP_NONE : WEIR_DROP_IP6_FRAGMENT);
        if (!rows[i].ok)
            assert_problem(&h, IP6_ANSWER_UNLESS_MULTICAST, 3, 0);
    }
}

/* The two highest bits of a type, in both kinds of options header, behind padding (RFC 8200). */
static void test_unknown_options_act_by_their_highest_bits(void **state)
{
    (void)state;
    static const enum ip6_answer answers[4] = {IP6_ANSWER_NONE, IP6_ANSWER_NONE, IP6_ANSWER_ALWAYS,
                                               IP6_ANSWER_UNLESS_MULTICAST};
    static const uint8_t headers[2] = {IP6_NEXT_HOP_BY_HOP, IP6_NEXT_DESTINATION};
    for (unsigned type = 2; type < 256; type++) {
        for (unsigned i = 0; i < 2; i++) {
            struct packet k;
            struct ip6 h;
            if (i == 0 && (type == IP6_OPTION_ROUTER_ALERT || type == IP6_OPTION_JUMBO))
                continue;
            begin(&k, headers[i]);
            add(&k, (uint8_t[]){IP_PROTOCOL_UDP, 0, 0, (uint8_t)type, 1, 9, 0, 0}, 8);
            add_zeros(&k, 8);
            assert_int_equal(judge(&h, &k),
                             type < 64 ? WEIR_DROP_NONE : WEIR_DROP_IP6_OPTION_UNKNOWN);
            if (type < 128)
                assert_problem(&h, IP6_ANSWER_NONE, 0, 0);
            else
                assert_problem(&h, answers[type >> 6], 2, 43);
        }
    }
}

static void test_padding_of_any_shape_is_passed(void **state)
{
    (void)state;
    static const uint8_t shapes[][8] = {
        {17, 0, 0, 0, 0, 0, 0, 0}, {17, 0, 1, 4, 9, 9, 9, 9}, {17, 0, 1, 0, 1, 0, 1, 0},
        {17, 0, 0, 1, 3, 0, 0, 0}, {17, 0, 1, 3, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct packet k;
        struct ip6 h;
        begin(&k, IP6_NEXT_DESTINATION);
        add(&k, shapes[i], 8);
        add_zeros(&k, 8);
        assert_int_equal(judge(&h, &k), WEIR_DROP_NONE);
        assert_int_equal(h.protocol, IP_PROTOCOL_UDP);
    }
}

static void test_router_alert_has_two_bytes(void **state)
{
    (void)state;
    struct packet k;
    struct ip6 h;
    begin(&k, IP6_NEXT_HOP_BY_HOP);
    add(&k, (uint8_t[]){58, 0, 5, 3, 0, 0, 0, 0}, 8);
    add_zeros(&k, 8);
    assert_int_equal(judge(&h, &k), WEIR_DROP_IP6_OPTION);
}

/* RFC 2675 3, case by case; and an option that we know but cannot serve is answered as unknown. */
static void test_jumbo_payloads_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        uint16_t payload_len;
        uint32_t jumbo;
        uint8_t option_len, code, at;
        enum ip6_answer answer;
    } rows[] = {
        {16, 70000, 4, 0, 42, IP6_ANSWER_UNLESS_MULTICAST}, /* payload length not 0 */
        {0, 65535, 4, 0, 44, IP6_ANSWER_UNLESS_MULTICAST},  /* not above 65,535 */
        {0, 65536, 4, 2, 42, IP6_ANSWER_UNLESS_MULTICAST},
        {0, 70000, 3, 0, 0, IP6_ANSWER_NONE}, /* malformed */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct packet k;
        struct ip6 h;
        begin(&k, IP6_NEXT_HOP_BY_HOP);
        add(&k, (uint8_t[]){17, 0, 0xc2, rows[i].option_len, 0, 0, 0, 0}, 8);
        store32(k.b + 44, rows[i].jumbo);
        add_zeros(&k, 8);
        store16(k.b + 4, rows[i].payload_len);
        assert_int_equal(judge(&h, &k), WEIR_DROP_IP6_JUMBO);
        assert_problem(&h, rows[i].answer, rows[i].code, rows[i].at);
    }
    struct packet k;
    struct ip6 h;
    begin(&k, IP6_NEXT_HOP_BY_HOP); /* payload length 0 and no jumbo option */
    add_padded(&k, 17);
    add_zeros(&k, 8);
    store16(k.b + 4, 0);
    assert_int_equal(judge(&h, &k), WEIR_DROP_IP6_JUMBO);
    assert_problem(&h, IP6_ANSWER_UNLESS_MULTICAST, 0, 4);
    begin(&k, IP6_NEXT_DESTINATION); /* in the wrong header it is an unknown option */
    add(&k, (uint8_t[]){17, 0, 0xc2, 4, 0, 1, 0, 0}, 8);
    assert_int_equal(judge(&h, &k), WEIR_DROP_IP6_OPTION_UNKNOWN);
}

static void test_chain_skip_believes_lengths_only(void **state)
{
    (void)state;
    struct packet k;
    begin(&k, IP6_NEXT_DESTINATION);
    add(&k, (uint8_t[]){IP6_NEXT_FRAGMENT, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 8);
    add_fragment(&k, IP6_NEXT_ROUTING, 0, true);
    add(&k, (uint8_t[]){17, 0, 0, 9, 0, 0, 0, 0}, 8);
    add_zeros(&k, 8);
    for (size_t n = 40; n <= k.len; n++) {
        uint8_t *exact = exact_copy(k.b, n);
        struct ip6_chain c = {.at = 40, .next = exact[6]};
        bool ok = ip6_chain_skip(&c, exact, n);
        assert_int_equal(ok, n >= 64);
        if (ok) {
            assert_int_equal(c.next, 17);
            assert_int_equal(c.at, 64);
        }
        free(exact);
    }
    k.b[48 + 3] = 8; /* now a later fragment */
    struct ip6_chain c = {.at = 40, .next = k.b[6]};
    assert_false(ip6_chain_skip(&c, k.b, k.len));
    assert_true(c.later_fragment);
}

static void test_pseudo_header_sums_as_the_diagram(void **state)
{
    (void)state;
    struct rng r = rng_make(13);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t pseudo[40];
        struct ip6_addr s, d;
        uint32_t len = rng_u32(&r);
        uint8_t next = (uint8_t)rng_u64(&r);
        rng_bytes(&r, s.b, 16);
        rng_bytes(&r, d.b, 16);
        memcpy(pseudo, s.b, 16);
        memcpy(pseudo + 16, d.b, 16);
        store32(pseudo + 32, len);
        store32(pseudo + 36, next);
        be16 got = csum_finish(ip6_pseudo(s, d, next, len));
        assert_int_equal(be16_get(got), (uint16_t)~naive_sum(0, pseudo, 40));
    }
}

/* Random chains: nothing is read outside, and what is accepted is consistent. */
static void test_damaged_packets_are_judged_within_their_bounds(void **state)
{
    (void)state;
    static const uint8_t likely[] = {0, 43, 44, 50, 51, 59, 60, 60, 60, 6, 17, 58};
    struct rng r = rng_make(14);
    unsigned accepted = 0;
    for (unsigned i = 0; i < 30000; i++) {
        struct packet k;
        struct ip6 h;
        begin(&k, likely[rng_below(&r, sizeof likely)]);
        for (uint64_t n = rng_below(&r, 6); n > 0; n--) {
            uint8_t e[16] = {0};
            rng_bytes(&r, e, (size_t)rng_below(&r, 17));
            e[0] = likely[rng_below(&r, sizeof likely)];
            e[1] = (uint8_t)rng_below(&r, 2);
            add(&k, e, 8 + 8 * (size_t)e[1]);
        }
        add_zeros(&k, (size_t)rng_below(&r, 30));
        size_t head = 40 + (size_t)rng_below(&r, k.len - 39);
        if (rng_chance(&r, (struct ratio){2, 3}))
            head = k.len;
        if (parse(&h, k.b, head, k.len) == WEIR_DROP_NONE) {
            accepted++;
            assert_int_equal(h.upper_at + h.upper_len, k.len);
            assert_true(h.upper_at >= 40 && h.upper_at <= 40 + IP6_EXT_BYTES_MAX);
            assert_true(h.upper_at <= head);
            assert_int_equal(k.b[h.protocol_at], h.protocol);
        } else {
            assert_true(h.problem.at < head);
        }
    }
    assert_true(accepted > 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_stand_where_the_diagram_has_them),
        cmocka_unit_test(test_emit_gives_back_what_was_parsed),
        cmocka_unit_test(test_emit_writes_all_or_nothing),
        cmocka_unit_test(test_every_truncation_is_dropped),
        cmocka_unit_test(test_chain_is_walked_to_the_upper_layer),
        cmocka_unit_test(test_unknown_upper_layers_are_named_and_located),
        cmocka_unit_test(test_headers_are_limited_in_number),
        cmocka_unit_test(test_headers_are_limited_in_bytes),
        cmocka_unit_test(test_payload_length_rules_within_the_packet),
        cmocka_unit_test(test_a_later_fragment_is_described_and_not_entered),
        cmocka_unit_test(test_a_fragment_may_end_with_the_largest_payload),
        cmocka_unit_test(test_a_first_fragment_holds_the_whole_chain),
        cmocka_unit_test(test_unknown_options_act_by_their_highest_bits),
        cmocka_unit_test(test_padding_of_any_shape_is_passed),
        cmocka_unit_test(test_router_alert_has_two_bytes),
        cmocka_unit_test(test_jumbo_payloads_are_told_apart),
        cmocka_unit_test(test_chain_skip_believes_lengths_only),
        cmocka_unit_test(test_pseudo_header_sums_as_the_diagram),
        cmocka_unit_test(test_damaged_packets_are_judged_within_their_bounds),
    };
    return cmocka_run_group_tests_name("ip6", tests, NULL, NULL);
}
