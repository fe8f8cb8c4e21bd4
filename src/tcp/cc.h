/* SPDX-License-Identifier: MIT
 * Congestion control: how much may be in flight. It sees its own state, the facts of one event and
 * the time, never the connection. Loss detection (tcp/recovery.h) says what was lost and when; the
 * plan says what goes next. One algorithm is behind this interface today: reno.c. */
#ifndef WEIR_TCP_CC_H
#define WEIR_TCP_CC_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/types.h"

#define TCP_SSTHRESH_NONE UINT32_MAX

enum { TCP_CWND_MAX = 1 << 30 };

struct tcp_cc {
    uint32_t cwnd;     /* bytes; what recovery inflates and deflates, too */
    uint32_t ssthresh; /* bytes; TCP_SSTHRESH_NONE: none yet */
    uint32_t acked;    /* bytes acknowledged since cwnd last grew (RFC 3465, RFC 5681 3.1) */
};

/* The facts of an ACK that acknowledges new data. */
struct tcp_cc_ack {
    uint32_t acked;    /* bytes newly acknowledged */
    uint32_t flight;   /* bytes outstanding before it (FlightSize) */
    uint32_t mss;      /* SMSS */
    bool cwnd_limited; /* the sender used all of cwnd: else it does not grow (RFC 7661's spirit) */
};

/* Begin: initial window of RFC 6928 for an SMSS, at most `segments` of it; after a SYN that had to be
 * retransmitted, one segment (RFC 5681 3.1). */
void cc_init(struct tcp_cc *cc, uint32_t mss, unsigned segments, bool syn_lost);

/* New data was acknowledged outside recovery: slow start (at most mss an ACK's segment, RFC 5681
 * 3.1), or exactly one SMSS for each cwnd acknowledged. */
void cc_acked(struct tcp_cc *cc, const struct tcp_cc_ack *ack);

/* Loss was detected, `flight` bytes being outstanding: ssthresh = max(flight / 2, 2 SMSS) (RFC 5681
 * equation 4). cwnd is the recovery's to set. */
void cc_loss(struct tcp_cc *cc, uint32_t flight, uint32_t mss);

/* The retransmission timer expired: cwnd becomes one segment (RFC 5681 3.1); ssthresh falls as in
 * cc_loss() unless `again`: the same data had timed out before. */
void cc_timeout(struct tcp_cc *cc, uint32_t flight, uint32_t mss, bool again);

/* Nothing was sent for an RTO or longer: at most the restart window (RFC 5681 4.1). */
void cc_idle(struct tcp_cc *cc, uint32_t mss, unsigned segments);

/* The SMSS changed, to a smaller path MTU: cwnd stays at least one segment. */
void cc_mss(struct tcp_cc *cc, uint32_t mss);

#endif
