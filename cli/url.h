/* SPDX-License-Identifier: MIT
 * http URLs. */
#ifndef WEIR_CLI_URL_H
#define WEIR_CLI_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { URL_HOST_MAX = 256, URL_TARGET_MAX = 2048 };

struct url {
    char host[URL_HOST_MAX];           /* a name, or an address without brackets */
    char authority[URL_HOST_MAX + 16]; /* for the Host field: brackets, and the port if not 80 */
    char target[URL_TARGET_MAX];       /* path and query; "/" at least */
    uint16_t port;
};

/* Read "http://HOST[:PORT][/PATH][?QUERY]"; an IPv6 address stands in brackets. Answers NULL, or
 * what is wrong with it, to be printed behind it. */
const char *url_parse(const char *text, struct url *url);

/* The last component of its path, decoded, as the name of a file. False: there is none, or it is
 * not fit to be one (it begins with a dot, has a slash or a control character in it). */
bool url_file_name(const struct url *url, char *name, size_t size);

#endif
