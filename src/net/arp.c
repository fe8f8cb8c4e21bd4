/* SPDX-License-Identifier: MIT */
#include "net/arp.h"

#include "base/layout.h"

enum { INTERFACES_MAX = 64 };

#define DEFEND_NS (ARP_DEFEND_S * WEIR_NS_PER_S)

static const struct pace_limit reply_limit = {
    .interval_ns = WEIR_NS_PER_S / ARP_REPLIES_PER_S_MAX,
    .burst = ARP_REPLIES_BURST,
};

size_t arp_size(uint32_t interfaces_max, uint32_t addresses_max)
{
    if (interfaces_max < 1 || interfaces_max > INTERFACES_MAX || addresses_max < 1 ||
        addresses_max > ADDRESSES_MAX)
        return 0;
    return layout_size(
        layout_bytes(interfaces_max, sizeof(struct arp_iface), _Alignof(struct arp_iface)) +
        layout_bytes(addresses_max, sizeof(weir_time), _Alignof(weir_time)));
}

void arp_init(struct arp_host *a, const struct arp_host_config *config, void *mem)
{
    uint32_t addresses_max = config->addresses->pool.capacity;
    CHECK(config->handler, arp_size(config->interfaces_max, addresses_max) > 0);
    CHECK(config->handler, mem != NULL && config->neighbours != NULL);
    *a = (struct arp_host){
        .handler = config->handler,
        .neighbours = config->neighbours,
        .addresses = config->addresses,
        .interfaces_max = config->interfaces_max,
        .iface = layout_align(mem, _Alignof(struct arp_iface)),
    };
    a->defended = layout_align(a->iface + a->interfaces_max, _Alignof(weir_time));
    for (uint32_t i = 0; i < a->interfaces_max; i++)
        a->iface[i] = (struct arp_iface){.up = false};
    for (uint32_t i = 0; i < addresses_max; i++)
        a->defended[i] = INT64_MIN;
}

void arp_iface_up(struct arp_host *a, uint32_t ifindex, struct eth_addr mac)
{
    CHECK(a->handler, ifindex < a->interfaces_max);
    CHECK(a->handler, eth_addr_is_station(mac));
    a->iface[ifindex] = (struct arp_iface){.mac = mac, .up = true, .replies = pace_make()};
}

static struct arp_iface *iface_of(const struct arp_host *a, uint32_t ifindex)
{
    CHECK(a->handler, ifindex < a->interfaces_max && a->iface[ifindex].up);
    return &a->iface[ifindex];
}

/* Our address on this interface. Not one of another, which the weak host model of IP would take as
 * well: answering for it here would bind it to the wrong station. */
static const struct address *own_address(const struct arp_host *a, struct ip4_addr addr,
                                         uint32_t ifindex)
{
    const struct address *own = address_find(a->addresses, addr_from_ip4(addr), ifindex);
    return own != NULL && own->state != ADDRESS_DUPLICATED ? own : NULL;
}

/* ---- input ---- */

static bool note(struct arp_iface *iface, const struct arp_note *new)
{
    if (iface->count == ARP_NOTES_MAX)
        return false;
    iface->note[(iface->first + iface->count++) % ARP_NOTES_MAX] = *new;
    return true;
}

/* Is the same reply waiting to be sent? */
static bool is_noted(const struct arp_iface *iface, const struct arp_note *reply)
{
    for (unsigned i = 0; i < iface->count; i++) {
        const struct arp_note *n = &iface->note[(iface->first + i) % ARP_NOTES_MAX];
        if (!n->announcement && ip4_eq(n->sender, reply->sender) &&
            ip4_eq(n->target, reply->target) && eth_addr_eq(n->target_mac, reply->target_mac))
            return true;
    }
    return false;
}

/* A request for our address: the reply goes to the sender, also to one that only probes (RFC
 * 5227 2.1.1). */
static void note_reply(struct arp_host *a, struct arp_iface *iface, const struct arp *m,
                       weir_time now)
{
    struct arp_note reply = {.sender = m->target, .target = m->sender, .target_mac = m->sender_mac};
    if (is_noted(iface, &reply))
        return;
    if (iface->count < ARP_NOTES_MAX && pace_take(&iface->replies, &reply_limit, now))
        note(iface, &reply);
    else
        a->count.replies_limited++;
}

/* Another station has an address of ours: say once in DEFEND_INTERVAL whose it is (RFC 5227 2.4
 * (c)). */
static void conflict(struct arp_host *a, struct arp_iface *iface, const struct address *own,
                     weir_time now)
{
    size_t index =
        (size_t)((const uint8_t *)own - a->addresses->pool.blocks) / a->addresses->pool.stride;
    struct ip4_addr addr = ip4_from_addr(own->addr);
    struct arp_note defence = {.sender = addr, .target = addr, .announcement = true};
    CHECK(a->handler, index < a->addresses->pool.capacity);
    a->count.conflicts++;
    weir_time last = a->defended[index];
    if (last != INT64_MIN && pace_after(last, DEFEND_NS) > now)
        return;
    if (note(iface, &defence)) {
        a->defended[index] = now;
        a->count.defences++;
    }
}

/* Can a station have sent this: with this Ethernet address, and this IPv4 address or none? */
static bool sender_is_possible(const struct arp_host *a, const struct arp_iface *iface,
                               uint32_t ifindex, const struct arp *m)
{
    if (!eth_addr_is_station(m->sender_mac) || eth_addr_eq(m->sender_mac, iface->mac))
        return false;
    if (ip4_is_unspecified(m->sender))
        return m->operation == ARP_REQUEST;
    return !ip4_is_martian(m->sender) &&
           address_lookup(a->addresses, addr_from_ip4(m->sender), ifindex).kind !=
               ADDRESS_BROADCAST;
}

/* What the cache makes of the sender: bits of enum neighbour_heard. */
static unsigned learn_sender(struct arp_host *a, uint32_t ifindex, const struct arp *m, bool to_us,
                             weir_time now)
{
    struct neighbour_event event = {
        .key = {.addr = addr_from_ip4(m->sender), .ifindex = ifindex},
        .message = m->operation == ARP_REPLY ? NEIGHBOUR_ARP_REPLY : NEIGHBOUR_ARP_REQUEST,
        .has_mac = true,
        .mac = m->sender_mac,
        .to_us = to_us,
    };
    return neighbour_heard(a->neighbours, &event, now);
}

enum weir_drop arp_input(struct arp_host *a, uint32_t ifindex, const struct arp *m, weir_time now)
{
    struct arp_iface *iface = iface_of(a, ifindex);
    if (!sender_is_possible(a, iface, ifindex, m))
        return WEIR_DROP_ARP_SENDER;
    const struct address *own = own_address(a, m->sender, ifindex);
    if (own != NULL) {
        conflict(a, iface, own, now);
        return WEIR_DROP_ARP_CONFLICT;
    }
    bool probe = ip4_is_unspecified(m->sender);
    bool to_us = own_address(a, m->target, ifindex) != NULL;
    unsigned heard = probe ? 0 : learn_sender(a, ifindex, m, to_us, now);
    if (to_us && m->operation == ARP_REQUEST) {
        note_reply(a, iface, m, now);
        return WEIR_DROP_NONE;
    }
    if ((heard & NEIGHBOUR_HEARD_CHALLENGED) != 0)
        return WEIR_DROP_ARP_CONFLICT;
    if ((heard & NEIGHBOUR_HEARD_KNOWN) != 0)
        return WEIR_DROP_NONE;
    return to_us ? WEIR_DROP_ARP_UNSOLICITED : WEIR_DROP_ARP_NOT_FOR_US;
}

/* ---- output ---- */

static size_t emit_frame(const struct arp_iface *iface, struct eth_addr destination,
                         const struct arp *m, uint8_t *p, size_t size)
{
    struct eth eth = {.destination = destination, .source = iface->mac, .type = ETH_TYPE_ARP};
    if (size < ARP_FRAME_LEN)
        return 0;
    size_t len = eth_emit(p, size, &eth);
    len += arp_emit(p + len, size - len, m);
    return eth_pad(p, size, len);
}

bool arp_has_output(const struct arp_host *a, uint32_t ifindex)
{
    CHECK(a->handler, ifindex < a->interfaces_max);
    return a->iface[ifindex].count > 0;
}

size_t arp_output(struct arp_host *a, uint32_t ifindex, uint8_t *p, size_t size)
{
    struct arp_iface *iface = iface_of(a, ifindex);
    while (size >= ARP_FRAME_LEN && iface->count > 0) {
        struct arp_note n = iface->note[iface->first];
        iface->first = (uint8_t)((iface->first + 1U) % ARP_NOTES_MAX);
        iface->count--;
        if (own_address(a, n.sender, ifindex) == NULL)
            continue; /* removed meanwhile */
        if (n.announcement)
            return arp_announce(a, ifindex, n.sender, p, size);
        a->count.replies++;
        struct arp reply = {.operation = ARP_REPLY,
                            .sender_mac = iface->mac,
                            .sender = n.sender,
                            .target_mac = n.target_mac,
                            .target = n.target};
        return emit_frame(iface, n.target_mac, &reply, p, size);
    }
    return 0;
}

size_t arp_announce(const struct arp_host *a, uint32_t ifindex, struct ip4_addr own, uint8_t *p,
                    size_t size)
{
    const struct arp_iface *iface = iface_of(a, ifindex);
    struct arp m = {
        .operation = ARP_REQUEST, .sender_mac = iface->mac, .sender = own, .target = own};
    return emit_frame(iface, eth_broadcast(), &m, p, size);
}

size_t arp_solicit(const struct arp_host *a, const struct neighbour_probe *probe, uint8_t *p,
                   size_t size)
{
    const struct arp_iface *iface = iface_of(a, probe->key.ifindex);
    struct address_path path = {
        .destination = probe->key.addr, .next_hop = probe->key.addr, .ifindex = probe->key.ifindex};
    const struct address *own = address_select(a->addresses, &path);
    struct arp m = {.operation = ARP_REQUEST,
                    .sender_mac = iface->mac,
                    .target = ip4_from_addr(probe->key.addr)};
    CHECK(a->handler, addr_is_ip4(probe->key.addr));
    if (own != NULL && own->ifindex == probe->key.ifindex)
        m.sender = ip4_from_addr(own->addr);
    return emit_frame(iface, probe->unicast ? probe->mac : eth_broadcast(), &m, p, size);
}
