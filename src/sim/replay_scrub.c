/* SPDX-License-Identifier: MIT
 * Payload taken out of what a replay is about to do, so that a recording of it can be shown to others.
 * The stack must do what it did: so lengths stay, and every checksum, right or wrong, stays so. Payload
 * becomes zeros, but for two octets in front, which hold the sum of what was there. */
#include "sim/replay.h"

#include <string.h>

#include "sim/internal.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum {
    QUOTE_TRANSPORT_BYTES = 20, /* of the packet that an ICMP error quotes: what TCP looks at */
    ECHO_HEADER_BYTES = 8,
    PARTS_MAX = 1 + WEIR_FRAGS_MAX
};

/* A packet as it lies in the body of its frame, which is ours. */
struct parts {
    uint8_t *p[PARTS_MAX];
    size_t len[PARTS_MAX];
    unsigned count;
};

static uint8_t *octet(const struct parts *parts, size_t at)
{
    unsigned i = 0;
    while (i < parts->count && at >= parts->len[i])
        at -= parts->len[i++];
    return i < parts->count ? &parts->p[i][at] : NULL;
}

/* All from `at` on, which is an even offset in what its checksum is of, to `end`; padding of the link is
 * behind that. One octet is its own sum, and stays. */
static void scrub_range(const struct parts *parts, size_t at, size_t end)
{
    uint64_t sum = 0;
    size_t n = 0; /* in the packet */
    uint8_t *first = octet(parts, at), *second = octet(parts, at + 1);
    for (unsigned i = 0; i < parts->count; i++)
        for (size_t j = 0; j < parts->len[i]; j++, n++) {
            bool payload = n >= at && n < end && end - at > 1;
            if (payload)
                sum += (uint64_t)parts->p[i][j] << ((n - at) % 2 == 0 ? 8 : 0);
            if (payload || n >= end)
                parts->p[i][j] = 0;
        }
    if (sum == 0 || second == NULL)
        return;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    *first = (uint8_t)(sum >> 8);
    *second = (uint8_t)sum;
}

/* How much of the transport's part is no payload. */
static size_t transport_keeps(uint8_t protocol, const uint8_t *at, size_t room)
{
    switch (protocol) {
    case IP_PROTOCOL_TCP:
        return room > 12 ? (size_t)(at[12] >> 4) * 4 : room;
    case IP_PROTOCOL_UDP:
        return UDP_HEADER_LEN;
    case IP_PROTOCOL_ICMP4:
        if (room > 0 && (at[0] == ICMP4_ECHO_REQUEST || at[0] == ICMP4_ECHO_REPLY))
            return ECHO_HEADER_BYTES;
        return ECHO_HEADER_BYTES + IP4_HEADER_MIN + QUOTE_TRANSPORT_BYTES;
    case IP_PROTOCOL_ICMP6:
        if (room > 0 && at[0] >= ICMP6_ECHO_REQUEST) /* no errors: echo, or of neighbours */
            return at[0] <= ICMP6_ECHO_REPLY ? ECHO_HEADER_BYTES : SIZE_MAX;
        return ECHO_HEADER_BYTES + IP6_HEADER_LEN + QUOTE_TRANSPORT_BYTES;
    default:
        return 0;
    }
}

/* Where the payload of a packet begins; SIZE_MAX: it has none; and where the packet ends. What cannot be
 * parsed is dropped by the stack, whatever is in it behind the longest headers. */
static size_t payload_at(const uint8_t *head, size_t head_len, size_t len, unsigned link,
                         size_t *end)
{
    struct ip4 ip4;
    struct ip6 ip6;
    size_t at = sim_ip_offset(head, (uint32_t)head_len, link), room = head_len - at;
    const uint8_t *ip = head + at;
    *end = len;
    if (link == WEIR_LINK_ETHERNET && (room == 0 || (ip[0] >> 4 != 4 && ip[0] >> 4 != 6)))
        return SIZE_MAX; /* ARP */
    if (room > 0 && ip[0] >> 4 == 4 && ip4_parse(&ip4, ip, room, len - at) == WEIR_DROP_NONE) {
        size_t header = ip4_header_len(&ip4);
        at += header;
        *end = at + ip4.payload_len;
        return ip4.fragment_offset != 0 || header > room
                   ? at
                   : at + transport_keeps(ip4.protocol, ip + header, room - header);
    }
    if (room > 0 && ip[0] >> 4 == 6 && ip6_parse(&ip6, ip, room, len - at) == WEIR_DROP_NONE) {
        *end = at + IP6_HEADER_LEN + ip6.payload_len;
        at += ip6.upper_at;
        size_t keeps = ip6.fragment_offset != 0 || ip6.upper_at > room
                           ? 0
                           : transport_keeps(ip6.protocol, ip + ip6.upper_at, room - ip6.upper_at);
        return keeps == SIZE_MAX ? SIZE_MAX : at + keeps;
    }
    return at + 2 * (size_t)IP6_HEADER_LEN;
}

static void scrub_packet(struct recording_frame *frame, const struct weir_rx *rx, unsigned link)
{
    struct parts parts = {.count = 1};
    if (rx->head == NULL || rx->head_len == 0)
        return;
    /* The record refers to the body of the frame. */
    parts.p[0] = frame->body.p + (rx->head - frame->body.p);
    parts.len[0] = rx->head_len;
    for (unsigned i = 0; i < rx->frag_count && i < WEIR_FRAGS_MAX; i++) {
        parts.p[parts.count] = frame->body.p + (rx->frag[i].data - frame->body.p);
        parts.len[parts.count++] = rx->frag[i].len;
    }
    size_t len = rx->len > rx->head_len ? rx->len : rx->head_len;
    size_t end, at = payload_at(rx->head, rx->head_len, len, link, &end);
    if (at != SIZE_MAX)
        scrub_range(&parts, at < end ? at : end, end);
}

void replay_scrub(struct replay *replay)
{
    struct replay *r = replay;
    unsigned link = r->call.ifindex < r->interfaces ? r->link[r->call.ifindex] : WEIR_LINK_IP;
    if (r->call.call == WEIR_CALL_STACK_INPUT)
        for (unsigned i = 0; i < r->call.count; i++)
            scrub_packet(&r->begin, &r->call.rx[i], link);
    bool sent = r->call.call == WEIR_CALL_TCP_SEND || r->call.call == WEIR_CALL_UDP_SEND;
    if (sent && r->expected.data.len > 0)
        memset(r->end.body.p + (r->expected.data.data - r->end.body.p), 0, r->expected.data.len);
}

bool replay_scrubbed_is_same(const struct replay *replay)
{
    const struct weir_record *a = &replay->expected, *b = &replay->got;
    if (a->result != b->result || a->count != b->count || a->handle.index != b->handle.index ||
        a->handle.generation != b->handle.generation)
        return false;
    for (unsigned i = 0; i < a->count && a->tx != NULL; i++)
        if (a->tx[i].len != b->tx[i].len || a->tx[i].header_len != b->tx[i].header_len)
            return false;
    for (unsigned i = 0; i < a->count && a->events != NULL; i++)
        if (a->events[i].bits != b->events[i].bits || a->events[i].error != b->events[i].error ||
            a->events[i].handle.index != b->events[i].handle.index)
            return false;
    return true;
}
