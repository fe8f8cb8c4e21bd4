/* SPDX-License-Identifier: MIT
 * ARP for IPv4 over Ethernet (RFC 826). */
#ifndef WEIR_WIRE_ARP_H
#define WEIR_WIRE_ARP_H

#include "wire/addr.h"
#include "weir/drop.h"

enum {
    ARP_LEN = 28,
    ARP_REQUEST = 1,
    ARP_REPLY = 2
};

struct arp {
    uint16_t operation; /* ARP_REQUEST or ARP_REPLY */
    struct eth_addr sender_mac, target_mac;
    struct ip4_addr sender, target;
};

/* Read the message at p; trailing bytes are padding. *out is complete on WEIR_DROP_NONE and
 * undefined otherwise. Whether a sender is believable is for the network room to say (ATK-ARP-05).
 * Reasons: ARP_SHORT, ARP_FORMAT, ARP_OPERATION. Bound: constant. */
enum weir_drop arp_parse(struct arp *out, const uint8_t *p, size_t head_len);

/* Write the message; returns ARP_LEN, or 0, with nothing written, when it does not fit `size`. */
size_t arp_emit(uint8_t *p, size_t size, const struct arp *m);

#endif
