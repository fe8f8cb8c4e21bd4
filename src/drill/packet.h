/* SPDX-License-Identifier: MIT
 * Packets between the numbers of a script and those of the wire.
 *
 * A script counts as packetdrill does: its sequence numbers are those of the wire but for a constant a
 * direction, which the SYN of that direction tells; those of the peer are the wire's as they are.
 * A value of a timestamp of the stack's stands for the value that was seen in its place when it was
 * first met; before the first one, and for values that were never met, the script's milliseconds
 * are the stack's. */
#ifndef WEIR_DRILL_PACKET_H
#define WEIR_DRILL_PACKET_H

#include "base/seq.h"
#include "drill/script.h"

enum { PACKET_STAMPS_MAX = 256, PACKET_QUOTE_MAX = 128, PACKET_BYTES_MAX = 65535 };

/* A connection, or an exchange of datagrams. */
struct packet_flow {
    bool bound; /* the ports are known */
    uint16_t local_port, remote_port;
    bool has_local;        /* the stack's first sequence number is known: on the wire it is ... */
    uint32_t local_offset; /* ... the script's and this much more */
    uint32_t local_isn;    /* in the script's numbers */
    bool has_remote;
    uint32_t remote_isn;
    bool has_syn;     /* the peer's last SYN, which the stack may or may not take for one, was ... */
    uint32_t syn_seq; /* ... this */
    struct {
        uint32_t script, wire;
    } stamp[PACKET_STAMPS_MAX];
    unsigned stamp_count;
    uint8_t quote[PACKET_QUOTE_MAX]; /* the beginning of the last packet that the stack sent */
    unsigned quote_len;
};

/* What holds for all packets of a script. */
struct packet_world {
    bool ip6;
    struct weir_addr local, remote;
    uint16_t bind_port;    /* the stack's, when the peer begins */
    uint32_t stamp_ticks;  /* timestamps are checked to so many milliseconds; 0: not */
    struct {
        bool known;
        uint8_t bytes[SCRIPT_COOKIE_BYTES];
    } cookie[SCRIPT_COOKIES_MAX]; /* of fast open, as the stack chose them */
    bool odd_in;           /* data of the peers' did not keep to the pattern */
    bool odd_out;          /* nor does the stack's need to */
    struct packet_flow tcp[SCRIPT_FLOWS_MAX], udp[SCRIPT_FLOWS_MAX];
};

/* The byte at `offset` of the stream of data that the peer sends, and of the stack's. */
uint8_t packet_byte_in(uint32_t offset);
uint8_t packet_byte_out(uint32_t offset);

/* The flow that a packet of the script is of. */
struct packet_flow *packet_flow(struct packet_world *world, const struct script_packet *p);

/* Make the packet that the script hands in, and note in its flow what it tells. Answers its length; 0:
 * it cannot be, and `why` says so. */
uint32_t packet_make(struct packet_world *world, const struct script_packet *p,
                     uint8_t out[PACKET_BYTES_MAX], const char **why);

/* Read a packet of the stack's into the script's numbers, and note in its flow what it tells.
 * `expected` (NULL: none) says of which flow it should be, and gives timestamps their names. False: it
 * is none that a script can hold, or its payload is not what was written, and `why` says so. */
bool packet_read(struct packet_world *world, const uint8_t *bytes, uint32_t len,
                 const struct script_packet *expected, struct script_packet *actual,
                 const char **why);

/* Bits of what differs. */
enum packet_field {
    PACKET_PROTOCOL = 1 << 0,
    PACKET_FLOW = 1 << 1,
    PACKET_FLAGS = 1 << 2,
    PACKET_SEQ = 1 << 3,
    PACKET_LEN = 1 << 4,
    PACKET_ACK = 1 << 5,
    PACKET_WINDOW = 1 << 6,
    PACKET_URGENT = 1 << 7,
    PACKET_OPTIONS = 1 << 8,
    PACKET_ECN = 1 << 9,
    PACKET_TOS = 1 << 10,
    PACKET_TTL = 1 << 11,
    PACKET_PORTS = 1 << 12,
    PACKET_ICMP = 1 << 13,
    PACKET_MTU = 1 << 14,
    PACKET_QUOTE = 1 << 15,
    PACKET_DF = 1 << 16
};

/* What of `actual` is not as `expected` says; 0: it is the packet. */
unsigned packet_differs(const struct script_packet *expected, const struct script_packet *actual);

/* The names of the bits: "flags, ack". */
void packet_fields_text(unsigned fields, char *text, size_t size);

/* The packet as a script says it, its direction included; `like` (NULL: all) says what is left
 * out. */
void packet_text(const struct script_packet *p, const struct script_packet *like, bool ip6,
                 char *text, size_t size);

#endif
