/* SPDX-License-Identifier: MIT */
#include "url.h"

#include <http_parser.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http_text.h"

static bool has(const struct http_parser_url *u, unsigned part)
{
    return (u->field_set & 1U << part) != 0;
}

/* Copy a part of the text as a string. False: it is too long. */
static bool take(char *out, size_t size, const char *text, size_t len)
{
    if (len >= size)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

const char *url_parse(const char *text, struct url *url)
{
    struct http_parser_url u;
    size_t len = strlen(text);
    if (strncasecmp(text, "https:", 6) == 0)
        return "weir has no TLS; use http";
    http_parser_url_init(&u);
    if (len > UINT16_MAX || http_parser_parse_url(text, len, 0, &u) != 0 || !has(&u, UF_SCHEMA) ||
        !has(&u, UF_HOST) || u.field_data[UF_HOST].len == 0)
        return "not an URL such as http://10.9.0.1/file";
    if (strncasecmp(text, "http:", 5) != 0)
        return "only http is spoken";
    if (has(&u, UF_USERINFO))
        return "no passwords in URLs";
    if (has(&u, UF_PORT) && u.port == 0)
        return "no port is 0";
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return "an URL has no spaces; write %20";
    url->port = has(&u, UF_PORT) ? u.port : 80;
    if (!take(url->host, sizeof url->host, text + u.field_data[UF_HOST].off,
              u.field_data[UF_HOST].len))
        return "the name is too long";
    const char *form = strchr(url->host, ':') != NULL ? "[%s]" : "%s";
    int n = snprintf(url->authority, sizeof url->authority, form, url->host);
    if (url->port != 80)
        (void)snprintf(url->authority + n, sizeof url->authority - (size_t)n, ":%u", url->port);
    /* Path and query are neighbours; the fragment is ours alone (RFC 9110 4.2.5). */
    unsigned begin = has(&u, UF_PATH) ? UF_PATH : UF_QUERY,
             end = has(&u, UF_QUERY) ? UF_QUERY : begin;
    url->target[0] = '/';
    size_t at = begin == UF_PATH ? 0 : 1;
    if (!has(&u, begin))
        return url->target[1] = '\0', NULL;
    size_t first = (size_t)u.field_data[begin].off - (begin == UF_QUERY); /* with its '?' */
    size_t last = (size_t)u.field_data[end].off + u.field_data[end].len;
    if (!take(url->target + at, sizeof url->target - at, text + first, last - first))
        return "the path is too long";
    return NULL;
}

bool url_file_name(const struct url *url, char *name, size_t size)
{
    char path[HTTP_PATH_MAX];
    if (http_path(url->target, strlen(url->target), path) != 0)
        return false;
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;
    for (const char *p = last; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return false;
    return last[0] != '\0' && take(name, size, last, strlen(last));
}
