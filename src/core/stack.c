/* SPDX-License-Identifier: MIT
 * The stack instance: the one conductor. Packets come in by weir_stack_input(), get one verdict
 * each and are counted under it; the interfaces and all tables lie in the memory that the caller
 * gave. */
#include "weir/stack.h"

#include "base/check.h"
#include "base/mem.h"
#include "core/events.h"
#include "core/verdict.h"

enum { STACK_ALIGNMENT = 64 /* a cache line */ };

struct iface {
    struct weir_iface_config config;
    struct weir_stats stats;
};

struct weir_stack {
    struct weir_config config;
    weir_time now; /* the latest time any call has brought */
    struct event_queue events;
    unsigned iface_count;
    struct iface iface[]; /* config.interfaces_max of them */
};

size_t weir_stack_size(const struct weir_config *config)
{
    if (weir_config_check(config, NULL, 0) != WEIR_OK)
        return 0;
    return sizeof(struct weir_stack) + config->interfaces_max * sizeof(struct iface);
}

weir_stack *weir_stack_init(void *mem, size_t size, const struct weir_config *config, weir_time now)
{
    size_t needed = weir_stack_size(config);
    if (mem == NULL || (uintptr_t)mem % STACK_ALIGNMENT != 0 || needed == 0 || size < needed)
        return NULL;
    weir_stack *stack = mem;
    memset(stack, 0, needed);
    stack->config = *config;
    stack->now = now;
    return stack;
}

/* Time as the stack knows it: it never goes back, whatever the caller's clock does. */
static void observe_time(weir_stack *stack, weir_time now)
{
    if (now > stack->now)
        stack->now = now;
}

static bool iface_config_valid(const struct weir_iface_config *config)
{
    if (config == NULL || config->size != sizeof *config || config->reserved != 0)
        return false;
    if ((config->capabilities & ~(uint32_t)WEIR_CAP_ALL) != 0)
        return false;
    if (config->mtu_bytes < 68 || config->mtu_bytes > 65535 || config->segmented_bytes_max > 65535)
        return false;
    if (config->link == WEIR_LINK_ETHERNET) {
        static const uint8_t zero[6];
        return (config->mac[0] & 1) == 0 && memcmp(config->mac, zero, sizeof zero) != 0;
    }
    return config->link == WEIR_LINK_IP;
}

int weir_stack_add_iface(weir_stack *stack, const struct weir_iface_config *config)
{
    if (!iface_config_valid(config))
        return WEIR_E_INVALID;
    if (stack->iface_count == stack->config.interfaces_max)
        return WEIR_E_EXHAUSTED;
    stack->iface[stack->iface_count].config = *config;
    return (int)stack->iface_count++;
}

static void tap(const weir_stack *stack, const struct weir_tap_packet *packet)
{
    if (stack->config.tap.fn != NULL)
        stack->config.tap.fn(stack->config.tap.ctx, packet);
}

static void input_one(weir_stack *stack, unsigned ifindex, const struct weir_rx *packet)
{
    struct iface *iface = &stack->iface[ifindex];
    enum weir_drop drop = verdict(&iface->config, packet);
    iface->stats.counter[WEIR_COUNTER_rx_packets]++;
    iface->stats.counter[WEIR_COUNTER_rx_bytes] += packet->len;
    iface->stats.counter[WEIR_COUNTER_rx_coalesced] += packet->segmentation != WEIR_SEGMENT_NONE;
    if (drop == WEIR_DROP_NONE)
        iface->stats.counter[WEIR_COUNTER_rx_accepted]++;
    else
        iface->stats.drop[drop]++;
    tap(stack, &(struct weir_tap_packet){
                   .time = stack->now, .ifindex = ifindex, .drop = drop, .rx = packet});
}

void weir_stack_input(weir_stack *stack, unsigned ifindex, const struct weir_rx *packets,
                      unsigned n, weir_time now)
{
    CHECK(&stack->config.on_assert, ifindex < stack->iface_count);
    observe_time(stack, now);
    for (unsigned i = 0; i < n; i++)
        input_one(stack, ifindex, &packets[i]);
}

unsigned weir_stack_output(weir_stack *stack, unsigned ifindex, struct weir_tx *packets,
                           unsigned max, weir_time now)
{
    CHECK(&stack->config.on_assert, ifindex < stack->iface_count);
    CHECK(&stack->config.on_assert, packets != NULL || max == 0);
    observe_time(stack, now);
    return 0; /* no protocol of this stack has anything to send yet */
}

void weir_stack_advance(weir_stack *stack, weir_time now)
{
    observe_time(stack, now);
}

weir_time weir_stack_deadline(const weir_stack *stack)
{
    (void)stack;
    return WEIR_TIME_NEVER; /* no protocol of this stack has a timer yet */
}

unsigned weir_stack_events(weir_stack *stack, struct weir_event *events, unsigned max)
{
    CHECK(&stack->config.on_assert, events != NULL || max == 0);
    return event_read(&stack->events, events, max);
}

static void stats_add(struct weir_stats *sum, const struct weir_stats *more)
{
    for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++)
        sum->counter[i] += more->counter[i];
    for (unsigned i = 0; i < WEIR_DROP_COUNT; i++)
        sum->drop[i] += more->drop[i];
}

int weir_stack_stats(const weir_stack *stack, unsigned ifindex, struct weir_stats *stats)
{
    if (ifindex != WEIR_IFINDEX_ALL && ifindex >= stack->iface_count)
        return WEIR_E_NOT_FOUND;
    memset(stats, 0, sizeof *stats);
    for (unsigned i = 0; i < stack->iface_count; i++)
        if (ifindex == WEIR_IFINDEX_ALL || ifindex == i)
            stats_add(stats, &stack->iface[i].stats);
    return WEIR_OK;
}
