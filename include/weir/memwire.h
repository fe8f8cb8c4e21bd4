/* SPDX-License-Identifier: MIT
 * A wire in memory between two packet ports of one process: what one side's output hands out goes
 * to the other side's input by reference, no byte copied on the way. For tests, benchmarks and
 * sandboxes. */
#ifndef WEIR_MEMWIRE_H
#define WEIR_MEMWIRE_H

#include "weir/iface.h"
#include "weir/packet.h"
#include "weir/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One side of the wire: a stack and its interface, or anything else with the same two calls.
 * `input` and `output` are as weir_stack_input() and weir_stack_output(). */
struct weir_port {
    void *ctx;
    void (*input)(void *ctx, const struct weir_rx *packets, unsigned n, weir_time now);
    unsigned (*output)(void *ctx, struct weir_tx *packets, unsigned max, weir_time now);
};

struct weir_memwire_config {
    uint32_t size;      /* sizeof(struct weir_memwire_config) of the caller */
    uint32_t mtu_bytes; /* from the IP header; 68 to 65535 */
    bool checksums;     /* transport checksums are computed and verified, as on a real wire */
    bool super_packets; /* packets up to 64 KB pass whole, whatever the MTU, as with offloads */
};

enum { WEIR_MEMWIRE_BATCH = 32 }; /* packets moved at a time, each way */

/* The wire. Owner: the caller; its fields are the wire's own. About 10 KB. */
struct weir_memwire {
    struct weir_port port[2];
    struct weir_memwire_config config;
    uint64_t packets[2], bytes[2]; /* carried, by the side that sent them */
    uint64_t refused[2];           /* packets that the wire cannot carry: a fault of the sender */
    struct weir_tx tx[WEIR_MEMWIRE_BATCH];
    struct weir_rx rx[WEIR_MEMWIRE_BATCH];
};

/* Connect two ports. Errors: WEIR_E_INVALID (size or mtu_bytes out of range, a call missing); *wire
 * is unusable then. */
WEIR_API int weir_memwire_init(struct weir_memwire *wire, const struct weir_memwire_config *config,
                               const struct weir_port *a, const struct weir_port *b);

/* The interface that a stack on this wire should state: bare IP, with what the wire does for it. */
WEIR_API void weir_memwire_iface(const struct weir_memwire_config *config,
                                 struct weir_iface_config *iface);

/* Carry one batch each way; answers the packets carried. 0: both sides had nothing to send.
 * Bound: 2 x WEIR_MEMWIRE_BATCH packets. */
WEIR_API unsigned weir_memwire_step(struct weir_memwire *wire, weir_time now);

#ifdef __cplusplus
}
#endif

#endif
