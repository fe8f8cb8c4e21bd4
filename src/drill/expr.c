/* SPDX-License-Identifier: MIT */
#include "drill/expr.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { EXPR_DEPTH_MAX = 64 };

struct expr {
    const char *p;
    const struct expr_names *names;
    bool check, broken;
    unsigned depth, parens; /* line ends are spaces inside parentheses */
    char *why;              /* the fault; until there is one, the names that were read */
    size_t size, len;
};

static int64_t parse_or(struct expr *e);

__attribute__((format(printf, 2, 3))) static int64_t broken(struct expr *e, const char *format, ...)
{
    va_list args;
    if (!e->broken && e->size > 0) {
        va_start(args, format);
        vsnprintf(e->why, e->size, format, args);
        va_end(args);
    }
    e->broken = true;
    return 0;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static void space(struct expr *e)
{
    for (;; e->p++) {
        if (*e->p == '#')
            e->p += strcspn(e->p, "\n");
        bool line = *e->p == '\n' && e->parens > 0;
        if (!line && *e->p != ' ' && *e->p != '\t' && *e->p != '\r' &&
            !(e->p[0] == '\\' && e->p[1] == '\n'))
            return;
        e->p += *e->p == '\\';
    }
}

/* Pass `what` unless `unless` follows it (a longer operator). */
static bool takes(struct expr *e, const char *what, const char *unless)
{
    size_t len = strlen(what);
    space(e);
    if (strncmp(e->p, what, len) != 0 || (e->p[len] != '\0' && strchr(unless, e->p[len]) != NULL))
        return false;
    e->p += len;
    return true;
}

static bool takes_word(struct expr *e, const char *what)
{
    size_t len = strlen(what);
    space(e);
    if (strncmp(e->p, what, len) != 0 || letter(e->p[len]) || digit(e->p[len]))
        return false;
    e->p += len;
    return true;
}

static bool needs(struct expr *e, const char *what)
{
    if (takes(e, what, ""))
        return true;
    broken(e, "'%s' should be where '%.10s' is", what, e->p);
    return false;
}

/* ---- values ---- */

/* All arithmetic is that of 64 bits, going round. */
static int64_t wrap(uint64_t v)
{
    return (int64_t)v;
}

static int64_t parse_number(struct expr *e)
{
    uint64_t value = 0, base = 10;
    if (e->p[0] == '0' && (e->p[1] == 'x' || e->p[1] == 'X')) {
        base = 16;
        e->p += 2;
    }
    for (;; e->p++) {
        char c = *e->p;
        unsigned v = digit(c)               ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                            : 99;
        if (c == '_')
            continue;
        if (v >= base)
            break;
        value = value * base + v;
    }
    if (letter(*e->p) || *e->p == '.')
        return broken(e, "only whole numbers are understood");
    return wrap(value);
}

static int64_t parse_function(struct expr *e, const char *name)
{
    bool is_abs = strcmp(name, "abs") == 0 || strcmp(name, "int") == 0;
    bool is_min = strcmp(name, "min") == 0;
    e->parens++;
    int64_t value = parse_or(e);
    if (strcmp(name, "abs") == 0 && value < 0)
        value = wrap(-(uint64_t)value);
    while (!is_abs && takes(e, ",", "")) {
        int64_t other = parse_or(e);
        value = (other < value) == is_min ? other : value;
    }
    needs(e, ")");
    e->parens--;
    return value;
}

/* Remember what a name was, for the message. */
static void note(struct expr *e, const char *name, int64_t value)
{
    if (e->broken || e->check || e->len >= e->size)
        return;
    int n = snprintf(e->why + e->len, e->size - e->len, "%s%s = %" PRId64, e->len > 0 ? ", " : "",
                     name, value);
    e->len = n > 0 && (size_t)n < e->size - e->len ? e->len + (size_t)n : e->size;
}

/* A name, which is next. */
static bool take_name(struct expr *e, char name[EXPR_NAME_MAX])
{
    size_t len = 0;
    while (letter(e->p[len]) || digit(e->p[len]))
        len++;
    if (len >= EXPR_NAME_MAX) {
        broken(e, "a name of more than %d letters", EXPR_NAME_MAX - 1);
        return false;
    }
    memcpy(name, e->p, len);
    name[len] = '\0';
    e->p += len;
    return true;
}

/* Where what was assigned to a name is; NULL: nothing was. */
static int64_t *variable(const struct expr *e, const char *name)
{
    struct expr_variables *v = e->names->variables;
    for (unsigned i = 0; v != NULL && i < v->count; i++)
        if (strcmp(v->item[i].name, name) == 0)
            return &v->item[i].value;
    return NULL;
}

static int64_t parse_name(struct expr *e)
{
    char name[EXPR_NAME_MAX];
    int64_t value = 0;
    if (!take_name(e, name))
        return 0;
    if (takes(e, "(", "")) {
        if (strcmp(name, "abs") == 0 || strcmp(name, "int") == 0 || strcmp(name, "min") == 0 ||
            strcmp(name, "max") == 0)
            return parse_function(e, name);
        return broken(e, "there is no function '%s'", name);
    }
    const int64_t *assigned = variable(e, name);
    if (assigned != NULL)
        value = *assigned;
    else if (!e->names->value(e->names->ctx, name, &value))
        return broken(e, "there is no '%s'", name);
    note(e, name, value);
    return value;
}

static int64_t parse_unary(struct expr *e)
{
    int64_t value;
    if (e->broken)
        return 0;
    if (e->depth == EXPR_DEPTH_MAX)
        return broken(e, "more than %d within each other", EXPR_DEPTH_MAX);
    e->depth++;
    if (takes(e, "-", "")) {
        value = wrap(-(uint64_t)parse_unary(e));
    } else if (takes(e, "+", "")) {
        value = parse_unary(e);
    } else if (takes(e, "(", "")) {
        e->parens++;
        value = parse_or(e);
        needs(e, ")");
        e->parens--;
    } else if (digit(*e->p)) {
        value = parse_number(e);
    } else if (letter(*e->p)) {
        value = parse_name(e);
    } else {
        value = broken(e, "a value should be where '%.10s' is", e->p);
    }
    e->depth--;
    return value;
}

/* Rounded down, as Python does. */
static int64_t divide(struct expr *e, int64_t a, int64_t b, bool rest)
{
    if (b == 0)
        return e->check ? 0 : broken(e, "a division by zero");
    if (b == -1)
        return rest ? 0 : wrap(-(uint64_t)a);
    int64_t quotient = a / b - (a % b != 0 && (a < 0) != (b < 0));
    return rest ? a - quotient * b : quotient;
}

static int64_t parse_product(struct expr *e)
{
    int64_t value = parse_unary(e);
    while (!e->broken) {
        if (takes(e, "*", "*"))
            value = wrap((uint64_t)value * (uint64_t)parse_unary(e));
        else if (takes(e, "//", "") || takes(e, "/", ""))
            value = divide(e, value, parse_unary(e), false);
        else if (takes(e, "%", ""))
            value = divide(e, value, parse_unary(e), true);
        else
            break;
    }
    return value;
}

static int64_t parse_sum(struct expr *e)
{
    int64_t value = parse_product(e);
    while (!e->broken) {
        if (takes(e, "+", ""))
            value = wrap((uint64_t)value + (uint64_t)parse_product(e));
        else if (takes(e, "-", ""))
            value = wrap((uint64_t)value - (uint64_t)parse_product(e));
        else
            break;
    }
    return value;
}

static int64_t parse_shift(struct expr *e)
{
    int64_t value = parse_sum(e);
    while (!e->broken) {
        bool left = takes(e, "<<", "");
        if (!left && !takes(e, ">>", ""))
            break;
        int64_t by = parse_sum(e);
        if (by < 0 || by > 63)
            return e->check ? 0 : broken(e, "a shift by %" PRId64, by);
        value = left ? wrap((uint64_t)value << by) : value >> by;
    }
    return value;
}

static int64_t parse_bits(struct expr *e, unsigned level)
{
    static const char *const operators[] = {"|", "^", "&"};
    if (level == sizeof operators / sizeof operators[0])
        return parse_shift(e);
    int64_t value = parse_bits(e, level + 1);
    while (!e->broken && takes(e, operators[level], "")) {
        int64_t other = parse_bits(e, level + 1);
        value = level == 0 ? value | other : level == 1 ? value ^ other : value & other;
    }
    return value;
}

/* a < b <= c: each pair must hold. */
static int64_t parse_comparison(struct expr *e)
{
    static const char *const operators[] = {"==", "!=", "<=", ">=", "<", ">"};
    int64_t left = parse_bits(e, 0);
    bool holds = true, any = false;
    while (!e->broken) {
        unsigned i = 0;
        while (i < 6 && !takes(e, operators[i], ""))
            i++;
        if (i == 6)
            break;
        int64_t right = parse_bits(e, 0);
        const bool result[] = {left == right, left != right, left <= right,
                               left >= right, left < right,  left > right};
        holds &= result[i];
        any = true;
        left = right;
    }
    return any ? holds : left;
}

static int64_t parse_not(struct expr *e)
{
    unsigned nots = 0;
    while (takes_word(e, "not"))
        nots++;
    int64_t value = parse_comparison(e);
    return nots == 0 ? value : (nots % 2 == 1) == (value == 0);
}

/* What stands behind an operator that is decided is read and not reckoned: it may divide by zero. */
static int64_t parse_other(struct expr *e, bool decided, int64_t (*parse)(struct expr *e))
{
    bool check = e->check;
    e->check |= decided;
    int64_t value = parse(e);
    e->check = check;
    return value;
}

static int64_t parse_and(struct expr *e)
{
    int64_t value = parse_not(e);
    while (!e->broken && takes_word(e, "and")) {
        int64_t other = parse_other(e, value == 0, parse_not);
        value = value != 0 ? other : value;
    }
    return value;
}

static int64_t parse_or(struct expr *e)
{
    int64_t value = parse_and(e);
    while (!e->broken && takes_word(e, "or")) {
        int64_t other = parse_other(e, value != 0, parse_and);
        value = value != 0 ? value : other;
    }
    return value;
}

/* ---- statements ---- */

static bool skip_text(struct expr *e)
{
    space(e);
    char quote = *e->p;
    if (quote != '"' && quote != '\'')
        return false;
    const char *end = strchr(e->p + 1, quote);
    if (end == NULL)
        broken(e, "a text does not end");
    else
        e->p = end + 1;
    return true;
}

/* Texts and values in any number, up to the parenthesis. */
static void parse_print(struct expr *e)
{
    if (!needs(e, "("))
        return;
    e->parens++;
    while (!e->broken && !takes(e, ")", "")) {
        if (!skip_text(e))
            (void)parse_or(e);
        if (!takes(e, ",", "") && !takes(e, "%", "") && *e->p != ')' && !e->broken)
            broken(e, "')' should be where '%.10s' is", e->p);
    }
    e->parens--;
}

static enum expr_result parse_assert(struct expr *e)
{
    char names[400];
    const char *from = e->p;
    e->len = 0;
    if (e->size > 0)
        e->why[0] = '\0';
    int64_t value = parse_or(e);
    const char *to = e->p;
    if (e->broken)
        return EXPR_BROKEN;
    size_t keep = e->len;
    snprintf(names, sizeof names, "%s", e->why);
    if (takes(e, ",", "") && !skip_text(e))
        (void)parse_or(e);
    e->len = keep;
    if (e->broken)
        return EXPR_BROKEN;
    if (value != 0 || e->check)
        return EXPR_HOLDS;
    while (to > from && (to[-1] == ' ' || to[-1] == '\n' || to[-1] == '\r'))
        to--;
    while (*from == ' ')
        from++;
    snprintf(e->why, e->size, "%.*s does not hold%s%s", (int)(to - from), from,
             names[0] != '\0' ? ": " : "", names);
    return EXPR_FAILS;
}

static void parse_assignment(struct expr *e)
{
    char name[EXPR_NAME_MAX];
    const char *from = e->p;
    struct expr_variables *v = e->names->variables;
    if (!letter(*e->p) || !take_name(e, name) || !takes(e, "=", "=") || v == NULL) {
        broken(e, "a statement is assert, print, pass or NAME = VALUE, not '%.10s'", from);
        return;
    }
    int64_t value = parse_or(e), *old = variable(e, name);
    if (e->broken)
        return;
    if (old == NULL && v->count == EXPR_VARIABLES_MAX) {
        broken(e, "more than %d names", EXPR_VARIABLES_MAX);
        return;
    }
    if (old == NULL) {
        memcpy(v->item[v->count].name, name, sizeof name);
        old = &v->item[v->count++].value;
    }
    *old = value;
}

enum expr_result expr_run(const char *code, const struct expr_names *names, bool check, char *why,
                          size_t size)
{
    struct expr e = {.p = code, .names = names, .check = check, .why = why, .size = size};
    if (size > 0)
        why[0] = '\0';
    for (;;) {
        enum expr_result result = EXPR_HOLDS;
        for (space(&e); *e.p == '\n' || *e.p == ';'; space(&e))
            e.p++;
        if (*e.p == '\0')
            return EXPR_HOLDS;
        if (takes_word(&e, "assert"))
            result = parse_assert(&e);
        else if (takes_word(&e, "print"))
            parse_print(&e);
        else if (!takes_word(&e, "pass"))
            parse_assignment(&e);
        space(&e);
        if (result == EXPR_HOLDS && !e.broken && *e.p != '\n' && *e.p != ';' && *e.p != '\0')
            broken(&e, "a statement should end where '%.10s' is", e.p);
        if (e.broken || result != EXPR_HOLDS)
            return e.broken ? EXPR_BROKEN : result;
    }
}
