/* SPDX-License-Identifier: MIT
 * Applications over weir_tcp_*() in virtual time: streams, echo and requests with responses, written
 * and read in pieces of any size, with pauses, urgent data and every way to end. A conversation (a
 * talk) is planned for both of its ends, so each byte that arrives is compared at once with the one
 * that was written at its place, and each end knows what is still to come.
 *
 * All choices come from streams named after the talk and the end. Nothing runs by itself: after each
 * event of the simulation tcp_apps_serve() reads the stacks' events and lets the applications act. */
#ifndef WEIR_SIM_TCP_APP_H
#define WEIR_SIM_TCP_APP_H

#include "sim/stack_node.h"
#include "sim/verdict.h"
#include "weir/tcp.h"

struct tcp_apps;

enum {
    TCP_APP_HOSTS_MAX = 8,
    TCP_APP_LISTENERS_MAX = 16,
    TCP_APP_SETTINGS_MAX = 24
};

/* How an end ends, when it has written all. */
enum tcp_finish {
    TCP_FINISH_SHUTDOWN = 0, /* shuts its direction, reads on to the end, lets go */
    TCP_FINISH_END,          /* the same, but the last write says WEIR_TCP_END */
    TCP_FINISH_LAST,         /* waits for the peer's end before it ends; not both */
    TCP_FINISH_CLOSE,        /* lets go when it has read all that was planned, unseen the end */
    TCP_FINISH_ABORT         /* aborts after `abort_after` bytes written and read together */
};

struct tcp_app_setting {
    uint8_t setting; /* enum weir_tcp_setting */
    uint32_t value;
};

/* One end of a talk. All zero: sends nothing, reads as fast as it comes. */
struct tcp_side {
    uint64_t bytes;                 /* to send; see tcp_talk_kind */
    uint32_t write_max, read_max;   /* bytes of one call, drawn from 1 to this; 0: 16 KB each */
    weir_time write_pause, read_pause; /* after each call, drawn from 0 to this */
    weir_time read_delay;           /* after connecting, nothing is read for so long */
    weir_time idle;                 /* nothing is written for so long, when this much was written: */
    uint64_t idle_after;
    uint32_t urgent_every;          /* every so many writes one is urgent; 0: none */
    bool more;                      /* every other write says that more follows */
    uint8_t finish;                 /* enum tcp_finish */
    uint64_t abort_after;
    weir_time abort_at;             /* aborts so long after the start, in whatever state; 0: not */
    uint64_t shut_after;            /* STREAM: when so much is read, the rest is thrown away; 0: not */
    uint8_t setting_count;
    struct tcp_app_setting setting[TCP_APP_SETTINGS_MAX]; /* of the end that accepts: those that may
                                                             be set later; the others are refused */
};

enum tcp_talk_kind {
    TCP_TALK_STREAM = 0, /* each side sends its bytes, at the same time */
    TCP_TALK_ECHO,       /* side 1 sends back what it reads */
    TCP_TALK_ROUNDS      /* side 0 sends a request, side 1 answers when it has all of it */
};

struct tcp_talk_config {
    unsigned host[2];         /* side 0 connects to side 1 */
    struct weir_addr address[2]; /* side 0: all zeros: the stack chooses */
    uint16_t port[2];         /* side 0: 0: the stack chooses, unless both connect */
    bool may_fail;            /* errors are no fault: limits are tight */
    bool crossing;            /* both connect at the same time (RFC 9293 figure 7) */
    uint8_t kind;             /* enum tcp_talk_kind */
    weir_time start;
    uint32_t rounds, request_max, response_max; /* ROUNDS: bytes drawn from 1 to these */
    struct tcp_side side[2];
};

/* What one end has done, to compare with what its stack says. */
struct tcp_end_view {
    bool known;
    uint64_t written, read;
    bool ended;  /* shut its direction or let go in order */
    bool read_end;
    bool more;   /* its last write said that more follows */
    bool let_go; /* has no handle any more */
    bool shut;   /* does not read any more */
    bool opened, connected, closed, aborted; /* closed: its CLOSED event was read */
    int error;                               /* the first that it was told; WEIR_OK: none */
    weir_time connected_at, closed_at;
};

/* Applications of a simulation, which find faults for `verdict`. Owner: the caller, who frees them
 * when the simulation is destroyed; the verdict outlives them. */
struct tcp_apps *tcp_apps_new(struct sim *sim, struct verdict *verdict);
void tcp_apps_free(struct tcp_apps *apps);

/* Add a host: the number that talks know it by (0, 1, ...). At most TCP_APP_HOSTS_MAX. */
unsigned tcp_apps_host(struct tcp_apps *apps, struct stack_node *node);

/* What a listener with ASK answers, in percent, the rest being silence; each answer waits 0 to
 * `pause`. A talk that may not fail is never refused, and admitted when it has asked three times. */
struct tcp_answers {
    uint8_t admit, refuse, ignore;
    weir_time pause;
};

/* Listen on a host, at any address; each accept waits 0 to `pause`. */
struct tcp_listen_config {
    unsigned host;
    uint16_t port;
    unsigned backlog;
    weir_time pause;
    struct tcp_answers answers;
    uint8_t setting_count;
    struct tcp_app_setting setting[TCP_APP_SETTINGS_MAX];
};

void tcp_apps_listen(struct tcp_apps *apps, const struct tcp_listen_config *config);

/* Close all listeners. */
void tcp_apps_listen_end(struct tcp_apps *apps);

/* Plan a talk; answers its number. Before the simulation has come to config->start. */
unsigned tcp_apps_talk(struct tcp_apps *apps, const struct tcp_talk_config *config);

/* Whom events of connections that are not of talks are given to: those whose `user` is at least
 * TCP_APP_USER_OTHER. NULL: nobody. */
#define TCP_APP_USER_OTHER (UINT64_C(1) << 32)
void tcp_apps_others(struct tcp_apps *apps,
                     void (*fn)(void *ctx, unsigned host, const struct weir_event *event), void *ctx);

/* Let the applications act on what has happened: after each event. Linear in the events read. */
void tcp_apps_serve(struct tcp_apps *apps);

/* Have all talks come to their end, at both ends? Else, and with `text` not NULL, one line about the
 * first that has not. */
bool tcp_apps_done(const struct tcp_apps *apps, char *text, size_t size);

/* Bytes that were read, all talks together. */
uint64_t tcp_apps_read(const struct tcp_apps *apps);

/* Connections that were accepted though no talk made them, and aborted: a SYN with data that came
 * twice (RFC 7413 6.1). At a listener without FAST_OPEN they are a fault. */
uint64_t tcp_apps_replayed(const struct tcp_apps *apps);

/* Urgent notices that were read. */
uint64_t tcp_apps_urgent(const struct tcp_apps *apps);

/* When an application has made a call on this host: at that instant, output may still be due. */
weir_time tcp_apps_acted(const struct tcp_apps *apps, unsigned host);

/* The end whose connection has this `user` on this host. */
struct tcp_end_view tcp_apps_view(const struct tcp_apps *apps, unsigned host, uint64_t user);

/* The end `side` of a talk, and the handle of its connection (zeros: none). */
struct tcp_end_view tcp_apps_end(const struct tcp_apps *apps, unsigned talk, unsigned side);
weir_handle tcp_apps_handle(const struct tcp_apps *apps, unsigned talk, unsigned side);

#endif
