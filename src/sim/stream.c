/* SPDX-License-Identifier: MIT */
#include "sim/stream.h"

uint64_t stream_mix(uint64_t v)
{
    v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
    return v ^ v >> 31;
}

static uint64_t stream_word(uint64_t seed, uint64_t index)
{
    return stream_mix(seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

void stream_fill(uint64_t seed, uint64_t from, uint8_t *out, size_t len)
{
    uint64_t word = stream_word(seed, from / 8) >> 8 * (from % 8);
    for (size_t i = 0; i < len; i++, word >>= 8) {
        if (i > 0 && (from + i) % 8 == 0)
            word = stream_word(seed, (from + i) / 8);
        out[i] = (uint8_t)word;
    }
}

size_t stream_match(uint64_t seed, uint64_t from, const uint8_t *data, size_t len)
{
    uint64_t word = stream_word(seed, from / 8) >> 8 * (from % 8);
    for (size_t i = 0; i < len; i++, word >>= 8) {
        if (i > 0 && (from + i) % 8 == 0)
            word = stream_word(seed, (from + i) / 8);
        if (data[i] != (uint8_t)word)
            return i;
    }
    return len;
}
