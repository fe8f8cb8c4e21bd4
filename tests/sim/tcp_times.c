/* SPDX-License-Identifier: MIT
 * How long TCP goes on when there is no answer: handshakes, outages, peers that are gone. */
#include "tcp_pair.h"

/* A talk that may fail, and when it did. */
struct watched {
    struct pair pair;
    weir_time gave_up[2]; /* 0: did not */
};

static void look(struct tcp_world *world, void *ctx)
{
    struct watched *w = ctx;
    for (unsigned side = 0; side < 2; side++)
        if (w->gave_up[side] == 0 && tcp_apps_end(world->apps, 0, side).let_go)
            w->gave_up[side] = sim_now(world->sim);
}

static void begin(struct watched *w, const struct tcp_talk_config *talk)
{
    pair_begin(&w->pair, &(struct pair_config){0});
    w->gave_up[0] = w->gave_up[1] = 0;
    w->pair.world.on_event = look;
    w->pair.world.on_event_ctx = w;
    (void)tcp_apps_talk(w->pair.world.apps, talk);
}

static void lose(struct watched *w, enum sim_dir dir, unsigned set, unsigned clear, unsigned count)
{
    struct sim_fault drop = {.match = {.flags_set = (uint16_t)set, .flags_clear = (uint16_t)clear},
                             .count = count,
                             .action = SIM_FAULT_DROP};
    assert_true(sim_fault_add(w->pair.link, dir, &drop) >= 0);
}

static void test_NF_07_a_handshake_that_loses_up_to_five_of_each_succeeds(void **state)
{
    (void)state;
    static const struct {
        enum sim_dir dir;
        unsigned set, clear;
    } parts[] = {{SIM_A_TO_B, TCP_SYN, TCP_ACK},
                 {SIM_B_TO_A, TCP_SYN | TCP_ACK, 0},
                 {SIM_A_TO_B, TCP_ACK, TCP_SYN | TCP_PSH}};
    struct tcp_talk_config talk = tcp_world_talk(PAIR_PORT, 3000, 3000);
    for (unsigned part = 0; part < 3; part++)
        for (unsigned count = 1; count <= 5; count++) {
            struct watched w;
            begin(&w, &talk);
            lose(&w, parts[part].dir, parts[part].set, parts[part].clear, count);
            pair_end(&w.pair, "handshake, part and times lost", part, count);
        }
}

/* R2 of a SYN is at least three minutes (MUST-23). */
static void test_NF_07_a_SYN_without_an_answer_is_given_up_after_three_minutes(void **state)
{
    (void)state;
    struct tcp_talk_config talk = tcp_world_talk(PAIR_PORT, 10, 10);
    struct watched w;
    talk.may_fail = true;
    begin(&w, &talk);
    lose(&w, SIM_A_TO_B, TCP_SYN, 0, 0);
    pair_end(&w.pair, "no answer to SYN", 0, 0);
    assert_true(w.gave_up[0] >= 180 * WEIR_NS_PER_S && w.gave_up[0] <= 400 * WEIR_NS_PER_S);
}

static void down(struct sim *sim, void *ctx)
{
    struct watched *w = ctx;
    (void)sim;
    sim_link_set_down(w->pair.link, SIM_A_TO_B, true);
    sim_link_set_down(w->pair.link, SIM_B_TO_A, true);
}

static void up(struct sim *sim, void *ctx)
{
    struct watched *w = ctx;
    (void)sim;
    sim_link_set_down(w->pair.link, SIM_A_TO_B, false);
    sim_link_set_down(w->pair.link, SIM_B_TO_A, false);
}

/* Whatever is under way when the link goes. */
static void test_NF_16_an_outage_of_up_to_ten_minutes_is_survived(void **state)
{
    (void)state;
    static const weir_time spans[] = {10 * WEIR_NS_PER_MS, WEIR_NS_PER_S, 60 * WEIR_NS_PER_S,
                                      600 * WEIR_NS_PER_S};
    struct tcp_talk_config talk = tcp_world_talk(PAIR_PORT, 60000, 60000);
    for (unsigned i = 0; i < 4; i++)
        for (unsigned at_ms = 12; at_ms <= 60; at_ms += 4) {
            struct watched w;
            weir_time at = at_ms * WEIR_NS_PER_MS;
            begin(&w, &talk);
            (void)sim_at(w.pair.world.sim, at, down, &w);
            (void)sim_at(w.pair.world.sim, at + spans[i], up, &w);
            pair_end(&w.pair, "outage", i, at_ms);
            /* The next retransmission comes within the longest RTO. */
            assert_true(w.gave_up[0] < at + spans[i] + 130 * WEIR_NS_PER_S);
        }
}

/* With data outstanding R2 ends it, with an error, not before 100 s (SHLD-11); memory comes back. */
static void test_NF_23_a_peer_that_is_gone_is_given_up(void **state)
{
    (void)state;
    struct tcp_talk_config talk = tcp_world_talk(PAIR_PORT, 500000, 0);
    struct watched w;
    talk.may_fail = true;
    begin(&w, &talk);
    (void)sim_at(w.pair.world.sim, 40 * WEIR_NS_PER_MS, down, &w);
    pair_end(&w.pair, "gone", 0, 0);
    assert_true(w.gave_up[0] >= 100 * WEIR_NS_PER_S && w.gave_up[0] <= 1100 * WEIR_NS_PER_S);
}

/* One who only listens finds out by keepalive: idle time and nine intervals, and one more. */
static void test_NF_23_keepalive_finds_that_a_silent_peer_is_gone(void **state)
{
    (void)state;
    struct tcp_talk_config talk = tcp_world_talk(PAIR_PORT, 100, 0);
    struct watched w;
    talk.may_fail = true;
    talk.side[0].idle = 10000 * WEIR_NS_PER_S; /* has no more to say */
    talk.side[0].idle_after = 50;
    talk.side[1].setting_count = 3;
    talk.side[1].setting[0] = (struct tcp_app_setting){WEIR_TCP_KEEPALIVE, 1};
    talk.side[1].setting[1] = (struct tcp_app_setting){WEIR_TCP_KEEPALIVE_IDLE_S, 100};
    talk.side[1].setting[2] = (struct tcp_app_setting){WEIR_TCP_KEEPALIVE_INTERVAL_S, 10};
    begin(&w, &talk);
    (void)sim_at(w.pair.world.sim, WEIR_NS_PER_S, down, &w);
    pair_end(&w.pair, "silent", 0, 0);
    assert_true(w.gave_up[1] >= 190 * WEIR_NS_PER_S && w.gave_up[1] <= 202 * WEIR_NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_NF_07_a_handshake_that_loses_up_to_five_of_each_succeeds),
        cmocka_unit_test(test_NF_07_a_SYN_without_an_answer_is_given_up_after_three_minutes),
        cmocka_unit_test(test_NF_16_an_outage_of_up_to_ten_minutes_is_survived),
        cmocka_unit_test(test_NF_23_a_peer_that_is_gone_is_given_up),
        cmocka_unit_test(test_NF_23_keepalive_finds_that_a_silent_peer_is_gone),
    };
    return cmocka_run_group_tests_name("tcp_times", tests, NULL, NULL);
}
