/* SPDX-License-Identifier: MIT
 * The statements between %{ and }%, whose answers are those of Python. */
#include "drill/expr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool value_of(void *ctx, const char *name, int64_t *value)
{
    (void)ctx;
    if (strcmp(name, "seven") == 0)
        *value = 7;
    else if (strcmp(name, "tcpi_state") == 0)
        *value = 1;
    else
        return false;
    return true;
}

static char why[200];
static struct expr_variables variables;

static enum expr_result run(const char *code, bool check)
{
    struct expr_names names = {.value = value_of, .variables = &variables};
    return expr_run(code, &names, check, why, sizeof why);
}

static void holds(const char *code)
{
    if (run(code, false) != EXPR_HOLDS)
        fail_msg("%s: %s", code, why);
}

static void fails(const char *code)
{
    assert_int_equal(run(code, false), EXPR_FAILS);
}

static void is_broken(const char *code)
{
    assert_int_equal(run(code, false), EXPR_BROKEN);
    assert_true(strlen(why) > 0);
}

static void test_arithmetic_is_that_of_python(void **state)
{
    (void)state;
    holds("assert 2 + 3 * 4 == 14");
    holds("assert (2 + 3) * 4 == 20");
    holds("assert 7 // 2 == 3 and -7 // 2 == -4 and 7 // -2 == -4 and -7 // -2 == 3");
    holds("assert 7 % 3 == 1 and -7 % 3 == 2 and 7 % -3 == -2 and -7 % -3 == -1");
    holds("assert 8 / 2 == 4");
    holds("assert 1 << 4 == 16 and 256 >> 4 == 16 and -1 >> 1 == -1");
    holds("assert 6 & 3 == 2");
    holds("assert 6 | 1 == 7 and 6 ^ 3 == 5 and 6 & 3 | 8 == 10");
    holds("assert 1 + 1 << 1 == 4");
    holds("assert -3 + +3 == 0 and - -3 == 3");
    holds("assert 0x10 == 16 and 1_000 == 1000 and 0xFf == 255");
    holds("assert 9223372036854775807 + 1 < 0");
}

static void test_comparisons_chain(void **state)
{
    (void)state;
    holds("assert 1 < 2 < 3");
    fails("assert 1 < 3 < 2");
    holds("assert 1 <= 1 != 2 >= 2 == 2 > 0");
    fails("assert 3 > 2 > 2");
    holds("assert (3 > 2) == 1");
}

static void test_logic_binds_as_in_python(void **state)
{
    (void)state;
    holds("assert 1 or 0 and 0");
    fails("assert (1 or 0) and 0");
    holds("assert not 0 and not not 1");
    holds("assert not 1 == 2");
    holds("assert 1 or 1 / 0");
    holds("assert not (0 and 1 / 0)");
    is_broken("assert 0 or 1 / 0");
    holds("assert (0 or 5) == 5 and (3 and 5) == 5 and (0 and 5) == 0");
    holds("assert abs(-5) == 5 and min(3, 1, 2) == 1 and max(3, 1, 2) == 3 and int(4) == 4");
}

static void test_statements_end_with_lines_and_semicolons(void **state)
{
    (void)state;
    holds("");
    holds("  \n ; \n# nothing\n");
    holds("assert 1; assert 2 # and so on\nassert (3 ==\n  3)\npass\n");
    holds("print(\"text\", seven, 'more'); assert seven == 7, \"said\"");
    holds("assert tcpi_state == 1, tcpi_state");
    holds("print('%d' % seven)");
    fails("assert 1; assert 0; assert 1");
    is_broken("assert 1 assert 2");
    is_broken("assert 1 ==\n 1");
}

static void test_names_can_be_assigned(void **state)
{
    (void)state;
    variables.count = 0;
    is_broken("assert x == 1");
    holds("x = seven * 2; assert x == 14");
    holds("assert x == 14; x = x + 1\ny = x == 15");
    holds("assert x == 15 and y == 1");
    holds("seven = 8; assert seven == 8");
    is_broken("x + 1");
    is_broken("x == 15");
    is_broken("1 = 2");
    variables.count = 0;
    for (unsigned i = 0; i < EXPR_VARIABLES_MAX; i++) {
        char code[40];
        snprintf(code, sizeof code, "v%u = %u", i, i);
        holds(code);
    }
    holds("v3 = 4; assert v3 == 4 and v31 == 31");
    is_broken("one_more = 1");
    variables.count = 0;
    struct expr_names names = {.value = value_of};
    assert_int_equal(expr_run("x = 1", &names, false, why, sizeof why), EXPR_BROKEN);
}

static void test_failure_says_what_and_why(void **state)
{
    (void)state;
    fails("assert 1\nassert seven == tcpi_state + 3, 'no'");
    assert_string_equal(why, "seven == tcpi_state + 3 does not hold: seven = 7, tcpi_state = 1");
    fails("assert 1 > 2");
    assert_string_equal(why, "1 > 2 does not hold");
}

static void test_what_is_not_understood_is_said(void **state)
{
    (void)state;
    static const char *const codes[] = {
        "assert eight == 8", "assert", "assert (1", "assert 1 +",  "import os",   "assert 1.5 < 2",
        "assert f(1) == 1",  "x 1",    "assert 1)", "assert 1 / 0", "assert 1 % 0", "assert 1 << 64",
        "assert 1 << -1",    "print",  "print(1",   "assert 'a'",  "assert 1, \"x",
    };
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++)
        is_broken(codes[i]);
}

static void test_checking_reads_and_does_not_judge(void **state)
{
    (void)state;
    assert_int_equal(run("assert 0; assert 1 / 0; assert 1 << 99", true), EXPR_HOLDS);
    assert_int_equal(run("assert eight", true), EXPR_BROKEN);
}

static void test_depth_is_limited(void **state)
{
    (void)state;
    char code[1000];
    memset(code, '(', sizeof code);
    memcpy(code, "assert ", 7);
    code[sizeof code - 1] = '\0';
    is_broken(code);
    memset(code + 7, '-', sizeof code - 8);
    is_broken(code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic_is_that_of_python),
        cmocka_unit_test(test_comparisons_chain),
        cmocka_unit_test(test_logic_binds_as_in_python),
        cmocka_unit_test(test_statements_end_with_lines_and_semicolons),
        cmocka_unit_test(test_names_can_be_assigned),
        cmocka_unit_test(test_failure_says_what_and_why),
        cmocka_unit_test(test_what_is_not_understood_is_said),
        cmocka_unit_test(test_checking_reads_and_does_not_judge),
        cmocka_unit_test(test_depth_is_limited),
    };
    return cmocka_run_group_tests_name("drill_expr", tests, NULL, NULL);
}
