/* SPDX-License-Identifier: MIT
 * Numbers that run out: sequence numbers through 2^32, timestamps through 2^31 and 2^32, the clock
 * through 2^31 and 2^32 milliseconds (24.9 and 49.7 days), and connections that are silent for as
 * long. */
#include "tcp_pair.h"
#include "wire/ip4.h"
#include "wire/tcp_options.h"

enum { CLIENT_PORT = 40000 };

#define DAY       (INT64_C(86400) * WEIR_NS_PER_S)
#define WRAP31_MS (INT64_C(1) << 31)
#define WRAP32_MS (INT64_C(1) << 32)

/* Bytes both ways, between fixed ports. */
static struct tcp_talk_config talk_of(uint64_t there, uint64_t back)
{
    struct tcp_talk_config talk = tcp_world_talk(PAIR_PORT, there, back);
    talk.port[0] = CLIENT_PORT;
    talk.address[0] = tcp_world_addr(0, false);
    return talk;
}

/* A path on which segments are lost and overtaken, so that all machinery works across the wrap. */
static const struct sim_dir_config rough = {
    .delay = PAIR_DELAY,
    .rate_bps = 100000000,
    .loss = {.kind = SIM_LOSS_BERNOULLI, .chance = {2, 100}},
    .reorder = {.chance = {5, 100}, .delay = 4 * WEIR_NS_PER_MS}};

/* What the SYN and the SYN-ACK of a talk say. */
struct said {
    uint32_t iss, ts_val;
};

static bool hear(void *ctx, const struct sim_parsed *p)
{
    struct said *said = ctx;
    struct tcp_options o;
    if (p->protocol != IP_PROTOCOL_TCP || (p->tcp_flags & TCP_SYN) == 0)
        return false;
    uint32_t at = p->transport_offset + TCP_HEADER_BYTES;
    tcp_options_parse_any(&o, p->bytes + at, p->payload_offset - at);
    said->iss = p->seq.v;
    said->ts_val = (o.present & TCP_HAS_TIMESTAMPS) != 0 ? o.ts_val : 0;
    return true;
}

/* What the side says of a talk that begins a millisecond after this time on the clock. */
static struct said listen_to(unsigned side, weir_time start)
{
    struct said said = {0};
    struct sim_fault probe = {.match = {.fn = hear, .ctx = &said}};
    struct pair pair;
    struct tcp_talk_config talk = talk_of(1, 1);
    pair_begin(&pair, &(struct pair_config){.start = start});
    talk.start = start + WEIR_NS_PER_MS;
    assert_true(sim_fault_add(pair.link, side == 0 ? SIM_A_TO_B : SIM_B_TO_A, &probe) >= 0);
    (void)tcp_apps_talk(pair.world.apps, &talk);
    pair_end(&pair, "listening to side", side, 0);
    return said;
}

/* The initial sequence number goes up by one in 4 microseconds (RFC 9293 3.4.1): which start of the
 * clock makes it stand so many below the wrap? */
static weir_time start_for_iss(uint32_t iss, uint32_t below)
{
    uint32_t missing = 0U - below - iss;
    return (weir_time)missing * 4 * WEIR_NS_PER_US;
}

static void test_NF_32_sequence_numbers_wrap_anywhere_in_a_transfer(void **state)
{
    (void)state;
    static const uint32_t below[] = {0,    1,    2,     3,     500,   1447,  1448,  1449,
                                     1460, 1461, 2896,  2897,  10000, 14480, 32767, 32768,
                                     65534, 65535, 65536, 69999, 100000, 149999};
    for (unsigned side = 0; side < 2; side++) {
        uint32_t iss = listen_to(side, 0).iss;
        for (unsigned i = 0; i < sizeof below / sizeof below[0]; i++) {
            struct pair pair;
            weir_time start = start_for_iss(iss, below[i]);
            struct tcp_talk_config talk = talk_of(150000, 150000);
            if (i % 8 == 0) /* the arithmetic above is right */
                assert_int_equal(listen_to(side, start).iss, 0U - below[i]);
            talk.start = start + WEIR_NS_PER_MS;
            talk.side[side].urgent_every = i % 2 == 1 ? 3 : 0;
            talk.side[side].write_max = 5000;
            pair_begin(&pair, &(struct pair_config){
                                  .start = start, .seed = 1, .dir = i % 4 == 3 ? NULL : &rough});
            (void)tcp_apps_talk(pair.world.apps, &talk);
            pair_end(&pair, "below the wrap", side, below[i]);
        }
    }
}

/* A talk of half a minute whose timestamps pass `wrap`. */
static void across(unsigned side, uint32_t wrap, const struct sim_dir_config *dir)
{
    struct pair pair;
    uint32_t missing_ms = wrap - listen_to(side, 0).ts_val - 10000;
    weir_time start = (weir_time)missing_ms * WEIR_NS_PER_MS;
    struct tcp_talk_config talk = talk_of(100000, 100000);
    talk.start = start + WEIR_NS_PER_MS;
    for (unsigned i = 0; i < 2; i++) {
        talk.side[i].write_max = 1000;
        talk.side[i].write_pause = 300 * WEIR_NS_PER_MS;
    }
    pair_begin(&pair, &(struct pair_config){.start = start, .dir = dir});
    (void)tcp_apps_talk(pair.world.apps, &talk);
    pair_end(&pair, "timestamps wrap", side, wrap);
}

static void test_NF_31_timestamps_wrap_in_a_transfer(void **state)
{
    (void)state;
    for (unsigned side = 0; side < 2; side++) {
        across(side, 0, &rough);
        across(side, 0x80000000U, &rough);
        across(side, 0, NULL);
    }
}

/* Data, a long silence, data again, in both directions. */
static void idle(weir_time start, weir_time silence, bool timestamps)
{
    struct pair pair;
    struct tcp_talk_config talk = talk_of(50000, 50000);
    talk.start = start + WEIR_NS_PER_MS;
    for (unsigned i = 0; i < 2; i++) {
        talk.side[i].idle = silence + (weir_time)i * 1000 * WEIR_NS_PER_MS;
        talk.side[i].idle_after = 20000;
    }
    talk.side[0].setting_count = 1;
    talk.side[0].setting[0] = (struct tcp_app_setting){WEIR_TCP_TIMESTAMPS, timestamps};
    pair_begin(&pair, &(struct pair_config){.start = start, .dir = &rough});
    (void)tcp_apps_talk(pair.world.apps, &talk);
    pair_end(&pair, "silent for days:", (unsigned)(silence / DAY), timestamps);
}

static void test_NF_31_24_9_and_49_8_days_of_silence(void **state)
{
    (void)state;
    static const weir_time wraps[] = {WRAP31_MS, WRAP32_MS, WRAP31_MS + WRAP32_MS};
    for (unsigned timestamps = 0; timestamps < 2; timestamps++) {
        for (unsigned i = 0; i < 3; i++)
            for (int off = -1; off <= 1; off++)
                idle(0, wraps[i] * WEIR_NS_PER_MS + off * 30 * WEIR_NS_PER_S, timestamps != 0);
        idle(0, 249 * DAY / 10, timestamps != 0);
        idle(0, 498 * DAY / 10, timestamps != 0);
        idle(0, 500 * DAY, timestamps != 0);
    }
}

static void test_NF_30_the_clock_passes_2_31_and_2_32_milliseconds(void **state)
{
    (void)state;
    static const weir_time wraps[] = {WRAP31_MS, WRAP32_MS};
    for (unsigned i = 0; i < 2; i++)
        for (unsigned before_s = 0; before_s <= 60; before_s += 10) {
            weir_time start = wraps[i] * WEIR_NS_PER_MS - (weir_time)before_s * WEIR_NS_PER_S;
            /* Of 60 s: across the wrap go retransmissions, a silence, and TIME-WAIT. */
            idle(start, 12 * WEIR_NS_PER_S, true);
            idle(start, WEIR_NS_PER_S, false);
        }
}

/* A second connection between the same ports, when the clock of initial sequence numbers has gone
 * round (4.77 hours) and shortly after: neither is mistaken for the other. */
static void test_I_67_the_same_ports_again_and_again(void **state)
{
    (void)state;
    static const weir_time gaps[] = {61 * WEIR_NS_PER_S, 3600 * WEIR_NS_PER_S,
                                     (INT64_C(1) << 32) * 4 * WEIR_NS_PER_US};
    struct pair pair;
    weir_time at = WEIR_NS_PER_MS;
    pair_begin(&pair, &(struct pair_config){.dir = &rough});
    for (unsigned i = 0; i < 3; i++) {
        struct tcp_talk_config talk = talk_of(30000, 30000);
        talk.start = at;
        at += gaps[i] + 60 * WEIR_NS_PER_S;
        (void)tcp_apps_talk(pair.world.apps, &talk);
    }
    pair_end(&pair, "the same ports", 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_NF_32_sequence_numbers_wrap_anywhere_in_a_transfer),
        cmocka_unit_test(test_NF_31_timestamps_wrap_in_a_transfer),
        cmocka_unit_test(test_NF_31_24_9_and_49_8_days_of_silence),
        cmocka_unit_test(test_NF_30_the_clock_passes_2_31_and_2_32_milliseconds),
        cmocka_unit_test(test_I_67_the_same_ports_again_and_again),
    };
    return cmocka_run_group_tests_name("tcp_wrap", tests, NULL, NULL);
}
