/* SPDX-License-Identifier: MIT
 * Reports as text. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "weir/error.h"

enum { NAME_COLUMNS = 34, VALUE_COLUMNS = 12 };

static const char *colour(const struct cli_text *text, const char *code)
{
    return text->colour ? code : "";
}

#define BOLD  "\x1b[1m"
#define GREEN "\x1b[32m"
#define RED   "\x1b[31m"
#define PLAIN "\x1b[0m"

void cli_text_begin(struct cli_text *text, const struct scenario *scenario, uint64_t seed)
{
    fprintf(text->out, "%s%s%s: %s (seed %" PRIu64 ")\n", colour(text, BOLD), scenario->name,
            colour(text, PLAIN), scenario->summary, seed);
    text->begun = true;
}

static void figure(const struct cli_text *text, const struct scenario_item *item)
{
    char value[48];
    if (strcmp(item->unit, "ns") == 0)
        cli_time_text(value, sizeof value, item->value);
    else
        snprintf(value, sizeof value, "%" PRId64 "%s%s", item->value,
                 item->unit[0] != '\0' ? " " : "", item->unit);
    /* The numbers stand in a column, the units behind it. */
    size_t number = strcspn(value, " ");
    fprintf(text->out, "  %-*s %*.*s%s\n", NAME_COLUMNS, item->text, VALUE_COLUMNS, (int)number,
            value, value + number);
}

void cli_text_item(struct cli_text *text, const struct scenario_item *item)
{
    switch (item->kind) {
    case SCENARIO_SECTION:
        fprintf(text->out, "%s%s%s%s\n", text->begun ? "\n" : "", colour(text, BOLD), item->text,
                colour(text, PLAIN));
        text->begun = true;
        break;
    case SCENARIO_FIGURE:
        figure(text, item);
        break;
    case SCENARIO_CHECK:
        fprintf(text->out, "  %s%s%s %s\n", colour(text, item->ok ? GREEN : RED),
                item->ok ? "ok    " : "FAILED", colour(text, PLAIN), item->text);
        break;
    default:
        fprintf(text->out, "  %s\n", item->text);
    }
}

void cli_text_end(struct cli_text *text, const struct scenario *scenario,
                  const struct scenario_run *run)
{
    char ended[48];
    cli_time_text(ended, sizeof ended, run->ended);
    if (text->verbose)
        fprintf(text->out, "  %-*s %016" PRIx64 "\n", NAME_COLUMNS, "history (hash)",
                run->trace_hash);
    if (run->error != 0)
        fprintf(text->out, "\n%s: %s%s%s after %s\n", scenario->name, colour(text, RED),
                weir_strerror(run->error), colour(text, PLAIN), ended);
    else if (run->cut)
        fprintf(text->out, "\n%s: stopped at %s, not judged\n", scenario->name, ended);
    else if (run->failed > 0)
        fprintf(text->out, "\n%s: %s%u of %u expectations FAILED%s\n", scenario->name,
                colour(text, RED), run->failed, run->checks, colour(text, PLAIN));
    else
        fprintf(text->out, "\n%s: %sall %u expectations met%s\n", scenario->name,
                colour(text, GREEN), run->checks, colour(text, PLAIN));
}

int cli_finish(const struct scenario *scenario, const struct scenario_run *run, const char *until)
{
    if (run->stopped) {
        cli_error("interrupted");
        return CLI_INTERRUPTED;
    }
    if (run->error != 0) {
        cli_error("%s: %s", scenario->name, weir_strerror(run->error));
        return CLI_FAILED;
    }
    if (run->failed == 0)
        return CLI_OK;
    cli_error("%s: %u of %u expectations failed; this runs it again:", scenario->name, run->failed,
              run->checks);
    fprintf(stderr, "weir sim %s --seed %" PRIu64, scenario->name, run->seed);
    if (run->only > 0)
        fprintf(stderr, " --only 0x%" PRIx64, run->only);
    fprintf(stderr, "%s%s\n", until != NULL ? " --until " : "", until != NULL ? until : "");
    return CLI_FAILED;
}
