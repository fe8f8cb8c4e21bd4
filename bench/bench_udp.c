/* SPDX-License-Identifier: MIT
 * UDP echo between two stacks in one process over the in-memory wire: a request and its answer, both
 * ends, through every layer, and datagrams one way. One thread does both ends. */
#include <stdlib.h>

#include "bench.h"
#include "weir/weir.h"

enum { DATAGRAM_MAX = 65000, BURST = 16 };

struct host {
    weir_stack *stack;
    weir_handle udp;
};

struct pair {
    struct weir_memwire wire;
    struct host client, server;
    size_t bytes;
    uint8_t out[DATAGRAM_MAX], in[DATAGRAM_MAX];
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

static void host_init(struct host *host, const struct weir_memwire_config *wire, const char *address)
{
    struct weir_config config;
    struct weir_iface_config iface;
    struct weir_addr addr;
    unsigned prefix_len;
    weir_config_default(&config);
    size_t size = (weir_stack_size(&config) + 63) / 64 * 64;
    host->stack = weir_stack_init(aligned_alloc(64, size), size, &config, 0);
    require(host->stack != NULL);
    weir_memwire_iface(wire, &iface);
    require(weir_stack_add_iface(host->stack, &iface) == 0);
    require(weir_prefix_parse(address, &addr, &prefix_len) == WEIR_OK);
    require(weir_stack_add_address(host->stack, 0, &addr, prefix_len) == WEIR_OK);
    struct weir_udp_config udp = {.size = sizeof udp, .port = 7, .receive_bytes_max = 1 << 21,
                                  .send_bytes_max = 1 << 21};
    require(weir_udp_open(host->stack, &udp, &host->udp) == WEIR_OK);
}

static struct pair *pair_new(uint32_t mtu, bool checksums, size_t bytes, const char *client,
                             const char *server)
{
    struct pair *p = calloc(1, sizeof *p);
    struct weir_memwire_config config = {
        .size = sizeof config, .mtu_bytes = mtu, .checksums = checksums};
    struct weir_addr to;
    unsigned prefix_len;
    require(p != NULL);
    host_init(&p->client, &config, client);
    host_init(&p->server, &config, server);
    require(weir_prefix_parse(server, &to, &prefix_len) == WEIR_OK);
    require(weir_udp_connect(p->client.stack, p->client.udp, &to, 7) == WEIR_OK);
    struct weir_port a = {p->client.stack, host_input, host_output};
    struct weir_port b = {p->server.stack, host_input, host_output};
    require(weir_memwire_init(&p->wire, &config, &a, &b) == WEIR_OK);
    p->bytes = bytes;
    return p;
}

static void carry(struct pair *p)
{
    while (weir_memwire_step(&p->wire, 0) > 0)
        continue;
}

static void echo(void *ctx, uint64_t n)
{
    struct pair *p = ctx;
    struct weir_datagram from;
    for (uint64_t i = 0; i < n; i++) {
        p->out[0] = (uint8_t)i;
        require(weir_udp_send(p->client.stack, p->client.udp, NULL, p->out, p->bytes) == WEIR_OK);
        carry(p);
        int len = weir_udp_receive(p->server.stack, p->server.udp, &from, p->in, sizeof p->in);
        require(len == (int)p->bytes);
        require(weir_udp_send(p->server.stack, p->server.udp, &from, p->in, p->bytes) == WEIR_OK);
        carry(p);
        len = weir_udp_receive(p->client.stack, p->client.udp, NULL, p->in, sizeof p->in);
        require(len == (int)p->bytes && p->in[0] == (uint8_t)i);
    }
}

static void one_way(void *ctx, uint64_t n)
{
    struct pair *p = ctx;
    for (uint64_t i = 0; i < n;) {
        unsigned burst = n - i < BURST ? (unsigned)(n - i) : BURST;
        for (unsigned k = 0; k < burst; k++)
            require(weir_udp_send(p->client.stack, p->client.udp, NULL, p->out, p->bytes) ==
                    WEIR_OK);
        carry(p);
        for (unsigned k = 0; k < burst; k++)
            require(weir_udp_receive(p->server.stack, p->server.udp, NULL, p->in, sizeof p->in) ==
                    (int)p->bytes);
        i += burst;
    }
}

int main(int argc, char **argv)
{
    const char *c4 = "10.0.0.1/24", *s4 = "10.0.0.2/24", *c6 = "fd00::1/64", *s6 = "fd00::2/64";
    const struct bench_row rows[] = {
        {"echo, 18 bytes, IPv4", echo, pair_new(1500, true, 18, c4, s4), 0, NULL},
        {"echo, 18 bytes, IPv4, checksums off", echo, pair_new(1500, false, 18, c4, s4), 0, NULL},
        {"echo, 18 bytes, IPv6", echo, pair_new(1500, true, 18, c6, s6), 0, NULL},
        {"one way, 18 bytes", one_way, pair_new(1500, true, 18, c4, s4), 18, NULL},
        {"one way, 1472 bytes", one_way, pair_new(1500, true, 1472, c4, s4), 1472, NULL},
        {"one way, 65000 bytes, MTU 65535", one_way, pair_new(65535, true, 65000, c4, s4), 65000,
         NULL},
        {"one way, 65000 bytes in fragments", one_way, pair_new(1500, true, 65000, c4, s4), 65000,
         NULL},
    };
    return bench_main(argc, argv, "udp", rows, sizeof rows / sizeof rows[0]);
}
