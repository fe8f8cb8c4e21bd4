/* SPDX-License-Identifier: MIT
 * Running scripts: each kind of difference is found, where it is, and what is the same passes. */
#include "drill/drill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A connection that was accepted: nine lines. */
#define OPEN                                                                                       \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"                                                \
    "+0 bind(3, ..., ...) = 0\n"                                                                   \
    "+0 listen(3, 8) = 0\n"                                                                        \
    "+0 setsockopt(3, SOL_SOCKET, SO_RCVBUF, [10000], 4) = 0\n"                                    \
    "+0 < S 0:0(0) win 65535 <mss 1000>\n"                                                         \
    "+0 > S. 0:0(0) ack 1 win 10000 <mss 1460>\n"                                                  \
    "+.01 < . 1:1(0) ack 1 win 65535\n"                                                            \
    "+0 accept(3, ..., ...) = 4\n"                                                                 \
    "+.01 setsockopt(4, SOL_WEIR, QUICK_ACK, [1], 4) = 0\n"

static void run_with(struct drill_result *result, const char *text,
                     const struct drill_options *options)
{
    drill_run(result, "test", text, strlen(text), options);
    assert_non_null(result->report);
}

/* The verdict is `verdict` at `line`, and the report has `part`. */
static void expect(const char *text, enum drill_verdict verdict, unsigned line, const char *part)
{
    static const struct drill_options options = {.seed = 7};
    struct drill_result result;
    run_with(&result, text, &options);
    if (result.verdict != verdict || result.line != line || strstr(result.report, part) == NULL)
        fail_msg("verdict %d, line %u instead of %d, %u; no '%s' in:\n%s", (int)result.verdict,
                 result.line, (int)verdict, line, part, result.report);
    free(result.report);
}

static void passes(const char *text)
{
    expect(text, DRILL_PASSED, 0, "");
}

/* In the tenth line. */
static void fails(const char *line, const char *part)
{
    char text[2000];
    snprintf(text, sizeof text, "%s%s\n", OPEN, line);
    expect(text, DRILL_FAILED, 10, part);
}

static void test_script_passes(void **state)
{
    (void)state;
    passes(OPEN "+0 write(4, ..., 100) = 100\n"
                "+0 > P. 1:101(100) ack 1 win 10000\n"
                "+0 < P. 1:201(200) ack 101 win 65535\n"
                "+0 > . 101:101(0) ack 201\n"
                "+0 read(4, ..., 1000) = 200\n");
    passes("");
}

static void test_each_field_of_a_packet_is_compared(void **state)
{
    (void)state;
    static const struct {
        const char *packet, *field;
    } cases[] = {
        {". 1:101(100) ack 1", "flags"},
        {"P. 2:102(100) ack 1", "sequence number"},
        {"P. 1:102(101) ack 1", "length"},
        {"P. 1:101(100) ack 2", "ack"},
        {"P. 1:101(100) ack 1 win 9999", "window"},
        {"P. 1:101(100) ack 1 urg 1", "urg"},
        {"P. 1:101(100) ack 1 <nop,nop,nop,nop>", "options"},
        {"[ect0] P. 1:101(100) ack 1", "ECN"},
        {"[tos 4] P. 1:101(100) ack 1", "tos"},
        {"[ttl 63] P. 1:101(100) ack 1", "ttl"},
        {"[dport 1] P. 1:101(100) ack 1", "ports"},
        {"[nodf] P. 1:101(100) ack 1", "DF"},
        {"{2} P. 1:101(100) ack 1", "flow"},
        {"udp (100)", "protocol"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[2000], part[60];
        snprintf(text, sizeof text, "%s+0 write(4, ..., 100) = 100\n+0 > %s\n", OPEN,
                 cases[i].packet);
        snprintf(part, sizeof part, "differs in: %s", cases[i].field);
        expect(text, DRILL_FAILED, 11, part);
    }
}

static void test_time_of_a_packet_is_compared(void **state)
{
    (void)state;
    static const char write[] = OPEN "+0 setsockopt(4, SOL_WEIR, RTO_MIN_MS, [1000], 4) = 0\n"
                                     "+0 write(4, ..., 100) = 100\n"
                                     "+0 > P. 1:101(100) ack 1\n";
    char text[2000];
    static const struct {
        const char *time;
        bool right;
    } cases[] = {{"+1", true},        {"+.998", false},   {"+1.002", false}, {"+.9995", true},
                 {"+.5~+1.5", true},  {"+.5~+.9", false}, {"+1.1~+2", false}, {"*", true}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(text, sizeof text, "%s%s > P. 1:101(100) ack 1\n", write, cases[i].time);
        if (cases[i].right)
            passes(text);
        else
            expect(text, DRILL_FAILED, 13, "packet");
    }
}

static void test_packet_that_does_not_come_is_a_failure(void **state)
{
    (void)state;
    fails("+0 > . 1:1(0) ack 1", "no packet was sent");
    fails("* > . 1:1(0) ack 1", "no packet was sent");
}

static void test_packet_that_nobody_expects_is_a_failure(void **state)
{
    (void)state;
    expect(OPEN "+0 write(4, ..., 100) = 100\n+.1 close(4) = 0\n", DRILL_FAILED, 11,
           "not in the script");
    expect(OPEN "+0 write(4, ..., 100) = 100\n", DRILL_FAILED, 10, "not in the script");
    expect(OPEN "+0 write(4, ..., 100) = 100\n+5 %{ assert 1 }%\n", DRILL_FAILED, 11,
           "> P. 1:101(100) ack 1");
}

static void test_results_of_calls_are_compared(void **state)
{
    (void)state;
    fails("+0 write(4, ..., 100) = 99", "returned 100 and should return 99");
    fails("+0 write(4, ..., 100) = -1 EAGAIN", "returned 100 and should return -1 EAGAIN");
    fails("+0 recv(4, ..., 100, MSG_DONTWAIT) = 1", "returned -1 EAGAIN and should return 1");
    fails("+0 recv(4, ..., 100, MSG_DONTWAIT) = -1 EPIPE", "EAGAIN");
    fails("+0 getsockopt(4, SOL_SOCKET, SO_RCVBUF, [9999], [4]) = 0", "is 10000 and should be 9999");
    fails("+0 ioctl(4, SIOCINQ, [1]) = 0", "is 0 and should be 1");
    fails("+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLIN}], 1, 0) = 1", "revents of 4");
    fails("+0 close(9) = 0", "EBADF");
    fails("+0 %{ assert tcpi_state == 2 }%", "tcpi_state = 1");
    fails("+0 %{ assert count_passive_opens == 2 }%", "count_passive_opens = 1");
    fails("+0 weir_asked(4) = 5", "returned -1 EINVAL and should return 5");
    fails("+0 weir_decide(5, WEIR_TCP_ADMIT) = 0", "EBADF");
}

/* The SYN holds back for the data, and is none of fast open's: the option is not on. */
static void test_connect_leaves_the_syn_to_the_first_write(void **state)
{
    (void)state;
    static const char begin[] = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                                "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
                                "+0 setsockopt(3, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0\n"
                                "+0 connect(3, ..., ...) = 0\n";
    char text[2000];
    snprintf(text, sizeof text, "%s+.1 write(3, ..., 10) = 10\n+0 > S 0:0(0) <...>\n", begin);
    passes(text);
    snprintf(text, sizeof text, "%s+0 > S 0:0(0) <...>\n", begin);
    expect(text, DRILL_FAILED, 5, "no packet was sent");
    passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
           "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
           "+0 sendto(3, ..., 10, MSG_FASTOPEN, ..., ...) = 10\n"
           "+0 > S 0:0(0) <...>\n"
           "+.01 < S. 0:0(0) ack 1 win 1000\n"
           "+0 > P. 1:11(10) ack 1\n");
    passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
           "+0...0.01 sendto(3, ..., 10, MSG_FASTOPEN, ..., ...) = 10\n"
           "+0 > S 0:0(0) <...>\n"
           "+.01 < S. 0:0(0) ack 1 win 1000\n"
           "+0 > P. 1:11(10) ack 1\n");
}

/* A listener that opens fast, or asks; a SYN that makes use of it. */
#define LISTEN(setting)                                                                            \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"                                                \
    "+0 setsockopt(3, SOL_WEIR, " setting ", [1], 4) = 0\n"                                        \
    "+0 bind(3, ..., ...) = 0\n"                                                                   \
    "+0 listen(3, 8) = 0\n"

static void test_cookie_that_the_stack_chose_must_stay_the_same(void **state)
{
    (void)state;
#define REQUEST(flow, source, cookie)                                                              \
    "+0 < {" flow "} " source " S 0:0(0) win 1000 <mss 1000,FO,nop,nop>\n"                         \
    "+0 > {" flow "} S. 0:0(0) ack 1 <mss 1460,FO " cookie ",nop,nop>\n"
    passes(LISTEN("FAST_OPEN") REQUEST("1", "", "TFO_COOKIE") REQUEST("2", "", "TFO_COOKIE")
               REQUEST("3", "[src \"192.0.2.9\"]", "TFO_COOKIE2")
                   REQUEST("4", "", "TFO_COOKIE"));
    expect(LISTEN("FAST_OPEN") REQUEST("1", "", "TFO_COOKIE")
               REQUEST("2", "[src \"192.0.2.9\"]", "TFO_COOKIE"),
           DRILL_FAILED, 8, "differs in: options");
    expect(LISTEN("FAST_OPEN") REQUEST("1", "", "0000000000000000"), DRILL_FAILED, 6,
           "differs in: options");
#undef REQUEST
}

static void test_requests_have_numbers_and_members(void **state)
{
    (void)state;
    static const char syn[] = LISTEN("ASK") "+0 < S 0:0(0) win 1000 <mss 1000>\n";
    char text[2000];
    static const struct {
        const char *line, *part;
        enum drill_verdict verdict;
    } cases[] = {
        {"weir_asked(3, {peer_mss_bytes=1000, remote_port=40001}) = 7", "", DRILL_PASSED},
        {"weir_asked(3, {peer_mss_bytes=1001}) = 7", "is 1000 and should be 1001", DRILL_FAILED},
        {"weir_asked(3, {what=1}) = 7", "no member 'what'", DRILL_BROKEN},
        {"weir_asked(3) = -1 EAGAIN", "returned 1048576", DRILL_FAILED},
        {"weir_decide(7, WEIR_TCP_ADMIT) = 0", "EBADF", DRILL_FAILED},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(text, sizeof text, "%s+0 %s\n", syn, cases[i].line);
        expect(text, cases[i].verdict, cases[i].verdict == DRILL_PASSED ? 0 : 6, cases[i].part);
    }
    snprintf(text, sizeof text,
             "%s+0 weir_asked(3) = 7\n+0 weir_decide(7, WEIR_TCP_REFUSE) = 0\n"
             "+0 > R. 0:0(0) ack 1\n+0 weir_decide(7, WEIR_TCP_ADMIT) = -1 EBADF\n",
             syn);
    passes(text);
}

static void test_sequence_number_may_be_any(void **state)
{
    (void)state;
    passes(OPEN "+0 write(4, ..., 100) = 100\n+0 > [anyseq] P. 7:107(100) ack 1\n");
    expect(OPEN "+0 write(4, ..., 100) = 100\n+0 > [anyseq] P. 7:108(101) ack 1\n", DRILL_FAILED, 11,
           "differs in: length");
}

static void test_data_is_compared(void **state)
{
    (void)state;
    expect(OPEN "+0 < [fill 65] P. 1:4(3) ack 1 win 65535\n+0 > . 1:1(0) ack 4\n"
                "+0 read(4, \"AAB\", 10) = 3\n",
           DRILL_FAILED, 12, "byte 2");
    passes(OPEN "+0 < [fill 65] P. 1:4(3) ack 1 win 65535\n+0 > . 1:1(0) ack 4\n"
                "+0 read(4, \"AAA\", 10) = 3\n");
}

static void test_call_that_blocks_must_end_in_time(void **state)
{
    (void)state;
    static const char in[] = "+.1 < P. 1:101(100) ack 1 win 65535\n+0 > . 1:1(0) ack 101\n";
    char text[2000];
    snprintf(text, sizeof text, "%s+0...0.1 read(4, ..., 100) = 100\n%s", OPEN, in);
    passes(text);
    snprintf(text, sizeof text, "%s+0...0.2 read(4, ..., 100) = 100\n%s", OPEN, in);
    expect(text, DRILL_FAILED, 10, "ended at");
    snprintf(text, sizeof text, "%s+0...0.05 read(4, ..., 100) = 100\n%s", OPEN, in);
    expect(text, DRILL_FAILED, 10, "still waits");
    snprintf(text, sizeof text, "%s+0...0.05 read(4, ..., 100) = 100\n", OPEN);
    expect(text, DRILL_FAILED, 10, "still waits");
    expect(OPEN "+0 read(4, ..., 100) = 100\n", DRILL_FAILED, 10, "waits for ever");
}

static void test_poll_waits_as_long_as_it_says(void **state)
{
    (void)state;
    passes(OPEN "+0...0.25 poll([{fd=4, events=POLLIN, revents=0}], 1, 250) = 0\n");
    passes(OPEN "+0 poll([{fd=4, events=POLLIN, revents=0}], 1, 250) = 0\n"
                "+.25 close(4) = 0\n+0 > F. 1:1(0) ack 1\n");
    passes(OPEN "+0...0.1 poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 250) = 1\n"
                "+.1 < P. 1:101(100) ack 1 win 65535\n+0 > . 1:1(0) ack 101\n");
}

static void test_wrong_scripts_are_no_failures(void **state)
{
    (void)state;
    expect("0 what(3) = 0\n", DRILL_BROKEN, 1, "what");
    expect("0 close(3, 4) = 0\n", DRILL_BROKEN, 1, "arguments");
    expect("0 close(...) = 0\n", DRILL_BROKEN, 1, "descriptor");
    expect("\n0 %{ assert x }%\n", DRILL_BROKEN, 2, "'x'");
    expect("1 close(3) = -1 EBADF\n0 close(3) = -1 EBADF\n", DRILL_BROKEN, 2, "before");
    expect("--what=1\n", DRILL_BROKEN, 1, "no such setting");
    expect("\n--mtu=67\n", DRILL_BROKEN, 2, "impossible");
    expect("--tcp_time_wait_ms=1\n", DRILL_BROKEN, 1, "tcp_time_wait_ms");
    expect("0 < icmp source_quench\n", DRILL_BROKEN, 1, "no packet yet");
    expect("0 < S 0:0(0) win 1 <FO TFO_COOKIE,nop,nop>\n", DRILL_BROKEN, 1, "not shown");
    expect("0 %{ assert count_what }%\n", DRILL_BROKEN, 1, "count_what");
}

static void test_script_that_goes_on_reports_all(void **state)
{
    (void)state;
    static const char text[] = "--non_fatal=packet,syscall\n" OPEN "+0 write(4, ..., 100) = 99\n"
                               "+0 > P. 1:101(100) ack 2\n"
                               "+0...0.05 read(4, ..., 10) = 10\n"
                               "+.1 %{ assert 0 }%\n"
                               "+0 > . 1:1(0) ack 1\n"
                               "+0 write(4, ..., 100) = 100\n";
    static const unsigned lines[] = {11, 12, 13, 14, 15};
    static const struct drill_options options = {.seed = 7};
    struct drill_result result;
    char part[20];
    run_with(&result, text, &options);
    assert_int_equal(result.verdict, DRILL_FAILED);
    assert_int_equal(result.line, 11);
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(part, sizeof part, "test:%u:", lines[i]);
        assert_non_null(strstr(result.report, part));
    }
    free(result.report);
}

static void test_report_has_both_packets_and_what_came_before(void **state)
{
    (void)state;
    expect(OPEN "+0 write(4, ..., 100) = 100\n+0 > . 1:101(100) ack 1 <nop,nop,TS val 1 ecr 2>\n",
           DRILL_FAILED, 11,
           "test:11: the packet differs in: flags, options\n"
           "    script    +0 > . 1:101(100) ack 1 <nop,nop,TS val 1 ecr 2>\n"
           "    expected  0.020000  > . 1:101(100) ack 1 <nop,nop,TS val 1 ecr 2>\n"
           "    actual    0.020000  > P. 1:101(100) ack 1\n"
           "    before that:\n");
    expect(OPEN "+0 > . 1:1(0)\n", DRILL_FAILED, 10, "< S 0:0(0) win 65535 <mss 1000>");
}

static void test_runs_over_both_families_alike(void **state)
{
    (void)state;
    static const char text[] = OPEN "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n";
    static const struct drill_define define = {"1460", "1440"};
    static const struct drill_options options = {
        .ip6 = true, .seed = 1, .define = &define, .define_count = 1};
    struct drill_result result;
    run_with(&result, text, &options);
    assert_int_equal(result.verdict, DRILL_PASSED);
    assert_int_equal(result.events, 11);
    free(result.report);
}

static void test_packets_are_captured(void **state)
{
    (void)state;
    static const char text[] = OPEN "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1\n";
    struct capture_memory memory = {0};
    struct capture_writer writer;
    struct drill_options options = {.capture = &writer, .seed = 3};
    struct drill_result result;
    static const struct capture_options capture = {0};
    assert_int_equal(capture_open(&writer, capture_sink_memory(&memory), &capture), 0);
    assert_int_equal(capture_interface(&writer, CAPTURE_LINK_RAW, "test"), 0);
    run_with(&result, text, &options);
    assert_int_equal(result.verdict, DRILL_PASSED);
    assert_int_equal(result.packets, 4);
    assert_int_equal(writer.packets, 4);
    assert_int_equal(writer.error, 0);
    free(result.report);
    capture_memory_free(&memory);
}

static void test_checking_runs_nothing(void **state)
{
    (void)state;
    static const struct drill_options options = {.check = true};
    struct drill_result result;
    run_with(&result, "0 close(3) = 5\n+0 > . 1:1(0)\n", &options);
    assert_int_equal(result.verdict, DRILL_PASSED);
    assert_int_equal(result.events, 2);
    assert_int_equal(result.packets, 0);
    free(result.report);
}

static void test_same_seed_gives_the_same_packets(void **state)
{
    (void)state;
    struct capture_memory memory[2] = {{0}, {0}};
    static const struct capture_options capture = {0};
    for (unsigned i = 0; i < 2; i++) {
        struct capture_writer writer;
        struct drill_options options = {.capture = &writer, .seed = 3};
        struct drill_result result;
        assert_int_equal(capture_open(&writer, capture_sink_memory(&memory[i]), &capture), 0);
        assert_int_equal(capture_interface(&writer, CAPTURE_LINK_RAW, "test"), 0);
        run_with(&result, OPEN, &options);
        free(result.report);
    }
    assert_int_equal(memory[0].len, memory[1].len);
    assert_memory_equal(memory[0].bytes, memory[1].bytes, memory[0].len);
    capture_memory_free(&memory[0]);
    capture_memory_free(&memory[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script_passes),
        cmocka_unit_test(test_each_field_of_a_packet_is_compared),
        cmocka_unit_test(test_time_of_a_packet_is_compared),
        cmocka_unit_test(test_packet_that_does_not_come_is_a_failure),
        cmocka_unit_test(test_packet_that_nobody_expects_is_a_failure),
        cmocka_unit_test(test_results_of_calls_are_compared),
        cmocka_unit_test(test_connect_leaves_the_syn_to_the_first_write),
        cmocka_unit_test(test_cookie_that_the_stack_chose_must_stay_the_same),
        cmocka_unit_test(test_requests_have_numbers_and_members),
        cmocka_unit_test(test_sequence_number_may_be_any),
        cmocka_unit_test(test_data_is_compared),
        cmocka_unit_test(test_call_that_blocks_must_end_in_time),
        cmocka_unit_test(test_poll_waits_as_long_as_it_says),
        cmocka_unit_test(test_wrong_scripts_are_no_failures),
        cmocka_unit_test(test_script_that_goes_on_reports_all),
        cmocka_unit_test(test_report_has_both_packets_and_what_came_before),
        cmocka_unit_test(test_runs_over_both_families_alike),
        cmocka_unit_test(test_packets_are_captured),
        cmocka_unit_test(test_checking_runs_nothing),
        cmocka_unit_test(test_same_seed_gives_the_same_packets),
    };
    return cmocka_run_group_tests_name("drill_run", tests, NULL, NULL);
}
