/* SPDX-License-Identifier: MIT
 * The public calls on datagram endpoints. */
#include "weir/udp.h"

#include "core/stack.h"

int weir_udp_open(weir_stack *stack, const struct weir_udp_config *config, weir_handle *handle)
{
    RECORD(stack, UDP_OPEN, .udp = config);
    int result = udp_open(&stack->udp, config, handle);
    return recorded_handle(stack, WEIR_CALL_UDP_OPEN, result, handle);
}

int weir_udp_connect(weir_stack *stack, weir_handle handle, const struct weir_addr *remote,
                     uint16_t port)
{
    RECORD(stack, UDP_CONNECT, .handle = handle, .addr = remote, .number = {port});
    struct udp_endpoint *e = udp_get(&stack->udp, handle);
    int result = e != NULL ? udp_connect(&stack->udp, e, remote, port) : WEIR_E_STALE;
    return recorded(stack, WEIR_CALL_UDP_CONNECT, result);
}

int weir_udp_name(const weir_stack *stack, weir_handle handle, struct weir_datagram *name)
{
    const struct udp_endpoint *e = udp_get(&stack->udp, handle);
    if (e == NULL)
        return WEIR_E_STALE;
    *name = (struct weir_datagram){.local = e->local,
                                   .local_port = e->port,
                                   .remote = e->remote,
                                   .remote_port = e->remote_port};
    return WEIR_OK;
}

int weir_udp_send(weir_stack *stack, weir_handle handle, const struct weir_datagram *to,
                  const void *data, size_t len)
{
    RECORD(stack, UDP_SEND, .handle = handle, .datagram = to, .size = len);
    struct udp_endpoint *e = udp_get(&stack->udp, handle);
    struct weir_ref bytes = {data, len};
    int result = e != NULL ? udp_send(&stack->udp, e, to, bytes, stack->now) : WEIR_E_STALE;
    RECORD_DONE(stack, UDP_SEND, .result = result, .data = {data, result == WEIR_OK ? len : 0});
    return result;
}

int weir_udp_receive(weir_stack *stack, weir_handle handle, struct weir_datagram *from, void *data,
                     size_t size)
{
    RECORD(stack, UDP_RECEIVE, .handle = handle, .size = size, .number = {from != NULL});
    struct udp_endpoint *e = udp_get(&stack->udp, handle);
    int n = e != NULL ? udp_receive(&stack->udp, e, from, data, size) : WEIR_E_STALE;
    RECORD_DONE(stack, UDP_RECEIVE, .result = n, .datagram = n >= 0 ? from : NULL,
                .data = {data, n < 0 ? 0 : (size_t)n < size ? (size_t)n : size});
    return n;
}

uint32_t weir_udp_ready(const weir_stack *stack, weir_handle handle)
{
    const struct udp_endpoint *e = udp_get(&stack->udp, handle);
    return e != NULL ? udp_ready(e) : 0;
}

int weir_udp_close(weir_stack *stack, weir_handle handle)
{
    RECORD(stack, UDP_CLOSE, .handle = handle);
    struct udp_endpoint *e = udp_get(&stack->udp, handle);
    if (e != NULL)
        udp_close(&stack->udp, e);
    return recorded(stack, WEIR_CALL_UDP_CLOSE, e != NULL ? WEIR_OK : WEIR_E_STALE);
}
