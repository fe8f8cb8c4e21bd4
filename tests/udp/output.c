/* SPDX-License-Identifier: MIT */
#include "host.h"

static uint8_t bytes[PACKET_MAX], got[PACKET_MAX];
static struct packet out;

static void fill(uint64_t seed)
{
    struct rng rng = rng_make(seed);
    rng_bytes(&rng, bytes, sizeof bytes);
}

/* The packet at p is this datagram, header by header (RFC 791, RFC 8200, RFC 768). */
static void assert_udp(const struct packet *p, const char *from, uint16_t from_port,
                       const char *to, uint16_t to_port, const void *data, size_t len)
{
    struct weir_addr source = addr(from), destination = addr(to);
    bool ip4 = addr_is_ip4(source);
    size_t ip = ip_len(source);
    const uint8_t *d = p->data;
    assert_int_equal(p->len, ip + 8 + len);
    if (ip4) {
        assert_int_equal(d[0], 0x45);
        assert_int_equal(naive_sum(0, d, 20), 0xffff);
        assert_int_equal(d[9], 17);
        assert_memory_equal(d + 12, source.bytes + 12, 4);
        assert_memory_equal(d + 16, destination.bytes + 12, 4);
    } else {
        assert_int_equal(d[0] >> 4, 6);
        assert_int_equal(d[6], 17);
        assert_memory_equal(d + 8, source.bytes, 16);
        assert_memory_equal(d + 24, destination.bytes, 16);
    }
    d += ip;
    assert_int_equal(d[0] << 8 | d[1], from_port);
    assert_int_equal(d[2] << 8 | d[3], to_port);
    assert_int_equal(d[4] << 8 | d[5], (int)(8 + len));
    assert_int_equal(naive_checksum(source, destination, 17, d, 8 + len), 0);
    if (len > 0)
        assert_memory_equal(d + 8, data, len);
}

static void test_a_datagram_leaves_as_it_should(void **state)
{
    (void)state;
    static const char *pairs[][2] = {{"10.0.0.1", "10.0.0.9"}, {"2001:db8::1", "2001:db8::9"}};
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    fill(1);
    for (unsigned i = 0; i < 2; i++)
        for (size_t len = 0; len <= 40; len++) {
            struct weir_datagram to = {.remote = addr(pairs[i][1]),
                                       .remote_port = 999,
                                       .hop_limit = 17,
                                       .traffic_class = 0xb9};
            assert_int_equal(udp_send(&h->udp, host_get(h, e), &to,
                                      (struct weir_ref){bytes, len}, h->now),
                             WEIR_OK);
            assert_true(udp_has_output(&h->udp, IP_IFACE));
            assert_true(host_output(h, IP_IFACE, &out));
            assert_udp(&out, pairs[i][0], 7000, pairs[i][1], 999, bytes, len);
            assert_int_equal(out.data[i == 0 ? 8 : 7], 17);
            assert_int_equal(i == 0 ? out.data[1] : (out.data[0] & 15) << 4 | out.data[1] >> 4,
                             0xb9);
            assert_false(host_output(h, IP_IFACE, &out));
            assert_int_equal(h->blocks.bytes_in_use, 0); /* released by the next call */
        }
    assert_int_equal(h->udp.count.sent, 82);
    host_close(h);
}

static void test_hop_limits_when_none_is_given(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    struct weir_datagram to = {.remote = addr("224.0.0.5"), .remote_port = 9, .ifindex = 1};
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, "a", 1), WEIR_OK);
    assert_int_equal(udp_send(&h->udp, host_get(h, e), &to, (struct weir_ref){bytes, 1}, h->now),
                     WEIR_OK);
    to.remote = addr("ff05::5");
    assert_int_equal(udp_send(&h->udp, host_get(h, e), &to, (struct weir_ref){bytes, 1}, h->now),
                     WEIR_OK);
    assert_true(host_output(h, IP_IFACE, &out));
    assert_int_equal(out.data[8], 64);
    assert_true(host_output(h, IP_IFACE, &out));
    assert_int_equal(out.data[8], 1); /* RFC 1112 6.1 */
    assert_true(host_output(h, IP_IFACE, &out));
    assert_int_equal(out.data[7], 1);
    host_close(h);
}

/* A computed sum of zero is sent as 0xffff (RFC 768); none at all is 0 and only for IPv4. */
static void test_ATK_UDP_02_a_computed_zero_is_sent_as_ones(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct weir_udp_config config = {.size = sizeof config, .port = 7001, .checksum_off = true};
    weir_handle e = open_on(h, NULL, 7000), off;
    assert_int_equal(udp_open(&h->udp, &config, &off), WEIR_OK);
    unsigned ones = 0;
    for (unsigned v = 0; v < 65536; v++) {
        uint8_t data[2] = {(uint8_t)(v >> 8), (uint8_t)v};
        assert_int_equal(send_to(h, e, "10.0.0.9", 999, data, 2), WEIR_OK);
        struct weir_tx tx;
        host_begin(h);
        assert_int_equal(udp_output(&h->udp, IP_IFACE, &tx, 1, h->now), 1);
        flatten(&tx, &out);
        assert_false(out.data[26] == 0 && out.data[27] == 0);
        ones += out.data[26] == 0xff && out.data[27] == 0xff;
    }
    assert_int_equal(ones, 1);
    assert_int_equal(send_to(h, off, "10.0.0.9", 999, "ab", 2), WEIR_OK);
    assert_int_equal(send_to(h, off, "2001:db8::9", 999, "ab", 2), WEIR_OK);
    assert_true(host_output(h, IP_IFACE, &out));
    assert_true(out.data[26] == 0 && out.data[27] == 0);
    assert_true(host_output(h, IP_IFACE, &out));
    assert_udp(&out, "2001:db8::1", 7001, "2001:db8::9", 999, "ab", 2);
    host_close(h);
}

static void test_echo_requests_leave_as_they_should(void **state)
{
    (void)state;
    static const char *pairs[][2] = {{"10.0.0.1", "10.0.0.9"}, {"2001:db8::1", "2001:db8::9"}};
    struct host *h = host_open();
    struct weir_udp_config config = {.size = sizeof config, .kind = WEIR_DATAGRAM_ECHO, .port = 77};
    weir_handle e;
    assert_int_equal(udp_open(&h->udp, &config, &e), WEIR_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct weir_addr from = addr(pairs[i][0]), to = addr(pairs[i][1]);
        size_t ip = ip_len(from);
        const uint8_t *d = out.data + ip;
        assert_int_equal(send_to(h, e, pairs[i][1], 0x1234, "ping!", 5), WEIR_OK);
        assert_true(host_output(h, IP_IFACE, &out));
        assert_int_equal(out.len, ip + 13);
        assert_int_equal(out.data[i == 0 ? 9 : 6], i == 0 ? 1 : 58);
        assert_int_equal(d[0], i == 0 ? 8 : 128);
        assert_int_equal(d[1], 0);
        assert_int_equal(d[4] << 8 | d[5], 77);
        assert_int_equal(d[6] << 8 | d[7], 0x1234);
        assert_memory_equal(d + 8, "ping!", 5);
        assert_int_equal(i == 0 ? naive_sum(0, d, 13)
                                : (uint16_t)~naive_checksum(from, to, 58, d, 13),
                         0xffff);
        /* A connected one needs no destination, and its sequence number is the caller's. */
        assert_int_equal(udp_connect(&h->udp, host_get(h, e), &to, 0), WEIR_OK);
        assert_int_equal(send_to(h, e, NULL, 7, "", 0), WEIR_OK);
        assert_true(host_output(h, IP_IFACE, &out));
        assert_int_equal(d[6] << 8 | d[7], 7);
    }
    host_close(h);
}

static void test_what_cannot_be_sent_is_refused(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle any = open_on(h, NULL, 7000), own = open_on(h, "10.0.0.1", 7000);
    assert_int_equal(send_to(h, any, NULL, 9, "a", 1), WEIR_E_INVALID); /* no peer */
    assert_int_equal(send_to(h, any, "0.0.0.0", 9, "a", 1), WEIR_E_INVALID);
    assert_int_equal(send_to(h, any, "10.0.0.9", 0, "a", 1), WEIR_E_INVALID);
    assert_int_equal(send_to(h, own, "2001:db8::9", 9, "a", 1), WEIR_E_INVALID);
    assert_int_equal(send_to(h, any, "8.8.8.8", 9, "a", 1), WEIR_E_UNREACHABLE);
    struct weir_datagram to = {.remote = addr("10.0.0.9"), .remote_port = 9};
    struct {
        const char *local;
        uint32_t ifindex;
        bool from_own;
        int answer;
    } cases[] = {
        {"10.0.0.1", 0, false, WEIR_OK},
        {"10.0.0.1", 1, true, WEIR_OK},
        {"192.168.0.1", 0, false, WEIR_OK}, /* ours, though of another interface */
        {"192.168.0.1", 0, true, WEIR_E_INVALID},
        {"10.0.0.7", 0, false, WEIR_E_NOT_FOUND},
        {"2001:db8::1", 0, false, WEIR_E_INVALID},
        {"10.0.0.1", 2, false, WEIR_E_UNREACHABLE}, /* no such route there */
        {"10.0.0.1", 3, false, WEIR_E_INVALID},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        to.local = addr(cases[i].local);
        to.ifindex = cases[i].ifindex;
        assert_int_equal(udp_send(&h->udp, host_get(h, cases[i].from_own ? own : any), &to,
                                  (struct weir_ref){bytes, 1}, h->now),
                         cases[i].answer);
    }
    unsigned n = 0;
    while (host_output(h, IP_IFACE, &out))
        n++;
    assert_int_equal(n, 3);
    host_close(h);
}

static void test_the_longest_datagrams(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 65508), WEIR_E_RANGE);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 65507), WEIR_OK);
    assert_int_equal(send_to(h, e, "2001:db8::9", 9, bytes, 65528), WEIR_E_RANGE);
    assert_int_equal(send_to(h, e, "2001:db8::9", 9, bytes, 65527), WEIR_OK);
    struct weir_datagram to = {
        .remote = addr("10.0.0.9"), .remote_port = 9, .dont_fragment = true};
    struct udp_endpoint *endpoint = host_get(h, e);
    assert_int_equal(udp_send(&h->udp, endpoint, &to, (struct weir_ref){bytes, 1473}, h->now),
                     WEIR_E_RANGE);
    assert_int_equal(udp_send(&h->udp, endpoint, &to, (struct weir_ref){bytes, 1472}, h->now),
                     WEIR_OK);
    to.remote = addr("2001:db8::9");
    assert_int_equal(udp_send(&h->udp, endpoint, &to, (struct weir_ref){bytes, 1453}, h->now),
                     WEIR_E_RANGE);
    assert_int_equal(udp_send(&h->udp, endpoint, &to, (struct weir_ref){bytes, 1452}, h->now),
                     WEIR_OK);
    host_close(h);
}

/* Cut by one stack, put together by another, in order and turned around; sizes about the limits. */
static void test_long_datagrams_cross_in_fragments(void **state)
{
    (void)state;
    enum { FRAGMENTS = 64 };
    static struct packet fragments[FRAGMENTS];
    static const char *pairs[][2] = {{"10.0.0.1", "10.0.0.2"}, {"2001:db8::1", "2001:db8::2"}};
    static const size_t lens[] = {1452, 1453, 1472, 1473, 2960, 16305, 16306, 16384,
                                  16385, 16386, 40001, 65507, 65527};
    struct host *a = host_open(), *b = host_open();
    net_remove_address(&b->net, IP_IFACE, addr("10.0.0.1"));
    net_remove_address(&b->net, IP_IFACE, addr("2001:db8::1"));
    net_add_address(&b->net, IP_IFACE, addr("10.0.0.2"), 24, b->now);
    net_add_address(&b->net, IP_IFACE, addr("2001:db8::2"), 64, b->now);
    weir_handle from = open_on(a, NULL, 7000), to = open_on(b, NULL, 7001);
    fill(2);
    for (unsigned i = 0; i < 2; i++)
        for (unsigned k = 0; k < sizeof lens / sizeof lens[0] - (i == 0 ? 1 : 0); k++) {
            unsigned n = 0;
            assert_int_equal(send_to(a, from, pairs[i][1], 7001, bytes + k, lens[k]), WEIR_OK);
            while (host_output(a, IP_IFACE, &fragments[n])) {
                assert_true(fragments[n].len <= MTU);
                assert_true(++n < FRAGMENTS);
            }
            assert_int_equal(a->blocks.bytes_in_use, 0);
            for (unsigned f = 0; f < n; f++)
                assert_int_equal(host_bytes(b, IP_IFACE, &fragments[k % 2 == 0 ? f : n - 1 - f]),
                                 WEIR_DROP_NONE);
            struct weir_datagram d;
            assert_int_equal(receive(b, to, &d, got, sizeof got), (int)lens[k]);
            assert_memory_equal(got, bytes + k, lens[k]);
            struct weir_addr remote = addr(pairs[i][0]);
            assert_memory_equal(&d.remote, &remote, 16);
            assert_int_equal(d.remote_port, 7000);
        }
    host_close(a);
    host_close(b);
}

static void test_the_send_queue_ends_exactly_at_its_limit(void **state)
{
    (void)state;
    for (int delta = -1; delta <= 1; delta++) {
        struct host *h = host_open();
        struct weir_udp_config config = {.size = sizeof config, .port = 7000};
        config.send_bytes_max = (uint32_t)(2 * (WEIR_UDP_SEND_RECORD_BYTES + 100) + delta);
        weir_handle e;
        struct weir_event event;
        assert_int_equal(udp_open(&h->udp, &config, &e), WEIR_OK);
        assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 100), WEIR_OK);
        assert_int_equal(udp_ready(host_get(h, e)), WEIR_EVENT_WRITABLE);
        assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 100),
                         delta < 0 ? WEIR_E_WOULD_BLOCK : WEIR_OK);
        if (delta >= 0)
            assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 100), WEIR_E_WOULD_BLOCK);
        assert_int_equal(h->udp.count.send_blocked, 1);
        assert_int_equal(udp_ready(host_get(h, e)), 0);
        assert_false(host_event(h, &event));
        assert_true(host_output(h, IP_IFACE, &out));
        assert_false(host_event(h, &event)); /* what was handed out is still referred to */
        host_begin(h);
        assert_true(host_event(h, &event));
        assert_int_equal(event.bits, WEIR_EVENT_WRITABLE);
        assert_int_equal(udp_ready(host_get(h, e)), WEIR_EVENT_WRITABLE);
        assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 100), WEIR_OK);
        assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 281 + 2), WEIR_E_RANGE); /* never */
        host_close(h);
    }
}

/* More than 16 KB behind less: refused until the queue is empty, and told then. */
static void test_a_long_datagram_waits_for_the_short_ones(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct weir_event event;
    weir_handle e = open_on(h, NULL, 7000);
    fill(3);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 10), WEIR_OK);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 16385), WEIR_OK);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 16386), WEIR_E_WOULD_BLOCK);
    while (host_output(h, IP_IFACE, &out))
        ;
    assert_true(host_event(h, &event));
    assert_int_equal(event.bits, WEIR_EVENT_WRITABLE);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 16386), WEIR_OK);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 10), WEIR_OK); /* short behind long may */
    host_close(h);
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
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, "a", 1), WEIR_E_EXHAUSTED);
    assert_int_equal(h->blocks.bytes_in_use, in_use);
    assert_int_equal(h->udp.count.send_exhausted, 1);
    /* One block: the first of two that the payload needs, and then a second datagram. */
    blocks_give(&h->blocks, taken[--n]);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 65500), WEIR_E_EXHAUSTED);
    assert_int_equal(h->blocks.bytes_in_use, in_use - 65536);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, "a", 1), WEIR_OK);
    while (n > 0)
        blocks_give(&h->blocks, taken[--n]);
    host_close(h);
}

/* A datagram that opened one of its two blocks and got no second one leaves nothing behind. */
static void test_what_a_failed_datagram_opened_is_given_back(void **state)
{
    (void)state;
    enum { BLOCK = 16384 };
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    uint32_t taken[64], more[2];
    unsigned n = 0;
    while ((taken[n] = blocks_take(&h->blocks, BLOCKS_64K, BLOCKS_NORMAL)) != BLOCKS_NONE)
        n++;
    blocks_give(&h->blocks, taken[--n]);
    for (unsigned i = 0; i < 2; i++) /* two are left */
        more[i] = blocks_take(&h->blocks, BLOCKS_16K, BLOCKS_NORMAL);
    uint64_t in_use = h->blocks.bytes_in_use;
    size_t first = BLOCK - 2 * WEIR_UDP_SEND_RECORD_BYTES; /* the next payload begins a block */
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, first), WEIR_OK);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, BLOCK + 1), WEIR_E_EXHAUSTED);
    assert_int_equal(h->blocks.bytes_in_use, in_use + 2 * BLOCK);
    while (host_output(h, IP_IFACE, &out))
        ;
    host_begin(h);
    assert_int_equal(h->blocks.bytes_in_use, in_use);
    for (unsigned i = 0; i < 2; i++)
        blocks_give(&h->blocks, more[i]);
    while (n > 0)
        blocks_give(&h->blocks, taken[--n]);
    host_close(h);
}

static void test_endpoints_take_turns(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e[3];
    for (uint16_t i = 0; i < 3; i++) {
        e[i] = open_on(h, NULL, (uint16_t)(7000 + i));
        for (unsigned k = 0; k < 4; k++) /* the first has fragments to send: two packets each */
            assert_int_equal(send_to(h, e[i], "10.0.0.9", 9, bytes, i == 0 ? 2000 : 10), WEIR_OK);
    }
    for (unsigned round = 0; round < 4; round++) {
        assert_true(host_output(h, IP_IFACE, &out));
        assert_int_equal(out.data[20] << 8 | out.data[21], 7000);
        uint8_t id[2] = {out.data[4], out.data[5]};
        assert_true(host_output(h, IP_IFACE, &out)); /* its second fragment comes next */
        assert_memory_equal(out.data + 4, id, 2);
        for (int i = 1; i < 3; i++) {
            assert_true(host_output(h, IP_IFACE, &out));
            assert_int_equal(out.data[20] << 8 | out.data[21], 7000 + i);
        }
    }
    assert_false(host_output(h, IP_IFACE, &out));
    host_close(h);
}

/* Many packets in one call, whose references all hold until the next call; the application may queue
 * more meanwhile. */
static void test_references_hold_until_the_next_call(void **state)
{
    (void)state;
    enum { N = 40 };
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    struct weir_tx tx[N];
    fill(5);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes + 100 * i, 1400), WEIR_OK);
    host_begin(h);
    assert_int_equal(udp_output(&h->udp, IP_IFACE, tx, N, h->now), N);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 900), WEIR_OK);
    for (unsigned i = 0; i < N; i++) {
        flatten(&tx[i], &out);
        assert_udp(&out, "10.0.0.1", 7000, "10.0.0.9", 9, bytes + 100 * i, 1400);
    }
    host_close(h);
}

/* ---- neighbours ---- */

static void arp_reply(struct host *h, const char *from)
{
    struct packet p = {.len = 60};
    struct weir_addr ip = addr(from), own = addr("192.168.0.1");
    static const uint8_t head[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 2};
    memcpy(p.data, host_mac, 6);
    memcpy(p.data + 6, peer_mac, 6);
    memcpy(p.data + 12, head, sizeof head);
    memcpy(p.data + 22, peer_mac, 6);
    memcpy(p.data + 28, ip.bytes + 12, 4);
    memcpy(p.data + 32, host_mac, 6);
    memcpy(p.data + 38, own.bytes + 12, 4);
    assert_int_equal(host_bytes(h, ETH_IFACE, &p), WEIR_DROP_NONE);
}

/* Until it is a request for this address; true if there was one. */
static bool asks_for(struct host *h, const char *whom)
{
    struct weir_addr ip = addr(whom);
    while (host_output(h, ETH_IFACE, &out)) {
        assert_int_equal(out.data[12] << 8 | out.data[13], 0x0806);
        if (memcmp(out.data + 38, ip.bytes + 12, 4) == 0 && out.data[21] == 1)
            return true;
    }
    return false;
}

static void test_datagrams_wait_for_their_neighbour_in_order(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    for (uint8_t i = 0; i < 10; i++) /* more than may wait for a neighbour: they wait in the queue */
        assert_int_equal(send_to(h, e, "192.168.0.9", 9, &i, 1), WEIR_OK);
    assert_true(asks_for(h, "192.168.0.9"));
    assert_false(host_output(h, ETH_IFACE, &out));
    assert_false(udp_has_output(&h->udp, ETH_IFACE));
    arp_reply(h, "192.168.0.9");
    for (uint8_t i = 0; i < 10; i++) {
        assert_true(host_output(h, ETH_IFACE, &out));
        assert_memory_equal(out.data, peer_mac, 6);
        assert_memory_equal(out.data + 6, host_mac, 6);
        memmove(out.data, out.data + 14, out.len -= 14);
        assert_udp(&out, "192.168.0.1", 7000, "192.168.0.9", 9, &i, 1);
    }
    host_close(h);
}

static void test_a_neighbour_that_does_not_answer_is_reported(void **state)
{
    (void)state;
    for (unsigned connected = 0; connected < 2; connected++) {
        struct host *h = host_open();
        struct weir_addr peer = addr("192.168.0.9");
        weir_handle e = open_on(h, NULL, 7000);
        struct weir_event event;
        if (connected)
            assert_int_equal(udp_connect(&h->udp, host_get(h, e), &peer, 9), WEIR_OK);
        assert_int_equal(send_to(h, e, "192.168.0.9", 9, "a", 1), WEIR_OK);
        for (unsigned i = 0; i < 6; i++) {
            while (host_output(h, ETH_IFACE, &out))
                ;
            host_pass(h, 1 * S);
        }
        assert_true(host_event(h, &event));
        assert_int_equal(event.bits, WEIR_EVENT_ADVICE);
        assert_int_equal(event.error, WEIR_E_UNREACHABLE);
        assert_int_equal(h->udp.count.send_unreachable, 1);
        assert_int_equal((udp_ready(host_get(h, e)) & WEIR_EVENT_READABLE) != 0, connected);
        assert_int_equal(receive(h, e, NULL, got, 1),
                         connected ? WEIR_E_UNREACHABLE : WEIR_E_WOULD_BLOCK);
        assert_int_equal(receive(h, e, NULL, got, 1), WEIR_E_WOULD_BLOCK);
        host_close(h);
    }
}

/* Of the packets that wait for one neighbour the oldest gives way; its endpoint goes on. */
static void test_any_number_of_endpoints_waits_for_one_neighbour(void **state)
{
    (void)state;
    struct host *h = host_open();
    for (uint16_t i = 0; i < 6; i++)
        assert_int_equal(
            send_to(h, open_on(h, NULL, (uint16_t)(7000 + i)), "192.168.0.9", 9, "a", 1), WEIR_OK);
    while (host_output(h, ETH_IFACE, &out))
        ;
    host_pass(h, 0);
    assert_int_equal(h->udp.count.send_displaced, 0);
    arp_reply(h, "192.168.0.9");
    for (int i = 0; i < 6; i++) {
        assert_true(host_output(h, ETH_IFACE, &out));
        assert_int_equal(out.data[34] << 8 | out.data[35], 7000 + i);
    }
    assert_false(host_output(h, ETH_IFACE, &out));
    host_close(h);
}

static void test_closing_lets_what_is_queued_leave(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    struct weir_event event;
    assert_int_equal(send_to(h, e, "192.168.0.9", 9, "a", 1), WEIR_OK);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, "b", 1), WEIR_OK);
    assert_true(asks_for(h, "192.168.0.9"));
    assert_false(host_output(h, ETH_IFACE, &out));
    udp_close(&h->udp, host_get(h, e));
    assert_true(host_event(h, &event));
    assert_int_equal(event.bits, WEIR_EVENT_CLOSED);
    assert_int_equal(h->udp.pool.in_use, 1); /* until it has sent */
    open_on(h, NULL, 7000);                  /* the port is free at once */
    arp_reply(h, "192.168.0.9");
    assert_true(host_output(h, ETH_IFACE, &out));
    assert_true(host_output(h, IP_IFACE, &out));
    host_begin(h);
    assert_int_equal(h->udp.pool.in_use, 1);
    assert_false(host_event(h, &event)); /* CLOSED was the last */
    host_close(h);
}

/* ---- ways that change between queueing and sending ---- */

static void test_a_changed_source_gets_a_good_checksum(void **state)
{
    (void)state;
    static const char *names[][3] = {{"10.0.0.1", "10.0.0.3", "10.0.0.9"},
                                     {"2001:db8::1", "2001:db8::abcd:3", "2001:db8::9"}};
    struct rng rng = rng_make(7);
    for (unsigned i = 0; i < 2; i++)
        for (unsigned round = 0; round < 200; round++) {
            struct host *h = host_open();
            weir_handle e = open_on(h, NULL, 7000);
            size_t len = rng_below(&rng, 20);
            rng_bytes(&rng, bytes, len);
            assert_int_equal(send_to(h, e, names[i][2], 9, bytes, len), WEIR_OK);
            net_remove_address(&h->net, IP_IFACE, addr(names[i][0]));
            net_add_address(&h->net, IP_IFACE, addr(names[i][1]), i == 0 ? 24 : 64, h->now);
            assert_true(host_output(h, IP_IFACE, &out));
            assert_udp(&out, names[i][1], 7000, names[i][2], 9, bytes, len);
            host_close(h);
        }
}

/* Fragments of two sources would be of two datagrams, and neither ever whole. */
static void test_fragments_go_on_as_they_began(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, NULL, 7000);
    assert_int_equal(send_to(h, e, "10.0.0.9", 9, bytes, 2000), WEIR_OK);
    assert_true(host_output(h, IP_IFACE, &out));
    uint8_t addresses[8], id[2] = {out.data[4], out.data[5]};
    memcpy(addresses, out.data + 12, 8);
    net_remove_address(&h->net, IP_IFACE, addr("10.0.0.1"));
    net_add_address(&h->net, IP_IFACE, addr("10.0.0.3"), 24, h->now);
    assert_true(host_output(h, IP_IFACE, &out));
    assert_memory_equal(out.data + 12, addresses, 8);
    assert_memory_equal(out.data + 4, id, 2);
    assert_false(host_output(h, IP_IFACE, &out));
    host_close(h);
}

static void test_a_changed_route_takes_the_datagram_to_another_interface(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle e = open_on(h, "10.0.0.1", 7000);
    struct route_new route = {.prefix = addr("10.9.0.0"),
                              .prefix_len = 16,
                              .gateway = addr("10.0.0.254"),
                              .ifindex = IP_IFACE};
    assert_int_equal(route_add(&h->net.routes, &route), WEIR_OK);
    assert_int_equal(send_to(h, e, "10.9.0.1", 9, "a", 1), WEIR_OK);
    assert_int_equal(send_to(h, e, "10.9.0.1", 9, "b", 1), WEIR_OK);
    assert_int_equal(route_remove(&h->net.routes, &route), WEIR_OK);
    route.gateway = addr("192.168.0.9");
    route.ifindex = ETH_IFACE;
    assert_int_equal(route_add(&h->net.routes, &route), WEIR_OK);
    assert_false(host_output(h, IP_IFACE, &out));
    assert_true(asks_for(h, "192.168.0.9") || asks_for(h, "192.168.0.9"));
    arp_reply(h, "192.168.0.9");
    for (unsigned i = 0; i < 2; i++) {
        assert_true(host_output(h, ETH_IFACE, &out));
        memmove(out.data, out.data + 14, out.len -= 14);
        assert_udp(&out, "10.0.0.1", 7000, "10.9.0.1", 9, i == 0 ? "a" : "b", 1);
    }
    assert_int_equal(route_remove(&h->net.routes, &route), WEIR_OK);
    host_close(h);
}

static void test_a_way_that_is_gone_is_reported(void **state)
{
    (void)state;
    for (unsigned bound = 0; bound < 2; bound++) {
        struct host *h = host_open();
        struct weir_event event;
        weir_handle e = open_on(h, bound ? "10.0.0.1" : NULL, 7000);
        assert_int_equal(send_to(h, e, "10.0.0.9", 9, "a", 1), WEIR_OK);
        assert_int_equal(send_to(h, e, "10.0.0.9", 9, "b", 1), WEIR_OK);
        net_remove_address(&h->net, IP_IFACE, addr("10.0.0.1"));
        if (bound) /* the route is there, the address to send from is not */
            net_add_address(&h->net, IP_IFACE, addr("10.0.0.3"), 24, h->now);
        assert_false(host_output(h, IP_IFACE, &out));
        assert_int_equal(h->udp.count.send_unreachable, 2);
        assert_true(host_event(h, &event));
        assert_int_equal(event.error, WEIR_E_UNREACHABLE);
        host_close(h);
    }
}

static void test_a_path_that_narrowed_drops_what_may_not_be_cut(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct weir_event event;
    weir_handle e = open_on(h, NULL, 7000);
    struct weir_datagram to = {
        .remote = addr("10.0.0.9"), .remote_port = 9, .dont_fragment = true};
    assert_int_equal(udp_send(&h->udp, host_get(h, e), &to, (struct weir_ref){bytes, 1400}, h->now),
                     WEIR_OK);
    to.dont_fragment = false;
    assert_int_equal(udp_send(&h->udp, host_get(h, e), &to, (struct weir_ref){bytes, 1400}, h->now),
                     WEIR_OK);
    struct pmtu_report report = {
        .destination = addr("10.0.0.9"), .mtu = 1000, .link_mtu = MTU};
    assert_true(pmtu_update(&h->net.pmtus, &report, h->now));
    assert_true(host_output(h, IP_IFACE, &out)); /* of the second, cut */
    assert_true(out.len <= 1000);
    assert_int_equal(h->udp.count.send_too_long, 1);
    assert_true(host_event(h, &event));
    assert_int_equal(event.error, WEIR_E_RANGE);
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_datagram_leaves_as_it_should),
        cmocka_unit_test(test_hop_limits_when_none_is_given),
        cmocka_unit_test(test_ATK_UDP_02_a_computed_zero_is_sent_as_ones),
        cmocka_unit_test(test_echo_requests_leave_as_they_should),
        cmocka_unit_test(test_what_cannot_be_sent_is_refused),
        cmocka_unit_test(test_the_longest_datagrams),
        cmocka_unit_test(test_long_datagrams_cross_in_fragments),
        cmocka_unit_test(test_the_send_queue_ends_exactly_at_its_limit),
        cmocka_unit_test(test_a_long_datagram_waits_for_the_short_ones),
        cmocka_unit_test(test_without_memory_nothing_is_queued_and_nothing_kept),
        cmocka_unit_test(test_what_a_failed_datagram_opened_is_given_back),
        cmocka_unit_test(test_endpoints_take_turns),
        cmocka_unit_test(test_references_hold_until_the_next_call),
        cmocka_unit_test(test_datagrams_wait_for_their_neighbour_in_order),
        cmocka_unit_test(test_a_neighbour_that_does_not_answer_is_reported),
        cmocka_unit_test(test_any_number_of_endpoints_waits_for_one_neighbour),
        cmocka_unit_test(test_closing_lets_what_is_queued_leave),
        cmocka_unit_test(test_a_changed_source_gets_a_good_checksum),
        cmocka_unit_test(test_fragments_go_on_as_they_began),
        cmocka_unit_test(test_a_changed_route_takes_the_datagram_to_another_interface),
        cmocka_unit_test(test_a_way_that_is_gone_is_reported),
        cmocka_unit_test(test_a_path_that_narrowed_drops_what_may_not_be_cut),
    };
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
