/* SPDX-License-Identifier: MIT
 * SYN cookies: SYN-RECEIVED without a record (RFC 4987 3.6). */
#include "tcp/tcp.h"

size_t tcp_cookies_size(const struct weir_config *config)
{
    (void)config;
    return 64;
}

void tcp_cookies_init(struct tcp_room *tcp, const struct sip_key *key, void *mem)
{
    (void)mem;
    tcp->cookies.key = sip_derive(key, 100);
}
