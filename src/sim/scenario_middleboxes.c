/* SPDX-License-Identifier: MIT
 * A TCP handshake and some data between two scripted ends, through four middleboxes, and what each
 * end gets to see of the other. */
#include <stdio.h>
#include <string.h>

#include "sim/middlebox_nat.h"
#include "sim/middlebox_tcp.h"
#include "sim/scenario_kit.h"

enum {
    BOXES = 4,
    DATA_SEGMENTS = 3,
    DATA_BYTES = 300,
    WINDOW = 65535,
    MSS_LOCAL = 1460,
    MSS_CLAMPED = 1360,
    SCALE_CLIENT = 7,
    SCALE_SERVER = 9
};

#define OUTSIDE         "203.0.113.5"
#define START_TIMESTAMP 1000U

/* An end: what it has seen of the other, and what it does. */
struct end {
    struct scenario_run *run;
    const char *name;
    uint16_t port;
    struct tcp_seq next; /* to send */
    struct tcp_seq peer; /* expected */
    bool connected;
    struct build_ip path; /* towards the peer, as it appears here */
    uint16_t peer_port;
    struct tcp_options offered; /* in the peer's SYN */
    uint32_t bytes;             /* of data received in sequence */
    uint64_t unsound;
    uint8_t data[DATA_SEGMENTS * DATA_BYTES]; /* received, or to send */
};

struct segment {
    uint16_t flags;
    const struct tcp_options *options;
    struct weir_ref payload;
};

static void end_send(struct end *end, struct actor *actor, struct segment segment)
{
    uint8_t out[1500];
    struct build_tcp b = {.ip = end->path,
                          .source_port = end->port,
                          .destination_port = end->peer_port,
                          .seq = end->next,
                          .ack = (segment.flags & TCP_ACK) != 0 ? end->peer : seq_make(0),
                          .flags = segment.flags,
                          .window = WINDOW,
                          .options = segment.options,
                          .payload = segment.payload};
    end->next = seq_add(end->next, tcp_segment_seq_len(segment.flags, segment.payload.len));
    CHECK(NULL, actor_send(actor, 0, out, build_tcp(out, sizeof out, &b)) == WEIR_OK);
}

static struct tcp_options all_options(uint8_t scale)
{
    return (struct tcp_options){.present = TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE |
                                           TCP_HAS_SACK_PERMITTED | TCP_HAS_TIMESTAMPS,
                                .mss = MSS_LOCAL,
                                .window_scale = scale,
                                .ts_val = START_TIMESTAMP};
}

/* What both ends do with a segment; false: it is not for this connection, or damaged. */
static bool end_note(struct end *end, const struct actor_packet *packet)
{
    const struct sim_parsed *p = packet->parsed;
    end->unsound += !packet->sound;
    if (!packet->sound || p->protocol != IP_PROTOCOL_TCP || p->destination_port != end->port)
        return false;
    if ((p->tcp_flags & TCP_SYN) != 0) {
        scenario_note_packet(end->run, end->name, p);
        tcp_options_parse(&end->offered, p->bytes + p->transport_offset + TCP_HEADER_BYTES,
                          p->payload_offset - p->transport_offset - TCP_HEADER_BYTES);
        end->peer = seq_add(p->seq, 1);
    } else if (seq_eq(p->seq, end->peer) && end->bytes + p->payload_len <= sizeof end->data) {
        end->peer = seq_add(end->peer, p->payload_len);
    }
    return true;
}

static void client_listen(void *ctx, struct actor *actor, const struct actor_packet *packet)
{
    struct end *end = ctx;
    const struct sim_parsed *p = packet->parsed;
    if (!end_note(end, packet) || end->connected ||
        (p->tcp_flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK) || !seq_eq(p->ack, end->next))
        return;
    end->connected = true;
    end_send(end, actor, (struct segment){.flags = TCP_ACK});
    for (unsigned i = 0; i < DATA_SEGMENTS; i++)
        end_send(end, actor,
                 (struct segment){.flags = TCP_ACK | TCP_PSH,
                                  .payload = {end->data + i * DATA_BYTES, DATA_BYTES}});
}

static void server_listen(void *ctx, struct actor *actor, const struct actor_packet *packet)
{
    struct end *end = ctx;
    const struct sim_parsed *p = packet->parsed;
    struct tcp_seq expected = end->peer;
    if (!end_note(end, packet))
        return;
    if ((p->tcp_flags & TCP_SYN) != 0) {
        /* Options are agreed on by offering them back (RFC 7323 sections 2.2 and 3.2). */
        struct tcp_options answer = all_options(SCALE_SERVER);
        answer.present &= end->offered.present;
        answer.ts_ecr = (end->offered.present & TCP_HAS_TIMESTAMPS) != 0 ? end->offered.ts_val : 0;
        end->path = build_path(p, true);
        end->peer_port = p->source_port;
        end_send(end, actor, (struct segment){.flags = TCP_SYN | TCP_ACK, .options = &answer});
    } else if (p->payload_len > 0 && seq_eq(p->seq, expected)) {
        memcpy(end->data + end->bytes, p->bytes + p->payload_offset, p->payload_len);
        end->bytes += p->payload_len;
        end_send(end, actor, (struct segment){.flags = TCP_ACK});
    }
    end->connected = end->connected || (p->tcp_flags & TCP_SYN) == 0;
}

static void chain(struct scenario_run *run, struct sim *sim, struct sim_node *const node[])
{
    static const char *const names[BOXES + 1] = {"lan", "hop1", "hop2", "hop3", "wan"};
    for (unsigned i = 0; i <= BOXES; i++) {
        struct scenario_link link = {.name = names[i],
                                     .a = node[i],
                                     .b = node[i + 1],
                                     .port_a = i == 0 ? 0 : MIDDLEBOX_OUTSIDE,
                                     .port_b = i == BOXES ? 0 : MIDDLEBOX_INSIDE,
                                     .there = {.rate_bps = 100000000, .delay = 4 * WEIR_NS_PER_MS},
                                     .back = {.rate_bps = 100000000, .delay = 4 * WEIR_NS_PER_MS},
                                     .capture = i == 0       ? (unsigned)SIM_CAPTURE_A
                                                : i == BOXES ? (unsigned)SIM_CAPTURE_B
                                                             : 0U};
        scenario_link(run, sim, &link);
    }
}

static bool has(const struct end *end, uint32_t option)
{
    return (end->offered.present & option) != 0;
}

static void report_ends(struct scenario_run *run, const struct end *client,
                        const struct end *server, struct nat_stats nat)
{
    struct weir_addr outside = build_addr(OUTSIDE);
    scenario_section(run, "what the boxes did");
    scenario_check(run,
                   addr_eq(server->path.destination, outside) &&
                       server->peer_port == client->port && nat.mapped == 1,
                   "NAT: the server sees the client as %s, with its own port", OUTSIDE);
    scenario_check(run, server->offered.mss == MSS_CLAMPED && client->offered.mss == MSS_CLAMPED,
                   "MSS clamp: both ends see %d instead of %d", MSS_CLAMPED, MSS_LOCAL);
    scenario_check(run, !has(server, TCP_HAS_TIMESTAMPS) && !has(client, TCP_HAS_TIMESTAMPS),
                   "option stripper: neither end sees timestamps");
    scenario_check(run, has(server, TCP_HAS_SACK_PERMITTED) && has(client, TCP_HAS_SACK_PERMITTED),
                   "what no box touches arrives: SACK permitted");
    scenario_check(run, has(server, TCP_HAS_WINDOW_SCALE) && !has(client, TCP_HAS_WINDOW_SCALE),
                   "window-scale eraser: the server scales by %d, the client by nothing",
                   server->offered.window_scale);
    scenario_check(run,
                   server->bytes == sizeof server->data &&
                       memcmp(server->data, client->data, sizeof server->data) == 0,
                   "all %u bytes of data arrive as they were sent", server->bytes);
    scenario_check(run,
                   client->unsound + server->unsound == 0 && seq_eq(server->peer, client->next),
                   "every checksum is right, through all boxes");
}

static void middleboxes_run(struct scenario_run *run)
{
    struct actor_config actor_config = {0};
    struct option_stripper_config stripper = {.segments = MIDDLEBOX_SYNS,
                                              .kind_count = 1,
                                              .kinds = {TCP_OPT_TIMESTAMPS},
                                              .shorten = true};
    struct scale_eraser_config eraser = {.segments = MIDDLEBOX_SYN_ACK};
    struct mss_clamp_config clamp = {.mss4_max = MSS_CLAMPED, .mss6_max = MSS_CLAMPED - 20};
    struct nat_config nat = {.outside = ip4_from_addr(build_addr(OUTSIDE))};
    struct sim *sim = scenario_begin(run);
    struct actor *client_actor = actor_add(sim, "client", &actor_config);
    struct actor *server_actor = actor_add(sim, "server", &actor_config);
    struct middlebox *box[BOXES] = {middlebox_add_option_stripper(sim, "stripper", &stripper),
                                    middlebox_add_scale_eraser(sim, "eraser", &eraser),
                                    middlebox_add_mss_clamp(sim, "clamp", &clamp),
                                    middlebox_add_nat(sim, "nat", &nat)};
    struct sim_node *node[BOXES + 2];
    CHECK(NULL, client_actor != NULL && server_actor != NULL);
    node[0] = actor_node(client_actor);
    node[BOXES + 1] = actor_node(server_actor);
    for (unsigned i = 0; i < BOXES; i++) {
        CHECK(NULL, box[i] != NULL);
        node[i + 1] = middlebox_node(box[i]);
    }
    chain(run, sim, node);

    struct rng rng = sim_rng(sim, "ends");
    struct end client = {.run = run,
                         .name = "the client",
                         .port = (uint16_t)rng_between(&rng, 49152, 65535),
                         .peer_port = 80,
                         .next = {rng_u32(&rng)},
                         .path = {.source = build_addr("10.0.0.1"),
                                  .destination = build_addr("192.0.2.2"),
                                  .dont_fragment = true}};
    struct end server = {.run = run, .name = "the server", .port = 80, .next = {rng_u32(&rng)}};
    rng_bytes(&rng, client.data, sizeof client.data);
    CHECK(NULL, actor_listen(client_actor, client_listen, &client) == WEIR_OK &&
                    actor_listen(server_actor, server_listen, &server) == WEIR_OK);
    scenario_section(run, "what each end saw");
    struct tcp_options offer = all_options(SCALE_CLIENT);
    end_send(&client, client_actor, (struct segment){.flags = TCP_SYN, .options = &offer});
    scenario_go(run, sim);
    report_ends(run, &client, &server, middlebox_nat_stats(box[BOXES - 1]));
    scenario_end(run, sim);
}

const struct scenario scenario_middleboxes = {
    .name = "middleboxes",
    .summary = "TCP through NAT, MSS clamp, option stripper and window-scale eraser",
    .run = middleboxes_run,
};
