/* SPDX-License-Identifier: MIT
 * The attacks of the catalogue on a whole host, as `weir sim` plays them: each is judged by its
 * effect on a bystander, on honest clients, and on what the host remembers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/actor.h"
#include "sim/build.h"
#include "sim/hub.h"
#include "sim/link.h"
#include "sim/scenario.h"

static void read_item(void *ctx, const struct scenario_item *item)
{
    unsigned *checks = ctx;
    if (item->kind != SCENARIO_CHECK)
        return;
    ++*checks;
    if (!item->ok)
        printf("# not met: %s\n", item->text);
}

static void play(const char *name)
{
    const struct scenario *s = scenario_find(name);
    unsigned checks = 0;
    struct scenario_run run = {.seed = 1, .report = read_item, .ctx = &checks};
    assert_non_null(s);
    assert_true(s->heavy);
    assert_int_equal(scenario_play(s, &run), 0);
    if (run.failed > 0)
        fail_msg("weir sim %s --seed 1: %u expectations failed", name, run.failed);
    assert_true(checks >= 4 && !run.cut);
}

static void test_ATK_SYN_01_a_flood_of_syns(void **state)
{
    (void)state;
    play("syn-flood");
}

static void test_ATK_SYN_02_forged_cookies(void **state)
{
    (void)state;
    play("cookie-forgery");
}

static void test_ATK_RES_04_peers_that_never_open_their_windows(void **state)
{
    (void)state;
    play("stuck-peers");
}

static void test_ATK_TFO_03_fast_open_used_up(void **state)
{
    (void)state;
    play("fast-open-flood");
}

static void test_ATK_ICM_04_forged_reports_of_a_small_path(void **state)
{
    (void)state;
    play("ptb-storm");
}

/* ---- the hub that they are played on ---- */

static void test_a_hub_sends_each_packet_where_its_address_is(void **state)
{
    (void)state;
    enum { NODES = 4, WORLD = 3 };
    static const char *const names[NODES] = {"a", "b", "c", "world"};
    static const struct sim_link_config perfect;
    static const char *const to[] = {"10.0.0.1", "10.0.0.2", "fd00::2", "203.0.113.9", "10.0.0.9"};
    static const unsigned expected[] = {1, 2, 2, WORLD, WORLD};
    struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
    struct hub *hub = hub_add(sim, "hub", WORLD);
    struct actor *node[NODES];
    assert_non_null(hub);
    for (unsigned i = 0; i < NODES; i++) {
        node[i] = actor_add(sim, names[i], &(struct actor_config){0});
        assert_non_null(node[i]);
        assert_non_null(sim_link_add(sim, names[i], actor_node(node[i]), 0, hub_node(hub), i,
                                     &perfect));
    }
    struct weir_addr address[] = {build_addr("10.0.0.1"), build_addr("10.0.0.2"),
                                  build_addr("fd00::2")};
    hub_address(hub, 1, &address[0]);
    hub_address(hub, 2, &address[1]);
    hub_address(hub, 2, &address[2]);
    uint64_t received[NODES] = {0};
    for (unsigned k = 0; k < sizeof to / sizeof to[0]; k++) {
        uint8_t out[100], octet[1] = {1};
        struct build_udp udp = {.ip = {.destination = build_addr(to[k])}, .payload = {octet, 1}};
        udp.ip.source = build_addr(strchr(to[k], ':') != NULL ? "fd00::77" : "10.0.0.77");
        assert_int_equal(actor_send(node[0], 0, out, build_udp(out, sizeof out, &udp)), WEIR_OK);
        (void)sim_run_until_idle(sim, 1000);
        received[expected[k]]++;
        for (unsigned i = 0; i < NODES; i++)
            assert_int_equal(actor_stats(node[i]).received, received[i]);
    }
    sim_destroy(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ATK_SYN_01_a_flood_of_syns),
        cmocka_unit_test(test_ATK_SYN_02_forged_cookies),
        cmocka_unit_test(test_ATK_RES_04_peers_that_never_open_their_windows),
        cmocka_unit_test(test_ATK_TFO_03_fast_open_used_up),
        cmocka_unit_test(test_ATK_ICM_04_forged_reports_of_a_small_path),
        cmocka_unit_test(test_a_hub_sends_each_packet_where_its_address_is),
    };
    return cmocka_run_group_tests_name("attacks", tests, NULL, NULL);
}
