/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "net/fragment.h"

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

static const struct ip4 ip4 = {.source = {{10, 0, 0, 1}},
                               .destination = {{10, 0, 0, 2}},
                               .dont_fragment = true, /* no fragment may keep it */
                               .dscp = 10,
                               .ecn = IP_ECN_ECT0,
                               .ttl = 64,
                               .protocol = IP_PROTOCOL_UDP};

static const struct ip6 ip6 = {.source = {{0x20, 1, [15] = 1}},
                               .destination = {{0x20, 1, [15] = 2}},
                               .flow_label = 0x12345,
                               .dscp = 10,
                               .ecn = IP_ECN_ECT0,
                               .hop_limit = 64,
                               .next_header = IP_PROTOCOL_UDP};

/* The bytes of all datagrams: each differs from its neighbours. */
static uint8_t bytes[65536];

static void fill(void)
{
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 8));
}

/* A datagram of `len` bytes, cut at two places into header and two references. */
static struct fragment_source make(bool v6, size_t len, size_t upper, size_t cut, uint32_t mtu)
{
    struct fragment_source s = {.ip4 = v6 ? NULL : &ip4,
                                .ip6 = v6 ? &ip6 : NULL,
                                .id = 0x89abcdef,
                                .mtu = mtu,
                                .upper = {bytes, upper},
                                .payload = {{bytes + upper, cut - upper}, {bytes + cut, len - cut}},
                                .headroom = 18,
                                .handler = &handler};
    assert_int_equal(fragment_source_len(&s), len);
    return s;
}

/* One fragment as the wire would carry it; returns its length. */
static size_t on_wire(const struct weir_tx *tx, uint8_t *out)
{
    size_t n = tx->header_len;
    memcpy(out, tx->headers + tx->header_start, n);
    for (unsigned i = 0; i < tx->frag_count; i++) {
        assert_true(tx->frag[i].len > 0);
        assert_true(tx->frag[i].data >= bytes && /* referred to, not copied */
                    tx->frag[i].data + tx->frag[i].len <= bytes + sizeof bytes);
        memcpy(out + n, tx->frag[i].data, tx->frag[i].len);
        n += tx->frag[i].len;
    }
    assert_int_equal(n, tx->len);
    assert_int_equal(tx->segmentation, WEIR_SEGMENT_NONE);
    assert_int_equal(tx->checksum_wanted, 0);
    return n;
}

struct seen {
    size_t offset, len;
    bool more;
};

static struct seen parse4(const uint8_t *p, size_t n)
{
    struct ip4 h;
    assert_int_equal(ip4_parse(&h, p, n, n), WEIR_DROP_NONE); /* its checksum, too */
    assert_int_equal(h.id, 0xcdef);
    assert_false(h.dont_fragment);
    assert_true(ip4_eq(h.source, ip4.source) && ip4_eq(h.destination, ip4.destination));
    assert_int_equal(h.ttl, 64);
    assert_int_equal(h.dscp, 10);
    assert_int_equal(h.ecn, IP_ECN_ECT0);
    assert_int_equal(h.protocol, IP_PROTOCOL_UDP);
    assert_int_equal(IP4_HEADER_MIN + h.payload_len, n);
    return (struct seen){h.fragment_offset, h.payload_len, h.more_fragments};
}

static struct seen parse6(const uint8_t *p, size_t n)
{
    struct ip6 h;
    assert_int_equal(ip6_parse(&h, p, n, n), WEIR_DROP_NONE);
    assert_int_equal(h.fragment_id, 0x89abcdef);
    assert_true(ip6_eq(h.source, ip6.source) && ip6_eq(h.destination, ip6.destination));
    assert_int_equal(h.flow_label, 0x12345);
    assert_int_equal(h.hop_limit, 64);
    assert_int_equal(h.ecn, IP_ECN_ECT0);
    assert_int_equal(h.next_header, IP6_NEXT_FRAGMENT);
    assert_int_equal(h.protocol, IP_PROTOCOL_UDP);
    assert_int_equal(h.upper_at, 48);
    return (struct seen){h.fragment_offset, h.upper_len, h.more_fragments};
}

/* Cut it, and see that the pieces are legal, as long as they can be, and make up the datagram. */
static void check(const struct fragment_source *s)
{
    static uint8_t packet[65536];
    bool v6 = s->ip6 != NULL;
    size_t len = fragment_source_len(s), at = 0;
    unsigned count = fragment_count(s);
    assert_true(count >= 2);
    for (unsigned i = 0; i < count; i++) {
        struct weir_tx tx;
        memset(&tx, 0xa5, sizeof tx);
        fragment_make(&tx, s, i);
        assert_int_equal(tx.header_start, s->headroom);
        size_t n = on_wire(&tx, packet);
        assert_true(n <= s->mtu);
        struct seen f = v6 ? parse6(packet, n) : parse4(packet, n);
        assert_int_equal(f.offset, at);
        assert_int_equal(f.more, i + 1 < count);
        assert_true(!f.more || n + 8 > s->mtu); /* one unit more would not fit */
        assert_memory_equal(packet + (v6 ? 48 : 20), bytes + at, f.len);
        at += f.len;
    }
    assert_int_equal(at, len);
}

static void test_what_fits_is_one_and_what_does_not_is_two(void **state)
{
    (void)state;
    struct fragment_source s = make(false, 1480, 8, 100, 1500);
    assert_int_equal(fragment_count(&s), 1);
    s = make(false, 1481, 8, 100, 1500);
    assert_int_equal(fragment_count(&s), 2);
    check(&s);
    s = make(true, 1460, 8, 100, 1500);
    assert_int_equal(fragment_count(&s), 1);
    s = make(true, 1461, 8, 100, 1500); /* 1448 and 13 */
    assert_int_equal(fragment_count(&s), 2);
    check(&s);
}

static void test_the_longest_datagrams_and_none_longer(void **state)
{
    (void)state;
    struct fragment_source s = make(false, 65515, 8, 32768, 1500);
    assert_int_equal(fragment_count(&s), 45);
    check(&s);
    s = make(false, 65516, 8, 32768, 1500);
    assert_int_equal(fragment_count(&s), 0);
    s = make(true, 65535, 8, 32768, 1500);
    assert_int_equal(fragment_count(&s), 46);
    check(&s);
    s.payload[1].len++;
    assert_int_equal(fragment_count(&s), 0);
    s = make(true, 65008, 8, 32768, 1500); /* ping -6 -s 65000 */
    assert_int_equal(fragment_count(&s), 45);
    check(&s);
}

static void test_every_length_around_the_units(void **state)
{
    (void)state;
    for (size_t len = 49; len < 49 + 3 * 48; len++) {
        struct fragment_source s = make(false, len, 8, 8 + len % 40, 68);
        check(&s);
    }
    for (size_t len = 1241; len < 1241 + 40; len++) {
        struct fragment_source s = make(true, len, 20, 20 + len % 40, 1280);
        check(&s);
    }
}

static void test_an_upper_header_may_span_fragments(void **state)
{
    (void)state;
    struct fragment_source s = make(false, 200, 60, 100, 68); /* 48 bytes a fragment */
    check(&s);
    struct weir_tx tx;
    fragment_make(&tx, &s, 1);
    assert_int_equal(tx.header_len, 20 + 12);
}

static void test_random_datagrams(void **state)
{
    (void)state;
    struct rng rng = rng_make(5);
    for (unsigned i = 0; i < 400; i++) {
        bool v6 = rng_below(&rng, 2) != 0;
        uint32_t mtu = (uint32_t)rng_between(&rng, v6 ? 1280 : 68, 9000);
        size_t len = (size_t)rng_between(&rng, mtu, 65515);
        size_t upper = (size_t)rng_below(&rng, 61), cut = (size_t)rng_between(&rng, upper, len);
        struct fragment_source s = make(v6, len, upper, cut, mtu);
        s.headroom = (uint16_t)rng_below(&rng, 19);
        check(&s);
    }
}

static void test_a_source_that_breaks_the_contract_is_a_failed_assertion(void **state)
{
    (void)state;
    struct fragment_source s = make(false, 3000, 8, 100, 1500);
    struct weir_tx tx;
    expect_breach(fragment_make(&tx, &s, 3));
    s.mtu = 67;
    expect_breach(fragment_count(&s));
    s = make(true, 3000, 8, 100, 1279);
    expect_breach(fragment_count(&s));
    s = make(false, 1000, 8, 100, 1500);
    expect_breach(fragment_make(&tx, &s, 0)); /* it fits uncut */
    s = make(false, 3000, 100, 100, 1500);
    s.headroom = 18;
    expect_breach(fragment_make(&tx, &s, 0)); /* 18 + 20 + 100 > 128 */
    struct ip4 with_options = ip4;
    with_options.options_len = 4;
    s = make(false, 3000, 8, 100, 1500);
    s.ip4 = &with_options;
    expect_breach(fragment_count(&s));
    s.ip4 = NULL;
    expect_breach(fragment_count(&s));
}

/* ---- identifications ---- */

static struct fragment_flow flow(uint32_t n, uint8_t protocol)
{
    struct ip4_addr to = {{10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
    return (struct fragment_flow){.source = addr_from_ip4(ip4.source),
                                  .destination = addr_from_ip4(to),
                                  .protocol = protocol};
}

static void test_a_flow_repeats_no_id_until_all_were_used(void **state)
{
    (void)state;
    static uint8_t used[65536];
    struct fragment_ids ids;
    fragment_ids_init(&ids, &(struct sip_key){1, 2}, rng_make(3));
    struct fragment_flow f = flow(1, IP_PROTOCOL_UDP);
    for (unsigned i = 0; i < 65536; i++) {
        uint16_t id = (uint16_t)fragment_id(&ids, &f);
        assert_int_equal(used[id], 0);
        used[id] = 1;
    }
}

/* RFC 7739 4: what one destination sees says nothing of what another does. */
static void test_ids_of_other_flows_cannot_be_worked_out(void **state)
{
    (void)state;
    struct fragment_ids ids, rekeyed;
    fragment_ids_init(&ids, &(struct sip_key){1, 2}, rng_make(3));
    fragment_ids_init(&rekeyed, &(struct sip_key){1, 3}, rng_make(3));
    unsigned near = 0, same = 0, ones = 0;
    for (uint32_t n = 0; n < 1000; n++) {
        struct fragment_flow a = flow(n, IP_PROTOCOL_UDP), b = flow(n + 1, IP_PROTOCOL_UDP);
        struct fragment_flow c = flow(n, IP_PROTOCOL_ICMP4);
        uint32_t x = fragment_id(&ids, &a), y = fragment_id(&ids, &b), z = fragment_id(&ids, &c);
        near += y - x + 1000 < 2000 || z - x + 1000 < 2000;
        same += fragment_id(&rekeyed, &a) == x;
        ones += x >> 31;
    }
    assert_true(near <= 2);
    assert_true(same <= 2);
    assert_in_range(ones, 430, 570);
}

static void test_same_key_and_seed_give_the_same_ids(void **state)
{
    (void)state;
    struct fragment_ids a, b;
    fragment_ids_init(&a, &(struct sip_key){1, 2}, rng_make(3));
    fragment_ids_init(&b, &(struct sip_key){1, 2}, rng_make(3));
    for (uint32_t n = 0; n < 100; n++) {
        struct fragment_flow f = flow(n % 7, 0);
        assert_int_equal(fragment_id(&a, &f), fragment_id(&b, &f));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits_is_one_and_what_does_not_is_two),
        cmocka_unit_test(test_the_longest_datagrams_and_none_longer),
        cmocka_unit_test(test_every_length_around_the_units),
        cmocka_unit_test(test_an_upper_header_may_span_fragments),
        cmocka_unit_test(test_random_datagrams),
        cmocka_unit_test(test_a_source_that_breaks_the_contract_is_a_failed_assertion),
        cmocka_unit_test(test_a_flow_repeats_no_id_until_all_were_used),
        cmocka_unit_test(test_ids_of_other_flows_cannot_be_worked_out),
        cmocka_unit_test(test_same_key_and_seed_give_the_same_ids),
    };
    fill();
    return cmocka_run_group_tests_name("fragment", tests, NULL, NULL);
}
