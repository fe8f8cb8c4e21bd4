/* SPDX-License-Identifier: MIT
 * TCP between two stacks in one process over the in-memory wire, both ends, through every layer,
 * one thread: bulk in steps of 64 KB, every byte compared; requests and answers of 64 bytes;
 * connecting and closing; and one stack alone in a flood. Timestamps and SACK are on, as always.
 * Before the rows: what a connection costs in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "sim/build.h"
#include "weir/weir.h"

enum {
    STEP_BYTES = 65536,   /* a call of the application in bulk, and an operation */
    PATTERN_BYTES = 65521, /* a prime: it meets no boundary twice in the same way */
    MESSAGE_BYTES = 64,
    MANY = 10000,
    PORT = 7,
    EVENTS = 16
};

struct host {
    weir_stack *stack;
    weir_handle listener;
};

struct setup {
    uint32_t mtu;
    bool checksums, super_packets;
    uint32_t window; /* buffers of both ends */
    unsigned connections;
};

struct pair {
    const struct setup *setup;
    bool ready;
    struct weir_memwire wire;
    struct host client, server;
    weir_time now;
    weir_handle *out, *in; /* connections: the client's ends, and the server's */
    uint64_t sent, received;
    uint64_t turn;
    uint8_t pattern[PATTERN_BYTES + STEP_BYTES], got[STEP_BYTES];
};

static void require(bool good)
{
    if (!good)
        abort();
}

static void host_input(void *ctx, const struct weir_rx *packets, unsigned n, weir_time now)
{
    weir_stack_input(ctx, 0, packets, n, now);
}

static unsigned host_output(void *ctx, struct weir_tx *packets, unsigned max, weir_time now)
{
    return weir_stack_output(ctx, 0, packets, max, now);
}

static weir_handle endpoint(struct pair *p, struct host *host, uint16_t port)
{
    struct weir_tcp_config config = {.size = sizeof config, .port = port};
    weir_handle handle;
    require(weir_tcp_open(host->stack, &config, &handle) == WEIR_OK);
    if (p->setup->window != 0) {
        require(weir_tcp_set(host->stack, handle, WEIR_TCP_SEND_BYTES_MAX, p->setup->window) ==
                WEIR_OK);
        require(weir_tcp_set(host->stack, handle, WEIR_TCP_RECEIVE_BYTES_MAX, p->setup->window) ==
                WEIR_OK);
    }
    return handle;
}

static void host_init(struct pair *p, struct host *host, const struct weir_memwire_config *wire,
                      const char *address)
{
    struct weir_config config;
    struct weir_iface_config iface;
    struct weir_addr addr;
    unsigned prefix_len;
    weir_config_default(&config);
    config.tcp_endpoints_max = p->setup->connections + 64;
    config.tcp_flights_max = p->setup->connections + 64; /* the last answer waits for its ACK */
    config.tcp_time_wait_max = 4096;
    config.packet_memory_kb = 131072;
    config.packet_memory_overcommit_percent = 10000;
    size_t size = (weir_stack_size(&config) + 63) / 64 * 64;
    host->stack = weir_stack_init(aligned_alloc(64, size), size, &config, 0);
    require(host->stack != NULL);
    weir_memwire_iface(wire, &iface);
    require(weir_stack_add_iface(host->stack, &iface) == 0);
    require(weir_prefix_parse(address, &addr, &prefix_len) == WEIR_OK);
    require(weir_stack_add_address(host->stack, 0, &addr, prefix_len) == WEIR_OK);
    host->listener = endpoint(p, host, PORT);
    require(weir_tcp_listen(host->stack, host->listener, 128) == WEIR_OK);
}

/* Let the wire carry what there is; a batch takes 100 ns, about what it does take. */
static void carry(struct pair *p)
{
    do {
        p->now += 100;
        weir_stack_advance(p->client.stack, p->now);
        weir_stack_advance(p->server.stack, p->now);
    } while (weir_memwire_step(&p->wire, p->now) > 0);
}

static unsigned drain(struct host *host, struct weir_event *events)
{
    return weir_stack_events(host->stack, events, EVENTS);
}

static void connect_one(struct pair *p, unsigned i)
{
    struct weir_addr to;
    struct weir_event events[EVENTS];
    require(weir_addr_parse("10.0.0.2", &to) == WEIR_OK);
    p->out[i] = endpoint(p, &p->client, 0);
    require(weir_tcp_connect(p->client.stack, p->out[i], &to, PORT) == WEIR_OK);
    carry(p);
    require(weir_tcp_accept(p->server.stack, p->server.listener, i, &p->in[i]) == WEIR_OK);
    while (drain(&p->client, events) + drain(&p->server, events) > 0)
        continue;
}

static void begin(struct pair *p)
{
    if (p->ready)
        return;
    const struct setup *s = p->setup;
    struct weir_memwire_config config = {.size = sizeof config,
                                         .mtu_bytes = s->mtu,
                                         .checksums = s->checksums,
                                         .super_packets = s->super_packets};
    p->ready = true;
    host_init(p, &p->client, &config, "10.0.0.1/24");
    host_init(p, &p->server, &config, "10.0.0.2/24");
    struct weir_port a = {p->client.stack, host_input, host_output};
    struct weir_port b = {p->server.stack, host_input, host_output};
    require(weir_memwire_init(&p->wire, &config, &a, &b) == WEIR_OK);
    p->out = calloc(s->connections + 1, sizeof *p->out);
    p->in = calloc(s->connections + 1, sizeof *p->in);
    require(p->out != NULL && p->in != NULL);
    for (unsigned i = 0; i < s->connections; i++)
        connect_one(p, i);
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof p->pattern; i++, x = x * 1664525U + 1013904223U)
        p->pattern[i] = i < PATTERN_BYTES ? (uint8_t)(x >> 24) : p->pattern[i - PATTERN_BYTES];
}

/* The sender keeps its buffer full, and the receiver reads 64 KB when nothing moves any more: what
 * lies between writing and reading a byte is all that the buffers hold. */
static void bulk(void *ctx, uint64_t n)
{
    struct pair *p = ctx;
    begin(p);
    for (uint64_t end = p->received + n * STEP_BYTES; p->received < end;) {
        int len;
        while ((len = weir_tcp_send(p->client.stack, p->out[0],
                                    p->pattern + p->sent % PATTERN_BYTES, STEP_BYTES, 0)) > 0)
            p->sent += (uint64_t)len;
        require(len == WEIR_E_WOULD_BLOCK);
        carry(p);
        len = weir_tcp_receive(p->server.stack, p->in[0], p->got, STEP_BYTES, 0);
        require(len > 0);
        require(memcmp(p->got, p->pattern + p->received % PATTERN_BYTES, (size_t)len) == 0);
        p->received += (uint64_t)len;
    }
}

/* What the events say is readable: the place of its connection, or UINT64_MAX. */
static uint64_t readable(struct host *host)
{
    struct weir_event events[EVENTS];
    unsigned n;
    uint64_t user = UINT64_MAX;
    while ((n = drain(host, events)) > 0)
        for (unsigned i = 0; i < n; i++)
            if ((events[i].bits & WEIR_EVENT_READABLE) != 0)
                user = events[i].user;
    return user;
}

/* A message and its answer, each time on another connection. */
static void round_trip(void *ctx, uint64_t n)
{
    struct pair *p = ctx;
    begin(p);
    for (uint64_t i = 0; i < n; i++) {
        unsigned at = (unsigned)(p->turn++ * 7919 % p->setup->connections);
        p->pattern[0] = (uint8_t)i;
        require(weir_tcp_send(p->client.stack, p->out[at], p->pattern, MESSAGE_BYTES, 0) ==
                MESSAGE_BYTES);
        carry(p);
        require(readable(&p->server) == at);
        require(weir_tcp_receive(p->server.stack, p->in[at], p->got, sizeof p->got, 0) ==
                MESSAGE_BYTES);
        require(weir_tcp_send(p->server.stack, p->in[at], p->got, MESSAGE_BYTES, 0) ==
                MESSAGE_BYTES);
        carry(p);
        require(readable(&p->client) != UINT64_MAX);
        require(weir_tcp_receive(p->client.stack, p->out[at], p->got, sizeof p->got, 0) ==
                MESSAGE_BYTES);
        require(memcmp(p->got, p->pattern, MESSAGE_BYTES) == 0);
    }
}

static void connect_close(void *ctx, uint64_t n)
{
    struct pair *p = ctx;
    struct weir_event events[EVENTS];
    begin(p);
    for (uint64_t i = 0; i < n; i++) {
        connect_one(p, 0);
        require(weir_tcp_close(p->client.stack, p->out[0]) == WEIR_OK);
        carry(p);
        require(weir_tcp_close(p->server.stack, p->in[0]) == WEIR_OK);
        carry(p);
        while (drain(&p->client, events) + drain(&p->server, events) > 0)
            continue;
    }
}

/* ---- floods ---- */

enum { FLOOD_BATCH = 64, FLOOD_BYTES = 128 };

/* A stack by itself, and segments of 64 others. */
struct flood {
    bool ready, acks; /* ACKs of nothing, while cookies are out; else SYNs */
    weir_stack *stack;
    weir_time now;
    uint8_t bytes[FLOOD_BATCH][FLOOD_BYTES];
    struct weir_rx rx[FLOOD_BATCH];
    struct weir_tx tx[FLOOD_BATCH];
};

static void flood_packets(struct flood *f, uint16_t flags)
{
    struct tcp_options options = {.present = TCP_HAS_MSS | TCP_HAS_WINDOW_SCALE |
                                             TCP_HAS_TIMESTAMPS | TCP_HAS_SACK_PERMITTED,
                                  .mss = 1460, .window_scale = 7, .ts_val = 1234};
    if ((flags & TCP_SYN) == 0)
        options.present = TCP_HAS_TIMESTAMPS;
    for (unsigned i = 0; i < FLOOD_BATCH; i++) {
        struct build_tcp tcp = {.source_port = (uint16_t)(1024 + i * 977), .destination_port = PORT,
                                .seq = seq_make(i * 123457), .ack = seq_make(i * 7654321),
                                .flags = flags, .window = 64240, .options = &options};
        require(weir_addr_parse("10.0.0.1", &tcp.ip.source) == WEIR_OK);
        require(weir_addr_parse("10.0.0.2", &tcp.ip.destination) == WEIR_OK);
        tcp.ip.source.bytes[15] = (uint8_t)(10 + i);
        uint32_t n = (uint32_t)build_tcp(f->bytes[i], FLOOD_BYTES, &tcp);
        require(n > 0);
        f->rx[i] = (struct weir_rx){.head = f->bytes[i], .head_len = n, .len = n};
    }
}

static void flood_round(struct flood *f)
{
    f->now += 50000;
    weir_stack_input(f->stack, 0, f->rx, FLOOD_BATCH, f->now);
    unsigned n = weir_stack_output(f->stack, 0, f->tx, FLOOD_BATCH, f->now);
    require(f->acks || n == FLOOD_BATCH);
}

static void flood_begin(struct flood *f)
{
    static const struct setup setup = {1500, true, false, 0, 1};
    struct pair p = {.setup = &setup};
    struct host host;
    struct weir_config config;
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = 1500};
    struct weir_addr addr;
    weir_config_default(&config);
    config.tcp_syn_cookies = 2;
    size_t size = (weir_stack_size(&config) + 63) / 64 * 64;
    host.stack = f->stack = weir_stack_init(aligned_alloc(64, size), size, &config, 0);
    require(f->stack != NULL && weir_stack_add_iface(f->stack, &iface) == 0);
    require(weir_addr_parse("10.0.0.2", &addr) == WEIR_OK);
    require(weir_stack_add_address(f->stack, 0, &addr, 24) == WEIR_OK);
    weir_handle listener = endpoint(&p, &host, PORT);
    require(weir_tcp_listen(f->stack, listener, 128) == WEIR_OK);
    f->ready = true;
    flood_packets(f, TCP_SYN);
    while (weir_stack_output(f->stack, 0, f->tx, FLOOD_BATCH, f->now) > 0)
        continue;
    if (!f->acks)
        return;
    weir_stack_input(f->stack, 0, f->rx, 1, f->now); /* one cookie is out */
    require(weir_stack_output(f->stack, 0, f->tx, FLOOD_BATCH, f->now) == 1);
    flood_packets(f, TCP_ACK);
}

static void flood(void *ctx, uint64_t n)
{
    struct flood *f = ctx;
    if (!f->ready)
        flood_begin(f);
    for (uint64_t i = 0; i < n; i += FLOOD_BATCH)
        flood_round(f);
}

/* ---- memory ---- */

static size_t size_with(uint32_t endpoints, uint32_t accounts, uint32_t time_waits)
{
    struct weir_config config;
    weir_config_default(&config);
    config.tcp_endpoints_max = endpoints;
    config.tcp_accounts_max = accounts;
    config.tcp_time_wait_max = time_waits;
    return weir_stack_size(&config);
}

/* What a stack for 3 million more takes more: its endpoint or record, and its places in tables
 * that are full then (3/4 of a power of two; right after a doubling a place costs twice as much). */
static void print_memory(void)
{
    enum { FEW = 100000, MORE = (3 << 20) - 1024 - 2 * FEW }; /* 1024 are in SYN-RECEIVED */
    const size_t base = size_with(FEW, FEW, FEW);
    double endpoint = (double)(size_with(FEW + MORE, FEW + MORE, FEW) - base) / (double)MORE;
    double bare = (double)(size_with(FEW + MORE, FEW, FEW) - base) / (double)MORE;
    double wait = (double)(size_with(FEW, FEW, FEW + MORE) - base) / (double)MORE;
    printf("memory: an idle connection %.1f bytes (%.1f without accounts), a connection in "
           "TIME-WAIT %.1f bytes, tables included\n",
           endpoint, bare, wait);
}

static struct pair *pair_of(const struct setup *setup)
{
    struct pair *p = calloc(1, sizeof *p);
    require(p != NULL);
    p->setup = setup;
    return p;
}

int main(int argc, char **argv)
{
    static const struct setup
        small_on = {1500, true, false, 1 << 17, 1}, small_off = {1500, false, false, 1 << 17, 1},
        small_on_1m = {1500, true, false, 1 << 20, 1},
        small_off_1m = {1500, false, false, 1 << 20, 1},
        cut_on = {1500, true, true, 1 << 18, 1}, cut_off = {1500, false, true, 1 << 18, 1},
        large_on = {65535, true, false, 1 << 18, 1}, large_off = {65535, false, false, 1 << 18, 1},
        large_on_1m = {65535, true, false, 1 << 20, 1},
        large_off_1m = {65535, false, false, 1 << 20, 1}, one = {1500, true, false, 0, 1},
        one_off = {1500, false, false, 0, 1}, many = {1500, true, false, 1 << 16, MANY},
        none = {1500, true, false, 0, 0};
    static struct flood syns, acks = {.acks = true};
    const struct bench_row rows[] = {
        {"bulk, MTU 1500, window 128 KB", bulk, pair_of(&small_on), STEP_BYTES, NULL},
        {"bulk, MTU 1500, window 1 MB", bulk, pair_of(&small_on_1m), STEP_BYTES, NULL},
        {"bulk, MTU 1500, 128 KB, checksums off", bulk, pair_of(&small_off), STEP_BYTES, NULL},
        {"bulk, MTU 1500, 1 MB, checksums off", bulk, pair_of(&small_off_1m), STEP_BYTES, NULL},
        {"bulk, cut by the device", bulk, pair_of(&cut_on), STEP_BYTES, NULL},
        {"bulk, cut by the device, checksums off", bulk, pair_of(&cut_off), STEP_BYTES, NULL},
        {"bulk, MTU 65535, window 256 KB", bulk, pair_of(&large_on), STEP_BYTES, NULL},
        {"bulk, MTU 65535, window 1 MB", bulk, pair_of(&large_on_1m), STEP_BYTES, NULL},
        {"bulk, MTU 65535, 256 KB, checksums off", bulk, pair_of(&large_off), STEP_BYTES, NULL},
        {"bulk, MTU 65535, 1 MB, checksums off", bulk, pair_of(&large_off_1m), STEP_BYTES, NULL},
        {"round trip, 64 bytes", round_trip, pair_of(&one), 0, NULL},
        {"round trip, 64 bytes, checksums off", round_trip, pair_of(&one_off), 0, NULL},
        {"round trip, 64 bytes, 10,000 connections", round_trip, pair_of(&many), 0, NULL},
        {"connect and close", connect_close, pair_of(&none), 0, NULL},
        {"SYN answered by a cookie", flood, &syns, 0, NULL},
        {"ACK that is no good cookie", flood, &acks, 0, NULL},
    };
    enum { ROWS = sizeof rows / sizeof rows[0] };
    bool one_row = argc > 1 && (strcmp(argv[1], "--once") == 0 || strcmp(argv[1], "--list") == 0);
    /* No row is to be measured with its setup, nor with the ACKs at once of new connections. */
    for (unsigned i = 0; i < ROWS && !one_row; i++)
        rows[i].run(rows[i].ctx, rows[i].run == round_trip ? 20 * MANY : 50);
    if (argc == 1 || strcmp(argv[1], "--quick") == 0)
        print_memory();
    return bench_main(argc, argv, "tcp", rows, ROWS);
}
