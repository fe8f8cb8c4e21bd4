/* SPDX-License-Identifier: MIT
 * Buffers that suit the path. Both begin with WEIR_TCP_BUFFER_BYTES and grow by what is made use of.
 *
 * Receiving. What comes in a round trip, to an application that reads all there is, is what the sender
 * could send in one. A sender in slow start sends twice as much in the next, and the window that lets it
 * was told while the last of the one before was still on its way: the buffer is to be four times what
 * has come since the round began, and follows while it is read. Where the application reads less often
 * than a round trip takes, its pace counts, up to a limit. Who reads seldom, or leaves data unread,
 * makes no use of a larger buffer.
 *
 * The receiver's round trip is the least that was measured, by whatever acknowledged something of
 * ours, if only the SYN. Without any (the SYN was lost) it is measured by the echo of our timestamps
 * (RFC 7323) in what comes, or else by the time in which a whole buffer comes, for what is beyond
 * the window cannot be sent before the window was told. rtt_us_min holds that too, as long as srtt_us8
 * is 0.
 *
 * Sending. What is in flight is kept for being sent again, and as much again is written ahead: two
 * congestion windows, as far as the peer has ever let them go.
 *
 * Of what memory is left, nobody may have more than a share (a quarter of what may still be promised
 * to senders, half of what is free): so the many find as much left as the few leave (Choudhury and
 * Hahne's dynamic thresholds). */
#include "tcp/tcp.h"

enum {
    READ_US_MAX = 100000, /* reads that are further apart are no faster than this */
    SEND_FLOOR = 16384    /* the send buffer when memory is short */
};

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Bytes that are free for all, beyond those kept for data in sequence. */
static uint64_t free_bytes(const struct tcp_room *tcp)
{
    uint64_t kept = (uint64_t)tcp->blocks->urgent_superblocks * BLOCKS_SUPERBLOCK_BYTES;
    uint64_t bytes = blocks_free_bytes(tcp->blocks);
    return bytes > kept ? bytes - kept : 0;
}

/* ---- receiving ---- */

void tcp_tune_begin(struct tcp_conn *c)
{
    uint32_t max = c->set.receive_bytes_max;
    uint32_t least = c->set.tune && max > WEIR_TCP_BUFFER_BYTES ? WEIR_TCP_BUFFER_BYTES : max;
    if (c->state < WEIR_TCP_ESTABLISHED || c->rcv_buf < least)
        c->rcv_buf = least;
    else if (c->rcv_buf > max)
        c->rcv_buf = max;
}

void tcp_tune_echo(struct tcp_conn *c, const struct tcp_segment *s)
{
    if (!c->timestamps || s->options->ts_ecr == 0)
        return;
    uint32_t ms = tcp_stamp(c->ts_offset, s->now) - s->options->ts_ecr;
    if (ms > 3600000) /* no stamp of ours */
        return;
    uint32_t us = (ms + 1) * 1000; /* up to a tick more */
    if (c->rtt_us_min == 0 || us < c->rtt_us_min)
        c->rtt_us_min = us;
}

/* How much comes in a round, by `come` bytes in `us`; *over: it has ended. */
static uint64_t measure(struct tcp_conn *c, uint32_t come, uint32_t us, bool *over)
{
    uint32_t round = c->rtt_us_min > READ_US_MAX ? c->rtt_us_min : (uint32_t)READ_US_MAX;
    *over = us >= c->rtt_us_min;
    if (c->srtt_us8 == 0 && !c->timestamps) {
        *over = come >= c->rcv_buf;
        if (*over && (c->rtt_us_min == 0 || us < c->rtt_us_min))
            c->rtt_us_min = us != 0 ? us : 1;
        if (c->rtt_us_min == 0)
            return 0;
        round = c->rtt_us_min;
    }
    return us <= round ? come : (uint64_t)come * round / us;
}

/* How large the receive buffer may be, by the memory that is left. */
static uint64_t allowed(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    const struct blocks *b = tcp->blocks;
    uint64_t promised = (uint64_t)c->promised_kb << 10;
    uint64_t left = b->promised_bytes_max > b->promised_bytes
                        ? b->promised_bytes_max - b->promised_bytes
                        : 0;
    return min64((left + promised) / 4, free_bytes(tcp) / 2);
}

void tcp_tune_read(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    if (c->rcv_buf >= c->set.receive_bytes_max)
        return;
    uint64_t end = tcp_rcv_data_end(c), unread = end - c->receive.head;
    if (unread > c->rcv_buf / 8)
        return;
    uint32_t at = (uint32_t)((uint64_t)now / WEIR_NS_PER_US);
    bool over = c->tune_us == 0; /* the first time */
    uint64_t come = over ? 0 : measure(c, (uint32_t)end - c->tune_end, at - c->tune_us, &over);
    if (over) {
        c->tune_us = at != 0 ? at : UINT32_MAX;
        c->tune_end = (uint32_t)end;
    }
    if (7 * come < 2 * (uint64_t)c->rcv_buf)
        return;
    uint64_t bytes = min64(min64(4 * come, c->set.receive_bytes_max), allowed(tcp, c));
    if (bytes > c->rcv_buf)
        c->rcv_buf = (uint32_t)bytes;
}

/* ---- sending ---- */

uint32_t tcp_tune_send_buffer(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    uint64_t max = c->set.send_bytes_max, most = WEIR_TCP_BUFFER_BYTES;
    if (!c->set.tune)
        return (uint32_t)max;
    uint64_t usable = min64(c->cc.cwnd, c->snd_wnd_max);
    if (2 * usable > most)
        most = 2 * usable;
    uint64_t share = free_bytes(tcp) / 2;
    if (share < SEND_FLOOR)
        share = SEND_FLOOR;
    return (uint32_t)min64(min64(most, share), max);
}
