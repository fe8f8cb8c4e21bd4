/* SPDX-License-Identifier: MIT
 * TCP Fast Open (RFC 7413). */
#include "tcp/tcp.h"

size_t tcp_fast_open_size(const struct weir_config *config)
{
    (void)config;
    return 64;
}

void tcp_fast_open_init(struct tcp_room *tcp, const struct sip_key *key, void *mem)
{
    (void)mem;
    tcp->fast_open.key = sip_derive(key, 101);
}
