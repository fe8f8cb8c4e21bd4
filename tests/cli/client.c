/* SPDX-License-Identifier: MIT
 * The HTTP client on a scripted stream of bytes: what it takes for an answer, however the bytes
 * come, and what it sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "http_client.h"
#include "script.h"

/* Who asked, and what it got. */
struct asker {
    struct http_answer answer;
    unsigned answers;
    char body[4096];
    size_t body_len;
    bool refuses;
    const char *upload;
    size_t upload_at, upload_step;
    unsigned pauses; /* reads that are put off */
};

static bool on_answer(void *ctx, const struct http_answer *answer)
{
    struct asker *a = ctx;
    a->answer = *answer;
    a->answers++;
    return !a->refuses;
}

static bool on_body(void *ctx, const uint8_t *data, size_t len)
{
    struct asker *a = ctx;
    assert_true(a->body_len + len < sizeof a->body);
    memcpy(a->body + a->body_len, data, len);
    a->body_len += len;
    return true;
}

static ssize_t on_read(void *ctx, void *data, size_t size)
{
    struct asker *a = ctx;
    size_t n = strlen(a->upload) - a->upload_at;
    if (a->pauses > 0) {
        a->pauses--;
        errno = EAGAIN;
        return -1;
    }
    n = n < size ? n : size;
    n = a->upload_step != 0 && n > a->upload_step ? a->upload_step : n;
    memcpy(data, a->upload + a->upload_at, n);
    a->upload_at += n;
    return (ssize_t)n;
}

static struct url url;

static struct http_job job_for(struct asker *a)
{
    assert_null(url_parse("http://h:81/x?y", &url));
    return (struct http_job){
        .url = &url, .answer = on_answer, .body = on_body, .read = on_read, .ctx = a};
}

/* Run a job against a script until it ends or waits; answers how it ended. */
static enum http_end run(const struct http_job *job, struct script *s, int *error)
{
    struct http_client *c = http_client_new(job);
    assert_non_null(c);
    enum stream_turn turn;
    unsigned turns = 0;
    do {
        turn = http_client_turn(c, &s->stream);
        assert_true(++turns < 100000);
    } while (turn == STREAM_MORE || turn == STREAM_RETRY || (turn == STREAM_WAIT && s->blocked));
    s->out[s->out_len] = '\0';
    enum http_end end = http_client_end(c);
    assert_int_equal(turn, end == HTTP_GOING ? STREAM_WAIT : STREAM_END);
    if (error != NULL)
        *error = http_client_error(c);
    http_client_free(c);
    return end;
}

static enum http_end get(const char *in, bool ends, size_t step, struct asker *a)
{
    struct http_job job = job_for(a);
    struct script s;
    memset(a, 0, sizeof *a);
    script_init(&s, in, strlen(in));
    s.ends = ends;
    s.in_step = step;
    enum http_end end = run(&job, &s, NULL);
    free(s.out);
    return end;
}

static void test_a_download_asks_as_rfc_9112_says(void **state)
{
    (void)state;
    struct asker a = {0};
    struct http_job job = job_for(&a);
    struct script s;
    job.range = "bytes=5-";
    script_init(&s, "", 0);
    assert_int_equal(run(&job, &s, NULL), HTTP_GOING);
    assert_int_equal(strncmp(s.out, "GET /x?y HTTP/1.1\r\nHost: h:81\r\n", 31), 0);
    assert_non_null(strstr(s.out, "\r\nRange: bytes=5-\r\n"));
    assert_non_null(strstr(s.out, "\r\nConnection: close\r\n"));
    assert_string_equal(s.out + s.out_len - 4, "\r\n\r\n");
    free(s.out);
}

/* Each way that an answer can say where it ends, cut in pieces of every size. */
static void test_answers_end_where_they_say(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\n\r\nhello", /* until the connection ends */
        "HTTP/1.0 200 OK\r\n\r\nhello"};
    struct asker a;
    for (unsigned i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        for (size_t step = 1; step < strlen(answers[i]); step++) {
            if (get(answers[i], true, step, &a) != HTTP_DONE || a.answers != 1 ||
                a.answer.status != 200 || a.body_len != 5 || memcmp(a.body, "hello", 5) != 0)
                fail_msg("answer %u, pieces of %zu", i, step);
        }
        bool open_end = i >= 4;
        assert_int_equal(get(answers[i], false, 0, &a), open_end ? HTTP_GOING : HTTP_DONE);
    }
    assert_int_equal(get("HTTP/1.1 204 No Content\r\n\r\n", false, 0, &a), HTTP_DONE);
    assert_int_equal(a.body_len, 0);
}

static void test_answers_that_break_off_are_lost(void **state)
{
    (void)state;
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    static const char chunked[] =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    char text[128];
    struct asker a;
    for (size_t len = 0; len < sizeof answer - 1; len++) {
        (void)snprintf(text, sizeof text, "%.*s", (int)len, answer);
        enum http_end end = get(text, true, 0, &a);
        if (end != HTTP_LOST && end != HTTP_NONSENSE)
            fail_msg("%zu bytes: %d", len, end);
    }
    for (size_t len = 0; len < sizeof chunked - 1; len++) {
        (void)snprintf(text, sizeof text, "%.*s", (int)len, chunked);
        assert_int_not_equal(get(text, true, 0, &a), HTTP_DONE);
    }
    assert_int_equal(get("SSH-2.0-x\r\n", false, 0, &a), HTTP_NONSENSE);
    struct http_job job = job_for(&a);
    struct script s;
    int error;
    script_init(&s, answer, sizeof answer - 4);
    s.error = WEIR_E_RESET;
    assert_int_equal(run(&job, &s, &error), HTTP_LOST);
    assert_int_equal(error, WEIR_E_RESET);
    free(s.out);
}

static void test_answers_tell_of_parts_and_places(void **state)
{
    (void)state;
    struct asker a;
    (void)get("HTTP/1.1 206 P\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\n", false,
              3, &a);
    assert_true(a.answer.has_range && a.answer.has_length);
    assert_int_equal(a.answer.range_first, 5);
    assert_int_equal(a.answer.range_size, 10);
    assert_int_equal(a.answer.length, 5);
    (void)get("HTTP/1.1 206 P\r\nContent-Range: bytes 5-9/*\r\n\r\n", false, 0, &a);
    assert_true(a.answer.has_range && a.answer.range_size == UINT64_MAX);
    (void)get("HTTP/1.1 206 P\r\nContent-Range: bytes 9-5/10\r\n\r\n", false, 0, &a);
    assert_false(a.answer.has_range);
    (void)get("HTTP/1.1 416 R\r\ncontent-range: bytes */10\r\n\r\n", false, 0, &a);
    assert_true(!a.answer.has_range && a.answer.range_size == 10);
    (void)get("HTTP/1.1 302 F\r\nLocation: /there\r\n\r\n", false, 1, &a);
    assert_string_equal(a.answer.location, "/there");
}

static void test_who_takes_the_answer_may_refuse_it(void **state)
{
    (void)state;
    struct asker a = {.refuses = true};
    struct http_job job = job_for(&a);
    struct script s;
    script_init(&s, "HTTP/1.1 404 N\r\nContent-Length: 5\r\n\r\nhello", 43);
    assert_int_equal(run(&job, &s, NULL), HTTP_GIVEN_UP);
    assert_int_equal(a.answer.status, 404);
    assert_int_equal(a.body_len, 0);
    free(s.out);
}

static void test_uploads_carry_their_length_or_come_in_chunks(void **state)
{
    (void)state;
    for (size_t step = 0; step < 8; step++) {
        struct asker a = {.upload = "hello world", .upload_step = step, .pauses = 3};
        struct http_job job = job_for(&a);
        struct script s;
        job.put = true;
        job.size = 11;
        script_init(&s, "", 0);
        s.out_step = 1 + step;
        s.breathe = true;
        assert_int_equal(run(&job, &s, NULL), HTTP_GOING);
        assert_int_equal(strncmp(s.out, "PUT /x?y HTTP/1.1\r\n", 19), 0);
        assert_non_null(strstr(s.out, "\r\nContent-Length: 11\r\n"));
        assert_string_equal(strstr(s.out, "\r\n\r\n") + 4, "hello world");
        free(s.out);
    }
    struct asker a = {.upload = "hello world", .upload_step = 6};
    struct http_job job = job_for(&a);
    struct script s;
    job.put = true;
    job.size = UINT64_MAX;
    script_init(&s, "", 0);
    assert_int_equal(run(&job, &s, NULL), HTTP_GOING);
    assert_non_null(strstr(s.out, "\r\nTransfer-Encoding: chunked\r\n"));
    assert_string_equal(strstr(s.out, "\r\n\r\n") + 4,
                        "000006\r\nhello \r\n000005\r\nworld\r\n000000\r\n\r\n");
    free(s.out);
}

/* A server that refuses says so before it has read everything, and perhaps resets then. */
static void test_an_early_answer_ends_an_upload(void **state)
{
    (void)state;
    struct asker a = {.upload = "hello world", .upload_step = 1};
    struct http_job job = job_for(&a);
    struct script s;
    job.put = true;
    job.size = 11;
    script_init(&s, "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n", 38);
    assert_int_equal(run(&job, &s, NULL), HTTP_DONE);
    assert_int_equal(a.answer.status, 405);
    assert_true(a.upload_at < 11);
    free(s.out);
    /* Nor is more sent behind the head of an answer whose body has not come. */
    a = (struct asker){.upload = "hello world", .upload_step = 1};
    script_init(&s, "HTTP/1.1 405 No\r\nContent-Length: 9\r\n\r\n", 38);
    assert_int_equal(run(&job, &s, NULL), HTTP_GOING);
    assert_true(a.upload_at < 11);
    free(s.out);
    /* A file that has become shorter. */
    a = (struct asker){.upload = "short"};
    script_init(&s, "", 0);
    assert_int_equal(run(&job, &s, NULL), HTTP_GIVEN_UP);
    free(s.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_download_asks_as_rfc_9112_says),
        cmocka_unit_test(test_answers_end_where_they_say),
        cmocka_unit_test(test_answers_that_break_off_are_lost),
        cmocka_unit_test(test_answers_tell_of_parts_and_places),
        cmocka_unit_test(test_who_takes_the_answer_may_refuse_it),
        cmocka_unit_test(test_uploads_carry_their_length_or_come_in_chunks),
        cmocka_unit_test(test_an_early_answer_ends_an_upload),
    };
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
