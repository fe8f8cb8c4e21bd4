/* SPDX-License-Identifier: MIT */
#include "net/fragment.h"

enum {
    FRAGMENT_UNIT = 8, /* offsets count these (RFC 791 3.1, RFC 8200 4.5) */
    FLOW_BYTES = 16 + 16 + 1
};

static size_t headers_len(const struct fragment_source *s)
{
    return s->ip4 != NULL ? IP4_HEADER_MIN : IP6_HEADER_LEN + IP6_FRAGMENT_HEADER_LEN;
}

/* Bytes of the datagram in each fragment but the last. */
static size_t bytes_each(const struct fragment_source *s)
{
    return (s->mtu - headers_len(s)) / FRAGMENT_UNIT * FRAGMENT_UNIT;
}

unsigned fragment_count(const struct fragment_source *s)
{
    bool ip4 = s->ip4 != NULL;
    CHECK(s->handler, ip4 != (s->ip6 != NULL));
    CHECK(s->handler, s->mtu >= (ip4 ? 68U : (uint32_t)IP6_MTU_MIN));
    CHECK(s->handler, !ip4 || s->ip4->options_len == 0);
    size_t len = fragment_source_len(s);
    if (len > (ip4 ? (size_t)IP4_PACKET_MAX - IP4_HEADER_MIN : (size_t)IP6_PAYLOAD_MAX))
        return 0;
    if (len + (ip4 ? IP4_HEADER_MIN : IP6_HEADER_LEN) <= s->mtu)
        return 1;
    return (unsigned)((len + bytes_each(s) - 1) / bytes_each(s));
}

/* Where a fragment lies in the datagram. */
struct extent {
    size_t offset, len;
    bool more;
};

static size_t emit_ip4(uint8_t *p, size_t size, const struct fragment_source *s,
                       const struct extent *e)
{
    struct ip4 h = *s->ip4;
    h.id = (uint16_t)s->id;
    h.fragment_offset = (uint16_t)e->offset;
    h.more_fragments = e->more;
    h.dont_fragment = false;
    h.payload_len = (uint16_t)e->len;
    return ip4_emit(p, size, &h);
}

static size_t emit_ip6(uint8_t *p, size_t size, const struct fragment_source *s,
                       const struct extent *e)
{
    struct ip6 h = *s->ip6;
    struct ip6_fragment f = {
        .id = s->id, .offset = (uint16_t)e->offset, .more = e->more, .next_header = h.next_header};
    h.next_header = IP6_NEXT_FRAGMENT;
    h.payload_len = (uint16_t)(IP6_FRAGMENT_HEADER_LEN + e->len);
    size_t n = ip6_emit(p, size, &h);
    return n + ip6_fragment_emit(p + n, size - n, &f);
}

/* The part of `ref`, which stands at *at in the datagram, that lies in e; *at goes behind it. */
static struct weir_ref part_of(struct weir_ref ref, size_t *at, const struct extent *e)
{
    size_t start = *at, end = *at + ref.len;
    *at = end;
    if (start < e->offset)
        start = e->offset;
    if (end > e->offset + e->len)
        end = e->offset + e->len;
    if (start >= end)
        return (struct weir_ref){0};
    return (struct weir_ref){.data = ref.data + (start - (*at - ref.len)), .len = end - start};
}

void fragment_make(struct weir_tx *tx, const struct fragment_source *s, unsigned i)
{
    size_t total = fragment_source_len(s), each = bytes_each(s), at = 0;
    struct extent e = {.offset = i * each};
    CHECK(s->handler, fragment_count(s) >= 2 && e.offset < total);
    e.more = total - e.offset > each;
    e.len = e.more ? each : total - e.offset;

    uint8_t *p = tx->headers + s->headroom;
    CHECK(s->handler, s->headroom + headers_len(s) + s->upper.len <= WEIR_TX_HEADERS_MAX);
    size_t room = sizeof tx->headers - s->headroom;
    size_t n = s->ip4 != NULL ? emit_ip4(p, room, s, &e) : emit_ip6(p, room, s, &e);
    CHECK(s->handler, n == headers_len(s));
    struct weir_ref upper = part_of(s->upper, &at, &e);
    if (upper.len != 0)
        memcpy(p + n, upper.data, upper.len);

    memset(tx, 0, offsetof(struct weir_tx, headers));
    tx->len = (uint32_t)(n + e.len);
    tx->header_start = s->headroom;
    tx->header_len = (uint16_t)(n + upper.len);
    for (unsigned k = 0; k < WEIR_FRAGS_MAX; k++) {
        struct weir_ref part = part_of(s->payload[k], &at, &e);
        if (part.len != 0)
            tx->frag[tx->frag_count++] = part;
    }
}

void fragment_ids_init(struct fragment_ids *ids, const struct sip_key *key, struct rng rng)
{
    /* Two keys out of one: the offset of a flow must not say which counter it uses. */
    ids->offset_key = *key;
    ids->counter_key =
        (struct sip_key){.k0 = siphash24(key, "offset", 6), .k1 = siphash24(key, "counter", 7)};
    for (unsigned i = 0; i < FRAGMENT_COUNTERS; i++)
        ids->counter[i] = rng_u32(&rng);
}

uint32_t fragment_id(struct fragment_ids *ids, const struct fragment_flow *flow)
{
    uint8_t bytes[FLOW_BYTES];
    memcpy(bytes, flow->source.bytes, 16);
    memcpy(bytes + 16, flow->destination.bytes, 16);
    bytes[32] = flow->protocol;
    uint32_t offset = (uint32_t)siphash24(&ids->offset_key, bytes, sizeof bytes);
    uint64_t which = siphash24(&ids->counter_key, bytes, sizeof bytes);
    return offset + ids->counter[which % FRAGMENT_COUNTERS]++;
}
