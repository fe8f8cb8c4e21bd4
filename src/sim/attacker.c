/* SPDX-License-Identifier: MIT */
#include "sim/attacker.h"

#include <stdlib.h>

#include "sim/build.h"

enum { PAYLOAD_MAX = 600, PACKET_MAX = 1000, MET_MAX = 64 };

/* A connection, by its ports inside and outside. */
struct met {
    uint16_t port[MIDDLEBOX_PORTS];
    uint8_t ip_version;
    uint8_t from; /* enum middlebox_from: where a segment that is no SYN came from */
};

struct attacker {
    struct attacker_config config;
    uint64_t syns;
    struct met met[MET_MAX];
    unsigned met_next;
    struct rng rng;
};

/* Do both ends know each other? A SYN to one that only has sent its own would be a simultaneous open,
 * which nothing tells from a true one (RFC 9293 3.5). */
static bool have_met(struct attacker *a, const struct middlebox_packet *packet)
{
    const struct sim_parsed *p = &packet->parsed;
    unsigned from = packet->from;
    struct met *met = NULL;
    for (unsigned i = 0; i < MET_MAX; i++)
        if (a->met[i].port[from] == p->source_port && a->met[i].ip_version == p->ip_version &&
            a->met[i].port[1 - from] == p->destination_port)
            met = &a->met[i];
    if (met == NULL || (p->tcp_flags & TCP_SYN) != 0) {
        met = met != NULL ? met : &a->met[a->met_next++ % MET_MAX];
        *met = (struct met){.ip_version = p->ip_version};
        met->port[from] = p->source_port;
        met->port[1 - from] = p->destination_port;
    }
    if ((p->tcp_flags & TCP_SYN) == 0)
        met->from |= (uint8_t)(1U << from);
    return met->from == MIDDLEBOX_FROM_BOTH;
}

/* Numbers of the true segment, moved by a quarter to three quarters of the circle. */
static struct tcp_seq far_from(struct attacker *a, struct tcp_seq seq)
{
    return seq_add(seq, (uint32_t)rng_between(&a->rng, UINT32_C(1) << 30, UINT32_C(3) << 30));
}

/* Numbers that may lie in the window, of what must not count all the same: a reset or a SYN that is
 * not exactly at the next byte, data with an acknowledgment that cannot be (RFC 5961 3 to 5). A
 * reset may be exact by accident, once in some ten thousand. */
static void come_close(struct attacker *a, const struct sim_parsed *p, struct build_tcp *b)
{
    static const uint16_t flags[] = {TCP_RST, TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_ACK,
                                     TCP_FIN | TCP_ACK};
    struct tcp_seq next = seq_add(p->seq, p->payload_len + 1);
    b->flags = flags[rng_below(&a->rng, sizeof flags / sizeof flags[0])];
    bool acks = (b->flags & (TCP_SYN | TCP_RST)) == 0;
    b->seq = acks ? seq_add(next, (uint32_t)rng_below(&a->rng, 1000))
                  : seq_add(next, (uint32_t)rng_between(&a->rng, 20000, 60000));
    b->ack = far_from(a, p->ack);
}

static void forge(struct attacker *a, const struct middlebox_packet *packet)
{
    static const uint16_t flags[] = {TCP_RST,           TCP_RST | TCP_ACK, TCP_SYN,
                                     TCP_SYN | TCP_ACK, TCP_ACK,           TCP_ACK | TCP_PSH,
                                     TCP_FIN | TCP_ACK, 0,                 TCP_FLAGS};
    const struct sim_parsed *p = &packet->parsed;
    uint8_t payload[PAYLOAD_MAX], options[TCP_OPTION_BYTES_MAX], out[PACKET_MAX];
    const uint8_t *true_options = p->bytes + p->transport_offset + TCP_HEADER_BYTES;
    uint32_t options_len = p->payload_offset - p->transport_offset - TCP_HEADER_BYTES;
    struct build_tcp b = {.ip = build_path(p, false),
                          .source_port = p->source_port,
                          .destination_port = p->destination_port,
                          .seq = far_from(a, p->seq),
                          .ack = p->ack,
                          .option_bytes = {true_options, options_len}};
    b.window = (uint16_t)rng_u32(&a->rng);
    b.flags = flags[rng_below(&a->rng, sizeof flags / sizeof flags[0])];
    if (rng_below(&a->rng, 2) == 0)
        b.ack = far_from(a, p->ack);
    if (rng_below(&a->rng, 2) == 0)
        come_close(a, p, &b);
    if (rng_below(&a->rng, 4) == 0) {
        rng_bytes(&a->rng, options, sizeof options);
        b.option_bytes = (struct weir_ref){options, 4 * rng_below(&a->rng, 11)};
    }
    if ((b.flags & TCP_URG) != 0)
        b.urgent = (uint16_t)rng_u32(&a->rng);
    if (rng_below(&a->rng, 2) == 0) {
        rng_bytes(&a->rng, payload, sizeof payload);
        b.payload = (struct weir_ref){payload, rng_between(&a->rng, 1, sizeof payload)};
    }
    uint32_t len = build_tcp(out, sizeof out, &b);
    if (len > 0)
        middlebox_inject(packet->box, (enum middlebox_port)packet->to, out, len);
}

/* That the segment was too large, with a number that it did not have (RFC 5927 4.1). */
static void report(struct attacker *a, const struct middlebox_packet *packet)
{
    const struct sim_parsed *p = &packet->parsed;
    uint8_t quoted[PACKET_MAX], out[PACKET_MAX], payload[PAYLOAD_MAX] = {0};
    struct build_tcp b = {.ip = build_path(p, false),
                          .source_port = p->source_port,
                          .destination_port = p->destination_port,
                          .seq = far_from(a, p->seq),
                          .ack = p->ack,
                          .flags = TCP_ACK,
                          .payload = {payload, sizeof payload}};
    struct build_icmp_error error = {.ip = build_path(p, true),
                                     .mtu = (uint32_t)rng_below(&a->rng, 1500)};
    error.type = p->ip_version == 4 ? (uint8_t)ICMP4_UNREACHABLE : (uint8_t)ICMP6_PACKET_TOO_BIG;
    error.code = p->ip_version == 4 ? (uint8_t)ICMP4_FRAGMENTATION_NEEDED : 0;
    error.packet = (struct weir_ref){quoted, build_tcp(quoted, sizeof quoted, &b)};
    uint32_t len = build_icmp_error(out, sizeof out, &error);
    if (len > 0)
        middlebox_inject(packet->box, (enum middlebox_port)packet->from, out, len);
}

/* A SYN from a neighbour of the sender, who does not exist. */
static void stranger(struct attacker *a, const struct middlebox_packet *packet)
{
    uint8_t out[PACKET_MAX];
    struct build_tcp b = {.ip = build_path(&packet->parsed, false),
                          .source_port = (uint16_t)rng_between(&a->rng, 1024, 65535),
                          .flags = TCP_SYN,
                          .window = (uint16_t)rng_u32(&a->rng)};
    struct tcp_options offer = {.present = TCP_HAS_MSS, .window_scale = 7};
    uint64_t draw = rng_u64(&a->rng);
    b.ip.source.bytes[15] = (uint8_t)(100 + draw % 100);
    b.destination_port = (uint16_t)(a->config.port + rng_below(&a->rng, a->config.ports));
    b.seq.v = rng_u32(&a->rng);
    offer.mss = (uint16_t)rng_between(&a->rng, 88, 9000);
    offer.present |= (draw & 1U << 16) != 0 ? (uint32_t)TCP_HAS_TIMESTAMPS : 0;
    offer.present |= (draw & 1U << 17) != 0 ? (uint32_t)TCP_HAS_WINDOW_SCALE : 0;
    offer.present |= (draw & 1U << 18) != 0 ? (uint32_t)TCP_HAS_SACK_PERMITTED : 0;
    b.options = &offer;
    a->syns++;
    middlebox_inject(packet->box, (enum middlebox_port)packet->to, out,
                     build_tcp(out, sizeof out, &b));
}

static enum middlebox_verdict decide(void *ctx, struct middlebox_packet *packet)
{
    struct attacker *a = ctx;
    const struct sim_parsed *p = &packet->parsed;
    bool tcp = p->protocol == IP_PROTOCOL_TCP && p->transport_len > 0;
    bool data = tcp && have_met(a, packet) && p->payload_len > 0 &&
                (p->tcp_flags & (TCP_SYN | TCP_RST)) == 0;
    if (data && packet->now < a->config.until && rng_chance(&a->rng, a->config.chance))
        forge(a, packet);
    if (data && a->config.reports.numerator > 0 && packet->now < a->config.until &&
        rng_chance(&a->rng, a->config.reports))
        report(a, packet);
    if (tcp && a->config.syns.numerator > 0 && a->syns < a->config.syns_max &&
        packet->now < a->config.until &&
        rng_chance(&a->rng, a->config.syns))
        stranger(a, packet);
    return MIDDLEBOX_FORWARD;
}

struct middlebox *middlebox_add_attacker(struct sim *sim, const char *name,
                                         const struct attacker_config *config)
{
    static const struct middlebox_kind kind = {.decide = decide, .destroy = free};
    struct attacker *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->config = *config;
    a->rng = sim_rng(sim, name);
    return middlebox_add(sim, name, &config->common, &kind, a);
}
