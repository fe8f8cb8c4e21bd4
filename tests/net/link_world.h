/* SPDX-License-Identifier: MIT
 * What the tests of address resolution stand on: one host with its tables, in virtual time. */
#ifndef WEIR_TESTS_NET_LINK_WORLD_H
#define WEIR_TESTS_NET_LINK_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "net/arp.h"
#include "net/dad.h"
#include "net/nd.h"
#include "net/neighbour.h"

#define MS WEIR_NS_PER_MS
#define S  WEIR_NS_PER_S

enum { WORLD_INTERFACES = 2, WORLD_ADDRESSES = 8 };

struct world_config {
    uint32_t neighbours_max, incomplete_max, queue_packets_max;
    uint32_t dad_transmits, dad_delay_ms_max;
    weir_time start;
    uint64_t seed;
};

struct world {
    weir_time now;
    struct wheel wheel;
    struct addresses addresses;
    struct neighbours neighbours;
    struct dad dad;
    struct arp_host arp;
    struct nd_host nd;
    void *mem[4];
};

static const struct world_config world_default = {
    .neighbours_max = 64,
    .incomplete_max = 16,
    .queue_packets_max = 3,
    .dad_transmits = DAD_TRANSMITS,
    .start = 1000 * S,
    .seed = 1,
};

static void world_on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert world_handler = {.fn = world_on_assert};

/* Memory of no alignment, and no content to rely on. */
static void *world_memory(struct world *w, unsigned slot, size_t size)
{
    assert_true(size > 0);
    w->mem[slot] = malloc(size + 1);
    assert_non_null(w->mem[slot]);
    memset(w->mem[slot], 0xa5, size + 1);
    return (uint8_t *)w->mem[slot] + 1;
}

static struct world *world_open(const struct world_config *config)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    struct rng rng = rng_make(config->seed);
    struct sip_key key = {rng_u64(&rng), rng_u64(&rng)};
    w->now = config->start;
    wheel_init(&w->wheel, &world_handler, w->now);
    struct addresses_config addresses = {.handler = &world_handler,
                                         .wheel = &w->wheel,
                                         .key = key,
                                         .addresses_max = WORLD_ADDRESSES};
    addresses_init(&w->addresses, &addresses,
                   world_memory(w, 0, addresses_size(addresses.addresses_max)));
    struct neighbours_config neighbours = {
        .handler = &world_handler,
        .wheel = &w->wheel,
        .key = key,
        .rng = rng_fork(&rng, 1),
        .neighbours_max = config->neighbours_max,
        .neighbours_incomplete_max = config->incomplete_max,
        .neighbour_queue_packets_max = config->queue_packets_max,
        .interfaces_max = WORLD_INTERFACES,
    };
    neighbours_init(&w->neighbours, &neighbours, world_memory(w, 1, neighbours_size(&neighbours)));
    struct dad_config dad = {.handler = &world_handler,
                             .wheel = &w->wheel,
                             .addresses = &w->addresses,
                             .rng = rng_fork(&rng, 2),
                             .transmits = config->dad_transmits,
                             .delay_ms_max = config->dad_delay_ms_max};
    dad_init(&w->dad, &dad);
    struct arp_host_config arp = {.handler = &world_handler,
                                  .neighbours = &w->neighbours,
                                  .addresses = &w->addresses,
                                  .interfaces_max = WORLD_INTERFACES};
    arp_init(&w->arp, &arp, world_memory(w, 2, arp_size(WORLD_INTERFACES, WORLD_ADDRESSES)));
    struct nd_host_config nd = {.handler = &world_handler,
                                .wheel = &w->wheel,
                                .neighbours = &w->neighbours,
                                .addresses = &w->addresses,
                                .dad = &w->dad,
                                .rng = rng_fork(&rng, 3),
                                .interfaces_max = WORLD_INTERFACES};
    nd_init(&w->nd, &nd, world_memory(w, 3, nd_size(WORLD_INTERFACES)));
    return w;
}

static void world_close(struct world *w)
{
    assert_true(neighbours_invariants(&w->neighbours));
    assert_true(wheel_invariants(&w->wheel));
    for (unsigned i = 0; i < 4; i++)
        free(w->mem[i]);
    free(w);
}

static void world_expire(struct world *w, struct net_timer *timer, weir_time now)
{
    switch (timer->kind) {
    case NET_TIMER_NEIGHBOUR:
        neighbour_expire(&w->neighbours, timer, now);
        break;
    case NET_TIMER_ADDRESS:
        dad_expire(&w->dad, timer, now);
        break;
    default:
        assert_int_equal(timer->kind, NET_TIMER_ROUTER);
        nd_expire(&w->nd, timer, now);
        break;
    }
}

/* Let time pass until `until`; each timer is told the very time it was armed for, so that what a
 * test computes is exact. One that falls on `until` has fired. */
static void world_run(struct world *w, weir_time until)
{
    weir_time stop = until > INT64_MAX - WHEEL_TICK_NS ? until : until + WHEEL_TICK_NS;
    for (;;) {
        weir_time at = wheel_deadline(&w->wheel);
        if (at > stop)
            break;
        unsigned budget = 1000000;
        struct wheel_node *node;
        while ((node = wheel_pop(&w->wheel, at, &budget)) != NULL) {
            if (node->deadline > until) { /* later in the same tick */
                wheel_arm(&w->wheel, node, node->deadline);
                break;
            }
            if (node->deadline > w->now)
                w->now = node->deadline;
            world_expire(w, (void *)node, w->now);
        }
        if (node != NULL)
            break;
    }
    w->now = until;
}

static inline void world_pass(struct world *w, weir_time ns)
{
    world_run(w, w->now + ns);
}

static inline struct eth_addr mac_of(uint32_t n)
{
    return (struct eth_addr){
        {2, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

/* 10.0.0.0/8 and fe80::/64, by number. */
static inline struct ip4_addr host4(uint32_t n)
{
    return (struct ip4_addr){{10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

static inline struct ip6_addr host6(uint32_t n)
{
    struct ip6_addr a = {{0xfe, 0x80}};
    store32(a.b + 12, n);
    return a;
}

static inline struct neighbour_key key4(uint32_t n)
{
    return (struct neighbour_key){.addr = addr_from_ip4(host4(n))};
}

static inline struct neighbour_key key6(uint32_t n)
{
    return (struct neighbour_key){.addr = addr_from_ip6(host6(n))};
}

static inline struct address *world_address(struct world *w, struct weir_addr addr,
                                            unsigned ifindex, bool tentative)
{
    struct address_new new = {.addr = addr,
                              .ifindex = (uint8_t)ifindex,
                              .prefix_len = addr_is_ip4(addr) ? 8 : 64,
                              .tentative = tentative};
    struct address *address = NULL;
    assert_int_equal(address_add(&w->addresses, &new, &address), WEIR_OK);
    return address;
}

#endif
