/* SPDX-License-Identifier: MIT
 * The way in: link, IP, reassembly, ICMP. What is left is for a transport. */
#include "net/net.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/* What the parsers below share of one packet. */
struct arrival {
    struct net *net;
    struct net_iface *iface;
    const struct weir_rx *packet;
    weir_time now;
    struct net_in *in;
    const uint8_t *head;   /* from the IP header (at first: the link header) on */
    size_t head_len, len;  /* contiguous there, and in all */
    struct eth_addr station; /* the sender's */
    bool link_group;         /* by its link address for more than one */
    bool discovery;          /* neighbour discovery */
    uint16_t protocol_at;    /* of IPv6: the octet that names the transport */
};

static enum net_verdict dropped(struct arrival *a, enum weir_drop drop)
{
    a->in->drop = drop;
    return NET_DROPPED;
}

/* Does the driver's description fit the packet? A device may be hostile too (ATK-DEV-08, -12). */
static enum weir_drop shape_verdict(const struct weir_iface_config *iface,
                                    const struct weir_rx *packet)
{
    size_t len = packet->head_len;
    if (packet->frag_count > WEIR_FRAGS_MAX)
        return WEIR_DROP_DEVICE_OFFLOAD;
    for (unsigned i = 0; i < packet->frag_count; i++) {
        if (packet->frag[i].len > WEIR_PACKET_BYTES_MAX)
            return WEIR_DROP_DEVICE_OVERSIZE;
        len += packet->frag[i].len;
    }
    if (len != packet->len)
        return WEIR_DROP_DEVICE_OFFLOAD;

    size_t link_len = iface->link == WEIR_LINK_ETHERNET ? ETH_HEADER_MAX : 0;
    bool coalesced = packet->segmentation != WEIR_SEGMENT_NONE;
    if (len > (coalesced ? WEIR_PACKET_BYTES_MAX : link_len + iface->mtu_bytes))
        return WEIR_DROP_DEVICE_OVERSIZE;
    if (coalesced && ((iface->capabilities & WEIR_CAP_RX_COALESCE) == 0 ||
                      packet->segmentation > WEIR_SEGMENT_UDP || packet->segment_size == 0 ||
                      packet->segment_count == 0))
        return WEIR_DROP_DEVICE_OFFLOAD;
    if (packet->checksum == WEIR_RX_CHECKSUM_ABSENT &&
        (size_t)packet->checksum_start + packet->checksum_offset + 2 > len)
        return WEIR_DROP_DEVICE_OFFLOAD;
    return WEIR_DROP_NONE;
}

/* The packet as the device gave it. */
static void begin(struct arrival *a)
{
    const struct weir_rx *packet = a->packet;
    struct net_rx *rx = &a->in->rx;
    a->head = packet->head;
    a->head_len = packet->head_len;
    rx->parts = 0;
    rx->part[rx->parts++] = (struct weir_ref){packet->head, packet->head_len};
    for (unsigned i = 0; i < packet->frag_count; i++)
        rx->part[rx->parts++] = packet->frag[i];
}

/* The packet with its first bytes copied together: a device has cut it in its headers (ATK-DEV-09).
 * */
static void begin_gathered(struct arrival *a)
{
    struct net_rx *rx = &a->in->rx;
    size_t len = a->packet->len, want = len < NET_HEAD_MAX ? len : NET_HEAD_MAX, n = 0;
    begin(a);
    for (unsigned i = 0; i < rx->parts && n < want; i++) {
        struct weir_ref *part = &rx->part[i];
        size_t take = part->len < want - n ? part->len : want - n;
        if (take > 0)
            memcpy(rx->head + n, part->data, take);
        *part = (struct weir_ref){part->data + take, part->len - take};
        n += take;
    }
    rx->part[0] = (struct weir_ref){rx->head, n}; /* the device's head was shorter than that */
    a->head = rx->head;
    a->head_len = n;
}

/* Cut `front` bytes off the beginning and all beyond `len` bytes off the end of the parts. The
 * beginning is within the first part. */
static void trim_parts(struct net_rx *rx, size_t front, size_t len)
{
    rx->part[0].data += front;
    rx->part[0].len -= front;
    size_t left = len;
    for (unsigned i = 0; i < rx->parts; i++) {
        if (rx->part[i].len > left)
            rx->part[i].len = left;
        left -= rx->part[i].len;
    }
    while (rx->parts > 1 && rx->part[rx->parts - 1].len == 0)
        rx->parts--;
    rx->len = (uint32_t)len;
}

/* How much of a message must lie in one piece for its parser. */
static size_t contiguous_min(const struct net_rx *rx)
{
    enum { ICMP_CONTIGUOUS = ICMP_HEADER_LEN + IP6_HEADER_LEN + IP6_EXT_BYTES_MAX + 20 };
    size_t want = UDP_HEADER_LEN;
    if (rx->protocol == IP_PROTOCOL_ICMP4 || rx->protocol == IP_PROTOCOL_ICMP6)
        want = ICMP_CONTIGUOUS;
    else if (rx->protocol == IP_PROTOCOL_TCP)
        want = rx->part[0].len > 12 ? (size_t)(rx->part[0].data[12] >> 4) * 4 : TCP_HEADER_BYTES;
    return want < rx->len ? want : rx->len;
}

/* The transport's part of the packet is known: hand it on. */
static enum net_verdict to_transport(struct arrival *a)
{
    struct net_rx *rx = &a->in->rx;
    bool ip4 = addr_is_ip4(rx->source);
    if (rx->part[0].len < contiguous_min(rx))
        return dropped(a, WEIR_DROP_DEVICE_HEADERS);
    if (rx->protocol == (ip4 ? IP_PROTOCOL_ICMP4 : IP_PROTOCOL_ICMP6)) {
        enum net_verdict verdict = icmp_input(a->net, rx, a->in);
        if (verdict != NET_DELIVER && verdict != NET_ERROR)
            net_rx_done(a->net, rx);
        return verdict;
    }
    if (rx->protocol == IP_PROTOCOL_UDP || rx->protocol == IP_PROTOCOL_TCP)
        return NET_DELIVER;
    struct net_answer answer = {.kind = ICMP_UNREACHABLE, .code = ICMP4_PROTOCOL_UNREACHABLE};
    if (!ip4)
        answer = (struct net_answer){
            .kind = ICMP_PARAMETER_PROBLEM, .code = 1, .pointer = a->protocol_at};
    net_answer(a->net, rx, &answer, a->now);
    net_rx_done(a->net, rx);
    return dropped(a, ip4 ? WEIR_DROP_IP4_PROTOCOL : WEIR_DROP_IP6_PROTOCOL);
}

/* A fragment: keep it, or go on with the datagram that it completes. */
static enum net_verdict to_reassembly(struct arrival *a, const struct ip4 *ip4,
                                      const struct ip6 *ip6)
{
    struct net_rx *rx = &a->in->rx;
    struct reassembly_fragment f = {
        .ip4 = ip4,
        .ip6 = ip6,
        .packet = a->head,
        .part = rx->part,
        .parts = rx->parts,
        .ifindex = rx->ifindex,
    };
    enum weir_drop drop = reassembly_input(&a->net->reassemblies, &f, a->now, &rx->whole);
    if (drop != WEIR_DROP_NONE)
        return dropped(a, drop);
    if (rx->whole.block == BLOCKS_NONE)
        return NET_DONE;
    rx->part[0] = (struct weir_ref){rx->whole.payload, rx->whole.len};
    rx->parts = 1;
    rx->len = rx->whole.len;
    rx->ip = (struct weir_ref){rx->whole.header, rx->whole.header_len};
    rx->checksum_good = false;
    const struct reassembly_header *facts = &rx->whole.facts;
    if (!facts->is_ip6) {
        rx->protocol = facts->ip4.protocol;
        rx->traffic_class = (uint8_t)(facts->ip4.dscp << 2 | facts->ip4.ecn);
        return to_transport(a);
    }
    rx->traffic_class = (uint8_t)(facts->ip6.dscp << 2 | facts->ip6.ecn);
    /* Extension headers may follow the fragment header; a second fragment header may not
     * (ATK-FRG-17). */
    struct ip6_chain chain = {.next = facts->ip6.protocol};
    if (!ip6_chain_skip(&chain, rx->whole.payload, rx->whole.len) || chain.fragment) {
        net_rx_done(a->net, rx);
        return dropped(a, WEIR_DROP_IP6_FRAGMENT);
    }
    rx->protocol = chain.next;
    trim_parts(rx, chain.at, rx->whole.len - chain.at);
    return to_transport(a);
}

/* Whose packet is it? NONE, or why it is dropped. */
static enum weir_drop addresses_verdict(struct arrival *a, bool ip4)
{
    struct net_rx *rx = &a->in->rx;
    struct addresses *t = &a->net->addresses;
    struct net_known *known = &a->net->known;
    uint32_t generation = t->generation + a->net->routes.generation;
    if (known->valid && known->generation == generation && known->ifindex == rx->ifindex &&
        addr_eq(known->source, rx->source) && addr_eq(known->destination, rx->destination)) {
        rx->group = a->link_group;
        return WEIR_DROP_NONE;
    }
    struct address_verdict to = address_lookup(t, rx->destination, rx->ifindex);
    /* Nothing but neighbour discovery goes to a tentative address (RFC 4862 5.4). */
    if (to.kind == ADDRESS_FOREIGN || (to.kind == ADDRESS_OWN_TENTATIVE && !a->discovery))
        return ip4 ? WEIR_DROP_IP4_NOT_FOR_US : WEIR_DROP_IP6_NOT_FOR_US;
    if (address_source_is_martian(t, rx->source, rx->ifindex))
        return ip4 ? WEIR_DROP_IP4_SOURCE : WEIR_DROP_IP6_SOURCE;
    if (!route_reverse_check(&a->net->routes, rx->source, rx->ifindex, a->net->reverse_path))
        return ip4 ? WEIR_DROP_IP4_SOURCE : WEIR_DROP_IP6_SOURCE;
    rx->group = a->link_group || to.kind == ADDRESS_BROADCAST || to.kind == ADDRESS_GROUP;
    if (to.kind == ADDRESS_OWN)
        *known = (struct net_known){.source = rx->source,
                                    .destination = rx->destination,
                                    .generation = generation,
                                    .ifindex = rx->ifindex,
                                    .valid = true};
    return WEIR_DROP_NONE;
}

static enum net_verdict ip4_input(struct arrival *a)
{
    struct net_rx *rx = &a->in->rx;
    struct ip4 ip;
    enum weir_drop drop = ip4_parse(&ip, a->head, a->head_len, a->len);
    if (drop != WEIR_DROP_NONE)
        return dropped(a, drop);
    if (ip.source_route)
        return dropped(a, WEIR_DROP_IP4_SOURCE_ROUTE);
    rx->source = addr_from_ip4(ip.source);
    rx->destination = addr_from_ip4(ip.destination);
    rx->protocol = ip.protocol;
    rx->hop_limit = ip.ttl;
    rx->traffic_class = (uint8_t)(ip.dscp << 2 | ip.ecn);
    drop = addresses_verdict(a, true);
    if (drop != WEIR_DROP_NONE)
        return dropped(a, drop);
    size_t header_len = ip4_header_len(&ip), whole = header_len + ip.payload_len;
    rx->ip = (struct weir_ref){a->head, whole < a->head_len ? whole : a->head_len};
    trim_parts(rx, (size_t)(a->head - rx->part[0].data) + header_len, ip.payload_len);
    return ip4_is_fragment(&ip) ? to_reassembly(a, &ip, NULL) : to_transport(a);
}

/* Tell of a packet that was dropped in its headers, if RFC 8200 4.2 wants so. */
static void ip6_problem(struct arrival *a, const struct ip6 *ip)
{
    struct net_rx *rx = &a->in->rx;
    struct address_verdict to;
    if (ip->problem.answer == IP6_ANSWER_NONE || ip6_is_mapped(ip->source))
        return;
    rx->source = addr_from_ip6(ip->source);
    rx->destination = addr_from_ip6(ip->destination);
    to = address_lookup(&a->net->addresses, rx->destination, rx->ifindex);
    if (to.kind != ADDRESS_OWN && to.kind != ADDRESS_GROUP)
        return;
    rx->group = a->link_group || to.kind == ADDRESS_GROUP;
    rx->ip = (struct weir_ref){a->head, a->head_len};
    rx->parts = 1; /* the parts behind the head are not worth quoting */
    struct net_answer answer = {.kind = ICMP_PARAMETER_PROBLEM,
                                .code = ip->problem.code,
                                .pointer = ip->problem.at,
                                .rule = (enum ip6_answer)ip->problem.answer};
    net_answer(a->net, rx, &answer, a->now);
}

/* A message of neighbour discovery that was not fragmented: only over a link with stations. */
static enum net_verdict nd_message(struct arrival *a, const struct ip6 *ip)
{
    struct net_rx *rx = &a->in->rx;
    struct nd m;
    if (!a->net->nd.iface[rx->ifindex].up) /* not Ethernet, or too small for IPv6 */
        return dropped(a, WEIR_DROP_ICMP_TYPE);
    if (rx->part[0].len < rx->len)
        return dropped(a, WEIR_DROP_DEVICE_HEADERS);
    if (!rx->checksum_good &&
        !csum_is_good(csum_parts(a->net->ops, net_rx_pseudo(rx), rx->part, rx->parts)))
        return dropped(a, WEIR_DROP_ICMP_CHECKSUM);
    enum weir_drop drop = nd_parse(&m, rx->part[0].data, rx->part[0].len, rx->len, ip);
    if (drop != WEIR_DROP_NONE)
        return dropped(a, drop);
    struct nd_rx message = {.m = &m, .ip = ip, .source = a->station, .ifindex = rx->ifindex};
    drop = nd_input(&a->net->nd, &message, a->now);
    net_learn_routes(a->net, rx->ifindex);
    return drop == WEIR_DROP_NONE ? NET_DONE : dropped(a, drop);
}

static enum net_verdict ip6_input(struct arrival *a)
{
    struct net_rx *rx = &a->in->rx;
    struct ip6 ip;
    enum weir_drop drop = ip6_parse(&ip, a->head, a->head_len, a->len);
    if (drop != WEIR_DROP_NONE) {
        ip6_problem(a, &ip);
        return dropped(a, drop);
    }
    /* A mapped address never is on the wire; in a struct weir_addr it would pass for IPv4. */
    if (ip6_is_mapped(ip.source))
        return dropped(a, WEIR_DROP_IP6_SOURCE);
    if (ip6_is_mapped(ip.destination))
        return dropped(a, WEIR_DROP_IP6_NOT_FOR_US);
    rx->source = addr_from_ip6(ip.source);
    rx->destination = addr_from_ip6(ip.destination);
    rx->protocol = ip.protocol;
    rx->hop_limit = ip.hop_limit;
    rx->traffic_class = (uint8_t)(ip.dscp << 2 | ip.ecn);
    a->protocol_at = ip.protocol_at;
    if (ip.protocol == IP_PROTOCOL_ICMP6 && ip.upper_at >= a->head_len && ip.upper_len > 0)
        return dropped(a, WEIR_DROP_DEVICE_HEADERS); /* what it is decides whom it may be for */
    const uint8_t *type = a->head + ip.upper_at;
    a->discovery = ip.protocol == IP_PROTOCOL_ICMP6 && !ip6_is_fragment(&ip) &&
                   ip.upper_at < a->head_len && *type >= ICMP6_ROUTER_SOLICITATION &&
                   *type <= ICMP6_REDIRECT;
    drop = addresses_verdict(a, false);
    if (drop == WEIR_DROP_NONE && ip6_is_unspecified(ip.source) && !a->discovery)
        drop = WEIR_DROP_IP6_SOURCE;
    if (drop != WEIR_DROP_NONE)
        return dropped(a, drop);
    size_t whole = IP6_HEADER_LEN + (size_t)ip.payload_len;
    rx->ip = (struct weir_ref){a->head, whole < a->head_len ? whole : a->head_len};
    trim_parts(rx, (size_t)(a->head - rx->part[0].data) + ip.upper_at, ip.upper_len);
    if (ip6_is_fragment(&ip))
        return to_reassembly(a, NULL, &ip);
    return a->discovery ? nd_message(a, &ip) : to_transport(a);
}

static enum net_verdict eth_input(struct arrival *a)
{
    struct eth eth;
    enum weir_drop drop = eth_parse(&eth, a->head, a->head_len);
    if (drop == WEIR_DROP_ETH_SHORT && a->head_len < a->len)
        drop = WEIR_DROP_DEVICE_HEADERS;
    if (drop != WEIR_DROP_NONE)
        return dropped(a, drop);
    a->station = eth.source;
    a->link_group = eth_addr_is_group(eth.destination);
    if (!a->link_group && !eth_addr_eq(eth.destination, a->iface->mac))
        return dropped(a, WEIR_DROP_ETH_NOT_FOR_US);
    size_t n = eth_header_len(&eth);
    a->head += n;
    a->head_len -= n;
    a->len -= n;
    if (eth.type == ETH_TYPE_IP4)
        return ip4_input(a);
    if (eth.type == ETH_TYPE_IP6)
        return ip6_input(a);
    if (eth.type != ETH_TYPE_ARP)
        return dropped(a, WEIR_DROP_ETH_TYPE);
    struct arp arp;
    drop = a->head_len < ARP_LEN && a->head_len < a->len ? WEIR_DROP_DEVICE_HEADERS
                                                         : arp_parse(&arp, a->head, a->head_len);
    if (drop == WEIR_DROP_NONE)
        drop = arp_input(&a->net->arp, a->in->rx.ifindex, &arp, a->now);
    return drop == WEIR_DROP_NONE ? NET_DONE : dropped(a, drop);
}

static enum net_verdict link_input(struct arrival *a)
{
    a->len = a->packet->len;
    if (a->iface->config.link == WEIR_LINK_ETHERNET)
        return eth_input(a);
    /* A bare packet has nothing but its first four bits to say what it is. */
    if (a->head_len == 0)
        return dropped(a, a->len == 0 ? WEIR_DROP_IP4_SHORT : WEIR_DROP_DEVICE_HEADERS);
    return a->head[0] >> 4 == 6 ? ip6_input(a) : ip4_input(a);
}

/* Is the device's word that the transport checksum is good, or needs no looking at, believed? */
static bool checksum_is_trusted(const struct net_iface *iface, const struct weir_rx *packet)
{
    return packet->checksum != WEIR_RX_CHECKSUM_UNKNOWN &&
           (iface->config.capabilities & WEIR_CAP_TRUSTED) != 0;
}

enum net_verdict net_input(struct net *net, unsigned ifindex, const struct weir_rx *packet,
                           weir_time now, struct net_in *in)
{
    struct arrival a = {.net = net,
                        .iface = &net->iface[ifindex],
                        .packet = packet,
                        .now = now,
                        .in = in};
    in->drop = WEIR_DROP_NONE;
    in->rx.ifindex = ifindex;
    in->rx.packet = packet;
    in->rx.group = false;
    in->rx.whole.block = BLOCKS_NONE;
    in->rx.checksum_good = checksum_is_trusted(a.iface, packet);
    enum weir_drop drop = shape_verdict(&a.iface->config, packet);
    if (drop != WEIR_DROP_NONE)
        return dropped(&a, drop);
    begin(&a);
    enum net_verdict verdict = link_input(&a);
    if (in->drop == WEIR_DROP_DEVICE_HEADERS && packet->head_len < NET_HEAD_MAX) {
        in->drop = WEIR_DROP_NONE;
        begin_gathered(&a);
        verdict = link_input(&a);
    }
    return verdict;
}

void net_rx_done(struct net *net, struct net_rx *rx)
{
    if (rx->whole.block != BLOCKS_NONE)
        blocks_give(net->blocks, rx->whole.block);
    rx->whole.block = BLOCKS_NONE;
}

struct csum net_rx_pseudo(const struct net_rx *rx)
{
    if (addr_is_ip4(rx->source))
        return ip4_pseudo(ip4_from_addr(rx->source), ip4_from_addr(rx->destination), rx->protocol,
                          (uint16_t)rx->len);
    return ip6_pseudo(ip6_from_addr(rx->source), ip6_from_addr(rx->destination), rx->protocol,
                      rx->len);
}
