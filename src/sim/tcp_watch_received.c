/* SPDX-License-Identifier: MIT
 * What a host has received: what it may send from now on, and what it owes. */
#include "sim/tcp_watch_impl.h"

#define ACK_DELAY_MAX (500 * WEIR_NS_PER_MS) /* MUST-40 */

static void owe(struct half *h, const char *why)
{
    h->ack_now = true;
    h->why_now = why;
}

/* The peer's SYN, in a state that can use it, says where its stream begins. */
static void take_syn(struct seen *s, enum weir_drop drop)
{
    struct half *h = s->half;
    h->last = seen_offer(s);
    place ack = place_of(s->header.ack, h->iss, 1); /* of the SYN, and of data that went with it */
    bool acked = !seen_has(s, TCP_ACK) || (ack >= 1 && ack <= h->sent);
    /* In SYN-SENT; a listener takes it when it answers (sent_syn()). */
    if (!h->has_iss || h->has_irs || h->dead || drop != WEIR_DROP_NONE || !acked)
        return;
    h->has_irs = true;
    h->irs = s->header.seq;
    h->peer = h->last;
    spans_add(&h->got, 0, 1);
    h->next = 1;
    if (seen_has(s, TCP_ACK) && !s->host->config.slow)
        owe(h, "a SYN-ACK came");
}

/* What the segment says about the stream that goes the other way. */
static void take_ack(struct seen *s, enum weir_drop drop)
{
    struct half *h = s->half;
    if (!h->has_iss || !seen_has(s, TCP_ACK))
        return;
    place ack = place_of(s->header.ack, h->iss, h->sent);
    if (ack < 0 || ack > h->sent)
        return;
    if (ack > h->una)
        h->una = ack;
    h->met |= ack >= 1 && drop == WEIR_DROP_NONE;
    unsigned scale = seen_has(s, TCP_SYN) ? 0 : half_scale(h, &h->peer);
    place edge = ack + ((place)s->header.window << scale);
    if (edge > h->edge)
        h->edge = edge;
}

/* Duties of one who has accepted data (RFC 9293 3.8.6.3, RFC 5681 4.2). */
static void owe_for(struct seen *s, place start, place end, bool fin)
{
    struct half *h = s->half;
    bool island = h->got.count > 1;
    place before = h->next;
    spans_add(&h->got, start, end);
    h->next = h->got.span[0].end;
    if (h->unsure) {
        /* What was refused before may be what came now. */
    } else if (start > before) {
        h->last_above = start; /* FIN is no data, SACK does not tell of it */
        h->last_above_end = s->payload_len > 0 ? end - fin : start;
        owe(h, "data came above a hole");
    } else if (end <= before) {
        owe(h, "data came that was there");
    } else if (island) {
        owe(h, "data came below an island");
    } else if (fin) {
        owe(h, "a FIN came");
    } else {
        unsigned mss = h->own.mss != 0 ? h->own.mss : 536;
        h->unacked += s->payload_len + s->options_len;
        if (h->unacked >= 2U * mss)
            owe(h, "two full segments came");
        if (h->ack_due == WEIR_TIME_NEVER)
            h->ack_due = s->now + ACK_DELAY_MAX;
    }
}

/* What is to be echoed from now on. */
static void take_timestamp(struct seen *s, enum weir_drop drop)
{
    struct half *h = s->half;
    uint32_t value = s->options.ts_val;
    if ((s->options.present & TCP_HAS_TIMESTAMPS) == 0)
        return;
    if (!h->has_ts_seen || s->now - h->ts_seen_at > TS_VALID ||
        (int32_t)(value - h->ts_seen) > 0) {
        h->has_ecr &= s->now - h->ts_seen_at <= TS_VALID;
        h->has_ts_seen = true;
        h->ts_seen_at = s->now;
        h->ts_seen = value;
    }
    if (!h->has_irs || !half_has_timestamps(h))
        return;
    place start = place_of(s->header.seq, h->irs, h->next);
    h->ts_known &= s->now - h->ts_recent_at <= TS_VALID;
    if (drop != WEIR_DROP_NONE || seen_has(s, TCP_SYN))
        h->ts_known = false; /* some of these count */
    else if (start <= h->acked && (!h->ts_known || (int32_t)(value - h->ts_recent) >= 0)) {
        if (!h->ts_known || h->ts_recent_at != s->now)
            h->ts_before = h->ts_known ? h->ts_recent : value;
        h->ts_recent = value;
        h->ts_recent_at = s->now;
        h->ts_known = true;
    }
}

static void take_data(struct seen *s, enum weir_drop drop)
{
    struct half *h = s->half;
    bool fin = seen_has(s, TCP_FIN), syn = seen_has(s, TCP_SYN);
    if (!h->has_irs || (s->payload_len == 0 && !fin))
        return;
    place start = place_of(s->header.seq, h->irs, h->next) + syn;
    place end = start + (place)s->payload_len + fin;
    if (start < 1)
        return;
    if (fin && drop == WEIR_DROP_NONE)
        h->peer_fin = end - 1;
    bool fits = end <= h->own_edge || h->own_edge == 0;
    if (drop == WEIR_DROP_NONE && fits && !s->host->config.slow && !syn) {
        owe_for(s, start, end, fin);
        return;
    }
    /* It may have been kept or not: what seems to be an island may be none. */
    h->unsure |= drop != WEIR_DROP_NONE || !fits;
    spans_add(&h->got, start, end);
    h->next = h->got.span[0].end;
}

/* Was it refused as a whole, before anything in it counted? */
static bool is_refused(enum weir_drop drop)
{
    switch ((int)drop) {
    case WEIR_DROP_TCP_SEQUENCE:
    case WEIR_DROP_TCP_PAWS:
    case WEIR_DROP_TCP_TIMESTAMP_MISSING:
    case WEIR_DROP_TCP_RST:
    case WEIR_DROP_TCP_SYN:
    case WEIR_DROP_TCP_ACK:
    case WEIR_DROP_TCP_TIME_WAIT:
        return true;
    default:
        return false;
    }
}

void watch_segment_received(struct seen *s, enum weir_drop drop)
{
    struct half *h = s->half;
    s->watch->stats.received++;
    if (seen_has(s, TCP_RST)) {
        bool ends = drop == WEIR_DROP_NONE && h->has_iss;
        h->dead |= ends;
        if (ends) {
            h->ack_now = false;
            h->ack_due = WEIR_TIME_NEVER;
        }
        return;
    }
    if (seen_has(s, TCP_SYN))
        take_syn(s, drop);
    take_ack(s, drop); /* of any: a TCP may look at it before it refuses the rest */
    if (is_refused(drop))
        return;
    take_timestamp(s, drop);
    take_data(s, drop);
}
