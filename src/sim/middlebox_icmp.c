/* SPDX-License-Identifier: MIT
 * The ICMP filter. */
#include <stdlib.h>

#include "sim/middlebox_path.h"
#include "wire/icmp.h"

struct filter {
    struct icmp_filter_config config;
    struct icmp_filter_stats stats;
};

static bool listed(const uint8_t *types, unsigned count, uint8_t type)
{
    for (unsigned i = 0; i < count; i++)
        if (types[i] == type)
            return true;
    return false;
}

static bool unwanted(const struct icmp_filter_config *c, const struct icmp *m, bool v4)
{
    if (c->what == ICMP_FILTER_LISTED)
        return v4 ? listed(c->types4, c->type4_count, m->type)
                  : listed(c->types6, c->type6_count, m->type);
    if (c->what == ICMP_FILTER_ERRORS)
        return icmp_is_error(m->kind);
    return m->kind != ICMP_ECHO_REQUEST && m->kind != ICMP_ECHO_REPLY && m->kind != ICMP_ND;
}

static enum middlebox_verdict icmp_decide(void *ctx, struct middlebox_packet *packet)
{
    struct filter *filter = ctx;
    const struct sim_parsed *p = &packet->parsed;
    const uint8_t *at = packet->bytes + p->transport_offset;
    bool v4 = p->ip_version == 4 && p->protocol == IP_PROTOCOL_ICMP4;
    bool v6 = p->ip_version == 6 && p->protocol == IP_PROTOCOL_ICMP6;
    struct icmp m;
    if ((!v4 && !v6) || p->transport_len == 0 || (filter->config.from & 1U << packet->from) == 0)
        return MIDDLEBOX_FORWARD;
    enum weir_drop drop = v4 ? icmp4_parse(&m, at, p->transport_len, p->transport_len)
                             : icmp6_parse(&m, at, p->transport_len, p->transport_len);
    if (drop != WEIR_DROP_NONE)
        return MIDDLEBOX_FORWARD;
    filter->stats.seen++;
    if (!unwanted(&filter->config, &m, v4))
        return MIDDLEBOX_FORWARD;
    filter->stats.dropped++;
    return MIDDLEBOX_DROP;
}

struct middlebox *middlebox_add_icmp_filter(struct sim *sim, const char *name,
                                            const struct icmp_filter_config *config)
{
    static const struct middlebox_kind kind = {.decide = icmp_decide, .destroy = free};
    if (config->type4_count > ICMP_FILTER_TYPES_MAX || config->type6_count > ICMP_FILTER_TYPES_MAX)
        return NULL;
    struct filter *filter = calloc(1, sizeof *filter);
    if (filter == NULL)
        return NULL;
    filter->config = *config;
    if (config->from == 0)
        filter->config.from = MIDDLEBOX_FROM_BOTH;
    return middlebox_add(sim, name, &config->common, &kind, filter);
}

struct icmp_filter_stats middlebox_icmp_filter_stats(const struct middlebox *box)
{
    const struct filter *filter = middlebox_ctx(box);
    return filter->stats;
}
