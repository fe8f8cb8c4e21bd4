/* SPDX-License-Identifier: MIT
 * Datagrams on their way in, and what ICMP says of those that went out (RFC 768, RFC 1122 4.1.3,
 * RFC 8200 8.1). */
#include "udp/udp.h"
#include "wire/udp.h"

/* What stands in the receive ring before the bytes of a datagram. */
struct received {
    weir_time time;
    struct weir_addr remote, local;
    uint32_t len;
    uint32_t ifindex;
    uint16_t remote_port, local_port;
    uint8_t hop_limit, traffic_class;
    uint8_t unused[2];
};

_Static_assert(sizeof(struct received) == WEIR_UDP_RECORD_BYTES, "documented");

/* Bytes [at, at + len) of the parts of a packet. */
struct extent {
    const struct net_rx *rx;
    uint32_t at, len;
};

/* The piece of an extent that lies in part i. */
static struct weir_ref piece(const struct extent *x, unsigned i)
{
    size_t before = 0;
    for (unsigned k = 0; k < i; k++)
        before += x->rx->part[k].len;
    struct weir_ref part = x->rx->part[i];
    size_t from = before > x->at ? before : x->at;
    size_t to = before + part.len < (size_t)x->at + x->len ? before + part.len
                                                           : (size_t)x->at + x->len;
    if (from >= to)
        return (struct weir_ref){0};
    return (struct weir_ref){part.data + (from - before), to - from};
}

/* The sum of an extent behind what `sum` covers, an even number of bytes. */
static struct csum extent_sum(const struct csum_ops *ops, struct csum sum, const struct extent *x)
{
    struct weir_ref part[NET_PARTS_MAX];
    for (unsigned i = 0; i < x->rx->parts; i++)
        part[i] = piece(x, i);
    return csum_parts(ops, sum, part, x->rx->parts);
}

/* The sum of the pseudo-header for a datagram of the length that its own header says: the packet may be
 * longer (ATK-UDP-01). */
static struct csum pseudo(const struct net_rx *rx, uint32_t len)
{
    if (addr_is_ip4(rx->source))
        return ip4_pseudo(ip4_from_addr(rx->source), ip4_from_addr(rx->destination), rx->protocol,
                          (uint16_t)len);
    return ip6_pseudo(ip6_from_addr(rx->source), ip6_from_addr(rx->destination), rx->protocol, len);
}

/* A datagram to put into a queue. */
struct delivery {
    struct udp_room *udp;
    struct udp_endpoint *e;
    struct received record;
    struct extent payload;
    bool verify;     /* with `sum`, of all but the payload, of an even number of bytes */
    struct csum sum;
};

/* Copy the payload behind the record's place; false without memory. *sum: of what was copied. */
static bool copy_payload(const struct delivery *d, struct csum *sum)
{
    struct ring *ring = &d->e->receive;
    uint64_t at = d->e->receive_tail + sizeof d->record;
    size_t done = 0;
    *sum = csum_zero();
    for (unsigned i = 0; i < d->payload.rx->parts; i++) {
        struct weir_ref part = piece(&d->payload, i);
        if (!d->verify) {
            if (ring_write(ring, at + done, part, BLOCKS_NORMAL) != part.len)
                return false;
        } else {
            struct ring_sum written =
                ring_write_sum(ring, at + done, part, BLOCKS_NORMAL, d->udp->ops);
            if (written.len != part.len)
                return false;
            *sum = csum_join(*sum, done, written.sum);
        }
        done += part.len;
    }
    return true;
}

/* The record is committed when all of it is known to be good; until then it is only bytes behind the
 * tail, which the next one writes over. */
static enum weir_drop fill(struct delivery *d)
{
    struct udp_endpoint *e = d->e;
    struct csum sum;
    struct weir_ref record = {(const uint8_t *)&d->record, sizeof d->record};
    if (ring_write(&e->receive, e->receive_tail, record, BLOCKS_NORMAL) != record.len ||
        !copy_payload(d, &sum))
        return WEIR_DROP_UDP_MEMORY;
    if (d->verify && !csum_is_good(csum_add(d->sum, sum)))
        return WEIR_DROP_UDP_CHECKSUM;
    e->receive_tail += sizeof d->record + d->record.len;
    return WEIR_DROP_NONE;
}

/* An empty queue takes blocks that suit its first datagram. */
static enum blocks_class receive_class(size_t bytes)
{
    if (bytes <= blocks_bytes(BLOCKS_4K))
        return BLOCKS_4K;
    return bytes <= blocks_bytes(BLOCKS_16K) ? BLOCKS_16K : BLOCKS_64K;
}

static enum weir_drop deliver(struct delivery *d)
{
    struct udp_room *udp = d->udp;
    struct udp_endpoint *e = d->e;
    uint64_t used = e->receive_tail - e->receive.head;
    size_t bytes = sizeof d->record + d->record.len;
    if (used + bytes > e->receive_bytes_max) {
        udp->count.received_refused++;
        return WEIR_DROP_UDP_QUEUE;
    }
    if (used == 0)
        ring_set_class(&e->receive, receive_class(bytes));
    enum weir_drop drop = fill(d);
    if (drop != WEIR_DROP_NONE) {
        if (used == 0)
            ring_reset(&e->receive, e->receive_tail);
        udp->count.received_exhausted += drop == WEIR_DROP_UDP_MEMORY;
        return drop;
    }
    udp->count.received++;
    udp_raise(udp, e, WEIR_EVENT_READABLE, WEIR_OK);
    return WEIR_DROP_NONE;
}

static struct received describe(const struct net_rx *rx, weir_time now)
{
    return (struct received){.time = now,
                             .remote = rx->source,
                             .local = rx->destination,
                             .ifindex = rx->ifindex + 1,
                             .hop_limit = rx->hop_limit,
                             .traffic_class = rx->traffic_class};
}

/* ---- echo replies ---- */

/* The network room has verified the checksum. */
static enum weir_drop echo_input(struct udp_room *udp, const struct net_rx *rx, weir_time now)
{
    struct icmp icmp;
    enum weir_drop drop =
        rx->protocol == IP_PROTOCOL_ICMP4
            ? icmp4_parse(&icmp, rx->part[0].data, rx->part[0].len, rx->len)
            : icmp6_parse(&icmp, rx->part[0].data, rx->part[0].len, rx->len);
    if (drop != WEIR_DROP_NONE)
        return drop;
    struct udp_flow flow = {.local = rx->destination,
                            .remote = rx->source,
                            .port = icmp.id,
                            .kind = WEIR_DATAGRAM_ECHO};
    struct udp_endpoint *e = icmp.kind == ICMP_ECHO_REPLY ? udp_find(udp, &flow) : NULL;
    if (e == NULL)
        return WEIR_DROP_ICMP_TYPE;
    struct delivery d = {.udp = udp,
                         .e = e,
                         .record = describe(rx, now),
                         .payload = {rx, ICMP_HEADER_LEN, rx->len - ICMP_HEADER_LEN}};
    d.record.len = d.payload.len;
    d.record.remote_port = icmp.sequence;
    d.record.local_port = icmp.id;
    return deliver(&d);
}

/* ---- UDP ---- */

/* What a device has put together: datagrams of equal size (the last may be shorter) behind one header.
 * Their checksums are gone; the one field that is left is good for the whole, or was verified. */
static enum weir_drop deliver_segments(struct delivery *d, uint32_t size)
{
    struct extent whole = d->payload;
    enum weir_drop first_drop = WEIR_DROP_NONE;
    bool any = false;
    for (uint32_t at = 0; at < whole.len; at += size) {
        d->payload.at = whole.at + at;
        d->payload.len = whole.len - at < size ? whole.len - at : size;
        d->record.len = d->payload.len;
        enum weir_drop drop = deliver(d);
        if (drop == WEIR_DROP_NONE)
            any = true;
        else if (first_drop == WEIR_DROP_NONE)
            first_drop = drop;
    }
    return any ? WEIR_DROP_NONE : first_drop;
}

/* The datagram in a packet, before its endpoint is known. */
struct arrival {
    struct udp header;
    struct extent payload;
    bool verify;     /* with `sum`, of pseudo-header and header */
    struct csum sum;
};

static enum weir_drop parse(const struct net_rx *rx, struct arrival *a)
{
    bool ip6 = !addr_is_ip4(rx->source);
    enum weir_drop drop = udp_parse(&a->header, rx->part[0].data, rx->part[0].len, rx->len);
    if (drop != WEIR_DROP_NONE)
        return drop;
    bool none = load16(a->header.checksum.b) == 0; /* ATK-UDP-02 */
    if (none && ip6 && !rx->checksum_good)
        return WEIR_DROP_UDP_CHECKSUM;
    uint32_t len = a->header.payload_len;
    a->payload = (struct extent){rx, UDP_HEADER_LEN, len};
    a->verify = !none && !rx->checksum_good;
    a->sum = csum_header(pseudo(rx, UDP_HEADER_LEN + len), rx->part[0].data, UDP_HEADER_LEN);
    return WEIR_DROP_NONE;
}

static bool is_good(const struct udp_room *udp, const struct arrival *a)
{
    return !a->verify || csum_is_good(extent_sum(udp->ops, a->sum, &a->payload));
}

static enum weir_drop datagram_input(struct udp_room *udp, const struct net_rx *rx, weir_time now)
{
    struct arrival a;
    enum weir_drop drop = parse(rx, &a);
    if (drop != WEIR_DROP_NONE)
        return drop;
    struct udp_flow flow = {.local = rx->destination,
                            .remote = rx->source,
                            .port = a.header.destination_port,
                            .remote_port = a.header.source_port,
                            .kind = WEIR_DATAGRAM_UDP};
    struct udp_endpoint *e = udp_find(udp, &flow);
    if (e == NULL) /* what was damaged may not have been for this port at all */
        return is_good(udp, &a) ? WEIR_DROP_UDP_PORT : WEIR_DROP_UDP_CHECKSUM;
    struct delivery d = {.udp = udp,
                         .e = e,
                         .record = describe(rx, now),
                         .payload = a.payload,
                         .verify = a.verify,
                         .sum = a.sum};
    d.record.remote_port = a.header.source_port;
    d.record.local_port = a.header.destination_port;
    if (rx->packet->segmentation == WEIR_SEGMENT_UDP && rx->whole.block == BLOCKS_NONE &&
        a.payload.len > rx->packet->segment_size) {
        if (!is_good(udp, &a))
            return WEIR_DROP_UDP_CHECKSUM;
        d.verify = false;
        return deliver_segments(&d, rx->packet->segment_size);
    }
    d.record.len = a.payload.len;
    return deliver(&d);
}

enum weir_drop udp_input(struct udp_room *udp, const struct net_rx *rx, weir_time now)
{
    CHECK(udp->handler, rx->parts > 0 && rx->parts <= NET_PARTS_MAX);
    return rx->protocol == IP_PROTOCOL_UDP ? datagram_input(udp, rx, now)
                                           : echo_input(udp, rx, now);
}

/* ---- receiving ---- */

int udp_receive(struct udp_room *udp, struct udp_endpoint *e, struct weir_datagram *from,
                void *data, size_t size)
{
    int error = udp_take_error(e);
    if (error != WEIR_OK)
        return error;
    struct ring *ring = &e->receive;
    if (ring->head == e->receive_tail)
        return WEIR_E_WOULD_BLOCK;
    struct received record;
    ring_read(ring, ring->head, &record, sizeof record);
    CHECK(udp->handler, record.len <= e->receive_tail - ring->head - sizeof record);
    size_t n = record.len < size ? record.len : size;
    if (n > 0)
        ring_read(ring, ring->head + sizeof record, data, n);
    if (from != NULL)
        *from = (struct weir_datagram){.remote = record.remote,
                                       .local = record.local,
                                       .remote_port = record.remote_port,
                                       .local_port = record.local_port,
                                       .ifindex = record.ifindex,
                                       .hop_limit = record.hop_limit,
                                       .traffic_class = record.traffic_class,
                                       .time = record.time};
    uint64_t next = ring->head + sizeof record + record.len;
    if (next == e->receive_tail)
        ring_reset(ring, next); /* with what was opened for a datagram that was not taken */
    else
        ring_release(ring, next);
    return (int)record.len;
}

/* ---- errors ---- */

/* What the application is told; WEIR_OK: nothing. Reassembly that took too long says nothing that
 * loss does not say. */
static int error_code(const struct net_error *error)
{
    bool ip4 = addr_is_ip4(error->quote.destination);
    uint8_t code = error->icmp.code;
    if (error->icmp.kind == ICMP_TIME_EXCEEDED)
        return code == ICMP_HOPS_EXCEEDED ? WEIR_E_UNREACHABLE : WEIR_OK;
    if (error->icmp.kind != ICMP_UNREACHABLE)
        return error->icmp.kind == ICMP_PARAMETER_PROBLEM ? WEIR_E_REFUSED : WEIR_OK;
    bool refused = ip4 ? code == ICMP4_PORT_UNREACHABLE || code == ICMP4_PROTOCOL_UNREACHABLE
                       : code == ICMP6_PORT_UNREACHABLE;
    return refused ? WEIR_E_REFUSED : WEIR_E_UNREACHABLE;
}

/* The flow of the datagram that is quoted; false when it is none of this room. */
static bool quoted_flow(const struct net_error *error, struct udp_flow *flow)
{
    const struct icmp_quote *quote = &error->quote;
    *flow = (struct udp_flow){.local = quote->source,
                              .remote = quote->destination,
                              .port = quote->source_port,
                              .remote_port = quote->destination_port,
                              .kind = WEIR_DATAGRAM_UDP};
    if (quote->protocol == IP_PROTOCOL_UDP)
        return true;
    bool ip4 = addr_is_ip4(quote->source);
    if (quote->protocol != (ip4 ? IP_PROTOCOL_ICMP4 : IP_PROTOCOL_ICMP6))
        return false;
    const uint8_t *echo = error->quoted.data + quote->transport_at; /* at least 8 bytes are there */
    flow->kind = WEIR_DATAGRAM_ECHO;
    flow->port = load16(echo + 4);
    return echo[0] == (ip4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST);
}

enum weir_drop udp_error(struct udp_room *udp, const struct net_error *error, weir_time now)
{
    struct udp_flow flow;
    CHECK(udp->handler, error->quoted.len >= ICMP_QUOTED_TRANSPORT_MIN);
    CHECK(udp->handler,
          error->quote.transport_at <= error->quoted.len - ICMP_QUOTED_TRANSPORT_MIN);
    struct udp_endpoint *e = NULL;
    if (quoted_flow(error, &flow) && udp_recent_has(udp, &flow, now))
        e = udp_find(udp, &flow);
    if (e == NULL) {
        udp->count.errors_refused++;
        return WEIR_DROP_ICMP_QUOTE;
    }
    udp->count.errors++;
    if (error->icmp.kind == ICMP_TOO_BIG)
        (void)net_too_big(udp->net, error, now);
    int code = error_code(error);
    if (code != WEIR_OK)
        udp_report(udp, e, code);
    return WEIR_DROP_NONE;
}
