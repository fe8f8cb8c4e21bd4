/* SPDX-License-Identifier: MIT
 * The timers of the network room on the stack's one wheel: each timed object embeds one, and the kind
 * says whose it is when it fires. */
#ifndef WEIR_NET_TIMER_H
#define WEIR_NET_TIMER_H

#include "base/wheel.h"

enum net_timer_kind {
    NET_TIMER_NEIGHBOUR = 1,
    NET_TIMER_REASSEMBLY,
    NET_TIMER_ADDRESS,
    NET_TIMER_ROUTER,
    NET_TIMER_TCP,
    NET_TIMER_TCP_SYN,
    NET_TIMER_TCP_WAIT,
    NET_TIMER_TCP_QUIET
};

struct net_timer {
    struct wheel_node node;
    uint8_t kind; /* enum net_timer_kind */
};

#endif
