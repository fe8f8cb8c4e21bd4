/* SPDX-License-Identifier: MIT
 * A TCP connection, told by the input what to do: segments with any flags near where they matter, with
 * any options; calls of the application; time. After each step all invariants of TCP hold; at the end,
 * when everything was let go and time has passed, nothing is left. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/stack.h"
#include "sim/build.h"
#include "weir/net.h"
#include "weir/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORT = 80, PEER_PORT = 4000, STEPS_MAX = 200, OUT_MAX = 64 };

struct fuzz {
    const uint8_t *data;
    size_t size;
    weir_stack *stack;
    weir_time now;
    struct weir_addr own, peer;
    weir_handle listener, connection;
    bool connected;
    uint32_t seq, ack; /* the peer's: next to be sent, and what it has seen of ours */
    uint32_t ts_echo;  /* the last timestamp of ours */
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

/* What the stack sends: so the peer knows where it is. */
static void collect(struct fuzz *f)
{
    static struct weir_tx tx[OUT_MAX];
    unsigned n = weir_stack_output(f->stack, 0, tx, OUT_MAX, f->now);
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *p = tx[i].headers + tx[i].header_start;
        struct tcp_header h;
        if (p[9] != IP_PROTOCOL_TCP || tcp_parse(&h, p + 20, tx[i].header_len - 20U,
                                                 tx[i].len - 20U) != WEIR_DROP_NONE)
            continue;
        uint32_t end = h.seq.v + tcp_segment_seq_len(h.flags, tx[i].len - 20U - h.header_len);
        if ((h.flags & TCP_SYN) != 0 || (int32_t)(end - f->ack) > 0)
            f->ack = end;
        if (h.header_len >= 32 && load32(p + 40) == 0x0101080aU)
            f->ts_echo = load32(p + 44);
    }
}

static void give(struct fuzz *f, const struct build_tcp *tcp)
{
    static uint8_t bytes[65536];
    uint32_t n = build_tcp(bytes, sizeof bytes, tcp);
    struct weir_rx rx = {.head = bytes, .head_len = n, .len = n};
    weir_stack_input(f->stack, 0, &rx, 1, f->now);
}

/* Options by the book, or bytes of the input. */
static size_t options(struct fuzz *f, uint8_t bytes[TCP_OPTION_BYTES_MAX], bool syn)
{
    unsigned how = draw(f);
    size_t len = 0;
    if (how < 160) {
        struct tcp_options o;
        memset(&o, 0, sizeof o);
        o.present = how < 128 ? TCP_HAS_TIMESTAMPS : 0;
        if (syn)
            o.present |= TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE | TCP_HAS_SACK_PERMITTED;
        o.mss = (uint16_t)(how < 100 ? 1460 : 60);
        o.window_scale = how & 15;
        o.ts_val = (uint32_t)(f->now / WEIR_NS_PER_MS) + (how == 1 ? 0x80000000U : 0);
        o.ts_ecr = f->ts_echo;
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

static void segment(struct fuzz *f)
{
    static const uint8_t text[3000];
    static const uint16_t usual[8] = {TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN,
                                      TCP_ACK | TCP_URG, TCP_SYN, TCP_SYN | TCP_ACK, TCP_RST};
    uint8_t option_bytes[TCP_OPTION_BYTES_MAX];
    unsigned how = draw(f), len = draw16(f) % (sizeof text + 1);
    uint16_t flags = (how & 8) != 0 ? (uint16_t)draw(f) : usual[how & 7];
    uint32_t seq = f->seq, ack = f->ack;
    if ((how & 16) != 0)
        seq += near(draw16(f));
    if ((how & 32) != 0)
        ack += near(draw16(f));
    if ((how & 64) != 0)
        len = 0;
    struct build_tcp tcp = {
        .ip = {.source = f->peer, .destination = f->own},
        .source_port = PEER_PORT,
        .destination_port = PORT,
        .seq = seq_make(seq),
        .ack = seq_make(ack),
        .flags = flags,
        .window = (uint16_t)((how & 128) != 0 ? draw16(f) : 65535),
        .urgent = (uint16_t)((flags & TCP_URG) != 0 ? draw16(f) : 0),
        .payload = {text, len},
    };
    size_t n = options(f, option_bytes, (flags & TCP_SYN) != 0);
    tcp.option_bytes = (struct weir_ref){option_bytes, n};
    give(f, &tcp);
    if (seq == f->seq && (flags & TCP_RST) == 0)
        f->seq += tcp_segment_seq_len(flags, len);
}

static void call(struct fuzz *f)
{
    static uint8_t buffer[8192];
    unsigned how = draw(f), len = draw16(f) % (sizeof buffer + 1);
    if (!f->connected) {
        f->connected = weir_tcp_accept(f->stack, f->listener, 0, &f->connection) == WEIR_OK;
        return;
    }
    switch (how % 8) {
    case 0:
    case 1:
        (void)weir_tcp_send(f->stack, f->connection, buffer, len, how >> 4 & 7);
        break;
    case 2:
    case 3:
        (void)weir_tcp_receive(f->stack, f->connection, buffer, len, how >> 4 & 10);
        break;
    case 4:
        (void)weir_tcp_set(f->stack, f->connection, (enum weir_tcp_setting)draw(f), draw16(f));
        break;
    case 5:
        (void)weir_tcp_shutdown(f->stack, f->connection, (enum weir_tcp_how)(how >> 4 & 3));
        break;
    case 6: {
        struct weir_tcp_info info;
        (void)weir_tcp_info(f->stack, f->connection, &info);
        (void)weir_tcp_ready(f->stack, f->connection);
        (void)weir_tcp_at_mark(f->stack, f->connection);
        break;
    }
    default:
        f->connected = false;
        if ((how & 128) != 0)
            (void)weir_tcp_abort(f->stack, f->connection);
        else
            (void)weir_tcp_close(f->stack, f->connection);
    }
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
    if (what < 150)
        segment(f);
    else if (what < 220)
        call(f);
    else if (what < 250)
        pass(f, (weir_time)draw16(f) * WEIR_NS_PER_MS);
    else
        pass(f, (weir_time)draw16(f) * WEIR_NS_PER_S);
    if ((what & 1) == 0)
        pass(f, 0);
    hold(f);
}

static void open_stack(struct fuzz *f, void **mem)
{
    struct weir_config config;
    weir_config_default(&config);
    config.packet_memory_kb = 512; /* little to lay out: a stack is made for every input */
    config.packet_memory_reserve_kb = 64;
    config.neighbours_max = config.neighbours_incomplete_max = 8;
    config.path_mtus_max = config.udp_endpoints_max = 8;
    config.reassemblies_max = 4;
    config.tcp_endpoints_max = config.tcp_flights_max = config.tcp_syn_received_max = 4;
    config.tcp_time_wait_max = 2;
    config.tcp_reassembly_ranges_max = config.tcp_sack_ranges_max = 8;
    config.ranges_max = 64;
    size_t bytes = (weir_stack_size(&config) + 63) & ~(size_t)63;
    *mem = aligned_alloc(64, bytes);
    f->stack = weir_stack_init(*mem, bytes, &config, 0);
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = 1500};
    struct weir_tcp_config tcp = {.size = sizeof tcp, .port = PORT};
    if (f->stack == NULL || weir_stack_add_iface(f->stack, &iface) != 0 ||
        weir_addr_parse("192.0.2.1", &f->own) != WEIR_OK ||
        weir_addr_parse("192.0.2.2", &f->peer) != WEIR_OK ||
        weir_stack_add_address(f->stack, 0, &f->own, 24) != WEIR_OK ||
        weir_tcp_open(f->stack, &tcp, &f->listener) != WEIR_OK ||
        weir_tcp_listen(f->stack, f->listener, 2) != WEIR_OK)
        abort();
}

/* Let go of everything; in a quarter of an hour of silence all of it ends. */
static void end(struct fuzz *f)
{
    if (f->connected)
        (void)weir_tcp_close(f->stack, f->connection);
    (void)weir_tcp_close(f->stack, f->listener);
    for (unsigned i = 0; i < 40; i++)
        pass(f, 60 * WEIR_NS_PER_S);
    hold(f);
    const struct tcp_room *tcp = &f->stack->tcp;
    if (tcp->conns.in_use != 0 || tcp->syns.in_use != 0 || tcp->waits.in_use != 0 ||
        tcp->flights.in_use != 0 || tcp->holes.in_use != 0 || f->stack->blocks.bytes_in_use != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = {.data = data, .size = size, .seq = 1000};
    void *mem;
    open_stack(&f, &mem);
    for (unsigned i = 0; i < STEPS_MAX && f.size > 0; i++)
        step(&f);
    end(&f);
    free(mem);
    return 0;
}
