/* SPDX-License-Identifier: MIT
 * Time, events and nodes. */
#include "harness.h"

#include "sim/internal.h"

/* ---- events ---- */

struct log {
    unsigned count;
    unsigned id[4096];
    weir_time at[4096];
};

struct entry {
    struct log *log;
    unsigned id;
    weir_time time;
};

static void entry_run(struct sim *sim, void *ctx)
{
    struct entry *e = ctx;
    e->log->id[e->log->count] = e->id;
    e->log->at[e->log->count++] = sim_now(sim);
}

static struct sim *sim_new(uint64_t seed)
{
    struct sim *sim = sim_create(&(struct sim_config){.seed = seed});
    assert_non_null(sim);
    sim_on_event(sim, check_event, NULL);
    return sim;
}

static void test_events_run_by_time_and_then_in_order_of_scheduling(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct log *log = calloc(1, sizeof *log);
    struct entry *entry = calloc(N, sizeof *entry);
    assert_true(log != NULL && entry != NULL);
    struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
    struct rng rng = rng_make(11);
    for (unsigned i = 0; i < N; i++) {
        entry[i] = (struct entry){log, i, (weir_time)rng_below(&rng, 100)};
        assert_int_equal(sim_at(sim, entry[i].time, entry_run, &entry[i]), 0);
    }
    assert_int_equal(sim_run_until_idle(sim, UINT64_MAX), SIM_STOP_IDLE);
    /* The model: look through all entries for each time. */
    unsigned k = 0;
    for (weir_time t = 0; t < 100; t++)
        for (unsigned i = 0; i < N; i++)
            if (entry[i].time == t) {
                assert_int_equal(log->id[k], i);
                assert_int_equal(log->at[k++], t);
            }
    assert_int_equal(k, N);
    assert_int_equal(log->count, N);
    sim_destroy(sim);
    free(log);
    free(entry);
}

static void schedule_more(struct sim *sim, void *ctx)
{
    struct entry *e = ctx;
    entry_run(sim, &e[0]);
    assert_int_equal(sim_at(sim, sim_now(sim), entry_run, &e[1]), 0);
    assert_int_equal(sim_at(sim, sim_now(sim) - 5, entry_run, &e[2]), 0); /* has passed: now */
}

static void test_events_scheduled_for_now_run_behind_those_that_wait_for_now(void **state)
{
    (void)state;
    struct log log = {0};
    struct entry e[4] = {{&log, 0, 0}, {&log, 1, 0}, {&log, 2, 0}, {&log, 3, 0}};
    struct sim *sim = sim_new(1);
    assert_int_equal(sim_at(sim, 7, schedule_more, e), 0);
    assert_int_equal(sim_at(sim, 7, entry_run, &e[3]), 0);
    assert_int_equal(sim_run_until_idle(sim, UINT64_MAX), SIM_STOP_IDLE);
    static const unsigned expected[] = {0, 3, 1, 2};
    assert_int_equal(log.count, 4);
    assert_memory_equal(log.id, expected, sizeof expected);
    assert_int_equal(log.at[3], 7);
    sim_destroy(sim);
}

static void test_runs_stop_where_they_are_told(void **state)
{
    (void)state;
    struct log log = {0};
    struct entry e[5];
    struct sim *sim = sim_new(1);
    for (unsigned i = 0; i < 5; i++) {
        e[i] = (struct entry){&log, i, 10 * (i + 1)};
        assert_int_equal(sim_at(sim, e[i].time, entry_run, &e[i]), 0);
    }
    assert_int_equal(sim_run_until(sim, 9, 0), SIM_STOP_TIME);
    assert_int_equal(sim_now(sim), 9);
    assert_int_equal(log.count, 0);
    assert_int_equal(sim_run_until(sim, 10, 0), SIM_STOP_TIME);
    assert_int_equal(log.count, 1);
    assert_int_equal(sim_run_for(sim, 15, 0), SIM_STOP_TIME);
    assert_int_equal(sim_now(sim), 25);
    assert_int_equal(log.count, 2);
    assert_int_equal(sim_run_until(sim, 100, 1), SIM_STOP_EVENTS);
    assert_int_equal(sim_now(sim), 30); /* of the event */
    assert_int_equal(sim_step(sim), SIM_STOP_EVENTS);
    assert_int_equal(sim_now(sim), 40);
    assert_int_equal(sim_run_until_idle(sim, 100), SIM_STOP_IDLE);
    assert_int_equal(sim_now(sim), 50);
    assert_int_equal(sim_step(sim), SIM_STOP_IDLE);
    assert_int_equal(sim_run_until(sim, 60, 0), SIM_STOP_IDLE);
    assert_int_equal(sim_now(sim), 60);
    assert_int_equal(sim_stats(sim).events, 5);
    sim_destroy(sim);
}

static void interrupt(struct sim *sim, void *ctx)
{
    entry_run(sim, ctx);
    sim_interrupt(sim);
}

static void test_an_interrupt_ends_the_run_after_its_event(void **state)
{
    (void)state;
    struct log log = {0};
    struct entry e[2] = {{&log, 0, 0}, {&log, 1, 0}};
    struct sim *sim = sim_new(1);
    assert_int_equal(sim_at(sim, 5, interrupt, &e[0]), 0);
    assert_int_equal(sim_at(sim, 5, entry_run, &e[1]), 0);
    assert_int_equal(sim_run_until(sim, 100, 0), SIM_STOP_EVENTS);
    assert_int_equal(log.count, 1);
    assert_int_equal(sim_run_until(sim, 100, 0), SIM_STOP_IDLE);
    assert_int_equal(log.count, 2);
    sim_destroy(sim);
}

static void test_a_simulation_may_end_with_events_left(void **state)
{
    (void)state;
    struct log log = {0};
    struct entry e = {&log, 0, 0};
    struct sim_dir_config slow = {.rate_bps = 1000, .delay = WEIR_NS_PER_S};
    struct pair p = pair_make(1, &slow);
    assert_int_equal(sim_at(p.sim, 1000000, entry_run, &e), 0);
    end_send(p.a, 10, 100, 0);
    assert_int_equal(sim_run_for(p.sim, WEIR_NS_PER_S, 0), SIM_STOP_TIME);
    assert_int_equal(sim_at(p.sim, WEIR_TIME_NEVER - 1, entry_run, &e), 0);
    assert_int_equal(sim_at(p.sim, WEIR_TIME_NEVER, entry_run, &e), WEIR_E_INVALID);
    sim_destroy(p.sim); /* a leak is for the sanitizer to find */
    sim_destroy(NULL);
}

static void test_the_clock_begins_where_asked(void **state)
{
    (void)state;
    struct sim_config config = {.seed = 9, .start = INT64_C(1) << 60};
    struct sim *sim = sim_create(&config);
    assert_int_equal(sim_now(sim), INT64_C(1) << 60);
    assert_int_equal(sim_seed(sim), 9);
    sim_destroy(sim);
    config.start = -1;
    assert_null(sim_create(&config));
}

static void test_random_streams_depend_on_seed_and_name_only(void **state)
{
    (void)state;
    struct sim *one = sim_new(5), *two = sim_new(5), *other = sim_new(6);
    (void)end_add(two, "x");
    struct rng a = sim_rng(one, "loss"), b = sim_rng(two, "loss");
    struct rng c = sim_rng(one, "lost"), d = sim_rng(other, "loss");
    uint64_t value = rng_u64(&a);
    assert_true(value == rng_u64(&b));
    assert_true(value != rng_u64(&c));
    assert_true(value != rng_u64(&d));
    sim_destroy(one);
    sim_destroy(two);
    sim_destroy(other);
}

/* Accounts that are wrong have to be found: the counters are changed by hand. */
static void test_I_53_broken_accounts_are_found(void **state)
{
    (void)state;
    struct sim_dir_config config = {.rate_bps = 8000000, .delay = 100 * WEIR_NS_PER_MS};
    struct pair p = pair_make(1, &config);
    char text[100];
    end_send(p.a, 10, 1000, 0);
    assert_int_equal(sim_run_for(p.sim, 5 * WEIR_NS_PER_MS, 0), SIM_STOP_TIME);
    struct sim_dir_state *dir = &p.link->dir[SIM_A_TO_B];
    struct sim_dir_state before = *dir;
    assert_true(sim_invariants(p.sim, text, sizeof text));
    dir->stats.delivered++;
    assert_false(sim_invariants(p.sim, text, sizeof text));
    assert_string_equal(text, "ab: sent + duplicated is not delivered + lost + in flight (I-53)");
    assert_false(sim_invariants(p.sim, NULL, 0));
    *dir = before;
    dir->stats.in_flight--; /* consistently wrong: only a recount finds it */
    dir->stats.delivered++;
    p.sim->packets_live--;
    assert_false(sim_invariants(p.sim, text, sizeof text));
    assert_string_equal(text, "ab: in flight is not what a recount finds (I-53)");
    p.sim->packets_live++;
    *dir = before;
    dir->stats.queue_bytes--;
    assert_false(sim_invariants(p.sim, text, sizeof text));
    *dir = before;
    dir->queue.count++;
    assert_false(sim_invariants(p.sim, text, sizeof text));
    *dir = before;
    p.sim->packets_live++;
    assert_false(sim_invariants(p.sim, text, sizeof text));
    p.sim->packets_live--;
    p.sim->heap.entry[0].time++;
    assert_false(sim_invariants(p.sim, text, sizeof text));
    p.sim->heap.entry[0].time--;
    assert_true(sim_invariants(p.sim, text, sizeof text));
    sim_destroy(p.sim);
}

/* ---- nodes ---- */

/* Logs its calls and has any deadline it is told to have. */
struct probe {
    struct sim_node *node;
    weir_time deadline, step;
    unsigned advances, destroyed;
    weir_time advanced_at[64];
};

static void probe_advance(void *ctx, weir_time now)
{
    struct probe *p = ctx;
    p->advanced_at[p->advances++ % 64] = now;
    if (p->deadline <= now)
        p->deadline = p->step == 0 ? WEIR_TIME_NEVER : p->deadline + p->step;
}

static weir_time probe_deadline(void *ctx)
{
    return ((struct probe *)ctx)->deadline;
}

static void probe_destroy(void *ctx)
{
    ((struct probe *)ctx)->destroyed++;
}

static const struct sim_node_ops probe_ops = {
    .advance = probe_advance, .deadline = probe_deadline, .destroy = probe_destroy};

static void test_a_node_is_woken_at_its_deadlines(void **state)
{
    (void)state;
    struct probe p = {.deadline = 100, .step = 100};
    struct sim *sim = sim_new(1);
    p.node = sim_node_add(sim, "p", &probe_ops, &p);
    assert_int_equal(sim_run_until(sim, 350, 0), SIM_STOP_TIME);
    /* At the time of adding, and at each deadline. */
    static const weir_time expected[] = {0, 100, 200, 300};
    assert_int_equal(p.advances, 4);
    assert_memory_equal(p.advanced_at, expected, sizeof expected);
    p.deadline = 360; /* changed from outside: the node is woken, which arms it anew */
    p.step = 0;
    sim_node_wake(p.node);
    sim_node_wake(p.node);
    assert_int_equal(sim_run_until(sim, 1000, 0), SIM_STOP_IDLE);
    assert_int_equal(p.advances, 6);
    assert_int_equal(p.advanced_at[4], 350);
    assert_int_equal(p.advanced_at[5], 360);
    sim_destroy(sim);
    assert_int_equal(p.destroyed, 1);
}

static void wake_and_log(struct sim *sim, void *ctx)
{
    struct probe *p = ctx;
    sim_node_wake(p->node);
    p->step = p->advances; /* what was known before the node was served */
    (void)sim;
}

static void test_a_second_wake_does_not_put_the_first_one_off(void **state)
{
    (void)state;
    struct probe p = {.deadline = WEIR_TIME_NEVER};
    struct sim *sim = sim_new(1);
    p.node = sim_node_add(sim, "p", &probe_ops, &p);
    assert_int_equal(sim_run_until_idle(sim, 10), SIM_STOP_IDLE);
    assert_int_equal(p.advances, 1);
    assert_int_equal(sim_at(sim, 0, wake_and_log, &p), 0);
    assert_int_equal(sim_at(sim, 0, wake_and_log, &p), 0);
    assert_int_equal(sim_step(sim), SIM_STOP_EVENTS);
    assert_int_equal(sim_step(sim), SIM_STOP_EVENTS);
    sim_node_wake(p.node);
    assert_int_equal(sim_at(sim, 0, wake_and_log, &p), 0);
    sim_node_wake(p.node);
    assert_int_equal(sim_run_until_idle(sim, 10), SIM_STOP_IDLE);
    assert_int_equal(p.step, 2); /* served before the last call, which woke it once more */
    assert_int_equal(p.advances, 3);
    sim_destroy(sim);
}

static void test_a_deadline_in_the_past_means_again_now(void **state)
{
    (void)state;
    struct probe p = {.deadline = -3, .step = 1};
    struct sim *sim = sim_new(1);
    p.node = sim_node_add(sim, "p", &probe_ops, &p);
    assert_int_equal(sim_run_until(sim, 0, 0), SIM_STOP_TIME);
    /* -3, -2, -1 and 0 have come: four times, all at 0. */
    assert_int_equal(p.advances, 4);
    assert_int_equal(p.advanced_at[3], 0);
    assert_int_equal(sim_run_until_idle(sim, 10), SIM_STOP_EVENTS);
    sim_destroy(sim);
}

static void test_names_and_ports_are_checked(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1);
    struct sim_link_config config = {0};
    char name[SIM_NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    name[SIM_NAME_MAX + 1] = '\0';
    assert_null(sim_node_add(sim, name, &probe_ops, NULL));
    assert_null(sim_node_add(sim, "", &probe_ops, NULL));
    name[SIM_NAME_MAX] = '\0';
    struct end *a = end_add(sim, name), *b = end_add(sim, "b");
    assert_string_equal(sim_node_name(a->node), name);
    assert_ptr_equal(sim_node_ctx(a->node), a);
    assert_null(sim_node_add(sim, "b", &probe_ops, NULL));
    assert_null(sim_link_add(sim, "", a->node, 0, b->node, 0, &config));
    assert_null(sim_link_add(sim, "l", a->node, SIM_PORTS_MAX, b->node, 0, &config));
    assert_null(sim_link_add(sim, "l", a->node, 0, a->node, 0, &config));
    struct sim_link *link = sim_link_add(sim, "l", a->node, SIM_PORTS_MAX - 1, b->node, 0, &config);
    assert_non_null(link);
    assert_string_equal(sim_link_name(link), "l");
    assert_int_equal(sim_link_type(link), WEIR_LINK_IP);
    assert_null(sim_link_add(sim, "l", a->node, 1, b->node, 1, &config));
    assert_null(sim_link_add(sim, "m", a->node, 1, b->node, 0, &config));
    assert_non_null(sim_link_add(sim, "m", a->node, 1, a->node, 2, &config)); /* a loop */
    config.dir[1].queue.kind = SIM_QUEUE_CODEL + 1;
    assert_null(sim_link_add(sim, "n", a->node, 3, b->node, 3, &config));
    sim_destroy(sim);
}

static void test_a_stopped_node_finds_its_packets_in_order_when_it_starts(void **state)
{
    (void)state;
    struct sim_dir_config config = {.delay = 1000};
    struct pair p = pair_make(1, &config);
    sim_on_event(p.sim, check_event, NULL);
    end_send(p.a, 10, 100, 100);
    assert_int_equal(sim_run_until(p.sim, 1250, 0), SIM_STOP_TIME);
    assert_int_equal(p.b->arrived_count, 3);
    unsigned advances = p.b->advances;
    sim_node_stop(p.b->node, 4);
    assert_true(sim_node_is_stopped(p.b->node));
    sim_node_wake(p.b->node); /* has no effect on a stopped node */
    assert_int_equal(sim_run_until(p.sim, 5000, 0), SIM_STOP_IDLE);
    assert_int_equal(p.b->arrived_count, 3);
    assert_int_equal(p.b->advances, advances);
    struct sim_dir_stats stats = sim_link_stats(p.link, SIM_A_TO_B);
    assert_int_equal(stats.lost[SIM_LOST_RECEIVER], 3);
    assert_int_equal(stats.in_flight, 4);
    sim_node_start(p.b->node);
    sim_node_start(p.b->node);
    pair_run(&p);
    assert_int_equal(p.b->arrived_count, 7);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(p.b->arrived[i].number, i);
    assert_int_equal(p.b->arrived[6].at, 5000);
    assert_int_equal(p.b->advances, advances + 1);
    /* A simulation may also end while one is stopped. */
    sim_node_stop(p.b->node, 10);
    end_send(p.a, 3, 100, 0);
    assert_int_equal(sim_run_for(p.sim, 5000, 0), SIM_STOP_IDLE);
    sim_destroy(p.sim);
}

static void test_a_stopped_sender_sends_late(void **state)
{
    (void)state;
    struct pair p = pair_make(1, NULL);
    end_send(p.a, 10, 100, 100);
    assert_int_equal(sim_run_until(p.sim, 250, 0), SIM_STOP_TIME);
    sim_node_stop(p.a->node, 0);
    assert_int_equal(sim_run_until(p.sim, 650, 0), SIM_STOP_IDLE);
    assert_int_equal(p.b->arrived_count, 3);
    sim_node_start(p.a->node);
    pair_run(&p);
    static const weir_time expected[] = {0, 100, 200, 650, 650, 650, 650, 700, 800, 900};
    assert_int_equal(p.b->arrived_count, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(p.b->arrived[i].at, expected[i]);
    sim_destroy(p.sim);
}

/* The first virtual time >= from at which a clock shows `deadline` or more, found by trying. */
static weir_time clock_model(weir_time from, weir_time offset, weir_time tick, weir_time deadline)
{
    for (weir_time t = from;; t++) {
        weir_time shown = t + offset;
        while (shown % tick != 0)
            shown--;
        if (shown >= deadline)
            return t;
    }
}

static void test_a_node_may_have_a_clock_of_its_own(void **state)
{
    (void)state;
    static const weir_time offsets[] = {0, 1, -1, 7, -7, 1000, -1000};
    static const weir_time ticks[] = {1, 2, 10, 64};
    for (unsigned i = 0; i < 7; i++)
        for (unsigned j = 0; j < 4; j++)
            for (weir_time deadline = -1300; deadline < 300; deadline += 143) {
                struct probe p = {.deadline = deadline};
                struct sim *sim = sim_create(&(struct sim_config){.start = 50});
                p.node = sim_node_add(sim, "p", &probe_ops, &p);
                sim_node_set_clock(p.node, offsets[i], ticks[j]);
                weir_time due = clock_model(50, offsets[i], ticks[j], deadline);
                assert_int_equal(sim_run_until_idle(sim, 10), SIM_STOP_IDLE);
                assert_int_equal(p.advances, due == 50 ? 1 : 2);
                assert_int_equal(sim_now(sim), due);
                weir_time shown = due + offsets[i];
                while (shown % ticks[j] != 0)
                    shown--;
                assert_int_equal(sim_node_now(p.node), shown);
                assert_int_equal(p.advanced_at[p.advances - 1], shown);
                sim_destroy(sim);
            }
}

static void test_a_clock_may_jump(void **state)
{
    (void)state;
    struct probe p = {.deadline = 1000};
    struct sim *sim = sim_new(1);
    p.node = sim_node_add(sim, "p", &probe_ops, &p);
    assert_int_equal(sim_run_until(sim, 100, 0), SIM_STOP_TIME);
    sim_node_set_clock(p.node, -500, 0); /* back: the deadline is further away */
    assert_int_equal(sim_run_until(sim, 1200, 0), SIM_STOP_TIME);
    assert_int_equal(p.deadline, 1000);
    sim_node_set_clock(p.node, WEIR_TIME_NEVER / 2, 0); /* far forward: it is due */
    assert_int_equal(sim_run_until(sim, 1200, 0), SIM_STOP_IDLE);
    assert_int_equal(p.deadline, WEIR_TIME_NEVER);
    p.deadline = WEIR_TIME_NEVER - 1; /* the far end of time does not wrap */
    sim_node_set_clock(p.node, -100, 64);
    assert_int_equal(sim_run_until(sim, WEIR_TIME_NEVER / 4, 0), SIM_STOP_IDLE);
    sim_destroy(sim);
}

/* ---- what nodes do wrongly ---- */

static unsigned endless_output(void *ctx, unsigned port, struct weir_tx *tx, unsigned max,
                               weir_time now)
{
    (void)ctx;
    (void)port;
    (void)now;
    for (unsigned i = 0; i < max; i++) {
        tx[i].len = tx[i].header_len = 40;
        memset(tx[i].headers, 0, 40);
    }
    return max;
}

static void test_a_node_that_sends_without_end_stops_the_simulation(void **state)
{
    (void)state;
    static const struct sim_node_ops ops = {.output = endless_output};
    struct sim_link_config config = {0};
    struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
    struct sim_node *node = sim_node_add(sim, "endless", &ops, NULL);
    struct sim_node *sink = sim_node_add(sim, "sink", &(struct sim_node_ops){0}, NULL);
    struct sim_link *link = sim_link_add(sim, "l", node, 0, sink, 0, &config);
    assert_int_equal(sim_error(sim), 0);
    assert_int_equal(sim_run_until_idle(sim, UINT64_MAX), SIM_STOP_ERROR);
    assert_int_equal(sim_error(sim), WEIR_E_EXHAUSTED);
    assert_int_equal(sim_link_stats(link, SIM_A_TO_B).sent, SIM_BURST_PACKETS_MAX + 16);
    assert_int_equal(sim_step(sim), SIM_STOP_ERROR);
    check_event(sim, NULL);
    sim_destroy(sim);
}

static unsigned contradicting_output(void *ctx, unsigned port, struct weir_tx *tx, unsigned max,
                                     weir_time now)
{
    unsigned *step = ctx;
    static const uint8_t bytes[64];
    (void)port;
    (void)now;
    assert_true(max >= 1);
    /* Offload requests and lengths were zeroed for us. */
    assert_true(tx->len == 0 && tx->frag_count == 0 && tx->segmentation == 0);
    tx->len = 40;
    tx->header_len = 40;
    memset(tx->headers, 0, 40);
    switch ((*step)++) {
    case 0: tx->len = 41; break;
    case 1: tx->len = 39; break;
    case 2: tx->header_start = WEIR_TX_HEADERS_MAX - 39; break;
    case 3: tx->header_start = WEIR_TX_HEADERS_MAX + 1; tx->header_len = 0; tx->len = 0; break;
    case 4: tx->frag_count = 3; break;
    case 5: tx->len = tx->header_len = 0; break;
    case 6: tx->checksum_wanted = 1; tx->checksum_start = 30; tx->checksum_offset = 9; break;
    case 7: tx->segmentation = WEIR_SEGMENT_UDP + 1; tx->segment_size = 10; break;
    case 8: tx->segmentation = WEIR_SEGMENT_UDP; break;
    case 9: tx->segmentation = WEIR_SEGMENT_UDP; tx->segment_size = 10; break; /* no UDP */
    case 10: tx->frag_count = 1; tx->frag[0] = (struct weir_ref){bytes, 1U << 20}; break;
    case 11: tx->frag_count = 2; tx->frag[1] = (struct weir_ref){bytes, 24}; tx->len = 64; break;
    case 12: tx->checksum_wanted = 1; tx->checksum_start = 30; tx->checksum_offset = 8; break;
    default: return 0;
    }
    return 1;
}

static void test_packets_that_contradict_themselves_are_counted_and_not_sent(void **state)
{
    (void)state;
    static const struct sim_node_ops ops = {.output = contradicting_output};
    struct sim_link_config config = {0};
    unsigned step = 0;
    struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
    struct sim_node *node = sim_node_add(sim, "a", &ops, &step);
    struct end *sink = end_add(sim, "b");
    struct sim_link *link = sim_link_add(sim, "l", node, 0, sink->node, 0, &config);
    assert_int_equal(sim_run_until_idle(sim, 1000), SIM_STOP_IDLE);
    assert_int_equal(step, 14);
    assert_int_equal(sim_stats(sim).malformed, 11);
    assert_int_equal(sim_link_stats(link, SIM_A_TO_B).sent, 2); /* the last two are sound */
    assert_int_equal(sink->arrived_count, 2);
    assert_int_equal(sink->arrived[0].len, 64);
    sim_destroy(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_run_by_time_and_then_in_order_of_scheduling),
        cmocka_unit_test(test_events_scheduled_for_now_run_behind_those_that_wait_for_now),
        cmocka_unit_test(test_runs_stop_where_they_are_told),
        cmocka_unit_test(test_an_interrupt_ends_the_run_after_its_event),
        cmocka_unit_test(test_a_simulation_may_end_with_events_left),
        cmocka_unit_test(test_the_clock_begins_where_asked),
        cmocka_unit_test(test_random_streams_depend_on_seed_and_name_only),
        cmocka_unit_test(test_I_53_broken_accounts_are_found),
        cmocka_unit_test(test_a_node_is_woken_at_its_deadlines),
        cmocka_unit_test(test_a_second_wake_does_not_put_the_first_one_off),
        cmocka_unit_test(test_a_deadline_in_the_past_means_again_now),
        cmocka_unit_test(test_names_and_ports_are_checked),
        cmocka_unit_test(test_a_stopped_node_finds_its_packets_in_order_when_it_starts),
        cmocka_unit_test(test_a_stopped_sender_sends_late),
        cmocka_unit_test(test_a_node_may_have_a_clock_of_its_own),
        cmocka_unit_test(test_a_clock_may_jump),
        cmocka_unit_test(test_a_node_that_sends_without_end_stops_the_simulation),
        cmocka_unit_test(test_packets_that_contradict_themselves_are_counted_and_not_sent),
    };
    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
