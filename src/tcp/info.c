/* SPDX-License-Identifier: MIT
 * What there is to know: snapshots of endpoints and of the compact records, and the walk over all of
 * them. */
#include "tcp/tcp.h"

static weir_time until(weir_time deadline, weir_time now)
{
    return deadline > now ? deadline - now : 0;
}

/* The timer that is due first. */
static void fill_timer(const struct tcp_room *tcp, const struct tcp_conn *c,
                       struct weir_tcp_info *info)
{
    static const uint8_t repairs[] = {
        [TCP_REPAIR_NONE] = WEIR_TCP_TIMER_NONE,
        [TCP_REPAIR_RETRANSMIT] = WEIR_TCP_TIMER_RETRANSMIT,
        [TCP_REPAIR_PERSIST] = WEIR_TCP_TIMER_PERSIST,
        [TCP_REPAIR_CORK] = WEIR_TCP_TIMER_CORK,
    };
    weir_time at = WEIR_TIME_NEVER;
    if (c->repair != TCP_REPAIR_NONE) {
        info->timer = repairs[c->repair];
        at = c->repair_at;
    }
    if (c->delack_at < at) {
        info->timer = WEIR_TCP_TIMER_DELAYED_ACK;
        at = c->delack_at;
    }
    if (c->idle_at < at) {
        info->timer = c->idle_fin   ? WEIR_TCP_TIMER_FIN_WAIT_2
                      : c->released ? WEIR_TCP_TIMER_ORPHAN
                                    : WEIR_TCP_TIMER_KEEPALIVE;
        at = c->idle_at;
    }
    if (at == WEIR_TIME_NEVER)
        info->timer = WEIR_TCP_TIMER_NONE;
    info->timer_in = at != WEIR_TIME_NEVER ? until(at, tcp->now) : WEIR_TIME_NEVER;
}

/* Sequence numbers, queues and congestion control of the sender. */
static void fill_sender(const struct tcp_room *tcp, const struct tcp_conn *c,
                        struct weir_tcp_info *info)
{
    uint64_t tail = tcp_snd_tail(c), sent = c->snd_max < tail ? c->snd_max : tail;
    info->iss = c->iss.v;
    info->snd_una = (uint32_t)c->snd_una;
    info->snd_nxt = (uint32_t)c->snd_nxt;
    info->snd_max = (uint32_t)c->snd_max;
    info->snd_scale = c->snd_scale;
    info->snd_wnd_bytes = c->snd_wnd;
    info->snd_wnd_bytes_max = c->snd_wnd_max;
    info->peer_mss_bytes = c->mss_peer;
    info->path_mtu_bytes = c->mtu;
    if (c->mtu != 0)
        info->snd_mss_bytes = tcp_send_mss(c);
    info->send_queue_bytes = tail - c->send.head;
    info->unsent_bytes = sent > c->send.head ? tail - sent : tail - c->send.head;
    if (c->state != WEIR_TCP_CLOSED)
        info->in_flight_bytes = (uint32_t)(c->snd_max - c->snd_una);
    if (tcp_syn_acked(c)) {
        uint64_t acked = c->snd_una < tail ? c->snd_una : tail; /* a FIN is no byte */
        info->bytes_acked = acked - tcp_iss(c) - 1;
    }
    info->cwnd_bytes = c->cc.cwnd;
    info->ssthresh_bytes = c->cc.cwnd != 0 ? c->cc.ssthresh : TCP_SSTHRESH_NONE;
    info->recovery = (uint8_t)tcp_recovery_state(tcp, c);
    const struct tcp_flight *f = tcp_flight(tcp, c);
    info->dupacks = f != NULL ? f->dupacks : 0;
    info->srtt_us = c->srtt_us8 / 8;
    info->rttvar_us = c->rttvar_us4 / 4;
    info->rtt_us_min = c->srtt_us8 != 0 ? c->rtt_us_min : 0; /* else it is tune.c's */
    info->rto_us = (uint32_t)(tcp_rto(c) / WEIR_NS_PER_US);
    info->backoff = c->backoff;
    info->probes = c->probes;
}

static void fill_options(const struct tcp_conn *c, struct weir_tcp_info *info)
{
    if (c->timestamps)
        info->options |= WEIR_TCP_HAS_TIMESTAMPS;
    if (c->sack)
        info->options |= WEIR_TCP_HAS_SACK;
    if (c->scaling)
        info->options |= WEIR_TCP_HAS_WINDOW_SCALE;
    if (c->user_timeout_told)
        info->options |= WEIR_TCP_HAS_USER_TIMEOUT;
    if (c->fast_open)
        info->options |= WEIR_TCP_HAS_FAST_OPEN;
    if (c->cookie)
        info->options |= WEIR_TCP_HAS_COOKIE;
}

/* What was found out about the path and the peer, and what was made of it. */
static void fill_path(const struct tcp_room *tcp, const struct tcp_conn *c,
                      struct weir_tcp_info *info)
{
    const struct tcp_flight *f = tcp_flight(tcp, c);
    info->user_timeout_ms = tcp_user_timeout_ms(c);
    if (c->user_timeout_told)
        info->peer_user_timeout_ms = tcp_user_timeout_s(c->peer_user_timeout) * 1000;
    if (c->state == WEIR_TCP_LISTEN || c->state == WEIR_TCP_CLOSED)
        return;
    info->stuck_ms = tcp_stuck_for(c, tcp->now);
    info->send_buffer_bytes = tcp_tune_send_buffer(tcp, c);
    info->receive_buffer_bytes = c->rcv_buf;
    if (c->mtu != 0)
        info->path_mtu_bytes_max = tcp_pmtud_max(tcp, c);
    info->path_mtu_probing = f != NULL && f->probe_start != f->probe_end;
}

static void fill_receiver(const struct tcp_room *tcp, const struct tcp_conn *c,
                          struct weir_tcp_info *info)
{
    uint64_t start;
    if (c->state == WEIR_TCP_LISTEN) {
        info->backlog = c->listening.handshakes;
        info->accept_queue = c->listening.waiting;
        info->accept_queue_max = c->listening.backlog;
        return;
    }
    info->irs = c->irs.v;
    info->rcv_nxt = (uint32_t)c->rcv_nxt;
    info->rcv_scale = c->rcv_scale;
    info->rcv_mss_bytes = c->rcv_mss;
    info->receive_queue_bytes = tcp_rcv_data_end(c) - c->receive.head;
    if (tcp_unread(c, &start) == 0)
        info->receive_queue_bytes = 0;
    if (c->state == WEIR_TCP_SYN_SENT || c->rcv_nxt <= TCP_OFFSET_BASE)
        return; /* nothing came yet */
    info->bytes_received = tcp_rcv_data_end(c) - (TCP_OFFSET_BASE + c->irs.v) - 1;
    if (c->state == WEIR_TCP_CLOSED)
        return;
    info->rcv_wnd_bytes = (uint32_t)(c->rcv_edge - tcp_unwrap(c->rcv_acked, c->rcv_nxt));
    const struct tcp_holes *holes = tcp_holes(tcp, c);
    if (holes != NULL) {
        info->reassembly_bytes = holes->islands.bytes;
        info->reassembly_ranges = holes->islands.count;
    }
}

void tcp_info(const struct tcp_room *tcp, const struct tcp_conn *c, struct weir_tcp_info *info)
{
    *info = (struct weir_tcp_info){
        .state = c->state,
        .active = c->active,
        .orphan = c->released,
        .local_port = c->local_port,
        .remote_port = c->remote_port,
        .local = c->local,
        .remote = c->remote,
        .user = c->source.user,
        .timeouts = c->timeouts,
        .age = tcp->now - (weir_time)c->opened_s * WEIR_NS_PER_S,
        .idle = until(tcp->now, c->heard_at),
    };
    if (c->fixed_ifindex || c->mtu != 0)
        info->ifindex = c->ifindex + 1U;
    if (c->listener == TCP_NONE && !c->released)
        info->handle = c->source.handle;
    fill_options(c, info);
    fill_path(tcp, c, info);
    fill_timer(tcp, c, info);
    fill_sender(tcp, c, info);
    fill_receiver(tcp, c, info);
    tcp_account_info(tcp, c, info);
}

static void syn_info(const struct tcp_room *tcp, const struct tcp_syn *syn,
                     struct weir_tcp_info *info)
{
    *info = (struct weir_tcp_info){
        .state = WEIR_TCP_SYN_RECEIVED,
        .timer = WEIR_TCP_TIMER_RETRANSMIT,
        .snd_scale = syn->snd_scale,
        .rcv_scale = syn->rcv_scale,
        .local_port = syn->local_port,
        .remote_port = syn->remote_port,
        .local = syn->local,
        .remote = syn->remote,
        .ifindex = syn->ifindex + 1U,
        .iss = syn->iss.v,
        .irs = syn->irs.v,
        .snd_una = syn->iss.v,
        .snd_nxt = syn->iss.v + 1,
        .snd_max = syn->iss.v + 1,
        .rcv_nxt = syn->irs.v + 1 + syn->data_len,
        .snd_wnd_bytes = syn->window,
        .snd_wnd_bytes_max = syn->window,
        .peer_mss_bytes = syn->mss,
        .receive_queue_bytes = syn->data_len,
        .ssthresh_bytes = TCP_SSTHRESH_NONE,
        .in_flight_bytes = 1,
        .backoff = syn->retransmits,
        .bytes_received = syn->data_len,
        .retransmits = syn->retransmits,
        .timeouts = syn->retransmits,
        .timer_in = WEIR_TIME_NEVER,
    };
    if (syn->rcv_window > syn->data_len)
        info->rcv_wnd_bytes = (uint32_t)syn->rcv_window - syn->data_len;
    if (syn->timestamps)
        info->options |= WEIR_TCP_HAS_TIMESTAMPS;
    if (syn->sack)
        info->options |= WEIR_TCP_HAS_SACK;
    if (syn->scaling)
        info->options |= WEIR_TCP_HAS_WINDOW_SCALE;
    if (!syn->parked && wheel_is_armed(&syn->timer.node))
        info->timer_in = until(syn->timer.node.deadline, tcp->now);
    else
        info->timer = WEIR_TCP_TIMER_NONE;
}

static void wait_info(const struct tcp_room *tcp, const struct tcp_wait *w,
                      struct weir_tcp_info *info)
{
    *info = (struct weir_tcp_info){
        .state = WEIR_TCP_TIME_WAIT,
        .timer = WEIR_TCP_TIMER_TIME_WAIT,
        .orphan = true,
        .rcv_scale = w->rcv_scale,
        .local_port = w->local_port,
        .remote_port = w->remote_port,
        .local = w->local,
        .remote = w->remote,
        .ifindex = w->ifindex + 1U,
        .snd_una = w->snd_nxt,
        .snd_nxt = w->snd_nxt,
        .snd_max = w->snd_nxt,
        .rcv_nxt = w->rcv_nxt,
        .rcv_wnd_bytes = (uint32_t)w->window << w->rcv_scale,
        .ssthresh_bytes = TCP_SSTHRESH_NONE,
        .options = w->timestamps ? WEIR_TCP_HAS_TIMESTAMPS : 0,
        .timer_in = tcp_time_wait_left(tcp, w, tcp->now),
    };
}

/* The next block in use of a pool at or after place *cursor - base; false when there is none, and
 * *cursor is past its places. */
static bool next_of(const struct pool *pool, uint64_t base, uint64_t *cursor, uint32_t *index)
{
    while (*cursor - base < pool->fresh) {
        *index = (uint32_t)((*cursor)++ - base);
        if (pool_in_use(pool, *index))
            return true;
    }
    if (*cursor < base + pool->capacity)
        *cursor = base + pool->capacity;
    return false;
}

bool tcp_next(const struct tcp_room *tcp, uint64_t *cursor, struct weir_tcp_info *info)
{
    uint64_t syns = tcp->conns.capacity, waits = syns + tcp->syns.capacity;
    uint32_t index;
    if (*cursor < syns && next_of(&tcp->conns, 0, cursor, &index)) {
        tcp_info(tcp, pool_at(&tcp->conns, index), info);
        return true;
    }
    if (*cursor < waits && next_of(&tcp->syns, syns, cursor, &index)) {
        syn_info(tcp, pool_at(&tcp->syns, index), info);
        return true;
    }
    if (*cursor < waits + tcp->waits.capacity && next_of(&tcp->waits, waits, cursor, &index)) {
        wait_info(tcp, pool_at(&tcp->waits, index), info);
        return true;
    }
    return false;
}
