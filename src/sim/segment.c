/* SPDX-License-Identifier: MIT
 * Segmentation, as a network device does it. */
#include "base/bytes.h"
#include "base/mem.h"
#include "sim/packet.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum {
    IP4_TOTAL_LEN_AT = 2,
    IP4_ID_AT = 4,
    IP6_PAYLOAD_LEN_AT = 4,
    TCP_SEQ_AT = 4,
    TCP_FLAGS_AT = 13, /* the eight classic ones */
    UDP_LEN_AT = 4
};

/* The parts of the packet, or ip_version 0 when it is not what it is said to be. */
static struct sim_parsed cut_parse(const struct sim_cut *cut)
{
    struct sim_parsed p = sim_parse(cut->bytes, cut->len, cut->link);
    bool udp = cut->segmentation == WEIR_SEGMENT_UDP;
    unsigned version = cut->segmentation == WEIR_SEGMENT_TCP4   ? 4
                       : cut->segmentation == WEIR_SEGMENT_TCP6 ? 6
                                                                : p.ip_version;
    if (cut->segment_size == 0 || p.ip_version != version || p.fragment || p.transport_len == 0 ||
        p.protocol != (udp ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP) ||
        p.payload_offset > SIM_CUT_HEADERS_MAX)
        p.ip_version = 0;
    else if (!udp && p.payload_len > cut->segment_size &&
             (p.tcp_flags & (TCP_SYN | TCP_RST | TCP_URG)) != 0)
        p.ip_version = 0;
    return p;
}

unsigned sim_segment_count(const struct sim_cut *cut)
{
    struct sim_parsed p = cut_parse(cut);
    if (p.ip_version == 0)
        return 0;
    return p.payload_len == 0 ? 1 : (p.payload_len - 1) / cut->segment_size + 1;
}

uint32_t sim_segment_make(const struct sim_cut *cut, unsigned index, uint8_t *out, uint32_t size)
{
    struct sim_parsed p = cut_parse(cut);
    uint32_t from = index * (uint32_t)cut->segment_size;
    uint32_t payload_len = p.payload_len - from;
    bool last = payload_len <= cut->segment_size;
    if (!last)
        payload_len = cut->segment_size;
    uint32_t len = p.payload_offset + payload_len;
    if (len > size)
        return 0;
    memcpy(out, cut->bytes, p.payload_offset);
    memcpy(out + p.payload_offset, cut->bytes + p.payload_offset + from, payload_len);

    uint8_t *ip = out + p.ip_offset, *transport = out + p.transport_offset;
    if (p.ip_version == 4) {
        store16(ip + IP4_TOTAL_LEN_AT, (uint16_t)(len - p.ip_offset));
        store16(ip + IP4_ID_AT, (uint16_t)(load16(ip + IP4_ID_AT) + index));
    } else {
        store16(ip + IP6_PAYLOAD_LEN_AT, (uint16_t)(len - p.ip_offset - IP6_HEADER_LEN));
    }
    if (p.protocol == IP_PROTOCOL_TCP) {
        store32(transport + TCP_SEQ_AT, load32(transport + TCP_SEQ_AT) + from);
        unsigned not_here = (last ? 0 : TCP_FIN | TCP_PSH) | (index == 0 ? 0 : TCP_CWR);
        transport[TCP_FLAGS_AT] &= (uint8_t)~not_here;
    } else {
        store16(transport + UDP_LEN_AT, (uint16_t)(UDP_HEADER_LEN + payload_len));
    }
    sim_fix_checksums(out, len, cut->link);
    return len;
}
