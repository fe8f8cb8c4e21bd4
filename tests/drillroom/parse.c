/* SPDX-License-Identifier: MIT
 * The language of scripts: what becomes of text, and what is said of text that is none. */
#include "drill/script.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static const struct drill_options no_options;

static bool parse(struct script *script, const char *text)
{
    return script_parse(script, "test", text, strlen(text), &no_options);
}

/* The first event, which must be all right. */
static const struct script_event *first(struct script *script, const char *text)
{
    if (!parse(script, text))
        fail_msg("%s: line %u: %s", text, script->error_line, script->error);
    assert_non_null(script->events);
    return script->events;
}

static void test_times_are_relative_absolute_ranges_or_any(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum script_time_kind kind;
        weir_time from, to;
    } cases[] = {
        {"0", SCRIPT_TIME_ABSOLUTE, 0, 0},
        {"+0", SCRIPT_TIME_RELATIVE, 0, 0},
        {"1.5", SCRIPT_TIME_ABSOLUTE, 1500000000, 1500000000},
        {"+.1", SCRIPT_TIME_RELATIVE, 100000000, 100000000},
        {"+0.000000001", SCRIPT_TIME_RELATIVE, 1, 1},
        {"+.1~+.25", SCRIPT_TIME_RELATIVE, 100000000, 250000000},
        {"+.1~.25", SCRIPT_TIME_RELATIVE, 100000000, 250000000},
        {"3~4", SCRIPT_TIME_ABSOLUTE, 3000000000, 4000000000},
        {"*", SCRIPT_TIME_ANY, 0, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script script;
        char text[80];
        snprintf(text, sizeof text, "%s > . 1:1(0) ack 1", cases[i].text);
        const struct script_event *e = first(&script, text);
        assert_int_equal(e->when.kind, cases[i].kind);
        assert_int_equal(e->when.from, cases[i].from);
        assert_int_equal(e->when.to, cases[i].to);
        assert_false(e->when.blocks);
        script_free(&script);
    }
}

static void test_end_of_a_call_counts_as_its_beginning_does(void **state)
{
    (void)state;
    struct script script;
    const struct script_event *e = first(&script, "0...0.2 accept(3, ..., ...) = 4\n"
                                                  "+.1...0.3 accept(3, ..., ...) = 5\n"
                                                  "1...+0.3 accept(3, ..., ...) = 6\n");
    assert_true(e->when.blocks && !e->when.end_relative);
    assert_int_equal(e->when.end, 200000000);
    e = e->next;
    assert_true(e->when.blocks && e->when.end_relative);
    assert_int_equal(e->when.end, 300000000);
    e = e->next;
    assert_true(e->when.blocks && !e->when.end_relative);
    assert_int_equal(e->when.end, 1300000000);
    script_free(&script);
}

static void test_packet_has_every_field(void **state)
{
    (void)state;
    struct script script;
    const struct script_packet *p =
        first(&script, "+0 < {3} [ect0, tos 8, ttl 9, reserved 5, header 24, fill 7, more] "
                       "80 > 90 FSRP.UEWA 10:15(5) ack 7 win 65535 urg 3 <nop,nop,nop,eol>")
            ->packet;
    assert_false(p->out);
    assert_int_equal(p->flow, 3);
    assert_int_equal(p->ecn, SCRIPT_ECN_ECT0);
    assert_int_equal(p->tos, 8);
    assert_int_equal(p->ttl, 9);
    assert_int_equal(p->flags, TCP_FLAGS | 5 << 9);
    assert_int_equal(p->header_len, 24);
    assert_int_equal(p->fill, 7);
    assert_true(p->more);
    assert_int_equal(p->source_port, 80);
    assert_int_equal(p->destination_port, 90);
    assert_int_equal(p->seq, 10);
    assert_int_equal(p->len, 5);
    assert_true(p->has_ack);
    assert_int_equal(p->ack, 7);
    assert_int_equal(p->window, 65535);
    assert_int_equal(p->urgent, 3);
    assert_int_equal(p->options_len, 4);
    script_free(&script);
}

static void test_packet_leaves_unsaid_what_is_not_there(void **state)
{
    (void)state;
    struct script script;
    const struct script_packet *p = first(&script, "+0 > - 4294967295:4(5)")->packet;
    assert_true(p->out);
    assert_int_equal(p->flow, 1);
    assert_int_equal(p->flags, 0);
    assert_int_equal(p->seq, UINT32_MAX);
    assert_false(p->has_ack || p->any_options);
    assert_int_equal(p->window, -1);
    assert_int_equal(p->urgent, -1);
    assert_int_equal(p->tos, -1);
    assert_int_equal(p->options_len, 0);
    script_free(&script);
}

static void test_options_become_their_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t len, bytes[40];
    } cases[] = {
        {"mss 1460", 4, {2, 4, 0x05, 0xb4}},
        {"nop,wscale 7", 4, {1, 3, 3, 7}},
        {"sackOK,nop,nop", 4, {4, 2, 1, 1}},
        {"nop, nop, TS val 1 ecr 4294967295",
         12,
         {1, 1, 8, 10, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff}},
        {"nop,nop,sack 1:2 258:65536",
         20,
         {1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 2, 0, 1, 0, 0}},
        {"FO aabbccdd,nop,nop", 8, {34, 6, 0xaa, 0xbb, 0xcc, 0xdd, 1, 1}},
        {"FOEXP", 4, {254, 4, 0xf9, 0x89}},
        {"uto 5", 4, {28, 4, 0, 5}},
        {"uto 5 min", 4, {28, 4, 0x80, 5}},
        {"nop,nop,FO TFO_COOKIE2", 12, {1, 1, 34, 10}},
        {"FOEXP TFO_COOKIE", 12, {254, 12, 0xf9, 0x89}},
        {"raw fd04,raw 0102", 4, {0xfd, 4, 1, 2}},
        {"nop,nop,md5", 20, {1, 1, 19, 18}},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script script;
        char text[120];
        snprintf(text, sizeof text, "+0 < . 1:1(0) ack 1 <%s>", cases[i].text);
        const struct script_packet *p = first(&script, text)->packet;
        assert_int_equal(p->options_len, cases[i].len);
        assert_memory_equal(p->options, cases[i].bytes, cases[i].len);
        script_free(&script);
    }
}

static void test_icmp_names_are_those_of_the_family(void **state)
{
    (void)state;
    struct script script;
    const struct script_packet *p =
        first(&script, "0 < icmp unreachable frag_needed mtu 1400 [1:1461(1460)]\n")->packet;
    assert_int_equal(p->icmp_type, 3);
    assert_int_equal(p->icmp_code, 4);
    assert_int_equal(p->icmp_mtu, 1400);
    assert_true(p->quotes && p->quoted == SCRIPT_TCP);
    assert_int_equal(p->quoted_len, 1460);
    script_free(&script);
    p = first(&script, "--ip_version=ipv6\n0 < icmpv6 packet_too_big mtu 1280 [udp (9)]")->packet;
    assert_int_equal(p->icmp_type, 2);
    assert_true(p->quotes && p->quoted == SCRIPT_UDP);
    script_free(&script);
    assert_false(parse(&script, "0 < icmp packet_too_big mtu 1280"));
    script_free(&script);
}

static void test_call_has_values_within_values(void **state)
{
    (void)state;
    struct script script;
    const struct script_call *c =
        first(&script,
              "0 f(-1, 0x10, SOCK_STREAM|SOCK_NONBLOCK, ..., \"a\\n\\x41\", [1, 2], "
              "{sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr(\"1.2.3.4\")}, "
              "{msg_iov(1)=[{..., 9}], .flags=0}) = -1 EAGAIN (Resource temporarily unavailable)")
            ->call;
    const struct script_value *v = c->args;
    assert_string_equal(c->name, "f");
    assert_int_equal(v->number, -1);
    assert_int_equal((v = v->next)->number, 16);
    assert_int_equal((v = v->next)->number, SOCK_STREAM | SOCK_NONBLOCK);
    assert_int_equal((v = v->next)->kind, SCRIPT_ELLIPSIS);
    v = v->next;
    assert_int_equal(v->text_len, 3);
    assert_memory_equal(v->text, "a\nA", 3);
    v = v->next;
    assert_int_equal(v->kind, SCRIPT_LIST);
    assert_int_equal(v->first->next->number, 2);
    v = v->next;
    assert_int_equal(v->kind, SCRIPT_STRUCT);
    assert_string_equal(v->first->name, "sa_family");
    assert_int_equal(v->first->next->number, 80);
    assert_string_equal(v->first->next->next->text, "1.2.3.4");
    v = v->next;
    assert_string_equal(v->first->name, "msg_iov");
    assert_int_equal(v->first->first->first->kind, SCRIPT_ELLIPSIS);
    assert_int_equal(v->first->first->first->next->number, 9);
    assert_string_equal(v->first->next->name, "flags");
    assert_null(v->next);
    assert_int_equal(c->result, -1);
    assert_int_equal(c->error, EAGAIN);
    script_free(&script);
}

static void test_comments_and_lines_are_counted(void **state)
{
    (void)state;
    struct script script;
    const struct script_event *e = first(&script, "// one\n# two\n/* three\n four */ --mtu=576\n\n"
                                                  "0 close(3) = 0 // six\n"
                                                  "+0\n%{ assert 1 # x\n}% +1 close(3) = 0");
    assert_string_equal(script.settings->name, "mtu");
    assert_string_equal(script.settings->value, "576");
    assert_int_equal(script.settings->line, 4);
    assert_int_equal(e->line, 6);
    assert_int_equal(e->next->line, 8);
    assert_string_equal(e->next->code, " assert 1 # x\n");
    script_free(&script);
}

static void test_definitions_replace_whole_words(void **state)
{
    (void)state;
    static const struct drill_define define[] = {{"LEN", "100"}, {"END", "101"}};
    static const struct drill_options options = {.define = define, .define_count = 2};
    static const char text[] = "0 < . 1:END(LEN) ack 1 // LENGTH\n";
    struct script script;
    assert_true(script_parse(&script, "test", text, strlen(text), &options));
    assert_int_equal(script.events->packet->len, 100);
    struct weir_ref line = script_line(&script, 1);
    assert_memory_equal(line.data, "0 < . 1:101(100) ack 1 // LENGTH", line.len);
    script_free(&script);
}

static void test_what_is_no_script_is_said_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
        unsigned line;
    } cases[] = {
        {"0 < S 0:1(0)", "not a length", 1},
        {"\n\n0 < X 0:0(0)", "TCP flags", 3},
        {"0 < . 1:1(0) win 65536", "65536", 1},
        {"0 < . 1:1(0) ack 4294967296", "4294967296", 1},
        {"0 < . 1:1(0) <mss 1460", "'>'", 1},
        {"0 < . 1:1(0) <nop>", "multiple of 4", 1},
        {"0 < . 1:1(0) <wat>", "option", 1},
        {"0 < . 1:1(0) <...>", "packets of the stack", 1},
        {"0 < . 1:1(0) <nop,nop,sack 1:2 1:2 1:2 1:2 1:2>", "more", 1},
        {"0 > [bad_checksum] . 1:1(0)", "come in", 1},
        {"0 < [wat] . 1:1(0)", "wat", 1},
        {"0 < [df] . 1:1(0)", "packets of the stack", 1},
        {"0 < S 0:0(0) <uto 32768 min>", "15 bits", 1},
        {"0 < S 0:0(0) <FO 123>", "hexadecimal", 1},
        {"0 < [header 21] . 1:1(0)", "multiple of 4", 1},
        {"0 < {0} . 1:1(0)", "flow", 1},
        {"* < . 1:1(0)", "needs a time", 1},
        {"1~+2 > . 1:1(0)", "absolute", 1},
        {"2~1 > . 1:1(0)", "ends before", 1},
        {"0 close(3)", "'='", 1},
        {"0 close(3) = -1 EWHAT", "EWHAT", 1},
        {"0 close(WHAT) = 0", "WHAT", 1},
        {"0 close(3 = 0", "')'", 1},
        {"0 write(3, \"abc, 3) = 3", "text does not end", 1},
        {"`../common/defaults.sh`\n0 close(3) = 0", "shell", 1},
        {"0 close(3) = 0\n+0 `ip route`", "shell", 2},
        {"0 %{ assert 1", "}%", 1},
        {"/* never", "comment", 1},
        {"0 < gre: 1", "gre", 1},
        {"close(3) = 0", "time", 1},
        {"0.1234567890 close(3) = 0", "decimals", 1},
        {"0 f([[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]) = 0", "within each other", 1},
        {"--\n0 close(3) = 0", "setting", 2},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script script;
        assert_false(parse(&script, cases[i].text));
        if (strstr(script.error, cases[i].part) == NULL || script.error_line != cases[i].line)
            fail_msg("%s: line %u: %s", cases[i].text, script.error_line, script.error);
        script_free(&script);
    }
}

static void test_too_large_a_script_is_refused(void **state)
{
    (void)state;
    static char text[SCRIPT_BYTES_MAX + 1];
    struct script script;
    memset(text, '\n', sizeof text);
    assert_true(script_parse(&script, "test", text, SCRIPT_BYTES_MAX, &no_options));
    script_free(&script);
    assert_false(script_parse(&script, "test", text, SCRIPT_BYTES_MAX + 1, &no_options));
    script_free(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_are_relative_absolute_ranges_or_any),
        cmocka_unit_test(test_end_of_a_call_counts_as_its_beginning_does),
        cmocka_unit_test(test_packet_has_every_field),
        cmocka_unit_test(test_packet_leaves_unsaid_what_is_not_there),
        cmocka_unit_test(test_options_become_their_bytes),
        cmocka_unit_test(test_icmp_names_are_those_of_the_family),
        cmocka_unit_test(test_call_has_values_within_values),
        cmocka_unit_test(test_comments_and_lines_are_counted),
        cmocka_unit_test(test_definitions_replace_whole_words),
        cmocka_unit_test(test_what_is_no_script_is_said_with_its_line),
        cmocka_unit_test(test_too_large_a_script_is_refused),
    };
    return cmocka_run_group_tests_name("drill_parse", tests, NULL, NULL);
}
