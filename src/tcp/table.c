/* SPDX-License-Identifier: MIT
 * Finding: the table of tuples, and the lists of the ports that somebody asked for. */
#include "base/siphash.h"
#include "tcp/tcp.h"

enum { KIND_SHIFT = 30 };

#define INDEX_MASK ((UINT32_C(1) << KIND_SHIFT) - 1)

/* ---- tuples ---- */

size_t tcp_tuple_bytes(const struct tcp_tuple *tuple, uint8_t bytes[TCP_TUPLE_BYTES_MAX])
{
    bool ip4 = addr_is_ip4(tuple->local) && addr_is_ip4(tuple->remote);
    size_t skip = ip4 ? 12 : 0, n = 16 - skip;
    memcpy(bytes, tuple->local.bytes + skip, n);
    memcpy(bytes + n, tuple->remote.bytes + skip, n);
    store16(bytes + 2 * n, tuple->local_port);
    store16(bytes + 2 * n + 2, tuple->remote_port);
    return 2 * n + 4;
}

uint32_t tcp_tuple_hash(const struct tcp_room *tcp, const struct tcp_tuple *tuple)
{
    uint8_t bytes[TCP_TUPLE_BYTES_MAX];
    size_t n = tcp_tuple_bytes(tuple, bytes);
    return (uint32_t)siphash13(&tcp->table_key, bytes, n);
}

struct tcp_tuple tcp_conn_tuple(const struct tcp_conn *c)
{
    return (struct tcp_tuple){.local = c->local,
                              .remote = c->remote,
                              .local_port = c->local_port,
                              .remote_port = c->remote_port};
}

/* ---- the table ---- */

static uint32_t value_of(const struct tcp_room *tcp, struct tcp_found what)
{
    CHECK(tcp->handler, what.kind != TCP_KIND_NONE && what.index < INDEX_MASK);
    return (uint32_t)what.kind << KIND_SHIFT | what.index;
}

static struct tcp_found found_of(uint32_t value)
{
    return (struct tcp_found){.kind = (enum tcp_kind)(value >> KIND_SHIFT),
                              .index = value & INDEX_MASK};
}

struct tuple_key {
    const struct tcp_room *tcp;
    const struct tcp_tuple *tuple;
};

static bool conn_has(const struct tcp_conn *c, const struct tcp_tuple *t)
{
    return c->remote_port == t->remote_port && c->local_port == t->local_port &&
           addr_eq(c->remote, t->remote) && addr_eq(c->local, t->local);
}

static bool same_tuple(const void *ctx, uint32_t value)
{
    const struct tuple_key *key = ctx;
    const struct tcp_tuple *t = key->tuple;
    struct tcp_found what = found_of(value);
    if (what.kind == TCP_KIND_CONN)
        return conn_has(tcp_at(key->tcp, what.index), t);
    if (what.kind == TCP_KIND_SYN) {
        const struct tcp_syn *syn = pool_at(&key->tcp->syns, what.index);
        return syn->remote_port == t->remote_port && syn->local_port == t->local_port &&
               addr_eq(syn->remote, t->remote) && addr_eq(syn->local, t->local);
    }
    CHECK(key->tcp->handler, what.kind == TCP_KIND_WAIT);
    const struct tcp_wait *w = pool_at(&key->tcp->waits, what.index);
    return w->remote_port == t->remote_port && w->local_port == t->local_port &&
           addr_eq(w->remote, t->remote) && addr_eq(w->local, t->local);
}

struct tcp_found tcp_find(struct tcp_room *tcp, const struct tcp_tuple *tuple)
{
    if (tcp->last != NULL && conn_has(tcp->last, tuple)) {
        CHECK(tcp->handler, tcp->last->in_table);
        return (struct tcp_found){.kind = TCP_KIND_CONN, .index = tcp_index(tcp->last)};
    }
    struct tuple_key key = {.tcp = tcp, .tuple = tuple};
    uint32_t value = map_find(&tcp->tuples, tcp_tuple_hash(tcp, tuple), same_tuple, &key);
    if (value == MAP_NONE)
        return (struct tcp_found){.kind = TCP_KIND_NONE, .index = TCP_NONE};
    struct tcp_found found = found_of(value);
    if (found.kind == TCP_KIND_CONN)
        tcp->last = tcp_at(tcp, found.index);
    return found;
}

void tcp_table_add(struct tcp_room *tcp, uint32_t hash, struct tcp_found what)
{
    bool inserted = map_insert(&tcp->tuples, hash, value_of(tcp, what));
    CHECK(tcp->handler, inserted); /* it holds as many as the three pools together */
    if (what.kind == TCP_KIND_CONN) {
        struct tcp_conn *c = tcp_at(tcp, what.index);
        CHECK(tcp->handler, !c->in_table);
        c->in_table = true;
    }
}

void tcp_table_remove(struct tcp_room *tcp, uint32_t hash, struct tcp_found what)
{
    bool removed = map_remove(&tcp->tuples, hash, value_of(tcp, what));
    CHECK(tcp->handler, removed);
    if (what.kind == TCP_KIND_CONN) {
        struct tcp_conn *c = tcp_at(tcp, what.index);
        CHECK(tcp->handler, c->in_table);
        c->in_table = false;
        if (tcp->last == c)
            tcp->last = NULL;
    }
}

/* ---- ports ---- */

struct port_key {
    const struct tcp_room *tcp;
    uint16_t port;
};

static uint32_t port_hash(const struct port_key *key)
{
    uint8_t bytes[2];
    store16(bytes, key->port);
    return (uint32_t)siphash13(&key->tcp->table_key, bytes, sizeof bytes);
}

static bool same_port(const void *ctx, uint32_t value)
{
    const struct port_key *key = ctx;
    return tcp_at(key->tcp, value)->local_port == key->port;
}

/* The first endpoint of a port, or TCP_NONE. */
static uint32_t port_first(const struct port_key *key)
{
    _Static_assert(TCP_NONE == MAP_NONE, "one of them is answered for the other");
    return map_find(&key->tcp->ports, port_hash(key), same_port, key);
}

bool tcp_port_listed(const struct tcp_room *tcp, uint16_t port)
{
    return port_first(&(struct port_key){.tcp = tcp, .port = port}) != TCP_NONE;
}

void tcp_port_add(struct tcp_room *tcp, struct tcp_conn *c)
{
    struct port_key key = {.tcp = tcp, .port = c->local_port};
    CHECK(tcp->handler, !c->on_port && c->local_port != 0 && c->listener == TCP_NONE);
    uint32_t first = port_first(&key);
    c->on_port = true;
    if (first != TCP_NONE) {
        struct tcp_conn *head = tcp_at(tcp, first);
        c->port_next = head->port_next;
        head->port_next = tcp_index(c);
        return;
    }
    c->port_next = TCP_NONE;
    bool inserted = map_insert(&tcp->ports, port_hash(&key), tcp_index(c));
    CHECK(tcp->handler, inserted); /* it holds as many as the pool */
}

void tcp_port_remove(struct tcp_room *tcp, struct tcp_conn *c)
{
    struct port_key key = {.tcp = tcp, .port = c->local_port};
    CHECK(tcp->handler, c->on_port);
    c->on_port = false;
    uint32_t first = port_first(&key), next = c->port_next;
    c->port_next = TCP_NONE;
    if (first == tcp_index(c)) {
        map_remove(&tcp->ports, port_hash(&key), first);
        if (next != TCP_NONE)
            map_insert(&tcp->ports, port_hash(&key), next);
        return;
    }
    for (uint32_t i = first; i != TCP_NONE;) {
        struct tcp_conn *before = tcp_at(tcp, i);
        i = before->port_next;
        if (i == tcp_index(c)) {
            before->port_next = next;
            return;
        }
    }
    CHECK(tcp->handler, false); /* it is on its list */
}

static bool is_any(struct weir_addr addr)
{
    return ip6_is_unspecified(ip6_from_addr(addr));
}

/* ---- listeners ---- */

struct tcp_conn *tcp_find_listener(const struct tcp_room *tcp, struct weir_addr local,
                                   uint16_t port, unsigned ifindex)
{
    struct port_key key = {.tcp = tcp, .port = port};
    struct tcp_conn *best = NULL;
    unsigned best_suits = 0;
    for (uint32_t i = port_first(&key); i != TCP_NONE;) {
        struct tcp_conn *c = tcp_at(tcp, i);
        i = c->port_next;
        if (c->state != WEIR_TCP_LISTEN || (c->fixed_ifindex && c->ifindex != ifindex))
            continue;
        bool any = is_any(c->local);
        if (!any && !addr_eq(c->local, local))
            continue;
        /* The address counts most (RFC 9293 3.10.1, MUST-43), then the interface. */
        unsigned suits = (any ? 1U : 3U) + c->fixed_ifindex;
        if (suits > best_suits) {
            best = c;
            best_suits = suits;
        }
    }
    return best;
}

bool tcp_port_free(const struct tcp_room *tcp, const struct tcp_conn *c, bool listen)
{
    struct port_key key = {.tcp = tcp, .port = c->local_port};
    for (uint32_t i = port_first(&key); i != TCP_NONE;) {
        const struct tcp_conn *other = tcp_at(tcp, i);
        i = other->port_next;
        if (other == c || !addr_eq(other->local, c->local))
            continue;
        if (other->fixed_ifindex && c->fixed_ifindex && other->ifindex != c->ifindex)
            continue; /* the same address of link scope, or any, on different links */
        if (!other->reuse || !c->reuse || (listen && other->state == WEIR_TCP_LISTEN))
            return false;
    }
    return true;
}
