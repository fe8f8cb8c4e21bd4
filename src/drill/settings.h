/* SPDX-License-Identifier: MIT
 * The settings that a script begins with, --name=value, and their defaults. */
#ifndef WEIR_DRILL_SETTINGS_H
#define WEIR_DRILL_SETTINGS_H

#include "drill/script.h"
#include "weir/config.h"

struct settings {
    weir_time tolerance;
    bool ip6;
    bool goes_on; /* --non_fatal: failures are reported, and the script goes on */
    uint32_t mtu_bytes;
    struct weir_addr local4, local6, remote4, remote6;
    uint16_t bind_port, connect_port;
    uint32_t stamp_ticks; /* --tcp_ts_tick_usecs: timestamps are checked */
    struct weir_config stack; /* any limit of weir/config.h by its name */
};

/* Read them. False: script->error says what is wrong with them. */
bool settings_read(struct settings *settings, struct script *script,
                   const struct drill_options *options);

#endif
