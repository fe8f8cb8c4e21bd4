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

enum { LONG_US = 500 /* a round trip for which the default of the send buffer is too little */ };

/* On long paths the send buffer grows to twice the congestion window, one on its way and one behind
 * it; on short ones it stays small enough for the cache. */
static uint32_t wanted_limit(const struct stream *stream, const struct weir_tcp_info *info,
                             uint32_t limit)
{
    if (info->cwnd_bytes > limit / 2 && info->rtt_us_min >= LONG_US)
        limit *= 2;
    return limit < stream->send_bytes_max ? limit : stream->send_bytes_max;
}

static size_t tcp_room(struct stream *stream)
{
    struct weir_tcp_info info;
    uint32_t limit;
    if (weir_tcp_get(stream->ctx, stream->handle, WEIR_TCP_SEND_BYTES_MAX, &limit) != WEIR_OK ||
        weir_tcp_info(stream->ctx, stream->handle, &info) != WEIR_OK)
        return 0;
    uint32_t wanted = wanted_limit(stream, &info, limit);
    if (wanted != limit &&
        weir_tcp_set(stream->ctx, stream->handle, WEIR_TCP_SEND_BYTES_MAX, wanted) == WEIR_OK)
        limit = wanted;
    return info.send_queue_bytes < limit ? limit - (size_t)info.send_queue_bytes : 0;
}

struct stream stream_tcp(weir_stack *stack, weir_handle handle)
{
    static const struct stream_calls calls = {tcp_receive, tcp_send, tcp_shutdown, tcp_room};
    return (struct stream){
        .calls = &calls, .ctx = stack, .handle = handle, .send_bytes_max = STREAM_SEND_BYTES_MAX};
}
