/* SPDX-License-Identifier: MIT
 * The reference model: RFC 9293 section 3.10.7 (SEGMENT ARRIVES) as a table of rules, and a small
 * pure function that walks it. Nothing of src/tcp is known here: this is what weir is compared to.
 *
 * A rule says in which states and under which conditions it holds, what is then done, which state
 * follows, and whether the segment is done with. The rules stand in the order of the RFC's steps;
 * the walk goes once through them, from top to bottom. Where the RFC leaves a choice, the rule says
 * which one weir has made, and cites what allows it. */
#ifndef WEIR_TESTS_MODEL_H
#define WEIR_TESTS_MODEL_H

#include "base/seq.h"
#include "wire/tcp.h"

/* The states of RFC 9293 section 3.3.2. */
enum model_state {
    MODEL_CLOSED = 1,
    MODEL_LISTEN,
    MODEL_SYN_SENT,
    MODEL_SYN_RECEIVED,
    MODEL_ESTABLISHED,
    MODEL_FIN_WAIT_1,
    MODEL_FIN_WAIT_2,
    MODEL_CLOSE_WAIT,
    MODEL_LAST_ACK,
    MODEL_CLOSING,
    MODEL_TIME_WAIT,
    MODEL_STATE_END
};

/* A connection: the variables of section 3.3.1 and what else a rule asks for. */
struct model_conn {
    enum model_state state;
    bool passive;    /* SYN-RECEIVED was reached from LISTEN (MUST-11) */
    bool listener;   /* somebody listens on its local port */
    bool held;       /* the application has not let go of it */
    bool timestamps; /* agreed on (RFC 7323) */
    bool fin_sent;   /* snd_nxt counts our FIN */
    bool cookies;    /* LISTEN answers by cookies (RFC 4987 3.6): iss and irs are of one that is out */
    bool fast;       /* SYN-RECEIVED is the application's already (RFC 7413 4.2.2) */
    struct tcp_seq iss, irs;
    struct tcp_seq snd_una, snd_nxt, snd_wl1, snd_wl2;
    uint32_t snd_wnd, snd_wnd_max;
    struct tcp_seq rcv_nxt;
    uint32_t rcv_wnd;
    struct tcp_seq consumed; /* what the application has read */
    bool urgent;             /* it was told of urgent data up to rcv_up */
    struct tcp_seq rcv_up;
};

struct model_segment {
    unsigned flags; /* TCP_FIN ... TCP_CWR */
    struct tcp_seq seq, ack;
    uint32_t len; /* octets of data; SYN and FIN not counted */
    uint32_t window;
    uint16_t urgent;
    bool timestamps, timestamps_old; /* it has them; they are before TS.Recent */
};

enum model_reply_kind {
    MODEL_SILENT,
    MODEL_RST_OPTIONAL, /* a reset, or nothing: by numbers that are a secret of weir's */
    MODEL_ACK_OPTIONAL, /* an acknowledgment, or nothing: the RFC allows both */
    MODEL_ACK,
    MODEL_SYN_ACK,
    MODEL_RST,
    MODEL_RST_ACK
};

/* What is to be sent; of a SYN,ACK for a new connection, seq is not known (the ISS is drawn). */
struct model_reply {
    enum model_reply_kind kind;
    bool seq_drawn;
    struct tcp_seq seq, ack;
};

/* What is to be told, or happens beside states and segments. */
enum model_event {
    MODEL_CONNECTED = 1,    /* the handshake is complete */
    MODEL_REFUSED = 2,      /* "connection refused" */
    MODEL_RESET = 4,        /* "connection reset" */
    MODEL_GONE = 8,         /* deleted without an error of the peer's making */
    MODEL_PEER_CLOSED = 16, /* "connection closing" */
    MODEL_URGENT = 32,      /* the urgent pointer moved on */
    MODEL_RESTARTED = 64,   /* the 2 MSL time-out began again */
    MODEL_ABORTED = 128     /* reset by us: data that nobody will read (RFC 2525 2.17) */
};

enum { MODEL_RULES_HIT_MAX = 24 };

struct model_rule;

struct model_result {
    struct model_conn conn; /* afterwards */
    struct model_reply reply;
    unsigned events;     /* enum model_event */
    uint32_t skipped;    /* octets of the segment before those taken */
    uint32_t taken;      /* octets that were next in sequence, and are the application's now */
    uint32_t held;       /* octets kept above a hole */
    bool fin_held;       /* ... and so was its FIN, at ... */
    struct tcp_seq fin_at;
    uint32_t again_max;  /* octets that went with our SYN and may go with the answer again, or later */
    uint32_t queued_max; /* octets that came with a SYN, which may be acknowledged already or not */
    unsigned hit_count;  /* the rules that held, in order */
    const struct model_rule *hit[MODEL_RULES_HIT_MAX];
};

/* What is asked for in a rule: X(name, text, expression over c, s and w). w is what the walk has
 * made of the segment: its text and FIN, trimmed. */
#define MODEL_CONDITIONS(X)                                                                        \
    X(RST, "RST", (s->flags & TCP_RST) != 0)                                                       \
    X(SYN, "SYN", (s->flags & TCP_SYN) != 0 && !w->syn_cut)                                        \
    X(SYN_BIT, "SYN, trimmed off or not", (s->flags & TCP_SYN) != 0)                               \
    X(ACK, "ACK", (s->flags & TCP_ACK) != 0)                                                       \
    X(FIN, "FIN", (s->flags & TCP_FIN) != 0)                                                       \
    X(URG, "URG", (s->flags & TCP_URG) != 0)                                                       \
    X(URG_NEW, "SEG.UP not zero, > RCV.UP, in advance of what was consumed",                       \
      s->urgent != 0 && seq_gt(seq_add(s->seq, s->urgent), c->consumed) &&                         \
          (!c->urgent || seq_gt(seq_add(s->seq, s->urgent), c->rcv_up)))                           \
    X(PASSIVE, "came from LISTEN", c->passive)                                                     \
    X(LISTENER, "somebody listens", c->listener)                                                   \
    X(COOKIES, "it answers by cookies", c->cookies)                                                \
    X(COOKIE_BACK, "SEG.SEQ = IRS+1 and SEG.ACK = ISS+1 of a cookie",                              \
      c->cookies && seq_eq(s->seq, seq_add(c->irs, 1)) && seq_eq(s->ack, seq_add(c->iss, 1)))      \
    X(COOKIE_BEHIND, "SEG.ACK = ISS+1 of a cookie, and SEG.SEQ up to 2^20 above IRS+1",            \
      c->cookies && seq_eq(s->ack, seq_add(c->iss, 1)) &&                                          \
          seq_in(s->seq, seq_add(c->irs, 2), 1 << 20))                                             \
    X(COOKIE_NEAR, "SEG.ACK near that of a cookie",                                                \
      c->cookies && seq_in(s->ack, seq_sub(c->iss, 1 << 16), 1 << 17))                             \
    X(FAST, "open fast", c->fast)                                                                  \
    X(HELD, "the application holds it", c->held)                                                   \
    X(TS_MISSING, "timestamps agreed on and missing", c->timestamps && !s->timestamps)             \
    X(TS_OLD, "SEG.TSval < TS.Recent", c->timestamps && s->timestamps_old)                         \
    X(SEQ_IRS, "SEG.SEQ = IRS", seq_eq(s->seq, c->irs))                                            \
    X(SEQ_AFTER, "SEG.SEQ > RCV.NXT", seq_gt(s->seq, c->rcv_nxt))                                  \
    X(SEQ_EXACT, "SEG.SEQ = RCV.NXT", seq_eq(s->seq, c->rcv_nxt))                                  \
    X(SEQ_WINDOW, "SEG.SEQ in the window",                                                         \
      seq_in(s->seq, c->rcv_nxt, c->rcv_wnd) || seq_eq(s->seq, c->rcv_nxt))                        \
    X(ACCEPTABLE, "acceptable (table 6)", model_acceptable(c, s, w->syn_cut))                      \
    X(SHUT_WINDOW, "RCV.WND = 0", c->rcv_wnd == 0)                                                 \
    X(FIN_AGAIN, "its FIN is just before RCV.NXT",                                                 \
      (s->flags & TCP_FIN) != 0 && seq_eq(seq_add(s->seq, model_seg_len(s)), c->rcv_nxt))          \
    X(ACK_NEW, "SND.UNA < SEG.ACK =< SND.NXT",                                                     \
      seq_lt(c->snd_una, s->ack) && seq_leq(s->ack, c->snd_nxt))                                   \
    X(ACK_RANGE, "max(SND.UNA-MAX.SND.WND, ISS+1) =< SEG.ACK =< SND.NXT",                          \
      seq_leq(seq_max(seq_sub(c->snd_una, c->snd_wnd_max), seq_add(c->iss, 1)), s->ack) &&         \
          seq_leq(s->ack, c->snd_nxt))                                                             \
    X(ACK_CURRENT, "SND.UNA =< SEG.ACK =< SND.NXT",                                                \
      seq_leq(c->snd_una, s->ack) && seq_leq(s->ack, c->snd_nxt))                                  \
    X(WINDOW_NEWER, "SND.WL1 < SEG.SEQ, or equal and SND.WL2 =< SEG.ACK",                          \
      seq_lt(c->snd_wl1, s->seq) || (seq_eq(c->snd_wl1, s->seq) && seq_leq(c->snd_wl2, s->ack)))   \
    X(FIN_ACKED, "our FIN is acknowledged", c->fin_sent && seq_eq(c->snd_una, c->snd_nxt))         \
    X(ANY_TEXT, "text", s->len > 0)                                                                \
    X(TEXT, "text in the window", w->len > 0)                                                      \
    X(FIN_NEXT, "FIN at RCV.NXT", w->fin && seq_eq(seq_add(w->seq, w->len), c->rcv_nxt))           \
    X(FIN_ABOVE, "FIN above a hole", w->fin && !seq_eq(seq_add(w->seq, w->len), c->rcv_nxt))

enum model_condition {
    WHEN_NOTHING,
#define X(name, text, expression) WHEN_##name,
    MODEL_CONDITIONS(X)
#undef X
        WHEN_END,
    WHEN_NOT = 0x80 /* or-ed to one of the others */
};

/* What is done in a rule: X(name, text). */
#define MODEL_ACTIONS(X)                                                                           \
    X(SEND_ACK, "<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>")                                             \
    X(MAY_ACK, "maybe <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>")                                        \
    X(SEND_SYN_ACK, "<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>")                                         \
    X(MAY_RST, "maybe <SEQ=SEG.ACK><CTL=RST>")                                                     \
    X(SEND_RST, "<SEQ=SEG.ACK><CTL=RST>")                                                          \
    X(SEND_RST_ACK, "<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>")                                   \
    X(SEND_ABORT, "<SEQ=SND.NXT><CTL=RST>")                                                        \
    X(NEW_TCB, "RCV.NXT = SEG.SEQ+1, IRS = SEG.SEQ, ISS drawn, SND.UNA = ISS, SND.NXT = ISS+1")    \
    X(TAKE_SYN, "RCV.NXT = SEG.SEQ+1, IRS = SEG.SEQ")                                              \
    X(TAKE_COOKIE, "RCV.NXT = SEG.SEQ, IRS = SEG.SEQ-1, ISS = SEG.ACK-1, SND.NXT = SEG.ACK")       \
    X(QUEUE_TEXT, "text queued until ESTABLISHED, or left to come again")                          \
    X(CUT_SYN, "the SYN, which was there before, is trimmed off")                                  \
    X(TRIM, "text and FIN outside the window are trimmed off")                                     \
    X(TAKE_ACK, "SND.UNA = SEG.ACK")                                                               \
    X(KEEP_EDGE, "SND.WND less what is newly acknowledged")                                        \
    X(TAKE_WINDOW, "SND.WND = SEG.WND, SND.WL1 = SEG.SEQ, SND.WL2 = SEG.ACK")                      \
    X(TAKE_TEXT, "text delivered, or kept above a hole")                                           \
    X(HOLD_FIN, "FIN kept above a hole")                                                           \
    X(TAKE_FIN, "RCV.NXT over the FIN, \"connection closing\"")                                    \
    X(TELL_CONNECTED, "\"connected\"")                                                             \
    X(TELL_REFUSED, "\"connection refused\"")                                                      \
    X(TELL_RESET, "\"connection reset\"")                                                          \
    X(TELL_GONE, "TCB deleted")                                                                    \
    X(TELL_ABORTED, "reset by us")                                                                 \
    X(TELL_URGENT, "RCV.UP = SEG.UP, \"urgent data\"")                                                 \
    X(RESTART, "restart the 2 MSL time-out")

enum model_action {
    DO_NOTHING,
#define X(name, text) DO_##name,
    MODEL_ACTIONS(X)
#undef X
        DO_END
};

enum { MODEL_WHEN_MAX = 6, MODEL_THEN_MAX = 6 };

struct model_rule {
    const char *where; /* section and step of RFC 9293, or the other source */
    const char *id;    /* requirement, or row of the catalogue */
    uint16_t step;     /* section 3.10.7.x and step y as 10 x + y: rules are sorted by it */
    uint16_t in;       /* 1 << enum model_state: the states it is for */
    uint8_t when[MODEL_WHEN_MAX]; /* enum model_condition: all hold */
    uint8_t then[MODEL_THEN_MAX]; /* enum model_action, in order */
    uint8_t next;                 /* enum model_state; 0: it stays */
    uint16_t go;                  /* the step to go on with; 0: the next rule */
};

enum { MODEL_RETURN = 0xffff }; /* in `go`: the segment is done with */

extern const struct model_rule model_rules[];
extern const unsigned model_rule_count;

/* SEG.LEN: data, SYN and FIN. */
uint32_t model_seg_len(const struct model_segment *s);

/* Table 6 of section 3.10.7.4; with syn_cut as if the SYN were not there. */
bool model_acceptable(const struct model_conn *c, const struct model_segment *s, bool syn_cut);

/* SEGMENT ARRIVES: what becomes of the connection, and what is answered. Pure. */
struct model_result model_segment_arrives(const struct model_conn *c,
                                          const struct model_segment *s);

/* Names, for messages; "?" for a number that is none. */
const char *model_state_name(unsigned state);
const char *model_reply_name(unsigned kind);
const char *model_condition_text(unsigned condition);
const char *model_action_text(unsigned action);

#endif
