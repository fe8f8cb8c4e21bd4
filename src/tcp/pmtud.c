/* SPDX-License-Identifier: MIT
 * The path MTU of a connection: what routers report (RFC 1191, RFC 8201), what must be believed of
 * it (RFC 5927 7.2), large segments that vanish (RFC 2923 2.1, RFC 4821 7.7), and the search for
 * more (RFC 4821 7.2 to 7.6).
 *
 * Reports. While nothing larger than what a report claims was acknowledged, it is believed at
 * once: that is how a path is found out. Afterwards anybody's claim stands against evidence, so it
 * waits: a piece of the quoted segment, of the claimed size, goes again at once. If everything
 * before its end is acknowledged, and no more, the piece arrived and the segment did not: proved,
 * within a round trip. Does the retransmission timer expire first, the report is believed, too. It
 * is refuted when all of the quoted segment has arrived. A forged report costs a piece of a
 * segment a round trip, and changes nothing while data flows. While one waits, another counts only
 * if what it quotes is no larger than the first claims, as the piece is, and if it claims less, by
 * a step of the table below: so there are no more pieces than steps. The duplicate ACKs that
 * pieces bring when all had arrived are told off.
 *
 * An octet from behind the piece goes ahead of it: it lies above a hole, which the piece fills, so
 * that the acknowledgment of both is not delayed (RFC 5681 4.2).
 *
 * The quoted segment is tested, not the one at snd_una: a router reports the first that it drops,
 * and the acknowledgments of those before are mostly still on their way.
 *
 * Duplicate ACKs tell that something behind the quoted segment arrived. If it was larger than what
 * is claimed, as SACK blocks tell, or if, without SACK, there are three, the segment was lost
 * alone, by congestion, and its piece proves nothing. Otherwise small segments arrived, and their
 * duplicates are no sign of congestion, but of a path that takes only such: recovery waits for
 * what the piece brings.
 *
 * The search. It begins at the largest size that route, estimate and peer allow, and goes on by
 * halves among the common sizes: each that arrives is used from then on, each that does not is the
 * bound above. When nothing is left, it rests for ten minutes; so it does after a report. After a
 * black hole it begins soon, at the top again: it may have been an outage. A probe is one segment
 * of new data, with enough behind it for its loss to be seen by duplicate ACKs, which is then no
 * sign of congestion.
 *
 * mtu_probe_s is when the search may go on: 16 bits of seconds. A connection sleeps without a
 * timer and may wake at any time; what seems to be more than REST_S ahead is taken to be past. */
#include "tcp/tcp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

enum {
    REST_S = 601, /* RFC 1191 6.3, RFC 8201 4: at least ten minutes; the clock counts whole seconds */
    PAUSE_S = 2,  /* between probes, and after a black hole */
    FOLLOWERS = 4, /* full segments behind a probe: for three duplicate ACKs, and one to spare */
    DUPACKS = 3,
    ECHOES_MAX = 8,
    EXPIRIES_LARGE = 2, /* expiries in a row before ... */
    EXPIRIES_SMALL = 4,
    MTU_LARGE = 1280, /* ... packets are no larger than this: what every IPv6 path takes, ... */
    MTU_SMALL = 576   /* ... and what every host had to take in IPv4 */
};

/* What paths are known to take: RFC 1191 7.1, and Ethernet less the headers of tunnels. */
static const uint16_t sizes[] = {296,  508,  552,  576,  1006, 1280, 1320, 1340, 1360,  1380,
                                 1400, 1412, 1420, 1430, 1440, 1450, 1454, 1460, 1472,  1476,
                                 1480, 1492, 1500, 2002, 4352, 8166, 9000, 17914, 32000, 65535};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* ---- sizes ---- */

static uint32_t headers(const struct tcp_conn *c)
{
    uint32_t ip = addr_is_ip4(c->remote) ? (uint32_t)IP4_HEADER_MIN : (uint32_t)IP6_HEADER_LEN;
    return ip + TCP_HEADER_BYTES + (c->timestamps ? (uint32_t)TCP_TIMESTAMPS_BYTES : 0U);
}

static uint32_t payload_of(const struct tcp_conn *c, uint32_t mtu)
{
    uint32_t n = headers(c);
    return mtu >= n + TCP_MSS_MIN ? mtu - n : (uint32_t)TCP_MSS_MIN;
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The number of sizes that are at most `mtu`. */
static unsigned step_of(uint32_t mtu)
{
    unsigned n = 0;
    while (n < SIZES && sizes[n] <= mtu)
        n++;
    return n;
}

/* What route and estimate allow now; what is in use when there is no route. */
static uint32_t path_max(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    struct net_path path;
    if (tcp_conn_path(tcp, c, &path) != WEIR_OK)
        return c->mtu;
    uint32_t mtu = pmtu_lookup(&tcp->net->pmtus, c->remote, path.mtu, tcp->now).mtu;
    return min_u32(mtu, UINT16_MAX);
}

/* The same, and what both ends take: packets no larger make sense. */
static uint32_t useful_max(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    uint32_t held = (uint32_t)blocks_bytes((enum blocks_class)c->send.class);
    uint32_t mss = min_u32(min_u32(c->mss_peer, c->set.mss_max), held);
    uint32_t options = c->timestamps ? (uint32_t)TCP_TIMESTAMPS_BYTES : 0U;
    return min_u32(path_max(tcp, c), mss + headers(c) - options);
}

/* The next size to try, or 0. mtu_failed is 1 + the index of the least size that failed. */
static uint32_t candidate(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    uint32_t most = useful_max(tcp, c);
    if (most <= c->mtu)
        return 0;
    if (c->mtu_failed == 0 || most < sizes[c->mtu_failed - 1])
        return most;
    unsigned low = step_of(c->mtu), high = c->mtu_failed - 1U;
    return low < high ? sizes[(low + high) / 2] : 0;
}

uint16_t tcp_pmtud_max(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    if (c->mtu == 0)
        return 0;
    uint32_t most = path_max(tcp, c);
    if (c->mtu_failed != 0 && most >= sizes[c->mtu_failed - 1])
        most = c->mtu_failed > 1 ? sizes[c->mtu_failed - 2] : 0;
    return (uint16_t)(most > c->mtu ? most : c->mtu);
}

/* ---- time ---- */

static void rest(struct tcp_conn *c, unsigned seconds, weir_time now)
{
    c->mtu_probe_s = (uint16_t)(tcp_s(now) + seconds);
}

static bool is_due(const struct tcp_conn *c, weir_time now)
{
    uint16_t left = (uint16_t)(c->mtu_probe_s - tcp_s(now));
    return left == 0 || left > REST_S;
}

/* ---- down ---- */

static bool probe_is_out(const struct tcp_flight *f)
{
    return f->probe_start != f->probe_end;
}

static void probe_forget(struct tcp_flight *f)
{
    f->probe_start = f->probe_end = 0;
}

/* Packets are to be no larger from now on. */
static void lower(struct tcp_conn *c, uint32_t mtu, unsigned seconds, weir_time now)
{
    c->mtu = (uint16_t)mtu;
    c->mtu_acked = (uint16_t)min_u32(c->mtu_acked, mtu);
    c->mtu_failed = 0;
    rest(c, seconds, now);
    cc_mss(&c->cc, tcp_send_mss(c));
}

/* A report is believed: all connections to the destination learn of it, and this one sends again what is
 * outstanding, without waiting and without taking it for congestion (RFC 1191 6.4, RFC 8201 5.4). */
static void believe(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_flight *f,
                    const struct pmtu_report *report, weir_time now)
{
    struct pmtu_claim claim = pmtu_claimed(&tcp->net->pmtus, report, c->mtu);
    (void)pmtu_update(&tcp->net->pmtus, report, now);
    if (claim.mtu <= c->mtu)
        lower(c, claim.mtu, REST_S, now);
    probe_forget(f);
    f->report_mtu = 0;
    f->rtx_first = false;
    c->snd_nxt = c->snd_una;
    tcp_ready(tcp, c);
}

/* The report that waits. */
static bool pending_report(struct tcp_room *tcp, const struct tcp_conn *c,
                           const struct tcp_flight *f, struct pmtu_report *report)
{
    struct net_path path;
    if (tcp_conn_path(tcp, c, &path) != WEIR_OK)
        return false;
    *report = (struct pmtu_report){
        .destination = c->remote, .mtu = f->report_mtu, .link_mtu = path.mtu};
    return true;
}

static void believe_pending(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_flight *f,
                            weir_time now)
{
    struct pmtu_report report;
    if (pending_report(tcp, c, f, &report))
        believe(tcp, c, f, &report, now);
    f->report_mtu = 0;
}

/* How large the packet was that is quoted. */
static uint32_t quoted_size(const struct net_error *error)
{
    if (addr_is_ip4(error->quote.destination))
        return load16(error->quoted.data + 2);
    return (uint32_t)load16(error->quoted.data + 4) + IP6_HEADER_LEN;
}

/* It waits for evidence. */
static void put_off(struct tcp_room *tcp, struct tcp_conn *c, uint64_t seq, uint32_t size,
                    uint16_t told)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    if (f->report_mtu != 0 &&
        (size > f->report_mtu || step_of(told) >= step_of(f->report_mtu)))
        return;
    uint64_t start, end, tail = tcp_snd_tail(c);
    txlog_segment(tcp, c, seq, &start, &end);
    if (end > tail && seq < tail)
        end = tail;
    if (end > seq + tcp_send_mss(c)) /* it went again, in smaller pieces */
        end = seq + tcp_send_mss(c);
    tcp->count.path_reports_pending += f->report_mtu == 0;
    struct pmtu_report report = {.destination = c->remote, .mtu = told, .link_mtu = c->mtu};
    uint32_t len = payload_of(c, pmtu_claimed(&tcp->net->pmtus, &report, c->mtu).mtu);
    f->report_mtu = told;
    f->report_start = seq;
    f->report_end = end;
    f->report_len = (uint16_t)len;
    f->report_doubted = false;
    f->report_tests = seq + len + 1 < end ? 0 : 1; /* no room for the octet */
    if (seq + len >= end || end > c->snd_nxt)      /* it would tell nothing */
        f->report_tests = TCP_PMTUD_TESTS;
    tcp_ready(tcp, c);
}

void tcp_pmtud_report(struct tcp_room *tcp, struct tcp_conn *c, const struct net_error *error,
                      weir_time now)
{
    struct pmtu_report report;
    struct tcp_flight *f = tcp_flight(tcp, c);
    if (!net_too_big_report(tcp->net, error, &report))
        return;
    if (c->state < WEIR_TCP_ESTABLISHED) { /* nothing that is known of the path speaks against it */
        (void)pmtu_update(&tcp->net->pmtus, &report, now);
        return;
    }
    uint64_t seq = tcp_unwrap(seq_make(error->quote.sequence), c->snd_una);
    if (f == NULL || seq >= c->snd_max)
        return; /* an octet beyond the window */
    struct pmtu_claim claim = pmtu_claimed(&tcp->net->pmtus, &report, c->mtu);
    report.mtu = claim.told;
    if (probe_is_out(f) && seq >= f->probe_start && seq < f->probe_end && claim.mtu >= c->mtu) {
        if (claim.mtu < f->probe_mtu) /* where the search is to go on (RFC 4821 7.6.2) */
            (void)pmtu_update(&tcp->net->pmtus, &report, now);
        return;
    }
    bool clears_df = claim.below_floor && addr_is_ip4(c->remote) && !c->may_fragment;
    if (claim.mtu > c->mtu || (claim.mtu == c->mtu && !clears_df))
        return; /* ATK-ICM-17 */
    if (c->mtu_acked <= claim.told)
        believe(tcp, c, f, &report, now);
    else
        put_off(tcp, c, seq, quoted_size(error), claim.told);
}

/* Is a duplicate ACK one that a segment of a test asked for, which had arrived before? With SACK it
 * tells of nothing above a hole, but of a duplicate (RFC 2883). */
static bool is_echo(const struct tcp_conn *c, struct tcp_flight *f, const struct tcp_options *o)
{
    bool sacked = (o->present & TCP_HAS_SACK) != 0 && seq_gt(o->sack[0].end, tcp_wrap(c->snd_una));
    if (f->echoes == 0 || c->snd_una > f->echoes_end || sacked)
        return false;
    f->echoes--;
    return true;
}

bool tcp_pmtud_dupack(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    const struct tcp_options *o = s->options;
    if (f == NULL)
        return false;
    if (is_echo(c, f, o))
        return true;
    if (f->report_mtu != 0 && !c->sack)
        f->report_doubted |= f->dupacks + 1 >= DUPACKS;
    unsigned count = f->report_mtu != 0 && (o->present & TCP_HAS_SACK) != 0 ? o->sack_count : 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t left = tcp_unwrap(o->sack[i].start, c->snd_una);
        uint64_t right = tcp_unwrap(o->sack[i].end, c->snd_una);
        f->report_doubted |= left >= f->report_start && right <= c->snd_max && right > left &&
                             right - left > f->report_len;
    }
    return false;
}

bool tcp_pmtud_test(const struct tcp_room *tcp, const struct tcp_conn *c, struct tcp_plan *p)
{
    const struct tcp_flight *f = tcp_flight(tcp, c);
    if (f == NULL || !tcp_pmtud_test_due(f) || f->report_start < c->snd_una ||
        f->report_end > c->snd_una + c->snd_wnd)
        return false;
    bool octet = f->report_tests == 0;
    p->what = TCP_SEND_DATA;
    p->again = true;
    p->sized = true;
    p->seq = f->report_start + (octet ? f->report_len : 0U);
    p->len = octet ? 1 : f->report_len;
    p->mss = f->report_len;
    p->sack = 0;
    p->fin = false;
    return true;
}

void tcp_pmtud_path(struct tcp_room *tcp, struct tcp_conn *c, const struct pmtu *pmtu,
                    weir_time now)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    uint32_t mtu = min_u32(pmtu->mtu, UINT16_MAX);
    if (c->mtu == 0 || c->state < WEIR_TCP_ESTABLISHED || !c->set.path_probe) {
        c->mtu = (uint16_t)mtu;
        c->may_fragment = pmtu->below_floor;
        return;
    }
    c->may_fragment |= pmtu->below_floor; /* until a probe has shown that the path takes more */
    if (mtu >= c->mtu)
        return; /* more only if it arrives */
    lower(c, mtu, REST_S, now);
    if (f != NULL) {
        probe_forget(f);
        f->report_mtu = 0;
    }
}

/* ---- what acknowledgments and their absence tell ---- */

/* What arrived. With DF clear it may have been in fragments; then it is no larger than any claim. */
static void note_arrived(const struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->mtu_acked >= tcp_send_mss(c) + headers(c))
        return;
    uint32_t payload = txlog_arrived(tcp, c, c->snd_una), size = payload + headers(c);
    if (payload > 0 && size > c->mtu_acked)
        c->mtu_acked = (uint16_t)min_u32(size, UINT16_MAX);
}

static void raise_mtu(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_flight *f,
                      weir_time now)
{
    tcp->count.path_raised++;
    c->mtu = f->probe_mtu;
    c->mtu_acked = f->probe_mtu;
    c->may_fragment = false;
    rest(c, 0, now);
    cc_mss(&c->cc, tcp_send_mss(c));
}

static void judge_report(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_flight *f,
                         weir_time now)
{
    uint64_t end = f->report_start + f->report_len; /* of the piece, and of the octet behind it */
    if (c->snd_una >= f->report_end) {
        tcp->count.path_reports_refuted++;
        f->report_mtu = 0;
    } else if (f->report_tests == TCP_PMTUD_TESTS && c->snd_una - end <= 1 && !f->report_doubted) {
        believe_pending(tcp, c, f, now);
    }
}

void tcp_pmtud_acked(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    note_arrived(tcp, c);
    if (probe_is_out(f) && c->snd_una > f->probe_start) {
        if (c->snd_una >= f->probe_end)
            raise_mtu(tcp, c, f, now);
        else /* somebody cuts segments on the way */
            rest(c, REST_S, now);
        probe_forget(f);
    }
    if (f->report_mtu != 0)
        judge_report(tcp, c, f, now);
}

static void probe_failed(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_flight *f,
                         weir_time now)
{
    tcp->count.path_probes_lost++;
    c->mtu_failed = (uint8_t)step_of(f->probe_mtu); /* the size itself, or the one below it */
    rest(c, PAUSE_S, now);
    probe_forget(f);
}

bool tcp_pmtud_probe_lost(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    if (!probe_is_out(f) || c->snd_una != f->probe_start)
        return false;
    f->spared_end = f->probe_end;
    probe_failed(tcp, c, f, now);
    return true;
}

/* The size of the packets that do not arrive: as the segment at snd_una goes now. */
static uint32_t size_at_una(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    uint64_t start, end;
    txlog_segment(tcp, c, c->snd_una, &start, &end);
    uint64_t n = end - c->snd_una, mss = tcp_send_mss(c);
    return (uint32_t)(n < mss ? n : mss) + headers(c);
}

static void suspect_black_hole(struct tcp_room *tcp, struct tcp_conn *c,
                               const struct tcp_flight *f, weir_time now)
{
    uint32_t size = size_at_una(tcp, c), base = 0;
    if (f->expiries >= EXPIRIES_LARGE && size > MTU_LARGE)
        base = MTU_LARGE;
    else if (f->expiries >= EXPIRIES_SMALL && size > MTU_SMALL && addr_is_ip4(c->remote))
        base = MTU_SMALL;
    if (base == 0)
        return;
    tcp->count.path_blackholes++;
    lower(c, base, PAUSE_S, now);
    c->cc.cwnd = tcp_send_mss(c); /* one segment, as it is now */
}

bool tcp_pmtud_timeout(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    bool reported = f->report_mtu != 0;
    bool probed = probe_is_out(f) && c->snd_una == f->probe_start;
    if (reported) {
        believe_pending(tcp, c, f, now);
        c->cc.cwnd = tcp_send_mss(c); /* one segment, as it is now */
        return true;
    }
    if (probed) {
        probe_failed(tcp, c, f, now);
        f->expiries = 0; /* of what is sent from now on */
        return true;
    }
    probe_forget(f);
    if (c->set.path_probe)
        suspect_black_hole(tcp, c, f, now);
    return false;
}

/* ---- up ---- */

/* All that a probe wants, but for a size to try. Most connections are told by the first comparison. */
static bool may_search(const struct tcp_room *tcp, const struct tcp_conn *c, weir_time now)
{
    if (c->mtu >= tcp->net->iface[c->ifindex].config.mtu_bytes || !c->set.path_probe ||
        c->state < WEIR_TCP_ESTABLISHED || !is_due(c, now) || c->snd_nxt < c->snd_max)
        return false;
    uint64_t least = (FOLLOWERS + 1) * (uint64_t)tcp_send_mss(c);
    if (tcp_snd_tail(c) < c->snd_nxt + least || c->cc.cwnd < least || c->snd_wnd < least ||
        (c->sack && c->holes != TCP_NONE)) /* SACK blocks go with data, and want room */
        return false;
    const struct tcp_flight *f = tcp_flight(tcp, c);
    return f == NULL || (f->recovery == WEIR_TCP_OPEN && f->report_mtu == 0 && !probe_is_out(f) &&
                         c->snd_una > f->recover); /* else duplicates tell nothing */
}

/* The search has found the path's MTU: others need not find it out again. */
static void tell_others(struct tcp_room *tcp, const struct tcp_conn *c, weir_time now)
{
    if (c->mtu_failed != 0 && c->mtu_acked >= c->mtu)
        (void)pmtu_update(&tcp->net->pmtus,
                          &(struct pmtu_report){.destination = c->remote,
                                                .mtu = c->mtu,
                                                .link_mtu = path_max(tcp, c)},
                          now);
}

void tcp_pmtud_look(struct tcp_room *tcp, struct tcp_conn *c, weir_time now)
{
    if (!may_search(tcp, c, now) || candidate(tcp, c) != 0)
        return;
    tell_others(tcp, c, now);
    c->mtu_failed = 0;
    rest(c, REST_S, now);
}

uint16_t tcp_pmtud_probe(const struct tcp_room *tcp, const struct tcp_conn *c, weir_time now)
{
    if (!may_search(tcp, c, now))
        return 0;
    uint32_t mtu = candidate(tcp, c);
    if (mtu == 0)
        return 0;
    uint32_t payload = payload_of(c, mtu);
    uint64_t room = payload + FOLLOWERS * (uint64_t)tcp_send_mss(c);
    if (tcp_snd_tail(c) < c->snd_nxt + room || c->cc.cwnd < room || c->snd_wnd < room)
        return 0;
    return (uint16_t)payload;
}

void tcp_pmtud_sent(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_plan *plan,
                    uint64_t end)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    if (!plan->again) {
        CHECK(tcp->handler, !probe_is_out(f) && plan->sized);
        f->probe_start = plan->seq;
        f->probe_end = end;
        f->probe_mtu = (uint16_t)(end - plan->seq + headers(c));
        tcp->count.path_probes++;
        return;
    }
    if (plan->sized) {
        f->report_tests++;
        f->echoes = (uint8_t)(f->echoes + (f->echoes < ECHOES_MAX));
        f->echoes_end = c->snd_max;
    }
    /* Sent again, and cut: whether the probe arrives can no longer be told (RFC 4821 7.6.4). */
    if (plan->seq < f->probe_end && end > f->probe_start)
        probe_forget(f);
}

bool tcp_pmtud_invariants(const struct tcp_conn *c, const struct tcp_flight *f)
{
    bool probe = !probe_is_out(f) || (f->probe_start < f->probe_end && f->probe_start >= c->snd_una &&
                                      f->probe_end <= c->snd_max && f->probe_mtu > c->mtu);
    bool report = f->report_mtu == 0 || (f->report_start < f->report_end && f->report_len > 0 &&
                                         f->report_end > c->snd_una && f->report_end <= c->snd_max);
    return probe && report && c->mtu_failed <= SIZES;
}
