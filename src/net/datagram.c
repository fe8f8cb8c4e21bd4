/* SPDX-License-Identifier: MIT */
#include "net/datagram.h"

#include "net/net.h"

static size_t datagram_len(const struct datagram *d)
{
    return d->upper_len + d->payload[0].len + d->payload[1].len;
}

/* The headers of the datagram as a whole. */
static struct ip4 header4(const struct datagram *d)
{
    return (struct ip4){
        .source = ip4_from_addr(d->path.source),
        .destination = ip4_from_addr(d->path.destination),
        .payload_len = (uint16_t)datagram_len(d),
        .dscp = d->traffic_class >> 2,
        .ecn = d->traffic_class & 3,
        .dont_fragment = d->dont_fragment,
        .ttl = d->hop_limit,
        .protocol = d->protocol,
    };
}

static struct ip6 header6(const struct datagram *d)
{
    struct ip6 h = {
        .payload_len = (uint16_t)datagram_len(d),
        .dscp = d->traffic_class >> 2,
        .ecn = d->traffic_class & 3,
        .hop_limit = d->hop_limit,
        .next_header = d->protocol,
    };
    h.source = ip6_from_addr(d->path.source);
    h.destination = ip6_from_addr(d->path.destination);
    return h;
}

/* Put the station before a packet whose headers begin behind room for it. */
static void link_header(const struct net_iface *iface, struct eth_addr to, bool ip4,
                        struct weir_tx *tx)
{
    struct eth eth = {.destination = to,
                      .source = iface->mac,
                      .type = ip4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6};
    size_t n = eth_emit(tx->headers, sizeof tx->headers, &eth);
    tx->header_start = 0;
    tx->header_len = (uint16_t)(tx->header_len + n);
    tx->len += (uint32_t)n;
}

/* A datagram that fits the path, in one packet. */
static void emit_whole(struct net *net, const struct datagram *d, size_t headroom,
                       struct weir_tx *tx)
{
    uint8_t *p = tx->headers + headroom;
    size_t room = sizeof tx->headers - headroom, n;
    if (addr_is_ip4(d->path.destination)) {
        struct ip4 h = header4(d);
        h.id = (uint16_t)d->id;
        n = ip4_emit(p, room, &h);
    } else {
        struct ip6 h = header6(d);
        n = ip6_emit(p, room, &h);
    }
    CHECK(net->handler, n > 0 && n + d->upper_len <= room);
    memcpy(p + n, d->upper, d->upper_len);
    memset(tx, 0, offsetof(struct weir_tx, headers)); /* nothing is asked of the device */
    tx->header_start = (uint16_t)headroom;
    tx->header_len = (uint16_t)(n + d->upper_len);
    tx->len = (uint32_t)(n + datagram_len(d));
    for (unsigned i = 0; i < WEIR_FRAGS_MAX; i++)
        if (d->payload[i].len > 0)
            tx->frag[tx->frag_count++] = d->payload[i];
}

static uint32_t next_id(struct net *net, const struct datagram *d, bool ip4)
{
    struct fragment_flow flow = {.source = d->path.source,
                                 .destination = d->path.destination,
                                 .protocol = ip4 ? d->protocol : 0};
    return fragment_id(&net->ids, &flow);
}

/* The station to send to. Bare IP interfaces have none; groups and broadcasts need no asking. */
static enum neighbour_answer station(struct net *net, const struct datagram *d, weir_time now,
                                     struct eth_addr *mac)
{
    struct weir_addr hop = d->path.next_hop;
    if (net->iface[d->path.ifindex].config.link != WEIR_LINK_ETHERNET)
        return NEIGHBOUR_READY;
    if (addr_is_ip4(hop)) {
        struct ip4_addr ip = ip4_from_addr(hop);
        if (ip4_is_multicast(ip)) {
            *mac = ip4_multicast_mac(ip);
            return NEIGHBOUR_READY;
        }
        if (address_lookup(&net->addresses, hop, d->path.ifindex).kind == ADDRESS_BROADCAST) {
            *mac = eth_broadcast();
            return NEIGHBOUR_READY;
        }
    } else if (hop.bytes[0] == 0xff) {
        *mac = ip6_multicast_mac(ip6_from_addr(hop));
        return NEIGHBOUR_READY;
    }
    struct neighbour_key key = {.addr = hop, .ifindex = d->path.ifindex};
    return neighbour_resolve(&net->neighbours, &key, now, mac);
}

static enum datagram_outcome park(struct net *net, struct datagram *d)
{
    struct neighbour_key key = {.addr = d->path.next_hop, .ifindex = d->path.ifindex};
    /* Replies are packets that wait; what an endpoint has queued is bounded by its queue. */
    enum neighbour_waits what = d->waiter.kind == NET_WAITER_REPLY ? NEIGHBOUR_WAITS_PACKET
                                                                   : NEIGHBOUR_WAITS_CONNECTION;
    return neighbour_wait(&net->neighbours, &key, &d->waiter, what) ? DATAGRAM_PARKED
                                                                    : DATAGRAM_FAILED;
}

enum datagram_outcome datagram_output(struct net *net, struct datagram *d, weir_time now,
                                      struct weir_tx *tx)
{
    const struct net_iface *iface = &net->iface[d->path.ifindex];
    bool ip4 = addr_is_ip4(d->path.destination), ethernet = iface->config.link == WEIR_LINK_ETHERNET;
    struct eth_addr mac = {{0}};
    enum neighbour_answer answer = station(net, d, now, &mac);
    if (answer == NEIGHBOUR_WAIT)
        return park(net, d);
    if (answer != NEIGHBOUR_READY)
        return DATAGRAM_FAILED;

    if (d->next_fragment == 0) /* all fragments are cut for the same MTU */
        d->mtu = pmtu_lookup(&net->pmtus, d->path.destination, d->path.mtu, now).mtu;
    size_t headroom = ethernet ? ETH_HEADER_MIN : 0;
    struct ip4 h4 = header4(d);
    struct ip6 h6 = header6(d);
    struct fragment_source source = {
        .ip4 = ip4 ? &h4 : NULL,
        .ip6 = ip4 ? NULL : &h6,
        .id = d->id,
        .mtu = d->mtu,
        .upper = {d->upper, d->upper_len},
        .payload = {d->payload[0], d->payload[1]},
        .headroom = (uint16_t)headroom,
        .handler = net->handler,
    };
    unsigned count = fragment_count(&source);
    if (count == 0 || (count > 1 && d->dont_fragment))
        return DATAGRAM_TOO_LONG;
    if (d->next_fragment == 0 && (count > 1 || (ip4 && !d->dont_fragment)))
        source.id = d->id = next_id(net, d, ip4);
    if (count == 1)
        emit_whole(net, d, headroom, tx);
    else
        fragment_make(tx, &source, d->next_fragment);
    if (ethernet)
        link_header(iface, mac, ip4, tx);
    return ++d->next_fragment < count ? DATAGRAM_MORE : DATAGRAM_SENT;
}
