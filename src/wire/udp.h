/* SPDX-License-Identifier: MIT
 * The UDP header (RFC 768, RFC 8200 8.1). */
#ifndef WEIR_WIRE_UDP_H
#define WEIR_WIRE_UDP_H

#include "base/checksum.h"
#include "base/mem.h"
#include "weir/drop.h"

enum {
    UDP_HEADER_LEN = 8,
    UDP_LEN_MAX = 65535
};

struct udp {
    uint16_t source_port, destination_port;
    uint16_t payload_len; /* the length field less the header */
    be16 checksum;        /* as on the wire; 0: none */
};

/* Read the header at p: head_len bytes are contiguous, datagram_len is what the IP header promises.
 * A length field that is smaller trims the payload. The checksum is not looked at:
 * udp_checksum_ok(). *out is complete on WEIR_DROP_NONE and undefined otherwise. Reasons:
 * UDP_SHORT, UDP_LENGTH, DEVICE_HEADERS (the header beyond the head). Bound: constant. */
enum weir_drop udp_parse(struct udp *out, const uint8_t *p, size_t head_len, size_t datagram_len);

/* Is the checksum acceptable? `sum` covers the pseudo-header and the datagram, trimmed to its
 * length. A field of zero means none over IPv4 (RFC 768) and is refused over IPv6 (RFC 8200). */
static inline bool udp_checksum_ok(const struct udp *h, struct csum sum, bool ip6)
{
    return load16(h->checksum.b) == 0 ? !ip6 : csum_is_good(sum);
}

/* The field for a sum of the pseudo-header and the datagram with a field of zero: never zero, which
 * would mean none. */
static inline be16 udp_checksum_finish(struct csum sum)
{
    be16 field = csum_finish(sum);
    return load16(field.b) == 0 ? be16_make(0xffff) : field;
}

/* Write the header with the checksum field that h holds; returns UDP_HEADER_LEN, or 0, with nothing
 * written, when it does not fit `size` or the datagram would be longer than 65,535 bytes. */
size_t udp_emit(uint8_t *p, size_t size, const struct udp *h);

#endif
