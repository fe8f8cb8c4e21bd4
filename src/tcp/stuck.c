/* SPDX-License-Identifier: MIT
 * Peers that hold our memory by a closed window (RFC 6429). */
#include "tcp/tcp.h"

void tcp_stuck_leave(struct tcp_room *tcp, struct tcp_conn *c)
{
    (void)tcp;
    c->stuck = false;
}
