/* SPDX-License-Identifier: MIT */
#include "sim/actor.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/siphash.h"
#include "sim/build.h"
#include "sim/internal.h"
#include "sim/outbox.h"
#include "wire/udp.h"

struct scheduled {
    struct scheduled *next;
    weir_time at;
    unsigned port;
    uint32_t len;
    uint8_t bytes[];
};

struct stream {
    struct actor_stream config;
    uint64_t number; /* the next; config.count when it has ended */
    weir_time at;    /* its time */
};

struct listener {
    actor_fn fn;
    void *ctx;
};

struct actor {
    struct sim *sim;
    struct sim_node *node;
    struct actor_config config;
    struct actor_stats stats;
    struct sim_outbox out[ACTOR_PORTS_MAX];
    struct scheduled *scheduled; /* by time, then by order of calls */
    struct stream stream[ACTOR_STREAMS_MAX];
    unsigned stream_count;
    struct listener listener[ACTOR_LISTENERS_MAX];
    unsigned listener_count;
    uint8_t *last;
    uint32_t last_len, last_size;
    uint16_t ip_id;
    uint8_t scratch[WEIR_PACKET_BYTES_MAX];
};

/* ---- sending ---- */

static int put(struct actor *actor, unsigned port, const void *bytes, uint32_t len)
{
    if (!sim_outbox_put(&actor->out[port], bytes, len)) {
        actor->stats.overflowed++;
        return WEIR_E_EXHAUSTED;
    }
    actor->stats.sent++;
    return WEIR_OK;
}

int actor_send(struct actor *actor, unsigned port, const void *bytes, uint32_t len)
{
    if (port >= ACTOR_PORTS_MAX || len == 0 || len > WEIR_PACKET_BYTES_MAX)
        return WEIR_E_INVALID;
    int error = put(actor, port, bytes, len);
    sim_node_wake(actor->node);
    return error;
}

int actor_send_at(struct actor *actor, unsigned port, weir_time at, const void *bytes, uint32_t len)
{
    if (port >= ACTOR_PORTS_MAX || len == 0 || len > WEIR_PACKET_BYTES_MAX ||
        at < sim_node_now(actor->node))
        return WEIR_E_INVALID;
    struct scheduled *s = malloc(sizeof *s + len);
    if (s == NULL)
        return WEIR_E_EXHAUSTED;
    struct scheduled **place = &actor->scheduled;
    while (*place != NULL && (*place)->at <= at)
        place = &(*place)->next;
    s->next = *place;
    s->at = at;
    s->port = port;
    s->len = len;
    memcpy(s->bytes, bytes, len);
    *place = s;
    sim_node_wake(actor->node);
    return WEIR_OK;
}

int actor_stream(struct actor *actor, const struct actor_stream *stream)
{
    if (stream->interval <= 0 || stream->make == NULL || stream->port >= ACTOR_PORTS_MAX ||
        stream->start < sim_node_now(actor->node))
        return WEIR_E_INVALID;
    if (actor->stream_count == ACTOR_STREAMS_MAX)
        return WEIR_E_EXHAUSTED;
    actor->stream[actor->stream_count++] = (struct stream){.config = *stream, .at = stream->start};
    sim_node_wake(actor->node);
    return WEIR_OK;
}

static bool has_ended(const struct stream *s)
{
    return s->config.count != 0 && s->number == s->config.count;
}

/* Send what is due of one stream. */
static void stream_run(struct actor *actor, struct stream *s, weir_time now)
{
    while (!has_ended(s) && s->at <= now) {
        uint32_t len =
            s->config.make(s->config.ctx, s->number, s->at, actor->scratch, sizeof actor->scratch);
        if (len > 0)
            (void)put(actor, s->config.port, actor->scratch, len);
        s->number++;
        s->at += s->config.interval;
    }
}

static void actor_advance(void *ctx, weir_time now)
{
    struct actor *actor = ctx;
    while (actor->scheduled != NULL && actor->scheduled->at <= now) {
        struct scheduled *s = actor->scheduled;
        actor->scheduled = s->next;
        (void)put(actor, s->port, s->bytes, s->len);
        free(s);
    }
    for (unsigned i = 0; i < actor->stream_count; i++)
        stream_run(actor, &actor->stream[i], now);
}

static weir_time actor_deadline(void *ctx)
{
    const struct actor *actor = ctx;
    weir_time at = actor->scheduled != NULL ? actor->scheduled->at : WEIR_TIME_NEVER;
    for (unsigned i = 0; i < actor->stream_count; i++)
        if (!has_ended(&actor->stream[i]) && actor->stream[i].at < at)
            at = actor->stream[i].at;
    return at;
}

static unsigned actor_output(void *ctx, unsigned port, struct weir_tx *tx, unsigned max,
                             weir_time now)
{
    struct actor *actor = ctx;
    (void)now;
    return port < ACTOR_PORTS_MAX ? sim_outbox_take(&actor->out[port], tx, max) : 0;
}

/* ---- receiving ---- */

/* The path back to where the packet came from; false: it was sent to a group. */
static bool path_back(struct actor *actor, const struct sim_parsed *p, struct build_ip *ip)
{
    *ip = build_path(p, true);
    ip->id = actor->ip_id++;
    if (!addr_is_ip4(ip->source))
        return !ip6_is_multicast(ip6_from_addr(ip->source));
    struct ip4_addr own = ip4_from_addr(ip->source);
    return !ip4_is_multicast(own) && !ip4_is_broadcast(own);
}

/* Send the IP packet in the scratch back through the port, in a frame if the other came in one. */
static bool reply(struct actor *actor, const struct actor_packet *packet, uint32_t len)
{
    const struct sim_parsed *p = packet->parsed;
    if (len == 0)
        return false;
    if (p->ip_offset >= ETH_HEADER_MIN) {
        struct eth_addr to, from;
        memcpy(to.b, p->bytes + sizeof to, sizeof to);
        memcpy(from.b, p->bytes, sizeof from);
        len = build_frame(actor->scratch, sizeof actor->scratch, len, from, to);
    }
    return len > 0 && put(actor, packet->port, actor->scratch, len) == WEIR_OK;
}

static void answer_echo(struct actor *actor, const struct actor_packet *packet)
{
    const struct sim_parsed *p = packet->parsed;
    const uint8_t *at = p->bytes + p->transport_offset;
    struct build_icmp_echo echo = {.reply = true};
    struct icmp m;
    bool v4 = p->ip_version == 4 && p->protocol == IP_PROTOCOL_ICMP4;
    bool v6 = p->ip_version == 6 && p->protocol == IP_PROTOCOL_ICMP6;
    if (v4 ? icmp4_parse(&m, at, p->transport_len, p->transport_len) != WEIR_DROP_NONE
           : !v6 || icmp6_parse(&m, at, p->transport_len, p->transport_len) != WEIR_DROP_NONE)
        return;
    if (m.kind != ICMP_ECHO_REQUEST || !path_back(actor, p, &echo.ip))
        return;
    echo.id = m.id;
    echo.sequence = m.sequence;
    echo.payload = (struct weir_ref){at + ICMP_HEADER_LEN, m.data_len};
    uint32_t len = build_icmp_echo(actor->scratch, sizeof actor->scratch, &echo);
    actor->stats.answered += reply(actor, packet, len);
}

static void reflect_udp(struct actor *actor, const struct actor_packet *packet)
{
    const struct sim_parsed *p = packet->parsed;
    struct build_udp udp = {.source_port = p->destination_port,
                            .destination_port = p->source_port,
                            .payload = {p->bytes + p->payload_offset, p->payload_len}};
    if (p->protocol != IP_PROTOCOL_UDP || p->transport_len == 0 || !path_back(actor, p, &udp.ip))
        return;
    uint32_t len = build_udp(actor->scratch, sizeof actor->scratch, &udp);
    actor->stats.reflected += reply(actor, packet, len);
}

static void record(struct actor *actor, unsigned port, const struct weir_rx *rx, weir_time now)
{
    uint8_t head[16];
    store64(head, (uint64_t)now);
    store64(head + 8, port);
    struct sip_key key = {actor->stats.hash, 0};
    key.k1 = siphash13(&key, head, sizeof head);
    actor->stats.hash = siphash13(&key, rx->head, rx->len);
    actor->stats.received++;
    actor->stats.received_bytes += rx->len;
    actor->stats.last_at = now;
    if (rx->len > actor->last_size) {
        uint8_t *more = realloc(actor->last, rx->len);
        if (more == NULL) {
            sim_fail(actor->sim, WEIR_E_EXHAUSTED);
            return;
        }
        actor->last = more;
        actor->last_size = rx->len;
    }
    memcpy(actor->last, rx->head, rx->len);
    actor->last_len = rx->len;
}

static void actor_receive(struct actor *actor, unsigned port, const struct weir_rx *rx,
                          weir_time now)
{
    struct sim_parsed parsed = sim_parse(rx->head, rx->len, actor->config.link);
    struct actor_packet packet = {.parsed = &parsed,
                                  .now = now,
                                  .port = port,
                                  .sound = build_is_sound(rx->head, rx->len, actor->config.link)};
    record(actor, port, rx, now);
    actor->stats.unsound += !packet.sound;
    for (unsigned i = 0; i < actor->listener_count; i++)
        actor->listener[i].fn(actor->listener[i].ctx, actor, &packet);
    if (!packet.sound || parsed.fragment || parsed.transport_len == 0)
        return;
    if (actor->config.answer_echo)
        answer_echo(actor, &packet);
    if (actor->config.reflect_udp)
        reflect_udp(actor, &packet);
}

static void actor_input(void *ctx, unsigned port, const struct weir_rx *rx, unsigned n,
                        weir_time now)
{
    struct actor *actor = ctx;
    CHECK(NULL, port < ACTOR_PORTS_MAX);
    for (unsigned i = 0; i < n; i++) {
        CHECK(NULL, rx[i].frag_count == 0);
        actor_receive(actor, port, &rx[i], now);
    }
}

/* ---- the node ---- */

static void actor_destroy(void *ctx)
{
    struct actor *actor = ctx;
    while (actor->scheduled != NULL) {
        struct scheduled *s = actor->scheduled;
        actor->scheduled = s->next;
        free(s);
    }
    for (unsigned i = 0; i < ACTOR_PORTS_MAX; i++)
        sim_outbox_free(&actor->out[i]);
    free(actor->last);
    free(actor);
}

struct actor *actor_add(struct sim *sim, const char *name, const struct actor_config *config)
{
    static const struct sim_node_ops ops = {.input = actor_input,
                                            .output = actor_output,
                                            .advance = actor_advance,
                                            .deadline = actor_deadline,
                                            .destroy = actor_destroy};
    struct actor *actor = calloc(1, sizeof *actor);
    if (actor == NULL)
        return NULL;
    uint32_t max = config->queue_packets_max != 0 ? config->queue_packets_max : ACTOR_QUEUE_PACKETS;
    actor->sim = sim;
    actor->config = *config;
    if (config->link == 0)
        actor->config.link = WEIR_LINK_IP;
    for (unsigned i = 0; i < ACTOR_PORTS_MAX; i++)
        sim_outbox_init(&actor->out[i], sim, max);
    actor->node = sim_node_add(sim, name, &ops, actor);
    if (actor->node == NULL) {
        actor_destroy(actor);
        return NULL;
    }
    return actor;
}

struct sim_node *actor_node(const struct actor *actor)
{
    return actor->node;
}

struct sim *actor_sim(const struct actor *actor)
{
    return actor->sim;
}

struct actor_stats actor_stats(const struct actor *actor)
{
    return actor->stats;
}

struct weir_ref actor_last(const struct actor *actor)
{
    return (struct weir_ref){actor->last, actor->last_len};
}

int actor_listen(struct actor *actor, actor_fn fn, void *ctx)
{
    if (actor->listener_count == ACTOR_LISTENERS_MAX)
        return WEIR_E_EXHAUSTED;
    actor->listener[actor->listener_count++] = (struct listener){fn, ctx};
    return WEIR_OK;
}

void actor_unlisten(struct actor *actor, actor_fn fn, void *ctx)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < actor->listener_count; i++)
        if (actor->listener[i].fn != fn || actor->listener[i].ctx != ctx)
            actor->listener[kept++] = actor->listener[i];
    actor->listener_count = kept;
}
