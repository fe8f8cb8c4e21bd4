/* SPDX-License-Identifier: MIT
 * What `weir netstat -v` says under each connection: its accounts, in lines of a title and what belongs
 * to it. Whatever an answer lacks is left out. */
#include <inttypes.h>
#include <string.h>

#include "netstat.h"

enum { NUMBER_MAX = 32, TIME_MAX = 24 };

static uint64_t number(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

/* With a comma after each three digits. */
static const char *grouped(char text[NUMBER_MAX], uint64_t value)
{
    char digits[NUMBER_MAX];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value), at = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = 0;
    return text;
}

static const char *bytes_of(char text[NUMBER_MAX], const json_t *object, const char *key)
{
    return grouped(text, number(object, key));
}

static const char *time_of(char text[TIME_MAX], uint64_t us)
{
    netstat_time(text, TIME_MAX, us);
    return text;
}

static void title(FILE *out, const char *text)
{
    fprintf(out, "    %-12s", text);
}

/* ---- the accounts ---- */

/* What limits it now is marked by a star. */
static void print_limits(const json_t *accounts, FILE *out)
{
    json_t *limits = json_object_get(accounts, "limited"), *limit;
    const char *now = json_string_value(json_object_get(accounts, "limit"));
    uint64_t sum = 0;
    size_t i;
    char time[TIME_MAX];
    if (limits == NULL || now == NULL)
        return;
    json_array_foreach(limits, i, limit)
        sum += number(limit, "us");
    title(out, "limited by");
    json_array_foreach(limits, i, limit)
    {
        const char *name = json_string_value(json_object_get(limit, "by"));
        uint64_t us = number(limit, "us"), count = number(limit, "count");
        if (count > 0 && name != NULL)
            fprintf(out, "  %s%s %.1f %% (%s, %" PRIu64 "x),", name,
                    strcmp(now, name) == 0 ? "*" : "",
                    sum > 0 ? (double)us * 100.0 / (double)sum : 0.0, time_of(time, us), count);
    }
    fprintf(out, "  of %s\n", time_of(time, sum));
}

static void print_segments(const json_t *c, const json_t *accounts, FILE *out)
{
    char a[NUMBER_MAX], b[NUMBER_MAX], d[NUMBER_MAX];
    title(out, "sent");
    fprintf(out, "  %s bytes acknowledged, %s segments (%s with data)\n",
            bytes_of(a, c, "bytes_acked"), bytes_of(b, c, "segments_out"),
            bytes_of(d, accounts, "data_segments_out"));
    title(out, "received");
    fprintf(out, "  %s bytes in order, %s segments (%s with data)\n",
            bytes_of(a, c, "bytes_received"), bytes_of(b, c, "segments_in"),
            bytes_of(d, accounts, "data_segments_in"));
    title(out, "loss");
    fprintf(out, "  %s segments sent again (%s bytes), %s fast recoveries, %s timeouts",
            bytes_of(a, c, "retransmits"), bytes_of(b, c, "bytes_retransmitted"),
            bytes_of(d, c, "fast_retransmits"), bytes_of((char[NUMBER_MAX]){0}, c, "timeouts"));
    fprintf(out, "; duplicate ACKs %s in, %s out\n", bytes_of(a, accounts, "dupacks_in"),
            bytes_of(b, accounts, "dupacks_out"));
}

/* ---- what it is now ---- */

static void print_congestion(const json_t *c, const json_t *accounts, FILE *out)
{
    char a[NUMBER_MAX], b[NUMBER_MAX], d[NUMBER_MAX];
    uint64_t ssthresh = number(c, "ssthresh_bytes");
    title(out, "congestion");
    fprintf(out, "  cwnd %s (%s at most), ssthresh %s, in flight %s",
            bytes_of(a, c, "cwnd_bytes"), bytes_of(b, accounts, "cwnd_bytes_max"),
            ssthresh != UINT32_MAX ? grouped(d, ssthresh) : "-",
            bytes_of((char[NUMBER_MAX]){0}, c, "in_flight_bytes"));
    fprintf(out, ", %s reductions, %s\n", bytes_of(a, accounts, "congestion_signals"),
            json_string_value(json_object_get(c, "recovery")));
}

static void print_buffers(const json_t *c, const json_t *accounts, FILE *out)
{
    char a[NUMBER_MAX], b[NUMBER_MAX];
    title(out, "buffers");
    fprintf(out, "  send %s of %s, receive %s of %s\n", bytes_of(a, c, "send_queue"),
            bytes_of(b, c, "send_buffer_bytes"),
            bytes_of((char[NUMBER_MAX]){0}, c, "receive_queue"),
            bytes_of((char[NUMBER_MAX]){0}, c, "receive_buffer_bytes"));
    title(out, "windows");
    fprintf(out, "  theirs %s (closed %s times), ours %s (closed %s times)\n",
            bytes_of(a, c, "snd_wnd_bytes"), bytes_of(b, accounts, "zero_windows_in"),
            bytes_of((char[NUMBER_MAX]){0}, c, "rcv_wnd_bytes"),
            bytes_of((char[NUMBER_MAX]){0}, accounts, "zero_windows_out"));
}

static void print_path(const json_t *c, FILE *out)
{
    char srtt[TIME_MAX], var[TIME_MAX], least[TIME_MAX], rto[TIME_MAX];
    title(out, "round trip");
    if (number(c, "srtt_us") > 0)
        fprintf(out, "  %s +- %s, %s at least, timeout %s\n", time_of(srtt, number(c, "srtt_us")),
                time_of(var, number(c, "rttvar_us")), time_of(least, number(c, "rtt_us_min")),
                time_of(rto, number(c, "rto_us")));
    else
        fprintf(out, "  not known, timeout %s\n", time_of(rto, number(c, "rto_us")));
    title(out, "path");
    fprintf(out, "  MTU %" PRIu64 " (at most %" PRIu64 "%s), segments of %" PRIu64 " out, %" PRIu64
                 " in\n",
            number(c, "path_mtu_bytes"), number(c, "path_mtu_bytes_max"),
            json_is_true(json_object_get(c, "path_mtu_probing")) ? ", being probed" : "",
            number(c, "snd_mss_bytes"), number(c, "rcv_mss_bytes"));
}

static void print_options(const json_t *c, FILE *out)
{
    const json_t *options = json_object_get(c, "options"), *option;
    const char *timer = json_string_value(json_object_get(c, "timer"));
    uint64_t user = number(c, "user_timeout_ms"), peer = number(c, "peer_user_timeout_ms");
    uint64_t stuck = number(c, "stuck_ms");
    char time[TIME_MAX];
    size_t i;
    title(out, "options");
    fputc(' ', out);
    json_array_foreach((json_t *)(uintptr_t)options, i, option)
        fprintf(out, " %s", json_string_value(option));
    if (json_array_size(options) == 0)
        fputs(" none", out);
    if (user > 0)
        fprintf(out, "; user timeout %s", time_of(time, user * 1000));
    if (peer > 0)
        fprintf(out, "; theirs %s", time_of(time, peer * 1000));
    fputc('\n', out);
    if (timer != NULL && json_object_get(c, "timer_in_ns") != NULL) {
        title(out, "timer");
        fprintf(out, "  %s in %s%s", timer, time_of(time, number(c, "timer_in_ns") / 1000),
                stuck > 0 ? "" : "\n");
        if (stuck > 0)
            fprintf(out, "; window closed for %s\n", time_of(time, stuck * 1000));
    }
}

void netstat_verbose(const json_t *connection, FILE *out)
{
    const json_t *accounts = json_object_get(connection, "accounts");
    if (json_object_get(connection, "send_buffer_bytes") == NULL)
        return; /* a listener or a record */
    if (accounts != NULL) {
        print_limits(accounts, out);
        print_segments(connection, accounts, out);
    }
    print_congestion(connection, accounts, out);
    print_buffers(connection, accounts, out);
    print_path(connection, out);
    print_options(connection, out);
}
