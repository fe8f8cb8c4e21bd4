/* SPDX-License-Identifier: MIT
 * `weir put`: a file to a web server, by a stack of weir's. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "http_text.h"
#include "transfer.h"

struct arguments {
    struct transfer_args transfer;
    const char *file; /* "-": standard input; NULL: missing */
};

struct run {
    const struct arguments *a;
    int fd;
    uint64_t total; /* UINT64_MAX: unknown */
    unsigned status;
    bool failed; /* and a line was printed */
};

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->transfer;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0)
            a->file = arg;
        else if (state->arg_num == 1)
            transfer_url(&a->transfer, arg);
        else
            cli_usage("a file and an URL: '%s' is one too many", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse(int argc, char **argv, struct arguments *a)
{
    static const struct argp_child children[] = {{&transfer_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .parser = parse_argument,
        .args_doc = "FILE URL",
        .doc = "Upload a file (- is standard input) by HTTP's PUT, from a stack on a device."
               "\vFor example:\n"
               "  weir put -a 10.9.0.2/24 --host-address 10.9.0.1/24 file http://10.9.0.1/file\n\n"
               "Exit status: 0 when the server has taken all of it; 1 when not; 2 for wrong usage; "
               "130 when it was interrupted.",
        .children = children};
    cli_parse(&argp, argc, argv, a->transfer.device.name, a);
    if (a->transfer.text == NULL)
        cli_usage(a->file == NULL ? "a file and an URL are missing" : "an URL is missing");
    if (device_takes_stdout(&a->transfer.device))
        cli_usage("standard output is for what is said; give it a file");
}

static bool open_file(struct run *r)
{
    struct stat stat;
    r->fd = strcmp(r->a->file, "-") == 0 ? STDIN_FILENO : open(r->a->file, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0 || fstat(r->fd, &stat) != 0) {
        cli_error("%s: %m", r->a->file);
        return false;
    }
    if (S_ISDIR(stat.st_mode)) {
        cli_error("%s: it is a directory", r->a->file);
        return false;
    }
    off_t at = S_ISREG(stat.st_mode) ? lseek(r->fd, 0, SEEK_CUR) : -1;
    r->total = at >= 0 && at <= stat.st_size ? (uint64_t)(stat.st_size - at) : UINT64_MAX;
    return true;
}

/* A pipe may have nothing yet, and then the stack must not wait for it. */
static ssize_t on_read(void *ctx, void *data, size_t size)
{
    struct run *r = ctx;
    struct pollfd ready = {.fd = r->fd, .events = POLLIN};
    if (r->total == UINT64_MAX && poll(&ready, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t n = read(r->fd, data, size);
    if (n < 0 && errno == EINTR)
        errno = EAGAIN;
    if ((n < 0 && errno != EAGAIN) || (n == 0 && r->total != UINT64_MAX)) {
        cli_error("%s: %s", r->a->file, n == 0 ? "it is shorter than it was" : strerror(errno));
        r->failed = true;
        errno = EIO;
    }
    return n;
}

static bool on_answer(void *ctx, const struct http_answer *answer)
{
    struct run *r = ctx;
    r->status = answer->status;
    if (answer->status / 100 == 2)
        return true;
    cli_error("%s: %u %s", r->a->transfer.text, answer->status, http_reason(answer->status));
    r->failed = true;
    return false;
}

static bool on_body(void *ctx, const uint8_t *data, size_t len)
{
    (void)ctx; /* what the server says of it is for people */
    (void)data;
    (void)len;
    return true;
}

int cli_put(int argc, char **argv)
{
    static const uint64_t nothing_before;
    struct arguments a = {.transfer.device.name = "weir put"};
    struct transfer_result result;
    parse(argc, argv, &a);
    struct run r = {.a = &a};
    if (!open_file(&r))
        return CLI_FAILED;
    const struct http_job job = {.url = &a.transfer.url,
                                 .put = true,
                                 .size = r.total,
                                 .read = on_read,
                                 .answer = on_answer,
                                 .body = on_body,
                                 .ctx = &r};
    bool good = transfer_run(&a.transfer, &job, &r.total, &nothing_before, &result) && !r.failed;
    if (r.fd != STDIN_FILENO)
        (void)close(r.fd);
    const struct transfer_summary summary = {.file = a.file, .status = r.status, .good = good};
    transfer_print(&a.transfer, &result, &summary);
    if (result.interrupted)
        return CLI_INTERRUPTED;
    return good ? CLI_OK : CLI_FAILED;
}
