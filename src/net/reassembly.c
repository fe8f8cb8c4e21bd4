/* SPDX-License-Identifier: MIT */
#include "net/reassembly.h"

#include "base/layout.h"
#include "net/pace.h"

#define NONE UINT16_MAX /* no datagram of a list */

#define DATAGRAM_MAX UINT32_C(65535)

enum {
    FRAGMENT_UNIT = 8,
    TCP_HEADER_MIN = 20,
    TCP_DATA_OFFSET_AT = 12,
    SOURCE_SHARE = 4, /* a prefix of sources may have the table over this while others want room */
    MEMORY_SHARE = 4  /* all datagrams together may have the packet memory over this */
};

_Static_assert(REASSEMBLIES_MAX < NONE, "indices have 16 bits");
_Static_assert(DATAGRAM_MAX < BLOCKS_SUPERBLOCK_BYTES, "a datagram fits a block");

/* A fragment as both families see it. */
struct piece {
    const struct reassembly_fragment *f;
    struct reassembly_key key;
    uint32_t offset, end;
    uint32_t header_len;
    uint8_t protocol, ecn;
    bool more;
};

/* ---- a fragment by itself ---- */

static bool is_link_scope(struct weir_addr a)
{
    return addr_is_ip4(a) ? ip4_is_link_local(ip4_from_addr(a))
                          : ip6_is_link_local(ip6_from_addr(a));
}

static struct piece piece_of(const struct reassembly_fragment *f)
{
    struct piece p = {.f = f};
    if (f->ip4 != NULL) {
        p.key = (struct reassembly_key){.source = addr_from_ip4(f->ip4->source),
                                        .destination = addr_from_ip4(f->ip4->destination),
                                        .id = f->ip4->id,
                                        .protocol = f->ip4->protocol};
        p.offset = f->ip4->fragment_offset;
        p.end = p.offset + f->ip4->payload_len;
        p.header_len = (uint32_t)ip4_header_len(f->ip4);
        p.protocol = f->ip4->protocol;
        p.ecn = f->ip4->ecn;
        p.more = f->ip4->more_fragments;
    } else {
        p.key = (struct reassembly_key){.source = addr_from_ip6(f->ip6->source),
                                        .destination = addr_from_ip6(f->ip6->destination),
                                        .id = f->ip6->fragment_id};
        p.offset = f->ip6->fragment_offset;
        p.end = p.offset + f->ip6->upper_len;
        p.header_len = f->ip6->upper_at;
        p.protocol = f->ip6->protocol;
        p.ecn = f->ip6->ecn;
        p.more = f->ip6->more_fragments;
    }
    if (is_link_scope(p.key.source) || is_link_scope(p.key.destination))
        p.key.zone = (uint8_t)(f->ifindex + 1);
    return p;
}

static enum weir_drop drop_of(const struct piece *p)
{
    return p->f->ip4 != NULL ? WEIR_DROP_IP4_FRAGMENT : WEIR_DROP_IP6_FRAGMENT;
}

static uint8_t octet_at(const struct reassembly_fragment *f, size_t at)
{
    unsigned i = 0;
    for (; at >= f->part[i].len; i++)
        at -= f->part[i].len;
    return f->part[i].data[at];
}

/* Filters look at the first fragment only, so it holds all of a TCP header, and none other
 * begins in one (RFC 1858, RFC 3128; ATK-FRG-05). Over IPv6 the parser asks for more (RFC 7112). */
static bool splits_tcp_header(const struct piece *p)
{
    if (p->protocol != IP_PROTOCOL_TCP)
        return false;
    if (p->offset != 0)
        return p->offset < TCP_HEADER_MIN;
    return p->end < TCP_HEADER_MIN || p->end < (octet_at(p->f, TCP_DATA_OFFSET_AT) >> 4) * 4U;
}

/* Can it be part of a datagram? The parsers have looked; what they let through is no reason to
 * write past a block. */
static bool is_possible(const struct piece *p)
{
    return p->end > p->offset && p->end <= DATAGRAM_MAX && p->offset % FRAGMENT_UNIT == 0 &&
           (!p->more || p->end % FRAGMENT_UNIT == 0) && !splits_tcp_header(p);
}

static void check_contract(const struct reassemblies *t, const struct piece *p)
{
    const struct reassembly_fragment *f = p->f;
    const struct weir_assert *handler = t->config.handler;
    size_t len = 0;
    CHECK(handler, f->parts >= 1 && f->parts <= REASSEMBLY_PARTS_MAX);
    for (unsigned i = 0; i < f->parts; i++)
        len += f->part[i].len;
    CHECK(handler, len >= p->end - p->offset);
    CHECK(handler, p->offset != 0 || p->more);
    CHECK(handler, p->header_len <= REASSEMBLY_HEADER_MAX && f->ifindex < UINT8_MAX);
}

/* ---- finding datagrams ---- */

static struct reassembly_span *spans_of(const struct reassemblies *t, const struct reassembly *r)
{
    return t->spans + (size_t)(r - t->entries) * t->config.fragments_max;
}

static bool is_live(const struct reassembly *r)
{
    return r->block != BLOCKS_NONE;
}

static uint8_t *block_of(const struct reassemblies *t, const struct reassembly *r)
{
    return blocks_ptr(t->config.blocks, r->block);
}

static uint32_t hash_of(const struct reassemblies *t, const struct reassembly_key *key)
{
    uint8_t bytes[16 + 16 + 4 + 2];
    memcpy(bytes, key->source.bytes, 16);
    memcpy(bytes + 16, key->destination.bytes, 16);
    store32(bytes + 32, key->id);
    bytes[36] = key->protocol;
    bytes[37] = key->zone;
    return (uint32_t)siphash13(&t->config.key, bytes, sizeof bytes);
}

struct lookup {
    const struct reassemblies *t;
    const struct reassembly_key *key;
};

static bool same_key(const void *ctx, uint32_t value)
{
    const struct lookup *lookup = ctx;
    const struct reassembly_key *a = &lookup->t->entries[value].key, *b = lookup->key;
    return a->id == b->id && a->protocol == b->protocol && a->zone == b->zone &&
           addr_eq(a->source, b->source) && addr_eq(a->destination, b->destination);
}

static struct reassembly *find(const struct reassemblies *t, const struct reassembly_key *key)
{
    struct lookup lookup = {.t = t, .key = key};
    uint32_t index = map_find(&t->map, hash_of(t, key), same_key, &lookup);
    return index == MAP_NONE ? NULL : &t->entries[index];
}

static uint16_t source_of(const struct reassemblies *t, struct weir_addr source)
{
    size_t prefix_bytes = addr_is_ip4(source) ? 15 : 8; /* the /24, or the /64 */
    return (uint16_t)(siphash13(&t->config.key, source.bytes, prefix_bytes) % REASSEMBLY_SOURCES);
}

/* ---- order: [0, live) have a block, [live, in_use) are unusable, the rest is free ---- */

static void put(struct reassemblies *t, uint32_t place, uint16_t index)
{
    t->order[place] = index;
    t->entries[index].at = (uint16_t)place;
}

static void swap(struct reassemblies *t, uint32_t a, uint32_t b)
{
    uint16_t index = t->order[a];
    put(t, a, t->order[b]);
    put(t, b, index);
}

static struct reassembly *order_take(struct reassemblies *t)
{
    CHECK(t->config.handler, t->in_use < t->config.reassemblies_max && t->live <= t->in_use);
    swap(t, t->live, t->in_use++);
    return &t->entries[t->order[t->live++]];
}

static void source_link(struct reassemblies *t, struct reassembly *r)
{
    struct reassembly_source *list = &t->sources[r->source];
    uint16_t index = (uint16_t)(r - t->entries);
    r->next = NONE;
    r->prev = list->last;
    if (list->last == NONE)
        list->first = index;
    else
        t->entries[list->last].next = index;
    list->last = index;
    list->count++;
}

static void source_unlink(struct reassemblies *t, const struct reassembly *r)
{
    struct reassembly_source *list = &t->sources[r->source];
    CHECK(t->config.handler, list->count > 0);
    if (r->prev == NONE)
        list->first = r->next;
    else
        t->entries[r->prev].next = r->next;
    if (r->next == NONE)
        list->last = r->prev;
    else
        t->entries[r->next].prev = r->prev;
    list->count--;
}

/* Take the block from a datagram; it stays, unusable. */
static uint32_t steal_block(struct reassemblies *t, struct reassembly *r)
{
    uint32_t block = r->block;
    CHECK(t->config.handler, is_live(r) && r->at < t->live);
    swap(t, r->at, --t->live);
    r->block = BLOCKS_NONE;
    return block;
}

static void spoil(struct reassemblies *t, struct reassembly *r)
{
    blocks_give(t->config.blocks, steal_block(t, r));
    t->spoiled++;
}

/* Forget a datagram that has no block any more. */
static void forget(struct reassemblies *t, struct reassembly *r)
{
    CHECK(t->config.handler, !is_live(r) && r->at < t->in_use);
    wheel_cancel(t->config.wheel, &r->timer.node);
    bool removed = map_remove(&t->map, r->hash, (uint32_t)(r - t->entries));
    CHECK(t->config.handler, removed);
    source_unlink(t, r);
    swap(t, r->at, --t->in_use);
}

static void expire(struct reassemblies *t, struct reassembly *r)
{
    if (is_live(r)) {
        t->expired++;
        blocks_give(t->config.blocks, steal_block(t, r));
    }
    forget(t, r);
}

/* ---- room for a new one ---- */

/* Who makes room for a datagram of `source`, among the first `among` in the order. */
static struct reassembly *choose_victim(struct reassemblies *t, uint16_t source, uint32_t among)
{
    const struct reassembly_source *list = &t->sources[source];
    if (list->count > t->config.reassemblies_max / SOURCE_SHARE &&
        t->entries[list->first].at < among)
        return &t->entries[list->first];
    struct reassembly *oldest = NULL;
    for (unsigned i = 0; i < REASSEMBLY_SAMPLES; i++) {
        struct reassembly *r = &t->entries[t->order[rng_below(&t->config.rng, among)]];
        if (oldest == NULL || r->started < oldest->started)
            oldest = r;
    }
    return oldest;
}

/* A block for a datagram of `source`: a new one, or that of an incomplete datagram. */
static uint32_t find_block(struct reassemblies *t, uint16_t source)
{
    uint32_t block = BLOCKS_NONE;
    if (t->live < t->live_max)
        block = blocks_take(t->config.blocks, BLOCKS_64K, BLOCKS_NORMAL);
    if (block != BLOCKS_NONE || t->live == 0)
        return block;
    struct reassembly *victim = choose_victim(t, source, t->live);
    block = steal_block(t, victim);
    forget(t, victim);
    t->evicted++;
    return block;
}

/* A new datagram, empty; NULL when the packet memory has nothing. */
static struct reassembly *begin(struct reassemblies *t, const struct piece *p, weir_time now)
{
    uint16_t source = source_of(t, p->key.source);
    uint32_t block = find_block(t, source);
    if (block == BLOCKS_NONE) {
        t->memory_failures++;
        return NULL;
    }
    if (t->in_use == t->config.reassemblies_max) {
        struct reassembly *victim = choose_victim(t, source, t->in_use);
        if (is_live(victim))
            blocks_give(t->config.blocks, steal_block(t, victim));
        forget(t, victim);
        t->evicted++;
    }
    struct reassembly *r = order_take(t);
    r->key = p->key;
    r->hash = hash_of(t, &p->key);
    r->block = block;
    r->started = t->started++;
    r->bytes = r->end = 0;
    r->spans = r->header_len = 0;
    r->source = source;
    r->ecn_seen = r->ifindex = 0;
    source_link(t, r);
    bool inserted = map_insert(&t->map, r->hash, (uint32_t)(r - t->entries));
    CHECK(t->config.handler, inserted);
    uint32_t life_ms = p->f->ip4 != NULL ? t->config.ip4_ms : t->config.ip6_ms;
    wheel_arm(t->config.wheel, &r->timer.node, pace_after(now, life_ms * WEIR_NS_PER_MS));
    return r;
}

/* ---- a fragment among the others ---- */

/* The number of spans that start before `offset`. */
static unsigned spans_before(const struct reassembly_span *span, unsigned count, uint32_t offset)
{
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (span[middle].start < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_same_bytes(const struct reassemblies *t, const struct reassembly *r,
                           const struct piece *p)
{
    const uint8_t *here = block_of(t, r) + p->offset;
    size_t left = p->end - p->offset;
    for (unsigned i = 0; left > 0; i++) {
        size_t n = p->f->part[i].len < left ? p->f->part[i].len : left;
        if (n > 0 && memcmp(here, p->f->part[i].data, n) != 0)
            return false;
        here += n;
        left -= n;
    }
    return true;
}

static bool ecn_is_impossible(unsigned seen)
{
    return (seen >> IP_ECN_CE & 1) != 0 && (seen >> IP_ECN_NOT_ECT & 1) != 0;
}

/* May the fragment go in before span number `at`? */
static enum weir_drop examine(const struct reassemblies *t, const struct reassembly *r,
                              const struct piece *p, unsigned at)
{
    const struct reassembly_span *span = spans_of(t, r);
    if (at < r->spans && span[at].start == p->offset && span[at].end == p->end) {
        if (!has_same_bytes(t, r, p))
            return WEIR_DROP_REASSEMBLY_OVERLAP;
        return (r->end == p->end) == !p->more ? WEIR_DROP_REASSEMBLY_DUPLICATE : drop_of(p);
    }
    if ((at > 0 && span[at - 1].end > p->offset) || (at < r->spans && span[at].start < p->end))
        return WEIR_DROP_REASSEMBLY_OVERLAP;
    /* An end that is not the end: something behind the last fragment, or a last one before others.
     */
    if ((r->end != 0 && p->end > r->end) || (!p->more && at < r->spans))
        return drop_of(p);
    if (r->spans == t->config.fragments_max)
        return WEIR_DROP_REASSEMBLY_LIMIT;
    return ecn_is_impossible(r->ecn_seen | 1U << p->ecn) ? drop_of(p) : WEIR_DROP_NONE;
}

static void keep_first(struct reassembly *r, const struct piece *p)
{
    r->facts.is_ip6 = p->f->ip6 != NULL;
    if (r->facts.is_ip6) {
        r->facts.ip6 = *p->f->ip6;
    } else {
        r->facts.ip4 = *p->f->ip4;
        r->facts.ip4.options = NULL; /* they were borrowed with the packet */
    }
    r->header_len = (uint16_t)p->header_len;
    r->ifindex = (uint8_t)p->f->ifindex;
    memcpy(r->header, p->f->packet, p->header_len);
}

static void keep(struct reassemblies *t, struct reassembly *r, const struct piece *p, unsigned at)
{
    struct reassembly_span *span = spans_of(t, r);
    uint8_t *to = block_of(t, r) + p->offset;
    size_t left = p->end - p->offset;
    CHECK(t->config.handler, at <= r->spans && r->spans < t->config.fragments_max);
    memmove(&span[at + 1], &span[at], (r->spans - at) * sizeof *span);
    span[at] = (struct reassembly_span){.start = (uint16_t)p->offset, .end = (uint16_t)p->end};
    r->spans++;
    r->bytes += (uint32_t)left;
    r->ecn_seen |= (uint8_t)(1U << p->ecn);
    if (!p->more)
        r->end = p->end;
    if (p->offset == 0)
        keep_first(r, p);
    for (unsigned i = 0; left > 0; i++) {
        size_t n = p->f->part[i].len < left ? p->f->part[i].len : left;
        if (n > 0)
            memcpy(to, p->f->part[i].data, n);
        to += n;
        left -= n;
    }
}

/* ---- the end of a datagram ---- */

/* RFC 3168 5.3: congestion seen by one fragment is congestion; codepoints that all agree on
 * stay; of others, about which it is silent, none is claimed. */
static uint8_t ecn_of(unsigned seen)
{
    if ((seen >> IP_ECN_CE & 1) != 0)
        return IP_ECN_CE;
    if (seen == 1U << IP_ECN_ECT0)
        return IP_ECN_ECT0;
    return seen == 1U << IP_ECN_ECT1 ? IP_ECN_ECT1 : IP_ECN_NOT_ECT;
}

/* Bytes of the headers that stay in front of the payload and are counted in its family's length. */
static uint32_t counted_header_len(const struct reassembly *r)
{
    return r->facts.is_ip6 ? r->header_len - (uint32_t)(IP6_HEADER_LEN + IP6_FRAGMENT_HEADER_LEN)
                           : r->header_len;
}

static void finish(struct reassemblies *t, struct reassembly *r, struct reassembly_datagram *done)
{
    uint8_t ecn = ecn_of(r->ecn_seen);
    done->facts = r->facts;
    done->len = r->end;
    done->payload = block_of(t, r);
    done->header_len = r->header_len;
    memcpy(done->header, r->header, r->header_len);
    if (r->facts.is_ip6) {
        struct ip6 *h = &done->facts.ip6;
        h->ecn = ecn;
        h->payload_len = (uint16_t)(counted_header_len(r) + r->end);
        h->upper_len = (uint16_t)r->end;
        h->more_fragments = false;
    } else {
        struct ip4 *h = &done->facts.ip4;
        h->ecn = ecn;
        h->options = done->header + IP4_HEADER_MIN;
        h->payload_len = (uint16_t)r->end;
        h->more_fragments = false;
    }
    done->block = steal_block(t, r);
    forget(t, r);
    t->finished++;
}

enum weir_drop reassembly_input(struct reassemblies *t, const struct reassembly_fragment *f,
                                weir_time now, struct reassembly_datagram *done)
{
    CHECK(t->config.handler, (f->ip4 != NULL) != (f->ip6 != NULL));
    struct piece p = piece_of(f);
    check_contract(t, &p);
    done->block = BLOCKS_NONE;
    if (!is_possible(&p))
        return drop_of(&p);
    struct reassembly *r = find(t, &p.key);
    if (r != NULL && now >= r->timer.node.deadline) {
        expire(t, r); /* nobody has popped its timer yet: what comes now is of another datagram */
        r = NULL;
    }
    if (r == NULL)
        r = begin(t, &p, now);
    if (r == NULL)
        return WEIR_DROP_REASSEMBLY_MEMORY;
    if (!is_live(r))
        return drop_of(&p);

    unsigned at = spans_before(spans_of(t, r), r->spans, p.offset);
    enum weir_drop drop = examine(t, r, &p, at);
    if (drop == WEIR_DROP_REASSEMBLY_DUPLICATE) {
        t->duplicates++;
        return drop;
    }
    if (drop != WEIR_DROP_NONE) {
        spoil(t, r);
        return drop;
    }
    keep(t, r, &p, at);
    if (r->bytes != r->end)
        return WEIR_DROP_NONE;
    if (counted_header_len(r) + r->end > DATAGRAM_MAX) {
        spoil(t, r);
        return drop_of(&p);
    }
    finish(t, r, done);
    return WEIR_DROP_NONE;
}

bool reassembly_quote(const struct reassemblies *t, const struct reassembly *r,
                      struct reassembly_quote *out)
{
    CHECK(t->config.handler, r->at < t->in_use);
    if (!is_live(r) || r->header_len == 0)
        return false;
    *out = (struct reassembly_quote){
        .part = {{.data = r->header, .len = r->header_len},
                 {.data = block_of(t, r), .len = spans_of(t, r)[0].end}},
        .ifindex = r->ifindex,
        .is_ip6 = r->facts.is_ip6,
    };
    return true;
}

void reassembly_expire(struct reassemblies *t, struct reassembly *r)
{
    CHECK(t->config.handler, r->at < t->in_use && !wheel_is_armed(&r->timer.node));
    expire(t, r);
}

/* ---- the table ---- */

size_t reassemblies_size(uint32_t reassemblies_max, uint32_t fragments_max)
{
    if (reassemblies_max < 1 || reassemblies_max > REASSEMBLIES_MAX || fragments_max < 2 ||
        fragments_max > REASSEMBLY_FRAGMENTS_MAX)
        return 0;
    return map_size(reassemblies_max) +
           layout_size(layout_bytes(reassemblies_max, sizeof(struct reassembly),
                                    _Alignof(struct reassembly)) +
                       layout_bytes((uint64_t)reassemblies_max * fragments_max,
                                    sizeof(struct reassembly_span),
                                    _Alignof(struct reassembly_span)) +
                       layout_bytes(reassemblies_max, sizeof(uint16_t), _Alignof(uint16_t)));
}

void reassemblies_init(struct reassemblies *t, const struct reassemblies_config *config, void *mem)
{
    uint32_t n = config->reassemblies_max;
    CHECK(config->handler, mem != NULL && config->wheel != NULL && config->blocks != NULL);
    CHECK(config->handler, reassemblies_size(n, config->fragments_max) != 0);
    *t = (struct reassemblies){.config = *config, .live_max = n};
    uint32_t share = config->blocks->superblocks / MEMORY_SHARE;
    if (share < n)
        t->live_max = share > 0 ? share : 1;
    map_init(&t->map, n, config->handler, mem);
    t->entries = layout_align((uint8_t *)mem + map_size(n), _Alignof(struct reassembly));
    t->spans = layout_align(t->entries + n, _Alignof(struct reassembly_span));
    t->order = layout_align(t->spans + (size_t)n * config->fragments_max, _Alignof(uint16_t));
    for (uint32_t i = 0; i < n; i++) {
        t->entries[i].timer = (struct net_timer){.kind = NET_TIMER_REASSEMBLY};
        t->entries[i].block = BLOCKS_NONE;
        put(t, i, (uint16_t)i);
    }
    for (unsigned i = 0; i < REASSEMBLY_SOURCES; i++)
        t->sources[i] = (struct reassembly_source){.first = NONE, .last = NONE};
}

/* ---- invariants ---- */

static bool entry_holds(const struct reassemblies *t, const struct reassembly *r)
{
    bool in_use = r->at < t->in_use;
    if (t->order[r->at] != r - t->entries || is_live(r) != (r->at < t->live) ||
        wheel_is_armed(&r->timer.node) != in_use)
        return false;
    if (in_use && (find(t, &r->key) != r || r->source != source_of(t, r->key.source)))
        return false;
    if (!is_live(r))
        return true;
    const struct reassembly_span *span = spans_of(t, r);
    uint32_t bytes = 0;
    for (unsigned i = 0; i < r->spans; i++) {
        if (span[i].start >= span[i].end || (i > 0 && span[i].start < span[i - 1].end) ||
            (r->end != 0 && span[i].end > r->end))
            return false;
        bytes += (uint32_t)(span[i].end - span[i].start);
    }
    return bytes == r->bytes && r->spans > 0 && r->spans <= t->config.fragments_max &&
           (r->end == 0 || bytes < r->end) && (r->header_len != 0) == (span[0].start == 0);
}

bool reassemblies_invariants(const struct reassemblies *t)
{
    uint32_t linked = 0;
    if (!map_invariants(&t->map) || t->map.count != t->in_use || t->live > t->in_use ||
        t->live > t->live_max || t->in_use > t->config.reassemblies_max)
        return false;
    for (uint32_t i = 0; i < t->config.reassemblies_max; i++)
        if (!entry_holds(t, &t->entries[i]))
            return false;
    for (unsigned i = 0; i < REASSEMBLY_SOURCES; i++) {
        uint16_t prev = NONE, count = 0;
        for (uint16_t k = t->sources[i].first; k != NONE; prev = k, k = t->entries[k].next, count++)
            if (t->entries[k].source != i || t->entries[k].prev != prev ||
                (prev != NONE && t->entries[prev].started >= t->entries[k].started))
                return false;
        if (count != t->sources[i].count || prev != t->sources[i].last)
            return false;
        linked += count;
    }
    return linked == t->in_use;
}
