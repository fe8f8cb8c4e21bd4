/* SPDX-License-Identifier: MIT
 * A client of an echo service over the kernel's TCP: messages of random sizes, several connections at a
 * time, writing and reading interleaved at random, every byte compared.
 *     echo_peer ADDRESS PORT MESSAGES CONNECTIONS SEED */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, MESSAGE_MAX = 4000, WINDOW = 200000, SILENCE_MS = 20000 };

struct echo {
    int fd;
    uint64_t written, read, planned; /* bytes; planned: the end of the messages begun */
    unsigned messages;               /* still to begin */
    int shut;
};

static uint64_t dice;

static uint32_t draw(uint32_t below)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((dice >> 33) % below);
}

/* The byte at an offset of any stream. */
static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)((offset * 0x9e3779b97f4a7c15U) >> 56);
}

static int fail(const char *what)
{
    fprintf(stderr, "echo_peer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_one(const char *address, uint16_t port)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int is6 = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
    if (!is6 && inet_pton(AF_INET, address, &in4.sin_addr) != 1)
        return fail("address");
    int fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    const struct sockaddr *to = is6 ? (const struct sockaddr *)&in6 : (const struct sockaddr *)&in4;
    if (fd < 0 || connect(fd, to, is6 ? sizeof in6 : sizeof in4) != 0)
        return fail("connect");
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        return fail("fcntl");
    return fd;
}

static void write_some(struct echo *e)
{
    uint8_t buffer[MESSAGE_MAX];
    if (e->written == e->planned && e->messages > 0) {
        e->planned += 1 + draw(draw(4) == 0 ? (uint32_t)MESSAGE_MAX : 100U);
        e->messages--;
    }
    size_t n = (size_t)(e->planned - e->written);
    for (size_t i = 0; i < n; i++)
        buffer[i] = byte_at(e->written + i);
    ssize_t sent = n > 0 ? send(e->fd, buffer, n, MSG_NOSIGNAL) : 0;
    if (sent < 0 && errno != EAGAIN)
        fail("send");
    if (sent > 0)
        e->written += (uint64_t)sent;
    if (e->messages == 0 && e->written == e->planned && !e->shut) {
        e->shut = 1;
        if (shutdown(e->fd, SHUT_WR) != 0)
            fail("shutdown");
    }
}

/* Answers 1 at the end of the stream. */
static int read_some(struct echo *e)
{
    uint8_t buffer[65536];
    ssize_t n = recv(e->fd, buffer, 1 + draw(sizeof buffer), 0);
    if (n < 0 && errno != EAGAIN)
        fail("recv");
    for (ssize_t i = 0; i < n; i++)
        if (buffer[i] != byte_at(e->read + (uint64_t)i)) {
            fprintf(stderr, "echo_peer: byte %llu is not what was sent\n",
                    (unsigned long long)(e->read + (uint64_t)i));
            exit(1);
        }
    if (n > 0)
        e->read += (uint64_t)n;
    return n == 0;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    static struct echo echo[CONNECTIONS_MAX];
    struct pollfd polled[CONNECTIONS_MAX];
    unsigned messages = (unsigned)atoi(argv[3]), count = (unsigned)atoi(argv[4]), left = count;
    uint64_t bytes = 0;
    dice = (uint64_t)atoll(argv[5]);
    if (count == 0 || count > CONNECTIONS_MAX)
        return 2;
    for (unsigned i = 0; i < count; i++)
        echo[i] = (struct echo){.fd = open_one(argv[1], (uint16_t)atoi(argv[2])),
                                .messages = messages / count};
    while (left > 0) {
        for (unsigned i = 0; i < count; i++) {
            struct echo *e = &echo[i];
            int more = !e->shut && e->written - e->read < WINDOW;
            polled[i] = (struct pollfd){.fd = e->fd,
                                        .events = (short)(POLLIN | (more ? POLLOUT : 0))};
        }
        int n = poll(polled, count, SILENCE_MS);
        if (n <= 0) {
            fprintf(stderr, "echo_peer: nothing happened for %d s\n", SILENCE_MS / 1000);
            return 1;
        }
        for (unsigned i = 0; i < count; i++) {
            struct echo *e = &echo[i];
            if ((polled[i].revents & POLLOUT) != 0)
                for (unsigned k = 1 + draw(8); k > 0 && !e->shut; k--)
                    write_some(e);
            if ((polled[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0 || read_some(e) == 0)
                continue;
            if (!e->shut || e->read != e->written) {
                fprintf(stderr, "echo_peer: the end came after %llu of %llu bytes\n",
                        (unsigned long long)e->read, (unsigned long long)e->written);
                return 1;
            }
            bytes += e->read;
            close(e->fd);
            e->fd = -1; /* poll() passes it over */
            left--;
        }
    }
    printf("%u messages, %llu bytes each way, on %u connections\n", messages / count * count,
           (unsigned long long)bytes, count);
    return 0;
}
