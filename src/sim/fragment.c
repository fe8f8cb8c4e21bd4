/* SPDX-License-Identifier: MIT */
#include "sim/fragment.h"

#include "base/check.h"
#include "wire/ip4.h"

enum { OPTION_COPIED = 0x80 };

/* The options for all fragments but the first (RFC 791 section 3.1). The packet parses, so their
 * lengths are sound. */
static uint8_t options_copied(uint8_t *out, const struct ip4 *ip)
{
    uint8_t len = 0;
    for (unsigned i = 0; i < ip->options_len;) {
        uint8_t kind = ip->options[i];
        if (kind == IP4_OPTION_END)
            break;
        uint8_t option_len = kind == IP4_OPTION_NOP ? 1 : ip->options[i + 1];
        if ((kind & OPTION_COPIED) != 0) {
            memcpy(out + len, ip->options + i, option_len);
            len = (uint8_t)(len + option_len);
        }
        i += option_len;
    }
    return len;
}

/* Payload bytes of a fragment: whole units of eight, but for the last. */
static uint32_t fragment_room(const struct ip4 *ip, uint32_t mtu)
{
    uint32_t header_len = (uint32_t)ip4_header_len(ip);
    return mtu < header_len ? 0 : (mtu - header_len) & ~7U;
}

unsigned sim_fragment_count(const uint8_t *ip, uint32_t len, uint32_t mtu)
{
    struct ip4 header;
    if (ip4_parse(&header, ip, len, len) != WEIR_DROP_NONE)
        return 0;
    if (ip4_header_len(&header) + header.payload_len <= mtu)
        return 1;
    uint32_t room = fragment_room(&header, mtu);
    if (header.dont_fragment || room == 0)
        return 0;
    return (header.payload_len + room - 1) / room;
}

uint32_t sim_fragment_make(const uint8_t *ip, uint32_t len, uint32_t mtu, unsigned index,
                           uint8_t *out)
{
    struct ip4 header;
    uint8_t options[IP4_OPTIONS_MAX];
    unsigned count = sim_fragment_count(ip, len, mtu);
    CHECK(NULL, index < count);
    CHECK(NULL, ip4_parse(&header, ip, len, len) == WEIR_DROP_NONE);
    if (count == 1) {
        memcpy(out, ip, len);
        return len;
    }
    uint32_t room = fragment_room(&header, mtu), from = index * room;
    const uint8_t *payload = ip + ip4_header_len(&header) + from;
    bool last = index == count - 1;
    uint32_t part = last ? header.payload_len - from : room;
    header.fragment_offset = (uint16_t)(header.fragment_offset + from);
    header.more_fragments = header.more_fragments || !last;
    header.payload_len = (uint16_t)part;
    if (index > 0) {
        header.options_len = options_copied(options, &header);
        header.options = options;
    }
    size_t at = ip4_emit(out, mtu, &header);
    CHECK(NULL, at > 0 && at + part <= mtu);
    memcpy(out + at, payload, part);
    return (uint32_t)at + part;
}
