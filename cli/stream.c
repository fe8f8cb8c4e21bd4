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

/* The stack tunes the buffer (WEIR_TCP_TUNE), up to what is set here. */
static size_t tcp_room(struct stream *stream)
{
    struct weir_tcp_info info;
    uint32_t limit, most = stream->send_bytes_max;
    if (weir_tcp_get(stream->ctx, stream->handle, WEIR_TCP_SEND_BYTES_MAX, &limit) != WEIR_OK)
        return 0;
    if (limit != most)
        (void)weir_tcp_set(stream->ctx, stream->handle, WEIR_TCP_SEND_BYTES_MAX, most);
    if (weir_tcp_info(stream->ctx, stream->handle, &info) != WEIR_OK ||
        info.send_queue_bytes >= info.send_buffer_bytes)
        return 0;
    return info.send_buffer_bytes - (size_t)info.send_queue_bytes;
}

struct stream stream_tcp(weir_stack *stack, weir_handle handle)
{
    static const struct stream_calls calls = {tcp_receive, tcp_send, tcp_shutdown, tcp_room};
    return (struct stream){
        .calls = &calls, .ctx = stack, .handle = handle, .send_bytes_max = STREAM_SEND_BYTES_MAX};
}
