/* SPDX-License-Identifier: MIT
 * Recordings as files: frames one after the other. */
#include "driver/recording.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC_BYTES = 8,
    TAG_HEAD = 0xfe,
    TAG_END = 0xff,
    FRAME_HEAD_BYTES = 5,     /* tag and length */
    FLUSH_BYTES = 1 << 17,    /* what is buffered at most, but for one frame */
    READ_BYTES = 1 << 20      /* at one time: a length that lies takes no more memory than this */
};

_Static_assert(2 * WEIR_CALL_COUNT <= TAG_HEAD, "tags of calls, both halves, and the two others");

/* The last byte is the version. */
static const uint8_t magic[MAGIC_BYTES] = {'W', 'E', 'I', 'R', 'R', 'E', 'C', RECORDING_VERSION};

static void put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool reserve(struct recording_bytes *b, size_t len)
{
    if (len <= b->capacity - b->len)
        return true;
    uint8_t *p = realloc(b->p, b->len + len);
    b->failed = p == NULL;
    if (p == NULL)
        return false;
    b->p = p;
    b->capacity = b->len + len;
    return true;
}

static void bytes_free(struct recording_bytes *b)
{
    free(b->p);
    *b = (struct recording_bytes){.p = NULL};
}

/* ======== writing ======== */

/* Begin a frame: where its head is. */
static size_t frame_begin(struct recording_writer *w, unsigned tag)
{
    size_t at = w->buffer.len;
    if (reserve(&w->buffer, FRAME_HEAD_BYTES)) {
        w->buffer.p[at] = (uint8_t)tag;
        put32(w->buffer.p + at + 1, RECORDING_FRAME_BYTES_MAX); /* never ended, it is cut */
        w->buffer.len += FRAME_HEAD_BYTES;
    }
    return at;
}

/* The body is there, or could not be: then the frame is taken back. */
static void frame_end(struct recording_writer *w, size_t at, bool good)
{
    size_t len = w->buffer.len - at - FRAME_HEAD_BYTES;
    if (!good || w->buffer.failed || len > RECORDING_FRAME_BYTES_MAX) {
        w->buffer.len = at;
        w->error = WEIR_E_EXHAUSTED;
        return;
    }
    put32(w->buffer.p + at + 1, (uint32_t)len);
    if (w->buffer.len >= FLUSH_BYTES)
        (void)recording_flush(w);
}

static void on_record(void *ctx, const struct weir_record *record)
{
    struct recording_writer *w = ctx;
    if (w->error != 0)
        return;
    size_t at = frame_begin(w, 2U * record->call + record->done);
    bool good = !w->buffer.failed && recording_encode(&w->buffer, &w->state, record);
    frame_end(w, at, good);
    w->records += !record->done;
}

int recording_open(struct recording_writer *writer, struct capture_sink sink, bool whole)
{
    *writer = (struct recording_writer){.sink = sink, .state = {.whole = whole}};
    if (!reserve(&writer->buffer, 2 * FLUSH_BYTES)) {
        writer->error = WEIR_E_EXHAUSTED;
        return writer->error;
    }
    memcpy(writer->buffer.p, magic, sizeof magic);
    writer->buffer.len = sizeof magic;
    size_t at = frame_begin(writer, TAG_HEAD);
    frame_end(writer, at, recording_encode_head(&writer->buffer, &writer->state));
    return recording_flush(writer);
}

struct weir_recorder recording_recorder(struct recording_writer *writer)
{
    return (struct weir_recorder){.fn = on_record, .ctx = writer};
}

int recording_flush(struct recording_writer *writer)
{
    struct weir_ref all = {writer->buffer.p, writer->buffer.len};
    if (all.len == 0)
        return writer->error;
    writer->buffer.len = 0;
    int error = writer->sink.write(writer->sink.ctx, &all, 1);
    if (error == 0 && writer->sink.flush != NULL)
        error = writer->sink.flush(writer->sink.ctx);
    if (error == 0)
        writer->bytes += all.len;
    else if (writer->error == 0)
        writer->error = error;
    return writer->error;
}

int recording_close(struct recording_writer *writer)
{
    if (writer->error == 0)
        frame_end(writer, frame_begin(writer, TAG_END), true);
    int error = recording_flush(writer);
    bytes_free(&writer->buffer);
    return error;
}

/* ======== reading ======== */

static int fail(struct recording_reader *r, int error, const char *text)
{
    (void)snprintf(r->message, sizeof r->message, "at byte %" PRIu64 ": %s", r->offset, text);
    return error;
}

/* Read `len` bytes to the end of b: how many there were. */
static size_t take(struct recording_reader *r, struct recording_bytes *b, size_t len)
{
    size_t got = 0;
    while (got < len) {
        size_t piece = len - got < READ_BYTES ? len - got : READ_BYTES;
        if (!reserve(b, piece))
            break;
        size_t n = fread(b->p + b->len, 1, piece, r->file);
        b->len += n;
        got += n;
        if (n < piece)
            break;
    }
    r->offset += got;
    return got;
}

/* The next frame, as it is: 1; 0: there is no whole one any more; or an error. */
static int read_frame(struct recording_reader *r, unsigned *tag, struct recording_bytes *body)
{
    uint8_t head[FRAME_HEAD_BYTES];
    body->len = 0;
    size_t n = fread(head, 1, sizeof head, r->file);
    if (n == sizeof head) {
        uint32_t len = get32(head + 1);
        if (len > RECORDING_FRAME_BYTES_MAX)
            return fail(r, WEIR_E_FORMAT, "a frame that is longer than any");
        r->offset += sizeof head;
        *tag = head[0];
        n = take(r, body, len);
        if (n == len)
            return 1;
        if (body->failed)
            return fail(r, WEIR_E_EXHAUSTED, "no memory for a frame");
    }
    return ferror(r->file) ? fail(r, WEIR_E_IO, "it cannot be read") : 0;
}

int recording_reader_open(struct recording_reader *reader, FILE *file)
{
    uint8_t begin[MAGIC_BYTES];
    unsigned tag = 0;
    struct recording_bytes body = {.p = NULL};
    memset(reader, 0, sizeof *reader);
    reader->file = file;
    size_t n = fread(begin, 1, sizeof begin, file);
    if (ferror(file))
        return fail(reader, WEIR_E_IO, "it cannot be read");
    if (n < sizeof begin || memcmp(begin, magic, sizeof magic - 1) != 0)
        return fail(reader, WEIR_E_FORMAT, "this is no recording");
    if (begin[MAGIC_BYTES - 1] != RECORDING_VERSION) {
        (void)snprintf(reader->message, sizeof reader->message,
                       "a recording of version %u; this weir reads version %d",
                       begin[MAGIC_BYTES - 1], RECORDING_VERSION);
        return WEIR_E_FORMAT;
    }
    reader->offset = n;
    int got = read_frame(reader, &tag, &body);
    struct weir_ref ref = {body.p, body.len};
    bool good = got == 1 && tag == TAG_HEAD && body.len > 0 &&
                recording_decode_head(ref, &reader->state, &reader->names);
    bytes_free(&body);
    if (got < 0)
        return got;
    return good ? WEIR_OK : fail(reader, WEIR_E_FORMAT, "the first frame is not whole");
}

int recording_reader_next(struct recording_reader *reader, struct recording_frame *frame)
{
    unsigned tag = 0;
    frame->offset = reader->offset;
    frame->what = RECORDING_CUT;
    int got = read_frame(reader, &tag, &frame->body);
    if (got < 0)
        return got;
    if (got == 0)
        return WEIR_OK;
    if (tag == TAG_END) {
        frame->what = RECORDING_END;
        return WEIR_OK;
    }
    if (tag / 2 >= reader->names.calls)
        return fail(reader, WEIR_E_FORMAT, "a frame of a kind that is none");
    if (reader->names.call[tag / 2] == UINT16_MAX)
        return fail(reader, WEIR_E_FORMAT, "a call that this weir does not have");
    frame->what = RECORDING_CALL;
    frame->call = (uint8_t)reader->names.call[tag / 2];
    frame->done = (tag & 1) != 0;
    return WEIR_OK;
}

void recording_frame_free(struct recording_frame *frame)
{
    bytes_free(&frame->body);
}
