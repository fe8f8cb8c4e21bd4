/* SPDX-License-Identifier: MIT */
#include "wire/icmp.h"

#include "packets.h"

static const struct ip6 path = {
    .source = {{0xfe, 0x80, [15] = 1}},
    .destination = {{0xfe, 0x80, [15] = 2}},
};

static enum weir_drop parse(struct icmp *m, bool ip6, const uint8_t *p, size_t head_len, size_t len)
{
    uint8_t *exact = exact_copy(p, head_len);
    enum weir_drop reason =
        ip6 ? icmp6_parse(m, exact, head_len, len) : icmp4_parse(m, exact, head_len, len);
    free(exact);
    return reason;
}

static enum weir_drop parse_quote(struct icmp_quote *q, bool ip6, const uint8_t *p, size_t n)
{
    uint8_t *exact = exact_copy(p, n);
    enum weir_drop reason = ip6 ? icmp6_quote_parse(q, exact, n) : icmp4_quote_parse(q, exact, n);
    free(exact);
    return reason;
}

/* Type, code, checksum, and a second word whose four bytes all differ. */
static const uint8_t word[8] = {0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78};

/* RFC 792, RFC 1191, RFC 6633 and the RFCs of the types that are only recognised. */
static void test_each_type_of_icmp4_has_its_kind_and_field(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        for (unsigned code = 0; code < 20; code++) {
            uint8_t p[12] = {0};
            struct icmp m;
            enum icmp_kind kind = ICMP_OTHER;
            uint32_t mtu = 0, pointer = 0, gateway = 0;
            memcpy(p, word, 8);
            p[0] = (uint8_t)type;
            p[1] = (uint8_t)code;
            if (type == 8)
                kind = ICMP_ECHO_REQUEST;
            if (type == 0)
                kind = ICMP_ECHO_REPLY;
            if (type == 3)
                kind = code == 4 ? ICMP_TOO_BIG : ICMP_UNREACHABLE;
            if (type == 3 && code == 4)
                mtu = 0x5678; /* the low 16 bits (RFC 1191 4) */
            if (type == 4)
                kind = ICMP_SOURCE_QUENCH;
            if (type == 5) {
                kind = ICMP_REDIRECT;
                gateway = 0x12345678;
            }
            if (type == 11)
                kind = ICMP_TIME_EXCEEDED;
            if (type == 12) {
                kind = ICMP_PARAMETER_PROBLEM;
                pointer = 0x12;
            }
            bool echo = type == 8 || type == 0;
            assert_int_equal(parse(&m, false, p, 12, 12), WEIR_DROP_NONE);
            assert_int_equal(m.kind, kind);
            assert_int_equal(m.type, type);
            assert_int_equal(m.code, code);
            assert_int_equal(m.id, echo ? 0x1234 : 0);
            assert_int_equal(m.sequence, echo ? 0x5678 : 0);
            assert_int_equal(m.mtu, mtu);
            assert_int_equal(m.pointer, pointer);
            assert_int_equal(load32(m.gateway.b), gateway);
            assert_int_equal(m.data_len, 4);
            assert_int_equal(icmp_is_error(m.kind),
                             type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
        }
    }
}

/* RFC 4443 3 and 4, RFC 4861 4. */
static void test_each_type_of_icmp6_has_its_kind_and_field(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        uint8_t p[8];
        struct icmp m;
        enum icmp_kind kind = ICMP_OTHER;
        memcpy(p, word, 8);
        p[0] = (uint8_t)type;
        if (type == 1)
            kind = ICMP_UNREACHABLE;
        if (type == 2)
            kind = ICMP_TOO_BIG;
        if (type == 3)
            kind = ICMP_TIME_EXCEEDED;
        if (type == 4)
            kind = ICMP_PARAMETER_PROBLEM;
        if (type == 128)
            kind = ICMP_ECHO_REQUEST;
        if (type == 129)
            kind = ICMP_ECHO_REPLY;
        if (type >= 133 && type <= 137)
            kind = ICMP_ND;
        bool echo = type == 128 || type == 129;
        assert_int_equal(parse(&m, true, p, 8, 8), WEIR_DROP_NONE);
        assert_int_equal(m.kind, kind);
        assert_int_equal(m.id, echo ? 0x1234 : 0);
        assert_int_equal(m.sequence, echo ? 0x5678 : 0);
        assert_int_equal(m.mtu, type == 2 ? 0x12345678 : 0);
        assert_int_equal(m.pointer, type == 4 ? 0x12345678 : 0);
        assert_int_equal(m.data_len, 0);
    }
}

static void test_fewer_than_eight_bytes_are_dropped(void **state)
{
    (void)state;
    struct icmp m;
    for (size_t n = 0; n < 8; n++) {
        for (unsigned ip6 = 0; ip6 < 2; ip6++) {
            assert_int_equal(parse(&m, ip6, word, n, n), WEIR_DROP_ICMP_SHORT);
            assert_int_equal(parse(&m, ip6, word, n, 8), WEIR_DROP_DEVICE_HEADERS);
        }
    }
}

/* A ping as any capture shows it: type 8, id 1, seq 2, eight bytes of data. */
static void test_echo_is_emitted_with_its_checksum(void **state)
{
    (void)state;
    uint8_t want[16] = {8, 0, 0, 0, 0, 1, 0, 2, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'};
    uint8_t out[16];
    struct icmp m = {.type = ICMP4_ECHO_REQUEST, .id = 1, .sequence = 2};
    struct weir_ref part[3] = {{want + 8, 3}, {want + 11, 0}, {want + 11, 5}};
    struct icmp_data data = {&csum_portable, part, 3};
    store16(want + 2, (uint16_t)~naive_sum(0, want, 16));
    assert_int_equal(icmp4_emit(out, 16, &m, &data), 16);
    assert_memory_equal(out, want, 16);

    want[0] = m.type = ICMP6_ECHO_REPLY;
    store16(want + 2, 0);
    store16(want + 2,
            (uint16_t)~naive_transport_sum(path.source.b, path.destination.b, 16, 58, want, 16));
    assert_int_equal(icmp6_emit(out, 16, &m, &path, &data), 16);
    assert_memory_equal(out, want, 16);
}

static void test_emit_writes_all_or_nothing(void **state)
{
    (void)state;
    uint8_t out[64], bytes[32] = {0};
    struct weir_ref part[1] = {{bytes, 32}};
    struct icmp_data data = {&csum_portable, part, 1};
    struct icmp m = {.type = ICMP4_ECHO_REQUEST};
    memset(out, 0xa5, sizeof out);
    for (size_t size = 0; size < 40; size++)
        assert_int_equal(icmp4_emit(out, size, &m, &data), 0);
    m.type = ICMP4_TIMESTAMP_REPLY; /* of no kind that carries plain data */
    assert_int_equal(icmp4_emit(out, sizeof out, &m, &data), 0);
    m.type = ICMP6_NEIGHBOUR_SOLICITATION;
    assert_int_equal(icmp6_emit(out, sizeof out, &m, &path, &data), 0);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0xa5);
    m.type = ICMP6_ECHO_REQUEST;
    assert_int_equal(icmp6_emit(out, 40, &m, &path, &data), 40);
    assert_int_equal(out[40], 0xa5);
}

/* RFC 1812 4.3.2.3: not more than 576 bytes; RFC 4443 2.4 (c): not more than the minimum MTU. */
static void test_errors_quote_what_fits_the_smallest_path(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 28, 547, 548, 549, 1231, 1232, 1233, 3000};
    uint8_t packet[3000], out[2000];
    struct rng r = rng_make(15);
    rng_bytes(&r, packet, sizeof packet);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        size_t cut = (size_t)rng_below(&r, lens[i] + 1);
        struct weir_ref part[2] = {{packet, cut}, {packet + cut, lens[i] - cut}};
        struct icmp_data data = {&csum_portable, part, 2};
        struct icmp m = {.type = ICMP4_UNREACHABLE, .code = ICMP4_PORT_UNREACHABLE};
        size_t want = lens[i] < 548 ? lens[i] : 548;
        assert_int_equal(icmp4_emit(out, sizeof out, &m, &data), 8 + want);
        assert_true(20 + 8 + want <= 576);
        assert_memory_equal(out + 8, packet, want);
        assert_int_equal(load32(out + 4), 0);
        assert_int_equal(naive_sum(0, out, 8 + want), 0xffff);

        m.type = ICMP6_PACKET_TOO_BIG;
        m.mtu = 1400;
        want = lens[i] < 1232 ? lens[i] : 1232;
        assert_int_equal(icmp6_emit(out, sizeof out, &m, &path, &data), 8 + want);
        assert_true(40 + 8 + want <= 1280);
        assert_memory_equal(out + 8, packet, want);
        assert_int_equal(load32(out + 4), 1400);
        assert_int_equal(
            naive_transport_sum(path.source.b, path.destination.b, 16, 58, out, 8 + want), 0xffff);
    }
}

static void test_echo_data_is_never_cut(void **state)
{
    (void)state;
    static uint8_t data_bytes[65536], out[65536];
    struct icmp m = {.type = ICMP4_ECHO_REPLY};
    struct weir_ref part[1] = {{data_bytes, 65507}};
    struct icmp_data data = {&csum_portable, part, 1};
    assert_int_equal(icmp4_emit(out, sizeof out, &m, &data), 65515);
    part[0].len = 65508;
    assert_int_equal(icmp4_emit(out, sizeof out, &m, &data), 0);
    m.type = ICMP6_ECHO_REPLY;
    part[0].len = 65527;
    assert_int_equal(icmp6_emit(out, sizeof out, &m, &path, &data), 65535);
    part[0].len = 65528;
    assert_int_equal(icmp6_emit(out, sizeof out, &m, &path, &data), 0);
}

static void test_emit_gives_back_what_was_parsed(void **state)
{
    (void)state;
    static const uint8_t types4[] = {0, 3, 4, 5, 8, 11, 12}, types6[] = {1, 2, 3, 4, 128, 129};
    struct rng r = rng_make(16);
    for (unsigned i = 0; i < 10000; i++) {
        bool ip6 = rng_chance(&r, (struct ratio){1, 2});
        uint8_t p[8 + 40], out[8 + 40];
        size_t n = 8 + (size_t)rng_below(&r, 41);
        struct icmp m;
        rng_bytes(&r, p, sizeof p);
        p[0] = ip6 ? types6[rng_below(&r, sizeof types6)] : types4[rng_below(&r, sizeof types4)];
        p[1] = (uint8_t)rng_below(&r, 6);
        bool unused = ip6 ? p[0] == 1 || p[0] == 3 : p[0] == 3 || p[0] == 4 || p[0] == 11;
        if (unused)
            store16(p + 4, 0);
        if (unused && !(p[0] == 3 && p[1] == 4 && !ip6))
            store16(p + 6, 0);
        if (!ip6 && p[0] == 12)
            memset(p + 5, 0, 3);
        store16(p + 2, 0);
        uint16_t sum = ip6 ? naive_transport_sum(path.source.b, path.destination.b, 16, 58, p, n)
                           : naive_sum(0, p, n);
        store16(p + 2, (uint16_t)~sum);
        assert_int_equal(parse(&m, ip6, p, n, n), WEIR_DROP_NONE);
        struct weir_ref part[1] = {{p + 8, m.data_len}};
        struct icmp_data data = {&csum_portable, part, 1};
        size_t got = ip6 ? icmp6_emit(out, sizeof out, &m, &path, &data)
                         : icmp4_emit(out, sizeof out, &m, &data);
        assert_int_equal(got, n);
        assert_memory_equal(out, p, n);
    }
}

/* A quoted packet: IPv4 with two words of options, TCP ports 4660 and 80, SEQ 0x01020304. */
static const uint8_t quote4[36] = {0x47, 0, 0, 60, 0, 0, 0x20, 0, 0,    6,    0xff, 0xff,
                                   10,   0, 0, 1,  10, 0, 0,    2, 1,    1,    1,    1,
                                   1,    1, 1, 0,  0x12, 0x34, 0,  80, 1, 2,   3,    4};

static void test_quote4_names_the_connection(void **state)
{
    (void)state;
    struct icmp_quote q;
    assert_int_equal(parse_quote(&q, false, quote4, 36), WEIR_DROP_NONE);
    assert_true(addr_eq(q.source, addr_from_ip4((struct ip4_addr){{10, 0, 0, 1}})));
    assert_true(addr_eq(q.destination, addr_from_ip4((struct ip4_addr){{10, 0, 0, 2}})));
    assert_int_equal(q.protocol, IP_PROTOCOL_TCP);
    assert_int_equal(q.transport_at, 28);
    assert_int_equal(q.transport_len, 8);
    assert_int_equal(q.source_port, 4660);
    assert_int_equal(q.destination_port, 80);
    assert_int_equal(q.sequence, 0x01020304);
    for (size_t n = 0; n < 36; n++)
        assert_int_equal(parse_quote(&q, false, quote4, n), WEIR_DROP_ICMP_QUOTE);
}

static void test_quote6_names_the_connection(void **state)
{
    (void)state;
    uint8_t p[40 + 8 + 8] = {0x60, 0, 0, 0, 0xff, 0xff, 60, 1};
    struct icmp_quote q;
    memcpy(p + 8, path.source.b, 16);
    memcpy(p + 24, path.destination.b, 16);
    memcpy(p + 40, ((uint8_t[]){17, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), 8);
    memcpy(p + 48, ((uint8_t[]){0x12, 0x34, 0, 80, 0, 9, 1, 2}), 8);
    assert_int_equal(parse_quote(&q, true, p, sizeof p), WEIR_DROP_NONE);
    assert_true(addr_eq(q.source, addr_from_ip6(path.source)));
    assert_true(addr_eq(q.destination, addr_from_ip6(path.destination)));
    assert_int_equal(q.protocol, IP_PROTOCOL_UDP);
    assert_int_equal(q.transport_at, 48);
    assert_int_equal(q.source_port, 4660);
    assert_int_equal(q.destination_port, 80);
    assert_int_equal(q.sequence, 0);
    for (size_t n = 0; n < sizeof p; n++)
        assert_int_equal(parse_quote(&q, true, p, n), WEIR_DROP_ICMP_QUOTE);
}

/* Ports are of TCP and UDP only: other protocols have other things there. */
static void test_quote_of_another_protocol_has_no_ports(void **state)
{
    (void)state;
    uint8_t p[36];
    struct icmp_quote q;
    memcpy(p, quote4, 36);
    p[9] = IP_PROTOCOL_ICMP4;
    assert_int_equal(parse_quote(&q, false, p, 36), WEIR_DROP_NONE);
    assert_int_equal(q.source_port | q.destination_port, 0);
    assert_int_equal(q.sequence, 0);
}

/* RFC 1122 3.2.2. */
static void test_icmp4_answers_only_what_may_be_answered(void **state)
{
    (void)state;
    uint8_t good[28] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
    uint8_t p[28];
    assert_true(icmp4_may_answer(good, 28, false));
    assert_true(icmp4_may_answer(good, 20, false));
    assert_false(icmp4_may_answer(good, 19, false));
    assert_false(icmp4_may_answer(good, 28, true)); /* link broadcast */
    static const struct {
        uint8_t at, value;
    } spoil[] = {{12, 0}, {12, 127}, {12, 224}, {12, 240}, {12, 255}, {16, 224}, {16, 239},
                 {7, 1},  {6, 0x10}, {0, 0x65}};
    for (size_t i = 0; i < sizeof spoil / sizeof spoil[0]; i++) {
        memcpy(p, good, 28);
        p[spoil[i].at] = spoil[i].value;
        assert_false(icmp4_may_answer(p, 28, false));
    }
    memcpy(p, good, 28);
    memset(p + 16, 255, 4);
    assert_false(icmp4_may_answer(p, 28, false));
    for (unsigned type = 0; type < 256; type++) {
        bool error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
        memcpy(p, good, 28);
        p[9] = IP_PROTOCOL_ICMP4;
        p[20] = (uint8_t)type;
        assert_int_equal(icmp4_may_answer(p, 28, false), !error);
        assert_false(icmp4_may_answer(p, 20, false)); /* the type cannot be seen */
    }
}

/* RFC 4443 2.4 (e). */
static void test_icmp6_answers_only_what_may_be_answered(void **state)
{
    (void)state;
    enum ip6_answer usual = IP6_ANSWER_UNLESS_MULTICAST;
    uint8_t good[56] = {0x60, 0, 0, 0, 0, 16, 60, 64, 0x20, 1, [23] = 1, 0x20, 1, [39] = 2, 17};
    uint8_t p[56];
    assert_true(icmp6_may_answer(good, 56, false, usual));
    assert_false(icmp6_may_answer(good, 56, false, IP6_ANSWER_NONE));
    assert_false(icmp6_may_answer(good, 39, false, usual));
    assert_false(icmp6_may_answer(good, 56, true, usual));
    assert_true(icmp6_may_answer(good, 56, true, IP6_ANSWER_ALWAYS));
    memcpy(p, good, 56);
    p[24] = 0xff; /* to a group */
    assert_false(icmp6_may_answer(p, 56, false, usual));
    assert_true(icmp6_may_answer(p, 56, false, IP6_ANSWER_ALWAYS));
    p[8] = 0xff; /* from a group */
    assert_false(icmp6_may_answer(p, 56, false, IP6_ANSWER_ALWAYS));
    memcpy(p, good, 56);
    memset(p + 8, 0, 16); /* from nobody */
    assert_false(icmp6_may_answer(p, 56, false, IP6_ANSWER_ALWAYS));
    for (unsigned type = 0; type < 256; type++) {
        memcpy(p, good, 56);
        p[40] = IP_PROTOCOL_ICMP6; /* behind the destination options */
        p[48] = (uint8_t)type;
        assert_int_equal(icmp6_may_answer(p, 56, false, IP6_ANSWER_ALWAYS),
                         type > 127 && type != 137);
        assert_false(icmp6_may_answer(p, 48, false, usual));
    }
    memcpy(p, good, 56);
    p[6] = 44; /* a first fragment may be answered, a later one not */
    assert_true(icmp6_may_answer(p, 56, false, usual));
    p[43] = 8;
    assert_false(icmp6_may_answer(p, 56, false, usual));
}

static void test_random_quotes_are_read_within_their_bounds(void **state)
{
    (void)state;
    struct rng r = rng_make(17);
    unsigned accepted = 0;
    for (unsigned i = 0; i < 30000; i++) {
        static const uint8_t likely[] = {0, 43, 44, 60, 6, 17, 58};
        uint8_t p[100];
        bool ip6 = rng_chance(&r, (struct ratio){1, 2});
        size_t n = (size_t)rng_below(&r, sizeof p + 1);
        struct icmp_quote q;
        rng_bytes(&r, p, sizeof p);
        p[0] = ip6 ? 0x60 : (uint8_t)(0x40 | (p[0] & 15));
        p[6] = ip6 ? likely[rng_below(&r, sizeof likely)] : 0;
        for (size_t at = 40; ip6 && at < sizeof p; at += 8) {
            p[at] = likely[rng_below(&r, sizeof likely)];
            p[at + 1] = (uint8_t)rng_below(&r, 3);
        }
        if (parse_quote(&q, ip6, p, n) == WEIR_DROP_NONE) {
            accepted++;
            assert_int_equal(q.transport_at + q.transport_len, n);
            assert_true(q.transport_len >= 8);
        }
        uint8_t *exact = exact_copy(p, n);
        if (ip6)
            icmp6_may_answer(exact, n, false, IP6_ANSWER_ALWAYS);
        else
            icmp4_may_answer(exact, n, false);
        free(exact);
    }
    assert_true(accepted > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_type_of_icmp4_has_its_kind_and_field),
        cmocka_unit_test(test_each_type_of_icmp6_has_its_kind_and_field),
        cmocka_unit_test(test_fewer_than_eight_bytes_are_dropped),
        cmocka_unit_test(test_echo_is_emitted_with_its_checksum),
        cmocka_unit_test(test_emit_writes_all_or_nothing),
        cmocka_unit_test(test_errors_quote_what_fits_the_smallest_path),
        cmocka_unit_test(test_echo_data_is_never_cut),
        cmocka_unit_test(test_emit_gives_back_what_was_parsed),
        cmocka_unit_test(test_quote4_names_the_connection),
        cmocka_unit_test(test_quote6_names_the_connection),
        cmocka_unit_test(test_quote_of_another_protocol_has_no_ports),
        cmocka_unit_test(test_icmp4_answers_only_what_may_be_answered),
        cmocka_unit_test(test_icmp6_answers_only_what_may_be_answered),
        cmocka_unit_test(test_random_quotes_are_read_within_their_bounds),
    };
    return cmocka_run_group_tests_name("icmp", tests, NULL, NULL);
}
