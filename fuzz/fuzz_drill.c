/* SPDX-License-Identifier: MIT
 * Any bytes as a script: they are parsed, and checked for what is known, or refused with a line and a
 * reason; nothing is run. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "drill/drill.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct drill_define define = {"LEN", "100"};
    static const struct drill_options options = {
        .check = true, .define = &define, .define_count = 1};
    struct drill_result result;
    drill_run(&result, "fuzz", (const char *)data, size, &options);
    require(result.report != NULL);
    require(result.verdict == DRILL_PASSED || result.verdict == DRILL_BROKEN);
    require((result.verdict == DRILL_PASSED) == (result.report[0] == '\0'));
    require((result.verdict == DRILL_PASSED) == (result.line == 0));
    free(result.report);
    return 0;
}
