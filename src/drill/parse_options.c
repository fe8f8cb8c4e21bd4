/* SPDX-License-Identifier: MIT
 * TCP options by name. They become bytes at once, in the numbers of the script. */
#include <string.h>

#include "drill/parse.h"
#include "wire/tcp_options.h"

static bool append(struct lex *l, struct script_packet *p, uint8_t kind, const void *data,
                   size_t len)
{
    size_t before = p->options_len;
    size_t after =
        tcp_option_append(p->options, sizeof p->options, before, kind, data, len);
    if (after == before)
        return lex_fail(l, "more than %d bytes of options", TCP_OPTION_BYTES_MAX);
    p->options_len = (uint8_t)after;
    return true;
}

static bool needs_u32(struct lex *l, const char *what, int64_t high, uint32_t *out)
{
    int64_t number;
    if (!lex_needs_number(l, what, 0, high, &number))
        return false;
    *out = (uint32_t)number;
    return true;
}

/* "uto 30", "uto 5 min": a user timeout in seconds, or as minutes (RFC 5482 3). */
static bool parse_user_timeout(struct lex *l, struct script_packet *p)
{
    uint8_t data[2];
    uint32_t number;
    if (!needs_u32(l, "the user timeout", UINT16_MAX, &number))
        return false;
    if (lex_takes_word(l, "min")) {
        if (number >= 0x8000)
            return lex_fail(l, "15 bits hold no %u minutes", number);
        number |= 0x8000;
    }
    store16(data, (uint16_t)number);
    return append(l, p, TCP_OPT_USER_TIMEOUT, data, sizeof data);
}

/* An option that is a number of `size` bytes. */
static bool parse_number_option(struct lex *l, struct script_packet *p, uint8_t kind, size_t size)
{
    uint8_t data[4];
    uint32_t number;
    if (!needs_u32(l, "the option", (INT64_C(1) << 8 * size) - 1, &number))
        return false;
    store32(data, number << 8 * (4 - size));
    return append(l, p, kind, data, size);
}

static bool parse_timestamps(struct lex *l, struct script_packet *p)
{
    uint8_t data[8];
    uint32_t val, ecr;
    if (!lex_takes_word(l, "val") || !needs_u32(l, "val", UINT32_MAX, &val) ||
        !lex_takes_word(l, "ecr") || !needs_u32(l, "ecr", UINT32_MAX, &ecr))
        return lex_fail(l, "TS should be: TS val NUMBER ecr NUMBER");
    store32(data, val);
    store32(data + 4, ecr);
    return append(l, p, TCP_OPT_TIMESTAMPS, data, sizeof data);
}

static bool parse_sack(struct lex *l, struct script_packet *p)
{
    uint8_t data[TCP_OPTION_BYTES_MAX];
    size_t n = 0;
    do {
        uint32_t from, to;
        if (n + 8 > sizeof data)
            return lex_fail(l, "more blocks than an option holds");
        if (!needs_u32(l, "a block", UINT32_MAX, &from) || !lex_needs(l, ":") ||
            !needs_u32(l, "the end of a block", UINT32_MAX, &to))
            return false;
        store32(data + n, from);
        store32(data + n + 4, to);
        n += 8;
        lex_space(l);
    } while (l->p < l->end && *l->p >= '0' && *l->p <= '9');
    return append(l, p, TCP_OPT_SACK, data, n);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Bytes in hexadecimal to at most `size`; answers how many, or size + 1: too many, or half a byte. */
static size_t hex_bytes(struct lex *l, uint8_t *out, size_t size)
{
    size_t n = 0;
    lex_space(l);
    while (l->end - l->p >= 2 && hex_value(l->p[0]) >= 0 && hex_value(l->p[1]) >= 0) {
        if (n == size)
            return size + 1;
        out[n++] = (uint8_t)(hex_value(l->p[0]) * 16 + hex_value(l->p[1]));
        l->p += 2;
    }
    return l->p < l->end && hex_value(*l->p) >= 0 ? size + 1 : n;
}

/* "raw 0204": bytes as they are, at any place and of any sense. */
static bool parse_raw(struct lex *l, struct script_packet *p)
{
    size_t room = sizeof p->options - p->options_len;
    size_t n = hex_bytes(l, p->options + p->options_len, room);
    if (n > room || n == 0)
        return lex_fail(l, "raw should be followed by bytes in hexadecimal, and 40 of them fit");
    p->options_len = (uint8_t)(p->options_len + n);
    return true;
}

/* "TFO_COOKIE", "TFO_COOKIE2": one that the stack chooses; 0: it is none of them. */
static uint8_t parse_cookie_name(struct lex *l)
{
    static const char *const names[SCRIPT_COOKIES_MAX] = {"TFO_COOKIE", "TFO_COOKIE2",
                                                          "TFO_COOKIE3", "TFO_COOKIE4"};
    for (unsigned i = 0; i < SCRIPT_COOKIES_MAX; i++)
        if (lex_takes_word(l, names[i]))
            return (uint8_t)(i + 1);
    return 0;
}

/* "FO", "FO 1122334455667788", "FO TFO_COOKIE", FOEXP: Fast Open with its cookie. */
static bool parse_fast_open(struct lex *l, struct script_packet *p, bool experimental)
{
    uint8_t data[TCP_OPTION_BYTES_MAX];
    size_t at = experimental ? 2 : 0;
    store16(data, TCP_FAST_OPEN_MAGIC);
    uint8_t cookie = parse_cookie_name(l);
    if (cookie != 0) {
        p->cookie = cookie;
        p->cookie_at = (uint8_t)(p->options_len + 2 + at);
        memset(data + at, 0, SCRIPT_COOKIE_BYTES);
    }
    size_t n = cookie != 0 ? SCRIPT_COOKIE_BYTES : hex_bytes(l, data + at, sizeof data - at);
    if (n > sizeof data - at)
        return lex_fail(l, "a cookie should be in hexadecimal, or TFO_COOKIE");
    return append(l, p, experimental ? TCP_OPT_EXPERIMENT_2 : TCP_OPT_FAST_OPEN, data, at + n);
}

static bool parse_option(struct lex *l, struct script_packet *p)
{
    static const uint8_t digest[TCP_MD5_BYTES];
    if (lex_takes_word(l, "nop"))
        return append(l, p, TCP_OPT_NOP, NULL, 0);
    if (lex_takes_word(l, "eol"))
        return append(l, p, TCP_OPT_EOL, NULL, 0);
    if (lex_takes_word(l, "sackOK"))
        return append(l, p, TCP_OPT_SACK_PERMITTED, NULL, 0);
    if (lex_takes_word(l, "mss"))
        return parse_number_option(l, p, TCP_OPT_MSS, 2);
    if (lex_takes_word(l, "wscale"))
        return parse_number_option(l, p, TCP_OPT_WINDOW_SCALE, 1);
    if (lex_takes_word(l, "uto"))
        return parse_user_timeout(l, p);
    if (lex_takes_word(l, "TS"))
        return parse_timestamps(l, p);
    if (lex_takes_word(l, "sack"))
        return parse_sack(l, p);
    if (lex_takes_word(l, "md5"))
        return append(l, p, TCP_OPT_MD5, digest, sizeof digest);
    if (lex_takes_word(l, "FO"))
        return parse_fast_open(l, p, false);
    if (lex_takes_word(l, "FOEXP"))
        return parse_fast_open(l, p, true);
    if (lex_takes_word(l, "raw"))
        return parse_raw(l, p);
    return lex_fail(l, "an option should be here: mss, nop, eol, sackOK, sack, wscale, TS, FO, "
                       "FOEXP, md5, uto or raw");
}

bool parse_options(struct lex *l, struct script_packet *p)
{
    if (!lex_needs(l, "<"))
        return false;
    if (lex_takes(l, "...")) {
        p->any_options = true;
        return (p->out || lex_fail(l, "<...> is for packets of the stack")) && lex_needs(l, ">");
    }
    if (lex_takes(l, ">"))
        return true;
    do {
        if (!parse_option(l, p))
            return false;
    } while (lex_takes(l, ","));
    if (p->options_len % 4 != 0)
        return lex_fail(l, "%u bytes of options are no multiple of 4", p->options_len);
    return lex_needs(l, ">");
}
