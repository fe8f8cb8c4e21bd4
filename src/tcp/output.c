/* SPDX-License-Identifier: MIT
 * What is to be sent: ready connections in turn, one run a visit. For each: the way (route, path MTU,
 * neighbour), then plan, emit, commit. A connection's state moves only when the packet exists. */
#include "tcp/tcp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

/* ---- ready lists ---- */

/* A connection that ends stays on its list and is passed over: taking it out of the middle would cost
 * a walk. Its endpoint is given back after that (tcp_conn_free_if_done()). */

void tcp_ready(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->on_ready || c->parked || c->state <= WEIR_TCP_LISTEN)
        return;
    struct tcp_list *list = &tcp->iface[c->ifindex].ready;
    uint32_t index = tcp_index(c);
    c->on_ready = true;
    c->ready_next = TCP_NONE;
    if (list->last != TCP_NONE)
        tcp_at(tcp, list->last)->ready_next = index;
    else
        list->first = index;
    list->last = index;
}

static struct tcp_conn *ready_take(struct tcp_room *tcp, unsigned ifindex)
{
    struct tcp_list *list = &tcp->iface[ifindex].ready;
    struct tcp_conn *c = tcp_at(tcp, list->first);
    CHECK(tcp->handler, c->on_ready && c->ifindex == ifindex);
    list->first = c->ready_next;
    if (list->first == TCP_NONE)
        list->last = TCP_NONE;
    c->on_ready = false;
    return c;
}

void tcp_begin(struct tcp_room *tcp, weir_time now)
{
    tcp->now = now;
    if (tcp->stuck.first != TCP_NONE || tcp->silent.first != TCP_NONE ||
        tcp->lingering.first != TCP_NONE || tcp->holding.first != TCP_NONE)
        tcp_stuck_relieve(tcp, now);
}

bool tcp_has_output(const struct tcp_room *tcp, unsigned ifindex)
{
    return !tcp_is_quiet(tcp) && (tcp->iface[ifindex].ready.first != TCP_NONE ||
                                  tcp->iface[ifindex].syns.first != TCP_NONE);
}

/* ---- the way ---- */

enum way {
    WAY_READY,
    WAY_ELSEWHERE, /* it is on the ready list of another interface now */
    WAY_NONE       /* not now: it was parked, or will be tried again by its timer */
};

int tcp_conn_path(const struct tcp_room *tcp, const struct tcp_conn *c, struct net_path *path)
{
    struct net_path wanted = {.source = c->local,
                              .destination = c->remote,
                              .ifindex = c->fixed_ifindex ? c->ifindex : ROUTE_ANY_INTERFACE};
    return net_path(tcp->net, &wanted, path);
}

static uint32_t generation(const struct tcp_room *tcp)
{
    return tcp->net->addresses.generation + tcp->net->routes.generation +
           tcp->net->pmtus.generation;
}

/* No way now: what the retransmission timer does not try again, this does. */
static enum way try_later(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    c->path_generation = generation(tcp) - 1;
    if (c->repair == TCP_REPAIR_NONE) {
        bool handshake = c->state == WEIR_TCP_SYN_SENT || c->state == WEIR_TCP_SYN_RECEIVED;
        c->repair = handshake ? TCP_REPAIR_RETRANSMIT : TCP_REPAIR_PERSIST;
        c->repair_at = now + tcp_rto(c);
        if (!c->stalled) {
            c->stalled = true;
            c->stalled_ms = tcp_ms(now);
        }
    }
    tcp_timer_update(tcp, c);
    return WAY_NONE;
}

/* Addresses, routes or path MTUs have changed since it was last looked up, or never was: find its way
 * again. The addresses are for life (MUST-45). */
static enum way refresh_path(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct net_path path;
    if (tcp_conn_path(tcp, c, &path) != WEIR_OK) {
        if (c->set.soft_errors)
            tcp_raise(tcp, c, WEIR_EVENT_ADVICE, WEIR_E_UNREACHABLE);
        return try_later(tcp, c, now);
    }
    struct pmtu pmtu = pmtu_lookup(&tcp->net->pmtus, c->remote, path.mtu, now);
    uint16_t before = c->mtu;
    tcp_pmtud_path(tcp, c, &pmtu, now);
    c->path_generation = generation(tcp);
    if (before != c->mtu && before != 0 && c->state >= WEIR_TCP_ESTABLISHED)
        cc_mss(&c->cc, tcp_send_mss(c));
    if (c->pin.generation != 0) {
        neighbour_unpin(&tcp->net->neighbours, c->pin, now);
        c->pin = (struct pool_handle){0};
    }
    if (path.ifindex == c->ifindex)
        return WAY_READY;
    c->ifindex = (uint8_t)path.ifindex;
    tcp_ready(tcp, c);
    return WAY_ELSEWHERE;
}

/* It waits until its neighbour answers, or does not; its timer waits with it. */
static enum way park(struct tcp_room *tcp, struct tcp_conn *c, const struct neighbour_key *key,
                     weir_time now)
{
    wheel_cancel(tcp->wheel, &c->timer.node);
    memset(&c->waiter, 0, sizeof c->waiter);
    c->waiter.kind = NET_WAITER_TCP;
    c->parked = neighbour_wait(&tcp->net->neighbours, key, &c->waiter, NEIGHBOUR_WAITS_CONNECTION);
    if (c->parked)
        return WAY_NONE;
    memset(&c->timer, 0, sizeof c->timer);
    c->timer.kind = NET_TIMER_TCP;
    return try_later(tcp, c, now);
}

static enum way find_station(struct tcp_room *tcp, struct tcp_conn *c, weir_time now,
                             struct eth_addr *station)
{
    struct neighbours *neighbours = &tcp->net->neighbours;
    enum neighbour_answer answer = NEIGHBOUR_GONE;
    struct neighbour_key key;
    if (c->pin.generation != 0)
        answer = neighbour_pinned(neighbours, c->pin, now, station);
    if (answer == NEIGHBOUR_READY)
        return WAY_READY;
    struct net_path path;
    if (tcp_conn_path(tcp, c, &path) != WEIR_OK)
        return try_later(tcp, c, now);
    key = (struct neighbour_key){.addr = path.next_hop, .ifindex = path.ifindex};
    if (answer == NEIGHBOUR_GONE) {
        answer = neighbour_pin(neighbours, &key, now, &c->pin);
        if (answer == NEIGHBOUR_READY)
            answer = neighbour_pinned(neighbours, c->pin, now, station);
    }
    if (answer == NEIGHBOUR_READY)
        return WAY_READY;
    if (answer == NEIGHBOUR_WAIT)
        return park(tcp, c, &key, now);
    return try_later(tcp, c, now);
}

static enum way find_way(struct tcp_room *tcp, struct tcp_conn *c, weir_time now,
                         struct eth_addr *station)
{
    if (c->path_generation != generation(tcp) || c->mtu == 0) {
        enum way way = refresh_path(tcp, c, now);
        if (way != WAY_READY)
            return way;
    }
    if (tcp->net->iface[c->ifindex].config.link != WEIR_LINK_ETHERNET)
        return WAY_READY;
    return find_station(tcp, c, now, station);
}

void tcp_woken(struct tcp_room *tcp, struct neighbour_waiter *waiter, enum neighbour_answer verdict,
               weir_time now)
{
    if (waiter->kind == NET_WAITER_TCP_SYN) {
        tcp_syn_woken(tcp, (struct tcp_syn *)(void *)waiter, verdict, now); /* its first member */
        return;
    }
    struct tcp_conn *c =
        (struct tcp_conn *)(void *)((uint8_t *)waiter - offsetof(struct tcp_conn, waiter));
    CHECK(tcp->handler, c->parked);
    c->parked = false;
    memset(&c->timer, 0, sizeof c->timer);
    c->timer.kind = NET_TIMER_TCP;
    if (verdict == NEIGHBOUR_READY) {
        tcp_timer_update(tcp, c);
        tcp_ready(tcp, c);
        return;
    }
    if (verdict == NEIGHBOUR_UNREACHABLE && c->set.soft_errors)
        tcp_raise(tcp, c, WEIR_EVENT_ADVICE, WEIR_E_UNREACHABLE);
    (void)try_later(tcp, c, now);
}

/* ---- one visit ---- */

/* What the packets of a visit have in common. */
struct visit {
    struct tcp_room *tcp;
    struct tcp_conn *c;
    struct tcp_plan plan;
    weir_time now;
    struct weir_tx *tx;
    unsigned max, n;
    uint64_t edge; /* the right edge that they advertise */
    struct tcp_emit emit;
    uint8_t options[TCP_OPTION_BYTES_MAX];
};

/* The options of a segment that is no SYN. */
static void set_options(struct visit *v, unsigned sack)
{
    struct tcp_conn *c = v->c;
    v->emit.options = v->options;
    v->emit.options_len = 0;
    bool user_timeout = c->user_timeout_due && v->plan.what == TCP_SEND_ACK;
    if (sack == 0 && !user_timeout) {
        if (c->timestamps) {
            tcp_options_emit_timestamps(v->options, tcp_stamp(c->ts_offset, v->now), c->ts_recent);
            v->emit.options_len = 12;
        }
        return;
    }
    struct tcp_options o;
    o.present = c->timestamps ? (uint32_t)TCP_HAS_TIMESTAMPS : 0U;
    if (user_timeout) { /* SACK blocks make room for it */
        o.present |= TCP_HAS_USER_TIMEOUT;
        o.user_timeout = tcp_user_timeout_option(c);
        c->user_timeout_due = false;
    }
    if (sack != 0) {
        o.present |= TCP_HAS_SACK;
        o.sack_count = (uint8_t)tcp_sack_blocks(v->tcp, c, o.sack, sack);
    }
    o.ts_val = tcp_stamp(c->ts_offset, v->now);
    o.ts_ecr = c->ts_recent;
    v->emit.options_len = (uint8_t)tcp_options_emit(v->options, sizeof v->options, &o);
}

/* Window, acknowledgment and urgent pointer. */
static void set_common(struct visit *v)
{
    struct tcp_conn *c = v->c;
    v->edge = tcp_rcv_edge(v->tcp, c);
    uint64_t window = (v->edge - c->rcv_nxt) >> c->rcv_scale;
    CHECK(v->tcp->handler, v->edge >= c->rcv_edge);
    v->emit.window = (uint16_t)(window < 65535 ? window : 65535);
    v->emit.ack = tcp_wrap(c->rcv_nxt);
    uint32_t told = (uint32_t)c->rcv_edge - c->rcv_acked.v;
    if (window == 0 && told >> c->rcv_scale != 0)
        tcp_account_count(v->tcp, c, TCP_ACCOUNT_ZERO_WINDOW_OUT);
}

/* The pointer goes out with every segment before its end (MUST-31), at most 65,535 ahead. */
static void set_urgent(struct visit *v, uint64_t seq)
{
    struct tcp_conn *c = v->c;
    uint64_t up = tcp_unwrap(c->snd_up, c->snd_una);
    v->emit.urgent = 0;
    v->emit.flags &= (uint16_t)~TCP_URG;
    if (!c->urgent_out || up <= seq)
        return;
    v->emit.flags |= TCP_URG;
    v->emit.urgent = (uint16_t)(up - seq < 65535 ? up - seq : 65535);
}

static void emit_one(struct visit *v)
{
    tcp_emit_segment(v->tcp, &v->emit, &v->tx[v->n++]);
}

static void count_out(struct visit *v, unsigned segments)
{
    tcp_account_segments_out(v->tcp, v->c, segments, &v->plan);
    if (v->plan.again) {
        v->tcp->count.segments_retransmitted += segments;
    } else {
        v->tcp->count.segments_out += segments;
    }
}

/* ---- segments without data ---- */

/* Of a SYN what is offered, of a SYN,ACK what was agreed on. */
static void syn_options(const struct visit *v, struct tcp_options *o, bool ack, bool again)
{
    const struct tcp_conn *c = v->c;
    o->present = TCP_HAS_MSS;
    o->mss = tcp_syn_mss(&c->set, v->tcp->net->iface[c->ifindex].config.mtu_bytes,
                         addr_is_ip4(c->remote), c->backoff);
    if (ack ? c->timestamps : c->set.timestamps)
        o->present |= TCP_HAS_TIMESTAMPS;
    if (ack ? c->sack : c->set.sack)
        o->present |= TCP_HAS_SACK_PERMITTED;
    if (ack ? c->scaling : c->set.window_scale)
        o->present |= TCP_HAS_WINDOW_SCALE;
    o->window_scale = tcp_rcv_scale(&c->set);
    o->ts_val = tcp_stamp(c->ts_offset, v->now);
    o->ts_ecr = ack ? c->ts_recent : 0;
    o->user_timeout = again ? 0 : tcp_user_timeout_option(c); /* something may drop SYNs for it */
    if (o->user_timeout != 0)
        o->present |= TCP_HAS_USER_TIMEOUT;
}

/* The state after a SYN, or SYN,ACK, went out. */
static void commit_syn(struct visit *v, bool again, bool ack)
{
    struct tcp_conn *c = v->c;
    if (!again) {
        c->snd_nxt = c->snd_max = tcp_iss(c) + 1 + v->plan.len;
        if (!ack || tcp_is_fast(c))
            c->heard_at = v->now; /* for the round trip */
    } else if (!tcp_is_fast(c)) { /* else data may be out */
        c->snd_nxt = tcp_iss(c) + 1;
    }
    c->syn_lost |= again && (!ack || tcp_is_fast(c));
    c->work &= (uint8_t) ~(TCP_WORK_SYN | TCP_WORK_ACK);
    c->dup_acks_due = 0;
    if (!c->stalled) {
        c->stalled = true;
        c->stalled_ms = tcp_ms(v->now);
    }
    count_out(v, 1);
    tcp_repair_update(v->tcp, c, false, v->now);
}

/* The first SYN may carry data (RFC 7413 4.2.1); it goes again without, and without the option
 * (4.1.3.1), and what was in it counts as sent until the SYN is acknowledged. */
static void send_syn(struct visit *v)
{
    struct tcp_conn *c = v->c;
    bool ack = c->state == WEIR_TCP_SYN_RECEIVED, again = c->snd_max > tcp_iss(c);
    uint64_t first = tcp_iss(c) + 1;
    uint8_t cookie[8];
    struct tcp_options o;
    syn_options(v, &o, ack, again);
    v->emit.window = tcp_rcv_window_first(v->tcp, &c->set);
    if (tcp_is_fast(c)) {
        uint64_t window = c->rcv_edge - c->rcv_nxt;
        v->emit.window = (uint16_t)(window < UINT16_MAX ? window : UINT16_MAX);
        if (!again) /* what goes again has as little as can be in it (4.2.2) */
            tcp_fast_open_reply(v->tcp, c, &o, cookie, v->now);
    } else if (!ack && !again) {
        v->plan.len = tcp_fast_open_offer(v->tcp, c, &o, v->now);
        if (v->plan.len > 0)
            v->plan.len = (uint32_t)ring_refs(&c->send, first, v->plan.len, v->emit.payload);
        v->tcp->count.fast_open_out += v->plan.len > 0;
    }
    v->emit.options = v->options;
    v->emit.options_len = (uint8_t)tcp_options_emit(v->options, sizeof v->options, &o);
    v->emit.flags = TCP_SYN | (ack ? TCP_ACK : 0U);
    v->emit.seq = c->iss;
    v->emit.ack = ack ? tcp_wrap(c->rcv_nxt) : seq_make(0);
    v->plan.again = again;
    emit_one(v);
    commit_syn(v, again, ack);
}

/* An ACK, or a keepalive probe: below the window, so that it is answered (RFC 9293 3.8.4). */
static void send_ack(struct visit *v, bool keepalive)
{
    struct tcp_conn *c = v->c;
    static const uint8_t garbage = 0;
    set_common(v);
    set_options(v, v->plan.sack);
    v->emit.flags = TCP_ACK;
    v->emit.seq = keepalive ? tcp_wrap(c->snd_una - 1) : tcp_ack_seq(c);
    if (keepalive && c->set.keepalive_octet)
        v->emit.payload[0] = (struct weir_ref){&garbage, 1};
    if (!keepalive)
        set_urgent(v, tcp_unwrap(v->emit.seq, c->snd_una));
    emit_one(v);
    count_out(v, 1);
    if (keepalive) {
        c->work &= (uint8_t)~TCP_WORK_KEEPALIVE;
        c->rcv_edge = v->edge; /* its window counts; its ACK does not, the segment is not acceptable */
        v->tcp->count.probes_out++;
        return;
    }
    c->urgent_untold = false;
    if (c->dup_acks_due > 0) {
        c->dup_acks_due--;
        tcp_account_count(v->tcp, c, TCP_ACCOUNT_DUPACK_OUT);
    }
    tcp_ack_sent(v->tcp, c, v->edge, v->plan.sack > 0);
}

/* ---- data ---- */

static bool is_pushed(const struct tcp_conn *c, uint64_t seq, uint64_t end)
{
    uint64_t tail = tcp_snd_tail(c), push = tail - c->unpushed;
    return end == tail || (seq < push && end >= push);
}

/* How much of [seq, ...), at most `len` bytes, goes into one packet: all that the device cuts, as far
 * as two references reach; else one segment. Sets the references. */
static uint32_t fill_payload(struct visit *v, uint64_t seq, uint32_t len)
{
    struct tcp_conn *c = v->c;
    uint32_t n = len < v->plan.mss ? len : v->plan.mss, room = v->plan.mss;
    const struct weir_iface_config *iface = &v->tcp->net->iface[c->ifindex].config;
    uint32_t cuts = addr_is_ip4(c->remote) ? WEIR_CAP_TX_TCP4 : WEIR_CAP_TX_TCP6;
    v->emit.mss = 0;
    if (len > v->plan.mss && (iface->capabilities & cuts) != 0) {
        uint32_t ip = addr_is_ip4(c->remote) ? (uint32_t)IP4_HEADER_MIN : (uint32_t)IP6_HEADER_LEN;
        uint32_t headers = ip + TCP_HEADER_BYTES + v->emit.options_len;
        if (iface->segmented_bytes_max > headers + v->plan.mss)
            room = iface->segmented_bytes_max - headers;
        n = len < room ? len : room;
        v->emit.mss = v->plan.mss;
    }
    v->emit.payload[0].len = 0;
    v->emit.payload[1].len = 0;
    if (n == 0)
        return 0;
    uint32_t got = (uint32_t)ring_refs(&c->send, seq, n, v->emit.payload);
    if (got == n && (n == len || n % v->plan.mss == 0))
        return n;
    uint32_t whole = got - got % v->plan.mss;
    return (uint32_t)ring_refs(&c->send, seq, whole != 0 ? whole : got, v->emit.payload);
}

/* The state after [seq, end) went out, FIN counted, as `count` segments. */
static void commit_data(struct visit *v, uint64_t end, unsigned count)
{
    struct tcp_room *tcp = v->tcp;
    struct tcp_conn *c = v->c;
    struct tcp_flight *f = tcp_flight(tcp, c);
    uint64_t seq = v->plan.seq;
    if (v->plan.again) {
        txlog_resent(tcp, c, seq, end);
        if (f->rtx_first && seq == c->snd_una && !v->plan.sized)
            f->rtx_first = false;
        if (seq == c->snd_nxt && end > c->snd_nxt)
            c->snd_nxt = end;
    } else {
        txlog_sent(tcp, c,
                   &(struct tcp_run){
                       .start = seq, .end = end, .sent = v->now, .mss = v->plan.mss});
        if (v->plan.len % v->plan.mss != 0)
            f->snd_sml = end;
        c->snd_nxt = end;
        c->snd_max = end;
        c->probe_out = false;
    }
    if (v->plan.sized || v->plan.again)
        tcp_pmtud_sent(tcp, c, &v->plan, end);
    uint64_t flight = c->snd_nxt - c->snd_una;
    c->cwnd_limited = v->plan.cwnd_limited || flight + v->plan.mss > c->cc.cwnd ||
                      (c->cc.cwnd < c->cc.ssthresh && 2 * flight >= c->cc.cwnd);
    count_out(v, count);
    c->sent_ms = tcp_ms(v->now);
    c->urgent_untold = false;
    c->work &= (uint8_t) ~(TCP_WORK_PROBE | TCP_WORK_UNCORK);
    uint64_t tail = tcp_snd_tail(c), unsent = c->snd_nxt < tail ? tail - c->snd_nxt : 0;
    if (c->unpushed > unsent)
        c->unpushed = (uint32_t)unsent;
    if (!c->stalled) {
        c->stalled = true;
        c->stalled_ms = tcp_ms(v->now);
    }
    tcp_ack_sent(tcp, c, v->edge, v->plan.sack > 0);
    tcp_repair_update(tcp, c, false, v->now);
}

/* A run: as many packets as there is room for. */
static void send_data(struct visit *v)
{
    struct tcp_conn *c = v->c;
    uint64_t seq = v->plan.seq, tail = tcp_snd_tail(c);
    uint32_t left = v->plan.len, length_before = 0;
    unsigned count = 0;
    v->emit.may_fragment = c->may_fragment && !v->plan.sized;
    set_common(v);
    set_options(v, v->plan.sack);
    do {
        uint32_t n = fill_payload(v, seq, left);
        if (n == 0 && left > 0)
            break;
        bool fin = v->plan.fin && n == left;
        v->emit.flags = TCP_ACK;
        if (n > 0 && is_pushed(c, seq, seq + n))
            v->emit.flags |= TCP_PSH;
        if (fin)
            v->emit.flags |= TCP_FIN;
        v->emit.seq = tcp_wrap(seq);
        set_urgent(v, seq);
        if (n != 0 && n == length_before && !v->emit.may_fragment) { /* each its own id */
            tcp_emit_next(v->tcp, &v->emit, &v->tx[v->n - 1], &v->tx[v->n]);
            v->n++;
        } else {
            emit_one(v);
        }
        length_before = n;
        count += n > v->plan.mss ? (n + v->plan.mss - 1U) / v->plan.mss : 1U;
        seq += n;
        left -= n;
        if (fin) {
            seq = tail + 1;
            break;
        }
    } while (left > 0 && v->n < v->max);
    v->plan.len = (uint32_t)((seq < tail ? seq : tail) - v->plan.seq);
    commit_data(v, seq, count);
}

/* One octet beyond the window, or FIN: it may be acknowledged, but is not outstanding (probe_out). */
static void send_probe(struct visit *v)
{
    struct tcp_conn *c = v->c;
    set_common(v);
    set_options(v, v->plan.sack);
    v->emit.flags = TCP_ACK | (v->plan.fin ? TCP_FIN : 0U);
    v->emit.seq = tcp_wrap(v->plan.seq);
    if (v->plan.len > 0)
        ring_refs(&c->send, v->plan.seq, 1, v->emit.payload);
    set_urgent(v, v->plan.seq);
    emit_one(v);
    count_out(v, 1);
    c->probe_out = true;
    c->work &= (uint8_t)~TCP_WORK_PROBE;
    v->tcp->count.probes_out++;
    tcp_ack_sent(v->tcp, c, v->edge, v->plan.sack > 0);
}

/* New data needs a flight, and room in its log. */
static bool can_log(struct visit *v)
{
    struct tcp_conn *c = v->c;
    if (v->plan.what != TCP_SEND_DATA || v->plan.again)
        return true;
    if (c->flight == TCP_NONE && !tcp_flight_take(v->tcp, c))
        return false;
    if (txlog_prepare(v->tcp, c))
        return true;
    if (tcp_snd_base(c) == c->snd_max)
        tcp_flight_give(v->tcp, c);
    (void)try_later(v->tcp, c, v->now);
    return false;
}

/* Do what the plan says: false when nothing was sent. */
static bool act(struct visit *v)
{
    v->plan = tcp_plan(v->tcp, v->c, v->now);
    if (v->c->user_timeout_due && v->plan.what == TCP_SEND_DATA) {
        v->plan.what = TCP_SEND_ACK; /* the option goes ahead: data keeps the size of its segments */
        v->plan.again = v->plan.fin = false;
        v->plan.len = 0;
    }
    v->emit.payload[0].len = 0;
    v->emit.payload[1].len = 0;
    v->emit.mss = 0;
    v->emit.urgent = 0;
    if (!can_log(v)) { /* what is due beside data still goes */
        if ((v->c->work & TCP_WORK_ACK) == 0)
            return false;
        v->plan.what = TCP_SEND_ACK;
        v->plan.again = false;
    }
    switch (v->plan.what) {
    case TCP_SEND_SYN:
        send_syn(v);
        return true;
    case TCP_SEND_DATA:
        send_data(v);
        return true;
    case TCP_SEND_PROBE:
        send_probe(v);
        return true;
    case TCP_SEND_KEEPALIVE:
    case TCP_SEND_ACK:
        send_ack(v, v->plan.what == TCP_SEND_KEEPALIVE);
        return true;
    default:
        return false;
    }
}

/* Nothing was sent for an RTO, and nothing is outstanding: begin slowly (RFC 5681 4.1). */
static void restart_after_idle(struct tcp_conn *c, weir_time now)
{
    if (c->snd_una != c->snd_max || c->state < WEIR_TCP_ESTABLISHED)
        return;
    if (tcp_ms(now) - c->sent_ms > (uint32_t)(tcp_rto(c) / WEIR_NS_PER_MS)) {
        cc_idle(&c->cc, tcp_send_mss(c), c->set.initial_window);
        c->sent_ms = tcp_ms(now);
    }
}

/* May there be anything for tcp_plan() to find? Not wrong when it says no. */
static bool may_have_more(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    const struct tcp_flight *f = tcp_flight(tcp, c);
    return c->work != 0 || c->dup_acks_due != 0 || c->urgent_untold ||
           c->snd_nxt < tcp_snd_end(c) ||
           (f != NULL && (f->rtx_first || tcp_pmtud_test_due(f)));
}

/* Send for one connection: a run, or what else is due. */
static unsigned visit(struct visit *v)
{
    struct tcp_conn *c = v->c;
    v->n = 0;
    v->emit.local = &c->local;
    v->emit.remote = &c->remote;
    v->emit.local_port = c->local_port;
    v->emit.remote_port = c->remote_port;
    v->emit.ttl = c->set.ttl;
    v->emit.traffic_class = c->set.traffic_class;
    v->emit.ifindex = c->ifindex;
    if (find_way(v->tcp, c, v->now, &v->emit.station) != WAY_READY)
        return 0;
    v->emit.may_fragment = c->may_fragment;
    v->emit.flow_label = addr_is_ip4(c->remote) ? 0 : tcp_flow_label(v->tcp, c->ts_offset);
    restart_after_idle(c, v->now);
    tcp_pmtud_look(v->tcp, c, v->now);
    bool more = true;
    uint64_t before = c->snd_max;
    while (v->n < v->max && more && c->snd_max == before)
        more = act(v) && may_have_more(v->tcp, c);
    tcp_account_update(v->tcp, c, v->now);
    if (more)
        tcp_ready(v->tcp, c); /* behind the others */
    else
        c->work &= (uint8_t) ~(TCP_WORK_PROBE | TCP_WORK_UNCORK); /* nothing was held back after all */
    return v->n;
}

unsigned tcp_output(struct tcp_room *tcp, unsigned ifindex, struct weir_tx *tx, unsigned max,
                    weir_time now)
{
    CHECK(tcp->handler, ifindex < tcp->config->interfaces_max);
    unsigned n = 0;
    if (tcp->iface[ifindex].syns.first != TCP_NONE)
        n = tcp_syn_output(tcp, ifindex, tx, max, now);
    struct visit v; /* each visit sets what it uses */
    v.tcp = tcp;
    v.now = now;
    while (n < max && tcp->iface[ifindex].ready.first != TCP_NONE) {
        v.c = ready_take(tcp, ifindex);
        v.tx = tx + n;
        v.max = max - n;
        if (v.c->state > WEIR_TCP_LISTEN)
            n += visit(&v);
        else
            tcp_conn_free_if_done(tcp, v.c);
    }
    return n;
}
