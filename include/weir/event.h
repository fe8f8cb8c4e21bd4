/* SPDX-License-Identifier: MIT
 * What the stack has to tell the application, polled by weir_stack_events(): the stack never calls
 * the application. Each endpoint has one dirty mask and one place in the queue, so the queue cannot
 * overflow; events are edges, and a level query stands beside them. */
#ifndef WEIR_EVENT_H
#define WEIR_EVENT_H

#include "weir/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A connection, listener or UDP endpoint. A handle is not used again before its CLOSED event was
 * read, and a stale one is refused (WEIR_E_STALE). Zero is no handle. */
typedef struct {
    uint32_t index;
    uint32_t generation;
} weir_handle;

enum weir_event_bits {
    WEIR_EVENT_ACCEPTED = 1U << 0,  /* a listener: a connection waits in its accept queue */
    WEIR_EVENT_CONNECTED = 1U << 1, /* the handshake is complete */
    WEIR_EVENT_READABLE = 1U << 2,  /* more data, or the end of it */
    WEIR_EVENT_WRITABLE = 1U << 3,  /* room in the send buffer again */
    WEIR_EVENT_URGENT = 1U << 4,    /* the urgent pointer came or moved on (MUST-32) */
    WEIR_EVENT_ADVICE = 1U << 5,    /* a soft error, or retransmission beyond R1 (SHLD-9, SHLD-25) */
    WEIR_EVENT_PEER_CLOSED = 1U << 6, /* the peer's FIN is in sequence */
    WEIR_EVENT_CLOSED = 1U << 7,    /* the endpoint is gone; `error` says why. The last event */
    WEIR_EVENT_ASKED = 1U << 8      /* a listener with ASK: a handshake waits for a verdict */
};

struct weir_event {
    weir_handle handle;
    uint32_t bits;  /* enum weir_event_bits: all that happened since the last read */
    int32_t error;  /* with ADVICE and CLOSED: an error code; WEIR_OK for a normal close */
    uint64_t user;  /* what the application gave when it made the endpoint */
};

#ifdef __cplusplus
}
#endif

#endif
