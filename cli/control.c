/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* accept4() */
#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli.h"
#include "weir/net.h"
#include "weir/version.h"

enum { CLIENTS_MAX = 4, REQUEST_MAX = 256 };

/* Somebody who asks. */
struct client {
    struct control *control;
    int fd; /* -1: nobody */
    char request[REQUEST_MAX];
    size_t request_len;
    char *answer; /* NULL: none yet */
    size_t answer_len, answer_at;
};

struct control {
    struct control_config config;
    char path[CONTROL_PATH_MAX];
    int fd;
    struct client client[CLIENTS_MAX];
};

/* ---- answers ---- */

static json_t *address_json(const struct weir_addr *address, uint16_t port)
{
    char text[WEIR_ADDR_TEXT_MAX];
    return json_pack("{s:s,s:i}", "address", weir_addr_text(address, text, sizeof text), "port",
                     (int)port);
}

static void put(json_t *object, const char *key, uint64_t value)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* What limited the sender, and the counters that go with it: only of who has accounts. */
static json_t *accounts_json(const struct weir_tcp_info *info)
{
    json_t *o = json_object(), *limited = json_array();
    (void)json_object_set_new(o, "limit", json_string(weir_tcp_limit_name(info->limit)));
    for (unsigned i = 0; i < WEIR_TCP_LIMIT_COUNT; i++) {
        json_t *limit = json_object();
        (void)json_object_set_new(limit, "by", json_string(weir_tcp_limit_name(i)));
        put(limit, "us", info->limited_us[i]);
        put(limit, "count", info->limited_count[i]);
        (void)json_array_append_new(limited, limit);
    }
    (void)json_object_set_new(o, "limited", limited);
    put(o, "data_segments_in", info->data_segments_in);
    put(o, "data_segments_out", info->data_segments_out);
    put(o, "dupacks_in", info->dupacks_in);
    put(o, "dupacks_out", info->dupacks_out);
    put(o, "zero_windows_in", info->zero_windows_in);
    put(o, "zero_windows_out", info->zero_windows_out);
    put(o, "congestion_signals", info->congestion_signals);
    put(o, "cwnd_bytes_max", info->cwnd_bytes_max);
    return o;
}

static json_t *options_json(const struct weir_tcp_info *info)
{
    static const struct {
        unsigned bit;
        const char *name;
    } options[] = {{WEIR_TCP_HAS_TIMESTAMPS, "timestamps"},
                   {WEIR_TCP_HAS_SACK, "sack"},
                   {WEIR_TCP_HAS_WINDOW_SCALE, "window-scale"},
                   {WEIR_TCP_HAS_USER_TIMEOUT, "user-timeout"},
                   {WEIR_TCP_HAS_FAST_OPEN, "fast-open"},
                   {WEIR_TCP_HAS_COOKIE, "cookie"}};
    json_t *list = json_array();
    for (unsigned i = 0; i < sizeof options / sizeof options[0]; i++)
        if ((info->options & options[i].bit) != 0)
            (void)json_array_append_new(list, json_string(options[i].name));
    return list;
}

/* Of an endpoint that is connected, or on the way to it; records do not have these. */
static void put_endpoint(json_t *o, const struct weir_tcp_info *info)
{
    put(o, "send_buffer_bytes", info->send_buffer_bytes);
    put(o, "receive_buffer_bytes", info->receive_buffer_bytes);
    put(o, "path_mtu_bytes", info->path_mtu_bytes);
    put(o, "path_mtu_bytes_max", info->path_mtu_bytes_max);
    (void)json_object_set_new(o, "path_mtu_probing", json_boolean(info->path_mtu_probing));
    put(o, "user_timeout_ms", info->user_timeout_ms);
    put(o, "peer_user_timeout_ms", info->peer_user_timeout_ms);
    put(o, "stuck_ms", info->stuck_ms);
    put(o, "rcv_mss_bytes", info->rcv_mss_bytes);
    put(o, "bytes_retransmitted", info->bytes_retransmitted);
    if (info->accounts)
        (void)json_object_set_new(o, "accounts", accounts_json(info));
}

static void put_connection(json_t *o, const struct weir_tcp_info *info)
{
    put(o, "receive_queue", info->receive_queue_bytes);
    put(o, "send_queue", info->send_queue_bytes);
    put(o, "unsent_bytes", info->unsent_bytes);
    put(o, "reassembly_bytes", info->reassembly_bytes);
    put(o, "in_flight_bytes", info->in_flight_bytes);
    put(o, "cwnd_bytes", info->cwnd_bytes);
    put(o, "ssthresh_bytes", info->ssthresh_bytes);
    put(o, "snd_wnd_bytes", info->snd_wnd_bytes);
    put(o, "rcv_wnd_bytes", info->rcv_wnd_bytes);
    put(o, "snd_mss_bytes", info->snd_mss_bytes);
    put(o, "srtt_us", info->srtt_us);
    put(o, "rttvar_us", info->rttvar_us);
    put(o, "rtt_us_min", info->rtt_us_min);
    put(o, "rto_us", info->rto_us);
    put(o, "retransmits", info->retransmits);
    put(o, "timeouts", info->timeouts);
    put(o, "fast_retransmits", info->fast_retransmits);
    put(o, "bytes_acked", info->bytes_acked);
    put(o, "bytes_received", info->bytes_received);
    put(o, "segments_in", info->segments_in);
    put(o, "segments_out", info->segments_out);
    put(o, "age_ns", (uint64_t)info->age);
    put(o, "idle_ns", (uint64_t)info->idle);
    (void)json_object_set_new(o, "options", options_json(info));
    if (info->send_buffer_bytes != 0)
        put_endpoint(o, info);
}

static json_t *connection_json(const struct control *c, const struct weir_tcp_info *info)
{
    json_t *o = json_object();
    const char *owner = NULL;
    if (c->config.owner != NULL && (info->handle.index != 0 || info->handle.generation != 0))
        owner = c->config.owner(c->config.owner_ctx, info->user);
    (void)json_object_set_new(o, "state", json_string(weir_tcp_state_name(info->state)));
    (void)json_object_set_new(o, "local", address_json(&info->local, info->local_port));
    (void)json_object_set_new(o, "remote", address_json(&info->remote, info->remote_port));
    (void)json_object_set_new(o, "owner", owner != NULL ? json_string(owner) : json_null());
    (void)json_object_set_new(o, "recovery", json_string(weir_tcp_recovery_name(info->recovery)));
    (void)json_object_set_new(o, "timer", json_string(weir_tcp_timer_name(info->timer)));
    (void)json_object_set_new(o, "orphan", json_boolean(info->orphan));
    if (info->timer_in != WEIR_TIME_NEVER)
        put(o, "timer_in_ns", (uint64_t)info->timer_in);
    if (info->state != WEIR_TCP_LISTEN) {
        put_connection(o, info);
        return o;
    }
    put(o, "receive_queue", info->accept_queue);
    put(o, "send_queue", info->accept_queue_max);
    put(o, "backlog", info->backlog);
    return o;
}

static json_t *connections_json(const struct control *c)
{
    json_t *list = json_array();
    struct weir_tcp_info info;
    uint64_t cursor = 0;
    while (weir_tcp_next(c->config.loop->stack, &cursor, &info))
        (void)json_array_append_new(list, connection_json(c, &info));
    return list;
}

static json_t *counters_json(const struct control *c)
{
    struct weir_tcp_stats tcp;
    struct weir_stats stats;
    json_t *of_tcp = json_object(), *of_stack = json_object(), *drops = json_object();
    const char *name;
    weir_tcp_stats(c->config.loop->stack, &tcp);
    for (unsigned i = 0; (name = weir_tcp_counter_name(i)) != NULL; i++)
        put(of_tcp, name, weir_tcp_counter(&tcp, i));
    (void)weir_stack_stats(c->config.loop->stack, WEIR_IFINDEX_ALL, &stats);
    for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++)
        put(of_stack, weir_counter_name(i), stats.counter[i]);
    for (unsigned i = 1; i < WEIR_DROP_COUNT; i++)
        if (stats.drop[i] > 0)
            put(drops, weir_drop_name(i), stats.drop[i]);
    return json_pack("{s:o,s:o,s:o}", "tcp", of_tcp, "stack", of_stack, "drops", drops);
}

/* The answer to a line, to be freed. NULL: no memory. */
static char *answer_to(const struct control *c, const char *request, size_t len)
{
    json_t *asked = json_loadb(request, len, 0, NULL), *answer = json_object();
    const char *what = json_string_value(json_object_get(asked, "request"));
    (void)json_object_set_new(answer, "version", json_string(weir_version()));
    (void)json_object_set_new(answer, "pid", json_integer((json_int_t)getpid()));
    if (what != NULL && strcmp(what, "connections") == 0)
        (void)json_object_set_new(answer, what, connections_json(c));
    else if (what != NULL && strcmp(what, "counters") == 0)
        (void)json_object_set_new(answer, what, counters_json(c));
    else
        (void)json_object_set_new(answer, "error", json_string("no such request"));
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    json_decref(asked);
    return text;
}

/* ---- who asks ---- */

static void drop(struct client *client)
{
    loop_remove_watch(client->control->config.loop, client->fd);
    (void)close(client->fd);
    free(client->answer);
    *client = (struct client){.control = client->control, .fd = -1};
}

static void on_client(void *ctx, int fd, short revents);

static void watch(struct client *client, short events)
{
    const struct loop_watch w = {
        .fd = client->fd, .events = events, .fn = on_client, .ctx = client};
    loop_remove_watch(client->control->config.loop, client->fd);
    if (loop_add_watch(client->control->config.loop, &w) != WEIR_OK)
        drop(client);
}

static void send_answer(struct client *client)
{
    ssize_t n = send(client->fd, client->answer + client->answer_at,
                     client->answer_len - client->answer_at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    client->answer_at += n > 0 ? (size_t)n : 0;
    if (n < 0 || client->answer_at == client->answer_len)
        drop(client);
}

static void on_client(void *ctx, int fd, short revents)
{
    struct client *client = ctx;
    (void)revents;
    if (client->fd != fd)
        return;
    if (client->answer != NULL) {
        send_answer(client);
        return;
    }
    ssize_t n = recv(fd, client->request + client->request_len,
                     sizeof client->request - client->request_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    client->request_len += n > 0 ? (size_t)n : 0;
    const char *end = memchr(client->request, '\n', client->request_len);
    if (end == NULL) {
        if (n <= 0 || client->request_len == sizeof client->request)
            drop(client);
        return;
    }
    client->answer = answer_to(client->control, client->request, (size_t)(end - client->request));
    size_t len = client->answer != NULL ? strlen(client->answer) : 0;
    if (len == 0) {
        drop(client);
        return;
    }
    client->answer[len] = '\n'; /* in the place of NUL */
    client->answer_len = len + 1;
    watch(client, POLLOUT);
}

static void on_connect(void *ctx, int fd, short revents)
{
    struct control *c = ctx;
    unsigned i = 0;
    (void)revents;
    int other = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (other < 0)
        return;
    while (i < CLIENTS_MAX && c->client[i].fd >= 0)
        i++;
    if (i == CLIENTS_MAX) { /* who came first asks in vain: he may be stuck */
        i = 0;
        drop(&c->client[0]);
    }
    c->client[i].fd = other;
    watch(&c->client[i], POLLIN);
}

/* ---- the socket ---- */

/* Bind, in the place of what nobody listens on any more. Answers 0, or an errno. */
static int bind_path(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat stat;
    strcpy(address.sun_path, path);
    mode_t before = umask(S_IRWXG | S_IRWXO | S_IXUSR); /* 0600 from its first moment */
    int number = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    if (number == EADDRINUSE && lstat(path, &stat) == 0 && S_ISSOCK(stat.st_mode)) {
        int other = control_connect(path);
        if (other >= 0)
            (void)close(other);
        else if (errno == ECONNREFUSED && unlink(path) == 0)
            number = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    }
    (void)umask(before);
    return number;
}

struct control *control_open(const struct control_config *config)
{
    struct control *c = calloc(1, sizeof *c);
    if (c == NULL || strlen(config->path) >= sizeof c->path) {
        cli_error("%s: %s", config->path, c == NULL ? "no memory" : "the path is too long");
        free(c);
        return NULL;
    }
    c->config = *config;
    strcpy(c->path, config->path);
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        c->client[i] = (struct client){.control = c, .fd = -1};
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int number = c->fd < 0 ? errno : bind_path(c->fd, c->path);
    if (number == 0 && listen(c->fd, CLIENTS_MAX) != 0)
        number = errno;
    const struct loop_watch w = {.fd = c->fd, .events = POLLIN, .fn = on_connect, .ctx = c};
    if (number == 0 && loop_add_watch(config->loop, &w) == WEIR_OK)
        return c;
    cli_error("control socket %s: %s", c->path, strerror(number));
    if (c->fd >= 0)
        (void)close(c->fd);
    free(c);
    return NULL;
}

void control_close(struct control *c)
{
    if (c == NULL)
        return;
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (c->client[i].fd >= 0)
            drop(&c->client[i]);
    loop_remove_watch(c->config.loop, c->fd);
    (void)close(c->fd);
    (void)unlink(c->path);
    free(c);
}
