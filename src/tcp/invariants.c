/* SPDX-License-Identifier: MIT
 * What the TCP room promises itself, recounted from what is there. The numbers are those of the list of
 * invariants that the simulator checks after every event. */
#include "tcp/tcp.h"

/* Leaves the function with false; the line number of a failure is one breakpoint away. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return false;                                                                          \
    } while (0)

/* What is counted over all endpoints, to be compared with what the room thinks. */
struct recount {
    uint64_t promised_kb, ranges;
    uint32_t ready, want_flight, stuck, lingering, ending, flights, holes, accounts;
    uint32_t in_table, on_port;
};

static bool is_synchronized(const struct tcp_conn *c)
{
    return c->state >= WEIR_TCP_ESTABLISHED && c->state <= WEIR_TCP_CLOSING;
}

/* I-01, I-16: the order of the sender's numbers. */
static bool sender_numbers(const struct tcp_conn *c)
{
    uint64_t first = tcp_iss(c) + 1;
    HOLDS(c->snd_una <= c->snd_nxt && c->snd_nxt <= c->snd_max);
    HOLDS(c->snd_max <= tcp_snd_end(c));
    HOLDS(c->send.head == (c->snd_una < first ? first : c->snd_una) ||
          (c->snd_una == tcp_snd_end(c) && c->send.head == tcp_snd_tail(c)));
    HOLDS(c->snd_una >= tcp_iss(c));
    HOLDS(c->send.end - c->send.head <= ring_bytes_max((enum blocks_class)c->send.class));
    HOLDS(c->unpushed <= c->send.end - c->send.head);
    return ring_invariants(&c->send);
}

/* I-07, I-11, I-22: what is outstanding is watched over, and so is what is kept back. */
static bool sender_timers(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    bool outstanding = c->snd_una < c->snd_max;
    HOLDS(c->repair == TCP_REPAIR_NONE || c->repair_at != WEIR_TIME_NEVER);
    if (c->state == WEIR_TCP_SYN_SENT || c->state == WEIR_TCP_SYN_RECEIVED) {
        HOLDS(c->flight == TCP_NONE || tcp_is_fast(c));
        HOLDS(!tcp_is_fast(c) || c->flight != TCP_NONE || c->snd_max <= tcp_iss(c) + 1);
        return c->repair == TCP_REPAIR_RETRANSMIT || c->on_ready || c->parked;
    }
    HOLDS(c->cc.cwnd >= 1 && c->cc.cwnd <= TCP_CWND_MAX);
    HOLDS(!outstanding || c->flight != TCP_NONE);
    if (outstanding)
        HOLDS(c->repair != TCP_REPAIR_NONE || c->on_ready || c->parked);
    bool kept_back = !outstanding && c->snd_max < tcp_snd_end(c) && c->snd_wnd == 0;
    if (kept_back)
        HOLDS(c->repair == TCP_REPAIR_PERSIST || c->on_ready || c->parked || c->wants_flight);
    const struct tcp_flight *f = tcp_flight(tcp, c);
    HOLDS(f == NULL || f->run_first <= f->run_end);
    HOLDS(f == NULL || tcp_pmtud_invariants(c, f));
    return f == NULL || !f->spills || ring_invariants(&f->spilled);
}

/* I-24, I-26, I-27: what was received, and what may be. */
static bool receiver(const struct tcp_room *tcp, const struct tcp_conn *c, struct recount *count)
{
    HOLDS(ring_invariants(&c->receive));
    if (c->state == WEIR_TCP_SYN_SENT)
        return ring_is_empty(&c->receive) && c->holes == TCP_NONE;
    uint64_t end = tcp_rcv_data_end(c);
    HOLDS(c->receive.head <= end && c->rcv_nxt <= c->rcv_edge + c->fin_received);
    HOLDS(c->rcv_nxt >= TCP_OFFSET_BASE + c->irs.v + 1);
    HOLDS(end - c->receive.head == 0 || end <= c->receive.end);
    const struct tcp_holes *holes = tcp_holes(tcp, c);
    if (holes == NULL)
        return true;
    struct range first, last;
    HOLDS(ranges_invariants(&holes->islands, &tcp->ranges));
    count->ranges += holes->islands.count;
    if (ranges_first(&holes->islands, &tcp->ranges, &first) &&
        ranges_last(&holes->islands, &tcp->ranges, &last)) {
        HOLDS(first.start > c->rcv_nxt && last.end <= c->rcv_edge);
        HOLDS(last.end <= c->receive.end);
    }
    return holes->recent_count <= TCP_SACK_RECENT_MAX;
}

/* The timer is armed at or before the earliest deadline; a waiter has none. */
static bool timer(const struct tcp_conn *c)
{
    weir_time earliest = c->repair != TCP_REPAIR_NONE ? c->repair_at : WEIR_TIME_NEVER;
    if (c->delack_at < earliest)
        earliest = c->delack_at;
    if (c->idle_at < earliest)
        earliest = c->idle_at;
    if (c->parked)
        return c->waiter.kind == NET_WAITER_TCP;
    HOLDS(c->timer.kind == NET_TIMER_TCP);
    return earliest == WEIR_TIME_NEVER ||
           (wheel_is_armed(&c->timer.node) && c->timer.node.deadline <= earliest);
}

/* I-39: who is not connected holds nothing of what a connection has. */
static bool unconnected(const struct tcp_conn *c)
{
    HOLDS(c->flight == TCP_NONE && c->holes == TCP_NONE && !c->in_table);
    HOLDS(!c->wants_flight && !c->stuck && !c->idle_fin);
    HOLDS(!c->parked && !wheel_is_armed(&c->timer.node) && c->promised_kb == 0);
    HOLDS(ring_is_empty(&c->send) && c->pin.generation == 0);
    if (c->state == WEIR_TCP_LISTEN)
        return c->on_port && !c->on_ready;
    HOLDS(c->receive.head <= tcp_rcv_data_end(c) && ring_invariants(&c->receive));
    HOLDS(!c->closed_told || !c->on_port);
    return !(c->released && c->closed_read) || c->on_ready; /* else it would have been given back */
}

/* I-41: a listener's counters, by its queue and by the records. */
static bool listening(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    const struct tcp_listening *l = &c->listening;
    uint32_t waiting = 0, handshakes = 0, last = TCP_NONE;
    for (uint32_t i = l->accept_first; i != TCP_NONE; i = tcp_at(tcp, i)->accept_next) {
        const struct tcp_conn *child = tcp_at(tcp, i);
        HOLDS(pool_in_use(&tcp->conns, i) && child->listener == tcp_index(c));
        HOLDS(++waiting <= l->waiting);
        last = i;
    }
    for (uint32_t i = 0; i < tcp->syns.fresh; i++)
        if (pool_in_use(&tcp->syns, i)) {
            const struct tcp_syn *syn = pool_at(&tcp->syns, i);
            handshakes += syn->listener == tcp_index(c);
        }
    uint32_t own = 0;
    for (uint32_t i = l->own_first; i != TCP_NONE; own++) {
        const struct tcp_syn *syn = pool_at(&tcp->syns, i);
        HOLDS(pool_in_use(&tcp->syns, i) && syn->listener == tcp_index(c) && own < handshakes);
        i = syn->own_next;
    }
    return waiting == l->waiting && own == handshakes && own == l->handshakes &&
           last == l->accept_last;
}

/* I-40: what stands in the table under its tuple is itself. Looks in a copy: finding remembers. */
static bool found(const struct tcp_room *tcp, const struct tcp_tuple *tuple, enum tcp_kind kind,
                  uint32_t index)
{
    struct tcp_room copy = *tcp;
    copy.last = NULL;
    struct tcp_found what = tcp_find(&copy, tuple);
    return what.kind == kind && what.index == index;
}

static bool connection(const struct tcp_room *tcp, const struct tcp_conn *c, struct recount *count)
{
    if (c->listener != TCP_NONE)
        HOLDS(tcp_at(tcp, c->listener)->state == WEIR_TCP_LISTEN && c->source.bits == 0);
    count->promised_kb += c->promised_kb;
    count->ready += c->on_ready;
    count->want_flight += c->wants_flight;
    count->stuck += c->stuck;
    count->lingering += c->idle_fin;
    count->ending += c->state == WEIR_TCP_CLOSED && c->reason == WEIR_E_PRESSURE;
    count->flights += c->flight != TCP_NONE;
    count->holes += c->holes != TCP_NONE;
    count->accounts += c->account != TCP_NONE;
    HOLDS(c->account == TCP_NONE || pool_in_use(&tcp->accounts, c->account));
    count->in_table += c->in_table;
    count->on_port += c->on_port;
    HOLDS(!c->closed_told || c->state == WEIR_TCP_CLOSED);
    if (c->state == WEIR_TCP_LISTEN)
        return unconnected(c) && listening(tcp, c);
    if (c->state == WEIR_TCP_CLOSED)
        return unconnected(c);
    struct tcp_tuple tuple = tcp_conn_tuple(c);
    HOLDS(c->in_table && found(tcp, &tuple, TCP_KIND_CONN, tcp_index(c)));
    HOLDS(sender_numbers(c) && sender_timers(tcp, c) && timer(c));
    HOLDS(c->fin_queued == (c->state == WEIR_TCP_FIN_WAIT_1 || c->state == WEIR_TCP_FIN_WAIT_2 ||
                            c->state == WEIR_TCP_CLOSING || c->state == WEIR_TCP_LAST_ACK) ||
          !is_synchronized(c));
    HOLDS(c->fin_received == (c->state == WEIR_TCP_CLOSE_WAIT || c->state == WEIR_TCP_CLOSING ||
                              c->state == WEIR_TCP_LAST_ACK));
    HOLDS(c->state != WEIR_TCP_FIN_WAIT_2 || c->snd_una == tcp_snd_end(c));
    return receiver(tcp, c, count);
}

/* The lists of those with something to send. */
static bool ready_lists(const struct tcp_room *tcp, uint32_t expected)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < tcp->config->interfaces_max; k++) {
        uint32_t last = TCP_NONE;
        for (uint32_t i = tcp->iface[k].ready.first; i != TCP_NONE;) {
            const struct tcp_conn *c = tcp_at(tcp, i);
            HOLDS(pool_in_use(&tcp->conns, i) && c->on_ready && c->ifindex == k);
            HOLDS(++n <= expected);
            last = i;
            i = c->ready_next;
        }
        HOLDS(tcp->iface[k].ready.last == last);
    }
    return n == expected;
}

/* A list of those that wait: *n is how many. Who is stuck or lingers stands in the order of time. */
static bool wait_list(const struct tcp_room *tcp, const struct tcp_list *list, uint32_t *n)
{
    uint32_t last = TCP_NONE, tick = tcp_tick(tcp->now);
    *n = 0;
    for (uint32_t i = list->first; i != TCP_NONE; i = tcp_at(tcp, i)->wait_next) {
        const struct tcp_conn *c = tcp_at(tcp, i);
        HOLDS(pool_in_use(&tcp->conns, i) && ++*n <= tcp->conns.in_use && c->wait_prev == last);
        HOLDS(c->wants_flight + c->stuck + c->idle_fin == 1);
        HOLDS(c->wants_flight == (list == &tcp->want_flight));
        HOLDS(c->idle_fin == (list == &tcp->lingering));
        if (!c->wants_flight && last != TCP_NONE)
            HOLDS(tick - c->stuck_since <= tick - tcp_at(tcp, last)->stuck_since);
        HOLDS(!c->wants_flight || c->flight == TCP_NONE);
        last = i;
    }
    return list->last == last;
}

/* All holes, in the order of time, each of a connection. */
static bool holes_list(const struct tcp_room *tcp)
{
    uint32_t n = 0, last = TCP_NONE, tick = tcp_tick(tcp->now), before = UINT32_MAX;
    for (uint32_t i = tcp->holding.first; i != TCP_NONE;) {
        const struct tcp_holes *h = pool_at(&tcp->holes, i);
        HOLDS(pool_in_use(&tcp->holes, i) && ++n <= tcp->holes.in_use && h->prev == last);
        HOLDS(pool_in_use(&tcp->conns, h->conn) && tcp_at(tcp, h->conn)->holes == i);
        HOLDS(tick - h->since <= before);
        before = tick - h->since;
        last = i;
        i = h->next;
    }
    return n == tcp->holes.in_use && tcp->holding.last == last;
}

static bool wait_lists(const struct tcp_room *tcp, const struct recount *count)
{
    uint32_t want_flight, stuck, silent, lingering;
    HOLDS(wait_list(tcp, &tcp->want_flight, &want_flight));
    HOLDS(wait_list(tcp, &tcp->stuck, &stuck));
    HOLDS(wait_list(tcp, &tcp->silent, &silent));
    HOLDS(wait_list(tcp, &tcp->lingering, &lingering));
    HOLDS(want_flight == count->want_flight && stuck + silent == count->stuck);
    return lingering == count->lingering && tcp->ending == count->ending;
}

/* The records of SYN-RECEIVED, each of a listener, each in the table. */
static bool syn_records(const struct tcp_room *tcp)
{
    for (uint32_t i = 0; i < tcp->syns.fresh; i++) {
        if (!pool_in_use(&tcp->syns, i))
            continue;
        const struct tcp_syn *syn = pool_at(&tcp->syns, i);
        struct tcp_tuple tuple = {.local = syn->local,
                                  .remote = syn->remote,
                                  .local_port = syn->local_port,
                                  .remote_port = syn->remote_port};
        HOLDS(found(tcp, &tuple, TCP_KIND_SYN, i));
        HOLDS(pool_in_use(&tcp->conns, syn->listener) &&
              tcp_at(tcp, syn->listener)->state == WEIR_TCP_LISTEN);
        HOLDS(syn->parked || syn->on_ready || wheel_is_armed(&syn->timer.node));
    }
    return true;
}

/* The records of TIME-WAIT, in the order of their expiry, under one timer. */
static bool wait_records(const struct tcp_room *tcp)
{
    uint32_t n = 0, before = TCP_NONE;
    weir_time left = 0;
    for (uint32_t i = tcp->waiting.first; i != TCP_NONE;) {
        const struct tcp_wait *w = pool_at(&tcp->waits, i);
        struct tcp_tuple tuple = {.local = w->local,
                                  .remote = w->remote,
                                  .local_port = w->local_port,
                                  .remote_port = w->remote_port};
        HOLDS(pool_in_use(&tcp->waits, i) && w->prev == before);
        HOLDS(tcp_time_wait_left(tcp, w, tcp->now) >= left);
        HOLDS(++n <= tcp->waits.in_use && found(tcp, &tuple, TCP_KIND_WAIT, i));
        left = tcp_time_wait_left(tcp, w, tcp->now);
        before = i;
        i = w->next;
    }
    HOLDS(n == tcp->waits.in_use && tcp->waiting.last == before);
    return (n != 0) == wheel_is_armed(&tcp->waiting.timer.node);
}

bool tcp_invariants(const struct tcp_room *tcp)
{
    struct recount count = {0};
    HOLDS(pool_invariants(&tcp->conns) && pool_invariants(&tcp->syns));
    HOLDS(pool_invariants(&tcp->waits) && pool_invariants(&tcp->flights));
    HOLDS(pool_invariants(&tcp->holes) && pool_invariants(&tcp->accounts));
    HOLDS(map_invariants(&tcp->tuples) && map_invariants(&tcp->ports));
    for (uint32_t i = 0; i < tcp->conns.fresh; i++) {
        if (!pool_in_use(&tcp->conns, i))
            continue;
        const struct tcp_conn *c = pool_at(&tcp->conns, i);
        HOLDS(tcp_index(c) == i && connection(tcp, c, &count));
    }
    HOLDS(syn_records(tcp) && wait_records(tcp));
    HOLDS(ready_lists(tcp, count.ready) && wait_lists(tcp, &count) && holes_list(tcp));
    HOLDS(count.flights == tcp->flights.in_use && count.holes == tcp->holes.in_use);
    HOLDS(count.accounts == tcp->accounts.in_use);
    HOLDS(count.ranges == tcp->ranges.in_use);
    HOLDS(count.in_table + tcp->syns.in_use + tcp->waits.in_use == tcp->tuples.count);
    HOLDS(tcp->ports.count <= count.on_port);
    HOLDS(tcp_fast_open_invariants(tcp));
    return count.promised_kb * 1024 == tcp->blocks->promised_bytes;
}
