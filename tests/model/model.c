/* SPDX-License-Identifier: MIT */
#include "model.h"

/* What the walk has made of the segment so far. */
struct work {
    bool syn_cut;
    bool fin;           /* FIN, within the window */
    struct tcp_seq seq; /* text, within the window */
    uint32_t len;
};

uint32_t model_seg_len(const struct model_segment *s)
{
    return tcp_segment_seq_len(s->flags, s->len);
}

bool model_acceptable(const struct model_conn *c, const struct model_segment *s, bool syn_cut)
{
    struct tcp_seq first = seq_add(s->seq, syn_cut ? 1 : 0);
    uint32_t len = model_seg_len(s) - (syn_cut ? 1 : 0);
    if (len == 0 && c->rcv_wnd == 0)
        return seq_eq(first, c->rcv_nxt);
    if (len == 0)
        return seq_in(first, c->rcv_nxt, c->rcv_wnd);
    if (c->rcv_wnd == 0)
        return false;
    /* The table forgets the segment that begins before the window and ends behind it, of which
     * "only the new parts are processed" like those of any other (ATK-HDR-14). */
    return seq_in(first, c->rcv_nxt, c->rcv_wnd) ||
           seq_in(seq_add(first, len - 1), c->rcv_nxt, c->rcv_wnd) ||
           seq_in(c->rcv_nxt, first, len);
}

static bool holds(unsigned condition, const struct model_conn *c, const struct model_segment *s,
                  const struct work *w)
{
    switch (condition) {
#define X(name, text, expression)                                                                  \
    case WHEN_##name:                                                                              \
        return (expression);
        MODEL_CONDITIONS(X)
#undef X
    default:
        return true;
    }
}

static bool applies(const struct model_rule *rule, const struct model_conn *c,
                    const struct model_segment *s, const struct work *w)
{
    if ((rule->in >> c->state & 1) == 0)
        return false;
    for (unsigned i = 0; i < MODEL_WHEN_MAX; i++) {
        bool wanted = (rule->when[i] & WHEN_NOT) == 0;
        unsigned condition = rule->when[i] & ~(unsigned)WHEN_NOT;
        if (condition != WHEN_NOTHING && holds(condition, c, s, w) != wanted)
            return false;
    }
    return true;
}

/* Text and FIN that lie in [RCV.NXT, RCV.NXT+RCV.WND). */
static void trim(const struct model_conn *c, const struct model_segment *s, struct work *w)
{
    struct tcp_seq edge = seq_add(c->rcv_nxt, c->rcv_wnd);
    struct tcp_seq first = seq_add(s->seq, (s->flags & TCP_SYN) != 0 ? 1 : 0);
    struct tcp_seq end = seq_add(first, s->len);
    struct tcp_seq from = seq_max(first, c->rcv_nxt), to = seq_min(end, edge);
    w->fin = (s->flags & TCP_FIN) != 0 && seq_in(end, c->rcv_nxt, c->rcv_wnd);
    w->len = seq_lt(from, to) ? (uint32_t)seq_diff(to, from) : 0;
    w->seq = w->len > 0 ? from : end;
}

static void take_text(struct model_result *r, const struct model_segment *s, const struct work *w)
{
    struct tcp_seq first = seq_add(s->seq, (s->flags & TCP_SYN) != 0 ? 1 : 0);
    r->skipped = (uint32_t)seq_diff(w->seq, first);
    if (!seq_eq(w->seq, r->conn.rcv_nxt)) {
        r->held = w->len;
        return;
    }
    r->taken = w->len;
    r->conn.rcv_nxt = seq_add(r->conn.rcv_nxt, w->len);
    r->conn.rcv_wnd -= w->len;
}

/* The stronger answer wins: a RST over a SYN,ACK over an ACK. */
static void reply(struct model_result *r, enum model_reply_kind kind, struct tcp_seq seq,
                  struct tcp_seq ack)
{
    if (kind > r->reply.kind)
        r->reply = (struct model_reply){.kind = kind, .seq = seq, .ack = ack};
}

/* <SEQ=SND.NXT>, but where the peer has shrunk the window below what was sent: then its right edge,
 * or the peer could not accept the answer (A.2). */
static struct tcp_seq answer_seq(const struct model_conn *c)
{
    if (c->state == MODEL_SYN_SENT || c->state == MODEL_SYN_RECEIVED)
        return c->snd_nxt;
    return seq_min(c->snd_nxt, seq_add(c->snd_una, c->snd_wnd));
}

static void do_reply(unsigned action, struct model_result *r, const struct model_segment *s)
{
    struct tcp_seq none = {0};
    switch (action) {
    case DO_SEND_ACK: /* its numbers are those at the end of the walk */
        reply(r, MODEL_ACK, none, none);
        break;
    case DO_MAY_ACK:
        reply(r, MODEL_ACK_OPTIONAL, none, none);
        break;
    case DO_SEND_SYN_ACK:
        reply(r, MODEL_SYN_ACK, r->conn.iss, none);
        break;
    case DO_MAY_RST:
        reply(r, MODEL_RST_OPTIONAL, s->ack, none);
        break;
    case DO_SEND_RST:
        reply(r, MODEL_RST, s->ack, none);
        break;
    case DO_SEND_RST_ACK:
        reply(r, MODEL_RST_ACK, none, seq_add(s->seq, model_seg_len(s)));
        break;
    case DO_SEND_ABORT:
        reply(r, MODEL_RST, answer_seq(&r->conn), none);
        break;
    default:
        break;
    }
}

static void new_tcb(struct model_conn *c, uint32_t window)
{
    c->passive = true;
    c->fin_sent = false;
    c->snd_wnd = 0;
    c->snd_wnd_max = window;
    c->iss = seq_make(0); /* drawn: the comparison takes it from the SYN,ACK */
    c->snd_una = c->iss;
    c->snd_nxt = seq_add(c->iss, 1);
}

static void tell(unsigned action, struct model_result *r)
{
    static const uint16_t events[DO_END] = {
        [DO_TELL_CONNECTED] = MODEL_CONNECTED, [DO_TELL_REFUSED] = MODEL_REFUSED,
        [DO_TELL_RESET] = MODEL_RESET,         [DO_TELL_GONE] = MODEL_GONE,
        [DO_TELL_ABORTED] = MODEL_ABORTED,     [DO_RESTART] = MODEL_RESTARTED,
        [DO_TAKE_FIN] = MODEL_PEER_CLOSED,     [DO_TELL_URGENT] = MODEL_URGENT,
    };
    r->events |= events[action];
}

static void take(unsigned action, struct model_result *r, const struct model_segment *s,
                 struct work *w)
{
    struct model_conn *c = &r->conn;
    switch (action) {
    case DO_NEW_TCB:
        new_tcb(c, s->window);
        r->reply.seq_drawn = true; /* kept by the SYN,ACK that follows */
        c->irs = s->seq;
        c->rcv_nxt = c->consumed = seq_add(s->seq, 1);
        break;
    case DO_TAKE_SYN:
        c->irs = s->seq;
        c->rcv_nxt = c->consumed = seq_add(s->seq, 1);
        break;
    case DO_TAKE_COOKIE:
        c->passive = true;
        c->irs = seq_sub(s->seq, 1);
        c->rcv_nxt = c->consumed = s->seq;
        c->iss = c->snd_una = seq_sub(s->ack, 1);
        c->snd_nxt = s->ack;
        c->snd_wnd = c->snd_wnd_max = 0;
        break;
    case DO_QUEUE_TEXT:
        r->queued_max = s->len;
        break;
    case DO_CUT_SYN:
        w->syn_cut = true;
        break;
    case DO_TRIM:
        trim(c, s, w);
        break;
    case DO_TAKE_ACK:
        c->snd_una = s->ack;
        break;
    case DO_KEEP_EDGE: {
        uint32_t acked = (uint32_t)seq_diff(s->ack, c->snd_una);
        c->snd_wnd -= acked < c->snd_wnd ? acked : c->snd_wnd;
        break;
    }
    case DO_TAKE_WINDOW:
        c->snd_wnd = s->window;
        c->snd_wl1 = s->seq;
        c->snd_wl2 = s->ack;
        break;
    case DO_TAKE_TEXT:
        take_text(r, s, w);
        break;
    case DO_HOLD_FIN:
        r->fin_held = true;
        r->fin_at = seq_add(w->seq, w->len);
        break;
    case DO_TAKE_FIN:
        c->rcv_nxt = seq_add(c->rcv_nxt, 1);
        c->rcv_wnd--;
        break;
    case DO_TELL_URGENT:
        c->urgent = true;
        c->rcv_up = seq_add(s->seq, s->urgent);
        break;
    default:
        break;
    }
}

static void finish(struct model_result *r, bool drawn)
{
    if (r->reply.kind == MODEL_ACK && r->conn.state == MODEL_CLOSED)
        r->reply.kind = MODEL_ACK_OPTIONAL; /* nobody is left to send it */
    if (r->reply.kind == MODEL_ACK || r->reply.kind == MODEL_ACK_OPTIONAL) {
        r->reply.seq = answer_seq(&r->conn);
        r->reply.ack = r->conn.rcv_nxt;
    } else if (r->reply.kind == MODEL_SYN_ACK) {
        r->reply.ack = r->conn.rcv_nxt;
        r->reply.seq_drawn = drawn;
    }
    if (r->conn.snd_wnd > r->conn.snd_wnd_max)
        r->conn.snd_wnd_max = r->conn.snd_wnd;
}

struct model_result model_segment_arrives(const struct model_conn *c,
                                          const struct model_segment *s)
{
    struct model_result r = {.conn = *c};
    struct work w = {0};
    bool drawn = false;
    unsigned step = 0;
    for (unsigned i = 0; i < model_rule_count && step != MODEL_RETURN; i++) {
        const struct model_rule *rule = &model_rules[i];
        if (rule->step < step || !applies(rule, &r.conn, s, &w))
            continue;
        if (r.hit_count < MODEL_RULES_HIT_MAX)
            r.hit[r.hit_count++] = rule;
        for (unsigned k = 0; k < MODEL_THEN_MAX; k++) {
            drawn = drawn || rule->then[k] == DO_NEW_TCB;
            take(rule->then[k], &r, s, &w);
            tell(rule->then[k], &r);
            do_reply(rule->then[k], &r, s);
        }
        if (rule->next != 0)
            r.conn.state = (enum model_state)rule->next;
        if (rule->go != 0)
            step = rule->go;
    }
    finish(&r, drawn);
    if (c->state == MODEL_SYN_SENT) /* RFC 7413 4.2.2 */
        r.again_max = (uint32_t)seq_diff(c->snd_nxt, seq_max(r.conn.snd_una, seq_add(c->iss, 1)));
    return r;
}

const char *model_state_name(unsigned state)
{
    static const char *const names[MODEL_STATE_END] = {
        [MODEL_CLOSED] = "CLOSED",         [MODEL_LISTEN] = "LISTEN",
        [MODEL_SYN_SENT] = "SYN-SENT",     [MODEL_SYN_RECEIVED] = "SYN-RECEIVED",
        [MODEL_ESTABLISHED] = "ESTABLISHED", [MODEL_FIN_WAIT_1] = "FIN-WAIT-1",
        [MODEL_FIN_WAIT_2] = "FIN-WAIT-2", [MODEL_CLOSE_WAIT] = "CLOSE-WAIT",
        [MODEL_LAST_ACK] = "LAST-ACK",     [MODEL_CLOSING] = "CLOSING",
        [MODEL_TIME_WAIT] = "TIME-WAIT",
    };
    return state < MODEL_STATE_END && names[state] != NULL ? names[state] : "?";
}

const char *model_reply_name(unsigned kind)
{
    static const char *const names[] = {
        "nothing", "RST or nothing", "ACK or nothing", "ACK", "SYN,ACK", "RST", "RST,ACK",
    };
    return kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}

const char *model_condition_text(unsigned condition)
{
    static const char *const texts[WHEN_END] = {
#define X(name, text, expression) [WHEN_##name] = text,
        MODEL_CONDITIONS(X)
#undef X
    };
    return condition < WHEN_END && texts[condition] != NULL ? texts[condition] : "?";
}

const char *model_action_text(unsigned action)
{
    static const char *const texts[DO_END] = {
#define X(name, text) [DO_##name] = text,
        MODEL_ACTIONS(X)
#undef X
    };
    return action < DO_END && texts[action] != NULL ? texts[action] : "?";
}
