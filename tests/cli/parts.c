/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli.h"
#include "sim/build.h"

static void test_seeds_are_whole_numbers_of_64_bits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t seed;
    } good[] = {{"0", 0},
                {"7", 7},
                {"007", 7},
                {"0x1f", 31},
                {"18446744073709551615", UINT64_MAX},
                {"0xffffffffffffffff", UINT64_MAX}};
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1.5",
                                      "x",
                                      "0x",
                                      "0xg",
                                      "1e3",
                                      "18446744073709551616",
                                      "0x10000000000000000"};
    uint64_t seed;
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(cli_parse_seed(good[i].text, &seed));
        assert_true(seed == good[i].seed);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (cli_parse_seed(bad[i], &seed))
            fail_msg("'%s' is taken for a seed", bad[i]);
}

static void test_times_have_a_unit_or_are_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        weir_time ns;
    } good[] = {{"1", 1000000000},
                {"1ns", 1},
                {"20us", 20000},
                {"250ms", 250000000},
                {"1.5s", 1500000000},
                {"0.000000001s", 1},
                {"2min", 120000000000},
                {"0.5min", 30000000000},
                {"999999999s", INT64_C(999999999000000000)}};
    static const char *const bad[] = {"",
                                      "0",
                                      "0.0s",
                                      ".5s",
                                      "5.s",
                                      "-1s",
                                      "s",
                                      "1m",
                                      "1h",
                                      "1 s",
                                      "1s ",
                                      "1..5",
                                      "0.5ns",
                                      "1000000000s",
                                      "1.0000000000s",
                                      "999999999min",
                                      "1.999999999min"};
    weir_time ns;
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!cli_parse_time(good[i].text, &ns) || ns != good[i].ns)
            fail_msg("'%s'", good[i].text);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (cli_parse_time(bad[i], &ns))
            fail_msg("'%s' is taken for a time", bad[i]);
}

static void test_times_are_printed_in_their_largest_unit(void **state)
{
    (void)state;
    static const struct {
        weir_time ns;
        const char *text;
    } cases[] = {{0, "0 ns"},
                 {999, "999 ns"},
                 {1000, "1 us"},
                 {1050, "1.05 us"},
                 {40134400, "40.1344 ms"},
                 {1000000000, "1 s"},
                 {5024503047, "5.024503047 s"},
                 {3600000000000, "3600 s"},
                 {-1500, "-1.5 us"}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[40];
        cli_time_text(text, sizeof text, cases[i].ns);
        assert_string_equal(text, cases[i].text);
    }
}

/* What a report prints, as a string to be freed. */
static char *report(const struct scenario_run *run, bool colour)
{
    char *text = NULL, *copy;
    size_t size;
    struct cli_text t = {.colour = colour};
    static const struct scenario scenario = {.name = "name", .summary = "summary"};
    static const struct scenario_item items[] = {
        {.kind = SCENARIO_SECTION, .text = "part"},
        {.kind = SCENARIO_FIGURE, .text = "packets seen", .value = 12, .unit = "packets"},
        {.kind = SCENARIO_FIGURE, .text = "round trip", .value = 40134400, .unit = "ns"},
        {.kind = SCENARIO_NOTE, .text = "a remark"},
        {.kind = SCENARIO_CHECK, .text = "good", .ok = true},
        {.kind = SCENARIO_CHECK, .text = "bad"},
    };
    t.out = open_memstream(&text, &size);
    assert_non_null(t.out);
    cli_text_begin(&t, &scenario, 9);
    for (unsigned i = 0; i < sizeof items / sizeof items[0]; i++)
        cli_text_item(&t, &items[i]);
    cli_text_end(&t, &scenario, run);
    fclose(t.out);
    copy = strdup(text);
    free(text);
    assert_non_null(copy);
    return copy;
}

static void test_a_report_says_what_failed(void **state)
{
    (void)state;
    struct scenario_run run = {.checks = 2, .failed = 1, .ended = 1500};
    char *text = report(&run, false);
    assert_string_equal(text, "name: summary (seed 9)\n"
                              "\n"
                              "part\n"
                              "  packets seen                                 12 packets\n"
                              "  round trip                              40.1344 ms\n"
                              "  a remark\n"
                              "  ok     good\n"
                              "  FAILED bad\n"
                              "\n"
                              "name: 1 of 2 expectations FAILED\n");
    free(text);
    run = (struct scenario_run){.cut = true, .ended = 1500};
    text = report(&run, false);
    assert_non_null(strstr(text, "\nname: stopped at 1.5 us, not judged\n"));
    free(text);
    run = (struct scenario_run){.error = WEIR_E_EXHAUSTED, .ended = 1500};
    text = report(&run, false);
    assert_non_null(strstr(text, "\nname: a configured limit is reached after 1.5 us\n"));
    free(text);
}

static void test_colour_is_the_only_difference_that_colour_makes(void **state)
{
    (void)state;
    struct scenario_run run = {.checks = 1, .failed = 1};
    char *plain = report(&run, false), *coloured = report(&run, true);
    assert_null(strchr(plain, '\x1b'));
    assert_non_null(strstr(coloured, "\x1b[31mFAILED\x1b[0m bad"));
    char *to = coloured;
    for (const char *from = coloured; *from != '\0';) {
        if (*from == '\x1b')
            from = strchr(from, 'm') + 1;
        else
            *to++ = *from++;
    }
    *to = '\0';
    assert_string_equal(plain, coloured);
    free(plain);
    free(coloured);
}

/* What cli_finish() answers, and what it says on stderr. */
static int finish(const struct scenario_run *run, const char *until, char *said, size_t size)
{
    static const struct scenario scenario = {.name = "name", .summary = "summary"};
    FILE *saved = stderr;
    memset(said, 0, size);
    stderr = fmemopen(said, size, "w");
    assert_non_null(stderr);
    int code = cli_finish(&scenario, run, until);
    fclose(stderr);
    stderr = saved;
    return code;
}

static void test_a_failed_run_ends_with_the_command_that_repeats_it(void **state)
{
    (void)state;
    char said[300];
    struct scenario_run run = {.seed = UINT64_MAX, .checks = 3, .failed = 1};
    assert_int_equal(finish(&run, NULL, said, sizeof said), CLI_FAILED);
    assert_string_equal(said, "weir: name: 1 of 3 expectations failed; this runs it again:\n"
                              "weir sim name --seed 18446744073709551615\n");
    assert_int_equal(finish(&run, "1.5s", said, sizeof said), CLI_FAILED);
    assert_non_null(strstr(said, "weir sim name --seed 18446744073709551615 --until 1.5s\n"));
    run = (struct scenario_run){.checks = 3};
    assert_int_equal(finish(&run, NULL, said, sizeof said), CLI_OK);
    assert_string_equal(said, "");
    run = (struct scenario_run){.error = WEIR_E_EXHAUSTED};
    assert_int_equal(finish(&run, NULL, said, sizeof said), CLI_FAILED);
    assert_string_equal(said, "weir: name: a configured limit is reached\n");
    run = (struct scenario_run){.stopped = true, .failed = 1};
    assert_int_equal(finish(&run, NULL, said, sizeof said), CLI_INTERRUPTED);
    assert_string_equal(said, "weir: interrupted\n");
}

/* ---- lines ---- */

struct capture {
    char *text;
    size_t size;
    FILE *out;
    struct cli_lines *lines;
    struct capture_writer writer;
    struct capture_memory memory;
};

static void capture_begin(struct capture *c, bool classic)
{
    struct capture_options options = {.format = CAPTURE_PCAPNG};
    memset(c, 0, sizeof *c);
    c->out = open_memstream(&c->text, &c->size);
    assert_non_null(c->out);
    c->lines = cli_lines_new(c->out, classic, capture_sink_memory(&c->memory));
    assert_non_null(c->lines);
    assert_int_equal(capture_open(&c->writer, cli_lines_sink(c->lines), &options), 0);
    assert_int_equal(capture_interface(&c->writer, CAPTURE_LINK_RAW, "a.left"), 0);
    assert_int_equal(capture_interface(&c->writer, CAPTURE_LINK_RAW, "long.right"), 1);
}

static void capture_segment(struct capture *c, bool back, uint16_t flags, weir_time time)
{
    uint8_t p[200];
    static const uint8_t data[10];
    struct weir_addr a = build_addr("10.0.0.1"), b = build_addr("10.0.0.2");
    bool syn = (flags & TCP_SYN) != 0;
    struct build_tcp tcp = {.ip = {.source = back ? b : a, .destination = back ? a : b},
                            .source_port = back ? 80 : 40000,
                            .destination_port = back ? 40000 : 80,
                            .seq = {(back ? 5000U : 1000U) + (syn ? 0 : 1)},
                            .ack = {(flags & TCP_ACK) == 0 ? 0 : (back ? 1001U : 5001U)},
                            .flags = flags,
                            .window = 512,
                            .payload = {data, syn ? 0 : sizeof data}};
    struct weir_ref part = {p, build_tcp(p, sizeof p, &tcp)};
    struct capture_packet packet = {.interface = back,
                                    .direction = back ? CAPTURE_INBOUND : CAPTURE_OUTBOUND,
                                    .time = time,
                                    .comment = back ? "lost: on purpose" : NULL,
                                    .part = &part,
                                    .part_count = 1};
    assert_int_equal(capture_packet(&c->writer, &packet), 0);
}

static void capture_end(struct capture *c)
{
    fclose(c->out);
    free(c->text);
    cli_lines_free(c->lines);
    capture_memory_free(&c->memory);
}

static void test_packets_become_lines_with_time_place_and_direction(void **state)
{
    (void)state;
    struct capture c;
    capture_begin(&c, false);
    capture_segment(&c, false, TCP_SYN, 0);
    capture_segment(&c, true, TCP_SYN | TCP_ACK, INT64_C(3723000456789));
    capture_segment(&c, false, TCP_ACK, INT64_C(3723000457000));
    fflush(c.out);
    assert_string_equal(
        c.text,
        "00:00:00.000000 a.left     Out IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [S], seq 1000, "
        "win 512, length 0\n"
        "01:02:03.000456 long.right In  IP 10.0.0.2.80 > 10.0.0.1.40000: Flags [S.], seq 5000, "
        "ack 1001, win 512, length 0  [lost: on purpose]\n"
        "01:02:03.000457 a.left     Out IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [.], seq 1:11, "
        "ack 1, win 512, length 10\n");
    capture_end(&c);
}

static void test_numbers_stay_absolute_without_the_handshake(void **state)
{
    (void)state;
    struct capture c;
    capture_begin(&c, true);
    capture_segment(&c, false, TCP_ACK | TCP_PSH, 0);
    fflush(c.out);
    assert_non_null(strstr(c.text, "1001:1011(10) ack 5001"));
    capture_end(&c);
}

static void test_the_capture_passes_through_the_lines_unchanged(void **state)
{
    (void)state;
    struct capture c;
    struct capture_memory alone = {0};
    struct capture_writer writer;
    struct capture_options options = {.format = CAPTURE_PCAPNG};
    capture_begin(&c, false);
    capture_segment(&c, true, TCP_SYN, 7);
    struct capture d = c; /* the same packets to another writer */
    assert_int_equal(capture_open(&writer, capture_sink_memory(&alone), &options), 0);
    d.writer = writer;
    capture_interface(&d.writer, CAPTURE_LINK_RAW, "a.left");
    capture_interface(&d.writer, CAPTURE_LINK_RAW, "long.right");
    capture_segment(&d, true, TCP_SYN, 7);
    assert_int_equal(alone.len, c.memory.len);
    assert_memory_equal(alone.bytes, c.memory.bytes, alone.len);
    capture_memory_free(&alone);
    capture_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds_are_whole_numbers_of_64_bits),
        cmocka_unit_test(test_times_have_a_unit_or_are_seconds),
        cmocka_unit_test(test_times_are_printed_in_their_largest_unit),
        cmocka_unit_test(test_a_report_says_what_failed),
        cmocka_unit_test(test_colour_is_the_only_difference_that_colour_makes),
        cmocka_unit_test(test_a_failed_run_ends_with_the_command_that_repeats_it),
        cmocka_unit_test(test_packets_become_lines_with_time_place_and_direction),
        cmocka_unit_test(test_numbers_stay_absolute_without_the_handshake),
        cmocka_unit_test(test_the_capture_passes_through_the_lines_unchanged),
    };
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
