/* SPDX-License-Identifier: MIT
 * The path MTU of a connection. */
#include "tcp/tcp.h"

/* What is outstanding was too large: send it again in smaller segments, without waiting and without
 * taking it for congestion (RFC 1191 6.4, RFC 8201 5.4). Output looks the MTU up again, since the
 * generation of the table has changed. */
void tcp_pmtud_report(struct tcp_room *tcp, struct tcp_conn *c, const struct net_error *error,
                      weir_time now)
{
    if (!net_too_big(tcp->net, error, now) || c->state < WEIR_TCP_ESTABLISHED)
        return;
    c->snd_nxt = c->snd_una;
    tcp_ready(tcp, c);
}

void tcp_pmtud_path(struct tcp_room *tcp, struct tcp_conn *c, uint32_t mtu, weir_time now)
{
    (void)tcp;
    (void)now;
    c->mtu = (uint16_t)mtu;
}

void tcp_pmtud_timeout(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    (void)tcp;
    (void)c;
    (void)now;
}
