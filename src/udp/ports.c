/* SPDX-License-Identifier: MIT
 * Endpoints and their names: opening, connecting, closing, finding, choosing ports. */
#include "udp/udp.h"

static bool is_any(struct weir_addr addr)
{
    return ip6_is_unspecified(ip6_from_addr(addr));
}

/* ---- finding ---- */

struct port_key {
    const struct udp_room *udp;
    uint16_t port;
    uint8_t kind;
};

static uint32_t port_hash(const struct port_key *key)
{
    uint8_t bytes[3];
    store16(bytes, key->port);
    bytes[2] = key->kind;
    return (uint32_t)siphash13(&key->udp->key, bytes, sizeof bytes);
}

static bool same_port(const void *ctx, uint32_t value)
{
    const struct port_key *key = ctx;
    const struct udp_endpoint *e = pool_at(&key->udp->pool, value);
    return e->port == key->port && e->kind == key->kind;
}

/* The first endpoint of a port, or POOL_NONE. */
static uint32_t port_first(const struct port_key *key)
{
    _Static_assert(POOL_NONE == MAP_NONE, "one of them is answered for the other");
    return map_find(&key->udp->ports, port_hash(key), same_port, key);
}

/* How well an endpoint suits a flow; 0: not at all. A peer of its own counts most, then an address of
 * its own. */
static unsigned suits(const struct udp_endpoint *e, const struct udp_flow *flow)
{
    bool specific = !is_any(e->local);
    if (specific && !addr_eq(e->local, flow->local))
        return 0;
    if (!e->connected)
        return specific ? 2 : 1;
    if (!addr_eq(e->remote, flow->remote) ||
        (e->kind == WEIR_DATAGRAM_UDP && e->remote_port != flow->remote_port))
        return 0;
    return specific ? 4 : 3;
}

struct udp_endpoint *udp_find(const struct udp_room *udp, const struct udp_flow *flow)
{
    struct port_key key = {.udp = udp, .port = flow->port, .kind = flow->kind};
    struct udp_endpoint *best = NULL;
    unsigned best_suits = 0;
    for (uint32_t i = port_first(&key); i != POOL_NONE;) {
        struct udp_endpoint *e = pool_at(&udp->pool, i);
        unsigned s = suits(e, flow);
        if (s > best_suits) {
            best = e;
            best_suits = s;
        }
        i = e->port_next;
    }
    return best;
}

/* ---- the list of a port ---- */

static void port_add(struct udp_room *udp, struct udp_endpoint *e)
{
    struct port_key key = {.udp = udp, .port = e->port, .kind = e->kind};
    uint32_t first = port_first(&key);
    if (first != POOL_NONE) {
        struct udp_endpoint *head = pool_at(&udp->pool, first);
        e->port_next = head->port_next;
        head->port_next = e->index;
        return;
    }
    e->port_next = POOL_NONE;
    bool inserted = map_insert(&udp->ports, port_hash(&key), e->index);
    CHECK(udp->handler, inserted); /* it holds as many as the pool */
}

static void port_remove(struct udp_room *udp, struct udp_endpoint *e)
{
    struct port_key key = {.udp = udp, .port = e->port, .kind = e->kind};
    uint32_t first = port_first(&key);
    if (first == e->index) {
        map_remove(&udp->ports, port_hash(&key), e->index);
        if (e->port_next != POOL_NONE)
            map_insert(&udp->ports, port_hash(&key), e->port_next);
        return;
    }
    for (uint32_t i = first; i != POOL_NONE;) {
        struct udp_endpoint *before = pool_at(&udp->pool, i);
        i = before->port_next;
        if (i == e->index) {
            before->port_next = e->port_next;
            return;
        }
    }
    CHECK(udp->handler, false); /* an open endpoint is on its list */
}

static bool port_is_taken(const struct port_key *key, struct weir_addr local)
{
    for (uint32_t i = port_first(key); i != POOL_NONE;) {
        const struct udp_endpoint *e = pool_at(&key->udp->pool, i);
        if (addr_eq(e->local, local))
            return true;
        i = e->port_next;
    }
    return false;
}

/* A port that nobody uses on any address, so that nobody takes datagrams away from it; 0: there is
 * none. RFC 6056 3.3.1 (algorithm 1), the random numbers being a keyed hash of a counter. Its
 * algorithms 3 and 4, which number the ports to each destination, gain nothing here: the destination
 * is not known when the port is chosen, and all ports would follow each other. */
static uint16_t port_choose(struct udp_room *udp, uint8_t kind)
{
    uint8_t bytes[9];
    store64(bytes, udp->ports_drawn++);
    bytes[8] = kind;
    uint32_t start = (uint32_t)(siphash24(&udp->key, bytes, sizeof bytes) % UDP_PORT_COUNT);
    for (uint32_t i = 0; i < UDP_PORT_COUNT; i++) {
        uint16_t port = (uint16_t)(UDP_PORT_LOW + (start + i) % UDP_PORT_COUNT);
        struct port_key key = {.udp = udp, .port = port, .kind = kind};
        if (port_first(&key) == POOL_NONE)
            return port;
    }
    udp->count.ports_exhausted++;
    return 0;
}

/* ---- addresses ---- */

int udp_own_iface(struct udp_room *udp, struct weir_addr addr)
{
    for (unsigned i = 0; i < udp->net->iface_count; i++) {
        struct address_verdict verdict = address_lookup(&udp->net->addresses, addr, i);
        if (verdict.kind == ADDRESS_OWN)
            return verdict.own->ifindex;
    }
    return -1;
}

/* ---- opening, connecting, closing ---- */

static int config_check(struct udp_room *udp, const struct weir_udp_config *config)
{
    if (config == NULL || config->size != sizeof *config || config->kind > WEIR_DATAGRAM_ECHO)
        return WEIR_E_INVALID;
    if (config->receive_bytes_max > WEIR_UDP_BYTES_MAX ||
        config->send_bytes_max > WEIR_UDP_BYTES_MAX)
        return WEIR_E_INVALID;
    if (!is_any(config->address) && udp_own_iface(udp, config->address) < 0)
        return WEIR_E_NOT_FOUND;
    return WEIR_OK;
}

static uint32_t or_default(uint32_t bytes)
{
    return bytes != 0 ? bytes : WEIR_UDP_BYTES_DEFAULT;
}

int udp_open(struct udp_room *udp, const struct weir_udp_config *config, weir_handle *handle)
{
    int error = config_check(udp, config);
    if (error != WEIR_OK)
        return error;
    struct port_key key = {.udp = udp, .port = config->port, .kind = config->kind};
    if (config->port != 0 && port_is_taken(&key, config->address))
        return WEIR_E_EXISTS;
    if (udp->pool.in_use >= udp->endpoints_max)
        return WEIR_E_EXHAUSTED;
    uint16_t port = config->port != 0 ? config->port : port_choose(udp, config->kind);
    if (port == 0)
        return WEIR_E_EXHAUSTED;
    uint32_t index = pool_take(&udp->pool);
    CHECK(udp->handler, index != POOL_NONE);
    struct pool_handle use = pool_handle_of(&udp->pool, index);
    struct udp_endpoint *e = pool_at(&udp->pool, index);
    *handle = (weir_handle){.index = use.index | UDP_HANDLE_BIT, .generation = use.generation};
    *e = (struct udp_endpoint){
        .source = {.handle = *handle, .user = config->user},
        .receive_bytes_max = or_default(config->receive_bytes_max),
        .send_bytes_max = or_default(config->send_bytes_max),
        .index = index,
        .local = config->address,
        .port = port,
        .kind = config->kind,
        .checksum_off = config->checksum_off,
    };
    ring_init(&e->receive, udp->blocks, BLOCKS_4K, 0);
    ring_init(&e->send, udp->blocks, BLOCKS_16K, 0);
    port_add(udp, e);
    return WEIR_OK;
}

struct udp_endpoint *udp_get(const struct udp_room *udp, weir_handle handle)
{
    if (!udp_owns(handle))
        return NULL;
    struct udp_endpoint *e =
        pool_get(&udp->pool, (struct pool_handle){.index = handle.index & ~UDP_HANDLE_BIT,
                                                  .generation = handle.generation});
    return e != NULL && !e->closed ? e : NULL;
}

int udp_connect(struct udp_room *udp, struct udp_endpoint *e, const struct weir_addr *remote,
                uint16_t port)
{
    struct weir_addr to = {{0}};
    if (remote != NULL)
        to = *remote;
    bool connect = !is_any(to);
    if (connect && ((port == 0 && e->kind == WEIR_DATAGRAM_UDP) ||
                    (addr_is_ip4(to) && ip4_is_unspecified(ip4_from_addr(to)))))
        return WEIR_E_INVALID;
    if (connect && !is_any(e->local) && addr_is_ip4(e->local) != addr_is_ip4(to))
        return WEIR_E_INVALID;
    CHECK(udp->handler, !e->closed);
    e->connected = connect;
    e->remote = to;
    e->remote_port = connect && e->kind == WEIR_DATAGRAM_UDP ? port : 0;
    e->error = WEIR_OK;
    return WEIR_OK;
}

void udp_close(struct udp_room *udp, struct udp_endpoint *e)
{
    CHECK(udp->handler, !e->closed);
    port_remove(udp, e);
    ring_reset(&e->receive, e->receive_tail);
    udp_raise(udp, e, WEIR_EVENT_CLOSED, WEIR_OK);
    e->closed = true;
}

void udp_free_if_done(struct udp_room *udp, struct udp_endpoint *e)
{
    if (!e->closed || !e->closed_read || e->spent || e->send_tail != e->send.head)
        return;
    CHECK(udp->handler, e->sending == UDP_IDLE && ring_bytes_held(&e->send) == 0);
    pool_give(&udp->pool, e->index);
}

void udp_closed_read(struct udp_room *udp, weir_handle handle)
{
    struct udp_endpoint *e =
        pool_get(&udp->pool, (struct pool_handle){.index = handle.index & ~UDP_HANDLE_BIT,
                                                  .generation = handle.generation});
    CHECK(udp->handler, e != NULL && e->closed && !e->closed_read);
    e->closed_read = true;
    udp_free_if_done(udp, e);
}
