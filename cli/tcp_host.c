/* SPDX-License-Identifier: MIT */
#include "tcp_host.h"

#include <stdlib.h>

#include "station.h"

enum {
    NONE = -1, /* no place */
    SHARE_MIN = 16384,
    BUFFER_MAX = 65535 << 8 /* of receiving: the stack's default */
};

#define RETRY WEIR_NS_PER_MS

/* `user` of the endpoints: these, and the place in its table. */
#define USER_LISTENER   (UINT64_C(1) << 32)
#define USER_CONNECTION (UINT64_C(2) << 32)
#define USER_PLACE      UINT64_C(0xffffffff)

struct place {
    struct stream stream;
    void *state; /* NULL: free */
    unsigned listener;
    int next_free, next_turn, next_retry;
    int older, newer; /* among those of its listener, by their last event */
    weir_time active; /* its last event */
    bool waits_turn, waits_retry;
    bool gone; /* its last event has come */
};

struct listener {
    weir_handle handle;
    const struct tcp_service *service;
    int oldest, newest; /* who was silent longest */
    bool waiting;       /* somebody may be in the accept queue */
    uint64_t accepted, silenced;
};

struct tcp_host {
    weir_stack *stack;
    uint64_t memory_bytes;
    uint32_t receive_bytes_max; /* of the listeners, now */
    struct listener listener[TCP_HOST_LISTENERS_MAX];
    unsigned listeners, places, used;
    int first_free, first_turn, last_turn, first_retry, last_retry;
    weir_time now;
    weir_time retry_at;
    bool fast_open; /* of the listeners */
    bool more;     /* somebody wants another turn soon */
    uint64_t full; /* times that a connection had to wait for a place */
    struct place place[];
};

struct tcp_host *tcp_host_new(weir_stack *stack, unsigned connections_max,
                              uint32_t packet_memory_kb)
{
    struct tcp_host *host =
        calloc(1, sizeof *host + (size_t)connections_max * sizeof host->place[0]);
    if (host == NULL)
        return NULL;
    host->stack = stack;
    host->memory_bytes = (uint64_t)packet_memory_kb * 1024;
    host->receive_bytes_max = BUFFER_MAX;
    host->places = connections_max;
    host->first_turn = host->last_turn = host->first_retry = host->last_retry = NONE;
    for (unsigned i = 0; i < connections_max; i++)
        host->place[i].next_free = i + 1 < connections_max ? (int)i + 1 : NONE;
    return host;
}

void tcp_host_fast_open(struct tcp_host *host)
{
    host->fast_open = true;
}

int tcp_host_listen(struct tcp_host *host, const struct tcp_service *service, uint16_t port)
{
    struct weir_tcp_config config = {.size = sizeof config, .port = port, .reuse = true};
    if (host->listeners == TCP_HOST_LISTENERS_MAX)
        return WEIR_E_EXHAUSTED;
    struct listener *l = &host->listener[host->listeners];
    *l = (struct listener){.service = service, .oldest = NONE, .newest = NONE, .waiting = true};
    config.user = USER_LISTENER | host->listeners;
    int error = weir_tcp_open(host->stack, &config, &l->handle);
    if (error != WEIR_OK)
        return error;
    /* Services say themselves when more follows (WEIR_TCP_MORE). */
    error = weir_tcp_set(host->stack, l->handle, WEIR_TCP_NODELAY, 1);
    if (error == WEIR_OK && host->fast_open)
        error = weir_tcp_set(host->stack, l->handle, WEIR_TCP_FAST_OPEN, 1);
    if (error == WEIR_OK)
        error = weir_tcp_listen(host->stack, l->handle, host->places);
    if (error != WEIR_OK) {
        (void)weir_tcp_close(host->stack, l->handle);
        return error;
    }
    host->listeners++;
    return WEIR_OK;
}

/* ---- lists of places ---- */

static void want_turn(struct tcp_host *host, int i)
{
    struct place *p = &host->place[i];
    if (p->waits_turn)
        return;
    p->waits_turn = true;
    p->next_turn = NONE;
    if (host->last_turn != NONE)
        host->place[host->last_turn].next_turn = i;
    else
        host->first_turn = i;
    host->last_turn = i;
}

static void want_retry(struct tcp_host *host, int i)
{
    struct place *p = &host->place[i];
    if (p->waits_retry)
        return;
    p->waits_retry = true;
    p->next_retry = NONE;
    if (host->last_retry != NONE)
        host->place[host->last_retry].next_retry = i;
    else
        host->first_retry = i;
    host->last_retry = i;
}

static void age_remove(struct tcp_host *host, int i)
{
    struct place *p = &host->place[i];
    struct listener *l = &host->listener[p->listener];
    *(p->older != NONE ? &host->place[p->older].newer : &l->oldest) = p->newer;
    *(p->newer != NONE ? &host->place[p->newer].older : &l->newest) = p->older;
}

static void age_append(struct tcp_host *host, int i)
{
    struct place *p = &host->place[i];
    struct listener *l = &host->listener[p->listener];
    p->older = l->newest;
    p->newer = NONE;
    *(l->newest != NONE ? &host->place[l->newest].newer : &l->oldest) = i;
    l->newest = i;
    p->active = host->now;
}

/* ---- connections ---- */

/* What each connection may have of the packet memory: a quarter of it is for sending, a quarter for
 * receiving, and the rest for those who had more before the others came. */
static uint32_t share(const struct tcp_host *host)
{
    uint64_t bytes = host->memory_bytes / 4 / (host->used > 0 ? host->used : 1);
    if (bytes > STREAM_SEND_BYTES_MAX)
        return STREAM_SEND_BYTES_MAX;
    return bytes > SHARE_MIN ? (uint32_t)bytes : SHARE_MIN;
}

/* The receive buffers of connections to come, in powers of two so that it seldom changes. */
static void share_receiving(struct tcp_host *host)
{
    uint32_t bytes = BUFFER_MAX;
    while (bytes > share(host))
        bytes /= 2;
    if (bytes == host->receive_bytes_max)
        return;
    host->receive_bytes_max = bytes;
    for (unsigned k = 0; k < host->listeners; k++)
        (void)weir_tcp_set(host->stack, host->listener[k].handle, WEIR_TCP_RECEIVE_BYTES_MAX,
                           bytes);
}

static const struct tcp_service *service_of(const struct tcp_host *host, const struct place *p)
{
    return host->listener[p->listener].service;
}

static void release(struct tcp_host *host, int i)
{
    struct place *p = &host->place[i];
    const struct tcp_service *service = service_of(host, p);
    if (service->end != NULL)
        service->end(service->ctx, p->state);
    free(p->state);
    p->state = NULL;
    age_remove(host, i);
    p->next_free = host->first_free;
    host->first_free = i;
    host->used--;
}

static void accept_all(struct tcp_host *host, unsigned index)
{
    struct listener *l = &host->listener[index];
    while (l->waiting && host->first_free != NONE) {
        int i = host->first_free;
        struct place *p = &host->place[i];
        weir_handle handle;
        int error = weir_tcp_accept(host->stack, l->handle, USER_CONNECTION | (unsigned)i, &handle);
        if (error != WEIR_OK) {
            l->waiting = false;
            return;
        }
        void *state = calloc(1, l->service->state_size);
        if (state == NULL) {
            (void)weir_tcp_abort(host->stack, handle);
            continue;
        }
        host->first_free = p->next_free;
        p->stream = stream_tcp(host->stack, handle); /* lists of turns keep who was here before */
        p->state = state;
        p->listener = index;
        p->gone = false;
        age_append(host, i);
        want_turn(host, i);
        host->used++;
        l->accepted++;
    }
    host->full += l->waiting;
}

bool tcp_host_event(struct tcp_host *host, const struct weir_event *event)
{
    uint64_t place = event->user & USER_PLACE;
    uint64_t kind = event->user & ~USER_PLACE;
    if (kind == USER_LISTENER && place < host->listeners) {
        host->listener[place].waiting = true;
        return true;
    }
    if (kind != USER_CONNECTION || place >= host->places)
        return false;
    struct place *p = &host->place[place];
    /* Its place may be somebody else's by now: the last event comes after the closing. */
    if (p->state == NULL || p->stream.handle.index != event->handle.index ||
        p->stream.handle.generation != event->handle.generation)
        return true;
    p->gone |= (event->bits & WEIR_EVENT_CLOSED) != 0;
    age_remove(host, (int)place);
    age_append(host, (int)place);
    want_turn(host, (int)place);
    return true;
}

/* Answers whether it wants to try again later. */
static bool take_turn(struct tcp_host *host, int i)
{
    struct place *p = &host->place[i];
    const struct tcp_service *service = service_of(host, p);
    p->stream.send_bytes_max = share(host);
    switch (service->turn(service->ctx, p->state, &p->stream)) {
    case STREAM_WAIT:
        if (!p->gone)
            return false;
        break; /* there is nothing to wait for */
    case STREAM_RETRY:
        want_retry(host, i);
        return true;
    case STREAM_MORE:
        host->more = true;
        want_turn(host, i);
        return false;
    case STREAM_END:
        break;
    case STREAM_ABORT:
        (void)weir_tcp_abort(host->stack, p->stream.handle);
        release(host, i);
        return false;
    }
    (void)weir_tcp_close(host->stack, p->stream.handle);
    release(host, i);
    return false;
}

/* When packet memory is what they lack, all others lack it too: the first to fail again is the last
 * to be tried. */
static void take_retries(struct tcp_host *host)
{
    bool fails = false;
    if (host->first_retry == NONE || host->now < host->retry_at)
        return;
    while (!fails && host->first_retry != NONE) {
        int i = host->first_retry;
        struct place *p = &host->place[i];
        host->first_retry = p->next_retry;
        if (host->first_retry == NONE)
            host->last_retry = NONE;
        p->waits_retry = false;
        fails = p->state != NULL && take_turn(host, i);
    }
    host->retry_at = host->now + RETRY;
}

/* Reset who was silent for too long; answers when the next one will have been. */
static weir_time silence(struct tcp_host *host)
{
    weir_time next = WEIR_TIME_NEVER;
    for (unsigned k = 0; k < host->listeners; k++) {
        struct listener *l = &host->listener[k];
        weir_time limit = l->service->idle;
        while (l->oldest != NONE && host->now - host->place[l->oldest].active >= limit) {
            int i = l->oldest;
            (void)weir_tcp_abort(host->stack, host->place[i].stream.handle);
            release(host, i);
            l->silenced++;
        }
        if (l->oldest != NONE && host->place[l->oldest].active + limit < next)
            next = host->place[l->oldest].active + limit;
    }
    return next;
}

weir_time tcp_host_turn(struct tcp_host *host, weir_time now)
{
    host->now = now;
    host->more = false;
    weir_time next = silence(host);
    for (unsigned k = 0; k < host->listeners; k++)
        accept_all(host, k);
    share_receiving(host);
    take_retries(host);
    int last = host->last_turn, i = host->first_turn;
    while (i != NONE) { /* who wants another turn comes behind `last` */
        struct place *p = &host->place[i];
        host->first_turn = p->next_turn;
        if (host->first_turn == NONE)
            host->last_turn = NONE;
        p->waits_turn = false;
        if (p->state != NULL)
            (void)take_turn(host, i);
        i = i == last ? NONE : host->first_turn;
    }
    if (host->more)
        return 0;
    if (host->first_retry != NONE && host->retry_at < next)
        next = host->retry_at;
    for (unsigned k = 0; k < host->listeners; k++)
        if (host->listener[k].waiting && host->first_free != NONE)
            return 0;
    return next;
}

const char *tcp_host_owner(const struct tcp_host *host, uint64_t user)
{
    uint64_t place = user & USER_PLACE, kind = user & ~USER_PLACE;
    if (kind == USER_LISTENER && place < host->listeners)
        return host->listener[place].service->name;
    if (kind == USER_CONNECTION && place < host->places && host->place[place].state != NULL)
        return service_of(host, &host->place[place])->name;
    return NULL;
}

unsigned tcp_host_count(const struct tcp_host *host)
{
    return host->used;
}

void tcp_host_print(const struct tcp_host *host, FILE *out)
{
    char name[64];
    uint64_t accepted = 0;
    for (unsigned k = 0; k < host->listeners; k++)
        accepted += host->listener[k].accepted;
    if (accepted > 0)
        fprintf(out, "services over TCP\n");
    for (unsigned k = 0; k < host->listeners; k++) {
        const struct listener *l = &host->listener[k];
        (void)snprintf(name, sizeof name, "%s_accepted", l->service->name);
        station_counter(out, name, l->accepted, "TCP connections accepted");
        (void)snprintf(name, sizeof name, "%s_silenced", l->service->name);
        station_counter(out, name, l->silenced, "TCP connections reset: silent for too long");
    }
    station_counter(out, "connections_full", host->full,
                    "turns in which a connection waited for a place");
}

void tcp_host_free(struct tcp_host *host)
{
    if (host == NULL)
        return;
    for (unsigned i = 0; i < host->places; i++) {
        struct place *p = &host->place[i];
        if (p->state == NULL)
            continue;
        (void)weir_tcp_abort(host->stack, p->stream.handle);
        release(host, (int)i);
    }
    for (unsigned k = 0; k < host->listeners; k++)
        (void)weir_tcp_close(host->stack, host->listener[k].handle);
    free(host);
}
