/* SPDX-License-Identifier: MIT
 * The transmission control block and the records beside it.
 *
 * Sequence numbers inside are 64 bits wide and never wrap: the low 32 are what stands on the wire,
 * and they are at the same time the offsets of the two rings. A connection begins at
 * TCP_OFFSET_BASE + ISS, so that what is a little older than the ISN is still positive. On the
 * sending side SYN takes iss, data [iss + 1, snd_tail), FIN snd_tail; on the receiving side alike.
 * Plain < compares them; tcp_unwrap() brings a number from the wire in.
 *
 * Tiers: the endpoint itself, always; a flight while data or FIN is outstanding; compact records
 * for SYN-RECEIVED of passive opens and for TIME-WAIT. */
#ifndef WEIR_TCP_CONN_H
#define WEIR_TCP_CONN_H

#include "base/events.h"
#include "base/ranges.h"
#include "base/ring.h"
#include "base/seq.h"
#include "net/neighbour.h"
#include "net/timer.h"
#include "tcp/cc.h"
#include "weir/tcp.h"

#define TCP_OFFSET_BASE (UINT64_C(1) << 32)
#define TCP_NONE UINT32_MAX

enum {
    TCP_RTO_INITIAL_MS = 1000,  /* before the first sample (RFC 6298 2.1) */
    TCP_RTO_SYN_LOST_MS = 3000, /* the same for data, when a SYN was lost (RFC 6298 5.7) */
    TCP_RTO_MAX_MS = 60000,     /* the least ceiling that RFC 6298 2.5 allows */
    TCP_R2_DATA_MS = 900000,    /* R2 without a user timeout (SHLD-11: at least 100 s) */
    TCP_BACKOFF_MAX = 16,       /* doublings: from the least RTO to beyond the ceiling */
    TCP_RUN_SEGMENTS_MAX = 64,
    TCP_RUN_BYTES_MAX = 65536,
    TCP_RUNS_INLINE = 4,
    TCP_DUP_ACKS_DUE_MAX = 64,
    TCP_SACK_RECENT_MAX = 4,
    TCP_QUICK_ACKS = 16, /* acknowledgments sent at once when a connection begins */
    TCP_WINDOW_MAX = 65535 << 14,
    TCP_MSS_DEFAULT_IP4 = 536,  /* RFC 9293 MUST-15 */
    TCP_MSS_DEFAULT_IP6 = 1220, /* RFC 9293 MUST-15 */
    TCP_TIMESTAMPS_BYTES = 12,  /* options of each segment with timestamps: NOP NOP timestamps */
    TCP_MSS_MIN = 48,           /* payload of a segment: never less, whatever a peer says */
    TCP_FAST_OPEN_COOKIE_MAX = 16 /* RFC 7413 4.1.1 */
};

/* ---- what is there for a while ---- */

/* Segments that were sent together: [start, end), FIN counted, cut at start + k * mss. */
struct tcp_run {
    uint64_t start, end;
    weir_time sent;         /* for the first time */
    uint64_t retransmitted; /* bit k: segment k was sent again */
    uint16_t mss;
};

/* While something but a SYN is outstanding. Its log covers [snd_una, snd_max): the first run may
 * begin below snd_una. */
struct tcp_flight {
    struct tcp_run inlined[TCP_RUNS_INLINE]; /* run number n at n % TCP_RUNS_INLINE, until ... */
    struct ring spilled;                     /* ... there are more: then all of them here */
    uint64_t run_first, run_end;             /* run numbers: run_end - run_first of them */
    bool spills;
    uint8_t recovery;  /* enum weir_tcp_recovery */
    uint8_t dupacks;   /* in a row, capped */
    bool rtx_first;    /* retransmit the segment at snd_una now */
    bool partial_seen; /* the first partial ACK of this recovery came (RFC 6582 3.2 step 3) */
    bool timer_begun;  /* ... and the timer was begun anew for it: not for those that follow */
    uint8_t expiries;  /* of the retransmission timer since snd_una moved */
    uint32_t inflatable; /* bytes that duplicates may add to cwnd before snd_una moves */
    uint64_t timed_out;  /* snd_una when the timer expired last */
    uint64_t recover;  /* snd_max when recovery began (RFC 6582) */
    uint64_t snd_sml;  /* past the last segment sent that was not full (Minshall's rule); or 0 */

    /* The search for the path MTU (pmtud.c). */
    uint64_t probe_start, probe_end; /* the one probe that is out; equal: none */
    uint64_t spared_end; /* past a probe whose loss began this recovery, and cost no cwnd; or 0 */
    uint64_t report_start, report_end; /* what a pending report is about: refuted when it arrives */
    uint32_t spared_cwnd; /* with spared_end: to go on with */
    uint16_t probe_mtu;  /* what the probe is to prove */
    uint16_t report_mtu; /* of a report that waits for evidence; 0: none */
    uint16_t report_len; /* payload of its test */
    uint8_t report_tests; /* segments of the test that went out */
    bool report_doubted;  /* what lies behind it arrived, and was larger than it claims */
    uint8_t echoes;       /* duplicate ACKs that tests will bring, before echoes_end is passed */
    uint64_t echoes_end;
};

/* While data is held above a hole, or a duplicate is to be reported. */
struct tcp_holes {
    struct ranges islands; /* what is held above rcv_nxt */
    uint64_t fin;          /* where the peer's FIN stands, that came above a hole; 0: it did not */
    uint64_t dsack_start, dsack_end;       /* the duplicate to report (RFC 2883); equal: none */
    uint64_t recent[TCP_SACK_RECENT_MAX]; /* a byte in each island changed last, newest first */
    uint8_t recent_count;
    uint32_t conn;       /* whose they are */
    uint32_t next, prev; /* in the room's list of them */
    uint32_t since;      /* when nothing worth a segment comes in sequence; tcp_tick() */
};

/* What explains a connection afterwards (account.c): each has one while tcp_accounts_max allows. */
struct tcp_account {
    uint32_t limited_ms[WEIR_TCP_LIMIT_COUNT]; /* until `since_ms`; low bits: see limited_high */
    uint32_t since_ms; /* `limit` is what limits since then: milliseconds, low bits: see since_high */
    uint32_t segments_in, segments_out, data_segments_in, data_segments_out;
    uint32_t retransmits, bytes_retransmitted;
    uint32_t dupacks_in, dupacks_out;
    uint32_t cwnd_max;
    uint16_t limited_count[WEIR_TCP_LIMIT_COUNT]; /* here and below: 65535 and more stay there */
    uint16_t congestion_signals, zero_windows_in, zero_windows_out;
    uint16_t fast_retransmits;
    uint16_t since_high;
    uint8_t limited_high[WEIR_TCP_LIMIT_COUNT]; /* an idle connection outlives 2^32 ms */
    uint8_t limit : 7; /* enum weir_tcp_limit */
    bool running : 1;  /* since it is established, until it is over */
};

_Static_assert(sizeof(struct tcp_account) <= 88, "beside each idle connection");

/* ---- the endpoint ---- */

/* Work for output, beside what tcp_plan() sees by itself. */
enum {
    TCP_WORK_SYN = 1,       /* (re)send SYN; or SYN,ACK when SYN-RECEIVED by simultaneous open */
    TCP_WORK_PROBE = 2,     /* the persist timer expired */
    TCP_WORK_KEEPALIVE = 4, /* the keepalive timer expired */
    TCP_WORK_ACK = 8,       /* acknowledge now, unless something that is sent does so */
    TCP_WORK_UNCORK = 16    /* a cork has held long enough */
};

enum tcp_repair {
    TCP_REPAIR_NONE,
    TCP_REPAIR_RETRANSMIT,
    TCP_REPAIR_PERSIST, /* nothing outstanding, and the window does not let enough go */
    TCP_REPAIR_CORK     /* nothing outstanding, and a cork holds a small segment back */
};

/* What can be set; a listener hands it down. Names as in weir/tcp.h. */
struct tcp_settings {
    bool nodelay : 1, cork : 1, minshall : 1, urgent_inline : 1;
    bool keepalive : 1, keepalive_octet : 1, quick_ack : 1, soft_errors : 1;
    bool window_scale : 1, timestamps : 1, sack : 1;
    bool tune : 1, user_timeout_option : 1, path_probe : 1, fast_open : 1, ask : 1;
    uint8_t keepalive_probes, ttl, traffic_class, initial_window;
    uint16_t keepalive_idle_s, keepalive_interval_s, delayed_ack_ms, mss_max, rto_min_ms;
    uint32_t user_timeout_ms, send_bytes_max, receive_bytes_max;
};

/* Index lists of connections or SYN records, linked by a field of theirs. */
struct tcp_list {
    uint32_t first, last; /* TCP_NONE */
};

/* What only a listener has, in the place of a connection's receive ring. */
struct tcp_listening {
    uint32_t backlog;
    uint32_t handshakes;                /* SYN-RECEIVED records that belong to it ... */
    uint32_t own_first;                 /* ... linked by own_next; TCP_NONE */
    uint32_t waiting;                   /* connections in its accept queue ... */
    uint32_t accept_first, accept_last; /* ... linked by accept_next; TCP_NONE */
    struct tcp_list asked; /* records not told of yet, by ready_next */
    uint32_t cookie_s; /* with cookies_out: when one was sent last; seconds of the clock */
    bool cookies_out;
};

/* A connection, or a listener, or an endpoint that is neither yet (CLOSED). */
struct tcp_conn {
    /* Who it is. source.handle.index is its index in the pool. */
    struct event_source source;
    union { /* a connection that waits for its neighbour is woken in bounded time: no timer then */
        struct net_timer timer; /* armed at or before the earliest of the deadlines below */
        struct neighbour_waiter waiter;
    };
    struct weir_addr local, remote;
    uint16_t local_port, remote_port;
    uint8_t state;   /* enum weir_tcp_state */
    uint8_t work;    /* TCP_WORK_... */
    uint8_t repair;  /* enum tcp_repair: what repair_at is for */
    uint8_t ifindex; /* of its path */

    bool on_ready : 1;      /* in the ready list of ifindex */
    bool parked : 1;        /* waits for its neighbour */
    bool wants_flight : 1;  /* has none, and is in the list of those that wait for one */
    bool in_table : 1;      /* its tuple is in the table of tuples */
    bool on_port : 1;       /* it is in the list of its local port */
    bool reuse : 1;         /* others may have its address and port */
    bool active : 1;        /* opened by us */
    bool may_fragment : 1;  /* IPv4: the path is smaller than we believe routers: DF clear */
    bool fixed_ifindex : 1; /* the application chose the interface */
    bool released : 1;      /* the application let go of it */
    bool closed_told : 1;   /* CLOSED was raised ... */
    bool closed_read : 1;   /* ... and read */
    bool fin_queued : 1;    /* FIN follows the data */
    bool fin_received : 1;  /* rcv_nxt is past the peer's FIN */
    bool receive_shut : 1;  /* what comes is acknowledged and thrown away */
    bool timestamps : 1;    /* agreed on */
    bool sack : 1;          /* agreed on */
    bool scaling : 1;       /* agreed on */
    bool syn_lost : 1;      /* the SYN had to be sent again */
    bool urgent_out : 1;    /* snd_up is ahead of snd_una */
    bool urgent_untold : 1; /* snd_up moved, and no segment said so yet */
    bool urgent_in : 1;     /* rcv_up is valid: urgent data was announced and not read past */
    bool oob_held : 1;      /* `oob` is the urgent octet kept out of the stream, not read yet */
    bool oob_gone : 1;      /* the octet before rcv_up was kept out of the stream */
    bool write_refused : 1; /* WRITABLE is due when there is room */
    bool advised : 1;       /* ADVICE was raised for R1 in this outage */
    bool cwnd_limited : 1;  /* cwnd was what stopped the last run */
    bool probe_out : 1;     /* octet or FIN at snd_max went as a probe: it may be acknowledged */
    bool idle_fin : 1;      /* idle_at is for FIN-WAIT-2: in the list of those that linger there */
    bool recovered : 1;     /* without a flight: the last one's `recover` is snd_una (RFC 6582) */
    bool stalled : 1;       /* what is outstanding, or kept back by the window, makes no progress */
    bool stuck : 1;         /* in the list of those whose peer keeps the window closed, or is silent */
    bool cookie : 1;        /* its handshake went by a SYN cookie */
    bool fast_open : 1;     /* data in the SYN was taken */
    bool fast_pending : 1;  /* open fast, and the handshake is not complete (RFC 7413 5.1); or,
                               opened by us: the SYN had the option, and was not answered yet */
    bool user_timeout_due : 1; /* the option is to be sent */
    bool user_timeout_told : 1; /* peer_user_timeout is valid */
    uint8_t challenges : 3; /* sent in the current window of tcp_challenge_allowed() */

    uint8_t snd_scale : 4, rcv_scale : 4; /* 0 when scaling was not agreed on */
    uint8_t oob; /* with tcp_is_fast(), before any: enum tcp_fast_reply */
    int8_t error;  /* for the next call to return, once */
    int8_t reason; /* why it is CLOSED */
    uint8_t quick_acks;   /* acknowledgments still to be sent at once */
    uint8_t dup_acks_due; /* acknowledgments that go out one each (RFC 5681 4.2) */
    uint8_t probes;       /* unanswered: persist or keepalive */
    uint8_t backoff;      /* doublings of the RTO */
    uint8_t mtu_failed;   /* the search for the path MTU: 1 + the step known to fail; 0: none */
    uint16_t mtu_acked;   /* the largest packet that arrived (RFC 5927 7.2) */
    uint16_t mtu_probe_s; /* when to look for a larger path MTU: low bits of seconds; see pmtud.c */
    uint16_t peer_user_timeout; /* as it stands in the option */
    uint32_t account;     /* index of a struct tcp_account, or TCP_NONE */

    /* Sending. The queue is the ring: [snd_una or iss + 1, send.end). */
    struct ring send;
    uint64_t snd_una, snd_nxt, snd_max;
    struct tcp_seq iss;
    struct tcp_seq snd_up; /* with urgent_out: past the urgent data */
    struct tcp_seq snd_wl1, snd_wl2;
    uint32_t snd_wnd, snd_wnd_max;
    uint32_t unpushed;     /* bytes at the end of the queue sent with MORE: not pushed */
    uint32_t flight;       /* index, or TCP_NONE */
    struct tcp_cc cc;
    uint16_t mss_peer;     /* its option, or the default */
    uint16_t mtu;          /* of the path, as looked up last */

    /* Receiving. The ring's head is the next byte to be read. */
    union {
        struct ring receive;
        struct tcp_listening listening;
    };
    uint64_t rcv_nxt;
    uint64_t rcv_edge;        /* the right edge advertised; never moves left (SHLD-14) */
    struct tcp_seq irs;
    struct tcp_seq rcv_acked; /* the acknowledgment sent last (Last.ACK.sent of RFC 7323) */
    struct tcp_seq rcv_up;    /* with urgent_in: past the urgent data */
    uint32_t holes;           /* index of a struct tcp_holes, or TCP_NONE */
    uint32_t bytes_unacked;   /* in sequence since the last ACK, with options */
    uint32_t promised_kb;     /* packet memory reserved for the window */
    uint32_t rcv_buf;         /* the receive buffer as tuned: bytes */
    uint32_t tune_us, tune_end; /* since when, and where, what comes is measured (tune.c): low bits */
    uint32_t ts_recent, ts_recent_s; /* ... and when it was set, in seconds of the stack's clock */
    uint32_t ts_offset;       /* of our timestamps (RFC 7323 7.1) */
    uint32_t challenge_ms;    /* when the window of challenges began: milliseconds, low bits */
    uint16_t rcv_mss;         /* largest payload received in a segment; at most what we announced */

    /* Time. In a deadline WEIR_TIME_NEVER: not armed. */
    uint16_t timeouts;
    uint32_t srtt_us8;       /* SRTT times 8; 0: no sample yet */
    uint32_t rttvar_us4;     /* RTTVAR times 4 */
    uint32_t rtt_us_min;     /* 0: no sample yet */
    uint32_t opened_s;       /* seconds */
    weir_time repair_at;     /* for what `repair` says */
    weir_time delack_at;     /* delayed ACK */
    weir_time idle_at;       /* keepalive; FIN-WAIT-2 of a connection that nobody holds */
    weir_time heard_at;      /* the last acceptable segment; in SYN-SENT when the SYN was first sent */
    uint32_t stalled_ms;     /* with `stalled`: since then; milliseconds, low bits */
    uint32_t sent_ms;        /* the last data: milliseconds, low bits (RFC 5681 4.1) */

    /* Places. */
    struct pool_handle pin; /* of the neighbour; only on links that have some */
    uint32_t path_generation;
    uint32_t ready_next; /* in that list */
    union {
        uint32_t accept_next; /* in the accept queue of ... */
        uint32_t port_next;   /* or, while on_port, in the list of its local port */
    };
    uint32_t listener; /* ... this index, while it waits to be accepted; else TCP_NONE */
    uint32_t wait_next, wait_prev; /* in one of the room's lists of those that wait, at most */
    uint32_t stuck_since; /* with `stuck` or `idle_fin`; tcp_tick() */

    struct tcp_settings set;
};

_Static_assert(sizeof(void *) > 8 || sizeof(struct tcp_conn) <= 488, "an idle connection is small");

/* ---- compact records ---- */

/* A passive open before its handshake is complete. */
struct tcp_syn {
    union { /* it waits for its next retransmission, or for its neighbour */
        struct net_timer timer;
        struct neighbour_waiter waiter;
    };
    struct weir_addr local, remote;
    uint16_t local_port, remote_port;
    struct tcp_seq iss, irs;
    uint32_t listener;   /* index of the endpoint, ... */
    uint32_t own_next, own_prev; /* ... and in its list */
    uint32_t ready_next, ready_prev; /* in the list of those with a SYN,ACK to send */
    uint32_t ts_recent;
    uint32_t data_block; /* of data that came with the SYN, or BLOCKS_NONE */
    uint16_t data_len;
    uint16_t window;     /* of the SYN */
    uint16_t mss;        /* of the peer */
    uint8_t snd_scale;
    uint8_t ifindex;
    uint8_t rcv_scale;   /* that we announced */
    uint8_t retransmits; /* SYN,ACKs sent again by the timer */
    uint8_t answers;     /* to what is not the final ACK: SYN,ACKs on demand and challenge ACKs */
    uint16_t rcv_window; /* from irs + 1 on, that we announced: data held included */
    bool timestamps : 1, sack : 1, scaling : 1;
    bool on_ready : 1, parked : 1, answered : 1; /* a SYN,ACK went out */
    bool asked : 1, told : 1;  /* it waits for a verdict; the application knows of it */
    bool fast_request : 1;     /* the SYN,ACK carries a fast open cookie ... */
    bool fast_experimental : 1; /* ... as the experimental option */
    bool user_timeout_told : 1;
    uint16_t peer_user_timeout; /* as it stands in the option */
    union {
        uint32_t sent_us;   /* when the first SYN,ACK was sent: low bits of microseconds, for RTT */
        uint32_t asked_len; /* with `asked`: the data of the SYN, kept or not */
    };
};

/* A connection in TIME-WAIT. */
struct tcp_wait {
    struct weir_addr local, remote;
    uint16_t local_port, remote_port;
    uint32_t snd_nxt, rcv_nxt;
    uint32_t ack_min; /* an older acknowledgment is not acceptable (RFC 5961 5.2) */
    uint32_t ts_recent;
    uint32_t next, prev; /* in the order of expiry */
    uint32_t expires_ms;   /* low bits of milliseconds: tcp_time_wait_left() */
    uint16_t challenge_ms; /* when it was answered last: low bits of milliseconds */
    uint16_t window;       /* as it was advertised */
    uint8_t ifindex, ttl, traffic_class;
    uint8_t rcv_scale : 4;
    bool timestamps : 1;
    bool fixed_ifindex : 1; /* answers leave by ifindex, whatever the routes say */
};

_Static_assert(sizeof(void *) > 8 || sizeof(struct tcp_syn) <= 128, "SYN-RECEIVED is compact");
_Static_assert(sizeof(void *) > 8 || sizeof(struct tcp_wait) <= 72, "so is TIME-WAIT");

/* The wire's number x as an offset, given one near it. */
static inline uint64_t tcp_unwrap(struct tcp_seq x, uint64_t near_offset)
{
    return seq_unwrap(x, seq_make((uint32_t)near_offset), near_offset);
}

static inline struct tcp_seq tcp_wrap(uint64_t offset)
{
    return seq_make((uint32_t)offset);
}

/* Past the data written. */
static inline uint64_t tcp_snd_tail(const struct tcp_conn *c)
{
    return c->send.end;
}

/* The highest acknowledgment that makes sense: of all that was sent, a probe included. */
static inline uint64_t tcp_snd_acked_max(const struct tcp_conn *c)
{
    return c->snd_max + c->probe_out;
}

/* Past everything that will be sent: data, and FIN when it is queued. */
static inline uint64_t tcp_snd_end(const struct tcp_conn *c)
{
    return c->send.end + c->fin_queued;
}

static inline uint64_t tcp_iss(const struct tcp_conn *c)
{
    return TCP_OFFSET_BASE + c->iss.v;
}

/* Was our SYN acknowledged? */
static inline bool tcp_syn_acked(const struct tcp_conn *c)
{
    return c->snd_una > tcp_iss(c);
}

/* Where what is not acknowledged begins, SYN apart, which is in no window and in no log. */
static inline uint64_t tcp_snd_base(const struct tcp_conn *c)
{
    return tcp_syn_acked(c) ? c->snd_una : tcp_iss(c) + 1;
}

/* Is it in SYN-RECEIVED by a fast open, where data goes both ways already (RFC 7413 4.2.2)? */
static inline bool tcp_is_fast(const struct tcp_conn *c)
{
    return c->fast_pending && !c->active;
}

/* The sequence number of a segment without data: past all that was sent, so that it is acceptable
 * whatever of that has arrived, and also while snd_nxt has gone back to send again. Were it below, two
 * sides that both send again would answer each other's ACKs for ever (RFC 9293 A.2). But never past the
 * window, which may have shrunk. */
static inline struct tcp_seq tcp_ack_seq(const struct tcp_conn *c)
{
    uint64_t edge = c->snd_una + !tcp_syn_acked(c) + c->snd_wnd; /* SYN is not in the window */
    return tcp_wrap(c->snd_max <= edge ? c->snd_max : edge);
}

/* Past the data received in sequence: where the receive ring can be read up to. */
static inline uint64_t tcp_rcv_data_end(const struct tcp_conn *c)
{
    return c->rcv_nxt - c->fin_received;
}

/* The window as it stands in a received segment, in bytes (RFC 7323 2.3). */
static inline uint32_t tcp_window_bytes(const struct tcp_conn *c, uint16_t window, bool syn)
{
    return syn ? window : (uint32_t)window << c->snd_scale;
}

#endif
