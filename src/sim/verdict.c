/* SPDX-License-Identifier: MIT */
#include "sim/verdict.h"

#include <stdarg.h>
#include <stdio.h>

void verdict_fail(struct verdict *verdict, weir_time now, const char *id, const char *format, ...)
{
    va_list args;
    if (verdict->failed)
        return;
    verdict->failed = true;
    verdict->time = now;
    snprintf(verdict->id, sizeof verdict->id, "%s", id);
    va_start(args, format);
    vsnprintf(verdict->text, sizeof verdict->text, format, args);
    va_end(args);
    if (verdict->sim != NULL)
        sim_interrupt(verdict->sim);
}
