/* SPDX-License-Identifier: MIT
 * The stack's own addresses, on all interfaces, and the questions that they answer: is a packet
 * for us, can its source be true, and which of them to send from.
 *
 * Host model (RFC 1122 3.3.4.2): weak for addresses of global scope, which are ours whatever the
 * interface a packet comes in on; strong for what has link scope (fe80::/10, 169.254/16, groups,
 * broadcasts), which means something on its own interface only. So one link-local address may
 * stand on several interfaces; any other stands on one.
 *
 * Lookup is one probe of a map under a secret key. Before it stands a set of the last octets of
 * all addresses known, which turns away most strangers, and an address asked for twice in a row
 * is answered from the first time. */
#ifndef WEIR_NET_ADDRESS_H
#define WEIR_NET_ADDRESS_H

#include "base/map.h"
#include "base/pool.h"
#include "base/siphash.h"
#include "net/timer.h"
#include "weir/error.h"
#include "wire/addr.h"

enum {
    ADDRESSES_MAX = 1024,       /* the most addresses_max may be */
    ADDRESS_INTERFACES_MAX = 64 /* interfaces are bits of a word */
};

enum address_state {
    ADDRESS_TENTATIVE = 1, /* IPv6: being checked; not used and not answered for (RFC 4862 5.4) */
    ADDRESS_PREFERRED,     /* ours */
    ADDRESS_DEPRECATED,    /* ours, but not to begin anything new with (RFC 4862 5.5.4) */
    ADDRESS_DUPLICATED     /* somebody else has it: kept to be reported, never used */
};

/* Duplicate address detection of one address. The fields belong to it (net/dad.c). */
struct address_dad {
    struct net_timer timer; /* NET_TIMER_ADDRESS */
    uint8_t sent;           /* solicitations so far */
    bool due;               /* one waits to be sent */
};

/* Does not move while it is in the table. Read it; change it through the table (but `dad`). */
struct address {
    struct address_dad dad;
    struct weir_addr addr;
    uint64_t added; /* counts additions: the smallest of an interface is its primary */
    uint8_t ifindex;
    uint8_t prefix_len; /* in bits of its family: 0..32 or 0..128 */
    uint8_t state;      /* enum address_state */
};

/* What an address is to us, on an interface. */
enum address_kind {
    ADDRESS_FOREIGN = 0,   /* nothing: another host's, a group we are not in, a duplicate */
    ADDRESS_OWN,           /* a PREFERRED or DEPRECATED address of ours */
    ADDRESS_OWN_TENTATIVE, /* take nothing but neighbour discovery for it (RFC 4862 5.4) */
    ADDRESS_BROADCAST,     /* IPv4: of all, or of a subnet of ours, in the -1 or the old 0 form */
    ADDRESS_GROUP          /* a multicast group we listen to */
};

struct address_verdict {
    enum address_kind kind;
    struct address *own; /* with OWN and OWN_TENTATIVE; otherwise NULL */
};

/* An address to add. */
struct address_new {
    struct weir_addr addr;
    uint8_t ifindex;
    uint8_t prefix_len;
    bool tentative; /* IPv6: begin as TENTATIVE and let DAD decide; IPv4 is PREFERRED at once */
};

struct addresses_config {
    const struct weir_assert *handler;
    struct wheel *wheel; /* where the timers are */
    struct sip_key key;  /* secret */
    uint32_t addresses_max;
};

/* A thing to be found by its value: an address of ours, or a broadcast or group that addresses
 * bring, or both at once (10.0.0.255 can be a host of one subnet and the broadcast of another). */
struct address_local {
    struct weir_addr addr;
    uint64_t ifaces; /* the interfaces on which it is a broadcast or a group, as bits */
    uint32_t own;    /* index of the address, or POOL_NONE */
    uint8_t zone;    /* of link scope: 1 + interface; otherwise 0 */
};

/* The fields are the table's; read `generation` and pool.in_use. */
struct addresses {
    const struct weir_assert *handler;
    struct wheel *wheel;
    struct sip_key key;
    struct pool pool;    /* of struct address */
    struct pool locals;  /* of struct address_local */
    struct map map;      /* of these */
    uint64_t tails[4];   /* the last octets of all that is in the map, as a set */
    uint64_t added;      /* additions so far */
    uint32_t generation; /* changes with every change: who keeps an answer compares it */
    unsigned recent_ifindex;
    struct weir_addr recent_addr;
    struct address_verdict recent; /* what address_lookup() said of the two last time */
    bool recent_valid;
};

/* Memory for addresses_init(), of any alignment; 0 when addresses_max is not 1 ... ADDRESSES_MAX
 * or the machine too small. */
size_t addresses_size(uint32_t addresses_max);

/* Set up an empty table. Owner: the caller owns `t` and `mem` (addresses_size() bytes), in use
 * until both are forgotten; the handler and the wheel outlive them. The config is copied. Bound:
 * linear. */
void addresses_init(struct addresses *t, const struct addresses_config *config, void *mem);

/* Add an address. Stores it in *out (unless NULL; left alone on an error). Errors, nothing
 * changed: WEIR_E_INVALID when no host can have it (unspecified, loopback, a group, a broadcast
 * of its own subnet, 0/8, 240/4) or the prefix is too long; WEIR_E_EXISTS when this interface
 * has it, or another and it is not link-local; WEIR_E_EXHAUSTED at addresses_max. Bound: linear
 * in the addresses. */
int address_add(struct addresses *t, const struct address_new *config, struct address **out);

/* Remove an address and cancel its timer. Bound: linear in the addresses. */
void address_remove(struct addresses *t, struct address *address);

/* Change the state; the timer of DAD is cancelled, and nothing is due for it any more.
 * TENTATIVE, for IPv6 only, is for an interface that came back. Bound: linear in the addresses. */
void address_set_state(struct addresses *t, struct address *address, enum address_state state);

/* The address that was added with exactly this value on this interface, in any state, or NULL.
 * Bound: constant. */
struct address *address_find(const struct addresses *t, struct weir_addr addr, unsigned ifindex);

/* Walk all addresses: begin with *cursor = 0; NULL at the end. Removing the one just answered is
 * allowed. Bound: a whole walk is linear in the addresses. */
struct address *address_next(const struct addresses *t, uint32_t *cursor);

/* What `addr`, as a destination of a packet that came in on `ifindex`, is to us. Groups that we
 * are in: 224.0.0.1, ff02::1, and the solicited-node group of every address of the interface
 * that is not DUPLICATED (RFC 4291 2.8). Bound: constant. */
struct address_verdict address_lookup(struct addresses *t, struct weir_addr addr, unsigned ifindex);

/* Can `addr` not be the source of a packet that came in on `ifindex`: because no host has such
 * an address (RFC 1122 3.2.1.3, RFC 4291 2.5), because it is a broadcast of ours, or because it
 * is our own? Two exceptions are left to neighbour discovery: the unspecified IPv6 address,
 * which the caller refuses for all else, and an address of ours while TENTATIVE, whose true
 * owner may be just answering. A mapped IPv6 source is refused before it becomes a struct
 * weir_addr, where it would pass for IPv4 (ip6_is_mapped()). ATK-IP4-07, ATK-IP4-08, ATK-IP6-10.
 * Bound: constant. */
bool address_source_is_martian(const struct addresses *t, struct weir_addr addr, unsigned ifindex);

/* Where a packet will go. */
struct address_path {
    struct weir_addr destination;
    struct weir_addr next_hop; /* the gateway, or the destination itself */
    unsigned ifindex;          /* the interface it leaves by */
};

/* The address to send from, or NULL when none will do. By RFC 6724 section 5: rules 1 (the
 * destination is ours), 2 (scope), 3 (not deprecated), 5 (of the outgoing interface), 6 (label,
 * by the default policy table), 8 (longest common prefix), then the one added first. There are
 * no home and no temporary addresses (4, 7) and no memory of who advertised a prefix (5.5). For
 * IPv4 rule 8 is the longest subnet that holds the next hop (RFC 1122 3.3.4.3): closeness of
 * other addresses means nothing there. Candidates are PREFERRED and DEPRECATED; those of link
 * scope on their own interface only; and for destinations of link scope and groups only those of
 * the outgoing interface (RFC 6724 section 4). Bound: linear in the addresses; a path keeps the
 * answer and its generation. */
const struct address *address_select(const struct addresses *t, const struct address_path *path);

/* Does everything that the table promises itself hold? For tests. Bound: quadratic in the
 * addresses. */
bool addresses_invariants(const struct addresses *t);

#endif
