/* SPDX-License-Identifier: MIT
 * The shape of the data path, before TCP is laid into it: an application's bytes are copied into a
 * send ring, cut into packets with IPv4 and TCP headers (timestamps), passed by reference over the
 * in-memory wire, parsed, verified while they are copied into a receive ring, and copied out to an
 * application. What TCP adds comes on top; what is measured here is the least that a byte costs in
 * this design. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ring.h"
#include "bench.h"
#include "weir/memwire.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

enum {
    HEADERS = IP4_HEADER_MIN + TCP_HEADER_BYTES + 12, /* with NOP NOP timestamps */
    APP_BYTES = 65536,                                /* a call of the application */
    SUPERBLOCKS = 64
};

static const struct ip4_addr sender_addr = {{10, 0, 0, 1}}, receiver_addr = {{10, 0, 0, 2}};

struct path {
    struct weir_memwire wire;
    struct blocks blocks;
    struct ring send, receive;
    const struct csum_ops *ops;
    uint64_t send_end, sent, received, taken;
    uint32_t segment; /* payload bytes of a packet */
    bool checksums;
    uint8_t app_out[APP_BYTES], app_in[APP_BYTES];
};

static void emit(struct path *p, struct weir_tx *tx, size_t payload)
{
    uint8_t *h = tx->headers;
    tx->header_start = 0;
    tx->header_len = HEADERS;
    tx->frag_count = tx->frag[1].len != 0 ? 2 : 1;
    tx->len = (uint32_t)(HEADERS + payload);
    ip4_emit(h, sizeof tx->headers,
             &(struct ip4){.source = sender_addr,
                           .destination = receiver_addr,
                           .payload_len = (uint16_t)(tx->len - IP4_HEADER_MIN),
                           .dont_fragment = true,
                           .ttl = 64,
                           .protocol = IP_PROTOCOL_TCP});
    struct tcp_wire *tcp = (struct tcp_wire *)(h + IP4_HEADER_MIN);
    tcp->source_port = be16_make(49152);
    tcp->destination_port = be16_make(80);
    tcp->seq = be32_make((uint32_t)p->sent);
    tcp->ack = be32_make(1);
    tcp->offset_flags = tcp_offset_flags(TCP_HEADER_BYTES + 12, TCP_ACK);
    tcp->window = be16_make(0xffff);
    tcp->checksum = be16_make(0);
    tcp->urgent = be16_make(0);
    store32(h + IP4_HEADER_MIN + TCP_HEADER_BYTES, 0x0101080aU);
    store32(h + IP4_HEADER_MIN + TCP_HEADER_BYTES + 4, (uint32_t)p->sent);
    store32(h + IP4_HEADER_MIN + TCP_HEADER_BYTES + 8, 1);
    tx->checksum_wanted = !p->checksums;
    tx->checksum_start = IP4_HEADER_MIN;
    tx->checksum_offset = offsetof(struct tcp_wire, checksum);
    if (p->checksums) {
        struct csum pseudo = ip4_pseudo(sender_addr, receiver_addr, IP_PROTOCOL_TCP,
                                        (uint16_t)(tx->len - IP4_HEADER_MIN));
        struct csum sum = csum_parts(p->ops, csum_zero(), tx->frag, tx->frag_count);
        tcp->checksum = tcp_checksum(h + IP4_HEADER_MIN, TCP_HEADER_BYTES + 12, pseudo, sum);
    }
}

static unsigned sender_output(void *ctx, struct weir_tx *packets, unsigned max, weir_time now)
{
    struct path *p = ctx;
    (void)now;
    unsigned n = 0;
    for (; n < max && p->sent < p->send_end; n++) {
        uint64_t left = p->send_end - p->sent;
        size_t len = left < p->segment ? (size_t)left : p->segment;
        len = ring_refs(&p->send, p->sent, len, packets[n].frag);
        emit(p, &packets[n], len);
        p->sent += len;
    }
    return n;
}

static void receive_one(struct path *p, const struct weir_rx *rx)
{
    struct ip4 ip;
    struct tcp_header tcp;
    struct tcp_options options;
    if (ip4_parse(&ip, rx->head, rx->head_len, rx->len) != WEIR_DROP_NONE ||
        tcp_parse(&tcp, rx->head + IP4_HEADER_MIN, rx->head_len - IP4_HEADER_MIN, ip.payload_len) !=
            WEIR_DROP_NONE)
        abort();
    const uint8_t *segment = rx->head + IP4_HEADER_MIN;
    tcp_options_parse(&options, segment + TCP_HEADER_BYTES, tcp.header_len - TCP_HEADER_BYTES);
    bench_use(options.ts_val);

    struct csum sum = csum_zero();
    size_t len = 0;
    for (unsigned i = 0; i < rx->frag_count; i++) {
        if (!p->checksums) {
            len += ring_write(&p->receive, p->received + len, rx->frag[i], BLOCKS_NORMAL);
            continue;
        }
        struct ring_sum part =
            ring_write_sum(&p->receive, p->received + len, rx->frag[i], BLOCKS_NORMAL, p->ops);
        sum = csum_join(sum, len, part.sum);
        len += part.len;
    }
    struct csum pseudo = ip4_pseudo(ip.source, ip.destination, ip.protocol, ip.payload_len);
    if (p->checksums && !tcp_checksum_is_good(segment, tcp.header_len, pseudo, sum))
        abort();
    p->received += len;
}

static void receiver_input(void *ctx, const struct weir_rx *packets, unsigned n, weir_time now)
{
    (void)now;
    for (unsigned i = 0; i < n; i++)
        receive_one(ctx, &packets[i]);
}

static void never_input(void *ctx, const struct weir_rx *packets, unsigned n, weir_time now)
{
    (void)ctx, (void)packets, (void)n, (void)now;
}

static unsigned never_output(void *ctx, struct weir_tx *packets, unsigned max, weir_time now)
{
    (void)ctx, (void)packets, (void)max, (void)now;
    return 0;
}

/* One round: APP_BYTES from application to application, compared. */
static void run(void *ctx, uint64_t n)
{
    struct path *p = ctx;
    for (uint64_t i = 0; i < n; i++) {
        p->app_out[i % APP_BYTES]++;
        if (ring_write(&p->send, p->send_end, (struct weir_ref){p->app_out, APP_BYTES},
                       BLOCKS_NORMAL) != APP_BYTES)
            abort();
        p->send_end += APP_BYTES;
        while (weir_memwire_step(&p->wire, 0) > 0)
            continue;
        ring_release(&p->send, p->sent);
        ring_read(&p->receive, p->taken, p->app_in, APP_BYTES);
        p->taken += APP_BYTES;
        ring_release(&p->receive, p->taken);
        if (p->app_in[i % APP_BYTES] != p->app_out[i % APP_BYTES])
            abort();
    }
}

static struct path *path_new(uint32_t mtu, bool checksums)
{
    struct path *p = calloc(1, sizeof *p);
    struct blocks_config blocks = {.superblocks = SUPERBLOCKS, .promised_bytes_max = 1 << 22};
    void *mem = malloc(blocks_size(&blocks));
    if (p == NULL || mem == NULL)
        abort();
    blocks_init(&p->blocks, &blocks, mem);
    ring_init(&p->send, &p->blocks, BLOCKS_64K, 0);
    ring_init(&p->receive, &p->blocks, BLOCKS_64K, 0);
    p->ops = csum_best();
    p->segment = mtu - HEADERS;
    p->checksums = checksums;
    struct weir_memwire_config config = {
        .size = sizeof config, .mtu_bytes = mtu, .checksums = checksums};
    if (weir_memwire_init(&p->wire, &config, &(struct weir_port){p, never_input, sender_output},
                          &(struct weir_port){p, receiver_input, never_output}) != 0)
        abort();
    for (size_t i = 0; i < APP_BYTES; i++)
        p->app_out[i] = (uint8_t)(i * 7 + i / 251);
    return p;
}

static void copy_64k(void *ctx, uint64_t n)
{
    struct path *p = ctx;
    for (uint64_t i = 0; i < n; i++) {
        memcpy(p->app_in, p->app_out, APP_BYTES);
        bench_use(p->app_in[i % APP_BYTES]);
    }
}

int main(int argc, char **argv)
{
    struct path *path = path_new(1500, true);
    const struct bench_row rows[] = {
        {"memcpy, 64 KB", copy_64k, path, APP_BYTES, NULL},
        {"MTU 1500, checksums off", run, path_new(1500, false), APP_BYTES, "memcpy, 64 KB"},
        {"MTU 1500, checksums on", run, path, APP_BYTES, "memcpy, 64 KB"},
        {"MTU 65535, checksums off", run, path_new(65535, false), APP_BYTES, "memcpy, 64 KB"},
        {"MTU 65535, checksums on", run, path_new(65535, true), APP_BYTES, "memcpy, 64 KB"},
    };
    return bench_main(argc, argv, "memwire", rows, sizeof rows / sizeof rows[0]);
}
