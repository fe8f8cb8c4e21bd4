/* SPDX-License-Identifier: MIT
 * Peers of an echo service over the kernel's TCP that send and never read: their windows close, and what
 * they sent stays with the service.
 *     stuck_peers ADDRESS PORT COUNT BYTES
 * Prints "stuck N" when N of them are connected and can send no more (and have sent BYTES, or less), and
 * then, each time that a line comes on standard input, "reset N": how many the service has reset. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 200, EVENTS = 256, SOME = 100, BUFFER = 4096, SETTLED_MS = 1500, LONGEST_S = 60 };

struct peer {
    int fd;
    uint32_t sent;
    int connected, over;
};

static struct peer *peers;
static unsigned count, begun, connected, reset;
static uint32_t bytes;

static int fail(const char *what)
{
    fprintf(stderr, "stuck_peers: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A small receive buffer, so that little is enough to close the window. */
static void begin(int epoll, const struct sockaddr_in *to)
{
    int small = BUFFER;
    struct peer *p = &peers[begun];
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (p->fd < 0 || setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) != 0)
        fail("socket");
    if (connect(p->fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS)
        fail("connect");
    struct epoll_event event = {.events = EPOLLOUT | EPOLLET, .data.u32 = begun};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, p->fd, &event) != 0)
        fail("epoll_ctl");
    begun++;
}

/* Connected, writable again, or gone. Answers whether it sent anything. */
static int tell(struct peer *p, uint32_t events)
{
    static const char data[16384];
    int some = 0;
    if (p->over)
        return 0;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        p->over = 1;
        reset++;
        connected += !p->connected; /* it does not hold up the others */
        close(p->fd);
        return 1;
    }
    connected += !p->connected;
    some = !p->connected;
    p->connected = 1;
    while (p->sent < bytes) {
        uint32_t left = bytes - p->sent;
        ssize_t n = send(p->fd, data, left < sizeof data ? left : sizeof data, MSG_NOSIGNAL);
        if (n <= 0)
            return some;
        p->sent += (uint32_t)n;
        some = 1;
    }
    return some;
}

static unsigned wait_for(int epoll, int ms)
{
    struct epoll_event event[EVENTS];
    int n = epoll_wait(epoll, event, EVENTS, ms), some = 0;
    for (int i = 0; i < n; i++)
        some += tell(&peers[event[i].data.u32], event[i].events);
    return (unsigned)some;
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    char line[16];
    if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
        return 2;
    to.sin_port = htons((uint16_t)atoi(argv[2]));
    count = (unsigned)atoi(argv[3]);
    bytes = (uint32_t)atoi(argv[4]);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < count + SOME)
        return 77; /* too few descriptors: passed over */
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    peers = calloc(count, sizeof *peers);
    int epoll = epoll_create1(0);
    if (peers == NULL || epoll < 0)
        return fail("memory");
    double end = seconds() + LONGEST_S, settled = seconds();
    while (seconds() < end && (connected < count || seconds() < settled + SETTLED_MS / 1e3)) {
        while (begun < count && begun - connected < AT_ONCE)
            begin(epoll, &to);
        if (wait_for(epoll, 100) > 0)
            settled = seconds();
        if (reset > 0 && connected == count)
            break; /* it has begun */
    }
    printf("stuck %u\n", connected);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        while (wait_for(epoll, 0) > 0)
            ;
        printf("reset %u\n", reset);
        fflush(stdout);
    }
    return 0;
}
