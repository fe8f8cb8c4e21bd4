/* SPDX-License-Identifier: MIT
 * Datagrams on their way out: queued with their checksum, sent by reference, released. */
#include "base/mem.h"
#include "udp/udp.h"
#include "wire/udp.h"

/* What stands in the send ring before the bytes of a datagram. */
struct queued {
    struct net_path path;
    uint32_t len;
    uint8_t upper[UDP_HEADER_LEN]; /* the transport header, its checksum included */
    uint8_t hop_limit, traffic_class;
    bool dont_fragment, source_fixed, ifindex_fixed;
    uint8_t unused[3];
};

_Static_assert(sizeof(struct queued) == WEIR_UDP_SEND_RECORD_BYTES, "documented");
_Static_assert((int)UDP_HEADER_LEN == (int)ICMP_HEADER_LEN &&
                   (int)UDP_HEADER_LEN <= (int)DATAGRAM_UPPER_MAX,
               "one place for either header");

/* ---- the ready lists ---- */

static void ready_add(struct udp_room *udp, struct udp_endpoint *e)
{
    struct udp_list *list = &udp->ready[e->out.path.ifindex];
    e->sending = UDP_READY;
    e->ready_next = NULL;
    if (list->last != NULL)
        list->last->ready_next = e;
    else
        list->first = e;
    list->last = e;
}

/* Take the first off the list of an interface. */
static struct udp_endpoint *ready_take(struct udp_room *udp, unsigned ifindex)
{
    struct udp_list *list = &udp->ready[ifindex];
    struct udp_endpoint *e = list->first;
    CHECK(udp->handler, e != NULL && e->sending == UDP_READY);
    list->first = e->ready_next;
    if (list->first == NULL)
        list->last = NULL;
    e->sending = UDP_IDLE;
    return e;
}

/* ---- ways that change ---- */

/* Does the checksum of the datagram cover its addresses? */
static bool has_pseudo(const struct udp_endpoint *e, bool ip4)
{
    return e->kind == WEIR_DATAGRAM_UDP || !ip4;
}

/* The datagram got another source address: bring its checksum up to date (RFC 1624). */
static void change_source(struct udp_endpoint *e, struct weir_addr from, struct weir_addr to)
{
    bool ip4 = addr_is_ip4(to), is_udp = e->kind == WEIR_DATAGRAM_UDP;
    uint8_t *p = e->out.upper + (is_udp ? 6 : 2);
    be16 field = {{p[0], p[1]}};
    if (!has_pseudo(e, ip4) || (is_udp && load16(field.b) == 0))
        return;
    for (unsigned i = ip4 ? 12 : 0; i < 16; i += 4)
        field = csum_update32(field, be32_make(load32(from.bytes + i)),
                              be32_make(load32(to.bytes + i)));
    if (is_udp && load16(field.b) == 0)
        field = be16_make(0xffff);
    memcpy(p, field.b, 2);
}

/* Addresses or routes have changed since the datagram was queued: find its way again. A datagram of
 * which some fragments are gone goes on as it began. */
static bool refresh(struct udp_room *udp, struct udp_endpoint *e)
{
    struct net_path *path = &e->out.path, found;
    uint32_t generation = udp->net->addresses.generation + udp->net->routes.generation;
    if (path->generation == generation || e->out.next_fragment > 0)
        return true;
    struct net_path wanted = {.destination = path->destination,
                              .ifindex = e->ifindex_fixed ? path->ifindex : ROUTE_ANY_INTERFACE};
    if (e->source_fixed) {
        wanted.source = path->source;
        if (udp_own_iface(udp, path->source) < 0)
            return false;
    }
    if (net_path(udp->net, &wanted, &found) != WEIR_OK)
        return false;
    change_source(e, path->source, found.source);
    *path = found;
    return true;
}

/* ---- the first datagram ---- */

/* Make the first datagram of the queue the one to send, if there is one. The endpoint is IDLE. */
static void load(struct udp_room *udp, struct udp_endpoint *e)
{
    struct queued record;
    CHECK(udp->handler, e->sending == UDP_IDLE);
    if (e->send_next == e->send_tail)
        return;
    ring_read(&e->send, e->send_next, &record, sizeof record);
    e->out = (struct datagram){
        .waiter = {.kind = NET_WAITER_UDP},
        .path = record.path,
        .protocol = IP_PROTOCOL_UDP,
        .hop_limit = record.hop_limit,
        .traffic_class = record.traffic_class,
        .dont_fragment = record.dont_fragment,
        .upper_len = UDP_HEADER_LEN,
    };
    if (e->kind == WEIR_DATAGRAM_ECHO)
        e->out.protocol = addr_is_ip4(record.path.destination) ? IP_PROTOCOL_ICMP4
                                                               : IP_PROTOCOL_ICMP6;
    memcpy(e->out.upper, record.upper, UDP_HEADER_LEN);
    size_t n =
        ring_refs(&e->send, e->send_next + sizeof record, record.len, e->out.payload);
    CHECK(udp->handler, n == record.len); /* fits() saw to it */
    e->send_len = (uint32_t)(sizeof record + record.len);
    e->source_fixed = record.source_fixed;
    e->ifindex_fixed = record.ifindex_fixed;
    (void)refresh(udp, e); /* so that it stands on the right list; if there is no way, output tells */
    ready_add(udp, e);
}

/* The first datagram was sent, or never will be: go on to the next one. */
static void advance(struct udp_room *udp, struct udp_endpoint *e)
{
    e->send_next += e->send_len;
    CHECK(udp->handler, e->send_next <= e->send_tail);
    if (!e->spent) {
        e->spent = true;
        e->spent_next = udp->spent;
        udp->spent = e;
    }
    load(udp, e);
}

/* ---- room in the queue ---- */

/* The bytes of a datagram lie in two blocks at most: so an empty queue takes blocks that suit its first
 * one, and a longer one waits until the queue is empty again. */
static bool fits(const struct udp_endpoint *e, uint32_t bytes)
{
    uint64_t used = e->send_tail - e->send.head;
    if (used == 0)
        return bytes <= e->send_bytes_max;
    size_t payload = bytes - sizeof(struct queued);
    return used + bytes <= e->send_bytes_max &&
           payload <= blocks_bytes((enum blocks_class)e->send.class) + 1;
}

void udp_begin(struct udp_room *udp)
{
    while (udp->spent != NULL) {
        struct udp_endpoint *e = udp->spent;
        udp->spent = e->spent_next;
        e->spent = false;
        if (e->send_next == e->send_tail)
            ring_reset(&e->send, e->send_tail); /* with what was opened and not used */
        else
            ring_release(&e->send, e->send_next);
        if (e->send_refused != 0 && fits(e, e->send_refused)) {
            e->send_refused = 0;
            udp_raise(udp, e, WEIR_EVENT_WRITABLE, WEIR_OK);
        }
        udp_free_if_done(udp, e);
    }
}

/* ---- sending ---- */

/* The way to send `to` by. */
static int way(struct udp_room *udp, struct udp_endpoint *e, const struct weir_datagram *to,
               struct queued *record)
{
    struct weir_addr source = to->local, zeros = {{0}};
    uint32_t ifindex = to->ifindex != 0 ? to->ifindex - 1 : ROUTE_ANY_INTERFACE;
    if (to->ifindex > udp->net->iface_count)
        return WEIR_E_INVALID;
    if (addr_eq(source, zeros))
        source = e->local;
    else if (!addr_eq(e->local, zeros) && !addr_eq(e->local, source))
        return WEIR_E_INVALID;
    record->source_fixed = !addr_eq(source, zeros);
    if (record->source_fixed) {
        if (addr_is_ip4(source) != addr_is_ip4(to->remote))
            return WEIR_E_INVALID;
        int own = udp_own_iface(udp, source);
        if (own < 0)
            return WEIR_E_NOT_FOUND;
        if (ifindex == ROUTE_ANY_INTERFACE && addr_is_link_scope(source))
            ifindex = (uint32_t)own;
    }
    record->ifindex_fixed = ifindex != ROUTE_ANY_INTERFACE;
    struct udp_way *last = &e->way;
    uint32_t generation = udp->net->addresses.generation + udp->net->routes.generation;
    if (!last->valid || last->path.generation != generation || last->ifindex != ifindex ||
        !addr_eq(last->source, source) || !addr_eq(last->path.destination, to->remote)) {
        struct net_path wanted = {
            .source = source, .destination = to->remote, .ifindex = ifindex};
        last->valid = net_path(udp->net, &wanted, &last->path) == WEIR_OK;
        last->source = source;
        last->ifindex = ifindex;
    }
    if (!last->valid)
        return WEIR_E_UNREACHABLE;
    record->path = last->path;
    return WEIR_OK;
}

static bool is_group(struct weir_addr addr)
{
    return addr_is_ip4(addr) ? ip4_is_multicast(ip4_from_addr(addr))
                             : ip6_is_multicast(ip6_from_addr(addr));
}

/* Is it too long for an IP datagram, or for the path when it is not to be cut? */
static bool too_long(struct udp_room *udp, const struct weir_datagram *to, size_t len,
                     const struct net_path *path, weir_time now)
{
    bool ip4 = addr_is_ip4(path->destination);
    if (len > (ip4 ? UDP_IP4_PAYLOAD_MAX : UDP_IP6_PAYLOAD_MAX))
        return true;
    if (!to->dont_fragment)
        return false;
    uint32_t mtu = pmtu_lookup(&udp->net->pmtus, path->destination, path->mtu, now).mtu;
    return len + UDP_HEADER_LEN + (ip4 ? IP4_HEADER_MIN : IP6_HEADER_LEN) > mtu;
}

/* Where and how: everything of the record but its checksum. */
static int plan(struct udp_room *udp, struct udp_endpoint *e, const struct weir_datagram *to,
                size_t len, struct queued *record, weir_time now)
{
    struct weir_addr zeros = {{0}};
    struct weir_datagram filled = *to;
    if (addr_eq(to->remote, zeros)) {
        filled.remote = e->remote;
        if (e->kind == WEIR_DATAGRAM_UDP)
            filled.remote_port = e->remote_port;
    }
    if (addr_eq(filled.remote, zeros) ||
        (addr_is_ip4(filled.remote) && ip4_is_unspecified(ip4_from_addr(filled.remote))) ||
        (e->kind == WEIR_DATAGRAM_UDP && filled.remote_port == 0))
        return WEIR_E_INVALID;
    int error = way(udp, e, &filled, record);
    if (error != WEIR_OK)
        return error;
    if (too_long(udp, to, len, &record->path, now))
        return WEIR_E_RANGE;
    uint8_t hops = is_group(filled.remote) ? UDP_HOP_LIMIT_GROUP : UDP_HOP_LIMIT;
    record->len = (uint32_t)len;
    record->hop_limit = to->hop_limit != 0 ? to->hop_limit : hops;
    record->traffic_class = to->traffic_class;
    record->dont_fragment = to->dont_fragment;
    uint8_t *p = record->upper;
    if (e->kind == WEIR_DATAGRAM_UDP) {
        store16(p, e->port);
        store16(p + 2, filled.remote_port);
        store16(p + 4, (uint16_t)(UDP_HEADER_LEN + len));
    } else {
        p[0] = addr_is_ip4(filled.remote) ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST;
        store16(p + 4, e->port);
        store16(p + 6, filled.remote_port);
    }
    return WEIR_OK;
}

/* Fill in the checksum, the payload's sum being known. */
static void finish(const struct udp_endpoint *e, struct queued *record, struct csum payload)
{
    const struct net_path *path = &record->path;
    bool ip4 = addr_is_ip4(path->destination), is_udp = e->kind == WEIR_DATAGRAM_UDP;
    uint32_t len = UDP_HEADER_LEN + record->len;
    if (is_udp && ip4 && e->checksum_off)
        return;
    struct csum sum = csum_header(payload, record->upper, UDP_HEADER_LEN);
    if (has_pseudo(e, ip4) && ip4)
        sum = csum_add(sum, ip4_pseudo(ip4_from_addr(path->source),
                                       ip4_from_addr(path->destination), IP_PROTOCOL_UDP,
                                       (uint16_t)len));
    else if (!ip4)
        sum = csum_add(sum, ip6_pseudo(ip6_from_addr(path->source),
                                       ip6_from_addr(path->destination),
                                       is_udp ? IP_PROTOCOL_UDP : IP_PROTOCOL_ICMP6, len));
    be16 field = is_udp ? udp_checksum_finish(sum) : csum_finish(sum);
    memcpy(record->upper + (is_udp ? 6 : 2), field.b, 2);
}

/* Write record and payload behind the tail; false without memory. */
static bool enqueue(struct udp_room *udp, struct udp_endpoint *e, struct queued *record,
                    struct weir_ref data)
{
    bool empty = e->send_tail == e->send.head;
    if (empty) /* the payload spans two blocks of this class at most */
        ring_set_class(&e->send, data.len <= blocks_bytes(BLOCKS_16K) + 1 ? BLOCKS_16K
                                                                          : BLOCKS_64K);
    struct ring_sum written = ring_write_sum(&e->send, e->send_tail + sizeof *record, data,
                                             BLOCKS_NORMAL, udp->ops);
    finish(e, record, written.sum);
    struct weir_ref head = {(const uint8_t *)record, sizeof *record};
    if (written.len != data.len ||
        ring_write(&e->send, e->send_tail, head, BLOCKS_NORMAL) != head.len) {
        if (empty)
            ring_reset(&e->send, e->send_tail);
        return false;
    }
    e->send_tail += sizeof *record + data.len;
    return true;
}

int udp_send(struct udp_room *udp, struct udp_endpoint *e, const struct weir_datagram *to,
             struct weir_ref data, weir_time now)
{
    struct weir_datagram connected = {.ifindex = 0};
    struct queued record = {.len = 0};
    CHECK(udp->handler, !e->closed);
    int error = udp_take_error(e);
    if (error == WEIR_OK)
        error = plan(udp, e, to != NULL ? to : &connected, data.len, &record, now);
    if (error != WEIR_OK)
        return error;
    uint32_t bytes = (uint32_t)(sizeof record + data.len);
    if (bytes > e->send_bytes_max)
        return WEIR_E_RANGE;
    if (!fits(e, bytes)) {
        e->send_refused = bytes;
        udp->count.send_blocked++;
        return WEIR_E_WOULD_BLOCK;
    }
    if (!enqueue(udp, e, &record, data)) {
        udp->count.send_exhausted++;
        return WEIR_E_EXHAUSTED;
    }
    e->send_refused = 0;
    if (e->sending == UDP_IDLE)
        load(udp, e);
    return WEIR_OK;
}

/* ---- output ---- */

/* The datagram cannot be sent: drop it and say so. The endpoint is IDLE. */
static void give_up(struct udp_room *udp, struct udp_endpoint *e, int error)
{
    uint64_t *count =
        error == WEIR_E_RANGE ? &udp->count.send_too_long : &udp->count.send_unreachable;
    ++*count;
    udp_report(udp, e, error);
    advance(udp, e);
}

static void note_recent(struct udp_room *udp, const struct udp_endpoint *e, weir_time now)
{
    struct udp_flow flow = {.local = e->out.path.source,
                            .remote = e->out.path.destination,
                            .port = e->port,
                            .remote_port = load16(e->out.upper + 2),
                            .kind = e->kind};
    udp_recent_note(udp, &flow, now);
}

/* The next packet of the first endpoint on the list of an interface; false when it had none now. */
static bool output_one(struct udp_room *udp, unsigned ifindex, struct weir_tx *tx, weir_time now)
{
    struct udp_endpoint *e = udp->ready[ifindex].first;
    bool first = e->out.next_fragment == 0, found = refresh(udp, e);
    if (!found || e->out.path.ifindex != ifindex) {
        e = ready_take(udp, ifindex);
        if (found)
            ready_add(udp, e);
        else
            give_up(udp, e, WEIR_E_UNREACHABLE);
        return false;
    }
    enum datagram_outcome outcome = datagram_output(udp->net, &e->out, now, tx);
    bool made = outcome == DATAGRAM_MORE || outcome == DATAGRAM_SENT;
    if (made && first)
        note_recent(udp, e, now);
    if (outcome == DATAGRAM_MORE)
        return true; /* its other fragments follow before anybody else's */
    ready_take(udp, ifindex);
    switch (outcome) {
    case DATAGRAM_PARKED:
        e->sending = UDP_PARKED;
        break;
    case DATAGRAM_FAILED:
        give_up(udp, e, WEIR_E_UNREACHABLE);
        break;
    case DATAGRAM_TOO_LONG:
        give_up(udp, e, WEIR_E_RANGE);
        break;
    case DATAGRAM_SENT:
    case DATAGRAM_MORE:
        udp->count.sent++;
        advance(udp, e);
        break;
    }
    return made;
}

unsigned udp_output(struct udp_room *udp, unsigned ifindex, struct weir_tx *tx, unsigned max,
                    weir_time now)
{
    CHECK(udp->handler, ifindex < udp->interfaces_max);
    unsigned n = 0;
    while (n < max && udp->ready[ifindex].first != NULL)
        if (output_one(udp, ifindex, &tx[n], now))
            n++;
    return n;
}

void udp_woken(struct udp_room *udp, struct neighbour_waiter *waiter,
               enum neighbour_answer verdict)
{
    CHECK(udp->handler, waiter->kind == NET_WAITER_UDP);
    /* The waiter is the first member of a datagram, and that of an endpoint. */
    struct udp_endpoint *e = (void *)waiter;
    CHECK(udp->handler, e->sending == UDP_PARKED);
    e->sending = UDP_IDLE;
    if (verdict == NEIGHBOUR_READY) {
        ready_add(udp, e);
    } else if (verdict == NEIGHBOUR_UNREACHABLE) {
        give_up(udp, e, WEIR_E_UNREACHABLE);
    } else {
        udp->count.send_displaced++;
        advance(udp, e);
    }
}
