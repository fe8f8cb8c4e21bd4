/* SPDX-License-Identifier: MIT
 * The accounts of a connection: what it counted, and what kept its sender from sending more
 * (RFC 4898).
 *
 * Time is booked when what limits the sender is looked at: after each visit of output, which comes at
 * once after everything that lets the sender go on, and where that changes without one (a write that
 * is refused, room for one). What limited it until then limited it up to this moment. The
 * milliseconds telescope: however often that is done, all that is booked is the time between the
 * first and the last. */
#include "tcp/tcp.h"

static void count16(uint16_t *n)
{
    if (*n < UINT16_MAX)
        (*n)++;
}

/* ---- time ---- */

static uint64_t ms_of(weir_time now)
{
    return (uint64_t)now / WEIR_NS_PER_MS;
}

/* How long `limit` has limited, now: milliseconds. */
static uint64_t limited(const struct tcp_account *a, unsigned limit, weir_time now)
{
    uint64_t sum = (uint64_t)a->limited_high[limit] << 32 | a->limited_ms[limit];
    uint64_t since = (uint64_t)a->since_high << 32 | a->since_ms;
    return a->running && a->limit == limit ? sum + (ms_of(now) - since) : sum;
}

/* Up to now it was `limit`. */
static void book(struct tcp_account *a, weir_time now)
{
    uint64_t sum = limited(a, a->limit, now), ms = ms_of(now);
    a->limited_ms[a->limit] = (uint32_t)sum;
    a->limited_high[a->limit] = (uint8_t)(sum >> 32);
    a->since_ms = (uint32_t)ms;
    a->since_high = (uint16_t)(ms >> 32);
}

/* ---- its life ---- */

void tcp_account_open(struct tcp_room *tcp, struct tcp_conn *c)
{
    c->account = TCP_NONE;
    if (tcp->accounts.in_use < tcp->config->tcp_accounts_max)
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
    a->limit = WEIR_TCP_LIMIT_APPLICATION;
    book(a, now); /* nothing: it was not running */
    a->running = true;
    a->limited_count[a->limit] = 1;
    a->cwnd_max = c->cc.cwnd;
}

void tcp_account_stop(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct tcp_account *a = tcp_account(tcp, c);
    if (a == NULL || !a->running)
        return;
    book(a, now);
    a->running = false;
}

/* ---- what limits it ---- */

/* All is sent. Windows that shrink behind what was sent are as if it had not been (SHLD-15). */
static enum weir_tcp_limit limit_when_sent(const struct tcp_conn *c)
{
    if (c->snd_max > c->snd_una + c->snd_wnd)
        return WEIR_TCP_LIMIT_WINDOW;
    bool refused = c->write_refused && c->snd_max > c->snd_una;
    return refused ? WEIR_TCP_LIMIT_BUFFER : WEIR_TCP_LIMIT_APPLICATION;
}

enum weir_tcp_limit tcp_account_limit(const struct tcp_room *tcp, const struct tcp_conn *c,
                                      weir_time now)
{
    (void)now;
    uint64_t end = tcp_snd_end(c);
    if (c->snd_nxt >= end)
        return limit_when_sent(c);
    uint64_t used = c->snd_nxt - c->snd_una, cwnd = tcp_recovery_window(tcp, c);
    cwnd = cwnd > used ? cwnd - used : 0;
    uint64_t window = c->snd_wnd > used ? c->snd_wnd - used : 0;
    uint64_t most = window < cwnd ? window : cwnd, mss = tcp_send_mss(c), wanted = end - c->snd_nxt;
    /* A full segment could go, or all there is: what keeps it back is here. */
    if (most >= mss || most >= wanted)
        return WEIR_TCP_LIMIT_APPLICATION;
    return window < cwnd ? WEIR_TCP_LIMIT_WINDOW : WEIR_TCP_LIMIT_CWND;
}

void tcp_account_update(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct tcp_account *a = tcp_account(tcp, c);
    if (a == NULL || !a->running)
        return;
    book(a, now);
    enum weir_tcp_limit limit = tcp_account_limit(tcp, c, now);
    if (limit != a->limit) {
        a->limit = (uint8_t)limit & 127U;
        count16(&a->limited_count[limit]);
    }
    /* In recovery cwnd says what has left the network, too. */
    if (c->cc.cwnd > a->cwnd_max && tcp_recovery_state(tcp, c) != WEIR_TCP_RECOVERY)
        a->cwnd_max = c->cc.cwnd;
}

/* ---- counters ---- */

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

void tcp_account_count(struct tcp_room *tcp, struct tcp_conn *c, enum tcp_account_item item)
{
    struct tcp_account *a = tcp_account(tcp, c);
    if (a == NULL)
        return;
    switch (item) {
    case TCP_ACCOUNT_RECOVERY:
        count16(&a->fast_retransmits);
        count16(&a->congestion_signals);
        break;
    case TCP_ACCOUNT_TIMEOUT:
        count16(&a->congestion_signals);
        break;
    case TCP_ACCOUNT_DUPACK_IN:
        a->dupacks_in++;
        break;
    case TCP_ACCOUNT_DUPACK_OUT:
        a->dupacks_out++;
        break;
    case TCP_ACCOUNT_ZERO_WINDOW_IN:
        count16(&a->zero_windows_in);
        break;
    case TCP_ACCOUNT_ZERO_WINDOW_OUT:
        count16(&a->zero_windows_out);
        break;
    }
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
    info->dupacks_in = a->dupacks_in;
    info->dupacks_out = a->dupacks_out;
    info->zero_windows_in = a->zero_windows_in;
    info->zero_windows_out = a->zero_windows_out;
    info->congestion_signals = a->congestion_signals;
    info->cwnd_bytes_max = a->cwnd_max;
    info->limit = a->limit;
    for (unsigned i = 0; i < WEIR_TCP_LIMIT_COUNT; i++) {
        info->limited_us[i] = limited(a, i, tcp->now) * 1000;
        info->limited_count[i] = a->limited_count[i];
    }
}
