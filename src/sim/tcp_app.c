/* SPDX-License-Identifier: MIT */
#include "sim/tcp_app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/stream.h"
#include "weir/net.h"

enum {
    CALL_BYTES_MAX = 16384,
    EVENTS_AT_ONCE = 16,
    USER_LISTENER = 1 << 30 /* above this: a listener; else 1 + the place in `accepted` */
};

#define RETRY         (50 * WEIR_NS_PER_MS) /* when a limit was reached: no event will come */
#define TALK_PATIENCE (900 * WEIR_NS_PER_S) /* with a talk that may fail */
#define PEER_PATIENCE (200 * WEIR_NS_PER_S) /* with a peer that has gone without a word */

struct talk;

struct end {
    struct tcp_apps *apps;
    struct talk *talk;
    unsigned side;
    struct tcp_side plan;
    struct rng rng;
    weir_handle handle;
    bool opened, connected, let_go, closed; /* the last: its CLOSED event was read */
    bool ended, read_end, aborted, errored;
    bool more, idled;
    bool shut; /* for receiving: it will never see the end, but be told of it */
    uint64_t written, read;
    uint64_t writes;
    uint64_t may_write;      /* ROUNDS: bytes of the rounds that are due */
    uint64_t next_round_at;  /* ROUNDS: when so many bytes are read, the next one is */
    uint32_t rounds;         /* ROUNDS: those that are due */
    weir_time read_at, write_at; /* not before */
    weir_time wake_at;       /* 0: no call is pending */
    int error;               /* the first that was told */
    weir_time connected_at, closed_at;
};

struct talk {
    struct tcp_talk_config config;
    struct tcp_apps *apps;
    unsigned number;
    uint64_t seed;
    bool started;
    uint16_t local_port; /* of side 0 */
    unsigned asked;      /* how often its handshake was put to the application */
    struct end end[2];
};

struct listener {
    struct tcp_apps *apps;
    struct tcp_listen_config config;
    weir_handle handle;
    bool open, waits;
    struct rng rng;
};

/* An answer to a handshake, to be given later. */
struct answer {
    struct answer *next;
    struct listener *listener;
    weir_handle request;
    enum weir_tcp_verdict verdict;
};

struct tcp_apps {
    struct sim *sim;
    struct verdict *verdict;
    struct stack_node *node[TCP_APP_HOSTS_MAX];
    weir_time acted[TCP_APP_HOSTS_MAX]; /* the last call on it */
    unsigned hosts;
    struct listener listener[TCP_APP_LISTENERS_MAX];
    unsigned listeners;
    struct talk **talk;
    unsigned talks;
    struct end **user; /* by the `user` of connections, less 1 */
    unsigned users;
    uint64_t urgent, replayed;
    void (*others)(void *ctx, unsigned host, const struct weir_event *event);
    void *others_ctx;
    struct answer *answers;
    uint8_t data[CALL_BYTES_MAX]; /* of one call */
};

/* A call was made: let the host act on it. */
static void host_wake(struct tcp_apps *apps, unsigned host)
{
    apps->acted[host] = sim_now(apps->sim);
    sim_node_wake(stack_node_node(apps->node[host]));
}

/* ---- what is planned ---- */

static weir_stack *end_stack(const struct end *end)
{
    return stack_node_stack(end->apps->node[end->talk->config.host[end->side]]);
}

static struct end *end_peer(const struct end *end)
{
    return &end->talk->end[1 - end->side];
}

/* The stream that this end sends. */
static uint64_t end_seed(const struct end *end)
{
    unsigned stream = end->talk->config.kind == TCP_TALK_ECHO ? 0 : end->side;
    return stream_mix(end->talk->seed + stream);
}

/* Bytes of request (side 0) or response `round`. */
static uint64_t round_bytes(const struct talk *talk, unsigned side, uint32_t round)
{
    uint32_t most = side == 0 ? talk->config.request_max : talk->config.response_max;
    return 1 + stream_mix(talk->seed + UINT64_C(2) * round + side + 7) % (most > 0 ? most : 1);
}

/* Begin the rounds whose time has come. */
static void rounds_go_on(struct end *end)
{
    const struct talk *talk = end->talk;
    while (end->rounds < talk->config.rounds && end->read >= end->next_round_at) {
        end->may_write += round_bytes(talk, end->side, end->rounds);
        end->rounds++;
        /* A request waits for the response before it; a response for its request. */
        uint32_t awaited = end->side == 0 ? end->rounds - 1 : end->rounds;
        end->next_round_at += round_bytes(talk, 1 - end->side, awaited);
    }
}

static uint64_t may_write(struct end *end)
{
    switch (end->talk->config.kind) {
    case TCP_TALK_ECHO:
        return end->side == 0 ? end->plan.bytes : end->read;
    case TCP_TALK_ROUNDS:
        rounds_go_on(end);
        return end->may_write;
    default:
        return end->plan.bytes;
    }
}

/* Has it written all that it will ever write? */
static bool has_written_all(struct end *end)
{
    const struct talk *talk = end->talk;
    uint64_t limit = may_write(end);
    if (end->written < limit)
        return false;
    if (talk->config.kind == TCP_TALK_ECHO && end->side == 1)
        return end->read_end;
    return talk->config.kind != TCP_TALK_ROUNDS || end->rounds == talk->config.rounds;
}

/* Has it read all that the peer will ever write? */
static bool has_read_all(struct end *end)
{
    struct end *peer = end_peer(end);
    const struct talk *talk = end->talk;
    if (end->read_end || end->shut)
        return true;
    if (talk->config.kind == TCP_TALK_ECHO)
        return end->side == 0 ? end->read == end->plan.bytes : end->read == peer->plan.bytes;
    if (talk->config.kind == TCP_TALK_ROUNDS)
        return end->side == 1 ? end->rounds == talk->config.rounds
                              : peer->rounds == talk->config.rounds &&
                                    end->read == peer->may_write;
    return end->read == peer->plan.bytes;
}

/* ---- one end ---- */

static void end_step(struct end *end);

static void end_wake(struct sim *sim, void *ctx)
{
    struct end *end = ctx;
    if (end->wake_at <= sim_now(sim))
        end->wake_at = 0;
    end_step(end);
}

/* Step again at this time. */
static void end_later(struct end *end, weir_time at)
{
    if (end->wake_at != 0 && end->wake_at <= at)
        return;
    end->wake_at = at;
    (void)sim_at(end->apps->sim, at, end_wake, end);
}

static void end_fail(const struct end *end, const char *id, const char *what, uint64_t at)
{
    verdict_fail(end->apps->verdict, sim_now(end->apps->sim), id, "talk %u, side %u: %s (%llu)",
                 end->talk->number, end->side, what, (unsigned long long)at);
}

static void end_let_go(struct end *end, bool abort)
{
    int answer = abort ? weir_tcp_abort(end_stack(end), end->handle)
                       : weir_tcp_close(end_stack(end), end->handle);
    end->let_go = true;
    end->aborted |= abort;
    if (answer != WEIR_OK && !end->closed)
        end_fail(end, "API", "a live handle cannot be closed", (uint64_t)-answer);
}

/* The peer has aborted and its reset may be lost: wait no longer than some patience. */
static void peer_is_gone(struct sim *sim, void *ctx)
{
    struct end *end = ctx;
    if (!end->opened || end->let_go)
        return;
    end_let_go(end, true);
    host_wake(end->apps, end->talk->config.host[end->side]);
    (void)sim;
}

static void end_abort(struct end *end)
{
    end_let_go(end, true);
    (void)sim_at(end->apps->sim, sim_now(end->apps->sim) + PEER_PATIENCE, peer_is_gone,
                 end_peer(end));
}

/* The connection is gone, says a call or the CLOSED event. */
static void end_error(struct end *end, int error)
{
    if (!end->errored && end->talk->config.may_fail)
        (void)sim_at(end->apps->sim, sim_now(end->apps->sim) + PEER_PATIENCE, peer_is_gone,
                     end_peer(end));
    const struct end *peer = end_peer(end);
    /* A TIME-WAIT that ended early answers with a reset: nothing is lost. */
    bool over = end->read_end && end->ended && peer->let_go && peer->read == end->written;
    bool known = error == WEIR_E_RESET || error == WEIR_E_REFUSED || error == WEIR_E_TIMED_OUT ||
                 error == WEIR_E_PRESSURE || error == WEIR_E_ABORTED || error == WEIR_E_CLOSED;
    if (!known)
        end_fail(end, "I-23", weir_strerror(error), end->read);
    if (!end->aborted && !peer->aborted && !end->talk->config.may_fail && !over)
        end_fail(end, error == WEIR_E_TIMED_OUT ? "I-64" : "I-45", weir_strerror(error), end->read);
    end->errored = true;
    if (end->error == WEIR_OK)
        end->error = error;
}

static uint32_t draw_len(struct end *end, uint32_t most)
{
    if (most == 0)
        return CALL_BYTES_MAX;
    return (uint32_t)rng_between(&end->rng, 1, most < CALL_BYTES_MAX ? most : CALL_BYTES_MAX);
}

static weir_time draw_pause(struct end *end, weir_time most)
{
    return most == 0 ? 0 : (weir_time)rng_between(&end->rng, 0, (uint64_t)most);
}

/* Is it time for the next call? */
static bool is_time(struct end *end, weir_time at)
{
    if (sim_now(end->apps->sim) >= at)
        return true;
    end_later(end, at);
    return false;
}

static bool abort_is_due(struct end *end)
{
    if (end->plan.finish != TCP_FINISH_ABORT || end->let_go ||
        end->written + end->read < end->plan.abort_after)
        return false;
    end_abort(end);
    return true;
}

/* What was received, compared with what was written (I-32, I-33). */
static void take(struct end *end, const uint8_t *data, size_t len)
{
    const struct end *peer = end_peer(end);
    size_t right = stream_match(end_seed(peer), end->read, data, len);
    if (end->read_end)
        end_fail(end, "I-33", "data behind the end of the stream", end->read);
    if (right < len)
        end_fail(end, "I-32", "a byte is not the one that was written there", end->read + right);
    end->read += len;
    if (end->read > peer->written)
        end_fail(end, "I-32", "more bytes than were written", end->read);
}

static bool read_once(struct end *end)
{
    uint8_t *data = end->apps->data;
    if (end->read_end || end->shut || !is_time(end, end->read_at))
        return false;
    uint32_t size = draw_len(end, end->plan.read_max);
    int n = weir_tcp_receive(end_stack(end), end->handle, data, size, 0);
    if (n == WEIR_E_WOULD_BLOCK || (n == WEIR_E_NOT_CONNECTED && !end->connected))
        return false;
    if (n < 0) {
        end_error(end, n);
        end_let_go(end, false);
        return false;
    }
    if (n == 0) {
        const struct end *peer = end_peer(end);
        if (!peer->ended || end->read != peer->written)
            end_fail(end, "I-33", "an end of the stream that is none", end->read);
        end->read_end = true;
        return false;
    }
    take(end, data, (size_t)n);
    end->read_at = sim_now(end->apps->sim) + draw_pause(end, end->plan.read_pause);
    if (end->plan.shut_after > 0 && end->read >= end->plan.shut_after) {
        end->shut = true;
        int answer = weir_tcp_shutdown(end_stack(end), end->handle, WEIR_TCP_SHUT_RECEIVE);
        uint32_t level = weir_tcp_ready(end_stack(end), end->handle);
        if (answer != WEIR_OK && answer != WEIR_E_NOT_CONNECTED)
            end_fail(end, "API", "cannot stop reading", end->read);
        end->read_end |= answer != WEIR_OK || (level & WEIR_EVENT_PEER_CLOSED) != 0;
        return false;
    }
    return !abort_is_due(end);
}

/* The flags of a write of `len` bytes, up to `limit`. */
static unsigned write_flags(struct end *end, uint32_t len, uint64_t limit, bool *last)
{
    unsigned flags = 0;
    bool all = end->written + len == limit;
    *last = all && end->plan.finish == TCP_FINISH_END && end->talk->config.kind != TCP_TALK_ECHO &&
            (end->talk->config.kind != TCP_TALK_ROUNDS ||
             end->rounds == end->talk->config.rounds);
    end->writes++;
    if (*last)
        flags |= WEIR_TCP_END;
    if (end->plan.urgent_every > 0 && end->writes % end->plan.urgent_every == 0)
        flags |= WEIR_TCP_URGENT;
    if (end->plan.more && !all && end->writes % 2 == 1)
        flags |= WEIR_TCP_MORE;
    return flags;
}

static bool write_once(struct end *end)
{
    uint8_t *data = end->apps->data;
    uint64_t limit = may_write(end);
    bool last;
    if (end->ended || end->written >= limit || !is_time(end, end->write_at))
        return false;
    uint32_t len = draw_len(end, end->plan.write_max);
    uint64_t until = limit;
    if (end->plan.idle > 0 && !end->idled && end->plan.idle_after < limit)
        until = end->plan.idle_after;
    if (len > until - end->written)
        len = (uint32_t)(until - end->written);
    unsigned flags = write_flags(end, len, limit, &last);
    stream_fill(end_seed(end), end->written, data, len);
    int n = weir_tcp_send(end_stack(end), end->handle, data, len, flags);
    if (n == WEIR_E_EXHAUSTED)
        end_later(end, sim_now(end->apps->sim) + RETRY);
    if (n == WEIR_E_EXHAUSTED || n == WEIR_E_WOULD_BLOCK)
        return false;
    if (n < 0) {
        end_error(end, n);
        end_let_go(end, false);
        return false;
    }
    if (n == 0 || (uint32_t)n > len)
        end_fail(end, "API", "an impossible answer to a write", (uint64_t)n);
    end->written += (uint64_t)n;
    end->more = (flags & WEIR_TCP_MORE) != 0;
    end->ended |= last && (uint32_t)n == len;
    end->write_at = sim_now(end->apps->sim) + draw_pause(end, end->plan.write_pause);
    if (end->plan.idle > 0 && !end->idled && end->written >= end->plan.idle_after) {
        end->idled = true;
        end->write_at += end->plan.idle;
    }
    return !abort_is_due(end) && (uint32_t)n == len;
}

static void end_shut(struct end *end)
{
    int answer = end->plan.finish == TCP_FINISH_END
                     ? weir_tcp_send(end_stack(end), end->handle, NULL, 0, WEIR_TCP_END)
                     : weir_tcp_shutdown(end_stack(end), end->handle, WEIR_TCP_SHUT_SEND);
    if (answer == WEIR_OK) {
        end->ended = true;
    } else {
        end_error(end, answer);
        end_let_go(end, false);
    }
}

static void end_finish(struct end *end)
{
    if (end->plan.finish == TCP_FINISH_ABORT) {
        /* There may not be as many bytes as it waits for. */
        if (end->read_end || (has_written_all(end) && has_read_all(end)))
            end_abort(end);
        return;
    }
    if (!has_written_all(end)) {
        if (end->read_end && end->ended)
            end_let_go(end, false);
        return;
    }
    /* Before it is connected, letting go would take back all; while data still comes, reset. */
    bool closes = end->plan.finish == TCP_FINISH_CLOSE && !end->shut;
    if (closes && has_read_all(end) && end->connected) {
        end->ended = true;
        end_let_go(end, false);
        return;
    }
    bool waits = end->plan.finish == TCP_FINISH_LAST && !end->read_end;
    if (!end->ended && !waits && !closes)
        end_shut(end);
    if (!end->let_go && end->ended && end->read_end)
        end_let_go(end, false);
}

static void end_step(struct end *end)
{
    if (!end->opened || end->let_go)
        return;
    while (read_once(end))
        ;
    while (!end->let_go && write_once(end))
        ;
    if (!end->let_go)
        end_finish(end);
    host_wake(end->apps, end->talk->config.host[end->side]);
}

static void end_set(struct end *end, bool accepted)
{
    for (unsigned i = 0; i < end->plan.setting_count; i++) {
        struct tcp_app_setting s = end->plan.setting[i];
        int answer = weir_tcp_set(end_stack(end), end->handle, (enum weir_tcp_setting)s.setting,
                                  s.value);
        if (answer != WEIR_OK && !(accepted && answer == WEIR_E_INVALID))
            end_fail(end, "API", "a setting is refused", s.setting);
    }
}

/* A place for the end in the table that events are looked up in. */
static uint64_t end_user(struct tcp_apps *apps, struct end *end)
{
    apps->user = realloc(apps->user, (apps->users + 1) * sizeof(struct end *));
    CHECK(NULL, apps->user != NULL);
    apps->user[apps->users++] = end;
    return apps->users;
}

static void end_connected(struct end *end)
{
    if (!end->connected) {
        end->connected_at = sim_now(end->apps->sim);
        end->read_at = end->connected_at + end->plan.read_delay;
    }
    end->connected = true;
}

/* ---- talks ---- */

static void end_connect(struct sim *sim, void *ctx)
{
    struct end *end = ctx;
    const struct tcp_talk_config *config = &end->talk->config;
    const struct end *peer = end_peer(end);
    struct weir_tcp_info info;
    struct weir_tcp_config open = {.size = sizeof open,
                                   .address = config->address[end->side],
                                   .port = config->crossing || end->side == 0
                                               ? config->port[end->side]
                                               : 0,
                                   .user = end_user(end->apps, end)};
    int answer = weir_tcp_open(end_stack(end), &open, &end->handle);
    if (answer == WEIR_OK) {
        end->opened = true;
        end_set(end, false);
        answer = weir_tcp_connect(end_stack(end), end->handle, &config->address[peer->side],
                                  config->port[peer->side]);
        if (answer != WEIR_OK) {
            /* Its CLOSED event finds nobody. */
            end->apps->user[open.user - 1] = NULL;
            end->opened = false;
            (void)weir_tcp_close(end_stack(end), end->handle);
        }
    }
    if (answer == WEIR_E_EXHAUSTED || answer == WEIR_E_EXISTS) {
        (void)sim_at(sim, sim_now(sim) + RETRY, end_connect, end);
        return;
    }
    if (answer != WEIR_OK || weir_tcp_info(end_stack(end), end->handle, &info) != WEIR_OK) {
        end_fail(end, "API", "cannot connect", (uint64_t)-answer);
        return;
    }
    if (end->side == 0)
        end->talk->local_port = info.local_port;
    end_step(end); /* data may be sent already */
}

static void abort_now(struct sim *sim, void *ctx)
{
    struct end *end = ctx;
    (void)sim;
    if (!end->opened || end->let_go)
        return;
    end_abort(end);
    host_wake(end->apps, end->talk->config.host[end->side]);
}

static void talk_start(struct sim *sim, void *ctx)
{
    struct talk *talk = ctx;
    talk->started = true;
    /* What a limit has cut short may wait for ever on the other side. */
    for (unsigned i = 0; i < 2 && talk->config.may_fail; i++)
        (void)sim_at(sim, sim_now(sim) + TALK_PATIENCE, peer_is_gone, &talk->end[i]);
    for (unsigned i = 0; i < 2; i++)
        if (talk->config.side[i].abort_at > 0)
            (void)sim_at(sim, sim_now(sim) + talk->config.side[i].abort_at, abort_now,
                         &talk->end[i]);
    end_connect(sim, &talk->end[0]);
    if (talk->config.crossing)
        end_connect(sim, &talk->end[1]);
}

unsigned tcp_apps_talk(struct tcp_apps *apps, const struct tcp_talk_config *config)
{
    struct talk *talk = calloc(1, sizeof *talk);
    apps->talk = realloc(apps->talk, (apps->talks + 1) * sizeof(struct talk *));
    CHECK(NULL, talk != NULL && apps->talk != NULL);
    CHECK(NULL, config->host[0] < apps->hosts && config->host[1] < apps->hosts);
    talk->config = *config;
    talk->apps = apps;
    talk->number = apps->talks;
    for (unsigned side = 0; side < 2; side++) {
        struct end *end = &talk->end[side];
        char name[32];
        snprintf(name, sizeof name, "talk %u side %u", talk->number, side);
        end->apps = apps;
        end->talk = talk;
        end->side = side;
        end->plan = config->side[side];
        end->rng = sim_rng(apps->sim, name);
        /* The first response waits for its request. */
        end->next_round_at = side == 1 ? 1 : 0;
    }
    talk->seed = rng_u64(&talk->end[0].rng);
    talk->end[1].next_round_at = round_bytes(talk, 0, 0);
    apps->talk[apps->talks] = talk;
    (void)sim_at(apps->sim, config->start, talk_start, talk);
    return apps->talks++;
}

/* ---- listeners ---- */

/* The talk whose side 0 is the remote end of a connection that was accepted. */
static struct talk *talk_of(struct tcp_apps *apps, unsigned host, const struct weir_tcp_info *info)
{
    for (unsigned i = apps->talks; i-- > 0;) {
        struct talk *talk = apps->talk[i];
        if (talk->started && !talk->config.crossing && !talk->end[1].opened &&
            talk->config.host[1] == host && talk->local_port == info->remote_port &&
            talk->config.port[1] == info->local_port &&
            weir_addr_is_ip4(&talk->config.address[1]) == weir_addr_is_ip4(&info->local))
            return talk;
    }
    return NULL;
}

static bool listener_opens_fast(const struct listener *l)
{
    for (unsigned i = 0; i < l->config.setting_count; i++)
        if (l->config.setting[i].setting == WEIR_TCP_FAST_OPEN && l->config.setting[i].value != 0)
            return true;
    return false;
}

/* Take one connection; false when none waits. */
static bool accept_one(struct listener *l)
{
    struct tcp_apps *apps = l->apps;
    weir_stack *stack = stack_node_stack(apps->node[l->config.host]);
    struct weir_tcp_info info;
    weir_handle handle;
    uint64_t user = end_user(apps, NULL);
    int answer = weir_tcp_accept(stack, l->handle, user, &handle);
    if (answer != WEIR_OK) {
        apps->users--;
        if (answer != WEIR_E_WOULD_BLOCK)
            verdict_fail(apps->verdict, sim_now(apps->sim), "API", "accept answers %s",
                         weir_strerror(answer));
        return false;
    }
    answer = weir_tcp_info(stack, handle, &info);
    struct talk *talk = answer == WEIR_OK ? talk_of(apps, l->config.host, &info) : NULL;
    if (talk == NULL && listener_opens_fast(l)) {
        apps->replayed++;
        apps->user[user - 1] = NULL;
        (void)weir_tcp_abort(stack, handle);
        return true;
    }
    if (talk == NULL) {
        verdict_fail(apps->verdict, sim_now(apps->sim), "I-40",
                     "a connection from port %u was accepted that nobody made", info.remote_port);
        return false;
    }
    struct end *end = &talk->end[1];
    apps->user[user - 1] = end;
    end->handle = handle;
    end->opened = true;
    end_set(end, true);
    end_connected(end);
    if (talk->end[0].aborted)
        (void)sim_at(apps->sim, sim_now(apps->sim) + PEER_PATIENCE, peer_is_gone, end);
    /* Half of them trust that an event tells what happened before. */
    if (rng_below(&end->rng, 2) == 0)
        end_step(end);
    return true;
}

static void listener_wake(struct sim *sim, void *ctx);

static void answer_now(struct sim *sim, void *ctx)
{
    const struct answer *a = ctx;
    struct tcp_apps *apps = a->listener->apps;
    int answer = weir_tcp_decide(stack_node_stack(apps->node[a->listener->config.host]), a->request,
                                 a->verdict);
    if (answer != WEIR_OK && answer != WEIR_E_STALE)
        verdict_fail(apps->verdict, sim_now(sim), "API", "decide answers %s",
                     weir_strerror(answer));
    host_wake(apps, a->listener->config.host);
}

/* What is answered to a request; false: nothing. */
static bool draw_answer(struct listener *l, const struct weir_tcp_request *request,
                        enum weir_tcp_verdict *verdict)
{
    const struct tcp_answers *c = &l->config.answers;
    uint64_t draw = rng_below(&l->rng, 100);
    struct weir_tcp_info info = {.local = request->local,
                                 .local_port = request->local_port,
                                 .remote_port = request->remote_port};
    struct talk *talk = talk_of(l->apps, l->config.host, &info);
    bool must = talk != NULL && !talk->config.may_fail;
    if (talk != NULL)
        talk->asked++;
    if (draw < c->admit || (must && talk->asked >= 3))
        *verdict = WEIR_TCP_ADMIT;
    else if (draw - c->admit < c->refuse && !must)
        *verdict = WEIR_TCP_REFUSE;
    else
        *verdict = WEIR_TCP_IGNORE;
    return *verdict != WEIR_TCP_IGNORE || draw - c->admit < (uint64_t)c->refuse + c->ignore;
}

/* Answer the handshakes that are put to the listener. */
static void listener_answer(struct listener *l)
{
    struct tcp_apps *apps = l->apps;
    weir_stack *stack = stack_node_stack(apps->node[l->config.host]);
    struct weir_tcp_request request;
    enum weir_tcp_verdict verdict;
    while (l->open && weir_tcp_asked(stack, l->handle, &request) == WEIR_OK) {
        if (!draw_answer(l, &request, &verdict))
            continue;
        struct answer *answer = calloc(1, sizeof *answer);
        CHECK(NULL, answer != NULL);
        *answer = (struct answer){apps->answers, l, request.handle, verdict};
        apps->answers = answer;
        if (l->config.answers.pause == 0) {
            answer_now(apps->sim, answer);
            continue;
        }
        weir_time pause = (weir_time)rng_between(&l->rng, 0, (uint64_t)l->config.answers.pause);
        (void)sim_at(apps->sim, sim_now(apps->sim) + pause, answer_now, answer);
    }
}

static void listener_step(struct listener *l)
{
    listener_answer(l);
    while (l->open && !l->waits && accept_one(l)) {
        if (l->config.pause == 0)
            continue;
        weir_time pause = (weir_time)rng_between(&l->rng, 0, (uint64_t)l->config.pause);
        l->waits = true;
        (void)sim_at(l->apps->sim, sim_now(l->apps->sim) + pause, listener_wake, l);
    }
    host_wake(l->apps, l->config.host);
}

static void listener_wake(struct sim *sim, void *ctx)
{
    struct listener *l = ctx;
    (void)sim;
    l->waits = false;
    listener_step(l);
}

void tcp_apps_listen(struct tcp_apps *apps, const struct tcp_listen_config *config)
{
    CHECK(NULL, apps->listeners < TCP_APP_LISTENERS_MAX && config->host < apps->hosts);
    struct listener *l = &apps->listener[apps->listeners];
    weir_stack *stack = stack_node_stack(apps->node[config->host]);
    struct weir_tcp_config open = {
        .size = sizeof open, .port = config->port, .user = USER_LISTENER + apps->listeners};
    char name[32];
    snprintf(name, sizeof name, "listener %u", apps->listeners);
    *l = (struct listener){
        .apps = apps, .config = *config, .open = true, .rng = sim_rng(apps->sim, name)};
    apps->listeners++;
    CHECK(NULL, weir_tcp_open(stack, &open, &l->handle) == WEIR_OK);
    for (unsigned i = 0; i < config->setting_count; i++)
        CHECK(NULL, weir_tcp_set(stack, l->handle, (enum weir_tcp_setting)config->setting[i].setting,
                                 config->setting[i].value) == WEIR_OK);
    CHECK(NULL, weir_tcp_listen(stack, l->handle, config->backlog) == WEIR_OK);
}

void tcp_apps_listen_end(struct tcp_apps *apps)
{
    for (unsigned i = 0; i < apps->listeners; i++) {
        struct listener *l = &apps->listener[i];
        if (!l->open)
            continue;
        (void)weir_tcp_close(stack_node_stack(apps->node[l->config.host]), l->handle);
        l->open = false;
        host_wake(apps, l->config.host);
    }
}

/* ---- events ---- */

static bool same_handle(weir_handle a, weir_handle b)
{
    return a.index == b.index && a.generation == b.generation;
}

static void end_event(struct end *end, const struct weir_event *event)
{
    if (!same_handle(event->handle, end->handle))
        end_fail(end, "I-40", "an event of another handle", event->handle.index);
    if (end->closed)
        end_fail(end, "I-34", "an event after the last", event->bits);
    if ((event->bits & WEIR_EVENT_CONNECTED) != 0)
        end_connected(end);
    end->apps->urgent += (event->bits & WEIR_EVENT_URGENT) != 0;
    end->read_end |= end->shut && (event->bits & WEIR_EVENT_PEER_CLOSED) != 0;
    if ((event->bits & WEIR_EVENT_CLOSED) != 0) {
        end->closed = true;
        end->closed_at = sim_now(end->apps->sim);
    }
    if (end->closed && event->error != WEIR_OK && !end->aborted && !end_peer(end)->aborted &&
        !end->errored)
        end_error(end, event->error);
    end_step(end); /* closed or not: what was received is there to be read */
}

static void serve_host(struct tcp_apps *apps, unsigned host)
{
    struct weir_event events[EVENTS_AT_ONCE];
    unsigned n;
    while ((n = weir_stack_events(stack_node_stack(apps->node[host]), events, EVENTS_AT_ONCE)) > 0)
        for (unsigned i = 0; i < n && !apps->verdict->failed; i++) {
            uint64_t user = events[i].user;
            if (user >= TCP_APP_USER_OTHER && apps->others != NULL)
                apps->others(apps->others_ctx, host, &events[i]);
            else if (user >= USER_LISTENER)
                listener_step(&apps->listener[user - USER_LISTENER]);
            else if (user > 0 && user <= apps->users && apps->user[user - 1] != NULL)
                end_event(apps->user[user - 1], &events[i]);
        }
}

void tcp_apps_others(struct tcp_apps *apps,
                     void (*fn)(void *ctx, unsigned host, const struct weir_event *event), void *ctx)
{
    apps->others = fn;
    apps->others_ctx = ctx;
}

void tcp_apps_serve(struct tcp_apps *apps)
{
    for (unsigned i = 0; i < apps->hosts; i++)
        serve_host(apps, i);
}

/* ---- the whole ---- */

struct tcp_apps *tcp_apps_new(struct sim *sim, struct verdict *verdict)
{
    struct tcp_apps *apps = calloc(1, sizeof *apps);
    CHECK(NULL, apps != NULL);
    apps->sim = sim;
    apps->verdict = verdict;
    return apps;
}

void tcp_apps_free(struct tcp_apps *apps)
{
    for (unsigned i = 0; i < apps->talks; i++)
        free(apps->talk[i]);
    for (struct answer *a = apps->answers, *next; a != NULL; a = next) {
        next = a->next;
        free(a);
    }
    free(apps->talk);
    free(apps->user);
    free(apps);
}

unsigned tcp_apps_host(struct tcp_apps *apps, struct stack_node *node)
{
    CHECK(NULL, apps->hosts < TCP_APP_HOSTS_MAX);
    apps->node[apps->hosts] = node;
    apps->acted[apps->hosts] = -1;
    return apps->hosts++;
}

static bool end_is_over(const struct end *end)
{
    return !end->opened || (end->closed && end->let_go);
}

static const char *end_text(const struct end *end, char *buf, size_t size)
{
    snprintf(buf, size, "side %u %s, wrote %llu%s, read %llu%s%s%s", end->side,
             !end->opened     ? "not there"
             : end->closed    ? "closed"
             : end->connected ? "connected"
                              : "open",
             (unsigned long long)end->written, end->ended ? " and the end" : "",
             (unsigned long long)end->read, end->read_end ? " and the end" : "",
             end->let_go ? ", let go" : "", end->aborted ? ", aborted" : "");
    return buf;
}

bool tcp_apps_done(const struct tcp_apps *apps, char *text, size_t size)
{
    char buf[2][100];
    for (unsigned i = 0; i < apps->talks; i++) {
        const struct talk *talk = apps->talk[i];
        const struct end *a = &talk->end[0], *b = &talk->end[1];
        bool never_met = !b->opened && (a->aborted || (a->errored && talk->config.may_fail));
        if (talk->started && end_is_over(a) && end_is_over(b) &&
            (never_met || (a->opened && b->opened)))
            continue;
        if (text != NULL)
            snprintf(text, size, "talk %u is not over; %s; %s", i, end_text(a, buf[0], sizeof buf[0]),
                     end_text(b, buf[1], sizeof buf[1]));
        return false;
    }
    return true;
}

uint64_t tcp_apps_read(const struct tcp_apps *apps)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < apps->talks; i++)
        sum += apps->talk[i]->end[0].read + apps->talk[i]->end[1].read;
    return sum;
}

uint64_t tcp_apps_replayed(const struct tcp_apps *apps)
{
    return apps->replayed;
}

uint64_t tcp_apps_urgent(const struct tcp_apps *apps)
{
    return apps->urgent;
}

weir_time tcp_apps_acted(const struct tcp_apps *apps, unsigned host)
{
    CHECK(NULL, host < apps->hosts);
    return apps->acted[host];
}

static struct tcp_end_view view_of(const struct end *end)
{
    return (struct tcp_end_view){.known = true,
                                 .written = end->written,
                                 .read = end->read,
                                 .ended = end->ended,
                                 .read_end = end->read_end,
                                 .more = end->more,
                                 .let_go = end->let_go,
                                 .shut = end->shut,
                                 .opened = end->opened,
                                 .connected = end->connected,
                                 .closed = end->closed,
                                 .aborted = end->aborted,
                                 .error = end->error,
                                 .connected_at = end->connected_at,
                                 .closed_at = end->closed_at};
}

struct tcp_end_view tcp_apps_view(const struct tcp_apps *apps, unsigned host, uint64_t user)
{
    if (user == 0 || user > apps->users || apps->user[user - 1] == NULL)
        return (struct tcp_end_view){0};
    const struct end *end = apps->user[user - 1];
    bool here = end->talk->config.host[end->side] == host;
    return here ? view_of(end) : (struct tcp_end_view){0};
}

struct tcp_end_view tcp_apps_end(const struct tcp_apps *apps, unsigned talk, unsigned side)
{
    CHECK(NULL, talk < apps->talks && side < 2);
    return view_of(&apps->talk[talk]->end[side]);
}

weir_handle tcp_apps_handle(const struct tcp_apps *apps, unsigned talk, unsigned side)
{
    CHECK(NULL, talk < apps->talks && side < 2);
    return apps->talk[talk]->end[side].handle;
}
