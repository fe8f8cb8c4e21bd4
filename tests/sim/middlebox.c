/* SPDX-License-Identifier: MIT */
#include "sim/middlebox.h"

#include "middlebox_rig.h"

/* A box of the test's own: it does what `plan` says with the next packets. */
struct plan {
    enum middlebox_verdict verdict;
    bool inject, bounce, lengthen;
    unsigned destroyed;
    unsigned asked;
};

static const uint8_t own[] = "a packet of the box's own";

static enum middlebox_verdict plan_decide(void *ctx, struct middlebox_packet *packet)
{
    struct plan *plan = ctx;
    plan->asked++;
    if (plan->inject)
        middlebox_inject(packet->box, (enum middlebox_port)packet->to, own, sizeof own);
    if (plan->bounce)
        packet->to = packet->from;
    if (plan->lengthen) {
        packet->bytes[packet->len++] = 0xee;
        packet->changed = true;
    }
    return plan->verdict;
}

static void plan_destroy(void *ctx)
{
    struct plan *plan = ctx;
    plan->destroyed++;
}

static const struct middlebox_kind plan_kind = {.decide = plan_decide, .destroy = plan_destroy};

static const uint8_t data[] = "not even a packet";

static void test_what_a_box_does_not_handle_goes_on_unchanged(void **state)
{
    (void)state;
    struct plan plan = {.verdict = MIDDLEBOX_FORWARD};
    struct middlebox_common common = {0};
    static struct rig rig;
    rig_begin(&rig, WEIR_LINK_IP);
    rig_join(&rig, middlebox_add(rig.sim, "box", &common, &plan_kind, &plan));
    rig_pass_unchanged(&rig, MIDDLEBOX_INSIDE, data, sizeof data);
    rig_pass_unchanged(&rig, MIDDLEBOX_OUTSIDE, data, sizeof data);
    rig_pass_unchanged(&rig, MIDDLEBOX_OUTSIDE, data, 1);
    struct middlebox_stats s = middlebox_stats(rig.box);
    assert_int_equal(s.forwarded[MIDDLEBOX_INSIDE], 1);
    assert_int_equal(s.forwarded[MIDDLEBOX_OUTSIDE], 2);
    assert_int_equal(s.changed[MIDDLEBOX_OUTSIDE], 0);
    assert_int_equal(plan.destroyed, 0);
    rig_end(&rig);
    assert_int_equal(plan.destroyed, 1);
}

static void test_dropped_packets_are_counted_and_do_not_arrive(void **state)
{
    (void)state;
    struct plan plan = {.verdict = MIDDLEBOX_DROP};
    struct middlebox_common common = {0};
    static struct rig rig;
    rig_begin(&rig, WEIR_LINK_IP);
    rig_join(&rig, middlebox_add(rig.sim, "box", &common, &plan_kind, &plan));
    rig_send(&rig, MIDDLEBOX_INSIDE, data, sizeof data);
    assert_int_equal(rig.end[0].count + rig.end[1].count, 0);
    assert_int_equal(middlebox_stats(rig.box).dropped[MIDDLEBOX_INSIDE], 1);
    rig_end(&rig);
}

static void test_what_is_injected_comes_behind_the_packet(void **state)
{
    (void)state;
    struct plan plan = {.inject = true};
    struct middlebox_common common = {0};
    static struct rig rig;
    rig_begin(&rig, WEIR_LINK_IP);
    rig_join(&rig, middlebox_add(rig.sim, "box", &common, &plan_kind, &plan));
    rig_send(&rig, MIDDLEBOX_INSIDE, data, sizeof data);
    const struct rig_end *out = &rig.end[MIDDLEBOX_OUTSIDE];
    assert_int_equal(out->count, 2);
    assert_memory_equal(out->bytes[0], data, sizeof data);
    assert_memory_equal(out->bytes[1], own, sizeof own);
    assert_int_equal(middlebox_stats(rig.box).injected[MIDDLEBOX_OUTSIDE], 1);
    rig_end(&rig);
}

static void test_a_box_may_send_back_and_lengthen(void **state)
{
    (void)state;
    struct plan plan = {.bounce = true, .lengthen = true};
    struct middlebox_common common = {0};
    static struct rig rig;
    rig_begin(&rig, WEIR_LINK_IP);
    rig_join(&rig, middlebox_add(rig.sim, "box", &common, &plan_kind, &plan));
    rig_send(&rig, MIDDLEBOX_INSIDE, data, sizeof data);
    assert_int_equal(rig.end[MIDDLEBOX_OUTSIDE].count, 0);
    assert_int_equal(rig.end[MIDDLEBOX_INSIDE].count, 1);
    assert_int_equal(rig.end[MIDDLEBOX_INSIDE].len[0], sizeof data + 1);
    assert_int_equal(middlebox_stats(rig.box).changed[MIDDLEBOX_INSIDE], 1);
    rig_end(&rig);
}

static void test_a_full_queue_overflows_and_says_so(void **state)
{
    (void)state;
    struct plan plan = {.inject = true};
    struct middlebox_common common = {.queue_packets_max = 3};
    static struct rig rig;
    rig_begin(&rig, WEIR_LINK_IP);
    struct middlebox *box = middlebox_add(rig.sim, "box", &common, &plan_kind, &plan);
    rig.box = box;
    /* Out of the box goes one packet a second, and the device's queue takes one more. */
    struct sim_link_config in = {0}, out = {0};
    out.dir[SIM_A_TO_B].rate_bps = sizeof data * 8;
    out.dir[SIM_A_TO_B].backpressure = true;
    out.dir[SIM_A_TO_B].queue.packets_max = 1;
    assert_non_null(sim_link_add(rig.sim, "in link", actor_node(rig.end[0].actor), 0,
                                 middlebox_node(box), MIDDLEBOX_INSIDE, &in));
    assert_non_null(sim_link_add(rig.sim, "out link", middlebox_node(box), MIDDLEBOX_OUTSIDE,
                                 actor_node(rig.end[1].actor), 0, &out));
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(actor_send(rig.end[0].actor, 0, data, sizeof data), WEIR_OK);
    (void)sim_run_for(rig.sim, WEIR_NS_PER_MS, UINT64_MAX);
    struct middlebox_stats s = middlebox_stats(box);
    /* Each of ten packets brings another: of 20 in all two are on their way and three wait. */
    uint64_t in_queue = s.forwarded[0] + s.injected[1];
    assert_int_equal(in_queue, 5);
    assert_int_equal(s.overflowed[0] + s.injections_lost[1], 15);
    rig_check(&rig);
    (void)sim_run_for(rig.sim, 60 * WEIR_NS_PER_S, UINT64_MAX);
    assert_int_equal(rig.end[1].count, 5);
    rig_end(&rig);
}

static void test_a_taken_name_gives_no_box_and_frees_its_part(void **state)
{
    (void)state;
    struct plan plan = {0};
    struct middlebox_common common = {0};
    struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
    assert_non_null(middlebox_add(sim, "box", &common, &plan_kind, &plan));
    assert_null(middlebox_add(sim, "box", &common, &plan_kind, &plan));
    assert_int_equal(plan.destroyed, 1);
    sim_destroy(sim);
    assert_int_equal(plan.destroyed, 2);
}

/* A box that holds one packet until its time. */
struct holder {
    uint8_t bytes[100];
    uint32_t len;
    weir_time until;
};

static enum middlebox_verdict holder_decide(void *ctx, struct middlebox_packet *packet)
{
    struct holder *h = ctx;
    memcpy(h->bytes, packet->bytes, packet->len);
    h->len = packet->len;
    h->until = packet->now + 5 * WEIR_NS_PER_MS;
    return MIDDLEBOX_HOLD;
}

static void holder_advance(void *ctx, struct middlebox *box, weir_time now)
{
    struct holder *h = ctx;
    if (h->len > 0 && h->until <= now) {
        middlebox_release(box, MIDDLEBOX_INSIDE, h->bytes, h->len);
        h->len = 0;
    }
}

static weir_time holder_deadline(void *ctx)
{
    struct holder *h = ctx;
    return h->len > 0 ? h->until : WEIR_TIME_NEVER;
}

static void test_a_held_packet_leaves_at_its_time(void **state)
{
    (void)state;
    static const struct middlebox_kind kind = {
        .decide = holder_decide, .advance = holder_advance, .deadline = holder_deadline};
    struct middlebox_common common = {0};
    struct holder holder = {.len = 0};
    static struct rig rig;
    rig_begin(&rig, WEIR_LINK_IP);
    rig_join(&rig, middlebox_add(rig.sim, "box", &common, &kind, &holder));
    rig_send_for(&rig, MIDDLEBOX_INSIDE, data, sizeof data, 5 * WEIR_NS_PER_MS - 1);
    assert_int_equal(rig.end[1].count, 0);
    assert_int_equal(middlebox_stats(rig.box).held[MIDDLEBOX_INSIDE], 1);
    (void)sim_run_for(rig.sim, 1, UINT64_MAX);
    assert_int_equal(rig.end[1].count, 1);
    assert_int_equal(middlebox_stats(rig.box).held[MIDDLEBOX_INSIDE], 0);
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_box_does_not_handle_goes_on_unchanged),
        cmocka_unit_test(test_dropped_packets_are_counted_and_do_not_arrive),
        cmocka_unit_test(test_what_is_injected_comes_behind_the_packet),
        cmocka_unit_test(test_a_box_may_send_back_and_lengthen),
        cmocka_unit_test(test_a_full_queue_overflows_and_says_so),
        cmocka_unit_test(test_a_taken_name_gives_no_box_and_frees_its_part),
        cmocka_unit_test(test_a_held_packet_leaves_at_its_time),
    };
    return cmocka_run_group_tests_name("middlebox", tests, NULL, NULL);
}
