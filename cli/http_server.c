/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* asprintf() */
#include "http_server.h"

#include <http_parser.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "driver/clock.h"
#include "http_files.h"
#include "http_text.h"
#include "station.h"

enum {
    READ_HEADERS = 8192, /* received at a time while no body comes */
    STEPS = 16,          /* of a request or a buffer each, in one turn */
    FIELD_MAX = 24,      /* longer than any name of a field that counts here */
    VALUE_MAX = 128,
    HEAD_MAX = 1024,
    DRAIN_MAX =
        16 << 20 /* bytes thrown away behind the last answer before the connection is reset */
};

#define IDLE (60 * WEIR_NS_PER_S)

enum phase {
    PHASE_REQUEST = 0, /* a request comes in */
    PHASE_ANSWER,      /* its answer goes out */
    PHASE_DRAIN        /* the last answer is out: wait for the peer's FIN, so as not to reset it */
};

struct request {
    char target[HTTP_PATH_MAX + 512]; /* with a query */
    char field[FIELD_MAX], value[VALUE_MAX];
    char range[VALUE_MAX];
    size_t target_len, field_len, value_len;
    size_t bytes; /* of it so far, without its body */
    unsigned hosts;
    unsigned refused; /* the status to answer with, however it goes on; 0: none */
    uint64_t body_bytes;
    bool in_value, if_range, content_range, expects, headers_done, complete;
};

struct connection {
    struct http_server *server;
    struct http_parser parser;
    enum phase phase;
    uint8_t *stash; /* received and not parsed: what comes behind a request */
    size_t stash_len, stash_at;
    struct request request;
    struct http_upload upload;
    bool keep;         /* another request may follow */
    bool owe_continue; /* 100 Continue is to be sent */
    size_t drained;
    /* The answer: head, then text, then a part of a file. */
    char head[HEAD_MAX];
    size_t head_len, head_at;
    char *text;
    size_t text_len, text_at;
    int fd; /* -1: none */
    uint64_t file_at, file_end;
};

/* ---- answers ---- */

static void forget_answer(struct connection *c)
{
    free(c->text);
    if (c->fd >= 0)
        (void)close(c->fd);
    c->text = NULL;
    c->fd = -1;
    c->head_len = c->head_at = c->text_len = c->text_at = 0;
    c->file_at = c->file_end = 0;
}

/* The head of an answer with `len` bytes behind it, and `more` fields, each with its CRLF. */
static void set_head(struct connection *c, unsigned status, uint64_t len, const char *more)
{
    char date[HTTP_DATE_BYTES];
    http_date(date, clock_date() / WEIR_NS_PER_S);
    const char *connection = "";
    if (!c->keep)
        connection = "Connection: close\r\n";
    else if (c->parser.http_minor == 0)
        connection = "Connection: keep-alive\r\n";
    int n = snprintf(c->head, sizeof c->head, "HTTP/1.1 %u %s\r\nDate: %s\r\n%s%s", status,
                     http_reason(status), date, connection, more);
    size_t at = (size_t)n < sizeof c->head ? (size_t)n : 0;
    if (status == 204) /* RFC 9110 8.6: no length */
        n = snprintf(c->head + at, sizeof c->head - at, "\r\n");
    else
        n = snprintf(c->head + at, sizeof c->head - at, "Content-Length: %" PRIu64 "\r\n\r\n", len);
    c->head_len = at + (size_t)n;
    c->phase = PHASE_ANSWER;
}

/* An answer that is a line of text. Those to HEAD end with the head. */
static void answer_status(struct connection *c, unsigned status, const char *more)
{
    char fields[HEAD_MAX / 2];
    struct http_server *s = c->server;
    forget_answer(c);
    s->counters.requests++;
    s->counters.refused += status >= 400;
    (void)snprintf(fields, sizeof fields, "Content-Type: text/plain\r\n%s", more);
    int n = status == 204 ? 0 : asprintf(&c->text, "%u %s\n", status, http_reason(status));
    if (n < 0)
        c->text = NULL;
    c->text_len = n > 0 ? (size_t)n : 0;
    set_head(c, status, c->text_len, fields);
    if (c->parser.method == HTTP_HEAD && c->request.headers_done)
        c->text_len = 0;
}

/* The same, and no request is read any more: what comes behind may be its body, or nonsense. */
static void refuse(struct connection *c, unsigned status, const char *more)
{
    c->keep = false;
    answer_status(c, status, more);
}

static void answer_text(struct connection *c, char *text, size_t len)
{
    c->server->counters.requests++;
    c->text = text;
    c->text_len = len;
    set_head(c, 200, len, "Content-Type: text/html; charset=utf-8\r\n");
    if (c->parser.method == HTTP_HEAD)
        c->text_len = 0;
}

/* A file, or the part of it that was asked for. Its descriptor becomes the answer's. */
static void answer_file(struct connection *c, const struct http_file *file, const char *path)
{
    char fields[HEAD_MAX / 2], date[HTTP_DATE_BYTES], range[96] = "";
    const struct request *r = &c->request;
    uint64_t first = 0, end = file->size;
    enum http_range kind = HTTP_RANGE_ALL;
    /* There are no validators here that If-Range could agree with (RFC 9110 13.1.5). */
    if (r->range[0] != '\0' && !r->if_range && c->parser.method == HTTP_GET)
        kind = http_range(r->range, file->size, &first, &end);
    if (kind == HTTP_RANGE_NOWHERE) {
        (void)close(file->fd);
        (void)snprintf(range, sizeof range, "Content-Range: bytes */%" PRIu64 "\r\n", file->size);
        answer_status(c, 416, range);
        return;
    }
    if (kind == HTTP_RANGE_PART)
        (void)snprintf(range, sizeof range,
                       "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", first,
                       end - 1, file->size);
    http_date(date, file->modified);
    (void)snprintf(fields, sizeof fields,
                   "Content-Type: %s\r\nLast-Modified: %s\r\nAccept-Ranges: bytes\r\n%s",
                   http_type(path), date, range);
    c->server->counters.requests++;
    c->fd = file->fd;
    c->file_at = first;
    c->file_end = c->parser.method == HTTP_HEAD ? first : end;
    set_head(c, kind == HTTP_RANGE_PART ? 206 : 200, end - first, fields);
}

/* "Location: /path/" for a directory that was asked for without its slash. */
static void answer_moved(struct connection *c, const char *path)
{
    char *fields = NULL;
    size_t size;
    FILE *out = open_memstream(&fields, &size);
    if (out != NULL) {
        fputs("Location: /", out);
        http_print_path(out, path);
        fputs("/\r\n", out);
        if (fclose(out) == 0 && size < HEAD_MAX / 2 - 64) {
            answer_status(c, 301, fields);
            free(fields);
            return;
        }
    }
    free(fields);
    answer_status(c, 404, "");
}

static void answer_get(struct connection *c, const char *path)
{
    struct http_file file, index;
    unsigned status = http_file_open(c->server->root, path, &file);
    if (status == 301) {
        answer_moved(c, path);
    } else if (status != 200) {
        answer_status(c, status, "");
    } else if (!file.directory) {
        answer_file(c, &file, path);
    } else if (http_file_index(&file, &index)) {
        answer_file(c, &index, "index.html");
        (void)close(file.fd);
    } else {
        size_t len;
        char *text = http_file_list(&file, path, &len);
        (void)close(file.fd);
        if (text != NULL)
            answer_text(c, text, len);
        else
            answer_status(c, 503, "");
    }
}

/* ---- requests ---- */

/* The path that a request is about: of a target in origin form, or in absolute form (RFC 9112
 * 3.2.2). Answers 0, or a status. */
static unsigned request_path(const struct request *r, char path[HTTP_PATH_MAX])
{
    struct http_parser_url url;
    if (r->target[0] == '/')
        return http_path(r->target, r->target_len, path);
    http_parser_url_init(&url);
    if (http_parser_parse_url(r->target, r->target_len, 0, &url) != 0)
        return 400;
    if ((url.field_set & 1U << UF_PATH) == 0) {
        path[0] = '\0';
        return 0;
    }
    return http_path(r->target + url.field_data[UF_PATH].off, url.field_data[UF_PATH].len, path);
}

static bool has_body(const struct http_parser *parser)
{
    return (parser->flags & F_CHUNKED) != 0 ||
           ((parser->flags & F_CONTENTLENGTH) != 0 && parser->content_length > 0);
}

/* The head of a PUT is there: open the file that it goes to. Answers 0, or a status. */
static unsigned begin_upload(struct connection *c)
{
    char path[HTTP_PATH_MAX];
    struct http_server *s = c->server;
    if (c->request.content_range)
        return 400; /* RFC 9110 9.3.4: not as if it were the whole */
    if ((c->parser.flags & F_CONTENTLENGTH) != 0 && c->parser.content_length > s->upload_bytes_max)
        return 413;
    unsigned status = request_path(&c->request, path);
    if (status == 0)
        status = http_upload_begin(s->root, path, s->uploads_begun++, &c->upload);
    return status;
}

/* What is wrong with a request whose head has been read; 0: nothing. */
static unsigned judge(struct connection *c)
{
    const struct request *r = &c->request;
    unsigned method = c->parser.method;
    if (c->parser.http_major != 1)
        return 505;
    if (r->hosts > 1 || (r->hosts == 0 && c->parser.http_minor >= 1))
        return 400; /* RFC 9112 3.2 */
    if (method != HTTP_GET && method != HTTP_HEAD && (method != HTTP_PUT || !c->server->allow_put))
        return 405;
    return method == HTTP_PUT ? begin_upload(c) : 0;
}

static void answer_request(struct connection *c)
{
    char path[HTTP_PATH_MAX];
    unsigned status;
    if (c->parser.method == HTTP_PUT) {
        status = http_upload_end(&c->upload);
        c->server->counters.uploads += status < 300;
        answer_status(c, status, "");
        return;
    }
    status = request_path(&c->request, path);
    if (status != 0)
        answer_status(c, status, "");
    else
        answer_get(c, path);
}

static void answer_refused(struct connection *c, unsigned status)
{
    http_upload_cancel(&c->upload);
    if (status == 405)
        refuse(c, status,
               c->server->allow_put ? "Allow: GET, HEAD, PUT\r\n" : "Allow: GET, HEAD\r\n");
    else
        refuse(c, status, "");
}

/* ---- what the parser tells; not 0 stops it ---- */

static struct connection *connection_of(struct http_parser *parser)
{
    return parser->data;
}

static int stop(struct connection *c, unsigned status)
{
    c->request.refused = status;
    return -1; /* 1 and 2 mean something else in on_headers() */
}

static int on_begin(struct http_parser *parser)
{
    struct connection *c = connection_of(parser);
    size_t bytes = c->request.bytes;
    memset(&c->request, 0, sizeof c->request);
    c->request.bytes = bytes;
    return 0;
}

static int on_url(struct http_parser *parser, const char *at, size_t len)
{
    struct connection *c = connection_of(parser);
    struct request *r = &c->request;
    if (len >= sizeof r->target - r->target_len)
        return stop(c, 414);
    memcpy(r->target + r->target_len, at, len);
    r->target_len += len;
    return 0;
}

static bool is_field(const struct request *r, const char *name)
{
    return strcasecmp(r->field, name) == 0;
}

/* A field is whole. What is cut off is none that counts, or is refused. */
static void take_field(struct request *r)
{
    bool cut = r->value_len >= VALUE_MAX - 1;
    r->field[r->field_len] = '\0';
    r->value[r->value_len] = '\0';
    if (is_field(r, "host"))
        r->hosts++;
    else if (is_field(r, "content-range"))
        r->content_range = true;
    else if (is_field(r, "if-range"))
        r->if_range = true;
    else if (is_field(r, "range") && !cut && r->range[0] == '\0')
        memcpy(r->range, r->value, r->value_len + 1);
    else if (is_field(r, "expect"))
        r->expects = true;
    if (is_field(r, "expect") && strcasecmp(r->value, "100-continue") != 0)
        r->refused = 417;
    if (is_field(r, "transfer-encoding") && strcasecmp(r->value, "chunked") != 0)
        r->refused = 501; /* RFC 9112 6.1 */
    r->field_len = r->value_len = 0;
    r->in_value = false;
}

static int on_field(struct http_parser *parser, const char *at, size_t len)
{
    struct connection *c = connection_of(parser);
    struct request *r = &c->request;
    if (memchr(at, ' ', len) != NULL) /* the parser lets it pass; RFC 9112 5.1 does not */
        return stop(c, 400);
    if (r->headers_done)
        return 0; /* trailers say nothing here */
    if (r->in_value)
        take_field(r);
    if (len > sizeof r->field - 1 - r->field_len)
        len = sizeof r->field - 1 - r->field_len;
    memcpy(r->field + r->field_len, at, len);
    r->field_len += len;
    return 0;
}

static int on_value(struct http_parser *parser, const char *at, size_t len)
{
    struct request *r = &connection_of(parser)->request;
    r->in_value = true;
    if (len > sizeof r->value - 1 - r->value_len)
        len = sizeof r->value - 1 - r->value_len;
    memcpy(r->value + r->value_len, at, len);
    r->value_len += len;
    return 0;
}

static int on_headers(struct http_parser *parser)
{
    struct connection *c = connection_of(parser);
    struct request *r = &c->request;
    if (r->in_value)
        take_field(r);
    r->headers_done = true;
    r->bytes = 0;
    parser->upgrade = 0; /* RFC 9110 7.8: an offer, which we ignore */
    unsigned status = r->refused != 0 ? r->refused : judge(c);
    if (status != 0)
        return stop(c, status);
    c->owe_continue = r->expects && parser->http_minor >= 1 && has_body(parser);
    return 0;
}

static int on_body(struct http_parser *parser, const char *at, size_t len)
{
    struct connection *c = connection_of(parser);
    c->owe_continue = false; /* it did not wait for it */
    c->server->counters.bytes_in += len;
    c->request.body_bytes += len;
    if (!c->upload.open)
        return 0; /* a body that GET has no use for */
    if (c->request.body_bytes > c->server->upload_bytes_max)
        return stop(c, 413);
    unsigned status = http_upload_write(&c->upload, at, len);
    return status != 0 ? stop(c, status) : 0;
}

static int on_complete(struct http_parser *parser)
{
    struct connection *c = connection_of(parser);
    c->request.complete = true;
    c->keep = http_should_keep_alive(parser) != 0;
    http_parser_pause(parser, 1); /* what comes behind waits until it is answered */
    return 0;
}

static const struct http_parser_settings settings = {.on_message_begin = on_begin,
                                                     .on_url = on_url,
                                                     .on_header_field = on_field,
                                                     .on_header_value = on_value,
                                                     .on_headers_complete = on_headers,
                                                     .on_body = on_body,
                                                     .on_message_complete = on_complete};

/* ---- turns ---- */

static bool is_error(int n)
{
    return n < 0 && n != WEIR_E_WOULD_BLOCK && n != WEIR_E_EXHAUSTED;
}

/* The status for what the parser does not take, from the byte where it stopped. */
static unsigned parser_status(const struct connection *c, uint8_t at)
{
    unsigned error = HTTP_PARSER_ERRNO(&c->parser);
    if (c->request.refused != 0)
        return c->request.refused;
    if (error == HPE_HEADER_OVERFLOW)
        return 431;
    if (error == HPE_INVALID_METHOD && at >= 'A' && at <= 'Z')
        return 501;
    return error == HPE_INVALID_TRANSFER_ENCODING ? 501 : 400;
}

/* Parse what has come; answers how much was. The phase changes when there is something to answer.
 */
static size_t parse(struct connection *c, const uint8_t *data, size_t len)
{
    struct request *r = &c->request;
    bool head = !r->headers_done;
    size_t n = http_parser_execute(&c->parser, &settings, (const char *)data, len);
    if (r->complete) {
        http_parser_pause(&c->parser, 0);
        c->owe_continue = false;
        answer_request(c);
        return n;
    }
    if (HTTP_PARSER_ERRNO(&c->parser) != HPE_OK) {
        answer_refused(c, parser_status(c, n < len ? data[n] : 0));
        return len;
    }
    if (head && !r->headers_done && (r->bytes += n) > HTTP_HEADERS_MAX)
        answer_refused(c, 431);
    return n;
}

/* Keep what was received and not parsed. False: no memory. */
static bool put_aside(struct connection *c, const uint8_t *data, size_t len)
{
    if (len == 0)
        return true;
    c->stash = malloc(len);
    if (c->stash == NULL)
        return false;
    memcpy(c->stash, data, len);
    c->stash_len = len;
    c->stash_at = 0;
    return true;
}

static enum stream_turn read_request(struct connection *c, struct stream *stream)
{
    if (c->stash != NULL) {
        c->stash_at += parse(c, c->stash + c->stash_at, c->stash_len - c->stash_at);
        if (c->stash_at == c->stash_len) {
            free(c->stash);
            c->stash = NULL;
        }
        return STREAM_MORE;
    }
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (c->owe_continue && stream_room(stream) >= sizeof interim - 1) {
        int n = stream_send(stream, interim, sizeof interim - 1, 0);
        if (n >= 0 && n != (int)sizeof interim - 1)
            return STREAM_ABORT; /* half of it is worse than none */
        c->owe_continue = n < 0;
    }
    uint8_t *buffer = c->server->buffer;
    int n = stream_receive(stream, buffer, c->request.headers_done ? HTTP_BUFFER : READ_HEADERS);
    if (n == WEIR_E_WOULD_BLOCK)
        return c->owe_continue ? STREAM_RETRY : STREAM_WAIT;
    if (n <= 0)
        return n == 0 ? STREAM_END : STREAM_ABORT;
    size_t done = 0;
    while (done < (size_t)n && c->phase == PHASE_REQUEST)
        done += parse(c, buffer + done, (size_t)n - done);
    return put_aside(c, buffer + done, (size_t)n - done) ? STREAM_MORE : STREAM_ABORT;
}

/* Lay the next bytes of the answer into the buffer; answers how many, or -1: the file is not what
 * it was. *last: there is nothing behind them. */
static ssize_t next_bytes(struct connection *c, size_t room, bool *last)
{
    uint8_t *buffer = c->server->buffer;
    size_t limit = room < HTTP_BUFFER ? room : HTTP_BUFFER, n = 0;
    size_t head = c->head_len - c->head_at, text = c->text_len - c->text_at;
    head = head < limit ? head : limit;
    memcpy(buffer, c->head + c->head_at, head);
    n = head;
    text = text < limit - n ? text : limit - n;
    if (text > 0)
        memcpy(buffer + n, c->text + c->text_at, text);
    n += text;
    uint64_t left = c->file_end - c->file_at;
    size_t part = left < limit - n ? (size_t)left : limit - n;
    if (part > 0) {
        ssize_t got = pread(c->fd, buffer + n, part, (off_t)c->file_at);
        if (got <= 0)
            return -1;
        n += (size_t)got;
    }
    *last = n == c->head_len - c->head_at + c->text_len - c->text_at + left;
    return (ssize_t)n;
}

/* So many bytes have been taken. */
static void advance(struct connection *c, size_t n)
{
    size_t head = c->head_len - c->head_at, text = c->text_len - c->text_at;
    c->server->counters.bytes_out += n;
    head = n < head ? n : head;
    c->head_at += head;
    n -= head;
    text = n < text ? n : text;
    c->text_at += text;
    c->file_at += n - text;
}

static enum stream_turn send_answer(struct connection *c, struct stream *stream)
{
    bool last;
    size_t room = stream_room(stream);
    ssize_t len = next_bytes(c, room > 0 ? room : 1, &last);
    if (len < 0)
        return STREAM_ABORT; /* the length was promised */
    unsigned flags = 0;
    if (!last)
        flags = WEIR_TCP_MORE;
    else if (!c->keep)
        flags = WEIR_TCP_END;
    int n = stream_send(stream, c->server->buffer, (size_t)len, flags);
    if (is_error(n))
        return STREAM_ABORT;
    if (n < 0)
        return n == WEIR_E_EXHAUSTED ? STREAM_RETRY : STREAM_WAIT;
    advance(c, (size_t)n);
    if (!last || n < len)
        return STREAM_MORE;
    forget_answer(c);
    memset(&c->request, 0, sizeof c->request);
    c->phase = c->keep ? PHASE_REQUEST : PHASE_DRAIN;
    return STREAM_MORE;
}

static enum stream_turn drain(struct connection *c, struct stream *stream)
{
    int n = stream_receive(stream, c->server->buffer, HTTP_BUFFER);
    if (n == WEIR_E_WOULD_BLOCK)
        return STREAM_WAIT;
    if (n <= 0)
        return n == 0 ? STREAM_END : STREAM_ABORT;
    c->drained += (size_t)n;
    return c->drained > DRAIN_MAX ? STREAM_ABORT : STREAM_MORE;
}

static enum stream_turn turn(void *ctx, void *state, struct stream *stream)
{
    struct connection *c = state;
    if (c->server == NULL) {
        c->server = ctx;
        c->fd = -1;
        http_parser_init(&c->parser, HTTP_REQUEST);
        c->parser.data = c;
    }
    enum stream_turn next = STREAM_MORE;
    for (unsigned i = 0; i < STEPS && next == STREAM_MORE; i++) {
        if (c->phase == PHASE_REQUEST)
            next = read_request(c, stream);
        else if (c->phase == PHASE_ANSWER)
            next = send_answer(c, stream);
        else
            next = drain(c, stream);
    }
    return next;
}

static void end(void *ctx, void *state)
{
    struct connection *c = state;
    (void)ctx;
    if (c->server == NULL)
        return;
    forget_answer(c);
    http_upload_cancel(&c->upload);
    free(c->stash);
}

bool http_server_init(struct http_server *server)
{
    server->service = (struct tcp_service){.name = "http",
                                           .state_size = sizeof(struct connection),
                                           .idle = IDLE,
                                           .turn = turn,
                                           .end = end,
                                           .ctx = server};
    return true;
}

void http_server_print(const struct http_server *server, FILE *out)
{
    const struct http_counters *n = &server->counters;
    if (n->requests > 0)
        fprintf(out, "http\n");
    station_counter(out, "http_requests", n->requests, "requests answered");
    station_counter(out, "http_refused", n->refused, "of them, with a status of 400 and up");
    station_counter(out, "http_uploads", n->uploads, "files taken in");
    station_counter(out, "http_bytes_out", n->bytes_out, "bytes sent");
    station_counter(out, "http_bytes_in", n->bytes_in, "bytes of bodies received");
}
