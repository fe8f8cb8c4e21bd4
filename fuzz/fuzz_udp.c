/* SPDX-License-Identifier: MIT
 * Any UDP datagram: a header that is accepted comes back from emit byte for byte, and a checksum
 * that is computed is one that verifies. */
#include "base/mem.h"
#include "wire/ip4.h"
#include "wire/udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ip4_addr source = {{10, 0, 0, 1}}, destination = {{10, 0, 0, 2}};
    struct udp h;
    uint8_t out[UDP_HEADER_LEN];
    if (udp_parse(&h, data, size, size) != WEIR_DROP_NONE)
        return 0;
    size_t len = UDP_HEADER_LEN + (size_t)h.payload_len;
    if (len > size || udp_emit(out, sizeof out, &h) != UDP_HEADER_LEN ||
        memcmp(out, data, UDP_HEADER_LEN) != 0)
        __builtin_trap();
    struct csum pseudo = ip4_pseudo(source, destination, IP_PROTOCOL_UDP, (uint16_t)len);
    struct weir_ref part[2] = {{out, UDP_HEADER_LEN}, {data + UDP_HEADER_LEN, h.payload_len}};
    h.checksum = be16_make(0);
    if (udp_emit(out, sizeof out, &h) != UDP_HEADER_LEN)
        __builtin_trap();
    h.checksum = udp_checksum_finish(csum_parts(&csum_portable, pseudo, part, 2));
    if (udp_emit(out, sizeof out, &h) != UDP_HEADER_LEN ||
        !udp_checksum_ok(&h, csum_parts(&csum_portable, pseudo, part, 2), true))
        __builtin_trap();
    return 0;
}
