/* SPDX-License-Identifier: MIT */
#include "trace/writer.h"

#include <string.h>

/* draft-ietf-opsawg-pcapng sections 4 (blocks) and 3.5 (options); draft-ietf-opsawg-pcap. */
enum {
    BLOCK_INTERFACE = 1,
    BLOCK_ENHANCED_PACKET = 6,
    BLOCK_FRAME_BYTES = 12, /* type, length, and the length again at the end */

    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_SHB_USERAPPL = 4,
    OPTION_IF_NAME = 2,
    OPTION_IF_TSRESOL = 9,
    OPTION_EPB_FLAGS = 2,

    TSRESOL_NANOSECONDS = 9,
    WRITER_REFS_MAX = 12
};

#define BLOCK_SECTION_HEADER UINT32_C(0x0a0d0d0a)
#define BYTE_ORDER_MAGIC UINT32_C(0x1a2b3c4d)
#define PCAP_MAGIC_NANOSECONDS UINT32_C(0xa1b23c4d)

/* A small piece of a block, put together in little-endian order. */
struct piece {
    uint8_t bytes[64];
    size_t len;
};

static void put16(struct piece *p, uint32_t v)
{
    p->bytes[p->len++] = (uint8_t)v;
    p->bytes[p->len++] = (uint8_t)(v >> 8);
}

static void put32(struct piece *p, uint32_t v)
{
    put16(p, v & 0xffffU);
    put16(p, v >> 16);
}

static struct weir_ref piece_ref(const struct piece *p)
{
    return (struct weir_ref){p->bytes, p->len};
}

/* Blocks, options and packet data are padded to 32 bits. */
static size_t padding(size_t len)
{
    return (4 - len % 4) % 4;
}

static struct weir_ref padding_ref(size_t len)
{
    static const uint8_t zeros[4] = {0};
    return (struct weir_ref){zeros, padding(len)};
}

static size_t text_len(const char *s)
{
    return s == NULL ? 0 : strnlen(s, CAPTURE_TEXT_MAX);
}

/* The bytes a text takes as an option: none when there is none. */
static size_t text_option_len(const char *s)
{
    size_t len = text_len(s);
    return len == 0 ? 0 : 4 + len + padding(len);
}

/* All that goes out in one write. */
struct gather {
    struct weir_ref ref[WRITER_REFS_MAX];
    unsigned count;
};

static void gather_add(struct gather *g, struct weir_ref ref)
{
    if (ref.len > 0)
        g->ref[g->count++] = ref;
}

/* `header` is the caller's piece, alive until the write. */
static void gather_text_option(struct gather *g, struct piece *header, uint32_t code, const char *s)
{
    size_t len = text_len(s);
    if (len == 0)
        return;
    put16(header, code);
    put16(header, (uint32_t)len);
    gather_add(g, piece_ref(header));
    gather_add(g, (struct weir_ref){(const uint8_t *)s, len});
    gather_add(g, padding_ref(len));
}

static int writer_put(struct capture_writer *w, const struct gather *g)
{
    if (w->error != 0)
        return w->error;
    w->error = w->sink.write(w->sink.ctx, g->ref, g->count);
    if (w->error == 0)
        for (unsigned i = 0; i < g->count; i++)
            w->bytes += g->ref[i].len;
    return w->error;
}

int capture_open(struct capture_writer *writer, struct capture_sink sink,
                 const struct capture_options *options)
{
    uint32_t snap = options->snap_bytes != 0 ? options->snap_bytes : CAPTURE_SNAP_BYTES_MAX;
    *writer = (struct capture_writer){.sink = sink, .snap_bytes = snap, .format = options->format};
    if (options->format > CAPTURE_PCAP || snap > CAPTURE_SNAP_BYTES_MAX)
        writer->error = WEIR_E_INVALID;
    if (writer->error != 0 || options->format == CAPTURE_PCAP)
        return writer->error; /* the header of a pcap needs to know the interface */
    size_t application = text_option_len(options->application);
    size_t options_len = application == 0 ? 0 : application + 4;
    uint32_t block_len = (uint32_t)(BLOCK_FRAME_BYTES + 16 + options_len);
    struct piece head = {0}, option = {0}, tail = {0};
    put32(&head, BLOCK_SECTION_HEADER);
    put32(&head, block_len);
    put32(&head, BYTE_ORDER_MAGIC);
    put16(&head, 1); /* version 1.0 */
    put16(&head, 0);
    put32(&head, UINT32_MAX); /* section length: not stated */
    put32(&head, UINT32_MAX);
    if (options_len > 0)
        put32(&tail, OPTION_END);
    put32(&tail, block_len);
    struct gather g = {0};
    gather_add(&g, piece_ref(&head));
    gather_text_option(&g, &option, OPTION_SHB_USERAPPL, options->application);
    gather_add(&g, piece_ref(&tail));
    return writer_put(writer, &g);
}

static int pcap_header(struct capture_writer *w, enum capture_link link)
{
    struct piece head = {0};
    put32(&head, PCAP_MAGIC_NANOSECONDS);
    put16(&head, 2); /* version 2.4 */
    put16(&head, 4);
    put32(&head, 0); /* time zone and accuracy, which nobody uses */
    put32(&head, 0);
    put32(&head, w->snap_bytes);
    put32(&head, (uint32_t)link);
    struct gather g = {0};
    gather_add(&g, piece_ref(&head));
    return writer_put(w, &g);
}

static int pcapng_interface(struct capture_writer *w, enum capture_link link, const char *name)
{
    uint32_t block_len = (uint32_t)(BLOCK_FRAME_BYTES + 8 + text_option_len(name) + 8 + 4);
    struct piece head = {0}, option = {0}, tail = {0};
    put32(&head, BLOCK_INTERFACE);
    put32(&head, block_len);
    put16(&head, link == CAPTURE_LINK_RAW ? CAPTURE_LINK_IP4 : (uint32_t)link);
    put16(&head, 0);
    put32(&head, w->snap_bytes);
    put16(&tail, OPTION_IF_TSRESOL);
    put16(&tail, 1);
    put32(&tail, TSRESOL_NANOSECONDS); /* one byte and its padding */
    put32(&tail, OPTION_END);
    put32(&tail, block_len);
    struct gather g = {0};
    gather_add(&g, piece_ref(&head));
    gather_text_option(&g, &option, OPTION_IF_NAME, name);
    gather_add(&g, piece_ref(&tail));
    return writer_put(w, &g);
}

int capture_interface(struct capture_writer *writer, enum capture_link link, const char *name)
{
    if (writer->error != 0)
        return writer->error;
    if (writer->format == CAPTURE_PCAP && writer->interfaces > 0)
        return WEIR_E_UNSUPPORTED;
    int error = writer->format == CAPTURE_PCAP ? pcap_header(writer, link)
                                               : pcapng_interface(writer, link, name);
    return error != 0 ? error : (int)writer->interfaces++;
}

/* The references to the first `captured` bytes of the packet. */
static void gather_data(struct gather *g, const struct capture_packet *packet, uint32_t captured)
{
    for (unsigned i = 0; i < packet->part_count && captured > 0; i++) {
        struct weir_ref part = packet->part[i];
        if (part.len > captured)
            part.len = captured;
        gather_add(g, part);
        captured -= (uint32_t)part.len;
    }
}

static int pcap_packet(struct capture_writer *w, const struct capture_packet *packet,
                       uint32_t captured, uint32_t len)
{
    struct piece head = {0};
    if (packet->time / WEIR_NS_PER_S > (weir_time)UINT32_MAX)
        return w->error = WEIR_E_RANGE;
    put32(&head, (uint32_t)(packet->time / WEIR_NS_PER_S));
    put32(&head, (uint32_t)(packet->time % WEIR_NS_PER_S));
    put32(&head, captured);
    put32(&head, len);
    struct gather g = {0};
    gather_add(&g, piece_ref(&head));
    gather_data(&g, packet, captured);
    return writer_put(w, &g);
}

static int pcapng_packet(struct capture_writer *w, const struct capture_packet *packet,
                         uint32_t captured, uint32_t len)
{
    size_t options_len = text_option_len(packet->comment);
    if (packet->direction != CAPTURE_DIRECTION_UNKNOWN)
        options_len += 8;
    if (options_len > 0)
        options_len += 4;
    uint32_t block_len =
        (uint32_t)(BLOCK_FRAME_BYTES + 20 + captured + padding(captured) + options_len);
    struct piece head = {0}, option = {0}, tail = {0};
    put32(&head, BLOCK_ENHANCED_PACKET);
    put32(&head, block_len);
    put32(&head, packet->interface);
    put32(&head, (uint32_t)((uint64_t)packet->time >> 32));
    put32(&head, (uint32_t)packet->time);
    put32(&head, captured);
    put32(&head, len);
    if (packet->direction != CAPTURE_DIRECTION_UNKNOWN) {
        put16(&tail, OPTION_EPB_FLAGS);
        put16(&tail, 4);
        put32(&tail, packet->direction);
    }
    if (options_len > 0)
        put32(&tail, OPTION_END);
    put32(&tail, block_len);
    struct gather g = {0};
    gather_add(&g, piece_ref(&head));
    gather_data(&g, packet, captured);
    gather_add(&g, padding_ref(captured));
    gather_text_option(&g, &option, OPTION_COMMENT, packet->comment);
    gather_add(&g, piece_ref(&tail));
    return writer_put(w, &g);
}

int capture_packet(struct capture_writer *writer, const struct capture_packet *packet)
{
    if (writer->error != 0)
        return writer->error;
    if (packet->interface >= writer->interfaces || packet->part_count > CAPTURE_PARTS_MAX)
        return writer->error = WEIR_E_INVALID;
    if (packet->time < 0)
        return writer->error = WEIR_E_RANGE;
    size_t present = 0;
    for (unsigned i = 0; i < packet->part_count; i++)
        present += packet->part[i].len;
    if (present > UINT32_MAX)
        return writer->error = WEIR_E_RANGE;
    uint32_t captured = present < writer->snap_bytes ? (uint32_t)present : writer->snap_bytes;
    uint32_t len = packet->len > present ? packet->len : (uint32_t)present;
    int error = writer->format == CAPTURE_PCAP ? pcap_packet(writer, packet, captured, len)
                                               : pcapng_packet(writer, packet, captured, len);
    if (error == 0)
        writer->packets++;
    return error;
}

int capture_rx(struct capture_writer *writer, uint32_t interface, weir_time time,
               const struct weir_rx *rx)
{
    struct weir_ref part[1 + WEIR_FRAGS_MAX] = {{rx->head, rx->head_len}};
    for (unsigned i = 0; i < rx->frag_count; i++)
        part[1 + i] = rx->frag[i];
    return capture_packet(writer, &(struct capture_packet){.interface = interface,
                                                           .time = time,
                                                           .direction = CAPTURE_INBOUND,
                                                           .part = part,
                                                           .part_count = 1U + rx->frag_count});
}

int capture_tx(struct capture_writer *writer, uint32_t interface, weir_time time,
               const struct weir_tx *tx)
{
    struct weir_ref part[1 + WEIR_FRAGS_MAX] = {{tx->headers + tx->header_start, tx->header_len}};
    for (unsigned i = 0; i < tx->frag_count; i++)
        part[1 + i] = tx->frag[i];
    return capture_packet(writer, &(struct capture_packet){.interface = interface,
                                                           .time = time,
                                                           .direction = CAPTURE_OUTBOUND,
                                                           .part = part,
                                                           .part_count = 1U + tx->frag_count});
}

int capture_flush(struct capture_writer *writer)
{
    if (writer->error == 0 && writer->sink.flush != NULL)
        writer->error = writer->sink.flush(writer->sink.ctx);
    return writer->error;
}
