/* SPDX-License-Identifier: MIT
 * The control socket of a running `weir host`, a UNIX socket that only its user may use. Whoever
 * connects sends one line, a JSON object {"request": "connections"} or {"request": "counters"}, and
 * gets one line back, a JSON object {"version": ..., "connections": [...]} and so on, or {"error":
 * "..."}. */
#ifndef WEIR_CLI_CONTROL_H
#define WEIR_CLI_CONTROL_H

#include "driver/loop.h"
#include "weir/tcp.h"

enum { CONTROL_PATH_MAX = 108 /* of sockaddr_un */ };

/* Who is behind an endpoint with this `user`; NULL: nobody knows. */
typedef const char *control_owner_fn(const void *ctx, uint64_t user);

struct control_config {
    struct loop *loop; /* it and its stack outlive the socket */
    const char *path;  /* where it is to be */
    control_owner_fn *owner;
    const void *owner_ctx;
};

struct control;

/* Listen. What is left of a host that is gone is removed; that of a running one is not. NULL: it
 * cannot be, and a line was printed. */
struct control *control_open(const struct control_config *config);

/* Close it and remove the socket. NULL is allowed. */
void control_close(struct control *control);

/* ---- for both sides ---- */

/* The directory of the sockets of this user: weir/ in XDG_RUNTIME_DIR, or else /run/weir, or
 * /tmp/weir-UID for whoever has no rights there; made when it is missing and `make`. False: there
 * is none, or it is not safe (somebody else's, or open to others). */
bool control_directory(char path[CONTROL_PATH_MAX], bool make);

/* The socket that a host with this process id has by default. False: it has none. */
bool control_default(char path[CONTROL_PATH_MAX], long pid);

/* Connect to a socket. Answers a descriptor, or -1 with errno. */
int control_connect(const char *path);

#endif
