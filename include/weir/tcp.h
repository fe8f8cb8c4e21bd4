/* SPDX-License-Identifier: MIT
 * TCP (RFC 9293): listening, connecting, sending, receiving, closing, and what there is to know
 * about a connection.
 *
 * An endpoint is opened, set, and then either listens or connects:
 *
 *     weir_tcp_open() -> weir_tcp_set() ... -> weir_tcp_connect()
 *                                           -> weir_tcp_listen() -> weir_tcp_accept() ...
 *
 * No call takes a time or sends a packet: calls leave work behind, which the next
 * weir_stack_output() does. So call it after them. What happens is told by events
 * (weir_stack_events()), which are edges; weir_tcp_ready() is the level behind them. */
#ifndef WEIR_TCP_H
#define WEIR_TCP_H

#include "weir/event.h"
#include "weir/stack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The states of RFC 9293 section 3.3.2, with the numbers of RFC 4022 (tcpConnectionState). */
enum weir_tcp_state {
    WEIR_TCP_CLOSED = 1,
    WEIR_TCP_LISTEN,
    WEIR_TCP_SYN_SENT,
    WEIR_TCP_SYN_RECEIVED,
    WEIR_TCP_ESTABLISHED,
    WEIR_TCP_FIN_WAIT_1,
    WEIR_TCP_FIN_WAIT_2,
    WEIR_TCP_CLOSE_WAIT,
    WEIR_TCP_LAST_ACK,
    WEIR_TCP_CLOSING,
    WEIR_TCP_TIME_WAIT
};

/* X(name, default, low, high, meaning): what can be set on an endpoint, each with its unit in its
 * name. A listener's settings are inherited by the connections that it accepts. Those marked (*) count
 * when the connection is begun and cannot be set any more afterwards (WEIR_E_INVALID), but for the
 * connections to come on a listener.
 *
 * The two buffers tune themselves (TUNE): they begin with WEIR_TCP_BUFFER_BYTES and grow with what the
 * path and the application make use of, up to their *_BYTES_MAX, as far as packet memory allows: the
 * receive buffer to four times what comes in a round trip, or in the time between two reads up to 100
 * ms; the send buffer to two congestion windows, and less than it began with while memory is short.
 *
 * FAST_OPEN (RFC 7413). Who connects: what is sent before the SYN has left goes with it, as much as
 * fits, when the host has given us a cookie before; the first connection asks for one. If that comes
 * to nothing, everything goes after the handshake, and the next SYNs to that port are plain for ten
 * minutes to a day. Who listens: a connection whose SYN brings a good cookie can be accepted, read and
 * answered at once, in SYN-RECEIVED; CONNECTED follows with the end of the handshake, or CLOSED. At
 * least once: a SYN that the network repeats may bring its data again, as another connection. So a
 * listener sets it only if it does no harm to be asked twice (6.1). */
#define WEIR_TCP_SETTINGS(X)                                                                       \
    X(NODELAY, 0, 0, 1, "1: send small segments at once (RFC 9293 3.7.4, MUST-17)")                \
    X(CORK, 0, 0, 1, "1: send full segments only, until cleared or 200 ms have passed")            \
    X(MINSHALL, 0, 0, 1, "1: Nagle's rule looks at the last small segment only")                   \
    X(URGENT_INLINE, 1, 0, 1, "0: keep the last urgent octet out of the stream (RFC 6093)")        \
    X(KEEPALIVE, 0, 0, 1, "1: probe an idle peer (RFC 9293 3.8.4)")                                \
    X(KEEPALIVE_IDLE_S, 7200, 1, 32767, "silence before the first probe")                          \
    X(KEEPALIVE_INTERVAL_S, 75, 1, 32767, "between probes")                                        \
    X(KEEPALIVE_PROBES, 9, 1, 127, "unanswered probes before the connection is given up")          \
    X(KEEPALIVE_OCTET, 0, 0, 1, "1: probes carry one octet of garbage (MAY-6)")                    \
    X(USER_TIMEOUT_MS, 0, 0, 86400000, "R2 for data: unacknowledged for so long; 0: 15 minutes")   \
    X(DELAYED_ACK_MS, 40, 0, 499, "longest wait of an acknowledgment (MUST-40); 0: none")          \
    X(QUICK_ACK, 0, 0, 1, "1: acknowledge every segment at once")                                  \
    X(TTL, 64, 1, 255, "time to live, or hop limit (MUST-49)")                                     \
    X(TRAFFIC_CLASS, 0, 0, 255, "Diffserv field; its two ECN bits are the stack's (MUST-48)")      \
    X(SOFT_ERRORS, 1, 0, 1, "0: no ADVICE events (SHLD-20)")                                       \
    X(SEND_BYTES_MAX, 16776960, 2048, 1073676288, "the send buffer at its largest")                \
    X(RECEIVE_BYTES_MAX, 16776960, 2048, 1073676288, "the receive buffer at its largest")          \
    X(TUNE, 1, 0, 1, "(*) 0: both buffers have their largest size from the beginning")             \
    X(MSS_MAX, 65535, 88, 65535, "(*) largest segment to send and to announce")                    \
    X(WINDOW_SCALE, 1, 0, 1, "(*) 0: do not offer window scaling (RFC 7323)")                      \
    X(TIMESTAMPS, 1, 0, 1, "(*) 0: do not offer timestamps (RFC 7323)")                            \
    X(SACK, 1, 0, 1, "(*) 0: do not offer selective acknowledgments (RFC 2018)")                   \
    X(INITIAL_WINDOW, 10, 1, 10, "(*) segments of the initial window at most (RFC 6928)")          \
    X(RTO_MIN_MS, 200, 1, 1000, "floor of the retransmission timeout (RFC 6298 2.4)")              \
    X(USER_TIMEOUT_OPTION, 0, 0, 1, "(*) 1: tell the peer our R2, and heed its (RFC 5482)")        \
    X(PATH_PROBE, 1, 0, 1, "0: no search for path MTUs by probes (RFC 4821)")                      \
    X(FAST_OPEN, 0, 0, 1, "(*) 1: data in the SYN, once a cookie is known (RFC 7413)")             \
    X(ASK, 0, 0, 1, "(*) of a listener, 1: SYNs wait for weir_tcp_decide()")

enum weir_tcp_setting {
#define X(name, value, low, high, meaning) WEIR_TCP_##name,
    WEIR_TCP_SETTINGS(X)
#undef X
        WEIR_TCP_SETTING_COUNT
};

/* What a buffer has at the beginning, unless its largest size is less, or TUNE is off. */
#define WEIR_TCP_BUFFER_BYTES 131072

/* An endpoint to open; zero what is not needed. */
struct weir_tcp_config {
    uint32_t size;            /* sizeof(struct weir_tcp_config) of the caller */
    uint32_t ifindex;         /* 1 + the interface to use; 0: by route. For addresses of link scope */
    struct weir_addr address; /* local; all zeros: any, of both families (MUST-43) */
    uint16_t port;            /* local; 0: chosen at random (RFC 6056) */
    bool reuse;               /* with `port`: other connections may have the same address and port */
    uint64_t user;            /* comes back with events */
};

/* Open an endpoint: state CLOSED, to be set and then to listen or to connect. *handle is its name. A
 * port that is asked for is its own until its connection ends or it is closed.
 * Errors: WEIR_E_INVALID, WEIR_E_NOT_FOUND (not an address of ours), WEIR_E_EXISTS (another endpoint
 * has this address and port, and not both say `reuse`), WEIR_E_EXHAUSTED (tcp_endpoints_max). Bound:
 * linear in the endpoints that share the port. */
WEIR_API int weir_tcp_open(weir_stack *stack, const struct weir_tcp_config *config,
                           weir_handle *handle);

/* Change and read a setting. Errors, nothing changed: WEIR_E_STALE, WEIR_E_INVALID (no such
 * setting, or too late for it), WEIR_E_RANGE (also: a buffer of more than 64 MB for one that holds
 * something and was made for less than 64 KB). Bound: constant. */
WEIR_API int weir_tcp_set(weir_stack *stack, weir_handle handle, enum weir_tcp_setting setting,
                          uint32_t value);
WEIR_API int weir_tcp_get(const weir_stack *stack, weir_handle handle,
                          enum weir_tcp_setting setting, uint32_t *value);

/* Name, meaning and range of a setting ("NODELAY"); NULL for a number that is none. */
WEIR_API const char *weir_tcp_setting_name(unsigned setting);
WEIR_API const char *weir_tcp_setting_text(unsigned setting);

/* Active open (RFC 9293 3.9.1.1). CONNECTED follows, or CLOSED with the reason (REFUSED, TIMED_OUT,
 * UNREACHABLE). Data may be sent already; it leaves when the connection is established, or with the SYN
 * (FAST_OPEN).
 * Errors, nothing changed: WEIR_E_STALE, WEIR_E_INVALID (not CLOSED any more or again, port 0, a
 * group or broadcast (MUST-46), families that differ), WEIR_E_UNREACHABLE (no route),
 * WEIR_E_EXISTS (this very connection exists, or is in TIME-WAIT and cannot be taken over),
 * WEIR_E_EXHAUSTED (no port left). Bound: constant with a port given; else linear in the ports
 * taken next to the one drawn. */
WEIR_API int weir_tcp_connect(weir_stack *stack, weir_handle handle,
                              const struct weir_addr *remote, uint16_t port);

/* Passive open. A segment is for the connection of its four corners, or else for the listener on its
 * address and port, or else for the one on its port and any address. `backlog` (0 counts as 1)
 * connections may wait to be accepted; while so many do, SYNs are dropped, not refused.
 * Errors, nothing changed: WEIR_E_STALE, WEIR_E_INVALID (not CLOSED, no port), WEIR_E_EXISTS
 * (somebody listens there). Called again on a listener, it changes the backlog. Bound: constant. */
WEIR_API int weir_tcp_listen(weir_stack *stack, weir_handle handle, unsigned backlog);

/* Take the connection that has waited longest. `user` comes back with its events, the first of which
 * tell what happened before. Errors: WEIR_E_STALE, WEIR_E_INVALID (does not listen),
 * WEIR_E_WOULD_BLOCK (none waits). */
WEIR_API int weir_tcp_accept(weir_stack *stack, weir_handle listener, uint64_t user,
                             weir_handle *connection);

/* A handshake that waits for a verdict: nothing was answered yet. */
struct weir_tcp_request {
    weir_handle handle; /* for weir_tcp_decide() */
    struct weir_addr local, remote;
    uint16_t local_port, remote_port;
    uint32_t ifindex; /* 1 + the interface that the SYN came in by */
    uint16_t peer_mss_bytes;
    bool timestamps, sack, window_scale; /* offered and taken */
    weir_time left; /* until it is dropped in silence (tcp_verdict_ms) */
};

enum weir_tcp_verdict {
    WEIR_TCP_ADMIT, /* go on with the handshake */
    WEIR_TCP_REFUSE, /* answer with RST, as if nobody listened */
    WEIR_TCP_IGNORE  /* drop it; the peer will try again, and be asked about again */
};

/* Of a listener with ASK: the oldest request that was not told yet (event ASKED). Each is told once.
 * Errors: WEIR_E_STALE, WEIR_E_INVALID (does not listen), WEIR_E_WOULD_BLOCK (none). Bound:
 * constant. */
WEIR_API int weir_tcp_asked(weir_stack *stack, weir_handle listener,
                            struct weir_tcp_request *request);

/* Decide about a request. Silence until its deadline drops it; a SYN that comes again meanwhile does not
 * ask again. Errors: WEIR_E_STALE (decided, past its deadline, or its listener is closed),
 * WEIR_E_INVALID. Bound: constant. */
WEIR_API int weir_tcp_decide(weir_stack *stack, weir_handle request, enum weir_tcp_verdict verdict);

enum weir_tcp_flags {
    WEIR_TCP_MORE = 1,   /* sending: more follows soon: no PSH, no small segment yet */
    WEIR_TCP_URGENT = 2, /* sending: urgent up to the end of this (RFC 6093); receiving: the urgent
                            octet that is kept out of the stream */
    WEIR_TCP_END = 4,    /* sending: this is the end, as weir_tcp_shutdown(): FIN goes with the data */
    WEIR_TCP_PEEK = 8    /* receiving: leave it there */
};

/* Copy data into the send buffer: answers how many bytes, at most INT_MAX, fewer than `len` when the
 * buffer is full (WRITABLE comes when a third of it is free again, or enough of a large one whose
 * greater part is in flight). WEIR_TCP_END counts only when
 * all of it was taken. len 0 with END or without MORE ends what an earlier MORE began.
 * Errors, nothing taken: WEIR_E_STALE, WEIR_E_WOULD_BLOCK (full), WEIR_E_EXHAUSTED (no packet memory:
 * try again after a while; WRITABLE comes only if something is outstanding), WEIR_E_NOT_CONNECTED,
 * WEIR_E_CLOSED (after shutdown, or the connection is gone), and, once, why it is gone. Bound: linear
 * in what is taken. */
WEIR_API int weir_tcp_send(weir_stack *stack, weir_handle handle, const void *data, size_t len,
                           unsigned flags);

/* Take received data: answers how many bytes, at most `size` and INT_MAX; 0: the peer has closed and
 * all was read. With URGENT_INLINE off, a call does not read across the urgent mark.
 * Errors: WEIR_E_STALE, WEIR_E_WOULD_BLOCK (nothing now), WEIR_E_NOT_CONNECTED, WEIR_E_CLOSED (after
 * shutdown, or after the error was told), WEIR_E_INVALID (URGENT with nothing urgent to be had), and,
 * once, why the connection is gone. Bound: linear in what is taken. */
WEIR_API int weir_tcp_receive(weir_stack *stack, weir_handle handle, void *data, size_t size,
                              unsigned flags);

/* Is the next byte to be read the one after the urgent data (RFC 6093)? 1, 0, or an error. */
WEIR_API int weir_tcp_at_mark(const weir_stack *stack, weir_handle handle);

enum weir_tcp_how { WEIR_TCP_SHUT_SEND = 1, WEIR_TCP_SHUT_RECEIVE = 2, WEIR_TCP_SHUT_BOTH = 3 };

/* SEND: no more data will be sent; FIN follows the last of it (RFC 9293 CLOSE). RECEIVE: no more
 * will be read: what is unread is thrown away, and so is what still comes, acknowledged.
 * SEND before the handshake is complete: FIN follows it, and the data sent so far.
 * Errors: WEIR_E_STALE, WEIR_E_INVALID, WEIR_E_NOT_CONNECTED (also: not any more). Shutting twice is
 * no error. */
WEIR_API int weir_tcp_shutdown(weir_stack *stack, weir_handle handle, enum weir_tcp_how how);

/* Let go of the endpoint: the handle is stale from here on. A connection ends in order (FIN after
 * all data), but is reset if received data was not read, or still comes (RFC 2525 2.16, 2.17); one that
 * is held by nobody gives up in FIN-WAIT-2 after a minute, and is reset when its peer answers, but takes
 * nothing of what is left to be sent for two (tcp_orphan_ms). A listener resets those that
 * wait to be accepted. In SYN-SENT there is nobody yet to end it with: it is forgotten, and what was
 * queued with it. CLOSED follows when all is over, ABORTED if it was reset. Errors: WEIR_E_STALE. */
WEIR_API int weir_tcp_close(weir_stack *stack, weir_handle handle);

/* The same, at once and with a reset (RFC 9293 ABORT): what is queued is gone. */
WEIR_API int weir_tcp_abort(weir_stack *stack, weir_handle handle);

/* The level behind the events: READABLE: weir_tcp_receive() has something to give, be it the end or
 * an error; WRITABLE: weir_tcp_send() would take at least a byte, or has an error to give;
 * ACCEPTED: weir_tcp_accept() has one; URGENT: urgent data is there, or announced, and was not read;
 * CONNECTED, PEER_CLOSED, CLOSED: it is so. 0 when stale. */
WEIR_API uint32_t weir_tcp_ready(const weir_stack *stack, weir_handle handle);

/* Take the error that a call would return once; WEIR_OK: there is none (or: stale). */
WEIR_API int weir_tcp_error(weir_stack *stack, weir_handle handle);

/* Bits of weir_tcp_info.options. */
enum weir_tcp_negotiated {
    WEIR_TCP_HAS_TIMESTAMPS = 1,
    WEIR_TCP_HAS_SACK = 2,
    WEIR_TCP_HAS_WINDOW_SCALE = 4,
    WEIR_TCP_HAS_USER_TIMEOUT = 8, /* the peer told its own */
    WEIR_TCP_HAS_FAST_OPEN = 16,   /* data in the SYN was taken */
    WEIR_TCP_HAS_COOKIE = 32       /* its handshake went by a SYN cookie */
};

/* What keeps a sender from sending more (RFC 4898 SndLim...). */
enum weir_tcp_limit {
    WEIR_TCP_LIMIT_APPLICATION, /* there is nothing to send, or what could go is held back here: by
                                   the application, Nagle's rule, a device, a lack of memory */
    WEIR_TCP_LIMIT_WINDOW,      /* the peer's receive window [SndLimTimeRwin] */
    WEIR_TCP_LIMIT_CWND,        /* the congestion window, recovery included [SndLimTimeCwnd] */
    WEIR_TCP_LIMIT_BUFFER,      /* all is sent, and the application could not write more */
    WEIR_TCP_LIMIT_PACING,      /* the pacer */
    WEIR_TCP_LIMIT_COUNT
};

/* The state of recovery (RFC 5681, RFC 6582): what the sender does about loss. */
enum weir_tcp_recovery {
    WEIR_TCP_OPEN = 0, /* nothing suspicious */
    WEIR_TCP_DISORDER, /* duplicate acknowledgments came */
    WEIR_TCP_RECOVERY, /* fast recovery */
    WEIR_TCP_LOSS      /* after a retransmission timeout */
};

enum weir_tcp_timer {
    WEIR_TCP_TIMER_NONE = 0,
    WEIR_TCP_TIMER_RETRANSMIT,
    WEIR_TCP_TIMER_PERSIST,
    WEIR_TCP_TIMER_DELAYED_ACK,
    WEIR_TCP_TIMER_KEEPALIVE,
    WEIR_TCP_TIMER_FIN_WAIT_2,
    WEIR_TCP_TIMER_TIME_WAIT,
    WEIR_TCP_TIMER_CORK,
    WEIR_TCP_TIMER_ORPHAN /* no progress, and held by nobody */
};

/* A snapshot of an endpoint; in brackets the name in RFC 4898 where it has one. Sequence numbers are
 * those on the wire; bytes are bytes of the stream. */
struct weir_tcp_info {
    uint8_t state;     /* enum weir_tcp_state [State] */
    uint8_t recovery;  /* enum weir_tcp_recovery */
    uint8_t options;   /* enum weir_tcp_negotiated */
    uint8_t timer;     /* enum weir_tcp_timer: the one that is due first */
    bool active;       /* opened by weir_tcp_connect() [ActiveOpen] */
    bool orphan;       /* nobody holds it any more */
    uint8_t snd_scale; /* of windows received [SndWindScale] */
    uint8_t rcv_scale; /* of windows sent [RcvWindScale] */
    uint16_t local_port, remote_port;
    struct weir_addr local, remote;
    uint32_t ifindex; /* 1 + the interface; 0: none yet */
    uint64_t user;
    weir_handle handle; /* zeros: of a record of SYN-RECEIVED or TIME-WAIT, which has none; of a
                           connection that waits to be accepted; of an orphan */

    uint32_t iss, irs;                  /* initial sequence numbers [SndInitial, RecInitial] */
    uint32_t snd_una, snd_nxt, snd_max; /* [SndUna, SndNxt, SndMax] */
    uint32_t rcv_nxt;                   /* [RcvNxt] */
    uint32_t snd_wnd_bytes;             /* [CurRwinRcvd] */
    uint32_t snd_wnd_bytes_max;         /* [MaxRwinRcvd] */
    uint32_t rcv_wnd_bytes;             /* as advertised last [CurRwinSent] */
    uint32_t snd_mss_bytes;             /* payload of a full segment [CurMSS] */
    uint32_t rcv_mss_bytes;             /* largest payload received in one segment [MSSRcvd] */
    uint32_t peer_mss_bytes;            /* MSS option of the peer, or 536/1220 */
    uint32_t path_mtu_bytes;

    uint64_t send_queue_bytes;    /* written and not acknowledged [CurAppWQueue + CurRetxQueue] */
    uint64_t unsent_bytes;        /* of these, never sent [CurAppWQueue] */
    uint64_t receive_queue_bytes; /* in order and not read [CurAppRQueue] */
    uint64_t reassembly_bytes;    /* held above a hole [CurReasmQueue] */
    uint32_t reassembly_ranges;
    uint32_t backlog, accept_queue, accept_queue_max; /* of a listener: in handshake, waiting, limit */

    uint32_t cwnd_bytes;      /* [CurCwnd] */
    uint32_t ssthresh_bytes;  /* UINT32_MAX: none yet [CurSsthresh] */
    uint32_t in_flight_bytes; /* sent and not acknowledged [PipeSize] */
    uint32_t srtt_us;         /* [SmoothedRTT]; 0: no sample yet */
    uint32_t rttvar_us;       /* [RTTVar] */
    uint32_t rtt_us_min;      /* [MinRTT]; 0: no sample yet */
    uint32_t rto_us;          /* with the backoff [CurRTO] */
    uint32_t backoff;         /* doublings now [CurTimeoutCount] */
    uint32_t dupacks;         /* in a row [CurDupAcks, RFC 5681 2] */
    uint32_t probes;          /* of a zero window or keepalive, unanswered */
    weir_time timer_in;       /* until `timer` is due; WEIR_TIME_NEVER with NONE */

    uint64_t bytes_acked;         /* [ThruOctetsAcked] */
    uint64_t bytes_received;      /* in order [ThruOctetsReceived] */
    uint64_t bytes_retransmitted; /* modulo 2^32 [OctetsRetrans] */
    uint32_t segments_in;         /* [SegsIn] */
    uint32_t segments_out;        /* [SegsOut]; of a packet to be cut, each */
    uint32_t retransmits;         /* segments [SegsRetrans] */
    uint32_t timeouts;            /* [Timeouts] */
    uint32_t fast_retransmits;    /* recoveries begun [FastRetran] */
    weir_time age;                /* since it was opened [ElapsedSecs] */
    weir_time idle;               /* since the last segment in */

    /* The accounts, kept while tcp_accounts_max allows: with `accounts` false these, and the counts
     * of segments and retransmissions above, are 0. */
    bool accounts;
    uint8_t limit; /* enum weir_tcp_limit now */
    uint64_t limited_us[WEIR_TCP_LIMIT_COUNT]; /* by each, since it is established until it is over:
                                                  together its life, in milliseconds, each modulo
                                                  2^40 of them (34 years) */
    uint32_t limited_count[WEIR_TCP_LIMIT_COUNT]; /* how often each began [SndLimTrans...] */
    uint32_t data_segments_in, data_segments_out; /* [DataSegsIn, DataSegsOut] */
    uint32_t dupacks_in, dupacks_out;             /* [DupAcksIn, DupAcksOut] */
    uint32_t zero_windows_in, zero_windows_out;   /* [ZeroRwinRcvd, ZeroRwinSent] */
    uint32_t congestion_signals;                  /* reductions of cwnd [CongSignals] */
    uint32_t cwnd_bytes_max;                      /* [MaxSsCwnd, MaxCaCwnd] */

    uint32_t send_buffer_bytes, receive_buffer_bytes; /* as tuned now */
    uint32_t user_timeout_ms;      /* R2 in effect; 0: the default */
    uint32_t peer_user_timeout_ms; /* as the peer told; 0: it did not */
    uint32_t stuck_ms; /* for so long the peer has kept its window closed, or was silent */
    uint32_t path_mtu_bytes_max;   /* what is still thought possible, or looked for */
    bool path_mtu_probing;         /* a probe is on its way */
};

/* Fill *info. Errors: WEIR_E_STALE. Bound: constant. */
WEIR_API int weir_tcp_info(const weir_stack *stack, weir_handle handle, struct weir_tcp_info *info);

/* Walk everything that TCP holds: endpoints, and the records of SYN-RECEIVED and TIME-WAIT. Begin
 * with *cursor = 0; false at the end. What comes or goes between two calls may or may not be seen.
 * Bound: linear in the places passed that are free. */
WEIR_API bool weir_tcp_next(const weir_stack *stack, uint64_t *cursor, struct weir_tcp_info *info);

/* The name of a state ("ESTABLISHED"), of a recovery state, of a timer, of a limit; "?" for a number
 * that is none. */
WEIR_API const char *weir_tcp_state_name(unsigned state);
WEIR_API const char *weir_tcp_recovery_name(unsigned recovery);
WEIR_API const char *weir_tcp_timer_name(unsigned timer);
WEIR_API const char *weir_tcp_limit_name(unsigned limit);

/* X(name, meaning): counters of TCP as a whole; in brackets the name in RFC 4022. */
#define WEIR_TCP_COUNTERS(X)                                                                       \
    X(active_opens, "connections begun here [ActiveOpens]")                                        \
    X(passive_opens, "connections begun by SYNs to listeners [PassiveOpens]")                      \
    X(attempt_fails, "handshakes that failed [AttemptFails]")                                      \
    X(established_resets, "established connections that were reset [EstabResets]")                 \
    X(segments_in, "segments received [InSegs]")                                                   \
    X(segments_out, "segments sent, retransmissions apart [OutSegs]")                              \
    X(segments_retransmitted, "segments retransmitted [RetransSegs]")                              \
    X(resets_out, "segments sent with RST [OutRsts]")                                              \
    X(resets_limited, "resets not sent: the limit on their rate")                                  \
    X(timeouts, "retransmission timeouts")                                                         \
    X(fast_retransmits, "fast recoveries begun")                                                   \
    X(probes_out, "zero-window and keepalive probes sent")                                         \
    X(challenges_out, "challenge ACKs sent (RFC 5961)")                                            \
    X(challenges_limited, "challenge ACKs not sent: the limit of their connection")                \
    X(delayed_acks, "acknowledgments sent because their delay had passed")                         \
    X(syn_dropped_backlog, "SYNs dropped: the accept queue was full")                              \
    X(syn_dropped_full, "SYNs dropped: tcp_syn_received_max")                                      \
    X(ack_dropped_backlog, "final ACKs of handshakes dropped: no place to accept")                 \
    X(syn_data_held, "SYNs with data that was kept")                                               \
    X(syn_data_ignored, "SYNs with data that has to come again")                                   \
    X(time_wait_reused, "connections that took the place of one in TIME-WAIT (RFC 6191)")          \
    X(time_wait_evicted, "TIME-WAITs ended early: tcp_time_wait_max")                              \
    X(retransmits_given_up, "connections given up: R2")                                            \
    X(keepalive_given_up, "connections given up: no answer to keepalive probes")                   \
    X(fin_wait_2_given_up, "connections given up: FIN-WAIT-2 and held by nobody")                  \
    X(closed_with_data, "connections reset: closed with unread data, or data came after")          \
    X(out_of_order, "segments kept above a hole")                                                  \
    X(duplicates, "segments whose data was all there already")                                     \
    X(reassembly_refused, "data above a hole not kept: a limit, or packet memory")                 \
    X(memory_refused, "data in sequence not kept: packet memory")                                  \
    X(window_held_back, "windows not opened: too much promised already")                           \
    X(log_exhausted, "sending put off: no memory for the transmission log")                        \
    X(ports_exhausted, "connections not begun: no port left")                                      \
    X(cookies_out, "SYN,ACKs with a cookie")                                                       \
    X(cookies_good, "connections made of a cookie")                                                \
    X(cookies_bad, "acknowledgments that are no good cookie, while cookies were out")              \
    X(cookies_replayed, "cookies that had made their connection before")                           \
    X(asked, "handshakes put to the application")                                                  \
    X(ask_refused, "handshakes it refused")                                                        \
    X(ask_silent, "handshakes dropped: no verdict in time, or to ignore them")                     \
    X(stuck_given_up, "connections given up: window closed longest, and memory short (RFC 6429)")  \
    X(holes_given_up, "connections given up: a hole open longest, and memory short")               \
    X(orphans_given_up, "connections given up: held by nobody, and no progress")                   \
    X(path_reports_pending, "reports of a smaller path MTU that wait for evidence (RFC 5927 7.2)") \
    X(path_reports_refuted, "such reports that progress refuted")                                  \
    X(path_blackholes, "path MTUs lowered: large segments vanished (RFC 4821 7.7)")                \
    X(path_probes, "probes for a larger path MTU sent")                                            \
    X(path_probes_lost, "probes that did not arrive")                                              \
    X(path_raised, "path MTUs raised by a probe")                                                  \
    X(fast_open_out, "SYNs sent with data")                                                        \
    X(fast_open_taken, "SYNs sent with data, which the peer took")                                 \
    X(fast_open_fallback, "SYNs sent with data or a request, then without: lost or not taken")     \
    X(fast_open_in, "SYNs whose data was taken at once")                                           \
    X(fast_open_bad, "SYNs with a cookie that is not ours, or not any more")                       \
    X(fast_open_limited, "SYNs with a good cookie: tcp_fast_open_pending_max")                     \
    X(quiet_held, "segments not sent, SYNs not taken: quiet time")

struct weir_tcp_stats {
#define X(name, meaning) uint64_t name;
    WEIR_TCP_COUNTERS(X)
#undef X
};

/* Copy the counters. */
WEIR_API void weir_tcp_stats(const weir_stack *stack, struct weir_tcp_stats *stats);

/* The i-th counter: its name and meaning (NULL past the last), and its value in `stats`. */
WEIR_API const char *weir_tcp_counter_name(unsigned i);
WEIR_API const char *weir_tcp_counter_text(unsigned i);
WEIR_API uint64_t weir_tcp_counter(const struct weir_tcp_stats *stats, unsigned i);

#ifdef __cplusplus
}
#endif

#endif
