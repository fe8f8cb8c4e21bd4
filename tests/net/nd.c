/* SPDX-License-Identifier: MIT */
#include "nd_steps.h"

static const struct ip6_addr all_nodes = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

static struct world *world_with_own(void)
{
    struct world *w = world_with_iface(false);
    world_address(w, addr_from_ip6(host6(OWN)), 0, false);
    return w;
}

static const struct neighbour *entry(struct world *w, uint32_t n)
{
    struct neighbour_key key = key6(n);
    return neighbour_find(&w->neighbours, &key);
}

static void resolve(struct world *w, uint32_t n)
{
    struct neighbour_key key = key6(n);
    struct neighbour_probe probe;
    struct eth_addr mac;
    assert_int_equal(neighbour_resolve(&w->neighbours, &key, w->now, &mac), NEIGHBOUR_WAIT);
    assert_true(neighbour_output(&w->neighbours, 0, w->now, &probe));
}

/* ---- solicitations and advertisements ---- */

static void test_a_solicitation_for_us_is_answered_and_its_sender_remembered(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct message message = solicitation(OWN);
    assert_int_equal(input(w, &message), WEIR_DROP_NONE);
    assert_int_equal(input(w, &message), WEIR_DROP_NONE); /* one answer for both */
    struct sent s = take(w);
    expect_silence(w);
    /* RFC 4861 7.2.4 */
    assert_int_equal(s.m.type, ICMP6_NEIGHBOUR_ADVERTISEMENT);
    assert_true(ip6_eq(s.ip.source, host6(OWN)) && ip6_eq(s.ip.destination, host6(PEER)));
    assert_true(eth_addr_eq(s.eth.destination, mac_of(PEER_MAC)));
    assert_true(s.m.solicited && s.m.override && !s.m.router);
    assert_true(ip6_eq(s.m.target, host6(OWN)));
    assert_true(s.m.has_target_mac && eth_addr_eq(s.m.target_mac, mac_of(OWN_MAC)));
    /* 7.2.3 */
    assert_int_equal(entry(w, PEER)->state, NEIGHBOUR_STALE);
    assert_true(eth_addr_eq(entry(w, PEER)->mac, mac_of(PEER_MAC)));
    world_close(w);
}

static void test_a_solicitation_without_option_is_answered_where_it_came_from(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct message message = solicitation(OWN);
    message.m.has_source_mac = false;
    message.m.source_mac = (struct eth_addr){{0}};
    message.source = mac_of(77);
    assert_int_equal(input(w, &message), WEIR_DROP_NONE);
    assert_true(eth_addr_eq(take(w).eth.destination, mac_of(77)));
    assert_int_equal(w->neighbours.pool.in_use, 0);
    world_close(w);
}

static void test_another_hosts_probe_for_our_address_is_answered_to_all(void **state)
{
    (void)state;
    static const struct eth_addr all_nodes_mac = {{0x33, 0x33, 0, 0, 0, 1}};
    struct world *w = world_with_own();
    struct message message = dad_probe(OWN);
    assert_int_equal(input(w, &message), WEIR_DROP_NONE);
    struct sent s = take(w);
    assert_true(ip6_eq(s.ip.source, host6(OWN)) && ip6_eq(s.ip.destination, all_nodes));
    assert_true(eth_addr_eq(s.eth.destination, all_nodes_mac));
    assert_true(!s.m.solicited && s.m.override && s.m.has_target_mac);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    world_close(w);
}

static void test_solicitations_for_others_are_none_of_our_business(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    world_address(w, addr_from_ip6(host6(OTHER)), 1, false); /* ours, on another link */
    struct message message = solicitation(OTHER);
    assert_int_equal(input(w, &message), WEIR_DROP_ND_NOT_FOR_US);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    expect_silence(w);
    world_close(w);
}

static void test_an_address_removed_before_its_answer_was_sent_is_not_answered_for(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct message message = solicitation(OWN);
    assert_int_equal(input(w, &message), WEIR_DROP_NONE);
    address_remove(&w->addresses, address_find(&w->addresses, addr_from_ip6(host6(OWN)), 0));
    assert_true(nd_has_output(&w->nd, 0));
    expect_silence(w);
    world_close(w);
}

static void test_answers_to_a_flood_are_capped_and_rate_limited(void **state)
{
    (void)state;
    enum { SENDERS = 20000, SECONDS = 2 };
    struct world *w = world_with_own();
    uint8_t frame[ND_FRAME_MAX];
    for (uint32_t n = 0; n < ND_NOTES_MAX + 1; n++) { /* limit - 1, limit, limit + 1 */
        struct message message = solicitation(OWN);
        message.ip.source = host6(1000 + n);
        assert_int_equal(input(w, &message), WEIR_DROP_NONE);
        assert_int_equal(w->nd.count.answers_limited, n < ND_NOTES_MAX ? 0 : 1);
    }
    while (nd_output(&w->nd, 0, w->now, frame, sizeof frame) != 0)
        ;
    assert_int_equal(w->nd.count.answers, ND_NOTES_MAX);
    world_pass(w, 10 * S);
    uint64_t before = w->nd.count.answers;
    for (uint32_t n = 0; n < SENDERS; n++) {
        struct message message = solicitation(OWN);
        message.ip.source = host6(5000 + n);
        input(w, &message);
        nd_output(&w->nd, 0, w->now, frame, sizeof frame);
        if (n % 50 == 0)
            world_pass(w, SECONDS * S / (SENDERS / 50));
    }
    uint64_t answers = w->nd.count.answers - before;
    assert_in_range(answers, ND_ANSWERS_PER_S_MAX * SECONDS,
                    ND_ANSWERS_PER_S_MAX * SECONDS + ND_ANSWERS_BURST);
    world_close(w);
}

static void test_ATK_ND_06_advertisements_resolve_what_was_asked_and_nothing_else(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct message message = advertisement(PEER, true, true);
    assert_int_equal(input(w, &message), WEIR_DROP_ND_UNSOLICITED);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    resolve(w, PEER);
    assert_int_equal(input(w, &message), WEIR_DROP_NONE);
    assert_int_equal(entry(w, PEER)->state, NEIGHBOUR_REACHABLE);
    message = advertisement(PEER, false, true);
    message.m.target_mac = mac_of(8);
    assert_int_equal(input(w, &message),
                     WEIR_DROP_NONE); /* 7.2.5: taken over, and no longer trusted */
    assert_int_equal(entry(w, PEER)->state, NEIGHBOUR_STALE);
    assert_true(eth_addr_eq(entry(w, PEER)->mac, mac_of(8)));
    /* The target counts, not the source. */
    message.ip.source = host6(OTHER);
    assert_int_equal(input(w, &message), WEIR_DROP_NONE);
    assert_null(entry(w, OTHER));
    world_close(w);
}

static void test_an_advertisement_of_our_address_is_a_conflict_and_changes_nothing(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct message message = advertisement(OWN, false, true);
    message.ip.source = host6(PEER);
    assert_int_equal(input(w, &message), WEIR_DROP_ND_CONFLICT);
    message.ip.source = host6(OWN);
    assert_int_equal(input(w, &message), WEIR_DROP_ND_CONFLICT);
    message = solicitation(OWN);
    message.ip.source = host6(OWN);
    assert_int_equal(input(w, &message), WEIR_DROP_ND_CONFLICT);
    assert_int_equal(w->nd.count.conflicts, 3);
    assert_int_equal(address_find(&w->addresses, addr_from_ip6(host6(OWN)), 0)->state,
                     ADDRESS_PREFERRED);
    expect_silence(w);
    world_close(w);
}

static void test_a_static_neighbour_is_not_moved(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct neighbour_key key = key6(PEER);
    assert_int_equal(neighbour_add_static(&w->neighbours, &key, mac_of(50)), WEIR_OK);
    struct message message = advertisement(PEER, true, true);
    assert_int_equal(input(w, &message), WEIR_DROP_ND_CONFLICT);
    assert_true(eth_addr_eq(entry(w, PEER)->mac, mac_of(50)));
    world_close(w);
}

static void test_impossible_link_layer_addresses_are_dropped(void **state)
{
    (void)state;
    static const struct eth_addr bad[] = {{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
                                          {{0x33, 0x33, 0, 0, 0, 1}},
                                          {{0}},
                                          {{2, 0, 0, 0, 0, OWN_MAC}}};
    struct world *w = world_with_own();
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct message message = solicitation(OWN);
        message.m.source_mac = bad[i];
        assert_int_equal(input(w, &message), WEIR_DROP_ND_MAC);
        message = solicitation(OWN);
        message.source = bad[i];
        assert_int_equal(input(w, &message), WEIR_DROP_ND_MAC);
        message = advertisement(PEER, true, true);
        message.m.target_mac = bad[i];
        assert_int_equal(input(w, &message), WEIR_DROP_ND_MAC);
    }
    assert_int_equal(w->neighbours.pool.in_use, 0);
    expect_silence(w);
    world_close(w);
}

/* ::ffff:10.0.0.2 in the type that both families share is the IPv4 address 10.0.0.2. */
static void test_mapped_addresses_do_not_reach_the_ipv4_neighbours(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct ip6_addr mapped = ip6_from_addr(addr_from_ip4(host4(PEER)));
    struct neighbour_key key = key4(PEER);
    struct neighbour_event learned = {.key = key,
                                      .message = NEIGHBOUR_ARP_REQUEST,
                                      .has_mac = true,
                                      .mac = mac_of(50),
                                      .to_us = true};
    neighbour_heard(&w->neighbours, &learned, w->now);
    struct message message = advertisement(PEER, true, true);
    message.m.target = mapped;
    assert_int_equal(input(w, &message), WEIR_DROP_ND_TARGET);
    message = solicitation(OWN);
    message.ip.source = mapped;
    assert_int_equal(input(w, &message), WEIR_DROP_ND_TARGET);
    assert_true(eth_addr_eq(neighbour_find(&w->neighbours, &key)->mac, mac_of(50)));
    world_close(w);
}

static void test_impossible_sources_are_dropped(void **state)
{
    (void)state;
    static const struct ip6_addr bad[] = {{{0xff, 2, [15] = 1}}, {{[15] = 1}}};
    struct world *w = world_with_own();
    for (unsigned i = 0; i < 2; i++) {
        struct message message = solicitation(OWN);
        message.ip.source = bad[i];
        assert_int_equal(input(w, &message), WEIR_DROP_ND_TARGET);
    }
    struct message message = advertisement(PEER, false, true);
    message.ip.source = (struct ip6_addr){{0}};
    assert_int_equal(input(w, &message), WEIR_DROP_ND_TARGET);
    expect_silence(w);
    world_close(w);
}

/* ---- rows that the parser proves, from end to end ---- */

/* An NS for OWN as bytes: parse it, and take it in if the parser lets it pass. */
static enum weir_drop input_bytes(struct world *w, const struct message *message, size_t len_change)
{
    uint8_t bytes[ND_MESSAGE_MAX];
    size_t len = nd_emit(bytes, sizeof bytes, &message->m, &message->ip);
    assert_true(len > 24);
    bytes[25] = (uint8_t)(bytes[25] - len_change); /* the length of the first option */
    struct message parsed = {.ip = message->ip, .source = message->source};
    enum weir_drop drop = nd_parse(&parsed.m, bytes, len, len, &message->ip);
    return drop != WEIR_DROP_NONE ? drop : input(w, &parsed);
}

static struct message whole_solicitation(void)
{
    struct message message = solicitation(OWN);
    message.ip.hop_limit = 255;
    message.ip.destination = ip6_solicited_node(host6(OWN));
    return message;
}

static void expect_no_effect(struct world *w)
{
    assert_int_equal(w->neighbours.pool.in_use, 0);
    expect_silence(w);
    /* The same without the fault is taken in: it was the fault that mattered. */
    struct message good = whole_solicitation();
    assert_int_equal(input_bytes(w, &good, 0), WEIR_DROP_NONE);
    take(w);
    world_close(w);
}

static void test_ATK_ND_01_a_message_from_beyond_the_link_changes_nothing(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct message message = whole_solicitation();
    message.ip.hop_limit = 254;
    assert_int_equal(input_bytes(w, &message, 0), WEIR_DROP_ND_HOP_LIMIT);
    message.ip.hop_limit = 1;
    assert_int_equal(input_bytes(w, &message, 0), WEIR_DROP_ND_HOP_LIMIT);
    expect_no_effect(w);
}

static void test_ATK_ND_02_a_message_with_an_empty_option_changes_nothing(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct message message = whole_solicitation();
    assert_int_equal(input_bytes(w, &message, 1), WEIR_DROP_ND_OPTION);
    expect_no_effect(w);
}

static void test_ATK_ND_10_a_source_option_of_nobody_changes_nothing(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct message message = whole_solicitation();
    message.ip.source = (struct ip6_addr){{0}};
    assert_int_equal(input_bytes(w, &message, 0), WEIR_DROP_ND_TARGET);
    expect_no_effect(w);
}

static void test_ATK_ND_11_a_fragmented_message_changes_nothing(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct message message = whole_solicitation();
    message.ip.fragment_at = 40;
    assert_int_equal(input_bytes(w, &message, 0), WEIR_DROP_ND_FRAGMENT);
    expect_no_effect(w);
}

static void test_ATK_ND_09_redirects_are_refused_and_counted(void **state)
{
    (void)state;
    struct world *w = world_with_iface(true);
    world_address(w, addr_from_ip6(host6(OWN)), 0, false);
    struct message message = {.m = {.type = ICMP6_REDIRECT,
                                    .target = host6(OTHER),
                                    .destination = host6(PEER),
                                    .has_target_mac = true,
                                    .target_mac = mac_of(9)},
                              .ip = {.source = host6(PEER)},
                              .source = mac_of(PEER_MAC)};
    assert_int_equal(input(w, &message), WEIR_DROP_ND_REDIRECT);
    assert_int_equal(w->nd.count.redirects, 1);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    struct nd_change change;
    assert_false(nd_change(&w->nd, 0, &change));
    world_close(w);
}

/* ---- soliciting ---- */

static void test_solicitations_go_to_the_group_or_to_the_station(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    uint8_t frame[ND_FRAME_MAX];
    struct neighbour_probe probe = {.key = key6(0x123456)};
    struct sent s = parse_frame(frame, nd_solicit(&w->nd, &probe, frame, sizeof frame));
    static const struct ip6_addr group = {
        {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x12, 0x34, 0x56}};
    static const struct eth_addr group_mac = {{0x33, 0x33, 0xff, 0x12, 0x34, 0x56}};
    assert_int_equal(s.m.type, ICMP6_NEIGHBOUR_SOLICITATION);
    assert_true(ip6_eq(s.ip.source, host6(OWN)) && ip6_eq(s.ip.destination, group));
    assert_true(eth_addr_eq(s.eth.destination, group_mac));
    assert_true(ip6_eq(s.m.target, host6(0x123456)));
    assert_true(s.m.has_source_mac && eth_addr_eq(s.m.source_mac, mac_of(OWN_MAC)));
    probe.unicast = true;
    probe.mac = mac_of(7);
    s = parse_frame(frame, nd_solicit(&w->nd, &probe, frame, sizeof frame));
    assert_true(ip6_eq(s.ip.destination, host6(0x123456)));
    assert_true(eth_addr_eq(s.eth.destination, mac_of(7)));
    assert_int_equal(nd_solicit(&w->nd, &probe, frame, sizeof frame - 1), 0);
    probe.key.ifindex = 1; /* no address there: from :: it would be a probe of DAD */
    assert_int_equal(nd_solicit(&w->nd, &probe, frame, sizeof frame), 0);
    world_close(w);
}

/* ---- routers ---- */

static struct message router_advertisement(uint32_t router, uint16_t lifetime_s)
{
    return (struct message){.m = {.type = ICMP6_ROUTER_ADVERTISEMENT, .lifetime_s = lifetime_s},
                            .ip = {.source = host6(router)},
                            .source = mac_of(PEER_MAC)};
}

/* 2001:db8:n::/64, on the link. */
static struct nd_prefix prefix_of(uint16_t n, uint32_t valid_s)
{
    struct nd_prefix p = {
        .prefix = {{0x20, 1, 0x0d, 0xb8}}, .len = 64, .valid_s = valid_s, .on_link = true};
    store16(p.prefix.b + 4, n);
    p.prefix.b[15] = 0x99; /* behind the prefix: ignored */
    return p;
}

static void expect_change(struct world *w, bool router, bool added, struct ip6_addr addr,
                          unsigned len)
{
    struct nd_change change;
    assert_true(nd_change(&w->nd, 0, &change));
    assert_int_equal(change.router, router);
    assert_int_equal(change.added, added);
    assert_true(ip6_eq(change.addr, addr));
    assert_int_equal(change.len, len);
}

static void expect_no_change(struct world *w)
{
    struct nd_change change;
    assert_false(nd_change(&w->nd, 0, &change));
}

static void test_ATK_ND_05_routers_and_prefixes_live_as_long_as_they_say(void **state)
{
    (void)state;
    struct world *w = world_with_iface(true);
    struct message ra = router_advertisement(PEER, 1800);
    struct ip6_addr bare = prefix_of(1, 0).prefix;
    bare.b[15] = 0;
    ra.m.prefix[0] = prefix_of(1, 600);
    ra.m.prefix_count = 1;
    assert_int_equal(input(w, &ra), WEIR_DROP_NONE);
    expect_change(w, false, true, bare, 64);
    expect_change(w, true, true, host6(PEER), 0);
    expect_no_change(w);
    world_pass(w, 599 * S);
    assert_int_equal(input(w, &ra), WEIR_DROP_NONE); /* both begin anew */
    expect_no_change(w);
    world_pass(w, 600 * S - 1 * MS);
    expect_no_change(w);
    world_pass(w, 1 * MS);
    expect_change(w, false, false, bare, 64);
    expect_no_change(w);
    world_pass(w, 1200 * S - 1 * MS);
    expect_no_change(w);
    world_pass(w, 1 * MS);
    expect_change(w, true, false, host6(PEER), 0);
    expect_no_change(w);

    /* Lifetime 0 takes away at once (RFC 4861 6.3.4); 2^32-1 never ends. */
    ra.m.prefix[0].valid_s = UINT32_MAX;
    assert_int_equal(input(w, &ra), WEIR_DROP_NONE);
    expect_change(w, false, true, bare, 64);
    expect_change(w, true, true, host6(PEER), 0);
    world_pass(w, INT64_C(5000000000) * S);
    expect_change(w, true, false, host6(PEER), 0);
    expect_no_change(w);
    ra.m.prefix[0].valid_s = 0;
    ra.m.lifetime_s = 0;
    assert_int_equal(input(w, &ra), WEIR_DROP_NONE);
    expect_change(w, false, false, bare, 64);
    expect_no_change(w);
    assert_int_equal(w->wheel.armed, 0);
    world_close(w);
}

static void test_what_came_and_went_between_two_questions_is_not_told(void **state)
{
    (void)state;
    struct world *w = world_with_iface(true);
    struct message ra = router_advertisement(PEER, 100), end = router_advertisement(PEER, 0);
    input(w, &ra);
    input(w, &end);
    expect_no_change(w);
    input(w, &ra);
    expect_change(w, true, true, host6(PEER), 0);
    input(w, &end);
    input(w, &ra);
    expect_no_change(w); /* it never left */
    world_close(w);
}

static void test_a_router_that_says_it_is_none_is_removed(void **state)
{
    (void)state;
    struct world *w = world_with_iface(true);
    struct message ra = router_advertisement(PEER, 1800);
    ra.m.has_source_mac = true;
    ra.m.source_mac = mac_of(PEER_MAC);
    assert_int_equal(input(w, &ra), WEIR_DROP_NONE);
    assert_true(entry(w, PEER)->router);
    assert_int_equal(entry(w, PEER)->state, NEIGHBOUR_STALE);
    expect_change(w, true, true, host6(PEER), 0);
    struct message message = advertisement(PEER, false, false); /* the router flag is clear */
    assert_int_equal(input(w, &message), WEIR_DROP_NONE);
    expect_change(w, true, false, host6(PEER), 0);
    world_close(w);
}

static void test_ATK_ND_04_a_flood_of_routers_and_prefixes_fills_sixteen_places(void **state)
{
    (void)state;
    struct world *w = world_with_iface(true);
    struct message ra = router_advertisement(PEER, 1800);
    ra.m.prefix[0] = prefix_of(0, 1800);
    ra.m.prefix_count = 1;
    assert_int_equal(input(w, &ra), WEIR_DROP_NONE); /* the one that was there first stays */
    for (uint32_t n = 1; n < 10000; n++) {
        ra = router_advertisement(1000 + n, 1800);
        ra.m.has_source_mac = true;
        ra.m.source_mac = mac_of(1000 + n);
        for (unsigned i = 0; i < ND_PREFIXES_MAX; i++)
            ra.m.prefix[i] = prefix_of((uint16_t)(n * ND_PREFIXES_MAX + i), 1800);
        ra.m.prefix_count = ND_PREFIXES_MAX;
        assert_int_equal(input(w, &ra), WEIR_DROP_NONE);
        assert_int_equal(w->nd.count.routers_refused,
                         n < ND_ROUTERS_MAX ? 0 : n - ND_ROUTERS_MAX + 1);
    }
    unsigned routers = 0, prefixes = 0;
    struct nd_change change;
    bool first_router = false;
    while (nd_change(&w->nd, 0, &change)) {
        assert_true(change.added);
        routers += change.router;
        prefixes += !change.router;
        first_router = first_router || (change.router && ip6_eq(change.addr, host6(PEER)));
    }
    assert_true(first_router);
    assert_int_equal(routers, 16);
    assert_int_equal(prefixes, 16);
    assert_int_equal(w->wheel.armed,
                     w->neighbours.pool.in_use + 2); /* and one for each interface */
    assert_true(w->neighbours.pool.in_use <= world_default.neighbours_max);
    /* One leaves, one comes: not before its leaving was told. */
    struct message end = router_advertisement(PEER, 0), late = router_advertisement(OTHER, 1800);
    input(w, &end);
    uint64_t refused = w->nd.count.routers_refused;
    input(w, &late);
    assert_int_equal(w->nd.count.routers_refused, refused + 1);
    expect_change(w, true, false, host6(PEER), 0);
    input(w, &late);
    expect_change(w, true, true, host6(OTHER), 0);
    world_close(w);
}

static void test_ATK_ND_05_values_are_taken_within_sane_bounds(void **state)
{
    (void)state;
    static const struct {
        uint32_t mtu, mtu_after;
        uint8_t hop_limit, hop_limit_after;
    } rows[] = {
        {0, 1500, 0, 64},          {1279, 1500, 1, 64},  {65535, 1500, 63, 64},
        {1501, 1500, 2, 64},       {1280, 1280, 64, 64}, {1400, 1400, 65, 65},
        {UINT32_MAX, 1400, 0, 65}, {0, 1400, 30, 65},    {1500, 1500, 255, 255},
    };
    struct world *w = world_with_iface(true);
    unsigned mtus = 0, hop_limits = 0;
    assert_int_equal(w->nd.iface[0].mtu, 1500);
    assert_int_equal(w->nd.iface[0].hop_limit, 64);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct message ra = router_advertisement(PEER, 1800);
        ra.m.mtu = rows[i].mtu;
        ra.m.hop_limit = rows[i].hop_limit;
        assert_int_equal(input(w, &ra), WEIR_DROP_NONE);
        assert_int_equal(w->nd.iface[0].mtu, rows[i].mtu_after);
        assert_int_equal(w->nd.iface[0].hop_limit, rows[i].hop_limit_after);
        mtus += rows[i].mtu != 0 && rows[i].mtu != rows[i].mtu_after;
        hop_limits += rows[i].hop_limit != 0 && rows[i].hop_limit != rows[i].hop_limit_after;
        assert_int_equal(w->nd.count.mtus_refused, mtus);
        assert_int_equal(w->nd.count.hop_limits_refused, hop_limits);
    }
    struct message ra = router_advertisement(PEER, 1800);
    ra.m.reachable_ms = 1;
    ra.m.retrans_ms = 1;
    assert_int_equal(input(w, &ra), WEIR_DROP_NONE);
    assert_int_equal(w->neighbours.iface[0].reachable_ms, 1000);
    assert_int_equal(w->neighbours.iface[0].retrans_ms, 1000);
    assert_int_equal(w->nd.iface[1].mtu, 1500);
    world_close(w);
}

static void test_ATK_ND_05_prefixes_that_draw_too_much_are_refused(void **state)
{
    (void)state;
    struct world *w = world_with_iface(true);
    struct message ra = router_advertisement(PEER, 0);
    ra.m.prefix_count = 5;
    for (unsigned i = 0; i < 5; i++)
        ra.m.prefix[i] = prefix_of(1, 600);
    ra.m.prefix[0].len = 0;            /* the world */
    ra.m.prefix[1].prefix = host6(0);  /* link-local: ignored (RFC 4861 6.3.4) */
    ra.m.prefix[2].prefix = all_nodes; /* groups */
    ra.m.prefix[3].prefix = ip6_from_addr(addr_from_ip4(host4(1)));
    ra.m.prefix[3].len = 128;       /* IPv4 */
    ra.m.prefix[4].on_link = false; /* for forming addresses only */
    assert_int_equal(input(w, &ra), WEIR_DROP_NONE);
    expect_no_change(w);
    assert_int_equal(w->nd.count.prefixes_refused, 4);
    ra = router_advertisement(PEER, 0);
    ra.m.prefix_count = 3;
    for (unsigned i = 0; i < 3; i++)
        ra.m.prefix[i] = prefix_of(0xffff, 600);
    ra.m.prefix[1].len = 41;
    ra.m.prefix[2].len = 128;
    assert_int_equal(input(w, &ra), WEIR_DROP_NONE);
    static const struct ip6_addr first = {{0x20, 1, 0x0d, 0xb8, 0xff, 0xff}};
    static const struct ip6_addr second = {{0x20, 1, 0x0d, 0xb8, 0xff, 0x80}};
    expect_change(w, false, true, first, 64);
    expect_change(w, false, true, second, 41);
    expect_change(w, false, true, prefix_of(0xffff, 0).prefix, 128);
    world_close(w);
}

static void test_without_leave_routers_are_not_listened_to(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct message ra = router_advertisement(PEER, 1800);
    ra.m.mtu = 1280;
    assert_int_equal(input(w, &ra), WEIR_DROP_ND_ROUTER);
    assert_int_equal(w->nd.iface[0].mtu, 1500);
    expect_no_change(w);
    ra.m = (struct nd){.type = ICMP6_ROUTER_SOLICITATION}; /* we are no router */
    assert_int_equal(input(w, &ra), WEIR_DROP_ND_ROUTER);
    assert_int_equal(w->wheel.armed, 0);
    world_pass(w, 100 * S);
    expect_silence(w); /* nor asked for */
    world_close(w);
}

static void test_routers_are_asked_for_three_times_four_seconds_apart(void **state)
{
    (void)state;
    static const struct ip6_addr all_routers = {
        {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
    static const struct eth_addr all_routers_mac = {{0x33, 0x33, 0, 0, 0, 2}};
    struct world *w = world_with_iface(true);
    weir_time first = w->nd.iface[0].solicit_at;
    assert_in_range(first - w->now, 0, 1 * S);
    world_run(w, first);
    struct sent s = take(w);
    assert_int_equal(s.m.type, ICMP6_ROUTER_SOLICITATION);
    assert_true(ip6_is_unspecified(s.ip.source) && !s.m.has_source_mac); /* no address yet */
    assert_true(ip6_eq(s.ip.destination, all_routers));
    assert_true(eth_addr_eq(s.eth.destination, all_routers_mac));
    expect_silence(w);
    world_address(w, addr_from_ip6(host6(OWN)), 0, false);
    for (unsigned i = 0; i < 2; i++) {
        world_pass(w, 4 * S - 1 * MS);
        expect_silence(w);
        world_pass(w, 1 * MS);
        s = take(w);
        assert_true(ip6_eq(s.ip.source, host6(OWN)));
        assert_true(s.m.has_source_mac && eth_addr_eq(s.m.source_mac, mac_of(OWN_MAC)));
    }
    world_pass(w, 100 * S);
    expect_silence(w);
    world_close(w);
}

static void test_a_router_that_answers_ends_the_asking(void **state)
{
    (void)state;
    struct world *w = world_with_iface(true);
    world_pass(w, 1 * S);
    struct message none = router_advertisement(PEER, 0), ra = router_advertisement(PEER, 1800);
    input(w, &none); /* no default router: asking goes on (RFC 4861 6.3.7) */
    assert_true(nd_has_output(&w->nd, 0));
    input(w, &ra);
    expect_silence(w);
    world_pass(w, 100 * S);
    expect_silence(w);
    world_close(w);
}

static void test_contract_breaches_are_caught(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct message message = solicitation(OWN);
    struct nd_iface_config config = {.mac = mac_of(1), .link_mtu = 1280};
    expect_breach(input(w, &message)); /* not up */
    config.link_mtu = 1279;
    expect_breach(nd_iface_up(&w->nd, 0, &config, w->now));
    config = (struct nd_iface_config){.mac = eth_broadcast(), .link_mtu = 1500};
    expect_breach(nd_iface_up(&w->nd, 0, &config, w->now));
    struct net_timer foreign = {.kind = NET_TIMER_ADDRESS};
    expect_breach(nd_expire(&w->nd, &foreign, w->now));
    assert_int_equal(nd_size(0), 0);
    assert_int_equal(nd_size(65), 0);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_solicitation_for_us_is_answered_and_its_sender_remembered),
        cmocka_unit_test(test_a_solicitation_without_option_is_answered_where_it_came_from),
        cmocka_unit_test(test_another_hosts_probe_for_our_address_is_answered_to_all),
        cmocka_unit_test(test_solicitations_for_others_are_none_of_our_business),
        cmocka_unit_test(test_an_address_removed_before_its_answer_was_sent_is_not_answered_for),
        cmocka_unit_test(test_answers_to_a_flood_are_capped_and_rate_limited),
        cmocka_unit_test(test_ATK_ND_06_advertisements_resolve_what_was_asked_and_nothing_else),
        cmocka_unit_test(test_an_advertisement_of_our_address_is_a_conflict_and_changes_nothing),
        cmocka_unit_test(test_a_static_neighbour_is_not_moved),
        cmocka_unit_test(test_impossible_link_layer_addresses_are_dropped),
        cmocka_unit_test(test_mapped_addresses_do_not_reach_the_ipv4_neighbours),
        cmocka_unit_test(test_impossible_sources_are_dropped),
        cmocka_unit_test(test_ATK_ND_01_a_message_from_beyond_the_link_changes_nothing),
        cmocka_unit_test(test_ATK_ND_02_a_message_with_an_empty_option_changes_nothing),
        cmocka_unit_test(test_ATK_ND_10_a_source_option_of_nobody_changes_nothing),
        cmocka_unit_test(test_ATK_ND_11_a_fragmented_message_changes_nothing),
        cmocka_unit_test(test_ATK_ND_09_redirects_are_refused_and_counted),
        cmocka_unit_test(test_solicitations_go_to_the_group_or_to_the_station),
        cmocka_unit_test(test_ATK_ND_05_routers_and_prefixes_live_as_long_as_they_say),
        cmocka_unit_test(test_what_came_and_went_between_two_questions_is_not_told),
        cmocka_unit_test(test_a_router_that_says_it_is_none_is_removed),
        cmocka_unit_test(test_ATK_ND_04_a_flood_of_routers_and_prefixes_fills_sixteen_places),
        cmocka_unit_test(test_ATK_ND_05_values_are_taken_within_sane_bounds),
        cmocka_unit_test(test_ATK_ND_05_prefixes_that_draw_too_much_are_refused),
        cmocka_unit_test(test_without_leave_routers_are_not_listened_to),
        cmocka_unit_test(test_routers_are_asked_for_three_times_four_seconds_apart),
        cmocka_unit_test(test_a_router_that_answers_ends_the_asking),
        cmocka_unit_test(test_contract_breaches_are_caught),
    };
    return cmocka_run_group_tests_name("nd", tests, NULL, NULL);
}
