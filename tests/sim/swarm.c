/* SPDX-License-Identifier: MIT
 * The swarm: as many seeds as fit a test of every day; CI runs more (`weir sim swarm --runs N`). */
#include "sim/swarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_every_invariant_holds_in_a_swarm_of_runs(void **state)
{
    (void)state;
    struct swarm_result sum = {0};
    uint64_t cookies = 0, fast = 0, asked = 0, quiet = 0, reports = 0;
    for (uint64_t seed = 1; seed <= 25; seed++) {
        struct swarm_result r;
        if (!swarm_run(seed, &r))
            fail_msg("weir sim swarm --seed %llu: %s at %lld ns: %s", (unsigned long long)seed,
                     r.verdict.id, (long long)r.verdict.time, r.verdict.text);
        sum.bytes += r.bytes;
        sum.wire.retransmitted += r.wire.retransmitted;
        sum.wire.sacks += r.wire.sacks;
        sum.wire.probes += r.wire.probes;
        sum.wire.resets += r.wire.resets;
        for (unsigned host = 0; host < 2; host++) {
            cookies += r.tcp[host].cookies_good;
            fast += r.tcp[host].fast_open_in;
            asked += r.tcp[host].asked;
            quiet += r.tcp[host].quiet_held;
            reports += r.tcp[host].path_reports_pending + r.tcp[host].path_blackholes;
        }
    }
    /* Runs in which nothing happens would prove nothing. */
    assert_true(sum.bytes > 500000 && sum.wire.retransmitted > 100 && sum.wire.sacks > 50);
    assert_true(sum.wire.probes > 0 && sum.wire.resets > 0);
    print_message("# cookies %llu, fast %llu, asked %llu, quiet %llu, paths %llu\n",
                  (unsigned long long)cookies, (unsigned long long)fast, (unsigned long long)asked,
                  (unsigned long long)quiet, (unsigned long long)reports);
    assert_true(cookies > 0 && fast > 0 && asked > 0 && quiet > 0 && reports > 0);
}

static void test_I_49_a_seed_gives_one_history(void **state)
{
    (void)state;
    struct swarm_result a, b, c;
    (void)swarm_run(3, &a);
    (void)swarm_run(3, &b);
    (void)swarm_run(4, &c);
    assert_true(a.trace_hash == b.trace_hash && a.events == b.events);
    assert_true(a.trace_hash != c.trace_hash);
    assert_string_equal(a.drawn, b.drawn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_invariant_holds_in_a_swarm_of_runs),
        cmocka_unit_test(test_I_49_a_seed_gives_one_history),
    };
    return cmocka_run_group_tests_name("swarm", tests, NULL, NULL);
}
