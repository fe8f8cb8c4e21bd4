/* SPDX-License-Identifier: MIT
 * A pcapng as it is written, turned into lines: when, where, which way, what. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "sim/build.h"
#include "wire/print.h"

/* draft-ietf-opsawg-pcapng section 4; the writer is little-endian everywhere. */
enum {
    BLOCK_HEAD = 8, /* type and length */
    BLOCK_MIN = 12,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    INTERFACE_OPTIONS_AT = 16,
    PACKET_DATA_AT = 28,
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_NAME = 2,
    OPTION_FLAGS = 2
};

enum {
    INTERFACES_MAX = 64,
    FLOWS_MAX = 256, /* TCP connections whose numbers are shown relative to their first */
    LINE_BYTES = 1024
};

/* One direction of a TCP connection and the sequence number of its SYN. */
struct flow {
    struct weir_addr source, destination;
    uint16_t source_port, destination_port;
    struct tcp_seq isn;
};

struct interface {
    enum weir_link link;
    char name[2 * SIM_NAME_MAX + 8];
};

struct cli_lines {
    FILE *out;
    bool classic;
    struct capture_sink next;
    uint8_t *bytes; /* of a block that is not complete yet */
    size_t len, capacity;
    struct interface interface[INTERFACES_MAX];
    unsigned interfaces, width; /* of the longest name */
    struct flow flow[FLOWS_MAX];
    unsigned flows;
};

static uint32_t little32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t little16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

/* The value of an option in [at, end); `at` is a multiple of 4. Data NULL: it is not there. */
static struct weir_ref option(const uint8_t *block, size_t at, size_t end, uint32_t wanted)
{
    while (at + 4 <= end) {
        uint32_t code = little16(block + at), len = little16(block + at + 2);
        if (code == OPTION_END || len > end - at - 4)
            break;
        if (code == wanted)
            return (struct weir_ref){block + at + 4, len};
        at += 4 + (len + 3) / 4 * 4;
    }
    return (struct weir_ref){NULL, 0};
}

static void read_interface(struct cli_lines *lines, const uint8_t *block, size_t len)
{
    if (lines->interfaces == INTERFACES_MAX || len < INTERFACE_OPTIONS_AT + 4)
        return;
    struct interface *i = &lines->interface[lines->interfaces++];
    struct weir_ref name = option(block, INTERFACE_OPTIONS_AT, len - 4, OPTION_NAME);
    size_t n = name.len < sizeof i->name ? name.len : sizeof i->name - 1;
    if (n > 0)
        memcpy(i->name, name.data, n);
    i->name[n] = '\0';
    i->link =
        little16(block + BLOCK_HEAD) == CAPTURE_LINK_ETHERNET ? WEIR_LINK_ETHERNET : WEIR_LINK_IP;
    if (n > lines->width)
        lines->width = (unsigned)n;
}

/* The flow with these ends; `add` makes it if there is room. */
static struct flow *flow_find(struct cli_lines *lines, const struct flow *ends, bool add)
{
    for (unsigned i = 0; i < lines->flows; i++) {
        struct flow *f = &lines->flow[i];
        if (f->source_port == ends->source_port && f->destination_port == ends->destination_port &&
            addr_eq(f->source, ends->source) && addr_eq(f->destination, ends->destination))
            return f;
    }
    if (!add || lines->flows == FLOWS_MAX)
        return NULL;
    lines->flow[lines->flows] = *ends;
    return &lines->flow[lines->flows++];
}

/* Numbers relative to those of the SYNs, where both were seen. */
static struct print_options options_for(struct cli_lines *lines, const struct sim_parsed *p)
{
    struct print_options o = {.style = lines->classic ? PRINT_CLASSIC : PRINT_MODERN};
    if (p->protocol != IP_PROTOCOL_TCP || p->transport_len == 0)
        return o;
    struct build_ip path = build_path(p, false);
    struct flow there = {path.source, path.destination, p->source_port, p->destination_port,
                         p->seq};
    struct flow back = {path.destination, path.source, p->destination_port, p->source_port,
                        seq_make(0)};
    bool syn = (p->tcp_flags & TCP_SYN) != 0;
    const struct flow *a = flow_find(lines, &there, syn), *b = flow_find(lines, &back, false);
    if (a != NULL && b != NULL) {
        o.relative = true;
        o.seq_base = a->isn;
        o.ack_base = b->isn;
    }
    return o;
}

static void print_time(struct text *t, uint64_t ns)
{
    uint64_t us = ns / 1000, s = us / 1000000;
    text_u64_pad(t, s / 3600, 2);
    text_char(t, ':');
    text_u64_pad(t, s / 60 % 60, 2);
    text_char(t, ':');
    text_u64_pad(t, s % 60, 2);
    text_char(t, '.');
    text_u64_pad(t, us % 1000000, 6);
}

static void read_packet(struct cli_lines *lines, const uint8_t *block, size_t len)
{
    char buf[LINE_BYTES];
    struct text t = text_begin(buf, sizeof buf);
    if (len < PACKET_DATA_AT + 4)
        return;
    uint32_t index = little32(block + 8), captured = little32(block + 20);
    uint64_t time = (uint64_t)little32(block + 12) << 32 | little32(block + 16);
    if (index >= lines->interfaces || captured > len - PACKET_DATA_AT - 4)
        return;
    const struct interface *i = &lines->interface[index];
    const uint8_t *data = block + PACKET_DATA_AT;
    size_t options_at = PACKET_DATA_AT + ((size_t)captured + 3) / 4 * 4;
    struct weir_ref comment = option(block, options_at, len - 4, OPTION_COMMENT);
    struct weir_ref flags = option(block, options_at, len - 4, OPTION_FLAGS);
    uint32_t direction = flags.len == 4 ? little32(flags.data) & 3U : 0;
    print_time(&t, time);
    fprintf(lines->out, "%s %-*s %s ", buf, (int)lines->width, i->name,
            direction == CAPTURE_INBOUND ? "In " : "Out");
    struct sim_parsed parsed = sim_parse(data, captured, i->link);
    struct print_options o = options_for(lines, &parsed);
    t = text_begin(buf, sizeof buf);
    print_packet(&t, &o, data, captured, little32(block + 24), i->link);
    if (comment.len > 0)
        fprintf(lines->out, "%s  [%.*s]\n", buf, (int)comment.len, (const char *)comment.data);
    else
        fprintf(lines->out, "%s\n", buf);
}

/* Take what is complete out of the buffer. */
static void read_blocks(struct cli_lines *lines)
{
    size_t at = 0;
    while (lines->len - at >= BLOCK_MIN) {
        const uint8_t *block = lines->bytes + at;
        uint32_t len = little32(block + 4);
        if (len < BLOCK_MIN || len > lines->len - at)
            break;
        if (little32(block) == BLOCK_INTERFACE)
            read_interface(lines, block, len);
        else if (little32(block) == BLOCK_PACKET)
            read_packet(lines, block, len);
        at += len;
    }
    memmove(lines->bytes, lines->bytes + at, lines->len - at);
    lines->len -= at;
}

static int lines_write(void *ctx, const struct weir_ref *part, unsigned count)
{
    struct cli_lines *lines = ctx;
    for (unsigned i = 0; i < count; i++) {
        if (part[i].len > lines->capacity - lines->len) {
            size_t capacity = 2 * (lines->len + part[i].len);
            uint8_t *more = realloc(lines->bytes, capacity);
            if (more == NULL)
                return WEIR_E_EXHAUSTED;
            lines->bytes = more;
            lines->capacity = capacity;
        }
        memcpy(lines->bytes + lines->len, part[i].data, part[i].len);
        lines->len += part[i].len;
    }
    read_blocks(lines);
    return lines->next.write != NULL ? lines->next.write(lines->next.ctx, part, count) : 0;
}

static int lines_flush(void *ctx)
{
    struct cli_lines *lines = ctx;
    return lines->next.flush != NULL ? lines->next.flush(lines->next.ctx) : 0;
}

struct cli_lines *cli_lines_new(FILE *out, bool classic, struct capture_sink next)
{
    struct cli_lines *lines = calloc(1, sizeof *lines);
    if (lines == NULL)
        return NULL;
    lines->out = out;
    lines->classic = classic;
    lines->next = next;
    return lines;
}

struct capture_sink cli_lines_sink(struct cli_lines *lines)
{
    return (struct capture_sink){.write = lines_write, .flush = lines_flush, .ctx = lines};
}

void cli_lines_free(struct cli_lines *lines)
{
    if (lines != NULL)
        free(lines->bytes);
    free(lines);
}
