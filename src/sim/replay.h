/* SPDX-License-Identifier: MIT
 * A recorded stack, run again: every call as it was made, at its time, and what comes out compared with
 * what came out then, byte for byte (hash for hash, where the recording has hashes). */
#ifndef WEIR_SIM_REPLAY_H
#define WEIR_SIM_REPLAY_H

#include <setjmp.h>

#include "driver/recording.h"
#include "weir/stack.h"

enum { REPLAY_MESSAGE_SIZE = 4096 };

enum replay_result {
    REPLAY_GOOD,     /* there is a call; it was made, and all is as it was */
    REPLAY_ENDED,    /* the recording is complete, and all was as it was */
    REPLAY_CUT,      /* the same, but the recording ends without saying so */
    REPLAY_DIFFERS,  /* something came out that did not then */
    REPLAY_ASSERTED, /* an assertion of the stack failed */
    REPLAY_BROKEN    /* the recording is malformed, or memory is short */
};

struct replay_config {
    struct weir_tap tap;   /* of the stack */
    struct weir_recorder recorder; /* told all that the replay does; fn NULL: nobody is */
    bool scrub;            /* payload is replaced: see replay_scrub() */
    uint64_t memory_max;   /* bytes that the recording may make us take; 0: as much as there is */
};

/* `stack`, `call`, `number`, `started`, `now`, `message` and the counts may be read; the rest is its
 * own. */
struct replay {
    weir_stack *stack;         /* NULL before its STACK_INIT */
    struct weir_record call;   /* the beginning of the call that replay_next() read */
    struct weir_record expected; /* its end, as recorded ... */
    struct weir_record got;    /* ... and, after a difference, as it is now */
    uint64_t number;           /* of the call, from 1 */
    weir_time started, now;    /* on the clock of the recording */
    uint64_t packets_in, packets_out, bytes_in, bytes_out;
    uint8_t link[64];          /* enum weir_link of the interfaces */
    unsigned interfaces;
    char message[REPLAY_MESSAGE_SIZE]; /* what is wrong */

    struct replay_config config;
    struct recording_reader reader;
    struct recording_frame begin, end;
    struct recording_state state; /* of the ends that the replay gives */
    struct recording_bytes result;
    struct recording_store in, out, again;
    bool has_end; /* the end of the call is recorded: the program did not die within it */
    uint8_t at_end; /* enum recording_what, once there are no more calls */
    void *memory;
    uint8_t *data;
    struct weir_tx *tx;
    struct weir_event *events;
    size_t data_capacity, tx_capacity, events_capacity;
    jmp_buf failed;
};

/* Begin; the stream stays the caller's, *replay does not move. False: it is no recording that can be
 * read, and the message says why. End it with replay_close() in either case. */
bool replay_open(struct replay *replay, FILE *file, const struct replay_config *config);

/* Read the next call. GOOD: it is in `call`; ENDED, CUT or BROKEN. */
enum replay_result replay_next(struct replay *replay);

/* Make it. GOOD, or DIFFERS, ASSERTED or BROKEN, with the message; after these the replay goes no
 * further. CUT: it is the call in which the recorded program died, and came to its end here. */
enum replay_result replay_do(struct replay *replay);

/* Both, until something other than GOOD comes. */
enum replay_result replay_run(struct replay *replay);

void replay_close(struct replay *replay);

/* Replace the payload in the call to be made by zeros, but for two octets that keep the checksums as
 * they are; and compare what came of it, but for bytes and checksums. For the files of the replay. */
void replay_scrub(struct replay *replay);
bool replay_scrubbed_is_same(const struct replay *replay);

/* Fill in the message: in what expected and got differ. For the two files of the replay. */
void replay_explain(struct replay *replay);

/* A call, as one line without its time ("tcp_send handle 3, 100 of 512 bytes = 100"), with its end as
 * recorded. */
void replay_call_text(const struct replay *replay, char *text, size_t size);

#endif
