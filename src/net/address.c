/* SPDX-License-Identifier: MIT */
#include "net/address.h"

#include "base/layout.h"

enum {
    LOCALS_PER_ADDRESS = 3, /* itself and two broadcasts, or itself and its group */
    DERIVED_PER_ADDRESS = LOCALS_PER_ADDRESS - 1,
    IP4_BITS = 32,
    IP6_BITS = 128,
    IP4_SUBNET_BITS_MAX = 30, /* a /31 and a /32 have no broadcast (RFC 3021 2.1) */

    SCOPE_LINK = 2, /* RFC 4291 2.7, RFC 6724 3.1 and 3.2 */
    SCOPE_SITE = 5,
    SCOPE_GLOBAL = 14
};

/* ---- what addresses are by themselves ---- */

static bool is_link_scope(struct weir_addr a)
{
    if (addr_is_ip4(a))
        return ip4_is_link_local(ip4_from_addr(a));
    struct ip6_addr a6 = ip6_from_addr(a);
    return ip6_is_link_local(a6) || ip6_is_solicited_node(a6);
}

/* Can no host on a wire have it? */
static bool is_impossible(struct weir_addr a)
{
    if (addr_is_ip4(a))
        return ip4_is_martian(ip4_from_addr(a));
    struct ip6_addr a6 = ip6_from_addr(a);
    return ip6_is_multicast(a6) || ip6_is_unspecified(a6) || ip6_is_loopback(a6);
}

/* Groups and broadcasts that every host hears (RFC 1112 4, RFC 1122 3.3.6, RFC 4291 2.8). */
static enum address_kind kind_for_all(struct weir_addr a)
{
    if (!addr_is_ip4(a)) {
        struct ip6_addr a6 = ip6_from_addr(a);
        bool all_nodes = load64(a6.b) == UINT64_C(0xff02) << 48 && load64(a6.b + 8) == 1;
        return all_nodes ? ADDRESS_GROUP : ADDRESS_FOREIGN;
    }
    uint32_t v = load32(ip4_from_addr(a).b);
    if (v == 0xffffffffU)
        return ADDRESS_BROADCAST;
    return v == 0xe0000001U ? ADDRESS_GROUP : ADDRESS_FOREIGN;
}

static bool is_host_of_subnet(struct ip4_addr a, unsigned prefix_len)
{
    if (prefix_len == 0 || prefix_len > IP4_SUBNET_BITS_MAX)
        return true;
    uint32_t host = UINT32_MAX >> prefix_len;
    return (load32(a.b) & host) != 0 && (load32(a.b) & host) != host;
}

/* The broadcasts or the group that an address brings. Returns how many. */
static unsigned derive(const struct address *address, struct weir_addr out[DERIVED_PER_ADDRESS])
{
    if (!addr_is_ip4(address->addr)) {
        out[0] = addr_from_ip6(ip6_solicited_node(ip6_from_addr(address->addr)));
        return 1;
    }
    if (address->prefix_len == 0 || address->prefix_len > IP4_SUBNET_BITS_MAX)
        return 0;
    uint32_t host = UINT32_MAX >> address->prefix_len;
    uint32_t v = load32(ip4_from_addr(address->addr).b);
    struct ip4_addr ones, zeros;
    store32(ones.b, v | host);
    store32(zeros.b, v & ~host);
    out[0] = addr_from_ip4(ones);
    out[1] = addr_from_ip4(zeros);
    return 2;
}

/* ---- the map of locals ---- */

static uint8_t zone_of(struct weir_addr a, unsigned ifindex)
{
    return is_link_scope(a) ? (uint8_t)(ifindex + 1) : 0;
}

struct local_key {
    const struct addresses *t;
    struct weir_addr addr;
    uint8_t zone;
};

static uint32_t hash_of(const struct addresses *t, struct weir_addr addr, uint8_t zone)
{
    uint8_t bytes[17];
    memcpy(bytes, addr.bytes, 16);
    bytes[16] = zone;
    return (uint32_t)siphash13(&t->key, bytes, sizeof bytes);
}

static bool same_local(const void *ctx, uint32_t value)
{
    const struct local_key *key = ctx;
    const struct address_local *local = pool_at(&key->t->locals, value);
    return local->zone == key->zone && addr_eq(local->addr, key->addr);
}

static uint32_t find_local(const struct addresses *t, struct weir_addr addr, unsigned ifindex)
{
    uint8_t tail = addr.bytes[15];
    if ((t->tails[tail / 64] >> (tail % 64) & 1) == 0)
        return MAP_NONE;
    struct local_key key = {.t = t, .addr = addr, .zone = zone_of(addr, ifindex)};
    return map_find(&t->map, hash_of(t, addr, key.zone), same_local, &key);
}

static void tails_add(struct addresses *t, struct weir_addr addr)
{
    t->tails[addr.bytes[15] / 64] |= UINT64_C(1) << (addr.bytes[15] % 64);
}

/* The local of a value, made when there is none: the pools are sized so that there always can
 * be. */
static struct address_local *open_local(struct addresses *t, struct weir_addr addr,
                                        unsigned ifindex)
{
    uint32_t index = find_local(t, addr, ifindex);
    if (index != MAP_NONE)
        return pool_at(&t->locals, index);
    index = pool_take(&t->locals);
    CHECK(t->handler, index != POOL_NONE);
    struct address_local *local = pool_at(&t->locals, index);
    *local = (struct address_local){.addr = addr, .own = POOL_NONE, .zone = zone_of(addr, ifindex)};
    bool inserted = map_insert(&t->map, hash_of(t, addr, local->zone), index);
    CHECK(t->handler, inserted);
    tails_add(t, addr);
    return local;
}

/* Forget a local that is nothing any more. The set of tails is made anew by the caller. */
static void close_local(struct addresses *t, struct weir_addr addr, unsigned ifindex)
{
    uint32_t index = find_local(t, addr, ifindex);
    CHECK(t->handler, index != MAP_NONE);
    const struct address_local *local = pool_at(&t->locals, index);
    if (local->own != POOL_NONE || local->ifaces != 0)
        return;
    bool removed = map_remove(&t->map, hash_of(t, addr, local->zone), index);
    CHECK(t->handler, removed);
    pool_give(&t->locals, index);
}

static void tails_rebuild(struct addresses *t)
{
    uint32_t cursor = 0, index;
    memset(t->tails, 0, sizeof t->tails);
    while ((index = map_next(&t->map, &cursor)) != MAP_NONE)
        tails_add(t, ((const struct address_local *)pool_at(&t->locals, index))->addr);
}

/* Does an address bring what it derives? Not a duplicate: somebody else answers for it. */
static bool brings(const struct address *address, struct weir_addr derived, unsigned ifindex)
{
    struct weir_addr d[DERIVED_PER_ADDRESS];
    if (address->state == ADDRESS_DUPLICATED || address->ifindex != ifindex)
        return false;
    unsigned n = derive(address, d);
    return (n > 0 && addr_eq(d[0], derived)) || (n > 1 && addr_eq(d[1], derived));
}

static void join(struct addresses *t, const struct address *address)
{
    struct weir_addr d[DERIVED_PER_ADDRESS];
    unsigned n = derive(address, d);
    for (unsigned i = 0; i < n; i++)
        open_local(t, d[i], address->ifindex)->ifaces |= UINT64_C(1) << address->ifindex;
}

/* Take back what an address brought, unless another one brings it too. The address has left the
 * pool or is a duplicate already. */
static void leave(struct addresses *t, const struct address *gone)
{
    struct weir_addr d[DERIVED_PER_ADDRESS];
    unsigned n = derive(gone, d);
    for (unsigned i = 0; i < n; i++) {
        uint32_t cursor = 0;
        const struct address *other;
        while ((other = address_next(t, &cursor)) != NULL)
            if (brings(other, d[i], gone->ifindex))
                break;
        if (other != NULL)
            continue;
        open_local(t, d[i], gone->ifindex)->ifaces &= ~(UINT64_C(1) << gone->ifindex);
        close_local(t, d[i], gone->ifindex);
    }
}

static void changed(struct addresses *t)
{
    t->generation++;
    t->recent_valid = false;
}

/* ---- the table ---- */

static struct pool_config pool_config_of(const struct weir_assert *handler, uint32_t addresses_max)
{
    return (struct pool_config){.handler = handler,
                                .capacity = addresses_max,
                                .block_bytes = sizeof(struct address),
                                .block_align = _Alignof(struct address)};
}

static struct pool_config locals_config_of(const struct weir_assert *handler,
                                           uint32_t addresses_max)
{
    return (struct pool_config){.handler = handler,
                                .capacity = LOCALS_PER_ADDRESS * addresses_max,
                                .block_bytes = sizeof(struct address_local),
                                .block_align = _Alignof(struct address_local)};
}

size_t addresses_size(uint32_t addresses_max)
{
    if (addresses_max < 1 || addresses_max > ADDRESSES_MAX)
        return 0;
    struct pool_config pool = pool_config_of(NULL, addresses_max);
    struct pool_config locals = locals_config_of(NULL, addresses_max);
    return pool_size(&pool) + pool_size(&locals) + map_size(LOCALS_PER_ADDRESS * addresses_max);
}

void addresses_init(struct addresses *t, const struct addresses_config *config, void *mem)
{
    CHECK(config->handler, mem != NULL && config->wheel != NULL);
    CHECK(config->handler, addresses_size(config->addresses_max) != 0);
    struct pool_config pool = pool_config_of(config->handler, config->addresses_max);
    struct pool_config locals = locals_config_of(config->handler, config->addresses_max);
    uint8_t *p = mem;
    *t = (struct addresses){.handler = config->handler, .wheel = config->wheel, .key = config->key};
    pool_init(&t->pool, &pool, p);
    p += pool_size(&pool);
    pool_init(&t->locals, &locals, p);
    p += pool_size(&locals);
    map_init(&t->map, locals.capacity, config->handler, p);
}

int address_add(struct addresses *t, const struct address_new *config, struct address **out)
{
    bool ip4 = addr_is_ip4(config->addr);
    CHECK(t->handler, config->ifindex < ADDRESS_INTERFACES_MAX);
    if (is_impossible(config->addr) || config->prefix_len > (ip4 ? IP4_BITS : IP6_BITS))
        return WEIR_E_INVALID;
    if (ip4 && !is_host_of_subnet(ip4_from_addr(config->addr), config->prefix_len))
        return WEIR_E_INVALID;
    uint32_t known = find_local(t, config->addr, config->ifindex);
    if (known != MAP_NONE &&
        ((const struct address_local *)pool_at(&t->locals, known))->own != POOL_NONE)
        return WEIR_E_EXISTS;
    uint32_t index = pool_take(&t->pool);
    if (index == POOL_NONE)
        return WEIR_E_EXHAUSTED;
    struct address *address = pool_at(&t->pool, index);
    *address = (struct address){
        .dad.timer.kind = NET_TIMER_ADDRESS,
        .addr = config->addr,
        .added = ++t->added,
        .ifindex = config->ifindex,
        .prefix_len = config->prefix_len,
        .state = config->tentative && !ip4 ? ADDRESS_TENTATIVE : ADDRESS_PREFERRED,
    };
    open_local(t, address->addr, address->ifindex)->own = index;
    join(t, address);
    changed(t);
    if (out != NULL)
        *out = address;
    return WEIR_OK;
}

void address_remove(struct addresses *t, struct address *address)
{
    uint32_t index = pool_index(&t->pool, address);
    struct address_local *local = open_local(t, address->addr, address->ifindex);
    CHECK(t->handler, local->own == index);
    wheel_cancel(t->wheel, &address->dad.timer.node);
    local->own = POOL_NONE;
    pool_give(&t->pool, index); /* its bytes stay as they are while it is taken apart */
    if (address->state != ADDRESS_DUPLICATED)
        leave(t, address);
    if (find_local(t, address->addr, address->ifindex) != MAP_NONE)
        close_local(t, address->addr, address->ifindex);
    tails_rebuild(t);
    changed(t);
}

void address_set_state(struct addresses *t, struct address *address, enum address_state state)
{
    CHECK(t->handler, pool_in_use(&t->pool, pool_index(&t->pool, address)));
    CHECK(t->handler, state >= ADDRESS_TENTATIVE && state <= ADDRESS_DUPLICATED);
    CHECK(t->handler, state != ADDRESS_TENTATIVE || !addr_is_ip4(address->addr));
    wheel_cancel(t->wheel, &address->dad.timer.node);
    address->dad.due = false;
    if (address->state == state)
        return;
    bool was_duplicate = address->state == ADDRESS_DUPLICATED;
    address->state = (uint8_t)state;
    if (state == ADDRESS_DUPLICATED) {
        leave(t, address);
        tails_rebuild(t);
    } else if (was_duplicate) {
        join(t, address);
    }
    changed(t);
}

struct address *address_find(const struct addresses *t, struct weir_addr addr, unsigned ifindex)
{
    CHECK(t->handler, ifindex < ADDRESS_INTERFACES_MAX);
    uint32_t index = find_local(t, addr, ifindex);
    if (index == MAP_NONE)
        return NULL;
    const struct address_local *local = pool_at(&t->locals, index);
    if (local->own == POOL_NONE)
        return NULL;
    struct address *address = pool_at(&t->pool, local->own);
    return address->ifindex == ifindex ? address : NULL;
}

struct address *address_next(const struct addresses *t, uint32_t *cursor)
{
    while (*cursor < t->pool.fresh) {
        uint32_t index = (*cursor)++;
        if (pool_in_use(&t->pool, index))
            return pool_at(&t->pool, index);
    }
    return NULL;
}

/* ---- input ---- */

static struct address_verdict verdict_of(const struct addresses *t, struct weir_addr addr,
                                         unsigned ifindex)
{
    struct address_verdict foreign = {.kind = kind_for_all(addr)};
    uint32_t index = find_local(t, addr, ifindex);
    if (index == MAP_NONE)
        return foreign;
    const struct address_local *local = pool_at(&t->locals, index);
    if (local->own != POOL_NONE) {
        struct address *own = pool_at(&t->pool, local->own);
        if (own->state == ADDRESS_TENTATIVE)
            return (struct address_verdict){.kind = ADDRESS_OWN_TENTATIVE, .own = own};
        if (own->state != ADDRESS_DUPLICATED)
            return (struct address_verdict){.kind = ADDRESS_OWN, .own = own};
    }
    if ((local->ifaces >> ifindex & 1) == 0)
        return foreign;
    return (struct address_verdict){.kind = addr_is_ip4(addr) ? ADDRESS_BROADCAST : ADDRESS_GROUP};
}

struct address_verdict address_lookup(struct addresses *t, struct weir_addr addr, unsigned ifindex)
{
    CHECK(t->handler, ifindex < ADDRESS_INTERFACES_MAX);
    if (t->recent_valid && t->recent_ifindex == ifindex && addr_eq(t->recent_addr, addr))
        return t->recent;
    t->recent = verdict_of(t, addr, ifindex);
    t->recent_addr = addr;
    t->recent_ifindex = ifindex;
    t->recent_valid = true;
    return t->recent;
}

bool address_source_is_martian(const struct addresses *t, struct weir_addr addr, unsigned ifindex)
{
    CHECK(t->handler, ifindex < ADDRESS_INTERFACES_MAX);
    if (is_impossible(addr))
        return addr_is_ip4(addr) || !ip6_is_unspecified(ip6_from_addr(addr));
    uint32_t index = find_local(t, addr, ifindex);
    if (index == MAP_NONE)
        return false;
    const struct address_local *local = pool_at(&t->locals, index);
    /* A broadcast of any interface: an answer to it would be one packet to many hosts. */
    if (local->ifaces != 0)
        return true;
    CHECK(t->handler, local->own != POOL_NONE);
    const struct address *own = pool_at(&t->pool, local->own);
    return own->state == ADDRESS_PREFERRED || own->state == ADDRESS_DEPRECATED;
}

/* ---- source selection, RFC 6724 ---- */

static unsigned scope_of(struct weir_addr a)
{
    if (addr_is_ip4(a)) {
        struct ip4_addr a4 = ip4_from_addr(a);
        bool local_group = ip4_is_broadcast(a4) || load32(a4.b) >> 8 == 0xe00000U; /* 224.0.0/24 */
        return ip4_is_link_local(a4) || local_group ? SCOPE_LINK : SCOPE_GLOBAL;
    }
    struct ip6_addr a6 = ip6_from_addr(a);
    if (ip6_is_multicast(a6))
        return a6.b[1] & 0xfU;
    if (ip6_is_link_local(a6))
        return SCOPE_LINK;
    return a6.b[0] == 0xfe && (a6.b[1] & 0xc0) == 0xc0 ? SCOPE_SITE : SCOPE_GLOBAL;
}

/* The default policy table (RFC 6724 2.1), longest prefixes first. */
static unsigned label_of(struct weir_addr a)
{
    static const struct {
        struct ip6_addr prefix;
        uint8_t prefix_len, label;
    } policy[] = {
        {{{[15] = 1}}, 128, 0},                /* ::1 */
        {{{[10] = 0xff, [11] = 0xff}}, 96, 4}, /* ::ffff:0:0/96 */
        {{{0}}, 96, 3},                        /* ::/96 */
        {{{0x20, 0x01}}, 32, 5},               /* 2001::/32, Teredo */
        {{{0x20, 0x02}}, 16, 2},               /* 2002::/16, 6to4 */
        {{{0x3f, 0xfe}}, 16, 12},              /* 3ffe::/16, the 6bone */
        {{{0xfe, 0xc0}}, 10, 11},              /* fec0::/10, site-local */
        {{{0xfc}}, 7, 13},                     /* fc00::/7, unique local */
    };
    for (unsigned i = 0; i < sizeof policy / sizeof policy[0]; i++)
        if (ip6_prefix_match(ip6_from_addr(a), policy[i].prefix, policy[i].prefix_len))
            return policy[i].label;
    return 1; /* ::/0 */
}

static unsigned common_prefix_len(struct weir_addr a, struct weir_addr b, unsigned len_max)
{
    unsigned n = 0;
    while (n < len_max && ((a.bytes[n / 8] ^ b.bytes[n / 8]) >> (7 - n % 8) & 1) == 0)
        n++;
    return n;
}

static bool is_confined_to_link(struct weir_addr a)
{
    if (addr_is_ip4(a))
        return scope_of(a) == SCOPE_LINK || ip4_is_multicast(ip4_from_addr(a));
    return scope_of(a) == SCOPE_LINK || ip6_is_multicast(ip6_from_addr(a));
}

static bool is_candidate(const struct address *address, const struct address_path *path)
{
    if (addr_is_ip4(address->addr) != addr_is_ip4(path->destination))
        return false;
    if (address->state != ADDRESS_PREFERRED && address->state != ADDRESS_DEPRECATED)
        return false;
    return address->ifindex == path->ifindex ||
           (!is_link_scope(address->addr) && !is_confined_to_link(path->destination));
}

/* How well a candidate does by the rules, the first in the highest bits. */
static uint32_t score_of(const struct address *address, const struct address_path *path)
{
    unsigned scope = scope_of(address->addr), wanted = scope_of(path->destination);
    /* Rule 2 as a number: enough scope before too little, then as near to the wanted as can be. */
    unsigned scope_score = scope >= wanted ? 31 - (scope - wanted) : scope;
    bool same = addr_eq(address->addr, path->destination);
    bool same_label = label_of(address->addr) == label_of(path->destination);
    unsigned prefix;
    if (!addr_is_ip4(address->addr))
        prefix = common_prefix_len(address->addr, path->destination, address->prefix_len);
    else if (ip4_prefix_match(ip4_from_addr(address->addr), ip4_from_addr(path->next_hop),
                              address->prefix_len))
        prefix = address->prefix_len;
    else
        prefix = 0;
    bool preferred = address->state == ADDRESS_PREFERRED;
    bool outgoing = address->ifindex == path->ifindex;
    return (uint32_t)same << 24 | scope_score << 16 | (uint32_t)preferred << 15 |
           (uint32_t)outgoing << 14 | (uint32_t)same_label << 13 | prefix;
}

const struct address *address_select(const struct addresses *t, const struct address_path *path)
{
    const struct address *best = NULL, *address;
    uint32_t cursor = 0, best_score = 0;
    CHECK(t->handler, path->ifindex < ADDRESS_INTERFACES_MAX);
    while ((address = address_next(t, &cursor)) != NULL) {
        if (!is_candidate(address, path))
            continue;
        uint32_t score = score_of(address, path);
        if (best == NULL || score > best_score ||
            (score == best_score && address->added < best->added)) {
            best = address;
            best_score = score;
        }
    }
    return best;
}

/* ---- invariants ---- */

/* Is every local backed by an address, and said of the right interfaces? */
static bool local_holds(const struct addresses *t, uint32_t index)
{
    const struct address_local *local = pool_at(&t->locals, index);
    const struct address *address;
    uint64_t ifaces = 0;
    uint32_t cursor = 0, own = POOL_NONE;
    while ((address = address_next(t, &cursor)) != NULL) {
        if (zone_of(local->addr, address->ifindex) != local->zone)
            continue;
        if (brings(address, local->addr, address->ifindex))
            ifaces |= UINT64_C(1) << address->ifindex;
        if (addr_eq(address->addr, local->addr))
            own = pool_index(&t->pool, address);
    }
    return local->ifaces == ifaces && local->own == own && (ifaces != 0 || own != POOL_NONE);
}

bool addresses_invariants(const struct addresses *t)
{
    if (!pool_invariants(&t->pool) || !pool_invariants(&t->locals) || !map_invariants(&t->map))
        return false;
    if (t->map.count != t->locals.in_use || t->locals.in_use < t->pool.in_use)
        return false;
    struct addresses tails = {.map = t->map, .locals = t->locals};
    tails_rebuild(&tails);
    if (memcmp(tails.tails, t->tails, sizeof t->tails) != 0)
        return false;
    for (uint32_t i = 0; i < t->locals.fresh; i++)
        if (pool_in_use(&t->locals, i) && !local_holds(t, i))
            return false;
    const struct address *address;
    uint32_t cursor = 0;
    while ((address = address_next(t, &cursor)) != NULL) {
        if (address_find(t, address->addr, address->ifindex) != address)
            return false;
        if (wheel_is_armed(&address->dad.timer.node) && address->state != ADDRESS_TENTATIVE)
            return false;
    }
    return true;
}
