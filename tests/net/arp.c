/* SPDX-License-Identifier: MIT */
#include "link_world.h"

enum { OWN = 1, PEER = 2, OTHER = 3, OWN_MAC = 100 };

static struct world *world_with_own(void)
{
    struct world *w = world_open(&world_default);
    arp_iface_up(&w->arp, 0, mac_of(OWN_MAC));
    arp_iface_up(&w->arp, 1, mac_of(OWN_MAC + 1));
    world_address(w, addr_from_ip4(host4(OWN)), 0, false);
    return w;
}

static struct arp request(uint32_t sender, uint32_t mac, uint32_t target)
{
    return (struct arp){.operation = ARP_REQUEST,
                        .sender_mac = mac_of(mac),
                        .sender = host4(sender),
                        .target = host4(target)};
}

static struct arp reply(uint32_t sender, uint32_t mac, uint32_t target)
{
    struct arp m = request(sender, mac, target);
    m.operation = ARP_REPLY;
    m.target_mac = mac_of(OWN_MAC);
    return m;
}

static enum weir_drop input(struct world *w, struct arp m)
{
    return arp_input(&w->arp, 0, &m, w->now);
}

static const struct neighbour *entry(struct world *w, uint32_t n)
{
    struct neighbour_key key = key4(n);
    return neighbour_find(&w->neighbours, &key);
}

/* What arp_output() writes must be these bytes, with zeros up to 60, and nothing behind. */
static void expect_frame(struct world *w, const uint8_t *expected, size_t len)
{
    uint8_t frame[ARP_FRAME_LEN + 4];
    memset(frame, 0xa5, sizeof frame);
    assert_true(arp_has_output(&w->arp, 0));
    assert_int_equal(arp_output(&w->arp, 0, frame, sizeof frame), 60);
    assert_memory_equal(frame, expected, len);
    for (size_t i = len; i < 60; i++)
        assert_int_equal(frame[i], 0);
    assert_int_equal(frame[60], 0xa5);
}

static void expect_silence(struct world *w)
{
    uint8_t frame[ARP_FRAME_LEN];
    assert_int_equal(arp_output(&w->arp, 0, frame, sizeof frame), 0);
}

/* ---- replies ---- */

static void test_ATK_DEV_04_a_request_for_us_is_answered_in_a_frame_padded_with_zeros(void **state)
{
    (void)state;
    static const uint8_t expected[42] = {2, 0,   0,    0,    0, 7,   2,  0, 0, 0,
                                         0, 100, 0x08, 0x06,                /* Ethernet */
                                         0, 1,   0x08, 0,    6, 4,   0,  2, /* a reply (RFC 826) */
                                         2, 0,   0,    0,    0, 100, 10, 0, 0, 1, /* we are at */
                                         2, 0,   0,    0,    0, 7,   10, 0, 0, 2};
    struct world *w = world_with_own();
    assert_int_equal(input(w, request(PEER, 7, OWN)), WEIR_DROP_NONE);
    assert_int_equal(input(w, request(PEER, 7, OWN)), WEIR_DROP_NONE); /* one reply for both */
    uint8_t small[ARP_FRAME_LEN - 1];
    assert_int_equal(arp_output(&w->arp, 0, small, sizeof small), 0);
    expect_frame(w, expected, sizeof expected);
    expect_silence(w);
    assert_int_equal(w->arp.count.replies, 1);
    assert_int_equal(entry(w, PEER)->state,
                     NEIGHBOUR_STALE); /* RFC 826: its sender is remembered */
    assert_true(eth_addr_eq(entry(w, PEER)->mac, mac_of(7)));
    world_close(w);
}

static void test_a_probe_is_answered_and_teaches_nothing(void **state)
{
    (void)state;
    static const uint8_t expected[42] = {2,  0, 0,    0, 0, 7, 2, 0, 0, 0, 0, 100, 0x08, 0x06,
                                         0,  1, 0x08, 0, 6, 4, 0, 2, 2, 0, 0, 0,   0,    100,
                                         10, 0, 0,    1, 2, 0, 0, 0, 0, 7, 0, 0,   0,    0};
    struct world *w = world_with_own();
    struct arp probe = request(PEER, 7, OWN);
    probe.sender = (struct ip4_addr){{0}};
    assert_int_equal(input(w, probe), WEIR_DROP_NONE); /* RFC 5227 2.1.1 */
    expect_frame(w, expected, sizeof expected);
    probe.target = host4(OTHER);
    assert_int_equal(input(w, probe), WEIR_DROP_ARP_NOT_FOR_US);
    expect_silence(w);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    world_close(w);
}

static void test_requests_for_others_and_for_our_other_interfaces_are_not_answered(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    world_address(w, addr_from_ip4((struct ip4_addr){{192, 0, 2, 1}}), 1, false);
    assert_int_equal(input(w, request(PEER, 7, OTHER)), WEIR_DROP_ARP_NOT_FOR_US);
    struct arp m = request(PEER, 7, 0);
    m.target = (struct ip4_addr){{192, 0, 2, 1}};
    assert_int_equal(input(w, m), WEIR_DROP_ARP_NOT_FOR_US);
    expect_silence(w);
    assert_int_equal(arp_input(&w->arp, 1, &m, w->now), WEIR_DROP_NONE);
    expect_silence(w);
    assert_true(arp_has_output(&w->arp, 1));
    world_close(w);
}

static void test_an_address_removed_before_its_reply_was_sent_is_not_answered_for(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    assert_int_equal(input(w, request(PEER, 7, OWN)), WEIR_DROP_NONE);
    address_remove(&w->addresses, address_find(&w->addresses, addr_from_ip4(host4(OWN)), 0));
    assert_true(arp_has_output(&w->arp, 0));
    expect_silence(w);
    assert_false(arp_has_output(&w->arp, 0));
    world_close(w);
}

static void test_ATK_ARP_04_replies_to_a_flood_are_capped_and_rate_limited(void **state)
{
    (void)state;
    enum { SENDERS = 100000, SECONDS = 2 };
    struct world *w = world_with_own();
    for (uint32_t n = 0; n < ARP_NOTES_MAX + 1; n++) /* limit - 1, limit, limit + 1 */
        assert_int_equal(input(w, request(1000 + n, 1000 + n, OWN)), WEIR_DROP_NONE);
    assert_int_equal(w->arp.count.replies_limited, 1);
    assert_int_equal(w->arp.iface[0].count, ARP_NOTES_MAX);
    uint8_t frame[ARP_FRAME_LEN];
    while (arp_output(&w->arp, 0, frame, sizeof frame) != 0)
        ;
    assert_int_equal(w->arp.count.replies, ARP_NOTES_MAX);
    world_pass(w, 10 * S);
    uint64_t before = w->arp.count.replies;
    for (uint32_t n = 0; n < SENDERS; n++) {
        input(w, request(5000 + n, 5000 + n, OWN));
        arp_output(&w->arp, 0, frame, sizeof frame);
        if (n % 50 == 0)
            world_pass(w, SECONDS * S / (SENDERS / 50));
    }
    uint64_t replies = w->arp.count.replies - before;
    assert_in_range(replies, ARP_REPLIES_PER_S_MAX * SECONDS,
                    ARP_REPLIES_PER_S_MAX * SECONDS + ARP_REPLIES_BURST);
    assert_int_equal(w->arp.count.replies_limited, 1 + SENDERS - replies);
    assert_int_equal(w->neighbours.pool.in_use, world_default.neighbours_max);
    world_close(w);
}

/* ---- what cannot be believed ---- */

static void test_ATK_ARP_05_impossible_senders_are_dropped(void **state)
{
    (void)state;
    static const struct eth_addr macs[] = {{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
                                           {{1, 0, 0x5e, 0, 0, 1}},
                                           {{0}},
                                           {{2, 0, 0, 0, 0, OWN_MAC}}};
    static const struct ip4_addr addrs[] = {
        {{0, 0, 0, 1}},         {{127, 0, 0, 1}},     {{224, 0, 0, 1}}, {{240, 0, 0, 1}},
        {{255, 255, 255, 255}}, {{10, 255, 255, 255}} /* the broadcast of our subnet */};
    struct world *w = world_with_own();
    for (unsigned i = 0; i < sizeof macs / sizeof *macs; i++) {
        struct arp m = request(PEER, 0, OWN);
        m.sender_mac = macs[i];
        assert_int_equal(input(w, m), WEIR_DROP_ARP_SENDER);
        m.operation = ARP_REPLY;
        assert_int_equal(input(w, m), WEIR_DROP_ARP_SENDER);
        m.sender = host4(OWN); /* nor a conflict */
        assert_int_equal(input(w, m), WEIR_DROP_ARP_SENDER);
    }
    for (unsigned i = 0; i < sizeof addrs / sizeof *addrs; i++) {
        struct arp m = request(PEER, 7, OWN);
        m.sender = addrs[i];
        assert_int_equal(input(w, m), WEIR_DROP_ARP_SENDER);
    }
    struct arp m = reply(PEER, 7, OWN);
    m.sender = (struct ip4_addr){{0}}; /* a reply from nobody */
    assert_int_equal(input(w, m), WEIR_DROP_ARP_SENDER);
    expect_silence(w);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    assert_int_equal(w->arp.count.conflicts, 0);
    world_close(w);
}

static void test_ATK_ARP_02_unsolicited_replies_and_gratuitous_requests_make_no_entry(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    assert_int_equal(input(w, reply(PEER, 7, OWN)), WEIR_DROP_ARP_UNSOLICITED);
    assert_int_equal(input(w, reply(PEER, 7, PEER)), WEIR_DROP_ARP_NOT_FOR_US);
    assert_int_equal(input(w, request(PEER, 7, PEER)), WEIR_DROP_ARP_NOT_FOR_US);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    world_close(w);
}

static void test_a_gratuitous_message_updates_a_stale_entry(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    assert_int_equal(input(w, request(PEER, 7, OWN)), WEIR_DROP_NONE);
    assert_int_equal(input(w, request(PEER, 8, PEER)), WEIR_DROP_NONE);
    assert_true(eth_addr_eq(entry(w, PEER)->mac, mac_of(8)));
    assert_int_equal(input(w, reply(PEER, 9, PEER)), WEIR_DROP_NONE);
    assert_true(eth_addr_eq(entry(w, PEER)->mac, mac_of(9)));
    assert_int_equal(entry(w, PEER)->state, NEIGHBOUR_STALE);
    world_close(w);
}

static void test_ATK_ARP_03_a_claim_to_a_live_entry_is_a_counted_drop(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    struct neighbour_key key = key4(PEER);
    struct neighbour_probe probe;
    struct eth_addr mac;
    assert_int_equal(neighbour_resolve(&w->neighbours, &key, w->now, &mac), NEIGHBOUR_WAIT);
    assert_true(neighbour_output(&w->neighbours, 0, w->now, &probe));
    assert_int_equal(input(w, reply(PEER, 7, OWN)), WEIR_DROP_NONE);
    assert_int_equal(entry(w, PEER)->state, NEIGHBOUR_REACHABLE);
    assert_int_equal(input(w, reply(PEER, 8, OWN)), WEIR_DROP_ARP_CONFLICT);
    assert_int_equal(input(w, request(PEER, 8, PEER)), WEIR_DROP_ARP_CONFLICT);
    assert_int_equal(input(w, request(PEER, 8, OWN)), WEIR_DROP_NONE); /* answered, not believed */
    assert_true(eth_addr_eq(entry(w, PEER)->mac, mac_of(7)));
    assert_int_equal(w->neighbours.count.challenged, 3);
    world_close(w);
}

/* ---- conflicts over our address ---- */

static const uint8_t
    defence[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0,
                   100,  0x08, 0x06, 0,    1,    0x08, 0,  6, 4, 0, 1,
                   2,    0,    0,    0,    0,    100,  10, 0, 0, 1, /* RFC 5227 2.3: sender and
                                                                       target are the address */
                   0,    0,    0,    0,    0,    0,    10, 0, 0, 1};

static void test_ATK_ARP_06_a_conflict_storm_gets_one_defence_in_ten_seconds(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    world_address(w, addr_from_ip4(host4(OTHER)), 0, false);
    struct neighbour_key key = key4(PEER);
    struct pool_handle pin;
    struct eth_addr mac;
    assert_int_equal(neighbour_add_static(&w->neighbours, &key, mac_of(7)), WEIR_OK);
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_READY);
    unsigned frames = 0;
    weir_time last = INT64_MIN;
    for (unsigned i = 0; i < 250000; i++) { /* 10^4/s for 25 s */
        uint8_t frame[ARP_FRAME_LEN];
        struct arp m = i % 2 == 0 ? request(OWN, 66, PEER) : reply(OWN, 66, OWN);
        assert_int_equal(input(w, m), WEIR_DROP_ARP_CONFLICT);
        while (arp_output(&w->arp, 0, frame, sizeof frame) != 0) {
            assert_memory_equal(frame, defence, sizeof defence);
            assert_true(last == INT64_MIN || w->now - last >= 10 * S);
            last = w->now;
            frames++;
        }
        w->now += 100 * WEIR_NS_PER_US;
    }
    assert_int_equal(frames, 3);
    assert_int_equal(w->arp.count.conflicts, 250000);
    assert_int_equal(w->arp.count.defences, 3);
    /* The address is kept, and the neighbours of connections are. */
    assert_non_null(address_find(&w->addresses, addr_from_ip4(host4(OWN)), 0));
    assert_int_equal(neighbour_pinned(&w->neighbours, pin, w->now, &mac), NEIGHBOUR_READY);
    assert_int_equal(w->neighbours.pool.in_use, 1);
    /* Another address of ours has a defence of its own. */
    assert_int_equal(input(w, request(OTHER, 66, PEER)), WEIR_DROP_ARP_CONFLICT);
    assert_int_equal(w->arp.count.defences, 4);
    world_close(w);
}

/* ---- what others asked for ---- */

static void test_a_solicitation_is_a_request_from_the_address_that_suits(void **state)
{
    (void)state;
    static const uint8_t broadcast[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0,
                                          100,  0x08, 0x06, 0,    1,    0x08, 0,  6, 4, 0, 1,
                                          2,    0,    0,    0,    0,    100,  10, 0, 0, 1, 0,
                                          0,    0,    0,    0,    0,    10,   0,  0, 2};
    struct world *w = world_with_own();
    uint8_t frame[ARP_FRAME_LEN], zeros[18] = {0};
    struct neighbour_probe probe = {.key = key4(PEER)};
    world_address(w, addr_from_ip4((struct ip4_addr){{192, 0, 2, 1}}), 0, false);
    memset(frame, 0xa5, sizeof frame);
    assert_int_equal(arp_solicit(&w->arp, &probe, frame, sizeof frame), 60);
    assert_memory_equal(frame, broadcast, sizeof broadcast);
    assert_memory_equal(frame + 42, zeros, 18);
    assert_int_equal(arp_solicit(&w->arp, &probe, frame, 59), 0);

    probe.unicast = true;
    probe.mac = mac_of(7);
    assert_int_equal(arp_solicit(&w->arp, &probe, frame, sizeof frame), 60);
    assert_memory_equal(frame, mac_of(7).b, 6);
    assert_memory_equal(frame + 6, broadcast + 6, 36);

    /* On an interface without address: from nobody, and not from an address of another. */
    probe = (struct neighbour_probe){.key = key4(PEER)};
    probe.key.ifindex = 1;
    assert_int_equal(arp_solicit(&w->arp, &probe, frame, sizeof frame), 60);
    assert_memory_equal(frame + 22, mac_of(OWN_MAC + 1).b, 6);
    assert_memory_equal(frame + 28, zeros, 4);
    world_close(w);
}

static void test_an_announcement_is_what_defends(void **state)
{
    (void)state;
    struct world *w = world_with_own();
    uint8_t frame[ARP_FRAME_LEN];
    assert_int_equal(arp_announce(&w->arp, 0, host4(OWN), frame, sizeof frame), 60);
    assert_memory_equal(frame, defence, sizeof defence);
    assert_int_equal(arp_announce(&w->arp, 0, host4(OWN), frame, 59), 0);
    world_close(w);
}

static void test_contract_breaches_are_caught(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct arp m = request(PEER, 7, OWN);
    expect_breach(arp_input(&w->arp, 0, &m, w->now)); /* not up */
    expect_breach(arp_iface_up(&w->arp, WORLD_INTERFACES, mac_of(1)));
    expect_breach(arp_iface_up(&w->arp, 0, eth_broadcast()));
    assert_false(arp_has_output(&w->arp, 0));
    assert_int_equal(arp_size(0, 1), 0);
    assert_int_equal(arp_size(65, 1), 0);
    assert_int_equal(arp_size(1, 0), 0);
    assert_int_equal(arp_size(1, ADDRESSES_MAX + 1), 0);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ATK_DEV_04_a_request_for_us_is_answered_in_a_frame_padded_with_zeros),
        cmocka_unit_test(test_a_probe_is_answered_and_teaches_nothing),
        cmocka_unit_test(test_requests_for_others_and_for_our_other_interfaces_are_not_answered),
        cmocka_unit_test(test_an_address_removed_before_its_reply_was_sent_is_not_answered_for),
        cmocka_unit_test(test_ATK_ARP_04_replies_to_a_flood_are_capped_and_rate_limited),
        cmocka_unit_test(test_ATK_ARP_05_impossible_senders_are_dropped),
        cmocka_unit_test(test_ATK_ARP_02_unsolicited_replies_and_gratuitous_requests_make_no_entry),
        cmocka_unit_test(test_a_gratuitous_message_updates_a_stale_entry),
        cmocka_unit_test(test_ATK_ARP_03_a_claim_to_a_live_entry_is_a_counted_drop),
        cmocka_unit_test(test_ATK_ARP_06_a_conflict_storm_gets_one_defence_in_ten_seconds),
        cmocka_unit_test(test_a_solicitation_is_a_request_from_the_address_that_suits),
        cmocka_unit_test(test_an_announcement_is_what_defends),
        cmocka_unit_test(test_contract_breaches_are_caught),
    };
    return cmocka_run_group_tests_name("arp", tests, NULL, NULL);
}
