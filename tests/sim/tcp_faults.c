/* SPDX-License-Identifier: MIT
 * One thing goes wrong, and then another, at each place where it can: every segment lost in turn,
 * every pair of them, every order of up to five, each one twice, each one damaged. Each run ends with
 * all bytes compared, every connection over and all memory back. */
#include "tcp_pair.h"
#include "weir/net.h"

enum { SEGMENTS_MAX = 5 };

/* A request, a response of some segments, and both ends closing: NF-03. */
static struct tcp_talk_config exchange(uint64_t there, uint64_t back)
{
    struct tcp_talk_config talk = tcp_world_talk(PAIR_PORT, there, back);
    talk.start = WEIR_NS_PER_MS;
    return talk;
}

static const struct sim_dir_config paths[] = {
    {.delay = PAIR_DELAY}, {.delay = PAIR_DELAY, .rate_bps = 10000000}};

/* By IPv6, as it is or between the same ports. */
static struct tcp_talk_config by_ip6(struct tcp_talk_config talk)
{
    for (unsigned i = talk.crossing ? 0 : 1; i < 2; i++)
        talk.address[i] = tcp_world_addr(i, true);
    return talk;
}

/* How many packets the exchange takes when nothing goes wrong. */
static void count(const struct tcp_talk_config *talk, const struct sim_dir_config *path,
                  unsigned sent[SIM_DIRS])
{
    struct pair pair;
    pair_begin(&pair, &(struct pair_config){.dir = path});
    (void)tcp_apps_talk(pair.world.apps, talk);
    assert_true(tcp_world_run(&pair.world, PAIR_EVENTS_MAX));
    for (unsigned i = 0; i < SIM_DIRS; i++)
        sent[i] = (unsigned)sim_link_stats(pair.link, (enum sim_dir)i).sent;
    pair_end(&pair, "nothing wrong", 0, 0);
}

/* Run the exchange with one action on each packet in turn: by IPv4, and by IPv6 over a link with a
 * rate. */
static void each(const struct tcp_talk_config *talk, enum sim_fault_action action, const char *what)
{
    for (unsigned p = 0; p < sizeof paths / sizeof paths[0]; p++) {
        struct tcp_talk_config it = p == 0 ? *talk : by_ip6(*talk);
        unsigned sent[SIM_DIRS];
        count(&it, &paths[p], sent);
        assert_true(sent[0] >= 5 && sent[1] >= 5);
        for (unsigned dir = 0; dir < SIM_DIRS; dir++)
            for (unsigned k = 0; k < sent[dir]; k++) {
                struct pair pair;
                pair_begin(&pair, &(struct pair_config){.dir = &paths[p]});
                pair_fault(&pair, (enum sim_dir)dir, k, action);
                (void)tcp_apps_talk(pair.world.apps, &it);
                pair_end(&pair, what, dir, k);
            }
    }
}

static void test_NF_03_every_segment_lost_in_turn(void **state)
{
    (void)state;
    struct tcp_talk_config talk = exchange(40000, 60000);
    each(&talk, SIM_FAULT_DROP, "lost");
}

static void test_NF_06_every_segment_of_each_way_to_close_lost_in_turn(void **state)
{
    (void)state;
    static const uint8_t ways[][2] = {{TCP_FINISH_SHUTDOWN, TCP_FINISH_LAST},
                                      {TCP_FINISH_LAST, TCP_FINISH_SHUTDOWN},
                                      {TCP_FINISH_END, TCP_FINISH_END},
                                      {TCP_FINISH_CLOSE, TCP_FINISH_CLOSE}};
    for (unsigned i = 0; i < 4; i++) {
        struct tcp_talk_config talk = exchange(3000, 3000);
        talk.side[0].finish = ways[i][0];
        talk.side[1].finish = ways[i][1];
        each(&talk, SIM_FAULT_DROP, "closing, lost");
    }
}

static void test_NF_12_every_segment_twice_in_turn(void **state)
{
    (void)state;
    struct tcp_talk_config talk = exchange(20000, 20000);
    each(&talk, SIM_FAULT_DUPLICATE, "twice");
}

static void test_NF_13_every_segment_damaged_in_turn(void **state)
{
    (void)state;
    struct tcp_talk_config talk = exchange(20000, 20000);
    each(&talk, SIM_FAULT_CORRUPT, "damaged");
}

static void test_NF_04_every_pair_of_segments_lost(void **state)
{
    (void)state;
    struct tcp_talk_config talk = exchange(3000, 6000);
    unsigned sent[SIM_DIRS];
    count(&talk, &paths[0], sent);
    unsigned all = sent[0] + sent[1];
    assert_in_range(all, 10, 60);
    for (unsigned a = 0; a < all; a++)
        for (unsigned b = 0; b < a; b++) {
            struct pair pair;
            pair_begin(&pair, &(struct pair_config){0});
            pair_fault(&pair, a < sent[0] ? SIM_A_TO_B : SIM_B_TO_A, a < sent[0] ? a : a - sent[0],
                       SIM_FAULT_DROP);
            pair_fault(&pair, b < sent[0] ? SIM_A_TO_B : SIM_B_TO_A, b < sent[0] ? b : b - sent[0],
                       SIM_FAULT_DROP);
            (void)tcp_apps_talk(pair.world.apps, &talk);
            pair_end(&pair, "lost together", a, b);
        }
}

/* Which of the first segments with data are lost. */
struct mask {
    unsigned lost, seen;
};

static bool is_masked(void *ctx, const struct sim_parsed *packet)
{
    struct mask *mask = ctx;
    (void)packet;
    return mask->seen < 32 && (mask->lost >> mask->seen++ & 1) != 0;
}

static void test_NF_05_every_set_of_the_first_nine_segments_lost(void **state)
{
    (void)state;
    struct tcp_talk_config talk = exchange(14000, 0);
    for (unsigned lost = 0; lost < 1U << 9; lost++) {
        struct mask mask = {.lost = lost};
        struct sim_fault drop = {.match = {.payload_min = 1, .fn = is_masked, .ctx = &mask},
                                 .action = SIM_FAULT_DROP};
        struct pair pair;
        pair_begin(&pair, &(struct pair_config){0});
        assert_true(sim_fault_add(pair.link, SIM_A_TO_B, &drop) >= 0);
        (void)tcp_apps_talk(pair.world.apps, &talk);
        pair_end(&pair, "lost, as bits", lost, 0);
    }
}

/* The next order of n numbers, in the order of dictionaries; false behind the last. */
static bool next_order(uint8_t *order, unsigned n)
{
    unsigned i = n - 1, k = n - 1;
    while (i > 0 && order[i - 1] > order[i])
        i--;
    if (i == 0)
        return false;
    while (order[k] < order[i - 1])
        k--;
    uint8_t swap = order[i - 1];
    order[i - 1] = order[k];
    order[k] = swap;
    for (unsigned a = i, b = n - 1; a < b; a++, b--) {
        swap = order[a];
        order[a] = order[b];
        order[b] = swap;
    }
    return true;
}

/* Segments of `dir` that match, n of them, arrive in this order. */
static void in_order(const struct tcp_talk_config *talk, enum sim_dir dir, uint32_t payload_min,
                     const uint8_t *order, unsigned n, unsigned number)
{
    struct pair pair;
    struct sim_fault hold = {.match = {.payload_min = payload_min},
                             .count = n,
                             .action = SIM_FAULT_HOLD,
                             .hold = {.held = n, .order = order, .after = 150 * WEIR_NS_PER_MS}};
    pair_begin(&pair, &(struct pair_config){0});
    assert_true(sim_fault_add(pair.link, dir, &hold) >= 0);
    (void)tcp_apps_talk(pair.world.apps, talk);
    pair_end(&pair, "order", n, number);
}

static void test_NF_10_every_order_of_up_to_five_segments(void **state)
{
    (void)state;
    struct tcp_talk_config talk = exchange(7000, 7000);
    for (unsigned n = 2; n <= SEGMENTS_MAX; n++) {
        uint8_t order[SEGMENTS_MAX] = {0, 1, 2, 3, 4};
        unsigned number = 0;
        do {
            in_order(&talk, SIM_A_TO_B, 1, order, n, number);
            in_order(&talk, SIM_B_TO_A, 1, order, n, number);
            number++;
        } while (next_order(order, n));
        static const unsigned factorial[] = {1, 1, 2, 6, 24, 120};
        assert_int_equal(number, factorial[n]);
    }
}

/* FINs among them: what is held at the end of the stream. */
static void test_NF_44_the_ends_of_both_streams_in_every_order(void **state)
{
    (void)state;
    struct tcp_talk_config talk = exchange(100, 100);
    for (unsigned n = 2; n <= 4; n++) {
        uint8_t order[SEGMENTS_MAX] = {0, 1, 2, 3, 4};
        unsigned number = 0;
        do {
            in_order(&talk, SIM_A_TO_B, 0, order, n, number);
            in_order(&talk, SIM_B_TO_A, 0, order, n, number);
            number++;
        } while (next_order(order, n));
    }
}

/* Both connect at the same time, and close at the same time (RFC 9293 figures 7 and 12). */
static struct tcp_talk_config crossing(void)
{
    struct tcp_talk_config talk = exchange(3000, 3000);
    talk.crossing = true;
    talk.address[0] = tcp_world_addr(0, false);
    talk.port[0] = 6001;
    talk.port[1] = 6002;
    return talk;
}

static void test_NF_44_simultaneous_open_and_close_with_every_segment_lost_in_turn(void **state)
{
    (void)state;
    struct tcp_talk_config talk = crossing();
    struct pair pair;
    pair_begin(&pair, &(struct pair_config){0});
    (void)tcp_apps_talk(pair.world.apps, &talk);
    assert_true(tcp_world_run(&pair.world, PAIR_EVENTS_MAX));
    assert_true(tcp_check_walked(pair.world.check, WEIR_TCP_SYN_SENT, WEIR_TCP_SYN_RECEIVED));
    assert_true(tcp_check_walked(pair.world.check, WEIR_TCP_FIN_WAIT_1, WEIR_TCP_CLOSING));
    pair_end(&pair, "both at once", 0, 0);
    each(&talk, SIM_FAULT_DROP, "both at once, lost");
    each(&talk, SIM_FAULT_DUPLICATE, "both at once, twice");
}

/* The MTU of both hosts, for a path whose MTU became smaller and says so. */
struct shrinking {
    struct pair *pair;
    uint32_t mtu;
};

static void shrink(struct sim *sim, void *ctx)
{
    struct shrinking *s = ctx;
    struct tcp_world *world = &s->pair->world;
    (void)sim;
    for (unsigned host = 0; host < 2; host++) {
        assert_int_equal(weir_stack_set_mtu(tcp_world_stack(world, host), 0, s->mtu), WEIR_OK);
        tcp_watch_set_mtu(world->watch, host, s->mtu);
        sim_node_wake(tcp_world_node(world, host));
    }
}

/* What was lost by it comes again in smaller segments, and nothing larger follows (I-19). */
static void test_NF_20_the_path_gets_narrower_in_a_transfer(void **state)
{
    (void)state;
    static const uint32_t mtus[] = {1400, 576, 400};
    static const uint32_t offloads[] = {0, WEIR_CAP_TX_CHECKSUM | WEIR_CAP_TX_TCP4};
    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 0; k < 2; k++)
            for (unsigned at_ms = 20; at_ms <= 60; at_ms += 20) {
                struct tcp_talk_config talk = exchange(80000, 60000);
                struct pair pair;
                struct shrinking shrinking = {&pair, mtus[i]};
                pair_begin(&pair, &(struct pair_config){.dir = &paths[1],
                                                        .capabilities = offloads[k]});
                (void)sim_at(pair.world.sim, at_ms * WEIR_NS_PER_MS, shrink, &shrinking);
                (void)tcp_apps_talk(pair.world.apps, &talk);
                pair_end(&pair, "narrower", mtus[i], at_ms);
            }
}

/* A reader who stops reads all in the end: zero windows are probed (NF-40), and window updates that
 * are lost come again (NF-42), with both directions full at once (NF-43). */
static void test_NF_43_readers_that_stop_while_every_segment_is_lost_in_turn(void **state)
{
    (void)state;
    struct tcp_talk_config talk = exchange(12000, 12000);
    for (unsigned i = 0; i < 2; i++) {
        struct tcp_side *side = &talk.side[i];
        side->read_delay = (weir_time)(3 + 4 * i) * WEIR_NS_PER_S;
        side->read_max = 1500;
        side->read_pause = 20 * WEIR_NS_PER_MS;
    }
    talk.side[0].setting[talk.side[0].setting_count++] =
        (struct tcp_app_setting){WEIR_TCP_RECEIVE_BYTES_MAX, 3000};
    struct pair pair;
    unsigned sent[SIM_DIRS];
    pair_begin(&pair, &(struct pair_config){0});
    (void)tcp_apps_talk(pair.world.apps, &talk);
    assert_true(tcp_world_run(&pair.world, PAIR_EVENTS_MAX));
    for (unsigned i = 0; i < SIM_DIRS; i++)
        sent[i] = (unsigned)sim_link_stats(pair.link, (enum sim_dir)i).sent;
    assert_true(tcp_watch_stats(pair.world.watch).probes > 0);
    pair_end(&pair, "readers that stop", 0, 0);
    for (unsigned dir = 0; dir < SIM_DIRS; dir++)
        for (unsigned k = 0; k < sent[dir]; k++) {
            pair_begin(&pair, &(struct pair_config){0});
            pair_fault(&pair, (enum sim_dir)dir, k, SIM_FAULT_DROP);
            (void)tcp_apps_talk(pair.world.apps, &talk);
            pair_end(&pair, "readers that stop, lost", dir, k);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_NF_03_every_segment_lost_in_turn),
        cmocka_unit_test(test_NF_06_every_segment_of_each_way_to_close_lost_in_turn),
        cmocka_unit_test(test_NF_12_every_segment_twice_in_turn),
        cmocka_unit_test(test_NF_13_every_segment_damaged_in_turn),
        cmocka_unit_test(test_NF_04_every_pair_of_segments_lost),
        cmocka_unit_test(test_NF_05_every_set_of_the_first_nine_segments_lost),
        cmocka_unit_test(test_NF_10_every_order_of_up_to_five_segments),
        cmocka_unit_test(test_NF_44_the_ends_of_both_streams_in_every_order),
        cmocka_unit_test(test_NF_20_the_path_gets_narrower_in_a_transfer),
        cmocka_unit_test(test_NF_43_readers_that_stop_while_every_segment_is_lost_in_turn),
        cmocka_unit_test(
            test_NF_44_simultaneous_open_and_close_with_every_segment_lost_in_turn),
    };
    return cmocka_run_group_tests_name("tcp_faults", tests, NULL, NULL);
}
