/* SPDX-License-Identifier: MIT
 * The inside of a device, for those who make one. */
#ifndef WEIR_DRIVER_DEVICE_IMPL_H
#define WEIR_DRIVER_DEVICE_IMPL_H

#include "driver/device.h"

/* What a kind of device does. All but deadline and read_stats are needed. */
struct device_ops {
    unsigned (*receive)(struct device *device, struct weir_rx *packets, unsigned max,
                        weir_time now);
    /* n is at most what room() answered; all are taken. */
    void (*send)(struct device *device, const struct weir_tx *packets, unsigned n, weir_time now);
    unsigned (*room)(struct device *device);
    unsigned (*kept)(const struct device *device);
    void (*iface)(struct device *device, struct weir_iface_config *iface);
    weir_time (*deadline)(const struct device *device);
    void (*read_stats)(struct device *device); /* fetch what the kernel counts */
    void (*close)(struct device *device);      /* and free it */
};

struct device {
    const struct device_ops *ops;
    int fd; /* -1: none */
    struct device_error failure;
    struct device_stats stats;
    char name[DEVICE_NAME_SIZE];
};

static inline void device_count(struct device *device, enum device_counter counter, uint64_t n)
{
    device->stats.counter[counter] += n;
}

/* Fill *why with a line of text, to which the text of `number` is added unless it is 0; answers
 * `error`. */
__attribute__((format(printf, 4, 5))) int device_error_set(struct device_error *why, int error,
                                                           int number, const char *format, ...);

/* The device is at its end; the first cause stays. */
void device_fail(struct device *device, int number, const char *what);

/* Do the lengths of a packet go together? */
bool device_tx_is_sound(const struct weir_tx *packet);

#endif
