/* SPDX-License-Identifier: MIT
 * Socket options of Linux as settings of an endpoint. */
#ifndef WEIR_DRILL_OPTIONS_H
#define WEIR_DRILL_OPTIONS_H

#include "weir/tcp.h"

/* The setting behind a socket option; false: there is none. Of SYMBOL_SOL_WEIR all are, by number. */
bool option_setting(int level, int name, enum weir_tcp_setting *setting);

bool option_is_switch(enum weir_tcp_setting setting);
bool option_in_range(enum weir_tcp_setting setting, uint32_t value);
uint32_t option_default(enum weir_tcp_setting setting);

#endif
