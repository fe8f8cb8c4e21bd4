/* SPDX-License-Identifier: MIT
 * Requests and replies over a path on which everything goes wrong, every packet accounted for. */
#include "sim/ping.h"
#include "sim/scenario_kit.h"

enum { COUNT = 500 };

static void report_client(struct scenario_run *run, struct actor_stats client,
                          const struct ping *ping)
{
    struct ping_stats s = ping_stats(ping);
    weir_time mean = s.received > 0 ? s.rtt_sum / (weir_time)s.received : 0;
    scenario_section(run, "client");
    scenario_figure(run, "requests", (int64_t)s.sent, "packets");
    scenario_figure(run, "answered", (int64_t)s.received, "packets");
    scenario_figure(run, "duplicate replies", (int64_t)s.duplicates, "packets");
    scenario_figure(run, "damaged, and the checksum says so", (int64_t)client.unsound, "packets");
    scenario_figure(run, "damaged, and the checksum is right", (int64_t)s.damaged, "packets");
    scenario_figure(run, "replies to no request", (int64_t)s.unexpected, "packets");
    scenario_figure(run, "replies overtaken by a later one", (int64_t)s.overtaken, "packets");
    scenario_figure(run, "round trip, least", s.rtt_min, "ns");
    scenario_figure(run, "round trip, mean", mean, "ns");
    scenario_figure(run, "round trip, most", s.rtt_max, "ns");
    scenario_check(run, s.sent == COUNT, "%d requests are sent", COUNT);
    scenario_check(run, s.received > COUNT / 2 && s.received < COUNT,
                   "most are answered, but not all");
    scenario_check(run, s.replies == s.received + s.duplicates + s.damaged + s.unexpected,
                   "every reply is the first, a duplicate, damaged, or to no request");
    /* Damage that keeps the checksum right may make it a packet for somebody else. */
    scenario_check(run, client.received >= s.replies + client.unsound,
                   "what arrives is a reply or fails its checksum");
    scenario_check(run, s.rtt_min >= 40 * WEIR_NS_PER_MS, "no reply is faster than the path");
}

static void lossy_run(struct scenario_run *run)
{
    struct actor_config client_config = {0}, server_config = {.reflect_udp = true};
    struct sim *sim = scenario_begin(run);
    struct actor *client = actor_add(sim, "client", &client_config);
    struct actor *server = actor_add(sim, "server", &server_config);
    struct rng rng = sim_rng(sim, "lossy");
    CHECK(NULL, client != NULL && server != NULL);
    struct scenario_link path = {
        .name = "path",
        .a = actor_node(client),
        .b = actor_node(server),
        /* Independent losses there, bursts back; jitter both ways. */
        .there = {.rate_bps = 10000000,
                  .delay = 20 * WEIR_NS_PER_MS,
                  .jitter = 5 * WEIR_NS_PER_MS,
                  .loss = {.kind = SIM_LOSS_BERNOULLI, .chance = {5, 100}},
                  .reorder = {{5, 100}, 30 * WEIR_NS_PER_MS}},
        .back = {.rate_bps = 10000000,
                 .delay = 20 * WEIR_NS_PER_MS,
                 .jitter = 5 * WEIR_NS_PER_MS,
                 .loss = {.kind = SIM_LOSS_GILBERT,
                          .gilbert = {.to_bad = {1, 100},
                                      .to_good = {20, 100},
                                      .lost_bad = {80, 100},
                                      .lost_good = {0, 1}}},
                 .corrupt = {.chance = {4, 100},
                             .kinds = SIM_CORRUPT_FLIP | SIM_CORRUPT_SWAP | SIM_CORRUPT_ZERO},
                 .duplicate = {{3, 100}, 10 * WEIR_NS_PER_MS}},
        .capture = SIM_CAPTURE_BOTH};
    struct sim_link *link = scenario_link(run, sim, &path);
    struct ping_config config = {.kind = PING_UDP,
                                 .source = build_addr("10.0.0.1"),
                                 .destination = build_addr("10.0.0.2"),
                                 .id = (uint16_t)rng_between(&rng, 49152, 65535),
                                 .destination_port = 7,
                                 .count = COUNT,
                                 .interval = 10 * WEIR_NS_PER_MS,
                                 .payload_min = 16,
                                 .payload_max = 512,
                                 .seed = rng_u64(&rng)};
    struct ping *ping = ping_start(client, &config);
    CHECK(NULL, ping != NULL);
    scenario_go(run, sim);

    struct actor_stats s = actor_stats(server);
    report_client(run, actor_stats(client), ping);
    scenario_section(run, "server");
    scenario_figure(run, "requests received", (int64_t)s.received, "packets");
    scenario_figure(run, "replies sent", (int64_t)s.reflected, "packets");
    scenario_check(run, s.received == s.reflected + s.unsound, "every sound request is answered");
    scenario_report_dir(run, link, SIM_A_TO_B);
    scenario_report_dir(run, link, SIM_B_TO_A);
    scenario_end(run, sim);
    ping_free(ping);
}

const struct scenario scenario_lossy = {
    .name = "lossy",
    .summary = "UDP echo over a path with loss, jitter, reordering, duplication and corruption",
    .run = lossy_run,
};
