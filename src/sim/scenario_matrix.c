/* SPDX-License-Identifier: MIT
 * Every set of middleboxes, each with a set of features that the seed turns: sixteen seeds in a row
 * go through all of them. */
#include <stdio.h>

#include "sim/matrix.h"
#include "sim/scenario_kit.h"
#include "sim/stream.h"

enum { TEXT_MAX = 400 };

struct sums {
    unsigned cells, outcomes[MATRIX_WRONG + 1], reset, timed_out, fast, cookie;
};

static struct matrix_result play(uint32_t cell, struct scenario_run *run, struct sums *sums)
{
    struct matrix_result r = matrix_play(cell, run);
    sums->cells++;
    sums->outcomes[r.outcome]++;
    sums->reset += r.reset;
    sums->timed_out += r.timed_out;
    sums->fast += r.fast;
    sums->cookie += r.cookie;
    if (r.outcome == MATRIX_WRONG) {
        char text[TEXT_MAX];
        matrix_text(cell, text, sizeof text);
        scenario_check(run, false, "weir sim middlebox-matrix --only 0x%x --seed %llu: %s: %s",
                       cell, (unsigned long long)run->seed, text, r.text);
    }
    return r;
}

static void play_one(struct scenario_run *run, struct sums *sums)
{
    static const char *const outcomes[] = {"works", "ends: ", "is wrong"};
    char text[TEXT_MAX];
    if (!matrix_is_cell(run->only)) {
        scenario_check(run, false, "0x%llx is no cell", (unsigned long long)run->only);
        return;
    }
    matrix_text((uint32_t)run->only, text, sizeof text);
    scenario_note(run, "%s", text);
    struct matrix_result r = play((uint32_t)run->only, run, sums);
    if (r.outcome != MATRIX_WRONG)
        scenario_check(run, true, "%s%s", outcomes[r.outcome], r.text);
}

static void play_all(struct scenario_run *run, struct sums *sums)
{
    struct capture_writer *capture = run->capture;
    for (uint32_t boxes = 0; boxes < MATRIX_BOX_SETS && !run->cut; boxes++) {
        unsigned row = (unsigned)((run->seed + stream_mix(boxes)) % MATRIX_ROWS);
        (void)play(matrix_cell(boxes, row), run, sums);
        run->capture = NULL; /* it shows the first */
        if (run->error != 0)
            break;
    }
    run->capture = capture;
    scenario_check(run, sums->outcomes[MATRIX_WRONG] == 0 && sums->cells == MATRIX_BOX_SETS,
                   "every connection works, or ends with an error of its boxes, in time");
    scenario_check(run, sums->fast > 0 && sums->cookie > 0 && sums->reset > 0 && sums->timed_out > 0,
                   "all of these are among them");
}

static void matrix_run(struct scenario_run *run)
{
    struct sums sums = {0};
    run->trace_hash = 0;
    run->ended = 0;
    run->stats = (struct sim_stats){0};
    scenario_section(run, "cells");
    if (run->only > 0)
        play_one(run, &sums);
    else
        play_all(run, &sums);
    scenario_figure(run, "cells", sums.cells, "");
    scenario_figure(run, "that work", sums.outcomes[MATRIX_WORKED], "");
    scenario_figure(run, "that end with their error", sums.outcomes[MATRIX_ENDED], "");
    scenario_figure(run, "that are wrong", sums.outcomes[MATRIX_WRONG], "");
    scenario_figure(run, "with a reset", sums.reset, "");
    scenario_figure(run, "that timed out", sums.timed_out, "");
    scenario_figure(run, "with data taken from a SYN", sums.fast, "");
    scenario_figure(run, "with a SYN cookie", sums.cookie, "");
    scenario_figure(run, "virtual time of all", run->ended, "ns");
    scenario_figure(run, "events", (int64_t)run->stats.events, "");
}

const struct scenario scenario_matrix = {
    .name = "middlebox-matrix",
    .summary = "every set of twelve middleboxes, with sets of features: it works, or ends as it should",
    .heavy = true,
    .run = matrix_run,
};
