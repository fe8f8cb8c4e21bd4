/* SPDX-License-Identifier: MIT
 * The swarm over a TCP with a known fault (meson.build says which): it must be found, and soon. */
#include <stdio.h>

#include "sim/swarm.h"

enum { SEEDS = 40 };

int main(void)
{
    printf("1..1\n");
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct swarm_result r;
        if (swarm_run(seed, &r))
            continue;
        printf("# seed %u: %s: %s\n", (unsigned)seed, r.verdict.id, r.verdict.text);
        printf("ok 1 - the swarm finds the fault\n");
        return 0;
    }
    printf("not ok 1 - %d seeds, and the fault was not found\n", SEEDS);
    return 0;
}
