/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* getaddrinfo() */
#include "transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "driver/clock.h"
#include "memory.h"
#include "progress.h"
#include "station.h"

enum {
    KEY_JSON = 768, /* out of the way of the commands' own, and of the device's */
    KEY_MEMORY,
    KEY_TIMEOUT,
    KEY_FAST_OPEN,
    ADDRESSES_MAX = 16,
    EVENTS = 16
};

#define RETRY           (5 * WEIR_NS_PER_MS)
#define LINGER          (500 * WEIR_NS_PER_MS) /* for the FINs, when all is done */
#define TIMEOUT_DEFAULT (30 * WEIR_NS_PER_S)

struct run {
    const struct transfer_args *args;
    const struct http_job *job;
    struct transfer_result *result;
    const uint64_t *total, *done;
    struct weir_addr address[ADDRESSES_MAX]; /* of the host that the URL names */
    unsigned addresses, tried;               /* `tried` of them, the last of which is in use */
    weir_stack *stack;
    bool *ended;
    weir_handle handle;
    struct stream stream;
    struct http_client *client;
    bool open, connected, closing, failed;
    bool asked; /* with fast open: a connection of its own has asked for the cookie */
    int error;                         /* that the connection ended with */
    weir_time begun, active, close_by; /* `active`: something happened */
    struct progress progress;
};

/* ---- options ---- */

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct transfer_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->device;
        a->timeout = TIMEOUT_DEFAULT;
        return 0;
    case 'q':
        a->quiet = true;
        return 0;
    case KEY_JSON:
        a->json = true;
        return 0;
    case KEY_MEMORY:
        a->memory = arg;
        a->device.no_device = true;
        return 0;
    case KEY_FAST_OPEN:
        a->fast_open = true;
        return 0;
    case KEY_TIMEOUT:
        a->timeout = cli_span(arg, "time");
        return 0;
    case ARGP_KEY_SUCCESS:
        if (a->memory != NULL && (a->device.pcap != NULL || a->device.recording != NULL ||
                                  a->device.verbose || a->device.stats))
            cli_usage("--pcap, --record, --verbose and --stats are about devices; --memory uses "
                      "none");
        if (a->json && a->device.verbose)
            cli_usage("--json takes standard output for itself");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"quiet", 'q', 0, 0, "No progress bar and no summary", 0},
    {"json", KEY_JSON, 0, 0, "Report as JSON", 0},
    {"timeout", KEY_TIMEOUT, "TIME", 0, "Give up when nothing happened for this long (30s)", 0},
    {"fast-open", KEY_FAST_OPEN, 0, 0,
     "Send the request with the SYN; a connection before it asks for the cookie (RFC 7413)", 0},
    {"memory", KEY_MEMORY, "DIR", 0,
     "Use no device: a second stack in this process, on a wire in memory, serves DIR", 0},
    {0}};
static const struct argp_child children[] = {{&device_argp, 0, NULL, 0}, {0}};
const struct argp transfer_argp = {.options = options, .parser = parse, .children = children};

void transfer_url(struct transfer_args *args, const char *text)
{
    const char *wrong = url_parse(text, &args->url);
    if (wrong != NULL)
        cli_usage("bad URL '%s': %s", text, wrong);
    args->text = text;
}

/* ---- the host ---- */

/* Has the stack an address of this family? */
static bool has_family(const struct transfer_args *args, bool ip4)
{
    for (unsigned i = 0; i < args->device.address_count; i++)
        if (weir_addr_is_ip4(&args->device.address[i].addr) == ip4)
            return true;
    return args->device.no_device;
}

static void add_address(struct run *r, const struct weir_addr *address)
{
    if (r->addresses < ADDRESSES_MAX && has_family(r->args, weir_addr_is_ip4(address)))
        r->address[r->addresses++] = *address;
}

/* Ask the machine's own resolver, before this process may leave for a namespace. */
static int ask_resolver(struct run *r, const char *host)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;
    int error = getaddrinfo(host, NULL, &hints, &list);
    if (error != 0)
        return error;
    for (const struct addrinfo *p = list; p != NULL; p = p->ai_next) {
        struct weir_addr address = {{0}};
        if (p->ai_family == AF_INET) {
            const struct sockaddr_in *in = (const void *)p->ai_addr;
            address.bytes[10] = address.bytes[11] = 0xff;
            memcpy(address.bytes + 12, &in->sin_addr, 4);
        } else if (p->ai_family == AF_INET6) {
            const struct sockaddr_in6 *in = (const void *)p->ai_addr;
            memcpy(address.bytes, &in->sin6_addr, 16);
        } else {
            continue;
        }
        add_address(r, &address);
    }
    freeaddrinfo(list);
    return 0;
}

static bool find_host(struct run *r)
{
    const char *host = r->args->url.host;
    struct weir_addr address;
    int error = 0;
    if (weir_addr_parse(host, &address) == WEIR_OK)
        add_address(r, &address);
    else if (r->args->memory != NULL && weir_addr_parse("10.9.0.2", &address) == WEIR_OK)
        add_address(r, &address); /* any name is that of the server in memory */
    else
        error = ask_resolver(r, host);
    if (error != 0)
        cli_error("%s: %s", host, error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    else if (r->addresses == 0)
        cli_error("%s: no address of a family that the stack has an address of", host);
    return r->addresses > 0;
}

/* ---- the connection ---- */

static void fail(struct run *r, const char *what)
{
    if (!r->failed)
        cli_error("%s: %s", r->args->text, what);
    r->failed = true;
    *r->ended = true;
}

/* Connect to the next address. False: there is none that can be tried. */
static bool try_next(struct run *r, int error)
{
    struct weir_tcp_config config = {.size = sizeof config};
    while (r->tried < r->addresses) {
        error = weir_tcp_open(r->stack, &config, &r->handle);
        if (error != WEIR_OK)
            break;
        (void)weir_tcp_set(r->stack, r->handle, WEIR_TCP_NODELAY, 1);
        if (r->args->fast_open)
            (void)weir_tcp_set(r->stack, r->handle, WEIR_TCP_FAST_OPEN, 1);
        error = weir_tcp_connect(r->stack, r->handle, &r->address[r->tried++], r->args->url.port);
        r->open = error == WEIR_OK;
        if (r->open) {
            r->stream = stream_tcp(r->stack, r->handle);
            if (r->asked) /* what it wants next will be asked when it is connected */
                (void)http_client_turn(r->client, &r->stream);
            return true;
        }
        (void)weir_tcp_close(r->stack, r->handle);
    }
    fail(r, weir_strerror(error));
    return false;
}

/* The cookie is there, if the host gives any: the request goes with the SYN of another connection. */
static void connect_fast(struct run *r, weir_time now)
{
    (void)weir_tcp_close(r->stack, r->handle);
    r->open = false;
    r->asked = true;
    r->begun = now;
    r->tried--;
    (void)try_next(r, WEIR_E_UNREACHABLE);
}

static void take_event(struct run *r, const struct weir_event *event, weir_time now)
{
    if (!r->open || event->handle.index != r->handle.index ||
        event->handle.generation != r->handle.generation)
        return;
    r->active = now;
    if ((event->bits & WEIR_EVENT_CONNECTED) != 0 && r->args->fast_open && !r->asked) {
        connect_fast(r, now);
        return;
    }
    if ((event->bits & WEIR_EVENT_CONNECTED) != 0 && !r->connected) {
        struct weir_tcp_info info;
        r->result->fast = weir_tcp_info(r->stack, r->handle, &info) == WEIR_OK &&
                          (info.options & WEIR_TCP_HAS_FAST_OPEN) != 0;
        r->connected = true;
        r->result->connected = now - r->begun;
        r->begun = now;
    }
    if ((event->bits & WEIR_EVENT_CLOSED) == 0)
        return;
    r->open = false;
    r->error = event->error;
    if (r->closing)
        *r->ended = true;
    else if (!r->connected && r->asked) /* the request went with it */
        fail(r, weir_strerror(event->error));
    else if (!r->connected)
        (void)try_next(r, event->error);
}

/* The request is answered, or will not be: wait for the end of the connection. */
static void finish(struct run *r, weir_time now)
{
    r->result->end = http_client_end(r->client);
    r->result->took = now - r->begun;
    r->closing = true;
    r->close_by = now + LINGER;
    if (r->open && r->result->end == HTTP_DONE)
        (void)weir_tcp_close(r->stack, r->handle);
    else if (r->open)
        (void)weir_tcp_abort(r->stack, r->handle);
    if (!r->open)
        *r->ended = true;
}

static weir_time show(struct run *r, weir_time now)
{
    struct progress_state state = {.bytes = http_client_progress(r->client),
                                   .done = *r->done,
                                   .total = *r->total,
                                   .elapsed = r->connected ? now - r->begun : 0};
    return progress_show(&r->progress, &state, now);
}

static weir_time serve(void *ctx, weir_time now)
{
    struct run *r = ctx;
    struct weir_event event[EVENTS];
    unsigned n;
    while ((n = weir_stack_events(r->stack, event, EVENTS)) > 0)
        for (unsigned i = 0; i < n; i++)
            take_event(r, &event[i], now);
    if (r->closing) {
        *r->ended |= now >= r->close_by;
        return r->close_by;
    }
    weir_time wake = r->active + r->args->timeout;
    if (now >= wake)
        fail(r, weir_strerror(WEIR_E_TIMED_OUT));
    if (r->failed || !r->connected)
        return wake;
    switch (http_client_turn(r->client, &r->stream)) {
    case STREAM_MORE:
        r->active = now;
        wake = 0;
        break;
    case STREAM_RETRY:
        wake = now + RETRY;
        break;
    case STREAM_WAIT:
        break;
    case STREAM_END:
    case STREAM_ABORT:
        finish(r, now);
        return 0;
    }
    weir_time redraw = show(r, now);
    return redraw < wake ? redraw : wake;
}

/* ---- where it runs ---- */

static bool begin(struct run *r, weir_stack *stack, bool *ended)
{
    r->stack = stack;
    r->ended = ended;
    r->begun = r->active = clock_monotonic();
    return try_next(r, WEIR_E_UNREACHABLE);
}

static bool run_on_device(struct run *r)
{
    struct station station;
    if (!station_open(&station, &r->args->device))
        return false;
    bool good = station_ready(&station, false);
    if (good && begin(r, station.stack, &station.ended)) {
        station_serve(&station, serve, r);
        good = station_run(&station, WEIR_TIME_NEVER);
        r->result->interrupted = !r->closing && !r->failed && good;
    }
    r->result->interrupted |= !good && station.ended && !r->failed;
    progress_clear(&r->progress);
    return station_close(&station) && good && !r->failed;
}

static bool run_in_memory(struct run *r)
{
    const struct memory_args args = {.directory = r->args->memory,
                                     .server = r->address[0],
                                     .port = r->args->url.port,
                                     .mtu_bytes = r->args->device.mtu_bytes,
                                     .fast_open = r->args->fast_open,
                                     .no_offload = r->args->device.no_offload};
    struct memory *memory = memory_open(&args, clock_monotonic());
    bool ended = false;
    if (memory == NULL)
        return false;
    if (begin(r, memory_stack(memory), &ended)) {
        while (!ended) {
            weir_time now = clock_monotonic();
            weir_time wake = memory_turn(memory, serve, r, now);
            weir_time wait = wake - clock_monotonic();
            if (!ended && wake != 0 && wait > 0) /* poll() rounds down, and is called again */
                (void)poll(NULL, 0, wake == WEIR_TIME_NEVER ? -1 : (int)(wait / WEIR_NS_PER_MS));
        }
    }
    progress_clear(&r->progress);
    memory_close(memory);
    return !r->failed;
}

/* Say what went wrong, as far as nobody has said so. */
static void explain(const struct run *r)
{
    const char *text = r->args->text;
    int error = http_client_error(r->client);
    error = error == WEIR_E_STALE ? r->error : error;
    if (r->result->end == HTTP_LOST && error != WEIR_OK)
        cli_error("%s: %s", text, weir_strerror(error));
    else if (r->result->end == HTTP_LOST)
        cli_error("%s: the connection ended before the answer did", text);
    else if (r->result->end == HTTP_NONSENSE)
        cli_error("%s: what came is no HTTP", text);
}

bool transfer_run(const struct transfer_args *args, const struct http_job *job,
                  const uint64_t *total, const uint64_t *done, struct transfer_result *result)
{
    struct run *r = calloc(1, sizeof *r);
    bool good = false;
    *result = (struct transfer_result){.end = HTTP_LOST};
    if (r != NULL)
        r->client = http_client_new(job);
    if (r == NULL || r->client == NULL) {
        cli_error("no memory");
        free(r);
        return false;
    }
    r->args = args;
    r->job = job;
    r->result = result;
    r->total = total;
    r->done = done;
    progress_init(&r->progress, !args->quiet && !args->json && !args->device.verbose);
    if (find_host(r))
        good = args->memory != NULL ? run_in_memory(r) : run_on_device(r);
    if (result->interrupted)
        cli_error("interrupted");
    else if (good)
        explain(r);
    result->bytes = http_client_progress(r->client);
    http_client_free(r->client);
    free(r);
    return good && result->end == HTTP_DONE;
}

/* ---- the end ---- */

static void print_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(out, "\\u%04x", (unsigned char)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

void transfer_print(const struct transfer_args *args, const struct transfer_result *result,
                    const struct transfer_summary *summary)
{
    char size[32], rate[32], took[40];
    double seconds = (double)result->took / (double)WEIR_NS_PER_S;
    double per_s = seconds > 0 ? (double)result->bytes / seconds : 0;
    FILE *out = strcmp(summary->file, "-") == 0 ? stderr : stdout;
    if (args->json) {
        fputs("{\"url\":", stdout);
        print_string(stdout, args->text);
        fputs(",\"file\":", stdout);
        print_string(stdout, summary->file);
        printf(",\"ok\":%s,\"status\":%u,\"bytes\":%" PRIu64 ",\"connect_ns\":%" PRId64
               ",\"transfer_ns\":%" PRId64 ",\"bytes_per_s\":%.0f,\"fast_open\":%s}\n",
               summary->good ? "true" : "false", summary->status, result->bytes, result->connected,
               result->took, per_s, result->fast ? "true" : "false");
        return;
    }
    if (args->quiet || !summary->good)
        return;
    if (summary->note != NULL) {
        fprintf(out, "%s: %s\n", summary->file, summary->note);
        return;
    }
    progress_size(size, sizeof size, (double)result->bytes);
    progress_size(rate, sizeof rate, per_s);
    cli_time_text(took, sizeof took, result->took / WEIR_NS_PER_US * WEIR_NS_PER_US);
    fprintf(out, "%s: %" PRIu64 " bytes (%s) in %s, %s/s%s\n", summary->file, result->bytes, size,
            took, rate, result->fast ? ", asked for in the SYN" : "");
}
