/* SPDX-License-Identifier: MIT */
#include "wire/arp.h"

enum {
    ARP_HARDWARE_ETHERNET = 1,
    ARP_PROTOCOL_IP4 = 0x0800
};

enum weir_drop arp_parse(struct arp *out, const uint8_t *p, size_t head_len)
{
    if (head_len < ARP_LEN)
        return WEIR_DROP_ARP_SHORT;
    if (load16(p) != ARP_HARDWARE_ETHERNET || load16(p + 2) != ARP_PROTOCOL_IP4 || p[4] != 6 ||
        p[5] != 4)
        return WEIR_DROP_ARP_FORMAT;
    out->operation = load16(p + 6);
    if (out->operation != ARP_REQUEST && out->operation != ARP_REPLY)
        return WEIR_DROP_ARP_OPERATION;
    memcpy(out->sender_mac.b, p + 8, 6);
    memcpy(out->sender.b, p + 14, 4);
    memcpy(out->target_mac.b, p + 18, 6);
    memcpy(out->target.b, p + 24, 4);
    return WEIR_DROP_NONE;
}

size_t arp_emit(uint8_t *p, size_t size, const struct arp *m)
{
    if (size < ARP_LEN)
        return 0;
    store16(p, ARP_HARDWARE_ETHERNET);
    store16(p + 2, ARP_PROTOCOL_IP4);
    p[4] = 6;
    p[5] = 4;
    store16(p + 6, m->operation);
    memcpy(p + 8, m->sender_mac.b, 6);
    memcpy(p + 14, m->sender.b, 4);
    memcpy(p + 18, m->target_mac.b, 6);
    memcpy(p + 24, m->target.b, 4);
    return ARP_LEN;
}
