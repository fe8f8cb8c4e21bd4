/* SPDX-License-Identifier: MIT
 * SEGMENT ARRIVES for connections (RFC 9293 section 3.10.7.3 and 3.10.7.4), step by step in the RFC's
 * order. Each step answers NEXT, or the reason why the segment goes no further. */
#include "tcp/tcp.h"

enum {
    NEXT = WEIR_DROP_COUNT,        /* go on with the next step */
    PAWS_VALID_S = 24 * 24 * 3600, /* ts_recent is good for so long (RFC 7323 5.5) */
    CHALLENGE_EVERY_MS = 500,      /* ATK-BLD-09 */
    CHALLENGE_BURST = 5
};

/* ---- answers ---- */

bool tcp_challenge_allowed(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    uint32_t passed = (tcp_ms(now) - c->challenge_ms) / CHALLENGE_EVERY_MS;
    if (passed >= c->challenges) {
        c->challenges = 0;
        c->challenge_ms = tcp_ms(now);
    } else {
        c->challenges = (c->challenges - passed) & 7U;
        c->challenge_ms += passed * CHALLENGE_EVERY_MS;
    }
    if (c->challenges >= CHALLENGE_BURST) {
        tcp->count.challenges_limited++;
        return false;
    }
    c->challenges++;
    return true;
}

/* <SEQ=SND.NXT><ACK=RCV.NXT>, limited for this connection alone (RFC 5961 7, CVE-2016-5696). */
static void challenge(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    if (!tcp_challenge_allowed(tcp, c, now))
        return;
    tcp->count.challenges_out++;
    tcp_ack_now(tcp, c, true);
}

/* A segment that is not acceptable is answered with an ACK (3.10.7.4 first). The sender of data has
 * to learn where we are; what has none could be part of a storm, and is limited. */
static void answer_unacceptable(struct tcp_room *tcp, struct tcp_conn *c,
                                const struct tcp_segment *s)
{
    if ((s->flags & TCP_RST) != 0)
        return;
    if (s->len == 0) {
        challenge(tcp, c, s->now);
        return;
    }
    if (s->seq < c->rcv_nxt) {
        uint64_t end = s->seq + s->len;
        tcp_reasm_duplicate(tcp, c, s->seq, end < c->rcv_nxt ? end : c->rcv_nxt);
    }
    tcp->count.duplicates++;
    tcp_ack_now(tcp, c, true);
}

/* ---- SYN-SENT (3.10.7.3) ---- */

/* The options of the peer's SYN. */
static void take_syn_options(struct tcp_conn *c, const struct tcp_segment *s)
{
    const struct tcp_options *o = s->options;
    bool has_scale = (o->present & TCP_HAS_WINDOW_SCALE) != 0;
    if ((o->present & TCP_HAS_MSS) != 0 && o->mss != 0)
        c->mss_peer = o->mss;
    c->timestamps = c->set.timestamps && (o->present & TCP_HAS_TIMESTAMPS) != 0;
    c->sack = c->set.sack && (o->present & TCP_HAS_SACK_PERMITTED) != 0;
    if (c->set.window_scale && has_scale) {
        c->scaling = true;
        c->snd_scale = o->window_scale & 15U;
        c->rcv_scale = tcp_rcv_scale(&c->set) & 15U;
    }
    if (c->timestamps) {
        c->ts_recent = o->ts_val;
        c->ts_recent_s = tcp_s(s->now);
    }
}

/* Our SYN was acknowledged, and its data up to `ack`: the rest goes as if it had never been sent. */
static void syn_is_acked(struct tcp_conn *c, uint64_t ack)
{
    c->snd_una = c->snd_nxt = c->snd_max = ack;
    if (ack > c->send.head)
        ring_release(&c->send, ack);
    if (c->unpushed > c->send.end - c->send.head)
        c->unpushed = (uint32_t)(c->send.end - c->send.head);
}

/* Fourth: the SYN of the peer. */
static enum weir_drop syn_sent_syn(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_segment *s)
{
    weir_time sent = c->heard_at;
    c->irs = s->header->seq;
    c->rcv_nxt = s->seq + 1;
    c->rcv_acked = tcp_wrap(c->rcv_nxt);
    c->rcv_edge = c->rcv_nxt + tcp_rcv_window_first(tcp, &c->set);
    ring_reset(&c->receive, c->rcv_nxt);
    take_syn_options(c, s);
    if ((s->options->present & TCP_HAS_USER_TIMEOUT) != 0)
        tcp_user_timeout_arrives(tcp, c, s->options->user_timeout, s->now);
    c->snd_wnd = s->window;
    c->snd_wnd_max = s->window;
    c->snd_wl1 = s->header->seq;
    c->snd_wl2 = (s->flags & TCP_ACK) != 0 ? s->header->ack : c->iss;
    c->heard_at = s->now;
    if ((s->flags & TCP_ACK) == 0) { /* simultaneous open (3.5, figure 7) */
        c->state = WEIR_TCP_SYN_RECEIVED;
        c->work |= TCP_WORK_SYN;
        c->snd_nxt = tcp_iss(c); /* our SYN goes again, with an ACK; its data comes again */
        tcp_ready(tcp, c);
        return WEIR_DROP_NONE;
    }
    tcp_fast_open_learn(tcp, c, s);
    syn_is_acked(c, s->ack);
    uint32_t rtt_us = c->syn_lost ? 0 : (uint32_t)((s->now - sent) / WEIR_NS_PER_US) + 1;
    tcp_established(tcp, c, s->now, rtt_us);
    tcp_ack_now(tcp, c, false);
    s->seq++; /* what follows is in sequence space behind the SYN */
    s->flags &= (uint16_t)~TCP_SYN;
    return (enum weir_drop)NEXT;
}

static enum weir_drop syn_sent(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_segment *s)
{
    bool ack = (s->flags & TCP_ACK) != 0;
    if (ack && (s->ack <= tcp_iss(c) || s->ack > c->snd_max)) { /* first */
        tcp_reset_stranger(tcp, s);
        return WEIR_DROP_TCP_ACK;
    }
    if ((s->flags & TCP_RST) != 0) { /* second */
        if (!ack)
            return WEIR_DROP_TCP_RST;
        tcp_conn_end(tcp, c, WEIR_E_REFUSED);
        return WEIR_DROP_NONE;
    }
    if ((s->flags & TCP_SYN) == 0) /* fifth */
        return WEIR_DROP_TCP_ACK;
    s->seq = TCP_OFFSET_BASE + s->header->seq.v; /* there was nothing to unwrap it by */
    return syn_sent_syn(tcp, c, s);
}

/* ---- first: sequence number ---- */

/* Table 6 of RFC 9293. */
static bool is_acceptable(const struct tcp_conn *c, const struct tcp_segment *s)
{
    uint64_t end = tcp_segment_end(s);
    if (end == s->seq)
        return s->seq == c->rcv_nxt || (s->seq > c->rcv_nxt && s->seq < c->rcv_edge);
    return c->rcv_edge > c->rcv_nxt && s->seq < c->rcv_edge && end > c->rcv_nxt;
}

/* RFC 7323 5.3 R1, which comes before the sequence number. */
static enum weir_drop check_timestamps(struct tcp_room *tcp, struct tcp_conn *c,
                                       const struct tcp_segment *s)
{
    if (!c->timestamps || (s->flags & TCP_RST) != 0)
        return (enum weir_drop)NEXT;
    if ((s->options->present & TCP_HAS_TIMESTAMPS) == 0)
        return WEIR_DROP_TCP_TIMESTAMP_MISSING; /* RFC 7323 3.2 */
    if ((int32_t)(s->options->ts_val - c->ts_recent) >= 0 ||
        tcp_s(s->now) - c->ts_recent_s > PAWS_VALID_S)
        return (enum weir_drop)NEXT;
    answer_unacceptable(tcp, c, s);
    return WEIR_DROP_TCP_PAWS;
}

static enum weir_drop check_sequence(struct tcp_room *tcp, struct tcp_conn *c,
                                     struct tcp_segment *s)
{
    if (c->state == WEIR_TCP_SYN_RECEIVED && !tcp_is_fast(c) && s->seq + 1 == c->rcv_nxt &&
        (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == (TCP_SYN | TCP_ACK)) {
        /* The other side's SYN,ACK of a simultaneous open (3.5, figure 7; MUST-10): its SYN is known,
         * its ACK is news. */
        s->flags &= (uint16_t)~TCP_SYN;
        s->seq++;
    }
    if (is_acceptable(c, s))
        return (enum weir_drop)NEXT;
    if (s->seq == c->rcv_nxt && c->rcv_edge == c->rcv_nxt) {
        /* A closed window: the text is not acceptable, and answered; ACK, URG and RST are taken all
         * the same (MUST-66). */
        if ((s->flags & TCP_RST) == 0)
            tcp_ack_now(tcp, c, false);
        s->len = 0;
        s->flags &= (uint16_t)~TCP_FIN;
        return (enum weir_drop)NEXT;
    }
    answer_unacceptable(tcp, c, s);
    return WEIR_DROP_TCP_SEQUENCE;
}

/* ---- second: RST; fourth: SYN ---- */

static enum weir_drop check_reset(struct tcp_room *tcp, struct tcp_conn *c,
                                  const struct tcp_segment *s)
{
    if ((s->flags & TCP_RST) == 0)
        return (enum weir_drop)NEXT;
    if (s->seq < c->rcv_nxt) /* what it carries reaches into the window, RST itself does not */
        return WEIR_DROP_TCP_RST;
    if (s->seq != c->rcv_nxt) { /* RFC 5961 3.2 */
        challenge(tcp, c, s->now);
        return WEIR_DROP_TCP_RST;
    }
    int reason = WEIR_E_RESET;
    if (c->state == WEIR_TCP_SYN_RECEIVED && !tcp_is_fast(c))
        reason = WEIR_E_REFUSED;
    else if (c->state == WEIR_TCP_CLOSING || c->state == WEIR_TCP_LAST_ACK)
        reason = WEIR_OK; /* all was said: what was received may be read, and nobody is signalled */
    tcp_conn_end(tcp, c, reason);
    return WEIR_DROP_NONE;
}

/* ---- fifth: ACK ---- */

/* SYN-RECEIVED is over, after a simultaneous open or a fast one. */
static void complete_handshake(struct tcp_room *tcp, struct tcp_conn *c,
                               const struct tcp_segment *s)
{
    bool fast = tcp_is_fast(c);
    uint32_t rtt_us = 0;
    c->work &= (uint8_t)~TCP_WORK_SYN;
    tcp_fast_open_done(tcp, c, WEIR_OK, s->now);
    if (!fast) {
        syn_is_acked(c, s->ack);
        c->snd_wnd = 0; /* the window of this segment counts below, whatever WL1 says */
        c->snd_wl1 = seq_sub(s->header->seq, 1);
        tcp_established(tcp, c, s->now, 0);
        return;
    }
    if (!c->syn_lost)
        rtt_us = (uint32_t)((s->now - c->heard_at) / WEIR_NS_PER_US) + 1;
    c->snd_una = tcp_iss(c) + 1;
    if (c->syn_lost) /* the peer has thrown away what came before the SYN,ACK */
        tcp_recovery_go_back(tcp, c);
    c->snd_wnd = s->window;
    if (c->snd_wnd_max < s->window)
        c->snd_wnd_max = s->window;
    c->snd_wl1 = s->header->seq;
    c->snd_wl2 = s->header->ack;
    tcp_established(tcp, c, s->now, rtt_us);
    tcp_rcv_read(tcp, c); /* the data of the SYN may have been read before */
}

static enum weir_drop check_ack(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_segment *s)
{
    bool news = true;
    if ((s->flags & TCP_ACK) == 0)
        return WEIR_DROP_TCP_ACK;
    if (c->state == WEIR_TCP_SYN_RECEIVED) {
        if (s->ack <= tcp_iss(c) || s->ack > c->snd_max) {
            tcp_reset_stranger(tcp, s);
            return WEIR_DROP_TCP_ACK;
        }
        bool fast = tcp_is_fast(c);
        complete_handshake(tcp, c, s);
        news = !fast || s->ack > c->snd_una; /* that the SYN is acknowledged is no duplicate */
    }
    /* RFC 5961 5.2; never below what SYN was acknowledged with (ATK-BLD-07, CVE-2023-52881). */
    uint64_t low = c->snd_una > c->snd_wnd_max ? c->snd_una - c->snd_wnd_max : 0;
    if (low <= tcp_iss(c))
        low = tcp_iss(c) + 1;
    if (s->ack < low || s->ack > tcp_snd_acked_max(c)) {
        challenge(tcp, c, s->now);
        return WEIR_DROP_TCP_ACK;
    }
    /* RFC 7323 4.3 (3): only what passed all checks moves TS.Recent (ATK-TS-01). */
    if (c->timestamps && s->seq <= tcp_unwrap(c->rcv_acked, c->rcv_nxt) &&
        (s->options->present & TCP_HAS_TIMESTAMPS) != 0) {
        c->ts_recent = s->options->ts_val;
        c->ts_recent_s = tcp_s(s->now);
    }
    if (s->ack >= c->snd_una && news)
        tcp_ack_arrives(tcp, c, s);
    if (c->fin_queued && c->snd_una == tcp_snd_end(c))
        tcp_fin_acked(tcp, c, s->now);
    return (enum weir_drop)NEXT;
}

/* ---- seventh: text; eighth: FIN ---- */

static bool receives_text(const struct tcp_conn *c)
{
    return c->state == WEIR_TCP_ESTABLISHED || c->state == WEIR_TCP_FIN_WAIT_1 ||
           c->state == WEIR_TCP_FIN_WAIT_2;
}

/* Leave of the segment what lies in the window. */
static void trim(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_segment *s)
{
    if (s->seq < c->rcv_nxt) {
        uint64_t old = c->rcv_nxt - s->seq;
        if (s->len > 0)
            tcp_reasm_duplicate(tcp, c, s->seq, s->seq + (old < s->len ? old : s->len));
        if (old > s->len)
            old = s->len; /* only a FIN that was taken before can be more */
        s->seq += old;
        s->skip += (uint32_t)old;
        s->len -= (uint32_t)old;
    }
    uint64_t end = s->seq + s->len;
    if (end + ((s->flags & TCP_FIN) != 0) > c->rcv_edge) {
        s->flags &= (uint16_t)~TCP_FIN;
        if (end > c->rcv_edge)
            s->len = (uint32_t)(c->rcv_edge - s->seq);
    }
}

static enum weir_drop take_text(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_segment *s)
{
    if (s->len == 0 && (s->flags & TCP_FIN) == 0)
        return WEIR_DROP_NONE;
    if (!receives_text(c))
        return WEIR_DROP_NONE; /* the peer has sent FIN: nothing can follow it */
    trim(tcp, c, s);
    if (s->len > 0 && c->released) { /* RFC 2525 2.17: nobody will ever read it */
        tcp->count.closed_with_data++;
        tcp_conn_abort(tcp, c, WEIR_E_ABORTED);
        return WEIR_DROP_TCP_CLOSED;
    }
    bool fin = false;
    enum weir_drop drop = tcp_reasm_segment(tcp, c, s, &fin);
    if (fin)
        tcp_fin_received(tcp, c, s->now);
    return drop;
}

/* ---- all steps ---- */

/* The SYN that was open fast came again: the SYN,ACK was lost, or is late (RFC 9293 3.10.7.4, first; the
 * records of other passive opens do alike). */
static enum weir_drop check_syn_again(struct tcp_room *tcp, struct tcp_conn *c,
                                      const struct tcp_segment *s)
{
    const uint16_t control = TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN;
    if (!tcp_is_fast(c) || (s->flags & control) != TCP_SYN || !seq_eq(s->header->seq, c->irs))
        return (enum weir_drop)NEXT;
    if (c->timestamps)
        c->ts_recent = s->options->ts_val;
    if (tcp_challenge_allowed(tcp, c, s->now)) {
        c->work |= TCP_WORK_SYN;
        tcp_ready(tcp, c);
    }
    return WEIR_DROP_NONE;
}

static enum weir_drop synchronized(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_segment *s)
{
    enum weir_drop drop = check_timestamps(tcp, c, s);
    if (drop == (enum weir_drop)NEXT)
        drop = check_syn_again(tcp, c, s);
    if (drop == (enum weir_drop)NEXT)
        drop = check_sequence(tcp, c, s);
    if (drop == (enum weir_drop)NEXT)
        drop = check_reset(tcp, c, s);
    if (drop != (enum weir_drop)NEXT)
        return drop;
    if ((s->flags & TCP_SYN) != 0) { /* RFC 5961 4.2 */
        challenge(tcp, c, s->now);
        return WEIR_DROP_TCP_SYN;
    }
    drop = check_ack(tcp, c, s);
    if (drop != (enum weir_drop)NEXT)
        return drop;
    c->heard_at = s->now;
    c->probes = 0;
    if ((s->options->present & TCP_HAS_USER_TIMEOUT) != 0)
        tcp_user_timeout_arrives(tcp, c, s->options->user_timeout, s->now);
    return (enum weir_drop)NEXT;
}

enum weir_drop tcp_segment_arrives(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_segment *s)
{
    tcp_account_segment_in(tcp, c, s);
    enum weir_drop drop =
        c->state == WEIR_TCP_SYN_SENT ? syn_sent(tcp, c, s) : synchronized(tcp, c, s);
    if (drop != (enum weir_drop)NEXT)
        return drop;
    if (c->state == WEIR_TCP_CLOSED || c->state == WEIR_TCP_TIME_WAIT)
        return WEIR_DROP_NONE; /* the ACK has ended it */
    if ((s->flags & TCP_URG) != 0)
        tcp_urgent_arrives(tcp, c, s);
    return take_text(tcp, c, s);
}
