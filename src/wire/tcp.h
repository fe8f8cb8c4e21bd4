/* SPDX-License-Identifier: MIT
 * The TCP header (RFC 9293 section 3.1): parsed into numbers, emitted from numbers, or laid over
 * the bytes of a packet that is being built. What stands behind the 20 fixed bytes is
 * tcp_options.h. */
#ifndef WEIR_WIRE_TCP_H
#define WEIR_WIRE_TCP_H

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/seq.h"
#include "weir/drop.h"

enum {
    TCP_HEADER_BYTES = 20,      /* the fixed part */
    TCP_HEADER_BYTES_MAX = 60,  /* a data offset of 15 words */
    TCP_OPTION_BYTES_MAX = TCP_HEADER_BYTES_MAX - TCP_HEADER_BYTES
};

/* The 12 bits beside the data offset, as they stand on the wire: eight classic flags, AE (RFC 9768,
 * once NS), and three reserved bits, which are kept but mean nothing. Mask with TCP_FLAGS to
 * compare. */
enum {
    TCP_FIN = 0x001,
    TCP_SYN = 0x002,
    TCP_RST = 0x004,
    TCP_PSH = 0x008,
    TCP_ACK = 0x010,
    TCP_URG = 0x020,
    TCP_ECE = 0x040,
    TCP_CWR = 0x080,
    TCP_AE = 0x100,
    TCP_FLAGS = 0x1ff,
    TCP_RESERVED = 0xe00
};

/* A header as numbers. tcp_parse() sets every field; tcp_emit() writes each one back. */
struct tcp_header {
    uint16_t source_port, destination_port;
    struct tcp_seq seq, ack;
    uint8_t header_len; /* the data offset, in bytes: 20 to 60, a multiple of 4 */
    uint16_t flags;     /* TCP_FIN ... TCP_AE and the reserved bits */
    uint16_t window;    /* as sent, not scaled */
    be16 checksum;
    uint16_t urgent;    /* the urgent pointer, valid with TCP_URG */
};

/* A header as bytes: lay it over a packet and store the fields one by one. */
struct tcp_wire {
    be16 source_port, destination_port;
    be32 seq, ack;
    be16 offset_flags; /* tcp_offset_flags() */
    be16 window;
    be16 checksum;
    be16 urgent;
};

_Static_assert(sizeof(struct tcp_wire) == TCP_HEADER_BYTES && _Alignof(struct tcp_wire) == 1,
               "tcp_wire overlays the wire");
_Static_assert(offsetof(struct tcp_wire, checksum) == 16, "RFC 9293 section 3.1");

/* Data offset, reserved bits and flags as one field. header_len is in bytes, a multiple of 4 in 20
 * to 60; `flags` may have the reserved bits set. */
static inline be16 tcp_offset_flags(size_t header_len, unsigned flags)
{
    return be16_make((uint16_t)(header_len << 10 | (flags & (TCP_FLAGS | TCP_RESERVED))));
}

/* Parse and check the header of a segment of segment_len bytes (what IP carries, all of it), of
 * which the first head_len bytes lie at p. Options are p + 20 up to p + header_len, all within the
 * head. Reserved bits, ports, flags and checksum are not judged here (RFC 9293 section 3.1).
 * Errors: TCP_SHORT; DEVICE_HEADERS, when the segment has a whole header and the head has not;
 * TCP_DATA_OFFSET. *h is set whenever the head has 20 bytes of a segment. Bound: constant. */
static inline enum weir_drop tcp_parse(struct tcp_header *h, const uint8_t *p, size_t head_len,
                                       size_t segment_len)
{
    if (__builtin_expect(segment_len < TCP_HEADER_BYTES, 0))
        return WEIR_DROP_TCP_SHORT;
    if (__builtin_expect(head_len < TCP_HEADER_BYTES, 0))
        return WEIR_DROP_DEVICE_HEADERS;
    unsigned offset_flags = load16(p + 12);
    unsigned header_len = offset_flags >> 12 << 2;
    h->source_port = load16(p);
    h->destination_port = load16(p + 2);
    h->seq = seq_make(load32(p + 4));
    h->ack = seq_make(load32(p + 8));
    h->header_len = (uint8_t)header_len;
    h->flags = (uint16_t)(offset_flags & (TCP_FLAGS | TCP_RESERVED));
    h->window = load16(p + 14);
    h->checksum = (be16){{p[16], p[17]}};
    h->urgent = load16(p + 18);
    if (__builtin_expect(header_len < TCP_HEADER_BYTES || header_len > segment_len, 0))
        return WEIR_DROP_TCP_DATA_OFFSET;
    if (__builtin_expect(header_len > head_len, 0))
        return WEIR_DROP_DEVICE_HEADERS;
    return WEIR_DROP_NONE;
}

/* Write the 20 fixed bytes at p; the exact inverse of tcp_parse(). The checksum is h->checksum:
 * fill it in afterwards, when options and payload are in place. header_len may be below 20, for
 * tests that send what no TCP does; it is a multiple of 4 and at most 60. */
void tcp_emit(uint8_t *p, const struct tcp_header *h);

/* The sequence space a segment takes: its data, and one for each of SYN and FIN (RFC 9293
 * section 3.4, SEG.LEN). */
static inline uint32_t tcp_segment_seq_len(unsigned flags, size_t payload_len)
{
    return (uint32_t)payload_len + ((flags & TCP_SYN) != 0 ? 1 : 0) +
           ((flags & TCP_FIN) != 0 ? 1 : 0);
}

/* The checksum (RFC 9293 section 3.1) of a segment whose header, options included, is header_len
 * bytes at `header`; the checksum field in it counts as zero, whatever it holds. `pseudo` is the
 * sum of the pseudo-header, whose length is header_len plus the payload's; `payload` the sum of the
 * payload. header_len is a multiple of 4 in 20 to 60. */
be16 tcp_checksum(const uint8_t *header, size_t header_len, struct csum pseudo,
                  struct csum payload);

/* Is the checksum in the header right (MUST-3)? Arguments as above. A correct sum of zero may be
 * sent as 0x0000 or 0xffff, which are one number in one's complement arithmetic. */
bool tcp_checksum_is_good(const uint8_t *header, size_t header_len, struct csum pseudo,
                          struct csum payload);

#endif
