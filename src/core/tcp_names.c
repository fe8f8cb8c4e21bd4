/* SPDX-License-Identifier: MIT
 * The names and texts of what TCP has: settings, states, timers, counters. */
#include "base/mem.h"
#include "weir/tcp.h"

const char *weir_tcp_setting_name(unsigned setting)
{
    static const char *const name[WEIR_TCP_SETTING_COUNT] = {
#define X(name, value, low, high, meaning) #name,
        WEIR_TCP_SETTINGS(X)
#undef X
    };
    return setting < WEIR_TCP_SETTING_COUNT ? name[setting] : NULL;
}

const char *weir_tcp_setting_text(unsigned setting)
{
    static const char *const text[WEIR_TCP_SETTING_COUNT] = {
#define X(name, value, low, high, meaning) meaning,
        WEIR_TCP_SETTINGS(X)
#undef X
    };
    return setting < WEIR_TCP_SETTING_COUNT ? text[setting] : NULL;
}

/* As RFC 9293 writes them. */
const char *weir_tcp_state_name(unsigned state)
{
    static const char *const name[] = {
        [WEIR_TCP_CLOSED] = "CLOSED",           [WEIR_TCP_LISTEN] = "LISTEN",
        [WEIR_TCP_SYN_SENT] = "SYN-SENT",       [WEIR_TCP_SYN_RECEIVED] = "SYN-RECEIVED",
        [WEIR_TCP_ESTABLISHED] = "ESTABLISHED", [WEIR_TCP_FIN_WAIT_1] = "FIN-WAIT-1",
        [WEIR_TCP_FIN_WAIT_2] = "FIN-WAIT-2",   [WEIR_TCP_CLOSE_WAIT] = "CLOSE-WAIT",
        [WEIR_TCP_LAST_ACK] = "LAST-ACK",       [WEIR_TCP_CLOSING] = "CLOSING",
        [WEIR_TCP_TIME_WAIT] = "TIME-WAIT",
    };
    return state >= WEIR_TCP_CLOSED && state < sizeof name / sizeof name[0] ? name[state] : "?";
}

const char *weir_tcp_recovery_name(unsigned recovery)
{
    static const char *const name[] = {
        [WEIR_TCP_OPEN] = "open",
        [WEIR_TCP_DISORDER] = "disorder",
        [WEIR_TCP_RECOVERY] = "recovery",
        [WEIR_TCP_LOSS] = "loss",
    };
    return recovery < sizeof name / sizeof name[0] ? name[recovery] : "?";
}

const char *weir_tcp_limit_name(unsigned limit)
{
    static const char *const name[] = {
        [WEIR_TCP_LIMIT_APPLICATION] = "application",
        [WEIR_TCP_LIMIT_WINDOW] = "peer window",
        [WEIR_TCP_LIMIT_CWND] = "cwnd",
        [WEIR_TCP_LIMIT_BUFFER] = "send buffer",
        [WEIR_TCP_LIMIT_PACING] = "pacing",
    };
    return limit < sizeof name / sizeof name[0] ? name[limit] : "?";
}

const char *weir_tcp_timer_name(unsigned timer)
{
    static const char *const name[] = {
        [WEIR_TCP_TIMER_NONE] = "none",
        [WEIR_TCP_TIMER_RETRANSMIT] = "retransmit",
        [WEIR_TCP_TIMER_PERSIST] = "persist",
        [WEIR_TCP_TIMER_DELAYED_ACK] = "delayed ack",
        [WEIR_TCP_TIMER_KEEPALIVE] = "keepalive",
        [WEIR_TCP_TIMER_FIN_WAIT_2] = "fin-wait-2",
        [WEIR_TCP_TIMER_TIME_WAIT] = "time-wait",
        [WEIR_TCP_TIMER_CORK] = "cork",
        [WEIR_TCP_TIMER_ORPHAN] = "orphan",
    };
    return timer < sizeof name / sizeof name[0] ? name[timer] : "?";
}

enum {
#define X(name, meaning) COUNTER_##name,
    WEIR_TCP_COUNTERS(X)
#undef X
        COUNTER_COUNT
};

_Static_assert(sizeof(struct weir_tcp_stats) == COUNTER_COUNT * sizeof(uint64_t),
               "the struct is its counters in their order");

const char *weir_tcp_counter_name(unsigned i)
{
    static const char *const name[COUNTER_COUNT] = {
#define X(name, meaning) #name,
        WEIR_TCP_COUNTERS(X)
#undef X
    };
    return i < COUNTER_COUNT ? name[i] : NULL;
}

const char *weir_tcp_counter_text(unsigned i)
{
    static const char *const text[COUNTER_COUNT] = {
#define X(name, meaning) meaning,
        WEIR_TCP_COUNTERS(X)
#undef X
    };
    return i < COUNTER_COUNT ? text[i] : NULL;
}

uint64_t weir_tcp_counter(const struct weir_tcp_stats *stats, unsigned i)
{
    uint64_t value = 0;
    if (i < COUNTER_COUNT)
        memcpy(&value, (const uint8_t *)stats + i * sizeof value, sizeof value);
    return value;
}
