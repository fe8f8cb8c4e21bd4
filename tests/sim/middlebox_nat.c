/* SPDX-License-Identifier: MIT */
#include "sim/middlebox_nat.h"

#include "middlebox_rig.h"

#define OUTSIDE "203.0.113.9"
#define INSIDE  "10.0.0.1"
#define INSIDE2 "10.0.0.2"
#define SERVER  "192.0.2.2"

static struct ip4_addr ip(const char *text)
{
    return ip4_from_addr(build_addr(text));
}

static void nat_begin(struct rig *rig, struct nat_config config)
{
    config.outside = ip(OUTSIDE);
    rig_begin(rig, config.common.link != 0 ? config.common.link : WEIR_LINK_IP);
    rig_join(rig, middlebox_add_nat(rig->sim, "nat", &config));
}

struct ends {
    const char *source, *destination;
    uint16_t source_port, destination_port;
};

static const uint8_t hello[] = "hello";

static uint32_t udp(uint8_t *p, struct ends e)
{
    struct build_udp b = {
        .ip = {.source = build_addr(e.source), .destination = build_addr(e.destination)},
        .source_port = e.source_port,
        .destination_port = e.destination_port,
        .payload = {hello, sizeof hello}};
    return build_udp(p, 200, &b);
}

static uint32_t tcp(uint8_t *p, struct ends e, uint16_t flags)
{
    struct build_tcp b = {
        .ip = {.source = build_addr(e.source), .destination = build_addr(e.destination)},
        .source_port = e.source_port,
        .destination_port = e.destination_port,
        .seq = {1000},
        .ack = {2000},
        .flags = flags};
    return build_tcp(p, 200, &b);
}

/* The packet is from and to these, and its checksums are right. */
static void assert_ends(const uint8_t *p, uint32_t len, struct ends e)
{
    assert_true(plain_sound(p, len));
    assert_memory_equal(p + 12, ip(e.source).b, 4);
    assert_memory_equal(p + 16, ip(e.destination).b, 4);
    assert_int_equal(load16(p + 20), e.source_port);
    assert_int_equal(load16(p + 22), e.destination_port);
}

static void test_udp_and_tcp_get_the_outside_address_and_keep_the_port(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    nat_begin(&rig, (struct nat_config){0});
    for (unsigned i = 0; i < 2; i++) {
        struct ends e = {INSIDE, SERVER, 40000, 80}, back = {SERVER, OUTSIDE, 80, 40000};
        uint32_t len = i == 0 ? udp(p, e) : tcp(p, e, TCP_SYN);
        const uint8_t *out = rig_pass(&rig, MIDDLEBOX_INSIDE, p, len);
        assert_ends(out, len, (struct ends){OUTSIDE, SERVER, 40000, 80});
        if (i == 0)
            assert_memory_equal(out + 28, hello, sizeof hello);
        len = i == 0 ? udp(p, back) : tcp(p, back, TCP_SYN | TCP_ACK);
        out = rig_pass(&rig, MIDDLEBOX_OUTSIDE, p, len);
        assert_ends(out, len, (struct ends){SERVER, INSIDE, 80, 40000});
    }
    struct nat_stats s = middlebox_nat_stats(rig.box);
    assert_int_equal(s.mapped, 2);
    assert_int_equal(s.mappings, 2);
    assert_int_equal(s.translated[MIDDLEBOX_INSIDE], 2);
    assert_int_equal(s.translated[MIDDLEBOX_OUTSIDE], 2);
    rig_end(&rig);
}

static void test_the_mapping_is_the_same_for_every_destination(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    nat_begin(&rig, (struct nat_config){0});
    uint32_t len = udp(p, (struct ends){INSIDE, SERVER, 5000, 80});
    rig_pass(&rig, MIDDLEBOX_INSIDE, p, len);
    len = udp(p, (struct ends){INSIDE, "198.51.100.7", 5000, 4242});
    const uint8_t *out = rig_pass(&rig, MIDDLEBOX_INSIDE, p, len);
    assert_ends(out, len, (struct ends){OUTSIDE, "198.51.100.7", 5000, 4242});
    /* And anybody may send to it (RFC 4787 REQ-8). */
    len = udp(p, (struct ends){"198.51.100.99", OUTSIDE, 1, 5000});
    out = rig_pass(&rig, MIDDLEBOX_OUTSIDE, p, len);
    assert_ends(out, len, (struct ends){"198.51.100.99", INSIDE, 1, 5000});
    assert_int_equal(middlebox_nat_stats(rig.box).mapped, 1);
    rig_end(&rig);
}

static uint16_t outside_port(struct rig *rig, uint8_t protocol, const char *inside, uint16_t port)
{
    return middlebox_nat_port(rig->box, protocol, ip(inside), port, sim_now(rig->sim));
}

static void test_a_taken_port_gives_the_next_of_its_class_and_parity(void **state)
{
    (void)state;
    /* UDP keeps the parity (RFC 4787 REQ-4); 1 to 1023 and the rest are classes (REQ-3). */
    static const struct {
        uint16_t port, next_udp, next_tcp;
    } cases[] = {{4000, 4002, 4001},
                 {1022, 2, 1023},
                 {1023, 1, 1},
                 {65534, 1024, 65535},
                 {65535, 1025, 1024}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct rig rig;
        uint8_t p[200];
        uint16_t port = cases[i].port;
        nat_begin(&rig, (struct nat_config){0});
        for (unsigned host = 0; host < 2; host++) {
            struct ends e = {host == 0 ? INSIDE : INSIDE2, SERVER, port, 80};
            rig_pass(&rig, 0, p, udp(p, e));
            rig_pass(&rig, 0, p, tcp(p, e, TCP_SYN));
        }
        assert_int_equal(outside_port(&rig, IP_PROTOCOL_UDP, INSIDE, port), port);
        assert_int_equal(outside_port(&rig, IP_PROTOCOL_TCP, INSIDE, port), port);
        assert_int_equal(outside_port(&rig, IP_PROTOCOL_UDP, INSIDE2, port), cases[i].next_udp);
        assert_int_equal(outside_port(&rig, IP_PROTOCOL_TCP, INSIDE2, port), cases[i].next_tcp);
        rig_end(&rig);
    }
}

static void test_a_shifted_mapping_leads_back(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    nat_begin(&rig, (struct nat_config){0});
    rig_pass(&rig, 0, p, tcp(p, (struct ends){INSIDE, SERVER, 4000, 80}, TCP_SYN));
    uint32_t len = tcp(p, (struct ends){INSIDE2, SERVER, 4000, 80}, TCP_SYN);
    const uint8_t *out = rig_pass(&rig, 0, p, len);
    assert_ends(out, len, (struct ends){OUTSIDE, SERVER, 4001, 80});
    len = tcp(p, (struct ends){SERVER, OUTSIDE, 80, 4001}, TCP_SYN | TCP_ACK);
    out = rig_pass(&rig, 1, p, len);
    assert_ends(out, len, (struct ends){SERVER, INSIDE2, 80, 4000});
    rig_end(&rig);
}

static void test_echo_is_translated_by_its_id(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    nat_begin(&rig, (struct nat_config){0});
    for (unsigned host = 0; host < 2; host++) {
        struct build_icmp_echo echo = {.ip = {.source = build_addr(host == 0 ? INSIDE : INSIDE2),
                                              .destination = build_addr(SERVER)},
                                       .id = 77,
                                       .sequence = 3,
                                       .payload = {hello, sizeof hello}};
        uint32_t len = build_icmp_echo(p, sizeof p, &echo);
        const uint8_t *out = rig_pass(&rig, 0, p, len);
        assert_true(plain_sound(out, len));
        assert_memory_equal(out + 12, ip(OUTSIDE).b, 4);
        assert_int_equal(load16(out + 24), 77 + host);
        assert_int_equal(load16(out + 26), 3);
        echo = (struct build_icmp_echo){
            .ip = {.source = build_addr(SERVER), .destination = build_addr(OUTSIDE)},
            .reply = true,
            .id = (uint16_t)(77 + host),
            .sequence = 3};
        len = build_icmp_echo(p, sizeof p, &echo);
        out = rig_pass(&rig, 1, p, len);
        assert_true(plain_sound(out, len));
        assert_memory_equal(out + 16, ip(host == 0 ? INSIDE : INSIDE2).b, 4);
        assert_int_equal(load16(out + 24), 77);
    }
    rig_end(&rig);
}

/* An ICMP error about the packet that went out, and what the inside host gets to see. */
static void check_error_about(struct rig *rig, const uint8_t *sent, const uint8_t *seen_outside,
                              uint32_t quoted)
{
    uint8_t p[600];
    struct build_icmp_error b = {
        .ip = {.source = build_addr("198.51.100.1"), .destination = build_addr(OUTSIDE)},
        .type = 3,
        .code = 4,
        .mtu = 1400,
        .packet = {seen_outside, quoted}};
    uint32_t len = build_icmp_error(p, sizeof p, &b);
    const uint8_t *out = rig_pass(rig, MIDDLEBOX_OUTSIDE, p, len);
    assert_true(plain_sound(out, len));
    assert_memory_equal(out + 12, ip("198.51.100.1").b, 4);
    assert_memory_equal(out + 16, ip(INSIDE2).b, 4);
    assert_int_equal(load16(out + 26), 1400);
    /* The quote is the packet that was sent, its checksums included. */
    assert_memory_equal(out + 28, sent, quoted);
}

static void test_icmp_errors_are_translated_with_the_packet_they_quote(void **state)
{
    (void)state;
    static struct rig rig;
    nat_begin(&rig, (struct nat_config){0});
    for (unsigned kind = 0; kind < 3; kind++) {
        uint8_t p[200], seen[200];
        struct ends first = {INSIDE, SERVER, 4000, 80}, e = {INSIDE2, SERVER, 4000, 80};
        struct build_icmp_echo echo = {
            .ip = {.source = build_addr(INSIDE), .destination = build_addr(SERVER)},
            .id = 4000,
            .payload = {hello, sizeof hello}};
        uint32_t len = kind == 0   ? udp(p, first)
                       : kind == 1 ? tcp(p, first, TCP_SYN)
                                   : build_icmp_echo(p, sizeof p, &echo);
        rig_pass(&rig, 0, p, len); /* takes the port, so that the next gets another */
        echo.ip.source = build_addr(INSIDE2);
        len = kind == 0   ? udp(p, e)
              : kind == 1 ? tcp(p, e, TCP_SYN)
                          : build_icmp_echo(p, sizeof p, &echo);
        memcpy(seen, rig_pass(&rig, 0, p, len), len);
        assert_true(memcmp(seen, p, 28) != 0);
        check_error_about(&rig, p, seen, len);
        check_error_about(&rig, p, seen, 28); /* the eight bytes that RFC 792 promises */
    }
    assert_int_equal(middlebox_nat_stats(rig.box).errors, 6);
    rig_end(&rig);
}

static void test_errors_of_inside_hosts_name_the_outside(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200], seen[200], sent[200];
    nat_begin(&rig, (struct nat_config){0});
    rig_pass(&rig, 0, p, udp(p, (struct ends){INSIDE, SERVER, 4000, 80}));
    uint32_t len = udp(sent, (struct ends){SERVER, OUTSIDE, 80, 4000});
    memcpy(seen, rig_pass(&rig, 1, sent, len), len);
    struct build_icmp_error b = {
        .ip = {.source = build_addr(INSIDE), .destination = build_addr(SERVER)},
        .type = 3,
        .code = 3,
        .packet = {seen, len}};
    uint32_t error_len = build_icmp_error(p, sizeof p, &b);
    const uint8_t *out = rig_pass(&rig, 0, p, error_len);
    assert_true(plain_sound(out, error_len));
    assert_memory_equal(out + 12, ip(OUTSIDE).b, 4);
    assert_memory_equal(out + 28, sent, len);
    rig_end(&rig);
}

static void test_errors_about_nothing_known_are_dropped(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200], quoted[200];
    nat_begin(&rig, (struct nat_config){0});
    uint32_t len = udp(quoted, (struct ends){OUTSIDE, SERVER, 4000, 80});
    struct build_icmp_error b = {
        .ip = {.source = build_addr(SERVER), .destination = build_addr(OUTSIDE)},
        .type = 3,
        .code = 3,
        .packet = {quoted, len}};
    rig_send(&rig, 1, p, build_icmp_error(p, sizeof p, &b));
    assert_int_equal(rig.end[0].count + rig.end[1].count, 0);
    assert_int_equal(middlebox_nat_stats(rig.box).unknown, 1);
    rig_end(&rig);
}

static void test_unsolicited_packets_are_dropped_or_reset(void **state)
{
    (void)state;
    for (unsigned reset = 0; reset < 2; reset++) {
        static struct rig rig;
        uint8_t p[200];
        nat_begin(&rig, (struct nat_config){.unknown = reset == 1 ? NAT_UNKNOWN_RESET : 0});
        uint32_t len = tcp(p, (struct ends){SERVER, OUTSIDE, 80, 4000}, TCP_SYN);
        rig_send(&rig, 1, p, len);
        assert_int_equal(rig.end[0].count, 0);
        assert_int_equal(rig.end[1].count, reset);
        if (reset == 1) {
            const uint8_t *rst = rig.end[1].bytes[0];
            assert_ends(rst, 40, (struct ends){OUTSIDE, SERVER, 4000, 80});
            assert_int_equal(rst[33], TCP_RST | TCP_ACK);
            assert_int_equal(load32(rst + 24), 0);
            assert_int_equal(load32(rst + 28), 1001); /* SEG.SEQ + SEG.LEN */
        }
        len = tcp(p, (struct ends){SERVER, OUTSIDE, 80, 4000}, TCP_ACK);
        rig_send(&rig, 1, p, len);
        assert_int_equal(rig.end[1].count, reset);
        if (reset == 1) {
            assert_int_equal(rig.end[1].bytes[0][33], TCP_RST);
            assert_int_equal(load32(rig.end[1].bytes[0] + 24), 2000); /* SEG.ACK */
        }
        /* A reset is never answered by another, nor UDP by any. */
        rig_send(&rig, 1, p, tcp(p, (struct ends){SERVER, OUTSIDE, 80, 4000}, TCP_RST));
        assert_int_equal(rig.end[1].count, 0);
        rig_send(&rig, 1, p, udp(p, (struct ends){SERVER, OUTSIDE, 80, 4000}));
        assert_int_equal(rig.end[1].count, 0);
        assert_int_equal(middlebox_nat_stats(rig.box).unknown, 4);
        assert_int_equal(middlebox_nat_stats(rig.box).resets, 2 * reset);
        rig_end(&rig);
    }
}

static bool comes_in(struct rig *rig, uint8_t protocol, uint16_t port)
{
    uint8_t p[200];
    struct ends e = {SERVER, OUTSIDE, 80, port};
    rig_send(rig, 1, p, protocol == IP_PROTOCOL_UDP ? udp(p, e) : tcp(p, e, TCP_ACK));
    return rig->end[0].count == 1;
}

static void wait_until(struct rig *rig, weir_time at)
{
    (void)sim_run_until(rig->sim, at, UINT64_MAX);
}

static void test_an_idle_mapping_ends_and_only_packets_out_renew_it(void **state)
{
    (void)state;
    for (unsigned inbound = 0; inbound < 2; inbound++) {
        static struct rig rig;
        uint8_t p[200];
        nat_begin(&rig, (struct nat_config){.udp = WEIR_NS_PER_S, .refresh_inbound = inbound == 1});
        rig_pass(&rig, 0, p, udp(p, (struct ends){INSIDE, SERVER, 4000, 80}));
        wait_until(&rig, 600 * WEIR_NS_PER_MS);
        assert_true(comes_in(&rig, IP_PROTOCOL_UDP, 4000));
        wait_until(&rig, 1100 * WEIR_NS_PER_MS);
        assert_int_equal(comes_in(&rig, IP_PROTOCOL_UDP, 4000), inbound == 1);
        assert_int_equal(middlebox_nat_stats(rig.box).expired, 1 - inbound);
        rig_end(&rig);
    }
}

static void test_the_last_nanosecond_of_a_mapping(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    nat_begin(&rig, (struct nat_config){.udp = WEIR_NS_PER_S});
    rig_pass(&rig, 0, p, udp(p, (struct ends){INSIDE, SERVER, 4000, 80}));
    struct ip4_addr inside = ip(INSIDE);
    assert_int_equal(middlebox_nat_port(rig.box, IP_PROTOCOL_UDP, inside, 4000, WEIR_NS_PER_S - 1),
                     4000);
    assert_int_equal(middlebox_nat_port(rig.box, IP_PROTOCOL_UDP, inside, 4000, WEIR_NS_PER_S), 0);
    rig_end(&rig);
}

static void test_tcp_mappings_live_longer_while_the_connection_is_open(void **state)
{
    (void)state;
    struct ends out = {INSIDE, SERVER, 4000, 80}, in = {SERVER, OUTSIDE, 80, 4000};
    struct nat_config config = {.tcp_established = 100 * WEIR_NS_PER_S,
                                .tcp_transitory = 10 * WEIR_NS_PER_S};
    /* How far a connection gets before it is left alone; does its mapping live for 50 s? */
    static const struct {
        uint16_t flags[6]; /* out, in, out, in ... */
        bool lives;
    } cases[] = {
        {{TCP_SYN}, false},
        {{TCP_SYN, TCP_SYN | TCP_ACK}, false},
        {{TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK}, true},
        {{TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK | TCP_FIN}, true},
        {{TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK | TCP_FIN, TCP_ACK | TCP_FIN}, false},
        {{TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK | TCP_FIN, TCP_ACK | TCP_FIN, TCP_ACK}, false},
        {{TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_RST}, false},
        {{TCP_SYN, TCP_RST | TCP_ACK}, false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct rig rig;
        uint8_t p[200];
        nat_begin(&rig, config);
        for (unsigned k = 0; k < 6 && cases[i].flags[k] != 0; k++)
            rig_pass(&rig, k % 2, p, tcp(p, k % 2 == 0 ? out : in, cases[i].flags[k]));
        wait_until(&rig, 50 * WEIR_NS_PER_S);
        if (comes_in(&rig, IP_PROTOCOL_TCP, 4000) != cases[i].lives)
            fail_msg("case %u", i);
        rig_end(&rig);
    }
}

static void test_a_full_table_drops_until_a_mapping_expires(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    nat_begin(&rig, (struct nat_config){.mappings_max = 2, .udp = WEIR_NS_PER_S});
    rig_pass(&rig, 0, p, udp(p, (struct ends){INSIDE, SERVER, 1, 80}));
    rig_pass(&rig, 0, p, udp(p, (struct ends){INSIDE, SERVER, 2, 80}));
    rig_send(&rig, 0, p, udp(p, (struct ends){INSIDE, SERVER, 3, 80}));
    assert_int_equal(rig.end[1].count, 0);
    assert_int_equal(middlebox_nat_stats(rig.box).table_full, 1);
    wait_until(&rig, 2 * WEIR_NS_PER_S);
    rig_pass(&rig, 0, p, udp(p, (struct ends){INSIDE, SERVER, 3, 80}));
    assert_int_equal(middlebox_nat_stats(rig.box).mappings, 1);
    rig_end(&rig);
}

static void test_no_free_port_drops(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    nat_begin(&rig, (struct nat_config){.port_min = 5000, .port_max = 5001});
    for (uint16_t port = 1; port <= 2; port++) {
        const uint8_t *out =
            rig_pass(&rig, 0, p, tcp(p, (struct ends){INSIDE, SERVER, port, 80}, TCP_SYN));
        assert_in_range(load16(out + 20), 5000, 5001);
    }
    rig_send(&rig, 0, p, tcp(p, (struct ends){INSIDE, SERVER, 3, 80}, TCP_SYN));
    assert_int_equal(rig.end[1].count, 0);
    assert_int_equal(middlebox_nat_stats(rig.box).ports_exhausted, 1);
    rig_pass(&rig, 0, p, udp(p, (struct ends){INSIDE, SERVER, 3, 80})); /* ports of its own */
    rig_end(&rig);
}

static void test_inside_hosts_meet_by_their_outside_ports(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    nat_begin(&rig, (struct nat_config){0});
    rig_pass(&rig, 0, p, udp(p, (struct ends){INSIDE2, SERVER, 5000, 80}));
    uint32_t len = udp(p, (struct ends){INSIDE, OUTSIDE, 4000, 5000});
    rig_send(&rig, 0, p, len);
    assert_int_equal(rig.end[1].count, 0);
    assert_int_equal(rig.end[0].count, 1);
    assert_ends(rig.end[0].bytes[0], len, (struct ends){OUTSIDE, INSIDE2, 4000, 5000});
    assert_int_equal(middlebox_nat_stats(rig.box).hairpinned, 1);
    rig_end(&rig);
}

static void test_fragments_follow_the_first(void **state)
{
    (void)state;
    static struct rig rig;
    nat_begin(&rig, (struct nat_config){0});
    static const uint8_t payload[100];
    for (unsigned in_order = 0; in_order < 2; in_order++) {
        uint8_t first[200], later[200];
        /* A datagram cut in two by hand: 64 bytes of it, then the rest. */
        struct build_udp b = {.ip = {.source = build_addr(INSIDE),
                                     .destination = build_addr(SERVER),
                                     .id = (uint16_t)in_order},
                              .source_port = 4000,
                              .destination_port = 80,
                              .payload = {payload, sizeof payload}};
        uint32_t len = build_udp(first, sizeof first, &b);
        memcpy(later, first, 20);
        memcpy(later + 20, first + 84, len - 84);
        store16(first + 2, 84);
        store16(first + 6, 0x2000);
        store16(later + 2, (uint16_t)(20 + len - 84));
        store16(later + 6, 64 / 8);
        sim_fix_checksums(first, 84, WEIR_LINK_IP);
        sim_fix_checksums(later, 20 + len - 84, WEIR_LINK_IP);
        if (in_order == 0) {
            rig_send(&rig, 0, later, 20 + len - 84);
            assert_int_equal(rig.end[1].count, 0);
            continue;
        }
        const uint8_t *out = rig_pass(&rig, 0, first, 84);
        uint8_t whole[200];
        memcpy(whole, out, 84);
        out = rig_pass(&rig, 0, later, 20 + len - 84);
        assert_memory_equal(out + 12, ip(OUTSIDE).b, 4);
        assert_int_equal(plain_sum(0, out, 20), 0xffff);
        /* Put together again, the datagram is sound. */
        memcpy(whole + 84, out + 20, len - 84);
        assert_int_equal(plain_transport_sum(whole, 20, len - 20), 0xffff);
    }
    assert_int_equal(middlebox_nat_stats(rig.box).fragments_unknown, 1);
    rig_end(&rig);
}

static void test_datagrams_without_checksum_stay_without(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    nat_begin(&rig, (struct nat_config){0});
    struct build_udp b = {.ip = rig_path(false, false), .source_port = 4000, .no_checksum = true};
    const uint8_t *out = rig_pass(&rig, 0, p, build_udp(p, sizeof p, &b));
    assert_memory_equal(out + 12, ip(OUTSIDE).b, 4);
    assert_int_equal(load16(out + 26), 0);
    rig_end(&rig);
}

static void test_a_damaged_packet_is_still_damaged_behind(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    nat_begin(&rig, (struct nat_config){0});
    uint32_t len = udp(p, (struct ends){INSIDE, SERVER, 4000, 80});
    p[len - 1] ^= 0x10;
    const uint8_t *out = rig_pass(&rig, 0, p, len);
    assert_memory_equal(out + 12, ip(OUTSIDE).b, 4);
    assert_false(plain_sound(out, len));
    rig_end(&rig);
}

static void test_what_is_not_its_business_passes(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[200];
    nat_begin(&rig, (struct nat_config){0});
    struct build_udp b = {.ip = rig_path(true, false), .payload = {hello, sizeof hello}};
    rig_pass_unchanged(&rig, 0, p, build_udp(p, sizeof p, &b)); /* IPv6 */
    uint32_t len = udp(p, (struct ends){SERVER, "10.0.0.77", 80, 4000});
    rig_pass_unchanged(&rig, 1, p, len); /* to another address */
    len = udp(p, (struct ends){INSIDE, SERVER, 4000, 80});
    p[9] = 47; /* GRE */
    sim_fix_checksums(p, len, WEIR_LINK_IP);
    rig_pass_unchanged(&rig, 0, p, len);
    rig_pass_unchanged(&rig, 0, hello, sizeof hello);
    rig_end(&rig);
}

static void test_a_storm_of_good_and_bad_packets(void **state)
{
    (void)state;
    for (unsigned link = WEIR_LINK_IP; link <= WEIR_LINK_ETHERNET; link++) {
        static struct rig rig;
        nat_begin(&rig, (struct nat_config){.common.link = (uint8_t)link,
                                            .unknown = NAT_UNKNOWN_RESET,
                                            .mappings_max = 20,
                                            .udp = 100 * WEIR_NS_PER_MS});
        rig_storm(&rig, 2000);
        struct nat_stats s = middlebox_nat_stats(rig.box);
        assert_true(s.translated[0] > 100 && s.translated[1] == 0);
        rig_end(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp_and_tcp_get_the_outside_address_and_keep_the_port),
        cmocka_unit_test(test_the_mapping_is_the_same_for_every_destination),
        cmocka_unit_test(test_a_taken_port_gives_the_next_of_its_class_and_parity),
        cmocka_unit_test(test_a_shifted_mapping_leads_back),
        cmocka_unit_test(test_echo_is_translated_by_its_id),
        cmocka_unit_test(test_icmp_errors_are_translated_with_the_packet_they_quote),
        cmocka_unit_test(test_errors_of_inside_hosts_name_the_outside),
        cmocka_unit_test(test_errors_about_nothing_known_are_dropped),
        cmocka_unit_test(test_unsolicited_packets_are_dropped_or_reset),
        cmocka_unit_test(test_an_idle_mapping_ends_and_only_packets_out_renew_it),
        cmocka_unit_test(test_the_last_nanosecond_of_a_mapping),
        cmocka_unit_test(test_tcp_mappings_live_longer_while_the_connection_is_open),
        cmocka_unit_test(test_a_full_table_drops_until_a_mapping_expires),
        cmocka_unit_test(test_no_free_port_drops),
        cmocka_unit_test(test_inside_hosts_meet_by_their_outside_ports),
        cmocka_unit_test(test_fragments_follow_the_first),
        cmocka_unit_test(test_datagrams_without_checksum_stay_without),
        cmocka_unit_test(test_a_damaged_packet_is_still_damaged_behind),
        cmocka_unit_test(test_what_is_not_its_business_passes),
        cmocka_unit_test(test_a_storm_of_good_and_bad_packets),
    };
    return cmocka_run_group_tests_name("middlebox_nat", tests, NULL, NULL);
}
