/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/rng.h"

enum { OPS_MAX = 8 };

struct implementations {
    const struct csum_ops *ops[OPS_MAX];
    unsigned n;
};

static struct implementations all_implementations(void)
{
    struct implementations all;
    all.n = csum_available(all.ops, OPS_MAX);
    assert_in_range(all.n, 1, OPS_MAX - 1);
    return all;
}

/* RFC 1071 section 1, word by word: the one's complement sum of the 16-bit words [A,B], an odd last
 * byte as [Z,0], as a number. */
static uint16_t naive_sum(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i += 2) {
        sum += (uint32_t)p[i] * 256 + (i + 1 < n ? p[i + 1] : 0);
        if (sum > 0xffff)
            sum -= 0xffff;
    }
    return (uint16_t)sum;
}

static uint16_t finished(struct csum c)
{
    return be16_get(csum_finish(c));
}

static void assert_sum(struct csum got, const uint8_t *p, size_t n)
{
    assert_int_equal(finished(got), (uint16_t)~naive_sum(p, n));
}

static void test_portable_comes_first_and_the_best_is_available(void **state)
{
    (void)state;
    struct implementations all = all_implementations();
    bool found = false;
    assert_ptr_equal(all.ops[0], &csum_portable);
    for (unsigned i = 0; i < all.n; i++) {
        found = found || all.ops[i] == csum_best();
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(all.ops[i]->name, all.ops[k]->name);
    }
    assert_true(found);
}

static void test_no_more_implementations_are_listed_than_asked_for(void **state)
{
    (void)state;
    struct implementations all = all_implementations();
    for (unsigned max = 0; max <= all.n + 1; max++) {
        const struct csum_ops *out[OPS_MAX + 1] = {NULL};
        unsigned n = csum_available(out, max);
        assert_int_equal(n, max < all.n ? max : all.n);
        for (unsigned i = 0; i <= OPS_MAX; i++)
            assert_ptr_equal(out[i], i < n ? all.ops[i] : NULL);
    }
}

/* RFC 1071 section 3: the sum of these bytes is ddf2, also in two groups cut at an odd place. */
static void test_the_rfcs_example_sums_to_ddf2(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    struct implementations all = all_implementations();
    for (unsigned i = 0; i < all.n; i++) {
        const struct csum_ops *ops = all.ops[i];
        assert_int_equal(finished(ops->sum(bytes, 8)), (uint16_t)~0xddf2);
        for (size_t cut = 0; cut <= 8; cut++) {
            struct csum c = csum_join(ops->sum(bytes, cut), cut, ops->sum(bytes + cut, 8 - cut));
            assert_int_equal(finished(c), (uint16_t)~0xddf2);
        }
    }
}

/* One buffer through each implementation: the sum, and the copy with its sum, to another place. */
static void check_all(const struct implementations *all, const uint8_t *p, size_t n,
                      size_t dst_align)
{
    enum { MARGIN = 64 };
    static _Alignas(64) uint8_t dst[MARGIN + 64 + 4200 + MARGIN];
    uint8_t *to = dst + MARGIN + dst_align;
    uint16_t want = (uint16_t)~naive_sum(p, n);
    assert_true(MARGIN + dst_align + n + MARGIN <= sizeof dst);
    for (unsigned i = 0; i < all->n; i++) {
        memset(to - MARGIN, 0xa5, n + 2 * MARGIN);
        assert_int_equal(finished(all->ops[i]->sum(p, n)), want);
        assert_int_equal(finished(all->ops[i]->copy(to, p, n)), want);
        assert_memory_equal(to, p, n);
        for (unsigned k = 1; k <= MARGIN; k++)
            if (to[-(ptrdiff_t)k] != 0xa5 || to[n + k - 1] != 0xa5)
                fail_msg("%s copied %zu bytes and wrote outside", all->ops[i]->name, n);
    }
}

static void test_every_length_to_300_is_right_at_every_alignment(void **state)
{
    (void)state;
    static _Alignas(64) uint8_t src[64 + 300];
    struct implementations all = all_implementations();
    struct rng r = rng_make(20);
    for (size_t n = 0; n <= 300; n++) {
        rng_bytes(&r, src, sizeof src);
        for (size_t align = 0; align < 64; align += n < 80 || n % 16 == 1 ? 1 : 5)
            check_all(&all, src + align, n, (size_t)rng_below(&r, 64));
    }
}

static void test_random_lengths_to_4096_are_right_at_random_alignments(void **state)
{
    (void)state;
    static _Alignas(64) uint8_t src[64 + 4096];
    struct implementations all = all_implementations();
    struct rng r = rng_make(21);
    for (unsigned i = 0; i < 300; i++) {
        rng_bytes(&r, src, sizeof src);
        size_t n = i == 0 ? 4096 : (size_t)rng_below(&r, 4097);
        check_all(&all, src + rng_below(&r, 64), n, (size_t)rng_below(&r, 64));
    }
}

/* Bytes of 00 and ff in long runs make and break carries in every lane. */
static void test_runs_of_zeros_and_ones_carry_right(void **state)
{
    (void)state;
    static uint8_t src[2048];
    struct implementations all = all_implementations();
    struct rng r = rng_make(22);
    for (unsigned i = 0; i < 200; i++) {
        for (size_t at = 0; at < sizeof src;) {
            size_t run = (size_t)rng_between(&r, 1, 100);
            run = run < sizeof src - at ? run : sizeof src - at;
            memset(src + at, rng_chance(&r, (struct ratio){3, 4}) ? 0xff : 0x00, run);
            at += run;
        }
        check_all(&all, src + rng_below(&r, 64), (size_t)rng_below(&r, sizeof src - 63),
                  (size_t)rng_below(&r, 64));
    }
}

/* Zeros sum to +0, whose checksum is ffff; anything else of the value zero sums to -0. */
static void test_zeros_sum_to_zero_and_nothing_else_does(void **state)
{
    (void)state;
    static uint8_t src[1500];
    struct implementations all = all_implementations();
    for (size_t n = 0; n <= sizeof src; n = n * 5 / 4 + 1)
        for (unsigned i = 0; i < all.n; i++) {
            memset(src, 0, sizeof src);
            assert_int_equal(csum_fold(all.ops[i]->sum(src, n)), 0);
            if (n < 2)
                continue;
            src[n / 2 & ~(size_t)1] = 0xff;
            src[n / 2 | 1] = 0xff;
            if (n / 2 + 1 < n)
                assert_int_equal(csum_fold(all.ops[i]->sum(src, n)), 0xffff);
        }
}

/* n bytes ff are n / 2 words of -0, and one of ff00 when n is odd. */
static void test_long_buffers_of_ones_lose_no_carry(void **state)
{
    (void)state;
    static uint8_t src[(1 << 20) + 64], dst[(1 << 20) + 64];
    static const size_t lengths[] = {65535, 65536, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1};
    struct implementations all = all_implementations();
    memset(src, 0xff, sizeof src);
    for (unsigned i = 0; i < all.n; i++)
        for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
            size_t n = lengths[k], align = k * 7 % 63;
            uint16_t want = n % 2 == 0 ? 0x0000 : 0x00ff;
            assert_int_equal(finished(all.ops[i]->sum(src + align, n)), want);
            assert_int_equal(finished(all.ops[i]->copy(dst + align / 2, src + align, n)), want);
            assert_memory_equal(dst + align / 2, src + align, n);
        }
}

/* Pages that may be used, between two that may not. */
struct fenced {
    uint8_t *first;
    size_t size;
};

static struct fenced fence(size_t pages)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *p = mmap(NULL, (pages + 2) * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    assert_int_equal(mprotect(p + page, pages * page, PROT_READ | PROT_WRITE), 0);
    return (struct fenced){p + page, pages * page};
}

static void unfence(struct fenced f)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap(f.first - page, f.size + 2 * page);
}

/* A byte read or written outside faults, and the program dies. */
static void test_no_byte_outside_the_buffers_is_touched(void **state)
{
    (void)state;
    struct implementations all = all_implementations();
    struct fenced src = fence(1), dst = fence(1);
    struct rng r = rng_make(23);
    rng_bytes(&r, src.first, src.size);
    for (size_t n = 0; n <= 1100; n += n < 300 ? 1 : 37) {
        uint8_t *const from[2] = {src.first, src.first + src.size - n};
        uint8_t *const to[2] = {dst.first, dst.first + dst.size - n};
        for (unsigned i = 0; i < all.n; i++)
            for (unsigned place = 0; place < 4; place++) {
                const uint8_t *p = from[place / 2];
                assert_sum(all.ops[i]->sum(p, n), p, n);
                assert_sum(all.ops[i]->copy(to[place % 2], p, n), p, n);
                assert_memory_equal(to[place % 2], p, n);
            }
    }
    unfence(src);
    unfence(dst);
}

static void test_pieces_of_any_length_join_to_the_sum_of_the_whole(void **state)
{
    (void)state;
    uint8_t src[600];
    struct implementations all = all_implementations();
    struct rng r = rng_make(24);
    for (unsigned round = 0; round < 1000; round++) {
        rng_bytes(&r, src, sizeof src);
        size_t n = (size_t)rng_below(&r, sizeof src + 1);
        struct csum c = csum_zero();
        for (size_t at = 0; at < n;) {
            size_t piece = (size_t)rng_between(&r, 1, n - at < 90 ? n - at : 90);
            const struct csum_ops *ops = all.ops[rng_below(&r, all.n)];
            c = csum_join(c, at, ops->sum(src + at, piece));
            at += piece;
        }
        assert_sum(c, src, n);
    }
}

static void test_headers_words_and_numbers_add_to_the_same_sum(void **state)
{
    (void)state;
    struct rng r = rng_make(25);
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t src[64];
        rng_bytes(&r, src, sizeof src);
        if (round % 4 == 0)
            memset(src, 0xff, sizeof src);
        size_t n = 2 * (size_t)rng_below(&r, sizeof src / 2 + 1),
               cut = 2 * (size_t)rng_below(&r, n / 2 + 1);
        struct csum by_word = csum_zero(), by_number = csum_zero();
        for (size_t i = 0; i < n; i += 2) {
            by_word = csum_word(by_word, (be16){{src[i], src[i + 1]}});
            by_number = csum_u16(by_number, load16(src + i));
        }
        assert_sum(by_word, src, n);
        assert_sum(by_number, src, n);
        assert_sum(csum_header(csum_zero(), src, n), src, n);
        assert_sum(csum_header(csum_header(csum_zero(), src, cut), src + cut, n - cut), src, n);
    }
}

static void test_adding_brings_every_carry_round(void **state)
{
    (void)state;
    static const uint32_t values[] = {0,          1,           0xffff,      0x10000,
                                      0x7fffffff, 0x80000000U, 0xfffffffeU, 0xffffffffU};
    enum { N = sizeof values / sizeof values[0] };
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < N; k++) {
            uint64_t plain = (uint64_t)values[i] + values[k];
            uint16_t got = csum_fold(csum_add((struct csum){values[i]}, (struct csum){values[k]}));
            assert_int_equal(got % 0xffff, plain % 0xffff);
            assert_int_equal(got == 0, plain == 0);
        }
}

static void test_a_header_with_its_checksum_is_good_and_with_one_bit_changed_is_not(void **state)
{
    (void)state;
    struct implementations all = all_implementations();
    struct rng r = rng_make(26);
    for (unsigned round = 0; round < 100; round++) {
        uint8_t src[41];
        rng_bytes(&r, src, sizeof src);
        src[0] |= 0x40; /* as the version of IPv4: never all zero */
        memset(src + 10, 0, 2);
        be16 field = csum_finish(csum_portable.sum(src, sizeof src));
        memcpy(src + 10, &field, 2);
        for (unsigned i = 0; i < all.n; i++) {
            assert_true(csum_is_good(all.ops[i]->sum(src, sizeof src)));
            for (unsigned bit = 0; bit < 8 * sizeof src; bit++) {
                src[bit / 8] ^= (uint8_t)(1U << bit % 8);
                assert_false(csum_is_good(all.ops[i]->sum(src, sizeof src)));
                src[bit / 8] ^= (uint8_t)(1U << bit % 8);
            }
        }
    }
}

/* RFC 1624 section 4: the other octets sum to cd7a and 5555 becomes 3285. */
static void test_the_update_of_rfc_1624s_example_gives_plus_zero(void **state)
{
    (void)state;
    be16 updated = csum_update16(be16_make(0xdd2f), be16_make(0x5555), be16_make(0x3285));
    assert_int_equal(be16_get(updated), 0x0000);
}

/* The checksum of words whose sum, other than m, is `rest`. */
static uint16_t recomputed(uint16_t rest, uint32_t m)
{
    uint8_t words[6] = {(uint8_t)(rest >> 8), (uint8_t)rest,     (uint8_t)(m >> 24),
                        (uint8_t)(m >> 16),   (uint8_t)(m >> 8), (uint8_t)m};
    return (uint16_t)~naive_sum(words, sizeof words);
}

static void test_a_16_bit_update_equals_recomputing_for_every_new_value(void **state)
{
    (void)state;
    static const uint16_t edge[] = {0x0000, 0x0001, 0x00ff, 0x0100, 0x5555,
                                    0x7fff, 0x8000, 0xfffe, 0xffff};
    enum { N = sizeof edge / sizeof edge[0] };
    struct rng r = rng_make(27);
    for (unsigned i = 0; i < N + 3; i++) {
        uint16_t from = i < N ? edge[i] : (uint16_t)rng_u32(&r);
        for (uint32_t to = 0; to <= 0xffff; to++) {
            /* Any sum of the rest but +0; ones that make the total -0 come up often. */
            uint16_t rest = to % 3 == 0   ? (uint16_t)~to
                            : to % 3 == 1 ? (uint16_t)~from
                                          : (uint16_t)rng_u32(&r);
            rest = rest == 0 ? 0xffff : rest;
            be16 got = csum_update16(be16_make(recomputed(rest, from)), be16_make(from),
                                     be16_make((uint16_t)to));
            assert_int_equal(be16_get(got), recomputed(rest, to));
        }
    }
}

static void test_a_32_bit_update_equals_recomputing(void **state)
{
    (void)state;
    static const uint32_t edge[] = {0,           1,           0xffff,      0x10000,
                                    0x0000ffff,  0xffff0000U, 0x7fffffff,  0x80000000,
                                    0xfffefffeU, 0xfffffffeU, 0xffffffffU, 0x00010001};
    enum { N = sizeof edge / sizeof edge[0] };
    struct rng r = rng_make(28);
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t from = rng_chance(&r, (struct ratio){1, 2}) ? edge[rng_below(&r, N)] : rng_u32(&r);
        uint32_t to = rng_chance(&r, (struct ratio){1, 2}) ? edge[rng_below(&r, N)] : rng_u32(&r);
        uint16_t rest =
            (uint16_t)(i % 2 == 0 ? rng_between(&r, 1, 0xffff) : 0xfffe + rng_below(&r, 2));
        be16 got = csum_update32(be16_make(recomputed(rest, from)), be32_make(from), be32_make(to));
        assert_int_equal(be16_get(got), recomputed(rest, to));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_portable_comes_first_and_the_best_is_available),
        cmocka_unit_test(test_no_more_implementations_are_listed_than_asked_for),
        cmocka_unit_test(test_the_rfcs_example_sums_to_ddf2),
        cmocka_unit_test(test_every_length_to_300_is_right_at_every_alignment),
        cmocka_unit_test(test_random_lengths_to_4096_are_right_at_random_alignments),
        cmocka_unit_test(test_runs_of_zeros_and_ones_carry_right),
        cmocka_unit_test(test_zeros_sum_to_zero_and_nothing_else_does),
        cmocka_unit_test(test_long_buffers_of_ones_lose_no_carry),
        cmocka_unit_test(test_no_byte_outside_the_buffers_is_touched),
        cmocka_unit_test(test_pieces_of_any_length_join_to_the_sum_of_the_whole),
        cmocka_unit_test(test_headers_words_and_numbers_add_to_the_same_sum),
        cmocka_unit_test(test_adding_brings_every_carry_round),
        cmocka_unit_test(test_a_header_with_its_checksum_is_good_and_with_one_bit_changed_is_not),
        cmocka_unit_test(test_the_update_of_rfc_1624s_example_gives_plus_zero),
        cmocka_unit_test(test_a_16_bit_update_equals_recomputing_for_every_new_value),
        cmocka_unit_test(test_a_32_bit_update_equals_recomputing),
    };
    return cmocka_run_group_tests_name("checksum", tests, NULL, NULL);
}
