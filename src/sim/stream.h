/* SPDX-License-Identifier: MIT
 * Streams of bytes that are a function of a seed and a place: any byte can be checked anywhere,
 * without keeping those before it. */
#ifndef WEIR_SIM_STREAM_H
#define WEIR_SIM_STREAM_H

#include <stddef.h>
#include <stdint.h>

/* Another number for each number (a bijection). */
uint64_t stream_mix(uint64_t v);

/* Write bytes [from, from + len) of the stream `seed` to `out`. */
void stream_fill(uint64_t seed, uint64_t from, uint8_t *out, size_t len);

/* How many of the bytes at `data`, from the first on, are those of the stream from `from` on: len
 * when all are. */
size_t stream_match(uint64_t seed, uint64_t from, const uint8_t *data, size_t len);

#endif
