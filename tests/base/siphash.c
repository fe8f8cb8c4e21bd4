/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/rng.h"
#include "base/siphash.h"

/* The key 00 01 .. 0f of the paper's appendix A and of the official vectors. */
static const struct sip_key key_0_to_15 = {UINT64_C(0x0706050403020100),
                                           UINT64_C(0x0f0e0d0c0b0a0908)};

static void fill_0_1_2(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)i;
}

/* SipHash-c-d again, as plainly as the paper's section 2 says it: the message is padded into words
 * first, byte by byte, and one round is figure 2.1 in the order it is drawn. */
static uint64_t rotated(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void naive_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotated(v[1], 13);
    v[1] ^= v[0];
    v[0] = rotated(v[0], 32);
    v[2] += v[3];
    v[3] = rotated(v[3], 16);
    v[3] ^= v[2];
    v[0] += v[3];
    v[3] = rotated(v[3], 21);
    v[3] ^= v[0];
    v[2] += v[1];
    v[1] = rotated(v[1], 17);
    v[1] ^= v[2];
    v[2] = rotated(v[2], 32);
}

static uint64_t naive_siphash(unsigned c, unsigned d, const struct sip_key *key, const uint8_t *p,
                              size_t n)
{
    uint8_t padded[512] = {0};
    size_t words = n / 8 + 1;
    assert_true(words * 8 <= sizeof padded);
    for (size_t i = 0; i < n; i++)
        padded[i] = p[i];
    padded[words * 8 - 1] = (uint8_t)(n % 256);
    uint64_t v[4];
    memcpy(v,
           (const uint64_t[4]){0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261,
                               0x7465646279746573},
           sizeof v);
    for (unsigned i = 0; i < 4; i++)
        v[i] ^= i % 2 == 0 ? key->k0 : key->k1;
    for (size_t w = 0; w < words; w++) {
        uint64_t m = 0;
        for (unsigned i = 0; i < 8; i++)
            m += (uint64_t)padded[w * 8 + i] << (8 * i);
        v[3] ^= m;
        for (unsigned i = 0; i < c; i++)
            naive_round(v);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    for (unsigned i = 0; i < d; i++)
        naive_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Appendix A of the paper. */
static void test_siphash_2_4_gives_the_papers_example(void **state)
{
    (void)state;
    uint8_t in[15];
    fill_0_1_2(in, sizeof in);
    assert_true(siphash24(&key_0_to_15, in, sizeof in) == UINT64_C(0xa129ca6149be45e5));
}

/* The authors' vectors for 64 bits: key 00 .. 0f, inputs 00 01 02 .., outputs as bytes. */
static void test_siphash_2_4_gives_the_official_vectors(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        uint8_t out[8];
    } rows[] = {{0, {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}},
                {1, {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74}},
                {2, {0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d}},
                {3, {0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85}},
                {4, {0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf}},
                {5, {0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18}},
                {6, {0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb}},
                {7, {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab}},
                {8, {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93}},
                {9, {0xb0, 0xe4, 0xa9, 0x0b, 0xdf, 0x82, 0x00, 0x9e}},
                {10, {0xf3, 0xb9, 0xdd, 0x94, 0xc5, 0xbb, 0x5d, 0x7a}},
                {11, {0xa7, 0xad, 0x6b, 0x22, 0x46, 0x2f, 0xb3, 0xf4}},
                {12, {0xfb, 0xe5, 0x0e, 0x86, 0xbc, 0x8f, 0x1e, 0x75}},
                {13, {0x90, 0x3d, 0x84, 0xc0, 0x27, 0x56, 0xea, 0x14}},
                {14, {0xee, 0xf2, 0x7a, 0x8e, 0x90, 0xca, 0x23, 0xf7}},
                {15, {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1}},
                {62, {0x57, 0x5f, 0xf2, 0x8e, 0x60, 0x38, 0x1b, 0xe5}},
                {63, {0x72, 0x45, 0x06, 0xeb, 0x4c, 0x32, 0x8a, 0x95}}};
    uint8_t in[64];
    fill_0_1_2(in, sizeof in);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t want = 0;
        for (unsigned k = 0; k < 8; k++)
            want |= (uint64_t)rows[i].out[k] << (8 * k);
        assert_true(siphash24(&key_0_to_15, in, rows[i].n) == want);
    }
}

/* Answers of another implementation: CPython 3.11 hashes bytes by SipHash-1-3, and PYTHONHASHSEED=0
 * makes its key zero: hash(bytes(range(n))). */
static void test_siphash_1_3_gives_the_answers_of_another_implementation(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        uint64_t want;
    } rows[] = {{1, UINT64_C(0x68a914128e01e473)},  {2, UINT64_C(0x010bac45c41e3669)},
                {3, UINT64_C(0x4d4c9a4a8ef6e0ad)},  {4, UINT64_C(0x7cc43f98813e4dbd)},
                {5, UINT64_C(0x5abe2169dff36275)},  {6, UINT64_C(0xe3c25f87624f1cdb)},
                {7, UINT64_C(0x2f098ab0c751325a)},  {8, UINT64_C(0xead411e67ebe2eea)},
                {9, UINT64_C(0x75927f9d95124362)},  {15, UINT64_C(0xf30eb725bb91c9ea)},
                {16, UINT64_C(0x8972188433a5c5b7)}, {17, UINT64_C(0x4883c49a2c009c1d)},
                {63, UINT64_C(0x385d3e39e5f37359)}};
    static const struct sip_key zero = {0, 0};
    uint8_t in[64];
    fill_0_1_2(in, sizeof in);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(siphash13(&zero, in, rows[i].n) == rows[i].want);
}

static void test_both_agree_with_the_definition_for_any_length_and_alignment(void **state)
{
    (void)state;
    struct rng r = rng_make(7);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t buf[300 + 8];
        size_t n = i < 300 ? i : (size_t)rng_below(&r, 300), at = (size_t)rng_below(&r, 8);
        struct sip_key key = {rng_u64(&r), rng_u64(&r)};
        rng_bytes(&r, buf, sizeof buf);
        assert_true(siphash13(&key, buf + at, n) == naive_siphash(1, 3, &key, buf + at, n));
        assert_true(siphash24(&key, buf + at, n) == naive_siphash(2, 4, &key, buf + at, n));
    }
}

static void test_every_bit_of_input_and_key_matters(void **state)
{
    (void)state;
    uint8_t in[40];
    fill_0_1_2(in, sizeof in);
    uint64_t h13 = siphash13(&key_0_to_15, in, sizeof in),
             h24 = siphash24(&key_0_to_15, in, sizeof in);
    for (unsigned bit = 0; bit < 8 * sizeof in; bit++) {
        in[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_true(siphash13(&key_0_to_15, in, sizeof in) != h13);
        assert_true(siphash24(&key_0_to_15, in, sizeof in) != h24);
        in[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (unsigned bit = 0; bit < 128; bit++) {
        struct sip_key key = key_0_to_15;
        *(bit < 64 ? &key.k0 : &key.k1) ^= UINT64_C(1) << bit % 64;
        assert_true(siphash13(&key, in, sizeof in) != h13);
        assert_true(siphash24(&key, in, sizeof in) != h24);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash_2_4_gives_the_papers_example),
        cmocka_unit_test(test_siphash_2_4_gives_the_official_vectors),
        cmocka_unit_test(test_siphash_1_3_gives_the_answers_of_another_implementation),
        cmocka_unit_test(test_both_agree_with_the_definition_for_any_length_and_alignment),
        cmocka_unit_test(test_every_bit_of_input_and_key_matters),
    };
    return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
