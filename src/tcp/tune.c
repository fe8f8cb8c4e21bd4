/* SPDX-License-Identifier: MIT
 * Buffers that suit the path. */
#include "tcp/tcp.h"

void tcp_tune_begin(struct tcp_conn *c)
{
    c->rcv_buf = c->set.receive_bytes_max;
}

void tcp_tune_read(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    (void)tcp;
    (void)c;
    (void)now;
}

uint32_t tcp_tune_send_buffer(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    (void)tcp;
    return c->set.send_bytes_max;
}
