/* SPDX-License-Identifier: MIT */
#include "tcp_services.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli.h"
#include "services.h"

enum { STEPS = 4 /* of a buffer each, in one turn */ };

#define IDLE_TALK (600 * WEIR_NS_PER_S) /* echo, discard, chargen: people may be typing */
#define IDLE_TELL (10 * WEIR_NS_PER_S)  /* daytime, time: only the peer's FIN is waited for */

/* What was received and could not be sent: most often nothing, as no more is received than there is
 * room to send. */
struct echo {
    uint8_t *kept;
    size_t kept_len, kept_at;
};

struct chargen {
    uint32_t at; /* in the pattern */
};

struct tell {
    uint8_t text[64];
    size_t len, at;
    bool begun, told;
};

static bool is_error(int n)
{
    return n < 0 && n != WEIR_E_WOULD_BLOCK && n != WEIR_E_EXHAUSTED;
}

/* Receive and forget. STREAM_WAIT: there is nothing now, STREAM_END: nor will there be. */
static enum stream_turn swallow(struct tcp_services *services, struct stream *stream)
{
    for (unsigned i = 0; i < STEPS; i++) {
        int n = stream_receive(stream, services->buffer, sizeof services->buffer);
        if (n == WEIR_E_WOULD_BLOCK)
            return STREAM_WAIT;
        if (n <= 0)
            return n == 0 ? STREAM_END : STREAM_ABORT;
    }
    return STREAM_MORE;
}

/* ---- echo ---- */

/* Keep what was not sent. False: no memory. */
static bool echo_keep(struct echo *e, const uint8_t *data, size_t len)
{
    e->kept = malloc(len);
    if (e->kept == NULL)
        return false;
    memcpy(e->kept, data, len);
    e->kept_len = len;
    e->kept_at = 0;
    return true;
}

/* STREAM_MORE: nothing is kept any more. */
static enum stream_turn echo_kept(struct echo *e, struct stream *stream)
{
    int n = stream_send(stream, e->kept + e->kept_at, e->kept_len - e->kept_at, 0);
    if (is_error(n))
        return STREAM_ABORT;
    e->kept_at += n > 0 ? (size_t)n : 0;
    if (e->kept_at < e->kept_len)
        return n == WEIR_E_EXHAUSTED ? STREAM_RETRY : STREAM_WAIT;
    free(e->kept);
    e->kept = NULL;
    return STREAM_MORE;
}

static enum stream_turn turn_echo(void *ctx, void *state, struct stream *stream)
{
    struct tcp_services *services = ctx;
    struct echo *e = state;
    for (unsigned i = 0; i < STEPS; i++) {
        if (e->kept != NULL) {
            enum stream_turn turn = echo_kept(e, stream);
            if (turn != STREAM_MORE)
                return turn;
        }
        size_t room = stream_room(stream);
        if (room > sizeof services->buffer)
            room = sizeof services->buffer;
        /* One byte goes beyond what there is room for, so that WRITABLE will come. */
        int n = stream_receive(stream, services->buffer, room > 0 ? room : 1);
        if (n == WEIR_E_WOULD_BLOCK)
            return STREAM_WAIT;
        if (n <= 0)
            return n == 0 ? STREAM_END : STREAM_ABORT;
        int sent = stream_send(stream, services->buffer, (size_t)n, 0);
        if (is_error(sent))
            return STREAM_ABORT;
        size_t done = sent > 0 ? (size_t)sent : 0;
        if (done == (size_t)n)
            continue;
        if (!echo_keep(e, services->buffer + done, (size_t)n - done))
            return STREAM_ABORT;
        return sent == WEIR_E_EXHAUSTED ? STREAM_RETRY : STREAM_WAIT;
    }
    return STREAM_MORE;
}

static void end_echo(void *ctx, void *state)
{
    struct echo *e = state;
    (void)ctx;
    free(e->kept);
}

/* ---- discard ---- */

static enum stream_turn turn_discard(void *ctx, void *state, struct stream *stream)
{
    (void)state;
    return swallow(ctx, stream);
}

/* ---- daytime and time: told at once, and then the peer's FIN is waited for, because a connection
 * closed with unread data is reset (RFC 2525 2.17) ---- */

static enum stream_turn turn_tell(struct tcp_services *services, struct tell *t,
                                  struct stream *stream)
{
    while (!t->told) {
        int n = stream_send(stream, t->text + t->at, t->len - t->at, WEIR_TCP_END);
        if (is_error(n))
            return STREAM_ABORT;
        t->at += n > 0 ? (size_t)n : 0;
        t->told = t->at == t->len;
        if (!t->told && n < 0)
            return n == WEIR_E_EXHAUSTED ? STREAM_RETRY : STREAM_WAIT;
    }
    return swallow(services, stream);
}

static enum stream_turn turn_daytime(void *ctx, void *state, struct stream *stream)
{
    struct tell *t = state;
    if (!t->begun)
        t->len = services_daytime((char *)t->text, sizeof t->text);
    t->begun = true;
    return turn_tell(ctx, t, stream);
}

static enum stream_turn turn_time(void *ctx, void *state, struct stream *stream)
{
    struct tell *t = state;
    if (!t->begun) {
        store32(t->text, services_time());
        t->len = 4;
    }
    t->begun = true;
    return turn_tell(ctx, t, stream);
}

/* ---- chargen ---- */

static enum stream_turn turn_chargen(void *ctx, void *state, struct stream *stream)
{
    struct tcp_services *services = ctx;
    struct chargen *c = state;
    enum stream_turn heard = swallow(services, stream);
    if (heard == STREAM_END || heard == STREAM_ABORT) /* RFC 864: until the user closes */
        return heard;
    for (unsigned i = 0; i < STEPS; i++) {
        size_t room = stream_room(stream);
        if (room > sizeof services->buffer)
            room = sizeof services->buffer;
        services_pattern(services->buffer, room > 0 ? room : 1, c->at);
        int n = stream_send(stream, services->buffer, room > 0 ? room : 1, WEIR_TCP_MORE);
        if (is_error(n))
            return STREAM_ABORT;
        if (n < 0)
            return n == WEIR_E_EXHAUSTED ? STREAM_RETRY : heard;
        c->at = services_pattern_after(c->at, (size_t)n);
    }
    return STREAM_MORE;
}

/* ---- all of them ---- */

void tcp_services_init(struct tcp_services *services)
{
    const struct tcp_service all[TCP_SERVICES_MAX] = {
        {"echo", sizeof(struct echo), IDLE_TALK, turn_echo, end_echo, services},
        {"discard", 1, IDLE_TALK, turn_discard, NULL, services},
        {"daytime", sizeof(struct tell), IDLE_TELL, turn_daytime, NULL, services},
        {"chargen", sizeof(struct chargen), IDLE_TALK, turn_chargen, NULL, services},
        {"time", sizeof(struct tell), IDLE_TELL, turn_time, NULL, services}};
    memcpy(services->service, all, sizeof all);
}

bool tcp_services_open(struct tcp_services *services, struct tcp_host *host, unsigned set)
{
    for (unsigned i = 0; i < TCP_SERVICES_MAX; i++) {
        if ((set & 1U << i) == 0)
            continue;
        int error = tcp_host_listen(host, &services->service[i], services_port(i));
        if (error != WEIR_OK) {
            cli_error("service %s: %s", services->service[i].name, weir_strerror(error));
            return false;
        }
    }
    return true;
}
