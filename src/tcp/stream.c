/* SPDX-License-Identifier: MIT
 * SEND and RECEIVE (RFC 9293 3.10.2, 3.10.3): between the application and the two rings. */
#include "tcp/tcp.h"

enum { WRITE_BYTES_MIN = 65536 };

int tcp_take_error(struct tcp_conn *c)
{
    int error = c->error;
    c->error = WEIR_OK;
    return error;
}

/* Is it neither connected nor on the way to it, and was it never? */
static bool is_new(const struct tcp_conn *c)
{
    return c->state == WEIR_TCP_LISTEN || (c->state == WEIR_TCP_CLOSED && !c->closed_told);
}

/* ---- sending ---- */

static uint64_t queued(const struct tcp_conn *c)
{
    return c->send.end - c->send.head;
}

/* What the ring holds keeps its blocks, and they bound it; an empty one gets those that suit. */
static uint64_t room_to_write(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    uint64_t used = queued(c), max = tcp_tune_send_buffer(tcp, c);
    if (used > 0 && max > ring_bytes_max((enum blocks_class)c->send.class))
        max = ring_bytes_max((enum blocks_class)c->send.class);
    return used < max ? max - used : 0;
}

/* The application could not write all that it had. */
static void refuse(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->write_refused)
        return;
    c->write_refused = true;
    tcp_account_update(tcp, c, tcp->now);
}

/* May data be queued, as far as the state goes? WEIR_OK or why not. */
static int may_send(const struct tcp_conn *c)
{
    if (is_new(c))
        return WEIR_E_NOT_CONNECTED;
    return c->state == WEIR_TCP_CLOSED || c->fin_queued ? WEIR_E_CLOSED : WEIR_OK;
}

/* Something changed at the end of the queue. When nothing is outstanding, no ACK will come and look at
 * the timer for a closed window (I-22). */
static void queue_changed(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->snd_una == c->snd_max && tcp_syn_acked(c))
        tcp_repair_update(tcp, c, false, tcp->now);
    tcp_ready(tcp, c);
}

/* The first bytes of an empty queue may have a small block of the reserve: an application that has to
 * send before it reads on, while what is unread has taken the memory, would wait for itself. */
static size_t write_first(struct tcp_conn *c, struct weir_ref data)
{
    if (!ring_is_empty(&c->send))
        return 0;
    tcp_send_class(c, BLOCKS_4K);
    size_t block = blocks_bytes(BLOCKS_4K), in_block = block - (size_t)(c->send.end % block);
    if (data.len > in_block)
        data.len = in_block;
    return ring_write(&c->send, c->send.end, data, BLOCKS_URGENT);
}

/* Copy into the queue; answers how many bytes, or why none. */
static int enqueue(struct tcp_room *tcp, struct tcp_conn *c, struct weir_ref data)
{
    uint64_t room = room_to_write(tcp, c);
    size_t len = data.len < room ? data.len : (size_t)room;
    if (len < data.len)
        refuse(tcp, c);
    if (len == 0)
        return WEIR_E_WOULD_BLOCK;
    if (ring_is_empty(&c->send)) /* the buffer may have been made smaller or larger */
        (void)tcp_send_resize(tcp, c, c->set.send_bytes_max);
    data.len = len;
    size_t written = ring_write(&c->send, c->send.end, data, BLOCKS_NORMAL);
    if (written == 0)
        written = write_first(c, data);
    if (written < len)
        refuse(tcp, c);
    return written > 0 ? (int)written : WEIR_E_EXHAUSTED;
}

int tcp_send(struct tcp_room *tcp, struct tcp_conn *c, struct weir_ref data, unsigned flags)
{
    int error = tcp_take_error(c);
    if (error == WEIR_OK)
        error = may_send(c);
    if (error != WEIR_OK)
        return error;
    bool all = data.len <= INT32_MAX;
    if (!all)
        data.len = INT32_MAX;
    int written = 0;
    if (data.len > 0) {
        written = enqueue(tcp, c, data);
        if (written < 0)
            return written;
        all = all && (size_t)written == data.len;
    }
    CHECK(tcp->handler, queued(c) <= ring_bytes_max((enum blocks_class)c->send.class));
    c->unpushed = (flags & WEIR_TCP_MORE) != 0 ? c->unpushed + (uint32_t)written : 0;
    if ((flags & WEIR_TCP_URGENT) != 0 && written > 0) {
        c->snd_up = tcp_wrap(tcp_snd_tail(c)); /* RFC 6093 3.1: past the urgent data */
        c->urgent_out = true;
        c->urgent_untold = true;
    }
    if ((flags & WEIR_TCP_END) != 0 && all)
        tcp_conn_shut_send(tcp, c);
    else
        queue_changed(tcp, c);
    return written;
}

/* A third of the buffer is free; or, of a large one whose greater part is in flight, enough for a
 * call, while what waits to be sent runs out: else there would be nothing to send until a third of
 * what is in flight has arrived, and then a burst. */
static bool is_worth_writing(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    uint64_t room = room_to_write(tcp, c), buffer = tcp_tune_send_buffer(tcp, c);
    if (room * 3 >= buffer)
        return true;
    uint64_t tail = tcp_snd_tail(c), unsent = c->snd_max < tail ? tail - c->snd_max : 0;
    return room >= WRITE_BYTES_MIN && room >= buffer / 32 && unsent < buffer / 8;
}

void tcp_writable_update(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (!c->write_refused || may_send(c) != WEIR_OK || !is_worth_writing(tcp, c))
        return;
    c->write_refused = false;
    tcp_account_update(tcp, c, tcp->now);
    tcp_raise(tcp, c, WEIR_EVENT_WRITABLE, WEIR_OK);
}

/* ---- receiving ---- */

/* Where the urgent data ends, in the stream. */
static uint64_t urgent_end(const struct tcp_conn *c)
{
    return tcp_unwrap(c->rcv_up, c->rcv_nxt);
}

/* Does the next byte of the ring stand outside of the stream? */
static bool at_gone_octet(const struct tcp_conn *c)
{
    return c->urgent_in && c->oob_gone && c->receive.head + 1 == urgent_end(c);
}

/* Up to the mark only, when the application wants the urgent octet apart; past it when that is where the
 * reader stands. */
uint64_t tcp_unread(const struct tcp_conn *c, uint64_t *start)
{
    if (c->state == WEIR_TCP_LISTEN || c->receive_shut) {
        *start = 0;
        return 0;
    }
    uint64_t end = tcp_rcv_data_end(c);
    *start = c->receive.head + at_gone_octet(c);
    if (c->urgent_in && (c->oob_gone || !c->set.urgent_inline)) {
        uint64_t mark = urgent_end(c) - c->oob_gone;
        if (*start < mark && mark < end)
            end = mark;
    }
    return end > *start ? end - *start : 0;
}

/* Why there is nothing to be read, or 0 for the end of the stream. */
static int nothing(const struct tcp_conn *c)
{
    if (is_new(c))
        return WEIR_E_NOT_CONNECTED;
    if (c->receive_shut || (c->state == WEIR_TCP_CLOSED && !c->fin_received))
        return WEIR_E_CLOSED;
    return c->fin_received ? 0 : WEIR_E_WOULD_BLOCK;
}

static int receive_urgent(struct tcp_conn *c, void *data, size_t size, unsigned flags)
{
    if (!c->oob_held)
        return WEIR_E_INVALID;
    if (size == 0)
        return 0;
    memcpy(data, &c->oob, 1);
    c->oob_held = (flags & WEIR_TCP_PEEK) != 0;
    return 1;
}

/* The application has read up to `offset`. */
static void read_up_to(struct tcp_room *tcp, struct tcp_conn *c, uint64_t offset)
{
    ring_release(&c->receive, offset);
    if (c->urgent_in && offset > urgent_end(c)) {
        c->urgent_in = false;
        c->oob_gone = false;
    }
    if (c->state != WEIR_TCP_CLOSED) {
        tcp_tune_read(tcp, c, tcp->now);
        tcp_rcv_read(tcp, c);
    } else if (offset >= tcp_rcv_data_end(c)) {
        ring_reset(&c->receive, offset);
    }
}

int tcp_receive(struct tcp_room *tcp, struct tcp_conn *c, void *data, size_t size, unsigned flags)
{
    int error = tcp_take_error(c);
    if (error != WEIR_OK)
        return error;
    if ((flags & WEIR_TCP_URGENT) != 0)
        return receive_urgent(c, data, size, flags);
    uint64_t start, unread = tcp_unread(c, &start);
    if (unread == 0)
        return nothing(c);
    size_t n = size < unread ? size : (size_t)unread;
    if (n > INT32_MAX)
        n = INT32_MAX;
    if (n == 0)
        return 0;
    ring_read(&c->receive, start, data, n);
    if ((flags & WEIR_TCP_PEEK) == 0)
        read_up_to(tcp, c, start + n);
    return (int)n;
}

int tcp_at_mark(const struct tcp_conn *c)
{
    if (is_new(c))
        return WEIR_E_NOT_CONNECTED;
    return c->urgent_in && (c->receive.head == urgent_end(c) || at_gone_octet(c));
}

uint32_t tcp_level(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    uint64_t start;
    if (c->state == WEIR_TCP_LISTEN)
        return (c->listening.waiting > 0 ? WEIR_EVENT_ACCEPTED : 0U) |
               (c->listening.asked.first != TCP_NONE ? WEIR_EVENT_ASKED : 0U);
    uint32_t bits = 0;
    if (c->error != WEIR_OK)
        bits |= WEIR_EVENT_READABLE | WEIR_EVENT_WRITABLE;
    if (tcp_unread(c, &start) > 0 || nothing(c) == 0)
        bits |= WEIR_EVENT_READABLE;
    if (may_send(c) == WEIR_OK && room_to_write(tcp, c) > 0)
        bits |= WEIR_EVENT_WRITABLE;
    if (c->state >= WEIR_TCP_ESTABLISHED)
        bits |= WEIR_EVENT_CONNECTED;
    if (c->oob_held || (c->urgent_in && c->receive.head + c->oob_gone < urgent_end(c)))
        bits |= WEIR_EVENT_URGENT;
    if (c->fin_received)
        bits |= WEIR_EVENT_PEER_CLOSED;
    if (c->state == WEIR_TCP_CLOSED && c->closed_told)
        bits |= WEIR_EVENT_CLOSED;
    return bits;
}
