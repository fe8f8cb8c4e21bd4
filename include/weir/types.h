/* SPDX-License-Identifier: MIT
 * The few types that every other header shares: time, addresses, references to bytes. */
#ifndef WEIR_TYPES_H
#define WEIR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what libweir exports; everything else in it is hidden. */
#if defined(__GNUC__) && !defined(WEIR_API)
#define WEIR_API __attribute__((visibility("default")))
#endif

/* Nanoseconds of a monotonic clock that the caller owns. Its zero means nothing. */
typedef int64_t weir_time;

#define WEIR_TIME_NEVER INT64_MAX
#define WEIR_NS_PER_US INT64_C(1000)
#define WEIR_NS_PER_MS INT64_C(1000000)
#define WEIR_NS_PER_S INT64_C(1000000000)

/* An IPv6 address, or an IPv4 address in its mapped form ::ffff:a.b.c.d (RFC 4291 2.5.5.2). Network
 * order. One type for both families; ::ffff:0:0/96 never appears on the wire. */
struct weir_addr {
    uint8_t bytes[16];
};

/* Bytes that somebody else owns; how long they stay valid is said where it is used. */
struct weir_ref {
    const uint8_t *data;
    size_t len;
};

#ifdef __cplusplus
}
#endif

#endif
