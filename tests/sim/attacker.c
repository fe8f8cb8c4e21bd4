/* SPDX-License-Identifier: MIT
 * Forged segments (RFC 5961): each class of them arrives, is counted as dropped, and does no harm. */
#include "sim/attacker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/tcp_world.h"

enum { PORT = 5001, BYTES = 300000 };

static void test_forged_segments_are_dropped_and_do_no_harm(void **state)
{
    (void)state;
    static const struct sim_link_config link = {
        .dir = {{.delay = WEIR_NS_PER_MS}, {.delay = WEIR_NS_PER_MS}}};
    struct attacker_config attacker = {.chance = {1, 2}, .until = WEIR_TIME_NEVER};
    struct tcp_talk_config talk = tcp_world_talk(PORT, BYTES, BYTES);
    struct tcp_world world;
    struct sim *sim = sim_create(&(struct sim_config){.seed = 2});
    assert_non_null(sim);
    tcp_world_begin(&world, sim);
    (void)tcp_world_host(&world, &(struct tcp_world_host){.name = "client"});
    (void)tcp_world_host(&world, &(struct tcp_world_host){.name = "server"});
    struct middlebox *box = middlebox_add_attacker(sim, "attacker", &attacker);
    assert_non_null(box);
    assert_non_null(sim_link_add(sim, "near", tcp_world_node(&world, 0), 0, middlebox_node(box),
                                 MIDDLEBOX_INSIDE, &link));
    assert_non_null(sim_link_add(sim, "far", middlebox_node(box), MIDDLEBOX_OUTSIDE,
                                 tcp_world_node(&world, 1), 0, &link));
    tcp_apps_listen(world.apps,
                    &(struct tcp_listen_config){.host = 1, .port = PORT, .backlog = 4});
    (void)tcp_apps_talk(world.apps, &talk);
    bool good = tcp_world_finish(&world, 1000000);
    if (!good)
        fail_msg("%s: %s", world.verdict.id, world.verdict.text);
    assert_int_equal(tcp_apps_read(world.apps), 2 * BYTES);
    struct middlebox_stats passed = middlebox_stats(box);
    assert_true(passed.injected[MIDDLEBOX_INSIDE] > 50 && passed.injected[MIDDLEBOX_OUTSIDE] > 50);
    static const enum weir_drop classes[] = {WEIR_DROP_TCP_SEQUENCE, WEIR_DROP_TCP_RST,
                                             WEIR_DROP_TCP_SYN, WEIR_DROP_TCP_ACK};
    for (unsigned host = 0; host < 2; host++) {
        struct weir_stats stats;
        struct weir_tcp_stats tcp;
        (void)weir_stack_stats(tcp_world_stack(&world, host), WEIR_IFINDEX_ALL, &stats);
        weir_tcp_stats(tcp_world_stack(&world, host), &tcp);
        for (unsigned i = 0; i < 4; i++)
            if (stats.drop[classes[i]] == 0)
                fail_msg("host %u has dropped nothing for %s", host, weir_drop_text(classes[i]));
        assert_true(tcp.challenges_out > 0 && tcp.established_resets == 0);
    }
    tcp_world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_segments_are_dropped_and_do_no_harm),
    };
    return cmocka_run_group_tests_name("attacker", tests, NULL, NULL);
}
