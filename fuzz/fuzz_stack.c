/* SPDX-License-Identifier: MIT
 * Any bytes, split and described in any way, go into a stack; each packet must be counted exactly
 * once. */
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "weir/stack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t accounted(const struct weir_stats *stats)
{
    uint64_t sum = stats->counter[WEIR_COUNTER_rx_accepted];
    for (unsigned i = 0; i < WEIR_DROP_COUNT; i++)
        sum += stats->drop[i];
    return sum;
}

/* The first bytes say how the device describes the packet, the rest is the packet. */
static struct weir_rx describe(const uint8_t *how, const uint8_t *packet, size_t len)
{
    size_t head = load16(how) <= len ? load16(how) : len;
    size_t middle = (len - head) / 2;
    return (struct weir_rx){
        .head = packet,
        .head_len = (uint32_t)head,
        .len = (uint32_t)len + (how[2] == 0xff),
        .frag = {{packet + head, middle}, {packet + head + middle, len - head - middle}},
        .frag_count = how[2] == 0xfe ? 3 : 2,
        .checksum = how[3] & 3,
        .segmentation = how[4] & 7,
        .segment_size = load16(how + 5),
        .segment_count = how[7],
        .checksum_start = load16(how + 8),
        .checksum_offset = how[10],
    };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { HOW_BYTES = 12 };
    if (size < HOW_BYTES)
        return 0;
    struct weir_config config;
    weir_config_default(&config);
    config.packet_memory_kb = 256; /* little to lay out: a stack is made for every input */
    config.packet_memory_reserve_kb = 64;
    config.neighbours_max = config.neighbours_incomplete_max = 8;
    config.path_mtus_max = config.udp_endpoints_max = 8;
    config.reassemblies_max = config.replies_max = 4;
    size_t bytes = (weir_stack_size(&config) + 63) & ~(size_t)63;
    void *mem = aligned_alloc(64, bytes);
    weir_stack *stack = weir_stack_init(mem, bytes, &config, 0);
    if (stack == NULL)
        abort();
    bool ethernet = (data[11] & 1) != 0;
    struct weir_iface_config iface = {
        .size = sizeof iface,
        .capabilities = (data[11] & 2) != 0 ? WEIR_CAP_ALL : 0,
        .link = ethernet ? WEIR_LINK_ETHERNET : WEIR_LINK_IP,
        .mac = {2, 0, 0, 0, 0, 1},
        .mtu_bytes = 1500,
    };
    if (weir_stack_add_iface(stack, &iface) != 0)
        abort();
    struct weir_rx rx = describe(data, data + HOW_BYTES, size - HOW_BYTES);
    weir_stack_input(stack, 0, &rx, 1, 1);
    struct weir_stats stats;
    if (weir_stack_stats(stack, WEIR_IFINDEX_ALL, &stats) != WEIR_OK ||
        stats.counter[WEIR_COUNTER_rx_packets] != 1 || accounted(&stats) != 1)
        abort();
    free(mem);
    return 0;
}
