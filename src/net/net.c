/* SPDX-License-Identifier: MIT
 * The network room as a whole: its tables in memory, its interfaces, addresses, routes and timers.
 * */
#include "net/net.h"

#include "base/layout.h"

/* The tables that take memory, in the order in which they lie in it. */
struct net_layout {
    struct neighbours_config neighbours;
    struct reassemblies_config reassemblies;
    struct pool_config replies;
};

static struct net_layout layout(const struct weir_config *config)
{
    return (struct net_layout){
        .neighbours = {.neighbours_max = config->neighbours_max,
                       .neighbours_incomplete_max = config->neighbours_incomplete_max,
                       .neighbour_queue_packets_max = config->neighbour_queue_packets_max,
                       .interfaces_max = config->interfaces_max},
        .reassemblies = {.reassemblies_max = config->reassemblies_max,
                         .fragments_max = config->reassembly_fragments_max,
                         .ip4_ms = config->reassembly_ip4_ms,
                         .ip6_ms = config->reassembly_ip6_ms},
        .replies = {.capacity = config->replies_max,
                    .block_bytes = sizeof(struct reply),
                    .block_align = _Alignof(struct reply)},
    };
}

size_t net_size(const struct weir_config *config)
{
    struct net_layout l = layout(config);
    return addresses_size(config->addresses_max) + routes_size(config->routes_max) +
           neighbours_size(&l.neighbours) + arp_size(config->interfaces_max, config->addresses_max) +
           nd_size(config->interfaces_max) + pmtus_size(config->path_mtus_max) +
           reassemblies_size(l.reassemblies.reassemblies_max, l.reassemblies.fragments_max) +
           pool_size(&l.replies) +
           (size_t)layout_bytes(config->interfaces_max, sizeof(struct net_iface),
                                _Alignof(struct net_iface));
}

static struct rng derive_rng(const struct sip_key *secret, uint64_t number)
{
    struct sip_key key = sip_derive(secret, number);
    return rng_make(key.k0 ^ key.k1);
}

static void init_tables(struct net *net, const struct net_config *config, uint8_t *at)
{
    const struct weir_config *limits = config->config;
    const struct sip_key *secret = config->key;
    struct net_layout l = layout(limits);

    addresses_init(&net->addresses,
                   &(struct addresses_config){.handler = net->handler,
                                              .wheel = net->wheel,
                                              .key = sip_derive(secret, 1),
                                              .addresses_max = limits->addresses_max},
                   at);
    at += addresses_size(limits->addresses_max);
    routes_init(&net->routes,
                &(struct routes_config){.handler = net->handler,
                                        .key = sip_derive(secret, 2),
                                        .routes_max = limits->routes_max},
                at);
    at += routes_size(limits->routes_max);
    l.neighbours.handler = net->handler;
    l.neighbours.wheel = net->wheel;
    l.neighbours.key = sip_derive(secret, 3);
    l.neighbours.rng = derive_rng(secret, 4);
    neighbours_init(&net->neighbours, &l.neighbours, at);
    at += neighbours_size(&l.neighbours);
    pmtus_init(&net->pmtus,
               &(struct pmtus_config){.handler = net->handler,
                                      .key = sip_derive(secret, 5),
                                      .rng = derive_rng(secret, 6),
                                      .path_mtus_max = limits->path_mtus_max,
                                      .ip4_floor = PMTU_IP4_FLOOR},
               at);
    at += pmtus_size(limits->path_mtus_max);
    l.reassemblies.handler = net->handler;
    l.reassemblies.wheel = net->wheel;
    l.reassemblies.blocks = net->blocks;
    l.reassemblies.key = sip_derive(secret, 7);
    l.reassemblies.rng = derive_rng(secret, 8);
    reassemblies_init(&net->reassemblies, &l.reassemblies, at);
    at += reassemblies_size(l.reassemblies.reassemblies_max, l.reassemblies.fragments_max);
    l.replies.handler = net->handler;
    pool_init(&net->replies, &l.replies, at);
    at += pool_size(&l.replies);
    arp_init(&net->arp,
             &(struct arp_host_config){.handler = net->handler,
                                       .neighbours = &net->neighbours,
                                       .addresses = &net->addresses,
                                       .interfaces_max = limits->interfaces_max},
             at);
    at += arp_size(limits->interfaces_max, limits->addresses_max);
    nd_init(&net->nd,
            &(struct nd_host_config){.handler = net->handler,
                                     .wheel = net->wheel,
                                     .neighbours = &net->neighbours,
                                     .addresses = &net->addresses,
                                     .dad = &net->dad,
                                     .rng = derive_rng(secret, 9),
                                     .interfaces_max = limits->interfaces_max},
            at);
    at += nd_size(limits->interfaces_max);
    net->iface = layout_align(at, _Alignof(struct net_iface));
    memset(net->iface, 0, limits->interfaces_max * sizeof net->iface[0]);
}

void net_init(struct net *net, const struct net_config *config, void *mem)
{
    *net = (struct net){.handler = config->handler,
                        .wheel = config->wheel,
                        .blocks = config->blocks,
                        .ops = config->ops,
                        .reverse_path = (enum route_reverse_path)config->config->reverse_path,
                        .accept_routers = config->config->accept_routers != 0};
    init_tables(net, config, mem);
    dad_init(&net->dad, &(struct dad_config){.handler = net->handler,
                                             .wheel = net->wheel,
                                             .addresses = &net->addresses,
                                             .rng = derive_rng(config->key, 10),
                                             .transmits = DAD_TRANSMITS,
                                             .delay_ms_max = DAD_DELAY_MS_MAX});
    ratelimit_init(&net->errors,
                   &(struct ratelimit_config){.handler = net->handler,
                                              .key = sip_derive(config->key, 11),
                                              .rng = derive_rng(config->key, 12),
                                              .per_s_max = config->config->icmp_errors_per_s_max});
    struct sip_key key = sip_derive(config->key, 13);
    fragment_ids_init(&net->ids, &key, derive_rng(config->key, 14));
}

void net_add_iface(struct net *net, const struct weir_iface_config *config, weir_time now)
{
    struct net_iface *iface = &net->iface[net->iface_count];
    iface->config = *config;
    memcpy(iface->mac.b, config->mac, sizeof iface->mac.b);
    if (config->link == WEIR_LINK_ETHERNET) {
        arp_iface_up(&net->arp, net->iface_count, iface->mac);
        if (config->mtu_bytes >= IP6_MTU_MIN)
            nd_iface_up(&net->nd, net->iface_count,
                        &(struct nd_iface_config){.mac = iface->mac,
                                                  .link_mtu = config->mtu_bytes,
                                                  .accept_routers = net->accept_routers},
                        now);
    }
    net->iface_count++;
}

/* ---- addresses ---- */

int net_add_address(struct net *net, unsigned ifindex, struct weir_addr addr, unsigned prefix_len,
                    weir_time now)
{
    bool ethernet = net->iface[ifindex].config.link == WEIR_LINK_ETHERNET;
    struct address_new wanted = {.addr = addr,
                                 .ifindex = (uint8_t)ifindex,
                                 .prefix_len = (uint8_t)(prefix_len <= 128 ? prefix_len : 255),
                                 .tentative = ethernet && !addr_is_ip4(addr)};
    struct address *address;
    if (!addr_is_ip4(addr) && net->iface[ifindex].config.mtu_bytes < IP6_MTU_MIN)
        return WEIR_E_INVALID;
    int error = address_add(&net->addresses, &wanted, &address);
    if (error != WEIR_OK)
        return error;
    error = route_connect(&net->routes, addr, prefix_len, ifindex);
    if (error != WEIR_OK) {
        address_remove(&net->addresses, address);
        return error;
    }
    if (ethernet)
        dad_start(&net->dad, address, now);
    return WEIR_OK;
}

int net_remove_address(struct net *net, unsigned ifindex, struct weir_addr addr)
{
    struct address *address = address_find(&net->addresses, addr, ifindex);
    if (address == NULL)
        return WEIR_E_NOT_FOUND;
    route_disconnect(&net->routes, addr, address->prefix_len, ifindex);
    address_remove(&net->addresses, address);
    return WEIR_OK;
}

/* ---- paths ---- */

/* Groups and broadcasts, which need no route when the interface is known. */
static bool is_local_group(struct net *net, struct weir_addr destination, unsigned ifindex)
{
    if (addr_is_ip4(destination)) {
        struct ip4_addr ip = ip4_from_addr(destination);
        return ip4_is_multicast(ip) || ip4_is_broadcast(ip) ||
               address_lookup(&net->addresses, destination, ifindex).kind == ADDRESS_BROADCAST;
    }
    return ip6_is_multicast(ip6_from_addr(destination));
}

int net_path(struct net *net, const struct net_path *wanted, struct net_path *path)
{
    struct net_path found = *wanted;
    found.generation = net->addresses.generation + net->routes.generation;
    if (wanted->ifindex < net->iface_count &&
        is_local_group(net, wanted->destination, wanted->ifindex)) {
        found.next_hop = wanted->destination;
        found.mtu = net->iface[found.ifindex].config.mtu_bytes;
    } else {
        /* The broadcast of all networks means nothing without one. */
        if (addr_is_ip4(wanted->destination) &&
            ip4_is_broadcast(ip4_from_addr(wanted->destination)))
            return WEIR_E_UNREACHABLE;
        const struct route *route =
            route_lookup(&net->routes, wanted->destination, wanted->ifindex);
        if (route == NULL)
            return WEIR_E_UNREACHABLE;
        found.ifindex = route->ifindex;
        found.next_hop = ip6_is_unspecified(ip6_from_addr(route->gateway)) ? wanted->destination
                                                                           : route->gateway;
        found.mtu = net->iface[found.ifindex].config.mtu_bytes;
        if (route->mtu != 0 && route->mtu < found.mtu)
            found.mtu = route->mtu;
    }
    if (ip6_is_unspecified(ip6_from_addr(wanted->source))) {
        const struct address *source =
            address_select(&net->addresses,
                           &(struct address_path){.destination = found.destination,
                                                  .next_hop = found.next_hop,
                                                  .ifindex = found.ifindex});
        if (source == NULL)
            return WEIR_E_UNREACHABLE;
        found.source = source->addr;
    }
    *path = found;
    return WEIR_OK;
}

/* What routers advertise becomes routes, or is taken back. A table of routes that is full leaves
 * what is new unused. */
void net_learn_routes(struct net *net, unsigned ifindex)
{
    struct nd_change change;
    while (nd_change(&net->nd, ifindex, &change)) {
        struct route_new route = {.ifindex = (uint8_t)ifindex, .metric = 1024};
        if (change.router) {
            route.gateway = addr_from_ip6(change.addr);
        } else {
            route.prefix = addr_from_ip6(change.addr);
            route.prefix_len = change.len;
        }
        if (change.added)
            (void)route_add(&net->routes, &route);
        else
            (void)route_remove(&net->routes, &route);
    }
}

/* ---- time ---- */

/* A datagram that did not become whole in time (RFC 1122 3.3.2, RFC 8200 4.5). */
static void reassembly_timeout(struct net *net, struct reassembly *r, weir_time now)
{
    enum { UPPER = 8 }; /* bytes behind the header: what an ICMP message is, and ports */
    struct reassembly_quote quote;
    if (reassembly_quote(&net->reassemblies, r, &quote)) {
        struct net_rx rx = {.source = r->key.source,
                            .destination = r->key.destination,
                            .ifindex = quote.ifindex,
                            .parts = 2};
        struct weir_ref header = quote.part[0], payload = quote.part[1];
        CHECK(net->handler, header.len + UPPER <= sizeof rx.head && payload.len >= UPPER);
        memcpy(rx.head, header.data, header.len);
        memcpy(rx.head + header.len, payload.data, UPPER);
        rx.ip = (struct weir_ref){rx.head, header.len + UPPER};
        rx.part[1] = (struct weir_ref){payload.data + UPPER, payload.len - UPPER};
        rx.whole.block = BLOCKS_NONE;
        rx.group = address_lookup(&net->addresses, rx.destination, rx.ifindex).kind != ADDRESS_OWN;
        struct net_answer answer = {.kind = ICMP_TIME_EXCEEDED, .code = ICMP_REASSEMBLY_EXCEEDED};
        net_answer(net, &rx, &answer, now);
    }
    reassembly_expire(&net->reassemblies, r);
}

bool net_expire(struct net *net, struct net_timer *timer, weir_time now)
{
    switch ((enum net_timer_kind)timer->kind) {
    case NET_TIMER_NEIGHBOUR:
        neighbour_expire(&net->neighbours, timer, now);
        return true;
    case NET_TIMER_REASSEMBLY: /* the timer is its first member */
        reassembly_timeout(net, (struct reassembly *)timer, now);
        return true;
    case NET_TIMER_ADDRESS:
        dad_expire(&net->dad, timer, now);
        return true;
    case NET_TIMER_ROUTER:
        nd_expire(&net->nd, timer, now);
        for (unsigned i = 0; i < net->iface_count; i++)
            if (net->nd.iface[i].up)
                net_learn_routes(net, i);
        return true;
    case NET_TIMER_TCP:
    case NET_TIMER_TCP_SYN:
    case NET_TIMER_TCP_WAIT:
    case NET_TIMER_TCP_QUIET:
        break;
    }
    return false;
}
