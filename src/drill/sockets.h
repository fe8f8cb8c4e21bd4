/* SPDX-License-Identifier: MIT
 * Descriptors over the endpoints of a stack that answer as Linux does: results and errno numbers.
 * Nothing waits: who has to wait hears EAGAIN or EINPROGRESS, and asks again when something has
 * happened. Whoever calls gives the descriptors their numbers. */
#ifndef WEIR_DRILL_SOCKETS_H
#define WEIR_DRILL_SOCKETS_H

#include "weir/weir.h"

enum { SOCKETS_MAX = 64, REQUESTS_MAX = 64 };

/* An address and a port, as sockaddr holds them. */
struct drill_name {
    struct weir_addr address;
    uint16_t port;
};

/* Read all; the rest is not for the caller. */
struct drill_socket {
    bool used;
    int fd;
    bool stream;      /* TCP; else UDP */
    bool nonblocking;
    bool listens, connecting, connected;
    bool custom;      /* what goes through it is not checked against the patterns any more */
    uint64_t bytes_in, bytes_out;

    bool open;        /* `handle` is one */
    weir_handle handle;
    bool bound, reuse, linger;
    int linger_s;
    bool fast_connect; /* TCP_FASTOPEN_CONNECT: connect() leaves it to the first write ... */
    bool fast_waits;   /* ... to go to `fast_name` */
    struct drill_name fast_name;
    int error;        /* found by poll(), to be told by the next call; a WEIR_E_ */
    struct weir_addr local;
    uint16_t port;
    uint16_t local_port, remote_port; /* last seen; for those that look after the end */
    uint32_t value[WEIR_TCP_SETTING_COUNT]; /* before it is open: to be set ... */
    bool set[WEIR_TCP_SETTING_COUNT];       /* ... these */
};

/* A handshake that was asked about, under a number of the script's. */
struct drill_request {
    bool used;
    int number;
    struct weir_tcp_request is;
};

struct drill_sockets {
    weir_stack *stack;
    struct drill_socket socket[SOCKETS_MAX];
    struct drill_request request[REQUESTS_MAX];
};

/* NULL: no such descriptor. */
struct drill_socket *drill_socket_find(struct drill_sockets *s, int fd);

/* The calls. Each answers a count or 0, or minus an errno, and changes nothing then. EBADF when fd is
 * none (or, of open and accept, when the number is taken, or there are too many). */
int drill_socket_open(struct drill_sockets *s, int fd, int domain, int type, int protocol);
int drill_socket_bind(struct drill_sockets *s, int fd, const struct drill_name *name);
int drill_socket_listen(struct drill_sockets *s, int fd, int backlog);
int drill_socket_accept(struct drill_sockets *s, int fd, int new_fd, int flags);
int drill_socket_connect(struct drill_sockets *s, int fd, const struct drill_name *name);
int drill_socket_send(struct drill_sockets *s, int fd, const void *data, size_t len, int flags,
                      const struct drill_name *to);
/* With MSG_FASTOPEN: connect and send before anything leaves. */
int drill_socket_send_fast(struct drill_sockets *s, int fd, const void *data, size_t len,
                           const struct drill_name *to);
int drill_socket_receive(struct drill_sockets *s, int fd, void *data, size_t size, int flags);
int drill_socket_shutdown(struct drill_sockets *s, int fd, int how);
int drill_socket_close(struct drill_sockets *s, int fd);
int drill_socket_fcntl(struct drill_sockets *s, int fd, int command, int argument);
int drill_socket_ioctl(struct drill_sockets *s, int fd, unsigned long request, int *value);
int drill_socket_set(struct drill_sockets *s, int fd, int level, int name, int value);
int drill_socket_get(struct drill_sockets *s, int fd, int level, int name, int *value);
int drill_socket_linger(struct drill_sockets *s, int fd, bool on, int seconds);
/* weir_tcp_asked() and weir_tcp_decide(); `number` names the request. */
int drill_socket_asked(struct drill_sockets *s, int fd, int number,
                       struct weir_tcp_request *request);
int drill_socket_decide(struct drill_sockets *s, int number, enum weir_tcp_verdict verdict);
/* What of `events` is so now, as poll() says in revents. */
int drill_socket_poll(struct drill_sockets *s, int fd, int events);

/* Everything about the TCP endpoint of `socket`, also when it was closed and there is only a record
 * left; false: there is nothing any more. */
bool drill_socket_info(const struct drill_sockets *s, const struct drill_socket *socket,
                       struct weir_tcp_info *info);

#endif
