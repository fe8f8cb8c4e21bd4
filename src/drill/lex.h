/* SPDX-License-Identifier: MIT
 * The smallest parts of a script. What is no part of the language is skipped before each: spaces,
 * and comments of three kinds: to the end of the line behind # and behind two slashes, and as in C. */
#ifndef WEIR_DRILL_LEX_H
#define WEIR_DRILL_LEX_H

#include "drill/script.h"

struct lex {
    struct script *script;
    const char *p, *end;
    unsigned line;
    unsigned depth; /* of values within values */
};

enum { LEX_WORD_MAX = 64 };

/* Note what is wrong, here; the first one stays. Answers false. */
__attribute__((format(printf, 2, 3))) bool lex_fail(struct lex *l, const char *format, ...);

/* Skip what is skipped. */
void lex_space(struct lex *l);
bool lex_at_end(struct lex *l);

/* Is `what` next; and if so, pass it? No space is skipped inside. */
bool lex_sees(struct lex *l, const char *what);
bool lex_takes(struct lex *l, const char *what);
/* The same, and an error if it is not. */
bool lex_needs(struct lex *l, const char *what);

/* A word of letters, digits and _ that does not begin with a digit; false, and nothing passed: there
 * is none. Too long: an error. */
bool lex_word(struct lex *l, char word[LEX_WORD_MAX]);
/* Pass the word `what`, if that is the next one. */
bool lex_takes_word(struct lex *l, const char *what);

/* A whole number, decimal or 0x, with or without a sign; false without an error when none is next. */
bool lex_number(struct lex *l, int64_t *number);
/* The same within a range; an error if there is none. */
bool lex_needs_number(struct lex *l, const char *what, int64_t low, int64_t high, int64_t *number);

/* Seconds with up to nine decimals, "1", ".25"; an error if there are none. */
bool lex_needs_time(struct lex *l, weir_time *time);

/* A text in double quotes with the escapes of C; an error if there is none. */
bool lex_needs_text(struct lex *l, const char **text, size_t *len);

/* A copy in the script's memory; NULL, and an error: there is none. */
char *lex_keep(struct lex *l, const char *text, size_t len);
void *lex_alloc(struct lex *l, size_t size);

#endif
