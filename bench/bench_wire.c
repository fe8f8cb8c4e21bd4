/* SPDX-License-Identifier: MIT
 * The wire room: nanoseconds to read and to write the headers of one segment. */
#include <string.h>

#include "bench.h"
#include "wire/ip4.h"
#include "wire/print.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

enum { IP = IP4_HEADER_MIN, TCP = TCP_HEADER_BYTES, TS = 12, SYN_OPTIONS = 20, PACKETS = 64 };

/* Data segments of one flow: 20 + 20 + 12 bytes of headers, and a payload that nobody reads. */
struct packets {
    uint8_t bytes[PACKETS][128];
};

static void put_segment(uint8_t *p, const struct tcp_options *options, unsigned flags, unsigned i)
{
    uint8_t area[TCP_OPTION_BYTES_MAX];
    size_t options_len = tcp_options_emit(area, sizeof area, options);
    struct ip4 ip = {.source = {{10, 0, 0, 1}},
                     .destination = {{10, 0, 0, 2}},
                     .payload_len = (uint16_t)(TCP + options_len),
                     .id = (uint16_t)i,
                     .dont_fragment = true,
                     .ttl = 64,
                     .protocol = IP_PROTOCOL_TCP};
    struct tcp_header tcp = {.source_port = 49152,
                             .destination_port = 80,
                             .seq = seq_make(1000 * i),
                             .ack = seq_make(77),
                             .header_len = (uint8_t)(TCP + options_len),
                             .flags = (uint16_t)flags,
                             .window = 502};
    p += ip4_emit(p, IP4_HEADER_MAX, &ip);
    tcp_emit(p, &tcp);
    memcpy(p + TCP, area, options_len);
}

static void put_segments(struct packets *packets)
{
    for (unsigned i = 0; i < PACKETS; i++) {
        struct tcp_options o = {.present = TCP_HAS_TIMESTAMPS, .ts_val = i, .ts_ecr = 5};
        put_segment(packets->bytes[i], &o, TCP_ACK | TCP_PSH, i);
    }
}

static const struct tcp_options syn_options = {
    .present = TCP_HAS_MSS | TCP_HAS_SACK_PERMITTED | TCP_HAS_TIMESTAMPS | TCP_HAS_WINDOW_SCALE,
    .mss = 1460,
    .window_scale = 7,
    .ts_val = 1,
};

static void parse_tcp(void *ctx, uint64_t n)
{
    const struct packets *packets = ctx;
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *p = packets->bytes[i % PACKETS] + IP;
        struct tcp_header tcp;
        unsigned drop = tcp_parse(&tcp, p, TCP + TS, TCP + TS);
        bench_use(tcp.seq.v + tcp.ack.v + tcp.flags + tcp.window + drop);
    }
}

static void parse_timestamps(void *ctx, uint64_t n)
{
    const struct packets *packets = ctx;
    for (uint64_t i = 0; i < n; i++) {
        struct tcp_options o;
        tcp_options_parse(&o, packets->bytes[i % PACKETS] + IP + TCP, TS);
        bench_use(o.present + o.ts_val + o.ts_ecr);
    }
}

static void parse_all(void *ctx, uint64_t n)
{
    const struct packets *packets = ctx;
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *p = packets->bytes[i % PACKETS];
        struct ip4 ip;
        struct tcp_header tcp;
        struct tcp_options o;
        if (ip4_parse(&ip, p, IP + TCP + TS, IP + TCP + TS) != WEIR_DROP_NONE)
            return;
        p += ip4_header_len(&ip);
        if (tcp_parse(&tcp, p, ip.payload_len, ip.payload_len) != WEIR_DROP_NONE)
            return;
        tcp_options_parse(&o, p + TCP, tcp.header_len - (size_t)TCP);
        bench_use(tcp.seq.v + tcp.ack.v + tcp.flags + tcp.window + o.ts_val + o.ts_ecr);
    }
}

static void emit_all(void *ctx, uint64_t n)
{
    struct packets *packets = ctx;
    for (uint64_t i = 0; i < n; i++) {
        uint8_t *p = packets->bytes[i % PACKETS];
        struct ip4 ip = {.source = {{10, 0, 0, 1}},
                         .destination = {{10, 0, 0, 2}},
                         .payload_len = TCP + TS,
                         .id = (uint16_t)i,
                         .dont_fragment = true,
                         .ttl = 64,
                         .protocol = IP_PROTOCOL_TCP};
        struct tcp_header tcp = {.source_port = 49152,
                                 .destination_port = 80,
                                 .seq = seq_make((uint32_t)i),
                                 .ack = seq_make(77),
                                 .header_len = TCP + TS,
                                 .flags = TCP_ACK | TCP_PSH,
                                 .window = 502};
        p += ip4_emit(p, IP4_HEADER_MAX, &ip);
        tcp_emit(p, &tcp);
        tcp_options_emit_timestamps(p + TCP, (uint32_t)i, 5);
        struct csum pseudo = ip4_pseudo(ip.source, ip.destination, IP_PROTOCOL_TCP, TCP + TS);
        be16 sum = tcp_checksum(p, TCP + TS, pseudo, csum_zero());
        memcpy(p + offsetof(struct tcp_wire, checksum), &sum, sizeof sum);
        bench_use(p[0]);
    }
}

static void parse_syn_options(void *ctx, uint64_t n)
{
    uint8_t area[TCP_OPTION_BYTES_MAX];
    size_t len = tcp_options_emit(area, sizeof area, ctx);
    for (uint64_t i = 0; i < n; i++) {
        struct tcp_options o;
        tcp_options_parse(&o, area, len);
        bench_use(o.present + o.mss + o.window_scale + o.ts_val);
    }
}

static void emit_options(void *ctx, uint64_t n)
{
    uint8_t area[TCP_OPTION_BYTES_MAX];
    for (uint64_t i = 0; i < n; i++) {
        bench_use(tcp_options_emit(area, sizeof area, ctx));
        bench_use(area[0]);
    }
}

static void print_line(void *ctx, uint64_t n)
{
    const struct packets *packets = ctx;
    const struct print_options o = {.style = PRINT_MODERN};
    for (uint64_t i = 0; i < n; i++) {
        char line[256];
        struct text t = text_begin(line, sizeof line);
        print_packet(&t, &o, packets->bytes[i % PACKETS], IP + TCP + TS, IP + TCP + TS,
                     WEIR_LINK_IP);
        bench_use(t.len);
    }
}

int main(int argc, char **argv)
{
    static struct packets parsed, emitted, printed;
    static struct tcp_options syn, sack;
    put_segments(&parsed);
    put_segments(&printed);
    syn = syn_options;
    sack = (struct tcp_options){.present = TCP_HAS_TIMESTAMPS | TCP_HAS_SACK,
                                .sack_count = 3,
                                .sack = {{{1}, {2}}, {{3}, {4}}, {{5}, {6}}}};
    const struct bench_row rows[] = {
        {.name = "parse tcp header", .run = parse_tcp, .ctx = &parsed},
        {.name = "parse timestamps", .run = parse_timestamps, .ctx = &parsed},
        {.name = "parse ip4, tcp, timestamps", .run = parse_all, .ctx = &parsed},
        {.name = "parse options of a SYN", .run = parse_syn_options, .ctx = &syn},
        {.name = "parse timestamps and 3 sack blocks", .run = parse_syn_options, .ctx = &sack},
        {.name = "emit ip4, tcp, timestamps, checksums", .run = emit_all, .ctx = &emitted},
        {.name = "emit options of a SYN", .run = emit_options, .ctx = &syn},
        {.name = "emit timestamps and 3 sack blocks", .run = emit_options, .ctx = &sack},
        {.name = "print a line", .run = print_line, .ctx = &printed},
    };
    return bench_main(argc, argv, "wire", rows, sizeof rows / sizeof rows[0]);
}
