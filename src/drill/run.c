/* SPDX-License-Identifier: MIT
 * Running a script: its events in order, each at its time, and the packets of the stack against those
 * that the script expects next. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/calls.h"
#include "drill/expr.h"
#include "drill/host.h"
#include "drill/info.h"
#include "drill/report.h"
#include "drill/settings.h"
#include "drill/symbols.h"

enum { WAITING_MAX = 8, PACKET_TEXT_MAX = 280 };

/* How long an event without a time is waited for. */
static const weir_time any_time_max = 3 * 24 * 3600 * WEIR_NS_PER_S;

struct run {
    struct script *script;
    struct settings settings;
    struct report report;
    struct drill_result *result;
    struct drill_host host;
    struct packet_world packets;
    struct call_world calls;
    struct call waiting[WAITING_MAX]; /* calls that block while the script goes on */
    unsigned waiting_count;
    struct expr_variables variables;
    weir_time base; /* what relative times count from */
    uint8_t packet[PACKET_BYTES_MAX];
};

/* ---- ends ---- */

static bool over(const struct run *r)
{
    return r->result->verdict == DRILL_BROKEN ||
           (r->result->verdict == DRILL_FAILED && !r->settings.goes_on);
}

/* The first fault ends the run, unless it is to go on. */
static void end(struct run *r, enum drill_verdict verdict, unsigned line)
{
    if (r->result->verdict == DRILL_PASSED)
        r->result->line = line;
    r->result->verdict = verdict;
}

static void broken(struct run *r, unsigned line, const char *text)
{
    if (over(r))
        return;
    report_fail(&r->report, line, "%s", text);
    end(r, DRILL_BROKEN, line);
}

static void log_packet(struct run *r, weir_time time, const struct script_packet *p)
{
    char text[PACKET_TEXT_MAX];
    packet_text(p, NULL, r->settings.ip6, text, sizeof text);
    report_log(&r->report, time, "%s", text);
}

/* ---- packets of the stack ---- */

static void fail_packet(struct run *r, const struct script_event *event, const char *what,
                        const struct script_packet *actual, weir_time time)
{
    char text[PACKET_TEXT_MAX], when[32];
    report_fail(&r->report, event->line, "%s", what);
    if (event->kind == SCRIPT_PACKET && event->packet->out) {
        packet_text(event->packet, NULL, r->settings.ip6, text, sizeof text);
        report_add(&r->report, "expected  %s  %s",
                   event->when.kind == SCRIPT_TIME_ANY ? "at any time" : report_time(r->base, when),
                   text);
        packet_text(actual, event->packet, r->settings.ip6, text, sizeof text);
    } else {
        packet_text(actual, NULL, r->settings.ip6, text, sizeof text);
    }
    report_add(&r->report, "actual    %s  %s", report_time(time, when), text);
    report_history(&r->report);
    end(r, DRILL_FAILED, event->line);
}

/* A packet that nothing in the script stands for. */
static void fail_stray(struct run *r, const struct script_event *event, struct drill_out *out)
{
    struct script_packet actual;
    const char *why;
    bool good = packet_read(&r->packets, out->bytes, out->len, NULL, &actual, &why);
    if (!good)
        report_add(&r->report, "what is more, of this packet: %s", why);
    if (event->kind == SCRIPT_PACKET && event->packet->out) {
        fail_packet(r, event, "a packet was sent too early", &actual, out->time);
    } else {
        char text[PACKET_TEXT_MAX], when[32];
        packet_text(&actual, NULL, r->settings.ip6, text, sizeof text);
        report_fail(&r->report, event->line, "a packet was sent that is not in the script");
        report_add(&r->report, "actual    %s  %s", report_time(out->time, when), text);
        report_history(&r->report);
        end(r, DRILL_FAILED, event->line);
    }
    free(out);
}

/* Before `event`, at `time`: nothing that was sent earlier may be left over. */
static void check_strays(struct run *r, const struct script_event *event, weir_time time)
{
    if (!over(r) && r->host.first != NULL && r->host.first->time + r->settings.tolerance < time)
        fail_stray(r, event, drill_host_take(&r->host));
    if (!over(r) && r->host.fault != NULL) {
        report_fail(&r->report, event->line, "%s", r->host.fault);
        report_history(&r->report);
        end(r, DRILL_FAILED, event->line);
        r->host.fault = NULL;
    }
}

/* ---- calls ---- */

/* A call is done, and well, or not. */
static void call_ended(struct run *r, const struct call *call, enum call_state state)
{
    unsigned line = call->event->line;
    char now[32], then[32];
    weir_time late = r->host.now - call->end;
    if (state == CALL_BROKEN) {
        broken(r, line, call->text);
    } else if (state == CALL_FAILED) {
        report_fail(&r->report, line, "%s", call->text);
        report_history(&r->report);
        end(r, DRILL_FAILED, line);
    } else if (call->event->when.blocks &&
               (late > r->settings.tolerance || -late > r->settings.tolerance)) {
        report_fail(&r->report, line, "%s() ended at %s and should at %s",
                    call->event->call->name, report_time(r->host.now, now),
                    report_time(call->end, then));
        report_history(&r->report);
        end(r, DRILL_FAILED, line);
    } else {
        report_log(&r->report, r->host.now, "%s() is as line %u says", call->event->call->name,
                   line);
    }
}

static void forget_waiting(struct run *r, unsigned i)
{
    r->waiting_count--;
    memmove(&r->waiting[i], &r->waiting[i + 1], (r->waiting_count - i) * sizeof r->waiting[i]);
}

/* Let calls that wait look again. */
static void try_waiting(struct run *r)
{
    for (unsigned i = 0; i < r->waiting_count && !over(r);) {
        struct call *call = &r->waiting[i];
        enum call_state state = call_try(&r->calls, call, r->host.now);
        if (state == CALL_WAITS) {
            i++;
            continue;
        }
        call_ended(r, call, state);
        forget_waiting(r, i);
        drill_host_settle(&r->host);
    }
    for (unsigned i = 0; i < r->waiting_count && !over(r);) {
        const struct call *call = &r->waiting[i];
        if (r->host.now <= call->end + r->settings.tolerance) {
            i++;
            continue;
        }
        char then[32];
        report_fail(&r->report, call->event->line, "%s() still waits and should have ended at %s",
                    call->event->call->name, report_time(call->end, then));
        report_history(&r->report);
        end(r, DRILL_FAILED, call->event->line);
        forget_waiting(r, i);
    }
}

/* ---- time ---- */

/* The stack waits for nothing that is earlier than `limit`. */
static weir_time next_wake(const struct run *r, weir_time limit)
{
    for (unsigned i = 0; i < r->waiting_count; i++) {
        weir_time late = r->waiting[i].end + r->settings.tolerance + 1;
        limit = r->waiting[i].wake < limit ? r->waiting[i].wake : limit;
        limit = late < limit ? late : limit;
    }
    return limit > r->host.now ? limit : r->host.now;
}

/* Let time pass to `limit` at most, up to the next thing that happens. False: time is `limit`. */
static bool step(struct run *r, weir_time limit)
{
    (void)drill_host_step(&r->host, next_wake(r, limit));
    try_waiting(r);
    return r->host.now < limit;
}

/* Let time pass up to `time`, for `event`. */
static void move_to(struct run *r, const struct script_event *event, weir_time time)
{
    while (!over(r) && r->host.now < time) {
        (void)step(r, time);
        check_strays(r, event, r->host.now);
    }
}

/* ---- events ---- */

static void run_expected(struct run *r, const struct script_event *event, weir_time from,
                         weir_time to)
{
    struct script_packet actual;
    char text[200], fields[160], when[32];
    const char *why;
    bool any = event->when.kind == SCRIPT_TIME_ANY;
    weir_time limit = any ? r->host.now + any_time_max : to + r->settings.tolerance;
    while (!over(r) && r->host.first == NULL && r->host.now < limit)
        (void)step(r, limit);
    if (over(r))
        return;
    struct drill_out *out = drill_host_take(&r->host);
    r->base = any || to > from ? (out != NULL ? out->time : r->host.now) : from;
    if (out == NULL) {
        report_fail(&r->report, event->line, "no packet was sent by %s",
                    report_time(r->host.now, when));
        report_history(&r->report);
        end(r, DRILL_FAILED, event->line);
        return;
    }
    bool good =
        packet_read(&r->packets, out->bytes, out->len, event->packet, &actual, &why);
    unsigned differs = packet_differs(event->packet, &actual);
    packet_fields_text(differs, fields, sizeof fields);
    snprintf(text, sizeof text, "the packet differs in: %s", fields);
    if (differs != 0) {
        fail_packet(r, event, text, &actual, out->time);
        if (!good)
            report_add(&r->report, "what is more, of this packet: %s", why);
    } else if (!good) {
        fail_packet(r, event, why, &actual, out->time);
    } else if (!any && (out->time + r->settings.tolerance < from ||
                        out->time > to + r->settings.tolerance)) {
        r->base = from;
        fail_packet(r, event, "the packet was sent at another time", &actual, out->time);
    } else {
        log_packet(r, out->time, &actual);
    }
    free(out);
}

static void run_packet_in(struct run *r, const struct script_event *event)
{
    const char *why;
    uint32_t len = packet_make(&r->packets, event->packet, r->packet, &why);
    if (len == 0) {
        broken(r, event->line, why);
        return;
    }
    log_packet(r, r->host.now, event->packet);
    drill_host_input(&r->host, r->packet, len, event->packet->more);
    try_waiting(r);
}

/* A call that has to be done before the script goes on. */
static void wait_for(struct run *r, struct call *call)
{
    enum call_state state;
    while ((state = call_try(&r->calls, call, r->host.now)) == CALL_WAITS && !over(r)) {
        weir_time limit = r->host.now + any_time_max;
        if (call->wake < limit)
            limit = call->wake;
        drill_host_settle(&r->host);
        if (!drill_host_step(&r->host, next_wake(r, limit)) && r->host.now < call->wake) {
            report_fail(&r->report, call->event->line, "%s() waits for ever",
                        call->event->call->name);
            report_history(&r->report);
            end(r, DRILL_FAILED, call->event->line);
            return;
        }
        try_waiting(r);
    }
    if (!over(r))
        call_ended(r, call, state);
}

static void run_call(struct run *r, const struct script_event *event, weir_time base)
{
    struct call call;
    call_begin(&call, event, r->host.now);
    call.end = event->when.end + (event->when.end_relative ? base : 0);
    if (!event->when.blocks) {
        wait_for(r, &call);
    } else {
        enum call_state state = call_try(&r->calls, &call, r->host.now);
        if (state != CALL_WAITS)
            call_ended(r, &call, state);
        else if (r->waiting_count == WAITING_MAX)
            broken(r, event->line, "too many calls wait at one time");
        else
            r->waiting[r->waiting_count++] = call;
    }
    drill_host_settle(&r->host);
    try_waiting(r);
}

/* count_NAME: a counter of TCP as a whole; `stack` NULL: only whether there is one. */
static bool counter_value(const weir_stack *stack, const char *name, int64_t *value)
{
    struct weir_tcp_stats stats = {0};
    const char *counter;
    if (strncmp(name, "count_", 6) != 0)
        return false;
    if (stack != NULL)
        weir_tcp_stats(stack, &stats);
    for (unsigned i = 0; (counter = weir_tcp_counter_name(i)) != NULL; i++)
        if (strcmp(counter, name + 6) == 0) {
            *value = (int64_t)weir_tcp_counter(&stats, i);
            return true;
        }
    return false;
}

/* A name in an assertion. */
static bool name_value(void *ctx, const char *name, int64_t *value)
{
    struct run *r = ctx;
    struct weir_tcp_info info;
    if (symbol_number(name, value) || counter_value(r->host.stack, name, value))
        return true;
    const struct drill_socket *socket = call_last(&r->calls);
    bool found = socket != NULL && drill_socket_info(&r->calls.sockets, socket, &info);
    return info_value(found ? &info : NULL, name, value);
}

static void run_code(struct run *r, const struct script_event *event)
{
    char why[480];
    struct expr_names names = {.value = name_value, .ctx = r, .variables = &r->variables};
    enum expr_result result = expr_run(event->code, &names, false, why, sizeof why);
    if (result == EXPR_BROKEN) {
        broken(r, event->line, why);
    } else if (result == EXPR_FAILS) {
        report_fail(&r->report, event->line, "%s", why);
        report_history(&r->report);
        end(r, DRILL_FAILED, event->line);
    } else {
        report_log(&r->report, r->host.now, "assertions of line %u hold", event->line);
    }
}

static void run_event(struct run *r, const struct script_event *event)
{
    const struct script_time *when = &event->when;
    weir_time offset = when->kind == SCRIPT_TIME_RELATIVE ? r->base : 0, base = r->base;
    weir_time from = when->kind == SCRIPT_TIME_ANY ? r->host.now : offset + when->from;
    weir_time to = when->kind == SCRIPT_TIME_ANY ? from : offset + when->to;
    if (from < r->base && !r->settings.goes_on) {
        broken(r, event->line, "the time is before that of the event before");
        return;
    }
    if (event->kind == SCRIPT_PACKET && event->packet->out) {
        run_expected(r, event, from, to);
        return;
    }
    move_to(r, event, from);
    check_strays(r, event, r->host.now);
    if (over(r))
        return;
    r->base = from;
    if (event->kind == SCRIPT_PACKET)
        run_packet_in(r, event);
    else if (event->kind == SCRIPT_CALL)
        run_call(r, event, base);
    else
        run_code(r, event);
}

/* Behind the last event: calls that wait come to their ends, and nothing is left over. */
static void run_rest(struct run *r, const struct script_event *last)
{
    while (!over(r) && r->waiting_count > 0)
        (void)step(r, r->waiting[0].end + r->settings.tolerance + 1);
    if (!over(r) && r->host.first != NULL)
        fail_stray(r, last, drill_host_take(&r->host));
    check_strays(r, last, r->host.now);
}

/* ---- the whole ---- */

/* Is everything in the script known? Tells the first that is not. */
static bool name_any(void *ctx, const char *name, int64_t *value)
{
    (void)ctx;
    return symbol_number(name, value) || counter_value(NULL, name, value) ||
           info_value(NULL, name, value);
}

static void check_events(struct run *r)
{
    char why[480];
    struct expr_names names = {.value = name_any, .variables = &r->variables};
    for (const struct script_event *e = r->script->events; e != NULL && !over(r); e = e->next) {
        r->result->events++;
        if (e->kind == SCRIPT_CALL && !call_known(e->call, why, sizeof why))
            broken(r, e->line, why);
        if (e->kind == SCRIPT_CODE &&
            expr_run(e->code, &names, true, why, sizeof why) != EXPR_HOLDS)
            broken(r, e->line, why);
    }
}

static void run_events(struct run *r)
{
    const struct script_event *last = r->script->events;
    r->variables.count = 0; /* those of the check */
    r->result->events = 0;
    for (const struct script_event *e = r->script->events; e != NULL && !over(r); e = e->next) {
        run_event(r, e);
        r->result->events += !over(r);
        last = e;
    }
    if (last != NULL)
        run_rest(r, last);
}

static void set_up(struct run *r, const struct drill_options *options)
{
    const struct settings *s = &r->settings;
    bool ip6 = s->ip6;
    r->packets.ip6 = ip6;
    r->packets.local = ip6 ? s->local6 : s->local4;
    r->packets.remote = ip6 ? s->remote6 : s->remote4;
    r->packets.bind_port = s->bind_port;
    r->packets.stamp_ticks = s->stamp_ticks;
    r->calls.packets = &r->packets;
    r->calls.last_fd = -1;
    r->calls.bind_name = (struct drill_name){r->packets.local, s->bind_port};
    r->calls.connect_name = (struct drill_name){r->packets.remote, s->connect_port};
    struct drill_host_config config = {.stack = s->stack,
                                       .mtu_bytes = s->mtu_bytes,
                                       .local4 = s->local4,
                                       .local6 = s->local6,
                                       .prefix4_len = 16,
                                       .prefix6_len = 64,
                                       .capture = options->capture,
                                       .capture_interface = options->capture_interface};
    char why[160];
    if (drill_host_open(&r->host, &config, why, sizeof why) != WEIR_OK) {
        broken(r, 1, why);
        return;
    }
    r->calls.sockets.stack = r->host.stack;
    run_events(r);
    r->result->packets = r->host.packets_in + r->host.packets_out;
    r->result->time = r->host.now;
    drill_host_close(&r->host);
}

void drill_run(struct drill_result *result, const char *name, const char *text, size_t len,
               const struct drill_options *options)
{
    struct script script;
    struct run *r = calloc(1, sizeof *r);
    *result = (struct drill_result){.verdict = DRILL_PASSED};
    bool parsed = script_parse(&script, name, text, len, options);
    if (r == NULL) {
        result->verdict = DRILL_BROKEN;
        script_free(&script);
        return;
    }
    r->script = &script;
    r->result = result;
    report_begin(&r->report, &script, options->verbose);
    if (!parsed || !settings_read(&r->settings, &script, options))
        broken(r, script.error_line, script.error);
    check_events(r);
    if (!over(r) && !options->check)
        set_up(r, options);
    result->report = report_end(&r->report);
    free(r);
    script_free(&script);
}
