/* SPDX-License-Identifier: MIT */
#include "wire/eth.h"

static bool is_tag(uint16_t type)
{
    return type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ;
}

enum weir_drop eth_parse(struct eth *out, const uint8_t *p, size_t head_len)
{
    if (head_len < ETH_HEADER_MIN)
        return WEIR_DROP_ETH_SHORT;
    *out = (struct eth){.type = load16(p + 12)};
    memcpy(out->destination.b, p, 6);
    memcpy(out->source.b, p + 6, 6);
    while (is_tag(out->type)) {
        size_t at = eth_header_len(out);
        if (out->vlan_count == ETH_VLANS_MAX)
            return WEIR_DROP_ETH_VLAN_DEPTH;
        if (head_len - at < 4) /* at <= head_len: that much was checked for the type before */
            return WEIR_DROP_ETH_SHORT;
        uint16_t control = load16(p + at);
        out->vlan[out->vlan_count++] = (struct eth_vlan){
            .tpid = out->type,
            .vid = control & 0x0fff,
            .pcp = (uint8_t)(control >> 13),
            .dei = (control & 0x1000) != 0,
        };
        out->type = load16(p + at + 2);
    }
    return out->type < ETH_TYPE_MIN ? WEIR_DROP_ETH_TYPE : WEIR_DROP_NONE;
}

size_t eth_emit(uint8_t *p, size_t size, const struct eth *h)
{
    size_t at = 12;
    if (h->vlan_count > ETH_VLANS_MAX || size < eth_header_len(h))
        return 0;
    memcpy(p, h->destination.b, 6);
    memcpy(p + 6, h->source.b, 6);
    for (unsigned i = 0; i < h->vlan_count; i++) {
        const struct eth_vlan *v = &h->vlan[i];
        store16(p + at, v->tpid);
        store16(p + at + 2, (uint16_t)((v->pcp & 7U) << 13 | (v->dei ? 0x1000U : 0) |
                                       (v->vid & 0x0fffU)));
        at += 4;
    }
    store16(p + at, h->type);
    return at + 2;
}

size_t eth_pad(uint8_t *p, size_t size, size_t len)
{
    size_t padding = eth_padding_len(len);
    if (size < len || size - len < padding)
        return 0;
    memset(p + len, 0, padding);
    return len + padding;
}
