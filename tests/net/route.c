/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../breach.h"
#include "base/rng.h"
#include "net/route.h"

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

struct fixture {
    struct routes t;
    uint8_t *mem;
};

static struct fixture setup(uint32_t routes_max)
{
    struct fixture f;
    size_t size = routes_size(routes_max);
    assert_true(size > 0);
    f.mem = malloc(size + 1);
    assert_non_null(f.mem);
    memset(f.mem, 0xa5, size + 1);
    routes_init(
        &f.t, &(struct routes_config){.handler = &handler, .key = {3, 4}, .routes_max = routes_max},
        f.mem + 1); /* memory of no alignment */
    assert_true(routes_invariants(&f.t));
    return f;
}

static void teardown(struct fixture *f)
{
    assert_true(routes_invariants(&f->t));
    free(f->mem);
}

static struct weir_addr addr(const char *text)
{
    struct weir_addr a;
    assert_true(addr_from_text(&a, text, strlen(text)));
    return a;
}

static struct route_new make(const char *prefix, unsigned prefix_len, const char *gateway,
                             unsigned ifindex, uint32_t metric)
{
    struct route_new r = {.prefix = addr(prefix),
                          .metric = metric,
                          .ifindex = (uint8_t)ifindex,
                          .prefix_len = (uint8_t)prefix_len};
    if (gateway != NULL)
        r.gateway = addr(gateway);
    return r;
}

static int add(struct fixture *f, const char *prefix, unsigned prefix_len, const char *gateway,
               unsigned ifindex, uint32_t metric)
{
    struct route_new r = make(prefix, prefix_len, gateway, ifindex, metric);
    int error = route_add(&f->t, &r);
    assert_true(routes_invariants(&f->t));
    return error;
}

/* The gateway of the route to a destination as text; "link" for none, "none" for no route. */
static const char *via(struct fixture *f, const char *destination, unsigned ifindex)
{
    static char buffer[64];
    const struct route *r = route_lookup(&f->t, addr(destination), ifindex);
    if (r == NULL)
        return "none";
    if (ip6_is_unspecified(ip6_from_addr(r->gateway)))
        return "link";
    struct text t = text_begin(buffer, sizeof buffer);
    addr_text(&t, r->gateway);
    return buffer;
}

enum { ANY = ROUTE_ANY_INTERFACE };

static void test_the_limit_is_between_1_and_4096(void **state)
{
    (void)state;
    assert_int_equal(routes_size(0), 0);
    assert_true(routes_size(1) > 0 && routes_size(ROUTES_MAX) > 0);
    assert_int_equal(routes_size(ROUTES_MAX + 1), 0);
}

static void test_the_longest_prefix_wins(void **state)
{
    (void)state;
    struct fixture f = setup(16);
    assert_string_equal(via(&f, "10.1.2.3", ANY), "none");
    assert_int_equal(add(&f, "0.0.0.0", 0, "10.0.0.1", 0, 0), WEIR_OK);
    assert_int_equal(add(&f, "10.0.0.0", 8, "10.0.0.2", 0, 9), WEIR_OK);
    assert_int_equal(add(&f, "10.1.2.0", 24, NULL, 0, 9), WEIR_OK);
    assert_int_equal(add(&f, "10.1.2.128", 25, "10.0.0.4", 0, 9), WEIR_OK);
    assert_int_equal(add(&f, "10.1.2.129", 32, "10.0.0.5", 0, 9), WEIR_OK);
    assert_string_equal(via(&f, "11.0.0.0", ANY), "10.0.0.1");
    assert_string_equal(via(&f, "10.1.1.255", ANY), "10.0.0.2");
    assert_string_equal(via(&f, "10.1.2.0", ANY), "link");
    assert_string_equal(via(&f, "10.1.2.127", ANY), "link");
    assert_string_equal(via(&f, "10.1.2.128", ANY), "10.0.0.4");
    assert_string_equal(via(&f, "10.1.2.129", ANY), "10.0.0.5");
    assert_string_equal(via(&f, "10.1.2.130", ANY), "10.0.0.4");
    teardown(&f);
}

static void test_the_families_do_not_meet(void **state)
{
    (void)state;
    struct fixture f = setup(16);
    assert_int_equal(add(&f, "::", 0, "fe80::1", 0, 0), WEIR_OK);
    assert_string_equal(via(&f, "10.0.0.1", ANY), "none");
    assert_int_equal(add(&f, "0.0.0.0", 0, "10.0.0.1", 1, 0), WEIR_OK);
    assert_string_equal(via(&f, "10.0.0.9", ANY), "10.0.0.1");
    assert_string_equal(via(&f, "2001:db8::1", ANY), "fe80::1");
    assert_string_equal(via(&f, "::a00:9", ANY), "fe80::1");
    assert_int_equal(add(&f, "10.0.0.0", 8, "fe80::1", 0, 0), WEIR_E_INVALID);
    assert_int_equal(add(&f, "2001:db8::", 32, "10.0.0.1", 0, 0), WEIR_E_INVALID);
    teardown(&f);
}

static void test_ties_go_to_the_smaller_metric_and_then_to_the_older(void **state)
{
    (void)state;
    struct fixture f = setup(16);
    assert_int_equal(add(&f, "0.0.0.0", 0, "10.0.0.5", 0, 5), WEIR_OK);
    assert_int_equal(add(&f, "0.0.0.0", 0, "10.0.0.6", 0, 5), WEIR_OK);
    assert_string_equal(via(&f, "9.9.9.9", ANY), "10.0.0.5");
    assert_int_equal(add(&f, "0.0.0.0", 0, "10.0.0.4", 1, 4), WEIR_OK);
    assert_string_equal(via(&f, "9.9.9.9", ANY), "10.0.0.4");
    assert_int_equal(add(&f, "0.0.0.0", 0, "10.0.0.7", 0, 7), WEIR_OK);
    struct route_new first = make("0.0.0.0", 0, "10.0.0.4", 1, 0);
    assert_int_equal(route_remove(&f.t, &first), WEIR_OK); /* the metric does not name a route */
    assert_string_equal(via(&f, "9.9.9.9", ANY), "10.0.0.5");
    struct route_new middle = make("0.0.0.0", 0, "10.0.0.6", 0, 0);
    assert_int_equal(route_remove(&f.t, &middle), WEIR_OK);
    struct route_new next = make("0.0.0.0", 0, "10.0.0.5", 0, 0);
    assert_int_equal(route_remove(&f.t, &next), WEIR_OK);
    assert_string_equal(via(&f, "9.9.9.9", ANY), "10.0.0.7");
    assert_int_equal(route_remove(&f.t, &next), WEIR_E_NOT_FOUND);
    teardown(&f);
}

static void test_a_lookup_on_an_interface_sees_its_routes_only(void **state)
{
    (void)state;
    struct fixture f = setup(16);
    assert_int_equal(add(&f, "0.0.0.0", 0, "10.0.0.1", 0, 0), WEIR_OK);
    assert_int_equal(add(&f, "10.1.0.0", 16, "10.0.0.2", 1, 0), WEIR_OK);
    assert_int_equal(add(&f, "10.1.0.0", 16, "10.0.0.3", 2, 1), WEIR_OK);
    assert_string_equal(via(&f, "10.1.1.1", ANY), "10.0.0.2");
    assert_string_equal(via(&f, "10.1.1.1", 0), "10.0.0.1"); /* a shorter prefix, on it */
    assert_string_equal(via(&f, "10.1.1.1", 2), "10.0.0.3");
    assert_string_equal(via(&f, "10.1.1.1", 3), "none");
    teardown(&f);
}

static void test_a_link_local_destination_needs_an_interface(void **state)
{
    (void)state;
    struct fixture f = setup(16);
    assert_int_equal(route_connect(&f.t, addr("fe80::1"), 64, 0), WEIR_OK);
    assert_int_equal(route_connect(&f.t, addr("fe80::1"), 64, 1), WEIR_OK);
    assert_int_equal(add(&f, "::", 0, "fe80::9", 0, 0), WEIR_OK);
    assert_string_equal(via(&f, "fe80::5", ANY), "none");
    assert_string_equal(via(&f, "fe80::5", 1), "link");
    assert_int_equal(route_lookup(&f.t, addr("fe80::5"), 1)->ifindex, 1);
    teardown(&f);
}

static void test_what_cannot_be_a_route_is_refused(void **state)
{
    (void)state;
    struct fixture f = setup(2);
    uint32_t generation = f.t.generation;
    assert_int_equal(add(&f, "10.0.0.0", 33, NULL, 0, 0), WEIR_E_INVALID);
    assert_int_equal(add(&f, "2001:db8::", 129, NULL, 0, 0), WEIR_E_INVALID);
    assert_int_equal(add(&f, "10.0.0.0", 8, "224.0.0.1", 0, 0), WEIR_E_INVALID);
    assert_int_equal(add(&f, "10.0.0.0", 8, "0.0.0.0", 0, 0), WEIR_E_INVALID);
    assert_int_equal(add(&f, "2001:db8::", 32, "ff02::2", 0, 0), WEIR_E_INVALID);
    struct route_new none = make("10.0.0.0", 33, NULL, 0, 0);
    assert_int_equal(route_remove(&f.t, &none), WEIR_E_NOT_FOUND);
    assert_int_equal(f.t.generation, generation);
    /* limit - 1, limit, limit + 1 */
    assert_int_equal(add(&f, "10.0.0.0", 8, NULL, 0, 0), WEIR_OK);
    assert_int_equal(add(&f, "10.9.9.9", 8, NULL, 0, 7), WEIR_E_EXISTS); /* the same prefix */
    assert_int_equal(add(&f, "10.0.0.0", 9, NULL, 0, 0), WEIR_OK);
    generation = f.t.generation;
    assert_int_equal(add(&f, "10.0.0.0", 10, NULL, 0, 0), WEIR_E_EXHAUSTED);
    assert_int_equal(route_connect(&f.t, addr("10.1.1.1"), 24, 0), WEIR_E_EXHAUSTED);
    assert_int_equal(f.t.generation, generation);
    assert_int_equal(f.t.pool.failures, 2);
    teardown(&f);
}

static void test_every_change_changes_the_generation(void **state)
{
    (void)state;
    struct fixture f = setup(4);
    uint32_t g = f.t.generation;
    assert_int_equal(add(&f, "10.0.0.0", 8, NULL, 0, 0), WEIR_OK);
    assert_true(f.t.generation != g);
    g = f.t.generation;
    assert_int_equal(route_connect(&f.t, addr("10.1.1.1"), 24, 0), WEIR_OK);
    assert_true(f.t.generation != g);
    g = f.t.generation;
    route_disconnect(&f.t, addr("10.1.1.1"), 24, 0);
    assert_true(f.t.generation != g);
    g = f.t.generation;
    struct route_new r = make("10.0.0.0", 8, NULL, 0, 0);
    assert_int_equal(route_remove(&f.t, &r), WEIR_OK);
    assert_true(f.t.generation != g);
    teardown(&f);
}

static void test_addresses_of_a_subnet_share_its_connected_route(void **state)
{
    (void)state;
    struct fixture f = setup(8);
    assert_int_equal(route_connect(&f.t, addr("10.0.0.1"), 24, 0), WEIR_OK);
    assert_int_equal(route_connect(&f.t, addr("10.0.0.2"), 24, 0), WEIR_OK);
    assert_int_equal(route_connect(&f.t, addr("10.0.0.3"), 24, 1), WEIR_OK); /* another link */
    assert_int_equal(f.t.pool.in_use, 2);
    assert_string_equal(via(&f, "10.0.0.77", ANY), "link");
    route_disconnect(&f.t, addr("10.0.0.1"), 24, 0);
    assert_int_equal(route_lookup(&f.t, addr("10.0.0.77"), ANY)->ifindex, 0);
    route_disconnect(&f.t, addr("10.0.0.2"), 24, 0);
    assert_int_equal(route_lookup(&f.t, addr("10.0.0.77"), ANY)->ifindex, 1);
    route_disconnect(&f.t, addr("10.0.0.3"), 24, 1);
    assert_string_equal(via(&f, "10.0.0.77", ANY), "none");
    expect_breach(route_disconnect(&f.t, addr("10.0.0.3"), 24, 1));
    teardown(&f);
}

static void test_a_whole_address_brings_no_route_and_an_added_one_stands_beside(void **state)
{
    (void)state;
    struct fixture f = setup(8);
    assert_int_equal(route_connect(&f.t, addr("10.0.0.1"), 32, 0), WEIR_OK);
    assert_int_equal(route_connect(&f.t, addr("2001:db8::1"), 128, 0), WEIR_OK);
    assert_int_equal(f.t.pool.in_use, 0);
    route_disconnect(&f.t, addr("10.0.0.1"), 32, 0);
    assert_int_equal(add(&f, "10.0.0.0", 24, NULL, 0, 5), WEIR_OK);
    assert_int_equal(route_connect(&f.t, addr("10.0.0.1"), 24, 0), WEIR_OK);
    assert_int_equal(route_lookup(&f.t, addr("10.0.0.9"), ANY)->metric, 0);
    struct route_new r = make("10.0.0.0", 24, NULL, 0, 0);
    assert_int_equal(route_remove(&f.t, &r), WEIR_OK); /* the added one, not the connected */
    assert_int_equal(route_remove(&f.t, &r), WEIR_E_NOT_FOUND);
    assert_string_equal(via(&f, "10.0.0.9", ANY), "link");
    teardown(&f);
}

static void test_the_reverse_path_check(void **state)
{
    (void)state;
    struct fixture f = setup(8);
    assert_int_equal(route_connect(&f.t, addr("10.0.0.1"), 24, 0), WEIR_OK);
    assert_int_equal(add(&f, "10.1.0.0", 16, "10.0.0.9", 0, 0), WEIR_OK);
    assert_int_equal(add(&f, "10.1.0.0", 16, "10.0.2.9", 1, 0), WEIR_OK);
    assert_int_equal(add(&f, "10.1.0.0", 16, "10.0.3.9", 2, 7), WEIR_OK);
    static const struct {
        const char *source;
        unsigned ifindex;
        bool loose, strict;
    } rows[] = {
        {"10.0.0.7", 0, true, true},  {"10.0.0.7", 1, true, false},
        {"10.1.2.3", 0, true, true},  {"10.1.2.3", 1, true, true}, /* as good (RFC 3704 2.3) */
        {"10.1.2.3", 2, true, false}, {"9.9.9.9", 0, false, false},
        {"fe80::1", 3, true, true},   {"169.254.1.1", 3, true, true},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct weir_addr s = addr(rows[i].source);
        assert_true(route_reverse_check(&f.t, s, rows[i].ifindex, ROUTE_REVERSE_OFF));
        assert_int_equal(route_reverse_check(&f.t, s, rows[i].ifindex, ROUTE_REVERSE_LOOSE),
                         rows[i].loose);
        assert_int_equal(route_reverse_check(&f.t, s, rows[i].ifindex, ROUTE_REVERSE_STRICT),
                         rows[i].strict);
    }
    teardown(&f);
}

/* ---- against a naive table ---- */

enum { N = 48 };

static struct weir_addr random_addr(struct rng *rng, bool ip6)
{
    struct weir_addr a = {{0}};
    if (!ip6) {
        memset(a.bytes + 10, 0xff, 2);
        a.bytes[12] = 10;
        a.bytes[13] = (uint8_t)(rng_below(rng, 2) << 7);
        a.bytes[15] = (uint8_t)rng_below(rng, 4);
        return a;
    }
    a.bytes[0] = (uint8_t)(0x20 + rng_below(rng, 2));
    a.bytes[7] = (uint8_t)rng_below(rng, 2);
    a.bytes[8] = (uint8_t)(rng_below(rng, 2) << 7);
    a.bytes[15] = (uint8_t)rng_below(rng, 4);
    return a;
}

static bool naive_covers(const struct route_new *r, struct weir_addr a)
{
    if (addr_is_ip4(r->prefix) != addr_is_ip4(a))
        return false;
    unsigned skip = addr_is_ip4(a) ? 96 : 0;
    for (unsigned bit = skip; bit < skip + r->prefix_len; bit++)
        if ((r->prefix.bytes[bit / 8] ^ a.bytes[bit / 8]) >> (7 - bit % 8) & 1)
            return false;
    return true;
}

/* The model is in the order of age. */
static const struct route_new *naive_lookup(const struct route_new *model, unsigned n,
                                            struct weir_addr a, unsigned ifindex)
{
    const struct route_new *best = NULL;
    for (unsigned i = 0; i < n; i++) {
        const struct route_new *r = &model[i];
        if (!naive_covers(r, a) || (ifindex != ANY && r->ifindex != ifindex))
            continue;
        if (best == NULL || r->prefix_len > best->prefix_len ||
            (r->prefix_len == best->prefix_len && r->metric < best->metric))
            best = r;
    }
    return best;
}

static bool same_route(const struct route *r, const struct route_new *m)
{
    if (r == NULL || m == NULL)
        return r == NULL && m == NULL;
    return r->prefix_len == m->prefix_len && r->ifindex == m->ifindex && r->mtu == m->mtu;
}

static bool same_name(const struct route_new *a, const struct route_new *b)
{
    return a->prefix_len == b->prefix_len && naive_covers(a, b->prefix) &&
           a->ifindex == b->ifindex && addr_eq(a->gateway, b->gateway);
}

static struct route_new random_route(struct rng *rng, uint32_t number)
{
    static const uint8_t lengths4[] = {0, 1, 8, 9, 16, 24, 31, 32};
    static const uint8_t lengths6[] = {0, 3, 8, 63, 64, 65, 127, 128};
    bool ip6 = rng_below(rng, 2) != 0;
    struct route_new r = {.prefix = random_addr(rng, ip6),
                          .metric = (uint32_t)rng_below(rng, 3),
                          .mtu = number, /* so that each can be told from every other */
                          .ifindex = (uint8_t)rng_below(rng, 3)};
    r.prefix_len = (ip6 ? lengths6 : lengths4)[rng_below(rng, 8)];
    if (rng_below(rng, 2) != 0)
        r.gateway = random_addr(rng, ip6);
    return r;
}

static void test_lookups_agree_with_a_naive_table_under_random_changes(void **state)
{
    (void)state;
    struct fixture f = setup(N);
    struct rng rng = rng_make(3);
    struct route_new model[N];
    unsigned n = 0;
    for (uint32_t step = 0; step < 6000; step++) {
        struct route_new r = random_route(&rng, step);
        unsigned i = 0;
        if (n > 0 && rng_below(&rng, 3) == 0)
            r = model[rng_below(&rng, n)];
        while (i < n && !same_name(&model[i], &r))
            i++;
        if (rng_below(&rng, 5) < 3) {
            int expected = i < n ? WEIR_E_EXISTS : n == N ? WEIR_E_EXHAUSTED : WEIR_OK;
            assert_int_equal(route_add(&f.t, &r), expected);
            if (expected == WEIR_OK)
                model[n++] = r;
        } else {
            assert_int_equal(route_remove(&f.t, &r), i < n ? WEIR_OK : WEIR_E_NOT_FOUND);
            if (i < n)
                memmove(&model[i], &model[i + 1], (--n - i) * sizeof model[0]);
        }
        for (unsigned k = 0; k < 4; k++) {
            struct weir_addr a = random_addr(&rng, rng_below(&rng, 2) != 0);
            unsigned ifindex = rng_below(&rng, 2) ? ANY : (unsigned)rng_below(&rng, 3);
            assert_true(
                same_route(route_lookup(&f.t, a, ifindex), naive_lookup(model, n, a, ifindex)));
        }
        if (step % 16 == 0)
            assert_true(routes_invariants(&f.t));
    }
    uint32_t cursor = 0;
    unsigned walked = 0;
    while (route_next(&f.t, &cursor) != NULL)
        walked++;
    assert_int_equal(walked, n);
    teardown(&f);
}

static void test_a_thousand_prefixes_of_one_length_are_all_found(void **state)
{
    (void)state;
    struct fixture f = setup(ROUTES_MAX);
    for (unsigned i = 0; i < 1000; i++) {
        struct route_new r = {
            .prefix = addr_from_ip4((struct ip4_addr){{10, (uint8_t)(i >> 8), (uint8_t)i, 0}}),
            .prefix_len = 24,
            .mtu = i};
        assert_int_equal(route_add(&f.t, &r), WEIR_OK);
    }
    for (unsigned i = 0; i < 1000; i++) {
        struct weir_addr a =
            addr_from_ip4((struct ip4_addr){{10, (uint8_t)(i >> 8), (uint8_t)i, 9}});
        assert_int_equal(route_lookup(&f.t, a, ANY)->mtu, i);
    }
    assert_int_equal(f.t.prefixes[0][24], 1000);
    assert_true(f.t.map.probe_max < 32);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_limit_is_between_1_and_4096),
        cmocka_unit_test(test_the_longest_prefix_wins),
        cmocka_unit_test(test_the_families_do_not_meet),
        cmocka_unit_test(test_ties_go_to_the_smaller_metric_and_then_to_the_older),
        cmocka_unit_test(test_a_lookup_on_an_interface_sees_its_routes_only),
        cmocka_unit_test(test_a_link_local_destination_needs_an_interface),
        cmocka_unit_test(test_what_cannot_be_a_route_is_refused),
        cmocka_unit_test(test_every_change_changes_the_generation),
        cmocka_unit_test(test_addresses_of_a_subnet_share_its_connected_route),
        cmocka_unit_test(test_a_whole_address_brings_no_route_and_an_added_one_stands_beside),
        cmocka_unit_test(test_the_reverse_path_check),
        cmocka_unit_test(test_lookups_agree_with_a_naive_table_under_random_changes),
        cmocka_unit_test(test_a_thousand_prefixes_of_one_length_are_all_found),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
