/* SPDX-License-Identifier: MIT
 * The mappings of a NAT: which outside port stands for which inside address and port. */
#ifndef WEIR_SIM_NAT_TABLE_H
#define WEIR_SIM_NAT_TABLE_H

#include "base/map.h"
#include "base/siphash.h"
#include "sim/sim.h"
#include "wire/ip4.h"

enum { NAT_MAPPINGS_MAX = 65536 };

/* What was seen of the TCP connections of a mapping. */
enum nat_tcp {
    NAT_TCP_ANSWERED = 1U << 0, /* something came in ... */
    NAT_TCP_OPEN = 1U << 1,     /* ... and then something but a SYN went out */
    NAT_TCP_FIN_OUT = 1U << 2,
    NAT_TCP_FIN_IN = 1U << 3,
    NAT_TCP_RESET = 1U << 4
};

struct nat_endpoint {
    uint8_t protocol; /* IP_PROTOCOL_TCP, UDP, ICMP4 */
    struct ip4_addr addr;
    uint16_t port; /* the id of echo requests */
};

struct nat_mapping {
    struct nat_endpoint inside;
    uint16_t outside_port;
    uint8_t tcp; /* enum nat_tcp */
    bool in_use;
    weir_time used; /* last */
};

struct nat_table_config {
    uint32_t mappings_max;       /* 1 to NAT_MAPPINGS_MAX */
    uint16_t port_min, port_max; /* 0, 0: all */
    weir_time tcp_established, tcp_transitory, udp, icmp;
};

/* Fields are the table's; counters are to be read. */
struct nat_table {
    struct nat_table_config config;
    struct sip_key key;
    struct nat_mapping *mapping; /* mappings_max of them */
    uint32_t *unused;            /* indexes of those that are free, unused_count of them */
    uint32_t unused_count;
    struct map by_inside, by_outside;
    void *memory[2]; /* of the maps */
    uint64_t mapped, expired, full, ports_exhausted;
};

/* Make an empty table; false: no memory, or a limit out of range. Free it in either case. */
bool nat_table_init(struct nat_table *t, const struct nat_table_config *config, struct sip_key key);
void nat_table_free(struct nat_table *t);

/* The mapping of an inside endpoint, or of an outside port; NULL: none, or it has expired. */
struct nat_mapping *nat_table_inside(struct nat_table *t, const struct nat_endpoint *inside,
                                     weir_time now);
struct nat_mapping *nat_table_outside(struct nat_table *t, uint8_t protocol, uint16_t port,
                                      weir_time now);

/* Map an endpoint that is not mapped; NULL (counted): the table is full of mappings that live, or
 * no port is free. Bound: linear in the ports and the mappings. */
struct nat_mapping *nat_table_map(struct nat_table *t, const struct nat_endpoint *inside,
                                  weir_time now);

/* How many there are, those that have expired but were not missed yet counted. */
uint32_t nat_table_count(const struct nat_table *t);

#endif
