/* SPDX-License-Identifier: MIT */
#include "driver/vnet.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/mem.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum { TCP_CHECKSUM_AT = 16, UDP_CHECKSUM_AT = 6 };

static uint16_t get16(const uint8_t *p, bool big_endian)
{
    return big_endian ? load16(p) : (uint16_t)(p[0] | p[1] << 8);
}

static void put16(uint8_t *p, uint16_t v, bool big_endian)
{
    p[big_endian ? 1 : 0] = (uint8_t)v;
    p[big_endian ? 0 : 1] = (uint8_t)(v >> 8);
}

void vnet_load(struct vnet *out, const uint8_t *p, bool big_endian)
{
    *out = (struct vnet){
        .flags = p[0],
        .gso_type = p[1],
        .header_len = get16(p + 2, big_endian),
        .gso_size = get16(p + 4, big_endian),
        .checksum_start = get16(p + 6, big_endian),
        .checksum_offset = get16(p + 8, big_endian),
    };
}

void vnet_store(uint8_t *p, size_t len, const struct vnet *header, bool big_endian)
{
    CHECK(NULL, len >= VNET_BYTES && len <= VNET_BYTES_MAX);
    memset(p, 0, len);
    p[0] = header->flags;
    p[1] = header->gso_type;
    put16(p + 2, header->header_len, big_endian);
    put16(p + 4, header->gso_size, big_endian);
    put16(p + 6, header->checksum_start, big_endian);
    put16(p + 8, header->checksum_offset, big_endian);
}

/* The network header at `at`: fills at, end, version and protocol of *out. */
static bool find_network(struct vnet_transport *out, const uint8_t *frame, size_t len, size_t at)
{
    if (len <= at)
        return false;
    const uint8_t *p = frame + at;
    size_t left = len - at;
    if (p[0] >> 4 == 4) {
        struct ip4 ip;
        if (ip4_parse(&ip, p, left, left) != WEIR_DROP_NONE || ip4_is_fragment(&ip))
            return false;
        size_t header_len = ip4_header_len(&ip);
        *out = (struct vnet_transport){.at = at + header_len,
                                       .end = at + header_len + ip.payload_len,
                                       .version = 4,
                                       .protocol = ip.protocol};
        return true;
    }
    struct ip6 ip;
    if (ip6_parse(&ip, p, left, left) != WEIR_DROP_NONE || ip6_is_fragment(&ip))
        return false;
    *out = (struct vnet_transport){.at = at + ip.upper_at,
                                   .end = at + ip.upper_at + ip.upper_len,
                                   .version = 6,
                                   .protocol = ip.protocol};
    return true;
}

bool vnet_find_transport(struct vnet_transport *out, const uint8_t *frame, size_t len,
                         enum weir_link link)
{
    size_t at = 0;
    if (link == WEIR_LINK_ETHERNET) {
        struct eth eth;
        if (eth_parse(&eth, frame, len) != WEIR_DROP_NONE ||
            (eth.type != ETH_TYPE_IP4 && eth.type != ETH_TYPE_IP6))
            return false;
        at = eth_header_len(&eth);
    }
    if (!find_network(out, frame, len, at))
        return false;
    size_t left = out->end - out->at;
    if (out->protocol == IP_PROTOCOL_TCP) {
        struct tcp_header tcp;
        if (tcp_parse(&tcp, frame + out->at, left, left) != WEIR_DROP_NONE)
            return false;
        out->header_len = tcp.header_len;
        out->checksum_offset = TCP_CHECKSUM_AT;
        return true;
    }
    out->header_len = UDP_HEADER_LEN;
    out->checksum_offset = UDP_CHECKSUM_AT;
    return out->protocol == IP_PROTOCOL_UDP && left >= UDP_HEADER_LEN;
}

/* The segmentation that a gso_type names; WEIR_SEGMENT_NONE: it is none that weir lets a device do.
 */
static enum weir_segmentation segmentation_of(uint8_t gso_type)
{
    switch (gso_type) {
    case VNET_GSO_TCP4:
    case VNET_GSO_TCP4 | VNET_GSO_ECN:
        return WEIR_SEGMENT_TCP4;
    case VNET_GSO_TCP6:
    case VNET_GSO_TCP6 | VNET_GSO_ECN:
        return WEIR_SEGMENT_TCP6;
    case VNET_GSO_UDP:
        return WEIR_SEGMENT_UDP;
    default:
        return WEIR_SEGMENT_NONE;
    }
}

/* Is the frame what the header says it was put together from? */
static bool segments_parse(struct weir_rx *packet, const struct vnet *header, enum weir_link link)
{
    enum weir_segmentation segmentation = segmentation_of(header->gso_type);
    struct vnet_transport t;
    if (segmentation == WEIR_SEGMENT_NONE || header->gso_size == 0 ||
        !vnet_find_transport(&t, packet->head, packet->len, link))
        return false;
    bool udp = segmentation == WEIR_SEGMENT_UDP;
    if (t.protocol != (udp ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP) ||
        (!udp && t.version != (segmentation == WEIR_SEGMENT_TCP4 ? 4 : 6)))
        return false;
    if ((header->flags & VNET_NEEDS_CHECKSUM) != 0 &&
        (header->checksum_start != t.at || header->checksum_offset != t.checksum_offset))
        return false;
    size_t payload_len = t.end - t.at - t.header_len;
    if (payload_len <= header->gso_size)
        return true;
    packet->segmentation = (uint8_t)segmentation;
    packet->segment_size = header->gso_size;
    packet->segment_count = (uint16_t)((payload_len - 1) / header->gso_size + 1);
    return true;
}

static bool fields_parse(struct weir_rx *packet, const struct vnet *header, enum weir_link link)
{
    if (header->header_len > packet->len)
        return false;
    if ((header->flags & VNET_NEEDS_CHECKSUM) != 0) {
        if ((size_t)header->checksum_start + header->checksum_offset + 2 > packet->len)
            return false;
        packet->checksum = WEIR_RX_CHECKSUM_ABSENT;
        packet->checksum_start = header->checksum_start;
        packet->checksum_offset = header->checksum_offset;
    } else if ((header->flags & VNET_CHECKSUM_VALID) != 0) {
        packet->checksum = WEIR_RX_CHECKSUM_GOOD;
    }
    return header->gso_type == VNET_GSO_NONE || segments_parse(packet, header, link);
}

static void fields_clear(struct weir_rx *packet)
{
    packet->checksum = WEIR_RX_CHECKSUM_UNKNOWN;
    packet->segmentation = WEIR_SEGMENT_NONE;
    packet->segment_size = packet->segment_count = 0;
    packet->checksum_start = packet->checksum_offset = 0;
}

enum weir_drop vnet_parse(struct weir_rx *packet, const struct vnet *header, enum weir_link link)
{
    CHECK(NULL, packet->head_len == packet->len && packet->frag_count == 0);
    fields_clear(packet);
    if (fields_parse(packet, header, link))
        return WEIR_DROP_NONE;
    fields_clear(packet);
    return WEIR_DROP_DEVICE_OFFLOAD;
}

/* The request to cut; the checksum's place, already known to be good, is where the transport
 * begins. */
static bool segments_emit(struct vnet *out, const struct weir_tx *packet)
{
    const uint8_t *headers = packet->headers + packet->header_start;
    size_t at = packet->checksum_start;
    bool udp = packet->segmentation == WEIR_SEGMENT_UDP;
    size_t transport_min = udp ? UDP_HEADER_LEN : TCP_HEADER_BYTES;
    if (packet->checksum_wanted == 0 || packet->segment_size == 0 ||
        packet->segmentation > WEIR_SEGMENT_UDP || at + transport_min > packet->header_len ||
        packet->checksum_offset != (udp ? UDP_CHECKSUM_AT : TCP_CHECKSUM_AT))
        return false;
    size_t header_len = at + transport_min;
    uint8_t type = VNET_GSO_UDP;
    if (!udp) {
        struct tcp_header tcp;
        if (tcp_parse(&tcp, headers + at, packet->header_len - at, packet->len - at) !=
            WEIR_DROP_NONE)
            return false;
        header_len = at + tcp.header_len;
        type = packet->segmentation == WEIR_SEGMENT_TCP4 ? VNET_GSO_TCP4 : VNET_GSO_TCP6;
        if ((tcp.flags & TCP_CWR) != 0)
            type |= VNET_GSO_ECN;
    }
    if (packet->len - header_len <= packet->segment_size)
        return true;
    out->gso_type = type;
    out->gso_size = packet->segment_size;
    out->header_len = (uint16_t)header_len;
    return true;
}

bool vnet_emit(struct vnet *out, const struct weir_tx *packet)
{
    struct vnet header = {0};
    *out = header;
    if (packet->checksum_wanted != 0) {
        if ((size_t)packet->checksum_start + packet->checksum_offset + 2 > packet->len)
            return false;
        header.flags = VNET_NEEDS_CHECKSUM;
        header.checksum_start = packet->checksum_start;
        header.checksum_offset = packet->checksum_offset;
    }
    if (packet->segmentation != WEIR_SEGMENT_NONE && !segments_emit(&header, packet))
        return false;
    *out = header;
    return true;
}

void vnet_finish_checksum(uint8_t *frame, size_t len, size_t start, size_t offset)
{
    CHECK(NULL, start + offset + 2 <= len);
    be16 field = csum_finish(csum_best()->sum(frame + start, len - start));
    /* UDP's zero means none (RFC 768); in TCP both forms of zero are the same number. */
    if (load16(field.b) == 0)
        field = be16_make(0xffff);
    memcpy(frame + start + offset, &field, sizeof field);
}
