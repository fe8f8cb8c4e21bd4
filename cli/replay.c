/* SPDX-License-Identifier: MIT
 * `weir replay`: runs a recorded stack again, and compares what comes out. */
#include "sim/replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "device_args.h"
#include "output.h"
#include "recorder.h"
#include "sim/build.h"
#include "weir/drop.h"

enum { CALL_BYTES = 1024, KEY_SCRUB = 256 };

/* An end of connections: all that was not told is any. */
struct end {
    bool has_addr;
    struct weir_addr addr;
    uint16_t port; /* 0: any */
};

struct arguments {
    const char *path, *pcap; /* "-": standard input, and output */
    const char *scrub;       /* the recording without payload; NULL: none */
    const char *until_text;
    weir_time until;         /* since the beginning; 0: none */
    uint64_t until_record;   /* 0: none */
    bool connection;
    struct end local, remote;
    bool step, print, json, verbose;
    char name[16];
};

struct session {
    const struct arguments *a;
    struct replay replay;
    struct cli_output file;
    struct recorder scrubbed;
    struct cli_lines *lines;       /* NULL: packets are not printed */
    struct capture_writer capture; /* to lines and file */
    bool captured;                 /* there is one of them */
    unsigned interfaces;           /* told to the capture */
    bool stopped;                  /* by --until, or by who steps */
    uint8_t packet[WEIR_PACKET_BYTES_MAX];
};

/* ---- arguments ---- */

/* "*", "ADDR", "ADDR:PORT", "[ADDR]:PORT", "*:PORT" or ":PORT". */
static bool parse_end(char *text, struct end *end)
{
    char *port = NULL, *colon = strrchr(text, ':');
    if (text[0] == '[') {
        char *bracket = strchr(text, ']');
        if (bracket == NULL || (bracket[1] != ':' && bracket[1] != '\0'))
            return false;
        port = bracket[1] == ':' ? bracket + 2 : NULL;
        *bracket = '\0';
        text++;
    } else if (colon != NULL && strchr(text, ':') == colon) { /* several: an IPv6 address */
        *colon = '\0';
        port = colon + 1;
    }
    if (port != NULL && strcmp(port, "*") != 0)
        end->port = (uint16_t)cli_number(port, "port", 1, UINT16_MAX);
    end->has_addr = text[0] != '\0' && strcmp(text, "*") != 0;
    return !end->has_addr || weir_addr_parse(text, &end->addr) == WEIR_OK;
}

static void take_connection(struct arguments *a, char *text)
{
    char *dash = strchr(text, '-');
    if (dash != NULL)
        *dash = '\0';
    a->connection = true;
    if (dash == NULL || !parse_end(text, &a->local) || !parse_end(dash + 1, &a->remote))
        cli_usage("bad connection: LOCAL-REMOTE, like 10.9.0.2:80-10.9.0.1:40000 or "
                  "[fd00::2]:80-*");
}

static void take_until(struct arguments *a, const char *text)
{
    a->until_text = text;
    if (text[0] == '#')
        a->until_record = cli_number(text + 1, "record", 1, UINT32_MAX);
    else
        a->until = cli_span(text, "time");
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'u':
        take_until(a, arg);
        return 0;
    case 'c':
        take_connection(a, arg);
        return 0;
    case 's':
        a->step = true;
        return 0;
    case 'w':
        a->pcap = arg;
        return 0;
    case KEY_SCRUB:
        a->scrub = arg;
        return 0;
    case 'p':
        a->print = true;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case 'v':
        a->verbose = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->path != NULL)
            cli_usage("one recording at a time: '%s' is one too many", arg);
        a->path = arg;
        return 0;
    default:
        return cli_help_key(key, state, a->name);
    }
}

static void parse(int argc, char **argv, struct arguments *a)
{
    static const struct argp_option options[] = {
        {"until", 'u', "TIME|#N", 0,
         "Stop behind this time since the beginning (250ms, 1.5s), or before record N", 0},
        {"connection", 'c', "LOCAL-REMOTE", 0,
         "Print the calls and packets of these connections: ADDR:PORT, * for any", 0},
        {"step", 's', 0, 0, "Print each call before it is made, and wait for Enter", 0},
        {"pcap", 'w', "FILE", 0, "Write the packets as pcapng; - is standard output", 0},
        {"print", 'p', 0, 0, "Print every packet as a line", 0},
        {"scrub", KEY_SCRUB, "FILE", 0,
         "Write a recording of the same without the payload of packets and connections", 0},
        {"json", 'j', 0, 0, "Report as JSON", 0},
        {"verbose", 'v', 0, 0, "Print every call and packet", 0},
        CLI_HELP_OPTIONS,
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_argument,
        .args_doc = "FILE",
        .doc = "Run a stack again that --record has recorded, in virtual time, and compare all "
               "that comes out of it. FILE - is standard input."
               "\vFor example:\n"
               "  weir host ... --record host.rec -- curl http://10.9.0.2/\n"
               "  weir replay host.rec\n"
               "  weir replay --connection 10.9.0.2:80-* host.rec\n\n"
               "Exit status: 0 when all is as it was; 1 when not, or the recording cannot be "
               "read; 2 for wrong usage."};
    cli_parse(&argp, argc, argv, a->name, a);
    bool to_stdout = a->pcap != NULL && strcmp(a->pcap, "-") == 0;
    bool lines = a->print || a->verbose || a->connection || a->step;
    if (a->path == NULL)
        cli_usage("a recording is missing");
    if (a->scrub != NULL && strcmp(a->scrub, "-") == 0)
        cli_usage("give the recording of --scrub a file");
    if (a->scrub != NULL && strcmp(a->scrub, a->path) == 0)
        cli_usage("--scrub reads '%s', and cannot write it", a->path);
    if (a->json && (lines || to_stdout))
        cli_usage("--json takes standard output for itself");
    if (to_stdout && lines)
        cli_usage("--pcap=- takes standard output for itself");
    if (to_stdout && isatty(STDOUT_FILENO))
        cli_usage("a capture is not for a terminal; name a file, or send it through a pipe");
    if (a->step && strcmp(a->path, "-") == 0)
        cli_usage("--step reads from standard input, and so would the recording");
}

/* ---- which connection ---- */

static bool end_is(const struct end *end, const struct weir_addr *addr, uint16_t port)
{
    return (!end->has_addr || memcmp(&end->addr, addr, sizeof *addr) == 0) &&
           (end->port == 0 || end->port == port);
}

static bool is_wanted_packet(const struct session *s, const struct capture_packet *packet,
                             const struct sim_parsed *p)
{
    const struct arguments *a = s->a;
    if (p->ip_version == 0 || p->transport_len == 0)
        return false;
    struct build_ip ip = build_path(p, false);
    return packet->direction == CAPTURE_OUTBOUND
               ? end_is(&a->local, &ip.source, p->source_port) &&
                     end_is(&a->remote, &ip.destination, p->destination_port)
               : end_is(&a->local, &ip.destination, p->destination_port) &&
                     end_is(&a->remote, &ip.source, p->source_port);
}

static bool is_wanted_handle(struct session *s, weir_handle handle)
{
    struct weir_tcp_info info;
    struct weir_datagram name;
    const struct arguments *a = s->a;
    if (weir_tcp_info(s->replay.stack, handle, &info) == WEIR_OK)
        return end_is(&a->local, &info.local, info.local_port) &&
               end_is(&a->remote, &info.remote, info.remote_port);
    return weir_udp_name(s->replay.stack, handle, &name) == WEIR_OK &&
           end_is(&a->local, &name.local, name.local_port) &&
           end_is(&a->remote, &name.remote, name.remote_port);
}

static bool is_wanted_call(struct session *s)
{
    const struct replay *r = &s->replay;
    static const weir_handle none;
    if (r->stack == NULL)
        return false;
    for (unsigned i = 0; i < r->expected.count && r->expected.events != NULL; i++)
        if (is_wanted_handle(s, r->expected.events[i].handle))
            return true;
    if (memcmp(&r->call.handle, &none, sizeof none) != 0 && is_wanted_handle(s, r->call.handle))
        return true;
    return memcmp(&r->expected.handle, &none, sizeof none) != 0 &&
           is_wanted_handle(s, r->expected.handle);
}

/* ---- what is printed ---- */

static void print_call(const struct session *s)
{
    char call[CALL_BYTES];
    uint64_t us = (uint64_t)(s->replay.now - s->replay.started) / 1000;
    replay_call_text(&s->replay, call, sizeof call);
    printf("%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%06" PRIu64 " #%" PRIu64 " %s\n",
           us / 3600000000U, us / 60000000 % 60, us / 1000000 % 60, us % 1000000, s->replay.number,
           call);
}

/* The whole of a packet, in one piece. */
static uint32_t gather(struct session *s, const struct capture_packet *packet)
{
    uint32_t len = 0;
    for (unsigned i = 0; i < packet->part_count; i++) {
        size_t n = packet->part[i].len, room = sizeof s->packet - len;
        n = n < room ? n : room;
        if (n > 0)
            memcpy(s->packet + len, packet->part[i].data, n);
        len += (uint32_t)n;
    }
    return len;
}

static void tap(void *ctx, const struct weir_tap_packet *tapped)
{
    struct session *s = ctx;
    char comment[160], name[16];
    struct weir_ref part[1 + WEIR_FRAGS_MAX];
    struct capture_packet out = {.interface = tapped->ifindex, .part = part, .part_count = 1};
    out.direction = tapped->rx != NULL ? CAPTURE_INBOUND : CAPTURE_OUTBOUND;
    out.time = tapped->time > s->replay.started ? tapped->time - s->replay.started : 0;
    if (tapped->rx != NULL)
        part[0] = (struct weir_ref){tapped->rx->head, tapped->rx->head_len};
    else
        part[0] = (struct weir_ref){tapped->tx->headers + tapped->tx->header_start,
                                    tapped->tx->header_len};
    const struct weir_ref *frag = tapped->rx != NULL ? tapped->rx->frag : tapped->tx->frag;
    unsigned frags = tapped->rx != NULL ? tapped->rx->frag_count : tapped->tx->frag_count;
    for (unsigned i = 0; i < frags && i < WEIR_FRAGS_MAX; i++)
        part[out.part_count++] = frag[i];
    if (part[0].data == NULL) /* a description that was refused */
        part[0].len = 0;
    for (; s->interfaces < s->replay.interfaces; s->interfaces++) {
        bool ethernet = s->replay.link[s->interfaces] == WEIR_LINK_ETHERNET;
        (void)snprintf(name, sizeof name, "if%u", s->interfaces);
        (void)capture_interface(&s->capture, ethernet ? CAPTURE_LINK_ETHERNET : CAPTURE_LINK_RAW,
                                name);
    }
    if (s->a->connection) {
        struct sim_parsed p = sim_parse(s->packet, gather(s, &out),
                                        s->replay.link[tapped->ifindex]);
        if (!is_wanted_packet(s, &out, &p))
            return;
    }
    if (tapped->drop != WEIR_DROP_NONE) {
        (void)snprintf(comment, sizeof comment, "drop: %s (%s)", weir_drop_name(tapped->drop),
                       weir_drop_text(tapped->drop));
        out.comment = comment;
    }
    (void)capture_packet(&s->capture, &out);
}

/* ---- the run ---- */

static bool is_over(const struct session *s)
{
    const struct arguments *a = s->a;
    const struct replay *r = &s->replay;
    return (a->until_record > 0 && r->number >= a->until_record) ||
           (a->until > 0 && r->now - r->started > a->until);
}

/* Print the call and wait; false: that was enough. */
static bool step(const struct session *s)
{
    int c;
    print_call(s);
    (void)fflush(stdout);
    if (!isatty(STDIN_FILENO))
        return true;
    do
        c = getchar();
    while (c != '\n' && c != EOF && c != 'q');
    return c == '\n';
}

/* One call, printed if asked for: before it is made, or, when only then it is known to be wanted,
 * behind. */
static enum replay_result make_call(struct session *s)
{
    const struct arguments *a = s->a;
    bool wanted = a->connection && is_wanted_call(s);
    if (a->step && (wanted || !a->connection)) {
        if (!step(s)) {
            s->stopped = true;
            return REPLAY_GOOD;
        }
    } else if (wanted || (a->verbose && !a->connection)) {
        print_call(s);
    }
    enum replay_result result = replay_do(&s->replay);
    if (a->connection && !wanted && result == REPLAY_GOOD && is_wanted_call(s))
        print_call(s);
    return result;
}

static enum replay_result run(struct session *s)
{
    enum replay_result result;
    do {
        result = replay_next(&s->replay);
        if (result == REPLAY_GOOD && s->replay.number == 1 && s->replay.in.note[0] != '\0')
            fprintf(stderr, "weir: limits of the recording %s\n", s->replay.in.note);
        if (result == REPLAY_GOOD)
            s->stopped = is_over(s);
        if (result == REPLAY_GOOD && !s->stopped)
            result = make_call(s);
        if (s->captured && s->lines != NULL)
            (void)capture_flush(&s->capture);
    } while (result == REPLAY_GOOD && !s->stopped);
    return result;
}

/* ---- the report ---- */

static void report_text(const struct session *s, enum replay_result result)
{
    const struct replay *r = &s->replay;
    char time[48];
    cli_time_text(time, sizeof time, r->now - r->started);
    FILE *out = s->file.file == stdout ? stderr : stdout;
    fprintf(out,
            "%s: %" PRIu64 " records, %s, %" PRIu64 " packets (%" PRIu64 " bytes) in, %" PRIu64
            " (%" PRIu64 ") out, ",
            s->a->path, r->number - s->stopped, time, r->packets_in, r->bytes_in, r->packets_out,
            r->bytes_out);
    if (result == REPLAY_CUT && !r->has_end && r->number > 0)
        fprintf(out, "identical; it ends within %s, which came to its end here\n",
                weir_call_name(r->call.call));
    else if (result == REPLAY_CUT)
        fprintf(out, "identical; it is cut short\n");
    else
        fprintf(out, "%s%s\n", s->a->scrub != NULL ? "the same but for payload" : "identical",
                s->stopped ? " so far" : "");
}

static int report(const struct session *s, enum replay_result result)
{
    const struct replay *r = &s->replay;
    bool good = result == REPLAY_GOOD || result == REPLAY_ENDED || result == REPLAY_CUT;
    if (s->a->json) {
        const struct cli_replay_report told = {.path = s->a->path,
                                               .records = r->number - s->stopped,
                                               .packets_in = r->packets_in,
                                               .packets_out = r->packets_out,
                                               .bytes_in = r->bytes_in,
                                               .bytes_out = r->bytes_out,
                                               .virtual_ns = r->now - r->started,
                                               .identical = good,
                                               .complete = result == REPLAY_ENDED,
                                               .message = good ? NULL : r->message};
        return cli_json_replay(&told, stdout) && good ? CLI_OK : CLI_FAILED;
    }
    if (good)
        report_text(s, result);
    else
        cli_error("%s: %s", s->a->path, r->message);
    return good ? CLI_OK : CLI_FAILED;
}

/* ---- the whole ---- */

static bool open_capture(struct session *s)
{
    static const struct capture_options options = {.format = CAPTURE_PCAPNG, .application = "weir"};
    const struct arguments *a = s->a;
    if (!cli_output_open(&s->file, a->pcap))
        return false;
    struct capture_sink sink = cli_output_sink(&s->file);
    if (a->print || a->verbose || a->connection || a->step) {
        s->lines = cli_lines_new(stdout, false, sink);
        if (s->lines == NULL) {
            cli_error("no memory");
            return false;
        }
        sink = cli_lines_sink(s->lines);
    }
    s->captured = sink.write != NULL;
    if (s->captured)
        (void)capture_open(&s->capture, sink, &options);
    return true;
}

static int replay_file(struct session *s, FILE *file)
{
    struct replay_config config = {.tap = {.fn = s->captured ? tap : NULL, .ctx = s}};
    enum replay_result result = REPLAY_BROKEN;
    if (!recorder_open(&s->scrubbed, s->a->scrub))
        return CLI_FAILED;
    if (s->a->scrub != NULL) {
        config.recorder = recording_recorder(&s->scrubbed.writer);
        config.scrub = true;
    }
    if (replay_open(&s->replay, file, &config))
        result = run(s);
    bool written = !s->captured || capture_flush(&s->capture) == 0;
    if (!written && s->file.error == 0)
        cli_error("capture: %s", weir_strerror(s->capture.error));
    int code = report(s, result);
    replay_close(&s->replay);
    written &= recorder_close(&s->scrubbed);
    return written ? code : CLI_FAILED;
}

int cli_replay(int argc, char **argv)
{
    struct arguments a = {.name = "weir replay"};
    parse(argc, argv, &a);
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL) {
        cli_error("no memory");
        return CLI_FAILED;
    }
    int code = CLI_FAILED;
    s->a = &a;
    FILE *file = strcmp(a.path, "-") == 0 ? stdin : fopen(a.path, "rbe");
    if (file == NULL)
        cli_error("%s: %m", a.path);
    else if (open_capture(s))
        code = replay_file(s, file);
    cli_lines_free(s->lines);
    if (!cli_output_close(&s->file))
        code = CLI_FAILED;
    if (file != NULL && file != stdin)
        (void)fclose(file);
    free(s);
    return code;
}
