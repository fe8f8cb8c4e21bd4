/* SPDX-License-Identifier: MIT
 * Rates, delays and impairments of links. */
#include "harness.h"

static const weir_time us = WEIR_NS_PER_US, ms = WEIR_NS_PER_MS, s = WEIR_NS_PER_S;

static struct sim_dir_stats a_to_b(const struct pair *p)
{
    return sim_link_stats(p->link, SIM_A_TO_B);
}

static uint64_t lost(const struct pair *p, enum sim_lost cause)
{
    return a_to_b(p).lost[cause];
}

/* Everything that arrived is whole and in the order of sending. */
static void assert_in_order(const struct end *end)
{
    for (size_t i = 0; i < end->arrived_count; i++) {
        assert_true(end->arrived[i].intact);
        assert_true(i == 0 || end->arrived[i].number > end->arrived[i - 1].number);
        assert_true(i == 0 || end->arrived[i].at >= end->arrived[i - 1].at);
    }
}

/* ---- rate and delay ---- */

static void test_a_perfect_wire_delivers_at_once(void **state)
{
    (void)state;
    struct pair p = pair_make(1, NULL);
    end_send(p.a, 1000, 1500, 0);
    pair_run(&p);
    assert_int_equal(sim_now(p.sim), 0);
    assert_int_equal(p.b->arrived_count, 1000);
    assert_in_order(p.b);
    assert_int_equal(a_to_b(&p).sent_bytes, 1500000);
    assert_int_equal(a_to_b(&p).delivered_bytes, 1500000);
    assert_int_equal(sim_stats(p.sim).packets, 1000);
    sim_destroy(p.sim);
}

/* Back to back, packet k ends when k packets' bits have been sent at the rate, to the
 * nanosecond. */
static void check_rate(uint64_t rate_bps, uint32_t overhead, uint64_t packets)
{
    struct sim_dir_config config = {.rate_bps = rate_bps,
                                    .overhead_bytes = overhead,
                                    .delay = 3 * ms,
                                    .backpressure = true,
                                    .queue = {.packets_max = 20}};
    struct pair p = pair_make(1, &config);
    end_send(p.a, packets, 0, 0);
    p.a->len_min = 60;
    p.a->len_max = 1500;
    pair_run(&p);
    assert_int_equal(p.b->arrived_count, packets);
    uint64_t bits = 0;
    for (size_t i = 0; i < packets; i++) {
        const struct arrived *a = &p.b->arrived[i];
        bits += ((uint64_t)a->len + overhead) * 8;
        if (a->at != (weir_time)(bits * 1000000000 / rate_bps) + config.delay || a->number != i)
            fail_msg("packet %zu arrives at %lld", i, (long long)a->at);
    }
    sim_destroy(p.sim);
}

static void test_a_rate_is_exact_to_the_nanosecond(void **state)
{
    (void)state;
    check_rate(142857143, 0, 100000);
    check_rate(10000000000, 24, 10000);
    check_rate(1, 0, 20);
    check_rate(999999999999999, 38, 1000);
    check_rate(3, 1, 30);
}

static void test_a_wire_that_was_idle_begins_anew(void **state)
{
    (void)state;
    struct sim_dir_config config = {.rate_bps = 3000000000};
    struct pair p = pair_make(1, &config);
    end_send(p.a, 10, 100, 1000); /* 266 2/3 ns each */
    pair_run(&p);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(p.b->arrived[i].at, i * 1000 + 266);
    sim_destroy(p.sim);
}

static void change(struct pair *p, struct sim_dir_config config)
{
    assert_int_equal(sim_link_set(p->link, SIM_A_TO_B, &config), 0);
}

static void test_a_new_rate_holds_from_the_next_packet(void **state)
{
    (void)state;
    struct sim_dir_config config = {.rate_bps = 8000000};
    struct pair p = pair_make(1, &config);
    end_send(p.a, 6, 1000, 0); /* 1 ms each */
    assert_int_equal(sim_run_until(p.sim, 1500 * us, 0), SIM_STOP_TIME);
    config.rate_bps = 80000000;
    change(&p, config);
    assert_int_equal(sim_run_until(p.sim, 2150 * us, 0), SIM_STOP_TIME);
    config.rate_bps = 0;
    change(&p, config);
    pair_run(&p);
    static const weir_time expected[] = {1000, 2000, 2100, 2200, 2200, 2200};
    assert_int_equal(p.b->arrived_count, 6);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(p.b->arrived[i].at, expected[i] * us);
    sim_destroy(p.sim);
}

static void test_a_shorter_delay_lets_nothing_overtake(void **state)
{
    (void)state;
    for (int reorders = 0; reorders <= 1; reorders++) {
        struct sim_dir_config config = {.delay = 10 * ms, .jitter_reorders = reorders != 0};
        struct pair p = pair_make(1, &config);
        end_send(p.a, 2, 100, 1 * ms);
        assert_int_equal(sim_run_until(p.sim, 500 * us, 0), SIM_STOP_TIME);
        config.delay = 1 * ms;
        change(&p, config);
        pair_run(&p);
        assert_int_equal(p.b->arrived[0].number, reorders);
        assert_int_equal(p.b->arrived[0].at, reorders ? 2 * ms : 10 * ms);
        assert_int_equal(p.b->arrived[1].at, 10 * ms);
        sim_destroy(p.sim);
    }
}

static void test_jitter_keeps_its_bounds(void **state)
{
    (void)state;
    for (int reorders = 0; reorders <= 1; reorders++) {
        enum { N = 20000 };
        struct sim_dir_config config = {
            .delay = 10 * ms, .jitter = 999, .jitter_reorders = reorders != 0};
        struct pair p = pair_make(7, &config);
        end_send(p.a, N, 100, reorders ? 100 : 2000);
        pair_run(&p);
        unsigned inversions = 0, tenth[10] = {0}, ends = 0;
        for (unsigned i = 0; i < N; i++) {
            const struct arrived *a = &p.b->arrived[i];
            weir_time delay = a->at - (weir_time)a->number * p.a->gap - config.delay;
            assert_in_range(delay, 0, 999);
            tenth[delay / 100]++;
            ends |= delay == 0 ? 1U : delay == 999 ? 2U : 0;
            inversions += i > 0 && a->number < p.b->arrived[i - 1].number;
        }
        /* Even: 2,000 in each tenth, standard deviation 42. */
        for (unsigned i = 0; i < 10; i++)
            assert_in_range(tenth[i], 1750, 2250);
        assert_true(reorders ? inversions > N / 4 : inversions == 0);
        assert_int_equal(ends, 3); /* both bounds are reached */
        assert_true(!reorders || a_to_b(&p).reordered == 0); /* which counts the other kind */
        sim_destroy(p.sim);
    }
}

static void test_jitter_without_reordering_keeps_order_when_packets_are_close(void **state)
{
    (void)state;
    struct sim_dir_config config = {.delay = 5, .jitter = 1 * ms};
    struct pair p = pair_make(7, &config);
    end_send(p.a, 5000, 100, 1 * us);
    pair_run(&p);
    assert_int_equal(p.b->arrived_count, 5000);
    assert_in_order(p.b);
    for (unsigned i = 0; i < 5000; i++)
        assert_in_range(p.b->arrived[i].at - i * us, 5, 5 + ms);
    sim_destroy(p.sim);
}

/* ---- batches ---- */

static void test_batches_are_packets_of_one_instant(void **state)
{
    (void)state;
    struct sim_dir_config config = {.batch_max = 4};
    struct pair p = pair_make(1, &config);
    end_send(p.a, 10, 100, 0);
    pair_run(&p);
    assert_int_equal(p.b->inputs, 3);
    static const uint32_t expected[10] = {4, 4, 4, 4, 4, 4, 4, 4, 2, 2};
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(p.b->arrived[i].batch, expected[i]);
    assert_in_order(p.b);
    sim_destroy(p.sim);
}

static void test_a_batch_is_of_one_link(void **state)
{
    (void)state;
    struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
    struct sim_link_config config = {.dir[SIM_A_TO_B] = {.delay = 5, .batch_max = 8}};
    struct end *a = end_add(sim, "a"), *b = end_add(sim, "b"), *sink = end_add(sim, "sink");
    assert_non_null(sim_link_add(sim, "as", a->node, 0, sink->node, 3, &config));
    assert_non_null(sim_link_add(sim, "bs", b->node, 0, sink->node, 4, &config));
    end_send(a, 2, 100, 0);
    end_send(b, 3, 200, 0);
    assert_int_equal(sim_run_until_idle(sim, 100), SIM_STOP_IDLE);
    assert_int_equal(sink->inputs, 2);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(sink->arrived[i].port, i < 2 ? 3 : 4);
        assert_int_equal(sink->arrived[i].len, i < 2 ? 100 : 200);
        assert_int_equal(sink->arrived[i].batch, i < 2 ? 2 : 3);
    }
    sim_destroy(sim);
}

static void test_a_poll_interval_gathers_what_came_meanwhile(void **state)
{
    (void)state;
    struct sim_dir_config config = {.delay = 30, .poll_interval = 1000, .batch_max = 64};
    struct pair p = pair_make(1, &config);
    end_send(p.a, 30, 100, 100);
    pair_run(&p);
    /* Due at 30, 130, ... 2930: ten of them before each multiple of 1,000. */
    assert_int_equal(p.b->inputs, 3);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(p.b->arrived[i].at, 1000 * (i / 10 + 1));
    assert_in_order(p.b);
    sim_destroy(p.sim);
}

/* ---- queues ---- */

static void test_a_full_queue_drops_the_new_packet(void **state)
{
    (void)state;
    for (unsigned burst = 10; burst <= 12; burst++) {
        struct sim_dir_config config = {.rate_bps = 8000000, .queue = {.packets_max = 10}};
        struct pair p = pair_make(1, &config);
        end_send(p.a, burst, 1000, 0); /* one on the wire, ten waiting */
        pair_run(&p);
        assert_int_equal(lost(&p, SIM_LOST_QUEUE), burst > 11 ? burst - 11 : 0);
        assert_int_equal(p.b->arrived_count, burst < 11 ? burst : 11);
        assert_int_equal(a_to_b(&p).queue_packets_max, burst < 11 ? burst - 1 : 10);
        assert_int_equal(p.b->arrived[p.b->arrived_count - 1].number, burst < 11 ? burst - 1 : 10);
        sim_destroy(p.sim);
    }
}

static void test_a_queue_is_limited_in_bytes(void **state)
{
    (void)state;
    for (uint64_t limit = 4999; limit <= 5001; limit++) {
        struct sim_dir_config config = {.rate_bps = 8000000, .queue = {.bytes_max = limit}};
        struct pair p = pair_make(1, &config);
        end_send(p.a, 20, 1000, 0);
        pair_run(&p);
        assert_int_equal(p.b->arrived_count, limit < 5000 ? 5 : 6);
        assert_int_equal(a_to_b(&p).queue_bytes_max, limit < 5000 ? 4000 : 5000);
        assert_int_equal(a_to_b(&p).queue_bytes, 0);
        sim_destroy(p.sim);
    }
}

static void test_backpressure_holds_packets_back_in_the_node(void **state)
{
    (void)state;
    for (int bytes = 0; bytes <= 1; bytes++) {
        struct sim_dir_config config = {.rate_bps = 8000000, .backpressure = true};
        if (bytes)
            config.queue.bytes_max = 2500;
        else
            config.queue.packets_max = 3;
        struct pair p = pair_make(1, &config);
        end_send(p.a, 100, 1000, 0);
        assert_int_equal(sim_run_until(p.sim, 0, 0), SIM_STOP_TIME);
        assert_int_equal(p.a->sent, 4); /* one on the wire, three in the queue */
        assert_int_equal(sim_run_until(p.sim, 10 * ms, 0), SIM_STOP_TIME);
        assert_int_equal(p.a->sent, 14);
        pair_run(&p);
        assert_int_equal(p.b->arrived_count, 100);
        assert_int_equal(p.b->arrived[99].at, 100 * ms);
        assert_int_equal(a_to_b(&p).queue_packets_max, 3);
        sim_destroy(p.sim);
    }
}

static void test_more_room_is_used_when_the_setting_changes(void **state)
{
    (void)state;
    struct sim_dir_config config = {
        .rate_bps = 8, .backpressure = true, .queue = {.packets_max = 1}};
    struct pair p = pair_make(1, &config);
    end_send(p.a, 10, 100, 0);
    assert_int_equal(sim_run_until(p.sim, 0, 0), SIM_STOP_TIME);
    assert_int_equal(p.a->sent, 2);
    config.queue.packets_max = 5;
    change(&p, config);
    assert_int_equal(sim_run_until(p.sim, 0, 0), SIM_STOP_TIME);
    assert_int_equal(p.a->sent, 6);
    sim_destroy(p.sim);
}

/* ---- loss ---- */

static struct pair pair_lossy(uint64_t seed, struct sim_loss_config loss, uint64_t packets)
{
    struct sim_dir_config config = {.loss = loss};
    struct pair p = pair_make(seed, &config);
    end_send(p.a, packets, 60, 1 * us);
    pair_run(&p);
    assert_int_equal(p.b->arrived_count + lost(&p, SIM_LOST_RANDOM), packets);
    assert_in_order(p.b);
    return p;
}

static void test_independent_loss_has_its_frequency(void **state)
{
    (void)state;
    static const struct ratio chances[] = {{0, 1}, {1, 100}, {1, 10}, {1, 2}, {99, 100}, {1, 1}};
    enum { N = 10000 };
    for (unsigned i = 0; i < 6; i++) {
        struct pair p = pair_lossy(
            3, (struct sim_loss_config){.kind = SIM_LOSS_BERNOULLI, .chance = chances[i]}, N);
        uint64_t n = lost(&p, SIM_LOST_RANDOM);
        uint64_t mean = (uint64_t)N * chances[i].numerator / chances[i].denominator;
        /* Five standard deviations, squared: 25 N p (1 - p). */
        uint64_t off = n > mean ? n - mean : mean - n;
        assert_true(off * off <= 25 * mean * (chances[i].denominator - chances[i].numerator) /
                                     chances[i].denominator);
        sim_destroy(p.sim);
    }
}

static void test_burst_loss_has_its_frequency_and_burst_length(void **state)
{
    (void)state;
    enum { N = 60000 };
    /* Bad for 10 packets in the mean, good for 90: a tenth is bad, of which all are lost. */
    struct sim_loss_config loss = {.kind = SIM_LOSS_GILBERT,
                                   .gilbert = {{1, 90}, {1, 10}, {0, 1}, {1, 1}}};
    struct pair p = pair_lossy(5, loss, N);
    uint64_t n = lost(&p, SIM_LOST_RANDOM), bursts = 0;
    for (size_t i = 1; i < p.b->arrived_count; i++)
        bursts += p.b->arrived[i].number != p.b->arrived[i - 1].number + 1;
    assert_in_range(n, N / 10 * 85 / 100, N / 10 * 115 / 100);
    assert_in_range(n * 10 / bursts, 90, 110);
    sim_destroy(p.sim);
    /* Half of the bad ones, one in fifty of the good ones. */
    loss.gilbert.lost_good = (struct ratio){1, 50};
    loss.gilbert.lost_bad = (struct ratio){1, 2};
    p = pair_lossy(5, loss, N);
    n = lost(&p, SIM_LOST_RANDOM);
    uint64_t mean = N / 10 / 2 + N / 10 * 9 / 50;
    assert_in_range(n, mean * 85 / 100, mean * 115 / 100);
    sim_destroy(p.sim);
}

static void test_every_nth_and_listed_packets_are_lost_exactly(void **state)
{
    (void)state;
    static const uint64_t list[] = {1, 2, 5, 99, 100, 1000};
    struct pair p =
        pair_lossy(1, (struct sim_loss_config){.kind = SIM_LOSS_EVERY, .every = 7}, 100);
    assert_int_equal(p.b->arrived_count, 86);
    for (size_t i = 0; i < 86; i++)
        assert_int_equal(p.b->arrived[i].number, i + i / 6); /* 6, 13, ... are missing */
    sim_destroy(p.sim);
    p = pair_lossy(
        1, (struct sim_loss_config){.kind = SIM_LOSS_LIST, .list = list, .list_len = 6}, 100);
    assert_int_equal(p.b->arrived_count, 95);
    for (size_t i = 0; i < 95; i++)
        assert_int_equal(p.b->arrived[i].number, i < 2 ? i + 2 : i + 3);
    sim_destroy(p.sim);
}

static void test_lost_packets_take_their_time_on_the_wire(void **state)
{
    (void)state;
    static const uint64_t list[] = {2, 3};
    struct sim_dir_config config = {
        .rate_bps = 8000000, .loss = {.kind = SIM_LOSS_LIST, .list = list, .list_len = 2}};
    struct pair p = pair_make(1, &config);
    end_send(p.a, 4, 1000, 0);
    pair_run(&p);
    assert_int_equal(p.b->arrived_count, 2);
    assert_int_equal(p.b->arrived[1].at, 4 * ms);
    sim_destroy(p.sim);
}

/* Which numbers arrive, whatever the order and the copies, as one number to compare. */
static uint64_t arrivals_digest(const struct end *end)
{
    bool seen[2000] = {false};
    uint64_t digest = 0;
    for (size_t i = 0; i < end->arrived_count; i++)
        seen[end->arrived[i].number] = true;
    for (unsigned i = 0; i < 2000; i++)
        digest = digest * UINT64_C(6364136223846793005) + seen[i];
    return digest;
}

static void test_no_impairment_and_no_neighbour_shifts_the_choices_of_another(void **state)
{
    (void)state;
    struct sim_loss_config loss = {.kind = SIM_LOSS_BERNOULLI, .chance = {1, 5}};
    struct pair p = pair_lossy(8, loss, 2000);
    uint64_t digest = arrivals_digest(p.b);
    sim_destroy(p.sim);

    struct sim *sim = sim_create(&(struct sim_config){.seed = 8});
    struct sim_link_config other = {.dir[SIM_A_TO_B].loss = loss};
    struct sim_link_config link = {.dir[SIM_A_TO_B] = {.rate_bps = 1000000000,
                                                       .delay = 5 * ms,
                                                       .jitter = 1 * ms,
                                                       .jitter_reorders = true,
                                                       .loss = loss,
                                                       .duplicate = {{1, 3}, 2 * ms},
                                                       .reorder = {{1, 3}, 1 * ms}}};
    struct end *x = end_add(sim, "x"), *b = end_add(sim, "b"), *a = end_add(sim, "a");
    assert_non_null(sim_link_add(sim, "xa", x->node, 0, a->node, 1, &other));
    assert_non_null(sim_link_add(sim, "ab", a->node, 0, b->node, 0, &link));
    end_send(x, 100, 60, 3 * us);
    end_send(a, 2000, 60, 1 * us);
    assert_int_equal(sim_run_until_idle(sim, UINT64_MAX), SIM_STOP_IDLE);
    assert_true(arrivals_digest(b) == digest);
    sim_destroy(sim);

    p = pair_lossy(9, loss, 2000); /* while another seed does */
    assert_true(arrivals_digest(p.b) != digest);
    sim_destroy(p.sim);
}

/* ---- duplication, reordering, corruption ---- */

static void test_duplicates_follow_within_their_delay(void **state)
{
    (void)state;
    struct sim_dir_config config = {.delay = 1 * ms, .duplicate = {{1, 1}, 100}};
    struct pair p = pair_make(1, &config);
    end_send(p.a, 1000, 60, 1 * us);
    pair_run(&p);
    assert_int_equal(a_to_b(&p).duplicated, 1000);
    assert_int_equal(p.b->arrived_count, 2000);
    unsigned latest = 0;
    for (unsigned i = 0; i < 2000; i += 2) {
        const struct arrived *first = &p.b->arrived[i], *copy = &p.b->arrived[i + 1];
        assert_true(first->number == i / 2 && copy->number == i / 2);
        assert_int_equal(first->at, (weir_time)first->number * us + ms);
        assert_in_range(copy->at - first->at, 0, 100);
        latest += copy->at - first->at == 100;
        assert_true(copy->intact);
    }
    assert_in_range(latest, 1, 40); /* expected: 10 */
    sim_destroy(p.sim);

    config.duplicate.chance = (struct ratio){1, 10};
    p = pair_make(1, &config);
    end_send(p.a, 10000, 60, 1 * us);
    pair_run(&p);
    assert_in_range(a_to_b(&p).duplicated, 850, 1150);
    assert_int_equal(p.b->arrived_count, 10000 + a_to_b(&p).duplicated);
    sim_destroy(p.sim);
}

static void test_reordered_packets_are_late_by_exactly_their_delay(void **state)
{
    (void)state;
    struct sim_dir_config config = {.delay = 1 * ms, .reorder = {{1, 10}, 3500}};
    struct pair p = pair_make(1, &config);
    end_send(p.a, 10000, 60, 1 * us);
    pair_run(&p);
    uint64_t late = 0;
    for (size_t i = 0; i < 10000; i++) {
        weir_time delay = p.b->arrived[i].at - (weir_time)p.b->arrived[i].number * us - ms;
        assert_true(delay == 0 || delay == 3500);
        late += delay != 0;
    }
    assert_int_equal(late, a_to_b(&p).reordered);
    assert_in_range(late, 850, 1150);
    sim_destroy(p.sim);
}

/* Keeps what arrives byte for byte. */
struct keeper {
    uint8_t bytes[64][DATAGRAM_MAX];
    uint32_t len[64];
    unsigned count;
};

static void keeper_input(void *ctx, unsigned port, const struct weir_rx *rx, unsigned n,
                         weir_time now)
{
    struct keeper *k = ctx;
    (void)port;
    (void)now;
    for (unsigned i = 0; i < n && k->count < 64; i++) {
        memcpy(k->bytes[k->count], rx[i].head, rx[i].len);
        k->len[k->count++] = rx[i].len;
    }
}

/* 64 datagrams of `len` bytes through corruption. */
static struct keeper *corrupted(struct sim_corrupt_config corrupt, uint32_t len, uint64_t *count)
{
    static const struct sim_node_ops ops = {.input = keeper_input};
    struct keeper *k = calloc(1, sizeof *k);
    assert_non_null(k);
    struct sim *sim = sim_create(&(struct sim_config){.seed = 12});
    struct end *a = end_add(sim, "a");
    struct sim_node *b = sim_node_add(sim, "b", &ops, k);
    struct sim_link_config config = {.dir[SIM_A_TO_B].corrupt = corrupt};
    struct sim_link *link = sim_link_add(sim, "ab", a->node, 0, b, 0, &config);
    end_send(a, 64, len, 1);
    assert_int_equal(sim_run_until_idle(sim, UINT64_MAX), SIM_STOP_IDLE);
    assert_int_equal(k->count, 64);
    *count = sim_link_stats(link, SIM_A_TO_B).corrupted;
    sim_destroy(sim);
    return k;
}

static unsigned bits_set(uint8_t v)
{
    unsigned n = 0;
    for (; v != 0; v = (uint8_t)(v & (v - 1)))
        n++;
    return n;
}

static void test_corruption_flips_the_asked_number_of_bits_anywhere(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits <= 64; bits = bits * 4 - bits / 2) {
        uint64_t count;
        struct sim_corrupt_config c = {.chance = {1, 1}, .bits_max = (uint8_t)bits};
        struct keeper *k = corrupted(c, 200, &count);
        unsigned most = 0, in_headers = 0;
        assert_int_equal(count, 64);
        for (unsigned i = 0; i < 64; i++) {
            uint8_t sent[200];
            unsigned differ = 0;
            datagram_make(sent, 200, i, 0);
            for (unsigned j = 0; j < 200; j++) {
                differ += bits_set(sent[j] ^ k->bytes[i][j]);
                in_headers += j < 28 && sent[j] != k->bytes[i][j];
            }
            assert_in_range(differ, 1, bits);
            most = differ > most ? differ : most;
        }
        assert_true(most > bits / 2);
        assert_true(in_headers > 0);
        free(k);
    }
    /* Different bits: none is flipped back, though there are only 288. */
    uint64_t count;
    unsigned most = 0;
    struct sim_corrupt_config c = {.chance = {1, 1}, .bits_max = 64};
    struct keeper *k = corrupted(c, DATAGRAM_MIN, &count);
    for (unsigned i = 0; i < 64; i++) {
        uint8_t sent[DATAGRAM_MIN];
        unsigned differ = 0;
        datagram_make(sent, DATAGRAM_MIN, i, 0);
        for (unsigned j = 0; j < DATAGRAM_MIN; j++)
            differ += bits_set(sent[j] ^ k->bytes[i][j]);
        most = differ > most ? differ : most;
    }
    assert_in_range(most, 60, 64);
    free(k);
}

static void test_swapped_words_escape_the_checksum(void **state)
{
    (void)state;
    uint64_t count;
    struct sim_corrupt_config c = {.chance = {1, 1}, .kinds = SIM_CORRUPT_SWAP};
    struct keeper *k = corrupted(c, 1500, &count);
    unsigned changed = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint8_t sent[1500];
        unsigned words = 0, first = 0, second = 0;
        datagram_make(sent, 1500, i, 0);
        for (unsigned j = 0; j < 1500; j += 2)
            if (memcmp(sent + j, k->bytes[i] + j, 2) != 0) {
                first = words == 0 ? j : first;
                second = j;
                words++;
            }
        assert_true(words == 0 || words == 2);
        assert_memory_equal(sent + first, k->bytes[i] + second, words);
        changed += words > 0;
        if (words > 0 && first >= 28)
            assert_int_equal(plain_transport_sum(k->bytes[i], 20, 1480), 0xffff);
    }
    assert_true(changed > 48);
    free(k);
}

static void test_zeroed_runs_are_short(void **state)
{
    (void)state;
    uint64_t count;
    struct sim_corrupt_config c = {.chance = {1, 1}, .kinds = SIM_CORRUPT_ZERO};
    struct keeper *k = corrupted(c, 1500, &count);
    unsigned changed = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint8_t sent[1500];
        unsigned first = 1500, last = 0;
        datagram_make(sent, 1500, i, 0);
        for (unsigned j = 0; j < 1500; j++)
            if (sent[j] != k->bytes[i][j]) {
                assert_int_equal(k->bytes[i][j], 0);
                first = j < first ? j : first;
                last = j;
            }
        changed += first < 1500;
        assert_true(first == 1500 || last - first < 64);
    }
    assert_true(changed > 48);
    free(k);
}

static void test_every_kind_of_corruption_takes_its_turn(void **state)
{
    (void)state;
    uint64_t count;
    struct sim_corrupt_config c = {
        .chance = {1, 2}, .kinds = SIM_CORRUPT_FLIP | SIM_CORRUPT_SWAP | SIM_CORRUPT_ZERO};
    free(corrupted(c, 1500, &count));
    assert_in_range(count, 16, 48);
}

/* ---- MTU and partition ---- */

static void test_packets_larger_than_the_mtu_are_lost(void **state)
{
    (void)state;
    struct sim_dir_config config = {.mtu_bytes = 1000};
    for (uint32_t len = 999; len <= 1001; len++) {
        struct pair p = pair_make(1, &config);
        end_send(p.a, 3, len, 0);
        pair_run(&p);
        assert_int_equal(p.b->arrived_count, len > 1000 ? 0 : 3);
        assert_int_equal(lost(&p, SIM_LOST_MTU), len > 1000 ? 3 : 0);
        sim_destroy(p.sim);
    }
}

struct change_at {
    struct sim_link *link;
    struct sim_dir_config config;
};

static void change_run(struct sim *sim, void *ctx)
{
    struct change_at *c = ctx;
    (void)sim;
    assert_int_equal(sim_link_set(c->link, SIM_A_TO_B, &c->config), 0);
}

static void test_the_mtu_changes_at_a_virtual_time(void **state)
{
    (void)state;
    struct sim_dir_config config = {.mtu_bytes = 1500};
    struct pair p = pair_make(1, &config);
    struct change_at low = {p.link, {.mtu_bytes = 1400}}, high = {p.link, {.mtu_bytes = 0}};
    assert_int_equal(sim_at(p.sim, 10 * ms, change_run, &low), 0);
    assert_int_equal(sim_at(p.sim, 20 * ms, change_run, &high), 0);
    end_send(p.a, 30, 1450, 1 * ms);
    pair_run(&p);
    assert_int_equal(lost(&p, SIM_LOST_MTU), 10);
    assert_int_equal(p.b->arrived[10].number, 20);
    sim_destroy(p.sim);
}

static void set_down(struct sim *sim, void *ctx)
{
    struct sim_link *link = ctx;
    bool down = !sim_link_dir(link, SIM_A_TO_B)->down;
    (void)sim;
    sim_link_set_down(link, SIM_A_TO_B, down);
}

static void test_a_partition_loses_what_enters_and_what_leaves_the_wire(void **state)
{
    (void)state;
    struct sim_dir_config config = {.rate_bps = 8000000, .delay = 5 * ms};
    struct pair p = pair_make(1, &config);
    sim_on_event(p.sim, check_event, NULL);
    /* 1 ms each: sent at 0, 1, ... 9 ms. Down from 3.5 to 6.5 ms: what arrived by then is under way
     * and gets through, 3 is on the wire and lost at its end; 4, 5 and 6 do not enter. */
    assert_int_equal(sim_at(p.sim, 3500 * us, set_down, p.link), 0);
    assert_int_equal(sim_at(p.sim, 6500 * us, set_down, p.link), 0);
    end_send(p.a, 10, 1000, 1 * ms);
    end_send(p.b, 10, 1000, 1 * ms); /* the other direction stays */
    pair_run(&p);
    static const uint64_t expected[] = {0, 1, 2, 7, 8, 9};
    assert_int_equal(p.b->arrived_count, 6);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(p.b->arrived[i].number, expected[i]);
    assert_int_equal(lost(&p, SIM_LOST_DOWN), 4);
    assert_int_equal(p.a->arrived_count, 10);
    sim_destroy(p.sim);
}

static void test_settings_out_of_range_change_nothing(void **state)
{
    (void)state;
    struct sim_dir_config good = {.delay = 5};
    struct pair p = pair_make(1, &good);
    const struct sim_dir_config bad[] = {
        {.rate_bps = UINT64_MAX},
        {.overhead_bytes = 65536},
        {.delay = -1},
        {.jitter = -1},
        {.poll_interval = -1},
        {.delay = WEIR_TIME_NEVER},
        {.batch_max = SIM_BATCH_MAX + 1},
        {.queue = {.kind = SIM_QUEUE_CODEL + 1}},
        {.queue = {.kind = SIM_QUEUE_RED, .red = {.bytes_min = 5, .bytes_max = 5}}},
        {.queue = {.kind = SIM_QUEUE_RED, .red = {1, 5, {0, 0}, 17, 0}}},
        {.queue = {.kind = SIM_QUEUE_CODEL, .codel = {.interval = 4 * s + 1}}},
        {.queue = {.kind = SIM_QUEUE_CODEL, .codel = {.target = -1}}},
        {.loss = {.kind = SIM_LOSS_LIST + 1}},
        {.loss = {.kind = SIM_LOSS_BERNOULLI, .chance = {2, 1}}},
        {.loss = {.kind = SIM_LOSS_EVERY}},
        {.loss = {.kind = SIM_LOSS_LIST, .list_len = 1}},
        {.loss = {.gilbert = {.lost_bad = {3, 2}}}},
        {.corrupt = {.chance = {5, 4}}},
        {.corrupt = {.bits_max = 65}},
        {.corrupt = {.kinds = 8}},
        {.duplicate = {{1, 2}, -1}},
        {.reorder = {{3, 2}, 0}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sim_link_set(p.link, SIM_A_TO_B, &bad[i]), WEIR_E_CONFIG);
        assert_int_equal(sim_link_dir(p.link, SIM_A_TO_B)->delay, 5);
    }
    sim_destroy(p.sim);
}

static void test_every_cause_of_loss_has_a_text(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIM_LOST_COUNT; i++)
        assert_true(strlen(sim_lost_text((enum sim_lost)i)) > 2);
    assert_null(sim_lost_text(SIM_LOST_COUNT));
}

/* ---- conservation ---- */

/* Numbers are drawn before they are used: C does not say in which order an initialiser calls
 * functions, and a seed has to mean the same with every compiler. */
struct draws {
    uint64_t v[24];
};

static struct draws draw(struct rng *rng)
{
    struct draws d;
    for (unsigned i = 0; i < sizeof d.v / sizeof d.v[0]; i++)
        d.v[i] = rng_below(rng, UINT32_MAX);
    return d;
}

static struct ratio random_chance(uint64_t drawn)
{
    return (struct ratio){(uint32_t)(drawn % 3), 8};
}

static struct sim_dir_config random_config(struct rng *rng)
{
    static const uint64_t list[] = {3, 4, 5, 20};
    struct draws d = draw(rng);
    struct sim_dir_config c = {
        .rate_bps = d.v[0] % 3 == 0 ? 0 : 100000 + d.v[1] % 100000000,
        .overhead_bytes = (uint32_t)(d.v[2] % 40),
        .mtu_bytes = d.v[3] % 4 == 0 ? 700 : 0,
        .delay = (weir_time)(d.v[4] % 3000000),
        .jitter = (weir_time)(d.v[5] % 1000000),
        .jitter_reorders = d.v[6] % 2 == 0,
        .down = d.v[7] % 12 == 0,
        .backpressure = d.v[8] % 2 == 0,
        .batch_max = (uint8_t)(d.v[9] % 5),
        .poll_interval = d.v[10] % 3 == 0 ? 50000 : 0,
        .queue = {.kind = (uint8_t)(d.v[11] % 3),
                  .ecn = d.v[12] % 2 == 0,
                  .packets_max = (uint32_t)(d.v[13] % 10),
                  .bytes_max = d.v[14] % 2 == 0 ? 4000 : 0,
                  .red = {500, 4000, {1, 2}, (uint8_t)(d.v[15] % 4), 0},
                  .codel = {20000, 200000}},
        .loss = {.kind = (uint8_t)(d.v[16] % 5),
                 .chance = random_chance(d.v[17]),
                 .gilbert = {{1, 10}, {1, 3}, {0, 1}, {9, 10}},
                 .every = 4,
                 .list = list,
                 .list_len = 4},
        .corrupt = {.chance = random_chance(d.v[18]), .kinds = (uint8_t)(d.v[19] % 8)},
        .duplicate = {random_chance(d.v[20]), 100000},
        .reorder = {random_chance(d.v[21]), 1 * ms},
    };
    return c;
}

struct chaos {
    struct pair p;
    struct rng rng;
    int rules;
};

static void chaos_step(struct sim *sim, void *ctx)
{
    struct chaos *c = ctx;
    struct draws d = draw(&c->rng);
    enum sim_dir dir = (enum sim_dir)(d.v[0] % 2);
    struct sim_dir_config config = random_config(&c->rng);
    struct end *end = d.v[1] % 2 == 0 ? c->p.a : c->p.b;
    struct sim_fault fault = {
        .match = {.payload_min = (uint32_t)(d.v[2] % 1000)},
        .every = d.v[3] % 4,
        .count = d.v[4] % 10,
        .chance = {1, 2},
        .action = (uint8_t)(d.v[5] % (SIM_FAULT_HOLD + 1)),
        .delay = 100000,
        .copies = 2,
        .hold = {.held = (uint32_t)(d.v[6] % 3),
                 .passed = (uint32_t)(d.v[7] % 3),
                 .after = d.v[8] % 2 == 0 ? 1 * ms : 0},
    };
    if (fault.action == SIM_FAULT_REWRITE)
        fault.action = SIM_FAULT_DROP;
    (void)sim;
    switch (d.v[9] % 5) {
    case 0:
        assert_int_equal(sim_link_set(c->p.link, dir, &config), 0);
        break;
    case 1:
        sim_node_stop(end->node, (uint32_t)(d.v[10] % 4));
        break;
    case 2:
        sim_node_start(end->node);
        break;
    case 3:
        if (c->rules < 20 && sim_fault_add(c->p.link, SIM_A_TO_B, &fault) >= 0)
            c->rules++;
        break;
    default:
        if (c->rules > 0)
            sim_fault_remove(c->p.link, SIM_A_TO_B, (unsigned)(d.v[11] % (uint64_t)c->rules));
    }
}

static void test_packets_are_conserved_after_every_event_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct chaos c = {.rng = rng_make(seed)};
        struct sim_dir_config config = random_config(&c.rng);
        c.p = pair_make(seed, &config);
        config = random_config(&c.rng);
        assert_int_equal(sim_link_set(c.p.link, SIM_B_TO_A, &config), 0);
        sim_on_event(c.p.sim, check_event, NULL);
        for (int i = 0; i < 30; i++)
            assert_int_equal(sim_at(c.p.sim, (weir_time)rng_below(&c.rng, 20 * (uint64_t)ms),
                                    chaos_step, &c), 0);
        c.p.a->ecn = 2;
        end_send(c.p.a, 200, 0, 100 * us);
        end_send(c.p.b, 100, 0, 200 * us);
        c.p.a->len_min = c.p.b->len_min = DATAGRAM_MIN;
        c.p.a->len_max = c.p.b->len_max = 1500;
        enum sim_stop stop = sim_run_until_idle(c.p.sim, 100000);
        assert_int_equal(stop, SIM_STOP_IDLE);
        sim_node_start(c.p.a->node);
        sim_node_start(c.p.b->node);
        for (int i = 0; i < c.rules; i++)
            sim_fault_remove(c.p.link, SIM_A_TO_B, (unsigned)i);
        stop = sim_run_until_idle(c.p.sim, 100000);
        assert_int_equal(stop, SIM_STOP_IDLE);
        assert_int_equal(sim_link_stats(c.p.link, SIM_A_TO_B).sent, 200);
        assert_int_equal(sim_link_stats(c.p.link, SIM_A_TO_B).in_flight, 0);
        assert_int_equal(sim_link_stats(c.p.link, SIM_B_TO_A).in_flight, 0);
        sim_destroy(c.p.sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_perfect_wire_delivers_at_once),
        cmocka_unit_test(test_a_rate_is_exact_to_the_nanosecond),
        cmocka_unit_test(test_a_wire_that_was_idle_begins_anew),
        cmocka_unit_test(test_a_new_rate_holds_from_the_next_packet),
        cmocka_unit_test(test_a_shorter_delay_lets_nothing_overtake),
        cmocka_unit_test(test_jitter_keeps_its_bounds),
        cmocka_unit_test(test_jitter_without_reordering_keeps_order_when_packets_are_close),
        cmocka_unit_test(test_batches_are_packets_of_one_instant),
        cmocka_unit_test(test_a_batch_is_of_one_link),
        cmocka_unit_test(test_a_poll_interval_gathers_what_came_meanwhile),
        cmocka_unit_test(test_a_full_queue_drops_the_new_packet),
        cmocka_unit_test(test_a_queue_is_limited_in_bytes),
        cmocka_unit_test(test_backpressure_holds_packets_back_in_the_node),
        cmocka_unit_test(test_more_room_is_used_when_the_setting_changes),
        cmocka_unit_test(test_independent_loss_has_its_frequency),
        cmocka_unit_test(test_burst_loss_has_its_frequency_and_burst_length),
        cmocka_unit_test(test_every_nth_and_listed_packets_are_lost_exactly),
        cmocka_unit_test(test_lost_packets_take_their_time_on_the_wire),
        cmocka_unit_test(test_no_impairment_and_no_neighbour_shifts_the_choices_of_another),
        cmocka_unit_test(test_duplicates_follow_within_their_delay),
        cmocka_unit_test(test_reordered_packets_are_late_by_exactly_their_delay),
        cmocka_unit_test(test_corruption_flips_the_asked_number_of_bits_anywhere),
        cmocka_unit_test(test_swapped_words_escape_the_checksum),
        cmocka_unit_test(test_zeroed_runs_are_short),
        cmocka_unit_test(test_every_kind_of_corruption_takes_its_turn),
        cmocka_unit_test(test_packets_larger_than_the_mtu_are_lost),
        cmocka_unit_test(test_the_mtu_changes_at_a_virtual_time),
        cmocka_unit_test(test_a_partition_loses_what_enters_and_what_leaves_the_wire),
        cmocka_unit_test(test_settings_out_of_range_change_nothing),
        cmocka_unit_test(test_every_cause_of_loss_has_a_text),
        cmocka_unit_test(test_packets_are_conserved_after_every_event_whatever_happens),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
