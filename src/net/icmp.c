/* SPDX-License-Identifier: MIT
 * ICMP of both families: echo is answered, errors are made and handed to the transports that they
 * are about, the rest is refused (RFC 792, RFC 1122 3.2.2, RFC 4443). */
#include "net/net.h"

enum { REPLY_HOP_LIMIT = 64 };

/* Back to where the packet came from, as whom it was sent to. */
static void set_path(struct reply *reply, const struct net_rx *rx)
{
    struct net_path *path = &reply->datagram.path;
    *path = (struct net_path){.source = rx->destination, .destination = rx->source};
    if (rx->group) /* a group is nobody's source */
        path->source = (struct weir_addr){{0}};
    path->ifindex =
        rx->group || addr_is_link_scope(rx->source) ? rx->ifindex : ROUTE_ANY_INTERFACE;
    reply->datagram.hop_limit = REPLY_HOP_LIMIT;
}

/* The block gets the message as it came, with the type of a reply; the checksum follows by RFC
 * 1624, since swapping the addresses of the pseudo-header does not change its sum. */
static void echo_reply(struct net *net, const struct net_rx *rx, bool ip4)
{
    uint8_t *bytes;
    struct reply *reply = reply_take(net, rx->len, &bytes);
    if (reply == NULL)
        return;
    size_t len = 0;
    for (unsigned i = 0; i < rx->parts; i++) {
        memcpy(bytes + len, rx->part[i].data, rx->part[i].len);
        len += rx->part[i].len;
    }
    be16 from = {{bytes[0], bytes[1]}}, checksum = {{bytes[2], bytes[3]}};
    bytes[0] = ip4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY;
    checksum = csum_update16(checksum, from, (be16){{bytes[0], bytes[1]}});
    set_path(reply, rx);
    struct net_path path;
    if (rx->group && net_path(net, &reply->datagram.path, &path) == WEIR_OK) {
        /* IPv6: the addresses are not those of the request, but the chosen one for the group. */
        reply->datagram.path = path;
        for (unsigned i = 0; i < sizeof path.source.bytes; i += 2)
            checksum = csum_update16(
                checksum, (be16){{rx->destination.bytes[i], rx->destination.bytes[i + 1]}},
                (be16){{path.source.bytes[i], path.source.bytes[i + 1]}});
    }
    memcpy(bytes + 2, checksum.b, 2);
    reply->datagram.protocol = rx->protocol;
    reply->datagram.traffic_class = rx->traffic_class;
    net->count.echo_replies++;
    reply_queue(net, reply);
}

/* An error about something that a host of ours sent: is it ours at all? What the transports keep
 * (ports, sequence numbers) they check themselves (RFC 5927 4). */
static enum net_verdict error_input(struct net *net, const struct net_rx *rx,
                                    const struct icmp *icmp, struct net_in *in)
{
    bool ip4 = addr_is_ip4(rx->source);
    const uint8_t *quote = rx->part[0].data + ICMP_HEADER_LEN;
    size_t len = rx->part[0].len - ICMP_HEADER_LEN;
    in->error.icmp = *icmp;
    in->error.quoted = (struct weir_ref){quote, len};
    in->error.ifindex = rx->ifindex;
    in->drop = ip4 ? icmp4_quote_parse(&in->error.quote, quote, len)
                   : icmp6_quote_parse(&in->error.quote, quote, len);
    if (in->drop != WEIR_DROP_NONE)
        return NET_DROPPED;
    if (address_lookup(&net->addresses, in->error.quote.source, rx->ifindex).kind != ADDRESS_OWN) {
        in->drop = WEIR_DROP_ICMP_QUOTE;
        return NET_DROPPED;
    }
    return NET_ERROR;
}

static bool checksum_is_good(const struct net *net, const struct net_rx *rx, bool ip4)
{
    struct csum sum = ip4 ? csum_zero() : net_rx_pseudo(rx);
    return rx->checksum_good || csum_is_good(csum_parts(net->ops, sum, rx->part, rx->parts));
}

static enum net_verdict dropped(struct net_in *in, enum weir_drop drop)
{
    in->drop = drop;
    return NET_DROPPED;
}

enum net_verdict icmp_input(struct net *net, const struct net_rx *rx, struct net_in *in)
{
    bool ip4 = rx->protocol == IP_PROTOCOL_ICMP4;
    const uint8_t *p = rx->part[0].data;
    struct icmp icmp;
    enum weir_drop drop = ip4 ? icmp4_parse(&icmp, p, rx->part[0].len, rx->len)
                              : icmp6_parse(&icmp, p, rx->part[0].len, rx->len);
    if (drop != WEIR_DROP_NONE)
        return dropped(in, drop);
    if (!checksum_is_good(net, rx, ip4))
        return dropped(in, WEIR_DROP_ICMP_CHECKSUM);
    switch (icmp.kind) {
    case ICMP_ECHO_REQUEST:
        /* No answer to a broadcast or multicast over IPv4 (RFC 1122 3.2.2.6, ATK-ICM-11). */
        if (ip4 && rx->group)
            return dropped(in, WEIR_DROP_ICMP_TYPE);
        echo_reply(net, rx, ip4);
        return NET_DONE;
    case ICMP_ECHO_REPLY:
        return NET_DELIVER;
    case ICMP_UNREACHABLE:
    case ICMP_TOO_BIG:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
        return error_input(net, rx, &icmp, in);
    case ICMP_ND: /* put together from fragments (RFC 6980 5), or else it would not be here */
        return dropped(in, WEIR_DROP_ND_FRAGMENT);
    default: /* source quench (RFC 6633), redirects, and what a host does not answer */
        return dropped(in, WEIR_DROP_ICMP_TYPE);
    }
}

/* An error that quotes the packet in rx, on its way. */
static void error_reply(struct net *net, const struct net_rx *rx, const struct net_answer *answer,
                        bool ip4)
{
    static const uint8_t type4[] = {[ICMP_UNREACHABLE] = ICMP4_UNREACHABLE,
                                    [ICMP_TIME_EXCEEDED] = ICMP4_TIME_EXCEEDED,
                                    [ICMP_PARAMETER_PROBLEM] = ICMP4_PARAMETER_PROBLEM};
    static const uint8_t type6[] = {[ICMP_UNREACHABLE] = ICMP6_UNREACHABLE,
                                    [ICMP_TIME_EXCEEDED] = ICMP6_TIME_EXCEEDED,
                                    [ICMP_PARAMETER_PROBLEM] = ICMP6_PARAMETER_PROBLEM};
    uint8_t *bytes;
    struct reply *reply = reply_take(net, IP6_MTU_MIN, &bytes);
    if (reply == NULL)
        return;
    set_path(reply, rx);
    /* Over IPv6 the checksum takes the source, so it is chosen now. */
    struct net_path path;
    if (net_path(net, &reply->datagram.path, &path) == WEIR_OK)
        reply->datagram.path = path;
    struct icmp message = {.type = ip4 ? type4[answer->kind] : type6[answer->kind],
                           .code = answer->code,
                           .pointer = answer->pointer,
                           .kind = (enum icmp_kind)answer->kind};
    /* What was put together lies apart from its header; otherwise the first part is in rx->ip. */
    struct weir_ref part[1 + NET_PARTS_MAX] = {rx->ip};
    struct icmp_data data = {.ops = net->ops, .part = part, .count = 1};
    for (unsigned i = rx->whole.block != BLOCKS_NONE ? 0 : 1; i < rx->parts; i++)
        part[data.count++] = rx->part[i];
    struct ip6 ip = {.source = ip6_from_addr(reply->datagram.path.source),
                     .destination = ip6_from_addr(rx->source)};
    reply->datagram.payload[0].len = ip4 ? icmp4_emit(bytes, IP6_MTU_MIN, &message, &data)
                                         : icmp6_emit(bytes, IP6_MTU_MIN, &message, &ip, &data);
    CHECK(net->handler, reply->datagram.payload[0].len > 0);
    reply->datagram.protocol = ip4 ? IP_PROTOCOL_ICMP4 : IP_PROTOCOL_ICMP6;
    net->count.errors_sent++;
    reply_queue(net, reply);
}

/* Only the first of these who may be told at all, then at the limited rate, then if there is room.
 * */
void net_answer(struct net *net, const struct net_rx *rx, const struct net_answer *answer,
                weir_time now)
{
    bool ip4 = addr_is_ip4(rx->source);
    enum ip6_answer rule =
        answer->rule != IP6_ANSWER_NONE ? answer->rule : IP6_ANSWER_UNLESS_MULTICAST;
    bool may = ip4 ? icmp4_may_answer(rx->ip.data, rx->ip.len, rx->group)
                   : icmp6_may_answer(rx->ip.data, rx->ip.len, rx->group, rule);
    if (!may)
        return;
    if (!ratelimit_allow(&net->errors, rx->source, now)) {
        net->count.errors_limited++;
        return;
    }
    error_reply(net, rx, answer, ip4);
}

bool net_too_big_report(struct net *net, const struct net_error *error, struct pmtu_report *report)
{
    struct net_path path;
    struct net_path wanted = {.source = error->quote.source,
                              .destination = error->quote.destination,
                              .ifindex = addr_is_link_scope(error->quote.destination)
                                             ? error->ifindex
                                             : (uint32_t)ROUTE_ANY_INTERFACE};
    if (net_path(net, &wanted, &path) != WEIR_OK)
        return false;
    *report = (struct pmtu_report){.destination = error->quote.destination,
                                   .mtu = error->icmp.mtu,
                                   .link_mtu = path.mtu};
    if (addr_is_ip4(error->quote.destination)) {
        report->quoted_len = load16(error->quoted.data + 2);
        report->quoted_header_len = (uint16_t)((error->quoted.data[0] & 0xf) * 4);
    }
    return true;
}

bool net_too_big(struct net *net, const struct net_error *error, weir_time now)
{
    struct pmtu_report report;
    return net_too_big_report(net, error, &report) && pmtu_update(&net->pmtus, &report, now);
}
