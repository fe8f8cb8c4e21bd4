/* SPDX-License-Identifier: MIT
 * A port-translating NAT for IPv4: TCP, UDP, ICMP echo, and ICMP errors with the packets they
 * quote.
 *
 * It maps an inside address and port to one outside port, whatever the destination
 * (endpoint-independent: RFC 4787 REQ-1, RFC 5382 REQ-1), and lets anybody in who sends to a mapped
 * port (endpoint-independent filtering, RFC 4787 REQ-8). It keeps the port if that is free, else
 * takes the next free one of the same class, below 1024 or not (REQ-3), and for UDP of the same
 * parity (REQ-4). Inside hosts reach each other by their outside addresses (hairpinning, REQ-9).
 * Fragments behind the first go the way of the first, if it came before them (RFC 4787 REQ-14 asks
 * for more). Everything else, IPv6 and protocols without ports, passes unchanged. */
#ifndef WEIR_SIM_MIDDLEBOX_NAT_H
#define WEIR_SIM_MIDDLEBOX_NAT_H

#include "sim/middlebox.h"
#include "wire/addr.h"

enum nat_unknown {
    NAT_UNKNOWN_DROP = 0, /* silently (RFC 5382 REQ-4 for SYNs) */
    NAT_UNKNOWN_RESET /* TCP is answered with RST, as by boxes that forgot a connection (NF-52) */
};

/* Zero is a good default but for the address. */
struct nat_config {
    struct middlebox_common common;
    struct ip4_addr outside;     /* that inside hosts appear as */
    uint16_t port_min, port_max; /* outside ports; 0, 0: all, in their class */
    uint32_t mappings_max;       /* 0: 1024 */
    uint8_t unknown;             /* enum nat_unknown: for packets to no mapped port */
    bool refresh_inbound; /* packets from outside keep a mapping alive too (RFC 4787 REQ-6) */
    /* Idle times after which a mapping ends; 0: those of the RFCs. */
    weir_time tcp_established; /* 2 h 4 min (RFC 5382 REQ-5) */
    weir_time tcp_transitory;  /* 4 min: opening or closing */
    weir_time udp;             /* 5 min (RFC 4787 REQ-5) */
    weir_time icmp;            /* 60 s (RFC 5508 REQ-2) */
};

struct nat_stats {
    uint64_t mapped, expired;             /* mappings made and ended */
    uint32_t mappings;                    /* now, those that nobody has missed yet counted */
    uint64_t translated[MIDDLEBOX_PORTS]; /* packets, by where they came in */
    uint64_t errors;                      /* of them ICMP errors about mapped packets */
    uint64_t hairpinned;
    uint64_t unknown;                     /* from outside, to no mapped port: dropped */
    uint64_t resets;                      /* of them answered */
    uint64_t table_full, ports_exhausted; /* from inside, dropped for want of a mapping */
    uint64_t fragments_unknown;           /* dropped: their first fragment was not seen before */
};

/* Add one; NULL as middlebox_add(). */
struct middlebox *middlebox_add_nat(struct sim *sim, const char *name,
                                    const struct nat_config *config);

struct nat_stats middlebox_nat_stats(const struct middlebox *nat);

/* The outside port that an inside endpoint has at `now`, 0: none. `protocol` is IP_PROTOCOL_TCP,
 * UDP or ICMP4, whose ports are the ids of echo requests. */
uint16_t middlebox_nat_port(const struct middlebox *nat, uint8_t protocol, struct ip4_addr inside,
                            uint16_t port, weir_time now);

#endif
