/* SPDX-License-Identifier: MIT
 * The router in front of a small MTU. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "sim/edit.h"
#include "sim/fragment.h"
#include "sim/middlebox_path.h"
#include "wire/icmp.h"

enum { IP4_FRAGMENT_AT = 6, IP4_TTL_AT = 8, IP6_HOP_LIMIT_AT = 7 };

struct path_mtu {
    struct path_mtu_config config;
    struct path_mtu_stats stats;
    uint8_t fragment[WEIR_PACKET_BYTES_MAX];
};

static struct weir_addr router(const struct path_mtu *path, const struct sim_parsed *p)
{
    return p->ip_version == 4 ? path->config.router4 : path->config.router6;
}

static enum middlebox_verdict drop_expired(struct path_mtu *path, struct middlebox_packet *packet)
{
    const struct sim_parsed *p = &packet->parsed;
    struct middlebox_error error = {.type = p->ip_version == 4 ? (uint8_t)ICMP4_TIME_EXCEEDED
                                                               : (uint8_t)ICMP6_TIME_EXCEEDED,
                                    .code = ICMP_HOPS_EXCEEDED,
                                    .source = router(path, p)};
    path->stats.expired++;
    path->stats.answered += middlebox_answer(packet, &error);
    return MIDDLEBOX_DROP;
}

static enum middlebox_verdict drop_large(struct path_mtu *path, struct middlebox_packet *packet)
{
    const struct path_mtu_config *c = &path->config;
    const struct sim_parsed *p = &packet->parsed;
    uint32_t mtu = c->told_bytes == 0            ? c->mtu_bytes
                   : c->told_bytes == UINT32_MAX ? 0
                                                 : c->told_bytes;
    struct middlebox_error error = {.mtu = mtu, .source = router(path, p)};
    if (p->ip_version == 4) {
        error.type = ICMP4_UNREACHABLE;
        error.code = ICMP4_FRAGMENTATION_NEEDED;
    } else {
        error.type = ICMP6_PACKET_TOO_BIG;
    }
    path->stats.too_large++;
    if (!c->silent)
        path->stats.answered += middlebox_answer(packet, &error);
    return MIDDLEBOX_DROP;
}

/* All fragments but the last follow as packets of the box's own; the first takes the packet's
 * place. */
static enum middlebox_verdict cut(struct path_mtu *path, struct middlebox_packet *packet)
{
    const struct sim_parsed *p = &packet->parsed;
    uint32_t mtu = path->config.mtu_bytes, at = p->ip_offset;
    const uint8_t *ip = packet->bytes + at;
    unsigned count = sim_fragment_count(ip, p->ip_len, mtu);
    if (count == 0) { /* no room for the header */
        path->stats.too_large++;
        return MIDDLEBOX_DROP;
    }
    memcpy(path->fragment, packet->bytes, at);
    for (unsigned i = 1; i < count; i++) {
        uint32_t len = sim_fragment_make(ip, p->ip_len, mtu, i, path->fragment + at);
        middlebox_inject(packet->box, (enum middlebox_port)packet->to, path->fragment, at + len);
    }
    packet->len = at + sim_fragment_make(ip, p->ip_len, mtu, 0, path->fragment + at);
    memcpy(packet->bytes, path->fragment, packet->len);
    packet->changed = true;
    path->stats.fragmented++;
    return MIDDLEBOX_FORWARD;
}

static enum middlebox_verdict mtu_decide(void *ctx, struct middlebox_packet *packet)
{
    struct path_mtu *path = ctx;
    const struct path_mtu_config *c = &path->config;
    const struct sim_parsed *p = &packet->parsed;
    const uint8_t *ip = packet->bytes + p->ip_offset;
    if (p->ip_version == 0)
        return MIDDLEBOX_FORWARD;
    if (c->hops) {
        if (ip[p->ip_version == 4 ? IP4_TTL_AT : IP6_HOP_LIMIT_AT] <= 1)
            return drop_expired(path, packet);
        edit_hop(packet->bytes, p);
        packet->changed = true;
    }
    if (c->mtu_bytes == 0 || p->ip_len <= c->mtu_bytes || (c->from & 1U << packet->from) == 0)
        return MIDDLEBOX_FORWARD;
    if (p->ip_version == 4 && (load16(ip + IP4_FRAGMENT_AT) & IP4_FLAG_DONT_FRAGMENT) == 0)
        return cut(path, packet);
    return drop_large(path, packet);
}

struct middlebox *middlebox_add_path_mtu(struct sim *sim, const char *name,
                                         const struct path_mtu_config *config)
{
    static const struct middlebox_kind kind = {.decide = mtu_decide, .destroy = free};
    if (config->mtu_bytes > IP4_PACKET_MAX ||
        (config->told_bytes > IP4_PACKET_MAX && config->told_bytes != UINT32_MAX))
        return NULL;
    struct path_mtu *path = calloc(1, sizeof *path);
    if (path == NULL)
        return NULL;
    path->config = *config;
    if (config->from == 0)
        path->config.from = MIDDLEBOX_FROM_BOTH;
    return middlebox_add(sim, name, &config->common, &kind, path);
}

void middlebox_path_mtu_set(struct middlebox *box, uint32_t mtu_bytes, bool silent)
{
    struct path_mtu *path = middlebox_ctx(box);
    CHECK(NULL, mtu_bytes <= IP4_PACKET_MAX);
    path->config.mtu_bytes = mtu_bytes;
    path->config.silent = silent;
}

struct path_mtu_stats middlebox_path_mtu_stats(const struct middlebox *box)
{
    const struct path_mtu *path = middlebox_ctx(box);
    return path->stats;
}
