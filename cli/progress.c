/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, WIDTH_MAX = 160, BAR_MIN = 10, BAR_MAX = 40 };

#define INTERVAL (100 * WEIR_NS_PER_MS)

void progress_init(struct progress *progress, bool wanted)
{
    *progress = (struct progress){.wanted = wanted && isatty(STDERR_FILENO)};
}

void progress_size(char *text, size_t size, double bytes)
{
    static const char units[][3] = {"B", "kB", "MB", "GB", "TB", "PB"};
    unsigned unit = 0;
    while (bytes >= 999.5 && unit < 5) {
        bytes /= 1000;
        unit++;
    }
    int decimals = bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
    (void)snprintf(text, size, "%.*f %s", unit == 0 ? 0 : decimals, bytes, units[unit]);
}

/* The bar, of `cells` characters: "=====>    ". */
static void draw_bar(char *text, unsigned cells, double part)
{
    unsigned full = (unsigned)(part * cells);
    for (unsigned i = 0; i < cells; i++)
        text[i] = i < full ? '=' : ' ';
    if (full < cells)
        text[full] = '>';
    text[cells] = '\0';
}

char *progress_line(char *text, size_t size, unsigned width, const struct progress_state *state)
{
    char have[32], rate[32], bar[BAR_MAX + 1], figures[128];
    double seconds = (double)state->elapsed / (double)WEIR_NS_PER_S;
    double per_s = seconds > 0 ? (double)state->bytes / seconds : 0;
    uint64_t now = state->done + state->bytes;
    progress_size(have, sizeof have, (double)now);
    progress_size(rate, sizeof rate, per_s);
    if (state->total == UINT64_MAX || state->total == 0) {
        (void)snprintf(text, size, "%s  %s/s", have, rate);
        return text;
    }
    double part = now >= state->total ? 1 : (double)now / (double)state->total;
    int n =
        snprintf(figures, sizeof figures, " %3u%%  %s  %s/s", (unsigned)(part * 100), have, rate);
    if (per_s > 0 && now < state->total) {
        double left = (double)(state->total - now) / per_s;
        unsigned s = left < 359999 ? (unsigned)(left + 0.5) : 359999;
        (void)snprintf(figures + n, sizeof figures - (size_t)n, "  %u:%02u left", s / 60, s % 60);
    }
    unsigned taken = (unsigned)strlen(figures) + 2;
    unsigned cells = width > taken ? width - taken : 0;
    cells = cells > BAR_MAX ? BAR_MAX : cells;
    if (cells < BAR_MIN) {
        (void)snprintf(text, size, "%s", figures + 1);
        return text;
    }
    draw_bar(bar, cells, part);
    (void)snprintf(text, size, "[%s]%s", bar, figures);
    return text;
}

weir_time progress_show(struct progress *progress, const struct progress_state *state,
                        weir_time now)
{
    char line[WIDTH_MAX + 1];
    struct winsize window;
    if (!progress->wanted)
        return WEIR_TIME_NEVER;
    if (now < progress->next)
        return progress->next;
    progress->next = now + INTERVAL;
    unsigned width = WIDTH_DEFAULT;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1)
        width = window.ws_col - 1U; /* the last column makes some terminals go on */
    progress_line(line, sizeof line, width < WIDTH_MAX ? width : WIDTH_MAX, state);
    fprintf(stderr, "\r\x1b[K%s", line);
    (void)fflush(stderr);
    progress->drawn = true;
    return progress->next;
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        fputs("\r\x1b[K", stderr);
    progress->drawn = false;
}
