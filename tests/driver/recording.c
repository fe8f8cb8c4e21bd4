/* SPDX-License-Identifier: MIT
 * Recordings: what was told comes back, whatever file it is read from, and a file that is cut, damaged
 * or of another version is told by a clear message. */
#define _GNU_SOURCE /* memmem() */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "driver/recording.h"
#include "weir/net.h"

enum { MAGIC = 8, FRAME_HEAD = 5 };

static FILE *open_bytes(const uint8_t *bytes, size_t len)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    rewind(file);
    return file;
}

static struct weir_addr addr(const char *text)
{
    struct weir_addr a;
    assert_int_equal(weir_addr_parse(text, &a), WEIR_OK);
    return a;
}

/* What goes out of the coder and into it again, and the bytes between. */
struct loop {
    struct recording_bytes bytes, again;
    struct recording_store store;
    struct weir_record record;
};

static void round_trip(struct loop *l, const struct weir_record *record, bool whole)
{
    struct recording_state there = {.whole = whole, .last = 5}, back = there, anew = there;
    *l = (struct loop){.record = {.call = record->call, .done = record->done}};
    assert_true(recording_encode(&l->bytes, &there, record));
    struct weir_ref body = {l->bytes.p, l->bytes.len};
    assert_true(recording_decode(body, &back, &l->record, &l->store));
    assert_int_equal(there.last, back.last);
    if (whole || !record->done) { /* a hash does not come out of itself */
        assert_true(recording_encode(&l->again, &anew, &l->record));
        assert_int_equal(l->again.len, l->bytes.len);
        assert_memory_equal(l->again.p, l->bytes.p, l->bytes.len);
    }
}

static void loop_free(struct loop *l)
{
    free(l->bytes.p);
    free(l->again.p);
    recording_store_free(&l->store);
}

static void test_every_field_of_the_calls_comes_back(void **state)
{
    (void)state;
    struct loop l;
    struct weir_addr a = addr("10.9.0.2"), b = addr("fd00::9");
    struct weir_tcp_config tcp = {
        .size = sizeof tcp, .ifindex = 2, .address = a, .port = 80, .reuse = true, .user = 1ULL << 60};
    round_trip(&l, &(struct weir_record){.call = WEIR_CALL_TCP_OPEN, .tcp = &tcp}, false);
    assert_int_equal(l.record.tcp->size, sizeof tcp);
    assert_int_equal(l.record.tcp->ifindex, 2);
    assert_memory_equal(&l.record.tcp->address, &a, sizeof a);
    assert_int_equal(l.record.tcp->port, 80);
    assert_true(l.record.tcp->reuse);
    assert_int_equal(l.record.tcp->user, tcp.user);
    loop_free(&l);

    struct weir_udp_config udp = {.size = 3, .kind = 1, .port = 65535, .address = b, .user = 7};
    round_trip(&l, &(struct weir_record){.call = WEIR_CALL_UDP_OPEN, .udp = &udp}, false);
    assert_int_equal(l.record.udp->size, 3);
    assert_int_equal(l.record.udp->port, 65535);
    assert_memory_equal(&l.record.udp->address, &b, sizeof b);
    loop_free(&l);

    struct weir_record route = {.call = WEIR_CALL_STACK_ADD_ROUTE,
                                .ifindex = UINT32_MAX,
                                .addr = &b,
                                .gateway = &a,
                                .number = {128, UINT32_MAX}};
    round_trip(&l, &route, false);
    assert_int_equal(l.record.ifindex, UINT32_MAX);
    assert_int_equal(l.record.number[0], 128);
    assert_int_equal(l.record.number[1], UINT32_MAX);
    assert_memory_equal(l.record.gateway, &a, sizeof a);
    loop_free(&l);

    static const weir_time times[] = {0,  1,  -1, 5, INT64_MAX, INT64_MIN, WEIR_NS_PER_S * 1000000};
    for (unsigned i = 0; i < sizeof times / sizeof times[0]; i++) {
        round_trip(&l, &(struct weir_record){.call = WEIR_CALL_STACK_ADVANCE, .now = times[i]},
                   false);
        assert_int_equal(l.record.now, times[i]);
        loop_free(&l);
    }
    struct weir_datagram d = {.remote = a, .local = b, .ifindex = 3, .hop_limit = 9, .time = -4};
    struct weir_record from = {.call = WEIR_CALL_UDP_RECEIVE,
                               .done = true,
                               .result = -8,
                               .datagram = &d,
                               .data = {(const uint8_t *)"abc", 3}};
    round_trip(&l, &from, true);
    assert_int_equal(l.record.result, -8);
    assert_int_equal(l.record.datagram->time, -4);
    assert_memory_equal(l.record.data.data, "abc", 3);
    loop_free(&l);
    round_trip(&l, &from, false);
    assert_int_equal(l.store.data_len, 3);
    assert_int_equal(l.record.data.len, 0);
    loop_free(&l);
}

static void test_limits_go_by_name_and_the_secret_comes_back(void **state)
{
    (void)state;
    struct loop l;
    struct weir_config config;
    weir_config_default(&config);
    config.tcp_endpoints_max = 77;
    config.seed = UINT64_MAX - 1;
    config.secret[31] = 9;
    round_trip(&l, &(struct weir_record){.call = WEIR_CALL_STACK_INIT, .config = &config}, false);
    assert_memory_equal(l.record.config, &config, sizeof config);
    assert_string_equal(l.store.note, "");
    loop_free(&l);
}

/* A file of somebody who had a limit more and one less. */
static void test_limits_that_differ_are_noted(void **state)
{
    (void)state;
    struct loop l;
    struct weir_config config;
    weir_config_default(&config);
    config.interfaces_max = 3;
    round_trip(&l, &(struct weir_record){.call = WEIR_CALL_STACK_INIT, .config = &config}, false);
    uint8_t *name = memmem(l.bytes.p, l.bytes.len, "interfaces_max", 14);
    assert_non_null(name);
    memcpy(name, "interfacez_max", 14);
    struct recording_state state_ = {.last = 5};
    struct weir_record record = {.call = WEIR_CALL_STACK_INIT};
    struct weir_ref body = {l.bytes.p, l.bytes.len};
    assert_true(recording_decode(body, &state_, &record, &l.store));
    assert_string_equal(l.store.note,
                        "unknown here: interfacez_max, new since then: interfaces_max");
    assert_int_equal(record.config->interfaces_max, 4);
    loop_free(&l);
}

static void test_received_packets_come_back_with_all_that_was_said_of_them(void **state)
{
    (void)state;
    struct loop l;
    uint8_t bytes[100];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    struct weir_rx rx[3] = {
        {.head = bytes, .head_len = 60, .len = 60},
        {.head = bytes,
         .head_len = 40,
         .len = 99, /* a lie, to be told as it was */
         .frag = {{bytes + 40, 20}, {bytes + 60, 40}},
         .frag_count = 2,
         .checksum = WEIR_RX_CHECKSUM_ABSENT,
         .segmentation = WEIR_SEGMENT_TCP6,
         .segment_size = 1440,
         .segment_count = 2,
         .queue = 7,
         .checksum_start = 40,
         .checksum_offset = 16},
        {.head = NULL, .head_len = 12, .len = 12}};
    struct weir_record record = {
        .call = WEIR_CALL_STACK_INPUT, .rx = rx, .count = 3, .now = 1000, .ifindex = 1};
    round_trip(&l, &record, false);
    assert_int_equal(l.record.count, 3);
    assert_memory_equal(l.record.rx[0].head, bytes, 60);
    assert_int_equal(l.record.rx[1].len, 99);
    assert_int_equal(l.record.rx[1].frag_count, 2);
    assert_memory_equal(l.record.rx[1].frag[1].data, bytes + 60, 40);
    assert_int_equal(l.record.rx[1].segmentation, WEIR_SEGMENT_TCP6);
    assert_int_equal(l.record.rx[1].checksum_offset, 16);
    assert_null(l.record.rx[2].head);
    assert_int_equal(l.record.rx[2].head_len, 12);
    loop_free(&l);
}

/* The hash of a packet sent is of its bytes, not of the pieces that they come in. */
static uint64_t hash_of(const uint8_t *bytes, size_t len, size_t cut)
{
    struct loop l;
    struct weir_tx tx = {.len = (uint32_t)len + 4, .header_len = 4, .header_start = 3};
    tx.frag_count = 2;
    tx.frag[0] = (struct weir_ref){bytes, cut};
    tx.frag[1] = (struct weir_ref){bytes + cut, len - cut};
    struct weir_record record = {
        .call = WEIR_CALL_STACK_OUTPUT, .done = true, .tx = &tx, .count = 1, .result = 1};
    round_trip(&l, &record, false);
    uint64_t hash = l.store.hash[0];
    loop_free(&l);
    return hash;
}

static void test_the_hash_of_a_packet_sees_every_bit_and_no_seam(void **state)
{
    (void)state;
    uint8_t bytes[150];
    struct rng rng = rng_make(4);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)rng_below(&rng, 256);
    uint64_t hash = hash_of(bytes, sizeof bytes, 0);
    for (size_t cut = 1; cut <= sizeof bytes; cut++)
        assert_int_equal(hash_of(bytes, sizeof bytes, cut), hash);
    for (unsigned bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_not_equal(hash_of(bytes, sizeof bytes, 70), hash);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    memset(bytes, 0, sizeof bytes);
    for (size_t len = 1; len < sizeof bytes; len++)
        assert_int_not_equal(hash_of(bytes, len, 0), hash_of(bytes, len + 1, 0));
}

/* ---- files ---- */

/* A recording of two calls, without a stack. */
static struct capture_memory file_of_two(void)
{
    struct capture_memory memory = {.bytes = NULL};
    struct recording_writer w;
    assert_int_equal(recording_open(&w, capture_sink_memory(&memory), false), WEIR_OK);
    struct weir_recorder recorder = recording_recorder(&w);
    for (unsigned i = 0; i < 2; i++) {
        recorder.fn(recorder.ctx, &(struct weir_record){.call = WEIR_CALL_STACK_ADVANCE, .now = 9});
        recorder.fn(recorder.ctx,
                    &(struct weir_record){.call = WEIR_CALL_STACK_ADVANCE, .done = true});
    }
    assert_int_equal(w.records, 2);
    assert_int_equal(recording_close(&w), WEIR_OK);
    return memory;
}

/* Read it to its end: how many frames there were; what the last one was, or an error. */
static unsigned read_all(const uint8_t *bytes, size_t len, int *last, char *message)
{
    struct recording_reader reader;
    struct recording_frame frame = {.what = RECORDING_CALL};
    unsigned frames = 0;
    FILE *file = open_bytes(bytes, len);
    *last = recording_reader_open(&reader, file);
    while (*last == WEIR_OK) {
        *last = recording_reader_next(&reader, &frame);
        if (*last == WEIR_OK && frame.what != RECORDING_CALL)
            *last = frame.what;
        else if (*last == WEIR_OK)
            frames++;
    }
    (void)snprintf(message, RECORDING_MESSAGE_SIZE, "%s", reader.message);
    recording_frame_free(&frame);
    (void)fclose(file);
    return frames;
}

static void test_a_file_that_is_cut_is_read_to_its_last_whole_frame(void **state)
{
    (void)state;
    int last;
    char message[RECORDING_MESSAGE_SIZE];
    struct capture_memory file = file_of_two();
    assert_int_equal(read_all(file.bytes, file.len, &last, message), 4);
    assert_int_equal(last, RECORDING_END);
    unsigned before = 0;
    bool opened = false;
    for (size_t len = 0; len < file.len; len++) {
        unsigned frames = read_all(file.bytes, len, &last, message);
        assert_true(frames >= before && frames <= 4);
        before = frames;
        if (last == WEIR_E_FORMAT)
            assert_true(!opened && message[0] != '\0');
        else
            assert_int_equal(last, RECORDING_CUT);
        opened |= last == RECORDING_CUT;
    }
    assert_int_equal(before, 4);
    capture_memory_free(&file);
}

static void test_what_is_no_recording_or_a_later_one_is_said(void **state)
{
    (void)state;
    int last;
    char message[RECORDING_MESSAGE_SIZE];
    struct capture_memory file = file_of_two();
    (void)read_all((const uint8_t *)"\x0a\x0d\x0d\x0a capture", 12, &last, message);
    assert_int_equal(last, WEIR_E_FORMAT);
    assert_string_equal(message, "at byte 0: this is no recording");
    file.bytes[MAGIC - 1] = RECORDING_VERSION + 1;
    (void)read_all(file.bytes, file.len, &last, message);
    assert_int_equal(last, WEIR_E_FORMAT);
    assert_string_equal(message, "a recording of version 2; this weir reads version 1");
    file.bytes[MAGIC - 1] = RECORDING_VERSION;

    uint8_t *name = memmem(file.bytes, file.len, "stack_advance", 13);
    memcpy(name, "stack_advence", 13);
    assert_int_equal(read_all(file.bytes, file.len, &last, message), 0);
    assert_int_equal(last, WEIR_E_FORMAT);
    assert_non_null(strstr(message, "a call that this weir does not have"));
    capture_memory_free(&file);
}

/* No damage makes it read what is not there: a sanitizer looks on. */
static void test_damage_is_read_in_bounds(void **state)
{
    (void)state;
    int last;
    char message[RECORDING_MESSAGE_SIZE];
    struct capture_memory file = file_of_two();
    struct rng rng = rng_make(1);
    for (unsigned i = 0; i < 500; i++) {
        size_t at = rng_below(&rng, file.len);
        uint8_t was = file.bytes[at];
        file.bytes[at] = (uint8_t)rng_below(&rng, 256);
        (void)read_all(file.bytes, file.len, &last, message);
        file.bytes[at] = was;
    }
    /* A length beyond all bounds, and one that is only a lie. */
    size_t frame = file.len - FRAME_HEAD; /* the last one */
    memset(file.bytes + frame + 1, 0xff, 4);
    (void)read_all(file.bytes, file.len, &last, message);
    assert_int_equal(last, WEIR_E_FORMAT);
    file.bytes[frame + 4] = 0x3f;
    (void)read_all(file.bytes, file.len, &last, message);
    assert_int_equal(last, RECORDING_CUT);
    capture_memory_free(&file);
}

static int full(void *ctx, const struct weir_ref *part, unsigned count)
{
    unsigned *left = ctx;
    (void)part;
    (void)count;
    return (*left)-- > 0 ? 0 : WEIR_E_IO;
}

static void test_what_cannot_be_written_is_told_and_stays_told(void **state)
{
    (void)state;
    unsigned left = 1; /* the beginning */
    struct recording_writer w;
    struct capture_sink sink = {.write = full, .ctx = &left};
    assert_int_equal(recording_open(&w, sink, false), WEIR_OK);
    struct weir_recorder recorder = recording_recorder(&w);
    recorder.fn(recorder.ctx, &(struct weir_record){.call = WEIR_CALL_STACK_ADVANCE});
    assert_int_equal(recording_flush(&w), WEIR_E_IO);
    left = 100;
    recorder.fn(recorder.ctx, &(struct weir_record){.call = WEIR_CALL_STACK_ADVANCE});
    assert_int_equal(recording_flush(&w), WEIR_E_IO);
    assert_int_equal(recording_close(&w), WEIR_E_IO);
    assert_int_equal(left, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_of_the_calls_comes_back),
        cmocka_unit_test(test_limits_go_by_name_and_the_secret_comes_back),
        cmocka_unit_test(test_limits_that_differ_are_noted),
        cmocka_unit_test(test_received_packets_come_back_with_all_that_was_said_of_them),
        cmocka_unit_test(test_the_hash_of_a_packet_sees_every_bit_and_no_seam),
        cmocka_unit_test(test_a_file_that_is_cut_is_read_to_its_last_whole_frame),
        cmocka_unit_test(test_what_is_no_recording_or_a_later_one_is_said),
        cmocka_unit_test(test_damage_is_read_in_bounds),
        cmocka_unit_test(test_what_cannot_be_written_is_told_and_stays_told),
    };
    return cmocka_run_group_tests_name("recording", tests, NULL, NULL);
}
