/* SPDX-License-Identifier: MIT
 * Measuring, in one header: each row is run in rounds, the rounds of all rows interleaved, so that
 * a noisy machine disturbs them alike; the median and the spread are reported, and ratios within
 * the run.
 *
 *     static void sum_1460(void *ctx, uint64_t n) { for (...n times...) ... }
 *     struct bench_row rows[] = {{.name = "sum 1460", .run = sum_1460, .ctx = &buf, .bytes = 1460}};
 *     return bench_main(argc, argv, "checksum", rows, sizeof rows / sizeof rows[0]);
 *
 * Options: --json (a line of JSON a row), --quick (fewer rounds), --once ROW N (run one row N times
 * and measure nothing: for callgrind), --list. */
#ifndef WEIR_BENCH_H
#define WEIR_BENCH_H

#include <stddef.h>
#include <stdint.h>

struct bench_row {
    const char *name;                   /* unique in the program, no tabs or quotes */
    void (*run)(void *ctx, uint64_t n); /* do the operation n times */
    void *ctx;
    uint64_t bytes;       /* bytes an operation handles, for GB/s; 0: not a matter of bytes */
    const char *baseline; /* name of the row to give a ratio against; NULL: none */
};

/* Keep the compiler from removing the work that produced v. */
static inline void bench_use(uint64_t v)
{
    __asm__ volatile("" : : "r"(v) : "memory");
}

int bench_main(int argc, char **argv, const char *title, const struct bench_row *rows,
               size_t count);

#endif
