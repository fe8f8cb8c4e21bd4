/* SPDX-License-Identifier: MIT */
#include "sim/ping.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sim/build.h"

struct request {
    weir_time sent; /* -1: not yet */
    weir_time rtt;  /* -1: not yet */
};

struct ping {
    struct ping_config config;
    struct ping_stats stats;
    uint32_t next_after; /* one more than the highest number answered */
    uint8_t payload[PING_PAYLOAD_MAX];
    struct request request[];
};

/* Make the payload of a request: its number, then bytes that depend on seed and number. */
static uint32_t make_payload(struct ping *ping, uint32_t number)
{
    struct rng root = rng_make(ping->config.seed);
    struct rng rng = rng_fork(&root, number);
    uint32_t len = (uint32_t)rng_between(&rng, ping->config.payload_min, ping->config.payload_max);
    store32(ping->payload, number);
    rng_bytes(&rng, ping->payload + 4, len - 4);
    return len;
}

static uint32_t make(void *ctx, uint64_t number, weir_time now, uint8_t *out, uint32_t size)
{
    struct ping *ping = ctx;
    const struct ping_config *c = &ping->config;
    struct weir_ref payload = {ping->payload, make_payload(ping, (uint32_t)number)};
    struct build_ip ip = {.source = c->source,
                          .destination = c->destination,
                          .id = (uint16_t)number,
                          .dont_fragment = c->dont_fragment};
    struct build_udp udp = {.ip = ip,
                            .source_port = c->id,
                            .destination_port = c->destination_port,
                            .payload = payload};
    struct build_icmp_echo echo = {
        .ip = ip, .id = c->id, .sequence = (uint16_t)number, .payload = payload};
    ping->request[number].sent = now;
    ping->stats.sent++;
    return c->kind == PING_UDP ? build_udp(out, size, &udp) : build_icmp_echo(out, size, &echo);
}

/* The payload of a packet that is a reply to us by its header. */
static bool find_reply(const struct ping *ping, const struct sim_parsed *p,
                       struct weir_ref *payload)
{
    const struct ping_config *c = &ping->config;
    const uint8_t *at = p->bytes + p->transport_offset;
    struct icmp m;
    if (c->kind == PING_UDP) {
        *payload = (struct weir_ref){p->bytes + p->payload_offset, p->payload_len};
        return p->protocol == IP_PROTOCOL_UDP && p->transport_len > 0 &&
               p->destination_port == c->id && p->source_port == c->destination_port;
    }
    bool v4 = p->ip_version == 4 && p->protocol == IP_PROTOCOL_ICMP4;
    bool v6 = p->ip_version == 6 && p->protocol == IP_PROTOCOL_ICMP6;
    if (v4 ? icmp4_parse(&m, at, p->transport_len, p->transport_len) != WEIR_DROP_NONE
           : !v6 || icmp6_parse(&m, at, p->transport_len, p->transport_len) != WEIR_DROP_NONE)
        return false;
    *payload = (struct weir_ref){at + ICMP_HEADER_LEN, m.data_len};
    return m.kind == ICMP_ECHO_REPLY && m.id == c->id;
}

static void account(struct ping *ping, struct weir_ref payload, weir_time now)
{
    struct ping_stats *s = &ping->stats;
    uint32_t number = payload.len >= PING_PAYLOAD_MIN ? load32(payload.data) : UINT32_MAX;
    s->replies++;
    if (number >= ping->config.count || ping->request[number].sent < 0) {
        s->unexpected++;
        return;
    }
    struct request *r = &ping->request[number];
    if (payload.len != make_payload(ping, number) ||
        memcmp(payload.data, ping->payload, payload.len) != 0) {
        s->damaged++;
        return;
    }
    if (r->rtt >= 0) {
        s->duplicates++;
        return;
    }
    r->rtt = now - r->sent;
    s->received++;
    s->rtt_sum += r->rtt;
    if (s->received == 1 || r->rtt < s->rtt_min)
        s->rtt_min = r->rtt;
    if (r->rtt > s->rtt_max)
        s->rtt_max = r->rtt;
    if (number < ping->next_after)
        s->overtaken++;
    else
        ping->next_after = number + 1;
}

static void listen(void *ctx, struct actor *actor, const struct actor_packet *packet)
{
    struct ping *ping = ctx;
    struct weir_ref payload;
    (void)actor;
    if (packet->sound && !packet->parsed->fragment && packet->port == ping->config.port &&
        find_reply(ping, packet->parsed, &payload))
        account(ping, payload, packet->now);
}

struct ping *ping_start(struct actor *actor, const struct ping_config *config)
{
    if (config->count == 0 || config->count > PING_COUNT_MAX ||
        config->payload_min < PING_PAYLOAD_MIN || config->payload_max > PING_PAYLOAD_MAX ||
        config->payload_min > config->payload_max)
        return NULL;
    struct ping *ping = calloc(1, sizeof *ping + config->count * sizeof ping->request[0]);
    if (ping == NULL)
        return NULL;
    ping->config = *config;
    for (uint32_t i = 0; i < config->count; i++)
        ping->request[i] = (struct request){.sent = -1, .rtt = -1};
    struct actor_stream stream = {.port = config->port,
                                  .start = config->start,
                                  .interval = config->interval,
                                  .count = config->count,
                                  .make = make,
                                  .ctx = ping};
    if (actor_listen(actor, listen, ping) != WEIR_OK) {
        free(ping);
        return NULL;
    }
    if (actor_stream(actor, &stream) != WEIR_OK) {
        actor_unlisten(actor, listen, ping);
        free(ping);
        return NULL;
    }
    return ping;
}

void ping_free(struct ping *ping)
{
    free(ping);
}

struct ping_stats ping_stats(const struct ping *ping)
{
    return ping->stats;
}

weir_time ping_rtt(const struct ping *ping, uint32_t number)
{
    return number < ping->config.count ? ping->request[number].rtt : -1;
}
