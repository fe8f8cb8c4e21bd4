/* SPDX-License-Identifier: MIT
 * The files under a directory, as a web server gives them out and takes them in. Paths are those of
 * http_path(); symbolic links are not followed, so that nothing outside is reached, whatever the
 * directory holds. */
#ifndef WEIR_CLI_HTTP_FILES_H
#define WEIR_CLI_HTTP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file or directory that is open. */
struct http_file {
    int fd;
    bool directory;
    uint64_t size;
    int64_t modified; /* seconds since 1970 */
};

/* Open what stands at a path under the directory `root`. Answers 200; or 301 (a directory, and the
 * path does not end in '/'), 403, 404, 503 (no descriptor), with nothing open. Owner: the caller
 * closes file->fd. */
unsigned http_file_open(int root, const char *path, struct http_file *file);

/* Open index.html in a directory. False: there is none. */
bool http_file_index(const struct http_file *directory, struct http_file *file);

/* The names in a directory as a page of HTML, in order; what begins with a dot is left out, and
 * what is above HTTP_FILES_LISTED_MAX. Owner: the caller frees it. NULL: no memory, or it cannot
 * be read. */
enum { HTTP_FILES_LISTED_MAX = 10000 };
char *http_file_list(const struct http_file *directory, const char *path, size_t *len);

/* A file on its way in: it has a name of its own until it is whole. All zeros: none. */
struct http_upload {
    bool open;
    int directory, fd;
    char name[256], temporary[64];
};

/* Begin to take in a file at a path. `number` makes its temporary name, and must be another for
 * each that is on its way. Answers 0; or 403, 404 (no such directory), 409 (a directory is there),
 * 503, with nothing to be ended. */
unsigned http_upload_begin(int root, const char *path, uint64_t number, struct http_upload *upload);

/* Add to it. Answers 0, or the status to give up with: 507 (no space), 500. */
unsigned http_upload_write(struct http_upload *upload, const void *data, size_t len);

/* It is whole: put it in its place at once (rename). Answers 201 (new), 204 (in the place of
 * another), or 500. */
unsigned http_upload_end(struct http_upload *upload);

/* Give it up, if there is one: nothing of it stays. */
void http_upload_cancel(struct http_upload *upload);

#endif
