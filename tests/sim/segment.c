/* SPDX-License-Identifier: MIT
 * Whole packets: their parts, their checksums, and segmentation against packets built one by
 * one. */
#include "harness.h"

#include "sim/packet.h"
#include "wire/tcp.h"

/* What one packet of a test is made of; everything else is fixed. */
struct recipe {
    bool ethernet, vlan, ip6, udp;
    uint16_t ip_id;
    uint32_t seq;
    uint8_t flags;
    uint32_t tcp_options; /* bytes of them, all NOP */
    uint32_t payload_from, payload_len;
};

static uint32_t link_len(const struct recipe *r)
{
    return !r->ethernet ? 0 : r->vlan ? 18 : 14;
}

static uint32_t transport_at(const struct recipe *r)
{
    return link_len(r) + (r->ip6 ? 40 : 20);
}

static uint32_t headers_len(const struct recipe *r)
{
    return transport_at(r) + (r->udp ? 8 : 20 + r->tcp_options);
}

/* Build the packet byte by byte, with right checksums; returns its length. */
static uint32_t packet_build(uint8_t *p, const struct recipe *r)
{
    uint32_t ip_at = link_len(r), at = transport_at(r);
    uint32_t len = headers_len(r) + r->payload_len, transport_len = len - at;
    memset(p, 0, len);
    if (r->ethernet) {
        memset(p, 0x22, 12);
        if (r->vlan)
            store32(p + 12, 0x81000005);
        store16(p + ip_at - 2, r->ip6 ? 0x86dd : 0x0800);
    }
    uint8_t *ip = p + ip_at, *t = p + at;
    if (r->ip6) {
        store32(ip, 0x60212345);
        store16(ip + 4, (uint16_t)transport_len);
        ip[6] = r->udp ? 17 : 6;
        ip[7] = 64;
        for (uint8_t i = 8; i < 40; i++)
            ip[i] = (uint8_t)(0x20 + i);
    } else {
        ip[0] = 0x45;
        ip[1] = 2;
        store16(ip + 2, (uint16_t)(transport_len + 20));
        store16(ip + 4, r->ip_id);
        store16(ip + 6, 0x4000);
        ip[8] = 64;
        ip[9] = r->udp ? 17 : 6;
        store32(ip + 12, 0x0a000001);
        store32(ip + 16, 0x0a000002);
        store16(ip + 10, (uint16_t)~plain_sum(0, ip, 20));
    }
    store16(t, 4000);
    store16(t + 2, 80);
    if (r->udp) {
        store16(t + 4, (uint16_t)transport_len);
    } else {
        store32(t + 4, r->seq);
        store32(t + 8, 0x12345678);
        t[12] = (uint8_t)((20 + r->tcp_options) / 4 << 4);
        t[13] = r->flags;
        store16(t + 14, 5000);
        memset(t + 20, 1, r->tcp_options);
    }
    for (uint32_t i = 0; i < r->payload_len; i++)
        p[headers_len(r) + i] = (uint8_t)((r->payload_from + i) * 7 + (r->payload_from + i) / 256);
    uint16_t sum = (uint16_t)~plain_transport_sum(ip, at - ip_at, transport_len);
    store16(t + (r->udp ? 6 : 16), r->udp && sum == 0 ? 0xffff : sum);
    return len;
}

static uint8_t segmentation_of(const struct recipe *r)
{
    return r->udp ? WEIR_SEGMENT_UDP : r->ip6 ? WEIR_SEGMENT_TCP6 : WEIR_SEGMENT_TCP4;
}

static unsigned link_of(const struct recipe *r)
{
    return r->ethernet ? WEIR_LINK_ETHERNET : WEIR_LINK_IP;
}

/* What segment `i` of the packet has to be: a packet of its own. */
static struct recipe segment_recipe(struct recipe whole, unsigned i, unsigned count, uint32_t size)
{
    struct recipe r = whole;
    r.payload_from = i * size;
    r.payload_len = i + 1 < count ? size : whole.payload_len - r.payload_from;
    r.ip_id = (uint16_t)(whole.ip_id + i);
    r.seq = whole.seq + r.payload_from;
    if (i + 1 < count)
        r.flags &= (uint8_t)~(TCP_FIN | TCP_PSH);
    if (i > 0)
        r.flags &= (uint8_t)~TCP_CWR;
    return r;
}

static uint8_t packet[70000];

static void check_segments(struct recipe whole, uint16_t size)
{
    uint8_t expected[3000], made[3000];
    struct sim_cut cut = {.bytes = packet,
                          .len = packet_build(packet, &whole),
                          .link = (uint8_t)link_of(&whole),
                          .segmentation = segmentation_of(&whole),
                          .segment_size = size};
    unsigned count = whole.payload_len == 0 ? 1 : (whole.payload_len + size - 1) / size;
    /* The transport checksum of a packet to be cut is unfinished: any value may stand there. */
    packet[transport_at(&whole) + (whole.udp ? 6 : 16)] ^= 0x5a;
    assert_int_equal(sim_segment_count(&cut), count);
    for (unsigned i = 0; i < count; i++) {
        struct recipe r = segment_recipe(whole, i, count, size);
        uint32_t len = packet_build(expected, &r);
        memset(made, 0xee, sizeof made);
        assert_int_equal(sim_segment_make(&cut, i, made, len - 1), 0);
        assert_int_equal(made[0], 0xee);
        assert_int_equal(sim_segment_make(&cut, i, made, len), len);
        assert_memory_equal(made, expected, len);
        assert_int_equal(made[len], 0xee);
    }
}

static void test_segments_are_the_packets_a_sender_would_have_made(void **state)
{
    (void)state;
    static const uint32_t lens[] = {0, 1, 999, 1000, 1001, 1999, 2000, 2001, 9500};
    for (unsigned variant = 0; variant < 16; variant++)
        for (unsigned i = 0; i < sizeof lens / sizeof lens[0]; i++) {
            struct recipe r = {.ethernet = (variant & 1) != 0,
                               .vlan = (variant & 2) != 0,
                               .ip6 = (variant & 4) != 0,
                               .udp = (variant & 8) != 0,
                               .ip_id = 0xfffe,       /* wraps */
                               .seq = 0xfffffc00,     /* wraps */
                               .flags = TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR | TCP_ECE,
                               .tcp_options = 12,
                               .payload_len = lens[i]};
            check_segments(r, 1000);
        }
}

static void test_the_largest_packets_are_cut_into_small_segments(void **state)
{
    (void)state;
    struct recipe r = {.flags = TCP_ACK, .payload_len = 65535 - 40};
    check_segments(r, 1460);
    r.payload_len = 2000;
    check_segments(r, 1);
    r = (struct recipe){
        .ip6 = true, .flags = TCP_ACK, .tcp_options = 40, .payload_len = 65535 - 60};
    check_segments(r, 1400);
    r = (struct recipe){.ip6 = true, .udp = true, .ethernet = true, .payload_len = 65535 - 8};
    check_segments(r, 1232);
}

static void test_random_packets_are_cut_as_built(void **state)
{
    (void)state;
    struct rng rng = rng_make(77);
    for (unsigned i = 0; i < 150; i++) {
        uint64_t bits = rng_u64(&rng), options = rng_below(&rng, 11), len = rng_below(&rng, 8000);
        struct recipe r = {.ethernet = (bits & 1) != 0,
                           .vlan = (bits & 2) != 0,
                           .ip6 = (bits & 4) != 0,
                           .udp = (bits & 8) != 0,
                           .ip_id = (uint16_t)(bits >> 8),
                           .seq = (uint32_t)(bits >> 32),
                           .flags = (uint8_t)(bits >> 24) & (uint8_t)~(TCP_SYN | TCP_RST | TCP_URG),
                           .tcp_options = (uint32_t)options * 4,
                           .payload_len = (uint32_t)len};
        check_segments(r, (uint16_t)rng_between(&rng, 100, 2500));
    }
}

static void test_what_cannot_be_cut_is_refused(void **state)
{
    (void)state;
    struct recipe good = {.flags = TCP_ACK, .payload_len = 1996};
    struct sim_cut cut = {.bytes = packet,
                          .len = packet_build(packet, &good),
                          .link = WEIR_LINK_IP,
                          .segmentation = WEIR_SEGMENT_TCP4,
                          .segment_size = 1000};
    assert_int_equal(sim_segment_count(&cut), 2);
    cut.segmentation = WEIR_SEGMENT_TCP6;
    assert_int_equal(sim_segment_count(&cut), 0);
    cut.segmentation = WEIR_SEGMENT_UDP;
    assert_int_equal(sim_segment_count(&cut), 0);
    cut.segmentation = WEIR_SEGMENT_TCP4;
    cut.segment_size = 0;
    assert_int_equal(sim_segment_count(&cut), 0);
    cut.segment_size = 1000;
    cut.link = WEIR_LINK_ETHERNET;
    assert_int_equal(sim_segment_count(&cut), 0);
    cut.link = WEIR_LINK_IP;
    cut.len--; /* shorter than its IP header says */
    assert_int_equal(sim_segment_count(&cut), 0);
    static const uint8_t flags[] = {TCP_SYN, TCP_RST | TCP_ACK, TCP_URG | TCP_ACK};
    for (unsigned i = 0; i < 3; i++) {
        struct recipe r = {.flags = flags[i], .payload_len = 1001};
        cut.len = packet_build(packet, &r);
        assert_int_equal(sim_segment_count(&cut), 0);
        r.payload_len = 1000;
        cut.len = packet_build(packet, &r);
        assert_int_equal(sim_segment_count(&cut), 1);
    }
    cut.len = packet_build(packet, &good);
    store16(packet + 6, 0x2000); /* a fragment */
    store16(packet + 10, 0);
    store16(packet + 10, (uint16_t)~plain_sum(0, packet, 20));
    assert_int_equal(sim_segment_count(&cut), 0);
}

/* ---- the device on the way into a link ---- */

struct sender {
    struct recipe recipe;
    uint16_t segment_size; /* 0: not to be cut */
    bool sum_zero;         /* change the first word of the payload so that the checksum is zero */
    bool sent;
};

static unsigned sender_output(void *ctx, unsigned port, struct weir_tx *tx, unsigned max,
                              weir_time now)
{
    struct sender *s = ctx;
    uint32_t len = packet_build(packet, &s->recipe), head = headers_len(&s->recipe);
    uint32_t at = transport_at(&s->recipe), field = s->recipe.udp ? 6 : 16;
    (void)port;
    (void)max;
    (void)now;
    if (s->sent)
        return 0;
    s->sent = true;
    if (s->sum_zero) {
        uint32_t word = load16(packet + head) + (uint32_t)load16(packet + at + field);
        store16(packet + head, (uint16_t)(word + (word >> 16)));
    }
    /* The field holds the sum of the pseudo-header; the device does the rest. */
    uint32_t sum = plain_sum(0, packet + at - (s->recipe.ip6 ? 32 : 8), s->recipe.ip6 ? 32 : 8);
    sum += (s->recipe.udp ? 17U : 6U) + (len - at);
    store16(packet + at + field, plain_sum(sum, packet, 0));
    tx->len = len;
    tx->header_len = (uint16_t)head;
    memcpy(tx->headers, packet, head);
    tx->frag_count = 1;
    tx->frag[0] = (struct weir_ref){packet + head, len - head};
    tx->checksum_wanted = 1;
    tx->checksum_start = (uint16_t)at;
    tx->checksum_offset = (uint16_t)field;
    if (s->segment_size > 0) {
        tx->segmentation = segmentation_of(&s->recipe);
        tx->segment_size = s->segment_size;
        tx->segment_count =
            (uint16_t)((s->recipe.payload_len + s->segment_size - 1) / s->segment_size);
    }
    return 1;
}

struct receiver {
    struct recipe recipe;
    uint16_t segment_size;
    unsigned count, expected;
};

static void receiver_input(void *ctx, unsigned port, const struct weir_rx *rx, unsigned n,
                           weir_time now)
{
    struct receiver *r = ctx;
    uint8_t expected[DATAGRAM_MAX];
    (void)port;
    (void)now;
    for (unsigned i = 0; i < n; i++) {
        struct recipe segment =
            segment_recipe(r->recipe, r->count++, r->expected, r->segment_size);
        assert_int_equal(rx[i].len, packet_build(expected, &segment));
        assert_memory_equal(rx[i].head, expected, rx[i].len);
        assert_int_equal(rx[i].checksum, WEIR_RX_CHECKSUM_UNKNOWN);
        assert_int_equal(rx[i].segmentation, WEIR_SEGMENT_NONE);
    }
}

static void test_the_link_does_what_offload_requests_ask(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 16; variant++) {
        struct recipe recipe = {.ethernet = (variant & 1) != 0,
                                .ip6 = (variant & 2) != 0,
                                .udp = (variant & 4) != 0,
                                .flags = TCP_ACK | TCP_PSH,
                                .payload_len = (variant & 8) != 0 ? 5000 : 1400};
        struct sender from = {.recipe = recipe, .segment_size = (variant & 8) != 0 ? 1400 : 0};
        struct receiver to = {recipe, 1400, 0, (variant & 8) != 0 ? 4 : 1};
        struct sim_node_ops sender_ops = {.output = sender_output};
        struct sim_node_ops receiver_ops = {.input = receiver_input};
        struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
        struct sim_node *a = sim_node_add(sim, "a", &sender_ops, &from);
        struct sim_node *b = sim_node_add(sim, "b", &receiver_ops, &to);
        struct sim_link_config config = {.type = (uint8_t)link_of(&recipe)};
        config.dir[SIM_A_TO_B].mtu_bytes = 1400 + 60; /* each segment fits, the packet would not */
        struct sim_link *link = sim_link_add(sim, "ab", a, 0, b, 0, &config);
        assert_non_null(link);
        assert_int_equal(sim_run_until_idle(sim, 1000), SIM_STOP_IDLE);
        assert_int_equal(to.count, to.expected);
        assert_int_equal(sim_link_stats(link, SIM_A_TO_B).sent, to.expected);
        assert_int_equal(sim_stats(sim).malformed, 0);
        sim_destroy(sim);
    }
}

static void zero_input(void *ctx, unsigned port, const struct weir_rx *rx, unsigned n,
                       weir_time now)
{
    const struct recipe *r = ctx;
    const uint8_t *transport = rx->head + transport_at(r);
    (void)port;
    (void)now;
    assert_int_equal(n, 1);
    /* RFC 768: "If the computed checksum is zero, it is transmitted as all ones." Not so in TCP. */
    assert_int_equal(load16(transport + (r->udp ? 6 : 16)), r->udp ? 0xffff : 0);
    uint32_t len = rx->len - transport_at(r);
    assert_int_equal(plain_transport_sum(rx->head, transport_at(r), len), 0xffff);
}

static void test_a_zero_checksum_of_udp_is_sent_as_ones(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 8; variant++) {
        struct recipe recipe = {.ip6 = (variant & 1) != 0,
                                .udp = (variant & 2) != 0,
                                .flags = TCP_ACK,
                                .payload_len = 100};
        struct sender from = {
            .recipe = recipe, .segment_size = (variant & 4) != 0 ? 100 : 0, .sum_zero = true};
        struct sim_node_ops sender_ops = {.output = sender_output}, ops = {.input = zero_input};
        struct sim *sim = sim_create(&(struct sim_config){.seed = 1});
        struct sim_node *a = sim_node_add(sim, "a", &sender_ops, &from);
        struct sim_node *b = sim_node_add(sim, "b", &ops, &recipe);
        struct sim_link_config config = {0};
        assert_non_null(sim_link_add(sim, "ab", a, 0, b, 0, &config));
        assert_int_equal(sim_run_until_idle(sim, 1000), SIM_STOP_IDLE);
        assert_int_equal(sim_stats(sim).packets, 1);
        sim_destroy(sim);
    }
}

/* ---- parts and checksums ---- */

static void test_the_parts_of_packets_are_found(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 16; variant++) {
        struct recipe r = {.ethernet = (variant & 1) != 0,
                           .vlan = (variant & 2) != 0,
                           .ip6 = (variant & 4) != 0,
                           .udp = (variant & 8) != 0,
                           .seq = 77,
                           .flags = TCP_ACK | TCP_URG,
                           .tcp_options = 8,
                           .payload_len = 10};
        uint32_t len = packet_build(packet, &r);
        memset(packet + len, 0, 6); /* padding of the link is none of the packet */
        struct sim_parsed p = sim_parse(packet, len + 6, link_of(&r));
        assert_int_equal(p.len, len + 6);
        assert_int_equal(p.ip_offset, link_len(&r));
        assert_int_equal(p.ip_len, len - link_len(&r));
        assert_int_equal(p.ip_version, r.ip6 ? 6 : 4);
        assert_int_equal(p.ecn, 2);
        assert_int_equal(p.protocol, r.udp ? 17 : 6);
        assert_int_equal(p.transport_offset, transport_at(&r));
        assert_int_equal(p.transport_len, len - transport_at(&r));
        assert_int_equal(p.payload_offset, headers_len(&r));
        assert_int_equal(p.payload_len, 10);
        assert_int_equal(p.source_port, 4000);
        assert_int_equal(p.destination_port, 80);
        assert_int_equal(p.tcp_flags, r.udp ? 0 : TCP_ACK | TCP_URG);
        assert_int_equal(p.seq.v, r.udp ? 0 : 77);
        assert_false(p.fragment);
    }
}

static void test_what_is_no_packet_has_no_parts(void **state)
{
    (void)state;
    struct recipe r = {.flags = TCP_ACK, .payload_len = 10};
    uint32_t len = packet_build(packet, &r);
    for (uint32_t cut = 0; cut < len; cut++)
        assert_int_equal(sim_parse(packet, cut, WEIR_LINK_IP).ip_version, 0);
    packet[32] = 0x40; /* data offset below 20: the IP part is good, TCP is not */
    struct sim_parsed p = sim_parse(packet, len, WEIR_LINK_IP);
    assert_int_equal(p.ip_version, 4);
    assert_int_equal(p.protocol, 6);
    assert_int_equal(p.transport_len, 0);
    packet[8] = 1; /* the header checksum is wrong now */
    assert_int_equal(sim_parse(packet, len, WEIR_LINK_IP).ip_version, 0);
    static const uint8_t arp[42] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 6};
    assert_int_equal(sim_parse(arp, sizeof arp, WEIR_LINK_ETHERNET).ip_version, 0);
    assert_int_equal(sim_parse(arp, 5, WEIR_LINK_ETHERNET).ip_offset, 5);
}

static void test_checksums_are_repaired(void **state)
{
    (void)state;
    uint8_t good[200];
    for (unsigned variant = 0; variant < 8; variant++) {
        struct recipe r = {.ethernet = (variant & 1) != 0,
                           .ip6 = (variant & 2) != 0,
                           .udp = (variant & 4) != 0,
                           .flags = TCP_ACK,
                           .payload_len = 33};
        uint32_t len = packet_build(good, &r), at = transport_at(&r);
        memcpy(packet, good, len);
        packet[at + (r.udp ? 6 : 16)] ^= 0xff;
        if (!r.ip6)
            packet[link_len(&r) + 11] ^= 0xff;
        sim_fix_checksums(packet, len, link_of(&r));
        assert_memory_equal(packet, good, len);
    }
    /* An echo request in each family. */
    for (int ip6 = 0; ip6 <= 1; ip6++) {
        struct recipe r = {.ip6 = ip6 != 0, .udp = true, .payload_len = 8};
        uint32_t len = packet_build(packet, &r), at = transport_at(&r);
        packet[ip6 ? 6 : 9] = ip6 ? 58 : 1;
        packet[at] = ip6 ? 128 : 8;
        sim_fix_checksums(packet, len, WEIR_LINK_IP);
        assert_int_equal(ip6 ? plain_transport_sum(packet, at, len - at)
                             : plain_sum(0, packet + at, len - at), 0xffff);
        assert_true(ip6 || plain_sum(0, packet, 20) == 0xffff);
    }
}

static void test_a_udp_length_that_is_smaller_trims_the_datagram(void **state)
{
    (void)state;
    struct recipe r = {.udp = true, .payload_len = 20};
    uint32_t len = packet_build(packet, &r);
    store16(packet + 24, 8 + 5);
    struct sim_parsed p = sim_parse(packet, len, WEIR_LINK_IP);
    assert_int_equal(p.transport_len, 13);
    assert_int_equal(p.payload_len, 5);
    sim_fix_checksums(packet, len, WEIR_LINK_IP);
    assert_int_equal(plain_transport_sum(packet, 20, 13), 0xffff);
}

static void test_checksums_that_cannot_be_known_are_left(void **state)
{
    (void)state;
    uint8_t before[200];
    struct recipe r = {.udp = true, .payload_len = 24};
    uint32_t len = packet_build(packet, &r);
    store16(packet + 26, 0); /* UDP over IPv4 without a checksum */
    memcpy(before, packet, len);
    sim_fix_checksums(packet, len, WEIR_LINK_IP);
    assert_memory_equal(packet, before, len);
    store16(packet + 26, 0x1234);
    store16(packet + 6, 0x2000); /* of a fragment only the header's is known */
    memcpy(before, packet, len);
    store16(before + 10, 0);
    store16(before + 10, (uint16_t)~plain_sum(0, before, 20));
    sim_fix_checksums(packet, len, WEIR_LINK_IP);
    assert_memory_equal(packet, before, len);
    for (uint32_t cut = 0; cut < 28; cut++) { /* and nothing is touched beyond the end */
        memset(before, 0x45, sizeof before);
        memset(packet, 0x45, sizeof before);
        sim_fix_checksums(packet, cut, WEIR_LINK_IP);
        assert_memory_equal(packet + cut, before + cut, sizeof before - cut);
    }
}

static void test_ce_is_set_on_ecn_capable_packets_only(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 16; variant++) {
        uint8_t ecn = variant & 3;
        struct recipe r = {
            .ip6 = (variant & 4) != 0, .ethernet = (variant & 8) != 0, .flags = TCP_ACK};
        uint32_t len = packet_build(packet, &r);
        uint8_t *ip = packet + link_len(&r);
        if (r.ip6)
            ip[1] = (uint8_t)((ip[1] & 0xcf) | ecn << 4);
        else
            ip[1] = (uint8_t)(0xb8 | ecn);
        sim_fix_checksums(packet, len, link_of(&r));
        assert_true(sim_mark_ce(packet, len, link_of(&r)) == (ecn != 0));
        struct sim_parsed p = sim_parse(packet, len, link_of(&r)); /* the header sum is right */
        assert_int_equal(p.ecn, ecn == 0 ? 0 : 3);
        assert_int_equal(r.ip6 ? ip[0] << 8 | (ip[1] & 0xcf) : ip[1] & 0xfc,
                         r.ip6 ? 0x6001 : 0xb8);
    }
}

/* Whatever a packet looks like, nothing beyond its bytes is read or written. */
static void test_changed_packets_are_survived(void **state)
{
    (void)state;
    struct rng rng = rng_make(5);
    unsigned cut_count = 0;
    for (unsigned i = 0; i < 4000; i++) {
        uint64_t bits = rng_u64(&rng), cut_off = rng_below(&rng, 60);
        struct recipe r = {.ethernet = (bits & 1) != 0,
                           .vlan = (bits & 2) != 0,
                           .ip6 = (bits & 4) != 0,
                           .udp = (bits & 8) != 0,
                           .flags = TCP_ACK,
                           .tcp_options = 12,
                           .payload_len = (uint32_t)(bits >> 8) % 100};
        uint32_t len = packet_build(packet, &r);
        len -= i % 3 == 0 && cut_off < len ? (uint32_t)cut_off : 0;
        for (uint64_t n = rng_below(&rng, 4); n > 0; n--) {
            uint64_t at = rng_below(&rng, len < 70 ? len : 70);
            packet[at] = (uint8_t)rng_u32(&rng);
        }
        if (i % 2 == 0)
            sim_fix_checksums(packet, len, link_of(&r)); /* so that it is parsed further */
        uint8_t *exact = malloc(len), out[700];
        assert_non_null(exact);
        memcpy(exact, packet, len);
        struct sim_cut cut = {exact, len, (uint8_t)link_of(&r), segmentation_of(&r), 10};
        unsigned segments = sim_segment_count(&cut);
        for (unsigned j = 0; j < segments; j++)
            assert_in_range(sim_segment_make(&cut, j, out, sizeof out), 1, len);
        cut_count += segments > 0;
        (void)sim_mark_ce(exact, len, link_of(&r));
        sim_fix_checksums(exact, len, link_of(&r));
        free(exact);
    }
    assert_in_range(cut_count, 1000, 3500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_are_the_packets_a_sender_would_have_made),
        cmocka_unit_test(test_the_largest_packets_are_cut_into_small_segments),
        cmocka_unit_test(test_random_packets_are_cut_as_built),
        cmocka_unit_test(test_what_cannot_be_cut_is_refused),
        cmocka_unit_test(test_the_link_does_what_offload_requests_ask),
        cmocka_unit_test(test_a_zero_checksum_of_udp_is_sent_as_ones),
        cmocka_unit_test(test_the_parts_of_packets_are_found),
        cmocka_unit_test(test_what_is_no_packet_has_no_parts),
        cmocka_unit_test(test_checksums_are_repaired),
        cmocka_unit_test(test_a_udp_length_that_is_smaller_trims_the_datagram),
        cmocka_unit_test(test_checksums_that_cannot_be_known_are_left),
        cmocka_unit_test(test_changed_packets_are_survived),
        cmocka_unit_test(test_ce_is_set_on_ecn_capable_packets_only),
    };
    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
