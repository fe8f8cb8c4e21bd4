/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_PATH */
#include "http_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http_text.h"

enum {
    NAME_LENGTH_MAX = 255, /* of a component, as the file systems of Linux have it */
    /* A FIFO is opened without waiting for its other end; a terminal never becomes ours. */
    READ_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
};

static unsigned status_of(int number)
{
    if (number == EMFILE || number == ENFILE || number == ENOMEM)
        return 503;
    if (number == EACCES || number == EPERM || number == EROFS || number == ELOOP)
        return 403;
    return 404;
}

/* Open the directory that holds the last component of a path; *name is where that begins. Each
 * component is opened by itself and no link is followed, so the way cannot lead out of the root.
 * Answers a descriptor, or -1 with errno. */
static int open_parent(int root, const char *path, const char **name)
{
    char component[NAME_LENGTH_MAX + 1];
    int at = dup(root);
    const char *slash;
    if (at < 0 || fcntl(at, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    while ((slash = strchr(path, '/')) != NULL && slash[1] != '\0') {
        size_t len = (size_t)(slash - path);
        if (len > NAME_LENGTH_MAX) {
            (void)close(at);
            errno = ENOENT;
            return -1;
        }
        memcpy(component, path, len);
        component[len] = '\0';
        int next = openat(at, component, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int number = errno;
        (void)close(at);
        if (next < 0) {
            errno = number;
            return -1;
        }
        at = next;
        path = slash + 1;
    }
    *name = path;
    return at;
}

/* Look at what was opened. False: it is neither a file nor a directory, and was closed. */
static bool examine(struct http_file *file)
{
    struct stat stat;
    if (fstat(file->fd, &stat) != 0 || (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode))) {
        (void)close(file->fd);
        return false;
    }
    file->directory = S_ISDIR(stat.st_mode);
    file->size = (uint64_t)stat.st_size;
    file->modified = stat.st_mtim.tv_sec;
    return true;
}

unsigned http_file_open(int root, const char *path, struct http_file *file)
{
    char last[NAME_LENGTH_MAX + 2];
    const char *name;
    int parent = open_parent(root, path, &name);
    if (parent < 0)
        return status_of(errno);
    size_t len = strlen(name);
    bool slash = len == 0 || name[len - 1] == '/';
    if (len > sizeof last - 1) {
        (void)close(parent);
        return 404;
    }
    memcpy(last, name, len + 1);
    if (len > 0 && slash)
        last[len - 1] = '\0'; /* with it, a link would be followed */
    file->fd = openat(parent, len == 0 ? "." : last, READ_FLAGS);
    int number = errno;
    (void)close(parent);
    if (file->fd < 0)
        return status_of(number);
    if (!examine(file))
        return 403;
    if (file->directory == slash)
        return 200;
    (void)close(file->fd);
    return file->directory ? 301 : 404;
}

bool http_file_index(const struct http_file *directory, struct http_file *file)
{
    file->fd = openat(directory->fd, "index.html", READ_FLAGS);
    if (file->fd < 0 || !examine(file))
        return false;
    if (file->directory)
        (void)close(file->fd);
    return !file->directory;
}

/* ---- listing ---- */

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of a directory, those of directories with a slash behind. -1: no memory, or it cannot
 * be read. */
static int read_names(const struct http_file *directory, char **names)
{
    int fd = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    while (count < HTTP_FILES_LISTED_MAX && (entry = readdir(dir)) != NULL) {
        struct stat stat;
        if (entry->d_name[0] == '.' ||
            fstatat(directory->fd, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0 ||
            (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode)))
            continue;
        size_t len = strlen(entry->d_name);
        names[count] = malloc(len + 2);
        if (names[count] == NULL)
            break;
        memcpy(names[count], entry->d_name, len);
        strcpy(names[count] + len, S_ISDIR(stat.st_mode) ? "/" : "");
        count++;
    }
    (void)closedir(dir);
    return count;
}

char *http_file_list(const struct http_file *directory, const char *path, size_t *len)
{
    char **names = malloc(HTTP_FILES_LISTED_MAX * sizeof names[0]), *text = NULL;
    int count = names != NULL ? read_names(directory, names) : -1;
    FILE *out = count >= 0 ? open_memstream(&text, len) : NULL;
    if (out != NULL) {
        qsort(names, (size_t)count, sizeof names[0], compare);
        fputs("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>/", out);
        http_print_html(out, path);
        fputs("</title>\n<ul>\n", out);
        if (path[0] != '\0')
            fputs("<li><a href=\"../\">../</a>\n", out);
        for (int i = 0; i < count; i++) {
            fputs("<li><a href=\"./", out);
            http_print_path(out, names[i]);
            fputs("\">", out);
            http_print_html(out, names[i]);
            fputs("</a>\n", out);
        }
        fputs("</ul>\n", out);
        if (fclose(out) != 0) {
            free(text);
            text = NULL;
        }
    }
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return text;
}

/* ---- taking in ---- */

unsigned http_upload_begin(int root, const char *path, uint64_t number, struct http_upload *upload)
{
    const char *name;
    struct stat stat;
    *upload = (struct http_upload){.directory = open_parent(root, path, &name)};
    if (upload->directory < 0)
        return status_of(errno);
    size_t len = strlen(name);
    unsigned status = 0;
    if (len == 0 || name[len - 1] == '/' ||
        (fstatat(upload->directory, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
         !S_ISREG(stat.st_mode)))
        status = 409;
    else if (len > NAME_LENGTH_MAX)
        status = 404;
    if (status == 0) {
        memcpy(upload->name, name, len + 1);
        (void)snprintf(upload->temporary, sizeof upload->temporary, ".weir-%ld-%" PRIu64,
                       (long)getpid(), number);
        upload->fd = openat(upload->directory, upload->temporary,
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        status = upload->fd < 0 ? status_of(errno) : 0;
    }
    if (status != 0)
        (void)close(upload->directory);
    upload->open = status == 0;
    return status;
}

unsigned http_upload_write(struct http_upload *upload, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(upload->fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? 507 : 500;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

unsigned http_upload_end(struct http_upload *upload)
{
    struct stat stat;
    bool there = fstatat(upload->directory, upload->name, &stat, AT_SYMLINK_NOFOLLOW) == 0;
    int closed = close(upload->fd);
    if (closed != 0 ||
        renameat(upload->directory, upload->temporary, upload->directory, upload->name) != 0) {
        (void)unlinkat(upload->directory, upload->temporary, 0);
        there = false;
        closed = -1;
    }
    (void)close(upload->directory);
    upload->open = false;
    if (closed != 0)
        return 500;
    return there ? 204 : 201;
}

void http_upload_cancel(struct http_upload *upload)
{
    if (!upload->open)
        return;
    (void)close(upload->fd);
    (void)unlinkat(upload->directory, upload->temporary, 0);
    (void)close(upload->directory);
    upload->open = false;
}
