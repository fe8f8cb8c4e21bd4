/* SPDX-License-Identifier: MIT */
#include "sim/tcp_world.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "sim/build.h"
#include "weir/net.h"

enum { MTU_DEFAULT = 1500, DEEP_EVERY = 16, EVENTS_AT_ONCE = 4096 };

static void after_event(struct sim *sim, void *ctx)
{
    struct tcp_world *world = ctx;
    world->events++;
    tcp_watch_settle(world->watch, sim_now(sim));
    if (world->events % world->check_every == 0)
        tcp_check_now(world->check, sim_now(sim),
                      world->events % (DEEP_EVERY * (uint64_t)world->check_every) == 0);
    tcp_apps_serve(world->apps);
    if (world->on_event != NULL)
        world->on_event(world, world->on_event_ctx);
}

void tcp_world_begin(struct tcp_world *world, struct sim *sim)
{
    memset(world, 0, sizeof *world);
    world->sim = sim;
    world->verdict.sim = sim;
    world->check_every = 1;
    world->apps = tcp_apps_new(sim, &world->verdict);
    world->watch = tcp_watch_new(&world->verdict);
    world->check = tcp_check_new(&world->verdict, world->apps, world->watch);
    sim_on_event(sim, after_event, world);
}

struct weir_addr tcp_world_addr(unsigned host, bool ip6)
{
    char text[WEIR_ADDR_TEXT_MAX];
    snprintf(text, sizeof text, ip6 ? "fd00::%u" : "10.0.0.%u", host + 1);
    return build_addr(text);
}

unsigned tcp_world_host(struct tcp_world *world, const struct tcp_world_host *host)
{
    struct weir_config config;
    unsigned number = world->hosts;
    uint8_t link = host->link == 0 ? WEIR_LINK_IP : host->link;
    struct weir_iface_config iface = {
        .size = sizeof iface,
        .link = link,
        .capabilities = host->capabilities,
        .mtu_bytes = host->mtu_bytes == 0 ? MTU_DEFAULT : host->mtu_bytes,
        .segmented_bytes_max =
            (host->capabilities & (WEIR_CAP_TX_TCP4 | WEIR_CAP_TX_TCP6)) != 0 ? 65535 : 0};
    struct tcp_watch_host watched = {
        .link = link, .mtu_bytes = iface.mtu_bytes, .slow = host->slow};
    if (link == WEIR_LINK_ETHERNET) {
        iface.mac[0] = 2;
        iface.mac[5] = (uint8_t)(number + 1);
    }
    if (host->config != NULL)
        config = *host->config;
    else
        weir_config_default(&config);
    if (config.seed == 0)
        config.seed = sim_seed(world->sim) + number;
    if (!host->own_clock)
        watched.quiet_until = sim_now(world->sim) + config.tcp_quiet_ms * WEIR_NS_PER_MS;
    config.tap = tcp_watch_add(world->watch, &watched);
    struct stack_node *node = stack_node_add(
        world->sim, host->name,
        &(struct stack_node_config){.stack = &config, .iface = &iface, .iface_count = 1});
    CHECK(NULL, node != NULL && number < TCP_APP_HOSTS_MAX);
    for (unsigned ip6 = 0; ip6 <= (iface.mtu_bytes >= 1280); ip6++) {
        struct weir_addr own = tcp_world_addr(number, ip6 != 0);
        CHECK(NULL, weir_stack_add_address(stack_node_stack(node), 0, &own, ip6 != 0 ? 64 : 24) ==
                        WEIR_OK);
    }
    world->node[world->hosts++] = node;
    CHECK(NULL, tcp_apps_host(world->apps, node) == number);
    tcp_check_add(world->check, stack_node_stack(node), host->slow);
    return number;
}

struct sim_node *tcp_world_node(const struct tcp_world *world, unsigned host)
{
    CHECK(NULL, host < world->hosts);
    return stack_node_node(world->node[host]);
}

weir_stack *tcp_world_stack(const struct tcp_world *world, unsigned host)
{
    CHECK(NULL, host < world->hosts);
    return stack_node_stack(world->node[host]);
}

struct tcp_talk_config tcp_world_talk(uint16_t port, uint64_t bytes_there, uint64_t bytes_back)
{
    return (struct tcp_talk_config){.host = {0, 1},
                                    .address = {{{0}}, tcp_world_addr(1, false)},
                                    .port = {0, port},
                                    .side = {{.bytes = bytes_there}, {.bytes = bytes_back}}};
}

bool tcp_world_run(struct tcp_world *world, uint64_t events_max)
{
    enum sim_stop stop = SIM_STOP_EVENTS;
    uint64_t last = world->events + events_max;
    while (stop == SIM_STOP_EVENTS && !world->verdict.failed && world->events < last)
        stop = sim_run_until_idle(world->sim, EVENTS_AT_ONCE);
    if (!world->verdict.failed && stop != SIM_STOP_IDLE)
        verdict_fail(&world->verdict, sim_now(world->sim), stop == SIM_STOP_ERROR ? "sim" : "I-61",
                     "after %llu events there is no end of them",
                     (unsigned long long)world->events);
    return !world->verdict.failed;
}

bool tcp_world_go(struct tcp_world *world, struct scenario_run *run, uint64_t events_max)
{
    enum sim_stop stop = SIM_STOP_EVENTS;
    uint64_t last = world->events + events_max;
    while (stop == SIM_STOP_EVENTS && !world->verdict.failed && !run->stopped) {
        /* With no time set the clock is to stay at the last event. */
        stop = run->until > 0 ? sim_run_until(world->sim, run->until, EVENTS_AT_ONCE)
                              : sim_run_until_idle(world->sim, EVENTS_AT_ONCE);
        if (world->events >= last)
            verdict_fail(&world->verdict, sim_now(world->sim), "I-61",
                         "after %llu events there is no end of them",
                         (unsigned long long)world->events);
        run->stopped = run->stop != NULL && run->stop(run->ctx);
    }
    run->error = sim_error(world->sim);
    run->cut = stop != SIM_STOP_IDLE && !world->verdict.failed;
    return stop == SIM_STOP_IDLE && !world->verdict.failed;
}

bool tcp_world_close(struct tcp_world *world, uint64_t events_max)
{
    char text[VERDICT_TEXT_MAX];
    weir_time now = sim_now(world->sim);
    tcp_watch_settle(world->watch, WEIR_TIME_NEVER - 1);
    if (!tcp_apps_done(world->apps, text, sizeof text))
        verdict_fail(&world->verdict, now, "I-59", "%s, and nothing will happen any more", text);
    tcp_apps_listen_end(world->apps);
    if (world->verdict.failed || !tcp_world_run(world, events_max))
        return false;
    tcp_check_now(world->check, sim_now(world->sim), true);
    tcp_check_idle(world->check, sim_now(world->sim));
    if (!sim_invariants(world->sim, text, sizeof text))
        verdict_fail(&world->verdict, sim_now(world->sim), "I-53", "%s", text);
    return !world->verdict.failed;
}

bool tcp_world_finish(struct tcp_world *world, uint64_t events_max)
{
    return tcp_world_run(world, events_max) && tcp_world_close(world, events_max);
}

void tcp_world_free(struct tcp_world *world)
{
    tcp_check_free(world->check);
    tcp_watch_free(world->watch);
    tcp_apps_free(world->apps);
}

void tcp_world_end(struct tcp_world *world)
{
    sim_destroy(world->sim);
    tcp_world_free(world);
}
