/* SPDX-License-Identifier: MIT
 * A host's part in ARP (RFC 826, RFC 1122 2.3.2): what a received message means for the neighbour
 * cache and for our own addresses (RFC 5227), and the frames to send.
 *
 * Nothing is sent while a message is taken in: what is due is noted, at most ARP_NOTES_MAX an
 * interface, and asked for by arp_output(). RARP is not spoken: its Ethernet type is no type of
 * ours (ATK-ARP-08). */
#ifndef WEIR_NET_ARP_H
#define WEIR_NET_ARP_H

#include "net/address.h"
#include "net/neighbour.h"
#include "net/pace.h"
#include "wire/arp.h"
#include "wire/eth.h"

enum {
    ARP_NOTES_MAX = 16,          /* replies and defences of one interface that wait to be sent */
    ARP_REPLIES_PER_S_MAX = 500, /* of one interface, in the long run ... */
    ARP_REPLIES_BURST = 64,      /* ... and at once */
    ARP_DEFEND_S = 10,           /* DEFEND_INTERVAL (RFC 5227 1.1) */
    ARP_FRAME_LEN = ETH_FRAME_MIN
};

/* A frame to send. */
struct arp_note {
    struct ip4_addr sender; /* our address; checked again when it is sent */
    struct ip4_addr target;
    struct eth_addr target_mac;
    bool announcement; /* a broadcast request for `sender` itself (RFC 5227 2.3) */
};

struct arp_iface {
    struct eth_addr mac;
    bool up;
    struct pace replies;
    uint8_t first, count;
    struct arp_note note[ARP_NOTES_MAX];
};

struct arp_host_config {
    const struct weir_assert *handler;
    struct neighbours *neighbours;
    struct addresses *addresses;
    uint32_t interfaces_max; /* 1 ... 64 */
};

/* X(name, meaning) */
#define ARP_COUNTERS(X)                                                                            \
    X(replies, "requests answered")                                                                \
    X(replies_limited, "requests not answered: the limit on replies")                              \
    X(conflicts, "messages from another station that has one of our addresses")                    \
    X(defences, "of these, answered by an announcement")

/* The fields are its own; the counters are for everyone to read. */
struct arp_host {
    const struct weir_assert *handler;
    struct neighbours *neighbours;
    struct addresses *addresses;
    uint32_t interfaces_max;
    struct arp_iface *iface;
    weir_time *defended; /* by the place of an address in its table: when last; INT64_MIN: never */
#define X(name, meaning) uint64_t name;
    struct {
        ARP_COUNTERS(X)
    } count;
#undef X
};

/* Memory for arp_init(), of any alignment; 0 when out of range or the machine too small. */
size_t arp_size(uint32_t interfaces_max, uint32_t addresses_max);

/* Set up, with no interface up. Owner: the caller owns `a` and `mem` (arp_size() bytes for these
 * limits); handler and tables outlive them. Bound: linear. */
void arp_init(struct arp_host *a, const struct arp_host_config *config, void *mem);

/* Speak ARP on an interface: an Ethernet one, of this station. Bound: constant. */
void arp_iface_up(struct arp_host *a, uint32_t ifindex, struct eth_addr mac);

/* Take in a message that came in on `ifindex`, of an interface that is up. NONE when it told us
 * something or asked for us, and what follows is noted: entry and reply. Reasons:
 * - ARP_SENDER: no station can have sent this, or we did (ATK-ARP-05);
 * - ARP_CONFLICT: from another station, with an address of ours, which is defended once in
 *   ARP_DEFEND_S and kept (RFC 5227 2.4 (c), ATK-ARP-06); or with that of a neighbour in use
 *   (ATK-ARP-03);
 * - ARP_UNSOLICITED: a reply to us from a neighbour that is not in the cache (ATK-ARP-02);
 * - ARP_NOT_FOR_US: about hosts that are none of our business.
 * Bound: constant. */
enum weir_drop arp_input(struct arp_host *a, uint32_t ifindex, const struct arp *m, weir_time now);

/* Write the next reply or defence that is due on an interface. Returns ARP_FRAME_LEN, the padding
 * being zeros (ATK-DEV-04), or 0 when nothing is due or `size` is less. Bound: constant
 * (ARP_NOTES_MAX). */
size_t arp_output(struct arp_host *a, uint32_t ifindex, uint8_t *p, size_t size);

/* May arp_output() have something? Not wrong when it says no. */
bool arp_has_output(const struct arp_host *a, uint32_t ifindex);

/* Write the announcement of an own address that dad_output() asked for. Returns as arp_output(). */
size_t arp_announce(const struct arp_host *a, uint32_t ifindex, struct ip4_addr own, uint8_t *p,
                    size_t size);

/* Write the request that neighbour_output() asked for, from the own address that suits the target
 * best; from 0.0.0.0 when there is none, which is answered all the same and teaches nobody (RFC
 * 5227 2.1.1). Returns as arp_output(). Bound: that of address_select(). */
size_t arp_solicit(const struct arp_host *a, const struct neighbour_probe *probe, uint8_t *p,
                   size_t size);

#endif
