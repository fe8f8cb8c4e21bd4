/* SPDX-License-Identifier: MIT
 * A recording without payload: it replays to the end, with as many packets and drops as the one it was
 * made of, and nothing of what was sent is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/packet.h"
#include "sim/replay.h"
#include "sim/scenario.h"

enum { STACKS_MAX = 8 };

struct tape {
    FILE *file;
    struct recording_writer writer;
};

struct tapes {
    unsigned count;
    struct tape tape[STACKS_MAX];
};

static struct weir_recorder begin(struct tape *tape)
{
    tape->file = tmpfile();
    assert_non_null(tape->file);
    assert_int_equal(recording_open(&tape->writer, capture_sink_file(tape->file), false), WEIR_OK);
    return recording_recorder(&tape->writer);
}

static struct weir_recorder record_stack(void *ctx, const char *node)
{
    struct tapes *tapes = ctx;
    (void)node;
    assert_true(tapes->count < STACKS_MAX);
    return begin(&tapes->tape[tapes->count++]);
}

/* What is to be the same: how many packets were dropped for which reason. */
struct told {
    struct weir_stats stats;
    uint64_t records, packets_in, packets_out, bytes_in, bytes_out;
};

static struct told play(FILE *file, const struct replay_config *config)
{
    struct told told;
    struct replay *r = malloc(sizeof *r);
    assert_non_null(r);
    memset(&told, 0, sizeof told);
    rewind(file);
    if (!replay_open(r, file, config) || replay_run(r) != REPLAY_ENDED)
        fail_msg("%s", r->message);
    assert_int_equal(weir_stack_stats(r->stack, WEIR_IFINDEX_ALL, &told.stats), WEIR_OK);
    told.records = r->number;
    told.packets_in = r->packets_in;
    told.packets_out = r->packets_out;
    told.bytes_in = r->bytes_in;
    told.bytes_out = r->bytes_out;
    replay_close(r);
    free(r);
    return told;
}

/* The payload of what came in and the data that was sent: how many octets, and how many are not 0. */
struct seen {
    uint64_t octets, not_zero, packets;
};

static void look_at(struct seen *seen, const uint8_t *p, size_t len)
{
    seen->octets += len;
    for (size_t i = 0; i < len; i++)
        seen->not_zero += p[i] != 0;
}

static struct seen look(FILE *file, unsigned link)
{
    struct seen seen = {0};
    struct recording_reader *reader = malloc(sizeof *reader);
    struct recording_frame frame = {.what = RECORDING_CALL};
    struct recording_store store = {.rx = NULL};
    assert_non_null(reader);
    rewind(file);
    assert_int_equal(recording_reader_open(reader, file), WEIR_OK);
    for (;;) {
        assert_int_equal(recording_reader_next(reader, &frame), WEIR_OK);
        if (frame.what != RECORDING_CALL)
            break;
        struct weir_record record = {.call = frame.call, .done = frame.done};
        struct weir_ref body = {frame.body.p, frame.body.len};
        assert_true(recording_decode(body, &reader->state, &record, &store));
        if (record.call == WEIR_CALL_TCP_SEND || record.call == WEIR_CALL_UDP_SEND)
            look_at(&seen, record.data.data, record.data.len);
        for (unsigned i = 0; i < record.count && record.rx != NULL; i++) {
            const struct weir_rx *rx = &record.rx[i];
            struct sim_parsed p = sim_parse(rx->head, rx->head_len, link);
            if (rx->frag_count != 0 || p.payload_len == 0)
                continue;
            seen.packets++;
            look_at(&seen, rx->head + p.payload_offset, p.payload_len);
        }
    }
    recording_frame_free(&frame);
    recording_store_free(&store);
    free(reader);
    return seen;
}

static void check(const char *scenario, uint64_t seed, unsigned link)
{
    struct tapes *tapes = calloc(1, sizeof *tapes);
    assert_non_null(tapes);
    struct scenario_run run = {.seed = seed, .recorders = {.fn = record_stack, .ctx = tapes}};
    assert_int_equal(scenario_play(scenario_find(scenario), &run), WEIR_OK);
    assert_true(tapes->count > 0);
    for (unsigned i = 0; i < tapes->count; i++) {
        struct tape *tape = &tapes->tape[i], scrubbed;
        assert_int_equal(recording_close(&tape->writer), WEIR_OK);
        struct told then = play(tape->file, &(struct replay_config){.memory_max = 0});
        struct told meanwhile =
            play(tape->file, &(struct replay_config){.scrub = true, .recorder = begin(&scrubbed)});
        assert_int_equal(recording_close(&scrubbed.writer), WEIR_OK);
        struct told now = play(scrubbed.file, &(struct replay_config){.memory_max = 0});
        assert_memory_equal(&meanwhile, &then, sizeof then);
        assert_memory_equal(&now, &then, sizeof then);
        struct seen before = look(tape->file, link), after = look(scrubbed.file, link);
        assert_int_equal(after.octets, before.octets);
        assert_true(before.not_zero > before.octets / 2);
        assert_true(after.not_zero <= 2 * after.packets);
        (void)fclose(tape->file);
        (void)fclose(scrubbed.file);
    }
    free(tapes);
}

static void test_streams(void **state)
{
    (void)state;
    check("bulk", 1, WEIR_LINK_IP);
}

/* Datagrams in fragments, of which some were damaged: they stay so. */
static void test_datagrams_and_fragments_and_damage(void **state)
{
    (void)state;
    check("hosts", 3, WEIR_LINK_ETHERNET);
}

static void test_connections_of_every_kind(void **state)
{
    (void)state;
    for (uint64_t seed = 30; seed < 36; seed++)
        check("swarm", seed, WEIR_LINK_IP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_datagrams_and_fragments_and_damage),
        cmocka_unit_test(test_connections_of_every_kind),
    };
    return cmocka_run_group_tests_name("replay_scrub", tests, NULL, NULL);
}
