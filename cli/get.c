/* SPDX-License-Identifier: MIT
 * `weir get`: a file over HTTP, by a stack of weir's. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "http_text.h"
#include "transfer.h"

struct arguments {
    struct transfer_args transfer;
    const char *file;  /* NULL: by the URL; "-": standard output */
    const char *range; /* NULL: all of it */
    bool go_on;
};

struct run {
    const struct arguments *a;
    char name[256], range[64];
    const char *file;
    int fd;          /* -1: not open yet */
    uint64_t before; /* bytes that the file had, with --continue */
    uint64_t total;
    unsigned status;
    const char *note; /* for the summary */
    bool failed;      /* the file, and a line was printed; or there is nothing to do */
};

static void take_range(struct arguments *a, const char *text)
{
    uint64_t first, end;
    char range[64];
    int n = snprintf(range, sizeof range, "bytes=%s", text);
    if (n >= (int)sizeof range || http_range(range, UINT64_MAX, &first, &end) != HTTP_RANGE_PART)
        cli_usage("bad range '%s': like 0-99, 100- or -100", text);
    a->range = text;
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->transfer;
        return 0;
    case 'o':
        a->file = arg;
        return 0;
    case 'C':
        a->go_on = true;
        return 0;
    case 'R':
        take_range(a, arg);
        return 0;
    case ARGP_KEY_ARG:
        if (a->transfer.text != NULL)
            cli_usage("one URL at a time: '%s' is one too many", arg);
        transfer_url(&a->transfer, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse(int argc, char **argv, struct arguments *a)
{
    static const struct argp_option options[] = {
        {"output", 'o', "FILE", 0, "Where to (the last part of the URL); - is standard output", 0},
        {"continue", 'C', 0, 0, "Go on behind what FILE has already", 0},
        {"range", 'R', "FIRST-LAST", 0, "Only these bytes; FIRST- or -COUNT will do", 0},
        {0}};
    static const struct argp_child children[] = {{&transfer_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_argument,
        .args_doc = "URL",
        .doc = "Download a file over HTTP by a stack on a device."
               "\vFor example:\n"
               "  weir get -a 10.9.0.2/24 --host-address 10.9.0.1/24 http://10.9.0.1:8000/file\n\n"
               "Exit status: 0 when all of it came; 1 when not, or it was refused; 2 for wrong "
               "usage; 130 when it was interrupted.",
        .children = children};
    cli_parse(&argp, argc, argv, a->transfer.device.name, a);
    if (a->transfer.text == NULL)
        cli_usage("an URL is missing");
    bool to_stdout = a->file != NULL && strcmp(a->file, "-") == 0;
    if (to_stdout && (a->transfer.json || a->transfer.device.verbose || a->transfer.device.stats))
        cli_usage("standard output is for the file; give it a name");
    if (device_takes_stdout(&a->transfer.device))
        cli_usage("standard output is for what is said; give it a file");
    if (a->go_on && (a->range != NULL || to_stdout))
        cli_usage("--continue goes with a file, and without --range");
}

/* The bytes that are there already. */
static bool look_at_file(struct run *r)
{
    struct stat stat_;
    if (!r->a->go_on || (stat(r->file, &stat_) != 0 && errno == ENOENT))
        return true;
    if (stat(r->file, &stat_) != 0 || !S_ISREG(stat_.st_mode)) {
        cli_error("%s: it is not a file to go on with", r->file);
        return false;
    }
    r->before = (uint64_t)stat_.st_size;
    if (r->before > 0)
        (void)snprintf(r->range, sizeof r->range, "bytes=%" PRIu64 "-", r->before);
    return true;
}

static bool open_file(struct run *r)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (r->before > 0 ? O_APPEND : O_TRUNC);
    r->fd = strcmp(r->file, "-") == 0 ? STDOUT_FILENO : open(r->file, flags, 0666);
    r->failed = r->fd < 0;
    if (r->failed)
        cli_error("%s: %m", r->file);
    return !r->failed;
}

static bool on_answer(void *ctx, const struct http_answer *answer)
{
    struct run *r = ctx;
    r->status = answer->status;
    if (answer->status == 416 && r->before > 0 && answer->range_size == r->before) {
        r->note = "it is complete already";
        return false;
    }
    if (answer->status == 200) {
        r->before = 0; /* the server does not do ranges, or was not asked for one */
    } else if (answer->status != 206 || r->range[0] == '\0') {
        if (answer->location[0] != '\0')
            cli_error("%s: %u %s, to %s", r->a->transfer.text, answer->status,
                      http_reason(answer->status), answer->location);
        else
            cli_error("%s: %u %s", r->a->transfer.text, answer->status,
                      http_reason(answer->status));
        r->failed = true;
        return false;
    } else if (!answer->has_range || (r->a->go_on && answer->range_first != r->before)) {
        cli_error("%s: that is not the part that was asked for", r->a->transfer.text);
        r->failed = true;
        return false;
    }
    if (answer->has_length)
        r->total = r->before + answer->length;
    return open_file(r);
}

static bool on_body(void *ctx, const uint8_t *data, size_t len)
{
    struct run *r = ctx;
    while (len > 0) {
        ssize_t n = write(r->fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            cli_error("%s: %m", r->file);
            r->failed = true;
            return false;
        }
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool close_file(struct run *r)
{
    if (r->fd < 0 || r->fd == STDOUT_FILENO || close(r->fd) == 0)
        return true;
    cli_error("%s: %m", r->file);
    return false;
}

int cli_get(int argc, char **argv)
{
    struct arguments a = {.transfer.device.name = "weir get"};
    struct transfer_result result;
    parse(argc, argv, &a);
    struct run r = {.a = &a, .file = a.file, .fd = -1, .total = UINT64_MAX};
    if (r.file == NULL && !url_file_name(&a.transfer.url, r.name, sizeof r.name))
        cli_usage("'%s' ends in no name for a file: --output says where to", a.transfer.text);
    r.file = r.file == NULL ? r.name : r.file;
    if (a.range != NULL)
        (void)snprintf(r.range, sizeof r.range, "bytes=%s", a.range);
    if (!look_at_file(&r))
        return CLI_FAILED;
    const struct http_job job = {.url = &a.transfer.url,
                                 .range = r.range[0] != '\0' ? r.range : NULL,
                                 .answer = on_answer,
                                 .body = on_body,
                                 .ctx = &r};
    bool good = transfer_run(&a.transfer, &job, &r.total, &r.before, &result);
    good |= r.note != NULL;
    good &= close_file(&r) && !r.failed;
    const struct transfer_summary summary = {
        .file = r.file, .status = r.status, .note = r.note, .good = good};
    transfer_print(&a.transfer, &result, &summary);
    if (result.interrupted)
        return CLI_INTERRUPTED;
    return good ? CLI_OK : CLI_FAILED;
}
