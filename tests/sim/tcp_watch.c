/* SPDX-License-Identifier: MIT
 * Each check of the watcher is shown a conversation that is sound but for one thing. */
#include "sim/tcp_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/build.h"
#include "sim/stream.h"

enum { MSS = 1000, ISS = 1000, IRS = 0xfffffff0, MTU = 1500, OWN_PORT = 80, PEER_PORT = 5555 };

/* The watched host is the one that listens; the peer is these tests. */
struct scene {
    struct verdict verdict;
    struct tcp_watch *watch;
    weir_time now;
    uint32_t ts; /* of both */
    bool timestamps, sack;
};

struct part {
    uint32_t seq, ack; /* places: 0 is the SYN */
    unsigned flags;
    uint32_t len;
    unsigned window;
    struct tcp_options options;
    struct weir_ref option_bytes;
    uint32_t old_echo; /* so much older than the peer's last timestamp */
    bool bare;         /* no timestamps of their own */
    uint8_t first;     /* of the payload; the rest counts on */
    uint16_t reserved; /* bits */
    bool bad_sum;
};

static uint32_t make(struct scene *s, bool own, const struct part *p, uint8_t *out, size_t size)
{
    uint8_t payload[2000];
    struct tcp_options options = p->options;
    for (uint32_t i = 0; i < p->len; i++)
        payload[i] = (uint8_t)(p->first + p->seq + i);
    if (s->timestamps && !p->bare && (p->flags & TCP_RST) == 0) {
        options.present |= TCP_HAS_TIMESTAMPS;
        options.ts_val = s->ts;
        options.ts_ecr = (p->flags & TCP_ACK) != 0 ? s->ts - p->old_echo : 0;
    }
    bool acks = (p->flags & TCP_ACK) != 0;
    struct build_tcp b = {
        .ip = {.source = build_addr(own ? "10.0.0.2" : "10.0.0.1"),
               .destination = build_addr(own ? "10.0.0.1" : "10.0.0.2")},
        .source_port = own ? OWN_PORT : PEER_PORT,
        .destination_port = own ? PEER_PORT : OWN_PORT,
        .seq = seq_make((own ? ISS : IRS) + p->seq),
        .ack = seq_make(acks ? (own ? IRS : ISS) + p->ack : 0),
        .flags = (uint16_t)(p->flags | p->reserved),
        .window = (uint16_t)(p->window == 0 ? 10000 : p->window - 1),
        .options = p->option_bytes.data == NULL ? &options : NULL,
        .option_bytes = p->option_bytes,
        .payload = {payload, p->len}};
    uint32_t len = build_tcp(out, size, &b);
    assert_true(len > 0);
    if (p->bad_sum)
        out[len - 1] ^= 1;
    return len;
}

static void sends(struct scene *s, struct part p)
{
    uint8_t out[2200];
    uint32_t len = make(s, true, &p, out, sizeof out);
    tcp_watch_sent(s->watch, 0, out, len, s->now);
}

static void gets(struct scene *s, struct part p)
{
    uint8_t out[2200];
    uint32_t len = make(s, false, &p, out, sizeof out);
    tcp_watch_received(s->watch, 0, out, len, WEIR_DROP_NONE, s->now);
}

static void settle(struct scene *s)
{
    tcp_watch_settle(s->watch, s->now);
}

static struct tcp_options syn_options(const struct scene *s)
{
    struct tcp_options o = {.present = TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE, .mss = MSS};
    if (s->sack)
        o.present |= TCP_HAS_SACK_PERMITTED;
    return o;
}

/* A passive open, and 100 bytes each way. */
static void begin(struct scene *s, bool timestamps, bool sack)
{
    memset(s, 0, sizeof *s);
    s->timestamps = timestamps;
    s->sack = sack;
    s->ts = 500;
    s->watch = tcp_watch_new(&s->verdict);
    (void)tcp_watch_add(s->watch, &(struct tcp_watch_host){.mtu_bytes = MTU});
    gets(s, (struct part){.flags = TCP_SYN, .options = syn_options(s)});
    sends(s, (struct part){.ack = 1, .flags = TCP_SYN | TCP_ACK, .options = syn_options(s)});
    gets(s, (struct part){.seq = 1, .ack = 1, .flags = TCP_ACK});
    sends(s, (struct part){.seq = 1, .ack = 1, .flags = TCP_ACK | TCP_PSH, .len = 100});
    gets(s, (struct part){.seq = 1, .ack = 101, .flags = TCP_ACK | TCP_PSH, .len = 100});
    settle(s);
    sends(s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .window = 9901});
    settle(s);
    assert_false(s->verdict.failed);
}

/* What was found is this, or nothing. */
static void end(struct scene *s, const char *id)
{
    if (id == NULL && s->verdict.failed)
        fail_msg("found %s: %s", s->verdict.id, s->verdict.text);
    if (id != NULL && !s->verdict.failed)
        fail_msg("did not find %s", id);
    if (id != NULL && strcmp(s->verdict.id, id) != 0)
        fail_msg("found %s (%s) in place of %s", s->verdict.id, s->verdict.text, id);
    tcp_watch_free(s->watch);
}

static void test_a_sound_conversation_is_not_blamed(void **state)
{
    (void)state;
    for (unsigned options = 0; options < 4; options++) {
        struct scene s;
        begin(&s, (options & 1) != 0, (options & 2) != 0);
        /* Loss, an island, a retransmission, a zero window and its probe, and the end. */
        gets(&s, (struct part){.seq = 201, .ack = 101, .flags = TCP_ACK, .len = 50});
        struct part dup = {.seq = 101, .ack = 101, .flags = TCP_ACK, .window = 9901};
        if (s.sack)
            dup.options = (struct tcp_options){
                .present = TCP_HAS_SACK,
                .sack_count = 1,
                .sack = {{seq_make(IRS + 201), seq_make(IRS + 251)}}};
        sends(&s, dup);
        settle(&s);
        gets(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .len = 100, .window = 1});
        sends(&s, (struct part){.seq = 101, .ack = 251, .flags = TCP_ACK});
        settle(&s);
        sends(&s, (struct part){.seq = 1, .ack = 251, .flags = TCP_ACK, .len = 100});
        s.now += WEIR_NS_PER_S;
        s.ts += 1000;
        gets(&s, (struct part){.seq = 251, .ack = 101, .flags = TCP_ACK | TCP_FIN, .window = 51});
        sends(&s, (struct part){.seq = 101, .ack = 252, .flags = TCP_ACK | TCP_FIN, .len = 40});
        settle(&s);
        gets(&s, (struct part){.seq = 252, .ack = 142, .flags = TCP_ACK});
        settle(&s);
        end(&s, NULL);
    }
}

static void test_I_03_new_data_behind_the_window_is_found(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, false, false);
    gets(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .window = 10001 + 101});
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .len = 1000, .window = 9901});
    end(&s, NULL);
    begin(&s, false, false);
    for (unsigned i = 0; i < 11; i++) /* the window ends at 101 + 10,000 */
        sends(&s, (struct part){.seq = 101 + 1000 * i, .ack = 101, .flags = TCP_ACK, .len = 1000});
    end(&s, "I-03");
}

static void test_I_01_a_gap_in_what_is_sent_is_found(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, false, false);
    sends(&s, (struct part){.seq = 102, .ack = 101, .flags = TCP_ACK, .len = 10});
    end(&s, "I-01");
}

static void test_I_15_another_byte_in_a_retransmission_is_found(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, false, false);
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .len = 500});
    sends(&s, (struct part){.seq = 300, .ack = 101, .flags = TCP_ACK, .len = 50});
    assert_false(s.verdict.failed);
    sends(&s, (struct part){.seq = 300, .ack = 101, .flags = TCP_ACK, .len = 50, .first = 1});
    end(&s, "I-15");
}

static void test_I_16_a_second_FIN_or_data_behind_it_is_found(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, false, false);
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK | TCP_FIN});
    sends(&s, (struct part){.seq = 102, .ack = 101, .flags = TCP_ACK | TCP_FIN});
    end(&s, "I-16");
    begin(&s, false, false);
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK | TCP_FIN});
    sends(&s, (struct part){.seq = 102, .ack = 101, .flags = TCP_ACK, .len = 1});
    end(&s, "I-16");
}

static void test_I_17_a_second_SYN_is_found(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, false, false);
    sends(&s, (struct part){.seq = 5, .ack = 1, .flags = TCP_ACK | TCP_SYN});
    end(&s, "I-17");
}

static void test_I_19_segments_above_the_MSS_are_found(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, true, false);
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .len = MSS - 12});
    assert_false(s.verdict.failed);
    sends(&s, (struct part){.seq = 101 + MSS - 12, .ack = 101, .flags = TCP_ACK, .len = MSS - 11});
    end(&s, "I-19");
}

static void test_I_25_a_right_edge_that_moves_left_is_found(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, false, false);
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .window = 9900});
    end(&s, "I-25");
}

static struct part with_sack(uint32_t ack, unsigned count, const uint32_t *places)
{
    struct part p = {.seq = 101, .ack = ack, .flags = TCP_ACK};
    p.options.present = TCP_HAS_SACK;
    p.options.sack_count = (uint8_t)count;
    for (unsigned i = 0; i < count; i++)
        p.options.sack[i] = (struct tcp_sack_block){seq_make(IRS + places[2 * i]),
                                                    seq_make(IRS + places[2 * i + 1])};
    return p;
}

static void test_I_28_SACK_of_what_did_not_come_is_found(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, false, true);
    gets(&s, (struct part){.seq = 301, .ack = 101, .flags = TCP_ACK, .len = 100});
    sends(&s, with_sack(101, 1, (uint32_t[]){301, 402}));
    end(&s, "I-28");
    begin(&s, false, true); /* not the newest first */
    gets(&s, (struct part){.seq = 301, .ack = 101, .flags = TCP_ACK, .len = 100});
    sends(&s, with_sack(101, 1, (uint32_t[]){301, 401}));
    gets(&s, (struct part){.seq = 601, .ack = 101, .flags = TCP_ACK, .len = 100});
    assert_false(s.verdict.failed);
    sends(&s, with_sack(101, 2, (uint32_t[]){301, 401, 601, 701}));
    end(&s, "I-28");
    begin(&s, false, false); /* not agreed on */
    gets(&s, (struct part){.seq = 301, .ack = 101, .flags = TCP_ACK, .len = 100});
    sends(&s, with_sack(101, 1, (uint32_t[]){301, 401}));
    end(&s, "I-28");
    begin(&s, false, true); /* missing */
    gets(&s, (struct part){.seq = 301, .ack = 101, .flags = TCP_ACK, .len = 100});
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK});
    end(&s, "I-28");
    begin(&s, false, true); /* a duplicate may be told first (RFC 2883) */
    gets(&s, (struct part){.seq = 1, .ack = 101, .flags = TCP_ACK, .len = 100});
    sends(&s, with_sack(101, 1, (uint32_t[]){1, 101}));
    end(&s, NULL);
}

static void test_I_29_and_I_30_acknowledgments_are_watched(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, false, false);
    sends(&s, (struct part){.seq = 101, .ack = 102, .flags = TCP_ACK});
    end(&s, "I-29");
    begin(&s, false, false);
    sends(&s, (struct part){.seq = 101, .ack = 100, .flags = TCP_ACK, .window = 10002});
    end(&s, "I-30");
}

static void test_I_31_an_acknowledgment_that_is_due_is_missed(void **state)
{
    (void)state;
    const struct {
        uint32_t seq, len;
        unsigned flags;
    } at_once[] = {{201, 50, 0}, {1, 100, 0}, {101, 0, TCP_FIN}, {101, 0, 0}};
    struct scene s;
    for (unsigned i = 0; i < 4; i++) {
        begin(&s, false, false);
        gets(&s, (struct part){.seq = at_once[i].seq,
                               .ack = 101,
                               .flags = TCP_ACK | at_once[i].flags,
                               .len = at_once[i].len});
        settle(&s);
        end(&s, i < 3 ? "I-31" : NULL);
    }
    begin(&s, false, false); /* the second full segment */
    gets(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .len = MSS});
    settle(&s);
    assert_false(s.verdict.failed);
    gets(&s, (struct part){.seq = 101 + MSS, .ack = 101, .flags = TCP_ACK, .len = MSS});
    settle(&s);
    end(&s, "I-31");
    begin(&s, false, false); /* in 500 ms */
    gets(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .len = 1});
    s.now += 500 * WEIR_NS_PER_MS;
    settle(&s);
    assert_false(s.verdict.failed);
    s.now++;
    settle(&s);
    end(&s, "I-31");
}

static void test_I_36_and_SUP_22_timestamps_are_watched(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, true, false);
    s.ts--;
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK});
    end(&s, "I-36");
    begin(&s, true, false); /* an echo of what never came */
    s.ts++;
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK});
    end(&s, "I-36");
    begin(&s, true, false); /* not the one that is to be echoed */
    s.ts += 5;
    gets(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK});
    s.now++;
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .old_echo = 1});
    end(&s, "I-36");
    begin(&s, true, false);
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .bare = true});
    end(&s, "SUP-22");
}

static void test_I_43_and_I_44_nothing_comes_from_no_connection(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, false, false);
    gets(&s, (struct part){.seq = 101, .flags = TCP_RST});
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK});
    end(&s, "I-44");
    memset(&s, 0, sizeof s);
    s.watch = tcp_watch_new(&s.verdict);
    (void)tcp_watch_add(s.watch, &(struct tcp_watch_host){.mtu_bytes = MTU});
    gets(&s, (struct part){.seq = 1, .ack = 1, .flags = TCP_ACK});
    sends(&s, (struct part){.seq = 1, .flags = TCP_RST});
    assert_false(s.verdict.failed);
    sends(&s, (struct part){.seq = 1, .ack = 1, .flags = TCP_ACK});
    end(&s, "I-43");
}

static void test_I_65_and_the_form_of_headers_is_watched(void **state)
{
    (void)state;
    static const uint8_t mss[] = {2, 4, 5, 0}, eol[] = {0, 0, 1, 0}, wrong[] = {8, 3, 1, 1};
    static const uint8_t scale[] = {1, 3, 3, 1};
    const struct {
        const uint8_t *bytes;
        const char *id;
    } options[] = {{mss, "MUST-65"}, {eol, "MUST-69"}, {wrong, "MUST-68"}, {scale, "SUP-20"}};
    struct scene s;
    for (unsigned i = 0; i < 4; i++) {
        begin(&s, false, false);
        sends(&s, (struct part){.seq = 101,
                                .ack = 101,
                                .flags = TCP_ACK,
                                .option_bytes = {options[i].bytes, 4}});
        end(&s, options[i].id);
    }
    begin(&s, false, false);
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .len = 3, .bad_sum = true});
    end(&s, "I-65");
    begin(&s, false, false);
    sends(&s, (struct part){.seq = 101, .ack = 101, .flags = TCP_ACK, .reserved = 0x200});
    end(&s, "UN-17");
}

/* Streams: any byte at any place, the same in whatever pieces. */
static void test_a_stream_is_the_same_in_any_pieces(void **state)
{
    (void)state;
    uint8_t whole[1000], piece[1000];
    struct rng rng = rng_make(4);
    stream_fill(9, 0, whole, sizeof whole);
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t from = rng_below(&rng, sizeof whole);
        size_t len = (size_t)rng_below(&rng, sizeof whole - from + 1);
        stream_fill(9, from, piece, len);
        assert_memory_equal(piece, whole + from, len);
        assert_int_equal(stream_match(9, from, piece, len), len);
        if (len == 0)
            continue;
        size_t at = (size_t)rng_below(&rng, len);
        piece[at] ^= 1;
        assert_int_equal(stream_match(9, from, piece, len), at);
    }
    stream_fill(10, 0, piece, sizeof piece);
    assert_memory_not_equal(piece, whole, sizeof piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_conversation_is_not_blamed),
        cmocka_unit_test(test_I_03_new_data_behind_the_window_is_found),
        cmocka_unit_test(test_I_01_a_gap_in_what_is_sent_is_found),
        cmocka_unit_test(test_I_15_another_byte_in_a_retransmission_is_found),
        cmocka_unit_test(test_I_16_a_second_FIN_or_data_behind_it_is_found),
        cmocka_unit_test(test_I_17_a_second_SYN_is_found),
        cmocka_unit_test(test_I_19_segments_above_the_MSS_are_found),
        cmocka_unit_test(test_I_25_a_right_edge_that_moves_left_is_found),
        cmocka_unit_test(test_I_28_SACK_of_what_did_not_come_is_found),
        cmocka_unit_test(test_I_29_and_I_30_acknowledgments_are_watched),
        cmocka_unit_test(test_I_31_an_acknowledgment_that_is_due_is_missed),
        cmocka_unit_test(test_I_36_and_SUP_22_timestamps_are_watched),
        cmocka_unit_test(test_I_43_and_I_44_nothing_comes_from_no_connection),
        cmocka_unit_test(test_I_65_and_the_form_of_headers_is_watched),
        cmocka_unit_test(test_a_stream_is_the_same_in_any_pieces),
    };
    return cmocka_run_group_tests_name("tcp_watch", tests, NULL, NULL);
}
