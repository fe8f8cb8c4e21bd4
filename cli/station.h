/* SPDX-License-Identifier: MIT
 * A stack on a device, as the options say, run until a signal, a time or a command of the user's
 * ends it. */
#ifndef WEIR_CLI_STATION_H
#define WEIR_CLI_STATION_H

#include <signal.h>
#include <sys/types.h>

#include "device_args.h"
#include "driver/loop.h"
#include "record.h"
#include "recorder.h"
#include "weir/udp.h"

/* `stack`, `loop`, `ended` and `code` are for everyone; the rest is the station's own. */
struct station {
    weir_stack *stack;
    struct loop loop;
    bool ended; /* station_run() is to return: SIGINT or SIGTERM came, the command is over, ... */
    int code;   /* the exit code of the command; CLI_OK without one */
    FILE *out;  /* where to say things: stdout, or stderr when a capture goes there */
    const struct device_args *args;
    struct device *device;
    struct record record;
    struct recorder recorder;
    unsigned ifindex;
    uint32_t mtu_bytes;
    sigset_t mask; /* the signal mask to give back, and to children */
    int signal_fd, link_fd;
    pid_t command; /* 0: none */
    weir_time (*serve)(void *ctx, weir_time now);
    void *serve_ctx;
    weir_time wake; /* when serve() wants to be called */
};

/* Make the device, its kernel's end, and the stack on it. From here on SIGINT and SIGTERM wait for
 * the station. False: it cannot be, a line was printed, and nothing is to be closed. */
bool station_open(struct station *station, const struct device_args *args);

/* Wait until all addresses may be used, which takes up to two seconds for IPv6 on Ethernet (RFC
 * 4862 5.4), and, with `say`, print that it is ready. False: a line was printed; or it has `ended`.
 */
bool station_ready(struct station *station, bool say);

/* What to call in each turn, from the next one on: the place to read events and to call the stack.
 * It answers when it wants to be called at the latest; 0: at once. */
void station_serve(struct station *station, weir_time (*serve)(void *ctx, weir_time now),
                   void *ctx);

/* Start a command of the user's beside the station. Its end ends the station, and its exit status
 * is the station's code; SIGINT and SIGTERM are passed on to it. False: a line was printed. */
bool station_command(struct station *station, char **argv);

/* Run until `ended`, or until the time comes. False: the device failed or the capture cannot be
 * written; a line was, or by station_close() will be, printed. */
bool station_run(struct station *station, weir_time until);

/* Send what the stack has to send, as far as that goes without waiting: resets, at the end. */
void station_flush(struct station *station);

/* Print the counters that are not 0, if asked for, close everything and give signals back. False:
 * what was recorded is not whole; a line was printed. */
bool station_close(struct station *station);

/* A counter, in the columns of the others. */
void station_counter(FILE *out, const char *name, uint64_t value, const char *meaning);

#endif
