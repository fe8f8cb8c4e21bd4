/* SPDX-License-Identifier: MIT
 * When to acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2). Duties are noted while segments come in and
 * met when something is sent, so that one acknowledgment answers a batch (MUST-58, MUST-59). */
#include "tcp/tcp.h"

/* Every second full-sized segment is acknowledged at once (SHLD-19): payload and options of both
 * are then as much as twice those of the largest, whatever share of it options take (RFC 2525
 * 2.13). Of three that a device put together, two have the same, full size, also when the peer's
 * have become smaller. */
static bool is_due(const struct tcp_conn *c, unsigned segments)
{
    uint32_t full = c->rcv_mss + (c->timestamps ? TCP_TIMESTAMPS_BYTES : 0U);
    return c->quick_acks > 0 || c->set.quick_ack || c->set.delayed_ack_ms == 0 || segments > 2 ||
           c->bytes_unacked >= 2 * full;
}

void tcp_delack_data(struct tcp_room *tcp, struct tcp_conn *c, uint32_t bytes, unsigned segments,
                     weir_time now)
{
    c->bytes_unacked += bytes;
    if (is_due(c, segments)) {
        tcp_ack_now(tcp, c, false);
        return;
    }
    if (c->delack_at != WEIR_TIME_NEVER)
        return;
    c->delack_at = now + c->set.delayed_ack_ms * WEIR_NS_PER_MS; /* below 0.5 s (MUST-40) */
    tcp_timer_update(tcp, c);
}

void tcp_ack_now(struct tcp_room *tcp, struct tcp_conn *c, bool each)
{
    if (!each)
        c->work |= TCP_WORK_ACK;
    else if (c->dup_acks_due < TCP_DUP_ACKS_DUE_MAX)
        c->dup_acks_due++;
    tcp_ready(tcp, c);
}

void tcp_ack_sent(struct tcp_room *tcp, struct tcp_conn *c, uint64_t edge, bool told_sack)
{
    CHECK(tcp->handler, edge >= c->rcv_edge);
    c->rcv_edge = edge;
    c->rcv_acked = tcp_wrap(c->rcv_nxt);
    c->work &= (uint8_t)~TCP_WORK_ACK;
    c->delack_at = WEIR_TIME_NEVER; /* the timer may stand: it finds nothing to do */
    if (c->bytes_unacked > 0 && c->quick_acks > 0)
        c->quick_acks--;
    c->bytes_unacked = 0;
    struct tcp_holes *h = tcp_holes(tcp, c);
    if (h == NULL || !told_sack)
        return;
    h->dsack_start = h->dsack_end = 0;
    tcp_holes_give_if_done(tcp, c);
}
