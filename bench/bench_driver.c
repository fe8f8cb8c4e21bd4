/* SPDX-License-Identifier: MIT
 * What it costs to move a packet through a device of the kernel's: a TUN in a network namespace of
 * this program's own. Reading is measured with packets that the kernel forwards from one TUN to
 * another, so a row has the cost of both ends and of the kernel's own work between them; TCP with a
 * socket of the kernel's. Where such a namespace may not be made there is nothing to measure, which
 * is said and no failure. */
#define _GNU_SOURCE /* unshare() */
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/clock.h"
#include "driver/host.h"
#include "driver/tun.h"
#include "weir/weir.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum { LARGE = 64000, SEGMENT = 1460 };

static const struct ip4_addr near = {{10, 1, 0, 2}}, far = {{10, 2, 0, 2}};
/* Dropped by the kernel as soon as it looks at the destination. */
static const struct ip4_addr nowhere = {{0, 1, 2, 3}};

struct bench_path {
    struct device *from, *to;
    struct ip4_addr destination;
    uint32_t payload;
    uint16_t segment;
    struct weir_tx tx[DEVICE_BATCH];
};

static uint8_t payload[LARGE];

/* UDP, or TCP in one piece; checksums are the kernel's work. */
static void path_packet(struct bench_path *p, struct weir_tx *tx)
{
    bool tcp = p->segment != 0;
    size_t header_len = tcp ? TCP_HEADER_BYTES : UDP_HEADER_LEN;
    uint16_t transport = (uint16_t)(header_len + p->payload);
    uint8_t protocol = tcp ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP;
    memset(tx, 0, sizeof *tx);
    ip4_emit(tx->headers, sizeof tx->headers,
             &(struct ip4){.source = near,
                           .destination = p->destination,
                           .payload_len = transport,
                           .dont_fragment = true,
                           .ttl = 64,
                           .protocol = protocol});
    uint8_t *t = tx->headers + IP4_HEADER_MIN;
    uint16_t sum = csum_fold(ip4_pseudo(near, p->destination, protocol, transport));
    tx->checksum_offset = tcp ? 16 : 6;
    store16(t, 1000);
    store16(t + 2, 9);
    store16(t + 4, transport); /* of UDP; part of the sequence number of TCP, which is any */
    if (tcp)
        store16(t + 12, 5 << 12 | TCP_ACK);
    memcpy(t + tx->checksum_offset, &sum, sizeof sum);
    tx->header_len = (uint16_t)(IP4_HEADER_MIN + header_len);
    tx->len = tx->header_len + p->payload;
    tx->frag[0] = (struct weir_ref){payload, p->payload};
    tx->frag_count = 1;
    tx->checksum_wanted = 1;
    tx->checksum_start = IP4_HEADER_MIN;
    if (tcp) {
        tx->segmentation = WEIR_SEGMENT_TCP4;
        tx->segment_size = p->segment;
        tx->segment_count = (uint16_t)((p->payload + p->segment - 1) / p->segment);
    }
}

static void path_send(struct bench_path *p, unsigned n)
{
    while (n > 0) {
        unsigned batch = n < DEVICE_BATCH ? n : DEVICE_BATCH;
        n -= device_send(p->from, p->tx, batch, 0);
    }
}

static void write_only(void *ctx, uint64_t n)
{
    for (; n > 0; n -= n < DEVICE_BATCH ? n : DEVICE_BATCH)
        path_send(ctx, n < DEVICE_BATCH ? (unsigned)n : DEVICE_BATCH);
}

/* Send a batch and read it back from the other device. */
static void write_and_read(void *ctx, uint64_t n)
{
    struct bench_path *p = ctx;
    struct weir_rx rx[DEVICE_BATCH];
    while (n > 0) {
        unsigned batch = n < 16 ? (unsigned)n : 16, got = 0;
        path_send(p, batch);
        while (got < batch) {
            unsigned k = device_receive(p->to, rx, DEVICE_BATCH, 0);
            struct pollfd readable = {.fd = device_fd(p->to), .events = POLLIN};
            if (k == 0 && poll(&readable, 1, 1000) != 1)
                break; /* the kernel lost some */
            for (unsigned i = 0; i < k; i++)
                got += rx[i].len == p->tx[0].len;
        }
        n -= batch;
    }
}

/* A stack on a device, and a socket of the kernel that talks to its echo endpoint. */
struct echo {
    struct device *device;
    weir_stack *stack;
    weir_handle udp;
    int socket;
};

static void require(bool good)
{
    if (!good)
        abort();
}

static struct echo *echo_new(struct device *device, const char *address)
{
    struct echo *e = calloc(1, sizeof *e);
    struct weir_config config;
    struct weir_iface_config iface;
    struct weir_udp_config udp = {.size = sizeof udp, .port = 7};
    struct weir_addr own;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7)};
    require(e != NULL && weir_addr_parse(address, &own) == WEIR_OK);
    require(inet_pton(AF_INET, address, &to.sin_addr) == 1);
    e->device = device;
    weir_config_default(&config);
    size_t size = (weir_stack_size(&config) + 63) / 64 * 64;
    e->stack = weir_stack_init(aligned_alloc(64, size), size, &config, 0);
    require(e->stack != NULL);
    device_iface(device, &iface);
    require(weir_stack_add_iface(e->stack, &iface) == 0);
    require(weir_stack_add_address(e->stack, 0, &own, 24) == WEIR_OK);
    require(weir_udp_open(e->stack, &udp, &e->udp) == WEIR_OK);
    e->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    require(e->socket >= 0);
    require(connect(e->socket, (struct sockaddr *)&to, sizeof to) == 0);
    return e;
}

/* Request and answer: the kernel's socket, TUN, the stack and back, in one thread without waiting. */
static void echo_round(void *ctx, uint64_t n)
{
    struct echo *e = ctx;
    struct weir_rx rx[DEVICE_BATCH];
    struct weir_tx tx[DEVICE_BATCH];
    struct weir_datagram from;
    uint8_t data[64] = {0};
    for (uint64_t i = 0; i < n; i++) {
        require(send(e->socket, data, 18, 0) == 18);
        int len;
        do {
            unsigned got = device_receive(e->device, rx, DEVICE_BATCH, 0);
            weir_stack_input(e->stack, 0, rx, got, 0);
            len = weir_udp_receive(e->stack, e->udp, &from, data, sizeof data);
        } while (len == WEIR_E_WOULD_BLOCK);
        require(len == 18);
        require(weir_udp_send(e->stack, e->udp, &from, data, 18) == WEIR_OK);
        unsigned out = weir_stack_output(e->stack, 0, tx, DEVICE_BATCH, 0);
        require(out == 1 && device_send(e->device, tx, out, 0) == out);
        require(recv(e->socket, data, sizeof data, 0) == 18);
    }
}

/* A TCP connection from a socket of the kernel's to a stack on a device. */
struct stream {
    struct device *device;
    weir_stack *stack;
    weir_handle connection;
    int socket;
    uint8_t step[65536];
};

/* Carry what is there, both ways. */
static void stream_carry(struct stream *t)
{
    struct weir_rx rx[DEVICE_BATCH];
    struct weir_tx tx[DEVICE_BATCH];
    weir_time now = clock_monotonic();
    unsigned got = device_receive(t->device, rx, DEVICE_BATCH, now), out;
    weir_stack_input(t->stack, 0, rx, got, now);
    weir_stack_advance(t->stack, now);
    do {
        out = weir_stack_output(t->stack, 0, tx, DEVICE_BATCH, now);
    } while (out > 0 && device_send(t->device, tx, out, now) == out);
}

static struct stream *stream_new(struct device *device, const char *address)
{
    struct stream *t = calloc(1, sizeof *t);
    struct weir_config config;
    struct weir_iface_config iface;
    struct weir_tcp_config tcp = {.size = sizeof tcp, .port = 9};
    struct weir_addr own;
    weir_handle listener;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    require(t != NULL && weir_addr_parse(address, &own) == WEIR_OK);
    require(inet_pton(AF_INET, address, &to.sin_addr) == 1);
    t->device = device;
    weir_config_default(&config);
    size_t size = (weir_stack_size(&config) + 63) / 64 * 64;
    t->stack = weir_stack_init(aligned_alloc(64, size), size, &config, clock_monotonic());
    require(t->stack != NULL);
    device_iface(device, &iface);
    require(weir_stack_add_iface(t->stack, &iface) == 0);
    require(weir_stack_add_address(t->stack, 0, &own, 24) == WEIR_OK);
    require(weir_tcp_open(t->stack, &tcp, &listener) == WEIR_OK);
    require(weir_tcp_listen(t->stack, listener, 1) == WEIR_OK);
    t->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    require(t->socket >= 0);
    (void)connect(t->socket, (struct sockaddr *)&to, sizeof to);
    while (weir_tcp_accept(t->stack, listener, 0, &t->connection) != WEIR_OK)
        stream_carry(t);
    return t;
}

/* n steps of 64 KB from the stack to the kernel's socket, in one thread without waiting. */
static void stream_down(void *ctx, uint64_t n)
{
    struct stream *t = ctx;
    uint64_t sent = 0, received = 0, bytes = n * sizeof t->step;
    while (received < bytes) {
        uint64_t left = bytes - sent;
        int k = left == 0 ? 0
                          : weir_tcp_send(t->stack, t->connection, t->step,
                                          left < sizeof t->step ? (size_t)left : sizeof t->step, 0);
        sent += k > 0 ? (uint64_t)k : 0;
        stream_carry(t);
        for (ssize_t r; (r = recv(t->socket, t->step, sizeof t->step, 0)) > 0;)
            received += (uint64_t)r;
    }
}

/* And the other way. */
static void stream_up(void *ctx, uint64_t n)
{
    struct stream *t = ctx;
    uint64_t sent = 0, received = 0, bytes = n * sizeof t->step;
    while (received < bytes) {
        uint64_t left = bytes - sent;
        ssize_t k = left == 0 ? 0
                              : send(t->socket, t->step,
                                     left < sizeof t->step ? (size_t)left : sizeof t->step, 0);
        sent += k > 0 ? (uint64_t)k : 0;
        stream_carry(t);
        for (int r; (r = weir_tcp_receive(t->stack, t->connection, t->step, sizeof t->step, 0)) > 0;)
            received += (uint64_t)r;
    }
}

/* A device with a kernel address, up; NULL: it may not be made. */
static struct device *open_net(const char *address, uint32_t without)
{
    struct device *device;
    struct device_error why;
    struct weir_addr own;
    if (tun_open(&device, &(struct tun_config){.without = without}, &why) != WEIR_OK)
        return NULL;
    if (!addr_from_text(&own, address, strlen(address)) ||
        host_set_up(device_name(device), true, &why) != WEIR_OK ||
        host_add_address(device_name(device), own, 24, NULL, &why) != WEIR_OK)
        return NULL;
    return device;
}

static bool forward_ip4(void)
{
    int fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, "1", 1) == 1;
    if (fd >= 0)
        (void)close(fd);
    return done;
}

static struct bench_path *path_new(struct device *from, struct device *to,
                                   struct ip4_addr destination, uint32_t bytes, uint16_t segment)
{
    struct bench_path *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    *p = (struct bench_path){
        .from = from, .to = to, .destination = destination, .payload = bytes, .segment = segment};
    for (unsigned i = 0; i < DEVICE_BATCH; i++)
        path_packet(p, &p->tx[i]);
    return p;
}

int main(int argc, char **argv)
{
    struct device *from = NULL, *to = NULL, *host = NULL, *cuts = NULL, *bare = NULL;
    if (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
        from = open_net("10.1.0.1", 0);
        to = open_net("10.2.0.1", 0);
        host = open_net("10.3.0.1", 0);
        cuts = open_net("10.4.0.1", 0);
        bare = open_net("10.5.0.1", WEIR_CAP_ALL);
    }
    if (from == NULL || to == NULL || host == NULL || cuts == NULL || bare == NULL ||
        !forward_ip4()) {
        fputs("bench_driver: no right to make a TUN here; nothing measured\n", stderr);
        return 0;
    }
    struct stream *fast = stream_new(cuts, "10.4.0.2"), *plain = stream_new(bare, "10.5.0.2");
    const struct bench_row rows[] = {
        {"TUN write, 1500 bytes", write_only, path_new(from, to, nowhere, 1472, 0), 1500, NULL},
        {"TUN write, 64 KB to be cut", write_only, path_new(from, to, nowhere, LARGE, SEGMENT),
         LARGE, "TUN write, 1500 bytes"},
        {"TUN write and read, 1500 bytes", write_and_read, path_new(from, to, far, 1472, 0), 1500,
         NULL},
        {"TUN write and read, 64 KB", write_and_read, path_new(from, to, far, LARGE, SEGMENT),
         LARGE, "TUN write and read, 1500 bytes"},
        {"TCP to the kernel, offloads", stream_down, fast, 65536, NULL},
        {"TCP from the kernel, offloads", stream_up, fast, 65536, NULL},
        {"TCP to the kernel, no offloads", stream_down, plain, 65536, NULL},
        {"TCP from the kernel, no offloads", stream_up, plain, 65536, NULL},
        {"UDP echo over TUN, 18 bytes", echo_round, echo_new(host, "10.3.0.2"), 0, NULL},
    };
    return bench_main(argc, argv, "driver", rows, sizeof rows / sizeof rows[0]);
}
