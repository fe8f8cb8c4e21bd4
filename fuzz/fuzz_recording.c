/* SPDX-License-Identifier: MIT
 * Any bytes are replayed as a recording: whatever is in it, the reader stays within it, and the stack,
 * given the calls that it found, ends in order, by a difference, or by an assertion about its caller. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sim/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY_MAX = 16 << 20, CALLS_MAX = 2000 };

static void require(int condition)
{
    if (!condition)
        abort();
}

/* Differences do not end it: what follows is replayed, too. */
static void replay(struct replay *r)
{
    char text[256];
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        enum replay_result result = replay_next(r);
        if (result == REPLAY_GOOD) {
            replay_call_text(r, text, sizeof text);
            result = replay_do(r);
        }
        if (result == REPLAY_DIFFERS || result == REPLAY_ASSERTED || result == REPLAY_BROKEN)
            require(r->message[0] != '\0');
        if (result != REPLAY_GOOD && result != REPLAY_DIFFERS)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *copy;
    if (size == 0)
        return 0;
    memcpy(&copy, &data, sizeof copy); /* opened for reading, but fmemopen() has no const */
    FILE *file = fmemopen(copy, size, "rb");
    struct replay *r = malloc(sizeof *r);
    require(file != NULL && r != NULL);
    if (replay_open(r, file, &(struct replay_config){.memory_max = MEMORY_MAX}))
        replay(r);
    else
        require(r->message[0] != '\0');
    replay_close(r);
    free(r);
    (void)fclose(file);
    return 0;
}
