/* SPDX-License-Identifier: MIT
 * Request and response over UDP, which may lose either: the client asks again when no answer came in
 * time. In what time? First half a second, always; then as RFC 6298 measures it. Two stacks in one
 * process, the in-memory wire between them loses a sixth of the packets, and time is a number that this
 * program counts up: it runs in no time and prints the same every time. */
#include <stdio.h>
#include <stdlib.h>

#include "weir/udp.h"
#include "weir/weir.h"

enum { REQUESTS = 20, TRIES_MAX = 12, PORT = 7000 };

#define FIXED_RTO (WEIR_NS_PER_S / 2)

/* A request, and the answer to it: the try says which of several is answered, as the timestamps of TCP
 * do, so that every answer measures a round trip (RFC 6298 section 3). */
struct message {
    uint32_t request, try;
};

struct host {
    void *memory;
    weir_stack *stack;
    unsigned ifindex;
    weir_handle udp;
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
        if ((host->dice >> 16) % 6 != 0)
            packets[kept++] = packets[i];
    }
    return kept;
}

/* ---- two hosts ---- */

static void host_open(struct host *host, const struct weir_memwire_config *wire,
                      const char *address, uint16_t port)
{
    struct weir_config config;
    weir_config_default(&config);
    config.interfaces_max = 1;
    config.packet_memory_kb = 1024;
    config.packet_memory_reserve_kb = 64;
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
    struct weir_udp_config udp = {.size = sizeof udp, .port = port};
    check(weir_udp_open(host->stack, &udp, &host->udp), "endpoint");
}

/* ---- the server: answers each request after 30 to 60 ms ---- */

struct server {
    struct host host;
    struct weir_datagram from; /* of the request being worked on */
    struct message message;
    weir_time due; /* WEIR_TIME_NEVER: idle */
};

static void server_run(struct server *server, weir_time now)
{
    if (now >= server->due) {
        struct weir_datagram to = {.remote = server->from.remote,
                                   .remote_port = server->from.remote_port};
        check(weir_udp_send(server->host.stack, server->host.udp, &to, &server->message,
                            sizeof server->message),
              "answer");
        server->due = WEIR_TIME_NEVER;
    }
    if (server->due == WEIR_TIME_NEVER &&
        weir_udp_receive(server->host.stack, server->host.udp, &server->from, &server->message,
                         sizeof server->message) == (int)sizeof server->message)
        server->due = now + (30 + server->message.request * 7 % 31) * WEIR_NS_PER_MS;
}

/* ---- the client's clock: RFC 6298 ---- */

struct rto {
    bool adaptive, measured;
    weir_time srtt, rttvar, rto;
};

static void rto_init(struct rto *r, bool adaptive)
{
    /* (2.1) until a round trip was measured: one second */
    *r = (struct rto){.adaptive = adaptive, .rto = adaptive ? WEIR_NS_PER_S : FIXED_RTO};
}

/* An answer came: also the end of backing off. */
static void rto_measured(struct rto *r, weir_time rtt)
{
    if (!r->adaptive)
        return;
    if (!r->measured) { /* (2.2) */
        r->srtt = rtt;
        r->rttvar = rtt / 2;
    } else { /* (2.3) */
        weir_time error = r->srtt > rtt ? r->srtt - rtt : rtt - r->srtt;
        r->rttvar += (error - r->rttvar) / 4;
        r->srtt += (rtt - r->srtt) / 8;
    }
    r->measured = true;
    /* The least of one second of (2.4) is for TCP and its delayed acknowledgements; the granularity
     * of our clock is a millisecond. */
    weir_time spread = 4 * r->rttvar > WEIR_NS_PER_MS ? 4 * r->rttvar : WEIR_NS_PER_MS;
    r->rto = r->srtt + spread;
}

/* (5.5) back off */
static void rto_expired(struct rto *r)
{
    if (r->adaptive)
        r->rto = 2 * r->rto < 60 * WEIR_NS_PER_S ? 2 * r->rto : 60 * WEIR_NS_PER_S;
}

/* ---- the client ---- */

struct client {
    struct host host;
    struct rto rto;
    uint32_t request; /* the one that waits for its answer */
    unsigned tries;   /* of it */
    weir_time sent_at[TRIES_MAX];
    weir_time deadline;
    unsigned sent, stray, failed;
};

static void client_ask(struct client *client, weir_time now)
{
    struct message message = {.request = client->request, .try = client->tries};
    check(weir_udp_send(client->host.stack, client->host.udp, NULL, &message, sizeof message),
          "request");
    client->sent_at[client->tries++] = now;
    client->sent++;
    client->deadline = now + client->rto.rto;
}

static void client_next(struct client *client, weir_time now)
{
    client->tries = 0;
    if (++client->request < REQUESTS)
        client_ask(client, now);
    else
        client->deadline = WEIR_TIME_NEVER;
}

static void client_answered(struct client *client, const struct message *answer, weir_time now)
{
    if (answer->request != client->request || answer->try >= client->tries) {
        client->stray++; /* the second answer to a request that was sent twice */
        return;
    }
    printf("  request %2u: answered after %4d ms, sent %u time%s\n", (unsigned)client->request,
           (int)((now - client->sent_at[0]) / WEIR_NS_PER_MS), client->tries,
           client->tries == 1 ? "" : "s");
    rto_measured(&client->rto, now - client->sent_at[answer->try]);
    client_next(client, now);
}

static void client_run(struct client *client, weir_time now)
{
    struct message answer;
    int len = weir_udp_receive(client->host.stack, client->host.udp, NULL, &answer, sizeof answer);
    if (len == (int)sizeof answer) {
        client_answered(client, &answer, now);
    } else if (now >= client->deadline && client->tries < TRIES_MAX) {
        rto_expired(&client->rto);
        client_ask(client, now);
    } else if (now >= client->deadline) {
        printf("  request %2u: no answer\n", (unsigned)client->request);
        client->failed++;
        client_next(client, now);
    }
}

/* ---- time ---- */

static weir_time earlier(weir_time a, weir_time b)
{
    return a < b ? a : b;
}

static unsigned run(bool adaptive)
{
    struct weir_memwire_config config = {
        .size = sizeof config, .mtu_bytes = 1500, .checksums = true};
    struct client client = {.host = {.dice = 1}};
    struct server server = {.host = {.dice = 2}, .due = WEIR_TIME_NEVER};
    static struct weir_memwire wire;
    struct weir_addr peer;
    weir_time now = 0;
    host_open(&client.host, &config, "10.0.0.1/24", 0);
    host_open(&server.host, &config, "10.0.0.2/24", PORT);
    check(weir_memwire_init(&wire, &config,
                            &(struct weir_port){&client.host, port_input, port_output},
                            &(struct weir_port){&server.host, port_input, port_output}),
          "wire");
    check(weir_addr_parse("10.0.0.2", &peer), "address");
    check(weir_udp_connect(client.host.stack, client.host.udp, &peer, PORT), "connect");

    rto_init(&client.rto, adaptive);
    client_ask(&client, now);
    while (client.request < REQUESTS) {
        client_run(&client, now);
        server_run(&server, now);
        if (weir_memwire_step(&wire, now) > 0) /* something arrived: time stands still */
            continue;
        weir_time next = earlier(client.deadline, server.due);
        if (next != WEIR_TIME_NEVER && next > now)
            now = next;
        weir_stack_advance(client.host.stack, now);
        weir_stack_advance(server.host.stack, now);
    }
    printf("  in all %d.%03d s, %u requests sent for %d, %u answers too many, %u failed\n",
           (int)(now / WEIR_NS_PER_S), (int)(now / WEIR_NS_PER_MS % 1000), client.sent, REQUESTS,
           client.stray, client.failed);
    free(client.host.memory);
    free(server.host.memory);
    return client.failed;
}

int main(void)
{
    printf("asking again after half a second:\n");
    unsigned failed = run(false);
    printf("asking again after the time that RFC 6298 computes:\n");
    failed += run(true);
    return failed != 0;
}
