/* SPDX-License-Identifier: MIT
 * Steps that the tests of neighbour discovery and of duplicate address detection share. */
#ifndef WEIR_TESTS_NET_ND_STEPS_H
#define WEIR_TESTS_NET_ND_STEPS_H

#include "link_world.h"

enum { OWN = 1, PEER = 2, OTHER = 3, OWN_MAC = 100, PEER_MAC = 7, LINK_MTU = 1500 };

static inline struct world *world_with_iface(bool accept_routers)
{
    struct world *w = world_open(&world_default);
    for (uint32_t i = 0; i < WORLD_INTERFACES; i++) {
        struct nd_iface_config config = {
            .mac = mac_of(OWN_MAC + i), .link_mtu = LINK_MTU, .accept_routers = accept_routers};
        nd_iface_up(&w->nd, i, &config, w->now);
        arp_iface_up(&w->arp, i, config.mac);
    }
    return w;
}

/* A message from a neighbour, as nd_parse() gives it. */
struct message {
    struct nd m;
    struct ip6 ip;
    struct eth_addr source;
};

static inline enum weir_drop input(struct world *w, const struct message *message)
{
    struct nd_rx rx = {.m = &message->m, .ip = &message->ip, .source = message->source};
    return nd_input(&w->nd, &rx, w->now);
}

static inline struct message solicitation(uint32_t target)
{
    return (struct message){.m = {.type = ICMP6_NEIGHBOUR_SOLICITATION,
                                  .target = host6(target),
                                  .has_source_mac = true,
                                  .source_mac = mac_of(PEER_MAC)},
                            .ip = {.source = host6(PEER)},
                            .source = mac_of(PEER_MAC)};
}

/* A probe of duplicate address detection, of another host. */
static inline struct message dad_probe(uint32_t target)
{
    struct message s = solicitation(target);
    s.m.has_source_mac = false;
    s.m.source_mac = (struct eth_addr){{0}};
    s.ip.source = (struct ip6_addr){{0}};
    s.ip.destination = ip6_solicited_node(s.m.target);
    return s;
}

static inline struct message advertisement(uint32_t target, bool solicited, bool override)
{
    return (struct message){.m = {.type = ICMP6_NEIGHBOUR_ADVERTISEMENT,
                                  .target = host6(target),
                                  .solicited = solicited,
                                  .override = override,
                                  .has_target_mac = true,
                                  .target_mac = mac_of(PEER_MAC)},
                            .ip = {.source = host6(target)},
                            .source = mac_of(PEER_MAC)};
}

/* A frame that we sent, taken apart by the parsers, the checksum added up here. */
struct sent {
    struct eth eth;
    struct ip6 ip;
    struct nd m;
};

static inline uint32_t sum16(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
    return sum;
}

static inline struct sent parse_frame(const uint8_t *frame, size_t len)
{
    struct sent s;
    assert_true(len >= ETH_FRAME_MIN && len <= ND_FRAME_MAX); /* never in need of padding */
    assert_int_equal(eth_parse(&s.eth, frame, len), WEIR_DROP_NONE);
    assert_int_equal(s.eth.type, ETH_TYPE_IP6);
    assert_int_equal(ip6_parse(&s.ip, frame + 14, len - 14, len - 14), WEIR_DROP_NONE);
    assert_int_equal(s.ip.hop_limit, 255);
    assert_int_equal(s.ip.protocol, IP_PROTOCOL_ICMP6);
    assert_int_equal(s.ip.payload_len, len - 54);
    uint32_t sum = sum16(0, frame + 22, 32) + s.ip.payload_len + IP_PROTOCOL_ICMP6;
    sum = sum16(sum, frame + 54, len - 54);
    sum = (sum & 0xffff) + (sum >> 16);
    assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
    assert_int_equal(nd_parse(&s.m, frame + 54, len - 54, len - 54, &s.ip), WEIR_DROP_NONE);
    assert_true(eth_addr_eq(s.eth.source, mac_of(OWN_MAC)));
    return s;
}

/* The next frame of nd_output(); there must be one. */
static inline struct sent take(struct world *w)
{
    uint8_t frame[ND_FRAME_MAX];
    memset(frame, 0xa5, sizeof frame);
    assert_true(nd_has_output(&w->nd, 0));
    return parse_frame(frame, nd_output(&w->nd, 0, w->now, frame, sizeof frame));
}

static inline void expect_silence(struct world *w)
{
    uint8_t frame[ND_FRAME_MAX];
    assert_int_equal(nd_output(&w->nd, 0, w->now, frame, sizeof frame), 0);
    assert_false(nd_has_output(&w->nd, 0));
}

#endif
