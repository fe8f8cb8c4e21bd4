/* SPDX-License-Identifier: MIT
 * Each invariant that is checked on what a stack says is shown something that breaks it. */
#include "sim/tcp_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sim/build.h"
#include "sim/tcp_world.h"

enum { MSS = 1000, BUFFER = 262144 };

struct scene {
    struct tcp_world world;
    weir_handle handle;
};

/* A stack with an endpoint, which the made-up connections have the handle of. */
static void begin(struct scene *s)
{
    struct weir_tcp_config open = {.size = sizeof open};
    struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
    assert_non_null(sim);
    tcp_world_begin(&s->world, sim);
    (void)tcp_world_host(&s->world, &(struct tcp_world_host){.name = "host"});
    assert_int_equal(weir_tcp_open(tcp_world_stack(&s->world, 0), &open, &s->handle), WEIR_OK);
    weir_stack_advance(tcp_world_stack(&s->world, 0), WEIR_NS_PER_S);
}

/* A connection with 3,000 bytes outstanding and 500 received. */
static struct weir_tcp_info sound(const struct scene *s)
{
    return (struct weir_tcp_info){.state = WEIR_TCP_ESTABLISHED,
                                  .timer = WEIR_TCP_TIMER_RETRANSMIT,
                                  .timer_in = WEIR_NS_PER_S,
                                  .active = true,
                                  .local_port = 80,
                                  .remote_port = 90,
                                  .handle = s->handle,
                                  .iss = 0xffffff00,
                                  .irs = 7,
                                  .snd_una = 0xffffff01,
                                  .snd_nxt = 0xffffff01 + 3000U,
                                  .snd_max = 0xffffff01 + 3000U,
                                  .rcv_nxt = 508,
                                  .snd_wnd_bytes = 10000,
                                  .rcv_wnd_bytes = BUFFER - 500,
                                  .snd_mss_bytes = MSS,
                                  .send_queue_bytes = 4000,
                                  .unsent_bytes = 1000,
                                  .receive_queue_bytes = 500,
                                  .bytes_received = 500,
                                  .cwnd_bytes = 10 * MSS,
                                  .ssthresh_bytes = UINT32_MAX,
                                  .in_flight_bytes = 3000,
                                  .srtt_us = 5000,
                                  .rtt_us_min = 5000,
                                  .rto_us = 200000,
                                  .age = WEIR_NS_PER_S,
                                  .receive_buffer_bytes = BUFFER,
                                  .accounts = true,
                                  .limited_us = {0, 500000, 499000},
                                  .limited_count = {0, 1, 1}};
}

typedef void change(struct weir_tcp_info *i);

static void una_back(struct weir_tcp_info *i)
{
    i->snd_una--;
}

static void max_back(struct weir_tcp_info *i)
{
    i->snd_nxt--;
    i->snd_max--;
}

static void nxt_beyond(struct weir_tcp_info *i)
{
    i->snd_nxt++;
}

static void nxt_below(struct weir_tcp_info *i)
{
    i->snd_nxt--;
}

static void more_than_queued(struct weir_tcp_info *i)
{
    i->send_queue_bytes = 2997;
    i->unsent_bytes = 0;
}

static void unsent(struct weir_tcp_info *i)
{
    i->unsent_bytes = 4001;
}

static void cwnd(struct weir_tcp_info *i)
{
    i->cwnd_bytes = MSS - 1;
}

static void ssthresh(struct weir_tcp_info *i)
{
    i->ssthresh_bytes = 2 * MSS - 1;
}

static void over_cwnd(struct weir_tcp_info *i)
{
    i->cwnd_bytes = 2 * MSS;
    i->in_flight_bytes = 11 * MSS;
    i->snd_max += 8 * MSS;
    i->snd_nxt += 8 * MSS;
    i->send_queue_bytes = 12000;
}

static void no_timer(struct weir_tcp_info *i)
{
    i->timer = 0;
    i->timer_in = WEIR_TIME_NEVER;
}

static void persist(struct weir_tcp_info *i)
{
    i->timer = WEIR_TCP_TIMER_PERSIST;
}

static void all_acked(struct weir_tcp_info *i)
{
    i->snd_una = i->snd_max;
    i->bytes_acked = 3000;
}

static void nothing_armed(struct weir_tcp_info *i)
{
    all_acked(i);
    i->timer = WEIR_TCP_TIMER_NONE;
    i->timer_in = WEIR_TIME_NEVER;
}

static void timer_without_time(struct weir_tcp_info *i)
{
    i->timer_in = WEIR_TIME_NEVER;
}

static void grown(struct weir_tcp_info *i)
{
    i->cwnd_bytes = 12 * MSS;
}

static void not_collapsed(struct weir_tcp_info *i)
{
    i->timeouts++;
    i->recovery = WEIR_TCP_LOSS;
}

static void not_backed_off(struct weir_tcp_info *i)
{
    not_collapsed(i);
    i->cwnd_bytes = MSS;
}

static void low_rto(struct weir_tcp_info *i)
{
    i->rto_us = 199999;
}

static void high_rto(struct weir_tcp_info *i)
{
    i->rto_us = 120000001;
}

static void not_doubled(struct weir_tcp_info *i)
{
    i->backoff = 1;
    i->rto_us = 300000;
}

static void old_sample(struct weir_tcp_info *i)
{
    i->rtt_us_min = 2000001;
}

static void no_sample(struct weir_tcp_info *i)
{
    i->rtt_us_min = 0;
}

static void rcv_back(struct weir_tcp_info *i)
{
    i->rcv_nxt--;
    i->bytes_received--;
}

static void rcv_wrong(struct weir_tcp_info *i)
{
    i->rcv_nxt++;
}

static void wide_window(struct weir_tcp_info *i)
{
    i->rcv_wnd_bytes = BUFFER + 1;
}

static void far_island(struct weir_tcp_info *i)
{
    i->reassembly_bytes = BUFFER;
}

static void back_to_syn_sent(struct weir_tcp_info *i)
{
    i->state = WEIR_TCP_SYN_SENT;
}

static void to_last_ack_and_back(struct weir_tcp_info *i)
{
    i->state = WEIR_TCP_LISTEN;
}

static void turned(struct weir_tcp_info *i)
{
    i->active = false;
}

static void account_back(struct weir_tcp_info *i)
{
    i->limited_us[WEIR_TCP_LIMIT_WINDOW] -= 1000;
    i->limited_us[WEIR_TCP_LIMIT_CWND] += 1000;
}

static void account_short(struct weir_tcp_info *i)
{
    i->limited_us[WEIR_TCP_LIMIT_CWND] += 5000;
}

static void account_uncounted(struct weir_tcp_info *i)
{
    i->limited_us[WEIR_TCP_LIMIT_BUFFER] += 1000;
}

static void closed_with_timer(struct weir_tcp_info *i)
{
    i->state = WEIR_TCP_CLOSED;
}

static void same(struct weir_tcp_info *i)
{
    (void)i;
}

static void test_what_breaks_an_invariant_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        change *fn;
    } cases[] = {{"I-02", una_back},      {"I-02", max_back},
                 {"I-01", nxt_beyond},    {"I-02", nxt_below},
                 {"I-01", more_than_queued}, {"I-57", unsent},
                 {"I-07", cwnd},          {"I-07", ssthresh},
                 {"I-08", over_cwnd},     {"I-11", no_timer},
                 {"I-11", persist},       {"I-11", all_acked},
                 {"I-22", nothing_armed}, {"I-12", timer_without_time},
                 {"I-09", grown},         {"I-09", not_collapsed},
                 {"I-13", not_backed_off}, {"I-13", low_rto},       {"I-13", high_rto},
                 {"I-13", not_doubled},   {"I-14", old_sample},
                 {"I-14", no_sample},     {"I-24", rcv_back},
                 {"I-24", rcv_wrong},     {"I-26", wide_window},
                 {"I-27", far_island},    {"I-38", back_to_syn_sent},
                 {"I-38", to_last_ack_and_back}, {"I-42", turned},
                 {"accounts", account_back}, {"accounts", account_short},
                 {"accounts", account_uncounted},
                 {"I-39", closed_with_timer}, {NULL, same}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene s;
        begin(&s);
        struct weir_tcp_info info = sound(&s);
        tcp_check_one(s.world.check, 0, &info, WEIR_NS_PER_S);
        struct verdict *v = &s.world.verdict;
        if (v->failed)
            fail_msg("the sound connection: %s %s", v->id, v->text);
        cases[i].fn(&info);
        tcp_check_one(s.world.check, 0, &info, WEIR_NS_PER_S);
        if (v->failed != (cases[i].id != NULL))
            fail_msg("case %u: not found", i);
        if (v->failed && strcmp(v->id, cases[i].id) != 0)
            fail_msg("case %u: found %s (%s) in place of %s", i, v->id, v->text, cases[i].id);
        tcp_world_end(&s.world);
    }
}

static void test_I_40_a_tuple_that_is_there_twice_is_found(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    struct weir_tcp_info info = sound(&s);
    tcp_check_one(s.world.check, 0, &info, WEIR_NS_PER_S);
    info.handle = (weir_handle){0};
    info.state = WEIR_TCP_SYN_RECEIVED;
    tcp_check_one(s.world.check, 0, &info, WEIR_NS_PER_S);
    tcp_check_tuples(s.world.check, 0, WEIR_NS_PER_S);
    assert_true(s.world.verdict.failed);
    assert_string_equal(s.world.verdict.id, "I-40");
    tcp_world_end(&s.world);
}

static void test_I_55_what_is_left_behind_is_found(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    tcp_check_idle(s.world.check, WEIR_NS_PER_S);
    assert_true(s.world.verdict.failed);
    assert_string_equal(s.world.verdict.id, "I-55");
    tcp_world_end(&s.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_breaks_an_invariant_is_found),
        cmocka_unit_test(test_I_40_a_tuple_that_is_there_twice_is_found),
        cmocka_unit_test(test_I_55_what_is_left_behind_is_found),
    };
    return cmocka_run_group_tests_name("tcp_check", tests, NULL, NULL);
}
