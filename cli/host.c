/* SPDX-License-Identifier: MIT
 * `weir host`: a stack on a device that answers ping and the small services, and serves files. */
#define _GNU_SOURCE /* O_DIRECTORY */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli.h"
#include "control.h"
#include "driver/clock.h"
#include "driver/entropy.h"
#include "http_server.h"
#include "namespace.h"
#include "services.h"
#include "station.h"
#include "tcp_services.h"

enum {
    KEY_SERVICES = 256,
    KEY_SECONDS,
    KEY_HTTP,
    KEY_HTTP_PUT,
    KEY_CONNECTIONS,
    KEY_CONTROL,
    KEY_QUIET,
    KEY_FAST_OPEN,
    CONNECTIONS_DEFAULT = 4096,
    CONNECTIONS_MAX = 1000000,
    MEMORY_KB = 65536, /* of packets; what is never used costs nothing */
    QUIET_MS_MAX = 240000, /* of tcp_quiet_ms */
    EVENTS = 64,
    EVENTS_MAX = 4096, /* in one turn */
    DESCRIPTORS = 64   /* beside those of files that are being served */
};

#define UPLOAD_BYTES_MAX (UINT64_C(1) << 36)

struct arguments {
    struct device_args device;
    struct service_set services;
    const char *http; /* the directory; NULL: none */
    uint16_t http_port;
    bool http_put, fast_open;
    const char *control; /* NULL: the default; "none" */
    weir_time seconds;   /* 0: no end */
    char **command;      /* NULL: none */
};

/* All that a host runs. */
struct host {
    const struct arguments *a;
    struct station station;
    struct services services;
    struct tcp_services tcp_services;
    struct http_server http;
    struct tcp_host *tcp;
    struct control *control;
};

/* "DIR" or "PORT:DIR". */
static void take_http(struct arguments *a, char *text)
{
    size_t digits = strspn(text, "0123456789");
    a->http = text;
    if (digits > 0 && text[digits] == ':') {
        text[digits] = '\0';
        a->http_port = (uint16_t)cli_number(text, "port", 1, UINT16_MAX);
        a->http = text + digits + 1;
    }
    if (a->http[0] == '\0')
        cli_usage("a directory is missing behind --http");
}

static void take_quiet(struct arguments *a, const char *text)
{
    weir_time span = cli_span(text, "quiet time");
    if (span > QUIET_MS_MAX * WEIR_NS_PER_MS)
        cli_usage("the quiet time is 4 minutes at most");
    a->device.quiet_ms = (uint32_t)(span / WEIR_NS_PER_MS);
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    const char *unknown;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->device;
        return 0;
    case KEY_SERVICES:
        if (!services_parse(arg, &a->services, &unknown))
            cli_usage("no service '%.*s': echo, discard, daytime, time, chargen, or none",
                      (int)strcspn(unknown, ","), unknown);
        return 0;
    case KEY_SECONDS:
        a->seconds = cli_span(arg, "time");
        return 0;
    case KEY_HTTP:
        take_http(a, arg);
        return 0;
    case KEY_HTTP_PUT:
        a->http_put = true;
        return 0;
    case KEY_CONNECTIONS:
        a->device.connections_max = cli_number(arg, "number", 1, CONNECTIONS_MAX);
        return 0;
    case KEY_CONTROL:
        a->control = arg;
        return 0;
    case KEY_QUIET:
        take_quiet(a, arg);
        return 0;
    case KEY_FAST_OPEN:
        a->fast_open = true;
        return 0;
    case ARGP_KEY_ARG:
        a->command = &state->argv[state->next - 1];
        state->next = state->argc; /* the rest is the command's */
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse(int argc, char **argv, struct arguments *a)
{
    static const struct argp_option options[] = {
        {"services", KEY_SERVICES, "LIST", 0,
         "Small services: echo,discard,daytime,time,chargen (all), or none; echo/udp and echo/tcp "
         "are one of the two",
         0},
        {"http", KEY_HTTP, "[PORT:]DIR", 0, "Serve the files under DIR over HTTP (port 80)", 0},
        {"http-put", KEY_HTTP_PUT, 0, 0, "Let files be uploaded into it", 0},
        {"connections", KEY_CONNECTIONS, "N", 0, "TCP connections at one time, at most (4096)", 0},
        {"control", KEY_CONTROL, "PATH", 0, "Where 'weir netstat' finds this host, or none", 0},
        {"fast-open", KEY_FAST_OPEN, 0, 0,
         "TCP services take data that comes with a SYN, and may see it twice (RFC 7413)", 0},
        {"quiet-time", KEY_QUIET, "TIME", 0,
         "No TCP for so long after the start: a host that lost its memory of connections "
         "(RFC 9293 3.4.3)",
         0},
        {"seconds", KEY_SECONDS, "TIME", 0, "End after this time (10, 1.5s, 500ms)", 0},
        {0}};
    static const struct argp_child children[] = {{&device_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_argument,
        .args_doc = "[-- COMMAND [ARG...]]",
        .doc =
            "Bring up a stack on a device. It answers ping and the small services over UDP and "
            "TCP, and serves files over HTTP, until it is interrupted, or as long as COMMAND runs."
            "\vFor example, without any rights:\n"
            "  weir host -N -a 10.9.0.2/24 --host-address 10.9.0.1/24 --http . -- curl "
            "http://10.9.0.2/\n\n"
            "Exit status: that of COMMAND; without one 0 after an interrupt or --seconds, 1 when "
            "something failed; 2 for wrong usage, 127 when COMMAND cannot be run.",
        .children = children};
    cli_parse(&argp, argc, argv, a->device.name, a);
    if (a->http_put && a->http == NULL)
        cli_usage("--http-put says what --http may do, and that is missing");
    /* Whoever has no rights and wants a command run in the end gets by without them. */
    if (a->command != NULL && a->device.kind != DEVICE_PACKET && !namespace_has_rights())
        a->device.own_namespace = true;
}

static weir_time serve(void *ctx, weir_time now)
{
    struct host *h = ctx;
    struct weir_event event[EVENTS];
    unsigned n, total = 0;
    do {
        n = weir_stack_events(h->station.stack, event, EVENTS);
        for (unsigned i = 0; i < n; i++)
            if (!tcp_host_event(h->tcp, &event[i]))
                (void)services_event(&h->services, &event[i]);
        total += n;
    } while (n == EVENTS && total < EVENTS_MAX);
    bool more = services_serve(&h->services) || total >= EVENTS_MAX;
    weir_time next = tcp_host_turn(h->tcp, now);
    return more ? 0 : next;
}

/* ---- what it needs ---- */

/* A descriptor for each file that may be served at one time, as far as the system lets us. */
static void raise_limit(unsigned connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections * 2 + DESCRIPTORS; /* uploads hold two */
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* with fewer, some are answered with 503 */
}

/* The directory, before this process may leave for a namespace where it has other rights. */
static bool open_root(struct host *h, uint64_t seed)
{
    h->http.root = -1;
    if (h->a->http == NULL)
        return true;
    h->http.root = open(h->a->http, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    h->http.allow_put = h->a->http_put;
    h->http.upload_bytes_max = UPLOAD_BYTES_MAX;
    h->http.uploads_begun = seed >> 1;
    if (h->http.root < 0)
        cli_error("%s: %m", h->a->http);
    return h->http.root >= 0 && http_server_init(&h->http);
}

static bool listen_tcp(struct host *h)
{
    tcp_services_init(&h->tcp_services);
    if (!tcp_services_open(&h->tcp_services, h->tcp, h->a->services.tcp))
        return false;
    if (h->a->http == NULL)
        return true;
    int error = tcp_host_listen(h->tcp, &h->http.service, h->a->http_port);
    if (error != WEIR_OK)
        cli_error("http on port %u: %s", h->a->http_port, weir_strerror(error));
    return error == WEIR_OK;
}

static const char *owner(const void *ctx, uint64_t user)
{
    return tcp_host_owner(ctx, user);
}

/* The control socket: without --control it is no error when there is no place for it. */
static bool open_control(struct host *h, const char *path)
{
    const struct control_config config = {
        .loop = &h->station.loop, .path = path, .owner = owner, .owner_ctx = h->tcp};
    if (path[0] == '\0')
        return true;
    h->control = control_open(&config);
    return h->control != NULL || h->a->control == NULL;
}

/* From the moment that the device is there. */
static bool run(struct host *h, uint64_t seed, const char *control)
{
    const struct arguments *a = h->a;
    h->tcp = tcp_host_new(h->station.stack, a->device.connections_max, a->device.packet_memory_kb);
    if (h->tcp == NULL) {
        cli_error("no memory");
        return false;
    }
    if (a->fast_open)
        tcp_host_fast_open(h->tcp);
    if (!services_open(&h->services, h->station.stack, a->services.udp, seed) || !listen_tcp(h) ||
        !open_control(h, control))
        return false;
    if (!station_ready(&h->station, true))
        return h->station.ended;
    station_serve(&h->station, serve, h);
    if (a->command != NULL && !station_command(&h->station, a->command))
        return false;
    weir_time end = a->seconds != 0 ? clock_monotonic() + a->seconds : WEIR_TIME_NEVER;
    return station_run(&h->station, end);
}

static int host(const struct arguments *a, struct host *h)
{
    uint64_t seed;
    char control[CONTROL_PATH_MAX] = "";
    h->a = a;
    if (entropy_bytes(&seed, sizeof seed) != WEIR_OK) {
        cli_error("no random bytes from the system: %m");
        return CLI_FAILED;
    }
    raise_limit(a->device.connections_max);
    const char *path = control; /* the default is found out here, too: the namespace has others */
    if (a->control == NULL && !control_default(control, (long)getpid()))
        control[0] = '\0';
    else if (a->control != NULL)
        path = strcmp(a->control, "none") == 0 ? "" : a->control;
    if (!open_root(h, seed) || !station_open(&h->station, &a->device))
        return CLI_FAILED;
    bool good = run(h, seed, path);
    FILE *out = h->station.out;
    int code = h->station.code;
    control_close(h->control);
    struct tcp_host *tcp = h->tcp;
    if (a->device.stats && tcp != NULL)
        tcp_host_print(tcp, out);
    tcp_host_free(tcp); /* its connections, before their stack */
    station_flush(&h->station);
    good &= station_close(&h->station);
    if (a->device.stats) {
        services_print(&h->services, out);
        http_server_print(&h->http, out);
    }
    return code != CLI_OK || good ? code : CLI_FAILED;
}

int cli_host(int argc, char **argv)
{
    struct arguments a = {.device = {.name = "weir host",
                                     .connections_max = CONNECTIONS_DEFAULT,
                                     .packet_memory_kb = MEMORY_KB},
                          .services = {(1U << SERVICES_MAX) - 1, (1U << SERVICES_MAX) - 1},
                          .http_port = 80};
    parse(argc, argv, &a);
    struct host *h = calloc(1, sizeof *h);
    if (h == NULL) {
        cli_error("no memory");
        return CLI_FAILED;
    }
    int code = host(&a, h);
    if (h->http.root > 0)
        (void)close(h->http.root);
    free(h);
    return code;
}
