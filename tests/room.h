/* SPDX-License-Identifier: MIT
 * What every test of a room by itself begins with: a handler that tells breaches, memory with nothing to
 * rely on, the default limits, addresses from text. */
#ifndef WEIR_TESTS_ROOM_H
#define WEIR_TESTS_ROOM_H

#include <stdlib.h>
#include <string.h>

#include "breach.h"
#include "weir/config.h"
#include "wire/addr.h"

static void room_on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert room_handler = {.fn = room_on_assert};

static inline struct weir_addr addr(const char *text)
{
    struct weir_addr a;
    assert_true(addr_from_text(&a, text, strlen(text)));
    return a;
}

/* Memory of no alignment, and no content to rely on; *mem is to be freed. */
static inline void *room_memory(void **mem, size_t size)
{
    assert_true(size > 0);
    *mem = malloc(size + 1);
    assert_non_null(*mem);
    memset(*mem, 0xa5, size + 1);
    return (uint8_t *)*mem + 1;
}

/* Every limit at its default. */
static inline struct weir_config room_config(void)
{
    struct weir_config config = {.size = sizeof config};
#define X(name, value, low, high, meaning) config.name = (value);
    WEIR_LIMITS(X)
#undef X
    return config;
}

#endif
