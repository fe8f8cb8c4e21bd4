/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_PATH */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

/* Is it a directory of ours that nobody else may write to? */
static bool is_ours(const char *path)
{
    struct stat stat;
    return lstat(path, &stat) == 0 && S_ISDIR(stat.st_mode) && stat.st_uid == geteuid() &&
           (stat.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool use(const char *path, bool make)
{
    if (make && mkdir(path, S_IRWXU) != 0 && errno != EEXIST)
        return false;
    return is_ours(path);
}

bool control_directory(char path[CONTROL_PATH_MAX], bool make)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime != NULL && runtime[0] == '/') {
        int n = snprintf(path, CONTROL_PATH_MAX, "%s/weir", runtime);
        if (n > 0 && n < CONTROL_PATH_MAX && use(path, make))
            return true;
    }
    strcpy(path, "/run/weir");
    if (geteuid() == 0 && use(path, make))
        return true;
    (void)snprintf(path, CONTROL_PATH_MAX, "/tmp/weir-%lu", (unsigned long)geteuid());
    return use(path, make);
}

bool control_default(char path[CONTROL_PATH_MAX], long pid)
{
    char directory[CONTROL_PATH_MAX];
    if (!control_directory(directory, true))
        return false;
    int n = snprintf(path, CONTROL_PATH_MAX, "%s/host-%ld", directory, pid);
    return n > 0 && n < CONTROL_PATH_MAX;
}

int control_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int number = errno;
    (void)close(fd);
    errno = number;
    return -1;
}
