/* SPDX-License-Identifier: MIT
 * Any frame: a header that is accepted comes back from emit byte for byte; it can be printed. */
#include "base/mem.h"
#include "wire/eth.h"
#include "wire/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eth h;
    uint8_t out[ETH_HEADER_MAX];
    if (eth_parse(&h, data, size) == WEIR_DROP_NONE) {
        size_t n = eth_emit(out, sizeof out, &h);
        if (n != eth_header_len(&h) || n > size || memcmp(out, data, n) != 0)
            __builtin_trap();
    }
    for (unsigned style = PRINT_MODERN; style <= PRINT_CLASSIC; style++) {
        char buf[256];
        struct text t = text_begin(buf, sizeof buf);
        struct print_options o = {.style = (enum print_style)style};
        print_packet(&t, &o, data, size, size + style, WEIR_LINK_ETHERNET);
        if (t.len == 0)
            __builtin_trap();
    }
    return 0;
}
