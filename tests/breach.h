/* SPDX-License-Identifier: MIT
 * Breaches of contract that a test provokes on purpose: the assertion handler of the code under test
 * calls breach_told(), and expect_breach() proves that it did. Include it after cmocka. */
#ifndef WEIR_TESTS_BREACH_H
#define WEIR_TESTS_BREACH_H

#include <stdbool.h>

static struct {
    jmp_buf to;
    bool expected;
} breach;

/* What an assertion handler does: never returns. An assertion that no test provoked fails it. */
_Noreturn static inline void breach_told(const char *expression, const char *file, int line)
{
    if (!breach.expected) {
        print_error("assertion failed: %s\n", expression);
        _fail(file, line);
    }
    breach.expected = false;
    longjmp(breach.to, 1);
}

/* Run a statement that must fail an assertion. */
#define expect_breach(statement)                                                                   \
    do {                                                                                           \
        breach.expected = true;                                                                    \
        if (setjmp(breach.to) == 0) {                                                              \
            statement;                                                                             \
            breach.expected = false;                                                               \
            fail_msg("no assertion failed: %s", #statement);                                       \
        }                                                                                          \
    } while (0)

#endif
