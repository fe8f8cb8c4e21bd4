/* SPDX-License-Identifier: MIT */
#include "drill/lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Not those of ctype.h, which ask the locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool lex_fail(struct lex *l, const char *format, ...)
{
    va_list args;
    if (l->script->error_line != 0)
        return false;
    l->script->error_line = l->line;
    va_start(args, format);
    vsnprintf(l->script->error, sizeof l->script->error, format, args);
    va_end(args);
    return false;
}

static bool starts(const struct lex *l, const char *what)
{
    size_t len = strlen(what);
    return (size_t)(l->end - l->p) >= len && memcmp(l->p, what, len) == 0;
}

static void pass(struct lex *l, size_t n)
{
    for (; n > 0; n--)
        l->line += *l->p++ == '\n';
}

void lex_space(struct lex *l)
{
    while (l->p < l->end) {
        if (*l->p == ' ' || *l->p == '\t' || *l->p == '\r' || *l->p == '\n') {
            pass(l, 1);
        } else if (*l->p == '#' || starts(l, "//")) {
            while (l->p < l->end && *l->p != '\n')
                pass(l, 1);
        } else if (starts(l, "/*")) {
            while (l->p < l->end && !starts(l, "*/"))
                pass(l, 1);
            if (l->p == l->end) {
                lex_fail(l, "a comment does not end");
                return;
            }
            pass(l, 2);
        } else {
            return;
        }
    }
}

bool lex_at_end(struct lex *l)
{
    lex_space(l);
    return l->p == l->end;
}

bool lex_sees(struct lex *l, const char *what)
{
    lex_space(l);
    return starts(l, what);
}

bool lex_takes(struct lex *l, const char *what)
{
    if (!lex_sees(l, what))
        return false;
    pass(l, strlen(what));
    return true;
}

bool lex_needs(struct lex *l, const char *what)
{
    if (lex_takes(l, what))
        return true;
    if (l->p == l->end)
        return lex_fail(l, "the script ends where '%s' should be", what);
    return lex_fail(l, "'%s' should be where '%.*s' is", what, 1, l->p);
}

bool lex_word(struct lex *l, char word[LEX_WORD_MAX])
{
    size_t len = 0;
    lex_space(l);
    if (l->p == l->end || !is_word(*l->p) || is_digit(*l->p))
        return false;
    while ((size_t)(l->end - l->p) > len && is_word(l->p[len]))
        len++;
    if (len >= LEX_WORD_MAX)
        return lex_fail(l, "a word of more than %d characters", LEX_WORD_MAX - 1);
    memcpy(word, l->p, len);
    word[len] = '\0';
    pass(l, len);
    return true;
}

bool lex_takes_word(struct lex *l, const char *what)
{
    size_t len = strlen(what);
    if (!lex_sees(l, what) || ((size_t)(l->end - l->p) > len && is_word(l->p[len])))
        return false;
    pass(l, len);
    return true;
}

/* How many characters at p are one number; 0: none. */
static size_t number_len(const struct lex *l)
{
    size_t left = (size_t)(l->end - l->p), at = 0;
    if (left > 0 && (l->p[0] == '-' || l->p[0] == '+'))
        at++;
    if (at == left || !is_digit(l->p[at]))
        return 0;
    while (at < left && is_word(l->p[at]))
        at++;
    return at;
}

bool lex_number(struct lex *l, int64_t *number)
{
    lex_space(l);
    size_t len = number_len(l), at = 0;
    if (len == 0)
        return false;
    bool minus = l->p[0] == '-';
    at = l->p[0] == '-' || l->p[0] == '+';
    int base = len - at > 2 && l->p[at] == '0' && (l->p[at + 1] == 'x' || l->p[at + 1] == 'X') ? 16
                                                                                               : 10;
    uint64_t value = 0;
    for (at += base == 16 ? 2 : 0; at < len; at++) {
        int digit = hex_value(l->p[at]);
        if (digit < 0 || digit >= base)
            return lex_fail(l, "'%.*s' is no number", (int)(len < 40 ? len : 40), l->p);
        if (value > (uint64_t)INT64_MAX / 16 - 1)
            return lex_fail(l, "a number is too large");
        value = value * (uint64_t)base + (uint64_t)digit;
    }
    *number = minus ? -(int64_t)value : (int64_t)value;
    pass(l, len);
    return true;
}

bool lex_needs_number(struct lex *l, const char *what, int64_t low, int64_t high, int64_t *number)
{
    if (!lex_number(l, number))
        return lex_fail(l, "%s should be a number", what);
    if (*number < low || *number > high)
        return lex_fail(l, "%s of %lld is not in %lld to %lld", what, (long long)*number,
                        (long long)low, (long long)high);
    return true;
}

bool lex_needs_time(struct lex *l, weir_time *time)
{
    enum { SECONDS_MAX = 1000000000, DECIMALS = 9 };
    int64_t seconds = 0, part = 0;
    unsigned digits = 0, decimals = 0;
    lex_space(l);
    for (; l->p < l->end && is_digit(*l->p); digits++) {
        seconds = seconds * 10 + (*l->p - '0');
        if (seconds > SECONDS_MAX)
            return lex_fail(l, "a time of more than %d seconds", SECONDS_MAX);
        pass(l, 1);
    }
    /* A point is one of a number only before a digit: "0...0.1" is a span. */
    if (l->end - l->p >= 2 && *l->p == '.' && is_digit(l->p[1])) {
        pass(l, 1);
        for (; l->p < l->end && is_digit(*l->p); digits++) {
            if (decimals == DECIMALS)
                return lex_fail(l, "a time of more than %d decimals", DECIMALS);
            part = part * 10 + (*l->p - '0');
            decimals++;
            pass(l, 1);
        }
    }
    if (digits == 0)
        return lex_fail(l, "a time should be here");
    for (; decimals < DECIMALS; decimals++)
        part *= 10;
    *time = seconds * WEIR_NS_PER_S + part;
    return true;
}

/* One character of a text, behind its backslash if it has one. */
static bool text_char(struct lex *l, char *out)
{
    static const char from[] = "ntr0\\\"'", to[] = "\n\t\r\0\\\"'";
    if (*l->p != '\\') {
        *out = *l->p;
        pass(l, 1);
        return true;
    }
    pass(l, 1);
    if (l->p == l->end)
        return false;
    char c = *l->p;
    const char *found = memchr(from, c, sizeof from - 1);
    if (c == 'x' && l->end - l->p >= 3 && hex_value(l->p[1]) >= 0 && hex_value(l->p[2]) >= 0) {
        *out = (char)(hex_value(l->p[1]) * 16 + hex_value(l->p[2]));
        pass(l, 3);
        return true;
    }
    if (found == NULL)
        return lex_fail(l, "'\\%c' means nothing", c);
    *out = to[found - from];
    pass(l, 1);
    return true;
}

bool lex_needs_text(struct lex *l, const char **text, size_t *len)
{
    if (!lex_needs(l, "\""))
        return false;
    size_t n = 0, left = (size_t)(l->end - l->p), size = 0;
    while (size < left && l->p[size] != '"')
        size += l->p[size] == '\\' ? 2 : 1;
    char *out = lex_alloc(l, size + 1);
    if (out == NULL)
        return false;
    while (l->p < l->end && *l->p != '"') {
        if (!text_char(l, &out[n]))
            break;
        n++;
    }
    if (l->p == l->end || *l->p != '"')
        return lex_fail(l, "a text does not end");
    pass(l, 1);
    out[n] = '\0';
    *text = out;
    *len = n;
    return true;
}

void *lex_alloc(struct lex *l, size_t size)
{
    void *p = script_alloc(l->script, size);
    if (p == NULL)
        lex_fail(l, "no memory");
    return p;
}

char *lex_keep(struct lex *l, const char *text, size_t len)
{
    char *copy = lex_alloc(l, len + 1);
    if (copy != NULL && len > 0)
        memcpy(copy, text, len);
    return copy;
}
