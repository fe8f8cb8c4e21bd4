/* SPDX-License-Identifier: MIT */
#include "sim/build.h"

#include "middlebox_rig.h"
#include "sim/fragment.h"

static const uint8_t text[] = "To be, or not to be, that is the question";

static struct weir_ref text_ref(void)
{
    return (struct weir_ref){text, sizeof text};
}

static void test_udp_parses_back_over_both_families(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        uint8_t p[200];
        struct build_udp b = {.ip = rig_path(v6 == 1, false),
                              .source_port = 4711,
                              .destination_port = 53,
                              .payload = text_ref()};
        uint32_t at = v6 == 1 ? 40 : 20, len = build_udp(p, sizeof p, &b);
        assert_int_equal(len, at + 8 + sizeof text);
        assert_true(plain_sound(p, len));
        struct udp udp;
        assert_int_equal(udp_parse(&udp, p + at, len - at, len - at), WEIR_DROP_NONE);
        assert_int_equal(udp.source_port, 4711);
        assert_int_equal(udp.destination_port, 53);
        assert_int_equal(udp.payload_len, sizeof text);
        assert_memory_equal(p + at + 8, text, sizeof text);
    }
}

static void test_ip_fields_are_those_asked_for(void **state)
{
    (void)state;
    uint8_t p[200];
    struct build_udp b = {.ip = rig_path(false, false)};
    struct ip4 ip4;
    struct ip6 ip6;
    b.ip.id = 0xabcd;
    b.ip.dont_fragment = true;
    b.ip.ttl = 3;
    b.ip.dscp = 46;
    b.ip.ecn = IP_ECN_ECT0;
    uint32_t len = build_udp(p, sizeof p, &b);
    assert_int_equal(ip4_parse(&ip4, p, len, len), WEIR_DROP_NONE);
    assert_true(addr_eq(addr_from_ip4(ip4.source), build_addr("10.0.0.1")));
    assert_true(addr_eq(addr_from_ip4(ip4.destination), build_addr("192.0.2.2")));
    assert_true(ip4.dont_fragment && !ip4.more_fragments);
    assert_int_equal(ip4.id, 0xabcd);
    assert_int_equal(ip4.ttl, 3);
    assert_int_equal(ip4.dscp, 46);
    assert_int_equal(ip4.ecn, IP_ECN_ECT0);
    b.ip = rig_path(true, true);
    b.ip.flow_label = 0x12345;
    len = build_udp(p, sizeof p, &b);
    assert_int_equal(ip6_parse(&ip6, p, len, len), WEIR_DROP_NONE);
    assert_true(addr_eq(addr_from_ip6(ip6.source), build_addr("2001:db8::2")));
    assert_int_equal(ip6.flow_label, 0x12345);
    assert_int_equal(ip6.hop_limit, 64);
}

static void test_tcp_parses_back_with_its_options(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        uint8_t p[200];
        struct tcp_options options = {
            .present = TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE, .mss = 1460, .window_scale = 7};
        struct build_tcp b = {.ip = rig_path(v6 == 1, false),
                              .source_port = 40000,
                              .destination_port = 80,
                              .seq = {0xfffffff0},
                              .ack = {17},
                              .flags = TCP_SYN | TCP_ECE | TCP_CWR,
                              .window = 65535,
                              .urgent = 9,
                              .options = &options,
                              .payload = text_ref()};
        uint32_t at = v6 == 1 ? 40 : 20, len = build_tcp(p, sizeof p, &b);
        struct tcp_header h = {0};
        struct tcp_options back;
        assert_int_equal(len, at + 28 + sizeof text);
        assert_true(plain_sound(p, len));
        assert_int_equal(tcp_parse(&h, p + at, len - at, len - at), WEIR_DROP_NONE);
        assert_int_equal(h.source_port, 40000);
        assert_int_equal(h.destination_port, 80);
        assert_int_equal(h.seq.v, 0xfffffff0);
        assert_int_equal(h.ack.v, 17);
        assert_int_equal(h.flags, TCP_SYN | TCP_ECE | TCP_CWR);
        assert_int_equal(h.window, 65535);
        assert_int_equal(h.urgent, 9);
        assert_int_equal(h.header_len, 28);
        tcp_options_parse(&back, p + at + 20, 8);
        assert_int_equal(back.present, TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE);
        assert_int_equal(back.mss, 1460);
        assert_memory_equal(p + at + 28, text, sizeof text);
    }
}

static void test_raw_option_bytes_stand_as_given(void **state)
{
    (void)state;
    uint8_t p[200];
    static const uint8_t raw[] = {99, 3, 0xff, 0};
    struct build_tcp b = {.ip = rig_path(false, false), .option_bytes = {raw, sizeof raw}};
    assert_int_equal(build_tcp(p, sizeof p, &b), 44);
    assert_memory_equal(p + 40, raw, sizeof raw);
    assert_true(plain_sound(p, 44));
    b.option_bytes.len = 3; /* no multiple of 4 */
    assert_int_equal(build_tcp(p, sizeof p, &b), 0);
}

static void test_echo_and_errors_of_both_families(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        uint8_t p[2000], big[1600];
        uint32_t at = v6 == 1 ? 40 : 20;
        struct build_icmp_echo echo = {
            .ip = rig_path(v6 == 1, false), .id = 5, .sequence = 6, .payload = text_ref()};
        uint32_t len = build_icmp_echo(p, sizeof p, &echo);
        assert_int_equal(len, at + 8 + sizeof text);
        assert_true(plain_sound(p, len));
        assert_int_equal(p[at], v6 == 1 ? 128 : 8);
        assert_int_equal(load16(p + at + 4), 5);
        assert_int_equal(load16(p + at + 6), 6);
        echo.reply = true;
        build_icmp_echo(p, sizeof p, &echo);
        assert_int_equal(p[at], v6 == 1 ? 129 : 0);

        static const uint8_t filler[1500];
        struct build_udp udp = {.ip = rig_path(v6 == 1, true), .payload = {filler, 1500}};
        struct build_icmp_error error = {.ip = rig_path(v6 == 1, false),
                                         .type = v6 == 1 ? 2 : 3,
                                         .code = v6 == 1 ? 0 : 4,
                                         .mtu = 1400};
        error.packet = (struct weir_ref){big, build_udp(big, sizeof big, &udp)};
        len = build_icmp_error(p, sizeof p, &error);
        /* RFC 1812 section 4.3.2.3: at most 576 bytes; RFC 4443 section 2.4 (c): at most 1280. */
        assert_int_equal(len, v6 == 1 ? 1280 : 576);
        assert_true(plain_sound(p, len));
        assert_int_equal(v6 == 1 ? load32(p + at + 4) : load16(p + at + 6), 1400);
        assert_memory_equal(p + at + 8, big, len - at - 8);
    }
}

static void test_the_impossible_is_refused(void **state)
{
    (void)state;
    uint8_t p[100];
    static const uint8_t many[65536];
    struct build_udp b = {.ip = rig_path(false, false), .payload = text_ref()};
    uint32_t len = build_udp(p, sizeof p, &b);
    assert_true(len > 0);
    assert_int_equal(build_udp(p, len, &b), len);
    assert_int_equal(build_udp(p, len - 1, &b), 0);
    assert_int_equal(build_udp(p, 10, &b), 0);
    b.ip.destination = build_addr("2001:db8::2"); /* of two families */
    assert_int_equal(build_udp(p, sizeof p, &b), 0);
    b.ip = rig_path(false, false);
    b.payload = (struct weir_ref){many, 65535 - 20 - 8 + 1};
    static uint8_t large[70000];
    assert_int_equal(build_udp(large, sizeof large, &b), 0);
    b.payload.len--;
    assert_int_equal(build_udp(large, sizeof large, &b), 65535);
}

static void test_a_frame_has_its_type_and_is_padded(void **state)
{
    (void)state;
    uint8_t p[200];
    static const struct eth_addr a = {{2, 0, 0, 0, 0, 1}}, b = {{2, 0, 0, 0, 0, 2}};
    struct build_udp udp = {.ip = rig_path(false, false)};
    struct eth eth;
    uint32_t len = build_udp(p, sizeof p, &udp);
    assert_int_equal(build_frame(p, 59, len, a, b), 0);
    len = build_udp(p, sizeof p, &udp);
    len = build_frame(p, sizeof p, len, a, b);
    assert_int_equal(len, 60);
    assert_int_equal(eth_parse(&eth, p, len), WEIR_DROP_NONE);
    assert_int_equal(eth.type, ETH_TYPE_IP4);
    assert_true(eth_addr_eq(eth.source, a) && eth_addr_eq(eth.destination, b));
    assert_true(build_is_sound(p, len, WEIR_LINK_ETHERNET));
}

static void test_every_flipped_bit_of_an_ip4_packet_makes_it_unsound(void **state)
{
    (void)state;
    uint8_t p[200];
    struct build_udp udp = {.ip = rig_path(false, false), .payload = text_ref()};
    struct build_tcp tcp = {.ip = rig_path(false, false), .payload = text_ref()};
    struct build_icmp_echo echo = {.ip = rig_path(false, false), .payload = text_ref()};
    for (unsigned kind = 0; kind < 3; kind++) {
        uint32_t len = kind == 0   ? build_udp(p, sizeof p, &udp)
                       : kind == 1 ? build_tcp(p, sizeof p, &tcp)
                                   : build_icmp_echo(p, sizeof p, &echo);
        assert_true(build_is_sound(p, len, WEIR_LINK_IP));
        for (uint32_t bit = 0; bit < len * 8; bit++) {
            p[bit / 8] ^= (uint8_t)(1U << bit % 8);
            if (build_is_sound(p, len, WEIR_LINK_IP))
                fail_msg("kind %u: bit %u of byte %u", kind, bit % 8, bit / 8);
            p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

static void test_a_datagram_without_checksum_is_sound_over_ip4_only(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) { /* RFC 768, RFC 8200 section 8.1 */
        uint8_t p[200];
        struct build_udp b = {.ip = rig_path(v6 == 1, false), .no_checksum = true};
        uint32_t len = build_udp(p, sizeof p, &b);
        assert_int_equal(load16(p + len - 2), 0);
        assert_int_equal(build_is_sound(p, len, WEIR_LINK_IP), v6 == 0);
    }
}

static void test_soundness_agrees_with_plain_sums(void **state)
{
    (void)state;
    struct rng rng = rng_make(7);
    unsigned unsound = 0;
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t p[2000];
        uint32_t len = random_packet(&rng, p, sizeof p, false);
        assert_true(build_is_sound(p, len, WEIR_LINK_IP) && plain_sound(p, len));
        /* Behind the IP header, so that both find the transport. */
        uint32_t from = p[0] >> 4 == 4 ? 20 : 40;
        if (len - from <= 8)
            continue;
        p[rng_between(&rng, from + 8, len - 1)] ^= (uint8_t)rng_between(&rng, 1, 255);
        bool sound = build_is_sound(p, len, WEIR_LINK_IP);
        struct sim_parsed parsed = sim_parse(p, len, WEIR_LINK_IP);
        if (parsed.transport_len > 0)
            assert_int_equal(sound, plain_sound(p, len));
        unsound += !sound;
    }
    assert_true(unsound > 1000);
}

/* ---- fragments ---- */

static void test_fragments_put_together_give_the_packet(void **state)
{
    (void)state;
    struct rng rng = rng_make(9);
    for (unsigned i = 0; i < 300; i++) {
        uint8_t payload[1500], p[1600], whole[1600], fragment[1600];
        struct build_udp b = {.ip = rig_path(false, false),
                              .payload = {payload, rng_between(&rng, 1, sizeof payload)}};
        rng_bytes(&rng, payload, sizeof payload);
        uint32_t len = build_udp(p, sizeof p, &b);
        uint32_t mtu = (uint32_t)rng_between(&rng, 28, 1500);
        unsigned count = sim_fragment_count(p, len, mtu);
        assert_true(count > 0);
        uint32_t got = 0;
        for (unsigned k = 0; k < count; k++) {
            uint32_t n = sim_fragment_make(p, len, mtu, k, fragment);
            assert_true(n <= mtu || count == 1);
            assert_int_equal(plain_sum(0, fragment, 20), 0xffff);
            assert_int_equal(load16(fragment + 2), n);
            assert_int_equal(load16(fragment + 4), 77);
            uint16_t field = load16(fragment + 6);
            assert_int_equal((field & 0x2000) != 0, k + 1 < count);
            assert_int_equal((field & 0x1fff) * 8, got);
            memcpy(whole + got, fragment + 20, n - 20);
            got += n - 20;
        }
        assert_int_equal(got, len - 20);
        assert_memory_equal(whole, p + 20, got);
    }
}

static void test_a_fragment_is_cut_further(void **state)
{
    (void)state;
    uint8_t p[200], fragment[200], again[200];
    struct build_udp b = {.ip = rig_path(false, false), .payload = {p, 160}};
    memset(p, 0, sizeof p);
    uint32_t len = build_udp(fragment, sizeof fragment, &b);
    assert_true(sim_fragment_count(fragment, len, 100) == 3 &&
                sim_fragment_make(fragment, len, 100, 1, p) == 100); /* bytes 80 to 159 */
    assert_int_equal(sim_fragment_count(p, 100, 60), 2);
    assert_int_equal(sim_fragment_make(p, 100, 60, 0, again), 60);
    assert_int_equal(load16(again + 6), 0x2000 | 80 / 8);
    assert_int_equal(sim_fragment_make(p, 100, 60, 1, again), 60);
    assert_int_equal(load16(again + 6), 0x2000 | 120 / 8); /* it was not the last before either */
}

static void test_only_copied_options_stand_in_later_fragments(void **state)
{
    (void)state;
    /* RFC 791 section 3.1: record route (7) is not copied, router alert (148) is. */
    static const uint8_t options[8] = {7, 3, 4, 1, 148, 4, 0, 0};
    uint8_t p[28 + 100], fragment[60];
    struct ip4 ip = {.source = {{10, 0, 0, 1}},
                     .destination = {{10, 0, 0, 2}},
                     .payload_len = 100,
                     .ttl = 64,
                     .protocol = 99,
                     .options = options,
                     .options_len = sizeof options};
    memset(p, 0x5a, sizeof p);
    assert_int_equal(ip4_emit(p, sizeof p, &ip), 28);
    assert_int_equal(sim_fragment_count(p, sizeof p, 60), 4); /* 32 bytes each */
    assert_int_equal(sim_fragment_make(p, sizeof p, 60, 0, fragment), 60);
    assert_memory_equal(fragment + 20, options, sizeof options);
    assert_int_equal(sim_fragment_make(p, sizeof p, 60, 1, fragment), 24 + 32);
    assert_memory_equal(fragment + 20, options + 4, 4);
    assert_int_equal(sim_fragment_make(p, sizeof p, 60, 3, fragment), 24 + 4);
}

static void test_dont_fragment_and_tiny_mtus_are_not_cut(void **state)
{
    (void)state;
    uint8_t p[200];
    struct build_udp b = {.ip = rig_path(false, false), .payload = text_ref()};
    uint32_t len = build_udp(p, sizeof p, &b);
    assert_int_equal(sim_fragment_count(p, len, len), 1);
    assert_true(sim_fragment_count(p, len, len - 1) > 1);
    assert_true(sim_fragment_count(p, len, 28) > 1);
    assert_int_equal(sim_fragment_count(p, len, 27), 0);
    b.ip.dont_fragment = true;
    build_udp(p, sizeof p, &b);
    assert_int_equal(sim_fragment_count(p, len, len - 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp_parses_back_over_both_families),
        cmocka_unit_test(test_ip_fields_are_those_asked_for),
        cmocka_unit_test(test_tcp_parses_back_with_its_options),
        cmocka_unit_test(test_raw_option_bytes_stand_as_given),
        cmocka_unit_test(test_echo_and_errors_of_both_families),
        cmocka_unit_test(test_the_impossible_is_refused),
        cmocka_unit_test(test_a_frame_has_its_type_and_is_padded),
        cmocka_unit_test(test_every_flipped_bit_of_an_ip4_packet_makes_it_unsound),
        cmocka_unit_test(test_a_datagram_without_checksum_is_sound_over_ip4_only),
        cmocka_unit_test(test_soundness_agrees_with_plain_sums),
        cmocka_unit_test(test_fragments_put_together_give_the_packet),
        cmocka_unit_test(test_a_fragment_is_cut_further),
        cmocka_unit_test(test_only_copied_options_stand_in_later_fragments),
        cmocka_unit_test(test_dont_fragment_and_tiny_mtus_are_not_cut),
    };
    return cmocka_run_group_tests_name("build", tests, NULL, NULL);
}
