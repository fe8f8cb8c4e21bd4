/* SPDX-License-Identifier: MIT */
#include "sim/actor.h"

#include "middlebox_rig.h"
#include "sim/ping.h"

static const uint8_t hello[] = "hello";

/* Two actors on a link whose ways take 10 ms and 20 ms. */
struct couple {
    struct sim *sim;
    struct actor *left, *right;
    struct sim_link *link;
};

static struct couple couple_make(const struct actor_config *right, uint8_t link_type)
{
    struct couple c;
    struct actor_config left = {.link = link_type};
    struct sim_link_config link = {.type = link_type};
    link.dir[SIM_A_TO_B].delay = 10 * WEIR_NS_PER_MS;
    link.dir[SIM_B_TO_A].delay = 20 * WEIR_NS_PER_MS;
    c.sim = sim_create(&(struct sim_config){.seed = 5});
    assert_non_null(c.sim);
    c.left = actor_add(c.sim, "left", &left);
    c.right = actor_add(c.sim, "right", right);
    assert_true(c.left != NULL && c.right != NULL);
    c.link = sim_link_add(c.sim, "path", actor_node(c.left), 0, actor_node(c.right), 0, &link);
    assert_non_null(c.link);
    return c;
}

static void couple_run(struct couple *c)
{
    char text[128] = "";
    assert_int_equal(sim_run_until_idle(c->sim, 1000000), SIM_STOP_IDLE);
    if (!sim_invariants(c->sim, text, sizeof text))
        fail_msg("%s", text);
}

static uint32_t udp(uint8_t *p, bool v6)
{
    struct build_udp b = {.ip = rig_path(v6, false),
                          .source_port = 1111,
                          .destination_port = 2222,
                          .payload = {hello, sizeof hello}};
    return build_udp(p, 200, &b);
}

static void test_packets_leave_at_their_times_in_the_order_of_calls(void **state)
{
    (void)state;
    struct actor_config config = {0};
    struct couple c = couple_make(&config, WEIR_LINK_IP);
    static const weir_time times[] = {30, 10, 10, 20};
    for (uint8_t i = 0; i < 4; i++)
        assert_int_equal(actor_send_at(c.left, 0, times[i] * WEIR_NS_PER_MS, &i, 1), WEIR_OK);
    static const uint8_t order[] = {1, 2, 3, 0};
    static const weir_time arrivals[] = {20, 20, 30, 40};
    for (unsigned i = 0; i < 4; i++) {
        while (actor_stats(c.right).received == i)
            assert_int_equal(sim_step(c.sim), SIM_STOP_EVENTS);
        assert_int_equal(actor_last(c.right).data[0], order[i]);
        assert_int_equal(actor_stats(c.right).last_at, arrivals[i] * WEIR_NS_PER_MS);
    }
    assert_int_equal(actor_send_at(c.left, 0, 1, hello, 1), WEIR_E_INVALID); /* past */
    sim_destroy(c.sim);
}

static void test_bad_packets_and_ports_are_refused(void **state)
{
    (void)state;
    struct actor_config config = {.queue_packets_max = 2};
    struct couple c = couple_make(&config, WEIR_LINK_IP);
    assert_int_equal(actor_send(c.right, 0, hello, 0), WEIR_E_INVALID);
    assert_int_equal(actor_send(c.right, ACTOR_PORTS_MAX, hello, 1), WEIR_E_INVALID);
    assert_int_equal(actor_send(c.right, 0, hello, 1), WEIR_OK);
    assert_int_equal(actor_send(c.right, 0, hello, 1), WEIR_OK);
    assert_int_equal(actor_send(c.right, 0, hello, 1), WEIR_E_EXHAUSTED);
    assert_int_equal(actor_stats(c.right).overflowed, 1);
    couple_run(&c);
    assert_int_equal(actor_stats(c.left).received, 2);
    assert_int_equal(actor_stats(c.left).unsound, 2);
    sim_destroy(c.sim);
}

static uint32_t make_numbered(void *ctx, uint64_t number, weir_time now, uint8_t *out,
                              uint32_t size)
{
    weir_time *last = ctx;
    assert_true(size >= 8);
    *last = now;
    store64(out, number);
    return number == 3 ? 0 : 8;
}

static void test_a_stream_keeps_its_times_and_count(void **state)
{
    (void)state;
    struct actor_config config = {0};
    struct couple c = couple_make(&config, WEIR_LINK_IP);
    weir_time last = 0;
    struct actor_stream stream = {
        .start = 5, .interval = 7, .count = 10, .make = make_numbered, .ctx = &last};
    assert_int_equal(actor_stream(c.left, &stream), WEIR_OK);
    couple_run(&c);
    assert_int_equal(last, 5 + 9 * 7);
    assert_int_equal(actor_stats(c.right).received, 9); /* number 3 was not made */
    assert_int_equal(actor_stats(c.right).last_at, last + 10 * WEIR_NS_PER_MS);
    stream.interval = 0;
    assert_int_equal(actor_stream(c.left, &stream), WEIR_E_INVALID);
    sim_destroy(c.sim);
}

static void test_echo_requests_are_answered_if_asked(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        uint8_t p[200];
        bool v6 = (i & 1) != 0, answers = (i & 2) != 0;
        uint8_t link = (i & 4) != 0 ? WEIR_LINK_ETHERNET : WEIR_LINK_IP;
        struct actor_config config = {.link = link, .answer_echo = answers};
        struct couple c = couple_make(&config, link);
        static const struct eth_addr a = {{2, 0, 0, 0, 0, 1}}, b = {{2, 0, 0, 0, 0, 2}};
        struct build_icmp_echo echo = {
            .ip = rig_path(v6, false), .id = 7, .sequence = 9, .payload = {hello, sizeof hello}};
        uint32_t len = build_icmp_echo(p, sizeof p, &echo);
        if (link == WEIR_LINK_ETHERNET)
            len = build_frame(p, sizeof p, len, a, b);
        assert_int_equal(actor_send(c.left, 0, p, len), WEIR_OK);
        couple_run(&c);
        assert_int_equal(actor_stats(c.left).received, answers);
        assert_int_equal(actor_stats(c.right).answered, answers);
        if (answers) {
            echo.ip = rig_path(v6, true);
            echo.ip.id = 0;
            echo.reply = true;
            len = build_icmp_echo(p, sizeof p, &echo);
            if (link == WEIR_LINK_ETHERNET)
                len = build_frame(p, sizeof p, len, b, a);
            assert_int_equal(actor_last(c.left).len, len);
            assert_memory_equal(actor_last(c.left).data, p, len);
            assert_int_equal(actor_stats(c.left).last_at, 30 * WEIR_NS_PER_MS);
        }
        sim_destroy(c.sim);
    }
}

static void test_datagrams_are_reflected_if_sound(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        uint8_t p[200];
        struct actor_config config = {.reflect_udp = true};
        struct couple c = couple_make(&config, WEIR_LINK_IP);
        uint32_t len = udp(p, v6 == 1);
        actor_send(c.left, 0, p, len);
        p[len - 1] ^= 1;
        actor_send(c.left, 0, p, len);
        couple_run(&c);
        struct actor_stats s = actor_stats(c.right);
        assert_int_equal(s.received, 2);
        assert_int_equal(s.unsound, 1);
        assert_int_equal(s.reflected, 1);
        struct sim_parsed back = sim_parse(actor_last(c.left).data, len, WEIR_LINK_IP);
        assert_int_equal(back.source_port, 2222);
        assert_int_equal(back.destination_port, 1111);
        assert_true(plain_sound(actor_last(c.left).data, len));
        assert_memory_equal(back.bytes + back.payload_offset, hello, sizeof hello);
        sim_destroy(c.sim);
    }
}

static void test_groups_are_not_answered(void **state)
{
    (void)state;
    static const char *const groups[] = {"224.0.0.1", "255.255.255.255", "ff02::1"};
    for (unsigned i = 0; i < 3; i++) {
        uint8_t p[200];
        struct actor_config config = {.reflect_udp = true};
        struct couple c = couple_make(&config, WEIR_LINK_IP);
        struct build_udp b = {.ip = rig_path(i == 2, false)};
        b.ip.destination = build_addr(groups[i]);
        actor_send(c.left, 0, p, build_udp(p, sizeof p, &b));
        couple_run(&c);
        assert_int_equal(actor_stats(c.right).received, 1);
        assert_int_equal(actor_stats(c.left).received, 0);
        sim_destroy(c.sim);
    }
}

static void count_call(void *ctx, struct actor *actor, const struct actor_packet *packet)
{
    (void)actor;
    (void)packet;
    ++*(unsigned *)ctx;
}

static void test_listeners_come_and_go(void **state)
{
    (void)state;
    struct actor_config config = {0};
    struct couple c = couple_make(&config, WEIR_LINK_IP);
    unsigned calls[ACTOR_LISTENERS_MAX + 1] = {0};
    for (unsigned i = 0; i < ACTOR_LISTENERS_MAX; i++)
        assert_int_equal(actor_listen(c.right, count_call, &calls[i]), WEIR_OK);
    assert_int_equal(actor_listen(c.right, count_call, &calls[ACTOR_LISTENERS_MAX]),
                     WEIR_E_EXHAUSTED);
    actor_unlisten(c.right, count_call, &calls[3]);
    actor_send(c.left, 0, hello, 1);
    couple_run(&c);
    for (unsigned i = 0; i < ACTOR_LISTENERS_MAX; i++)
        assert_int_equal(calls[i], i != 3);
    sim_destroy(c.sim);
}

static void test_the_hash_tells_histories_apart(void **state)
{
    (void)state;
    uint64_t hash[4];
    for (unsigned i = 0; i < 4; i++) {
        struct actor_config config = {0};
        struct couple c = couple_make(&config, WEIR_LINK_IP);
        uint8_t byte = i == 2 ? 8 : 7;
        actor_send_at(c.left, 0, i == 3 ? 1 : 0, &byte, 1);
        couple_run(&c);
        hash[i] = actor_stats(c.right).hash;
        sim_destroy(c.sim);
    }
    assert_true(hash[0] == hash[1] && hash[0] != hash[2] && hash[0] != hash[3]);
}

/* ---- ping ---- */

static struct ping_config ping_config(bool v6, uint8_t kind)
{
    return (struct ping_config){.kind = kind,
                                .source = rig_path(v6, false).source,
                                .destination = rig_path(v6, false).destination,
                                .id = 4000,
                                .destination_port = 7,
                                .count = 10,
                                .interval = 100 * WEIR_NS_PER_MS,
                                .payload_min = 8,
                                .payload_max = 100,
                                .seed = 3};
}

static void test_round_trips_are_measured_to_the_nanosecond(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct actor_config config = {.answer_echo = true, .reflect_udp = true};
        struct couple c = couple_make(&config, WEIR_LINK_IP);
        struct ping_config pc = ping_config((i & 1) != 0, (uint8_t)(i / 2));
        struct ping *ping = ping_start(c.left, &pc);
        assert_non_null(ping);
        couple_run(&c);
        struct ping_stats s = ping_stats(ping);
        assert_int_equal(s.sent, 10);
        assert_int_equal(s.received, 10);
        assert_int_equal(s.replies, 10);
        assert_int_equal(s.rtt_min, 30 * WEIR_NS_PER_MS);
        assert_int_equal(s.rtt_max, 30 * WEIR_NS_PER_MS);
        assert_int_equal(s.rtt_sum, 300 * WEIR_NS_PER_MS);
        assert_int_equal(ping_rtt(ping, 9), 30 * WEIR_NS_PER_MS);
        assert_int_equal(ping_rtt(ping, 10), -1);
        sim_destroy(c.sim);
        ping_free(ping);
    }
}

/* Put a wrong byte into the payload, which the link then gives a right checksum. */
static void spoil(void *ctx, struct sim_edit *edit)
{
    (void)ctx;
    edit->bytes[edit->len - 1] ^= 0xff;
}

static void renumber(void *ctx, struct sim_edit *edit)
{
    (void)ctx;
    store32(edit->bytes + edit->parsed->payload_offset, 1000);
}

static void test_every_reply_is_accounted_for_once(void **state)
{
    (void)state;
    struct actor_config config = {.reflect_udp = true};
    struct couple c = couple_make(&config, WEIR_LINK_IP);
    struct ping_config pc = ping_config(false, PING_UDP);
    struct ping *ping = ping_start(c.left, &pc);
    assert_non_null(ping);
    /* Of the replies: the 2nd is lost, the 3rd comes twice, the 4th is damaged, the 5th is delayed
     * behind the 6th and 7th, the 8th answers what nobody asked, the 9th has a wrong checksum. */
    struct sim_fault faults[] = {
        {.skip = 1, .count = 1, .action = SIM_FAULT_DROP},
        {.skip = 2, .count = 1, .action = SIM_FAULT_DUPLICATE, .copies = 2},
        {.skip = 3, .count = 1, .action = SIM_FAULT_REWRITE, .rewrite = spoil},
        {.skip = 4, .count = 1, .action = SIM_FAULT_DELAY, .delay = 250 * WEIR_NS_PER_MS},
        {.skip = 7, .count = 1, .action = SIM_FAULT_REWRITE, .rewrite = renumber},
        {.skip = 8,
         .count = 1,
         .action = SIM_FAULT_CORRUPT,
         .corrupt_offset = 30,
         .corrupt_mask = 1},
    };
    for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        /* The first rule drops its packet, which the others then do not see. */
        faults[i].skip -= i > 0;
        assert_true(sim_fault_add(c.link, SIM_B_TO_A, &faults[i]) >= 0);
    }
    couple_run(&c);
    struct ping_stats s = ping_stats(ping);
    assert_int_equal(s.sent, 10);
    assert_int_equal(s.received, 6);
    assert_int_equal(s.duplicates, 2);
    assert_int_equal(s.damaged, 1);
    assert_int_equal(s.unexpected, 1);
    assert_int_equal(s.overtaken, 1);
    assert_int_equal(s.replies, s.received + s.duplicates + s.damaged + s.unexpected);
    assert_int_equal(actor_stats(c.left).unsound, 1);
    assert_int_equal(ping_rtt(ping, 1), -1);
    assert_int_equal(ping_rtt(ping, 4), 280 * WEIR_NS_PER_MS);
    sim_destroy(c.sim);
    ping_free(ping);
}

static void test_impossible_pings_are_refused(void **state)
{
    (void)state;
    struct actor_config config = {0};
    struct couple c = couple_make(&config, WEIR_LINK_IP);
    struct ping_config pc = ping_config(false, PING_UDP);
    pc.count = 0;
    assert_null(ping_start(c.left, &pc));
    pc.count = PING_COUNT_MAX + 1;
    assert_null(ping_start(c.left, &pc));
    pc = ping_config(false, PING_UDP);
    pc.payload_min = PING_PAYLOAD_MIN - 1;
    assert_null(ping_start(c.left, &pc));
    pc = ping_config(false, PING_UDP);
    pc.interval = 0; /* found out by the stream, after the listener was added */
    assert_null(ping_start(c.left, &pc));
    actor_send(c.right, 0, hello, 1);
    couple_run(&c);
    sim_destroy(c.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_leave_at_their_times_in_the_order_of_calls),
        cmocka_unit_test(test_bad_packets_and_ports_are_refused),
        cmocka_unit_test(test_a_stream_keeps_its_times_and_count),
        cmocka_unit_test(test_echo_requests_are_answered_if_asked),
        cmocka_unit_test(test_datagrams_are_reflected_if_sound),
        cmocka_unit_test(test_groups_are_not_answered),
        cmocka_unit_test(test_listeners_come_and_go),
        cmocka_unit_test(test_the_hash_tells_histories_apart),
        cmocka_unit_test(test_round_trips_are_measured_to_the_nanosecond),
        cmocka_unit_test(test_every_reply_is_accounted_for_once),
        cmocka_unit_test(test_impossible_pings_are_refused),
    };
    return cmocka_run_group_tests_name("actor", tests, NULL, NULL);
}
