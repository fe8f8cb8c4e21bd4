/* SPDX-License-Identifier: MIT */
#include "drill/watch.h"

#include "wire/tcp_options.h"

/* The window scale that a SYN offers (RFC 7323 2.2). */
static bool scale_of(struct weir_ref options, uint8_t *scale)
{
    struct tcp_options o;
    tcp_options_parse(&o, options.data, options.len);
    *scale = (o.present & TCP_HAS_WINDOW_SCALE) != 0 ? o.window_scale : 0;
    return (o.present & TCP_HAS_WINDOW_SCALE) != 0;
}

/* The window of a segment in bytes. */
static uint32_t window_of(const struct packet_watch *w, const struct tcp_header *h, uint8_t scale)
{
    bool scaled = w->scale_offered_in && w->scale_offered_out && (h->flags & TCP_SYN) == 0;
    return scaled ? (uint32_t)h->window << scale : h->window;
}

static void to_max(struct tcp_seq *max, bool *has, struct tcp_seq seq)
{
    *max = *has ? seq_max(*max, seq) : seq;
    *has = true;
}

void watch_in(struct packet_watch *w, const struct watch_segment *s)
{
    const struct tcp_header *h = s->header;
    if ((h->flags & TCP_RST) != 0)
        return;
    if ((h->flags & TCP_SYN) != 0 && !w->has_acked)
        w->scale_offered_in = scale_of(s->options, &w->scale_in);
    /* What acknowledges too much is not believed by the stack either. */
    if ((h->flags & TCP_ACK) != 0 && w->has_sent && seq_leq(h->ack, w->sent))
        to_max(&w->edge_in, &w->has_edge_in, seq_add(h->ack, window_of(w, h, w->scale_in)));
}

/* What it says to the peer: the acknowledgment and the window. */
static const char *check_said(struct packet_watch *w, const struct tcp_header *h)
{
    if (w->has_acked && seq_lt(h->ack, w->acked))
        return "its acknowledgment is less than one before";
    to_max(&w->acked, &w->has_acked, h->ack);
    struct tcp_seq edge = seq_add(h->ack, window_of(w, h, w->scale_out));
    bool scaled = w->scale_offered_in && w->scale_offered_out;
    /* Rounding may take less than a unit of the window field (RFC 7323 2.4). */
    uint32_t unit = scaled ? UINT32_C(1) << w->scale_out : 1;
    if (w->has_edge_out && seq_diff(w->edge_out, edge) >= (int32_t)unit)
        return "the right edge of its window is left of one before";
    to_max(&w->edge_out, &w->has_edge_out, edge);
    return NULL;
}

/* What it sends, at its place. */
static const char *check_sent(struct packet_watch *w, const struct watch_segment *s)
{
    const struct tcp_header *h = s->header;
    uint32_t len = tcp_segment_seq_len(h->flags, s->len);
    struct tcp_seq end = seq_add(h->seq, len);
    if (len == 0)
        return NULL;
    if (w->has_fin && (seq_gt(end, w->fin) || ((h->flags & TCP_FIN) != 0 && !seq_eq(end, w->fin))))
        return "something follows FIN, or it has another place";
    bool is_new = !w->has_sent || seq_gt(end, w->sent);
    bool beyond = w->has_edge_in && seq_gt(end, w->edge_in);
    if ((h->flags & TCP_SYN) == 0 && is_new && beyond && len > 1)
        return "it is beyond every window that the peer has offered";
    if ((h->flags & TCP_FIN) != 0) {
        w->has_fin = true;
        w->fin = end;
    }
    to_max(&w->sent, &w->has_sent, end);
    return NULL;
}

const char *watch_out(struct packet_watch *w, const struct watch_segment *s, bool begins)
{
    const struct tcp_header *h = s->header;
    if (begins) {
        bool offered = w->scale_offered_in;
        uint8_t scale = w->scale_in;
        bool answers = (h->flags & TCP_ACK) != 0;
        *w = (struct packet_watch){.scale_offered_in = answers && offered, .scale_in = scale};
    }
    if ((h->flags & TCP_RESERVED) != 0)
        return "reserved bits are set";
    if ((h->flags & TCP_RST) != 0)
        return NULL;
    if ((h->flags & TCP_SYN) != 0)
        w->scale_offered_out = scale_of(s->options, &w->scale_out);
    const char *why = check_sent(w, s);
    return why == NULL && (h->flags & TCP_ACK) != 0 ? check_said(w, h) : why;
}
