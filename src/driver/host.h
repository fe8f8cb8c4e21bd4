/* SPDX-License-Identifier: MIT
 * The kernel's end of a device: what a person would say with `ip link` and `ip address`. Interfaces
 * are those of the network namespace that the process is in. */
#ifndef WEIR_DRIVER_HOST_H
#define WEIR_DRIVER_HOST_H

#include "driver/device.h"

/* The present MTU of an interface, from the IP header; 0: there is no such interface. */
uint32_t host_mtu(const char *ifname);

/* Set the MTU; bring the interface up or down.
 * Errors: WEIR_E_NOT_FOUND (no such interface), WEIR_E_IO, with *why. */
int host_set_mtu(const char *ifname, uint32_t mtu_bytes, struct device_error *why);
int host_set_up(const char *ifname, bool up, struct device_error *why);

/* Give the kernel's end an address, without duplicate detection, so that it can be used at once,
 * when the interface is up with its other end in use (else a moment after it is). With `peer` it is
 * point to point: the kernel reaches exactly that address through the interface; without (NULL) it
 * reaches the prefix. prefix_len counts in the address's own family. Errors: WEIR_E_EXISTS (it has
 * the address), WEIR_E_NOT_FOUND, WEIR_E_RANGE (prefix_len), WEIR_E_INVALID (families differ),
 * WEIR_E_IO (rights, or no IPv6), with *why. */
int host_add_address(const char *ifname, struct weir_addr address, unsigned prefix_len,
                     const struct weir_addr *peer, struct device_error *why);

/* Let the kernel's end send only finished checksums and no packet larger than the MTU, or anything
 * again
 * (`ethtool -K IF tx off tso off gso off`): for the other end of a veth whose packet socket is used
 * without offloads. Errors: WEIR_E_NOT_FOUND, WEIR_E_IO, with *why. */
int host_set_offloads(const char *ifname, bool on, struct device_error *why);

#endif
