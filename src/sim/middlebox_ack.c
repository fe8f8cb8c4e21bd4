/* SPDX-License-Identifier: MIT
 * The ACK thinner. */
#include <stdlib.h>
#include <string.h>

#include "sim/middlebox_tcp.h"
#include "wire/ip4.h"
#include "wire/tcp_options.h"

enum {
    FLOWS_MAX = 64,
    ACK_BYTES_MAX = 256, /* longer ones, with long extension headers, pass */
    EVERY = 2
};

#define DELAY (10 * WEIR_NS_PER_MS)

/* One direction of a connection. */
struct flow {
    uint8_t key[38]; /* addresses, ports, version and where it comes in */
    bool in_use, holds;
    uint8_t from;
    weir_time used;
    struct tcp_seq ack; /* the highest that was forwarded or is held */
    uint32_t count;     /* pure ACKs since one was forwarded */
    weir_time since;    /* of the first of them */
    uint32_t len;
    uint8_t bytes[ACK_BYTES_MAX]; /* the one that is held */
};

struct thinner {
    struct ack_thinner_config config;
    struct ack_thinner_stats stats;
    struct flow flow[FLOWS_MAX];
};

static void make_key(uint8_t key[38], const struct middlebox_packet *packet)
{
    const struct sim_parsed *p = &packet->parsed;
    const uint8_t *ip = packet->bytes + p->ip_offset;
    memset(key, 0, 38);
    key[0] = p->ip_version;
    key[1] = packet->from;
    store16(key + 2, p->source_port);
    store16(key + 4, p->destination_port);
    memcpy(key + 6, ip + (p->ip_version == 4 ? 12 : 8), p->ip_version == 4 ? 8 : 32);
}

static void release(struct middlebox *box, struct flow *flow)
{
    if (flow->holds)
        middlebox_release(box, (enum middlebox_port)flow->from, flow->bytes, flow->len);
    flow->holds = false;
    flow->count = 0;
}

/* The flow of the packet; the one that was used longest ago makes room for a new one. */
static struct flow *flow_of(struct thinner *t, const struct middlebox_packet *packet, bool *is_new)
{
    uint8_t key[38];
    struct flow *victim = &t->flow[0];
    make_key(key, packet);
    *is_new = false;
    for (struct flow *f = t->flow; f < t->flow + FLOWS_MAX; f++) {
        if (f->in_use && memcmp(f->key, key, sizeof key) == 0)
            return f;
        if (victim->in_use && (!f->in_use || f->used < victim->used))
            victim = f;
    }
    release(packet->box, victim);
    *victim = (struct flow){.in_use = true, .from = packet->from};
    memcpy(victim->key, key, sizeof key);
    *is_new = true;
    return victim;
}

static bool is_pure_ack(const struct middlebox_packet *packet)
{
    enum { OTHER = TCP_SYN | TCP_FIN | TCP_RST | TCP_URG };
    const struct sim_parsed *p = &packet->parsed;
    struct tcp_option option;
    if ((p->tcp_flags & (OTHER | TCP_ACK)) != TCP_ACK || p->payload_len > 0 ||
        packet->len > ACK_BYTES_MAX)
        return false;
    struct tcp_option_iter it =
        tcp_option_begin(packet->bytes + p->transport_offset + TCP_HEADER_BYTES,
                         p->payload_offset - p->transport_offset - TCP_HEADER_BYTES);
    while (tcp_option_next(&it, &option))
        if (option.kind == TCP_OPT_SACK)
            return false;
    return true;
}

static enum middlebox_verdict ack_decide(void *ctx, struct middlebox_packet *packet)
{
    struct thinner *t = ctx;
    const struct sim_parsed *p = &packet->parsed;
    if (p->protocol != IP_PROTOCOL_TCP || p->transport_len == 0 || p->fragment ||
        (t->config.from & 1U << packet->from) == 0)
        return MIDDLEBOX_FORWARD;
    bool is_new, pure = is_pure_ack(packet);
    struct flow *flow = flow_of(t, packet, &is_new);
    bool more = !is_new && seq_gt(p->ack, flow->ack);
    flow->used = packet->now;
    flow->ack = is_new || more ? p->ack : flow->ack;
    t->stats.acks += pure;
    if (!pure || !more) {
        release(packet->box, flow);
        return MIDDLEBOX_FORWARD;
    }
    if (flow->holds) {
        middlebox_release(packet->box, (enum middlebox_port)flow->from, NULL, 0);
        flow->holds = false;
        t->stats.thinned++;
    }
    if (flow->count++ == 0)
        flow->since = packet->now;
    if (flow->count >= t->config.every) {
        flow->count = 0;
        return MIDDLEBOX_FORWARD;
    }
    memcpy(flow->bytes, packet->bytes, packet->len);
    flow->len = packet->len;
    flow->holds = true;
    return MIDDLEBOX_HOLD;
}

static void ack_advance(void *ctx, struct middlebox *box, weir_time now)
{
    struct thinner *t = ctx;
    for (unsigned i = 0; i < FLOWS_MAX; i++)
        if (t->flow[i].holds && now - t->flow[i].since >= t->config.delay)
            release(box, &t->flow[i]);
}

static weir_time ack_deadline(void *ctx)
{
    const struct thinner *t = ctx;
    weir_time at = WEIR_TIME_NEVER;
    for (unsigned i = 0; i < FLOWS_MAX; i++)
        if (t->flow[i].holds && t->flow[i].since + t->config.delay < at)
            at = t->flow[i].since + t->config.delay;
    return at;
}

struct middlebox *middlebox_add_ack_thinner(struct sim *sim, const char *name,
                                            const struct ack_thinner_config *config)
{
    static const struct middlebox_kind kind = {
        .decide = ack_decide, .advance = ack_advance, .deadline = ack_deadline, .destroy = free};
    struct thinner *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->config = *config;
    if (config->from == 0)
        t->config.from = MIDDLEBOX_FROM_BOTH;
    if (config->every == 0)
        t->config.every = EVERY;
    if (config->delay == 0)
        t->config.delay = DELAY;
    return middlebox_add(sim, name, &config->common, &kind, t);
}

struct ack_thinner_stats middlebox_ack_thinner_stats(const struct middlebox *box)
{
    const struct thinner *t = middlebox_ctx(box);
    return t->stats;
}
