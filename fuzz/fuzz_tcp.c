/* SPDX-License-Identifier: MIT
 * Any bytes as a TCP segment, of which any part is in the head: what parses is emitted as the same
 * bytes, and a checksum that is filled in is found good. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static struct csum sum_of(const uint8_t *p, size_t n)
{
    struct csum c = csum_header(csum_zero(), p, n & ~(size_t)1);
    return n % 2 == 0 ? c : csum_word(c, (be16){{p[n - 1], 0}});
}

static void check_checksum(const uint8_t *segment, size_t len, size_t header_len)
{
    uint8_t header[TCP_HEADER_BYTES_MAX];
    struct csum payload = sum_of(segment + header_len, len - header_len);
    struct csum pseudo = csum_u16(csum_zero(), (uint16_t)len);
    memcpy(header, segment, header_len);
    be16 sum = tcp_checksum(header, header_len, pseudo, payload);
    memcpy(header + offsetof(struct tcp_wire, checksum), &sum, sizeof sum);
    require(tcp_checksum_is_good(header, header_len, pseudo, payload));
    header[4] ^= 0x10;
    require(!tcp_checksum_is_good(header, header_len, pseudo, payload));
}

/* The first byte: how much of the rest is in the head, 255 meaning all. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tcp_header h;
    if (size == 0)
        return 0;
    const uint8_t *segment = data + 1;
    size_t len = size - 1, head_len = data[0] < 255 && data[0] < len ? data[0] : len;
    enum weir_drop drop = tcp_parse(&h, segment, head_len, len);
    require((drop == WEIR_DROP_TCP_SHORT) == (len < TCP_HEADER_BYTES));
    if (drop != WEIR_DROP_NONE)
        return 0;
    uint8_t out[TCP_HEADER_BYTES];
    require(h.header_len >= TCP_HEADER_BYTES && h.header_len <= head_len && h.header_len % 4 == 0);
    tcp_emit(out, &h);
    require(memcmp(out, segment, sizeof out) == 0);
    check_checksum(segment, len, h.header_len);
    return 0;
}
