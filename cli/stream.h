/* SPDX-License-Identifier: MIT
 * Bytes both ways: a TCP connection of a stack, or what a test puts in its place. */
#ifndef WEIR_CLI_STREAM_H
#define WEIR_CLI_STREAM_H

#include "weir/tcp.h"

struct stream;

/* Each answers as the call of weir/tcp.h that it is named after. room() is how many bytes send()
 * would take now, as far as is known. */
struct stream_calls {
    int (*receive)(struct stream *stream, void *data, size_t size);
    int (*send)(struct stream *stream, const void *data, size_t len, unsigned flags);
    int (*shutdown)(struct stream *stream, enum weir_tcp_how how);
    size_t (*room)(struct stream *stream);
};

struct stream {
    const struct stream_calls *calls;
    void *ctx;               /* of TCP: the stack */
    weir_handle handle;      /* of TCP */
    uint32_t send_bytes_max; /* of TCP: how far room() may let the send buffer grow */
};

enum { STREAM_SEND_BYTES_MAX = 65535 << 8 /* unless something else is set: the stack's default */ };

/* A connection as a stream. Owner: nobody holds anything; closing it stays the caller's. */
struct stream stream_tcp(weir_stack *stack, weir_handle handle);

static inline int stream_receive(struct stream *stream, void *data, size_t size)
{
    return stream->calls->receive(stream, data, size);
}

static inline int stream_send(struct stream *stream, const void *data, size_t len, unsigned flags)
{
    return stream->calls->send(stream, data, len, flags);
}

static inline int stream_shutdown(struct stream *stream, enum weir_tcp_how how)
{
    return stream->calls->shutdown(stream, how);
}

static inline size_t stream_room(struct stream *stream)
{
    return stream->calls->room(stream);
}

/* What whoever serves a stream wants next. */
enum stream_turn {
    STREAM_WAIT = 0, /* until something happens to it */
    STREAM_MORE,     /* another turn soon, there is more to do */
    STREAM_RETRY,    /* another turn in a few milliseconds: no event will come */
    STREAM_END,      /* close it in order */
    STREAM_ABORT     /* reset it */
};

#endif
