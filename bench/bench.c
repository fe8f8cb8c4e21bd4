/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 25, ROUNDS_QUICK = 5, ROWS_MAX = 128 };

#define ROUND_NS 4000000 /* long beside the clock's own cost, short beside a scheduler's slice */

struct result {
    uint64_t n; /* operations a round */
    double ns[ROUNDS];
    double median, low, high; /* ns an operation; low and high are the quartiles */
};

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_row(const struct bench_row *row, uint64_t n)
{
    double start = now_ns();
    row->run(row->ctx, n);
    return now_ns() - start;
}

/* How many operations fill a round; warms caches and the branch predictor on the way. */
static uint64_t calibrate(const struct bench_row *row)
{
    uint64_t n = 1;
    for (;;) {
        double ns = time_row(row, n);
        if (ns >= ROUND_NS / 2.0)
            return n;
        n = ns < ROUND_NS / 100.0 ? n * 10 : (uint64_t)((double)n * ROUND_NS / ns) + 1;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const struct bench_row *rows, struct result *out, size_t count, unsigned rounds)
{
    for (size_t i = 0; i < count; i++)
        out[i].n = calibrate(&rows[i]);
    for (unsigned round = 0; round < rounds; round++)
        for (size_t i = 0; i < count; i++)
            out[i].ns[round] = time_row(&rows[i], out[i].n) / (double)out[i].n;
    for (size_t i = 0; i < count; i++) {
        qsort(out[i].ns, rounds, sizeof out[i].ns[0], by_value);
        out[i].median = out[i].ns[rounds / 2];
        out[i].low = out[i].ns[rounds / 4];
        out[i].high = out[i].ns[rounds - 1 - rounds / 4];
    }
}

static double ratio_to_baseline(const struct bench_row *rows, const struct result *r, size_t count,
                                size_t i)
{
    for (size_t k = 0; rows[i].baseline != NULL && k < count; k++)
        if (strcmp(rows[k].name, rows[i].baseline) == 0)
            return r[k].median / r[i].median;
    return 0;
}

static void report(const char *title, const struct bench_row *rows, const struct result *r,
                   size_t count, bool json)
{
    if (!json)
        printf("%s\n%-40s %12s %17s %9s  %s\n", title, "", "ns/op", "quartiles", "GB/s",
               "speed against");
    for (size_t i = 0; i < count; i++) {
        double gbs = rows[i].bytes != 0 ? (double)rows[i].bytes / r[i].median : 0;
        double ratio = ratio_to_baseline(rows, r, count, i);
        if (json) {
            printf("{\"bench\":\"%s\",\"row\":\"%s\",\"ns\":%.3f,\"ns_low\":%.3f,\"ns_high\":%.3f",
                   title, rows[i].name, r[i].median, r[i].low, r[i].high);
            if (gbs > 0)
                printf(",\"gbytes_per_s\":%.3f", gbs);
            if (ratio > 0)
                printf(",\"baseline\":\"%s\",\"ratio\":%.3f", rows[i].baseline, ratio);
            puts("}");
            continue;
        }
        printf("%-40s %12.2f %8.2f-%8.2f", rows[i].name, r[i].median, r[i].low, r[i].high);
        if (gbs > 0)
            printf(" %9.2f", gbs);
        else
            printf(" %9s", "");
        if (ratio > 0)
            printf("  %.2f x %s", ratio, rows[i].baseline);
        putchar('\n');
    }
}

static int run_once(const struct bench_row *rows, size_t count, const char *name, const char *times)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0) {
            rows[i].run(rows[i].ctx, strtoull(times, NULL, 10));
            return 0;
        }
    fprintf(stderr, "bench: no row named '%s'; --list shows them\n", name);
    return 2;
}

int bench_main(int argc, char **argv, const char *title, const struct bench_row *rows, size_t count)
{
    static struct result results[ROWS_MAX];
    bool json = false;
    unsigned rounds = ROUNDS;
    if (count > ROWS_MAX) {
        fprintf(stderr, "bench: more than %d rows\n", ROWS_MAX);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            rounds = ROUNDS_QUICK;
        } else if (strcmp(argv[i], "--list") == 0) {
            for (size_t k = 0; k < count; k++)
                puts(rows[k].name);
            return 0;
        } else if (strcmp(argv[i], "--once") == 0 && i + 2 < argc) {
            return run_once(rows, count, argv[i + 1], argv[i + 2]);
        } else {
            fprintf(stderr, "usage: %s [--json] [--quick] [--list] [--once ROW N]\n", argv[0]);
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        }
    }
    measure(rows, results, count, rounds);
    report(title, rows, results, count, json);
    return 0;
}
