/* SPDX-License-Identifier: MIT
 * Assertions of contracts and invariants; on in release builds. A container keeps the handler it was
 * initialised with; code without one passes NULL, which traps. */
#ifndef WEIR_BASE_CHECK_H
#define WEIR_BASE_CHECK_H

#include "weir/assert.h"

_Noreturn static __attribute__((cold, noinline, unused)) void
check_failed(const struct weir_assert *handler, const char *expression, const char *file,
             unsigned line)
{
    if (handler != 0 && handler->fn != 0)
        handler->fn(handler->ctx, expression, file, line);
    __builtin_trap();
}

#define CHECK(handler, condition)                                                                  \
    (__builtin_expect(!!(condition), 1) ? (void)0                                                  \
                                        : check_failed((handler), #condition, __FILE__, __LINE__))

#endif
