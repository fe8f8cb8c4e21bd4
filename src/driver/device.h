/* SPDX-License-Identifier: MIT
 * What moves packets between a stack and the world: one small interface for TUN and TAP, packet
 * sockets and captures. Opened by tun.h, packet.h, pcapdev.h; run by loop.h. */
#ifndef WEIR_DRIVER_DEVICE_H
#define WEIR_DRIVER_DEVICE_H

#include "weir/error.h"
#include "weir/iface.h"
#include "weir/packet.h"
#include "weir/types.h"

enum {
    /* Packets of one call, each way; and the most that is kept for a full device. */
    DEVICE_BATCH = 64,
    DEVICE_NAME_SIZE = 64,
    DEVICE_ERROR_SIZE = 256
};

struct device;

/* What went wrong, for a person: one line without a full stop that names the device. */
struct device_error {
    int number; /* of errno.h; 0: none of the system's */
    char text[DEVICE_ERROR_SIZE];
};

/* X(name, meaning): received = rx_packets + the rx_ reasons below it; taken by device_send() =
 * tx_packets + tx_lost + tx_refused + what is kept at the moment. */
#define DEVICE_COUNTERS(X)                                                                         \
    X(rx_packets, "packets received and handed on")                                                \
    X(rx_bytes, "bytes of them, link headers included")                                            \
    X(rx_coalesced, "of them, packets put together from segments")                                 \
    X(rx_offload, "received and dropped: the offload header does not fit the frame")               \
    X(rx_oversize, "received and dropped: longer than any packet")                                 \
    X(rx_truncated, "received and dropped: cut short by whoever recorded it")                      \
    X(rx_missed, "dropped by the kernel before they were read: queue full")                        \
    X(tx_packets, "packets that the device took")                                                  \
    X(tx_bytes, "bytes of them, link headers included")                                            \
    X(tx_segmented, "of them, packets for the device to cut")                                      \
    X(tx_kept, "packets that waited here because the device was full")                             \
    X(tx_lost, "packets that the device discarded: down, or its own queue full")                   \
    X(tx_refused, "packets that cannot be sent: misshapen, or an offload the device lacks")

enum device_counter {
#define X(name, meaning) DEVICE_COUNTER_##name,
    DEVICE_COUNTERS(X)
#undef X
        DEVICE_COUNTER_COUNT
};

struct device_stats {
    uint64_t counter[DEVICE_COUNTER_COUNT]; /* by enum device_counter, since it was opened */
};

/* The name of a counter ("rx_packets") and its meaning; NULL for a number that is none. */
const char *device_counter_name(unsigned counter);
const char *device_counter_text(unsigned counter);

/* The interface ("weir0", "eth0", the same for all queues of one) or the file. Valid until it is
 * closed. */
const char *device_name(const struct device *device);

/* What to poll() for reading, and, while device_kept() is not 0, for writing; -1: nothing, ask
 * device_deadline(). */
int device_fd(const struct device *device);

/* When a device without a descriptor has its next packet; WEIR_TIME_NEVER: none will come, or the
 * device has a descriptor that says so. */
weir_time device_deadline(const struct device *device);

/* The errno that ended the device (removed, closed under it, unreadable) and its one line of text;
 * 0: it works. An interface that is merely down works: what is sent is lost and counted. */
int device_failure(const struct device *device, struct device_error *why);

/* What the interface is and does, for weir_stack_add_iface(). The MTU is the present one, so it may
 * be asked again when that may have changed. */
void device_iface(struct device *device, struct weir_iface_config *iface);

/* Receive up to `max` packets (of which DEVICE_BATCH count) without waiting; answers how many.
 * Owner: the device owns the bytes, until the next receive or close. `now` is the time of a replay.
 * Bound: 2 x DEVICE_BATCH frames read. */
unsigned device_receive(struct device *device, struct weir_rx *packets, unsigned max,
                        weir_time now);

/* How many packets device_send() takes now, after trying again to send what was kept: DEVICE_BATCH,
 * or 0 when something is still kept or the device has failed. Ask before weir_stack_output(), whose
 * packets have nowhere else to go. Bound: DEVICE_BATCH frames written. */
unsigned device_room(struct device *device);

/* Send n packets without waiting, in order, behind any that are kept; answers how many were taken,
 * which is all of them up to device_room(). What the device has no room for is copied, kept and
 * sent first. A packet that is taken is counted as tx_packets, tx_lost or tx_refused in the end.
 * Owner: the packets are borrowed for the call. */
unsigned device_send(struct device *device, const struct weir_tx *packets, unsigned n,
                     weir_time now);

/* Packets that are kept because the device was full. */
unsigned device_kept(const struct device *device);

/* Copy the counters. */
void device_stats(struct device *device, struct device_stats *stats);

/* Close it and free all it has; what is still kept is lost. NULL is allowed. */
void device_close(struct device *device);

#endif
