/* SPDX-License-Identifier: MIT
 * A few TCP connections, told by the input what to do: segments with any flags near where they
 * matter, with any options, SYN cookies and fast open cookies that are good or are not; ICMP errors
 * about what was sent; calls of the application, verdicts among them; time. The first bytes set the
 * stack and the listener. After each step all invariants of TCP hold; at the end, when everything was
 * let go and time has passed, nothing is left. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/stack.h"
#include "sim/build.h"
#include "weir/net.h"
#include "weir/tcp.h"
#include "wire/tcp_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORT = 80, PEER_PORT = 4000, STEPS_MAX = 200, OUT_MAX = 64, COOKIE = 8 };

/* Who talks to us: three that have begun it, and one whom we have called. */
enum { PEERS = 4, CALLED = 3 };

struct peer {
    uint16_t port, own_port;
    uint32_t seq, ack; /* next to be sent, and what it has seen of ours */
    uint32_t ts_echo;  /* the last timestamp of ours */
};

/* Connections that the application has: accepted, and called. */
struct held {
    weir_handle handle;
    bool open;
};

struct fuzz {
    const uint8_t *data;
    size_t size;
    weir_stack *stack;
    weir_time now;
    bool ip6;
    struct weir_addr own, peer;
    struct peer peers[PEERS];
    weir_handle listener, request;
    struct held held[2];
    uint8_t cookie[COOKIE]; /* the fast open cookie that the stack has given last */
};

static unsigned draw(struct fuzz *f)
{
    if (f->size == 0)
        return 0;
    f->size--;
    return *f->data++;
}

static unsigned draw16(struct fuzz *f)
{
    unsigned high = draw(f);
    return high << 8 | draw(f);
}

static void hold(const struct fuzz *f)
{
    if (!tcp_invariants(&f->stack->tcp) || !blocks_invariants(&f->stack->blocks))
        abort();
}

/* What a segment of the stack's tells its peer. */
static void note(struct fuzz *f, const struct tcp_header *h, const struct weir_tx *tx)
{
    const uint8_t *p = tx->headers + tx->header_start;
    struct tcp_options o;
    uint32_t ip = f->ip6 ? 40 : 20;
    uint32_t end = h->seq.v + tcp_segment_seq_len(h->flags, tx->len - ip - h->header_len);
    tcp_options_parse(&o, p + ip + TCP_HEADER_BYTES, h->header_len - (size_t)TCP_HEADER_BYTES);
    if ((o.present & TCP_HAS_FAST_OPEN) != 0 && o.fast_open.len == COOKIE)
        memcpy(f->cookie, o.fast_open.data, COOKIE);
    for (unsigned i = 0; i < PEERS; i++) {
        struct peer *peer = &f->peers[i];
        if (peer->port != h->destination_port)
            continue;
        if (i == CALLED)
            peer->own_port = h->source_port;
        if ((h->flags & TCP_SYN) != 0 || (int32_t)(end - peer->ack) > 0)
            peer->ack = end;
        if ((o.present & TCP_HAS_TIMESTAMPS) != 0)
            peer->ts_echo = o.ts_val;
    }
}

/* What the stack sends: so the peers know where they are. */
static void collect(struct fuzz *f)
{
    static struct weir_tx tx[OUT_MAX];
    unsigned n = weir_stack_output(f->stack, 0, tx, OUT_MAX, f->now);
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *p = tx[i].headers + tx[i].header_start;
        uint32_t ip = f->ip6 ? 40 : 20;
        struct tcp_header h;
        if (p[f->ip6 ? 6 : 9] == IP_PROTOCOL_TCP &&
            tcp_parse(&h, p + ip, tx[i].header_len - ip, tx[i].len - ip) == WEIR_DROP_NONE)
            note(f, &h, &tx[i]);
    }
}

static void give(struct fuzz *f, const uint8_t *bytes, uint32_t n)
{
    struct weir_rx rx = {.head = bytes, .head_len = n, .len = n};
    if (n > 0)
        weir_stack_input(f->stack, 0, &rx, 1, f->now);
}

/* A fast open option: a request, a good cookie, or any. */
static void fast_open(struct fuzz *f, struct tcp_options *o, uint8_t bytes[COOKIE], unsigned how)
{
    o->present |= TCP_HAS_FAST_OPEN;
    memcpy(bytes, f->cookie, COOKIE);
    for (unsigned i = 0; i < COOKIE && (how & 2) != 0; i++)
        bytes[i] = (uint8_t)draw(f);
    o->fast_open = (struct weir_ref){bytes, (how & 1) != 0 ? COOKIE : 0};
    o->fast_open_experimental = (how & 8) != 0;
}

/* Options by the book, or bytes of the input. */
static size_t options(struct fuzz *f, const struct peer *peer, uint8_t bytes[TCP_OPTION_BYTES_MAX],
                      bool syn)
{
    unsigned how = draw(f);
    uint8_t cookie[COOKIE];
    size_t len = 0;
    if (how < 200) {
        struct tcp_options o;
        memset(&o, 0, sizeof o);
        o.present = how < 128 ? TCP_HAS_TIMESTAMPS : 0;
        if (syn)
            o.present |= TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE | TCP_HAS_SACK_PERMITTED;
        o.mss = (uint16_t)(how < 100 ? 1460 : 60);
        o.window_scale = how & 15;
        o.ts_val = (uint32_t)(f->now / WEIR_NS_PER_MS) + (how == 1 ? 0x80000000U : 0);
        o.ts_ecr = peer->ts_echo;
        if (how >= 160)
            fast_open(f, &o, cookie, how);
        if (how >= 160 && (how & 4) != 0) {
            o.present |= TCP_HAS_USER_TIMEOUT;
            o.user_timeout = (uint16_t)draw16(f);
        }
        len = tcp_options_emit(bytes, TCP_OPTION_BYTES_MAX, &o);
    } else {
        for (len = 0; len < (how & 28U) + 4; len++)
            bytes[len] = (uint8_t)draw(f);
    }
    return len;
}

/* A number from 32768 below to 32767 above. */
static uint32_t near(unsigned v)
{
    return (uint32_t)v - 32768U;
}

static void segment(struct fuzz *f, struct peer *peer)
{
    static const uint8_t text[3000];
    static uint8_t packet[65536];
    static const uint16_t usual[8] = {TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN,
                                      TCP_ACK | TCP_URG, TCP_SYN, TCP_SYN | TCP_ACK, TCP_RST};
    uint8_t option_bytes[TCP_OPTION_BYTES_MAX];
    unsigned how = draw(f), len = draw16(f) % (sizeof text + 1);
    uint16_t flags = (how & 8) != 0 ? (uint16_t)draw(f) : usual[how & 7];
    uint32_t seq = peer->seq, ack = peer->ack;
    if ((how & 16) != 0)
        seq += near(draw16(f));
    if ((how & 32) != 0)
        ack += near(draw16(f));
    if ((how & 64) != 0)
        len = 0;
    struct build_tcp tcp = {
        .ip = {.source = f->peer, .destination = f->own},
        .source_port = peer->port,
        .destination_port = peer->own_port,
        .seq = seq_make(seq),
        .ack = seq_make(ack),
        .flags = flags,
        .window = (uint16_t)((how & 128) != 0 ? draw16(f) : 65535),
        .urgent = (uint16_t)((flags & TCP_URG) != 0 ? draw16(f) : 0),
        .payload = {text, len},
    };
    size_t n = options(f, peer, option_bytes, (flags & TCP_SYN) != 0);
    tcp.option_bytes = (struct weir_ref){option_bytes, n};
    give(f, packet, build_tcp(packet, sizeof packet, &tcp));
    if (seq == peer->seq && (flags & TCP_RST) == 0)
        peer->seq += tcp_segment_seq_len(flags, len);
}

/* An ICMP error about what was sent to a peer, or nearly. */
static void report(struct fuzz *f, const struct peer *peer)
{
    static const uint8_t text[1460];
    static uint8_t packet[65536], quoted[65536];
    unsigned how = draw(f);
    uint32_t back = (how & 1) != 0 ? near(draw16(f)) : draw16(f);
    struct build_tcp tcp = {
        .ip = {.source = f->own, .destination = f->peer},
        .source_port = peer->own_port,
        .destination_port = peer->port,
        .seq = seq_make(peer->ack - back),
        .flags = TCP_ACK,
        .payload = {text, back < sizeof text - 60 ? back : sizeof text - 60},
    };
    struct build_icmp_error error = {
        .ip = {.source = f->peer, .destination = f->own},
        .type = f->ip6 ? 2 : 3,
        .code = (how & 2) != 0 ? (uint8_t)(how >> 4) : f->ip6 ? 0 : 4,
        .mtu = draw16(f),
    };
    if (f->ip6 && (how & 2) != 0)
        error.type = 1;
    error.packet = (struct weir_ref){quoted, build_tcp(quoted, sizeof quoted, &tcp)};
    give(f, packet, build_icmp_error(packet, sizeof packet, &error));
}

/* What is decided about handshakes. */
static void verdict(struct fuzz *f, unsigned how)
{
    struct weir_tcp_request request;
    if ((how & 16) != 0 && weir_tcp_asked(f->stack, f->listener, &request) == WEIR_OK)
        f->request = request.handle;
    if ((how & 32) != 0)
        (void)weir_tcp_decide(f->stack, f->request, (enum weir_tcp_verdict)(how >> 6));
}

static void look(struct fuzz *f, weir_handle handle)
{
    struct weir_tcp_info info;
    (void)weir_tcp_info(f->stack, handle, &info);
    (void)weir_tcp_ready(f->stack, handle);
    (void)weir_tcp_at_mark(f->stack, handle);
}

static void call(struct fuzz *f)
{
    static uint8_t buffer[8192];
    unsigned how = draw(f), len = draw16(f) % (sizeof buffer + 1);
    struct held *held = &f->held[how >> 3 & 1];
    if (!held->open) {
        held = &f->held[0];
        if (!held->open)
            held->open = weir_tcp_accept(f->stack, f->listener, 0, &held->handle) == WEIR_OK;
        verdict(f, how);
        return;
    }
    switch (how % 8) {
    case 0:
    case 1:
        (void)weir_tcp_send(f->stack, held->handle, buffer, len, how >> 4 & 7);
        break;
    case 2:
    case 3:
        (void)weir_tcp_receive(f->stack, held->handle, buffer, len, how >> 4 & 10);
        break;
    case 4:
        (void)weir_tcp_set(f->stack, held->handle, (enum weir_tcp_setting)draw(f), draw16(f));
        break;
    case 5:
        (void)weir_tcp_shutdown(f->stack, held->handle, (enum weir_tcp_how)(how >> 4 & 3));
        break;
    case 6:
        look(f, held->handle);
        verdict(f, how);
        break;
    default:
        held->open = false;
        if ((how & 128) != 0)
            (void)weir_tcp_abort(f->stack, held->handle);
        else
            (void)weir_tcp_close(f->stack, held->handle);
    }
}

/* Call the fourth peer, with data in the SYN if a cookie is known. */
static void connect_out(struct fuzz *f)
{
    static const uint8_t text[2000];
    struct weir_tcp_config tcp = {.size = sizeof tcp};
    struct held *held = &f->held[1];
    unsigned how = draw(f);
    if (held->open)
        (void)weir_tcp_close(f->stack, held->handle);
    held->open = weir_tcp_open(f->stack, &tcp, &held->handle) == WEIR_OK;
    if (!held->open)
        return;
    (void)weir_tcp_set(f->stack, held->handle, WEIR_TCP_FAST_OPEN, how & 1);
    (void)weir_tcp_set(f->stack, held->handle, (enum weir_tcp_setting)draw(f), draw16(f));
    (void)weir_tcp_connect(f->stack, held->handle, &f->peer, f->peers[CALLED].port);
    if ((how & 2) != 0)
        (void)weir_tcp_send(f->stack, held->handle, text, how * 7U, how >> 4 & 7);
}

static void pass(struct fuzz *f, weir_time by)
{
    struct weir_event events[16];
    f->now += by;
    weir_stack_advance(f->stack, f->now);
    collect(f);
    while (weir_stack_events(f->stack, events, 16) > 0)
        continue;
}

static void step(struct fuzz *f)
{
    unsigned what = draw(f);
    struct peer *peer = &f->peers[what >> 1 & 3];
    if (what < 130)
        segment(f, peer);
    else if (what < 150)
        report(f, peer);
    else if (what < 205)
        call(f);
    else if (what < 220)
        connect_out(f);
    else if (what < 250)
        pass(f, (weir_time)draw16(f) * WEIR_NS_PER_MS);
    else
        pass(f, (weir_time)draw16(f) * WEIR_NS_PER_S);
    if ((what & 1) == 0)
        pass(f, 0);
    hold(f);
}

/* Little to lay out: a stack is made for every input. */
static void configure(struct fuzz *f, struct weir_config *config)
{
    static const uint8_t pressure[4] = {12, 0, 50, 90};
    unsigned a = draw(f), b = draw(f);
    f->ip6 = (a & 32) != 0;
    weir_config_default(config);
    config->packet_memory_kb = 512;
    config->packet_memory_reserve_kb = 64;
    config->neighbours_max = config->neighbours_incomplete_max = 8;
    config->path_mtus_max = config->udp_endpoints_max = 8;
    config->reassemblies_max = 4;
    config->tcp_endpoints_max = 6;
    config->tcp_flights_max = 4;
    config->tcp_syn_received_max = 1 + (b >> 6);
    config->tcp_syn_cookies = (a & 3) != 3 ? a & 3 : 1;
    config->tcp_syn_data = a >> 2 & 1;
    config->tcp_quiet_ms = (a & 8) != 0 ? 1000 : 0;
    config->tcp_accounts_max = (a & 16) != 0 ? 2 : 6;
    config->tcp_fast_open_pending_max = b & 3;
    config->tcp_fast_open_paths_max = 4;
    config->tcp_pressure_percent = pressure[b >> 2 & 3];
    config->tcp_stuck_ms = (b & 16) != 0 ? 100 : 10000;
    config->tcp_time_wait_max = 2;
    config->tcp_reassembly_ranges_max = config->tcp_sack_ranges_max = 8;
    config->ranges_max = 64;
}

/* What the connections that it accepts inherit. */
static void set_listener(struct fuzz *f)
{
    unsigned how = draw(f);
    (void)weir_tcp_set(f->stack, f->listener, WEIR_TCP_FAST_OPEN, how & 1);
    (void)weir_tcp_set(f->stack, f->listener, WEIR_TCP_ASK, how >> 1 & 1);
    (void)weir_tcp_set(f->stack, f->listener, WEIR_TCP_USER_TIMEOUT_OPTION, how >> 2 & 1);
    (void)weir_tcp_set(f->stack, f->listener, WEIR_TCP_TUNE, how >> 3 & 1);
    (void)weir_tcp_set(f->stack, f->listener, (enum weir_tcp_setting)draw(f), draw16(f));
}

static void open_stack(struct fuzz *f, void **mem)
{
    static const uint16_t mtus[4] = {1500, 576, 9000, 296};
    struct weir_config config;
    configure(f, &config);
    size_t bytes = (weir_stack_size(&config) + 63) & ~(size_t)63;
    *mem = aligned_alloc(64, bytes);
    f->stack = weir_stack_init(*mem, bytes, &config, 0);
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = mtus[draw(f) & 3]};
    if (f->ip6 && iface.mtu_bytes < 1280)
        iface.mtu_bytes = 1280;
    struct weir_tcp_config tcp = {.size = sizeof tcp, .port = PORT};
    if (f->stack == NULL || weir_stack_add_iface(f->stack, &iface) != 0 ||
        weir_addr_parse(f->ip6 ? "2001:db8::1" : "192.0.2.1", &f->own) != WEIR_OK ||
        weir_addr_parse(f->ip6 ? "2001:db8::2" : "192.0.2.2", &f->peer) != WEIR_OK ||
        weir_stack_add_address(f->stack, 0, &f->own, f->ip6 ? 64 : 24) != WEIR_OK ||
        weir_tcp_open(f->stack, &tcp, &f->listener) != WEIR_OK)
        abort();
    for (unsigned i = 0; f->ip6 && i < 20; i++) /* duplicate address detection */
        pass(f, 200 * WEIR_NS_PER_MS);
    set_listener(f);
    if (weir_tcp_listen(f->stack, f->listener, 2) != WEIR_OK)
        abort();
}

/* Let go of everything; in the hour that a peer may have asked for (RFC 5482) all of it ends. */
static void end(struct fuzz *f)
{
    for (unsigned i = 0; i < 2; i++)
        if (f->held[i].open)
            (void)weir_tcp_close(f->stack, f->held[i].handle);
    (void)weir_tcp_close(f->stack, f->listener);
    for (unsigned i = 0; i < 80; i++)
        pass(f, 60 * WEIR_NS_PER_S);
    hold(f);
    const struct tcp_room *tcp = &f->stack->tcp;
    if (tcp->conns.in_use != 0 || tcp->syns.in_use != 0 || tcp->waits.in_use != 0 ||
        tcp->flights.in_use != 0 || tcp->holes.in_use != 0 || tcp->accounts.in_use != 0 ||
        tcp->fast_open.pending != 0 || f->stack->blocks.bytes_in_use != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = {.data = data, .size = size};
    void *mem;
    for (unsigned i = 0; i < PEERS; i++)
        f.peers[i] = (struct peer){
            .port = (uint16_t)(PEER_PORT + i), .own_port = PORT, .seq = 1000 * (i + 1)};
    open_stack(&f, &mem);
    for (unsigned i = 0; i < STEPS_MAX && f.size > 0; i++)
        step(&f);
    end(&f);
    free(mem);
    return 0;
}
