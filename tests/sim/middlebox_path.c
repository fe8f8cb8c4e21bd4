/* SPDX-License-Identifier: MIT */
#include "sim/middlebox_path.h"

#include "middlebox_rig.h"

enum { MTU = 600 };

static void path_begin(struct rig *rig, struct path_mtu_config config)
{
    config.router4 = build_addr("198.51.100.1");
    config.router6 = build_addr("2001:db8:f::1");
    rig_begin(rig, WEIR_LINK_IP);
    rig_join(rig, middlebox_add_path_mtu(rig->sim, "router", &config));
}

/* A datagram of `len` bytes in all. */
static uint32_t datagram(uint8_t *p, bool v6, bool dont_fragment, uint32_t len)
{
    static const uint8_t filler[2000] = "content";
    struct build_udp b = {.ip = rig_path(v6, false), .payload = {filler, len - (v6 ? 48 : 28)}};
    b.ip.dont_fragment = dont_fragment;
    assert_int_equal(build_udp(p, 2000, &b), len);
    return len;
}

static void test_a_black_hole_swallows_what_is_larger_than_its_mtu(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        static struct rig rig;
        uint8_t p[2000];
        path_begin(&rig, (struct path_mtu_config){.mtu_bytes = MTU, .silent = true});
        rig_pass_unchanged(&rig, 0, p, datagram(p, v6 == 1, true, MTU));
        rig_send(&rig, 0, p, datagram(p, v6 == 1, true, MTU + 1));
        assert_int_equal(rig.end[0].count + rig.end[1].count, 0);
        struct path_mtu_stats s = middlebox_path_mtu_stats(rig.box);
        assert_int_equal(s.too_large, 1);
        assert_int_equal(s.answered, 0);
        rig_end(&rig);
    }
}

static void test_a_router_says_how_large_packets_may_be(void **state)
{
    (void)state;
    static const uint32_t told[] = {0, 1000, UINT32_MAX}, expected[] = {MTU, 1000, 0};
    for (unsigned i = 0; i < 6; i++) {
        static struct rig rig;
        uint8_t p[2000];
        bool v6 = i % 2 == 1;
        uint32_t at = v6 ? 40 : 20;
        path_begin(&rig, (struct path_mtu_config){.mtu_bytes = MTU, .told_bytes = told[i / 2]});
        uint32_t len = datagram(p, v6, true, MTU + 1);
        rig_send(&rig, 0, p, len);
        assert_int_equal(rig.end[1].count, 0);
        assert_int_equal(rig.end[0].count, 1);
        const uint8_t *error = rig.end[0].bytes[0];
        assert_true(plain_sound(error, rig.end[0].len[0]));
        struct weir_addr router = build_addr(v6 ? "2001:db8:f::1" : "198.51.100.1");
        if (v6)
            assert_memory_equal(error + 8, router.bytes, 16);
        else
            assert_memory_equal(error + 12, router.bytes + 12, 4);
        assert_int_equal(error[at], v6 ? 2 : 3);
        assert_int_equal(error[at + 1], v6 ? 0 : 4);
        assert_int_equal(v6 ? load32(error + at + 4) : load16(error + at + 6), expected[i / 2]);
        assert_memory_equal(error + at + 8, p, rig.end[0].len[0] - at - 8);
        rig_end(&rig);
    }
}

static void test_packets_without_df_are_cut_and_the_rest_follows(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[2000], whole[2000];
    uint32_t got = 0;
    path_begin(&rig, (struct path_mtu_config){.mtu_bytes = MTU});
    uint32_t len = datagram(p, false, false, 1500);
    rig_send(&rig, 0, p, len);
    assert_int_equal(rig.end[1].count, 3); /* 576 payload bytes each */
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *f = rig.end[1].bytes[i];
        assert_true(rig.end[1].len[i] <= MTU);
        assert_int_equal((load16(f + 6) & 0x1fff) * 8, got);
        memcpy(whole + got, f + 20, rig.end[1].len[i] - 20);
        got += rig.end[1].len[i] - 20;
    }
    assert_int_equal(got, len - 20);
    assert_memory_equal(whole, p + 20, got);
    assert_int_equal(middlebox_path_mtu_stats(rig.box).fragmented, 1);
    rig_end(&rig);
}

static void test_only_one_direction_is_measured_if_asked(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[2000];
    path_begin(&rig, (struct path_mtu_config){
                         .mtu_bytes = MTU, .silent = true, .from = MIDDLEBOX_FROM_INSIDE});
    rig_pass_unchanged(&rig, 1, p, datagram(p, true, true, 1500));
    rig_send(&rig, 0, p, datagram(p, true, true, 1500));
    assert_int_equal(rig.end[1].count, 0);
    rig_end(&rig);
}

static void test_hops_are_counted_down_and_the_last_is_told(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        static struct rig rig;
        uint8_t p[2000];
        uint32_t ttl_at = v6 == 1 ? 7 : 8, at = v6 == 1 ? 40 : 20;
        struct build_udp b = {.ip = rig_path(v6 == 1, false)};
        path_begin(&rig, (struct path_mtu_config){.hops = true});
        b.ip.ttl = 2;
        uint32_t len = build_udp(p, sizeof p, &b);
        const uint8_t *out = rig_pass(&rig, 0, p, len);
        assert_int_equal(out[ttl_at], 1);
        assert_true(plain_sound(out, len));
        b.ip.ttl = 1;
        rig_send(&rig, 0, p, build_udp(p, sizeof p, &b));
        assert_int_equal(rig.end[1].count, 0);
        assert_int_equal(rig.end[0].count, 1);
        assert_true(plain_sound(rig.end[0].bytes[0], rig.end[0].len[0]));
        assert_int_equal(rig.end[0].bytes[0][at], v6 == 1 ? 3 : 11);
        assert_int_equal(middlebox_path_mtu_stats(rig.box).expired, 1);
        rig_end(&rig);
    }
}

static void test_errors_are_not_answered_by_errors(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        static struct rig rig;
        uint8_t p[2000], inner[2000];
        path_begin(&rig, (struct path_mtu_config){.mtu_bytes = 100});
        struct build_icmp_error b = {.ip = rig_path(v6 == 1, false),
                                     .type = v6 == 1 ? 1 : 3,
                                     .code = 1,
                                     .packet = {inner, datagram(inner, v6 == 1, true, 500)}};
        b.ip.dont_fragment = true;
        rig_send(&rig, 0, p, build_icmp_error(p, sizeof p, &b));
        assert_int_equal(rig.end[0].count + rig.end[1].count, 0);
        assert_int_equal(middlebox_path_mtu_stats(rig.box).too_large, 1);
        assert_int_equal(middlebox_path_mtu_stats(rig.box).answered, 0);
        rig_end(&rig);
    }
}

static void test_an_mtu_no_packet_can_have_is_refused(void **state)
{
    (void)state;
    struct path_mtu_config config = {.mtu_bytes = 65536};
    struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
    assert_null(middlebox_add_path_mtu(sim, "router", &config));
    config = (struct path_mtu_config){.mtu_bytes = 1500, .told_bytes = 65536};
    assert_null(middlebox_add_path_mtu(sim, "router", &config));
    sim_destroy(sim);
}

/* ---- ICMP filter ---- */

static void test_filters_drop_what_they_say_and_nothing_else(void **state)
{
    (void)state;
    enum { ECHO4, ECHO6, ERROR4, ERROR6, TIMESTAMP4, NEIGHBOUR6, MESSAGES };
    static const bool passes[3][MESSAGES] = {
        [ICMP_FILTER_ERRORS] = {true, true, false, false, true, true},
        [ICMP_FILTER_ALL_BUT_ECHO] = {true, true, false, false, false, true},
        [ICMP_FILTER_LISTED] = {true, false, true, true, false, true},
    };
    for (unsigned what = 0; what < 3; what++) {
        static struct rig rig;
        struct icmp_filter_config config = {.what = (uint8_t)what,
                                            .type4_count = 1,
                                            .types4 = {ICMP4_TIMESTAMP_REQUEST},
                                            .type6_count = 1,
                                            .types6 = {ICMP6_ECHO_REQUEST}};
        rig_begin(&rig, WEIR_LINK_IP);
        rig_join(&rig, middlebox_add_icmp_filter(rig.sim, "filter", &config));
        for (unsigned i = 0; i < MESSAGES; i++) {
            uint8_t p[2000], inner[200];
            bool v6 = i == ECHO6 || i == ERROR6 || i == NEIGHBOUR6;
            struct build_icmp_echo echo = {.ip = rig_path(v6, false)};
            struct build_icmp_error error = {.ip = rig_path(v6, false),
                                             .type = v6 ? 1 : 3,
                                             .packet = {inner, datagram(inner, v6, true, 100)}};
            uint32_t len = i == ERROR4 || i == ERROR6 ? build_icmp_error(p, sizeof p, &error)
                                                      : build_icmp_echo(p, sizeof p, &echo);
            if (i == TIMESTAMP4)
                p[20] = ICMP4_TIMESTAMP_REQUEST;
            if (i == NEIGHBOUR6)
                p[40] = ICMP6_NEIGHBOUR_SOLICITATION;
            rig_send(&rig, 0, p, len);
            if (rig.end[1].count != passes[what][i])
                fail_msg("filter %u, message %u", what, i);
            rig_send(&rig, 0, p, datagram(p, v6, true, 100));
            assert_int_equal(rig.end[1].count, 1);
        }
        assert_int_equal(middlebox_icmp_filter_stats(rig.box).seen, MESSAGES);
        rig_end(&rig);
    }
}

/* ---- ECN ---- */

static void test_ecn_is_bleached_as_asked(void **state)
{
    (void)state;
    /* In: Not-ECT, ECT(1), ECT(0), CE (RFC 3168 section 5). */
    static const uint8_t out[3][4] = {
        [ECN_BLEACH_CLEAR] = {0, 0, 0, 0},
        [ECN_BLEACH_MARK] = {0, 3, 3, 3},
        [ECN_BLEACH_CE] = {0, 1, 2, 2},
    };
    for (unsigned i = 0; i < 3 * 4 * 2; i++) {
        static struct rig rig;
        uint8_t p[200];
        unsigned what = i / 8, ecn = i / 2 % 4;
        bool v6 = i % 2 == 1;
        struct ecn_bleacher_config config = {.what = (uint8_t)what};
        struct build_udp b = {.ip = rig_path(v6, false)};
        b.ip.ecn = (uint8_t)ecn;
        b.ip.dscp = 46;
        b.ip.flow_label = 0xabcde;
        rig_begin(&rig, WEIR_LINK_IP);
        rig_join(&rig, middlebox_add_ecn_bleacher(rig.sim, "bleacher", &config));
        rig_send(&rig, 0, p, build_udp(p, sizeof p, &b));
        b.ip.ecn = out[what][ecn];
        uint32_t len = build_udp(p, sizeof p, &b);
        assert_int_equal(rig.end[1].len[0], len);
        assert_memory_equal(rig.end[1].bytes[0], p, len); /* as if it had been sent so */
        assert_int_equal(middlebox_ecn_bleacher_stats(rig.box).rewritten, out[what][ecn] != ecn);
        rig_end(&rig);
    }
}

static void test_ecn_negotiation_is_cleared_in_syns_only(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    struct ecn_bleacher_config config = {.tcp_syns = true};
    struct build_tcp b = {.ip = rig_path(false, false),
                          .flags = TCP_SYN | TCP_ECE | TCP_CWR | TCP_AE};
    rig_begin(&rig, WEIR_LINK_IP);
    rig_join(&rig, middlebox_add_ecn_bleacher(rig.sim, "bleacher", &config));
    rig_send(&rig, 0, p, build_tcp(p, sizeof p, &b));
    b.flags = TCP_SYN;
    uint32_t len = build_tcp(p, sizeof p, &b);
    assert_memory_equal(rig.end[1].bytes[0], p, len);
    b.flags = TCP_ACK | TCP_ECE;
    rig_pass_unchanged(&rig, 0, p, build_tcp(p, sizeof p, &b));
    assert_int_equal(middlebox_ecn_bleacher_stats(rig.box).syns, 1);
    rig_end(&rig);
}

static void test_storms_of_good_and_bad_packets(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        static struct rig rig;
        uint8_t link = i % 2 == 0 ? WEIR_LINK_IP : WEIR_LINK_ETHERNET;
        struct middlebox_common common = {.link = link};
        struct path_mtu_config path = {.common = common,
                                       .mtu_bytes = 100,
                                       .hops = true,
                                       .router4 = build_addr("198.51.100.1"),
                                       .router6 = build_addr("2001:db8:f::1")};
        struct icmp_filter_config filter = {.common = common, .what = ICMP_FILTER_ALL_BUT_ECHO};
        struct ecn_bleacher_config bleacher = {
            .common = common, .what = (uint8_t)(i % 3), .tcp_syns = true};
        rig_begin(&rig, link);
        rig_join(&rig, i < 2   ? middlebox_add_path_mtu(rig.sim, "box", &path)
                       : i < 4 ? middlebox_add_icmp_filter(rig.sim, "box", &filter)
                               : middlebox_add_ecn_bleacher(rig.sim, "box", &bleacher));
        rig_storm(&rig, 1000);
        rig_end(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_black_hole_swallows_what_is_larger_than_its_mtu),
        cmocka_unit_test(test_a_router_says_how_large_packets_may_be),
        cmocka_unit_test(test_packets_without_df_are_cut_and_the_rest_follows),
        cmocka_unit_test(test_only_one_direction_is_measured_if_asked),
        cmocka_unit_test(test_hops_are_counted_down_and_the_last_is_told),
        cmocka_unit_test(test_errors_are_not_answered_by_errors),
        cmocka_unit_test(test_an_mtu_no_packet_can_have_is_refused),
        cmocka_unit_test(test_filters_drop_what_they_say_and_nothing_else),
        cmocka_unit_test(test_ecn_is_bleached_as_asked),
        cmocka_unit_test(test_ecn_negotiation_is_cleared_in_syns_only),
        cmocka_unit_test(test_storms_of_good_and_bad_packets),
    };
    return cmocka_run_group_tests_name("middlebox_path", tests, NULL, NULL);
}
