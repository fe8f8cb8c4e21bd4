/* SPDX-License-Identifier: MIT */
#include "host.h"

static int try_open(struct host *h, const char *local, uint16_t port, uint8_t kind,
                    weir_handle *handle)
{
    struct weir_udp_config config = {.size = sizeof config, .port = port, .kind = kind};
    if (local != NULL)
        config.address = addr(local);
    return udp_open(&h->udp, &config, handle);
}

static void test_one_address_and_port_belong_to_one(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle handle;
    static const char *locals[] = {NULL, "10.0.0.1", "192.168.0.1", "2001:db8::1"};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(try_open(h, locals[i], 53, WEIR_DATAGRAM_UDP, &handle), WEIR_OK);
        assert_int_equal(try_open(h, locals[i], 53, WEIR_DATAGRAM_ECHO, &handle), WEIR_OK);
        for (unsigned k = 0; k <= i; k++)
            assert_int_equal(try_open(h, locals[k], 53, WEIR_DATAGRAM_UDP, &handle),
                             WEIR_E_EXISTS);
        assert_true(udp_invariants(&h->udp));
    }
    host_close(h);
}

/* Whichever of a port's endpoints is closed, the others are still found. */
static void test_closing_in_any_order_leaves_the_others(void **state)
{
    (void)state;
    static const char *locals[] = {NULL, "10.0.0.1", "192.168.0.1"};
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (unsigned order = 0; order < 6; order++) {
        struct host *h = host_open();
        weir_handle handles[3], again;
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(try_open(h, locals[i], 53, 0, &handles[i]), WEIR_OK);
        for (unsigned i = 0; i < 3; i++) {
            udp_close(&h->udp, host_get(h, handles[orders[order][i]]));
            assert_true(udp_invariants(&h->udp));
            for (unsigned k = i + 1; k < 3; k++)
                assert_int_equal(try_open(h, locals[orders[order][k]], 53, 0, &again),
                                 WEIR_E_EXISTS);
        }
        assert_int_equal(try_open(h, locals[orders[order][0]], 53, 0, &again), WEIR_OK);
        host_close(h);
    }
}

static void test_bad_configurations_are_refused(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct weir_udp_config config = {.size = sizeof config - 1};
    weir_handle handle = {1, 2};
    assert_int_equal(udp_open(&h->udp, NULL, &handle), WEIR_E_INVALID);
    assert_int_equal(udp_open(&h->udp, &config, &handle), WEIR_E_INVALID);
    config.size = sizeof config;
    config.kind = WEIR_DATAGRAM_ECHO + 1;
    assert_int_equal(udp_open(&h->udp, &config, &handle), WEIR_E_INVALID);
    config.kind = 0;
    config.receive_bytes_max = WEIR_UDP_BYTES_MAX + 1;
    assert_int_equal(udp_open(&h->udp, &config, &handle), WEIR_E_INVALID);
    config.receive_bytes_max = WEIR_UDP_BYTES_MAX;
    config.send_bytes_max = WEIR_UDP_BYTES_MAX + 1;
    assert_int_equal(udp_open(&h->udp, &config, &handle), WEIR_E_INVALID);
    config.send_bytes_max = 0;
    static const char *foreign[] = {"10.0.0.2", "10.0.0.255", "0.0.0.0", "224.0.0.1", "ff02::1"};
    for (unsigned i = 0; i < 5; i++) {
        config.address = addr(foreign[i]);
        assert_int_equal(udp_open(&h->udp, &config, &handle), WEIR_E_NOT_FOUND);
    }
    assert_true(handle.index == 1 && handle.generation == 2);
    assert_int_equal(h->udp.pool.in_use, 0);
    host_close(h);
}

static void test_a_closed_handle_is_stale_at_once(void **state)
{
    (void)state;
    struct host *h = host_open();
    weir_handle handle = open_on(h, NULL, 53), none = {0, 0};
    assert_null(udp_get(&h->udp, none));
    assert_true(udp_owns(handle));
    weir_handle other_room = {handle.index & ~UDP_HANDLE_BIT, handle.generation};
    assert_null(udp_get(&h->udp, other_room));
    udp_close(&h->udp, host_get(h, handle));
    assert_null(udp_get(&h->udp, handle));
    host_close(h);
}

/* The contract of weir/event.h: not reused before its CLOSED event was read, and that is its last. */
static void test_a_slot_is_not_reused_before_its_closed_event_was_read(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.udp_endpoints_max = 2;
    struct host *h = host_open_with(&config, 1);
    weir_handle a, b, c;
    struct weir_event event;
    struct weir_udp_config first = {.size = sizeof first, .port = 1, .user = 4711};
    assert_int_equal(udp_open(&h->udp, &first, &a), WEIR_OK);
    assert_int_equal(try_open(h, NULL, 2, 0, &b), WEIR_OK);
    assert_int_equal(try_open(h, NULL, 3, 0, &c), WEIR_E_EXHAUSTED);
    give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 1, "x", 1));
    udp_close(&h->udp, host_get(h, a));
    assert_int_equal(h->blocks.bytes_in_use, 0); /* what was received is gone at once */
    assert_int_equal(try_open(h, NULL, 3, 0, &c), WEIR_E_EXHAUSTED);
    assert_true(host_event(h, &event));
    assert_int_equal(event.bits, WEIR_EVENT_READABLE | WEIR_EVENT_CLOSED);
    assert_int_equal(event.error, WEIR_OK);
    assert_int_equal(event.user, 4711);
    assert_int_equal(try_open(h, NULL, 3, 0, &c), WEIR_OK);
    assert_int_equal(c.index, a.index);
    assert_int_not_equal(c.generation, a.generation);
    assert_null(udp_get(&h->udp, a));
    host_close(h);
}

/* RFC 6056 3.2: in the dynamic range, and not to be guessed from the one before. */
static void test_ATK_INF_03_chosen_ports_are_free_in_range_and_unrelated(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct weir_config config = host_config();
    config.udp_endpoints_max = N;
    struct host *h = host_open_with(&config, 1);
    static bool used[65536];
    memset(used, 0, sizeof used);
    unsigned near = 0;
    uint16_t last = 0;
    for (unsigned i = 0; i < N; i++) {
        weir_handle handle;
        assert_int_equal(try_open(h, i % 2 != 0 ? "10.0.0.1" : NULL, 0, 0, &handle), WEIR_OK);
        uint16_t port = host_get(h, handle)->port;
        assert_true(port >= 49152);
        assert_false(used[port]); /* also when only the other address has it */
        used[port] = true;
        near += (unsigned)abs((int)port - (int)last) <= 8;
        last = port;
    }
    assert_true(near < 2 * N * 17 / 16384 + 10); /* twice what chance gives */
    host_close(h);
}

static void test_another_secret_chooses_other_ports(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    uint16_t port[3][8];
    for (unsigned k = 0; k < 3; k++) {
        struct host *h = host_open_with(&config, k == 0 ? 1 : 2); /* 1, 2, 2 */
        for (unsigned i = 0; i < 8; i++)
            port[k][i] = host_get(h, open_on(h, NULL, 0))->port;
        host_close(h);
    }
    assert_memory_equal(port[1], port[2], sizeof port[1]);
    assert_memory_not_equal(port[0], port[1], sizeof port[0]);
}

static void test_ports_run_out_and_come_back(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.udp_endpoints_max = UDP_PORT_COUNT + 2;
    struct host *h = host_open_with(&config, 1);
    weir_handle handle, last;
    for (unsigned i = 0; i < UDP_PORT_COUNT; i++)
        assert_int_equal(try_open(h, NULL, (uint16_t)(UDP_PORT_LOW + i), 0, &last), WEIR_OK);
    assert_int_equal(try_open(h, NULL, 0, 0, &handle), WEIR_E_EXHAUSTED);
    assert_int_equal(h->udp.count.ports_exhausted, 1);
    assert_int_equal(try_open(h, NULL, 0, WEIR_DATAGRAM_ECHO, &handle), WEIR_OK);
    udp_close(&h->udp, host_get(h, last));
    assert_int_equal(try_open(h, NULL, 0, 0, &handle), WEIR_OK);
    assert_int_equal(host_get(h, handle)->port, 65535);
    host_close(h);
}

static void test_a_room_for_none_opens_none(void **state)
{
    (void)state;
    struct weir_config config = host_config();
    config.udp_endpoints_max = 0;
    struct host *h = host_open_with(&config, 1);
    weir_handle handle;
    assert_int_equal(try_open(h, NULL, 53, 0, &handle), WEIR_E_EXHAUSTED);
    assert_int_equal(give(h, IP_IFACE, udp_packet("10.0.0.9", 1, "10.0.0.1", 53, "x", 1)),
                     WEIR_DROP_UDP_PORT);
    host_close(h);
}

static void test_who_can_be_a_peer(void **state)
{
    (void)state;
    struct host *h = host_open();
    struct udp_endpoint *any = host_get(h, open_on(h, NULL, 53));
    struct udp_endpoint *own = host_get(h, open_on(h, "10.0.0.1", 53));
    struct weir_addr ip4 = addr("10.0.0.9"), ip6 = addr("2001:db8::9"), zero = addr("0.0.0.0");
    assert_int_equal(udp_connect(&h->udp, any, &ip4, 0), WEIR_E_INVALID);
    assert_int_equal(udp_connect(&h->udp, any, &zero, 1), WEIR_E_INVALID);
    assert_int_equal(udp_connect(&h->udp, own, &ip6, 1), WEIR_E_INVALID);
    assert_int_equal(udp_connect(&h->udp, any, &ip6, 1), WEIR_OK);
    assert_int_equal(udp_connect(&h->udp, own, &ip4, 1), WEIR_OK);
    assert_true(own->connected);
    assert_int_equal(udp_connect(&h->udp, own, NULL, 0), WEIR_OK);
    assert_false(own->connected);
    host_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_address_and_port_belong_to_one),
        cmocka_unit_test(test_closing_in_any_order_leaves_the_others),
        cmocka_unit_test(test_bad_configurations_are_refused),
        cmocka_unit_test(test_a_closed_handle_is_stale_at_once),
        cmocka_unit_test(test_a_slot_is_not_reused_before_its_closed_event_was_read),
        cmocka_unit_test(test_ATK_INF_03_chosen_ports_are_free_in_range_and_unrelated),
        cmocka_unit_test(test_another_secret_chooses_other_ports),
        cmocka_unit_test(test_ports_run_out_and_come_back),
        cmocka_unit_test(test_a_room_for_none_opens_none),
        cmocka_unit_test(test_who_can_be_a_peer),
    };
    return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
