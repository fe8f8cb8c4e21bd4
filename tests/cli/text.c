/* SPDX-License-Identifier: MIT
 * URLs, names of files, dates, services, the progress bar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "http_text.h"
#include "progress.h"
#include "services.h"
#include "url.h"

static void test_urls_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *authority, *target;
        uint16_t port;
    } good[] = {
        {"http://10.9.0.1", "10.9.0.1", "10.9.0.1", "/", 80},
        {"http://10.9.0.1/", "10.9.0.1", "10.9.0.1", "/", 80},
        {"HTTP://h:8080/a/b?c=d#e", "h", "h:8080", "/a/b?c=d", 8080},
        {"http://[fd00::1]/x", "fd00::1", "[fd00::1]", "/x", 80},
        {"http://[fd00::1]:81/x", "fd00::1", "[fd00::1]:81", "/x", 81},
        {"http://h?q", "h", "h", "/?q", 80},
        {"http://h/%20#f", "h", "h", "/%20", 80},
        {"http://h:80/", "h", "h", "/", 80},
        {"http://h:65535/?", "h", "h:65535", "/", 65535},
    };
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct url url;
        const char *wrong = url_parse(good[i].text, &url);
        if (wrong != NULL)
            fail_msg("%s: %s", good[i].text, wrong);
        assert_string_equal(url.host, good[i].host);
        assert_string_equal(url.authority, good[i].authority);
        assert_int_equal(url.port, good[i].port);
        assert_int_equal(strncmp(url.target, good[i].target, strlen(good[i].target)), 0);
    }
}

static void test_what_is_no_http_url_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "10.9.0.1",
                                      "/file",
                                      "http://",
                                      "http:///file",
                                      "https://h/",
                                      "ftp://h/",
                                      "http://h:0/",
                                      "http://h:65536/",
                                      "http://h:x/",
                                      "http://user:word@h/",
                                      "http://h/a b",
                                      "http://h/a\nb",
                                      "http://fd00::1/",
                                      "http://[fd00::1/"};
    char text[4000];
    struct url url;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (url_parse(bad[i], &url) == NULL)
            fail_msg("'%s' is taken for an URL", bad[i]);
    assert_string_equal(url_parse("https://h/", &url), "weir has no TLS; use http");
    memset(text, 'a', sizeof text);
    memcpy(text, "http://h/", 9);
    text[8 + URL_TARGET_MAX] = '\0';
    assert_non_null(url_parse(text, &url));
    text[8 + URL_TARGET_MAX - 1] = '\0';
    assert_null(url_parse(text, &url));
    assert_int_equal(strlen(url.target), URL_TARGET_MAX - 1);
    memset(text, 'a', sizeof text);
    memcpy(text, "http://", 7);
    text[7 + URL_HOST_MAX] = '\0';
    assert_non_null(url_parse(text, &url));
    text[7 + URL_HOST_MAX - 1] = '\0';
    assert_null(url_parse(text, &url));
}

static void test_a_download_is_named_by_the_end_of_its_url(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name; /* NULL: none */
    } cases[] = {{"http://h/a/b.bin", "b.bin"}, {"http://h/b%20c?x/y", "b c"},
                 {"http://h/", NULL},           {"http://h/a/", NULL},
                 {"http://h/..", NULL},         {"http://h/%2e%2e", NULL},
                 {"http://h/.bashrc", NULL},    {"http://h/a%2fb", NULL},
                 {"http://h/a%00b", NULL},      {"http://h/%1b", NULL}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url;
        char name[64];
        assert_null(url_parse(cases[i].text, &url));
        bool named = url_file_name(&url, name, sizeof name);
        if (named != (cases[i].name != NULL))
            fail_msg("%s", cases[i].text);
        if (named)
            assert_string_equal(name, cases[i].name);
    }
}

static void test_paths_are_decoded_once_and_stay_inside(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path; /* NULL: refused */
        unsigned status;
    } cases[] = {{"/", "", 0},
                 {"/a/b.c", "a/b.c", 0},
                 {"/a/", "a/", 0},
                 {"/a%20b", "a b", 0},
                 {"/%41%e4", "A\xe4", 0},
                 {"/a%2541", "a%41", 0},
                 {"/a?b/../c", "a", 0},
                 {"/a#b", "a", 0},
                 {"/a..b/c.", "a..b/c.", 0},
                 {"", NULL, 400},
                 {"a", NULL, 400},
                 {"/%", NULL, 400},
                 {"/%a", NULL, 400},
                 {"/%g0", NULL, 400},
                 {"/%00", NULL, 400},
                 {"/a%2fb", NULL, 404},
                 {"//", NULL, 404},
                 {"/a//b", NULL, 404},
                 {"/.", NULL, 404},
                 {"/..", NULL, 404},
                 {"/a/../b", NULL, 404},
                 {"/a/%2e%2e/b", NULL, 404},
                 {"/.git/x", NULL, 404}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[HTTP_PATH_MAX];
        unsigned status = http_path(cases[i].target, strlen(cases[i].target), path);
        if (status != cases[i].status)
            fail_msg("%s: %u", cases[i].target, status);
        if (status == 0)
            assert_string_equal(path, cases[i].path);
    }
}

/* RFC 9110 5.6.7 has the first of these as its example. */
static void test_dates_are_those_of_http(void **state)
{
    (void)state;
    char text[HTTP_DATE_BYTES];
    http_date(text, 784111777);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    http_date(text, 0);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    http_date(text, 4102444799);
    assert_string_equal(text, "Thu, 31 Dec 2099 23:59:59 GMT");
}

static void test_services_are_named_with_or_without_their_protocol(void **state)
{
    (void)state;
    struct service_set set;
    const char *unknown;
    assert_true(services_parse("none", &set, &unknown));
    assert_int_equal(set.udp | set.tcp, 0);
    assert_true(services_parse("echo", &set, &unknown));
    assert_int_equal(set.udp, 1);
    assert_int_equal(set.tcp, 1);
    assert_true(services_parse("echo/tcp,discard/udp", &set, &unknown));
    assert_int_equal(set.udp, 2);
    assert_int_equal(set.tcp, 1);
    static const char *const bad[] = {"",    "echo,",     "echo/", "echo/sctp",
                                      "ech", "echo/tcpx", ",echo"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (services_parse(bad[i], &set, &unknown))
            fail_msg("'%s'", bad[i]);
    assert_false(services_parse("echo,finger", &set, &unknown));
    assert_string_equal(unknown, "finger");
}

/* RFC 864: 95 lines of 72 characters, each one further; and it may be asked for in any pieces. */
static void test_chargen_is_one_endless_pattern(void **state)
{
    (void)state;
    static uint8_t whole[20000], piece[97];
    uint32_t at = 0;
    services_pattern(whole, sizeof whole, 0);
    for (size_t i = 0; i < sizeof whole; i++) {
        size_t line = i / 74, column = i % 74;
        int wanted = column == 72 ? '\r' : column == 73 ? '\n' : (int)(' ' + (line + column) % 95);
        assert_int_equal(whole[i], wanted);
    }
    for (size_t i = 0; i + sizeof piece <= sizeof whole; i += sizeof piece) {
        services_pattern(piece, sizeof piece, at);
        assert_memory_equal(piece, whole + i, sizeof piece);
        at = services_pattern_after(at, sizeof piece);
    }
}

static void test_sizes_have_three_digits(void **state)
{
    (void)state;
    static const struct {
        double bytes;
        const char *text;
    } cases[] = {{0, "0 B"},          {999, "999 B"},    {1000, "1.00 kB"},  {9994, "9.99 kB"},
                 {9996, "10.0 kB"},   {99960, "100 kB"}, {1.5e9, "1.50 GB"}, {999499, "999 kB"},
                 {999600, "1.00 MB"}, {1e15, "1.00 PB"}, {5e18, "5000 PB"}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32];
        progress_size(text, sizeof text, cases[i].bytes);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_the_bar_fits_its_terminal(void **state)
{
    (void)state;
    char line[200];
    struct progress_state s = {
        .bytes = 500, .done = 250, .total = 1000, .elapsed = WEIR_NS_PER_S / 2};
    assert_string_equal(progress_line(line, sizeof line, 60, &s),
                        "[==================>     ]  75%  750 B  1.00 kB/s  0:00 left");
    for (unsigned width = 0; width < 160; width++) {
        size_t len = strlen(progress_line(line, sizeof line, width, &s));
        if (width >= 48)
            assert_true(len <= width);
    }
    s.total = UINT64_MAX;
    assert_string_equal(progress_line(line, sizeof line, 60, &s), "750 B  1.00 kB/s");
    s = (struct progress_state){.total = 0};
    assert_string_equal(progress_line(line, sizeof line, 60, &s), "0 B  0 B/s");
    s = (struct progress_state){.bytes = 10, .total = 10, .elapsed = 1};
    assert_non_null(strstr(progress_line(line, sizeof line, 60, &s), "=] 100%"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls_are_taken_apart),
        cmocka_unit_test(test_what_is_no_http_url_is_refused),
        cmocka_unit_test(test_a_download_is_named_by_the_end_of_its_url),
        cmocka_unit_test(test_paths_are_decoded_once_and_stay_inside),
        cmocka_unit_test(test_dates_are_those_of_http),
        cmocka_unit_test(test_services_are_named_with_or_without_their_protocol),
        cmocka_unit_test(test_chargen_is_one_endless_pattern),
        cmocka_unit_test(test_sizes_have_three_digits),
        cmocka_unit_test(test_the_bar_fits_its_terminal),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
