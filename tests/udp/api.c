/* SPDX-License-Identifier: MIT
 * The public calls, from one stack to another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/net.h"
#include "weir/udp.h"

static weir_stack *stack_open(const char *address, void **memory)
{
    struct weir_config config;
    weir_config_default(&config);
    config.interfaces_max = 1;
    config.udp_endpoints_max = 2;
    size_t size = (weir_stack_size(&config) + 63) / 64 * 64;
    *memory = aligned_alloc(64, size);
    weir_stack *stack = weir_stack_init(*memory, size, &config, 0);
    assert_non_null(stack);
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = 1500};
    assert_int_equal(weir_stack_add_iface(stack, &iface), 0);
    struct weir_addr addr;
    unsigned len;
    assert_int_equal(weir_prefix_parse(address, &addr, &len), WEIR_OK);
    assert_int_equal(weir_stack_add_address(stack, 0, &addr, len), WEIR_OK);
    return stack;
}

/* Carry all packets from one to the other; answers how many. */
static unsigned carry(weir_stack *from, weir_stack *to, weir_time now)
{
    struct weir_tx tx;
    unsigned n = 0;
    for (; weir_stack_output(from, 0, &tx, 1, now) == 1; n++) {
        struct weir_rx rx = {.head = tx.headers + tx.header_start,
                             .head_len = tx.header_len,
                             .len = tx.len,
                             .frag = {tx.frag[0], tx.frag[1]},
                             .frag_count = tx.frag_count};
        weir_stack_input(to, 0, &rx, 1, now);
    }
    return n;
}

static weir_handle open_port(weir_stack *stack, uint16_t port)
{
    struct weir_udp_config config = {.size = sizeof config, .port = port, .user = port};
    weir_handle handle;
    assert_int_equal(weir_udp_open(stack, &config, &handle), WEIR_OK);
    return handle;
}

static void test_a_request_and_its_answer(void **state)
{
    (void)state;
    void *memory[2];
    weir_stack *a = stack_open("10.0.0.1/24", &memory[0]), *b = stack_open("10.0.0.2/24", &memory[1]);
    weir_handle client = open_port(a, 0), server = open_port(b, 7);
    struct weir_addr peer;
    struct weir_datagram from, name;
    struct weir_event event;
    char got[8];
    assert_int_equal(weir_addr_parse("10.0.0.2", &peer), WEIR_OK);
    assert_int_equal(weir_udp_connect(a, client, &peer, 7), WEIR_OK);
    assert_int_equal(weir_udp_name(a, client, &name), WEIR_OK);
    assert_true(name.local_port >= 49152 && name.remote_port == 7);
    assert_int_equal(weir_udp_send(a, client, NULL, "ask", 3), WEIR_OK);
    assert_int_equal(carry(a, b, 5), 1);
    assert_int_equal(weir_stack_events(b, &event, 1), 1);
    assert_memory_equal(&event.handle, &server, sizeof server);
    assert_true(event.bits == WEIR_EVENT_READABLE && event.user == 7);
    assert_true((weir_udp_ready(b, server) & WEIR_EVENT_READABLE) != 0);
    assert_int_equal(weir_udp_receive(b, server, &from, got, sizeof got), 3);
    assert_memory_equal(got, "ask", 3);
    assert_true(from.time == 5 && from.remote_port == name.local_port);
    struct weir_datagram to = {.remote = from.remote, .remote_port = from.remote_port};
    assert_int_equal(weir_udp_send(b, server, &to, "answer", 6), WEIR_OK);
    assert_int_equal(carry(b, a, 6), 1);
    assert_int_equal(weir_udp_receive(a, client, &from, got, sizeof got), 6);
    free(memory[0]);
    free(memory[1]);
}

static void test_a_closed_port_refuses(void **state)
{
    (void)state;
    void *memory[2];
    weir_stack *a = stack_open("10.0.0.1/24", &memory[0]), *b = stack_open("10.0.0.2/24", &memory[1]);
    weir_handle client = open_port(a, 0);
    struct weir_addr peer;
    struct weir_stats stats;
    char got[8];
    assert_int_equal(weir_addr_parse("10.0.0.2", &peer), WEIR_OK);
    assert_int_equal(weir_udp_connect(a, client, &peer, 7), WEIR_OK);
    assert_int_equal(weir_udp_send(a, client, NULL, "ask", 3), WEIR_OK);
    assert_int_equal(carry(a, b, 5), 1);
    assert_int_equal(weir_stack_stats(b, 0, &stats), WEIR_OK);
    assert_int_equal(stats.drop[WEIR_DROP_UDP_PORT], 1);
    assert_int_equal(carry(b, a, 5), 1);
    assert_int_equal(weir_udp_receive(a, client, NULL, got, sizeof got), WEIR_E_REFUSED);
    assert_int_equal(weir_udp_receive(a, client, NULL, got, sizeof got), WEIR_E_WOULD_BLOCK);
    free(memory[0]);
    free(memory[1]);
}

static void test_stale_handles_are_refused_everywhere(void **state)
{
    (void)state;
    void *memory;
    weir_stack *stack = stack_open("10.0.0.1/24", &memory);
    weir_handle handles[2] = {{0, 0}, open_port(stack, 7)};
    struct weir_datagram name;
    struct weir_event event;
    char got[8];
    assert_int_equal(weir_udp_close(stack, handles[1]), WEIR_OK);
    for (unsigned round = 0; round < 2; round++) { /* before and after its last event was read */
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(weir_udp_close(stack, handles[i]), WEIR_E_STALE);
            assert_int_equal(weir_udp_connect(stack, handles[i], NULL, 0), WEIR_E_STALE);
            assert_int_equal(weir_udp_name(stack, handles[i], &name), WEIR_E_STALE);
            assert_int_equal(weir_udp_send(stack, handles[i], NULL, "a", 1), WEIR_E_STALE);
            assert_int_equal(weir_udp_receive(stack, handles[i], NULL, got, 1), WEIR_E_STALE);
            assert_int_equal(weir_udp_ready(stack, handles[i]), 0);
        }
        assert_int_equal(weir_stack_events(stack, &event, 1), 1 - round);
    }
    assert_int_equal(event.bits, WEIR_EVENT_CLOSED);
    open_port(stack, 1); /* both places are free again */
    open_port(stack, 2);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_and_its_answer),
        cmocka_unit_test(test_a_closed_port_refuses),
        cmocka_unit_test(test_stale_handles_are_refused_everywhere),
    };
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
