/* SPDX-License-Identifier: MIT */
#include "core/verdict.h"

#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

/* Does the driver's description fit the packet? A device may be hostile too (ATK-DEV-08,
 * ATK-DEV-12). */
static enum weir_drop shape_verdict(const struct weir_iface_config *iface,
                                    const struct weir_rx *packet)
{
    size_t len = packet->head_len;
    if (packet->frag_count > WEIR_FRAGS_MAX)
        return WEIR_DROP_DEVICE_OFFLOAD;
    for (unsigned i = 0; i < packet->frag_count; i++) {
        if (packet->frag[i].len > WEIR_PACKET_BYTES_MAX)
            return WEIR_DROP_DEVICE_OVERSIZE;
        len += packet->frag[i].len;
    }
    if (len != packet->len)
        return WEIR_DROP_DEVICE_OFFLOAD;

    size_t link_len = iface->link == WEIR_LINK_ETHERNET ? ETH_HEADER_MAX : 0;
    bool coalesced = packet->segmentation != WEIR_SEGMENT_NONE;
    if (len > (coalesced ? WEIR_PACKET_BYTES_MAX : link_len + iface->mtu_bytes))
        return WEIR_DROP_DEVICE_OVERSIZE;
    if (coalesced && ((iface->capabilities & WEIR_CAP_RX_COALESCE) == 0 ||
                      packet->segmentation > WEIR_SEGMENT_UDP || packet->segment_size == 0 ||
                      packet->segment_count == 0))
        return WEIR_DROP_DEVICE_OFFLOAD;
    if (packet->checksum == WEIR_RX_CHECKSUM_ABSENT &&
        (size_t)packet->checksum_start + packet->checksum_offset + 2 > len)
        return WEIR_DROP_DEVICE_OFFLOAD;
    return WEIR_DROP_NONE;
}

static enum weir_drop ip4_verdict(const uint8_t *p, size_t head_len, size_t packet_len)
{
    struct ip4 ip;
    enum weir_drop drop = ip4_parse(&ip, p, head_len, packet_len);
    if (drop != WEIR_DROP_NONE)
        return drop;
    if (ip.source_route)
        return WEIR_DROP_IP4_SOURCE_ROUTE;
    return WEIR_DROP_IP4_NOT_FOR_US;
}

static enum weir_drop ip6_verdict(const uint8_t *p, size_t head_len, size_t packet_len)
{
    struct ip6 ip;
    enum weir_drop drop = ip6_parse(&ip, p, head_len, packet_len);
    return drop != WEIR_DROP_NONE ? drop : WEIR_DROP_IP6_NOT_FOR_US;
}

static enum weir_drop eth_verdict(const struct weir_iface_config *iface, const uint8_t *p,
                                  size_t head_len, size_t packet_len)
{
    struct eth eth;
    enum weir_drop drop = eth_parse(&eth, p, head_len);
    if (drop != WEIR_DROP_NONE)
        return drop;
    struct eth_addr own;
    memcpy(own.b, iface->mac, sizeof own.b);
    if (!eth_addr_is_group(eth.destination) && !eth_addr_eq(eth.destination, own))
        return WEIR_DROP_ETH_NOT_FOR_US;

    size_t at = eth_header_len(&eth);
    if (eth.type == ETH_TYPE_IP4)
        return ip4_verdict(p + at, head_len - at, packet_len - at);
    if (eth.type == ETH_TYPE_IP6)
        return ip6_verdict(p + at, head_len - at, packet_len - at);
    if (eth.type != ETH_TYPE_ARP)
        return WEIR_DROP_ETH_TYPE;
    struct arp arp;
    drop = arp_parse(&arp, p + at, head_len - at);
    return drop != WEIR_DROP_NONE ? drop : WEIR_DROP_ARP_NOT_FOR_US;
}

enum weir_drop verdict(const struct weir_iface_config *iface, const struct weir_rx *packet)
{
    enum weir_drop drop = shape_verdict(iface, packet);
    if (drop != WEIR_DROP_NONE)
        return drop;
    const uint8_t *p = packet->head;
    if (iface->link == WEIR_LINK_ETHERNET)
        return eth_verdict(iface, p, packet->head_len, packet->len);
    /* A bare packet has nothing but its first four bits to say what it is. */
    if (packet->head_len == 0)
        return WEIR_DROP_IP4_SHORT;
    if (p[0] >> 4 == 6)
        return ip6_verdict(p, packet->head_len, packet->len);
    return ip4_verdict(p, packet->head_len, packet->len);
}
