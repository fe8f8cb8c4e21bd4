/* SPDX-License-Identifier: MIT
 * `weir ping`: echo requests from a stack of weir's, and how long their replies take. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "driver/clock.h"
#include "station.h"

enum {
    KEY_JSON = 256,
    IP4_PAYLOAD_MAX = 65507,
    IP6_PAYLOAD_MAX = 65527,
    SEQUENCES = 65536, /* that there are: a request is forgotten when its number comes again */
    ICMP_HEADER_BYTES = 8
};

struct arguments {
    struct device_args device;
    struct weir_addr address;
    const char *text; /* of the address; NULL: missing */
    uint32_t count;   /* 0: until interrupted */
    uint32_t bytes;
    weir_time interval, wait;
    bool json;
};

struct run {
    const struct arguments *a;
    struct station *station;
    weir_handle handle;
    weir_time begun, next, last; /* the next request to be sent; the last one was */
    uint64_t sent, received, duplicates, damaged, errors;
    int error; /* the last one */
    weir_time rtt_min, rtt_max, rtt_sum;
    weir_time sent_at[SEQUENCES]; /* 0: not waited for */
    uint8_t payload[IP6_PAYLOAD_MAX], reply[IP6_PAYLOAD_MAX];
};

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->device;
        return 0;
    case 'c':
        a->count = cli_number(arg, "count", 1, UINT32_MAX);
        return 0;
    case 'i':
        a->interval = cli_span(arg, "interval");
        return 0;
    case 's':
        a->bytes = cli_number(arg, "size", 0, IP6_PAYLOAD_MAX);
        return 0;
    case 'W':
        a->wait = cli_span(arg, "time");
        return 0;
    case KEY_JSON:
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->text != NULL)
            cli_usage("one address at a time: '%s' is one too many", arg);
        a->address = cli_address(arg);
        a->text = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse(int argc, char **argv, struct arguments *a)
{
    static const struct argp_option options[] = {
        {"count", 'c', "N", 0, "Send this many requests (until interrupted)", 0},
        {"interval", 'i', "TIME", 0, "Time between two of them (1s)", 0},
        {"size", 's', "BYTES", 0, "Data bytes of each (56)", 0},
        {"wait", 'W', "TIME", 0, "How long to wait for the last reply (1s)", 0},
        {"json", KEY_JSON, 0, 0, "Report as JSON", 0},
        {0}};
    static const struct argp_child children[] = {{&device_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_argument,
        .args_doc = "ADDRESS",
        .doc = "Ping a host from a stack on a device."
               "\vFor example, the kernel, without any rights:\n"
               "  weir ping -N -a 10.9.0.2/24 --host-address 10.9.0.1/24 -c 3 10.9.0.1\n\n"
               "Exit status: 0 when a reply came, 1 when none did or something failed, 2 for wrong "
               "usage.",
        .children = children};
    cli_parse(&argp, argc, argv, a->device.name, a);
    if (a->text == NULL)
        cli_usage("an address to ping is missing");
    if (weir_addr_is_ip4(&a->address) && a->bytes > IP4_PAYLOAD_MAX)
        cli_usage("bad size '%" PRIu32 "': at most %d bytes over IPv4", a->bytes, IP4_PAYLOAD_MAX);
    if (a->json && a->device.verbose)
        cli_usage("--json takes standard output for itself");
}

static bool talks(const struct run *r)
{
    return !r->a->json;
}

/* The data of a request depend on its number, so that replies cannot be taken for each other. */
static void fill(struct run *r, uint16_t sequence)
{
    for (uint32_t i = 0; i < r->a->bytes; i++)
        r->payload[i] = (uint8_t)(sequence + i);
}

static void send_one(struct run *r, weir_time now)
{
    uint16_t sequence = (uint16_t)(r->sent + 1);
    struct weir_datagram to = {.remote = r->a->address, .remote_port = sequence};
    fill(r, sequence);
    int error = weir_udp_send(r->station->stack, r->handle, &to, r->payload, r->a->bytes);
    r->sent++;
    r->last = now;
    r->sent_at[sequence] = error == WEIR_OK ? clock_monotonic() : 0;
    r->next = r->sent == r->a->count ? WEIR_TIME_NEVER : r->next + r->a->interval;
    if (r->next <= now) /* we were held up: do not catch up in a burst */
        r->next = now + r->a->interval;
    if (error == WEIR_OK)
        return;
    r->errors++;
    r->error = error;
    if (talks(r))
        fprintf(r->station->out, "icmp_seq=%u: %s\n", sequence, weir_strerror(error));
}

static void note_reply(struct run *r, const struct weir_datagram *from, int len)
{
    uint16_t sequence = from->remote_port;
    char text[WEIR_ADDR_TEXT_MAX];
    const char *remark = "";
    weir_time rtt = from->time - r->sent_at[sequence];
    fill(r, sequence);
    if ((uint32_t)len != r->a->bytes || memcmp(r->reply, r->payload, r->a->bytes) != 0) {
        r->damaged++;
        remark = " (damaged)";
    } else if (r->sent_at[sequence] == 0) {
        r->duplicates++;
        remark = " (duplicate)";
        rtt = 0;
    } else {
        rtt = rtt > 0 ? rtt : 0; /* a turn's time may be taken a moment before the sending */
        r->rtt_min = r->received == 0 || rtt < r->rtt_min ? rtt : r->rtt_min;
        r->rtt_max = rtt > r->rtt_max ? rtt : r->rtt_max;
        r->rtt_sum += rtt;
        r->received++;
        r->sent_at[sequence] = 0;
    }
    if (talks(r))
        fprintf(r->station->out, "%d bytes from %s: icmp_seq=%u ttl=%u time=%.3f ms%s\n",
                len + ICMP_HEADER_BYTES, weir_addr_text(&from->remote, text, sizeof text), sequence,
                from->hop_limit, (double)rtt / (double)WEIR_NS_PER_MS, remark);
}

static void receive_all(struct run *r)
{
    struct weir_datagram from;
    int len;
    while ((len = weir_udp_receive(r->station->stack, r->handle, &from, r->reply,
                                   sizeof r->reply)) != WEIR_E_WOULD_BLOCK) {
        if (len >= 0) {
            note_reply(r, &from, len);
            continue;
        }
        r->errors++;
        r->error = len;
        if (talks(r))
            fprintf(r->station->out, "%s: %s\n", r->a->text, weir_strerror(len));
        if (len == WEIR_E_STALE)
            break;
    }
    if (talks(r))
        (void)fflush(r->station->out);
}

static weir_time serve(void *ctx, weir_time now)
{
    struct run *r = ctx;
    struct weir_event event;
    while (weir_stack_events(r->station->stack, &event, 1) > 0)
        ; /* there is one endpoint, which is asked anyway */
    receive_all(r);
    if (r->next <= now)
        send_one(r, now);
    if (r->next != WEIR_TIME_NEVER)
        return r->next;
    weir_time end = r->last + r->a->wait;
    bool all = r->received + r->errors >= r->sent;
    r->station->ended |= all || now >= end;
    return end;
}

static void report(const struct run *r)
{
    const double ms = (double)WEIR_NS_PER_MS;
    uint64_t n = r->received > 0 ? r->received : 1;
    double mean = (double)(r->rtt_sum / (weir_time)n) / ms, min = (double)r->rtt_min / ms,
           max = (double)r->rtt_max / ms;
    uint64_t lost = r->sent > r->received ? r->sent - r->received : 0;
    FILE *out = r->station->out;
    if (r->a->json) {
        fprintf(out,
                "{\"address\":\"%s\",\"bytes\":%" PRIu32 ",\"sent\":%" PRIu64
                ",\"received\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"duplicates\":%" PRIu64
                ",\"damaged\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"rtt_min_ns\":%" PRId64
                ",\"rtt_mean_ns\":%" PRId64 ",\"rtt_max_ns\":%" PRId64 "}\n",
                r->a->text, r->a->bytes, r->sent, r->received, lost, r->duplicates, r->damaged,
                r->errors, r->rtt_min, r->rtt_sum / (weir_time)n, r->rtt_max);
        return;
    }
    fprintf(out,
            "\n--- %s ping statistics ---\n%" PRIu64 " packets transmitted, %" PRIu64
            " received, %.4g%% packet loss, time %" PRId64 " ms\n",
            r->a->text, r->sent, r->received,
            r->sent > 0 ? 100.0 * (double)lost / (double)r->sent : 0.0,
            (clock_monotonic() - r->begun) / WEIR_NS_PER_MS);
    if (r->duplicates + r->damaged + r->errors > 0)
        fprintf(out, "%" PRIu64 " duplicates, %" PRIu64 " damaged, %" PRIu64 " errors\n",
                r->duplicates, r->damaged, r->errors);
    if (r->received > 0)
        fprintf(out, "rtt min/avg/max = %.3f/%.3f/%.3f ms\n", min, mean, max);
}

static bool run(struct run *r)
{
    struct weir_udp_config config = {.size = sizeof config,
                                     .kind = WEIR_DATAGRAM_ECHO,
                                     .receive_bytes_max = WEIR_UDP_BYTES_MAX,
                                     .send_bytes_max = WEIR_UDP_BYTES_MAX};
    if (!station_ready(r->station, false))
        return r->station->ended;
    int error = weir_udp_open(r->station->stack, &config, &r->handle);
    if (error == WEIR_OK)
        error = weir_udp_connect(r->station->stack, r->handle, &r->a->address, 0);
    if (error != WEIR_OK) {
        cli_error("%s: %s", r->a->text, weir_strerror(error));
        return false;
    }
    if (talks(r))
        fprintf(r->station->out, "PING %s by %s: %" PRIu32 " data bytes\n", r->a->text,
                device_name(r->station->device), r->a->bytes);
    r->begun = r->next = clock_monotonic();
    station_serve(r->station, serve, r);
    bool good = station_run(r->station, WEIR_TIME_NEVER);
    report(r);
    return good;
}

int cli_ping(int argc, char **argv)
{
    struct arguments arguments = {
        .device.name = "weir ping", .bytes = 56, .interval = WEIR_NS_PER_S, .wait = WEIR_NS_PER_S};
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
    good &= r->received > 0;
    free(r);
    return good ? CLI_OK : CLI_FAILED;
}
