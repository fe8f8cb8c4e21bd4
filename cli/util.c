/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

void cli_error(const char *format, ...)
{
    int saved = errno; /* for %m */
    va_list args;
    fflush(stdout); /* in the order of what happened */
    fputs("weir: ", stderr);
    errno = saved;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

error_t cli_help_key(int key, struct argp_state *state, char *name)
{
    if (key == ARGP_KEY_INIT) {
        state->err_stream = NULL; /* cli_parse() says where there is help */
        return 0;
    }
    if (key != '?' && key != CLI_KEY_USAGE)
        return ARGP_ERR_UNKNOWN;
    state->name = name;
    argp_state_help(state, stdout, key == '?' ? ARGP_HELP_STD_HELP : ARGP_HELP_USAGE);
    exit(CLI_OK);
}

void cli_parse(const struct argp *argp, int argc, char **argv, const char *name, void *input)
{
    /* What is wrong with an option getopt says itself. */
    if (argp_parse(argp, argc, argv, ARGP_NO_HELP, NULL, input) == 0)
        return;
    cli_error("'%s --help' shows the options", name);
    exit(CLI_USAGE);
}

bool cli_wants_colour(FILE *stream)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(stream)) && (no == NULL || no[0] == '\0') && term != NULL &&
           strcmp(term, "dumb") != 0;
}

bool cli_parse_seed(const char *text, uint64_t *seed)
{
    char *end;
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    if (strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != strlen(digits) ||
        digits[0] == '\0')
        return false;
    errno = 0;
    unsigned long long value = strtoull(digits, &end, hex ? 16 : 10);
    *seed = value;
    return errno == 0 && *end == '\0';
}

static const struct unit {
    const char *name;
    weir_time ns;
} units[] = {{"ns", 1},
             {"us", WEIR_NS_PER_US},
             {"ms", WEIR_NS_PER_MS},
             {"s", WEIR_NS_PER_S},
             {"min", 60 * WEIR_NS_PER_S},
             {"", WEIR_NS_PER_S}};

bool cli_parse_time(const char *text, weir_time *time)
{
    enum { DIGITS_MAX = 9 }; /* before the point, and behind it */
    uint64_t value = 0;
    unsigned digits = 0, decimals = 0;
    bool point = false;
    const char *p = text;
    for (; (*p >= '0' && *p <= '9') || (*p == '.' && !point); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        value = value * 10 + (uint64_t)(*p - '0');
        if (point)
            decimals++;
        else
            digits++;
        if (digits > DIGITS_MAX || decimals > DIGITS_MAX)
            return false;
    }
    if (digits == 0 || (point && decimals == 0))
        return false;
    uint64_t divisor = 1;
    for (unsigned i = 0; i < decimals; i++)
        divisor *= 10;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].name, p) != 0)
            continue;
        uint64_t ns = (uint64_t)units[i].ns, whole, part;
        if (__builtin_mul_overflow(value / divisor, ns, &whole) ||
            __builtin_mul_overflow(value % divisor, ns, &part) ||
            whole > (uint64_t)INT64_MAX - part / divisor)
            return false;
        *time = (weir_time)(whole + part / divisor);
        return *time > 0;
    }
    return false;
}

void cli_time_text(char *out, size_t size, weir_time time)
{
    unsigned unit = 0, digits = 0;
    while (unit < 3 && (time >= units[unit + 1].ns || time <= -units[unit + 1].ns))
        unit++;
    weir_time ns = units[unit].ns, whole = time / ns, part = time % ns;
    part = part < 0 ? -part : part;
    for (weir_time n = ns; n > 1; n /= 10)
        digits++;
    while (digits > 0 && part % 10 == 0) {
        part /= 10;
        digits--;
    }
    if (digits == 0)
        snprintf(out, size, "%lld %s", (long long)whole, units[unit].name);
    else
        snprintf(out, size, "%lld.%0*lld %s", (long long)whole, (int)digits, (long long)part,
                 units[unit].name);
}
