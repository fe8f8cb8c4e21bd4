/* SPDX-License-Identifier: MIT
 * A stream whose other side is a script: what it sends, in pieces of a given size, and what it got.
 */
#ifndef WEIR_TESTS_CLI_SCRIPT_H
#define WEIR_TESTS_CLI_SCRIPT_H

#include <stdlib.h>
#include <string.h>

#include "stream.h"

enum { SCRIPT_OUT_MAX = 1 << 20 };

struct script {
    struct stream stream;
    const char *in;
    size_t in_len, in_at;
    size_t in_step;        /* bytes a receive gives at most; 0: no limit */
    size_t out_step;       /* bytes a send takes at most; 0: no limit */
    size_t room;           /* what it says it would take, whatever it does; 0: what it does */
    bool ends;             /* the other side closes behind `in` */
    int error;             /* or the connection has this error behind it */
    bool shut;             /* we have closed */
    bool breathe, blocked; /* every other send is refused */
    char *out;
    size_t out_len;
};

static int script_receive(struct stream *stream, void *data, size_t size)
{
    struct script *s = stream->ctx;
    size_t n = s->in_len - s->in_at;
    n = n < size ? n : size;
    n = s->in_step != 0 && n > s->in_step ? s->in_step : n;
    if (n == 0 && s->error != 0)
        return s->error;
    if (n == 0)
        return s->ends ? 0 : WEIR_E_WOULD_BLOCK;
    memcpy(data, s->in + s->in_at, n);
    s->in_at += n;
    return (int)n;
}

static int script_send(struct stream *stream, const void *data, size_t len, unsigned flags)
{
    struct script *s = stream->ctx;
    size_t n = s->out_step != 0 && len > s->out_step ? s->out_step : len;
    s->blocked = s->breathe && !s->blocked;
    if (s->shut)
        return WEIR_E_CLOSED;
    if (s->blocked)
        return WEIR_E_WOULD_BLOCK;
    if (s->out_len + n > SCRIPT_OUT_MAX)
        abort();
    memcpy(s->out + s->out_len, data, n);
    s->out_len += n;
    s->shut = n == len && (flags & WEIR_TCP_END) != 0;
    return (int)n;
}

static int script_shutdown(struct stream *stream, enum weir_tcp_how how)
{
    struct script *s = stream->ctx;
    s->shut |= (how & WEIR_TCP_SHUT_SEND) != 0;
    return WEIR_OK;
}

static size_t script_room(struct stream *stream)
{
    struct script *s = stream->ctx;
    if (s->room != 0)
        return s->room;
    return s->out_step != 0 ? s->out_step : 65536;
}

static void script_init(struct script *s, const char *in, size_t in_len)
{
    static const struct stream_calls calls = {script_receive, script_send, script_shutdown,
                                              script_room};
    *s = (struct script){.in = in, .in_len = in_len, .out = malloc(SCRIPT_OUT_MAX + 1)};
    if (s->out == NULL)
        abort();
    s->stream = (struct stream){.calls = &calls, .ctx = s};
}

#endif
