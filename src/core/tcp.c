/* SPDX-License-Identifier: MIT
 * The public calls on TCP endpoints. */
#include "weir/tcp.h"

#include "core/stack.h"

int weir_tcp_open(weir_stack *stack, const struct weir_tcp_config *config, weir_handle *handle)
{
    return tcp_open(&stack->tcp, config, handle);
}

int weir_tcp_set(weir_stack *stack, weir_handle handle, enum weir_tcp_setting setting,
                 uint32_t value)
{
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return c != NULL ? tcp_set(&stack->tcp, c, setting, value) : WEIR_E_STALE;
}

int weir_tcp_get(const weir_stack *stack, weir_handle handle, enum weir_tcp_setting setting,
                 uint32_t *value)
{
    const struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return c != NULL ? tcp_get_setting(c, setting, value) : WEIR_E_STALE;
}

int weir_tcp_connect(weir_stack *stack, weir_handle handle, const struct weir_addr *remote,
                     uint16_t port)
{
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return c != NULL ? tcp_connect(&stack->tcp, c, remote, port) : WEIR_E_STALE;
}

int weir_tcp_listen(weir_stack *stack, weir_handle handle, unsigned backlog)
{
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return c != NULL ? tcp_listen(&stack->tcp, c, backlog) : WEIR_E_STALE;
}

int weir_tcp_accept(weir_stack *stack, weir_handle listener, uint64_t user,
                    weir_handle *connection)
{
    struct tcp_conn *c = tcp_get(&stack->tcp, listener);
    return c != NULL ? tcp_accept(&stack->tcp, c, user, connection) : WEIR_E_STALE;
}

int weir_tcp_asked(weir_stack *stack, weir_handle listener, struct weir_tcp_request *request)
{
    struct tcp_conn *c = tcp_get(&stack->tcp, listener);
    return c != NULL ? tcp_asked(&stack->tcp, c, request) : WEIR_E_STALE;
}

int weir_tcp_decide(weir_stack *stack, weir_handle request, enum weir_tcp_verdict verdict)
{
    return tcp_decide(&stack->tcp, request, verdict);
}

int weir_tcp_send(weir_stack *stack, weir_handle handle, const void *data, size_t len,
                  unsigned flags)
{
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    struct weir_ref bytes = {data, len};
    return c != NULL ? tcp_send(&stack->tcp, c, bytes, flags) : WEIR_E_STALE;
}

int weir_tcp_receive(weir_stack *stack, weir_handle handle, void *data, size_t size, unsigned flags)
{
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return c != NULL ? tcp_receive(&stack->tcp, c, data, size, flags) : WEIR_E_STALE;
}

int weir_tcp_at_mark(const weir_stack *stack, weir_handle handle)
{
    const struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return c != NULL ? tcp_at_mark(c) : WEIR_E_STALE;
}

int weir_tcp_shutdown(weir_stack *stack, weir_handle handle, enum weir_tcp_how how)
{
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return c != NULL ? tcp_shutdown(&stack->tcp, c, how) : WEIR_E_STALE;
}

static int end(weir_stack *stack, weir_handle handle, bool abort)
{
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    if (c == NULL)
        return WEIR_E_STALE;
    tcp_close(&stack->tcp, c, abort);
    return WEIR_OK;
}

int weir_tcp_close(weir_stack *stack, weir_handle handle)
{
    return end(stack, handle, false);
}

int weir_tcp_abort(weir_stack *stack, weir_handle handle)
{
    return end(stack, handle, true);
}

uint32_t weir_tcp_ready(const weir_stack *stack, weir_handle handle)
{
    const struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return c != NULL ? tcp_level(&stack->tcp, c) : 0;
}

int weir_tcp_error(weir_stack *stack, weir_handle handle)
{
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return c != NULL ? tcp_take_error(c) : WEIR_OK;
}

int weir_tcp_info(const weir_stack *stack, weir_handle handle, struct weir_tcp_info *info)
{
    const struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    if (c == NULL)
        return WEIR_E_STALE;
    tcp_info(&stack->tcp, c, info);
    return WEIR_OK;
}

bool weir_tcp_next(const weir_stack *stack, uint64_t *cursor, struct weir_tcp_info *info)
{
    return tcp_next(&stack->tcp, cursor, info);
}

void weir_tcp_stats(const weir_stack *stack, struct weir_tcp_stats *stats)
{
    *stats = stack->tcp.count;
}
