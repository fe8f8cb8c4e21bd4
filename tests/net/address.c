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
#include "net/address.h"

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static const struct weir_assert handler = {.fn = on_assert};

struct fixture {
    struct addresses t;
    struct wheel wheel;
    uint8_t *mem;
};

static struct fixture *setup(uint32_t addresses_max)
{
    struct fixture *f = malloc(sizeof *f);
    assert_non_null(f);
    size_t size = addresses_size(addresses_max);
    assert_true(size > 0);
    f->mem = malloc(size + 1);
    assert_non_null(f->mem);
    memset(f->mem, 0xa5, size + 1);
    wheel_init(&f->wheel, &handler, 0);
    addresses_init(
        &f->t,
        &(struct addresses_config){
            .handler = &handler, .wheel = &f->wheel, .key = {1, 2}, .addresses_max = addresses_max},
        f->mem + 1); /* memory of no alignment */
    assert_true(addresses_invariants(&f->t));
    return f;
}

static void teardown(struct fixture *f)
{
    assert_true(addresses_invariants(&f->t));
    free(f->mem);
    free(f);
}

static struct weir_addr addr(const char *text)
{
    struct weir_addr a;
    assert_true(addr_from_text(&a, text, strlen(text)));
    return a;
}

static int try_add(struct fixture *f, const char *text, unsigned prefix_len, unsigned ifindex)
{
    int error = address_add(&f->t,
                            &(struct address_new){.addr = addr(text),
                                                  .prefix_len = (uint8_t)prefix_len,
                                                  .ifindex = (uint8_t)ifindex},
                            NULL);
    assert_true(addresses_invariants(&f->t));
    return error;
}

static struct address *add(struct fixture *f, const char *text, unsigned prefix_len,
                           unsigned ifindex)
{
    assert_int_equal(try_add(f, text, prefix_len, ifindex), WEIR_OK);
    struct address *address = address_find(&f->t, addr(text), ifindex);
    assert_non_null(address);
    return address;
}

static struct address *add_tentative(struct fixture *f, const char *text, unsigned ifindex)
{
    struct address *address;
    struct address_new config = {
        .addr = addr(text), .prefix_len = 64, .ifindex = (uint8_t)ifindex, .tentative = true};
    assert_int_equal(address_add(&f->t, &config, &address), WEIR_OK);
    return address;
}

static enum address_kind kind(struct fixture *f, const char *text, unsigned ifindex)
{
    struct address_verdict v = address_lookup(&f->t, addr(text), ifindex);
    assert_true((v.own != NULL) == (v.kind == ADDRESS_OWN || v.kind == ADDRESS_OWN_TENTATIVE));
    return v.kind;
}

static bool martian(struct fixture *f, const char *text, unsigned ifindex)
{
    return address_source_is_martian(&f->t, addr(text), ifindex);
}

static void test_the_limit_is_between_1_and_1024(void **state)
{
    (void)state;
    assert_int_equal(addresses_size(0), 0);
    assert_true(addresses_size(1) > 0);
    assert_true(addresses_size(ADDRESSES_MAX) > 0);
    assert_int_equal(addresses_size(ADDRESSES_MAX + 1), 0);
}

static void test_an_address_that_no_host_can_have_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned prefix_len;
    } impossible[] = {
        {"0.0.0.0", 0},   {"0.1.2.3", 8},       {"127.0.0.1", 8},
        {"224.0.0.1", 4}, {"240.0.0.1", 4},     {"10.0.0.255", 24},
        {"10.0.0.0", 24}, {"10.0.0.3", 30},     {"10.0.0.0", 30},
        {"10.0.0.1", 33}, {"::", 128},          {"::1", 128},
        {"ff02::1", 64},  {"2001:db8::1", 129}, {"255.255.255.255", 32},
    };
    struct fixture *f = setup(4);
    uint32_t generation = f->t.generation;
    for (unsigned i = 0; i < sizeof impossible / sizeof impossible[0]; i++)
        assert_int_equal(try_add(f, impossible[i].text, impossible[i].prefix_len, 0),
                         WEIR_E_INVALID);
    assert_int_equal(f->t.generation, generation);
    assert_int_equal(f->t.pool.in_use, 0);
    add(f, "10.0.0.255", 23, 0); /* a host of 10.0.0.0/23 */
    add(f, "10.1.0.2", 31, 0);   /* RFC 3021: both are hosts */
    add(f, "10.1.0.3", 31, 0);
    add(f, "10.2.0.0", 32, 0);
    teardown(f);
}

static void test_the_limit_holds_and_the_refusal_changes_nothing(void **state)
{
    (void)state;
    struct fixture *f = setup(3);
    add(f, "10.0.0.1", 24, 0);
    add(f, "10.0.0.2", 24, 0);
    add(f, "10.0.0.3", 24, 0);
    uint32_t generation = f->t.generation;
    assert_int_equal(try_add(f, "10.0.0.4", 24, 0), WEIR_E_EXHAUSTED);
    assert_int_equal(try_add(f, "10.0.0.3", 24, 0), WEIR_E_EXISTS);
    assert_int_equal(f->t.generation, generation);
    assert_int_equal(kind(f, "10.0.0.4", 0), ADDRESS_FOREIGN);
    address_remove(&f->t, address_find(&f->t, addr("10.0.0.2"), 0));
    add(f, "10.0.0.4", 24, 0);
    teardown(f);
}

static void test_a_full_table_of_every_kind_fits(void **state)
{
    (void)state;
    enum { N = 64 };
    struct fixture *f = setup(N);
    for (unsigned i = 0; i < N; i++) { /* each with two broadcasts or a group of its own */
        struct address_new config = {.ifindex = (uint8_t)(i % 4), .prefix_len = 24};
        if (i % 2 == 0)
            config.addr = addr_from_ip4((struct ip4_addr){{10, 0, (uint8_t)i, 1}});
        else
            config.addr = (struct weir_addr){{0x20, 1, [14] = (uint8_t)i, [15] = 7}};
        assert_int_equal(address_add(&f->t, &config, NULL), WEIR_OK);
    }
    assert_int_equal(f->t.map.count, N / 2 * 3 + N / 2 * 2);
    assert_int_equal(f->t.map.failures, 0);
    assert_int_equal(f->t.locals.failures, 0);
    teardown(f);
}

static void test_only_ip6_begins_tentative(void **state)
{
    (void)state;
    struct fixture *f = setup(4);
    struct address *a;
    struct address_new config = {.addr = addr("10.0.0.1"), .prefix_len = 24, .tentative = true};
    assert_int_equal(address_add(&f->t, &config, &a), WEIR_OK);
    assert_int_equal(a->state, ADDRESS_PREFERRED);
    assert_int_equal(add_tentative(f, "fe80::1", 0)->state, ADDRESS_TENTATIVE);
    assert_int_equal(add(f, "fe80::2", 64, 0)->state, ADDRESS_PREFERRED);
    assert_int_equal(a->dad.timer.kind, NET_TIMER_ADDRESS);
    teardown(f);
}

static void test_a_global_address_is_ours_on_every_interface_and_stands_on_one(void **state)
{
    (void)state;
    struct fixture *f = setup(4);
    struct address *four = add(f, "10.0.0.1", 24, 0);
    struct address *six = add(f, "2001:db8::1", 64, 1);
    for (unsigned i = 0; i < ADDRESS_INTERFACES_MAX; i++) {
        assert_ptr_equal(address_lookup(&f->t, four->addr, i).own, four);
        assert_ptr_equal(address_lookup(&f->t, six->addr, i).own, six);
    }
    assert_int_equal(kind(f, "10.0.0.2", 0), ADDRESS_FOREIGN);
    assert_int_equal(try_add(f, "10.0.0.1", 24, 1), WEIR_E_EXISTS);
    assert_int_equal(try_add(f, "2001:db8::1", 64, 0), WEIR_E_EXISTS);
    assert_null(address_find(&f->t, four->addr, 1));
    teardown(f);
}

static void test_a_link_local_address_is_ours_on_its_own_interface_only(void **state)
{
    (void)state;
    struct fixture *f = setup(4);
    struct address *zero = add(f, "fe80::1", 64, 0);
    assert_int_equal(kind(f, "fe80::1", 1), ADDRESS_FOREIGN);
    struct address *one = add(f, "fe80::1", 64, 1);
    struct address *four = add(f, "169.254.7.7", 16, 0);
    assert_ptr_equal(address_lookup(&f->t, zero->addr, 0).own, zero);
    assert_ptr_equal(address_lookup(&f->t, zero->addr, 1).own, one);
    assert_int_equal(kind(f, "fe80::1", 2), ADDRESS_FOREIGN);
    assert_ptr_equal(address_lookup(&f->t, four->addr, 0).own, four);
    assert_int_equal(kind(f, "169.254.7.7", 1), ADDRESS_FOREIGN);
    assert_int_equal(kind(f, "169.254.255.255", 0), ADDRESS_BROADCAST);
    assert_int_equal(kind(f, "169.254.255.255", 1), ADDRESS_FOREIGN);
    assert_int_equal(try_add(f, "fe80::1", 64, 0), WEIR_E_EXISTS);
    /* Another host may have on its link what we have on ours. */
    assert_true(martian(f, "fe80::1", 0));
    assert_false(martian(f, "fe80::1", 2));
    teardown(f);
}

static void test_broadcasts_are_those_of_the_subnets_of_the_interface_in_both_forms(void **state)
{
    (void)state;
    struct fixture *f = setup(8);
    add(f, "10.1.2.3", 22, 0);
    add(f, "192.168.0.6", 31, 0);
    add(f, "192.168.1.7", 32, 0);
    assert_int_equal(kind(f, "10.1.3.255", 0), ADDRESS_BROADCAST);
    assert_int_equal(kind(f, "10.1.0.0", 0), ADDRESS_BROADCAST); /* RFC 1122 3.3.6 */
    assert_int_equal(kind(f, "10.1.3.255", 1), ADDRESS_FOREIGN);
    assert_int_equal(kind(f, "10.1.2.255", 0), ADDRESS_FOREIGN);
    assert_int_equal(kind(f, "10.1.3.254", 0), ADDRESS_FOREIGN);
    assert_int_equal(kind(f, "192.168.0.7", 0), ADDRESS_FOREIGN);
    assert_int_equal(kind(f, "192.168.1.7", 0), ADDRESS_OWN);
    assert_int_equal(kind(f, "255.255.255.255", 0), ADDRESS_BROADCAST);
    assert_int_equal(kind(f, "255.255.255.255", 5), ADDRESS_BROADCAST);
    /* A host of one subnet and the broadcast of another: it is ours first. */
    add(f, "10.1.3.255", 16, 1);
    assert_int_equal(kind(f, "10.1.3.255", 0), ADDRESS_OWN);
    address_remove(&f->t, address_find(&f->t, addr("10.1.3.255"), 1));
    assert_int_equal(kind(f, "10.1.3.255", 0), ADDRESS_BROADCAST);
    teardown(f);
}

static void test_a_broadcast_lasts_as_long_as_an_address_of_its_subnet(void **state)
{
    (void)state;
    struct fixture *f = setup(4);
    struct address *a = add(f, "10.0.0.1", 24, 0), *b = add(f, "10.0.0.2", 24, 0);
    address_remove(&f->t, a);
    assert_int_equal(kind(f, "10.0.0.255", 0), ADDRESS_BROADCAST);
    address_remove(&f->t, b);
    assert_int_equal(kind(f, "10.0.0.255", 0), ADDRESS_FOREIGN);
    assert_int_equal(f->t.map.count, 0);
    teardown(f);
}

static void test_the_groups_are_all_nodes_all_hosts_and_solicited_nodes(void **state)
{
    (void)state;
    struct fixture *f = setup(4);
    assert_int_equal(kind(f, "224.0.0.1", 3), ADDRESS_GROUP);
    assert_int_equal(kind(f, "ff02::1", 3), ADDRESS_GROUP);
    assert_int_equal(kind(f, "224.0.0.2", 3), ADDRESS_FOREIGN);
    assert_int_equal(kind(f, "ff02::2", 3), ADDRESS_FOREIGN);
    assert_int_equal(kind(f, "ff01::1", 3), ADDRESS_FOREIGN);
    assert_int_equal(kind(f, "ff05::1", 3), ADDRESS_FOREIGN);
    /* RFC 4291 2.7.1: the example address and its group. */
    struct address *a = add(f, "4037::1:800:200e:8c6c", 64, 0);
    assert_int_equal(kind(f, "ff02::1:ff0e:8c6c", 0), ADDRESS_GROUP);
    assert_int_equal(kind(f, "ff02::1:ff0e:8c6c", 1), ADDRESS_FOREIGN);
    assert_int_equal(kind(f, "ff02::1:ff0e:8c6d", 0), ADDRESS_FOREIGN);
    struct address *b = add_tentative(f, "fe80::ab0e:8c6c", 0); /* of the same group */
    address_remove(&f->t, a);
    assert_int_equal(kind(f, "ff02::1:ff0e:8c6c", 0),
                     ADDRESS_GROUP); /* DAD listens, RFC 4862 5.4.2 */
    address_set_state(&f->t, b, ADDRESS_DUPLICATED);
    assert_int_equal(kind(f, "ff02::1:ff0e:8c6c", 0), ADDRESS_FOREIGN);
    address_set_state(&f->t, b, ADDRESS_TENTATIVE);
    assert_int_equal(kind(f, "ff02::1:ff0e:8c6c", 0), ADDRESS_GROUP);
    teardown(f);
}

static void test_the_verdict_follows_the_state(void **state)
{
    (void)state;
    struct fixture *f = setup(4);
    struct address *a = add_tentative(f, "2001:db8::1", 0);
    assert_int_equal(kind(f, "2001:db8::1", 0), ADDRESS_OWN_TENTATIVE);
    assert_false(martian(f, "2001:db8::1", 0)); /* its owner may be telling us */
    address_set_state(&f->t, a, ADDRESS_PREFERRED);
    assert_int_equal(kind(f, "2001:db8::1", 0), ADDRESS_OWN);
    assert_true(martian(f, "2001:db8::1", 0));
    address_set_state(&f->t, a, ADDRESS_DEPRECATED);
    assert_int_equal(kind(f, "2001:db8::1", 0), ADDRESS_OWN);
    assert_true(martian(f, "2001:db8::1", 0));
    address_set_state(&f->t, a, ADDRESS_DUPLICATED);
    assert_int_equal(kind(f, "2001:db8::1", 0), ADDRESS_FOREIGN);
    assert_false(martian(f, "2001:db8::1", 0));
    assert_ptr_equal(address_find(&f->t, addr("2001:db8::1"), 0), a);
    teardown(f);
}

static void test_every_change_changes_the_generation_and_an_asked_answer(void **state)
{
    (void)state;
    struct fixture *f = setup(4);
    uint32_t g = f->t.generation;
    assert_int_equal(kind(f, "10.0.0.1", 0), ADDRESS_FOREIGN);
    struct address *a = add(f, "10.0.0.1", 24, 0);
    assert_true(f->t.generation != g);
    assert_int_equal(kind(f, "10.0.0.1", 0), ADDRESS_OWN);
    g = f->t.generation;
    address_set_state(&f->t, a, ADDRESS_DEPRECATED);
    assert_true(f->t.generation != g);
    g = f->t.generation;
    address_set_state(&f->t, a, ADDRESS_DEPRECATED); /* as it is */
    assert_int_equal(f->t.generation, g);
    address_set_state(&f->t, a, ADDRESS_DUPLICATED);
    assert_int_equal(kind(f, "10.0.0.1", 0), ADDRESS_FOREIGN);
    g = f->t.generation;
    address_remove(&f->t, a);
    assert_true(f->t.generation != g);
    teardown(f);
}

static void test_the_timer_of_dad_ends_with_the_state_and_with_the_address(void **state)
{
    (void)state;
    struct fixture *f = setup(4);
    struct address *a = add_tentative(f, "fe80::1", 0), *b = add_tentative(f, "fe80::2", 0);
    wheel_arm(&f->wheel, &a->dad.timer.node, 1000);
    wheel_arm(&f->wheel, &b->dad.timer.node, 1000);
    a->dad.due = true;
    address_set_state(&f->t, a, ADDRESS_PREFERRED);
    assert_false(wheel_is_armed(&a->dad.timer.node));
    assert_false(a->dad.due);
    address_remove(&f->t, b);
    assert_int_equal(f->wheel.armed, 0);
    teardown(f);
}

static void test_a_walk_sees_every_address_once_and_may_remove_it(void **state)
{
    (void)state;
    struct fixture *f = setup(8);
    static const char *const text[] = {"10.0.0.1", "10.0.0.2", "fe80::1", "2001:db8::1"};
    for (unsigned i = 0; i < 4; i++)
        add(f, text[i], 24, 0);
    unsigned seen = 0;
    uint32_t cursor = 0;
    struct address *a;
    while ((a = address_next(&f->t, &cursor)) != NULL) {
        for (unsigned i = 0; i < 4; i++)
            if (addr_eq(a->addr, addr(text[i])))
                seen |= 1U << i;
        address_remove(&f->t, a);
        assert_true(addresses_invariants(&f->t));
    }
    assert_int_equal(seen, 15);
    assert_int_equal(f->t.pool.in_use, 0);
    teardown(f);
}

/* ---- sources that cannot be ---- */

static void test_ATK_IP4_07_a_source_that_is_no_host_is_martian(void **state)
{
    (void)state;
    struct fixture *f = setup(4);
    add(f, "10.0.0.1", 24, 0);
    add(f, "172.16.1.9", 12, 1);
    static const char *const bad[] = {
        "0.0.0.0",   "0.255.1.1",      "127.0.0.1",  "127.255.255.255", "224.0.0.1",
        "239.1.2.3", "240.0.0.1",      "255.0.0.1",  "255.255.255.255", "10.0.0.255",
        "10.0.0.0",  "172.31.255.255", "172.16.0.0", "10.0.0.1",        "172.16.1.9",
    };
    static const char *const good[] = {"10.0.0.2",        "10.0.1.255", "1.0.0.1",
                                       "223.255.255.254", "172.32.0.0", "126.255.255.255",
                                       "128.0.0.1"};
    for (unsigned ifindex = 0; ifindex < 3; ifindex++) {
        for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
            assert_true(martian(f, bad[i], ifindex));
        for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++)
            assert_false(martian(f, good[i], ifindex));
    }
    teardown(f);
}

static void test_ATK_IP4_08_our_own_address_as_source_is_martian(void **state)
{
    (void)state;
    struct fixture *f = setup(4);
    struct address *a = add(f, "10.0.0.1", 24, 0);
    assert_true(martian(f, "10.0.0.1", 0));
    assert_true(martian(f, "10.0.0.1", 1));
    address_remove(&f->t, a);
    assert_false(martian(f, "10.0.0.1", 0));
    teardown(f);
}

static void test_ATK_IP6_10_a_source_that_is_no_host_is_martian(void **state)
{
    (void)state;
    struct fixture *f = setup(4);
    add(f, "2001:db8::1", 64, 0);
    assert_true(martian(f, "::1", 0));
    assert_true(martian(f, "ff02::1", 0));
    assert_true(martian(f, "ff00::", 0));
    assert_true(martian(f, "::ffff:127.0.0.1", 0));
    assert_true(martian(f, "2001:db8::1", 0));
    assert_false(martian(f, "2001:db8::2", 0));
    assert_false(martian(f, "::", 0)); /* duplicate address detection sends from it */
    teardown(f);
}

/* ---- source selection ---- */

static const char *name_of(struct fixture *f, const char *destination, const char *next_hop,
                           unsigned ifindex)
{
    static char buffer[64];
    struct address_path path = {
        .destination = addr(destination), .next_hop = addr(next_hop), .ifindex = ifindex};
    const struct address *a = address_select(&f->t, &path);
    if (a == NULL)
        return "none";
    struct text t = text_begin(buffer, sizeof buffer);
    addr_text(&t, a->addr);
    return buffer;
}

/* RFC 6724 10.1; an address in brackets is deprecated. The examples with home and temporary
 * addresses are about rules that we do not have. */
static void test_the_examples_of_RFC_6724(void **state)
{
    (void)state;
    static const struct {
        const char *destination, *candidate[2];
        bool deprecated[2];
        unsigned expected;
    } example[] = {
        {"2001:db8:1::1", {"2001:db8:3::1", "fe80::1"}, {0, 0}, 0},
        {"ff05::1", {"2001:db8:3::1", "fe80::1"}, {0, 0}, 0},
        {"2001:db8:1::1", {"2001:db8:1::1", "2001:db8:2::1"}, {1, 0}, 0},
        {"fe80::1", {"fe80::2", "2001:db8:1::1"}, {1, 0}, 0},
        {"2001:db8:1::1", {"2001:db8:1::2", "2001:db8:3::2"}, {0, 0}, 0},
        {"2002:c633:6401::1", {"2002:c633:6401:0:d5e3:7953:13eb:22e8", "2001:db8:1::2"}, {0, 0}, 0},
    };
    for (unsigned i = 0; i < sizeof example / sizeof example[0]; i++)
        for (unsigned order = 0; order < 2; order++) {
            struct fixture *f = setup(2);
            for (unsigned k = 0; k < 2; k++) {
                unsigned c = k ^ order;
                struct address *a = add(f, example[i].candidate[c], 64, 0);
                if (example[i].deprecated[c])
                    address_set_state(&f->t, a, ADDRESS_DEPRECATED);
            }
            assert_string_equal(name_of(f, example[i].destination, example[i].destination, 0),
                                example[i].candidate[example[i].expected]);
            teardown(f);
        }
}

static void test_selection_over_ip4_follows_the_next_hop(void **state)
{
    (void)state;
    struct fixture *f = setup(8);
    assert_string_equal(name_of(f, "8.8.8.8", "10.0.0.254", 0), "none");
    struct address *primary = add(f, "192.168.1.1", 24, 0);
    add(f, "10.0.0.1", 24, 0);
    add(f, "10.0.0.2", 8, 0);
    add(f, "172.16.0.1", 12, 1);
    assert_string_equal(name_of(f, "8.8.8.8", "10.0.0.254", 0), "10.0.0.1");
    assert_string_equal(name_of(f, "8.8.8.8", "10.9.9.9", 0), "10.0.0.2");
    assert_string_equal(name_of(f, "8.8.8.8", "9.9.9.9", 0), "192.168.1.1"); /* the primary */
    assert_string_equal(name_of(f, "10.0.0.2", "10.0.0.2", 0), "10.0.0.2");  /* to oneself */
    /* Of the outgoing interface before others; others rather than none. */
    assert_string_equal(name_of(f, "8.8.8.8", "10.0.0.254", 1), "172.16.0.1");
    assert_string_equal(name_of(f, "8.8.8.8", "172.16.0.9", 2), "172.16.0.1");
    assert_string_equal(name_of(f, "255.255.255.255", "255.255.255.255", 1), "172.16.0.1");
    assert_string_equal(name_of(f, "224.0.0.251", "224.0.0.251", 2), "none");
    address_set_state(&f->t, primary, ADDRESS_DEPRECATED);
    assert_string_equal(name_of(f, "8.8.8.8", "9.9.9.9", 0), "10.0.0.1");
    teardown(f);
}

static void test_link_local_addresses_never_leave_their_link(void **state)
{
    (void)state;
    struct fixture *f = setup(8);
    add(f, "fe80::1", 64, 0);
    assert_string_equal(name_of(f, "2001:db8::9", "fe80::ff", 1), "none");
    add(f, "169.254.1.1", 16, 0);
    assert_string_equal(name_of(f, "10.0.0.9", "10.0.0.9", 1), "none");
    add(f, "10.0.0.1", 24, 0);
    assert_string_equal(name_of(f, "169.254.3.3", "169.254.3.3", 0), "169.254.1.1");
    assert_string_equal(name_of(f, "10.0.0.9", "10.0.0.9", 0), "10.0.0.1");
    add(f, "2001:db8::1", 64, 1);
    assert_string_equal(name_of(f, "2001:db8::9", "fe80::ff", 0), "2001:db8::1"); /* scope first */
    assert_string_equal(name_of(f, "fe80::9", "fe80::9", 0), "fe80::1");
    assert_string_equal(name_of(f, "fe80::9", "fe80::9", 1), "2001:db8::1");
    assert_string_equal(name_of(f, "fe80::9", "fe80::9", 2), "none");
    teardown(f);
}

static void test_tentative_and_duplicated_addresses_are_never_chosen(void **state)
{
    (void)state;
    struct fixture *f = setup(8);
    struct address *a = add_tentative(f, "2001:db8::1", 0);
    assert_string_equal(name_of(f, "2001:db8::9", "2001:db8::9", 0), "none");
    address_set_state(&f->t, a, ADDRESS_DUPLICATED);
    assert_string_equal(name_of(f, "2001:db8::9", "2001:db8::9", 0), "none");
    address_set_state(&f->t, a, ADDRESS_DEPRECATED);
    assert_string_equal(name_of(f, "2001:db8::9", "2001:db8::9", 0), "2001:db8::1");
    teardown(f);
}

/* ---- naive models ---- */

enum { POOL = 24 };

/* Addresses in which much is shared: prefixes, tails, scopes, labels. */
static struct weir_addr random_addr(struct rng *rng)
{
    static const char *const base[] = {
        "10.0.0.0", "10.0.1.0",   "10.1.0.0",       "192.168.0.0", "169.254.0.0",
        "fe80::",   "2001:db8::", "2001:db8:0:1::", "2002:102::",  "fec0::",
        "fd00::",   "2001:0:1::", "3ffe::",         "::1:0"};
    struct weir_addr a = addr(base[rng_below(rng, sizeof base / sizeof base[0])]);
    a.bytes[14] ^= (uint8_t)rng_below(rng, 2);
    a.bytes[15] = (uint8_t)rng_below(rng, 6);
    return a;
}

static bool naive_link_scope(struct weir_addr a)
{
    return addr_is_ip4(a) ? a.bytes[12] == 169 && a.bytes[13] == 254
                          : a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0x80;
}

static bool naive_is_broadcast(const struct address *m, struct weir_addr a)
{
    if (!addr_is_ip4(a) || !addr_is_ip4(m->addr) || m->prefix_len == 0 || m->prefix_len > 30)
        return false;
    bool zeros = true, ones = true;
    for (unsigned bit = 0; bit < 32; bit++) {
        unsigned want = m->addr.bytes[12 + bit / 8] >> (7 - bit % 8) & 1;
        unsigned have = a.bytes[12 + bit / 8] >> (7 - bit % 8) & 1;
        if (bit < m->prefix_len && want != have)
            return false;
        if (bit >= m->prefix_len) {
            zeros = zeros && have == 0;
            ones = ones && have == 1;
        }
    }
    return zeros || ones;
}

static enum address_kind naive_kind(const struct address *model, unsigned n, struct weir_addr a,
                                    unsigned ifindex)
{
    for (unsigned i = 0; i < n; i++) {
        if (!addr_eq(model[i].addr, a) || (naive_link_scope(a) && model[i].ifindex != ifindex))
            continue;
        if (model[i].state == ADDRESS_TENTATIVE)
            return ADDRESS_OWN_TENTATIVE;
        if (model[i].state != ADDRESS_DUPLICATED)
            return ADDRESS_OWN;
    }
    for (unsigned i = 0; i < n; i++) {
        if (model[i].ifindex != ifindex || model[i].state == ADDRESS_DUPLICATED)
            continue;
        if (naive_is_broadcast(&model[i], a))
            return ADDRESS_BROADCAST;
        if (!addr_is_ip4(model[i].addr) && a.bytes[0] == 0xff && a.bytes[1] == 2 &&
            a.bytes[11] == 1 && a.bytes[12] == 0xff &&
            memcmp(a.bytes + 13, model[i].addr.bytes + 13, 3) == 0)
            return ADDRESS_GROUP;
    }
    return ADDRESS_FOREIGN;
}

static void check_kinds(struct fixture *f, struct rng *rng, const struct address *model, unsigned n)
{
    for (unsigned i = 0; i < 8; i++) {
        struct weir_addr a = random_addr(rng);
        if (rng_below(rng, 3) == 0 && !addr_is_ip4(a))
            a = addr_from_ip6(ip6_solicited_node(ip6_from_addr(a)));
        else if (rng_below(rng, 3) == 0)
            a.bytes[15] = rng_below(rng, 2) ? 0xff : 3;
        unsigned ifindex = (unsigned)rng_below(rng, 3);
        assert_int_equal(address_lookup(&f->t, a, ifindex).kind, naive_kind(model, n, a, ifindex));
    }
}

static void test_lookups_agree_with_a_naive_table_under_random_changes(void **state)
{
    (void)state;
    struct fixture *f = setup(POOL);
    struct rng rng = rng_make(1);
    struct address model[POOL];
    unsigned n = 0;
    for (unsigned step = 0; step < 3000; step++) {
        struct address_new config = {.addr = random_addr(&rng),
                                     .ifindex = (uint8_t)rng_below(&rng, 3),
                                     .prefix_len = (uint8_t)rng_between(&rng, 20, 32),
                                     .tentative = rng_below(&rng, 2) != 0};
        struct address *a = NULL;
        unsigned i = n == 0 ? 0 : (unsigned)rng_below(&rng, n);
        switch (rng_below(&rng, n == 0 ? 1 : 3)) {
        case 0:
            if (address_add(&f->t, &config, &a) == WEIR_OK)
                model[n++] = *a;
            else
                assert_null(a);
            break;
        case 1:
            address_remove(&f->t, address_find(&f->t, model[i].addr, model[i].ifindex));
            model[i] = model[--n];
            break;
        default:
            model[i].state = (uint8_t)rng_between(&rng, ADDRESS_PREFERRED, ADDRESS_DUPLICATED);
            address_set_state(&f->t, address_find(&f->t, model[i].addr, model[i].ifindex),
                              model[i].state);
        }
        assert_int_equal(f->t.pool.in_use, n);
        check_kinds(f, &rng, model, n);
        if (step % 16 == 0)
            assert_true(addresses_invariants(&f->t));
    }
    teardown(f);
}

static int naive_scope(struct weir_addr a)
{
    if (naive_link_scope(a))
        return 2;
    return !addr_is_ip4(a) && a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0xc0 ? 5 : 14;
}

static int naive_label(struct weir_addr a)
{
    static const uint8_t zero[16];
    if (memcmp(a.bytes, zero, 15) == 0 && a.bytes[15] == 1)
        return 0;
    if (addr_is_ip4(a))
        return 4;
    if (memcmp(a.bytes, zero, 12) == 0)
        return 3;
    if (a.bytes[0] == 0x20 && a.bytes[1] == 1 && a.bytes[2] == 0 && a.bytes[3] == 0)
        return 5;
    if (a.bytes[0] == 0x20 && a.bytes[1] == 2)
        return 2;
    if (a.bytes[0] == 0x3f && a.bytes[1] == 0xfe)
        return 12;
    if (a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0xc0)
        return 11;
    return (a.bytes[0] & 0xfe) == 0xfc ? 13 : 1;
}

static int naive_match(const struct address *s, const struct address_path *path)
{
    struct weir_addr d = addr_is_ip4(s->addr) ? path->next_hop : path->destination;
    int n = 0, skip = addr_is_ip4(s->addr) ? 96 : 0;
    while (n < s->prefix_len && ((s->addr.bytes[(skip + n) / 8] ^ d.bytes[(skip + n) / 8]) &
                                 (0x80 >> ((skip + n) % 8))) == 0)
        n++;
    return addr_is_ip4(s->addr) && n < s->prefix_len ? 0 : n;
}

/* RFC 6724 section 5, pairwise as it is written: is `a` preferred to `b` as source for `path`? */
static bool naive_prefers(const struct address *a, const struct address *b,
                          const struct address_path *path)
{
    struct weir_addr d = path->destination;
    int sa = naive_scope(a->addr), sb = naive_scope(b->addr), sd = naive_scope(d);
    if (addr_eq(a->addr, d) != addr_eq(b->addr, d)) /* rule 1 */
        return addr_eq(a->addr, d);
    if (sa < sb) /* rule 2 */
        return !(sa < sd);
    if (sb < sa)
        return sb < sd;
    if ((a->state == ADDRESS_DEPRECATED) != (b->state == ADDRESS_DEPRECATED)) /* rule 3 */
        return b->state == ADDRESS_DEPRECATED;
    if ((a->ifindex == path->ifindex) != (b->ifindex == path->ifindex)) /* rule 5 */
        return a->ifindex == path->ifindex;
    bool la = naive_label(a->addr) == naive_label(d), lb = naive_label(b->addr) == naive_label(d);
    if (la != lb) /* rule 6 */
        return la;
    if (naive_match(a, path) != naive_match(b, path)) /* rule 8 */
        return naive_match(a, path) > naive_match(b, path);
    return a->added < b->added;
}

static const struct address *naive_select(struct fixture *f, const struct address_path *path)
{
    const struct address *best = NULL, *a;
    uint32_t cursor = 0;
    while ((a = address_next(&f->t, &cursor)) != NULL) {
        if (addr_is_ip4(a->addr) != addr_is_ip4(path->destination) ||
            (a->state != ADDRESS_PREFERRED && a->state != ADDRESS_DEPRECATED))
            continue;
        if ((naive_link_scope(a->addr) || naive_scope(path->destination) == 2) &&
            a->ifindex != path->ifindex)
            continue;
        if (best == NULL || naive_prefers(a, best, path))
            best = a;
    }
    return best;
}

static void test_selection_agrees_with_the_rules_taken_pairwise(void **state)
{
    (void)state;
    struct rng rng = rng_make(2);
    for (unsigned round = 0; round < 300; round++) {
        struct fixture *f = setup(POOL);
        for (unsigned i = 0; i < 12; i++) {
            struct address *a = NULL;
            struct address_new config = {.addr = random_addr(&rng),
                                         .ifindex = (uint8_t)rng_below(&rng, 2),
                                         .prefix_len = (uint8_t)rng_between(&rng, 8, 32)};
            if (address_add(&f->t, &config, &a) == WEIR_OK)
                address_set_state(&f->t, a,
                                  rng_below(&rng, 4) == 0
                                      ? (enum address_state)rng_between(&rng, 3, 4)
                                      : ADDRESS_PREFERRED);
        }
        for (unsigned i = 0; i < 12; i++) {
            struct address_path path = {.destination = random_addr(&rng),
                                        .ifindex = (unsigned)rng_below(&rng, 3)};
            path.next_hop = path.destination;
            if (addr_is_ip4(path.destination) && rng_below(&rng, 2))
                path.next_hop = addr("10.0.0.5");
            assert_ptr_equal(address_select(&f->t, &path), naive_select(f, &path));
        }
        teardown(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_limit_is_between_1_and_1024),
        cmocka_unit_test(test_an_address_that_no_host_can_have_is_refused),
        cmocka_unit_test(test_the_limit_holds_and_the_refusal_changes_nothing),
        cmocka_unit_test(test_a_full_table_of_every_kind_fits),
        cmocka_unit_test(test_only_ip6_begins_tentative),
        cmocka_unit_test(test_a_global_address_is_ours_on_every_interface_and_stands_on_one),
        cmocka_unit_test(test_a_link_local_address_is_ours_on_its_own_interface_only),
        cmocka_unit_test(test_broadcasts_are_those_of_the_subnets_of_the_interface_in_both_forms),
        cmocka_unit_test(test_a_broadcast_lasts_as_long_as_an_address_of_its_subnet),
        cmocka_unit_test(test_the_groups_are_all_nodes_all_hosts_and_solicited_nodes),
        cmocka_unit_test(test_the_verdict_follows_the_state),
        cmocka_unit_test(test_every_change_changes_the_generation_and_an_asked_answer),
        cmocka_unit_test(test_the_timer_of_dad_ends_with_the_state_and_with_the_address),
        cmocka_unit_test(test_a_walk_sees_every_address_once_and_may_remove_it),
        cmocka_unit_test(test_ATK_IP4_07_a_source_that_is_no_host_is_martian),
        cmocka_unit_test(test_ATK_IP4_08_our_own_address_as_source_is_martian),
        cmocka_unit_test(test_ATK_IP6_10_a_source_that_is_no_host_is_martian),
        cmocka_unit_test(test_the_examples_of_RFC_6724),
        cmocka_unit_test(test_selection_over_ip4_follows_the_next_hop),
        cmocka_unit_test(test_link_local_addresses_never_leave_their_link),
        cmocka_unit_test(test_tentative_and_duplicated_addresses_are_never_chosen),
        cmocka_unit_test(test_lookups_agree_with_a_naive_table_under_random_changes),
        cmocka_unit_test(test_selection_agrees_with_the_rules_taken_pairwise),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
