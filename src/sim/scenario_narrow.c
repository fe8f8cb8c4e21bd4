/* SPDX-License-Identifier: MIT
 * A path that changes under a connection (NF-20 to NF-22, RFC 1191, RFC 8201, RFC 4821): narrower with
 * reports and without, up and down all the time, and wider after ten minutes. The window is less than
 * the queue holds, so whatever is lost, is lost by its size. */
#include <stdio.h>

#include "core/stack.h"
#include "sim/middlebox_path.h"
#include "sim/scenario_kit.h"
#include "sim/tcp_world.h"

enum { PORT = 5001, STEPS_MAX = 4, CHECK_EVERY = 16, WINDOW = 131072, MTU_LINK = 1500 };

#define EVENTS_MAX UINT64_C(20000000)
#define DELAY      (10 * WEIR_NS_PER_MS) /* one way */
#define QUEUE      UINT64_C(262144)
#define TURN       (25 * WEIR_NS_PER_MS) /* a round trip, and what it takes to send */

struct step {
    weir_time at;
    uint32_t mtu;
};

struct journey {
    const char *name;
    bool ip6, silent, swings; /* swings: between step[0] and the link's MTU every TURN, for 2 s */
    uint64_t rate_bps, bytes;
    weir_time idle; /* when half is written */
    struct step step[STEPS_MAX];
    unsigned steps;
    uint32_t mtu;        /* in the end */
    uint32_t timeouts;   /* at most */
    uint32_t probes;     /* at most */
    uint32_t cwnd_keeps; /* percent of cwnd before that there is in the end, at least */
};

#define S(n) ((n) * WEIR_NS_PER_S)

static const struct journey journeys[] = {
    {.name = "1500, 1400, 1280, 576, with reports",
     .rate_bps = 50000000,
     .bytes = 25000000,
     .step = {{S(1), 1400}, {S(2), 1280}, {S(3), 576}},
     .steps = 3,
     .mtu = 576,
     .cwnd_keeps = 100},
    {.name = "1500, 1400, 1280 by IPv6, with reports",
     .ip6 = true,
     .rate_bps = 50000000,
     .bytes = 20000000,
     .step = {{S(1), 1400}, {S(2), 1280}},
     .steps = 2,
     .mtu = 1280,
     .cwnd_keeps = 100},
    {.name = "a black hole of 1400",
     .silent = true,
     .rate_bps = 10000000,
     .bytes = 20000000,
     .step = {{0, 1400}},
     .steps = 1,
     .mtu = 1400,
     .timeouts = 2,
     .probes = 7},
    {.name = "a black hole of 1420 by IPv6, in the midst of it",
     .ip6 = true,
     .silent = true,
     .rate_bps = 10000000,
     .bytes = 20000000,
     .step = {{S(1), 1420}},
     .steps = 1,
     .mtu = 1420,
     .timeouts = 3,
     .probes = 7},
    {.name = "1400, and 1500 again; ten minutes without traffic",
     .rate_bps = 50000000,
     .bytes = 40000000,
     .idle = S(605),
     .step = {{S(1), 1400}, {S(2), 1500}},
     .steps = 2,
     .mtu = 1500,
     .probes = 1,
     .cwnd_keeps = 5}, /* the restart window (RFC 5681 4.1), and what it has grown to */
    {.name = "1400 and 1500 in turn, each round trip",
     .swings = true,
     .rate_bps = 50000000,
     .bytes = 25000000,
     .step = {{S(1), 1400}},
     .steps = 1,
     .mtu = 1400,
     .cwnd_keeps = 100},
};

enum { JOURNEYS = sizeof journeys / sizeof journeys[0] };

struct travel {
    const struct journey *journey;
    struct tcp_world world;
    struct middlebox *router;
    unsigned taken;          /* steps */
    unsigned swung;
    uint64_t dropped_before; /* by the router, when the last step was taken */
    weir_time dropped_at;    /* the first packet since; 0: none yet */
    weir_time took;          /* from there until smaller segments went: the longest; -1: never */
    uint32_t cwnd, cwnd_end; /* before the first step, and in the end */
    struct weir_tcp_info info;
    weir_time done;
};

static void take_steps(struct travel *t, weir_time now)
{
    const struct journey *j = t->journey;
    while (t->taken < j->steps && now >= j->step[t->taken].at) {
        if (t->taken == 0)
            t->cwnd = t->info.cwnd_bytes;
        middlebox_path_mtu_set(t->router, j->step[t->taken].mtu, j->silent);
        t->dropped_before = middlebox_path_mtu_stats(t->router).too_large;
        t->dropped_at = 0;
        t->taken++;
    }
    if (!j->swings || t->taken == 0 || now > j->step[0].at + S(2))
        return;
    unsigned turn = (unsigned)((now - j->step[0].at) / TURN);
    if (turn == t->swung)
        return;
    t->swung = turn;
    middlebox_path_mtu_set(t->router, turn % 2 == 0 ? j->step[0].mtu : (uint32_t)MTU_LINK, false);
}

static void on_event(struct tcp_world *world, void *ctx)
{
    struct travel *t = ctx;
    weir_time now = sim_now(world->sim);
    weir_handle handle = tcp_apps_handle(world->apps, 0, 0);
    take_steps(t, now);
    if (t->done == 0 && tcp_apps_read(world->apps) == t->journey->bytes)
        t->done = now;
    if (t->done > 0 || weir_tcp_info(tcp_world_stack(world, 0), handle, &t->info) != WEIR_OK)
        return;
    if (t->info.in_flight_bytes > 0)
        t->cwnd_end = t->info.cwnd_bytes;
    uint64_t dropped = middlebox_path_mtu_stats(t->router).too_large;
    if (t->taken > 0 && t->dropped_at == 0 && dropped > t->dropped_before)
        t->dropped_at = now;
    if (t->dropped_at > 0 && t->info.path_mtu_bytes <= t->journey->step[t->taken - 1].mtu) {
        if (now - t->dropped_at > t->took)
            t->took = now - t->dropped_at;
        t->dropped_at = WEIR_TIME_NEVER; /* until the next step */
    }
}

static void begin(struct travel *t, struct scenario_run *run)
{
    static const char *const names[] = {"left", "right"};
    const struct journey *j = t->journey;
    struct path_mtu_config router = {.mtu_bytes = MTU_LINK,
                                     .silent = j->silent,
                                     .router4 = build_addr("10.0.0.254"),
                                     .router6 = build_addr("fd00::fe")};
    struct sim_dir_config dir = {
        .rate_bps = j->rate_bps, .delay = DELAY, .queue = {.bytes_max = QUEUE}};
    struct sim_dir_config near = {.rate_bps = 1000000000};
    tcp_world_begin(&t->world, scenario_begin(run));
    for (unsigned i = 0; i < 2; i++)
        (void)tcp_world_host(&t->world, &(struct tcp_world_host){.name = names[i]});
    t->router = middlebox_add_path_mtu(t->world.sim, "router", &router);
    t->world.check_every = CHECK_EVERY;
    t->world.on_event = on_event;
    t->world.on_event_ctx = t;
    (void)scenario_link(run, t->world.sim,
                        &(struct scenario_link){.name = "near",
                                                .a = tcp_world_node(&t->world, 0),
                                                .b = middlebox_node(t->router),
                                                .port_b = MIDDLEBOX_INSIDE,
                                                .there = near,
                                                .back = near,
                                                .capture = SIM_CAPTURE_A});
    (void)scenario_link(run, t->world.sim,
                        &(struct scenario_link){.name = "far",
                                                .a = middlebox_node(t->router),
                                                .port_a = MIDDLEBOX_OUTSIDE,
                                                .b = tcp_world_node(&t->world, 1),
                                                .there = dir,
                                                .back = dir});
    tcp_apps_listen(t->world.apps,
                    &(struct tcp_listen_config){.host = 1,
                                                .port = PORT,
                                                .backlog = 1,
                                                .setting_count = 2,
                                                .setting = {{WEIR_TCP_RECEIVE_BYTES_MAX, WINDOW},
                                                            {WEIR_TCP_TUNE, 0}}});
    struct tcp_talk_config talk = tcp_world_talk(PORT, j->bytes, 0);
    talk.address[1] = tcp_world_addr(1, j->ip6);
    talk.side[0].idle = j->idle;
    talk.side[0].idle_after = j->bytes / 2;
    (void)tcp_apps_talk(t->world.apps, &talk);
}

static void report(struct travel *t, struct scenario_run *run)
{
    const struct journey *j = t->journey;
    const struct verdict *v = &t->world.verdict;
    const struct path_mtu_stats router = middlebox_path_mtu_stats(t->router);
    struct weir_tcp_stats stats;
    weir_tcp_stats(tcp_world_stack(&t->world, 0), &stats);
    scenario_section(run, j->name);
    scenario_figure(run, "time", t->done, "ns");
    scenario_figure(run, "too large for the router", (int64_t)router.too_large, "packets");
    scenario_figure(run, "path MTU in the end", t->info.path_mtu_bytes, "bytes");
    scenario_figure(run, "from the first loss to smaller segments, at most", t->took, "ns");
    scenario_figure(run, "retransmitted", (int64_t)stats.segments_retransmitted, "packets");
    scenario_figure(run, "timeouts", t->info.timeouts, "");
    scenario_figure(run, "reports that waited for evidence", (int64_t)stats.path_reports_pending, "");
    scenario_figure(run, "reports refuted", (int64_t)stats.path_reports_refuted, "");
    scenario_figure(run, "black holes", (int64_t)stats.path_blackholes, "");
    scenario_figure(run, "probes", (int64_t)stats.path_probes, "");
    scenario_figure(run, "probes lost", (int64_t)stats.path_probes_lost, "");
    scenario_figure(run, "cwnd before", t->cwnd, "bytes");
    scenario_figure(run, "cwnd in the end", t->cwnd_end, "bytes");
    scenario_check(run, t->done > 0, "every byte arrives, and is the one that was sent");
    scenario_check(run, t->info.path_mtu_bytes == j->mtu, "the path MTU is found: %u", j->mtu);
    scenario_check(run, t->info.timeouts <= j->timeouts, "timeouts: %u at most", j->timeouts);
    scenario_check(run, stats.path_probes <= j->probes, "probes: %u at most", j->probes);
    scenario_check(run, stats.path_blackholes == j->silent, "black holes: %u", j->silent);
    if (!j->silent) /* half a round trip for the report, one for the proof */
        scenario_check(run, t->took > 0 && t->took <= 4 * DELAY + 2 * TURN,
                       "smaller segments go about a round trip after the first loss");
    if (j->cwnd_keeps > 0)
        scenario_check(run, t->cwnd_end >= (uint64_t)t->cwnd * j->cwnd_keeps / 100,
                       "cwnd does not collapse");
    if (v->failed)
        scenario_check(run, false, "%s at %lld ns: %s", v->id, (long long)v->time, v->text);
    else
        scenario_check(run, true, "the invariants of TCP hold, and nothing is left behind");
}

static void narrow_run(struct scenario_run *run)
{
    uint64_t hash = 0, events = 0, packets = 0;
    for (unsigned i = 0; i < JOURNEYS; i++) {
        if (run->only != 0 && run->only != i + 1)
            continue;
        struct travel t = {.journey = &journeys[i]};
        begin(&t, run);
        if (tcp_world_go(&t.world, run, EVENTS_MAX))
            (void)tcp_world_close(&t.world, EVENTS_MAX);
        report(&t, run);
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

const struct scenario scenario_narrow_path = {
    .name = "narrow-path",
    .summary = "paths that become narrower and wider under a connection",
    .heavy = true,
    .run = narrow_run,
};
