/* SPDX-License-Identifier: MIT */
#include "sim/tcp_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "core/stack.h"
#include "weir/net.h"

enum { STATES = WEIR_TCP_TIME_WAIT + 1 };

#define RTO_US_MAX  UINT32_C(120000000)
#define ACCOUNTS_SLACK (2 * WEIR_NS_PER_MS)
#define RTO_CAP_MIN UINT32_C(60000000) /* RFC 6298 2.5: a cap may be as low as that */

/* A connection as it was after the last event. */
struct shadow {
    bool live, known;
    bool narrowed; /* the path's MTU has become smaller */
    bool established; /* between `low` and `high` */
    weir_time low, high;
    struct weir_tcp_info info; /* when it was seen last */
    uint64_t una, max, rcv_nxt; /* unwrapped: 0 at the SYN */
    unsigned epoch;            /* of the round that saw it last */
};

struct host {
    weir_stack *stack;
    bool slow;
    uint64_t bytes_in_use; /* before the first packet */
    uint64_t promised_bytes;
    struct shadow *shadow;
    unsigned shadows;
    weir_time looked_at; /* at all of them, last; by the clock of the stack */
};

struct tcp_check {
    struct verdict *verdict;
    const struct tcp_apps *apps;
    const struct tcp_watch *watch;
    struct host host[TCP_APP_HOSTS_MAX];
    unsigned hosts, epoch;
    bool walked[STATES][STATES];
};

/* One connection under examination. */
struct exam {
    struct tcp_check *check;
    unsigned number;
    const struct host *host;
    const struct weir_tcp_info *info;
    struct shadow *shadow; /* as it was; known: it was seen before */
    weir_time now;
    bool whole;   /* an endpoint, not a record of SYN-RECEIVED or TIME-WAIT */
    bool settled; /* all output that is due has been asked for */
};

__attribute__((format(printf, 3, 4))) static void fail(const struct exam *e, const char *id,
                                                       const char *format, ...)
{
    char what[160], local[WEIR_ADDR_TEXT_MAX], remote[WEIR_ADDR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    verdict_fail(e->check->verdict, e->now, id, "host %u, %s.%u > %s.%u, %s: %s", e->number,
                 weir_addr_text(&e->info->local, local, sizeof local), e->info->local_port,
                 weir_addr_text(&e->info->remote, remote, sizeof remote), e->info->remote_port,
                 weir_tcp_state_name(e->info->state), what);
}

/* ---- states ---- */

/* RFC 9293 figure 5, and CLOSED from everywhere (ABORT, RST, time-outs). SYN-RECEIVED records of
 * listeners are seen as connections of their own, so nothing begins in LISTEN but listeners. */
static const uint16_t arrows[STATES] = {
    [WEIR_TCP_CLOSED] = 1U << WEIR_TCP_LISTEN | 1U << WEIR_TCP_SYN_SENT,
    [WEIR_TCP_LISTEN] = 1U << WEIR_TCP_SYN_RECEIVED | 1U << WEIR_TCP_SYN_SENT,
    [WEIR_TCP_SYN_SENT] = 1U << WEIR_TCP_SYN_RECEIVED | 1U << WEIR_TCP_ESTABLISHED,
    [WEIR_TCP_SYN_RECEIVED] = 1U << WEIR_TCP_ESTABLISHED | 1U << WEIR_TCP_FIN_WAIT_1,
    [WEIR_TCP_ESTABLISHED] = 1U << WEIR_TCP_FIN_WAIT_1 | 1U << WEIR_TCP_CLOSE_WAIT,
    [WEIR_TCP_FIN_WAIT_1] =
        1U << WEIR_TCP_FIN_WAIT_2 | 1U << WEIR_TCP_CLOSING | 1U << WEIR_TCP_TIME_WAIT,
    [WEIR_TCP_FIN_WAIT_2] = 1U << WEIR_TCP_TIME_WAIT,
    [WEIR_TCP_CLOSE_WAIT] = 1U << WEIR_TCP_LAST_ACK,
    [WEIR_TCP_CLOSING] = 1U << WEIR_TCP_TIME_WAIT,
};

/* Is there a way along the arrows? One event may walk several. */
static bool leads_to(unsigned from, unsigned to)
{
    uint32_t reached = 1U << from, before = 0;
    while (reached != before) {
        before = reached;
        for (unsigned i = 0; i < STATES; i++)
            if ((before & 1U << i) != 0)
                reached |= arrows[i] | 1U << WEIR_TCP_CLOSED;
        if (from != WEIR_TCP_CLOSED) /* nothing begins again */
            reached &= ~(1U << WEIR_TCP_LISTEN | 1U << WEIR_TCP_SYN_SENT) | 1U << from;
    }
    return (reached & 1U << to) != 0;
}

static void check_state(const struct exam *e)
{
    const struct weir_tcp_info *i = e->info, *was = &e->shadow->info;
    bool known = e->shadow->known;
    if (i->state < WEIR_TCP_CLOSED || i->state >= STATES) {
        fail(e, "I-38", "state %u is none", i->state);
        return;
    }
    if (known) {
        if (!leads_to(was->state, i->state))
            fail(e, "I-38", "came from %s", weir_tcp_state_name(was->state));
        if (i->active != was->active)
            fail(e, "I-42", "who opened it has changed");
        e->check->walked[was->state][i->state] = true;
    } else {
        e->check->walked[WEIR_TCP_CLOSED][i->state] = true;
    }
    bool quiet = i->state == WEIR_TCP_CLOSED || i->state == WEIR_TCP_LISTEN;
    if (quiet && i->timer != WEIR_TCP_TIMER_NONE)
        fail(e, "I-39", "has the timer %s", weir_tcp_timer_name(i->timer));
    if (i->state == WEIR_TCP_TIME_WAIT &&
        (i->timer != WEIR_TCP_TIMER_TIME_WAIT || i->send_queue_bytes + i->reassembly_bytes > 0))
        fail(e, "I-39", "timer %s, %llu bytes queued", weir_tcp_timer_name(i->timer),
             (unsigned long long)(i->send_queue_bytes + i->reassembly_bytes));
    if (i->state == WEIR_TCP_LISTEN && i->accept_queue > i->accept_queue_max)
        fail(e, "I-41", "%u wait, the limit is %u", i->accept_queue, i->accept_queue_max);
}

/* ---- sequence numbers ---- */

static bool has_peer(unsigned state)
{
    return state >= WEIR_TCP_ESTABLISHED && state != WEIR_TCP_TIME_WAIT;
}

static bool has_fin_of_peer(unsigned state)
{
    return state == WEIR_TCP_CLOSE_WAIT || state == WEIR_TCP_LAST_ACK ||
           state == WEIR_TCP_CLOSING || state == WEIR_TCP_TIME_WAIT;
}

static void check_sending(struct exam *e)
{
    const struct weir_tcp_info *i = e->info;
    struct shadow *s = e->shadow;
    uint32_t una = i->snd_una - i->iss, max = i->snd_max - i->iss;
    uint64_t una64 = s->una + (uint32_t)(una - (uint32_t)s->una);
    uint64_t max64 = una64 + (uint32_t)(max - una);
    if (s->known && una64 - s->una > UINT32_MAX / 2)
        fail(e, "I-02", "SND.UNA went back to %u", i->snd_una);
    /* Data that went with a SYN and was not taken counts as never sent (RFC 7413 4.2.1). */
    if (s->known && max64 < s->max && s->info.state >= WEIR_TCP_ESTABLISHED)
        fail(e, "I-02", "SND.MAX went back to %u", i->snd_max);
    if (i->snd_nxt - i->snd_una > i->snd_max - i->snd_una)
        fail(e, "I-01", "SND.NXT %u is not within %u ... %u", i->snd_nxt, i->snd_una, i->snd_max);
    if (e->whole && max64 - una64 > i->send_queue_bytes + 2)
        fail(e, "I-01", "%llu outstanding, %llu queued", (unsigned long long)(max64 - una64),
             (unsigned long long)i->send_queue_bytes);
    /* What no longer fits the path goes again, without a loss; the path is looked up on sending. */
    s->narrowed |= s->known && i->path_mtu_bytes < s->info.path_mtu_bytes;
    if (i->snd_nxt != i->snd_max && i->recovery != WEIR_TCP_LOSS && !s->narrowed &&
        !e->host->slow && i->state >= WEIR_TCP_ESTABLISHED)
        fail(e, "I-02", "SND.NXT %u below SND.MAX %u, recovery %s, path MTU %u", i->snd_nxt,
             i->snd_max, weir_tcp_recovery_name(i->recovery), i->path_mtu_bytes);
    if (i->unsent_bytes > i->send_queue_bytes)
        fail(e, "I-57", "%llu unsent of %llu queued", (unsigned long long)i->unsent_bytes,
             (unsigned long long)i->send_queue_bytes);
    s->una = una64;
    s->max = max64;
}

static void check_receiving(struct exam *e)
{
    const struct weir_tcp_info *i = e->info;
    struct shadow *s = e->shadow;
    uint32_t nxt = i->rcv_nxt - i->irs;
    uint64_t nxt64 = s->rcv_nxt + (uint32_t)(nxt - (uint32_t)s->rcv_nxt);
    uint32_t limit;
    if (s->known && nxt64 - s->rcv_nxt > UINT32_MAX / 2)
        fail(e, "I-24", "RCV.NXT went back to %u", i->rcv_nxt);
    s->rcv_nxt = nxt64;
    if (!e->whole)
        return;
    if (nxt64 != 1 + i->bytes_received + has_fin_of_peer(i->state))
        fail(e, "I-24", "RCV.NXT is %llu past IRS, %llu bytes came in order",
             (unsigned long long)nxt64, (unsigned long long)i->bytes_received);
    if (weir_tcp_get(e->host->stack, i->handle, WEIR_TCP_RECEIVE_BYTES_MAX, &limit) != WEIR_OK)
        return;
    /* What is told is told relative to the last acknowledgment; the wire knows the edge. */
    uint64_t window = i->rcv_wnd_bytes;
    struct tcp_watch_view wire = {0};
    if (e->check->watch != NULL)
        wire = tcp_watch_view(e->check->watch, i);
    if (wire.known)
        window = i->receive_queue_bytes + (wire.edge > nxt64 ? wire.edge - nxt64 : 0);
    if (i->receive_buffer_bytes != 0 && i->receive_buffer_bytes < limit)
        limit = i->receive_buffer_bytes;
    if (window > limit)
        fail(e, "I-26", "the window ends %llu bytes past what is read, the buffer has %u",
             (unsigned long long)window, limit);
    /* A window that was told to be closed opens when all is read, unless memory is short. */
    bool reads = i->state == WEIR_TCP_ESTABLISHED || i->state == WEIR_TCP_FIN_WAIT_1 ||
                 i->state == WEIR_TCP_FIN_WAIT_2;
    if (wire.known && e->settled && reads && wire.edge == nxt64 && wire.acked == nxt64 &&
        i->receive_queue_bytes + i->reassembly_bytes == 0 &&
        e->host->stack->tcp.count.window_held_back == 0)
        fail(e, "I-35", "all is read and the window is closed");
    if (i->reassembly_bytes > i->rcv_wnd_bytes)
        fail(e, "I-27", "%llu bytes above holes in a window of %u",
             (unsigned long long)i->reassembly_bytes, i->rcv_wnd_bytes);
}

/* ---- congestion, timers, queues ---- */

/* How much cwnd may have grown since it was looked at last (I-09): by what was acknowledged in slow
 * start, by a segment for each window of it beyond, and by nothing but inflation in recovery. */
static void check_growth(const struct exam *e, uint64_t acked)
{
    const struct weir_tcp_info *i = e->info, *was = &e->shadow->info;
    uint64_t grown = i->cwnd_bytes - was->cwnd_bytes, limit = acked;
    if (was->cwnd_bytes >= was->ssthresh_bytes)
        limit = i->snd_mss_bytes * (2 + acked / was->cwnd_bytes);
    /* A segment is as long as the blocks of the send ring allow, which may change between events. */
    if (grown > limit + i->snd_mss_bytes && i->cwnd_bytes > i->path_mtu_bytes)
        fail(e, "I-09", "cwnd grew from %u to %u with ssthresh %u and %llu bytes acknowledged",
             was->cwnd_bytes, i->cwnd_bytes, was->ssthresh_bytes, (unsigned long long)acked);
}

static void check_congestion(const struct exam *e)
{
    const struct weir_tcp_info *i = e->info, *was = &e->shadow->info;
    if (i->snd_mss_bytes == 0)
        fail(e, "I-07", "no MSS");
    if (i->cwnd_bytes < i->snd_mss_bytes)
        fail(e, "I-07", "cwnd %u is less than the MSS of %u", i->cwnd_bytes, i->snd_mss_bytes);
    bool same = e->shadow->known && was->snd_mss_bytes == i->snd_mss_bytes;
    if (same && i->ssthresh_bytes < was->ssthresh_bytes &&
        i->ssthresh_bytes < 2 * i->snd_mss_bytes)
        fail(e, "I-07", "ssthresh %u is less than two MSS of %u", i->ssthresh_bytes,
             i->snd_mss_bytes);
    bool open = i->recovery == WEIR_TCP_OPEN && was->recovery == WEIR_TCP_OPEN && same;
    bool loss = i->recovery == WEIR_TCP_LOSS && was->recovery == WEIR_TCP_LOSS && same;
    if ((open || loss) && has_peer(was->state) && i->cwnd_bytes > was->cwnd_bytes)
        check_growth(e, i->bytes_acked - was->bytes_acked);
    if (same && has_peer(was->state) && i->timeouts > was->timeouts &&
        i->cwnd_bytes > 2 * i->snd_mss_bytes + (i->bytes_acked - was->bytes_acked))
        fail(e, "I-09", "cwnd is %u after a timeout", i->cwnd_bytes);
    uint32_t cwnd = i->cwnd_bytes > was->cwnd_bytes ? i->cwnd_bytes : was->cwnd_bytes;
    if (open && i->snd_max != was->snd_max && was->state == i->state &&
        i->in_flight_bytes > cwnd + 1 && i->in_flight_bytes > was->in_flight_bytes)
        fail(e, "I-08", "%u in flight with a cwnd of %u", i->in_flight_bytes, cwnd);
}

static void check_rto(const struct exam *e)
{
    const struct weir_tcp_info *i = e->info, *was = &e->shadow->info;
    uint32_t low_ms;
    if (weir_tcp_get(e->host->stack, i->handle, WEIR_TCP_RTO_MIN_MS, &low_ms) != WEIR_OK)
        return;
    if (i->rto_us < low_ms * 1000 || i->rto_us > RTO_US_MAX)
        fail(e, "I-13", "RTO is %u us", i->rto_us);
    if (e->shadow->known && i->backoff == was->backoff + 1 && i->srtt_us == was->srtt_us &&
        i->state == was->state && i->rto_us != 2 * was->rto_us && i->rto_us < RTO_CAP_MIN)
        fail(e, "I-13", "RTO was %u us and is %u us after an expiry", was->rto_us, i->rto_us);
    uint64_t doubled = 2 * (uint64_t)was->rto_us;
    if (e->shadow->known && has_peer(was->state) && i->timeouts == was->timeouts + 1 &&
        i->snd_una == was->snd_una && i->srtt_us == was->srtt_us &&
        i->rto_us < (doubled < RTO_CAP_MIN ? doubled : RTO_CAP_MIN))
        fail(e, "I-13", "RTO was %u us and is %u us after a timeout", was->rto_us, i->rto_us);
    /* The age counts whole seconds. */
    if (i->srtt_us > 0 && (weir_time)i->rtt_us_min * WEIR_NS_PER_US > i->age + WEIR_NS_PER_S)
        fail(e, "I-14", "a round trip of %u us, older than the connection", i->rtt_us_min);
    if (i->srtt_us > 0 && i->rtt_us_min == 0)
        fail(e, "I-14", "a round trip of nothing");
}

static void check_timers(const struct exam *e)
{
    const struct weir_tcp_info *i = e->info;
    bool outstanding = i->snd_una != i->snd_max;
    if (outstanding && i->timer == WEIR_TCP_TIMER_NONE)
        fail(e, "I-11", "%u outstanding and no timer", i->snd_max - i->snd_una);
    if (outstanding && i->timer == WEIR_TCP_TIMER_PERSIST && i->snd_wnd_bytes > 0 &&
        i->probes == 0)
        fail(e, "I-11", "the persist timer, with data outstanding and a window of %u",
             i->snd_wnd_bytes);
    if (!outstanding && i->timer == WEIR_TCP_TIMER_RETRANSMIT && has_peer(i->state))
        fail(e, "I-11", "nothing outstanding, but the retransmission timer");
    /* What is not sent waits for something that a timer watches, or for a flight. */
    bool waits = e->host->stack->tcp.want_flight.first != TCP_NONE;
    if (e->settled && !waits && !outstanding && i->unsent_bytes > 0 &&
        i->timer == WEIR_TCP_TIMER_NONE && has_peer(i->state))
        fail(e, "I-22", "%llu unsent, nothing outstanding, timer %s",
             (unsigned long long)i->unsent_bytes, weir_tcp_timer_name(i->timer));
    if ((i->timer == WEIR_TCP_TIMER_NONE) != (i->timer_in == WEIR_TIME_NEVER))
        fail(e, "I-12", "timer %s is due in %lld", weir_tcp_timer_name(i->timer),
             (long long)i->timer_in);
}

/* What limited the sender: together the time since it was established, which it was between the last
 * look before and the first one after. */
static void check_accounts(struct exam *e)
{
    const struct weir_tcp_info *i = e->info, *was = &e->shadow->info;
    struct shadow *s = e->shadow;
    uint64_t sum = 0;
    if (!i->accounts)
        return;
    for (unsigned k = 0; k < WEIR_TCP_LIMIT_COUNT; k++) {
        sum += i->limited_us[k];
        if (s->known && has_peer(was->state) && i->limited_us[k] < was->limited_us[k])
            fail(e, "accounts", "limited by %s for %llu us, and for %llu us before",
                 weir_tcp_limit_name(k), (unsigned long long)i->limited_us[k],
                 (unsigned long long)was->limited_us[k]);
        if (i->limited_us[k] > 0 && i->limited_count[k] == 0)
            fail(e, "accounts", "never limited by %s, for %llu us", weir_tcp_limit_name(k),
                 (unsigned long long)i->limited_us[k]);
    }
    weir_time at = e->host->stack->tcp.now, life = (weir_time)sum * WEIR_NS_PER_US;
    if (!s->established) { /* seen as this one for the first time: an orphan has another name */
        bool followed = i->active && !i->orphan;
        s->low = followed ? e->host->looked_at - ACCOUNTS_SLACK : -ACCOUNTS_SLACK;
        s->high = at + ACCOUNTS_SLACK;
    }
    if (at - life < s->low || at - life > s->high)
        fail(e, "accounts", "%llu us are booked of a life that began between %lld and %lld ns",
             (unsigned long long)sum, (long long)s->low, (long long)s->high);
    if (s->established)
        return;
    s->established = true;
    s->low = at - life - ACCOUNTS_SLACK;
    s->high = at - life + ACCOUNTS_SLACK;
}

static void check_application(const struct exam *e)
{
    const struct weir_tcp_info *i = e->info;
    if (e->check->apps == NULL)
        return;
    struct tcp_end_view view = tcp_apps_view(e->check->apps, e->number, i->user);
    if (!view.known || view.let_go || i->state == WEIR_TCP_CLOSED)
        return;
    if (i->bytes_acked + i->send_queue_bytes != view.written)
        fail(e, "I-57", "%llu acknowledged, %llu queued, %llu written",
             (unsigned long long)i->bytes_acked, (unsigned long long)i->send_queue_bytes,
             (unsigned long long)view.written);
    if (!view.shut && i->bytes_received != view.read + i->receive_queue_bytes)
        fail(e, "I-57", "%llu received, %llu queued, %llu read",
             (unsigned long long)i->bytes_received, (unsigned long long)i->receive_queue_bytes,
             (unsigned long long)view.read);
    bool emptied = e->settled && i->unsent_bytes == 0 && i->send_queue_bytes > 0;
    if (!emptied || e->check->watch == NULL || view.more)
        return;
    struct tcp_watch_view wire = tcp_watch_view(e->check->watch, i);
    if (wire.known && !wire.pushed && i->snd_max - i->iss == (uint32_t)wire.sent)
        fail(e, "I-21", "the segment that emptied the queue has no PSH");
}

static void examine(struct exam *e)
{
    unsigned state = e->info->state;
    check_state(e);
    if (state == WEIR_TCP_CLOSED || state == WEIR_TCP_LISTEN || state == WEIR_TCP_TIME_WAIT)
        return;
    check_sending(e);
    if (e->whole)
        check_timers(e);
    if (!e->whole || !has_peer(state))
        return;
    check_receiving(e);
    check_congestion(e);
    check_rto(e);
    check_accounts(e);
    check_application(e);
}

/* ---- the shadows ---- */

static bool has_handle(const struct weir_tcp_info *i)
{
    return i->handle.index != 0 || i->handle.generation != 0;
}

static bool is_shadow_of(const struct shadow *s, const struct weir_tcp_info *i)
{
    if (!s->live || s->info.local_port != i->local_port)
        return false;
    if (has_handle(i) != has_handle(&s->info))
        return false;
    if (has_handle(i))
        return s->info.handle.index == i->handle.index &&
               s->info.handle.generation == i->handle.generation;
    /* A record, or an endpoint that the application has let go of. */
    return s->info.iss == i->iss && s->info.irs == i->irs &&
           s->info.remote_port == i->remote_port &&
           memcmp(&s->info.remote, &i->remote, sizeof i->remote) == 0;
}

static struct shadow *shadow_get(struct host *host, const struct weir_tcp_info *info)
{
    struct shadow *spare = NULL;
    for (unsigned k = 0; k < host->shadows; k++) {
        if (is_shadow_of(&host->shadow[k], info))
            return &host->shadow[k];
        if (!host->shadow[k].live)
            spare = &host->shadow[k];
    }
    if (spare == NULL) {
        host->shadow = realloc(host->shadow, (host->shadows + 1) * sizeof *host->shadow);
        CHECK(NULL, host->shadow != NULL);
        spare = &host->shadow[host->shadows++];
    }
    *spare = (struct shadow){.info = *info, .live = true};
    return spare;
}

void tcp_check_tuples(struct tcp_check *check, unsigned number, weir_time now)
{
    const struct host *host = &check->host[number];
    for (unsigned a = 0; a < host->shadows; a++)
        for (unsigned b = 0; b < a; b++) {
            const struct weir_tcp_info *x = &host->shadow[a].info, *y = &host->shadow[b].info;
            if (!host->shadow[a].live || !host->shadow[b].live ||
                x->state == WEIR_TCP_CLOSED || y->state == WEIR_TCP_CLOSED ||
                x->state == WEIR_TCP_LISTEN || x->local_port != y->local_port ||
                x->remote_port != y->remote_port ||
                memcmp(&x->remote, &y->remote, sizeof x->remote) != 0 ||
                memcmp(&x->local, &y->local, sizeof x->local) != 0)
                continue;
            verdict_fail(check->verdict, now, "I-40", "host %u has port %u to port %u twice: %s, %s",
                         number, x->local_port, x->remote_port, weir_tcp_state_name(x->state),
                         weir_tcp_state_name(y->state));
        }
}

void tcp_check_one(struct tcp_check *check, unsigned number, const struct weir_tcp_info *info,
                   weir_time now)
{
    struct host *host = &check->host[number];
    struct shadow *shadow = shadow_get(host, info);
    struct exam e = {.check = check,
                     .number = number,
                     .host = host,
                     .info = info,
                     .shadow = shadow,
                     .now = now,
                     .whole = has_handle(info) || (info->state != WEIR_TCP_SYN_RECEIVED &&
                                                   info->state != WEIR_TCP_TIME_WAIT)};
    e.settled = !host->slow &&
                (check->apps == NULL || tcp_apps_acted(check->apps, number) < now);
    /* Until the handshake is over, numbers are not all set. */
    if (shadow->known && shadow->info.state < WEIR_TCP_ESTABLISHED)
        shadow->rcv_nxt = 0;
    examine(&e);
    shadow->info = *info;
    shadow->known = true;
    shadow->epoch = check->epoch;
}

static void check_host(struct tcp_check *check, unsigned number, weir_time now, bool deep)
{
    struct host *host = &check->host[number];
    struct weir_tcp_info info;
    uint64_t cursor = 0;
    while (weir_tcp_next(host->stack, &cursor, &info))
        tcp_check_one(check, number, &info, now);
    for (unsigned k = 0; k < host->shadows; k++)
        if (host->shadow[k].epoch != check->epoch)
            host->shadow[k].live = false;
    host->looked_at = host->stack->tcp.now;
    if (!deep)
        return;
    tcp_check_tuples(check, number, now);
    const struct tcp_fast_open *fast = &host->stack->tcp.fast_open;
    if (fast->pending + fast->held > host->stack->tcp.config->tcp_fast_open_pending_max)
        verdict_fail(check->verdict, now, "I-54", "host %u: %u open fast, and %u places are held",
                     number, fast->pending, fast->held);
    if (!tcp_invariants(&host->stack->tcp))
        verdict_fail(check->verdict, now, "tcp", "host %u: its own recount fails", number);
    if (!blocks_invariants(&host->stack->blocks))
        verdict_fail(check->verdict, now, "I-51", "host %u: packet memory", number);
}

void tcp_check_now(struct tcp_check *check, weir_time now, bool deep)
{
    check->epoch++;
    for (unsigned i = 0; i < check->hosts; i++)
        check_host(check, i, now, deep);
}

void tcp_check_idle(struct tcp_check *check, weir_time now)
{
    for (unsigned i = 0; i < check->hosts; i++) {
        const struct host *host = &check->host[i];
        struct weir_tcp_info info;
        uint64_t cursor = 0;
        if (weir_tcp_next(host->stack, &cursor, &info))
            verdict_fail(check->verdict, now, "I-55", "host %u: port %u to %u is in %s", i,
                         info.local_port, info.remote_port, weir_tcp_state_name(info.state));
        if (host->stack->blocks.bytes_in_use != host->bytes_in_use)
            verdict_fail(check->verdict, now, "I-55", "host %u: %llu bytes of packet memory in use",
                         i, (unsigned long long)host->stack->blocks.bytes_in_use);
        if (host->stack->blocks.promised_bytes != host->promised_bytes)
            verdict_fail(check->verdict, now, "I-55", "host %u: %llu bytes are still promised", i,
                         (unsigned long long)host->stack->blocks.promised_bytes);
    }
}

bool tcp_check_walked(const struct tcp_check *check, enum weir_tcp_state before,
                      enum weir_tcp_state state)
{
    return check->walked[before][state];
}

struct tcp_check *tcp_check_new(struct verdict *verdict, const struct tcp_apps *apps,
                                const struct tcp_watch *watch)
{
    struct tcp_check *check = calloc(1, sizeof *check);
    CHECK(NULL, check != NULL);
    check->verdict = verdict;
    check->apps = apps;
    check->watch = watch;
    return check;
}

void tcp_check_free(struct tcp_check *check)
{
    for (unsigned i = 0; i < check->hosts; i++)
        free(check->host[i].shadow);
    free(check);
}

void tcp_check_add(struct tcp_check *check, weir_stack *stack, bool slow)
{
    CHECK(NULL, check->hosts < TCP_APP_HOSTS_MAX);
    check->host[check->hosts++] = (struct host){.stack = stack,
                                                .slow = slow,
                                                .bytes_in_use = stack->blocks.bytes_in_use,
                                                .promised_bytes = stack->blocks.promised_bytes};
}
