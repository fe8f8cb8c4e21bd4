/* SPDX-License-Identifier: MIT
 * How many ICMP errors and resets we send: a budget for all peers and one for each group of
 * peers, both drawn at random (RFC 1812 4.3.2.8, RFC 4443 2.4 (f)).
 *
 * Time is cut into windows of at least a second. A window has a budget of H/2 ... H tokens, H
 * being half of per_s_max, and what is left at its end is lost. Two windows touch any second, so
 * never more than per_s_max go out in a second (with per_s_max 1: two).
 *
 * Why so: a limiter that counts exactly is an oracle. Whoever spends N probes under a forged
 * address and then counts the answers to probes of his own learns how many of the N were
 * answered (ATK-ICM-08, CVE-2020-25705). Here that count is hidden in a number known to one part
 * in W = H - H/2 + 1: all that a window can tell is which of two distributions one answer apart
 * it came from, and these differ by 1/W, so a guess is right in at most 1/2 + 1/(2W) of the
 * cases, however the probes are spent. W is 51 and the advantage one point at 200 a second;
 * below 36 a second budgets begin at 0 (W = H + 1), and below 18 the advantage passes 5 points.
 *
 * Peers share RATELIMIT_SLOTS budgets by a keyed hash of their prefix (/24, /64), dealt anew in
 * each window: nothing is stored of a peer, and nobody shares with the same neighbours for long. */
#ifndef WEIR_NET_RATELIMIT_H
#define WEIR_NET_RATELIMIT_H

#include "base/check.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "wire/addr.h"

enum {
    RATELIMIT_SLOTS = 256,
    RATELIMIT_PEER_SHARE = 2, /* a slot's budget is drawn from H over this */
    RATELIMIT_PER_S_MAX = 1000000
};

#define RATELIMIT_WINDOW WEIR_NS_PER_S

struct ratelimit_config {
    const struct weir_assert *handler;
    struct sip_key key; /* secret */
    struct rng rng;     /* of its own, seeded with a secret: draws the budgets */
    uint32_t per_s_max; /* 1 ... RATELIMIT_PER_S_MAX */
};

struct ratelimit_slot {
    uint32_t window; /* the one `left` is of */
    uint32_t left;
};

/* The fields are the limiter's; the counters are for everyone to read. */
struct ratelimit {
    struct sip_key key;
    struct rng rng;
    weir_time window_end;
    uint32_t window; /* counts them, from 1 */
    uint32_t left;   /* of the budget of all */
    uint32_t high;   /* H */
    struct ratelimit_slot slot[RATELIMIT_SLOTS];
    uint64_t allowed;
    uint64_t refused;      /* the budget of all was spent */
    uint64_t refused_peer; /* that of the peer's slot was */
};

/* Set up, with the first window to begin at the first question. Owner: the caller. Bound:
 * constant. */
void ratelimit_init(struct ratelimit *t, const struct ratelimit_config *config);

/* May one be sent to this peer now? Spends a token of both budgets, or (counted) of none. Time
 * does not go back: an earlier `now` counts into the present window. Bound: constant. */
bool ratelimit_allow(struct ratelimit *t, struct weir_addr peer, weir_time now);

#endif
