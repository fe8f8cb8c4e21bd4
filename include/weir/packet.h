/* SPDX-License-Identifier: MIT
 * A packet on its way in and on its way out: the two structs between a driver and the stack. Either
 * may be far larger than the MTU, when a device coalesces or cuts. */
#ifndef WEIR_PACKET_H
#define WEIR_PACKET_H

#include "weir/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WEIR_FRAGS_MAX = 2,         /* references beside the head of a packet */
    WEIR_TX_HEADERS_MAX = 128,  /* link, IP and transport headers with options */
    WEIR_PACKET_BYTES_MAX = 18 + 65535 + 40 /* largest packet, link header and IPv6 header included */
};

/* What a device cuts a packet into, or has put together: equal segments of `segment_size` bytes. */
enum weir_segmentation {
    WEIR_SEGMENT_NONE = 0,
    WEIR_SEGMENT_TCP4,
    WEIR_SEGMENT_TCP6,
    WEIR_SEGMENT_UDP /* each segment gets a UDP header of its own */
};

/* What the device says about the transport checksum of a received packet. */
enum weir_rx_checksum {
    WEIR_RX_CHECKSUM_UNKNOWN = 0, /* verify it */
    WEIR_RX_CHECKSUM_GOOD,        /* verified by the device; believed only from a trusted interface */
    WEIR_RX_CHECKSUM_ABSENT       /* never left this host: the field is unfinished, the data is sound */
};

/* A received packet, borrowed for the call of weir_stack_input().
 * Owner: the driver; the stack copies what it keeps and forgets every pointer before it returns.
 * The head holds at least all headers, without a gap; payload may go on in up to two fragments. */
struct weir_rx {
    const uint8_t *head;
    uint32_t head_len; /* bytes at head */
    uint32_t len;      /* bytes in all: head_len and the lengths of the fragments */
    struct weir_ref frag[WEIR_FRAGS_MAX];
    uint8_t frag_count;
    uint8_t checksum;          /* enum weir_rx_checksum */
    uint8_t segmentation;      /* enum weir_segmentation: coalesced from segments of ... */
    uint8_t reserved;          /* 0 */
    uint16_t segment_size;     /* ... this many payload bytes each (the last may be shorter) */
    uint16_t segment_count;    /* ... and this many of them; 0 when not coalesced */
    uint16_t queue;            /* receive queue of the device */
    uint16_t checksum_start;   /* where the checksummed part begins, with CHECKSUM_ABSENT */
    uint16_t checksum_offset;  /* where in it the field stands, with CHECKSUM_ABSENT */
    uint16_t reserved2;        /* 0 */
};

/* A packet to send: headers written into the struct, payload referred to where it lies.
 * Owner: the caller owns the struct; the references point into the stack's memory and stay valid
 * until the next input, output, advance or abort on that stack (application reads and writes are
 * allowed). The driver sends it, or copies it before it asks the stack for more. */
struct weir_tx {
    struct weir_ref frag[WEIR_FRAGS_MAX];
    uint32_t len;            /* bytes in all: header_len and the lengths of the fragments */
    uint16_t header_start;   /* the headers are headers[header_start ... + header_len) */
    uint16_t header_len;
    uint8_t frag_count;
    uint8_t checksum_wanted; /* 1: the device finishes the transport checksum ... */
    uint8_t segmentation;    /* enum weir_segmentation: the device cuts it into segments of ... */
    uint8_t reserved;        /* 0 */
    uint16_t segment_size;   /* ... this many payload bytes each */
    uint16_t segment_count;  /* ... and this many of them; 0 when not to be cut */
    uint16_t checksum_start; /* ... from this offset in the packet to its end ... */
    uint16_t checksum_offset; /* ... into the field at checksum_start + checksum_offset, which holds
                                 the folded sum of the pseudo-header */
    uint16_t queue;          /* transmit queue of the device */
    uint16_t reserved2;      /* 0 */
    uint8_t headers[WEIR_TX_HEADERS_MAX];
};

#ifdef __cplusplus
}
#endif

#endif
