/* SPDX-License-Identifier: MIT
 * Reassembly (RFC 9293 3.10.7.4, seventh) and what is told of it: SACK (RFC 2018) and DSACK (RFC
 * 2883).
 *
 * A byte is written once, where it belongs in the receive ring, by the first segment that brings
 * it; what comes later for the same place is not looked at (ATK-BLD-14). Which bytes above rcv_nxt
 * are there is said by `islands`. What was told by SACK is never thrown away. */
#include "tcp/tcp.h"

/* ---- the record of holes ---- */

/* The record of a connection, made if there is none; NULL: they are all in use. */
static struct tcp_holes *holes_take(struct tcp_room *tcp, struct tcp_conn *c)
{
    if (c->holes != TCP_NONE)
        return tcp_holes(tcp, c);
    uint32_t index = pool_take(&tcp->holes);
    if (index == POOL_NONE)
        return NULL;
    struct tcp_holes *h = pool_at(&tcp->holes, index);
    *h = (struct tcp_holes){0};
    ranges_init(&h->islands, &tcp->ranges, tcp->config->tcp_reassembly_ranges_max);
    h->conn = tcp_index(c);
    c->holes = index;
    tcp_holes_join(tcp, h, tcp->now);
    return h;
}

void tcp_holes_give_if_done(struct tcp_room *tcp, struct tcp_conn *c)
{
    struct tcp_holes *h = tcp_holes(tcp, c);
    if (h == NULL || h->islands.count > 0 || h->fin != 0 || h->dsack_start != h->dsack_end)
        return;
    tcp_holes_leave(tcp, h);
    pool_give(&tcp->holes, c->holes);
    c->holes = TCP_NONE;
}

/* Island changed last: `at` is in it. Of each island one byte stays in the list. */
static void touch(const struct tcp_room *tcp, struct tcp_holes *h, uint64_t at)
{
    struct range island;
    uint64_t recent[TCP_SACK_RECENT_MAX] = {at};
    uint8_t count = 1;
    if (!ranges_find(&h->islands, &tcp->ranges, at, &island))
        return;
    for (unsigned i = 0; i < h->recent_count && count < TCP_SACK_RECENT_MAX; i++)
        if (h->recent[i] < island.start || h->recent[i] >= island.end)
            recent[count++] = h->recent[i];
    memcpy(h->recent, recent, sizeof recent);
    h->recent_count = count;
}

/* Everything below rcv_nxt is no island any more. */
static void pass(struct tcp_room *tcp, const struct tcp_conn *c, struct tcp_holes *h)
{
    uint8_t count = 0;
    ranges_remove_below(&h->islands, &tcp->ranges, c->rcv_nxt);
    for (unsigned i = 0; i < h->recent_count; i++)
        if (h->recent[i] >= c->rcv_nxt)
            h->recent[count++] = h->recent[i];
    h->recent_count = count;
}

/* ---- duplicates ---- */

void tcp_reasm_duplicate(struct tcp_room *tcp, struct tcp_conn *c, uint64_t start, uint64_t end)
{
    /* Neither SYN nor FIN is data: a keepalive probe may ask about the place of either. */
    uint64_t data_start = TCP_OFFSET_BASE + c->irs.v + 1, data_end = tcp_rcv_data_end(c);
    tcp_ack_now(tcp, c, false);
    if (start < data_start)
        start = data_start;
    if (end > data_end)
        end = data_end;
    struct tcp_holes *h = c->sack && start < end ? holes_take(tcp, c) : NULL;
    if (h == NULL)
        return;
    h->dsack_start = start;
    h->dsack_end = end;
}

/* ---- in sequence ---- */

/* Take in [rcv_nxt, end) of the segment, none of which is there: false when memory ran out. */
static bool append(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s,
                   uint64_t end)
{
    uint32_t len = (uint32_t)(end - c->rcv_nxt), taken = len;
    /* The reserve is for who has nothing to read yet: for others, reading makes room. */
    enum blocks_priority priority =
        c->rcv_nxt == c->receive.head ? BLOCKS_URGENT : BLOCKS_NORMAL;
    if (!c->receive_shut)
        taken = tcp_copy_in(tcp, s, (uint32_t)(c->rcv_nxt - s->seq), len, &c->receive, c->rcv_nxt,
                            priority);
    c->rcv_nxt += taken;
    tcp->count.memory_refused += taken < len;
    return taken == len;
}

/* The same where islands may be in the way: rcv_nxt moves over those that it reaches. */
static bool append_between(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s,
                           uint64_t end, struct tcp_holes *h)
{
    bool whole = true;
    /* What was cut off below rcv_nxt was noted already: the first duplicate is told (RFC 2883 4.2).
     * */
    bool noted = !c->sack || (h->dsack_start != h->dsack_end && h->dsack_end == s->seq);
    while (whole && c->rcv_nxt < end) {
        struct range gap = ranges_gap_after(&h->islands, &tcp->ranges, c->rcv_nxt);
        if (gap.start == c->rcv_nxt) {
            whole = append(tcp, c, s, gap.end < end ? gap.end : end);
            continue;
        }
        if (!noted) {
            h->dsack_start = c->rcv_nxt;
            h->dsack_end = gap.start < end ? gap.start : end;
            noted = true;
        }
        c->rcv_nxt = gap.start;
    }
    if (whole)
        c->rcv_nxt = ranges_gap_after(&h->islands, &tcp->ranges, c->rcv_nxt).start;
    pass(tcp, c, h);
    return whole;
}

/* rcv_nxt has moved on from `before`. */
static void moved(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s,
                  uint64_t before)
{
    if (c->receive_shut) {
        ring_release(&c->receive, c->rcv_nxt);
    } else {
        if (c->urgent_in)
            tcp_urgent_octet(tcp, c);
        tcp_raise(tcp, c, WEIR_EVENT_READABLE, WEIR_OK);
    }
    if (c->srtt_us8 == 0)
        tcp_tune_echo(c, s);
    uint32_t options = (s->header->header_len - (uint32_t)TCP_HEADER_BYTES) * s->segments;
    tcp_delack_data(tcp, c, (uint32_t)(c->rcv_nxt - before) + options, s->segments, s->now);
}

static enum weir_drop in_sequence(struct tcp_room *tcp, struct tcp_conn *c,
                                  const struct tcp_segment *s, bool *fin)
{
    struct tcp_holes *h = tcp_holes(tcp, c);
    uint64_t before = c->rcv_nxt, end = s->seq + s->len;
    bool gap = false, whole;
    if (h != NULL && h->fin != 0 && end > h->fin)
        end = h->fin;
    if (h == NULL) {
        whole = append(tcp, c, s, end);
    } else {
        gap = h->islands.count > 0;
        whole = append_between(tcp, c, s, end, h);
    }
    if (c->rcv_nxt > before)
        moved(tcp, c, s, before);
    if (h != NULL && c->rcv_nxt - before >= TCP_MSS_DEFAULT_IP4)
        tcp_holes_progress(tcp, h, s->now);
    if (gap || !whole)
        tcp_ack_now(tcp, c, false); /* a gap was filled, or a part of it (RFC 5681 4.2) */
    *fin = ((s->flags & TCP_FIN) != 0 && c->rcv_nxt == end) || (h != NULL && h->fin == c->rcv_nxt);
    if (h != NULL && *fin) {
        ranges_clear(&h->islands, &tcp->ranges);
        h->fin = 0;
    }
    tcp_holes_give_if_done(tcp, c);
    return whole || c->rcv_nxt > before ? WEIR_DROP_NONE : WEIR_DROP_TCP_MEMORY;
}

/* ---- above a hole ---- */

/* Memory for what nobody can read yet is taken only while twice as much is left as is kept for
 * data in sequence, which frees memory when it is read. */
static bool memory_allows(const struct blocks *blocks)
{
    uint64_t kept = (uint64_t)blocks->urgent_superblocks * BLOCKS_SUPERBLOCK_BYTES;
    return blocks_free_bytes(blocks) >= 2 * kept;
}

/* Would a range be taken into the set, if all of its bytes were there? */
static bool set_allows(const struct tcp_room *tcp, const struct tcp_holes *h, struct range gap)
{
    struct range beside;
    const struct ranges *set = &h->islands;
    return (set->count < set->count_max && tcp->ranges.in_use < tcp->ranges.capacity) ||
           ranges_find(set, &tcp->ranges, gap.start - 1, &beside) ||
           ranges_find(set, &tcp->ranges, gap.end, &beside);
}

/* Write a part of a segment that is not there: false when not all of it was kept. */
static bool keep_gap(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s,
                     struct tcp_holes *h, struct range gap)
{
    uint32_t len = (uint32_t)(gap.end - gap.start);
    if (!memory_allows(tcp->blocks) || !set_allows(tcp, h, gap))
        return false;
    uint32_t n = tcp_copy_in(tcp, s, (uint32_t)(gap.start - s->seq), len, &c->receive, gap.start,
                             BLOCKS_NORMAL);
    /* Only the beginning of a range that was to touch an island at its end can be refused here; its
     * bytes are then as if they had not come. */
    struct range kept = {gap.start, gap.start + n};
    return n > 0 && ranges_add(&h->islands, &tcp->ranges, kept, NULL) && n == len;
}

/* Keep [s->seq, end) as far as limits allow: false when something was refused. */
static bool keep(struct tcp_room *tcp, struct tcp_conn *c, const struct tcp_segment *s,
                 struct tcp_holes *h, uint64_t end)
{
    uint64_t bytes = h->islands.bytes, at = s->seq;
    bool noted = !c->sack, all = true;
    while (at < end) {
        struct range gap = ranges_gap_after(&h->islands, &tcp->ranges, at);
        if (gap.start > at && !noted) {
            h->dsack_start = at;
            h->dsack_end = gap.start < end ? gap.start : end;
            noted = true;
        }
        if (gap.start >= end)
            break;
        if (gap.end > end)
            gap.end = end;
        all = keep_gap(tcp, c, s, h, gap) && all;
        at = gap.end;
    }
    if (!all)
        tcp->count.reassembly_refused++;
    if (h->islands.bytes > bytes)
        tcp->count.out_of_order += s->segments;
    else if (all)
        tcp->count.duplicates += s->segments;
    return all;
}

/* FIN above a hole is kept, unless there is data behind it already. */
static void keep_fin(const struct tcp_room *tcp, struct tcp_holes *h, uint64_t at)
{
    struct range last;
    if (h->fin == 0 && (!ranges_last(&h->islands, &tcp->ranges, &last) || last.end <= at))
        h->fin = at;
}

static enum weir_drop above_a_hole(struct tcp_room *tcp, struct tcp_conn *c,
                                   const struct tcp_segment *s)
{
    uint64_t end = s->seq + s->len;
    struct tcp_holes *h = holes_take(tcp, c);
    bool all = true;
    /* Each segment is answered by an ACK of its own: the sender counts them (RFC 5681 4.2). */
    for (unsigned i = 0; i < s->segments && i < TCP_DUP_ACKS_DUE_MAX; i++)
        tcp_ack_now(tcp, c, true);
    if (h == NULL) {
        tcp->count.reassembly_refused++;
        return WEIR_DROP_TCP_MEMORY;
    }
    uint64_t bytes = h->islands.bytes;
    if (h->fin != 0 && end > h->fin)
        end = h->fin; /* there is nothing behind FIN */
    if (end > s->seq) {
        all = keep(tcp, c, s, h, end);
        touch(tcp, h, s->seq);
    }
    if (all && (s->flags & TCP_FIN) != 0 && end == s->seq + s->len)
        keep_fin(tcp, h, end);
    bool kept = all || h->islands.bytes > bytes;
    tcp_holes_give_if_done(tcp, c);
    return kept ? WEIR_DROP_NONE : WEIR_DROP_TCP_MEMORY;
}

/* ---- step 7 ---- */

/* More than we announced has been put together by a device that did not say so, or came with a SYN. */
__attribute__((noinline)) void tcp_note_size(struct tcp_conn *c, uint32_t size)
{
    uint32_t max = tcp_announced_mss(&c->set, c->mtu, addr_is_ip4(c->remote));
    if (c->timestamps)
        max -= TCP_TIMESTAMPS_BYTES;
    c->rcv_mss = (uint16_t)(size < max ? size : max);
}

enum weir_drop tcp_reasm_segment(struct tcp_room *tcp, struct tcp_conn *c,
                                 const struct tcp_segment *s, bool *fin)
{
    CHECK(tcp->handler, s->seq >= c->rcv_nxt && !c->fin_received);
    *fin = false;
    uint32_t size = s->segments > 1 && s->segment_size < s->len ? s->segment_size : s->len;
    if (size > c->rcv_mss)
        tcp_note_size(c, size);
    if (s->len == 0 && (s->flags & TCP_FIN) == 0)
        return WEIR_DROP_NONE;
    if (s->seq == c->rcv_nxt)
        return in_sequence(tcp, c, s, fin);
    return above_a_hole(tcp, c, s);
}

/* ---- SACK blocks ---- */

/* Blocks being written down. */
struct sack_list {
    struct tcp_sack_block *blocks;
    unsigned count, max;
    unsigned first; /* of the islands: a DSACK stands before it */
};

static void list_island(struct sack_list *list, struct range island)
{
    struct tcp_seq start = tcp_wrap(island.start);
    if (list->count >= list->max)
        return;
    for (unsigned i = list->first; i < list->count; i++)
        if (seq_eq(list->blocks[i].start, start))
            return;
    list->blocks[list->count++] = (struct tcp_sack_block){start, tcp_wrap(island.end)};
}

/* Does not write down what is no island any more. */
static void list_at(const struct tcp_room *tcp, const struct tcp_holes *h, struct sack_list *list,
                    uint64_t at)
{
    struct range island;
    if (ranges_find(&h->islands, &tcp->ranges, at, &island))
        list_island(list, island);
}

unsigned tcp_sack_blocks(const struct tcp_room *tcp, const struct tcp_conn *c,
                         struct tcp_sack_block *blocks, unsigned max)
{
    const struct tcp_holes *h = tcp_holes(tcp, c);
    struct sack_list list = {.blocks = blocks, .max = max};
    if (!c->sack || h == NULL || max == 0)
        return 0;
    if (h->dsack_start != h->dsack_end) {
        blocks[0] = (struct tcp_sack_block){tcp_wrap(h->dsack_start), tcp_wrap(h->dsack_end)};
        list.count = list.first = 1;
        list_at(tcp, h, &list, h->dsack_start); /* the block that it is part of (RFC 2883 4 (4)) */
    }
    for (unsigned i = 0; i < h->recent_count; i++)
        list_at(tcp, h, &list, h->recent[i]);
    /* As many as possible (RFC 2018 4): then those at the left, which are wanted first. At most as
     * many steps as there are places, for each of them may have been listed already. */
    struct range island = {0};
    while (list.count < max && ranges_next(&h->islands, &tcp->ranges, island.end, &island))
        list_island(&list, island);
    return list.count;
}
