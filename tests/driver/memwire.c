/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "weir/error.h"
#include "weir/memwire.h"

/* A port that sends the packets it was given and remembers the last one it received. */
struct end {
    struct weir_tx queue[100];
    unsigned queued, sent;
    unsigned received, calls;
    struct weir_rx last;
};

static void end_input(void *ctx, const struct weir_rx *packets, unsigned n, weir_time now)
{
    struct end *end = ctx;
    (void)now;
    assert_true(n > 0);
    end->calls++;
    end->received += n;
    end->last = packets[n - 1];
}

static unsigned end_output(void *ctx, struct weir_tx *packets, unsigned max, weir_time now)
{
    struct end *end = ctx;
    (void)now;
    unsigned n = 0;
    while (n < max && end->sent < end->queued)
        packets[n++] = end->queue[end->sent++];
    return n;
}

static const uint8_t payload_a[1000] = "a", payload_b[460] = "b";

static struct weir_tx packet(void)
{
    struct weir_tx tx = {
        .frag = {{payload_a, sizeof payload_a}, {payload_b, sizeof payload_b}},
        .len = 40 + sizeof payload_a + sizeof payload_b,
        .header_start = 2,
        .header_len = 40,
        .frag_count = 2,
        .queue = 3,
    };
    memset(tx.headers + 2, 0x45, 40);
    return tx;
}

struct fixture {
    struct weir_memwire wire;
    struct end a, b;
};

static void connect_ends(struct fixture *f, const struct weir_memwire_config *config)
{
    memset(f, 0, sizeof *f);
    struct weir_port a = {&f->a, end_input, end_output}, b = {&f->b, end_input, end_output};
    assert_int_equal(weir_memwire_init(&f->wire, config, &a, &b), WEIR_OK);
}

static struct weir_memwire_config plain(void)
{
    return (struct weir_memwire_config){
        .size = sizeof(struct weir_memwire_config), .mtu_bytes = 1500, .checksums = true};
}

static void test_a_packet_passes_by_reference(void **state)
{
    (void)state;
    static struct fixture f;
    struct weir_memwire_config config = plain();
    connect_ends(&f, &config);
    f.a.queue[f.a.queued++] = packet();
    assert_int_equal(weir_memwire_step(&f.wire, 0), 1);
    assert_int_equal(f.b.received, 1);
    assert_int_equal(f.b.last.len, 1500);
    assert_int_equal(f.b.last.head_len, 40);
    assert_int_equal(f.b.last.head[0], 0x45);
    assert_ptr_equal(f.b.last.frag[0].data, payload_a); /* the sender's own bytes */
    assert_ptr_equal(f.b.last.frag[1].data, payload_b);
    assert_int_equal(f.b.last.frag[1].len, sizeof payload_b);
    assert_int_equal(f.b.last.checksum, WEIR_RX_CHECKSUM_UNKNOWN);
    assert_int_equal(f.b.last.queue, 3);
    assert_int_equal(weir_memwire_step(&f.wire, 0), 0);
}

static void test_batches_go_both_ways_in_one_step(void **state)
{
    (void)state;
    static struct fixture f;
    struct weir_memwire_config config = plain();
    connect_ends(&f, &config);
    for (unsigned i = 0; i < WEIR_MEMWIRE_BATCH + 1; i++)
        f.a.queue[f.a.queued++] = packet();
    f.b.queue[f.b.queued++] = packet();
    assert_int_equal(weir_memwire_step(&f.wire, 0), WEIR_MEMWIRE_BATCH + 1);
    assert_int_equal(f.b.received, WEIR_MEMWIRE_BATCH);
    assert_int_equal(f.b.calls, 1);
    assert_int_equal(f.a.received, 1);
    assert_int_equal(weir_memwire_step(&f.wire, 0), 1);
    assert_int_equal(f.wire.packets[0], WEIR_MEMWIRE_BATCH + 1);
    assert_int_equal(f.wire.bytes[0], 1500 * (WEIR_MEMWIRE_BATCH + 1));
    assert_int_equal(f.wire.packets[1], 1);
}

static void test_what_the_interface_does_not_allow_is_refused_and_counted(void **state)
{
    (void)state;
    static struct fixture f;
    struct weir_memwire_config config = plain();
    connect_ends(&f, &config);
    f.a.queue[f.a.queued] = packet();
    f.a.queue[f.a.queued++].len = 1501; /* above the MTU */
    f.a.queue[f.a.queued] = packet();
    f.a.queue[f.a.queued++].checksum_wanted = 1; /* nobody would finish it */
    assert_int_equal(weir_memwire_step(&f.wire, 0), 0);
    assert_int_equal(f.b.calls, 0);
    assert_int_equal(f.wire.refused[0], 2);
}

static void test_a_super_packet_passes_whole(void **state)
{
    (void)state;
    static struct fixture f;
    static const uint8_t big[65495];
    struct weir_memwire_config config = plain();
    config.super_packets = true;
    config.checksums = false;
    connect_ends(&f, &config);
    struct weir_tx tx = packet();
    tx.frag[0] = (struct weir_ref){big, sizeof big};
    tx.frag_count = 1;
    tx.len = 40 + sizeof big;
    tx.segmentation = WEIR_SEGMENT_TCP4;
    tx.segment_size = 1460;
    tx.segment_count = 45;
    tx.checksum_wanted = 1;
    tx.checksum_start = 20;
    tx.checksum_offset = 16;
    f.a.queue[f.a.queued++] = tx;
    assert_int_equal(weir_memwire_step(&f.wire, 0), 1);
    assert_int_equal(f.b.last.len, 65535);
    assert_int_equal(f.b.last.segmentation, WEIR_SEGMENT_TCP4);
    assert_int_equal(f.b.last.segment_size, 1460);
    assert_int_equal(f.b.last.segment_count, 45);
    assert_int_equal(f.b.last.checksum, WEIR_RX_CHECKSUM_ABSENT);
    assert_int_equal(f.b.last.checksum_start, 20);
    assert_int_equal(f.b.last.checksum_offset, 16);
}

static void test_the_interface_states_what_the_wire_does(void **state)
{
    (void)state;
    struct weir_memwire_config config = plain();
    struct weir_iface_config iface;
    weir_memwire_iface(&config, &iface);
    assert_int_equal(iface.capabilities, WEIR_CAP_TX_GATHER);
    assert_int_equal(iface.mtu_bytes, 1500);
    assert_int_equal(iface.link, WEIR_LINK_IP);
    config.checksums = false;
    config.super_packets = true;
    weir_memwire_iface(&config, &iface);
    assert_int_equal(iface.capabilities, WEIR_CAP_ALL);
    assert_int_equal(iface.segmented_bytes_max, 65535);
}

static void test_impossible_settings_are_refused(void **state)
{
    (void)state;
    static struct weir_memwire wire;
    struct end a = {0};
    struct weir_port good = {&a, end_input, end_output}, bad = {&a, NULL, end_output};
    struct weir_memwire_config config = plain();
    assert_int_equal(weir_memwire_init(&wire, &config, &good, &bad), WEIR_E_INVALID);
    config.mtu_bytes = 67;
    assert_int_equal(weir_memwire_init(&wire, &config, &good, &good), WEIR_E_INVALID);
    config.mtu_bytes = 65536;
    assert_int_equal(weir_memwire_init(&wire, &config, &good, &good), WEIR_E_INVALID);
    config = plain();
    config.size--;
    assert_int_equal(weir_memwire_init(&wire, &config, &good, &good), WEIR_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_packet_passes_by_reference),
        cmocka_unit_test(test_batches_go_both_ways_in_one_step),
        cmocka_unit_test(test_what_the_interface_does_not_allow_is_refused_and_counted),
        cmocka_unit_test(test_a_super_packet_passes_whole),
        cmocka_unit_test(test_the_interface_states_what_the_wire_does),
        cmocka_unit_test(test_impossible_settings_are_refused),
    };
    return cmocka_run_group_tests_name("memwire", tests, NULL, NULL);
}
