/* SPDX-License-Identifier: MIT
 * The accounts of a connection: what it counted, and what kept its sender from sending more
 * (RFC 4898). */
#include "tcp/tcp.h"

void tcp_account_open(struct tcp_room *tcp, struct tcp_conn *c)
{
    c->account = TCP_NONE;
    if (tcp->config->tcp_accounts_max > 0)
        c->account = pool_take(&tcp->accounts);
    struct tcp_account *a = tcp_account(tcp, c);
    if (a != NULL)
        memset(a, 0, sizeof *a);
}

void tcp_account_close(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->account != TCP_NONE)
        pool_give(&tcp->accounts, c->account);
    c->account = TCP_NONE;
}

void tcp_account_start(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct tcp_account *a = tcp_account(tcp, c);
    if (a == NULL)
        return;
    a->running = true;
    a->since_ms = tcp_ms(now);
}

void tcp_account_stop(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct tcp_account *a = tcp_account(tcp, c);
    tcp_account_update(tcp, c, now);
    if (a != NULL)
        a->running = false;
}

enum weir_tcp_limit tcp_account_limit(const struct tcp_room *tcp, const struct tcp_conn *c,
                                      weir_time now)
{
    (void)tcp;
    (void)c;
    (void)now;
    return WEIR_TCP_LIMIT_APPLICATION;
}

void tcp_account_update(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct tcp_account *a = tcp_account(tcp, c);
    if (a == NULL || !a->running)
        return;
    a->limited_ms[a->limit] += tcp_ms(now) - a->since_ms;
    a->since_ms = tcp_ms(now);
    a->limit = (uint8_t)tcp_account_limit(tcp, c, now);
}

void tcp_account_segment_in(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s)
{
    struct tcp_account *a = tcp_account(tcp, c);
    if (a == NULL)
        return;
    a->segments_in += s->segments;
    if (s->len > 0)
        a->data_segments_in += s->segments;
}

void tcp_account_segments_out(struct tcp_room *tcp, struct tcp_conn *c, unsigned segments,
                              const struct tcp_plan *plan)
{
    struct tcp_account *a = tcp_account(tcp, c);
    if (a == NULL)
        return;
    a->segments_out += segments;
    if (plan->len > 0)
        a->data_segments_out += segments;
    if (plan->again) {
        a->retransmits += segments;
        a->bytes_retransmitted += plan->len;
    }
}

void tcp_account_recovery(struct tcp_room *tcp, struct tcp_conn *c)
{
    struct tcp_account *a = tcp_account(tcp, c);
    if (a != NULL && a->fast_retransmits < UINT16_MAX)
        a->fast_retransmits++;
}

void tcp_account_info(const struct tcp_room *tcp, const struct tcp_conn *c,
                      struct weir_tcp_info *info)
{
    const struct tcp_account *a = tcp_account(tcp, c);
    if (a == NULL)
        return;
    info->accounts = true;
    info->segments_in = a->segments_in;
    info->segments_out = a->segments_out;
    info->data_segments_in = a->data_segments_in;
    info->data_segments_out = a->data_segments_out;
    info->retransmits = a->retransmits;
    info->bytes_retransmitted = a->bytes_retransmitted;
    info->fast_retransmits = a->fast_retransmits;
    info->limit = a->limit;
    for (unsigned i = 0; i < WEIR_TCP_LIMIT_COUNT; i++) {
        info->limited_us[i] = (uint64_t)a->limited_ms[i] * 1000;
        info->limited_count[i] = a->limited_count[i];
    }
}
