/* SPDX-License-Identifier: MIT
 * `weir udp`: lines from standard input as datagrams of a stack of weir's, and what comes back to
 * standard output. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "driver/clock.h"
#include "station.h"

enum { IP4_PAYLOAD_MAX = 65507, IP6_PAYLOAD_MAX = 65527 };

struct arguments {
    struct device_args device;
    struct weir_addr address;
    const char *text; /* of the address; NULL: missing */
    uint16_t port;    /* 0: missing */
    uint32_t count;   /* 0: no matter how many */
    weir_time wait;
};

/* What is read stands in line[0 ... have); the first datagram of it is line[0 ... ready). */
struct run {
    const struct arguments *a;
    struct station *station;
    weir_handle handle;
    size_t have, ready, longest;
    bool ended;   /* standard input is */
    bool blocked; /* the stack takes no more for now */
    bool failed;
    weir_time last; /* something was sent or received */
    uint64_t received;
    uint8_t line[IP6_PAYLOAD_MAX], data[IP6_PAYLOAD_MAX];
};

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->device;
        return 0;
    case 'n':
        a->count = cli_number(arg, "count", 1, UINT32_MAX);
        return 0;
    case 'w':
        a->wait = cli_span(arg, "time");
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            a->address = cli_address(arg);
            a->text = arg;
        } else if (state->arg_num == 1) {
            a->port = (uint16_t)cli_number(arg, "port", 1, UINT16_MAX);
        } else {
            cli_usage("an address and a port: '%s' is one too many", arg);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse(int argc, char **argv, struct arguments *a)
{
    static const struct argp_option options[] = {
        {"count", 'n', "N", 0, "End after this many datagrams have come", 0},
        {"wait", 'w', "TIME", 0, "End when standard input has and nothing came for this long (1s)",
         0},
        {0}};
    static const struct argp_child children[] = {{&device_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_argument,
        .args_doc = "ADDRESS PORT",
        .doc = "Send each line of standard input as a datagram from a stack on a device, and print "
               "what comes back."
               "\vExit status: 0 when all was sent and, with --count, that many came; 1 when not, "
               "when the other side refused, or something failed; 2 for wrong usage.",
        .children = children};
    cli_parse(&argp, argc, argv, a->device.name, a);
    if (a->port == 0)
        cli_usage(a->text == NULL ? "an address and a port are missing" : "a port is missing");
    if (device_takes_stdout(&a->device))
        cli_usage("standard output is for what comes back; give it a file");
}

/* How much of what was read is a datagram: a line, what is too long for one, or the rest. */
static size_t first_datagram(const struct run *r)
{
    const uint8_t *end = memchr(r->line, '\n', r->have);
    if (end != NULL)
        return (size_t)(end - r->line) + 1;
    return r->have == r->longest || r->ended ? r->have : 0;
}

/* An error about what was sent before, or the last of all. */
static void fail(struct run *r, int error)
{
    cli_error("%s port %u: %s", r->a->text, r->a->port, weir_strerror(error));
    r->failed = true;
    r->station->ended = true;
}

static void on_input(void *ctx, int fd, short revents);

static void watch_input(struct run *r, bool wanted)
{
    const struct loop_watch input = {
        .fd = STDIN_FILENO, .events = POLLIN, .fn = on_input, .ctx = r};
    loop_remove_watch(&r->station->loop, STDIN_FILENO);
    if (wanted)
        (void)loop_add_watch(&r->station->loop, &input);
}

/* Send what is complete. */
static void send_lines(struct run *r)
{
    size_t len;
    while (!r->station->ended && (len = first_datagram(r)) > 0) {
        int error = weir_udp_send(r->station->stack, r->handle, NULL, r->line, len);
        r->blocked = error == WEIR_E_WOULD_BLOCK;
        if (r->blocked)
            break;
        if (error != WEIR_OK) {
            fail(r, error);
            return;
        }
        memmove(r->line, r->line + len, r->have - len);
        r->have -= len;
        r->last = clock_monotonic();
    }
    watch_input(r, !r->ended && !r->blocked);
}

static void on_input(void *ctx, int fd, short revents)
{
    struct run *r = ctx;
    (void)revents;
    ssize_t n = read(fd, r->line + r->have, r->longest - r->have);
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
        cli_error("standard input: %m");
        r->failed = r->station->ended = true;
        return;
    }
    r->ended = n == 0;
    r->last = clock_monotonic();
    if (n > 0)
        r->have += (size_t)n;
    send_lines(r);
}

static void receive_all(struct run *r)
{
    int len;
    while (!r->station->ended &&
           (len = weir_udp_receive(r->station->stack, r->handle, NULL, r->data, sizeof r->data)) !=
               WEIR_E_WOULD_BLOCK) {
        if (len < 0) {
            fail(r, len);
            return;
        }
        (void)fwrite(r->data, 1, (size_t)len, stdout);
        r->last = clock_monotonic();
        if (++r->received == r->a->count)
            r->station->ended = true;
    }
    if (fflush(stdout) != 0) /* told when the program ends */
        r->station->ended = true;
}

static weir_time serve(void *ctx, weir_time now)
{
    struct run *r = ctx;
    struct weir_event event;
    while (weir_stack_events(r->station->stack, &event, 1) > 0)
        if ((event.bits & WEIR_EVENT_WRITABLE) != 0 && r->blocked)
            send_lines(r);
    receive_all(r);
    if (!r->ended || r->have > 0)
        return WEIR_TIME_NEVER;
    weir_time end = r->last + r->a->wait;
    r->station->ended |= now >= end;
    return end;
}

static bool run(struct run *r)
{
    struct weir_udp_config config = {.size = sizeof config};
    if (!station_ready(r->station, false))
        return r->station->ended;
    int error = weir_udp_open(r->station->stack, &config, &r->handle);
    if (error == WEIR_OK)
        error = weir_udp_connect(r->station->stack, r->handle, &r->a->address, r->a->port);
    if (error != WEIR_OK) {
        cli_error("%s: %s", r->a->text, weir_strerror(error));
        return false;
    }
    r->longest = weir_addr_is_ip4(&r->a->address) ? IP4_PAYLOAD_MAX : IP6_PAYLOAD_MAX;
    r->last = clock_monotonic();
    watch_input(r, true);
    station_serve(r->station, serve, r);
    return station_run(r->station, WEIR_TIME_NEVER) && !r->failed && r->received >= r->a->count;
}

int cli_udp(int argc, char **argv)
{
    struct arguments arguments = {.device.name = "weir udp", .wait = WEIR_NS_PER_S};
    struct station station;
    parse(argc, argv, &arguments);
    struct run *r = calloc(1, sizeof *r);
    if (r == NULL) {
        cli_error("no memory");
        return CLI_FAILED;
    }
    r->a = &arguments;
    r->station = &station;
    bool good = station_open(&station, &arguments.device);
    if (good) {
        good = run(r);
        good &= station_close(&station);
    }
    free(r);
    return good ? CLI_OK : CLI_FAILED;
}
