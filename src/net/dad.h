/* SPDX-License-Identifier: MIT
 * Own addresses taken into use: duplicate address detection for IPv6 (RFC 4862 5.4), then
 * announcement, by an unsolicited neighbour advertisement (RFC 4861 7.2.6) or, for IPv4, by ARP
 * announcements (RFC 5227 2.3).
 *
 *   TENTATIVE --(random delay)--> solicitation, RETRANS_TIMER, ... --> PREFERRED --> announcement
 *        `--- somebody else has it or wants it, too --> DUPLICATED, for good: there is no second
 * try
 *
 * The address table keeps the entries; here is the timing. What is not done: probing for IPv4 (RFC
 * 5227 2.1); an address given by the administrator is used at once and defended. Joining the
 * solicited-node group is a matter of the address table alone, which counts the group as ours from
 * the start: no MLD report is sent (RFC 3810 would want one, for switches that snoop). A
 * solicitation of our own that a link loops back is known by its Ethernet source (RFC 4862 5.4.3),
 * not by a nonce (RFC 7527). */
#ifndef WEIR_NET_DAD_H
#define WEIR_NET_DAD_H

#include "base/rng.h"
#include "net/address.h"

enum {
    DAD_TRANSMITS = 1, /* DupAddrDetectTransmits (RFC 4862 5.1) */
    DAD_TRANSMITS_MAX = 16,
    DAD_RETRANS_MS = 1000,     /* RetransTimer (RFC 4861 10) */
    DAD_DELAY_MS_MAX = 1000,   /* MAX_RTR_SOLICITATION_DELAY */
    DAD_ARP_ANNOUNCEMENTS = 2, /* ANNOUNCE_NUM (RFC 5227 1.1) */
    DAD_ARP_ANNOUNCE_MS = 2000 /* ANNOUNCE_INTERVAL */
};

struct dad_config {
    const struct weir_assert *handler;
    struct wheel *wheel;
    struct addresses *addresses;
    struct rng rng;
    uint32_t transmits; /* 0 ... DAD_TRANSMITS_MAX; 0: no detection, addresses are good at once */
    uint32_t delay_ms_max; /* of the random delay before the first (RFC 4862 5.4.2); at most
                              DAD_DELAY_MS_MAX */
};

/* The fields are its own; the counters are for everyone to read. */
struct dad {
    const struct weir_assert *handler;
    struct wheel *wheel;
    struct addresses *addresses;
    struct rng rng;
    uint32_t transmits, delay_ms_max;
    uint64_t due;        /* interfaces that may have something to send, as bits */
    uint64_t unique;     /* addresses that passed */
    uint64_t duplicates; /* addresses that did not */
};

/* Set up. Owner: the caller; wheel, addresses and handler outlive it. */
void dad_init(struct dad *d, const struct dad_config *config);

/* Take an address just added into use: detection when it is TENTATIVE, announcement otherwise.
 * Removing the address ends either. Not called for addresses of interfaces without link-layer
 * addresses: there nobody could object, and an address is added as PREFERRED. Bound: constant. */
void dad_start(struct dad *d, struct address *address, weir_time now);

/* Somebody else has the TENTATIVE address, or is probing for it, too: it becomes DUPLICATED (RFC
 * 4862 5.4.3, 5.4.4). Of a link-local address made from the interface's MAC the caller should know
 * that RFC 4862 5.4.5 wants IPv6 disabled on the interface. */
void dad_conflict(struct dad *d, struct address *address);

/* What is to be sent. */
struct dad_message {
    struct weir_addr addr;
    bool probe; /* a solicitation from ::; otherwise an announcement of the family */
};

/* The next message due on an interface; false when there is none. The caller sends it: it counts as
 * sent. Bound: linear in the addresses while one of the interface is due, else constant. */
bool dad_output(struct dad *d, unsigned ifindex, weir_time now, struct dad_message *out);

/* May dad_output() have something for the interface? Not wrong when it says no. */
static inline bool dad_has_output(const struct dad *d, unsigned ifindex)
{
    return (d->due >> ifindex & 1) != 0;
}

/* A timer of kind NET_TIMER_ADDRESS fired. Bound: constant. */
void dad_expire(struct dad *d, struct net_timer *timer, weir_time now);

#endif
