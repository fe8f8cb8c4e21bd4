/* SPDX-License-Identifier: MIT
 * The datagram room: one struct udp_room per stack, with the endpoints of UDP (RFC 768) and of ICMP
 * echo, whose identifier takes the place of the port.
 *
 * Each endpoint has two rings of records, a description and the bytes behind it; an empty ring holds no
 * memory. Received bytes are copied into their ring once and summed by the same pass; a record
 * whose checksum turns out wrong is not committed. Sent bytes are copied and summed when they are
 * queued, and leave by reference into the ring; what is referred to is released by udp_begin().
 *
 * An endpoint is idle, ready on the list of the interface that its first datagram leaves by, or
 * waiting for a neighbour. What it has behind that first datagram waits with it: order is kept.
 *
 * Lookup: a keyed hash of kind and port finds the endpoints of that port, which are one for each own
 * address at most, and one for any address. */
#ifndef WEIR_UDP_UDP_H
#define WEIR_UDP_UDP_H

#include "base/events.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/ring.h"
#include "net/net.h"
#include "weir/udp.h"

enum {
    UDP_PORT_LOW = 49152, /* ports chosen for who has none: the dynamic ones (RFC 6335 6) */
    UDP_PORT_COUNT = 65536 - UDP_PORT_LOW,
    UDP_HOP_LIMIT = 64,
    UDP_HOP_LIMIT_GROUP = 1,    /* RFC 1112 6.1 */
    UDP_IP4_PAYLOAD_MAX = 65507,
    UDP_IP6_PAYLOAD_MAX = 65527,
    UDP_RECENTS_MIN = 64,
    UDP_RECENTS_MAX = 65536
};

/* An ICMP error is about something that we sent at most this long ago. A router may have asked for a
 * neighbour for seconds before it gives up. */
#define UDP_RECENT_NS (INT64_C(10) * WEIR_NS_PER_S)

/* Set in the index of a handle: it is of this room. */
#define UDP_HANDLE_BIT (UINT32_C(1) << 31)

/* X(name, meaning) */
#define UDP_COUNTERS(X)                                                                            \
    X(received, "datagrams put into receive queues")                                               \
    X(received_refused, "datagrams not received: the queue was full")                              \
    X(received_exhausted, "datagrams not received: no packet memory")                              \
    X(sent, "datagrams handed out whole")                                                          \
    X(send_blocked, "datagrams not queued: the queue was full")                                    \
    X(send_exhausted, "datagrams not queued: no packet memory")                                    \
    X(send_unreachable, "queued datagrams dropped: no way, or nobody at the next hop")             \
    X(send_displaced, "queued datagrams dropped: their next hop lost its place in the cache")         \
    X(send_too_long, "queued datagrams dropped: the path had become too narrow")                   \
    X(errors, "ICMP errors about datagrams of ours")                                               \
    X(errors_refused, "ICMP errors about nothing that was sent lately")                            \
    X(ports_exhausted, "endpoints refused: no port was free")

enum udp_sending {
    UDP_IDLE = 0, /* nothing to send */
    UDP_READY,    /* on the list of an interface */
    UDP_PARKED    /* waits for a neighbour */
};

/* The way of the last datagram, with what was asked for. */
struct udp_way {
    struct weir_addr source; /* asked for; zeros: any */
    uint32_t ifindex;        /* asked for, or ROUTE_ANY_INTERFACE */
    bool valid;
    struct net_path path;
};

/* The fields are the room's. It does not move while it is open, nor after until it has sent all. */
struct udp_endpoint {
    struct datagram out; /* the first to send, unless IDLE */
    struct event_source source;
    struct udp_endpoint *ready_next, *spent_next;
    struct ring receive, send;
    uint64_t receive_tail;        /* past the last record */
    uint64_t send_next, send_tail; /* the first record not yet sent, and past the last one */
    uint32_t send_len;            /* bytes of the first, its record included, unless IDLE */
    uint32_t send_refused;        /* of a datagram that did not fit, its record included; 0: none */
    uint32_t receive_bytes_max, send_bytes_max;
    uint32_t index;     /* in the pool */
    uint32_t port_next; /* the next endpoint of the same port, or POOL_NONE */
    struct udp_way way;
    struct weir_addr local, remote; /* zeros: any */
    uint16_t port, remote_port;
    uint8_t kind;    /* enum weir_datagram_kind */
    uint8_t sending; /* enum udp_sending */
    int8_t error;    /* to be returned once by the next call; WEIR_OK: none */
    bool checksum_off, connected;
    bool source_fixed, ifindex_fixed; /* of `out`: asked for by the sender */
    bool spent;                       /* on the list of those with something to release */
    bool closed, closed_read;
};

_Static_assert(offsetof(struct udp_endpoint, out.waiter) == 0, "who is woken is the endpoint");

/* Something was sent from and to here: a keyed hash, and until when errors about it are believed. */
struct udp_recent {
    weir_time until;
    uint32_t tag;
};

struct udp_list {
    struct udp_endpoint *first, *last;
};

/* The fields are the room's; the counters are for everyone to read. It does not move. */
struct udp_room {
    struct net *net;
    struct blocks *blocks;
    const struct csum_ops *ops;
    struct event_queue *events;
    const struct weir_assert *handler;
    struct sip_key key;
    uint64_t ports_drawn;
    struct pool pool; /* of struct udp_endpoint */
    struct map ports; /* a hash of kind and port to the first endpoint of them */
    uint32_t endpoints_max;
    struct udp_list *ready; /* by interface */
    uint32_t interfaces_max;
    struct udp_endpoint *spent;
    struct udp_recent *recents;
    uint32_t recents_mask;
#define X(name, meaning) uint64_t name;
    struct {
        UDP_COUNTERS(X)
    } count;
#undef X
};

struct udp_room_config {
    struct net *net;
    struct blocks *blocks;
    const struct csum_ops *ops;
    struct event_queue *events;
    const struct weir_assert *handler;
    struct sip_key key; /* secret, of this room alone */
    const struct weir_config *config;
};

/* Memory for udp_init(), of any alignment; 0 when the machine is too small. */
size_t udp_size(const struct weir_config *config);

/* Set up, without endpoints. Owner: the caller owns `udp` and `mem` (udp_size() bytes), in use until
 * both are forgotten; what the config points to outlives them, but for `config`, which is read here
 * only. Bound: linear in udp_endpoints_max. */
void udp_init(struct udp_room *udp, const struct udp_room_config *config, void *mem);

/* ---- what the stack calls ---- */

/* Begin a call that brings time: what earlier outputs referred to is given back, and who waited for
 * room in a send queue is told. Bound: linear in the endpoints that have sent since. */
void udp_begin(struct udp_room *udp);

/* Take in what net_input() delivered for UDP, or an echo reply. NONE when at least one datagram was
 * queued (a device may have put several together); otherwise the reason: UDP_SHORT, UDP_LENGTH,
 * UDP_CHECKSUM, DEVICE_HEADERS, ICMP_TYPE (an echo reply that nobody waits for), UDP_QUEUE,
 * UDP_MEMORY, or UDP_PORT, after which the caller answers with port unreachable. The caller keeps the
 * packet (net_rx_done()). Bound: one pass over the bytes, and the endpoints of the port. */
enum weir_drop udp_input(struct udp_room *udp, const struct net_rx *rx, weir_time now);

/* Take in an ICMP error about a datagram of UDP or an echo request. NONE, or ICMP_QUOTE when nothing
 * of the kind was sent lately (RFC 5927 4, ATK-ICM-15): then it has no effect. Bound: the endpoints of
 * the port. */
enum weir_drop udp_error(struct udp_room *udp, const struct net_error *error, weir_time now);

/* Fill up to `max` packets with what the endpoints have to send on an interface, one datagram each in
 * turn. Answers how many. What they refer to is valid until udp_begin(). Bound: linear in max and in
 * the datagrams that cannot be sent and are dropped. */
unsigned udp_output(struct udp_room *udp, unsigned ifindex, struct weir_tx *tx, unsigned max,
                    weir_time now);

/* May udp_output() have something? Not wrong when it says no. */
static inline bool udp_has_output(const struct udp_room *udp, unsigned ifindex)
{
    return udp->ready[ifindex].first != NULL;
}

/* A waiter of kind NET_WAITER_UDP was woken. Bound: constant. */
void udp_woken(struct udp_room *udp, struct neighbour_waiter *waiter,
               enum neighbour_answer verdict);

/* Is the handle one of this room? Those of other rooms have the bit clear. */
static inline bool udp_owns(weir_handle handle)
{
    return (handle.index & UDP_HANDLE_BIT) != 0;
}

/* The CLOSED event of one of this room's handles was read: it may be used again. Bound: constant. */
void udp_closed_read(struct udp_room *udp, weir_handle handle);

/* ---- for the application: see include/weir/udp.h ---- */

/* The endpoint of a handle, or NULL when it is stale. */
struct udp_endpoint *udp_get(const struct udp_room *udp, weir_handle handle);

int udp_open(struct udp_room *udp, const struct weir_udp_config *config, weir_handle *handle);
int udp_connect(struct udp_room *udp, struct udp_endpoint *e, const struct weir_addr *remote,
                uint16_t port);
int udp_send(struct udp_room *udp, struct udp_endpoint *e, const struct weir_datagram *to,
             struct weir_ref data, weir_time now);
int udp_receive(struct udp_room *udp, struct udp_endpoint *e, struct weir_datagram *from,
                void *data, size_t size);
uint32_t udp_ready(const struct udp_endpoint *e);
void udp_close(struct udp_room *udp, struct udp_endpoint *e);

/* Does everything that the room promises itself hold? For tests. Bound: linear in the endpoints. */
bool udp_invariants(const struct udp_room *udp);

/* ---- between the files of the room ---- */

/* The four corners of a datagram, seen from here. For ECHO the remote port is nothing. */
struct udp_flow {
    struct weir_addr local, remote;
    uint16_t port, remote_port;
    uint8_t kind;
};

/* The endpoint that a datagram of this flow is for, or NULL. */
struct udp_endpoint *udp_find(const struct udp_room *udp, const struct udp_flow *flow);

/* Notes that a datagram was sent on a flow; was one, lately? */
void udp_recent_note(struct udp_room *udp, const struct udp_flow *flow, weir_time now);
bool udp_recent_has(const struct udp_room *udp, const struct udp_flow *flow, weir_time now);

/* The interface that has this own, usable address, or -1. Bound: linear in the interfaces for link
 * scope, else a lookup. */
int udp_own_iface(struct udp_room *udp, struct weir_addr addr);

/* Raise an event, unless it is closed. */
void udp_raise(struct udp_room *udp, struct udp_endpoint *e, uint32_t bits, int error);

/* Something about a datagram that was sent went wrong: tell. */
void udp_report(struct udp_room *udp, struct udp_endpoint *e, int error);

/* Take the error that is to be returned once; WEIR_OK: none. */
int udp_take_error(struct udp_endpoint *e);

/* Give it back to the pool if it is closed, that was read, and nothing is left to send. */
void udp_free_if_done(struct udp_room *udp, struct udp_endpoint *e);

#endif
