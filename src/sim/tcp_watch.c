/* SPDX-License-Identifier: MIT
 * The watcher's table of connections, and how packets come to it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/build.h"
#include "sim/tcp_watch_impl.h"
#include "weir/net.h"

/* ---- sets of places ---- */

void spans_add(struct spans *s, place start, place end)
{
    unsigned i = 0, last;
    if (start >= end)
        return;
    while (i < s->count && s->span[i].end < start)
        i++;
    for (last = i; last < s->count && s->span[last].start <= end; last++) {
        start = s->span[last].start < start ? s->span[last].start : start;
        end = s->span[last].end > end ? s->span[last].end : end;
    }
    if (last == i && s->count == s->room) {
        s->room = s->room == 0 ? 8 : 2 * s->room;
        s->span = realloc(s->span, s->room * sizeof s->span[0]);
        CHECK(NULL, s->span != NULL);
    }
    memmove(&s->span[i + 1], &s->span[last], (s->count - last) * sizeof s->span[0]);
    s->count = s->count + 1 - (last - i);
    s->span[i] = (struct span){start, end};
}

bool spans_have(const struct spans *s, place start, place end)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->span[i].start <= start && end <= s->span[i].end)
            return true;
    return start >= end;
}

void half_reset(struct half *h)
{
    struct syn_offer last = h->last;
    free(h->copy);
    free(h->got.span);
    *h = (struct half){.last = last, .ack_due = WEIR_TIME_NEVER};
}

/* ---- the table ---- */

static bool same_addr(const struct weir_addr *a, const struct weir_addr *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static unsigned bucket_of(uint16_t port_a, uint16_t port_b)
{
    return (port_a * 31U ^ port_b * 31U ^ (unsigned)port_a >> 8 ^ (unsigned)port_b >> 8) %
           WATCH_BUCKETS;
}

/* The connection, and which half is that of (address, port). */
static struct flow *flow_find(const struct tcp_watch *watch, const struct weir_addr *address,
                              uint16_t port, const struct weir_addr *peer, uint16_t peer_port,
                              unsigned *half)
{
    struct flow *f = watch->bucket[bucket_of(port, peer_port)];
    for (; f != NULL; f = f->next)
        for (unsigned i = 0; i < 2; i++)
            if (f->port[i] == port && f->port[1 - i] == peer_port &&
                same_addr(&f->address[i], address) && same_addr(&f->address[1 - i], peer)) {
                *half = i;
                return f;
            }
    return NULL;
}

static struct flow *flow_get(struct tcp_watch *watch, const struct build_ip *own, uint16_t port,
                             uint16_t peer_port, unsigned *half)
{
    struct flow *f =
        flow_find(watch, &own->source, port, &own->destination, peer_port, half);
    if (f != NULL)
        return f;
    f = calloc(1, sizeof *f);
    CHECK(NULL, f != NULL);
    f->address[0] = own->source;
    f->address[1] = own->destination;
    f->port[0] = port;
    f->port[1] = peer_port;
    half_reset(&f->half[0]);
    half_reset(&f->half[1]);
    struct flow **bucket = &watch->bucket[bucket_of(port, peer_port)];
    f->next = *bucket;
    *bucket = f;
    *half = 0;
    return f;
}

struct tcp_watch *tcp_watch_new(struct verdict *verdict)
{
    struct tcp_watch *watch = calloc(1, sizeof *watch);
    CHECK(NULL, watch != NULL);
    watch->verdict = verdict;
    return watch;
}

void tcp_watch_free(struct tcp_watch *watch)
{
    for (unsigned i = 0; i < WATCH_BUCKETS; i++)
        for (struct flow *f = watch->bucket[i], *next; f != NULL; f = next) {
            next = f->next;
            half_reset(&f->half[0]);
            half_reset(&f->half[1]);
            free(f);
        }
    free(watch);
}

void watch_fail(const struct seen *s, const char *id, const char *format, ...)
{
    char what[160], own[WEIR_ADDR_TEXT_MAX], peer[WEIR_ADDR_TEXT_MAX];
    unsigned half = (unsigned)(s->half - s->flow->half);
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    verdict_fail(s->watch->verdict, s->now, id, "%s.%u > %s.%u: %s",
                 weir_addr_text(&s->flow->address[half], own, sizeof own), s->flow->port[half],
                 weir_addr_text(&s->flow->address[1 - half], peer, sizeof peer),
                 s->flow->port[1 - half], what);
}

struct syn_offer seen_offer(const struct seen *s)
{
    const struct tcp_options *o = &s->options;
    struct syn_offer offer = {.seen = true,
                              .seq = s->header.seq,
                              .window = s->header.window,
                              .has_scale = (o->present & TCP_HAS_WINDOW_SCALE) != 0,
                              .has_timestamps = (o->present & TCP_HAS_TIMESTAMPS) != 0,
                              .has_sack = (o->present & TCP_HAS_SACK_PERMITTED) != 0};
    if ((o->present & TCP_HAS_MSS) != 0)
        offer.mss = o->mss;
    if (offer.has_scale)
        offer.scale = o->window_scale;
    if (offer.has_timestamps)
        offer.ts_val = o->ts_val;
    return offer;
}

/* ---- packets ---- */

/* Is it a whole TCP segment? Fills what does not depend on the connection. */
static bool seen_parse(struct seen *s, const uint8_t *bytes, uint32_t len)
{
    uint8_t link = s->host->config.link;
    s->parsed = sim_parse(bytes, len, link == 0 ? WEIR_LINK_IP : link);
    const struct sim_parsed *p = &s->parsed;
    if (p->protocol != IP_PROTOCOL_TCP || p->transport_len == 0 || p->fragment)
        return false;
    const uint8_t *at = bytes + p->transport_offset;
    if (tcp_parse(&s->header, at, p->transport_len, p->transport_len) != WEIR_DROP_NONE)
        return false;
    s->options_len = s->header.header_len - TCP_HEADER_BYTES;
    tcp_options_parse_any(&s->options, at + TCP_HEADER_BYTES, s->options_len);
    s->payload = bytes + p->payload_offset;
    s->payload_len = p->payload_len;
    return true;
}

static void seen_find(struct seen *s, bool sent)
{
    struct build_ip path = build_path(&s->parsed, !sent);
    uint16_t own = sent ? s->header.source_port : s->header.destination_port;
    uint16_t peer = sent ? s->header.destination_port : s->header.source_port;
    unsigned half;
    s->flow = flow_get(s->watch, &path, own, peer, &half);
    s->half = &s->flow->half[half];
}

static void sent(struct watch_host *host, const uint8_t *bytes, uint32_t len, uint32_t segment_size,
                 bool finished, weir_time now)
{
    struct seen s = {.watch = host->watch, .host = host, .now = now, .segment_size = segment_size};
    uint8_t link = host->config.link == 0 ? WEIR_LINK_IP : host->config.link;
    if (finished && sim_parse(bytes, len, link).ip_version != 0 && !build_is_sound(bytes, len, link))
        verdict_fail(host->watch->verdict, now, "I-65",
                     "host %u sends %u bytes with a wrong checksum", host->number, len);
    if (!seen_parse(&s, bytes, len))
        return;
    seen_find(&s, true);
    if (now < host->config.quiet_until)
        watch_fail(&s, "quiet", "a segment in the quiet time");
    watch_segment_sent(&s);
}

void tcp_watch_sent(struct tcp_watch *watch, unsigned host, const uint8_t *bytes, uint32_t len,
                    weir_time now)
{
    CHECK(NULL, host < watch->hosts);
    sent(&watch->host[host], bytes, len, 0, true, now);
}

void tcp_watch_received(struct tcp_watch *watch, unsigned host, const uint8_t *bytes, uint32_t len,
                        enum weir_drop drop, weir_time now)
{
    CHECK(NULL, host < watch->hosts);
    struct seen s = {.watch = watch, .host = &watch->host[host], .now = now};
    bool damaged = drop != WEIR_DROP_NONE &&
                   (drop < WEIR_DROP_TCP_PORT || drop == WEIR_DROP_TCP_ADDRESS);
    if (damaged || !seen_parse(&s, bytes, len))
        return;
    seen_find(&s, false);
    watch_segment_received(&s, drop);
}

/* One piece out of head and fragments. */
static uint32_t gather(uint8_t *to, const uint8_t *head, uint32_t head_len,
                       const struct weir_ref *frag, unsigned frags)
{
    uint32_t len = head_len;
    memcpy(to, head, head_len);
    for (unsigned i = 0; i < frags; i++) {
        CHECK(NULL, len + frag[i].len <= WEIR_PACKET_BYTES_MAX);
        memcpy(to + len, frag[i].data, frag[i].len);
        len += (uint32_t)frag[i].len;
    }
    return len;
}

static void tap(void *ctx, const struct weir_tap_packet *packet)
{
    struct watch_host *host = ctx;
    const struct sim *sim = host->watch->verdict->sim;
    weir_time now = sim != NULL ? sim_now(sim) : packet->time; /* the host's clock may be another */
    uint8_t *bytes = host->watch->packet;
    if (packet->tx != NULL) {
        const struct weir_tx *tx = packet->tx;
        uint32_t len = gather(bytes, tx->headers + tx->header_start, tx->header_len, tx->frag,
                              tx->frag_count);
        sent(host, bytes, len, tx->segmentation != WEIR_SEGMENT_NONE ? tx->segment_size : 0,
             tx->checksum_wanted == 0 && tx->segmentation == WEIR_SEGMENT_NONE, now);
    } else {
        const struct weir_rx *rx = packet->rx;
        uint32_t len = gather(bytes, rx->head, rx->head_len, rx->frag, rx->frag_count);
        tcp_watch_received(host->watch, host->number, bytes, len, (enum weir_drop)packet->drop,
                           now);
    }
}

struct weir_tap tcp_watch_add(struct tcp_watch *watch, const struct tcp_watch_host *config)
{
    CHECK(NULL, watch->hosts < TCP_WATCH_HOSTS_MAX);
    struct watch_host *host = &watch->host[watch->hosts];
    *host = (struct watch_host){.watch = watch, .number = watch->hosts, .config = *config};
    watch->hosts++;
    return (struct weir_tap){.fn = tap, .ctx = host};
}

void tcp_watch_set_mtu(struct tcp_watch *watch, unsigned host, uint32_t mtu_bytes)
{
    CHECK(NULL, host < watch->hosts);
    watch->host[host].config.mtu_bytes = mtu_bytes;
}

/* ---- results ---- */

static void half_settle(struct tcp_watch *watch, struct flow *flow, unsigned i, weir_time now)
{
    struct half *h = &flow->half[i];
    struct seen s = {.watch = watch, .flow = flow, .half = h, .now = now};
    if (h->ack_now)
        watch_fail(&s, "I-31", "no acknowledgment at once, but %s", h->why_now);
    if (now > h->ack_due)
        watch_fail(&s, "I-31", "no acknowledgment within 500 ms");
}

void tcp_watch_settle(struct tcp_watch *watch, weir_time now)
{
    for (unsigned b = 0; b < WATCH_BUCKETS; b++)
        for (struct flow *f = watch->bucket[b]; f != NULL; f = f->next) {
            half_settle(watch, f, 0, now);
            half_settle(watch, f, 1, now);
        }
}

struct tcp_watch_stats tcp_watch_stats(const struct tcp_watch *watch)
{
    return watch->stats;
}

struct tcp_watch_view tcp_watch_view(const struct tcp_watch *watch,
                                     const struct weir_tcp_info *info)
{
    unsigned half;
    const struct flow *f = flow_find(watch, &info->local, info->local_port, &info->remote,
                                     info->remote_port, &half);
    if (f == NULL || !f->half[half].has_iss)
        return (struct tcp_watch_view){0};
    const struct half *h = &f->half[half];
    return (struct tcp_watch_view){.known = true,
                                   .sent = (uint64_t)h->sent,
                                   .edge = (uint64_t)h->own_edge,
                                   .acked = (uint64_t)h->acked,
                                   .pushed = h->pushed};
}
