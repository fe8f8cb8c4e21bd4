/* SPDX-License-Identifier: MIT */
#include "sim/middlebox_tcp.h"

#include "middlebox_rig.h"

static const uint8_t hello[] = "hello";

/* The option area that most systems send in a SYN, with a fast open cookie request and a kind
 * nobody knows behind: MSS 1460, SACK permitted, timestamps, NOP, window scale 7, fast open,
 * kind 99. */
static const uint8_t usual[28] = {2, 4, 0x05, 0xb4, 4, 2, 8,  10, 0,  0, 0,    1,    0, 0,
                                  0, 0, 1,    3,    3, 7, 34, 2,  99, 4, 0xaa, 0xbb, 1, 0};

struct segment {
    bool v6, back;
    uint16_t flags;
    struct weir_ref options, payload;
};

static uint32_t make(uint8_t *p, struct segment s)
{
    struct build_tcp b = {.ip = rig_path(s.v6, s.back),
                          .source_port = s.back ? 80 : 40000,
                          .destination_port = s.back ? 40000 : 80,
                          .seq = {1000},
                          .ack = {(s.flags & TCP_ACK) != 0 ? 5000 : 0},
                          .flags = s.flags,
                          .window = 8192,
                          .option_bytes = s.options,
                          .payload = s.payload};
    return build_tcp(p, 400, &b);
}

static struct segment syn(bool v6)
{
    return (struct segment){.v6 = v6,
                            .flags = TCP_SYN,
                            .options = {usual, sizeof usual},
                            .payload = {hello, sizeof hello}};
}

/* The only packet that arrived outside: sound, and with this option area and payload. */
static void assert_segment(const struct rig_end *end, struct weir_ref options)
{
    const uint8_t *p = end->bytes[0];
    uint32_t at = p[0] >> 4 == 4 ? 20 : 40;
    assert_true(plain_sound(p, end->len[0]));
    assert_int_equal(p[at + 12] >> 4, 5 + options.len / 4);
    assert_memory_equal(p + at + 20, options.data, options.len);
    assert_int_equal(end->len[0], at + 20 + options.len + sizeof hello);
    assert_memory_equal(p + at + 20 + options.len, hello, sizeof hello);
    assert_int_equal(at == 20 ? load16(p + 2) : 40U + load16(p + 4), end->len[0]);
}

/* ---- MSS clamp ---- */

static void clamp_begin(struct rig *rig, uint16_t mss4, uint16_t mss6)
{
    struct mss_clamp_config config = {.mss4_max = mss4, .mss6_max = mss6};
    rig_begin(rig, WEIR_LINK_IP);
    rig_join(rig, middlebox_add_mss_clamp(rig->sim, "clamp", &config));
}

static void test_a_larger_mss_is_lowered_in_syns_of_both_families(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        static struct rig rig;
        uint8_t p[400], expected[sizeof usual];
        clamp_begin(&rig, 1400, 1380);
        memcpy(expected, usual, sizeof usual);
        store16(expected + 2, v6 == 1 ? 1380 : 1400);
        rig_pass(&rig, MIDDLEBOX_INSIDE, p, make(p, syn(v6 == 1)));
        assert_segment(&rig.end[1], (struct weir_ref){expected, sizeof expected});
        struct segment answer = syn(v6 == 1);
        answer.back = true;
        answer.flags = TCP_SYN | TCP_ACK;
        rig_pass(&rig, MIDDLEBOX_OUTSIDE, p, make(p, answer));
        assert_segment(&rig.end[0], (struct weir_ref){expected, sizeof expected});
        assert_int_equal(middlebox_mss_clamp_stats(rig.box).clamped, 2);
        rig_end(&rig);
    }
}

static void test_the_limit_of_the_clamp(void **state)
{
    (void)state;
    for (uint16_t mss = 1399; mss <= 1401; mss++) {
        static struct rig rig;
        uint8_t p[400], options[4] = {2, 4};
        store16(options + 2, mss);
        clamp_begin(&rig, 1400, 1400);
        const uint8_t *out = rig_pass(
            &rig, 0, p, make(p, (struct segment){.flags = TCP_SYN, .options = {options, 4}}));
        assert_int_equal(load16(out + 42), mss < 1400 ? mss : 1400);
        assert_int_equal(middlebox_mss_clamp_stats(rig.box).clamped, mss > 1400);
        rig_end(&rig);
    }
}

static void test_only_syns_with_a_whole_mss_option_are_touched(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400];
    static const uint8_t short_mss[4] = {2, 3, 0xff, 0}, wrong[4] = {2, 40, 0xff, 0xff};
    clamp_begin(&rig, 500, 0);
    struct segment s = syn(false);
    s.flags = TCP_ACK;
    rig_pass_unchanged(&rig, 0, p, make(p, s));
    s.flags = TCP_SYN;
    s.options = (struct weir_ref){short_mss, 4};
    rig_pass_unchanged(&rig, 0, p, make(p, s));
    s.options = (struct weir_ref){wrong, 4};
    rig_pass_unchanged(&rig, 0, p, make(p, s));
    s.options.len = 0;
    rig_pass_unchanged(&rig, 0, p, make(p, s));
    rig_pass_unchanged(&rig, 0, p, make(p, syn(true))); /* no limit for IPv6 */
    rig_end(&rig);
}

static void test_an_mss_at_an_odd_offset_and_a_repeated_one(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400];
    static const uint8_t options[12] = {1, 2, 4, 0x20, 0x00, 1, 1, 2, 4, 0x10, 0x00, 0};
    static const uint8_t expected[12] = {1, 2, 4, 0x02, 0x00, 1, 1, 2, 4, 0x02, 0x00, 0};
    struct segment s = syn(false);
    clamp_begin(&rig, 0x200, 0);
    s.options = (struct weir_ref){options, sizeof options};
    rig_pass(&rig, 0, p, make(p, s));
    assert_segment(&rig.end[1], (struct weir_ref){expected, sizeof expected});
    rig_end(&rig);
}

/* ---- option stripper ---- */

static void strip_begin(struct rig *rig, struct option_stripper_config config)
{
    rig_begin(rig, WEIR_LINK_IP);
    rig_join(rig, middlebox_add_option_stripper(rig->sim, "stripper", &config));
}

static void test_stripped_options_become_nops(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        static struct rig rig;
        uint8_t p[400], expected[sizeof usual];
        strip_begin(&rig, (struct option_stripper_config){.kind_count = 2,
                                                          .kinds = {TCP_OPT_TIMESTAMPS, 99}});
        memcpy(expected, usual, sizeof usual);
        memset(expected + 6, 1, 10);
        memset(expected + 22, 1, 4);
        rig_pass(&rig, 0, p, make(p, syn(v6 == 1)));
        assert_segment(&rig.end[1], (struct weir_ref){expected, sizeof expected});
        assert_int_equal(middlebox_option_stripper_stats(rig.box).segments, 1);
        assert_int_equal(middlebox_option_stripper_stats(rig.box).options, 2);
        rig_end(&rig);
    }
}

static void test_stripped_options_leave_a_shorter_header(void **state)
{
    (void)state;
    static const uint8_t without_ts[] = {2, 4,  0x05, 0xb4, 4, 2,    3,    3,
                                         7, 34, 2,    99,   4, 0xaa, 0xbb, 0};
    for (unsigned v6 = 0; v6 < 2; v6++) {
        static struct rig rig;
        uint8_t p[400];
        strip_begin(&rig, (struct option_stripper_config){
                              .kind_count = 1, .kinds = {TCP_OPT_TIMESTAMPS}, .shorten = true});
        rig_pass(&rig, 0, p, make(p, syn(v6 == 1)));
        assert_segment(&rig.end[1], (struct weir_ref){without_ts, sizeof without_ts});
        rig_end(&rig);
    }
}

static void test_every_option_stripped_leaves_none(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400];
    strip_begin(&rig,
                (struct option_stripper_config){
                    .kind_count = 4, .kinds = {2, 3, 4, 8}, .unknown = true, .shorten = true});
    rig_pass(&rig, 0, p, make(p, syn(false)));
    assert_segment(&rig.end[1], (struct weir_ref){usual, 0});
    rig_end(&rig);
}

static void test_unknown_means_neither_common_nor_padding(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400], expected[sizeof usual];
    strip_begin(&rig, (struct option_stripper_config){.unknown = true});
    memcpy(expected, usual, sizeof usual);
    memset(expected + 20, 1, 6); /* fast open and kind 99 */
    rig_pass(&rig, 0, p, make(p, syn(false)));
    assert_segment(&rig.end[1], (struct weir_ref){expected, sizeof expected});
    rig_end(&rig);
}

static void test_only_the_segments_asked_for_are_stripped(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400];
    struct segment s = syn(false);
    strip_begin(&rig, (struct option_stripper_config){.segments = MIDDLEBOX_SYNS,
                                                      .from = MIDDLEBOX_FROM_INSIDE,
                                                      .kind_count = 1,
                                                      .kinds = {TCP_OPT_TIMESTAMPS}});
    s.flags = TCP_ACK;
    rig_pass_unchanged(&rig, 0, p, make(p, s));
    s.flags = TCP_SYN;
    rig_pass_unchanged(&rig, 1, p, make(p, s));
    rig_send(&rig, 0, p, make(p, s));
    assert_int_equal(middlebox_option_stripper_stats(rig.box).options, 1);
    rig_end(&rig);
}

static void test_an_option_of_illegal_length_stops_the_stripping(void **state)
{
    (void)state;
    /* Timestamps, then an option of length 1, then timestamps again. */
    static const uint8_t options[24] = {8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 1,
                                        8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0};
    for (unsigned shorten = 0; shorten < 2; shorten++) {
        static struct rig rig;
        uint8_t p[400], expected[24];
        struct segment s = syn(false);
        strip_begin(&rig, (struct option_stripper_config){.shorten = shorten == 1,
                                                          .kind_count = 1,
                                                          .kinds = {TCP_OPT_TIMESTAMPS}});
        s.options = (struct weir_ref){options, sizeof options};
        memcpy(expected, options, sizeof options);
        if (shorten == 0)
            memset(expected, 1, 10);
        rig_pass(&rig, 0, p, make(p, s));
        assert_segment(&rig.end[1], (struct weir_ref){expected, sizeof expected});
        rig_end(&rig);
    }
}

static void test_too_many_kinds_are_refused(void **state)
{
    (void)state;
    struct option_stripper_config config = {.kind_count = OPTION_STRIPPER_KINDS_MAX + 1};
    struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
    assert_null(middlebox_add_option_stripper(sim, "stripper", &config));
    sim_destroy(sim);
}

/* ---- window-scale eraser ---- */

static void test_the_scale_is_erased_in_one_half_of_the_handshake(void **state)
{
    (void)state;
    static const uint8_t halves[] = {0, MIDDLEBOX_SYN, MIDDLEBOX_SYN_ACK, MIDDLEBOX_SYNS};
    for (unsigned i = 0; i < sizeof halves; i++) {
        static struct rig rig;
        struct scale_eraser_config config = {.segments = halves[i]};
        uint8_t p[400], erased[sizeof usual];
        bool in_syn = (halves[i] & MIDDLEBOX_SYN) != 0;
        bool in_answer = halves[i] == 0 || (halves[i] & MIDDLEBOX_SYN_ACK) != 0;
        struct segment answer = syn(true);
        memcpy(erased, usual, sizeof usual);
        memset(erased + 17, 1, 3);
        rig_begin(&rig, WEIR_LINK_IP);
        rig_join(&rig, middlebox_add_scale_eraser(rig.sim, "eraser", &config));
        rig_pass(&rig, 0, p, make(p, syn(true)));
        assert_segment(&rig.end[1], (struct weir_ref){in_syn ? erased : usual, sizeof usual});
        answer.flags = TCP_SYN | TCP_ACK;
        rig_pass(&rig, 1, p, make(p, answer));
        assert_segment(&rig.end[0], (struct weir_ref){in_answer ? erased : usual, sizeof usual});
        rig_end(&rig);
    }
}

/* ---- RST injector ---- */

static void inject_begin(struct rig *rig, struct rst_injector_config config)
{
    rig_begin(rig, WEIR_LINK_IP);
    rig_join(rig, middlebox_add_rst_injector(rig->sim, "killer", &config));
}

struct reset {
    bool v6, back;
    uint32_t seq, ack;
    uint8_t flags, ttl;
};

static void assert_reset(const uint8_t *p, uint32_t len, struct reset r)
{
    uint8_t expected[100];
    struct build_tcp b = {.ip = rig_path(r.v6, r.back),
                          .source_port = r.back ? 80 : 40000,
                          .destination_port = r.back ? 40000 : 80,
                          .seq = {r.seq},
                          .ack = {r.ack},
                          .flags = r.flags};
    b.ip.id = 0;
    b.ip.ttl = r.ttl;
    assert_int_equal(len, build_tcp(expected, sizeof expected, &b));
    assert_memory_equal(p, expected, len);
}

static struct segment data_segment(bool v6)
{
    return (struct segment){.v6 = v6, .flags = TCP_ACK | TCP_PSH, .payload = {hello, sizeof hello}};
}

static void test_both_ends_are_reset_behind_the_segment(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        static struct rig rig;
        uint8_t p[400];
        inject_begin(&rig, (struct rst_injector_config){.payload_min = 1, .ttl = 57});
        uint32_t len = make(p, data_segment(v6 == 1));
        rig_send(&rig, 0, p, len);
        assert_int_equal(rig.end[1].count, 2);
        assert_int_equal(rig.end[0].count, 1);
        assert_memory_equal(rig.end[1].bytes[0], p, len);
        /* To the receiver what comes next; to the sender what it was acknowledging. */
        assert_reset(rig.end[1].bytes[1], rig.end[1].len[1],
                     (struct reset){v6 == 1, false, 1000 + sizeof hello, 0, TCP_RST, 57});
        assert_reset(rig.end[0].bytes[0], rig.end[0].len[0],
                     (struct reset){v6 == 1, true, 5000, 0, TCP_RST, 57});
        rig_end(&rig);
    }
}

static void test_a_swallowed_syn_is_refused_as_by_a_closed_port(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400];
    inject_begin(&rig, (struct rst_injector_config){.swallow = true, .to_sender = true});
    rig_send(&rig, 0, p, make(p, (struct segment){.flags = TCP_SYN}));
    assert_int_equal(rig.end[1].count, 0);
    assert_int_equal(rig.end[0].count, 1);
    assert_reset(rig.end[0].bytes[0], rig.end[0].len[0],
                 (struct reset){false, true, 0, 1001, TCP_RST | TCP_ACK, 0});
    rig_end(&rig);
}

static void test_a_swallowed_segment_is_replaced_by_its_reset(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400];
    inject_begin(
        &rig, (struct rst_injector_config){.swallow = true, .to_receiver = true, .seq_offset = -7});
    rig_send(&rig, 0, p, make(p, data_segment(false)));
    assert_int_equal(rig.end[0].count, 0);
    assert_int_equal(rig.end[1].count, 1);
    assert_reset(rig.end[1].bytes[0], rig.end[1].len[0],
                 (struct reset){false, false, 1000 - 7, 0, TCP_RST, 0});
    rig_end(&rig);
}

static bool to_port_80(void *ctx, const struct sim_parsed *segment)
{
    ++*(unsigned *)ctx;
    return segment->destination_port == 80;
}

static void test_the_nth_match_is_answered_and_so_many_after_it(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400];
    unsigned asked = 0;
    inject_begin(&rig, (struct rst_injector_config){.payload_min = sizeof hello,
                                                    .nth = 3,
                                                    .count = 2,
                                                    .to_sender = true,
                                                    .match = to_port_80,
                                                    .ctx = &asked});
    for (unsigned i = 1; i <= 6; i++) {
        rig_send(&rig, 0, p, make(p, data_segment(false)));
        assert_int_equal(rig.end[0].count, i == 3 || i == 4);
        assert_int_equal(rig.end[1].count, 1);
    }
    /* Not asked about what is too short, nor about resets; no match the other way. */
    assert_int_equal(asked, 6);
    rig_send(&rig, 0, p, make(p, (struct segment){.flags = TCP_ACK}));
    struct segment rst = data_segment(false);
    rst.flags = TCP_RST;
    rig_send(&rig, 0, p, make(p, rst));
    assert_int_equal(asked, 6);
    struct segment answer = data_segment(false);
    answer.back = true;
    rig_send(&rig, 1, p, make(p, answer));
    assert_int_equal(asked, 7);
    assert_int_equal(middlebox_rst_injector_stats(rig.box).matched, 6);
    assert_int_equal(middlebox_rst_injector_stats(rig.box).injected, 2);
    rig_end(&rig);
}

/* ---- ACK thinner ---- */

static void thin_begin(struct rig *rig, uint32_t every, weir_time delay)
{
    struct ack_thinner_config config = {
        .from = MIDDLEBOX_FROM_INSIDE, .every = every, .delay = delay};
    rig_begin(rig, WEIR_LINK_IP);
    rig_join(rig, middlebox_add_ack_thinner(rig->sim, "thinner", &config));
}

static uint32_t ack(uint8_t *p, uint32_t number, uint16_t source_port)
{
    struct build_tcp b = {.ip = rig_path(false, false),
                          .source_port = source_port,
                          .destination_port = 80,
                          .ack = {number},
                          .flags = TCP_ACK};
    return build_tcp(p, 400, &b);
}

static void test_of_acks_in_a_row_the_last_goes_on(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400];
    static const unsigned expected[] = {1, 0, 0, 1, 0, 0, 1, 0, 0, 1};
    thin_begin(&rig, 3, WEIR_NS_PER_S);
    for (uint32_t i = 0; i < 10; i++) {
        rig_send(&rig, 0, p, ack(p, 0xfffffff0U + i * 10, 1));
        assert_int_equal(rig.end[1].count, expected[i]);
        if (expected[i] == 1)
            assert_int_equal(load32(rig.end[1].bytes[0] + 28), 0xfffffff0U + i * 10);
    }
    assert_int_equal(middlebox_ack_thinner_stats(rig.box).thinned, 6);
    rig_end(&rig);
}

static void test_a_held_ack_goes_on_after_its_delay(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400];
    thin_begin(&rig, 3, 10 * WEIR_NS_PER_MS);
    rig_send_for(&rig, 0, p, ack(p, 100, 1), 0);
    rig_send_for(&rig, 0, p, ack(p, 200, 1), 10 * WEIR_NS_PER_MS - 1);
    assert_int_equal(rig.end[1].count, 0);
    (void)sim_run_for(rig.sim, 1, UINT64_MAX);
    assert_int_equal(rig.end[1].count, 1);
    assert_int_equal(load32(rig.end[1].bytes[0] + 28), 200);
    assert_int_equal(middlebox_ack_thinner_stats(rig.box).thinned, 0);
    rig_end(&rig);
}

static void test_duplicate_acks_and_data_are_not_thinned_and_flush(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400];
    static const uint8_t sack[12] = {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    thin_begin(&rig, 9, WEIR_NS_PER_S);
    rig_send(&rig, 0, p, ack(p, 100, 40000));
    assert_int_equal(rig.end[1].count, 1);
    rig_send(&rig, 0, p, ack(p, 200, 40000));
    assert_int_equal(rig.end[1].count, 0);
    rig_send(&rig, 0, p, ack(p, 200, 40000)); /* duplicate: the held one goes first */
    assert_int_equal(rig.end[1].count, 2);
    rig_send(&rig, 0, p, ack(p, 200, 40000));
    assert_int_equal(rig.end[1].count, 1);
    rig_send(&rig, 0, p, ack(p, 300, 40000));
    assert_int_equal(rig.end[1].count, 0);
    struct segment s = data_segment(false);
    s.options = (struct weir_ref){sack, sizeof sack};
    s.payload.len = 0;
    rig_send(&rig, 0, p, make(p, s)); /* acknowledges 5000, but with SACK */
    assert_int_equal(rig.end[1].count, 2);
    assert_int_equal(load32(rig.end[1].bytes[0] + 28), 300);
    assert_int_equal(load32(rig.end[1].bytes[1] + 28), 5000);
    rig_send(&rig, 0, p, ack(p, 6000, 40000));
    rig_send(&rig, 0, p, make(p, data_segment(false)));
    assert_int_equal(rig.end[1].count, 2);
    assert_int_equal(middlebox_ack_thinner_stats(rig.box).thinned, 0);
    rig_end(&rig);
}

static void test_connections_are_thinned_apart_and_old_ones_make_room(void **state)
{
    (void)state;
    static struct rig rig;
    uint8_t p[400];
    thin_begin(&rig, 2, WEIR_NS_PER_S);
    for (uint16_t port = 1; port <= 100; port++) {
        rig_send(&rig, 0, p, ack(p, 100, port));
        assert_true(rig.end[1].count >= 1);
        rig_send(&rig, 0, p, ack(p, 200, port));
    }
    rig_check(&rig);
    (void)sim_run_for(rig.sim, 2 * WEIR_NS_PER_S, UINT64_MAX);
    assert_int_equal(actor_stats(rig.end[1].actor).received, 200);
    rig_end(&rig);
}

/* ---- all of them ---- */

static void test_storms_of_good_and_bad_packets(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        static struct rig rig;
        uint8_t link = i % 2 == 0 ? WEIR_LINK_IP : WEIR_LINK_ETHERNET;
        struct middlebox_common common = {.link = link};
        struct mss_clamp_config clamp = {.common = common, .mss4_max = 100, .mss6_max = 1};
        struct option_stripper_config stripper = {.common = common,
                                                  .shorten = i != 1,
                                                  .kind_count = 3,
                                                  .kinds = {2, 5, 8},
                                                  .unknown = i == 2};
        struct rst_injector_config injector = {.common = common, .count = 1000};
        struct ack_thinner_config thinner = {.common = common, .every = 4};
        rig_begin(&rig, link);
        rig_join(&rig, i == 0   ? middlebox_add_mss_clamp(rig.sim, "box", &clamp)
                       : i == 4 ? middlebox_add_rst_injector(rig.sim, "box", &injector)
                       : i == 5 ? middlebox_add_ack_thinner(rig.sim, "box", &thinner)
                                : middlebox_add_option_stripper(rig.sim, "box", &stripper));
        rig_storm(&rig, 1000);
        rig_end(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_larger_mss_is_lowered_in_syns_of_both_families),
        cmocka_unit_test(test_the_limit_of_the_clamp),
        cmocka_unit_test(test_only_syns_with_a_whole_mss_option_are_touched),
        cmocka_unit_test(test_an_mss_at_an_odd_offset_and_a_repeated_one),
        cmocka_unit_test(test_stripped_options_become_nops),
        cmocka_unit_test(test_stripped_options_leave_a_shorter_header),
        cmocka_unit_test(test_every_option_stripped_leaves_none),
        cmocka_unit_test(test_unknown_means_neither_common_nor_padding),
        cmocka_unit_test(test_only_the_segments_asked_for_are_stripped),
        cmocka_unit_test(test_an_option_of_illegal_length_stops_the_stripping),
        cmocka_unit_test(test_too_many_kinds_are_refused),
        cmocka_unit_test(test_the_scale_is_erased_in_one_half_of_the_handshake),
        cmocka_unit_test(test_both_ends_are_reset_behind_the_segment),
        cmocka_unit_test(test_a_swallowed_syn_is_refused_as_by_a_closed_port),
        cmocka_unit_test(test_a_swallowed_segment_is_replaced_by_its_reset),
        cmocka_unit_test(test_the_nth_match_is_answered_and_so_many_after_it),
        cmocka_unit_test(test_of_acks_in_a_row_the_last_goes_on),
        cmocka_unit_test(test_a_held_ack_goes_on_after_its_delay),
        cmocka_unit_test(test_duplicate_acks_and_data_are_not_thinned_and_flush),
        cmocka_unit_test(test_connections_are_thinned_apart_and_old_ones_make_room),
        cmocka_unit_test(test_storms_of_good_and_bad_packets),
    };
    return cmocka_run_group_tests_name("middlebox_tcp", tests, NULL, NULL);
}
