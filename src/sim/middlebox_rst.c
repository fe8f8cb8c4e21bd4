/* SPDX-License-Identifier: MIT
 * The RST injector. */
#include <stdlib.h>

#include "sim/build.h"
#include "sim/middlebox_tcp.h"

struct injector {
    struct rst_injector_config config;
    struct rst_injector_stats stats;
};

static void inject(struct injector *injector, const struct middlebox_packet *packet,
                   struct build_tcp *rst, bool to_sender)
{
    uint8_t out[IP6_HEADER_LEN + TCP_HEADER_BYTES];
    rst->ip.ttl = injector->config.ttl;
    rst->seq = seq_add(rst->seq, (uint32_t)injector->config.seq_offset);
    uint32_t len = build_tcp(out, sizeof out, rst);
    middlebox_inject_ip(packet, (enum middlebox_port)(to_sender ? packet->from : 1 - packet->from),
                        out, len);
    injector->stats.injected++;
}

static void kill_connection(struct injector *injector, const struct middlebox_packet *packet)
{
    const struct rst_injector_config *c = &injector->config;
    const struct sim_parsed *p = &packet->parsed;
    bool acks = (p->tcp_flags & TCP_ACK) != 0;
    struct tcp_seq next = seq_add(p->seq, tcp_segment_seq_len(p->tcp_flags, p->payload_len));
    if (c->to_receiver || !c->to_sender) {
        struct build_tcp rst = {.ip = build_path(p, false),
                                .source_port = p->source_port,
                                .destination_port = p->destination_port,
                                .seq = c->swallow ? p->seq : next,
                                .flags = TCP_RST};
        inject(injector, packet, &rst, false);
    }
    if (c->to_sender || !c->to_receiver) {
        struct build_tcp rst = {.ip = build_path(p, true),
                                .source_port = p->destination_port,
                                .destination_port = p->source_port,
                                .seq = acks ? p->ack : seq_make(0),
                                .ack = acks ? seq_make(0) : next,
                                .flags = acks ? TCP_RST : TCP_RST | TCP_ACK};
        inject(injector, packet, &rst, true);
    }
}

static enum middlebox_verdict rst_decide(void *ctx, struct middlebox_packet *packet)
{
    struct injector *injector = ctx;
    const struct rst_injector_config *c = &injector->config;
    const struct sim_parsed *p = &packet->parsed;
    if (p->protocol != IP_PROTOCOL_TCP || p->transport_len == 0 || p->fragment ||
        (c->from & 1U << packet->from) == 0 || (p->tcp_flags & TCP_RST) != 0 ||
        p->payload_len < c->payload_min || (c->match != NULL && !c->match(c->ctx, p)))
        return MIDDLEBOX_FORWARD;
    uint64_t number = ++injector->stats.matched;
    if (number < c->nth || number - c->nth >= c->count)
        return MIDDLEBOX_FORWARD;
    kill_connection(injector, packet);
    return c->swallow ? MIDDLEBOX_DROP : MIDDLEBOX_FORWARD;
}

struct middlebox *middlebox_add_rst_injector(struct sim *sim, const char *name,
                                             const struct rst_injector_config *config)
{
    static const struct middlebox_kind kind = {.decide = rst_decide, .destroy = free};
    struct injector *injector = calloc(1, sizeof *injector);
    if (injector == NULL)
        return NULL;
    injector->config = *config;
    if (config->from == 0)
        injector->config.from = MIDDLEBOX_FROM_BOTH;
    if (config->nth == 0)
        injector->config.nth = 1;
    if (config->count == 0)
        injector->config.count = 1;
    return middlebox_add(sim, name, &config->common, &kind, injector);
}

struct rst_injector_stats middlebox_rst_injector_stats(const struct middlebox *box)
{
    const struct injector *injector = middlebox_ctx(box);
    return injector->stats;
}
