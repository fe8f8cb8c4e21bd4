/* SPDX-License-Identifier: MIT
 * The rows of the attack catalogue that parsing alone can prove, by their ids. */
#include "packets.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip4.h"
#include "wire/ip6.h"
#include "wire/nd.h"
#include "wire/udp.h"

static enum weir_drop eth_judge(struct eth *h, const uint8_t *p, size_t n)
{
    uint8_t *exact = exact_copy(p, n);
    enum weir_drop reason = eth_parse(h, exact, n);
    free(exact);
    return reason;
}

static enum weir_drop arp_judge(const uint8_t *p, size_t n)
{
    uint8_t *exact = exact_copy(p, n);
    struct arp m;
    enum weir_drop reason = arp_parse(&m, exact, n);
    free(exact);
    return reason;
}

static enum weir_drop ip4_judge(struct ip4 *h, const uint8_t *p, size_t n)
{
    uint8_t *exact = exact_copy(p, n);
    enum weir_drop reason = ip4_parse(h, exact, n, n);
    h->options = NULL; /* pointed into the copy */
    free(exact);
    return reason;
}

static enum weir_drop ip6_judge(struct ip6 *h, const uint8_t *p, size_t n)
{
    uint8_t *exact = exact_copy(p, n);
    enum weir_drop reason = ip6_parse(h, exact, n, n);
    free(exact);
    return reason;
}

/* A good IPv4 packet of header_len + payload_len bytes, options all no-operation. */
static size_t ip4_packet(uint8_t *p, size_t header_len, size_t payload_len)
{
    memset(p, 0, header_len + payload_len);
    p[0] = (uint8_t)(0x40 | header_len / 4);
    store16(p + 2, (uint16_t)(header_len + payload_len));
    p[8] = 64;
    p[9] = IP_PROTOCOL_UDP;
    memcpy(p + 12, ((uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}), 8);
    memset(p + 20, IP4_OPTION_NOP, header_len - 20);
    finish_ip4(p);
    return header_len + payload_len;
}

/* An IPv6 header for n bytes of payload that begin with what `next` names. */
static size_t ip6_packet(uint8_t *p, uint8_t next, const uint8_t *payload, size_t n)
{
    memset(p, 0, 40);
    p[0] = 0x60;
    store16(p + 4, (uint16_t)n);
    p[6] = next;
    p[7] = 255;
    memcpy(p + 8, ((uint8_t[16]){0xfe, 0x80, [15] = 1}), 16);
    memcpy(p + 24, ((uint8_t[16]){0xfe, 0x80, [15] = 2}), 16);
    if (n > 0)
        memcpy(p + 40, payload, n);
    return 40 + n;
}

/* ---- device and link ---- */

static void ATK_DEV_01_runt_frames_are_dropped_before_a_field_is_read(void **state)
{
    (void)state;
    static const uint8_t frame[13] = {0};
    struct eth h;
    assert_int_equal(eth_judge(&h, NULL, 0), WEIR_DROP_ETH_SHORT);
    assert_int_equal(eth_judge(&h, frame, 1), WEIR_DROP_ETH_SHORT);
    assert_int_equal(eth_judge(&h, frame, 13), WEIR_DROP_ETH_SHORT);
}

static void ATK_DEV_02_header_only_frames_are_dropped_without_underflow(void **state)
{
    (void)state;
    static const uint16_t types[3] = {ETH_TYPE_IP4, ETH_TYPE_IP6, ETH_TYPE_ARP};
    for (unsigned i = 0; i < 3; i++) {
        uint8_t frame[14] = {0};
        struct eth h;
        struct ip4 h4;
        struct ip6 h6;
        store16(frame + 12, types[i]);
        assert_int_equal(eth_judge(&h, frame, 14), WEIR_DROP_NONE);
        assert_int_equal(eth_header_len(&h), sizeof frame); /* nothing is left for the payload */
        if (h.type == ETH_TYPE_IP4)
            assert_int_equal(ip4_judge(&h4, NULL, 0), WEIR_DROP_IP4_SHORT);
        else if (h.type == ETH_TYPE_IP6)
            assert_int_equal(ip6_judge(&h6, NULL, 0), WEIR_DROP_IP6_SHORT);
        else
            assert_int_equal(arp_judge(NULL, 0), WEIR_DROP_ARP_SHORT);
    }
}

static void ATK_DEV_03_an_ethernet_trailer_is_not_payload(void **state)
{
    (void)state;
    uint8_t p[46];
    struct ip4 h4;
    struct ip6 h6;
    size_t n = ip4_packet(p, 20, 20);
    memset(p + n, 0xe7, 6);
    assert_int_equal(ip4_judge(&h4, p, 46), WEIR_DROP_NONE);
    assert_int_equal(h4.payload_len, 20);
    n = ip6_packet(p, IP_PROTOCOL_UDP, NULL, 0);
    memset(p + n, 0xe7, 6);
    assert_int_equal(ip6_judge(&h6, p, 46), WEIR_DROP_NONE);
    assert_int_equal(h6.upper_len, 0);
}

static void ATK_DEV_04_padding_is_zero(void **state)
{
    (void)state;
    for (size_t len = 14; len < 60; len++) {
        uint8_t frame[60];
        memset(frame, 0xa5, sizeof frame);
        assert_int_equal(eth_pad(frame, sizeof frame, len), 60);
        for (size_t i = len; i < 60; i++)
            assert_int_equal(frame[i], 0);
    }
}

static void ATK_DEV_05_a_third_vlan_tag_is_dropped(void **state)
{
    (void)state;
    uint8_t frame[12 + 8 * 4] = {0};
    struct eth h;
    for (size_t i = 0; i < 8; i++)
        store16(frame + 12 + 4 * i, 0x8100);
    for (size_t n = 22; n <= sizeof frame; n++)
        assert_int_equal(eth_judge(&h, frame, n), WEIR_DROP_ETH_VLAN_DEPTH);
    assert_int_equal(eth_judge(&h, frame, sizeof frame - 2), WEIR_DROP_ETH_VLAN_DEPTH);
    store16(frame + 20, ETH_TYPE_IP4);
    assert_int_equal(eth_judge(&h, frame, 22), WEIR_DROP_NONE);
    assert_int_equal(h.vlan_count, 2);
    assert_int_equal(eth_judge(&h, frame, 20), WEIR_DROP_ETH_SHORT);
}

static void ATK_DEV_06_an_802_3_length_is_no_type(void **state)
{
    (void)state;
    static const uint16_t lengths[3] = {0x0000, 0x05dc, 0x05ff};
    for (unsigned i = 0; i < 3; i++) {
        uint8_t frame[60] = {0};
        struct eth h;
        store16(frame + 12, lengths[i]);
        ip4_packet(frame + 14, 20, 20);
        assert_int_equal(eth_judge(&h, frame, sizeof frame), WEIR_DROP_ETH_TYPE);
    }
}

static void ATK_ARP_01_malformed_messages_are_dropped(void **state)
{
    (void)state;
    static const uint8_t good[28] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1,
                                     0, 0, 0, 0, 0, 0, 10, 0, 0, 2};
    static const struct {
        uint8_t at, value;
        enum weir_drop want;
    } rows[] = {
        {4, 0, WEIR_DROP_ARP_FORMAT},      {4, 255, WEIR_DROP_ARP_FORMAT},
        {5, 0, WEIR_DROP_ARP_FORMAT},      {5, 16, WEIR_DROP_ARP_FORMAT},
        {1, 0, WEIR_DROP_ARP_FORMAT},      {2, 0x86, WEIR_DROP_ARP_FORMAT},
        {7, 0, WEIR_DROP_ARP_OPERATION},   {7, 3, WEIR_DROP_ARP_OPERATION},
        {6, 0xff, WEIR_DROP_ARP_OPERATION},
    };
    assert_int_equal(arp_judge(good, 28), WEIR_DROP_NONE);
    for (size_t n = 0; n < 28; n++)
        assert_int_equal(arp_judge(good, n), WEIR_DROP_ARP_SHORT);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t p[28];
        memcpy(p, good, 28);
        p[rows[i].at] = rows[i].value;
        assert_int_equal(arp_judge(p, 28), rows[i].want);
    }
}

/* ---- IPv4 ---- */

static void ATK_IP4_01_bad_header_lengths_are_dropped(void **state)
{
    (void)state;
    for (unsigned ihl = 0; ihl < 16; ihl++) {
        uint8_t p[20];
        struct ip4 h;
        ip4_packet(p, 20, 0);
        p[0] = (uint8_t)(0x40 | ihl);
        if (ihl == 5)
            assert_int_equal(ip4_judge(&h, p, 20), WEIR_DROP_NONE);
        else
            assert_int_equal(ip4_judge(&h, p, 20), WEIR_DROP_IP4_HEADER_LENGTH);
    }
}

static void ATK_IP4_02_other_versions_are_dropped(void **state)
{
    (void)state;
    for (unsigned version = 0; version < 16; version++) {
        uint8_t p[40];
        struct ip4 h4;
        struct ip6 h6;
        ip4_packet(p, 20, 20);
        p[0] = (uint8_t)(version << 4 | 5);
        finish_ip4(p);
        assert_int_equal(ip4_judge(&h4, p, 40),
                         version == 4 ? WEIR_DROP_NONE : WEIR_DROP_IP4_VERSION);
        ip6_packet(p, IP_PROTOCOL_UDP, NULL, 0);
        p[0] = (uint8_t)(version << 4);
        assert_int_equal(ip6_judge(&h6, p, 40),
                         version == 6 ? WEIR_DROP_NONE : WEIR_DROP_IP6_VERSION);
    }
}

static void ATK_IP4_03_a_lying_total_length_is_dropped(void **state)
{
    (void)state;
    for (size_t header_len = 20; header_len <= 60; header_len += 20) {
        uint8_t p[80];
        struct ip4 h;
        size_t n = ip4_packet(p, header_len, 20);
        const size_t lies[] = {0, 1, header_len - 1, n + 1, 65535};
        for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
            store16(p + 2, (uint16_t)lies[i]);
            finish_ip4(p);
            assert_int_equal(ip4_judge(&h, p, n), WEIR_DROP_IP4_TOTAL_LENGTH);
        }
        store16(p + 2, (uint16_t)n);
        finish_ip4(p);
        assert_int_equal(ip4_judge(&h, p, n), WEIR_DROP_NONE);
    }
}

static void ATK_IP4_04_a_total_length_of_the_header_leaves_no_payload(void **state)
{
    (void)state;
    uint8_t p[40];
    struct ip4 h;
    ip4_packet(p, 20, 20);
    store16(p + 2, 20);
    finish_ip4(p);
    assert_int_equal(ip4_judge(&h, p, 40), WEIR_DROP_NONE);
    assert_int_equal(h.payload_len, 0);
}

static void ATK_IP4_05_each_flipped_header_bit_is_dropped(void **state)
{
    (void)state;
    for (size_t header_len = 20; header_len <= 60; header_len += 40) {
        uint8_t p[80];
        struct ip4 h;
        size_t n = ip4_packet(p, header_len, 20);
        assert_int_equal(ip4_judge(&h, p, n), WEIR_DROP_NONE);
        for (size_t bit = 0; bit < header_len * 8; bit++) {
            p[bit / 8] ^= (uint8_t)(0x80U >> bit % 8);
            enum weir_drop reason = ip4_judge(&h, p, n);
            /* Version and lengths are looked at first; all else only the checksum can see. */
            if (bit >= 32)
                assert_int_equal(reason, WEIR_DROP_IP4_CHECKSUM);
            else
                assert_int_not_equal(reason, WEIR_DROP_NONE);
            p[bit / 8] ^= (uint8_t)(0x80U >> bit % 8);
        }
    }
}

static void ATK_IP4_10_option_lies_are_dropped_within_the_header(void **state)
{
    (void)state;
    static const uint8_t types[4] = {IP4_OPTION_LSRR, IP4_OPTION_SSRR, IP4_OPTION_RECORD_ROUTE,
                                     IP4_OPTION_TIMESTAMP};
    uint8_t p[60];
    struct ip4 h;
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned length = 0; length < 256; length++) {
            size_t n = ip4_packet(p, 32, 0);
            p[20] = types[i];
            p[21] = (uint8_t)length;
            p[22] = types[i] == IP4_OPTION_TIMESTAMP ? 5 : 4;
            p[23] = 0;
            finish_ip4(p);
            bool good = types[i] == IP4_OPTION_TIMESTAMP
                            ? length >= 4 && length <= 12
                            : length == 3 || length == 7 || length == 11;
            assert_int_equal(ip4_judge(&h, p, n), good ? WEIR_DROP_NONE : WEIR_DROP_IP4_OPTION);
        }
        for (unsigned pointer = 0; pointer < 256; pointer++) {
            bool timestamp = types[i] == IP4_OPTION_TIMESTAMP;
            unsigned first = timestamp ? 5 : 4, length = timestamp ? 12 : 11;
            size_t n = ip4_packet(p, 32, 0);
            p[20] = types[i];
            p[21] = (uint8_t)length;
            p[22] = (uint8_t)pointer;
            p[23] = 0;
            finish_ip4(p);
            bool good = pointer >= first && pointer <= length + 1 && (pointer - first) % 4 == 0;
            assert_int_equal(ip4_judge(&h, p, n), good ? WEIR_DROP_NONE : WEIR_DROP_IP4_OPTION);
        }
    }
    size_t n = ip4_packet(p, 60, 0); /* 40 no-operations */
    assert_int_equal(ip4_judge(&h, p, n), WEIR_DROP_NONE);
    memset(p + 21, 0xff, 39); /* end of options, then garbage */
    p[20] = IP4_OPTION_END;
    finish_ip4(p);
    assert_int_equal(ip4_judge(&h, p, n), WEIR_DROP_NONE);
}

static void ATK_IP4_11_a_second_source_route_is_dropped(void **state)
{
    (void)state;
    static const uint8_t pairs[3][2] = {{131, 137}, {131, 131}, {137, 131}};
    for (unsigned i = 0; i < 3; i++) {
        uint8_t p[60];
        struct ip4 h;
        size_t n = ip4_packet(p, 36, 0);
        memcpy(p + 20,
               ((uint8_t[]){pairs[i][0], 7, 4, 10, 0, 0, 9, pairs[i][1], 7, 4, 10, 0, 0, 9}), 14);
        finish_ip4(p);
        assert_int_equal(ip4_judge(&h, p, n), WEIR_DROP_IP4_OPTION);
        memset(p + 27, IP4_OPTION_NOP, 7);
        finish_ip4(p);
        assert_int_equal(ip4_judge(&h, p, n), WEIR_DROP_NONE);
        assert_true(h.source_route); /* for the network room to refuse */
    }
}

static void ATK_IP4_15_odd_flags_are_parsed_by_offset_and_more_alone(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 8; flags++) {
        for (unsigned offset = 0; offset < 3; offset++) {
            uint8_t p[36];
            struct ip4 h;
            size_t n = ip4_packet(p, 20, 16);
            store16(p + 6, (uint16_t)(flags << 13 | offset));
            finish_ip4(p);
            assert_int_equal(ip4_judge(&h, p, n), WEIR_DROP_NONE);
            assert_int_equal(h.fragment_offset, offset * 8);
            assert_int_equal(h.more_fragments, flags & 1);
            assert_int_equal(ip4_is_fragment(&h), (flags & 1) != 0 || offset != 0);
        }
    }
}

/* ---- fragments ---- */

/* RFC 791 and RFC 8200 give a datagram 65,535 bytes; the header of IPv4 counts. */
static void ATK_FRG_02_a_fragment_past_the_largest_datagram_is_dropped(void **state)
{
    (void)state;
    static const struct {
        uint16_t offset, len;
        bool ok4, ok6;
    } rows[] = {
        {65528, 100, false, false}, {65528, 1, false, true},  {65528, 7, false, true},
        {65528, 8, false, false},   {65512, 3, true, true},   {65512, 4, false, true},
        {65512, 23, false, true},   {65512, 24, false, false}, {0, 100, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t p[200], payload[108] = {IP_PROTOCOL_UDP};
        struct ip4 h4;
        struct ip6 h6;
        size_t n = ip4_packet(p, 20, rows[i].len);
        store16(p + 6, rows[i].offset / 8);
        finish_ip4(p);
        assert_int_equal(ip4_judge(&h4, p, n),
                         rows[i].ok4 ? WEIR_DROP_NONE : WEIR_DROP_IP4_FRAGMENT);
        store16(payload + 2, rows[i].offset);
        n = ip6_packet(p, IP6_NEXT_FRAGMENT, payload, 8U + rows[i].len);
        assert_int_equal(ip6_judge(&h6, p, n),
                         rows[i].ok6 ? WEIR_DROP_NONE : WEIR_DROP_IP6_FRAGMENT);
        if (!rows[i].ok6) { /* RFC 8200 4.5: code 0 at the fragment offset */
            assert_int_equal(h6.problem.answer, IP6_ANSWER_UNLESS_MULTICAST);
            assert_int_equal(h6.problem.code, 0);
            assert_int_equal(h6.problem.at, 42);
        }
    }
}

static void ATK_FRG_09_an_unaligned_fragment_that_is_not_last_is_dropped(void **state)
{
    (void)state;
    for (size_t len = 8; len <= 24; len++) {
        for (unsigned more = 0; more < 2; more++) {
            uint8_t p[100], payload[40] = {IP_PROTOCOL_UDP, 0, 0, (uint8_t)(8 | more)};
            struct ip4 h4;
            struct ip6 h6;
            bool ok = more == 0 || len % 8 == 0;
            size_t n = ip4_packet(p, 20, len);
            store16(p + 6, (uint16_t)(more << 13 | 1));
            finish_ip4(p);
            assert_int_equal(ip4_judge(&h4, p, n), ok ? WEIR_DROP_NONE : WEIR_DROP_IP4_FRAGMENT);
            n = ip6_packet(p, IP6_NEXT_FRAGMENT, payload, 8 + len);
            assert_int_equal(ip6_judge(&h6, p, n), ok ? WEIR_DROP_NONE : WEIR_DROP_IP6_FRAGMENT);
            if (!ok) { /* code 0 at the payload length */
                assert_int_equal(h6.problem.answer, IP6_ANSWER_UNLESS_MULTICAST);
                assert_int_equal(h6.problem.code, 0);
                assert_int_equal(h6.problem.at, 4);
            }
        }
    }
}

static void ATK_FRG_10_an_empty_fragment_is_dropped(void **state)
{
    (void)state;
    static const uint16_t offsets[3] = {0, 8, 65528};
    for (unsigned i = 0; i < 3; i++) {
        uint8_t p[60], payload[8] = {IP_PROTOCOL_UDP};
        struct ip4 h4;
        struct ip6 h6;
        size_t n = ip4_packet(p, 20, 0);
        store16(p + 6, (uint16_t)(0x2000 | offsets[i] / 8));
        finish_ip4(p);
        assert_int_equal(ip4_judge(&h4, p, n), WEIR_DROP_IP4_FRAGMENT);
        store16(payload + 2, offsets[i] | 1);
        n = ip6_packet(p, IP6_NEXT_FRAGMENT, payload, 8);
        assert_int_equal(ip6_judge(&h6, p, n), WEIR_DROP_IP6_FRAGMENT);
        assert_int_equal(h6.problem.answer, IP6_ANSWER_NONE);
    }
}

static void ATK_FRG_15_an_atomic_fragment_is_a_whole_packet(void **state)
{
    (void)state;
    static const uint8_t payload[24] = {IP6_NEXT_DESTINATION, 0, 0, 0, 9, 9, 9, 9,
                                        IP_PROTOCOL_UDP, 0, 1, 4, 0, 0, 0, 0};
    uint8_t p[80];
    struct ip6 h;
    size_t n = ip6_packet(p, IP6_NEXT_FRAGMENT, payload, sizeof payload);
    assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_NONE);
    assert_false(ip6_is_fragment(&h));
    assert_int_equal(h.fragment_at, 40);
    assert_int_equal(h.protocol, IP_PROTOCOL_UDP);
    assert_int_equal(h.upper_at, 56);
}

static void ATK_FRG_16_a_first_fragment_without_its_chain_is_answered_with_code_3(void **state)
{
    (void)state;
    static const uint8_t payload[16] = {IP6_NEXT_DESTINATION, 0, 0, 1, 9, 9, 9, 9,
                                        IP_PROTOCOL_UDP,      9};
    uint8_t p[80];
    struct ip6 h;
    size_t n = ip6_packet(p, IP6_NEXT_FRAGMENT, payload, sizeof payload);
    assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_FRAGMENT);
    assert_int_equal(h.problem.answer, IP6_ANSWER_UNLESS_MULTICAST);
    assert_int_equal(h.problem.code, 3);
    assert_int_equal(h.problem.at, 0);
}

static void ATK_FRG_17_a_fragment_header_behind_another_is_dropped(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) { /* behind an atomic one, and in a first fragment */
        for (unsigned inner = 0; inner < 2; inner++) {
            uint8_t payload[32] = {IP6_NEXT_FRAGMENT, 0, 0, (uint8_t)more, 9, 9, 9, 9,
                                   IP_PROTOCOL_UDP,   0, 0, (uint8_t)inner};
            uint8_t p[80];
            struct ip6 h;
            size_t n = ip6_packet(p, IP6_NEXT_FRAGMENT, payload, sizeof payload);
            assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_FRAGMENT);
            assert_int_equal(h.problem.answer, IP6_ANSWER_NONE);
            p[40] = IP6_NEXT_DESTINATION; /* the same bytes as options are fine */
            assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_NONE);
        }
    }
}

/* ---- IPv6 ---- */

static void ATK_IP6_01_a_lying_payload_length_is_dropped_or_trims(void **state)
{
    (void)state;
    static const uint8_t payload[20];
    uint8_t p[60];
    struct ip6 h;
    size_t n = ip6_packet(p, IP_PROTOCOL_TCP, payload, 20);
    static const uint16_t lies[] = {21, 1000, 65535};
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        store16(p + 4, lies[i]);
        assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_PAYLOAD_LENGTH);
    }
    for (uint16_t len = 0; len <= 20; len++) {
        store16(p + 4, len);
        assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_NONE);
        assert_int_equal(h.upper_len, len);
    }
}

static void ATK_IP6_02_header_chains_end(void **state)
{
    (void)state;
    static const uint8_t kinds[3] = {IP6_NEXT_HOP_BY_HOP, IP6_NEXT_ROUTING, IP6_NEXT_DESTINATION};
    static uint8_t p[40 + 200 * 8 + 4096];
    static const uint8_t zeros[200 * 8 + 4096];
    struct ip6 h;
    for (unsigned i = 0; i < 3; i++) {
        uint8_t one[16] = {IP_PROTOCOL_TCP, 0xff, 1, 0};
        size_t n = ip6_packet(p, kinds[i], one, sizeof one);
        assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_EXT_SHORT);
        n = ip6_packet(p, kinds[i], zeros, sizeof zeros); /* 2,048 bytes, all there: too many */
        p[40] = IP_PROTOCOL_TCP;
        p[41] = 0xff;
        assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_EXT_LIMIT);
    }
    size_t n = ip6_packet(p, IP6_NEXT_DESTINATION, zeros, 200 * 8);
    for (size_t at = 40; at < n; at += 8)
        p[at] = IP6_NEXT_DESTINATION;
    assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_EXT_LIMIT);
    /* 256 bytes, whose length wraps to 0 in 8 bits, and then one header too many. */
    n = ip6_packet(p, IP6_NEXT_DESTINATION, zeros, 600);
    p[40] = IP6_NEXT_DESTINATION;
    p[41] = 31;
    p[40 + 256] = IP_PROTOCOL_TCP;
    p[40 + 257] = 0;
    assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_EXT_LIMIT);
}

static void ATK_IP6_03_option_overruns_are_dropped(void **state)
{
    (void)state;
    static const uint8_t kinds[2] = {IP6_NEXT_HOP_BY_HOP, IP6_NEXT_DESTINATION};
    static const struct {
        uint8_t header[8];
        enum weir_drop want;
    } rows[] = {
        {{17, 0, 1, 5, 0, 0, 0, 0}, WEIR_DROP_IP6_OPTION},    /* one byte past the header */
        {{17, 0, 1, 255, 0, 0, 0, 0}, WEIR_DROP_IP6_OPTION},
        {{17, 0, 9, 255, 0, 0, 0, 0}, WEIR_DROP_IP6_OPTION},
        {{17, 0, 0, 0, 0, 0, 0, 1}, WEIR_DROP_IP6_OPTION},    /* cut at the last byte */
        {{17, 0, 1, 3, 0, 0, 0, 9}, WEIR_DROP_IP6_OPTION},
        {{17, 0, 1, 2, 0, 0, 1, 1}, WEIR_DROP_IP6_OPTION},
        {{17, 0, 0, 0, 0, 0, 0, 0}, WEIR_DROP_NONE},          /* a run of Pad1 */
        {{17, 0, 1, 4, 0, 0, 0, 0}, WEIR_DROP_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned k = 0; k < 2; k++) {
            uint8_t p[48];
            struct ip6 h;
            size_t n = ip6_packet(p, kinds[k], rows[i].header, 8);
            assert_int_equal(ip6_judge(&h, p, n), rows[i].want);
        }
    }
}

static void ATK_IP6_04_unknown_options_do_what_their_bits_say(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        enum weir_drop want;
        enum ip6_answer answer;
    } rows[] = {
        {0x1e, WEIR_DROP_NONE, IP6_ANSWER_NONE},
        {0x5e, WEIR_DROP_IP6_OPTION_UNKNOWN, IP6_ANSWER_NONE},
        {0x9e, WEIR_DROP_IP6_OPTION_UNKNOWN, IP6_ANSWER_ALWAYS},
        {0xde, WEIR_DROP_IP6_OPTION_UNKNOWN, IP6_ANSWER_UNLESS_MULTICAST},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned multicast = 0; multicast < 2; multicast++) {
            uint8_t p[48], header[8] = {17, 0, 1, 0, rows[i].type, 2, 0, 0};
            struct ip6 h;
            size_t n = ip6_packet(p, IP6_NEXT_DESTINATION, header, 8);
            p[24] = multicast ? 0xff : 0xfe;
            assert_int_equal(ip6_judge(&h, p, n), rows[i].want);
            assert_int_equal(h.problem.answer, rows[i].answer);
            bool told = rows[i].answer == IP6_ANSWER_ALWAYS ||
                        (rows[i].answer == IP6_ANSWER_UNLESS_MULTICAST && !multicast);
            assert_int_equal(icmp6_may_answer(p, n, false, h.problem.answer), told);
            if (rows[i].answer != IP6_ANSWER_NONE) {
                assert_int_equal(h.problem.code, 2);
                assert_int_equal(h.problem.at, 44);
            }
        }
    }
}

static void ATK_IP6_05_a_routing_header_with_segments_left_is_dropped(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type += 51) {
        for (unsigned left = 0; left < 128; left++) {
            uint8_t p[72], header[32] = {17, 2, (uint8_t)type, (uint8_t)left};
            struct ip6 h;
            size_t n = ip6_packet(p, IP6_NEXT_ROUTING, header, 32);
            assert_int_equal(ip6_judge(&h, p, n),
                             left == 0 ? WEIR_DROP_NONE : WEIR_DROP_IP6_ROUTING);
            if (left == 0)
                continue;
            assert_int_equal(h.problem.answer, IP6_ANSWER_UNLESS_MULTICAST);
            assert_int_equal(h.problem.code, 0);
            assert_int_equal(h.problem.at, 42);
        }
    }
}

static void ATK_IP6_06_jumbo_options_are_dropped(void **state)
{
    (void)state;
    static const uint32_t jumbos[] = {0, 16, 65535, 65536, 1000000, 0xffffffff};
    for (size_t i = 0; i < sizeof jumbos / sizeof jumbos[0]; i++) {
        for (unsigned empty = 0; empty < 2; empty++) {
            uint8_t p[56], header[16] = {17, 0, 0xc2, 4};
            struct ip6 h;
            store32(header + 4, jumbos[i]);
            size_t n = ip6_packet(p, IP6_NEXT_HOP_BY_HOP, header, 16);
            if (empty)
                store16(p + 4, 0);
            assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_JUMBO);
        }
    }
}

static void ATK_IP6_07_hop_by_hop_stands_first_or_is_answered_with_code_1(void **state)
{
    (void)state;
    static const uint8_t first[3] = {IP6_NEXT_HOP_BY_HOP, IP6_NEXT_DESTINATION, IP6_NEXT_ROUTING};
    for (unsigned i = 0; i < 3; i++) {
        uint8_t p[64], headers[24] = {IP6_NEXT_HOP_BY_HOP, 0, 0, 0, 0, 0, 0, 0, 17, 0};
        struct ip6 h;
        size_t n = ip6_packet(p, first[i], headers, 24);
        assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_EXT_ORDER);
        assert_int_equal(h.problem.answer, IP6_ANSWER_UNLESS_MULTICAST);
        assert_int_equal(h.problem.code, 1);
        assert_int_equal(h.problem.at, 40);
    }
}

static void ATK_IP6_08_data_behind_no_next_header_is_ignored(void **state)
{
    (void)state;
    static const uint8_t syn[28] = {IP6_NEXT_NONE, 0, 1, 4, 0, 0, 0, 0, 0, 80, 0, 80};
    uint8_t p[80];
    struct ip6 h;
    size_t n = ip6_packet(p, IP6_NEXT_NONE, syn + 8, 20);
    assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_NO_NEXT);
    assert_int_equal(h.problem.answer, IP6_ANSWER_NONE);
    n = ip6_packet(p, IP6_NEXT_DESTINATION, syn, 28);
    assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_NO_NEXT);
}

static void ATK_IP6_09_a_bad_packet_leaves_no_trace_in_the_next(void **state)
{
    (void)state;
    static const uint8_t bad[8] = {17, 0, 0xde, 200, 0, 0, 0, 0};
    static const uint8_t fragment[24] = {17, 0, 0, 9, 1, 2, 3, 4};
    static const uint8_t good[28];
    uint8_t p[80];
    struct ip6 h, clean;
    size_t n = ip6_packet(p, IP_PROTOCOL_TCP, good, 28);
    memset(&clean, 0, sizeof clean);
    assert_int_equal(ip6_judge(&clean, p, n), WEIR_DROP_NONE);
    n = ip6_packet(p, IP6_NEXT_DESTINATION, bad, 8);
    assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_IP6_OPTION);
    n = ip6_packet(p, IP6_NEXT_FRAGMENT, fragment, 24);
    assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_NONE);
    assert_true(ip6_is_fragment(&h));
    n = ip6_packet(p, IP_PROTOCOL_TCP, good, 28);
    assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_NONE);
    assert_int_equal(h.problem.answer, IP6_ANSWER_NONE);
    assert_int_equal(h.fragment_at, 0);
    assert_false(ip6_is_fragment(&h));
    assert_int_equal(h.upper_at, clean.upper_at);
    assert_int_equal(h.upper_len, clean.upper_len);
}

/* Neither is supported, so neither is skipped: the network room drops them by their number. */
static void ATK_IP6_11_ah_and_esp_are_never_passed(void **state)
{
    (void)state;
    static const uint8_t kinds[2] = {IP6_NEXT_AH, IP6_NEXT_ESP};
    for (unsigned i = 0; i < 2; i++) {
        uint8_t p[80], header[32] = {IP_PROTOCOL_TCP, 0};
        struct ip6 h;
        for (unsigned length = 0; length < 256; length++) {
            header[1] = (uint8_t)length;
            size_t n = ip6_packet(p, kinds[i], header, 32);
            assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_NONE);
            assert_int_equal(h.protocol, kinds[i]);
            assert_int_equal(h.upper_at, 40);
        }
        uint8_t fragment[24] = {kinds[i], 0, 0, 1, 1, 2, 3, 4};
        size_t n = ip6_packet(p, IP6_NEXT_FRAGMENT, fragment, 24);
        assert_int_equal(ip6_judge(&h, p, n), WEIR_DROP_NONE);
        assert_true(ip6_is_fragment(&h));
        assert_int_equal(h.protocol, kinds[i]);
    }
}

/* ---- neighbour discovery ---- */

static enum weir_drop nd_judge(struct nd *m, const uint8_t *p, size_t n, const struct ip6 *ip)
{
    uint8_t *exact = exact_copy(p, n);
    enum weir_drop reason = nd_parse(m, exact, n, n, ip);
    free(exact);
    return reason;
}

static const struct ip6 from_router = {.source = {{0xfe, 0x80, [15] = 1}},
                                       .destination = {{0xfe, 0x80, [15] = 2}},
                                       .hop_limit = 255};
static const uint8_t nd_least[5] = {8, 16, 24, 24, 40}; /* types 133 to 137 */

static void ATK_ND_01_a_hop_limit_below_255_is_dropped(void **state)
{
    (void)state;
    for (unsigned type = 133; type <= 137; type++) {
        for (unsigned hops = 0; hops < 256; hops++) {
            uint8_t p[40] = {(uint8_t)type};
            struct nd m;
            struct ip6 ip = from_router;
            ip.hop_limit = (uint8_t)hops;
            assert_int_equal(nd_judge(&m, p, nd_least[type - 133], &ip),
                             hops == 255 ? WEIR_DROP_NONE : WEIR_DROP_ND_HOP_LIMIT);
        }
    }
}

static void ATK_ND_02_an_option_of_length_zero_spoils_the_message(void **state)
{
    (void)state;
    for (unsigned type = 133; type <= 137; type++) {
        for (unsigned option = 0; option < 256; option++) {
            uint8_t p[56] = {(uint8_t)type};
            struct nd m;
            size_t n = nd_least[type - 133];
            p[n] = (uint8_t)option;
            assert_int_equal(nd_judge(&m, p, n + 8, &from_router), WEIR_DROP_ND_OPTION);
            p[n] = 200; /* also behind a good one */
            p[n + 1] = 1;
            p[n + 8] = (uint8_t)option;
            assert_int_equal(nd_judge(&m, p, n + 16, &from_router), WEIR_DROP_ND_OPTION);
        }
    }
}

static void ATK_ND_03_options_of_impossible_size_are_ignored(void **state)
{
    (void)state;
    for (unsigned units = 1; units <= 12; units++) {
        uint8_t p[16 + 12 * 8] = {134};
        struct nd m;
        p[16] = ND_OPTION_RDNSS;
        p[17] = (uint8_t)units;
        assert_int_equal(nd_judge(&m, p, 16 + 8 * units, &from_router), WEIR_DROP_NONE);
        unsigned servers = units % 2 == 0 ? 0 : units / 2;
        assert_int_equal(m.rdnss_count, servers < ND_RDNSS_MAX ? servers : ND_RDNSS_MAX);
        p[16] = ND_OPTION_PREFIX;
        p[18] = 64;
        assert_int_equal(nd_judge(&m, p, 16 + 8 * units, &from_router), WEIR_DROP_NONE);
        assert_int_equal(m.prefix_count, units == 4);
        p[16] = ND_OPTION_MTU;
        store32(p + 20, 1500);
        assert_int_equal(nd_judge(&m, p, 16 + 8 * units, &from_router), WEIR_DROP_NONE);
        assert_int_equal(m.mtu, units == 1 ? 1500 : 0);
        p[16] = ND_OPTION_SOURCE_MAC;
        assert_int_equal(nd_judge(&m, p, 16 + 8 * units, &from_router), WEIR_DROP_NONE);
        assert_int_equal(m.has_source_mac, units == 1);
    }
    for (unsigned len = 0; len < 256; len++) {
        uint8_t p[48] = {134, [16] = ND_OPTION_PREFIX, 4, (uint8_t)len};
        struct nd m;
        assert_int_equal(nd_judge(&m, p, 48, &from_router), WEIR_DROP_NONE);
        assert_int_equal(m.prefix_count, len <= 128);
    }
    uint8_t p[18] = {134, [16] = ND_OPTION_MTU, 1}; /* an MTU option without its MTU */
    struct nd m;
    for (size_t n = 17; n <= 18; n++)
        assert_int_equal(nd_judge(&m, p, n, &from_router), WEIR_DROP_ND_OPTION);
}

static void ATK_ND_10_a_solicitation_from_nobody_has_no_source_option(void **state)
{
    (void)state;
    uint8_t p[40] = {135, [8] = 0xfe, 0x80, [23] = 2, 1, 1, 2, 0, 0, 0, 0, 1};
    struct nd m;
    struct ip6 ip = {.destination = {{0xff, 0x02, [11] = 1, 0xff, 0, 0, 2}}, .hop_limit = 255};
    assert_int_equal(nd_judge(&m, p, 32, &ip), WEIR_DROP_ND_TARGET);
    p[25] = 2; /* also when the option is of a wrong size */
    assert_int_equal(nd_judge(&m, p, 40, &ip), WEIR_DROP_ND_TARGET);
    assert_int_equal(nd_judge(&m, p, 24, &ip), WEIR_DROP_NONE);
}

/* ---- ICMP ---- */

static void ATK_ICM_06_a_cut_quote_is_dropped(void **state)
{
    (void)state;
    uint8_t quote[80];
    struct icmp_quote q;
    ip4_packet(quote, 20, 8);
    for (size_t n = 0; n <= 28; n++) {
        uint8_t *exact = exact_copy(quote, n);
        assert_int_equal(icmp4_quote_parse(&q, exact, n),
                         n < 28 ? WEIR_DROP_ICMP_QUOTE : WEIR_DROP_NONE);
        free(exact);
    }
    for (unsigned ihl = 0; ihl < 16; ihl++) {
        uint8_t *exact = exact_copy(quote, 28);
        exact[0] = (uint8_t)(0x40 | ihl);
        assert_int_equal(icmp4_quote_parse(&q, exact, 28),
                         ihl == 5 ? WEIR_DROP_NONE : WEIR_DROP_ICMP_QUOTE);
        free(exact);
    }
    for (unsigned offset = 1; offset < 8192; offset *= 2) {
        store16(quote + 6, (uint16_t)offset); /* a later fragment has no ports */
        assert_int_equal(icmp4_quote_parse(&q, quote, 28), WEIR_DROP_ICMP_QUOTE);
    }
    static const uint8_t payload[16] = {IP_PROTOCOL_UDP, 0, 0, 0};
    size_t whole = ip6_packet(quote, IP6_NEXT_FRAGMENT, payload, 16);
    for (size_t n = 0; n <= whole; n++) {
        uint8_t *exact = exact_copy(quote, n);
        assert_int_equal(icmp6_quote_parse(&q, exact, n),
                         n < whole ? WEIR_DROP_ICMP_QUOTE : WEIR_DROP_NONE);
        free(exact);
    }
    quote[43] = 8;
    assert_int_equal(icmp6_quote_parse(&q, quote, whole), WEIR_DROP_ICMP_QUOTE);
}

static void ATK_ICM_07_errors_are_never_answered(void **state)
{
    (void)state;
    static const uint8_t errors4[] = {3, 4, 5, 11, 12};
    static const uint8_t errors6[] = {1, 2, 3, 4, 100, 127, 137};
    uint8_t p[80];
    for (size_t i = 0; i < sizeof errors4; i++) {
        size_t n = ip4_packet(p, 24, 36);
        p[9] = IP_PROTOCOL_ICMP4;
        p[24] = errors4[i];
        assert_false(icmp4_may_answer(p, n, false));
        p[24] = ICMP4_ECHO_REQUEST;
        assert_true(icmp4_may_answer(p, n, false));
        p[16] = 224; /* to a group */
        assert_false(icmp4_may_answer(p, n, false));
        p[16] = 10;
        p[12] = 224; /* from a group */
        assert_false(icmp4_may_answer(p, n, false));
        p[12] = 10;
        p[7] = 1; /* not the first fragment */
        assert_false(icmp4_may_answer(p, n, false));
    }
    for (size_t i = 0; i < sizeof errors6; i++) {
        uint8_t payload[40] = {IP_PROTOCOL_ICMP6, 0, 1, 4, 0, 0, 0, 0, errors6[i]};
        size_t n = ip6_packet(p, IP6_NEXT_DESTINATION, payload, sizeof payload);
        assert_false(icmp6_may_answer(p, n, false, IP6_ANSWER_ALWAYS));
        p[48] = ICMP6_ECHO_REQUEST;
        assert_true(icmp6_may_answer(p, n, false, IP6_ANSWER_ALWAYS));
    }
}

static void ATK_ICM_12_an_echo_shorter_than_its_header_is_dropped(void **state)
{
    (void)state;
    static const uint8_t echo[8] = {ICMP4_ECHO_REQUEST};
    for (size_t n = 0; n <= 8; n++) {
        uint8_t *exact = exact_copy(echo, n);
        struct icmp m;
        assert_int_equal(icmp4_parse(&m, exact, n, n),
                         n < 8 ? WEIR_DROP_ICMP_SHORT : WEIR_DROP_NONE);
        assert_int_equal(icmp6_parse(&m, exact, n, n),
                         n < 8 ? WEIR_DROP_ICMP_SHORT : WEIR_DROP_NONE);
        free(exact);
    }
    struct icmp m;
    assert_int_equal(icmp4_parse(&m, echo, 8, 65515), WEIR_DROP_NONE);
    assert_int_equal(m.data_len, 65507);
}

static void ATK_ICM_13_a_quote_of_the_largest_headers_is_bounded(void **state)
{
    (void)state;
    uint8_t offender[60 + 60 + 1000], out[600];
    struct icmp m = {.type = ICMP4_PARAMETER_PROBLEM, .pointer = 20};
    size_t n = ip4_packet(offender, 60, 1060);
    offender[60 + 12] = 0xf0;
    struct weir_ref part[1] = {{offender, n}};
    struct icmp_data data = {&csum_portable, part, 1};
    memset(out, 0xa5, sizeof out);
    size_t len = icmp4_emit(out, sizeof out, &m, &data);
    assert_int_equal(len, 8 + ICMP4_QUOTE_MAX);
    assert_memory_equal(out + 8, offender, ICMP4_QUOTE_MAX);
    for (size_t i = len; i < sizeof out; i++)
        assert_int_equal(out[i], 0xa5);
    struct icmp_quote q; /* and it still names the connection */
    assert_int_equal(icmp4_quote_parse(&q, out + 8, len - 8), WEIR_DROP_NONE);
    assert_int_equal(q.transport_at, 60);
    part[0].len = 120;
    assert_int_equal(icmp4_emit(out, 128, &m, &data), 128);
    assert_int_equal(icmp4_emit(out, 127, &m, &data), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_DEV_01_runt_frames_are_dropped_before_a_field_is_read),
        cmocka_unit_test(ATK_DEV_02_header_only_frames_are_dropped_without_underflow),
        cmocka_unit_test(ATK_DEV_03_an_ethernet_trailer_is_not_payload),
        cmocka_unit_test(ATK_DEV_04_padding_is_zero),
        cmocka_unit_test(ATK_DEV_05_a_third_vlan_tag_is_dropped),
        cmocka_unit_test(ATK_DEV_06_an_802_3_length_is_no_type),
        cmocka_unit_test(ATK_ARP_01_malformed_messages_are_dropped),
        cmocka_unit_test(ATK_IP4_01_bad_header_lengths_are_dropped),
        cmocka_unit_test(ATK_IP4_02_other_versions_are_dropped),
        cmocka_unit_test(ATK_IP4_03_a_lying_total_length_is_dropped),
        cmocka_unit_test(ATK_IP4_04_a_total_length_of_the_header_leaves_no_payload),
        cmocka_unit_test(ATK_IP4_05_each_flipped_header_bit_is_dropped),
        cmocka_unit_test(ATK_IP4_10_option_lies_are_dropped_within_the_header),
        cmocka_unit_test(ATK_IP4_11_a_second_source_route_is_dropped),
        cmocka_unit_test(ATK_IP4_15_odd_flags_are_parsed_by_offset_and_more_alone),
        cmocka_unit_test(ATK_FRG_02_a_fragment_past_the_largest_datagram_is_dropped),
        cmocka_unit_test(ATK_FRG_09_an_unaligned_fragment_that_is_not_last_is_dropped),
        cmocka_unit_test(ATK_FRG_10_an_empty_fragment_is_dropped),
        cmocka_unit_test(ATK_FRG_15_an_atomic_fragment_is_a_whole_packet),
        cmocka_unit_test(ATK_FRG_16_a_first_fragment_without_its_chain_is_answered_with_code_3),
        cmocka_unit_test(ATK_FRG_17_a_fragment_header_behind_another_is_dropped),
        cmocka_unit_test(ATK_IP6_01_a_lying_payload_length_is_dropped_or_trims),
        cmocka_unit_test(ATK_IP6_02_header_chains_end),
        cmocka_unit_test(ATK_IP6_03_option_overruns_are_dropped),
        cmocka_unit_test(ATK_IP6_04_unknown_options_do_what_their_bits_say),
        cmocka_unit_test(ATK_IP6_05_a_routing_header_with_segments_left_is_dropped),
        cmocka_unit_test(ATK_IP6_06_jumbo_options_are_dropped),
        cmocka_unit_test(ATK_IP6_07_hop_by_hop_stands_first_or_is_answered_with_code_1),
        cmocka_unit_test(ATK_IP6_08_data_behind_no_next_header_is_ignored),
        cmocka_unit_test(ATK_IP6_09_a_bad_packet_leaves_no_trace_in_the_next),
        cmocka_unit_test(ATK_IP6_11_ah_and_esp_are_never_passed),
        cmocka_unit_test(ATK_ND_01_a_hop_limit_below_255_is_dropped),
        cmocka_unit_test(ATK_ND_02_an_option_of_length_zero_spoils_the_message),
        cmocka_unit_test(ATK_ND_03_options_of_impossible_size_are_ignored),
        cmocka_unit_test(ATK_ND_10_a_solicitation_from_nobody_has_no_source_option),
        cmocka_unit_test(ATK_ICM_06_a_cut_quote_is_dropped),
        cmocka_unit_test(ATK_ICM_07_errors_are_never_answered),
        cmocka_unit_test(ATK_ICM_12_an_echo_shorter_than_its_header_is_dropped),
        cmocka_unit_test(ATK_ICM_13_a_quote_of_the_largest_headers_is_bounded),
    };
    return cmocka_run_group_tests_name("attack_parse", tests, NULL, NULL);
}
