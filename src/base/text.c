/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include "base/check.h"

struct text text_begin(char *buf, size_t size)
{
    CHECK(NULL, buf != NULL && size > 0);
    buf[0] = '\0';
    return (struct text){.buf = buf, .size = size};
}

void text_char(struct text *t, char c)
{
    CHECK(NULL, t->len < t->size);
    if (t->len + 1 == t->size) {
        t->cut = true;
        return;
    }
    t->buf[t->len++] = c;
    t->buf[t->len] = '\0';
}

void text_str(struct text *t, const char *s)
{
    while (*s != '\0')
        text_char(t, *s++);
}

static void text_radix(struct text *t, uint64_t v, unsigned radix, unsigned digits_min)
{
    char digits[20]; /* 2^64 in decimal; hexadecimal needs fewer */
    unsigned n = 0;
    do {
        digits[n++] = "0123456789abcdef"[v % radix];
        v /= radix;
    } while (v != 0);
    for (unsigned i = n; i < digits_min; i++)
        text_char(t, '0');
    while (n > 0)
        text_char(t, digits[--n]);
}

void text_u64(struct text *t, uint64_t v)
{
    text_radix(t, v, 10, 1);
}

void text_i64(struct text *t, int64_t v)
{
    if (v < 0)
        text_char(t, '-');
    text_radix(t, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, 1);
}

void text_u64_pad(struct text *t, uint64_t v, unsigned digits)
{
    text_radix(t, v, 10, digits);
}

void text_hex(struct text *t, uint64_t v, unsigned digits)
{
    text_radix(t, v, 16, digits);
}

void text_hex_bytes(struct text *t, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        text_radix(t, p[i], 16, 2);
}
