/* SPDX-License-Identifier: MIT
 * What the files of the watcher share and nobody else sees. */
#ifndef WEIR_SIM_TCP_WATCH_IMPL_H
#define WEIR_SIM_TCP_WATCH_IMPL_H

#include "sim/packet.h"
#include "sim/tcp_watch.h"
#include "weir/packet.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

/* A place in a stream: sequence numbers since the SYN, which is 0. */
typedef int64_t place;

/* A set of places: disjoint spans in order. */
struct spans {
    struct span {
        place start, end;
    } *span;
    unsigned count, room;
};

void spans_add(struct spans *s, place start, place end);
bool spans_have(const struct spans *s, place start, place end);

/* The options of a SYN, as offered. */
struct syn_offer {
    bool seen;
    struct tcp_seq seq;
    uint16_t mss; /* 0: none */
    bool has_scale, has_timestamps, has_sack;
    uint8_t scale;
    uint32_t ts_val;
    uint16_t window;
};

/* One end of a connection, of a host that is watched. */
struct half {
    bool has_iss, has_irs;
    bool dead;    /* was reset: nothing but resets may follow */
    bool sent_rst;
    bool passive; /* its SYN was a SYN-ACK to a SYN */
    bool met;     /* an acknowledgment of its SYN was taken */
    struct syn_offer own, peer, last; /* the last: of any SYN that came */

    /* what it sent */
    struct tcp_seq iss;
    place sent;      /* the first place never sent */
    place fin;       /* of its FIN; 0: none yet */
    place una;       /* acknowledged by what came in */
    place edge;      /* right edge of the peer's window: the furthest offered */
    bool pushed;
    uint8_t *copy;   /* of the bytes sent: place p at p % copy_size */
    uint32_t copy_size;
    bool has_ts, has_ecr;
    weir_time ts_at;
    uint32_t ts_val, ts_ecr;

    /* what it received and acknowledged */
    struct tcp_seq irs;
    struct spans got; /* ever, the SYN being [0, 1) */
    bool unsure;      /* some of it was refused */
    place next;       /* the first place that did not come */
    place peer_fin;   /* 0: did not come */
    place acked;      /* the last acknowledgment sent; 0: none */
    place own_edge;   /* the right edge offered */
    place last_above, last_above_end; /* the last segment kept above a hole; 0: told, or none */
    uint32_t ts_recent;     /* what is to be echoed (RFC 7323 4.3) */
    uint32_t ts_before;     /* what was, before this instant: a reply may wait for those behind it */
    weir_time ts_recent_at;
    bool ts_known;          /* ... if that is known for sure */
    uint32_t ts_seen; /* the latest timestamp that came */
    bool has_ts_seen;
    weir_time ts_seen_at;
    uint64_t unacked; /* bytes in sequence, options counted, since the last acknowledgment */
    weir_time ack_due; /* WEIR_TIME_NEVER: none is */
    bool ack_now;
    const char *why_now;
};

struct flow {
    struct flow *next; /* in its bucket */
    struct weir_addr address[2];
    uint16_t port[2];
    struct half half[2];
};

enum { WATCH_BUCKETS = 256 };

/* Older timestamps compare with nothing (RFC 7323 5.5). */
#define TS_VALID (INT64_C(24) * 86400 * WEIR_NS_PER_S)

struct watch_host {
    struct tcp_watch *watch;
    unsigned number;
    struct tcp_watch_host config;
};

struct tcp_watch {
    struct verdict *verdict;
    struct watch_host host[TCP_WATCH_HOSTS_MAX];
    unsigned hosts;
    struct flow *bucket[WATCH_BUCKETS];
    struct tcp_watch_stats stats;
    uint8_t packet[WEIR_PACKET_BYTES_MAX]; /* the one that a tap has seen, in one piece */
};

/* A segment as it was seen. */
struct seen {
    struct tcp_watch *watch;
    const struct watch_host *host;
    struct flow *flow;
    struct half *half; /* of the host */
    weir_time now;
    struct sim_parsed parsed;
    struct tcp_header header;
    struct tcp_options options;
    uint32_t options_len, segment_size; /* the latter: 0, or what the device cuts it into */
    const uint8_t *payload;
    uint32_t payload_len;
};

/* Tell the verdict, with the connection. */
__attribute__((format(printf, 3, 4))) void watch_fail(const struct seen *s, const char *id,
                                                      const char *format, ...);

static inline bool seen_has(const struct seen *s, unsigned flags)
{
    return (s->header.flags & flags) == flags;
}

/* Where a number lies in the stream of `iss`, given a place near it. */
static inline place place_of(struct tcp_seq seq, struct tcp_seq iss, place near)
{
    return near + seq_diff(seq, seq_add(iss, (uint32_t)near));
}

/* The scale of windows that this half sends, or receives. */
static inline unsigned half_scale(const struct half *h, const struct syn_offer *of)
{
    return h->own.has_scale && h->peer.has_scale ? of->scale : 0;
}

static inline bool half_has_timestamps(const struct half *h)
{
    return h->own.has_timestamps && h->peer.has_timestamps;
}

static inline bool half_has_sack(const struct half *h)
{
    return h->own.has_sack && h->peer.has_sack;
}

struct syn_offer seen_offer(const struct seen *s);

/* Forget everything: a new incarnation. */
void half_reset(struct half *h);

void watch_segment_sent(struct seen *s);
void watch_segment_received(struct seen *s, enum weir_drop drop);

#endif
