/* SPDX-License-Identifier: MIT */
#include "sim/stack_node.h"

#include "middlebox_rig.h"

/* What the stack's tap saw. */
struct seen {
    uint64_t received, dropped;
    weir_time last;
};

static void tap(void *ctx, const struct weir_tap_packet *packet)
{
    struct seen *seen = ctx;
    if (packet->rx != NULL) {
        seen->received++;
        seen->dropped += packet->drop != WEIR_DROP_NONE;
        seen->last = packet->time;
    }
}

static struct stack_node *stack_add(struct sim *sim, struct seen *seen, unsigned ifaces)
{
    struct weir_config config;
    struct weir_iface_config iface[2];
    weir_config_default(&config);
    config.tap.fn = tap;
    config.tap.ctx = seen;
    for (unsigned i = 0; i < 2; i++)
        iface[i] = (struct weir_iface_config){
            .size = sizeof iface[i], .link = WEIR_LINK_IP, .mtu_bytes = 1500};
    struct stack_node_config node = {.stack = &config, .iface = iface, .iface_count = ifaces};
    return stack_node_add(sim, "stack", &node);
}

static uint32_t make(void *ctx, uint64_t number, weir_time now, uint8_t *out, uint32_t size)
{
    (void)number;
    (void)now;
    return random_packet(ctx, out, size, false);
}

static uint64_t drops(const struct weir_stats *stats)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < WEIR_DROP_COUNT; i++)
        sum += stats->drop[i];
    return sum;
}

static void test_every_packet_of_an_impaired_link_gets_one_verdict(void **state)
{
    (void)state;
    struct sim *sim = sim_create(&(struct sim_config){.seed = 11});
    struct actor_config actor_config = {0};
    struct seen seen = {0};
    struct rng rng = rng_make(12);
    struct actor *actor = actor_add(sim, "actor", &actor_config);
    struct stack_node *stack = stack_add(sim, &seen, 1);
    assert_true(actor != NULL && stack != NULL);
    struct sim_link_config link = {
        .dir[SIM_A_TO_B] = {.rate_bps = 10000000,
                            .delay = 20 * WEIR_NS_PER_MS,
                            .jitter = WEIR_NS_PER_MS,
                            .loss = {.kind = SIM_LOSS_BERNOULLI, .chance = {1, 20}},
                            .corrupt = {.chance = {1, 5}, .kinds = 7, .bits_max = 8},
                            .duplicate = {{1, 10}, WEIR_NS_PER_MS},
                            .reorder = {{1, 10}, 5 * WEIR_NS_PER_MS},
                            .batch_max = 8}};
    struct sim_link *path =
        sim_link_add(sim, "path", actor_node(actor), 0, stack_node_node(stack), 0, &link);
    assert_non_null(path);
    struct actor_stream stream = {
        .interval = WEIR_NS_PER_MS, .count = 2000, .make = make, .ctx = &rng};
    assert_int_equal(actor_stream(actor, &stream), WEIR_OK);
    assert_int_equal(sim_run_until_idle(sim, 1000000), SIM_STOP_IDLE);
    assert_true(sim_invariants(sim, NULL, 0));

    struct sim_dir_stats d = sim_link_stats(path, SIM_A_TO_B);
    struct weir_stats s;
    assert_int_equal(weir_stack_stats(stack_node_stack(stack), 0, &s), WEIR_OK);
    assert_int_equal(d.sent, 2000);
    assert_true(d.lost[SIM_LOST_RANDOM] > 0 && d.corrupted > 0 && d.duplicated > 0);
    assert_int_equal(s.counter[WEIR_COUNTER_rx_packets], d.delivered);
    assert_int_equal(s.counter[WEIR_COUNTER_rx_bytes], d.delivered_bytes);
    assert_int_equal(s.counter[WEIR_COUNTER_rx_packets],
                     s.counter[WEIR_COUNTER_rx_accepted] + drops(&s));
    assert_true(s.drop[WEIR_DROP_IP4_CHECKSUM] > 0);
    assert_int_equal(seen.received, d.delivered);
    assert_int_equal(seen.dropped, drops(&s));
    assert_int_equal(seen.last, sim_now(sim));
    sim_destroy(sim);
}

static void test_port_i_is_interface_i(void **state)
{
    (void)state;
    struct sim *sim = sim_create(&(struct sim_config){.seed = 11});
    struct actor_config actor_config = {0};
    struct sim_link_config link = {0};
    struct seen seen = {0};
    struct actor *actor = actor_add(sim, "actor", &actor_config);
    struct stack_node *stack = stack_add(sim, &seen, 2);
    assert_non_null(
        sim_link_add(sim, "zero", actor_node(actor), 0, stack_node_node(stack), 0, &link));
    assert_non_null(
        sim_link_add(sim, "one", actor_node(actor), 1, stack_node_node(stack), 1, &link));
    static const uint8_t byte = 0x45;
    assert_int_equal(actor_send(actor, 1, &byte, 1), WEIR_OK);
    assert_int_equal(actor_send(actor, 1, &byte, 1), WEIR_OK);
    assert_int_equal(actor_send(actor, 0, &byte, 1), WEIR_OK);
    assert_int_equal(sim_run_until_idle(sim, 1000), SIM_STOP_IDLE);
    for (unsigned i = 0; i < 2; i++) {
        struct weir_stats s;
        assert_int_equal(weir_stack_stats(stack_node_stack(stack), i, &s), WEIR_OK);
        assert_int_equal(s.counter[WEIR_COUNTER_rx_packets], i + 1);
        assert_int_equal(s.drop[WEIR_DROP_IP4_SHORT], i + 1);
    }
    sim_destroy(sim);
}

static void test_what_the_stack_refuses_gives_no_node(void **state)
{
    (void)state;
    struct sim *sim = sim_create(&(struct sim_config){.seed = 11});
    struct seen seen = {0};
    struct weir_config config;
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = 1500};
    struct stack_node_config node = {.stack = &config, .iface = &iface, .iface_count = 1};
    weir_config_default(&config);
    config.interfaces_max = 0;
    assert_null(stack_node_add(sim, "bad config", &node));
    weir_config_default(&config);
    iface.mtu_bytes = 10;
    assert_null(stack_node_add(sim, "bad interface", &node));
    iface.mtu_bytes = 1500;
    node.iface_count = 0;
    assert_null(stack_node_add(sim, "no interface", &node));
    assert_null(stack_node_add(sim, "too many",
                               &(struct stack_node_config){&config, &iface, SIM_PORTS_MAX + 1}));
    assert_non_null(stack_add(sim, &seen, 1));
    assert_null(stack_add(sim, &seen, 1)); /* the name is taken */
    sim_destroy(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_packet_of_an_impaired_link_gets_one_verdict),
        cmocka_unit_test(test_port_i_is_interface_i),
        cmocka_unit_test(test_what_the_stack_refuses_gives_no_node),
    };
    return cmocka_run_group_tests_name("stack_node", tests, NULL, NULL);
}
