/* SPDX-License-Identifier: MIT
 * The table of tuples and the lists of ports, against naive ones. */
#include "host.h"

enum { THINGS = 48, STEPS = 3000 };

/* ---- tuples ---- */

/* Few addresses and ports, so that tuples differ in a single corner and come again. */
static struct tcp_tuple some_tuple(struct rng *rng)
{
    bool ip4 = rng_below(rng, 2) == 0;
    struct tcp_tuple t = {.local_port = (uint16_t)rng_between(rng, 1, 2),
                          .remote_port = (uint16_t)rng_between(rng, 1, 3)};
    t.local = addr(ip4 ? "10.0.0.1" : "2001:db8::1");
    t.remote = addr(ip4 ? "10.0.0.2" : "2001:db8::2");
    t.remote.bytes[15] = (uint8_t)rng_between(rng, 2, 3);
    return t;
}

static bool same(const struct tcp_tuple *a, const struct tcp_tuple *b)
{
    return memcmp(a->local.bytes, b->local.bytes, 16) == 0 &&
           memcmp(a->remote.bytes, b->remote.bytes, 16) == 0 && a->local_port == b->local_port &&
           a->remote_port == b->remote_port;
}

struct thing {
    struct tcp_tuple tuple;
    struct tcp_found found;
};

/* Something of a kind with a tuple; kind NONE when the pool is empty. */
static struct tcp_found make(struct host *h, enum tcp_kind kind, const struct tcp_tuple *t)
{
    struct tcp_found found = {.kind = kind};
    if (kind == TCP_KIND_CONN) {
        struct tcp_conn *c = tcp_conn_new(&h->tcp, NULL);
        if (c == NULL)
            return (struct tcp_found){.kind = TCP_KIND_NONE};
        c->local = t->local;
        c->remote = t->remote;
        c->local_port = t->local_port;
        c->remote_port = t->remote_port;
        found.index = tcp_index(c);
        return found;
    }
    struct pool *pool = kind == TCP_KIND_SYN ? &h->tcp.syns : &h->tcp.waits;
    if (pool->in_use == pool->capacity)
        return (struct tcp_found){.kind = TCP_KIND_NONE};
    found.index = pool_take(pool);
    if (kind == TCP_KIND_SYN)
        *(struct tcp_syn *)pool_at(pool, found.index) =
            (struct tcp_syn){.local = t->local,
                             .remote = t->remote,
                             .local_port = t->local_port,
                             .remote_port = t->remote_port};
    else
        *(struct tcp_wait *)pool_at(pool, found.index) =
            (struct tcp_wait){.local = t->local,
                              .remote = t->remote,
                              .local_port = t->local_port,
                              .remote_port = t->remote_port};
    return found;
}

static void unmake(struct host *h, struct tcp_found found)
{
    if (found.kind == TCP_KIND_SYN) {
        pool_give(&h->tcp.syns, found.index);
    } else if (found.kind == TCP_KIND_WAIT) {
        pool_give(&h->tcp.waits, found.index);
    } else {
        struct tcp_conn *c = tcp_at(&h->tcp, found.index);
        c->released = c->closed_told = c->closed_read = true;
        tcp_conn_free_if_done(&h->tcp, c);
    }
}

static void test_whatever_stands_in_the_table_is_found_by_its_four_corners(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct rng rng = rng_make(1);
    struct thing things[THINGS];
    unsigned count = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        struct tcp_tuple t = some_tuple(&rng);
        unsigned at = 0;
        while (at < count && !same(&things[at].tuple, &t))
            at++;
        struct tcp_found found = tcp_find(&h->tcp, &t);
        assert_int_equal(found.kind, at < count ? things[at].found.kind : TCP_KIND_NONE);
        if (at < count) {
            assert_int_equal(found.index, things[at].found.index);
            if (rng_below(&rng, 2) == 0) {
                tcp_table_remove(&h->tcp, tcp_tuple_hash(&h->tcp, &t), found);
                unmake(h, found);
                things[at] = things[--count];
            }
        } else if (count < THINGS) {
            enum tcp_kind kind = (enum tcp_kind)rng_between(&rng, TCP_KIND_CONN, TCP_KIND_WAIT);
            found = make(h, kind, &t);
            if (found.kind == TCP_KIND_NONE)
                continue;
            tcp_table_add(&h->tcp, tcp_tuple_hash(&h->tcp, &t), found);
            things[count++] = (struct thing){.tuple = t, .found = found};
        }
        assert_int_equal(h->tcp.tuples.count, count);
        assert_true(map_invariants(&h->tcp.tuples));
    }
    while (count > 0) {
        struct thing *last = &things[--count];
        tcp_table_remove(&h->tcp, tcp_tuple_hash(&h->tcp, &last->tuple), last->found);
        unmake(h, last->found);
    }
    host_close(h);
}

static void test_the_connection_found_last_is_forgotten_when_it_leaves(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct rng rng = rng_make(2);
    struct tcp_tuple t = some_tuple(&rng);
    struct tcp_found found = make(h, TCP_KIND_CONN, &t);
    tcp_table_add(&h->tcp, tcp_tuple_hash(&h->tcp, &t), found);
    assert_true(tcp_at(&h->tcp, found.index)->in_table);
    assert_int_equal(tcp_find(&h->tcp, &t).kind, TCP_KIND_CONN);
    assert_ptr_equal(h->tcp.last, tcp_at(&h->tcp, found.index));
    tcp_table_remove(&h->tcp, tcp_tuple_hash(&h->tcp, &t), found);
    assert_null(h->tcp.last);
    assert_false(tcp_at(&h->tcp, found.index)->in_table);
    assert_int_equal(tcp_find(&h->tcp, &t).kind, TCP_KIND_NONE);
    unmake(h, found);
    host_close(h);
}

static void test_the_table_holds_as_many_as_the_pools_and_the_highest_index(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct tcp_found all[THINGS];
    struct tcp_tuple t = {.local = addr("10.0.0.1"), .remote = addr("10.0.0.2"), .local_port = 1};
    unsigned n = 0;
    for (unsigned kind = TCP_KIND_CONN; kind <= TCP_KIND_WAIT; kind++)
        for (;;) {
            t.remote_port = (uint16_t)(n + 1);
            struct tcp_found found = make(h, (enum tcp_kind)kind, &t);
            if (found.kind == TCP_KIND_NONE)
                break;
            tcp_table_add(&h->tcp, tcp_tuple_hash(&h->tcp, &t), found);
            all[n++] = found;
        }
    assert_int_equal(n, 48); /* 16 of each */
    for (unsigned i = 0; i < n; i++) {
        t.remote_port = (uint16_t)(i + 1);
        struct tcp_found found = tcp_find(&h->tcp, &t);
        assert_int_equal(found.kind, all[i].kind);
        assert_int_equal(found.index, all[i].index);
        tcp_table_remove(&h->tcp, tcp_tuple_hash(&h->tcp, &t), found);
        unmake(h, found);
    }
    host_close(h);
}

/* ---- hashing ---- */

/* The i-th of an attacker's tuples: neighbouring addresses and ports. */
static struct tcp_tuple attack_tuple(uint32_t i, bool ip4)
{
    struct tcp_tuple t = {.local = addr(ip4 ? "10.0.0.1" : "2001:db8::1"),
                          .remote = addr(ip4 ? "10.1.0.0" : "2001:db8:1::"),
                          .local_port = 80,
                          .remote_port = (uint16_t)(1024 + i % 1000)};
    store16(t.remote.bytes + 14, (uint16_t)(i / 1000));
    return t;
}

static void test_ATK_SYN_21_the_hash_depends_on_the_secret_and_on_every_bit(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    struct host *a = host_open_with(&config, 1), *b = host_open_with(&config, 2);
    unsigned equal = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        struct tcp_tuple t = attack_tuple(i, i % 2 == 0);
        equal += tcp_tuple_hash(&a->tcp, &t) == tcp_tuple_hash(&b->tcp, &t);
    }
    assert_true(equal <= 1);
    for (unsigned family = 0; family < 2; family++) {
        struct tcp_tuple t = attack_tuple(7, family == 0);
        uint32_t hash = tcp_tuple_hash(&a->tcp, &t);
        for (unsigned bit = family == 0 ? 96 : 0; bit < 128; bit++) {
            struct tcp_tuple other = t;
            other.local.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_int_not_equal(tcp_tuple_hash(&a->tcp, &other), hash);
            other = t;
            other.remote.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_int_not_equal(tcp_tuple_hash(&a->tcp, &other), hash);
        }
        for (unsigned bit = 0; bit < 16; bit++) {
            struct tcp_tuple other = t;
            other.local_port ^= (uint16_t)(1U << bit);
            assert_int_not_equal(tcp_tuple_hash(&a->tcp, &other), hash);
            other = t;
            other.remote_port ^= (uint16_t)(1U << bit);
            assert_int_not_equal(tcp_tuple_hash(&a->tcp, &other), hash);
        }
    }
    host_close(a);
    host_close(b);
}

static void test_the_two_ends_and_the_two_families_hash_apart(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct tcp_tuple t = {.local = addr("10.0.0.1"),
                          .remote = addr("10.0.0.2"),
                          .local_port = 1,
                          .remote_port = 2};
    struct tcp_tuple turned = {t.remote, t.local, t.remote_port, t.local_port};
    uint8_t bytes[TCP_TUPLE_BYTES_MAX];
    assert_int_not_equal(tcp_tuple_hash(&h->tcp, &t), tcp_tuple_hash(&h->tcp, &turned));
    assert_int_equal(tcp_tuple_bytes(&t, bytes), 12);
    t.local = addr("2001:db8::1");
    t.remote = addr("2001:db8::2");
    assert_int_equal(tcp_tuple_bytes(&t, bytes), 36);
    host_close(h);
}

/* 10^6 balls in 2^20 bins: the fullest has 13 or more with a chance of 2^20 / (e 13!) < 10^-4. */
static void test_ATK_SYN_21_no_chain_is_longer_than_of_balls_in_bins(void **state)
{
    (void)state;
    enum { TUPLES = 1000000, BINS = 1 << 20, FULLEST = 12, PROBE_MAX = 64 };
    struct host *h = host_open();
    uint8_t *bins = calloc(BINS, 1);
    void *mem = malloc(map_size(TUPLES));
    struct map map;
    assert_non_null(bins);
    assert_non_null(mem);
    map_init(&map, TUPLES, &room_handler, mem);
    unsigned fullest = 0;
    for (uint32_t i = 0; i < TUPLES; i++) {
        struct tcp_tuple t = attack_tuple(i, true);
        uint32_t hash = tcp_tuple_hash(&h->tcp, &t), bin = hash % BINS;
        if (++bins[bin] > fullest)
            fullest = bins[bin];
        assert_true(map_insert(&map, hash, i));
    }
    assert_true(fullest >= 6); /* it is no balanced table either: the count counts */
    assert_true(fullest <= FULLEST);
    assert_true(map.probe_max <= PROBE_MAX);
    free(mem);
    free(bins);
    host_close(h);
}

/* ---- ports and listeners ---- */

static weir_handle open_with(struct host *h, const char *local, uint16_t port, bool reuse,
                             int expected)
{
    struct weir_tcp_config config = {.size = sizeof config, .port = port, .reuse = reuse};
    weir_handle handle = {0, 0};
    if (local != NULL)
        config.address = addr(local);
    host_begin(h);
    assert_int_equal(tcp_open(&h->tcp, &config, &handle), expected);
    return handle;
}

static struct tcp_conn *finds(struct host *h, const char *local, uint16_t port, unsigned ifindex)
{
    return tcp_find_listener(&h->tcp, addr(local), port, ifindex);
}

static void test_ATK_SYN_24_the_listener_for_the_address_comes_before_the_one_for_any(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct tcp_conn *any = host_get(h, listen_on(h, NULL, 80, 4));
    assert_ptr_equal(finds(h, "10.0.0.1", 80, 0), any);
    assert_ptr_equal(finds(h, "2001:db8::1", 80, 0), any); /* MUST-43: both families */
    assert_null(finds(h, "10.0.0.1", 81, 0));
    weir_handle handle = listen_on(h, "10.0.0.1", 80, 4);
    struct tcp_conn *own = host_get(h, handle);
    assert_ptr_equal(finds(h, "10.0.0.1", 80, 0), own);
    assert_ptr_equal(finds(h, "10.0.0.1", 80, 1), own);
    assert_ptr_equal(finds(h, "192.168.0.1", 80, 1), any);
    assert_ptr_equal(finds(h, "2001:db8::1", 80, 0), any);
    tcp_close(&h->tcp, own, false);
    assert_ptr_equal(finds(h, "10.0.0.1", 80, 0), any);
    host_close(h);
}

static void test_a_bound_endpoint_that_does_not_listen_is_not_found(void **state)
{
    (void)state;
    struct host *h = host_open();
    open_on(h, "10.0.0.1", 80);
    assert_null(finds(h, "10.0.0.1", 80, 0));
    struct tcp_conn *any = host_get(h, listen_on(h, NULL, 80, 4));
    assert_ptr_equal(finds(h, "10.0.0.1", 80, 0), any);
    host_close(h);
}

static void test_a_listener_bound_to_an_interface_hears_that_one_only(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct tcp_conn *any = host_get(h, listen_on(h, NULL, 80, 4));
    struct weir_tcp_config config = {.size = sizeof config, .port = 80, .ifindex = 1 + ETH_IFACE};
    weir_handle handle;
    assert_int_equal(tcp_open(&h->tcp, &config, &handle), WEIR_E_EXISTS); /* any has all */
    tcp_close(&h->tcp, any, false);
    assert_int_equal(tcp_open(&h->tcp, &config, &handle), WEIR_OK);
    assert_int_equal(tcp_listen(&h->tcp, host_get(h, handle), 1), WEIR_OK);
    assert_ptr_equal(finds(h, "192.168.0.1", 80, ETH_IFACE), host_get(h, handle));
    assert_null(finds(h, "192.168.0.1", 80, IP_IFACE));
    config.ifindex = 1 + IP_IFACE; /* each link may have one */
    assert_int_equal(tcp_open(&h->tcp, &config, &handle), WEIR_OK);
    host_close(h);
}

static void test_ATK_SYN_24_nobody_takes_the_address_and_port_of_another(void **state)
{
    (void)state;
    struct host *h = host_open();
    open_with(h, "10.0.0.1", 80, false, WEIR_OK);
    open_with(h, "10.0.0.1", 80, false, WEIR_E_EXISTS);
    open_with(h, "10.0.0.1", 80, true, WEIR_E_EXISTS); /* both must agree */
    open_with(h, "10.0.0.1", 81, true, WEIR_OK);
    open_with(h, "10.0.0.1", 81, false, WEIR_E_EXISTS);
    open_with(h, "10.0.0.1", 81, true, WEIR_OK);
    open_with(h, "192.168.0.1", 80, false, WEIR_OK); /* another address is another name */
    open_with(h, NULL, 80, false, WEIR_OK);
    open_with(h, NULL, 80, false, WEIR_E_EXISTS);
    host_close(h);
}

static void test_of_those_that_share_a_port_one_listens(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct tcp_conn *a = host_get(h, open_with(h, "10.0.0.1", 80, true, WEIR_OK));
    struct tcp_conn *b = host_get(h, open_with(h, "10.0.0.1", 80, true, WEIR_OK));
    assert_int_equal(tcp_listen(&h->tcp, a, 1), WEIR_OK);
    assert_int_equal(tcp_listen(&h->tcp, b, 1), WEIR_E_EXISTS);
    assert_int_equal(tcp_listen(&h->tcp, a, 5), WEIR_OK); /* itself is no other */
    assert_ptr_equal(finds(h, "10.0.0.1", 80, 0), a);
    tcp_close(&h->tcp, a, false);
    assert_int_equal(tcp_listen(&h->tcp, b, 1), WEIR_OK);
    assert_ptr_equal(finds(h, "10.0.0.1", 80, 0), b);
    host_close(h);
}

/* MUST-42: a passive open beside a connection of the same local port that is in SYN-SENT. */
static void test_MUST_42_listening_beside_a_connection_that_is_being_opened(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct tcp_conn *c = host_get(h, open_with(h, "10.0.0.1", 80, true, WEIR_OK));
    struct weir_addr remote = addr("10.0.0.2");
    assert_int_equal(tcp_connect(&h->tcp, c, &remote, 7), WEIR_OK);
    assert_int_equal(c->state, WEIR_TCP_SYN_SENT);
    struct tcp_conn *l = host_get(h, open_with(h, "10.0.0.1", 80, true, WEIR_OK));
    assert_int_equal(tcp_listen(&h->tcp, l, 1), WEIR_OK);
    struct tcp_tuple t = tcp_conn_tuple(c);
    assert_int_equal(tcp_find(&h->tcp, &t).kind, TCP_KIND_CONN); /* MUST-41: as it was */
    assert_int_equal(c->state, WEIR_TCP_SYN_SENT);
    assert_ptr_equal(finds(h, "10.0.0.1", 80, 0), l);

    /* A port that nobody asked for is nobody's. */
    struct tcp_conn *e = host_get(h, open_on(h, NULL, 0));
    assert_int_equal(tcp_connect(&h->tcp, e, &remote, 7), WEIR_OK);
    assert_true(e->local_port != 0);
    assert_false(tcp_port_listed(&h->tcp, e->local_port));
    listen_on(h, "10.0.0.1", e->local_port, 1);
    assert_int_equal(e->state, WEIR_TCP_SYN_SENT);
    host_close(h);
}

/* Adding to and removing from the list of a port, in every order, against an array. */
static void test_the_list_of_a_port_is_what_was_put_into_it(void **state)
{
    (void)state;
    enum { N = 6 };
    struct host *h = host_open();
    struct rng rng = rng_make(3);
    struct tcp_conn *c[N];
    for (unsigned i = 0; i < N; i++) {
        c[i] = tcp_conn_new(&h->tcp, NULL);
        assert_non_null(c[i]);
        c[i]->state = WEIR_TCP_LISTEN;
        c[i]->local = addr("10.0.0.1");
        c[i]->local.bytes[15] = (uint8_t)i; /* each is found by its own address */
    }
    for (unsigned step = 0; step < 1000; step++) {
        unsigned i = (unsigned)rng_below(&rng, N);
        if (c[i]->on_port) {
            tcp_port_remove(&h->tcp, c[i]);
        } else {
            c[i]->local_port = (uint16_t)rng_between(&rng, 80, 81);
            tcp_port_add(&h->tcp, c[i]);
        }
        unsigned listed[2] = {0, 0};
        for (unsigned k = 0; k < N; k++) {
            for (unsigned port = 80; port < 82; port++) {
                struct tcp_conn *found =
                    tcp_find_listener(&h->tcp, c[k]->local, (uint16_t)port, 0);
                bool expected = c[k]->on_port && c[k]->local_port == port;
                assert_ptr_equal(found, expected ? c[k] : NULL);
                listed[port - 80] += expected;
            }
        }
        assert_int_equal(tcp_port_listed(&h->tcp, 80), listed[0] > 0);
        assert_int_equal(tcp_port_listed(&h->tcp, 81), listed[1] > 0);
        assert_int_equal(h->tcp.ports.count, (listed[0] > 0) + (listed[1] > 0));
    }
    for (unsigned i = 0; i < N; i++) {
        if (c[i]->on_port)
            tcp_port_remove(&h->tcp, c[i]);
        c[i]->state = WEIR_TCP_CLOSED;
        c[i]->released = c[i]->closed_told = c[i]->closed_read = true;
        tcp_conn_free_if_done(&h->tcp, c[i]);
    }
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_stands_in_the_table_is_found_by_its_four_corners),
        cmocka_unit_test(test_the_connection_found_last_is_forgotten_when_it_leaves),
        cmocka_unit_test(test_the_table_holds_as_many_as_the_pools_and_the_highest_index),
        cmocka_unit_test(test_ATK_SYN_21_the_hash_depends_on_the_secret_and_on_every_bit),
        cmocka_unit_test(test_the_two_ends_and_the_two_families_hash_apart),
        cmocka_unit_test(test_ATK_SYN_21_no_chain_is_longer_than_of_balls_in_bins),
        cmocka_unit_test(test_ATK_SYN_24_the_listener_for_the_address_comes_before_the_one_for_any),
        cmocka_unit_test(test_a_bound_endpoint_that_does_not_listen_is_not_found),
        cmocka_unit_test(test_a_listener_bound_to_an_interface_hears_that_one_only),
        cmocka_unit_test(test_ATK_SYN_24_nobody_takes_the_address_and_port_of_another),
        cmocka_unit_test(test_of_those_that_share_a_port_one_listens),
        cmocka_unit_test(test_MUST_42_listening_beside_a_connection_that_is_being_opened),
        cmocka_unit_test(test_the_list_of_a_port_is_what_was_put_into_it),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
