/* SPDX-License-Identifier: MIT
 * Runs a fuzz target without a fuzzer: over every file of the directories and files named, over cuts of
 * each, and over seeded mutations of them. The same inputs on every machine. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/rng.h"

enum { SEEDS_MAX = 1024, INPUT_BYTES_MAX = 1 << 16, MUTATIONS = 4000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seed {
    uint8_t *bytes;
    size_t len;
};

struct seeds {
    struct seed seed[SEEDS_MAX];
    size_t count;
};

/* The input is copied to a block of exactly its size, so that a sanitizer sees a read beyond it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact == NULL)
        abort();
    if (size > 0)
        memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void seed_add(struct seeds *seeds, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || seeds->count == SEEDS_MAX) {
        fprintf(stderr, "replay: cannot read %s, or more than %d seeds\n", path, SEEDS_MAX);
        exit(2);
    }
    struct seed *seed = &seeds->seed[seeds->count++];
    seed->bytes = malloc(INPUT_BYTES_MAX);
    if (seed->bytes == NULL)
        abort();
    seed->len = fread(seed->bytes, 1, INPUT_BYTES_MAX, file);
    fclose(file);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void seeds_add(struct seeds *seeds, const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode)) {
        seed_add(seeds, path);
        return;
    }
    struct dirent **entry;
    int n = scandir(path, &entry, NULL, by_name);
    for (int i = 0; i < n; i++) {
        char file[4096];
        if (entry[i]->d_name[0] != '.' &&
            snprintf(file, sizeof file, "%s/%s", path, entry[i]->d_name) < (int)sizeof file)
            seed_add(seeds, file);
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
}

/* A few random edits: a byte set, a bit flipped, a cut, a piece of another seed. */
static size_t mutate(struct rng *rng, const struct seeds *seeds, uint8_t *out)
{
    const struct seed *seed = &seeds->seed[rng_below(rng, seeds->count)];
    size_t len = seed->len;
    memcpy(out, seed->bytes, len);
    for (uint64_t edits = rng_between(rng, 1, 6); edits > 0 && len > 0; edits--) {
        size_t at = rng_below(rng, len);
        const struct seed *other = &seeds->seed[rng_below(rng, seeds->count)];
        switch (rng_below(rng, 4)) {
        case 0:
            out[at] = (uint8_t)rng_u32(rng);
            break;
        case 1:
            out[at] ^= (uint8_t)(1U << rng_below(rng, 8));
            break;
        case 2:
            len = at;
            break;
        case 3:
            for (size_t i = 0; i < other->len && at + i < len && i < 16; i++)
                out[at + i] = other->bytes[i];
            break;
        }
    }
    return len;
}

int main(int argc, char **argv)
{
    static struct seeds seeds;
    static uint8_t input[INPUT_BYTES_MAX];
    for (int i = 1; i < argc; i++)
        seeds_add(&seeds, argv[i]);
    puts("1..3");
    size_t count = seeds.count;
    for (size_t i = 0; i < count; i++)
        for (size_t len = 0; len <= seeds.seed[i].len; len += 1 + len / 64)
            run(seeds.seed[i].bytes, len);
    for (size_t i = 0; i < count; i++)
        run(seeds.seed[i].bytes, seeds.seed[i].len);
    printf("ok 1 - %zu seeds and cuts of them\n", count);

    struct rng rng = rng_make(1);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        size_t len = rng_below(&rng, 200);
        rng_bytes(&rng, input, len);
        run(input, len);
    }
    printf("ok 2 - %d random inputs\n", MUTATIONS);
    for (unsigned i = 0; i < MUTATIONS && count > 0; i++)
        run(input, mutate(&rng, &seeds, input));
    printf("ok 3 - %d mutations of the seeds\n", count > 0 ? MUTATIONS : 0);
    for (size_t i = 0; i < seeds.count; i++)
        free(seeds.seed[i].bytes);
    return 0;
}
