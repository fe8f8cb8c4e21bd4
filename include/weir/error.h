/* SPDX-License-Identifier: MIT
 * What a call can answer when it cannot do what was asked. */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include "weir/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, text). Codes are negative, start at -1 and keep their number for ever: add at the end. */
#define WEIR_ERRORS(X)                                                                             \
    X(INVALID, "invalid argument")                                                                 \
    X(CONFIG, "configuration out of range")                                                        \
    X(MEMORY, "memory given at init is too small")                                                 \
    X(EXHAUSTED, "a configured limit is reached")                                                  \
    X(NOT_FOUND, "no such object")                                                                 \
    X(STALE, "handle refers to an object that is gone")                                            \
    X(EXISTS, "already exists")                                                                    \
    X(WOULD_BLOCK, "cannot proceed now")                                                           \
    X(UNSUPPORTED, "not supported")                                                                \
    X(IO, "input or output failed")                                                                \
    X(FORMAT, "malformed data")                                                                    \
    X(RANGE, "value out of range")                                                                 \
    X(UNREACHABLE, "destination unreachable")                                                      \
    X(REFUSED, "refused by the peer")                                                              \
    X(RESET, "connection reset by the peer")                                                       \
    X(TIMED_OUT, "no answer in time")                                                              \
    X(ABORTED, "connection aborted here")                                                          \
    X(CLOSED, "the connection is closed for this")                                                 \
    X(NOT_CONNECTED, "not connected")                                                              \
    X(PRESSURE, "given up: memory was short, and the peer took nothing")

enum weir_error {
    WEIR_OK = 0,
#define X(name, text) WEIR_ERROR_POSITION_##name,
    WEIR_ERRORS(X)
#undef X
        WEIR_ERROR_END,
#define X(name, text) WEIR_E_##name = -(int)WEIR_ERROR_POSITION_##name,
    WEIR_ERRORS(X)
#undef X
};

/* The text of a code, without a full stop; "unknown error" for a number that is none.
 * Owner: static text, never freed. Bound: constant. */
WEIR_API const char *weir_strerror(int error);

#ifdef __cplusplus
}
#endif

#endif
