/* SPDX-License-Identifier: MIT
 * TUN and TAP devices (/dev/net/tun): an interface of the kernel whose other end is this process.
 */
#ifndef WEIR_DRIVER_TUN_H
#define WEIR_DRIVER_TUN_H

#include "driver/device.h"

enum { TUN_QUEUES_MAX = 64 };

/* All zero: a TUN named weir0, weir1, ..., with one queue and all offloads, gone when it is closed.
 */
struct tun_config {
    const char *name;   /* "tun0"; with one "%d" the kernel picks a number; NULL: "weir%d" */
    bool ethernet;      /* a TAP: Ethernet frames */
    bool persist;       /* it stays when it is closed, with its name and addresses */
    uint16_t queues;    /* devices to open, among which the kernel spreads flows; 0: 1 */
    uint32_t mtu_bytes; /* to set; 0: leave it */
    uint32_t without;   /* enum weir_capability: what to do without; WEIR_CAP_ALL: no offloads */
    uint8_t mac[6];     /* of the stack's end of a TAP; all zero: a random one of local scope */
};

/* Open config->queues devices into out[0 ...]; device_name() is the name that the kernel gave. The
 * interface exists then but is down and has no address (host.h), unless it was there before.
 * Errors, with *why, nothing open: WEIR_E_INVALID (name or queues impossible), WEIR_E_UNSUPPORTED
 * (no TUN here), WEIR_E_EXISTS (the name is in use), WEIR_E_IO (no right to do it, or other),
 * WEIR_E_EXHAUSTED. */
int tun_open(struct device **out, const struct tun_config *config, struct device_error *why);

#endif
