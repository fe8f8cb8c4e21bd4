/* SPDX-License-Identifier: MIT
 * The ICMP rows of the attack catalogue, through a whole stack, with a UDP flow as what is
 * attacked. */
#include "harness.h"

/* A UDP endpoint of ours that has just sent to peer 2 of TUN, and the packet that it sent. */
struct flow {
    weir_handle handle;
    unsigned family;
    struct weir_addr own, peer;
    uint8_t packet[1600];
    size_t len;
};

static struct attack *begin(void)
{
    struct attack *a = attack_begin(NULL, 0xa5);
    a->ifindex = TUN;
    return a;
}

/* Send `n` bytes; what leaves is in a->out. */
static void send_bytes(struct attack *a, struct flow *f, size_t n)
{
    static const uint8_t data[4000] = {0};
    int error;
    do /* an error that came before is told first, and once */
        error = weir_udp_send(a->stack, f->handle, NULL, data, n);
    while (error == WEIR_E_REFUSED || error == WEIR_E_UNREACHABLE || error == WEIR_E_RANGE);
    assert_int_equal(error, WEIR_OK);
    attack_pass(a, 0);
}

static struct flow open_flow(struct attack *a, unsigned family)
{
    struct flow f = {.family = family};
    struct weir_udp_config config = {.size = sizeof config, .port = 4001};
    f.own = family == 0 ? own4(TUN) : own6(TUN);
    f.peer = family == 0 ? peer4(TUN, 2) : peer6(TUN, 2);
    config.address = f.own;
    assert_int_equal(weir_udp_open(a->stack, &config, &f.handle), WEIR_OK);
    assert_int_equal(weir_udp_connect(a->stack, f.handle, &f.peer, 4000), WEIR_OK);
    send_bytes(a, &f, 1200);
    assert_int_equal(a->out_count, 1);
    f.len = a->out[0].len;
    memcpy(f.packet, a->out[0].bytes, f.len);
    return f;
}

static void close_flow(struct attack *a, struct flow *f)
{
    struct weir_event event;
    assert_int_equal(weir_udp_close(a->stack, f->handle), WEIR_OK);
    while (weir_stack_events(a->stack, &event, 1) == 1)
        ;
}

static uint32_t path_mtu(const struct attack *a, struct weir_addr destination)
{
    return pmtu_lookup(&a->stack->net.pmtus, destination, 1500, a->now).mtu;
}

static uint32_t ports_at(const struct flow *f)
{
    return f->family == 0 ? 20 : 40;
}

/* A report of a narrow path that quotes the flow's packet. */
static unsigned report(struct attack *a, const struct flow *f, uint32_t mtu)
{
    uint8_t p[2048];
    size_t len = f->family == 0 ? put_error(p, a, ICMP4_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED,
                                            mtu, f->packet, f->len)
                                : put_error(p, a, ICMP6_PACKET_TOO_BIG, 0, mtu, f->packet, f->len);
    unsigned drop = attack_ip(a, p, len);
    assert_int_equal(a->out_count, 0);
    return drop;
}

/* A change of the quoted packet that makes it none of ours. */
struct lie {
    size_t at;
    uint8_t value;
};

static unsigned flow_lies(const struct flow *f, struct lie *lie)
{
    size_t ports = ports_at(f), addresses = f->family == 0 ? 12 : 8, n = f->family == 0 ? 4 : 16;
    size_t protocol = f->family == 0 ? 9 : 6;
    unsigned count = 0;
    lie[count++] = (struct lie){ports, 0x77};              /* the source port */
    lie[count++] = (struct lie){ports + 3, 0x77};          /* the destination port */
    lie[count++] = (struct lie){addresses + n - 1, 9};     /* the source */
    lie[count++] = (struct lie){addresses + 2 * n - 1, 9}; /* the destination */
    lie[count++] = (struct lie){protocol, IP_PROTOCOL_TCP};
    lie[count++] = (struct lie){protocol, f->family == 0 ? IP_PROTOCOL_ICMP4 : IP_PROTOCOL_ICMP6};
    lie[count++] = (struct lie){protocol, 132};
    return count;
}

/* ICMP types and codes that are errors, for either family. */
static const uint8_t hard[2][4][2] = {{{3, 2}, {3, 3}, {3, 0}, {11, 0}},
                                      {{1, 1}, {1, 4}, {1, 0}, {4, 1}}};

static void ATK_ICM_03_source_quench_is_dropped(void **state)
{
    (void)state;
    struct attack *a = begin();
    struct flow f = open_flow(a, 0);
    uint8_t p[2048], tcp[128];
    assert_dropped(a, WEIR_DROP_ICMP_TYPE, p,
                   put_error(p, a, ICMP4_SOURCE_QUENCH, 0, 0, f.packet, f.len));
    size_t n = put_tcp(tcp, own4(TUN), peer4(TUN, 2), TCP_ACK);
    assert_dropped(a, WEIR_DROP_ICMP_TYPE, p, put_error(p, a, ICMP4_SOURCE_QUENCH, 0, 0, tcp, n));
    assert_int_equal(weir_udp_receive(a->stack, f.handle, NULL, p, 1), WEIR_E_WOULD_BLOCK);
    close_flow(a, &f);
    attack_end(a);
}

static void ATK_ICM_04_a_path_mtu_is_believed_of_what_was_sent_and_down_to_552(void **state)
{
    (void)state;
    static const struct {
        uint32_t mtu, expected;
    } believed[] = {{1500, 1500}, {1501, 1500}, {65535, 1500}, {1400, 1400}, {1450, 1400},
                    {552, 552},   {551, 552},   {296, 552},    {68, 552},    {1, 552}};
    struct attack *a = begin();
    struct flow f = open_flow(a, 0), bad;
    struct lie lie[8];
    unsigned lies = flow_lies(&f, lie);
    for (unsigned i = 0; i < lies; i++) { /* of packets that we have not sent, nothing is */
        bad = f;
        bad.packet[lie[i].at] = lie[i].value;
        assert_int_equal(report(a, &bad, 600), WEIR_DROP_ICMP_QUOTE);
        attack_assert_idle(a);
    }
    bad = f; /* nor of TCP, whatever the sequence number */
    bad.len = put_tcp(bad.packet, f.own, f.peer, TCP_ACK);
    assert_int_equal(report(a, &bad, 600), WEIR_DROP_ICMP_QUOTE);
    attack_assert_idle(a);
    for (unsigned i = 0; i < sizeof believed / sizeof believed[0]; i++) {
        assert_int_equal(report(a, &f, believed[i].mtu), WEIR_DROP_NONE);
        assert_int_equal(path_mtu(a, f.peer), believed[i].expected);
    }
    close_flow(a, &f);
    attack_end(a);
}

static void ATK_ICM_04_an_mtu_of_zero_is_the_next_plateau(void **state)
{
    (void)state;
    struct attack *a = begin();
    struct flow f = open_flow(a, 0);
    assert_int_equal(report(a, &f, 0), WEIR_DROP_NONE); /* about 1,228 bytes (RFC 1191 7.1) */
    assert_int_equal(path_mtu(a, f.peer), 1006);
    close_flow(a, &f);
    attack_end(a);
}

static void ATK_ICM_04_a_flow_long_ago_is_no_flow(void **state)
{
    (void)state;
    struct attack *a = begin();
    for (unsigned family = 0; family < 2; family++) {
        struct flow f = open_flow(a, family);
        attack_pass(a, 60 * S);
        assert_int_equal(report(a, &f, 1300), WEIR_DROP_ICMP_QUOTE);
        assert_int_equal(path_mtu(a, f.peer), 1500);
        close_flow(a, &f);
    }
    attack_end(a);
}

static void ATK_ICM_05_packet_too_big_below_1280_is_1280_without_fragment_headers(void **state)
{
    (void)state;
    static const uint32_t mtu[] = {0, 68, 1279};
    for (unsigned i = 0; i < 3; i++) {
        struct attack *a = begin();
        struct flow f = open_flow(a, 1);
        assert_int_equal(report(a, &f, mtu[i]), WEIR_DROP_NONE);
        assert_int_equal(path_mtu(a, f.peer), 1280);
        send_bytes(a, &f, 1280 - 48);
        assert_int_equal(a->out_count, 1);
        assert_int_equal(a->out[0].len, 1280);
        assert_int_equal(a->out[0].bytes[6], IP_PROTOCOL_UDP); /* no atomic fragment */
        close_flow(a, &f);
        attack_end(a);
    }
}

static void ATK_ICM_06_cut_quotes_are_dropped(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[2048];
    for (unsigned family = 0; family < 2; family++) {
        struct flow f = open_flow(a, family);
        size_t at = ports_at(&f), header = family == 0 ? 20 : 40;
        for (size_t quoted = 0; quoted < at + 8; quoted++)
            for (unsigned i = 0; i < 4; i++) {
                size_t len =
                    put_error(p, a, hard[family][i][0], hard[family][i][1], 0, f.packet, 100);
                len = header + 8 + quoted;
                store16(p + (family == 0 ? 2 : 4), (uint16_t)(family == 0 ? len : len - 40));
                if (family == 0)
                    sum_ip4(p);
                sum_icmp(p, header, len);
                assert_dropped(a, WEIR_DROP_ICMP_QUOTE, p, len);
            }
        f.packet[family == 0 ? 0 : 6] =
            family == 0 ? 0x4f : IP6_NEXT_FRAGMENT; /* IHL 15; not first */
        if (family == 0)
            assert_dropped(a, WEIR_DROP_ICMP_QUOTE, p, put_error(p, a, 3, 3, 0, f.packet, 60));
        f.packet[0] = family == 0 ? 0x45 : 0x60;
        store16(f.packet + (family == 0 ? 6 : 42), 8); /* an offset */
        assert_dropped(a, WEIR_DROP_ICMP_QUOTE, p,
                       put_error(p, a, hard[family][1][0], hard[family][1][1], 0, f.packet, 100));
        assert_int_equal(weir_udp_receive(a->stack, f.handle, NULL, p, 1), WEIR_E_WOULD_BLOCK);
        close_flow(a, &f);
    }
    attack_end(a);
}

static void ATK_ICM_07_errors_groups_and_later_fragments_are_never_answered(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[512], q[256], f[512];
    struct weir_addr group4 = addr_from_ip4((struct ip4_addr){{224, 0, 0, 1}});
    struct weir_addr subnet = addr_from_ip4((struct ip4_addr){{10, 1, 255, 255}});
    struct weir_addr group6 = {{0xff, 2, [15] = 1}};
    assert_dropped(a, WEIR_DROP_UDP_PORT, p, put_udp(p, peer4(TUN, 2), group4, 8));
    assert_dropped(a, WEIR_DROP_UDP_PORT, p, put_udp(p, peer4(TUN, 2), subnet, 8));
    assert_dropped(a, WEIR_DROP_UDP_PORT, p, put_udp(p, peer6(TUN, 2), group6, 8));
    assert_dropped(a, WEIR_DROP_IP4_SOURCE, p, put_udp(p, group4, own4(TUN), 8));
    assert_dropped(a, WEIR_DROP_IP6_SOURCE, p, put_udp(p, group6, own6(TUN), 8));
    for (unsigned family = 0; family < 2; family++) {
        size_t n = family == 0 ? put_udp(q, own4(TUN), peer4(TUN, 2), 64)
                               : put_udp(q, own6(TUN), peer6(TUN, 2), 64);
        for (unsigned i = 0; i < 4; i++) { /* an error, and one about it */
            size_t len = put_error(p, a, hard[family][i][0], hard[family][i][1], 0, q, n);
            assert_dropped(a, WEIR_DROP_ICMP_QUOTE, p, len);
            memcpy(f, p, len);
            memcpy(f + (family == 0 ? 12 : 8), p + (family == 0 ? 16 : 24), family == 0 ? 4 : 16);
            len = put_error(p, a, hard[family][i][0], hard[family][i][1], 0, f, len);
            assert_dropped(a, WEIR_DROP_ICMP_QUOTE, p, len);
        }
    }
    /* An unknown protocol behind a later fragment only. */
    struct ip4 h = {.source = ip4_from_addr(peer4(TUN, 2)),
                    .destination = ip4_from_addr(own4(TUN))};
    h.protocol = 200;
    put_ip4(p, &h, q, 100);
    size_t len = put_fragment(f, p, &(struct cut){.id = 1, .from = 48, .to = 100});
    assert_dropped(a, WEIR_DROP_NONE, f, len);
    attack_pass(a, 61 * S);
    assert_int_equal(a->out_count, 0);
    /* An error cut in its IPv6 headers is one as well: no parameter problem about it. */
    uint8_t body[64] = {IP_PROTOCOL_ICMP6, 0, 0x9e, 4, 0, 0, 0, 0, ICMP6_UNREACHABLE, 4};
    len = put_ip6(p, peer6(TUN, 2), own6(TUN), IP6_NEXT_DESTINATION, body, sizeof body);
    assert_dropped(a, WEIR_DROP_IP6_OPTION_UNKNOWN, p, len);
    attack_end(a);
}

/* What the statistics of tests/net/ratelimit.c show of the limiter holds for the stack: the answers
 * in one second to one prober differ from run to run, though the probes are the same. */
static void ATK_ICM_08_the_budget_of_errors_is_drawn_at_random(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[128];
    unsigned seen[8];
    for (unsigned run = 0; run < 8; run++, attack_pass(a, 3 * S)) {
        seen[run] = 0;
        for (unsigned i = 0; i < 1000; i++) {
            attack_ip(a, p, put_udp(p, stranger4(i << 8), own4(TUN), 8));
            seen[run] += a->out_count; /* on the way to the gateway of ETHER */
        }
        assert_in_range(seen[run], 1, a->config.icmp_errors_per_s_max);
    }
    unsigned different = 0;
    for (unsigned run = 1; run < 8; run++)
        different += seen[run] != seen[0];
    assert_true(different >= 4);
    attack_end(a);
}

static void ATK_ICM_09_reports_about_many_destinations_stay_bounded(void **state)
{
    (void)state;
    struct weir_config config = attack_config();
    config.path_mtus_max = 64;
    struct attack *a = attack_begin(&config, 0xa5);
    a->ifindex = TUN;
    struct flow f = open_flow(a, 0);
    for (unsigned i = 0; i < 1000; i++) { /* each is a flow that we did send on */
        f.peer = peer4(TUN, 1000 + i);
        assert_int_equal(weir_udp_connect(a->stack, f.handle, &f.peer, 4000), WEIR_OK);
        send_bytes(a, &f, 100);
        memcpy(f.packet, a->out[0].bytes, f.len = a->out[0].len);
        assert_int_equal(report(a, &f, 1400), WEIR_DROP_NONE);
        assert_true(a->stack->net.pmtus.map.count <= 64);
        assert_int_equal(path_mtu(a, f.peer), 1400);
    }
    assert_true(pmtus_invariants(&a->stack->net.pmtus));
    close_flow(a, &f);
    attack_end(a);
}

static void ATK_ICM_10_redirects_change_no_route(void **state)
{
    (void)state;
    struct attack *a = begin();
    struct flow f = open_flow(a, 0);
    uint8_t p[2048];
    const struct weir_addr gateway[] = {own4(TUN), stranger4(1), peer4(TUN, 66),
                                        addr_from_ip4((struct ip4_addr){{224, 0, 0, 1}})};
    uint32_t generation = a->stack->net.routes.generation;
    for (uint8_t code = 0; code < 5; code++)
        for (unsigned i = 0; i < 4; i++) {
            size_t len = put_error(p, a, ICMP4_REDIRECT, code, 0, f.packet, f.len);
            memcpy(p + 24, gateway[i].bytes + 12, 4);
            sum_icmp(p, 20, len);
            assert_dropped(a, WEIR_DROP_ICMP_TYPE, p, len);
        }
    assert_int_equal(a->stack->net.routes.generation, generation);
    attack_assert_idle(a);
    close_flow(a, &f);
    attack_end(a);
}

/* RFC 4443 4.2 wants an answer to a group over IPv6, which this stack gives: one, to the source,
 * and from an address of its own. */
static void ATK_ICM_11_an_echo_request_to_a_group_is_not_amplified(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    const struct weir_addr group[] = {addr_from_ip4((struct ip4_addr){{255, 255, 255, 255}}),
                                      addr_from_ip4((struct ip4_addr){{10, 0, 255, 255}}),
                                      addr_from_ip4((struct ip4_addr){{10, 0, 0, 0}}),
                                      addr_from_ip4((struct ip4_addr){{224, 0, 0, 1}})};
    for (unsigned i = 0; i < 4; i++)
        for (unsigned broadcast = 0; broadcast < 2; broadcast++) {
            a->to = broadcast == 1 ? eth_broadcast() : own_mac();
            assert_dropped(a, WEIR_DROP_ICMP_TYPE, p, put_echo(p, peer4(ETHER, 2), group[i], 8));
        }
    struct weir_addr all_nodes = {{0xff, 2, [15] = 1}};
    size_t len = put_echo(p, peer6(ETHER, 2), all_nodes, 8);
    assert_answered(a, p, len);
    assert_int_equal(out_ip(a, 0).len, len);
    assert_true(addr_eq(out_icmp(a, 0).source, own6(ETHER)));
    assert_true(addr_eq(out_icmp(a, 0).destination, peer6(ETHER, 2)));
    attack_end(a);
}

static void ATK_ICM_12_an_echo_reply_is_never_longer_than_what_came(void **state)
{
    (void)state;
    struct attack *a = begin();
    static uint8_t p[ATTACK_PACKET_MAX], f[2048];
    for (unsigned family = 0; family < 2; family++) {
        size_t header = family == 0 ? 20 : 40;
        for (size_t cut = 0; cut < 8; cut++) { /* an echo of 0 ... 7 bytes */
            size_t len = family == 0 ? put_echo(p, peer4(TUN, 2), own4(TUN), 8)
                                     : put_echo(p, peer6(TUN, 2), own6(TUN), 8);
            len = header + cut;
            store16(p + (family == 0 ? 2 : 4), (uint16_t)(family == 0 ? len : cut));
            if (family == 0)
                sum_ip4(p);
            assert_dropped(a, WEIR_DROP_ICMP_SHORT, p, len);
        }
        /* The longest that there is, 65,507 bytes, in fragments there and back. */
        size_t data = family == 0 ? 65507 : 65527;
        size_t len = family == 0 ? put_echo(p, peer4(TUN, 2), own4(TUN), data)
                                 : put_echo(p, peer6(TUN, 2), own6(TUN), data);
        uint32_t end = (uint32_t)(len - header);
        a->answers_max = 64;
        for (uint32_t from = 0; from < end; from += 1408) {
            struct cut cut = {.id = 9, .from = from, .to = from + 1408, .more = true};
            if (cut.to >= end)
                cut = (struct cut){.id = 9, .from = from, .to = end};
            assert_int_equal(attack_ip(a, f, put_fragment(f, p, &cut)), WEIR_DROP_NONE);
        }
        uint64_t bytes = 0;
        for (unsigned i = 0; i < a->out_count; i++)
            bytes += out_ip(a, i).len - (family == 0 ? 20 : 48);
        assert_int_equal(bytes, end);
        a->answers_max = 1;
    }
    attack_end(a);
}

static void ATK_ICM_13_a_quote_of_the_largest_headers_is_bounded(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[1600], options[40], body[1440] = {0};
    memset(options, IP4_OPTION_NOP, sizeof options);
    body[12] = 0xf0; /* a TCP header of 60 bytes */
    static const uint8_t protocol[] = {200, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP};
    for (unsigned i = 0; i < 3; i++)
        for (size_t n = 0; n <= sizeof body; n += 60) {
            struct ip4 h = {.source = ip4_from_addr(peer4(TUN, 2)), .protocol = protocol[i]};
            h.destination = ip4_from_addr(own4(TUN));
            h.options = options;
            h.options_len = 40;
            size_t len = put_ip4(p, &h, body, n);
            assert_int_not_equal(attack_ip(a, p, len), WEIR_DROP_NONE);
            if (a->out_count == 0)
                continue;
            struct out_icmp told = out_icmp(a, 0);
            assert_true(a->out[0].len <= 576); /* RFC 1812 4.3.2.3 */
            assert_int_equal(told.data.len, len < 548 ? len : 548);
            assert_memory_equal(told.data.data, p, told.data.len);
            attack_pass(a, 100 * MS);
        }
    attack_end(a);
}

static void ATK_ICM_14_requests_for_configuration_are_dropped(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[128];
    for (unsigned type = 0; type < 256; type++) {
        bool other = type == ICMP4_ECHO_REQUEST || type == ICMP4_UNREACHABLE ||
                     type == ICMP4_TIME_EXCEEDED || type == ICMP4_PARAMETER_PROBLEM;
        if (other) /* of these the other rows tell */
            continue;
        size_t len = put_echo(p, peer4(TUN, 2), own4(TUN), 32);
        p[20] = (uint8_t)type;
        sum_icmp(p, 20, len);
        assert_int_not_equal(attack_ip(a, p, len), WEIR_DROP_NONE);
        assert_int_equal(a->out_count, 0);
    }
    attack_assert_idle(a);
    attack_end(a);
}

static void ATK_ICM_15_errors_of_the_wrong_orientation_or_protocol_are_dropped(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[2048];
    for (unsigned family = 0; family < 2; family++) {
        struct flow f = open_flow(a, family);
        struct lie lie[8];
        unsigned lies = flow_lies(&f, lie);
        size_t at = family == 0 ? 12 : 8, n = family == 0 ? 4 : 16, ports = ports_at(&f);
        uint8_t good[sizeof f.packet], swapped[sizeof f.packet];
        memcpy(good, f.packet, sizeof good);
        memcpy(swapped, good, sizeof swapped);
        memcpy(swapped + at, good + at + n, n);
        memcpy(swapped + at + n, good + at, n);
        for (unsigned with_ports = 0; with_ports < 2; with_ports++) {
            if (with_ports == 1) {
                memcpy(swapped + ports, good + ports + 2, 2);
                memcpy(swapped + ports + 2, good + ports, 2);
            }
            for (unsigned i = 0; i < 4; i++)
                assert_dropped(
                    a, WEIR_DROP_ICMP_QUOTE, p,
                    put_error(p, a, hard[family][i][0], hard[family][i][1], 0, swapped, f.len));
        }
        for (unsigned k = 0; k < lies; k++) {
            memcpy(f.packet, good, sizeof good);
            f.packet[lie[k].at] = lie[k].value;
            for (unsigned i = 0; i < 4; i++)
                assert_dropped(
                    a, WEIR_DROP_ICMP_QUOTE, p,
                    put_error(p, a, hard[family][i][0], hard[family][i][1], 0, f.packet, f.len));
        }
        assert_int_equal(weir_udp_receive(a->stack, f.handle, NULL, p, 1), WEIR_E_WOULD_BLOCK);
        /* And what was sent indeed is told once, and the endpoint goes on. */
        attack_ip(a, p, put_error(p, a, hard[family][1][0], hard[family][1][1], 0, good, f.len));
        assert_int_equal(weir_udp_receive(a->stack, f.handle, NULL, p, 1), WEIR_E_REFUSED);
        assert_int_equal(weir_udp_receive(a->stack, f.handle, NULL, p, 1), WEIR_E_WOULD_BLOCK);
        send_bytes(a, &f, 10);
        assert_int_equal(a->out_count, 1);
        close_flow(a, &f);
    }
    attack_end(a);
}

static void ATK_ICM_17_a_path_mtu_only_falls_for_ten_minutes(void **state)
{
    (void)state;
    struct attack *a = begin();
    for (unsigned family = 0; family < 2; family++) {
        struct flow f = open_flow(a, family);
        weir_time fell = a->now;
        assert_int_equal(report(a, &f, 1400), WEIR_DROP_NONE);
        for (unsigned i = 0; a->now < fell + 599 * S; i++) {
            attack_pass(a, 1 * S);
            send_bytes(a, &f, 1200);
            assert_int_equal(a->out_count, 1); /* no packet is sent twice for it */
            report(a, &f, i % 2 == 0 ? 1500 : 1400);
            assert_int_equal(path_mtu(a, f.peer), 1400);
        }
        attack_pass(a, 2 * S);
        assert_int_equal(path_mtu(a, f.peer), 1500);
        close_flow(a, &f);
    }
    attack_end(a);
}

/* Nothing of a TCP connection is known to the stack, so errors about one change nothing. */
static void test_errors_about_tcp_are_dropped(void **state)
{
    (void)state;
    struct attack *a = begin();
    uint8_t p[512], tcp[128];
    for (unsigned family = 0; family < 2; family++)
        for (unsigned i = 0; i < 4; i++) {
            size_t n = family == 0 ? put_tcp(tcp, own4(TUN), peer4(TUN, 2), TCP_ACK)
                                   : put_tcp(tcp, own6(TUN), peer6(TUN, 2), TCP_ACK);
            size_t len = put_error(p, a, hard[family][i][0], hard[family][i][1], 0, tcp, n);
            assert_dropped(a, WEIR_DROP_ICMP_QUOTE, p, len);
        }
    attack_assert_idle(a);
    attack_end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_ICM_03_source_quench_is_dropped),
        cmocka_unit_test(ATK_ICM_04_a_path_mtu_is_believed_of_what_was_sent_and_down_to_552),
        cmocka_unit_test(ATK_ICM_04_an_mtu_of_zero_is_the_next_plateau),
        cmocka_unit_test(ATK_ICM_04_a_flow_long_ago_is_no_flow),
        cmocka_unit_test(ATK_ICM_05_packet_too_big_below_1280_is_1280_without_fragment_headers),
        cmocka_unit_test(ATK_ICM_06_cut_quotes_are_dropped),
        cmocka_unit_test(ATK_ICM_07_errors_groups_and_later_fragments_are_never_answered),
        cmocka_unit_test(ATK_ICM_08_the_budget_of_errors_is_drawn_at_random),
        cmocka_unit_test(ATK_ICM_09_reports_about_many_destinations_stay_bounded),
        cmocka_unit_test(ATK_ICM_10_redirects_change_no_route),
        cmocka_unit_test(ATK_ICM_11_an_echo_request_to_a_group_is_not_amplified),
        cmocka_unit_test(ATK_ICM_12_an_echo_reply_is_never_longer_than_what_came),
        cmocka_unit_test(ATK_ICM_13_a_quote_of_the_largest_headers_is_bounded),
        cmocka_unit_test(ATK_ICM_14_requests_for_configuration_are_dropped),
        cmocka_unit_test(ATK_ICM_15_errors_of_the_wrong_orientation_or_protocol_are_dropped),
        cmocka_unit_test(ATK_ICM_17_a_path_mtu_only_falls_for_ten_minutes),
        cmocka_unit_test(test_errors_about_tcp_are_dropped),
    };
    return cmocka_run_group_tests_name("attack_icmp", tests, NULL, NULL);
}
