/* SPDX-License-Identifier: MIT */
#include "driver/pcapdev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/device_impl.h"
#include "trace/reader.h"
#include "trace/writer.h"

enum { INBOX_BYTES = 16 * (WEIR_PACKET_BYTES_MAX + 64) };

struct pcapdev {
    struct device base;
    struct pcapdev_config config;
    struct capture_reader reader; /* pcap NULL: nothing to replay */
    struct capture_record next;   /* valid while `more` */
    bool more;
    weir_time first, due; /* of the first packet in the file; of the next one on our clock */
    struct capture_writer writer;
    int record_fd; /* -1: none */
    uint8_t inbox[INBOX_BYTES];
};

/* When a packet of that time in the file is due: not before the one ahead of it. */
static weir_time due_time(const struct pcapdev *p, weir_time time)
{
    if (p->config.at_once || time <= p->first)
        return p->due;
    weir_time since = time - p->first, due;
    if (__builtin_add_overflow(p->config.start, since, &due) || due == WEIR_TIME_NEVER)
        due = WEIR_TIME_NEVER - 1;
    return due > p->due ? due : p->due;
}

/* Look at the next packet of the file. */
static void read_next(struct pcapdev *p)
{
    int result = capture_reader_next(&p->reader, &p->next);
    p->more = result == 1;
    if (result < 0)
        (void)device_error_set(&p->base.failure, 0, EIO, "%.200s", p->reader.message);
    if (p->more && p->reader.packets == 1)
        p->first = p->next.time;
    if (p->more)
        p->due = due_time(p, p->next.time);
}

static unsigned pcapdev_receive(struct device *device, struct weir_rx *packets, unsigned max,
                                weir_time now)
{
    struct pcapdev *p = (struct pcapdev *)device;
    size_t used = 0;
    unsigned n = 0;
    for (unsigned looks = 0; n < max && looks < 2 * DEVICE_BATCH; looks++) {
        if (!p->more || p->due > now || p->next.captured > sizeof p->inbox - used)
            break;
        if (p->next.captured > WEIR_PACKET_BYTES_MAX) {
            device_count(device, DEVICE_COUNTER_rx_oversize, 1);
        } else if (p->next.captured < p->next.len) {
            device_count(device, DEVICE_COUNTER_rx_truncated, 1);
        } else {
            uint8_t *bytes = p->inbox + used;
            memcpy(bytes, p->next.bytes, p->next.captured);
            used += (p->next.captured + 63U) / 64 * 64;
            if (used > sizeof p->inbox)
                used = sizeof p->inbox;
            packets[n++] = (struct weir_rx){
                .head = bytes, .head_len = p->next.captured, .len = p->next.captured};
        }
        read_next(p);
    }
    return n;
}

static void pcapdev_send(struct device *device, const struct weir_tx *packets, unsigned n,
                         weir_time now)
{
    struct pcapdev *p = (struct pcapdev *)device;
    weir_time time = now - p->config.start + p->first;
    for (unsigned i = 0; i < n; i++) {
        const struct weir_tx *packet = &packets[i];
        if (!device_tx_is_sound(packet) || packet->checksum_wanted != 0 ||
            packet->segmentation != WEIR_SEGMENT_NONE) {
            device_count(device, DEVICE_COUNTER_tx_refused, 1);
            continue;
        }
        if (p->record_fd >= 0 &&
            capture_tx(&p->writer, 0, time > 0 ? time : 0, packet) != WEIR_OK) {
            device_count(device, DEVICE_COUNTER_tx_lost, 1);
            device_fail(device, errno != 0 ? errno : EIO, "cannot record what is sent");
            continue;
        }
        device_count(device, DEVICE_COUNTER_tx_packets, 1);
        device_count(device, DEVICE_COUNTER_tx_bytes, packet->len);
    }
}

static unsigned pcapdev_room(struct device *device)
{
    (void)device;
    return DEVICE_BATCH;
}

static unsigned pcapdev_kept(const struct device *device)
{
    (void)device;
    return 0;
}

static weir_time pcapdev_deadline(const struct device *device)
{
    const struct pcapdev *p = (const struct pcapdev *)device;
    return p->more ? p->due : WEIR_TIME_NEVER;
}

static void pcapdev_iface(struct device *device, struct weir_iface_config *iface)
{
    static const uint8_t zero[6], own[6] = {2, 0, 0, 0, 0, 1};
    struct pcapdev *p = (struct pcapdev *)device;
    bool given = memcmp(p->config.mac, zero, sizeof zero) != 0;
    iface->capabilities = WEIR_CAP_TX_GATHER;
    iface->link = p->config.link;
    memcpy(iface->mac, given ? p->config.mac : own, sizeof iface->mac);
    iface->mtu_bytes = p->config.mtu_bytes != 0 ? p->config.mtu_bytes : 65535;
}

static void pcapdev_close(struct device *device)
{
    struct pcapdev *p = (struct pcapdev *)device;
    capture_reader_close(&p->reader);
    if (p->record_fd >= 0)
        (void)close(p->record_fd);
    free(p);
}

static const struct device_ops pcapdev_ops = {
    .receive = pcapdev_receive,
    .send = pcapdev_send,
    .room = pcapdev_room,
    .kept = pcapdev_kept,
    .iface = pcapdev_iface,
    .deadline = pcapdev_deadline,
    .close = pcapdev_close,
};

/* Open the capture to replay and settle the link type by it. */
static int open_replay(struct pcapdev *p, struct device_error *why)
{
    int error = capture_reader_open(&p->reader, p->config.replay);
    if (error != WEIR_OK)
        return device_error_set(why, error, 0, "%.240s", p->reader.message);
    unsigned link = 0;
    if (p->reader.link == CAPTURE_LINK_ETHERNET)
        link = WEIR_LINK_ETHERNET;
    else if (p->reader.link == CAPTURE_LINK_RAW)
        link = WEIR_LINK_IP;
    if (link == 0 || (p->config.link != 0 && p->config.link != link))
        return device_error_set(why, WEIR_E_UNSUPPORTED, 0, "%.180s: link type %d is not %s",
                                p->config.replay, p->reader.link,
                                link == 0 ? "Ethernet or raw IP" : "the one asked for");
    p->config.link = (uint8_t)link;
    read_next(p);
    if (p->base.failure.number == 0)
        return WEIR_OK;
    *why = p->base.failure;
    return WEIR_E_FORMAT;
}

static int open_record(struct pcapdev *p, struct device_error *why)
{
    p->record_fd = open(p->config.record, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (p->record_fd < 0)
        return device_error_set(why, WEIR_E_IO, errno, "%.180s: cannot be written",
                                p->config.record);
    struct capture_options options = {.format = CAPTURE_PCAPNG, .application = "weir"};
    bool ethernet = p->config.link == WEIR_LINK_ETHERNET;
    int error = capture_open(&p->writer, capture_sink_fd(p->record_fd), &options);
    if (error == WEIR_OK)
        error = capture_interface(&p->writer, ethernet ? CAPTURE_LINK_ETHERNET : CAPTURE_LINK_RAW,
                                  "weir");
    return error < 0 ? device_error_set(why, WEIR_E_IO, errno, "%.180s: cannot be written",
                                        p->config.record)
                     : WEIR_OK;
}

int pcapdev_open(struct device **out, const struct pcapdev_config *config, struct device_error *why)
{
    const char *name = config->replay != NULL ? config->replay : config->record;
    *why = (struct device_error){0};
    struct pcapdev *p = calloc(1, sizeof *p);
    if (p == NULL)
        return device_error_set(why, WEIR_E_EXHAUSTED, ENOMEM, "capture");
    p->base = (struct device){.ops = &pcapdev_ops, .fd = -1};
    p->config = *config;
    p->due = config->start;
    p->record_fd = -1;
    (void)snprintf(p->base.name, sizeof p->base.name, "%s", name != NULL ? name : "capture");
    int error = config->replay != NULL ? open_replay(p, why) : WEIR_OK;
    if (p->config.link == 0)
        p->config.link = WEIR_LINK_IP;
    if (error == WEIR_OK && config->record != NULL)
        error = open_record(p, why);
    if (error != WEIR_OK) {
        pcapdev_close(&p->base);
        return error;
    }
    *out = &p->base;
    return WEIR_OK;
}
