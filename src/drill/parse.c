/* SPDX-License-Identifier: MIT
 * The whole of a script: definitions, settings, and events with their times. */
#include "drill/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct script_block {
    struct script_block *next;
    max_align_t bytes[];
};

void *script_alloc(struct script *script, size_t size)
{
    struct script_block *block = calloc(1, sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->next = script->blocks;
    script->blocks = block;
    return block->bytes;
}

void script_free(struct script *script)
{
    while (script->blocks != NULL) {
        struct script_block *block = script->blocks;
        script->blocks = block->next;
        free(block);
    }
    *script = (struct script){0};
}

/* ---- definitions ---- */

static bool word_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* What the word stands for; NULL: for itself. */
static const char *defined(const struct drill_options *options, const char *word, size_t len)
{
    for (unsigned i = 0; i < options->define_count; i++)
        if (strlen(options->define[i].name) == len &&
            memcmp(options->define[i].name, word, len) == 0)
            return options->define[i].value;
    return NULL;
}

/* Copy the text with definitions replaced to out (NULL: only count); answers its length, or more
 * than SCRIPT_BYTES_MAX. */
static size_t replace(char *out, const char *text, size_t len, const struct drill_options *options)
{
    size_t n = 0;
    for (size_t at = 0; at < len && n <= SCRIPT_BYTES_MAX;) {
        size_t end = at;
        while (end < len && word_char(text[end]))
            end++;
        const char *from = end > at ? defined(options, text + at, end - at) : NULL;
        end += end == at;
        size_t take = from != NULL ? strlen(from) : end - at;
        if (out != NULL)
            memcpy(out + n, from != NULL ? from : text + at, take);
        n += take;
        at = end;
    }
    return n;
}

static bool take_text(struct script *script, const char *text, size_t len,
                      const struct drill_options *options)
{
    size_t size = replace(NULL, text, len, options);
    if (size > SCRIPT_BYTES_MAX) {
        script->error_line = 1;
        snprintf(script->error, sizeof script->error, "more than %d bytes", SCRIPT_BYTES_MAX);
        return false;
    }
    script->text = script_alloc(script, size + 1);
    if (script->text == NULL)
        return false;
    script->len = replace(script->text, text, len, options);
    return true;
}

struct weir_ref script_line(const struct script *script, unsigned line)
{
    const char *p = script->text, *end = p + script->len;
    for (unsigned at = 1; at < line && p < end; p++)
        at += *p == '\n';
    const char *stop = p;
    while (stop < end && *stop != '\n')
        stop++;
    while (p < stop && (*p == ' ' || *p == '\t'))
        p++;
    while (stop > p && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
        stop--;
    return (struct weir_ref){(const uint8_t *)p, (size_t)(stop - p)};
}

/* ---- settings ---- */

static bool parse_setting(struct lex *l, struct script_setting **out)
{
    char word[LEX_WORD_MAX];
    struct script_setting *setting = lex_alloc(l, sizeof *setting);
    if (setting == NULL)
        return false;
    setting->line = l->line;
    if (!lex_word(l, word))
        return lex_fail(l, "the name of a setting should be behind --");
    const char *from = l->p;
    if (l->p < l->end && *l->p == '=') {
        from = ++l->p;
        while (l->p < l->end && strchr(" \t\r\n", *l->p) == NULL)
            l->p++;
    }
    setting->name = lex_keep(l, word, strlen(word));
    setting->value = lex_keep(l, from, (size_t)(l->p - from));
    if (setting->name == NULL || setting->value == NULL)
        return false;
    if (strcmp(word, "ip_version") == 0)
        l->script->ip6 |= strcmp(setting->value, "ipv6") == 0;
    *out = setting;
    return true;
}

static bool parse_settings(struct lex *l)
{
    struct script_setting **next = &l->script->settings;
    while (lex_takes(l, "--")) {
        if (!parse_setting(l, next))
            return false;
        next = &(*next)->next;
    }
    return true;
}

/* ---- events ---- */

/* "...0.2" behind the time of a call that blocks. */
static bool parse_end(struct lex *l, struct script_time *when)
{
    if (!lex_takes(l, "..."))
        return true;
    bool plus = lex_takes(l, "+");
    if (when->kind == SCRIPT_TIME_ANY)
        return lex_fail(l, "a call that blocks needs a time to begin at");
    if (!lex_needs_time(l, &when->end))
        return false;
    when->blocks = true;
    when->end_relative = when->kind == SCRIPT_TIME_RELATIVE;
    if (plus && !when->end_relative)
        when->end += when->from;
    if (when->end < when->from)
        return lex_fail(l, "the call ends before it begins");
    return true;
}

static bool parse_when(struct lex *l, struct script_time *when)
{
    if (lex_takes(l, "*")) {
        when->kind = SCRIPT_TIME_ANY;
        return true;
    }
    when->kind = lex_takes(l, "+") ? SCRIPT_TIME_RELATIVE : SCRIPT_TIME_ABSOLUTE;
    if (!lex_needs_time(l, &when->from))
        return false;
    when->to = when->from;
    if (lex_takes(l, "~")) {
        if (lex_takes(l, "+") && when->kind == SCRIPT_TIME_ABSOLUTE)
            return lex_fail(l, "a range from an absolute time to a relative one");
        if (!lex_needs_time(l, &when->to))
            return false;
        if (when->to < when->from)
            return lex_fail(l, "the range ends before it begins");
    }
    return parse_end(l, when);
}

static bool parse_code(struct lex *l, const char **code)
{
    const char *from = l->p;
    while (l->end - l->p >= 2 && memcmp(l->p, "}%", 2) != 0)
        l->line += *l->p++ == '\n';
    if (l->end - l->p < 2)
        return lex_fail(l, "%%{ is not closed by }%%");
    *code = lex_keep(l, from, (size_t)(l->p - from));
    l->p += 2;
    return *code != NULL;
}

static bool parse_event(struct lex *l, struct script_event **out)
{
    struct script_event *event = *out = lex_alloc(l, sizeof *event);
    if (event == NULL || !parse_when(l, &event->when))
        return false;
    lex_space(l);
    event->line = l->line;
    bool in = lex_takes(l, "<");
    if (in || lex_takes(l, ">")) {
        event->kind = SCRIPT_PACKET;
        if (in && event->when.kind == SCRIPT_TIME_ANY)
            return lex_fail(l, "a packet to hand in needs a time");
        return parse_packet(l, !in, &event->packet);
    }
    if (lex_takes(l, "%{")) {
        event->kind = SCRIPT_CODE;
        return parse_code(l, &event->code);
    }
    if (lex_sees(l, "`"))
        return lex_fail(l, "commands of the shell are not run; settings are lines of --name=value");
    event->kind = SCRIPT_CALL;
    return parse_call(l, &event->call);
}

bool script_parse(struct script *script, const char *name, const char *text, size_t len,
                  const struct drill_options *options)
{
    *script = (struct script){.name = name, .ip6 = options->ip6};
    if (take_text(script, text, len, options)) {
        struct lex l = {.script = script,
                        .p = script->text,
                        .end = script->text + script->len,
                        .line = 1};
        struct script_event **next = &script->events;
        bool good = parse_settings(&l);
        if (good && lex_sees(&l, "`"))
            good = lex_fail(&l, "commands of the shell are not run; settings are lines of "
                                "--name=value");
        while (good && !lex_at_end(&l)) {
            good = parse_event(&l, next);
            if (good)
                next = &(*next)->next;
            else
                *next = NULL;
            script->event_count += good;
        }
        if (!good)
            lex_fail(&l, "not understood");
    } else if (script->error_line == 0) {
        script->error_line = 1;
        snprintf(script->error, sizeof script->error, "no memory");
    }
    return script->error_line == 0;
}
