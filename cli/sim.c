/* SPDX-License-Identifier: MIT
 * `weir sim`: lists and runs scenarios. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"
#include "sim_record.h"

enum { KEY_CLASSIC = 256, KEY_UNTIL, KEY_RUNS, KEY_ONLY, KEY_RECORD };

struct arguments {
    const struct scenario *scenario;
    const char *pcap; /* NULL: none; "-": stdout */
    const char *until_text;
    const char *record; /* the directory; NULL: none */
    uint64_t seed, runs, only;
    weir_time until;
    bool list, json, print, classic, verbose;
    char name[16]; /* of the command, in usage lines */
};

/* ---- arguments ---- */

static _Noreturn void usage_exit(void)
{
    exit(CLI_USAGE);
}

static void take_name(struct arguments *a, const char *name)
{
    if (a->scenario != NULL) {
        cli_error("one scenario at a time: '%s' is one too many", name);
        usage_exit();
    }
    a->scenario = scenario_find(name);
    if (a->scenario == NULL) {
        cli_error("no scenario '%s'; 'weir sim --list' shows them", name);
        usage_exit();
    }
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'l':
        a->list = true;
        return 0;
    case 's':
        if (!cli_parse_seed(arg, &a->seed)) {
            cli_error("bad seed '%s': a number from 0 to %" PRIu64, arg, UINT64_MAX);
            usage_exit();
        }
        return 0;
    case KEY_RUNS:
        if (!cli_parse_seed(arg, &a->runs) || a->runs == 0) {
            cli_error("bad number of runs '%s'", arg);
            usage_exit();
        }
        return 0;
    case KEY_ONLY:
        if (!cli_parse_seed(arg, &a->only) || a->only == 0) {
            cli_error("bad cell '%s'", arg);
            usage_exit();
        }
        return 0;
    case 'w':
        a->pcap = arg;
        return 0;
    case KEY_RECORD:
        a->record = arg;
        return 0;
    case 'p':
        a->print = true;
        return 0;
    case KEY_CLASSIC:
        a->classic = true;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case 'v':
        a->verbose = true;
        return 0;
    case KEY_UNTIL:
        a->until_text = arg;
        if (!cli_parse_time(arg, &a->until)) {
            cli_error("bad time '%s': a number above zero and ns, us, ms, s or min", arg);
            usage_exit();
        }
        return 0;
    case ARGP_KEY_ARG:
        take_name(a, arg);
        return 0;
    default:
        return cli_help_key(key, state, a->name);
    }
}

/* Which go together? Ends the program if not. */
static void check_arguments(const struct arguments *a)
{
    bool to_stdout = a->pcap != NULL && strcmp(a->pcap, "-") == 0;
    const char *problem = NULL;
    if (a->list && (a->scenario != NULL || a->pcap != NULL || a->print))
        problem = "--list runs no scenario";
    else if (!a->list && a->scenario == NULL)
        problem = "a scenario is missing; 'weir sim --list' shows them";
    else if (a->runs > 1 &&
             (a->list || a->pcap != NULL || a->record != NULL || a->print || a->json))
        problem = "--runs is for a scenario without captures, recordings, lines and JSON";
    else if (a->classic && !a->print)
        problem = "--classic is about --print";
    else if (a->json && (a->print || to_stdout))
        problem = "--json takes standard output for itself";
    else if (to_stdout && a->print)
        problem = "--pcap=- takes standard output for itself";
    else if (to_stdout && isatty(STDOUT_FILENO))
        problem = "a capture is not for a terminal; name a file, or send it through a pipe";
    if (problem != NULL) {
        cli_error("%s", problem);
        usage_exit();
    }
}

static void parse(int argc, char **argv, struct arguments *a)
{
    static const struct argp_option options[] = {
        {"list", 'l', 0, 0, "List the scenarios", 0},
        {"seed", 's', "N", 0, "Seed of all random choices (1)", 0},
        {"runs", KEY_RUNS, "N", 0, "Run N seeds from there on, and report what fails", 0},
        {"only", KEY_ONLY, "CELL", 0, "Of a scenario made of cells, run this one", 0},
        {"pcap", 'w', "FILE", 0, "Write what the hosts see as pcapng; - is standard output", 0},
        {"record", KEY_RECORD, "DIR", 0, "Record each stack, for 'weir replay', in DIR", 0},
        {"print", 'p', 0, 0, "Print every packet as a line, in virtual time", 0},
        {"classic", KEY_CLASSIC, 0, 0, "Print them as the tcpdump of the 1990s did", 0},
        {"json", 'j', 0, 0, "Report, or list, as JSON", 0},
        {"until", KEY_UNTIL, "TIME", 0, "Stop at this virtual time (250ms, 1.5s)", 0},
        {"verbose", 'v', 0, 0, "Report more", 0},
        CLI_HELP_OPTIONS,
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_argument,
        .args_doc = "NAME\n--list",
        .doc =
            "Run a scenario in the simulator: packets between hosts in virtual time, every run of "
            "a seed the same."
            "\vExit status: 0 when all expectations of the scenario were met, 1 when not or when "
            "a file could not be written, 2 for wrong usage, 130 after an interrupt."};
    cli_parse(&argp, argc, argv, a->name, a);
    check_arguments(a);
}

/* ---- the list ---- */

static int list(const struct arguments *a)
{
    const struct scenario *s;
    if (a->json)
        return cli_json_list(stdout) ? CLI_OK : CLI_FAILED;
    for (unsigned i = 0; (s = scenario_at(i)) != NULL; i++)
        printf("%-16s %s\n", s->name, s->summary);
    return CLI_OK;
}

/* ---- the run ---- */

struct session {
    struct cli_text text;
    struct cli_json *json; /* NULL: text */
    sigset_t interrupt;    /* SIGINT, blocked, to be looked for now and then */
    bool interruptible;
};

static void report(void *ctx, const struct scenario_item *item)
{
    struct session *session = ctx;
    if (session->json != NULL)
        cli_json_item(session->json, item);
    else
        cli_text_item(&session->text, item);
}

static bool is_interrupted(void *ctx)
{
    const struct session *session = ctx;
    static const struct timespec now = {0, 0};
    return session->interruptible && sigtimedwait(&session->interrupt, NULL, &now) == SIGINT;
}

/* From here on an interrupt waits until it is asked for, so that it finds the capture in order.
 * Where interrupts are ignored (nohup, background jobs) they stay so. */
static void hold_interrupts(struct session *session)
{
    struct sigaction action;
    sigemptyset(&session->interrupt);
    sigaddset(&session->interrupt, SIGINT);
    session->interruptible = sigaction(SIGINT, NULL, &action) == 0 &&
                             action.sa_handler != SIG_IGN &&
                             sigprocmask(SIG_BLOCK, &session->interrupt, NULL) == 0;
}

/* Run with the capture, if there is one, going to `sink`; answers the error of the capture. */
static int play(const struct arguments *a, struct scenario_run *run, struct capture_sink sink)
{
    struct capture_options options = {.format = CAPTURE_PCAPNG, .application = "weir sim"};
    struct capture_writer writer;
    if (sink.write == NULL) {
        (void)scenario_play(a->scenario, run);
        return 0;
    }
    if (capture_open(&writer, sink, &options) == 0) {
        run->capture = &writer;
        (void)scenario_play(a->scenario, run);
    }
    return capture_flush(&writer);
}

/* NULL: no memory. Without a directory nothing is recorded. */
static struct sim_record *begin_record(const struct arguments *a, struct scenario_run *run)
{
    struct sim_record *record = calloc(1, sizeof *record);
    if (record == NULL) {
        cli_error("no memory");
        return NULL;
    }
    record->directory = a->record;
    run->recorders = sim_record_begin(record);
    return record;
}

static int run_scenario(const struct arguments *a)
{
    struct session session = {.text = {.verbose = a->verbose}};
    struct scenario_run run = {.seed = a->seed,
                               .only = a->only,
                               .until = a->until,
                               .report = report,
                               .stop = is_interrupted,
                               .ctx = &session};
    struct cli_lines *lines = NULL;
    struct cli_output file;
    struct sim_record *record = begin_record(a, &run);
    if (record == NULL || !cli_output_open(&file, a->pcap)) {
        free(record);
        return CLI_FAILED;
    }
    struct capture_sink sink = cli_output_sink(&file);
    hold_interrupts(&session);
    session.text.out = file.file == stdout ? stderr : stdout;
    session.text.colour = cli_wants_colour(session.text.out);
    if (a->json && (session.json = cli_json_begin(a->scenario, a->seed)) == NULL) {
        (void)cli_output_close(&file);
        free(record);
        return CLI_FAILED;
    }
    if (a->print && (lines = cli_lines_new(stdout, a->classic, sink)) != NULL)
        sink = cli_lines_sink(lines);
    if (session.json == NULL)
        cli_text_begin(&session.text, a->scenario, a->seed);
    int error = play(a, &run, sink);
    bool written = error == 0;
    if (!written && file.error == 0)
        cli_error("capture: %s", weir_strerror(error));
    if (session.json != NULL)
        written &= cli_json_end(session.json, &run, stdout);
    else if (written)
        cli_text_end(&session.text, a->scenario, &run);
    cli_lines_free(lines);
    written &= cli_output_close(&file);
    written &= sim_record_end(record);
    free(record);
    return written ? cli_finish(a->scenario, &run, a->until_text) : CLI_FAILED;
}

/* ---- many runs ---- */

static void report_failure(void *ctx, const struct scenario_item *item)
{
    (void)ctx;
    if (item->kind == SCENARIO_CHECK && !item->ok)
        fprintf(stderr, "%s\n", item->text);
}

static int run_many(const struct arguments *a)
{
    struct session session = {0};
    uint64_t failed = 0, events = 0;
    hold_interrupts(&session);
    for (uint64_t i = 0; i < a->runs; i++) {
        struct scenario_run run = {.seed = a->seed + i,
                                   .only = a->only,
                                   .until = a->until,
                                   .report = report_failure};
        (void)scenario_play(a->scenario, &run);
        run.stopped = is_interrupted(&session);
        events += run.stats.events;
        failed += run.failed > 0;
        int status = cli_finish(a->scenario, &run, a->until_text);
        if (status != CLI_OK && run.failed == 0)
            return status;
    }
    printf("%s: %" PRIu64 " runs, seeds from %" PRIu64 " on, %" PRIu64 " events, %" PRIu64
           " failed\n", a->scenario->name, a->runs, a->seed, events, failed);
    return failed == 0 ? CLI_OK : CLI_FAILED;
}

int cli_sim(int argc, char **argv)
{
    struct arguments arguments = {.seed = 1, .runs = 1, .name = "weir sim"};
    parse(argc, argv, &arguments);
    if (arguments.list)
        return list(&arguments);
    return arguments.runs > 1 ? run_many(&arguments) : run_scenario(&arguments);
}
