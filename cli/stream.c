/* SPDX-License-Identifier: MIT */
#include "stream.h"

static int tcp_receive(struct stream *stream, void *data, size_t size)
{
    return weir_tcp_receive(stream->ctx, stream->handle, data, size, 0);
}

static int tcp_send(struct stream *stream, const void *data, size_t len, unsigned flags)
{
    return weir_tcp_send(stream->ctx, stream->handle, data, len, flags);
}

static int tcp_shutdown(struct stream *stream, enum weir_tcp_how how)
{
    return weir_tcp_shutdown(stream->ctx, stream->handle, how);
}

enum {
    SEND_BYTES_HIGH = 4 << 20,
    LONG_US = 500 /* a round trip for which the default is too little */
};

/* On long paths the send buffer grows to twice the congestion window, one on its way and one behind
 * it; on short ones it stays small enough for the cache. */
static size_t tcp_room(struct stream *stream)
{
    struct weir_tcp_info info;
    uint32_t limit;
    if (weir_tcp_get(stream->ctx, stream->handle, WEIR_TCP_SEND_BYTES_MAX, &limit) != WEIR_OK ||
        weir_tcp_info(stream->ctx, stream->handle, &info) != WEIR_OK)
        return 0;
    if (info.cwnd_bytes > limit / 2 && limit < SEND_BYTES_HIGH && info.rtt_us_min >= LONG_US &&
        weir_tcp_set(stream->ctx, stream->handle, WEIR_TCP_SEND_BYTES_MAX, limit * 2) == WEIR_OK)
        limit *= 2;
    return info.send_queue_bytes < limit ? limit - (size_t)info.send_queue_bytes : 0;
}

struct stream stream_tcp(weir_stack *stack, weir_handle handle)
{
    static const struct stream_calls calls = {tcp_receive, tcp_send, tcp_shutdown, tcp_room};
    return (struct stream){.calls = &calls, .ctx = stack, .handle = handle};
}
