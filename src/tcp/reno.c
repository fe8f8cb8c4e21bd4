/* SPDX-License-Identifier: MIT
 * Slow start and congestion avoidance of RFC 5681, counting bytes (RFC 3465). */
#include "tcp/cc.h"

enum {
    IW_SEGMENTS_MAX = 10, /* RFC 6928 2 */
    IW_SEGMENTS_MIN = 2,
    IW_BYTES = 14600
};

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t initial_window(uint32_t mss, unsigned segments)
{
    uint32_t window = min_u32(IW_SEGMENTS_MAX * mss, max_u32(IW_SEGMENTS_MIN * mss, IW_BYTES));
    return min_u32(window, max_u32(segments, 1) * mss);
}

static void grow(struct tcp_cc *cc, uint32_t bytes)
{
    cc->cwnd = bytes < TCP_CWND_MAX - cc->cwnd ? cc->cwnd + bytes : (uint32_t)TCP_CWND_MAX;
}

void cc_init(struct tcp_cc *cc, uint32_t mss, unsigned segments, bool syn_lost)
{
    *cc = (struct tcp_cc){.cwnd = syn_lost ? mss : initial_window(mss, segments),
                          .ssthresh = TCP_SSTHRESH_NONE};
}

void cc_acked(struct tcp_cc *cc, const struct tcp_cc_ack *ack)
{
    if (!ack->cwnd_limited || cc->cwnd >= TCP_CWND_MAX)
        return;
    uint32_t acked = ack->acked;
    if (cc->cwnd < cc->ssthresh) {
        /* A departure from RFC 5681 3.1 (SMSS for an ACK) and RFC 3465 (two of them): an ACK for many
         * segments counts as one for each would have, because devices and we put ACKs together. In
         * bytes, so that a receiver that divides its ACKs gains nothing. After a timeout the caller
         * keeps to one. What reaches beyond ssthresh counts below. */
        uint32_t slow = min_u32(acked, cc->ssthresh - cc->cwnd);
        grow(cc, slow);
        acked -= slow;
    }
    /* At most one window counts, so that what is left of a larger one makes no burst. */
    cc->acked = min_u32(acked, cc->cwnd) + min_u32(cc->acked, cc->cwnd);
    if (cc->cwnd >= cc->ssthresh && cc->acked >= cc->cwnd) {
        cc->acked -= cc->cwnd;
        grow(cc, ack->mss);
    }
}

void cc_loss(struct tcp_cc *cc, uint32_t flight, uint32_t mss)
{
    cc->ssthresh = max_u32(flight / 2, 2 * mss);
    cc->acked = 0;
}

void cc_timeout(struct tcp_cc *cc, uint32_t flight, uint32_t mss, bool again)
{
    if (!again)
        cc_loss(cc, flight, mss);
    cc->cwnd = mss;
    cc->acked = 0;
}

void cc_idle(struct tcp_cc *cc, uint32_t mss, unsigned segments)
{
    cc->cwnd = min_u32(cc->cwnd, initial_window(mss, segments));
    cc->acked = 0;
}

void cc_mss(struct tcp_cc *cc, uint32_t mss)
{
    cc->cwnd = max_u32(cc->cwnd, mss);
}
