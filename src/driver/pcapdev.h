/* SPDX-License-Identifier: MIT
 * A capture file (pcap or pcapng) as a device: what it holds arrives, at the times it was recorded,
 * and what is sent goes into another capture. Needs libpcap, so it is no part of libweir. */
#ifndef WEIR_DRIVER_PCAPDEV_H
#define WEIR_DRIVER_PCAPDEV_H

#include "driver/device.h"

struct pcapdev_config {
    const char *replay; /* the capture to read ("-": standard input); NULL: nothing arrives */
    const char *record; /* the pcapng to write, made anew; NULL: what is sent is counted only */
    weir_time start;    /* when the first packet is due, on the clock that the calls are given */
    bool at_once;       /* each packet is due when the one before it was taken */
    uint8_t link;       /* enum weir_link; 0: as in `replay`, or bare IP */
    uint8_t mac[6];     /* of the stack, with Ethernet; all zero: 02:00:00:00:00:01 */
    uint32_t mtu_bytes; /* 0: the largest, as a capture may hold coalesced packets */
};

/* Open it. The device does no offload and verifies nothing. Its device_deadline() is when the next
 * packet is due, and WEIR_TIME_NEVER at the end; packets do not overtake one another when times in
 * the file go back. What is sent is recorded at its time since `start` plus the time of the first
 * packet of `replay`. Errors, with *why, nothing open: WEIR_E_IO, WEIR_E_FORMAT, WEIR_E_UNSUPPORTED
 * (link type neither Ethernet nor raw IP, or not the one asked for), WEIR_E_EXHAUSTED. A fault
 * later in the file is a failure of the device. */
int pcapdev_open(struct device **out, const struct pcapdev_config *config,
                 struct device_error *why);

#endif
