/* SPDX-License-Identifier: MIT
 * Any IPv6 packet taken for neighbour discovery: a message that is accepted comes back from emit
 * and parse, and the second emission equals the first. */
#include "base/mem.h"
#include "wire/nd.h"
#include "wire/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ip6 ip = {.hop_limit = ND_HOP_LIMIT};
    struct nd m, again;
    uint8_t out[2][IP6_MTU_MIN];
    if (size < IP6_HEADER_LEN)
        return 0;
    memcpy(ip.source.b, data + 8, 16);
    memcpy(ip.destination.b, data + 24, 16);
    const uint8_t *p = data + IP6_HEADER_LEN;
    size_t len = size - IP6_HEADER_LEN;
    if (nd_parse(&m, p, len, len, &ip) == WEIR_DROP_NONE) {
        if (m.prefix_count > ND_PREFIXES_MAX || m.rdnss_count > ND_RDNSS_MAX ||
            m.redirected.len > len)
            __builtin_trap();
        size_t n = nd_emit(out[0], sizeof out[0], &m, &ip);
        if (n == 0 || nd_parse(&again, out[0], n, n, &ip) != WEIR_DROP_NONE)
            __builtin_trap();
        if (nd_emit(out[1], sizeof out[1], &again, &ip) != n || memcmp(out[0], out[1], n) != 0)
            __builtin_trap();
        if (again.prefix_count != m.prefix_count || again.rdnss_count != m.rdnss_count ||
            again.mtu != m.mtu || again.has_source_mac != m.has_source_mac ||
            again.has_target_mac != m.has_target_mac || !ip6_eq(again.target, m.target))
            __builtin_trap();
    }
    char buf[256];
    struct text t = text_begin(buf, sizeof buf);
    struct print_options o = {.style = PRINT_MODERN};
    print_packet(&t, &o, data, size, size, WEIR_LINK_IP);
    return 0;
}
