/* SPDX-License-Identifier: MIT
 * The user timeout (RFC 5482). */
#include "tcp/tcp.h"

uint32_t tcp_user_timeout_ms(const struct tcp_conn *c)
{
    return c->set.user_timeout_ms;
}
