/* SPDX-License-Identifier: MIT
 * A middlebox that lets everything pass and sends forged TCP segments behind some of it, as one does
 * who knows the addresses and ports of a connection but not its numbers (RFC 5961): resets and SYNs
 * that are not exactly right, data and acknowledgments that cannot be, nonsense flags and options,
 * reports of ICMP about what was never sent, and SYNs in the name of others (RFC 4987). None of it
 * may harm a connection. */
#ifndef WEIR_SIM_ATTACKER_H
#define WEIR_SIM_ATTACKER_H

#include "sim/middlebox.h"

struct attacker_config {
    struct middlebox_common common; /* links of bare IP */
    struct ratio chance;            /* of a forged segment behind one with payload */
    struct ratio reports;           /* of a forged report that a segment with payload was too large */
    struct ratio syns;              /* of a SYN of a stranger behind any segment ... */
    uint64_t syns_max;              /* ... so many in all ... */
    uint16_t port, ports;           /* ... to one of these ports */
    weir_time until;                /* no more from then on */
};

/* NULL: as middlebox_add(). */
struct middlebox *middlebox_add_attacker(struct sim *sim, const char *name,
                                         const struct attacker_config *config);

#endif
