/* SPDX-License-Identifier: MIT
 * Cutting a datagram into fragments for a path MTU (RFC 791 3.2, RFC 8200 4.5), and the
 * identifications that hold them together.
 *
 * Fragments are made one by one, each a header block and references into the payload, which is
 * not copied. Whether a datagram may be cut (IPv4: DF) is decided before. */
#ifndef WEIR_NET_FRAGMENT_H
#define WEIR_NET_FRAGMENT_H

#include "base/check.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "weir/packet.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

enum { FRAGMENT_COUNTERS = 256 };

/* A datagram to cut. Owner: the caller; the references outlive the fragments made of them. */
struct fragment_source {
    /* The header of the whole: one of the two; no IPv4 options, no extension headers. Lengths,
     * offset and flags are filled in here; `protocol` (ip4) or `next_header` (ip6) names the upper
     * layer. */
    const struct ip4 *ip4;
    const struct ip6 *ip6;
    uint32_t id;           /* of all fragments; IPv4: the low 16 bits */
    uint32_t mtu;          /* of the path: at least 68 (IPv4), 1280 (IPv6) */
    struct weir_ref upper; /* upper-layer header: copied into the fragments that hold it */
    struct weir_ref payload[WEIR_FRAGS_MAX]; /* behind it; only referred to */
    uint16_t headroom;                       /* bytes left free in tx->headers for a link header */
    const struct weir_assert *handler;
};

/* Bytes of the datagram behind the IP header. */
static inline size_t fragment_source_len(const struct fragment_source *s)
{
    size_t len = s->upper.len;
    for (unsigned i = 0; i < WEIR_FRAGS_MAX; i++)
        len += s->payload[i].len;
    return len;
}

/* How many fragments it takes: 1 when it fits uncut (then it is not to be made here, for a
 * fragment header alone would be an atomic fragment, RFC 8021), 0 when it is longer than an IP
 * datagram can be. Bound: constant. */
unsigned fragment_count(const struct fragment_source *s);

/* Make fragment i of fragment_count() >= 2 into *tx: IP header (and fragment header) and what it
 * holds of the upper-layer header in tx->headers behind the headroom, the rest by reference.
 * Nothing is asked of the device. All but the last are as long as the MTU allows. Bound:
 * constant. */
void fragment_make(struct weir_tx *tx, const struct fragment_source *s, unsigned i);

/* Identifications by RFC 7739 5.3: a keyed hash of the addresses (and the protocol, for IPv4) plus
 * a counter that destinations share by another keyed hash. Unpredictable from outside, and for one
 * pair different until the counter has come round (RFC 6864, RFC 8200 4.5). */
struct fragment_ids {
    struct sip_key offset_key, counter_key;
    uint32_t counter[FRAGMENT_COUNTERS];
};

/* What an identification is for. */
struct fragment_flow {
    struct weir_addr source, destination;
    uint8_t protocol; /* IPv4; 0 for IPv6, whose identifications are of the pair */
};

/* Set up from a secret key and a generator seeded with a secret. Bound: constant. */
void fragment_ids_init(struct fragment_ids *ids, const struct sip_key *key, struct rng rng);

/* The next identification; IPv4 uses the low 16 bits. Bound: constant. */
uint32_t fragment_id(struct fragment_ids *ids, const struct fragment_flow *flow);

#endif
