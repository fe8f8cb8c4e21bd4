/* SPDX-License-Identifier: MIT
 * The network room: one struct net per stack. It takes packets in up to the transports, and sends
 * what the transports, ICMP, ARP and neighbour discovery have to send. Input notes; output sends.
 *
 *     net_input() -> link -> ARP | IP -> reassembly -> ICMP | a struct net_rx for the transports
 *     net_output() <- ARP, ND, solicitations <- stateless replies
 *     datagram_output() <- a transport that has a datagram to send */
#ifndef WEIR_NET_NET_H
#define WEIR_NET_NET_H

#include "base/blocks.h"
#include "net/arp.h"
#include "net/dad.h"
#include "net/datagram.h"
#include "net/fragment.h"
#include "net/nd.h"
#include "net/pmtu.h"
#include "net/ratelimit.h"
#include "net/reassembly.h"
#include "net/route.h"
#include "weir/config.h"
#include "weir/iface.h"
#include "weir/stats.h"
#include "wire/icmp.h"

enum {
    NET_HEAD_MAX = 1536, /* bytes made contiguous when a device has cut a packet in its headers */
    NET_PARTS_MAX = 1 + WEIR_FRAGS_MAX
};

/* Longer than a TCP segment without data, and the answer to a usual ping. */
enum { REPLY_SMALL_BYTES = 128 };

/* A stateless reply: an echo reply, an ICMP error, a segment without data. A small one needs no packet
 * memory: peers that hold all of it are still told to go. */
struct reply {
    struct datagram datagram;
    struct reply *next;
    uint32_t block; /* of a larger one; or BLOCKS_NONE */
    uint8_t small[REPLY_SMALL_BYTES];
};

struct reply_list {
    struct reply *first, *last;
};

struct net_iface {
    struct weir_iface_config config;
    struct eth_addr mac;
    struct weir_stats stats;
    struct reply_list replies; /* ready to be sent */
};

/* The addresses of the last packet that was for us alone and from a possible source: while nothing
 * about addresses and routes changes, the next one between them is too. */
struct net_known {
    struct weir_addr source, destination;
    uint32_t generation; /* of addresses and routes */
    unsigned ifindex;
    bool valid;
};

/* X(name, meaning): what became of replies. */
#define NET_COUNTERS(X)                                                                            \
    X(echo_replies, "echo requests answered")                                                      \
    X(errors_sent, "ICMP errors queued")                                                           \
    X(errors_limited, "ICMP errors not sent: the limit on their rate")                             \
    X(replies_exhausted, "replies not made: replies_max, or no packet memory")                     \
    X(replies_unreachable, "replies not sent: no route, or nobody at the next hop")

/* The fields are its own; the counters are for everyone to read. It does not move. */
struct net {
    const struct weir_assert *handler;
    struct wheel *wheel;
    struct blocks *blocks;
    const struct csum_ops *ops;
    struct addresses addresses;
    struct routes routes;
    struct neighbours neighbours;
    struct arp_host arp;
    struct nd_host nd;
    struct dad dad;
    struct pmtus pmtus;
    struct reassemblies reassemblies;
    struct ratelimit errors;
    struct fragment_ids ids;
    struct pool replies;
    uint32_t replies_parked; /* wait for their next hop: at most half of all */
    struct reply_list spent; /* sent; their blocks are referred to until the next call */
    struct net_iface *iface;
    unsigned iface_count;
    struct net_known known;
    enum route_reverse_path reverse_path;
    bool accept_routers;
#define X(name, meaning) uint64_t name;
    struct {
        NET_COUNTERS(X)
    } count;
#undef X
};

struct net_config {
    const struct weir_config *config;
    const struct weir_assert *handler;
    struct wheel *wheel;
    struct blocks *blocks;
    const struct csum_ops *ops;
    const struct sip_key *key; /* secret: the keys of all tables come from it */
};

/* Memory for net_init(), of any alignment. */
size_t net_size(const struct weir_config *config);

/* Set up, without interfaces. Owner: the caller owns `net` and `mem` (net_size() bytes); what the
 * config points to outlives them. Bound: linear in the configured tables. */
void net_init(struct net *net, const struct net_config *config, void *mem);

/* Add an interface, whose config has been checked; there is room (interfaces_max). Its index is
 * iface_count before the call. */
void net_add_iface(struct net *net, const struct weir_iface_config *config, weir_time now);

/* ---- input ---- */

/* A packet for a transport. Owner: what is borrowed is valid until net_rx_done(). */
struct net_rx {
    struct weir_addr source, destination;
    uint8_t protocol, hop_limit, traffic_class;
    bool group;       /* sent to more than one host, by its link or network address */
    bool checksum_good; /* the transport checksum need not be verified */
    unsigned ifindex;
    struct weir_ref part[NET_PARTS_MAX]; /* transport header, at the beginning, and payload */
    unsigned parts;
    uint32_t len;       /* of all parts */
    struct weir_ref ip; /* the IP header and what follows it contiguously: to quote in an error */
    const struct weir_rx *packet;
    struct reassembly_datagram whole; /* when it was put together */
    uint8_t head[NET_HEAD_MAX];
};

/* An ICMP error about something that a transport has sent, checked as far as this room can. */
struct net_error {
    struct icmp icmp;
    struct icmp_quote quote;
    struct weir_ref quoted; /* the bytes it was read from */
    unsigned ifindex;
};

enum net_verdict {
    NET_DROPPED, /* for `drop` */
    NET_DONE,    /* it was for this room */
    NET_DELIVER, /* *rx is for the transport of rx->protocol */
    NET_ERROR    /* *error is for the transport of error->quote.protocol */
};

/* The outcome of net_input(). */
struct net_in {
    enum weir_drop drop;
    struct net_rx rx;
    struct net_error error;
};

/* Take a packet in. With NET_DELIVER and NET_ERROR the caller calls net_rx_done() when it has done
 * with it.
 * Bound: that of reassembly, and one pass over the bytes of ICMP messages. */
enum net_verdict net_input(struct net *net, unsigned ifindex, const struct weir_rx *packet,
                           weir_time now, struct net_in *in);
void net_rx_done(struct net *net, struct net_rx *rx);

/* The sum of the pseudo-header of a packet for a transport. */
struct csum net_rx_pseudo(const struct net_rx *rx);

/* ---- output ---- */

/* Begin a call: what earlier outputs referred to is given back. */
void net_begin(struct net *net);

/* Fill up to `max` packets with what this room has to send on an interface. Answers how many. */
unsigned net_output(struct net *net, unsigned ifindex, struct weir_tx *tx, unsigned max,
                    weir_time now);

/* Is there anything for net_output() to send on the interface? */
bool net_has_output(const struct net *net, unsigned ifindex);

/* Where packets to a destination go. `source`: all zeros lets the network choose (MUST-44);
 * `ifindex`: ROUTE_ANY_INTERFACE, or the one to use. WEIR_E_UNREACHABLE when there is no way.
 * Bound: a route lookup and address_select(). */
int net_path(struct net *net, const struct net_path *wanted, struct net_path *path);

/* Answer a packet with an ICMP error, if it may be answered and the rate allows. */
struct net_answer {
    uint8_t kind; /* enum icmp_kind: UNREACHABLE, TIME_EXCEEDED or PARAMETER_PROBLEM */
    uint8_t code;
    uint32_t pointer;
    enum ip6_answer rule; /* IPv6: whether groups are answered too; NONE: they are not */
};
void net_answer(struct net *net, const struct net_rx *rx, const struct net_answer *answer,
                weir_time now);

/* A Fragmentation Needed or Packet Too Big about something that a transport did send, and that is in
 * flight (RFC 5927 7.2): the path is narrower than we thought. Did the estimate fall? Bound: a route
 * lookup. */
bool net_too_big(struct net *net, const struct net_error *error, weir_time now);

/* What such a report says, for pmtu_update(); false: there is no way to its destination any more. */
bool net_too_big_report(struct net *net, const struct net_error *error, struct pmtu_report *report);

/* ---- time ---- */

/* A timer that was popped off the wheel; false when its kind is not of this room. */
bool net_expire(struct net *net, struct net_timer *timer, weir_time now);

/* The next waiter for a neighbour that is not this room's own, with the verdict; NULL: none. Deals
 * with those that are. Bound: linear in the woken. */
struct neighbour_waiter *net_woken(struct net *net, enum neighbour_answer *verdict);

/* ---- management: see include/weir/net.h ---- */

int net_add_address(struct net *net, unsigned ifindex, struct weir_addr addr, unsigned prefix_len,
                    weir_time now);
int net_remove_address(struct net *net, unsigned ifindex, struct weir_addr addr);

/* ---- between the files of the room ---- */

/* A reply in a block that holds `len` bytes, at *bytes; NULL, counted, when there is none to be
 * had. */
struct reply *reply_take(struct net *net, size_t len, uint8_t **bytes);

/* Send it: to the datagram's path, with all else set but the payload. */
void reply_queue(struct net *net, struct reply *reply);

/* An ICMP message whose parts are in rx. */
enum net_verdict icmp_input(struct net *net, const struct net_rx *rx, struct net_in *in);

/* What routers advertised on an interface becomes routes, or is taken back. */
void net_learn_routes(struct net *net, unsigned ifindex);

#endif
