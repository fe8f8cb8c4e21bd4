/* SPDX-License-Identifier: MIT
 * A watcher of TCP on the wire: sees each packet that a host sends and receives, through the tap of
 * its stack, and knows from these alone what a sound TCP may send next. What it finds names the
 * invariant of the catalogue or the requirement of RFC 9293:
 *
 *     I-03  no new data behind the window          I-15  a sequence number has one byte for ever
 *     I-16  one FIN, nothing behind it             I-17  one SYN an incarnation
 *     I-19  no segment above MSS and MTU           I-25  the right edge of the window stays or grows
 *     I-28  SACK tells what was received           I-29  nothing is acknowledged that did not come
 *     I-30  acknowledgments do not go back         I-31  and are sent in time
 *     I-36  timestamps are echoed in order         I-43  no connection: only SYN and RST
 *     I-44  a reset ends it                        I-65  checksums
 *     MUST-65, MUST-68, MUST-69, SUP-20, SUP-22: options; UN-17: reserved bits
 */
#ifndef WEIR_SIM_TCP_WATCH_H
#define WEIR_SIM_TCP_WATCH_H

#include "sim/verdict.h"
#include "weir/config.h"
#include "weir/tcp.h"

struct tcp_watch;

enum { TCP_WATCH_HOSTS_MAX = 8 };

struct tcp_watch_host {
    uint8_t link; /* enum weir_link; 0: WEIR_LINK_IP */
    uint32_t mtu_bytes;
    bool slow; /* packets may wait for the device: nothing is expected at once (I-31) */
    weir_time quiet_until; /* no segment before that (RFC 9293 3.4.3) */
};

/* A watcher that tells `verdict`, which outlives it. Owner: the caller, who frees it when the stacks
 * are gone. */
struct tcp_watch *tcp_watch_new(struct verdict *verdict);
void tcp_watch_free(struct tcp_watch *watch);

/* Add a host, and answer the tap for the configuration of its stack. */
struct weir_tap tcp_watch_add(struct tcp_watch *watch, const struct tcp_watch_host *host);

/* The MTU of a host (by order of adding, from 0) has changed. */
void tcp_watch_set_mtu(struct tcp_watch *watch, unsigned host, uint32_t mtu_bytes);

/* A host has sent a packet, or received one with that verdict. What the
 * tap does, and tests with packets of their own. Bound: linear in its length and in the islands of
 * data above a hole. */
void tcp_watch_sent(struct tcp_watch *watch, unsigned host, const uint8_t *bytes, uint32_t len,
                    weir_time now);
void tcp_watch_received(struct tcp_watch *watch, unsigned host, const uint8_t *bytes, uint32_t len,
                        enum weir_drop drop, weir_time now);

/* Everything that happens at this instant has happened: what was due at once must be there. After
 * each event, and once more at the end. Linear in the connections. */
void tcp_watch_settle(struct tcp_watch *watch, weir_time now);

/* Counts. */
struct tcp_watch_stats {
    uint64_t segments, payload_bytes;       /* sent, all hosts together */
    uint64_t retransmitted, retransmitted_bytes; /* of them: with nothing new in them */
    uint64_t received, resets, probes;
    uint64_t sacks;
};

struct tcp_watch_stats tcp_watch_stats(const struct tcp_watch *watch);

/* What was seen of the direction that a connection sends. */
struct tcp_watch_view {
    bool known;
    uint64_t sent; /* sequence numbers from its SYN on, which is one */
    uint64_t edge; /* right edge of the window that it offers, counted from the peer's SYN */
    uint64_t acked; /* the last acknowledgment that it sent, counted likewise */
    bool pushed;   /* the segment with the last byte carried PSH when it was new */
};

struct tcp_watch_view tcp_watch_view(const struct tcp_watch *watch,
                                     const struct weir_tcp_info *info);

#endif
