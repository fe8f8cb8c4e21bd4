/* SPDX-License-Identifier: MIT
 * Every arrow of the diagram of RFC 9293 section 3.3.2, figure 5: a stack with a peer that is told
 * each segment. The watcher and the invariants look on; each test ends with nothing left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/actor.h"
#include "sim/build.h"
#include "sim/tcp_world.h"

enum { OWN_PORT = 80, PEER_PORT = 5555, WINDOW = 20000 };

#define PEER_ISS UINT32_C(3000000000)

/* The stack is host 0, 10.0.0.1; the peer is this test, 10.0.0.9. */
struct scene {
    struct tcp_world world;
    weir_stack *stack;
    struct actor *peer;
    weir_handle handle, listener;
    bool has_handle, has_listener;
    uint16_t own_port, peer_port;
    uint32_t seq;            /* the peer's next */
    uint32_t iss, ack;       /* of the stack: its SYN; what it has sent, acknowledged */
    unsigned segments;       /* from the stack */
    uint16_t flags;          /* of the last */
    uint32_t last_seq, last_ack, last_len;
};

static void heard(void *ctx, struct actor *actor, const struct actor_packet *packet)
{
    struct scene *s = ctx;
    const struct sim_parsed *p = packet->parsed;
    (void)actor;
    if (p->protocol != IP_PROTOCOL_TCP)
        return;
    assert_true(packet->sound);
    s->segments++;
    s->flags = p->tcp_flags;
    s->last_seq = p->seq.v;
    s->last_ack = p->ack.v;
    s->last_len = p->payload_len;
    s->own_port = p->source_port;
    if ((p->tcp_flags & TCP_RST) != 0)
        return;
    if ((p->tcp_flags & TCP_SYN) != 0)
        s->iss = p->seq.v;
    uint32_t end = p->seq.v + tcp_segment_seq_len(p->tcp_flags, p->payload_len);
    if ((p->tcp_flags & TCP_SYN) != 0 || (int32_t)(end - s->ack) > 0)
        s->ack = end;
}

static void begin(struct scene *s)
{
    struct weir_config config;
    struct actor_config actor = {0};
    struct sim_link_config link = {.dir = {{.delay = WEIR_NS_PER_MS}, {.delay = WEIR_NS_PER_MS}}};
    memset(s, 0, sizeof *s);
    weir_config_default(&config);
    config.packet_memory_kb = 2048;
    config.tcp_endpoints_max = config.tcp_flights_max = 8;
    config.seed = 5;
    struct sim *sim = sim_create(&(struct sim_config){.seed = 3});
    assert_non_null(sim);
    tcp_world_begin(&s->world, sim);
    (void)tcp_world_host(&s->world, &(struct tcp_world_host){.name = "host", .config = &config});
    s->stack = tcp_world_stack(&s->world, 0);
    s->peer = actor_add(sim, "peer", &actor);
    assert_non_null(s->peer);
    assert_int_equal(actor_listen(s->peer, heard, s), 0);
    assert_non_null(sim_link_add(sim, "link", tcp_world_node(&s->world, 0), 0, actor_node(s->peer),
                                 0, &link));
    s->seq = PEER_ISS;
    s->own_port = OWN_PORT;
    s->peer_port = PEER_PORT;
}

/* Let 10 ms pass, or more. */
static void go(struct scene *s, weir_time span)
{
    sim_node_wake(tcp_world_node(&s->world, 0));
    enum sim_stop stop = sim_run_for(s->world.sim, span, 1000000);
    if (s->world.verdict.failed)
        fail_msg("%s: %s", s->world.verdict.id, s->world.verdict.text);
    assert_true(stop == SIM_STOP_TIME || stop == SIM_STOP_IDLE);
}

#define SHORTLY (10 * WEIR_NS_PER_MS)

static void peer_sends_at(struct scene *s, uint32_t seq, uint32_t ack, unsigned flags, uint32_t len)
{
    static const uint8_t payload[1000];
    static const struct tcp_options none;
    struct tcp_options syn = {.present = TCP_HAS_MSS, .mss = 1000};
    uint8_t out[1100];
    struct build_tcp b = {.ip = {.source = build_addr("10.0.0.9"),
                                 .destination = tcp_world_addr(0, false)},
                          .source_port = s->peer_port,
                          .destination_port = s->own_port,
                          .seq = seq_make(seq),
                          .ack = seq_make((flags & TCP_ACK) != 0 ? ack : 0),
                          .flags = (uint16_t)flags,
                          .window = WINDOW,
                          .options = (flags & TCP_SYN) != 0 ? &syn : &none,
                          .payload = {payload, len}};
    uint32_t size = build_tcp(out, sizeof out, &b);
    assert_int_equal(actor_send(s->peer, 0, out, size), 0);
    sim_node_wake(actor_node(s->peer));
    go(s, SHORTLY);
}

/* The peer's next segment, acknowledging all that came. */
static void peer_sends(struct scene *s, unsigned flags, uint32_t len)
{
    uint32_t seq = s->seq;
    s->seq += tcp_segment_seq_len(flags, len);
    peer_sends_at(s, seq, s->ack, flags, len);
}

/* The state of the connection with the peer, of endpoint or record; CLOSED: there is none. */
static unsigned state_now(const struct scene *s)
{
    struct weir_tcp_info info;
    uint64_t cursor = 0;
    unsigned found = WEIR_TCP_CLOSED;
    while (weir_tcp_next(s->stack, &cursor, &info))
        if (info.remote_port == s->peer_port && info.local_port == s->own_port &&
            info.state != WEIR_TCP_CLOSED)
            found = info.state;
    return found;
}

static void expect_state(const struct scene *s, enum weir_tcp_state state)
{
    if (state_now(s) != state)
        fail_msg("%s in place of %s", weir_tcp_state_name(state_now(s)),
                 weir_tcp_state_name(state));
}

/* The last segment that the stack has sent. */
static void expect_segment(const struct scene *s, unsigned flags)
{
    const unsigned looked_at = TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK;
    assert_int_equal(s->flags & looked_at, flags);
}

static void open_endpoint(struct scene *s)
{
    struct weir_tcp_config open = {.size = sizeof open, .user = 7};
    assert_int_equal(weir_tcp_open(s->stack, &open, &s->handle), WEIR_OK);
    s->has_handle = true;
}

/* CLOSED -> SYN-SENT: active OPEN, snd SYN. */
static void active_open(struct scene *s)
{
    struct weir_addr peer = build_addr("10.0.0.9");
    begin(s);
    open_endpoint(s);
    assert_int_equal(weir_tcp_connect(s->stack, s->handle, &peer, PEER_PORT), WEIR_OK);
    go(s, SHORTLY);
    expect_segment(s, TCP_SYN);
    expect_state(s, WEIR_TCP_SYN_SENT);
}

/* CLOSED -> LISTEN: passive OPEN. */
static void passive_open(struct scene *s)
{
    struct weir_tcp_config open = {.size = sizeof open, .port = OWN_PORT};
    struct weir_tcp_info info;
    begin(s);
    assert_int_equal(weir_tcp_open(s->stack, &open, &s->listener), WEIR_OK);
    s->has_listener = true;
    assert_int_equal(weir_tcp_listen(s->stack, s->listener, 4), WEIR_OK);
    assert_int_equal(weir_tcp_info(s->stack, s->listener, &info), WEIR_OK);
    assert_int_equal(info.state, WEIR_TCP_LISTEN);
}

/* LISTEN -> SYN-RECEIVED: rcv SYN, snd SYN,ACK. */
static void to_syn_received(struct scene *s)
{
    passive_open(s);
    peer_sends(s, TCP_SYN, 0);
    expect_segment(s, TCP_SYN | TCP_ACK);
    assert_int_equal(s->last_ack, PEER_ISS + 1);
    expect_state(s, WEIR_TCP_SYN_RECEIVED);
}

/* SYN-SENT -> ESTAB: rcv SYN,ACK, snd ACK. */
static void to_established(struct scene *s)
{
    active_open(s);
    peer_sends(s, TCP_SYN | TCP_ACK, 0);
    expect_segment(s, TCP_ACK);
    assert_int_equal(s->last_ack, PEER_ISS + 1);
    expect_state(s, WEIR_TCP_ESTABLISHED);
}

/* ESTAB -> FIN-WAIT-1: CLOSE, snd FIN. */
static void to_fin_wait_1(struct scene *s)
{
    to_established(s);
    assert_int_equal(weir_tcp_shutdown(s->stack, s->handle, WEIR_TCP_SHUT_SEND), WEIR_OK);
    go(s, SHORTLY);
    expect_segment(s, TCP_FIN | TCP_ACK);
    expect_state(s, WEIR_TCP_FIN_WAIT_1);
}

/* ESTAB -> CLOSE-WAIT: rcv FIN, snd ACK. */
static void to_close_wait(struct scene *s)
{
    to_established(s);
    peer_sends(s, TCP_FIN | TCP_ACK, 0);
    expect_segment(s, TCP_ACK);
    assert_int_equal(s->last_ack, s->seq);
    expect_state(s, WEIR_TCP_CLOSE_WAIT);
}

/* Let go of all, let it end, and look for what is left. */
static void end(struct scene *s)
{
    struct weir_event event;
    if (s->has_handle)
        (void)weir_tcp_close(s->stack, s->handle);
    if (s->has_listener)
        (void)weir_tcp_close(s->stack, s->listener);
    go(s, SHORTLY);
    if (state_now(s) != WEIR_TCP_CLOSED && state_now(s) != WEIR_TCP_TIME_WAIT)
        peer_sends(s, TCP_RST, 0);
    go(s, 300 * WEIR_NS_PER_S);
    while (weir_stack_events(s->stack, &event, 1) == 1)
        ;
    expect_state(s, WEIR_TCP_CLOSED);
    tcp_check_idle(s->world.check, sim_now(s->world.sim));
    if (s->world.verdict.failed)
        fail_msg("%s: %s", s->world.verdict.id, s->world.verdict.text);
    tcp_world_end(&s->world);
}

/* ---- opening ---- */

static void test_CLOSED_to_LISTEN_and_back_passive_OPEN_CLOSE(void **state)
{
    (void)state;
    struct scene s;
    passive_open(&s);
    end(&s);
}

static void test_CLOSED_to_SYN_SENT_active_OPEN(void **state)
{
    (void)state;
    struct scene s;
    active_open(&s);
    end(&s);
}

static void test_SYN_SENT_to_CLOSED_CLOSE(void **state)
{
    (void)state;
    struct scene s;
    active_open(&s);
    assert_int_equal(weir_tcp_close(s.stack, s.handle), WEIR_OK);
    s.has_handle = false;
    go(&s, SHORTLY);
    expect_state(&s, WEIR_TCP_CLOSED);
    end(&s);
}

static void test_SYN_SENT_to_CLOSED_rcv_RST(void **state)
{
    (void)state;
    struct scene s;
    active_open(&s);
    peer_sends_at(&s, 0, s.ack, TCP_RST | TCP_ACK, 0);
    expect_state(&s, WEIR_TCP_CLOSED);
    assert_int_equal(weir_tcp_error(s.stack, s.handle), WEIR_E_REFUSED);
    end(&s);
}

static void test_LISTEN_to_SYN_RECEIVED_rcv_SYN_snd_SYN_ACK(void **state)
{
    (void)state;
    struct scene s;
    to_syn_received(&s);
    end(&s);
}

/* SEND on a listener makes no SYN here: the call is refused, the state stays. */
static void test_LISTEN_to_SYN_SENT_is_no_call_of_ours(void **state)
{
    (void)state;
    struct scene s;
    struct weir_tcp_info info;
    struct weir_addr peer = build_addr("10.0.0.9");
    passive_open(&s);
    assert_int_equal(weir_tcp_send(s.stack, s.listener, "x", 1, 0), WEIR_E_NOT_CONNECTED);
    assert_int_equal(weir_tcp_connect(s.stack, s.listener, &peer, PEER_PORT), WEIR_E_INVALID);
    assert_int_equal(weir_tcp_info(s.stack, s.listener, &info), WEIR_OK);
    assert_int_equal(info.state, WEIR_TCP_LISTEN);
    assert_int_equal(s.segments, 0);
    end(&s);
}

static void test_SYN_RECEIVED_to_LISTEN_rcv_RST(void **state)
{
    (void)state;
    struct scene s;
    struct weir_tcp_info info;
    to_syn_received(&s);
    peer_sends(&s, TCP_RST, 0);
    expect_state(&s, WEIR_TCP_CLOSED);
    assert_int_equal(weir_tcp_info(s.stack, s.listener, &info), WEIR_OK);
    assert_int_equal(info.state, WEIR_TCP_LISTEN);
    assert_int_equal(info.backlog, 0);
    s.seq = PEER_ISS + 77; /* and it takes another */
    peer_sends(&s, TCP_SYN, 0);
    expect_state(&s, WEIR_TCP_SYN_RECEIVED);
    end(&s);
}

static void test_SYN_SENT_to_SYN_RECEIVED_rcv_SYN_snd_SYN_ACK(void **state)
{
    (void)state;
    struct scene s;
    active_open(&s);
    uint32_t iss = s.iss;
    peer_sends(&s, TCP_SYN, 0);
    expect_segment(&s, TCP_SYN | TCP_ACK);
    assert_int_equal(s.last_seq, iss);
    expect_state(&s, WEIR_TCP_SYN_RECEIVED);
    end(&s);
}

static void test_SYN_SENT_to_ESTAB_rcv_SYN_ACK_snd_ACK(void **state)
{
    (void)state;
    struct scene s;
    to_established(&s);
    end(&s);
}

static void test_SYN_RECEIVED_to_ESTAB_rcv_ACK_of_SYN(void **state)
{
    (void)state;
    struct scene s;
    to_syn_received(&s);
    peer_sends(&s, TCP_ACK, 0);
    expect_state(&s, WEIR_TCP_ESTABLISHED);
    assert_int_equal(weir_tcp_accept(s.stack, s.listener, 1, &s.handle), WEIR_OK);
    s.has_handle = true;
    end(&s);
}

/* Simultaneous open, to its end (figure 7). */
static void test_SYN_RECEIVED_to_ESTAB_after_a_simultaneous_open(void **state)
{
    (void)state;
    struct scene s;
    active_open(&s);
    peer_sends(&s, TCP_SYN, 0);
    peer_sends_at(&s, PEER_ISS, s.ack, TCP_SYN | TCP_ACK, 0);
    peer_sends(&s, TCP_ACK, 0);
    expect_state(&s, WEIR_TCP_ESTABLISHED);
    end(&s);
}

static void test_SYN_RECEIVED_to_FIN_WAIT_1_CLOSE_snd_FIN(void **state)
{
    (void)state;
    struct scene s;
    active_open(&s);
    peer_sends(&s, TCP_SYN, 0);
    expect_state(&s, WEIR_TCP_SYN_RECEIVED);
    assert_int_equal(weir_tcp_shutdown(s.stack, s.handle, WEIR_TCP_SHUT_SEND), WEIR_OK);
    go(&s, SHORTLY);
    peer_sends(&s, TCP_ACK, 0); /* of the SYN: if FIN was kept back until now, it comes now */
    assert_true((s.flags & TCP_FIN) != 0);
    expect_state(&s, WEIR_TCP_FIN_WAIT_1);
    end(&s);
}

/* ---- closing ---- */

static void test_ESTAB_to_FIN_WAIT_1_CLOSE_snd_FIN(void **state)
{
    (void)state;
    struct scene s;
    to_fin_wait_1(&s);
    end(&s);
}

static void test_ESTAB_to_CLOSE_WAIT_rcv_FIN_snd_ACK(void **state)
{
    (void)state;
    struct scene s;
    char c;
    to_close_wait(&s);
    assert_int_equal(weir_tcp_receive(s.stack, s.handle, &c, 1, 0), 0);
    end(&s);
}

static void test_FIN_WAIT_1_to_FIN_WAIT_2_rcv_ACK_of_FIN(void **state)
{
    (void)state;
    struct scene s;
    to_fin_wait_1(&s);
    unsigned before = s.segments;
    peer_sends(&s, TCP_ACK, 0);
    expect_state(&s, WEIR_TCP_FIN_WAIT_2);
    assert_int_equal(s.segments, before);
    end(&s);
}

/* FINs cross: the peer's does not acknowledge ours. */
static void test_FIN_WAIT_1_to_CLOSING_rcv_FIN_snd_ACK(void **state)
{
    (void)state;
    struct scene s;
    to_fin_wait_1(&s);
    uint32_t fin = s.ack;
    s.ack = fin - 1;
    peer_sends(&s, TCP_FIN | TCP_ACK, 0);
    assert_int_equal(s.last_ack, s.seq);
    expect_state(&s, WEIR_TCP_CLOSING);
    s.ack = fin;
    end(&s);
}

static void test_FIN_WAIT_1_to_TIME_WAIT_rcv_FIN_and_ACK_of_FIN(void **state)
{
    (void)state;
    struct scene s;
    to_fin_wait_1(&s);
    peer_sends(&s, TCP_FIN | TCP_ACK, 0);
    expect_segment(&s, TCP_ACK);
    assert_int_equal(s.last_ack, s.seq);
    expect_state(&s, WEIR_TCP_TIME_WAIT);
    end(&s);
}

static void test_FIN_WAIT_2_to_TIME_WAIT_rcv_FIN_snd_ACK(void **state)
{
    (void)state;
    struct scene s;
    to_fin_wait_1(&s);
    peer_sends(&s, TCP_ACK, 0);
    peer_sends(&s, TCP_FIN | TCP_ACK, 0);
    expect_segment(&s, TCP_ACK);
    assert_int_equal(s.last_ack, s.seq);
    expect_state(&s, WEIR_TCP_TIME_WAIT);
    end(&s);
}

static void test_CLOSING_to_TIME_WAIT_rcv_ACK_of_FIN(void **state)
{
    (void)state;
    struct scene s;
    to_fin_wait_1(&s);
    uint32_t fin = s.ack;
    s.ack = fin - 1;
    peer_sends(&s, TCP_FIN | TCP_ACK, 0);
    expect_state(&s, WEIR_TCP_CLOSING);
    s.ack = fin;
    peer_sends(&s, TCP_ACK, 0);
    expect_state(&s, WEIR_TCP_TIME_WAIT);
    end(&s);
}

static void test_CLOSE_WAIT_to_LAST_ACK_CLOSE_snd_FIN(void **state)
{
    (void)state;
    struct scene s;
    to_close_wait(&s);
    assert_int_equal(weir_tcp_shutdown(s.stack, s.handle, WEIR_TCP_SHUT_SEND), WEIR_OK);
    go(&s, SHORTLY);
    expect_segment(&s, TCP_FIN | TCP_ACK);
    expect_state(&s, WEIR_TCP_LAST_ACK);
    end(&s);
}

static void test_LAST_ACK_to_CLOSED_rcv_ACK_of_FIN(void **state)
{
    (void)state;
    struct scene s;
    to_close_wait(&s);
    assert_int_equal(weir_tcp_close(s.stack, s.handle), WEIR_OK);
    s.has_handle = false;
    go(&s, SHORTLY);
    expect_state(&s, WEIR_TCP_LAST_ACK);
    peer_sends(&s, TCP_ACK, 0);
    expect_state(&s, WEIR_TCP_CLOSED);
    end(&s);
}

static void test_TIME_WAIT_to_CLOSED_after_2_MSL(void **state)
{
    (void)state;
    struct scene s;
    to_fin_wait_1(&s);
    peer_sends(&s, TCP_FIN | TCP_ACK, 0);
    expect_state(&s, WEIR_TCP_TIME_WAIT);
    go(&s, 40 * WEIR_NS_PER_S);
    expect_state(&s, WEIR_TCP_TIME_WAIT);
    /* The FIN again: the ACK of ours was lost. It is acknowledged, and 2 MSL begin again. */
    unsigned before = s.segments;
    peer_sends_at(&s, s.seq - 1, s.ack, TCP_FIN | TCP_ACK, 0);
    assert_int_equal(s.segments, before + 1);
    expect_segment(&s, TCP_ACK);
    go(&s, 59 * WEIR_NS_PER_S);
    expect_state(&s, WEIR_TCP_TIME_WAIT);
    go(&s, 2 * WEIR_NS_PER_S);
    expect_state(&s, WEIR_TCP_CLOSED);
    end(&s);
}

/* ---- resets and aborts: every state to CLOSED ---- */

static void (*const reach[])(struct scene *s) = {to_established, to_fin_wait_1, to_close_wait};

static void test_synchronized_states_to_CLOSED_rcv_RST(void **state)
{
    (void)state;
    struct scene s;
    for (unsigned i = 0; i < 3; i++) {
        reach[i](&s);
        unsigned before = s.segments;
        peer_sends(&s, TCP_RST, 0);
        expect_state(&s, WEIR_TCP_CLOSED);
        assert_int_equal(s.segments, before);
        assert_int_equal(weir_tcp_error(s.stack, s.handle), WEIR_E_RESET);
        end(&s);
    }
}

static void test_synchronized_states_to_CLOSED_ABORT_snd_RST(void **state)
{
    (void)state;
    struct scene s;
    for (unsigned i = 0; i < 3; i++) {
        reach[i](&s);
        assert_int_equal(weir_tcp_abort(s.stack, s.handle), WEIR_OK);
        s.has_handle = false;
        go(&s, SHORTLY);
        assert_true((s.flags & TCP_RST) != 0);
        expect_state(&s, WEIR_TCP_CLOSED);
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_CLOSED_to_LISTEN_and_back_passive_OPEN_CLOSE),
        cmocka_unit_test(test_CLOSED_to_SYN_SENT_active_OPEN),
        cmocka_unit_test(test_SYN_SENT_to_CLOSED_CLOSE),
        cmocka_unit_test(test_SYN_SENT_to_CLOSED_rcv_RST),
        cmocka_unit_test(test_LISTEN_to_SYN_RECEIVED_rcv_SYN_snd_SYN_ACK),
        cmocka_unit_test(test_LISTEN_to_SYN_SENT_is_no_call_of_ours),
        cmocka_unit_test(test_SYN_RECEIVED_to_LISTEN_rcv_RST),
        cmocka_unit_test(test_SYN_SENT_to_SYN_RECEIVED_rcv_SYN_snd_SYN_ACK),
        cmocka_unit_test(test_SYN_SENT_to_ESTAB_rcv_SYN_ACK_snd_ACK),
        cmocka_unit_test(test_SYN_RECEIVED_to_ESTAB_rcv_ACK_of_SYN),
        cmocka_unit_test(test_SYN_RECEIVED_to_ESTAB_after_a_simultaneous_open),
        cmocka_unit_test(test_SYN_RECEIVED_to_FIN_WAIT_1_CLOSE_snd_FIN),
        cmocka_unit_test(test_ESTAB_to_FIN_WAIT_1_CLOSE_snd_FIN),
        cmocka_unit_test(test_ESTAB_to_CLOSE_WAIT_rcv_FIN_snd_ACK),
        cmocka_unit_test(test_FIN_WAIT_1_to_FIN_WAIT_2_rcv_ACK_of_FIN),
        cmocka_unit_test(test_FIN_WAIT_1_to_CLOSING_rcv_FIN_snd_ACK),
        cmocka_unit_test(test_FIN_WAIT_1_to_TIME_WAIT_rcv_FIN_and_ACK_of_FIN),
        cmocka_unit_test(test_FIN_WAIT_2_to_TIME_WAIT_rcv_FIN_snd_ACK),
        cmocka_unit_test(test_CLOSING_to_TIME_WAIT_rcv_ACK_of_FIN),
        cmocka_unit_test(test_CLOSE_WAIT_to_LAST_ACK_CLOSE_snd_FIN),
        cmocka_unit_test(test_LAST_ACK_to_CLOSED_rcv_ACK_of_FIN),
        cmocka_unit_test(test_TIME_WAIT_to_CLOSED_after_2_MSL),
        cmocka_unit_test(test_synchronized_states_to_CLOSED_rcv_RST),
        cmocka_unit_test(test_synchronized_states_to_CLOSED_ABORT_snd_RST),
    };
    return cmocka_run_group_tests_name("tcp_states", tests, NULL, NULL);
}
