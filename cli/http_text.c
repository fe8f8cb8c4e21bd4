/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* gmtime_r() */
#include "http_text.h"

#include <string.h>
#include <strings.h>
#include <time.h>

const char *http_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {201, "Created"},
                   {204, "No Content"},
                   {206, "Partial Content"},
                   {301, "Moved Permanently"},
                   {400, "Bad Request"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {409, "Conflict"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {416, "Range Not Satisfiable"},
                   {417, "Expectation Failed"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"},
                   {507, "Insufficient Storage"}};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next byte of a path, decoded; -1: there is a bad escape, or what no name has. */
static int decode(const char *target, size_t len, size_t *at)
{
    if (target[*at] != '%')
        return (unsigned char)target[(*at)++];
    if (len - *at < 3)
        return -1;
    int high = hex_digit(target[*at + 1]), low = hex_digit(target[*at + 2]);
    *at += 3;
    return high < 0 || low < 0 || (high == 0 && low == 0) ? -1 : high * 16 + low;
}

unsigned http_path(const char *target, size_t len, char path[HTTP_PATH_MAX])
{
    size_t n = 0, at = 1;
    const char *end = memchr(target, '?', len);
    len = end != NULL ? (size_t)(end - target) : len;
    end = memchr(target, '#', len);
    len = end != NULL ? (size_t)(end - target) : len;
    if (len == 0 || target[0] != '/')
        return 400;
    while (at < len) {
        bool plain = target[at] != '%';
        int c = decode(target, len, &at);
        if (c <= 0)
            return 400;
        if (c == '/' && !plain)
            return 404; /* no name has one */
        bool begins = n == 0 || path[n - 1] == '/';
        if (begins && (c == '/' || c == '.'))
            return 404;
        if (n == HTTP_PATH_MAX - 1)
            return 414;
        path[n++] = (char)c;
    }
    path[n] = '\0';
    return 0;
}

/* Digits as a number, which stays at its largest. False: there are none. */
static bool number(const char **p, uint64_t *value)
{
    const char *begin = *p;
    *value = 0;
    for (; **p >= '0' && **p <= '9'; (*p)++)
        if (__builtin_mul_overflow(*value, UINT64_C(10), value) ||
            __builtin_add_overflow(*value, (uint64_t)(**p - '0'), value))
            *value = UINT64_MAX;
    return *p > begin;
}

enum http_range http_range(const char *value, uint64_t size, uint64_t *first, uint64_t *end)
{
    uint64_t from, to = UINT64_MAX;
    if (strncasecmp(value, "bytes=", 6) != 0)
        return HTTP_RANGE_ALL;
    const char *p = value + 6 + strspn(value + 6, " \t");
    bool has_from = number(&p, &from);
    if (*p++ != '-')
        return HTTP_RANGE_ALL;
    bool has_to = number(&p, &to);
    p += strspn(p, " \t");
    if (*p != '\0' || (!has_from && !has_to) || (has_from && has_to && to < from))
        return HTTP_RANGE_ALL;
    if (!has_from) { /* the last `to` bytes */
        if (to == 0 || size == 0)
            return HTTP_RANGE_NOWHERE;
        *first = to < size ? size - to : 0;
        *end = size;
        return HTTP_RANGE_PART;
    }
    if (from >= size)
        return HTTP_RANGE_NOWHERE;
    *first = from;
    *end = has_to && to < size - 1 ? to + 1 : size;
    return HTTP_RANGE_PART;
}

void http_date(char text[HTTP_DATE_BYTES], int64_t seconds)
{
    struct tm tm;
    time_t time = (time_t)seconds;
    if (gmtime_r(&time, &tm) == NULL || /* the C locale: nobody sets another */
        strftime(text, HTTP_DATE_BYTES, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
        strcpy(text, "Thu, 01 Jan 1970 00:00:00 GMT");
}

const char *http_type(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{"html", "text/html; charset=utf-8"},
                 {"htm", "text/html; charset=utf-8"},
                 {"txt", "text/plain; charset=utf-8"},
                 {"md", "text/plain; charset=utf-8"},
                 {"log", "text/plain; charset=utf-8"},
                 {"c", "text/plain; charset=utf-8"},
                 {"h", "text/plain; charset=utf-8"},
                 {"css", "text/css"},
                 {"csv", "text/csv"},
                 {"js", "text/javascript"},
                 {"json", "application/json"},
                 {"xml", "application/xml"},
                 {"pdf", "application/pdf"},
                 {"gz", "application/gzip"},
                 {"zip", "application/zip"},
                 {"tar", "application/x-tar"},
                 {"pcap", "application/vnd.tcpdump.pcap"},
                 {"png", "image/png"},
                 {"jpg", "image/jpeg"},
                 {"jpeg", "image/jpeg"},
                 {"gif", "image/gif"},
                 {"svg", "image/svg+xml"},
                 {"webp", "image/webp"},
                 {"mp3", "audio/mpeg"},
                 {"mp4", "video/mp4"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(dot + 1, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

void http_print_path(FILE *out, const char *name)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    for (; *name != '\0'; name++) {
        if (strchr(plain, *name) != NULL)
            fputc(*name, out);
        else
            fprintf(out, "%%%02X", (unsigned char)*name);
    }
}

void http_print_html(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else
            fputc(*text, out);
    }
}
