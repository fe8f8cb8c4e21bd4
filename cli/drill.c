/* SPDX-License-Identifier: MIT
 * `weir drill`: packet scripts against a stack in virtual time. */
#define _GNU_SOURCE /* asprintf() */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "drill/drill.h"
#include "output.h"

enum { KEY_CHECK = 256, KEY_IP6, DEFINES_MAX = 64, DEPTH_MAX = 8, SCRIPT_FILE_BYTES_MAX = 1 << 20 };

struct arguments {
    char **script;
    unsigned script_count;
    const char *pcap;
    struct drill_define define[DEFINES_MAX];
    struct drill_options options;
    bool json;
    char name[16]; /* of the command, in usage lines */
};

/* How many scripts ended how. */
struct tally {
    unsigned passed, failed, broken;
};

/* ---- arguments ---- */

/* NAME=VALUE, in place. */
static void take_define(struct arguments *a, char *text)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || a->options.define_count == DEFINES_MAX) {
        cli_error("bad definition '%s': NAME=VALUE, and at most %d of them", text, DEFINES_MAX);
        exit(CLI_USAGE);
    }
    *equals = '\0';
    a->define[a->options.define_count++] = (struct drill_define){text, equals + 1};
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'v':
        a->options.verbose = true;
        return 0;
    case 'w':
        a->pcap = arg;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case 'D':
        take_define(a, arg);
        return 0;
    case 's':
        if (cli_parse_seed(arg, &a->options.seed))
            return 0;
        cli_error("bad seed '%s': a number from 0 to %" PRIu64, arg, UINT64_MAX);
        exit(CLI_USAGE);
    case KEY_CHECK:
        a->options.check = true;
        return 0;
    case KEY_IP6:
        a->options.ip6 = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->script = state->argv + state->next;
        a->script_count = (unsigned)(state->argc - state->next);
        return 0;
    default:
        return cli_help_key(key, state, a->name);
    }
}

static void parse(int argc, char **argv, struct arguments *a)
{
    static const struct argp_option options[] = {
        {"verbose", 'v', 0, 0, "Show every event", 0},
        {"pcap", 'w', "FILE", 0, "Write all packets to FILE ('-': standard output) as pcapng", 0},
        {"ip6", KEY_IP6, 0, 0, "Run over IPv6, whatever the scripts say", 0},
        {"json", 'j', 0, 0, "Report as JSON", 0},
        {"define", 'D', "NAME=VALUE", 0, "The word NAME of the scripts stands for VALUE", 0},
        {"seed", 's', "N", 0, "Seed of what the stack draws (1)", 0},
        {"check", KEY_CHECK, 0, 0, "Read the scripts and do not run them", 0},
        CLI_HELP_OPTIONS,
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_argument,
        .args_doc = "SCRIPT...",
        .doc = "Run packetdrill scripts against a stack in virtual time. '-' is standard input; of a "
               "directory all that end in .pkt are run."
               "\vExit status: 0 when all passed; 1 when one failed; 2 when a script, or the usage, "
               "is wrong."};
    cli_parse(&argp, argc, argv, a->name, a);
    if (a->script_count == 0) {
        cli_error("a script is missing; '-' is standard input");
        exit(CLI_USAGE);
    }
    if (a->pcap != NULL && strcmp(a->pcap, "-") == 0 && a->json) {
        cli_error("--json takes standard output for itself");
        exit(CLI_USAGE);
    }
}

/* ---- scripts ---- */

/* The whole of a file, to be freed; NULL: it cannot be read, and a line was printed. */
static char *read_script(const char *path, size_t *len)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    char *text = malloc(SCRIPT_FILE_BYTES_MAX + 1);
    if (file == NULL || text == NULL) {
        cli_error("%s: %m", path);
        free(text);
        if (file != NULL && file != stdin)
            fclose(file);
        return NULL;
    }
    *len = fread(text, 1, SCRIPT_FILE_BYTES_MAX + 1, file);
    bool bad = ferror(file) != 0;
    if (bad)
        cli_error("%s: %s", path, strerror(errno != 0 ? errno : EIO));
    else if (*len > SCRIPT_FILE_BYTES_MAX)
        cli_error("%s: more than %d bytes", path, SCRIPT_FILE_BYTES_MAX);
    if (file != stdin)
        fclose(file);
    if (!bad && *len <= SCRIPT_FILE_BYTES_MAX)
        return text;
    free(text);
    return NULL;
}

static void print_json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p == '\n')
            fputs("\\n", out);
        else if (*p < ' ' || *p >= 0x7f)
            fprintf(out, "\\u%04x", *p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

static const char *verdict_text(enum drill_verdict verdict)
{
    return verdict == DRILL_PASSED ? "ok" : verdict == DRILL_FAILED ? "FAILED" : "BROKEN";
}

static void print_json(FILE *out, const char *path, const struct drill_result *result, bool first)
{
    static const char *const verdicts[] = {"passed", "failed", "broken"};
    fputs(first ? "[\n  {\"script\": " : ",\n  {\"script\": ", out);
    print_json_text(out, path);
    fprintf(out,
            ", \"verdict\": \"%s\", \"line\": %u, \"events\": %u, \"packets\": %u, "
            "\"virtual_ns\": %" PRId64 ", \"report\": ",
            verdicts[result->verdict], result->line, result->events, result->packets, result->time);
    print_json_text(out, result->report != NULL ? result->report : "");
    fputc('}', out);
}

static void print_text(FILE *out, const char *path, const struct drill_result *result, bool check)
{
    char time[32];
    cli_time_text(time, sizeof time, result->time);
    if (check)
        fprintf(out, "%-6s %s: %u events\n", verdict_text(result->verdict), path, result->events);
    else
        fprintf(out, "%-6s %s: %u events, %u packets, %s\n", verdict_text(result->verdict), path,
                result->events, result->packets, time);
    if (result->report != NULL)
        fputs(result->report, out);
}

/* Run one; its packets are an interface of the capture. */
static void run_script(struct arguments *a, const char *path, struct drill_result *result)
{
    size_t len;
    char *text = read_script(path, &len);
    *result = (struct drill_result){.verdict = DRILL_BROKEN};
    if (text == NULL)
        return;
    if (a->options.capture != NULL) {
        int interface = capture_interface(a->options.capture, CAPTURE_LINK_RAW, path);
        a->options.capture_interface = interface >= 0 ? (uint32_t)interface : 0;
    }
    drill_run(result, path, text, len, &a->options);
    free(text);
}

/* What is said of each script goes to `out`. */
struct run {
    struct arguments *a;
    FILE *out;
    struct tally tally;
};

static void run_file(struct run *r, const char *path)
{
    struct drill_result result;
    struct tally *t = &r->tally;
    bool first = t->passed + t->failed + t->broken == 0;
    run_script(r->a, path, &result);
    unsigned *count = result.verdict == DRILL_PASSED   ? &t->passed
                      : result.verdict == DRILL_FAILED ? &t->failed
                                                       : &t->broken;
    (*count)++;
    if (r->a->json)
        print_json(r->out, path, &result, first);
    else
        print_text(r->out, path, &result, r->a->options.check);
    free(result.report);
}

static int is_script(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN ||
                                       (len > 4 && strcmp(entry->d_name + len - 4, ".pkt") == 0));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* whatever the locale */
}

/* A script, or a directory of them, which may hold others. */
static void run_path(struct run *r, const char *path, unsigned depth)
{
    struct stat status;
    struct dirent **entry = NULL;
    if (depth == DEPTH_MAX || strcmp(path, "-") == 0 || stat(path, &status) != 0 ||
        !S_ISDIR(status.st_mode)) {
        run_file(r, path);
        return;
    }
    int n = scandir(path, &entry, is_script, by_name);
    if (n < 0) {
        cli_error("%s: %m", path);
        r->tally.broken++;
    }
    for (int i = 0; i < n; i++) {
        char *inner;
        if (asprintf(&inner, "%s/%s", path, entry[i]->d_name) >= 0) {
            run_path(r, inner, depth + 1);
            free(inner);
        }
        free(entry[i]);
    }
    free(entry);
}

static void run_all(struct run *r)
{
    const struct tally *t = &r->tally;
    for (unsigned i = 0; i < r->a->script_count; i++)
        run_path(r, r->a->script[i], 0);
    unsigned count = t->passed + t->failed + t->broken;
    if (r->a->json)
        fputs(count == 0 ? "[]\n" : "\n]\n", r->out);
    else if (count != 1)
        fprintf(r->out, "%u passed, %u failed, %u broken\n", t->passed, t->failed, t->broken);
}

int cli_drill(int argc, char **argv)
{
    struct arguments a = {.name = "weir drill", .options.seed = 1};
    struct cli_output output;
    struct capture_writer writer;
    parse(argc, argv, &a);
    a.options.define = a.define;
    if (!cli_output_open(&output, a.pcap))
        return CLI_FAILED;
    if (a.pcap != NULL) {
        const struct capture_options options = {.application = "weir drill"};
        (void)capture_open(&writer, cli_output_sink(&output), &options);
        a.options.capture = &writer;
    }
    struct run run = {.a = &a,
                      .out = a.pcap != NULL && strcmp(a.pcap, "-") == 0 ? stderr : stdout};
    run_all(&run);
    if (a.pcap != NULL)
        (void)capture_flush(&writer);
    bool written = cli_output_close(&output);
    if (run.tally.broken > 0)
        return CLI_USAGE;
    return run.tally.failed > 0 || !written ? CLI_FAILED : CLI_OK;
}
