/* SPDX-License-Identifier: MIT
 * Whole packets in one piece, as the simulator handles them: find their parts, finish or repair
 * their checksums, cut them into segments. Also for middleboxes and actors. */
#ifndef WEIR_SIM_PACKET_H
#define WEIR_SIM_PACKET_H

#include "base/seq.h"
#include "weir/iface.h"
#include "weir/packet.h"

/* The parts of a packet. Offsets count from the first byte of the frame.
 * What could not be parsed is left out: ip_version 0 when it is no good IP packet; protocol set but
 * transport_len 0 when the transport header is not there or not good. */
struct sim_parsed {
    const uint8_t *bytes; /* borrowed */
    uint32_t len;         /* of the frame */
    uint32_t ip_offset;
    uint32_t ip_len;      /* from the IP header to the end it states, link padding left out */
    uint8_t ip_version;   /* 4, 6, or 0 */
    uint8_t protocol;     /* of the transport, behind extension headers */
    uint8_t ecn;          /* two bits, RFC 3168 */
    bool fragment;        /* ports and flags exist in the first fragment only */
    uint32_t transport_offset;
    uint32_t transport_len;  /* header and payload; 0: none that is good */
    uint32_t payload_offset; /* behind the TCP or UDP header, with transport_len > 0 */
    uint32_t payload_len;
    uint16_t source_port, destination_port; /* TCP and UDP */
    uint16_t tcp_flags;                     /* TCP_FIN ... of wire/tcp.h */
    struct tcp_seq seq, ack;                /* TCP */
};

/* Find the parts of a frame of link type `link` (enum weir_link). Checksums of the transport are
 * not looked at. Bound: constant. */
struct sim_parsed sim_parse(const uint8_t *bytes, uint32_t len, unsigned link);

/* Set the checksums of the IPv4 header and of TCP, UDP and ICMP right for the bytes as they are;
 * parts that are not there or not whole (fragments) are left alone. Bound: linear in len. */
void sim_fix_checksums(uint8_t *bytes, uint32_t len, unsigned link);

/* Set Congestion Experienced if the packet is of an ECN-capable transport (RFC 3168 section 5),
 * with the IPv4 header checksum; true when CE is set afterwards. */
bool sim_mark_ce(uint8_t *bytes, uint32_t len, unsigned link);

enum {
    SIM_CUT_HEADERS_MAX = 512 /* link, IP (with extension headers) and transport headers */
};

/* A packet to be cut, in one piece. */
struct sim_cut {
    const uint8_t *bytes;
    uint32_t len;
    uint8_t link;          /* enum weir_link */
    uint8_t segmentation;  /* enum weir_segmentation, not NONE */
    uint16_t segment_size; /* payload bytes of each segment but the last; > 0 */
};

/* How many segments `cut` makes; 0 when it contradicts itself: not the protocol it says, a
 * fragment, headers incomplete or longer than SIM_CUT_HEADERS_MAX, SYN, RST or URG on more than one
 * segment's worth of payload. */
unsigned sim_segment_count(const struct sim_cut *cut);

/* Write segment `index` (< sim_segment_count()) to `out` of `size` bytes; returns its length, 0
 * when `size` is too small. Each is a packet as the sender would have made it by itself: IP
 * lengths, IPv4 identification counting up from the first, TCP sequence number, FIN and PSH only on
 * the last segment, CWR only on the first (RFC 3168 section 6.1.2), UDP length, all checksums.
 * Bound: linear in its length. */
uint32_t sim_segment_make(const struct sim_cut *cut, unsigned index, uint8_t *out, uint32_t size);

#endif
