/* SPDX-License-Identifier: MIT
 * ICMP for both families (RFC 792, RFC 1122 3.2.2, RFC 1191, RFC 4443). One struct for the messages
 * that carry data: echo, and errors with the packet they quote. Neighbour discovery is in nd.h. */
#ifndef WEIR_WIRE_ICMP_H
#define WEIR_WIRE_ICMP_H

#include "base/checksum.h"
#include "wire/addr.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "weir/drop.h"

enum {
    ICMP_HEADER_LEN = 8,
    /* Bytes quoted in an error that we send. IPv4: the message fits the 576 bytes that every host
     * takes (RFC 1812 4.3.2.3); IPv6: the minimum MTU (RFC 4443 2.4 (c)). */
    ICMP4_QUOTE_MAX = 576 - IP4_HEADER_MIN - ICMP_HEADER_LEN,
    ICMP6_QUOTE_MAX = IP6_MTU_MIN - IP6_HEADER_LEN - ICMP_HEADER_LEN,
    ICMP_QUOTED_TRANSPORT_MIN = 8 /* of a quoted packet: enough for ports and sequence number */
};

/* Types of ICMPv4 (RFC 792, 950, 1256). */
enum icmp4_type {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_UNREACHABLE = 3,
    ICMP4_SOURCE_QUENCH = 4,
    ICMP4_REDIRECT = 5,
    ICMP4_ECHO_REQUEST = 8,
    ICMP4_ROUTER_ADVERTISEMENT = 9,
    ICMP4_ROUTER_SOLICITATION = 10,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAMETER_PROBLEM = 12,
    ICMP4_TIMESTAMP_REQUEST = 13,
    ICMP4_TIMESTAMP_REPLY = 14,
    ICMP4_INFORMATION_REQUEST = 15,
    ICMP4_INFORMATION_REPLY = 16,
    ICMP4_MASK_REQUEST = 17,
    ICMP4_MASK_REPLY = 18
};

/* Types of ICMPv6 (RFC 4443, 2710, 4861, 3810). */
enum icmp6_type {
    ICMP6_UNREACHABLE = 1,
    ICMP6_PACKET_TOO_BIG = 2,
    ICMP6_TIME_EXCEEDED = 3,
    ICMP6_PARAMETER_PROBLEM = 4,
    ICMP6_ECHO_REQUEST = 128,
    ICMP6_ECHO_REPLY = 129,
    ICMP6_MLD_QUERY = 130,
    ICMP6_MLD_REPORT = 131,
    ICMP6_MLD_DONE = 132,
    ICMP6_ROUTER_SOLICITATION = 133,
    ICMP6_ROUTER_ADVERTISEMENT = 134,
    ICMP6_NEIGHBOUR_SOLICITATION = 135,
    ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,
    ICMP6_REDIRECT = 137,
    ICMP6_MLD2_REPORT = 143
};

/* Codes of destination unreachable. */
enum icmp_unreachable_code {
    ICMP4_NET_UNREACHABLE = 0,
    ICMP4_HOST_UNREACHABLE = 1,
    ICMP4_PROTOCOL_UNREACHABLE = 2,
    ICMP4_PORT_UNREACHABLE = 3,
    ICMP4_FRAGMENTATION_NEEDED = 4,
    ICMP4_SOURCE_ROUTE_FAILED = 5,
    ICMP6_NO_ROUTE = 0,
    ICMP6_PROHIBITED = 1,
    ICMP6_ADDRESS_UNREACHABLE = 3,
    ICMP6_PORT_UNREACHABLE = 4
};

/* Codes of time exceeded, both families. */
enum icmp_time_exceeded_code {
    ICMP_HOPS_EXCEEDED = 0,
    ICMP_REASSEMBLY_EXCEEDED = 1
};

/* What a message is, whatever the family calls it. */
enum icmp_kind {
    ICMP_OTHER = 0, /* recognised by its type at most: timestamps, masks, routers, MLD */
    ICMP_ECHO_REQUEST,
    ICMP_ECHO_REPLY,
    ICMP_UNREACHABLE,
    ICMP_TOO_BIG, /* IPv4: unreachable, fragmentation needed; IPv6: packet too big */
    ICMP_TIME_EXCEEDED,
    ICMP_PARAMETER_PROBLEM,
    ICMP_SOURCE_QUENCH, /* IPv4 only */
    ICMP_REDIRECT,      /* IPv4 only; that of IPv6 is neighbour discovery */
    ICMP_ND             /* IPv6 only, types 133 to 137: nd_parse() */
};

struct icmp {
    uint8_t type, code;
    uint16_t id, sequence;   /* echo; 0 otherwise */
    uint32_t mtu;            /* TOO_BIG; IPv4: 16 bits, 0 from a router older than RFC 1191 */
    uint32_t pointer;        /* PARAMETER_PROBLEM; IPv4: 8 bits; 0 otherwise */
    struct ip4_addr gateway; /* REDIRECT; zero otherwise */
    /* Found by parsing, ignored by emitting: */
    enum icmp_kind kind;
    uint32_t
        data_len; /* bytes behind the first eight: echo data, or the quoted packet (an error) */
};

/* Is a message of this kind an error, which quotes a packet and is never answered by another? */
static inline bool icmp_is_error(enum icmp_kind kind)
{
    return kind >= ICMP_UNREACHABLE && kind <= ICMP_REDIRECT;
}

/* Read the first eight bytes of the message at p: head_len bytes are contiguous, message_len is
 * what the IP header promises. The checksum is the caller's to verify first, with csum_parts(),
 * over IPv6 from ip6_pseudo(). *out is complete on WEIR_DROP_NONE and undefined otherwise. Reasons:
 * ICMP_SHORT (fewer than 8 bytes; ATK-ICM-12), DEVICE_HEADERS. Bound: constant. */
enum weir_drop icmp4_parse(struct icmp *out, const uint8_t *p, size_t head_len, size_t message_len);
enum weir_drop icmp6_parse(struct icmp *out, const uint8_t *p, size_t head_len, size_t message_len);

/* The bytes behind the first eight of a message to emit, in `count` parts, and how to sum them. */
struct icmp_data {
    const struct csum_ops *ops;
    const struct weir_ref *part;
    unsigned count;
};

/* Write a message with its checksum: the first eight bytes, then the data; of an error's data,
 * which is the offending packet, at most ICMP4_QUOTE_MAX or ICMP6_QUOTE_MAX bytes (ATK-ICM-13).
 * Over IPv6 the checksum takes the addresses of `ip`. Returns the length of the message, or 0, with
 * nothing written, when it does not fit `size` or is of a kind that carries no plain data (OTHER,
 * ND). Bound: linear in the data. */
size_t icmp4_emit(uint8_t *p, size_t size, const struct icmp *m, const struct icmp_data *data);
size_t icmp6_emit(uint8_t *p, size_t size, const struct icmp *m, const struct ip6 *ip,
                  const struct icmp_data *data);

/* What an error says of the packet that it quotes: whose connection it is about. */
struct icmp_quote {
    struct weir_addr source, destination; /* as quoted: the source is the host that is told */
    uint8_t protocol;
    uint16_t transport_at;  /* offset of the transport header in the quote ... */
    uint32_t transport_len; /* ... and how much of it there is: at least 8 bytes */
    uint16_t source_port, destination_port; /* TCP and UDP; 0 otherwise */
    uint32_t sequence;                      /* TCP; 0 otherwise */
};

/* Read the packet quoted at p, of which len bytes are there: header, options or extension headers,
 * and 8 bytes of transport, or WEIR_DROP_ICMP_QUOTE (ATK-ICM-06). Its lengths, checksum and hop
 * limit are not believed: routers change them. Refused too: a fragment other than the first, which
 * says nothing of a connection. *out is complete on WEIR_DROP_NONE and undefined otherwise. Bound:
 * constant. */
enum weir_drop icmp4_quote_parse(struct icmp_quote *out, const uint8_t *p, size_t len);
enum weir_drop icmp6_quote_parse(struct icmp_quote *out, const uint8_t *p, size_t len);

/* May the packet at p, of which len bytes are contiguous, be answered with an ICMP error (RFC
 * 1122 3.2.2, RFC 4443 2.4 (e))? Not if it is an ICMP error or a redirect, not the first fragment,
 * sent to a group of hosts (`link_group`: by its link address), or from an address that is not of
 * one host. `answer` lifts the rule about groups where RFC 4443 does. The rate is the caller's to
 * limit. Bound: constant. */
bool icmp4_may_answer(const uint8_t *p, size_t len, bool link_group);
bool icmp6_may_answer(const uint8_t *p, size_t len, bool link_group, enum ip6_answer answer);

#endif
