/* SPDX-License-Identifier: MIT */
#include "compare.h"

#include <inttypes.h>
#include <stdio.h>

#define X(name)                                                                                    \
    _Static_assert((int)MODEL_##name == (int)WEIR_TCP_##name, "the numbers of RFC 4022");
X(CLOSED)
X(LISTEN)
X(SYN_SENT)
X(SYN_RECEIVED)
X(ESTABLISHED)
X(FIN_WAIT_1)
X(FIN_WAIT_2)
X(CLOSE_WAIT)
X(LAST_ACK)
X(CLOSING)
X(TIME_WAIT)
#undef X

static enum model_reply_kind kind_of(const struct rig_out *out)
{
    switch (out->header.flags & (TCP_SYN | TCP_RST | TCP_ACK | TCP_FIN)) {
    case TCP_ACK:
        return MODEL_ACK;
    case TCP_SYN | TCP_ACK:
        return MODEL_SYN_ACK;
    case TCP_RST:
        return MODEL_RST;
    case TCP_RST | TCP_ACK:
        return MODEL_RST_ACK;
    default:
        return MODEL_SILENT;
    }
}

static const char *compare_reply(const struct rig *r, const struct model_result *m)
{
    const struct model_reply *want = &m->reply;
    if (r->out_count == 0)
        return want->kind > MODEL_ACK_OPTIONAL ? "no answer" : NULL;
    if (r->out_count > 1)
        return "more than one answer";
    const struct rig_out *out = &r->out[0];
    enum model_reply_kind kind = want->kind == MODEL_ACK_OPTIONAL   ? MODEL_ACK
                                 : want->kind == MODEL_RST_OPTIONAL ? MODEL_RST
                                                                    : want->kind;
    if ((m->events & MODEL_ABORTED) != 0 && kind_of(out) == MODEL_RST_ACK)
        kind = MODEL_RST_ACK; /* an abort may say what was received */
    bool again = out->len > 0 && out->len <= m->again_max &&
                 seq_eq(out->header.seq, m->conn.snd_una);
    if (kind == MODEL_SILENT || (out->len > 0 && !again) || kind_of(out) != kind)
        return "another answer";
    if (!want->seq_drawn && !again && !seq_eq(out->header.seq, want->seq))
        return "sequence number of the answer";
    if (kind == MODEL_RST)
        return NULL;
    bool abort = (m->events & MODEL_ABORTED) != 0;
    uint32_t beyond = (uint32_t)seq_diff(out->header.ack, abort ? m->conn.rcv_nxt : want->ack);
    if (beyond != 0 && (kind != MODEL_SYN_ACK || beyond > m->queued_max))
        return "acknowledgment number of the answer";
    struct tcp_seq edge = seq_add(m->conn.rcv_nxt, m->conn.rcv_wnd);
    if (kind == MODEL_ACK && seq_lt(seq_add(out->header.ack, out->header.window), edge))
        return "the right edge moved left";
    return NULL;
}

bool compare_is_record(const struct rig_view *view)
{
    return view->info.handle.index == 0 && view->info.handle.generation == 0;
}

static const char *compare_state(const struct rig *r, const struct rig_view *view,
                                 const struct model_result *m)
{
    const struct model_conn *c = &m->conn;
    bool gone = c->state == MODEL_CLOSED || c->state == MODEL_LISTEN;
    if (gone || !view->present)
        return gone != view->present ? NULL : "state";
    const struct weir_tcp_info *info = &view->info;
    if (info->state != c->state)
        return "state";
    if (c->state == MODEL_SYN_SENT)
        return NULL;
    if (info->rcv_nxt - c->rcv_nxt.v > m->queued_max)
        return "RCV.NXT";
    bool drawn = m->reply.seq_drawn;
    if (!drawn && info->snd_nxt != c->snd_nxt.v && info->snd_nxt != c->snd_nxt.v - m->again_max)
        return "SND.NXT";
    if (drawn && (info->snd_nxt != info->iss + 1 || info->iss != r->out[0].header.seq.v))
        return "ISS";
    if (compare_is_record(view))
        return NULL;
    if (info->snd_una != c->snd_una.v)
        return "SND.UNA";
    if (info->snd_wnd_bytes != c->snd_wnd && c->state != MODEL_SYN_RECEIVED)
        return "SND.WND";
    return NULL;
}

static const char *compare_events(const struct rig *r, const struct rig_view *view,
                                  const struct model_result *m)
{
    bool held = r->conn.held && (r->handle.index != 0 || r->handle.generation != 0);
    bool closed = (r->event_bits & WEIR_EVENT_CLOSED) != 0;
    bool connected = held ? (r->event_bits & WEIR_EVENT_CONNECTED) != 0 : r->accepted;
    if (connected != ((m->events & MODEL_CONNECTED) != 0))
        return "connected";
    if (!held)
        return NULL;
    bool refused = closed && r->event_error == WEIR_E_REFUSED;
    bool reset = closed && r->event_error == WEIR_E_RESET;
    if (refused != ((m->events & MODEL_REFUSED) != 0))
        return "\"connection refused\"";
    if ((m->events & MODEL_GONE) == 0 && reset != ((m->events & MODEL_RESET) != 0))
        return "\"connection reset\"";
    if (closed != (m->conn.state == MODEL_CLOSED) && m->conn.state != MODEL_TIME_WAIT)
        return "\"closed\"";
    if (((r->event_bits & WEIR_EVENT_PEER_CLOSED) != 0) !=
        ((m->events & MODEL_PEER_CLOSED) != 0))
        return "\"connection closing\"";
    bool urgent = (r->event_bits & WEIR_EVENT_URGENT) != 0;
    if (urgent != ((m->events & MODEL_URGENT) != 0))
        return "urgent";
    if (r->conn.state == MODEL_TIME_WAIT && view->present &&
        view->info.state == WEIR_TCP_TIME_WAIT &&
        (view->info.timer_in >= RIG_TIME_WAIT_MS * WEIR_NS_PER_MS) !=
            ((m->events & MODEL_RESTARTED) != 0))
        return "the 2 MSL time-out";
    return NULL;
}

const char *compare(const struct rig *r, const struct rig_view *view, const struct model_result *m)
{
    const char *what = r->trouble;
    what = what != NULL ? what : compare_state(r, view, m);
    what = what != NULL ? what : compare_reply(r, m);
    return what != NULL ? what : compare_events(r, view, m);
}

/* ---- messages ---- */

static const char *flags_text(char *text, unsigned flags)
{
    char *start = text;
    static const char names[] = "FSRPAUEC";
    for (unsigned i = 0; i < 8; i++)
        if ((flags >> i & 1) != 0)
            *text++ = names[i];
    *text = '\0';
    return start;
}

static void show_rules(const struct model_result *m)
{
    for (unsigned i = 0; i < m->hit_count; i++) {
        const struct model_rule *rule = m->hit[i];
        printf("#     %s (%s)", rule->where, rule->id);
        for (unsigned k = 0; k < MODEL_THEN_MAX && rule->then[k] != 0; k++)
            printf("; %s", model_action_text(rule->then[k]));
        printf("%s%s\n", rule->next != 0 ? "; enter " : "",
               rule->next != 0 ? model_state_name(rule->next) : "");
    }
}

static int32_t relative(struct tcp_seq a, struct tcp_seq b)
{
    return seq_diff(a, b);
}

static void show_weir(const struct rig *r, const struct rig_view *view)
{
    char flags[12];
    const struct model_conn *c = &r->conn;
    printf("#   weir: %s, %u answers", view->present ? model_state_name(view->info.state) : "gone",
           r->out_count);
    for (unsigned i = 0; i < r->out_count; i++)
        printf(" [%s] seq SND.NXT%+" PRId32 " ack RCV.NXT%+" PRId32 " len %" PRIu32,
               flags_text(flags, r->out[i].header.flags & 0xff),
               relative(r->out[i].header.seq, c->snd_nxt),
               relative(r->out[i].header.ack, c->rcv_nxt), r->out[i].len);
    printf("\n#     RCV.NXT%+" PRId32 ", SND.UNA%+" PRId32 ", SND.WND %" PRIu32 ", %" PRIu64
           " octets to be read, %" PRIu64 " held, events 0x%" PRIx32 " error %d\n",
           (int32_t)(view->info.rcv_nxt - c->rcv_nxt.v),
           (int32_t)(view->info.snd_una - c->snd_una.v), view->info.snd_wnd_bytes,
           view->info.receive_queue_bytes, view->info.reassembly_bytes, r->event_bits,
           r->event_error);
}

void compare_show(const struct rig *r, const struct rig_view *view, const struct model_segment *s,
                  const struct model_result *m)
{
    char flags[12];
    const struct model_conn *c = &r->conn;
    printf("#   %s (%s), IPv%u; segment [%s] seq RCV.NXT%+" PRId32 " (window %" PRIu32
           "), ack SND.UNA%+" PRId32 " SND.NXT%+" PRId32 ", %" PRIu32 " octets, window %" PRIu32
           "\n",
           model_state_name(c->state), rig_setup_text(r->setup), r->family,
           flags_text(flags, s->flags), relative(s->seq, c->rcv_nxt), c->rcv_wnd,
           relative(s->ack, c->snd_una), relative(s->ack, c->snd_nxt), s->len, s->window);
    printf("#   by the RFC: %s, answer %s", model_state_name(m->conn.state),
           model_reply_name(m->reply.kind));
    printf(" seq SND.NXT%+" PRId32 " ack RCV.NXT%+" PRId32 ", %" PRIu32 " octets taken, %" PRIu32
           " held, events 0x%x, SND.WND %" PRIu32 "\n",
           relative(m->reply.seq, c->snd_nxt), relative(m->reply.ack, c->rcv_nxt), m->taken,
           m->held, m->events, m->conn.snd_wnd);
    show_rules(m);
    show_weir(r, view);
}
