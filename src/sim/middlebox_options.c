/* SPDX-License-Identifier: MIT
 * Boxes that edit TCP options: MSS clamp, option stripper, window-scale eraser. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/edit.h"
#include "sim/middlebox_tcp.h"
#include "wire/ip4.h"
#include "wire/tcp_options.h"

enum { MSS_OPTION_LEN = 4, OFFSET_FLAGS_AT = 12 };

bool middlebox_is_segment(const struct middlebox_packet *packet, unsigned from, unsigned segments)
{
    const struct sim_parsed *p = &packet->parsed;
    if (p->protocol != IP_PROTOCOL_TCP || p->transport_len == 0 || p->fragment ||
        (from & 1U << packet->from) == 0)
        return false;
    bool syn = (p->tcp_flags & TCP_SYN) != 0, ack = (p->tcp_flags & TCP_ACK) != 0;
    unsigned is = !syn ? MIDDLEBOX_NO_SYN : ack ? MIDDLEBOX_SYN_ACK : MIDDLEBOX_SYN;
    return (segments & is) != 0;
}

static uint32_t header_len(const struct sim_parsed *p)
{
    return p->payload_offset - p->transport_offset;
}

static struct tcp_option_iter options_begin(const uint8_t *header, uint32_t len)
{
    return tcp_option_begin(header + TCP_HEADER_BYTES, len - TCP_HEADER_BYTES);
}

/* ---- MSS clamp ---- */

struct mss_clamp {
    struct mss_clamp_config config;
    struct mss_clamp_stats stats;
};

static enum middlebox_verdict mss_decide(void *ctx, struct middlebox_packet *packet)
{
    struct mss_clamp *clamp = ctx;
    const struct sim_parsed *p = &packet->parsed;
    uint8_t header[TCP_HEADER_BYTES_MAX];
    struct tcp_option option;
    if (!middlebox_is_segment(packet, clamp->config.from, MIDDLEBOX_SYNS))
        return MIDDLEBOX_FORWARD;
    uint16_t max = p->ip_version == 4 ? clamp->config.mss4_max : clamp->config.mss6_max;
    uint32_t len = header_len(p);
    clamp->stats.syns++;
    memcpy(header, packet->bytes + p->transport_offset, len);
    /* A repeated option is clamped too: nobody knows which one the receiver believes. */
    struct tcp_option_iter it = options_begin(header, len);
    while (tcp_option_next(&it, &option)) {
        if (option.kind != TCP_OPT_MSS || option.len != MSS_OPTION_LEN || max == 0 ||
            load16(option.data) <= max)
            continue;
        store16(header + TCP_HEADER_BYTES + option.offset + 2, max);
        packet->changed = true;
    }
    if (packet->changed) {
        edit_tcp_header(packet->bytes, &packet->len, p, header, len);
        clamp->stats.clamped++;
    }
    return MIDDLEBOX_FORWARD;
}

struct middlebox *middlebox_add_mss_clamp(struct sim *sim, const char *name,
                                          const struct mss_clamp_config *config)
{
    static const struct middlebox_kind kind = {.decide = mss_decide, .destroy = free};
    struct mss_clamp *clamp = calloc(1, sizeof *clamp);
    if (clamp == NULL)
        return NULL;
    clamp->config = *config;
    if (config->from == 0)
        clamp->config.from = MIDDLEBOX_FROM_BOTH;
    return middlebox_add(sim, name, &config->common, &kind, clamp);
}

struct mss_clamp_stats middlebox_mss_clamp_stats(const struct middlebox *box)
{
    const struct mss_clamp *clamp = middlebox_ctx(box);
    return clamp->stats;
}

/* ---- option stripper ---- */

struct stripper {
    struct option_stripper_config config;
    struct option_stripper_stats stats;
};

bool middlebox_knows_option(uint8_t kind)
{
    return kind == TCP_OPT_MSS || kind == TCP_OPT_WINDOW_SCALE || kind == TCP_OPT_SACK_PERMITTED ||
           kind == TCP_OPT_SACK || kind == TCP_OPT_TIMESTAMPS;
}

static bool unwanted(const struct option_stripper_config *config, uint8_t kind)
{
    if (kind == TCP_OPT_EOL || kind == TCP_OPT_NOP)
        return false;
    for (unsigned i = 0; i < config->kind_count; i++)
        if (config->kinds[i] == kind)
            return true;
    return config->unknown && !middlebox_knows_option(kind);
}

/* Put NOPs where unwanted options stand; returns how many. What stands behind an option of an
 * illegal length is left as it is. */
static uint64_t erase(const struct option_stripper_config *config, uint8_t *header, uint32_t len)
{
    struct tcp_option_iter it = options_begin(header, len);
    struct tcp_option option;
    uint64_t removed = 0;
    while (tcp_option_next(&it, &option)) {
        if (!unwanted(config, option.kind))
            continue;
        memset(header + TCP_HEADER_BYTES + option.offset, TCP_OPT_NOP, option.len);
        removed++;
    }
    return removed;
}

/* Write the header without NOPs and unwanted options to `out`; returns its length, and `len` when
 * an option has an illegal length. */
static uint32_t shorten(const struct option_stripper_config *config, uint8_t *out,
                        const uint8_t *header, uint32_t len, uint64_t *removed)
{
    struct tcp_option_iter it = options_begin(header, len);
    struct tcp_option option;
    uint8_t *area = out + TCP_HEADER_BYTES;
    size_t kept = 0;
    memcpy(out, header, TCP_HEADER_BYTES);
    *removed = 0;
    while (tcp_option_next(&it, &option)) {
        if (unwanted(config, option.kind)) {
            ++*removed;
        } else if (option.kind != TCP_OPT_NOP && option.kind != TCP_OPT_EOL) {
            memcpy(area + kept, header + TCP_HEADER_BYTES + option.offset, option.len);
            kept += option.len;
        }
    }
    if (it.stopped)
        *removed = 0;
    if (*removed == 0)
        return len;
    kept = tcp_options_pad(area, TCP_OPTION_BYTES_MAX, kept);
    uint32_t out_len = TCP_HEADER_BYTES + (uint32_t)kept;
    be16 field = tcp_offset_flags(out_len, load16(header + OFFSET_FLAGS_AT));
    memcpy(out + OFFSET_FLAGS_AT, &field, sizeof field);
    return out_len;
}

static enum middlebox_verdict strip_decide(void *ctx, struct middlebox_packet *packet)
{
    struct stripper *s = ctx;
    const struct sim_parsed *p = &packet->parsed;
    uint8_t header[TCP_HEADER_BYTES_MAX];
    uint64_t removed;
    if (!middlebox_is_segment(packet, s->config.from, s->config.segments))
        return MIDDLEBOX_FORWARD;
    uint32_t len = header_len(p);
    if (s->config.shorten) {
        len = shorten(&s->config, header, packet->bytes + p->transport_offset, len, &removed);
    } else {
        memcpy(header, packet->bytes + p->transport_offset, len);
        removed = erase(&s->config, header, len);
    }
    if (removed == 0)
        return MIDDLEBOX_FORWARD;
    edit_tcp_header(packet->bytes, &packet->len, p, header, len);
    packet->changed = true;
    s->stats.segments++;
    s->stats.options += removed;
    return MIDDLEBOX_FORWARD;
}

struct middlebox *middlebox_add_option_stripper(struct sim *sim, const char *name,
                                                const struct option_stripper_config *config)
{
    static const struct middlebox_kind kind = {.decide = strip_decide, .destroy = free};
    if (config->kind_count > OPTION_STRIPPER_KINDS_MAX)
        return NULL;
    struct stripper *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->config = *config;
    if (config->from == 0)
        s->config.from = MIDDLEBOX_FROM_BOTH;
    if (config->segments == 0)
        s->config.segments = MIDDLEBOX_SEGMENTS;
    return middlebox_add(sim, name, &config->common, &kind, s);
}

struct option_stripper_stats middlebox_option_stripper_stats(const struct middlebox *box)
{
    const struct stripper *s = middlebox_ctx(box);
    return s->stats;
}

struct middlebox *middlebox_add_scale_eraser(struct sim *sim, const char *name,
                                             const struct scale_eraser_config *config)
{
    uint8_t segments = config->segments != 0 ? config->segments : MIDDLEBOX_SYN_ACK;
    struct option_stripper_config stripper = {.common = config->common,
                                              .from = config->from,
                                              .segments = segments,
                                              .kind_count = 1,
                                              .kinds = {TCP_OPT_WINDOW_SCALE}};
    return middlebox_add_option_stripper(sim, name, &stripper);
}
