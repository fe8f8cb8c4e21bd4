/* SPDX-License-Identifier: MIT
 * Steps that the tests of the neighbour cache share. */
#ifndef WEIR_TESTS_NET_NEIGHBOUR_STEPS_H
#define WEIR_TESTS_NET_NEIGHBOUR_STEPS_H

#include "link_world.h"

enum { OLD = 1, NEW = 2, PEER = 7 };

static inline enum neighbour_state state_of(struct world *w, struct neighbour_key key)
{
    const struct neighbour *n = neighbour_find(&w->neighbours, &key);
    return n == NULL ? NEIGHBOUR_NONE : (enum neighbour_state)n->state;
}

static inline enum neighbour_answer resolve(struct world *w, struct neighbour_key key)
{
    struct eth_addr mac;
    return neighbour_resolve(&w->neighbours, &key, w->now, &mac);
}

/* Take what is due, and see that it is one solicitation of `key`, sent so. */
static inline void expect_probe(struct world *w, struct neighbour_key key, bool unicast)
{
    struct neighbour_probe probe;
    assert_true(neighbour_has_output(&w->neighbours, key.ifindex));
    assert_true(neighbour_output(&w->neighbours, key.ifindex, w->now, &probe));
    assert_true(addr_eq(probe.key.addr, key.addr));
    assert_int_equal(probe.unicast, unicast);
    if (unicast)
        assert_true(eth_addr_eq(probe.mac, neighbour_find(&w->neighbours, &key)->mac));
}

static inline void expect_no_probe(struct world *w)
{
    struct neighbour_probe probe;
    for (uint32_t i = 0; i < WORLD_INTERFACES; i++) {
        assert_false(neighbour_has_output(&w->neighbours, i));
        assert_false(neighbour_output(&w->neighbours, i, w->now, &probe));
    }
}

static inline unsigned hear(struct world *w, struct neighbour_event event)
{
    return neighbour_heard(&w->neighbours, &event, w->now);
}

static inline struct neighbour_event arp_event(uint32_t n, uint32_t mac,
                                               enum neighbour_message message)
{
    return (struct neighbour_event){
        .key = key4(n), .message = message, .has_mac = true, .mac = mac_of(mac), .to_us = true};
}

static inline struct neighbour_event na(uint32_t mac, bool solicited, bool override)
{
    return (struct neighbour_event){.key = key6(PEER),
                                    .message = NEIGHBOUR_ADVERTISEMENT,
                                    .has_mac = mac != 0,
                                    .mac = mac_of(mac),
                                    .solicited = solicited,
                                    .override = override};
}

static inline struct neighbour_event ns(uint32_t mac)
{
    return (struct neighbour_event){.key = key6(PEER),
                                    .message = NEIGHBOUR_SOLICITATION,
                                    .has_mac = mac != 0,
                                    .mac = mac_of(mac)};
}

/* Bring the IPv6 neighbour PEER, with the station OLD, into a state. */
static inline void bring6(struct world *w, enum neighbour_state state)
{
    struct neighbour_key key = key6(PEER);
    switch (state) {
    case NEIGHBOUR_INCOMPLETE:
        assert_int_equal(resolve(w, key), NEIGHBOUR_WAIT);
        expect_probe(w, key, false);
        break;
    case NEIGHBOUR_REACHABLE:
        bring6(w, NEIGHBOUR_INCOMPLETE);
        hear(w, na(OLD, true, false));
        break;
    case NEIGHBOUR_STALE:
        hear(w, ns(OLD));
        break;
    case NEIGHBOUR_DELAY:
        bring6(w, NEIGHBOUR_STALE);
        assert_int_equal(resolve(w, key), NEIGHBOUR_READY);
        break;
    case NEIGHBOUR_PROBE:
        bring6(w, NEIGHBOUR_DELAY);
        world_pass(w, NEIGHBOUR_DELAY_MS * MS);
        expect_probe(w, key, true);
        break;
    case NEIGHBOUR_FAILED:
        bring6(w, NEIGHBOUR_INCOMPLETE);
        world_pass(w, 1 * S);
        expect_probe(w, key, false);
        world_pass(w, 1 * S);
        expect_probe(w, key, false);
        world_pass(w, 1 * S);
        break;
    default:
        break;
    }
    assert_int_equal(state_of(w, key), state);
}

/* The same of the IPv4 neighbour n. */
static inline void bring4_reachable(struct world *w, uint32_t n, uint32_t mac)
{
    assert_int_equal(resolve(w, key4(n)), NEIGHBOUR_WAIT);
    expect_probe(w, key4(n), false);
    assert_int_equal(hear(w, arp_event(n, mac, NEIGHBOUR_ARP_REPLY)), NEIGHBOUR_HEARD_KNOWN);
    assert_int_equal(state_of(w, key4(n)), NEIGHBOUR_REACHABLE);
}

static inline void expect_woken(struct world *w, struct neighbour_waiter *waiter,
                                enum neighbour_answer expected)
{
    enum neighbour_answer verdict;
    assert_ptr_equal(neighbour_woken(&w->neighbours, &verdict), waiter);
    assert_int_equal(verdict, expected);
    assert_null(waiter->link.next);
}

#endif
