/* SPDX-License-Identifier: MIT
 * A transfer of 600 KB between two weir stacks over 20 Mbit/s and 40 ms there and back, at several
 * rates of loss: what arrives is compared byte for byte, and every invariant of TCP is watched. */
#include <stdio.h>

#include "sim/scenario_kit.h"
#include "sim/tcp_world.h"

enum { PORT = 5001, QUEUE_PACKETS = 100, CHECK_EVERY = 8, LOSS_MANY = 50 };

#define RATE       UINT64_C(20000000)
#define DELAY      (20 * WEIR_NS_PER_MS)
#define BYTES      UINT64_C(600000)
#define EVENTS_MAX UINT64_C(3000000)

/* Losses in 1,000 packets, both ways. */
static const uint32_t losses[] = {0, 5, 10, 50};

enum { TRANSFERS = sizeof losses / sizeof losses[0] };

/* One transfer, in hosts of its own. */
struct transfer {
    struct tcp_world world;
    struct sim_link *link;
    weir_time done; /* when the last byte was read; 0: not yet */
};

static void on_event(struct tcp_world *world, void *ctx)
{
    struct transfer *t = ctx;
    if (t->done == 0 && tcp_apps_read(world->apps) == BYTES)
        t->done = sim_now(world->sim);
}

static void transfer_begin(struct transfer *t, struct scenario_run *run, unsigned loss)
{
    static const char *const names[] = {"sender", "receiver"};
    struct sim_dir_config dir = {.rate_bps = RATE,
                                 .delay = DELAY,
                                 .queue = {.packets_max = QUEUE_PACKETS},
                                 .loss = {.kind = SIM_LOSS_BERNOULLI, .chance = {loss, 1000}}};
    struct scenario_link link = {
        .name = "link", .there = dir, .back = dir, .capture = SIM_CAPTURE_BOTH};
    struct tcp_talk_config talk = tcp_world_talk(PORT, BYTES, 0);
    tcp_world_begin(&t->world, scenario_begin(run));
    for (unsigned i = 0; i < 2; i++)
        (void)tcp_world_host(&t->world, &(struct tcp_world_host){.name = names[i]});
    link.a = tcp_world_node(&t->world, 0);
    link.b = tcp_world_node(&t->world, 1);
    t->done = 0;
    t->world.check_every = CHECK_EVERY;
    t->world.on_event = on_event;
    t->world.on_event_ctx = t;
    t->link = scenario_link(run, t->world.sim, &link);
    tcp_apps_listen(t->world.apps,
                    &(struct tcp_listen_config){.host = 1, .port = PORT, .backlog = 1});
    (void)tcp_apps_talk(t->world.apps, &talk);
}

static void transfer_report(struct transfer *t, struct scenario_run *run, unsigned loss)
{
    char title[48];
    struct tcp_watch_stats wire = tcp_watch_stats(t->world.watch);
    struct weir_tcp_stats sender;
    const struct verdict *v = &t->world.verdict;
    snprintf(title, sizeof title, "loss %u.%u %%", loss / 10, loss % 10);
    scenario_section(run, title);
    scenario_figure(run, "time", t->done, "ns");
    if (t->done > 0)
        scenario_figure(run, "rate",
                        (int64_t)(BYTES * 8 * 1000000 / ((uint64_t)t->done / 1000)), "bit/s");
    scenario_figure(run, "segments", (int64_t)wire.segments, "packets");
    scenario_figure(run, "retransmitted", (int64_t)wire.retransmitted, "packets");
    weir_tcp_stats(tcp_world_stack(&t->world, 0), &sender);
    scenario_figure(run, "fast recoveries", (int64_t)sender.fast_retransmits, "");
    scenario_figure(run, "timeouts", (int64_t)sender.timeouts, "");
    scenario_figure(run, "with SACK", (int64_t)wire.sacks, "packets");
    scenario_check(run, t->done > 0, "every byte arrives, and is the one that was sent");
    if (loss >= LOSS_MANY)
        scenario_check(run, sender.fast_retransmits > 0, "losses are repaired without waiting");
    if (v->failed)
        scenario_check(run, false, "%s at %lld ns: %s", v->id, (long long)v->time, v->text);
    else
        scenario_check(run, true, "the invariants of TCP hold, and nothing is left behind");
}

static void bulk_run(struct scenario_run *run)
{
    struct transfer t;
    uint64_t hash = 0, events = 0, packets = 0;
    for (unsigned i = 0; i < TRANSFERS; i++) {
        transfer_begin(&t, run, losses[i]);
        if (tcp_world_go(&t.world, run, EVENTS_MAX))
            (void)tcp_world_close(&t.world, EVENTS_MAX);
        transfer_report(&t, run, losses[i]);
        hash = hash * 31 + sim_trace_hash(t.world.sim);
        events += sim_stats(t.world.sim).events;
        packets += sim_stats(t.world.sim).packets;
        scenario_end(run, t.world.sim);
        tcp_world_free(&t.world);
        if (run->cut || run->error != 0)
            return;
    }
    run->trace_hash = hash;
    run->stats.events = events;
    run->stats.packets = packets;
}

const struct scenario scenario_bulk = {
    .name = "bulk",
    .summary = "600 KB over TCP, 20 Mbit/s and 40 ms, with 0 to 5 % loss",
    .run = bulk_run,
};
