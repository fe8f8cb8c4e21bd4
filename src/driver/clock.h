/* SPDX-License-Identifier: MIT
 * The time of this machine. Nothing else in weir reads a clock. */
#ifndef WEIR_DRIVER_CLOCK_H
#define WEIR_DRIVER_CLOCK_H

#include "weir/types.h"

/* Nanoseconds that never go back and do not follow the date (CLOCK_MONOTONIC). */
weir_time clock_monotonic(void);

/* Nanoseconds since 1970, for the stamps of captures and the daytime service; it may jump. */
weir_time clock_date(void);

#endif
