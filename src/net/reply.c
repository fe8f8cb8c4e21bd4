/* SPDX-License-Identifier: MIT
 * Stateless replies: a bounded number, a large one in a block of its own, sent in the order in
 * which they were made, but for those that wait for a neighbour. */
#include "net/net.h"

static void list_add(struct reply_list *list, struct reply *reply)
{
    reply->next = NULL;
    if (list->last != NULL)
        list->last->next = reply;
    else
        list->first = reply;
    list->last = reply;
}

static struct reply *list_take(struct reply_list *list)
{
    struct reply *reply = list->first;
    list->first = reply->next;
    if (list->first == NULL)
        list->last = NULL;
    return reply;
}

static void reply_free(struct net *net, struct reply *reply)
{
    if (reply->block != BLOCKS_NONE)
        blocks_give(net->blocks, reply->block);
    pool_give(&net->replies, pool_index(&net->replies, reply));
}

struct reply *reply_take(struct net *net, size_t len, uint8_t **bytes)
{
    enum blocks_class class = len <= blocks_bytes(BLOCKS_4K)    ? BLOCKS_4K
                              : len <= blocks_bytes(BLOCKS_16K) ? BLOCKS_16K
                                                                : BLOCKS_64K;
    CHECK(net->handler, len <= blocks_bytes(BLOCKS_64K));
    uint32_t index = pool_take(&net->replies);
    uint32_t block = BLOCKS_NONE;
    bool small = len <= REPLY_SMALL_BYTES;
    if (index != POOL_NONE && !small)
        block = blocks_take(net->blocks, class, BLOCKS_NORMAL);
    if (index == POOL_NONE || (block == BLOCKS_NONE && !small)) {
        if (index != POOL_NONE)
            pool_give(&net->replies, index);
        net->count.replies_exhausted++;
        return NULL;
    }
    struct reply *reply = pool_at(&net->replies, index);
    *bytes = small ? reply->small : blocks_ptr(net->blocks, block);
    memset(reply, 0, offsetof(struct reply, small)); /* the rest is written before it is sent */
    reply->block = block;
    reply->datagram.waiter.kind = NET_WAITER_REPLY;
    reply->datagram.payload[0] = (struct weir_ref){*bytes, len};
    return reply;
}

void reply_queue(struct net *net, struct reply *reply)
{
    struct net_path wanted = reply->datagram.path;
    if (net_path(net, &wanted, &reply->datagram.path) != WEIR_OK) {
        net->count.replies_unreachable++;
        reply_free(net, reply);
        return;
    }
    list_add(&net->iface[reply->datagram.path.ifindex].replies, reply);
}

void net_begin(struct net *net)
{
    while (net->spent.first != NULL)
        reply_free(net, list_take(&net->spent));
}

/* It waits for its next hop. Where many next hops are asked for that do not exist, such as when
 * SYNs come in their names, those that wait leave the others a place. Asking goes on without it. */
static void reply_parked(struct net *net, struct reply *reply)
{
    if (net->replies_parked >= net->replies.capacity / 2 && net->replies.capacity > 1) {
        neighbour_withdraw(&reply->datagram.waiter);
        net->count.replies_unreachable++;
        reply_free(net, reply);
        return;
    }
    net->replies_parked++;
}

/* The next packet of the replies of an interface; false when none is left. */
static bool reply_output(struct net *net, struct net_iface *iface, struct weir_tx *tx,
                         weir_time now)
{
    while (iface->replies.first != NULL) {
        struct reply *reply = iface->replies.first;
        switch (datagram_output(net, &reply->datagram, now, tx)) {
        case DATAGRAM_MORE:
            return true;
        case DATAGRAM_SENT:
            list_add(&net->spent, list_take(&iface->replies));
            return true;
        case DATAGRAM_PARKED:
            reply_parked(net, list_take(&iface->replies));
            break;
        case DATAGRAM_FAILED:
        case DATAGRAM_TOO_LONG:
            net->count.replies_unreachable++;
            reply_free(net, list_take(&iface->replies));
            break;
        }
    }
    return false;
}

struct neighbour_waiter *net_woken(struct net *net, enum neighbour_answer *verdict)
{
    struct neighbour_waiter *waiter;
    while ((waiter = neighbour_woken(&net->neighbours, verdict)) != NULL) {
        if (waiter->kind != NET_WAITER_REPLY)
            return waiter;
        struct reply *reply = (struct reply *)waiter; /* the waiter is its first member */
        CHECK(net->handler, net->replies_parked > 0);
        net->replies_parked--;
        if (*verdict == NEIGHBOUR_READY) {
            list_add(&net->iface[reply->datagram.path.ifindex].replies, reply);
            continue;
        }
        net->count.replies_unreachable++;
        reply_free(net, reply);
    }
    return NULL;
}

/* A frame of ARP or neighbour discovery, complete in tx->headers. */
static void frame_ready(struct weir_tx *tx, size_t len)
{
    *tx = (struct weir_tx){.len = (uint32_t)len, .header_len = (uint16_t)len};
}

/* The next frame that resolves or announces addresses; 0 when there is none. */
static size_t control_output(struct net *net, unsigned ifindex, weir_time now, uint8_t *p,
                             size_t size)
{
    struct dad_message message;
    struct neighbour_probe probe;
    size_t n = arp_output(&net->arp, ifindex, p, size);
    if (n == 0 && nd_has_output(&net->nd, ifindex)) /* never where IPv6 is not used */
        n = nd_output(&net->nd, ifindex, now, p, size);
    if (n == 0 && dad_output(&net->dad, ifindex, now, &message))
        n = addr_is_ip4(message.addr)
                ? arp_announce(&net->arp, ifindex, ip4_from_addr(message.addr), p, size)
                : nd_announce(&net->nd, ifindex, &message, p, size);
    while (n == 0 && neighbour_output(&net->neighbours, ifindex, now, &probe))
        n = addr_is_ip4(probe.key.addr) ? arp_solicit(&net->arp, &probe, p, size)
                                        : nd_solicit(&net->nd, &probe, p, size);
    return n;
}

unsigned net_output(struct net *net, unsigned ifindex, struct weir_tx *tx, unsigned max,
                    weir_time now)
{
    struct net_iface *iface = &net->iface[ifindex];
    bool ethernet = iface->config.link == WEIR_LINK_ETHERNET;
    unsigned n = 0;
    while (ethernet && n < max) {
        uint8_t frame[WEIR_TX_HEADERS_MAX];
        size_t len = control_output(net, ifindex, now, frame, sizeof frame);
        if (len == 0)
            break;
        frame_ready(&tx[n], len);
        memcpy(tx[n++].headers, frame, len);
    }
    while (n < max && reply_output(net, iface, &tx[n], now))
        n++;
    return n;
}

bool net_has_output(const struct net *net, unsigned ifindex)
{
    const struct net_iface *iface = &net->iface[ifindex];
    if (iface->replies.first != NULL)
        return true;
    return iface->config.link == WEIR_LINK_ETHERNET &&
           (arp_has_output(&net->arp, ifindex) || nd_has_output(&net->nd, ifindex) ||
            dad_has_output(&net->dad, ifindex) || neighbour_has_output(&net->neighbours, ifindex));
}
