/* SPDX-License-Identifier: MIT
 * TIME-WAIT: a queue of compact records. All wait equally long, so the queue is in the order of
 * expiry, and one timer serves them all. */
#include "tcp/tcp.h"

enum {
    ANSWER_EVERY_MS = 500,  /* to a record's peer, but for its FIN */
    REUSE_AFTER_MS = 1000,  /* then our timestamps are surely later (RFC 7323 5.4: a tick a ms) */
    EXPIRE_AT_ONCE_MAX = 64 /* records ended in one go */
};

/* From entering on, in milliseconds: one more, since the clock is cut to them. */
static uint32_t life_ms(const struct tcp_room *tcp)
{
    return tcp->config->tcp_time_wait_ms + 1;
}

static uint32_t left_ms(const struct tcp_room *tcp, const struct tcp_wait *w, weir_time now)
{
    uint32_t left = w->expires_ms - tcp_ms(now);
    return left <= life_ms(tcp) ? left : 0; /* more than at the beginning: it has passed */
}

weir_time tcp_time_wait_left(const struct tcp_room *tcp, const struct tcp_wait *w, weir_time now)
{
    uint32_t left = left_ms(tcp, w, now);
    return left > 0 ? (weir_time)left * WEIR_NS_PER_MS - now % WEIR_NS_PER_MS : 0;
}

static struct tcp_wait *wait_at(const struct tcp_room *tcp, uint32_t index)
{
    return pool_at(&tcp->waits, index);
}

static struct tcp_tuple wait_tuple(const struct tcp_wait *w)
{
    return (struct tcp_tuple){.local = w->local,
                              .remote = w->remote,
                              .local_port = w->local_port,
                              .remote_port = w->remote_port};
}

/* ---- the queue ---- */

static void arm(struct tcp_room *tcp, const struct tcp_wait *w, weir_time now)
{
    tcp->waiting.timer.kind = NET_TIMER_TCP_WAIT;
    weir_time left = tcp_time_wait_left(tcp, w, now);
    wheel_arm(tcp->wheel, &tcp->waiting.timer.node, left > 0 ? now + left : 0 /* at once */);
}

static void append(struct tcp_room *tcp, struct tcp_wait *w, weir_time now)
{
    struct tcp_wait_fifo *fifo = &tcp->waiting;
    uint32_t index = pool_index(&tcp->waits, w);
    w->expires_ms = tcp_ms(now) + life_ms(tcp);
    w->next = TCP_NONE;
    w->prev = fifo->last;
    if (fifo->last != TCP_NONE)
        wait_at(tcp, fifo->last)->next = index;
    else
        fifo->first = index;
    fifo->last = index;
    if (!wheel_is_armed(&fifo->timer.node))
        arm(tcp, w, now);
}

static void unlink_wait(struct tcp_room *tcp, struct tcp_wait *w)
{
    struct tcp_wait_fifo *fifo = &tcp->waiting;
    CHECK(tcp->handler, fifo->first != TCP_NONE);
    if (w->prev != TCP_NONE)
        wait_at(tcp, w->prev)->next = w->next;
    else
        fifo->first = w->next;
    if (w->next != TCP_NONE)
        wait_at(tcp, w->next)->prev = w->prev;
    else
        fifo->last = w->prev;
}

void tcp_time_wait_end(struct tcp_room *tcp, struct tcp_wait *w)
{
    struct tcp_tuple tuple = wait_tuple(w);
    uint32_t index = pool_index(&tcp->waits, w);
    tcp_table_remove(tcp, tcp_tuple_hash(tcp, &tuple), (struct tcp_found){TCP_KIND_WAIT, index});
    unlink_wait(tcp, w);
    pool_give(&tcp->waits, index);
    /* A timer armed for this one finds out about the next when it fires. */
    if (tcp->waiting.first == TCP_NONE)
        wheel_cancel(tcp->wheel, &tcp->waiting.timer.node);
}

void tcp_time_wait_expire(struct tcp_room *tcp, weir_time now)
{
    for (unsigned i = 0; i < EXPIRE_AT_ONCE_MAX && tcp->waiting.first != TCP_NONE; i++) {
        struct tcp_wait *w = wait_at(tcp, tcp->waiting.first);
        if (left_ms(tcp, w, now) > 0)
            break;
        tcp_time_wait_end(tcp, w);
    }
    if (tcp->waiting.first != TCP_NONE)
        arm(tcp, wait_at(tcp, tcp->waiting.first), now);
}

bool tcp_time_wait_reusable(const struct tcp_room *tcp, const struct tcp_wait *w, weir_time now)
{
    return w->timestamps && left_ms(tcp, w, now) < life_ms(tcp) - REUSE_AFTER_MS;
}

/* ---- answering ---- */

/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> */
static void acknowledge(struct tcp_room *tcp, const struct tcp_wait *w, weir_time now)
{
    struct tcp_tuple tuple = wait_tuple(w);
    tcp_reply(tcp, &(struct tcp_reply){
                       .local = w->local,
                       .remote = w->remote,
                       .local_port = w->local_port,
                       .remote_port = w->remote_port,
                       .ifindex = w->fixed_ifindex ? w->ifindex : ROUTE_ANY_INTERFACE,
                       .seq = seq_make(w->snd_nxt),
                       .ack = seq_make(w->rcv_nxt),
                       .flags = TCP_ACK,
                       .window = w->window,
                       .timestamps = w->timestamps,
                       .ts_val = tcp_stamp(tcp_stamp_offset(tcp, &tuple), now),
                       .ts_ecr = w->ts_recent,
                       .ttl = w->ttl,
                       .traffic_class = w->traffic_class,
                   });
}

/* The same, at a limited rate: what is answered here may be anybody's, and may be an answer. */
static void challenge(struct tcp_room *tcp, struct tcp_wait *w, weir_time now)
{
    if ((uint16_t)(tcp_ms(now) - w->challenge_ms) < ANSWER_EVERY_MS) {
        tcp->count.challenges_limited++;
        return;
    }
    w->challenge_ms = (uint16_t)tcp_ms(now);
    tcp->count.challenges_out++;
    acknowledge(tcp, w, now);
}

/* ---- entering ---- */

/* A record to be filled, the oldest giving way when there is none. */
static struct tcp_wait *take(struct tcp_room *tcp)
{
    if (tcp->waits.in_use >= tcp->waits.capacity) {
        tcp->count.time_wait_evicted++;
        tcp_time_wait_end(tcp, wait_at(tcp, tcp->waiting.first));
    }
    uint32_t index = pool_take(&tcp->waits);
    CHECK(tcp->handler, index != POOL_NONE);
    return wait_at(tcp, index);
}

static uint32_t oldest_ack(const struct tcp_conn *c)
{
    uint64_t low = c->snd_una > c->snd_wnd_max ? c->snd_una - c->snd_wnd_max : 0;
    return (uint32_t)(low > tcp_iss(c) ? low : tcp_iss(c) + 1);
}

void tcp_time_wait_enter(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    CHECK(tcp->handler, c->fin_received && c->snd_una == tcp_snd_end(c));
    struct tcp_wait *w = take(tcp);
    uint64_t window = c->rcv_edge > c->rcv_nxt ? c->rcv_edge - c->rcv_nxt : 0;
    uint64_t field = window >> c->rcv_scale;
    bool ack_due = c->rcv_acked.v != (uint32_t)c->rcv_nxt || (c->work & TCP_WORK_ACK) != 0 ||
                   c->dup_acks_due > 0;
    *w = (struct tcp_wait){
        .local = c->local,
        .remote = c->remote,
        .local_port = c->local_port,
        .remote_port = c->remote_port,
        .snd_nxt = (uint32_t)c->snd_una,
        .rcv_nxt = (uint32_t)c->rcv_nxt,
        .ack_min = oldest_ack(c),
        .ts_recent = c->ts_recent,
        .window = (uint16_t)(field < UINT16_MAX ? field : UINT16_MAX),
        .rcv_scale = c->rcv_scale & 15U,
        .ttl = c->set.ttl,
        .traffic_class = c->set.traffic_class & 0xfc,
        .ifindex = c->ifindex,
        .fixed_ifindex = c->fixed_ifindex || addr_is_link_scope(c->remote),
        .timestamps = c->timestamps,
        .challenge_ms = (uint16_t)(tcp_ms(now) - ANSWER_EVERY_MS),
    };
    tcp_conn_detach(tcp, c);
    struct tcp_tuple tuple = wait_tuple(w);
    tcp_table_add(tcp, tcp_tuple_hash(tcp, &tuple),
                  (struct tcp_found){TCP_KIND_WAIT, pool_index(&tcp->waits, w)});
    append(tcp, w, now);
    if (ack_due)
        acknowledge(tcp, w, now);
    c->state = WEIR_TCP_CLOSED;
    c->reason = WEIR_OK;
    tcp_raise(tcp, c, WEIR_EVENT_CLOSED, WEIR_OK);
    tcp_conn_free_if_done(tcp, c);
}

/* ---- segments ---- */

/* Does the SYN begin a new incarnation, and not come from an old one? RFC 6191 2; without
 * timestamps RFC 9293 3.6.1 (MAY-2): its sequence number is beyond all of the old one's. */
static bool is_new_incarnation(const struct tcp_wait *w, const struct tcp_conn *listener,
                               const struct tcp_segment *s)
{
    bool stamped = listener->set.timestamps && (s->options->present & TCP_HAS_TIMESTAMPS) != 0;
    bool beyond = seq_gt(s->header->seq, seq_make(w->rcv_nxt));
    if (!stamped)
        return beyond;
    if (!w->timestamps) /* nothing of the old one has timestamps, so nothing of it is taken */
        return true;
    int32_t later = (int32_t)(s->options->ts_val - w->ts_recent);
    return later > 0 || (later == 0 && beyond);
}

/* A SYN, and nothing that forbids it to begin a connection. */
static enum weir_drop syn_arrives(struct tcp_room *tcp, struct tcp_wait *w, struct tcp_segment *s)
{
    struct tcp_conn *listener =
        tcp_find_listener(tcp, w->local, w->local_port, s->rx->ifindex);
    if (listener != NULL && is_new_incarnation(w, listener, s))
        return tcp_listen_reopen(tcp, listener, s, w);
    challenge(tcp, w, s->now); /* RFC 5961 4.2 */
    return WEIR_DROP_TCP_TIME_WAIT;
}

/* RFC 7323 5.3 R1; NONE: go on. */
static enum weir_drop check_timestamps(struct tcp_room *tcp, struct tcp_wait *w,
                                       const struct tcp_segment *s)
{
    if (!w->timestamps)
        return WEIR_DROP_NONE;
    if ((s->options->present & TCP_HAS_TIMESTAMPS) == 0)
        return WEIR_DROP_TCP_TIMESTAMP_MISSING; /* RFC 7323 3.2 */
    if ((int32_t)(s->options->ts_val - w->ts_recent) >= 0)
        return WEIR_DROP_NONE;
    challenge(tcp, w, s->now);
    return WEIR_DROP_TCP_PAWS;
}

static bool ack_is_acceptable(const struct tcp_wait *w, struct tcp_seq ack)
{
    return seq_geq(ack, seq_make(w->ack_min)) && seq_leq(ack, seq_make(w->snd_nxt));
}

/* The peer's FIN came again: our ACK was lost (RFC 9293 3.10.7.4, eighth). Only the very FIN,
 * with an acknowledgment that makes sense, prolongs the wait (ATK-TS-07). */
static bool is_fin_again(const struct tcp_wait *w, const struct tcp_segment *s)
{
    uint32_t len = tcp_segment_seq_len(s->flags, s->len);
    return (s->flags & (TCP_FIN | TCP_SYN | TCP_ACK)) == (TCP_FIN | TCP_ACK) &&
           seq_add(s->header->seq, len).v == w->rcv_nxt && ack_is_acceptable(w, s->header->ack);
}

enum weir_drop tcp_time_wait_segment(struct tcp_room *tcp, struct tcp_wait *w,
                                     struct tcp_segment *s)
{
    if ((s->flags & TCP_RST) != 0)
        return WEIR_DROP_TCP_TIME_WAIT; /* or 2 MSL could be cut short (RFC 1337) */
    if ((s->flags & (TCP_SYN | TCP_ACK | TCP_FIN)) == TCP_SYN)
        return syn_arrives(tcp, w, s);
    enum weir_drop drop = check_timestamps(tcp, w, s);
    if (drop != WEIR_DROP_NONE)
        return drop;
    if (is_fin_again(w, s)) {
        if (w->timestamps)
            w->ts_recent = s->options->ts_val;
        unlink_wait(tcp, w);
        append(tcp, w, s->now);
        acknowledge(tcp, w, s->now);
        return WEIR_DROP_NONE;
    }
    uint32_t len = tcp_segment_seq_len(s->flags, s->len);
    if (!tcp_acceptable(s->header->seq, len, seq_make(w->rcv_nxt),
                        (uint32_t)w->window << w->rcv_scale)) {
        challenge(tcp, w, s->now);
        return WEIR_DROP_TCP_SEQUENCE;
    }
    if ((s->flags & TCP_SYN) != 0) { /* fourth */
        challenge(tcp, w, s->now);
        return WEIR_DROP_TCP_SYN;
    }
    if ((s->flags & TCP_ACK) == 0) /* fifth */
        return WEIR_DROP_TCP_ACK;
    if (!ack_is_acceptable(w, s->header->ack)) {
        challenge(tcp, w, s->now);
        return WEIR_DROP_TCP_ACK;
    }
    return WEIR_DROP_TCP_TIME_WAIT; /* nothing can follow the peer's FIN */
}
