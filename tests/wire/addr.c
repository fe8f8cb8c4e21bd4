/* SPDX-License-Identifier: MIT */
#include "wire/addr.h"

#include <arpa/inet.h>

#include "packets.h"

static struct ip4_addr ip4(const char *s)
{
    struct ip4_addr a;
    assert_true(ip4_from_text(&a, s, strlen(s)));
    return a;
}

static struct ip6_addr ip6(const char *s)
{
    struct ip6_addr a;
    assert_true(ip6_from_text(&a, s, strlen(s)));
    return a;
}

static void assert_ip6_text(struct ip6_addr a, const char *want)
{
    char buf[IP6_TEXT_MAX];
    struct text t = text_begin(buf, sizeof buf);
    ip6_text(&t, a);
    assert_string_equal(buf, want);
    assert_false(t.cut);
}

/* Each class by its first and last address and the neighbours outside (RFC 1122, RFC 3927). */
static void test_ip4_classes_begin_and_end_where_the_rfcs_say(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        bool unspecified, loopback, multicast, broadcast, link_local, martian;
    } rows[] = {
        {"0.0.0.0", true, false, false, false, false, true},
        {"0.0.0.1", false, false, false, false, false, true},
        {"0.255.255.255", false, false, false, false, false, true},
        {"1.0.0.0", false, false, false, false, false, false},
        {"126.255.255.255", false, false, false, false, false, false},
        {"127.0.0.0", false, true, false, false, false, true},
        {"127.255.255.255", false, true, false, false, false, true},
        {"128.0.0.0", false, false, false, false, false, false},
        {"169.253.255.255", false, false, false, false, false, false},
        {"169.254.0.0", false, false, false, false, true, false},
        {"169.254.255.255", false, false, false, false, true, false},
        {"169.255.0.0", false, false, false, false, false, false},
        {"223.255.255.255", false, false, false, false, false, false},
        {"224.0.0.0", false, false, true, false, false, true},
        {"239.255.255.255", false, false, true, false, false, true},
        {"240.0.0.0", false, false, false, false, false, true},
        {"255.255.255.254", false, false, false, false, false, true},
        {"255.255.255.255", false, false, false, true, false, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ip4_addr a = ip4(rows[i].a);
        assert_int_equal(ip4_is_unspecified(a), rows[i].unspecified);
        assert_int_equal(ip4_is_loopback(a), rows[i].loopback);
        assert_int_equal(ip4_is_multicast(a), rows[i].multicast);
        assert_int_equal(ip4_is_broadcast(a), rows[i].broadcast);
        assert_int_equal(ip4_is_link_local(a), rows[i].link_local);
        assert_int_equal(ip4_is_martian(a), rows[i].martian);
    }
}

/* RFC 4291 2.4, 2.5.5.2, 2.7. */
static void test_ip6_classes_begin_and_end_where_the_rfc_says(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        bool unspecified, loopback, multicast, link_local, mapped, solicited, martian;
    } rows[] = {
        {"::", true, false, false, false, false, false, true},
        {"::1", false, true, false, false, false, false, true},
        {"::2", false, false, false, false, false, false, false},
        {"1::", false, false, false, false, false, false, false},
        {"::fffe:ffff:ffff", false, false, false, false, false, false, false},
        {"::ffff:0:0", false, false, false, false, true, false, true},
        {"::ffff:127.0.0.1", false, false, false, false, true, false, true},
        {"::1:0:0:0", false, false, false, false, false, false, false},
        {"2001:db8::1", false, false, false, false, false, false, false},
        {"fe7f:ffff::1", false, false, false, false, false, false, false},
        {"fe80::", false, false, false, true, false, false, false},
        {"febf:ffff::1", false, false, false, true, false, false, false},
        {"fec0::", false, false, false, false, false, false, false},
        {"feff::1", false, false, false, false, false, false, false},
        {"ff00::", false, false, true, false, false, false, true},
        {"ff02::1", false, false, true, false, false, false, true},
        {"ff02::1:feff:ffff", false, false, true, false, false, false, true},
        {"ff02::1:ff00:0", false, false, true, false, false, true, true},
        {"ff02::1:ffff:ffff", false, false, true, false, false, true, true},
        {"ff02::2:ff00:1", false, false, true, false, false, false, true},
        {"ff02:0:0:1:0:1:ff00:1", false, false, true, false, false, false, true},
        {"ff05::1:ff00:1", false, false, true, false, false, false, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ip6_addr a = ip6(rows[i].a);
        assert_int_equal(ip6_is_unspecified(a), rows[i].unspecified);
        assert_int_equal(ip6_is_loopback(a), rows[i].loopback);
        assert_int_equal(ip6_is_multicast(a), rows[i].multicast);
        assert_int_equal(ip6_is_link_local(a), rows[i].link_local);
        assert_int_equal(ip6_is_mapped(a), rows[i].mapped);
        assert_int_equal(ip6_is_solicited_node(a), rows[i].solicited);
        assert_int_equal(ip6_is_martian(a), rows[i].martian);
    }
}

static void test_mac_classes(void **state)
{
    (void)state;
    static const struct eth_addr zero = {{0}}, one = {{2, 0, 0, 0, 0, 1}}, group = {{1, 0, 0x5e}};
    static const struct eth_addr last = {{0, 0, 0, 0, 0, 1}};
    assert_true(eth_addr_is_zero(zero));
    assert_false(eth_addr_is_zero(last));
    assert_false(eth_addr_is_station(zero));
    assert_true(eth_addr_is_station(one) && eth_addr_is_station(last));
    assert_false(eth_addr_is_station(group) || eth_addr_is_station(eth_broadcast()));
    assert_true(eth_addr_is_group(group) && eth_addr_is_group(eth_broadcast()));
    assert_false(eth_addr_is_group(one));
    assert_true(eth_addr_is_broadcast(eth_broadcast()));
    assert_false(eth_addr_is_broadcast(group));
    assert_true(eth_addr_eq(one, one));
    assert_false(eth_addr_eq(one, last));
}

static void test_equality_sees_every_bit(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 128; bit++) {
        struct ip6_addr a = {{0}}, b = {{0}};
        b.b[bit / 8] = (uint8_t)(0x80U >> bit % 8);
        assert_false(ip6_eq(a, b));
        assert_true(ip6_eq(b, b));
        assert_false(addr_eq(addr_from_ip6(a), addr_from_ip6(b)));
        if (bit < 32)
            assert_false(ip4_eq((struct ip4_addr){{0}}, (struct ip4_addr){{b.b[0], b.b[1], b.b[2],
                                                                             b.b[3]}}));
        if (bit < 48)
            assert_false(eth_addr_eq((struct eth_addr){{0}},
                                     (struct eth_addr){{b.b[0], b.b[1], b.b[2], b.b[3], b.b[4],
                                                        b.b[5]}}));
    }
}

/* Bit by bit, as one would by hand. */
static bool naive_match(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++)
        if (((a[i / 8] ^ b[i / 8]) & 0x80U >> i % 8) != 0)
            return false;
    return true;
}

static void test_prefix_match_agrees_with_a_bitwise_model(void **state)
{
    (void)state;
    struct rng r = rng_make(5);
    for (unsigned i = 0; i < 2000; i++) {
        struct ip6_addr a, b;
        struct ip4_addr a4, b4;
        rng_bytes(&r, a.b, 16);
        b = a;
        unsigned flip = (unsigned)rng_below(&r, 129); /* 128: equal */
        if (flip < 128)
            b.b[flip / 8] ^= (uint8_t)(0x80U >> flip % 8);
        memcpy(a4.b, a.b, 4);
        memcpy(b4.b, b.b, 4);
        for (unsigned bits = 0; bits <= 128; bits++)
            assert_int_equal(ip6_prefix_match(a, b, bits), naive_match(a.b, b.b, bits));
        for (unsigned bits = 0; bits <= 32; bits++)
            assert_int_equal(ip4_prefix_match(a4, b4, bits), naive_match(a4.b, b4.b, bits));
    }
}

/* The examples of RFC 4291 2.7.1, RFC 1112 6.4 and RFC 2464 7. */
static void test_groups_map_as_the_examples_of_the_rfcs(void **state)
{
    (void)state;
    assert_true(
        ip6_eq(ip6_solicited_node(ip6("4037::01:800:200E:8C6C")), ip6("ff02::1:ff0e:8c6c")));
    assert_true(ip6_is_solicited_node(ip6_solicited_node(ip6("fe80::1"))));
    assert_memory_equal(ip4_multicast_mac(ip4("224.0.0.1")).b, ((uint8_t[]){1, 0, 0x5e, 0, 0, 1}),
                        6);
    assert_memory_equal(ip4_multicast_mac(ip4("239.255.255.250")).b,
                        ((uint8_t[]){1, 0, 0x5e, 0x7f, 0xff, 0xfa}), 6);
    assert_memory_equal(ip6_multicast_mac(ip6("ff02::1:ff0e:8c6c")).b,
                        ((uint8_t[]){0x33, 0x33, 0xff, 0x0e, 0x8c, 0x6c}), 6);
}

static void test_mapped_form_goes_both_ways(void **state)
{
    (void)state;
    struct weir_addr a = addr_from_ip4(ip4("10.1.2.3"));
    static const uint8_t want[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3};
    assert_memory_equal(a.bytes, want, 16);
    assert_true(addr_is_ip4(a));
    assert_true(ip4_eq(ip4_from_addr(a), ip4("10.1.2.3")));
    struct weir_addr b = addr_from_ip6(ip6("2001:db8::1"));
    assert_false(addr_is_ip4(b));
    assert_true(ip6_eq(ip6_from_addr(b), ip6("2001:db8::1")));
    assert_true(addr_eq(a, a));
    assert_false(addr_eq(a, b));
}

/* RFC 5952 section 4 and 5, with its examples. */
static void test_ip6_text_is_canonical(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"2001:0db8::0001", "2001:db8::1"},
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  /* 4.2.2: not for one group */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           /* 4.2.3: the longest run */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     /* 4.2.3: the first of equals */
        {"2001:DB8:AAAA::", "2001:db8:aaaa::"},            /* 4.3: lower case */
        {"0:0:0:0:0:0:0:0", "::"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"},
        {"0:0:2:3:4:5:6:7", "::2:3:4:5:6:7"},
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::FFFF:192.0.2.1", "::ffff:192.0.2.1"}, /* 5 */
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_ip6_text(ip6(rows[i].in), rows[i].out);
}

static void test_texts_that_are_no_address_are_refused(void **state)
{
    (void)state;
    static const char *const none4[] = {
        "",          ".",        "1",         "1.2.3",     "1.2.3.",     "1.2.3.4.", ".1.2.3.4",
        "1.2.3.4.5", "1..2.3",   "256.1.1.1", "1.2.3.256", "1.2.3.1000", "01.2.3.4", "1.2.3.00",
        "1.2.3.4 ",  " 1.2.3.4", "+1.2.3.4",  "1.2.3.-4",  "0x1.2.3.4",  "a.b.c.d",  "1,2.3.4"};
    static const char *const none6[] = {"",
                                        ":",
                                        ":::",
                                        "1",
                                        "1:",
                                        ":1",
                                        "1:2:3:4:5:6:7",
                                        "1:2:3:4:5:6:7:",
                                        ":1:2:3:4:5:6:7",
                                        "1:2:3:4:5:6:7:8:",
                                        "1:2:3:4:5:6:7:8:9",
                                        "1::2::3",
                                        "1:::2",
                                        "::1:2:3:4:5:6:7:8",
                                        "1:2:3:4:5:6:7:8::",
                                        "1:2:3:4::5:6:7:8",
                                        "12345::",
                                        "::12345",
                                        "g::",
                                        "::1 ",
                                        " ::1",
                                        "fe80::1%1",
                                        "1.2.3.4",
                                        "::1.2.3",
                                        "::1.2.3.256",
                                        "::1.2.3.4:5",
                                        "1.2.3.4::",
                                        "1:2:3:4:5:6:7:1.2.3.4",
                                        "1:2:3:4:5:1.2.3.4",
                                        "::01.2.3.4",
                                        "1:2:3:4:5:6:1.2.3.4:",
                                        "-1::",
                                        "::-1",
                                        "::1.2.3.4.5"};
    static const char *const none_mac[] = {"",
                                           "00:00:00:00:00",
                                           "00:00:00:00:00:0",
                                           "0:00:00:00:00:00:",
                                           "00:00:00:00:00:000",
                                           "00-00-00-00-00-00",
                                           "00:00:00:00:00:0g",
                                           "000:00:00:00:00:0"};
    for (size_t i = 0; i < sizeof none4 / sizeof none4[0]; i++) {
        struct ip4_addr a = {{9, 9, 9, 9}};
        assert_false(ip4_from_text(&a, none4[i], strlen(none4[i])));
        assert_int_equal(load32(a.b), 0x09090909);
    }
    for (size_t i = 0; i < sizeof none6 / sizeof none6[0]; i++) {
        struct ip6_addr a;
        memset(a.b, 9, 16);
        assert_false(ip6_from_text(&a, none6[i], strlen(none6[i])));
        assert_int_equal(load64(a.b) & load64(a.b + 8), UINT64_C(0x0909090909090909));
    }
    for (size_t i = 0; i < sizeof none_mac / sizeof none_mac[0]; i++) {
        struct eth_addr a = {{9, 9, 9, 9, 9, 9}};
        assert_false(eth_from_text(&a, none_mac[i], strlen(none_mac[i])));
        assert_int_equal(a.b[0], 9);
    }
}

static void test_either_family_is_read_as_one_type(void **state)
{
    (void)state;
    struct weir_addr a, b;
    assert_true(addr_from_text(&a, "10.0.0.1", 8));
    assert_true(addr_from_text(&b, "::ffff:10.0.0.1", 15));
    assert_true(addr_eq(a, b));
    assert_true(addr_from_text(&b, "::ffff:a00:1", 12));
    assert_true(addr_eq(a, b));
    assert_true(addr_from_text(&b, "fe80::1", 7));
    assert_false(addr_is_ip4(b));
    assert_false(addr_from_text(&b, "localhost", 9));
    char buf[64];
    struct text t = text_begin(buf, sizeof buf);
    addr_text(&t, a);
    text_char(&t, ' ');
    addr_text(&t, b);
    assert_string_equal(buf, "10.0.0.1 fe80::1");
}

static void test_mac_text_goes_both_ways(void **state)
{
    (void)state;
    struct eth_addr a;
    char buf[ETH_TEXT_MAX];
    struct text t = text_begin(buf, sizeof buf);
    assert_true(eth_from_text(&a, "02:00:aB:Cd:0e:f0", 17));
    assert_memory_equal(a.b, ((uint8_t[]){2, 0, 0xab, 0xcd, 0x0e, 0xf0}), 6);
    eth_text(&t, a);
    assert_string_equal(buf, "02:00:ab:cd:0e:f0");
    assert_false(t.cut);
}

/* A random address with many zero groups. */
static struct ip6_addr random_ip6(struct rng *r)
{
    struct ip6_addr a;
    for (size_t i = 0; i < 16; i += 2)
        store16(a.b + i, (uint16_t)(rng_below(r, 2) != 0 ? 0 : rng_u64(r) >> rng_below(r, 64)));
    return a;
}

static void test_text_agrees_with_the_host_and_reads_back(void **state)
{
    (void)state;
    struct rng r = rng_make(6);
    for (unsigned i = 0; i < 20000; i++) {
        char host[INET6_ADDRSTRLEN];
        struct ip6_addr a = random_ip6(&r), b;
        struct ip4_addr a4, b4;
        rng_bytes(&r, a4.b, 4);
        assert_non_null(inet_ntop(AF_INET6, a.b, host, sizeof host));
        if (strchr(host, '.') == NULL) /* the host writes ::/96 in its deprecated form */
            assert_ip6_text(a, host);
        assert_true(ip6_from_text(&b, host, strlen(host)));
        assert_true(ip6_eq(a, b));
        assert_non_null(inet_ntop(AF_INET, a4.b, host, sizeof host));
        assert_true(ip4_from_text(&b4, host, strlen(host)));
        assert_true(ip4_eq(a4, b4));
        char buf[IP4_TEXT_MAX];
        struct text t = text_begin(buf, sizeof buf);
        ip4_text(&t, a4);
        assert_string_equal(buf, host);
        assert_false(t.cut);
    }
}

/* Valid texts with a few characters changed: we and the host refuse and accept the same. */
static void test_damaged_texts_are_judged_as_the_host_does(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789abcdefABCDEF::::....gx -";
    struct rng r = rng_make(7);
    unsigned accepted = 0;
    for (unsigned i = 0; i < 50000; i++) {
        char s[INET6_ADDRSTRLEN + 4] = "";
        struct ip6_addr a = random_ip6(&r), mine, theirs;
        struct ip4_addr mine4, theirs4;
        if (rng_below(&r, 8) == 0)
            memset(a.b, 0, 12);
        assert_non_null(
            inet_ntop(rng_below(&r, 4) == 0 ? AF_INET : AF_INET6, a.b, s, INET6_ADDRSTRLEN));
        for (uint64_t n = rng_below(&r, 4); n > 0; n--) {
            size_t len = strlen(s);
            size_t at = (size_t)rng_below(&r, len + 1);
            char c = alphabet[rng_below(&r, sizeof alphabet - 1)];
            if (rng_below(&r, 2) == 0 && len + 1 < INET6_ADDRSTRLEN) {
                memmove(s + at + 1, s + at, len - at + 1);
                s[at] = c;
            } else if (at < len) {
                s[at] = c;
            }
        }
        char *exact = (char *)exact_copy((const uint8_t *)s, strlen(s));
        bool ok = ip6_from_text(&mine, exact, strlen(s));
        assert_int_equal(ok, inet_pton(AF_INET6, s, theirs.b) == 1);
        if (ok)
            assert_true(ip6_eq(mine, theirs));
        accepted += ok;
        ok = ip4_from_text(&mine4, exact, strlen(s));
        assert_int_equal(ok, inet_pton(AF_INET, s, theirs4.b) == 1);
        if (ok)
            assert_true(ip4_eq(mine4, theirs4));
        free(exact);
    }
    assert_true(accepted > 1000 && accepted < 49000); /* both sides were met */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ip4_classes_begin_and_end_where_the_rfcs_say),
        cmocka_unit_test(test_ip6_classes_begin_and_end_where_the_rfc_says),
        cmocka_unit_test(test_mac_classes),
        cmocka_unit_test(test_equality_sees_every_bit),
        cmocka_unit_test(test_prefix_match_agrees_with_a_bitwise_model),
        cmocka_unit_test(test_groups_map_as_the_examples_of_the_rfcs),
        cmocka_unit_test(test_mapped_form_goes_both_ways),
        cmocka_unit_test(test_ip6_text_is_canonical),
        cmocka_unit_test(test_texts_that_are_no_address_are_refused),
        cmocka_unit_test(test_either_family_is_read_as_one_type),
        cmocka_unit_test(test_mac_text_goes_both_ways),
        cmocka_unit_test(test_text_agrees_with_the_host_and_reads_back),
        cmocka_unit_test(test_damaged_texts_are_judged_as_the_host_does),
    };
    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
