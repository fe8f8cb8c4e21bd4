/* SPDX-License-Identifier: MIT
 * The stack instance: memory, interfaces, one verdict for each packet (G-6), taps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "weir/net.h"
#include "weir/stack.h"
#include "wire/icmp.h"

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 1};

struct fixture {
    struct weir_config config;
    void *mem;
    size_t size;
    weir_stack *stack;
};

static void fixture_init(struct fixture *f)
{
    f->size = (weir_stack_size(&f->config) + 63) & ~(size_t)63;
    f->mem = aligned_alloc(64, f->size);
    f->stack = weir_stack_init(f->mem, f->size, &f->config, 0);
    assert_non_null(f->stack);
}

static struct weir_iface_config iface_config(unsigned link)
{
    struct weir_iface_config config = {
        .size = sizeof config, .link = (uint8_t)link, .mtu_bytes = 1500};
    if (link == WEIR_LINK_ETHERNET)
        memcpy(config.mac, own_mac, sizeof own_mac);
    return config;
}

static struct weir_rx whole(const uint8_t *packet, size_t len)
{
    return (struct weir_rx){.head = packet, .head_len = (uint32_t)len, .len = (uint32_t)len};
}

/* Hand in one packet; answers the one reason it was counted under. */
static unsigned input(struct fixture *f, unsigned ifindex, const struct weir_rx *rx)
{
    struct weir_stats before, after;
    assert_int_equal(weir_stack_stats(f->stack, ifindex, &before), WEIR_OK);
    weir_stack_input(f->stack, ifindex, rx, 1, 0);
    assert_int_equal(weir_stack_stats(f->stack, ifindex, &after), WEIR_OK);
    assert_int_equal(after.counter[WEIR_COUNTER_rx_packets],
                     before.counter[WEIR_COUNTER_rx_packets] + 1);
    unsigned reason = WEIR_DROP_NONE;
    uint64_t counted =
        after.counter[WEIR_COUNTER_rx_accepted] - before.counter[WEIR_COUNTER_rx_accepted];
    for (unsigned i = 0; i < WEIR_DROP_COUNT; i++) {
        if (after.drop[i] != before.drop[i])
            reason = i;
        counted += after.drop[i] - before.drop[i];
    }
    assert_int_equal(counted, 1);
    return reason;
}

static void test_init_wants_enough_aligned_memory(void **state)
{
    (void)state;
    struct weir_config config;
    weir_config_default(&config);
    size_t size = weir_stack_size(&config);
    assert_true(size > 0);
    char *mem = aligned_alloc(64, (size + 128) & ~(size_t)63);
    memset(mem, 0xa5, size);
    assert_null(weir_stack_init(NULL, size, &config, 0));
    assert_null(weir_stack_init(mem, size - 1, &config, 0));
    assert_null(weir_stack_init(mem + 1, size, &config, 0));
    assert_int_equal((unsigned char)mem[0], 0xa5); /* nothing was changed */
    assert_ptr_equal(weir_stack_init(mem, size, &config, 0), mem);
    config.interfaces_max = 0;
    assert_int_equal(weir_stack_size(&config), 0);
    assert_null(weir_stack_init(mem, size, &config, 0));
    free(mem);
}

static void test_interfaces_are_numbered_checked_and_limited(void **state)
{
    (void)state;
    struct fixture f;
    weir_config_default(&f.config);
    f.config.interfaces_max = 2;
    fixture_init(&f);
    struct weir_iface_config good = iface_config(WEIR_LINK_ETHERNET), bad;
    bad = good, bad.mac[0] |= 1; /* a group address */
    assert_int_equal(weir_stack_add_iface(f.stack, &bad), WEIR_E_INVALID);
    bad = good, memset(bad.mac, 0, sizeof bad.mac);
    assert_int_equal(weir_stack_add_iface(f.stack, &bad), WEIR_E_INVALID);
    bad = good, bad.mtu_bytes = 67;
    assert_int_equal(weir_stack_add_iface(f.stack, &bad), WEIR_E_INVALID);
    bad = good, bad.mtu_bytes = 65536;
    assert_int_equal(weir_stack_add_iface(f.stack, &bad), WEIR_E_INVALID);
    bad = good, bad.link = 0;
    assert_int_equal(weir_stack_add_iface(f.stack, &bad), WEIR_E_INVALID);
    bad = good, bad.capabilities = WEIR_CAP_ALL + 1;
    assert_int_equal(weir_stack_add_iface(f.stack, &bad), WEIR_E_INVALID);
    bad = good, bad.size = 0;
    assert_int_equal(weir_stack_add_iface(f.stack, &bad), WEIR_E_INVALID);
    assert_int_equal(weir_stack_add_iface(f.stack, &good), 0);
    assert_int_equal(weir_stack_add_iface(f.stack, &good), 1);
    assert_int_equal(weir_stack_add_iface(f.stack, &good), WEIR_E_EXHAUSTED);
    struct weir_stats stats;
    assert_int_equal(weir_stack_stats(f.stack, 2, &stats), WEIR_E_NOT_FOUND);
    free(f.mem);
}

static void ATK_DEV_01_a_runt_frame_is_dropped(void **state)
{
    (void)state;
    struct fixture f;
    weir_config_default(&f.config);
    fixture_init(&f);
    struct weir_iface_config ethernet = iface_config(WEIR_LINK_ETHERNET);
    struct weir_iface_config ip = iface_config(WEIR_LINK_IP);
    assert_int_equal(weir_stack_add_iface(f.stack, &ethernet), 0);
    assert_int_equal(weir_stack_add_iface(f.stack, &ip), 1);
    for (size_t len = 0; len < 14; len++) {
        uint8_t *exact = calloc(1, len + 1); /* one more: no allocation of 0 bytes */
        struct weir_rx rx = whole(exact + 1, len);
        assert_int_equal(input(&f, 0, &rx), WEIR_DROP_ETH_SHORT);
        free(exact);
    }
    struct weir_rx empty = whole(own_mac, 0);
    assert_int_equal(input(&f, 1, &empty), WEIR_DROP_IP4_SHORT);
    free(f.mem);
}

static void ATK_DEV_08_a_description_that_does_not_fit_is_dropped(void **state)
{
    (void)state;
    struct fixture f;
    weir_config_default(&f.config);
    fixture_init(&f);
    struct weir_iface_config ip = iface_config(WEIR_LINK_IP);
    ip.capabilities = WEIR_CAP_RX_COALESCE | WEIR_CAP_RX_CHECKSUM;
    assert_int_equal(weir_stack_add_iface(f.stack, &ip), 0);
    static const uint8_t bytes[40] = {0x45};
    struct weir_rx rx = whole(bytes, sizeof bytes);
    rx.len++; /* more than head and fragments hold */
    assert_int_equal(input(&f, 0, &rx), WEIR_DROP_DEVICE_OFFLOAD);
    rx = whole(bytes, sizeof bytes);
    rx.frag_count = WEIR_FRAGS_MAX + 1;
    assert_int_equal(input(&f, 0, &rx), WEIR_DROP_DEVICE_OFFLOAD);
    rx = whole(bytes, sizeof bytes);
    rx.segmentation = WEIR_SEGMENT_TCP4; /* of segments of no size */
    assert_int_equal(input(&f, 0, &rx), WEIR_DROP_DEVICE_OFFLOAD);
    rx.segmentation = WEIR_SEGMENT_UDP + 1;
    rx.segment_size = rx.segment_count = 1;
    assert_int_equal(input(&f, 0, &rx), WEIR_DROP_DEVICE_OFFLOAD);
    rx = whole(bytes, sizeof bytes);
    rx.checksum = WEIR_RX_CHECKSUM_ABSENT;
    rx.checksum_start = 20;
    rx.checksum_offset = 19; /* the field would end one byte behind the packet */
    assert_int_equal(input(&f, 0, &rx), WEIR_DROP_DEVICE_OFFLOAD);
    rx.checksum_offset = 18;
    assert_int_not_equal(input(&f, 0, &rx), WEIR_DROP_DEVICE_OFFLOAD);
    free(f.mem);
}

static void ATK_DEV_12_an_oversize_frame_is_dropped(void **state)
{
    (void)state;
    struct fixture f;
    weir_config_default(&f.config);
    fixture_init(&f);
    struct weir_iface_config ip = iface_config(WEIR_LINK_IP);
    assert_int_equal(weir_stack_add_iface(f.stack, &ip), 0);
    static const uint8_t bytes[70000] = {0x45};
    static const uint32_t lengths[] = {1501, 9018, 65549};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct weir_rx rx = whole(bytes, lengths[i]);
        assert_int_equal(input(&f, 0, &rx), WEIR_DROP_DEVICE_OVERSIZE);
    }
    struct weir_rx rx = whole(bytes, 1500);
    assert_int_not_equal(input(&f, 0, &rx), WEIR_DROP_DEVICE_OVERSIZE);
    rx.head_len = 20;
    rx.frag_count = 1;
    rx.frag[0] = (struct weir_ref){bytes, SIZE_MAX}; /* the sum would wrap */
    assert_int_equal(input(&f, 0, &rx), WEIR_DROP_DEVICE_OVERSIZE);
    free(f.mem);
}

static void test_a_frame_for_another_station_is_dropped(void **state)
{
    (void)state;
    struct fixture f;
    weir_config_default(&f.config);
    fixture_init(&f);
    struct weir_iface_config ethernet = iface_config(WEIR_LINK_ETHERNET);
    assert_int_equal(weir_stack_add_iface(f.stack, &ethernet), 0);
    uint8_t frame[60] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 3, 0x08, 0x00};
    struct weir_rx rx = whole(frame, sizeof frame);
    assert_int_equal(input(&f, 0, &rx), WEIR_DROP_ETH_NOT_FOR_US);
    frame[5] = 1;
    assert_int_equal(input(&f, 0, &rx), WEIR_DROP_IP4_VERSION); /* read on, and found empty */
    free(f.mem);
}

struct tap_record {
    unsigned calls, ifindex, drop;
    const struct weir_rx *rx;
    weir_time time;
};

static void record(void *ctx, const struct weir_tap_packet *packet)
{
    struct tap_record *r = ctx;
    r->calls++;
    r->ifindex = packet->ifindex;
    r->drop = packet->drop;
    r->rx = packet->rx;
    r->time = packet->time;
    assert_null(packet->tx);
}

static void test_the_tap_sees_each_packet_with_its_verdict_and_a_time_that_never_goes_back(void **state)
{
    (void)state;
    struct fixture f;
    struct tap_record seen = {0};
    weir_config_default(&f.config);
    f.config.tap = (struct weir_tap){record, &seen};
    fixture_init(&f);
    struct weir_iface_config ip = iface_config(WEIR_LINK_IP);
    assert_int_equal(weir_stack_add_iface(f.stack, &ip), 0);
    static const uint8_t bytes[3] = {0x45};
    struct weir_rx rx[2] = {whole(bytes, 3), whole(bytes, 2)};
    weir_stack_input(f.stack, 0, rx, 2, 500);
    assert_int_equal(seen.calls, 2);
    assert_ptr_equal(seen.rx, &rx[1]);
    assert_int_equal(seen.drop, WEIR_DROP_IP4_SHORT);
    assert_int_equal(seen.time, 500);
    weir_stack_input(f.stack, 0, rx, 1, 400);
    assert_int_equal(seen.time, 500);
    free(f.mem);
}

static void G_6_every_packet_is_counted_exactly_once(void **state)
{
    (void)state;
    struct fixture f;
    weir_config_default(&f.config);
    fixture_init(&f);
    struct weir_iface_config ethernet = iface_config(WEIR_LINK_ETHERNET);
    struct weir_iface_config ip = iface_config(WEIR_LINK_IP);
    assert_int_equal(weir_stack_add_iface(f.stack, &ethernet), 0);
    assert_int_equal(weir_stack_add_iface(f.stack, &ip), 1);
    struct rng rng = rng_make(7);
    enum { PACKETS = 5000 };
    for (unsigned i = 0; i < PACKETS; i++) {
        uint8_t packet[200];
        size_t len = rng_below(&rng, sizeof packet);
        rng_bytes(&rng, packet, sizeof packet);
        if (rng_chance(&rng, (struct ratio){1, 2}))
            packet[0] = rng_chance(&rng, (struct ratio){1, 2}) ? 0x45 : 0x60;
        struct weir_rx rx = whole(packet, len);
        (void)input(&f, (unsigned)rng_below(&rng, 2), &rx);
    }
    struct weir_stats stats;
    assert_int_equal(weir_stack_stats(f.stack, WEIR_IFINDEX_ALL, &stats), WEIR_OK);
    assert_int_equal(stats.counter[WEIR_COUNTER_rx_packets], PACKETS);
    free(f.mem);
}

struct jump {
    jmp_buf to;
    const char *expression;
};

static void leave(void *ctx, const char *expression, const char *file, unsigned line)
{
    struct jump *jump = ctx;
    (void)file;
    (void)line;
    jump->expression = expression;
    longjmp(jump->to, 1);
}

static void test_a_fault_of_the_caller_reaches_the_handler_of_the_config(void **state)
{
    (void)state;
    static struct fixture f; /* kept over longjmp */
    static struct jump jump;
    weir_config_default(&f.config);
    f.config.on_assert = (struct weir_assert){leave, &jump};
    fixture_init(&f);
    if (setjmp(jump.to) == 0) {
        weir_stack_input(f.stack, 0, NULL, 0, 0); /* an interface that does not exist */
        fail();
    }
    assert_string_equal(jump.expression, "ifindex < stack->net.iface_count");
    free(f.mem);
}

/* An echo request from `source` to 10.0.0.2; answers why it was dropped. */
static unsigned ping_from(struct fixture *f, struct ip4_addr source)
{
    uint8_t packet[64];
    struct icmp echo = {.type = ICMP4_ECHO_REQUEST, .kind = ICMP_ECHO_REQUEST, .id = 1};
    struct icmp_data none = {.ops = &csum_portable};
    struct ip4 ip = {.source = source,
                     .destination = {{10, 0, 0, 2}},
                     .payload_len = ICMP_HEADER_LEN,
                     .ttl = 64,
                     .protocol = IP_PROTOCOL_ICMP4};
    size_t n = ip4_emit(packet, sizeof packet, &ip);
    n += icmp4_emit(packet + n, sizeof packet - n, &echo, &none);
    struct weir_rx rx = whole(packet, n);
    return input(f, 0, &rx);
}

/* RFC 3704 section 2: strict wants the route back to be by the same interface, loose any route. */
static void test_the_reverse_path_check_is_off_loose_or_strict(void **state)
{
    (void)state;
    static const struct ip4_addr neighbour = {{10, 0, 0, 1}}, elsewhere = {{10, 1, 0, 1}},
                                 nowhere = {{192, 0, 2, 1}};
    static const unsigned expected[3][3] = {
        {WEIR_DROP_NONE, WEIR_DROP_NONE, WEIR_DROP_NONE},
        {WEIR_DROP_NONE, WEIR_DROP_NONE, WEIR_DROP_IP4_SOURCE},
        {WEIR_DROP_NONE, WEIR_DROP_IP4_SOURCE, WEIR_DROP_IP4_SOURCE},
    };
    for (uint32_t mode = 0; mode < 3; mode++) {
        struct fixture f;
        struct weir_iface_config ip = iface_config(WEIR_LINK_IP);
        struct weir_addr first, second;
        unsigned prefix_len;
        weir_config_default(&f.config);
        f.config.reverse_path = mode;
        fixture_init(&f);
        assert_int_equal(weir_prefix_parse("10.0.0.2/24", &first, &prefix_len), WEIR_OK);
        assert_int_equal(weir_prefix_parse("10.1.0.2/24", &second, &prefix_len), WEIR_OK);
        assert_int_equal(weir_stack_add_iface(f.stack, &ip), 0);
        assert_int_equal(weir_stack_add_iface(f.stack, &ip), 1);
        assert_int_equal(weir_stack_add_address(f.stack, 0, &first, prefix_len), WEIR_OK);
        assert_int_equal(weir_stack_add_address(f.stack, 1, &second, prefix_len), WEIR_OK);
        assert_int_equal(ping_from(&f, neighbour), expected[mode][0]);
        assert_int_equal(ping_from(&f, elsewhere), expected[mode][1]);
        assert_int_equal(ping_from(&f, nowhere), expected[mode][2]);
        free(f.mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_wants_enough_aligned_memory),
        cmocka_unit_test(test_interfaces_are_numbered_checked_and_limited),
        cmocka_unit_test(ATK_DEV_01_a_runt_frame_is_dropped),
        cmocka_unit_test(ATK_DEV_08_a_description_that_does_not_fit_is_dropped),
        cmocka_unit_test(ATK_DEV_12_an_oversize_frame_is_dropped),
        cmocka_unit_test(test_a_frame_for_another_station_is_dropped),
        cmocka_unit_test(
            test_the_tap_sees_each_packet_with_its_verdict_and_a_time_that_never_goes_back),
        cmocka_unit_test(G_6_every_packet_is_counted_exactly_once),
        cmocka_unit_test(test_the_reverse_path_check_is_off_loose_or_strict),
        cmocka_unit_test(test_a_fault_of_the_caller_reaches_the_handler_of_the_config),
    };
    return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
