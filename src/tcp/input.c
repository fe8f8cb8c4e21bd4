/* SPDX-License-Identifier: MIT
 * Segments on their way in: parsed, verified, and handed to what they are for. */
#include "tcp/tcp.h"

/* The sum of the bytes of a packet behind its first `skip`, which lie in the first part. */
static struct csum payload_sum(const struct tcp_room *tcp, const struct net_rx *rx, size_t skip)
{
    struct csum sum = tcp->ops->sum(rx->part[0].data + skip, rx->part[0].len - skip);
    size_t done = rx->part[0].len - skip;
    for (unsigned i = 1; i < rx->parts; i++) {
        sum = csum_join(sum, done, tcp->ops->sum(rx->part[i].data, rx->part[i].len));
        done += rx->part[i].len;
    }
    return sum;
}

static bool checksum_is_good(const struct tcp_room *tcp, const struct net_rx *rx,
                             const struct tcp_header *h)
{
    if (rx->checksum_good)
        return true;
    return tcp_checksum_is_good(rx->part[0].data, h->header_len, net_rx_pseudo(rx),
                                payload_sum(tcp, rx, h->header_len));
}

uint32_t tcp_copy_in(struct tcp_room *tcp, const struct tcp_segment *s, uint32_t skip, uint32_t len,
                     struct ring *ring, uint64_t offset, enum blocks_priority priority)
{
    size_t at = s->skip + skip;
    uint32_t copied = 0;
    CHECK(tcp->handler, skip + len <= s->len);
    for (unsigned i = 0; i < s->rx->parts && copied < len; i++) {
        struct weir_ref part = s->rx->part[i];
        if (at >= part.len) {
            at -= part.len;
            continue;
        }
        size_t n = part.len - at < len - copied ? part.len - at : len - copied;
        size_t written = ring_write(ring, offset + copied,
                                    (struct weir_ref){part.data + at, n}, priority);
        copied += (uint32_t)written;
        if (written < n)
            break;
        at = 0;
    }
    return copied;
}

/* A segment for nothing that we know: a listener's, or nobody's (RFC 9293 3.10.7.1). */
static enum weir_drop to_listener(struct tcp_room *tcp, struct tcp_segment *s)
{
    const struct net_rx *rx = s->rx;
    struct tcp_conn *listener =
        tcp_find_listener(tcp, rx->destination, s->header->destination_port, rx->ifindex);
    if (listener != NULL)
        return tcp_listen_segment(tcp, listener, s);
    tcp_reset_stranger(tcp, s);
    return WEIR_DROP_TCP_PORT;
}

static enum weir_drop to_found(struct tcp_room *tcp, struct tcp_found found, struct tcp_segment *s)
{
    switch (found.kind) {
    case TCP_KIND_CONN: {
        struct tcp_conn *c = tcp_at(tcp, found.index);
        s->seq = tcp_unwrap(s->header->seq, c->rcv_nxt);
        s->ack = tcp_unwrap(s->header->ack, c->snd_una);
        s->window = tcp_window_bytes(c, s->header->window, (s->flags & TCP_SYN) != 0);
        return tcp_segment_arrives(tcp, c, s);
    }
    case TCP_KIND_SYN:
        return tcp_syn_segment(tcp, pool_at(&tcp->syns, found.index), s);
    case TCP_KIND_WAIT:
        return tcp_time_wait_segment(tcp, pool_at(&tcp->waits, found.index), s);
    case TCP_KIND_NONE:
        break;
    }
    return to_listener(tcp, s);
}

/* What a connection, or a record, refuses takes from the budget of resets what the same segment had
 * taken if there were none. Else forged segments in somebody's name, and counting the resets of one's
 * own afterwards, would tell whether he is connected (ATK-INF-11, ATK-BLD-18, CVE-2016-5696). */
static void spend_as_stranger(struct tcp_room *tcp, const struct tcp_segment *s)
{
    const struct net_rx *rx = s->rx;
    if ((s->flags & TCP_RST) != 0)
        return;
    if ((s->flags & TCP_ACK) == 0 &&
        tcp_find_listener(tcp, rx->destination, s->header->destination_port, rx->ifindex) != NULL)
        return; /* a listener answers nothing else with a reset */
    (void)ratelimit_allow(&tcp->net->errors, rx->source, s->now);
}

static enum weir_drop dispatch(struct tcp_room *tcp, struct tcp_segment *s)
{
    const struct net_rx *rx = s->rx;
    struct tcp_tuple tuple = {.local = rx->destination,
                              .remote = rx->source,
                              .local_port = s->header->destination_port,
                              .remote_port = s->header->source_port};
    struct tcp_found found = tcp_find(tcp, &tuple);
    uint64_t resets = tcp->count.resets_out + tcp->count.resets_limited;
    enum weir_drop drop = to_found(tcp, found, s);
    if (drop != WEIR_DROP_NONE && found.kind != TCP_KIND_NONE &&
        tcp->count.resets_out + tcp->count.resets_limited == resets)
        spend_as_stranger(tcp, s);
    return drop;
}

/* How many segments a device has put together into this packet, each of *size bytes but the last. */
static uint16_t coalesced(const struct net_rx *rx, uint32_t len, uint16_t *size)
{
    const struct weir_rx *packet = rx->packet;
    bool several = packet->segmentation == WEIR_SEGMENT_TCP4 ||
                   packet->segmentation == WEIR_SEGMENT_TCP6;
    if (several && packet->segment_size != 0 && len > packet->segment_size) {
        *size = packet->segment_size;
        return (uint16_t)((len + packet->segment_size - 1) / packet->segment_size);
    }
    *size = (uint16_t)len;
    return 1;
}

enum weir_drop tcp_input(struct tcp_room *tcp, const struct net_rx *rx, weir_time now)
{
    struct tcp_header h;
    struct tcp_options options;
    enum weir_drop drop = tcp_parse(&h, rx->part[0].data, rx->part[0].len, rx->len);
    if (drop != WEIR_DROP_NONE)
        return drop;
    if (!checksum_is_good(tcp, rx, &h))
        return WEIR_DROP_TCP_CHECKSUM;
    /* MUST-57, MUST-63; a peer with port 0 could not be answered (ATK-HDR-12). */
    if (rx->group || h.source_port == 0 || h.destination_port == 0)
        return WEIR_DROP_TCP_ADDRESS;
    tcp_options_parse(&options, rx->part[0].data + TCP_HEADER_BYTES,
                      (size_t)h.header_len - TCP_HEADER_BYTES);
    struct tcp_segment s = {
        .rx = rx,
        .header = &h,
        .options = &options,
        .seq = TCP_OFFSET_BASE + h.seq.v,
        .ack = TCP_OFFSET_BASE + h.ack.v,
        .len = rx->len - h.header_len,
        .skip = h.header_len,
        .window = h.window,
        .flags = h.flags & TCP_FLAGS,
        .now = now,
    };
    s.segments = coalesced(rx, s.len, &s.segment_size);
    tcp->count.segments_in += s.segments;
    if (tcp_is_quiet(tcp)) { /* of what was before we remember nothing; nobody is told */
        tcp->count.quiet_held++;
        return WEIR_DROP_TCP_QUIET;
    }
    return dispatch(tcp, &s);
}
