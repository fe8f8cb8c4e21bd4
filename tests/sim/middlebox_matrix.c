/* SPDX-License-Identifier: MIT
 * The matrix of middleboxes and features, as much of it as fits a test of every day: all sets of the
 * five classic boxes with a quarter of the rows of features each, and all pairs of boxes.
 * `weir sim middlebox-matrix --runs 16` plays all. */
#include "sim/matrix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct matrix_result play(uint32_t cell, uint64_t seed)
{
    struct scenario_run run = {.seed = seed};
    struct matrix_result r = matrix_play(cell, &run);
    assert_int_equal(run.error, 0);
    if (r.outcome == MATRIX_WRONG) {
        char text[400];
        matrix_text(cell, text, sizeof text);
        fail_msg("weir sim middlebox-matrix --only %#x --seed %llu: %s: %s", cell,
                 (unsigned long long)seed, text, r.text);
    }
    return r;
}

static void test_the_rows_have_every_pair_of_levels(void **state)
{
    (void)state;
    for (unsigned a = 0; a < MATRIX_FEATURE_COUNT; a++)
        for (unsigned b = 0; b < a; b++)
            for (unsigned pair = 0; pair < 16; pair++) {
                enum matrix_feature x = (enum matrix_feature)a, y = (enum matrix_feature)b;
                bool there = pair / 4 >= matrix_levels(x) || pair % 4 >= matrix_levels(y);
                for (unsigned row = 0; row < MATRIX_ROWS; row++)
                    there |= matrix_level(matrix_cell(0, row), x) == pair / 4 &&
                             matrix_level(matrix_cell(0, row), y) == pair % 4;
                if (!there)
                    fail_msg("features %u and %u: levels %u and %u do not stand together", a, b,
                             pair / 4, pair % 4);
            }
}

static void test_cells_are_told_from_numbers_that_are_none(void **state)
{
    (void)state;
    uint32_t cell = matrix_cell(MATRIX_BOX_SETS - 1, 0);
    char text[400];
    assert_true(matrix_is_cell(cell));
    assert_false(matrix_is_cell((uint64_t)cell | UINT64_C(1) << 40));
    assert_false(matrix_is_cell(UINT32_C(3) << (MATRIX_BOX_COUNT + 5))); /* cookies: 0, 1 and 2 */
    matrix_text(cell, text, sizeof text);
    assert_non_null(strstr(text, "rst-injector"));
    assert_non_null(strstr(text, "fast-open3"));
}

/* The issue's: option stripper, window-scale eraser, MSS clamp, black hole, RST injector. */
static void test_every_set_of_the_classic_boxes(void **state)
{
    (void)state;
    static const uint8_t classic[] = {MATRIX_STRIPPER, MATRIX_ERASER, MATRIX_CLAMP, MATRIX_HOLE,
                                      MATRIX_RESETS};
    unsigned outcomes[3] = {0}, reset = 0, fast = 0, cookie = 0;
    for (unsigned set = 0; set < 32; set++)
        for (unsigned row = set % 4; row < MATRIX_ROWS; row += 4) {
            uint32_t boxes = 0;
            for (unsigned i = 0; i < 5; i++)
                if ((set & 1U << i) != 0)
                    boxes |= 1U << classic[i];
            struct matrix_result r = play(matrix_cell(boxes, row), 1);
            outcomes[r.outcome]++;
            reset += r.reset;
            fast += r.fast;
            cookie += r.cookie;
        }
    printf("# %u work, %u end; reset %u, fast %u, cookie %u\n", outcomes[0], outcomes[1], reset,
           fast, cookie);
    assert_true(outcomes[MATRIX_WORKED] >= 64 && reset > 20 && fast > 10 && cookie > 5);
}

static void test_each_box_and_each_pair_of_boxes(void **state)
{
    (void)state;
    for (unsigned a = 0; a < MATRIX_BOX_COUNT; a++)
        for (unsigned b = 0; b <= a; b++)
            (void)play(matrix_cell(1U << a | 1U << b, (a * MATRIX_BOX_COUNT + b) % MATRIX_ROWS), 2);
}

static void test_a_path_that_breaks_ends_the_connection_in_time(void **state)
{
    (void)state;
    for (unsigned row = 0; row < MATRIX_ROWS; row += 3) {
        struct matrix_result r = play(matrix_cell(1U << MATRIX_BREAK, row), 3);
        assert_int_equal(r.outcome, MATRIX_ENDED);
        assert_true(r.timed_out);
    }
}

static void test_a_cell_has_one_history(void **state)
{
    (void)state;
    struct scenario_run run[3] = {{.seed = 5}, {.seed = 5}, {.seed = 6}};
    for (unsigned i = 0; i < 3; i++)
        (void)matrix_play(matrix_cell(1U << MATRIX_ROUTER, 0), &run[i]);
    assert_true(run[0].trace_hash == run[1].trace_hash);
    assert_true(run[0].trace_hash != run[2].trace_hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rows_have_every_pair_of_levels),
        cmocka_unit_test(test_cells_are_told_from_numbers_that_are_none),
        cmocka_unit_test(test_every_set_of_the_classic_boxes),
        cmocka_unit_test(test_each_box_and_each_pair_of_boxes),
        cmocka_unit_test(test_a_path_that_breaks_ends_the_connection_in_time),
        cmocka_unit_test(test_a_cell_has_one_history),
    };
    return cmocka_run_group_tests_name("middlebox_matrix", tests, NULL, NULL);
}
