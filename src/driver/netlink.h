/* SPDX-License-Identifier: MIT
 * Requests to the kernel's routing tables (rtnetlink), one at a time, each answered before the
 * next. */
#ifndef WEIR_DRIVER_NETLINK_H
#define WEIR_DRIVER_NETLINK_H

#include <stdalign.h>

#include "weir/types.h"

/* A message being built. `used` counts from the netlink header; what does not fit sets `full`. */
struct netlink_request {
    alignas(8) uint8_t bytes[512];
    size_t used;
    bool full;
};

/* Begin a request of `type` (RTM_...) with the fixed header of `len` bytes that it takes. `flags`
 * (NLM_F_...) are added to NLM_F_REQUEST and NLM_F_ACK. */
void netlink_begin(struct netlink_request *request, unsigned type, unsigned flags,
                   const void *header, size_t len);

/* Add an attribute. */
void netlink_attribute(struct netlink_request *request, unsigned type, const void *data,
                       size_t len);

/* Begin and end an attribute that holds attributes, or (header, len) a fixed header before them;
 * answers where it began. */
size_t netlink_nest(struct netlink_request *request, unsigned type, const void *header, size_t len);
void netlink_nest_end(struct netlink_request *request, size_t at);

/* Send it and wait for the kernel's word: 0, or an errno. */
int netlink_do(struct netlink_request *request);

/* A descriptor that hears of the kernel's IPv6 routes from now on; -1: not to be had. The caller
 * closes it. */
int netlink_hear_ip6_routes(void);

/* Wait until one to a local address is made, at most `ms` milliseconds between two messages. Bound:
 * 64 messages. */
void netlink_wait_local_ip6(int fd, const uint8_t address[16], int ms);

#endif
