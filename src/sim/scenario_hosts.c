/* SPDX-License-Identifier: MIT
 * Two weir stacks on an Ethernet that loses a tenth of all frames, damages another tenth and lets the
 * rest overtake each other: addresses are resolved, datagrams are cut and put together, and what
 * arrives is what was sent. The client asks again after half a second without an answer. */
#include <string.h>

#include "sim/scenario_kit.h"
#include "sim/stack_node.h"
#include "weir/net.h"
#include "weir/udp.h"

enum { REQUESTS = 120, PORT = 7, DATAGRAM_MAX = 5000 };

#define TICK    (10 * WEIR_NS_PER_MS)
#define TIMEOUT (500 * WEIR_NS_PER_MS)
#define LIMIT   (3600 * WEIR_NS_PER_S) /* of virtual time: far more than it takes */

static const uint32_t sizes[] = {4, 100, 1472, 1473, 3000, DATAGRAM_MAX};

struct host {
    struct stack_node *node;
    weir_handle udp;
};

struct talk {
    struct host client, server;
    struct weir_addr to[2]; /* the server's, by family */
    unsigned request;       /* the one that is being asked */
    uint64_t asked, late, wrong;
    weir_time asked_at;     /* 0: not yet */
};

/* The bytes of a request: its number, and what follows from it. */
static void fill(uint8_t *data, uint32_t len, unsigned request)
{
    store32(data, request);
    for (uint32_t i = 4; i < len; i++)
        data[i] = (uint8_t)(request * 31 + i * 7 + i / 251);
}

static uint32_t request_len(unsigned request)
{
    return sizes[request / 2 % (sizeof sizes / sizeof sizes[0])];
}

static void serve(struct talk *talk)
{
    weir_stack *stack = stack_node_stack(talk->server.node);
    uint8_t data[DATAGRAM_MAX];
    struct weir_datagram from;
    int len;
    while ((len = weir_udp_receive(stack, talk->server.udp, &from, data, sizeof data)) >= 0)
        (void)weir_udp_send(stack, talk->server.udp, &from, data, (size_t)len);
}

static void take_answers(struct talk *talk)
{
    weir_stack *stack = stack_node_stack(talk->client.node);
    uint8_t data[DATAGRAM_MAX], expected[DATAGRAM_MAX];
    int len;
    while ((len = weir_udp_receive(stack, talk->client.udp, NULL, data, sizeof data)) >= 0) {
        unsigned request = len >= 4 ? load32(data) : REQUESTS;
        if (request > talk->request || (uint32_t)len != request_len(request)) {
            talk->wrong++;
            continue;
        }
        fill(expected, (uint32_t)len, request);
        talk->wrong += memcmp(data, expected, (size_t)len) != 0;
        if (request < talk->request) {
            talk->late++;
            continue;
        }
        talk->request++;
        talk->asked_at = 0;
    }
}

static void ask(struct talk *talk, weir_time now)
{
    uint8_t data[DATAGRAM_MAX];
    struct weir_datagram to = {.remote = talk->to[talk->request % 2], .remote_port = PORT};
    uint32_t len = request_len(talk->request);
    fill(data, len, talk->request);
    talk->asked_at = now;
    talk->asked++;
    /* What cannot be queued now is asked again, as is what gets lost. */
    (void)weir_udp_send(stack_node_stack(talk->client.node), talk->client.udp, &to, data, len);
}

static void tick(struct sim *sim, void *ctx)
{
    struct talk *talk = ctx;
    weir_time now = sim_now(sim);
    serve(talk);
    take_answers(talk);
    if (talk->request == REQUESTS || now > LIMIT)
        return;
    if (talk->asked_at == 0 || now - talk->asked_at >= TIMEOUT)
        ask(talk, now);
    sim_node_wake(stack_node_node(talk->client.node));
    sim_node_wake(stack_node_node(talk->server.node));
    (void)sim_at(sim, now + TICK, tick, talk);
}

static struct host host_add(struct sim *sim, const char *name, uint8_t number)
{
    struct weir_config config;
    struct weir_iface_config iface = {.size = sizeof iface,
                                      .link = WEIR_LINK_ETHERNET,
                                      .mac = {2, 0, 0, 0, 0, number},
                                      .mtu_bytes = 1500};
    struct weir_udp_config udp = {.size = sizeof udp, .port = PORT};
    struct host host;
    struct weir_addr own;
    weir_config_default(&config);
    config.seed = sim_seed(sim) + number;
    host.node = stack_node_add(
        sim, name,
        &(struct stack_node_config){.stack = &config, .iface = &iface, .iface_count = 1});
    CHECK(NULL, host.node != NULL);
    weir_stack *stack = stack_node_stack(host.node);
    own = build_addr(number == 1 ? "10.0.0.1" : "10.0.0.2");
    CHECK(NULL, weir_stack_add_address(stack, 0, &own, 24) == WEIR_OK);
    own = build_addr(number == 1 ? "fd00::1" : "fd00::2");
    CHECK(NULL, weir_stack_add_address(stack, 0, &own, 64) == WEIR_OK);
    CHECK(NULL, weir_udp_open(stack, &udp, &host.udp) == WEIR_OK);
    return host;
}

/* The counters of a host, and that no packet is missing in them. */
static void report_host(struct scenario_run *run, const char *name, const struct host *host)
{
    struct weir_stats stats;
    uint64_t dropped = 0;
    (void)weir_stack_stats(stack_node_stack(host->node), WEIR_IFINDEX_ALL, &stats);
    scenario_section(run, name);
    scenario_figure(run, "received", (int64_t)stats.counter[WEIR_COUNTER_rx_packets], "packets");
    scenario_figure(run, "accepted", (int64_t)stats.counter[WEIR_COUNTER_rx_accepted], "packets");
    for (unsigned i = 0; i < WEIR_DROP_COUNT; i++) {
        dropped += stats.drop[i];
        if (stats.drop[i] != 0)
            scenario_figure(run, weir_drop_text(i), (int64_t)stats.drop[i], "packets");
    }
    scenario_check(run,
                   stats.counter[WEIR_COUNTER_rx_packets] ==
                       stats.counter[WEIR_COUNTER_rx_accepted] + dropped,
                   "received = accepted + dropped");
}

static void hosts_run(struct scenario_run *run)
{
    struct sim *sim = scenario_begin(run);
    struct talk talk = {.to = {build_addr("10.0.0.2"), build_addr("fd00::2")}};
    talk.client = host_add(sim, "client", 1);
    talk.server = host_add(sim, "server", 2);
    struct sim_dir_config bad = {
        .rate_bps = UINT64_C(100000000),
        .delay = 2 * WEIR_NS_PER_MS,
        .jitter = 3 * WEIR_NS_PER_MS,
        .jitter_reorders = true,
        .loss = {.kind = SIM_LOSS_BERNOULLI, .chance = {1, 10}},
        .corrupt = {.chance = {1, 10}, .kinds = SIM_CORRUPT_FLIP, .bits_max = 1},
        .duplicate = {.chance = {1, 50}, .delay = WEIR_NS_PER_MS},
    };
    struct scenario_link ethernet = {.name = "ethernet",
                                     .type = WEIR_LINK_ETHERNET,
                                     .a = stack_node_node(talk.client.node),
                                     .b = stack_node_node(talk.server.node),
                                     .there = bad,
                                     .back = bad,
                                     .capture = SIM_CAPTURE_A};
    struct sim_link *link = scenario_link(run, sim, &ethernet);
    /* Duplicate address detection takes up to two seconds. */
    (void)sim_at(sim, 3 * WEIR_NS_PER_S, tick, &talk);
    scenario_go(run, sim);

    scenario_section(run, "client's application");
    scenario_figure(run, "requests answered", talk.request, "datagrams");
    scenario_figure(run, "requests sent", (int64_t)talk.asked, "datagrams");
    scenario_figure(run, "answers to earlier requests", (int64_t)talk.late, "datagrams");
    scenario_check(run, talk.request == REQUESTS, "every request is answered in the end");
    scenario_check(run, talk.wrong == 0, "every answer is what was asked, byte for byte");
    report_host(run, "client", &talk.client);
    report_host(run, "server", &talk.server);
    scenario_report_dir(run, link, SIM_A_TO_B);
    scenario_report_dir(run, link, SIM_B_TO_A);
    scenario_end(run, sim);
}

const struct scenario scenario_hosts = {
    .name = "hosts",
    .summary = "two weir stacks, UDP up to 5,000 bytes, 10 % loss, 10 % damage, any order",
    .run = hosts_run,
};
