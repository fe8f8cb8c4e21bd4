/* SPDX-License-Identifier: MIT
 * A line of text built in a caller's buffer, without stdio: the core prints packets on bare boards too.
 * The text is always NUL-terminated; what does not fit is cut and `cut` says so. */
#ifndef WEIR_BASE_TEXT_H
#define WEIR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *buf;
    size_t size; /* of buf, the NUL included; at least 1 */
    size_t len;  /* without the NUL */
    bool cut;
};

/* Begin an empty text in `buf` (owned by the caller, size >= 1). */
struct text text_begin(char *buf, size_t size);

void text_char(struct text *t, char c);
void text_str(struct text *t, const char *s);
void text_u64(struct text *t, uint64_t v);
void text_i64(struct text *t, int64_t v);
/* Decimal with at least `digits` digits, zeros in front. */
void text_u64_pad(struct text *t, uint64_t v, unsigned digits);
/* Lower-case hexadecimal with at least `digits` digits (no 0x). */
void text_hex(struct text *t, uint64_t v, unsigned digits);
void text_hex_bytes(struct text *t, const uint8_t *p, size_t n);

#endif
