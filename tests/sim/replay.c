/* SPDX-License-Identifier: MIT
 * Every scenario is recorded, each stack of it by itself, and replayed to the same bytes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/replay.h"
#include "sim/scenario.h"
#include "sim/swarm.h"

enum {
    STACKS_MAX = 32, /* that a scenario has at one time */
    SWARM_SEEDS = 12
};

struct recorded {
    char name[SIM_NAME_MAX + 1];
    FILE *file;
    struct recording_writer writer;
};

struct told {
    uint64_t calls, in, out, bytes;
    unsigned stacks;
};

struct records {
    bool whole;
    const char *scenario;
    unsigned count;
    struct told told;
    struct recorded stack[STACKS_MAX];
};

static void replay_one(struct records *all, struct recorded *r)
{
    struct replay *replay = malloc(sizeof *replay);
    assert_non_null(replay);
    assert_int_equal(recording_close(&r->writer), WEIR_OK);
    rewind(r->file);
    if (!replay_open(replay, r->file, &(struct replay_config){.memory_max = 0}))
        fail_msg("%s, %s: %s", all->scenario, r->name, replay->message);
    enum replay_result result = replay_run(replay);
    if (result != REPLAY_ENDED)
        fail_msg("%s, %s: result %d: %s", all->scenario, r->name, result, replay->message);
    assert_int_equal(replay->number, r->writer.records);
    all->told.calls += replay->number;
    all->told.in += replay->packets_in;
    all->told.out += replay->packets_out;
    all->told.bytes += r->writer.bytes;
    all->told.stacks++;
    replay_close(replay);
    free(replay);
    (void)fclose(r->file);
    r->file = NULL;
}

/* Those of an earlier simulation of the same scenario make room. */
static struct weir_recorder record_stack(void *ctx, const char *node)
{
    struct records *all = ctx;
    struct recorded *r = &all->stack[all->count++ % STACKS_MAX];
    if (r->file != NULL)
        replay_one(all, r);
    (void)snprintf(r->name, sizeof r->name, "%s", node);
    r->file = tmpfile();
    assert_non_null(r->file);
    assert_int_equal(recording_open(&r->writer, capture_sink_file(r->file), all->whole), WEIR_OK);
    return recording_recorder(&r->writer);
}

/* Play it, and replay what was recorded. Being recorded changes nothing. */
static struct told check(const struct scenario *scenario, uint64_t seed, bool whole)
{
    struct records *all = calloc(1, sizeof *all);
    assert_non_null(all);
    all->whole = whole;
    all->scenario = scenario->name;
    struct scenario_run plain = {.seed = seed};
    struct scenario_run run = {.seed = seed, .recorders = {.fn = record_stack, .ctx = all}};
    assert_int_equal(scenario_play(scenario, &run), WEIR_OK);
    for (unsigned i = 0; i < STACKS_MAX; i++)
        if (all->stack[i].file != NULL)
            replay_one(all, &all->stack[i]);
    if (!scenario->heavy) {
        assert_int_equal(scenario_play(scenario, &plain), WEIR_OK);
        assert_int_equal(run.trace_hash, plain.trace_hash);
    }
    struct told told = all->told;
    print_message("# %s, seed %llu: %u stacks, %llu calls, %llu packets in, %llu out, %llu bytes\n",
                  scenario->name, (unsigned long long)seed, told.stacks,
                  (unsigned long long)told.calls, (unsigned long long)told.in,
                  (unsigned long long)told.out, (unsigned long long)told.bytes);
    free(all);
    return told;
}

static void test_scenarios_are_replayed_to_the_same_bytes(void **state)
{
    (void)state;
    const struct scenario *s;
    struct told sum = {0};
    for (unsigned i = 0; (s = scenario_at(i)) != NULL; i++) {
        if (s->heavy) /* they have a test of their own */
            continue;
        struct told told = check(s, 1, false);
        sum.stacks += told.stacks;
        sum.out += told.out;
    }
    assert_true(sum.stacks >= 4 && sum.out > 1000);
}

static void test_a_recording_with_all_bytes_is_replayed_to_them(void **state)
{
    (void)state;
    assert_true(check(scenario_find("hosts"), 7, true).out > 0);
    assert_true(check(scenario_find("swarm"), 3, true).out > 0);
}

static void test_a_swarm_is_replayed(void **state)
{
    (void)state;
    struct told sum = {0};
    for (uint64_t seed = 100; seed < 100 + SWARM_SEEDS; seed++) {
        struct told told = check(scenario_find("swarm"), seed, false);
        assert_int_equal(told.stacks, 2);
        sum.out += told.out;
    }
    assert_true(sum.out > 1000);
}

static void test_heavy_scenarios_are_replayed_to_the_same_bytes(void **state)
{
    (void)state;
    const struct scenario *s;
    for (unsigned i = 0; (s = scenario_at(i)) != NULL; i++)
        if (s->heavy)
            assert_true(check(s, 1, false).out > 1000);
}

/* With an argument, those that take long. */
int main(int argc, char **argv)
{
    (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scenarios_are_replayed_to_the_same_bytes),
        cmocka_unit_test(test_a_recording_with_all_bytes_is_replayed_to_them),
        cmocka_unit_test(test_a_swarm_is_replayed),
    };
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_heavy_scenarios_are_replayed_to_the_same_bytes),
    };
    return argc > 1 ? cmocka_run_group_tests_name("replay-heavy", others, NULL, NULL)
                    : cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
