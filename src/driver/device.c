/* SPDX-License-Identifier: MIT */
#include "driver/device_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const struct {
    const char *name, *text;
} counters[] = {
#define X(name, meaning) {#name, meaning},
    DEVICE_COUNTERS(X)
#undef X
};

const char *device_counter_name(unsigned counter)
{
    return counter < DEVICE_COUNTER_COUNT ? counters[counter].name : NULL;
}

const char *device_counter_text(unsigned counter)
{
    return counter < DEVICE_COUNTER_COUNT ? counters[counter].text : NULL;
}

int device_error_set(struct device_error *why, int error, int number, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    why->number = number;
    if (number != 0 && n >= 0 && (size_t)n < sizeof why->text)
        (void)snprintf(why->text + n, sizeof why->text - (size_t)n, ": %s", strerror(number));
    return error;
}

void device_fail(struct device *device, int number, const char *what)
{
    if (device->failure.number == 0)
        device_error_set(&device->failure, 0, number, "%s: %s", device->name, what);
}

bool device_tx_is_sound(const struct weir_tx *packet)
{
    if (packet->frag_count > WEIR_FRAGS_MAX || packet->header_start > WEIR_TX_HEADERS_MAX ||
        packet->header_len > WEIR_TX_HEADERS_MAX - packet->header_start || packet->len == 0 ||
        packet->len > WEIR_PACKET_BYTES_MAX)
        return false;
    size_t len = packet->header_len;
    for (unsigned i = 0; i < packet->frag_count; i++) {
        if (packet->frag[i].len > WEIR_PACKET_BYTES_MAX)
            return false;
        len += packet->frag[i].len;
    }
    return len == packet->len;
}

const char *device_name(const struct device *device)
{
    return device->name;
}

int device_fd(const struct device *device)
{
    return device->fd;
}

weir_time device_deadline(const struct device *device)
{
    return device->ops->deadline != NULL ? device->ops->deadline(device) : WEIR_TIME_NEVER;
}

int device_failure(const struct device *device, struct device_error *why)
{
    if (why != NULL)
        *why = device->failure;
    return device->failure.number;
}

void device_iface(struct device *device, struct weir_iface_config *iface)
{
    *iface = (struct weir_iface_config){.size = sizeof *iface};
    device->ops->iface(device, iface);
}

unsigned device_receive(struct device *device, struct weir_rx *packets, unsigned max, weir_time now)
{
    if (device->failure.number != 0)
        return 0;
    unsigned n =
        device->ops->receive(device, packets, max < DEVICE_BATCH ? max : DEVICE_BATCH, now);
    CHECK(NULL, n <= max);
    for (unsigned i = 0; i < n; i++) {
        device_count(device, DEVICE_COUNTER_rx_bytes, packets[i].len);
        device_count(device, DEVICE_COUNTER_rx_coalesced,
                     packets[i].segmentation != WEIR_SEGMENT_NONE);
    }
    device_count(device, DEVICE_COUNTER_rx_packets, n);
    return n;
}

unsigned device_room(struct device *device)
{
    return device->failure.number != 0 ? 0 : device->ops->room(device);
}

unsigned device_send(struct device *device, const struct weir_tx *packets, unsigned n,
                     weir_time now)
{
    CHECK(NULL, packets != NULL || n == 0);
    unsigned room = n > 0 ? device_room(device) : 0;
    if (n > room)
        n = room;
    if (n > 0)
        device->ops->send(device, packets, n, now);
    return n;
}

unsigned device_kept(const struct device *device)
{
    return device->ops->kept(device);
}

void device_stats(struct device *device, struct device_stats *stats)
{
    if (device->ops->read_stats != NULL)
        device->ops->read_stats(device);
    *stats = device->stats;
}

void device_close(struct device *device)
{
    if (device != NULL)
        device->ops->close(device);
}
