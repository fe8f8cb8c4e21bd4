/* SPDX-License-Identifier: MIT */
#include "sim/edit.h"

#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "wire/ip4.h"

enum {
    IP4_TOTAL_LENGTH_AT = 2,
    IP4_FRAGMENT_AT = 6,
    IP4_TTL_AT = 8,
    IP4_CHECKSUM_AT = 10,
    IP6_PAYLOAD_LENGTH_AT = 4,
    IP6_HOP_LIMIT_AT = 7,
    TCP_CHECKSUM_AT = 16,
    UDP_CHECKSUM_AT = 6,
    ICMP_CHECKSUM_AT = 2
};

static be16 word_at(const void *p, size_t offset)
{
    be16 word;
    memcpy(&word, (const uint8_t *)p + offset, sizeof word);
    return word;
}

void edit_sum(uint8_t *field, const void *from, const void *to, size_t len)
{
    CHECK(NULL, len % 2 == 0);
    be16 sum = word_at(field, 0);
    for (size_t i = 0; i < len; i += 2)
        if (load16((const uint8_t *)from + i) != load16((const uint8_t *)to + i))
            sum = csum_update16(sum, word_at(from, i), word_at(to, i));
    memcpy(field, &sum, sizeof sum);
}

void edit_sum_udp(uint8_t *field, const void *from, const void *to, size_t len)
{
    if (load16(field) == 0)
        return;
    edit_sum(field, from, to, len);
    if (load16(field) == 0)
        store16(field, 0xffff);
}

void edit_ip4(uint8_t *ip, size_t at, const void *to, size_t len)
{
    CHECK(NULL, at % 2 == 0 && at + len <= IP4_HEADER_MIN);
    edit_sum(ip + IP4_CHECKSUM_AT, ip + at, to, len);
    memcpy(ip + at, to, len);
}

/* Does the packet have the first bytes of its transport? */
static bool has_transport(const uint8_t *bytes, const struct sim_parsed *parsed)
{
    if (!parsed->fragment)
        return parsed->ip_version != 0;
    return parsed->ip_version == 4 &&
           (load16(bytes + parsed->ip_offset + IP4_FRAGMENT_AT) & IP4_FRAGMENT_OFFSET_MASK) == 0;
}

void edit_transport_sum(uint8_t *bytes, const struct sim_parsed *parsed, const void *from,
                        const void *to, size_t len)
{
    uint8_t *transport = bytes + parsed->transport_offset;
    if (!has_transport(bytes, parsed))
        return;
    size_t there = parsed->ip_offset + parsed->ip_len - parsed->transport_offset;
    if (parsed->protocol == IP_PROTOCOL_TCP && there >= TCP_CHECKSUM_AT + 2)
        edit_sum(transport + TCP_CHECKSUM_AT, from, to, len);
    else if (parsed->protocol == IP_PROTOCOL_UDP && there >= UDP_CHECKSUM_AT + 2)
        edit_sum_udp(transport + UDP_CHECKSUM_AT, from, to, len);
    else if (parsed->protocol == IP_PROTOCOL_ICMP6 && there >= ICMP_CHECKSUM_AT + 2)
        edit_sum(transport + ICMP_CHECKSUM_AT, from, to, len);
}

void edit_hop(uint8_t *bytes, const struct sim_parsed *parsed)
{
    uint8_t *ip = bytes + parsed->ip_offset;
    if (parsed->ip_version == 4) {
        uint8_t to[2] = {(uint8_t)(ip[IP4_TTL_AT] - 1), ip[IP4_TTL_AT + 1]};
        edit_ip4(ip, IP4_TTL_AT, to, sizeof to);
    } else {
        ip[IP6_HOP_LIMIT_AT]--;
    }
}

/* The IP length changes, in its header and in the pseudo-header. */
static void edit_length(uint8_t *bytes, const struct sim_parsed *parsed, uint32_t from, uint32_t to)
{
    uint8_t *ip = bytes + parsed->ip_offset;
    uint8_t len_from[2], len_to[2], field[2];
    store16(len_from, (uint16_t)from);
    store16(len_to, (uint16_t)to);
    edit_transport_sum(bytes, parsed, len_from, len_to, 2);
    if (parsed->ip_version == 4) {
        store16(field, (uint16_t)(load16(ip + IP4_TOTAL_LENGTH_AT) - from + to));
        edit_ip4(ip, IP4_TOTAL_LENGTH_AT, field, sizeof field);
    } else {
        store16(ip + IP6_PAYLOAD_LENGTH_AT,
                (uint16_t)(load16(ip + IP6_PAYLOAD_LENGTH_AT) - from + to));
    }
}

void edit_tcp_header(uint8_t *bytes, uint32_t *len, const struct sim_parsed *parsed,
                     const uint8_t *header, uint32_t header_len)
{
    uint8_t from[TCP_HEADER_BYTES_MAX] = {0}, to[TCP_HEADER_BYTES_MAX] = {0};
    uint32_t from_len = parsed->payload_offset - parsed->transport_offset;
    uint8_t *transport = bytes + parsed->transport_offset;
    CHECK(NULL,
          parsed->protocol == IP_PROTOCOL_TCP && parsed->transport_len > 0 && !parsed->fragment);
    CHECK(NULL, header_len % 4 == 0 && header_len >= TCP_HEADER_BYTES &&
                    header_len <= TCP_HEADER_BYTES_MAX);
    memcpy(from, transport, from_len);
    memcpy(to, header, header_len);
    /* The payload moves by whole words, so its part of the sum stays as it is; zeros add nothing.
     * The field itself is outside the sum. */
    memcpy(to + TCP_CHECKSUM_AT, from + TCP_CHECKSUM_AT, 2);
    edit_transport_sum(bytes, parsed, from, to, sizeof from);
    memcpy(to + TCP_CHECKSUM_AT, transport + TCP_CHECKSUM_AT, 2);
    uint32_t behind = *len - parsed->payload_offset;
    memmove(transport + header_len, transport + from_len, behind);
    memcpy(transport, to, header_len);
    *len = *len - from_len + header_len;
    if (header_len != from_len)
        edit_length(bytes, parsed, parsed->transport_len,
                    parsed->transport_len - from_len + header_len);
}
