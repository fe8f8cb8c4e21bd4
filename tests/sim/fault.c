/* SPDX-License-Identifier: MIT
 * Fault rules, and captures that tell of them. */
#include "harness.h"

#include "trace/writer.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

static const weir_time us = WEIR_NS_PER_US, ms = WEIR_NS_PER_MS;

/* ---- which packets arrive, in order ---- */

static void assert_numbers(const struct end *end, const uint64_t *expected, size_t count)
{
    assert_int_equal(end->arrived_count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(end->arrived[i].number, expected[i]);
}

static int rule_add(struct pair *p, struct sim_fault fault)
{
    int rule = sim_fault_add(p->link, SIM_A_TO_B, &fault);
    assert_true(rule >= 0);
    return rule;
}

/* Ten numbered packets, a millisecond apart, through one rule. */
static struct pair run_ten(struct sim_fault fault)
{
    struct pair p = pair_make(1, NULL);
    sim_on_event(p.sim, check_event, NULL);
    rule_add(&p, fault);
    end_send(p.a, 10, 100, 1 * ms);
    assert_int_equal(sim_run_until_idle(p.sim, 10000), SIM_STOP_IDLE);
    return p;
}

static void test_counts_choose_among_matches(void **state)
{
    (void)state;
    static const struct {
        uint64_t skip, every, count;
        uint64_t left[10];
        size_t n;
    } cases[] = {
        {0, 0, 0, {0}, 0},
        {0, 0, 1, {1, 2, 3, 4, 5, 6, 7, 8, 9}, 9},
        {3, 0, 1, {0, 1, 2, 4, 5, 6, 7, 8, 9}, 9},
        {3, 1, 2, {0, 1, 2, 5, 6, 7, 8, 9}, 8},
        {0, 3, 0, {0, 1, 3, 4, 6, 7, 9}, 7},
        {1, 4, 1, {0, 1, 2, 3, 5, 6, 7, 8, 9}, 9},
        {9, 0, 0, {0, 1, 2, 3, 4, 5, 6, 7, 8}, 9},
        {10, 0, 0, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p = run_ten((struct sim_fault){.skip = cases[i].skip,
                                                   .every = cases[i].every,
                                                   .count = cases[i].count,
                                                   .action = SIM_FAULT_DROP});
        assert_numbers(p.b, cases[i].left, cases[i].n);
        struct sim_fault_stats stats = sim_fault_stats(p.link, SIM_A_TO_B, 0);
        assert_int_equal(stats.matched, 10);
        assert_int_equal(stats.acted, 10 - cases[i].n);
        assert_int_equal(sim_link_stats(p.link, SIM_A_TO_B).lost[SIM_LOST_FAULT], 10 - cases[i].n);
        sim_destroy(p.sim);
    }
}

static void test_a_time_span_chooses(void **state)
{
    (void)state;
    static const uint64_t early[] = {0, 1, 2}, both[] = {0, 1, 2, 6, 7, 8, 9};
    struct pair p =
        run_ten((struct sim_fault){.match = {.from = 3 * ms}, .action = SIM_FAULT_DROP});
    assert_numbers(p.b, early, 3);
    sim_destroy(p.sim);
    p = run_ten(
        (struct sim_fault){.match = {.from = 3 * ms, .until = 6 * ms}, .action = SIM_FAULT_DROP});
    assert_numbers(p.b, both, 7);
    sim_destroy(p.sim);
}

static void test_a_chance_chooses(void **state)
{
    (void)state;
    struct pair p = pair_make(1, NULL);
    rule_add(&p, (struct sim_fault){.chance = {1, 4}, .action = SIM_FAULT_DROP});
    end_send(p.a, 8000, 100, 1);
    pair_run(&p);
    assert_in_range(p.b->arrived_count, 5800, 6200);
    sim_destroy(p.sim);
}

static bool is_odd(void *ctx, const struct sim_parsed *packet)
{
    unsigned *asked = ctx;
    (*asked)++;
    return load64(packet->bytes + packet->payload_offset) % 2 == 1;
}

static void test_a_function_chooses_and_is_asked_last(void **state)
{
    (void)state;
    static const uint64_t expected[] = {0, 1, 2, 3, 4, 6, 8};
    unsigned asked = 0;
    struct pair p =
        run_ten((struct sim_fault){.match = {.from = 5 * ms, .fn = is_odd, .ctx = &asked},
                                   .action = SIM_FAULT_DROP});
    assert_numbers(p.b, expected, 7);
    assert_int_equal(asked, 5);
    sim_destroy(p.sim);
}

/* ---- matching on parts: one packet of each kind, what does a rule see? ---- */

enum {
    KIND_UDP,
    KIND_SYN,
    KIND_SYN_ACK,
    KIND_ACK,
    KIND_DATA,
    KIND_FIN,
    KIND_UDP6,
    KIND_ICMP,
    KIND_GARBAGE,
    KINDS
};

static uint32_t kind_build(uint8_t *p, unsigned kind)
{
    static const uint8_t flags[] = {[KIND_SYN] = TCP_SYN,
                                    [KIND_SYN_ACK] = TCP_SYN | TCP_ACK,
                                    [KIND_ACK] = TCP_ACK,
                                    [KIND_DATA] = TCP_ACK | TCP_PSH,
                                    [KIND_FIN] = TCP_ACK | TCP_FIN};
    memset(p, 0, 200);
    if (kind == KIND_UDP) {
        datagram_make(p, 60, 0, 0);
        return 60;
    }
    if (kind == KIND_GARBAGE) {
        memset(p, 0xff, 100);
        return 100;
    }
    if (kind == KIND_UDP6) {
        p[0] = 0x60;
        p[5] = 18;
        p[6] = 17;
        store16(p + 40, 7);
        store16(p + 42, 9);
        p[45] = 18;
        return 58;
    }
    uint32_t payload = kind == KIND_DATA ? 100 : 0;
    p[0] = 0x45;
    p[3] = (uint8_t)(40 + payload);
    p[9] = kind == KIND_ICMP ? 1 : 6;
    store16(p + 10, (uint16_t)~plain_sum(0, p, 20));
    if (kind != KIND_ICMP) {
        store16(p + 20, 4000);
        store16(p + 22, 80);
        /* SYN is 1000, so the data is 1001 ... 1100 and the FIN 1101. */
        store32(p + 24, kind == KIND_SYN || kind == KIND_SYN_ACK ? 1000
                        : kind == KIND_FIN                       ? 1101
                                                                 : 1001);
        p[32] = 0x50;
        p[33] = flags[kind];
    }
    return 40 + payload;
}

struct kinds {
    unsigned next;
    unsigned matched; /* bit k: kind k met all conditions */
    uint8_t bytes[200];
};

static unsigned kinds_output(void *ctx, unsigned port, struct weir_tx *tx, unsigned max,
                             weir_time now)
{
    struct kinds *k = ctx;
    (void)port;
    (void)now;
    if (k->next == KINDS || max == 0)
        return 0;
    tx->len = kind_build(k->bytes, k->next++);
    tx->frag_count = 1;
    tx->frag[0] = (struct weir_ref){k->bytes, tx->len};
    return 1;
}

/* Asked last, so that to be asked is to match. */
static bool kinds_match(void *ctx, const struct sim_parsed *packet)
{
    struct kinds *k = ctx;
    assert_int_equal(packet->len, kind_build(k->bytes, k->next - 1));
    assert_memory_equal(packet->bytes, k->bytes, packet->len);
    k->matched |= 1U << (k->next - 1);
    return true;
}

static unsigned matched_kinds(struct sim_match match)
{
    static const struct sim_node_ops ops = {.output = kinds_output};
    struct sim_link_config config = {0};
    struct kinds k = {0};
    struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
    struct sim_node *a = sim_node_add(sim, "a", &ops, &k);
    struct sim_node *b = sim_node_add(sim, "b", &(struct sim_node_ops){0}, NULL);
    struct sim_link *link = sim_link_add(sim, "ab", a, 0, b, 0, &config);
    match.fn = kinds_match;
    match.ctx = &k;
    assert_int_equal(sim_fault_add(link, SIM_A_TO_B, &(struct sim_fault){.match = match}), 0);
    assert_int_equal(sim_run_until_idle(sim, 1000), SIM_STOP_IDLE);
    assert_int_equal(k.next, KINDS);
    unsigned counted = 0;
    for (unsigned i = 0; i < KINDS; i++)
        counted += k.matched >> i & 1;
    assert_int_equal(sim_fault_stats(link, SIM_A_TO_B, 0).matched, counted);
    /* A probe changes nothing. */
    assert_int_equal(sim_link_stats(link, SIM_A_TO_B).delivered, KINDS);
    sim_destroy(sim);
    return k.matched;
}

#define BIT(kind) (1U << KIND_##kind)

static void test_parts_of_the_packet_choose(void **state)
{
    (void)state;
    const unsigned all = (1U << KINDS) - 1;
    const unsigned tcp = BIT(SYN) | BIT(SYN_ACK) | BIT(ACK) | BIT(DATA) | BIT(FIN);
    const unsigned udp = BIT(UDP) | BIT(UDP6);
    const struct {
        struct sim_match match;
        unsigned kinds;
    } cases[] = {
        {{0}, all},
        {{.ip_version = 4}, tcp | BIT(UDP) | BIT(ICMP)},
        {{.ip_version = 6}, BIT(UDP6)},
        {{.protocol = IP_PROTOCOL_TCP}, tcp},
        {{.protocol = IP_PROTOCOL_UDP}, udp},
        {{.protocol = IP_PROTOCOL_ICMP4}, BIT(ICMP)},
        {{.source_port = 4000}, tcp},
        {{.source_port = 7, .destination_port = 9}, udp},
        {{.source_port = 7, .destination_port = 80}, 0},
        {{.flags_set = TCP_SYN}, BIT(SYN) | BIT(SYN_ACK)},
        {{.flags_set = TCP_SYN | TCP_ACK}, BIT(SYN_ACK)},
        {{.flags_set = TCP_SYN, .flags_clear = TCP_ACK}, BIT(SYN)},
        {{.flags_clear = TCP_ACK}, BIT(SYN)},
        {{.payload_min = 1}, BIT(UDP) | BIT(UDP6) | BIT(DATA)},
        {{.payload_min = 100}, BIT(DATA)},
        {{.payload_min = 101}, 0},
        {{.payload_min = 1, .payload_max = 99}, udp},
        {{.payload_max = 100}, tcp | udp},
        {{.no_payload = true}, tcp & ~BIT(DATA)},
        {{.len_min = 100}, BIT(DATA) | BIT(GARBAGE)},
        {{.len_min = 101}, BIT(DATA)},
        {{.len_max = 58}, (tcp & ~BIT(DATA)) | BIT(UDP6) | BIT(ICMP)},
        {{.seq = {1000}, .seq_len = 1}, BIT(SYN) | BIT(SYN_ACK)},
        {{.seq = {1001}, .seq_len = 1}, BIT(DATA)},
        {{.seq = {1100}, .seq_len = 1}, BIT(DATA)},
        {{.seq = {1101}, .seq_len = 100}, BIT(FIN)},
        {{.seq = {1102}, .seq_len = 100}, 0},
        {{.seq = {900}, .seq_len = 100}, 0},
        {{.seq = {900}, .seq_len = 101}, BIT(SYN) | BIT(SYN_ACK)},
        {{.seq = {900}, .seq_len = 102}, BIT(SYN) | BIT(SYN_ACK) | BIT(DATA)},
        {{.seq = {0xffffff00}, .seq_len = 0x1000}, BIT(SYN) | BIT(SYN_ACK) | BIT(DATA) | BIT(FIN)},
        {{.seq_relative = true, .seq = {0}, .seq_len = 1}, BIT(SYN) | BIT(SYN_ACK)},
        {{.seq_relative = true, .seq = {1}, .seq_len = 1}, BIT(DATA)},
        {{.seq_relative = true, .seq = {100}, .seq_len = 2}, BIT(DATA) | BIT(FIN)},
        {{.seq_relative = true, .seq = {1}, .seq_len = 1, .flags_set = TCP_FIN}, 0},
        /* The SYN between these ports was never seen. */
        {{.seq_relative = true, .seq = {1}, .seq_len = 1, .source_port = 4001}, 0},
        {{.until = 0}, all},
        {{.from = 1}, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (matched_kinds(cases[i].match) != cases[i].kinds)
            fail_msg("case %u: %#x instead of %#x", i, matched_kinds(cases[i].match),
                     cases[i].kinds);
}

/* ---- actions ---- */

static void test_a_delay_lets_others_overtake(void **state)
{
    (void)state;
    static const uint64_t expected[] = {0, 1, 3, 4, 2, 5, 6, 7, 8, 9};
    struct pair p =
        run_ten((struct sim_fault){
            .skip = 2, .count = 1, .action = SIM_FAULT_DELAY, .delay = 2500 * us});
    assert_numbers(p.b, expected, 10);
    assert_int_equal(p.b->arrived[4].at, 4500 * us);
    assert_int_equal(sim_link_stats(p.link, SIM_A_TO_B).delayed, 1);
    sim_destroy(p.sim);
}

static void test_copies_follow_and_are_seen_by_no_rule(void **state)
{
    (void)state;
    static const uint64_t expected[] = {0, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct pair p = pair_make(1, NULL);
    rule_add(&p, (struct sim_fault){
                     .skip = 1, .count = 1, .action = SIM_FAULT_DUPLICATE, .copies = 3});
    int all = rule_add(&p, (struct sim_fault){0});
    end_send(p.a, 10, 100, 1 * ms);
    pair_run(&p);
    assert_numbers(p.b, expected, 13);
    assert_int_equal(sim_link_stats(p.link, SIM_A_TO_B).duplicated, 3);
    assert_int_equal(sim_fault_stats(p.link, SIM_A_TO_B, (unsigned)all).matched, 10);
    for (size_t i = 0; i < 13; i++)
        assert_true(p.b->arrived[i].intact);
    sim_destroy(p.sim);
}

static void test_copies_survive_the_loss_of_the_packet(void **state)
{
    (void)state;
    struct sim_dir_config config = {.loss = {.kind = SIM_LOSS_EVERY, .every = 1}};
    struct pair p = pair_make(1, &config);
    rule_add(&p, (struct sim_fault){.action = SIM_FAULT_DUPLICATE});
    end_send(p.a, 10, 100, 0);
    pair_run(&p);
    assert_int_equal(p.b->arrived_count, 10);
    assert_int_equal(sim_link_stats(p.link, SIM_A_TO_B).lost[SIM_LOST_RANDOM], 10);
    sim_destroy(p.sim);
    p = pair_make(1, NULL);
    rule_add(&p, (struct sim_fault){.action = SIM_FAULT_DUPLICATE});
    rule_add(&p, (struct sim_fault){.action = SIM_FAULT_DROP});
    end_send(p.a, 10, 100, 0);
    pair_run(&p);
    assert_int_equal(p.b->arrived_count, 10);
    sim_destroy(p.sim);
}

static void rewrite_longer(void *ctx, struct sim_edit *edit)
{
    bool *keep = ctx;
    assert_int_equal(edit->parsed->source_port, 7);
    assert_int_equal(edit->link, WEIR_LINK_IP);
    assert_int_equal(edit->capacity, edit->len + SIM_EDIT_ROOM);
    memset(edit->bytes + edit->len, 0xab, SIM_EDIT_ROOM);
    edit->len = edit->capacity;
    store16(edit->bytes + 2, (uint16_t)edit->len);
    store16(edit->bytes + 24, (uint16_t)(edit->len - 20));
    store64(edit->bytes + DATAGRAM_HEADERS, load64(edit->bytes + DATAGRAM_HEADERS) + 100);
    edit->keep_checksums = *keep;
}

static void test_a_rewrite_may_change_and_lengthen_the_packet(void **state)
{
    (void)state;
    for (int keep = 0; keep <= 1; keep++) {
        bool keep_checksums = keep != 0;
        struct pair p = run_ten((struct sim_fault){
            .count = 1,
            .action = SIM_FAULT_REWRITE,
            .rewrite = rewrite_longer,
            .ctx = &keep_checksums});
        assert_int_equal(p.b->arrived_count, 10);
        assert_int_equal(p.b->arrived[0].number, 100);
        assert_int_equal(p.b->arrived[0].len, 100 + SIM_EDIT_ROOM);
        assert_true(p.b->arrived[0].intact == !keep_checksums);
        assert_int_equal(p.b->arrived[1].len, 100);
        assert_int_equal(sim_link_stats(p.link, SIM_A_TO_B).rewritten, 1);
        assert_int_equal(sim_link_stats(p.link, SIM_A_TO_B).sent_bytes, 1000);
        sim_destroy(p.sim);
    }
}

static bool is_100(void *ctx, const struct sim_parsed *packet)
{
    (void)ctx;
    return load64(packet->bytes + packet->payload_offset) == 100;
}

static void test_later_rules_see_the_packet_as_rewritten(void **state)
{
    (void)state;
    bool keep = false;
    struct pair p = pair_make(1, NULL);
    rule_add(&p, (struct sim_fault){.match = {.fn = is_100}, .action = SIM_FAULT_DROP});
    rule_add(&p, (struct sim_fault){.count = 1,
                                    .action = SIM_FAULT_REWRITE,
                                    .rewrite = rewrite_longer,
                                    .ctx = &keep});
    rule_add(&p, (struct sim_fault){.match = {.fn = is_100}, .action = SIM_FAULT_DROP});
    end_send(p.a, 10, 100, 1 * ms);
    pair_run(&p);
    assert_int_equal(p.b->arrived_count, 9);
    assert_int_equal(sim_fault_stats(p.link, SIM_A_TO_B, 0).matched, 0);
    assert_int_equal(sim_fault_stats(p.link, SIM_A_TO_B, 2).acted, 1);
    sim_destroy(p.sim);
}

static void test_corruption_hits_where_it_is_told(void **state)
{
    (void)state;
    struct pair p = run_ten((struct sim_fault){.count = 2,
                                               .action = SIM_FAULT_CORRUPT,
                                               .corrupt_offset = 100 + DATAGRAM_HEADERS + 7,
                                               .corrupt_mask = 0x80});
    /* The offset is taken modulo the length: the last byte of the number. */
    assert_int_equal(p.b->arrived[0].number, 0x80);
    assert_int_equal(p.b->arrived[1].number, 0x81);
    assert_false(p.b->arrived[0].intact);
    assert_true(p.b->arrived[2].intact);
    sim_destroy(p.sim);
    p = run_ten((struct sim_fault){.action = SIM_FAULT_CORRUPT});
    for (unsigned i = 0; i < 10; i++)
        assert_false(p.b->arrived[i].intact);
    assert_int_equal(sim_link_stats(p.link, SIM_A_TO_B).corrupted, 10);
    sim_destroy(p.sim);
}

/* ---- holding ---- */

static void test_held_packets_pass_in_any_given_order(void **state)
{
    (void)state;
    /* All orders of five, made by counting in the factorial number system. */
    for (unsigned n = 0; n < 120; n++) {
        uint8_t order[5], left[5] = {0, 1, 2, 3, 4};
        uint64_t expected[10] = {0, 1, 0, 0, 0, 0, 0, 7, 8, 9};
        for (unsigned i = 0, rest = n; i < 5; i++) {
            unsigned pick = rest % (5 - i);
            rest /= 5 - i;
            order[i] = left[pick];
            memmove(left + pick, left + pick + 1, 4 - pick);
            expected[2 + i] = 2U + order[i];
        }
        struct pair p = run_ten((struct sim_fault){.skip = 2,
                                                   .count = 5,
                                                   .action = SIM_FAULT_HOLD,
                                                   .hold = {.held = 5, .order = order}});
        assert_numbers(p.b, expected, 10);
        assert_int_equal(p.b->arrived[2].at, 6 * ms);
        sim_destroy(p.sim);
    }
}

static void test_a_held_packet_goes_when_its_condition_comes(void **state)
{
    (void)state;
    static const uint64_t passed[] = {0, 2, 3, 1, 4, 5, 6, 7, 8, 9};
    static const uint64_t timed[] = {0, 2, 3, 4, 1, 5, 6, 7, 8, 9};
    static const uint64_t pairs[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct sim_fault fault = {
        .skip = 1, .count = 1, .action = SIM_FAULT_HOLD, .hold = {.passed = 2}};
    struct pair p = run_ten(fault);
    assert_numbers(p.b, passed, 10);
    assert_int_equal(p.b->arrived[3].at, 3 * ms); /* right behind the second */
    sim_destroy(p.sim);

    fault.hold.passed = 0;
    fault.hold.after = 3500 * us;
    p = run_ten(fault);
    assert_numbers(p.b, timed, 10);
    assert_int_equal(p.b->arrived[4].at, 4500 * us);
    sim_destroy(p.sim);

    fault.hold.passed = 2; /* whichever is first */
    p = run_ten(fault);
    assert_numbers(p.b, passed, 10);
    sim_destroy(p.sim);

    fault = (struct sim_fault){.action = SIM_FAULT_HOLD, .hold = {.held = 2}};
    p = run_ten(fault);
    assert_numbers(p.b, pairs, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(p.b->arrived[i].at, (i | 1) * ms);
    assert_int_equal(sim_link_stats(p.link, SIM_A_TO_B).held, 10);
    sim_destroy(p.sim);
}

static void test_held_packets_are_released_by_hand(void **state)
{
    (void)state;
    static const uint64_t expected[] = {2, 0, 1, 3, 4, 5, 6, 7, 8, 9};
    struct pair p = run_ten((struct sim_fault){.action = SIM_FAULT_HOLD});
    assert_int_equal(p.b->arrived_count, 0);
    assert_int_equal(sim_fault_stats(p.link, SIM_A_TO_B, 0).held, 10);
    assert_int_equal(sim_link_stats(p.link, SIM_A_TO_B).in_flight, 10);
    assert_false(sim_fault_release_one(p.link, SIM_A_TO_B, 0, 10));
    assert_true(sim_fault_release_one(p.link, SIM_A_TO_B, 0, 2));
    assert_true(sim_fault_release_one(p.link, SIM_A_TO_B, 0, 0));
    check_event(p.sim, NULL);
    sim_fault_release(p.link, SIM_A_TO_B, 0);
    sim_fault_release(p.link, SIM_A_TO_B, 0);
    pair_run(&p);
    assert_numbers(p.b, expected, 10);
    sim_destroy(p.sim);
}

static void test_a_removed_rule_lets_go_and_rests(void **state)
{
    (void)state;
    struct pair p = run_ten((struct sim_fault){.action = SIM_FAULT_HOLD});
    sim_fault_remove(p.link, SIM_A_TO_B, 0);
    end_send(p.a, 10, 100, 1 * ms);
    pair_run(&p);
    assert_int_equal(p.b->arrived_count, 20);
    struct sim_fault_stats stats = sim_fault_stats(p.link, SIM_A_TO_B, 0);
    assert_true(stats.matched == 10 && stats.acted == 10 && stats.held == 0);
    sim_destroy(p.sim);
    /* And a simulation may end while packets are held. */
    p = run_ten((struct sim_fault){.action = SIM_FAULT_HOLD, .hold = {.after = 100 * ms}});
    assert_int_equal(p.b->arrived_count, 10);
    sim_destroy(p.sim);
    p = run_ten((struct sim_fault){.action = SIM_FAULT_HOLD});
    sim_destroy(p.sim);
}

static void test_rules_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const uint8_t twice[] = {0, 1, 1}, beyond[] = {0, 1, 3};
    const struct sim_fault bad[] = {
        {.action = SIM_FAULT_HOLD + 1},
        {.action = SIM_FAULT_REWRITE},
        {.action = SIM_FAULT_DELAY, .delay = -1},
        {.action = SIM_FAULT_DELAY, .delay = WEIR_TIME_NEVER},
        {.action = SIM_FAULT_HOLD, .hold = {.after = WEIR_TIME_NEVER}},
        {.chance = {2, 1}},
        {.action = SIM_FAULT_HOLD, .hold = {.after = -1}},
        {.action = SIM_FAULT_HOLD, .hold = {.held = 3, .order = twice}},
        {.action = SIM_FAULT_HOLD, .hold = {.held = 3, .order = beyond}},
        {.action = SIM_FAULT_HOLD, .hold = {.held = 0, .order = beyond}},
        {.action = SIM_FAULT_HOLD, .hold = {.held = 256, .order = beyond}},
    };
    struct pair p = pair_make(1, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(sim_fault_add(p.link, SIM_A_TO_B, &bad[i]), WEIR_E_INVALID);
    for (int i = 0; i < SIM_FAULT_RULES_MAX; i++)
        assert_int_equal(rule_add(&p, (struct sim_fault){.action = SIM_FAULT_HOLD}), i);
    struct sim_fault one_more = {0};
    assert_int_equal(sim_fault_add(p.link, SIM_A_TO_B, &one_more), WEIR_E_EXHAUSTED);
    assert_int_equal(sim_fault_add(p.link, SIM_B_TO_A, &one_more), 0);
    sim_destroy(p.sim);
}

/* ---- captures ---- */

/* What a record of a pcapng says; the file is walked here by the letter of the specification. */
struct record {
    uint32_t interface, direction, len;
    weir_time at;
    uint64_t number;
    char comment[80];
};

static uint32_t little(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void record_options(struct record *r, const uint8_t *p, const uint8_t *end)
{
    while (p < end) {
        uint32_t code = little(p) & 0xffff, len = little(p) >> 16;
        if (code == 1)
            memcpy(r->comment, p + 4, len < 79 ? len : 79);
        if (code == 2)
            r->direction = little(p + 4);
        p += 4 + (len + 3) / 4 * 4;
    }
}

static size_t records_read(const struct capture_memory *m, struct record *record, size_t max,
                           char names[3][80])
{
    size_t n = 0, interfaces = 0;
    for (const uint8_t *p = m->bytes; p < m->bytes + m->len; p += little(p + 4)) {
        struct record r = {0};
        if (little(p) == 1) {
            assert_true(interfaces < 3);
            record_options(&r, p + 16, p + little(p + 4) - 4);
            memset(names[interfaces], 0, 80);
            memcpy(names[interfaces++], p + 20, little(p + 16) >> 16); /* if_name is the first */
        }
        if (little(p) != 6)
            continue;
        r.interface = little(p + 8);
        r.at = (weir_time)((uint64_t)little(p + 12) << 32 | little(p + 16));
        r.len = little(p + 20);
        r.number = load64(p + 28 + DATAGRAM_HEADERS);
        record_options(&r, p + 28 + (r.len + 3) / 4 * 4, p + little(p + 4) - 4);
        assert_true(n < max);
        record[n++] = r;
    }
    return n;
}

static void assert_record(const struct record *r, uint32_t interface, uint64_t number, weir_time at,
                          const char *comment)
{
    assert_int_equal(r->interface, interface);
    assert_int_equal(r->number, number);
    assert_int_equal(r->at, at);
    assert_string_equal(r->comment, comment);
    assert_int_equal(r->direction, interface == 1 ? CAPTURE_INBOUND : CAPTURE_OUTBOUND);
}

static void test_a_capture_tells_what_became_of_each_packet(void **state)
{
    (void)state;
    static const uint64_t list[] = {3};
    struct sim_dir_config config = {.rate_bps = 800000, /* 1 ms each */
                                    .delay = 10 * ms,
                                    .mtu_bytes = 100,
                                    .queue = {.packets_max = 2},
                                    .loss = {.kind = SIM_LOSS_LIST, .list = list, .list_len = 1}};
    struct capture_memory m = {0};
    struct capture_writer w;
    struct record r[20];
    char names[3][80];
    struct pair p = pair_make(1, &config);
    assert_int_equal(capture_open(&w, capture_sink_memory(&m), &(struct capture_options){0}), 0);
    assert_int_equal(sim_link_capture(p.link, &w, SIM_CAPTURE_BOTH), 0);
    assert_int_equal(sim_link_capture(p.link, &w, SIM_CAPTURE_BOTH), WEIR_E_EXISTS);
    rule_add(&p, (struct sim_fault){.skip = 1, .count = 1, .action = SIM_FAULT_DROP});
    rule_add(&p, (struct sim_fault){.skip = 4, .count = 1, .name = "late", .action = SIM_FAULT_HOLD,
                                    .hold = {.after = 50 * ms}});
    end_send(p.a, 6, 100, 0);
    assert_int_equal(sim_run_until(p.sim, 20 * ms, 0), SIM_STOP_TIME);
    end_send(p.a, 1, 101, 0);
    assert_int_equal(sim_run_until(p.sim, 49 * ms, 0), SIM_STOP_TIME);
    sim_link_set_down(p.link, SIM_A_TO_B, true);
    pair_run(&p);
    size_t n = records_read(&m, r, 20, names);
    assert_string_equal(names[0], "ab.a");
    assert_string_equal(names[1], "ab.b");
    assert_string_equal(names[2], "ab lost");
    assert_int_equal(n, 10);
    assert_record(&r[0], 0, 0, 0, "");
    assert_record(&r[1], 0, 1, 0, "lost: fault rule 0");
    assert_record(&r[2], 0, 2, 0, "lost: loss model");
    assert_record(&r[3], 0, 3, 0, "");
    assert_record(&r[4], 0, 4, 0, "lost: queue full");
    assert_record(&r[5], 0, 5, 0, "held: fault rule late");
    assert_record(&r[6], 1, 0, 11 * ms, "");
    assert_record(&r[7], 1, 3, 13 * ms, "");
    assert_record(&r[8], 0, 6, 20 * ms, "lost: larger than the MTU");
    assert_record(&r[9], 2, 5, 51 * ms, "lost: link down");
    sim_destroy(p.sim);
    capture_memory_free(&m);
}

static void test_a_capture_shows_the_packet_as_sent_and_as_delivered(void **state)
{
    (void)state;
    bool keep = false;
    struct capture_memory m = {0};
    struct capture_writer w;
    struct record r[4];
    char names[3][80];
    struct pair p = pair_make(1, NULL);
    assert_int_equal(capture_open(&w, capture_sink_memory(&m), &(struct capture_options){0}), 0);
    assert_int_equal(sim_link_capture(p.link, &w, SIM_CAPTURE_BOTH), 0);
    rule_add(&p, (struct sim_fault){
                     .action = SIM_FAULT_REWRITE, .rewrite = rewrite_longer, .ctx = &keep});
    end_send(p.a, 1, 100, 0);
    pair_run(&p);
    assert_int_equal(records_read(&m, r, 4, names), 2);
    assert_record(&r[0], 0, 0, 0, "rewritten: fault rule 0");
    assert_record(&r[1], 1, 100, 0, "");
    assert_int_equal(r[0].len, 100);
    assert_int_equal(r[1].len, 100 + SIM_EDIT_ROOM);
    sim_destroy(p.sim);
    capture_memory_free(&m);
}

static void test_a_late_loss_of_a_held_packet_is_told(void **state)
{
    (void)state;
    static const uint64_t list[] = {1};
    struct sim_dir_config config = {.loss = {.kind = SIM_LOSS_LIST, .list = list, .list_len = 1}};
    struct capture_memory m = {0};
    struct capture_writer w;
    struct record r[4];
    char names[3][80];
    struct pair p = pair_make(1, &config);
    assert_int_equal(capture_open(&w, capture_sink_memory(&m), &(struct capture_options){0}), 0);
    assert_int_equal(sim_link_capture(p.link, &w, SIM_CAPTURE_BOTH), 0);
    rule_add(&p, (struct sim_fault){.action = SIM_FAULT_HOLD, .hold = {.after = 5}});
    end_send(p.a, 1, 100, 0);
    pair_run(&p);
    assert_int_equal(records_read(&m, r, 4, names), 2);
    assert_record(&r[0], 0, 0, 0, "held: fault rule 0");
    assert_record(&r[1], 2, 0, 5, "lost: loss model");
    sim_destroy(p.sim);
    capture_memory_free(&m);
}

static void test_a_pcap_shows_one_end(void **state)
{
    (void)state;
    struct capture_memory m = {0};
    struct capture_writer w;
    struct capture_options options = {.format = CAPTURE_PCAP};
    struct pair p = pair_make(1, NULL);
    assert_int_equal(capture_open(&w, capture_sink_memory(&m), &options), 0);
    assert_int_equal(sim_link_capture(p.link, &w, SIM_CAPTURE_BOTH), WEIR_E_UNSUPPORTED);
    assert_int_equal(sim_link_capture(p.link, &w, SIM_CAPTURE_B), 0);
    rule_add(&p, (struct sim_fault){.count = 1, .action = SIM_FAULT_DROP});
    end_send(p.a, 3, 100, 5);
    end_send(p.b, 2, 200, 5);
    pair_run(&p);
    /* The first of a's is lost. At 5 ns both nodes send before anything is delivered. */
    static const uint32_t lens[] = {200, 200, 100, 100};
    size_t at = 24; /* behind the header of the file */
    assert_int_equal(little(m.bytes + 20), CAPTURE_LINK_RAW);
    for (unsigned i = 0; i < 4; i++, at += 16 + lens[i - 1])
        assert_int_equal(little(m.bytes + at + 12), lens[i]);
    assert_int_equal(at, m.len);
    sim_destroy(p.sim);
    capture_memory_free(&m);
}

static void test_a_capture_that_fails_stops_the_simulation(void **state)
{
    (void)state;
    struct capture_memory m = {.len_max = 500};
    struct capture_writer w;
    struct pair p = pair_make(1, NULL);
    assert_int_equal(capture_open(&w, capture_sink_memory(&m), &(struct capture_options){0}), 0);
    assert_int_equal(sim_link_capture(p.link, &w, SIM_CAPTURE_A), 0);
    end_send(p.a, 10, 100, 5);
    assert_int_equal(sim_run_until_idle(p.sim, 1000), SIM_STOP_ERROR);
    assert_int_equal(sim_error(p.sim), WEIR_E_EXHAUSTED);
    sim_destroy(p.sim);
    capture_memory_free(&m);
    m.len_max = 60; /* no room for the interfaces: the link stays without a capture */
    p = pair_make(1, NULL);
    assert_int_equal(capture_open(&w, capture_sink_memory(&m), &(struct capture_options){0}), 0);
    assert_int_equal(sim_link_capture(p.link, &w, SIM_CAPTURE_A), WEIR_E_EXHAUSTED);
    end_send(p.a, 10, 100, 5);
    pair_run(&p);
    assert_int_equal(p.b->arrived_count, 10);
    sim_destroy(p.sim);
    capture_memory_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_choose_among_matches),
        cmocka_unit_test(test_a_time_span_chooses),
        cmocka_unit_test(test_a_chance_chooses),
        cmocka_unit_test(test_a_function_chooses_and_is_asked_last),
        cmocka_unit_test(test_parts_of_the_packet_choose),
        cmocka_unit_test(test_a_delay_lets_others_overtake),
        cmocka_unit_test(test_copies_follow_and_are_seen_by_no_rule),
        cmocka_unit_test(test_copies_survive_the_loss_of_the_packet),
        cmocka_unit_test(test_a_rewrite_may_change_and_lengthen_the_packet),
        cmocka_unit_test(test_later_rules_see_the_packet_as_rewritten),
        cmocka_unit_test(test_corruption_hits_where_it_is_told),
        cmocka_unit_test(test_held_packets_pass_in_any_given_order),
        cmocka_unit_test(test_a_held_packet_goes_when_its_condition_comes),
        cmocka_unit_test(test_held_packets_are_released_by_hand),
        cmocka_unit_test(test_a_removed_rule_lets_go_and_rests),
        cmocka_unit_test(test_rules_that_cannot_be_are_refused),
        cmocka_unit_test(test_a_capture_tells_what_became_of_each_packet),
        cmocka_unit_test(test_a_capture_shows_the_packet_as_sent_and_as_delivered),
        cmocka_unit_test(test_a_late_loss_of_a_held_packet_is_told),
        cmocka_unit_test(test_a_pcap_shows_one_end),
        cmocka_unit_test(test_a_capture_that_fails_stops_the_simulation),
    };
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
