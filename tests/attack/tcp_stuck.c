/* SPDX-License-Identifier: MIT
 * 10,000 connections stuck at a closed window on an echo service (ATK-RES-04, ATK-RES-16,
 * CVE-2008-4609): under memory pressure the longest stuck go, and honest clients are served all the
 * while. */
#include "harness.h"

#include "../breach.h"
#include "weir/tcp.h"

enum {
    STUCK = 10000,
    HONEST = 100,
    ALL = STUCK + HONEST,
    ENDPOINTS = ALL + 1,
    MEMORY_KB = 65536,
    BUFFER = 16384,      /* of each connection, for sending and for receiving */
    REQUEST = 24000,     /* octets that one who will be stuck sends: more than it takes back */
    WINDOW = 2000,       /* of its, before it is closed */
    SEGMENT = 1000,
    PORT = 4000,         /* of the first peer */
    EVERY_MS = 2,        /* a new one comes */
    KEPT_MAX = 4096,
    QUEUE_MAX = 4096
};

/* A peer: what it sends next, what it expects, how much it has sent of what it has to. */
struct peer {
    uint32_t seq, ack;
    uint32_t asked, answered;
    weir_time sent_at;   /* the last time that it sent something new, or again */
    weir_time closed_at; /* its window, for the first time; 0: it is not */
    bool connected, reset, slow, ended;
};

/* The service's side. */
struct served {
    weir_handle handle;
    uint8_t kept[KEPT_MAX];
    unsigned kept_len;
    bool open, waits; /* for memory */
    int reason;        /* of its end */
    unsigned peer;     /* who it is */
    weir_time ended;
};

/* What came out for a peer. */
struct heard {
    unsigned peer;
    uint16_t flags;
    uint32_t seq, ack;
    uint32_t len;
};

struct world {
    weir_stack *stack;
    void *mem;
    weir_time now;
    weir_handle listener;
    struct peer peer[ALL];
    struct served served[ALL];
    unsigned accepted, trying;
    struct heard queue[QUEUE_MAX];
    unsigned first, last;
    unsigned honest_served;
    weir_time honest_longest;
};

static struct weir_addr own(void)
{
    return addr_from_ip4((struct ip4_addr){{10, 1, 0, 1}});
}

static struct weir_addr other(void)
{
    return addr_from_ip4((struct ip4_addr){{10, 1, 0, 2}});
}

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    (void)ctx;
    breach_told(expression, file, (int)line);
}

static struct world *world_open(void)
{
    struct world *w = calloc(1, sizeof *w);
    struct weir_config config;
    assert_non_null(w);
    weir_config_default(&config);
    config.on_assert.fn = on_assert;
    config.interfaces_max = 1;
    config.tcp_endpoints_max = ENDPOINTS;
    config.tcp_flights_max = ENDPOINTS;
    config.packet_memory_kb = MEMORY_KB;
    config.packet_memory_reserve_kb = 512;
    size_t size = (weir_stack_size(&config) + 63) & ~(size_t)63;
    w->now = 1000 * S;
    w->mem = aligned_alloc(64, size);
    w->stack = weir_stack_init(w->mem, size, &config, w->now);
    assert_non_null(w->stack);
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = 1500};
    struct weir_addr address = own();
    assert_int_equal(weir_stack_add_iface(w->stack, &iface), 0);
    assert_int_equal(weir_stack_add_address(w->stack, 0, &address, 24), WEIR_OK);
    struct weir_tcp_config tcp = {.size = sizeof tcp, .port = 7, .user = ALL};
    assert_int_equal(weir_tcp_open(w->stack, &tcp, &w->listener), WEIR_OK);
    assert_int_equal(weir_tcp_set(w->stack, w->listener, WEIR_TCP_NODELAY, 1), WEIR_OK);
    assert_int_equal(weir_tcp_set(w->stack, w->listener, WEIR_TCP_SEND_BYTES_MAX, BUFFER), WEIR_OK);
    assert_int_equal(weir_tcp_set(w->stack, w->listener, WEIR_TCP_RECEIVE_BYTES_MAX, BUFFER),
                     WEIR_OK);
    assert_int_equal(weir_tcp_listen(w->stack, w->listener, 64), WEIR_OK);
    return w;
}

/* ---- the echo service ---- */

static void over(struct world *w, struct served *s, int reason)
{
    s->open = false;
    s->reason = reason;
    s->ended = w->now;
    assert_int_equal(weir_tcp_close(w->stack, s->handle), WEIR_OK);
}

static void echo(struct world *w, struct served *s)
{
    while (s->open) {
        if (s->kept_len > 0) {
            int n = weir_tcp_send(w->stack, s->handle, s->kept, s->kept_len, 0);
            s->waits = n == WEIR_E_EXHAUSTED;
            if (n == WEIR_E_WOULD_BLOCK || n == WEIR_E_EXHAUSTED)
                return;
            if (n < 0) {
                over(w, s, n);
                return;
            }
            memmove(s->kept, s->kept + n, s->kept_len - (unsigned)n);
            s->kept_len -= (unsigned)n;
            continue;
        }
        int n = weir_tcp_receive(w->stack, s->handle, s->kept, KEPT_MAX, 0);
        if (n == WEIR_E_WOULD_BLOCK)
            return;
        if (n <= 0)
            over(w, s, n);
        else
            s->kept_len = (unsigned)n;
    }
}

/* Packet memory is short: those who could not send try again, until one fails. */
static void try_again(struct world *w)
{
    for (unsigned n = 0; n < w->accepted; n++) {
        struct served *s = &w->served[w->trying % w->accepted];
        if (s->open && s->waits) {
            echo(w, s);
            if (s->open && s->waits)
                return;
        }
        w->trying++;
    }
}

static void serve(struct world *w)
{
    struct weir_event event;
    while (weir_stack_events(w->stack, &event, 1) == 1) {
        if (event.user < ALL) {
            struct served *s = &w->served[event.user];
            if (s->handle.index == event.handle.index &&
                s->handle.generation == event.handle.generation)
                echo(w, s);
            continue;
        }
        weir_handle handle;
        while (weir_tcp_accept(w->stack, w->listener, w->accepted, &handle) == WEIR_OK) {
            struct weir_tcp_info info;
            struct served *s = &w->served[w->accepted++];
            assert_int_equal(weir_tcp_info(w->stack, handle, &info), WEIR_OK);
            s->handle = handle;
            s->open = true;
            s->peer = info.remote_port - PORT;
            echo(w, s);
        }
    }
}

/* ---- the wire ---- */

static void hear(struct world *w, const uint8_t *packet, size_t len)
{
    struct ip4 ip;
    struct tcp_header h = {0};
    assert_true(build_is_sound(packet, (uint32_t)len, WEIR_LINK_IP));
    assert_int_equal(ip4_parse(&ip, packet, len, len), WEIR_DROP_NONE);
    assert_int_equal(tcp_parse(&h, packet + 20, len - 20, len - 20), WEIR_DROP_NONE);
    assert_true(w->last - w->first < QUEUE_MAX);
    w->queue[w->last++ % QUEUE_MAX] = (struct heard){.peer = (unsigned)h.destination_port - PORT,
                                                     .flags = h.flags,
                                                     .seq = h.seq.v,
                                                     .ack = h.ack.v,
                                                     .len = (uint32_t)len - 20U - h.header_len};
}

static void collect(struct world *w)
{
    struct weir_tx tx[16];
    uint8_t bytes[2048];
    unsigned n;
    while ((n = weir_stack_output(w->stack, 0, tx, 16, w->now)) > 0)
        for (unsigned i = 0; i < n; i++) {
            size_t len = tx[i].header_len;
            memcpy(bytes, tx[i].headers + tx[i].header_start, len);
            for (unsigned f = 0; f < tx[i].frag_count; f++) {
                memcpy(bytes + len, tx[i].frag[f].data, tx[i].frag[f].len);
                len += tx[i].frag[f].len;
            }
            hear(w, bytes, len);
        }
}

static void give(struct world *w, unsigned i, uint16_t flags, uint32_t len, uint16_t window)
{
    static const uint8_t data[SEGMENT];
    uint8_t packet[SEGMENT + 128];
    struct tcp_options options = {.present = (flags & TCP_SYN) != 0 ? TCP_HAS_MSS : 0U,
                                  .mss = SEGMENT};
    struct build_tcp tcp = {.ip = {.source = other(), .destination = own()},
                            .source_port = (uint16_t)(PORT + i),
                            .destination_port = 7,
                            .seq = seq_make(w->peer[i].seq),
                            .ack = seq_make(w->peer[i].ack),
                            .flags = flags,
                            .window = window,
                            .options = &options,
                            .payload = {data, len}};
    size_t n = build_tcp(packet, sizeof packet, &tcp);
    assert_true(n > 0);
    struct weir_rx rx = {.head = packet, .head_len = (uint32_t)n, .len = (uint32_t)n};
    weir_stack_input(w->stack, 0, &rx, 1, w->now);
    serve(w);
    collect(w);
}

/* ---- the peers ---- */

/* The next part of what it sends. It sends again when nothing was acknowledged. */
static void ask(struct world *w, unsigned i)
{
    struct peer *p = &w->peer[i];
    uint32_t all = p->slow ? REQUEST : 100;
    if (!p->connected || p->reset || p->asked >= all)
        return;
    uint32_t len = all - p->asked < SEGMENT ? all - p->asked : (uint32_t)SEGMENT;
    p->sent_at = w->now;
    give(w, i, TCP_ACK | TCP_PSH, len, p->slow ? WINDOW : 30000);
}

static void answer(struct world *w, const struct heard *h)
{
    struct peer *p = &w->peer[h->peer];
    if ((h->flags & TCP_RST) != 0) {
        assert_true(p->slow); /* an honest one is never reset */
        p->reset = true;
        return;
    }
    if ((h->flags & TCP_SYN) != 0) {
        p->ack = h->seq + 1;
        if (!p->connected)
            p->seq++;
        p->connected = true;
        give(w, h->peer, TCP_ACK, 0, p->slow ? WINDOW : 30000);
        ask(w, h->peer);
        return;
    }
    uint32_t taken = h->ack - p->seq; /* of what it sent */
    if (taken > 0 && taken <= SEGMENT) {
        p->seq += taken;
        p->asked += taken;
        ask(w, h->peer);
    }
    if (h->len == 0 && (h->flags & TCP_FIN) == 0)
        return;
    if (p->slow) { /* it takes a window full, and answers each probe, but never takes more */
        if (h->seq == p->ack && p->answered + h->len <= WINDOW) {
            p->ack += h->len;
            p->answered += h->len;
        }
        if (p->closed_at == 0)
            p->closed_at = w->now;
        give(w, h->peer, TCP_ACK, 0, 0);
        return;
    }
    if (h->seq == p->ack) {
        p->ack += h->len + ((h->flags & TCP_FIN) != 0);
        p->answered += h->len;
    }
    bool done = p->answered == 100 && !p->ended;
    give(w, h->peer, TCP_ACK | (done ? TCP_FIN : 0U), 0, 30000);
    if (!done)
        return;
    weir_time took = w->now - (1000 * S + (weir_time)h->peer * EVERY_MS * MS);
    w->honest_longest = took > w->honest_longest ? took : w->honest_longest;
    w->honest_served++;
    p->ended = true;
    p->seq++;
}

static void settle(struct world *w)
{
    while (w->first != w->last) {
        struct heard h = w->queue[w->first++ % QUEUE_MAX];
        answer(w, &h);
    }
}

static void pass(struct world *w, weir_time until)
{
    while (weir_stack_deadline(w->stack) <= until) {
        weir_time deadline = weir_stack_deadline(w->stack);
        w->now = deadline > w->now ? deadline : w->now;
        weir_stack_advance(w->stack, w->now);
        serve(w);
        collect(w);
        settle(w);
    }
    w->now = until;
    serve(w);
    try_again(w);
    collect(w);
    settle(w);
}

/* One in 101 is honest. */
static void come(struct world *w, unsigned i)
{
    w->peer[i] = (struct peer){.seq = 1000U * i, .slow = i % (ALL / HONEST) != 0};
    w->peer[i].sent_at = w->now;
    give(w, i, TCP_SYN, 0, WINDOW);
    settle(w);
}

/* What was not acknowledged for a second goes again. */
static void send_again(struct world *w, unsigned come)
{
    for (unsigned i = 0; i < come; i++) {
        struct peer *p = &w->peer[i];
        if (p->reset || (p->slow ? p->asked >= REQUEST : p->answered == 100) ||
            w->now - p->sent_at < S)
            continue;
        p->sent_at = w->now;
        if (!p->connected)
            give(w, i, TCP_SYN, 0, 30000);
        else
            ask(w, i);
        settle(w);
    }
}

/* ---- what is to come of it ---- */

static struct weir_tcp_stats stats_of(const struct world *w)
{
    struct weir_tcp_stats stats;
    weir_tcp_stats(w->stack, &stats);
    return stats;
}

/* Who was given up had closed its window before those who went later, and was told. To a second: it is
 * stuck from when there is more to send. */
static void assert_longest_went(const struct world *w)
{
    unsigned given_up = 0;
    for (unsigned i = 0; i < w->accepted; i++) {
        const struct served *s = &w->served[i];
        if (s->open || s->reason != WEIR_E_PRESSURE)
            continue;
        given_up++;
        assert_true(w->peer[s->peer].slow && w->peer[s->peer].reset);
        for (unsigned k = i % 97; k < w->accepted; k += 97) {
            const struct served *t = &w->served[k];
            if (!t->open && t->reason == WEIR_E_PRESSURE && t->ended > s->ended)
                assert_true(w->peer[t->peer].closed_at + S >= w->peer[s->peer].closed_at);
        }
    }
    assert_int_equal(given_up, stats_of(w).stuck_given_up);
}

static void ATK_RES_04_16_ten_thousand_stuck_at_the_echo_service(void **state)
{
    (void)state;
    struct world *w = world_open();
    const struct blocks *blocks = &w->stack->blocks;
    uint64_t all = (uint64_t)MEMORY_KB * 1024;
    for (unsigned i = 0; i < ALL; i++) {
        pass(w, 1000 * S + (weir_time)i * EVERY_MS * MS);
        come(w, i);
        if (i % 50 == 0)
            send_again(w, i);
    }
    weir_time end = w->now;
    while (w->now < end + 20 * S) {
        pass(w, w->now + 100 * MS);
        send_again(w, ALL);
    }
    struct weir_tcp_stats stats = stats_of(w);
    print_message("# %u accepted, %llu given up, %u of %u honest served, the slowest in %lld ms; "
                  "%llu %% free, at most %llu KB in use\n",
                  w->accepted, (unsigned long long)stats.stuck_given_up, w->honest_served, HONEST,
                  (long long)(w->honest_longest / MS),
                  (unsigned long long)(blocks_free_bytes(blocks) * 100 / all),
                  (unsigned long long)(blocks->bytes_in_use_max / 1024));
    assert_true(tcp_invariants(&w->stack->tcp));
    assert_int_equal(w->accepted, ALL);
    assert_int_equal(w->honest_served, HONEST);
    assert_true(w->honest_longest < 1 * S); /* they hardly notice */
    assert_true(stats.stuck_given_up > STUCK / 2);
    assert_true(blocks_free_bytes(blocks) >= all / 100 * 12);
    assert_longest_went(w);
    /* All are let go of: the rest are orphans, and nothing is left of them after two minutes. */
    for (unsigned i = 0; i < w->accepted; i++)
        if (w->served[i].open)
            over(w, &w->served[i], WEIR_OK);
    assert_int_equal(weir_tcp_close(w->stack, w->listener), WEIR_OK);
    for (unsigned i = 0; i < 200; i++)
        pass(w, w->now + S);
    assert_int_equal(w->stack->tcp.conns.in_use, 0);
    assert_int_equal(blocks->bytes_in_use, 0);
    assert_int_equal(blocks->promised_bytes, 0);
    free(w->mem);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ATK_RES_04_16_ten_thousand_stuck_at_the_echo_service),
    };
    return cmocka_run_group_tests_name("attack_tcp_stuck", tests, NULL, NULL);
}
