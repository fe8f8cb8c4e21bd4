/* SPDX-License-Identifier: MIT
 * The neighbour cache under attack: limits, floods, poisoning. */
#include "neighbour_steps.h"

/* ---- limits ---- */

static void test_at_the_limit_the_failed_give_way_then_the_heard_then_the_oldest(void **state)
{
    (void)state;
    struct world_config config = world_default;
    config.neighbours_max = 8;
    struct world *w = world_open(&config);
    /* One FAILED, two heard, four used. */
    assert_int_equal(resolve(w, key4(1)), NEIGHBOUR_WAIT);
    world_pass(w, 3 * S);
    assert_int_equal(state_of(w, key4(1)), NEIGHBOUR_FAILED);
    for (uint32_t n = 2; n <= 3; n++)
        hear(w, arp_event(n, n, NEIGHBOUR_ARP_REQUEST));
    for (uint32_t n = 4; n <= 7; n++)
        bring4_reachable(w, n, n);
    assert_int_equal(w->neighbours.pool.in_use, 7); /* limit - 1 */
    bring4_reachable(w, 8, 8);
    assert_int_equal(w->neighbours.pool.in_use, 8); /* limit */
    assert_int_equal(w->neighbours.count.evicted, 0);
    assert_int_equal(resolve(w, key4(4)), NEIGHBOUR_READY); /* the oldest used becomes the newest */

    static const uint32_t victims[] = {1, 2, 3, 5, 6, 7, 8, 4};
    for (uint32_t i = 0; i < 8; i++) { /* limit + 1 ... */
        assert_non_null(
            neighbour_find(&w->neighbours, &(struct neighbour_key){key4(victims[i]).addr, 0}));
        bring4_reachable(w, 100 + i, 100 + i);
        assert_null(
            neighbour_find(&w->neighbours, &(struct neighbour_key){key4(victims[i]).addr, 0}));
        assert_int_equal(w->neighbours.count.evicted, i + 1);
        assert_int_equal(w->neighbours.pool.in_use, 8);
    }
    world_close(w);
}

static void test_pinned_and_static_entries_are_never_evicted(void **state)
{
    (void)state;
    struct world_config config = world_default;
    config.neighbours_max = 8;
    struct world *w = world_open(&config);
    struct pool_handle pin[7];
    struct neighbour_key key = key4(1);
    assert_int_equal(neighbour_add_static(&w->neighbours, &key, mac_of(1)), WEIR_OK);
    for (uint32_t n = 2; n <= 8; n++) {
        bring4_reachable(w, n, n);
        key = key4(n);
        assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin[n - 2]), NEIGHBOUR_READY);
    }
    struct pool_handle refused = {1, 1};
    key = key4(9);
    assert_int_equal(resolve(w, key), NEIGHBOUR_BUSY);
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &refused), NEIGHBOUR_BUSY);
    assert_true(refused.index == 0 && refused.generation == 0);
    assert_int_equal(neighbour_add_static(&w->neighbours, &key, mac_of(9)), WEIR_E_EXHAUSTED);
    assert_int_equal(w->neighbours.count.refused_full, 3);
    assert_int_equal(hear(w, arp_event(9, 9, NEIGHBOUR_ARP_REQUEST)), 0);
    assert_int_equal(w->neighbours.count.refused_heard, 1);
    assert_int_equal(w->neighbours.count.evicted, 0);
    neighbour_unpin(&w->neighbours, pin[3], w->now);
    assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT); /* in the place of the one that was let go */
    assert_int_equal(state_of(w, key4(5)), NEIGHBOUR_NONE);
    world_close(w);
}

static void test_ATK_ND_07_resolutions_are_capped_and_a_quarter_is_for_connections(void **state)
{
    (void)state;
    struct world_config config = world_default;
    config.neighbours_max = 64;
    config.incomplete_max = 8;
    struct world *w = world_open(&config);
    struct pool_handle pin;
    for (uint32_t n = 0; n < 20; n++)
        bring4_reachable(w, 1000 + n, n);
    for (uint32_t n = 1; n <= 6; n++)
        assert_int_equal(resolve(w, key4(n)), NEIGHBOUR_WAIT);
    assert_int_equal(resolve(w, key4(7)), NEIGHBOUR_BUSY);
    assert_int_equal(w->neighbours.count.refused_incomplete, 1);
    struct neighbour_key key = key4(7);
    for (uint32_t n = 7; n <= 8; n++) {
        key = key4(n);
        assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_WAIT);
    }
    key = key4(9);
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_BUSY);
    assert_int_equal(w->neighbours.incomplete, 8);

    /* 2^16 addresses of the link, in a second and a half: what is there stays. */
    for (uint32_t n = 0; n < 65536; n++) {
        resolve(w, key4(0x10000 + n));
        assert_true(w->neighbours.incomplete <= 8);
        if (n % 64 == 0)
            world_pass(w, 1500 * MS / 1024);
    }
    for (uint32_t n = 0; n < 20; n++)
        assert_int_equal(state_of(w, key4(1000 + n)), NEIGHBOUR_REACHABLE);
    assert_int_equal(w->neighbours.count.evicted, 0);
    assert_true(neighbours_invariants(&w->neighbours));
    world_close(w);
}

static void test_the_smallest_limit_of_resolutions_serves_packets_too(void **state)
{
    (void)state;
    struct world_config config = world_default;
    config.incomplete_max = 1;
    struct world *w = world_open(&config);
    assert_int_equal(resolve(w, key4(1)), NEIGHBOUR_WAIT);
    assert_int_equal(resolve(w, key4(2)), NEIGHBOUR_BUSY);
    hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REQUEST));
    assert_int_equal(resolve(w, key4(2)), NEIGHBOUR_WAIT);
    world_close(w);
}

/* 65,536 dead hosts are sent to as fast as can be for ten seconds: nobody is asked twice in a
 * second, and a host that answers is found as soon as a connection wants it. */
static void test_ATK_ARP_07_dead_hosts_are_asked_once_a_second_at_most(void **state)
{
    (void)state;
    enum { HOSTS = 65536, PER_MS = 20 };
    struct world_config config = world_default;
    config.neighbours_max = 1024;
    config.incomplete_max = 64;
    struct world *w = world_open(&config);
    weir_time *asked = malloc(HOSTS * sizeof *asked);
    assert_non_null(asked);
    for (uint32_t n = 0; n < HOSTS; n++)
        asked[n] = INT64_MIN;
    struct rng rng = rng_make(7);
    struct neighbour_waiter *packet = calloc(HOSTS, sizeof *packet);
    assert_non_null(packet);
    uint64_t waiting_max = 0, waiting = 0;
    for (unsigned ms = 0; ms < 10000; ms++) {
        for (unsigned i = 0; i < PER_MS; i++) {
            /* Some hosts often, all now and then. */
            uint32_t n = (uint32_t)rng_below(&rng, rng_below(&rng, 2) == 0 ? 100 : HOSTS);
            struct neighbour_key key = key4(n);
            bool was = packet[n].link.next != NULL;
            if (resolve(w, key) == NEIGHBOUR_WAIT &&
                neighbour_wait(&w->neighbours, &key, &packet[n], NEIGHBOUR_WAITS_PACKET))
                waiting += !was;
        }
        struct neighbour_probe probe;
        while (neighbour_output(&w->neighbours, 0, w->now, &probe)) {
            uint32_t n = load32(ip4_from_addr(probe.key.addr).b) & 0xffffff;
            assert_true(asked[n] == INT64_MIN || w->now - asked[n] >= 1 * S);
            asked[n] = w->now;
        }
        waiting_max = waiting > waiting_max ? waiting : waiting_max;
        enum neighbour_answer verdict;
        while (neighbour_woken(&w->neighbours, &verdict) != NULL)
            waiting--;
        assert_true(w->neighbours.incomplete <= 48);
        world_pass(w, 1 * MS);
    }
    assert_true(waiting_max <= 48 * 3 + PER_MS);
    assert_true(w->neighbours.count.refused_incomplete > 1000);
    assert_true(w->neighbours.count.solicited > 300); /* the places turn over: 48 a second */
    struct neighbour_key key = key4(HOSTS + 1);
    struct pool_handle pin;
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_WAIT);
    for (uint32_t n = 0; n < HOSTS; n++)
        neighbour_withdraw(&packet[n]);
    world_pass(w, 100 * S); /* G-7: all that is left is what the pin holds */
    assert_int_equal(w->neighbours.pool.in_use, 1);
    free(packet);
    free(asked);
    world_close(w);
}

static void test_ATK_ARP_04_a_flood_of_senders_recycles_its_own_entries(void **state)
{
    (void)state;
    enum { SENDERS = 100000 };
    struct world_config config = world_default;
    config.neighbours_max = 128;
    struct world *w = world_open(&config);
    struct pool_handle pin[16];
    for (uint32_t n = 0; n < 16; n++) {
        struct neighbour_key key = key4(0x800000 + n);
        bring4_reachable(w, 0x800000 + n, n);
        assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin[n]), NEIGHBOUR_READY);
        bring4_reachable(w, 0x900000 + n, n); /* used, not pinned */
    }
    for (uint32_t n = 0; n < SENDERS; n++) {
        hear(w, arp_event(n, n, NEIGHBOUR_ARP_REQUEST));
        if (n % 100 == 0)
            world_pass(w, 10 * MS);
    }
    assert_int_equal(w->neighbours.pool.in_use, 128);
    assert_int_equal(w->neighbours.count.evicted, SENDERS - 96);
    assert_int_equal(w->neighbours.count.refused_heard, 0);
    struct eth_addr mac;
    for (uint32_t n = 0; n < 16; n++) {
        assert_int_equal(neighbour_pinned(&w->neighbours, pin[n], w->now, &mac), NEIGHBOUR_READY);
        assert_true(eth_addr_eq(mac, mac_of(n)));
        assert_int_equal(state_of(w, key4(0x900000 + n)), NEIGHBOUR_REACHABLE);
    }
    /* The work: no chain in the map grew, no timer was left behind. */
    assert_true(w->neighbours.map.probe_max < 40);
    assert_true(w->wheel.armed <= 128);
    world_close(w);
}

static void test_a_wakened_multitude_costs_no_more_than_one(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key4(1);
    struct neighbour_waiter *connection = calloc(MANY, sizeof *connection);
    assert_non_null(connection);
    assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT);
    for (unsigned i = 0; i < MANY; i++)
        assert_true(
            neighbour_wait(&w->neighbours, &key, &connection[i], NEIGHBOUR_WAITS_CONNECTION));
    hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REQUEST));
    for (unsigned i = 0; i < MANY; i++)
        expect_woken(w, &connection[i], NEIGHBOUR_READY);
    assert_false(neighbour_has_woken(&w->neighbours));
    free(connection);
    world_close(w);
}

/* ---- ARP ---- */

static void test_ATK_ARP_02_replies_make_no_entry(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_event event = arp_event(1, OLD, NEIGHBOUR_ARP_REPLY);
    assert_int_equal(hear(w, event), 0);
    event.to_us = false;
    assert_int_equal(hear(w, event), 0);
    event.message = NEIGHBOUR_ARP_REQUEST; /* gratuitous, or for another */
    assert_int_equal(hear(w, event), 0);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    event.to_us = true; /* only who asks us is remembered (RFC 826) */
    assert_int_equal(hear(w, event), NEIGHBOUR_HEARD_KNOWN);
    assert_int_equal(state_of(w, key4(1)), NEIGHBOUR_STALE);
    world_close(w);
}

static void test_an_arp_reply_confirms_only_what_was_asked(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    assert_int_equal(resolve(w, key4(1)), NEIGHBOUR_WAIT);
    hear(w,
         arp_event(1, OLD, NEIGHBOUR_ARP_REPLY)); /* before the request went out: no answer to it */
    assert_int_equal(state_of(w, key4(1)), NEIGHBOUR_STALE);
    expect_no_probe(w);
    hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REPLY));
    assert_int_equal(state_of(w, key4(1)), NEIGHBOUR_STALE);
    assert_int_equal(resolve(w, key4(1)), NEIGHBOUR_READY);
    hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REPLY));
    assert_int_equal(state_of(w, key4(1)), NEIGHBOUR_DELAY);
    world_pass(w, 5 * S);
    expect_probe(w, key4(1), true);
    struct neighbour_event to_others = arp_event(1, OLD, NEIGHBOUR_ARP_REPLY);
    to_others.to_us = false;
    hear(w, to_others);
    assert_int_equal(state_of(w, key4(1)), NEIGHBOUR_PROBE);
    hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REPLY));
    assert_int_equal(state_of(w, key4(1)), NEIGHBOUR_REACHABLE);
    /* A STALE entry that nobody uses simply follows. */
    world_pass(w, 45 * S);
    assert_int_equal(hear(w, arp_event(1, NEW, NEIGHBOUR_ARP_REQUEST)),
                     NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_MOVED);
    assert_int_equal(state_of(w, key4(1)), NEIGHBOUR_STALE);
    world_close(w);
}

static const struct neighbour *gateway(struct world *w)
{
    struct neighbour_key key = key4(1);
    return neighbour_find(&w->neighbours, &key);
}

static void test_ATK_ARP_03_a_reachable_entry_is_locked_then_its_station_asked_first(void **state)
{
    (void)state;
    static const enum neighbour_message messages[] = {NEIGHBOUR_ARP_REQUEST, NEIGHBOUR_ARP_REPLY};
    for (unsigned i = 0; i < 2; i++) {
        struct world *w = world_open(&world_default);
        struct neighbour_event poison = arp_event(1, NEW, messages[i]);
        bring4_reachable(w, 1, OLD);
        assert_int_equal(hear(w, poison), NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_CHALLENGED);
        assert_int_equal(w->neighbours.count.challenged, 1);
        world_pass(w, NEIGHBOUR_LOCK_MS * MS - 1 * MS);
        hear(w, poison);
        expect_no_probe(w);
        assert_int_equal(gateway(w)->state, NEIGHBOUR_REACHABLE);
        world_pass(w, 1 * MS);
        assert_int_equal(gateway(w)->state, NEIGHBOUR_PROBE);
        expect_probe(w, key4(1), true); /* to the old station, by unicast */
        hear(w, poison);
        assert_true(eth_addr_eq(gateway(w)->mac, mac_of(OLD)));
        assert_int_equal(gateway(w)->state, NEIGHBOUR_PROBE);
        hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REPLY)); /* it answers, and keeps its place */
        assert_int_equal(gateway(w)->state, NEIGHBOUR_REACHABLE);
        assert_true(eth_addr_eq(gateway(w)->mac, mac_of(OLD)));
        assert_int_equal(w->neighbours.count.challenged, 3);
        assert_int_equal(w->neighbours.count.moved, 0);
        world_close(w);
    }
}

static void test_ATK_ARP_03_progress_of_a_connection_refutes_the_claim(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key4(1);
    struct pool_handle pin;
    bring4_reachable(w, 1, OLD);
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_READY);
    for (unsigned i = 0; i < 1000; i++) { /* 100 claims a second, and as many acknowledgements */
        hear(w, arp_event(1, NEW, NEIGHBOUR_ARP_REPLY));
        world_pass(w, 10 * MS);
        neighbour_confirm(&w->neighbours, pin, w->now);
        assert_int_equal(gateway(w)->state, NEIGHBOUR_REACHABLE);
    }
    expect_no_probe(w);
    assert_int_equal(w->neighbours.count.solicited, 1);
    world_close(w);
}

static void test_ATK_ARP_03_a_storm_of_claims_costs_one_probe_a_second(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    bring4_reachable(w, 1, OLD);
    for (unsigned i = 0; i < 10000; i++) {
        struct neighbour_probe probe;
        hear(w, arp_event(1, NEW, NEIGHBOUR_ARP_REPLY));
        if (neighbour_output(&w->neighbours, 0, w->now, &probe)) {
            assert_true(probe.unicast && eth_addr_eq(probe.mac, mac_of(OLD)));
            hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REPLY));
        }
        world_pass(w, 1 * MS);
        assert_true(eth_addr_eq(gateway(w)->mac, mac_of(OLD)));
    }
    assert_in_range(w->neighbours.count.solicited, 9, 11);
    assert_int_equal(w->neighbours.count.challenged, 10000);
    world_close(w);
}

static void test_ATK_ARP_03_a_station_that_is_gone_gives_way_within_seconds(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key4(1);
    struct pool_handle pin;
    struct eth_addr mac;
    bring4_reachable(w, 1, OLD);
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_READY);
    world_pass(w, 10 * S);
    hear(w, arp_event(1, NEW, NEIGHBOUR_ARP_REQUEST)); /* a gateway that failed over */
    for (unsigned i = 0; i < 3; i++) {
        expect_probe(w, key, true);
        world_pass(w, 1 * S);
    }
    assert_int_equal(neighbour_pinned(&w->neighbours, pin, w->now, &mac), NEIGHBOUR_WAIT);
    expect_probe(w, key, false);
    hear(w, arp_event(1, NEW, NEIGHBOUR_ARP_REPLY));
    assert_int_equal(neighbour_pinned(&w->neighbours, pin, w->now, &mac), NEIGHBOUR_READY);
    assert_true(eth_addr_eq(mac, mac_of(NEW)));
    world_close(w);
}

static void test_ATK_ARP_03_entries_in_delay_and_pinned_stale_ones_are_asked_at_once(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key4(1);
    struct pool_handle pin;
    hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REQUEST));
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_READY);
    assert_int_equal(gateway(w)->state, NEIGHBOUR_DELAY);
    hear(w, arp_event(1, NEW, NEIGHBOUR_ARP_REPLY));
    expect_probe(w, key, true);
    hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REPLY));
    world_pass(w, 45 * S);
    assert_int_equal(gateway(w)->state, NEIGHBOUR_STALE);
    hear(w, arp_event(1, NEW, NEIGHBOUR_ARP_REPLY));
    assert_int_equal(gateway(w)->state, NEIGHBOUR_PROBE);
    expect_probe(w, key, true);
    assert_true(eth_addr_eq(gateway(w)->mac, mac_of(OLD)));
    world_close(w);
}

static void test_ATK_ARP_03_static_entries_never_change(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key4(1), key_6 = key6(PEER);
    struct neighbour_waiter waiter = {.kind = 1};
    struct eth_addr mac;
    assert_int_equal(neighbour_add_static(&w->neighbours, &key, eth_broadcast()), WEIR_E_INVALID);
    assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT);
    assert_true(neighbour_wait(&w->neighbours, &key, &waiter, NEIGHBOUR_WAITS_PACKET));
    assert_int_equal(neighbour_add_static(&w->neighbours, &key, mac_of(OLD)), WEIR_OK);
    expect_woken(w, &waiter, NEIGHBOUR_READY); /* one that was being resolved */
    assert_int_equal(neighbour_add_static(&w->neighbours, &key_6, mac_of(OLD)), WEIR_OK);
    assert_int_equal(hear(w, arp_event(1, NEW, NEIGHBOUR_ARP_REPLY)),
                     NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_CHALLENGED);
    assert_int_equal(hear(w, arp_event(1, NEW, NEIGHBOUR_ARP_REQUEST)),
                     NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_CHALLENGED);
    assert_int_equal(hear(w, ns(NEW)), NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_CHALLENGED);
    assert_int_equal(hear(w, na(NEW, true, true)),
                     NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_CHALLENGED);
    assert_int_equal(w->neighbours.count.static_challenged, 4);
    assert_int_equal(hear(w, na(OLD, true, true)), NEIGHBOUR_HEARD_KNOWN);
    struct neighbour_event router = na(OLD, false, false);
    router.router = true;
    assert_int_equal(hear(w, router), NEIGHBOUR_HEARD_KNOWN);
    assert_int_equal(hear(w, na(0, false, false)),
                     NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_ROUTER_LOST);
    world_pass(w, 100000 * S);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(neighbour_resolve(&w->neighbours, i == 0 ? &key : &key_6, w->now, &mac),
                         NEIGHBOUR_READY);
        assert_true(eth_addr_eq(mac, mac_of(OLD)));
    }
    expect_no_probe(w);
    assert_int_equal(w->wheel.armed, 0);
    assert_int_equal(neighbour_remove(&w->neighbours, &key), WEIR_OK);
    assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_the_limit_the_failed_give_way_then_the_heard_then_the_oldest),
        cmocka_unit_test(test_pinned_and_static_entries_are_never_evicted),
        cmocka_unit_test(test_ATK_ND_07_resolutions_are_capped_and_a_quarter_is_for_connections),
        cmocka_unit_test(test_the_smallest_limit_of_resolutions_serves_packets_too),
        cmocka_unit_test(test_ATK_ARP_07_dead_hosts_are_asked_once_a_second_at_most),
        cmocka_unit_test(test_ATK_ARP_04_a_flood_of_senders_recycles_its_own_entries),
        cmocka_unit_test(test_a_wakened_multitude_costs_no_more_than_one),
        cmocka_unit_test(test_ATK_ARP_02_replies_make_no_entry),
        cmocka_unit_test(test_an_arp_reply_confirms_only_what_was_asked),
        cmocka_unit_test(test_ATK_ARP_03_a_reachable_entry_is_locked_then_its_station_asked_first),
        cmocka_unit_test(test_ATK_ARP_03_progress_of_a_connection_refutes_the_claim),
        cmocka_unit_test(test_ATK_ARP_03_a_storm_of_claims_costs_one_probe_a_second),
        cmocka_unit_test(test_ATK_ARP_03_a_station_that_is_gone_gives_way_within_seconds),
        cmocka_unit_test(test_ATK_ARP_03_entries_in_delay_and_pinned_stale_ones_are_asked_at_once),
        cmocka_unit_test(test_ATK_ARP_03_static_entries_never_change),
    };
    return cmocka_run_group_tests_name("neighbour_limits", tests, NULL, NULL);
}
