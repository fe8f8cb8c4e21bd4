/* SPDX-License-Identifier: MIT
 * The IPv4 rows of the attack catalogue, through a whole stack. */
#include "harness.h"

static struct weir_addr ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return addr_from_ip4((struct ip4_addr){{a, b, c, d}});
}

static struct ip4 header(unsigned ifindex, uint8_t protocol)
{
    return (struct ip4){.source = ip4_from_addr(peer4(ifindex, 2)),
                        .destination = ip4_from_addr(own4(ifindex)),
                        .protocol = protocol};
}

/* An echo request with IP options. */
static size_t put_echo_options(uint8_t *p, unsigned ifindex, const uint8_t *options, size_t len)
{
    uint8_t echo[128];
    size_t n = put_echo(echo, peer4(ifindex, 2), own4(ifindex), 16);
    struct ip4 h = header(ifindex, IP_PROTOCOL_ICMP4);
    h.options = options;
    h.options_len = (uint8_t)len;
    return put_ip4(p, &h, echo + 20, n - 20);
}

static void ATK_IP4_01_02_bad_header_lengths_and_versions_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    a->ifindex = TUN;
    size_t len = put_echo(p, peer4(TUN, 2), own4(TUN), 8);
    for (unsigned first = 0; first < 256; first++) {
        unsigned version = first >> 4, words = first & 15;
        if (version == 6 || first == 0x45)
            continue;
        p[0] = (uint8_t)first;
        if (words >= 5 && words * 4 <= len)
            sum_ip4(p);
        unsigned drop = attack_ip(a, p, len);
        assert_int_not_equal(drop, WEIR_DROP_NONE);
        if (version != 4)
            assert_int_equal(drop, WEIR_DROP_IP4_VERSION);
        else if (words < 5 || words * 4 > len)
            assert_int_equal(drop, WEIR_DROP_IP4_HEADER_LENGTH);
        assert_int_equal(a->out_count, 0);
    }
    /* A link type that contradicts the version. */
    uint8_t frame[256];
    len = put_echo(p, peer4(ETHER, 2), own4(ETHER), 8);
    memcpy(frame, p, len);
    size_t n = build_frame(frame, sizeof frame, (uint32_t)len, peer_mac(2), own_mac());
    store16(frame + 12, ETH_TYPE_IP6);
    assert_frame_dropped(a, WEIR_DROP_IP6_VERSION, frame, n);
    attack_end(a);
}

static void ATK_IP4_03_a_lying_total_length_is_dropped_without_an_answer(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[256];
    for (a->ifindex = 0; a->ifindex < INTERFACES; a->ifindex++) {
        size_t len = put_echo(p, peer4(a->ifindex, 2), own4(a->ifindex), 40);
        const uint16_t lie[] = {0, 1, 19, (uint16_t)(len + 1), 65535};
        for (unsigned i = 0; i < sizeof lie / sizeof lie[0]; i++) {
            store16(p + 2, lie[i]);
            sum_ip4(p);
            assert_dropped(a, WEIR_DROP_IP4_TOTAL_LENGTH, p, len);
        }
    }
    attack_end(a);
}

static void ATK_IP4_04_a_total_length_of_the_header_leaves_a_transport_with_nothing(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    size_t len = put_udp(p, peer4(ETHER, 2), own4(ETHER), 20);
    store16(p + 2, 20);
    sum_ip4(p);
    assert_dropped(a, WEIR_DROP_UDP_SHORT, p, len);
    len = put_echo(p, peer4(ETHER, 2), own4(ETHER), 20);
    store16(p + 2, 20);
    sum_ip4(p);
    assert_dropped(a, WEIR_DROP_ICMP_SHORT, p, len);
    attack_end(a);
}

static void ATK_IP4_05_each_flipped_bit_of_a_header_is_dropped_without_an_answer(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static const uint8_t options[40] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    uint8_t p[256];
    a->ifindex = TUN;
    for (size_t option_len = 0; option_len <= 40; option_len += 40) {
        size_t len = put_echo_options(p, TUN, options, option_len);
        assert_answered(a, p, len);
        for (size_t bit = 0; bit < (20 + option_len) * 8; bit++) {
            p[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(attack_ip(a, p, len), WEIR_DROP_NONE);
            assert_int_equal(a->out_count, 0);
            p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    attack_end(a);
}

static void ATK_IP4_06_a_host_delivers_whatever_the_ttl(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    for (unsigned ttl = 0; ttl < 3; ttl++) {
        size_t len = put_echo(p, peer4(ETHER, 2), own4(ETHER), 8);
        p[8] = (uint8_t)ttl;
        sum_ip4(p);
        assert_answered(a, p, len);
        assert_int_equal(out_icmp(a, 0).icmp.kind, ICMP_ECHO_REPLY);
        assert_int_equal(out_icmp(a, 0).hop_limit, 64);
        /* For another host it is not forwarded, nor is its end told. */
        len = put_echo(p, peer4(ETHER, 2), peer4(TUN, 9), 8);
        p[8] = (uint8_t)ttl;
        sum_ip4(p);
        assert_dropped(a, WEIR_DROP_IP4_NOT_FOR_US, p, len);
    }
    attack_end(a);
}

static void ATK_IP4_07_nothing_from_an_impossible_source_is_taken(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    const struct weir_addr martian[] = {ip4(0, 0, 0, 0),
                                        ip4(0, 1, 2, 3),
                                        ip4(127, 0, 0, 1),
                                        ip4(127, 255, 255, 255),
                                        ip4(224, 0, 0, 1),
                                        ip4(239, 255, 255, 255),
                                        ip4(240, 0, 0, 1),
                                        ip4(255, 255, 255, 254),
                                        ip4(255, 255, 255, 255),
                                        ip4(10, 0, 255, 255),
                                        ip4(10, 0, 0, 0),
                                        own4(ETHER),
                                        own4(TUN)};
    for (unsigned i = 0; i < sizeof martian / sizeof martian[0]; i++) {
        struct weir_addr own = own4(ETHER);
        for (uint16_t flags = 0; flags < 64; flags++)
            assert_dropped(a, WEIR_DROP_IP4_SOURCE, p, put_tcp(p, martian[i], own, flags));
        assert_dropped(a, WEIR_DROP_IP4_SOURCE, p, put_udp(p, martian[i], own, 8));
        assert_dropped(a, WEIR_DROP_IP4_SOURCE, p, put_echo(p, martian[i], own, 8));
    }
    attack_end(a);
}

static void ATK_IP4_08_a_packet_from_ourselves_is_dropped_on_every_interface(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    struct weir_udp_config config = {.size = sizeof config, .port = 4001};
    weir_handle handle;
    uint8_t p[128];
    assert_int_equal(weir_udp_open(a->stack, &config, &handle), WEIR_OK);
    for (a->ifindex = 0; a->ifindex < INTERFACES; a->ifindex++)
        for (unsigned from = 0; from < INTERFACES; from++) {
            struct weir_addr own = own4(from);
            size_t len = put_tcp(p, own, own, TCP_SYN);
            store16(p + 20, 80); /* the port is its own peer */
            assert_dropped(a, WEIR_DROP_IP4_SOURCE, p, len);
            struct build_udp udp = {.ip = {.source = own, .destination = own},
                                    .source_port = 4001,
                                    .destination_port = 4001};
            assert_dropped(a, WEIR_DROP_IP4_SOURCE, p, build_udp(p, sizeof p, &udp));
        }
    assert_int_equal(weir_udp_receive(a->stack, handle, NULL, p, sizeof p), WEIR_E_WOULD_BLOCK);
    assert_int_equal(weir_udp_close(a->stack, handle), WEIR_OK);
    attack_end(a);
}

static void ATK_IP4_09_tcp_for_groups_is_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    const struct weir_addr group[] = {ip4(255, 255, 255, 255), ip4(10, 0, 255, 255),
                                      ip4(10, 0, 0, 0), ip4(224, 0, 0, 1)};
    const struct eth_addr to[] = {own_mac(), eth_broadcast()};
    for (unsigned i = 0; i < sizeof group / sizeof group[0]; i++)
        for (unsigned k = 0; k < 2; k++)
            for (uint16_t flags = 0; flags < 64; flags++) {
                a->to = to[k];
                assert_dropped(a, WEIR_DROP_TCP_ADDRESS, p,
                               put_tcp(p, peer4(ETHER, 2), group[i], flags));
            }
    assert_dropped(a, WEIR_DROP_IP4_NOT_FOR_US, p,
                   put_tcp(p, peer4(ETHER, 2), ip4(224, 0, 0, 251), TCP_SYN));
    attack_end(a);
}

static void ATK_IP4_10_malformed_options_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static const uint8_t type[] = {IP4_OPTION_LSRR, IP4_OPTION_SSRR, IP4_OPTION_RECORD_ROUTE,
                                   IP4_OPTION_TIMESTAMP};
    uint8_t p[256];
    for (unsigned i = 0; i < sizeof type; i++)
        for (unsigned len = 0; len < 256; len++)
            for (unsigned pointer = 0; pointer < 16; pointer++) {
                uint8_t options[12] = {type[i], (uint8_t)len, (uint8_t)pointer};
                size_t n = put_echo_options(p, ETHER, options, sizeof options);
                unsigned drop = attack_ip(a, p, n);
                bool bad = len < 3 || len > sizeof options || pointer < 4;
                assert_true(!bad || drop != WEIR_DROP_NONE);
                assert_true(drop == WEIR_DROP_NONE || drop == WEIR_DROP_IP4_OPTION ||
                            drop == WEIR_DROP_IP4_SOURCE_ROUTE);
                assert_true(drop == WEIR_DROP_NONE || a->out_count == 0);
            }
    uint8_t options[40];
    memset(options, IP4_OPTION_NOP, sizeof options);
    assert_answered(a, p, put_echo_options(p, ETHER, options, 40));
    memset(options, 0xff, sizeof options);
    options[0] = IP4_OPTION_END; /* what follows means nothing */
    assert_answered(a, p, put_echo_options(p, ETHER, options, 40));
    attack_end(a);
}

static void ATK_IP4_11_12_source_routes_are_refused(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[256], tcp[128];
    static const uint8_t route[] = {IP4_OPTION_LSRR, IP4_OPTION_SSRR};
    for (unsigned i = 0; i < 2; i++) {
        for (uint8_t pointer = 4; pointer <= 8; pointer = (uint8_t)(pointer + 4)) {
            uint8_t options[16] = {route[i], 7, pointer, 192, 0, 2, 66, IP4_OPTION_NOP};
            size_t n = put_tcp(tcp, peer4(ETHER, 2), own4(ETHER), TCP_SYN);
            struct ip4 h = header(ETHER, IP_PROTOCOL_TCP);
            h.options = options;
            h.options_len = 8;
            assert_dropped(a, WEIR_DROP_IP4_SOURCE_ROUTE, p, put_ip4(p, &h, tcp + 20, n - 20));
            assert_dropped(a, WEIR_DROP_IP4_SOURCE_ROUTE, p,
                           put_echo_options(p, ETHER, options, 8));
            for (unsigned k = 0; k < 2; k++) { /* a second one */
                options[8] = route[k];
                memcpy(options + 9, options + 1, 7);
                assert_dropped(a, WEIR_DROP_IP4_OPTION, p, put_echo_options(p, ETHER, options, 16));
            }
        }
    }
    attack_end(a);
}

static void ATK_IP4_13_an_echo_reply_goes_to_the_source_without_options(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[256];
    static const uint8_t list[][12] = {
        {IP4_OPTION_RECORD_ROUTE, 11, 4, 192, 0, 2, 66, 192, 0, 2, 67},
        {IP4_OPTION_RECORD_ROUTE, 11, 12, 192, 0, 2, 66, 192, 0, 2, 67},
        {IP4_OPTION_TIMESTAMP, 12, 5, 1, 192, 0, 2, 66},
        {IP4_OPTION_ROUTER_ALERT, 4, 0, 0, 0x82, 8, 192, 0, 2, 66, 0, 0},
        {0x5e, 12, 131, 7, 4, 192, 0, 2, 66}};
    for (unsigned i = 0; i < sizeof list / sizeof list[0]; i++) {
        assert_answered(a, p, put_echo_options(p, ETHER, list[i], 12));
        struct out_icmp reply = out_icmp(a, 0); /* sees that there are no options */
        assert_true(addr_eq(reply.destination, peer4(ETHER, 2)));
        assert_memory_equal(a->out[0].bytes, peer_mac(2).b, 6);
        assert_int_equal(reply.data.len, 16);
    }
    attack_end(a);
}

static void ATK_IP4_14_undeclared_tunnels_are_not_opened(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static const uint8_t protocol[] = {4, 41, 47, 94};
    uint8_t p[512], inner[256], f[512];
    for (unsigned i = 0; i < sizeof protocol; i++) {
        size_t n = protocol[i] == 41 ? put_echo(inner, peer6(TUN, 2), own6(TUN), 40)
                                     : put_echo(inner, peer4(TUN, 2), own4(TUN), 60);
        struct ip4 h = header(ETHER, protocol[i]);
        size_t len = put_ip4(p, &h, inner, n);
        assert_told(a, WEIR_DROP_IP4_PROTOCOL, ICMP4_UNREACHABLE, ICMP4_PROTOCOL_UNREACHABLE, p,
                    len);
        assert_true(addr_eq(out_icmp(a, 0).destination, peer4(ETHER, 2)));
        struct cut first = {.id = i, .from = 0, .to = 32, .more = true};
        struct cut last = {.id = i, .from = 32, .to = (uint32_t)n};
        assert_int_equal(attack_ip(a, f, put_fragment(f, p, &first)), WEIR_DROP_NONE);
        assert_int_equal(a->out_count, 0);
        len = put_fragment(f, p, &last);
        assert_told(a, WEIR_DROP_IP4_PROTOCOL, ICMP4_UNREACHABLE, ICMP4_PROTOCOL_UNREACHABLE, f,
                    len);
    }
    attack_end(a);
}

static void ATK_IP4_15_odd_flags_are_read_as_offset_and_more(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[256], f[256];
    size_t len = put_echo(p, peer4(ETHER, 2), own4(ETHER), 40);
    for (unsigned flags = 0; flags < 4; flags++) { /* reserved and DF, alone and together */
        uint8_t odd = (uint8_t)((flags & 1) << 7 | (flags & 2) << 5);
        memcpy(f, p, len);
        f[6] |= odd;
        sum_ip4(f);
        assert_answered(a, f, len);
        struct cut first = {.id = flags, .from = 0, .to = 24, .more = true};
        struct cut last = {.id = flags, .from = 24, .to = 48};
        size_t n = put_fragment(f, p, &first);
        f[6] |= odd;
        sum_ip4(f);
        assert_int_equal(attack_ip(a, f, n), WEIR_DROP_NONE);
        assert_int_equal(a->out_count, 0);
        n = put_fragment(f, p, &last);
        f[6] |= odd;
        sum_ip4(f);
        assert_answered(a, f, n);
        assert_int_equal(out_icmp(a, 0).data.len, 40);
    }
    attack_end(a);
}

static void ATK_IP4_16_unknown_protocols_are_told_within_the_budget(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static const uint8_t body[64] = {0};
    uint8_t p[128];
    for (unsigned protocol = 0; protocol < 256; protocol++) {
        struct ip4 h = header(ETHER, (uint8_t)protocol);
        size_t len = put_ip4(p, &h, body, sizeof body);
        if (protocol == IP_PROTOCOL_ICMP4 || protocol == IP_PROTOCOL_TCP ||
            protocol == IP_PROTOCOL_UDP) {
            assert_int_not_equal(attack_ip(a, p, len), WEIR_DROP_IP4_PROTOCOL);
            continue;
        }
        assert_told(a, WEIR_DROP_IP4_PROTOCOL, ICMP4_UNREACHABLE, ICMP4_PROTOCOL_UNREACHABLE, p,
                    len);
        assert_memory_equal(out_icmp(a, 0).data.data, p, 28);
        attack_pass(a, 1100 * MS);
    }
    unsigned told = 0; /* and a sweep at once, ten times */
    for (unsigned i = 0; i < 2560; i++) {
        struct ip4 h = header(ETHER, 200);
        attack_ip(a, p, put_ip4(p, &h, body, sizeof body));
        told += a->out_count;
    }
    assert_in_range(told, 1, a->config.icmp_errors_per_s_max);
    attack_end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_IP4_01_02_bad_header_lengths_and_versions_are_dropped),
        cmocka_unit_test(ATK_IP4_03_a_lying_total_length_is_dropped_without_an_answer),
        cmocka_unit_test(ATK_IP4_04_a_total_length_of_the_header_leaves_a_transport_with_nothing),
        cmocka_unit_test(ATK_IP4_05_each_flipped_bit_of_a_header_is_dropped_without_an_answer),
        cmocka_unit_test(ATK_IP4_06_a_host_delivers_whatever_the_ttl),
        cmocka_unit_test(ATK_IP4_07_nothing_from_an_impossible_source_is_taken),
        cmocka_unit_test(ATK_IP4_08_a_packet_from_ourselves_is_dropped_on_every_interface),
        cmocka_unit_test(ATK_IP4_09_tcp_for_groups_is_dropped),
        cmocka_unit_test(ATK_IP4_10_malformed_options_are_dropped),
        cmocka_unit_test(ATK_IP4_11_12_source_routes_are_refused),
        cmocka_unit_test(ATK_IP4_13_an_echo_reply_goes_to_the_source_without_options),
        cmocka_unit_test(ATK_IP4_14_undeclared_tunnels_are_not_opened),
        cmocka_unit_test(ATK_IP4_15_odd_flags_are_read_as_offset_and_more),
        cmocka_unit_test(ATK_IP4_16_unknown_protocols_are_told_within_the_budget),
    };
    return cmocka_run_group_tests_name("attack_ip4", tests, NULL, NULL);
}
