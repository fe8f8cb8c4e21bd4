/* SPDX-License-Identifier: MIT
 * The transmission log: what is outstanding, in the runs in which it was sent. Up to TCP_RUNS_INLINE
 * runs stand in the flight; more are spilled, all of them, into a ring of the packet memory, where
 * run number n lies at n * SLOT_BYTES: a power of two, so that no run straddles blocks. */
#include "base/mem.h"
#include "tcp/tcp.h"

enum { SLOT_SHIFT = 6, SLOT_BYTES = 1 << SLOT_SHIFT };

_Static_assert(sizeof(struct tcp_run) <= SLOT_BYTES, "a run fits its slot");

/* ---- flights ---- */

bool tcp_flight_take(struct tcp_room *tcp, struct tcp_conn *c)
{
    CHECK(tcp->handler, c->flight == TCP_NONE);
    uint32_t index = pool_take(&tcp->flights);
    if (index == POOL_NONE) {
        bool timer = c->stuck && c->repair != TCP_REPAIR_NONE; /* it tries again */
        if (!c->wants_flight && !timer) {
            tcp_wait_join(tcp, c, &tcp->want_flight);
            c->wants_flight = true;
        }
        return false;
    }
    if (c->wants_flight)
        tcp_wait_leave(tcp, c);
    struct tcp_flight *f = pool_at(&tcp->flights, index);
    ring_init(&f->spilled, tcp->blocks, BLOCKS_4K, 0);
    f->run_first = 0;
    f->run_end = 0;
    f->spills = false;
    f->recovery = WEIR_TCP_OPEN;
    f->dupacks = 0;
    f->rtx_first = false;
    f->partial_seen = false;
    f->timer_begun = false;
    f->expiries = 0;
    f->inflatable = 0;
    f->timed_out = 0;
    f->recover = c->recovered ? c->snd_una : c->snd_una - 1; /* RFC 6582 3.2 step 1 */
    f->snd_sml = 0;
    f->probe_start = f->probe_end = 0;
    f->spared_end = 0;
    f->report_mtu = 0;
    f->report_tests = 0;
    f->echoes = 0;
    c->flight = index;
    return true;
}

void tcp_flight_give(struct tcp_room *tcp, struct tcp_conn *c)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    CHECK(tcp->handler, f != NULL);
    if (f->spills)
        ring_reset(&f->spilled, 0);
    CHECK(tcp->handler, f->spilled.held == 0);
    c->recovered = f->recover == c->snd_una;
    pool_give(&tcp->flights, c->flight);
    c->flight = TCP_NONE;
    if (tcp->want_flight.first == TCP_NONE)
        return;
    struct tcp_conn *next = tcp_at(tcp, tcp->want_flight.first);
    CHECK(tcp->handler, next->wants_flight && next->flight == TCP_NONE);
    tcp_wait_leave(tcp, next);
    tcp_ready(tcp, next);
}

/* ---- runs ---- */

/* Run number n of the log, to be changed. */
static struct tcp_run *run_at(struct tcp_flight *f, uint64_t n)
{
    if (!f->spills)
        return &f->inlined[n % TCP_RUNS_INLINE];
    struct ring_span span[2];
    size_t len = ring_span_write(&f->spilled, n << SLOT_SHIFT, SLOT_BYTES, BLOCKS_URGENT, span);
    CHECK(f->spilled.blocks->handler, len == SLOT_BYTES && span[0].len == SLOT_BYTES);
    void *run = span[0].data;
    return run;
}

/* The same, to be looked at. */
static const struct tcp_run *run_seen(const struct tcp_flight *f, uint64_t n)
{
    if (!f->spills)
        return &f->inlined[n % TCP_RUNS_INLINE];
    struct weir_ref ref[2];
    ring_refs(&f->spilled, n << SLOT_SHIFT, SLOT_BYTES, ref);
    const void *run = ref[0].data;
    return run;
}

/* The run that holds `seq`. A scan of the few that stand in the flight, or bisection. */
static uint64_t run_find(const struct tcp_room *tcp, const struct tcp_flight *f, uint64_t seq)
{
    uint64_t low = f->run_first, high = f->run_end;
    CHECK(tcp->handler, low < high);
    CHECK(tcp->handler, seq >= run_seen(f, low)->start && seq < run_seen(f, high - 1)->end);
    if (seq < run_seen(f, low)->end)
        return low;
    while (high - low > 1) { /* run `low` begins at or below seq, run `high` above it */
        uint64_t middle = low + (high - low) / 2;
        if (run_seen(f, middle)->start <= seq)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Where the data of a run ends: a FIN, which counts one at the end of the last run, rides on the last
 * segment, or is a run by itself. */
static uint64_t data_end(const struct tcp_conn *c, const struct tcp_run *run)
{
    uint64_t tail = tcp_snd_tail(c);
    return run->end > tail && run->start < tail ? tail : run->end;
}

/* Which segment of a run holds `seq`. */
static unsigned segment_of(const struct tcp_conn *c, const struct tcp_run *run, uint64_t seq)
{
    uint64_t last = data_end(c, run) - 1;
    return (uint32_t)((seq < last ? seq : last) - run->start) / run->mss;
}

/* Past the end of segment k of a run. */
static uint64_t segment_end(const struct tcp_conn *c, const struct tcp_run *run, unsigned k)
{
    uint64_t end = run->start + (uint64_t)(k + 1) * run->mss;
    return end < data_end(c, run) ? end : run->end;
}

static bool was_resent(const struct tcp_run *run, unsigned k)
{
    return (run->retransmitted >> k & 1) != 0;
}

/* ---- the log ---- */

/* Move the runs from the flight to the ring. False when there is no memory. */
static bool spill(struct tcp_flight *f)
{
    struct ring_span span[2];
    size_t room = (TCP_RUNS_INLINE + 1) * SLOT_BYTES;
    if (ring_span_write(&f->spilled, 0, room, BLOCKS_URGENT, span) < room)
        return false;
    unsigned count = 0;
    for (uint64_t n = f->run_first; n < f->run_end; n++, count++)
        memcpy(span[0].data + (size_t)count * SLOT_BYTES, &f->inlined[n % TCP_RUNS_INLINE],
               sizeof f->inlined[0]);
    f->run_first = 0;
    f->run_end = count;
    f->spills = true;
    return true;
}

bool txlog_prepare(struct tcp_room *tcp, struct tcp_conn *c)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    CHECK(tcp->handler, f != NULL);
    uint64_t count = f->run_end - f->run_first;
    if (!f->spills) {
        if (count < TCP_RUNS_INLINE || spill(f))
            return true;
    } else if ((count + 1) << SLOT_SHIFT <= ring_bytes_max(BLOCKS_4K)) {
        struct ring_span span[2];
        if (ring_span_write(&f->spilled, f->run_end << SLOT_SHIFT, SLOT_BYTES, BLOCKS_URGENT,
                            span) == SLOT_BYTES)
            return true;
    }
    tcp->count.log_exhausted++;
    return false;
}

/* Can `run` be counted to the one before it? Not a FIN by itself: it would look like one that rides on
 * the last segment. */
static bool joins(const struct tcp_conn *c, const struct tcp_run *last, const struct tcp_run *run)
{
    uint32_t bytes = (uint32_t)(run->end - last->start);
    return last->sent == run->sent && last->mss == run->mss && run->start < tcp_snd_tail(c) &&
           (uint32_t)(run->start - last->start) % run->mss == 0 &&
           bytes <= (uint32_t)TCP_RUN_SEGMENTS_MAX * run->mss;
}

void txlog_sent(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_run *run)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    CHECK(tcp->handler, f != NULL && run->start < run->end && run->mss > 0);
    CHECK(tcp->handler, run->end <= tcp_snd_end(c));
    CHECK(tcp->handler, run->end - run->start <= (uint64_t)TCP_RUN_SEGMENTS_MAX * run->mss + 1);
    if (f->run_first < f->run_end) {
        struct tcp_run *last = run_at(f, f->run_end - 1);
        CHECK(tcp->handler, last->end == run->start);
        if (joins(c, last, run)) {
            last->end = run->end;
            return;
        }
    }
    CHECK(tcp->handler, f->spills || f->run_end - f->run_first < TCP_RUNS_INLINE);
    *run_at(f, f->run_end) = *run;
    f->run_end++;
}

void txlog_segment(const struct tcp_room *tcp, const struct tcp_conn *c, uint64_t seq,
                   uint64_t *start, uint64_t *end)
{
    const struct tcp_flight *f = tcp_flight(tcp, c);
    CHECK(tcp->handler, f != NULL);
    const struct tcp_run *run = run_seen(f, run_find(tcp, f, seq));
    unsigned k = segment_of(c, run, seq);
    *start = run->start + (uint64_t)k * run->mss;
    *end = segment_end(c, run, k);
    CHECK(tcp->handler, *start <= seq && seq < *end);
}

uint32_t txlog_arrived(const struct tcp_room *tcp, const struct tcp_conn *c, uint64_t una)
{
    const struct tcp_flight *f = tcp_flight(tcp, c);
    CHECK(tcp->handler, f != NULL);
    uint32_t most = 0;
    for (uint64_t n = f->run_first; n < f->run_end; n++) {
        const struct tcp_run *run = run_seen(f, n);
        if (run->start >= una)
            break;
        uint64_t end = data_end(c, run);
        uint32_t bytes = (uint32_t)((una < end ? una : end) - run->start), size = 0;
        unsigned whole = bytes / run->mss;
        if (whole > 0 && (~run->retransmitted & UINT64_MAX >> (64 - whole)) != 0)
            size = run->mss;
        else if (whole == 0 && una >= end && !was_resent(run, 0))
            size = bytes;
        most = size > most ? size : most;
    }
    return most;
}

void txlog_resent(struct tcp_room *tcp, struct tcp_conn *c, uint64_t start, uint64_t end)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    CHECK(tcp->handler, f != NULL && start < end);
    for (uint64_t n = run_find(tcp, f, start); start < end; n++) {
        CHECK(tcp->handler, n < f->run_end);
        struct tcp_run *run = run_at(f, n);
        uint64_t part = end < run->end ? end : run->end;
        unsigned first = segment_of(c, run, start), last = segment_of(c, run, part - 1);
        run->retransmitted |= UINT64_MAX >> (63 - (last - first)) << first;
        start = part;
    }
}

/* Forget what is below `una` of a run that reaches above it. Answers as txlog_acked(). */
static weir_time trim(const struct tcp_conn *c, struct tcp_run *run, uint64_t una, weir_time sent)
{
    if (una <= run->start)
        return sent;
    unsigned k = segment_of(c, run, una); /* the first that is not all acknowledged */
    if (k == 0)
        return sent;
    sent = was_resent(run, k - 1) ? WEIR_TIME_NEVER : run->sent;
    run->start += (uint64_t)k * run->mss;
    run->retransmitted >>= k;
    return sent;
}

weir_time txlog_acked(struct tcp_room *tcp, struct tcp_conn *c, uint64_t una)
{
    struct tcp_flight *f = tcp_flight(tcp, c);
    CHECK(tcp->handler, f != NULL);
    weir_time sent = WEIR_TIME_NEVER;
    for (; f->run_first < f->run_end; f->run_first++) {
        struct tcp_run *run = run_at(f, f->run_first);
        if (run->end > una) {
            sent = trim(c, run, una, sent);
            break;
        }
        sent = was_resent(run, segment_of(c, run, run->end - 1)) ? WEIR_TIME_NEVER : run->sent;
    }
    if (!f->spills)
        return sent;
    if (f->run_first < f->run_end) {
        ring_release(&f->spilled, f->run_first << SLOT_SHIFT);
        return sent;
    }
    ring_reset(&f->spilled, 0);
    f->spills = false;
    f->run_first = 0;
    f->run_end = 0;
    return sent;
}
