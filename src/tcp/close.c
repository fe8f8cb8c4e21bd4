/* SPDX-License-Identifier: MIT
 * How an endpoint begins and ends: the pool, the states of closing (RFC 9293 3.10.4, 3.10.5, 3.6), and
 * everything that a connection holds and must give back. */
#include "tcp/tcp.h"

enum { LARGE_BUFFER_BYTES = 131072 }; /* worth packets, and blocks, of 64 KB where a device cuts */

/* ---- events ---- */

void tcp_raise(struct tcp_room *tcp, struct tcp_conn *c, uint32_t bits, int error)
{
    if (c->closed_told || c->listener != TCP_NONE) /* tcp_accept() tells what happened before it */
        return;
    if (c->released)
        bits &= WEIR_EVENT_CLOSED;
    if (bits == 0)
        return;
    c->closed_told = (bits & WEIR_EVENT_CLOSED) != 0;
    event_raise(tcp->events, &c->source, bits, error);
}

/* ---- beginning ---- */

/* Small buffers are kept in small blocks; a ring of large ones covers larger buffers. A packet refers to
 * two blocks at most, so they are not smaller than the packets of the path (`mtu`; 0: unknown). */
static enum blocks_class class_for(uint32_t bytes, uint32_t mtu)
{
    if (bytes <= 65536 && mtu <= blocks_bytes(BLOCKS_4K))
        return BLOCKS_4K;
    bool small = bytes <= ring_bytes_max(BLOCKS_16K) && mtu <= blocks_bytes(BLOCKS_16K);
    return small ? BLOCKS_16K : BLOCKS_64K;
}

/* The largest packet that will be made of what is queued. */
static uint32_t packet_bytes_max(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    const struct weir_iface_config *iface = &tcp->net->iface[c->ifindex].config;
    uint32_t cuts = addr_is_ip4(c->remote) ? WEIR_CAP_TX_TCP4 : WEIR_CAP_TX_TCP6;
    bool large = (iface->capabilities & cuts) != 0 && c->set.send_bytes_max >= LARGE_BUFFER_BYTES &&
                 iface->segmented_bytes_max > c->mtu;
    return large ? iface->segmented_bytes_max : c->mtu;
}

void tcp_conn_rings(struct tcp_room *tcp, struct tcp_conn *c, uint64_t snd_head, uint64_t rcv_head)
{
    CHECK(tcp->handler, c->send.blocks == NULL || ring_is_empty(&c->send));
    ring_init(&c->send, tcp->blocks, class_for(c->set.send_bytes_max, packet_bytes_max(tcp, c)),
              snd_head);
    ring_init(&c->receive, tcp->blocks, class_for(c->set.receive_bytes_max, 0), rcv_head);
}

void tcp_send_class(struct tcp_conn *c, enum blocks_class class)
{
    ring_set_class(&c->send, class);
    if (c->state >= WEIR_TCP_ESTABLISHED) /* a segment lies in two blocks: the MSS may grow */
        cc_mss(&c->cc, tcp_send_mss(c));
}

bool tcp_send_resize(struct tcp_room *tcp, struct tcp_conn *c, uint32_t bytes)
{
    enum blocks_class class = class_for(bytes, packet_bytes_max(tcp, c));
    if (ring_is_empty(&c->send) && c->send.class != class)
        tcp_send_class(c, class);
    return bytes <= ring_bytes_max((enum blocks_class)c->send.class);
}

bool tcp_receive_resize(struct tcp_conn *c, uint32_t bytes)
{
    enum blocks_class class = class_for(bytes, 0);
    /* The window told before counts on: all of it must find its place. */
    if (ring_is_empty(&c->receive) && c->rcv_edge - c->receive.head <= ring_bytes_max(class))
        ring_set_class(&c->receive, class);
    return bytes <= ring_bytes_max((enum blocks_class)c->receive.class);
}

struct tcp_conn *tcp_conn_new(struct tcp_room *tcp, const struct tcp_conn *from)
{
    if (tcp->conns.in_use >= tcp->config->tcp_endpoints_max)
        return NULL;
    uint32_t index = pool_take(&tcp->conns);
    if (index == POOL_NONE)
        return NULL;
    struct pool_handle use = pool_handle_of(&tcp->conns, index);
    struct tcp_conn *c = pool_at(&tcp->conns, index);
    memset(c, 0, sizeof *c);
    c->source.handle = (weir_handle){.index = use.index, .generation = use.generation};
    CHECK(tcp->handler, tcp_owns(c->source.handle));
    if (from != NULL)
        c->set = from->set;
    else
        tcp_settings_default(&c->set);
    c->timer.kind = NET_TIMER_TCP;
    c->state = WEIR_TCP_CLOSED;
    c->snd_una = c->snd_nxt = c->snd_max = TCP_OFFSET_BASE;
    c->rcv_nxt = c->rcv_edge = TCP_OFFSET_BASE;
    tcp_conn_rings(tcp, c, TCP_OFFSET_BASE, TCP_OFFSET_BASE);
    c->flight = c->holes = c->listener = c->account = TCP_NONE;
    c->ready_next = c->wait_next = c->wait_prev = c->accept_next = TCP_NONE;
    c->repair_at = c->delack_at = c->idle_at = WEIR_TIME_NEVER;
    c->heard_at = tcp->now;
    c->opened_s = tcp_s(tcp->now);
    tcp_tune_begin(c);
    tcp_account_open(tcp, c);
    return c;
}

/* ---- ending ---- */

/* Out of everything by which it is found, but the list of those with something to send, which passes
 * over it in its time. */
static void unlist(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->in_table) {
        struct tcp_tuple tuple = tcp_conn_tuple(c);
        tcp_table_remove(tcp, tcp_tuple_hash(tcp, &tuple),
                         (struct tcp_found){.kind = TCP_KIND_CONN, .index = tcp_index(c)});
        c->in_table = false;
    }
    if (tcp->last == c)
        tcp->last = NULL;
    if (c->on_port)
        tcp_port_remove(tcp, c);
    c->on_port = false;
    tcp_wait_leave(tcp, c);
}

/* No timer runs and nothing is waited for. */
static void stop(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->parked)
        neighbour_withdraw(&c->waiter);
    else
        wheel_cancel(tcp->wheel, &c->timer.node);
    c->parked = false;
    memset(&c->waiter, 0, sizeof c->waiter); /* either of the two may be the larger one */
    memset(&c->timer, 0, sizeof c->timer);
    c->timer.kind = NET_TIMER_TCP;
    c->repair = TCP_REPAIR_NONE;
    c->repair_at = c->delack_at = c->idle_at = WEIR_TIME_NEVER;
    c->stalled = false;
    c->work = 0;
    c->dup_acks_due = 0;
    neighbour_unpin(&tcp->net->neighbours, c->pin, tcp->now);
    c->pin = (struct pool_handle){0};
}

void tcp_conn_detach(struct tcp_room *tcp, struct tcp_conn *c)
{
    CHECK(tcp->handler, c->state != WEIR_TCP_LISTEN);
    unlist(tcp, c);
    stop(tcp, c);
    tcp_account_stop(tcp, c, tcp->now);
    if (c->flight != TCP_NONE)
        tcp_flight_give(tcp, c);
    if (c->holes != TCP_NONE) {
        ranges_clear(&tcp_holes(tcp, c)->islands, &tcp->ranges);
        tcp_holes_leave(tcp, tcp_holes(tcp, c));
        pool_give(&tcp->holes, c->holes);
        c->holes = TCP_NONE;
    }
    ring_reset(&c->send, c->send.end);
    c->unpushed = 0;
    c->urgent_out = c->urgent_untold = false;
    c->write_refused = false;
    tcp_rcv_unpromise(tcp, c);
    if (c->receive.head >= tcp_rcv_data_end(c)) /* nothing to be read: what is in it was above a hole */
        ring_reset(&c->receive, c->receive.head);
    CHECK(tcp->handler, c->flight == TCP_NONE && ring_is_empty(&c->send));
}

static void count_end(struct tcp_room *tcp, const struct tcp_conn *c, int reason)
{
    if (c->state == WEIR_TCP_SYN_SENT || c->state == WEIR_TCP_SYN_RECEIVED)
        tcp->count.attempt_fails++;
    if (reason != WEIR_OK && (c->state == WEIR_TCP_ESTABLISHED || c->state == WEIR_TCP_CLOSE_WAIT))
        tcp->count.established_resets++;
}

void tcp_conn_end(struct tcp_room *tcp, struct tcp_conn *c, int reason)
{
    CHECK(tcp->handler, c->state != WEIR_TCP_LISTEN);
    CHECK(tcp->handler, reason <= 0 && reason >= INT8_MIN);
    count_end(tcp, c, reason);
    tcp_fast_open_done(tcp, c, reason, tcp->now);
    tcp_conn_detach(tcp, c);
    c->state = WEIR_TCP_CLOSED;
    c->reason = (int8_t)reason;
    if (reason != WEIR_OK || c->released) {
        ring_reset(&c->receive, tcp_rcv_data_end(c));
        c->urgent_in = c->oob_held = c->oob_gone = false;
    }
    if (reason != WEIR_OK)
        c->error = (int8_t)reason;
    tcp_raise(tcp, c, WEIR_EVENT_CLOSED, reason);
}

/* Would the peer learn of the end in no other way? Not in SYN-SENT (RFC 9293 3.10.5), where it may know
 * nothing of us; nor when it has closed, and was sent all we had and our FIN. */
static bool reset_is_due(const struct tcp_conn *c)
{
    uint64_t start;
    switch (c->state) {
    case WEIR_TCP_SYN_RECEIVED:
    case WEIR_TCP_ESTABLISHED:
    case WEIR_TCP_FIN_WAIT_1:
    case WEIR_TCP_FIN_WAIT_2:
    case WEIR_TCP_CLOSE_WAIT:
        return true;
    case WEIR_TCP_CLOSING:
    case WEIR_TCP_LAST_ACK:
        return c->snd_max < tcp_snd_end(c) || tcp_unread(c, &start) > 0;
    default:
        return false;
    }
}

void tcp_conn_abort(struct tcp_room *tcp, struct tcp_conn *c, int reason)
{
    if (reset_is_due(c))
        tcp_reset_peer(tcp, c);
    tcp_conn_end(tcp, c, reason);
}

void tcp_conn_free_if_done(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->state != WEIR_TCP_CLOSED || !c->released || !c->closed_read || c->on_ready)
        return;
    CHECK(tcp->handler, !c->in_table && !c->on_port && !c->wants_flight && !c->stuck);
    CHECK(tcp->handler, !c->parked && !wheel_is_armed(&c->timer.node) && c->source.bits == 0);
    CHECK(tcp->handler, c->listener == TCP_NONE && c->promised_kb == 0);
    CHECK(tcp->handler, ring_bytes_held(&c->send) == 0);
    ring_reset(&c->receive, c->receive.head);
    tcp_account_close(tcp, c);
    tcp_stuck_ended(tcp, c);
    pool_give(&tcp->conns, tcp_index(c));
}

void tcp_closed_read(struct tcp_room *tcp, weir_handle handle)
{
    struct tcp_conn *c = pool_get(&tcp->conns, (struct pool_handle){.index = handle.index,
                                                                   .generation = handle.generation});
    CHECK(tcp->handler, c != NULL && c->closed_told && !c->closed_read);
    c->closed_read = true;
    tcp_conn_free_if_done(tcp, c);
}

/* ---- FIN ---- */

void tcp_conn_shut_send(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->fin_queued)
        return;
    CHECK(tcp->handler, c->state >= WEIR_TCP_SYN_SENT && c->state <= WEIR_TCP_CLOSE_WAIT);
    c->fin_queued = true;
    c->unpushed = 0;
    c->write_refused = false;
    /* Before the handshake is complete the FIN waits with the data, "queued for processing after
     * entering ESTABLISHED state" (RFC 9293 3.10.4): tcp_established() goes on from there. */
    if (c->state == WEIR_TCP_ESTABLISHED)
        c->state = WEIR_TCP_FIN_WAIT_1;
    else if (c->state == WEIR_TCP_CLOSE_WAIT)
        c->state = WEIR_TCP_LAST_ACK;
    if (c->snd_una == c->snd_max && tcp_syn_acked(c))
        tcp_repair_update(tcp, c, false, tcp->now);
    tcp_ready(tcp, c);
}

void tcp_fin_acked(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    CHECK(tcp->handler, c->fin_queued && c->snd_una == tcp_snd_end(c));
    switch (c->state) {
    case WEIR_TCP_FIN_WAIT_1:
        c->state = WEIR_TCP_FIN_WAIT_2;
        tcp_idle_update(tcp, c, now);
        break;
    case WEIR_TCP_CLOSING:
        tcp_time_wait_enter(tcp, c, now);
        break;
    case WEIR_TCP_LAST_ACK:
        tcp_conn_end(tcp, c, WEIR_OK);
        break;
    default: /* FIN-WAIT-2 and later know already */
        break;
    }
}

void tcp_fin_received(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    CHECK(tcp->handler, !c->fin_received);
    c->rcv_nxt++;
    c->fin_received = true;
    tcp_holes_give_if_done(tcp, c);
    tcp_ack_now(tcp, c, false);
    tcp_raise(tcp, c, WEIR_EVENT_PEER_CLOSED | WEIR_EVENT_READABLE, WEIR_OK);
    switch (c->state) {
    case WEIR_TCP_SYN_RECEIVED:
    case WEIR_TCP_ESTABLISHED:
        c->state = WEIR_TCP_CLOSE_WAIT;
        break;
    case WEIR_TCP_FIN_WAIT_1: /* our FIN is not acknowledged: step 5 went before */
        c->state = WEIR_TCP_CLOSING;
        break;
    case WEIR_TCP_FIN_WAIT_2:
        tcp_time_wait_enter(tcp, c, now);
        return;
    default:
        break;
    }
    tcp_idle_update(tcp, c, now);
}
