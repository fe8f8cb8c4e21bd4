/* SPDX-License-Identifier: MIT */
#include "http_client.h"

#include <errno.h>
#include <http_parser.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "weir/version.h"

enum {
    BUFFER = 65536,
    STEPS = 8, /* buffers in one turn, each way */
    HEAD_MAX = 4096,
    CHUNK_HEAD = 8, /* six hexadecimal digits of a chunk's length, and CRLF */
    CHUNK_TAIL = 2,
    FIELD_MAX = 24,
    VALUE_MAX = 256
};

enum upload { UPLOAD_NONE = 0, UPLOAD_GOING, UPLOAD_DONE };

struct http_client {
    const struct http_job *job;
    struct http_parser parser;
    enum http_end end;
    int error;
    enum upload upload;
    uint64_t sent, taken, received; /* bytes of bodies: sent, read from the job; received */
    /* To be sent: out[out_at ... out_len), behind a head of `framing` bytes that is no body. */
    size_t out_len, out_at;
    size_t body_in_out; /* bytes of a body that are counted when `out` is empty */
    bool all_read;      /* `out` ends the request */
    bool no_more;       /* the job has no more bytes */
    struct http_answer answer;
    char field[FIELD_MAX], value[VALUE_MAX];
    size_t field_len, value_len;
    bool in_value, head_done;
    uint8_t out[BUFFER + CHUNK_HEAD + CHUNK_TAIL];
    uint8_t in[BUFFER];
};

/* ---- the answer, as the parser tells it; not 0 stops it ---- */

static void give_up(struct http_client *c, enum http_end end)
{
    if (c->end == HTTP_GOING)
        c->end = end;
}

/* "bytes 0-99/1000", "bytes 0-99/" and a star, "bytes * / 1000" (RFC 9110 14.4). */
static void take_range(struct http_answer *a, const char *value)
{
    uint64_t first, last, size;
    char star;
    if (sscanf(value, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &first, &last, &size) == 3) {
        a->range_first = first;
        a->range_size = size;
        a->has_range = last >= first && last < size;
    } else if (sscanf(value, "bytes %" SCNu64 "-%" SCNu64 "/%c", &first, &last, &star) == 3 &&
               star == '*') {
        a->range_first = first;
        a->range_size = UINT64_MAX;
        a->has_range = last >= first;
    } else if (sscanf(value, "bytes */%" SCNu64, &size) == 1) {
        a->range_size = size;
    }
}

static void take_field(struct http_client *c)
{
    c->field[c->field_len] = '\0';
    c->value[c->value_len] = '\0';
    if (strcasecmp(c->field, "content-range") == 0)
        take_range(&c->answer, c->value);
    else if (strcasecmp(c->field, "location") == 0)
        memcpy(c->answer.location, c->value, sizeof c->answer.location);
    c->field_len = c->value_len = 0;
    c->in_value = false;
}

static int on_begin(struct http_parser *parser)
{
    struct http_client *c = parser->data;
    memset(&c->answer, 0, sizeof c->answer);
    c->answer.range_size = UINT64_MAX;
    c->field_len = c->value_len = 0;
    c->in_value = c->head_done = false;
    return 0;
}

static int on_field(struct http_parser *parser, const char *at, size_t len)
{
    struct http_client *c = parser->data;
    if (c->in_value)
        take_field(c);
    if (len > sizeof c->field - 1 - c->field_len)
        len = sizeof c->field - 1 - c->field_len;
    memcpy(c->field + c->field_len, at, len);
    c->field_len += len;
    return 0;
}

static int on_value(struct http_parser *parser, const char *at, size_t len)
{
    struct http_client *c = parser->data;
    c->in_value = true;
    if (len > sizeof c->value - 1 - c->value_len)
        len = sizeof c->value - 1 - c->value_len;
    memcpy(c->value + c->value_len, at, len);
    c->value_len += len;
    return 0;
}

static bool is_interim(const struct http_parser *parser)
{
    return parser->status_code / 100 == 1;
}

static int on_headers(struct http_parser *parser)
{
    struct http_client *c = parser->data;
    if (c->in_value)
        take_field(c);
    if (is_interim(parser))
        return 0;
    c->head_done = true;
    c->answer.status = parser->status_code;
    c->answer.has_length = (parser->flags & F_CONTENTLENGTH) != 0;
    c->answer.length = c->answer.has_length ? parser->content_length : 0;
    if (c->job->answer(c->job->ctx, &c->answer))
        return 0;
    give_up(c, HTTP_GIVEN_UP);
    return -1;
}

static int on_body(struct http_parser *parser, const char *at, size_t len)
{
    struct http_client *c = parser->data;
    c->received += len;
    if (c->job->body(c->job->ctx, (const uint8_t *)at, len))
        return 0;
    give_up(c, HTTP_GIVEN_UP);
    return -1;
}

static int on_complete(struct http_parser *parser)
{
    struct http_client *c = parser->data;
    if (is_interim(parser)) /* the final one follows (RFC 9110 15.2) */
        return 0;
    give_up(c, HTTP_DONE);
    http_parser_pause(parser, 1);
    return 0;
}

static const struct http_parser_settings settings = {.on_message_begin = on_begin,
                                                     .on_header_field = on_field,
                                                     .on_header_value = on_value,
                                                     .on_headers_complete = on_headers,
                                                     .on_body = on_body,
                                                     .on_message_complete = on_complete};

/* ---- the request ---- */

struct http_client *http_client_new(const struct http_job *job)
{
    struct http_client *c = calloc(1, sizeof *c);
    char framing[64] = "", range[128] = "";
    if (c == NULL)
        return NULL;
    c->job = job;
    http_parser_init(&c->parser, HTTP_RESPONSE);
    c->parser.data = c;
    if (job->put && job->size != UINT64_MAX)
        (void)snprintf(framing, sizeof framing, "Content-Length: %" PRIu64 "\r\n", job->size);
    else if (job->put)
        (void)snprintf(framing, sizeof framing, "Transfer-Encoding: chunked\r\n");
    if (job->range != NULL)
        (void)snprintf(range, sizeof range, "Range: %s\r\n", job->range);
    int n = snprintf((char *)c->out, HEAD_MAX,
                     "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: weir/%s\r\nAccept: */*\r\n"
                     "Connection: close\r\n%s%s\r\n",
                     job->put ? "PUT" : "GET", job->url->target, job->url->authority,
                     weir_version(), range, framing);
    c->out_len = (size_t)n; /* the longest URL fits */
    c->upload = job->put ? UPLOAD_GOING : UPLOAD_NONE;
    c->all_read = !job->put || job->size == 0;
    return c;
}

void http_client_free(struct http_client *client)
{
    free(client);
}

/* Lay the next bytes of the upload into `out`. STREAM_MORE: they are there. */
static enum stream_turn next_bytes(struct http_client *c)
{
    bool chunked = c->job->size == UINT64_MAX;
    size_t head = chunked ? CHUNK_HEAD : 0, size = BUFFER;
    if (!chunked && c->job->size - c->taken < size)
        size = (size_t)(c->job->size - c->taken);
    ssize_t n = c->job->read(c->job->ctx, c->out + head, size);
    if (n < 0 && errno == EAGAIN)
        return STREAM_RETRY;
    if (n < 0 || (n == 0 && !chunked)) { /* the length was promised */
        give_up(c, HTTP_GIVEN_UP);
        return STREAM_END;
    }
    c->taken += (size_t)n;
    c->body_in_out = (size_t)n;
    c->out_at = 0;
    c->out_len = (size_t)n;
    c->all_read = !chunked && c->taken == c->job->size;
    if (!chunked)
        return STREAM_MORE;
    for (unsigned i = 0; i < CHUNK_HEAD - 2; i++) /* zeros in front are allowed */
        c->out[i] = (uint8_t) "0123456789abcdef"[(size_t)n >> (4 * (CHUNK_HEAD - 3 - i)) & 15];
    memcpy(c->out + CHUNK_HEAD - 2, "\r\n", 2);
    memcpy(c->out + CHUNK_HEAD + n, "\r\n", CHUNK_TAIL); /* of the last one too: no trailers */
    c->out_len += CHUNK_HEAD + CHUNK_TAIL;
    c->all_read = n == 0;
    return STREAM_MORE;
}

static bool is_error(int n)
{
    return n < 0 && n != WEIR_E_WOULD_BLOCK && n != WEIR_E_EXHAUSTED;
}

/* Send what there is. STREAM_WAIT: nothing more for now, or at all. An error is left to the reading
 * side: an answer may have come before it. */
static enum stream_turn send_request(struct http_client *c, struct stream *stream)
{
    for (unsigned i = 0; i < STEPS; i++) {
        if (c->out_at == c->out_len) {
            c->sent += c->body_in_out;
            c->body_in_out = 0;
            if (c->all_read && c->upload == UPLOAD_GOING)
                c->upload = UPLOAD_DONE;
            if (c->upload != UPLOAD_GOING || c->head_done)
                return STREAM_WAIT; /* an answer that comes early is one that refuses */
            enum stream_turn turn = next_bytes(c);
            if (turn != STREAM_MORE)
                return turn;
        }
        unsigned flags = c->all_read ? 0 : WEIR_TCP_MORE;
        int n = stream_send(stream, c->out + c->out_at, c->out_len - c->out_at, flags);
        if (n < 0)
            return n == WEIR_E_EXHAUSTED ? STREAM_RETRY : STREAM_WAIT;
        c->out_at += (size_t)n;
    }
    return STREAM_MORE;
}

static enum stream_turn receive_answer(struct http_client *c, struct stream *stream)
{
    for (unsigned i = 0; i < STEPS; i++) {
        int n = stream_receive(stream, c->in, sizeof c->in);
        if (n == WEIR_E_WOULD_BLOCK)
            return STREAM_WAIT;
        if (is_error(n)) {
            c->error = n;
            give_up(c, HTTP_LOST);
            return STREAM_END;
        }
        /* 0 bytes tell the parser of the end, which may be that of the body. */
        (void)http_parser_execute(&c->parser, &settings, (const char *)c->in, (size_t)n);
        if (c->end != HTTP_GOING)
            return STREAM_END;
        if (n == 0 || HTTP_PARSER_ERRNO(&c->parser) != HPE_OK) {
            give_up(c, n == 0 ? HTTP_LOST : HTTP_NONSENSE);
            return STREAM_END;
        }
    }
    return STREAM_MORE;
}

enum stream_turn http_client_turn(struct http_client *c, struct stream *stream)
{
    if (c->end != HTTP_GOING)
        return STREAM_END;
    enum stream_turn sent = send_request(c, stream);
    enum stream_turn heard = c->end == HTTP_GOING ? receive_answer(c, stream) : STREAM_END;
    if (heard == STREAM_END || sent == STREAM_END)
        return STREAM_END;
    if (heard == STREAM_MORE || sent == STREAM_MORE)
        return STREAM_MORE;
    return sent;
}

enum http_end http_client_end(const struct http_client *client)
{
    return client->end;
}

int http_client_error(const struct http_client *client)
{
    return client->error;
}

uint64_t http_client_progress(const struct http_client *client)
{
    return client->job->put ? client->sent : client->received;
}
