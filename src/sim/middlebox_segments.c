/* SPDX-License-Identifier: MIT
 * Boxes that let segments vanish, and one that renumbers them. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sim/edit.h"
#include "sim/middlebox_tcp.h"
#include "sim/stream.h"
#include "wire/tcp_options.h"

/* ---- segment filter ---- */

struct filter {
    struct segment_filter_config config;
    struct segment_filter_stats stats;
};

static bool has_unknown_option(const struct sim_parsed *p)
{
    struct tcp_option_iter it =
        tcp_option_begin(p->bytes + p->transport_offset + TCP_HEADER_BYTES,
                         p->payload_offset - p->transport_offset - TCP_HEADER_BYTES);
    struct tcp_option option;
    while (tcp_option_next(&it, &option))
        if (option.kind != TCP_OPT_EOL && option.kind != TCP_OPT_NOP &&
            !middlebox_knows_option(option.kind))
            return true;
    return false;
}

static enum middlebox_verdict filter_decide(void *ctx, struct middlebox_packet *packet)
{
    struct filter *filter = ctx;
    const struct segment_filter_config *c = &filter->config;
    const struct sim_parsed *p = &packet->parsed;
    if (!middlebox_is_segment(packet, c->from, c->segments) || p->payload_len < c->payload_min ||
        (c->unknown && !has_unknown_option(p)))
        return MIDDLEBOX_FORWARD;
    uint64_t number = ++filter->stats.matched;
    if (number < c->nth || (c->count > 0 && number - c->nth >= c->count))
        return MIDDLEBOX_FORWARD;
    filter->stats.dropped++;
    return MIDDLEBOX_DROP;
}

struct middlebox *middlebox_add_segment_filter(struct sim *sim, const char *name,
                                               const struct segment_filter_config *config)
{
    static const struct middlebox_kind kind = {.decide = filter_decide, .destroy = free};
    struct filter *filter = calloc(1, sizeof *filter);
    if (filter == NULL)
        return NULL;
    filter->config = *config;
    if (config->from == 0)
        filter->config.from = MIDDLEBOX_FROM_BOTH;
    if (config->segments == 0)
        filter->config.segments = MIDDLEBOX_SEGMENTS;
    return middlebox_add(sim, name, &config->common, &kind, filter);
}

struct segment_filter_stats middlebox_segment_filter_stats(const struct middlebox *box)
{
    const struct filter *filter = middlebox_ctx(box);
    return filter->stats;
}

/* ---- sequence randomiser ---- */

enum { SEQ_AT = 4, ACK_AT = 8, SACK_BLOCKS_AT = 2 };

struct randomiser {
    struct seq_randomiser_config config;
    uint64_t renumbered;
};

/* What is added to the numbers of those who send from `port`: the same for a whole connection, and
 * for each incarnation of it. */
static uint32_t offset_of(const struct randomiser *r, const struct sim_parsed *p, unsigned from,
                          unsigned port)
{
    uint64_t ports = from == MIDDLEBOX_INSIDE
                         ? (uint64_t)p->source_port << 16 | p->destination_port
                         : (uint64_t)p->destination_port << 16 | p->source_port;
    return (uint32_t)stream_mix(r->config.secret ^ ports << 8 ^ port);
}

static void shift(uint8_t *field, uint32_t by)
{
    store32(field, load32(field) + by);
}

/* The acknowledged numbers of SACK blocks (RFC 2018 section 3). */
static void shift_blocks(uint8_t *header, uint32_t len, uint32_t by)
{
    struct tcp_option_iter it =
        tcp_option_begin(header + TCP_HEADER_BYTES, len - TCP_HEADER_BYTES);
    struct tcp_option option;
    while (tcp_option_next(&it, &option))
        for (unsigned at = SACK_BLOCKS_AT; option.kind == TCP_OPT_SACK && at + 4 <= option.len;
             at += 4)
            shift(header + TCP_HEADER_BYTES + option.offset + at, by);
}

static enum middlebox_verdict renumber(void *ctx, struct middlebox_packet *packet)
{
    struct randomiser *r = ctx;
    const struct sim_parsed *p = &packet->parsed;
    uint8_t header[TCP_HEADER_BYTES_MAX];
    if (!middlebox_is_segment(packet, MIDDLEBOX_FROM_BOTH, MIDDLEBOX_SEGMENTS))
        return MIDDLEBOX_FORWARD;
    uint32_t len = p->payload_offset - p->transport_offset;
    uint32_t back = 0U - offset_of(r, p, packet->from, 1U - packet->from);
    memcpy(header, packet->bytes + p->transport_offset, len);
    shift(header + SEQ_AT, offset_of(r, p, packet->from, packet->from));
    if ((p->tcp_flags & TCP_ACK) != 0)
        shift(header + ACK_AT, back);
    if (r->config.sack)
        shift_blocks(header, len, back);
    edit_tcp_header(packet->bytes, &packet->len, p, header, len);
    packet->changed = true;
    r->renumbered++;
    return MIDDLEBOX_FORWARD;
}

struct middlebox *middlebox_add_seq_randomiser(struct sim *sim, const char *name,
                                               const struct seq_randomiser_config *config)
{
    static const struct middlebox_kind kind = {.decide = renumber, .destroy = free};
    struct randomiser *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->config = *config;
    return middlebox_add(sim, name, &config->common, &kind, r);
}

uint64_t middlebox_seq_randomiser_renumbered(const struct middlebox *box)
{
    const struct randomiser *r = middlebox_ctx(box);
    return r->renumbered;
}
