/* SPDX-License-Identifier: MIT
 * Path MTU discovery where a router answers, where it is silent, and where a firewall eats its
 * answers (RFC 1191, RFC 8201, RFC 2923 section 2.1). */
#include <stdio.h>

#include "sim/middlebox_path.h"
#include "sim/ping.h"
#include "sim/scenario_kit.h"
#include "wire/udp.h"

enum { TRIES = 5, MTU_LOCAL = 1500, MTU_PATH = 1400, PATHS = 6, PORT = 9 };

enum mode { ANSWERED, SILENT, FILTERED };

static const char *const mode_names[] = {"answered", "silent", "filtered"};

/* A client that sends datagrams as large as it believes the path allows. */
struct path {
    enum mode mode;
    bool v6;
    unsigned number;
    char name[16];
    struct actor *client, *server;
    struct middlebox *router, *filter;
    struct ping *ping;
    struct build_ip ip;
    uint8_t payload[MTU_LOCAL];
    uint32_t mtu;     /* as the client believes */
    unsigned arrived; /* large datagrams, at the server */
    unsigned told;    /* ICMP, at the client */
};

static uint32_t path_make(void *ctx, uint64_t number, weir_time now, uint8_t *out, uint32_t size)
{
    struct path *path = ctx;
    (void)now;
    path->ip.id = (uint16_t)number;
    struct build_udp udp = {
        .ip = path->ip,
        .source_port = PORT,
        .destination_port = PORT,
        .payload = {path->payload,
                    path->mtu - (path->v6 ? IP6_HEADER_LEN : IP4_HEADER_MIN) - UDP_HEADER_LEN}};
    return build_udp(out, size, &udp);
}

static void client_listen(void *ctx, struct actor *actor, const struct actor_packet *packet)
{
    struct path *path = ctx;
    const struct sim_parsed *p = packet->parsed;
    const uint8_t *at = p->bytes + p->transport_offset;
    struct icmp m;
    (void)actor;
    if (p->protocol != (path->v6 ? IP_PROTOCOL_ICMP6 : IP_PROTOCOL_ICMP4) || !packet->sound)
        return;
    enum weir_drop drop = path->v6 ? icmp6_parse(&m, at, p->transport_len, p->transport_len)
                                   : icmp4_parse(&m, at, p->transport_len, p->transport_len);
    if (drop != WEIR_DROP_NONE || m.kind != ICMP_TOO_BIG)
        return;
    path->told++;
    if (m.mtu < path->mtu)
        path->mtu = m.mtu;
}

static void server_listen(void *ctx, struct actor *actor, const struct actor_packet *packet)
{
    struct path *path = ctx;
    (void)actor;
    path->arrived += packet->sound && packet->parsed->destination_port == PORT;
}

static void path_nodes(struct path *path, struct sim *sim)
{
    struct actor_config client = {0}, server = {.answer_echo = true};
    struct path_mtu_config router = {.mtu_bytes = MTU_PATH,
                                     .silent = path->mode == SILENT,
                                     .router4 = build_addr("198.51.100.1"),
                                     .router6 = build_addr("2001:db8:ffff::1")};
    struct icmp_filter_config filter = {.what = ICMP_FILTER_ERRORS};
    char name[4][16];
    static const char *const kinds[4] = {"client", "server", "router", "filter"};
    for (unsigned i = 0; i < 4; i++)
        snprintf(name[i], sizeof name[i], "%s%u", kinds[i], path->number);
    snprintf(path->name, sizeof path->name, "%s%d", mode_names[path->mode], path->v6 ? 6 : 4);
    path->client = actor_add(sim, name[0], &client);
    path->server = actor_add(sim, name[1], &server);
    path->router = middlebox_add_path_mtu(sim, name[2], &router);
    CHECK(NULL, path->client != NULL && path->server != NULL && path->router != NULL);
    if (path->mode == FILTERED) {
        path->filter = middlebox_add_icmp_filter(sim, name[3], &filter);
        CHECK(NULL, path->filter != NULL);
    }
}

static void path_links(struct path *path, struct scenario_run *run, struct sim *sim)
{
    static const struct sim_dir_config dir = {.rate_bps = 100000000, .delay = 5 * WEIR_NS_PER_MS};
    char name[32];
    struct scenario_link link = {.name = name, .there = dir, .back = dir};
    struct sim_node *inner = middlebox_node(path->router);
    if (path->filter != NULL) {
        inner = middlebox_node(path->filter);
        snprintf(name, sizeof name, "%s-mid", path->name);
        link.a = inner;
        link.port_a = MIDDLEBOX_OUTSIDE;
        link.b = middlebox_node(path->router);
        link.port_b = MIDDLEBOX_INSIDE;
        scenario_link(run, sim, &link);
    }
    snprintf(name, sizeof name, "%s-lan", path->name);
    link.a = actor_node(path->client);
    link.port_a = 0;
    link.b = inner;
    link.port_b = MIDDLEBOX_INSIDE;
    link.capture = SIM_CAPTURE_A;
    scenario_link(run, sim, &link);
    snprintf(name, sizeof name, "%s-wan", path->name);
    link.a = middlebox_node(path->router);
    link.port_a = MIDDLEBOX_OUTSIDE;
    link.b = actor_node(path->server);
    link.port_b = 0;
    link.capture = SIM_CAPTURE_B;
    scenario_link(run, sim, &link);
}

static void path_traffic(struct path *path, struct sim *sim)
{
    struct rng rng = sim_rng(sim, path->name);
    rng_bytes(&rng, path->payload, sizeof path->payload);
    path->mtu = MTU_LOCAL;
    path->ip =
        (struct build_ip){.source = build_addr(path->v6 ? "2001:db8::1" : "10.0.0.1"),
                          .destination = build_addr(path->v6 ? "2001:db8:1::2" : "192.0.2.2"),
                          .dont_fragment = true};
    struct actor_stream stream = {
        .interval = 100 * WEIR_NS_PER_MS, .count = TRIES, .make = path_make, .ctx = path};
    struct ping_config ping = {.source = path->ip.source,
                               .destination = path->ip.destination,
                               .id = (uint16_t)rng_u32(&rng),
                               .count = TRIES,
                               .start = 50 * WEIR_NS_PER_MS,
                               .interval = 100 * WEIR_NS_PER_MS,
                               .payload_min = 56,
                               .payload_max = 56,
                               .seed = rng_u64(&rng)};
    path->ping = ping_start(path->client, &ping);
    CHECK(NULL, path->ping != NULL && actor_stream(path->client, &stream) == WEIR_OK &&
                    actor_listen(path->client, client_listen, path) == WEIR_OK &&
                    actor_listen(path->server, server_listen, path) == WEIR_OK);
}

static void path_report(const struct path *path, struct scenario_run *run)
{
    static const char *const text[] = {"the router answers", "the router is silent",
                                       "a firewall drops the router's answers"};
    char title[64];
    struct path_mtu_stats router = middlebox_path_mtu_stats(path->router);
    snprintf(title, sizeof title, "IPv%d, %s", path->v6 ? 6 : 4, text[path->mode]);
    scenario_section(run, title);
    scenario_figure(run, "datagrams sent", TRIES, "packets");
    scenario_figure(run, "datagrams arrived", path->arrived, "packets");
    scenario_figure(run, "dropped by the router", (int64_t)router.too_large, "packets");
    scenario_figure(run, "ICMP sent by the router", (int64_t)router.answered, "packets");
    scenario_figure(run, "ICMP seen by the client", path->told, "packets");
    scenario_figure(run, "MTU the client believes in", path->mtu, "bytes");
    scenario_check(run, ping_stats(path->ping).received == TRIES,
                   "small packets pass: every ping is answered");
    if (path->mode == ANSWERED)
        scenario_check(run, path->arrived == TRIES - 1 && path->told == 1 && path->mtu == MTU_PATH,
                       "one datagram is lost, then the client knows");
    else
        scenario_check(run, path->arrived == 0 && path->told == 0 && path->mtu == MTU_LOCAL,
                       "no large datagram ever arrives, and the client cannot know why");
    if (path->mode == FILTERED)
        scenario_check(run,
                       middlebox_icmp_filter_stats(path->filter).dropped == router.answered &&
                           router.answered == TRIES,
                       "the firewall has dropped every answer");
}

static void blackhole_run(struct scenario_run *run)
{
    struct path paths[PATHS] = {0};
    struct sim *sim = scenario_begin(run);
    for (unsigned i = 0; i < PATHS; i++) {
        paths[i].number = i + 1;
        paths[i].mode = (enum mode)(i / 2);
        paths[i].v6 = i % 2 == 1;
        path_nodes(&paths[i], sim);
        path_links(&paths[i], run, sim);
        path_traffic(&paths[i], sim);
    }
    scenario_go(run, sim);
    for (unsigned i = 0; i < PATHS; i++)
        path_report(&paths[i], run);
    scenario_end(run, sim);
    for (unsigned i = 0; i < PATHS; i++)
        ping_free(paths[i].ping);
}

const struct scenario scenario_blackhole = {
    .name = "blackhole",
    .summary = "a path MTU of 1400 behind a LAN of 1500, with ICMP, without, and with it filtered",
    .run = blackhole_run,
};
