/* SPDX-License-Identifier: MIT
 * The stack of the replay has a recorder, too: what that is told at the end of each call, as the
 * bytes that it would write, must be the bytes of the recording. */
#include "sim/replay.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "weir/net.h"

enum {
    STACK_ALIGNMENT = 64,
    BUFFER_BYTES = 1 << 26,  /* of what is received at one time, unless more was */
    PACKETS_MAX = 1 << 20    /* that are asked for at one time */
};

static enum replay_result broken(struct replay *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum replay_result broken(struct replay *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->message, sizeof r->message, format, args);
    va_end(args);
    return REPLAY_BROKEN;
}

/* ---- what is handed to the stack ---- */

/* The record itself is wrong: out of the call, as if it had asserted. */
enum { LEFT_ASSERTED = 1, LEFT_BROKEN };

_Noreturn static void leave(struct replay *r, const char *what)
{
    (void)broken(r, "record %llu: %s", (unsigned long long)r->number, what);
    longjmp(r->failed, LEFT_BROKEN);
}

/* Room for an array that is given to the stack; what is in it is not kept. */
static void *room(struct replay *r, void **array, size_t *capacity, uint64_t count, size_t size)
{
    if (count <= *capacity)
        return *array;
    uint64_t most = r->config.memory_max > 0 ? r->config.memory_max : SIZE_MAX;
    if (count > most / size)
        leave(r, "it takes more memory than there may be");
    free(*array);
    *capacity = 0;
    *array = calloc((size_t)count, size);
    if (*array == NULL)
        leave(r, "no memory");
    *capacity = (size_t)count;
    return *array;
}

static uint8_t *data_room(struct replay *r, uint64_t size)
{
    return room(r, (void **)&r->data, &r->data_capacity, size > 0 ? size : 1, 1);
}

/* Bytes that were sent: what was taken of them is recorded, the others do not matter. */
static const uint8_t *data_sent(struct replay *r, size_t size)
{
    uint8_t *data = data_room(r, size);
    struct weir_ref taken = r->expected.data;
    if (taken.len > size)
        leave(r, "more was taken than was there");
    if (taken.len > 0)
        memcpy(data, taken.data, taken.len);
    return data;
}

/* How large a buffer to receive into: as it was, within reason. */
static size_t receive_size(const struct replay *r)
{
    uint64_t enough = r->expected.result > BUFFER_BYTES ? (uint64_t)r->expected.result + 1
                                                        : (uint64_t)BUFFER_BYTES;
    return (size_t)(r->call.size < enough ? r->call.size : enough);
}

/* ---- the calls ---- */

static void do_stack_init(struct replay *r)
{
    if (r->stack != NULL || r->call.config == NULL)
        leave(r, "a second stack, or one without a configuration");
    struct weir_config config = *r->call.config;
    char why[256] = "";
    if (weir_config_check(&config, why, sizeof why) != WEIR_OK)
        leave(r, why);
    size_t size = weir_stack_size(&config);
    size = (size + STACK_ALIGNMENT - 1) / STACK_ALIGNMENT * STACK_ALIGNMENT;
    if (size == 0 || (r->config.memory_max > 0 && size > r->config.memory_max))
        leave(r, "it takes more memory than there may be");
    r->memory = aligned_alloc(STACK_ALIGNMENT, size);
    if (r->memory == NULL)
        leave(r, "no memory for the stack");
    r->stack = weir_stack_init(r->memory, size, &config, r->call.now);
    CHECK(NULL, r->stack != NULL);
}

static void do_stack_add_iface(struct replay *r)
{
    int result = weir_stack_add_iface(r->stack, r->call.iface);
    if (result >= 0 && (size_t)result < sizeof r->link) {
        r->link[result] = r->call.iface->link;
        r->interfaces = (unsigned)result + 1;
    }
}

static void do_stack_input(struct replay *r)
{
    weir_stack_input(r->stack, r->call.ifindex, r->call.rx, r->call.count, r->call.now);
    r->packets_in += r->call.count;
    for (unsigned i = 0; i < r->call.count; i++)
        r->bytes_in += r->call.rx[i].len;
}

static void do_stack_output(struct replay *r)
{
    unsigned max = r->call.number[0];
    if (max > PACKETS_MAX)
        leave(r, "more packets are asked for than there can be");
    struct weir_tx *tx = room(r, (void **)&r->tx, &r->tx_capacity, max > 0 ? max : 1, sizeof *tx);
    unsigned n = weir_stack_output(r->stack, r->call.ifindex, tx, max, r->call.now);
    r->packets_out += n;
    for (unsigned i = 0; i < n; i++)
        r->bytes_out += tx[i].len;
}

static void do_stack_advance(struct replay *r)
{
    weir_stack_advance(r->stack, r->call.now);
}

/* One more than came then is enough to see that more come now. */
static void do_stack_events(struct replay *r)
{
    unsigned max = r->call.number[0], enough = r->expected.count + 1;
    max = max < enough ? max : enough;
    struct weir_event *events =
        room(r, (void **)&r->events, &r->events_capacity, enough, sizeof *events);
    (void)weir_stack_events(r->stack, events, max);
}

static const struct weir_addr *needed(struct replay *r)
{
    if (r->call.addr == NULL)
        leave(r, "an address is missing");
    return r->call.addr;
}

static void do_stack_add_address(struct replay *r)
{
    (void)weir_stack_add_address(r->stack, r->call.ifindex, needed(r), r->call.number[0]);
}

static void do_stack_remove_address(struct replay *r)
{
    (void)weir_stack_remove_address(r->stack, r->call.ifindex, needed(r));
}

static void do_stack_add_route(struct replay *r)
{
    (void)weir_stack_add_route(r->stack, r->call.ifindex, needed(r), r->call.number[0],
                               r->call.gateway);
}

static void do_stack_remove_route(struct replay *r)
{
    (void)weir_stack_remove_route(r->stack, r->call.ifindex, needed(r), r->call.number[0],
                                  r->call.gateway);
}

static void do_stack_set_mtu(struct replay *r)
{
    (void)weir_stack_set_mtu(r->stack, r->call.ifindex, r->call.number[0]);
}

static void do_udp_open(struct replay *r)
{
    weir_handle handle;
    if (r->call.udp == NULL)
        leave(r, "a configuration is missing");
    (void)weir_udp_open(r->stack, r->call.udp, &handle);
}

static void do_udp_connect(struct replay *r)
{
    (void)weir_udp_connect(r->stack, r->call.handle, r->call.addr, (uint16_t)r->call.number[0]);
}

static void do_udp_send(struct replay *r)
{
    uint64_t size = r->call.size < UINT16_MAX + 1U ? r->call.size : UINT16_MAX + 1U;
    if (r->expected.data.len > size)
        leave(r, "a datagram that is too long");
    (void)weir_udp_send(r->stack, r->call.handle, r->call.datagram, data_sent(r, (size_t)size),
                        (size_t)size);
}

static void do_udp_receive(struct replay *r)
{
    struct weir_datagram from;
    size_t size = receive_size(r);
    uint8_t *data = data_room(r, size);
    (void)weir_udp_receive(r->stack, r->call.handle, r->call.number[0] != 0 ? &from : NULL, data,
                           size);
}

static void do_udp_close(struct replay *r)
{
    (void)weir_udp_close(r->stack, r->call.handle);
}

static void do_tcp_open(struct replay *r)
{
    weir_handle handle;
    (void)weir_tcp_open(r->stack, r->call.tcp, &handle);
}

static void do_tcp_set(struct replay *r)
{
    (void)weir_tcp_set(r->stack, r->call.handle, (enum weir_tcp_setting)r->call.number[0],
                       r->call.number[1]);
}

static void do_tcp_connect(struct replay *r)
{
    (void)weir_tcp_connect(r->stack, r->call.handle, r->call.addr, (uint16_t)r->call.number[0]);
}

static void do_tcp_listen(struct replay *r)
{
    (void)weir_tcp_listen(r->stack, r->call.handle, r->call.number[0]);
}

static void do_tcp_accept(struct replay *r)
{
    weir_handle connection;
    (void)weir_tcp_accept(r->stack, r->call.handle, r->call.size, &connection);
}

static void do_tcp_asked(struct replay *r)
{
    struct weir_tcp_request request;
    (void)weir_tcp_asked(r->stack, r->call.handle, &request);
}

static void do_tcp_decide(struct replay *r)
{
    (void)weir_tcp_decide(r->stack, r->call.handle, (enum weir_tcp_verdict)r->call.number[0]);
}

static void do_tcp_send(struct replay *r)
{
    if (r->call.size > INT32_MAX)
        leave(r, "more is sent than fits here");
    const uint8_t *data = data_sent(r, (size_t)r->call.size);
    (void)weir_tcp_send(r->stack, r->call.handle, data, (size_t)r->call.size, r->call.number[0]);
}

static void do_tcp_receive(struct replay *r)
{
    size_t size = receive_size(r);
    uint8_t *data = data_room(r, size);
    (void)weir_tcp_receive(r->stack, r->call.handle, data, size, r->call.number[0]);
}

static void do_tcp_shutdown(struct replay *r)
{
    (void)weir_tcp_shutdown(r->stack, r->call.handle, (enum weir_tcp_how)r->call.number[0]);
}

static void do_tcp_close(struct replay *r)
{
    (void)weir_tcp_close(r->stack, r->call.handle);
}

static void do_tcp_abort(struct replay *r)
{
    (void)weir_tcp_abort(r->stack, r->call.handle);
}

static void do_tcp_error(struct replay *r)
{
    (void)weir_tcp_error(r->stack, r->call.handle);
}

/* ---- one after the other ---- */

/* What the stack of the replay tells: the ends, as they would be written. */
static void on_record(void *ctx, const struct weir_record *record)
{
    struct replay *r = ctx;
    if (r->config.recorder.fn != NULL)
        r->config.recorder.fn(r->config.recorder.ctx, record);
    if (!record->done)
        return;
    r->result.len = 0;
    if (!recording_encode(&r->result, &r->state, record))
        leave(r, "no memory");
}

static void on_assert(void *ctx, const char *expression, const char *file, unsigned line)
{
    struct replay *r = ctx;
    (void)snprintf(r->message, sizeof r->message, "record %llu: assertion '%s' failed at %s:%u",
                   (unsigned long long)r->number, expression, file, line);
    longjmp(r->failed, LEFT_ASSERTED);
}

static struct weir_ref body_of(const struct recording_frame *frame)
{
    return (struct weir_ref){frame->body.p, frame->body.len};
}

bool replay_open(struct replay *replay, FILE *file, const struct replay_config *config)
{
    memset(replay, 0, sizeof *replay);
    replay->config = *config;
    if (recording_reader_open(&replay->reader, file) != WEIR_OK) {
        (void)broken(replay, "%s", replay->reader.message);
        return false;
    }
    replay->state = replay->reader.state;
    return true;
}

/* The end of the call, if it is there. */
static enum replay_result read_end(struct replay *r)
{
    struct recording_frame *end = &r->end;
    r->expected = (struct weir_record){.call = r->call.call, .done = true};
    if (recording_reader_next(&r->reader, end) != WEIR_OK)
        return broken(r, "%s", r->reader.message);
    r->has_end = end->what == RECORDING_CALL;
    if (!r->has_end) {
        r->at_end = end->what;
        return REPLAY_GOOD;
    }
    if (!end->done || end->call != r->call.call ||
        !recording_decode(body_of(end), &r->reader.state, &r->expected, &r->out))
        return broken(r, "at byte %llu: the end of %s is malformed",
                      (unsigned long long)end->offset, weir_call_name(r->call.call));
    return REPLAY_GOOD;
}

/* The configuration is ours to complete, once it is read. */
static void attach(struct replay *r)
{
    r->in.config.tap = r->config.tap;
    r->in.config.on_assert = (struct weir_assert){.fn = on_assert, .ctx = r};
    r->in.config.recorder = (struct weir_recorder){.fn = on_record, .ctx = r};
    r->started = r->now = r->call.now;
}

enum replay_result replay_next(struct replay *replay)
{
    struct replay *r = replay;
    struct recording_frame *begin = &r->begin;
    if (r->number > 0 && !r->has_end)
        return r->at_end == RECORDING_END ? REPLAY_ENDED : REPLAY_CUT;
    if (recording_reader_next(&r->reader, begin) != WEIR_OK)
        return broken(r, "%s", r->reader.message);
    if (begin->what != RECORDING_CALL)
        return begin->what == RECORDING_END ? REPLAY_ENDED : REPLAY_CUT;
    r->number++;
    r->call = (struct weir_record){.call = begin->call};
    if (begin->done ||
        !recording_decode(body_of(begin), &r->reader.state, &r->call, &r->in))
        return broken(r, "at byte %llu: the beginning of %s is malformed",
                      (unsigned long long)begin->offset, weir_call_name(begin->call));
    if ((r->stack == NULL) != (r->call.call == WEIR_CALL_STACK_INIT))
        return broken(r, "at byte %llu: the first call, and no other, makes the stack",
                      (unsigned long long)begin->offset);
    if (r->call.call == WEIR_CALL_STACK_INIT)
        attach(r);
    if (r->call.now > r->now)
        r->now = r->call.now;
    enum replay_result result = read_end(r);
    if (result == REPLAY_GOOD && r->config.scrub)
        replay_scrub(r);
    return result;
}

static bool is_same(const struct replay *r)
{
    return r->result.len == r->end.body.len &&
           (r->result.len == 0 || memcmp(r->result.p, r->end.body.p, r->result.len) == 0);
}

enum replay_result replay_do(struct replay *replay)
{
    static void (*const perform[WEIR_CALL_COUNT])(struct replay *) = {
#define X(NAME, name) do_##name,
        WEIR_CALLS(X)
#undef X
    };
    int left = setjmp(replay->failed);
    if (left != 0)
        return left == LEFT_ASSERTED ? REPLAY_ASSERTED : REPLAY_BROKEN;
    replay->result.len = 0;
    perform[replay->call.call](replay);
    if (!replay->has_end)
        return REPLAY_CUT;
    if (is_same(replay))
        return REPLAY_GOOD;
    struct weir_ref result = {replay->result.p, replay->result.len};
    replay->got = (struct weir_record){.call = replay->call.call, .done = true};
    CHECK(NULL, recording_decode(result, &replay->state, &replay->got, &replay->again));
    if (replay->config.scrub && replay_scrubbed_is_same(replay))
        return REPLAY_GOOD;
    replay_explain(replay);
    return REPLAY_DIFFERS;
}

enum replay_result replay_run(struct replay *replay)
{
    enum replay_result result;
    do {
        result = replay_next(replay);
        if (result == REPLAY_GOOD)
            result = replay_do(replay);
    } while (result == REPLAY_GOOD);
    return result;
}

void replay_close(struct replay *replay)
{
    free(replay->memory);
    free(replay->data);
    free(replay->tx);
    free(replay->events);
    free(replay->result.p);
    recording_frame_free(&replay->begin);
    recording_frame_free(&replay->end);
    recording_store_free(&replay->in);
    recording_store_free(&replay->out);
    recording_store_free(&replay->again);
}
