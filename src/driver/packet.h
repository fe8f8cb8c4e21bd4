/* SPDX-License-Identifier: MIT
 * Packet sockets (AF_PACKET): sharing an interface that the kernel has, such as one end of a veth
 * pair.
 *
 * The kernel still sees what arrives there. The interface must have no IP address, or the kernel
 * answers too, with resets for every connection of the stack; on a veth pair the kernel's own
 * address belongs on the other end, which may be in another network namespace. */
#ifndef WEIR_DRIVER_PACKET_H
#define WEIR_DRIVER_PACKET_H

#include "driver/device.h"

/* All zero but the name: the interface's own MAC address, all offloads. */
struct packet_config {
    const char *ifname;
    bool promiscuous; /* take all frames on the link; needed with a `mac` where a card filters,
                         which a veth does not */
    uint32_t without; /* enum weir_capability: what to do without; WEIR_CAP_ALL: no offloads */
    uint8_t mac[6];   /* of the stack; all zero: the interface's own */
};

/* Open a packet socket on an Ethernet interface. It need not be up yet.
 * Without RX_CHECKSUM, unfinished checksums from a kernel on the other end of a veth are finished
 * here; without RX_COALESCE, the packets larger than the MTU that it sends are dropped by the
 * stack, so it must be told to cut them (host_set_offloads()). Errors, with *why: WEIR_E_INVALID
 * (name), WEIR_E_NOT_FOUND (no such interface), WEIR_E_UNSUPPORTED (not Ethernet), WEIR_E_IO (no
 * right to do it, or other), WEIR_E_EXHAUSTED. */
int packet_open(struct device **out, const struct packet_config *config, struct device_error *why);

#endif
