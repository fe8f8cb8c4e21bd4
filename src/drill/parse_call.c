/* SPDX-License-Identifier: MIT
 * System calls: their arguments, which are values within values, and their results. */
#include <netinet/in.h>
#include <string.h>

#include "drill/parse.h"
#include "drill/symbols.h"

static bool parse_value(struct lex *l, struct script_value **value);

static struct script_value *value_new(struct lex *l, enum script_value_kind kind)
{
    struct script_value *value = lex_alloc(l, sizeof *value);
    if (value != NULL)
        value->kind = kind;
    return value;
}

/* One of the terms between | signs. */
static bool parse_term(struct lex *l, int64_t *number)
{
    char word[LEX_WORD_MAX];
    if (lex_number(l, number))
        return true;
    if (!lex_word(l, word))
        return lex_fail(l, "a value should be here");
    if (symbol_number(word, number))
        return true;
    return lex_fail(l, "'%s' is not known", word);
}

static bool parse_number(struct lex *l, int64_t *number)
{
    if (!parse_term(l, number))
        return false;
    while (lex_takes(l, "|")) {
        int64_t more;
        if (!parse_term(l, &more))
            return false;
        *number |= more;
    }
    return true;
}

/* htons(8080): ports are numbers here; inet_addr("10.0.0.1"), inet_pton(AF_INET6, "::1", ...):
 * addresses are texts. */
static bool parse_function(struct lex *l, struct script_value **value, bool *found)
{
    static const char *const number[] = {"htons", "ntohs", "htonl", "ntohl"};
    *found = true;
    for (unsigned i = 0; i < sizeof number / sizeof number[0]; i++)
        if (lex_takes_word(l, number[i]))
            return (*value = value_new(l, SCRIPT_NUMBER)) != NULL && lex_needs(l, "(") &&
                   parse_number(l, &(*value)->number) && lex_needs(l, ")");
    bool pton = lex_takes_word(l, "inet_pton");
    *found = pton || lex_takes_word(l, "inet_addr");
    if (!*found)
        return true;
    int64_t family;
    *value = value_new(l, SCRIPT_TEXT);
    return *value != NULL && lex_needs(l, "(") &&
           (!pton || (parse_number(l, &family) && lex_needs(l, ","))) &&
           lex_needs_text(l, &(*value)->text, &(*value)->text_len) && lex_needs(l, ")");
}

/* "name =" or ".name(16) =" before a member; NULL: the member has none. */
static bool parse_name(struct lex *l, const char **name)
{
    struct lex saved = *l;
    char word[LEX_WORD_MAX];
    int64_t ignored;
    *name = NULL;
    (void)(!lex_sees(l, "...") && lex_takes(l, "."));
    if (lex_word(l, word)) {
        bool sized = !lex_takes(l, "(") || ((lex_takes(l, "...") || lex_number(l, &ignored)) &&
                                            lex_takes(l, ")"));
        if (sized && lex_takes(l, "=")) {
            *name = lex_keep(l, word, strlen(word));
            return *name != NULL;
        }
    }
    if (l->script->error_line == 0)
        *l = saved;
    return l->script->error_line == 0;
}

/* Values separated by commas, up to `close`; `named`: they may have names. */
static bool parse_values(struct lex *l, const char *close, bool named, struct script_value **first)
{
    if (lex_takes(l, close))
        return true;
    do {
        const char *name = NULL;
        if ((named && !parse_name(l, &name)) || !parse_value(l, first))
            return false;
        (*first)->name = name;
        first = &(*first)->next;
    } while (lex_takes(l, ","));
    return lex_needs(l, close);
}

static bool parse_inner(struct lex *l, enum script_value_kind kind, struct script_value **value)
{
    if (l->depth == SCRIPT_DEPTH_MAX)
        return lex_fail(l, "more than %d values within each other", SCRIPT_DEPTH_MAX);
    *value = value_new(l, kind);
    if (*value == NULL)
        return false;
    l->depth++;
    bool good = parse_values(l, kind == SCRIPT_LIST ? "]" : "}", kind == SCRIPT_STRUCT,
                             &(*value)->first);
    l->depth--;
    return good;
}

static bool parse_value(struct lex *l, struct script_value **value)
{
    bool found;
    if (lex_takes(l, "..."))
        return (*value = value_new(l, SCRIPT_ELLIPSIS)) != NULL;
    if (lex_takes(l, "["))
        return parse_inner(l, SCRIPT_LIST, value);
    if (lex_takes(l, "{"))
        return parse_inner(l, SCRIPT_STRUCT, value);
    if (lex_sees(l, "\"")) {
        *value = value_new(l, SCRIPT_TEXT);
        return *value != NULL && lex_needs_text(l, &(*value)->text, &(*value)->text_len);
    }
    (void)lex_takes(l, "&");
    if (!parse_function(l, value, &found) || found)
        return found && l->script->error_line == 0;
    *value = value_new(l, SCRIPT_NUMBER);
    return *value != NULL && parse_number(l, &(*value)->number);
}

/* "(Operation now in progress)" behind a result says nothing. */
static bool skip_remark(struct lex *l)
{
    if (!lex_takes(l, "("))
        return true;
    while (l->p < l->end && *l->p != ')' && *l->p != '\n')
        l->p++;
    return lex_needs(l, ")");
}

static bool parse_result(struct lex *l, struct script_call *call)
{
    char word[LEX_WORD_MAX];
    if (lex_takes(l, "?")) {
        call->any_result = true;
        return true;
    }
    if (!parse_number(l, &call->result))
        return false;
    struct lex saved = *l;
    if (call->result == -1 && lex_word(l, word)) {
        call->error = symbol_errno(word);
        if (call->error == 0) {
            *l = saved;
            return lex_fail(l, "'%s' is no error that is known", word);
        }
    }
    return skip_remark(l);
}

bool parse_call(struct lex *l, struct script_call **call)
{
    char word[LEX_WORD_MAX];
    *call = lex_alloc(l, sizeof **call);
    if (*call == NULL || !lex_word(l, word))
        return lex_fail(l, "a packet, a call or %%{ should be here");
    (*call)->name = lex_keep(l, word, strlen(word));
    return (*call)->name != NULL && lex_needs(l, "(") &&
           parse_values(l, ")", false, &(*call)->args) && lex_needs(l, "=") &&
           parse_result(l, *call);
}
