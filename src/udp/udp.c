/* SPDX-License-Identifier: MIT
 * The datagram room as a whole: its memory, its events, what was sent lately. */
#include "udp/udp.h"

#include "base/layout.h"

/* An endpoint costs nothing before it is taken; a room for none still has a pool and a map. */
static uint32_t capacity(const struct weir_config *config)
{
    return config->udp_endpoints_max != 0 ? config->udp_endpoints_max : 1;
}

static struct pool_config pool_config(const struct weir_config *config)
{
    return (struct pool_config){.capacity = capacity(config),
                                .block_bytes = sizeof(struct udp_endpoint),
                                .block_align = _Alignof(struct udp_endpoint)};
}

/* Four for each endpoint, as a power of two. */
static uint32_t recents_count(const struct weir_config *config)
{
    uint32_t n = UDP_RECENTS_MIN;
    while (n < UDP_RECENTS_MAX && n / 4 < config->udp_endpoints_max)
        n *= 2;
    return n;
}

size_t udp_size(const struct weir_config *config)
{
    struct pool_config pool = pool_config(config);
    size_t endpoints = pool_size(&pool), ports = map_size(capacity(config));
    if (endpoints == 0 || ports == 0)
        return 0;
    return layout_size((uint64_t)endpoints + ports +
                       layout_bytes(config->interfaces_max, sizeof(struct udp_list),
                                    _Alignof(struct udp_list)) +
                       layout_bytes(recents_count(config), sizeof(struct udp_recent),
                                    _Alignof(struct udp_recent)));
}

void udp_init(struct udp_room *udp, const struct udp_room_config *config, void *mem)
{
    const struct weir_config *limits = config->config;
    uint8_t *at = mem;
    *udp = (struct udp_room){.net = config->net,
                             .blocks = config->blocks,
                             .ops = config->ops,
                             .events = config->events,
                             .handler = config->handler,
                             .key = config->key,
                             .endpoints_max = limits->udp_endpoints_max,
                             .interfaces_max = limits->interfaces_max};
    struct pool_config pool = pool_config(limits);
    pool.handler = config->handler;
    pool_init(&udp->pool, &pool, at);
    at += pool_size(&pool);
    map_init(&udp->ports, capacity(limits), config->handler, at);
    at += map_size(capacity(limits));
    udp->ready = layout_align(at, _Alignof(struct udp_list));
    memset(udp->ready, 0, limits->interfaces_max * sizeof udp->ready[0]);
    udp->recents = layout_align(udp->ready + limits->interfaces_max, _Alignof(struct udp_recent));
    udp->recents_mask = recents_count(limits) - 1;
    for (uint32_t i = 0; i <= udp->recents_mask; i++)
        udp->recents[i] = (struct udp_recent){.until = INT64_MIN};
}

/* ---- what was sent lately ---- */

static uint64_t flow_hash(const struct udp_room *udp, const struct udp_flow *flow)
{
    uint8_t bytes[37];
    memcpy(bytes, flow->local.bytes, 16);
    memcpy(bytes + 16, flow->remote.bytes, 16);
    store16(bytes + 32, flow->port);
    store16(bytes + 34, flow->kind == WEIR_DATAGRAM_ECHO ? 0 : flow->remote_port);
    bytes[36] = flow->kind;
    return siphash13(&udp->key, bytes, sizeof bytes);
}

void udp_recent_note(struct udp_room *udp, const struct udp_flow *flow, weir_time now)
{
    uint64_t hash = flow_hash(udp, flow);
    struct udp_recent *recent = &udp->recents[hash & udp->recents_mask];
    recent->tag = (uint32_t)(hash >> 32);
    recent->until = now < INT64_MAX - UDP_RECENT_NS ? now + UDP_RECENT_NS : INT64_MAX;
}

bool udp_recent_has(const struct udp_room *udp, const struct udp_flow *flow, weir_time now)
{
    uint64_t hash = flow_hash(udp, flow);
    const struct udp_recent *recent = &udp->recents[hash & udp->recents_mask];
    return recent->tag == (uint32_t)(hash >> 32) && now < recent->until;
}

/* ---- events ---- */

void udp_raise(struct udp_room *udp, struct udp_endpoint *e, uint32_t bits, int error)
{
    if (!e->closed)
        event_raise(udp->events, &e->source, bits, error);
}

/* Who has one peer is told by the next call, too; for others it would say nothing of the next
 * destination (RFC 1122 4.1.3.3 wants it told at all). */
void udp_report(struct udp_room *udp, struct udp_endpoint *e, int error)
{
    CHECK(udp->handler, error < 0 && error >= INT8_MIN);
    if (e->connected)
        e->error = (int8_t)error;
    udp_raise(udp, e, WEIR_EVENT_ADVICE, error);
}

int udp_take_error(struct udp_endpoint *e)
{
    int error = e->error;
    e->error = WEIR_OK;
    return error;
}

uint32_t udp_ready(const struct udp_endpoint *e)
{
    uint32_t bits = 0;
    if (e->error != WEIR_OK || e->receive_tail != e->receive.head)
        bits |= WEIR_EVENT_READABLE;
    if (e->send_refused == 0)
        bits |= WEIR_EVENT_WRITABLE;
    return bits;
}

/* ---- invariants ---- */

static bool endpoint_invariants(const struct udp_room *udp, const struct udp_endpoint *e)
{
    if (!ring_invariants(&e->receive) || !ring_invariants(&e->send))
        return false;
    if (e->receive_tail < e->receive.head || e->receive_tail > e->receive.end)
        return false;
    if (e->receive_tail - e->receive.head > e->receive_bytes_max)
        return false;
    if (e->send_next < e->send.head || e->send_tail < e->send_next || e->send_tail > e->send.end)
        return false;
    if (e->send_tail - e->send.head > e->send_bytes_max)
        return false;
    /* An empty queue holds no memory. */
    if ((e->receive_tail == e->receive.head && ring_bytes_held(&e->receive) != 0) ||
        (e->send_tail == e->send.head && ring_bytes_held(&e->send) != 0))
        return false;
    if ((e->sending == UDP_IDLE) != (e->send_next == e->send_tail))
        return false;
    if (e->send_next != e->send.head && !e->spent) /* somebody will release it */
        return false;
    if (e->closed)
        return e->receive_tail == e->receive.head;
    struct udp_flow flow = {
        .local = e->local, .remote = e->remote, .port = e->port, .kind = e->kind};
    flow.remote_port = e->remote_port;
    return udp_find(udp, &flow) == e && !e->closed_read;
}

bool udp_invariants(const struct udp_room *udp)
{
    if (!pool_invariants(&udp->pool) || !map_invariants(&udp->ports))
        return false;
    uint32_t ready = 0, listed = 0;
    for (uint32_t i = 0; i < udp->pool.fresh; i++) {
        if (!pool_in_use(&udp->pool, i))
            continue;
        const struct udp_endpoint *e = pool_at(&udp->pool, i);
        if (e->index != i || !endpoint_invariants(udp, e))
            return false;
        ready += e->sending == UDP_READY;
    }
    for (uint32_t i = 0; i < udp->interfaces_max; i++)
        for (const struct udp_endpoint *e = udp->ready[i].first; e != NULL; e = e->ready_next) {
            if (e->sending != UDP_READY || e->out.path.ifindex != i)
                return false;
            listed++;
        }
    return ready == listed;
}
