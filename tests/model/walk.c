/* SPDX-License-Identifier: MIT
 * Walks: what the matrix does with one segment, with a few in a row. Each walk begins in one of the
 * matrix's states, draws segments near what is acceptable (and now and then closes), and compares
 * weir with the reference model after each of them. What the model says is held above a hole is
 * kept here, octet by octet; the first to come wins (ATK-BLD-14), and what becomes the next in
 * sequence goes through the model as a segment of its own, as section 3.10.7.4 wants it.
 *
 *     walk [--count N] [--family 4|6] [--first] [--one NUMBER]
 */
#include "compare.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum {
    STEPS_MAX = 5, /* challenge ACKs are not limited yet by then */
    STREAM_MAX = 2 * RIG_BUFFER,
    SEED = 9293
};

/* What was received, by a naive receiver. */
struct stream {
    struct tcp_seq base;      /* RCV.NXT at the beginning */
    bool have[STREAM_MAX];    /* octets from there on */
    uint8_t octet[STREAM_MAX];
    uint32_t end;             /* past the last octet that is there */
    bool fin;                 /* a FIN is held, at ... */
    uint32_t fin_at;
    bool fin_taken;           /* RCV.NXT is past one that came in this walk */
    uint64_t queue;           /* octets to be read before */
};

struct walk {
    struct rig *rig;
    struct rng rng;
    struct stream stream;
    unsigned number;
    bool shown, over;
    bool lucky; /* over, and nothing can be compared any more */
};

static uint32_t offset_of(const struct stream *t, struct tcp_seq seq)
{
    return (uint32_t)seq_diff(seq, t->base);
}

/* ---- drawing ---- */

static unsigned draw_flags(struct rng *rng)
{
    unsigned flags = rng_below(rng, 12) != 0 ? TCP_ACK : 0;
    flags |= rng_below(rng, 4) == 0 ? TCP_FIN : 0;
    flags |= rng_below(rng, 6) == 0 ? TCP_PSH : 0;
    flags |= rng_below(rng, 10) == 0 ? TCP_URG : 0;
    flags |= rng_below(rng, 12) == 0 ? TCP_SYN : 0;
    flags |= rng_below(rng, 20) == 0 ? TCP_RST : 0;
    return flags;
}

static uint32_t draw_len(const struct rig *r, struct rng *rng, unsigned flags)
{
    uint32_t mss = rig_mss(r) - ((flags & TCP_SYN) != 0 ? 4 : 0);
    switch (rng_below(rng, 5)) {
    case 0:
    case 1:
        return 0;
    case 2:
        return 1;
    case 3:
        return mss;
    default:
        return (uint32_t)rng_below(rng, mss);
    }
}

static struct tcp_seq draw_seq(const struct walk *w, struct rng *rng, uint32_t seg_len)
{
    const struct model_conn *c = &w->rig->conn;
    const struct stream *t = &w->stream;
    switch (rng_below(rng, 8)) {
    case 0:
        return seq_sub(c->rcv_nxt, seg_len);
    case 1:
        return seq_sub(c->rcv_nxt, (uint32_t)rng_below(rng, seg_len + 2));
    case 2:
        return seq_add(c->rcv_nxt, (uint32_t)rng_below(rng, c->rcv_wnd + 10));
    case 3: /* up to what is held */
        return seq_sub(seq_add(t->base, t->end), seg_len);
    case 4: /* right behind it */
        return seq_max(seq_add(t->base, t->end), c->rcv_nxt);
    default:
        return c->rcv_nxt;
    }
}

static struct tcp_seq draw_ack(const struct model_conn *c, struct rng *rng)
{
    switch (rng_below(rng, 8)) {
    case 0:
        return seq_sub(c->snd_una, (uint32_t)rng_below(rng, 100));
    case 1:
        return seq_add(c->snd_nxt, (uint32_t)rng_below(rng, 3));
    case 2:
    case 3: {
        uint32_t outstanding = (uint32_t)seq_diff(c->snd_nxt, c->snd_una);
        return seq_add(c->snd_una, (uint32_t)rng_below(rng, outstanding + 1));
    }
    case 4:
        return c->snd_una;
    default:
        return c->snd_nxt;
    }
}

static struct model_segment draw_segment(struct walk *w, unsigned step)
{
    static const uint16_t windows[] = {0, RIG_WINDOW, 2000, 60000};
    struct rng *rng = &w->rng;
    struct model_segment s = {.flags = draw_flags(rng), .timestamps = w->rig->timestamps};
    if (w->rig->conn.state == MODEL_LISTEN || w->rig->conn.state == MODEL_SYN_SENT)
        s.flags ^= rng_below(rng, 2) != 0 ? TCP_SYN : 0;
    s.len = draw_len(w->rig, rng, s.flags);
    s.seq = draw_seq(w, rng, model_seg_len(&s));
    s.ack = draw_ack(&w->rig->conn, rng);
    /* No two alike: three duplicate ACKs would begin a recovery (RFC 5681 section 2 (e)). */
    s.window = windows[rng_below(rng, 4)] + step;
    s.urgent = (uint16_t)rng_below(rng, 3);
    return s;
}

/* ---- the naive receiver ---- */

static void store(struct walk *w, const struct model_segment *s, const struct model_result *m)
{
    struct stream *t = &w->stream;
    uint32_t syn = (s->flags & TCP_SYN) != 0 ? 1 : 0, n = m->taken + m->held;
    uint32_t at = offset_of(t, seq_add(s->seq, syn + m->skipped));
    for (uint32_t i = 0; i < n; i++, at++) {
        if (at >= STREAM_MAX) {
            w->over = true;
            return;
        }
        if (!t->have[at])
            t->octet[at] = w->rig->payload[m->skipped + i];
        t->have[at] = true;
        t->end = at + 1 > t->end ? at + 1 : t->end;
    }
}

/* What was held and is next in sequence now: a segment that begins at RCV.NXT. */
static void go_on(struct walk *w, struct model_result *m)
{
    struct stream *t = &w->stream;
    struct model_conn *c = &m->conn, before = m->conn;
    while (offset_of(t, c->rcv_nxt) < t->end && t->have[offset_of(t, c->rcv_nxt)]) {
        c->rcv_nxt = seq_add(c->rcv_nxt, 1);
        c->rcv_wnd--;
    }
    if (!t->fin || offset_of(t, c->rcv_nxt) != t->fin_at) {
        m->reply.ack = c->rcv_nxt;
        return;
    }
    struct model_segment s = {.flags = TCP_FIN | TCP_ACK,
                              .seq = c->rcv_nxt,
                              .ack = c->snd_una,
                              .window = c->snd_wnd,
                              .timestamps = w->rig->timestamps};
    struct model_result last = model_segment_arrives(c, &s);
    *c = last.conn;
    c->snd_wnd = before.snd_wnd;
    c->snd_wl1 = before.snd_wl1;
    c->snd_wl2 = before.snd_wl2;
    m->events |= last.events;
    m->reply = last.reply;
}

/* FIN in two places, or text behind it: from here on everybody may do as he likes. */
static bool is_contradiction(const struct walk *w, const struct model_segment *s)
{
    const struct stream *t = &w->stream;
    uint32_t syn = (s->flags & TCP_SYN) != 0 ? 1 : 0;
    uint32_t end = offset_of(t, seq_add(s->seq, syn + s->len));
    bool fin = (s->flags & TCP_FIN) != 0;
    if (seq_lt(seq_add(s->seq, syn + s->len), t->base))
        return false;
    return (t->fin && (end > t->fin_at || (fin && end != t->fin_at))) || (fin && end < t->end);
}

static void receive(struct walk *w, const struct model_segment *s, struct model_result *m)
{
    struct stream *t = &w->stream;
    store(w, s, m);
    if (m->fin_held) {
        t->fin = true;
        t->fin_at = offset_of(t, m->fin_at);
    }
    if (m->taken > 0)
        go_on(w, m);
    t->fin_taken = t->fin_taken || (m->events & MODEL_PEER_CLOSED) != 0;
}

static const char *compare_stream(const struct walk *w, const struct rig_view *view,
                                  const struct model_result *m)
{
    const struct stream *t = &w->stream;
    uint32_t next = offset_of(t, m->conn.rcv_nxt), held = 0;
    if (!view->present || compare_is_record(view) || m->conn.state == MODEL_SYN_RECEIVED ||
        m->conn.state == MODEL_SYN_SENT)
        return NULL;
    for (uint32_t i = next; i < t->end; i++)
        held += t->have[i];
    if (view->info.reassembly_bytes != held)
        return "text kept above holes";
    return view->info.receive_queue_bytes == t->queue + next - t->fin_taken ? NULL : "text received";
}

static const char *compare_octets(struct walk *w)
{
    static uint8_t data[RIG_BUFFER + STREAM_MAX];
    const struct stream *t = &w->stream;
    uint32_t n = rig_read(w->rig, data, sizeof data);
    uint32_t queue = (uint32_t)t->queue;
    if (n <= queue)
        return NULL;
    return memcmp(data + queue, t->octet, n - queue) == 0 ? NULL : "octets received";
}

/* ---- a walk ---- */

/* Where nothing is left to be compared, or too little is known. */
static bool ends(const struct model_result *m)
{
    return m->conn.state == MODEL_CLOSED || m->conn.state == MODEL_LISTEN ||
           m->conn.state == MODEL_TIME_WAIT || m->queued_max > 0;
}

/* The connection that the model made, with the numbers that weir drew. */
static void advance(struct walk *w, const struct model_result *m)
{
    struct rig *r = w->rig;
    struct model_conn *c = &r->conn;
    bool begins = c->state == MODEL_LISTEN && m->conn.state == MODEL_SYN_RECEIVED;
    *c = m->conn;
    if (m->reply.seq_drawn) {
        c->iss = c->snd_una = r->out[0].header.seq;
        c->snd_nxt = seq_add(c->iss, 1);
    }
    if (begins && r->out_count == 1)
        c->rcv_wnd = r->out[0].header.window;
    if (begins || c->state == MODEL_SYN_RECEIVED)
        w->stream.base = c->rcv_nxt;
    for (unsigned i = 0; i < r->out_count; i++) {
        const struct tcp_header *h = &r->out[i].header;
        struct tcp_seq edge = seq_add(h->ack, h->window);
        if ((h->flags & TCP_ACK) != 0 && seq_gt(edge, seq_add(c->rcv_nxt, c->rcv_wnd)))
            c->rcv_wnd = (uint32_t)seq_diff(edge, c->rcv_nxt);
    }
}

static void show(struct walk *w, unsigned step, const struct rig_view *view,
                 const struct model_segment *s, const struct model_result *m, const char *what)
{
    printf("# %s: walk %u, step %u\n", what, w->number, step);
    compare_show(w->rig, view, s, m);
    if (!w->shown)
        printf("#   again: test_model_walk --one %u\n", w->number);
}

/* One segment; what differs. */
static const char *step(struct walk *w, unsigned n)
{
    struct rig *r = w->rig;
    struct model_segment s = draw_segment(w, n);
    if (is_contradiction(w, &s)) {
        w->over = true;
        return NULL;
    }
    struct model_result m = model_segment_arrives(&r->conn, &s);
    if (r->conn.state == MODEL_SYN_SENT && (m.events & MODEL_CONNECTED) != 0)
        w->stream.base = seq_add(s.seq, 1);
    receive(w, &s, &m);
    rig_send(r, &s);
    struct rig_view view = rig_look(r);
    const char *what = compare(r, &view, &m);
    what = what != NULL ? what : compare_stream(w, &view, &m);
    if (what != NULL && m.reply.kind == MODEL_RST_OPTIONAL && view.present) {
        w->over = w->lucky = true; /* a SYN cookie by chance: the matrix sees to it that it is rare */
        return NULL;
    }
    if (what != NULL || w->shown)
        show(w, n, &view, &s, &m, what != NULL ? what : "as it should be");
    advance(w, &m);
    w->over = w->over || ends(&m);
    return what;
}

static bool may_shut(const struct rig *r)
{
    return (r->conn.state == MODEL_ESTABLISHED || r->conn.state == MODEL_CLOSE_WAIT) &&
           r->conn.held && r->conn.snd_wnd > 1000 &&
           (r->handle.index != 0 || r->handle.generation != 0);
}

static enum rig_setup draw_setup(struct rng *rng)
{
    for (;;) {
        enum rig_setup setup = (enum rig_setup)rng_below(rng, RIG_SETUP_COUNT);
        if (setup != RIG_CLOSED && setup != RIG_TIME_WAIT && setup != RIG_TIME_WAIT_ACTIVE &&
            setup != RIG_ESTABLISHED_NO_TS && setup != RIG_ESTABLISHED_OLD_TS &&
            setup != RIG_SYN_SENT_FAST)
            return setup;
    }
}

/* One walk; false when weir and the model part. */
static bool walk(struct rig *r, unsigned number, bool shown)
{
    static struct walk w;
    struct rng seed = rng_make(SEED);
    memset(&w, 0, sizeof w);
    w.rig = r;
    w.rng = rng_fork(&seed, number);
    w.number = number;
    w.shown = shown;
    const char *what = NULL;
    if (!rig_begin(r, draw_setup(&w.rng)))
        what = r->trouble;
    w.stream.base = r->conn.rcv_nxt;
    w.stream.queue = rig_look(r).info.receive_queue_bytes;
    for (unsigned n = 0; n < STEPS_MAX && what == NULL && !w.over; n++) {
        if (may_shut(r) && rng_below(&w.rng, 5) == 0 && !rig_shut_send(r))
            what = r->trouble;
        what = what != NULL ? what : step(&w, n);
    }
    if (what == NULL && !w.lucky)
        what = compare_octets(&w);
    bool ended = rig_end(r);
    if (what != NULL || !ended)
        printf("# %s: walk %u (%s)\n", what != NULL ? what : "something is left of it", number,
               rig_setup_name(r->setup));
    return what == NULL && ended;
}

static unsigned walk_many(unsigned family, unsigned from, unsigned count, bool shown,
                          unsigned wrong_max)
{
    static struct rig r;
    unsigned wrong = 0;
    rig_open(&r, family);
    for (unsigned i = from; i < from + count && wrong < wrong_max; i++) {
        if (walk(&r, i, shown))
            continue;
        wrong++;
        rig_close(&r);
        rig_open(&r, family);
    }
    rig_close(&r);
    return wrong;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"count", required_argument, NULL, 'n'},
                                          {"family", required_argument, NULL, 'f'},
                                          {"first", no_argument, NULL, '1'},
                                          {"one", required_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    unsigned count = 100000, from = 0, only = 0, failed = 0, tests = 0, wrong_max = 10;
    bool shown = false;
    int got;
    while ((got = getopt_long(argc, argv, "", known, NULL)) != -1) {
        unsigned n = optarg != NULL ? (unsigned)strtoul(optarg, NULL, 10) : 0;
        if (got == 'n') {
            count = n;
        } else if (got == 'f') {
            only = n;
        } else if (got == '1') {
            wrong_max = 1;
        } else if (got == 'o') {
            from = n;
            count = 1;
            shown = true;
        } else {
            fprintf(stderr, "walk [--count N] [--family 4|6] [--first] [--one NUMBER]\n");
            return 2;
        }
    }
    for (unsigned family = 4; family <= 6; family += 2) {
        if (only != 0 && only != family)
            continue;
        unsigned wrong = walk_many(family, from, count, shown, wrong_max);
        printf("%sok %u - %u walks, IPv%u\n", wrong != 0 ? "not " : "", ++tests, count, family);
        failed += wrong != 0;
    }
    printf("1..%u\n", tests);
    return failed != 0;
}
