/* SPDX-License-Identifier: MIT
 * Any ARP message: one that is accepted comes back from emit byte for byte; the line can be
 * printed. */
#include "base/mem.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arp m;
    uint8_t out[ARP_LEN];
    if (arp_parse(&m, data, size) == WEIR_DROP_NONE) {
        if (arp_emit(out, sizeof out, &m) != ARP_LEN || memcmp(out, data, ARP_LEN) != 0)
            __builtin_trap();
    }
    char buf[256];
    uint8_t frame[ETH_HEADER_MIN + 64] = {0};
    struct text t = text_begin(buf, sizeof buf);
    struct print_options o = {.style = PRINT_MODERN};
    size_t n = size < 64 ? size : 64;
    store16(frame + 12, ETH_TYPE_ARP);
    if (n > 0)
        memcpy(frame + ETH_HEADER_MIN, data, n);
    print_packet(&t, &o, frame, ETH_HEADER_MIN + n, ETH_HEADER_MIN + size, WEIR_LINK_ETHERNET);
    return 0;
}
