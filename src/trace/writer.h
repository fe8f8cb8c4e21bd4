/* SPDX-License-Identifier: MIT
 * Writing captures: pcapng (draft-ietf-opsawg-pcapng) and classic pcap with nanoseconds. Equal
 * packets give equal bytes on every machine: the file is little-endian everywhere and names neither
 * the host nor the date. */
#ifndef WEIR_TRACE_WRITER_H
#define WEIR_TRACE_WRITER_H

#include <stdio.h>

#include "weir/error.h"
#include "weir/packet.h"
#include "weir/types.h"

/* Link types, as tcpdump.org registers them. */
enum capture_link {
    CAPTURE_LINK_ETHERNET = 1,
    CAPTURE_LINK_RAW = 101, /* bare IPv4 or IPv6 */
    /* What a pcapng file says instead of RAW: libpcap up to 1.10.3 refuses a file with two
     * interfaces of a type whose number it translates, and IPV4, which it does not, is read by
     * version all the same. */
    CAPTURE_LINK_IP4 = 228
};

enum capture_format {
    CAPTURE_PCAPNG = 0,
    CAPTURE_PCAP /* one interface, no comments, no directions */
};

/* As in epb_flags. */
enum capture_direction {
    CAPTURE_DIRECTION_UNKNOWN = 0,
    CAPTURE_INBOUND = 1,
    CAPTURE_OUTBOUND = 2
};

enum {
    CAPTURE_PARTS_MAX = 4,         /* references of one packet */
    CAPTURE_SNAP_BYTES_MAX = 262144, /* what readers accept; larger than any packet of weir */
    CAPTURE_TEXT_MAX = 65535       /* bytes of a comment, a name */
};

/* Where the bytes of a capture go. write() takes all bytes of all parts, in order, or fails with a
 * WEIR_E_ code; flush() (NULL: nothing to do) hands on what a buffer holds back. */
struct capture_sink {
    int (*write)(void *ctx, const struct weir_ref *part, unsigned count);
    int (*flush)(void *ctx);
    void *ctx;
};

/* A stream or a descriptor; the caller keeps it open and closes it. Errors: WEIR_E_IO. */
struct capture_sink capture_sink_file(FILE *file);
struct capture_sink capture_sink_fd(int fd);

/* Memory that grows up to len_max (0: as much as there is). Begin with zeros (and len_max); bytes[0
 * ... len) is the capture. Free it with capture_memory_free(). Errors: WEIR_E_EXHAUSTED. */
struct capture_memory {
    uint8_t *bytes;
    size_t len, capacity, len_max;
};

struct capture_sink capture_sink_memory(struct capture_memory *memory);
void capture_memory_free(struct capture_memory *memory);

struct capture_options {
    uint8_t format;          /* enum capture_format */
    uint32_t snap_bytes;     /* longer packets are cut; 0: CAPTURE_SNAP_BYTES_MAX, the most */
    const char *application; /* named in a pcapng; NULL: none */
};

/* A capture being written. The first error stays: every later call answers it and writes nothing,
 * so that what was written ends with the last whole block before it (or in the middle of one, if
 * that is how far the sink came). */
struct capture_writer {
    struct capture_sink sink;
    int error; /* 0, or what failed first */
    uint32_t snap_bytes;
    uint32_t interfaces;
    uint8_t format;
    uint64_t packets; /* written */
    uint64_t bytes;   /* written, all blocks */
};

/* A packet to record. */
struct capture_packet {
    uint32_t interface; /* as capture_interface() answered */
    uint8_t direction;  /* enum capture_direction */
    weir_time time;     /* >= 0 */
    const char *comment; /* NULL: none; at most CAPTURE_TEXT_MAX bytes, longer ones are cut */
    const struct weir_ref *part; /* borrowed for the call */
    unsigned part_count;         /* at most CAPTURE_PARTS_MAX */
    uint32_t len;       /* on the wire, when more than the parts together; else 0 */
};

/* Begin a capture in *writer (the caller's memory). Errors: those of the sink; WEIR_E_INVALID
 * (unknown format, snap length too large); all of them stay in the writer. */
int capture_open(struct capture_writer *writer, struct capture_sink sink,
                 const struct capture_options *options);

/* Add an interface; answers its index, from 0. It may come after packets of others in a pcapng; a
 * pcap takes exactly one. Errors: those of the sink; WEIR_E_UNSUPPORTED (a second one in a pcap,
 * which is not kept as the writer's error). */
int capture_interface(struct capture_writer *writer, enum capture_link link, const char *name);

/* Record a packet. Errors: those of the sink; WEIR_E_INVALID (no such interface, too many parts);
 * WEIR_E_RANGE (time negative, or past the year 2106 in a pcap). Bound: linear in the bytes. */
int capture_packet(struct capture_writer *writer, const struct capture_packet *packet);

/* The same for a packet as stack and driver hand it over. */
int capture_rx(struct capture_writer *writer, uint32_t interface, weir_time time,
               const struct weir_rx *rx);
int capture_tx(struct capture_writer *writer, uint32_t interface, weir_time time,
               const struct weir_tx *tx);

/* Flush the sink; answers the first error of the whole capture, if there was one: only now is it
 * known that nothing was lost. The writer may go on being used. */
int capture_flush(struct capture_writer *writer);

#endif
