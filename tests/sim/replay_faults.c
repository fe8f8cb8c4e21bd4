/* SPDX-License-Identifier: MIT
 * A replay tells what is not as it was: a packet that came otherwise or not at all, a call that is
 * missing, an assertion, a recording that ends within a call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "sim/replay.h"
#include "sim/scenario.h"

enum {
    FRAME_HEAD = 5,
    FRAMES_MAX = 400000,
    CALL_BYTES = 40 /* a call with packets or data has more */
};

/* A recording in memory, and where its frames are. */
struct tape {
    struct capture_memory memory;
    struct recording_writer writer;
    bool taken;
    size_t frames;
    struct {
        size_t at, end;
        unsigned call;
        bool done;
    } frame[FRAMES_MAX];
};

static struct weir_recorder record_first(void *ctx, const char *node)
{
    struct tape *tape = ctx;
    (void)node;
    if (tape->taken)
        return (struct weir_recorder){.fn = NULL};
    tape->taken = true;
    assert_int_equal(recording_open(&tape->writer, capture_sink_memory(&tape->memory), false),
                     WEIR_OK);
    return recording_recorder(&tape->writer);
}

static FILE *open_bytes(const uint8_t *bytes, size_t len)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    rewind(file);
    return file;
}

static void find_frames(struct tape *tape)
{
    static struct recording_reader reader;
    struct recording_frame frame = {.what = RECORDING_CALL};
    FILE *file = open_bytes(tape->memory.bytes, tape->memory.len);
    assert_int_equal(recording_reader_open(&reader, file), WEIR_OK);
    while (recording_reader_next(&reader, &frame) == WEIR_OK && frame.what == RECORDING_CALL) {
        assert_true(tape->frames < FRAMES_MAX);
        tape->frame[tape->frames].at = (size_t)frame.offset;
        tape->frame[tape->frames].end = (size_t)frame.offset + FRAME_HEAD + frame.body.len;
        tape->frame[tape->frames].call = frame.call;
        tape->frame[tape->frames++].done = frame.done;
    }
    recording_frame_free(&frame);
    (void)fclose(file);
}

/* The first host of a scenario, over a path that loses nothing of what is recorded. */
static struct tape *tape_of(const char *scenario)
{
    struct tape *tape = calloc(1, sizeof *tape);
    assert_non_null(tape);
    struct scenario_run run = {.seed = 2, .recorders = {.fn = record_first, .ctx = tape}};
    assert_int_equal(scenario_play(scenario_find(scenario), &run), WEIR_OK);
    assert_int_equal(recording_close(&tape->writer), WEIR_OK);
    find_frames(tape);
    return tape;
}

static void tape_free(struct tape *tape)
{
    capture_memory_free(&tape->memory);
    free(tape);
}

static enum replay_result play(const uint8_t *bytes, size_t len, char *message)
{
    struct replay *replay = malloc(sizeof *replay);
    assert_non_null(replay);
    FILE *file = open_bytes(bytes, len);
    enum replay_result result = REPLAY_BROKEN;
    /* As large as what is recorded needs, and no larger. */
    if (replay_open(replay, file, &(struct replay_config){.memory_max = UINT64_C(1) << 31}))
        result = replay_run(replay);
    (void)snprintf(message, REPLAY_MESSAGE_SIZE, "%s", replay->message);
    replay_close(replay);
    free(replay);
    (void)fclose(file);
    return result;
}

/* Without the two frames of the n-th call of a kind that moves something. */
static enum replay_result play_without(const struct tape *tape, unsigned call, unsigned n,
                                       char *message)
{
    size_t i = 0;
    for (;; i++) {
        assert_true(i < tape->frames);
        if (tape->frame[i].call == call && !tape->frame[i].done &&
            tape->frame[i + 1].end - tape->frame[i].at > CALL_BYTES && n-- == 0)
            break;
    }
    size_t at = tape->frame[i].at, end = tape->frame[i + 1].end;
    uint8_t *bytes = malloc(tape->memory.len);
    assert_non_null(bytes);
    memcpy(bytes, tape->memory.bytes, at);
    memcpy(bytes + at, tape->memory.bytes + end, tape->memory.len - end);
    enum replay_result result = play(bytes, tape->memory.len - (end - at), message);
    free(bytes);
    return result;
}

static void test_a_missing_call_is_noticed(void **state)
{
    (void)state;
    static char message[REPLAY_MESSAGE_SIZE];
    struct tape *tape = tape_of("bulk");
    assert_int_equal(play(tape->memory.bytes, tape->memory.len, message), REPLAY_ENDED);
    assert_int_equal(play_without(tape, WEIR_CALL_TCP_SEND, 3, message), REPLAY_DIFFERS);
    assert_int_equal(play_without(tape, WEIR_CALL_STACK_OUTPUT, 10, message), REPLAY_DIFFERS);
    assert_int_equal(play_without(tape, WEIR_CALL_STACK_INPUT, 20, message), REPLAY_DIFFERS);
    assert_non_null(strstr(message, "differs: "));
    assert_non_null(strstr(message, " then "));
    assert_non_null(strstr(message, " now  "));
    tape_free(tape);
}

static void test_other_bytes_sent_are_noticed(void **state)
{
    (void)state;
    static char message[REPLAY_MESSAGE_SIZE];
    struct tape *tape = tape_of("bulk");
    unsigned sends = 0;
    for (size_t i = 0; i + 1 < tape->frames && sends < 3; i++) {
        bool some = tape->frame[i].call == WEIR_CALL_TCP_SEND && tape->frame[i].done &&
                    tape->frame[i].end - tape->frame[i].at > 100;
        if (!some)
            continue;
        sends++;
        uint8_t *last = &tape->memory.bytes[tape->frame[i].end - 1];
        *last ^= 1;
        assert_int_equal(play(tape->memory.bytes, tape->memory.len, message), REPLAY_DIFFERS);
        assert_non_null(strstr(message, "differs: stack_output"));
        *last ^= 1;
    }
    assert_int_equal(sends, 3);
    tape_free(tape);
}

static void test_a_recording_that_ends_anywhere_is_replayed_so_far(void **state)
{
    (void)state;
    static char message[REPLAY_MESSAGE_SIZE];
    struct tape *tape = tape_of("hosts");
    struct rng rng = rng_make(3);
    for (unsigned i = 0; i < 10; i++) {
        size_t frame = rng_below(&rng, tape->frames - 2) + 2; /* the stack is there */
        size_t end = tape->frame[frame].end;
        assert_int_equal(play(tape->memory.bytes, end, message), REPLAY_CUT);
        assert_int_equal(play(tape->memory.bytes, end - 1, message), REPLAY_CUT);
    }
    tape_free(tape);
}

/* ---- recordings made by hand ---- */

struct made {
    struct capture_memory memory;
    struct recording_writer writer;
    void *space;
    weir_stack *stack;
    jmp_buf failed;
};

static void leave(void *ctx, const char *expression, const char *file, unsigned line)
{
    struct made *made = ctx;
    (void)expression;
    (void)file;
    (void)line;
    longjmp(made->failed, 1);
}

static void made_begin(struct made *made)
{
    struct weir_config config;
    memset(made, 0, sizeof *made);
    weir_config_default(&config);
    config.packet_memory_kb = 2048;
    config.tcp_time_wait_max = config.tcp_syn_received_max = 64;
    config.on_assert = (struct weir_assert){.fn = leave, .ctx = made};
    assert_int_equal(recording_open(&made->writer, capture_sink_memory(&made->memory), false),
                     WEIR_OK);
    config.recorder = recording_recorder(&made->writer);
    size_t size = (weir_stack_size(&config) + 63) / 64 * 64;
    made->space = aligned_alloc(64, size);
    made->stack = weir_stack_init(made->space, size, &config, 100);
    assert_non_null(made->stack);
    struct weir_iface_config iface = {.size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = 1500};
    assert_int_equal(weir_stack_add_iface(made->stack, &iface), 0);
}

static void made_free(struct made *made)
{
    capture_memory_free(&made->memory);
    free(made->space);
}

/* The last thing that a program did: the recording has it, and the replay does it again. */
static void test_an_assertion_is_met_again(void **state)
{
    (void)state;
    static struct made made;
    static char message[REPLAY_MESSAGE_SIZE];
    struct weir_tx tx;
    made_begin(&made);
    if (setjmp(made.failed) == 0) {
        (void)weir_stack_output(made.stack, 7, &tx, 1, 200); /* there is no such interface */
        fail();
    }
    assert_int_equal(recording_flush(&made.writer), WEIR_OK);
    assert_int_equal(play(made.memory.bytes, made.memory.len, message), REPLAY_ASSERTED);
    assert_non_null(strstr(message, "record 3: assertion 'ifindex < "));
    (void)recording_close(&made.writer);
    made_free(&made);
}

static void test_calls_that_fail_and_stale_handles_are_replayed(void **state)
{
    (void)state;
    static struct made made;
    static char message[REPLAY_MESSAGE_SIZE];
    weir_handle handle, stale = {.index = 3, .generation = 9};
    struct weir_tcp_config wrong = {.size = 1};
    struct weir_tcp_config good = {.size = sizeof good, .port = 7};
    uint8_t byte = 0;
    made_begin(&made);
    assert_int_equal(weir_tcp_open(made.stack, NULL, &handle), WEIR_E_INVALID);
    assert_int_equal(weir_tcp_open(made.stack, &wrong, &handle), WEIR_E_INVALID);
    assert_int_equal(weir_tcp_open(made.stack, &good, &handle), WEIR_OK);
    assert_int_equal(weir_tcp_set(made.stack, handle, (enum weir_tcp_setting)9999, 1),
                     WEIR_E_INVALID);
    assert_int_equal(weir_tcp_connect(made.stack, handle, NULL, 7), WEIR_E_INVALID);
    assert_int_equal(weir_tcp_send(made.stack, stale, &byte, 1, 0), WEIR_E_STALE);
    assert_int_equal(weir_tcp_receive(made.stack, handle, &byte, 1, 0), WEIR_E_NOT_CONNECTED);
    assert_int_equal(weir_udp_close(made.stack, stale), WEIR_E_STALE);
    assert_int_equal(weir_tcp_close(made.stack, handle), WEIR_OK);
    assert_int_equal(weir_tcp_close(made.stack, handle), WEIR_E_STALE);
    weir_stack_advance(made.stack, 50); /* time that goes back */
    assert_int_equal(recording_close(&made.writer), WEIR_OK);
    if (play(made.memory.bytes, made.memory.len, message) != REPLAY_ENDED)
        fail_msg("%s", message);
    made_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_missing_call_is_noticed),
        cmocka_unit_test(test_other_bytes_sent_are_noticed),
        cmocka_unit_test(test_a_recording_that_ends_anywhere_is_replayed_so_far),
        cmocka_unit_test(test_an_assertion_is_met_again),
        cmocka_unit_test(test_calls_that_fail_and_stale_handles_are_replayed),
    };
    return cmocka_run_group_tests_name("replay_faults", tests, NULL, NULL);
}
