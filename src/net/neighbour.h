/* SPDX-License-Identifier: MIT
 * The neighbour cache: which station has an address, and whether it can still be reached. One
 * machine for both families: the states of RFC 4861 7.3.2 and Appendix C, which meet RFC 1122 2.3.2
 * for ARP when probes are its unicast polls.
 *
 *            ask                answered                   ReachableTime
 *   (NONE) -----> INCOMPLETE ------------> REACHABLE <---+-----------------> STALE
 *     ^               | 3 requests             ^         |                     | a packet is sent
 *     |               v                        |         | confirmed           v
 *     +----------- FAILED                      +------ PROBE <-------------- DELAY
 *     ^           hold-down                              | 3 probes    5 s
 *     +--------------------------------------------------+
 *
 * Departures: an address that did not answer is FAILED for some seconds, so that a flow of packets
 * does not keep asking for it (RFC 1122 2.3.2.1); an ARP message cannot move an address while its
 * entry is in use, but has the station that we know asked first (ATK-ARP-03); an entry that nobody
 * uses is forgotten.
 *
 * Who may take whose place. Entries pinned by a connection and static ones are never evicted, nor
 * those being asked. Others give way in this order: those that FAILED, those heard of but never
 * used, the least recently used. A neighbour that we only heard of takes no place of one that was
 * used, so a flood of senders recycles its own entries (ATK-ARP-04). Few are resolved at one time
 * (ATK-ND-07), a quarter of these places is kept for connections alone, and while there are not
 * enough, an address that no connection waits for is asked for once instead of three times. No
 * entry is given up within RETRANS_TIMER of asking: so even a table that thrashes asks nobody who
 * does not answer twice in that time (ATK-ARP-07).
 *
 * The table sends nothing: neighbour_output() says what is due. */
#ifndef WEIR_NET_NEIGHBOUR_H
#define WEIR_NET_NEIGHBOUR_H

#include "base/map.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "net/timer.h"
#include "weir/error.h"
#include "wire/addr.h"

/* RFC 4861 section 10, unless said otherwise. */
enum {
    NEIGHBOUR_REACHABLE_MS = 30000,       /* REACHABLE_TIME; each time multiplied by 0.5 ... 1.5 */
    NEIGHBOUR_REACHABLE_MS_MAX = 3600000, /* what a router may set (6.2.1) */
    NEIGHBOUR_RETRANS_MS = 1000,          /* RETRANS_TIMER; also the least that a router may set */
    NEIGHBOUR_RETRANS_MS_MAX = 10000,
    NEIGHBOUR_DELAY_MS = 5000,     /* DELAY_FIRST_PROBE_TIME */
    NEIGHBOUR_MULTICAST_TRIES = 3, /* MAX_MULTICAST_SOLICIT */
    NEIGHBOUR_UNICAST_TRIES = 3,   /* MAX_UNICAST_SOLICIT */
    NEIGHBOUR_FAILED_MS = 3000,    /* hold-down after a failed resolution; ours */
    NEIGHBOUR_LOCK_MS = 1000,      /* an ARP entry just confirmed is not even questioned; ours */
    NEIGHBOUR_STALE_MS = 60000     /* then an unpinned STALE entry is forgotten; ours */
};

enum neighbour_state {
    NEIGHBOUR_NONE, /* kept only because it is pinned: nothing is known or being asked */
    NEIGHBOUR_INCOMPLETE,
    NEIGHBOUR_REACHABLE, /* static entries are always */
    NEIGHBOUR_STALE,
    NEIGHBOUR_DELAY,
    NEIGHBOUR_PROBE,
    NEIGHBOUR_FAILED
};

enum neighbour_answer {
    NEIGHBOUR_READY,       /* send */
    NEIGHBOUR_UNREACHABLE, /* nobody answered; for a packet: host unreachable */
    NEIGHBOUR_BUSY,        /* no place for it now: drop the packet, or try later */
    NEIGHBOUR_WAIT,        /* being resolved; never the verdict of a waiter that was woken */
    NEIGHBOUR_GONE         /* the pin's entry was removed: pin again */
};

enum { NEIGHBOUR_VERDICTS = NEIGHBOUR_BUSY + 1 };

struct neighbour_key {
    struct weir_addr addr; /* unicast */
    uint32_t ifindex;      /* below interfaces_max */
};

/* In a list: both; otherwise NULL. */
struct neighbour_link {
    struct neighbour_link *next, *prev;
};

/* Somebody who waits for a neighbour. All zeros waits for none. It does not move while it waits. */
struct neighbour_waiter {
    struct neighbour_link link;
    struct neighbour *holder; /* while a packet waits */
    uint8_t kind;             /* the caller's, to know what it is embedded in */
};

/* One entry. The fields are the table's; read all but the links. */
struct neighbour {
    struct net_timer timer;
    struct neighbour_link place;       /* among those that may be evicted */
    struct neighbour_link due;         /* among those to be solicited */
    struct neighbour_link packets;     /* waiters that hold a packet */
    struct neighbour_link connections; /* waiters that hold none */
    struct neighbour_key key;
    uint32_t hash;
    uint32_t pins;
    weir_time confirmed; /* last reachability confirmation */
    weir_time asked;     /* last solicitation; INT64_MIN: never */
    uint32_t reachable_ms;
    struct eth_addr mac; /* meaningless in NONE, INCOMPLETE and FAILED */
    uint8_t state;       /* enum neighbour_state */
    uint8_t tries;       /* solicitations in INCOMPLETE and PROBE */
    uint8_t packet_count;
    bool is_static;
    bool router;     /* it said so last (IsRouter) */
    bool used;       /* something was sent to it */
    bool challenged; /* somebody else claimed its address since the last confirmation */
};

/* X(name, meaning) */
#define NEIGHBOUR_COUNTERS(X)                                                                      \
    X(created, "entries made")                                                                     \
    X(evicted, "entries that gave way to others")                                                  \
    X(refused_full, "entries not made: all others are in use")                                     \
    X(refused_heard, "neighbours heard of and not remembered: no place but of used ones")          \
    X(refused_incomplete, "resolutions not begun: too many at a time")                             \
    X(displaced, "waiting packets that gave way to newer ones")                                    \
    X(solicited, "solicitations handed out")                                                       \
    X(failed, "resolutions that nobody answered")                                                  \
    X(lost, "neighbours that stopped answering")                                                   \
    X(moved, "addresses that moved to another station")                                            \
    X(challenged, "claims to the address of a neighbour in use, not believed")                     \
    X(static_challenged, "claims to the address of a static entry")

struct neighbours_config {
    const struct weir_assert *handler;
    struct wheel *wheel;
    struct sip_key key; /* secret */
    struct rng rng;
    uint32_t neighbours_max;              /* 8 ... 65536 */
    uint32_t neighbours_incomplete_max;   /* 1 ... 4096 */
    uint32_t neighbour_queue_packets_max; /* 1 ... 16 */
    uint32_t interfaces_max;              /* 1 ... 64 */
};

enum neighbour_class {
    NEIGHBOUR_CLASS_FAILED,
    NEIGHBOUR_CLASS_HEARD,
    NEIGHBOUR_CLASS_USED,
    NEIGHBOUR_CLASSES
};

/* Of one interface. */
struct neighbour_iface {
    struct neighbour_link due;
    uint32_t reachable_ms, retrans_ms; /* for IPv6; ARP keeps to the constants */
};

/* The fields are the table's; the counters are for everyone to read. It does not move. */
struct neighbours {
    const struct weir_assert *handler;
    struct wheel *wheel;
    struct sip_key key;
    struct rng rng;
    struct pool pool;
    struct map map;
    struct neighbour *recent; /* the entry looked up last, or NULL */
    uint32_t incomplete, incomplete_max, interfaces_max;
    uint32_t queue_packets_max;
    weir_time refused; /* when a resolution was last refused; INT64_MIN: never */
    struct neighbour_link classes[NEIGHBOUR_CLASSES]; /* what may be evicted, oldest first */
    struct neighbour_link woken[NEIGHBOUR_VERDICTS];
    struct neighbour_iface *iface;
#define X(name, meaning) uint64_t name;
    struct {
        NEIGHBOUR_COUNTERS(X)
    } count;
#undef X
};

/* Memory for neighbours_init(), of any alignment; 0 when the config is out of range or the machine
 * too small.
 */
size_t neighbours_size(const struct neighbours_config *config);

/* Set up an empty table. Owner: the caller owns `t` and `mem` (neighbours_size() bytes), in use
 * until both are forgotten; handler and wheel outlive them. The config is copied. Bound: linear. */
void neighbours_init(struct neighbours *t, const struct neighbours_config *config, void *mem);

/* ---- asking ---- */

/* Where to send a packet for a neighbour: READY, and *mac is set; WAIT while it is resolved, which
 * this call begins when need be, and the packet may neighbour_wait(); UNREACHABLE or BUSY, and it
 * is dropped. Sending to a STALE entry begins its DELAY (RFC 4861 7.3.3). Bound: constant. */
enum neighbour_answer neighbour_resolve(struct neighbours *t, const struct neighbour_key *key,
                                        weir_time now, struct eth_addr *mac);

/* The same for a connection, which keeps the entry from being evicted until neighbour_unpin(). The
 * pin is made unless the answer is BUSY, when *pin becomes none (zeros). Bound: constant. */
enum neighbour_answer neighbour_pin(struct neighbours *t, const struct neighbour_key *key,
                                    weir_time now, struct pool_handle *pin);

/* neighbour_resolve() by a pin, without a lookup; GONE when the entry was removed since, and the
 * pin with it. */
enum neighbour_answer neighbour_pinned(struct neighbours *t, struct pool_handle pin, weir_time now,
                                       struct eth_addr *mac);

/* Give a pin back; one that is GONE, or none, may be given too. Bound: constant. */
void neighbour_unpin(struct neighbours *t, struct pool_handle pin, weir_time now);

/* Upper-layer reachability confirmation (RFC 4861 7.3.1): what was sent lately arrived, by this
 * pin's neighbour. Ignored when the entry is gone or has no station. Bound: constant, mostly one
 * store. */
void neighbour_confirm(struct neighbours *t, struct pool_handle pin, weir_time now);

/* ---- waiting ---- */

enum neighbour_waits { NEIGHBOUR_WAITS_PACKET, NEIGHBOUR_WAITS_CONNECTION };

/* Wait for an entry that just answered WAIT. It is woken once, with READY, UNREACHABLE or BUSY
 * (displaced, evicted, removed). Of packets at most neighbour_queue_packets_max wait for one entry:
 * the oldest gives way to the newest (RFC 4861 7.2.2, RFC 1122 2.3.2.2). A waiter that waits
 * already stays where it is. False, and nothing changed, when the entry is not being resolved.
 * Bound: constant. */
bool neighbour_wait(struct neighbours *t, const struct neighbour_key *key,
                    struct neighbour_waiter *waiter, enum neighbour_waits what);

/* Stop waiting; also when woken and not yet drained, or not waiting at all. Bound: constant. */
void neighbour_withdraw(struct neighbour_waiter *waiter);

/* The next waiter that was woken, no longer in any list, and its verdict; NULL when there is none.
 * Those of one verdict come in the order of their waking, and of one entry in the order in which
 * they began to wait, packets before connections; the READY come first. Bound: constant. */
struct neighbour_waiter *neighbour_woken(struct neighbours *t, enum neighbour_answer *verdict);

/* Is there a waiter to drain? */
bool neighbour_has_woken(const struct neighbours *t);

/* ---- hearing ---- */

enum neighbour_message {
    NEIGHBOUR_ARP_REQUEST,
    NEIGHBOUR_ARP_REPLY,
    NEIGHBOUR_SOLICITATION,        /* RFC 4861 7.2.3 */
    NEIGHBOUR_ADVERTISEMENT,       /* 7.2.5 */
    NEIGHBOUR_ROUTER_ADVERTISEMENT /* 6.3.4 */
};

/* What a message that passed all other checks says of a neighbour. */
struct neighbour_event {
    struct neighbour_key key;
    enum neighbour_message message;
    bool has_mac;                     /* of ND: the link-layer address option is there */
    struct eth_addr mac;              /* of a station */
    bool to_us;                       /* ARP: the target is our address */
    bool solicited, override, router; /* the flags of an advertisement */
};

/* What came of it. */
enum neighbour_heard {
    NEIGHBOUR_HEARD_KNOWN = 1,      /* there was an entry, or is one now */
    NEIGHBOUR_HEARD_MOVED = 2,      /* the station changed */
    NEIGHBOUR_HEARD_CHALLENGED = 4, /* a claim was not believed: worth telling (ATK-ARP-03) */
    NEIGHBOUR_HEARD_ROUTER_LOST = 8 /* was a router, is none (7.2.5) */
};

/* Learn from a message; answers bits of enum neighbour_heard. Only requests and solicitations for
 * us and router advertisements make entries, replies never (ATK-ARP-02, ATK-ND-06). Bound:
 * constant; waking is, for any number of connections. */
unsigned neighbour_heard(struct neighbours *t, const struct neighbour_event *event, weir_time now);

/* ---- soliciting ---- */

/* A solicitation to send. */
struct neighbour_probe {
    struct neighbour_key key; /* the target */
    bool unicast;             /* to `mac`; otherwise broadcast, or to the solicited-node group */
    struct eth_addr mac;
};

/* The next solicitation due on an interface; false when there is none. The caller sends it: it
 * counts as sent. No entry asks twice within RETRANS_TIMER. Bound: constant. */
bool neighbour_output(struct neighbours *t, uint32_t ifindex, weir_time now,
                      struct neighbour_probe *out);

/* Has neighbour_output() something for the interface? */
bool neighbour_has_output(const struct neighbours *t, uint32_t ifindex);

/* A timer of kind NET_TIMER_NEIGHBOUR fired. Bound: constant. */
void neighbour_expire(struct neighbours *t, struct net_timer *timer, weir_time now);

/* Take ReachableTime and RetransTimer from a router (RFC 4861 6.3.4), in milliseconds, 0:
 * unspecified, keep. Values are brought into 1000 ... NEIGHBOUR_REACHABLE_MS_MAX and
 * NEIGHBOUR_RETRANS_MS ... NEIGHBOUR_RETRANS_MS_MAX, so that no router makes us flood. From the
 * next use on, IPv6 only. */
void neighbour_set_times(struct neighbours *t, uint32_t ifindex, uint32_t reachable_ms,
                         uint32_t retrans_ms);

/* ---- managing ---- */

/* Add a static entry, or make one of an entry that is there; it is never changed by a message.
 * Errors, nothing changed: WEIR_E_INVALID when `mac` is of no station, WEIR_E_EXHAUSTED. Bound:
 * constant. */
int neighbour_add_static(struct neighbours *t, const struct neighbour_key *key,
                         struct eth_addr mac);

/* Remove an entry, static or not, pinned or not; its waiters are woken with BUSY. Errors:
 * WEIR_E_NOT_FOUND. */
int neighbour_remove(struct neighbours *t, const struct neighbour_key *key);

/* Remove all entries of an interface, static ones too if so asked. Bound: linear in the table. */
void neighbour_flush(struct neighbours *t, uint32_t ifindex, bool also_static);

/* The entry of a neighbour, or NULL: to look at. Does not count as use. */
const struct neighbour *neighbour_find(struct neighbours *t, const struct neighbour_key *key);

/* Walk the entries: begin with *cursor = 0; NULL at the end. Bound: a whole walk is linear in the
 * table. */
const struct neighbour *neighbour_next(const struct neighbours *t, uint32_t *cursor);

/* Does everything that the table promises itself hold? For tests. Bound: linear in the table. */
bool neighbours_invariants(const struct neighbours *t);

#endif
