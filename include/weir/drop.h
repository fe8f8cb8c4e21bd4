/* SPDX-License-Identifier: MIT
 * Why a packet was dropped. Every received packet is either accepted or counted under exactly one
 * of these, so that received = accepted + the sum of the reasons, always. */
#ifndef WEIR_DROP_H
#define WEIR_DROP_H

#include "weir/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, text). Add at the end of a room's group; programs ask for names, not for numbers. */
#define WEIR_DROPS(X)                                                                              \
    /* the device and the link */                                                                  \
    X(DEVICE_OFFLOAD, "device: offload request does not fit the frame")                            \
    X(DEVICE_OVERSIZE, "device: frame longer than the interface takes")                            \
    X(DEVICE_HEADERS, "device: headers not contiguous")                                            \
    X(ETH_SHORT, "ethernet: frame shorter than its header")                                        \
    X(ETH_VLAN_DEPTH, "ethernet: more than two VLAN tags")                                         \
    X(ETH_TYPE, "ethernet: type not supported")                                                    \
    X(ETH_NOT_FOR_US, "ethernet: addressed to another station")                                    \
    X(ARP_SHORT, "arp: message cut short")                                                         \
    X(ARP_FORMAT, "arp: hardware or protocol type or length wrong")                                \
    X(ARP_OPERATION, "arp: unknown operation")                                                     \
    X(ARP_SENDER, "arp: impossible sender address")                                                \
    X(ARP_NOT_FOR_US, "arp: about another host")                                                   \
    X(ARP_UNSOLICITED, "arp: an answer that nobody asked for")                                     \
    X(ARP_CONFLICT, "arp: claims the address of another station or of ours")                       \
    /* IPv4 */                                                                                     \
    X(IP4_SHORT, "ip4: packet shorter than its header")                                            \
    X(IP4_VERSION, "ip4: version is not 4")                                                        \
    X(IP4_HEADER_LENGTH, "ip4: header length out of range")                                        \
    X(IP4_TOTAL_LENGTH, "ip4: total length does not fit header or packet")                         \
    X(IP4_CHECKSUM, "ip4: header checksum wrong")                                                  \
    X(IP4_OPTION, "ip4: malformed option")                                                         \
    X(IP4_SOURCE_ROUTE, "ip4: source route refused")                                               \
    X(IP4_SOURCE, "ip4: impossible source address")                                                \
    X(IP4_NOT_FOR_US, "ip4: addressed to another host")                                            \
    X(IP4_PROTOCOL, "ip4: protocol not supported")                                                 \
    X(IP4_FRAGMENT, "ip4: fragment impossible or of an unusable datagram")                         \
    /* IPv6 */                                                                                     \
    X(IP6_SHORT, "ip6: packet shorter than its header")                                            \
    X(IP6_VERSION, "ip6: version is not 6")                                                        \
    X(IP6_PAYLOAD_LENGTH, "ip6: payload length does not fit the packet")                           \
    X(IP6_EXT_SHORT, "ip6: extension header runs past the packet")                                 \
    X(IP6_EXT_LIMIT, "ip6: too many extension headers or bytes of them")                           \
    X(IP6_EXT_ORDER, "ip6: hop-by-hop header out of place")                                        \
    X(IP6_OPTION, "ip6: malformed option")                                                         \
    X(IP6_OPTION_UNKNOWN, "ip6: unknown option that asks to discard")                              \
    X(IP6_ROUTING, "ip6: routing header with segments left")                                       \
    X(IP6_JUMBO, "ip6: impossible jumbo payload")                                                  \
    X(IP6_SOURCE, "ip6: impossible source address")                                                \
    X(IP6_NOT_FOR_US, "ip6: addressed to another host")                                            \
    X(IP6_PROTOCOL, "ip6: next header not supported")                                              \
    X(IP6_NO_NEXT, "ip6: no next header")                                                          \
    X(IP6_FRAGMENT, "ip6: fragment impossible or of an unusable datagram")                         \
    /* fragments of both families */                                                               \
    X(REASSEMBLY_DUPLICATE, "reassembly: fragment had arrived before")                             \
    X(REASSEMBLY_OVERLAP, "reassembly: fragment overlaps another")                                 \
    X(REASSEMBLY_LIMIT, "reassembly: more fragments than one datagram may have")                   \
    X(REASSEMBLY_MEMORY, "reassembly: no packet memory left")                                      \
    /* ICMP and neighbour discovery */                                                             \
    X(ICMP_SHORT, "icmp: message cut short")                                                       \
    X(ICMP_CHECKSUM, "icmp: checksum wrong")                                                       \
    X(ICMP_TYPE, "icmp: type or code not handled")                                                 \
    X(ICMP_QUOTE, "icmp: quoted packet unusable")                                                  \
    X(ND_SHORT, "nd: message cut short")                                                           \
    X(ND_HOP_LIMIT, "nd: hop limit is not 255")                                                    \
    X(ND_CODE, "nd: code is not 0")                                                                \
    X(ND_OPTION, "nd: malformed option")                                                           \
    X(ND_TARGET, "nd: impossible target or source address")                                        \
    X(ND_FRAGMENT, "nd: fragmented")                                                               \
    X(ND_MAC, "nd: impossible link-layer address")                                                 \
    X(ND_NOT_FOR_US, "nd: about another host")                                                     \
    X(ND_UNSOLICITED, "nd: about a neighbour that nobody asked for")                               \
    X(ND_CONFLICT, "nd: claims the address of another station or of ours")                         \
    X(ND_ROUTER, "nd: router discovery is off, or no business of a host")                          \
    X(ND_REDIRECT, "nd: redirect refused")                                                         \
    /* UDP */                                                                                      \
    X(UDP_SHORT, "udp: datagram shorter than its header")                                          \
    X(UDP_LENGTH, "udp: length does not fit header or packet")                                     \
    X(UDP_CHECKSUM, "udp: checksum wrong or missing")                                              \
    X(UDP_PORT, "udp: nobody listens on the port")                                                 \
    X(UDP_QUEUE, "udp: receive queue of the endpoint full")                                        \
    X(UDP_MEMORY, "udp: no packet memory left")                                                    \
    /* TCP */                                                                                      \
    X(TCP_SHORT, "tcp: segment shorter than its header")                                           \
    X(TCP_DATA_OFFSET, "tcp: data offset out of range")                                            \
    X(TCP_CHECKSUM, "tcp: checksum wrong")                                                         \
    X(TCP_PORT, "tcp: nobody listens on the port")                                                 \
    X(TCP_ADDRESS, "tcp: to a group or broadcast, or port 0")                                      \
    X(TCP_LISTEN, "tcp: not a segment that a listener takes")                                      \
    X(TCP_BACKLOG, "tcp: SYN or final ACK while the accept queue is full")                         \
    X(TCP_SYN_LIMIT, "tcp: SYN while tcp_syn_received_max handshakes are going on")                \
    X(TCP_SEQUENCE, "tcp: outside the receive window")                                             \
    X(TCP_PAWS, "tcp: timestamp of an earlier segment")                                            \
    X(TCP_TIMESTAMP_MISSING, "tcp: timestamps were agreed on, and there is none")                  \
    X(TCP_RST, "tcp: reset that is not exactly at the next byte")                                  \
    X(TCP_SYN, "tcp: SYN inside a connection")                                                     \
    X(TCP_ACK, "tcp: acknowledgment of what was never sent, or too old, or none")                  \
    X(TCP_MEMORY, "tcp: no memory for the data")                                                   \
    X(TCP_CLOSED, "tcp: data after the connection was closed here")                                \
    X(TCP_TIME_WAIT, "tcp: for a connection in TIME-WAIT, and no reason to go on with it")         \
    X(TCP_QUIET, "tcp: quiet time (RFC 9293 3.4.3)")

enum weir_drop {
    WEIR_DROP_NONE = 0, /* not dropped */
#define X(name, text) WEIR_DROP_##name,
    WEIR_DROPS(X)
#undef X
    WEIR_DROP_COUNT
};

/* The stable name of a reason ("IP4_CHECKSUM") and its text; NULL for a number that is none.
 * Owner: static text. Bound: constant. */
WEIR_API const char *weir_drop_name(unsigned reason);
WEIR_API const char *weir_drop_text(unsigned reason);

#ifdef __cplusplus
}
#endif

#endif
