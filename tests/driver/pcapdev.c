/* SPDX-License-Identifier: MIT */
#include "driver/pcapdev.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "craft.h"
#include "trace/reader.h"
#include "trace/writer.h"

static const weir_time first = INT64_C(1700000000) * WEIR_NS_PER_S; /* of the captures made here */

/* Files of one test, in a directory that goes with it. */
static char dir[64], in_path[96], out_path[96];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/weir-pcapdev-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(in_path, sizeof in_path, "%s/in", dir);
    (void)snprintf(out_path, sizeof out_path, "%s/out", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(in_path);
    unlink(out_path);
    return rmdir(dir);
}

/* A packet to be put into a capture: its bytes are a pattern with its number as seed. */
struct record {
    weir_time after; /* the first of all */
    uint32_t len, captured;
};

static void write_capture(const struct record *record, unsigned n, enum capture_link link)
{
    static uint8_t bytes[100000];
    struct capture_writer w;
    FILE *file = fopen(in_path, "wb");
    assert_non_null(file);
    assert_int_equal(capture_open(&w, capture_sink_file(file), &(struct capture_options){0}), 0);
    assert_int_equal(capture_interface(&w, link, "x"), 0);
    for (unsigned i = 0; i < n; i++) {
        craft_pattern(bytes, record[i].captured, i);
        struct weir_ref part = {bytes, record[i].captured};
        struct capture_packet packet = {
            .time = first + record[i].after, .part = &part, .part_count = 1, .len = record[i].len};
        assert_int_equal(capture_packet(&w, &packet), 0);
    }
    assert_int_equal(capture_flush(&w), 0);
    assert_int_equal(fclose(file), 0);
}

static struct device *open_device(const struct pcapdev_config *config)
{
    struct device *device;
    struct device_error why;
    if (pcapdev_open(&device, config, &why) != WEIR_OK)
        fail_msg("%s", why.text);
    return device;
}

static uint64_t count(struct device *device, enum device_counter counter)
{
    struct device_stats stats;
    device_stats(device, &stats);
    return stats.counter[counter];
}

static void test_packets_arrive_at_their_times(void **state)
{
    (void)state;
    static const struct record records[] = {{0, 60, 60},    {5, 61, 61},   {5, 62, 62},
                                            {1000, 63, 63}, {900, 64, 64}, {2000, 65, 65}};
    static const struct {
        weir_time now;
        unsigned n;
        weir_time next;
    } steps[] = {{99, 0, 100},
                 {100, 1, 105},
                 {104, 0, 105},
                 {106, 2, 1100},
                 {1099, 0, 1100},
                 {1100, 2, 2100}, /* what was recorded late comes in its place */
                 {5000, 1, WEIR_TIME_NEVER},
                 {6000, 0, WEIR_TIME_NEVER}};
    write_capture(records, 6, CAPTURE_LINK_ETHERNET);
    struct device *device = open_device(&(struct pcapdev_config){.replay = in_path, .start = 100});
    struct weir_rx rx[DEVICE_BATCH];
    unsigned got = 0;
    assert_int_equal(device_fd(device), -1);
    assert_int_equal(device_deadline(device), 100);
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        unsigned n = device_receive(device, rx, DEVICE_BATCH, steps[i].now);
        assert_int_equal(n, steps[i].n);
        assert_true(device_deadline(device) == steps[i].next);
        for (unsigned k = 0; k < n; k++, got++) {
            assert_int_equal(rx[k].len, 60 + got);
            assert_int_equal(rx[k].head_len, 60 + got);
            assert_true(craft_pattern_is(rx[k].head, rx[k].len, got, 0));
            assert_int_equal(rx[k].checksum, WEIR_RX_CHECKSUM_UNKNOWN);
        }
    }
    assert_int_equal(got, 6);
    assert_int_equal(device_failure(device, NULL), 0);
    device_close(device);
}

static void test_at_once_does_not_wait_and_keeps_to_batches(void **state)
{
    (void)state;
    struct record records[200];
    for (unsigned i = 0; i < 200; i++)
        records[i] = (struct record){i * WEIR_NS_PER_S, 1 + i, 1 + i};
    write_capture(records, 200, CAPTURE_LINK_RAW);
    struct device *device =
        open_device(&(struct pcapdev_config){.replay = in_path, .at_once = true});
    struct weir_rx rx[DEVICE_BATCH];
    unsigned got = 0;
    for (unsigned n; (n = device_receive(device, rx, 50, 0)) > 0; got += n) {
        assert_int_equal(n, 50);
        for (unsigned k = 0; k < n; k++)
            assert_true(craft_pattern_is(rx[k].head, rx[k].len, got + k, 0));
    }
    assert_int_equal(got, 200);
    device_close(device);
}

static void test_large_packets_fill_a_batch_by_their_bytes(void **state)
{
    (void)state;
    struct record records[40];
    for (unsigned i = 0; i < 40; i++)
        records[i] = (struct record){0, 65535, 65535};
    write_capture(records, 40, CAPTURE_LINK_RAW);
    struct device *device = open_device(&(struct pcapdev_config){.replay = in_path});
    struct weir_rx rx[DEVICE_BATCH];
    unsigned got = 0;
    for (unsigned n; (n = device_receive(device, rx, DEVICE_BATCH, 0)) > 0; got += n)
        for (unsigned k = 0; k < n; k++)
            assert_true(craft_pattern_is(rx[k].head, 65535, got + k, 0));
    assert_int_equal(got, 40);
    device_close(device);
}

static void test_what_cannot_be_a_packet_is_counted(void **state)
{
    (void)state;
    static const struct record records[] = {
        {0, 100, 99},
        {0, WEIR_PACKET_BYTES_MAX + 1, WEIR_PACKET_BYTES_MAX + 1},
        {0, WEIR_PACKET_BYTES_MAX, WEIR_PACKET_BYTES_MAX}};
    write_capture(records, 3, CAPTURE_LINK_ETHERNET);
    struct device *device = open_device(&(struct pcapdev_config){.replay = in_path});
    struct weir_rx rx[DEVICE_BATCH];
    assert_int_equal(device_receive(device, rx, DEVICE_BATCH, 0), 1);
    assert_int_equal(rx[0].len, WEIR_PACKET_BYTES_MAX);
    assert_int_equal(count(device, DEVICE_COUNTER_rx_truncated), 1);
    assert_int_equal(count(device, DEVICE_COUNTER_rx_oversize), 1);
    assert_int_equal(count(device, DEVICE_COUNTER_rx_packets), 1);
    device_close(device);
}

static void test_what_is_sent_is_recorded_with_its_time(void **state)
{
    (void)state;
    static const struct record records[] = {{0, 60, 60}};
    write_capture(records, 1, CAPTURE_LINK_RAW);
    struct device *device =
        open_device(&(struct pcapdev_config){.replay = in_path, .record = out_path, .start = 1000});
    struct flow flow = {.source = craft_addr("10.0.0.1"),
                        .destination = craft_addr("10.0.0.2"),
                        .protocol = IP_PROTOCOL_UDP};
    uint8_t payload[500];
    struct weir_tx tx[4];
    for (unsigned i = 0; i < 2; i++)
        craft(&tx[i], &flow, &(struct speech){.part = {{payload, 100}, {payload + 100, 300 + i}}});
    craft(&tx[2], &flow, &(struct speech){.part = {{payload, 100}}, .checksum_wanted = true});
    craft(&tx[3], &flow, &(struct speech){.part = {{payload, 500}}, .segment_size = 100});
    craft_pattern(payload, sizeof payload, 2);
    assert_int_equal(device_room(device), DEVICE_BATCH);
    assert_int_equal(device_send(device, tx, 1, 1500), 1);
    assert_int_equal(device_send(device, tx + 1, 3, 2500), 3); /* two ask for what it does not do */
    assert_int_equal(count(device, DEVICE_COUNTER_tx_packets), 2);
    assert_int_equal(count(device, DEVICE_COUNTER_tx_refused), 2);
    device_close(device);

    struct capture_reader reader;
    struct capture_record record;
    assert_int_equal(capture_reader_open(&reader, out_path), 0);
    assert_int_equal(reader.link, CAPTURE_LINK_RAW);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(capture_reader_next(&reader, &record), 1);
        assert_true(record.time == first + (i == 0 ? 500 : 1500));
        assert_int_equal(record.len, 28 + 400 + i);
        assert_memory_equal(record.bytes, tx[i].headers + tx[i].header_start, 20);
        assert_memory_equal(record.bytes + 28, payload, 400 + i);
    }
    assert_int_equal(capture_reader_next(&reader, &record), 0);
    capture_reader_close(&reader);
}

static void test_the_interface_is_that_of_the_capture(void **state)
{
    (void)state;
    struct weir_iface_config iface;
    write_capture(NULL, 0, CAPTURE_LINK_ETHERNET);
    struct device *device = open_device(&(struct pcapdev_config){.replay = in_path});
    device_iface(device, &iface);
    assert_int_equal(iface.link, WEIR_LINK_ETHERNET);
    assert_int_equal(iface.capabilities, WEIR_CAP_TX_GATHER);
    assert_int_equal(iface.mtu_bytes, 65535);
    assert_int_equal(iface.mac[0], 2);
    assert_true(device_deadline(device) == WEIR_TIME_NEVER);
    device_close(device);
    device = open_device(
        &(struct pcapdev_config){.link = WEIR_LINK_ETHERNET, .mac = {2, 9}, .mtu_bytes = 1500});
    device_iface(device, &iface);
    assert_int_equal(iface.mtu_bytes, 1500);
    assert_int_equal(iface.mac[1], 9);
    device_close(device);
}

static void test_errors_are_one_clear_line(void **state)
{
    (void)state;
    struct device *device = NULL;
    struct device_error why;
    struct pcapdev_config config = {.replay = "/absent/file"};
    assert_int_equal(pcapdev_open(&device, &config, &why), WEIR_E_IO);
    assert_string_equal(why.text, "/absent/file: No such file or directory");
    config = (struct pcapdev_config){.record = "/absent/file"};
    assert_int_equal(pcapdev_open(&device, &config, &why), WEIR_E_IO);
    assert_string_equal(why.text, "/absent/file: cannot be written: No such file or directory");
    write_capture(NULL, 0, (enum capture_link)127); /* radiotap */
    config = (struct pcapdev_config){.replay = in_path};
    assert_int_equal(pcapdev_open(&device, &config, &why), WEIR_E_UNSUPPORTED);
    assert_non_null(strstr(why.text, "link type 127 is not Ethernet or raw IP"));
    write_capture(NULL, 0, CAPTURE_LINK_RAW);
    config.link = WEIR_LINK_ETHERNET;
    assert_int_equal(pcapdev_open(&device, &config, &why), WEIR_E_UNSUPPORTED);
    FILE *file = fopen(in_path, "wb");
    assert_non_null(file);
    fputs("this is no capture", file);
    fclose(file);
    assert_int_equal(pcapdev_open(&device, &config, &why), WEIR_E_FORMAT);
    assert_null(strchr(why.text, '\n'));
    assert_null(device);
}

static void test_a_file_cut_short_is_a_failure_after_its_last_packet(void **state)
{
    (void)state;
    static const struct record records[] = {{0, 60, 60}, {0, 60, 60}};
    write_capture(records, 2, CAPTURE_LINK_RAW);
    FILE *file = fopen(in_path, "rb+");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long end = ftell(file);
    fclose(file);
    assert_int_equal(truncate(in_path, end - 10), 0);
    struct device *device = open_device(&(struct pcapdev_config){.replay = in_path});
    struct weir_rx rx[DEVICE_BATCH];
    struct device_error why;
    assert_int_equal(device_receive(device, rx, DEVICE_BATCH, 0), 1);
    assert_int_equal(rx[0].len, 60);
    assert_int_not_equal(device_failure(device, &why), 0);
    assert_non_null(strstr(why.text, in_path));
    assert_non_null(strstr(why.text, "packet 2"));
    assert_int_equal(device_receive(device, rx, DEVICE_BATCH, 0), 0);
    device_close(device);
}

static void test_a_full_disk_is_a_failure(void **state)
{
    (void)state;
    struct device_error why;
    struct device *device;
    struct pcapdev_config config = {.record = "/dev/full"};
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(pcapdev_open(&device, &config, &why), WEIR_E_IO);
    assert_non_null(strstr(why.text, "/dev/full: cannot be written: No space left"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_packets_arrive_at_their_times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_at_once_does_not_wait_and_keeps_to_batches, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_large_packets_fill_a_batch_by_their_bytes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_a_packet_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_sent_is_recorded_with_its_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_interface_is_that_of_the_capture, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_errors_are_one_clear_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_cut_short_is_a_failure_after_its_last_packet,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk_is_a_failure, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("pcapdev", tests, NULL, NULL);
}
