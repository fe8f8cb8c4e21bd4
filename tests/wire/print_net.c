/* SPDX-License-Identifier: MIT
 * The modern lines were compared with those of tcpdump 4.99.3 for packets of the same kinds, and
 * differ where a test says so or where tcpdump would print a dump. The classic ones follow the look
 * of published traces; no tcpdump of that time was at hand. */
#include "wire/print.h"

#include "packets.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

static const struct print_options modern = {.style = PRINT_MODERN};
static const struct print_options classic = {.style = PRINT_CLASSIC};

/* The line for the first `captured` bytes of p, from a heap block of exactly that size. */
static void assert_line_cut(const struct print_options *o, enum weir_link link, const uint8_t *p,
                            size_t captured, size_t len, const char *want)
{
    char buf[256];
    struct text t = text_begin(buf, sizeof buf);
    uint8_t *exact = exact_copy(p, captured);
    print_packet(&t, o, exact, captured, len, link);
    free(exact);
    assert_string_equal(buf, want);
    assert_false(t.cut);
}

static void assert_line(const struct print_options *o, const uint8_t *p, size_t n, const char *want)
{
    assert_line_cut(o, WEIR_LINK_IP, p, n, n, want);
}

static size_t ip4_packet(uint8_t *p, uint8_t protocol, const uint8_t *payload, size_t n)
{
    memset(p, 0, 20);
    p[0] = 0x45;
    store16(p + 2, (uint16_t)(20 + n));
    p[5] = 1;
    p[6] = 0x40;
    p[8] = 64;
    p[9] = protocol;
    memcpy(p + 12, ((uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}), 8);
    if (n > 0)
        memcpy(p + 20, payload, n);
    finish_ip4(p);
    return 20 + n;
}

static size_t ip6_packet(uint8_t *p, uint8_t next, const uint8_t *payload, size_t n)
{
    memset(p, 0, 40);
    p[0] = 0x60;
    store16(p + 4, (uint16_t)n);
    p[6] = next;
    p[7] = 255;
    memcpy(p + 8, ((uint8_t[16]){0xfe, 0x80, [15] = 1}), 16);
    memcpy(p + 24, ((uint8_t[16]){0xfe, 0x80, [15] = 2}), 16);
    if (n > 0)
        memcpy(p + 40, payload, n);
    return 40 + n;
}

static void test_arp_lines(void **state)
{
    (void)state;
    uint8_t p[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6,
                     0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1,
                     0, 0, 0, 0, 0, 0, 10, 0, 0, 2};
    enum weir_link eth = WEIR_LINK_ETHERNET;
    assert_line_cut(&modern, eth, p, 42, 42,
                    "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28");
    assert_line_cut(&modern, eth, p, 60, 60,
                    "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 46");
    assert_line_cut(&classic, eth, p, 42, 42, "arp who-has 10.0.0.2 tell 10.0.0.1");
    p[32] = 2;
    p[37] = 2;
    assert_line_cut(&modern, eth, p, 42, 42,
                    "ARP, Request who-has 10.0.0.2 (02:00:00:00:00:02) tell 10.0.0.1, length 28");
    p[21] = 2;
    assert_line_cut(&modern, eth, p, 42, 42,
                    "ARP, Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28");
    assert_line_cut(&classic, eth, p, 42, 42, "arp reply 10.0.0.1 is-at 2:0:0:0:0:1");
    assert_line_cut(&modern, eth, p, 41, 42, "ARP, [|arp]");
    p[21] = 9;
    assert_line_cut(&modern, eth, p, 42, 42,
                    "ARP, hardware 1 (len 6), protocol 0x0800 (len 4), operation 9, length 28");
}

static void test_ethernet_lines(void **state)
{
    (void)state;
    uint8_t p[64] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x12, 0x34};
    uint8_t udp[17] = {0x13, 0x88, 0x17, 0x70, 0, 17};
    enum weir_link eth = WEIR_LINK_ETHERNET;
    assert_line_cut(&modern, eth, p, 60, 60,
                    "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x1234, length 60");
    p[12] = 0;
    p[13] = 40;
    assert_line_cut(&modern, eth, p, 60, 60, "802.3, length 60");
    assert_line_cut(&modern, eth, p, 13, 60, "[|ether]");
    assert_line_cut(&modern, eth, p, 0, 0, "[|ether]");
    memcpy(p + 12, ((uint8_t[]){0x88, 0xa8, 0x60, 5, 0x81, 0, 0, 6, 8, 0}), 10);
    ip4_packet(p + 22, 17, udp, 17); /* tags are told, unlike in tcpdump without -e */
    assert_line_cut(&modern, eth, p, 59, 59,
                    "vlan 5, p 3, vlan 6, p 0, IP 10.0.0.1.5000 > 10.0.0.2.6000: UDP, length 9");
    p[20] = 0x81;
    p[21] = 0;
    assert_line_cut(&modern, eth, p, 59, 59, "more than two VLAN tags, length 59");
}

static void test_udp_lines(void **state)
{
    (void)state;
    uint8_t p[64], udp[28] = {0x13, 0x88, 0xcf, 0x08, 0, 28};
    size_t n = ip4_packet(p, 17, udp, 28);
    assert_line(&modern, p, n, "IP 10.0.0.1.5000 > 10.0.0.2.53000: UDP, length 20");
    assert_line(&classic, p, n, "10.0.0.1.5000 > 10.0.0.2.53000: udp 20 (DF)");
    p[25] = 60;
    assert_line(&modern, p, n, "IP 10.0.0.1.5000 > 10.0.0.2.53000: UDP, bad length 52 > 20");
    p[25] = 7;
    assert_line(&modern, p, n, "IP 10.0.0.1.5000 > 10.0.0.2.53000: truncated-udplength 7");
    n = ip4_packet(p, 17, udp, 6);
    assert_line(&modern, p, n, "IP 10.0.0.1 > 10.0.0.2: truncated-udp 6");
    n = ip4_packet(p, 17, udp, 28);
    assert_line_cut(&modern, WEIR_LINK_IP, p, 27, n, "IP 10.0.0.1 > 10.0.0.2: [|udp]");
    n = ip6_packet(p, 17, udp, 17);
    p[45] = 17;
    assert_line(&modern, p, n, "IP6 fe80::1.5000 > fe80::2.53000: UDP, length 9");
}

static void test_icmp4_lines(void **state)
{
    (void)state;
    static const struct {
        uint8_t start[8];
        const char *want;
    } rows[] = {
        {{8, 0, 0, 0, 0, 1, 0, 2}, "ICMP echo request, id 1, seq 2, length 36"},
        {{0, 0, 0, 0, 0, 1, 0, 2}, "ICMP echo reply, id 1, seq 2, length 36"},
        {{3, 0}, "ICMP net 10.0.0.9 unreachable, length 36"},
        {{3, 1}, "ICMP host 10.0.0.9 unreachable, length 36"},
        {{3, 2}, "ICMP 10.0.0.9 protocol 17 unreachable, length 36"},
        {{3, 3}, "ICMP 10.0.0.9 udp port 53 unreachable, length 36"},
        {{3, 4, 0, 0, 0, 0, 5, 0x78},
         "ICMP 10.0.0.9 unreachable - need to frag (mtu 1400), length 36"},
        {{3, 4}, "ICMP 10.0.0.9 unreachable - need to frag, length 36"},
        {{3, 13}, "ICMP host 10.0.0.9 unreachable - admin prohibited filter, length 36"},
        {{3, 16}, "ICMP 10.0.0.9 unreachable - #16, length 36"},
        {{4, 0}, "ICMP source quench, length 36"},
        {{5, 0, 0, 0, 10, 0, 0, 254}, "ICMP redirect 10.0.0.9 to net 10.0.0.254, length 36"},
        {{5, 3, 0, 0, 10, 0, 0, 254}, "ICMP redirect-tos 10.0.0.9 to host 10.0.0.254, length 36"},
        {{11, 0}, "ICMP time exceeded in-transit, length 36"},
        {{11, 1}, "ICMP ip reassembly time exceeded, length 36"},
        {{11, 2}, "ICMP time exceeded-#2, length 36"},
        {{12, 0, 0, 0, 20}, "ICMP parameter problem - octet 20, length 36"},
        {{12, 1}, "ICMP parameter problem - code 1, length 36"},
        {{9, 0}, "ICMP router advertisement, length 36"},
        {{13, 0}, "ICMP time stamp query, length 36"},
        {{17, 0}, "ICMP address mask request, length 36"},
        {{40, 0}, "ICMP type-#40, length 36"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t p[64], m[36];
        char want[128] = "IP 10.0.0.1 > 10.0.0.2: ";
        memcpy(m, rows[i].start, 8);
        ip4_packet(m + 8, 17, ((uint8_t[8]){0, 9, 0, 53}), 8);
        m[8 + 19] = 9;
        strcat(want, rows[i].want);
        assert_line(&modern, p, ip4_packet(p, 1, m, 36), want);
    }
    uint8_t p[64], m[36] = {3, 3};
    ip4_packet(m + 8, 17, m, 8);
    size_t n = ip4_packet(p, 1, m, 36);
    assert_line(&classic, p, n, "10.0.0.1 > 10.0.0.2: icmp: 10.0.0.2 udp port 0 unreachable (DF)");
    assert_line_cut(&modern, WEIR_LINK_IP, p, n - 1, n,
                    "IP 10.0.0.1 > 10.0.0.2: ICMP type 3 code 3 [|icmp]");
    assert_line_cut(&modern, WEIR_LINK_IP, p, 27, n, "IP 10.0.0.1 > 10.0.0.2: [|icmp]");
}

static void test_icmp6_lines(void **state)
{
    (void)state;
    static const struct {
        uint8_t start[8];
        const char *want;
    } rows[] = {
        {{128, 0, 0, 0, 0, 1, 0, 2}, "echo request, id 1, seq 2, length 56"},
        {{129, 0, 0, 0, 0, 1, 0, 2}, "echo reply, id 1, seq 2, length 56"},
        {{1, 0}, "destination unreachable, unreachable route fe80::2, length 56"},
        {{1, 1}, "destination unreachable, unreachable prohibited fe80::2, length 56"},
        {{1, 2},
         "destination unreachable, beyond scope fe80::2, source address fe80::1, length 56"},
        {{1, 3}, "destination unreachable, unreachable address fe80::2, length 56"},
        {{1, 4}, "destination unreachable, unreachable port, fe80::2 udp port 53, length 56"},
        {{1, 7}, "destination unreachable, unknown unreach code (7), length 56"},
        {{2, 0, 0, 0, 0, 0, 5, 0}, "packet too big, mtu 1280, length 56"},
        {{3, 0}, "time exceeded in-transit for fe80::2, length 56"},
        {{3, 1}, "time exceeded in-transit (reassembly), length 56"},
        {{4, 0, 0, 0, 0, 0, 0, 40}, "parameter problem, erroneous - octet 40, length 56"},
        {{4, 1, 0, 0, 0, 0, 0, 40}, "parameter problem, next header - octet 40, length 56"},
        {{4, 2, 0, 0, 0, 0, 0, 40}, "parameter problem, option - octet 40, length 56"},
        {{4, 3, 0, 0, 0, 0, 0, 40},
         "parameter problem, incomplete header chain - octet 40, length 56"},
        {{133, 0}, "router solicitation, length 56"},
        {{134, 0}, "router advertisement, length 56"},
        {{135, 0}, "neighbor solicitation, who has 6000:0:8:11ff:fe80::, length 56"},
        {{136, 0}, "neighbor advertisement, tgt is 6000:0:8:11ff:fe80::, length 56"},
        {{143, 0}, "multicast listener report v2, length 56"},
        {{200, 0}, "type-#200, length 56"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t p[128], m[56];
        char want[128] = "IP6 fe80::1 > fe80::2: ICMP6, ";
        memcpy(m, rows[i].start, 8);
        ip6_packet(m + 8, 17, ((uint8_t[8]){0, 9, 0, 53}), 8);
        strcat(want, rows[i].want);
        assert_line(&modern, p, ip6_packet(p, 58, m, 56), want);
    }
    uint8_t p[128], m[40] = {137, [8] = 0xfe, 0x80, [23] = 3, 0xfe, 0x80, [39] = 4};
    size_t n = ip6_packet(p, 58, m, 40);
    assert_line(&modern, p, n,
                "IP6 fe80::1 > fe80::2: ICMP6, redirect, fe80::4 to fe80::3, length 40");
    assert_line_cut(&modern, WEIR_LINK_IP, p, n - 1, n,
                    "IP6 fe80::1 > fe80::2: ICMP6, redirect, [|icmp6] to fe80::3, length 40");
}

static void test_tcp_segments_are_handed_on_with_their_hosts(void **state)
{
    (void)state;
    uint8_t p[64], tcp[20] = {0xc0, 0, 0, 80, 0, 0, 0, 100, 0, 0, 0, 200, 0x50, 0x10, 1, 0xf6};
    size_t n = ip4_packet(p, 6, tcp, 20);
    assert_line(&modern, p, n,
                "IP 10.0.0.1.49152 > 10.0.0.2.80: Flags [.], ack 200, win 502, length 0");
    n = ip6_packet(p, 6, tcp, 20);
    assert_line(&modern, p, n,
                "IP6 fe80::1.49152 > fe80::2.80: Flags [.], ack 200, win 502, length 0");
}

static void test_malformed_ip4_ends_in_a_remark(void **state)
{
    (void)state;
    uint8_t p[64], udp[8] = {0, 1, 0, 2, 0, 8};
    size_t n = ip4_packet(p, 17, udp, 8);
    assert_line_cut(&modern, WEIR_LINK_IP, p, 0, 0, "[|ip]");
    for (size_t k = 1; k < 20; k++)
        assert_line_cut(&modern, WEIR_LINK_IP, p, k, n, "IP [|ip]");
    p[0] = 0x42;
    assert_line(&modern, p, n, "IP bad-hlen 8");
    p[0] = 0x46;
    assert_line_cut(&modern, WEIR_LINK_IP, p, 23, n, "IP [|ip]");
    p[0] = 0x55;
    assert_line(&modern, p, n, "IP5 (invalid)");
    p[0] = 0x45;
    p[3] = 10;
    assert_line(&modern, p, n, "IP bad-len 10");
    p[3] = 78;
    assert_line(&modern, p, n,
                "IP truncated-ip - 50 bytes missing! 10.0.0.1.1 > 10.0.0.2.2: UDP, length 0");
    n = ip4_packet(p, 200, udp, 8);
    assert_line(&modern, p, n, "IP 10.0.0.1 > 10.0.0.2: ip-proto-200 8");
}

/* Fragments are told as tcpdump 3.x did, in both styles. */
static void test_ip4_fragments_say_what_they_are(void **state)
{
    (void)state;
    uint8_t p[64], udp[16] = {0, 1, 0, 2, 1, 0};
    size_t n = ip4_packet(p, 17, udp, 16);
    store16(p + 6, 0x2000);
    assert_line(&modern, p, n, "IP 10.0.0.1.1 > 10.0.0.2.2: UDP, length 248 (frag 1:16@0+)");
    store16(p + 6, 0x2000 | 2);
    assert_line(&modern, p, n, "IP 10.0.0.1 > 10.0.0.2: ip-proto-17 (frag 1:16@16+)");
    store16(p + 6, 185);
    assert_line(&classic, p, n, "10.0.0.1 > 10.0.0.2: ip-proto-17 (frag 1:16@1480)");
}

static void test_classic_lines_end_with_oddities_of_the_header(void **state)
{
    (void)state;
    uint8_t p[64], udp[8] = {0, 1, 0, 2, 0, 8};
    size_t n = ip4_packet(p, 17, udp, 8);
    p[1] = 0x10;
    p[8] = 1;
    assert_line(&classic, p, n, "10.0.0.1.1 > 10.0.0.2.2: udp 0 (DF) [tos 0x10] [ttl 1]");
}

static void test_ip6_chains_are_told(void **state)
{
    (void)state;
    uint8_t p[128], h[64] = {60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0,
                             44, 0, 7, 1, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0, 5,
                             0, 1, 0, 2, 1, 0};
    size_t n = ip6_packet(p, 0, h, 48);
    assert_line(&modern, p, n,
                "IP6 HBH DSTOPT RT6 (len=0, type=7, segleft=1) frag (0|16) "
                "fe80::1.1 > fe80::2.2: UDP, length 248");
    p[40 + 27] = 8;
    assert_line(&modern, p, n,
                "IP6 HBH DSTOPT RT6 (len=0, type=7, segleft=1) frag (8|16) "
                "fe80::1 > fe80::2: ip-proto-17");
    assert_line_cut(&modern, WEIR_LINK_IP, p, 53, n, "IP6 HBH fe80::1 > fe80::2: [|ip6]");
    n = ip6_packet(p, 59, h, 4);
    assert_line(&modern, p, n, "IP6 fe80::1 > fe80::2: no next header");
    store16(p + 4, 100);
    assert_line(&modern, p, n,
                "IP6 truncated-ip6 - 96 bytes missing! fe80::1 > fe80::2: no next header");
    for (size_t k = 1; k < 40; k++)
        assert_line_cut(&modern, WEIR_LINK_IP, p, k, n, "IP6 [|ip6]");
    uint8_t many[80];
    for (size_t i = 0; i < 80; i += 8)
        memcpy(many + i, ((uint8_t[]){60, 0, 1, 4, 0, 0, 0, 0}), 8);
    n = ip6_packet(p, 60, many, 80);
    assert_line(&modern, p, n,
                "IP6 DSTOPT DSTOPT DSTOPT DSTOPT DSTOPT DSTOPT DSTOPT DSTOPT "
                "fe80::1 > fe80::2: [|ip6]");
}

static void test_a_short_buffer_cuts_the_line(void **state)
{
    (void)state;
    uint8_t p[64], udp[8] = {0, 1, 0, 2, 0, 8};
    char buf[12];
    struct text t = text_begin(buf, sizeof buf);
    size_t n = ip4_packet(p, 17, udp, 8);
    print_packet(&t, &modern, p, n, n, WEIR_LINK_IP);
    assert_string_equal(buf, "IP 10.0.0.1");
    assert_true(t.cut);
}

/* Any bytes, cut anywhere: some line, and no read outside (the sanitizer judges). */
static void test_any_bytes_give_a_line(void **state)
{
    (void)state;
    static const uint8_t protocols[] = {1, 6, 17, 58, 0, 43, 44, 60, 59};
    struct rng r = rng_make(20);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t p[160];
        char buf[512];
        struct text t = text_begin(buf, sizeof buf);
        size_t len = (size_t)rng_below(&r, sizeof p + 1);
        size_t captured = (size_t)rng_below(&r, len + 1);
        bool eth = rng_below(&r, 2) != 0;
        uint8_t *ip = eth ? p + 14 : p;
        rng_bytes(&r, p, sizeof p);
        if (eth && rng_below(&r, 8) != 0)
            store16(p + 12, rng_below(&r, 2) != 0 ? ETH_TYPE_IP4 : ETH_TYPE_IP6);
        ip[0] = rng_below(&r, 2) != 0 ? 0x45 : 0x60;
        if (rng_below(&r, 4) != 0) {
            ip[6] = ip[0] == 0x60 ? protocols[rng_below(&r, sizeof protocols)] : 0;
            ip[7] = 0;
            ip[9] = protocols[rng_below(&r, sizeof protocols)];
            for (size_t at = 40; ip[0] == 0x60 && at + 1 < 100; at += 8) {
                ip[at] = protocols[rng_below(&r, sizeof protocols)];
                ip[at + 1] = (uint8_t)rng_below(&r, 3);
            }
        }
        if (rng_below(&r, 2) != 0)
            captured = len;
        uint8_t *exact = exact_copy(p, captured);
        print_packet(&t, rng_below(&r, 2) != 0 ? &modern : &classic, exact, captured, len,
                     eth ? WEIR_LINK_ETHERNET : WEIR_LINK_IP);
        assert_true(t.len > 0 && buf[t.len - 1] != ' ');
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arp_lines),
        cmocka_unit_test(test_ethernet_lines),
        cmocka_unit_test(test_udp_lines),
        cmocka_unit_test(test_icmp4_lines),
        cmocka_unit_test(test_icmp6_lines),
        cmocka_unit_test(test_tcp_segments_are_handed_on_with_their_hosts),
        cmocka_unit_test(test_malformed_ip4_ends_in_a_remark),
        cmocka_unit_test(test_ip4_fragments_say_what_they_are),
        cmocka_unit_test(test_classic_lines_end_with_oddities_of_the_header),
        cmocka_unit_test(test_ip6_chains_are_told),
        cmocka_unit_test(test_a_short_buffer_cuts_the_line),
        cmocka_unit_test(test_any_bytes_give_a_line),
    };
    return cmocka_run_group_tests_name("print_net", tests, NULL, NULL);
}
