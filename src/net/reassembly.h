/* SPDX-License-Identifier: MIT
 * Putting datagrams together from fragments, both families (RFC 791 3.2, RFC 815, RFC 8200 4.5).
 *
 * A datagram is written where it belongs into one block of 64 KB of the packet memory (no
 * datagram is longer), so it ends up in one piece. Beside it stands a sorted array of the spans
 * that have arrived, one for each fragment: a binary search tells a hole from a duplicate from
 * an overlap, and exactly, because spans are never joined. (A bitmap of 8-byte units would need
 * a second one for the edges, 2 KB in all against 256 bytes.) In order a fragment costs the
 * search and its copy; out of order, a move of at most reassembly_fragments_max * 4 bytes more.
 *
 * What makes a datagram unusable - an overlap that is no exact duplicate (RFC 5722, for IPv4
 * too), two ends, too many fragments - frees its memory but leaves its key until its life ends,
 * so that later fragments of it are discarded too.
 *
 * When there is no room for a new datagram, an incomplete one makes room: the oldest of the same
 * prefix of sources if that has a quarter of the table, or else the oldest of REASSEMBLY_SAMPLES
 * chosen at random. So one sender drives out only itself, and against a flood from everywhere a
 * datagram survives most likely while fewer than three quarters of the table are begun after it:
 * (m/n)^8 is the chance to be gone after m of n (ATK-FRG-06, -07, -14). Memory in use is at most
 * a quarter of the packet memory. */
#ifndef WEIR_NET_REASSEMBLY_H
#define WEIR_NET_REASSEMBLY_H

#include "base/blocks.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "net/timer.h"
#include "weir/packet.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

enum {
    REASSEMBLIES_MAX = 1024,        /* the most reassemblies_max may be */
    REASSEMBLY_FRAGMENTS_MAX = 256, /* the most reassembly_fragments_max may be */
    REASSEMBLY_HEADER_MAX = IP6_HEADER_LEN + IP6_EXT_BYTES_MAX,
    REASSEMBLY_SAMPLES = 8,
    REASSEMBLY_SOURCES = 256, /* lists, by a keyed hash of the source's prefix */
    REASSEMBLY_PARTS_MAX = 1 + WEIR_FRAGS_MAX
};

_Static_assert((int)REASSEMBLY_HEADER_MAX >= (int)IP4_HEADER_MAX, "holds either header");

/* The header of a datagram: of its first fragment, as if it had never been cut. */
struct reassembly_header {
    bool is_ip6;
    union {
        struct ip4 ip4; /* options stand in the stored header */
        struct ip6 ip6; /* upper_at and what else is an offset counts in the stored header */
    };
};

struct reassembly_span {
    uint16_t start, end; /* bytes of the datagram's payload */
};

struct reassembly_key {
    struct weir_addr source, destination;
    uint32_t id;
    uint8_t protocol; /* IPv4; RFC 8200 4.5 leaves it out */
    uint8_t zone;     /* 1 + interface with addresses of link scope; otherwise 0 */
};

/* A datagram begun. The timer is first, so that the one who pops it has the datagram. */
struct reassembly {
    struct net_timer timer; /* NET_TIMER_REASSEMBLY */
    struct reassembly_key key;
    uint32_t hash;
    uint32_t block;      /* its payload, or BLOCKS_NONE: unusable */
    uint64_t started;    /* counts datagrams: smaller is older */
    uint32_t bytes;      /* arrived */
    uint32_t end;        /* the length, once the last fragment is here; otherwise 0 */
    uint16_t spans;      /* fragments arrived */
    uint16_t at;         /* its place in the table's order */
    uint16_t source;     /* list of its source's prefix, ... */
    uint16_t next, prev; /* ... and its neighbours there */
    uint8_t ecn_seen;    /* a bit for each codepoint */
    uint8_t ifindex;     /* that the first fragment came in on */
    uint16_t header_len; /* of the first fragment; 0: it is not here yet */
    struct reassembly_header facts;
    uint8_t header[REASSEMBLY_HEADER_MAX];
};

struct reassemblies_config {
    const struct weir_assert *handler;
    struct wheel *wheel;
    struct blocks *blocks;
    struct sip_key key; /* secret */
    struct rng rng;     /* of its own, seeded with a secret: chooses who makes room */
    uint32_t reassemblies_max, fragments_max;
    uint32_t ip4_ms, ip6_ms; /* life of an incomplete datagram */
};

struct reassembly_source {
    uint16_t first, last, count; /* oldest, newest */
};

/* The fields are the table's; the counters are for everyone to read. */
struct reassemblies {
    struct reassemblies_config config; /* key and rng in use */
    struct map map;
    struct reassembly *entries;
    struct reassembly_span *spans; /* fragments_max for each */
    uint16_t *order;               /* all entries: those with a block, the unusable, the free */
    uint32_t live, in_use;
    uint32_t live_max; /* blocks that may be held */
    struct reassembly_source sources[REASSEMBLY_SOURCES];
    uint64_t started, finished;
    uint64_t expired;    /* lives that ended, of datagrams not unusable */
    uint64_t evicted;    /* made room */
    uint64_t spoiled;    /* became unusable */
    uint64_t duplicates; /* fragments */
    uint64_t memory_failures;
};

/* A fragment, parsed. */
struct reassembly_fragment {
    const struct ip4 *ip4; /* one of the two, with ip4_is_fragment() or ip6_is_fragment() */
    const struct ip6 *ip6;
    const uint8_t *packet; /* contiguous from the IP header to where the data begin */
    /* The data: at least as much as the header promises (padding behind it is ignored), in up to
     * REASSEMBLY_PARTS_MAX parts. */
    const struct weir_ref *part;
    unsigned parts;
    unsigned ifindex;
};

/* A finished datagram. Owner: the caller, who gives the block back to the packet memory when done
 * (blocks_give()); facts.ip4.options points into `header`, so the struct is not copied. */
struct reassembly_datagram {
    struct reassembly_header facts; /* ECN combined by RFC 3168 5.3 */
    uint32_t block;                 /* BLOCKS_NONE: none was finished */
    uint32_t len;
    const uint8_t *payload; /* begins with what facts.ip4.protocol or ip6.protocol names */
    uint16_t header_len;
    uint8_t header[REASSEMBLY_HEADER_MAX]; /* as it came: to quote in an error */
};

/* The packet to quote in an ICMP Time Exceeded, in two parts; valid until the datagram is
 * forgotten. */
struct reassembly_quote {
    struct weir_ref part[2];
    unsigned ifindex;
    bool is_ip6;
};

/* Memory for reassemblies_init(), of any alignment; 0 when a limit is out of range (1 ...
 * REASSEMBLIES_MAX, 2 ... REASSEMBLY_FRAGMENTS_MAX) or the machine too small. */
size_t reassemblies_size(uint32_t reassemblies_max, uint32_t fragments_max);

/* Set up an empty table. Owner: the caller owns `t` and `mem` (reassemblies_size() bytes), in
 * use until both are forgotten; handler, wheel and blocks outlive them. The config is copied.
 * Bound: linear. */
void reassemblies_init(struct reassemblies *t, const struct reassemblies_config *config, void *mem);

/* Take a fragment. WEIR_DROP_NONE: it was kept, and when done->block is not BLOCKS_NONE it
 * completed the datagram in *done. Otherwise it was dropped:
 * - IP4_FRAGMENT, IP6_FRAGMENT: impossible, or its datagram is unusable; or that became so by
 *   it: two ends, longer than a datagram can be, a first fragment of TCP without all of the TCP
 *   header (RFC 1858, RFC 3128), fragments that disagree on ECN (RFC 3168 5.3);
 * - REASSEMBLY_DUPLICATE: had arrived before, byte for byte; nothing changed;
 * - REASSEMBLY_OVERLAP: overlaps another: the datagram became unusable;
 * - REASSEMBLY_LIMIT: one more than fragments_max: the datagram became unusable;
 * - REASSEMBLY_MEMORY: the packet memory has no block; nothing changed. Bound: O(log
 *   fragments_max), a move of fragments_max spans and the copy. */
enum weir_drop reassembly_input(struct reassemblies *t, const struct reassembly_fragment *f,
                                weir_time now, struct reassembly_datagram *done);

/* Was the first fragment here, so that the source is to be told of the timeout (RFC 1122 3.3.2, RFC
 * 8200 4.5; ATK-FRG-19)? Then *out is what to quote. To be asked before reassembly_expire(). */
bool reassembly_quote(const struct reassemblies *t, const struct reassembly *r,
                      struct reassembly_quote *out);

/* The timer of `r` was popped: forget it. */
void reassembly_expire(struct reassemblies *t, struct reassembly *r);

/* Does everything that the table promises itself hold? For tests. Bound: quadratic in it. */
bool reassemblies_invariants(const struct reassemblies *t);

#endif
