/* SPDX-License-Identifier: MIT */
#include "net/nd.h"

#include "base/layout.h"

enum { INTERFACES_MAX = 64, MTU_MAX = 65535 };

#define LIFETIME_INFINITE UINT32_MAX /* RFC 4861 4.6.2 */

static const struct ip6_addr all_nodes = {{0xff, 2, [15] = 1}};
static const struct ip6_addr all_routers = {{0xff, 2, [15] = 2}};

static const struct pace_limit answer_limit = {
    .interval_ns = WEIR_NS_PER_S / ND_ANSWERS_PER_S_MAX,
    .burst = ND_ANSWERS_BURST,
};

size_t nd_size(uint32_t interfaces_max)
{
    if (interfaces_max < 1 || interfaces_max > INTERFACES_MAX)
        return 0;
    return layout_size(
        layout_bytes(interfaces_max, sizeof(struct nd_iface), _Alignof(struct nd_iface)));
}

void nd_init(struct nd_host *h, const struct nd_host_config *config, void *mem)
{
    CHECK(config->handler, nd_size(config->interfaces_max) > 0 && mem != NULL);
    CHECK(config->handler, config->wheel != NULL && config->neighbours != NULL &&
                               config->addresses != NULL && config->dad != NULL);
    *h = (struct nd_host){
        .handler = config->handler,
        .wheel = config->wheel,
        .neighbours = config->neighbours,
        .addresses = config->addresses,
        .dad = config->dad,
        .rng = config->rng,
        .interfaces_max = config->interfaces_max,
        .iface = layout_align(mem, _Alignof(struct nd_iface)),
    };
    for (uint32_t i = 0; i < h->interfaces_max; i++)
        h->iface[i] = (struct nd_iface){.up = false};
}

static struct nd_iface *iface_of(const struct nd_host *h, uint32_t ifindex)
{
    CHECK(h->handler, ifindex < h->interfaces_max && h->iface[ifindex].up);
    return &h->iface[ifindex];
}

/* ---- the list of routers and prefixes ---- */

static weir_time earliest_expiry(const struct nd_learned *list, unsigned n)
{
    weir_time earliest = WEIR_TIME_NEVER;
    for (unsigned i = 0; i < n; i++)
        if (list[i].present && list[i].expires < earliest)
            earliest = list[i].expires;
    return earliest;
}

/* Arm the interface's one timer for whatever comes first. */
static void schedule(struct nd_host *h, struct nd_iface *iface)
{
    weir_time router = earliest_expiry(iface->router, ND_ROUTERS_MAX);
    weir_time prefix = earliest_expiry(iface->on_link, ND_ON_LINK_MAX);
    weir_time at = router < prefix ? router : prefix;
    if (iface->solicit_at < at)
        at = iface->solicit_at;
    if (at == WEIR_TIME_NEVER)
        wheel_cancel(h->wheel, &iface->timer.node);
    else
        wheel_arm(h->wheel, &iface->timer.node, at);
}

/* The one for this address and length, or else a free place, or else NULL. */
static struct nd_learned *learned_place(struct nd_learned *list, unsigned n, struct ip6_addr addr,
                                        uint8_t len)
{
    struct nd_learned *place = NULL;
    for (unsigned i = 0; i < n; i++) {
        struct nd_learned *x = &list[i];
        bool in_use = x->present || x->told;
        if (in_use && x->len == len && ip6_eq(x->addr, addr))
            return x;
        if (!in_use && place == NULL)
            place = x;
    }
    return place;
}

/* A router gave this a lifetime; 0 takes it away. False when there is no place for it. */
static bool learn(struct nd_learned *list, unsigned n, const struct nd_learned *what,
                  uint32_t lifetime_s, weir_time now)
{
    struct nd_learned *x = learned_place(list, n, what->addr, what->len);
    if (x == NULL)
        return lifetime_s == 0;
    if (lifetime_s == 0) {
        x->present = false;
        return true;
    }
    x->addr = what->addr;
    x->len = what->len;
    x->present = true;
    x->expires = lifetime_s == LIFETIME_INFINITE ? WEIR_TIME_NEVER
                                                 : pace_after(now, lifetime_s * WEIR_NS_PER_S);
    return true;
}

static void forget_expired(struct nd_learned *list, unsigned n, weir_time now)
{
    for (unsigned i = 0; i < n; i++)
        if (list[i].present && list[i].expires <= now)
            list[i].present = false;
}

static bool next_change(struct nd_learned *list, unsigned n, struct nd_change *out)
{
    for (unsigned i = 0; i < n; i++) {
        struct nd_learned *x = &list[i];
        if (x->present == x->told)
            continue;
        x->told = x->present;
        *out = (struct nd_change){.added = x->present, .len = x->len, .addr = x->addr};
        return true;
    }
    return false;
}

bool nd_change(struct nd_host *h, uint32_t ifindex, struct nd_change *out)
{
    struct nd_iface *iface = iface_of(h, ifindex);
    if (next_change(iface->on_link, ND_ON_LINK_MAX, out))
        return true;
    bool found = next_change(iface->router, ND_ROUTERS_MAX, out);
    if (found)
        out->router = true;
    return found;
}

void nd_iface_up(struct nd_host *h, uint32_t ifindex, const struct nd_iface_config *config,
                 weir_time now)
{
    CHECK(h->handler, ifindex < h->interfaces_max && !h->iface[ifindex].up);
    CHECK(h->handler, eth_addr_is_station(config->mac));
    CHECK(h->handler, config->link_mtu >= IP6_MTU_MIN && config->link_mtu <= MTU_MAX);
    struct nd_iface *iface = &h->iface[ifindex];
    *iface = (struct nd_iface){
        .timer.kind = NET_TIMER_ROUTER,
        .config = *config,
        .up = true,
        .mtu = config->link_mtu,
        .hop_limit = ND_HOP_LIMIT_MIN,
        .solicit_at = WEIR_TIME_NEVER,
        .answers = pace_make(),
    };
    if (config->accept_routers) {
        uint64_t delay_ms = rng_between(&h->rng, 0, ND_SOLICITATION_DELAY_MS);
        iface->solicit_at = pace_after(now, (int64_t)delay_ms * WEIR_NS_PER_MS);
    }
    schedule(h, iface);
}

void nd_expire(struct nd_host *h, struct net_timer *timer, weir_time now)
{
    struct nd_iface *iface = (void *)timer;
    _Static_assert(offsetof(struct nd_iface, timer) == 0, "a timer is its interface");
    CHECK(h->handler, timer->kind == NET_TIMER_ROUTER && iface->up);
    if (iface->solicit_at <= now) {
        iface->solicitation_due = true;
        iface->solicit_at = WEIR_TIME_NEVER; /* until it is sent */
    }
    forget_expired(iface->router, ND_ROUTERS_MAX, now);
    forget_expired(iface->on_link, ND_ON_LINK_MAX, now);
    schedule(h, iface);
}

/* ---- input ---- */

static unsigned heard(struct nd_host *h, const struct nd_rx *rx, struct neighbour_event *event,
                      weir_time now)
{
    const struct nd *m = rx->m;
    bool advertisement = m->type == ICMP6_NEIGHBOUR_ADVERTISEMENT;
    event->key.addr = addr_from_ip6(advertisement ? m->target : rx->ip->source);
    event->key.ifindex = rx->ifindex;
    event->has_mac = advertisement ? m->has_target_mac : m->has_source_mac;
    event->mac = advertisement ? m->target_mac : m->source_mac;
    return neighbour_heard(h->neighbours, event, now);
}

/* Note an answer to a solicitation of our address (RFC 4861 7.2.4). */
static void note_answer(struct nd_host *h, struct nd_iface *iface, const struct nd_rx *rx,
                        weir_time now)
{
    bool unspecified = ip6_is_unspecified(rx->ip->source);
    struct nd_note answer = {.target = rx->m->target, .destination = rx->ip->source};
    if (unspecified)
        answer.mac = ip6_multicast_mac(all_nodes);
    else
        answer.mac = rx->m->has_source_mac ? rx->m->source_mac : rx->source;
    for (unsigned i = 0; i < iface->count; i++) {
        const struct nd_note *n = &iface->note[(iface->first + i) % ND_NOTES_MAX];
        if (ip6_eq(n->target, answer.target) && ip6_eq(n->destination, answer.destination) &&
            eth_addr_eq(n->mac, answer.mac))
            return;
    }
    if (iface->count == ND_NOTES_MAX || !pace_take(&iface->answers, &answer_limit, now)) {
        h->count.answers_limited++;
        return;
    }
    iface->note[(iface->first + iface->count++) % ND_NOTES_MAX] = answer;
}

static enum weir_drop solicitation_input(struct nd_host *h, struct nd_iface *iface,
                                         const struct nd_rx *rx, weir_time now)
{
    bool unspecified = ip6_is_unspecified(rx->ip->source);
    struct address *own = address_find(h->addresses, addr_from_ip6(rx->m->target), rx->ifindex);
    if (own == NULL || own->state == ADDRESS_DUPLICATED)
        return WEIR_DROP_ND_NOT_FOR_US;
    if (own->state == ADDRESS_TENTATIVE) { /* RFC 4862 5.4.3 */
        if (!unspecified)
            return WEIR_DROP_ND_NOT_FOR_US;
        dad_conflict(h->dad, own);
        return WEIR_DROP_NONE;
    }
    if (!unspecified) {
        struct neighbour_event event = {.message = NEIGHBOUR_SOLICITATION};
        heard(h, rx, &event, now);
    }
    note_answer(h, iface, rx, now);
    return WEIR_DROP_NONE;
}

static enum weir_drop advertisement_input(struct nd_host *h, struct nd_iface *iface,
                                          const struct nd_rx *rx, weir_time now)
{
    struct address *own = address_find(h->addresses, addr_from_ip6(rx->m->target), rx->ifindex);
    if (own != NULL && own->state == ADDRESS_TENTATIVE) { /* RFC 4862 5.4.4 */
        dad_conflict(h->dad, own);
        return WEIR_DROP_NONE;
    }
    if (own != NULL) {
        h->count.conflicts++;
        return WEIR_DROP_ND_CONFLICT;
    }
    struct neighbour_event event = {
        .message = NEIGHBOUR_ADVERTISEMENT,
        .solicited = rx->m->solicited,
        .override = rx->m->override,
        .router = rx->m->router,
    };
    unsigned result = heard(h, rx, &event, now);
    if ((result & NEIGHBOUR_HEARD_ROUTER_LOST) != 0) {
        struct nd_learned router = {.addr = rx->m->target};
        learn(iface->router, ND_ROUTERS_MAX, &router, 0, now);
        schedule(h, iface);
    }
    if ((result & NEIGHBOUR_HEARD_CHALLENGED) != 0)
        return WEIR_DROP_ND_CONFLICT;
    return (result & NEIGHBOUR_HEARD_KNOWN) != 0 ? WEIR_DROP_NONE : WEIR_DROP_ND_UNSOLICITED;
}

static struct ip6_addr masked(struct ip6_addr addr, unsigned len)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned bits = len < 8 * i ? 0 : len - 8 * i;
        if (bits < 8)
            addr.b[i] &= (uint8_t)(0xff00U >> bits);
    }
    return addr;
}

/* A prefix that is on the link (RFC 4861 6.3.4). One of length 0 would draw the whole world onto
 * it. */
static void learn_prefix(struct nd_host *h, struct nd_iface *iface, const struct nd_prefix *prefix,
                         weir_time now)
{
    if (!prefix->on_link)
        return;
    struct nd_learned what = {.addr = masked(prefix->prefix, prefix->len), .len = prefix->len};
    if (prefix->len == 0 || ip6_is_link_local(what.addr) || ip6_is_multicast(what.addr) ||
        ip6_is_mapped(what.addr) ||
        !learn(iface->on_link, ND_ON_LINK_MAX, &what, prefix->valid_s, now))
        h->count.prefixes_refused++;
}

/* The values for the link: within what is sane, whatever the router says (ATK-ND-05). */
static void learn_values(struct nd_host *h, struct nd_iface *iface, const struct nd_rx *rx)
{
    const struct nd *m = rx->m;
    if (m->hop_limit >= ND_HOP_LIMIT_MIN)
        iface->hop_limit = m->hop_limit;
    else if (m->hop_limit != 0)
        h->count.hop_limits_refused++;
    if (m->mtu >= IP6_MTU_MIN && m->mtu <= iface->config.link_mtu)
        iface->mtu = m->mtu;
    else if (m->mtu != 0)
        h->count.mtus_refused++;
    neighbour_set_times(h->neighbours, rx->ifindex, m->reachable_ms, m->retrans_ms);
}

static enum weir_drop router_input(struct nd_host *h, struct nd_iface *iface,
                                   const struct nd_rx *rx, weir_time now)
{
    const struct nd *m = rx->m;
    if (!iface->config.accept_routers)
        return WEIR_DROP_ND_ROUTER;
    struct nd_learned router = {.addr = rx->ip->source};
    if (!learn(iface->router, ND_ROUTERS_MAX, &router, m->lifetime_s, now))
        h->count.routers_refused++;
    for (unsigned i = 0; i < m->prefix_count; i++)
        learn_prefix(h, iface, &m->prefix[i], now);
    learn_values(h, iface, rx);
    if (m->lifetime_s > 0) { /* RFC 4861 6.3.7: no need to ask on */
        iface->solicit_at = WEIR_TIME_NEVER;
        iface->solicitation_due = false;
        iface->solicitations = ND_SOLICITATIONS;
    }
    schedule(h, iface);
    struct neighbour_event event = {.message = NEIGHBOUR_ROUTER_ADVERTISEMENT, .router = true};
    unsigned result = heard(h, rx, &event, now);
    return (result & NEIGHBOUR_HEARD_CHALLENGED) != 0 ? WEIR_DROP_ND_CONFLICT : WEIR_DROP_NONE;
}

/* What every message must satisfy, beyond what nd_parse() can know. */
static enum weir_drop check(const struct nd_host *h, const struct nd_iface *iface,
                            const struct nd_rx *rx)
{
    const struct nd *m = rx->m;
    const struct eth_addr own_mac = iface->config.mac;
    struct weir_addr source = addr_from_ip6(rx->ip->source);
    if (rx->ip->fragment_at != 0)
        return WEIR_DROP_ND_FRAGMENT;
    if (!eth_addr_is_station(rx->source) || eth_addr_eq(rx->source, own_mac))
        return WEIR_DROP_ND_MAC;
    if (m->has_source_mac &&
        (!eth_addr_is_station(m->source_mac) || eth_addr_eq(m->source_mac, own_mac)))
        return WEIR_DROP_ND_MAC;
    if (m->has_target_mac &&
        (!eth_addr_is_station(m->target_mac) || eth_addr_eq(m->target_mac, own_mac)))
        return WEIR_DROP_ND_MAC;
    /* Mapped, it would be the key of an IPv4 neighbour. The target is zero where there is none. */
    if (ip6_is_mapped(rx->ip->source) || ip6_is_mapped(m->target))
        return WEIR_DROP_ND_TARGET;
    const struct address *own = address_find(h->addresses, source, rx->ifindex);
    if (own != NULL && own->state != ADDRESS_TENTATIVE && own->state != ADDRESS_DUPLICATED)
        return WEIR_DROP_ND_CONFLICT;
    if (address_source_is_martian(h->addresses, source, rx->ifindex))
        return WEIR_DROP_ND_TARGET;
    if (m->type == ICMP6_NEIGHBOUR_ADVERTISEMENT && ip6_is_unspecified(rx->ip->source))
        return WEIR_DROP_ND_TARGET;
    return WEIR_DROP_NONE;
}

enum weir_drop nd_input(struct nd_host *h, const struct nd_rx *rx, weir_time now)
{
    struct nd_iface *iface = iface_of(h, rx->ifindex);
    enum weir_drop drop = check(h, iface, rx);
    if (drop != WEIR_DROP_NONE) {
        h->count.conflicts += drop == WEIR_DROP_ND_CONFLICT;
        return drop;
    }
    switch (rx->m->type) {
    case ICMP6_NEIGHBOUR_SOLICITATION:
        return solicitation_input(h, iface, rx, now);
    case ICMP6_NEIGHBOUR_ADVERTISEMENT:
        return advertisement_input(h, iface, rx, now);
    case ICMP6_ROUTER_ADVERTISEMENT:
        return router_input(h, iface, rx, now);
    case ICMP6_REDIRECT:
        h->count.redirects++;
        return WEIR_DROP_ND_REDIRECT;
    default:
        return WEIR_DROP_ND_ROUTER;
    }
}

/* ---- output ---- */

struct frame {
    struct ip6_addr source, destination;
    struct eth_addr mac;
    struct nd m;
};

static size_t emit_frame(const struct nd_iface *iface, const struct frame *f, uint8_t *p,
                         size_t size)
{
    struct eth eth = {.destination = f->mac, .source = iface->config.mac, .type = ETH_TYPE_IP6};
    struct ip6 ip = {.source = f->source,
                     .destination = f->destination,
                     .hop_limit = ND_HOP_LIMIT,
                     .next_header = IP_PROTOCOL_ICMP6};
    if (size < ND_FRAME_MAX)
        return 0;
    size_t at = ETH_HEADER_MIN + IP6_HEADER_LEN;
    ip.payload_len = (uint16_t)nd_emit(p + at, size - at, &f->m, &ip);
    eth_emit(p, ETH_HEADER_MIN, &eth);
    ip6_emit(p + ETH_HEADER_MIN, IP6_HEADER_LEN, &ip);
    return at + ip.payload_len;
}

static size_t emit_advertisement(const struct nd_iface *iface, const struct nd_note *note,
                                 uint8_t *p, size_t size)
{
    bool to_all = ip6_is_unspecified(note->destination);
    struct frame f = {
        .source = note->target,
        .destination = to_all ? all_nodes : note->destination,
        .mac = note->mac,
        .m = {.type = ICMP6_NEIGHBOUR_ADVERTISEMENT,
              .target = note->target,
              .solicited = !to_all,
              .override = true,
              .has_target_mac = true,
              .target_mac = iface->config.mac},
    };
    return emit_frame(iface, &f, p, size);
}

/* From an address of ours for this destination, with our link-layer address, or from :: without. */
static void set_source(const struct nd_host *h, struct frame *f, uint32_t ifindex,
                       struct ip6_addr peer)
{
    struct address_path path = {
        .destination = addr_from_ip6(peer), .next_hop = addr_from_ip6(peer), .ifindex = ifindex};
    const struct address *own = address_select(h->addresses, &path);
    if (own == NULL || own->ifindex != ifindex)
        return;
    f->source = ip6_from_addr(own->addr);
    f->m.has_source_mac = true;
    f->m.source_mac = h->iface[ifindex].config.mac;
}

static size_t emit_router_solicitation(struct nd_host *h, uint32_t ifindex, weir_time now,
                                       uint8_t *p, size_t size)
{
    struct nd_iface *iface = iface_of(h, ifindex);
    struct frame f = {.destination = all_routers,
                      .mac = ip6_multicast_mac(all_routers),
                      .m = {.type = ICMP6_ROUTER_SOLICITATION}};
    set_source(h, &f, ifindex, all_routers);
    iface->solicitation_due = false;
    if (++iface->solicitations < ND_SOLICITATIONS)
        iface->solicit_at = pace_after(now, ND_SOLICITATION_MS * WEIR_NS_PER_MS);
    schedule(h, iface);
    return emit_frame(iface, &f, p, size);
}

bool nd_has_output(const struct nd_host *h, uint32_t ifindex)
{
    CHECK(h->handler, ifindex < h->interfaces_max);
    return h->iface[ifindex].count > 0 || h->iface[ifindex].solicitation_due;
}

size_t nd_output(struct nd_host *h, uint32_t ifindex, weir_time now, uint8_t *p, size_t size)
{
    struct nd_iface *iface = iface_of(h, ifindex);
    if (size < ND_FRAME_MAX)
        return 0;
    while (iface->count > 0) {
        struct nd_note n = iface->note[iface->first];
        iface->first = (uint8_t)((iface->first + 1U) % ND_NOTES_MAX);
        iface->count--;
        const struct address *own = address_find(h->addresses, addr_from_ip6(n.target), ifindex);
        if (own == NULL || own->state == ADDRESS_TENTATIVE || own->state == ADDRESS_DUPLICATED)
            continue; /* removed meanwhile */
        h->count.answers++;
        return emit_advertisement(iface, &n, p, size);
    }
    return iface->solicitation_due ? emit_router_solicitation(h, ifindex, now, p, size) : 0;
}

size_t nd_announce(const struct nd_host *h, uint32_t ifindex, const struct dad_message *message,
                   uint8_t *p, size_t size)
{
    const struct nd_iface *iface = iface_of(h, ifindex);
    struct ip6_addr own = ip6_from_addr(message->addr);
    CHECK(h->handler, !addr_is_ip4(message->addr));
    if (!message->probe) {
        struct nd_note all = {.target = own, .mac = ip6_multicast_mac(all_nodes)};
        return emit_advertisement(iface, &all, p, size);
    }
    struct frame f = {.destination = ip6_solicited_node(own),
                      .m = {.type = ICMP6_NEIGHBOUR_SOLICITATION, .target = own}};
    f.mac = ip6_multicast_mac(f.destination);
    return emit_frame(iface, &f, p, size);
}

size_t nd_solicit(const struct nd_host *h, const struct neighbour_probe *probe, uint8_t *p,
                  size_t size)
{
    const struct nd_iface *iface = iface_of(h, probe->key.ifindex);
    struct ip6_addr target = ip6_from_addr(probe->key.addr);
    struct frame f = {.destination = probe->unicast ? target : ip6_solicited_node(target),
                      .m = {.type = ICMP6_NEIGHBOUR_SOLICITATION, .target = target}};
    CHECK(h->handler, !addr_is_ip4(probe->key.addr));
    f.mac = probe->unicast ? probe->mac : ip6_multicast_mac(f.destination);
    set_source(h, &f, probe->key.ifindex, target);
    /* From :: it would be a probe for an address that we want ourselves. */
    return f.m.has_source_mac ? emit_frame(iface, &f, p, size) : 0;
}
