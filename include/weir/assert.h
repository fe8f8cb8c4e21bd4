/* SPDX-License-Identifier: MIT
 * The assertion handler: who is told when weir finds a fault of its own or of its caller. */
#ifndef WEIR_ASSERT_H
#define WEIR_ASSERT_H

/* Where a failed assertion goes. A packet can never reach it: peer nonsense is a drop reason.
 * Owner: the caller; it outlives everything that was given a pointer to it.
 * `fn` may log, save state or leave by longjmp; when it returns, the process traps. */
struct weir_assert {
    void (*fn)(void *ctx, const char *expression, const char *file, unsigned line);
    void *ctx;
};

#endif
