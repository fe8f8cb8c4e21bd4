/* SPDX-License-Identifier: MIT */
#include "net/fragment.h"
#include "reassembly_steps.h"

/* ---- the sizes ---- */

static void test_the_limits(void **state)
{
    (void)state;
    assert_int_equal(reassemblies_size(0, 64), 0);
    assert_int_equal(reassemblies_size(REASSEMBLIES_MAX + 1, 64), 0);
    assert_int_equal(reassemblies_size(16, 1), 0);
    assert_int_equal(reassemblies_size(16, REASSEMBLY_FRAGMENTS_MAX + 1), 0);
    assert_true(reassemblies_size(1, 2) > 0);
    assert_true(reassemblies_size(REASSEMBLIES_MAX, REASSEMBLY_FRAGMENTS_MAX) > 0);
}

/* ---- orders ---- */

/* The k-th permutation of 0 ... n-1. */
static void permutation(unsigned k, unsigned n, unsigned out[])
{
    for (unsigned i = 0; i < n; i++)
        out[i] = i;
    for (unsigned i = n; i > 1; k /= i, i--) {
        unsigned j = k % i, x = out[i - 1];
        out[i - 1] = out[j];
        out[j] = x;
    }
}

static void test_up_to_six_fragments_in_every_order_with_duplicates(void **state)
{
    (void)state;
    static const unsigned factorial[] = {1, 1, 2, 6, 24, 120, 720};
    struct fixture *f = setup();
    struct datagram d = {0};
    for (unsigned n = 2; n <= 6; n++)
        for (unsigned k = 0; k < factorial[n]; k++) {
            unsigned order[6];
            d.id++;
            d.v6 = k % 2 != 0;
            d.len = n * 16 - k % 16;
            permutation(k, n, order);
            for (unsigned i = 0; i < n; i++) {
                assert_int_equal(send_nth(f, &d, 16, order[i]), WEIR_DROP_NONE);
                assert_int_equal(f->finished, i == n - 1);
                if (i + 1 < n) /* and any of those before again */
                    assert_int_equal(send_nth(f, &d, 16, order[k % (i + 1)]),
                                     WEIR_DROP_REASSEMBLY_DUPLICATE);
            }
            check_finished(f, &d);
        }
    assert_int_equal(f->t.finished, 2 + 6 + 24 + 120 + 720);
    teardown(f);
}

static void test_the_longest_datagrams_in_random_orders_with_duplicates(void **state)
{
    (void)state;
    struct fixture *f = setup();
    struct rng rng = rng_make(12);
    for (unsigned round = 0; round < 12; round++) {
        struct datagram d = {.id = round, .v6 = round % 2 != 0, .len = round % 2 ? 65535 : 65515};
        if (round >= 8)
            d.len = (uint32_t)rng_between(&rng, 2000, 65515);
        uint32_t each = round < 4 ? 1480 : (uint32_t)rng_between(&rng, 1400 / 8, 9000 / 8) * 8;
        unsigned n = (d.len + each - 1) / each, order[64];
        for (unsigned i = 0; i < n; i++)
            order[i] = i;
        for (unsigned i = n; i > 1; i--) {
            unsigned j = (unsigned)rng_below(&rng, i), x = order[i - 1];
            order[i - 1] = order[j];
            order[j] = x;
        }
        for (unsigned i = 0; i < n; i++) {
            assert_false(i > 0 && f->finished);
            assert_int_equal(send_nth(f, &d, each, order[i]), WEIR_DROP_NONE);
            if (i + 1 < n && rng_below(&rng, 3) == 0)
                assert_int_equal(send_nth(f, &d, each, order[rng_below(&rng, i + 1)]),
                                 WEIR_DROP_REASSEMBLY_DUPLICATE);
        }
        check_finished(f, &d);
        assert_true(reassemblies_invariants(&f->t));
    }
    teardown(f);
}

static void test_data_in_parts_cut_anywhere(void **state)
{
    (void)state;
    struct fixture *f = setup();
    struct datagram d = {.len = 24};
    for (uint32_t a = 0; a <= 16; a++)
        for (uint32_t b = a; b <= 16; b++) {
            d.id++;
            assert_int_equal(send_cut(f, &d, 0, 16, true, (struct cut){a, b}), WEIR_DROP_NONE);
            assert_int_equal(send_cut(f, &d, 0, 16, true, (struct cut){b, b}),
                             WEIR_DROP_REASSEMBLY_DUPLICATE);
            assert_int_equal(send(f, &d, 16, 24, false), WEIR_DROP_NONE);
            check_finished(f, &d);
        }
    teardown(f);
}

static void test_padding_behind_the_data_is_ignored(void **state)
{
    (void)state;
    struct fixture *f = setup();
    static const uint8_t bytes[64] = {1, 2, 3};
    struct ip4 h = {.source = {{10, 0, 0, 1}}, .payload_len = 16, .more_fragments = true};
    struct weir_ref part = {bytes, 64};
    struct reassembly_fragment fragment = {.ip4 = &h, .packet = bytes, .part = &part, .parts = 1};
    assert_int_equal(reassembly_input(&f->t, &fragment, 0, &f->done), WEIR_DROP_NONE);
    h.more_fragments = false;
    h.fragment_offset = 16;
    h.payload_len = 3;
    assert_int_equal(reassembly_input(&f->t, &fragment, 0, &f->done), WEIR_DROP_NONE);
    assert_int_equal(f->done.len, 19);
    blocks_give(&f->blocks, f->done.block);
    teardown(f);
}

static void test_what_fragment_cuts_is_put_together(void **state)
{
    (void)state;
    struct fixture *f = setup();
    static uint8_t bytes[65000], wire[2000];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i ^ i >> 8);
    struct ip4 whole = {.source = {{10, 0, 0, 1}},
                        .destination = {{10, 0, 0, 2}},
                        .ttl = 9,
                        .protocol = IP_PROTOCOL_ICMP4};
    struct fragment_source s = {.ip4 = &whole,
                                .id = 77,
                                .mtu = 1500,
                                .upper = {bytes, 8},
                                .payload = {{bytes + 8, 30000}, {bytes + 30008, 34992}},
                                .handler = &handler};
    for (unsigned i = 0; i < fragment_count(&s); i++) {
        struct weir_tx tx;
        struct ip4 h;
        fragment_make(&tx, &s, i);
        size_t n = tx.header_len;
        memcpy(wire, tx.headers, n);
        for (unsigned k = 0; k < tx.frag_count; n += tx.frag[k].len, k++)
            memcpy(wire + n, tx.frag[k].data, tx.frag[k].len);
        assert_int_equal(ip4_parse(&h, wire, n, n), WEIR_DROP_NONE);
        struct weir_ref part = {wire + 20, n - 20};
        struct reassembly_fragment fragment = {
            .ip4 = &h, .packet = wire, .part = &part, .parts = 1};
        assert_int_equal(reassembly_input(&f->t, &fragment, 0, &f->done), WEIR_DROP_NONE);
    }
    assert_int_equal(f->done.len, sizeof bytes);
    assert_memory_equal(f->done.payload, bytes, sizeof bytes);
    blocks_give(&f->blocks, f->done.block);
    teardown(f);
}

/* ---- the header of the result ---- */

static void test_the_header_is_that_of_the_first_fragment_made_whole(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct fixture *f = setup();
        struct datagram first = {.v6 = v6 != 0, .len = 48, .ext = 8};
        struct datagram last = first;
        last.ext = 16; /* another fragment's headers do not matter */
        assert_int_equal(send(f, &last, 16, 48, false), WEIR_DROP_NONE);
        assert_int_equal(send(f, &first, 0, 16, true), WEIR_DROP_NONE);
        check_finished(f, &first);
        assert_int_equal(f->done.header_len, v6 ? 56 : 28);
        for (unsigned i = 0; i < f->done.header_len; i++)
            assert_int_equal(f->done.header[i], i);
        if (v6) {
            const struct ip6 *h = &f->done.facts.ip6;
            assert_int_equal(h->payload_len, 8 + 48); /* without the fragment header */
            assert_int_equal(h->upper_len, 48);
            assert_int_equal(h->protocol, IP_PROTOCOL_UDP);
            assert_false(ip6_is_fragment(h));
            assert_int_equal(h->fragment_at, 48); /* that it was cut can be seen (RFC 6980) */
        } else {
            const struct ip4 *h = &f->done.facts.ip4;
            assert_int_equal(h->payload_len, 48);
            assert_false(ip4_is_fragment(h));
            assert_ptr_equal(h->options, f->done.header + 20);
            assert_int_equal(h->options_len, 8);
            assert_int_equal(h->ttl, 64);
        }
        teardown(f);
    }
}

/* RFC 3168 5.3, and for what it leaves open: no codepoint that not all agreed on. */
static void test_ecn_of_the_fragments_is_combined(void **state)
{
    (void)state;
    enum { DROP = 9, N = IP_ECN_NOT_ECT, ONE = IP_ECN_ECT1, ZERO = IP_ECN_ECT0, CE = IP_ECN_CE };
    static const unsigned expected[4][4] = {
        /* second:  Not-ECT  ECT(1)  ECT(0)  CE         first: */
        [N] = {N, N, N, DROP},
        [ONE] = {N, ONE, N, CE},
        [ZERO] = {N, N, ZERO, CE},
        [CE] = {DROP, CE, CE, CE},
    };
    for (unsigned a = 0; a < 4; a++)
        for (unsigned b = 0; b < 4; b++)
            for (unsigned v6 = 0; v6 < 2; v6++) {
                struct fixture *f = setup();
                struct datagram d = {.v6 = v6 != 0, .len = 48, .ecn = (uint8_t)a};
                assert_int_equal(send(f, &d, 0, 16, true), WEIR_DROP_NONE);
                d.ecn = (uint8_t)b;
                enum weir_drop drop = send(f, &d, 16, 48, false);
                if (expected[a][b] == DROP) {
                    assert_int_equal(drop, impossible(&d));
                } else {
                    check_finished(f, &d);
                    assert_int_equal(v6 ? f->done.facts.ip6.ecn : f->done.facts.ip4.ecn,
                                     expected[a][b]);
                }
                teardown(f);
            }
}

static void test_link_local_datagrams_are_of_one_interface(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct fixture *f = setup();
        struct datagram d = {.v6 = v6 != 0, .len = 32, .link_local = true}, other = d;
        other.ifindex = 1;
        assert_int_equal(send(f, &d, 0, 16, true), WEIR_DROP_NONE);
        assert_int_equal(send(f, &other, 16, 32, false), WEIR_DROP_NONE);
        assert_false(f->finished);
        assert_int_equal(send(f, &d, 16, 32, false), WEIR_DROP_NONE);
        check_finished(f, &d);
        d.link_local = other.link_local = false; /* others may come by any way */
        assert_int_equal(send(f, &d, 0, 16, true), WEIR_DROP_NONE);
        assert_int_equal(send(f, &other, 16, 32, false), WEIR_DROP_NONE);
        check_finished(f, &d);
        teardown(f);
    }
}

/* ---- limits ---- */

static void test_one_fragment_more_than_allowed_discards_the_datagram(void **state)
{
    (void)state;
    for (uint32_t limit = 2; limit <= 64; limit += 31)
        for (uint32_t n = limit - 1; n <= limit + 1; n++) {
            struct fixture *f = setup_with(4, limit, 64);
            struct datagram d = {.len = n * 8};
            enum weir_drop last = WEIR_DROP_NONE;
            for (unsigned i = 0; n > 1 && i < n; i++)
                last = send_nth(f, &d, 8, n - 1 - i);
            assert_int_equal(last, n > limit ? WEIR_DROP_REASSEMBLY_LIMIT : WEIR_DROP_NONE);
            assert_int_equal(f->t.finished, n > 1 && n <= limit);
            assert_int_equal(f->blocks.in_use[BLOCKS_64K], 0);
            teardown(f);
        }
}

static void test_a_full_table_makes_room_and_never_grows(void **state)
{
    (void)state;
    enum { N = 16 };
    struct fixture *f = setup_with(N, 64, 4 * N);
    struct datagram d = {.len = 32};
    for (; d.id < N; d.id++, d.network++) /* limit - 1, limit */
        assert_int_equal(send(f, &d, 0, 16, true), WEIR_DROP_NONE);
    assert_int_equal(f->t.in_use, N);
    assert_int_equal(f->t.evicted, 0);
    assert_int_equal(send(f, &d, 0, 16, true), WEIR_DROP_NONE); /* limit + 1 */
    assert_int_equal(f->t.in_use, N);
    assert_int_equal(f->t.evicted, 1);
    assert_int_equal(send(f, &d, 16, 32, false), WEIR_DROP_NONE);
    check_finished(f, &d);
    teardown(f);
}

static void test_all_datagrams_hold_at_most_a_quarter_of_the_packet_memory(void **state)
{
    (void)state;
    struct fixture *f = setup_with(16, 64, 20);
    struct datagram d = {.len = 32};
    for (; d.id < 100; d.id++, d.network++) {
        assert_int_equal(send(f, &d, 0, 16, true), WEIR_DROP_NONE);
        assert_true(f->blocks.in_use[BLOCKS_64K] <= 5);
    }
    assert_int_equal(f->t.evicted, 95);
    /* The unusable hold none, but count in the table. */
    for (d.id = 1000; d.id < 1100; d.id++, d.network++) {
        assert_int_equal(send(f, &d, 0, 16, true), WEIR_DROP_NONE);
        assert_int_equal(send(f, &d, 8, 16, true), WEIR_DROP_REASSEMBLY_OVERLAP);
        assert_true(f->t.in_use <= 16 && f->t.live <= 5);
        assert_true(reassemblies_invariants(&f->t));
    }
    teardown(f);
}

/* With memory for one, when datagrams begun alternate with spoiled ones. */
static void test_the_smallest_table_works(void **state)
{
    (void)state;
    struct fixture *f = setup_with(1, 2, 1);
    struct datagram d = {.len = 32};
    for (; d.id < 20; d.id++) {
        assert_int_equal(send(f, &d, 0, 16, true), WEIR_DROP_NONE);
        if (d.id % 3 == 0)
            assert_int_equal(send(f, &d, 8, 16, true), WEIR_DROP_REASSEMBLY_OVERLAP);
        if (d.id % 3 == 1) {
            assert_int_equal(send(f, &d, 16, 32, false), WEIR_DROP_NONE);
            check_finished(f, &d);
        }
        assert_true(reassemblies_invariants(&f->t));
    }
    teardown(f);
}

/* ---- against a naive model ---- */

enum { MODEL_KEYS = 8, MODEL_BYTES = 64 };

struct model {
    bool begun, dead;
    weir_time deadline;
    unsigned fragments;
    uint32_t start[64], end[64];
    uint8_t value[MODEL_BYTES]; /* 1 + salt of the bytes that have arrived */
    uint32_t last;              /* the end, or 0 */
};

/* What RFC 8200 4.5, RFC 5722 and the limits say of a fragment; `finished` when it completes. */
static enum weir_drop naive(struct model *m, const struct datagram *d, uint32_t start, uint32_t end,
                            bool more, bool *finished)
{
    *finished = false;
    if (m->dead)
        return impossible(d);
    enum weir_drop drop = WEIR_DROP_NONE;
    for (unsigned i = 0; i < m->fragments; i++)
        if (m->start[i] == start && m->end[i] == end && m->value[start] == 1 + d->salt &&
            (m->last == end) == !more)
            return WEIR_DROP_REASSEMBLY_DUPLICATE;
    bool overlap = false, beyond = false, same_place = false;
    for (uint32_t i = 0; i < MODEL_BYTES; i++) {
        overlap = overlap || (i >= start && i < end && m->value[i] != 0);
        beyond = beyond || (i >= end && m->value[i] != 0);
    }
    for (unsigned i = 0; i < m->fragments; i++)
        same_place = same_place ||
                     (m->start[i] == start && m->end[i] == end && m->value[start] == 1 + d->salt);
    if (overlap)
        drop = same_place ? impossible(d) : WEIR_DROP_REASSEMBLY_OVERLAP;
    else if ((m->last != 0 && (!more || end > m->last)) || (!more && beyond))
        drop = impossible(d);
    else if (m->fragments == 4)
        drop = WEIR_DROP_REASSEMBLY_LIMIT;
    if (drop != WEIR_DROP_NONE) {
        m->dead = true;
        return drop;
    }
    m->start[m->fragments] = start;
    m->end[m->fragments++] = end;
    memset(m->value + start, 1 + d->salt, end - start);
    if (!more)
        m->last = end;
    uint32_t whole = 0;
    while (whole < MODEL_BYTES && m->value[whole] != 0)
        whole++;
    *finished = m->last != 0 && whole == m->last;
    return WEIR_DROP_NONE;
}

static void naive_step(struct model *m, struct fixture *f, struct rng *rng, struct datagram *d)
{
    /* Mostly one of three that fit together, sometimes any. */
    uint32_t start = (uint32_t)rng_below(rng, 3) * 16, end = start + 16;
    bool more = start < 32, finished;
    if (rng_below(rng, 10) == 0) {
        start = (uint32_t)rng_below(rng, 6) * 8;
        end = start + (uint32_t)rng_between(rng, 1, 2) * 8;
        more = start == 0 || rng_below(rng, 4) != 0; /* it were no fragment otherwise */
        if (!more)
            end -= (uint32_t)rng_below(rng, 8);
    }
    if (!m->begun) {
        memset(m, 0, sizeof *m);
        m->begun = true;
        m->deadline = f->now + (d->v6 ? IP6_MS : IP4_MS) * WEIR_NS_PER_MS;
    }
    /* Other bytes only where there are some already: so a finished datagram is of one salt. */
    d->salt = m->value[start] != 0 && rng_below(rng, 10) == 0;
    enum weir_drop expected = naive(m, d, start, end, more, &finished);
    assert_int_equal(send(f, d, start, end, more), expected);
    assert_int_equal(f->finished, finished);
    if (!finished)
        return;
    assert_int_equal(f->done.len, m->last);
    m->begun = false;
}

static void test_fragments_of_any_kind_agree_with_a_naive_model(void **state)
{
    (void)state;
    struct rng rng = rng_make(15);
    uint64_t total = 0;
    for (unsigned round = 0; round < 40; round++) {
        struct fixture *f = setup_with(MODEL_KEYS, 4, 4 * MODEL_KEYS);
        struct model model[MODEL_KEYS] = {{0}};
        for (unsigned step = 0; step < 600; step++) {
            unsigned i = (unsigned)rng_below(&rng, MODEL_KEYS);
            struct datagram d = {.v6 = i % 2 != 0, .id = i, .network = (uint16_t)i};
            if (rng_below(&rng, 20) == 0)
                f->now += (weir_time)rng_below(&rng, 30) * WEIR_NS_PER_S;
            if (rng_below(&rng, 2) == 0) /* with and without the timers run */
                advance(f, f->now);
            for (unsigned k = 0; k < MODEL_KEYS; k++)
                if (model[k].begun && f->now >= model[k].deadline)
                    model[k].begun = false;
            naive_step(&model[i], f, &rng, &d);
            if (step % 8 == 0)
                assert_true(reassemblies_invariants(&f->t));
        }
        total += f->t.finished;
        assert_int_equal(f->t.evicted, 0);
        teardown(f);
    }
    assert_true(total > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_limits),
        cmocka_unit_test(test_up_to_six_fragments_in_every_order_with_duplicates),
        cmocka_unit_test(test_the_longest_datagrams_in_random_orders_with_duplicates),
        cmocka_unit_test(test_data_in_parts_cut_anywhere),
        cmocka_unit_test(test_padding_behind_the_data_is_ignored),
        cmocka_unit_test(test_what_fragment_cuts_is_put_together),
        cmocka_unit_test(test_the_header_is_that_of_the_first_fragment_made_whole),
        cmocka_unit_test(test_ecn_of_the_fragments_is_combined),
        cmocka_unit_test(test_link_local_datagrams_are_of_one_interface),
        cmocka_unit_test(test_one_fragment_more_than_allowed_discards_the_datagram),
        cmocka_unit_test(test_a_full_table_makes_room_and_never_grows),
        cmocka_unit_test(test_all_datagrams_hold_at_most_a_quarter_of_the_packet_memory),
        cmocka_unit_test(test_the_smallest_table_works),
        cmocka_unit_test(test_fragments_of_any_kind_agree_with_a_naive_model),
    };
    return cmocka_run_group_tests_name("reassembly", tests, NULL, NULL);
}
