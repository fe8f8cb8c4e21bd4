/* SPDX-License-Identifier: MIT */
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

/* Whose buffer a dying program saves: a handler of signals is given nothing else. */
static struct recorder *guarded;

static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};

static int fd_write(void *ctx, const struct weir_ref *part, unsigned count)
{
    struct recorder *r = ctx;
    struct capture_sink sink = capture_sink_fd(r->fd);
    return sink.write(sink.ctx, part, count);
}

bool recorder_open(struct recorder *recorder, const char *path)
{
    *recorder = (struct recorder){.path = path, .fd = -1};
    if (path == NULL)
        return true;
    if (strcmp(path, "-") == 0)
        recorder->fd = STDOUT_FILENO;
    else
        recorder->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    struct stat st;
    bool good = recorder->fd >= 0 && fstat(recorder->fd, &st) == 0;
    /* It may have been there before, with other rights. */
    if (good && recorder->fd != STDOUT_FILENO && S_ISREG(st.st_mode))
        good = fchmod(recorder->fd, S_IRUSR | S_IWUSR) == 0;
    if (good && recording_open(&recorder->writer,
                               (struct capture_sink){.write = fd_write, .ctx = recorder}, false) ==
                    WEIR_OK)
        return true;
    cli_error("%s: %m", path);
    recorder->path = NULL;
    return false;
}

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    struct recorder *r = ctx;
    (void)recording_flush(&r->writer);
    cli_error("assertion '%s' failed at %s:%u; what led to it is in %s", expression, file, line,
              r->path);
}

void recorder_attach(struct recorder *recorder, struct weir_config *config)
{
    if (recorder->path == NULL)
        return;
    config->recorder = recording_recorder(&recorder->writer);
    config->on_assert = (struct weir_assert){.fn = on_assert, .ctx = recorder};
}

static void on_deadly_signal(int number)
{
    if (guarded != NULL)
        (void)recording_flush(&guarded->writer);
    (void)raise(number); /* its handler is the default again */
}

void recorder_guard(struct recorder *recorder)
{
    struct sigaction action = {.sa_handler = on_deadly_signal, .sa_flags = (int)SA_RESETHAND};
    if (recorder->path == NULL)
        return;
    guarded = recorder;
    (void)sigemptyset(&action.sa_mask);
    for (unsigned i = 0; i < sizeof deadly / sizeof deadly[0]; i++)
        (void)sigaction(deadly[i], &action, NULL);
}

bool recorder_flush(struct recorder *recorder)
{
    return recorder->path == NULL || recording_flush(&recorder->writer) == WEIR_OK;
}

bool recorder_close(struct recorder *recorder)
{
    if (recorder->path == NULL)
        return true;
    if (guarded == recorder)
        guarded = NULL;
    errno = 0;
    int error = recording_close(&recorder->writer);
    if (recorder->fd != STDOUT_FILENO && close(recorder->fd) != 0 && error == WEIR_OK)
        error = WEIR_E_IO;
    if (error != WEIR_OK)
        cli_error("%s: the recording could not be written to its end: %s", recorder->path,
                  errno != 0 ? strerror(errno) : weir_strerror(error));
    recorder->path = NULL;
    return error == WEIR_OK;
}
