/* SPDX-License-Identifier: MIT
 * The names and texts of error codes, drop reasons, counters and calls. */
#include "weir/drop.h"
#include "weir/error.h"
#include "weir/record.h"
#include "weir/stats.h"
#include "weir/version.h"

const char *weir_strerror(int error)
{
    static const char *const text[] = {
        "success",
#define X(name, text) text,
        WEIR_ERRORS(X)
#undef X
    };
    if (error > 0 || error <= -(int)WEIR_ERROR_END)
        return "unknown error";
    return text[-error];
}

const char *weir_call_name(unsigned call)
{
    static const char *const name[WEIR_CALL_COUNT] = {
#define X(NAME, name) #name,
        WEIR_CALLS(X)
#undef X
    };
    return call < WEIR_CALL_COUNT ? name[call] : "?";
}

const char *weir_drop_name(unsigned reason)
{
    static const char *const name[WEIR_DROP_COUNT] = {
        "none",
#define X(name, text) #name,
        WEIR_DROPS(X)
#undef X
    };
    return reason < WEIR_DROP_COUNT ? name[reason] : 0;
}

const char *weir_drop_text(unsigned reason)
{
    static const char *const text[WEIR_DROP_COUNT] = {
        "not dropped",
#define X(name, text) text,
        WEIR_DROPS(X)
#undef X
    };
    return reason < WEIR_DROP_COUNT ? text[reason] : 0;
}

const char *weir_counter_name(unsigned counter)
{
    static const char *const name[WEIR_COUNTER_COUNT] = {
#define X(name, meaning) #name,
        WEIR_COUNTERS(X)
#undef X
    };
    return counter < WEIR_COUNTER_COUNT ? name[counter] : 0;
}

const char *weir_counter_text(unsigned counter)
{
    static const char *const text[WEIR_COUNTER_COUNT] = {
#define X(name, meaning) meaning,
        WEIR_COUNTERS(X)
#undef X
    };
    return counter < WEIR_COUNTER_COUNT ? text[counter] : 0;
}

const char *weir_version(void)
{
    return WEIR_VERSION;
}
