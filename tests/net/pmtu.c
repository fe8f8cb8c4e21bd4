/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "net/pmtu.h"

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

static const weir_time minute = 60 * WEIR_NS_PER_S;

struct fixture {
    struct pmtus t;
    uint8_t *mem;
};

static struct fixture setup_keyed(uint32_t path_mtus_max, uint64_t key)
{
    struct fixture f;
    size_t size = pmtus_size(path_mtus_max);
    assert_true(size > 0);
    f.mem = malloc(size + 1);
    assert_non_null(f.mem);
    memset(f.mem, 0xa5, size + 1);
    pmtus_init(&f.t,
               &(struct pmtus_config){.handler = &handler,
                                      .key = {key, 6},
                                      .rng = rng_make(7),
                                      .path_mtus_max = path_mtus_max,
                                      .ip4_floor = PMTU_IP4_FLOOR},
               f.mem + 1); /* memory of no alignment */
    assert_true(pmtus_invariants(&f.t));
    return f;
}

static struct fixture setup(uint32_t path_mtus_max)
{
    return setup_keyed(path_mtus_max, 5);
}

static void teardown(struct fixture *f)
{
    assert_true(pmtus_invariants(&f->t));
    free(f->mem);
}

static struct weir_addr addr(const char *text)
{
    struct weir_addr a;
    assert_true(addr_from_text(&a, text, strlen(text)));
    return a;
}

static struct weir_addr host(uint32_t n)
{
    return addr_from_ip4(
        (struct ip4_addr){{10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}});
}

static bool report(struct fixture *f, struct weir_addr destination, uint32_t mtu, weir_time now)
{
    struct pmtu_report r = {.destination = destination,
                            .mtu = mtu,
                            .link_mtu = 1500,
                            .quoted_len = 1500,
                            .quoted_header_len = 20};
    uint32_t generation = f->t.generation;
    bool fell = pmtu_update(&f->t, &r, now);
    assert_int_equal(fell, f->t.generation != generation);
    return fell;
}

static uint32_t mtu(struct fixture *f, struct weir_addr destination, weir_time now)
{
    return pmtu_lookup(&f->t, destination, 1500, now).mtu;
}

static void test_the_limit_is_between_1_and_65536(void **state)
{
    (void)state;
    assert_int_equal(pmtus_size(0), 0);
    assert_true(pmtus_size(1) > 0 && pmtus_size(PMTUS_MAX) > 0);
    assert_int_equal(pmtus_size(PMTUS_MAX + 1), 0);
}

static void test_nothing_reported_means_the_mtu_of_the_link_for_ever(void **state)
{
    (void)state;
    struct fixture f = setup(4);
    struct pmtu p = pmtu_lookup(&f.t, host(1), 9000, 0);
    assert_int_equal(p.mtu, 9000);
    assert_true(p.until == WEIR_TIME_NEVER);
    assert_false(p.below_floor);
    assert_true(report(&f, host(1), 1400, 0));
    assert_int_equal(mtu(&f, host(2), 0), 1500);
    teardown(&f);
}

static void test_a_decrease_is_believed_for_ten_minutes(void **state)
{
    (void)state;
    struct fixture f = setup(4);
    assert_true(report(&f, host(1), 1400, 5));
    struct pmtu p = pmtu_lookup(&f.t, host(1), 1500, 5);
    assert_int_equal(p.mtu, 1400);
    assert_true(p.until == 5 + 10 * minute);
    assert_int_equal(mtu(&f, host(1), 5 + 10 * minute - 1), 1400);
    assert_int_equal(mtu(&f, host(1), 5 + 10 * minute), 1500);
    /* Another decrease begins the time anew (RFC 1191 6.3). */
    assert_true(report(&f, host(2), 1400, 0));
    assert_true(report(&f, host(2), 1300, 9 * minute));
    assert_int_equal(mtu(&f, host(2), 18 * minute), 1300);
    assert_int_equal(mtu(&f, host(2), 19 * minute), 1500);
    teardown(&f);
}

static void test_a_link_smaller_than_the_estimate_decides(void **state)
{
    (void)state;
    struct fixture f = setup(4);
    assert_true(report(&f, host(1), 1400, 0));
    assert_int_equal(pmtu_lookup(&f.t, host(1), 1300, 0).mtu, 1300);
    assert_int_equal(pmtu_lookup(&f.t, host(1), 9000, 0).mtu, 1400);
    teardown(&f);
}

static void test_time_near_its_end_does_not_wrap(void **state)
{
    (void)state;
    struct fixture f = setup(4);
    weir_time late = WEIR_TIME_NEVER - 5;
    assert_true(report(&f, host(1), 1400, late));
    assert_int_equal(mtu(&f, host(1), late + 1), 1400);
    teardown(&f);
}

static void test_ATK_ICM_04_the_floor_over_ip4_is_552(void **state)
{
    (void)state;
    static const struct {
        uint32_t reported, expected;
        bool below_floor;
    } rows[] = {{68, 552, true},   {296, 552, true},    {551, 552, true}, {552, 552, false},
                {553, 553, false}, {1499, 1499, false}, {1, 552, true}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f = setup(4);
        assert_true(report(&f, host(1), rows[i].reported, 0));
        struct pmtu p = pmtu_lookup(&f.t, host(1), 1500, 0);
        assert_int_equal(p.mtu, rows[i].expected);
        assert_int_equal(p.below_floor, rows[i].below_floor);
        assert_int_equal(f.t.clamped, rows[i].below_floor);
        teardown(&f);
    }
    struct fixture f = setup(4);
    assert_false(report(&f, host(1), 1500, 0)); /* not below what is sent */
    assert_false(report(&f, host(1), 1501, 0));
    assert_false(report(&f, host(1), UINT32_MAX, 0));
    assert_int_equal(f.t.map.count, 0);
    assert_int_equal(f.t.ignored, 3);
    teardown(&f);
}

static void test_a_path_at_the_floor_learns_once_that_it_is_smaller_yet(void **state)
{
    (void)state;
    struct fixture f = setup(4);
    assert_true(report(&f, host(1), 552, 0));
    assert_true(report(&f, host(1), 400, 1));
    assert_true(pmtu_lookup(&f.t, host(1), 1500, 1).below_floor);
    assert_false(report(&f, host(1), 400, 2));
    /* A link of ours below the floor: the floor is the link. */
    struct pmtu_report r = {.destination = host(2), .mtu = 300, .link_mtu = 500};
    assert_true(pmtu_update(&f.t, &r, 0));
    struct pmtu p = pmtu_lookup(&f.t, host(2), 500, 0);
    assert_int_equal(p.mtu, 500);
    assert_true(p.below_floor);
    teardown(&f);
}

static void test_ATK_ICM_05_the_floor_over_ip6_is_1280(void **state)
{
    (void)state;
    static const uint32_t reported[] = {0, 68, 1279, 1280};
    for (unsigned i = 0; i < sizeof reported / sizeof reported[0]; i++) {
        struct fixture f = setup(4);
        assert_true(report(&f, addr("2001:db8::1"), reported[i], 0));
        struct pmtu p = pmtu_lookup(&f.t, addr("2001:db8::1"), 1500, 0);
        assert_int_equal(p.mtu, 1280);
        assert_false(p.below_floor); /* no fragment header for it either (RFC 8021) */
        teardown(&f);
    }
    struct fixture f = setup(4);
    assert_true(report(&f, addr("2001:db8::1"), 1281, 0));
    assert_int_equal(mtu(&f, addr("2001:db8::1"), 0), 1281);
    assert_true(report(&f, addr("2001:db8::1"), 1280, 0));
    assert_false(report(&f, addr("2001:db8::1"), 1279, 0));
    teardown(&f);
}

/* RFC 1191 7.1, and section 5: a quoted length that is not below the estimate is reduced by the
 * header. */
static void test_an_mtu_of_0_means_the_next_plateau(void **state)
{
    (void)state;
    static const struct {
        uint32_t link_mtu, quoted_len, expected;
    } rows[] = {
        {65535, 65535, 32000}, {65535, 60000, 32000}, {32000, 31999, 17914}, {17914, 17000, 8166},
        {9000, 9000, 8166},    {8166, 8166, 4352},    {8166, 5000, 4352},    {4352, 4352, 2002},
        {2002, 2002, 1492},    {1500, 1499, 1492},    {1500, 1500, 1006},    {1500, 1492, 1006},
        {1006, 1006, 552},     {1500, 600, 552},      {1500, 20, 552},       {1500, 0, 552},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f = setup(4);
        struct pmtu_report r = {.destination = host(1),
                                .link_mtu = rows[i].link_mtu,
                                .quoted_len = (uint16_t)rows[i].quoted_len,
                                .quoted_header_len = 20};
        assert_true(pmtu_update(&f.t, &r, 0));
        assert_int_equal(pmtu_lookup(&f.t, host(1), rows[i].link_mtu, 0).mtu, rows[i].expected);
        teardown(&f);
    }
}

static void test_a_report_without_mtu_steps_down_plateau_by_plateau(void **state)
{
    (void)state;
    struct fixture f = setup(4);
    uint32_t last = 65535;
    for (unsigned steps = 0; steps < 16; steps++) {
        struct pmtu_report r = {.destination = host(1),
                                .link_mtu = 65535,
                                .quoted_len = (uint16_t)last,
                                .quoted_header_len = 60};
        if (!pmtu_update(&f.t, &r, 0))
            break;
        uint32_t now = pmtu_lookup(&f.t, host(1), 65535, 0).mtu;
        assert_true(now < last);
        last = now;
    }
    assert_int_equal(last, 552);
    teardown(&f);
}

static void test_ATK_ICM_17_the_estimate_rises_once_in_ten_minutes_at_most(void **state)
{
    (void)state;
    struct fixture f = setup(4);
    weir_time now = 0, raised = 0;
    uint32_t last = 1500;
    unsigned raises = 0;
    for (unsigned i = 0; i < 40000; i++, now += 100 * WEIR_NS_PER_MS) { /* 67 minutes */
        uint32_t estimate = mtu(&f, host(1), now);
        if (estimate > last) {
            assert_true(raises == 0 || now - raised >= 10 * minute);
            raised = now;
            raises++;
        }
        report(&f, host(1), i % 2 == 0 ? 1400 : 1500, now);
        last = mtu(&f, host(1), now);
        assert_true(last <= estimate);
    }
    assert_true(raises <= 6);
    assert_true(raises >= 1);
    teardown(&f);
}

static void test_ATK_ICM_09_a_full_table_forgets_at_random_and_stays_bounded(void **state)
{
    (void)state;
    enum { N = 256 };
    struct fixture f = setup(N), other = setup_keyed(N, 99);
    for (uint32_t i = 0; i < N; i++) /* limit - 1, limit */
        assert_true(report(&f, host(i), 1400, 0));
    assert_int_equal(f.t.evicted, 0);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(mtu(&f, host(i), 0), 1400);
    assert_true(report(&f, host(N), 1400, 0)); /* limit + 1 */
    assert_int_equal(f.t.evicted, 1);
    /* Reports for half as many other destinations: about exp(-1/2) of the first survive, whichever
     * they were, and it is not for want of luck in one place. */
    for (uint32_t i = 1; i < N / 2; i++)
        assert_true(report(&f, host(N + i), 1400, 0));
    unsigned kept[4] = {0};
    for (uint32_t i = 0; i < N; i++)
        kept[i / (N / 4)] += mtu(&f, host(i), 0) == 1400;
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(kept[i], N / 4 * 40 / 100, N / 4 * 85 / 100);
    assert_int_equal(f.t.map.count, N);
    assert_int_equal(mtu(&f, host(N + N / 2 - 1), 0), 1400);
    /* Which destinations meet in the map depends on the key. */
    for (uint32_t i = 0; i < N; i++)
        assert_true(report(&other, host(i), 1400, 0));
    assert_memory_not_equal(f.t.map.slots, other.t.map.slots, sizeof f.t.map.slots[0] * N);
    teardown(&f);
    teardown(&other);
}

static void test_what_has_run_out_makes_room_first(void **state)
{
    (void)state;
    enum { N = 256 };
    struct fixture f = setup(N);
    for (uint32_t i = 0; i < N; i++)
        assert_true(report(&f, host(i), 1400, i % 2 == 0 ? 0 : 5 * minute));
    for (uint32_t i = 0; i < N / 4; i++)
        assert_true(report(&f, host(N + i), 1300, 11 * minute));
    /* Of two at random the one that has run out: a quarter to two fifths of the time both are
     * alive. Of one at random, half to three fifths of the time it would be: 35. */
    assert_in_range(f.t.evicted, 8, 28);
    for (uint32_t i = 0; i < N / 4; i++)
        report(&f, host(2 * N + i), 1300, 30 * minute); /* now all of the first have run out */
    assert_in_range(f.t.evicted, 8, 28);
    teardown(&f);
}

/* ---- against a naive table that never runs out of room ---- */

static void test_answers_agree_with_a_naive_table(void **state)
{
    (void)state;
    enum { N = 64 };
    struct fixture f = setup(N);
    struct rng rng = rng_make(4);
    uint32_t value[N];
    weir_time since[N];
    weir_time now = 0;
    for (unsigned i = 0; i < N; i++)
        value[i] = 1500, since[i] = -11 * minute;
    for (unsigned step = 0; step < 20000; step++) {
        now += (weir_time)rng_below(&rng, (uint64_t)minute / 4);
        uint32_t i = (uint32_t)rng_below(&rng, N);
        uint32_t current = now - since[i] < 10 * minute ? value[i] : 1500;
        assert_int_equal(mtu(&f, host(i), now), current);
        uint32_t reported = (uint32_t)rng_between(&rng, 560, 1600);
        assert_int_equal(report(&f, host(i), reported, now), reported < current);
        if (reported < current)
            value[i] = reported, since[i] = now;
    }
    assert_int_equal(f.t.evicted, 0);
    teardown(&f);
}

/* ---- what a report claims, before it is believed ---- */

static void test_a_claim_is_what_the_estimate_would_become(void **state)
{
    (void)state;
    static const char *const to[] = {"10.0.0.1", "2001:db8::1"};
    struct rng rng = rng_make(8);
    for (unsigned round = 0; round < 4000; round++) {
        struct fixture f = setup(1);
        struct weir_addr destination = addr(to[round % 2]);
        struct pmtu_report r = {.destination = destination,
                                .mtu = (uint32_t)rng_between(&rng, 0, 1600),
                                .link_mtu = 1500,
                                .quoted_len = (uint16_t)rng_between(&rng, 60, 1500),
                                .quoted_header_len = 20};
        if (round % 8 < 2)
            r.mtu = 0;
        uint64_t ignored = f.t.ignored, decreased = f.t.decreased;
        struct pmtu_claim claim = pmtu_claimed(&f.t, &r, 1500);
        assert_true(f.t.ignored == ignored && f.t.decreased == decreased); /* nothing was changed */
        bool fell = pmtu_update(&f.t, &r, 0);
        struct pmtu now = pmtu_lookup(&f.t, destination, 1500, 0);
        assert_int_equal(fell, claim.mtu < 1500);
        if (fell)
            assert_int_equal(now.mtu, claim.mtu);
        if (fell && round % 2 == 0)
            assert_int_equal(now.below_floor, claim.below_floor);
        if (r.mtu != 0)
            assert_int_equal(claim.told, r.mtu);
        assert_true(claim.told > 0 && (claim.told >= claim.mtu || claim.below_floor));
        teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_limit_is_between_1_and_65536),
        cmocka_unit_test(test_nothing_reported_means_the_mtu_of_the_link_for_ever),
        cmocka_unit_test(test_a_decrease_is_believed_for_ten_minutes),
        cmocka_unit_test(test_a_link_smaller_than_the_estimate_decides),
        cmocka_unit_test(test_time_near_its_end_does_not_wrap),
        cmocka_unit_test(test_ATK_ICM_04_the_floor_over_ip4_is_552),
        cmocka_unit_test(test_a_path_at_the_floor_learns_once_that_it_is_smaller_yet),
        cmocka_unit_test(test_ATK_ICM_05_the_floor_over_ip6_is_1280),
        cmocka_unit_test(test_an_mtu_of_0_means_the_next_plateau),
        cmocka_unit_test(test_a_report_without_mtu_steps_down_plateau_by_plateau),
        cmocka_unit_test(test_ATK_ICM_17_the_estimate_rises_once_in_ten_minutes_at_most),
        cmocka_unit_test(test_ATK_ICM_09_a_full_table_forgets_at_random_and_stays_bounded),
        cmocka_unit_test(test_what_has_run_out_makes_room_first),
        cmocka_unit_test(test_answers_agree_with_a_naive_table),
        cmocka_unit_test(test_a_claim_is_what_the_estimate_would_become),
    };
    return cmocka_run_group_tests_name("pmtu", tests, NULL, NULL);
}
