/* SPDX-License-Identifier: MIT
 * The header that TUN, TAP and packet sockets put before a frame to ask for, or to tell of,
 * checksum and segmentation offload: struct virtio_net_hdr (virtio 1.2, 5.1.6). Pure: bytes and
 * numbers, no device. A device may be hostile or wrong; nothing it says is believed that does not
 * fit the frame (ATK-DEV-08). */
#ifndef WEIR_DRIVER_VNET_H
#define WEIR_DRIVER_VNET_H

#include "weir/drop.h"
#include "weir/iface.h"
#include "weir/packet.h"

enum {
    VNET_BYTES = 10,     /* the legacy header, ... */
    VNET_BYTES_MAX = 12, /* ... and the one with a count of buffers behind, always 0 or 1 */

    VNET_NEEDS_CHECKSUM = 1, /* flags */
    VNET_CHECKSUM_VALID = 2,

    VNET_GSO_NONE = 0, /* gso_type */
    VNET_GSO_TCP4 = 1,
    VNET_GSO_UDP_FRAGMENTS = 3, /* one datagram to be fragmented: never asked for, so never right */
    VNET_GSO_TCP6 = 4,
    VNET_GSO_UDP = 5,
    VNET_GSO_ECN = 0x80 /* with a TCP type: CWR is set, and only the first segment keeps it */
};

struct vnet {
    uint8_t flags, gso_type;
    uint16_t header_len; /* of all headers of the frame; a hint */
    uint16_t gso_size;   /* payload bytes of a segment */
    uint16_t checksum_start, checksum_offset;
};

/* Bytes to numbers and back. `len` is VNET_BYTES or VNET_BYTES_MAX; the count of buffers is written
 * as 0 and ignored. */
void vnet_load(struct vnet *out, const uint8_t *p, bool big_endian);
void vnet_store(uint8_t *p, size_t len, const struct vnet *header, bool big_endian);

/* Take what the header says of the frame in *packet, whose head holds all of it, into the packet's
 * checksum and segmentation fields. One segment is none: a "coalesced" frame that holds no more
 * than gso_size is handed on as a plain one. Reasons: DEVICE_OFFLOAD, when the header contradicts
 * itself or the frame; the packet's fields are zero then. Bound: constant. */
enum weir_drop vnet_parse(struct weir_rx *packet, const struct vnet *header, enum weir_link link);

/* Say what the packet asks for. False, and *out zero, when the request does not fit the packet:
 * checksum field outside it, segments of 0 bytes, segments without checksums, a transport header
 * that does not stand in the packet's own headers. Bound: constant. */
bool vnet_emit(struct vnet *out, const struct weir_tx *packet);

/* Where the transport header of a whole, contiguous packet stands, and the checksum field in it. */
struct vnet_transport {
    size_t at;         /* from the start of the frame */
    size_t header_len; /* of the transport header */
    size_t end;        /* of the IP packet: padding may stand behind */
    uint16_t checksum_offset;
    uint8_t version;  /* 4 or 6 */
    uint8_t protocol; /* IP_PROTOCOL_TCP or IP_PROTOCOL_UDP */
};

/* Find it; false when the frame is no whole TCP or UDP packet. Bound: constant. */
bool vnet_find_transport(struct vnet_transport *out, const uint8_t *frame, size_t len,
                         enum weir_link link);

/* Finish a checksum in software: sum from `start` to the end of the frame into the field at start +
 * offset, which must lie inside. */
void vnet_finish_checksum(uint8_t *frame, size_t len, size_t start, size_t offset);

#endif
