/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "../breach.h"

enum { STEPS_MAX = 1000000 };

/* ---- addresses ---- */

struct weir_addr peer4(unsigned ifindex, unsigned host)
{
    uint8_t net = ifindex == ETHER ? 0 : 1;
    return addr_from_ip4((struct ip4_addr){{10, net, (uint8_t)(host >> 8), (uint8_t)host}});
}

struct weir_addr peer6(unsigned ifindex, unsigned host)
{
    struct weir_addr a = {{0x20, 0x01, 0x0d, 0xb8}};
    a.bytes[7] = (uint8_t)ifindex;
    store32(a.bytes + 12, host);
    return a;
}

struct weir_addr own4(unsigned ifindex)
{
    return peer4(ifindex, 1);
}

struct weir_addr own6(unsigned ifindex)
{
    return peer6(ifindex, 1);
}

struct weir_addr stranger4(uint32_t number)
{
    struct weir_addr a = addr_from_ip4((struct ip4_addr){{0}});
    store32(a.bytes + 12, 0x14000000U + number % 0x40000000U);
    return a;
}

struct weir_addr stranger6(uint32_t number)
{
    struct weir_addr a = {{0x20, 0x02}};
    store32(a.bytes + 2, number);
    a.bytes[15] = 1;
    return a;
}

struct eth_addr peer_mac(unsigned host)
{
    return (struct eth_addr){{2, 0, 0, 0, (uint8_t)(host >> 8), (uint8_t)host}};
}

struct eth_addr own_mac(void)
{
    return peer_mac(1);
}

/* ---- what comes out ---- */

static void forget_outputs(struct attack *a)
{
    for (unsigned i = 0; i < a->out_count; i++)
        free(a->out[i].bytes);
    a->out_count = 0;
}

/* A packet of the stack: as long as it says, sound, not too long for its link. */
static void take_output(struct attack *a, unsigned ifindex, const struct weir_tx *tx)
{
    assert_true(a->out_count < ATTACK_OUT_MAX);
    struct attack_out *out = &a->out[a->out_count++];
    *out = (struct attack_out){.bytes = malloc(tx->len), .len = tx->len, .ifindex = ifindex};
    assert_non_null(out->bytes);
    assert_true(tx->header_start + tx->header_len <= WEIR_TX_HEADERS_MAX);
    assert_true(tx->header_len <= tx->len);
    memcpy(out->bytes, tx->headers + tx->header_start, tx->header_len);
    uint32_t at = tx->header_len;
    for (unsigned i = 0; i < tx->frag_count; i++) {
        assert_true(at + tx->frag[i].len <= tx->len);
        memcpy(out->bytes + at, tx->frag[i].data, tx->frag[i].len);
        at += (uint32_t)tx->frag[i].len;
    }
    assert_int_equal(at, tx->len);
    assert_true(at <= 1500 + (ifindex == ETHER ? 14 : 0));
    unsigned link = ifindex == ETHER ? WEIR_LINK_ETHERNET : WEIR_LINK_IP;
    bool arp = ifindex == ETHER && load16(out->bytes + 12) == ETH_TYPE_ARP;
    assert_true(arp || build_is_sound(out->bytes, out->len, link));
    a->out_total++;
}

static void collect(struct attack *a)
{
    for (unsigned ifindex = 0; ifindex < INTERFACES; ifindex++) {
        struct weir_tx tx;
        memset(&tx, 0xa5, sizeof tx);
        while (weir_stack_output(a->stack, ifindex, &tx, 1, a->now) == 1)
            take_output(a, ifindex, &tx);
    }
}

/* ---- the stack ---- */

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

struct weir_config attack_config(void)
{
    struct weir_config config;
    weir_config_default(&config);
    config.on_assert.fn = on_assert;
    config.seed = 1;
    memset(config.secret, 7, sizeof config.secret);
    return config;
}

static void add_interface(struct attack *a, unsigned ifindex)
{
    struct weir_iface_config config = {.size = sizeof config, .mtu_bytes = 1500};
    config.link = ifindex == ETHER ? WEIR_LINK_ETHERNET : WEIR_LINK_IP;
    if (ifindex == ETHER)
        memcpy(config.mac, own_mac().b, sizeof config.mac);
    assert_int_equal(weir_stack_add_iface(a->stack, &config), ifindex);
    struct weir_addr ip4 = own4(ifindex), ip6 = own6(ifindex);
    assert_int_equal(weir_stack_add_address(a->stack, ifindex, &ip4, 16), WEIR_OK);
    assert_int_equal(weir_stack_add_address(a->stack, ifindex, &ip6, 64), WEIR_OK);
}

static void add_static(struct attack *a, struct weir_addr addr, unsigned host)
{
    struct neighbour_key key = {.addr = addr, .ifindex = ETHER};
    assert_int_equal(neighbour_add_static(&a->stack->net.neighbours, &key, peer_mac(host)),
                     WEIR_OK);
}

static void add_gateway(struct attack *a)
{
    struct weir_addr all4 = addr_from_ip4((struct ip4_addr){{0}}), all6 = {{0}};
    struct weir_addr gateway4 = peer4(ETHER, 254), gateway6 = peer6(ETHER, 254);
    assert_int_equal(weir_stack_add_route(a->stack, ETHER, &all4, 0, &gateway4), WEIR_OK);
    assert_int_equal(weir_stack_add_route(a->stack, ETHER, &all6, 0, &gateway6), WEIR_OK);
    add_static(a, gateway4, 254);
    add_static(a, gateway6, 254);
    add_static(a, peer4(ETHER, 2), 2);
    add_static(a, peer6(ETHER, 2), 2);
}

static struct attack_baseline holdings(const struct attack *a)
{
    const struct net *net = &a->stack->net;
    const struct tcp_room *tcp = &a->stack->tcp;
    return (struct attack_baseline){
        .block_bytes = a->stack->blocks.bytes_in_use,
        .replies = net->replies.in_use,
        .reassemblies = net->reassemblies.in_use,
        .neighbours = net->neighbours.pool.in_use,
        .neighbours_incomplete = net->neighbours.incomplete,
        .addresses = net->addresses.pool.in_use,
        .routes = net->routes.pool.in_use,
        .path_mtus = net->pmtus.map.count,
        .connections = tcp->conns.in_use,
        .handshakes = tcp->syns.in_use,
        .waits = tcp->waits.in_use,
        .flights = tcp->flights.in_use,
        .holes = tcp->holes.in_use,
        .timers = a->stack->wheel.armed,
    };
}

struct attack *attack_begin(const struct weir_config *config, uint8_t fill)
{
    struct attack *a = calloc(1, sizeof *a);
    assert_non_null(a);
    a->config = config != NULL ? *config : attack_config();
    a->now = 1000 * S;
    a->to = own_mac();
    a->answers_max = 1;
    size_t size = (weir_stack_size(&a->config) + 63) & ~(size_t)63;
    a->mem = aligned_alloc(64, size);
    assert_non_null(a->mem);
    /* All but the packet memory, which is large and lies first behind the stack itself. */
    memset(a->mem, fill, size < 1 << 21 ? size : 1 << 21);
    memset((uint8_t *)a->mem + (size < 1 << 21 ? 0 : size - (1 << 21)), fill,
           size < 1 << 21 ? size : 1 << 21);
    a->stack = weir_stack_init(a->mem, size, &a->config, a->now);
    assert_non_null(a->stack);
    for (unsigned i = 0; i < INTERFACES; i++)
        add_interface(a, i);
    add_gateway(a);
    attack_pass(a, 10 * S);
    forget_outputs(a);
    a->out_total = 0;
    a->baseline = holdings(a);
    return a;
}

/* G-6 over the whole life of an interface. */
static void assert_accounted(const struct attack *a, unsigned ifindex)
{
    struct weir_stats stats;
    assert_int_equal(weir_stack_stats(a->stack, ifindex, &stats), WEIR_OK);
    uint64_t sum = stats.counter[WEIR_COUNTER_rx_accepted];
    for (unsigned i = 0; i < WEIR_DROP_COUNT; i++)
        sum += stats.drop[i];
    assert_int_equal(stats.counter[WEIR_COUNTER_rx_packets], sum);
    assert_int_equal(sum, a->received[ifindex]);
    assert_int_equal(stats.drop[WEIR_DROP_NONE], 0);
}

void attack_assert_idle(const struct attack *a)
{
    const struct net *net = &a->stack->net;
    struct attack_baseline now = holdings(a), was = a->baseline;
    assert_int_equal(now.block_bytes, was.block_bytes);
    assert_int_equal(now.replies, was.replies);
    assert_int_equal(now.reassemblies, was.reassemblies);
    assert_int_equal(now.neighbours, was.neighbours);
    assert_int_equal(now.neighbours_incomplete, was.neighbours_incomplete);
    assert_int_equal(now.addresses, was.addresses);
    assert_int_equal(now.routes, was.routes);
    assert_int_equal(now.path_mtus, was.path_mtus);
    assert_int_equal(now.connections, was.connections);
    assert_int_equal(now.handshakes, was.handshakes);
    assert_int_equal(now.waits, was.waits);
    assert_int_equal(now.flights, was.flights);
    assert_int_equal(now.holes, was.holes);
    assert_int_equal(a->stack->blocks.promised_bytes, 0);
    assert_true(tcp_invariants(&a->stack->tcp));
    assert_true(blocks_invariants(&a->stack->blocks));
    assert_true(pmtus_invariants(&net->pmtus));
    assert_true(addresses_invariants(&net->addresses));
    assert_true(routes_invariants(&net->routes));
    if (net->reassemblies.config.reassemblies_max <= 128)
        assert_true(reassemblies_invariants(&net->reassemblies));
}

void attack_end(struct attack *a)
{
    attack_pass(a, 600 * S);
    attack_pass(a, 0);
    assert_int_equal(a->out_count, 0);
    a->baseline.path_mtus = a->stack->net.pmtus.map.count; /* a cache that needs no timers */
    attack_assert_idle(a);
    assert_int_equal(a->stack->wheel.armed, a->baseline.timers);
    for (unsigned i = 0; i < INTERFACES; i++)
        assert_accounted(a, i);
    forget_outputs(a);
    free(a->mem);
    free(a);
}

void attack_pass(struct attack *a, weir_time ns)
{
    weir_time end = a->now + ns;
    forget_outputs(a);
    for (unsigned steps = 0; weir_stack_deadline(a->stack) <= end; steps++) {
        assert_true(steps < STEPS_MAX);
        weir_time deadline = weir_stack_deadline(a->stack);
        a->now = deadline > a->now ? deadline : a->now;
        weir_stack_advance(a->stack, a->now);
        if (a->out_count > ATTACK_OUT_MAX / 2) /* in a long pass only the last count */
            forget_outputs(a);
        collect(a);
    }
    a->now = end;
    collect(a);
}

/* ---- what goes in ---- */

unsigned attack_rx(struct attack *a, unsigned ifindex, const struct weir_rx *rx)
{
    const struct weir_stats *stats = &a->stack->net.iface[ifindex].stats;
    struct weir_stats before = *stats;
    forget_outputs(a);
    weir_stack_input(a->stack, ifindex, rx, 1, a->now);
    a->received[ifindex]++;
    unsigned reason = WEIR_DROP_NONE;
    uint64_t counted =
        stats->counter[WEIR_COUNTER_rx_accepted] - before.counter[WEIR_COUNTER_rx_accepted];
    for (unsigned i = 0; i < WEIR_DROP_COUNT; i++) {
        if (stats->drop[i] != before.drop[i])
            reason = i;
        counted += stats->drop[i] - before.drop[i];
    }
    assert_int_equal(counted, 1);
    assert_int_equal(stats->counter[WEIR_COUNTER_rx_packets],
                     before.counter[WEIR_COUNTER_rx_packets] + 1);
    collect(a);
    assert_true(a->out_count <= a->answers_max);
    a->unanswered_bytes += rx->len; /* of the fragments of a datagram, all count */
    if (a->answers_max == 1 && a->out_count == 1)
        assert_true(a->out[0].len <= a->unanswered_bytes + 60);
    bool kept = reason == WEIR_DROP_NONE || reason == WEIR_DROP_REASSEMBLY_DUPLICATE;
    if (!kept || a->out_count > 0)
        a->unanswered_bytes = 0;
    return reason;
}

unsigned attack_frame(struct attack *a, unsigned ifindex, const uint8_t *frame, size_t len)
{
    uint8_t *exact = malloc(len + 1); /* no allocation of nothing */
    assert_non_null(exact);
    if (len > 0)
        memcpy(exact + 1, frame, len);
    struct weir_rx rx = {.head = exact + 1, .head_len = (uint32_t)len, .len = (uint32_t)len};
    unsigned reason = attack_rx(a, ifindex, &rx);
    free(exact);
    return reason;
}

unsigned attack_ip(struct attack *a, const uint8_t *packet, size_t len)
{
    if (a->ifindex != ETHER)
        return attack_frame(a, a->ifindex, packet, len);
    struct eth eth = {.destination = a->to,
                      .source = peer_mac(2),
                      .type = len > 0 && packet[0] >> 4 == 6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4};
    uint8_t *frame = malloc(ETH_HEADER_MIN + len);
    assert_non_null(frame);
    size_t n = eth_emit(frame, ETH_HEADER_MIN, &eth);
    if (len > 0)
        memcpy(frame + n, packet, len);
    unsigned reason = attack_frame(a, ETHER, frame, n + len);
    free(frame);
    return reason;
}

void attack_assert_serving(struct attack *a)
{
    uint8_t p[128];
    struct eth_addr to = a->to;
    a->to = own_mac();
    for (unsigned family = 0; family < 2; family++) {
        size_t len = family == 0 ? put_echo(p, peer4(a->ifindex, 2), own4(a->ifindex), 40)
                                 : put_echo(p, peer6(a->ifindex, 2), own6(a->ifindex), 40);
        assert_answered(a, p, len);
        struct out_icmp reply = out_icmp(a, 0);
        assert_int_equal(reply.icmp.kind, ICMP_ECHO_REPLY);
        assert_int_equal(reply.data.len, 40);
    }
    a->to = to;
}

struct weir_ref out_ip(const struct attack *a, unsigned i)
{
    assert_true(i < a->out_count);
    size_t link = a->out[i].ifindex == ETHER ? ETH_HEADER_MIN : 0;
    assert_true(a->out[i].len >= link + IP4_HEADER_MIN);
    return (struct weir_ref){a->out[i].bytes + link, a->out[i].len - link};
}

struct out_icmp out_icmp(const struct attack *a, unsigned i)
{
    struct weir_ref packet = out_ip(a, i), message;
    struct out_icmp out = {.hop_limit = 0};
    if (packet.data[0] >> 4 == 4) {
        struct ip4 ip;
        assert_int_equal(ip4_parse(&ip, packet.data, packet.len, packet.len), WEIR_DROP_NONE);
        assert_int_equal(ip.protocol, IP_PROTOCOL_ICMP4);
        assert_int_equal(ip.options_len, 0);
        out.source = addr_from_ip4(ip.source);
        out.destination = addr_from_ip4(ip.destination);
        out.hop_limit = ip.ttl;
        out.traffic_class = (uint8_t)(ip.dscp << 2 | ip.ecn);
        message = (struct weir_ref){packet.data + 20, ip.payload_len};
        assert_int_equal(icmp4_parse(&out.icmp, message.data, message.len, message.len), 0);
    } else {
        struct ip6 ip;
        assert_int_equal(ip6_parse(&ip, packet.data, packet.len, packet.len), WEIR_DROP_NONE);
        assert_int_equal(ip.protocol, IP_PROTOCOL_ICMP6);
        assert_int_equal(ip.upper_at, IP6_HEADER_LEN);
        out.source = addr_from_ip6(ip.source);
        out.destination = addr_from_ip6(ip.destination);
        out.hop_limit = ip.hop_limit;
        out.traffic_class = (uint8_t)(ip.dscp << 2 | ip.ecn);
        message = (struct weir_ref){packet.data + 40, ip.upper_len};
        assert_int_equal(icmp6_parse(&out.icmp, message.data, message.len, message.len), 0);
    }
    out.data = (struct weir_ref){message.data + ICMP_HEADER_LEN, message.len - ICMP_HEADER_LEN};
    return out;
}

/* ---- packets ---- */

size_t put_ip4(uint8_t *p, const struct ip4 *h, const void *payload, size_t len)
{
    struct ip4 header = *h;
    header.payload_len = (uint16_t)len;
    if (header.ttl == 0)
        header.ttl = 64;
    size_t n = ip4_emit(p, IP4_HEADER_MAX, &header);
    assert_true(n > 0);
    if (len > 0)
        memcpy(p + n, payload, len);
    return n + len;
}

size_t put_ip6(uint8_t *p, struct weir_addr source, struct weir_addr destination, uint8_t next,
               const void *payload, size_t len)
{
    struct ip6 h = {.source = ip6_from_addr(source),
                    .destination = ip6_from_addr(destination),
                    .payload_len = (uint16_t)len,
                    .hop_limit = 64,
                    .next_header = next};
    size_t n = ip6_emit(p, IP6_HEADER_LEN, &h);
    if (len > 0)
        memcpy(p + n, payload, len);
    return n + len;
}

void sum_ip4(uint8_t *p)
{
    size_t n = (p[0] & 15U) * 4;
    store16(p + 10, 0);
    be16 sum = csum_finish(csum_header(csum_zero(), p, n));
    memcpy(p + 10, sum.b, 2);
}

void sum_icmp(uint8_t *p, size_t at, size_t len)
{
    struct csum sum = csum_zero();
    if (p[0] >> 4 == 6) {
        struct ip6_addr source, destination;
        memcpy(source.b, p + 8, 16);
        memcpy(destination.b, p + 24, 16);
        sum = ip6_pseudo(source, destination, IP_PROTOCOL_ICMP6, (uint32_t)(len - at));
    }
    store16(p + at + 2, 0);
    be16 field = csum_finish(csum_add(sum, csum_portable.sum(p + at, len - at)));
    memcpy(p + at + 2, field.b, 2);
}

/* Bytes of which each says where it stands. */
static struct weir_ref pattern(size_t len)
{
    static uint8_t bytes[65536];
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 8));
    return (struct weir_ref){bytes, len};
}

size_t put_echo(uint8_t *p, struct weir_addr source, struct weir_addr destination, size_t data_len)
{
    struct build_icmp_echo echo = {.ip = {.source = source, .destination = destination},
                                   .id = 77,
                                   .sequence = 1,
                                   .payload = pattern(data_len)};
    size_t len = build_icmp_echo(p, ATTACK_PACKET_MAX, &echo);
    assert_true(len > 0);
    return len;
}

size_t put_udp(uint8_t *p, struct weir_addr source, struct weir_addr destination, size_t data_len)
{
    struct build_udp udp = {.ip = {.source = source, .destination = destination},
                            .source_port = 4000,
                            .destination_port = 4001,
                            .payload = pattern(data_len)};
    size_t len = build_udp(p, ATTACK_PACKET_MAX, &udp);
    assert_true(len > 0);
    return len;
}

size_t put_tcp(uint8_t *p, struct weir_addr source, struct weir_addr destination, uint16_t flags)
{
    struct build_tcp tcp = {.ip = {.source = source, .destination = destination},
                            .source_port = 4000,
                            .destination_port = 80,
                            .seq = seq_make(1000),
                            .flags = flags,
                            .window = 1000};
    size_t len = build_tcp(p, ATTACK_PACKET_MAX, &tcp);
    assert_true(len > 0);
    return len;
}

size_t put_error(uint8_t *p, const struct attack *a, uint8_t type, uint8_t code, uint32_t mtu,
                 const uint8_t *quoted, size_t len)
{
    struct build_icmp_error error = {
        .type = type, .code = code, .mtu = mtu, .packet = {quoted, len}};
    bool ip4 = quoted[0] >> 4 == 4;
    error.ip.source = ip4 ? peer4(a->ifindex, 2) : peer6(a->ifindex, 2);
    error.ip.destination = ip4 ? own4(a->ifindex) : own6(a->ifindex);
    size_t n = build_icmp_error(p, ATTACK_PACKET_MAX, &error);
    assert_true(n > 0);
    return n;
}

size_t put_nd(uint8_t *p, struct weir_addr source, struct weir_addr destination, const struct nd *m)
{
    uint8_t message[ND_MESSAGE_MAX];
    struct ip6 ip = {.source = ip6_from_addr(source), .destination = ip6_from_addr(destination)};
    size_t len = nd_emit(message, sizeof message, m, &ip);
    assert_true(len > 0);
    size_t n = put_ip6(p, source, destination, IP_PROTOCOL_ICMP6, message, len);
    p[7] = ND_HOP_LIMIT;
    return n;
}

size_t put_arp(uint8_t *frame, struct eth_addr destination, const struct arp *m)
{
    struct eth eth = {.destination = destination, .source = m->sender_mac, .type = ETH_TYPE_ARP};
    size_t n = eth_emit(frame, ETH_FRAME_MIN, &eth);
    n += arp_emit(frame + n, ETH_FRAME_MIN - n, m);
    return eth_pad(frame, ETH_FRAME_MIN, n);
}

size_t put_fragment(uint8_t *p, const uint8_t *packet, const struct cut *cut)
{
    size_t n = cut->to - cut->from;
    if (packet[0] >> 4 == 4) {
        size_t header = (packet[0] & 15U) * 4;
        memcpy(p, packet, header);
        memcpy(p + header, packet + header + cut->from, n);
        store16(p + 2, (uint16_t)(header + n));
        store16(p + 4, (uint16_t)cut->id);
        store16(p + 6, (uint16_t)((cut->more ? IP4_FLAG_MORE_FRAGMENTS : 0) | cut->from / 8));
        sum_ip4(p);
        return header + n;
    }
    struct ip6_fragment f = {
        .id = cut->id, .offset = (uint16_t)cut->from, .more = cut->more, .next_header = packet[6]};
    memcpy(p, packet, IP6_HEADER_LEN);
    p[6] = IP6_NEXT_FRAGMENT;
    store16(p + 4, (uint16_t)(IP6_FRAGMENT_HEADER_LEN + n));
    size_t at = IP6_HEADER_LEN + ip6_fragment_emit(p + IP6_HEADER_LEN, IP6_FRAGMENT_HEADER_LEN, &f);
    memcpy(p + at, packet + IP6_HEADER_LEN + cut->from, n);
    return at + n;
}
