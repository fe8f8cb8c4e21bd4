/* SPDX-License-Identifier: MIT */
#include "net/route.h"

#include "base/layout.h"

enum {
    IP4_BITS = 32,
    IP6_BITS = 128,
    MAPPED_BITS = IP6_BITS - IP4_BITS /* before an IPv4 address in a struct weir_addr */
};

static unsigned family_of(struct weir_addr a)
{
    return addr_is_ip4(a) ? 0 : 1;
}

static unsigned bits_of(unsigned family)
{
    return family == 0 ? IP4_BITS : IP6_BITS;
}

/* The address with the bits behind its prefix cleared. */
static struct weir_addr masked(struct weir_addr a, unsigned prefix_len)
{
    unsigned keep = addr_is_ip4(a) ? MAPPED_BITS + prefix_len : prefix_len;
    unsigned whole = keep / 8;
    if (keep % 8 != 0) {
        a.bytes[whole] &= (uint8_t)(0xff00U >> (keep % 8));
        whole++;
    }
    memset(a.bytes + whole, 0, sizeof a.bytes - whole);
    return a;
}

static bool is_link_scope(struct weir_addr a)
{
    return addr_is_ip4(a) ? ip4_is_link_local(ip4_from_addr(a))
                          : ip6_is_link_local(ip6_from_addr(a));
}

/* ---- the map: (family, length, prefix) to the first route ---- */

struct prefix_key {
    const struct routes *t;
    struct weir_addr prefix; /* masked; a mapped one keeps its mapping, so families never meet */
    unsigned family, prefix_len;
};

static struct prefix_key key_of(const struct routes *t, struct weir_addr addr, unsigned prefix_len)
{
    return (struct prefix_key){.t = t,
                               .prefix = masked(addr, prefix_len),
                               .family = family_of(addr),
                               .prefix_len = prefix_len};
}

static uint32_t hash_of(const struct prefix_key *key)
{
    uint8_t bytes[18];
    memcpy(bytes, key->prefix.bytes, 16);
    bytes[16] = (uint8_t)key->family;
    bytes[17] = (uint8_t)key->prefix_len;
    return (uint32_t)siphash13(&key->t->key, bytes, sizeof bytes);
}

static struct route *at(const struct routes *t, uint32_t index)
{
    return pool_at(&t->pool, index);
}

static bool same_prefix(const void *ctx, uint32_t value)
{
    const struct prefix_key *key = ctx;
    const struct route *route = at(key->t, value);
    return route->prefix_len == key->prefix_len && addr_eq(route->prefix, key->prefix) &&
           family_of(route->prefix) == key->family;
}

static uint32_t first_of(const struct prefix_key *key)
{
    return map_find(&key->t->map, hash_of(key), same_prefix, key);
}

static void set_first(struct routes *t, const struct prefix_key *key, uint32_t old, uint32_t new)
{
    if (old == new)
        return;
    uint32_t hash = hash_of(key);
    uint16_t *count = &t->prefixes[key->family][key->prefix_len];
    uint64_t *lengths = &t->lengths[key->family][key->prefix_len / 64];
    uint64_t bit = UINT64_C(1) << (key->prefix_len % 64);
    if (old != POOL_NONE) {
        bool removed = map_remove(&t->map, hash, old);
        CHECK(t->handler, removed && *count > 0);
        if (--*count == 0)
            *lengths &= ~bit;
    }
    if (new != POOL_NONE) {
        bool inserted = map_insert(&t->map, hash, new);
        CHECK(t->handler, inserted);
        ++*count;
        *lengths |= bit;
    }
}

/* ---- the chain of a prefix ---- */

static bool is_better(const struct route *a, const struct route *b)
{
    return a->metric != b->metric ? a->metric < b->metric : a->added < b->added;
}

static void chain_insert(struct routes *t, const struct prefix_key *key, uint32_t index)
{
    uint32_t first = first_of(key), before = POOL_NONE, after = first;
    while (after != POOL_NONE && !is_better(at(t, index), at(t, after))) {
        before = after;
        after = at(t, after)->next;
    }
    at(t, index)->next = after;
    if (before == POOL_NONE)
        set_first(t, key, first, index);
    else
        at(t, before)->next = index;
}

static void chain_remove(struct routes *t, const struct prefix_key *key, uint32_t index)
{
    uint32_t first = first_of(key), before = POOL_NONE;
    for (uint32_t i = first; i != index; i = at(t, i)->next) {
        CHECK(t->handler, i != POOL_NONE);
        before = i;
    }
    if (before == POOL_NONE)
        set_first(t, key, first, at(t, index)->next);
    else
        at(t, before)->next = at(t, index)->next;
}

/* What names a route besides its prefix. */
struct route_name {
    struct weir_addr gateway;
    unsigned ifindex;
    bool connected; /* brought by own addresses */
};

static uint32_t find(const struct prefix_key *key, const struct route_name *name)
{
    uint32_t i = first_of(key);
    while (i != POOL_NONE) {
        const struct route *route = at(key->t, i);
        if (route->ifindex == name->ifindex && (route->addresses != 0) == name->connected &&
            addr_eq(route->gateway, name->gateway))
            break;
        i = route->next;
    }
    return i;
}

static int insert(struct routes *t, const struct prefix_key *key, const struct route *route)
{
    uint32_t index = pool_take(&t->pool);
    if (index == POOL_NONE)
        return WEIR_E_EXHAUSTED;
    struct route *new = at(t, index);
    *new = *route;
    new->prefix = key->prefix;
    new->prefix_len = (uint8_t)key->prefix_len;
    new->added = ++t->added;
    chain_insert(t, key, index);
    t->generation++;
    return WEIR_OK;
}

static void erase(struct routes *t, const struct prefix_key *key, uint32_t index)
{
    chain_remove(t, key, index);
    pool_give(&t->pool, index);
    t->generation++;
}

/* ---- the table ---- */

static struct pool_config pool_config_of(const struct weir_assert *handler, uint32_t routes_max)
{
    return (struct pool_config){.handler = handler,
                                .capacity = routes_max,
                                .block_bytes = sizeof(struct route),
                                .block_align = _Alignof(struct route)};
}

size_t routes_size(uint32_t routes_max)
{
    if (routes_max < 1 || routes_max > ROUTES_MAX)
        return 0;
    struct pool_config pool = pool_config_of(NULL, routes_max);
    return pool_size(&pool) + map_size(routes_max);
}

void routes_init(struct routes *t, const struct routes_config *config, void *mem)
{
    CHECK(config->handler, mem != NULL);
    CHECK(config->handler, routes_size(config->routes_max) != 0);
    struct pool_config pool = pool_config_of(config->handler, config->routes_max);
    *t = (struct routes){.handler = config->handler, .key = config->key};
    pool_init(&t->pool, &pool, mem);
    map_init(&t->map, config->routes_max, config->handler, (uint8_t *)mem + pool_size(&pool));
}

static bool gateway_is_possible(struct weir_addr gateway, unsigned family)
{
    if (ip6_is_unspecified(ip6_from_addr(gateway)))
        return true;
    if (family_of(gateway) != family)
        return false;
    return family == 0 ? !ip4_is_martian(ip4_from_addr(gateway))
                       : !ip6_is_martian(ip6_from_addr(gateway));
}

int route_add(struct routes *t, const struct route_new *config)
{
    CHECK(t->handler, config->ifindex < ROUTE_INTERFACES_MAX);
    unsigned family = family_of(config->prefix);
    if (config->prefix_len > bits_of(family) || !gateway_is_possible(config->gateway, family))
        return WEIR_E_INVALID;
    struct prefix_key key = key_of(t, config->prefix, config->prefix_len);
    struct route_name name = {.gateway = config->gateway, .ifindex = config->ifindex};
    if (find(&key, &name) != POOL_NONE)
        return WEIR_E_EXISTS;
    return insert(t, &key,
                  &(struct route){.gateway = config->gateway,
                                  .metric = config->metric,
                                  .mtu = config->mtu,
                                  .ifindex = config->ifindex});
}

int route_remove(struct routes *t, const struct route_new *config)
{
    if (config->prefix_len > bits_of(family_of(config->prefix)))
        return WEIR_E_NOT_FOUND;
    struct prefix_key key = key_of(t, config->prefix, config->prefix_len);
    struct route_name name = {.gateway = config->gateway, .ifindex = config->ifindex};
    uint32_t index = find(&key, &name);
    if (index == POOL_NONE)
        return WEIR_E_NOT_FOUND;
    erase(t, &key, index);
    return WEIR_OK;
}

int route_connect(struct routes *t, struct weir_addr addr, unsigned prefix_len, unsigned ifindex)
{
    CHECK(t->handler, ifindex < ROUTE_INTERFACES_MAX && prefix_len <= bits_of(family_of(addr)));
    if (prefix_len == bits_of(family_of(addr)))
        return WEIR_OK;
    struct prefix_key key = key_of(t, addr, prefix_len);
    struct route_name name = {.ifindex = ifindex, .connected = true};
    uint32_t index = find(&key, &name);
    if (index == POOL_NONE)
        return insert(t, &key, &(struct route){.addresses = 1, .ifindex = (uint8_t)ifindex});
    at(t, index)->addresses++;
    return WEIR_OK;
}

void route_disconnect(struct routes *t, struct weir_addr addr, unsigned prefix_len,
                      unsigned ifindex)
{
    CHECK(t->handler, ifindex < ROUTE_INTERFACES_MAX && prefix_len <= bits_of(family_of(addr)));
    if (prefix_len == bits_of(family_of(addr)))
        return;
    struct prefix_key key = key_of(t, addr, prefix_len);
    struct route_name name = {.ifindex = ifindex, .connected = true};
    uint32_t index = find(&key, &name);
    CHECK(t->handler, index != POOL_NONE);
    if (at(t, index)->addresses > 1)
        at(t, index)->addresses--;
    else
        erase(t, &key, index);
}

/* ---- lookup ---- */

static uint32_t first_on(const struct routes *t, uint32_t index, unsigned ifindex)
{
    while (index != POOL_NONE && ifindex != ROUTE_ANY_INTERFACE && at(t, index)->ifindex != ifindex)
        index = at(t, index)->next;
    return index;
}

/* The longest prefix length in use that is at most `from`, or -1. */
static int length_below(const uint64_t lengths[3], int from)
{
    for (int word = from / 64; from >= 0; word--, from = word * 64 + 63) {
        uint64_t bits = lengths[word] & UINT64_MAX >> (63 - from % 64);
        if (bits != 0)
            return word * 64 + 63 - __builtin_clzll(bits);
    }
    return -1;
}

const struct route *route_lookup(const struct routes *t, struct weir_addr destination,
                                 unsigned ifindex)
{
    CHECK(t->handler, ifindex < ROUTE_INTERFACES_MAX || ifindex == ROUTE_ANY_INTERFACE);
    unsigned family = family_of(destination);
    if (ifindex == ROUTE_ANY_INTERFACE && family == 1 && is_link_scope(destination))
        return NULL;
    int len = length_below(t->lengths[family], (int)bits_of(family));
    for (; len >= 0; len = length_below(t->lengths[family], len - 1)) {
        struct prefix_key key = key_of(t, destination, (unsigned)len);
        uint32_t index = first_on(t, first_of(&key), ifindex);
        if (index != POOL_NONE)
            return at(t, index);
    }
    return NULL;
}

const struct route *route_next(const struct routes *t, uint32_t *cursor)
{
    while (*cursor < t->pool.fresh) {
        uint32_t index = (*cursor)++;
        if (pool_in_use(&t->pool, index))
            return at(t, index);
    }
    return NULL;
}

bool route_reverse_check(const struct routes *t, struct weir_addr source, unsigned ifindex,
                         enum route_reverse_path mode)
{
    CHECK(t->handler, ifindex < ROUTE_INTERFACES_MAX);
    if (mode == ROUTE_REVERSE_OFF || is_link_scope(source))
        return true;
    const struct route *best = route_lookup(t, source, ROUTE_ANY_INTERFACE);
    if (best == NULL || mode == ROUTE_REVERSE_LOOSE)
        return best != NULL;
    for (const struct route *r = best; r->metric == best->metric; r = at(t, r->next)) {
        if (r->ifindex == ifindex)
            return true;
        if (r->next == POOL_NONE)
            break;
    }
    return false;
}

/* ---- invariants ---- */

static bool chain_holds(const struct routes *t, const struct route *first, uint32_t *seen)
{
    for (const struct route *r = first;; r = at(t, r->next)) {
        if (++*seen > t->pool.in_use || !addr_eq(r->prefix, first->prefix) ||
            !addr_eq(masked(r->prefix, r->prefix_len), r->prefix))
            return false;
        if (r->next == POOL_NONE)
            return true;
        if (!pool_in_use(&t->pool, r->next) || is_better(at(t, r->next), r))
            return false;
    }
}

bool routes_invariants(const struct routes *t)
{
    if (!pool_invariants(&t->pool) || !map_invariants(&t->map))
        return false;
    uint16_t prefixes[2][ROUTE_LENGTHS] = {{0}};
    uint32_t cursor = 0, index, seen = 0;
    while ((index = map_next(&t->map, &cursor)) != MAP_NONE) {
        const struct route *first = at(t, index);
        if (!chain_holds(t, first, &seen))
            return false;
        prefixes[family_of(first->prefix)][first->prefix_len]++;
    }
    if (seen != t->pool.in_use || memcmp(prefixes, t->prefixes, sizeof prefixes) != 0)
        return false;
    for (unsigned family = 0; family < 2; family++)
        for (unsigned len = 0; len < ROUTE_LENGTHS; len++)
            if ((t->lengths[family][len / 64] >> (len % 64) & 1) != (prefixes[family][len] != 0))
                return false;
    return true;
}
