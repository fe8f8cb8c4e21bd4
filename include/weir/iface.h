/* SPDX-License-Identifier: MIT
 * What an interface is and can do. The driver states it; the stack never asks for more. */
#ifndef WEIR_IFACE_H
#define WEIR_IFACE_H

#include "weir/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum weir_link {
    WEIR_LINK_IP = 1,      /* bare IP packets: TUN, point to point */
    WEIR_LINK_ETHERNET = 2 /* Ethernet II frames, with at most two VLAN tags */
};

/* Bits of weir_iface_config.capabilities. */
enum weir_capability {
    WEIR_CAP_TX_CHECKSUM = 1U << 0,  /* finishes transport checksums (weir_tx.checksum_wanted) */
    WEIR_CAP_TX_TCP4 = 1U << 1,      /* cuts TCP over IPv4 (WEIR_SEGMENT_TCP4) */
    WEIR_CAP_TX_TCP6 = 1U << 2,      /* cuts TCP over IPv6 */
    WEIR_CAP_TX_UDP = 1U << 3,       /* cuts UDP */
    WEIR_CAP_TX_GATHER = 1U << 4,    /* sends from references without copying */
    WEIR_CAP_RX_CHECKSUM = 1U << 5,  /* says whether transport checksums are good */
    WEIR_CAP_RX_COALESCE = 1U << 6,  /* may hand in packets larger than the MTU */
    WEIR_CAP_TRUSTED = 1U << 7,      /* its word on received checksums is believed */
    WEIR_CAP_ALL = (1U << 8) - 1
};

/* An interface to add to a stack.
 * Units: mtu_bytes and coalesced_bytes_max count from the IP header; 68 <= mtu_bytes <= 65535 for
 * IPv4 (RFC 791), and at least 1280 before IPv6 is used on it (RFC 8200 section 5). */
struct weir_iface_config {
    uint32_t size;         /* sizeof(struct weir_iface_config) of the caller: lets the struct grow */
    uint32_t capabilities; /* enum weir_capability */
    uint8_t link;          /* enum weir_link */
    uint8_t mac[6];        /* with WEIR_LINK_ETHERNET: unicast, not zero */
    uint8_t reserved;      /* 0 */
    uint32_t mtu_bytes;
    uint32_t segmented_bytes_max; /* largest packet given to a device that cuts; 0: the MTU */
};

#ifdef __cplusplus
}
#endif

#endif
