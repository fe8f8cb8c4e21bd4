/* SPDX-License-Identifier: MIT
 * A megabyte goes to an echo server and comes back, over a wire that loses one packet in fifty, and is
 * compared. Two stacks in one process; time is a number that this program counts up. What to look at:
 * the loop (events, then reads and writes until they would block, then the wire), the half-close that
 * ends the conversation, and what weir_tcp_info() tells at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/weir.h"

enum { BYTES = 1 << 20, CHUNK = 16384, PORT = 7 };

struct host {
    void *memory;
    weir_stack *stack;
    unsigned ifindex;
    uint32_t dice; /* decides which of its packets the wire loses */
};

static void check(int result, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, weir_strerror(result));
    exit(1);
}

/* ---- a wire that loses packets ---- */

static void port_input(void *ctx, const struct weir_rx *packets, unsigned n, weir_time now)
{
    struct host *host = ctx;
    weir_stack_input(host->stack, host->ifindex, packets, n, now);
}

static unsigned port_output(void *ctx, struct weir_tx *packets, unsigned max, weir_time now)
{
    struct host *host = ctx;
    unsigned n = weir_stack_output(host->stack, host->ifindex, packets, max, now), kept = 0;
    for (unsigned i = 0; i < n; i++) {
        host->dice = host->dice * 1664525U + 1013904223U;
        if ((host->dice >> 16) % 50 != 0)
            packets[kept++] = packets[i];
    }
    return kept;
}

static void host_open(struct host *host, const struct weir_memwire_config *wire,
                      const char *address)
{
    struct weir_config config;
    weir_config_default(&config);
    config.interfaces_max = 1;
    size_t size = (weir_stack_size(&config) + 63) / 64 * 64;
    host->memory = size != 0 ? aligned_alloc(64, size) : NULL;
    host->stack = weir_stack_init(host->memory, size, &config, 0);
    if (host->stack == NULL)
        check(WEIR_E_MEMORY, "stack");
    struct weir_iface_config iface;
    weir_memwire_iface(wire, &iface);
    int ifindex = weir_stack_add_iface(host->stack, &iface);
    check(ifindex, "interface");
    host->ifindex = (unsigned)ifindex;
    struct weir_addr addr;
    unsigned prefix_len;
    check(weir_prefix_parse(address, &addr, &prefix_len), address);
    check(weir_stack_add_address(host->stack, host->ifindex, &addr, prefix_len), address);
}

static weir_handle endpoint(struct host *host, uint16_t port)
{
    struct weir_tcp_config config = {.size = sizeof config, .port = port};
    weir_handle handle;
    check(weir_tcp_open(host->stack, &config, &handle), "endpoint");
    return handle;
}

/* ---- the server: what it reads it writes ---- */

struct server {
    struct host host;
    weir_handle listener, connection;
    bool connected, ended;
    size_t held; /* bytes in `chunk` read and not yet written */
    uint8_t chunk[CHUNK];
};

static void server_run(struct server *server)
{
    weir_stack *stack = server->host.stack;
    if (!server->connected)
        server->connected =
            weir_tcp_accept(stack, server->listener, 0, &server->connection) == WEIR_OK;
    while (server->connected && !server->ended) {
        if (server->held == 0) {
            int n = weir_tcp_receive(stack, server->connection, server->chunk, CHUNK, 0);
            if (n == WEIR_E_WOULD_BLOCK)
                return;
            check(n, "server receives");
            server->held = (size_t)n;
            server->ended = n == 0;
        }
        int n = weir_tcp_send(stack, server->connection, server->chunk, server->held, 0);
        if (n == WEIR_E_WOULD_BLOCK)
            return;
        check(n, "server sends");
        server->held -= (size_t)n;
        memmove(server->chunk, server->chunk + n, server->held);
    }
    if (server->ended)
        weir_tcp_close(stack, server->connection); /* again and again is no harm: it is stale then */
}

/* ---- the client: writes and reads whatever can be, and never waits for one before the other ---- */

struct client {
    struct host host;
    weir_handle connection;
    size_t sent, received;
    bool ended;
};

static uint8_t byte_at(size_t offset)
{
    return (uint8_t)(offset * 2654435761U >> 13);
}

static void client_run(struct client *client)
{
    static uint8_t chunk[CHUNK];
    int n = 0;
    while (client->sent < BYTES) {
        size_t len = BYTES - client->sent < CHUNK ? BYTES - client->sent : CHUNK;
        for (size_t i = 0; i < len; i++)
            chunk[i] = byte_at(client->sent + i);
        n = weir_tcp_send(client->host.stack, client->connection, chunk, len, 0);
        if (n == WEIR_E_WOULD_BLOCK)
            break;
        check(n, "client sends");
        client->sent += (size_t)n;
        if (client->sent == BYTES) /* our half is over; the other goes on */
            check(weir_tcp_shutdown(client->host.stack, client->connection, WEIR_TCP_SHUT_SEND),
                  "shutdown");
    }
    while (!client->ended) {
        n = weir_tcp_receive(client->host.stack, client->connection, chunk, CHUNK, 0);
        if (n == WEIR_E_WOULD_BLOCK)
            return;
        check(n, "client receives");
        for (int i = 0; i < n; i++)
            if (chunk[i] != byte_at(client->received + (size_t)i))
                check(WEIR_E_FORMAT, "a byte has changed");
        client->received += (size_t)n;
        client->ended = n == 0;
    }
}

static void report(struct client *client, weir_time now)
{
    struct weir_tcp_info info;
    check(weir_tcp_info(client->host.stack, client->connection, &info), "info");
    printf("%zu bytes went and came back in %.3f s\n", client->received, (double)now / 1e9);
    printf("state %s, round trip %u us, cwnd %u, %u segments out, %u of them again\n",
           weir_tcp_state_name(info.state), info.srtt_us, info.cwnd_bytes, info.segments_out,
           info.retransmits);
}

int main(void)
{
    static struct weir_memwire wire;
    static struct server server;
    static struct client client;
    struct weir_memwire_config config = {.size = sizeof config, .mtu_bytes = 1500, .checksums = true};
    client.host.dice = 1;
    server.host.dice = 2;
    host_open(&client.host, &config, "192.0.2.1/24");
    host_open(&server.host, &config, "192.0.2.2/24");
    struct weir_port a = {.ctx = &client.host, .input = port_input, .output = port_output};
    struct weir_port b = {.ctx = &server.host, .input = port_input, .output = port_output};
    check(weir_memwire_init(&wire, &config, &a, &b), "wire");

    server.listener = endpoint(&server.host, PORT);
    check(weir_tcp_listen(server.host.stack, server.listener, 1), "listen");
    client.connection = endpoint(&client.host, 0);
    struct weir_addr to;
    check(weir_addr_parse("192.0.2.2", &to), "address");
    check(weir_tcp_connect(client.host.stack, client.connection, &to, PORT), "connect");

    weir_time now = 0;
    while (!client.ended && now < 600 * WEIR_NS_PER_S) {
        weir_stack_advance(client.host.stack, now);
        weir_stack_advance(server.host.stack, now);
        client_run(&client);
        server_run(&server);
        while (weir_memwire_step(&wire, now) > 0)
            continue;
        now += WEIR_NS_PER_MS;
    }
    check(client.ended && client.received == BYTES ? WEIR_OK : WEIR_E_TIMED_OUT, "echo");
    report(&client, now);
    free(client.host.memory);
    free(server.host.memory);
    return 0;
}
