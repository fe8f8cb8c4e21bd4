/* SPDX-License-Identifier: MIT
 * Changing packets the way routers do: each checksum by the difference (RFC 1624), never summed
 * anew, so that a packet that was damaged before is still found damaged behind. */
#ifndef WEIR_SIM_EDIT_H
#define WEIR_SIM_EDIT_H

#include "sim/packet.h"
#include "wire/tcp.h"

/* Bring the checksum at `field` up to date for `len` bytes that change from `from` to `to`; len
 * even, and the bytes at an even offset of what is summed. */
void edit_sum(uint8_t *field, const void *from, const void *to, size_t len);

/* The same for UDP, where zero means none and stays none (RFC 768). */
void edit_sum_udp(uint8_t *field, const void *from, const void *to, size_t len);

/* Change `len` bytes of an IPv4 header (even offset `at` in it) with its checksum. */
void edit_ip4(uint8_t *ip, size_t at, const void *to, size_t len);

/* Bring the checksum of the transport up to date for bytes that it covers, those of the
 * pseudo-header counted: `parsed` is of the packet at `bytes`. Nothing happens when the packet has
 * no such checksum: another protocol, a fragment behind the first, a field that is cut off. */
void edit_transport_sum(uint8_t *bytes, const struct sim_parsed *parsed, const void *from,
                        const void *to, size_t len);

/* Lower TTL or hop limit by one; it is above zero. */
void edit_hop(uint8_t *bytes, const struct sim_parsed *parsed);

/* Replace the TCP header, options included, by `header` of header_len bytes (a multiple of 4 in 20
 * to 60, which its data offset says too), in a packet of *len bytes that is no fragment and has
 * room for what the header grows by; what follows moves, lengths and checksums follow. */
void edit_tcp_header(uint8_t *bytes, uint32_t *len, const struct sim_parsed *parsed,
                     const uint8_t *header, uint32_t header_len);

#endif
