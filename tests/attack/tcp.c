/* SPDX-License-Identifier: MIT */
#include "tcp_peer.h"

static struct attack *begin(void)
{
    struct weir_config config = tcp_attack_config();
    struct attack *a = attack_begin(&config, 0xa5);
    a->ifindex = TUN;
    return a;
}

static void finish(struct attack *a, weir_handle listener)
{
    assert_int_equal(weir_tcp_close(a->stack, listener), WEIR_OK);
    read_events(a);
    attack_end(a);
}

static unsigned state_of(const struct tcp_peer *p)
{
    struct weir_tcp_info info;
    assert_int_equal(weir_tcp_info(p->a->stack, p->handle, &info), WEIR_OK);
    return info.state;
}

/* A bystander: 100 bytes each way, without delay. */
static void exchange(struct tcp_peer *p)
{
    uint8_t data[100], read[200];
    memset(data, 'x', sizeof data);
    assert_int_equal(peer_gives(p, TCP_ACK | TCP_PSH, data, sizeof data), WEIR_DROP_NONE);
    for (unsigned i = 0; i < p->a->out_count; i++)
        peer_takes(p, i);
    assert_int_equal(weir_tcp_receive(p->a->stack, p->handle, read, sizeof read, 0), sizeof data);
    peer_is_sent(p, data, sizeof data);
}

/* ---- handshakes ---- */

/* ATK-SYN-01 without cookies, but for its legitimate connects. G-3 and G-5. */
static void test_a_flood_of_SYNs_is_capped_and_bystanders_go_on(void **state)
{
    (void)state;
    struct weir_config config = tcp_attack_config();
    config.tcp_syn_cookies = 0;
    struct attack *a = attack_begin(&config, 0xa5);
    a->ifindex = TUN;
    weir_handle listener = tcp_listener(a, 80, 8), other = tcp_listener(a, 81, 8);
    struct tcp_peer bystander = peer_of(a, peer4(TUN, 2), 0);
    peer_connects(&bystander, listener);
    uint64_t idle = a->stack->blocks.bytes_in_use;
    static const uint8_t data[1000];
    unsigned begun = 0;
    for (unsigned i = 0; i < 10000; i++) {
        struct tcp_peer flood = peer_of(a, stranger4(i * 977), i % 500);
        flood.own_port = (uint16_t)(80 + i % 2);
        unsigned drop = peer_gives(&flood, TCP_SYN, data, i % 3 == 0 ? sizeof data : 0);
        assert_true(drop == WEIR_DROP_NONE || drop == WEIR_DROP_TCP_SYN_LIMIT);
        begun += drop == WEIR_DROP_NONE;
        assert_true(a->stack->tcp.syns.in_use <= a->config.tcp_syn_received_max);
        assert_true(a->stack->blocks.bytes_in_use - idle <=
                    a->config.tcp_syn_received_max * 4096U + 4 * 65536U);
        if (i % 100 == 99) {
            exchange(&bystander);
            attack_pass(a, 1 * S);
        }
    }
    assert_in_range(begun, 16, 16 * 3); /* 100 s, and a record lasts for 63 */
    attack_pass(a, 64 * S);
    assert_int_equal(a->stack->tcp.syns.in_use, 0);
    struct tcp_peer late = peer_of(a, peer4(TUN, 3), 0);
    peer_connects(&late, listener);
    exchange(&late);
    peer_ends(&late);
    peer_ends(&bystander);
    assert_int_equal(weir_tcp_close(a->stack, other), WEIR_OK);
    finish(a, listener);
}

/* Open to the peer; what comes out is its SYN. */
static void connect_to(struct tcp_peer *p)
{
    struct weir_tcp_config config = {.size = sizeof config};
    assert_int_equal(weir_tcp_open(p->a->stack, &config, &p->handle), WEIR_OK);
    assert_int_equal(weir_tcp_connect(p->a->stack, p->handle, &p->peer, p->port), WEIR_OK);
    attack_pass(p->a, 0);
    assert_int_equal(p->a->out_count, 1);
    struct out_tcp s = out_tcp(p->a, 0);
    assert_int_equal(s.header.flags, TCP_SYN);
    p->own_port = s.header.source_port;
    p->ack = s.header.seq.v + 1;
}

/* How long an active open lasts whose peer sends a SYN and then `syns` others, each with a number of
 * its own. */
static weir_time simultaneous_open_lasts(unsigned syns)
{
    struct attack *a = begin();
    struct tcp_peer p = peer_of(a, peer4(TUN, 2), 0);
    connect_to(&p);
    weir_time began = a->now;
    attack_pass(a, 10 * MS);
    assert_int_equal(peer_gives(&p, TCP_SYN, NULL, 0), WEIR_DROP_NONE);
    assert_int_equal(a->out_count, 1);
    assert_int_equal(out_tcp(a, 0).header.flags, TCP_SYN | TCP_ACK);
    unsigned answers = 0;
    for (unsigned i = 0; i < syns; i++) {
        assert_int_not_equal(
            peer_segment(&p, TCP_SYN, p.seq + 1000 * (i + 1), 0, (struct weir_ref){NULL, 0}),
            WEIR_DROP_NONE);
        answers += a->out_count;
        assert_int_equal(state_of(&p), WEIR_TCP_SYN_RECEIVED);
        assert_int_equal(a->stack->tcp.conns.in_use, 1);
        assert_int_equal(a->stack->tcp.syns.in_use, 0);
        attack_pass(a, 10 * MS);
        for (unsigned k = 0; k < a->out_count; k++) { /* of the timer: the first SYN counts */
            assert_int_equal(out_tcp(a, k).header.flags, TCP_SYN | TCP_ACK);
            assert_int_equal(out_tcp(a, k).header.ack.v, p.seq);
        }
    }
    assert_true(answers <= 5 + 2 * syns / 100); /* a burst, and one in half a second */
    while (state_of(&p) != WEIR_TCP_CLOSED) {
        assert_true(a->now - began < 900 * S);
        attack_pass(a, 100 * MS);
    }
    weir_time lasted = a->now - began;
    assert_int_equal(weir_tcp_error(a->stack, p.handle), WEIR_E_TIMED_OUT);
    assert_int_equal(weir_tcp_close(a->stack, p.handle), WEIR_OK);
    read_events(a);
    attack_end(a);
    return lasted;
}

static void ATK_SYN_13_SYNs_into_a_simultaneous_open_put_nothing_off(void **state)
{
    (void)state;
    weir_time undisturbed = simultaneous_open_lasts(0);
    assert_true(undisturbed >= 180 * S); /* MUST-23 */
    weir_time abused = simultaneous_open_lasts(1000);
    assert_in_range(abused, undisturbed - 1 * S, undisturbed + 1 * S);
}

/* Whatever leaves comes back at once: it is dropped, and makes nothing more leave. */
static void reflect(struct attack *a, unsigned *packets)
{
    static uint8_t sent[8][2000];
    size_t len[8];
    unsigned from[8];
    unsigned n = a->out_count, ifindex = a->ifindex;
    assert_true(n <= 8);
    for (unsigned i = 0; i < n; i++) {
        struct weir_ref ip = out_ip(a, i);
        memcpy(sent[i], ip.data, len[i] = ip.len);
        from[i] = a->out[i].ifindex;
    }
    *packets += n;
    for (unsigned i = 0; i < n; i++) {
        a->ifindex = from[i];
        unsigned drop = attack_ip(a, sent[i], len[i]);
        assert_true(drop == WEIR_DROP_IP4_SOURCE || drop == WEIR_DROP_IP6_SOURCE);
        assert_int_equal(a->out_count, 0);
    }
    a->ifindex = ifindex;
}

static void ATK_SYN_18_nobody_connects_to_himself(void **state)
{
    (void)state;
    struct attack *a = begin();
    weir_handle listener = tcp_listener(a, 80, 8);
    for (unsigned family = 0; family < 2; family++) {
        struct weir_tcp_config config = {.size = sizeof config, .port = 7000};
        struct weir_addr own = family == 0 ? own4(TUN) : own6(TUN);
        weir_handle h;
        config.address = own;
        assert_int_equal(weir_tcp_open(a->stack, &config, &h), WEIR_OK);
        assert_int_equal(weir_tcp_connect(a->stack, h, &own, 7000), WEIR_E_INVALID);
        attack_pass(a, 10 * S);
        assert_int_equal(a->out_count, 0);
        /* To another port of ours: whatever happens, nothing goes round. */
        unsigned packets = 0;
        if (weir_tcp_connect(a->stack, h, &own, 80) == WEIR_OK) {
            for (unsigned i = 0; i < 300; i++) {
                attack_pass(a, 1 * S);
                reflect(a, &packets);
            }
            struct weir_tcp_info info;
            assert_int_equal(weir_tcp_info(a->stack, h, &info), WEIR_OK);
            assert_int_equal(info.state, WEIR_TCP_CLOSED);
        }
        assert_true(packets <= 8); /* of the timer of a SYN */
        assert_int_equal(a->stack->tcp.syns.in_use, 0);
        assert_int_equal(weir_tcp_close(a->stack, h), WEIR_OK);
        read_events(a);
    }
    finish(a, listener);
}

/* Whole handshakes, and then nothing is heard of them. */
static void ATK_SYN_27_silent_connections_are_capped_and_end(void **state)
{
    (void)state;
    struct attack *a = begin();
    weir_handle listener = tcp_listener(a, 80, 4);
    struct tcp_peer bystander = peer_of(a, peer4(TUN, 2), 0);
    peer_connects(&bystander, listener);
    assert_int_equal(weir_tcp_set(a->stack, listener, WEIR_TCP_KEEPALIVE, 1), WEIR_OK);
    assert_int_equal(weir_tcp_set(a->stack, listener, WEIR_TCP_KEEPALIVE_IDLE_S, 60), WEIR_OK);
    weir_handle held[16];
    unsigned accepted = 0;
    for (unsigned i = 0; i < 5000; i++) {
        struct tcp_peer silent = peer_of(a, peer4(TUN, 1000 + i), 0);
        if (peer_gives(&silent, TCP_SYN, NULL, 0) == WEIR_DROP_NONE) {
            peer_takes(&silent, 0);
            peer_gives(&silent, TCP_ACK, NULL, 0);
        }
        assert_true(a->stack->tcp.conns.in_use <= a->config.tcp_endpoints_max);
        assert_true(a->stack->tcp.syns.in_use <= a->config.tcp_syn_received_max);
        while (accepted < 16 &&
               weir_tcp_accept(a->stack, listener, 2, &held[accepted]) == WEIR_OK)
            accepted++;
        if (i % 100 == 99)
            exchange(&bystander);
    }
    /* All places but those of the listener and of the bystander; some write, which stays unsent. */
    assert_int_equal(accepted, a->config.tcp_endpoints_max - 2);
    for (unsigned i = 0; i < accepted; i++) {
        if (i % 2 == 0)
            assert_int_equal(weir_tcp_send(a->stack, held[i], "hello", 5, 0), 5);
        if (i % 3 == 0)
            assert_int_equal(weir_tcp_close(a->stack, held[i]), WEIR_OK);
    }
    attack_pass(a, 1200 * S); /* R2 of what is unacknowledged, keepalive of the rest */
    for (unsigned i = 0; i < accepted; i++)
        if (i % 3 != 0)
            assert_int_equal(weir_tcp_close(a->stack, held[i]), WEIR_OK);
    read_events(a);
    assert_int_equal(a->stack->tcp.conns.in_use, 2);
    assert_int_equal(a->stack->tcp.syns.in_use, 0);
    exchange(&bystander);
    peer_ends(&bystander);
    finish(a, listener);
}

/* ---- injection ---- */

/* A router's report that a segment which came out was too long. */
static unsigned report(struct attack *a, const uint8_t *segment, size_t len, uint16_t mtu)
{
    uint8_t packet[2048];
    return attack_ip(a, packet, put_error(packet, a, ICMP4_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED,
                                          mtu, segment, len));
}

static void ATK_BLD_13_nothing_forged_is_put_together_with_a_segment(void **state)
{
    (void)state;
    static const uint16_t mtus[] = {1000, 576, 552};
    static uint8_t data[1300], read[1400], segment[1500], forged[1600], cut[1600];
    struct attack *a = begin();
    weir_handle listener = tcp_listener(a, 80, 8);
    struct tcp_peer p = peer_of(a, peer4(TUN, 2), 0);
    peer_connects(&p, listener);
    a->answers_max = 8;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(weir_tcp_send(a->stack, p.handle, data, sizeof data, 0), sizeof data);
        attack_pass(a, 0);
        uint32_t whole = out_tcp(a, 0).header.seq.v + sizeof data;
        size_t len = out_ip(a, 0).len;
        memcpy(segment, out_ip(a, 0).data, len);
        report(a, segment, len, mtus[i]);
        for (unsigned k = 0; k < a->out_count; k++) {
            struct out_tcp s = out_tcp(a, k);
            assert_true(s.dont_fragment && !s.fragment);
            assert_true(out_ip(a, k).len <= mtus[i] && (k > 0 || s.data.len >= 500));
        }
        p.ack = whole;
        peer_gives(&p, TCP_ACK, NULL, 0);
    }
    /* Parts of the peer's next segment under any identification: it comes whole, and is the only
     * thing that counts. */
    struct build_tcp b = {.ip = {.source = p.peer, .destination = p.own},
                          .source_port = p.port,
                          .destination_port = p.own_port,
                          .seq = seq_make(p.seq),
                          .ack = seq_make(p.ack),
                          .flags = TCP_ACK,
                          .window = PEER_WINDOW,
                          .payload = {data, sizeof data}};
    memset(data, 'e', sizeof data);
    size_t len = build_tcp(forged, sizeof forged, &b);
    for (uint32_t id = 0; id < 3; id++) {
        struct cut rest = {.id = id, .from = 640, .to = (uint32_t)len - 20};
        attack_ip(a, cut, put_fragment(cut, forged, &rest));
    }
    memset(data, 'g', sizeof data);
    peer_gives(&p, TCP_ACK | TCP_PSH, data, sizeof data);
    assert_int_equal(weir_tcp_receive(a->stack, p.handle, read, sizeof read, 0), sizeof data);
    assert_memory_equal(read, data, sizeof data);
    assert_int_equal(weir_tcp_receive(a->stack, p.handle, read, sizeof read, 0),
                     WEIR_E_WOULD_BLOCK);
    peer_ends(&p);
    finish(a, listener);
}

/* A report below all that is believed has DF cleared, so routers may cut: then the identifications are
 * nobody's to guess, and each segment has one of its own (RFC 6864 4.1). */
static void ATK_BLD_13_what_may_be_cut_has_an_identification_of_its_own(void **state)
{
    (void)state;
    static uint8_t data[1200], segment[1500];
    struct attack *a = begin();
    weir_handle listener = tcp_listener(a, 80, 8);
    struct tcp_peer p = peer_of(a, peer4(TUN, 2), 0);
    peer_connects(&p, listener);
    a->answers_max = 8;
    assert_int_equal(weir_tcp_send(a->stack, p.handle, data, sizeof data, 0), sizeof data);
    attack_pass(a, 0);
    size_t len = out_ip(a, 0).len;
    memcpy(segment, out_ip(a, 0).data, len);
    report(a, segment, len, 68);
    assert_true(a->out_count >= 2);
    for (unsigned i = 0; i < a->out_count; i++) {
        struct out_tcp s = out_tcp(a, i);
        assert_true(s.data.len >= 100);
        for (unsigned k = 0; k < i && !s.dont_fragment; k++)
            assert_int_not_equal(out_tcp(a, k).id, s.id);
    }
    peer_ends(&p);
    finish(a, listener);
}

/* All that somebody learns who has a connection of his own, and asks about others: answers to what his
 * connection does not accept, resets of a closed port and their identifications, a handshake. */
struct observation {
    unsigned challenges, resets, ids, handshakes;
};

static struct observation observe(struct tcp_peer *p, unsigned round)
{
    struct attack *a = p->a;
    struct observation seen = {0};
    const struct weir_ref none = {NULL, 0};
    for (unsigned i = 0; i < 10; i++) {
        peer_segment(p, TCP_SYN, p->seq + i, 0, none);
        seen.challenges += a->out_count;
    }
    struct tcp_peer closed = peer_of(a, p->peer, 900);
    closed.own_port = 9;
    for (unsigned i = 0; i < 5; i++) {
        peer_segment(&closed, TCP_ACK, i, i, none);
        seen.resets += a->out_count;
        if (a->out_count == 1)
            seen.ids += out_tcp(a, 0).id;
    }
    struct tcp_peer next = peer_of(a, p->peer, 1000 + round);
    peer_segment(&next, TCP_SYN, 5, 0, none);
    if (a->out_count == 1 && out_tcp(a, 0).header.flags == (TCP_SYN | TCP_ACK)) {
        seen.handshakes++;
        peer_segment(&next, TCP_RST, 6, 0, none);
    }
    return seen;
}

/* A few segments in the name of a victim that has a connection, or has none: what is seen elsewhere
 * is the same. */
static void probe(struct attack *a, bool exist, struct observation seen[8])
{
    const struct weir_ref none = {NULL, 0};
    weir_handle listener = tcp_listener(a, 80, 8);
    struct tcp_peer victim = peer_of(a, peer4(TUN, 2), 0);
    struct tcp_peer attacker = peer_of(a, peer4(TUN, 300), 0);
    peer_connects(&victim, listener);
    peer_connects(&attacker, listener);
    if (!exist)
        peer_ends(&victim);
    for (unsigned i = 0; i < 8; i++) {
        peer_segment(&victim, TCP_ACK, victim.seq, victim.ack + 100000 * i, none);
        peer_segment(&victim, TCP_SYN, 77 + i, 0, none);
        peer_segment(&victim, TCP_SYN | TCP_ACK, 78, 1, none);
        peer_segment(&victim, TCP_RST, victim.seq + 5, 0, none);
        seen[i] = observe(&attacker, i);
        attack_pass(a, 3 * S);
    }
    if (exist)
        peer_ends(&victim);
    peer_ends(&attacker);
    finish(a, listener);
}

static void ATK_BLD_18_nothing_shared_tells_whether_a_connection_exists(void **state)
{
    (void)state;
    struct observation with[8], without[8];
    probe(begin(), true, with);
    probe(begin(), false, without);
    assert_memory_equal(with, without, sizeof with);
    for (unsigned i = 0; i < 8; i++)
        assert_true(with[i].challenges > 0 && with[i].resets == 5 && with[i].handshakes == 1);
}

/* ---- urgent data ---- */

enum { PIECES = 5, PIECE = 3, STREAM = PIECES * PIECE };

/* Where the reader stands, and what it was told. */
struct reader {
    struct tcp_peer peer;
    bool in_line, marked;
    unsigned at, up;                /* offsets: of the next byte; behind the urgent data */
    bool announced[STREAM + 8];     /* the last urgent octet, at some time */
    uint8_t seen[STREAM];           /* how often each was read in the stream */
};

static uint8_t stream_octet(unsigned at)
{
    return (uint8_t)('A' + at);
}

/* Piece i of the stream arrives, with a pointer that may reach beyond it. */
static void urgent_arrives(struct reader *r, unsigned i, unsigned pointer)
{
    uint8_t data[PIECE];
    for (unsigned k = 0; k < PIECE; k++)
        data[k] = stream_octet(i * PIECE + k);
    r->peer.urgent = (uint16_t)pointer;
    assert_int_equal(peer_gives(&r->peer, TCP_ACK | TCP_URG, data, PIECE), WEIR_DROP_NONE);
    unsigned up = i * PIECE + pointer;
    if (pointer > 0 && up > r->at && (!r->marked || up > r->up)) {
        r->up = up;
        r->marked = true;
        if (up - 1 < STREAM)
            r->announced[up - 1] = true;
    }
}

/* A call to read: it makes progress or says that there is nothing; peeking tells the same before. */
static void reads(struct reader *r, unsigned arrived, size_t size)
{
    weir_stack *stack = r->peer.a->stack;
    uint8_t peeked[STREAM], data[STREAM];
    int n = weir_tcp_receive(stack, r->peer.handle, peeked, size, WEIR_TCP_PEEK);
    assert_int_equal(weir_tcp_receive(stack, r->peer.handle, data, size, 0), n);
    if (n == WEIR_E_WOULD_BLOCK) {
        if (r->in_line)
            assert_int_equal(r->at, arrived);
        else
            assert_true(arrived - r->at <= 1); /* what is kept apart */
        return;
    }
    assert_in_range(n, 1, size);
    assert_memory_equal(peeked, data, (size_t)n);
    for (int i = 0; i < n; i++) {
        unsigned at = data[i] - 'A';
        assert_in_range(at, r->at, arrived - 1);
        assert_true(r->in_line ? at == r->at : at - r->at <= 1);
        assert_int_equal(r->seen[at]++, 0);
        r->at = at + 1;
    }
    if (r->at > r->up)
        r->marked = false;
}

static void urgent_octet_is_read(struct reader *r)
{
    uint8_t octet;
    int n = weir_tcp_receive(r->peer.a->stack, r->peer.handle, &octet, 1, WEIR_TCP_URGENT);
    if (n == WEIR_E_INVALID)
        return;
    assert_int_equal(n, 1);
    assert_false(r->in_line);
    assert_true(octet - 'A' < STREAM && r->announced[octet - 'A']);
}

static void reader_agrees(const struct reader *r)
{
    if (!r->in_line)
        return;
    weir_stack *stack = r->peer.a->stack;
    assert_int_equal(weir_tcp_at_mark(stack, r->peer.handle), r->marked && r->at == r->up);
    bool urgent = (weir_tcp_ready(stack, r->peer.handle) & WEIR_EVENT_URGENT) != 0;
    assert_int_equal(urgent, r->marked && r->at < r->up);
}

/* One interleaving: bit i of `order` says whether step i is a segment or a call. */
static void interleave(struct attack *a, weir_handle listener, unsigned order, bool in_line)
{
    static const unsigned pointers[][PIECES] = {
        {1, 2, 3, 1, 3}, {3, 6, 9, 2, 1}, {15, 1, 1, 0, 4}, {0, 5, 0, 5, 3}};
    struct reader r = {.peer = peer_of(a, peer4(TUN, 2), order), .in_line = in_line};
    peer_connects(&r.peer, listener);
    assert_int_equal(weir_tcp_set(a->stack, r.peer.handle, WEIR_TCP_URGENT_INLINE, in_line),
                     WEIR_OK);
    unsigned arrived = 0;
    for (unsigned i = 0; i < 2 * PIECES; i++) {
        if ((order >> i & 1) != 0) {
            urgent_arrives(&r, arrived, pointers[order % 4][arrived]);
            arrived++;
        } else {
            reads(&r, arrived * PIECE, 1 + (order + i) % 4);
            urgent_octet_is_read(&r);
        }
        reader_agrees(&r);
    }
    while (r.at < STREAM && !(r.at == STREAM - 1 && r.announced[STREAM - 1] && !in_line))
        reads(&r, STREAM, 4);
    for (unsigned i = 0; i < STREAM; i++)
        assert_true(r.seen[i] == 1 || (!in_line && r.announced[i]));
    reader_agrees(&r);
    r.peer.urgent = 0;
    peer_ends(&r.peer);
}

static void ATK_URG_04_segments_and_reads_in_every_order(void **state)
{
    (void)state;
    struct attack *a = begin();
    weir_handle listener = tcp_listener(a, 80, 8);
    unsigned orders = 0;
    for (unsigned order = 0; order < 1U << 2 * PIECES; order++) {
        if (__builtin_popcount(order) != PIECES)
            continue;
        orders++;
        interleave(a, listener, order, true);
        interleave(a, listener, order, false);
        attack_pass(a, 1 * S); /* budgets */
    }
    assert_int_equal(orders, 252);
    finish(a, listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flood_of_SYNs_is_capped_and_bystanders_go_on),
        cmocka_unit_test(ATK_SYN_13_SYNs_into_a_simultaneous_open_put_nothing_off),
        cmocka_unit_test(ATK_SYN_18_nobody_connects_to_himself),
        cmocka_unit_test(ATK_SYN_27_silent_connections_are_capped_and_end),
        cmocka_unit_test(ATK_BLD_13_nothing_forged_is_put_together_with_a_segment),
        cmocka_unit_test(ATK_BLD_13_what_may_be_cut_has_an_identification_of_its_own),
        cmocka_unit_test(ATK_BLD_18_nothing_shared_tells_whether_a_connection_exists),
        cmocka_unit_test(ATK_URG_04_segments_and_reads_in_every_order),
    };
    return cmocka_run_group_tests_name("attack_tcp", tests, NULL, NULL);
}
