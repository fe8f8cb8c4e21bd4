/* SPDX-License-Identifier: MIT
 * The statements between %{ and }%: the part of Python that scripts use for assertions. Integers of
 * 64 bits, names, ( ), abs, min and max; or, and, not; chains of comparisons; | ^ & << >> + - * / // %
 * and signs. / divides as // does. Statements, by line or semicolon: assert EXPR [, EXPR or "text"],
 * name = EXPR, print(...) of which nothing is seen, and pass. */
#ifndef WEIR_DRILL_EXPR_H
#define WEIR_DRILL_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum expr_result {
    EXPR_HOLDS,
    EXPR_FAILS, /* an assertion does not hold: which, and what its names are */
    EXPR_BROKEN /* it is not understood: what */
};

enum { EXPR_VARIABLES_MAX = 32, EXPR_NAME_MAX = 64 /* the NUL included */ };

/* What was assigned, for the statements that follow. Begin with zeros. */
struct expr_variables {
    unsigned count;
    struct {
        char name[EXPR_NAME_MAX];
        int64_t value;
    } item[EXPR_VARIABLES_MAX];
};

/* What a name is, unless it was assigned; false: no such name. */
struct expr_names {
    bool (*value)(void *ctx, const char *name, int64_t *value);
    void *ctx;
    struct expr_variables *variables; /* NULL: nothing can be assigned */
};

/* Run the statements until one fails; `why` says more about what is not well. With `check` they are
 * only parsed, whatever the names are. Bound: linear. */
enum expr_result expr_run(const char *code, const struct expr_names *names, bool check, char *why,
                          size_t size);

#endif
