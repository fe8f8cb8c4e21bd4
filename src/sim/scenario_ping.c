/* SPDX-License-Identifier: MIT
 * Two hosts on a clean path: round trips that can be computed by hand. */
#include "sim/ping.h"
#include "sim/scenario_kit.h"

enum { COUNT = 5, SERIES = 3 };

#define RATE_BPS UINT64_C(10000000)
#define DELAY    (20 * WEIR_NS_PER_MS)
#define INTERVAL (100 * WEIR_NS_PER_MS)

static const struct series {
    const char *name, *source, *destination;
    uint32_t payload_len, packet_len;
} all_series[SERIES] = {
    {"IPv4, 84 bytes", "10.0.0.1", "10.0.0.2", 56, 84},
    {"IPv6, 104 bytes", "2001:db8::1", "2001:db8::2", 56, 104},
    {"IPv4, 1500 bytes", "10.0.0.1", "10.0.0.2", 1472, 1500},
};

static void report_series(struct scenario_run *run, const struct series *series,
                          const struct ping *ping)
{
    struct ping_stats s = ping_stats(ping);
    /* Each way: the bits at the rate of the link, then the propagation. */
    weir_time wire = (weir_time)(series->packet_len * UINT64_C(8) * 1000000000 / RATE_BPS);
    weir_time expected = 2 * (wire + DELAY);
    scenario_section(run, series->name);
    scenario_figure(run, "requests", (int64_t)s.sent, "packets");
    scenario_figure(run, "replies", (int64_t)s.received, "packets");
    scenario_figure(run, "round trip, least", s.rtt_min, "ns");
    scenario_figure(run, "round trip, most", s.rtt_max, "ns");
    scenario_check(run, s.sent == COUNT && s.replies == COUNT && s.received == COUNT,
                   "every request has its reply, and one only");
    scenario_check(run, s.rtt_min == expected && s.rtt_max == expected,
                   "each round trip takes 2 x (%lld + %lld) ns", (long long)wire, (long long)DELAY);
}

static void ping_run(struct scenario_run *run)
{
    struct actor_config left_config = {0}, right_config = {.answer_echo = true};
    struct sim *sim = scenario_begin(run);
    struct actor *left = actor_add(sim, "left", &left_config);
    struct actor *right = actor_add(sim, "right", &right_config);
    struct rng rng = sim_rng(sim, "ping");
    struct ping *ping[SERIES];
    CHECK(NULL, left != NULL && right != NULL);
    struct scenario_link path = {.name = "path",
                                 .a = actor_node(left),
                                 .b = actor_node(right),
                                 .there = {.rate_bps = RATE_BPS, .delay = DELAY},
                                 .back = {.rate_bps = RATE_BPS, .delay = DELAY},
                                 .capture = SIM_CAPTURE_BOTH};
    scenario_link(run, sim, &path);
    for (unsigned i = 0; i < SERIES; i++) {
        const struct series *s = &all_series[i];
        struct ping_config config = {.source = build_addr(s->source),
                                     .destination = build_addr(s->destination),
                                     .id = (uint16_t)rng_u32(&rng),
                                     .count = COUNT,
                                     .start = (weir_time)i * COUNT * INTERVAL,
                                     .interval = INTERVAL,
                                     .payload_min = s->payload_len,
                                     .payload_max = s->payload_len,
                                     .seed = rng_u64(&rng)};
        ping[i] = ping_start(left, &config);
        CHECK(NULL, ping[i] != NULL);
    }
    scenario_go(run, sim);
    for (unsigned i = 0; i < SERIES; i++)
        report_series(run, &all_series[i], ping[i]);
    scenario_end(run, sim);
    for (unsigned i = 0; i < SERIES; i++)
        ping_free(ping[i]);
}

const struct scenario scenario_ping = {
    .name = "ping",
    .summary = "two hosts, 10 Mbit/s and 20 ms apart: exact round trips",
    .run = ping_run,
};
