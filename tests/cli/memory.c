/* SPDX-License-Identifier: MIT
 * Client and server against each other over a wire in memory, in virtual time. */
#define _GNU_SOURCE /* mkdtemp() */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http_client.h"
#include "memory.h"
#include "weir/net.h"

enum { BIG = 700001 };

struct run {
    struct memory *memory;
    struct http_client *client;
    struct stream stream;
    weir_handle handle;
    bool connected, ended;
    enum stream_turn turn;
    /* What comes, and what is sent. */
    unsigned status;
    uint8_t *body;
    size_t body_len, sent;
    uint64_t range_first;
};

static char top[64];
static uint8_t *big;
static struct url url;

static int set_up(void **state)
{
    char path[128];
    (void)state;
    strcpy(top, "/tmp/weir-memory-XXXXXX");
    assert_non_null(mkdtemp(top));
    big = malloc(BIG);
    assert_non_null(big);
    for (unsigned i = 0; i < BIG; i++)
        big[i] = (uint8_t)(i * 31 + i / 257);
    (void)snprintf(path, sizeof path, "%s/big", top);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(big, 1, BIG, f), BIG);
    assert_int_equal(fclose(f), 0);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", top);
    assert_int_equal(system(command), 0);
    free(big);
    return 0;
}

static bool on_answer(void *ctx, const struct http_answer *answer)
{
    struct run *r = ctx;
    r->status = answer->status;
    r->range_first = answer->range_first;
    return true;
}

static bool on_body(void *ctx, const uint8_t *data, size_t len)
{
    struct run *r = ctx;
    assert_true(r->body_len + len <= BIG);
    memcpy(r->body + r->body_len, data, len);
    r->body_len += len;
    return true;
}

static ssize_t on_read(void *ctx, void *data, size_t size)
{
    struct run *r = ctx;
    size_t n = BIG - r->sent;
    n = n < size ? n : size;
    memcpy(data, big + r->sent, n);
    r->sent += n;
    return (ssize_t)n;
}

static weir_time serve(void *ctx, weir_time now)
{
    struct run *r = ctx;
    struct weir_event event;
    while (weir_stack_events(memory_stack(r->memory), &event, 1) > 0) {
        r->connected |= (event.bits & WEIR_EVENT_CONNECTED) != 0;
        r->ended |= (event.bits & WEIR_EVENT_CLOSED) != 0;
    }
    if (!r->connected || r->turn == STREAM_END)
        return WEIR_TIME_NEVER;
    r->turn = http_client_turn(r->client, &r->stream);
    if (r->turn == STREAM_END)
        (void)weir_tcp_close(memory_stack(r->memory), r->handle);
    if (r->turn == STREAM_WAIT)
        return WEIR_TIME_NEVER;
    return r->turn == STREAM_RETRY ? now + WEIR_NS_PER_MS : 0;
}

/* Run a job to its end in virtual time, on a wire with this MTU; answers how it ended. */
static enum http_end talk(struct run *r, const char *address, struct http_job *job,
                          uint32_t mtu_bytes, bool offload)
{
    struct memory_args args = {
        .directory = top, .port = 80, .mtu_bytes = mtu_bytes, .no_offload = !offload};
    struct weir_tcp_config config = {.size = sizeof config};
    weir_time now = WEIR_NS_PER_S, wake;
    unsigned turns = 0;
    assert_int_equal(weir_addr_parse(address, &args.server), WEIR_OK);
    *r = (struct run){.body = malloc(BIG)};
    assert_non_null(r->body);
    job->ctx = r;
    job->answer = on_answer;
    job->body = on_body;
    job->read = on_read;
    job->url = &url;
    assert_non_null(r->client = http_client_new(job));
    assert_non_null(r->memory = memory_open(&args, now));
    weir_stack *stack = memory_stack(r->memory);
    assert_int_equal(weir_tcp_open(stack, &config, &r->handle), WEIR_OK);
    assert_int_equal(weir_tcp_connect(stack, r->handle, &args.server, 80), WEIR_OK);
    r->stream = stream_tcp(stack, r->handle);
    while (!r->ended) {
        wake = memory_turn(r->memory, serve, r, now);
        assert_true(wake != WEIR_TIME_NEVER);
        assert_true(++turns < 100000);
        now = wake > now ? wake : now + WEIR_NS_PER_US;
    }
    enum http_end end = http_client_end(r->client);
    memory_close(r->memory);
    http_client_free(r->client);
    return end;
}

static const struct wire {
    const char *address;
    uint32_t mtu_bytes;
    bool offload;
} wires[] = {{"10.9.0.2", 1500, true},   {"10.9.0.2", 1500, false},  {"10.9.0.2", 576, false},
             {"10.9.0.2", 65535, true},  {"fd00:9::2", 1500, true},  {"fd00:9::2", 1280, false},
             {"fd00:9::1", 9000, false}, {"10.9.0.1", 65535, false}, {"10.9.0.2", 100, false}};

static void test_a_download_is_the_file(void **state)
{
    (void)state;
    assert_null(url_parse("http://h/big", &url));
    for (unsigned i = 0; i < sizeof wires / sizeof wires[0]; i++) {
        const struct wire *w = &wires[i];
        struct run r;
        struct http_job job = {0};
        assert_int_equal(talk(&r, w->address, &job, w->mtu_bytes, w->offload), HTTP_DONE);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.body_len, BIG);
        assert_memory_equal(r.body, big, BIG);
        free(r.body);
    }
}

static void test_a_part_is_that_part(void **state)
{
    (void)state;
    struct run r;
    struct http_job job = {.range = "bytes=100000-"};
    assert_null(url_parse("http://h/big", &url));
    assert_int_equal(talk(&r, "10.9.0.2", &job, 1500, true), HTTP_DONE);
    assert_int_equal(r.status, 206);
    assert_int_equal(r.range_first, 100000);
    assert_int_equal(r.body_len, BIG - 100000);
    assert_memory_equal(r.body, big + 100000, BIG - 100000);
    free(r.body);
}

static void test_an_upload_becomes_the_file(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/up", top);
    assert_null(url_parse("http://h/up", &url));
    for (unsigned i = 0; i < 2 * sizeof wires / sizeof wires[0]; i++) {
        const struct wire *w = &wires[i / 2];
        struct run r;
        struct stat stat_;
        static uint8_t there[BIG];
        struct http_job job = {.put = true, .size = i % 2 == 0 ? BIG : UINT64_MAX};
        (void)unlink(path);
        assert_int_equal(talk(&r, w->address, &job, w->mtu_bytes, w->offload), HTTP_DONE);
        assert_int_equal(r.status, 201);
        assert_int_equal(stat(path, &stat_), 0);
        assert_int_equal(stat_.st_size, BIG);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        assert_int_equal(fread(there, 1, BIG, f), BIG);
        fclose(f);
        assert_memory_equal(there, big, BIG);
        free(r.body);
    }
}

static void test_what_is_not_there_is_said(void **state)
{
    (void)state;
    struct run r;
    struct http_job job = {0};
    assert_null(url_parse("http://h/nothing", &url));
    assert_int_equal(talk(&r, "10.9.0.2", &job, 1500, true), HTTP_DONE);
    assert_int_equal(r.status, 404);
    free(r.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_download_is_the_file),
        cmocka_unit_test(test_a_part_is_that_part),
        cmocka_unit_test(test_an_upload_becomes_the_file),
        cmocka_unit_test(test_what_is_not_there_is_said),
    };
    return cmocka_run_group_tests_name("memory", tests, set_up, tear_down);
}
