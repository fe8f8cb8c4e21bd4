/* SPDX-License-Identifier: MIT
 * One greedy sender before a bottleneck, three times: in front of a long drop-tail queue, of CoDel,
 * and of RED that marks (RFC 8289, RFC 3168). The senders keep a window as TCP does, in its
 * plainest form: one packet more each round trip, half of it after a loss or a mark. */
#include <stdlib.h>

#include "base/bytes.h"
#include "sim/scenario_kit.h"
#include "wire/udp.h"

enum {
    QUEUES = 3,
    PAYLOAD = 972, /* packets of 1000 bytes */
    PACKET = PAYLOAD + UDP_HEADER_LEN + IP4_HEADER_MIN,
    PACKETS_MAX = 8000,
    WINDOW_ONE = 1000, /* the window counts in thousandths of a packet */
    WINDOW_FIRST = 10,
    WINDOW_LEAST = 2,
    ACK_PAYLOAD = 12 /* number, and when the packet was sent */
};

#define RATE_BPS     UINT64_C(5000000)
#define DELAY        (15 * WEIR_NS_PER_MS)
#define SENDING_TIME (8 * WEIR_NS_PER_S)

struct flow {
    const char *name;
    struct actor *sender, *receiver;
    struct build_ip ip; /* from the sender */
    uint16_t port;
    uint64_t window, in_flight; /* window in thousandths */
    bool slow_start;
    uint32_t next, expected; /* numbers: to send, to be acknowledged */
    uint32_t reduce_after;   /* one reduction a round trip: not before this one is acknowledged */
    uint64_t lost, marked;
    uint32_t delay_us[PACKETS_MAX]; /* one way, of the packets that arrived */
    uint32_t delays;
    uint32_t in_time; /* packets that arrived while the sender was sending */
};

/* Send as much as the window allows. */
static void flow_send(struct flow *flow, weir_time now)
{
    uint8_t payload[PAYLOAD] = {0}, packet[PACKET];
    while (now < SENDING_TIME && (flow->in_flight + 1) * WINDOW_ONE <= flow->window) {
        store32(payload, flow->next);
        store64(payload + 4, (uint64_t)now);
        flow->ip.id = (uint16_t)flow->next;
        struct build_udp udp = {.ip = flow->ip,
                                .source_port = flow->port,
                                .destination_port = flow->port,
                                .payload = {payload, sizeof payload}};
        uint32_t len = build_udp(packet, sizeof packet, &udp);
        if (actor_send(flow->sender, 0, packet, len) != WEIR_OK)
            return;
        flow->next++;
        flow->in_flight++;
    }
}

/* The receiver notes the delay and acknowledges each packet, its ECN field with it. */
static void receiver_listen(void *ctx, struct actor *actor, const struct actor_packet *packet)
{
    struct flow *flow = ctx;
    const struct sim_parsed *p = packet->parsed;
    const uint8_t *payload = p->bytes + p->payload_offset;
    uint8_t out[100];
    if (!packet->sound || p->payload_len < ACK_PAYLOAD)
        return;
    if (flow->delays < PACKETS_MAX)
        flow->delay_us[flow->delays++] =
            (uint32_t)((packet->now - (weir_time)load64(payload + 4)) / WEIR_NS_PER_US);
    flow->in_time += packet->now <= SENDING_TIME;
    struct build_udp ack = {.ip = build_path(p, true),
                            .source_port = flow->port,
                            .destination_port = flow->port,
                            .payload = {payload, ACK_PAYLOAD}};
    ack.ip.ecn = p->ecn;
    (void)actor_send(actor, 0, out, build_udp(out, sizeof out, &ack));
}

static void sender_listen(void *ctx, struct actor *actor, const struct actor_packet *packet)
{
    struct flow *flow = ctx;
    const struct sim_parsed *p = packet->parsed;
    (void)actor;
    if (!packet->sound || p->payload_len != ACK_PAYLOAD)
        return;
    /* Nothing overtakes on this path, so what was skipped is lost. */
    uint32_t number = load32(p->bytes + p->payload_offset);
    uint32_t lost = number - flow->expected;
    bool marked = p->ecn == IP_ECN_CE;
    flow->expected = number + 1;
    flow->in_flight -= lost + 1;
    flow->lost += lost;
    flow->marked += marked;
    if ((lost > 0 || marked) && number >= flow->reduce_after) {
        flow->window /= 2;
        if (flow->window < WINDOW_LEAST * WINDOW_ONE)
            flow->window = WINDOW_LEAST * WINDOW_ONE;
        flow->reduce_after = flow->next;
        flow->slow_start = false;
    } else if (lost == 0 && !marked) {
        flow->window += flow->slow_start ? WINDOW_ONE : WINDOW_ONE * WINDOW_ONE / flow->window;
    }
    flow_send(flow, packet->now);
}

static void flow_start(struct sim *sim, void *ctx)
{
    flow_send(ctx, sim_now(sim));
}

static struct sim_queue_config queue_config(unsigned index)
{
    /* 160 ms of packets; CoDel and RED have as much room. */
    struct sim_queue_config config = {.packets_max = 100};
    if (index == 1)
        config.kind = SIM_QUEUE_CODEL;
    if (index == 2) {
        config.kind = SIM_QUEUE_RED;
        config.ecn = true;
        config.red.bytes_min = 5 * PACKET;
        config.red.bytes_max = 50 * PACKET;
        config.red.chance_max = (struct ratio){1, 10};
        config.red.weight_shift = 7;
        config.red.packet_bytes = PACKET;
    }
    return config;
}

static struct sim_link *flow_make(struct flow *flow, unsigned index, struct scenario_run *run,
                                  struct sim *sim)
{
    static const char *const names[QUEUES] = {"tail", "codel", "red"};
    static const char *const senders[QUEUES] = {"tail-sender", "codel-sender", "red-sender"};
    static const char *const receivers[QUEUES] = {"tail-receiver", "codel-receiver",
                                                  "red-receiver"};
    struct actor_config config = {0};
    struct rng rng = sim_rng(sim, names[index]);
    *flow = (struct flow){.name = names[index],
                          .port = (uint16_t)rng_between(&rng, 49152, 65535),
                          .window = WINDOW_FIRST * WINDOW_ONE,
                          .slow_start = true};
    flow->ip = (struct build_ip){.source = build_addr("10.0.0.1"),
                                 .destination = build_addr("10.0.0.2"),
                                 .dont_fragment = true,
                                 .ecn = index == 2 ? IP_ECN_ECT0 : IP_ECN_NOT_ECT};
    flow->sender = actor_add(sim, senders[index], &config);
    flow->receiver = actor_add(sim, receivers[index], &config);
    CHECK(NULL, flow->sender != NULL && flow->receiver != NULL);
    CHECK(NULL, actor_listen(flow->sender, sender_listen, flow) == WEIR_OK &&
                    actor_listen(flow->receiver, receiver_listen, flow) == WEIR_OK);
    struct scenario_link link = {
        .name = flow->name,
        .a = actor_node(flow->sender),
        .b = actor_node(flow->receiver),
        .there = {.rate_bps = RATE_BPS, .delay = DELAY, .queue = queue_config(index)},
        .back = {.delay = DELAY},
        .capture = SIM_CAPTURE_B};
    weir_time start = (weir_time)rng_below(&rng, (uint64_t)WEIR_NS_PER_MS);
    CHECK(NULL, sim_at(sim, start, flow_start, flow) == WEIR_OK);
    return scenario_link(run, sim, &link);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The delay that so many per cent of the packets do not exceed. */
static weir_time percentile(const struct flow *flow, unsigned percent)
{
    if (flow->delays == 0)
        return 0;
    return flow->delay_us[(uint64_t)(flow->delays - 1) * percent / 100] * WEIR_NS_PER_US;
}

/* What the flow got of the link while it was sending, in per cent. */
static unsigned utilization(const struct flow *flow)
{
    uint64_t bits = (uint64_t)flow->in_time * PACKET * 8;
    return (unsigned)(bits * 100 / (RATE_BPS * (uint64_t)(SENDING_TIME / WEIR_NS_PER_S)));
}

static void flow_report(struct flow *flow, struct scenario_run *run)
{
    qsort(flow->delay_us, flow->delays, sizeof flow->delay_us[0], compare_u32);
    scenario_section(run, flow->name);
    scenario_figure(run, "delay one way, least", percentile(flow, 0), "ns");
    scenario_figure(run, "delay one way, median", percentile(flow, 50), "ns");
    scenario_figure(run, "delay one way, 99 of 100", percentile(flow, 99), "ns");
    scenario_figure(run, "delay one way, most", percentile(flow, 100), "ns");
    scenario_figure(run, "lost", (int64_t)flow->lost, "packets");
    scenario_figure(run, "marked", (int64_t)flow->marked, "packets");
    scenario_figure(run, "use of the bottleneck", utilization(flow), "%");
}

static void queue_run(struct scenario_run *run)
{
    struct sim *sim = scenario_begin(run);
    struct sim_link *link[QUEUES];
    struct flow *flow = calloc(QUEUES, sizeof *flow);
    CHECK(NULL, flow != NULL);
    for (unsigned i = 0; i < QUEUES; i++)
        link[i] = flow_make(&flow[i], i, run, sim);
    scenario_go(run, sim);
    for (unsigned i = 0; i < QUEUES; i++) {
        flow_report(&flow[i], run);
        scenario_report_dir(run, link[i], SIM_A_TO_B);
        scenario_check(run, utilization(&flow[i]) >= 80, "%s: the bottleneck is kept busy",
                       flow[i].name);
    }
    const struct flow *tail = &flow[0], *codel = &flow[1], *red = &flow[2];
    scenario_section(run, "comparison");
    scenario_check(run, percentile(tail, 100) >= 160 * WEIR_NS_PER_MS,
                   "drop-tail lets the queue grow to its end, 160 ms");
    scenario_check(run, percentile(codel, 50) * 3 < percentile(tail, 50),
                   "CoDel's median delay is less than a third of it");
    scenario_check(run, percentile(red, 50) * 2 < percentile(tail, 50),
                   "RED's median delay is less than half of it");
    scenario_check(run, tail->lost > 0 && codel->lost > 0 && tail->marked + codel->marked == 0,
                   "drop-tail and CoDel control by loss");
    scenario_check(run, red->marked > 0, "RED controls by marks");
    scenario_end(run, sim);
    free(flow);
}

const struct scenario scenario_queue = {
    .name = "queue",
    .summary = "a greedy sender before drop-tail, CoDel and RED with ECN: the delay of each",
    .run = queue_run,
};
