/* SPDX-License-Identifier: MIT */
#include "drill/packet.h"

#include <stdlib.h>
#include <string.h>

#include "sim/build.h"
#include "wire/icmp.h"

enum { PEER_PORT_FIRST = 40000 };

/* Both differ from byte to byte and after any power of two of them. */
static uint8_t pattern(uint32_t offset)
{
    return (uint8_t)(offset * 0x9e3779b1U >> 24);
}

uint8_t packet_byte_in(uint32_t offset)
{
    return pattern(offset);
}

uint8_t packet_byte_out(uint32_t offset)
{
    return pattern(offset) ^ 0x55;
}

struct packet_flow *packet_flow(struct packet_world *world, const struct script_packet *p)
{
    enum script_protocol protocol = p->protocol;
    if (protocol == SCRIPT_ICMP)
        protocol = p->quotes ? p->quoted : SCRIPT_TCP;
    return protocol == SCRIPT_UDP ? &world->udp[p->flow - 1] : &world->tcp[p->flow - 1];
}

/* ---- timestamps ---- */

static void stamp_add(struct packet_flow *f, uint32_t script, uint32_t wire)
{
    /* Of more than there is room for, the first and the latest are kept. */
    unsigned i = f->stamp_count < PACKET_STAMPS_MAX ? f->stamp_count++ : PACKET_STAMPS_MAX - 1;
    f->stamp[i].script = script;
    f->stamp[i].wire = wire;
}

static uint32_t stamp_to_wire(const struct packet_flow *f, uint32_t script)
{
    for (unsigned i = f->stamp_count; i > 0; i--)
        if (f->stamp[i - 1].script == script)
            return f->stamp[i - 1].wire;
    return f->stamp_count > 0 ? f->stamp[0].wire + (script - f->stamp[0].script) : script;
}

/* A value of the stack's, where the script has `wanted` (or nothing). */
static uint32_t stamp_to_script(struct packet_flow *f, uint32_t wire, const uint32_t *wanted,
                                uint32_t ticks)
{
    if (f->stamp_count == 0) {
        stamp_add(f, wanted != NULL ? *wanted : 0, wire);
        return f->stamp[0].script;
    }
    uint32_t relative = f->stamp[0].script + (wire - f->stamp[0].wire);
    if (wanted == NULL)
        return relative;
    if (ticks > 0)
        return relative - *wanted + ticks <= 2 * ticks ? *wanted : relative;
    for (unsigned i = 0; i < f->stamp_count; i++)
        if (f->stamp[i].script == *wanted)
            return f->stamp[i].wire == wire ? *wanted : relative;
    stamp_add(f, *wanted, wire);
    return *wanted;
}

/* ---- options ---- */

/* The first timestamps among options; false: there are none. */
static bool options_stamps(const uint8_t *options, size_t len, uint32_t *val)
{
    struct tcp_option_iter it = tcp_option_begin(options, len);
    struct tcp_option o;
    while (tcp_option_next(&it, &o))
        if (o.kind == TCP_OPT_TIMESTAMPS && o.len == 10) {
            *val = load32(o.data);
            return true;
        }
    return false;
}

/* Numbers of the stack's in options that the peer sends. */
static void options_to_wire(const struct packet_flow *f, uint8_t *options, size_t len, bool echo)
{
    struct tcp_option_iter it = tcp_option_begin(options, len);
    struct tcp_option o;
    while (tcp_option_next(&it, &o)) {
        uint8_t *data = options + o.offset + 2;
        if (o.kind == TCP_OPT_TIMESTAMPS && o.len == 10 && echo)
            store32(data + 4, stamp_to_wire(f, load32(data + 4)));
        for (unsigned at = 0; o.kind == TCP_OPT_SACK && at + 4 <= o.len - 2U; at += 4)
            store32(data + at, load32(data + at) + f->local_offset);
    }
}

static void options_to_script(struct packet_flow *f, struct script_packet *actual,
                              const struct script_packet *expected, uint32_t ticks)
{
    struct tcp_option_iter it = tcp_option_begin(actual->options, actual->options_len);
    struct tcp_option o;
    uint32_t wanted = 0;
    bool has_wanted = expected != NULL &&
                      options_stamps(expected->options, expected->options_len, &wanted);
    while (tcp_option_next(&it, &o))
        if (o.kind == TCP_OPT_TIMESTAMPS && o.len == 10) {
            uint8_t *val = actual->options + o.offset + 2;
            store32(val, stamp_to_script(f, load32(val), has_wanted ? &wanted : NULL, ticks));
        }
}

/* A cookie in the place of the script's is learned, or must be the one that was: then it reads as in the
 * script. */
static void cookie_to_script(struct packet_world *world, struct script_packet *actual,
                             const struct script_packet *expected)
{
    if (expected == NULL || expected->cookie == 0 ||
        actual->options_len < expected->cookie_at + SCRIPT_COOKIE_BYTES)
        return;
    uint8_t *known = world->cookie[expected->cookie - 1].bytes;
    uint8_t *bytes = actual->options + expected->cookie_at;
    if (!world->cookie[expected->cookie - 1].known)
        memcpy(known, bytes, SCRIPT_COOKIE_BYTES);
    world->cookie[expected->cookie - 1].known = true;
    if (memcmp(known, bytes, SCRIPT_COOKIE_BYTES) != 0)
        return;
    memset(bytes, 0, SCRIPT_COOKIE_BYTES);
    actual->cookie = expected->cookie;
    actual->cookie_at = expected->cookie_at;
}

/* ---- in ---- */

static struct build_ip ip_in(const struct packet_world *world, const struct script_packet *p)
{
    static const uint8_t ecn[] = {IP_ECN_NOT_ECT, IP_ECN_NOT_ECT, IP_ECN_ECT0,
                                  IP_ECN_ECT1,    IP_ECN_ECT0,    IP_ECN_CE};
    struct build_ip ip = {.source = p->has_source ? p->source : world->remote,
                          .destination = p->has_destination ? p->destination : world->local,
                          .dont_fragment = true,
                          .ecn = ecn[p->ecn]};
    if (p->ttl >= 0)
        ip.ttl = (uint8_t)p->ttl;
    if (p->tos >= 0) {
        ip.dscp = (uint8_t)(p->tos >> 2);
        ip.ecn |= (uint8_t)(p->tos & 3);
    }
    return ip;
}

static void bind_in(const struct packet_world *world, struct packet_flow *f, unsigned number)
{
    if (f->bound)
        return;
    f->bound = true;
    f->local_port = world->bind_port;
    f->remote_port = (uint16_t)(PEER_PORT_FIRST + number);
}

/* The payload, to be freed; NULL: no memory. */
static uint8_t *payload_in(const struct packet_flow *f, const struct script_packet *p)
{
    uint8_t *payload = malloc(p->len + 1);
    uint32_t offset = 0;
    if (p->protocol == SCRIPT_TCP) {
        uint32_t isn = f->has_remote ? f->remote_isn : f->syn_seq;
        offset = p->seq + ((p->flags & TCP_SYN) != 0 ? 1 : 0) - (isn + 1);
    }
    for (uint32_t i = 0; payload != NULL && i < p->len; i++)
        payload[i] = p->fill >= 0 ? (uint8_t)p->fill : packet_byte_in(offset + i);
    return payload;
}

/* Cut the segment, which begins at `at`, to `len` bytes, and say so in the IP header. */
static void cut_segment(uint8_t *packet, uint32_t at, uint32_t len)
{
    if (packet[0] >> 4 == 6) {
        store16(packet + 4, (uint16_t)len);
        return;
    }
    store16(packet + 2, (uint16_t)(at + len));
    store16(packet + 10, 0);
    be16 checksum = csum_finish(csum_header(csum_zero(), packet, at));
    memcpy(packet + 10, checksum.b, 2);
}

/* What build_tcp() gets right, and the script wants wrong. The checksum is right for what the header
 * says, or wrong. Answers the length of the packet. */
static uint32_t spoil(uint8_t *packet, uint32_t len, const struct script_packet *p)
{
    uint32_t at = packet[0] >> 4 == 4 ? 20 : 40, segment_len = len - at;
    uint8_t *segment = packet + at;
    if (p->header_len >= 0)
        segment[12] = (uint8_t)((segment[12] & 0x0f) | p->header_len / 4 << 4);
    if (p->cut >= 0 && (uint32_t)p->cut < segment_len) {
        segment_len = (uint32_t)p->cut;
        cut_segment(packet, at, segment_len);
    }
    if ((p->header_len >= 0 || p->cut >= 0) && segment_len >= 18) {
        struct csum pseudo = packet[0] >> 4 == 4 ? csum_header(csum_zero(), packet + 12, 8)
                                                 : csum_header(csum_zero(), packet + 8, 32);
        pseudo = csum_u16(csum_u16(pseudo, (uint16_t)segment_len), IP_PROTOCOL_TCP);
        store16(segment + 16, 0);
        be16 checksum = csum_finish(csum_add(pseudo, csum_portable.sum(segment, segment_len)));
        memcpy(segment + 16, checksum.b, 2);
    }
    if (p->bad_checksum)
        segment[16] ^= 0x40;
    return at + segment_len;
}

static uint32_t make_tcp(struct packet_world *world, const struct script_packet *p, uint8_t *out)
{
    struct packet_flow *f = packet_flow(world, p);
    uint8_t options[TCP_OPTION_BYTES_MAX];
    bind_in(world, f, p->flow);
    if ((p->flags & (TCP_SYN | TCP_RST)) == TCP_SYN) {
        f->has_syn = true;
        f->syn_seq = p->seq;
    }
    world->odd_in |= p->fill >= 0;
    memcpy(options, p->options, sizeof options);
    options_to_wire(f, options, p->options_len, (p->flags & TCP_ACK) != 0);
    if (p->cookie != 0)
        memcpy(options + p->cookie_at, world->cookie[p->cookie - 1].bytes, SCRIPT_COOKIE_BYTES);
    uint8_t *payload = payload_in(f, p);
    if (payload == NULL)
        return 0;
    bool acks = (p->flags & TCP_ACK) != 0;
    struct build_tcp b = {
        .ip = ip_in(world, p),
        .source_port = p->source_port >= 0 ? (uint16_t)p->source_port : f->remote_port,
        .destination_port =
            p->destination_port >= 0 ? (uint16_t)p->destination_port : f->local_port,
        .seq = seq_make(p->seq),
        .ack = seq_make(acks ? p->ack + f->local_offset : p->ack),
        .flags = p->flags,
        .window = (uint16_t)(p->window >= 0 ? p->window : 0),
        .urgent = (uint16_t)(p->urgent >= 0 ? p->urgent : 0),
        .option_bytes = {options, p->options_len},
        .payload = {payload, p->len}};
    uint32_t len = build_tcp(out, PACKET_BYTES_MAX, &b);
    free(payload);
    return len > 0 ? spoil(out, len, p) : 0;
}

static uint32_t make_udp(struct packet_world *world, const struct script_packet *p, uint8_t *out)
{
    struct packet_flow *f = packet_flow(world, p);
    bind_in(world, f, p->flow);
    uint8_t *payload = payload_in(f, p);
    if (payload == NULL)
        return 0;
    struct build_udp b = {
        .ip = ip_in(world, p),
        .source_port = p->source_port >= 0 ? (uint16_t)p->source_port : f->remote_port,
        .destination_port =
            p->destination_port >= 0 ? (uint16_t)p->destination_port : f->local_port,
        .payload = {payload, p->len}};
    uint32_t len = build_udp(out, PACKET_BYTES_MAX, &b);
    free(payload);
    if (len > 0 && p->bad_checksum)
        out[len - p->len - 2] ^= 0x40;
    return len;
}

/* The packet of the stack's that an error is about. */
static uint32_t make_quoted(struct packet_world *world, const struct script_packet *p, uint8_t *out)
{
    static const uint8_t zeros[SCRIPT_PAYLOAD_MAX];
    const struct packet_flow *f = packet_flow(world, p);
    struct build_ip ip = {.source = world->local, .destination = world->remote};
    uint16_t from = f->local_port, to = f->remote_port;
    struct weir_ref payload = {zeros, p->quoted_len};
    if (p->quote_swapped) {
        ip = (struct build_ip){.source = world->remote, .destination = world->local};
        from = f->remote_port;
        to = f->local_port;
    }
    if (p->quoted == SCRIPT_ICMP) {
        struct build_icmp_echo b = {.ip = ip, .id = 1, .sequence = 1};
        return build_icmp_echo(out, PACKET_BYTES_MAX, &b);
    }
    if (p->quoted == SCRIPT_UDP) {
        struct build_udp b = {
            .ip = ip, .source_port = from, .destination_port = to, .payload = payload};
        return build_udp(out, PACKET_BYTES_MAX, &b);
    }
    struct build_tcp b = {.ip = ip,
                          .source_port = from,
                          .destination_port = to,
                          .seq = seq_make(p->quoted_seq + f->local_offset),
                          .flags = TCP_ACK,
                          .payload = payload};
    return build_tcp(out, PACKET_BYTES_MAX, &b);
}

static uint32_t make_icmp(struct packet_world *world, const struct script_packet *p, uint8_t *out)
{
    struct packet_flow *f = packet_flow(world, p);
    struct build_icmp_error b = {.ip = ip_in(world, p),
                                 .type = p->icmp_type,
                                 .code = p->icmp_code,
                                 .mtu = p->icmp_mtu,
                                 .packet = {f->quote, f->quote_len}};
    if (!p->quotes)
        return f->quote_len > 0 ? build_icmp_error(out, PACKET_BYTES_MAX, &b) : 0;
    uint8_t *quoted = malloc(PACKET_BYTES_MAX);
    if (quoted == NULL)
        return 0;
    b.packet = (struct weir_ref){quoted, make_quoted(world, p, quoted)};
    uint32_t len = b.packet.len > 0 ? build_icmp_error(out, PACKET_BYTES_MAX, &b) : 0;
    free(quoted);
    return len;
}

uint32_t packet_make(struct packet_world *world, const struct script_packet *p,
                     uint8_t out[PACKET_BYTES_MAX], const char **why)
{
    *why = "the stack has not shown this cookie yet";
    if (p->cookie != 0 && !world->cookie[p->cookie - 1].known)
        return 0;
    uint32_t len = p->protocol == SCRIPT_TCP   ? make_tcp(world, p, out)
                   : p->protocol == SCRIPT_UDP ? make_udp(world, p, out)
                                               : make_icmp(world, p, out);
    *why = p->protocol == SCRIPT_ICMP && !p->quotes
               ? "there is no packet yet that the message could quote"
               : "the packet is too long, of two families, or there is no memory for it";
    return len;
}

/* ---- out ---- */

/* The flow of these ports; else one that takes them over: the expected one if it is free, or if a SYN
 * begins another connection in its place; else any that is free, or the last. */
static unsigned flow_find(struct packet_flow *flow, const struct sim_parsed *parsed, bool begins,
                          const struct script_packet *expected)
{
    unsigned found = SCRIPT_FLOWS_MAX - 1;
    for (unsigned i = 0; i < SCRIPT_FLOWS_MAX; i++)
        if (flow[i].bound && flow[i].local_port == parsed->source_port &&
            flow[i].remote_port == parsed->destination_port)
            return i;
    if (expected != NULL && (!flow[expected->flow - 1].bound || begins))
        found = expected->flow - 1;
    else
        for (unsigned i = SCRIPT_FLOWS_MAX; i > 0; i--)
            if (!flow[i - 1].bound)
                found = i - 1;
    flow[found] = (struct packet_flow){.bound = true,
                                       .local_port = parsed->source_port,
                                       .remote_port = parsed->destination_port};
    return found;
}

/* What a segment of the stack's says about the numbers of its flow. */
static void note_syn(struct packet_flow *f, const struct tcp_header *h,
                     const struct script_packet *expected)
{
    bool syn = (h->flags & TCP_SYN) != 0, ack = (h->flags & TCP_ACK) != 0;
    uint32_t isn = expected != NULL && (expected->flags & TCP_SYN) != 0 ? expected->seq : 0;
    bool other = f->has_local && h->seq.v - f->local_offset != f->local_isn;
    if (syn && (!f->has_local || (other && (f->has_syn || !ack)))) {
        f->has_local = true;
        f->local_isn = isn;
        f->local_offset = h->seq.v - isn;
        if (!ack)
            f->has_remote = false;
    }
    if (f->has_syn && ack && (syn || !f->has_remote)) {
        f->has_remote = true;
        f->remote_isn = f->syn_seq;
        f->has_syn = false;
    }
}

static bool payload_is_ours(const struct packet_flow *f, const struct script_packet *actual,
                            const uint8_t *payload, uint32_t len)
{
    uint32_t offset = actual->seq + ((actual->flags & TCP_SYN) != 0 ? 1 : 0) - (f->local_isn + 1);
    if (!f->has_local)
        return true;
    for (uint32_t i = 0; i < len; i++)
        if (payload[i] != packet_byte_out(offset + i))
            return false;
    return true;
}

static bool read_tcp(struct packet_world *world, const struct sim_parsed *parsed,
                     const struct script_packet *expected, struct script_packet *actual,
                     const char **why)
{
    struct tcp_header h;
    const uint8_t *segment = parsed->bytes + parsed->transport_offset;
    if (tcp_parse(&h, segment, parsed->transport_len, parsed->transport_len) != WEIR_DROP_NONE)
        return false;
    bool begins = (h.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    const struct script_packet *same =
        expected != NULL && expected->protocol == SCRIPT_TCP ? expected : NULL;
    actual->flow = flow_find(world->tcp, parsed, begins, same) + 1;
    struct packet_flow *f = &world->tcp[actual->flow - 1];
    note_syn(f, &h, same);
    actual->flags = h.flags;
    actual->seq = h.seq.v - f->local_offset;
    actual->len = parsed->payload_len;
    actual->has_ack = (h.flags & TCP_ACK) != 0;
    actual->ack = actual->has_ack ? h.ack.v : 0;
    actual->window = h.window;
    actual->urgent = (h.flags & TCP_URG) != 0 ? h.urgent : -1;
    actual->options_len = (uint8_t)(h.header_len - TCP_HEADER_BYTES);
    memcpy(actual->options, segment + TCP_HEADER_BYTES, actual->options_len);
    options_to_script(f, actual, same, world->stamp_ticks);
    cookie_to_script(world, actual, same);
    f->quote_len = parsed->ip_len < PACKET_QUOTE_MAX ? parsed->ip_len : PACKET_QUOTE_MAX;
    memcpy(f->quote, parsed->bytes, f->quote_len);
    *why = "its payload is not what was written";
    return world->odd_out ||
           payload_is_ours(f, actual, parsed->bytes + parsed->payload_offset, actual->len);
}

static bool read_icmp(const struct sim_parsed *parsed, struct script_packet *actual)
{
    const uint8_t *p = parsed->bytes + parsed->transport_offset;
    struct icmp m;
    struct icmp_quote quote;
    bool v4 = parsed->ip_version == 4;
    size_t len = parsed->transport_len;
    enum weir_drop drop = v4 ? icmp4_parse(&m, p, len, len) : icmp6_parse(&m, p, len, len);
    if (drop != WEIR_DROP_NONE)
        return false;
    actual->protocol = SCRIPT_ICMP;
    actual->icmp_type = m.type;
    actual->icmp_code = m.code;
    actual->icmp_mtu = m.kind == ICMP_TOO_BIG ? m.mtu : 0;
    drop = v4 ? icmp4_quote_parse(&quote, p + ICMP_HEADER_LEN, len - ICMP_HEADER_LEN)
              : icmp6_quote_parse(&quote, p + ICMP_HEADER_LEN, len - ICMP_HEADER_LEN);
    actual->quotes = icmp_is_error(m.kind) && drop == WEIR_DROP_NONE;
    if (actual->quotes) {
        actual->quoted = quote.protocol == IP_PROTOCOL_UDP   ? SCRIPT_UDP
                         : quote.protocol == IP_PROTOCOL_TCP ? SCRIPT_TCP
                                                             : SCRIPT_ICMP;
        actual->quoted_seq = quote.sequence;
        actual->quoted_len = quote.transport_len - ICMP_QUOTED_TRANSPORT_MIN;
    }
    return true;
}

bool packet_read(struct packet_world *world, const uint8_t *bytes, uint32_t len,
                 const struct script_packet *expected, struct script_packet *actual,
                 const char **why)
{
    static const enum script_ecn ecn[] = {SCRIPT_ECN_NONE, SCRIPT_ECN_ECT1, SCRIPT_ECN_ECT0,
                                          SCRIPT_ECN_CE};
    struct sim_parsed parsed = sim_parse(bytes, len, WEIR_LINK_IP);
    *actual = (struct script_packet){.out = true,
                                     .flow = 1,
                                     .fill = -1,
                                     .dont_fragment = -1,
                                     .window = -1,
                                     .urgent = -1,
                                     .header_len = -1,
                                     .ecn = ecn[parsed.ecn],
                                     .source_port = parsed.source_port,
                                     .destination_port = parsed.destination_port};
    *why = "it is no TCP, UDP or ICMP";
    if (parsed.ip_version == 0 || parsed.transport_len == 0 || parsed.fragment)
        return false;
    const uint8_t *ip = bytes + parsed.ip_offset;
    actual->tos = parsed.ip_version == 4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
    actual->ttl = parsed.ip_version == 4 ? ip[8] : ip[7];
    if (parsed.ip_version == 4)
        actual->dont_fragment = (ip[6] & 0x40) != 0;
    if (parsed.protocol == IP_PROTOCOL_TCP)
        return read_tcp(world, &parsed, expected, actual, why);
    if (parsed.protocol == IP_PROTOCOL_UDP) {
        actual->protocol = SCRIPT_UDP;
        actual->len = parsed.payload_len;
        const struct script_packet *same =
            expected != NULL && expected->protocol == SCRIPT_UDP ? expected : NULL;
        actual->flow = flow_find(world->udp, &parsed, false, same) + 1;
        struct packet_flow *f = &world->udp[actual->flow - 1];
        f->quote_len = parsed.ip_len < PACKET_QUOTE_MAX ? parsed.ip_len : PACKET_QUOTE_MAX;
        memcpy(f->quote, bytes, f->quote_len);
        return true;
    }
    return read_icmp(&parsed, actual);
}

/* ---- comparing ---- */

static bool ecn_is(enum script_ecn expected, enum script_ecn actual)
{
    return expected == SCRIPT_ECN_UNSAID || expected == actual ||
           (expected == SCRIPT_ECN_ECT01 &&
            (actual == SCRIPT_ECN_ECT0 || actual == SCRIPT_ECN_ECT1));
}

static unsigned tcp_differs(const struct script_packet *e, const struct script_packet *a)
{
    unsigned fields = 0;
    fields |= e->flags != a->flags ? PACKET_FLAGS : 0;
    fields |= !e->any_seq && e->seq != a->seq ? PACKET_SEQ : 0;
    fields |= e->has_ack && e->ack != a->ack ? PACKET_ACK : 0;
    fields |= e->window >= 0 && e->window != a->window ? PACKET_WINDOW : 0;
    fields |= e->urgent >= 0 && e->urgent != a->urgent ? PACKET_URGENT : 0;
    if (!e->any_options && (e->options_len != a->options_len ||
                            memcmp(e->options, a->options, a->options_len) != 0))
        fields |= PACKET_OPTIONS;
    return fields;
}

unsigned packet_differs(const struct script_packet *e, const struct script_packet *a)
{
    if (e->protocol != a->protocol)
        return PACKET_PROTOCOL;
    unsigned fields = 0;
    fields |= !ecn_is(e->ecn, a->ecn) ? PACKET_ECN : 0;
    fields |= e->tos >= 0 && e->tos != a->tos ? PACKET_TOS : 0;
    fields |= e->ttl >= 0 && e->ttl != a->ttl ? PACKET_TTL : 0;
    fields |= e->dont_fragment >= 0 && e->dont_fragment != a->dont_fragment ? PACKET_DF : 0;
    if (e->protocol == SCRIPT_ICMP) {
        fields |= e->icmp_type != a->icmp_type || e->icmp_code != a->icmp_code ? PACKET_ICMP : 0;
        fields |= e->icmp_mtu != a->icmp_mtu ? PACKET_MTU : 0;
        fields |= e->quotes && (!a->quotes || e->quoted != a->quoted) ? PACKET_QUOTE : 0;
        return fields;
    }
    fields |= e->flow != a->flow ? PACKET_FLOW : 0;
    fields |= e->len != a->len ? PACKET_LEN : 0;
    if ((e->source_port >= 0 && e->source_port != a->source_port) ||
        (e->destination_port >= 0 && e->destination_port != a->destination_port))
        fields |= PACKET_PORTS;
    return e->protocol == SCRIPT_TCP ? fields | tcp_differs(e, a) : fields;
}
