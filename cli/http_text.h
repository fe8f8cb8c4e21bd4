/* SPDX-License-Identifier: MIT
 * The words of HTTP (RFC 9110, RFC 9112) that its parser leaves as they are: paths, ranges, dates,
 * types. */
#ifndef WEIR_CLI_HTTP_TEXT_H
#define WEIR_CLI_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    HTTP_PATH_MAX = 2048, /* bytes of a path, and NUL */
    HTTP_DATE_BYTES = 30  /* "Sun, 06 Nov 1994 08:49:37 GMT" and NUL */
};

/* What a status means ("Not Found"); "Unknown" for one that is not used here. */
const char *http_reason(unsigned status);

/* The path of a request target: what stands before '?' and '#', decoded (RFC 3986 2.1), relative
 * to the root: "" for the root itself, "a/b", "a/" for what must be a directory. Refused are NUL
 * and
 * '/' in disguise, empty components, and those that begin with a dot, so that nothing leads out of
 * the root. Answers 0, or the status to refuse with: 400, 404, 414. */
unsigned http_path(const char *target, size_t len, char path[HTTP_PATH_MAX]);

/* What a Range field asks for (RFC 9110 14.1.2) of something with `size` bytes. */
enum http_range {
    HTTP_RANGE_ALL = 0, /* not understood, or several ranges: all of it is sent */
    HTTP_RANGE_PART,    /* from *first until before *end */
    HTTP_RANGE_NOWHERE  /* not satisfiable */
};
enum http_range http_range(const char *value, uint64_t size, uint64_t *first, uint64_t *end);

/* A date as IMF-fixdate (RFC 9110 5.6.7), from seconds since 1970. */
void http_date(char text[HTTP_DATE_BYTES], int64_t seconds);

/* The media type that a name's ending stands for. */
const char *http_type(const char *name);

/* Print a name so that it stands in a path, or in HTML. */
void http_print_path(FILE *out, const char *name);
void http_print_html(FILE *out, const char *text);

#endif
