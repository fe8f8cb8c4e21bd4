/* SPDX-License-Identifier: MIT
 * The public calls on datagram endpoints. */
#include "weir/udp.h"

#include "core/stack.h"

int weir_udp_open(weir_stack *stack, const struct weir_udp_config *config, weir_handle *handle)
{
    return udp_open(&stack->udp, config, handle);
}

int weir_udp_connect(weir_stack *stack, weir_handle handle, const struct weir_addr *remote,
                     uint16_t port)
{
    struct udp_endpoint *e = udp_get(&stack->udp, handle);
    return e != NULL ? udp_connect(&stack->udp, e, remote, port) : WEIR_E_STALE;
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
    struct udp_endpoint *e = udp_get(&stack->udp, handle);
    if (e == NULL)
        return WEIR_E_STALE;
    return udp_send(&stack->udp, e, to, (struct weir_ref){data, len}, stack->now);
}

int weir_udp_receive(weir_stack *stack, weir_handle handle, struct weir_datagram *from, void *data,
                     size_t size)
{
    struct udp_endpoint *e = udp_get(&stack->udp, handle);
    return e != NULL ? udp_receive(&stack->udp, e, from, data, size) : WEIR_E_STALE;
}

uint32_t weir_udp_ready(const weir_stack *stack, weir_handle handle)
{
    const struct udp_endpoint *e = udp_get(&stack->udp, handle);
    return e != NULL ? udp_ready(e) : 0;
}

int weir_udp_close(weir_stack *stack, weir_handle handle)
{
    struct udp_endpoint *e = udp_get(&stack->udp, handle);
    if (e == NULL)
        return WEIR_E_STALE;
    udp_close(&stack->udp, e);
    return WEIR_OK;
}
