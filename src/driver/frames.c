/* SPDX-License-Identifier: MIT */
#include "driver/frames.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "driver/host.h"

static void *slots_map(size_t count)
{
    void *p = mmap(NULL, count * FRAME_SLOT_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void slots_unmap(uint8_t *p, size_t count)
{
    if (p != NULL)
        (void)munmap(p, count * FRAME_SLOT_BYTES);
}

int frames_open(struct device **out, size_t size, const struct frames_config *config,
                struct device_error *why)
{
    CHECK(NULL, size >= sizeof(struct frames) && config->slots > 0);
    CHECK(NULL, config->vnet_len == 0 || config->vnet_len >= VNET_BYTES);
    struct frames *f = calloc(1, size);
    if (f != NULL) {
        f->base = (struct device){.ops = &frames_ops, .fd = config->fd};
        f->config = *config;
        (void)snprintf(f->base.name, sizeof f->base.name, "%s", config->name);
        f->config.name = f->base.name;
        f->inbox = slots_map(config->slots);
        f->outbox = slots_map(DEVICE_BATCH);
        if (f->inbox != NULL && f->outbox != NULL) {
            *out = &f->base;
            return WEIR_OK;
        }
        frames_close(&f->base);
    } else {
        (void)close(config->fd);
    }
    return device_error_set(why, WEIR_E_EXHAUSTED, ENOMEM, "%s", config->name);
}

void frames_close(struct device *device)
{
    struct frames *f = (struct frames *)device;
    slots_unmap(f->inbox, f->config.slots);
    slots_unmap(f->outbox, DEVICE_BATCH);
    (void)close(f->base.fd);
    free(f);
}

void frames_iface(struct device *device, struct weir_iface_config *iface)
{
    struct frames *f = (struct frames *)device;
    uint32_t cuts = WEIR_CAP_TX_TCP4 | WEIR_CAP_TX_TCP6 | WEIR_CAP_TX_UDP;
    uint32_t mtu = host_mtu(f->base.name);
    if (mtu != 0)
        f->config.mtu_bytes = mtu < 65535 ? mtu : 65535;
    iface->capabilities = f->config.capabilities;
    iface->link = f->config.link;
    memcpy(iface->mac, f->config.mac, sizeof iface->mac);
    iface->mtu_bytes = f->config.mtu_bytes;
    iface->segmented_bytes_max = (f->config.capabilities & cuts) != 0 ? 65535 : 0;
}

/* ---- in ---- */

bool frames_read_failed(struct frames *f, int number)
{
    switch (number) {
    case EAGAIN:
    case ENETDOWN: /* told once when the interface goes down; it may come back */
    case EINTR:
        return true;
    default:
        device_fail(&f->base, number, "cannot be read any more");
        return false;
    }
}

bool frames_accept(struct frames *f, struct weir_rx *packet, uint8_t *frame,
                   const struct vnet *header)
{
    if (packet->len > FRAME_BYTES_MAX) {
        device_count(&f->base, DEVICE_COUNTER_rx_oversize, 1);
        return false;
    }
    if (header != NULL &&
        vnet_parse(packet, header, (enum weir_link)f->config.link) != WEIR_DROP_NONE) {
        device_count(&f->base, DEVICE_COUNTER_rx_offload, 1);
        return false;
    }
    if ((f->config.capabilities & WEIR_CAP_RX_CHECKSUM) != 0)
        return true;
    if (packet->checksum == WEIR_RX_CHECKSUM_ABSENT)
        vnet_finish_checksum(frame, packet->len, packet->checksum_start, packet->checksum_offset);
    packet->checksum = WEIR_RX_CHECKSUM_UNKNOWN;
    packet->checksum_start = packet->checksum_offset = 0;
    return true;
}

static size_t align_up(size_t n)
{
    return (n + 63) / 64 * 64;
}

/* Frames are read one behind the other, so that a batch of small ones touches little memory. */
unsigned frames_receive(struct device *device, struct weir_rx *packets, unsigned max, weir_time now)
{
    struct frames *f = (struct frames *)device;
    size_t vnet_len = f->config.vnet_len, size = (size_t)f->config.slots * FRAME_SLOT_BYTES;
    /* The frame after its offload header; behind an Ethernet header IP begins on a multiple of
     * four. */
    size_t lead = f->config.link == WEIR_LINK_ETHERNET ? 18 : 16;
    size_t room = vnet_len + FRAME_BYTES_MAX + 1;
    unsigned n = 0, reads = 0;
    (void)now;
    for (size_t at = 0; n < max && reads < 2 * DEVICE_BATCH && at + FRAME_SLOT_BYTES <= size;
         reads++) {
        uint8_t *frame = f->inbox + at + lead, *start = frame - vnet_len;
        ssize_t len = read(f->base.fd, start, room);
        if (len < 0) {
            frames_read_failed(f, errno);
            break;
        }
        if (len == 0) {
            device_fail(&f->base, EPIPE, "closed at the other end");
            break;
        }
        struct vnet header;
        if ((size_t)len < vnet_len) {
            device_count(&f->base, DEVICE_COUNTER_rx_offload, 1);
            continue;
        }
        if (vnet_len > 0)
            vnet_load(&header, start, f->config.vnet_big_endian);
        uint32_t frame_len = (uint32_t)((size_t)len - vnet_len);
        packets[n] = (struct weir_rx){
            .head = frame, .head_len = frame_len, .len = frame_len, .queue = f->config.queue};
        if (!frames_accept(f, &packets[n], frame, vnet_len > 0 ? &header : NULL))
            continue;
        at += align_up(lead + frame_len);
        n++;
    }
    return n;
}

/* ---- out ---- */

/* Does the device do what the packet asks of it? */
static bool offload_is_offered(const struct frames *f, const struct weir_tx *packet)
{
    static const uint32_t needs[] = {
        [WEIR_SEGMENT_NONE] = 0,
        [WEIR_SEGMENT_TCP4] = WEIR_CAP_TX_TCP4,
        [WEIR_SEGMENT_TCP6] = WEIR_CAP_TX_TCP6,
        [WEIR_SEGMENT_UDP] = WEIR_CAP_TX_UDP,
    };
    if (packet->segmentation >= sizeof needs / sizeof needs[0])
        return false;
    uint32_t need = needs[packet->segmentation];
    if (packet->checksum_wanted != 0)
        need |= WEIR_CAP_TX_CHECKSUM;
    return (f->config.capabilities & need) == need;
}

bool frames_prepare(struct frames *f, struct frame_out *out, const struct weir_tx *packet)
{
    struct vnet header;
    if (!device_tx_is_sound(packet) || !offload_is_offered(f, packet) ||
        !vnet_emit(&header, packet)) {
        device_count(&f->base, DEVICE_COUNTER_tx_refused, 1);
        return false;
    }
    unsigned n = 0;
    if (f->config.vnet_len > 0) {
        vnet_store(out->vnet, f->config.vnet_len, &header, f->config.vnet_big_endian);
        out->part[n++] = (struct iovec){out->vnet, f->config.vnet_len};
    }
    /* writev() only reads, though its struct does not say so. */
    out->part[n++] = (struct iovec){(void *)(uintptr_t)(packet->headers + packet->header_start),
                                    packet->header_len};
    for (unsigned i = 0; i < packet->frag_count; i++)
        if (packet->frag[i].len > 0)
            out->part[n++] =
                (struct iovec){(void *)(uintptr_t)packet->frag[i].data, packet->frag[i].len};
    out->part_count = n;
    out->len = packet->len;
    out->cut = header.gso_type != VNET_GSO_NONE;
    return true;
}

enum frame_fate frames_write_failed(struct frames *f, int number)
{
    switch (number) {
    case EAGAIN:
        return FRAME_KEEP;
    case EINTR:
        return FRAME_RETRY;
    case EIO:      /* a TUN that is down */
    case ENETDOWN: /* a packet socket's interface that is down */
    case ENOBUFS:  /* its queue is full, and the frame is gone */
    case ENOMEM:
        device_count(&f->base, DEVICE_COUNTER_tx_lost, 1);
        return FRAME_GONE;
    case EBADF:
    case EBADFD:
    case ENODEV:
    case ENXIO:
    case EPIPE:
        device_count(&f->base, DEVICE_COUNTER_tx_lost, 1);
        device_fail(&f->base, number, "cannot be written any more");
        return FRAME_GONE;
    default: /* EINVAL, EMSGSIZE ...: it is this frame that the device does not want */
        device_count(&f->base, DEVICE_COUNTER_tx_refused, 1);
        return FRAME_GONE;
    }
}

void frames_count_sent(struct frames *f, uint32_t len, bool cut)
{
    device_count(&f->base, DEVICE_COUNTER_tx_packets, 1);
    device_count(&f->base, DEVICE_COUNTER_tx_bytes, len);
    device_count(&f->base, DEVICE_COUNTER_tx_segmented, cut);
}

void frames_keep(struct frames *f, const struct frame_out *frame)
{
    CHECK(NULL, f->kept_first + f->kept_count < DEVICE_BATCH);
    struct frame_kept *kept = &f->kept[f->kept_first + f->kept_count++];
    kept->at = f->kept_bytes;
    for (unsigned i = 0; i < frame->part_count; i++) {
        memcpy(f->outbox + f->kept_bytes, frame->part[i].iov_base, frame->part[i].iov_len);
        f->kept_bytes += (uint32_t)frame->part[i].iov_len;
    }
    kept->len = f->kept_bytes - kept->at;
    kept->cut = frame->cut;
    device_count(&f->base, DEVICE_COUNTER_tx_kept, 1);
}

static enum frame_fate write_frame(struct frames *f, const struct iovec *part, unsigned count)
{
    enum frame_fate fate = FRAME_RETRY;
    while (fate == FRAME_RETRY)
        fate =
            writev(f->base.fd, part, (int)count) >= 0 ? FRAME_SENT : frames_write_failed(f, errno);
    return fate;
}

void frames_send(struct device *device, const struct weir_tx *packets, unsigned n, weir_time now)
{
    struct frames *f = (struct frames *)device;
    (void)now;
    for (unsigned i = 0; i < n; i++) {
        struct frame_out out;
        if (!frames_prepare(f, &out, &packets[i]))
            continue;
        enum frame_fate fate = FRAME_KEEP;
        if (f->kept_count == 0)
            fate = write_frame(f, out.part, out.part_count);
        if (fate == FRAME_KEEP)
            frames_keep(f, &out);
        else if (fate == FRAME_SENT)
            frames_count_sent(f, out.len, out.cut);
    }
}

unsigned frames_kept(const struct device *device)
{
    return ((const struct frames *)device)->kept_count;
}

unsigned frames_room(struct device *device)
{
    struct frames *f = (struct frames *)device;
    while (f->kept_count > 0) {
        const struct frame_kept *kept = &f->kept[f->kept_first];
        struct iovec part = {f->outbox + kept->at, kept->len};
        enum frame_fate fate = write_frame(f, &part, 1);
        if (fate == FRAME_KEEP)
            return 0;
        if (fate == FRAME_SENT)
            frames_count_sent(f, kept->len - f->config.vnet_len, kept->cut);
        f->kept_first++;
        f->kept_count--;
    }
    f->kept_first = 0;
    f->kept_bytes = 0;
    return f->base.failure.number != 0 ? 0 : DEVICE_BATCH;
}

const struct device_ops frames_ops = {
    .receive = frames_receive,
    .send = frames_send,
    .room = frames_room,
    .kept = frames_kept,
    .iface = frames_iface,
    .close = frames_close,
};
