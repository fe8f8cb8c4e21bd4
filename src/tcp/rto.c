/* SPDX-License-Identifier: MIT
 * The retransmission timeout (RFC 6298), and what the timers of a connection do: retransmission and
 * giving up (RFC 9293 3.8.3), probing a closed window (3.8.6.1), corks, delayed ACKs, keepalive
 * (3.8.4), and FIN-WAIT-2 of connections that nobody holds.
 *
 * Choices. The clock's granularity G is a millisecond, that of our timestamps. The floor is a setting
 * (200 ms; RFC 6298 2.4 says 1 s), the ceiling 60 s, the least that 2.5 allows. R1 is three
 * retransmissions; R2 is a time: 3 minutes for a SYN, and for data the user timeout, or 15 minutes. A
 * peer that answers our probes of its closed window is never given up (MUST-37), but by a user timeout
 * of the application's, under pressure (stuck.c), or when nobody holds the connection any more: then it
 * has two minutes to take something. */
#include "tcp/tcp.h"

enum {
    GRANULARITY_US = 1000,
    RTT_US_MAX = 1 << 28, /* srtt_us8 holds 8 of it */
    R1_RETRANSMISSIONS = 3,
    R2_SYN_MS = 180000,     /* MUST-23 */
    R2_FAST_MS = 63000,     /* as the records of other passive opens */
    OVERRIDE_MS_MIN = 100,  /* of a small window: RFC 9293 3.8.6.2.1 */
    OVERRIDE_MS_MAX = 1000, /* the same */
    CORK_MS = 200
};

#define HEARD_NOW (2 * WEIR_NS_PER_S)

static weir_time later(weir_time now, weir_time ns)
{
    return now > WHEEL_DEADLINE_MAX - ns ? WHEEL_DEADLINE_MAX : now + ns;
}

static weir_time min_time(weir_time a, weir_time b)
{
    return a < b ? a : b;
}

/* ---- the timeout ---- */

void tcp_rtt_sample(struct tcp_conn *c, uint32_t rtt_us)
{
    uint32_t r = rtt_us == 0 ? 1 : rtt_us > RTT_US_MAX ? (uint32_t)RTT_US_MAX : rtt_us;
    if (c->srtt_us8 == 0) { /* RFC 6298 2.2 */
        c->srtt_us8 = 8 * r;
        c->rttvar_us4 = 2 * r;
        c->rtt_us_min = r;
    } else { /* 2.3: RTTVAR first, by the SRTT before this sample */
        uint32_t srtt = c->srtt_us8 / 8, off = r > srtt ? r - srtt : srtt - r;
        c->rttvar_us4 = c->rttvar_us4 - c->rttvar_us4 / 4 + off;
        c->srtt_us8 = c->srtt_us8 - srtt + r;
        if (r < c->rtt_us_min)
            c->rtt_us_min = r;
    }
    c->backoff = 0; /* 5.7 and Karn: only a sample ends it */
}

/* In microseconds, with `backoff` doublings. */
static uint64_t rto_us(const struct tcp_conn *c, unsigned backoff)
{
    uint32_t var = c->rttvar_us4 > GRANULARITY_US ? c->rttvar_us4 : (uint32_t)GRANULARITY_US;
    uint64_t us = c->srtt_us8 / 8 + var, us_min = (uint64_t)c->set.rto_min_ms * 1000;
    const uint64_t us_max = (uint64_t)TCP_RTO_MAX_MS * 1000;
    if (c->srtt_us8 == 0)
        us = 1000 * (c->syn_lost && tcp_syn_acked(c) ? (uint64_t)TCP_RTO_SYN_LOST_MS
                                                      : (uint64_t)TCP_RTO_INITIAL_MS);
    if (us < us_min)
        us = us_min;
    us <<= backoff;
    return us < us_max ? us : us_max;
}

weir_time tcp_rto(const struct tcp_conn *c)
{
    return (weir_time)rto_us(c, c->backoff) * WEIR_NS_PER_US;
}

static void back_off(struct tcp_conn *c)
{
    if (c->backoff < TCP_BACKOFF_MAX)
        c->backoff++;
}

/* ---- what the repair timer is for ---- */

static bool in_handshake(const struct tcp_conn *c)
{
    return c->state == WEIR_TCP_SYN_SENT || c->state == WEIR_TCP_SYN_RECEIVED;
}

/* Nothing is outstanding: does the peer's window keep back what is queued? As tcp_plan() sees it, but
 * for details that keep less back: a timer that runs in vain does no harm. */
static bool window_holds(const struct tcp_conn *c, uint64_t queued)
{
    if (queued <= c->snd_wnd || c->snd_wnd >= tcp_send_mss(c))
        return false;
    return c->snd_wnd == 0 || c->snd_wnd < c->snd_wnd_max / 2;
}

static bool cork_holds(const struct tcp_conn *c, uint64_t queued)
{
    return (c->set.cork || c->unpushed != 0) && !c->fin_queued && queued < tcp_send_mss(c);
}

static enum tcp_repair repair_wanted(const struct tcp_conn *c)
{
    if (c->state <= WEIR_TCP_LISTEN || c->state == WEIR_TCP_TIME_WAIT)
        return TCP_REPAIR_NONE;
    if (in_handshake(c))
        return TCP_REPAIR_RETRANSMIT; /* also while the SYN has found no way out */
    if (c->snd_una < c->snd_max) /* beyond a window that was closed after it was sent: MUST-35 */
        return c->snd_wnd == 0 ? TCP_REPAIR_PERSIST : TCP_REPAIR_RETRANSMIT;
    uint64_t end = tcp_snd_end(c);
    if (c->snd_max >= end)
        return TCP_REPAIR_NONE;
    if (window_holds(c, end - c->snd_max))
        return TCP_REPAIR_PERSIST;
    return cork_holds(c, end - c->snd_max) ? TCP_REPAIR_CORK : TCP_REPAIR_NONE;
}

/* ---- how long it runs ---- */

static uint32_t r2_ms(const struct tcp_conn *c)
{
    if (in_handshake(c))
        return tcp_is_fast(c) ? R2_FAST_MS : R2_SYN_MS;
    uint32_t user = tcp_user_timeout_ms(c);
    return user != 0 ? user : (uint32_t)TCP_R2_DATA_MS;
}

/* How long nothing has moved; milliseconds. */
static uint32_t stalled_for(const struct tcp_conn *c, weir_time now)
{
    return c->stalled ? tcp_ms(now) - c->stalled_ms : 0;
}

/* `ns` from now, but not past R2. */
static weir_time within_r2(const struct tcp_conn *c, weir_time ns, weir_time now)
{
    if (c->backoff == 0 && c->set.user_timeout_ms == 0) /* then it is far off */
        return later(now, ns);
    uint32_t r2 = r2_ms(c), stalled = stalled_for(c, now);
    weir_time left = stalled < r2 ? (weir_time)(r2 - stalled) + 1 : 1;
    return later(now, min_time(ns, left * WEIR_NS_PER_MS));
}

static weir_time persist_interval(const struct tcp_conn *c)
{
    if (c->snd_wnd == 0 || c->snd_una < c->snd_max)
        return tcp_rto(c);
    /* Some data may go: the override timeout. */
    uint64_t us = rto_us(c, 0);
    if (us < OVERRIDE_MS_MIN * 1000)
        us = OVERRIDE_MS_MIN * 1000;
    return (weir_time)(us < OVERRIDE_MS_MAX * 1000 ? us : OVERRIDE_MS_MAX * 1000) * WEIR_NS_PER_US;
}

static weir_time repair_deadline(const struct tcp_conn *c, weir_time now)
{
    switch ((enum tcp_repair)c->repair) {
    case TCP_REPAIR_RETRANSMIT:
        return within_r2(c, tcp_rto(c), now);
    case TCP_REPAIR_PERSIST:
        if (c->set.user_timeout_ms != 0)
            return within_r2(c, persist_interval(c), now);
        return later(now, persist_interval(c));
    case TCP_REPAIR_CORK:
        return later(now, CORK_MS * WEIR_NS_PER_MS);
    case TCP_REPAIR_NONE:
        break;
    }
    return WEIR_TIME_NEVER;
}

/* Of the partial ACKs of a recovery, only the first begins the timer anew (RFC 6582 3.2 step 3). */
static bool may_begin_anew(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    if (f == NULL || f->recovery != WEIR_TCP_RECOVERY || !f->partial_seen)
        return true;
    bool first = !f->timer_begun;
    f->timer_begun = true;
    return first;
}

/* The window that was probed is open, which is progress: what was sent beyond it was thrown away by the
 * peer, and what comes next is not held up by the probes' backoff. */
static void leave_persist(struct tcp_conn *c)
{
    c->backoff = 0;
    c->probes = 0;
    c->recovered = false; /* long ago; snd_una may have moved by a probe */
    if (c->snd_nxt < c->snd_max)
        c->snd_nxt = c->snd_una;
}

static __attribute__((noinline)) void repair_change(struct tcp_room *tcp, struct tcp_conn *c,
                                                    bool restart, weir_time now)
{
    enum tcp_repair wanted = repair_wanted(c), before = (enum tcp_repair)c->repair;
    bool waits = wanted == TCP_REPAIR_RETRANSMIT || wanted == TCP_REPAIR_PERSIST;
    if (before == TCP_REPAIR_PERSIST && wanted != before) {
        leave_persist(c);
        restart = true;
    }
    if (restart || !waits) {
        c->stalled = false;
        c->advised = false;
    }
    if (waits && !c->stalled) {
        c->stalled = true;
        c->stalled_ms = tcp_ms(now);
    }
    tcp_stuck_update(tcp, c, now);
    if (wanted == before) {
        if (restart && wanted == TCP_REPAIR_RETRANSMIT && !may_begin_anew(tcp, c))
            restart = false;
        bool sooner = wanted == TCP_REPAIR_PERSIST && c->snd_wnd > 0 &&
                      c->repair_at > later(now, persist_interval(c));
        if (wanted == TCP_REPAIR_NONE || !(restart || sooner))
            return;
    }
    c->repair = (uint8_t)wanted;
    c->repair_at = repair_deadline(c, now);
    tcp_timer_update(tcp, c);
}

/* Is what the timer is for now what it was for? For most segments and calls this is all there is to
 * ask. */
static bool goes_on(const struct tcp_conn *c)
{
    if (c->snd_una < c->snd_max)
        return c->repair == TCP_REPAIR_RETRANSMIT && c->snd_wnd != 0;
    return c->repair == TCP_REPAIR_NONE && tcp_snd_end(c) - c->snd_max <= c->snd_wnd &&
           !c->set.cork && c->unpushed == 0 && !in_handshake(c);
}

void tcp_repair_update(struct tcp_room *tcp, struct tcp_conn *c, bool restart, weir_time now)
{
    if (restart || !goes_on(c))
        repair_change(tcp, c, restart, now);
}

void tcp_user_timeout_update(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    if (!c->stalled || c->repair_at == WEIR_TIME_NEVER || c->set.user_timeout_ms == 0)
        return;
    c->repair_at = within_r2(c, c->repair_at > now ? c->repair_at - now : 0, now);
    tcp_timer_update(tcp, c);
}

/* ---- idle connections ---- */

/* Nobody holds it, and what is queued for the peer, the FIN last of all, is not acknowledged. */
static bool is_orphan(const struct tcp_conn *c)
{
    return c->released && (c->state == WEIR_TCP_FIN_WAIT_1 || c->state == WEIR_TCP_CLOSING ||
                           c->state == WEIR_TCP_LAST_ACK);
}

/* The silence before the first probe. With the user timeout option it is longer than the timeout, which
 * was to let the connection outlive an outage (RFC 5482 4.2, a MUST). */
static weir_time keepalive_idle(const struct tcp_conn *c)
{
    uint32_t s = c->set.keepalive_idle_s, user = 0;
    if (c->set.user_timeout_option)
        user = r2_ms(c) / 1000 + 1;
    return (weir_time)(s > user ? s : user) * WEIR_NS_PER_S;
}

void tcp_idle_update(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    if (c->state == WEIR_TCP_FIN_WAIT_2 && c->released) {
        if (c->idle_fin)
            return;
        tcp_wait_join(tcp, c, &tcp->lingering);
        c->idle_fin = true;
        c->stuck_since = tcp_tick(now);
        c->idle_at = later(now, tcp->config->tcp_fin_wait_2_ms * WEIR_NS_PER_MS);
    } else if (is_orphan(c)) { /* keepalive has nothing to ask: our FIN does */
        c->idle_at = later(now, tcp->config->tcp_orphan_ms * WEIR_NS_PER_MS);
    } else if (c->set.keepalive && c->state >= WEIR_TCP_ESTABLISHED &&
               c->state != WEIR_TCP_TIME_WAIT) {
        c->idle_at = later(c->heard_at, keepalive_idle(c));
    } else {
        c->idle_at = WEIR_TIME_NEVER;
    }
    tcp_timer_update(tcp, c);
}

/* ---- the timer ---- */

void tcp_timer_update(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->parked)
        return;
    weir_time at = min_time(min_time(c->repair_at, c->delack_at), c->idle_at);
    struct wheel_node *node = &c->timer.node;
    if (at == WEIR_TIME_NEVER || (wheel_is_armed(node) && node->deadline <= at))
        return;
    c->timer.kind = NET_TIMER_TCP;
    wheel_arm(tcp->wheel, node, min_time(at, WHEEL_DEADLINE_MAX));
}

/* ---- expiry: each answers whether the connection lives on ---- */

static bool give_up(struct tcp_room *tcp, struct tcp_conn *c)
{
    tcp->count.retransmits_given_up++;
    tcp_conn_end(tcp, c, WEIR_E_TIMED_OUT);
    return false;
}

/* R1: tell the application, once an outage, and the network, which is to look for another way (MUST-20
 * (b), SHLD-9; RFC 1122 3.3.1.4). Neighbours are asked by themselves when nothing confirms them. */
static void advise(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->advised)
        return;
    c->advised = true;
    c->path_generation--; /* it is looked up anew */
    if (c->set.soft_errors)
        tcp_raise(tcp, c, WEIR_EVENT_ADVICE, WEIR_E_TIMED_OUT);
}

static bool expire_retransmit(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    if (stalled_for(c, now) > r2_ms(c))
        return give_up(tcp, c);
    back_off(c); /* RFC 6298 5.5 */
    unsigned retransmissions = c->backoff;
    if (in_handshake(c)) {
        c->syn_lost |= c->snd_una < c->snd_max; /* else it has found no way out */
        c->work |= TCP_WORK_SYN;
        c->timeouts++;
        tcp->count.timeouts++;
    } else {
        struct tcp_cc before = c->cc;
        tcp_recovery_timeout(tcp, c, now);
        if (tcp_pmtud_timeout(tcp, c, now)) /* what else there was room for, there still is */
            c->cc.ssthresh = before.ssthresh > before.cwnd ? before.ssthresh : before.cwnd;
        retransmissions = tcp_flight(tcp, c)->expiries;
    }
    if (retransmissions >= R1_RETRANSMISSIONS)
        advise(tcp, c);
    return true;
}

static bool expire_persist(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    bool silent = now - c->heard_at > TCP_R2_DATA_MS * WEIR_NS_PER_MS;
    if ((silent || c->set.user_timeout_ms != 0) && stalled_for(c, now) > r2_ms(c))
        return give_up(tcp, c);
    if (c->probes >= R1_RETRANSMISSIONS)
        advise(tcp, c);
    if (c->probes < UINT8_MAX)
        c->probes++;
    if (c->snd_una < c->snd_max)
        c->snd_nxt = c->snd_una; /* what was sent beyond the window is the probe */
    back_off(c);                 /* SHLD-30 */
    c->work |= TCP_WORK_PROBE;
    return true;
}

/* What is queued could leave, but there is no way, or no memory to log it: see tcp_output(). */
static bool expire_no_way(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    if (stalled_for(c, now) > r2_ms(c))
        return give_up(tcp, c);
    back_off(c);
    c->repair_at = within_r2(c, tcp_rto(c), now);
    return true;
}

static bool expire_repair(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    enum tcp_repair wanted = repair_wanted(c);
    bool lives = true;
    if (wanted == TCP_REPAIR_NONE && c->repair == TCP_REPAIR_PERSIST) {
        lives = expire_no_way(tcp, c, now);
    } else if (wanted != c->repair) { /* cannot be, if all told of what they changed */
        tcp_repair_update(tcp, c, false, now);
    } else {
        if (wanted == TCP_REPAIR_RETRANSMIT)
            lives = expire_retransmit(tcp, c, now);
        else if (wanted == TCP_REPAIR_PERSIST)
            lives = expire_persist(tcp, c, now);
        else
            c->work |= TCP_WORK_UNCORK;
        if (lives)
            c->repair_at = repair_deadline(c, now);
    }
    if (lives) {
        tcp_stuck_update(tcp, c, now);
        tcp_ready(tcp, c);
    }
    return lives;
}

/* It had its time since it was let go of. For a peer that answers and takes nothing this is the end, and
 * a little that goes through a window that is closed again is no progress (CVE-2009-1926); who is silent
 * has until R2: there may be an outage. */
static bool expire_orphan(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    uint32_t limit = tcp->config->tcp_orphan_ms, held = tcp_stuck_for(c, now);
    bool probed = c->repair == TCP_REPAIR_PERSIST;
    bool answers = probed ? c->probes <= 1 : now - c->heard_at < HEARD_NOW;
    if (held >= limit && answers) {
        tcp->count.orphans_given_up++;
        tcp_conn_abort(tcp, c, WEIR_E_ABORTED);
        return false;
    }
    c->idle_at = later(now, (weir_time)(held < limit ? limit - held : limit / 4) * WEIR_NS_PER_MS);
    return true;
}

static bool expire_idle(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    if (c->state == WEIR_TCP_FIN_WAIT_2 && c->released) {
        tcp->count.fin_wait_2_given_up++;
        tcp_conn_end(tcp, c, WEIR_E_TIMED_OUT);
        return false;
    }
    if (is_orphan(c))
        return expire_orphan(tcp, c, now);
    weir_time quiet_until = later(c->heard_at, keepalive_idle(c));
    weir_time interval = c->set.keepalive_interval_s * WEIR_NS_PER_S;
    if (!c->set.keepalive) {
        c->idle_at = WEIR_TIME_NEVER;
    } else if (c->repair != TCP_REPAIR_NONE) { /* the other timer sees to it (MUST-26) */
        c->idle_at = later(now, interval);
    } else if (c->probes == 0 && quiet_until > now) {
        c->idle_at = quiet_until;
    } else if (c->probes >= c->set.keepalive_probes) { /* MUST-29: never for one that is lost */
        tcp->count.keepalive_given_up++;
        tcp_conn_abort(tcp, c, WEIR_E_TIMED_OUT);
        return false;
    } else {
        c->probes++;
        c->work |= TCP_WORK_KEEPALIVE;
        c->idle_at = later(now, interval);
        tcp_ready(tcp, c);
    }
    return true;
}

void tcp_conn_expire(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    CHECK(tcp->handler, !c->parked);
    if (c->delack_at <= now) {
        c->delack_at = WEIR_TIME_NEVER;
        c->work |= TCP_WORK_ACK;
        tcp->count.delayed_acks++;
        tcp_ready(tcp, c);
    }
    if (c->repair_at <= now && !expire_repair(tcp, c, now))
        return;
    if (c->idle_at <= now && !expire_idle(tcp, c, now))
        return;
    tcp_timer_update(tcp, c);
}
