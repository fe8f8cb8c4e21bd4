/* SPDX-License-Identifier: MIT
 * Whole packets from a few numbers: for actors, middleboxes, scenarios and tests. Bare IP, of
 * either family; build_frame() puts an Ethernet header in front. */
#ifndef WEIR_SIM_BUILD_H
#define WEIR_SIM_BUILD_H

#include "base/seq.h"
#include "sim/packet.h"
#include "weir/iface.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

enum { BUILD_TTL = 64 };

/* The IP header. All that is zero is a fine default; the family is that of the addresses, both of
 * the same. */
struct build_ip {
    struct weir_addr source, destination;
    uint32_t flow_label; /* IPv6 */
    uint16_t id;         /* IPv4 */
    bool dont_fragment;  /* IPv4 */
    uint8_t ttl;         /* or hop limit; 0: BUILD_TTL */
    uint8_t dscp, ecn;
};

struct build_udp {
    struct build_ip ip;
    uint16_t source_port, destination_port;
    bool no_checksum; /* IPv4: a field of zero (RFC 768) */
    struct weir_ref payload;
};

struct build_tcp {
    struct build_ip ip;
    uint16_t source_port, destination_port;
    struct tcp_seq seq, ack;
    uint16_t flags; /* TCP_SYN ... */
    uint16_t window, urgent;
    const struct tcp_options *options; /* NULL: those in ... */
    struct weir_ref option_bytes;      /* ... here, a multiple of 4 of at most 40 */
    struct weir_ref payload;
};

struct build_icmp_echo {
    struct build_ip ip;
    bool reply;
    uint16_t id, sequence;
    struct weir_ref payload;
};

/* An ICMP error (or any message with plain data) of the family of the addresses. */
struct build_icmp_error {
    struct build_ip ip;
    uint8_t type, code;
    uint32_t mtu;           /* of a fragmentation needed, or packet too big */
    struct weir_ref packet; /* the IP packet it is about; cut as RFC 1812 and RFC 4443 say */
};

/* Write the packet with correct lengths and checksums to `out`; returns its length, or 0 when it
 * does not fit `size` or an IP packet, or when the addresses are of two families. Bound: linear in
 * it. */
uint32_t build_udp(uint8_t *out, size_t size, const struct build_udp *b);
uint32_t build_tcp(uint8_t *out, size_t size, const struct build_tcp *b);
uint32_t build_icmp_echo(uint8_t *out, size_t size, const struct build_icmp_echo *b);
uint32_t build_icmp_error(uint8_t *out, size_t size, const struct build_icmp_error *b);

/* Put an Ethernet header before the IP packet of `len` bytes at `out`, the type by its version,
 * padded to the minimum; returns the length of the frame, or 0 when it does not fit `size`. */
uint32_t build_frame(uint8_t *out, size_t size, uint32_t len, struct eth_addr source,
                     struct eth_addr destination);

/* The addresses of a packet that has an IP version; `back` changes them over. The rest is zero. */
struct build_ip build_path(const struct sim_parsed *packet, bool back);

/* The address that `text` says, which must be one ("10.0.0.1", "2001:db8::1"). */
struct weir_addr build_addr(const char *text);

/* Are all checksums of the packet right, every byte summed again? For those that receive packets,
 * and for tests of those that rewrite them. What is no good IP packet is not right; a protocol that
 * has no checksum we know, and a fragment behind its IP header, are. UDP without one is right over
 * IPv4. */
bool build_is_sound(const uint8_t *bytes, uint32_t len, unsigned link);

#endif
