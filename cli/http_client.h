/* SPDX-License-Identifier: MIT
 * One request over a stream, HTTP/1.1 (RFC 9110, RFC 9112), and its answer: a download or an
 * upload. Answers are parsed by http_parser. */
#ifndef WEIR_CLI_HTTP_CLIENT_H
#define WEIR_CLI_HTTP_CLIENT_H

#include <sys/types.h>

#include "stream.h"
#include "url.h"

struct http_client;

/* What an answer says of itself before its body. */
struct http_answer {
    unsigned status;
    bool has_length, has_range;
    uint64_t length;      /* of the body */
    uint64_t range_first; /* Content-Range: where the part begins ... */
    uint64_t range_size;  /* ... and the size of the whole; UINT64_MAX: unknown */
    char location[256];   /* of a redirection */
};

/* What to ask for, and who takes the answer. */
struct http_job {
    const struct url *url;
    bool put;
    const char *range; /* "bytes=0-99"; NULL: all */
    /* An upload: its size (UINT64_MAX: unknown, then it goes in chunks), and where its bytes come
     * from: as read(); -1 with EAGAIN: not now. */
    uint64_t size;
    ssize_t (*read)(void *ctx, void *data, size_t size);
    /* The head of the final answer, and its body. False: give up. */
    bool (*answer)(void *ctx, const struct http_answer *answer);
    bool (*body)(void *ctx, const uint8_t *data, size_t len);
    void *ctx;
};

enum http_end {
    HTTP_GOING = 0,
    HTTP_DONE,     /* the answer is complete */
    HTTP_LOST,     /* the connection ended, with http_client_error(), before that */
    HTTP_NONSENSE, /* what came is no HTTP */
    HTTP_GIVEN_UP  /* answer(), body() or read() said so */
};

/* Begin a request. The job stays the caller's, who frees the client. NULL: no memory. */
struct http_client *http_client_new(const struct http_job *job);
void http_client_free(struct http_client *client);

/* Go on: call it when the stream is connected, and after each of its events. Answers what to do
 * next; STREAM_END when http_client_end() has an end. */
enum stream_turn http_client_turn(struct http_client *client, struct stream *stream);

enum http_end http_client_end(const struct http_client *client);
int http_client_error(
    const struct http_client *client); /* WEIR_OK: ended in order, but too early */

/* Bytes of the body so far: sent of an upload, received of a download. */
uint64_t http_client_progress(const struct http_client *client);

#endif
