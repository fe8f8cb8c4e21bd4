/* SPDX-License-Identifier: MIT
 * The smallest use of libweir: a stack in memory of one's own, one packet in, the counters out. No
 * device, no clock, no thread: the program is the driver. */
#include <stdio.h>
#include <stdlib.h>

#include "weir/weir.h"

/* An IPv4 header that promises 40 bytes and is followed by none of them. */
static const uint8_t cut_short[20] = {0x45, 0, 0,  40, 0, 0, 0, 0, 64, 6,
                                      0,    0, 10, 0,  0, 1, 10, 0, 0,  2};

static void print_counters(const struct weir_stats *stats)
{
    for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++)
        if (stats->counter[i] != 0)
            printf("%8llu  %s\n", (unsigned long long)stats->counter[i], weir_counter_text(i));
    for (unsigned i = 0; i < WEIR_DROP_COUNT; i++)
        if (stats->drop[i] != 0)
            printf("%8llu  dropped, %s\n", (unsigned long long)stats->drop[i], weir_drop_text(i));
}

int main(void)
{
    struct weir_config config;
    char why[200];
    weir_config_default(&config);
    config.interfaces_max = 1;
    if (weir_config_check(&config, why, sizeof why) != WEIR_OK) {
        fprintf(stderr, "configuration: %s\n", why);
        return 1;
    }

    size_t size = (weir_stack_size(&config) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, size);
    weir_stack *stack = weir_stack_init(memory, size, &config, 0);
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = 1500};
    int ifindex = stack != NULL ? weir_stack_add_iface(stack, &iface) : WEIR_E_MEMORY;
    if (ifindex < 0) {
        fprintf(stderr, "interface: %s\n", weir_strerror(ifindex));
        free(memory);
        return 1;
    }

    struct weir_rx packet = {
        .head = cut_short, .head_len = sizeof cut_short, .len = sizeof cut_short};
    weir_stack_input(stack, (unsigned)ifindex, &packet, 1, 0);

    struct weir_stats stats;
    weir_stack_stats(stack, WEIR_IFINDEX_ALL, &stats);
    printf("weir %s, a stack of %zu bytes\n", weir_version(), size);
    print_counters(&stats);
    free(memory);
    return 0;
}
