/* SPDX-License-Identifier: MIT
 * The system calls of scripts: arguments, what they must answer, and waiting. */
#ifndef WEIR_DRILL_CALLS_H
#define WEIR_DRILL_CALLS_H

#include "drill/packet.h"
#include "drill/script.h"
#include "drill/sockets.h"

enum { CALL_ARGS_MAX = 8, CALL_TEXT_MAX = 240 };

/* What calls work on. */
struct call_world {
    struct drill_sockets sockets;
    struct packet_world *packets;
    struct drill_name bind_name, connect_name; /* what ... stands for */
    struct drill_socket last; /* the connection that assertions are about, as it was last seen ... */
    int last_fd;              /* ... with this descriptor; -1: none yet */
};

enum call_state {
    CALL_DONE,   /* and as the script says */
    CALL_WAITS,  /* try again when something has happened, or at `wake` */
    CALL_FAILED, /* `text` says what was otherwise */
    CALL_BROKEN  /* the script asks for what there is not: `text` says what */
};

/* A call on its way. */
struct call {
    const struct script_event *event;
    weir_time begun, wake; /* wake: WEIR_TIME_NEVER, or a time-out of its own */
    weir_time end;         /* when the script says that it ends; only for those that block there */
    size_t progress;       /* bytes done */
    bool started;
    char text[CALL_TEXT_MAX];
};

/* Begin a call; it has not been tried yet. */
void call_begin(struct call *call, const struct script_event *event, weir_time now);

/* Try it. When it is done its results were compared with the script. */
enum call_state call_try(struct call_world *world, struct call *call, weir_time now);

/* Is there a system call of this name, and does it take so many arguments? For checking. */
bool call_known(const struct script_call *call, char *why, size_t size);

/* The socket that assertions are about now; NULL: none. */
const struct drill_socket *call_last(struct call_world *world);

#endif
