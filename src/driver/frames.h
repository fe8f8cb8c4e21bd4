/* SPDX-License-Identifier: MIT
 * Frames through a descriptor that takes and gives one with each write() and read(), with or
 * without an offload header: what TUN, TAP and packet sockets have in common. */
#ifndef WEIR_DRIVER_FRAMES_H
#define WEIR_DRIVER_FRAMES_H

#include <sys/uio.h>

#include "driver/device_impl.h"
#include "driver/vnet.h"

enum {
    FRAME_BYTES_MAX = WEIR_PACKET_BYTES_MAX,
    FRAME_PARTS = 2 + WEIR_FRAGS_MAX, /* offload header, headers, fragments */
    /* Room for one frame and what stands before it, one byte more than may come, so that a longer
     * one is known by filling it; an odd number of cache lines, so that slots do not fall on one
     * another. */
    FRAME_SLOT_BYTES = 64 * 1027,
    FRAME_HEADROOM = 64
};

_Static_assert(FRAME_SLOT_BYTES > FRAME_HEADROOM + FRAME_BYTES_MAX, "a slot holds any frame");

struct frames_config {
    int fd;                /* non-blocking; the device's from here on, also on an error */
    const char *name;      /* of the interface */
    uint32_t capabilities; /* enum weir_capability: what it does */
    uint8_t link;          /* enum weir_link */
    uint8_t vnet_len;      /* bytes of the offload header; 0: none */
    bool vnet_big_endian;
    uint8_t mac[6];     /* of the stack */
    uint32_t mtu_bytes; /* when the interface cannot be asked */
    uint16_t queue;
    uint32_t slots; /* frames of FRAME_SLOT_BYTES that can be received at a time */
};

/* A frame that waits for room, with its offload header, in the outbox. */
struct frame_kept {
    uint32_t at, len;
    bool cut;
};

struct frames {
    struct device base;
    struct frames_config config;
    uint8_t *inbox;  /* config.slots x FRAME_SLOT_BYTES */
    uint8_t *outbox; /* DEVICE_BATCH x FRAME_SLOT_BYTES; touched only when needed */
    struct frame_kept kept[DEVICE_BATCH];
    unsigned kept_first, kept_count; /* kept[kept_first ... + kept_count) wait */
    uint32_t kept_bytes;             /* of the outbox in use */
};

/* A frame about to be written. */
struct frame_out {
    struct iovec part[FRAME_PARTS];
    unsigned part_count;
    uint32_t len; /* without the offload header */
    bool cut;     /* by the device */
    uint8_t vnet[VNET_BYTES_MAX];
};

/* Make a device of `size` bytes (struct frames first in it) for read() and writev().
 * Errors: WEIR_E_EXHAUSTED, with *why; the descriptor is closed then. */
int frames_open(struct device **out, size_t size, const struct frames_config *config,
                struct device_error *why);

/* The parts of it, for kinds of devices that read and write in their own way. */
extern const struct device_ops frames_ops;
unsigned frames_receive(struct device *device, struct weir_rx *packets, unsigned max,
                        weir_time now);
void frames_send(struct device *device, const struct weir_tx *packets, unsigned n, weir_time now);
unsigned frames_room(struct device *device);
unsigned frames_kept(const struct device *device);
void frames_iface(struct device *device, struct weir_iface_config *iface);
void frames_close(struct device *device);

/* Describe a packet as the parts to write. False: it cannot be sent, and is counted. */
bool frames_prepare(struct frames *f, struct frame_out *out, const struct weir_tx *packet);

/* What becomes of a frame that was offered to the device. */
enum frame_fate {
    FRAME_SENT,
    FRAME_KEEP,  /* no room for now */
    FRAME_RETRY, /* a signal came between */
    FRAME_GONE   /* lost, refused, or the device has failed */
};

/* Judge the errno of a write, count what it means and notice the end of the device. */
enum frame_fate frames_write_failed(struct frames *f, int number);

/* Count a frame of `len` bytes as taken by the device. */
void frames_count_sent(struct frames *f, uint32_t len, bool cut);

/* Copy a prepared frame to the end of the outbox, which has room for DEVICE_BATCH of them. */
void frames_keep(struct frames *f, const struct frame_out *frame);

/* Complete *packet, whose head and lengths are set, from its offload header (NULL: it has none),
 * and its checksum in software when nobody else would. False: it is dropped, and counted. */
bool frames_accept(struct frames *f, struct weir_rx *packet, uint8_t *frame,
                   const struct vnet *header);

/* The errno of a read: true when there is merely nothing to read now; notices the end of the
 * device. */
bool frames_read_failed(struct frames *f, int number);

#endif
