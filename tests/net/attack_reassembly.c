/* SPDX-License-Identifier: MIT */
#include "reassembly_steps.h"

/* ---- the catalogue ---- */

static void test_ATK_FRG_01_teardrop_is_dropped_whole(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct fixture *f = setup();
        struct datagram d = {.v6 = v6 != 0, .len = 28};
        assert_int_equal(send(f, &d, 0, 36, true), impossible(&d)); /* no multiple of 8 */
        d.id = 1;
        assert_int_equal(send(f, &d, 0, 40, true), WEIR_DROP_NONE);
        assert_int_equal(send(f, &d, 24, 28, false), WEIR_DROP_REASSEMBLY_OVERLAP);
        assert_int_equal(f->blocks.in_use[BLOCKS_64K], 0);
        teardown(f);
    }
}

static void
test_ATK_FRG_02_and_ATK_FRG_12_an_end_behind_the_longest_datagram_is_dropped(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct fixture *f = setup();
        struct datagram d = {.v6 = v6 != 0, .len = 65535};
        assert_int_equal(send(f, &d, 65528, 65628, false), impossible(&d));
        assert_int_equal(send(f, &d, 65528, 65536, true), impossible(&d));
        assert_int_equal(send(f, &d, 65528, 65536, false), impossible(&d));
        assert_int_equal(f->t.in_use, 0);
        assert_int_equal(send(f, &d, 65528, 65535, false), WEIR_DROP_NONE);
        teardown(f);
    }
}

/* Header and payload together are at most 65,535 bytes over IPv4; over IPv6 the fixed header and
 * the fragment header do not count. */
static void test_ATK_FRG_02_the_headers_count_in_the_length(void **state)
{
    (void)state;
    static const struct {
        bool v6;
        uint8_t ext;
        uint32_t len;
        bool fits;
    } rows[] = {
        {false, 0, 65515, true},   {false, 0, 65516, false}, {false, 40, 65475, true},
        {false, 40, 65476, false}, {true, 0, 65535, true},   {true, 8, 65527, true},
        {true, 8, 65528, false},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture *f = setup();
        struct datagram d = {.v6 = rows[i].v6, .ext = rows[i].ext, .len = rows[i].len};
        assert_int_equal(send(f, &d, 32768, d.len, false), WEIR_DROP_NONE);
        enum weir_drop drop = send(f, &d, 0, 32768, true);
        assert_int_equal(f->finished, rows[i].fits);
        assert_int_equal(drop, rows[i].fits ? WEIR_DROP_NONE : impossible(&d));
        teardown(f);
    }
}

static void test_ATK_FRG_03_an_overlap_discards_the_datagram_and_what_follows_of_it(void **state)
{
    (void)state;
    static const struct {
        uint32_t start[2], end[2];
        bool more[2], differs;
    } rows[] = {
        {{8, 16}, {17, 24}, {false, true}, false}, /* by one byte */
        {{0, 8}, {16, 24}, {true, true}, false},   /* by eight */
        {{0, 0}, {16, 16}, {true, true}, true},    /* fully, with other data */
        {{0, 8}, {32, 16}, {true, true}, false},   /* one inside the other */
        {{8, 8}, {16, 24}, {true, true}, false},   /* from one place, another length */
        {{0, 8}, {24, 24}, {true, true}, false},   /* to one place */
        {{8, 0}, {16, 1000}, {true, true}, false}, /* one around the other */
        {{8, 8}, {20, 20}, {false, false}, true},  /* the last, with other data */
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned v6 = 0; v6 < 2; v6++)
            for (unsigned first = 0; first < 2; first++) {
                struct fixture *f = setup();
                struct datagram d = {.v6 = v6 != 0, .len = 48}, other = d;
                unsigned second = 1 - first;
                other.salt = rows[i].differs ? 1 : 0;
                assert_int_equal(
                    send(f, &d, rows[i].start[first], rows[i].end[first], rows[i].more[first]),
                    WEIR_DROP_NONE);
                assert_int_equal(send(f, &other, rows[i].start[second], rows[i].end[second],
                                      rows[i].more[second]),
                                 WEIR_DROP_REASSEMBLY_OVERLAP);
                assert_int_equal(f->blocks.in_use[BLOCKS_64K], 0);
                /* All of it again, and more, until its life ends: silently discarded. */
                weir_time life = (v6 ? IP6_MS : IP4_MS) * WEIR_NS_PER_MS;
                advance(f, life - 1);
                assert_int_equal(send(f, &d, 0, 16, true), impossible(&d));
                assert_int_equal(send(f, &d, 16, 48, false), impossible(&d));
                assert_false(f->finished);
                advance(f, life + WHEEL_TICK_NS);
                assert_int_equal(f->quotes, 0);
                assert_int_equal(send(f, &d, 0, 16, true), WEIR_DROP_NONE);
                assert_int_equal(send(f, &d, 16, 48, false), WEIR_DROP_NONE);
                check_finished(f, &d);
                teardown(f);
            }
}

static void test_ATK_FRG_04_exact_duplicates_change_nothing(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct fixture *f = setup();
        struct datagram d = {.v6 = v6 != 0, .len = 100};
        for (unsigned i = 0; i < 6; i++) {
            assert_int_equal(send_nth(f, &d, 16, i), WEIR_DROP_NONE);
            assert_int_equal(send_nth(f, &d, 16, i), WEIR_DROP_REASSEMBLY_DUPLICATE);
        }
        assert_int_equal(send_nth(f, &d, 16, 6), WEIR_DROP_NONE);
        check_finished(f, &d);
        assert_int_equal(f->t.duplicates, 6);
        /* The last once more begins a datagram of its own, which nobody completes. */
        assert_int_equal(send_nth(f, &d, 16, 6), WEIR_DROP_NONE);
        assert_int_equal(f->t.live, 1);
        teardown(f);
    }
}

static void test_ATK_FRG_05_no_fragment_splits_a_tcp_header(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct fixture *f = setup();
        struct datagram d = {.v6 = v6 != 0, .protocol = IP_PROTOCOL_TCP, .len = 200};
        assert_int_equal(send(f, &d, 0, 8, true), impossible(&d));
        assert_int_equal(send(f, &d, 8, 16, true), impossible(&d)); /* RFC 3128: offset 1 */
        assert_int_equal(send(f, &d, 16, 24, true), impossible(&d));
        assert_int_equal(send(f, &d, 0, 16, true), impossible(&d));
        assert_int_equal(f->t.in_use, 0);
        assert_int_equal(send(f, &d, 0, 24, true), WEIR_DROP_NONE); /* its data offset says 24 */
        assert_int_equal(send(f, &d, 24, 200, false), WEIR_DROP_NONE);
        check_finished(f, &d);
        teardown(f);
    }
}

static void test_ATK_FRG_05_the_data_offset_decides_wherever_the_data_are_cut(void **state)
{
    (void)state;
    struct fixture *f = setup();
    uint8_t bytes[64] = {[12] = 0xf0}; /* a header of 60 bytes */
    struct ip4 h = {.source = {{10, 0, 0, 1}},
                    .protocol = IP_PROTOCOL_TCP,
                    .payload_len = 56,
                    .more_fragments = true};
    for (size_t a = 0; a <= 20; a++)
        for (size_t b = a; b <= 20; b++) {
            struct weir_ref part[3] = {{bytes, a}, {bytes + a, b - a}, {bytes + b, 64 - b}};
            struct reassembly_fragment fragment = {
                .ip4 = &h, .packet = bytes, .part = part, .parts = 3};
            h.payload_len = 56;
            assert_int_equal(reassembly_input(&f->t, &fragment, 0, &f->done),
                             WEIR_DROP_IP4_FRAGMENT);
            h.payload_len = 64;
            h.id++;
            assert_int_equal(reassembly_input(&f->t, &fragment, 0, &f->done), WEIR_DROP_NONE);
        }
    teardown(f);
}

static void test_ATK_FRG_08_identical_fragments_cost_one_entry(void **state)
{
    (void)state;
    struct fixture *f = setup();
    struct datagram d = {.id = 1109, .len = 65529, .protocol = IP_PROTOCOL_ICMP4};
    assert_int_equal(send(f, &d, 65520, 65529, false), WEIR_DROP_NONE);
    for (unsigned i = 0; i < 100000; i++)
        if (send(f, &d, 65520, 65529, false) != WEIR_DROP_REASSEMBLY_DUPLICATE)
            fail();
    assert_int_equal(f->t.in_use, 1);
    assert_int_equal(f->t.duplicates, 100000);
    assert_int_equal(f->t.entries[f->t.order[0]].spans, 1);
    teardown(f);
}

static void test_ATK_FRG_09_and_ATK_FRG_10_unaligned_and_empty_fragments_are_dropped(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct fixture *f = setup();
        struct datagram d = {.v6 = v6 != 0, .len = 100};
        for (uint32_t len = 1; len < 8; len++)
            assert_int_equal(send(f, &d, 8, 8 + len, true), impossible(&d));
        for (uint32_t start = 0; start < 65536; start += 8184) {
            assert_int_equal(send(f, &d, start, start, true), impossible(&d));
            if (start > 0)
                assert_int_equal(send(f, &d, start, start, false), impossible(&d));
        }
        assert_int_equal(f->t.in_use, 0);
        teardown(f);
    }
}

static void test_ATK_FRG_11_two_ends_discard_the_datagram(void **state)
{
    (void)state;
    static const struct {
        uint32_t start[2], end[2];
        bool more[2];
    } rows[] = {
        {{992, 1000}, {1000, 1200}, {false, false}}, /* the last, then one behind it */
        {{992, 1000}, {1000, 1008}, {false, true}},  /* something behind the last */
        {{992, 1000}, {1000, 1008}, {true, false}},  /* no contradiction: the control */
        {{992, 992}, {1000, 1000}, {false, true}},   /* the same bytes, the last and not */
        {{992, 992}, {1000, 1000}, {true, false}},
        {{1200, 992}, {1208, 1000}, {true, false}}, /* a last before what is here */
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned v6 = 0; v6 < 2; v6++) {
            struct fixture *f = setup();
            struct datagram d = {.v6 = v6 != 0, .len = 1208};
            assert_int_equal(send(f, &d, rows[i].start[0], rows[i].end[0], rows[i].more[0]),
                             WEIR_DROP_NONE);
            assert_int_equal(send(f, &d, rows[i].start[1], rows[i].end[1], rows[i].more[1]),
                             i == 2 ? WEIR_DROP_NONE : impossible(&d));
            assert_int_equal(f->t.live, i == 2);
            assert_int_equal(f->t.spoiled, i != 2);
            teardown(f);
        }
}

static void test_ATK_FRG_13_fragments_of_other_datagrams_stay_apart(void **state)
{
    (void)state;
    struct fixture *f = setup();
    struct datagram d = {.id = 7, .len = 32};
    struct datagram others[] = {d, d, d, d, d};
    others[0].host = 9;
    others[1].protocol = IP_PROTOCOL_ICMP4;
    others[2].id = 8;
    others[3].v6 = true;
    others[4].network = 9;
    assert_int_equal(send(f, &d, 0, 16, true), WEIR_DROP_NONE);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(send(f, &others[i], 16, 32, false), WEIR_DROP_NONE);
        assert_false(f->finished);
    }
    assert_int_equal(f->t.in_use, 6);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(send(f, &others[i], 0, 16, true), WEIR_DROP_NONE);
        check_finished(f, &others[i]);
    }
    assert_int_equal(send(f, &d, 16, 32, false), WEIR_DROP_NONE);
    check_finished(f, &d);
    /* Over IPv6 only the protocol that the first fragment names counts (RFC 8200 4.5). */
    struct datagram six = {.v6 = true, .id = 1, .len = 32}, misnamed = six;
    misnamed.protocol = IP6_NEXT_DESTINATION;
    assert_int_equal(send(f, &misnamed, 16, 32, false), WEIR_DROP_NONE);
    assert_int_equal(send(f, &six, 0, 16, true), WEIR_DROP_NONE);
    check_finished(f, &six);
    assert_int_equal(f->done.facts.ip6.protocol, IP_PROTOCOL_UDP);
    teardown(f);
}

static void test_ATK_FRG_13_an_id_is_free_again_when_the_life_has_ended(void **state)
{
    (void)state;
    for (unsigned popped = 0; popped < 2; popped++) {
        struct fixture *f = setup();
        struct datagram old = {.id = 7, .len = 32}, new = {.id = 7, .len = 32, .salt = 1};
        assert_int_equal(send(f, &old, 0, 16, true), WEIR_DROP_NONE);
        f->now = 29 * WEIR_NS_PER_S; /* it is the same datagram still: other data, so discarded */
        assert_int_equal(send(f, &new, 0, 16, true), WEIR_DROP_REASSEMBLY_OVERLAP);
        assert_int_equal(send(f, &new, 16, 32, false), WEIR_DROP_IP4_FRAGMENT);
        if (popped) /* whether or not the timers have been run */
            advance(f, 31 * WEIR_NS_PER_S);
        f->now = 31 * WEIR_NS_PER_S;
        assert_int_equal(send(f, &new, 0, 16, true), WEIR_DROP_NONE);
        assert_int_equal(send(f, &new, 16, 32, false), WEIR_DROP_NONE);
        check_finished(f, &new);
        teardown(f);
    }
}

static void test_ATK_FRG_19_a_timeout_is_told_only_when_the_first_fragment_was_here(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct fixture *f = setup();
        struct datagram with = {.v6 = v6 != 0, .id = 1, .len = 2000, .ifindex = 3}, without = with;
        without.id = 2;
        assert_int_equal(send(f, &with, 1992, 2000, false), WEIR_DROP_NONE);
        assert_int_equal(send(f, &with, 0, 1280, true), WEIR_DROP_NONE);
        assert_int_equal(send(f, &without, 1992, 2000, false), WEIR_DROP_NONE);
        assert_int_equal(send(f, &without, 8, 1280, true), WEIR_DROP_NONE);
        weir_time life = (v6 ? IP6_MS : IP4_MS) * WEIR_NS_PER_MS;
        unsigned budget = 1000;
        assert_null(wheel_pop(&f->wheel, life - 1, &budget));
        for (unsigned i = 0; i < 2; i++) {
            struct reassembly *r = (void *)wheel_pop(&f->wheel, life + WHEEL_TICK_NS, &budget);
            struct reassembly_quote quote;
            assert_non_null(r);
            assert_int_equal(reassembly_quote(&f->t, r, &quote), r->key.id == 1);
            if (r->key.id == 1) {
                assert_int_equal(quote.ifindex, 3);
                assert_int_equal(quote.is_ip6, v6);
                assert_int_equal(quote.part[0].len, v6 ? 48 : 20);
                for (unsigned k = 0; k < quote.part[0].len; k++)
                    assert_int_equal(quote.part[0].data[k], k);
                assert_int_equal(quote.part[1].len, 1280); /* enough for 1232 bytes of quote */
                for (uint32_t k = 0; k < 1280; k++)
                    assert_int_equal(quote.part[1].data[k], octet(&with, k));
            }
            reassembly_expire(&f->t, r);
        }
        assert_int_equal(f->t.expired, 2);
        teardown(f);
    }
}

/* ---- ATK-FRG-20: the only memory taken is a datagram's block, when its first fragment comes. For
 * every k, memory is out for the first k fragments of n. ---- */

static void
test_ATK_FRG_20_without_memory_a_fragment_is_dropped_and_nothing_else_happens(void **state)
{
    (void)state;
    enum { FRAGMENTS = 6, SUPERBLOCKS = 8 };
    for (unsigned v6 = 0; v6 < 2; v6++)
        for (unsigned k = 0; k <= FRAGMENTS; k++) {
            struct fixture *f = setup_with(4, 64, SUPERBLOCKS);
            struct datagram d = {.v6 = v6 != 0, .len = FRAGMENTS * 16};
            uint32_t taken[SUPERBLOCKS];
            for (unsigned i = 0; i < SUPERBLOCKS; i++)
                taken[i] = blocks_take(&f->blocks, BLOCKS_64K, BLOCKS_URGENT);
            for (unsigned i = 0; i < k; i++) {
                assert_int_equal(send_nth(f, &d, 16, i), WEIR_DROP_REASSEMBLY_MEMORY);
                assert_int_equal(f->t.in_use, 0);
                assert_int_equal(f->t.started, 0);
                assert_true(reassemblies_invariants(&f->t));
            }
            assert_int_equal(f->t.memory_failures, k);
            for (unsigned i = 0; i < SUPERBLOCKS; i++)
                blocks_give(&f->blocks, taken[i]);
            for (unsigned i = k; i < FRAGMENTS; i++)
                assert_int_equal(send_nth(f, &d, 16, i), WEIR_DROP_NONE);
            for (unsigned i = 0; i < k; i++) /* sent again */
                assert_int_equal(send_nth(f, &d, 16, i), WEIR_DROP_NONE);
            check_finished(f, &d);
            teardown(f);
        }
}

static void test_ATK_FRG_20_memory_taken_away_between_fragments(void **state)
{
    (void)state;
    struct fixture *f = setup_with(4, 64, 8);
    struct datagram a = {.id = 1, .len = 32}, b = {.id = 2, .len = 32};
    uint32_t taken[7];
    assert_int_equal(send(f, &a, 0, 16, true), WEIR_DROP_NONE);
    for (unsigned i = 0; i < 7; i++)
        taken[i] = blocks_take(&f->blocks, BLOCKS_64K, BLOCKS_URGENT);
    /* A new datagram takes the memory of an incomplete one rather than starve behind it. */
    assert_int_equal(send(f, &b, 0, 16, true), WEIR_DROP_NONE);
    assert_int_equal(f->t.evicted, 1);
    assert_int_equal(send(f, &b, 16, 32, false), WEIR_DROP_NONE);
    check_finished(f, &b);
    for (unsigned i = 0; i < 7; i++)
        blocks_give(&f->blocks, taken[i]);
    teardown(f);
}

/* ---- floods: ATK-FRG-06, -07, -14 ---- */

/* A flood: before each fragment of legitimate datagrams, `between` of these. */
struct flood {
    bool one_source; /* or ever new networks */
    bool rose;       /* first and last of each; or one somewhere in the middle */
    bool v6;
};

static void flood_one(struct fixture *f, struct rng *rng, const struct flood *flood, uint32_t *id)
{
    struct datagram d = {.v6 = flood->v6, .id = ++*id, .len = 3000};
    d.network = flood->one_source ? 5000 : (uint16_t)rng_between(rng, 6000, 60000);
    if (flood->rose) {
        send(f, &d, 0, 16, true);
        send(f, &d, 2992, 3000, false);
    } else {
        uint32_t start = 8 + 16 * (uint32_t)rng_below(rng, 180);
        send(f, &d, start, start + 8, true);
    }
}

/* How many of 200 legitimate datagrams of three fragments come through, in percent. */
static unsigned legitimate_percent(const struct flood *flood, unsigned between)
{
    enum { N = 64, ROUNDS = 200 };
    struct fixture *f = setup_with(N, 64, 4 * N);
    struct rng rng = rng_make(13);
    uint32_t id = 1000;
    unsigned finished = 0;
    for (unsigned i = 0; i < 4 * N; i++)
        flood_one(f, &rng, flood, &id);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct datagram d = {
            .v6 = flood->v6, .network = (uint16_t)(round % 7), .id = round, .len = 3000};
        f->now += WEIR_NS_PER_MS;
        for (unsigned i = 0; i < 3; i++) {
            send_nth(f, &d, 1480, i);
            if (f->finished)
                finished++;
            for (unsigned k = 0; k < between; k++)
                flood_one(f, &rng, flood, &id);
            assert_true(f->t.in_use <= N && f->blocks.in_use[BLOCKS_64K] <= N);
        }
    }
    assert_true(reassemblies_invariants(&f->t));
    assert_true(f->t.map.probe_max <= N / 2);
    teardown(f);
    return finished * 100 / ROUNDS;
}

static void test_ATK_FRG_06_random_fragments_do_not_keep_out_legitimate_ones(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        /* 20 new datagrams between two fragments, 40 in the life of a legitimate one: of 64 */
        assert_true(legitimate_percent(&(struct flood){.v6 = v6 != 0}, 20) >= 90);
        assert_true(legitimate_percent(&(struct flood){.v6 = v6 != 0, .one_source = true}, 500) >=
                    90);
    }
}

static void test_ATK_FRG_07_the_rose_attack_does_not_keep_out_legitimate_ones(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        assert_true(legitimate_percent(&(struct flood){.v6 = v6 != 0, .rose = true}, 20) >= 90);
        assert_true(
            legitimate_percent(&(struct flood){.v6 = v6 != 0, .rose = true, .one_source = true},
                               200) >= 90);
    }
}

static void test_ATK_FRG_07_time_reclaims_all_that_a_rose_left(void **state)
{
    (void)state;
    struct fixture *f = setup_with(64, 64, 256);
    struct rng rng = rng_make(14);
    uint32_t id = 0;
    for (unsigned i = 0; i < 64; i++)
        flood_one(f, &rng, &(struct flood){.rose = true}, &id);
    assert_int_equal(f->t.in_use, 64);
    advance(f, IP4_MS * WEIR_NS_PER_MS + WHEEL_TICK_NS);
    assert_int_equal(f->t.in_use, 0);
    assert_int_equal(f->t.expired, 64);
    assert_int_equal(f->quotes,
                     64); /* the first fragment was here: the rate limit is the caller's */
    assert_int_equal(f->blocks.in_use[BLOCKS_64K], 0);
    teardown(f);
}

static void test_ATK_FRG_14_a_full_pool_lets_a_legitimate_pair_through(void **state)
{
    (void)state;
    unsigned finished = 0;
    for (unsigned round = 0; round < 50; round++) {
        struct fixture *f = setup_with(64, 64, 256);
        struct rng rng = rng_make(round);
        uint32_t id = 0;
        for (unsigned i = 0; i < 64; i++)
            flood_one(f, &rng, &(struct flood){.one_source = round % 2 != 0}, &id);
        struct datagram d = {.id = 1, .len = 32};
        assert_int_equal(send(f, &d, 0, 16, true), WEIR_DROP_NONE);
        assert_int_equal(send(f, &d, 16, 32, false), WEIR_DROP_NONE);
        finished += f->finished;
        teardown(f);
    }
    assert_int_equal(finished, 50);
}

static void test_a_sender_with_a_quarter_of_the_table_drives_out_only_itself(void **state)
{
    (void)state;
    enum { N = 32 };
    struct fixture *f = setup_with(N, 64, 4 * N);
    struct datagram other = {.len = 32}, greedy = {.network = 99, .len = 32, .id = 1000};
    for (unsigned i = 0; i < N * 3 / 4; i++, other.id++, other.network++)
        assert_int_equal(send(f, &other, 0, 16, true), WEIR_DROP_NONE);
    for (unsigned i = 0; i < 1000; i++, greedy.id++)
        assert_int_equal(send(f, &greedy, 0, 16, true), WEIR_DROP_NONE);
    /* It found N/4 free, took one more by lot, and from there on has its own. */
    unsigned kept = 0;
    for (other.id = other.network = 0; other.id < N * 3 / 4; other.id++, other.network++) {
        assert_int_equal(send(f, &other, 16, 32, false), WEIR_DROP_NONE);
        kept += f->finished;
    }
    assert_true(kept >= N * 3 / 4 - 2);
    teardown(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ATK_FRG_01_teardrop_is_dropped_whole),
        cmocka_unit_test(
            test_ATK_FRG_02_and_ATK_FRG_12_an_end_behind_the_longest_datagram_is_dropped),
        cmocka_unit_test(test_ATK_FRG_02_the_headers_count_in_the_length),
        cmocka_unit_test(test_ATK_FRG_03_an_overlap_discards_the_datagram_and_what_follows_of_it),
        cmocka_unit_test(test_ATK_FRG_04_exact_duplicates_change_nothing),
        cmocka_unit_test(test_ATK_FRG_05_no_fragment_splits_a_tcp_header),
        cmocka_unit_test(test_ATK_FRG_05_the_data_offset_decides_wherever_the_data_are_cut),
        cmocka_unit_test(test_ATK_FRG_08_identical_fragments_cost_one_entry),
        cmocka_unit_test(test_ATK_FRG_09_and_ATK_FRG_10_unaligned_and_empty_fragments_are_dropped),
        cmocka_unit_test(test_ATK_FRG_11_two_ends_discard_the_datagram),
        cmocka_unit_test(test_ATK_FRG_13_fragments_of_other_datagrams_stay_apart),
        cmocka_unit_test(test_ATK_FRG_13_an_id_is_free_again_when_the_life_has_ended),
        cmocka_unit_test(test_ATK_FRG_19_a_timeout_is_told_only_when_the_first_fragment_was_here),
        cmocka_unit_test(
            test_ATK_FRG_20_without_memory_a_fragment_is_dropped_and_nothing_else_happens),
        cmocka_unit_test(test_ATK_FRG_20_memory_taken_away_between_fragments),
        cmocka_unit_test(test_ATK_FRG_06_random_fragments_do_not_keep_out_legitimate_ones),
        cmocka_unit_test(test_ATK_FRG_07_the_rose_attack_does_not_keep_out_legitimate_ones),
        cmocka_unit_test(test_ATK_FRG_07_time_reclaims_all_that_a_rose_left),
        cmocka_unit_test(test_ATK_FRG_14_a_full_pool_lets_a_legitimate_pair_through),
        cmocka_unit_test(test_a_sender_with_a_quarter_of_the_table_drives_out_only_itself),
    };
    return cmocka_run_group_tests_name("attack_reassembly", tests, NULL, NULL);
}
