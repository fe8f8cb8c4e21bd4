/* SPDX-License-Identifier: MIT
 * Peers that hold our memory (RFC 6429). A connection whose peer answers probes of its closed window is
 * legal, and lasts (RFC 9293 MUST-37), and so does one whose peer has fallen silent, until R2. Under
 * pressure those go who have held others up longest; what they hold is free at once.
 *
 * The same goes for who sent data above a hole and does not fill it.
 *
 * What counts is that the window is closed, or so small that it is not worth a segment (RFC 9293
 * 3.8.6.2.1): a peer that takes a byte now and then is as stuck as one that takes none, and so is one
 * that opens its window and takes nothing. */
#include "tcp/tcp.h"

enum {
    RELIEVE_MAX = 8,          /* ended in a call */
    LOOK_MAX = 64,            /* looked at for a flight */
    ENDPOINTS_FRACTION = 32,  /* so many of all are to be free */
    PATIENCE_FRACTION = 10    /* of tcp_stuck_ms: never less, however little is left */
};

/* ---- lists ---- */

/* The list whose first, or last, it is; there is one. */
static struct tcp_list *list_at_end(struct tcp_room *tcp, uint32_t index, bool first)
{
    struct tcp_list *lists[] = {&tcp->want_flight, &tcp->stuck, &tcp->silent, &tcp->lingering};
    for (unsigned i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if ((first ? lists[i]->first : lists[i]->last) == index)
            return lists[i];
    CHECK(tcp->handler, false);
    return NULL;
}

void tcp_wait_leave(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (!c->wants_flight && !c->stuck && !c->idle_fin)
        return;
    uint32_t index = tcp_index(c);
    if (c->wait_prev != TCP_NONE)
        tcp_at(tcp, c->wait_prev)->wait_next = c->wait_next;
    else
        list_at_end(tcp, index, true)->first = c->wait_next;
    if (c->wait_next != TCP_NONE)
        tcp_at(tcp, c->wait_next)->wait_prev = c->wait_prev;
    else
        list_at_end(tcp, index, false)->last = c->wait_prev;
    c->wait_next = c->wait_prev = TCP_NONE;
    c->wants_flight = c->stuck = c->idle_fin = false;
}

void tcp_wait_join(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_list *list)
{
    tcp_wait_leave(tcp, c);
    c->wait_next = TCP_NONE;
    c->wait_prev = list->last;
    if (list->last != TCP_NONE)
        tcp_at(tcp, list->last)->wait_next = tcp_index(c);
    else
        list->first = tcp_index(c);
    list->last = tcp_index(c);
}

static struct tcp_holes *holes_at(const struct tcp_room *tcp, uint32_t index)
{
    return pool_at(&tcp->holes, index);
}

void tcp_holes_join(struct tcp_room *tcp, struct tcp_holes *h, weir_time now)
{
    struct tcp_list *list = &tcp->holding;
    uint32_t index = pool_index(&tcp->holes, h);
    h->since = tcp_tick(now);
    h->next = TCP_NONE;
    h->prev = list->last;
    if (list->last != TCP_NONE)
        holes_at(tcp, list->last)->next = index;
    else
        list->first = index;
    list->last = index;
}

void tcp_holes_leave(struct tcp_room *tcp, struct tcp_holes *h)
{
    struct tcp_list *list = &tcp->holding;
    CHECK(tcp->handler, list->first != TCP_NONE);
    if (h->prev != TCP_NONE)
        holes_at(tcp, h->prev)->next = h->next;
    else
        list->first = h->next;
    if (h->next != TCP_NONE)
        holes_at(tcp, h->next)->prev = h->prev;
    else
        list->last = h->prev;
}

void tcp_holes_progress(struct tcp_room *tcp, struct tcp_holes *h, weir_time now)
{
    tcp_holes_leave(tcp, h);
    tcp_holes_join(tcp, h, now);
}

/* ---- who is stuck ---- */

/* Too little to be worth a segment, whatever is outstanding of it. */
static bool window_is_small(const struct tcp_conn *c)
{
    return c->snd_wnd == 0 ||
           (c->snd_wnd < tcp_send_mss(c) && c->snd_wnd < c->snd_wnd_max / 2);
}

static bool waits_for_window(const struct tcp_conn *c)
{
    return window_is_small(c) && tcp_snd_end(c) - c->snd_una > c->snd_wnd;
}

static bool waits_for_answer(const struct tcp_conn *c)
{
    return c->advised && c->snd_una < c->snd_max;
}

void tcp_stuck_acked(struct tcp_room *tcp, struct tcp_conn *c, uint32_t acked)
{
    if (acked >= tcp_send_mss(c) || acked >= c->snd_wnd_max / 2)
        tcp_wait_leave(tcp, c);
}

void tcp_stuck_update(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    bool sends = c->state >= WEIR_TCP_ESTABLISHED && c->snd_una < tcp_snd_end(c);
    bool window = sends && waits_for_window(c);
    bool stuck = window || (sends && (waits_for_answer(c) || c->stuck));
    if (stuck == c->stuck)
        return;
    if (!stuck) {
        tcp_wait_leave(tcp, c);
        return;
    }
    CHECK(tcp->handler, !c->idle_fin);
    tcp_wait_join(tcp, c, window ? &tcp->stuck : &tcp->silent);
    c->stuck = true;
    c->stuck_since = tcp_tick(now);
}

/* ---- who goes ---- */

/* The first of a list, if it has waited so long; or NULL. */
static struct tcp_conn *first_of(const struct tcp_room *tcp, const struct tcp_list *list,
                                 uint32_t patience_ms, weir_time now)
{
    if (list->first == TCP_NONE)
        return NULL;
    struct tcp_conn *c = tcp_at(tcp, list->first);
    return tcp_tick_ms(tcp_tick(now) - c->stuck_since) >= patience_ms ? c : NULL;
}

static struct tcp_conn *longest_stuck(const struct tcp_room *tcp, uint32_t patience_ms,
                                      weir_time now)
{
    struct tcp_conn *window = first_of(tcp, &tcp->stuck, patience_ms, now);
    struct tcp_conn *answer = first_of(tcp, &tcp->silent, patience_ms, now);
    if (window == NULL || answer == NULL)
        return window != NULL ? window : answer;
    uint32_t tick = tcp_tick(now);
    return tick - window->stuck_since >= tick - answer->stuck_since ? window : answer;
}

/* The connection that has held data above a hole longest, if for so long, and no less than the one
 * that is stuck longest; or NULL. */
static struct tcp_conn *longest_holding(const struct tcp_room *tcp, const struct tcp_conn *stuck,
                                        uint32_t patience_ms, weir_time now)
{
    if (tcp->holding.first == TCP_NONE)
        return NULL;
    const struct tcp_holes *h = holes_at(tcp, tcp->holding.first);
    uint32_t ticks = tcp_tick(now) - h->since;
    bool longest = stuck == NULL || ticks >= tcp_tick(now) - stuck->stuck_since;
    bool goes = tcp_tick_ms(ticks) >= patience_ms && longest && h->islands.count > 0;
    return goes ? tcp_at(tcp, h->conn) : NULL;
}

/* Who has a flight. Those who are silent have one; the others only if the window was closed over what
 * was sent into it. */
static struct tcp_conn *stuck_with_flight(const struct tcp_room *tcp, weir_time now)
{
    uint32_t patience_ms = tcp->config->tcp_stuck_ms;
    struct tcp_conn *c = first_of(tcp, &tcp->silent, patience_ms, now);
    if (c != NULL)
        return c;
    uint32_t index = tcp->stuck.first;
    for (unsigned i = 0; i < LOOK_MAX && index != TCP_NONE; i++) {
        c = tcp_at(tcp, index);
        if (tcp_tick_ms(tcp_tick(now) - c->stuck_since) < patience_ms)
            return NULL;
        if (c->flight != TCP_NONE)
            return c;
        index = c->wait_next;
    }
    return NULL;
}

/* Less is free than is to be, or somebody was refused. Then *patience_ms says for how long somebody
 * may be stuck: the less is left, the shorter, or peers who come fast enough would have all the
 * memory all the time. */
static bool memory_is_short(const struct tcp_room *tcp, uint32_t *patience_ms)
{
    const struct blocks *blocks = tcp->blocks;
    uint64_t all = (uint64_t)blocks->superblocks * BLOCKS_SUPERBLOCK_BYTES;
    uint32_t percent = tcp->config->tcp_pressure_percent;
    uint64_t low = all / 100 * percent, left = blocks_free_bytes(blocks);
    uint32_t most_ms = tcp->config->tcp_stuck_ms, least_ms = most_ms / PATIENCE_FRACTION;
    *patience_ms = left < low ? (uint32_t)(left * most_ms / low) : most_ms;
    if (*patience_ms < least_ms)
        *patience_ms = least_ms;
    return percent != 0 && (left < low || blocks->failures[BLOCKS_NORMAL] != tcp->refused);
}

/* Those that were given up and are not free yet, since the application has not heard of it, count as
 * free: or one that is slow to listen would lose them all. */
static bool endpoints_are_short(const struct tcp_room *tcp)
{
    uint32_t all = tcp->config->tcp_endpoints_max;
    return all - tcp->conns.in_use + tcp->ending < 1 + all / ENDPOINTS_FRACTION;
}

static bool flights_are_short(const struct tcp_room *tcp)
{
    return tcp->want_flight.first != TCP_NONE && tcp->flights.in_use >= tcp->flights.capacity;
}

/* Who is to go first for what is short; NULL: nothing is, or nobody is stuck for long enough. */
static struct tcp_conn *next_to_go(struct tcp_room *tcp, uint64_t **count, weir_time now)
{
    struct tcp_conn *c = NULL;
    uint32_t patience_ms;
    *count = &tcp->count.stuck_given_up;
    if (memory_is_short(tcp, &patience_ms)) {
        c = longest_stuck(tcp, patience_ms, now);
        struct tcp_conn *holding = longest_holding(tcp, c, patience_ms, now);
        if (holding != NULL) {
            *count = &tcp->count.holes_given_up;
            return holding;
        }
    }
    if (c == NULL && flights_are_short(tcp))
        c = stuck_with_flight(tcp, now);
    if (c == NULL && endpoints_are_short(tcp)) {
        patience_ms = tcp->config->tcp_stuck_ms;
        c = first_of(tcp, &tcp->lingering, patience_ms, now); /* its application has done with it */
        if (c != NULL)
            *count = &tcp->count.fin_wait_2_given_up;
        else
            c = longest_stuck(tcp, patience_ms, now);
    }
    return c;
}

void tcp_stuck_relieve(struct tcp_room *tcp, weir_time now)
{
    struct tcp_conn *c;
    uint64_t *count;
    for (unsigned i = 0; i < RELIEVE_MAX && (c = next_to_go(tcp, &count, now)) != NULL; i++) {
        ++*count;
        tcp->ending++;
        tcp_conn_abort(tcp, c, WEIR_E_PRESSURE);
        tcp->refused = tcp->blocks->failures[BLOCKS_NORMAL]; /* one for one refusal */
    }
    tcp->refused = tcp->blocks->failures[BLOCKS_NORMAL];
}
