/* SPDX-License-Identifier: MIT
 * Acknowledgments: what they take off the queue, what they say of the window, what they measure
 * (RFC 9293 3.10.7.4, fifth). */
#include "tcp/tcp.h"

void tcp_established(struct tcp_room *tcp, struct tcp_conn *c, weir_time now, uint32_t rtt_us)
{
    /* What was closed before the handshake was complete goes on to FIN-WAIT-1 (3.10.4). */
    c->state = c->fin_queued ? WEIR_TCP_FIN_WAIT_1 : WEIR_TCP_ESTABLISHED;
    c->backoff = 0;
    c->stalled = false;
    c->quick_acks = TCP_QUICK_ACKS;
    c->user_timeout_due = c->set.user_timeout_option; /* RFC 5482 3: SYNs may not have been kept */
    c->heard_at = now;
    c->sent_ms = tcp_ms(now);
    if (rtt_us != 0)
        tcp_rtt_sample(c, rtt_us);
    cc_init(&c->cc, tcp_send_mss(c), c->set.initial_window, c->syn_lost);
    tcp_repair_update(tcp, c, true, now);
    tcp_idle_update(tcp, c, now);
    tcp_account_start(tcp, c, now);
    if (c->active)
        tcp_raise(tcp, c, WEIR_EVENT_CONNECTED | WEIR_EVENT_WRITABLE, WEIR_OK);
    else if (c->fast_open) /* it may have been accepted before */
        tcp_raise(tcp, c, WEIR_EVENT_CONNECTED, WEIR_OK);
    tcp_ready(tcp, c);
}

/* SND.WND, SND.WL1, SND.WL2. A segment that is older than the one which told the window tells nothing of
 * it, though it may acknowledge more: then the right edge stays where it was told to be. */
static void update_window(struct tcp_conn *c, const struct tcp_segment *s)
{
    struct tcp_seq seq = s->header->seq, ack = s->header->ack;
    if (seq_gt(c->snd_wl1, seq) || (seq_eq(c->snd_wl1, seq) && seq_gt(c->snd_wl2, ack))) {
        uint64_t acked = s->ack - c->snd_una;
        c->snd_wnd = acked < c->snd_wnd ? c->snd_wnd - (uint32_t)acked : 0;
        return;
    }
    c->snd_wnd = s->window;
    c->snd_wl1 = seq;
    c->snd_wl2 = ack;
    if (s->window > c->snd_wnd_max)
        c->snd_wnd_max = s->window;
}

/* RFC 5681 section 2, (a) to (e). */
static bool is_duplicate(const struct tcp_conn *c, const struct tcp_segment *s)
{
    return s->ack == c->snd_una && c->snd_max > c->snd_una && s->len == 0 &&
           (s->flags & (TCP_SYN | TCP_FIN)) == 0 && s->window == c->snd_wnd;
}

/* One round trip: by the log, or by the timestamp when what is acknowledged was sent again (RFC 7323
 * 4.1). */
static void sample_rtt(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s)
{
    weir_time sent = c->flight != TCP_NONE ? txlog_acked(tcp, c, c->snd_una) : WEIR_TIME_NEVER;
    if (sent != WEIR_TIME_NEVER) {
        tcp_rtt_sample(c, (uint32_t)((s->now - sent) / WEIR_NS_PER_US));
        return;
    }
    if (!c->timestamps || s->options->ts_ecr == 0)
        return;
    uint32_t ms = tcp_stamp(c->ts_offset, s->now) - s->options->ts_ecr;
    if (ms <= 3600000) /* else the echo is no stamp of ours */
        tcp_rtt_sample(c, ms * 1000);
}

/* Everything below s->ack has arrived. */
static void take_acked(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s)
{
    uint32_t acked = (uint32_t)(s->ack - c->snd_una);
    uint64_t tail = tcp_snd_tail(c);
    if (s->ack > c->snd_max) { /* the probe's octet */
        c->snd_max = s->ack;
        c->probe_out = false;
    }
    c->snd_una = s->ack;
    if (c->snd_nxt < c->snd_una)
        c->snd_nxt = c->snd_una;
    if (c->flight != TCP_NONE) {
        tcp_pmtud_acked(tcp, c, s->now);
        tcp_recovery_acked(tcp, c, acked, s->now);
    }
    sample_rtt(tcp, c, s);
    if (c->snd_una == c->snd_max && c->flight != TCP_NONE)
        tcp_flight_give(tcp, c);
    ring_release(&c->send, c->snd_una < tail ? c->snd_una : tail);
    if (c->unpushed > tail - c->send.head) /* some of it went as a probe */
        c->unpushed = (uint32_t)(tail - c->send.head);
    if (c->urgent_out && seq_geq(tcp_wrap(c->snd_una), c->snd_up))
        c->urgent_out = false;
    c->advised = false;
    if (c->stuck)
        tcp_stuck_acked(tcp, c, acked);
    if (c->pin.generation != 0)
        neighbour_confirm(&tcp->net->neighbours, c->pin, s->now);
    tcp_writable_update(tcp, c);
}

void tcp_ack_arrives(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s)
{
    bool progress = s->ack > c->snd_una;
    if (!progress && is_duplicate(c, s)) {
        tcp_account_count(tcp, c, TCP_ACCOUNT_DUPACK_IN);
        if (!tcp_pmtud_dupack(tcp, c, s))
            tcp_recovery_dupack(tcp, c, s->now);
    }
    uint32_t window = c->snd_wnd;
    update_window(c, s);
    if (!progress && c->snd_wnd == window)
        return; /* as most data is that comes one way: nothing is new for the sender */
    if (c->snd_wnd == 0 && window != 0 && s->window == 0)
        tcp_account_count(tcp, c, TCP_ACCOUNT_ZERO_WINDOW_IN);
    uint64_t edge = c->snd_una + window; /* as it was */
    if (progress)
        take_acked(tcp, c, s);
    tcp_repair_update(tcp, c, progress, s->now);
    if (c->snd_nxt < tcp_snd_end(c) || tcp_recovery_state(tcp, c) != WEIR_TCP_OPEN)
        tcp_ready(tcp, c);
    else if (c->snd_una + c->snd_wnd < c->snd_max || edge < c->snd_max)
        tcp_account_update(tcp, c, s->now); /* it has shrunk behind what was sent, or did before */
}
