/* SPDX-License-Identifier: MIT
 * Counters by name. rx_packets = rx_accepted + the sum of all drop reasons, always. */
#ifndef WEIR_STATS_H
#define WEIR_STATS_H

#include "weir/drop.h"
#include "weir/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, meaning) */
#define WEIR_COUNTERS(X)                                                                           \
    X(rx_packets, "packets received")                                                              \
    X(rx_bytes, "bytes received, link headers included")                                           \
    X(rx_accepted, "packets received and not dropped")                                             \
    X(rx_coalesced, "packets received that a device had put together")                             \
    X(tx_packets, "packets handed to the device")                                                  \
    X(tx_bytes, "bytes handed to the device, link headers included")                               \
    X(tx_segmented, "packets handed to the device to be cut")

enum weir_counter {
#define X(name, meaning) WEIR_COUNTER_##name,
    WEIR_COUNTERS(X)
#undef X
        WEIR_COUNTER_COUNT
};

/* Counters of one interface or of a whole stack, since init. */
struct weir_stats {
    uint64_t counter[WEIR_COUNTER_COUNT]; /* by enum weir_counter */
    uint64_t drop[WEIR_DROP_COUNT];       /* by enum weir_drop; drop[WEIR_DROP_NONE] is 0 */
};

/* The name of a counter ("rx_packets") and its meaning; NULL for a number that is none. */
WEIR_API const char *weir_counter_name(unsigned counter);
WEIR_API const char *weir_counter_text(unsigned counter);

#ifdef __cplusplus
}
#endif

#endif
