/* SPDX-License-Identifier: MIT
 * What the tests of the datagram room stand on: a host with a network room and a datagram room, and the
 * packets of its peers, made by hand. Interface 0 is bare IP, interface 1 is Ethernet. */
#ifndef WEIR_TESTS_UDP_HOST_H
#define WEIR_TESTS_UDP_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../room.h"
#include "base/rng.h"
#include "udp/udp.h"

#define MS WEIR_NS_PER_MS
#define S  WEIR_NS_PER_S

enum { IP_IFACE = 0, ETH_IFACE = 1, PACKET_MAX = 66000, MTU = 1500 };

struct host {
    struct weir_config config;
    weir_time now;
    struct wheel wheel;
    struct blocks blocks;
    struct event_queue events;
    struct net net;
    struct udp_room udp;
    struct net_in in;
    void *mem[3];
    enum weir_drop drop; /* of the last packet */
};

/* A packet on the wire, from the link header on. */
struct packet {
    size_t len;
    uint8_t data[PACKET_MAX];
};

static const uint8_t host_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};

static inline struct weir_config host_config(void)
{
    struct weir_config config = room_config();
    config.interfaces_max = 2;
    config.udp_endpoints_max = 16;
    config.packet_memory_kb = 2048;
    config.packet_memory_reserve_kb = 64;
    return config;
}

/* Addresses 10.0.0.1/24 and 2001:db8::1/64 on bare IP, 192.168.0.1/24 on Ethernet. */
static inline struct host *host_open_with(const struct weir_config *config, uint64_t seed)
{
    struct host *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->config = *config;
    h->now = 1000 * S;
    struct sip_key key = {seed, ~seed};
    const struct csum_ops *ops = csum_best();
    wheel_init(&h->wheel, &room_handler, h->now);
    struct blocks_config blocks = {.handler = &room_handler,
                                   .superblocks = config->packet_memory_kb / 64,
                                   .urgent_superblocks = config->packet_memory_reserve_kb / 64};
    blocks_init(&h->blocks, &blocks, room_memory(&h->mem[0], blocks_size(&blocks)));
    net_init(&h->net,
             &(struct net_config){.config = &h->config,
                                  .handler = &room_handler,
                                  .wheel = &h->wheel,
                                  .blocks = &h->blocks,
                                  .ops = ops,
                                  .key = &key},
             room_memory(&h->mem[1], net_size(config)));
    udp_init(&h->udp,
             &(struct udp_room_config){.net = &h->net,
                                       .blocks = &h->blocks,
                                       .ops = ops,
                                       .events = &h->events,
                                       .handler = &room_handler,
                                       .key = key,
                                       .config = &h->config},
             room_memory(&h->mem[2], udp_size(config)));
    struct weir_iface_config iface = {.size = sizeof iface,
                                      .capabilities = WEIR_CAP_TRUSTED | WEIR_CAP_RX_CHECKSUM |
                                                      WEIR_CAP_RX_COALESCE,
                                      .link = WEIR_LINK_IP,
                                      .mtu_bytes = MTU};
    net_add_iface(&h->net, &iface, h->now);
    iface.link = WEIR_LINK_ETHERNET;
    memcpy(iface.mac, host_mac, 6);
    net_add_iface(&h->net, &iface, h->now);
    assert_int_equal(net_add_address(&h->net, IP_IFACE, addr("10.0.0.1"), 24, h->now), WEIR_OK);
    assert_int_equal(net_add_address(&h->net, IP_IFACE, addr("2001:db8::1"), 64, h->now), WEIR_OK);
    assert_int_equal(net_add_address(&h->net, ETH_IFACE, addr("192.168.0.1"), 24, h->now),
                     WEIR_OK);
    return h;
}

static inline struct host *host_open(void)
{
    struct weir_config config = host_config();
    return host_open_with(&config, 1);
}

static inline void host_begin(struct host *h)
{
    net_begin(&h->net);
    udp_begin(&h->udp);
}

static inline void host_wake(struct host *h)
{
    enum neighbour_answer verdict;
    struct neighbour_waiter *waiter;
    while ((waiter = net_woken(&h->net, &verdict)) != NULL)
        udp_woken(&h->udp, waiter, verdict);
}

/* Take a packet in as a stack does. Answers its drop reason. */
static inline enum weir_drop host_input(struct host *h, unsigned ifindex,
                                        const struct weir_rx *packet)
{
    host_begin(h);
    h->drop = WEIR_DROP_NONE;
    switch (net_input(&h->net, ifindex, packet, h->now, &h->in)) {
    case NET_DROPPED:
        h->drop = h->in.drop;
        break;
    case NET_DELIVER:
        h->drop = udp_input(&h->udp, &h->in.rx, h->now);
        net_rx_done(&h->net, &h->in.rx);
        break;
    case NET_ERROR:
        h->drop = udp_error(&h->udp, &h->in.error, h->now);
        net_rx_done(&h->net, &h->in.rx);
        break;
    case NET_DONE:
        break;
    }
    host_wake(h);
    assert_true(udp_invariants(&h->udp));
    return h->drop;
}

/* The same, for bytes in memory of their very size: reading past them is seen. */
static inline enum weir_drop host_bytes(struct host *h, unsigned ifindex, const struct packet *p)
{
    uint8_t *copy = malloc(p->len != 0 ? p->len : 1);
    assert_non_null(copy);
    memcpy(copy, p->data, p->len);
    struct weir_rx rx = {.head = copy, .head_len = (uint32_t)p->len, .len = (uint32_t)p->len};
    enum weir_drop drop = host_input(h, ifindex, &rx);
    free(copy);
    return drop;
}

static inline void flatten(const struct weir_tx *tx, struct packet *p)
{
    memcpy(p->data, tx->headers + tx->header_start, tx->header_len);
    p->len = tx->header_len;
    for (unsigned i = 0; i < tx->frag_count; i++) {
        memcpy(p->data + p->len, tx->frag[i].data, tx->frag[i].len);
        p->len += tx->frag[i].len;
    }
    assert_int_equal(p->len, tx->len);
}

/* The next packet of an interface; false when there is none. */
static inline bool host_output(struct host *h, unsigned ifindex, struct packet *p)
{
    struct weir_tx tx;
    host_begin(h);
    unsigned n = net_output(&h->net, ifindex, &tx, 1, h->now);
    if (n == 0)
        n = udp_output(&h->udp, ifindex, &tx, 1, h->now);
    if (n == 0) /* a datagram may have begun to wait for a neighbour, who is to be asked now */
        n = net_output(&h->net, ifindex, &tx, 1, h->now);
    assert_true(udp_invariants(&h->udp));
    if (n == 0) {
        assert_false(udp_has_output(&h->udp, ifindex));
        return false;
    }
    flatten(&tx, p);
    return true;
}

static inline void host_pass(struct host *h, weir_time ns)
{
    unsigned budget = 1000000;
    struct wheel_node *node;
    h->now += ns;
    host_begin(h);
    while ((node = wheel_pop(&h->wheel, h->now, &budget)) != NULL)
        assert_true(net_expire(&h->net, (struct net_timer *)node, h->now));
    host_wake(h);
}

static inline struct udp_endpoint *host_get(struct host *h, weir_handle handle)
{
    struct udp_endpoint *e = udp_get(&h->udp, handle);
    assert_non_null(e);
    return e;
}

/* Read the next event, as a stack does. */
static inline bool host_event(struct host *h, struct weir_event *event)
{
    if (event_read(&h->events, event, 1) == 0)
        return false;
    if ((event->bits & WEIR_EVENT_CLOSED) != 0)
        udp_closed_read(&h->udp, event->handle);
    return true;
}

/* Close all, let go of all: nothing may be left. */
static inline void host_close(struct host *h)
{
    struct weir_event event;
    struct packet *p = malloc(sizeof *p);
    for (uint32_t i = 0; i < h->udp.pool.fresh; i++) {
        struct udp_endpoint *e = pool_at(&h->udp.pool, i);
        if (pool_in_use(&h->udp.pool, i) && !e->closed)
            udp_close(&h->udp, e);
    }
    while (host_event(h, &event))
        assert_true((event.bits & WEIR_EVENT_CLOSED) != 0);
    for (unsigned round = 0; round < 40 && h->udp.pool.in_use > 0; round++) {
        for (unsigned i = 0; i < 2; i++)
            while (host_output(h, i, p))
                ;
        host_pass(h, 1 * S);
    }
    for (unsigned i = 0; i < 2; i++)
        while (host_output(h, i, p))
            ;
    host_pass(h, 200 * S); /* incomplete datagrams */
    for (unsigned i = 0; i < 2; i++)
        while (host_output(h, i, p))
            ;
    host_begin(h);
    assert_int_equal(h->udp.pool.in_use, 0);
    assert_int_equal(h->udp.ports.count, 0);
    assert_int_equal(h->blocks.bytes_in_use, 0);
    assert_true(blocks_invariants(&h->blocks));
    for (unsigned i = 0; i < 3; i++)
        free(h->mem[i]);
    free(p);
    free(h);
}

/* ---- endpoints ---- */

static inline weir_handle open_on(struct host *h, const char *local, uint16_t port)
{
    struct weir_udp_config config = {.size = sizeof config, .port = port};
    weir_handle handle;
    if (local != NULL)
        config.address = addr(local);
    assert_int_equal(udp_open(&h->udp, &config, &handle), WEIR_OK);
    return handle;
}

static inline int send_to(struct host *h, weir_handle handle, const char *remote, uint16_t port,
                          const void *data, size_t len)
{
    struct weir_datagram to = {.remote_port = port};
    if (remote != NULL)
        to.remote = addr(remote);
    return udp_send(&h->udp, host_get(h, handle), &to, (struct weir_ref){data, len}, h->now);
}

/* ---- packets, by the letter of the RFCs ---- */

/* RFC 1071: the sum of 16-bit big-endian words, folded; `sum` goes in. */
static inline uint32_t naive_sum(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum += (uint32_t)p[i] << ((i & 1) != 0 ? 0 : 8);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* The checksum over pseudo-header and transport bytes. */
static inline uint16_t naive_checksum(struct weir_addr from, struct weir_addr to, uint8_t protocol,
                                      const uint8_t *p, size_t n)
{
    bool ip4 = addr_is_ip4(from);
    uint8_t tail[8] = {0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, protocol};
    uint32_t sum = naive_sum(0, from.bytes + (ip4 ? 12 : 0), ip4 ? 4 : 16);
    sum = naive_sum(sum, to.bytes + (ip4 ? 12 : 0), ip4 ? 4 : 16);
    sum = naive_sum(sum, tail, sizeof tail);
    return (uint16_t)~naive_sum(sum, p, n);
}

/* An IP packet around transport bytes that are in place already at the end of the headers. */
static inline void wrap_ip(struct packet *p, struct weir_addr from, struct weir_addr to,
                           uint8_t protocol, size_t transport_len)
{
    if (addr_is_ip4(from)) {
        uint8_t *d = p->data;
        p->len = 20 + transport_len;
        memset(d, 0, 20);
        d[0] = 0x45;
        d[2] = (uint8_t)(p->len >> 8);
        d[3] = (uint8_t)p->len;
        d[8] = 55;
        d[9] = protocol;
        memcpy(d + 12, from.bytes + 12, 4);
        memcpy(d + 16, to.bytes + 12, 4);
        uint16_t sum = (uint16_t)~naive_sum(0, d, 20);
        d[10] = (uint8_t)(sum >> 8);
        d[11] = (uint8_t)sum;
    } else {
        uint8_t *d = p->data;
        p->len = 40 + transport_len;
        memset(d, 0, 8);
        d[0] = 0x60;
        d[4] = (uint8_t)(transport_len >> 8);
        d[5] = (uint8_t)transport_len;
        d[6] = protocol;
        d[7] = 55;
        memcpy(d + 8, from.bytes, 16);
        memcpy(d + 24, to.bytes, 16);
    }
}

static inline size_t ip_len(struct weir_addr a)
{
    return addr_is_ip4(a) ? 20 : 40;
}

/* A UDP datagram; what is wrong with it is for the test to change, before seal(). */
static inline struct packet *udp_packet(const char *from, uint16_t from_port, const char *to,
                                        uint16_t to_port, const void *data, size_t len)
{
    struct packet *p = malloc(sizeof *p);
    struct weir_addr source = addr(from), destination = addr(to);
    uint8_t *d = p->data + ip_len(source);
    size_t n = 8 + len;
    assert_non_null(p);
    const uint8_t header[8] = {(uint8_t)(from_port >> 8), (uint8_t)from_port,
                               (uint8_t)(to_port >> 8),   (uint8_t)to_port,
                               (uint8_t)(n >> 8),         (uint8_t)n};
    memcpy(d, header, 8);
    if (len > 0)
        memcpy(d + 8, data, len);
    uint16_t sum = naive_checksum(source, destination, 17, d, n);
    if (sum == 0)
        sum = 0xffff;
    d[6] = (uint8_t)(sum >> 8);
    d[7] = (uint8_t)sum;
    wrap_ip(p, source, destination, 17, n);
    return p;
}

/* Hand it in and free it. */
static inline enum weir_drop give(struct host *h, unsigned ifindex, struct packet *p)
{
    enum weir_drop drop = host_bytes(h, ifindex, p);
    free(p);
    return drop;
}

/* An Ethernet header in front, to us or to the broadcast address. */
static inline void wrap_eth(struct packet *p, bool broadcast)
{
    memmove(p->data + 14, p->data, p->len);
    memcpy(p->data, host_mac, 6);
    if (broadcast)
        memset(p->data, 0xff, 6);
    memcpy(p->data + 6, peer_mac, 6);
    p->data[12] = (p->data[14] >> 4) == 6 ? 0x86 : 0x08;
    p->data[13] = (p->data[14] >> 4) == 6 ? 0xdd : 0x00;
    p->len += 14;
}

static inline int receive(struct host *h, weir_handle handle, struct weir_datagram *from,
                          void *data, size_t size)
{
    int n = udp_receive(&h->udp, host_get(h, handle), from, data, size);
    assert_true(udp_invariants(&h->udp));
    return n;
}

#endif
