/* SPDX-License-Identifier: MIT
 * Routes of both families: longest prefix match, then the smallest metric, then the oldest.
 *
 * Routes of one prefix hang together, in the order in which they are preferred; a map leads from
 * (family, length, prefix) to the first, and a set says which lengths there are at all. So a lookup
 * costs one probe of the map for each different prefix length in use (usually 2 to 4, never more
 * than 33 or 129), whatever the number of routes. A path is looked up once and kept with the
 * generation of the table.
 *
 * Groups and broadcasts need no route when the interface is known; the caller does not ask. */
#ifndef WEIR_NET_ROUTE_H
#define WEIR_NET_ROUTE_H

#include "base/map.h"
#include "base/pool.h"
#include "base/siphash.h"
#include "weir/error.h"
#include "wire/addr.h"

enum {
    ROUTES_MAX = 4096, /* the most routes_max may be */
    ROUTE_INTERFACES_MAX = 64,
    ROUTE_ANY_INTERFACE = 255, /* of a lookup */
    ROUTE_LENGTHS = 129        /* prefix lengths of a family: 0 ... 128 */
};

/* A route. Read it; it does not move while it is in the table. */
struct route {
    struct weir_addr prefix;  /* the bits behind the prefix are zero */
    struct weir_addr gateway; /* the next hop; :: when destinations are on the link */
    uint32_t metric;          /* smaller is better */
    uint32_t mtu;             /* of packets on this route; 0: the interface's */
    uint32_t next;            /* of the same prefix, the next best, or POOL_NONE */
    uint32_t addresses;       /* own addresses that brought it; 0: it was added by itself */
    uint64_t added;           /* counts additions: smaller is older */
    uint8_t ifindex;
    uint8_t prefix_len; /* in bits of its family: 0..32 or 0..128 */
};

/* A route to add or remove. All of the family of `prefix`, also for length 0: 0.0.0.0/0 is
 * addr_from_ip4() of 0.0.0.0. */
struct route_new {
    struct weir_addr prefix;
    struct weir_addr gateway;
    uint32_t metric, mtu;
    uint8_t ifindex;
    uint8_t prefix_len;
};

struct routes_config {
    const struct weir_assert *handler;
    struct sip_key key; /* secret */
    uint32_t routes_max;
};

/* The fields are the table's; read `generation` and pool.in_use. */
struct routes {
    const struct weir_assert *handler;
    struct sip_key key;
    struct pool pool; /* of struct route */
    struct map map;   /* to the first of each prefix */
    uint64_t added;
    uint32_t generation;                 /* changes with every change */
    uint16_t prefixes[2][ROUTE_LENGTHS]; /* IPv4, IPv6: different prefixes of each length */
    uint64_t lengths[2][3];              /* the lengths of which there are any, as bits */
};

/* Memory for routes_init(), of any alignment; 0 when routes_max is not 1 ... ROUTES_MAX or the
 * machine too small. */
size_t routes_size(uint32_t routes_max);

/* Set up an empty table. Owner: the caller owns `t` and `mem` (routes_size() bytes), in use until
 * both are forgotten; the handler outlives them. The config is copied. Bound: linear. */
void routes_init(struct routes *t, const struct routes_config *config, void *mem);

/* Add a route. Bits behind the prefix length are ignored. Errors, nothing changed:
 * WEIR_E_INVALID (prefix too long, gateway of the other family or a group), WEIR_E_EXISTS (same
 * prefix, interface and gateway), WEIR_E_EXHAUSTED at routes_max. Bound: linear in the routes of
 * the same prefix. */
int route_add(struct routes *t, const struct route_new *config);

/* Remove the route with this prefix, interface and gateway that route_add() added; WEIR_E_NOT_FOUND
 * when there is none. Bound: as route_add(). */
int route_remove(struct routes *t, const struct route_new *config);

/* The connected route that an own address brings: its subnet is on the link of its interface,
 * metric 0. Addresses of one subnet share it; an address that is a whole prefix by itself (/32,
 * /128) brings none. A route added by itself for the same prefix stands beside it, unaffected.
 * Errors, nothing changed: WEIR_E_EXHAUSTED. To be called once for an address, and undone once. */
int route_connect(struct routes *t, struct weir_addr addr, unsigned prefix_len, unsigned ifindex);
void route_disconnect(struct routes *t, struct weir_addr addr, unsigned prefix_len,
                      unsigned ifindex);

/* The best route to a destination, on one interface or on any (ROUTE_ANY_INTERFACE), or NULL. A
 * destination of link scope (fe80::/10) means nothing without an interface (RFC 4007 6). Owner:
 * the table; valid until it changes. Bound: a probe for each prefix length in use, and the
 * routes of the prefixes found when those are not on the interface asked for. */
const struct route *route_lookup(const struct routes *t, struct weir_addr destination,
                                 unsigned ifindex);

/* Walk all routes: begin with *cursor = 0; NULL at the end. In no order; between calls the table
 * does not change. */
const struct route *route_next(const struct routes *t, uint32_t *cursor);

/* How far the source of a packet is checked (RFC 3704 2). */
enum route_reverse_path {
    ROUTE_REVERSE_OFF = 0,
    ROUTE_REVERSE_LOOSE, /* there is a route to it (2.4) */
    ROUTE_REVERSE_STRICT /* and a best one of its prefix is on the interface it came in on (2.2) */
};

/* Does the check let a packet pass that came from `source` on `ifindex`? Sources of link scope
 * always do: they are of this link or of none. Bound: a lookup. */
bool route_reverse_check(const struct routes *t, struct weir_addr source, unsigned ifindex,
                         enum route_reverse_path mode);

/* Does everything that the table promises itself hold? For tests. Bound: quadratic in the
 * routes. */
bool routes_invariants(const struct routes *t);

#endif
