/* SPDX-License-Identifier: MIT
 * The stack instance: the one conductor between the network and the transports. Packets come in by
 * weir_stack_input(), get one verdict each and are counted under it; what there is to send waits for
 * weir_stack_output(). */
#include "core/stack.h"

#include "base/layout.h"

enum {
    STACK_ALIGNMENT = 64, /* a cache line */
    KB = 1024,
    STACK_KEY_UDP = 1000, /* of sip_derive(); those of net count from 1 */
    STACK_KEY_TCP = 1001
};

static struct blocks_config blocks_config(const struct weir_config *config)
{
    uint64_t superblocks = (uint64_t)config->packet_memory_kb * KB / BLOCKS_SUPERBLOCK_BYTES;
    uint64_t urgent = (uint64_t)config->packet_memory_reserve_kb * KB / BLOCKS_SUPERBLOCK_BYTES;
    return (struct blocks_config){
        .superblocks = (uint32_t)superblocks,
        .urgent_superblocks = (uint32_t)urgent,
        .promised_bytes_max = superblocks * BLOCKS_SUPERBLOCK_BYTES / 100 *
                              config->packet_memory_overcommit_percent,
    };
}

size_t weir_stack_size(const struct weir_config *config)
{
    if (weir_config_check(config, NULL, 0) != WEIR_OK)
        return 0;
    struct blocks_config blocks = blocks_config(config);
    size_t packets = blocks_size(&blocks);
    size_t udp = udp_size(config), tcp = tcp_size(config);
    if (packets == 0 || udp == 0 || tcp == 0)
        return 0;
    return layout_size((uint64_t)sizeof(struct weir_stack) + packets + net_size(config) + udp + tcp);
}

/* Key material as SipHash takes it: little-endian on every machine. */
static uint64_t key_word(const uint8_t *p)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* The key of everything in this stack: its whole secret and its seed. */
static struct sip_key stack_key(const struct weir_config *config)
{
    struct sip_key first = {key_word(config->secret), key_word(config->secret + 8)};
    uint8_t rest[24];
    memcpy(rest, config->secret + 16, 16);
    store64(rest + 16, config->seed);
    uint64_t k0 = siphash24(&first, rest, sizeof rest);
    rest[23] ^= 1;
    return (struct sip_key){k0, siphash24(&first, rest, sizeof rest)};
}

weir_stack *weir_stack_init(void *mem, size_t size, const struct weir_config *config, weir_time now)
{
    size_t needed = weir_stack_size(config);
    if (mem == NULL || (uintptr_t)mem % STACK_ALIGNMENT != 0 || needed == 0 || size < needed)
        return NULL;
    weir_stack *stack = mem;
    uint8_t *at = (uint8_t *)mem + sizeof *stack;
    memset(stack, 0, sizeof *stack);
    stack->config = *config;
    RECORD(stack, STACK_INIT, .config = config, .now = now);
    stack->now = now;
    stack->ops = csum_best();
    wheel_init(&stack->wheel, &stack->config.on_assert, now);
    struct blocks_config blocks = blocks_config(config);
    blocks.handler = &stack->config.on_assert;
    blocks_init(&stack->blocks, &blocks, at);
    at += blocks_size(&blocks);
    struct sip_key key = stack_key(config);
    net_init(&stack->net,
             &(struct net_config){.config = &stack->config,
                                  .handler = &stack->config.on_assert,
                                  .wheel = &stack->wheel,
                                  .blocks = &stack->blocks,
                                  .ops = stack->ops,
                                  .key = &key},
             at);
    at += net_size(config);
    udp_init(&stack->udp,
             &(struct udp_room_config){.net = &stack->net,
                                       .blocks = &stack->blocks,
                                       .ops = stack->ops,
                                       .events = &stack->events,
                                       .handler = &stack->config.on_assert,
                                       .key = sip_derive(&key, STACK_KEY_UDP),
                                       .config = &stack->config},
             at);
    at += udp_size(config);
    tcp_init(&stack->tcp,
             &(struct tcp_room_config){.net = &stack->net,
                                       .blocks = &stack->blocks,
                                       .wheel = &stack->wheel,
                                       .events = &stack->events,
                                       .ops = stack->ops,
                                       .handler = &stack->config.on_assert,
                                       .key = sip_derive(&key, STACK_KEY_TCP),
                                       .config = &stack->config,
                                       .now = now},
             at);
    tcp_begin(&stack->tcp, now);
    RECORD_DONE(stack, STACK_INIT, .result = 1);
    return stack;
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
        struct eth_addr mac;
        memcpy(mac.b, config->mac, sizeof mac.b);
        return eth_addr_is_station(mac);
    }
    return config->link == WEIR_LINK_IP;
}

static int add_iface(weir_stack *stack, const struct weir_iface_config *config)
{
    if (!iface_config_valid(config))
        return WEIR_E_INVALID;
    if (stack->net.iface_count == stack->config.interfaces_max)
        return WEIR_E_EXHAUSTED;
    net_add_iface(&stack->net, config, stack->now);
    return (int)stack->net.iface_count - 1;
}

int weir_stack_add_iface(weir_stack *stack, const struct weir_iface_config *config)
{
    RECORD(stack, STACK_ADD_IFACE, .iface = config);
    return recorded(stack, WEIR_CALL_STACK_ADD_IFACE, add_iface(stack, config));
}

/* Every call that brings time begins here. Time never goes back, whatever the caller's clock does; what
 * the last output referred to is given back. */
static void begin(weir_stack *stack, weir_time now)
{
    if (now > stack->now)
        stack->now = now;
    net_begin(&stack->net);
    udp_begin(&stack->udp);
    tcp_begin(&stack->tcp, stack->now);
}

/* Whoever waited for a neighbour that answered, or did not, goes on. */
static void wake(weir_stack *stack)
{
    enum neighbour_answer verdict;
    struct neighbour_waiter *waiter;
    if (!neighbour_has_woken(&stack->net.neighbours))
        return;
    while ((waiter = net_woken(&stack->net, &verdict)) != NULL) {
        if (waiter->kind == NET_WAITER_UDP)
            udp_woken(&stack->udp, waiter, verdict);
        else
            tcp_woken(&stack->tcp, waiter, verdict, stack->now);
    }
}

static void tap_rx(const weir_stack *stack, unsigned ifindex, const struct weir_rx *rx,
                   enum weir_drop drop)
{
    if (stack->config.tap.fn == NULL)
        return;
    struct weir_tap_packet packet = {
        .time = stack->now, .ifindex = ifindex, .drop = drop, .rx = rx};
    stack->config.tap.fn(stack->config.tap.ctx, &packet);
}

static enum weir_drop to_transport(weir_stack *stack, struct net_in *in)
{
    struct net_rx *rx = &in->rx;
    enum weir_drop drop = rx->protocol == IP_PROTOCOL_TCP
                              ? tcp_input(&stack->tcp, rx, stack->now)
                              : udp_input(&stack->udp, rx, stack->now);
    if (drop == WEIR_DROP_UDP_PORT) { /* nobody listens: say so (RFC 1122 4.1.3.1) */
        uint8_t code = addr_is_ip4(rx->source) ? ICMP4_PORT_UNREACHABLE : ICMP6_PORT_UNREACHABLE;
        struct net_answer answer = {.kind = ICMP_UNREACHABLE, .code = code};
        net_answer(&stack->net, rx, &answer, stack->now);
    }
    net_rx_done(&stack->net, rx);
    return drop;
}

static void input_one(weir_stack *stack, unsigned ifindex, const struct weir_rx *packet,
                      struct net_in *in)
{
    struct weir_stats *stats = &stack->net.iface[ifindex].stats;
    enum weir_drop drop = WEIR_DROP_NONE;
    switch (net_input(&stack->net, ifindex, packet, stack->now, in)) {
    case NET_DROPPED:
        drop = in->drop;
        break;
    case NET_DELIVER:
        drop = to_transport(stack, in);
        break;
    case NET_ERROR:
        drop = in->error.quote.protocol == IP_PROTOCOL_TCP
                   ? tcp_error(&stack->tcp, &in->error, stack->now)
                   : udp_error(&stack->udp, &in->error, stack->now);
        net_rx_done(&stack->net, &in->rx);
        break;
    case NET_DONE:
        break;
    }
    stats->counter[WEIR_COUNTER_rx_packets]++;
    stats->counter[WEIR_COUNTER_rx_bytes] += packet->len;
    stats->counter[WEIR_COUNTER_rx_coalesced] += packet->segmentation != WEIR_SEGMENT_NONE;
    if (drop == WEIR_DROP_NONE)
        stats->counter[WEIR_COUNTER_rx_accepted]++;
    else
        stats->drop[drop]++;
    tap_rx(stack, ifindex, packet, drop);
}

void weir_stack_input(weir_stack *stack, unsigned ifindex, const struct weir_rx *packets,
                      unsigned n, weir_time now)
{
    RECORD(stack, STACK_INPUT, .ifindex = ifindex, .rx = packets, .count = n, .now = now);
    CHECK(&stack->config.on_assert, ifindex < stack->net.iface_count);
    struct net_in in; /* one for all, each packet sets what it uses */
    begin(stack, now);
    for (unsigned i = 0; i < n; i++)
        input_one(stack, ifindex, &packets[i], &in);
    wake(stack);
    RECORD_DONE(stack, STACK_INPUT, .result = 0);
}

static unsigned transport_output(weir_stack *stack, bool udp, unsigned ifindex, struct weir_tx *tx,
                                 unsigned max)
{
    if (!(udp ? udp_has_output(&stack->udp, ifindex) : tcp_has_output(&stack->tcp, ifindex)))
        return 0;
    return udp ? udp_output(&stack->udp, ifindex, tx, max, stack->now)
               : tcp_output(&stack->tcp, ifindex, tx, max, stack->now);
}

/* Half the packets for each transport, or all for the one that has something to send; they begin in
 * turn, so that neither starves however few packets there are. */
static unsigned transports_output(weir_stack *stack, unsigned ifindex, struct weir_tx *tx,
                                  unsigned max)
{
    bool first = stack->udp_first, both = udp_has_output(&stack->udp, ifindex) &&
                                          tcp_has_output(&stack->tcp, ifindex);
    stack->udp_first = !first;
    unsigned n = transport_output(stack, first, ifindex, tx, both ? (max + 1) / 2 : max);
    n += transport_output(stack, !first, ifindex, tx + n, max - n);
    if (both && n < max)
        n += transport_output(stack, first, ifindex, tx + n, max - n);
    return n;
}

static void count_tx(weir_stack *stack, unsigned ifindex, const struct weir_tx *packets, unsigned n)
{
    uint64_t bytes = 0, segmented = 0;
    for (unsigned i = 0; i < n; i++) {
        bytes += packets[i].len;
        segmented += packets[i].segmentation != WEIR_SEGMENT_NONE;
    }
    struct weir_stats *stats = &stack->net.iface[ifindex].stats;
    stats->counter[WEIR_COUNTER_tx_packets] += n;
    stats->counter[WEIR_COUNTER_tx_bytes] += bytes;
    stats->counter[WEIR_COUNTER_tx_segmented] += segmented;
    for (unsigned i = 0; i < n && stack->config.tap.fn != NULL; i++) {
        struct weir_tap_packet packet = {
            .time = stack->now, .ifindex = ifindex, .tx = &packets[i]};
        stack->config.tap.fn(stack->config.tap.ctx, &packet);
    }
}

unsigned weir_stack_output(weir_stack *stack, unsigned ifindex, struct weir_tx *packets,
                           unsigned max, weir_time now)
{
    RECORD(stack, STACK_OUTPUT, .ifindex = ifindex, .number = {max}, .now = now);
    CHECK(&stack->config.on_assert, ifindex < stack->net.iface_count);
    CHECK(&stack->config.on_assert, packets != NULL || max == 0);
    begin(stack, now);
    unsigned n = 0;
    if (net_has_output(&stack->net, ifindex))
        n = net_output(&stack->net, ifindex, packets, max, stack->now);
    n += transports_output(stack, ifindex, packets + n, max - n);
    if (n < max && net_has_output(&stack->net, ifindex)) /* the neighbours that those have to find */
        n += net_output(&stack->net, ifindex, packets + n, max - n, stack->now);
    wake(stack); /* a waiter may have had to give way to another */
    if (n > 0)
        count_tx(stack, ifindex, packets, n);
    RECORD_DONE(stack, STACK_OUTPUT, .tx = packets, .count = n, .result = n);
    return n;
}

void weir_stack_advance(weir_stack *stack, weir_time now)
{
    RECORD(stack, STACK_ADVANCE, .now = now);
    begin(stack, now);
    unsigned budget = stack->config.advance_steps_max;
    struct wheel_node *node;
    while ((node = wheel_pop(&stack->wheel, stack->now, &budget)) != NULL) {
        struct net_timer *timer = (struct net_timer *)node; /* the node is its first member */
        bool known = tcp_expire(&stack->tcp, timer, stack->now) ||
                     net_expire(&stack->net, timer, stack->now);
        CHECK(&stack->config.on_assert, known);
    }
    wake(stack);
    RECORD_DONE(stack, STACK_ADVANCE, .result = 0);
}

weir_time weir_stack_deadline(const weir_stack *stack)
{
    return wheel_deadline(&stack->wheel);
}

unsigned weir_stack_events(weir_stack *stack, struct weir_event *events, unsigned max)
{
    RECORD(stack, STACK_EVENTS, .number = {max});
    CHECK(&stack->config.on_assert, events != NULL || max == 0);
    unsigned n = event_read(&stack->events, events, max);
    for (unsigned i = 0; i < n; i++) {
        if ((events[i].bits & WEIR_EVENT_CLOSED) == 0)
            continue;
        if (udp_owns(events[i].handle))
            udp_closed_read(&stack->udp, events[i].handle);
        else
            tcp_closed_read(&stack->tcp, events[i].handle);
    }
    RECORD_DONE(stack, STACK_EVENTS, .events = events, .count = n, .result = n);
    return n;
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
    if (ifindex != WEIR_IFINDEX_ALL && ifindex >= stack->net.iface_count)
        return WEIR_E_NOT_FOUND;
    memset(stats, 0, sizeof *stats);
    for (unsigned i = 0; i < stack->net.iface_count; i++)
        if (ifindex == WEIR_IFINDEX_ALL || ifindex == i)
            stats_add(stats, &stack->net.iface[i].stats);
    return WEIR_OK;
}
