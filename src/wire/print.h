/* SPDX-License-Identifier: MIT
 * A packet as one line of text, as tcpdump writes it, without the time stamp. For reading, never
 * for deciding: it prints what the bytes say, also where a parser would drop them. */
#ifndef WEIR_WIRE_PRINT_H
#define WEIR_WIRE_PRINT_H

#include "base/seq.h"
#include "base/text.h"
#include "weir/iface.h"
#include "weir/types.h"

enum print_style {
    PRINT_MODERN = 0, /* IP 10.0.0.1.49152 > 10.0.0.2.80: Flags [P.], seq 1:513, ack 1, ... */
    PRINT_CLASSIC     /* 10.0.0.1.49152 > 10.0.0.2.80: P 1:513(512) ack 1 win 4096 (DF) */
};

/* How to print one packet. All zero is a good default: modern, numbers as on the wire. */
struct print_options {
    enum print_style style;
    bool relative;           /* TCP numbers relative to the two bases below; a SYN keeps its own */
    struct tcp_seq seq_base; /* initial sequence number of the side that sent this packet */
    struct tcp_seq ack_base; /* initial sequence number of the side it is sent to */
};

/* What the IP header says to the printer of a transport header. IPv4 in mapped form. */
struct print_flow {
    struct weir_addr source, destination;
};

/* Append one line for the packet at p: its first captured_len bytes of wire_len (captured_len <=
 * wire_len). Any bytes are fine: what is cut or malformed ends in a remark such as [|tcp], and
 * nothing is read past captured_len. Bound: linear in the headers; the line is cut where `t` ends.
 */
void print_packet(struct text *t, const struct print_options *o, const uint8_t *p,
                  size_t captured_len, size_t wire_len, enum weir_link link);

/* The part of the line that belongs to TCP: the endpoints with their ports, and what follows, with
 * no space in front or behind ("10.0.0.1.49152 > 10.0.0.2.80: Flags [S], ..."). `segment` has
 * captured_len bytes of the segment_len that the IP header promises. */
void print_tcp(struct text *t, const struct print_options *o, const uint8_t *segment,
               size_t captured_len, size_t segment_len, const struct print_flow *flow);

/* "10.0.0.1.80 > 10.0.0.2.49152: ", which begins a transport's part of a line. */
void print_endpoints(struct text *t, const struct print_flow *flow, uint16_t source_port,
                     uint16_t destination_port);

#endif
