/* SPDX-License-Identifier: MIT */
#include "sim/nat_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum {
    PORT_LOW_MAX = 1023, /* the ports below 1024 are a class of their own (RFC 4787 REQ-3) */
    PORT_MAX = 65535
};

static uint32_t hash_endpoint(const struct nat_table *t, const struct nat_endpoint *e)
{
    uint8_t bytes[8] = {e->protocol, 1};
    store16(bytes + 2, e->port);
    memcpy(bytes + 4, e->addr.b, 4);
    return (uint32_t)siphash13(&t->key, bytes, sizeof bytes);
}

static uint32_t hash_port(const struct nat_table *t, uint8_t protocol, uint16_t port)
{
    uint8_t bytes[4] = {protocol, 2};
    store16(bytes + 2, port);
    return (uint32_t)siphash13(&t->key, bytes, sizeof bytes);
}

struct search {
    const struct nat_table *table;
    struct nat_endpoint key; /* or protocol and outside port */
};

static bool same_inside(const void *ctx, uint32_t value)
{
    const struct search *s = ctx;
    const struct nat_endpoint *e = &s->table->mapping[value].inside;
    return e->protocol == s->key.protocol && e->port == s->key.port && ip4_eq(e->addr, s->key.addr);
}

static bool same_outside(const void *ctx, uint32_t value)
{
    const struct search *s = ctx;
    const struct nat_mapping *m = &s->table->mapping[value];
    return m->inside.protocol == s->key.protocol && m->outside_port == s->key.port;
}

bool nat_table_init(struct nat_table *t, const struct nat_table_config *config, struct sip_key key)
{
    uint32_t max = config->mappings_max;
    *t = (struct nat_table){.config = *config, .key = key};
    if (max == 0 || max > NAT_MAPPINGS_MAX || config->port_min > config->port_max)
        return false;
    t->mapping = calloc(max, sizeof *t->mapping);
    t->unused = calloc(max, sizeof *t->unused);
    t->memory[0] = malloc(map_size(max));
    t->memory[1] = malloc(map_size(max));
    if (t->mapping == NULL || t->unused == NULL || t->memory[0] == NULL || t->memory[1] == NULL)
        return false;
    map_init(&t->by_inside, max, NULL, t->memory[0]);
    map_init(&t->by_outside, max, NULL, t->memory[1]);
    for (uint32_t i = 0; i < max; i++)
        t->unused[i] = max - 1 - i;
    t->unused_count = max;
    return true;
}

void nat_table_free(struct nat_table *t)
{
    free(t->mapping);
    free(t->unused);
    free(t->memory[0]);
    free(t->memory[1]);
    *t = (struct nat_table){0};
}

static weir_time timeout(const struct nat_table *t, const struct nat_mapping *m)
{
    enum { BOTH_FINS = NAT_TCP_FIN_IN | NAT_TCP_FIN_OUT };
    if (m->inside.protocol == IP_PROTOCOL_UDP)
        return t->config.udp;
    if (m->inside.protocol != IP_PROTOCOL_TCP)
        return t->config.icmp;
    bool open = (m->tcp & NAT_TCP_OPEN) != 0;
    bool closed = (m->tcp & NAT_TCP_RESET) != 0 || (m->tcp & BOTH_FINS) == BOTH_FINS;
    return open && !closed ? t->config.tcp_established : t->config.tcp_transitory;
}

static void unmap(struct nat_table *t, struct nat_mapping *m)
{
    uint32_t index = (uint32_t)(m - t->mapping);
    map_remove(&t->by_inside, hash_endpoint(t, &m->inside), index);
    map_remove(&t->by_outside, hash_port(t, m->inside.protocol, m->outside_port), index);
    m->in_use = false;
    t->unused[t->unused_count++] = index;
    t->expired++;
}

/* The mapping that a search found, unless its time is over. */
static struct nat_mapping *living(struct nat_table *t, uint32_t index, weir_time now)
{
    if (index == MAP_NONE)
        return NULL;
    struct nat_mapping *m = &t->mapping[index];
    if (now - m->used < timeout(t, m))
        return m;
    unmap(t, m);
    return NULL;
}

struct nat_mapping *nat_table_inside(struct nat_table *t, const struct nat_endpoint *inside,
                                     weir_time now)
{
    struct search s = {t, *inside};
    return living(t, map_find(&t->by_inside, hash_endpoint(t, inside), same_inside, &s), now);
}

struct nat_mapping *nat_table_outside(struct nat_table *t, uint8_t protocol, uint16_t port,
                                      weir_time now)
{
    struct search s = {t, {.protocol = protocol, .port = port}};
    return living(t, map_find(&t->by_outside, hash_port(t, protocol, port), same_outside, &s), now);
}

/* The port of the endpoint, or the next free one of its class. */
static bool choose_port(struct nat_table *t, const struct nat_endpoint *e, weir_time now,
                        uint16_t *port)
{
    uint32_t low = e->port > PORT_LOW_MAX ? PORT_LOW_MAX + 1 : 1;
    uint32_t high = e->port > PORT_LOW_MAX ? PORT_MAX : PORT_LOW_MAX;
    if (t->config.port_max != 0) {
        low = t->config.port_min;
        high = t->config.port_max;
    } else if (e->protocol == IP_PROTOCOL_ICMP4) {
        low = 0;
        high = PORT_MAX;
    }
    uint32_t count = high - low + 1;
    uint32_t begin = e->port >= low && e->port <= high ? e->port - low : e->port % count;
    for (uint32_t i = 0; i < count; i++) {
        *port = (uint16_t)(low + (begin + i) % count);
        bool fits = e->protocol != IP_PROTOCOL_UDP || (*port & 1) == (e->port & 1);
        if (fits && nat_table_outside(t, e->protocol, *port, now) == NULL)
            return true;
    }
    return false;
}

static void expire_all(struct nat_table *t, weir_time now)
{
    for (uint32_t i = 0; i < t->config.mappings_max; i++)
        if (t->mapping[i].in_use)
            (void)living(t, i, now);
}

struct nat_mapping *nat_table_map(struct nat_table *t, const struct nat_endpoint *inside,
                                  weir_time now)
{
    uint16_t port;
    if (t->unused_count == 0)
        expire_all(t, now);
    if (t->unused_count == 0) {
        t->full++;
        return NULL;
    }
    if (!choose_port(t, inside, now, &port)) {
        t->ports_exhausted++;
        return NULL;
    }
    uint32_t index = t->unused[--t->unused_count];
    struct nat_mapping *m = &t->mapping[index];
    *m = (struct nat_mapping){.inside = *inside, .outside_port = port, .in_use = true, .used = now};
    bool inserted = map_insert(&t->by_inside, hash_endpoint(t, inside), index) &&
                    map_insert(&t->by_outside, hash_port(t, inside->protocol, port), index);
    CHECK(NULL, inserted);
    t->mapped++;
    return m;
}

uint32_t nat_table_count(const struct nat_table *t)
{
    return t->config.mappings_max - t->unused_count;
}
