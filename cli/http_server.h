/* SPDX-License-Identifier: MIT
 * A static file server: HTTP/1.1 (RFC 9110, RFC 9112) with GET, HEAD, ranges, keep-alive,
 * pipelining, and PUT where it is allowed. Requests are parsed by http_parser. A connection holds
 * about 4 KB, one descriptor, and what of the next requests has come already. */
#ifndef WEIR_CLI_HTTP_SERVER_H
#define WEIR_CLI_HTTP_SERVER_H

#include "tcp_host.h"

enum {
    HTTP_BUFFER = 65536,     /* moved at a time */
    HTTP_HEADERS_MAX = 16384 /* bytes of a request before its body */
};

struct http_counters {
    uint64_t requests, refused; /* answered with a status of 400 and up */
    uint64_t uploads, bytes_out, bytes_in;
};

/* Set `root` (a descriptor of the directory), `allow_put` and `upload_bytes_max`; the rest is its
 * own. */
struct http_server {
    struct tcp_service service;
    int root;
    bool allow_put;
    uint64_t upload_bytes_max;
    uint64_t uploads_begun; /* begin with a random number: temporary names come from it */
    struct http_counters counters;
    uint8_t buffer[HTTP_BUFFER];
};

/* Fill in server->service, for tcp_host_listen(). False: weir was built without HTTP, and a line
 * was printed. */
bool http_server_init(struct http_server *server);

/* Print the counters that are not 0. */
void http_server_print(const struct http_server *server, FILE *out);

#endif
