/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_DIRECTORY */
#include "memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "driver/entropy.h"
#include "http_server.h"
#include "weir/memwire.h"
#include "weir/net.h"

enum {
    CLIENT = 0,
    SERVER,
    SIDES,
    STACK_ALIGNMENT = 64,
    CONNECTIONS = 64,
    MEMORY_KB = 16384,
    EVENTS = 32,
    STEPS = 32, /* of the wire, in one turn */
    MTU_DEFAULT = 1500
};

struct memory {
    weir_stack *stack[SIDES]; /* in memory of its own each */
    struct weir_memwire wire;
    struct tcp_host *host;
    struct http_server http;
};

static void input(void *ctx, const struct weir_rx *packets, unsigned n, weir_time now)
{
    weir_stack_input(ctx, 0, packets, n, now);
}

static unsigned output(void *ctx, struct weir_tx *packets, unsigned max, weir_time now)
{
    return weir_stack_output(ctx, 0, packets, max, now);
}

/* A stack with one address; NULL: a line was printed. */
static weir_stack *make_stack(const struct weir_memwire_config *wire, struct weir_addr address,
                              weir_time now)
{
    struct weir_config config;
    struct weir_iface_config iface;
    weir_config_default(&config);
    config.packet_memory_kb = MEMORY_KB;
    if (entropy_bytes(config.secret, sizeof config.secret) != WEIR_OK ||
        entropy_bytes(&config.seed, sizeof config.seed) != WEIR_OK) {
        cli_error("no random bytes from the system: %m");
        return NULL;
    }
    size_t size =
        (weir_stack_size(&config) + STACK_ALIGNMENT - 1) / STACK_ALIGNMENT * STACK_ALIGNMENT;
    void *space = aligned_alloc(STACK_ALIGNMENT, size);
    weir_stack *stack = weir_stack_init(space, size, &config, now);
    if (stack == NULL) {
        cli_error("no memory");
        free(space);
        return NULL;
    }
    weir_memwire_iface(wire, &iface);
    int error = weir_stack_add_iface(stack, &iface);
    if (error >= 0)
        error = weir_stack_add_address(stack, 0, &address, weir_addr_is_ip4(&address) ? 24 : 64);
    if (error == WEIR_OK)
        return stack;
    cli_error("the stacks in memory: %s", weir_strerror(error));
    free(stack);
    return NULL;
}

static bool make_server(struct memory *m, const struct memory_args *args)
{
    m->http.root = open(args->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    m->http.allow_put = true;
    m->http.upload_bytes_max = UINT64_MAX;
    if (m->http.root < 0) {
        cli_error("%s: %m", args->directory);
        return false;
    }
    if (!http_server_init(&m->http))
        return false;
    m->host = tcp_host_new(m->stack[SERVER], CONNECTIONS, MEMORY_KB);
    if (m->host != NULL && args->fast_open)
        tcp_host_fast_open(m->host);
    int error =
        m->host != NULL ? tcp_host_listen(m->host, &m->http.service, args->port) : WEIR_E_MEMORY;
    if (error != WEIR_OK)
        cli_error("the server in memory: %s", weir_strerror(error));
    return error == WEIR_OK;
}

struct memory *memory_open(const struct memory_args *args, weir_time now)
{
    struct weir_memwire_config wire = {.size = sizeof wire,
                                       .mtu_bytes =
                                           args->mtu_bytes > 0 ? args->mtu_bytes : MTU_DEFAULT,
                                       .checksums = args->no_offload,
                                       .super_packets = !args->no_offload};
    struct weir_addr client = args->server;
    client.bytes[15] = client.bytes[15] == 1 ? 2 : 1;
    struct memory *m = calloc(1, sizeof *m);
    if (m == NULL) {
        cli_error("no memory");
        return NULL;
    }
    m->http.root = -1;
    m->stack[CLIENT] = make_stack(&wire, client, now);
    m->stack[SERVER] = m->stack[CLIENT] != NULL ? make_stack(&wire, args->server, now) : NULL;
    if (m->stack[SERVER] == NULL || !make_server(m, args)) {
        memory_close(m);
        return NULL;
    }
    struct weir_port port[SIDES];
    for (unsigned i = 0; i < SIDES; i++)
        port[i] = (struct weir_port){.ctx = m->stack[i], .input = input, .output = output};
    int error = weir_memwire_init(&m->wire, &wire, &port[CLIENT], &port[SERVER]);
    if (error == WEIR_OK)
        return m;
    cli_error("the wire in memory: %s", weir_strerror(error));
    memory_close(m);
    return NULL;
}

void memory_close(struct memory *m)
{
    tcp_host_free(m->host);
    if (m->http.root >= 0)
        (void)close(m->http.root);
    for (unsigned i = 0; i < SIDES; i++)
        free(m->stack[i]);
    free(m);
}

weir_stack *memory_stack(struct memory *m)
{
    return m->stack[CLIENT];
}

weir_time memory_turn(struct memory *m, weir_time (*serve)(void *ctx, weir_time now), void *ctx,
                      weir_time now)
{
    struct weir_event event[EVENTS];
    weir_time wake = WEIR_TIME_NEVER;
    unsigned n;
    for (unsigned i = 0; i < SIDES; i++)
        if (weir_stack_deadline(m->stack[i]) <= now)
            weir_stack_advance(m->stack[i], now);
    while ((n = weir_stack_events(m->stack[SERVER], event, EVENTS)) > 0)
        for (unsigned i = 0; i < n; i++)
            (void)tcp_host_event(m->host, &event[i]);
    wake = tcp_host_turn(m->host, now);
    weir_time client = serve(ctx, now);
    wake = client < wake ? client : wake;
    for (unsigned i = 0; i < STEPS; i++) {
        if (weir_memwire_step(&m->wire, now) == 0)
            break;
        wake = 0; /* what came may be answered */
    }
    for (unsigned i = 0; i < SIDES; i++)
        if (weir_stack_deadline(m->stack[i]) < wake)
            wake = weir_stack_deadline(m->stack[i]);
    return wake;
}
