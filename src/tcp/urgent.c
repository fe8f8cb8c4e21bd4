/* SPDX-License-Identifier: MIT
 * Urgent data coming in (RFC 9293 3.8.5 and 3.10.7.4, sixth; RFC 6093). The pointer is a sequence
 * number and nothing else: no memory is ever addressed by it (ATK-URG-02). */
#include "tcp/tcp.h"

/* With URGENT_INLINE off, the octet before rcv_up is kept out of the stream: as soon as it is
 * there, it is copied out; in the ring it stays where it is, and the reader passes over it
 * (`oob_gone`). */
void tcp_urgent_octet(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (!c->urgent_in || c->oob_gone || c->set.urgent_inline)
        return;
    uint64_t at = tcp_unwrap(c->rcv_up, c->rcv_nxt) - 1;
    if (at < c->receive.head || at >= tcp_rcv_data_end(c))
        return;
    ring_read(&c->receive, at, &c->oob, 1);
    c->oob_held = true;
    c->oob_gone = true;
    tcp_raise(tcp, c, WEIR_EVENT_URGENT, WEIR_OK); /* now there is something to be had */
}

void tcp_urgent_arrives(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s)
{
    bool open = c->state == WEIR_TCP_ESTABLISHED || c->state == WEIR_TCP_FIN_WAIT_1 ||
                c->state == WEIR_TCP_FIN_WAIT_2;
    /* Behind FIN there is nothing that could be urgent (ATK-URG-06), and a SYN says nothing about
     * data (ATK-URG-03). A pointer of 0 says that the urgent data ended before this segment, which
     * is no news (ATK-URG-01). */
    if (!open || (s->header->flags & TCP_SYN) != 0 || s->header->urgent == 0)
        return;
    /* Past the urgent data (MUST-62), from the segment's own beginning, which trimming may have
     * moved; in a window of zero, too (MUST-66). */
    uint64_t up = tcp_unwrap(s->header->seq, c->rcv_nxt) + s->header->urgent;
    if (up <= c->receive.head || (c->urgent_in && up <= tcp_unwrap(c->rcv_up, c->rcv_nxt)))
        return;
    c->rcv_up = tcp_wrap(up);
    c->urgent_in = true;
    c->oob_held = false;
    c->oob_gone = false;
    tcp_raise(tcp, c, WEIR_EVENT_URGENT, WEIR_OK); /* MUST-32: whenever it comes or moves on */
    tcp_urgent_octet(tcp, c);
}
