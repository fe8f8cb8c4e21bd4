/* SPDX-License-Identifier: MIT
 * Ethernet II frames (RFC 894) with up to two VLAN tags (IEEE 802.1Q). */
#ifndef WEIR_WIRE_ETH_H
#define WEIR_WIRE_ETH_H

#include "wire/addr.h"
#include "weir/drop.h"

enum {
    ETH_VLANS_MAX = 2,
    ETH_HEADER_MIN = 14,
    ETH_HEADER_MAX = ETH_HEADER_MIN + 4 * ETH_VLANS_MAX,
    ETH_FRAME_MIN = 60, /* without the frame check sequence (IEEE 802.3 3.2.8) */

    ETH_TYPE_MIN = 0x0600, /* below it the field is an IEEE 802.3 length (RFC 1122 2.3.3) */
    ETH_TYPE_IP4 = 0x0800,
    ETH_TYPE_ARP = 0x0806,
    ETH_TYPE_VLAN = 0x8100,  /* customer tag, 802.1Q */
    ETH_TYPE_QINQ = 0x88a8,  /* service tag, 802.1ad */
    ETH_TYPE_IP6 = 0x86dd
};

struct eth_vlan {
    uint16_t tpid; /* ETH_TYPE_VLAN or ETH_TYPE_QINQ */
    uint16_t vid;  /* 0..4095 */
    uint8_t pcp;   /* 0..7 */
    bool dei;
};

struct eth {
    struct eth_addr destination, source;
    uint16_t type; /* of what follows the tags; at least ETH_TYPE_MIN, never a tag */
    uint8_t vlan_count;
    struct eth_vlan vlan[ETH_VLANS_MAX]; /* outer first; those not counted are zero */
};

/* Length of the header, and so the offset of the payload: 14, 18 or 22. */
static inline size_t eth_header_len(const struct eth *h)
{
    return ETH_HEADER_MIN + 4U * h->vlan_count;
}

/* Read the header of the frame at p, of which head_len bytes are contiguous. *out is complete on
 * WEIR_DROP_NONE and undefined otherwise. The payload may be empty, and may have padding behind:
 * only the length in the IP header counts (ATK-DEV-03). Reasons: ETH_SHORT, ETH_VLAN_DEPTH,
 * ETH_TYPE. Bound: constant. */
enum weir_drop eth_parse(struct eth *out, const uint8_t *p, size_t head_len);

/* Write the header; returns its length, or 0, with nothing written, when it does not fit `size`. */
size_t eth_emit(uint8_t *p, size_t size, const struct eth *h);

/* How many zero bytes a frame of `len` bytes still needs. */
static inline size_t eth_padding_len(size_t len)
{
    return len < ETH_FRAME_MIN ? ETH_FRAME_MIN - len : 0;
}

/* Pad the frame of `len` bytes at p with zeros to the minimum (RFC 894, CVE-2003-0001); returns the
 * new length, or 0, with nothing written, when `size` is too small. */
size_t eth_pad(uint8_t *p, size_t size, size_t len);

#endif
