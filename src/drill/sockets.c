/* SPDX-License-Identifier: MIT */
#include "drill/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "drill/options.h"

/* ---- errors ---- */

static int to_errno(int error)
{
    static const struct {
        int weir, number;
    } table[] = {
        {WEIR_E_INVALID, EINVAL},         {WEIR_E_EXHAUSTED, ENOBUFS},
        {WEIR_E_NOT_FOUND, EADDRNOTAVAIL}, {WEIR_E_STALE, EBADF},
        {WEIR_E_EXISTS, EADDRINUSE},      {WEIR_E_WOULD_BLOCK, EAGAIN},
        {WEIR_E_UNSUPPORTED, EOPNOTSUPP}, {WEIR_E_RANGE, EINVAL},
        {WEIR_E_UNREACHABLE, EHOSTUNREACH}, {WEIR_E_REFUSED, ECONNREFUSED},
        {WEIR_E_RESET, ECONNRESET},       {WEIR_E_TIMED_OUT, ETIMEDOUT},
        {WEIR_E_ABORTED, ECONNABORTED},   {WEIR_E_CLOSED, EPIPE},
        {WEIR_E_NOT_CONNECTED, ENOTCONN},  {WEIR_E_PRESSURE, ENOMEM},
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].weir == error)
            return table[i].number;
    return EIO;
}

/* A count stays; an error becomes minus its errno. */
static int answer(int result)
{
    return result >= 0 ? result : -to_errno(result);
}

/* ---- the table ---- */

struct drill_socket *drill_socket_find(struct drill_sockets *s, int fd)
{
    for (unsigned i = 0; i < SOCKETS_MAX; i++)
        if (s->socket[i].used && s->socket[i].fd == fd)
            return &s->socket[i];
    return NULL;
}

static struct drill_socket *socket_new(struct drill_sockets *s, int fd, bool stream)
{
    if (fd < 0 || drill_socket_find(s, fd) != NULL)
        return NULL;
    for (unsigned i = 0; i < SOCKETS_MAX; i++)
        if (!s->socket[i].used) {
            s->socket[i] = (struct drill_socket){.used = true, .fd = fd, .stream = stream};
            return &s->socket[i];
        }
    return NULL;
}

int drill_socket_open(struct drill_sockets *s, int fd, int domain, int type, int protocol)
{
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    bool stream = kind == SOCK_STREAM;
    if (domain != AF_INET && domain != AF_INET6)
        return -EAFNOSUPPORT;
    if ((!stream && kind != SOCK_DGRAM) ||
        (protocol != 0 && protocol != (stream ? IPPROTO_TCP : IPPROTO_UDP)))
        return -EPROTONOSUPPORT;
    struct drill_socket *socket = socket_new(s, fd, stream);
    if (socket == NULL)
        return -EBADF;
    socket->nonblocking = (type & SOCK_NONBLOCK) != 0;
    return fd;
}

/* Give it its endpoint, with what was set before. */
static int endpoint_open(struct drill_sockets *s, struct drill_socket *socket)
{
    int error;
    if (socket->open)
        return WEIR_OK;
    if (socket->stream) {
        struct weir_tcp_config config = {.size = sizeof config,
                                         .address = socket->local,
                                         .port = socket->port,
                                         .reuse = socket->reuse && socket->port != 0};
        error = weir_tcp_open(s->stack, &config, &socket->handle);
    } else {
        struct weir_udp_config config = {
            .size = sizeof config, .address = socket->local, .port = socket->port};
        error = weir_udp_open(s->stack, &config, &socket->handle);
    }
    socket->open = error == WEIR_OK;
    for (unsigned i = 0; error == WEIR_OK && socket->stream && i < WEIR_TCP_SETTING_COUNT; i++)
        if (socket->set[i])
            error = weir_tcp_set(s->stack, socket->handle, i, socket->value[i]);
    return error;
}

int drill_socket_bind(struct drill_sockets *s, int fd, const struct drill_name *name)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    if (socket == NULL)
        return -EBADF;
    if (socket->open || socket->bound)
        return -EINVAL;
    socket->local = name->address;
    socket->port = name->port;
    int error = endpoint_open(s, socket);
    socket->bound = error == WEIR_OK;
    return answer(error);
}

int drill_socket_listen(struct drill_sockets *s, int fd, int backlog)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    if (socket == NULL)
        return -EBADF;
    if (!socket->stream)
        return -EOPNOTSUPP;
    int error = endpoint_open(s, socket);
    if (error == WEIR_OK)
        error = weir_tcp_listen(s->stack, socket->handle, backlog > 0 ? (unsigned)backlog : 0);
    socket->listens |= error == WEIR_OK;
    return answer(error);
}

static void remember(const struct drill_sockets *s, struct drill_socket *socket)
{
    struct weir_tcp_info info;
    if (socket->stream && socket->open &&
        weir_tcp_info(s->stack, socket->handle, &info) == WEIR_OK) {
        socket->local_port = info.local_port;
        socket->remote_port = info.remote_port;
    }
}

int drill_socket_accept(struct drill_sockets *s, int fd, int new_fd, int flags)
{
    struct drill_socket *listener = drill_socket_find(s, fd);
    weir_handle handle;
    if (listener == NULL)
        return -EBADF;
    if (!listener->listens)
        return listener->stream ? -EINVAL : -EOPNOTSUPP;
    int error = weir_tcp_accept(s->stack, listener->handle, 0, &handle);
    if (error != WEIR_OK)
        return answer(error);
    struct drill_socket *socket = socket_new(s, new_fd, true);
    if (socket == NULL) {
        (void)weir_tcp_abort(s->stack, handle);
        return -EBADF;
    }
    socket->open = socket->connected = true;
    socket->handle = handle;
    socket->nonblocking = (flags & SOCK_NONBLOCK) != 0;
    remember(s, socket);
    return new_fd;
}

/* What has become of a connect() that was begun. */
static int connect_outcome(struct drill_sockets *s, struct drill_socket *socket)
{
    uint32_t ready = weir_tcp_ready(s->stack, socket->handle);
    if ((ready & WEIR_EVENT_CONNECTED) != 0) {
        socket->connecting = false;
        socket->connected = true;
        return 0;
    }
    if ((ready & WEIR_EVENT_CLOSED) == 0)
        return -EALREADY;
    socket->connecting = false;
    int error = socket->error != 0 ? socket->error : weir_tcp_error(s->stack, socket->handle);
    socket->error = 0;
    return error != WEIR_OK ? answer(error) : -ECONNABORTED;
}

int drill_socket_connect(struct drill_sockets *s, int fd, const struct drill_name *name)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    if (socket == NULL)
        return -EBADF;
    if (socket->connecting)
        return connect_outcome(s, socket);
    if (socket->connected && socket->stream)
        return -EISCONN;
    if (socket->fast_connect && socket->stream) {
        socket->fast_waits = true;
        socket->fast_name = *name;
        return 0;
    }
    int error = endpoint_open(s, socket);
    if (error == WEIR_OK)
        error = socket->stream
                    ? weir_tcp_connect(s->stack, socket->handle, &name->address, name->port)
                    : weir_udp_connect(s->stack, socket->handle, &name->address, name->port);
    if (error != WEIR_OK)
        return error == WEIR_E_EXISTS ? -EADDRNOTAVAIL : answer(error);
    socket->connecting = socket->stream;
    socket->connected = !socket->stream;
    remember(s, socket);
    return socket->stream ? -EINPROGRESS : 0;
}

/* ---- data ---- */

/* An error that poll() has taken out of the stack, once. */
static int kept_error(struct drill_socket *socket)
{
    int error = socket->error;
    socket->error = 0;
    return error;
}

int drill_socket_send(struct drill_sockets *s, int fd, const void *data, size_t len, int flags,
                      const struct drill_name *to)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    if (socket == NULL)
        return -EBADF;
    int error = kept_error(socket);
    if (error != 0)
        return answer(error);
    if (!socket->stream) {
        error = endpoint_open(s, socket);
        struct weir_datagram datagram = {.remote = to != NULL ? to->address : (struct weir_addr){{0}},
                                         .remote_port = to != NULL ? to->port : 0};
        if (error == WEIR_OK)
            error = weir_udp_send(s->stack, socket->handle, to != NULL ? &datagram : NULL, data, len);
        return error == WEIR_E_RANGE ? -EMSGSIZE : error != WEIR_OK ? answer(error) : (int)len;
    }
    if (socket->fast_waits)
        return drill_socket_send_fast(s, fd, data, len, &socket->fast_name);
    if (!socket->open)
        return -EPIPE; /* as Linux says of a socket that was never connected */
    unsigned how = ((flags & MSG_MORE) != 0 ? WEIR_TCP_MORE : 0) |
                   ((flags & MSG_OOB) != 0 ? WEIR_TCP_URGENT : 0);
    int n = weir_tcp_send(s->stack, socket->handle, data, len, how);
    socket->bytes_out += n > 0 ? (uint64_t)n : 0;
    return n == WEIR_E_NOT_CONNECTED ? -EPIPE : answer(n);
}

int drill_socket_send_fast(struct drill_sockets *s, int fd, const void *data, size_t len,
                           const struct drill_name *to)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    if (socket == NULL)
        return -EBADF;
    if (!socket->stream)
        return -EOPNOTSUPP;
    socket->fast_connect = socket->fast_waits = false;
    int error = drill_socket_set(s, fd, IPPROTO_TCP, TCP_FASTOPEN, 1);
    if (error == 0)
        error = drill_socket_connect(s, fd, to);
    return error == -EINPROGRESS ? drill_socket_send(s, fd, data, len, 0, NULL) : error;
}

int drill_socket_receive(struct drill_sockets *s, int fd, void *data, size_t size, int flags)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    if (socket == NULL)
        return -EBADF;
    int error = kept_error(socket);
    if (error != 0)
        return answer(error);
    if (!socket->open)
        return socket->stream ? -ENOTCONN : -EAGAIN;
    if (!socket->stream) {
        int n = weir_udp_receive(s->stack, socket->handle, NULL, data, size);
        return n > 0 && (size_t)n > size ? (int)size : answer(n);
    }
    unsigned how = ((flags & MSG_PEEK) != 0 ? WEIR_TCP_PEEK : 0) |
                   ((flags & MSG_OOB) != 0 ? WEIR_TCP_URGENT : 0);
    int n = weir_tcp_receive(s->stack, socket->handle, data, size, how);
    if (n > 0 && (flags & (MSG_PEEK | MSG_OOB)) == 0)
        socket->bytes_in += (uint64_t)n;
    return n == WEIR_E_CLOSED ? 0 : answer(n);
}

/* ---- ends ---- */

int drill_socket_shutdown(struct drill_sockets *s, int fd, int how)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    if (socket == NULL)
        return -EBADF;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    if (!socket->open || !socket->stream)
        return -ENOTCONN;
    enum weir_tcp_how what = how == SHUT_RD   ? WEIR_TCP_SHUT_RECEIVE
                             : how == SHUT_WR ? WEIR_TCP_SHUT_SEND
                                              : WEIR_TCP_SHUT_BOTH;
    int error = weir_tcp_shutdown(s->stack, socket->handle, what);
    return error == WEIR_E_CLOSED ? -ENOTCONN : answer(error);
}

int drill_socket_close(struct drill_sockets *s, int fd)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    if (socket == NULL)
        return -EBADF;
    remember(s, socket);
    socket->used = false;
    if (!socket->open)
        return 0;
    if (!socket->stream)
        return answer(weir_udp_close(s->stack, socket->handle));
    return answer(socket->linger && socket->linger_s == 0
                      ? weir_tcp_abort(s->stack, socket->handle)
                      : weir_tcp_close(s->stack, socket->handle));
}

/* ---- settings ---- */

int drill_socket_fcntl(struct drill_sockets *s, int fd, int command, int argument)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    if (socket == NULL)
        return -EBADF;
    switch (command) {
    case F_GETFL:
        return O_RDWR | (socket->nonblocking ? O_NONBLOCK : 0);
    case F_SETFL:
        socket->nonblocking = (argument & O_NONBLOCK) != 0;
        return 0;
    case F_GETFD:
    case F_SETFD:
        return 0;
    default:
        return -EINVAL;
    }
}

int drill_socket_ioctl(struct drill_sockets *s, int fd, unsigned long request, int *value)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    struct weir_tcp_info info = {0};
    if (socket == NULL)
        return -EBADF;
    if (request == FIONBIO) {
        socket->nonblocking = *value != 0;
        return 0;
    }
    if (!socket->stream || (socket->open && weir_tcp_info(s->stack, socket->handle, &info) != 0))
        return -EINVAL;
    switch (request) {
    case SIOCINQ:
        *value = (int)info.receive_queue_bytes;
        return 0;
    case SIOCOUTQ:
        *value = (int)info.send_queue_bytes;
        return 0;
    case SIOCOUTQNSD:
        *value = (int)info.unsent_bytes;
        return 0;
    case SIOCATMARK:
        *value = socket->open ? weir_tcp_at_mark(s->stack, socket->handle) : 0;
        return *value < 0 ? answer(*value) : 0;
    default:
        return -EINVAL;
    }
}

int drill_socket_linger(struct drill_sockets *s, int fd, bool on, int seconds)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    if (socket == NULL)
        return -EBADF;
    socket->linger = on;
    socket->linger_s = seconds;
    return 0;
}

/* SO_REUSEADDR and what else is no setting of an endpoint; *known: it is one of these. */
static int set_own(struct drill_socket *socket, int level, int name, int value, bool *known)
{
    if (level == IPPROTO_TCP && name == TCP_FASTOPEN_CONNECT) {
        *known = true;
        socket->fast_connect = value != 0;
        return socket->connecting || socket->connected ? -EINVAL : 0;
    }
    *known = level == SOL_SOCKET && (name == SO_REUSEADDR || name == SO_REUSEPORT);
    if (!*known)
        return 0;
    if (socket->open)
        return 0; /* too late to have an effect, and no error on Linux */
    socket->reuse |= value != 0;
    return 0;
}

int drill_socket_set(struct drill_sockets *s, int fd, int level, int name, int value)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    bool known;
    enum weir_tcp_setting setting;
    if (socket == NULL)
        return -EBADF;
    int error = set_own(socket, level, name, value, &known);
    if (known)
        return error;
    if (!socket->stream || !option_setting(level, name, &setting))
        return -ENOPROTOOPT;
    if (value < 0)
        return -EINVAL;
    if (option_is_switch(setting))
        value = value != 0;
    if (setting == WEIR_TCP_URGENT_INLINE && value == 0)
        socket->custom = true; /* the octet that is kept out leaves a hole in the pattern */
    if (socket->open)
        return answer(weir_tcp_set(s->stack, socket->handle, setting, (uint32_t)value));
    if (!option_in_range(setting, (uint32_t)value))
        return -EINVAL;
    socket->set[setting] = true;
    socket->value[setting] = (uint32_t)value;
    return 0;
}

static int get_own(struct drill_sockets *s, struct drill_socket *socket, int level, int name,
                   int *value)
{
    if (level != SOL_SOCKET)
        return -ENOPROTOOPT;
    switch (name) {
    case SO_ERROR: {
        int error = kept_error(socket);
        if (error == 0 && socket->open && socket->stream)
            error = weir_tcp_error(s->stack, socket->handle);
        *value = error != 0 ? to_errno(error) : 0;
        return 0;
    }
    case SO_TYPE:
        *value = socket->stream ? SOCK_STREAM : SOCK_DGRAM;
        return 0;
    case SO_PROTOCOL:
        *value = socket->stream ? IPPROTO_TCP : IPPROTO_UDP;
        return 0;
    case SO_ACCEPTCONN:
        *value = socket->listens;
        return 0;
    case SO_REUSEADDR:
        *value = socket->reuse;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

int drill_socket_get(struct drill_sockets *s, int fd, int level, int name, int *value)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    enum weir_tcp_setting setting;
    struct weir_tcp_info info;
    uint32_t got = 0;
    if (socket == NULL)
        return -EBADF;
    int error = get_own(s, socket, level, name, value);
    if (error == 0)
        return 0;
    if (!socket->stream || !option_setting(level, name, &setting))
        return -ENOPROTOOPT;
    if (!socket->open) {
        *value = (int)(socket->set[setting] ? socket->value[setting] : option_default(setting));
        return 0;
    }
    /* TCP_MAXSEG answers with what is in force. */
    if (setting == WEIR_TCP_MSS_MAX && level == IPPROTO_TCP && !socket->listens &&
        weir_tcp_info(s->stack, socket->handle, &info) == WEIR_OK && info.snd_mss_bytes != 0) {
        *value = (int)info.snd_mss_bytes;
        return 0;
    }
    error = weir_tcp_get(s->stack, socket->handle, setting, &got);
    *value = (int)got;
    return answer(error);
}

/* ---- requests ---- */

static struct drill_request *request_find(struct drill_sockets *s, int number)
{
    for (unsigned i = 0; i < REQUESTS_MAX; i++)
        if (s->request[i].used && s->request[i].number == number)
            return &s->request[i];
    return NULL;
}

int drill_socket_asked(struct drill_sockets *s, int fd, int number,
                       struct weir_tcp_request *request)
{
    struct drill_socket *listener = drill_socket_find(s, fd);
    struct drill_request *place = request_find(s, number);
    if (listener == NULL || !listener->open || !listener->stream)
        return -EBADF;
    for (unsigned i = 0; place == NULL && i < REQUESTS_MAX; i++)
        place = s->request[i].used ? NULL : &s->request[i];
    if (place == NULL)
        return -ENOBUFS;
    int error = weir_tcp_asked(s->stack, listener->handle, request);
    if (error != WEIR_OK)
        return answer(error);
    *place = (struct drill_request){.used = true, .number = number, .is = *request};
    return number;
}

int drill_socket_decide(struct drill_sockets *s, int number, enum weir_tcp_verdict verdict)
{
    const struct drill_request *request = request_find(s, number);
    return request == NULL ? -EBADF
                           : answer(weir_tcp_decide(s->stack, request->is.handle, verdict));
}

/* ---- looking ---- */

static int poll_stream(struct drill_sockets *s, struct drill_socket *socket)
{
    int found = 0;
    uint32_t ready = weir_tcp_ready(s->stack, socket->handle);
    if ((ready & (WEIR_EVENT_READABLE | WEIR_EVENT_ACCEPTED)) != 0)
        found |= POLLIN | POLLRDNORM;
    if ((ready & WEIR_EVENT_WRITABLE) != 0 && !socket->listens &&
        (ready & (WEIR_EVENT_CONNECTED | WEIR_EVENT_CLOSED)) != 0)
        found |= POLLOUT | POLLWRNORM;
    if ((ready & WEIR_EVENT_URGENT) != 0)
        found |= POLLPRI;
    if ((ready & WEIR_EVENT_PEER_CLOSED) != 0)
        found |= POLLRDHUP | POLLIN | POLLRDNORM;
    if ((ready & WEIR_EVENT_CLOSED) != 0) {
        if (socket->error == 0)
            socket->error = weir_tcp_error(s->stack, socket->handle);
        found |= POLLHUP | POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLRDHUP;
        found |= socket->error != 0 ? POLLERR : 0;
    }
    return found;
}

int drill_socket_poll(struct drill_sockets *s, int fd, int events)
{
    struct drill_socket *socket = drill_socket_find(s, fd);
    int found = POLLOUT | POLLWRNORM | POLLHUP; /* of a socket that was never connected */
    if (socket == NULL)
        return POLLNVAL;
    if (socket->open && socket->stream) {
        found = poll_stream(s, socket);
    } else if (socket->open) {
        uint32_t ready = weir_udp_ready(s->stack, socket->handle);
        found = ((ready & WEIR_EVENT_READABLE) != 0 ? POLLIN | POLLRDNORM : 0) |
                ((ready & WEIR_EVENT_WRITABLE) != 0 ? POLLOUT | POLLWRNORM : 0);
    }
    return found & (events | POLLERR | POLLHUP);
}

bool drill_socket_info(const struct drill_sockets *s, const struct drill_socket *socket,
                       struct weir_tcp_info *info)
{
    uint64_t cursor = 0;
    struct weir_tcp_info own = {.state = WEIR_TCP_CLOSED};
    bool found = socket->used && socket->open &&
                 weir_tcp_info(s->stack, socket->handle, &own) == WEIR_OK;
    /* In TIME-WAIT there is a record of its own, also while the endpoint is held. */
    while (own.state == WEIR_TCP_CLOSED && socket->remote_port != 0 &&
           weir_tcp_next(s->stack, &cursor, info))
        if (info->state != WEIR_TCP_CLOSED && info->local_port == socket->local_port &&
            info->remote_port == socket->remote_port)
            return true;
    *info = own;
    return found;
}
