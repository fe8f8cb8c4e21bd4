/* SPDX-License-Identifier: MIT
 * The device and link rows of the attack catalogue, through a whole stack. */
#include "harness.h"

static size_t frame_of(uint8_t *frame, const uint8_t *packet, size_t len)
{
    memcpy(frame, packet, len);
    uint32_t n = build_frame(frame, 2048, (uint32_t)len, peer_mac(2), own_mac());
    assert_true(n > 0);
    return n;
}

static void ATK_DEV_01_runts_of_every_length_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128] = {0};
    for (size_t len = 0; len < 14; len++)
        assert_frame_dropped(a, WEIR_DROP_ETH_SHORT, p, len);
    for (unsigned version = 0; version < 16; version++) {
        a->ifindex = TUN;
        p[0] = (uint8_t)(version << 4 | 5);
        for (size_t len = 0; len < 20; len++) {
            unsigned drop = attack_ip(a, p, len);
            assert_int_equal(drop,
                             version == 6 && len > 0 ? WEIR_DROP_IP6_SHORT : WEIR_DROP_IP4_SHORT);
            assert_int_equal(a->out_count, 0);
        }
    }
    attack_end(a);
}

static void ATK_DEV_02_frames_of_a_header_alone_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static const unsigned drop[3] = {WEIR_DROP_IP4_SHORT, WEIR_DROP_IP6_SHORT, WEIR_DROP_ARP_SHORT};
    static const uint16_t type[3] = {ETH_TYPE_IP4, ETH_TYPE_IP6, ETH_TYPE_ARP};
    for (unsigned i = 0; i < 3; i++) {
        uint8_t frame[ETH_HEADER_MIN];
        struct eth eth = {.destination = own_mac(), .source = peer_mac(2), .type = type[i]};
        eth_emit(frame, sizeof frame, &eth);
        assert_frame_dropped(a, drop[i], frame, sizeof frame);
    }
    attack_end(a);
}

static void ATK_DEV_03_a_trailer_is_not_echoed(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128], frame[2048];
    size_t len = put_echo(p, peer4(ETHER, 2), own4(ETHER), 12);
    size_t n = frame_of(frame, p, len); /* 54 bytes and 6 of padding */
    assert_int_equal(n, 60);
    memset(frame + 54, 0x5a, 6);
    assert_int_equal(attack_frame(a, ETHER, frame, n), WEIR_DROP_NONE);
    assert_int_equal(a->out_count, 1);
    struct out_icmp reply = out_icmp(a, 0);
    assert_int_equal(reply.data.len, 12);
    assert_memory_equal(reply.data.data, p + 28, 12);
    attack_end(a);
}

static void ATK_DEV_05_nested_tags_are_dropped_and_two_are_not(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128], plain[2048], frame[2048];
    size_t len = frame_of(plain, p, put_echo(p, peer4(ETHER, 2), own4(ETHER), 40));
    for (unsigned tags = 0; tags <= 8; tags++) {
        memcpy(frame, plain, 12);
        for (unsigned i = 0; i < tags; i++)
            memcpy(frame + 12 + 4 * i, ((uint8_t[]){0x81, 0, 0, 0}), 4);
        memcpy(frame + 12 + 4 * tags, plain + 12, len - 12);
        size_t n = tags == 8 ? 12 + 4 * 8 - 2 : len + 4 * tags; /* the last is cut */
        assert_int_equal(attack_frame(a, ETHER, frame, n),
                         tags <= 2 ? WEIR_DROP_NONE : WEIR_DROP_ETH_VLAN_DEPTH);
        assert_int_equal(a->out_count, tags <= 2);
    }
    attack_end(a);
}

static void ATK_DEV_06_lengths_and_unknown_types_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128], frame[2048];
    size_t len = frame_of(frame, p, put_echo(p, peer4(ETHER, 2), own4(ETHER), 40));
    static const uint16_t type[] = {0, 0x05dc, 0x05ff, 0x0600, 0x0801, 0x8035, 0x88cc, 0xffff};
    for (unsigned i = 0; i < sizeof type / sizeof type[0]; i++) {
        store16(frame + 12, type[i]);
        assert_frame_dropped(a, WEIR_DROP_ETH_TYPE, frame, len);
    }
    attack_end(a);
}

static void ATK_DEV_07_a_unicast_packet_in_a_broadcast_frame_is_never_answered(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    const struct eth_addr group[3] = {
        eth_broadcast(), {{1, 0, 0x5e, 0, 0, 1}}, {{0x33, 0x33, 0, 0, 0, 1}}};
    for (unsigned i = 0; i < 3; i++) {
        a->to = group[i];
        for (uint16_t flags = 0; flags < 64; flags++) { /* SYN, RST, ACK and all else */
            size_t len = put_tcp(p, peer4(ETHER, 2), own4(ETHER), flags);
            assert_dropped(a, WEIR_DROP_TCP_ADDRESS, p, len);
            len = put_tcp(p, peer6(ETHER, 2), own6(ETHER), flags);
            assert_dropped(a, WEIR_DROP_TCP_ADDRESS, p, len);
        }
        size_t len = put_udp(p, peer4(ETHER, 2), own4(ETHER), 10);
        assert_dropped(a, WEIR_DROP_UDP_PORT, p, len);
        len = put_udp(p, peer6(ETHER, 2), own6(ETHER), 10);
        assert_dropped(a, WEIR_DROP_UDP_PORT, p, len);
        len = put_echo(p, peer4(ETHER, 2), own4(ETHER), 10);
        assert_dropped(a, WEIR_DROP_ICMP_TYPE, p, len);
    }
    a->to = peer_mac(9); /* a switch that floods */
    assert_dropped(a, WEIR_DROP_ETH_NOT_FOR_US, p, put_echo(p, peer4(ETHER, 2), own4(ETHER), 10));
    attack_end(a);
}

static void ATK_DEV_08_hostile_descriptions_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[128];
    size_t len = put_echo(p, peer4(TUN, 2), own4(TUN), 40);
    const struct weir_rx good = {.head = p, .head_len = (uint32_t)len, .len = (uint32_t)len};
    struct weir_rx rx = good;
    rx.checksum = WEIR_RX_CHECKSUM_ABSENT;
    for (uint32_t start = 0; start <= 0xffff; start += 0x0fff) {
        rx.checksum_start = (uint16_t)start;
        rx.checksum_offset = 0xffff; /* past the end, however they are added */
        assert_int_equal(attack_rx(a, TUN, &rx), WEIR_DROP_DEVICE_OFFLOAD);
    }
    for (unsigned segmentation = 1; segmentation < 256; segmentation++) {
        rx = good;
        rx.segmentation = (uint8_t)segmentation; /* segment_size is 0 */
        assert_int_equal(attack_rx(a, TUN, &rx), WEIR_DROP_DEVICE_OFFLOAD);
    }
    rx = good;
    rx.len--;
    assert_int_equal(attack_rx(a, TUN, &rx), WEIR_DROP_DEVICE_OFFLOAD);
    rx = good;
    rx.frag_count = 255;
    assert_int_equal(attack_rx(a, TUN, &rx), WEIR_DROP_DEVICE_OFFLOAD);
    attack_end(a);
}

/* ---- ATK-DEV-09 ---- */

/* The verdict and the answer of a packet. */
struct result {
    unsigned drop, out_count;
    uint32_t len;
    uint8_t bytes[2048];
};

static void result_of(struct result *r, const struct attack *a, unsigned drop)
{
    r->drop = drop;
    r->out_count = a->out_count;
    r->len = a->out_count > 0 ? a->out[0].len : 0;
    assert_true(r->len <= sizeof r->bytes);
    if (r->len > 0)
        memcpy(r->bytes, a->out[0].bytes, r->len);
}

/* The frame in up to three pieces, each in memory of its own. */
static unsigned in_pieces(struct attack *a, const uint8_t *frame, size_t len, size_t first,
                          size_t second)
{
    const size_t from[4] = {0, first, second, len};
    uint8_t *piece[3];
    for (unsigned i = 0; i < 3; i++) {
        piece[i] = malloc(from[i + 1] - from[i] + 1);
        assert_non_null(piece[i]);
        memcpy(piece[i] + 1, frame + from[i], from[i + 1] - from[i]);
    }
    struct weir_rx rx = {.head = piece[0] + 1,
                         .head_len = (uint32_t)first,
                         .len = (uint32_t)len,
                         .frag = {{piece[1] + 1, second - first}, {piece[2] + 1, len - second}},
                         .frag_count = 2};
    unsigned drop = attack_rx(a, ETHER, &rx);
    for (unsigned i = 0; i < 3; i++)
        free(piece[i]);
    return drop;
}

/* Each packet gets a stack's attention at a time of its own: rates are as new. */
static void assert_split_alike(struct attack *a, const uint8_t *frame, size_t len, size_t first,
                               size_t second)
{
    static struct result whole, split;
    attack_pass(a, 12 * S);
    result_of(&whole, a, attack_frame(a, ETHER, frame, len));
    attack_pass(a, 12 * S);
    result_of(&split, a, in_pieces(a, frame, len, first, second));
    if (split.drop != whole.drop || split.len != whole.len)
        print_message("a frame of %u bytes cut at %u and %u: %s %u, not %s %u\n", (unsigned)len,
                      (unsigned)first, (unsigned)second, weir_drop_name(split.drop),
                      (unsigned)split.len, weir_drop_name(whole.drop), (unsigned)whole.len);
    assert_int_equal(split.drop, whole.drop);
    assert_int_equal(split.out_count, whole.out_count);
    assert_int_equal(split.len, whole.len);
    /* The identification of IPv4 counts on; all else is equal. */
    if (whole.len > 34 && load16(whole.bytes + 12) == ETH_TYPE_IP4) {
        memset(whole.bytes + 18, 0, 2);
        memset(split.bytes + 18, 0, 2);
        memset(whole.bytes + 24, 0, 2);
        memset(split.bytes + 24, 0, 2);
    }
    assert_memory_equal(split.bytes, whole.bytes, whole.len);
}

/* Every two-way split, with an empty piece before, between and behind; and one byte by itself. */
static void assert_splits_alike(struct attack *a, const uint8_t *frame, size_t len)
{
    for (size_t at = 0; at <= len; at++) {
        assert_split_alike(a, frame, len, at, at);
        assert_split_alike(a, frame, len, 0, at);
        assert_split_alike(a, frame, len, at, len);
        assert_split_alike(a, frame, len, at, at < len ? at + 1 : len);
    }
}

static size_t put_solicitation(uint8_t *p, struct weir_addr source)
{
    struct nd m = {.type = ICMP6_NEIGHBOUR_SOLICITATION, .target = ip6_from_addr(own6(ETHER))};
    m.has_source_mac = !ip6_is_unspecified(ip6_from_addr(source));
    m.source_mac = peer_mac(2);
    return put_nd(p, source, addr_from_ip6(ip6_solicited_node(m.target)), &m);
}

static void ATK_DEV_09_a_packet_split_anywhere_is_the_same_packet(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[1600], q[1600], frame[2048];
    struct weir_addr peer = peer4(ETHER, 2), own = own4(ETHER);
    struct weir_addr six = peer6(ETHER, 2), own_six = own6(ETHER), nobody = {{0}};

    struct arp request = {.operation = ARP_REQUEST, .sender_mac = peer_mac(2)};
    request.sender = ip4_from_addr(peer);
    request.target = ip4_from_addr(own);
    assert_splits_alike(a, frame, put_arp(frame, eth_broadcast(), &request));
    assert_splits_alike(a, frame, 42); /* not padded */
    assert_splits_alike(a, frame, frame_of(frame, p, put_echo(p, peer, own, 3)));
    assert_splits_alike(a, frame, frame_of(frame, p, put_udp(p, peer, own, 33)));
    assert_splits_alike(a, frame, frame_of(frame, p, put_tcp(p, peer, own, TCP_SYN)));
    assert_splits_alike(a, frame, frame_of(frame, p, put_echo(p, six, own_six, 31)));
    assert_splits_alike(a, frame, frame_of(frame, p, put_udp(p, six, own_six, 0)));
    size_t n = put_udp(q, own, peer, 20);
    n = put_error(p, a, ICMP4_UNREACHABLE, ICMP4_PORT_UNREACHABLE, 0, q, n);
    assert_splits_alike(a, frame, frame_of(frame, p, n));
    n = put_udp(q, own_six, six, 20);
    n = put_error(p, a, ICMP6_UNREACHABLE, ICMP6_PORT_UNREACHABLE, 0, q, n);
    assert_splits_alike(a, frame, frame_of(frame, p, n));
    assert_splits_alike(a, frame, frame_of(frame, p, put_solicitation(p, six)));
    assert_splits_alike(a, frame, frame_of(frame, p, put_solicitation(p, nobody)));
    attack_end(a);
}

static void ATK_DEV_09_splits_of_long_packets_and_long_headers_are_alike(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[1600], body[1500] = {0}, frame[2048];
    size_t at, len = frame_of(frame, p, put_echo(p, peer4(ETHER, 2), own4(ETHER), 1472));
    for (at = 0; at <= len; at += at < 80 || at > len - 10 ? 1 : 37)
        assert_split_alike(a, frame, len, at, at < len ? at + 1 : len);
    /* 248 bytes of destination options before an echo of 1,000. */
    body[0] = IP_PROTOCOL_ICMP6;
    body[1] = 30;
    body[2] = IP6_OPTION_PADN;
    body[3] = 244;
    size_t echo = put_echo(p, peer6(ETHER, 2), own6(ETHER), 1000) - 40;
    memcpy(body + 248, p + 40, echo);
    len = put_ip6(p, peer6(ETHER, 2), own6(ETHER), IP6_NEXT_DESTINATION, body, 248 + echo);
    len = frame_of(frame, p, len);
    for (at = 0; at <= len; at += at < 350 || at > len - 10 ? 1 : 37)
        assert_split_alike(a, frame, len, at, at < len ? at + 1 : len);
    attack_end(a);
}

static void ATK_DEV_09_split_fragments_make_the_same_datagram(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    uint8_t p[256], f[256], frame[2048];
    for (unsigned family = 0; family < 2; family++) {
        size_t whole = family == 0 ? put_echo(p, peer4(ETHER, 2), own4(ETHER), 56)
                                   : put_echo(p, peer6(ETHER, 2), own6(ETHER), 56);
        uint32_t end = (uint32_t)(whole - (family == 0 ? 20 : 40));
        for (size_t at = 0; at < 102; at++) {
            struct cut first = {.id = (uint32_t)at, .from = 0, .to = 24, .more = true};
            struct cut last = {.id = (uint32_t)at, .from = 24, .to = end};
            size_t len = frame_of(frame, f, put_fragment(f, p, &first));
            size_t cut = at < len ? at : len;
            assert_int_equal(in_pieces(a, frame, len, cut, cut), WEIR_DROP_NONE);
            len = frame_of(frame, f, put_fragment(f, p, &last));
            cut = at < len ? at : len;
            assert_int_equal(in_pieces(a, frame, len, cut, cut), WEIR_DROP_NONE);
            assert_int_equal(a->out_count, 1);
            assert_int_equal(out_icmp(a, 0).data.len, 56);
            assert_memory_equal(out_icmp(a, 0).data.data, p + whole - 56, 56);
        }
    }
    attack_end(a);
}

/* ---- coalescing, checksums, size ---- */

/* A burst of echo requests that a device might merge, but that differ in what must not be merged.
 */
static void ATK_DEV_10_nothing_of_a_burst_is_merged(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    enum { N = 32 };
    static uint8_t p[N][128];
    struct weir_rx rx[N];
    a->answers_max = N;
    for (unsigned i = 0; i < N; i++) {
        struct build_icmp_echo echo = {.ip = {.source = peer4(TUN, 2),
                                              .destination = own4(TUN),
                                              .ttl = (uint8_t)(1 + i / 2),
                                              .ecn = i % 4,
                                              .dscp = (uint8_t)(i / 16),
                                              .dont_fragment = i % 3 == 0},
                                       .id = 1,
                                       .sequence = (uint16_t)i,
                                       .payload = {p[0], i}};
        uint32_t len = build_icmp_echo(p[i], sizeof p[i], &echo);
        rx[i] = (struct weir_rx){.head = p[i], .head_len = len, .len = len};
    }
    weir_stack_input(a->stack, TUN, rx, N, a->now);
    a->received[TUN] += N;
    attack_pass(a, 0);
    assert_int_equal(a->out_count, N);
    for (unsigned i = 0; i < N; i++) {
        struct out_icmp reply = out_icmp(a, i);
        assert_int_equal(reply.icmp.sequence, i);
        assert_int_equal(reply.data.len, i);
        assert_int_equal(reply.traffic_class & 3, i % 4);
        assert_int_equal(reply.traffic_class >> 2, i / 16);
    }
    attack_end(a);
}

static void ATK_DEV_10_a_device_that_may_not_merge_has_its_merged_packets_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static uint8_t p[ATTACK_PACKET_MAX];
    size_t len = put_udp(p, peer4(TUN, 2), own4(TUN), 2800);
    struct weir_rx rx = {.head = p,
                         .head_len = (uint32_t)len,
                         .len = (uint32_t)len,
                         .segmentation = WEIR_SEGMENT_UDP,
                         .segment_size = 1400,
                         .segment_count = 2};
    assert_int_equal(attack_rx(a, TUN, &rx), WEIR_DROP_DEVICE_OFFLOAD);
    assert_int_equal(a->out_count, 0);
    attack_end(a);
}

static void ATK_DEV_11_only_a_trusted_device_is_believed_about_checksums(void **state)
{
    (void)state;
    for (unsigned trusted = 0; trusted < 2; trusted++) {
        struct attack *a = attack_begin(NULL, 0xa5);
        uint8_t p[128];
        a->stack->net.iface[TUN].config.capabilities =
            WEIR_CAP_RX_CHECKSUM | (trusted == 1 ? WEIR_CAP_TRUSTED : 0);
        for (unsigned family = 0; family < 2; family++)
            for (unsigned word = WEIR_RX_CHECKSUM_UNKNOWN; word <= WEIR_RX_CHECKSUM_GOOD; word++) {
                size_t len = family == 0 ? put_echo(p, peer4(TUN, 2), own4(TUN), 20)
                                         : put_echo(p, peer6(TUN, 2), own6(TUN), 20);
                struct weir_rx rx = {.head = p,
                                     .head_len = (uint32_t)len,
                                     .len = (uint32_t)len,
                                     .checksum = (uint8_t)word};
                assert_int_equal(attack_rx(a, TUN, &rx), WEIR_DROP_NONE);
                if (trusted == 1 && word == WEIR_RX_CHECKSUM_GOOD)
                    continue; /* would be believed */
                p[len - 1] ^= 1;
                assert_int_equal(attack_rx(a, TUN, &rx), WEIR_DROP_ICMP_CHECKSUM);
                assert_int_equal(a->out_count, 0);
            }
        attack_end(a);
    }
}

static void ATK_DEV_12_frames_longer_than_the_link_takes_are_dropped(void **state)
{
    (void)state;
    struct attack *a = attack_begin(NULL, 0xa5);
    static uint8_t p[ATTACK_PACKET_MAX];
    static const uint32_t len[] = {1501, 9018, 65535, 65549, ATTACK_PACKET_MAX};
    assert_true(put_echo(p, peer4(TUN, 2), own4(TUN), 1472) == 1500);
    for (unsigned i = 0; i < sizeof len / sizeof len[0]; i++) {
        struct weir_rx rx = {.head = p, .head_len = len[i], .len = len[i]};
        assert_int_equal(attack_rx(a, TUN, &rx), WEIR_DROP_DEVICE_OVERSIZE);
        if (i > 0) /* two tags fit into what is allowed for a link header */
            assert_int_equal(
                attack_rx(a, ETHER,
                          &(struct weir_rx){.head = p, .head_len = len[i], .len = len[i]}),
                WEIR_DROP_DEVICE_OVERSIZE);
        assert_int_equal(a->out_count, 0);
    }
    a->ifindex = TUN;
    assert_answered(a, p, 1500);
    attack_end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_DEV_01_runts_of_every_length_are_dropped),
        cmocka_unit_test(ATK_DEV_02_frames_of_a_header_alone_are_dropped),
        cmocka_unit_test(ATK_DEV_03_a_trailer_is_not_echoed),
        cmocka_unit_test(ATK_DEV_05_nested_tags_are_dropped_and_two_are_not),
        cmocka_unit_test(ATK_DEV_06_lengths_and_unknown_types_are_dropped),
        cmocka_unit_test(ATK_DEV_07_a_unicast_packet_in_a_broadcast_frame_is_never_answered),
        cmocka_unit_test(ATK_DEV_08_hostile_descriptions_are_dropped),
        cmocka_unit_test(ATK_DEV_09_a_packet_split_anywhere_is_the_same_packet),
        cmocka_unit_test(ATK_DEV_09_splits_of_long_packets_and_long_headers_are_alike),
        cmocka_unit_test(ATK_DEV_09_split_fragments_make_the_same_datagram),
        cmocka_unit_test(ATK_DEV_10_nothing_of_a_burst_is_merged),
        cmocka_unit_test(ATK_DEV_10_a_device_that_may_not_merge_has_its_merged_packets_dropped),
        cmocka_unit_test(ATK_DEV_11_only_a_trusted_device_is_believed_about_checksums),
        cmocka_unit_test(ATK_DEV_12_frames_longer_than_the_link_takes_are_dropped),
    };
    return cmocka_run_group_tests_name("attack_device", tests, NULL, NULL);
}
