/* SPDX-License-Identifier: MIT
 * Boxes that let segments vanish, and one that renumbers them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "middlebox_rig.h"
#include "sim/middlebox_tcp.h"

static const uint8_t fast_open[] = {34, 2, 1, 1}, plain[] = {2, 4, 5, 0xb4};

struct shape {
    bool v6, back;
    uint16_t flags;
    uint32_t seq, ack, payload;
    struct weir_ref options;
};

static uint32_t make(uint8_t *p, size_t size, struct shape s)
{
    static const uint8_t data[100] = {1};
    struct build_tcp b = {.ip = rig_path(s.v6, s.back),
                          .source_port = s.back ? 80 : 40000,
                          .destination_port = s.back ? 40000 : 80,
                          .seq = {s.seq},
                          .ack = {s.ack},
                          .flags = s.flags,
                          .option_bytes = s.options,
                          .payload = {data, s.payload}};
    return build_tcp(p, size, &b);
}

static bool passes(struct rig *rig, struct shape s)
{
    uint8_t p[400];
    uint32_t len = make(p, sizeof p, s);
    rig_send(rig, s.back, p, len);
    return rig->end[1 - s.back].count == 1;
}

static void filter_begin(struct rig *rig, struct segment_filter_config config)
{
    rig_begin(rig, WEIR_LINK_IP);
    rig_join(rig, middlebox_add_segment_filter(rig->sim, "filter", &config));
}

static void test_syns_with_data_vanish(void **state)
{
    (void)state;
    static struct rig rig;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        filter_begin(&rig, (struct segment_filter_config){.segments = MIDDLEBOX_SYNS,
                                                          .payload_min = 1});
        assert_true(passes(&rig, (struct shape){.v6 = v6, .flags = TCP_SYN}));
        assert_false(passes(&rig, (struct shape){.v6 = v6, .flags = TCP_SYN, .payload = 1}));
        struct shape answer = {.v6 = v6, .back = true, .flags = TCP_SYN | TCP_ACK, .payload = 1};
        assert_false(passes(&rig, answer));
        assert_true(passes(&rig, (struct shape){.v6 = v6, .flags = TCP_ACK, .payload = 100}));
        assert_int_equal(middlebox_segment_filter_stats(rig.box).dropped, 2);
        rig_end(&rig);
    }
}

static void test_syns_with_options_that_are_rare_vanish(void **state)
{
    (void)state;
    static struct rig rig;
    struct shape rare = {.flags = TCP_SYN, .options = {fast_open, sizeof fast_open}};
    struct shape usual = {.flags = TCP_SYN, .options = {plain, sizeof plain}};
    filter_begin(&rig, (struct segment_filter_config){.segments = MIDDLEBOX_SYNS, .unknown = true});
    assert_true(passes(&rig, usual));
    assert_false(passes(&rig, rare));
    rare.flags = TCP_ACK;
    assert_true(passes(&rig, rare));
    rig_end(&rig);
}

static void test_so_many_from_the_nth_on_vanish(void **state)
{
    (void)state;
    static struct rig rig;
    for (unsigned all = 0; all < 2; all++) {
        filter_begin(&rig, (struct segment_filter_config){.nth = 3, .count = all == 1 ? 0 : 2});
        for (unsigned i = 1; i <= 6; i++)
            assert_int_equal(passes(&rig, (struct shape){.back = i % 2 == 1, .flags = TCP_ACK}),
                             i < 3 || (all == 0 && i >= 5));
        rig_end(&rig);
    }
}

/* ---- the randomiser ---- */

static struct sim_parsed passed(struct rig *rig, struct shape s)
{
    assert_true(passes(rig, s));
    const struct rig_end *end = &rig->end[1 - s.back];
    assert_true(plain_sound(end->bytes[0], end->len[0]));
    return sim_parse(end->bytes[0], end->len[0], WEIR_LINK_IP);
}

static void test_numbers_change_and_come_back(void **state)
{
    (void)state;
    static struct rig rig;
    static const uint8_t sack[] = {1, 1, 5, 10, 0, 0, 0x20, 0, 0, 0, 0x30, 0};
    for (unsigned told = 0; told < 2; told++) {
        rig_begin(&rig, WEIR_LINK_IP);
        rig_join(&rig, middlebox_add_seq_randomiser(
                           rig.sim, "numbers",
                           &(struct seq_randomiser_config){.sack = told == 1, .secret = 77}));
        struct sim_parsed syn = passed(&rig, (struct shape){.flags = TCP_SYN, .seq = 0x1000});
        uint32_t there = syn.seq.v - 0x1000;
        assert_true(there != 0 && syn.ack.v == 0);
        struct shape answer = {.back = true, .flags = TCP_SYN | TCP_ACK, .seq = 500};
        answer.ack = 0x1001 + there;
        struct sim_parsed syn_ack = passed(&rig, answer);
        uint32_t back = syn_ack.seq.v - 500;
        assert_true(back != 0 && back != there);
        assert_int_equal(syn_ack.ack.v, 0x1001);
        struct sim_parsed ack = passed(
            &rig, (struct shape){.flags = TCP_ACK, .seq = 0x1001, .ack = 501 + back, .payload = 9});
        assert_int_equal(ack.seq.v, 0x1001 + there);
        assert_int_equal(ack.ack.v, 501);
        /* SACK blocks, which some forget. */
        answer.flags = TCP_ACK;
        answer.options = (struct weir_ref){sack, sizeof sack};
        (void)passed(&rig, answer);
        uint32_t edge = load32(rig.end[0].bytes[0] + 20 + 20 + 4);
        assert_int_equal(edge, told == 1 ? 0x2000 - there : 0x2000);
        assert_int_equal(middlebox_seq_randomiser_renumbered(rig.box), 4);
        rig_end(&rig);
    }
}

static void test_storms_of_good_and_bad_packets(void **state)
{
    (void)state;
    static struct rig rig;
    filter_begin(&rig, (struct segment_filter_config){.unknown = true});
    rig_storm(&rig, 1000);
    rig_end(&rig);
    rig_begin(&rig, WEIR_LINK_IP);
    rig_join(&rig, middlebox_add_seq_randomiser(rig.sim, "numbers",
                                                &(struct seq_randomiser_config){.sack = true}));
    rig_storm(&rig, 1000);
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syns_with_data_vanish),
        cmocka_unit_test(test_syns_with_options_that_are_rare_vanish),
        cmocka_unit_test(test_so_many_from_the_nth_on_vanish),
        cmocka_unit_test(test_numbers_change_and_come_back),
        cmocka_unit_test(test_storms_of_good_and_bad_packets),
    };
    return cmocka_run_group_tests_name("middlebox_segments", tests, NULL, NULL);
}
