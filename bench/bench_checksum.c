/* SPDX-License-Identifier: MIT
 * The checksum, and the copy fused with it, beside memcpy; all buffers in cache. */
#include "bench.h"

#include "base/checksum.h"

#include <stdio.h>
#include <string.h>

enum { IMPLEMENTATIONS_MAX = 4, SIZES = 7, ROWS_MAX = SIZES * (1 + 2 * IMPLEMENTATIONS_MAX) };

static const size_t sizes[SIZES] = {20, 40, 64, 576, 1460, 9000, 65536};

struct job {
    const struct csum_ops *ops;
    size_t n;
    char sum_name[32], copy_name[32];
};

/* As a packet finds them: the payload behind 54 bytes of headers, its place in the ring anywhere.
 * */
static _Alignas(4096) uint8_t packet[54 + 65536], ring[1000 + 65536];
static const uint8_t *const src = packet + 54;
static uint8_t *const dst = ring + 1000;

static void run_memcpy(void *ctx, uint64_t n)
{
    const struct job *job = ctx;
    for (uint64_t i = 0; i < n; i++) {
        memcpy(dst, src, job->n);
        bench_use(i);
    }
}

static void run_sum(void *ctx, uint64_t n)
{
    const struct job *job = ctx;
    for (uint64_t i = 0; i < n; i++)
        bench_use(job->ops->sum(src, job->n).v);
}

static void run_copy(void *ctx, uint64_t n)
{
    const struct job *job = ctx;
    for (uint64_t i = 0; i < n; i++)
        bench_use(job->ops->copy(dst, src, job->n).v);
}

/* Rows for one size: memcpy, then the sum and the copy of each implementation. */
static size_t add_rows(struct bench_row *rows, const char *baseline, struct job *memcpy_job,
                       struct job *jobs, unsigned count)
{
    size_t n = 0, bytes = memcpy_job->n;
    rows[n++] = (struct bench_row){baseline, run_memcpy, memcpy_job, bytes, NULL};
    for (unsigned i = 0; i < count; i++)
        rows[n++] = (struct bench_row){jobs[i].copy_name, run_copy, &jobs[i], bytes, baseline};
    for (unsigned i = 0; i < count; i++)
        rows[n++] = (struct bench_row){jobs[i].sum_name, run_sum, &jobs[i], bytes, baseline};
    return n;
}

int main(int argc, char **argv)
{
    static struct job memcpy_jobs[SIZES], jobs[SIZES][IMPLEMENTATIONS_MAX];
    static struct bench_row rows[ROWS_MAX];
    const struct csum_ops *ops[IMPLEMENTATIONS_MAX];
    unsigned count = csum_available(ops, IMPLEMENTATIONS_MAX);
    size_t n = 0;
    for (size_t i = 0; i < sizeof packet; i++)
        packet[i] = (uint8_t)(i * 31 + (i >> 8));
    for (unsigned s = 0; s < SIZES; s++) {
        struct job *plain = &memcpy_jobs[s];
        plain->n = sizes[s];
        snprintf(plain->copy_name, sizeof plain->copy_name, "memcpy %zu", sizes[s]);
        for (unsigned i = 0; i < count; i++) {
            struct job *job = &jobs[s][i];
            job->ops = ops[i];
            job->n = sizes[s];
            snprintf(job->sum_name, sizeof job->sum_name, "sum %s %zu", ops[i]->name, sizes[s]);
            snprintf(job->copy_name, sizeof job->copy_name, "copy %s %zu", ops[i]->name, sizes[s]);
        }
        n += add_rows(rows + n, plain->copy_name, plain, jobs[s], count);
    }
    return bench_main(argc, argv, "checksum", rows, n);
}
