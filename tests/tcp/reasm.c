/* SPDX-License-Identifier: MIT */
#include "receiver.h"

/* ---- RFC 2018 section 7: the left edge is 5000, and eight segments of 500 bytes are sent. Offsets
 * here count from 0, so they are less by 5000. ---- */

static void test_I_28_rfc2018_case_1_in_sequence_tells_no_blocks(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(arrive(r, 500 * i, 500), WEIR_DROP_NONE);
    expect_ack(r, 2000, 0);
    assert_int_equal(r->c->holes, TCP_NONE);
    receiver_free(r);
}

static void test_I_28_rfc2018_case_2_one_block_grows(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    for (unsigned i = 1; i < 8; i++) {
        arrive(r, 500 * i, 500);
        expect_ack(r, 0, 2, 500, 500 * (i + 1));
    }
    receiver_free(r);
}

static void test_I_28_rfc2018_case_3_newest_first_then_repeats(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive(r, 0, 500);
    assert_int_equal(send_ack(r).ack, 500);
    arrive(r, 1000, 500);
    expect_ack(r, 500, 2, 1000, 1500);
    arrive(r, 2000, 500);
    expect_ack(r, 500, 4, 2000, 2500, 1000, 1500);
    arrive(r, 3000, 500);
    expect_ack(r, 500, 6, 3000, 3500, 2000, 2500, 1000, 1500);
    arrive(r, 1500, 500);
    expect_ack(r, 500, 4, 1000, 2500, 3000, 3500);
    arrive(r, 500, 500);
    expect_ack(r, 2500, 2, 3000, 3500);
    receiver_free(r);
}

/* Four blocks, or three beside timestamps; those not touched lately make place. */
static void test_I_28_as_many_blocks_as_there_is_room_for(void **state)
{
    (void)state;
    for (unsigned timestamps = 0; timestamps < 2; timestamps++) {
        struct receiver *r = receiver_new((struct receiver_config){.timestamps = timestamps});
        for (unsigned i = 0; i < 6; i++)
            arrive(r, 1000 + 1000 * i, 100);
        while (r->c->dup_acks_due > 1)
            send_ack(r);
        if (timestamps)
            expect_ack(r, 0, 6, 6000, 6100, 5000, 5100, 4000, 4100);
        else
            expect_ack(r, 0, 8, 6000, 6100, 5000, 5100, 4000, 4100, 3000, 3100);
        arrive(r, 1100, 50); /* an old one grows: now it is the first */
        if (timestamps)
            expect_ack(r, 0, 6, 1000, 1150, 6000, 6100, 5000, 5100);
        else
            expect_ack(r, 0, 8, 1000, 1150, 6000, 6100, 5000, 5100, 4000, 4100);
        receiver_free(r);
    }
}

/* When blocks told lately have become one, others take the place that is free. */
static void test_I_28_blocks_not_told_lately_fill_up(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    for (unsigned i = 0; i < 6; i++)
        arrive(r, 1000 + 1000 * i, 100);
    arrive(r, 3000, 3100); /* swallows those at 3000 ... 6000 */
    while (r->c->dup_acks_due > 1)
        send_ack(r);
    expect_ack(r, 0, 6, 3000, 6100, 1000, 1100, 2000, 2100);
    receiver_free(r);
}

static void test_without_sack_no_block_is_ever_told(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.no_sack = true});
    arrive(r, 1000, 500);
    expect_ack(r, 0, 0);
    arrive(r, 1000, 500);
    expect_ack(r, 0, 0);
    arrive(r, 0, 1000);
    expect_ack(r, 1500, 0);
    arrive(r, 0, 1000);
    expect_ack(r, 1500, 0);
    assert_int_equal(r->c->holes, TCP_NONE);
    read_bytes(r, 1500);
    receiver_free(r);
}

/* ---- RFC 2883 section 4: first 4000 bytes have been received in its first three examples ---- */

static struct receiver *after_eight_segments(void)
{
    struct receiver *r = receiver_new((struct receiver_config){0});
    for (unsigned i = 0; i < 8; i++)
        arrive(r, 500 * i, 500);
    send_acks(r);
    return r;
}

static void test_I_28_rfc2883_example_1_a_duplicate_segment(void **state)
{
    (void)state;
    struct receiver *r = after_eight_segments();
    arrive(r, 3000, 500);
    expect_ack(r, 4000, 2, 3000, 3500);
    assert_int_equal(r->c->holes, TCP_NONE); /* told once (2) */
    tcp_ack_now(&r->tcp, r->c, false);
    expect_ack(r, 4000, 0);
    arrive(r, 3000, 500); /* and again when it comes again */
    expect_ack(r, 4000, 2, 3000, 3500);
    receiver_free(r);
}

static void test_I_28_rfc2883_example_2_out_of_order_and_a_duplicate(void **state)
{
    (void)state;
    struct receiver *r = after_eight_segments();
    arrive(r, 4500, 500);
    expect_ack(r, 4000, 2, 4500, 5000);
    arrive(r, 3000, 500);
    expect_ack(r, 4000, 4, 3000, 3500, 4500, 5000);
    receiver_free(r);
}

static void test_I_28_rfc2883_example_3_a_duplicate_out_of_order(void **state)
{
    (void)state;
    struct receiver *r = after_eight_segments();
    arrive(r, 4500, 500);
    expect_ack(r, 4000, 2, 4500, 5000);
    arrive(r, 5000, 500);
    expect_ack(r, 4000, 2, 4500, 5500);
    arrive(r, 5000, 500);
    expect_ack(r, 4000, 4, 5000, 5500, 4500, 5500);
    tcp_ack_now(&r->tcp, r->c, false);
    expect_ack(r, 4000, 2, 4500, 5500);
    assert_int_equal(r->tcp.count.duplicates, 1);
    receiver_free(r);
}

/* Two segments before anything is sent: each is answered for what it brought, the duplicate with
 * the block that it is part of (4). */
static void test_I_28_a_duplicate_stands_before_its_own_block(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive(r, 1000, 500);
    send_acks(r);
    arrive(r, 1100, 100);
    arrive(r, 3000, 500);
    struct told told = send_ack(r);
    assert_int_equal(told.count, 3);
    assert_int_equal(told.sack[0].start, 1100);
    assert_int_equal(told.sack[0].end, 1200);
    assert_int_equal(told.sack[1].start, 1000);
    assert_int_equal(told.sack[2].start, 3000);
    expect_ack(r, 0, 4, 3000, 3500, 1000, 1500);
    receiver_free(r);
}

/* The last three examples begin with 500-999 in place. */
static struct receiver *after_a_thousand(void)
{
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive(r, 0, 500);
    arrive(r, 500, 500);
    send_acks(r);
    return r;
}

static void test_I_28_rfc2883_example_4_part_of_a_segment(void **state)
{
    (void)state;
    struct receiver *r = after_a_thousand();
    arrive(r, 2000, 500);
    expect_ack(r, 1000, 2, 2000, 2500);
    arrive(r, 1000, 500);
    expect_ack(r, 1500, 2, 2000, 2500);
    arrive(r, 1000, 1000);
    expect_ack(r, 2500, 2, 1000, 1500);
    receiver_free(r);
}

static void test_I_28_rfc2883_example_5_two_parts_below_the_acknowledgment(void **state)
{
    (void)state;
    struct receiver *r = after_a_thousand();
    arrive(r, 3000, 500);
    expect_ack(r, 1000, 2, 3000, 3500);
    arrive(r, 1000, 500);
    expect_ack(r, 1500, 2, 3000, 3500);
    arrive(r, 2000, 500);
    expect_ack(r, 1500, 4, 2000, 2500, 3000, 3500);
    arrive(r, 1000, 1500);
    expect_ack(r, 2500, 4, 1000, 1500, 3000, 3500);
    receiver_free(r);
}

static void test_I_28_rfc2883_example_6_two_parts_above_it(void **state)
{
    (void)state;
    struct receiver *r = after_a_thousand();
    arrive(r, 3500, 500);
    expect_ack(r, 1000, 2, 3500, 4000);
    arrive(r, 1500, 500);
    expect_ack(r, 1000, 4, 1500, 2000, 3500, 4000);
    arrive(r, 2500, 500); /* the table has 2000-2499 here, which it says was dropped */
    expect_ack(r, 1000, 6, 2500, 3000, 1500, 2000, 3500, 4000);
    arrive(r, 1500, 1500);
    expect_ack(r, 1000, 6, 1500, 2000, 1500, 3000, 3500, 4000);
    receiver_free(r);
}

/* In sequence, with an island inside the segment: the island's part was there already. */
static void test_I_28_a_filled_hole_reports_the_part_that_was_there(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive(r, 500, 500);
    expect_ack(r, 0, 2, 500, 1000);
    arrive(r, 0, 2000);
    expect_ack(r, 2000, 2, 500, 1000);
    read_bytes(r, 2000);
    receiver_free(r);
}

/* What only asks about the place of SYN is no duplicate of data. */
static void test_a_keepalive_octet_in_the_place_of_syn_is_no_duplicate(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive(r, (uint64_t)0 - 1, 1);
    expect_ack(r, 0, 0);
    arrive(r, 0, 1);
    send_acks(r);
    arrive(r, (uint64_t)0 - 1, 2);
    expect_ack(r, 1, 2, 0, 1);
    receiver_free(r);
}

/* ---- bytes ---- */

/* Read everything and compare with the version that each byte came in first. */
static void expect_bytes(struct receiver *r, const uint8_t *version, uint64_t *at)
{
    uint8_t data[4096];
    while (unread(r) > 0) {
        size_t want = unread(r) < sizeof data ? (size_t)unread(r) : sizeof data;
        assert_int_equal(tcp_receive(&r->tcp, r->c, data, want, 0), want);
        for (size_t i = 0; i < want; i++, (*at)++)
            assert_int_equal(data[i], byte_at(*at, version[*at]));
    }
}

static void test_ATK_BLD_14_the_first_byte_received_wins_in_every_order(void **state)
{
    (void)state;
    static const struct {
        uint32_t start, end;
    } parts[3] = {{100, 200}, {50, 150}, {0, 250}};
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (unsigned order = 0; order < 6; order++) {
        for (unsigned cut = 1; cut <= 3; cut++) {
            struct receiver *r = receiver_new((struct receiver_config){0});
            uint8_t version[250];
            memset(version, 0xff, sizeof version);
            r->cut = cut;
            for (unsigned i = 0; i < 3; i++) {
                unsigned p = orders[order][i];
                for (uint32_t at = parts[p].start; at < parts[p].end; at++)
                    if (version[at] == 0xff)
                        version[at] = (uint8_t)p;
                arrive_version(r, parts[p].start, parts[p].end - parts[p].start, 0, p);
            }
            uint64_t at = 0;
            expect_bytes(r, version, &at);
            assert_int_equal(at, 250);
            receiver_free(r);
        }
    }
}

static void permute(unsigned *order, unsigned n, unsigned k, void (*with)(const unsigned *))
{
    if (k == n) {
        with(order);
        return;
    }
    for (unsigned i = k; i < n; i++) {
        unsigned t = order[k];
        order[k] = order[i];
        order[i] = t;
        permute(order, n, k + 1, with);
        order[i] = order[k];
        order[k] = t;
    }
}

/* Five segments in an order: each above a hole, and each that fills one, is acknowledged at once.
 * */
static void five_segments(const unsigned *order)
{
    struct receiver *r = receiver_new((struct receiver_config){.irs = 0xfffff500});
    bool there[6] = {false};
    unsigned next = 0;
    for (unsigned i = 0; i < 5; i++) {
        bool had_island = false;
        for (unsigned k = next; k < 5; k++)
            had_island = had_island || there[k];
        assert_int_equal(arrive(r, order[i] * 1000, 1000), WEIR_DROP_NONE);
        there[order[i]] = true;
        bool in_sequence = order[i] == next;
        while (there[next])
            next++;
        assert_int_equal(r->c->rcv_nxt, r->first + next * 1000);
        assert_int_equal(r->c->dup_acks_due, !in_sequence);
        if (in_sequence)
            assert_int_equal((r->c->work & TCP_WORK_ACK) != 0,
                             had_island || r->c->bytes_unacked >= 2000);
        assert_int_equal((take_events(r) & WEIR_EVENT_READABLE) != 0, in_sequence);
        send_acks(r);
    }
    assert_int_equal(r->c->holes, TCP_NONE);
    read_bytes(r, 5000);
    receiver_free(r);
}

static void test_I_31_every_permutation_of_five_segments(void **state)
{
    (void)state;
    unsigned order[5] = {0, 1, 2, 3, 4};
    permute(order, 5, 0, five_segments);
}

/* ---- against a naive model ---- */

enum { MODEL_BYTES = 60000, NOT_THERE = 0xff };

/* The stream as a naive receiver keeps it: of each byte the version that came first. */
struct model {
    uint8_t version[MODEL_BYTES];
    uint64_t next; /* below it everything is there */
    uint64_t read;
};

static bool model_has(const struct model *m, uint64_t at)
{
    return at < MODEL_BYTES && m->version[at] != NOT_THERE;
}

static void model_arrive(struct model *m, uint64_t start, uint64_t end, uint64_t edge,
                         uint8_t version)
{
    if (end > edge)
        end = edge;
    for (uint64_t at = start; at < end; at++)
        if (at >= m->next && !model_has(m, at))
            m->version[at] = version;
    while (model_has(m, m->next))
        m->next++;
}

/* Is [start, end) exactly one island of the model? */
static void expect_island(const struct model *m, uint32_t start, uint32_t end)
{
    assert_true(start > m->next && start < end);
    assert_false(model_has(m, start - 1) && start - 1 >= m->next);
    assert_false(model_has(m, end));
    for (uint32_t at = start; at < end; at++)
        assert_true(model_has(m, at));
}

/* The blocks of an acknowledgment describe only what is held; the first that is no duplicate holds
 * the segment that came last, if that is above the acknowledgment. */
static void expect_blocks(const struct model *m, const struct told *told, uint64_t start, bool kept)
{
    unsigned i = 0;
    if (told->count > 0 && (told->sack[0].start < m->next ||
                            (told->count > 1 && told->sack[0].start >= told->sack[1].start &&
                             told->sack[0].end <= told->sack[1].end))) {
        for (uint32_t at = told->sack[0].start; at < told->sack[0].end; at++)
            assert_true(at < m->next || model_has(m, at));
        i = 1;
    }
    if (kept && start > m->next)
        assert_true(i < told->count && told->sack[i].start <= start && start < told->sack[i].end);
    for (unsigned k = i; k < told->count; k++) {
        expect_island(m, told->sack[k].start, told->sack[k].end);
        for (unsigned other = i; other < k; other++)
            assert_int_not_equal(told->sack[k].start, told->sack[other].start);
    }
}

static void random_segments(uint64_t seed, struct receiver_config config)
{
    struct rng rng = rng_make(seed);
    config.irs = rng_u32(&rng);
    struct receiver *r = receiver_new(config);
    static struct model m;
    memset(m.version, NOT_THERE, sizeof m.version);
    m.next = m.read = 0;
    while (m.next < MODEL_BYTES - 8000) {
        uint64_t low = m.next > 3000 ? m.next - 3000 : 0;
        uint64_t start =
            rng_chance(&rng, (struct ratio){1, 4}) ? m.next : low + rng_below(&rng, 8000);
        uint32_t len = 1 + (uint32_t)rng_below(&rng, 1500);
        uint8_t version = (uint8_t)rng_below(&rng, 200);
        uint64_t edge = r->c->rcv_edge - r->first, refused = r->tcp.count.reassembly_refused;
        r->cut = 1 + (unsigned)rng_below(&rng, 3);
        if (start + len > MODEL_BYTES - 10)
            continue;
        arrive_version(r, start, len, 0, version);
        assert_int_equal(r->tcp.count.reassembly_refused, refused);
        model_arrive(&m, start, start + len, edge, version);
        assert_int_equal(r->c->rcv_nxt - r->first, m.next);
        if (rng_chance(&rng, (struct ratio){2, 3}) && ack_is_due(r)) {
            struct told told;
            do {
                told = send_ack(r);
                assert_int_equal(told.ack, m.next);
            } while (ack_is_due(r));
            expect_blocks(&m, &told, start, start < edge);
        }
        if (rng_chance(&rng, (struct ratio){1, 2}))
            expect_bytes(r, m.version, &m.read);
    }
    expect_bytes(r, m.version, &m.read);
    assert_int_equal(m.read, m.next);
    receiver_free(r);
}

static void test_I_27_I_28_random_overlaps_as_in_a_naive_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        random_segments(seed, (struct receiver_config){.ranges_max = 1024, .ranges_pool = 4000});
    for (uint64_t seed = 13; seed <= 18; seed++)
        random_segments(seed, (struct receiver_config){.receive_bytes_max = 6000,
                                                       .ranges_max = 1024,
                                                       .ranges_pool = 4000});
}

/* ---- limits ---- */

static bool is_held(const struct receiver *r, uint64_t at)
{
    const struct tcp_holes *h = tcp_holes(&r->tcp, r->c);
    struct range range;
    return r->first + at < r->c->rcv_nxt ||
           (h != NULL && ranges_find(&h->islands, &r->tcp.ranges, r->first + at, &range));
}

/* Under every shortage at once: what was once held stays held, as it came first, until it is read.
 */
static void random_shortage(uint64_t seed)
{
    enum { BYTES = 40000 };
    static uint8_t version[BYTES];
    struct rng rng = rng_make(seed);
    struct receiver *r = receiver_new((struct receiver_config){
        .irs = rng_u32(&rng),
        .receive_bytes_max = 30000,
        .ranges_max = 4 + (uint32_t)rng_below(&rng, 4),
        .ranges_pool = 1 + (uint32_t)rng_below(&rng, 8),
        .superblocks = 1,
        .overcommit_percent = 10000,
    });
    uint64_t read = 0;
    uint32_t taken[16], count = 0; /* blocks in use by others */
    memset(version, NOT_THERE, sizeof version);
    for (unsigned step = 0; step < 1500; step++) {
        uint64_t next = r->c->rcv_nxt - r->first;
        uint64_t start =
            rng_chance(&rng, (struct ratio){1, 5}) ? next : next + rng_below(&rng, 12000);
        uint32_t len = 1 + (uint32_t)rng_below(&rng, 3000);
        uint8_t v = (uint8_t)rng_below(&rng, 200);
        if (start + len > BYTES)
            break;
        if (count > 0 && rng_chance(&rng, (struct ratio){2, 5}))
            blocks_give(&r->blocks, taken[--count]);
        else if (count < 16 &&
                 (taken[count] = blocks_take(&r->blocks, BLOCKS_4K, BLOCKS_NORMAL)) != BLOCKS_NONE)
            count++;
        arrive_version(r, start, len, 0, v);
        for (uint64_t at = read; at < BYTES; at++) {
            bool held = is_held(r, at);
            assert_true(held || version[at] == NOT_THERE);
            if (held && version[at] == NOT_THERE) {
                assert_in_range(at, start, start + len - 1);
                version[at] = v;
            }
        }
        send_acks(r);
        if (rng_chance(&rng, (struct ratio){1, 3}))
            expect_bytes(r, version, &read);
    }
    expect_bytes(r, version, &read);
    while (count > 0)
        blocks_give(&r->blocks, taken[--count]);
    receiver_free(r);
}

static void test_I_28_under_shortage_nothing_that_was_held_is_dropped(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        random_shortage(seed);
}

static void test_islands_end_at_their_limit_and_still_grow(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.ranges_max = 4});
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(arrive(r, 1000 + 1000 * i, 100), WEIR_DROP_NONE);
    uint64_t held = r->blocks.bytes_in_use;
    assert_int_equal(arrive(r, 20000, 100), WEIR_DROP_TCP_MEMORY);
    assert_int_equal(r->tcp.count.reassembly_refused, 1);
    assert_int_equal(r->blocks.bytes_in_use, held);         /* nothing half done */
    assert_int_equal(r->c->dup_acks_due, 5);                /* but answered */
    assert_int_equal(arrive(r, 1100, 900), WEIR_DROP_NONE); /* joins two */
    assert_int_equal(arrive(r, 20000, 100), WEIR_DROP_NONE);
    assert_int_equal(arrive(r, 20100, 100), WEIR_DROP_NONE); /* extends one */
    assert_int_equal(arrive(r, 19900, 100), WEIR_DROP_NONE);
    assert_int_equal(tcp_holes(&r->tcp, r->c)->islands.count, 4);
    assert_int_equal(r->tcp.count.out_of_order, 8);
    receiver_free(r);
}

/* A segment of which only a part can be kept: what joins islands is, what would stand alone is not.
 * */
static void test_at_the_limit_parts_that_join_islands_are_kept(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.ranges_max = 4});
    for (unsigned i = 0; i < 4; i++)
        arrive(r, 1000 + 1000 * i, 100);
    assert_int_equal(arrive(r, 900, 300), WEIR_DROP_NONE); /* both sides of the first island */
    send_acks(r);
    arrive(r, 0, 900);
    expect_ack(r, 1200, 6, 4000, 4100, 3000, 3100, 2000, 2100);
    receiver_free(r);
}

static void test_pools_shared_with_others_may_be_empty(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.ranges_pool = 1});
    assert_int_equal(arrive(r, 1000, 100), WEIR_DROP_NONE);
    assert_int_equal(arrive(r, 2000, 100), WEIR_DROP_TCP_MEMORY);
    assert_int_equal(arrive(r, 1100, 100), WEIR_DROP_NONE);
    arrive(r, 0, 1000);
    assert_int_equal(r->c->rcv_nxt - r->first, 1200);
    send_acks(r);
    while (pool_take(&r->tcp.holes) != POOL_NONE)
        r->holes_elsewhere++;
    arrive(r, 0, 100); /* a duplicate that cannot be reported is acknowledged all the same */
    expect_ack(r, 1200, 0);
    assert_int_equal(arrive(r, 2000, 100), WEIR_DROP_TCP_MEMORY);
    assert_int_equal(r->tcp.count.reassembly_refused, 2);
    expect_ack(r, 1200, 0);
    assert_int_equal(arrive(r, 1200, 100), WEIR_DROP_NONE);
    read_bytes(r, 1300);
    receiver_free(r);
}

static void test_out_of_order_data_leaves_memory_for_data_in_sequence(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.superblocks = 8,
                                                               .urgent_superblocks = 2,
                                                               .overcommit_percent = 10000,
                                                               .receive_bytes_max = 1 << 20});
    uint64_t at = 60000;
    tcp_ack_now(&r->tcp, r->c, false);
    send_ack(r); /* opens the window */
    while (arrive(r, at, 1000) == WEIR_DROP_NONE)
        at += 1000;
    assert_in_range(blocks_free_bytes(&r->blocks), 2 * 65536, 8 * 65536);
    assert_int_equal(r->tcp.count.reassembly_refused, 1);
    assert_int_equal(r->tcp.count.memory_refused, 0);
    uint64_t in_sequence = 0;
    for (; in_sequence < 60000; in_sequence += 1000)
        assert_int_equal(arrive(r, in_sequence, 1000), WEIR_DROP_NONE);
    assert_int_equal(r->c->rcv_nxt - r->first, at); /* what was kept was kept to the end */
    read_bytes(r, at);
    receiver_free(r);
}

static void test_in_sequence_as_much_is_taken_as_memory_holds(void **state)
{
    (void)state;
    struct receiver *r =
        receiver_new((struct receiver_config){.superblocks = 1, .overcommit_percent = 10000});
    assert_int_equal(arrive(r, 0, 64000), WEIR_DROP_NONE);
    send_acks(r);
    assert_int_equal(arrive(r, 64000, 1000), WEIR_DROP_NONE); /* a part of it */
    assert_int_equal(r->tcp.count.memory_refused, 1);
    uint64_t taken = r->c->rcv_nxt - r->first;
    assert_in_range(taken, 64001, 64999);
    assert_true(ack_is_due(r)); /* the sender learns how far */
    assert_int_equal(send_ack(r).ack, taken);
    assert_int_equal(arrive(r, taken, 1000), WEIR_DROP_TCP_MEMORY); /* nothing of it */
    assert_int_equal(r->tcp.count.memory_refused, 2);
    read_bytes(r, taken);
    assert_int_equal(arrive(r, taken, 1000), WEIR_DROP_NONE);
    read_bytes(r, 1000);
    receiver_free(r);
}

/* A reader that does not read may not eat what lets others go on: the reserve is opened for it when
 * it has nothing to read, one superblock, and no further. */
static void test_the_reserve_is_for_who_has_nothing_to_read(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){
        .superblocks = 4, .urgent_superblocks = 3, .overcommit_percent = 10000});
    uint32_t others[4];
    for (unsigned i = 0; i < 4; i++) { /* all that is for everybody */
        others[i] = blocks_take(&r->blocks, BLOCKS_16K, BLOCKS_NORMAL);
        assert_int_not_equal(others[i], BLOCKS_NONE);
    }
    assert_int_equal(blocks_take(&r->blocks, BLOCKS_16K, BLOCKS_NORMAL), BLOCKS_NONE);
    for (unsigned round = 0; round < 4; round++) {
        uint64_t begin = r->c->rcv_nxt - r->first;
        do
            send_acks(r);
        while (arrive(r, r->c->rcv_nxt - r->first, 1000) == WEIR_DROP_NONE);
        assert_in_range(r->c->rcv_nxt - r->first - begin, 1, BLOCKS_SUPERBLOCK_BYTES);
        read_bytes(r, unread(r)); /* which makes room */
    }
    for (unsigned i = 0; i < 4; i++)
        blocks_give(&r->blocks, others[i]);
    receiver_free(r);
}

/* A FIN behind data that found no memory has not come. */
static void test_a_fin_behind_refused_data_is_refused(void **state)
{
    (void)state;
    struct receiver *r =
        receiver_new((struct receiver_config){.superblocks = 1, .overcommit_percent = 10000});
    arrive(r, 0, 40000);
    arrive_version(r, 40000, 25000, TCP_FIN, 0);
    assert_false(r->c->fin_received);
    assert_int_equal(r->c->state, WEIR_TCP_ESTABLISHED);
    receiver_free(r);
}

/* ---- FIN ---- */

static void test_fin_in_sequence(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive_version(r, 0, 100, TCP_FIN, 0);
    assert_true(r->c->fin_received);
    assert_int_equal(r->c->state, WEIR_TCP_CLOSE_WAIT);
    assert_int_equal(r->c->rcv_nxt - r->first, 101);
    expect_ack(r, 101, 0);
    read_bytes(r, 100);
    receiver_free(r);
}

static void test_ATK_BLD_10_fin_above_a_hole_waits_until_the_hole_is_filled(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive_version(r, 100, 100, TCP_FIN, 0);
    expect_ack(r, 0, 2, 100, 200);
    assert_int_equal(r->c->state, WEIR_TCP_ESTABLISHED);
    arrive_version(r, 300, 100, 0, 0); /* there is nothing behind FIN */
    expect_ack(r, 0, 2, 100, 200);
    assert_int_equal(tcp_holes(&r->tcp, r->c)->islands.bytes, 100);
    arrive(r, 0, 100);
    assert_int_equal(r->c->state, WEIR_TCP_CLOSE_WAIT);
    expect_ack(r, 201, 0);
    assert_int_equal(r->c->holes, TCP_NONE);
    read_bytes(r, 200);
    receiver_free(r);
}

static void test_fin_alone_above_a_hole(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive_version(r, 100, 0, TCP_FIN, 0);
    expect_ack(r, 0, 0);
    arrive(r, 0, 150); /* what a segment says beyond the FIN that came first does not count */
    assert_int_equal(r->c->rcv_nxt - r->first, 101);
    assert_int_equal(r->c->state, WEIR_TCP_CLOSE_WAIT);
    expect_ack(r, 101, 0);
    read_bytes(r, 100);
    receiver_free(r);
}

static void test_fin_below_data_that_was_held_is_not_kept(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive(r, 500, 100);
    arrive_version(r, 300, 0, TCP_FIN, 0);
    assert_int_equal(tcp_holes(&r->tcp, r->c)->fin, 0);
    arrive(r, 0, 500);
    assert_int_equal(r->c->rcv_nxt - r->first, 600);
    assert_int_equal(r->c->state, WEIR_TCP_ESTABLISHED);
    receiver_free(r);
}

/* FIN in sequence ends the stream: what was held behind it was never part of it. */
static void test_fin_in_sequence_below_an_island_ends_the_stream(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    arrive(r, 500, 100);
    arrive_version(r, 0, 100, TCP_FIN, 0);
    assert_int_equal(r->c->state, WEIR_TCP_CLOSE_WAIT);
    assert_int_equal(r->c->rcv_nxt - r->first, 101);
    assert_int_equal(r->c->holes, TCP_NONE);
    read_bytes(r, 100);
    receiver_free(r);
}

/* ---- the rest ---- */

static void test_ATK_HDR_14_the_largest_segment_is_cut_to_the_window(void **state)
{
    (void)state;
    static const uint32_t payload[2] = {65495, 65515};
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned cut = 1; cut <= 3; cut++) {
            struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = 60000});
            r->cut = cut;
            assert_int_equal(arrive(r, 0, payload[i]), WEIR_DROP_NONE);
            assert_int_equal(r->c->rcv_nxt - r->first, 60000);
            assert_int_equal(r->c->rcv_mss, 1460); /* no segment of a peer is larger */
            expect_ack(r, 60000, 0);
            read_bytes(r, 60000);
            send_acks(r);
            assert_int_equal(arrive(r, 60000, 65495), WEIR_DROP_NONE);
            assert_int_equal(r->c->rcv_nxt - r->first, 120000);
            read_bytes(r, 60000);
            receiver_free(r);
        }
    }
}

static void test_ATK_HDR_13_empty_segments_tell_nobody_anything(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(arrive_version(r, 0, 0, TCP_PSH, 0), WEIR_DROP_NONE);
        assert_int_equal(take_events(r), 0);
        assert_false(ack_is_due(r));
    }
    assert_int_equal(r->c->holes, TCP_NONE);
    receiver_free(r);
}

/* Each of the segments that a device put together counts, above a hole; in sequence one ACK will
 * do. */
static void test_I_31_segments_put_together_count_above_a_hole(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){0});
    r->segment_size = 1000;
    arrive(r, 1000, 4500);
    assert_int_equal(r->c->dup_acks_due, 5);
    assert_int_equal(r->tcp.count.out_of_order, 5);
    assert_int_equal(r->c->rcv_mss, 1000);
    assert_int_equal(send_acks(r), 5);
    arrive(r, 0, 1000);
    assert_int_equal(r->c->dup_acks_due, 0);
    assert_int_equal(send_acks(r), 1);
    for (unsigned i = 0; i < 40; i++) /* the duty is counted up to a limit (I-31) */
        arrive(r, 10000, 4500);
    assert_int_equal(r->c->dup_acks_due, TCP_DUP_ACKS_DUE_MAX);
    receiver_free(r);
}

static void test_a_shut_receiver_acknowledges_and_throws_away(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.receive_bytes_max = 8192});
    r->c->receive_shut = true;
    for (unsigned i = 0; i < 50; i++) {
        arrive(r, 1000 * i, 1000);
        send_acks(r);
    }
    arrive(r, 51000, 1000);
    arrive(r, 50000, 1000);
    assert_int_equal(r->c->rcv_nxt - r->first, 52000);
    assert_int_equal(r->c->receive.head, r->c->rcv_nxt);
    assert_int_equal(r->blocks.bytes_in_use, 0);
    assert_int_equal(take_events(r), 0);
    receiver_free(r);
}

/* Holes of all sizes about the 4 GB mark of the numbers on the wire. */
static void test_islands_about_the_wrap_of_the_sequence_numbers(void **state)
{
    (void)state;
    struct receiver *r = receiver_new((struct receiver_config){.irs = UINT32_MAX - 1500});
    arrive(r, 1000, 1000); /* across it */
    expect_ack(r, 0, 2, 1000, 2000);
    arrive(r, 1000, 1000);
    expect_ack(r, 0, 4, 1000, 2000, 1000, 2000);
    arrive(r, 0, 1000);
    expect_ack(r, 2000, 0);
    arrive(r, 1499, 2);
    expect_ack(r, 2000, 2, 1499, 1501);
    read_bytes(r, 2000);
    receiver_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_I_28_rfc2018_case_1_in_sequence_tells_no_blocks),
        cmocka_unit_test(test_I_28_rfc2018_case_2_one_block_grows),
        cmocka_unit_test(test_I_28_rfc2018_case_3_newest_first_then_repeats),
        cmocka_unit_test(test_I_28_as_many_blocks_as_there_is_room_for),
        cmocka_unit_test(test_I_28_blocks_not_told_lately_fill_up),
        cmocka_unit_test(test_without_sack_no_block_is_ever_told),
        cmocka_unit_test(test_I_28_rfc2883_example_1_a_duplicate_segment),
        cmocka_unit_test(test_I_28_rfc2883_example_2_out_of_order_and_a_duplicate),
        cmocka_unit_test(test_I_28_rfc2883_example_3_a_duplicate_out_of_order),
        cmocka_unit_test(test_I_28_a_duplicate_stands_before_its_own_block),
        cmocka_unit_test(test_I_28_rfc2883_example_4_part_of_a_segment),
        cmocka_unit_test(test_I_28_rfc2883_example_5_two_parts_below_the_acknowledgment),
        cmocka_unit_test(test_I_28_rfc2883_example_6_two_parts_above_it),
        cmocka_unit_test(test_I_28_a_filled_hole_reports_the_part_that_was_there),
        cmocka_unit_test(test_a_keepalive_octet_in_the_place_of_syn_is_no_duplicate),
        cmocka_unit_test(test_ATK_BLD_14_the_first_byte_received_wins_in_every_order),
        cmocka_unit_test(test_I_31_every_permutation_of_five_segments),
        cmocka_unit_test(test_I_27_I_28_random_overlaps_as_in_a_naive_model),
        cmocka_unit_test(test_I_28_under_shortage_nothing_that_was_held_is_dropped),
        cmocka_unit_test(test_islands_end_at_their_limit_and_still_grow),
        cmocka_unit_test(test_at_the_limit_parts_that_join_islands_are_kept),
        cmocka_unit_test(test_pools_shared_with_others_may_be_empty),
        cmocka_unit_test(test_out_of_order_data_leaves_memory_for_data_in_sequence),
        cmocka_unit_test(test_in_sequence_as_much_is_taken_as_memory_holds),
        cmocka_unit_test(test_the_reserve_is_for_who_has_nothing_to_read),
        cmocka_unit_test(test_a_fin_behind_refused_data_is_refused),
        cmocka_unit_test(test_fin_in_sequence),
        cmocka_unit_test(test_ATK_BLD_10_fin_above_a_hole_waits_until_the_hole_is_filled),
        cmocka_unit_test(test_fin_alone_above_a_hole),
        cmocka_unit_test(test_fin_below_data_that_was_held_is_not_kept),
        cmocka_unit_test(test_fin_in_sequence_below_an_island_ends_the_stream),
        cmocka_unit_test(test_ATK_HDR_14_the_largest_segment_is_cut_to_the_window),
        cmocka_unit_test(test_ATK_HDR_13_empty_segments_tell_nobody_anything),
        cmocka_unit_test(test_I_31_segments_put_together_count_above_a_hole),
        cmocka_unit_test(test_a_shut_receiver_acknowledges_and_throws_away),
        cmocka_unit_test(test_islands_about_the_wrap_of_the_sequence_numbers),
    };
    return cmocka_run_group_tests_name("reasm", tests, NULL, NULL);
}
