/* SPDX-License-Identifier: MIT
 * The neighbour cache: every transition of RFC 4861 Appendix C, waiting, pins. */
#include "neighbour_steps.h"

/* ---- RFC 4861 Appendix C, the receiving of messages ---- */

enum {
    KEEP = 100, /* the state it was in */
    MAC_NONE = 0,
    MAC_OLD,
    MAC_NEW,
    MAC_BOTH = 3 /* rows for the same and for another address */
};

enum { FLAG_0, FLAG_1, FLAG_ANY };

struct transition {
    const char *name;
    enum neighbour_message message;
    uint8_t mac;       /* the link-layer address option: none, the one in the cache, another */
    uint8_t solicited; /* of an advertisement: FLAG_... */
    uint8_t override;
    uint8_t from_mask; /* states it is about, as bits */
    uint8_t to;
    uint8_t mac_after;
};

#define IN(state)      (1U << NEIGHBOUR_##state)
#define NOT_INCOMPLETE (IN(REACHABLE) | IN(STALE) | IN(DELAY) | IN(PROBE))
#define ANY_NS         NEIGHBOUR_SOLICITATION
#define ANY_NA         NEIGHBOUR_ADVERTISEMENT
#define ANY_RA         NEIGHBOUR_ROUTER_ADVERTISEMENT

/* clang-format off */
static const struct transition appendix_c[] = {
    {"INCOMPLETE, NA, Solicited=0, Override=any: record, send queued, STALE",
     ANY_NA, MAC_NEW, FLAG_0, FLAG_ANY, IN(INCOMPLETE), NEIGHBOUR_STALE, MAC_NEW},
    {"INCOMPLETE, NA, Solicited=1, Override=any: record, send queued, REACHABLE",
     ANY_NA, MAC_NEW, FLAG_1, FLAG_ANY, IN(INCOMPLETE), NEIGHBOUR_REACHABLE, MAC_NEW},
    {"INCOMPLETE, NA, no link-layer address: discarded (7.2.5)",
     ANY_NA, MAC_NONE, FLAG_ANY, FLAG_ANY, IN(INCOMPLETE), KEEP, MAC_NONE},
    {"!INCOMPLETE, NA, Solicited=1, Override=0, same address: REACHABLE",
     ANY_NA, MAC_OLD, FLAG_1, FLAG_0, NOT_INCOMPLETE, NEIGHBOUR_REACHABLE, MAC_OLD},
    {"REACHABLE, NA, Override=0, different address: STALE",
     ANY_NA, MAC_NEW, FLAG_ANY, FLAG_0, IN(REACHABLE), NEIGHBOUR_STALE, MAC_OLD},
    {"STALE, DELAY or PROBE, NA, Override=0, different address: unchanged",
     ANY_NA, MAC_NEW, FLAG_ANY, FLAG_0, IN(STALE) | IN(DELAY) | IN(PROBE), KEEP, MAC_OLD},
    {"!INCOMPLETE, NA, Solicited=1, Override=1: record if different, REACHABLE",
     ANY_NA, MAC_NEW, FLAG_1, FLAG_1, NOT_INCOMPLETE, NEIGHBOUR_REACHABLE, MAC_NEW},
    {"!INCOMPLETE, NA, Solicited=1, Override=1, same: REACHABLE",
     ANY_NA, MAC_OLD, FLAG_1, FLAG_1, NOT_INCOMPLETE, NEIGHBOUR_REACHABLE, MAC_OLD},
    {"!INCOMPLETE, NA, Solicited=0, Override=0, same: unchanged",
     ANY_NA, MAC_OLD, FLAG_0, FLAG_0, NOT_INCOMPLETE, KEEP, MAC_OLD},
    {"!INCOMPLETE, NA, Solicited=0, Override=1, same: unchanged",
     ANY_NA, MAC_OLD, FLAG_0, FLAG_1, NOT_INCOMPLETE, KEEP, MAC_OLD},
    {"!INCOMPLETE, NA, Solicited=0, Override=1, different: record, STALE",
     ANY_NA, MAC_NEW, FLAG_0, FLAG_1, NOT_INCOMPLETE, NEIGHBOUR_STALE, MAC_NEW},
    {"!INCOMPLETE, NA, Solicited=1, no address: REACHABLE (7.2.5)",
     ANY_NA, MAC_NONE, FLAG_1, FLAG_ANY, NOT_INCOMPLETE, NEIGHBOUR_REACHABLE, MAC_OLD},
    {"!INCOMPLETE, NA, Solicited=0, no address: unchanged (7.2.5)",
     ANY_NA, MAC_NONE, FLAG_0, FLAG_ANY, NOT_INCOMPLETE, KEEP, MAC_OLD},
    {"no entry, NA: no entry (7.2.5)",
     ANY_NA, MAC_NEW, FLAG_ANY, FLAG_ANY, IN(NONE) | IN(FAILED), KEEP, MAC_NONE},
    {"no entry, NS: record, STALE",
     ANY_NS, MAC_NEW, FLAG_0, FLAG_0, IN(NONE) | IN(FAILED), NEIGHBOUR_STALE, MAC_NEW},
    {"no entry, RA: record, STALE",
     ANY_RA, MAC_NEW, FLAG_0, FLAG_0, IN(NONE) | IN(FAILED), NEIGHBOUR_STALE, MAC_NEW},
    {"no entry, NS without address: no entry",
     ANY_NS, MAC_NONE, FLAG_0, FLAG_0, IN(NONE) | IN(FAILED), KEEP, MAC_NONE},
    {"no entry, RA without address: no entry",
     ANY_RA, MAC_NONE, FLAG_0, FLAG_0, IN(NONE) | IN(FAILED), KEEP, MAC_NONE},
    {"INCOMPLETE, NS: record, send queued, STALE",
     ANY_NS, MAC_NEW, FLAG_0, FLAG_0, IN(INCOMPLETE), NEIGHBOUR_STALE, MAC_NEW},
    {"INCOMPLETE, RA: record, send queued, STALE",
     ANY_RA, MAC_NEW, FLAG_0, FLAG_0, IN(INCOMPLETE), NEIGHBOUR_STALE, MAC_NEW},
    {"INCOMPLETE, NS without address: unchanged",
     ANY_NS, MAC_NONE, FLAG_0, FLAG_0, IN(INCOMPLETE), KEEP, MAC_NONE},
    {"!INCOMPLETE, NS, different: record, STALE",
     ANY_NS, MAC_NEW, FLAG_0, FLAG_0, NOT_INCOMPLETE, NEIGHBOUR_STALE, MAC_NEW},
    {"!INCOMPLETE, RA, different: record, STALE",
     ANY_RA, MAC_NEW, FLAG_0, FLAG_0, NOT_INCOMPLETE, NEIGHBOUR_STALE, MAC_NEW},
    {"!INCOMPLETE, NS, same: unchanged",
     ANY_NS, MAC_OLD, FLAG_0, FLAG_0, NOT_INCOMPLETE, KEEP, MAC_OLD},
    {"!INCOMPLETE, RA, same: unchanged",
     ANY_RA, MAC_OLD, FLAG_0, FLAG_0, NOT_INCOMPLETE, KEEP, MAC_OLD},
};
/* clang-format on */

static void check_transition(const struct transition *row, enum neighbour_state from,
                             bool solicited, bool override)
{
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key6(PEER);
    bring6(w, from);
    struct neighbour_waiter waiter = {.kind = 1};
    enum neighbour_answer verdict = NEIGHBOUR_WAIT;
    bool waits = neighbour_wait(&w->neighbours, &key, &waiter, NEIGHBOUR_WAITS_PACKET);
    assert_int_equal(waits, from == NEIGHBOUR_INCOMPLETE);
    struct neighbour_event event = {.key = key,
                                    .message = row->message,
                                    .has_mac = row->mac != MAC_NONE,
                                    .mac = mac_of(row->mac == MAC_OLD ? OLD : NEW),
                                    .solicited = solicited,
                                    .override = override};
    unsigned result = hear(w, event);
    enum neighbour_state expected = row->to == KEEP ? from : (enum neighbour_state)row->to;
    if (state_of(w, key) != expected)
        fail_msg("%s: from %d to %d, not %d", row->name, from, state_of(w, key), expected);
    assert_int_equal((result & NEIGHBOUR_HEARD_KNOWN) != 0,
                     row->mac_after != MAC_NONE || (row->message != ANY_NA && waits));
    bool moved = row->mac_after == MAC_NEW && ((1U << from) & NOT_INCOMPLETE) != 0;
    assert_int_equal((result & NEIGHBOUR_HEARD_MOVED) != 0, moved);
    assert_int_equal(w->neighbours.count.moved, moved);
    if (row->mac_after != MAC_NONE) {
        struct eth_addr mac = mac_of(row->mac_after == MAC_OLD ? OLD : NEW);
        assert_true(eth_addr_eq(neighbour_find(&w->neighbours, &key)->mac, mac));
    }
    bool woken = neighbour_woken(&w->neighbours, &verdict) == &waiter;
    assert_int_equal(woken, from == NEIGHBOUR_INCOMPLETE && expected != from);
    assert_int_equal(verdict, woken ? NEIGHBOUR_READY : NEIGHBOUR_WAIT);
    neighbour_withdraw(&waiter);
    world_close(w);
}

static void test_ATK_ND_06_messages_follow_every_row_of_appendix_c(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof appendix_c / sizeof *appendix_c; i++) {
        const struct transition *row = &appendix_c[i];
        for (unsigned from = NEIGHBOUR_NONE; from <= NEIGHBOUR_FAILED; from++)
            for (unsigned flags = 0; flags < 4; flags++) {
                bool solicited = (flags & 1) != 0, override = (flags & 2) != 0;
                if ((row->from_mask >> from & 1) == 0 ||
                    (row->solicited != FLAG_ANY && row->solicited != solicited) ||
                    (row->override != FLAG_ANY && row->override != override))
                    continue;
                check_transition(row, (enum neighbour_state)from, solicited, override);
            }
    }
}

static void test_upper_layer_confirmation_makes_all_but_incomplete_reachable(void **state)
{
    (void)state;
    for (unsigned from = NEIGHBOUR_INCOMPLETE; from <= NEIGHBOUR_FAILED; from++) {
        struct world *w = world_open(&world_default);
        struct neighbour_key key = key6(PEER);
        struct pool_handle pin;
        bring6(w, (enum neighbour_state)from);
        const struct neighbour *n = neighbour_find(&w->neighbours, &key);
        pin = pool_handle_of(&w->neighbours.pool, 0);
        assert_ptr_equal(pool_get(&w->neighbours.pool, pin), n);
        neighbour_confirm(&w->neighbours, pin, w->now);
        bool ignored = from == NEIGHBOUR_INCOMPLETE || from == NEIGHBOUR_FAILED;
        assert_int_equal(n->state, ignored ? from : NEIGHBOUR_REACHABLE);
        assert_true(neighbours_invariants(&w->neighbours));
        world_close(w);
    }
}

/* ---- Appendix C, the timers ---- */

static void test_resolution_asks_three_times_a_second_apart_then_fails(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key6(PEER);
    struct neighbour_waiter waiter = {.kind = 1};
    enum neighbour_answer verdict;
    assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT);
    assert_true(neighbour_wait(&w->neighbours, &key, &waiter, NEIGHBOUR_WAITS_CONNECTION));
    for (unsigned i = 0; i < 3; i++) {
        expect_probe(w, key, false);
        expect_no_probe(w);
        assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT); /* asking again sends nothing more */
        world_pass(w, 1 * S - 1 * MS);
        expect_no_probe(w);
        assert_int_equal(state_of(w, key), NEIGHBOUR_INCOMPLETE);
        assert_false(neighbour_has_woken(&w->neighbours));
        world_pass(w, 1 * MS);
    }
    expect_no_probe(w);
    assert_int_equal(state_of(w, key), NEIGHBOUR_FAILED);
    assert_ptr_equal(neighbour_woken(&w->neighbours, &verdict), &waiter);
    assert_int_equal(verdict, NEIGHBOUR_UNREACHABLE);
    assert_null(neighbour_woken(&w->neighbours, &verdict));
    assert_int_equal(w->neighbours.count.failed, 1);

    /* The hold-down, then a new start. */
    world_pass(w, NEIGHBOUR_FAILED_MS * MS - 1 * MS);
    assert_int_equal(resolve(w, key), NEIGHBOUR_UNREACHABLE);
    assert_false(neighbour_wait(&w->neighbours, &key, &waiter, NEIGHBOUR_WAITS_PACKET));
    expect_no_probe(w);
    world_pass(w, 1 * MS);
    assert_null(neighbour_find(&w->neighbours, &key));
    assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT);
    expect_probe(w, key, false);
    world_close(w);
}

static void test_unused_neighbours_go_stale_and_are_forgotten(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    bring6(w, NEIGHBOUR_REACHABLE);
    uint32_t reachable_ms =
        neighbour_find(&w->neighbours, &(struct neighbour_key){key6(PEER).addr, 0})->reachable_ms;
    world_pass(w, reachable_ms * MS - 1 * MS);
    assert_int_equal(state_of(w, key6(PEER)), NEIGHBOUR_REACHABLE);
    world_pass(w, 1 * MS);
    assert_int_equal(state_of(w, key6(PEER)), NEIGHBOUR_STALE);
    expect_no_probe(w); /* nobody is asked for the sake of asking (7.3.1) */
    world_pass(w, NEIGHBOUR_STALE_MS * MS - 1 * MS);
    assert_int_equal(state_of(w, key6(PEER)), NEIGHBOUR_STALE);
    world_pass(w, 1 * MS);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    assert_int_equal(w->wheel.armed, 0);
    world_close(w);
}

static void test_reachable_time_is_spread_from_half_to_one_and_a_half(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    uint32_t low = UINT32_MAX, high = 0;
    for (unsigned i = 0; i < 400; i++) {
        uint32_t ms;
        hear(w, ns(OLD));
        hear(w, na(OLD, true, true));
        struct neighbour_key key = key6(PEER);
        ms = neighbour_find(&w->neighbours, &key)->reachable_ms;
        assert_in_range(ms, NEIGHBOUR_REACHABLE_MS / 2, NEIGHBOUR_REACHABLE_MS * 3 / 2);
        low = ms < low ? ms : low;
        high = ms > high ? ms : high;
    }
    assert_in_range(low, 15000, 15600);
    assert_in_range(high, 44400, 45000);
    world_close(w);
}

static void test_a_used_stale_neighbour_is_delayed_probed_and_discarded(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key6(PEER);
    bring6(w, NEIGHBOUR_DELAY);
    world_pass(w, NEIGHBOUR_DELAY_MS * MS - 1 * MS);
    expect_no_probe(w);
    assert_int_equal(resolve(w, key), NEIGHBOUR_READY); /* does not prolong the delay */
    world_pass(w, 1 * MS);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(state_of(w, key), NEIGHBOUR_PROBE);
        expect_probe(w, key, true);
        expect_no_probe(w);
        assert_int_equal(resolve(w, key), NEIGHBOUR_READY); /* packets flow meanwhile (7.3.3) */
        world_pass(w, 1 * S - 1 * MS);
        expect_no_probe(w);
        world_pass(w, 1 * MS);
    }
    assert_int_equal(w->neighbours.pool.in_use, 0);
    assert_int_equal(w->neighbours.count.lost, 1);
    assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT); /* no hold-down: resolution begins anew */
    expect_probe(w, key, false);
    world_close(w);
}

static void test_confirmations_keep_a_neighbour_reachable_without_probes(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key6(PEER);
    struct pool_handle pin;
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_WAIT);
    expect_probe(w, key, false);
    hear(w, na(OLD, true, false));
    for (unsigned i = 0; i < 40; i++) {
        world_pass(w, 14 * S);
        neighbour_confirm(&w->neighbours, pin, w->now);
        assert_int_equal(state_of(w, key), NEIGHBOUR_REACHABLE);
    }
    expect_no_probe(w);
    assert_int_equal(w->neighbours.count.solicited, 1);
    world_pass(w, 45 * S);
    assert_int_equal(state_of(w, key), NEIGHBOUR_STALE);
    world_pass(w, 1000 * S); /* pinned: stays, without a timer */
    assert_int_equal(state_of(w, key), NEIGHBOUR_STALE);
    assert_int_equal(w->wheel.armed, 0);
    neighbour_unpin(&w->neighbours, pin, w->now);
    world_pass(w, NEIGHBOUR_STALE_MS * MS);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    world_close(w);
}

static void test_a_device_that_takes_nothing_keeps_nobody_waiting_for_ever(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key4(PEER);
    struct neighbour_waiter waiter = {.kind = 1};
    enum neighbour_answer verdict;
    assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT);
    assert_true(neighbour_wait(&w->neighbours, &key, &waiter, NEIGHBOUR_WAITS_PACKET));
    world_pass(w, 3 * S - 1 * MS);
    assert_true(neighbour_has_output(&w->neighbours, 0));
    world_pass(w, 1 * MS);
    assert_false(neighbour_has_output(&w->neighbours, 0));
    assert_ptr_equal(neighbour_woken(&w->neighbours, &verdict), &waiter);
    assert_int_equal(verdict, NEIGHBOUR_UNREACHABLE);
    assert_int_equal(w->neighbours.count.solicited, 0);
    world_close(w);
}

static void test_a_router_sets_the_times_within_bounds_for_ipv6_only(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key6(PEER);
    neighbour_set_times(&w->neighbours, 0, 2000, 3000);
    neighbour_set_times(&w->neighbours, 0, 0, 0); /* unspecified */
    assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT);
    expect_probe(w, key, false);
    world_pass(w, 3 * S - 1 * MS);
    expect_no_probe(w);
    world_pass(w, 1 * MS);
    expect_probe(w, key, false);
    hear(w, na(OLD, true, false));
    assert_in_range(neighbour_find(&w->neighbours, &key)->reachable_ms, 1000, 3000);
    bring4_reachable(w, 1, OLD);
    key = key4(1);
    assert_in_range(neighbour_find(&w->neighbours, &key)->reachable_ms, 15000, 45000);

    neighbour_set_times(&w->neighbours, 0, 1, 1);
    assert_int_equal(w->neighbours.iface[0].reachable_ms, 1000);
    assert_int_equal(w->neighbours.iface[0].retrans_ms, NEIGHBOUR_RETRANS_MS);
    neighbour_set_times(&w->neighbours, 0, UINT32_MAX, UINT32_MAX);
    assert_int_equal(w->neighbours.iface[0].reachable_ms, 3600000);
    assert_int_equal(w->neighbours.iface[0].retrans_ms, NEIGHBOUR_RETRANS_MS_MAX);
    assert_int_equal(w->neighbours.iface[1].retrans_ms, NEIGHBOUR_RETRANS_MS);
    world_close(w);
}

static void test_the_router_flag_follows_advertisements_and_its_loss_is_told(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key6(PEER);
    struct neighbour_event ra = {
        .key = key, .message = NEIGHBOUR_ROUTER_ADVERTISEMENT, .has_mac = true, .mac = mac_of(OLD)};
    hear(w, ra);
    assert_true(neighbour_find(&w->neighbours, &key)->router);
    hear(w, ns(OLD)); /* a solicitation says nothing of it (7.2.3) */
    assert_true(neighbour_find(&w->neighbours, &key)->router);
    struct neighbour_event advertisement = na(NEW, false, false);
    assert_int_equal(hear(w, advertisement),
                     NEIGHBOUR_HEARD_KNOWN); /* rule I: not updated in any way */
    assert_true(neighbour_find(&w->neighbours, &key)->router);
    advertisement = na(OLD, false, false);
    advertisement.router = true;
    assert_int_equal(hear(w, advertisement), NEIGHBOUR_HEARD_KNOWN);
    advertisement.router = false;
    assert_int_equal(hear(w, advertisement), NEIGHBOUR_HEARD_KNOWN | NEIGHBOUR_HEARD_ROUTER_LOST);
    assert_int_equal(hear(w, advertisement), NEIGHBOUR_HEARD_KNOWN); /* told once */
    ra.has_mac = false;
    hear(w, ra);
    assert_true(neighbour_find(&w->neighbours, &key)->router);
    world_close(w);
}

/* ---- waiting ---- */

enum { WAITERS = 12 };

static void test_waiters_are_woken_once_in_order_packets_first(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_waiter connection[3] = {{.kind = 1}}, packet[3] = {{.kind = 2}};
    struct neighbour_key key = key4(1);
    enum neighbour_answer verdict;
    assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(
            neighbour_wait(&w->neighbours, &key, &connection[i], NEIGHBOUR_WAITS_CONNECTION));
        assert_true(neighbour_wait(&w->neighbours, &key, &packet[i], NEIGHBOUR_WAITS_PACKET));
        /* Waiting twice is waiting once. */
        assert_true(neighbour_wait(&w->neighbours, &key, &packet[i], NEIGHBOUR_WAITS_PACKET));
    }
    assert_true(neighbours_invariants(&w->neighbours));
    assert_false(neighbour_has_woken(&w->neighbours));
    expect_probe(w, key, false);
    hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REPLY));
    assert_true(neighbour_has_woken(&w->neighbours));
    hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REPLY));
    for (unsigned i = 0; i < 3; i++)
        expect_woken(w, &packet[i], NEIGHBOUR_READY);
    for (unsigned i = 0; i < 3; i++)
        expect_woken(w, &connection[i], NEIGHBOUR_READY);
    assert_null(neighbour_woken(&w->neighbours, &verdict));
    assert_false(neighbour_has_woken(&w->neighbours));
    world_close(w);
}

static void test_of_waiting_packets_the_oldest_gives_way_at_the_limit(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default); /* three packets */
    struct neighbour_waiter packet[5] = {{.kind = 1}}, connection[WAITERS] = {{.kind = 2}};
    struct neighbour_key key = key4(1);
    assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT);
    for (unsigned i = 0; i < WAITERS; i++)
        assert_true(
            neighbour_wait(&w->neighbours, &key, &connection[i], NEIGHBOUR_WAITS_CONNECTION));
    for (unsigned i = 0; i < 5; i++) {
        assert_true(neighbour_wait(&w->neighbours, &key, &packet[i], NEIGHBOUR_WAITS_PACKET));
        assert_int_equal(w->neighbours.count.displaced, i < 3 ? 0 : i - 2);
    }
    expect_woken(w, &packet[0], NEIGHBOUR_BUSY);
    neighbour_withdraw(&packet[1]); /* woken and not drained: withdrawn all the same */
    assert_false(neighbour_has_woken(&w->neighbours));
    neighbour_withdraw(&packet[3]); /* from the middle */
    neighbour_withdraw(&packet[3]);
    assert_true(
        neighbour_wait(&w->neighbours, &key, &packet[0], NEIGHBOUR_WAITS_PACKET)); /* room again */
    assert_int_equal(w->neighbours.count.displaced, 2);
    assert_true(neighbours_invariants(&w->neighbours));
    hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REQUEST));
    expect_woken(w, &packet[2], NEIGHBOUR_READY);
    expect_woken(w, &packet[4], NEIGHBOUR_READY);
    expect_woken(w, &packet[0], NEIGHBOUR_READY);
    neighbour_withdraw(&connection[0]);
    for (unsigned i = 1; i < WAITERS; i++)
        expect_woken(w, &connection[i], NEIGHBOUR_READY);
    assert_false(neighbour_has_woken(&w->neighbours));
    world_close(w);
}

static void test_removing_an_entry_wakes_its_waiters_and_ends_its_pins(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key4(1), other = key4(2);
    struct neighbour_waiter waiter[2] = {{.kind = 1}};
    struct pool_handle pin, none = {0, 0};
    struct eth_addr mac;
    assert_int_equal(neighbour_remove(&w->neighbours, &key), WEIR_E_NOT_FOUND);
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_WAIT);
    other.ifindex = 1;
    assert_int_equal(resolve(w, other), NEIGHBOUR_WAIT);
    assert_true(neighbour_wait(&w->neighbours, &key, &waiter[0], NEIGHBOUR_WAITS_PACKET));
    assert_true(neighbour_wait(&w->neighbours, &other, &waiter[1], NEIGHBOUR_WAITS_PACKET));
    assert_int_equal(neighbour_remove(&w->neighbours, &key), WEIR_OK);
    expect_woken(w, &waiter[0], NEIGHBOUR_BUSY);
    assert_false(neighbour_has_output(&w->neighbours, 0));
    assert_int_equal(neighbour_pinned(&w->neighbours, pin, w->now, &mac), NEIGHBOUR_GONE);
    assert_int_equal(neighbour_pinned(&w->neighbours, none, w->now, &mac), NEIGHBOUR_GONE);
    neighbour_confirm(&w->neighbours, pin, w->now);
    neighbour_unpin(&w->neighbours, pin, w->now);
    neighbour_unpin(&w->neighbours, none, w->now);

    struct neighbour_key fixed = key4(3);
    fixed.ifindex = 1;
    assert_int_equal(neighbour_add_static(&w->neighbours, &fixed, mac_of(9)), WEIR_OK);
    neighbour_flush(&w->neighbours, 0, true);
    assert_int_equal(w->neighbours.pool.in_use, 2);
    neighbour_flush(&w->neighbours, 1, false);
    expect_woken(w, &waiter[1], NEIGHBOUR_BUSY);
    assert_ptr_not_equal(neighbour_find(&w->neighbours, &fixed), NULL);
    neighbour_flush(&w->neighbours, 1, true);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    assert_int_equal(w->wheel.armed, 0);
    world_close(w);
}

/* ---- pins ---- */

static void test_a_pinned_neighbour_that_is_lost_is_asked_for_again_by_the_same_pin(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key4(1);
    struct pool_handle pin, second;
    struct eth_addr mac;
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_WAIT);
    for (unsigned i = 0; i < 3; i++) {
        expect_probe(w, key, false);
        world_pass(w, 1 * S);
    }
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &second), NEIGHBOUR_UNREACHABLE);
    assert_int_equal(neighbour_pinned(&w->neighbours, pin, w->now, &mac), NEIGHBOUR_UNREACHABLE);
    world_pass(w, NEIGHBOUR_FAILED_MS * MS);
    assert_int_equal(w->neighbours.pool.in_use, 1); /* its shell */
    assert_int_equal(w->wheel.armed, 0);
    assert_int_equal(neighbour_pinned(&w->neighbours, second, w->now, &mac), NEIGHBOUR_WAIT);
    assert_int_equal(neighbour_pinned(&w->neighbours, pin, w->now, &mac), NEIGHBOUR_WAIT);
    expect_probe(w, key, false);
    hear(w, arp_event(1, OLD, NEIGHBOUR_ARP_REPLY));
    assert_int_equal(neighbour_pinned(&w->neighbours, pin, w->now, &mac), NEIGHBOUR_READY);
    assert_true(eth_addr_eq(mac, mac_of(OLD)));
    neighbour_unpin(&w->neighbours, pin, w->now);
    neighbour_unpin(&w->neighbours, second, w->now);
    world_pass(w, 45 * S + NEIGHBOUR_STALE_MS * MS);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    world_close(w);
}

static void test_the_last_pin_of_a_shell_takes_it_along(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key4(1);
    struct pool_handle pin;
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_WAIT);
    world_pass(w, 3 * S + NEIGHBOUR_FAILED_MS * MS);
    assert_int_equal(state_of(w, key), NEIGHBOUR_NONE);
    neighbour_unpin(&w->neighbours, pin, w->now);
    assert_int_equal(w->neighbours.pool.in_use, 0);
    world_close(w);
}

static void test_a_neighbour_that_returns_with_another_station_is_found_again(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key4(1);
    struct pool_handle pin;
    struct eth_addr mac;
    bring4_reachable(w, 1, OLD);
    assert_int_equal(neighbour_pin(&w->neighbours, &key, w->now, &pin), NEIGHBOUR_READY);
    world_pass(w, 45 * S); /* gone silent */
    assert_int_equal(neighbour_pinned(&w->neighbours, pin, w->now, &mac), NEIGHBOUR_READY);
    world_pass(w, 5 * S);
    for (unsigned i = 0; i < 3; i++) {
        expect_probe(w, key, true);
        world_pass(w, 1 * S);
    }
    assert_int_equal(neighbour_pinned(&w->neighbours, pin, w->now, &mac), NEIGHBOUR_WAIT);
    expect_probe(w, key, false);
    hear(w, arp_event(1, NEW, NEIGHBOUR_ARP_REPLY));
    assert_int_equal(neighbour_pinned(&w->neighbours, pin, w->now, &mac), NEIGHBOUR_READY);
    assert_true(eth_addr_eq(mac, mac_of(NEW)));
    assert_int_equal(state_of(w, key), NEIGHBOUR_REACHABLE);
    world_close(w);
}

/* ---- the rest ---- */

static void test_interfaces_and_families_are_apart(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key here = key6(PEER), there = key6(PEER), four = key4(PEER);
    struct neighbour_probe probe;
    there.ifindex = 1;
    assert_int_equal(resolve(w, there), NEIGHBOUR_WAIT);
    assert_false(neighbour_output(&w->neighbours, 0, w->now, &probe));
    assert_int_equal(resolve(w, here), NEIGHBOUR_WAIT);
    assert_int_equal(resolve(w, four), NEIGHBOUR_WAIT);
    assert_int_equal(w->neighbours.pool.in_use, 3);
    expect_probe(w, here, false); /* in the order of asking */
    expect_probe(w, four, false);
    expect_probe(w, there, false);
    hear(w, na(OLD, true, false));
    assert_int_equal(state_of(w, here), NEIGHBOUR_REACHABLE);
    assert_int_equal(state_of(w, there), NEIGHBOUR_INCOMPLETE);
    assert_int_equal(state_of(w, four), NEIGHBOUR_INCOMPLETE);
    uint32_t cursor = 0, count = 0;
    while (neighbour_next(&w->neighbours, &cursor) != NULL)
        count++;
    assert_int_equal(count, 3);
    world_close(w);
}

static void test_the_end_of_time_is_survived(void **state)
{
    (void)state;
    struct world_config config = world_default;
    config.start = WHEEL_DEADLINE_MAX - 2 * S;
    struct world *w = world_open(&config);
    bring4_reachable(w, 1, OLD);
    hear(w, ns(OLD));
    assert_int_equal(resolve(w, key6(PEER)), NEIGHBOUR_READY);
    assert_int_equal(resolve(w, key4(2)), NEIGHBOUR_WAIT);
    world_run(w, WHEEL_DEADLINE_MAX - 1);
    assert_true(neighbours_invariants(&w->neighbours));
    world_close(w);
    config.start = INT64_MIN;
    w = world_open(&config);
    bring6(w, NEIGHBOUR_PROBE);
    world_close(w);
}

static void test_contract_breaches_are_caught(void **state)
{
    (void)state;
    struct world *w = world_open(&world_default);
    struct neighbour_key key = key4(1);
    struct neighbour_probe probe;
    struct eth_addr mac;
    key.ifindex = WORLD_INTERFACES;
    expect_breach(neighbour_resolve(&w->neighbours, &key, w->now, &mac));
    expect_breach(neighbour_output(&w->neighbours, WORLD_INTERFACES, w->now, &probe));
    expect_breach(neighbour_set_times(&w->neighbours, WORLD_INTERFACES, 1, 1));
    struct net_timer foreign = {.kind = NET_TIMER_ADDRESS};
    expect_breach(neighbour_expire(&w->neighbours, &foreign, w->now));

    struct neighbours_config config = {.neighbours_max = 8,
                                       .neighbours_incomplete_max = 1,
                                       .neighbour_queue_packets_max = 1,
                                       .interfaces_max = 1};
    assert_true(neighbours_size(&config) > 0);
    struct neighbours_config bad = config;
    bad.neighbours_max = 7;
    assert_int_equal(neighbours_size(&bad), 0);
    bad.neighbours_max = 65537;
    assert_int_equal(neighbours_size(&bad), 0);
    bad = config;
    bad.neighbours_incomplete_max = 0;
    assert_int_equal(neighbours_size(&bad), 0);
    bad = config;
    bad.neighbour_queue_packets_max = 17;
    assert_int_equal(neighbours_size(&bad), 0);
    bad = config;
    bad.interfaces_max = 65;
    assert_int_equal(neighbours_size(&bad), 0);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ATK_ND_06_messages_follow_every_row_of_appendix_c),
        cmocka_unit_test(test_upper_layer_confirmation_makes_all_but_incomplete_reachable),
        cmocka_unit_test(test_resolution_asks_three_times_a_second_apart_then_fails),
        cmocka_unit_test(test_unused_neighbours_go_stale_and_are_forgotten),
        cmocka_unit_test(test_reachable_time_is_spread_from_half_to_one_and_a_half),
        cmocka_unit_test(test_a_used_stale_neighbour_is_delayed_probed_and_discarded),
        cmocka_unit_test(test_confirmations_keep_a_neighbour_reachable_without_probes),
        cmocka_unit_test(test_a_device_that_takes_nothing_keeps_nobody_waiting_for_ever),
        cmocka_unit_test(test_a_router_sets_the_times_within_bounds_for_ipv6_only),
        cmocka_unit_test(test_the_router_flag_follows_advertisements_and_its_loss_is_told),
        cmocka_unit_test(test_waiters_are_woken_once_in_order_packets_first),
        cmocka_unit_test(test_of_waiting_packets_the_oldest_gives_way_at_the_limit),
        cmocka_unit_test(test_removing_an_entry_wakes_its_waiters_and_ends_its_pins),
        cmocka_unit_test(test_a_pinned_neighbour_that_is_lost_is_asked_for_again_by_the_same_pin),
        cmocka_unit_test(test_the_last_pin_of_a_shell_takes_it_along),
        cmocka_unit_test(test_a_neighbour_that_returns_with_another_station_is_found_again),
        cmocka_unit_test(test_interfaces_and_families_are_apart),
        cmocka_unit_test(test_the_end_of_time_is_survived),
        cmocka_unit_test(test_contract_breaches_are_caught),
    };
    return cmocka_run_group_tests_name("neighbour", tests, NULL, NULL);
}
