/* SPDX-License-Identifier: MIT
 * How often: times after now that cannot overflow, and a limit on the rate of answers. */
#ifndef WEIR_NET_PACE_H
#define WEIR_NET_PACE_H

#include "base/wheel.h"

/* `ns` (not negative) after `now`; what no wheel can be armed for becomes the last time that one
 * can. */
static inline weir_time pace_after(weir_time now, int64_t ns)
{
    return now > WHEEL_DEADLINE_MAX - ns ? WHEEL_DEADLINE_MAX : now + ns;
}

/* A token bucket, kept as the time at which it will be full again. */
struct pace {
    weir_time full_at;
};

struct pace_limit {
    int64_t interval_ns; /* between two in the long run; 1 ... 10^10 */
    uint32_t burst;      /* at once after a pause; 1 ... 10^6 */
};

static inline struct pace pace_make(void)
{
    return (struct pace){.full_at = INT64_MIN};
}

/* May one more be sent now? Takes a token if so. Bound: constant. */
static inline bool pace_take(struct pace *p, const struct pace_limit *limit, weir_time now)
{
    weir_time start = p->full_at > now ? p->full_at : now;
    if (start > pace_after(now, limit->interval_ns * (limit->burst - 1)))
        return false;
    p->full_at = pace_after(start, limit->interval_ns);
    return true;
}

#endif
