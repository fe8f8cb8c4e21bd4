/* SPDX-License-Identifier: MIT */
#include "trace/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "trace/writer.h"

enum {
    PACKETS = 50,
    PACKET_BYTES_MAX = 300
};

struct sample {
    weir_time time;
    uint32_t len;
    uint8_t bytes[PACKET_BYTES_MAX];
};

static void samples_make(struct sample *sample, uint64_t seed)
{
    struct rng rng = rng_make(seed);
    weir_time time = 0;
    for (int i = 0; i < PACKETS; i++) {
        time += (weir_time)rng_below(&rng, (uint64_t)10 * WEIR_NS_PER_S);
        sample[i].time = time;
        sample[i].len = (uint32_t)rng_between(&rng, 1, PACKET_BYTES_MAX);
        rng_bytes(&rng, sample[i].bytes, sample[i].len);
    }
}

static void capture_make(struct capture_memory *m, const struct sample *sample, int count,
                         enum capture_format format, enum capture_link link)
{
    struct capture_writer w;
    struct capture_options options = {.format = (uint8_t)format, .snap_bytes = 200};
    assert_int_equal(capture_open(&w, capture_sink_memory(m), &options), 0);
    assert_int_equal(capture_interface(&w, link, "net"), 0);
    for (int i = 0; i < count; i++) {
        struct weir_ref part[2] = {{sample[i].bytes, sample[i].len / 3},
                                   {sample[i].bytes + sample[i].len / 3,
                                    sample[i].len - sample[i].len / 3}};
        struct capture_packet packet = {
            .time = sample[i].time, .comment = "remark", .part = part, .part_count = 2};
        assert_int_equal(capture_packet(&w, &packet), 0);
    }
}

static int open_bytes(struct capture_reader *r, void *bytes, size_t len)
{
    FILE *file = fmemopen(bytes, len, "rb");
    assert_non_null(file);
    return capture_reader_open_file(r, file, "bytes");
}

static void test_what_was_written_is_read(void **state)
{
    (void)state;
    struct sample *sample = calloc(PACKETS, sizeof *sample);
    assert_non_null(sample);
    samples_make(sample, 1);
    for (int variant = 0; variant < 4; variant++) {
        struct capture_memory m = {0};
        struct capture_reader r;
        struct capture_record record;
        enum capture_link link = (variant & 2) != 0 ? CAPTURE_LINK_RAW : CAPTURE_LINK_ETHERNET;
        capture_make(&m, sample, PACKETS, (variant & 1) != 0 ? CAPTURE_PCAP : CAPTURE_PCAPNG, link);
        assert_int_equal(open_bytes(&r, m.bytes, m.len), 0);
        assert_int_equal(r.link, link);
        for (uint32_t i = 0; i < PACKETS; i++) {
            assert_int_equal(capture_reader_next(&r, &record), 1);
            assert_int_equal(record.time, sample[i].time);
            assert_int_equal(record.len, sample[i].len);
            assert_int_equal(record.captured, sample[i].len < 200 ? sample[i].len : 200);
            assert_int_equal(record.number, i + 1);
            assert_memory_equal(record.bytes, sample[i].bytes, record.captured);
        }
        assert_int_equal(capture_reader_next(&r, &record), 0);
        assert_int_equal(capture_reader_next(&r, &record), 0);
        assert_string_equal(r.message, "");
        capture_reader_close(&r);
        capture_reader_close(&r);
        capture_memory_free(&m);
    }
    free(sample);
}

/* Where a file may end without being cut short, after how many packets. */
struct boundary {
    size_t at;
    int packets;
};

static void check_cut(const struct capture_memory *m, size_t len, const struct boundary *boundary,
                      size_t boundaries)
{
    struct capture_reader r;
    struct capture_record record;
    int whole = -1, packets = 0, result;
    bool clean = false;
    for (size_t i = 0; i < boundaries && boundary[i].at <= len; i++) {
        whole = boundary[i].packets;
        clean = boundary[i].at == len;
    }
    /* The rest of the memory is not there: a reader that trusts lengths would run into it. */
    uint8_t *bytes = malloc(len);
    assert_non_null(bytes);
    memcpy(bytes, m->bytes, len);
    if (open_bytes(&r, bytes, len) != 0) {
        assert_true(whole < 0);
        assert_memory_equal(r.message, "bytes: ", 7);
        free(bytes);
        return;
    }
    while ((result = capture_reader_next(&r, &record)) == 1)
        packets++;
    assert_int_equal(packets, whole);
    assert_int_equal(result, clean ? 0 : WEIR_E_FORMAT);
    if (!clean) {
        char expected[32];
        int n = snprintf(expected, sizeof expected, "bytes: packet %d: ", packets + 1);
        assert_memory_equal(r.message, expected, (size_t)n);
        assert_true(strlen(r.message) > (size_t)n);
        assert_int_equal(capture_reader_next(&r, &record), WEIR_E_FORMAT);
    }
    capture_reader_close(&r);
    free(bytes);
}

static void test_a_file_cut_anywhere_gives_its_whole_packets_and_an_error(void **state)
{
    (void)state;
    static const uint32_t lens[] = {5, 8, 33};
    struct sample *sample = calloc(3, sizeof *sample);
    assert_non_null(sample);
    for (int format = CAPTURE_PCAPNG; format <= CAPTURE_PCAP; format++) {
        struct capture_memory m = {0};
        struct boundary boundary[4] = {{format == CAPTURE_PCAP ? 24 : 28 + 40, 0}};
        for (int i = 0; i < 3; i++) {
            size_t block = format == CAPTURE_PCAP ? 16 + lens[i] : 32 + (lens[i] + 3) / 4 * 4 + 16;
            sample[i].len = lens[i];
            boundary[i + 1] = (struct boundary){boundary[i].at + block, i + 1};
        }
        capture_make(&m, sample, 3, (enum capture_format)format, CAPTURE_LINK_RAW);
        assert_int_equal(m.len, boundary[3].at);
        for (size_t len = 1; len <= m.len; len++)
            check_cut(&m, len, boundary, 4);
        capture_memory_free(&m);
    }
    free(sample);
}

static void test_changed_bytes_are_survived(void **state)
{
    (void)state;
    struct sample *sample = calloc(PACKETS, sizeof *sample);
    assert_non_null(sample);
    samples_make(sample, 2);
    struct rng rng = rng_make(3);
    for (int round = 0; round < 400; round++) {
        struct capture_memory m = {0};
        struct capture_reader r;
        struct capture_record record;
        capture_make(&m, sample, 5, (round & 1) != 0 ? CAPTURE_PCAP : CAPTURE_PCAPNG,
                     CAPTURE_LINK_RAW);
        for (uint64_t n = rng_between(&rng, 1, 4); n > 0; n--)
            m.bytes[rng_below(&rng, m.len)] = (uint8_t)rng_u32(&rng);
        int result = open_bytes(&r, m.bytes, m.len);
        assert_true(result == 0 || result == WEIR_E_FORMAT);
        if (result == 0) {
            uint64_t sum = 0;
            while ((result = capture_reader_next(&r, &record)) == 1) {
                assert_true(record.captured <= record.len && record.time >= 0);
                for (uint32_t i = 0; i < record.captured; i++)
                    sum += record.bytes[i];
            }
            assert_true(result == 0 || result == WEIR_E_FORMAT);
            assert_true(sum <= 255 * (uint64_t)m.len);
            capture_reader_close(&r);
        } else {
            assert_null(r.pcap);
            assert_int_equal(capture_reader_next(&r, &record), WEIR_E_INVALID);
        }
        capture_memory_free(&m);
    }
    free(sample);
}

/* A classic pcap as another machine writes it: big-endian, microseconds. */
static uint8_t foreign[] = {
    0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1,
    0,    0,    0,    7,    0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 3, 0xaa, 0xbb};

static void test_a_foreign_pcap_is_scaled_to_nanoseconds(void **state)
{
    (void)state;
    struct capture_reader r;
    struct capture_record record;
    assert_int_equal(open_bytes(&r, foreign, sizeof foreign), 0);
    assert_int_equal(r.link, CAPTURE_LINK_ETHERNET);
    assert_int_equal(capture_reader_next(&r, &record), 1);
    assert_int_equal(record.time, 7 * WEIR_NS_PER_S + 9 * WEIR_NS_PER_US);
    assert_int_equal(record.captured, 2);
    assert_int_equal(record.len, 3);
    assert_int_equal(record.bytes[1], 0xbb);
    assert_int_equal(capture_reader_next(&r, &record), 0);
    capture_reader_close(&r);
}

static void test_impossible_records_are_format_errors(void **state)
{
    (void)state;
    uint8_t bytes[sizeof foreign], two[sizeof foreign + 18];
    struct capture_reader r;
    struct capture_record record;
    memcpy(two, foreign, sizeof foreign);
    memcpy(two + sizeof foreign, foreign + 24, 18);
    two[39] = 1; /* the first packet has one byte, of which two were captured */
    assert_int_equal(open_bytes(&r, two, sizeof two), 0);
    assert_int_equal(capture_reader_next(&r, &record), WEIR_E_FORMAT);
    assert_string_equal(r.message,
                        "bytes: packet 1: more bytes captured than the packet has");
    assert_int_equal(capture_reader_next(&r, &record), WEIR_E_FORMAT); /* not the second */
    capture_reader_close(&r);

    memcpy(bytes, foreign, sizeof bytes);
    bytes[29] = 0x10; /* 0x100009 microseconds: more than a second */
    assert_int_equal(open_bytes(&r, bytes, sizeof bytes), 0);
    assert_int_equal(capture_reader_next(&r, &record), WEIR_E_FORMAT);
    assert_string_equal(r.message, "bytes: packet 1: impossible time stamp");
    capture_reader_close(&r);
}

static void test_what_is_no_capture_is_named(void **state)
{
    (void)state;
    struct capture_reader r;
    char text[] = "this is not a capture, though it is long enough to be one";
    assert_int_equal(capture_reader_open(&r, "/nonexistent/file"), WEIR_E_IO);
    assert_string_equal(r.message, "/nonexistent/file: No such file or directory");
    assert_null(r.pcap);
    capture_reader_close(&r);
    assert_int_equal(open_bytes(&r, text, sizeof text), WEIR_E_FORMAT);
    assert_memory_equal(r.message, "bytes: ", 7);
    assert_int_equal(capture_reader_open(&r, "/dev/null"), WEIR_E_FORMAT);
    assert_memory_equal(r.message, "/dev/null: ", 11);
}

static void test_a_directory_is_an_input_error(void **state)
{
    (void)state;
    struct capture_reader r;
    assert_int_equal(capture_reader_open(&r, "/"), WEIR_E_IO);
    assert_memory_equal(r.message, "/: ", 3);
}

static void test_a_dash_is_standard_input(void **state)
{
    (void)state;
    struct capture_reader r;
    struct capture_record record;
    FILE *file = tmpfile();
    int saved = dup(0);
    assert_non_null(file);
    assert_int_equal(fwrite(foreign, 1, sizeof foreign, file), sizeof foreign);
    rewind(file);
    assert_int_equal(dup2(fileno(file), 0), 0);
    assert_int_equal(capture_reader_open(&r, "-"), 0);
    assert_string_equal(r.name, "standard input");
    assert_int_equal(capture_reader_next(&r, &record), 1);
    assert_int_equal(capture_reader_next(&r, &record), 0);
    capture_reader_close(&r);
    assert_true(fileno(stdin) == 0); /* not closed */
    assert_int_equal(dup2(saved, 0), 0);
    (void)close(saved);
    (void)fclose(file);
}

static void test_a_long_name_loses_its_beginning(void **state)
{
    (void)state;
    struct capture_reader r;
    char path[CAPTURE_NAME_MAX + 10];
    memset(path, 'n', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 2] = 'E';
    path[sizeof path - 1] = '\0';
    assert_int_equal(capture_reader_open(&r, path), WEIR_E_IO);
    assert_int_equal(strlen(r.name), CAPTURE_NAME_MAX);
    assert_int_equal(r.name[CAPTURE_NAME_MAX - 1], 'E');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_is_read),
        cmocka_unit_test(test_a_file_cut_anywhere_gives_its_whole_packets_and_an_error),
        cmocka_unit_test(test_changed_bytes_are_survived),
        cmocka_unit_test(test_a_foreign_pcap_is_scaled_to_nanoseconds),
        cmocka_unit_test(test_impossible_records_are_format_errors),
        cmocka_unit_test(test_what_is_no_capture_is_named),
        cmocka_unit_test(test_a_directory_is_an_input_error),
        cmocka_unit_test(test_a_dash_is_standard_input),
        cmocka_unit_test(test_a_long_name_loses_its_beginning),
    };
    return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
