/* SPDX-License-Identifier: MIT
 * Any bytes as a packet of any link, printed in any style into a buffer of any size: the line is
 * terminated, stays inside, is the beginning of what a large buffer gets, and has no odd
 * characters. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HOW_BYTES = 4, LINE_BYTES = 8192 };

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void print_line(char *buf, size_t size, const uint8_t *how, const uint8_t *p, size_t len)
{
    struct print_options o = {
        .style = (how[0] & 1) != 0 ? PRINT_CLASSIC : PRINT_MODERN,
        .relative = (how[0] & 2) != 0,
        .seq_base = {how[2]},
        .ack_base = {(uint32_t)how[2] << 24},
    };
    enum weir_link link = (how[0] & 4) != 0 ? WEIR_LINK_ETHERNET : WEIR_LINK_IP;
    struct text t = text_begin(buf, size);
    print_packet(&t, &o, p, len, len + how[3], link);
    require(t.len < size && buf[t.len] == '\0' && strlen(buf) == t.len);
    for (size_t i = 0; i < t.len; i++)
        require(buf[i] >= ' ' && buf[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char whole[LINE_BYTES];
    if (size < HOW_BYTES)
        return 0;
    size_t small_size = 1 + (size_t)data[1];
    char *small = malloc(small_size);
    print_line(whole, sizeof whole, data, data + HOW_BYTES, size - HOW_BYTES);
    print_line(small, small_size, data, data + HOW_BYTES, size - HOW_BYTES);
    size_t want = strlen(whole) < small_size ? strlen(whole) : small_size - 1;
    require(strlen(small) == want && memcmp(small, whole, want) == 0);
    free(small);
    return 0;
}
