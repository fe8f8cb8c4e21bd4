/* SPDX-License-Identifier: MIT */
#include "driver/vnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "craft.h"
#include "wire/udp.h"

static struct flow flow_of(bool ip4, uint8_t protocol, bool ethernet)
{
    return (struct flow){
        .source = craft_addr(ip4 ? "10.0.0.1" : "fd00::1"),
        .destination = craft_addr(ip4 ? "10.0.0.2" : "fd00::2"),
        .source_port = 1000,
        .destination_port = 2000,
        .protocol = protocol,
        .ethernet = ethernet,
        .source_mac = {{2, 0, 0, 0, 0, 1}},
        .destination_mac = {{2, 0, 0, 0, 0, 2}},
    };
}

/* A frame of `payload` bytes in one piece of exactly its size, so that a sanitizer sees an overrun.
 */
static struct weir_rx frame_of(const struct flow *flow, size_t payload, struct weir_tx *tx)
{
    static uint8_t bytes[65536];
    craft(tx, flow, &(struct speech){.part = {{bytes, payload}}, .segment_size = 1000});
    uint8_t *frame = malloc(tx->len);
    assert_non_null(frame);
    memcpy(frame, tx->headers + tx->header_start, tx->header_len);
    memcpy(frame + tx->header_len, bytes, payload);
    return (struct weir_rx){.head = frame, .head_len = tx->len, .len = tx->len};
}

static void frame_free(struct weir_rx *rx)
{
    free((void *)(uintptr_t)rx->head);
}

static void test_the_bytes_are_those_of_the_virtio_specification(void **state)
{
    (void)state;
    /* virtio 1.2, 5.1.6: flags, gso_type, le16 hdr_len, gso_size, csum_start, csum_offset. */
    static const uint8_t little[VNET_BYTES_MAX] = {1,    0x81, 0x36, 0, 0xb4, 5,
                                                   0x22, 0,    0x10, 0, 0,    0};
    static const uint8_t big[VNET_BYTES_MAX] = {1, 0x81, 0, 0x36, 5, 0xb4, 0, 0x22, 0, 0x10, 0, 0};
    struct vnet header;
    uint8_t out[VNET_BYTES_MAX + 1];
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *bytes = i == 0 ? little : big;
        vnet_load(&header, bytes, i == 1);
        assert_int_equal(header.flags, VNET_NEEDS_CHECKSUM);
        assert_int_equal(header.gso_type, VNET_GSO_TCP4 | VNET_GSO_ECN);
        assert_int_equal(header.header_len, 54);
        assert_int_equal(header.gso_size, 1460);
        assert_int_equal(header.checksum_start, 34);
        assert_int_equal(header.checksum_offset, 16);
        for (size_t len = VNET_BYTES; len <= VNET_BYTES_MAX; len += 2) {
            memset(out, 0xa5, sizeof out);
            vnet_store(out, len, &header, i == 1);
            assert_memory_equal(out, bytes, len);
            assert_int_equal(out[len], 0xa5);
        }
    }
}

/* What is asked of a device on one side is what a device tells on the other. */
static void test_a_request_reads_back_as_what_was_asked(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        bool ip4 = (i & 1) != 0, udp = (i & 2) != 0, ethernet = (i & 4) != 0;
        struct flow flow = flow_of(ip4, udp ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP, ethernet);
        struct weir_tx tx;
        struct weir_rx rx = frame_of(&flow, 9500, &tx);
        struct vnet header;
        assert_true(vnet_emit(&header, &tx));
        size_t transport = (ethernet ? 14U : 0U) + (ip4 ? 20U : 40U);
        assert_int_equal(header.flags, VNET_NEEDS_CHECKSUM);
        assert_int_equal(header.gso_type, udp ? VNET_GSO_UDP : ip4 ? VNET_GSO_TCP4 : VNET_GSO_TCP6);
        assert_int_equal(header.header_len, transport + (udp ? 8U : 20U));
        assert_int_equal(header.gso_size, 1000);
        assert_int_equal(header.checksum_start, transport);
        assert_int_equal(header.checksum_offset, udp ? 6 : 16);
        enum weir_link link = ethernet ? WEIR_LINK_ETHERNET : WEIR_LINK_IP;
        assert_int_equal(vnet_parse(&rx, &header, link), WEIR_DROP_NONE);
        assert_int_equal(rx.segmentation, tx.segmentation);
        assert_int_equal(rx.segment_size, 1000);
        assert_int_equal(rx.segment_count, 10);
        assert_int_equal(rx.checksum, WEIR_RX_CHECKSUM_ABSENT);
        assert_int_equal(rx.checksum_start, transport);
        assert_int_equal(rx.checksum_offset, udp ? 6 : 16);
        frame_free(&rx);
    }
}

static void test_segments_are_counted_at_their_edges(void **state)
{
    (void)state;
    static const struct {
        size_t payload;
        unsigned segmentation, count;
    } cases[] = {
        {0, WEIR_SEGMENT_NONE, 0},    {1, WEIR_SEGMENT_NONE, 0},
        {999, WEIR_SEGMENT_NONE, 0},  {1000, WEIR_SEGMENT_NONE, 0}, /* one segment is none */
        {1001, WEIR_SEGMENT_TCP4, 2}, {2000, WEIR_SEGMENT_TCP4, 2},
        {2001, WEIR_SEGMENT_TCP4, 3}, {65495, WEIR_SEGMENT_TCP4, 66},
    };
    struct flow flow = flow_of(true, IP_PROTOCOL_TCP, false);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir_tx tx;
        struct weir_rx rx = frame_of(&flow, cases[i].payload, &tx);
        struct vnet header = {.flags = VNET_NEEDS_CHECKSUM,
                              .gso_type = VNET_GSO_TCP4,
                              .header_len = 40,
                              .gso_size = 1000,
                              .checksum_start = 20,
                              .checksum_offset = 16};
        assert_int_equal(vnet_parse(&rx, &header, WEIR_LINK_IP), WEIR_DROP_NONE);
        assert_int_equal(rx.segmentation, cases[i].segmentation);
        assert_int_equal(rx.segment_count, cases[i].count);
        assert_int_equal(rx.segment_size, cases[i].count > 0 ? 1000 : 0);
        struct vnet asked;
        assert_true(vnet_emit(&asked, &tx));
        assert_int_equal(asked.gso_type, cases[i].count > 0 ? VNET_GSO_TCP4 : VNET_GSO_NONE);
        assert_int_equal(asked.flags, VNET_NEEDS_CHECKSUM);
        frame_free(&rx);
    }
}

static void test_ethernet_padding_is_no_segment(void **state)
{
    (void)state;
    struct flow flow = flow_of(true, IP_PROTOCOL_UDP, true);
    struct weir_tx tx;
    struct weir_rx plain = frame_of(&flow, 1000, &tx);
    uint8_t padded[14 + 20 + 8 + 1000 + 6] = {0};
    memcpy(padded, plain.head, plain.len);
    struct weir_rx rx = {.head = padded, .head_len = sizeof padded, .len = sizeof padded};
    struct vnet header;
    vnet_emit(&header, &tx);
    header.gso_type = VNET_GSO_UDP;
    header.gso_size = 1000;
    assert_int_equal(vnet_parse(&rx, &header, WEIR_LINK_ETHERNET), WEIR_DROP_NONE);
    assert_int_equal(rx.segmentation, WEIR_SEGMENT_NONE);
    frame_free(&plain);
}

static void test_the_word_on_checksums_is_passed_on(void **state)
{
    (void)state;
    struct flow flow = flow_of(false, IP_PROTOCOL_UDP, false);
    struct weir_tx tx;
    struct weir_rx rx = frame_of(&flow, 100, &tx);
    struct vnet header = {0};
    assert_int_equal(vnet_parse(&rx, &header, WEIR_LINK_IP), WEIR_DROP_NONE);
    assert_int_equal(rx.checksum, WEIR_RX_CHECKSUM_UNKNOWN);
    header.flags = VNET_CHECKSUM_VALID;
    assert_int_equal(vnet_parse(&rx, &header, WEIR_LINK_IP), WEIR_DROP_NONE);
    assert_int_equal(rx.checksum, WEIR_RX_CHECKSUM_GOOD);
    header = (struct vnet){.flags = VNET_NEEDS_CHECKSUM | VNET_CHECKSUM_VALID,
                           .checksum_start = 40,
                           .checksum_offset = 6};
    assert_int_equal(vnet_parse(&rx, &header, WEIR_LINK_IP), WEIR_DROP_NONE);
    assert_int_equal(rx.checksum, WEIR_RX_CHECKSUM_ABSENT);
    frame_free(&rx);
}

/* One wrong thing each; the frame is a TCP packet over IPv4, 40 bytes of headers and 3000 of
 * payload. */
static void test_ATK_DEV_08_a_hostile_offload_header_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct vnet header;
    } cases[] = {
        {"checksum start past the end", {.flags = 1, .checksum_start = 3040}},
        {"checksum field half outside",
         {.flags = 1, .checksum_start = 20, .checksum_offset = 3019}},
        {"checksum start far out", {.flags = 1, .checksum_start = 0xffff}},
        {"sum of both beyond 16 bits",
         {.flags = 1, .checksum_start = 0xffff, .checksum_offset = 0xffff}},
        {"segments of nothing", {1, VNET_GSO_TCP4, 40, 0, 20, 16}},
        {"UDP segments of nothing", {1, VNET_GSO_UDP, 28, 0, 20, 6}},
        {"headers longer than the frame", {1, VNET_GSO_TCP4, 3041, 1000, 20, 16}},
        {"headers longer than a plain frame", {0, VNET_GSO_NONE, 3041, 0, 0, 0}},
        {"the wrong IP version", {1, VNET_GSO_TCP6, 40, 1000, 20, 16}},
        {"the wrong protocol", {1, VNET_GSO_UDP, 40, 1000, 20, 6}},
        {"fragments of UDP, never asked for", {1, VNET_GSO_UDP_FRAGMENTS, 40, 1000, 20, 16}},
        {"an unknown kind", {1, 2, 40, 1000, 20, 16}},
        {"ECN of UDP", {1, VNET_GSO_UDP | VNET_GSO_ECN, 40, 1000, 20, 6}},
        {"ECN of nothing", {1, VNET_GSO_ECN, 40, 1000, 20, 16}},
        {"checksum of another header", {1, VNET_GSO_TCP4, 40, 1000, 0, 10}},
        {"checksum field in the wrong place", {1, VNET_GSO_TCP4, 40, 1000, 20, 6}},
    };
    struct flow flow = flow_of(true, IP_PROTOCOL_TCP, false);
    struct weir_tx tx;
    struct weir_rx rx = frame_of(&flow, 3000, &tx);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (vnet_parse(&rx, &cases[i].header, WEIR_LINK_IP) != WEIR_DROP_DEVICE_OFFLOAD)
            fail_msg("not refused: %s", cases[i].what);
        assert_int_equal(rx.checksum, WEIR_RX_CHECKSUM_UNKNOWN);
        assert_int_equal(rx.segmentation, WEIR_SEGMENT_NONE);
        assert_int_equal(rx.segment_count, 0);
    }
    /* The last byte that is allowed: the field ends with the frame. */
    struct vnet edge = {.flags = 1, .checksum_start = 20, .checksum_offset = 3018};
    assert_int_equal(vnet_parse(&rx, &edge, WEIR_LINK_IP), WEIR_DROP_NONE);
    edge = (struct vnet){1, VNET_GSO_TCP4, 3040, 1000, 20, 16};
    assert_int_equal(vnet_parse(&rx, &edge, WEIR_LINK_IP), WEIR_DROP_NONE);
    frame_free(&rx);
}

/* Coalesced frames cut at every length, and with a broken data offset: nothing is read past the
 * end. */
static void test_ATK_DEV_08_a_cut_frame_is_no_coalesced_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        bool ethernet = (i & 4) != 0;
        struct flow flow =
            flow_of((i & 1) != 0, (i & 2) != 0 ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP, ethernet);
        struct weir_tx tx;
        struct weir_rx whole = frame_of(&flow, 2500, &tx);
        struct vnet header;
        assert_true(vnet_emit(&header, &tx));
        header.header_len = 0;
        for (uint32_t len = 0; len < 200; len++) {
            uint8_t *frame = malloc(len + 1U); /* malloc(0) may be NULL */
            assert_non_null(frame);
            memcpy(frame + 1, whole.head, len);
            struct weir_rx rx = {.head = frame + 1, .head_len = len, .len = len};
            assert_int_equal(vnet_parse(&rx, &header, ethernet ? WEIR_LINK_ETHERNET : WEIR_LINK_IP),
                             WEIR_DROP_DEVICE_OFFLOAD);
            free(frame);
        }
        frame_free(&whole);
    }
    struct flow flow = flow_of(true, IP_PROTOCOL_TCP, false);
    struct weir_tx tx;
    struct weir_rx rx = frame_of(&flow, 3004, &tx); /* with the TCP header a multiple of eight */
    uint8_t *frame = (uint8_t *)(uintptr_t)rx.head;
    struct vnet header;
    assert_true(vnet_emit(&header, &tx));
    for (unsigned words = 0; words < 5; words++) {
        frame[32] = (uint8_t)(words << 4);
        assert_int_equal(vnet_parse(&rx, &header, WEIR_LINK_IP), WEIR_DROP_DEVICE_OFFLOAD);
    }
    frame[32] = 5 << 4;
    be16 before = be16_make(load16(frame + 6)), more_fragments = be16_make(0x2000);
    be16 sum = csum_update16(be16_make(load16(frame + 10)), before, more_fragments);
    memcpy(frame + 6, &more_fragments, 2);
    memcpy(frame + 10, &sum, 2);
    struct seen seen;
    assert_true(craft_read(&seen, &rx, false) && seen.fragment); /* it is a sound fragment */
    assert_int_equal(vnet_parse(&rx, &header, WEIR_LINK_IP), WEIR_DROP_DEVICE_OFFLOAD);
    frame_free(&rx);
}

/* Whatever a device says of whatever frame, what is accepted holds what a stack relies on. */
static void test_ATK_DEV_08_random_headers_are_accepted_only_when_they_fit(void **state)
{
    (void)state;
    static const uint8_t types[] = {0, 1, 3, 4, 5, 0x81, 0x84, 0x80, 2};
    struct rng rng = rng_make(8);
    struct weir_tx tx;
    unsigned accepted = 0, coalesced = 0;
    for (unsigned i = 0; i < 20000; i++) {
        bool ethernet = rng_below(&rng, 2) != 0;
        struct flow flow =
            flow_of(rng_below(&rng, 2) != 0,
                    rng_below(&rng, 2) != 0 ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP, ethernet);
        struct weir_rx rx = frame_of(&flow, (size_t)rng_below(&rng, 200), &tx);
        struct vnet header;
        vnet_emit(&header, &tx);
        header.gso_type = types[rng_below(&rng, sizeof types)];
        header.gso_size = (uint16_t)rng_below(&rng, 100);
        if (rng_below(&rng, 4) == 0)
            header.checksum_start = (uint16_t)rng_below(&rng, 400);
        if (rng_below(&rng, 4) == 0)
            header.checksum_offset = (uint16_t)rng_below(&rng, 400);
        if (rng_below(&rng, 4) == 0)
            header.header_len = (uint16_t)rng_below(&rng, 400);
        header.flags = (uint8_t)rng_below(&rng, 8);
        if (vnet_parse(&rx, &header, ethernet ? WEIR_LINK_ETHERNET : WEIR_LINK_IP) ==
            WEIR_DROP_NONE) {
            accepted++;
            if (rx.checksum == WEIR_RX_CHECKSUM_ABSENT)
                assert_true(rx.checksum_start + rx.checksum_offset + 2U <= rx.len);
            if (rx.segmentation != WEIR_SEGMENT_NONE) {
                coalesced++;
                size_t payload = (size_t)rx.segment_size * (rx.segment_count - 1U);
                assert_true(rx.segment_size > 0 && rx.segment_count > 1);
                assert_true(payload < tx.frag[0].len &&
                            tx.frag[0].len <= payload + rx.segment_size);
            }
        }
        frame_free(&rx);
    }
    assert_true(accepted > 1000 && coalesced > 200);
}

static void test_requests_that_do_not_fit_the_packet_are_refused(void **state)
{
    (void)state;
    struct flow flow = flow_of(true, IP_PROTOCOL_TCP, false);
    struct weir_tx good, tx;
    struct weir_rx rx = frame_of(&flow, 3000, &good);
    struct vnet header;
    assert_true(vnet_emit(&header, &good));
    for (unsigned i = 0; i < 7; i++) {
        tx = good;
        switch (i) {
        case 0:
            tx.checksum_start = 3040;
            break;
        case 1:
            tx.segment_size = 0;
            break;
        case 2:
            tx.checksum_wanted = 0;
            break;
        case 3:
            tx.segmentation = WEIR_SEGMENT_UDP; /* whose checksum field is elsewhere */
            break;
        case 4:
            tx.header_len = 39; /* the transport header is not whole */
            break;
        case 5:
            tx.headers[tx.header_start + 32] = 4 << 4; /* data offset */
            break;
        default:
            tx.segmentation = WEIR_SEGMENT_UDP + 1;
            break;
        }
        memset(&header, 0xa5, sizeof header);
        if (vnet_emit(&header, &tx))
            fail_msg("request %u was not refused", i);
        assert_int_equal(header.flags | header.gso_type | header.gso_size, 0);
    }
    frame_free(&rx);
}

static void test_congestion_window_reduced_is_left_to_the_first_segment(void **state)
{
    (void)state;
    struct flow flow = flow_of(false, IP_PROTOCOL_TCP, false);
    struct weir_tx tx;
    struct weir_rx rx = frame_of(&flow, 3000, &tx);
    struct vnet header;
    tx.headers[tx.header_start + 40 + 13] |= TCP_CWR;
    assert_true(vnet_emit(&header, &tx));
    assert_int_equal(header.gso_type, VNET_GSO_TCP6 | VNET_GSO_ECN);
    frame_free(&rx);
}

static void test_a_checksum_finished_in_software_is_right(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct flow flow =
            flow_of((i & 1) != 0, (i & 2) != 0 ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP, false);
        struct weir_tx tx;
        struct weir_rx rx = frame_of(&flow, 777, &tx);
        struct seen seen;
        assert_true(craft_read(&seen, &rx, false));
        assert_false(seen.sum_good);
        vnet_finish_checksum((uint8_t *)(uintptr_t)rx.head, rx.len, tx.checksum_start,
                             tx.checksum_offset);
        assert_true(craft_read(&seen, &rx, false));
        assert_true(seen.sum_good);
        frame_free(&rx);
    }
    /* A sum of zero is sent as all ones (RFC 768). */
    uint8_t zero[12] = {0xff, 0xff};
    vnet_finish_checksum(zero, sizeof zero, 0, 6);
    assert_int_equal(load16(zero + 6), 0xffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bytes_are_those_of_the_virtio_specification),
        cmocka_unit_test(test_a_request_reads_back_as_what_was_asked),
        cmocka_unit_test(test_segments_are_counted_at_their_edges),
        cmocka_unit_test(test_ethernet_padding_is_no_segment),
        cmocka_unit_test(test_the_word_on_checksums_is_passed_on),
        cmocka_unit_test(test_ATK_DEV_08_a_hostile_offload_header_is_refused),
        cmocka_unit_test(test_ATK_DEV_08_a_cut_frame_is_no_coalesced_one),
        cmocka_unit_test(test_ATK_DEV_08_random_headers_are_accepted_only_when_they_fit),
        cmocka_unit_test(test_requests_that_do_not_fit_the_packet_are_refused),
        cmocka_unit_test(test_congestion_window_reduced_is_left_to_the_first_segment),
        cmocka_unit_test(test_a_checksum_finished_in_software_is_right),
    };
    return cmocka_run_group_tests_name("vnet", tests, NULL, NULL);
}
