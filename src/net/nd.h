/* SPDX-License-Identifier: MIT
 * A host's part in neighbour discovery (RFC 4861): what a received message means for the neighbour
 * cache, for our own addresses and for the routers and prefixes of the link, and the frames to
 * send.
 *
 * Nothing is sent while a message is taken in: what is due is noted, at most ND_NOTES_MAX an
 * interface, and asked for by nd_output(). What a router says of itself and of prefixes stands in a
 * bounded list, whose changes nd_change() tells, for whoever keeps the routes.
 *
 * Not done: forming addresses from prefixes (SLAAC, RFC 4862 5.5, and with it the two-hour rule
 * of 5.5.3, which is about their lifetimes); redirects, which are refused; being a router; proxies
 * and anycast; MLD (see net/dad.h). Departure from RFC 4861 7.2.4: a solicitation without
 * link-layer address is answered to the Ethernet source it came from, without resolving its sender
 * first. */
#ifndef WEIR_NET_ND_H
#define WEIR_NET_ND_H

#include "net/address.h"
#include "net/dad.h"
#include "net/neighbour.h"
#include "net/pace.h"
#include "wire/eth.h"
#include "wire/nd.h"

enum {
    ND_NOTES_MAX = 16,               /* advertisements of one interface that wait to be sent */
    ND_ANSWERS_PER_S_MAX = 500,      /* of one interface, in the long run ... */
    ND_ANSWERS_BURST = 64,           /* ... and at once */
    ND_ROUTERS_MAX = 16,             /* of one interface (ATK-ND-04) ... */
    ND_ON_LINK_MAX = 16,             /* ... and prefixes that are on its link */
    ND_HOP_LIMIT_MIN = 64,           /* no router lowers ours below (ATK-ND-05); also the default */
    ND_SOLICITATIONS = 3,            /* MAX_RTR_SOLICITATIONS (RFC 4861 10) */
    ND_SOLICITATION_MS = 4000,       /* RTR_SOLICITATION_INTERVAL */
    ND_SOLICITATION_DELAY_MS = 1000, /* MAX_RTR_SOLICITATION_DELAY */
    ND_FRAME_MAX = ETH_HEADER_MIN + IP6_HEADER_LEN + 32 /* of those written here */
};

/* An advertisement of ours to send. */
struct nd_note {
    struct ip6_addr target;      /* our address; checked again when it is sent */
    struct ip6_addr destination; /* unspecified: all nodes */
    struct eth_addr mac;
};

/* A default router, or a prefix whose addresses are on the link. A place is free when it is neither
 * present nor told. */
struct nd_learned {
    struct ip6_addr addr; /* of a prefix, the bits behind it are zero */
    uint8_t len;          /* of a prefix */
    bool present;
    bool told;         /* what nd_change() said last: is it there? */
    weir_time expires; /* WEIR_TIME_NEVER: not of itself */
};

struct nd_iface_config {
    struct eth_addr mac;
    uint32_t link_mtu;   /* 1280 ... 65535 */
    bool accept_routers; /* listen to routers, and ask for them */
};

struct nd_iface {
    struct net_timer timer; /* NET_TIMER_ROUTER: the next solicitation or expiry */
    struct nd_iface_config config;
    bool up;
    uint32_t mtu;      /* what to send at most: the link's, or less by a router's word */
    uint8_t hop_limit; /* to send with */
    struct nd_learned router[ND_ROUTERS_MAX];
    struct nd_learned on_link[ND_ON_LINK_MAX];
    uint8_t solicitations; /* router solicitations sent */
    bool solicitation_due;
    weir_time solicit_at; /* the next becomes due; WEIR_TIME_NEVER: none */
    struct pace answers;
    uint8_t first, count;
    struct nd_note note[ND_NOTES_MAX];
};

struct nd_host_config {
    const struct weir_assert *handler;
    struct wheel *wheel;
    struct neighbours *neighbours;
    struct addresses *addresses;
    struct dad *dad;
    struct rng rng;
    uint32_t interfaces_max; /* 1 ... 64 */
};

/* X(name, meaning) */
#define ND_COUNTERS(X)                                                                             \
    X(answers, "solicitations answered")                                                           \
    X(answers_limited, "solicitations not answered: the limit on answers")                         \
    X(conflicts, "advertisements from another station that has one of our addresses")              \
    X(redirects, "redirects refused")                                                              \
    X(routers_refused, "routers not listed: there are ND_ROUTERS_MAX")                             \
    X(prefixes_refused, "prefixes not listed: there are ND_ON_LINK_MAX, or impossible")            \
    X(mtus_refused, "MTUs out of range")                                                           \
    X(hop_limits_refused, "hop limits below ND_HOP_LIMIT_MIN")

/* The fields are its own; the counters are for everyone to read. */
struct nd_host {
    const struct weir_assert *handler;
    struct wheel *wheel;
    struct neighbours *neighbours;
    struct addresses *addresses;
    struct dad *dad;
    struct rng rng;
    uint32_t interfaces_max;
    struct nd_iface *iface;
#define X(name, meaning) uint64_t name;
    struct {
        ND_COUNTERS(X)
    } count;
#undef X
};

/* Memory for nd_init(), of any alignment; 0 when out of range or the machine too small. */
size_t nd_size(uint32_t interfaces_max);

/* Set up, with no interface up. Owner: the caller owns `h` and `mem` (nd_size() bytes); handler,
 * wheel, dad and tables outlive them. Bound: linear. */
void nd_init(struct nd_host *h, const struct nd_host_config *config, void *mem);

/* Do neighbour discovery on an interface: an Ethernet one, of this station, once. Begins to ask for
 * routers if they are accepted. Bound: constant. */
void nd_iface_up(struct nd_host *h, uint32_t ifindex, const struct nd_iface_config *config,
                 weir_time now);

/* A message received. */
struct nd_rx {
    const struct nd *m; /* parsed and so validated */
    const struct ip6
        *ip; /* its fragment_at also says of a reassembled packet that it was fragmented */
    struct eth_addr source; /* of the frame */
    uint32_t ifindex;       /* of an interface that is up */
};

/* Take a message in. NONE when it told us something or asked for us, and what follows is noted.
 * Reasons:
 * - ND_FRAGMENT: RFC 6980 5 (ATK-ND-11);
 * - ND_MAC: a link-layer address that no station has, or ours;
 * - ND_TARGET: a source that no host has;
 * - ND_CONFLICT: from another station, with an address that is ours, or is that of a static
 *   neighbour;
 * - ND_NOT_FOR_US: a solicitation for another host;
 * - ND_UNSOLICITED: an advertisement of a neighbour that is not in the cache (ATK-ND-06);
 * - ND_ROUTER: from a router while none is accepted; a router solicitation;
 * - ND_REDIRECT: every redirect (ATK-ND-09): routes change by configuration and advertisement only.
 * Bound: constant. */
enum weir_drop nd_input(struct nd_host *h, const struct nd_rx *rx, weir_time now);

/* Write the next answer or router solicitation that is due on an interface. Returns its length, or
 * 0 when nothing is due or `size` is less than ND_FRAME_MAX. Bound: constant (ND_NOTES_MAX), and
 * that of address_select(). */
size_t nd_output(struct nd_host *h, uint32_t ifindex, weir_time now, uint8_t *p, size_t size);

/* May nd_output() have something? Not wrong when it says no. */
bool nd_has_output(const struct nd_host *h, uint32_t ifindex);

/* Write the probe or announcement of an own address that dad_output() asked for. Returns as
 * nd_output(). */
size_t nd_announce(const struct nd_host *h, uint32_t ifindex, const struct dad_message *message,
                   uint8_t *p, size_t size);

/* Write the solicitation that neighbour_output() asked for; 0 also when the interface has no
 * address to send it from. Bound: that of address_select(). */
size_t nd_solicit(const struct nd_host *h, const struct neighbour_probe *probe, uint8_t *p,
                  size_t size);

/* A timer of kind NET_TIMER_ROUTER fired. Bound: constant. */
void nd_expire(struct nd_host *h, struct net_timer *timer, weir_time now);

/* What became of a router or a prefix. */
struct nd_change {
    bool router; /* a default router; otherwise a prefix on the link */
    bool added;  /* otherwise removed */
    uint8_t len; /* of a prefix */
    struct ip6_addr addr;
};

/* The next change on an interface since it was asked last; false when there is none. What came and
 * went in between is not told. To be asked after nd_input() and nd_expire(). Bound: constant. */
bool nd_change(struct nd_host *h, uint32_t ifindex, struct nd_change *out);

#endif
