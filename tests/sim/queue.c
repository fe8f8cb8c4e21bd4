/* SPDX-License-Identifier: MIT
 * Random early detection and controlled delay, against plain models of their papers. */
#include "harness.h"

static const weir_time us = WEIR_NS_PER_US, ms = WEIR_NS_PER_MS;

enum {
    PACKET_BYTES = 1000,
    ARRIVALS = 1500
};

/* At 8 Mbit/s a packet takes a millisecond. */
static struct sim_dir_config slow(struct sim_queue_config queue)
{
    return (struct sim_dir_config){.rate_bps = 8000000, .queue = queue};
}

static struct sim_dir_stats a_to_b(const struct pair *p)
{
    return sim_link_stats(p->link, SIM_A_TO_B);
}

/* ---- CoDel ---- */

/* When packets were lost to CoDel, seen from outside. */
struct watch {
    struct sim_link *link;
    uint64_t seen;
    unsigned count;
    weir_time at[ARRIVALS];
};

static void watch_codel(struct sim *sim, void *ctx)
{
    struct watch *w = ctx;
    struct sim_dir_stats stats = sim_link_stats(w->link, SIM_A_TO_B);
    uint64_t now = stats.lost[SIM_LOST_CODEL] + stats.marked;
    for (; w->seen < now; w->seen++)
        w->at[w->count++] = sim_now(sim);
    check_event(sim, NULL);
}

/* interval / sqrt(count), rounded down, by bisection. */
static weir_time law(weir_time interval, uint32_t count)
{
    weir_time low = 0, high = interval + 1;
    while (high - low > 1) {
        weir_time middle = (low + high) / 2;
        if ((uint64_t)middle * (uint64_t)middle <= (uint64_t)interval * (uint64_t)interval / count)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void check_overload(bool ecn)
{
    struct sim_dir_config config =
        slow((struct sim_queue_config){.kind = SIM_QUEUE_CODEL, .ecn = ecn});
    struct pair p = pair_make(1, &config);
    struct watch *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->link = p.link;
    sim_on_event(p.sim, watch_codel, w);
    p.a->ecn = 2;
    end_send(p.a, ARRIVALS, PACKET_BYTES, 500 * us); /* twice what the wire takes */
    pair_run(&p);
    /* Packet k comes at k / 2 ms and leaves the queue at k ms: packet 10 is the first to have
     * waited for 5 ms, 100 ms later the first one goes. */
    assert_int_equal(w->at[0], 110 * ms);
    weir_time next = w->at[0] + 100 * ms;
    unsigned n = 1;
    for (; n < w->count && w->at[n] < 740 * ms; n++) { /* as long as packets come */
        assert_in_range(w->at[n] - next, 0, ms - 1); /* at the first departure after it */
        next += law(100 * ms, n + 1);
    }
    assert_in_range(n, 14, 16); /* the sum of 100 / sqrt(k) reaches 630 ms at 15 */
    if (ecn) {
        uint64_t ce = 0;
        assert_int_equal(a_to_b(&p).lost[SIM_LOST_CODEL], 0);
        assert_int_equal(p.b->arrived_count, ARRIVALS);
        assert_int_equal(p.b->arrived[110].ecn, 3);
        for (size_t i = 0; i < ARRIVALS; i++) {
            ce += p.b->arrived[i].ecn == 3;
            assert_true(p.b->arrived[i].intact); /* the header checksum followed the mark */
        }
        assert_int_equal(ce, a_to_b(&p).marked);
    } else {
        assert_int_equal(a_to_b(&p).marked, 0);
        assert_int_equal(p.b->arrived[109].number, 109);
        assert_int_equal(p.b->arrived[110].number, 111);
    }
    free(w);
    sim_destroy(p.sim);
}

static void test_codel_drops_faster_and_faster_while_the_queue_stands(void **state)
{
    (void)state;
    check_overload(false);
}

static void test_codel_marks_instead_when_it_may(void **state)
{
    (void)state;
    check_overload(true);
}

static void test_codel_leaves_a_short_queue_alone(void **state)
{
    (void)state;
    for (uint32_t limit = 4; limit <= 6; limit++) {
        struct sim_dir_config config =
            slow((struct sim_queue_config){.kind = SIM_QUEUE_CODEL, .packets_max = limit});
        struct pair p = pair_make(1, &config);
        end_send(p.a, ARRIVALS, PACKET_BYTES, 500 * us);
        pair_run(&p);
        /* The last place is free when a transmission begins: who takes it waits `limit` ms. */
        assert_true((a_to_b(&p).lost[SIM_LOST_CODEL] > 0) == (limit >= 5));
        assert_true(a_to_b(&p).lost[SIM_LOST_QUEUE] > 500);
        sim_destroy(p.sim);
    }
}

/* RFC 8289 section 5, over the times at which packets of equal size come: which are dropped. */
struct codel_model {
    const weir_time *came;
    unsigned count, head; /* the queue is [head, what has come by now) */
    weir_time now, target, interval, first_above, drop_next;
    uint32_t drops, drops_last;
    bool dropping, *dropped;
};

/* The packet at the head, or -1; *over: it has been bad for an interval. */
static int model_dequeue(struct codel_model *m, bool *over)
{
    *over = false;
    if (m->head == m->count || m->came[m->head] > m->now) {
        m->first_above = 0;
        return -1;
    }
    int k = (int)m->head++;
    unsigned waiting = 0;
    while (m->head + waiting < m->count && m->came[m->head + waiting] <= m->now)
        waiting++;
    if (m->now - m->came[k] < m->target || waiting <= 1)
        m->first_above = 0;
    else if (m->first_above == 0)
        m->first_above = m->now + m->interval;
    else if (m->now >= m->first_above)
        *over = true;
    return k;
}

static int model_next(struct codel_model *m)
{
    bool over;
    int k = model_dequeue(m, &over);
    if (k < 0) {
        m->dropping = false;
        return k;
    }
    if (m->dropping) {
        if (!over)
            m->dropping = false;
        while (m->dropping && m->now >= m->drop_next) {
            m->dropped[k] = true;
            m->drops++;
            k = model_dequeue(m, &over);
            if (over)
                m->drop_next += law(m->interval, m->drops);
            else
                m->dropping = false;
        }
    } else if (over) {
        m->dropped[k] = true;
        k = model_dequeue(m, &over);
        uint32_t recent = m->drops - m->drops_last;
        m->dropping = true;
        m->drops = recent > 1 && m->now - m->drop_next < 16 * m->interval ? recent : 1;
        m->drop_next = m->now + law(m->interval, m->drops);
        m->drops_last = m->drops;
    }
    return k;
}

static void test_codel_equals_its_model_under_changing_load(void **state)
{
    (void)state;
    weir_time *came = calloc(ARRIVALS, sizeof *came);
    bool *dropped = calloc(ARRIVALS, sizeof *dropped), *arrived = calloc(ARRIVALS, sizeof *arrived);
    assert_true(came != NULL && dropped != NULL && arrived != NULL);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct rng rng = rng_make(seed);
        struct sim_dir_config config = slow((struct sim_queue_config){
            .kind = SIM_QUEUE_CODEL, .codel = {.target = 3 * ms, .interval = 20 * ms}});
        struct pair p = pair_make(seed, &config);
        memset(dropped, 0, ARRIVALS * sizeof *dropped);
        memset(arrived, 0, ARRIVALS * sizeof *arrived);
        /* Phases of 100 packets, each at 0.3 to 1.5 times the rate of the wire. */
        uint64_t gap_mean = 0;
        for (unsigned i = 0; i < ARRIVALS; i++) {
            if (i % 100 == 0)
                gap_mean = rng_between(&rng, 650, 3300);
            weir_time gap = (weir_time)rng_below(&rng, gap_mean) * us + 1;
            came[i] = (i == 0 ? 0 : came[i - 1]) + gap;
            assert_int_equal(sim_run_until(p.sim, came[i], 0) == SIM_STOP_ERROR, 0);
            end_send(p.a, 1, PACKET_BYTES, 0);
        }
        pair_run(&p);
        struct codel_model m = {.came = came, .count = ARRIVALS, .target = 3 * ms,
                                .interval = 20 * ms, .dropped = dropped};
        while (m.head < ARRIVALS) {
            if (model_next(&m) < 0)
                m.now = came[m.head];
            else
                m.now += ms;
        }
        for (size_t i = 0; i < p.b->arrived_count; i++)
            arrived[p.b->arrived[i].number] = true;
        for (unsigned i = 0; i < ARRIVALS; i++)
            if (arrived[i] == dropped[i])
                fail_msg("seed %u: packet %u", (unsigned)seed, i);
        assert_in_range(a_to_b(&p).lost[SIM_LOST_CODEL], 20, ARRIVALS / 2);
        sim_destroy(p.sim);
    }
    free(came);
    free(dropped);
    free(arrived);
}

/* ---- RED ---- */

static void test_red_without_memory_looks_at_the_queue_as_it_is(void **state)
{
    (void)state;
    /* Weight 1: the average is the queue. Never between the thresholds, always from the upper. */
    for (uint32_t top = 4999; top <= 5001; top++) {
        struct sim_dir_config config = slow((struct sim_queue_config){
            .kind = SIM_QUEUE_RED, .red = {.bytes_min = 1, .bytes_max = top}});
        struct pair p = pair_make(1, &config);
        end_send(p.a, 20, PACKET_BYTES, 0);
        pair_run(&p);
        /* One on the wire; packet k + 2 finds k thousand bytes waiting. */
        assert_int_equal(p.b->arrived_count, top <= 5000 ? 6 : 7);
        assert_int_equal(a_to_b(&p).lost[SIM_LOST_RED], 20 - p.b->arrived_count);
        sim_destroy(p.sim);
    }
    for (uint32_t bottom = 4999; bottom <= 5001; bottom++) {
        struct sim_dir_config config = slow((struct sim_queue_config){
            .kind = SIM_QUEUE_RED,
            .red = {.bytes_min = bottom, .bytes_max = bottom + 1, .chance_max = {1, 1}}});
        struct pair p = pair_make(1, &config);
        end_send(p.a, 20, PACKET_BYTES, 0);
        pair_run(&p);
        assert_int_equal(p.b->arrived_count, bottom <= 4999 ? 6 : 7);
        sim_destroy(p.sim);
    }
}

/* What becomes of one packet that finds 5,000 bytes waiting in front of a wire that hardly moves:
 * it is RED's, or else the queue, which has room for five, drops it. */
static bool red_hits(struct pair *p)
{
    struct sim_dir_stats before = a_to_b(p);
    end_send(p->a, 1, PACKET_BYTES, 0);
    assert_int_equal(sim_run_for(p->sim, 0, 0), SIM_STOP_TIME);
    struct sim_dir_stats after = a_to_b(p);
    assert_int_equal(after.queue_bytes, 5000);
    return after.lost[SIM_LOST_RED] + after.marked > before.lost[SIM_LOST_RED] + before.marked;
}

static struct pair pair_standing(bool ecn, uint8_t ect)
{
    struct sim_dir_config config = {.rate_bps = 1};
    struct pair p = pair_make(3, &config);
    end_send(p.a, 6, PACKET_BYTES, 0);
    assert_int_equal(sim_run_until(p.sim, 0, 0), SIM_STOP_TIME);
    /* Halfway between the thresholds: p_b is half of chance_max, 1/8. */
    config.queue = (struct sim_queue_config){.kind = SIM_QUEUE_RED, .ecn = ecn, .packets_max = 5,
                                             .red = {0, 10000, {1, 4}, 0, 0}};
    assert_int_equal(sim_link_set(p.link, SIM_A_TO_B, &config), 0);
    p.a->ecn = ect;
    return p;
}

static void test_red_spaces_its_drops_evenly(void **state)
{
    (void)state;
    enum { N = 18000 };
    unsigned gap = 0, gaps[9] = {0}, hits = 0;
    struct pair p = pair_standing(false, 2);
    for (unsigned i = 0; i < N; i++) {
        gap++;
        if (!red_hits(&p))
            continue;
        assert_in_range(gap, 1, 8); /* Floyd and Jacobson, section 4: uniform in 1 ... 1/p_b */
        gaps[gap]++;
        hits++;
        gap = 0;
    }
    assert_in_range(hits, 3900, 4100); /* one in 4.5 */
    for (gap = 1; gap <= 8; gap++)
        assert_in_range(gaps[gap], 400, 600); /* 500, standard deviation 21 */
    assert_int_equal(a_to_b(&p).marked, 0);
    assert_int_equal(a_to_b(&p).lost[SIM_LOST_RED], hits);
    sim_destroy(p.sim);
}

static void test_red_marks_what_understands_it_and_drops_the_rest(void **state)
{
    (void)state;
    for (uint8_t ect = 0; ect <= 3; ect++) {
        struct pair p = pair_standing(true, ect);
        unsigned hits = 0;
        for (unsigned i = 0; i < 100; i++)
            hits += red_hits(&p);
        assert_in_range(hits, 12, 50);
        assert_int_equal(a_to_b(&p).marked, ect == 0 ? 0 : hits);
        assert_int_equal(a_to_b(&p).lost[SIM_LOST_RED], ect == 0 ? hits : 0);
        sim_destroy(p.sim);
    }
}

static void test_marked_packets_arrive_with_ce(void **state)
{
    (void)state;
    struct sim_dir_config config = slow((struct sim_queue_config){
        .kind = SIM_QUEUE_RED, .ecn = true,
        .red = {.bytes_min = 2000, .bytes_max = 100000, .chance_max = {1, 1}, .weight_shift = 2}});
    struct pair p = pair_make(2, &config);
    p.a->ecn = 1;
    end_send(p.a, 200, PACKET_BYTES, 700 * us);
    pair_run(&p);
    uint64_t ce = 0;
    assert_int_equal(p.b->arrived_count, 200);
    for (size_t i = 0; i < 200; i++) {
        assert_true(p.b->arrived[i].intact);
        assert_true(p.b->arrived[i].ecn == 1 || p.b->arrived[i].ecn == 3);
        ce += p.b->arrived[i].ecn == 3;
    }
    assert_int_equal(ce, a_to_b(&p).marked);
    assert_in_range(ce, 20, 180);
    sim_destroy(p.sim);
}

/* The average of section 4 of the paper, step by step, in 1/2^20 bytes: also through idle times,
 * where it falls as if a packet had found the queue empty each millisecond. */
static void test_red_averages_as_its_model(void **state)
{
    (void)state;
    enum { SHIFT = 3, TOP = 6000 };
    struct rng rng = rng_make(4);
    struct sim_dir_config config = slow((struct sim_queue_config){
        .kind = SIM_QUEUE_RED,
        .red = {.bytes_min = 1, .bytes_max = TOP, .weight_shift = SHIFT, .packet_bytes = 1000}});
    struct pair p = pair_make(1, &config);
    uint64_t average = 0;
    weir_time busy_until = 0;
    unsigned drops = 0, idle = 0, close = 0;
    for (unsigned i = 0; i < ARRIVALS; i++) {
        /* Bursts, and between them gaps that are sometimes long enough to drain the queue. */
        weir_time gap = (weir_time)rng_below(&rng, 300) * us;
        if (i % 60 == 0)
            gap += (weir_time)rng_below(&rng, 40) * ms;
        assert_int_not_equal(sim_run_for(p.sim, gap, 0), SIM_STOP_ERROR);
        weir_time now = sim_now(p.sim);
        struct sim_dir_stats before = a_to_b(&p);
        if (now > busy_until) {
            for (weir_time n = (now - busy_until) / ms; n > 0; n--)
                average -= average >> SHIFT;
            idle++;
        } else {
            average += (before.queue_bytes << 20) >> SHIFT;
            average -= (average - ((before.queue_bytes << 20) >> SHIFT)) >> SHIFT;
        }
        end_send(p.a, 1, PACKET_BYTES, 0);
        assert_int_not_equal(sim_run_for(p.sim, 0, 0), SIM_STOP_ERROR);
        bool dropped = a_to_b(&p).lost[SIM_LOST_RED] > before.lost[SIM_LOST_RED];
        drops += dropped;
        if (!dropped)
            busy_until = (now > busy_until ? now : busy_until) + ms;
        if (average >> 20 >= TOP - 2 && average >> 20 <= TOP + 2)
            close++; /* the model rounds differently */
        else if (dropped != (average >> 20 >= TOP))
            fail_msg("packet %u: average %u", i, (unsigned)(average >> 20));
    }
    assert_in_range(drops, 100, ARRIVALS - 100);
    assert_in_range(idle, 10, ARRIVALS / 10);
    assert_in_range(close, 0, 20);
    sim_destroy(p.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codel_drops_faster_and_faster_while_the_queue_stands),
        cmocka_unit_test(test_codel_marks_instead_when_it_may),
        cmocka_unit_test(test_codel_leaves_a_short_queue_alone),
        cmocka_unit_test(test_codel_equals_its_model_under_changing_load),
        cmocka_unit_test(test_red_without_memory_looks_at_the_queue_as_it_is),
        cmocka_unit_test(test_red_spaces_its_drops_evenly),
        cmocka_unit_test(test_red_marks_what_understands_it_and_drops_the_rest),
        cmocka_unit_test(test_marked_packets_arrive_with_ce),
        cmocka_unit_test(test_red_averages_as_its_model),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
