/* SPDX-License-Identifier: MIT
 * The small services over TCP, and the table of connections, with a client stack on a wire in
 * memory, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "script.h"
#include "services.h"
#include "tcp_services.h"
#include "weir/memwire.h"
#include "weir/net.h"

enum { CLIENTS_MAX = 12, DATA = 300000, STACK_ALIGNMENT = 64 };

/* A connection of the client's, and what came over it. */
struct client {
    weir_handle handle;
    bool connected, closed, ended; /* `ended`: the server's FIN */
    int error;
    size_t sent, got;
    uint8_t *in;
};

struct world {
    weir_stack *stack[2]; /* client, server */
    struct weir_memwire wire;
    struct tcp_services services;
    struct tcp_host *host;
    struct weir_addr server;
    weir_time now, wake;
    struct client client[CLIENTS_MAX];
    unsigned clients;
};

static void input(void *ctx, const struct weir_rx *packets, unsigned n, weir_time now)
{
    weir_stack_input(ctx, 0, packets, n, now);
}

static unsigned output(void *ctx, struct weir_tx *packets, unsigned max, weir_time now)
{
    return weir_stack_output(ctx, 0, packets, max, now);
}

static weir_stack *make_stack(const struct weir_memwire_config *wire, const char *address,
                              uint32_t memory_kb, weir_time now)
{
    struct weir_config config;
    struct weir_iface_config iface;
    struct weir_addr addr;
    weir_config_default(&config);
    config.seed = 7;
    config.packet_memory_kb = memory_kb;
    config.packet_memory_reserve_kb = memory_kb / 4;
    size_t size =
        (weir_stack_size(&config) + STACK_ALIGNMENT - 1) / STACK_ALIGNMENT * STACK_ALIGNMENT;
    weir_stack *stack = weir_stack_init(aligned_alloc(STACK_ALIGNMENT, size), size, &config, now);
    assert_non_null(stack);
    weir_memwire_iface(wire, &iface);
    assert_int_equal(weir_stack_add_iface(stack, &iface), 0);
    assert_int_equal(weir_addr_parse(address, &addr), WEIR_OK);
    assert_int_equal(weir_stack_add_address(stack, 0, &addr, 24), WEIR_OK);
    return stack;
}

static void open_small_world(struct world *w, unsigned places, uint32_t memory_kb)
{
    struct weir_memwire_config wire = {
        .size = sizeof wire, .mtu_bytes = 1500, .super_packets = true};
    memset(w, 0, sizeof *w);
    w->now = WEIR_NS_PER_S;
    w->stack[0] = make_stack(&wire, "10.9.0.1", 16384, w->now);
    w->stack[1] = make_stack(&wire, "10.9.0.2", memory_kb, w->now);
    assert_int_equal(weir_addr_parse("10.9.0.2", &w->server), WEIR_OK);
    struct weir_port a = {w->stack[0], input, output}, b = {w->stack[1], input, output};
    assert_int_equal(weir_memwire_init(&w->wire, &wire, &a, &b), WEIR_OK);
    assert_non_null(w->host = tcp_host_new(w->stack[1], places, memory_kb));
    tcp_services_init(&w->services);
    assert_true(tcp_services_open(&w->services, w->host, (1U << TCP_SERVICES_MAX) - 1));
}

static void open_world(struct world *w, unsigned places)
{
    open_small_world(w, places, 16384);
}

static void close_world(struct world *w)
{
    for (unsigned i = 0; i < w->clients; i++)
        free(w->client[i].in);
    tcp_host_free(w->host);
    free(w->stack[0]);
    free(w->stack[1]);
}

static void client_events(struct world *w)
{
    struct weir_event event;
    while (weir_stack_events(w->stack[0], &event, 1) > 0) {
        struct client *c = &w->client[event.user];
        c->connected |= (event.bits & WEIR_EVENT_CONNECTED) != 0;
        if ((event.bits & WEIR_EVENT_CLOSED) == 0)
            continue;
        c->closed = true;
        c->error = c->error != 0 ? c->error : event.error;
    }
    for (unsigned i = 0; i < w->clients; i++) {
        struct client *c = &w->client[i];
        int n = 0;
        while (c->got < DATA &&
               (n = weir_tcp_receive(w->stack[0], c->handle, c->in + c->got, DATA - c->got, 0)) > 0)
            c->got += (size_t)n;
        c->ended |= c->got < DATA && n == 0;
        if (c->got < DATA && n < 0 && n != WEIR_E_WOULD_BLOCK && n != WEIR_E_STALE &&
            n != WEIR_E_NOT_CONNECTED && n != WEIR_E_CLOSED)
            c->error = n;
    }
}

/* Time goes on by `span`: everything that happens within happens. */
static void pass(struct world *w, weir_time span)
{
    weir_time end = w->now + span;
    unsigned turns = 0;
    while (w->now <= end) {
        struct weir_event event;
        for (unsigned i = 0; i < 2; i++)
            if (weir_stack_deadline(w->stack[i]) <= w->now)
                weir_stack_advance(w->stack[i], w->now);
        while (weir_stack_events(w->stack[1], &event, 1) > 0)
            (void)tcp_host_event(w->host, &event);
        weir_time wake = tcp_host_turn(w->host, w->now);
        client_events(w);
        if (weir_memwire_step(&w->wire, w->now) > 0)
            wake = 0;
        for (unsigned i = 0; i < 2; i++)
            wake =
                weir_stack_deadline(w->stack[i]) < wake ? weir_stack_deadline(w->stack[i]) : wake;
        w->now = wake > w->now ? wake : w->now + 1000;
        assert_true(++turns < 1000000);
    }
    w->now = end;
}

static struct client *dial(struct world *w, uint16_t port)
{
    struct weir_tcp_config config = {.size = sizeof config, .user = w->clients};
    assert_true(w->clients < CLIENTS_MAX);
    struct client *c = &w->client[w->clients++];
    assert_non_null(c->in = malloc(DATA));
    assert_int_equal(weir_tcp_open(w->stack[0], &config, &c->handle), WEIR_OK);
    assert_int_equal(weir_tcp_connect(w->stack[0], c->handle, &w->server, port), WEIR_OK);
    return c;
}

/* Send all of it, however long that takes. */
static void send_all(struct world *w, struct client *c, const uint8_t *data, size_t len)
{
    unsigned waits = 0;
    while (len > 0) {
        int n = weir_tcp_send(w->stack[0], c->handle, data, len, 0);
        if (n < 0) {
            assert_int_equal(n, WEIR_E_WOULD_BLOCK);
            assert_true(++waits < 10000);
        }
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        pass(w, WEIR_NS_PER_MS);
    }
}

static uint8_t data[DATA];

static void fill(void)
{
    for (unsigned i = 0; i < DATA; i++)
        data[i] = (uint8_t)(i * 13 + i / 251);
}

static void test_echo_gives_back_every_byte(void **state)
{
    static struct world w;
    (void)state;
    fill();
    open_world(&w, 8);
    struct client *a = dial(&w, 7), *b = dial(&w, 7);
    send_all(&w, a, data, 1);
    pass(&w, WEIR_NS_PER_S);
    assert_int_equal(a->got, 1);
    send_all(&w, a, data + 1, 199999);
    send_all(&w, b, data + 5, DATA / 2);
    pass(&w, WEIR_NS_PER_S);
    assert_int_equal(weir_tcp_shutdown(w.stack[0], a->handle, WEIR_TCP_SHUT_SEND), WEIR_OK);
    pass(&w, WEIR_NS_PER_S);
    assert_int_equal(a->got, 200000);
    assert_memory_equal(a->in, data, 200000);
    assert_true(a->ended);
    assert_int_equal(b->got, DATA / 2);
    assert_memory_equal(b->in, data + 5, DATA / 2);
    assert_false(b->ended);
    assert_int_equal(tcp_host_count(w.host), 1);
    close_world(&w);
}

/* A stream may take less than it said, or nothing for now. */
static void test_echo_keeps_what_it_cannot_send_yet(void **state)
{
    static struct tcp_services services;
    (void)state;
    fill();
    tcp_services_init(&services);
    for (size_t step = 1; step < 4000; step = step * 3 + 1) {
        struct script s;
        void *echo = calloc(1, services.service[0].state_size);
        enum stream_turn turn;
        assert_non_null(echo);
        script_init(&s, (const char *)data, 20000);
        s.ends = s.breathe = true;
        s.out_step = step;
        s.room = 5000;
        do
            turn = services.service[0].turn(&services, echo, &s.stream);
        while (turn == STREAM_MORE || turn == STREAM_WAIT);
        assert_int_equal(turn, STREAM_END);
        assert_int_equal(s.out_len, 20000);
        assert_memory_equal(s.out, data, 20000);
        services.service[0].end(&services, echo);
        free(echo);
        free(s.out);
    }
}

static void test_discard_takes_everything_and_says_nothing(void **state)
{
    static struct world w;
    (void)state;
    open_world(&w, 8);
    struct client *c = dial(&w, 9);
    send_all(&w, c, data, DATA);
    pass(&w, WEIR_NS_PER_S);
    assert_int_equal(c->got, 0);
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_info(w.stack[0], c->handle, &info), WEIR_OK);
    assert_int_equal(info.send_queue_bytes, 0);
    (void)weir_tcp_close(w.stack[0], c->handle);
    pass(&w, WEIR_NS_PER_S);
    assert_int_equal(tcp_host_count(w.host), 0);
    close_world(&w);
}

static void test_daytime_and_time_tell_and_close(void **state)
{
    static struct world w;
    (void)state;
    open_world(&w, 8);
    struct client *day = dial(&w, 13), *seconds = dial(&w, 37);
    (void)weir_tcp_send(w.stack[0], day->handle, "what time is it", 15, 0);
    pass(&w, WEIR_NS_PER_S);
    assert_true(day->ended && seconds->ended);
    assert_true(day->got > 20 && day->got < 64);
    assert_memory_equal(day->in + day->got - 2, "\r\n", 2);
    assert_int_equal(seconds->got, 4);
    uint32_t told = (uint32_t)seconds->in[0] << 24 | (uint32_t)seconds->in[1] << 16 |
                    (uint32_t)seconds->in[2] << 8 | seconds->in[3];
    assert_true(services_time() - told < 10);
    /* Closed in order, though the question was not for the service. */
    assert_int_equal(weir_tcp_close(w.stack[0], day->handle), WEIR_OK);
    assert_int_equal(weir_tcp_close(w.stack[0], seconds->handle), WEIR_OK);
    pass(&w, WEIR_NS_PER_S);
    assert_int_equal(day->error, WEIR_OK);
    assert_int_equal(tcp_host_count(w.host), 0);
    close_world(&w);
}

static void test_chargen_goes_on_until_the_client_closes(void **state)
{
    static struct world w;
    static uint8_t pattern[DATA];
    (void)state;
    open_world(&w, 8);
    struct client *c = dial(&w, 19);
    pass(&w, WEIR_NS_PER_S);
    assert_int_equal(c->got, DATA); /* all that the client cared to read */
    services_pattern(pattern, DATA, 0);
    assert_memory_equal(c->in, pattern, DATA);
    assert_int_equal(weir_tcp_abort(w.stack[0], c->handle), WEIR_OK);
    pass(&w, WEIR_NS_PER_S);
    assert_int_equal(tcp_host_count(w.host), 0);
    close_world(&w);
}

static void test_who_comes_when_all_places_are_taken_waits(void **state)
{
    static struct world w;
    (void)state;
    open_world(&w, 3);
    for (unsigned i = 0; i < 6; i++) {
        dial(&w, 7);
        pass(&w, WEIR_NS_PER_MS);
    }
    for (unsigned i = 0; i < 6; i++)
        (void)weir_tcp_send(w.stack[0], w.client[i].handle, data, 10, 0);
    pass(&w, WEIR_NS_PER_S);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(w.client[i].got, i < 3 ? 10 : 0);
    assert_int_equal(tcp_host_count(w.host), 3);
    for (unsigned i = 0; i < 3; i++)
        (void)weir_tcp_close(w.stack[0], w.client[i].handle);
    pass(&w, WEIR_NS_PER_S);
    for (unsigned i = 3; i < 6; i++)
        assert_int_equal(w.client[i].got, 10);
    close_world(&w);
}

/* Twelve connections that want more buffer than there is: slower, but nothing is lost, and nobody
 * is forgotten. */
static void test_little_packet_memory_delays_and_loses_nothing(void **state)
{
    static struct world w;
    static uint8_t pattern[DATA];
    (void)state;
    enum { MEMORY_KB = 512 };
    unsigned left = CLIENTS_MAX;
    services_pattern(pattern, DATA, 0);
    open_small_world(&w, CLIENTS_MAX, MEMORY_KB);
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        (void)dial(&w, 19);
    for (unsigned k = 0; k < 2000 && left > 0; k++) {
        pass(&w, 10 * WEIR_NS_PER_MS);
        for (unsigned i = 0; i < CLIENTS_MAX; i++) { /* who has enough makes room for the others */
            struct client *c = &w.client[i];
            if (c->got < DATA || weir_tcp_abort(w.stack[0], c->handle) != WEIR_OK)
                continue;
            assert_memory_equal(c->in, pattern, DATA);
            left--;
        }
    }
    assert_int_equal(left, 0);
    close_world(&w);
}

/* Who asks for much and reads nothing does not starve the others. */
static void test_who_does_not_read_holds_a_share_of_memory_only(void **state)
{
    static struct world w;
    (void)state;
    enum { MEMORY_KB = 4096, EACH = 100000, ROUNDS = 500 };
    size_t sent = 0;
    fill();
    open_small_world(&w, CLIENTS_MAX, MEMORY_KB);
    for (unsigned i = 0; i + 1 < CLIENTS_MAX; i++)
        dial(&w, 19)->got = DATA; /* it reads no more */
    pass(&w, 10 * WEIR_NS_PER_S);
    struct client *talker = dial(&w, 7);
    for (unsigned k = 0; k < ROUNDS && talker->got < EACH; k++) {
        int n = weir_tcp_send(w.stack[0], talker->handle, data + sent, EACH - sent, 0);
        sent += n > 0 ? (size_t)n : 0;
        pass(&w, 10 * WEIR_NS_PER_MS);
    }
    assert_int_equal(talker->got, EACH);
    assert_memory_equal(talker->in, data, EACH);
    struct weir_tcp_info info;
    uint64_t held = 0;
    for (uint64_t cursor = 0; weir_tcp_next(w.stack[1], &cursor, &info);)
        held += info.send_queue_bytes;
    assert_true(held > 11 * 16384 && held < MEMORY_KB * 1024 / 2);
    close_world(&w);
}

static void test_the_silent_are_reset(void **state)
{
    static struct world w;
    (void)state;
    open_world(&w, 8);
    struct client *silent = dial(&w, 7), *talker = dial(&w, 7);
    for (unsigned i = 0; i < 14; i++) {
        (void)weir_tcp_send(w.stack[0], talker->handle, data, 1, 0);
        pass(&w, 50 * WEIR_NS_PER_S);
    }
    assert_int_equal(silent->error, WEIR_E_RESET);
    assert_int_equal(talker->error, WEIR_OK);
    assert_int_equal(talker->got, 14);
    assert_int_equal(tcp_host_count(w.host), 1);
    close_world(&w);
}

static void test_events_of_others_are_left_to_them(void **state)
{
    static struct world w;
    (void)state;
    open_world(&w, 2);
    assert_false(tcp_host_event(w.host, &(struct weir_event){.user = 0}));
    assert_false(tcp_host_event(w.host, &(struct weir_event){.user = 4}));
    assert_null(tcp_host_owner(w.host, 0));
    struct client *c = dial(&w, 19);
    pass(&w, WEIR_NS_PER_MS);
    (void)c;
    unsigned listeners = 0, chargen = 0;
    struct weir_tcp_info info;
    for (uint64_t cursor = 0; weir_tcp_next(w.stack[1], &cursor, &info);) {
        const char *owner = tcp_host_owner(w.host, info.user);
        assert_non_null(owner);
        listeners += info.state == WEIR_TCP_LISTEN;
        chargen += strcmp(owner, "chargen") == 0;
    }
    assert_int_equal(listeners, 5);
    assert_int_equal(chargen, 2);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_gives_back_every_byte),
        cmocka_unit_test(test_echo_keeps_what_it_cannot_send_yet),
        cmocka_unit_test(test_discard_takes_everything_and_says_nothing),
        cmocka_unit_test(test_daytime_and_time_tell_and_close),
        cmocka_unit_test(test_chargen_goes_on_until_the_client_closes),
        cmocka_unit_test(test_who_comes_when_all_places_are_taken_waits),
        cmocka_unit_test(test_little_packet_memory_delays_and_loses_nothing),
        cmocka_unit_test(test_who_does_not_read_holds_a_share_of_memory_only),
        cmocka_unit_test(test_the_silent_are_reset),
        cmocka_unit_test(test_events_of_others_are_left_to_them),
    };
    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
