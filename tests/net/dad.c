/* SPDX-License-Identifier: MIT */
#include "nd_steps.h"

static struct address *begin(struct world *w, uint32_t n)
{
    struct address *own = world_address(w, addr_from_ip6(host6(n)), 0, true);
    dad_start(&w->dad, own, w->now);
    assert_int_equal(own->state, ADDRESS_TENTATIVE);
    return own;
}

static bool next(struct world *w, struct dad_message *message)
{
    return dad_output(&w->dad, 0, w->now, message);
}

static void expect_nothing(struct world *w)
{
    struct dad_message message;
    assert_false(next(w, &message));
    assert_false(dad_has_output(&w->dad, 0));
}

static void expect(struct world *w, struct address *own, bool probe)
{
    struct dad_message message;
    assert_true(dad_has_output(&w->dad, 0));
    assert_true(next(w, &message));
    assert_true(addr_eq(message.addr, own->addr));
    assert_int_equal(message.probe, probe);
}

static void test_one_probe_and_a_second_of_silence_make_an_address_ours(void **state)
{
    (void)state;
    struct world *w = world_with_iface(false);
    struct address *own = begin(w, OWN);
    world_pass(w, 0); /* no delay configured here */
    expect(w, own, true);
    expect_nothing(w);
    world_pass(w, 1 * S - 1 * MS);
    assert_int_equal(own->state, ADDRESS_TENTATIVE);
    world_pass(w, 1 * MS);
    assert_int_equal(own->state, ADDRESS_PREFERRED);
    assert_int_equal(w->dad.unique, 1);
    expect(w, own, false);
    expect_nothing(w);
    assert_int_equal(w->wheel.armed, 0);
    world_close(w);
}

static void test_as_many_probes_as_configured_a_second_apart(void **state)
{
    (void)state;
    struct world_config config = world_default;
    config.dad_transmits = 3;
    struct world *w = world_open(&config);
    struct address *own = begin(w, OWN);
    world_pass(w, 0);
    for (unsigned i = 0; i < 3; i++) {
        expect(w, own, true);
        world_pass(w, 1 * S - 1 * MS);
        expect_nothing(w);
        assert_int_equal(own->state, ADDRESS_TENTATIVE);
        world_pass(w, 1 * MS);
    }
    assert_int_equal(own->state, ADDRESS_PREFERRED);
    world_close(w);
    config.dad_transmits = 0; /* no detection: ours at once */
    w = world_open(&config);
    own = world_address(w, addr_from_ip6(host6(OWN)), 0, true);
    dad_start(&w->dad, own, w->now);
    assert_int_equal(own->state, ADDRESS_PREFERRED);
    expect(w, own, false);
    world_close(w);
}

static void test_the_first_probe_waits_a_random_time_up_to_a_second(void **state)
{
    (void)state;
    weir_time low = INT64_MAX, high = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world_config config = world_default;
        config.dad_delay_ms_max = 1000;
        config.seed = seed;
        struct world *w = world_open(&config);
        struct address *own = begin(w, OWN);
        weir_time delay = own->dad.timer.node.deadline - w->now;
        assert_in_range(delay, 0, 1 * S);
        low = delay < low ? delay : low;
        high = delay > high ? delay : high;
        if (delay > 0)
            world_run(w, w->now + delay - 1);
        assert_false(dad_has_output(&w->dad, 0) && delay > 0);
        world_run(w, own->dad.timer.node.deadline);
        expect(w, own, true);
        world_close(w);
    }
    assert_true(low < 100 * MS && high > 900 * MS);
}

static void test_no_address_passes_before_its_probe_was_sent(void **state)
{
    (void)state;
    struct world *w = world_with_iface(false);
    struct address *own = begin(w, OWN);
    world_pass(w, 100 * S); /* the device takes nothing */
    assert_int_equal(own->state, ADDRESS_TENTATIVE);
    expect(w, own, true);
    world_pass(w, 1 * S);
    assert_int_equal(own->state, ADDRESS_PREFERRED);
    world_close(w);
}

static void test_the_frames_are_those_of_the_rfcs(void **state)
{
    (void)state;
    struct world *w = world_with_iface(false);
    uint8_t frame[ND_FRAME_MAX];
    struct dad_message message = {.addr = addr_from_ip6(host6(0x123456)), .probe = true};
    struct sent s = parse_frame(frame, nd_announce(&w->nd, 0, &message, frame, sizeof frame));
    /* RFC 4862 5.4.2: from ::, to the solicited-node group, no link-layer address (RFC 4861 4.3).
     */
    static const struct ip6_addr group = {
        {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x12, 0x34, 0x56}};
    static const struct eth_addr group_mac = {{0x33, 0x33, 0xff, 0x12, 0x34, 0x56}};
    assert_int_equal(s.m.type, ICMP6_NEIGHBOUR_SOLICITATION);
    assert_true(ip6_is_unspecified(s.ip.source) && ip6_eq(s.ip.destination, group));
    assert_true(eth_addr_eq(s.eth.destination, group_mac));
    assert_true(ip6_eq(s.m.target, host6(0x123456)) && !s.m.has_source_mac);

    /* RFC 4861 7.2.6: to all nodes, unsolicited, from the address itself. */
    static const struct ip6_addr all_nodes = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    static const struct eth_addr all_nodes_mac = {{0x33, 0x33, 0, 0, 0, 1}};
    message.probe = false;
    s = parse_frame(frame, nd_announce(&w->nd, 0, &message, frame, sizeof frame));
    assert_int_equal(s.m.type, ICMP6_NEIGHBOUR_ADVERTISEMENT);
    assert_true(ip6_eq(s.ip.source, host6(0x123456)) && ip6_eq(s.ip.destination, all_nodes));
    assert_true(eth_addr_eq(s.eth.destination, all_nodes_mac));
    assert_true(!s.m.solicited && s.m.override && !s.m.router);
    assert_true(s.m.has_target_mac && eth_addr_eq(s.m.target_mac, mac_of(OWN_MAC)));
    assert_int_equal(nd_announce(&w->nd, 0, &message, frame, sizeof frame - 1), 0);
    world_close(w);
}

static void test_another_host_that_probes_or_answers_makes_a_duplicate(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct world *w = world_with_iface(false);
        struct address *own = begin(w, OWN);
        struct message message = i == 0 ? dad_probe(OWN) : advertisement(OWN, false, true);
        world_pass(w, 0);
        expect(w, own, true);
        assert_int_equal(input(w, &message), WEIR_DROP_NONE);
        assert_int_equal(own->state, ADDRESS_DUPLICATED);
        assert_int_equal(w->dad.duplicates, 1);
        assert_int_equal(w->wheel.armed, 0);
        world_pass(w, 100 * S);
        expect_nothing(w);
        expect_silence(w);
        /* It is not ours: neither answered for, nor a conflict. */
        message = solicitation(OWN);
        assert_int_equal(input(w, &message), WEIR_DROP_ND_NOT_FOR_US);
        message = dad_probe(OWN);
        assert_int_equal(input(w, &message), WEIR_DROP_ND_NOT_FOR_US);
        assert_int_equal(own->state, ADDRESS_DUPLICATED);
        world_close(w);
    }
}

static void test_a_duplicate_before_the_probe_was_sent_sends_none(void **state)
{
    (void)state;
    struct world *w = world_with_iface(false);
    struct address *own = begin(w, OWN);
    struct message message = dad_probe(OWN);
    world_pass(w, 0);
    assert_true(dad_has_output(&w->dad, 0));
    assert_int_equal(input(w, &message), WEIR_DROP_NONE);
    assert_int_equal(own->state, ADDRESS_DUPLICATED);
    expect_nothing(w);
    world_close(w);
}

static void test_what_is_no_sign_of_a_duplicate_is_ignored(void **state)
{
    (void)state;
    struct world *w = world_with_iface(false);
    struct address *own = begin(w, OWN);
    world_pass(w, 0);
    expect(w, own, true);
    struct message looped = dad_probe(OWN); /* our own probe (RFC 4862 5.4.3) */
    looped.source = mac_of(OWN_MAC);
    assert_int_equal(input(w, &looped), WEIR_DROP_ND_MAC);
    struct message resolution = solicitation(OWN); /* somebody resolves it: nobody answers yet */
    assert_int_equal(input(w, &resolution), WEIR_DROP_ND_NOT_FOR_US);
    struct message other = dad_probe(OTHER);
    assert_int_equal(input(w, &other), WEIR_DROP_ND_NOT_FOR_US);
    assert_int_equal(own->state, ADDRESS_TENTATIVE);
    expect_silence(w);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    world_pass(w, 1 * S);
    assert_int_equal(own->state, ADDRESS_PREFERRED);
    world_close(w);
}

static void test_ATK_ND_08_a_host_that_denies_every_address_is_given_up_to_once_each(void **state)
{
    (void)state;
    struct world *w = world_with_iface(false);
    struct address *own[WORLD_ADDRESSES];
    unsigned frames = 0;
    for (uint32_t i = 0; i < WORLD_ADDRESSES; i++)
        own[i] = begin(w, 10 + i);
    for (unsigned ms = 0; ms < 5000; ms++) {
        struct dad_message message;
        while (next(w, &message)) {
            frames++;
            uint32_t n = load32(message.addr.bytes + 12);
            struct message denial = advertisement(n, false, true);
            input(w, &denial);
        }
        world_pass(w, 1 * MS);
    }
    assert_int_equal(frames, WORLD_ADDRESSES); /* no loop */
    assert_int_equal(w->dad.duplicates, WORLD_ADDRESSES);
    assert_int_equal(w->wheel.armed, 0);
    for (uint32_t i = 0; i < WORLD_ADDRESSES; i++)
        assert_int_equal(own[i]->state, ADDRESS_DUPLICATED);
    /* Tried again only when the administrator does so. */
    address_remove(&w->addresses, own[0]);
    begin(w, 10);
    world_close(w);
}

static void test_ipv4_addresses_are_announced_twice_two_seconds_apart(void **state)
{
    (void)state;
    struct world *w = world_with_iface(false);
    struct address *own = world_address(w, addr_from_ip4(host4(OWN)), 0, false);
    dad_start(&w->dad, own, w->now);
    assert_int_equal(own->state, ADDRESS_PREFERRED); /* used at once */
    expect(w, own, false);
    expect_nothing(w);
    world_pass(w, 2 * S - 1 * MS);
    expect_nothing(w);
    world_pass(w, 1 * MS);
    expect(w, own, false);
    world_pass(w, 100 * S);
    expect_nothing(w);
    world_close(w);
}

static void test_removing_an_address_ends_what_was_going_on(void **state)
{
    (void)state;
    struct world *w = world_with_iface(false);
    address_remove(&w->addresses, begin(w, OWN)); /* in the delay */
    assert_int_equal(w->wheel.armed, 0);
    struct address *own = begin(w, OWN);
    world_pass(w, 0);
    address_remove(&w->addresses, own); /* with a probe due */
    expect_nothing(w);
    own = begin(w, OWN);
    world_pass(w, 0);
    expect(w, own, true);
    address_remove(&w->addresses, own); /* listening */
    world_pass(w, 10 * S);
    expect_nothing(w);
    assert_int_equal(w->dad.unique, 0);
    world_close(w);
}

static void test_interfaces_are_served_apart(void **state)
{
    (void)state;
    struct world *w = world_with_iface(false);
    struct address *here = begin(w, OWN);
    struct address *there = world_address(w, addr_from_ip6(host6(OWN)), 1, true);
    dad_start(&w->dad, there, w->now);
    world_pass(w, 0);
    expect(w, here, true);
    expect_nothing(w);
    struct message message = dad_probe(OWN);
    assert_int_equal(input(w, &message), WEIR_DROP_NONE); /* on interface 0 */
    assert_int_equal(there->state, ADDRESS_TENTATIVE);
    assert_true(dad_has_output(&w->dad, 1));
    world_close(w);
}

static void test_contract_breaches_are_caught(void **state)
{
    (void)state;
    struct world *w = world_with_iface(false);
    struct address *own = world_address(w, addr_from_ip4(host4(OWN)), 0, false);
    struct net_timer foreign = {.kind = NET_TIMER_NEIGHBOUR};
    struct dad_message message;
    expect_breach(dad_conflict(&w->dad, own)); /* not TENTATIVE */
    expect_breach(dad_expire(&w->dad, &foreign, w->now));
    expect_breach(dad_output(&w->dad, ADDRESS_INTERFACES_MAX, w->now, &message));
    struct dad_config config = {.handler = &world_handler,
                                .wheel = &w->wheel,
                                .addresses = &w->addresses,
                                .transmits = DAD_TRANSMITS_MAX + 1};
    struct dad d;
    expect_breach(dad_init(&d, &config));
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_probe_and_a_second_of_silence_make_an_address_ours),
        cmocka_unit_test(test_as_many_probes_as_configured_a_second_apart),
        cmocka_unit_test(test_the_first_probe_waits_a_random_time_up_to_a_second),
        cmocka_unit_test(test_no_address_passes_before_its_probe_was_sent),
        cmocka_unit_test(test_the_frames_are_those_of_the_rfcs),
        cmocka_unit_test(test_another_host_that_probes_or_answers_makes_a_duplicate),
        cmocka_unit_test(test_a_duplicate_before_the_probe_was_sent_sends_none),
        cmocka_unit_test(test_what_is_no_sign_of_a_duplicate_is_ignored),
        cmocka_unit_test(test_ATK_ND_08_a_host_that_denies_every_address_is_given_up_to_once_each),
        cmocka_unit_test(test_ipv4_addresses_are_announced_twice_two_seconds_apart),
        cmocka_unit_test(test_removing_an_address_ends_what_was_going_on),
        cmocka_unit_test(test_interfaces_are_served_apart),
        cmocka_unit_test(test_contract_breaches_are_caught),
    };
    return cmocka_run_group_tests_name("dad", tests, NULL, NULL);
}
