/* SPDX-License-Identifier: MIT */
#include "driver/clock.h"

#include <time.h>

#include "base/check.h"

static weir_time read_clock(clockid_t clock)
{
    struct timespec t;
    int error = clock_gettime(clock, &t);
    CHECK(NULL, error == 0);
    return (weir_time)t.tv_sec * WEIR_NS_PER_S + t.tv_nsec;
}

weir_time clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

weir_time clock_date(void)
{
    return read_clock(CLOCK_REALTIME);
}
