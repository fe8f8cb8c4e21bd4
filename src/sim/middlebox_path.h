/* SPDX-License-Identifier: MIT
 * Middleboxes of the path below TCP: a router with a small MTU (or a black hole), an ICMP filter,
 * one that bleaches ECN. */
#ifndef WEIR_SIM_MIDDLEBOX_PATH_H
#define WEIR_SIM_MIDDLEBOX_PATH_H

#include "sim/middlebox.h"

/* ---- a router in front of a link with a small MTU (NF-20, NF-21) ---- */

struct path_mtu_config {
    struct middlebox_common common;
    uint8_t from;       /* enum middlebox_from: packets that came in there are measured; 0: both */
    uint32_t mtu_bytes; /* from the IP header; 0: no limit */
    bool silent;        /* a black hole (RFC 2923 section 2.1): no ICMP about what is too large */
    /* The MTU that ICMP tells; 0: mtu_bytes. UINT32_MAX: none, as before RFC 1191 (IPv4). */
    uint32_t told_bytes;
    bool hops; /* lower TTL and hop limit, and answer those that end with time exceeded */
    struct weir_addr router4, router6; /* whom ICMP comes from */
};

struct path_mtu_stats {
    uint64_t too_large;  /* dropped: IPv4 with DF, and IPv6 */
    uint64_t fragmented; /* IPv4 without */
    uint64_t expired;    /* dropped: the last hop */
    uint64_t answered;   /* of those dropped, with ICMP */
};

struct middlebox *middlebox_add_path_mtu(struct sim *sim, const char *name,
                                         const struct path_mtu_config *config);
struct path_mtu_stats middlebox_path_mtu_stats(const struct middlebox *box);

/* The path has changed: another MTU, as in the config, with or without ICMP. */
void middlebox_path_mtu_set(struct middlebox *box, uint32_t mtu_bytes, bool silent);

/* ---- ICMP filter: firewalls of those who believe that ICMP is ping (RFC 2923 section 2.1) ---- */

enum icmp_filter_what {
    ICMP_FILTER_ERRORS = 0,   /* all errors are dropped */
    ICMP_FILTER_ALL_BUT_ECHO, /* and everything else but echo and what IPv6 neighbours say */
    ICMP_FILTER_LISTED        /* the types listed */
};

enum { ICMP_FILTER_TYPES_MAX = 16 };

struct icmp_filter_config {
    struct middlebox_common common;
    uint8_t from; /* enum middlebox_from; 0: both */
    uint8_t what; /* enum icmp_filter_what */
    uint8_t type4_count, type6_count;
    uint8_t types4[ICMP_FILTER_TYPES_MAX], types6[ICMP_FILTER_TYPES_MAX];
};

struct icmp_filter_stats {
    uint64_t seen;    /* ICMP packets */
    uint64_t dropped; /* of them */
};

struct middlebox *middlebox_add_icmp_filter(struct sim *sim, const char *name,
                                            const struct icmp_filter_config *config);
struct icmp_filter_stats middlebox_icmp_filter_stats(const struct middlebox *box);

/* ---- ECN bleacher and worse (NF-54): routers that write the old type-of-service byte ---- */

enum ecn_bleach {
    ECN_BLEACH_CLEAR = 0, /* ECT and CE become Not-ECT */
    ECN_BLEACH_MARK,      /* every ECT becomes CE */
    ECN_BLEACH_CE         /* CE becomes ECT(0): marks get lost */
};

struct ecn_bleacher_config {
    struct middlebox_common common;
    uint8_t from;  /* enum middlebox_from; 0: both */
    uint8_t what;  /* enum ecn_bleach */
    bool tcp_syns; /* clear ECE, CWR and AE in SYNs too: no negotiation (RFC 3168 section 6.1.1) */
};

struct ecn_bleacher_stats {
    uint64_t rewritten; /* ECN fields of IP */
    uint64_t syns;      /* SYNs whose flags were cleared */
};

struct middlebox *middlebox_add_ecn_bleacher(struct sim *sim, const char *name,
                                             const struct ecn_bleacher_config *config);
struct ecn_bleacher_stats middlebox_ecn_bleacher_stats(const struct middlebox *box);

#endif
