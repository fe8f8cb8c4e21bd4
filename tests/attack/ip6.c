/* SPDX-License-Identifier: MIT
 * The IPv6 rows of the attack catalogue, through a whole stack. */
#include "harness.h"

static struct weir_addr all_nodes(void)
{
    return (struct weir_addr){{0xff, 2, [15] = 1}};
}

/* `len` bytes of extension headers, the first named `next`, before an echo request; the last of
 * them names ICMPv6 already. */
static size_t put_chain(uint8_t *p, struct weir_addr destination, uint8_t next,
                        const uint8_t *chain, size_t len)
{
    uint8_t body[2048];
    size_t n = put_echo(p, peer6(ETHER, 2), destination, 16) - 40;
    memcpy(body, chain, len);
    memcpy(body + len, p + 40, n);
    return put_ip6(p, peer6(ETHER, 2), destination, next, body, len + n);
}

static void ATK_IP6_01_a_lying_payload_length_is_dropped_or_trims(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[256];
    size_t len = put_echo(p, peer6(ETHER, 2), own6(ETHER), 40);
    const uint16_t more[] = {49, 50, 1000, 65535};
    for (unsigned i = 0; i < sizeof more / sizeof more[0]; i++) {
        store16(p + 4, more[i]);
        assert_dropped(a, WEIR_DROP_IP6_PAYLOAD_LENGTH, p, len);
    }
    for (uint16_t less = 0; less < 8; less++) { /* 0 without a jumbo option is nothing */
        store16(p + 4, less);
        assert_dropped(a, WEIR_DROP_ICMP_SHORT, p, len);
    }
    store16(p + 4, 28);
    sum_icmp(p, 40, 68);
    assert_answered(a, p, len); /* what is behind the end is not echoed */
    assert_int_equal(out_icmp(a, 0).data.len, 20);
    attack_end(a);
}

static void ATK_IP6_02_header_chains_end(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static const uint8_t kind[] = {IP6_NEXT_HOP_BY_HOP, IP6_NEXT_ROUTING, IP6_NEXT_DESTINATION};
    uint8_t p[4096], chain[1600] = {0};
    for (unsigned i = 0; i < sizeof kind; i++)
        for (unsigned length = 8; length < 256; length++) { /* past the end; 0xff wraps in 8 bits */
            chain[0] = IP_PROTOCOL_ICMP6;
            chain[1] = (uint8_t)length;
            unsigned drop = attack_ip(a, p, put_chain(p, own6(ETHER), kind[i], chain, 8));
            assert_true(drop == WEIR_DROP_IP6_EXT_SHORT || drop == WEIR_DROP_IP6_EXT_LIMIT);
            assert_int_equal(a->out_count, 0);
        }
    for (unsigned count = 1; count <= 200; count++) { /* destination options, 8 bytes each */
        for (unsigned i = 0; i < count; i++)
            memcpy(chain + 8 * i,
                   (uint8_t[]){i + 1 < count ? IP6_NEXT_DESTINATION : IP_PROTOCOL_ICMP6, 0,
                               IP6_OPTION_PADN, 4, 0, 0, 0, 0},
                   8);
        size_t len = count * 8 < 1400 ? count * 8 : 1400;
        unsigned drop =
            attack_ip(a, p, put_chain(p, own6(ETHER), IP6_NEXT_DESTINATION, chain, len));
        assert_int_equal(drop,
                         count <= IP6_EXT_HEADERS_MAX ? WEIR_DROP_NONE : WEIR_DROP_IP6_EXT_LIMIT);
        assert_int_equal(a->out_count, count <= IP6_EXT_HEADERS_MAX);
    }
    attack_end(a);
}

static void ATK_IP6_03_option_overruns_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static const uint8_t kind[] = {IP6_NEXT_HOP_BY_HOP, IP6_NEXT_DESTINATION};
    uint8_t p[512];
    for (unsigned i = 0; i < sizeof kind; i++) {
        for (unsigned len = 5; len < 256; len++) { /* four bytes are left for it */
            uint8_t chain[8] = {IP_PROTOCOL_ICMP6, 0, IP6_OPTION_PADN, (uint8_t)len};
            assert_dropped(a, WEIR_DROP_IP6_OPTION, p,
                           put_chain(p, own6(ETHER), kind[i], chain, sizeof chain));
        }
        uint8_t pad1[16] = {IP_PROTOCOL_ICMP6, 1}; /* a run of one-byte options */
        assert_answered(a, p, put_chain(p, own6(ETHER), kind[i], pad1, sizeof pad1));
        uint8_t cut[8] = {IP_PROTOCOL_ICMP6, 0, 0, 0, 0, 0, 0, IP6_OPTION_PADN};
        assert_dropped(a, WEIR_DROP_IP6_OPTION, p,
                       put_chain(p, own6(ETHER), kind[i], cut, sizeof cut));
    }
    attack_end(a);
}

static void ATK_IP6_04_unknown_options_are_answered_exactly_as_their_bits_say(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[512];
    for (unsigned action = 0; action < 4; action++)
        for (unsigned group = 0; group < 2; group++) {
            uint8_t type = (uint8_t)(action << 6 | 0x1e);
            uint8_t chain[8] = {IP_PROTOCOL_ICMP6, 0, type, 4};
            size_t len = put_chain(p, group == 1 ? all_nodes() : own6(ETHER), IP6_NEXT_DESTINATION,
                                   chain, sizeof chain);
            unsigned drop = attack_ip(a, p, len);
            bool told = action == 2 || (action == 3 && group == 0);
            assert_int_equal(drop, action == 0 ? WEIR_DROP_NONE : WEIR_DROP_IP6_OPTION_UNKNOWN);
            assert_int_equal(a->out_count, told || action == 0);
            if (!told)
                continue;
            struct out_icmp error = out_icmp(a, 0);
            assert_int_equal(error.icmp.type, ICMP6_PARAMETER_PROBLEM);
            assert_int_equal(error.icmp.code, 2);
            assert_int_equal(error.icmp.pointer, 42); /* the option */
            assert_true(addr_eq(error.destination, peer6(ETHER, 2)));
            assert_memory_equal(error.data.data, p, len);
        }
    attack_end(a);
}

static void ATK_IP6_05_a_routing_header_is_told_and_never_followed(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[512];
    for (unsigned left = 1; left < 128; left++) {
        uint8_t chain[24] = {IP_PROTOCOL_ICMP6, 2, 0, (uint8_t)left};
        memcpy(chain + 8, peer6(TUN, 9).bytes, 16);
        size_t len = put_chain(p, own6(ETHER), IP6_NEXT_ROUTING, chain, sizeof chain);
        assert_told(a, WEIR_DROP_IP6_ROUTING, ICMP6_PARAMETER_PROBLEM, 0, p, len);
        assert_int_equal(a->out[0].ifindex, ETHER);
        assert_true(addr_eq(out_icmp(a, 0).destination, peer6(ETHER, 2)));
        attack_pass(a, 100 * MS);
    }
    attack_end(a);
}

static void ATK_IP6_06_jumbo_options_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[512];
    static const uint32_t jumbo[] = {0, 1, 65535, 65536, 100000, UINT32_MAX};
    for (unsigned i = 0; i < sizeof jumbo / sizeof jumbo[0]; i++)
        for (unsigned zero = 0; zero < 2; zero++) {
            uint8_t chain[8] = {IP_PROTOCOL_ICMP6, 0, IP6_OPTION_JUMBO, 4};
            store32(chain + 4, jumbo[i]);
            size_t len = put_chain(p, own6(ETHER), IP6_NEXT_HOP_BY_HOP, chain, sizeof chain);
            if (zero == 1)
                store16(p + 4, 0);
            unsigned drop = attack_ip(a, p, len);
            assert_true(drop == WEIR_DROP_IP6_JUMBO || (zero == 1 && drop != WEIR_DROP_NONE));
            if (a->out_count == 1)
                assert_int_equal(out_icmp(a, 0).icmp.type, ICMP6_PARAMETER_PROBLEM);
        }
    attack_end(a);
}

static void ATK_IP6_07_hop_by_hop_out_of_place_is_told_with_code_1(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[512];
    static const uint8_t first[] = {IP6_NEXT_DESTINATION, IP6_NEXT_HOP_BY_HOP};
    for (unsigned i = 0; i < sizeof first; i++) {
        const uint8_t chain[16] = {IP6_NEXT_HOP_BY_HOP, 0, IP6_OPTION_PADN, 4, 0, 0, 0, 0,
                                   IP_PROTOCOL_ICMP6,   0, IP6_OPTION_PADN, 4};
        size_t len = put_chain(p, own6(ETHER), first[i], chain, sizeof chain);
        assert_told(a, WEIR_DROP_IP6_EXT_ORDER, ICMP6_PARAMETER_PROBLEM, 1, p, len);
        assert_int_equal(out_icmp(a, 0).icmp.pointer, 40); /* the octet that names it */
    }
    attack_end(a);
}

static void ATK_IP6_08_data_behind_no_next_header_is_ignored(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[512], tcp[128];
    size_t n = put_tcp(tcp, peer6(ETHER, 2), own6(ETHER), TCP_SYN);
    size_t len = put_ip6(p, peer6(ETHER, 2), own6(ETHER), IP6_NEXT_NONE, tcp + 40, n - 40);
    assert_dropped(a, WEIR_DROP_IP6_NO_NEXT, p, len);
    attack_end(a);
}

/* One burst: good packets between bad ones get the answers that they get alone. */
static void ATK_IP6_09_no_state_is_carried_from_packet_to_packet(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static uint8_t good[256], bad[6][512];
    size_t len[6], good_len = put_echo(good, peer6(TUN, 2), own6(TUN), 40);
    const uint8_t malformed[8] = {IP_PROTOCOL_ICMP6, 0, IP6_OPTION_PADN, 9};
    struct weir_addr own = own6(TUN), peer = peer6(TUN, 2);
    len[0] = put_ip6(bad[0], peer, own, IP6_NEXT_DESTINATION, malformed, sizeof malformed);
    len[1] = put_fragment(bad[1], good, &(struct cut){.id = 1, .to = 24, .more = true});
    len[2] = put_ip6(bad[2], peer, own, IP6_NEXT_NONE, malformed, sizeof malformed);
    len[3] = put_fragment(bad[3], good, &(struct cut){.id = 2, .from = 24, .to = 48});
    len[4] = put_ip6(bad[4], peer, own, 200, malformed, sizeof malformed);
    len[5] = 30;
    memcpy(bad[5], good, len[5]);
    struct weir_rx rx[12];
    for (unsigned i = 0; i < 12; i++) {
        const uint8_t *p = i % 2 == 1 ? good : bad[i / 2];
        uint32_t n = (uint32_t)(i % 2 == 1 ? good_len : len[i / 2]);
        rx[i] = (struct weir_rx){.head = p, .head_len = n, .len = n};
    }
    for (unsigned turn = 0; turn < 10; turn++) {
        unsigned replies = 0;
        weir_stack_input(a->stack, TUN, rx, 12, a->now);
        a->received[TUN] += 12;
        attack_pass(a, 0);
        for (unsigned i = 0; i < a->out_count; i++) {
            struct out_icmp m = out_icmp(a, i);
            if (m.icmp.kind != ICMP_ECHO_REPLY)
                continue;
            replies++;
            assert_int_equal(m.data.len, 40);
            assert_memory_equal(m.data.data, good + 48, 40);
        }
        assert_int_equal(replies, 6);
    }
    attack_end(a);
}

static void ATK_IP6_10_nothing_from_an_impossible_source_is_taken(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[256];
    const struct weir_addr martian[] = {
        {{0}},
        {{[15] = 1}},
        {{0xff, 2, [15] = 1}},
        {{0xff, 0x0e, [15] = 9}},
        {{[10] = 0xff, 0xff, 127, 0, 0, 1}},
        {{[10] = 0xff, 0xff, 10, 0, 0, 2}},
        own6(ETHER),
        own6(TUN),
    };
    for (unsigned i = 0; i < sizeof martian / sizeof martian[0]; i++) {
        struct weir_addr own = own6(ETHER), peer = peer6(ETHER, 2);
        for (uint16_t flags = 0; flags < 64; flags++) {
            size_t len = put_tcp(p, peer, own, flags);
            memcpy(p + 8, martian[i].bytes, 16);
            assert_dropped(a, WEIR_DROP_IP6_SOURCE, p, len);
        }
        size_t len = put_echo(p, peer, own, 8);
        memcpy(p + 8, martian[i].bytes, 16);
        sum_icmp(p, 40, len);
        assert_dropped(a, WEIR_DROP_IP6_SOURCE, p, len);
        len = put_udp(p, peer, own, 8);
        memcpy(p + 8, martian[i].bytes, 16);
        assert_dropped(a, WEIR_DROP_IP6_SOURCE, p, len);
    }
    attack_end(a);
}

static void ATK_IP6_11_esp_and_ah_are_never_passed(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[512], f[512];
    static const uint8_t kind[] = {IP6_NEXT_AH, IP6_NEXT_ESP};
    for (unsigned i = 0; i < sizeof kind; i++)
        for (unsigned length = 0; length < 256; length += 15) {
            uint8_t chain[8] = {IP_PROTOCOL_ICMP6, (uint8_t)length};
            size_t len = put_chain(p, own6(ETHER), kind[i], chain, sizeof chain);
            unsigned drop = attack_ip(a, p, len);
            assert_int_equal(drop, WEIR_DROP_IP6_PROTOCOL);
            if (a->out_count == 1) /* no reply to the echo behind it */
                assert_int_equal(out_icmp(a, 0).icmp.kind, ICMP_PARAMETER_PROBLEM);
            uint32_t end = (uint32_t)len - 40;
            attack_ip(a, f,
                      put_fragment(f, p, &(struct cut){.id = length, .to = 16, .more = true}));
            len = put_fragment(f, p, &(struct cut){.id = length, .from = 16, .to = end});
            assert_int_not_equal(attack_ip(a, f, len), WEIR_DROP_NONE);
            if (a->out_count == 1)
                assert_int_equal(out_icmp(a, 0).icmp.kind, ICMP_PARAMETER_PROBLEM);
        }
    attack_end(a);
}

/* What two stacks say, whose memory was not the same before. */
static void ATK_IP6_12_nothing_uninitialised_leaves(void **state)
{
    (void)state;
    static const uint8_t fill[2] = {0x00, 0xa5};
    enum { RECORD = 65536 };
    static uint8_t said[2][RECORD];
    uint8_t p[256], f[256];
    for (unsigned run = 0; run < 2; run++) {
        struct attack *a = attack_begin(NULL, fill[run]);
        size_t at = 0;
        for (unsigned i = 0; i < 40; i++) {
            a->ifindex = i % 2;
            size_t len = put_udp(p, peer6(a->ifindex, 2 + i / 8), own6(a->ifindex), i);
            if (i % 4 == 1)
                len = put_echo(p, peer6(a->ifindex, 2), own6(a->ifindex), i);
            if (i % 4 == 2) {
                put_udp(p, peer6(a->ifindex, 2), own6(a->ifindex), 96);
                len = put_fragment(f, p, &(struct cut){.id = i, .to = 48, .more = true});
                memcpy(p, f, len);
            }
            attack_ip(a, p, len);
            for (unsigned turn = 0; turn < 2; turn++, attack_pass(a, 2 * S))
                for (unsigned k = 0; k < a->out_count; k++) {
                    const struct attack_out *out = &a->out[k];
                    assert_true(at + out->len <= RECORD);
                    memcpy(said[run] + at, out->bytes, out->len);
                    at += out->len;
                    if (out_ip(a, k).data[0] >> 4 == 6) /* traffic class and flow label */
                        assert_int_equal(load32(out_ip(a, k).data), 0x60000000U);
                }
        }
        assert_true(at > 1000);
        attack_end(a);
    }
    assert_memory_equal(said[0], said[1], RECORD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_IP6_01_a_lying_payload_length_is_dropped_or_trims),
        cmocka_unit_test(ATK_IP6_02_header_chains_end),
        cmocka_unit_test(ATK_IP6_03_option_overruns_are_dropped),
        cmocka_unit_test(ATK_IP6_04_unknown_options_are_answered_exactly_as_their_bits_say),
        cmocka_unit_test(ATK_IP6_05_a_routing_header_is_told_and_never_followed),
        cmocka_unit_test(ATK_IP6_06_jumbo_options_are_dropped),
        cmocka_unit_test(ATK_IP6_07_hop_by_hop_out_of_place_is_told_with_code_1),
        cmocka_unit_test(ATK_IP6_08_data_behind_no_next_header_is_ignored),
        cmocka_unit_test(ATK_IP6_09_no_state_is_carried_from_packet_to_packet),
        cmocka_unit_test(ATK_IP6_10_nothing_from_an_impossible_source_is_taken),
        cmocka_unit_test(ATK_IP6_11_esp_and_ah_are_never_passed),
        cmocka_unit_test(ATK_IP6_12_nothing_uninitialised_leaves),
    };
    return cmocka_run_group_tests_name("attack_ip6", tests, NULL, NULL);
}
