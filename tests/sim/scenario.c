/* SPDX-License-Identifier: MIT */
#include "sim/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Counts what is reported, and says which expectation failed. */
struct reader {
    unsigned sections, figures, notes, checks, failed;
    unsigned stops_after; /* so many questions; 0: never */
    unsigned asked;
};

static void read_item(void *ctx, const struct scenario_item *item)
{
    struct reader *r = ctx;
    assert_non_null(item->text);
    r->sections += item->kind == SCENARIO_SECTION;
    r->figures += item->kind == SCENARIO_FIGURE;
    r->notes += item->kind == SCENARIO_NOTE;
    r->checks += item->kind == SCENARIO_CHECK;
    r->failed += item->kind == SCENARIO_CHECK && !item->ok;
    if (item->kind == SCENARIO_CHECK && !item->ok)
        printf("# not met: %s\n", item->text);
}

static bool stop(void *ctx)
{
    struct reader *r = ctx;
    return r->stops_after > 0 && ++r->asked >= r->stops_after;
}

static struct scenario_run play(const struct scenario *s, uint64_t seed, weir_time until,
                                struct reader *reader, struct capture_writer *capture)
{
    struct scenario_run run = {.seed = seed,
                               .until = until,
                               .capture = capture,
                               .report = read_item,
                               .stop = stop,
                               .ctx = reader};
    assert_int_equal(scenario_play(s, &run), 0);
    return run;
}

/* Of those that take seconds only the beginning is played over and over; tests of their own judge
 * them (middlebox_matrix.c, attacks.c). 0: to the end. */
static weir_time beginning(const struct scenario *s)
{
    return s->heavy ? 100 * WEIR_NS_PER_MS : 0;
}

static void test_every_scenario_meets_its_expectations_under_many_seeds(void **state)
{
    (void)state;
    const struct scenario *s;
    for (unsigned i = 0; (s = scenario_at(i)) != NULL; i++) {
        for (uint64_t seed = 1; seed <= 5 && !s->heavy; seed++) {
            struct reader reader = {0};
            struct scenario_run run = play(s, seed, 0, &reader, NULL);
            if (run.failed > 0)
                fail_msg("weir sim %s --seed %llu: %u expectations failed", s->name,
                         (unsigned long long)seed, run.failed);
            assert_true(run.checks > 0 && reader.checks == run.checks);
            assert_true(reader.sections > 0 && reader.figures > 0);
            assert_false(run.cut);
        }
    }
}

static void test_a_seed_gives_one_history_and_another_seed_another(void **state)
{
    (void)state;
    const struct scenario *s;
    for (unsigned i = 0; (s = scenario_at(i)) != NULL; i++) {
        struct reader reader = {0};
        struct scenario_run a = play(s, 1, beginning(s), &reader, NULL);
        struct scenario_run b = play(s, 1, beginning(s), &reader, NULL);
        struct scenario_run c = play(s, 2, beginning(s), &reader, NULL);
        assert_true(a.trace_hash == b.trace_hash);
        assert_true(a.stats.events == b.stats.events && a.ended == b.ended);
        if (a.trace_hash == c.trace_hash)
            fail_msg("%s: seeds 1 and 2 give the same history", s->name);
    }
}

/* The same on every machine, with every compiler, at every optimisation. A change of a scenario
 * that is meant changes its number: `weir sim NAME --seed 7 --verbose` says the new one, with
 * `--until 100ms` of those that take seconds. */
static void test_histories_are_the_same_everywhere(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t trace_hash;
    } golden[] = {
        {"ping", 0x320aeac3c25d5a78},              {"lossy", 0xdf8cdad784f156e8},
        {"queue", 0xa03eedcd74e8956b},             {"middleboxes", 0x3b7dd7b229aa7d04},
        {"blackhole", 0x5fc1e7bf695ba0e1},         {"hosts", 0xae36d2f58429c328},
        /* TCP: what it sends, and when. */
        {"bulk", 0xd7bb4e3104284b43},              {"swarm", 0x16487a3f65518ccd},
        {"middlebox-matrix", 0x6f08846eaba22e6b},  {"long-path", 0xe8fef6e3762b8d65},
        {"syn-flood", 0x3c75e5cefff8f43e},         {"cookie-forgery", 0xf1f7f07424283e4c},
        {"stuck-peers", 0x2acfce55b8496f0a},       {"fast-open-flood", 0xb1946c891a1dd15b},
        {"ptb-storm", 0x46c38e3c4c4123e9},         {"narrow-path", 0x225afd4305bbaeb1},
    };
    unsigned count = 0;
    while (scenario_at(count) != NULL)
        count++;
    assert_int_equal(count, sizeof golden / sizeof golden[0]);
    for (unsigned i = 0; i < count; i++) {
        struct reader reader = {0};
        const struct scenario *s = scenario_find(golden[i].name);
        assert_non_null(s);
        struct scenario_run run = play(s, 7, beginning(s), &reader, NULL);
        if (run.trace_hash != golden[i].trace_hash)
            fail_msg("%s: %#018llx", golden[i].name, (unsigned long long)run.trace_hash);
    }
}

static void test_a_capture_repeats_byte_for_byte_and_changes_nothing(void **state)
{
    (void)state;
    const struct scenario *s;
    for (unsigned i = 0; (s = scenario_at(i)) != NULL; i++) {
        struct capture_memory memory[2] = {{0}, {0}};
        struct capture_options options = {.format = CAPTURE_PCAPNG};
        struct reader reader = {0};
        struct scenario_run plain = play(s, 3, beginning(s), &reader, NULL);
        for (unsigned k = 0; k < 2; k++) {
            struct capture_writer writer;
            assert_int_equal(capture_open(&writer, capture_sink_memory(&memory[k]), &options), 0);
            struct scenario_run run = play(s, 3, beginning(s), &reader, &writer);
            assert_true(run.trace_hash == plain.trace_hash);
            assert_true(writer.packets > 0);
            assert_int_equal(capture_flush(&writer), 0);
        }
        assert_true(memory[0].len > 0 && memory[0].len == memory[1].len);
        assert_memory_equal(memory[0].bytes, memory[1].bytes, memory[0].len);
        capture_memory_free(&memory[0]);
        capture_memory_free(&memory[1]);
    }
}

static void test_a_run_that_is_cut_short_is_not_judged(void **state)
{
    (void)state;
    const struct scenario *s;
    for (unsigned i = 0; (s = scenario_at(i)) != NULL; i++) {
        struct reader reader = {0};
        struct scenario_run run = play(s, 1, 15 * WEIR_NS_PER_MS, &reader, NULL);
        assert_true(run.cut && !run.stopped);
        assert_int_equal(run.ended, 15 * WEIR_NS_PER_MS);
        assert_int_equal(run.checks, 0);
        assert_int_equal(reader.checks, 0);
    }
}

static void test_a_run_can_be_stopped_from_outside(void **state)
{
    (void)state;
    struct reader reader = {.stops_after = 2};
    struct scenario_run run = play(scenario_find("queue"), 1, 0, &reader, NULL);
    assert_true(run.stopped && run.cut);
    assert_int_equal(run.checks, 0);
    assert_true(run.ended > 0);
}

/* A sink with room for so many blocks. */
struct full {
    unsigned room;
    bool failed;
};

static int full_write(void *ctx, const struct weir_ref *part, unsigned count)
{
    struct full *full = ctx;
    (void)part;
    (void)count;
    full->failed = full->room == 0;
    full->room -= full->room > 0;
    return full->failed ? WEIR_E_IO : 0;
}

static void test_a_capture_that_cannot_be_written_ends_the_run(void **state)
{
    (void)state;
    const struct scenario *s;
    for (unsigned i = 0; (s = scenario_at(i)) != NULL; i++) {
        /* Before the first interface, before the first packet, and among the packets. */
        for (unsigned blocks = 1; blocks < 30; blocks++) {
            struct full full = {.room = blocks};
            struct capture_sink sink = {.write = full_write, .ctx = &full};
            struct capture_options options = {.format = CAPTURE_PCAPNG};
            struct capture_writer writer;
            assert_int_equal(capture_open(&writer, sink, &options), 0);
            struct scenario_run run = {.seed = 1, .until = beginning(s), .capture = &writer};
            int error = scenario_play(s, &run);
            assert_int_equal(writer.error, full.failed ? WEIR_E_IO : 0);
            assert_true(error == 0 || error == WEIR_E_IO);
            if (writer.packets > 0)
                assert_int_equal(error, writer.error);
        }
    }
}

static void test_names_find_their_scenarios(void **state)
{
    (void)state;
    static const char *const names[] = {"ping", "lossy", "queue", "middleboxes", "blackhole"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct scenario *s = scenario_find(names[i]);
        assert_non_null(s);
        assert_string_equal(s->name, names[i]);
        assert_true(strlen(s->summary) > 10);
    }
    assert_null(scenario_find("nothing"));
    assert_null(scenario_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_scenario_meets_its_expectations_under_many_seeds),
        cmocka_unit_test(test_a_seed_gives_one_history_and_another_seed_another),
        cmocka_unit_test(test_histories_are_the_same_everywhere),
        cmocka_unit_test(test_a_capture_repeats_byte_for_byte_and_changes_nothing),
        cmocka_unit_test(test_a_run_that_is_cut_short_is_not_judged),
        cmocka_unit_test(test_a_run_can_be_stopped_from_outside),
        cmocka_unit_test(test_a_capture_that_cannot_be_written_ends_the_run),
        cmocka_unit_test(test_names_find_their_scenarios),
    };
    return cmocka_run_group_tests_name("scenario", tests, NULL, NULL);
}
