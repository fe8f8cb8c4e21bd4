/* SPDX-License-Identifier: MIT */
#include "drill/calls.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "drill/symbols.h"

/* Answers of a call that are neither a result nor minus an errno. */
enum {
    WAITS = INT_MIN,
    BROKEN,  /* and text says why */
    DIFFERS, /* and text says what */
    BUFFER_BYTES_MAX = 1 << 26,
    UNEXPECTED_FD = 1 << 20 /* for a descriptor that the script does not expect */
};

/* A call that is being tried. */
struct try {
    struct call_world *world;
    struct call *call;
    const struct script_value *arg[CALL_ARGS_MAX];
    unsigned argc;
    weir_time now;
};

__attribute__((format(printf, 3, 4))) static int say(struct try *t, int answer, const char *format,
                                                     ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(t->call->text, sizeof t->call->text, format, args);
    va_end(args);
    return answer;
}

/* ---- arguments ---- */

static bool is_number(const struct try *t, unsigned i)
{
    return i < t->argc && t->arg[i]->kind == SCRIPT_NUMBER;
}

/* The number of an argument, 0 if it is none: those that must be are looked at beforehand. */
static int number(const struct try *t, unsigned i)
{
    return is_number(t, i) ? (int)t->arg[i]->number : 0;
}

static const struct script_value *member(const struct script_value *value, const char *name)
{
    for (const struct script_value *m = value->first; m != NULL; m = m->next)
        if (m->name != NULL && strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

/* A sockaddr, or ... for `usual`. */
static bool parse_name(const struct try *t, unsigned i, const struct drill_name *usual,
                       struct drill_name *name)
{
    static const char *const addresses[] = {"sin_addr", "sin6_addr"};
    static const char *const ports[] = {"sin_port", "sin6_port"};
    *name = *usual;
    if (i >= t->argc || t->arg[i]->kind == SCRIPT_ELLIPSIS)
        return true;
    if (t->arg[i]->kind != SCRIPT_STRUCT)
        return false;
    for (unsigned k = 0; k < 2; k++) {
        const struct script_value *address = member(t->arg[i], addresses[k]);
        const struct script_value *port = member(t->arg[i], ports[k]);
        if (port != NULL && port->kind == SCRIPT_NUMBER)
            name->port = (uint16_t)port->number;
        if (address != NULL && address->kind == SCRIPT_NUMBER)
            name->address = (struct weir_addr){{0}}; /* INADDR_ANY */
        if (address != NULL && address->kind == SCRIPT_TEXT &&
            weir_addr_parse(address->text, &name->address) != WEIR_OK)
            return false;
        if (address != NULL && address->kind == SCRIPT_TEXT &&
            (strcmp(address->text, "0.0.0.0") == 0 || strcmp(address->text, "::") == 0))
            name->address = (struct weir_addr){{0}};
    }
    return true;
}

/* Data: a text, or ... for the pattern. */
struct buffer {
    size_t len;
    const char *text; /* NULL: the pattern */
    size_t text_len;
};

static void buffer_text(struct buffer *b, const struct script_value *value)
{
    if (value->kind == SCRIPT_TEXT) {
        b->text = value->text;
        b->text_len = value->text_len;
    }
}

/* Two arguments, data and length, from `i`. */
static bool parse_buffer(const struct try *t, unsigned i, struct buffer *b)
{
    *b = (struct buffer){0};
    if (!is_number(t, i + 1) || t->arg[i + 1]->number < 0 ||
        t->arg[i + 1]->number > BUFFER_BYTES_MAX)
        return false;
    b->len = (size_t)t->arg[i + 1]->number;
    buffer_text(b, t->arg[i]);
    return true;
}

/* A list of iovecs, {data, length} each. A text counts when there is one of them. */
static bool parse_iovecs(const struct script_value *list, struct buffer *b)
{
    *b = (struct buffer){0};
    if (list == NULL || list->kind != SCRIPT_LIST)
        return false;
    for (const struct script_value *v = list->first; v != NULL; v = v->next) {
        const struct script_value *len = v->kind == SCRIPT_STRUCT && v->first != NULL
                                             ? v->first->next
                                             : NULL;
        if (len == NULL || len->kind != SCRIPT_NUMBER || len->number < 0 ||
            b->len + (uint64_t)len->number > BUFFER_BYTES_MAX)
            return false;
        b->len += (size_t)len->number;
        if (list->first->next == NULL)
            buffer_text(b, v->first);
    }
    return true;
}

/* ---- waiting ---- */

static bool waits(const struct try *t, int flags)
{
    const struct drill_socket *socket = drill_socket_find(&t->world->sockets, number(t, 0));
    return socket != NULL && !socket->nonblocking && (flags & MSG_DONTWAIT) == 0;
}

/* ---- descriptors ---- */

static int new_fd(const struct try *t)
{
    const struct script_call *call = t->call->event->call;
    return !call->any_result && call->result >= 0 ? (int)call->result : UNEXPECTED_FD;
}

static int try_socket(struct try *t)
{
    int domain = is_number(t, 0) ? number(t, 0) : AF_INET; /* an endpoint is of either family */
    return drill_socket_open(&t->world->sockets, new_fd(t), domain, number(t, 1), number(t, 2));
}

static int try_bind(struct try *t)
{
    struct drill_name name;
    if (!parse_name(t, 1, &t->world->bind_name, &name))
        return say(t, BROKEN, "the second argument is no address");
    return drill_socket_bind(&t->world->sockets, number(t, 0), &name);
}

static int try_listen(struct try *t)
{
    return drill_socket_listen(&t->world->sockets, number(t, 0), number(t, 1));
}

static int try_accept(struct try *t)
{
    int fd = drill_socket_accept(&t->world->sockets, number(t, 0), new_fd(t), number(t, 3));
    if (fd == -EAGAIN && waits(t, 0))
        return WAITS;
    if (fd >= 0)
        t->world->last_fd = fd;
    return fd;
}

static int try_connect(struct try *t)
{
    struct drill_name name;
    if (!parse_name(t, 1, &t->world->connect_name, &name))
        return say(t, BROKEN, "the second argument is no address");
    int result = drill_socket_connect(&t->world->sockets, number(t, 0), &name);
    t->world->last_fd = number(t, 0);
    return (result == -EINPROGRESS || (result == -EALREADY && t->call->started)) && waits(t, 0)
               ? WAITS
               : result;
}

static int try_shutdown(struct try *t)
{
    return drill_socket_shutdown(&t->world->sockets, number(t, 0), number(t, 1));
}

static int try_close(struct try *t)
{
    return drill_socket_close(&t->world->sockets, number(t, 0));
}

static int try_fcntl(struct try *t)
{
    return drill_socket_fcntl(&t->world->sockets, number(t, 0), number(t, 1), number(t, 2));
}

/* ---- sending ---- */

/* Send what is left of the buffer; a socket that waits does until all is taken. */
static int send_buffer(struct try *t, const struct buffer *b, int flags, const struct drill_name *to)
{
    struct drill_socket *socket = drill_socket_find(&t->world->sockets, number(t, 0));
    size_t left = b->len - t->call->progress;
    uint8_t *data = malloc(left + 1);
    if (data == NULL)
        return say(t, BROKEN, "no memory");
    uint64_t at = socket != NULL && socket->stream ? socket->bytes_out : t->call->progress;
    for (size_t i = 0; i < left; i++)
        data[i] = b->text == NULL || t->call->progress + i >= b->text_len
                      ? packet_byte_out((uint32_t)(at + i))
                      : (uint8_t)b->text[t->call->progress + i];
    t->world->packets->odd_out |= b->text != NULL;
    bool fast = (flags & MSG_FASTOPEN) != 0 && to != NULL;
    int n = fast ? drill_socket_send_fast(&t->world->sockets, number(t, 0), data, left, to)
                 : drill_socket_send(&t->world->sockets, number(t, 0), data, left, flags, to);
    free(data);
    if (n >= 0)
        t->call->progress += (size_t)n;
    if (fast && n >= 0 && waits(t, flags))
        return WAITS;
    if (waits(t, flags) && (n == -EAGAIN || (n >= 0 && t->call->progress < b->len)))
        return WAITS;
    return n < 0 && t->call->progress == 0 ? n : (int)t->call->progress;
}

/* With MSG_FASTOPEN. Who waits does so until it is connected, and then until all is taken. */
static int send_fast(struct try *t, const struct buffer *b, const struct drill_name *to)
{
    if (!t->call->started)
        return send_buffer(t, b, MSG_FASTOPEN, to);
    int result = drill_socket_connect(&t->world->sockets, number(t, 0), to);
    if (result == -EALREADY)
        return WAITS;
    if (result != 0 && result != -EISCONN)
        return result;
    return t->call->progress < b->len ? send_buffer(t, b, 0, NULL) : (int)b->len;
}

static int try_write(struct try *t)
{
    struct buffer b;
    if (!parse_buffer(t, 1, &b))
        return say(t, BROKEN, "data and its length should be the arguments");
    return send_buffer(t, &b, 0, NULL);
}

static int try_send(struct try *t)
{
    struct buffer b;
    if (!parse_buffer(t, 1, &b))
        return say(t, BROKEN, "data and its length should be the arguments");
    return send_buffer(t, &b, number(t, 3), NULL);
}

/* Where ... sends datagrams: to who sent one, or to the usual place. */
static struct drill_name usual_peer(const struct try *t)
{
    struct drill_name name = t->world->connect_name;
    if (t->world->packets->udp[0].bound)
        name.port = t->world->packets->udp[0].remote_port;
    return name;
}

static int try_sendto(struct try *t)
{
    struct buffer b;
    struct drill_name usual = usual_peer(t), name;
    if (!parse_buffer(t, 1, &b) || !parse_name(t, 4, &usual, &name))
        return say(t, BROKEN, "data, length, flags and an address should be the arguments");
    bool none = is_number(t, 4); /* NULL */
    if ((number(t, 3) & MSG_FASTOPEN) != 0)
        return none ? -EINVAL : send_fast(t, &b, &name);
    return send_buffer(t, &b, number(t, 3), none ? NULL : &name);
}

static int try_writev(struct try *t)
{
    struct buffer b;
    if (!parse_iovecs(t->arg[1], &b))
        return say(t, BROKEN, "a list of {data, length} should be the second argument");
    return send_buffer(t, &b, 0, NULL);
}

static int try_sendmsg(struct try *t)
{
    struct buffer b;
    struct drill_name usual = usual_peer(t);
    if (!parse_iovecs(member(t->arg[1], "msg_iov"), &b))
        return say(t, BROKEN, "a message should have msg_iov(N)=[{data, length}]");
    return send_buffer(t, &b, number(t, 2), member(t->arg[1], "msg_name") != NULL ? &usual : NULL);
}

/* ---- receiving ---- */

/* Is what was received what the peer has sent, or what the script says? `at`: its place in the
 * stream. */
static int check_received(struct try *t, const struct buffer *b, const uint8_t *data, size_t n,
                          uint64_t at)
{
    const struct drill_socket *socket = drill_socket_find(&t->world->sockets, number(t, 0));
    for (size_t i = 0; i < n; i++) {
        if (b->text == NULL && (socket->custom || t->world->packets->odd_in))
            break;
        uint8_t expected = b->text == NULL     ? packet_byte_in((uint32_t)(at + i))
                           : i < b->text_len ? (uint8_t)b->text[i]
                                             : data[i];
        if (data[i] != expected)
            return say(t, DIFFERS, "byte %zu of what was received is 0x%02x and should be 0x%02x",
                       i, data[i], expected);
    }
    return 0;
}

static int receive_buffer(struct try *t, const struct buffer *b, int flags)
{
    struct drill_socket *socket = drill_socket_find(&t->world->sockets, number(t, 0));
    size_t left = b->len - t->call->progress;
    uint8_t *data = malloc(left + 1);
    if (data == NULL)
        return say(t, BROKEN, "no memory");
    uint64_t at = socket != NULL && socket->stream ? socket->bytes_in : 0;
    int n = drill_socket_receive(&t->world->sockets, number(t, 0), data, left, flags);
    int check = n > 0 && ((flags & MSG_OOB) == 0 || b->text != NULL)
                    ? check_received(t, b, data, (size_t)n, at)
                    : 0;
    free(data);
    if (check != 0)
        return check;
    bool all = (flags & MSG_WAITALL) != 0 && waits(t, flags);
    if (n > 0 && all && t->call->progress + (size_t)n < b->len) {
        t->call->progress += (size_t)n;
        return WAITS;
    }
    if (n == -EAGAIN && waits(t, flags))
        return WAITS;
    return t->call->progress > 0 && n >= 0 ? (int)t->call->progress + n : n;
}

static int try_read(struct try *t)
{
    struct buffer b;
    if (!parse_buffer(t, 1, &b))
        return say(t, BROKEN, "data and its length should be the arguments");
    return receive_buffer(t, &b, number(t, 3));
}

static int try_readv(struct try *t)
{
    struct buffer b;
    if (!parse_iovecs(t->arg[1], &b))
        return say(t, BROKEN, "a list of {data, length} should be the second argument");
    return receive_buffer(t, &b, 0);
}

static int try_recvmsg(struct try *t)
{
    struct buffer b;
    if (!parse_iovecs(member(t->arg[1], "msg_iov"), &b))
        return say(t, BROKEN, "a message should have msg_iov(N)=[{data, length}]");
    return receive_buffer(t, &b, number(t, 2));
}

/* ---- settings ---- */

/* The number in [n], or n. */
static bool inner_number(const struct script_value *value, int64_t *out)
{
    if (value->kind == SCRIPT_LIST && value->first != NULL)
        value = value->first;
    *out = value->number;
    return value->kind == SCRIPT_NUMBER;
}

static int set_linger(struct try *t, const struct script_value *value)
{
    const struct script_value *on = value->first;
    if (value->kind != SCRIPT_STRUCT || on == NULL || on->next == NULL)
        return say(t, BROKEN, "SO_LINGER takes {onoff=N, linger=N}");
    return drill_socket_linger(&t->world->sockets, number(t, 0), on->number != 0,
                               (int)on->next->number);
}

static int try_setsockopt(struct try *t)
{
    int64_t value;
    int level = number(t, 1), name = number(t, 2);
    const struct script_value *given = t->arg[3];
    if (given->kind == SCRIPT_LIST && given->first != NULL && given->first->kind == SCRIPT_STRUCT)
        given = given->first;
    if (level == SOL_SOCKET && name == SO_LINGER)
        return set_linger(t, given);
    if (!inner_number(given, &value))
        return -ENOPROTOOPT;
    return drill_socket_set(&t->world->sockets, number(t, 0), level, name, (int)value);
}

static int try_getsockopt(struct try *t)
{
    int64_t expected;
    int value = 0;
    if (number(t, 1) == IPPROTO_TCP && number(t, 2) == TCP_INFO)
        return say(t, BROKEN, "TCP_INFO is for %%{ assert ... }%%");
    int result =
        drill_socket_get(&t->world->sockets, number(t, 0), number(t, 1), number(t, 2), &value);
    if (result == 0 && inner_number(t->arg[3], &expected) && value != expected)
        return say(t, DIFFERS, "the value is %d and should be %lld", value, (long long)expected);
    return result;
}

static int try_ioctl(struct try *t)
{
    int64_t expected = 0;
    bool said = t->argc > 2 && inner_number(t->arg[2], &expected);
    int value = (int)expected;
    int result = drill_socket_ioctl(&t->world->sockets, number(t, 0),
                                    (unsigned long)t->arg[1]->number, &value);
    if (result == 0 && said && value != expected)
        return say(t, DIFFERS, "the value is %d and should be %lld", value, (long long)expected);
    return result;
}

/* ---- poll ---- */

static int64_t member_number(const struct script_value *value, const char *name)
{
    const struct script_value *m = member(value, name);
    return m != NULL && m->kind == SCRIPT_NUMBER ? m->number : 0;
}

static int try_poll(struct try *t)
{
    int ready = 0, timeout = number(t, 2);
    if (t->arg[0]->kind != SCRIPT_LIST)
        return say(t, BROKEN, "a list of {fd=N, events=N, revents=N} should be the first argument");
    for (const struct script_value *v = t->arg[0]->first; v != NULL; v = v->next)
        ready += drill_socket_poll(&t->world->sockets, (int)member_number(v, "fd"),
                                   (int)member_number(v, "events")) != 0;
    t->call->wake = timeout >= 0 ? t->call->begun + timeout * WEIR_NS_PER_MS : WEIR_TIME_NEVER;
    if (ready == 0 && t->now < t->call->wake)
        return WAITS;
    for (const struct script_value *v = t->arg[0]->first; v != NULL; v = v->next) {
        int fd = (int)member_number(v, "fd");
        int found = drill_socket_poll(&t->world->sockets, fd, (int)member_number(v, "events"));
        if (member(v, "revents") != NULL && member_number(v, "revents") != found)
            return say(t, DIFFERS, "revents of %d is 0x%x and should be 0x%x", fd, (unsigned)found,
                       (unsigned)member_number(v, "revents"));
    }
    return ready;
}

/* ---- handshakes that wait for a verdict ---- */

/* Is the request as {member=value, ...} says? */
static int check_request(struct try *t, const struct weir_tcp_request *request)
{
    const struct {
        const char *name;
        int64_t value;
    } table[] = {
        {"local_port", request->local_port},
        {"remote_port", request->remote_port},
        {"ifindex", request->ifindex},
        {"peer_mss_bytes", request->peer_mss_bytes},
        {"timestamps", request->timestamps},
        {"sack", request->sack},
        {"window_scale", request->window_scale},
        {"left_ms", request->left / WEIR_NS_PER_MS},
    };
    for (const struct script_value *v = t->argc > 1 ? t->arg[1]->first : NULL; v != NULL;
         v = v->next) {
        unsigned i = 0;
        while (i < sizeof table / sizeof table[0] &&
               (v->name == NULL || strcmp(table[i].name, v->name) != 0))
            i++;
        if (i == sizeof table / sizeof table[0] || v->kind != SCRIPT_NUMBER)
            return say(t, BROKEN, "a request has no member '%s' that is a number",
                       v->name != NULL ? v->name : "");
        if (table[i].value != v->number)
            return say(t, DIFFERS, "%s is %lld and should be %lld", v->name,
                       (long long)table[i].value, (long long)v->number);
    }
    return 0;
}

static int try_asked(struct try *t)
{
    struct weir_tcp_request request;
    int result = drill_socket_asked(&t->world->sockets, number(t, 0), new_fd(t), &request);
    int check = result >= 0 ? check_request(t, &request) : 0;
    return check != 0 ? check : result;
}

static int try_decide(struct try *t)
{
    return drill_socket_decide(&t->world->sockets, number(t, 0),
                               (enum weir_tcp_verdict)number(t, 1));
}

/* ---- the table ---- */

struct known {
    const char *name;
    int (*fn)(struct try *t);
    unsigned args_min, args_max;
    bool takes_fd; /* first */
};

static const struct known known[] = {
    {"socket", try_socket, 3, 3, false},
    {"bind", try_bind, 3, 3, true},
    {"listen", try_listen, 2, 2, true},
    {"accept", try_accept, 3, 3, true},
    {"accept4", try_accept, 4, 4, true},
    {"connect", try_connect, 3, 3, true},
    {"read", try_read, 3, 3, true},
    {"recv", try_read, 4, 4, true},
    {"recvfrom", try_read, 6, 6, true},
    {"readv", try_readv, 3, 3, true},
    {"recvmsg", try_recvmsg, 3, 3, true},
    {"write", try_write, 3, 3, true},
    {"send", try_send, 4, 4, true},
    {"sendto", try_sendto, 6, 6, true},
    {"writev", try_writev, 3, 3, true},
    {"sendmsg", try_sendmsg, 3, 3, true},
    {"shutdown", try_shutdown, 2, 2, true},
    {"close", try_close, 1, 1, true},
    {"fcntl", try_fcntl, 2, 3, true},
    {"ioctl", try_ioctl, 2, 3, true},
    {"setsockopt", try_setsockopt, 5, 5, true},
    {"getsockopt", try_getsockopt, 5, 5, true},
    {"poll", try_poll, 3, 3, false},
    {"weir_asked", try_asked, 1, 2, true},
    {"weir_decide", try_decide, 2, 2, false},
};

static const struct known *find(const char *name)
{
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0)
            return &known[i];
    return NULL;
}

bool call_known(const struct script_call *call, char *why, size_t size)
{
    const struct known *k = find(call->name);
    unsigned n = 0;
    for (const struct script_value *v = call->args; v != NULL; v = v->next)
        n++;
    if (k == NULL)
        snprintf(why, size, "there is no call '%s'", call->name);
    else if (n < k->args_min || n > k->args_max)
        snprintf(why, size, "%s() with %u arguments, which takes %u", call->name, n, k->args_max);
    else if (k->takes_fd && call->args->kind != SCRIPT_NUMBER)
        snprintf(why, size, "%s() takes a descriptor first", call->name);
    else
        return true;
    return false;
}

/* ---- trying ---- */

void call_begin(struct call *call, const struct script_event *event, weir_time now)
{
    *call = (struct call){.event = event, .begun = now, .wake = WEIR_TIME_NEVER};
}

/* The connection that a call is about becomes the one that assertions are about. */
static void note_last(struct call_world *world, int fd, bool first)
{
    const struct drill_socket *socket = drill_socket_find(&world->sockets, fd);
    if (socket != NULL && socket->stream &&
        (socket->connected || socket->connecting || (world->last_fd < 0 && first)))
        world->last_fd = fd;
    socket = drill_socket_find(&world->sockets, world->last_fd);
    if (socket != NULL)
        world->last = *socket;
}

const struct drill_socket *call_last(struct call_world *world)
{
    const struct drill_socket *socket = drill_socket_find(&world->sockets, world->last_fd);
    if (socket != NULL)
        return socket;
    world->last.used = false;
    return world->last_fd >= 0 ? &world->last : NULL;
}

static enum call_state compare(struct try *t, int result)
{
    const struct script_call *want = t->call->event->call;
    if (want->any_result)
        return CALL_DONE;
    if (result >= 0 && want->result == result)
        return CALL_DONE;
    if (result < 0 && want->result == -1 && (want->error == 0 || want->error == -result))
        return CALL_DONE;
    char wanted[40];
    snprintf(wanted, sizeof wanted, "%lld%s%s", (long long)want->result,
             want->error != 0 ? " " : "", want->error != 0 ? symbol_errno_name(want->error) : "");
    if (result < 0)
        (void)say(t, 0, "%s() returned -1 %s and should return %s", want->name,
                  symbol_errno_name(-result), wanted);
    else
        (void)say(t, 0, "%s() returned %d and should return %s", want->name, result, wanted);
    return CALL_FAILED;
}

enum call_state call_try(struct call_world *world, struct call *call, weir_time now)
{
    const struct script_call *wanted = call->event->call;
    struct try t = {.world = world, .call = call, .now = now};
    for (const struct script_value *v = wanted->args; v != NULL && t.argc < CALL_ARGS_MAX;
         v = v->next)
        t.arg[t.argc++] = v;
    const struct known *k = find(wanted->name);
    if (k->takes_fd) /* before it is closed */
        note_last(world, (int)t.arg[0]->number, false);
    int result = k->fn(&t);
    call->started = true;
    if (k->takes_fd)
        note_last(world, (int)t.arg[0]->number, result == 0);
    if (result == WAITS)
        return CALL_WAITS;
    if (result == BROKEN)
        return CALL_BROKEN;
    return result == DIFFERS ? CALL_FAILED : compare(&t, result);
}
