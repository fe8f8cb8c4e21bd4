/* SPDX-License-Identifier: MIT */
#include "sim/middlebox_nat.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/build.h"
#include "sim/edit.h"
#include "sim/nat_table.h"
#include "wire/icmp.h"
#include "wire/udp.h"

enum {
    NAT_MAPPINGS = 1024,
    NAT_FRAGMENTED_MAX = 16, /* datagrams whose later fragments are awaited */

    IP4_ID_AT = 4,
    IP4_FRAGMENT_AT = 6,
    IP4_SOURCE_AT = 12,
    IP4_DESTINATION_AT = 16,
    TRANSPORT_MIN = 8, /* ports and ids are in the first eight bytes */
    ICMP_CHECKSUM_AT = 2,
    ICMP_ID_AT = 4
};

#define NAT_FRAGMENTED_TIME (30 * WEIR_NS_PER_S)

/* A datagram whose first fragment was translated: what became of its addresses. */
struct fragmented {
    uint8_t key[12]; /* source, destination, id, protocol and where it came in */
    struct ip4_addr source, destination;
    uint8_t to;
    weir_time since;
    bool in_use;
};

struct nat {
    struct ip4_addr outside;
    uint8_t unknown;
    bool refresh_inbound;
    struct nat_table table;
    struct fragmented fragmented[NAT_FRAGMENTED_MAX];
    unsigned fragmented_next;
    struct nat_stats stats;
};

enum end { SOURCE, DESTINATION };

/* ---- parts of a packet ---- */

static size_t addr_at(enum end end)
{
    return end == SOURCE ? IP4_SOURCE_AT : IP4_DESTINATION_AT;
}

static struct ip4_addr addr_of(const uint8_t *ip, enum end end)
{
    struct ip4_addr addr;
    memcpy(addr.b, ip + addr_at(end), sizeof addr.b);
    return addr;
}

/* Where the port stands in a transport header of this protocol: the id of echo messages is the port
 * of the end that asks. */
static size_t port_at(uint8_t protocol, enum end end)
{
    return protocol == IP_PROTOCOL_ICMP4 ? ICMP_ID_AT : end == SOURCE ? 0 : 2;
}

static struct nat_endpoint endpoint(uint8_t protocol, const uint8_t *ip, const uint8_t *transport,
                                    enum end end)
{
    return (struct nat_endpoint){.protocol = protocol,
                                 .addr = addr_of(ip, end),
                                 .port = load16(transport + port_at(protocol, end))};
}

/* Is it the end that asks, for ICMP: an echo request from it, or a reply to it? */
static bool has_port(uint8_t protocol, const uint8_t *transport, enum end end)
{
    if (protocol == IP_PROTOCOL_ICMP4)
        return transport[0] == (end == SOURCE ? ICMP4_ECHO_REQUEST : ICMP4_ECHO_REPLY);
    return protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP;
}

/* Give one end another address and port: the checksum of IP, and that of the transport, follow. */
static void set_end(struct middlebox_packet *packet, enum end end, struct ip4_addr addr,
                    uint16_t port)
{
    const struct sim_parsed *p = &packet->parsed;
    uint8_t *ip = packet->bytes + p->ip_offset, *transport = packet->bytes + p->transport_offset;
    uint8_t *field = transport + port_at(p->protocol, end);
    uint8_t to[2];
    store16(to, port);
    edit_transport_sum(packet->bytes, p, ip + addr_at(end), addr.b, sizeof addr.b);
    edit_ip4(ip, addr_at(end), addr.b, sizeof addr.b);
    if (p->protocol == IP_PROTOCOL_ICMP4)
        edit_sum(transport + ICMP_CHECKSUM_AT, field, to, sizeof to);
    else
        edit_transport_sum(packet->bytes, p, field, to, sizeof to);
    memcpy(field, to, sizeof to);
    packet->changed = true;
}

/* ---- fragments ---- */

static void fragment_key(uint8_t key[12], const struct middlebox_packet *packet)
{
    const uint8_t *ip = packet->bytes + packet->parsed.ip_offset;
    memcpy(key, ip + IP4_SOURCE_AT, 8);
    memcpy(key + 8, ip + IP4_ID_AT, 2);
    key[10] = packet->parsed.protocol;
    key[11] = packet->from;
}

/* A first fragment is being translated; `key` is of the packet as it came. */
static void fragment_remember(struct nat *nat, const uint8_t key[12],
                              const struct middlebox_packet *packet)
{
    const uint8_t *ip = packet->bytes + packet->parsed.ip_offset;
    struct fragmented *f = &nat->fragmented[nat->fragmented_next++ % NAT_FRAGMENTED_MAX];
    *f = (struct fragmented){.source = addr_of(ip, SOURCE),
                             .destination = addr_of(ip, DESTINATION),
                             .to = packet->to,
                             .since = packet->now,
                             .in_use = true};
    memcpy(f->key, key, sizeof f->key);
}

static enum middlebox_verdict fragment_later(struct nat *nat, struct middlebox_packet *packet)
{
    uint8_t key[12];
    fragment_key(key, packet);
    for (unsigned i = 0; i < NAT_FRAGMENTED_MAX; i++) {
        struct fragmented *f = &nat->fragmented[i];
        if (!f->in_use || memcmp(f->key, key, sizeof key) != 0 ||
            packet->now - f->since >= NAT_FRAGMENTED_TIME)
            continue;
        uint8_t *ip = packet->bytes + packet->parsed.ip_offset;
        edit_ip4(ip, IP4_SOURCE_AT, f->source.b, sizeof f->source.b);
        edit_ip4(ip, IP4_DESTINATION_AT, f->destination.b, sizeof f->destination.b);
        packet->to = f->to;
        packet->changed = true;
        nat->stats.translated[packet->from]++;
        return MIDDLEBOX_FORWARD;
    }
    nat->stats.fragments_unknown++;
    return MIDDLEBOX_DROP;
}

/* ---- ICMP errors ---- */

/* Change an end of the quoted packet, with those of its checksums that are quoted, and the checksum
 * of the message that quotes it. */
static void set_quoted_end(struct middlebox_packet *packet, const struct icmp_quote *quote,
                           enum end end, const struct nat_endpoint *to)
{
    uint8_t *icmp = packet->bytes + packet->parsed.transport_offset;
    uint8_t *ip = icmp + ICMP_HEADER_LEN, *transport = ip + quote->transport_at;
    uint8_t before[IP4_HEADER_MAX + TCP_HEADER_BYTES], port[2];
    size_t len = quote->transport_len < TCP_HEADER_BYTES ? quote->transport_len : TCP_HEADER_BYTES;
    len = (quote->transport_at + len) & ~(size_t)1;
    memcpy(before, ip, len);
    /* The quote as a packet of its own, for the editors. */
    struct sim_parsed p = {.ip_version = 4,
                           .protocol = quote->protocol,
                           .ip_len = quote->transport_at + quote->transport_len,
                           .transport_offset = quote->transport_at};
    uint8_t *field = transport + port_at(quote->protocol, end);
    store16(port, to->port);
    edit_transport_sum(ip, &p, ip + addr_at(end), to->addr.b, sizeof to->addr.b);
    edit_ip4(ip, addr_at(end), to->addr.b, sizeof to->addr.b);
    if (quote->protocol == IP_PROTOCOL_ICMP4)
        edit_sum(transport + ICMP_CHECKSUM_AT, field, port, sizeof port);
    else
        edit_transport_sum(ip, &p, field, port, sizeof port);
    memcpy(field, port, sizeof port);
    edit_sum(icmp + ICMP_CHECKSUM_AT, before, ip, len);
}

/* An error about a packet that went out (the error comes from outside), or that came in. */
static enum middlebox_verdict icmp_error(struct nat *nat, struct middlebox_packet *packet)
{
    const struct sim_parsed *p = &packet->parsed;
    uint8_t *ip = packet->bytes + p->ip_offset, *icmp = packet->bytes + p->transport_offset;
    const uint8_t *quoted = icmp + ICMP_HEADER_LEN;
    bool inward = packet->from == MIDDLEBOX_OUTSIDE;
    enum end end = inward ? SOURCE : DESTINATION; /* of the quote: our inside host */
    struct icmp_quote quote;
    struct nat_mapping *m = NULL;
    if (p->transport_len > ICMP_HEADER_LEN &&
        icmp4_quote_parse(&quote, quoted, p->transport_len - ICMP_HEADER_LEN) == WEIR_DROP_NONE &&
        has_port(quote.protocol, quoted + quote.transport_at, end)) {
        struct nat_endpoint e = endpoint(quote.protocol, quoted, quoted + quote.transport_at, end);
        if (!inward)
            m = nat_table_inside(&nat->table, &e, packet->now);
        else if (ip4_eq(e.addr, nat->outside))
            m = nat_table_outside(&nat->table, e.protocol, e.port, packet->now);
    }
    if (m == NULL) {
        nat->stats.unknown++;
        return MIDDLEBOX_DROP;
    }
    struct nat_endpoint to = {.addr = nat->outside, .port = m->outside_port};
    set_quoted_end(packet, &quote, end, inward ? &m->inside : &to);
    if (inward)
        edit_ip4(ip, IP4_DESTINATION_AT, m->inside.addr.b, sizeof m->inside.addr.b);
    else
        edit_ip4(ip, IP4_SOURCE_AT, nat->outside.b, sizeof nat->outside.b);
    packet->changed = true;
    nat->stats.errors++;
    nat->stats.translated[packet->from]++;
    return MIDDLEBOX_FORWARD;
}

/* ---- the rest ---- */

static void note_tcp(struct nat_mapping *m, uint16_t flags, bool inward)
{
    if (!inward && (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        m->tcp = 0; /* a new connection from the port: what was before is over */
    if (inward)
        m->tcp |= NAT_TCP_ANSWERED;
    else if ((m->tcp & NAT_TCP_ANSWERED) != 0 && (flags & TCP_SYN) == 0)
        m->tcp |= NAT_TCP_OPEN;
    if ((flags & TCP_FIN) != 0)
        m->tcp |= inward ? NAT_TCP_FIN_IN : NAT_TCP_FIN_OUT;
    if ((flags & TCP_RST) != 0)
        m->tcp |= NAT_TCP_RESET;
}

static void reset(struct nat *nat, const struct middlebox_packet *packet)
{
    const struct sim_parsed *p = &packet->parsed;
    uint8_t out[IP4_HEADER_MIN + TCP_HEADER_BYTES];
    if (p->protocol != IP_PROTOCOL_TCP || p->transport_len == 0 || (p->tcp_flags & TCP_RST) != 0 ||
        !build_is_sound(packet->bytes, packet->len, middlebox_link(packet->box)))
        return;
    /* RFC 9293 section 3.10.7.1: what a closed connection answers. */
    bool acks = (p->tcp_flags & TCP_ACK) != 0;
    struct build_tcp b = {
        .ip = build_path(p, true),
        .source_port = p->destination_port,
        .destination_port = p->source_port,
        .flags = acks ? TCP_RST : TCP_RST | TCP_ACK,
        .seq = acks ? p->ack : seq_make(0),
        .ack =
            acks ? seq_make(0) : seq_add(p->seq, tcp_segment_seq_len(p->tcp_flags, p->payload_len)),
    };
    uint32_t len = build_tcp(out, sizeof out, &b);
    middlebox_inject_ip(packet, (enum middlebox_port)packet->from, out, len);
    nat->stats.resets++;
}

/* To the outside address: from outside, or from inside and back again. */
static enum middlebox_verdict inward(struct nat *nat, struct middlebox_packet *packet)
{
    const struct sim_parsed *p = &packet->parsed;
    const uint8_t *transport = packet->bytes + p->transport_offset;
    struct nat_mapping *m = NULL;
    if (has_port(p->protocol, transport, DESTINATION))
        m = nat_table_outside(&nat->table, p->protocol,
                              load16(transport + port_at(p->protocol, DESTINATION)), packet->now);
    if (m == NULL) {
        nat->stats.unknown++;
        if (nat->unknown == NAT_UNKNOWN_RESET && packet->from == MIDDLEBOX_OUTSIDE)
            reset(nat, packet);
        return MIDDLEBOX_DROP;
    }
    set_end(packet, DESTINATION, m->inside.addr, m->inside.port);
    if (p->protocol == IP_PROTOCOL_TCP)
        note_tcp(m, p->tcp_flags, true);
    if (nat->refresh_inbound)
        m->used = packet->now;
    packet->to = MIDDLEBOX_INSIDE;
    return MIDDLEBOX_FORWARD;
}

static enum middlebox_verdict outward(struct nat *nat, struct middlebox_packet *packet)
{
    const struct sim_parsed *p = &packet->parsed;
    const uint8_t *ip = packet->bytes + p->ip_offset;
    const uint8_t *transport = packet->bytes + p->transport_offset;
    if (!has_port(p->protocol, transport, SOURCE))
        return MIDDLEBOX_FORWARD;
    struct nat_endpoint e = endpoint(p->protocol, ip, transport, SOURCE);
    struct nat_mapping *m = nat_table_inside(&nat->table, &e, packet->now);
    if (m == NULL)
        m = nat_table_map(&nat->table, &e, packet->now);
    if (m == NULL)
        return MIDDLEBOX_DROP;
    m->used = packet->now; /* RFC 4787 REQ-6 */
    if (p->protocol == IP_PROTOCOL_TCP)
        note_tcp(m, p->tcp_flags, false);
    set_end(packet, SOURCE, nat->outside, m->outside_port);
    if (!ip4_eq(addr_of(ip, DESTINATION), nat->outside))
        return MIDDLEBOX_FORWARD;
    nat->stats.hairpinned++;
    return inward(nat, packet);
}

static bool is_icmp_error(const struct sim_parsed *p, const uint8_t *bytes)
{
    struct icmp m;
    return p->protocol == IP_PROTOCOL_ICMP4 &&
           icmp4_parse(&m, bytes + p->transport_offset, p->transport_len, p->transport_len) ==
               WEIR_DROP_NONE &&
           icmp_is_error(m.kind);
}

static enum middlebox_verdict nat_decide(void *ctx, struct middlebox_packet *packet)
{
    struct nat *nat = ctx;
    const struct sim_parsed *p = &packet->parsed;
    const uint8_t *ip = packet->bytes + p->ip_offset;
    bool handled =
        p->ip_version == 4 && (p->protocol == IP_PROTOCOL_TCP || p->protocol == IP_PROTOCOL_UDP ||
                               p->protocol == IP_PROTOCOL_ICMP4);
    if (!handled ||
        (packet->from == MIDDLEBOX_OUTSIDE && !ip4_eq(addr_of(ip, DESTINATION), nat->outside)))
        return MIDDLEBOX_FORWARD;
    uint16_t fragment = load16(ip + IP4_FRAGMENT_AT);
    if ((fragment & IP4_FRAGMENT_OFFSET_MASK) != 0)
        return fragment_later(nat, packet);
    if (p->ip_offset + p->ip_len - p->transport_offset < TRANSPORT_MIN)
        return MIDDLEBOX_DROP;
    if (is_icmp_error(p, packet->bytes))
        return icmp_error(nat, packet);
    uint8_t key[12];
    fragment_key(key, packet);
    enum middlebox_verdict verdict =
        packet->from == MIDDLEBOX_INSIDE ? outward(nat, packet) : inward(nat, packet);
    if (verdict == MIDDLEBOX_FORWARD && packet->changed) {
        nat->stats.translated[packet->from]++;
        if ((fragment & IP4_FLAG_MORE_FRAGMENTS) != 0)
            fragment_remember(nat, key, packet);
    }
    return verdict;
}

static void nat_destroy(void *ctx)
{
    struct nat *nat = ctx;
    nat_table_free(&nat->table);
    free(nat);
}

static weir_time time_or(weir_time t, weir_time otherwise)
{
    return t != 0 ? t : otherwise;
}

struct middlebox *middlebox_add_nat(struct sim *sim, const char *name,
                                    const struct nat_config *config)
{
    static const struct middlebox_kind kind = {.decide = nat_decide, .destroy = nat_destroy};
    struct nat_table_config table = {
        .mappings_max = config->mappings_max != 0 ? config->mappings_max : NAT_MAPPINGS,
        .port_min = config->port_min,
        .port_max = config->port_max,
        .tcp_established = time_or(config->tcp_established, 7440 * WEIR_NS_PER_S),
        .tcp_transitory = time_or(config->tcp_transitory, 240 * WEIR_NS_PER_S),
        .udp = time_or(config->udp, 300 * WEIR_NS_PER_S),
        .icmp = time_or(config->icmp, 60 * WEIR_NS_PER_S),
    };
    struct nat *nat = calloc(1, sizeof *nat);
    if (nat == NULL)
        return NULL;
    struct rng rng = sim_rng(sim, name);
    struct sip_key key = {rng_u64(&rng), rng_u64(&rng)};
    nat->outside = config->outside;
    nat->unknown = config->unknown;
    nat->refresh_inbound = config->refresh_inbound;
    if (!nat_table_init(&nat->table, &table, key)) {
        nat_destroy(nat);
        return NULL;
    }
    return middlebox_add(sim, name, &config->common, &kind, nat);
}

struct nat_stats middlebox_nat_stats(const struct middlebox *box)
{
    const struct nat *nat = middlebox_ctx(box);
    struct nat_stats stats = nat->stats;
    stats.mapped = nat->table.mapped;
    stats.expired = nat->table.expired;
    stats.mappings = nat_table_count(&nat->table);
    stats.table_full = nat->table.full;
    stats.ports_exhausted = nat->table.ports_exhausted;
    return stats;
}

uint16_t middlebox_nat_port(const struct middlebox *box, uint8_t protocol, struct ip4_addr inside,
                            uint16_t port, weir_time now)
{
    struct nat *nat = middlebox_ctx(box);
    struct nat_endpoint e = {protocol, inside, port};
    const struct nat_mapping *m = nat_table_inside(&nat->table, &e, now);
    return m != NULL ? m->outside_port : 0;
}
