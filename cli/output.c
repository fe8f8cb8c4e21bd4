/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

static void note(struct cli_output *output, int number)
{
    if (output->error == 0)
        output->error = number != 0 ? number : -1;
}

static int output_write(void *ctx, const struct weir_ref *part, unsigned count)
{
    struct cli_output *output = ctx;
    struct capture_sink sink = capture_sink_file(output->file);
    errno = 0;
    int error = sink.write(sink.ctx, part, count);
    if (error != 0)
        note(output, errno);
    return error;
}

static int output_flush(void *ctx)
{
    struct cli_output *output = ctx;
    if (fflush(output->file) == 0)
        return 0;
    note(output, errno);
    return WEIR_E_IO;
}

bool cli_output_open(struct cli_output *output, const char *path)
{
    *output = (struct cli_output){.path = path};
    if (path == NULL)
        return true;
    output->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wbe");
    if (output->file == NULL)
        cli_error("%s: %m", path);
    return output->file != NULL;
}

struct capture_sink cli_output_sink(struct cli_output *output)
{
    if (output->file == NULL)
        return (struct capture_sink){0};
    return (struct capture_sink){.write = output_write, .flush = output_flush, .ctx = output};
}

bool cli_output_close(struct cli_output *output)
{
    struct stat st;
    FILE *file = output->file;
    if (file == NULL)
        return true;
    output->file = NULL;
    bool regular = file != stdout && fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode);
    if ((file == stdout ? fflush(stdout) : fclose(file)) != 0)
        note(output, errno);
    if (output->error == 0)
        return true;
    cli_error("%s: %s", output->path,
              output->error > 0 ? strerror(output->error) : "cannot be written");
    if (regular)
        (void)unlink(output->path);
    return false;
}
