/* SPDX-License-Identifier: MIT
 * The TCP room: one struct tcp_room per stack.
 *
 *     tcp_input() -> table -> tcp_segment_arrives() (RFC 9293 3.10.7) -> ack, recovery, cc
 *                                                                     -> reassembly, ACK duties
 *     calls, timers, segments  set work and link the connection on the ready list of its interface
 *     tcp_output() -> tcp_plan() what may go next -> emit -> commit
 *
 * Nothing is sent while a segment is taken in. Answers that no connection gives (RST, the ACKs of
 * TIME-WAIT) go through tcp_reply() to the network's pool of stateless replies.
 *
 * One function decides what may be sent: tcp_plan(). Who changes anything that it looks at calls
 * tcp_ready(), and does not ask what it will answer. */
#ifndef WEIR_TCP_TCP_H
#define WEIR_TCP_TCP_H

#include "net/net.h"
#include "tcp/conn.h"
#include "weir/config.h"
#include "weir/tcp.h"
#include "wire/tcp_options.h"

/* What is to be sent on one interface. */
struct tcp_iface {
    struct tcp_list ready; /* connections, by ready_next */
    struct tcp_list syns;  /* SYN records with a SYN,ACK to send, by ready_next */
};

/* The timer of the oldest TIME-WAIT. */
struct tcp_wait_fifo {
    struct net_timer timer;
    uint32_t first, last; /* by next and prev of the records; TCP_NONE */
};

/* SYN cookies (syncookie.c): those that have made a connection, for as long as they count. */
struct tcp_cookies {
    struct sip_key key;
    uint32_t *used; /* places of the cookies of late connections, by keyed hash */
    uint32_t used_mask; /* how many there are, less one */
};

/* Fast open (fastopen.c). */
struct tcp_fast_path;
struct tcp_fast_open {
    struct sip_key key;
    struct map map;              /* of the paths, by keyed hash of their two addresses */
    struct tcp_fast_path *paths; /* what a client knows of the servers it has met */
    uint32_t paths_max, paths_count;
    struct rng rng;              /* who makes room */
    uint32_t pending;            /* connections for which tcp_is_fast() holds */
    uint32_t held, held_before;  /* places of such as were reset, in this while and in the last: a
                                    RST frees none early (RFC 7413 5.1) */
    weir_time held_until;        /* this while lasts until then */
};

/* The fields are its own. It does not move. */
struct tcp_room {
    struct net *net;
    struct blocks *blocks;
    struct wheel *wheel;
    struct event_queue *events;
    const struct csum_ops *ops;
    const struct weir_assert *handler;
    const struct weir_config *config;
    struct sip_key table_key, isn_key, port_key, stamp_key;
    struct pool conns, syns, waits, flights, holes, accounts;
    struct ranges_pool ranges;
    struct map tuples;       /* of connections and records: see tcp_find() */
    struct map ports;        /* the first of the list of each port that somebody asked for */
    struct tcp_iface *iface; /* interfaces_max */
    struct tcp_wait_fifo waiting;
    /* Connections that wait, each in one of these at most, who came first before the others. */
    struct tcp_list want_flight; /* for a flight: they have something to send */
    struct tcp_list stuck;       /* for a window */
    struct tcp_list silent;      /* for any acknowledgment */
    struct tcp_list lingering;   /* for the peer's FIN, held by nobody */
    struct tcp_list holding;     /* the struct tcp_holes in use; the hole open longest comes first */
    uint32_t ending;             /* endpoints given up under pressure that are not free yet */
    uint64_t refused;            /* what blocks had refused when it was looked at last */
    struct tcp_cookies cookies;
    struct tcp_fast_open fast_open;
    weir_time quiet_until;       /* until then nothing is sent or taken (RFC 9293 3.4.3) */
    struct net_timer quiet_timer; /* brings output then */
    struct tcp_conn *last;       /* the connection looked up last, or NULL */
    uint64_t ports_drawn;        /* random numbers taken by tcp_port_choose() */
    weir_time now;               /* of the latest call that brought time */
    struct weir_tcp_stats count;
};

struct tcp_room_config {
    struct net *net;
    struct blocks *blocks;
    struct wheel *wheel;
    struct event_queue *events;
    const struct csum_ops *ops;
    const struct weir_assert *handler;
    struct sip_key key; /* secret */
    const struct weir_config *config;
    weir_time now; /* quiet time begins */
};

/* ======== room.c ======== */

/* Memory for tcp_init(), of any alignment; 0 when the machine is too small. */
size_t tcp_size(const struct weir_config *config);

/* Set up an empty room. Owner: the caller owns `tcp` and `mem` (tcp_size() bytes); what the config
 * points to outlives them. */
void tcp_init(struct tcp_room *tcp, const struct tcp_room_config *config, void *mem);

/* Does everything that the room promises itself hold? For tests. Linear in what there is. */
bool tcp_invariants(const struct tcp_room *tcp);

/* Is the handle one of this room's? */
static inline bool tcp_owns(weir_handle handle)
{
    return (handle.index & UINT32_C(0x80000000)) == 0;
}

static inline uint32_t tcp_index(const struct tcp_conn *c)
{
    return c->source.handle.index;
}

static inline struct tcp_conn *tcp_at(const struct tcp_room *tcp, uint32_t index)
{
    return pool_at(&tcp->conns, index);
}

/* The flight of a connection, or NULL. */
static inline struct tcp_flight *tcp_flight(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    return c->flight != TCP_NONE ? pool_at(&tcp->flights, c->flight) : NULL;
}

/* The account of a connection, or NULL. */
static inline struct tcp_account *tcp_account(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    return c->account != TCP_NONE ? pool_at(&tcp->accounts, c->account) : NULL;
}

/* The holes of a connection, or NULL. */
static inline struct tcp_holes *tcp_holes(const struct tcp_room *tcp, const struct tcp_conn *c)
{
    return c->holes != TCP_NONE ? pool_at(&tcp->holes, c->holes) : NULL;
}

/* Is it too early to send or take anything? */
static inline bool tcp_is_quiet(const struct tcp_room *tcp)
{
    return tcp->now < tcp->quiet_until;
}

/* Milliseconds and seconds of the stack's clock, for the fields that keep low bits of them. */
static inline uint32_t tcp_ms(weir_time now)
{
    return (uint32_t)((uint64_t)now / 1000000U);
}

static inline uint32_t tcp_s(weir_time now)
{
    return (uint32_t)((uint64_t)now / 1000000000U);
}

/* Ticks of 2^26 ns, 67 ms, for what may last for years; and how many milliseconds so many are. */
static inline uint32_t tcp_tick(weir_time now)
{
    return (uint32_t)((uint64_t)now >> 26);
}

static inline uint64_t tcp_tick_ms(uint32_t ticks)
{
    return ((uint64_t)ticks << 26) / 1000000U;
}

/* ======== input.c: a segment on its way in ======== */

/* A segment, parsed and verified, as it arrives at a connection. Trimming moves seq, len and skip.
 * */
struct tcp_segment {
    const struct net_rx *rx;
    const struct tcp_header *header;
    const struct tcp_options *options;
    uint64_t seq;          /* of its first byte, or of SYN: unwrapped near rcv_nxt */
    uint64_t ack;          /* with TCP_ACK: unwrapped near snd_una */
    uint32_t len;          /* payload */
    uint32_t skip;         /* where the payload begins in the bytes of rx */
    uint32_t window;       /* in bytes */
    uint16_t flags;        /* TCP_FIN ... TCP_CWR */
    uint16_t segments;     /* how many were put together: at least 1 */
    uint16_t segment_size; /* payload of each of them, the last apart */
    weir_time now;
};

/* Its end: past payload, SYN and FIN. */
static inline uint64_t tcp_segment_end(const struct tcp_segment *s)
{
    return s->seq + s->len + ((s->flags & TCP_SYN) != 0) + ((s->flags & TCP_FIN) != 0);
}

/* Take in a packet for TCP. Answers NONE or why it was dropped. The caller keeps the packet. Bound:
 * one pass over the bytes and O(log n) in a connection's islands. */
enum weir_drop tcp_input(struct tcp_room *tcp, const struct net_rx *rx, weir_time now);

/* Take in an ICMP error about a segment (icmp.c): the quoted sequence number must be outstanding
 * (RFC 5927 4). Soft errors become ADVICE; port and protocol unreachable end a connection in SYN-
 * SENT. NONE or ICMP_QUOTE. */
enum weir_drop tcp_error(struct tcp_room *tcp, const struct net_error *error, weir_time now);

/* Copy bytes [skip, skip + len) of the segment's payload into a ring at an offset: how many went in
 * (fewer: no memory). */
uint32_t tcp_copy_in(struct tcp_room *tcp, const struct tcp_segment *s, uint32_t skip, uint32_t len,
                     struct ring *ring, uint64_t offset, enum blocks_priority priority);

/* ======== reply.c: segments that no connection sends ======== */

/* A segment without payload, to be sent once. */
struct tcp_reply {
    struct weir_addr local, remote;
    uint16_t local_port, remote_port;
    uint32_t ifindex; /* or ROUTE_ANY_INTERFACE */
    struct tcp_seq seq, ack;
    uint16_t flags, window;
    bool timestamps;
    uint32_t ts_val, ts_ecr;
    uint8_t ttl, traffic_class; /* ttl 0: 64 */
    const struct tcp_options *syn; /* of a SYN,ACK: its options, in place of the timestamps; or NULL */
};

/* Queue it; when there is no room for replies it is lost, counted by the network. Bound: a route
 * lookup. */
void tcp_reply(struct tcp_room *tcp, const struct tcp_reply *reply);

/* Answer a segment that belongs to nothing with RST as RFC 9293 3.10.7.1 forms it, unless it is a
 * RST or the budget for resets is spent (counted). */
void tcp_reset_stranger(struct tcp_room *tcp, const struct tcp_segment *s);

/* Send RST for a connection: seq tcp_ack_seq(), ack rcv_nxt. Not limited: it ends what we have
 * begun. */
void tcp_reset_peer(struct tcp_room *tcp, const struct tcp_conn *c);

/* ======== table.c: finding ======== */

struct tcp_plan; /* below */

struct tcp_tuple {
    struct weir_addr local, remote;
    uint16_t local_port, remote_port;
};

enum tcp_kind { TCP_KIND_NONE, TCP_KIND_CONN, TCP_KIND_SYN, TCP_KIND_WAIT };

struct tcp_found {
    enum tcp_kind kind;
    uint32_t index; /* in the pool of its kind */
};

/* What stands in the table under a tuple. Bound: constant; hashes 12 or 36 bytes, unless it is the
 * connection found last. */
struct tcp_found tcp_find(struct tcp_room *tcp, const struct tcp_tuple *tuple);

/* The keyed hash of a tuple, under which it stands in the table. */
uint32_t tcp_tuple_hash(const struct tcp_room *tcp, const struct tcp_tuple *tuple);
struct tcp_tuple tcp_conn_tuple(const struct tcp_conn *c);

/* A tuple as bytes, for keyed hashes: answers how many, 12 when both addresses are IPv4, else 36.
 * */
enum { TCP_TUPLE_BYTES_MAX = 36 };
size_t tcp_tuple_bytes(const struct tcp_tuple *tuple, uint8_t bytes[TCP_TUPLE_BYTES_MAX]);

/* Put something into the table and take it out; of a connection, `in_table` follows. The tuple is
 * not in it; there is always room. */
void tcp_table_add(struct tcp_room *tcp, uint32_t hash, struct tcp_found what);
void tcp_table_remove(struct tcp_room *tcp, uint32_t hash, struct tcp_found what);

/* The listener for a local address and port, the one for the address before the one for any; NULL.
 * `ifindex` (0-based) counts for listeners bound to an interface. */
struct tcp_conn *tcp_find_listener(const struct tcp_room *tcp, struct weir_addr local,
                                   uint16_t port, unsigned ifindex);

/* The list of a port: endpoints that asked for it. Is there any? */
bool tcp_port_listed(const struct tcp_room *tcp, uint16_t port);
void tcp_port_add(struct tcp_room *tcp, struct tcp_conn *c);
void tcp_port_remove(struct tcp_room *tcp, struct tcp_conn *c);

/* May an endpoint have this local address and port, beside those that have it? Not when one has
 * both and either does not say `reuse`, or when it listens and so does this one. */
bool tcp_port_free(const struct tcp_room *tcp, const struct tcp_conn *c, bool listen);

/* ======== isn.c: numbers that must not be guessed ======== */

/* The initial sequence number: a 4 us clock and a keyed hash of the tuple (RFC 6528 3). */
struct tcp_seq tcp_isn(const struct tcp_room *tcp, const struct tcp_tuple *tuple, weir_time now);

/* The offset of the timestamps of a tuple: a keyed hash (RFC 7323 7.1), the same for each
 * incarnation. */
uint32_t tcp_stamp_offset(const struct tcp_room *tcp, const struct tcp_tuple *tuple);

/* The IPv6 flow label of a connection (RFC 6437 3): a keyed hash of what is its own already, so
 * that nothing can be told from one flow of another (ATK-INF-10). */
uint32_t tcp_flow_label(const struct tcp_room *tcp, uint32_t stamp_offset);

/* The timestamp to send: milliseconds and the offset (RFC 7323 5.4). */
static inline uint32_t tcp_stamp(uint32_t offset, weir_time now)
{
    return tcp_ms(now) + offset;
}

/* An ephemeral port for a tuple whose local_port is not set yet: at random (RFC 6056 3.3.2),
 * skipping tuples that exist (one in TIME-WAIT that may be reused counts as free, if nothing better
 * is near) and ports that somebody asked for. 0: none left. The double hash of 3.3.4 would number
 * the ports to a destination one after the other, and wants a table of 2^16 counters not to tell
 * hosts apart. */
uint16_t tcp_port_choose(struct tcp_room *tcp, const struct tcp_tuple *tuple, weir_time now);

/* ======== listen.c: passive opens ======== */

/* Table 6 of RFC 9293, for records: does any of a segment's `len` lie in the window? */
static inline bool tcp_acceptable(struct tcp_seq seq, uint32_t len, struct tcp_seq rcv_nxt,
                                  uint32_t window)
{
    if (len == 0)
        return seq_eq(seq, rcv_nxt) || seq_in(seq, rcv_nxt, window);
    return window > 0 && seq_lt(seq, seq_add(rcv_nxt, window)) &&
           seq_gt(seq_add(seq, len), rcv_nxt);
}

/* A segment for a listener (3.10.7.2); the tuple is in no table. */
enum weir_drop tcp_listen_segment(struct tcp_room *tcp, struct tcp_conn *listener,
                                  struct tcp_segment *s);

/* A SYN that may take the place of a connection in TIME-WAIT (MAY-2): as above, with an ISN beyond
 * what that one used. The record ends unless the SYN is dropped. */
enum weir_drop tcp_listen_reopen(struct tcp_room *tcp, struct tcp_conn *listener,
                                 struct tcp_segment *s, struct tcp_wait *w);

/* A segment for a SYN-RECEIVED record (3.10.7.4 for that state). When it completes the handshake,
 * the record becomes a connection, and the segment goes on there as in ESTABLISHED. */
enum weir_drop tcp_syn_segment(struct tcp_room *tcp, struct tcp_syn *syn, struct tcp_segment *s);

/* The timer of a record expired, or its neighbour answered. */
void tcp_syn_expire(struct tcp_room *tcp, struct tcp_syn *syn, weir_time now);
void tcp_syn_woken(struct tcp_room *tcp, struct tcp_syn *syn, enum neighbour_answer verdict,
                   weir_time now);

/* Fill up to `max` packets with SYN,ACKs due on an interface. */
unsigned tcp_syn_output(struct tcp_room *tcp, unsigned ifindex, struct weir_tx *tx, unsigned max,
                        weir_time now);

/* The listener closes: end its records, with RST where a SYN,ACK was sent, and reset what waits to
 * be accepted. Linear in both. */
void tcp_listener_end(struct tcp_room *tcp, struct tcp_conn *listener);

/* What a SYN says and the listener's settings take, as a record that is on no list and in no table. */
void tcp_listen_record(const struct tcp_room *tcp, const struct tcp_conn *listener,
                       const struct tcp_segment *s, struct tcp_seq iss, struct tcp_syn *syn);

/* The options of the SYN,ACK of a record; mss and ts_val are left to set. `cookie`: the place of one of
 * fast open. */
void tcp_syn_ack_options(const struct tcp_room *tcp, const struct tcp_syn *syn, weir_time now,
                         uint8_t cookie[8], struct tcp_options *o);

/* A SYN,ACK is to be sent; unless it waits for its neighbour, and then it will be. */
void tcp_syn_ready(struct tcp_room *tcp, struct tcp_syn *syn);

/* The handshake has failed: forget the record. */
void tcp_syn_fail(struct tcp_room *tcp, struct tcp_syn *syn);

/* An endpoint for what a record says, and a segment (sequence numbers, window); state CLOSED, in no
 * table or queue yet. NULL: no place in the accept queue, no endpoint, no memory. */
struct tcp_conn *tcp_listen_make(struct tcp_room *tcp, const struct tcp_syn *syn,
                                 const struct tcp_segment *s);

/* Put it into the table and the accept queue, where there is a place; ACCEPTED. */
void tcp_listen_enqueue(struct tcp_room *tcp, struct tcp_conn *listener, struct tcp_conn *c,
                        uint32_t hash);

/* The segment that has completed the handshake goes on at its connection; NULL: it was dropped. */
enum weir_drop tcp_listen_continue(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_segment *s);

/* The part of SYN-RECEIVED that does not need a record: a connection made of what `syn` says and the
 * final ACK, in the accept queue. NULL: not now (no place in the queue, no endpoint, no memory). The
 * caller has given up the record, if there was one, and the tuple stands in no table. */
struct tcp_conn *tcp_listen_establish(struct tcp_room *tcp, const struct tcp_syn *syn,
                                      const struct tcp_segment *s, uint32_t rtt_us);

/* Put a record at the end of a list, or take it out, by ready_next and ready_prev. */
void tcp_syn_join(struct tcp_room *tcp, struct tcp_list *list, struct tcp_syn *syn);
void tcp_syn_leave(struct tcp_room *tcp, struct tcp_list *list, const struct tcp_syn *syn);

/* The interface by which it is to be answered, or ROUTE_ANY_INTERFACE. */
uint32_t tcp_syn_interface(const struct tcp_room *tcp, const struct tcp_syn *syn);

/* ======== ask.c: handshakes that wait for the application ======== */

/* A record was made for a SYN with `len` bytes of data to a listener with ASK: no SYN,ACK yet; ASKED is
 * raised, and the record's timer is armed for its deadline. */
void tcp_ask(struct tcp_room *tcp, struct tcp_syn *syn, uint32_t len, weir_time now);

/* A record that waits ends: off the list of those not told. */
void tcp_ask_end(struct tcp_room *tcp, struct tcp_syn *syn);

int tcp_asked(struct tcp_room *tcp, struct tcp_conn *listener, struct weir_tcp_request *request);
int tcp_decide(struct tcp_room *tcp, weir_handle request, enum weir_tcp_verdict verdict);

/* ======== syncookie.c: SYN-RECEIVED without a record (RFC 4987 3.6) ======== */

/* Memory for tcp_cookies_init(); answers where it ends. */
size_t tcp_cookies_size(const struct weir_config *config);
void tcp_cookies_init(struct tcp_room *tcp, const struct sip_key *key, void *mem);

/* Answer a SYN, whose record would be *syn, with a SYN,ACK whose ISN holds what counts of it: a reply.
 * MSS in steps; window scale and SACK in the low bits of the timestamp, which is never ahead of the
 * clock. Bound: a route lookup. */
void tcp_cookie_answer(struct tcp_room *tcp, struct tcp_conn *listener, struct tcp_syn *syn,
                       weir_time now);

/* An ACK at a listener: does it bring back a cookie? If so, makes the connection, where the segment
 * goes on, and *drop is what became of it. False: it is nothing of ours, and to be reset. Constant. */
bool tcp_cookie_segment(struct tcp_room *tcp, struct tcp_conn *listener, struct tcp_segment *s,
                        enum weir_drop *drop);

enum tcp_cookie {
    TCP_COOKIE_NONE,  /* none are out */
    TCP_COOKIE_BAD,   /* it is none of ours, or too old */
    TCP_COOKIE_EARLY, /* not the first segment behind a SYN, which may still come */
    TCP_COOKIE_USED,  /* it has made a connection before */
    TCP_COOKIE_GOOD
};

/* Judge an ACK; GOOD: *syn is what it stands for. */
enum tcp_cookie tcp_cookie_judge(const struct tcp_room *tcp, const struct tcp_conn *listener,
                                 const struct tcp_segment *s, struct tcp_syn *syn);

/* Make the connection of a good one, where the segment goes on. The tuple is in no table. */
enum weir_drop tcp_cookie_accept(struct tcp_room *tcp, const struct tcp_syn *syn,
                                 struct tcp_segment *s);

/* ======== fastopen.c: RFC 7413 ======== */

size_t tcp_fast_open_size(const struct weir_config *config);
void tcp_fast_open_init(struct tcp_room *tcp, const struct sip_key *key, void *mem);

/* Server: what becomes of the Fast Open option of a SYN to a listener that has it on. */
enum tcp_fast_verdict {
    TCP_FAST_NO,     /* an ordinary handshake */
    TCP_FAST_COOKIE, /* an ordinary handshake; the SYN,ACK carries a cookie */
    TCP_FAST_DATA    /* the cookie is good: its data may be taken at once */
};
enum tcp_fast_verdict tcp_fast_open_syn(struct tcp_room *tcp, const struct tcp_conn *listener,
                                        const struct tcp_segment *s);

/* Server: the connection, in SYN-RECEIVED and in the accept queue, with the data of the SYN. Answers
 * NONE, or why the SYN has to go the ordinary way. */
enum weir_drop tcp_fast_open_accept(struct tcp_room *tcp, struct tcp_conn *listener,
                                    struct tcp_segment *s, struct tcp_seq iss);

/* Server: the cookie for a client, into 8 bytes. */
void tcp_fast_open_cookie(const struct tcp_room *tcp, struct weir_addr client,
                          struct weir_addr server, uint8_t cookie[8], weir_time now);

/* How the SYN,ACK of an open fast connection tells a new cookie: when the client's is of the last
 * epoch. */
enum tcp_fast_reply { TCP_FAST_REPLY_NONE, TCP_FAST_REPLY_COOKIE, TCP_FAST_REPLY_EXPERIMENTAL };

/* Server: adds it to the options of the SYN,ACK, if it is due; they refer to `cookie`. */
void tcp_fast_open_reply(const struct tcp_room *tcp, const struct tcp_conn *c, struct tcp_options *o,
                         uint8_t cookie[8], weir_time now);

/* The handshake of a connection with fast_pending is over: WEIR_OK, or why it failed. Nothing when it
 * has not fast_pending. */
void tcp_fast_open_done(struct tcp_room *tcp, struct tcp_conn *c, int reason, weir_time now);

/* Client, before the first SYN, all other options being set: sets the option, if any, which refers to
 * what is known of the path, and answers how much of the queue may go with it. */
uint32_t tcp_fast_open_offer(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_options *o,
                             weir_time now);

/* Client: the SYN,ACK came. Learns the cookie, or that the path takes none. */
void tcp_fast_open_learn(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s);

bool tcp_fast_open_invariants(const struct tcp_room *tcp);

/* ======== pmtud.c: the path MTU of a connection (RFC 1191, 8201, 4821, 5927 7.2) ======== */

/* A checked report that what is outstanding was too large. */
void tcp_pmtud_report(struct tcp_room *tcp, struct tcp_conn *c, const struct net_error *error,
                      weir_time now);

/* The path was looked up anew: *pmtu is what routes and reports say. Sets mtu and may_fragment; up only
 * while nothing is established, or when there are to be no probes. */
void tcp_pmtud_path(struct tcp_room *tcp, struct tcp_conn *c, const struct pmtu *pmtu,
                    weir_time now);

/* snd_una has moved (the log is not trimmed yet): sizes that arrived, a probe that did, a report that
 * is refuted or proved. */
void tcp_pmtud_acked(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* The retransmission timer expired, and recovery knows: a pending report is believed; after several
 * expiries in a row, large segments are thought to vanish. True: the size alone was to blame. */
bool tcp_pmtud_timeout(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* Is what recovery takes for lost the probe alone? Then cwnd is not reduced (RFC 4821 7.6.2). The probe
 * is given up. */
bool tcp_pmtud_probe_lost(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* A visit of output's begins: when the search has come to its end, it rests. Constant, mostly a
 * comparison; a route lookup when a search is due and would have data for it. */
void tcp_pmtud_look(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* Payload of the probe that goes next, of new data, once cwnd and window let it; 0: none. Pure. */
uint16_t tcp_pmtud_probe(const struct tcp_room *tcp, const struct tcp_conn *c, weir_time now);

/* A report waits for evidence, and its test, of two segments, has not gone out. */
enum { TCP_PMTUD_TESTS = 2 };

static inline bool tcp_pmtud_test_due(const struct tcp_flight *f)
{
    return f->report_mtu != 0 && f->report_tests < TCP_PMTUD_TESTS;
}

/* A duplicate ACK came: what does it say of a report that waits? True: it is but the echo of a
 * segment of a test, which had arrived before; recovery need not hear of it. */
bool tcp_pmtud_dupack(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s);

/* Is what is missing at snd_una still thought to be too large, not lost? What its test brings will tell:
 * recovery waits for it. */
static inline bool tcp_pmtud_waits(const struct tcp_conn *c, const struct tcp_flight *f)
{
    return f->report_mtu != 0 && !f->report_doubted && f->report_start == c->snd_una;
}

/* Plan the next segment of the test; false: there is none to be made. Pure. */
bool tcp_pmtud_test(const struct tcp_room *tcp, const struct tcp_conn *c, struct tcp_plan *p);

/* [plan->seq, end) went out, and was `sized` for one of the two, or went `again`. */
void tcp_pmtud_sent(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_plan *plan,
                    uint64_t end);

/* Does what the search and a report that waits promise hold, of an established connection? */
bool tcp_pmtud_invariants(const struct tcp_conn *c, const struct tcp_flight *f);

/* The largest size still thought possible. */
uint16_t tcp_pmtud_max(const struct tcp_room *tcp, const struct tcp_conn *c);

/* ======== stuck.c: peers that hold our memory (RFC 6429) ======== */

/* Put a connection at the end of a list of those that wait, out of the one that it is in, and take it
 * out of the one that it is in. The bit that tells of it, wants_flight, stuck or idle_fin, is set by
 * the caller, and cleared here. Constant. */
void tcp_wait_join(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_list *list);
void tcp_wait_leave(struct tcp_room *tcp, struct tcp_conn *c);

/* Window, queue, state or outage has changed: is it stuck? Stuck is who has something to send that the
 * window keeps back, closed or too small to be worth a segment, or has sent something again and again
 * (R1) without an answer; until a segment's worth, or all of it, is acknowledged. Constant. */
void tcp_stuck_update(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* So much was acknowledged of one that is stuck. */
void tcp_stuck_acked(struct tcp_room *tcp, struct tcp_conn *c, uint32_t acked);

/* Holes begin, or something worth a segment has come in sequence: last in the list; and they end.
 * Constant. */
void tcp_holes_join(struct tcp_room *tcp, struct tcp_holes *holes, weir_time now);
void tcp_holes_progress(struct tcp_room *tcp, struct tcp_holes *holes, weir_time now);
void tcp_holes_leave(struct tcp_room *tcp, struct tcp_holes *holes);

/* For how long it is stuck, in milliseconds, to a tick; 0: it is not. */
static inline uint32_t tcp_stuck_for(const struct tcp_conn *c, weir_time now)
{
    uint64_t ms = c->stuck ? tcp_tick_ms(tcp_tick(now) - c->stuck_since) : 0;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

/* Packet memory, endpoints or flights may be short: then end those stuck longest, the longest first, a
 * few at a time, if they are stuck for tcp_stuck_ms; sooner, the less memory is left below
 * tcp_pressure_percent. What the last output referred to may be given
 * back. Constant. */
void tcp_stuck_relieve(struct tcp_room *tcp, weir_time now);

/* An endpoint is given back. */
static inline void tcp_stuck_ended(struct tcp_room *tcp, const struct tcp_conn *c)
{
    tcp->ending -= c->reason == WEIR_E_PRESSURE;
}

/* ======== uto.c: RFC 5482 ======== */

/* The option to send now, 0: none (see tcp_user_timeout_s() of wire). Pure. */
uint16_t tcp_user_timeout_option(const struct tcp_conn *c);

/* The peer's came. */
void tcp_user_timeout_arrives(struct tcp_room *tcp, struct tcp_conn *c, uint16_t option,
                              weir_time now);

/* R2 for data in effect, in milliseconds; 0: the default. */
uint32_t tcp_user_timeout_ms(const struct tcp_conn *c);

/* ======== tune.c: buffers that suit the path ======== */

/* A connection begins, or its RECEIVE_BYTES_MAX has changed: sets rcv_buf. */
void tcp_tune_begin(struct tcp_conn *c);

/* Data came, and srtt_us8 is 0: what its timestamp says of the round trip. */
void tcp_tune_echo(struct tcp_conn *c, const struct tcp_segment *s);

/* The application has read: is a larger receive buffer of use? Lets rcv_buf grow. Constant. */
void tcp_tune_read(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* The send buffer now, in bytes. Pure. */
uint32_t tcp_tune_send_buffer(const struct tcp_room *tcp, const struct tcp_conn *c);

/* ======== account.c ======== */

void tcp_account_open(struct tcp_room *tcp, struct tcp_conn *c);   /* an endpoint begins */
void tcp_account_start(struct tcp_room *tcp, struct tcp_conn *c, weir_time now); /* established */
void tcp_account_stop(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);  /* it is over */
void tcp_account_close(struct tcp_room *tcp, struct tcp_conn *c);  /* the endpoint is given back */

/* Something may have changed what limits the sender: account for the time since the last call. */
void tcp_account_update(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* What the counters of a connection count. */
void tcp_account_segment_in(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s);
void tcp_account_segments_out(struct tcp_room *tcp, struct tcp_conn *c, unsigned segments,
                              const struct tcp_plan *plan);

/* Counters that move seldom. */
enum tcp_account_item {
    TCP_ACCOUNT_RECOVERY, /* a fast recovery begins */
    TCP_ACCOUNT_TIMEOUT,  /* cwnd is reduced by a timeout */
    TCP_ACCOUNT_DUPACK_IN,
    TCP_ACCOUNT_DUPACK_OUT,
    TCP_ACCOUNT_ZERO_WINDOW_IN, /* a window is told to be closed, and was not before */
    TCP_ACCOUNT_ZERO_WINDOW_OUT
};
void tcp_account_count(struct tcp_room *tcp, struct tcp_conn *c, enum tcp_account_item item);

/* What limits it now. Pure. */
enum weir_tcp_limit tcp_account_limit(const struct tcp_room *tcp, const struct tcp_conn *c,
                                      weir_time now);

void tcp_account_info(const struct tcp_room *tcp, const struct tcp_conn *c,
                      struct weir_tcp_info *info);

/* ======== timewait.c ======== */

/* Leave the connection for a record: CLOSED is told, the endpoint keeps what was not read. Queues
 * the ACK that is due as a reply. When there are no records left, the oldest ends early. */
void tcp_time_wait_enter(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* A segment for a record. */
enum weir_drop tcp_time_wait_segment(struct tcp_room *tcp, struct tcp_wait *w, struct tcp_segment *s);

/* How long it will last, in nanoseconds; 0: it is to end now. */
weir_time tcp_time_wait_left(const struct tcp_room *tcp, const struct tcp_wait *w, weir_time now);

/* May an active open take its place now (RFC 6191, with our timestamps)? */
bool tcp_time_wait_reusable(const struct tcp_room *tcp, const struct tcp_wait *w, weir_time now);

/* End a record. */
void tcp_time_wait_end(struct tcp_room *tcp, struct tcp_wait *w);

/* The timer of the oldest expired. */
void tcp_time_wait_expire(struct tcp_room *tcp, weir_time now);

/* ======== close.c: the ends of a connection ======== */

/* A new endpoint in CLOSED with the settings of `from` (NULL: the defaults), or NULL: none left. */
struct tcp_conn *tcp_conn_new(struct tcp_room *tcp, const struct tcp_conn *from);

/* Set both rings up, empty, with blocks that suit the buffers: when a connection begins. */
void tcp_conn_rings(struct tcp_room *tcp, struct tcp_conn *c, uint64_t snd_head, uint64_t rcv_head);

/* Use another class of block for the send queue, which is empty. */
void tcp_send_class(struct tcp_conn *c, enum blocks_class class);

/* The size of a buffer changes, and if it is empty its blocks; false when it holds something, in
 * blocks too small for so many bytes. */
bool tcp_send_resize(struct tcp_room *tcp, struct tcp_conn *c, uint32_t bytes);
bool tcp_receive_resize(struct tcp_conn *c, uint32_t bytes);

/* The connection is over, for `reason` (WEIR_OK: in order): out of the table and all lists, timers
 * off, send queue, flight, promise, pin given back; state CLOSED, CLOSED is told with the reason,
 * and with a reason the unread data is thrown away and the reason is what the next call returns.
 * Does not send. The endpoint stays until the application has released it and read CLOSED: never
 * freed here. */
void tcp_conn_end(struct tcp_room *tcp, struct tcp_conn *c, int reason);

/* The same with RST to the peer. */
void tcp_conn_abort(struct tcp_room *tcp, struct tcp_conn *c, int reason);


/* All of tcp_conn_end() but state and CLOSED: what TIME-WAIT leaves behind, too. The receive ring
 * stays. */
void tcp_conn_detach(struct tcp_room *tcp, struct tcp_conn *c);

/* Give the endpoint back if nobody needs it any more. */
void tcp_conn_free_if_done(struct tcp_room *tcp, struct tcp_conn *c);

/* FIN after all that is queued: states by RFC 9293 3.10.4. */
void tcp_conn_shut_send(struct tcp_room *tcp, struct tcp_conn *c);

/* FIN of ours was acknowledged, or the peer's came: the changes of state of 3.10.7.4, steps 5 and
 * 8. The latter takes rcv_nxt past the FIN, tells the application, and acknowledges. */
void tcp_fin_acked(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);
void tcp_fin_received(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* Raise an event, unless the application let go of it (CLOSED always). */
void tcp_raise(struct tcp_room *tcp, struct tcp_conn *c, uint32_t bits, int error);

/* ======== segarrives.c, ack.c: RFC 9293 3.10.7.3 and 3.10.7.4 ======== */

enum weir_drop tcp_segment_arrives(struct tcp_room *tcp, struct tcp_conn *c, struct tcp_segment *s);

/* The handshake is complete: congestion control, windows, timers, CONNECTED (or ACCEPTED by
 * listen.c). snd_una is past the SYN. `rtt_us`: a sample, 0: none. */
void tcp_established(struct tcp_room *tcp, struct tcp_conn *c, weir_time now, uint32_t rtt_us);

/* The part of step 5 that is the same in all states: an acceptable ACK, snd_una <= s->ack <=
 * snd_max. Updates the window (WL1/WL2), takes what is acknowledged off queue and log, RTT,
 * recovery, congestion control, timers, WRITABLE. */
void tcp_ack_arrives(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s);

/* May a challenge ACK be sent now (RFC 5961 7)? Counts it. At most 5 in a burst and one more in 500
 * ms, each connection for itself. */
bool tcp_challenge_allowed(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* ======== recovery.c: what was lost (RFC 5681, 6582, 3042) ======== */

/* An ACK of nothing new that is a duplicate by RFC 5681 2. */
void tcp_recovery_dupack(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* `acked` bytes were newly acknowledged (snd_una has moved, the log is trimmed after this call).
 * Drives the congestion control, too. */
void tcp_recovery_acked(struct tcp_room *tcp, struct tcp_conn *c, uint32_t acked, weir_time now);

/* The retransmission timer expired with data outstanding: go back to snd_una. */
void tcp_recovery_timeout(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* All that is outstanding is known not to have arrived: it goes again, as after a timeout. */
void tcp_recovery_go_back(struct tcp_room *tcp, struct tcp_conn *c);

/* How many bytes may be outstanding now by congestion control: cwnd, and limited transmit. */
uint64_t tcp_recovery_window(const struct tcp_room *tcp, const struct tcp_conn *c);

/* Which recovery state. OPEN without a flight. */
enum weir_tcp_recovery tcp_recovery_state(const struct tcp_room *tcp, const struct tcp_conn *c);

/* ======== txlog.c: what was sent when ======== */

/* Take and give a flight. Taking fails when there are none: the connection is put into
 * want_flight, and tcp_ready() is called when one is given back. Giving empties its log. */
bool tcp_flight_take(struct tcp_room *tcp, struct tcp_conn *c);
void tcp_flight_give(struct tcp_room *tcp, struct tcp_conn *c);

/* Is there room to log one more run? (Takes memory if it must; counted when there is none.) */
bool txlog_prepare(struct tcp_room *tcp, struct tcp_conn *c);

/* [start, end) was sent for the first time: start is the end of the log. Extends the last run when
 * it was sent at the same time, ended on a full segment and has room. After txlog_prepare().
 * Bound: constant. */
void txlog_sent(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_run *run);

/* The segment that holds `seq`, as it was sent: [*start, *end). seq is in the log. O(log n) in the
 * runs. */
void txlog_segment(const struct tcp_room *tcp, const struct tcp_conn *c, uint64_t seq,
                   uint64_t *start, uint64_t *end);

/* Payload of the largest segment below `una` that was sent once only; 0: none. Linear in the runs that
 * end there. */
uint32_t txlog_arrived(const struct tcp_room *tcp, const struct tcp_conn *c, uint64_t una);

/* Everything in [start, end), part of the log, was sent again. */
void txlog_resent(struct tcp_room *tcp, struct tcp_conn *c, uint64_t start, uint64_t end);

/* Forget what is below `una`. Answers when the newest of the segments that end at or below it was
 * sent, if it was sent once only (Karn), else WEIR_TIME_NEVER. Amortised constant. */
weir_time txlog_acked(struct tcp_room *tcp, struct tcp_conn *c, uint64_t una);

/* ======== rto.c: RFC 6298, and all timers of a connection ======== */

/* A sample of the round trip. 0 counts as 1 us. */
void tcp_rtt_sample(struct tcp_conn *c, uint32_t rtt_us);

/* The timeout now, backoff included: nanoseconds, between RTO_MIN_MS and TCP_RTO_MAX. */
weir_time tcp_rto(const struct tcp_conn *c);

/* Arm, re-arm or stop the repair timer after anything that changes what is outstanding or may be
 * sent: RETRANSMIT while snd_una < snd_max; PERSIST while nothing is outstanding, something is
 * queued and the window lets none or too little go; CORK; else none. `restart`: progress was made,
 * begin anew. */
void tcp_repair_update(struct tcp_room *tcp, struct tcp_conn *c, bool restart, weir_time now);

/* The user timeout was set: the repair timer runs no longer than that. */
void tcp_user_timeout_update(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* Keepalive or FIN-WAIT-2: set idle_at by settings, state and heard_at. */
void tcp_idle_update(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* Arm the connection's timer for the earliest deadline; lazy when it is armed for an earlier one.
 * */
void tcp_timer_update(struct tcp_room *tcp, struct tcp_conn *c);

/* The timer expired: do what is due of retransmission, persist, cork, delayed ACK, keepalive,
 * FIN-WAIT-2, R1, R2 and the user timeout. */
void tcp_conn_expire(struct tcp_room *tcp, struct tcp_conn *c, weir_time now);

/* ======== reasm.c, rcvbuf.c, delack.c: the receiver ======== */

/* Step 7: the segment's payload, already trimmed to the window [rcv_nxt, rcv_edge). In sequence:
 * into the ring, joined with what was held, rcv_nxt moved, READABLE. Above a hole: kept where it
 * belongs if limits allow; bytes that are there already are never written again (ATK-BLD-14).
 * Duplicates are noted for DSACK. Programs the ACKs: tcp_delack_...(). FIN above a hole is kept
 * (holes->fin). Answers NONE or TCP_MEMORY. Sets *fin when rcv_nxt has reached the peer's FIN, by
 * this segment or an earlier one: the caller processes it. */
enum weir_drop tcp_reasm_segment(struct tcp_room *tcp, struct tcp_conn *c,
                                 const struct tcp_segment *s, bool *fin);

/* A segment with so much payload came, more than any before: what counts as full-sized. */
void tcp_note_size(struct tcp_conn *c, uint32_t size);

/* Data wholly below rcv_nxt came again: note it for DSACK. */
void tcp_reasm_duplicate(struct tcp_room *tcp, struct tcp_conn *c, uint64_t start, uint64_t end);

/* The SACK blocks to send now, newest first, a DSACK before all (RFC 2018 4, RFC 2883 4); at most
 * `max`. */
unsigned tcp_sack_blocks(const struct tcp_room *tcp, const struct tcp_conn *c,
                         struct tcp_sack_block *blocks, unsigned max);

/* Give back the holes when nothing is in them. */
void tcp_holes_give_if_done(struct tcp_room *tcp, struct tcp_conn *c);

/* The right edge to advertise now, at or right of rcv_edge: by free space, by the promise that
 * packet memory allows (reserved here), and without silly windows (RFC 9293 3.8.6.2.2). */
uint64_t tcp_rcv_edge(struct tcp_room *tcp, struct tcp_conn *c);

/* The first window, of SYN or SYN,ACK (never scaled), and the scale that suits the buffer. */
uint16_t tcp_rcv_window_first(const struct tcp_room *tcp, const struct tcp_settings *set);
uint8_t tcp_rcv_scale(const struct tcp_settings *set);

/* An acknowledgment of rcv_nxt with right edge `edge` was sent: all duties but dup_acks_due are
 * met, and a DSACK, if it was in it, is told. */
void tcp_ack_sent(struct tcp_room *tcp, struct tcp_conn *c, uint64_t edge, bool told_sack);

/* The application read up to the ring's head: an update of the window may be due (MUST-39). */
void tcp_rcv_read(struct tcp_room *tcp, struct tcp_conn *c);

/* All of the promise is given back. */
void tcp_rcv_unpromise(struct tcp_room *tcp, struct tcp_conn *c);

/* `bytes`, with the options of their segments, came in sequence in `segments` segments:
 * acknowledge every second full-sized one, or later by the timer (RFC 9293 3.8.6.3; RFC 2525
 * 2.13), or at once. */
void tcp_delack_data(struct tcp_room *tcp, struct tcp_conn *c, uint32_t bytes, unsigned segments,
                     weir_time now);

/* Acknowledge now; with `each`, by a segment of its own (a duplicate ACK). */
void tcp_ack_now(struct tcp_room *tcp, struct tcp_conn *c, bool each);

/* Step 6: the urgent pointer of a segment with URG (RFC 6093). */
void tcp_urgent_arrives(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s);

/* rcv_nxt or rcv_up has moved: with URGENT_INLINE off, copy the urgent octet out when it is there.
 * */
void tcp_urgent_octet(struct tcp_room *tcp, struct tcp_conn *c);

/* ======== plan.c, output.c, emit.c: the sender ======== */

enum tcp_send {
    TCP_SEND_NOTHING, /* until `at` */
    TCP_SEND_SYN,
    TCP_SEND_DATA,     /* [seq, seq + len), FIN behind it when `fin`: new, or again when `again` */
    TCP_SEND_PROBE,    /* one octet beyond the window, or what the window takes */
    TCP_SEND_KEEPALIVE,
    TCP_SEND_ACK
};

struct tcp_plan {
    uint8_t what; /* enum tcp_send */
    uint8_t sack; /* SACK blocks to go with it, at most */
    bool again;   /* a retransmission */
    bool sized;   /* one segment, sent for its size: a probe of the path, or, again, a test (pmtud.c) */
    bool fin;
    bool cwnd_limited; /* cwnd is what keeps the rest back */
    uint16_t mss; /* payload of a full segment now */
    uint64_t seq;
    uint32_t len; /* a run: of payload, without FIN */
};

/* What this connection may send next. Pure. Bound: O(log n) in its runs for a retransmission, else
 * constant. */
struct tcp_plan tcp_plan(const struct tcp_room *tcp, const struct tcp_conn *c, weir_time now);

/* Payload of a full segment: the peer's MSS, the path, the settings, less the options that go with
 * each segment (RFC 9293 3.7.1), but for SACK blocks. */
uint16_t tcp_send_mss(const struct tcp_conn *c);

/* The MSS to announce on an interface of this MTU (MUST-14, MUST-67). */
uint16_t tcp_announced_mss(const struct tcp_settings *set, uint32_t mtu, bool ip4);

/* The same for a SYN, or SYN,ACK, that was sent again `resent` times. From the third time on no
 * more than the default of a peer that says nothing: where handshakes hardly get through, large
 * segments of the peer's may not get through at all, and who has to tell it may not be heard (RFC
 * 2923 2.1). */
uint16_t tcp_syn_mss(const struct tcp_settings *set, uint32_t mtu, bool ip4, unsigned resent);

/* Something changed that may let it send: link it on the ready list. Constant. A connection that
 * ends stays on the list until output passes it over. */
void tcp_ready(struct tcp_room *tcp, struct tcp_conn *c);

/* The way to the peer now, as routes say; as net_path(). */
int tcp_conn_path(const struct tcp_room *tcp, const struct tcp_conn *c, struct net_path *path);

/* Begin a call that brings time. */
void tcp_begin(struct tcp_room *tcp, weir_time now);

/* Fill up to `max` packets with what is to be sent on an interface: SYN,ACKs first, then one run
 * for each ready connection in turn. Bound: linear in max and in the connections that had nothing
 * to send. */
unsigned tcp_output(struct tcp_room *tcp, unsigned ifindex, struct weir_tx *tx, unsigned max,
                    weir_time now);
bool tcp_has_output(const struct tcp_room *tcp, unsigned ifindex);

/* A waiter of kind NET_WAITER_TCP or NET_WAITER_TCP_SYN was woken. */
void tcp_woken(struct tcp_room *tcp, struct neighbour_waiter *waiter, enum neighbour_answer verdict,
               weir_time now);

/* A timer was popped; false when its kind is not of this room. */
bool tcp_expire(struct tcp_room *tcp, struct net_timer *timer, weir_time now);

/* Headers of one segment, of a connection or of a SYN record (emit.c). */
struct tcp_emit {
    const struct weir_addr *local, *remote;
    uint16_t local_port, remote_port;
    uint8_t ttl, traffic_class;
    struct tcp_seq seq, ack;
    uint16_t flags, window, urgent;
    bool may_fragment; /* IPv4: DF clear */
    uint32_t flow_label; /* IPv6 */
    uint16_t mss; /* when the device is to cut it: payload of each segment; else 0 */
    const uint8_t *options; /* as they stand on the wire */
    uint8_t options_len;
    unsigned ifindex;
    struct eth_addr station; /* on Ethernet */
    struct weir_ref payload[2];
    struct csum pseudo; /* of the pseudo-header: set by tcp_emit_segment() */
};

/* Write the headers, refer to the payload, and see to the checksums. */
void tcp_emit_segment(const struct tcp_room *tcp, struct tcp_emit *e, struct weir_tx *tx);

/* The same for a segment that differs from the one before it, *before, in nothing but sequence
 * number, flags, urgent pointer and the bytes (not the length, not 0) of its payload. */
void tcp_emit_next(const struct tcp_room *tcp, const struct tcp_emit *e,
                   const struct weir_tx *before, struct weir_tx *tx);

/* ======== api.c, info.c: for the application, see weir/tcp.h ======== */

struct tcp_conn *tcp_get(const struct tcp_room *tcp, weir_handle handle);
int tcp_open(struct tcp_room *tcp, const struct weir_tcp_config *config, weir_handle *handle);
int tcp_set(struct tcp_room *tcp, struct tcp_conn *c, enum weir_tcp_setting setting, uint32_t value);
int tcp_get_setting(const struct tcp_conn *c, enum weir_tcp_setting setting, uint32_t *value);
void tcp_settings_default(struct tcp_settings *set);
int tcp_connect(struct tcp_room *tcp, struct tcp_conn *c, const struct weir_addr *remote,
                uint16_t port);
int tcp_listen(struct tcp_room *tcp, struct tcp_conn *c, unsigned backlog);
int tcp_accept(struct tcp_room *tcp, struct tcp_conn *listener, uint64_t user,
               weir_handle *connection);
int tcp_send(struct tcp_room *tcp, struct tcp_conn *c, struct weir_ref data, unsigned flags);
int tcp_receive(struct tcp_room *tcp, struct tcp_conn *c, void *data, size_t size, unsigned flags);
int tcp_at_mark(const struct tcp_conn *c);
int tcp_shutdown(struct tcp_room *tcp, struct tcp_conn *c, enum weir_tcp_how how);
void tcp_close(struct tcp_room *tcp, struct tcp_conn *c, bool abort);
uint32_t tcp_level(const struct tcp_room *tcp, const struct tcp_conn *c);
int tcp_take_error(struct tcp_conn *c);
void tcp_closed_read(struct tcp_room *tcp, weir_handle handle);

/* Data that can be read now. Between it and the ring's head may stand an urgent octet that was
 * kept out of the stream: then *start is past it. */
uint64_t tcp_unread(const struct tcp_conn *c, uint64_t *start);

/* Data was acknowledged: WRITABLE when a third of the buffer is free and it was wanted. */
void tcp_writable_update(struct tcp_room *tcp, struct tcp_conn *c);

void tcp_info(const struct tcp_room *tcp, const struct tcp_conn *c, struct weir_tcp_info *info);
bool tcp_next(const struct tcp_room *tcp, uint64_t *cursor, struct weir_tcp_info *info);

#endif
