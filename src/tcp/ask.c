/* SPDX-License-Identifier: MIT
 * Handshakes that wait for the application: a record of SYN-RECEIVED without a SYN,ACK yet. */
#include "tcp/tcp.h"

int tcp_asked(struct tcp_room *tcp, struct tcp_conn *listener, struct weir_tcp_request *request)
{
    (void)tcp;
    (void)request;
    return listener->state == WEIR_TCP_LISTEN ? WEIR_E_WOULD_BLOCK : WEIR_E_INVALID;
}

int tcp_decide(struct tcp_room *tcp, weir_handle request, enum weir_tcp_verdict verdict)
{
    (void)tcp;
    (void)request;
    (void)verdict;
    return WEIR_E_STALE;
}
