/* SPDX-License-Identifier: MIT
 * Recordings: what the recorder of a stack (weir/record.h) is told, as a file and back.
 *
 * A file is eight bytes of magic and a version, and then frames: a tag, the length of the body as 32
 * bits, and the body. The first frame names the calls and settings of whoever wrote it, so that they
 * are found again when their numbers have changed; limits go by name, too. Every number is
 * little-endian or in groups of seven bits, so files are the same on every machine. A call is two
 * frames, its beginning and its end, written as they happen: when a program dies within a call, the
 * recording says in which, and with what. The last frame says that the recording is complete; without
 * it the whole frames that are there can be read all the same.
 *
 * Of packets sent and bytes received a hash is kept, of all else every byte: the payload of
 * connections, too, and the secret of the stack. */
#ifndef WEIR_DRIVER_RECORDING_H
#define WEIR_DRIVER_RECORDING_H

#include <stdio.h>

#include "trace/writer.h"
#include "weir/config.h"
#include "weir/record.h"

enum {
    RECORDING_VERSION = 1,
    RECORDING_FRAME_BYTES_MAX = 1 << 30,
    RECORDING_MESSAGE_SIZE = 512
};

/* Bytes that grow. */
struct recording_bytes {
    uint8_t *p;
    size_t len, capacity;
    bool failed; /* no memory: what was added last is not there */
};

/* ======== records as bytes (recording_code.c) ======== */

/* Where the pointers of a record that was read point to, beside the bytes that it was read from. Begin
 * with zeros; free with recording_store_free(). */
struct recording_store {
    struct weir_config config;
    struct weir_iface_config iface;
    struct weir_udp_config udp;
    struct weir_tcp_config tcp;
    struct weir_datagram datagram;
    struct weir_tcp_request request;
    struct weir_addr addr, gateway;
    struct weir_rx *rx;
    struct weir_tx *tx;
    struct weir_event *events;
    uint64_t *hash; /* of the payload of each of tx, where it was hashed */
    uint64_t data_hash, data_len; /* of data, where it was hashed */
    size_t rx_capacity, tx_capacity, events_capacity, hash_capacity;
    char note[RECORDING_MESSAGE_SIZE]; /* limits that are not the same here and there; "": none */
};

void recording_store_free(struct recording_store *store);

/* Names and their numbers in a file, found by the numbers they have here. */
struct recording_names {
    uint16_t call[2 * WEIR_CALL_COUNT]; /* here, by the number there; UINT16_MAX: unknown */
    uint16_t setting[2 * WEIR_TCP_SETTING_COUNT]; /* the same; files with more are refused */
    unsigned calls, settings;
};

/* What coding one frame after the other needs to know. Begin with zeros. */
struct recording_state {
    weir_time last; /* times are told as distances */
    bool whole;     /* packets sent and bytes received with all their bytes, not as a hash */
    const struct recording_names *names; /* reading: of the file; NULL: ours */
};

/* Append the body of a record. False: no memory. Bound: linear in its bytes. */
bool recording_encode(struct recording_bytes *out, struct recording_state *state,
                      const struct weir_record *record);

/* Read it back; record->call and ->done are set. The packets of `tx` have their headers at 0, and
 * references to payload only in a file with whole bytes. False: it is malformed, or memory is short.
 * Owner: the record points into body and store. */
bool recording_decode(struct weir_ref body, struct recording_state *state,
                      struct weir_record *record, struct recording_store *store);

/* The body of the first frame, and back; false: malformed, or no memory. */
bool recording_encode_head(struct recording_bytes *out, const struct recording_state *state);
bool recording_decode_head(struct weir_ref body, struct recording_state *state,
                           struct recording_names *names);

/* ======== writing ======== */

/* The fields are its own; `error`, `records` and `bytes` may be read. */
struct recording_writer {
    struct capture_sink sink;
    struct recording_state state;
    struct recording_bytes buffer;
    int error;        /* 0, or what failed first: nothing is written from then on */
    uint64_t records; /* calls begun */
    uint64_t bytes;   /* handed to the sink */
};

/* Begin a recording; `whole`: see above. The sink stays the caller's. Errors: those of the sink and
 * WEIR_E_EXHAUSTED (no memory), which stay in the writer. */
int recording_open(struct recording_writer *writer, struct capture_sink sink, bool whole);

/* For the configuration of one stack. The writer does not move while that lives. */
struct weir_recorder recording_recorder(struct recording_writer *writer);

/* Hand what is buffered to the sink; answers the first error of all. As safe as the sink's write(): with
 * capture_sink_fd() also from a handler of signals, or of assertions, that interrupts the stack. */
int recording_flush(struct recording_writer *writer);

/* Say that the recording is complete, flush, and free the buffer. Answers the first error of all. */
int recording_close(struct recording_writer *writer);

/* ======== reading ======== */

enum recording_what {
    RECORDING_CALL,  /* the frame is half a call */
    RECORDING_END,   /* the recording is complete */
    RECORDING_CUT    /* there is no more, but it does not say that it is complete */
};

struct recording_frame {
    uint8_t what; /* enum recording_what */
    uint8_t call; /* enum weir_call */
    bool done;
    uint64_t offset;             /* in the file */
    struct recording_bytes body; /* freed with recording_frame_free() */
};

struct recording_reader {
    FILE *file;
    struct recording_state state;
    struct recording_names names;
    uint64_t offset;
    char message[RECORDING_MESSAGE_SIZE]; /* why an error */
};

/* Begin to read. The stream stays the caller's, the reader does not move. Errors, with the message:
 * WEIR_E_FORMAT (no recording, or of a version we do not know), WEIR_E_IO. */
int recording_reader_open(struct recording_reader *reader, FILE *file);

/* Read the next frame; behind the last whole one END or CUT. Errors, with the message: WEIR_E_FORMAT,
 * WEIR_E_IO, WEIR_E_EXHAUSTED. */
int recording_reader_next(struct recording_reader *reader, struct recording_frame *frame);

void recording_frame_free(struct recording_frame *frame);

#endif
