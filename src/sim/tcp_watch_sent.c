/* SPDX-License-Identifier: MIT
 * What a host sends, judged by what it has received. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/tcp_watch_impl.h"
#include "wire/ip4.h"

enum {
    COPY_BYTES_MIN = 4096,
    MSS_DEFAULT4 = 536, /* of a peer that sends none (MUST-15) */
    MSS_DEFAULT6 = 1220,
    TIMESTAMPS_BYTES = 12
};

/* ---- form ---- */

static void check_options(struct seen *s)
{
    const struct tcp_options *o = &s->options;
    const uint8_t *area = s->parsed.bytes + s->parsed.transport_offset + TCP_HEADER_BYTES;
    struct tcp_option_iter it = tcp_option_begin(area, s->options_len);
    struct tcp_option option;
    bool syn = seen_has(s, TCP_SYN);
    while (tcp_option_next(&it, &option))
        if (option.kind == TCP_OPT_EOL)
            for (unsigned i = option.offset; i < s->options_len; i++)
                if (area[i] != 0)
                    watch_fail(s, "MUST-69", "padding behind the end of options is not zero");
    if (it.stopped || o->malformed > 0 || o->repeated > 0 || o->window_scale_clamped)
        watch_fail(s, "MUST-68", "an option of a wrong length or value, or twice");
    if ((o->present & TCP_HAS_MSS) != 0 && !syn)
        watch_fail(s, "MUST-65", "an MSS option without SYN");
    if ((o->present & (TCP_HAS_WINDOW_SCALE | TCP_HAS_SACK_PERMITTED)) != 0 && !syn)
        watch_fail(s, "SUP-20", "window scale or SACK-permitted without SYN");
    if ((s->header.flags & TCP_RESERVED) != 0)
        watch_fail(s, "UN-17", "reserved bits are set");
    if (!seen_has(s, TCP_ACK) && s->header.ack.v != 0)
        watch_fail(s, "I-65", "an acknowledgment number without ACK");
}

/* Largest payload and options of this segment, cut or not (RFC 9293 3.7.1). */
static void check_size(struct seen *s)
{
    const struct half *h = s->half;
    uint32_t payload = s->payload_len;
    bool cut = s->segment_size > 0 && payload > s->segment_size;
    if (cut)
        payload = s->segment_size;
    uint32_t ip_len = s->parsed.ip_len - (s->payload_len - payload);
    uint32_t mss = s->parsed.ip_version == 4 ? MSS_DEFAULT4 : MSS_DEFAULT6;
    if (h->peer.seen && h->peer.mss != 0)
        mss = h->peer.mss;
    if (cut && seen_has(s, TCP_SYN))
        watch_fail(s, "I-19", "a SYN that is to be cut");
    if (ip_len > s->host->config.mtu_bytes)
        watch_fail(s, "I-19", "%u bytes are more than the MTU of %u", ip_len,
                   s->host->config.mtu_bytes);
    if (payload > 0 && h->peer.seen && payload + s->options_len > mss)
        watch_fail(s, "I-19", "%u bytes and %u of options are more than the MSS of %u", payload,
                   s->options_len, mss);
}

static void check_timestamps(struct seen *s)
{
    struct half *h = s->half;
    bool has = (s->options.present & TCP_HAS_TIMESTAMPS) != 0;
    if (!seen_has(s, TCP_SYN) && has != half_has_timestamps(h))
        watch_fail(s, "SUP-22", has ? "timestamps that were not agreed on" : "timestamps are missing");
    if (!has)
        return;
    bool fresh = h->has_ts && s->now - h->ts_at < TS_VALID;
    if (fresh && (int32_t)(s->options.ts_val - h->ts_val) < 0)
        watch_fail(s, "I-36", "the timestamp clock goes back from %u to %u", h->ts_val,
                   s->options.ts_val);
    if (seen_has(s, TCP_ACK)) {
        /* Who has no record of a handshake echoes what each SYN says. */
        if (h->has_ecr && !seen_has(s, TCP_SYN) && (int32_t)(s->options.ts_ecr - h->ts_ecr) < 0)
            watch_fail(s, "I-36", "the echo goes back from %u to %u", h->ts_ecr, s->options.ts_ecr);
        if (!h->has_ts_seen || (int32_t)(s->options.ts_ecr - h->ts_seen) > 0)
            watch_fail(s, "I-36", "the echo %u is of no timestamp that came", s->options.ts_ecr);
        uint32_t oldest = h->ts_recent_at == s->now ? h->ts_before : h->ts_recent;
        /* TIME-WAIT, which comes behind a FIN, may take the timestamps of what it refuses. */
        bool sure = h->ts_known && !h->unsure && h->peer_fin == 0;
        if (sure && !seen_has(s, TCP_SYN) &&
            s->options.ts_ecr - oldest > h->ts_recent - oldest)
            watch_fail(s, "I-36", "the echo is %u, but %u is to be echoed", s->options.ts_ecr,
                       h->ts_recent);
        h->has_ecr = true;
        h->ts_ecr = s->options.ts_ecr;
    }
    h->has_ts = true;
    h->ts_at = s->now;
    h->ts_val = s->options.ts_val;
}

/* ---- what it acknowledges ---- */

/* Islands that are not told, though there is room, were not kept as a whole. */
static void doubt_islands(struct seen *s, place ack, unsigned most)
{
    struct half *h = s->half;
    const struct tcp_options *o = &s->options;
    unsigned count = (o->present & TCP_HAS_SACK) != 0 ? o->sack_count : 0;
    for (unsigned k = 0; k < h->got.count && count < most; k++) {
        bool told = h->got.span[k].start <= ack;
        for (unsigned i = 0; i < count; i++)
            told |= place_of(o->sack[i].start, h->irs, ack) <= h->got.span[k].start &&
                    place_of(o->sack[i].end, h->irs, ack) >= h->got.span[k].end;
        h->unsure |= !told;
    }
}

static void check_sack(struct seen *s, place ack)
{
    struct half *h = s->half;
    const struct tcp_options *o = &s->options;
    bool has = (o->present & TCP_HAS_SACK) != 0, told = false;
    unsigned most = half_has_timestamps(h) ? 3 : 4, first = 0;
    if (has && (!half_has_sack(h) || o->sack_count > most))
        watch_fail(s, "I-28", "%u SACK blocks; %u are allowed", o->sack_count,
                   half_has_sack(h) ? most : 0);
    for (unsigned i = 0; has && i < o->sack_count; i++) {
        place start = place_of(o->sack[i].start, h->irs, ack);
        place end = place_of(o->sack[i].end, h->irs, ack);
        if (start >= end || !spans_have(&h->got, start, end))
            watch_fail(s, "I-28", "block %u [%lld, %lld) did not come, above %lld", i,
                       (long long)start, (long long)end, (long long)ack);
        bool duplicate = i == 0 && (end <= ack || (o->sack_count > 1 &&
                                                   seq_leq(o->sack[1].start, o->sack[0].start) &&
                                                   seq_leq(o->sack[0].end, o->sack[1].end)));
        if (duplicate)
            first = 1; /* RFC 2883 */
        else if (start <= ack)
            watch_fail(s, "I-28", "block %u begins at %lld, below %lld", i, (long long)start,
                       (long long)ack);
        told |= i == first && start < h->last_above_end && h->last_above < end;
    }
    s->watch->stats.sacks += has;
    if (half_has_sack(h) && h->last_above_end > h->last_above && h->last_above > ack && !told)
        watch_fail(s, "I-28", "the first block has not [%lld, %lld), which came last",
                   (long long)h->last_above, (long long)h->last_above_end);
    h->last_above = h->last_above_end = 0;
    if (half_has_sack(h))
        doubt_islands(s, ack, most);
}

static void check_ack(struct seen *s)
{
    struct half *h = s->half;
    if (!h->has_irs) {
        watch_fail(s, "I-29", "an acknowledgment of a SYN that did not come");
        return;
    }
    place ack = place_of(s->header.ack, h->irs, h->next);
    if (ack > h->next || ack < 1)
        watch_fail(s, "I-29", "acknowledges %lld, but %lld came", (long long)ack,
                   (long long)h->next);
    if (ack < h->acked)
        watch_fail(s, "I-30", "acknowledges %lld after %lld", (long long)ack, (long long)h->acked);
    unsigned scale = seen_has(s, TCP_SYN) ? 0 : half_scale(h, &h->own);
    place edge = ack + ((place)s->header.window << scale);
    /* Rounded down to what the field can say: RFC 7323 2.4. A SYN cannot say more than 65,535. */
    if (!seen_has(s, TCP_SYN) && edge <= h->own_edge - ((place)1 << scale))
        watch_fail(s, "I-25", "the window's edge goes back from %lld to %lld",
                   (long long)h->own_edge, (long long)edge);
    if (s->now > h->ack_due)
        watch_fail(s, "I-31", "an acknowledgment %lld ns late", (long long)(s->now - h->ack_due));
    check_sack(s, ack);
    h->acked = ack;
    h->own_edge = edge > h->own_edge ? edge : h->own_edge;
    h->ack_now = false;
    h->ack_due = WEIR_TIME_NEVER;
    h->unacked = 0;
}

/* ---- what it sends ---- */

/* Keep a copy of bytes that go out for the first time. */
static void copy_keep(struct half *h, place at, const uint8_t *bytes, uint32_t len)
{
    uint64_t needed = (uint64_t)(at + (place)len - h->una);
    if (needed > h->copy_size) {
        uint32_t size = h->copy_size == 0 ? COPY_BYTES_MIN : h->copy_size;
        while (size < needed)
            size *= 2;
        uint8_t *copy = calloc(1, size);
        CHECK(NULL, copy != NULL);
        for (place p = at > h->copy_size ? at - (place)h->copy_size : 0; p < at; p++)
            copy[p % size] = h->copy_size > 0 ? h->copy[p % h->copy_size] : 0;
        free(h->copy);
        h->copy = copy;
        h->copy_size = size;
    }
    for (uint32_t i = 0; i < len; i++)
        h->copy[(at + (place)i) % h->copy_size] = bytes[i];
}

/* Compare bytes that went out before. */
static void copy_compare(struct seen *s, place at, uint32_t len)
{
    struct half *h = s->half;
    for (uint32_t i = 0; i < len && at + (place)i < h->sent; i++) {
        place p = at + (place)i;
        if (p + (place)h->copy_size < h->sent || p < 1)
            continue; /* acknowledged long ago */
        if (h->copy[p % h->copy_size] != s->payload[i]) {
            watch_fail(s, "I-15", "byte %lld was %#x and is %#x now", (long long)p,
                       h->copy[p % h->copy_size], s->payload[i]);
            return;
        }
    }
}

static void check_new(struct seen *s, place start, place end)
{
    struct half *h = s->half;
    bool probe = end - start == 1 && start == h->edge; /* of a closed window */
    s->watch->stats.probes += probe;
    if (h->has_irs && end > h->edge && !probe)
        watch_fail(s, "I-03", "sends up to %lld, the window ends at %lld", (long long)end,
                   (long long)h->edge);
    if (start > h->sent)
        watch_fail(s, "I-01", "sends from %lld, but nothing from %lld", (long long)start,
                   (long long)h->sent);
    h->pushed = seen_has(s, TCP_PSH) || (seen_has(s, TCP_FIN) && s->payload_len == 0 && h->pushed);
}

static void check_sequence(struct seen *s)
{
    struct half *h = s->half;
    bool syn = seen_has(s, TCP_SYN), fin = seen_has(s, TCP_FIN);
    place start = place_of(s->header.seq, h->iss, syn ? 0 : h->sent);
    place data = start + syn, end = data + (place)s->payload_len + fin;
    if (!syn && start < 1 && start != 0) /* one below: a keepalive of ISS */
        watch_fail(s, "I-17", "a sequence number before the SYN");
    if (fin && h->fin != 0 && h->fin != end - 1)
        watch_fail(s, "I-16", "FIN at %lld and at %lld", (long long)h->fin, (long long)end - 1);
    /* A keepalive repeats the last number with an octet of anything, FIN's too (MAY-6). */
    bool keepalive = s->payload_len == 1 && data < h->una;
    if (h->fin != 0 && s->payload_len > 0 && end - fin > h->fin && !keepalive)
        watch_fail(s, "I-16", "data up to %lld behind the FIN at %lld", (long long)(end - fin),
                   (long long)h->fin);
    if (start > h->sent)
        watch_fail(s, "I-01", "sequence number %lld, but %lld comes next", (long long)start,
                   (long long)h->sent);
    if (h->copy_size > 0 && data < h->sent && !keepalive)
        copy_compare(s, data, s->payload_len);
    s->watch->stats.payload_bytes += s->payload_len;
    if (end > h->sent) {
        uint32_t old = data < h->sent ? (uint32_t)(h->sent - data) : 0;
        if (!syn)
            check_new(s, h->sent, end);
        else
            h->pushed = true; /* RFC 9293 3.9.1.2 asks for it of segments that are sent in order */
        if (s->payload_len > old)
            copy_keep(h, data + (place)old, s->payload + old, s->payload_len - old);
        h->sent = end;
    } else if (end > start) {
        s->watch->stats.retransmitted++;
        s->watch->stats.retransmitted_bytes += s->payload_len;
    }
    if (fin)
        h->fin = end - 1;
}

/* ---- the whole segment ---- */

static bool half_has_closed(const struct half *h)
{
    return h->fin != 0 && h->una > h->fin && h->peer_fin != 0;
}

static bool half_is_over(const struct half *h)
{
    bool closed = half_has_closed(h);
    bool handshake = h->passive && !h->met;
    return !h->has_iss || h->dead || h->sent_rst || closed || handshake;
}

/* A SYN begins an incarnation, or repeats one; false: it cannot be judged further. */
static bool begin_with_syn(struct seen *s)
{
    struct half *h = s->half;
    bool same = h->has_iss && seq_eq(h->iss, s->header.seq);
    if (!same && !half_is_over(h)) {
        watch_fail(s, "I-17", "SYN %u, but the connection began with %u", s->header.seq.v,
                   h->iss.v);
        return false;
    }
    /* An old SYN that comes once more is answered with the same cookie. */
    same &= !h->dead && !h->sent_rst && !half_has_closed(h);
    h->sent_rst = false;
    if (!same) {
        half_reset(h);
        h->has_iss = true;
        h->iss = s->header.seq;
        h->passive = seen_has(s, TCP_ACK);
    }
    /* A SYN that vanishes may come again with a smaller MSS: nobody knows which one arrived. */
    uint16_t mss = same ? h->own.mss : 0;
    h->own = seen_offer(s);
    if (mss > h->own.mss)
        h->own.mss = mss;
    if (!seen_has(s, TCP_ACK) || h->has_irs)
        return true;
    struct tcp_seq irs = seq_sub(s->header.ack, 1);
    /* It may acknowledge data that came with the SYN. */
    if (h->last.seen && seq_lt(h->last.seq, irs))
        irs = h->last.seq;
    if (!h->last.seen || !seq_eq(h->last.seq, irs)) {
        watch_fail(s, "I-29", "SYN-ACK of a SYN that did not come");
        return false;
    }
    h->has_irs = true;
    h->irs = irs;
    h->peer = h->last;
    if (!h->has_ts_seen && h->peer.has_timestamps) {
        h->has_ts_seen = true;
        h->ts_seen = h->peer.ts_val;
    }
    place next = place_of(s->header.ack, irs, 1);
    spans_add(&h->got, 0, next);
    h->next = next;
    /* Whoever takes data with a SYN may answer before the handshake is over (RFC 7413 4.2.2). */
    if (h->passive && h->edge == 0)
        h->edge = 1 + (place)h->peer.window;
    return true;
}

void watch_segment_sent(struct seen *s)
{
    struct half *h = s->half;
    s->watch->stats.segments++;
    check_options(s);
    check_size(s);
    if (seen_has(s, TCP_RST)) {
        s->watch->stats.resets++;
        /* With the number that comes next, or below it: the connection is over. */
        bool own = h->has_iss && place_of(s->header.seq, h->iss, h->sent) <= h->sent;
        h->sent_rst |= own && !h->passive ? seen_has(s, TCP_ACK) : own;
        h->ack_now = false;
        h->ack_due = WEIR_TIME_NEVER;
        return;
    }
    if (seen_has(s, TCP_SYN) && !begin_with_syn(s))
        return;
    if (!h->has_iss || h->dead) {
        watch_fail(s, h->dead ? "I-44" : "I-43", "a segment of no connection, flags %#x",
                   s->header.flags);
        return;
    }
    if (!seen_has(s, TCP_SYN) && !seen_has(s, TCP_ACK))
        watch_fail(s, "I-43", "a segment without ACK in a connection");
    check_timestamps(s);
    if (seen_has(s, TCP_ACK))
        check_ack(s);
    check_sequence(s);
}
