/* SPDX-License-Identifier: MIT
 * What somebody may learn from what the stack sends: numbers, budgets, memory. */
#include "tcp_peer.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/entropy.h"
#include "wire/ip6.h"

static const struct weir_ref nothing = {NULL, 0};
static const struct weir_ref something = {(const uint8_t *)"x", 1};

static struct attack *begin_keyed(uint8_t secret, uint64_t seed)
{
    struct weir_config config = tcp_attack_config();
    memset(config.secret, secret, sizeof config.secret);
    config.seed = seed;
    struct attack *a = attack_begin(&config, 0xa5);
    a->ifindex = TUN;
    return a;
}

static struct attack *begin(void)
{
    return begin_keyed(7, 1);
}

static void finish(struct attack *a, weir_handle listener)
{
    assert_int_equal(weir_tcp_close(a->stack, listener), WEIR_OK);
    read_events(a);
    attack_end(a);
}

static weir_handle open_udp(struct attack *a)
{
    struct weir_udp_config config = {.size = sizeof config, .port = 5000};
    weir_handle handle;
    assert_int_equal(weir_udp_open(a->stack, &config, &handle), WEIR_OK);
    return handle;
}

static void send_udp(struct attack *a, weir_handle handle, struct weir_addr to, size_t len)
{
    static const uint8_t data[4000];
    struct weir_datagram d = {.remote = to, .remote_port = 6000};
    assert_int_equal(weir_udp_send(a->stack, handle, &d, data, len), WEIR_OK);
    attack_pass(a, 0);
}

/* The identification of the packet in out[i]. */
static uint32_t out_id(const struct attack *a, unsigned i)
{
    struct weir_ref p = out_ip(a, i);
    if (p.data[0] >> 4 == 4)
        return load16(p.data + 4);
    struct ip6 ip;
    assert_int_equal(ip6_parse(&ip, p.data, p.len, p.len), WEIR_DROP_NONE);
    assert_true(p.data[6] == IP6_NEXT_FRAGMENT);
    return ip.fragment_id;
}

static unsigned count_distinct(const uint32_t *v, unsigned n)
{
    unsigned distinct = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned k = 0;
        while (k < i && v[k] != v[i])
            k++;
        distinct += k == i;
    }
    return distinct;
}

/* Each of the low bits is set in half of them: five standard deviations, where n draws have half the
 * root of n. */
static void assert_balanced(const uint32_t *v, unsigned n, unsigned bits)
{
    for (unsigned bit = 0; bit < bits; bit++) {
        int set = 0;
        for (unsigned i = 0; i < n; i++)
            set += (int)(v[i] >> bit & 1);
        int off = 2 * set - (int)n;
        assert_true(off * off <= 25 * (int)n);
    }
}

/* How many pairs are near each other, numbers being of so many bits? */
static unsigned count_near(const uint32_t *v, unsigned n, unsigned bits)
{
    unsigned near = 0;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < i; k++)
            near += (v[i] - v[k] + 32) << (32 - bits) < UINT32_C(64) << (32 - bits);
    return near;
}

/* ---- secrets ---- */

/* Numbers of every kind that must not be guessed, as they appear on the wire. */
enum { ISN, STAMP, LABEL, ID, FRAGMENT_ID, PORT, NUMBERS = PORT + 4 };

static void draw_numbers(struct attack *a, uint32_t v[NUMBERS])
{
    uint8_t packet[128];
    weir_handle listener = tcp_listener(a, 80, 8), udp = open_udp(a);
    struct tcp_peer p4 = peer_of(a, peer4(TUN, 2), 0), p6 = peer_of(a, peer6(TUN, 2), 0);
    p4.stamps = true;
    peer_connects(&p4, listener);
    v[ISN] = p4.ack - 1;
    v[STAMP] = p4.ts_recent;
    assert_int_equal(peer_gives(&p6, TCP_SYN, NULL, 0), WEIR_DROP_NONE);
    v[LABEL] = peer_takes(&p6, 0).flow_label;
    peer_gives(&p6, TCP_RST, NULL, 0);
    assert_answered(a, packet, put_echo(packet, peer4(TUN, 2), own4(TUN), 40));
    v[ID] = out_id(a, 0);
    send_udp(a, udp, peer6(TUN, 2), 3000);
    v[FRAGMENT_ID] = out_id(a, 0);
    for (unsigned i = 0; i < NUMBERS - PORT; i++) {
        struct weir_tcp_config config = {.size = sizeof config};
        weir_handle h;
        assert_int_equal(weir_tcp_open(a->stack, &config, &h), WEIR_OK);
        assert_int_equal(weir_tcp_connect(a->stack, h, &p4.peer, 9), WEIR_OK);
        attack_pass(a, 0);
        v[PORT + i] = out_tcp(a, 0).header.source_port;
        assert_int_equal(weir_tcp_abort(a->stack, h), WEIR_OK);
    }
    peer_ends(&p4);
    assert_int_equal(weir_udp_close(a->stack, udp), WEIR_OK);
    finish(a, listener);
}

/* A copy that starts with the same secret and seed is the same history (G-9). So whoever starts one
 * draws them; either is enough. */
static void ATK_INF_02_another_secret_or_seed_has_nothing_in_common(void **state)
{
    (void)state;
    uint32_t first[NUMBERS], copy[NUMBERS], secret[NUMBERS], seed[NUMBERS];
    draw_numbers(begin_keyed(7, 1), first);
    draw_numbers(begin_keyed(7, 1), copy);
    draw_numbers(begin_keyed(8, 1), secret);
    draw_numbers(begin_keyed(7, 2), seed);
    assert_memory_equal(first, copy, sizeof first);
    for (unsigned i = 0; i < NUMBERS; i++) {
        assert_int_not_equal(first[i], secret[i]);
        assert_int_not_equal(first[i], seed[i]);
        assert_int_not_equal(secret[i], seed[i]);
    }
    assert_int_not_equal(first[ISN] - secret[ISN], first[STAMP] - secret[STAMP]);
}

/* ---- the source of secrets; what it does is the test's to say ---- */

enum source { SOURCE_SYSTEM, SOURCE_FAILS, SOURCE_ENDS, SOURCE_SHORT, SOURCE_INTERRUPTED };

static enum source source;
static unsigned source_calls;

ssize_t getrandom(void *p, size_t len, unsigned flags)
{
    (void)flags;
    source_calls++;
    switch (source) {
    case SOURCE_FAILS:
        errno = EIO;
        return -1;
    case SOURCE_ENDS: /* after some bytes */
        if (source_calls > 2)
            return 0;
        break;
    case SOURCE_INTERRUPTED:
        if (source_calls % 2 != 0) {
            errno = EINTR;
            return -1;
        }
        break;
    case SOURCE_SYSTEM:
        return getentropy(p, len) == 0 ? (ssize_t)len : -1;
    case SOURCE_SHORT:
        break;
    }
    memset(p, (int)(0x40 + source_calls), 1);
    (void)len;
    return 1;
}

static int draw_from(enum source from, uint8_t *bytes, size_t len)
{
    source = from;
    source_calls = 0;
    memset(bytes, 0, len);
    int error = entropy_bytes(bytes, len);
    source = SOURCE_SYSTEM;
    return error;
}

static void ATK_INF_09_without_entropy_there_is_none(void **state)
{
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(draw_from(SOURCE_FAILS, bytes, sizeof bytes), WEIR_E_IO);
    assert_int_equal(source_calls, 1);
    assert_int_equal(draw_from(SOURCE_ENDS, bytes, sizeof bytes), WEIR_E_IO);
    assert_int_equal(draw_from(SOURCE_SHORT, bytes, sizeof bytes), WEIR_OK);
    for (unsigned i = 0; i < sizeof bytes; i++) /* every byte is the source's */
        assert_int_equal(bytes[i], 0x41 + i);
    assert_int_equal(draw_from(SOURCE_INTERRUPTED, bytes, sizeof bytes), WEIR_OK);
    for (unsigned i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], 0x42 + 2 * i);
}

/* Two that come of one fork draw secrets of their own. */
static void ATK_INF_02_after_a_fork_secrets_are_drawn_anew(void **state)
{
    (void)state;
    uint8_t own[32], child[32];
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        bool good = entropy_bytes(child, sizeof child) == WEIR_OK &&
                    write(fd[1], child, sizeof child) == (ssize_t)sizeof child;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(entropy_bytes(own, sizeof own), WEIR_OK);
    assert_int_equal(read(fd[0], child, sizeof child), sizeof child);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(fd[0]);
    close(fd[1]);
    for (unsigned i = 0; i < sizeof own; i += 8)
        assert_memory_not_equal(own + i, child + i, 8);
}

/* ---- identifications ---- */

/* Segments of every kind that a peer can make the stack send. */
static void ATK_INF_04_a_segment_has_no_identification(void **state)
{
    (void)state;
    struct attack *a = begin();
    weir_handle listener = tcp_listener(a, 80, 8);
    struct tcp_peer p = peer_of(a, peer4(TUN, 2), 0), closed = peer_of(a, peer4(TUN, 2), 1);
    for (unsigned i = 0; i < 20; i++) {
        peer_connects(&p, listener);
        peer_is_sent(&p, "data", 4);
        peer_segment(&p, TCP_SYN, p.seq, 0, nothing); /* challenged */
        struct out_tcp s = out_tcp(a, 0);
        assert_true(s.dont_fragment && s.id == 0);
        assert_int_equal(weir_tcp_shutdown(a->stack, p.handle, WEIR_TCP_SHUT_SEND), WEIR_OK);
        attack_pass(a, 0);
        s = peer_takes(&p, 0);
        assert_true((s.header.flags & TCP_FIN) != 0 && s.dont_fragment && s.id == 0);
        peer_gives(&p, TCP_ACK | TCP_FIN, NULL, 0); /* acknowledged by TIME-WAIT */
        s = out_tcp(a, 0);
        assert_int_equal(s.header.flags, TCP_ACK);
        assert_true(s.dont_fragment && s.id == 0);
        closed.own_port = 9;
        peer_segment(&closed, TCP_ACK, 1, 1, nothing);
        s = out_tcp(a, 0);
        assert_int_equal(s.header.flags, TCP_RST);
        assert_true(s.dont_fragment && s.id == 0);
        assert_int_equal(weir_tcp_close(a->stack, p.handle), WEIR_OK);
        read_events(a);
        attack_pass(a, 1 * S);
        p.port++;
    }
    finish(a, listener);
}

static void ATK_INF_04_other_identifications_are_of_their_destination(void **state)
{
    (void)state;
    enum { HOSTS = 500, EACH = 4 };
    static uint32_t first[HOSTS], steps[HOSTS];
    struct attack *a = begin();
    uint8_t packet[128];
    for (unsigned host = 0; host < HOSTS; host++) {
        uint32_t id[EACH];
        for (unsigned i = 0; i < EACH; i++) {
            assert_answered(a, packet, put_echo(packet, peer4(TUN, 2 + host), own4(TUN), 40));
            id[i] = out_id(a, 0);
        }
        assert_int_equal(count_distinct(id, EACH), EACH); /* RFC 6864 4.1 */
        first[host] = id[0];
        steps[host] = (id[0] - (host > 0 ? first[host - 1] : 0)) & 0xffffU;
    }
    assert_true(count_distinct(first, HOSTS) >= HOSTS - 10); /* of 65536 */
    assert_true(count_distinct(steps, HOSTS) >= HOSTS - 10);
    assert_in_range(count_near(first, HOSTS, 16), 66, 178); /* 122 by chance, and five deviations */
    assert_balanced(first, HOSTS, 16);
    assert_balanced(steps + 1, HOSTS - 1, 16);
    attack_end(a);
}

static void ATK_INF_05_identifications_of_fragments_are_of_their_destination(void **state)
{
    (void)state;
    enum { HOSTS = 500, EACH = 4 };
    static uint32_t first[HOSTS], steps[HOSTS];
    struct attack *a = begin();
    weir_handle udp = open_udp(a);
    for (unsigned host = 0; host < HOSTS; host++) {
        uint32_t id[EACH];
        for (unsigned i = 0; i < EACH; i++) {
            send_udp(a, udp, peer6(TUN, 2 + host), 3000);
            assert_int_equal(a->out_count, 3);
            id[i] = out_id(a, 0);
            assert_true(out_id(a, 1) == id[i] && out_id(a, 2) == id[i]);
        }
        assert_int_equal(count_distinct(id, EACH), EACH); /* RFC 8200 4.5 */
        first[host] = id[0];
        steps[host] = id[0] - (host > 0 ? first[host - 1] : 0);
    }
    assert_int_equal(count_distinct(first, HOSTS), HOSTS);
    assert_int_equal(count_distinct(steps, HOSTS), HOSTS);
    assert_int_equal(count_near(first, HOSTS, 32), 0);
    assert_balanced(first, HOSTS, 32);
    assert_balanced(steps + 1, HOSTS - 1, 32);
    assert_int_equal(weir_udp_close(a->stack, udp), WEIR_OK);
    read_events(a);
    attack_end(a);
}

/* ---- flow labels ---- */

enum { FLOWS = 500 };

/* The labels of connections with consecutive ports, each seen on all its segments. */
static void collect_labels(struct attack *a, uint32_t label[FLOWS])
{
    weir_handle listener = tcp_listener(a, 80, 8);
    for (unsigned i = 0; i < FLOWS; i++) {
        struct tcp_peer p = peer_of(a, peer6(TUN, 2), i);
        assert_int_equal(peer_gives(&p, TCP_SYN, NULL, 0), WEIR_DROP_NONE);
        label[i] = peer_takes(&p, 0).flow_label;
        assert_int_equal(peer_gives(&p, TCP_ACK, NULL, 0), WEIR_DROP_NONE);
        assert_int_equal(weir_tcp_accept(a->stack, listener, 1, &p.handle), WEIR_OK);
        assert_int_equal(weir_tcp_send(a->stack, p.handle, "data", 4, 0), 4);
        attack_pass(a, 0);
        assert_int_equal(peer_takes(&p, 0).flow_label, label[i]);
        attack_pass(a, 2 * S); /* and again */
        assert_int_equal(out_tcp(a, 0).flow_label, label[i]);
        peer_ends(&p);
    }
    finish(a, listener);
}

static void ATK_INF_10_a_flow_label_tells_nothing_of_another(void **state)
{
    (void)state;
    static uint32_t label[FLOWS], other[FLOWS], steps[FLOWS - 1];
    collect_labels(begin_keyed(7, 1), label);
    collect_labels(begin_keyed(8, 1), other);
    unsigned same = 0;
    for (unsigned i = 0; i < FLOWS; i++)
        same += label[i] == other[i];
    for (unsigned i = 0; i + 1 < FLOWS; i++)
        steps[i] = (label[i + 1] - label[i]) & 0xfffffU;
    assert_true(same <= 1);
    assert_true(count_distinct(label, FLOWS) >= FLOWS - 3); /* of 2^20: 0.1 pairs expected */
    assert_true(count_distinct(steps, FLOWS - 1) >= FLOWS - 4);
    assert_balanced(label, FLOWS, 20);
    assert_balanced(steps, FLOWS - 1, 20);
}

/* ---- keys ---- */

/* The keys of a stack: all that its numbers and tables depend on. */
enum { KEYS = 8 };

static void keys_of(const struct weir_config *config, struct sip_key key[KEYS])
{
    size_t size = (weir_stack_size(config) + 63) & ~(size_t)63;
    void *mem = aligned_alloc(64, size);
    assert_non_null(mem);
    const struct weir_stack *stack = weir_stack_init(mem, size, config, 0);
    assert_non_null(stack);
    key[0] = stack->tcp.table_key;
    key[1] = stack->tcp.isn_key;
    key[2] = stack->tcp.port_key;
    key[3] = stack->tcp.stamp_key;
    key[4] = stack->net.ids.offset_key;
    key[5] = stack->net.ids.counter_key;
    key[6] = stack->net.errors.key;
    key[7] = stack->udp.key;
    free(mem);
}

static bool halves_differ(const struct sip_key *a, const struct sip_key *b)
{
    return a->k0 != b->k0 && a->k1 != b->k1;
}

/* SipHash under 128 bits, another key for each use, of every bit of the secret: a key that is found
 * out by one of its uses opens nothing else. What SipHash itself is worth, test_base_siphash and
 * ATK-SYN-21 see. */
static void ATK_INF_13_every_use_has_a_key_of_its_own_of_the_whole_secret(void **state)
{
    (void)state;
    struct weir_config config = tcp_attack_config();
    struct sip_key first[KEYS], key[KEYS];
    keys_of(&config, first);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_true(first[i].k0 != first[i].k1);
        for (unsigned k = 0; k < i; k++)
            assert_true(halves_differ(&first[i], &first[k]));
    }
    for (unsigned bit = 0; bit < 8 * sizeof config.secret + 64; bit++) {
        struct weir_config changed = config;
        if (bit < 8 * sizeof config.secret)
            changed.secret[bit / 8] ^= (uint8_t)(1U << bit % 8);
        else
            changed.seed ^= UINT64_C(1) << (bit - 8 * sizeof config.secret);
        keys_of(&changed, key);
        for (unsigned i = 0; i < KEYS; i++)
            assert_true(halves_differ(&first[i], &key[i]));
    }
}

/* ---- budgets ---- */

enum { ROUNDS = 60, LOOKS = 3 };

/* How often an attacker is answered on a connection of its own, by resets and by ICMP errors, while in
 * the name of a victim, that has a connection or has none any more, segments are sent that ask for
 * answers. */
static void watch_budgets(bool exists, uint8_t seen[ROUNDS][LOOKS])
{
    struct attack *a = begin();
    uint8_t packet[128];
    weir_handle listener = tcp_listener(a, 80, 8);
    struct tcp_peer victim = peer_of(a, peer4(TUN, 2), 0);
    struct tcp_peer attacker = peer_of(a, peer4(TUN, 300), 0), closed = attacker;
    peer_connects(&victim, listener);
    peer_connects(&attacker, listener);
    closed.own_port = 9;
    if (!exists)
        peer_ends(&victim);
    memset(seen, 0, (size_t)ROUNDS * LOOKS);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < 50; i++) {
            peer_segment(&victim, TCP_RST, victim.seq + 1 + i, 0, nothing);
            peer_segment(&victim, TCP_ACK, victim.seq, victim.ack + 100000 + i, nothing);
            peer_segment(&victim, TCP_ACK | TCP_SYN, i, i, nothing);
            peer_segment(&victim, TCP_ACK | TCP_PSH, victim.seq - 9000, i, something);
        }
        for (unsigned i = 0; i < 10; i++) {
            peer_segment(&attacker, TCP_SYN, i, 0, nothing);
            seen[round][0] += (uint8_t)a->out_count;
            peer_segment(&closed, TCP_ACK, i, i, nothing);
            seen[round][1] += (uint8_t)a->out_count;
            attack_ip(a, packet, put_udp(packet, attacker.peer, attacker.own, 8));
            seen[round][2] += (uint8_t)a->out_count;
        }
        attack_pass(a, 250 * MS);
    }
    if (exists)
        peer_ends(&victim);
    peer_ends(&attacker);
    finish(a, listener);
}

static void ATK_INF_11_no_budget_tells_whether_a_connection_exists(void **state)
{
    (void)state;
    static uint8_t with[ROUNDS][LOOKS], without[ROUNDS][LOOKS];
    unsigned sum[LOOKS] = {0};
    watch_budgets(true, with);
    watch_budgets(false, without);
    assert_memory_equal(with, without, sizeof with);
    for (unsigned i = 0; i < ROUNDS * LOOKS; i++)
        sum[i % LOOKS] += with[i / LOOKS][i % LOOKS];
    for (unsigned i = 0; i < LOOKS; i++) /* each budget was spent, and only then says something */
        assert_in_range(sum[i], 1, ROUNDS * 10 - 1);
}

/* ---- memory ---- */

enum { RECORD_MAX = 1 << 20, STALE = 0xa5, STALE_RUN = 4 };

/* All that left, each packet behind its interface and length. */
struct record {
    uint8_t *bytes;
    size_t len;
    unsigned packets, stale; /* packets with a run of what the memory was filled with */
};

static void record_packet(void *ctx, const struct weir_tap_packet *packet)
{
    struct record *r = ctx;
    const struct weir_tx *tx = packet->tx;
    if (tx == NULL)
        return;
    assert_true(r->len + tx->len + 5 <= RECORD_MAX);
    r->bytes[r->len] = (uint8_t)packet->ifindex;
    store32(r->bytes + r->len + 1, tx->len);
    size_t at = r->len + 5, begin = at;
    memcpy(r->bytes + at, tx->headers + tx->header_start, tx->header_len);
    at += tx->header_len;
    for (unsigned i = 0; i < tx->frag_count; i++) {
        memcpy(r->bytes + at, tx->frag[i].data, tx->frag[i].len);
        at += tx->frag[i].len;
    }
    assert_int_equal(at - begin, tx->len);
    unsigned run = 0, longest = 0;
    for (size_t i = begin; i < at; i++) {
        run = r->bytes[i] == STALE ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    r->stale += longest >= STALE_RUN;
    r->packets++;
    r->len = at;
}

/* The life of a connection: options, holes, challenges, urgent data, a window of zero, retransmission,
 * keepalive with an octet, closing, TIME-WAIT. */
static void live(struct attack *a, weir_handle listener, struct weir_addr peer)
{
    static const uint8_t data[1300];
    struct tcp_peer p = peer_of(a, peer, 0);
    a->answers_max = 16;
    p.stamps = true;
    assert_int_equal(peer_gives(&p, TCP_SYN, data, 5), WEIR_DROP_NONE);
    peer_takes(&p, 0);
    peer_segment(&p, TCP_SYN, 1, 0, nothing);
    assert_int_equal(peer_gives(&p, TCP_ACK, NULL, 0), WEIR_DROP_NONE);
    assert_int_equal(weir_tcp_accept(a->stack, listener, 1, &p.handle), WEIR_OK);
    peer_segment(&p, TCP_ACK, p.seq + 100, p.ack, (struct weir_ref){data, 100}); /* a hole */
    peer_segment(&p, TCP_SYN, 1, 0, nothing);
    peer_gives(&p, TCP_ACK | TCP_PSH, data, 100);
    p.seq += 100;
    assert_int_equal(weir_tcp_send(a->stack, p.handle, data, 1300, 0), 1300);
    assert_int_equal(weir_tcp_send(a->stack, p.handle, data, 7, WEIR_TCP_URGENT), 7);
    attack_pass(a, 5 * S); /* and again */
    p.ack += 1307;
    p.window = 0;
    peer_gives(&p, TCP_ACK, NULL, 0);
    assert_int_equal(weir_tcp_send(a->stack, p.handle, data, 50, 0), 50);
    attack_pass(a, 5 * S); /* probes */
    p.window = PEER_WINDOW;
    peer_gives(&p, TCP_ACK, NULL, 0);
    attack_pass(a, 1 * S);
    p.ack += 50;
    peer_gives(&p, TCP_ACK, NULL, 0);
    assert_int_equal(weir_tcp_set(a->stack, p.handle, WEIR_TCP_KEEPALIVE_IDLE_S, 1), WEIR_OK);
    assert_int_equal(weir_tcp_set(a->stack, p.handle, WEIR_TCP_KEEPALIVE_OCTET, 1), WEIR_OK);
    assert_int_equal(weir_tcp_set(a->stack, p.handle, WEIR_TCP_KEEPALIVE, 1), WEIR_OK);
    attack_pass(a, 3 * S);
    uint8_t read[1500];
    while (weir_tcp_receive(a->stack, p.handle, read, sizeof read, 0) > 0)
        ;
    assert_int_equal(weir_tcp_close(a->stack, p.handle), WEIR_OK);
    attack_pass(a, 0);
    p.ack++;
    peer_gives(&p, TCP_ACK | TCP_FIN, NULL, 0);
    assert_int_equal(a->stack->tcp.waits.in_use, 1);
    p.own_port = 9;
    peer_segment(&p, TCP_ACK, 1, 1, nothing);
    attack_pass(a, 100 * S);
    read_events(a);
}

/* Everything else: echo, errors, datagrams whole and cut, and questions for a neighbour. */
static void talk(struct attack *a, weir_handle udp, struct weir_addr own, struct weir_addr peer,
                 struct weir_addr unknown)
{
    uint8_t packet[2048];
    attack_ip(a, packet, put_echo(packet, peer, own, 0));
    attack_ip(a, packet, put_udp(packet, peer, own, 1000));
    attack_pass(a, 1 * S);
    send_udp(a, udp, peer, 1);
    send_udp(a, udp, peer, 3001);
    send_udp(a, udp, unknown, 10);
    attack_pass(a, 10 * S);
}

static struct record life_in_memory_of(uint8_t fill)
{
    struct record r = {.bytes = malloc(RECORD_MAX)};
    assert_non_null(r.bytes);
    struct weir_config config = tcp_attack_config();
    config.tap = (struct weir_tap){record_packet, &r};
    assert_true(weir_stack_size(&config) < 2 << 21); /* attack_begin() fills both of its ends */
    struct attack *a = attack_begin(&config, fill);
    weir_handle listener = tcp_listener(a, 80, 8), udp = open_udp(a);
    for (a->ifindex = 0; a->ifindex < INTERFACES; a->ifindex++) {
        live(a, listener, peer4(a->ifindex, 2));
        live(a, listener, peer6(a->ifindex, 2));
        talk(a, udp, own4(a->ifindex), peer4(a->ifindex, 2), peer4(a->ifindex, 77));
        talk(a, udp, own6(a->ifindex), peer6(a->ifindex, 2), peer6(a->ifindex, 77));
    }
    a->ifindex = TUN;
    assert_int_equal(weir_udp_close(a->stack, udp), WEIR_OK);
    finish(a, listener);
    return r;
}

/* The same history in memory of other contents: a byte that was not set differs. */
static void ATK_INF_07_nothing_of_the_memory_before_leaves(void **state)
{
    (void)state;
    struct record stale = life_in_memory_of(STALE), zero = life_in_memory_of(0);
    assert_true(stale.packets > 100);
    assert_int_equal(stale.stale, 0);
    assert_int_equal(zero.len, stale.len);
    assert_memory_equal(zero.bytes, stale.bytes, stale.len);
    free(stale.bytes);
    free(zero.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_INF_02_another_secret_or_seed_has_nothing_in_common),
        cmocka_unit_test(ATK_INF_02_after_a_fork_secrets_are_drawn_anew),
        cmocka_unit_test(ATK_INF_04_a_segment_has_no_identification),
        cmocka_unit_test(ATK_INF_04_other_identifications_are_of_their_destination),
        cmocka_unit_test(ATK_INF_05_identifications_of_fragments_are_of_their_destination),
        cmocka_unit_test(ATK_INF_07_nothing_of_the_memory_before_leaves),
        cmocka_unit_test(ATK_INF_09_without_entropy_there_is_none),
        cmocka_unit_test(ATK_INF_10_a_flow_label_tells_nothing_of_another),
        cmocka_unit_test(ATK_INF_11_no_budget_tells_whether_a_connection_exists),
        cmocka_unit_test(ATK_INF_13_every_use_has_a_key_of_its_own_of_the_whole_secret),
    };
    return cmocka_run_group_tests_name("attack_tcp_leaks", tests, NULL, NULL);
}
