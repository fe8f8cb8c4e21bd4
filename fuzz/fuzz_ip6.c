/* SPDX-License-Identifier: MIT
 * Any IPv6 packet: the fast path agrees with the full one, what is accepted is consistent and comes
 * back from emit, a problem lies inside the packet, and the line can be printed. */
#include "base/mem.h"
#include "wire/icmp.h"
#include "wire/ip6.h"
#include "wire/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *p, size_t head_len, size_t size)
{
    struct ip6 h, any;
    uint8_t out[IP6_HEADER_LEN];
    enum weir_drop reason = ip6_parse(&h, p, head_len, size);
    if (ip6_parse_any(&any, p, head_len, size) != reason)
        __builtin_trap();
    if (reason != WEIR_DROP_NONE) {
        if (h.problem.answer != IP6_ANSWER_NONE && h.problem.at >= head_len)
            __builtin_trap();
        return;
    }
    if (h.problem.answer != IP6_ANSWER_NONE || h.upper_at > head_len ||
        h.upper_at > IP6_HEADER_LEN + IP6_EXT_BYTES_MAX || p[h.protocol_at] != h.protocol ||
        h.upper_at + (size_t)h.upper_len != IP6_HEADER_LEN + (size_t)h.payload_len ||
        IP6_HEADER_LEN + (size_t)h.payload_len > size)
        __builtin_trap();
    if (h.upper_at != any.upper_at || h.upper_len != any.upper_len || h.protocol != any.protocol)
        __builtin_trap();
    if (ip6_emit(out, sizeof out, &h) != IP6_HEADER_LEN || memcmp(out, p, IP6_HEADER_LEN) != 0)
        __builtin_trap();
    if (h.fragment_at != 0) {
        struct ip6_fragment f = {.id = h.fragment_id,
                                 .offset = h.fragment_offset,
                                 .more = h.more_fragments,
                                 .next_header = p[h.fragment_at]};
        uint8_t header[IP6_FRAGMENT_HEADER_LEN];
        if (ip6_fragment_emit(header, sizeof header, &f) != IP6_FRAGMENT_HEADER_LEN ||
            memcmp(header + 4, p + h.fragment_at + 4, 4) != 0 ||
            header[2] != p[h.fragment_at + 2] || header[3] != (p[h.fragment_at + 3] & 0xf9))
            __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size, size);
    check(data, size - size / 3, size);
    icmp6_may_answer(data, size, false, IP6_ANSWER_ALWAYS);
    char buf[256];
    struct text t = text_begin(buf, sizeof buf);
    struct print_options o = {.style = PRINT_MODERN};
    print_packet(&t, &o, data, size, size, WEIR_LINK_IP);
    return 0;
}
