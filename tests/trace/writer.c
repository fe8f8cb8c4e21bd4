/* SPDX-License-Identifier: MIT
 * Expectations are bytes written out by hand from draft-ietf-opsawg-pcapng and
 * draft-ietf-opsawg-pcap. */
#include "trace/writer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t packet_bytes[] = {0x45, 1, 2, 3, 4, 5, 6};

static const uint8_t section_header[] = {
    0x0a, 0x0d, 0x0d, 0x0a, 40,   0,    0,    0,    /* block type, block length */
    0x4d, 0x3c, 0x2b, 0x1a, 1,    0,    0,    0,    /* byte order, version 1.0 */
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* section length unknown */
    4,    0,    4,    0,    'w',  'e',  'i',  'r',  /* shb_userappl */
    0,    0,    0,    0,    40,   0,    0,    0,    /* opt_endofopt, block length */
};

static const uint8_t interface_block[] = {
    1,   0,   0,   0, 40, 0, 0, 0, /* block type, block length */
    228, 0,   0,   0, 0,  1, 0, 0, /* LINKTYPE_IPV4, reserved, snap length 256 */
    2,   0,   2,   0, 'l', 'o', 0, 0, /* if_name */
    9,   0,   1,   0, 9,  0, 0, 0, /* if_tsresol: 10^-9 */
    0,   0,   0,   0, 40, 0, 0, 0,
};

/* At 2^32 + 5 ns, outbound, with a comment. */
static const uint8_t packet_block[] = {
    6,    0, 0, 0, 64, 0, 0, 0, /* block type, block length */
    0,    0, 0, 0, 1,  0, 0, 0, /* interface, time: high */
    5,    0, 0, 0, 7,  0, 0, 0, /* time: low, captured */
    9,    0, 0, 0,              /* length on the wire */
    0x45, 1, 2, 3, 4,  5, 6, 0, /* data, padded */
    1,    0, 5, 0, 'h', 'e', 'l', 'l', 'o', 0, 0, 0, /* opt_comment */
    2,    0, 4, 0, 2,  0, 0, 0, /* epb_flags: outbound */
    0,    0, 0, 0, 64, 0, 0, 0,
};

static struct capture_writer open_memory(struct capture_memory *memory, enum capture_format format,
                                         uint32_t snap)
{
    struct capture_writer w;
    struct capture_options options = {
        .format = (uint8_t)format, .snap_bytes = snap, .application = "weir"};
    assert_int_equal(capture_open(&w, capture_sink_memory(memory), &options), 0);
    assert_int_equal(capture_interface(&w, CAPTURE_LINK_RAW, "lo"), 0);
    return w;
}

static int write_sample(struct capture_writer *w, const struct weir_ref *part, unsigned count)
{
    struct capture_packet packet = {.time = INT64_C(0x100000005),
                                    .direction = CAPTURE_OUTBOUND,
                                    .comment = "hello",
                                    .part = part,
                                    .part_count = count,
                                    .len = 9};
    return capture_packet(w, &packet);
}

static void test_pcapng_is_the_bytes_of_the_specification(void **state)
{
    (void)state;
    struct capture_memory m = {0};
    struct capture_writer w = open_memory(&m, CAPTURE_PCAPNG, 256);
    struct weir_ref part = {packet_bytes, sizeof packet_bytes};
    assert_int_equal(write_sample(&w, &part, 1), 0);
    assert_int_equal(m.len, 40 + 40 + 64);
    assert_memory_equal(m.bytes, section_header, sizeof section_header);
    assert_memory_equal(m.bytes + 40, interface_block, sizeof interface_block);
    assert_memory_equal(m.bytes + 80, packet_block, sizeof packet_block);
    assert_int_equal(w.bytes, m.len);
    assert_int_equal(w.packets, 1);
    assert_int_equal(capture_flush(&w), 0);
    capture_memory_free(&m);
}

static void test_pcapng_without_options_has_no_end_of_options(void **state)
{
    (void)state;
    static const uint8_t bare_header[] = {0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c,
                                          0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
                                          0xff, 0xff, 0xff, 0xff, 28, 0, 0, 0};
    static const uint8_t bare_packet[] = {6, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                          0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0x45, 1, 2, 3, 36, 0, 0, 0};
    struct capture_memory m = {0};
    struct capture_writer w;
    assert_int_equal(capture_open(&w, capture_sink_memory(&m), &(struct capture_options){0}), 0);
    assert_int_equal(m.len, sizeof bare_header);
    assert_memory_equal(m.bytes, bare_header, sizeof bare_header);
    assert_int_equal(capture_interface(&w, CAPTURE_LINK_ETHERNET, NULL), 0);
    assert_int_equal(m.len, 28 + 32);
    struct weir_ref part = {packet_bytes, 4};
    struct capture_packet packet = {.part = &part, .part_count = 1};
    assert_int_equal(capture_packet(&w, &packet), 0);
    assert_int_equal(m.len, 28 + 32 + sizeof bare_packet);
    assert_memory_equal(m.bytes + 60, bare_packet, sizeof bare_packet);
    capture_memory_free(&m);
}

static void test_pcap_is_the_bytes_of_the_specification(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        0x4d, 0x3c, 0xb2, 0xa1, 2,    0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 101, 0, 0, 0,
        4,    0,    0,    0,    /* 2^32 + 5 ns: 4 s ... */
        0x05, 0xd8, 0x94, 0x11, /* ... and 294,967,301 ns */
        7,    0,    0,    0,    9,    0, 0, 0, 0x45, 1, 2, 3, 4, 5, 6};
    struct capture_memory m = {0};
    struct capture_writer w = open_memory(&m, CAPTURE_PCAP, 256);
    struct weir_ref part = {packet_bytes, sizeof packet_bytes};
    assert_int_equal(write_sample(&w, &part, 1), 0);
    assert_int_equal(m.len, sizeof expected);
    assert_memory_equal(m.bytes, expected, sizeof expected);
    capture_memory_free(&m);
}

static void test_a_pcap_takes_one_interface(void **state)
{
    (void)state;
    struct capture_memory m = {0};
    struct capture_writer w = open_memory(&m, CAPTURE_PCAP, 0);
    assert_int_equal(capture_interface(&w, CAPTURE_LINK_RAW, "two"), WEIR_E_UNSUPPORTED);
    struct weir_ref part = {packet_bytes, sizeof packet_bytes};
    assert_int_equal(write_sample(&w, &part, 1), 0);
    capture_memory_free(&m);

    w = open_memory(&m, CAPTURE_PCAPNG, 0);
    assert_int_equal(capture_interface(&w, CAPTURE_LINK_ETHERNET, "two"), 1);
    assert_int_equal(write_sample(&w, &part, 1), 0);
    assert_int_equal(capture_interface(&w, CAPTURE_LINK_RAW, "late"), 2);
    capture_memory_free(&m);
}

static void test_parts_are_gathered_as_if_in_one_piece(void **state)
{
    (void)state;
    struct capture_memory m = {0};
    for (size_t a = 0; a <= sizeof packet_bytes; a++)
        for (size_t b = a; b <= sizeof packet_bytes; b++) {
            struct capture_writer w = open_memory(&m, CAPTURE_PCAPNG, 256);
            struct weir_ref part[3] = {{packet_bytes, a},
                                       {packet_bytes + a, b - a},
                                       {packet_bytes + b, sizeof packet_bytes - b}};
            assert_int_equal(write_sample(&w, part, 3), 0);
            assert_int_equal(m.len, 80 + 64);
            assert_memory_equal(m.bytes + 80, packet_block, sizeof packet_block);
            capture_memory_free(&m);
        }
}

static void test_packets_are_cut_at_the_snap_length(void **state)
{
    (void)state;
    static const uint8_t data[64];
    for (uint32_t len = 31; len <= 33; len++)
        for (size_t head = 0; head <= len; head++) {
            struct capture_memory m = {0};
            struct capture_writer w = open_memory(&m, CAPTURE_PCAP, 32);
            struct weir_ref part[2] = {{data, head}, {data, len - head}};
            struct capture_packet packet = {.part = part, .part_count = 2};
            assert_int_equal(capture_packet(&w, &packet), 0);
            uint32_t captured = len < 32 ? len : 32;
            assert_int_equal(m.len, 24 + 16 + captured);
            assert_int_equal(m.bytes[24 + 8], captured);
            assert_int_equal(m.bytes[24 + 12], len);
            capture_memory_free(&m);
        }
}

static void test_received_and_sent_packets_are_recorded_whole(void **state)
{
    (void)state;
    struct capture_memory m = {0};
    struct capture_writer w = open_memory(&m, CAPTURE_PCAPNG, 256);
    struct weir_rx rx = {.head = packet_bytes,
                         .head_len = 3,
                         .len = 7,
                         .frag = {{packet_bytes + 3, 1}, {packet_bytes + 4, 3}},
                         .frag_count = 2};
    struct weir_tx tx = {.frag = {{packet_bytes + 2, 5}},
                         .frag_count = 1,
                         .len = 7,
                         .header_start = 9,
                         .header_len = 2};
    memcpy(tx.headers + 9, packet_bytes, 2);
    assert_int_equal(capture_rx(&w, 0, 1, &rx), 0);
    assert_int_equal(capture_tx(&w, 0, 2, &tx), 0);
    /* Two blocks of frame, fields, seven bytes and padding, flags, end of options. */
    assert_int_equal(m.len, 80 + 2 * 52);
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *block = m.bytes + 80 + (size_t)i * 52;
        assert_int_equal(block[16], i + 1);
        assert_memory_equal(block + 28, packet_bytes, 7);
        assert_int_equal(block[40], i == 0 ? CAPTURE_INBOUND : CAPTURE_OUTBOUND);
    }
    capture_memory_free(&m);
}

static void test_times_outside_the_format_are_refused(void **state)
{
    (void)state;
    struct weir_ref part = {packet_bytes, 1};
    struct capture_packet packet = {.part = &part, .part_count = 1};
    struct capture_memory m = {0};
    struct capture_writer w = open_memory(&m, CAPTURE_PCAPNG, 0);
    packet.time = WEIR_TIME_NEVER;
    assert_int_equal(capture_packet(&w, &packet), 0);
    packet.time = -1;
    assert_int_equal(capture_packet(&w, &packet), WEIR_E_RANGE);
    packet.time = 0; /* the error stays */
    assert_int_equal(capture_packet(&w, &packet), WEIR_E_RANGE);
    assert_int_equal(capture_flush(&w), WEIR_E_RANGE);
    capture_memory_free(&m);

    w = open_memory(&m, CAPTURE_PCAP, 0);
    packet.time = (weir_time)UINT32_MAX * WEIR_NS_PER_S + (WEIR_NS_PER_S - 1);
    assert_int_equal(capture_packet(&w, &packet), 0);
    packet.time++;
    assert_int_equal(capture_packet(&w, &packet), WEIR_E_RANGE);
    capture_memory_free(&m);
}

static void test_calls_that_contradict_are_refused(void **state)
{
    (void)state;
    struct weir_ref part[5] = {{packet_bytes, 1}};
    struct capture_memory m = {0};
    struct capture_writer w;
    struct capture_options options = {.format = 2};
    assert_int_equal(capture_open(&w, capture_sink_memory(&m), &options), WEIR_E_INVALID);
    assert_int_equal(capture_interface(&w, CAPTURE_LINK_RAW, "x"), WEIR_E_INVALID);
    options = (struct capture_options){.snap_bytes = CAPTURE_SNAP_BYTES_MAX + 1};
    assert_int_equal(capture_open(&w, capture_sink_memory(&m), &options), WEIR_E_INVALID);
    assert_int_equal(m.len, 0);
    options.snap_bytes = CAPTURE_SNAP_BYTES_MAX;
    assert_int_equal(capture_open(&w, capture_sink_memory(&m), &options), 0);
    struct capture_packet packet = {.part = part, .part_count = 1};
    assert_int_equal(capture_packet(&w, &packet), WEIR_E_INVALID); /* no interface yet */
    capture_memory_free(&m);
    w = open_memory(&m, CAPTURE_PCAPNG, 0);
    packet.part_count = 5;
    assert_int_equal(capture_packet(&w, &packet), WEIR_E_INVALID);
    capture_memory_free(&m);
}

static void test_a_long_comment_is_cut(void **state)
{
    (void)state;
    char *comment = malloc(70000);
    assert_non_null(comment);
    memset(comment, 'x', 69999);
    comment[69999] = '\0';
    struct capture_memory m = {0};
    struct capture_writer w = open_memory(&m, CAPTURE_PCAPNG, 0);
    struct weir_ref part = {packet_bytes, 4};
    struct capture_packet packet = {.comment = comment, .part = &part, .part_count = 1};
    assert_int_equal(capture_packet(&w, &packet), 0);
    const uint8_t *option = m.bytes + 80 + 28 + 4;
    assert_int_equal(option[2] | option[3] << 8, 65535);
    assert_int_equal(m.len, 80 + 28 + 4 + 4 + 65536 + 4 + 4);
    capture_memory_free(&m);
    free(comment);
}

/* ---- sinks ---- */

static size_t write_three(struct capture_writer *w, struct capture_sink sink)
{
    struct weir_ref part = {packet_bytes, sizeof packet_bytes};
    assert_int_equal(capture_open(w, sink, &(struct capture_options){.application = "weir"}), 0);
    assert_int_equal(capture_interface(w, CAPTURE_LINK_RAW, "lo"), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(write_sample(w, &part, 1), 0);
    assert_int_equal(capture_flush(w), 0);
    return (size_t)w->bytes;
}

static void test_every_sink_gets_the_same_bytes(void **state)
{
    (void)state;
    struct capture_writer w;
    struct capture_memory m = {0};
    uint8_t read_back[1024];
    size_t len = write_three(&w, capture_sink_memory(&m));
    assert_int_equal(m.len, len);

    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(write_three(&w, capture_sink_file(file)), len);
    rewind(file);
    assert_int_equal(fread(read_back, 1, sizeof read_back, file), len);
    assert_memory_equal(read_back, m.bytes, len);

    rewind(file);
    assert_int_equal(ftruncate(fileno(file), 0), 0);
    assert_int_equal(write_three(&w, capture_sink_fd(fileno(file))), len);
    assert_int_equal(pread(fileno(file), read_back, sizeof read_back, 0), (ssize_t)len);
    assert_memory_equal(read_back, m.bytes, len);
    assert_int_equal(fclose(file), 0);
    capture_memory_free(&m);
}

static void test_a_full_disk_is_reported_and_stays(void **state)
{
    (void)state;
    struct weir_ref part = {packet_bytes, sizeof packet_bytes};
    struct capture_writer w;
    FILE *file = fopen("/dev/full", "wb");
    assert_non_null(file);
    /* stdio takes the bytes into its buffer: only the flush can tell. */
    assert_int_equal(capture_open(&w, capture_sink_file(file), &(struct capture_options){0}), 0);
    assert_int_equal(capture_interface(&w, CAPTURE_LINK_RAW, "lo"), 0);
    assert_int_equal(capture_flush(&w), WEIR_E_IO);
    assert_int_equal(write_sample(&w, &part, 1), WEIR_E_IO);
    (void)fclose(file);

    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    struct capture_options options = {0};
    assert_int_equal(capture_open(&w, capture_sink_fd(fd), &options), WEIR_E_IO);
    assert_int_equal(capture_interface(&w, CAPTURE_LINK_RAW, "lo"), WEIR_E_IO);
    assert_int_equal(capture_flush(&w), WEIR_E_IO);
    assert_int_equal(w.bytes, 0);
    assert_int_equal(close(fd), 0);
}

static void test_memory_fills_up_to_its_limit_in_whole_blocks(void **state)
{
    (void)state;
    struct weir_ref part = {packet_bytes, sizeof packet_bytes};
    for (size_t limit = 80 + 2 * 64 - 1; limit <= 80 + 2 * 64 + 1; limit++) {
        struct capture_memory m = {.len_max = limit};
        struct capture_writer w = open_memory(&m, CAPTURE_PCAPNG, 256);
        assert_int_equal(write_sample(&w, &part, 1), 0);
        int second = write_sample(&w, &part, 1);
        assert_int_equal(second, limit < 208 ? WEIR_E_EXHAUSTED : 0);
        assert_int_equal(write_sample(&w, &part, 1), WEIR_E_EXHAUSTED);
        assert_int_equal(m.len, limit < 208 ? 144 : 208);
        assert_int_equal(w.packets, limit < 208 ? 1 : 2);
        capture_memory_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pcapng_is_the_bytes_of_the_specification),
        cmocka_unit_test(test_pcapng_without_options_has_no_end_of_options),
        cmocka_unit_test(test_pcap_is_the_bytes_of_the_specification),
        cmocka_unit_test(test_a_pcap_takes_one_interface),
        cmocka_unit_test(test_parts_are_gathered_as_if_in_one_piece),
        cmocka_unit_test(test_packets_are_cut_at_the_snap_length),
        cmocka_unit_test(test_received_and_sent_packets_are_recorded_whole),
        cmocka_unit_test(test_times_outside_the_format_are_refused),
        cmocka_unit_test(test_calls_that_contradict_are_refused),
        cmocka_unit_test(test_a_long_comment_is_cut),
        cmocka_unit_test(test_every_sink_gets_the_same_bytes),
        cmocka_unit_test(test_a_full_disk_is_reported_and_stays),
        cmocka_unit_test(test_memory_fills_up_to_its_limit_in_whole_blocks),
    };
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
