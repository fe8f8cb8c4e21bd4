/* SPDX-License-Identifier: MIT
 * Passive opens: SYNs at a listener (RFC 9293 3.10.7.2), the compact records of SYN-RECEIVED,
 * and the accept queue. A record becomes a connection only when its handshake is complete and
 * there is a place to accept it, so that there is never one ESTABLISHED that nobody can get at
 * (ATK-SYN-06). */
#include "tcp/tcp.h"

/* MUST-23 would have SYNs sent again for three minutes, "the application can give up sooner": a
 * listener does, since who sends SYNs may not be who he says he is, and has others sent
 * SYN,ACKs. */
enum {
    SYN_ACKS_MAX = 5,     /* by the timer, the first among them (ATK-SYN-08): the last after 15 s */
    SYN_RTO_S = 1,        /* doubled each time (RFC 6298 2.1, 5.5) */
    SYN_LAST_WAIT_S = 48, /* for the answer to the last: 63 s in all */
    SYN_ANSWERS_MAX = 10  /* to anything but the final ACK, in the life of a record */
};

/* ---- records ---- */

static struct tcp_conn *listener_of(const struct tcp_room *tcp, const struct tcp_syn *syn)
{
    struct tcp_conn *listener = tcp_at(tcp, syn->listener);
    CHECK(tcp->handler, listener->state == WEIR_TCP_LISTEN);
    return listener;
}

static struct tcp_tuple syn_tuple(const struct tcp_syn *syn)
{
    return (struct tcp_tuple){.local = syn->local,
                              .remote = syn->remote,
                              .local_port = syn->local_port,
                              .remote_port = syn->remote_port};
}

/* Past the data that came with the SYN and was kept. */
static struct tcp_seq syn_rcv_nxt(const struct tcp_syn *syn)
{
    return seq_add(syn->irs, 1U + syn->data_len);
}

static struct tcp_syn *syn_at(const struct tcp_room *tcp, uint32_t index)
{
    return pool_at(&tcp->syns, index);
}

uint32_t tcp_syn_interface(const struct tcp_room *tcp, const struct tcp_syn *syn)
{
    bool fixed = listener_of(tcp, syn)->fixed_ifindex || addr_is_link_scope(syn->remote);
    return fixed ? syn->ifindex : ROUTE_ANY_INTERFACE;
}

void tcp_syn_join(struct tcp_room *tcp, struct tcp_list *list, struct tcp_syn *syn)
{
    uint32_t index = pool_index(&tcp->syns, syn);
    syn->ready_next = TCP_NONE;
    syn->ready_prev = list->last;
    if (list->last != TCP_NONE)
        syn_at(tcp, list->last)->ready_next = index;
    else
        list->first = index;
    list->last = index;
}

void tcp_syn_leave(struct tcp_room *tcp, struct tcp_list *list, const struct tcp_syn *syn)
{
    if (syn->ready_prev != TCP_NONE)
        syn_at(tcp, syn->ready_prev)->ready_next = syn->ready_next;
    else
        list->first = syn->ready_next;
    if (syn->ready_next != TCP_NONE)
        syn_at(tcp, syn->ready_next)->ready_prev = syn->ready_prev;
    else
        list->last = syn->ready_prev;
    CHECK(tcp->handler, (list->first == TCP_NONE) == (list->last == TCP_NONE));
}

/* A SYN,ACK is to be sent; unless it waits for its neighbour, and then it will be. */
void tcp_syn_ready(struct tcp_room *tcp, struct tcp_syn *syn)
{
    if (syn->on_ready || syn->parked)
        return;
    syn->on_ready = true;
    tcp_syn_join(tcp, &tcp->iface[syn->ifindex].syns, syn);
}

static void syn_unready(struct tcp_room *tcp, struct tcp_syn *syn)
{
    if (!syn->on_ready)
        return;
    tcp_syn_leave(tcp, &tcp->iface[syn->ifindex].syns, syn);
    syn->on_ready = false;
}

/* The timer and the waiter have one place: empty it for the timer. */
static void syn_timer_init(struct tcp_syn *syn)
{
    memset(&syn->waiter, 0, sizeof syn->waiter);
    memset(&syn->timer, 0, sizeof syn->timer);
    syn->timer.kind = NET_TIMER_TCP_SYN;
    syn->parked = false;
}

/* Wait for the answer to the SYN,ACK; one sent on demand does not put its retransmission off. */
static void syn_arm(struct tcp_room *tcp, struct tcp_syn *syn, weir_time now)
{
    unsigned n = syn->retransmits;
    CHECK(tcp->handler, !syn->parked && n < SYN_ACKS_MAX);
    weir_time s = n + 1 < SYN_ACKS_MAX ? (weir_time)SYN_RTO_S << n : SYN_LAST_WAIT_S;
    if (!wheel_is_armed(&syn->timer.node))
        wheel_arm(tcp->wheel, &syn->timer.node, now + s * WEIR_NS_PER_S);
}

/* In the list of its listener, and out of it. */
static void link_own(struct tcp_room *tcp, struct tcp_listening *l, struct tcp_syn *syn)
{
    uint32_t index = pool_index(&tcp->syns, syn);
    syn->own_prev = TCP_NONE;
    syn->own_next = l->own_first;
    if (l->own_first != TCP_NONE)
        syn_at(tcp, l->own_first)->own_prev = index;
    l->own_first = index;
    l->handshakes++;
}

static void unlink_own(struct tcp_room *tcp, struct tcp_listening *l, struct tcp_syn *syn)
{
    CHECK(tcp->handler, l->handshakes > 0);
    l->handshakes--;
    if (syn->own_prev != TCP_NONE)
        syn_at(tcp, syn->own_prev)->own_next = syn->own_next;
    else
        l->own_first = syn->own_next;
    if (syn->own_next != TCP_NONE)
        syn_at(tcp, syn->own_next)->own_prev = syn->own_prev;
    CHECK(tcp->handler, (l->handshakes == 0) == (l->own_first == TCP_NONE));
}

/* Forget the record. */
static void syn_end(struct tcp_room *tcp, struct tcp_syn *syn)
{
    struct tcp_conn *listener = listener_of(tcp, syn);
    uint32_t index = pool_index(&tcp->syns, syn);
    struct tcp_tuple tuple = syn_tuple(syn);
    if (syn->asked)
        tcp_ask_end(tcp, syn);
    unlink_own(tcp, &listener->listening, syn);
    tcp_table_remove(tcp, tcp_tuple_hash(tcp, &tuple), (struct tcp_found){TCP_KIND_SYN, index});
    syn_unready(tcp, syn);
    if (syn->parked)
        neighbour_withdraw(&syn->waiter);
    else
        wheel_cancel(tcp->wheel, &syn->timer.node);
    if (syn->data_block != BLOCKS_NONE)
        blocks_give(tcp->blocks, syn->data_block);
    pool_give(&tcp->syns, index);
}

void tcp_syn_fail(struct tcp_room *tcp, struct tcp_syn *syn)
{
    tcp->count.attempt_fails++;
    syn_end(tcp, syn);
}

/* ---- LISTEN (3.10.7.2) ---- */

/* Keep the data of a SYN, so that it need not come again: while memory is not short, since
 * everyone can send SYNs (ATK-SYN-11). */
static void keep_data(struct tcp_room *tcp, struct tcp_syn *syn, const struct tcp_segment *s)
{
    uint64_t memory = (uint64_t)tcp->blocks->superblocks * BLOCKS_SUPERBLOCK_BYTES;
    bool keep = tcp->config->tcp_syn_data != 0 && s->segments == 1 &&
                s->len <= blocks_bytes(BLOCKS_4K) && s->len < syn->rcv_window &&
                blocks_free_bytes(tcp->blocks) > memory / 2;
    if (keep)
        syn->data_block = blocks_take(tcp->blocks, BLOCKS_4K, BLOCKS_NORMAL);
    if (syn->data_block == BLOCKS_NONE) {
        tcp->count.syn_data_ignored++;
        return;
    }
    uint8_t *to = blocks_ptr(tcp->blocks, syn->data_block);
    size_t skip = s->skip, done = 0;
    for (unsigned i = 0; i < s->rx->parts && done < s->len; i++) {
        struct weir_ref part = s->rx->part[i];
        size_t from = skip < part.len ? skip : part.len;
        size_t n = part.len - from < s->len - done ? part.len - from : s->len - done;
        memcpy(to + done, part.data + from, n);
        skip -= from;
        done += n;
    }
    CHECK(tcp->handler, done == s->len);
    syn->data_len = (uint16_t)s->len;
    tcp->count.syn_data_held++;
}

/* What the SYN offers and the listener's settings take. */
static void take_options(struct tcp_syn *syn, const struct tcp_conn *listener,
                         const struct tcp_segment *s)
{
    const struct tcp_options *o = s->options;
    const struct tcp_settings *set = &listener->set;
    syn->window = s->header->window;
    syn->mss = addr_is_ip4(syn->remote) ? TCP_MSS_DEFAULT_IP4 : TCP_MSS_DEFAULT_IP6; /* MUST-15 */
    if ((o->present & TCP_HAS_MSS) != 0 && o->mss != 0)
        syn->mss = o->mss;
    syn->timestamps = set->timestamps && (o->present & TCP_HAS_TIMESTAMPS) != 0;
    syn->sack = set->sack && (o->present & TCP_HAS_SACK_PERMITTED) != 0;
    syn->scaling = set->window_scale && (o->present & TCP_HAS_WINDOW_SCALE) != 0;
    if (syn->timestamps)
        syn->ts_recent = o->ts_val;
    syn->snd_scale = syn->scaling ? o->window_scale : 0;
    syn->rcv_scale = syn->scaling ? tcp_rcv_scale(set) : 0;
    syn->user_timeout_told =
        set->user_timeout_option && (o->present & TCP_HAS_USER_TIMEOUT) != 0 &&
        tcp_user_timeout_s(o->user_timeout) != 0; /* reserved: RFC 5482 3.2 */
    if (syn->user_timeout_told)
        syn->peer_user_timeout = o->user_timeout;
}

void tcp_listen_record(const struct tcp_room *tcp, const struct tcp_conn *listener,
                       const struct tcp_segment *s, struct tcp_seq iss, struct tcp_syn *syn)
{
    *syn = (struct tcp_syn){
        .local = s->rx->destination,
        .remote = s->rx->source,
        .local_port = s->header->destination_port,
        .remote_port = s->header->source_port,
        .iss = iss,
        .irs = s->header->seq,
        .listener = tcp_index(listener),
        .data_block = BLOCKS_NONE,
        .rcv_window = tcp_rcv_window_first(tcp, &listener->set),
        .ifindex = (uint8_t)s->rx->ifindex, /* of the SYN, until the SYN,ACK finds its way */
    };
    syn_timer_init(syn);
    take_options(syn, listener, s);
}

/* A new record for a SYN; there is a place for one. */
static void syn_begin(struct tcp_room *tcp, struct tcp_conn *listener, const struct tcp_segment *s,
                      const struct tcp_syn *record)
{
    uint32_t index = pool_take(&tcp->syns);
    CHECK(tcp->handler, index != POOL_NONE);
    struct tcp_syn *syn = syn_at(tcp, index);
    *syn = *record;
    if (s->len > 0)
        keep_data(tcp, syn, s);
    struct tcp_tuple tuple = syn_tuple(syn);
    tcp_table_add(tcp, tcp_tuple_hash(tcp, &tuple), (struct tcp_found){TCP_KIND_SYN, index});
    link_own(tcp, &listener->listening, syn);
    tcp->count.passive_opens++;
    if (listener->set.ask)
        tcp_ask(tcp, syn, s->len, s->now);
    else
        tcp_syn_ready(tcp, syn);
}

/* A full accept queue drops SYNs and does not refuse them: the peer tries again. */
static bool queue_is_full(struct tcp_room *tcp, const struct tcp_conn *listener)
{
    bool full = listener->listening.waiting >= listener->listening.backlog;
    tcp->count.syn_dropped_backlog += full;
    return full;
}

static bool records_are_full(const struct tcp_room *tcp)
{
    return tcp->syns.in_use >= tcp->syns.capacity;
}

static enum weir_drop drop_full(struct tcp_room *tcp)
{
    tcp->count.syn_dropped_full++;
    return WEIR_DROP_TCP_SYN_LIMIT;
}

/* Not below `above`, if there is one: who sends more than 250 KB/s outruns the clock of the ISN. */
static struct tcp_seq draw_isn(const struct tcp_room *tcp, const struct tcp_segment *s,
                               const struct tcp_seq *above)
{
    struct tcp_tuple tuple = {.local = s->rx->destination,
                              .remote = s->rx->source,
                              .local_port = s->header->destination_port,
                              .remote_port = s->header->source_port};
    struct tcp_seq iss = tcp_isn(tcp, &tuple, s->now);
    return above != NULL ? seq_max(iss, *above) : iss;
}

/* tcp_syn_cookies, where it can be: a cookie cannot wait for a verdict. */
static uint32_t cookie_mode(const struct tcp_room *tcp, const struct tcp_conn *listener)
{
    return listener->set.ask ? 0 : tcp->config->tcp_syn_cookies;
}

/* A SYN that may begin a connection: at once with its data (RFC 7413), or by a cookie, or by a
 * record. */
static enum weir_drop syn_arrives(struct tcp_room *tcp, struct tcp_conn *listener,
                                  struct tcp_segment *s, const struct tcp_seq *above, bool cookies)
{
    const struct tcp_settings *set = &listener->set;
    enum tcp_fast_verdict fast = TCP_FAST_NO;
    if (set->fast_open && (s->options->present & TCP_HAS_FAST_OPEN) != 0)
        fast = tcp_fast_open_syn(tcp, listener, s);
    if (fast == TCP_FAST_DATA && !set->ask &&
        tcp_fast_open_accept(tcp, listener, s, draw_isn(tcp, s, above)) == WEIR_DROP_NONE)
        return WEIR_DROP_NONE;
    bool full = records_are_full(tcp);
    uint32_t mode = cookies ? cookie_mode(tcp, listener) : 0;
    if (full && mode == 0)
        return drop_full(tcp);
    struct tcp_syn syn;
    tcp_listen_record(tcp, listener, s, s->header->seq, &syn);
    syn.fast_request = fast == TCP_FAST_COOKIE;
    syn.fast_experimental = syn.fast_request && s->options->fast_open_experimental;
    if (full || mode == 2) {
        tcp->count.syn_data_ignored += s->len > 0;
        tcp_cookie_answer(tcp, listener, &syn, s->now);
    } else {
        syn.iss = draw_isn(tcp, s, above);
        syn_begin(tcp, listener, s, &syn);
    }
    return WEIR_DROP_NONE;
}

enum weir_drop tcp_listen_segment(struct tcp_room *tcp, struct tcp_conn *listener,
                                  struct tcp_segment *s)
{
    CHECK(tcp->handler, listener->state == WEIR_TCP_LISTEN);
    if ((s->flags & TCP_RST) != 0) /* first */
        return WEIR_DROP_TCP_LISTEN;
    enum weir_drop drop = WEIR_DROP_TCP_LISTEN;
    if ((s->flags & TCP_ACK) != 0) { /* second */
        if ((s->flags & TCP_SYN) != 0 || !tcp_cookie_segment(tcp, listener, s, &drop))
            tcp_reset_stranger(tcp, s);
        return drop;
    }
    /* Third. SYN with FIN is what no TCP sends and scanners do. Fourth: anything else. */
    if ((s->flags & TCP_SYN) == 0 || (s->flags & TCP_FIN) != 0)
        return drop;
    if (queue_is_full(tcp, listener))
        return WEIR_DROP_TCP_BACKLOG;
    return syn_arrives(tcp, listener, s, NULL, true);
}

enum weir_drop tcp_listen_reopen(struct tcp_room *tcp, struct tcp_conn *listener,
                                 struct tcp_segment *s, struct tcp_wait *w)
{
    CHECK(tcp->handler, listener->state == WEIR_TCP_LISTEN);
    CHECK(tcp->handler, (s->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN);
    if (queue_is_full(tcp, listener))
        return WEIR_DROP_TCP_BACKLOG;
    /* The ISN of a cookie is beyond nothing: timestamps have to tell what is old (RFC 6191 2). */
    bool cookies =
        listener->set.timestamps && (s->options->present & TCP_HAS_TIMESTAMPS) != 0;
    if (records_are_full(tcp) && (!cookies || cookie_mode(tcp, listener) == 0))
        return drop_full(tcp);
    struct tcp_seq above = seq_make(w->snd_nxt);
    tcp_time_wait_end(tcp, w);
    tcp->count.time_wait_reused++;
    return syn_arrives(tcp, listener, s, &above, cookies);
}

/* ---- SYN-RECEIVED (3.10.7.4) ---- */

/* May something be sent to somebody who has not shown yet that he is where he says? */
static bool may_answer(struct tcp_room *tcp, struct tcp_syn *syn)
{
    if (syn->answers >= SYN_ANSWERS_MAX) {
        tcp->count.challenges_limited++;
        return false;
    }
    syn->answers++;
    return true;
}

/* A segment of the record's, beside its SYN,ACK. */
static void syn_reply(struct tcp_room *tcp, const struct tcp_syn *syn, uint16_t flags,
                      weir_time now)
{
    const struct tcp_conn *listener = listener_of(tcp, syn);
    struct tcp_tuple tuple = syn_tuple(syn);
    tcp_reply(tcp, &(struct tcp_reply){
                       .local = syn->local,
                       .remote = syn->remote,
                       .local_port = syn->local_port,
                       .remote_port = syn->remote_port,
                       .ifindex = tcp_syn_interface(tcp, syn),
                       .seq = seq_add(syn->iss, 1),
                       .ack = syn_rcv_nxt(syn),
                       .flags = flags,
                       .window = (uint16_t)((syn->rcv_window - syn->data_len) >> syn->rcv_scale),
                       .timestamps = syn->timestamps,
                       .ts_val = tcp_stamp(tcp_stamp_offset(tcp, &tuple), now),
                       .ts_ecr = syn->ts_recent,
                       .ttl = listener->set.ttl,
                       .traffic_class = listener->set.traffic_class & 0xfc,
                   });
}

static void syn_challenge(struct tcp_room *tcp, struct tcp_syn *syn, weir_time now)
{
    if (!syn->answered || !may_answer(tcp, syn))
        return;
    tcp->count.challenges_out++;
    syn_reply(tcp, syn, TCP_ACK, now);
}

/* RFC 7323 5.3 R1; NONE: go on. */
static enum weir_drop check_timestamps(struct tcp_room *tcp, struct tcp_syn *syn,
                                       const struct tcp_segment *s)
{
    if (!syn->timestamps || (s->flags & TCP_RST) != 0)
        return WEIR_DROP_NONE;
    if ((s->options->present & TCP_HAS_TIMESTAMPS) == 0)
        return WEIR_DROP_TCP_TIMESTAMP_MISSING;
    if ((int32_t)(s->options->ts_val - syn->ts_recent) >= 0)
        return WEIR_DROP_NONE;
    syn_challenge(tcp, syn, s->now);
    return WEIR_DROP_TCP_PAWS;
}

/* First, second and fourth: sequence number, RST, SYN. NONE: go on, if the record is still
 * there. */
static enum weir_drop check_segment(struct tcp_room *tcp, struct tcp_syn *syn,
                                    const struct tcp_segment *s)
{
    struct tcp_seq rcv_nxt = syn_rcv_nxt(syn), seq = s->header->seq;
    uint32_t len = tcp_segment_seq_len(s->flags, s->len), window = syn->rcv_window - syn->data_len;
    if (!tcp_acceptable(seq, len, rcv_nxt, window)) {
        if ((s->flags & TCP_RST) == 0)
            syn_challenge(tcp, syn, s->now);
        return WEIR_DROP_TCP_SEQUENCE;
    }
    if ((s->flags & TCP_RST) != 0 && !seq_eq(seq, rcv_nxt)) { /* RFC 5961 3.2 */
        if (seq_gt(seq, rcv_nxt))
            syn_challenge(tcp, syn, s->now);
        return WEIR_DROP_TCP_RST;
    }
    if ((s->flags & TCP_RST) == 0 && (s->flags & TCP_SYN) != 0) {
        /* 3.10.7.4 would go back to LISTEN, at the word of anybody who hits the window; RFC
         * 5961 4.2, for the states that follow, has the peer asked. */
        syn_challenge(tcp, syn, s->now);
        return WEIR_DROP_TCP_SYN;
    }
    return WEIR_DROP_NONE;
}

/* ---- the end of the handshake ---- */

/* The way of the connection; when there is none, output will find out. */
static void set_path(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct net_path path;
    if (tcp_conn_path(tcp, c, &path) != WEIR_OK) {
        path.ifindex = c->ifindex;
        path.mtu = tcp->net->iface[c->ifindex].config.mtu_bytes;
        path.generation = tcp->net->addresses.generation + tcp->net->routes.generation - 1;
    }
    struct pmtu pmtu = pmtu_lookup(&tcp->net->pmtus, c->remote, path.mtu, now);
    c->ifindex = (uint8_t)path.ifindex;
    c->mtu = (uint16_t)(pmtu.mtu < UINT16_MAX ? pmtu.mtu : UINT16_MAX);
    c->may_fragment = pmtu.below_floor;
    c->path_generation = path.generation + tcp->net->pmtus.generation;
}

/* All that the record knows, and the final ACK says. */
static void fill(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_syn *syn,
                 const struct tcp_segment *s)
{
    const struct tcp_conn *listener = listener_of(tcp, syn);
    struct tcp_tuple tuple = syn_tuple(syn);
    uint64_t first = TCP_OFFSET_BASE + syn->irs.v + 1;
    c->local = syn->local;
    c->remote = syn->remote;
    c->local_port = syn->local_port;
    c->remote_port = syn->remote_port;
    c->ifindex = syn->ifindex;
    c->fixed_ifindex = listener->fixed_ifindex || addr_is_link_scope(syn->remote);
    c->iss = syn->iss;
    c->snd_una = c->snd_nxt = c->snd_max = tcp_iss(c) + 1;
    c->mss_peer = syn->mss;
    c->timestamps = syn->timestamps;
    c->sack = syn->sack;
    c->scaling = syn->scaling;
    c->snd_scale = syn->snd_scale & 15U;
    c->rcv_scale = syn->rcv_scale & 15U;
    c->snd_wnd = tcp_window_bytes(c, s->header->window, false);
    c->snd_wnd_max = c->snd_wnd > syn->window ? c->snd_wnd : syn->window;
    c->snd_wl1 = s->header->seq;
    c->snd_wl2 = s->header->ack;
    c->irs = syn->irs;
    c->rcv_nxt = first;
    c->rcv_acked = syn_rcv_nxt(syn);
    c->rcv_edge = first + syn->rcv_window;
    c->ts_recent = syn->ts_recent;
    c->ts_recent_s = tcp_s(s->now);
    c->ts_offset = tcp_stamp_offset(tcp, &tuple);
    c->syn_lost = syn->retransmits > 0;
    c->user_timeout_told = syn->user_timeout_told;
    c->peer_user_timeout = syn->peer_user_timeout;
    c->opened_s = tcp_s(s->now);
    c->heard_at = s->now;
    set_path(tcp, c, s->now);
    tcp_conn_rings(tcp, c, c->snd_una, first);
}

/* The data that came with the SYN, which was acknowledged and cannot be refused any more. */
static bool give_data(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_syn *syn)
{
    if (syn->data_len == 0)
        return true;
    struct weir_ref data = {blocks_ptr(tcp->blocks, syn->data_block), syn->data_len};
    if (ring_write(&c->receive, c->rcv_nxt, data, BLOCKS_URGENT) < data.len) {
        ring_reset(&c->receive, c->rcv_nxt);
        return false;
    }
    c->rcv_nxt += data.len;
    tcp_note_size(c, syn->data_len);
    return true;
}

struct tcp_conn *tcp_listen_make(struct tcp_room *tcp, const struct tcp_syn *syn,
                                 const struct tcp_segment *s)
{
    struct tcp_conn *listener = listener_of(tcp, syn);
    if (listener->listening.waiting >= listener->listening.backlog)
        return NULL;
    struct tcp_conn *c = tcp_conn_new(tcp, listener);
    if (c == NULL)
        return NULL;
    fill(tcp, c, syn, s);
    if (!give_data(tcp, c, syn)) {
        c->released = c->closed_told = c->closed_read = true;
        tcp_conn_free_if_done(tcp, c);
        return NULL;
    }
    return c;
}

void tcp_listen_enqueue(struct tcp_room *tcp, struct tcp_conn *listener, struct tcp_conn *c,
                        uint32_t hash)
{
    struct tcp_listening *l = &listener->listening;
    CHECK(tcp->handler, l->waiting < l->backlog && c->listener == TCP_NONE);
    tcp_table_add(tcp, hash, (struct tcp_found){TCP_KIND_CONN, tcp_index(c)});
    c->listener = tcp_index(listener);
    c->accept_next = TCP_NONE;
    if (l->waiting > 0)
        tcp_at(tcp, l->accept_last)->accept_next = tcp_index(c);
    else
        l->accept_first = tcp_index(c);
    l->accept_last = tcp_index(c);
    l->waiting++;
    tcp_raise(tcp, listener, WEIR_EVENT_ACCEPTED, WEIR_OK);
}

static void establish(struct tcp_room *tcp, struct tcp_conn *listener, struct tcp_conn *c,
                      uint32_t hash, uint32_t rtt_us)
{
    tcp_listen_enqueue(tcp, listener, c, hash);
    c->state = WEIR_TCP_ESTABLISHED;
    tcp_established(tcp, c, c->heard_at, rtt_us);
}

struct tcp_conn *tcp_listen_establish(struct tcp_room *tcp, const struct tcp_syn *syn,
                                      const struct tcp_segment *s, uint32_t rtt_us)
{
    struct tcp_tuple tuple = syn_tuple(syn);
    struct tcp_conn *c = tcp_listen_make(tcp, syn, s);
    if (c != NULL)
        establish(tcp, listener_of(tcp, syn), c, tcp_tuple_hash(tcp, &tuple), rtt_us);
    return c;
}

enum weir_drop tcp_listen_continue(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_segment *s)
{
    if (c == NULL) {
        tcp->count.ack_dropped_backlog++;
        return WEIR_DROP_TCP_BACKLOG;
    }
    s->seq = tcp_unwrap(s->header->seq, c->rcv_nxt);
    s->ack = c->snd_una;
    s->window = c->snd_wnd;
    return tcp_segment_arrives(tcp, c, s);
}

/* The final ACK of a record: NULL: not now, and the record stays. Its SYN,ACK goes again in time, and
 * with it comes the final ACK. */
static struct tcp_conn *complete(struct tcp_room *tcp, struct tcp_syn *syn,
                                 const struct tcp_segment *s)
{
    struct tcp_conn *listener = listener_of(tcp, syn), *c = tcp_listen_make(tcp, syn, s);
    if (c == NULL)
        return NULL;
    struct tcp_tuple tuple = syn_tuple(syn);
    uint32_t rtt_us = 0;
    if (syn->retransmits == 0 && syn->answers == 0) { /* Karn */
        rtt_us = (uint32_t)((uint64_t)s->now / WEIR_NS_PER_US) - syn->sent_us;
        rtt_us += rtt_us == 0;
    }
    syn_end(tcp, syn);
    establish(tcp, listener, c, tcp_tuple_hash(tcp, &tuple), rtt_us);
    return c;
}

/* The same SYN again. What it offers now is what counts, since many a client offers less when it has
 * had no answer; RFC 7323 3.2 is about segments that are no SYN. */
static void syn_again(struct tcp_room *tcp, struct tcp_syn *syn, const struct tcp_segment *s)
{
    bool stamped = syn->timestamps && (s->options->present & TCP_HAS_TIMESTAMPS) != 0;
    if (!stamped || (int32_t)(s->options->ts_val - syn->ts_recent) >= 0) { /* else it is an older one */
        take_options(syn, listener_of(tcp, syn), s);
        if ((s->options->present & TCP_HAS_FAST_OPEN) == 0)
            syn->fast_request = false;
    }
    if (syn->asked)
        syn->asked_len = s->len;
    else if (!syn->answered || may_answer(tcp, syn))
        tcp_syn_ready(tcp, syn);
}

enum weir_drop tcp_syn_segment(struct tcp_room *tcp, struct tcp_syn *syn, struct tcp_segment *s)
{
    uint16_t control = s->flags & (TCP_SYN | TCP_ACK | TCP_RST);
    if (control == TCP_SYN && seq_eq(s->header->seq, syn->irs)) {
        syn_again(tcp, syn, s);
        return WEIR_DROP_NONE;
    }
    enum weir_drop drop = check_timestamps(tcp, syn, s);
    if (drop != WEIR_DROP_NONE)
        return drop;
    drop = check_segment(tcp, syn, s);
    if (drop != WEIR_DROP_NONE)
        return drop;
    if ((s->flags & TCP_RST) != 0) { /* back to LISTEN */
        tcp_syn_fail(tcp, syn);
        return WEIR_DROP_NONE;
    }
    if ((s->flags & TCP_ACK) == 0) /* fifth */
        return WEIR_DROP_TCP_ACK;
    if (!syn->answered || !seq_eq(s->header->ack, seq_add(syn->iss, 1))) {
        /* It may be for a cookie that went before this record had a place. */
        struct tcp_syn sent;
        enum tcp_cookie cookie = tcp_cookie_judge(tcp, listener_of(tcp, syn), s, &sent);
        if (cookie == TCP_COOKIE_GOOD) {
            syn_end(tcp, syn);
            return tcp_cookie_accept(tcp, &sent, s);
        }
        if (cookie != TCP_COOKIE_EARLY)
            tcp_reset_stranger(tcp, s);
        return WEIR_DROP_TCP_ACK;
    }
    return tcp_listen_continue(tcp, complete(tcp, syn, s), s);
}

/* ---- SYN,ACKs ---- */

void tcp_syn_expire(struct tcp_room *tcp, struct tcp_syn *syn, weir_time now)
{
    (void)now;
    CHECK(tcp->handler, !syn->parked);
    if (syn->asked) {
        tcp->count.ask_silent++;
        tcp_syn_fail(tcp, syn);
    } else if (++syn->retransmits >= SYN_ACKS_MAX) {
        tcp_syn_fail(tcp, syn);
    } else {
        syn->fast_request = false; /* RFC 7413 4.2.1: it may be what was not let through */
        tcp_syn_ready(tcp, syn);
    }
}

void tcp_syn_woken(struct tcp_room *tcp, struct tcp_syn *syn, enum neighbour_answer verdict,
                   weir_time now)
{
    CHECK(tcp->handler, syn->parked);
    syn_timer_init(syn);
    if (verdict == NEIGHBOUR_READY)
        tcp_syn_ready(tcp, syn);
    else if (verdict == NEIGHBOUR_UNREACHABLE)
        tcp_syn_fail(tcp, syn); /* there is nobody: the SYN was forged, or will come again */
    else
        syn_arm(tcp, syn, now);
}

/* Wait until its neighbour answers; the timer waits with it. */
static void syn_park(struct tcp_room *tcp, struct tcp_syn *syn, const struct neighbour_key *key,
                     weir_time now)
{
    wheel_cancel(tcp->wheel, &syn->timer.node);
    memset(&syn->timer, 0, sizeof syn->timer);
    memset(&syn->waiter, 0, sizeof syn->waiter);
    syn->waiter.kind = NET_WAITER_TCP_SYN;
    syn->parked = neighbour_wait(&tcp->net->neighbours, key, &syn->waiter,
                                 NEIGHBOUR_WAITS_CONNECTION);
    if (!syn->parked) {
        syn_timer_init(syn);
        syn_arm(tcp, syn, now);
    }
}

/* Where the SYN,ACK goes. False: nowhere now; it was parked, moved to another interface's list, or
 * left to its timer. */
static bool find_way(struct tcp_room *tcp, struct tcp_syn *syn, unsigned ifindex,
                     struct net_path *path, struct eth_addr *station, weir_time now)
{
    struct net_path wanted = {.source = syn->local, /* MUST-45: what the SYN was sent to */
                              .destination = syn->remote,
                              .ifindex = tcp_syn_interface(tcp, syn)};
    if (net_path(tcp->net, &wanted, path) != WEIR_OK) {
        syn_arm(tcp, syn, now);
        return false;
    }
    if (path->ifindex != ifindex) {
        syn->ifindex = (uint8_t)path->ifindex;
        tcp_syn_ready(tcp, syn);
        return false;
    }
    if (tcp->net->iface[ifindex].config.link != WEIR_LINK_ETHERNET)
        return true;
    struct neighbour_key key = {.addr = path->next_hop, .ifindex = ifindex};
    enum neighbour_answer answer = neighbour_resolve(&tcp->net->neighbours, &key, now, station);
    if (answer == NEIGHBOUR_WAIT)
        syn_park(tcp, syn, &key, now);
    else if (answer == NEIGHBOUR_UNREACHABLE)
        tcp_syn_fail(tcp, syn);
    else if (answer != NEIGHBOUR_READY)
        syn_arm(tcp, syn, now);
    return answer == NEIGHBOUR_READY;
}

void tcp_syn_ack_options(const struct tcp_room *tcp, const struct tcp_syn *syn, weir_time now,
                         uint8_t cookie[8], struct tcp_options *o)
{
    o->present = TCP_HAS_MSS;
    if (syn->scaling) {
        o->present |= TCP_HAS_WINDOW_SCALE;
        o->window_scale = syn->rcv_scale;
    }
    if (syn->sack)
        o->present |= TCP_HAS_SACK_PERMITTED;
    if (syn->timestamps) {
        o->present |= TCP_HAS_TIMESTAMPS;
        o->ts_ecr = syn->ts_recent;
    }
    if (syn->fast_request) {
        tcp_fast_open_cookie(tcp, syn->remote, syn->local, cookie, now);
        o->present |= TCP_HAS_FAST_OPEN;
        o->fast_open = (struct weir_ref){cookie, 8};
        o->fast_open_experimental = syn->fast_experimental;
    }
    o->user_timeout = tcp_user_timeout_option(listener_of(tcp, syn));
    if (o->user_timeout != 0 && !syn->answered) /* something may drop SYN,ACKs for it */
        o->present |= TCP_HAS_USER_TIMEOUT;
}

static void send_syn_ack(struct tcp_room *tcp, struct tcp_syn *syn, const struct net_path *path,
                         struct eth_addr station, struct weir_tx *tx, weir_time now)
{
    const struct tcp_settings *set = &listener_of(tcp, syn)->set;
    struct tcp_tuple tuple = syn_tuple(syn);
    uint32_t offset = tcp_stamp_offset(tcp, &tuple);
    bool ip4 = addr_is_ip4(syn->remote);
    uint8_t options[TCP_OPTION_BYTES_MAX], cookie[8];
    struct tcp_options o;
    tcp_syn_ack_options(tcp, syn, now, cookie, &o);
    o.mss = tcp_syn_mss(set, path->mtu, ip4, syn->retransmits);
    o.ts_val = tcp_stamp(offset, now);
    size_t n = tcp_options_emit(options, sizeof options, &o);
    tcp_emit_segment(tcp,
                     &(struct tcp_emit){
                         .local = &syn->local,
                         .remote = &syn->remote,
                         .local_port = syn->local_port,
                         .remote_port = syn->remote_port,
                         .ttl = set->ttl,
                         .traffic_class = set->traffic_class & 0xfc,
                         .seq = syn->iss,
                         .ack = syn_rcv_nxt(syn),
                         .flags = TCP_SYN | TCP_ACK,
                         .window = (uint16_t)(syn->rcv_window - syn->data_len),
                         .options = options,
                         .options_len = (uint8_t)n,
                         .flow_label = ip4 ? 0 : tcp_flow_label(tcp, offset),
                         .ifindex = path->ifindex,
                         .station = station,
                     },
                     tx);
    if (syn->answered) {
        tcp->count.segments_retransmitted++;
    } else {
        tcp->count.segments_out++;
        syn->answered = true;
        syn->sent_us = (uint32_t)((uint64_t)now / WEIR_NS_PER_US);
    }
    syn_arm(tcp, syn, now);
}

unsigned tcp_syn_output(struct tcp_room *tcp, unsigned ifindex, struct weir_tx *tx, unsigned max,
                        weir_time now)
{
    struct tcp_list *list = &tcp->iface[ifindex].syns;
    unsigned n = 0;
    while (n < max && list->first != TCP_NONE) {
        struct tcp_syn *syn = syn_at(tcp, list->first);
        struct net_path path;
        struct eth_addr station = {{0}};
        CHECK(tcp->handler, syn->on_ready && syn->ifindex == ifindex && !syn->parked);
        syn_unready(tcp, syn);
        if (find_way(tcp, syn, ifindex, &path, &station, now))
            send_syn_ack(tcp, syn, &path, station, &tx[n++], now);
    }
    return n;
}

/* ---- the end of a listener ---- */

/* A connection that waited to be accepted: nobody knows of it, so nobody is told. */
static void discard(struct tcp_room *tcp, struct tcp_conn *c)
{
    c->listener = c->accept_next = TCP_NONE;
    c->released = c->closed_told = c->closed_read = true;
    if (c->state != WEIR_TCP_CLOSED)
        tcp_conn_abort(tcp, c, WEIR_E_ABORTED);
    tcp_conn_free_if_done(tcp, c);
}

void tcp_listener_end(struct tcp_room *tcp, struct tcp_conn *listener)
{
    struct tcp_listening *l = &listener->listening;
    CHECK(tcp->handler, listener->state == WEIR_TCP_LISTEN);
    while (l->own_first != TCP_NONE) {
        struct tcp_syn *syn = syn_at(tcp, l->own_first);
        CHECK(tcp->handler, syn->listener == tcp_index(listener));
        if (syn->answered) /* the peer may think that it is connected */
            syn_reply(tcp, syn, TCP_RST | TCP_ACK, tcp->now);
        tcp_syn_fail(tcp, syn);
    }
    CHECK(tcp->handler, l->handshakes == 0);
    while (l->waiting > 0) {
        struct tcp_conn *c = tcp_at(tcp, l->accept_first);
        CHECK(tcp->handler, c->listener == tcp_index(listener));
        l->accept_first = c->accept_next;
        if (--l->waiting == 0)
            l->accept_first = l->accept_last = TCP_NONE;
        discard(tcp, c);
    }
}
