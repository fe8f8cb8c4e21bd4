/* SPDX-License-Identifier: MIT */
#include "drill/watch.h"

#include "sim/build.h"
#include "wire/tcp_options.h"

/* The window scale that a SYN offers (RFC 7323 2.2). */
static bool scale_of(struct weir_ref options, uint8_t *scale)
{
    struct tcp_options o;
    tcp_options_parse(&o, options.data, options.len);
    *scale = (o.present & TCP_HAS_WINDOW_SCALE) != 0 ? o.window_scale : 0;
    return (o.present & TCP_HAS_WINDOW_SCALE) != 0;
}

/* The peer's SYN is the one that counts. */
static void take_scale(struct watch *w)
{
    w->scale_offered_in = w->syn_offers_scale;
    w->scale_in = w->syn_scale;
}

/* The window of a segment in bytes. */
static uint32_t window_of(const struct watch *w, const struct tcp_header *h, uint8_t scale)
{
    bool scaled = w->scale_offered_in && w->scale_offered_out && (h->flags & TCP_SYN) == 0;
    return scaled ? (uint32_t)h->window << scale : h->window;
}

static void to_max(struct tcp_seq *max, bool *has, struct tcp_seq seq)
{
    *max = *has ? seq_max(*max, seq) : seq;
    *has = true;
}

void watch_in(struct watch *w, const struct watch_segment *s)
{
    const struct tcp_header *h = s->header;
    if ((h->flags & TCP_RST) != 0)
        return;
    if ((h->flags & TCP_SYN) != 0) {
        w->syn_offers_scale = scale_of(s->options, &w->syn_scale);
        if (!w->has_acked)
            take_scale(w);
    }
    /* What acknowledges too much is not believed by the stack either. */
    if ((h->flags & TCP_ACK) != 0 && w->has_sent && seq_leq(h->ack, w->sent))
        to_max(&w->edge_in, &w->has_edge_in, seq_add(h->ack, window_of(w, h, w->scale_in)));
}

/* What it says to the peer: the acknowledgment and the window. */
static const char *check_said(struct watch *w, const struct tcp_header *h)
{
    if (w->has_acked && seq_lt(h->ack, w->acked))
        return "a segment of the stack acknowledges less than one before";
    to_max(&w->acked, &w->has_acked, h->ack);
    struct tcp_seq edge = seq_add(h->ack, window_of(w, h, w->scale_out));
    bool scaled = w->scale_offered_in && w->scale_offered_out;
    /* Rounding may take less than a unit of the window field (RFC 7323 2.4). */
    uint32_t unit = scaled ? UINT32_C(1) << w->scale_out : 1;
    if (w->has_edge_out && seq_diff(w->edge_out, edge) >= (int32_t)unit)
        return "the right edge of the stack's window is left of one before";
    to_max(&w->edge_out, &w->has_edge_out, edge);
    return NULL;
}

/* What it sends, at its place. */
static const char *check_sent(struct watch *w, const struct watch_segment *s)
{
    const struct tcp_header *h = s->header;
    uint32_t len = tcp_segment_seq_len(h->flags, s->len);
    struct tcp_seq end = seq_add(h->seq, len);
    if (len == 0)
        return NULL;
    if (w->has_fin && (seq_gt(end, w->fin) || ((h->flags & TCP_FIN) != 0 && !seq_eq(end, w->fin))))
        return "something of the stack's follows FIN, or FIN has another place";
    bool is_new = !w->has_sent || seq_gt(end, w->sent);
    bool beyond = w->has_edge_in && seq_gt(end, w->edge_in);
    if ((h->flags & TCP_SYN) == 0 && is_new && beyond && len > 1)
        return "a segment of the stack is beyond every window that the peer has offered";
    if ((h->flags & TCP_FIN) != 0) {
        w->has_fin = true;
        w->fin = end;
    }
    to_max(&w->sent, &w->has_sent, end);
    return NULL;
}

const char *watch_out(struct watch *w, const struct watch_segment *s)
{
    const struct tcp_header *h = s->header;
    bool syn = (h->flags & TCP_SYN) != 0, ack = (h->flags & TCP_ACK) != 0;
    if ((h->flags & TCP_RESERVED) != 0)
        return "a segment of the stack has reserved bits set";
    if ((h->flags & TCP_RST) != 0)
        return NULL;
    if (syn && (!w->has_iss || !seq_eq(w->iss, h->seq))) { /* another connection */
        *w = (struct watch){.has_iss = true,
                            .iss = h->seq,
                            .syn_offers_scale = w->syn_offers_scale,
                            .syn_scale = w->syn_scale};
        if (ack)
            take_scale(w);
    }
    if (syn)
        w->scale_offered_out = scale_of(s->options, &w->scale_out);
    const char *why = check_sent(w, s);
    return why == NULL && ack ? check_said(w, h) : why;
}

/* ---- packets ---- */

/* The TCP segment in a packet; false: there is none that counts. */
static bool parse_packet(const uint8_t *packet, uint32_t len, struct tcp_header *h,
                         struct watch_segment *s)
{
    struct sim_parsed p = sim_parse(packet, len, WEIR_LINK_IP);
    if (p.ip_version == 0 || p.protocol != IP_PROTOCOL_TCP || p.transport_len == 0 || p.fragment ||
        !build_is_sound(packet, len, WEIR_LINK_IP))
        return false;
    const uint8_t *segment = packet + p.transport_offset;
    if (tcp_parse(h, segment, p.transport_len, p.transport_len) != WEIR_DROP_NONE)
        return false;
    *s = (struct watch_segment){
        h, {segment + TCP_HEADER_BYTES, h->header_len - (size_t)TCP_HEADER_BYTES}, p.payload_len};
    return true;
}

/* NULL: there is no room. */
static struct watch *find(struct watch_table *table, uint16_t local_port, uint16_t remote_port)
{
    for (unsigned i = 0; i < table->count; i++)
        if (table->connection[i].local_port == local_port &&
            table->connection[i].remote_port == remote_port)
            return &table->connection[i].watch;
    if (table->count == WATCH_CONNECTIONS_MAX)
        return NULL;
    table->connection[table->count].local_port = local_port;
    table->connection[table->count].remote_port = remote_port;
    return &table->connection[table->count++].watch;
}

void watch_packet_in(struct watch_table *table, const uint8_t *packet, uint32_t len)
{
    struct tcp_header h;
    struct watch_segment s;
    if (!parse_packet(packet, len, &h, &s))
        return;
    struct watch *w = find(table, h.destination_port, h.source_port);
    if (w != NULL)
        watch_in(w, &s);
}

const char *watch_packet_out(struct watch_table *table, const uint8_t *packet, uint32_t len)
{
    struct tcp_header h;
    struct watch_segment s;
    if (!parse_packet(packet, len, &h, &s))
        return NULL;
    struct watch *w = find(table, h.source_port, h.destination_port);
    return w != NULL ? watch_out(w, &s) : NULL;
}
