/* SPDX-License-Identifier: MIT
 * The ECN bleacher. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sim/edit.h"
#include "sim/middlebox_path.h"
#include "wire/ip4.h"

enum { OFFSET_FLAGS_AT = 12 };

struct bleacher {
    struct ecn_bleacher_config config;
    struct ecn_bleacher_stats stats;
};

static uint8_t bleached(uint8_t what, uint8_t ecn)
{
    if (ecn == IP_ECN_NOT_ECT || what == ECN_BLEACH_CLEAR)
        return IP_ECN_NOT_ECT;
    if (what == ECN_BLEACH_MARK)
        return IP_ECN_CE;
    return ecn == IP_ECN_CE ? (uint8_t)IP_ECN_ECT0 : ecn;
}

static void set_ecn(uint8_t *ip, unsigned version, uint8_t ecn)
{
    uint8_t word[2] = {ip[0], ip[1]};
    if (version == 4) {
        word[1] = (uint8_t)((word[1] & ~3U) | ecn);
        edit_ip4(ip, 0, word, sizeof word);
    } else {
        ip[1] = (uint8_t)((word[1] & ~0x30U) | (unsigned)ecn << 4);
    }
}

static void clear_syn(struct bleacher *bleacher, struct middlebox_packet *packet)
{
    const struct sim_parsed *p = &packet->parsed;
    enum { ECN_FLAGS = TCP_ECE | TCP_CWR | TCP_AE };
    uint8_t header[TCP_HEADER_BYTES_MAX];
    if (p->protocol != IP_PROTOCOL_TCP || p->transport_len == 0 || p->fragment ||
        (p->tcp_flags & TCP_SYN) == 0 || (p->tcp_flags & ECN_FLAGS) == 0)
        return;
    uint32_t len = p->payload_offset - p->transport_offset;
    memcpy(header, packet->bytes + p->transport_offset, len);
    store16(header + OFFSET_FLAGS_AT,
            (uint16_t)(load16(header + OFFSET_FLAGS_AT) & ~(unsigned)ECN_FLAGS));
    edit_tcp_header(packet->bytes, &packet->len, p, header, len);
    packet->changed = true;
    bleacher->stats.syns++;
}

static enum middlebox_verdict ecn_decide(void *ctx, struct middlebox_packet *packet)
{
    struct bleacher *bleacher = ctx;
    const struct ecn_bleacher_config *c = &bleacher->config;
    const struct sim_parsed *p = &packet->parsed;
    if (p->ip_version == 0 || (c->from & 1U << packet->from) == 0)
        return MIDDLEBOX_FORWARD;
    uint8_t ecn = bleached(c->what, p->ecn);
    if (ecn != p->ecn) {
        set_ecn(packet->bytes + p->ip_offset, p->ip_version, ecn);
        packet->changed = true;
        bleacher->stats.rewritten++;
    }
    if (c->tcp_syns)
        clear_syn(bleacher, packet);
    return MIDDLEBOX_FORWARD;
}

struct middlebox *middlebox_add_ecn_bleacher(struct sim *sim, const char *name,
                                             const struct ecn_bleacher_config *config)
{
    static const struct middlebox_kind kind = {.decide = ecn_decide, .destroy = free};
    struct bleacher *bleacher = calloc(1, sizeof *bleacher);
    if (bleacher == NULL)
        return NULL;
    bleacher->config = *config;
    if (config->from == 0)
        bleacher->config.from = MIDDLEBOX_FROM_BOTH;
    return middlebox_add(sim, name, &config->common, &kind, bleacher);
}

struct ecn_bleacher_stats middlebox_ecn_bleacher_stats(const struct middlebox *box)
{
    const struct bleacher *bleacher = middlebox_ctx(box);
    return bleacher->stats;
}
