/* SPDX-License-Identifier: MIT
 * Two hosts and a link, for tests of TCP. */
#ifndef WEIR_TESTS_SIM_TCP_PAIR_H
#define WEIR_TESTS_SIM_TCP_PAIR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>

#include <cmocka.h>

#include "sim/fault.h"
#include "sim/tcp_world.h"
#include "wire/tcp.h"

enum { PAIR_PORT = 5001 };

#define PAIR_EVENTS_MAX UINT64_C(2000000)
#define PAIR_DELAY      (5 * WEIR_NS_PER_MS)

struct pair {
    struct tcp_world world;
    struct sim_link *link;
};

/* Two hosts with a listener on the second. Zeros: seed 1, a clean link of 5 ms. */
struct pair_config {
    uint64_t seed;
    weir_time start;
    const struct sim_dir_config *dir; /* both ways */
    const struct weir_config *stack;  /* of both */
    uint32_t mtu_bytes;
    uint32_t capabilities;
};

static inline void pair_begin(struct pair *pair, const struct pair_config *config)
{
    static const char *const names[] = {"client", "server"};
    struct sim_dir_config dir = {.delay = PAIR_DELAY};
    struct sim_link_config link;
    struct weir_config stack;
    struct sim *sim = sim_create(&(struct sim_config){
        .seed = config->seed == 0 ? 1 : config->seed, .start = config->start});
    assert_non_null(sim);
    weir_config_default(&stack);
    stack.tcp_endpoints_max = stack.tcp_flights_max = 16;
    stack.tcp_time_wait_max = 16;
    stack.packet_memory_kb = 4096;
    if (config->stack != NULL)
        stack = *config->stack;
    tcp_world_begin(&pair->world, sim);
    for (unsigned i = 0; i < 2; i++)
        (void)tcp_world_host(&pair->world,
                             &(struct tcp_world_host){.name = names[i],
                                                      .config = &stack,
                                                      .mtu_bytes = config->mtu_bytes,
                                                      .capabilities = config->capabilities});
    if (config->dir != NULL)
        dir = *config->dir;
    link = (struct sim_link_config){.dir = {dir, dir}};
    pair->link = sim_link_add(sim, "link", tcp_world_node(&pair->world, 0), 0,
                              tcp_world_node(&pair->world, 1), 0, &link);
    assert_non_null(pair->link);
    tcp_apps_listen(pair->world.apps, &(struct tcp_listen_config){
                                          .host = 1, .port = PAIR_PORT, .backlog = 8});
}

/* Run to the end, and say what was wrong, with `what` and two numbers. */
static inline void pair_end(struct pair *pair, const char *what, unsigned a, unsigned b)
{
    bool good = tcp_world_finish(&pair->world, PAIR_EVENTS_MAX);
    struct verdict v = pair->world.verdict;
    tcp_world_end(&pair->world);
    if (!good)
        fail_msg("%s %u %u: %s at %lld ns: %s", what, a, b, v.id, (long long)v.time, v.text);
}

/* A rule on packet number `number` (from 0) of a direction. */
static inline void pair_fault(struct pair *pair, enum sim_dir dir, unsigned number,
                              enum sim_fault_action action)
{
    struct sim_fault fault = {.skip = number, .count = 1, .action = (uint8_t)action};
    assert_true(sim_fault_add(pair->link, dir, &fault) >= 0);
}

#endif
