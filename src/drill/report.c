/* SPDX-License-Identifier: MIT */
#include "drill/report.h"

#include <stdlib.h>
#include <string.h>

void report_begin(struct report *report, const struct script *script, bool verbose)
{
    *report = (struct report){.script = script, .verbose = verbose};
    report->out = open_memstream(&report->text, &report->size);
}

const char *report_time(weir_time time, char text[32])
{
    long long seconds = time / WEIR_NS_PER_S, rest = time % WEIR_NS_PER_S;
    if (rest % WEIR_NS_PER_US == 0)
        snprintf(text, 32, "%lld.%06lld", seconds, rest / WEIR_NS_PER_US);
    else
        snprintf(text, 32, "%lld.%09lld", seconds, rest);
    return text;
}

void report_log(struct report *report, weir_time time, const char *format, ...)
{
    char text[32];
    va_list args;
    char *line = report->line[report->lines++ % REPORT_LINES_MAX];
    int n = snprintf(line, REPORT_LINE_BYTES, "%-12s ", report_time(time, text));
    va_start(args, format);
    vsnprintf(line + n, REPORT_LINE_BYTES - (size_t)n, format, args);
    va_end(args);
    if (report->verbose && report->out != NULL)
        fprintf(report->out, "    %s\n", line);
}

void report_fail(struct report *report, unsigned line, const char *format, ...)
{
    va_list args;
    if (report->out == NULL)
        return;
    fprintf(report->out, "%s:%u: ", report->script->name, line);
    va_start(args, format);
    vfprintf(report->out, format, args);
    va_end(args);
    fputc('\n', report->out);
    struct weir_ref source = script_line(report->script, line);
    if (source.len > 0)
        fprintf(report->out, "    script    %.*s\n", (int)source.len, (const char *)source.data);
}

void report_add(struct report *report, const char *format, ...)
{
    va_list args;
    if (report->out == NULL)
        return;
    va_start(args, format);
    fputs("    ", report->out);
    vfprintf(report->out, format, args);
    fputc('\n', report->out);
    va_end(args);
}

void report_history(struct report *report)
{
    unsigned count = report->lines < REPORT_LINES_MAX ? report->lines : REPORT_LINES_MAX;
    if (report->out == NULL || report->verbose || count == 0)
        return;
    fputs("    before that:\n", report->out);
    for (unsigned i = report->lines - count; i != report->lines; i++)
        fprintf(report->out, "      %s\n", report->line[i % REPORT_LINES_MAX]);
}

char *report_end(struct report *report)
{
    if (report->out == NULL || fclose(report->out) != 0) {
        free(report->text);
        return NULL;
    }
    return report->text;
}
