/* SPDX-License-Identifier: MIT
 * The rows of the attack catalogue about neighbour discovery and group membership, through a whole
 * stack. */
#include "harness.h"

static const uint8_t types[] = {ICMP6_ROUTER_SOLICITATION, ICMP6_ROUTER_ADVERTISEMENT,
                                ICMP6_NEIGHBOUR_SOLICITATION, ICMP6_NEIGHBOUR_ADVERTISEMENT,
                                ICMP6_REDIRECT};

enum { TYPES = sizeof types };

static struct weir_addr link_local(uint32_t host)
{
    struct weir_addr a = {{0xfe, 0x80}};
    store32(a.bytes + 12, host);
    return a;
}

static struct weir_addr all_nodes(void)
{
    return (struct weir_addr){{0xff, 2, [15] = 1}};
}

static struct nd message(uint8_t type)
{
    struct nd m = {.type = type, .target = ip6_from_addr(own6(ETHER))};
    m.has_source_mac = type <= ICMP6_NEIGHBOUR_SOLICITATION;
    m.source_mac = peer_mac(9);
    if (type == ICMP6_ROUTER_ADVERTISEMENT)
        m.lifetime_s = 60;
    if (type == ICMP6_REDIRECT) {
        m.target = ip6_from_addr(link_local(66));
        m.destination = ip6_from_addr(stranger6(1));
    }
    if (type == ICMP6_NEIGHBOUR_ADVERTISEMENT) {
        m.target = ip6_from_addr(peer6(ETHER, 9));
        m.has_target_mac = true;
        m.target_mac = peer_mac(9);
    }
    return m;
}

/* A message that would be believed or answered, as far as its type may be. */
static size_t put_message(uint8_t *p, uint8_t type)
{
    struct nd m = message(type);
    bool router = type == ICMP6_ROUTER_ADVERTISEMENT || type == ICMP6_REDIRECT;
    return put_nd(p, router ? link_local(9) : peer6(ETHER, 9), own6(ETHER), &m);
}

static const struct neighbour *entry(const struct attack *a, struct weir_addr addr)
{
    struct neighbour_key key = {.addr = addr, .ifindex = ETHER};
    return neighbour_find(&a->stack->net.neighbours, &key);
}

static void ATK_ND_01_messages_from_beyond_the_link_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[600];
    for (unsigned i = 0; i < TYPES; i++)
        for (unsigned hop_limit = 0; hop_limit < 255; hop_limit++) {
            size_t len = put_message(p, types[i]);
            p[7] = (uint8_t)hop_limit;
            assert_dropped(a, WEIR_DROP_ND_HOP_LIMIT, p, len);
        }
    attack_assert_idle(a);
    attack_end(a);
}

static void ATK_ND_02_an_empty_option_spoils_the_message(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[600];
    for (unsigned i = 0; i < TYPES; i++)
        for (unsigned type = 0; type < 256; type++) {
            size_t len = put_message(p, types[i]);
            memcpy(p + len, (uint8_t[]){(uint8_t)type, 0, 0, 0, 0, 0, 0, 0}, 8);
            len += 8;
            store16(p + 4, (uint16_t)(len - 40));
            sum_icmp(p, 40, len);
            assert_dropped(a, WEIR_DROP_ND_OPTION, p, len);
        }
    attack_assert_idle(a);
    attack_end(a);
}

/* Make the stack listen to routers, which it does not by default. */
static void listen(struct attack *a)
{
    a->stack->net.nd.iface[ETHER].config.accept_routers = true;
}

static void ATK_ND_03_options_of_impossible_size_are_ignored(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static const uint8_t bad[][4] = {
        {ND_OPTION_RDNSS, 2, 0, 0},       {ND_OPTION_RDNSS, 4, 0, 0},
        {ND_OPTION_RDNSS, 6, 0, 0},       {ND_OPTION_PREFIX, 4, 129, 0xc0},
        {ND_OPTION_PREFIX, 4, 255, 0xc0}, {ND_OPTION_MTU, 2, 0, 0},
        {ND_OPTION_PREFIX, 1, 64, 0xc0}};
    uint8_t p[600];
    listen(a);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t len = put_message(p, ICMP6_ROUTER_ADVERTISEMENT), n = bad[i][1] * 8U;
        store16(p + 40 + 6, 0); /* no default router */
        memset(p + len, 0xff, n);
        memcpy(p + len, bad[i], 4);
        len += n;
        store16(p + 4, (uint16_t)(len - 40));
        sum_icmp(p, 40, len);
        assert_int_equal(attack_ip(a, p, len), WEIR_DROP_NONE);
        assert_int_equal(a->out_count, 0);
        assert_int_equal(a->stack->net.nd.iface[ETHER].mtu, 1500);
        assert_int_equal(a->stack->net.routes.pool.in_use, a->baseline.routes);
    }
    attack_end(a);
}

/* Router advertisement number i of a flood: a new router and eight new prefixes. */
static size_t put_rogue(uint8_t *p, unsigned i)
{
    struct nd m = message(ICMP6_ROUTER_ADVERTISEMENT);
    m.source_mac = peer_mac(1000 + i);
    m.prefix_count = ND_PREFIXES_MAX;
    for (unsigned k = 0; k < m.prefix_count; k++) {
        m.prefix[k] = (struct nd_prefix){.len = 64, .valid_s = 60, .preferred_s = 60};
        m.prefix[k].on_link = m.prefix[k].autonomous = true;
        m.prefix[k].prefix = ip6_from_addr(stranger6(i * 8 + k));
    }
    return put_nd(p, link_local(1000 + i), all_nodes(), &m);
}

static void ATK_ND_04_a_flood_of_routers_is_capped(void **state)
{
    (void)state;
    struct weir_config config = attack_config();
    config.routes_max = 256;
    config.neighbours_max = 64;
    config.neighbours_incomplete_max = 16;
    struct attack *a = attack_begin(&config, 0xa5);
    uint8_t p[600];
    listen(a);
    for (unsigned i = 0; i < 10000; i++, a->now += 100 * WEIR_NS_PER_US) {
        assert_int_equal(attack_ip(a, p, put_rogue(p, i)), WEIR_DROP_NONE);
        assert_int_equal(a->out_count, 0);
        uint32_t new = a->stack->net.routes.pool.in_use - a->baseline.routes;
        assert_in_range(new, 1, ND_ROUTERS_MAX + ND_ON_LINK_MAX);
        assert_int_equal(a->stack->net.addresses.pool.in_use, a->baseline.addresses);
    }
    attack_assert_serving(a);
    attack_end(a); /* when their lifetimes have run out, nothing is left of them */
}

static void ATK_ND_04_05_by_default_no_router_changes_anything(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[600];
    static const uint32_t mtu[] = {0, 68, 1279, 1280, 65535}, lifetime[] = {0, 7200, UINT32_MAX};
    for (unsigned i = 0; i < 15; i++) {
        struct nd m = message(ICMP6_ROUTER_ADVERTISEMENT);
        m.hop_limit = (uint8_t)(i % 2);
        m.mtu = mtu[i % 5];
        m.lifetime_s = i % 2 == 0 ? 0 : 65535;
        m.reachable_ms = m.retrans_ms = 1;
        m.prefix_count = 1;
        m.prefix[0] = (struct nd_prefix){.len = 64, .on_link = true, .autonomous = true};
        m.prefix[0].valid_s = m.prefix[0].preferred_s = lifetime[i % 3];
        m.prefix[0].prefix = ip6_from_addr(own6(ETHER)); /* ours */
        assert_dropped(a, WEIR_DROP_ND_ROUTER, p, put_nd(p, link_local(9), all_nodes(), &m));
        assert_dropped(a, WEIR_DROP_ND_ROUTER, p, put_rogue(p, i));
    }
    attack_assert_idle(a);
    attack_assert_serving(a);
    attack_end(a);
}

static void ATK_ND_05_values_out_of_range_are_not_taken(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    const struct nd_iface *iface = &a->stack->net.nd.iface[ETHER];
    uint8_t p[600];
    static const uint32_t mtu[] = {1, 68, 1279, 1501, 65535};
    listen(a);
    for (unsigned i = 0; i < 10; i++) {
        struct nd m = message(ICMP6_ROUTER_ADVERTISEMENT);
        m.lifetime_s = 0;
        m.hop_limit = (uint8_t)(i % 2);
        m.mtu = mtu[i % 5];
        assert_int_equal(attack_ip(a, p, put_nd(p, link_local(9), all_nodes(), &m)),
                         WEIR_DROP_NONE);
        assert_int_equal(iface->mtu, 1500);
        assert_true(iface->hop_limit >= ND_HOP_LIMIT_MIN);
    }
    attack_assert_serving(a);
    attack_end(a);
}

static void ATK_ND_06_unsolicited_advertisements_make_no_entry_and_spoil_none(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[600];
    for (unsigned flags = 0; flags < 8; flags++) {
        struct nd m = message(ICMP6_NEIGHBOUR_ADVERTISEMENT);
        m.solicited = flags & 1, m.override = flags & 2, m.router = flags & 4;
        struct weir_addr to = m.solicited ? own6(ETHER) : all_nodes();
        assert_dropped(a, WEIR_DROP_ND_UNSOLICITED, p, put_nd(p, peer6(ETHER, 9), to, &m));
        assert_null(entry(a, peer6(ETHER, 9)));
    }
    attack_assert_idle(a);
    /* A reachable one: an echo makes us ask, and peer 9 answers. */
    assert_int_equal(attack_ip(a, p, put_echo(p, peer6(ETHER, 9), own6(ETHER), 8)), WEIR_DROP_NONE);
    struct nd answer = message(ICMP6_NEIGHBOUR_ADVERTISEMENT);
    answer.solicited = answer.override = true;
    assert_int_equal(attack_ip(a, p, put_nd(p, peer6(ETHER, 9), own6(ETHER), &answer)), 0);
    assert_int_equal(entry(a, peer6(ETHER, 9))->state, NEIGHBOUR_REACHABLE);
    /* Another address without override: a doubt, no change (RFC 4861 7.2.5, I). */
    struct nd claim = message(ICMP6_NEIGHBOUR_ADVERTISEMENT);
    claim.target_mac = peer_mac(66);
    attack_ip(a, p, put_nd(p, peer6(ETHER, 9), all_nodes(), &claim));
    assert_int_equal(entry(a, peer6(ETHER, 9))->state, NEIGHBOUR_STALE);
    assert_true(eth_addr_eq(entry(a, peer6(ETHER, 9))->mac, peer_mac(9)));
    /* With it, unsolicited: taken as STALE, so that it is probed when used (7.2.5, II). */
    claim.override = true;
    attack_ip(a, p, put_nd(p, peer6(ETHER, 9), all_nodes(), &claim));
    assert_int_equal(entry(a, peer6(ETHER, 9))->state, NEIGHBOUR_STALE);
    /* And a static one keeps its station whatever is said. */
    claim.target = ip6_from_addr(peer6(ETHER, 2));
    assert_dropped(a, WEIR_DROP_ND_CONFLICT, p, put_nd(p, peer6(ETHER, 2), all_nodes(), &claim));
    assert_true(eth_addr_eq(entry(a, peer6(ETHER, 2))->mac, peer_mac(2)));
    attack_end(a);
}

static void ATK_ND_07_packets_that_make_us_look_for_everybody_are_capped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[256];
    for (uint32_t i = 0; i < 65536; i++) {
        attack_ip(a, p, put_echo(p, peer6(ETHER, 0x10000 + i), own6(ETHER), 8));
        if (i % 32 == 0)
            attack_pass(a, 2 * MS);
        assert_true(a->stack->net.neighbours.incomplete <= a->config.neighbours_incomplete_max);
        assert_true(a->stack->net.neighbours.pool.in_use <= a->config.neighbours_max);
        assert_true(a->stack->net.replies.in_use <= a->config.replies_max);
    }
    assert_non_null(entry(a, peer6(ETHER, 2)));
    assert_true(neighbours_invariants(&a->stack->net.neighbours));
    attack_assert_serving(a);
    attack_end(a);
}

static void ATK_ND_08_a_host_that_denies_every_address_is_given_up_to(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[600];
    for (unsigned i = 0; i < 8; i++) {
        struct weir_addr wanted = peer6(ETHER, 500 + i);
        assert_int_equal(weir_stack_add_address(a->stack, ETHER, &wanted, 64), WEIR_OK);
        for (unsigned step = 0; step < 300 && a->out_count == 0; step++)
            attack_pass(a, 10 * MS);
        assert_int_equal(a->out_count, 1); /* the question whether it is free */
        struct nd denial = message(ICMP6_NEIGHBOUR_ADVERTISEMENT);
        denial.target = ip6_from_addr(wanted);
        denial.override = true;
        attack_ip(a, p, put_nd(p, wanted, all_nodes(), &denial));
        assert_int_equal(a->out_count, 0);
        attack_pass(a, 60 * S); /* no second try, no use of it */
        assert_int_equal(a->out_count, 0);
        assert_dropped(a, WEIR_DROP_IP6_NOT_FOR_US, p, put_echo(p, peer6(ETHER, 2), wanted, 8));
        assert_int_equal(weir_stack_remove_address(a->stack, ETHER, &wanted), WEIR_OK);
    }
    attack_assert_serving(a);
    attack_end(a);
}

static void ATK_ND_09_redirects_change_nothing(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[600];
    const struct weir_addr from[] = {link_local(9), link_local(254), peer6(ETHER, 254)};
    const struct weir_addr target[] = {link_local(66), all_nodes(), peer6(ETHER, 66), stranger6(1)};
    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 0; k < 4; k++) {
            struct nd m = message(ICMP6_REDIRECT);
            m.target = ip6_from_addr(target[k]);
            unsigned drop = attack_ip(a, p, put_nd(p, from[i], own6(ETHER), &m));
            assert_true(drop == WEIR_DROP_ND_REDIRECT || drop == WEIR_DROP_ND_TARGET);
            assert_int_equal(a->out_count, 0);
        }
    attack_assert_idle(a);
    attack_end(a);
}

static void ATK_ND_10_a_solicitation_from_nobody_has_no_link_address(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[600];
    struct weir_addr nobody = {{0}};
    struct nd m = message(ICMP6_NEIGHBOUR_SOLICITATION);
    struct weir_addr group = addr_from_ip6(ip6_solicited_node(m.target));
    assert_dropped(a, WEIR_DROP_ND_TARGET, p, put_nd(p, nobody, group, &m));
    m.has_source_mac = false; /* to a group that is not that of the target */
    assert_dropped(a, WEIR_DROP_ND_TARGET, p, put_nd(p, nobody, all_nodes(), &m));
    attack_assert_idle(a);
    assert_answered(a, p, put_nd(p, nobody, group, &m)); /* a probe as it should be */
    attack_end(a);
}

static void ATK_ND_11_fragmented_messages_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[600], f[600];
    for (unsigned i = 0; i < TYPES; i++) {
        size_t len = put_message(p, types[i]);
        uint32_t end = (uint32_t)len - 40;
        struct cut first = {.id = i, .to = 8, .more = true}, last = {.id = i, .from = 8, .to = end};
        assert_int_equal(attack_ip(a, f, put_fragment(f, p, &first)), WEIR_DROP_NONE);
        len = put_fragment(f, p, &last);
        assert_dropped(a, WEIR_DROP_ND_FRAGMENT, f, len);
        /* An atomic fragment has a fragment header as well (RFC 6980 5). */
        len = put_fragment(f, p, &(struct cut){.id = i, .to = end});
        assert_dropped(a, WEIR_DROP_ND_FRAGMENT, f, len);
    }
    attack_assert_idle(a);
    attack_end(a);
}

static void ATK_ND_12_membership_queries_are_dropped_whatever_they_say(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[600];
    const struct weir_addr to4[2] = {addr_from_ip4((struct ip4_addr){{224, 0, 0, 1}}), own4(ETHER)};
    const struct weir_addr to6[2] = {all_nodes(), own6(ETHER)};
    static const uint8_t igmp[] = {0x11, 0x12, 0x16, 0x17, 0x22, 0x00, 0xff};
    static const uint8_t mld[] = {ICMP6_MLD_QUERY, ICMP6_MLD_REPORT, ICMP6_MLD_DONE,
                                  ICMP6_MLD2_REPORT};
    uint8_t query[28] = {0};
    for (unsigned group = 0; group < 2; group++)
        for (size_t len = 0; len <= sizeof query; len++) {
            for (unsigned i = 0; i < sizeof igmp; i++) { /* max response 0, 65,535 sources */
                struct ip4 h = {.source = ip4_from_addr(peer4(ETHER, 2)), .protocol = 2, .ttl = 1};
                h.destination = ip4_from_addr(to4[group]);
                query[0] = igmp[i];
                query[10] = query[11] = 0xff;
                unsigned drop = attack_ip(a, p, put_ip4(p, &h, query, len));
                assert_int_equal(drop, WEIR_DROP_IP4_PROTOCOL);
                assert_true(group == 1 || a->out_count == 0);
            }
            for (unsigned i = 0; i < sizeof mld; i++) {
                query[0] = mld[i];
                query[26] = query[27] = 0xff;
                size_t n = put_ip6(p, link_local(9), to6[group], IP_PROTOCOL_ICMP6, query, len);
                p[7] = 1;
                if (len >= 4)
                    sum_icmp(p, 40, n);
                assert_dropped(a, len < 8 ? WEIR_DROP_ICMP_SHORT : WEIR_DROP_ICMP_TYPE, p, n);
            }
        }
    attack_assert_serving(a);
    attack_end(a);
}

/* IPv6 is not used on a link of less than 1,280 bytes (RFC 8200 5). */
static void test_discovery_on_an_ethernet_too_small_for_ip6_is_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    struct weir_iface_config small = {.size = sizeof small,
                                      .link = WEIR_LINK_ETHERNET,
                                      .mtu_bytes = 1000,
                                      .mac = {2, 0, 0, 0, 0, 9}};
    uint8_t p[600];
    assert_int_equal(weir_stack_add_iface(a->stack, &small), INTERFACES);
    for (unsigned i = 0; i < TYPES; i++) {
        struct nd m = message(types[i]);
        size_t len = put_nd(p, link_local(9), all_nodes(), &m);
        len = build_frame(p, sizeof p, (uint32_t)len, peer_mac(9), eth_broadcast());
        struct weir_rx rx = {.head = p, .head_len = (uint32_t)len, .len = (uint32_t)len};
        struct weir_tx tx;
        struct weir_stats stats;
        weir_stack_input(a->stack, INTERFACES, &rx, 1, a->now);
        assert_int_equal(weir_stack_output(a->stack, INTERFACES, &tx, 1, a->now), 0);
        assert_int_equal(weir_stack_stats(a->stack, INTERFACES, &stats), WEIR_OK);
        assert_int_equal(stats.counter[WEIR_COUNTER_rx_packets], i + 1);
        assert_int_equal(stats.counter[WEIR_COUNTER_rx_accepted], 0);
    }
    attack_end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_ND_01_messages_from_beyond_the_link_are_dropped),
        cmocka_unit_test(ATK_ND_02_an_empty_option_spoils_the_message),
        cmocka_unit_test(ATK_ND_03_options_of_impossible_size_are_ignored),
        cmocka_unit_test(ATK_ND_04_a_flood_of_routers_is_capped),
        cmocka_unit_test(ATK_ND_04_05_by_default_no_router_changes_anything),
        cmocka_unit_test(ATK_ND_05_values_out_of_range_are_not_taken),
        cmocka_unit_test(ATK_ND_06_unsolicited_advertisements_make_no_entry_and_spoil_none),
        cmocka_unit_test(ATK_ND_07_packets_that_make_us_look_for_everybody_are_capped),
        cmocka_unit_test(ATK_ND_08_a_host_that_denies_every_address_is_given_up_to),
        cmocka_unit_test(ATK_ND_09_redirects_change_nothing),
        cmocka_unit_test(ATK_ND_10_a_solicitation_from_nobody_has_no_link_address),
        cmocka_unit_test(ATK_ND_11_fragmented_messages_are_dropped),
        cmocka_unit_test(ATK_ND_12_membership_queries_are_dropped_whatever_they_say),
        cmocka_unit_test(test_discovery_on_an_ethernet_too_small_for_ip6_is_dropped),
    };
    return cmocka_run_group_tests_name("attack_nd", tests, NULL, NULL);
}
