/* SPDX-License-Identifier: MIT
 * What the files of the command share. */
#ifndef WEIR_CLI_H
#define WEIR_CLI_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/scenario.h"

/* Exit codes. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* an expectation was not met, or a file could not be written */
    CLI_USAGE = 2,
    CLI_INTERRUPTED = 130 /* 128 + SIGINT */
};

/* The subcommands, one file each. argv[0] is "weir", whatever the command. */
int cli_sim(int argc, char **argv);
int cli_drill(int argc, char **argv);
int cli_host(int argc, char **argv);
int cli_ping(int argc, char **argv);
int cli_udp(int argc, char **argv);
int cli_get(int argc, char **argv);
int cli_put(int argc, char **argv);
int cli_netstat(int argc, char **argv);
int cli_replay(int argc, char **argv);

/* One line on stderr: "weir: ...". */
__attribute__((format(printf, 1, 2))) void cli_error(const char *format, ...);

/* The options and keys that every subcommand has beside its own: put CLI_HELP_OPTIONS into the
 * table, parse with cli_parse(), and answer keys that the parser does not know with cli_help_key().
 * `name` is what usage lines begin with ("weir sim"). */
#define CLI_HELP_OPTIONS                                                                           \
    {"help", '?', 0, 0, "Give this help list", -1},                                                \
    {                                                                                              \
        "usage", CLI_KEY_USAGE, 0, 0, "Give a short usage message", -1                             \
    }

enum { CLI_KEY_USAGE = 0x10000 };

error_t cli_help_key(int key, struct argp_state *state, char *name);

/* Parse the arguments of a subcommand; ends the program with CLI_USAGE when they are wrong. */
void cli_parse(const struct argp *argp, int argc, char **argv, const char *name, void *input);

/* Is colour wanted on this stream: a terminal that is not dumb, and no NO_COLOR (no-color.org)? */
bool cli_wants_colour(FILE *stream);

/* Read a seed (decimal, or hexadecimal with 0x), or a span of time ("250ms", "1.5s"; ns, us, ms, s,
 * min; seconds without a unit) above zero. False: it is none. */
bool cli_parse_seed(const char *text, uint64_t *seed);
bool cli_parse_time(const char *text, weir_time *time);

/* A time as 40.1344 ms, in the largest unit that it reaches, without trailing zeros. */
void cli_time_text(char *out, size_t size, weir_time time);

/* ---- reports as text ---- */

struct cli_text {
    FILE *out;
    bool colour, verbose;
    bool begun; /* a section, so that the next one follows an empty line */
};

void cli_text_begin(struct cli_text *text, const struct scenario *scenario, uint64_t seed);
void cli_text_item(struct cli_text *text, const struct scenario_item *item);
void cli_text_end(struct cli_text *text, const struct scenario *scenario,
                  const struct scenario_run *run);

/* Say on stderr how the run ended, if not well, and answer the exit code. The last line after a
 * failed expectation is the command that runs the same again; `until` is the text of --until, or
 * NULL. */
int cli_finish(const struct scenario *scenario, const struct scenario_run *run, const char *until);

/* ---- reports as JSON ---- */

struct cli_json; /* a report in the making */

/* Begin; NULL, and an error was printed, when weir was built without JSON or there is no memory. */
struct cli_json *cli_json_begin(const struct scenario *scenario, uint64_t seed);
void cli_json_item(struct cli_json *json, const struct scenario_item *item);
/* Print and free it. False: it could not be. */
bool cli_json_end(struct cli_json *json, const struct scenario_run *run, FILE *out);
/* The list of scenarios. */
bool cli_json_list(FILE *out);

/* What came of a replay. */
struct cli_replay_report {
    const char *path;
    uint64_t records, packets_in, packets_out, bytes_in, bytes_out;
    weir_time virtual_ns;
    bool identical, complete;
    const char *message; /* what is not; NULL: nothing */
};
bool cli_json_replay(const struct cli_replay_report *report, FILE *out);

/* ---- captures as lines ---- */

struct cli_lines;

/* A sink that prints each packet of a pcapng as a line like tcpdump's, in virtual time, and passes
 * the capture on to `next` (write NULL: nowhere). Owner: the caller frees it. NULL: no memory. */
struct cli_lines *cli_lines_new(FILE *out, bool classic, struct capture_sink next);
struct capture_sink cli_lines_sink(struct cli_lines *lines);
void cli_lines_free(struct cli_lines *lines);

#endif
