/* SPDX-License-Identifier: MIT
 * The receive window: how far its right edge may move.
 *
 * rcv_edge is the rightmost edge ever told, and everything below it is taken (RFC 7323 2.4). The
 * edge that a segment tells is rcv_nxt plus a multiple of 2^rcv_scale. As rcv_nxt moves by odd
 * numbers of bytes, the multiples move with it: rounded down, the edge would go back a little each
 * time (SHLD-14), so it is rounded up. That creeps, by less than a unit an ACK, so the window is
 * opened up to a slack short of the buffer's size, and rounding may use the slack. It lasts for the
 * ACKs of a buffer full of ordinary segments. A sender that spends it by small segments on a reader
 * that does not read gets the edge rounded down, by less than a unit, which RFC 7323 allows; what
 * it was told before is still taken. */
#include "tcp/tcp.h"

/* The receive buffer, as the windows see it. */
struct rcv_room {
    uint64_t unit;    /* of the window field */
    uint64_t hard;    /* an edge never goes beyond this */
    uint64_t size;    /* the window of an empty buffer */
    uint64_t segment; /* a full one */
};

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The room of a buffer of `bytes`. */
static struct rcv_room room_of(const struct tcp_conn *c, uint64_t bytes)
{
    uint64_t unit = UINT64_C(1) << c->rcv_scale, slack = 0;
    /* A buffer that was made smaller after the scale was agreed on must still hold some units, or
     * no window could be told at all. */
    if (bytes < 4 * unit)
        bytes = 4 * unit;
    if (c->rcv_scale > 0) { /* less than a unit for each ACK of two segments of 1,448 bytes */
        slack = min64((uint64_t)((uint32_t)bytes / 2896) << c->rcv_scale, bytes / 8);
        slack = slack > unit ? slack : unit;
    }
    bytes = min64(bytes, ring_bytes_max((enum blocks_class)c->receive.class));
    uint16_t mss = tcp_send_mss(c);
    return (struct rcv_room){
        .unit = unit,
        .hard = c->receive.head + bytes,
        .size = min64(bytes - slack, UINT64_C(65535) << c->rcv_scale),
        /* The receiver assumes that the peer's segments are as large as its own (3.8.6.2.2), unless
         * it has seen larger ones. */
        .segment = mss > c->rcv_mss ? mss : c->rcv_mss,
    };
}

/* Where the edge would be if the window were opened as far as the buffer allows; it may be left of
 * rcv_edge. */
static uint64_t edge_open(const struct tcp_conn *c, const struct rcv_room *room)
{
    uint64_t edge = c->receive.head + room->size;
    return edge - ((edge - c->rcv_nxt) & (room->unit - 1));
}

/* rcv_edge, rounded up to what can be told. */
static uint64_t edge_kept(const struct tcp_conn *c, const struct rcv_room *room)
{
    uint64_t odd = (c->rcv_edge - c->rcv_nxt) & (room->unit - 1);
    uint64_t edge = odd != 0 ? c->rcv_edge + room->unit - odd : c->rcv_edge;
    return edge <= room->hard ? edge : c->rcv_edge;
}

/* The least step (MUST-39): two segments, to have it move with the ACKs of a stream; one when the
 * window is closed, for which the sender waits; and never more than half the buffer. */
static uint64_t step_min(const struct tcp_conn *c, const struct rcv_room *room)
{
    bool closed = c->rcv_edge - c->rcv_nxt < room->segment;
    return min64(closed ? room->segment : 2 * room->segment, room->size / 2);
}

/* ---- the promise ---- */

/* What the window up to an edge costs in packet memory, in KB, beyond the floor that everybody has.
 * */
static uint32_t promise_kb(const struct tcp_room *tcp, const struct tcp_conn *c, uint64_t edge)
{
    uint64_t bytes = edge - c->receive.head, floor = tcp->config->tcp_window_floor_bytes;
    if (bytes <= floor)
        return 0;
    return (uint32_t)(blocks_span_bytes((enum blocks_class)c->receive.class, bytes - floor) >> 10);
}

/* Make the promise what an edge needs; false, with the promise as it was, when it may not grow so
 * far. */
static bool promise(struct tcp_room *tcp, struct tcp_conn *c, uint64_t edge)
{
    uint32_t kb = promise_kb(tcp, c, edge);
    if (kb > c->promised_kb && !blocks_reserve(tcp->blocks, (uint64_t)(kb - c->promised_kb) << 10))
        return false;
    if (kb < c->promised_kb)
        blocks_unreserve(tcp->blocks, (uint64_t)(c->promised_kb - kb) << 10);
    c->promised_kb = kb;
    return true;
}

/* As far as the promise that is made already reaches, whatever became of the rest. */
static uint64_t edge_promised(const struct tcp_room *tcp, const struct tcp_conn *c,
                              const struct rcv_room *room)
{
    uint64_t bytes = (uint64_t)c->promised_kb << 10;
    uint64_t odd = blocks_bytes((enum blocks_class)c->receive.class) - 1; /* of blocks_span_bytes() */
    uint64_t edge = c->receive.head + tcp->config->tcp_window_floor_bytes;
    if (bytes > odd)
        edge += bytes - odd;
    return edge - ((edge - c->rcv_nxt) & (room->unit - 1));
}

void tcp_rcv_unpromise(struct tcp_room *tcp, struct tcp_conn *c)
{
    blocks_unreserve(tcp->blocks, (uint64_t)c->promised_kb << 10);
    c->promised_kb = 0;
}

/* ---- the edge ---- */

uint64_t tcp_rcv_edge(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->fin_received) { /* which may have stood just behind the window; nothing else will come */
        tcp_rcv_unpromise(tcp, c);
        return c->rcv_edge > c->rcv_nxt ? c->rcv_edge : c->rcv_nxt;
    }
    CHECK(tcp->handler, c->rcv_edge >= c->rcv_nxt && c->rcv_nxt >= c->receive.head);
    struct rcv_room room = room_of(c, c->rcv_buf);
    uint64_t step = step_min(c, &room), open = edge_open(c, &room), kept = edge_kept(c, &room);
    if (open >= c->rcv_edge + step) {
        if (promise(tcp, c, open))
            return open;
        tcp->count.window_held_back++;
        uint64_t held = min64(open, edge_promised(tcp, c, &room));
        if (held >= c->rcv_edge + min64(step, (held - c->receive.head) / 2))
            kept = held;
    }
    promise(tcp, c, kept); /* what was told stays, even if its promise finds no room any more */
    return kept;
}

void tcp_rcv_read(struct tcp_room *tcp, struct tcp_conn *c)
{
    bool open = c->state == WEIR_TCP_ESTABLISHED || c->state == WEIR_TCP_FIN_WAIT_1 ||
                c->state == WEIR_TCP_FIN_WAIT_2;
    if (!open)
        return;
    /* The sender is told when the window has become twice as large: while it is large anyway, the
     * ACKs of the data tell soon enough, and from zero any step that is allowed will do. */
    struct rcv_room room = room_of(c, c->rcv_buf);
    uint64_t edge = edge_open(c, &room), window = c->rcv_edge - c->rcv_nxt;
    if (edge < c->rcv_edge + step_min(c, &room) || edge - c->rcv_edge < window)
        return;
    if (tcp_rcv_edge(tcp, c) > edge_kept(c, &room)) /* not held back */
        tcp_ack_now(tcp, c, false);
}

/* ---- the handshake ---- */

uint16_t tcp_rcv_window_first(const struct tcp_room *tcp, const struct tcp_settings *set)
{
    (void)tcp;
    return (uint16_t)(set->receive_bytes_max < UINT16_MAX ? set->receive_bytes_max : UINT16_MAX);
}

uint8_t tcp_rcv_scale(const struct tcp_settings *set)
{
    uint8_t scale = 0;
    while (set->window_scale && scale < TCP_WINDOW_SCALE_MAX &&
           set->receive_bytes_max >> scale > UINT16_MAX)
        scale++;
    return scale;
}
