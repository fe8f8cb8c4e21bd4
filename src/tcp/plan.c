/* SPDX-License-Identifier: MIT
 * What a connection may send next: by RFC 9293 3.8.6.2.1 (silly windows), RFC 9293 3.7.4 (Nagle), the
 * peer's window and the congestion window. Pure functions of the connection's state. */
#include "tcp/tcp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

enum {
    TIMESTAMP_BYTES = 12,   /* NOP NOP timestamps */
    SYNS_LOST = 3,          /* SYNs go again so often before they ask for less */
    SACK_MSS_MIN = 256,     /* a segment this small has no room to spare for SACK blocks */
    SEND_WINDOW_FRACTION = 2 /* Fs is 1/2 (RFC 9293 3.8.6.2.1) */
};

/* ---- sizes ---- */

static uint32_t ip_header(const struct tcp_conn *c)
{
    return addr_is_ip4(c->remote) ? (uint32_t)IP4_HEADER_MIN : (uint32_t)IP6_HEADER_LEN;
}

/* Payload and options of a full segment. */
static uint32_t segment_room(const struct tcp_conn *c)
{
    uint32_t path = c->mtu - ip_header(c) - TCP_HEADER_BYTES;
    uint32_t mss = c->mss_peer < c->set.mss_max ? c->mss_peer : c->set.mss_max;
    /* A packet refers to two blocks: this much lies in them wherever it begins. */
    uint32_t held = (uint32_t)blocks_bytes((enum blocks_class)c->send.class);
    mss = path < mss ? path : mss;
    return held < mss ? held : mss;
}

uint16_t tcp_send_mss(const struct tcp_conn *c)
{
    uint32_t room = segment_room(c), options = c->timestamps ? TIMESTAMP_BYTES : 0;
    return (uint16_t)(room >= TCP_MSS_MIN + options ? room - options : (uint32_t)TCP_MSS_MIN);
}

uint16_t tcp_announced_mss(const struct tcp_settings *set, uint32_t mtu, bool ip4)
{
    uint32_t headers = (ip4 ? (uint32_t)IP4_HEADER_MIN : (uint32_t)IP6_HEADER_LEN) + TCP_HEADER_BYTES;
    uint32_t mss = mtu > headers + TCP_MSS_MIN ? mtu - headers : (uint32_t)TCP_MSS_MIN;
    return (uint16_t)(mss < set->mss_max ? mss : set->mss_max);
}

uint16_t tcp_syn_mss(const struct tcp_settings *set, uint32_t mtu, bool ip4, unsigned resent)
{
    uint16_t mss = tcp_announced_mss(set, mtu, ip4);
    uint16_t least = ip4 ? TCP_MSS_DEFAULT_IP4 : TCP_MSS_DEFAULT_IP6;
    return resent >= SYNS_LOST && mss > least ? least : mss;
}

/* SACK blocks that go with a segment now. */
static unsigned sack_count(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    struct tcp_sack_block blocks[TCP_SACK_BLOCKS_MAX];
    if (!c->sack || c->holes == TCP_NONE)
        return 0;
    return tcp_sack_blocks(tcp, c, blocks, c->timestamps ? 3 : 4);
}

static uint32_t sack_bytes(unsigned count)
{
    return count != 0 ? 4 + 8 * count : 0;
}

/* ---- what is in the way ---- */

static uint64_t outstanding(const struct tcp_conn *c)
{
    return c->snd_nxt - tcp_snd_base(c);
}

/* How much the peer's window lets go beyond snd_nxt. It may have shrunk (SHLD-15). */
static uint64_t window_left(const struct tcp_conn *c)
{
    uint64_t edge = tcp_snd_base(c) + c->snd_wnd;
    return edge > c->snd_nxt ? edge - c->snd_nxt : 0;
}

static uint64_t cwnd_left(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    uint64_t window = tcp_recovery_window(tcp, c), used = outstanding(c);
    return window > used ? window - used : 0;
}

/* May the last, small piece of the queue go, with nothing but `before` bytes sent ahead of it? */
static bool small_may_go(const struct tcp_room *tcp, const struct tcp_conn *c, uint64_t before)
{
    if ((c->work & TCP_WORK_UNCORK) != 0)
        return true;
    if (c->set.cork || c->unpushed != 0)
        return false;
    if (c->set.nodelay || c->urgent_out)
        return true;
    if (c->set.minshall) {
        const struct tcp_flight *f = tcp_flight(tcp, c);
        return f == NULL || f->snd_sml <= c->snd_una;
    }
    return before == 0 && outstanding(c) == 0; /* Nagle's rule */
}

/* ---- the kinds ---- */

/* Segments to be sent again, as they were sent first, if the path still takes them. */
static bool plan_again(const struct tcp_room *tcp, const struct tcp_conn *c, struct tcp_plan *p)
{
    const struct tcp_flight *f = tcp_flight(tcp, c);
    if (f == NULL)
        return false;
    uint64_t seq = f->rtx_first ? c->snd_una : c->snd_nxt, start, end, tail = tcp_snd_tail(c);
    if (seq >= c->snd_max)
        return false;
    /* The first may always go: it asks for an ACK, and a window, when both are closed. */
    bool first = seq == c->snd_una;
    txlog_segment(tcp, c, seq, &start, &end);
    p->seq = seq;
    p->fin = end > tail;
    p->len = (uint32_t)((p->fin ? tail : end) - seq);
    if (p->len > p->mss) { /* the path has become smaller */
        p->len = p->mss;
        p->fin = false;
    }
    uint64_t n = p->len + (uint64_t)p->fin;
    if (!first && (n > window_left(c) || n > cwnd_left(tcp, c)))
        return false;
    p->what = TCP_SEND_DATA;
    p->again = true;
    return true;
}

/* A probe of the path MTU. While cwnd or the window do not let it go yet, nothing else goes either:
 * what they let go is often a segment at a time, and it would never be its turn. */
static bool plan_sized(const struct tcp_room *tcp, const struct tcp_conn *c, uint16_t payload,
                       struct tcp_plan *p)
{
    if (payload > window_left(c) || payload > cwnd_left(tcp, c))
        return false;
    p->what = TCP_SEND_DATA;
    p->again = false;
    p->sized = true;
    p->seq = c->snd_nxt;
    p->len = payload;
    p->mss = payload;
    p->sack = 0;
    return true;
}

/* How much of `available` may go: whole segments, and the rest when nothing speaks against it. */
static uint64_t whole_and_rest(const struct tcp_room *tcp, const struct tcp_conn *c,
                               const struct tcp_plan *p, uint64_t available, uint64_t cwnd)
{
    uint64_t window = window_left(c), n = available;
    if (n > window)
        n = window;
    if (n > cwnd)
        n = cwnd;
    uint64_t run = TCP_RUN_BYTES_MAX / p->mss * (uint64_t)p->mss;
    if (run > TCP_RUN_SEGMENTS_MAX * (uint64_t)p->mss)
        run = TCP_RUN_SEGMENTS_MAX * (uint64_t)p->mss;
    if (n > run)
        return run;
    uint64_t rest = n % p->mss, whole = n - rest;
    if (rest == 0)
        return n;
    if (n == available) /* the end of the queue; a FIN may go at once */
        return (c->fin_queued && window > n) || small_may_go(tcp, c, whole) ? n : whole;
    if (whole > 0)
        return whole;
    if (n == cwnd) /* there will be room for a full one, if anything comes to make it */
        return outstanding(c) == 0 ? n : 0;
    return n >= c->snd_wnd_max / SEND_WINDOW_FRACTION ? n : 0;
}

static bool plan_new(const struct tcp_room *tcp, const struct tcp_conn *c, struct tcp_plan *p)
{
    uint64_t tail = tcp_snd_tail(c);
    if (c->snd_nxt < c->snd_max || c->snd_nxt >= tcp_snd_end(c))
        return false;
    uint64_t available = tail - c->snd_nxt, cwnd = cwnd_left(tcp, c);
    uint64_t n = whole_and_rest(tcp, c, p, available, cwnd);
    /* A FIN waits until the handshake is complete (RFC 9293 3.10.4). */
    p->fin = c->fin_queued && n == available && window_left(c) > n && cwnd >= n && !tcp_is_fast(c);
    p->cwnd_limited = n < available && cwnd - n < p->mss;
    if (n == 0 && !p->fin)
        return false;
    p->what = TCP_SEND_DATA;
    p->again = false;
    p->seq = c->snd_nxt;
    p->len = (uint32_t)n;
    return true;
}

/* The persist timer expired: all that the window takes, however little, or one octet, or FIN, beyond it
 * (RFC 9293 3.8.6.1). */
static bool plan_probe(const struct tcp_conn *c, struct tcp_plan *p)
{
    if ((c->work & TCP_WORK_PROBE) == 0 || c->snd_nxt < c->snd_max ||
        c->snd_nxt >= tcp_snd_end(c))
        return false;
    uint64_t available = tcp_snd_tail(c) - c->snd_nxt, window = window_left(c);
    p->seq = c->snd_nxt;
    p->again = false;
    if (window == 0) {
        p->what = TCP_SEND_PROBE;
        p->len = available > 0 ? 1 : 0;
        p->fin = available == 0;
        return true;
    }
    uint64_t n = available < window ? available : window;
    p->what = TCP_SEND_DATA;
    p->len = (uint32_t)(n < p->mss ? n : p->mss);
    p->fin = c->fin_queued && p->len == available && window > n;
    return true;
}

struct tcp_plan tcp_plan(const struct tcp_room *tcp, const struct tcp_conn *c, weir_time now)
{
    struct tcp_plan p = {.what = TCP_SEND_NOTHING, .seq = c->snd_nxt};
    if (c->state <= WEIR_TCP_LISTEN || c->state == WEIR_TCP_TIME_WAIT)
        return p;
    if ((c->work & TCP_WORK_SYN) != 0) {
        p.what = TCP_SEND_SYN;
        return p;
    }
    bool handshake = c->state == WEIR_TCP_SYN_SENT || c->state == WEIR_TCP_SYN_RECEIVED;
    bool data = !handshake || tcp_is_fast(c); /* its SYN,ACK went before (RFC 7413 4.2.2) */
    unsigned sack = sack_count(tcp, c);
    p.sack = (uint8_t)sack;
    if (c->dup_acks_due > 0) {
        p.what = TCP_SEND_ACK;
        return p;
    }
    p.mss = tcp_send_mss(c);
    if (p.mss < SACK_MSS_MIN)
        p.sack = 0; /* an ACK will carry them */
    p.mss = (uint16_t)(p.mss - sack_bytes(p.sack));
    if (data && (tcp_pmtud_test(tcp, c, &p) || plan_again(tcp, c, &p)))
        return p;
    uint16_t probe = data ? tcp_pmtud_probe(tcp, c, now) : 0;
    if (probe != 0 && plan_sized(tcp, c, probe, &p))
        return p;
    if (data && probe == 0 && (plan_new(tcp, c, &p) || plan_probe(c, &p)))
        return p;
    p.sack = (uint8_t)sack;
    p.len = 0;
    p.fin = false;
    if ((c->work & TCP_WORK_KEEPALIVE) != 0)
        p.what = TCP_SEND_KEEPALIVE;
    else if ((c->work & TCP_WORK_ACK) != 0 || (data && c->urgent_untold))
        p.what = TCP_SEND_ACK; /* urgent data is announced even when the window is closed (3.8.5) */
    return p;
}
