/* SPDX-License-Identifier: MIT */
#include "host.h"

static uint8_t bytes[PACKET_MAX], got[PACKET_MAX];

static void fill(uint64_t seed)
{
    struct rng rng = rng_make(seed);
    rng_bytes(&rng, bytes, sizeof bytes);
}

static void test_a_datagram_arrives_with_its_description(void **state)
{
    (void)state;
    struct host *h = host_open();
    static const char *pairs[][2] = {{"10.0.0.9", "10.0.0.1"}, {"2001:db8::9", "2001:db8::1"}};
    weir_handle e = open_on(h, NULL, 7000);
    for (unsigned i = 0; i < 2; i++) {
        struct packet *p = udp_packet(pairs[i][0], 999, pairs[i][1], 7000, "hello", 5);
        assert_int_equal(give(h, IP_IFACE, p), WEIR_DROP_NONE);
        assert_int_equal(udp_ready(host_get(h, e)) & WEIR_EVENT_READABLE, WEIR_EVENT_READABLE);
        struct weir_event event;
        assert_true(host_event(h, &event));
        assert_int_equal(event.bits, WEIR_EVENT_READABLE);
        assert_memory_equal(&event.handle, &e, sizeof e);
        struct weir_datagram from;
        assert_int_equal(receive(h, e, &from, got, sizeof got), 5);
        assert_memory_equal(got, "hello", 5);
        struct weir_addr remote = addr(pairs[i][0]), local = addr(pairs[i][1]);
        assert_memory_equal(&from.remote, &remote, 16);
        assert_memory_equal(&from.local, &local, 16);
        assert_int_equal(from.remote_port, 999);
        assert_int_equal(from.local_port, 7000);
        assert_int_equal(from.ifindex, 1 + IP_IFACE);
        assert_int_equal(from.hop_limit, 55);
        assert_int_equal(from.time, h->now);
        assert_int_equal(receive(h, e, &from, got, sizeof got), WEIR_E_WOULD_BLOCK);
        assert_int_equal(udp_ready(host_get(h, e)), WEIR_EVENT_WRITABLE);
    }
    host_close(h);
}

static void test_an_empty_datagram_is_a_datagram(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    struct weir_datagram from;
    assert_int_equal(give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, "", 0)),
                     WEIR_DROP_NONE);
    assert_int_equal(receive(h, e, &from, NULL, 0), 0);
    assert_int_equal(receive(h, e, &from, NULL, 0), WEIR_E_WOULD_BLOCK);
    host_close(h);
}

static void test_what_does_not_fit_the_reader_is_gone(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, "abcdef", 6));
    give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, "xyz", 3));
    got[2] = '!';
    assert_int_equal(receive(h, e, NULL, got, 2), 6); /* the whole length is told */
    assert_memory_equal(got, "ab!", 3);
    assert_int_equal(receive(h, e, NULL, got, 3), 3);
    assert_memory_equal(got, "xyz", 3);
    host_close(h);
}

/* Length 0..7, more than the packet, and less, which trims (RFC 768). */
static void test_ATK_UDP_01_length_lies(void **state)
{
    (void)state;
    static const char *pairs[][2] = {{"10.0.0.9", "10.0.0.1"}, {"2001:db8::9", "2001:db8::1"}};
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    for (unsigned i = 0; i < 2; i++) {
        size_t ip = ip_len(addr(pairs[i][0]));
        for (unsigned len = 0; len <= 14; len++) {
            struct packet *p = udp_packet(pairs[i][0], 1, pairs[i][1], 7000, "abcde", 5);
            p->data[ip + 5] = (uint8_t)len;
            p->data[ip + 6] = p->data[ip + 7] = 0;
            if (len >= 8 && len <= 13) { /* what is left is a good datagram */
                uint16_t sum = naive_checksum(addr(pairs[i][0]), addr(pairs[i][1]), 17,
                                              p->data + ip, len);
                p->data[ip + 6] = (uint8_t)(sum >> 8);
                p->data[ip + 7] = (uint8_t)sum;
            }
            enum weir_drop drop = give(h, IP_IFACE, p);
            if (len < 8 || len > 13) {
                assert_int_equal(drop, WEIR_DROP_UDP_LENGTH);
                continue;
            }
            assert_int_equal(drop, WEIR_DROP_NONE);
            assert_int_equal(receive(h, e, NULL, got, sizeof got), (int)len - 8);
            assert_memory_equal(got, "abcde", len - 8);
        }
        for (size_t n = 0; n < 8; n++) { /* a packet shorter than the header */
            struct packet *p = udp_packet(pairs[i][0], 1, pairs[i][1], 7000, "abcde", 5);
            wrap_ip(p, addr(pairs[i][0]), addr(pairs[i][1]), 17, n);
            assert_int_equal(give(h, IP_IFACE, p), WEIR_DROP_UDP_SHORT);
        }
    }
    host_close(h);
}

/* Without a checksum: good over IPv4, refused over IPv6 (RFC 8200 8.1). */
static void test_ATK_UDP_02_zero_checksum(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    struct packet *p = udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, "abc", 3);
    p->data[20 + 6] = p->data[20 + 7] = 0;
    assert_int_equal(give(h, IP_IFACE, p), WEIR_DROP_NONE);
    assert_int_equal(receive(h, e, NULL, got, sizeof got), 3);
    p = udp_packet("2001:db8::9", 1, "2001:db8::1", 7000, "abc", 3);
    p->data[40 + 6] = p->data[40 + 7] = 0;
    assert_int_equal(give(h, IP_IFACE, p), WEIR_DROP_UDP_CHECKSUM);
    host_close(h);
}

static void test_every_damaged_bit_is_noticed(void **state)
{
    (void)state;
    static const char *pairs[][2] = {{"10.0.0.9", "10.0.0.1"}, {"2001:db8::9", "2001:db8::1"}};
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    for (unsigned i = 0; i < 2; i++) {
        size_t ip = ip_len(addr(pairs[i][0]));
        for (unsigned bit = 0; bit < 8 * 13; bit++) {
            struct packet *p = udp_packet(pairs[i][0], 1, pairs[i][1], 7000, "abcde", 5);
            p->data[ip + bit / 8] ^= (uint8_t)(1 << bit % 8);
            enum weir_drop drop = give(h, IP_IFACE, p);
            if (bit / 8 == 4 || bit / 8 == 5)
                assert_true(drop == WEIR_DROP_UDP_LENGTH || drop == WEIR_DROP_UDP_CHECKSUM);
            else
                assert_int_equal(drop, WEIR_DROP_UDP_CHECKSUM); /* to a closed port too */
            assert_int_equal(h->blocks.bytes_in_use, 0); /* an empty queue holds nothing */
        }
    }
    assert_int_equal(receive(h, e, NULL, got, sizeof got), WEIR_E_WOULD_BLOCK);
    host_close(h);
}

static void test_a_good_datagram_behind_a_bad_one_is_whole(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    fill(3);
    give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, "first", 5));
    struct packet *p = udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, bytes, 1400);
    p->data[100] ^= 1;
    assert_int_equal(give(h, IP_IFACE, p), WEIR_DROP_UDP_CHECKSUM);
    give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, "second", 6));
    assert_int_equal(receive(h, e, NULL, got, sizeof got), 5);
    assert_memory_equal(got, "first", 5);
    assert_int_equal(receive(h, e, NULL, got, sizeof got), 6);
    assert_memory_equal(got, "second", 6);
    host_close(h);
}

static void test_the_word_of_a_trusted_device_is_believed(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    for (unsigned checksum = WEIR_RX_CHECKSUM_UNKNOWN; checksum <= WEIR_RX_CHECKSUM_ABSENT;
         checksum++) {
        struct packet *p = udp_packet("2001:db8::9", 1, "2001:db8::1", 7000, "abc", 3);
        p->data[40 + 6] = p->data[40 + 7] = 0; /* unfinished */
        struct weir_rx rx = {.head = p->data,
                             .head_len = (uint32_t)p->len,
                             .len = (uint32_t)p->len,
                             .checksum = (uint8_t)checksum,
                             .checksum_start = 40,
                             .checksum_offset = 6};
        assert_int_equal(host_input(h, IP_IFACE, &rx), checksum == WEIR_RX_CHECKSUM_UNKNOWN
                                                           ? WEIR_DROP_UDP_CHECKSUM
                                                           : WEIR_DROP_NONE);
        free(p);
    }
    assert_int_equal(receive(h, e, NULL, got, sizeof got), 3);
    assert_int_equal(receive(h, e, NULL, got, sizeof got), 3);
    host_close(h);
}

/* A packet cut in its payload at every place, also odd ones. */
static void test_payload_in_fragments_of_the_device(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    fill(4);
    for (uint32_t a = 28; a <= 44; a++)
        for (uint32_t b = a; b <= 45; b += 3) {
            struct packet *p = udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, bytes, 17);
            struct weir_rx rx = {.head = p->data,
                                 .head_len = a,
                                 .len = 45,
                                 .frag = {{p->data + a, b - a}, {p->data + b, 45 - b}},
                                 .frag_count = 2};
            assert_int_equal(host_input(h, IP_IFACE, &rx), WEIR_DROP_NONE);
            assert_int_equal(receive(h, e, NULL, got, sizeof got), 17);
            assert_memory_equal(got, bytes, 17);
            p->data[44] ^= 1;
            assert_int_equal(host_input(h, IP_IFACE, &rx), WEIR_DROP_UDP_CHECKSUM);
            free(p);
        }
    host_close(h);
}

/* What a device put together comes apart again: equal pieces, the last one shorter. */
static void test_coalesced_datagrams_are_split(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    fill(5);
    for (unsigned last = 1; last <= 100; last += 33) {
        uint32_t len = 300 + last;
        struct packet *p = udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, bytes, len);
        struct weir_rx rx = {.head = p->data,
                             .head_len = 61,
                             .len = (uint32_t)p->len,
                             .frag = {{p->data + 61, 150}, {p->data + 211, p->len - 211}},
                             .frag_count = 2,
                             .segmentation = WEIR_SEGMENT_UDP,
                             .segment_size = 100,
                             .segment_count = 4};
        assert_int_equal(host_input(h, IP_IFACE, &rx), WEIR_DROP_NONE);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(receive(h, e, NULL, got, sizeof got), 100);
            assert_memory_equal(got, bytes + 100 * i, 100);
        }
        assert_int_equal(receive(h, e, NULL, got, sizeof got), (int)last);
        assert_memory_equal(got, bytes + 300, last);
        assert_int_equal(receive(h, e, NULL, got, sizeof got), WEIR_E_WOULD_BLOCK);
        p->data[30] ^= 1; /* verified as a whole when the device does not vouch for it */
        assert_int_equal(host_input(h, IP_IFACE, &rx), WEIR_DROP_UDP_CHECKSUM);
        free(p);
    }
    host_close(h);
}

static void test_a_coalesced_packet_that_fits_in_part_is_taken_in_part(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct weir_udp_config config = {.size = sizeof config,
                                     .port = 7000,
                                     .receive_bytes_max = 2 * (WEIR_UDP_RECORD_BYTES + 100)};
    weir_handle e;
    assert_int_equal(udp_open(&h->udp, &config, &e), WEIR_OK);
    fill(6);
    for (unsigned round = 0; round < 2; round++) {
        struct packet *p = udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, bytes, 300);
        struct weir_rx rx = {.head = p->data,
                             .head_len = (uint32_t)p->len,
                             .len = (uint32_t)p->len,
                             .segmentation = WEIR_SEGMENT_UDP,
                             .segment_size = 100,
                             .segment_count = 3};
        assert_int_equal(host_input(h, IP_IFACE, &rx),
                         round == 0 ? WEIR_DROP_NONE : WEIR_DROP_UDP_QUEUE);
        free(p);
    }
    assert_int_equal(h->udp.count.received, 2);
    assert_int_equal(h->udp.count.received_refused, 4);
    host_close(h);
}

static void test_the_receive_queue_ends_exactly_at_its_limit(void **state)
{
    (void)state;
    for (int delta = -1; delta <= 1; delta++) {
        struct host *h = host_open();
        struct weir_udp_config config = {.size = sizeof config, .port = 7000};
        config.receive_bytes_max =
            (uint32_t)(3 * WEIR_UDP_RECORD_BYTES + 10 + 20 + 30 + delta);
        weir_handle e;
        assert_int_equal(udp_open(&h->udp, &config, &e), WEIR_OK);
        give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, bytes, 10));
        give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, bytes, 20));
        assert_int_equal(give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, bytes, 30)),
                         delta < 0 ? WEIR_DROP_UDP_QUEUE : WEIR_DROP_NONE);
        assert_int_equal(give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, bytes, 0)),
                         delta < 0 ? WEIR_DROP_NONE : WEIR_DROP_UDP_QUEUE); /* room for a record */
        assert_int_equal(receive(h, e, NULL, got, sizeof got), 10);
        assert_int_equal(give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, bytes, 10)),
                         WEIR_DROP_NONE);
        host_close(h);
    }
}

static void test_without_memory_nothing_is_queued_and_nothing_kept(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    uint32_t taken[64];
    unsigned n = 0;
    while ((taken[n] = blocks_take(&h->blocks, BLOCKS_64K, BLOCKS_NORMAL)) != BLOCKS_NONE)
        n++;
    uint64_t in_use = h->blocks.bytes_in_use;
    assert_int_equal(give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, "abc", 3)),
                     WEIR_DROP_UDP_MEMORY);
    assert_int_equal(h->blocks.bytes_in_use, in_use);
    assert_int_equal(h->udp.count.received_exhausted, 1);
    while (n > 0)
        blocks_give(&h->blocks, taken[--n]);
    assert_int_equal(give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, "abc", 3)),
                     WEIR_DROP_NONE);
    assert_int_equal(receive(h, e, NULL, got, sizeof got), 3);
    host_close(h);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    struct host *h = host_open();
    open_on(h, NULL, 7000);
    open_on(h, "10.0.0.1", 7001);
    assert_int_equal(give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7002, "a", 1)),
                     WEIR_DROP_UDP_PORT);
    assert_int_equal(give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "192.168.0.1", 7001, "a", 1)),
                     WEIR_DROP_UDP_PORT);
    assert_int_equal(give(h, IP_IFACE, udp_packet("2001:db8::9", 1, "2001:db8::1", 7001, "a", 1)),
                     WEIR_DROP_UDP_PORT);
    assert_int_equal(give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 0, "a", 1)),
                     WEIR_DROP_UDP_PORT);
    host_close(h);
}

static void test_ATK_UDP_04_a_closed_port_costs_nothing_that_could_wrap(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    struct udp_endpoint *endpoint = host_get(h, e);
    udp_close(&h->udp, endpoint);
    struct udp_endpoint before = *endpoint;
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 7000, "a", 1)),
                         WEIR_DROP_UDP_PORT);
    assert_memory_equal(&before, endpoint, sizeof before); /* no count of it is kept */
    host_close(h);
}

/* Connected to the sender comes first, then the address of one's own, then any. */
static void test_the_best_endpoint_gets_it(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle any = open_on(h, NULL, 7000), own = open_on(h, "10.0.0.1", 7000);
    struct weir_addr peer = addr("10.0.0.9");
    struct {
        const char *from;
        uint16_t port;
        bool connect_any, connect_own; /* to 10.0.0.9 port 9 */
        int winner;                    /* 0 nobody, 1 any, 2 own */
    } cases[] = {
        {"10.0.0.9", 9, false, false, 2}, {"10.0.0.9", 9, true, false, 1},
        {"10.0.0.9", 9, false, true, 2},  {"10.0.0.9", 9, true, true, 2},
        {"10.0.0.8", 9, true, false, 2},  {"10.0.0.8", 9, false, true, 1},
        {"10.0.0.8", 9, true, true, 0},   {"10.0.0.9", 8, true, false, 2},
        {"10.0.0.9", 8, true, true, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(udp_connect(&h->udp, host_get(h, any), cases[i].connect_any ? &peer : NULL, 9),
                         WEIR_OK);
        assert_int_equal(udp_connect(&h->udp, host_get(h, own), cases[i].connect_own ? &peer : NULL, 9),
                         WEIR_OK);
        enum weir_drop drop = give(
            h, IP_IFACE, udp_packet(cases[i].from, cases[i].port, "10.0.0.1", 7000, "a", 1));
        assert_int_equal(drop, cases[i].winner == 0 ? WEIR_DROP_UDP_PORT : WEIR_DROP_NONE);
        assert_int_equal(receive(h, any, NULL, got, 1),
                         cases[i].winner == 1 ? 1 : WEIR_E_WOULD_BLOCK);
        assert_int_equal(receive(h, own, NULL, got, 1),
                         cases[i].winner == 2 ? 1 : WEIR_E_WOULD_BLOCK);
    }
    host_close(h);
}

static void test_groups_and_broadcasts_go_to_the_endpoint_for_any_address(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle any = open_on(h, NULL, 7000), own = open_on(h, "192.168.0.1", 7000);
    static const char *to[] = {"192.168.0.255", "255.255.255.255", "224.0.0.1"};
    for (unsigned i = 0; i < 3; i++) {
        struct packet *p = udp_packet("192.168.0.9", 1, to[i], 7000, "a", 1);
        wrap_eth(p, true);
        if (i == 2) {
            static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};
            memcpy(p->data, group, 6);
        }
        assert_int_equal(give(h, ETH_IFACE, p), WEIR_DROP_NONE);
        struct weir_datagram from;
        struct weir_addr local = addr(to[i]);
        assert_int_equal(receive(h, any, &from, got, 1), 1);
        assert_memory_equal(&from.local, &local, 16);
        assert_int_equal(from.ifindex, 1 + ETH_IFACE);
        assert_int_equal(receive(h, own, NULL, got, 1), WEIR_E_WOULD_BLOCK);
    }
    host_close(h);
}

/* ---- echo ---- */

static struct packet *echo_reply(const char *from, const char *to, uint16_t id, uint16_t sequence,
                                 const void *data, size_t len)
{
    struct packet *p = malloc(sizeof *p);
    struct weir_addr source = addr(from), destination = addr(to);
    bool ip4 = addr_is_ip4(source);
    uint8_t *d = p->data + ip_len(source);
    const uint8_t header[8] = {ip4 ? 0 : 129, 0, 0, 0, (uint8_t)(id >> 8), (uint8_t)id,
                               (uint8_t)(sequence >> 8), (uint8_t)sequence};
    memcpy(d, header, 8);
    memcpy(d + 8, data, len);
    uint16_t sum = ip4 ? (uint16_t)~naive_sum(0, d, 8 + len)
                       : naive_checksum(source, destination, 58, d, 8 + len);
    d[2] = (uint8_t)(sum >> 8);
    d[3] = (uint8_t)sum;
    wrap_ip(p, source, destination, ip4 ? 1 : 58, 8 + len);
    return p;
}

static void test_echo_replies_come_to_their_identifier(void **state)
{
    (void)state;
    static const char *pairs[][2] = {{"10.0.0.9", "10.0.0.1"}, {"2001:db8::9", "2001:db8::1"}};
    struct host *h = host_open();
    struct weir_udp_config config = {.size = sizeof config, .kind = WEIR_DATAGRAM_ECHO, .port = 77};
    weir_handle e, u = open_on(h, NULL, 77); /* the two kinds do not share their numbers */
    assert_int_equal(udp_open(&h->udp, &config, &e), WEIR_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct weir_datagram from;
        assert_int_equal(give(h, IP_IFACE, echo_reply(pairs[i][0], pairs[i][1], 77, 5, "abc", 3)),
                         WEIR_DROP_NONE);
        assert_int_equal(receive(h, e, &from, got, sizeof got), 3);
        assert_memory_equal(got, "abc", 3);
        assert_int_equal(from.remote_port, 5);
        assert_int_equal(from.local_port, 77);
        assert_int_equal(from.hop_limit, 55);
        assert_int_equal(give(h, IP_IFACE, echo_reply(pairs[i][0], pairs[i][1], 78, 5, "abc", 3)),
                         WEIR_DROP_ICMP_TYPE);
        struct packet *p = echo_reply(pairs[i][0], pairs[i][1], 77, 5, "abc", 3);
        p->data[p->len - 1] ^= 1;
        assert_int_equal(give(h, IP_IFACE, p), WEIR_DROP_ICMP_CHECKSUM);
        struct weir_addr other = addr(i == 0 ? "10.0.0.8" : "2001:db8::8");
        assert_int_equal(udp_connect(&h->udp, host_get(h, e), &other, 0), WEIR_OK);
        assert_int_equal(give(h, IP_IFACE, echo_reply(pairs[i][0], pairs[i][1], 77, 5, "abc", 3)),
                         WEIR_DROP_ICMP_TYPE);
        assert_int_equal(udp_connect(&h->udp, host_get(h, e), NULL, 0), WEIR_OK);
    }
    assert_int_equal(receive(h, u, NULL, got, 1), WEIR_E_WOULD_BLOCK);
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_datagram_arrives_with_its_description),
        cmocka_unit_test(test_an_empty_datagram_is_a_datagram),
        cmocka_unit_test(test_what_does_not_fit_the_reader_is_gone),
        cmocka_unit_test(test_ATK_UDP_01_length_lies),
        cmocka_unit_test(test_ATK_UDP_02_zero_checksum),
        cmocka_unit_test(test_every_damaged_bit_is_noticed),
        cmocka_unit_test(test_a_good_datagram_behind_a_bad_one_is_whole),
        cmocka_unit_test(test_the_word_of_a_trusted_device_is_believed),
        cmocka_unit_test(test_payload_in_fragments_of_the_device),
        cmocka_unit_test(test_coalesced_datagrams_are_split),
        cmocka_unit_test(test_a_coalesced_packet_that_fits_in_part_is_taken_in_part),
        cmocka_unit_test(test_the_receive_queue_ends_exactly_at_its_limit),
        cmocka_unit_test(test_without_memory_nothing_is_queued_and_nothing_kept),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_ATK_UDP_04_a_closed_port_costs_nothing_that_could_wrap),
        cmocka_unit_test(test_the_best_endpoint_gets_it),
        cmocka_unit_test(test_groups_and_broadcasts_go_to_the_endpoint_for_any_address),
        cmocka_unit_test(test_echo_replies_come_to_their_identifier),
    };
    return cmocka_run_group_tests_name("input", tests, NULL, NULL);
}
