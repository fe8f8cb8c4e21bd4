/* SPDX-License-Identifier: MIT
 * Any ICMP message, as IPv4's and as IPv6's: what is accepted and can be sent comes back from emit,
 * and the quote of an error is read within its bounds. */
#include <stdlib.h>

#include "base/mem.h"
#include "wire/icmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct icmp *a, const struct icmp *b)
{
    return a->type == b->type && a->code == b->code && a->kind == b->kind && a->id == b->id &&
           a->sequence == b->sequence && a->mtu == b->mtu && a->pointer == b->pointer &&
           ip4_eq(a->gateway, b->gateway);
}

static void check(const uint8_t *p, size_t size, bool ip6)
{
    static const struct ip6 path = {.source = {{0xfe, 0x80, [15] = 1}},
                                    .destination = {{0xfe, 0x80, [15] = 2}}};
    struct icmp m, again;
    struct icmp_quote q;
    enum weir_drop reason = ip6 ? icmp6_parse(&m, p, size, size) : icmp4_parse(&m, p, size, size);
    if (reason != WEIR_DROP_NONE)
        return;
    const uint8_t *quote = p + ICMP_HEADER_LEN;
    reason =
        ip6 ? icmp6_quote_parse(&q, quote, m.data_len) : icmp4_quote_parse(&q, quote, m.data_len);
    if (reason == WEIR_DROP_NONE && (q.transport_at + (size_t)q.transport_len != m.data_len ||
                                     q.transport_len < ICMP_QUOTED_TRANSPORT_MIN))
        __builtin_trap();
    struct weir_ref part[2] = {{quote, m.data_len / 3},
                               {quote + m.data_len / 3, m.data_len - m.data_len / 3}};
    struct icmp_data bytes = {&csum_portable, part, 2};
    uint8_t *out = malloc(size);
    if (out == NULL)
        return;
    size_t n = ip6 ? icmp6_emit(out, size, &m, &path, &bytes) : icmp4_emit(out, size, &m, &bytes);
    bool sendable = m.kind != ICMP_OTHER && m.kind != ICMP_ND;
    if ((n != 0) != sendable || n > size)
        __builtin_trap();
    if (n != 0) {
        reason = ip6 ? icmp6_parse(&again, out, n, n) : icmp4_parse(&again, out, n, n);
        if (reason != WEIR_DROP_NONE || !same(&m, &again) ||
            memcmp(out + ICMP_HEADER_LEN, quote, n - ICMP_HEADER_LEN) != 0)
            __builtin_trap();
        struct csum c = csum_portable.sum(out, n);
        if (ip6)
            c = csum_add(c,
                         ip6_pseudo(path.source, path.destination, IP_PROTOCOL_ICMP6, (uint32_t)n));
        if (!csum_is_good(c))
            __builtin_trap();
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65535 - IP4_HEADER_MIN)
        return 0;
    check(data, size, false);
    check(data, size, true);
    icmp4_may_answer(data, size, false);
    return 0;
}
