/* SPDX-License-Identifier: MIT */
#include "wire/udp.h"

enum weir_drop udp_parse(struct udp *out, const uint8_t *p, size_t head_len, size_t datagram_len)
{
    if (datagram_len < UDP_HEADER_LEN)
        return WEIR_DROP_UDP_SHORT;
    if (head_len < UDP_HEADER_LEN)
        return WEIR_DROP_DEVICE_HEADERS;
    uint16_t len = load16(p + 4);
    if (len < UDP_HEADER_LEN || len > datagram_len)
        return WEIR_DROP_UDP_LENGTH;
    *out = (struct udp){
        .source_port = load16(p),
        .destination_port = load16(p + 2),
        .payload_len = (uint16_t)(len - UDP_HEADER_LEN),
        .checksum = {{p[6], p[7]}},
    };
    return WEIR_DROP_NONE;
}

size_t udp_emit(uint8_t *p, size_t size, const struct udp *h)
{
    if (size < UDP_HEADER_LEN || h->payload_len > UDP_LEN_MAX - UDP_HEADER_LEN)
        return 0;
    store16(p, h->source_port);
    store16(p + 2, h->destination_port);
    store16(p + 4, (uint16_t)(h->payload_len + UDP_HEADER_LEN));
    memcpy(p + 6, h->checksum.b, 2);
    return UDP_HEADER_LEN;
}
