/* SPDX-License-Identifier: MIT
 * The checksum by AVX2 and by AVX-512, for x86-64.
 *
 * Both add vectors of 64-bit words twice: `all` takes whole words and may wrap, `high` takes their
 * upper halves and may not. The sum of the lower halves is then all - high * 2^32 modulo 2^64,
 * exactly, so three operations a vector lose no carry. In total that adds up the 32-bit words, as
 * the portable code does, and has its bound: n bytes give less than n / 4 * 2^32, which is 2^64 at
 * 16 GiB. */
#include "base/checksum_tail.h"

#include <immintrin.h>

#define AVX2   __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,bmi2")))

/* Load once: compilers like to fold the load into both of its uses, which costs two, and to see a
 * call of memcpy in a loop that copies and sums. */
#define IN_REGISTER(v) __asm__("" : "+v"(v))

/* ---- AVX2 ---- */

AVX2 static inline __m256i load256(const uint8_t *p)
{
    __m256i v = _mm256_loadu_si256((const __m256i_u *)p);
    IN_REGISTER(v);
    return v;
}

AVX2 static inline __m256i move256(uint8_t *to, const uint8_t *from)
{
    __m256i v = load256(from);
    _mm256_storeu_si256((__m256i_u *)to, v);
    return v;
}

struct sum256 {
    __m256i all, high;
};

AVX2 static inline struct sum256 zero256(void)
{
    return (struct sum256){_mm256_setzero_si256(), _mm256_setzero_si256()};
}

AVX2 static inline struct sum256 add256(struct sum256 s, __m256i v)
{
    return (struct sum256){_mm256_add_epi64(s.all, v),
                           _mm256_add_epi64(s.high, _mm256_srli_epi64(v, 32))};
}

AVX2 static inline struct sum256 both256(struct sum256 a, struct sum256 b)
{
    return (struct sum256){_mm256_add_epi64(a.all, b.all), _mm256_add_epi64(a.high, b.high)};
}

/* All lanes, both halves, in one number. */
AVX2 static inline uint64_t total256(struct sum256 s)
{
    __m256i low = _mm256_sub_epi64(s.all, _mm256_slli_epi64(s.high, 32));
    __m256i v = _mm256_add_epi64(low, s.high);
    __m128i w = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    w = _mm_add_epi64(w, _mm_unpackhi_epi64(w, w));
    return (uint64_t)_mm_cvtsi128_si64(w);
}

/* The last n < 32 bytes of a buffer that holds at least 32, and zeros for the rest. They are loaded
 * together with bytes before them, so an odd n finds them at odd places: swapped in pairs, they add
 * up to what the even places would (RFC 1071 section 2(B)). */
AVX2 static inline __m256i load_last(const uint8_t *p, size_t n)
{
    const __m256i from_end =
        _mm256_setr_epi8(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13,
                         12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m256i mine = _mm256_cmpgt_epi8(_mm256_set1_epi8((char)n), from_end);
    __m256i v = _mm256_and_si256(load256(p + n - 32), mine);
    int swap = (n & 1) != 0 ? 8 : 0;
    return _mm256_or_si256(_mm256_sll_epi16(v, _mm_cvtsi32_si128(swap)),
                           _mm256_srl_epi16(v, _mm_cvtsi32_si128(16 - swap)));
}

AVX2 static struct csum sum_avx2(const void *data, size_t n)
{
    const uint8_t *p = data;
    if (n < 32)
        return tail_fold(tail_sum(p, n));
    struct sum256 a = zero256(), b = zero256();
    for (; n >= 128; n -= 128, p += 128) {
        a = add256(a, load256(p));
        b = add256(b, load256(p + 32));
        a = add256(a, load256(p + 64));
        b = add256(b, load256(p + 96));
    }
    for (; n >= 32; n -= 32, p += 32)
        a = add256(a, load256(p));
    b = add256(b, load_last(p, n));
    return tail_fold(total256(both256(a, b)));
}

AVX2 static struct csum copy_avx2(void *restrict dst, const void *restrict src, size_t n)
{
    const uint8_t *p = src;
    uint8_t *to = dst;
    if (n < 32) {
        tail_copy(to, p, n);
        return tail_fold(tail_sum(p, n));
    }
    struct sum256 a = zero256(), b = zero256();
    for (; n >= 128; n -= 128, p += 128, to += 128) {
        a = add256(a, move256(to, p));
        b = add256(b, move256(to + 32, p + 32));
        a = add256(a, move256(to + 64, p + 64));
        b = add256(b, move256(to + 96, p + 96));
    }
    for (; n >= 32; n -= 32, p += 32, to += 32)
        a = add256(a, move256(to, p));
    b = add256(b, load_last(p, n));
    move256(to + n - 32, p + n - 32);
    return tail_fold(total256(both256(a, b)));
}

static const struct csum_ops csum_avx2 = {"avx2", sum_avx2, copy_avx2};

/* ---- AVX-512 ---- */

AVX512 static inline __m512i load512(const uint8_t *p)
{
    __m512i v = _mm512_loadu_si512(p);
    IN_REGISTER(v);
    return v;
}

AVX512 static inline __m512i move512(uint8_t *to, const uint8_t *from)
{
    __m512i v = load512(from);
    _mm512_storeu_si512(to, v);
    return v;
}

/* The first n <= 64 bytes, n > 0, then zeros. What a mask leaves out is not touched, but where it
 * lies on a page that is not there, the processor takes a hundred cycles to see so: never load an
 * empty rest. */
AVX512 static inline __m512i load_first(const uint8_t *p, size_t n)
{
    return _mm512_maskz_loadu_epi8(_bzhi_u64(~UINT64_C(0), (unsigned)n), p);
}

AVX512 static inline __m512i move_first(uint8_t *to, const uint8_t *from, size_t n)
{
    __m512i v = load_first(from, n);
    _mm512_mask_storeu_epi8(to, _bzhi_u64(~UINT64_C(0), (unsigned)n), v);
    return v;
}

struct sum512 {
    __m512i all, high;
};

AVX512 static inline struct sum512 zero512(void)
{
    return (struct sum512){_mm512_setzero_si512(), _mm512_setzero_si512()};
}

AVX512 static inline struct sum512 add512(struct sum512 s, __m512i v)
{
    return (struct sum512){_mm512_add_epi64(s.all, v),
                           _mm512_add_epi64(s.high, _mm512_srli_epi64(v, 32))};
}

AVX512 static inline struct sum512 both512(struct sum512 a, struct sum512 b)
{
    return (struct sum512){_mm512_add_epi64(a.all, b.all), _mm512_add_epi64(a.high, b.high)};
}

AVX512 static inline uint64_t total512(struct sum512 s)
{
    __m512i low = _mm512_sub_epi64(s.all, _mm512_slli_epi64(s.high, 32));
    __m512i v = _mm512_add_epi64(low, s.high);
    __m256i w = _mm256_add_epi64(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    __m128i x = _mm_add_epi64(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1));
    x = _mm_add_epi64(x, _mm_unpackhi_epi64(x, x));
    return (uint64_t)_mm_cvtsi128_si64(x);
}

AVX512 static struct csum sum_avx512(const void *data, size_t n)
{
    const uint8_t *p = data;
    struct sum512 a = zero512(), b = zero512();
    for (; n >= 256; n -= 256, p += 256) {
        a = add512(a, load512(p));
        b = add512(b, load512(p + 64));
        a = add512(a, load512(p + 128));
        b = add512(b, load512(p + 192));
    }
    for (; n >= 64; n -= 64, p += 64)
        a = add512(a, load512(p));
    if (n > 0)
        b = add512(b, load_first(p, n));
    return tail_fold(total512(both512(a, b)));
}

AVX512 static struct csum copy_avx512(void *restrict dst, const void *restrict src, size_t n)
{
    const uint8_t *p = src;
    uint8_t *to = dst;
    struct sum512 a = zero512(), b = zero512();
    if (n == 0)
        return csum_zero();
    if (n <= 64)
        return tail_fold(total512(add512(a, move_first(to, p, n))));
    for (; n >= 256; n -= 256, p += 256, to += 256) {
        a = add512(a, move512(to, p));
        b = add512(b, move512(to + 64, p + 64));
        a = add512(a, move512(to + 128, p + 128));
        b = add512(b, move512(to + 192, p + 192));
    }
    for (; n >= 64; n -= 64, p += 64, to += 64)
        a = add512(a, move512(to, p));
    if (n > 0) {
        /* A whole vector that reaches back is stored sooner than a masked one. */
        b = add512(b, load_first(p, n));
        move512(to + n - 64, p + n - 64);
    }
    return tail_fold(total512(both512(a, b)));
}

static const struct csum_ops csum_avx512 = {"avx512", sum_avx512, copy_avx512};

/* ---- Choice ---- */

/* The question covers the operating system too: that it saves the wide registers (XCR0). */
static bool have_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

static bool have_avx512(void)
{
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
           __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("bmi2") != 0;
}

unsigned csum_available(const struct csum_ops **out, unsigned max)
{
    const struct csum_ops *all[] = {&csum_portable, have_avx2() ? &csum_avx2 : NULL,
                                    have_avx512() ? &csum_avx512 : NULL};
    unsigned n = 0;
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] != NULL && n < max)
            out[n++] = all[i];
    return n;
}

const struct csum_ops *csum_best(void)
{
    return have_avx512() ? &csum_avx512 : have_avx2() ? &csum_avx2 : &csum_portable;
}
