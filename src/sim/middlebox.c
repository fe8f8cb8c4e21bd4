/* SPDX-License-Identifier: MIT */
#include "sim/middlebox.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/build.h"
#include "sim/outbox.h"

struct middlebox {
    struct sim_node *node;
    struct middlebox_kind kind;
    void *ctx;
    uint8_t link;
    bool deciding;
    struct middlebox_stats stats;
    struct sim_outbox out[MIDDLEBOX_PORTS];
    struct sim_outbox behind[MIDDLEBOX_PORTS]; /* injected while deciding */
    uint8_t scratch[WEIR_PACKET_BYTES_MAX];
};

/* ---- packets of the box's own ---- */

static void inject(struct middlebox *box, unsigned port, const void *bytes, uint32_t len)
{
    if (sim_outbox_put(&box->out[port], bytes, len))
        box->stats.injected[port]++;
    else
        box->stats.injections_lost[port]++;
}

/* The decision is done: what was injected meanwhile follows. */
static void flush_behind(struct middlebox *box)
{
    struct weir_tx tx;
    for (unsigned port = 0; port < MIDDLEBOX_PORTS; port++)
        while (sim_outbox_take(&box->behind[port], &tx, 1) == 1)
            inject(box, port, tx.frag[0].data, tx.len);
}

void middlebox_inject(struct middlebox *box, enum middlebox_port port, const void *bytes,
                      uint32_t len)
{
    CHECK(NULL, port < MIDDLEBOX_PORTS);
    if (!box->deciding)
        inject(box, port, bytes, len);
    else if (!sim_outbox_put(&box->behind[port], bytes, len))
        box->stats.injections_lost[port]++;
}

void middlebox_inject_ip(const struct middlebox_packet *packet, enum middlebox_port port,
                         const uint8_t *ip, uint32_t len)
{
    uint8_t frame[ETH_HEADER_MAX + IP6_MTU_MIN];
    uint32_t link_len = packet->parsed.ip_offset;
    CHECK(NULL, link_len <= ETH_HEADER_MAX && len <= IP6_MTU_MIN);
    memcpy(frame, packet->bytes, link_len);
    if (link_len >= ETH_HEADER_MIN && port == packet->from) {
        memcpy(frame, packet->bytes + sizeof(struct eth_addr), sizeof(struct eth_addr));
        memcpy(frame + sizeof(struct eth_addr), packet->bytes, sizeof(struct eth_addr));
    }
    memcpy(frame + link_len, ip, len);
    middlebox_inject(packet->box, port, frame, link_len + len);
}

void middlebox_release(struct middlebox *box, enum middlebox_port from, const void *bytes,
                       uint32_t len)
{
    CHECK(NULL, from < MIDDLEBOX_PORTS && box->stats.held[from] > 0);
    box->stats.held[from]--;
    if (bytes == NULL)
        box->stats.dropped[from]++;
    else if (sim_outbox_put(&box->out[1 - from], bytes, len))
        box->stats.forwarded[from]++;
    else
        box->stats.overflowed[from]++;
}

bool middlebox_answer(const struct middlebox_packet *packet, const struct middlebox_error *error)
{
    const struct sim_parsed *p = &packet->parsed;
    const uint8_t *ip = packet->bytes + p->ip_offset;
    bool v4 = p->ip_version == 4;
    enum ip6_answer rule =
        error->type == ICMP6_PACKET_TOO_BIG ? IP6_ANSWER_ALWAYS : IP6_ANSWER_UNLESS_MULTICAST;
    if (v4 ? !icmp4_may_answer(ip, p->ip_len, false)
           : p->ip_version != 6 || !icmp6_may_answer(ip, p->ip_len, false, rule))
        return false;
    uint8_t out[IP6_MTU_MIN];
    struct build_icmp_error b = {.ip = build_path(p, true),
                                 .type = error->type,
                                 .code = error->code,
                                 .mtu = error->mtu,
                                 .packet = {ip, p->ip_len}};
    b.ip.source = error->source;
    uint32_t len = build_icmp_error(out, sizeof out, &b);
    if (len == 0)
        return false;
    middlebox_inject_ip(packet, (enum middlebox_port)packet->from, out, len);
    return true;
}

/* ---- the node ---- */

static void box_packet(struct middlebox *box, unsigned port, const struct weir_rx *rx,
                       weir_time now)
{
    CHECK(NULL, rx->frag_count == 0 && rx->len <= WEIR_PACKET_BYTES_MAX);
    memcpy(box->scratch, rx->head, rx->len);
    struct middlebox_packet packet = {.box = box,
                                      .now = now,
                                      .bytes = box->scratch,
                                      .len = rx->len,
                                      .parsed = sim_parse(box->scratch, rx->len, box->link),
                                      .from = (uint8_t)port,
                                      .to = (uint8_t)(1 - port)};
    box->stats.received[port]++;
    box->deciding = true;
    enum middlebox_verdict verdict = box->kind.decide(box->ctx, &packet);
    box->deciding = false;
    CHECK(NULL, packet.len <= sizeof box->scratch && packet.to < MIDDLEBOX_PORTS);
    if (verdict == MIDDLEBOX_DROP) {
        box->stats.dropped[port]++;
    } else if (verdict == MIDDLEBOX_HOLD) {
        box->stats.held[port]++;
    } else if (sim_outbox_put(&box->out[packet.to], packet.bytes, packet.len)) {
        box->stats.forwarded[port]++;
        box->stats.changed[port] += packet.changed;
    } else {
        box->stats.overflowed[port]++;
    }
    flush_behind(box);
}

static void box_input(void *ctx, unsigned port, const struct weir_rx *rx, unsigned n, weir_time now)
{
    CHECK(NULL, port < MIDDLEBOX_PORTS);
    for (unsigned i = 0; i < n; i++)
        box_packet(ctx, port, &rx[i], now);
}

static unsigned box_output(void *ctx, unsigned port, struct weir_tx *tx, unsigned max,
                           weir_time now)
{
    struct middlebox *box = ctx;
    (void)now;
    CHECK(NULL, port < MIDDLEBOX_PORTS);
    return sim_outbox_take(&box->out[port], tx, max);
}

static void box_advance(void *ctx, weir_time now)
{
    struct middlebox *box = ctx;
    if (box->kind.advance != NULL)
        box->kind.advance(box->ctx, box, now);
}

static weir_time box_deadline(void *ctx)
{
    struct middlebox *box = ctx;
    return box->kind.deadline != NULL ? box->kind.deadline(box->ctx) : WEIR_TIME_NEVER;
}

static void box_destroy(void *ctx)
{
    struct middlebox *box = ctx;
    for (unsigned port = 0; port < MIDDLEBOX_PORTS; port++) {
        sim_outbox_free(&box->out[port]);
        sim_outbox_free(&box->behind[port]);
    }
    if (box->kind.destroy != NULL)
        box->kind.destroy(box->ctx);
    free(box);
}

struct middlebox *middlebox_add(struct sim *sim, const char *name,
                                const struct middlebox_common *common,
                                const struct middlebox_kind *kind, void *ctx)
{
    static const struct sim_node_ops ops = {.input = box_input,
                                            .output = box_output,
                                            .advance = box_advance,
                                            .deadline = box_deadline,
                                            .destroy = box_destroy};
    struct middlebox *box = calloc(1, sizeof *box);
    if (box == NULL) {
        if (kind->destroy != NULL)
            kind->destroy(ctx);
        return NULL;
    }
    uint32_t max =
        common->queue_packets_max != 0 ? common->queue_packets_max : MIDDLEBOX_QUEUE_PACKETS;
    box->kind = *kind;
    box->ctx = ctx;
    box->link = common->link != 0 ? common->link : WEIR_LINK_IP;
    for (unsigned port = 0; port < MIDDLEBOX_PORTS; port++) {
        sim_outbox_init(&box->out[port], sim, max);
        sim_outbox_init(&box->behind[port], sim, max);
    }
    box->node = sim_node_add(sim, name, &ops, box);
    if (box->node == NULL) {
        box_destroy(box);
        return NULL;
    }
    return box;
}

struct sim_node *middlebox_node(const struct middlebox *box)
{
    return box->node;
}

struct middlebox_stats middlebox_stats(const struct middlebox *box)
{
    return box->stats;
}

unsigned middlebox_link(const struct middlebox *box)
{
    return box->link;
}

void *middlebox_ctx(const struct middlebox *box)
{
    return box->ctx;
}
