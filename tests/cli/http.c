/* SPDX-License-Identifier: MIT
 * The web server on a scripted stream of bytes: what it answers, however the bytes come. */
#define _GNU_SOURCE /* mkdtemp() */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "http_server.h"
#include "script.h"

enum { BIG = 200000 };

struct world {
    char top[64]; /* holds `outside` and root/ */
    struct http_server server;
};

static void write_file(const char *top, const char *name, const char *text, size_t len)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", top, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void make(const char *top, const char *name, const char *to)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", top, name);
    assert_int_equal(to != NULL ? symlink(to, path) : mkdir(path, 0755), 0);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    strcpy(w->top, "/tmp/weir-http-XXXXXX");
    assert_non_null(mkdtemp(w->top));
    make(w->top, "root", NULL);
    make(w->top, "root/sub", NULL);
    make(w->top, "root/indexed", NULL);
    write_file(w->top, "outside", "SECRET", 6);
    write_file(w->top, "root/a.txt", "0123456789", 10);
    write_file(w->top, "root/empty", "", 0);
    write_file(w->top, "root/sub/b<&.html", "<b>", 3);
    write_file(w->top, "root/indexed/index.html", "index", 5);
    write_file(w->top, "root/.hidden", "SECRET", 6);
    make(w->top, "root/link", "../outside");
    make(w->top, "root/up", "..");
    make(w->top, "root/inner", "a.txt");
    char *big = malloc(BIG), path[128];
    assert_non_null(big);
    for (unsigned i = 0; i < BIG; i++)
        big[i] = (char)(i * 7 + i / 251);
    write_file(w->top, "root/big.bin", big, BIG);
    free(big);
    (void)snprintf(path, sizeof path, "%s/root", w->top);
    w->server.root = open(path, O_RDONLY | O_DIRECTORY);
    assert_true(w->server.root >= 0);
    w->server.allow_put = true;
    w->server.upload_bytes_max = 100000;
    assert_true(http_server_init(&w->server));
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", w->top);
    (void)close(w->server.root);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

/* Let the server talk to a script until it waits or ends. */
static enum stream_turn talk(struct world *w, struct script *s)
{
    const struct tcp_service *service = &w->server.service;
    void *state = calloc(1, service->state_size);
    assert_non_null(state);
    enum stream_turn turn;
    unsigned turns = 0;
    do {
        turn = service->turn(service->ctx, state, &s->stream);
        assert_true(++turns < 2000000);
    } while (turn == STREAM_MORE || turn == STREAM_RETRY || (turn == STREAM_WAIT && s->blocked));
    service->end(service->ctx, state);
    free(state);
    s->out[s->out_len] = '\0';
    return turn;
}

/* The dates are of now: take out the lines that begin so. */
static void forget(char *text, size_t *len, const char *begin)
{
    enum { DATE = 29 };
    size_t line = strlen(begin) + DATE;
    for (char *p = text;
         (p = memmem(p, *len - (size_t)(p - text), begin, strlen(begin))) != NULL;) {
        memmove(p, p + line, *len - (size_t)(p - text) - line + 1);
        *len -= line;
    }
}

static void forget_dates(char *text, size_t *len)
{
    forget(text, len, "\r\nDate: ");
    forget(text, len, "\r\nLast-Modified: ");
}

/* What the answer to `in` is, without dates; to be freed. The connection ends behind it. */
static char *answer(struct world *w, const char *in, size_t *len)
{
    struct script s;
    script_init(&s, in, strlen(in));
    s.ends = true;
    assert_int_equal(talk(w, &s), STREAM_END);
    forget_dates(s.out, &s.out_len);
    if (len != NULL)
        *len = s.out_len;
    return s.out;
}

static void expect(struct world *w, const char *in, const char *out)
{
    char *got = answer(w, in, NULL);
    assert_string_equal(got, out);
    free(got);
}

static void expect_status(struct world *w, const char *in, unsigned status)
{
    char *got = answer(w, in, NULL), line[32];
    (void)snprintf(line, sizeof line, "HTTP/1.1 %u ", status);
    if (strncmp(got, line, strlen(line)) != 0)
        fail_msg("not %u to:\n%s\nbut:\n%s", status, in, got);
    assert_null(strstr(got, "SECRET"));
    free(got);
}

#define HOST        "Host: h\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" HOST "\r\n"

static void test_get_gives_the_file_and_head_its_head(void **state)
{
    struct world *w = *state;
    char *got = answer(w, GET("/a.txt"), NULL);
    assert_string_equal(got, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                             "Accept-Ranges: bytes\r\nContent-Length: 10\r\n\r\n0123456789");
    free(got);
    got = answer(w, "HEAD /a.txt HTTP/1.1\r\n" HOST "\r\n", NULL);
    assert_string_equal(got, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                             "Accept-Ranges: bytes\r\nContent-Length: 10\r\n\r\n");
    free(got);
    got = answer(w, "HEAD /nothing HTTP/1.1\r\n" HOST "\r\n", NULL);
    assert_string_equal(got, "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n"
                             "Content-Length: 14\r\n\r\n");
    free(got);
    got = answer(w, GET("/empty?query#fragment"), NULL);
    assert_non_null(strstr(got, "Content-Length: 0\r\n\r\n"));
    free(got);
    got = answer(w, "GET http://h/a.txt HTTP/1.1\r\n" HOST "\r\n", NULL);
    assert_non_null(strstr(got, "\r\n\r\n0123456789"));
    free(got);
}

static const char conversation[] =
    GET("/a.txt") "\r\nGET /big.bin HTTP/1.1\r\n" HOST "Range: bytes=100-70099\r\n\r\n"
                  "PUT /new HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nHello"
                  "HEAD /sub/ HTTP/1.1\r\n" HOST "\r\n"
                  "PUT /new HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                  "3;x=y\r\nwor\r\n002\r\nld\r\n0\r\nTrailer: 1\r\n\r\n"
                  "GET /sub HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc" GET(
                      "/new") "GET /indexed/ HTTP/1.1\r\n" HOST
                              "Connection: close\r\n\r\nGET /never HTTP/1.1\r\n\r\n";

/* The whole conversation, with pieces of these sizes. */
static char *converse(struct world *w, size_t in_step, size_t out_step, size_t *len)
{
    struct script s;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/root/new", w->top);
    (void)unlink(path);
    script_init(&s, conversation, sizeof conversation - 1);
    s.in_step = in_step;
    s.out_step = out_step;
    s.ends = true;
    s.breathe = out_step != 0;
    assert_int_equal(talk(w, &s), STREAM_END);
    assert_true(s.shut);
    forget_dates(s.out, &s.out_len);
    *len = s.out_len;
    return s.out;
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    struct world *w = *state;
    static const char *const heads[] = {"HTTP/1.1 200 OK\r\n",         "HTTP/1.1 206 Partial",
                                        "HTTP/1.1 201 Created\r\n",    "HTTP/1.1 200 OK\r\n",
                                        "HTTP/1.1 204 No Content\r\n", "HTTP/1.1 301 Moved",
                                        "HTTP/1.1 200 OK\r\n",         "HTTP/1.1 200 OK\r\n"};
    size_t len;
    char *text = converse(w, 0, 0, &len), *p = text;
    for (unsigned i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        p = memmem(p, len - (size_t)(p - text), heads[i], strlen(heads[i]));
        if (p == NULL)
            fail_msg("no answer %u", i);
        p++;
    }
    assert_null(memmem(p, len - (size_t)(p - text), "HTTP/1.1", 8));
    assert_memory_equal(text + len - 5, "index", 5);
    assert_non_null(memmem(text, len, "\r\n\r\nworld", 9));
    assert_non_null(memmem(text, len, "Location: /sub/\r\n", 17));
    assert_non_null(memmem(text, len, "Connection: close\r\n", 19));
    free(text);
}

static void test_the_pieces_that_bytes_come_in_do_not_matter(void **state)
{
    struct world *w = *state;
    size_t len, other;
    char *whole = converse(w, 0, 0, &len);
    static const size_t steps[][2] = {{1, 0}, {2, 0}, {3, 1000}, {7, 1}, {0, 1}, {0, 17}, {64, 63}};
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char *text = converse(w, steps[i][0], steps[i][1], &other);
        assert_int_equal(other, len);
        assert_memory_equal(text, whole, len);
        free(text);
    }
    free(whole);
}

/* Every place where one request may be cut in two. */
static void test_a_request_may_be_cut_anywhere(void **state)
{
    struct world *w = *state;
    static const char request[] = "PUT /cut HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                                  "X: y\r\n\r\n4\r\nabcd\r\n0\r\n\r\n" GET("/cut");
    for (size_t cut = 1; cut < sizeof request - 1; cut++) {
        struct script s;
        const struct tcp_service *service = &w->server.service;
        void *connection = calloc(1, service->state_size);
        assert_non_null(connection);
        script_init(&s, request, cut);
        while (service->turn(service->ctx, connection, &s.stream) == STREAM_MORE)
            ;
        s.in_len = sizeof request - 1;
        enum stream_turn turn;
        while ((turn = service->turn(service->ctx, connection, &s.stream)) == STREAM_MORE)
            ;
        assert_int_equal(turn, STREAM_WAIT);
        service->end(service->ctx, connection);
        free(connection);
        s.out[s.out_len] = '\0';
        if (strstr(s.out, cut == 1 ? "201 Created" : "204 No Content") == NULL ||
            strcmp(s.out + s.out_len - 8, "\r\n\r\nabcd") != 0)
            fail_msg("cut at %zu: %s", cut, s.out);
        free(s.out);
    }
}

static void test_ranges(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *range, *part; /* NULL: all */
    } good[] = {
        {"bytes=0-0", "0"},      {"bytes=2-5", "2345"}, {"bytes=9-9", "9"},
        {"bytes=5-", "56789"},   {"bytes=-3", "789"},   {"bytes=-100", "0123456789"},
        {"bytes=8-1000", "89"},  {"Bytes= 1-2", "12"},  {"bytes=5-99999999999999999999", "56789"},
        {"bytes=0-1,3-4", NULL}, {"bytes=5-2", NULL},   {"bytes=x", NULL},
        {"bytes=-", NULL},       {"lines=0-1", NULL},   {"bytes=1-2x", NULL}};
    char request[256];
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        (void)snprintf(request, sizeof request,
                       "GET /a.txt HTTP/1.1\r\nHost: h\r\nRange: %s\r\n\r\n", good[i].range);
        char *got = answer(w, request, NULL);
        const char *part = good[i].part != NULL ? good[i].part : "0123456789";
        if (strncmp(got, good[i].part != NULL ? "HTTP/1.1 206 " : "HTTP/1.1 200 ", 13) != 0 ||
            strcmp(strstr(got, "\r\n\r\n") + 4, part) != 0)
            fail_msg("%s: %s", good[i].range, got);
        free(got);
    }
    static const char *const nowhere[] = {"bytes=10-", "bytes=10-11", "bytes=-0",
                                          "bytes=99999999999999999999-"};
    for (unsigned i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        (void)snprintf(request, sizeof request,
                       "GET /a.txt HTTP/1.1\r\nHost: h\r\nRange: %s\r\n\r\n", nowhere[i]);
        char *got = answer(w, request, NULL);
        assert_memory_equal(got, "HTTP/1.1 416 ", 13);
        assert_non_null(strstr(got, "Content-Range: bytes */10\r\n"));
        free(got);
    }
    char *got = answer(w, "GET /a.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=2-3\r\n\r\n", NULL);
    assert_non_null(strstr(got, "Content-Range: bytes 2-3/10\r\n"));
    free(got);
    /* RFC 9110 13.1.5, 14.2: not with If-Range that does not agree, nor with HEAD. */
    expect_status(
        w, "GET /a.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=2-3\r\nIf-Range: \"x\"\r\n\r\n", 200);
    expect_status(w, "HEAD /a.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=2-3\r\n\r\n", 200);
}

static void test_nothing_outside_the_root_is_reached(void **state)
{
    struct world *w = *state;
    static const char *const targets[] = {"/../outside",
                                          "/%2e%2e/outside",
                                          "/..%2foutside",
                                          "/sub/../../outside",
                                          "/sub/%2E%2E/%2E./outside",
                                          "/.%2e/outside",
                                          "/./a.txt",
                                          "//outside",
                                          "/link",
                                          "/up/outside",
                                          "/up/",
                                          "/up",
                                          "/inner",
                                          "/sub/..",
                                          "/.hidden",
                                          "/%2ehidden",
                                          "/a.txt/",
                                          "/a.txt/x",
                                          "/sub//b",
                                          "/%2fetc%2fpasswd",
                                          "/sub/..%00/",
                                          "/a.txt%00.html",
                                          "/%",
                                          "/%4",
                                          "/%zz",
                                          "/%c0%ae%c0%ae/outside",
                                          "/..\\outside",
                                          "/nothing",
                                          "http://h/../outside",
                                          "http://h/link",
                                          "/sub/%2e%2e%2foutside"};
    char request[512];
    for (unsigned i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        for (unsigned put = 0; put < 2; put++) {
            (void)snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n",
                           put ? "PUT" : "GET", targets[i], put ? "Content-Length: 0\r\n" : "");
            bool plain = put && strchr(targets[i], '\\') == NULL &&
                         strcmp(targets[i], "/nothing") != 0 && strcmp(targets[i], "/up") != 0;
            char *got = answer(w, request, NULL);
            if (strncmp(got, "HTTP/1.1 4", 10) != 0 && (!put || plain))
                fail_msg("%s", got);
            assert_null(strstr(got, "SECRET"));
            free(got);
        }
    }
    char path[128], text[8] = "";
    (void)snprintf(path, sizeof path, "%s/outside", w->top);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(text, 1, sizeof text, f), 6);
    assert_string_equal(text, "SECRET");
    fclose(f);
}

static void test_what_is_wrong_has_its_status(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *request;
        unsigned status;
    } cases[] = {
        {"GET /a.txt HTTP/1.1\r\n\r\n", 400},                       /* RFC 9112 3.2: no Host */
        {"GET /a.txt HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400}, /* two */
        {"GET a.txt HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /a.txt HTTP/1.1\r\n" HOST "Bad Name: x\r\n\r\n", 400},
        {"GET /a.txt HTTP/1.1\r\nHost : h\r\n\r\n", 400}, /* RFC 9112 5.1 */
        {"GET /a.txt FTP/1.1\r\n\r\n", 400},
        {"\x16\x03\x01\x02", 400}, /* TLS */
        {"FETCH /a.txt HTTP/1.1\r\n" HOST "\r\n", 501},
        {"POST /a.txt HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab", 405},
        {"DELETE /a.txt HTTP/1.1\r\n" HOST "\r\n", 405},
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 405},
        {"GET /a.txt HTTP/2.0\r\n" HOST "\r\n", 505},
        {"GET /nothing HTTP/1.1\r\n" HOST "\r\n", 404},
        {"GET /nothing/at/all HTTP/1.1\r\n" HOST "\r\n", 404},
        {"PUT /x HTTP/1.1\r\n" HOST "Content-Length: 100001\r\n\r\n", 413},
        {"PUT /x HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", 400},
        {"PUT /x HTTP/1.1\r\n" HOST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"PUT /x HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"PUT /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400},
        {"PUT /x HTTP/1.1\r\n" HOST "Content-Range: bytes 0-1/2\r\nContent-Length: 2\r\n\r\nab",
         400},
        {"PUT /x HTTP/1.1\r\n" HOST "Expect: wonders\r\nContent-Length: 2\r\n\r\nab", 417},
        {"PUT /sub HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab", 409},
        {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab", 409},
        {"PUT /none/x HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab", 404},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_status(w, cases[i].request, cases[i].status);
    char *got = answer(w, "POST / HTTP/1.1\r\n" HOST "\r\n", NULL);
    assert_non_null(strstr(got, "Allow: GET, HEAD, PUT\r\n"));
    assert_non_null(strstr(got, "Connection: close\r\n"));
    free(got);
}

static void test_headers_and_targets_have_a_limit(void **state)
{
    struct world *w = *state;
    static char long_text[100000], request[100200];
    memset(long_text, 'a', 99999);
    long_text[99999] = '\0';
    (void)snprintf(request, sizeof request, "GET /%.5000s HTTP/1.1\r\n" HOST "\r\n", long_text);
    expect_status(w, request, 414);
    (void)snprintf(request, sizeof request, "GET /%.2048s HTTP/1.1\r\n" HOST "\r\n", long_text);
    expect_status(w, request, 414);
    (void)snprintf(request, sizeof request, "GET /%.2047s HTTP/1.1\r\n" HOST "\r\n", long_text);
    expect_status(w, request, 404);
    (void)snprintf(request, sizeof request, "GET /a.txt HTTP/1.1\r\n" HOST "X: %.8000s\r\n\r\n",
                   long_text);
    expect_status(w, request, 200);
    (void)snprintf(request, sizeof request, "GET /a.txt HTTP/1.1\r\n" HOST "X: %.30000s\r\n\r\n",
                   long_text);
    expect_status(w, request, 431);
}

static unsigned count_files(struct world *w)
{
    char path[128];
    unsigned n = 0;
    (void)snprintf(path, sizeof path, "%s/root", w->top);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void test_an_upload_appears_whole_or_not_at_all(void **state)
{
    struct world *w = *state;
    unsigned before = count_files(w);
    expect_status(w, "GET /late HTTP/1.1\r\n" HOST "\r\n", 404);
    /* The client goes away in the middle. */
    char *got = answer(w, "PUT /late HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabcde", NULL);
    assert_string_equal(got, "");
    free(got);
    got = answer(
        w, "PUT /late HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", NULL);
    assert_string_equal(got, "");
    free(got);
    /* Chunks may become more than is allowed. */
    static char request[210000];
    int n = snprintf(request, sizeof request,
                     "PUT /late HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (unsigned i = 0; i < 11; i++)
        n += snprintf(request + n, sizeof request - (size_t)n, "2710\r\n%010000d\r\n", 1);
    (void)snprintf(request + n, sizeof request - (size_t)n, "0\r\n\r\n");
    expect_status(w, request, 413);
    assert_int_equal(count_files(w), before);
    w->server.allow_put = false;
    expect_status(w, "PUT /late HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na", 405);
    w->server.allow_put = true;
    assert_int_equal(count_files(w), before);
    expect(w, "PUT /late HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
           "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n"
           "201 Created\n");
    assert_int_equal(count_files(w), before + 1);
}

static void test_who_expects_100_gets_it_before_the_body(void **state)
{
    struct world *w = *state;
    static const char head[] = "PUT /e HTTP/1.1\r\n" HOST "Content-Length: 3\r\n"
                               "Expect: 100-continue\r\n\r\nabc";
    const struct tcp_service *service = &w->server.service;
    void *connection = calloc(1, service->state_size);
    struct script s;
    assert_non_null(connection);
    script_init(&s, head, sizeof head - 4);
    while (service->turn(service->ctx, connection, &s.stream) == STREAM_MORE)
        ;
    s.out[s.out_len] = '\0';
    assert_string_equal(s.out, "HTTP/1.1 100 Continue\r\n\r\n");
    s.in_len += 3;
    while (service->turn(service->ctx, connection, &s.stream) == STREAM_MORE)
        ;
    s.out[s.out_len] = '\0';
    assert_non_null(strstr(s.out, "Continue\r\n\r\nHTTP/1.1 201 Created"));
    service->end(service->ctx, connection);
    free(connection);
    free(s.out);
    /* Not when a part of the body has come already, ... */
    connection = calloc(1, service->state_size);
    assert_non_null(connection);
    script_init(&s, head, sizeof head - 2);
    while (service->turn(service->ctx, connection, &s.stream) == STREAM_MORE)
        ;
    assert_int_equal(s.out_len, 0);
    service->end(service->ctx, connection);
    free(connection);
    free(s.out);
    /* ... not when it is refused, and not when all of the body is there. */
    char *got = answer(w,
                       "PUT /no/e HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                       "Content-Length: 3\r\n\r\n",
                       NULL);
    assert_memory_equal(got, "HTTP/1.1 404 ", 13);
    free(got);
    got = answer(w, head, NULL);
    assert_memory_equal(got, "HTTP/1.1 204 ", 13);
    free(got);
}

static void test_http_1_0_ends_unless_asked_not_to(void **state)
{
    struct world *w = *state;
    char *got = answer(w, "GET /a.txt HTTP/1.0\r\n\r\nGET /a.txt HTTP/1.0\r\n\r\n", NULL);
    assert_non_null(strstr(got, "Connection: close\r\n"));
    assert_null(strstr(got + 1, "HTTP/1.1"));
    free(got);
    got = answer(w,
                 "GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                 "GET /a.txt HTTP/1.0\r\n\r\n",
                 NULL);
    assert_non_null(strstr(got, "Connection: keep-alive\r\n"));
    assert_non_null(strstr(got + 1, "HTTP/1.1"));
    free(got);
}

static void test_directories_are_listed_in_order_and_escaped(void **state)
{
    struct world *w = *state;
    char *got = answer(w, GET("/"), NULL);
    const char *a = strstr(got, "\"./a.txt\""), *big = strstr(got, "\"./big.bin\""),
               *sub = strstr(got, "\"./sub/\"");
    assert_true(a != NULL && big > a && sub > big);
    assert_null(strstr(got, "hidden"));
    assert_null(strstr(got, "link"));
    assert_null(strstr(got, "../"));
    free(got);
    got = answer(w, GET("/sub/"), NULL);
    assert_non_null(strstr(got, "<a href=\"./b%3C%26.html\">b&lt;&amp;.html</a>"));
    assert_non_null(strstr(got, "\"../\""));
    free(got);
    got = answer(w, GET("/sub/b%3c%26.html"), NULL);
    assert_non_null(strstr(got, "\r\n\r\n<b>"));
    assert_non_null(strstr(got, "text/html"));
    free(got);
}

/* An answer that promised a length is not ended as if it had been kept. */
static void test_a_file_that_shrinks_resets_the_connection(void **state)
{
    struct world *w = *state;
    const struct tcp_service *service = &w->server.service;
    void *connection = calloc(1, service->state_size);
    struct script s;
    char path[128];
    enum stream_turn turn;
    assert_non_null(connection);
    script_init(&s, GET("/big.bin"), strlen(GET("/big.bin")));
    s.out_step = 1000;
    (void)service->turn(service->ctx, connection, &s.stream);
    (void)snprintf(path, sizeof path, "%s/root/big.bin", w->top);
    assert_int_equal(truncate(path, 5000), 0);
    while ((turn = service->turn(service->ctx, connection, &s.stream)) == STREAM_MORE)
        ;
    assert_int_equal(turn, STREAM_ABORT);
    service->end(service->ctx, connection);
    free(connection);
    free(s.out);
}

static void test_descriptors_are_given_back(void **state)
{
    struct world *w = *state;
    int before = dup(0);
    close(before);
    size_t len;
    free(converse(w, 5, 50, &len));
    expect_status(w, "GET /up/outside HTTP/1.1\r\n" HOST "\r\n", 404);
    expect_status(w, "PUT /up/outside HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 404);
    free(answer(w, "PUT /x HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc", NULL));
    int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

/* Bytes of requests changed, repeated and left out at random: whatever comes of it, every answer is
 * one, and none is of what lies outside. */
static void test_damaged_requests_are_answered_or_refused(void **state)
{
    struct world *w = *state;
    static const char seeds[] = "GET /../outside HTTP/1.1\r\nHost: h\r\nRange: bytes=0-5\r\n\r\n"
                                "GET /link HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n"
                                "PUT /link HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                                "PUT /up/outside HTTP/1.1\r\nHost: h\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                                "HEAD /%2e%2e/outside HTTP/1.0\r\n\r\n";
    static const char spice[] = "\r\n\0 :/.%2ef?#-,=09azAZ\t\x7f\x80\xff";
    struct rng rng = rng_make(20261121);
    for (unsigned round = 0; round < 20000; round++) {
        char text[2 * sizeof seeds];
        size_t len = 0, from = rng_between(&rng, 0, sizeof seeds - 2);
        unsigned changes = (unsigned)rng_between(&rng, 1, 6);
        for (size_t i = rng_between(&rng, 0, 1) != 0 ? from : 0;
             i < sizeof seeds - 1 && len < sizeof text - 2; i++) {
            uint64_t dice = rng_between(&rng, 0, sizeof seeds / changes);
            if (dice == 0)
                continue;
            text[len++] = seeds[i];
            if (dice == 1)
                text[len - 1] = spice[rng_between(&rng, 0, sizeof spice - 2)];
            else if (dice == 2)
                text[len++] = spice[rng_between(&rng, 0, sizeof spice - 2)];
            else if (dice == 3)
                i -= rng_between(&rng, 0, i);
        }
        struct script s;
        script_init(&s, text, len);
        s.ends = true;
        s.in_step = rng_between(&rng, 0, 3) * rng_between(&rng, 0, 40);
        (void)talk(w, &s);
        if (s.out_len > 0 && strncmp(s.out, "HTTP/1.1 ", 9) != 0)
            fail_msg("round %u: %s", round, s.out);
        assert_null(memmem(s.out, s.out_len, "SECRET", 6));
        free(s.out);
    }
    char path[128];
    struct stat stat_;
    (void)snprintf(path, sizeof path, "%s/outside", w->top);
    assert_int_equal(stat(path, &stat_), 0);
    assert_int_equal(stat_.st_size, 6);
}

#define SERVER_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(test_get_gives_the_file_and_head_its_head),
        SERVER_TEST(test_pipelined_requests_are_answered_in_order),
        SERVER_TEST(test_the_pieces_that_bytes_come_in_do_not_matter),
        SERVER_TEST(test_a_request_may_be_cut_anywhere),
        SERVER_TEST(test_ranges),
        SERVER_TEST(test_nothing_outside_the_root_is_reached),
        SERVER_TEST(test_what_is_wrong_has_its_status),
        SERVER_TEST(test_headers_and_targets_have_a_limit),
        SERVER_TEST(test_an_upload_appears_whole_or_not_at_all),
        SERVER_TEST(test_who_expects_100_gets_it_before_the_body),
        SERVER_TEST(test_http_1_0_ends_unless_asked_not_to),
        SERVER_TEST(test_directories_are_listed_in_order_and_escaped),
        SERVER_TEST(test_a_file_that_shrinks_resets_the_connection),
        SERVER_TEST(test_damaged_requests_are_answered_or_refused),
        SERVER_TEST(test_descriptors_are_given_back),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
