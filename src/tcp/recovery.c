/* SPDX-License-Identifier: MIT
 * What was lost, and what that means for the congestion window: fast retransmit and fast recovery of
 * RFC 5681 3.2 with the changes of RFC 6582 (NewReno), limited transmit (RFC 3042), and going back to
 * snd_una after a retransmission timeout. The one file that changes the state of recovery.
 *
 *     OPEN -- duplicate --> DISORDER -- the third --> RECOVERY -- all of `recover` --> OPEN
 *     any -- timeout --> LOSS -- all of `recover` --> OPEN
 *
 * In LOSS, and after either until more than `recover` is acknowledged, duplicates tell nothing: they
 * may come of what was sent twice (RFC 6582 3.2 step 2 and 4). */
#include "tcp/tcp.h"

enum { DUPACK_THRESHOLD = 3 };

/* FlightSize, as it is before the window of an ACK is looked at. */
static uint32_t outstanding(const struct tcp_conn *c)
{
    return (uint32_t)(c->snd_max - c->snd_una);
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void inflate(struct tcp_conn *c, uint32_t bytes)
{
    c->cc.cwnd = bytes < TCP_CWND_MAX - c->cc.cwnd ? c->cc.cwnd + bytes : (uint32_t)TCP_CWND_MAX;
}

/* Less is to be in flight. What limited transmit sent beyond cwnd does not count (RFC 5681 3.2 step
 * 2). */
static void reduce(struct tcp_room *tcp, struct tcp_conn *c, uint32_t flight)
{
    cc_loss(&c->cc, min_u32(flight, c->cc.cwnd), tcp_send_mss(c));
    c->cc.cwnd = c->cc.ssthresh;
    tcp_account_count(tcp, c, TCP_ACCOUNT_RECOVERY);
}

/* The third duplicate: RFC 6582 3.2 steps 2 and 3. A probe of the path MTU is not lost for congestion
 * (RFC 4821 7.6.2): then everything goes on with the same cwnd, unless more turns out to be missing. */
static void enter_recovery(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_flight *f,
                           weir_time now)
{
    uint32_t mss = tcp_send_mss(c), flight = outstanding(c);
    f->recovery = WEIR_TCP_RECOVERY;
    f->recover = c->snd_max;
    f->rtx_first = true;
    f->partial_seen = false;
    f->timer_begun = false;
    f->inflatable = flight;
    f->spared_end = 0;
    f->spared_cwnd = c->cc.cwnd;
    if (!tcp_pmtud_probe_lost(tcp, c, now))
        reduce(tcp, c, flight);
    else if (c->cc.ssthresh < c->cc.cwnd)
        c->cc.ssthresh = c->cc.cwnd;
    inflate(c, DUPACK_THRESHOLD * mss);
    tcp->count.fast_retransmits++;
}

/* The k-th duplicate means that a segment has left the network; but no more of them than were
 * outstanding, whatever a peer says (RFC 5681 3.2 step 4). */
static void inflate_once(struct tcp_conn *c, struct tcp_flight *f)
{
    uint32_t bytes = min_u32(tcp_send_mss(c), f->inflatable);
    f->inflatable -= bytes;
    inflate(c, bytes);
}

void tcp_recovery_dupack(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    if (f == NULL)
        return;
    if (f->dupacks < UINT8_MAX)
        f->dupacks++;
    switch ((enum weir_tcp_recovery)f->recovery) {
    case WEIR_TCP_OPEN:
        f->recovery = WEIR_TCP_DISORDER;
        break;
    case WEIR_TCP_DISORDER:
        if (f->dupacks >= DUPACK_THRESHOLD && c->snd_una > f->recover && !tcp_pmtud_waits(c, f))
            enter_recovery(tcp, c, f, now);
        break;
    case WEIR_TCP_RECOVERY:
        inflate_once(c, f);
        break;
    case WEIR_TCP_LOSS:
        return;
    }
    tcp_ready(tcp, c);
}

/* RFC 6582 3.2 step 3, a full acknowledgment: cwnd is what is outstanding and a segment, at most
 * ssthresh, so that it lets no burst go. */
static void leave_recovery(struct tcp_conn *c, struct tcp_flight *f, uint32_t mss)
{
    uint32_t flight = outstanding(c);
    f->recovery = WEIR_TCP_OPEN;
    f->rtx_first = false;
    c->cc.cwnd = min_u32(c->cc.ssthresh, (flight > mss ? flight : mss) + mss);
    if (f->spared_end != 0)
        c->cc.cwnd = f->spared_cwnd;
    f->spared_end = 0;
    c->cc.acked = 0;
}

/* RFC 6582 3.2 step 3, a partial acknowledgment: the next hole. cwnd shrinks by what has been
 * acknowledged, and grows by a segment when that is so much as one. */
static void partial_ack(struct tcp_conn *c, struct tcp_flight *f, uint32_t acked, uint32_t mss)
{
    f->rtx_first = true;
    f->partial_seen = true;
    f->inflatable = outstanding(c);
    c->cc.cwnd = c->cc.cwnd > acked ? c->cc.cwnd - acked : 0;
    if (acked >= mss)
        inflate(c, mss);
    if (c->cc.cwnd < mss)
        c->cc.cwnd = mss;
}

/* The congestion window grows by what was acknowledged, in LOSS by a segment at most: what one
 * retransmission uncovered is no sign of room for as much (RFC 3465 2.3). */
static void grow(struct tcp_conn *c, uint32_t acked, bool loss)
{
    /* What is still to be sent again waits for nothing but cwnd. */
    if (!c->cwnd_limited && c->snd_nxt >= c->snd_max)
        return;
    uint32_t mss = tcp_send_mss(c);
    cc_acked(&c->cc, &(struct tcp_cc_ack){.acked = loss ? min_u32(acked, mss) : acked,
                                          .flight = outstanding(c) + acked,
                                          .mss = mss,
                                          .cwnd_limited = true});
}

void tcp_recovery_acked(struct tcp_room *tcp, struct tcp_conn *c, uint32_t acked, weir_time now)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    (void)now;
    CHECK(tcp->handler, f != NULL && acked > 0);
    f->dupacks = 0;
    f->expiries = 0;
    switch ((enum weir_tcp_recovery)f->recovery) {
    case WEIR_TCP_OPEN:
    case WEIR_TCP_DISORDER:
        f->recovery = WEIR_TCP_OPEN;
        grow(c, acked, false);
        break;
    case WEIR_TCP_RECOVERY:
        if (c->snd_una >= f->recover) {
            leave_recovery(c, f, tcp_send_mss(c));
            break;
        }
        partial_ack(c, f, acked, tcp_send_mss(c));
        if (f->spared_end != 0 && c->snd_una >= f->spared_end) { /* there is another hole */
            f->spared_end = 0;
            reduce(tcp, c, outstanding(c));
        }
        break;
    case WEIR_TCP_LOSS:
        if (c->snd_una >= f->recover)
            f->recovery = WEIR_TCP_OPEN;
        grow(c, acked, true);
        break;
    }
}

void tcp_recovery_go_back(struct tcp_room *tcp, struct tcp_conn *c)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    if (f == NULL || c->snd_una == c->snd_max)
        return;
    f->recovery = WEIR_TCP_LOSS;
    f->spared_end = 0;
    f->recover = c->snd_max;
    f->dupacks = 0;
    f->rtx_first = false;
    c->snd_nxt = c->snd_una;
}

void tcp_recovery_timeout(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    (void)now;
    CHECK(tcp->handler, f != NULL && c->snd_una < c->snd_max);
    /* In LOSS only what was sent again is in the network. */
    bool lost_again = f->recovery == WEIR_TCP_LOSS;
    uint32_t flight = lost_again ? (uint32_t)(c->snd_nxt - c->snd_una) : outstanding(c);
    lost_again = lost_again && f->timed_out == c->snd_una;
    cc_timeout(&c->cc, flight, tcp_send_mss(c), lost_again);
    if (!lost_again)
        tcp_account_count(tcp, c, TCP_ACCOUNT_TIMEOUT);
    f->timed_out = c->snd_una;
    if (f->expiries < UINT8_MAX)
        f->expiries++;
    tcp_recovery_go_back(tcp, c);
    c->timeouts++;
    tcp->count.timeouts++;
}

uint64_t tcp_recovery_window(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    const struct tcp_flight *f = tcp_flight(tcp, c);
    if (f == NULL || f->recovery != WEIR_TCP_DISORDER)
        return c->cc.cwnd;
    /* RFC 3042: a new segment for each of the first two duplicates. */
    unsigned more = f->dupacks < DUPACK_THRESHOLD ? f->dupacks : DUPACK_THRESHOLD - 1;
    return c->cc.cwnd + (uint64_t)more * tcp_send_mss(c);
}

enum weir_tcp_recovery tcp_recovery_state(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    const struct tcp_flight *f = tcp_flight(tcp, c);
    return f != NULL ? (enum weir_tcp_recovery)f->recovery : WEIR_TCP_OPEN;
}
