/* SPDX-License-Identifier: MIT
 * The public calls on TCP endpoints. */
#include "weir/tcp.h"

#include "core/stack.h"

int weir_tcp_open(weir_stack *stack, const struct weir_tcp_config *config, weir_handle *handle)
{
    RECORD(stack, TCP_OPEN, .tcp = config);
    int result = tcp_open(&stack->tcp, config, handle);
    return recorded_handle(stack, WEIR_CALL_TCP_OPEN, result, handle);
}

int weir_tcp_set(weir_stack *stack, weir_handle handle, enum weir_tcp_setting setting,
                 uint32_t value)
{
    RECORD(stack, TCP_SET, .handle = handle, .number = {setting, value});
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    int result = c != NULL ? tcp_set(&stack->tcp, c, setting, value) : WEIR_E_STALE;
    return recorded(stack, WEIR_CALL_TCP_SET, result);
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
    RECORD(stack, TCP_CONNECT, .handle = handle, .addr = remote, .number = {port});
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    int result = c != NULL ? tcp_connect(&stack->tcp, c, remote, port) : WEIR_E_STALE;
    return recorded(stack, WEIR_CALL_TCP_CONNECT, result);
}

int weir_tcp_listen(weir_stack *stack, weir_handle handle, unsigned backlog)
{
    RECORD(stack, TCP_LISTEN, .handle = handle, .number = {backlog});
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    int result = c != NULL ? tcp_listen(&stack->tcp, c, backlog) : WEIR_E_STALE;
    return recorded(stack, WEIR_CALL_TCP_LISTEN, result);
}

int weir_tcp_accept(weir_stack *stack, weir_handle listener, uint64_t user,
                    weir_handle *connection)
{
    RECORD(stack, TCP_ACCEPT, .handle = listener, .size = user);
    struct tcp_conn *c = tcp_get(&stack->tcp, listener);
    int result = c != NULL ? tcp_accept(&stack->tcp, c, user, connection) : WEIR_E_STALE;
    return recorded_handle(stack, WEIR_CALL_TCP_ACCEPT, result, connection);
}

int weir_tcp_asked(weir_stack *stack, weir_handle listener, struct weir_tcp_request *request)
{
    RECORD(stack, TCP_ASKED, .handle = listener);
    struct tcp_conn *c = tcp_get(&stack->tcp, listener);
    int result = c != NULL ? tcp_asked(&stack->tcp, c, request) : WEIR_E_STALE;
    RECORD_DONE(stack, TCP_ASKED, .result = result, .request = result == WEIR_OK ? request : NULL);
    return result;
}

int weir_tcp_decide(weir_stack *stack, weir_handle request, enum weir_tcp_verdict verdict)
{
    RECORD(stack, TCP_DECIDE, .handle = request, .number = {verdict});
    return recorded(stack, WEIR_CALL_TCP_DECIDE, tcp_decide(&stack->tcp, request, verdict));
}

int weir_tcp_send(weir_stack *stack, weir_handle handle, const void *data, size_t len,
                  unsigned flags)
{
    RECORD(stack, TCP_SEND, .handle = handle, .size = len, .number = {flags});
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    struct weir_ref bytes = {data, len};
    int n = c != NULL ? tcp_send(&stack->tcp, c, bytes, flags) : WEIR_E_STALE;
    RECORD_DONE(stack, TCP_SEND, .result = n, .data = {data, n > 0 ? (size_t)n : 0});
    return n;
}

int weir_tcp_receive(weir_stack *stack, weir_handle handle, void *data, size_t size, unsigned flags)
{
    RECORD(stack, TCP_RECEIVE, .handle = handle, .size = size, .number = {flags});
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    int n = c != NULL ? tcp_receive(&stack->tcp, c, data, size, flags) : WEIR_E_STALE;
    RECORD_DONE(stack, TCP_RECEIVE, .result = n, .data = {data, n > 0 ? (size_t)n : 0});
    return n;
}

int weir_tcp_at_mark(const weir_stack *stack, weir_handle handle)
{
    const struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return c != NULL ? tcp_at_mark(c) : WEIR_E_STALE;
}

int weir_tcp_shutdown(weir_stack *stack, weir_handle handle, enum weir_tcp_how how)
{
    RECORD(stack, TCP_SHUTDOWN, .handle = handle, .number = {how});
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    int result = c != NULL ? tcp_shutdown(&stack->tcp, c, how) : WEIR_E_STALE;
    return recorded(stack, WEIR_CALL_TCP_SHUTDOWN, result);
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
    RECORD(stack, TCP_CLOSE, .handle = handle);
    return recorded(stack, WEIR_CALL_TCP_CLOSE, end(stack, handle, false));
}

int weir_tcp_abort(weir_stack *stack, weir_handle handle)
{
    RECORD(stack, TCP_ABORT, .handle = handle);
    return recorded(stack, WEIR_CALL_TCP_ABORT, end(stack, handle, true));
}

uint32_t weir_tcp_ready(const weir_stack *stack, weir_handle handle)
{
    const struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return c != NULL ? tcp_level(&stack->tcp, c) : 0;
}

int weir_tcp_error(weir_stack *stack, weir_handle handle)
{
    RECORD(stack, TCP_ERROR, .handle = handle);
    struct tcp_conn *c = tcp_get(&stack->tcp, handle);
    return recorded(stack, WEIR_CALL_TCP_ERROR, c != NULL ? tcp_take_error(c) : WEIR_OK);
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
