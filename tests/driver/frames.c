/* SPDX-License-Identifier: MIT
 * Frames through a descriptor, which here is a pair of local sockets: they keep message boundaries,
 * cut what is too long and answer EAGAIN when full, as TUN does. */
#include "driver/frames.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "craft.h"

enum { OFFLOADS = WEIR_CAP_ALL };

struct pair {
    struct device *device;
    int peer;
};

static struct pair open_pair(uint32_t capabilities, unsigned vnet_len, int sndbuf)
{
    int fd[2];
    struct pair pair;
    struct device_error why;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
    assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof sndbuf), 0);
    struct frames_config config = {.fd = fd[0],
                                   .name = "no-such-if0",
                                   .capabilities = capabilities,
                                   .link = WEIR_LINK_IP,
                                   .vnet_len = (uint8_t)vnet_len,
                                   .mtu_bytes = 1400,
                                   .queue = 3,
                                   .slots = 4};
    assert_int_equal(frames_open(&pair.device, sizeof(struct frames), &config, &why), WEIR_OK);
    pair.peer = fd[1];
    return pair;
}

static void close_pair(struct pair *pair)
{
    device_close(pair->device);
    close(pair->peer);
}

static uint64_t count(struct device *device, enum device_counter counter)
{
    struct device_stats stats;
    device_stats(device, &stats);
    return stats.counter[counter];
}

static struct flow flow4(void)
{
    return (struct flow){.source = craft_addr("10.0.0.1"),
                         .destination = craft_addr("10.0.0.2"),
                         .source_port = 7,
                         .destination_port = 9,
                         .protocol = IP_PROTOCOL_UDP};
}

static void test_a_packet_is_gathered_into_one_frame(void **state)
{
    (void)state;
    struct pair pair = open_pair(OFFLOADS, VNET_BYTES, 1 << 18);
    struct flow flow = flow4();
    uint8_t payload[3000], got[4000];
    craft_pattern(payload, sizeof payload, 1);
    struct weir_tx tx;
    craft(
        &tx, &flow,
        &(struct speech){.part = {{payload, 1100}, {payload + 1100, 1900}}, .segment_size = 1000});
    assert_int_equal(device_room(pair.device), DEVICE_BATCH);
    assert_int_equal(device_send(pair.device, &tx, 1, 0), 1);
    assert_int_equal(read(pair.peer, got, sizeof got), VNET_BYTES + 28 + 3000);
    struct vnet header;
    vnet_load(&header, got, false);
    assert_int_equal(header.gso_type, VNET_GSO_UDP);
    assert_int_equal(header.gso_size, 1000);
    assert_memory_equal(got + VNET_BYTES, tx.headers + tx.header_start, 28);
    assert_memory_equal(got + VNET_BYTES + 28, payload, sizeof payload);
    assert_int_equal(read(pair.peer, got, sizeof got), -1);
    assert_int_equal(count(pair.device, DEVICE_COUNTER_tx_packets), 1);
    assert_int_equal(count(pair.device, DEVICE_COUNTER_tx_bytes), 3028);
    assert_int_equal(count(pair.device, DEVICE_COUNTER_tx_segmented), 1);
    close_pair(&pair);
}

/* Read what the peer has; checks that packets come in the order of their numbers, whole. */
static unsigned drain(int peer, unsigned next)
{
    static uint8_t bytes[70000];
    ssize_t n;
    while ((n = read(peer, bytes, sizeof bytes)) > 0) {
        struct weir_rx rx = {.head = bytes, .head_len = (uint32_t)n, .len = (uint32_t)n};
        struct seen seen;
        assert_true(craft_read(&seen, &rx, false));
        assert_true(seen.sum_good);
        assert_int_equal(seen.source_port, next);
        assert_true(craft_pattern_is(seen.payload, seen.payload_len, next, 0));
        next++;
    }
    assert_int_equal(errno, EAGAIN);
    return next;
}

static void test_what_a_full_device_refuses_is_kept_and_sent_first(void **state)
{
    (void)state;
    struct pair pair = open_pair(WEIR_CAP_TX_GATHER, 0, 4096);
    struct flow flow = flow4();
    uint8_t payload[DEVICE_BATCH][600];
    struct weir_tx tx[DEVICE_BATCH];
    unsigned sent = 0, received = 0, waited = 0;
    for (unsigned turn = 0; turn < 200; turn++) {
        unsigned room = device_room(pair.device);
        assert_true(room == 0 || device_kept(pair.device) == 0);
        for (unsigned i = 0; i < room; i++) {
            flow.source_port = (uint16_t)(sent + i);
            size_t len = (sent + i) * 37 % 600;
            craft_pattern(payload[i], len, sent + i);
            craft(&tx[i], &flow, &(struct speech){.part = {{payload[i], len}}});
        }
        /* It takes all that it had room for, though the socket holds a few. */
        assert_int_equal(device_send(pair.device, tx, room, 0), room);
        sent += room;
        waited += device_kept(pair.device) > 0;
        if (device_kept(pair.device) > 0)
            assert_int_equal(device_send(pair.device, tx, 1, 0), 0);
        memset(payload, 0xee, sizeof payload); /* the references die */
        memset(tx, 0xee, sizeof tx);
        received = drain(pair.peer, received);
    }
    while (device_room(pair.device) == 0)
        received = drain(pair.peer, received);
    received = drain(pair.peer, received);
    assert_true(sent > DEVICE_BATCH && waited > 10);
    assert_int_equal(received, sent);
    assert_int_equal(count(pair.device, DEVICE_COUNTER_tx_packets), sent);
    assert_int_equal(count(pair.device, DEVICE_COUNTER_tx_lost), 0);
    assert_true(count(pair.device, DEVICE_COUNTER_tx_kept) > 0);
    close_pair(&pair);
}

enum { RACE_PACKETS = 60000 };

/* Empties the device's other end as fast as it can; answers the first number out of order, if any.
 */
static void *read_in_order(void *ctx)
{
    int fd = *(int *)ctx;
    static unsigned wrong;
    wrong = RACE_PACKETS;
    for (unsigned next = 0; next < RACE_PACKETS; next++) {
        unsigned number = 0;
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        if (poll(&readable, 1, 5000) != 1 || read(fd, &number, sizeof number) != sizeof number ||
            number != next) {
            wrong = next;
            break;
        }
    }
    return &wrong;
}

static void test_order_is_kept_while_the_device_makes_room(void **state)
{
    (void)state;
    struct pair pair = open_pair(WEIR_CAP_TX_GATHER, 0, 4096);
    static struct weir_tx tx[DEVICE_BATCH];
    pthread_t thread;
    void *wrong;
    assert_int_equal(pthread_create(&thread, NULL, read_in_order, &pair.peer), 0);
    for (unsigned sent = 0; sent < RACE_PACKETS;) {
        unsigned n = 0;
        struct pollfd writable = {.fd = device_fd(pair.device), .events = POLLOUT};
        for (; n < DEVICE_BATCH && sent + n < RACE_PACKETS; n++) {
            unsigned number = sent + n;
            tx[n] = (struct weir_tx){.len = sizeof number, .header_len = sizeof number};
            memcpy(tx[n].headers, &number, sizeof number);
        }
        n = device_send(pair.device, tx, n, 0);
        sent += n;
        if (n == 0 && poll(&writable, 1, 5000) != 1)
            break;
    }
    while (device_room(pair.device) == 0 && device_failure(pair.device, NULL) == 0) {
        struct pollfd writable = {.fd = device_fd(pair.device), .events = POLLOUT};
        if (poll(&writable, 1, 5000) != 1)
            break;
    }
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_int_equal(*(unsigned *)wrong, RACE_PACKETS);
    close_pair(&pair);
}

static void test_a_full_batch_of_the_largest_packets_can_be_kept(void **state)
{
    (void)state;
    static uint8_t payload[65507], got[70000];
    struct pair pair = open_pair(WEIR_CAP_TX_GATHER, 0, 1 << 17);
    struct flow flow = flow4();
    static struct weir_tx tx[DEVICE_BATCH];
    unsigned n = 0;
    craft_pattern(payload, sizeof payload, 5);
    craft(&tx[0], &flow, &(struct speech){.part = {{payload, sizeof payload}}});
    for (unsigned i = 1; i < DEVICE_BATCH; i++)
        tx[i] = tx[0];
    assert_int_equal(device_send(pair.device, tx, DEVICE_BATCH, 0), DEVICE_BATCH);
    assert_true(device_kept(pair.device) > DEVICE_BATCH / 2);
    for (unsigned turn = 0; n < DEVICE_BATCH && turn < 2 * DEVICE_BATCH; turn++) {
        device_room(pair.device);
        while (read(pair.peer, got, sizeof got) == 65535) {
            assert_memory_equal(got + 28, payload, sizeof payload);
            n++;
        }
    }
    assert_int_equal(n, DEVICE_BATCH);
    assert_int_equal(device_kept(pair.device), 0);
    close_pair(&pair);
}

static void test_ATK_DEV_08_hostile_headers_are_dropped_and_counted_once(void **state)
{
    (void)state;
    struct pair pair = open_pair(OFFLOADS, VNET_BYTES, 1 << 18);
    struct flow flow = flow4();
    uint8_t frame[VNET_BYTES + 28] = {0};
    struct weir_tx tx;
    struct weir_rx rx[DEVICE_BATCH];
    craft(&tx, &flow, &(struct speech){0});
    memcpy(frame + VNET_BYTES, tx.headers + tx.header_start, 28);
    struct vnet bad = {.flags = VNET_NEEDS_CHECKSUM, .checksum_start = 28};
    vnet_store(frame, VNET_BYTES, &bad, false);
    assert_int_equal(write(pair.peer, frame, sizeof frame), sizeof frame);
    bad = (struct vnet){VNET_NEEDS_CHECKSUM, VNET_GSO_TCP4, 28, 0, 20, 16};
    vnet_store(frame, VNET_BYTES, &bad, false);
    assert_int_equal(write(pair.peer, frame, sizeof frame), sizeof frame);
    assert_int_equal(write(pair.peer, frame, VNET_BYTES - 1), VNET_BYTES - 1);
    vnet_store(frame, VNET_BYTES, &(struct vnet){0}, false);
    assert_int_equal(write(pair.peer, frame, sizeof frame), sizeof frame);

    assert_int_equal(device_receive(pair.device, rx, DEVICE_BATCH, 0), 1);
    assert_int_equal(rx[0].len, 28);
    assert_int_equal(rx[0].queue, 3);
    assert_memory_equal(rx[0].head, frame + VNET_BYTES, 28);
    assert_int_equal(count(pair.device, DEVICE_COUNTER_rx_offload), 3);
    assert_int_equal(count(pair.device, DEVICE_COUNTER_rx_packets), 1);
    close_pair(&pair);
}

static void test_ATK_DEV_12_the_longest_frame_passes_and_a_longer_one_is_dropped(void **state)
{
    (void)state;
    static uint8_t frame[WEIR_PACKET_BYTES_MAX + 100];
    struct pair pair = open_pair(0, 0, 1 << 20);
    int bytes = 1 << 20;
    setsockopt(pair.peer, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    struct weir_rx rx[DEVICE_BATCH];
    craft_pattern(frame, sizeof frame, 1);
    assert_int_equal(write(pair.peer, frame, WEIR_PACKET_BYTES_MAX), WEIR_PACKET_BYTES_MAX);
    assert_int_equal(device_receive(pair.device, rx, DEVICE_BATCH, 0), 1);
    assert_int_equal(rx[0].len, WEIR_PACKET_BYTES_MAX);
    assert_memory_equal(rx[0].head, frame, WEIR_PACKET_BYTES_MAX);
    for (unsigned more = 1; more <= 100; more += 99)
        assert_true(write(pair.peer, frame, WEIR_PACKET_BYTES_MAX + more) > 0);
    assert_int_equal(device_receive(pair.device, rx, DEVICE_BATCH, 0), 0);
    assert_int_equal(count(pair.device, DEVICE_COUNTER_rx_oversize), 2);
    close_pair(&pair);
}

static void test_frames_of_a_batch_do_not_overlap(void **state)
{
    (void)state;
    struct pair pair = open_pair(0, 0, 1 << 20);
    int bytes = 1 << 20;
    setsockopt(pair.peer, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    struct weir_rx rx[DEVICE_BATCH];
    uint8_t frame[1500];
    for (unsigned i = 0; i < 40; i++) {
        craft_pattern(frame, 1 + i * 30, i);
        assert_true(write(pair.peer, frame, 1 + i * 30) > 0);
    }
    assert_int_equal(device_receive(pair.device, rx, 30, 0), 30);
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(rx[i].len, 1 + i * 30);
        assert_true(craft_pattern_is(rx[i].head, rx[i].len, i, 0));
    }
    assert_int_equal(device_receive(pair.device, rx, DEVICE_BATCH, 0), 10);
    assert_true(craft_pattern_is(rx[9].head, rx[9].len, 39, 0));
    close_pair(&pair);
}

static void test_offloads_that_are_not_offered_are_refused(void **state)
{
    (void)state;
    struct pair pair = open_pair(WEIR_CAP_TX_GATHER | WEIR_CAP_TX_CHECKSUM, VNET_BYTES, 1 << 18);
    struct flow flow = flow4();
    uint8_t payload[2000] = {0}, got[3000];
    struct weir_tx tx[3];
    craft(&tx[0], &flow, &(struct speech){.part = {{payload, 2000}}, .segment_size = 1000});
    craft(&tx[1], &flow, &(struct speech){.part = {{payload, 10}}, .checksum_wanted = true});
    craft(&tx[2], &flow, &(struct speech){.part = {{payload, 10}}});
    tx[2].len++; /* not the sum of its parts */
    assert_int_equal(device_send(pair.device, tx, 3, 0), 3);
    assert_int_equal(read(pair.peer, got, sizeof got), VNET_BYTES + 28 + 10);
    assert_int_equal(read(pair.peer, got, sizeof got), -1);
    assert_int_equal(count(pair.device, DEVICE_COUNTER_tx_refused), 2);
    assert_int_equal(count(pair.device, DEVICE_COUNTER_tx_packets), 1);
    close_pair(&pair);
}

static void test_an_unfinished_checksum_is_finished_for_a_stack_that_wants_none(void **state)
{
    (void)state;
    struct pair pair = open_pair(WEIR_CAP_TX_GATHER, VNET_BYTES, 1 << 18);
    struct flow flow = flow4();
    uint8_t frame[VNET_BYTES + 28];
    struct weir_tx tx;
    struct weir_rx rx[DEVICE_BATCH];
    struct vnet header;
    struct seen seen;
    craft(&tx, &flow, &(struct speech){.checksum_wanted = true});
    vnet_emit(&header, &tx);
    vnet_store(frame, VNET_BYTES, &header, false);
    memcpy(frame + VNET_BYTES, tx.headers + tx.header_start, 28);
    assert_int_equal(write(pair.peer, frame, sizeof frame), sizeof frame);
    assert_int_equal(device_receive(pair.device, rx, DEVICE_BATCH, 0), 1);
    assert_int_equal(rx[0].checksum, WEIR_RX_CHECKSUM_UNKNOWN);
    assert_true(craft_read(&seen, &rx[0], false));
    assert_true(seen.sum_good);
    close_pair(&pair);
}

static void test_a_device_that_is_gone_says_so_and_stays_quiet(void **state)
{
    (void)state;
    struct pair pair = open_pair(WEIR_CAP_TX_GATHER, 0, 1 << 18);
    struct flow flow = flow4();
    struct weir_tx tx;
    struct weir_rx rx[4];
    struct device_error why;
    assert_int_equal(device_failure(pair.device, &why), 0);
    craft(&tx, &flow, &(struct speech){0});
    close(pair.peer);
    assert_int_equal(device_receive(pair.device, rx, 4, 0), 0);
    assert_int_equal(device_failure(pair.device, &why), EPIPE);
    assert_non_null(strstr(why.text, "no-such-if0: "));
    assert_null(strchr(why.text, '\n'));
    assert_int_equal(device_room(pair.device), 0);
    assert_int_equal(device_send(pair.device, &tx, 1, 0), 0);
    assert_int_equal(device_receive(pair.device, rx, 4, 0), 0);
    device_close(pair.device);
}

static void test_the_interface_states_what_was_negotiated(void **state)
{
    (void)state;
    struct pair pair = open_pair(WEIR_CAP_TX_GATHER | WEIR_CAP_TX_CHECKSUM, VNET_BYTES, 1 << 18);
    struct weir_iface_config iface;
    device_iface(pair.device, &iface);
    assert_int_equal(iface.size, sizeof iface);
    assert_int_equal(iface.capabilities, WEIR_CAP_TX_GATHER | WEIR_CAP_TX_CHECKSUM);
    assert_int_equal(iface.link, WEIR_LINK_IP);
    assert_int_equal(iface.mtu_bytes, 1400);
    assert_int_equal(iface.segmented_bytes_max, 0);
    close_pair(&pair);
    pair = open_pair(OFFLOADS, VNET_BYTES, 1 << 18);
    device_iface(pair.device, &iface);
    assert_int_equal(iface.segmented_bytes_max, 65535);
    close_pair(&pair);
}

static void test_counters_have_names(void **state)
{
    (void)state;
    assert_string_equal(device_counter_name(0), "rx_packets");
    assert_string_equal(device_counter_name(DEVICE_COUNTER_tx_refused), "tx_refused");
    assert_non_null(device_counter_text(DEVICE_COUNTER_tx_lost));
    assert_null(device_counter_name(DEVICE_COUNTER_COUNT));
    assert_null(device_counter_text(DEVICE_COUNTER_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_packet_is_gathered_into_one_frame),
        cmocka_unit_test(test_what_a_full_device_refuses_is_kept_and_sent_first),
        cmocka_unit_test(test_order_is_kept_while_the_device_makes_room),
        cmocka_unit_test(test_a_full_batch_of_the_largest_packets_can_be_kept),
        cmocka_unit_test(test_ATK_DEV_08_hostile_headers_are_dropped_and_counted_once),
        cmocka_unit_test(test_ATK_DEV_12_the_longest_frame_passes_and_a_longer_one_is_dropped),
        cmocka_unit_test(test_frames_of_a_batch_do_not_overlap),
        cmocka_unit_test(test_offloads_that_are_not_offered_are_refused),
        cmocka_unit_test(test_an_unfinished_checksum_is_finished_for_a_stack_that_wants_none),
        cmocka_unit_test(test_a_device_that_is_gone_says_so_and_stays_quiet),
        cmocka_unit_test(test_the_interface_states_what_was_negotiated),
        cmocka_unit_test(test_counters_have_names),
    };
    return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
