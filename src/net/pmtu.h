/* SPDX-License-Identifier: MIT
 * Path MTUs that routers reported, by destination (RFC 1191, RFC 8201). What is kept here was
 * checked before: the caller has seen that the packet quoted was really sent and is still in
 * flight (RFC 5927 7.2).
 *
 * Only decreases are believed. An estimate lives PMTU_LIFE after its last decrease and then is
 * forgotten, which is the only way up: at most one raise in ten minutes (RFC 1191 6.3, RFC 8201
 * 4). Every answer says until when it holds, so nothing needs a timer here. A TCP connection does
 * not take more for that, but looks whether more arrives (tcp/pmtud.c).
 *
 * The table is a map under a secret key; when it is full, an entry that has run out, or else a
 * random one, makes room: which destinations share a fate cannot be worked out from outside
 * (ATK-ICM-09). */
#ifndef WEIR_NET_PMTU_H
#define WEIR_NET_PMTU_H

#include "base/map.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "wire/addr.h"

enum {
    PMTUS_MAX = 65536,    /* the most path_mtus_max may be */
    PMTU_IP4_FLOOR = 552, /* RFC 5927 7.2: 512 bytes of data and 40 of headers */
    PMTU_IP4_MIN = 68     /* the smallest a link may be (RFC 791 3.2) */
};

#define PMTU_LIFE (INT64_C(600) * WEIR_NS_PER_S)

struct pmtus_config {
    const struct weir_assert *handler;
    struct sip_key key; /* secret */
    struct rng rng;     /* of its own: chooses who makes room */
    uint32_t path_mtus_max;
    uint16_t ip4_floor; /* PMTU_IP4_FLOOR, or less for links known to be smaller: at least 68 */
};

struct pmtu_entry {
    struct weir_addr destination;
    weir_time until; /* forgotten from then on */
    uint16_t mtu;
    bool below_floor;
};

/* The fields are the table's; the counters are for everyone to read. */
struct pmtus {
    const struct weir_assert *handler;
    struct sip_key key;
    struct rng rng;
    struct map map;
    struct pmtu_entry *entries; /* the first map.count are in use */
    uint32_t entries_max;
    uint32_t generation; /* changes with every decrease */
    uint16_t ip4_floor;
    uint64_t decreased; /* reports believed */
    uint64_t ignored;   /* reports of no decrease */
    uint64_t clamped;   /* reports below the floor, believed down to it */
    uint64_t evicted;   /* estimates forgotten early, to make room */
};

/* The answer to a lookup. */
struct pmtu {
    uint32_t mtu;    /* bytes, from the IP header */
    weir_time until; /* ask again then; WEIR_TIME_NEVER when nothing was reported */
    /* IPv4: a router has a link smaller than the floor. Packets of this MTU go with DF clear, for
     * it to fragment, or none would arrive. */
    bool below_floor;
};

/* What a checked Fragmentation Needed or Packet Too Big says. */
struct pmtu_report {
    struct weir_addr destination; /* of the packet quoted */
    uint32_t mtu;                 /* 0: from a router older than RFC 1191 (IPv4) */
    uint32_t link_mtu;            /* of the interface or route towards the destination */
    uint16_t quoted_len;          /* IPv4: total length of the packet quoted, ... */
    uint16_t quoted_header_len;   /* ... and its header length; read with mtu 0 only */
};

/* Memory for pmtus_init(), of any alignment; 0 when path_mtus_max is not 1 ... PMTUS_MAX or the
 * machine too small. */
size_t pmtus_size(uint32_t path_mtus_max);

/* Set up an empty table. Owner: the caller owns `t` and `mem` (pmtus_size() bytes), in use until
 * both are forgotten; the handler outlives them. The config is copied. Bound: linear. */
void pmtus_init(struct pmtus *t, const struct pmtus_config *config, void *mem);

/* The path MTU to a destination, at most link_mtu. Bound: constant. */
struct pmtu pmtu_lookup(const struct pmtus *t, struct weir_addr destination, uint32_t link_mtu,
                        weir_time now);

/* What a report asks for, by the rules of pmtu_update(). */
struct pmtu_claim {
    uint32_t mtu;     /* within floor and link */
    uint16_t told;    /* the number that was told, or guessed: at least 1 */
    bool below_floor; /* the path has a link smaller than the floor (IPv4), or than IPv6 allows */
};

/* What a report asks for when `estimate` is how large packets are sent now: for those who wait for
 * evidence before they believe it (RFC 5927 7.2). Changes nothing. Bound: constant. */
struct pmtu_claim pmtu_claimed(const struct pmtus *t, const struct pmtu_report *report,
                               uint32_t estimate);

/* Take a report. True when the estimate fell, or DF is to be cleared from now on (below_floor).
 * Not believed: what is not below the present estimate (ATK-ICM-17). Below ip4_floor, or 1280
 * for IPv6, the estimate falls to that floor (ATK-ICM-04, ATK-ICM-05); RFC 8201 4 would have
 * such a report discarded, after which a path through an IPv4 translator could stay a black
 * hole. No report leads to a fragment header (RFC 8021). An MTU of 0 over IPv4 becomes the next
 * lower plateau of RFC 1191 7.1. Bound: constant. */
bool pmtu_update(struct pmtus *t, const struct pmtu_report *report, weir_time now);

/* Does everything that the table promises itself hold? For tests. Bound: linear in it. */
bool pmtus_invariants(const struct pmtus *t);

#endif
