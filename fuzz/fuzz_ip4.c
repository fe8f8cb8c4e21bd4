/* SPDX-License-Identifier: MIT
 * Any IPv4 packet, its header checksum corrected so that the parser gets to see the rest: the fast
 * path agrees with the full one, what is accepted comes back from emit, and the line can be
 * printed. */
#include <stdlib.h>

#include "base/mem.h"
#include "wire/ip4.h"
#include "wire/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *p, size_t head_len, size_t size)
{
    struct ip4 h, any, again;
    uint8_t out[IP4_HEADER_MAX];
    enum weir_drop reason = ip4_parse(&h, p, head_len, size);
    if (ip4_parse_any(&any, p, head_len, size) != reason)
        __builtin_trap();
    if (reason != WEIR_DROP_NONE)
        return;
    size_t n = ip4_emit(out, sizeof out, &h);
    if (n != ip4_header_len(&h) || n > head_len || n + h.payload_len > size)
        __builtin_trap();
    if (ip4_emit(out, n, &any) != n)
        __builtin_trap();
    /* The reserved flag is not kept, and the checksum with it; the rest is. */
    if (memcmp(out, p, 6) != 0 || out[6] != (p[6] & 0x7f) || memcmp(out + 7, p + 7, 3) != 0 ||
        memcmp(out + 12, p + 12, n - 12) != 0)
        __builtin_trap();
    if (ip4_parse(&again, out, n, size) != WEIR_DROP_NONE || again.payload_len != h.payload_len ||
        again.source_route != h.source_route || again.router_alert != h.router_alert)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *p = malloc(size);
    if (p == NULL || size == 0) {
        free(p);
        return 0;
    }
    memcpy(p, data, size);
    size_t header_len = (p[0] & 0x0fU) * 4;
    if (header_len >= IP4_HEADER_MIN && header_len <= size) {
        store16(p + 10, 0);
        be16 checksum = csum_finish(csum_header(csum_zero(), p, header_len));
        memcpy(p + 10, checksum.b, 2);
    }
    check(p, size, size);
    check(p, size - size / 3, size);
    check(data, size, size);
    char buf[256];
    struct text t = text_begin(buf, sizeof buf);
    struct print_options o = {.style = PRINT_CLASSIC};
    print_packet(&t, &o, p, size, size, WEIR_LINK_IP);
    free(p);
    return 0;
}
