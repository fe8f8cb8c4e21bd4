/* SPDX-License-Identifier: MIT
 * What a stack is made of. For the files of this room; users see weir/stack.h. */
#ifndef WEIR_CORE_STACK_H
#define WEIR_CORE_STACK_H

#include "base/events.h"
#include "tcp/tcp.h"
#include "udp/udp.h"
#include "weir/stack.h"

struct weir_stack {
    struct weir_config config;
    weir_time now; /* the latest time any call has brought */
    const struct csum_ops *ops;
    struct wheel wheel;
    struct blocks blocks;
    struct event_queue events;
    struct net net;
    struct udp_room udp;
    struct tcp_room tcp;
    bool udp_first; /* whose turn it is to send first */
};

#endif
