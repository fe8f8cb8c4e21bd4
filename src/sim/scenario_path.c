/* SPDX-License-Identifier: MIT
 * What the default settings make of a path. A long fat one (1 Gbit/s, 100 ms there and back, a queue of
 * 12.5 MB: what it carries in a round trip) is to be filled to 90 %, by IPv4 and IPv6, whoever
 * opened the connection; on a short one buffers stay small, and so they do for a reader that is slower
 * than the path; and a thousand connections share the packet memory. Nothing is set on any endpoint but
 * in the last of them. */
#include <stdio.h>

#include "core/stack.h"
#include "sim/scenario_kit.h"
#include "sim/tcp_world.h"

enum {
    PORT = 5001,
    CHECK_EVERY = 64,         /* events */
    CHECK_EVERY_MANY = 1 << 30, /* where there is much to look at: at the end */
    MANY = 1000,
    SMALL_BUFFER = 1 << 20, /* nobody needs more for these */
    MEMORY_KB = 65536       /* the default */
};

#define EVENTS_MAX UINT64_C(200000000)
#define GIGABIT    UINT64_C(1000000000)
#define QUEUE      UINT64_C(12500000)
#define FAR        (50 * WEIR_NS_PER_MS)
#define NEAR       (50 * WEIR_NS_PER_US)
#define SETTLED    (3 * WEIR_NS_PER_S) /* slow start is over by then */

struct path {
    const char *name;
    uint64_t rate_bps;
    weir_time delay; /* one way */
    uint64_t queue_bytes;
    uint64_t bytes; /* of each connection */
    unsigned connections;
    bool ip6;
    bool back;            /* who accepts sends */
    weir_time read_pause; /* after each call of the reader, at most */
    unsigned percent;     /* of the rate that must be reached once it has settled; 0: none */
    uint32_t receive_max; /* the receive buffer may become so large; 0: any */
};

static const struct path paths[] = {
    {.name = "1 Gbit/s, 100 ms",
     .rate_bps = GIGABIT,
     .delay = FAR,
     .queue_bytes = QUEUE,
     .bytes = UINT64_C(3500000000),
     .connections = 1,
     .percent = 90},
    {.name = "the same by IPv6, from who accepts",
     .rate_bps = GIGABIT,
     .delay = FAR,
     .queue_bytes = QUEUE,
     .bytes = UINT64_C(1000000000),
     .connections = 1,
     .ip6 = true,
     .back = true,
     .percent = 90},
    {.name = "10 Gbit/s, 100 us",
     .rate_bps = 10 * GIGABIT,
     .delay = NEAR,
     .queue_bytes = QUEUE,
     .bytes = UINT64_C(300000000),
     .connections = 1,
     .percent = 90,
     .receive_max = SMALL_BUFFER},
    {.name = "1 Gbit/s, 100 ms, a slow reader",
     .rate_bps = GIGABIT,
     .delay = FAR,
     .queue_bytes = QUEUE,
     .bytes = UINT64_C(2000000),
     .connections = 1,
     .read_pause = 100 * WEIR_NS_PER_MS,
     .receive_max = SMALL_BUFFER / 2},
    {.name = "1000 connections, 1 Gbit/s, 100 ms",
     .rate_bps = GIGABIT,
     .delay = FAR,
     .queue_bytes = QUEUE,
     .bytes = UINT64_C(200000),
     .connections = MANY,
     .percent = 0},
};

enum { PATHS = sizeof paths / sizeof paths[0] };

/* One of them, in hosts of its own. */
struct filling {
    const struct path *path;
    struct tcp_world world;
    weir_time begun, done;
    uint64_t settled; /* bytes read until SETTLED */
    uint32_t receive_buffer, send_buffer; /* the largest seen */
    uint64_t promised, in_use[2];
};

static uint64_t bytes_all(const struct filling *f)
{
    return f->path->bytes * f->path->connections;
}

/* The buffers of the first talk. */
static void look(struct filling *f, unsigned side)
{
    struct weir_tcp_info info;
    weir_handle handle = tcp_apps_handle(f->world.apps, 0, side);
    if (weir_tcp_info(tcp_world_stack(&f->world, side), handle, &info) != WEIR_OK)
        return;
    if (info.receive_buffer_bytes > f->receive_buffer)
        f->receive_buffer = info.receive_buffer_bytes;
    if (info.send_buffer_bytes > f->send_buffer)
        f->send_buffer = info.send_buffer_bytes;
}

static void on_event(struct tcp_world *world, void *ctx)
{
    struct filling *f = ctx;
    weir_time now = sim_now(world->sim);
    uint64_t read = tcp_apps_read(world->apps);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t promised = tcp_world_stack(world, i)->blocks.promised_bytes;
        f->promised = promised > f->promised ? promised : f->promised;
    }
    if (world->events % 64 == 0)
        look(f, 0), look(f, 1);
    if (now <= SETTLED)
        f->settled = read;
    if (f->done == 0 && read == bytes_all(f))
        f->done = now;
}

static void begin(struct filling *f, struct scenario_run *run)
{
    static const char *const names[] = {"left", "right"};
    const struct path *path = f->path;
    struct sim_dir_config dir = {.rate_bps = path->rate_bps,
                                 .delay = path->delay,
                                 .queue = {.bytes_max = path->queue_bytes}};
    struct scenario_link link = {
        .name = "link", .there = dir, .back = dir, .capture = SIM_CAPTURE_BOTH};
    struct weir_config config;
    weir_config_default(&config);
    if (path->connections > 1) { /* all else is the default */
        config.tcp_endpoints_max = path->connections + 1;
        config.tcp_flights_max = path->connections;
    }
    tcp_world_begin(&f->world, scenario_begin(run));
    for (unsigned i = 0; i < 2; i++)
        (void)tcp_world_host(&f->world,
                             &(struct tcp_world_host){.name = names[i], .config = &config});
    link.a = tcp_world_node(&f->world, 0);
    link.b = tcp_world_node(&f->world, 1);
    f->world.check_every = path->connections > 1 ? CHECK_EVERY_MANY : CHECK_EVERY;
    f->world.on_event = on_event;
    f->world.on_event_ctx = f;
    (void)scenario_link(run, f->world.sim, &link);
    tcp_apps_listen(f->world.apps, &(struct tcp_listen_config){
                                       .host = 1, .port = PORT, .backlog = path->connections});
    for (unsigned i = 0; i < path->connections; i++) {
        struct tcp_talk_config talk = tcp_world_talk(PORT, path->back ? 0 : path->bytes,
                                                     path->back ? path->bytes : 0);
        talk.start = i * WEIR_NS_PER_MS;
        talk.address[1] = tcp_world_addr(1, path->ip6);
        talk.side[path->back ? 0 : 1].read_pause = path->read_pause;
        (void)tcp_apps_talk(f->world.apps, &talk);
    }
}

static int64_t rate(uint64_t bytes, weir_time ns)
{
    return ns > 0 ? (int64_t)(bytes * 8 * 1000000 / ((uint64_t)ns / 1000)) : 0;
}

static void report(struct filling *f, struct scenario_run *run)
{
    const struct path *path = f->path;
    const struct verdict *v = &f->world.verdict;
    uint64_t in_use = 0, retransmitted = 0, timeouts = 0;
    int64_t settled = rate(bytes_all(f) - f->settled, f->done - SETTLED);
    for (unsigned i = 0; i < 2; i++) {
        struct weir_tcp_stats stats;
        const weir_stack *stack = tcp_world_stack(&f->world, i);
        weir_tcp_stats(stack, &stats);
        retransmitted += stats.segments_retransmitted;
        timeouts += stats.timeouts;
        if (stack->blocks.bytes_in_use_max > in_use)
            in_use = stack->blocks.bytes_in_use_max;
    }
    scenario_section(run, path->name);
    scenario_figure(run, "time", f->done, "ns");
    scenario_figure(run, "goodput", rate(bytes_all(f), f->done), "bit/s");
    if (f->done > SETTLED)
        scenario_figure(run, "goodput after 3 s", settled, "bit/s");
    scenario_figure(run, "receive buffer", f->receive_buffer, "bytes");
    scenario_figure(run, "send buffer", f->send_buffer, "bytes");
    scenario_figure(run, "packet memory in use, at most", (int64_t)in_use, "bytes");
    scenario_figure(run, "packet memory promised, at most", (int64_t)f->promised, "bytes");
    scenario_figure(run, "retransmitted", (int64_t)retransmitted, "packets");
    scenario_figure(run, "timeouts", (int64_t)timeouts, "");
    scenario_check(run, f->done > 0, "every byte arrives, and is the one that was sent");
    if (path->percent > 0) {
        int64_t reached = f->done > SETTLED ? settled : rate(bytes_all(f), f->done);
        scenario_check(run, reached >= (int64_t)(path->rate_bps / 100 * path->percent),
                       "the path is filled to %u %%", path->percent);
    }
    if (path->receive_max > 0)
        scenario_check(run, f->receive_buffer <= path->receive_max,
                       "the receive buffer stays at %u bytes at most", path->receive_max);
    scenario_check(run, in_use <= UINT64_C(1024) * MEMORY_KB,
                   "packet memory is not more than there is");
    if (v->failed)
        scenario_check(run, false, "%s at %lld ns: %s", v->id, (long long)v->time, v->text);
    else
        scenario_check(run, true, "the invariants of TCP hold, and nothing is left behind");
}

static void path_run(struct scenario_run *run)
{
    struct filling f;
    uint64_t hash = 0, events = 0, packets = 0;
    for (unsigned i = 0; i < PATHS; i++) {
        if (run->only != 0 && run->only != i + 1)
            continue;
        f = (struct filling){.path = &paths[i]};
        begin(&f, run);
        if (tcp_world_go(&f.world, run, EVENTS_MAX))
            (void)tcp_world_close(&f.world, EVENTS_MAX);
        report(&f, run);
        hash = hash * 31 + sim_trace_hash(f.world.sim);
        events += sim_stats(f.world.sim).events;
        packets += sim_stats(f.world.sim).packets;
        scenario_end(run, f.world.sim);
        tcp_world_free(&f.world);
        if (run->cut || run->error != 0)
            return;
    }
    run->trace_hash = hash;
    run->stats.events = events;
    run->stats.packets = packets;
}

const struct scenario scenario_long_path = {
    .name = "long-path",
    .summary = "default settings on 1 Gbit/s and 100 ms, and on other paths",
    .heavy = true,
    .run = path_run,
};
