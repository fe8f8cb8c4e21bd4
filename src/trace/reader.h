/* SPDX-License-Identifier: MIT
 * Reading captures (pcap and pcapng) through libpcap, packet by packet, in nanoseconds. Where weir
 * was built without libpcap, opening one answers WEIR_E_UNSUPPORTED. */
#ifndef WEIR_TRACE_READER_H
#define WEIR_TRACE_READER_H

#include <stdio.h>

#include "weir/error.h"
#include "weir/types.h"

enum {
    CAPTURE_NAME_MAX = 255,   /* of a file, in messages; longer ones lose their beginning */
    CAPTURE_MESSAGE_SIZE = 640
};

/* A capture being read. */
struct capture_reader {
    void *pcap;       /* pcap_t of libpcap; NULL: not open */
    FILE *file;       /* what it reads, closed with it */
    uint64_t packets; /* read so far */
    int link;         /* enum capture_link, or what libpcap calls another type; one per file */
    bool ended;       /* at the end, or at an error: */
    int error;        /* what capture_reader_next() answers from then on */
    char name[CAPTURE_NAME_MAX + 1];
    char message[CAPTURE_MESSAGE_SIZE]; /* of the last error: "NAME: packet 12: ..." */
};

/* A packet of a capture. */
struct capture_record {
    weir_time time;       /* since 1970 or whatever the writer meant */
    const uint8_t *bytes; /* valid until the next call on the reader */
    uint32_t captured;    /* bytes at `bytes` */
    uint32_t len;         /* on the wire; at least `captured` */
    uint64_t number;      /* from 1, as capture viewers count */
};

/* Open the file at `path`; "-" is standard input. On an error *reader is closed, with the message.
 * Errors: WEIR_E_IO (cannot be opened or read), WEIR_E_FORMAT (not a capture). */
int capture_reader_open(struct capture_reader *reader, const char *path);

/* The same for an open stream, which the reader closes, also on an error, unless it is stdin;
 * `name` stands in messages. */
int capture_reader_open_file(struct capture_reader *reader, FILE *file, const char *name);

/* Read the next packet into *record: 1; 0 at the end; or an error, after which the reader answers
 * the same for ever. Errors: WEIR_E_FORMAT (malformed, or cut short in the middle of a packet),
 * WEIR_E_IO. */
int capture_reader_next(struct capture_reader *reader, struct capture_record *record);

/* Close it; a closed (or zeroed) one is allowed. The message stays. */
void capture_reader_close(struct capture_reader *reader);

#endif
