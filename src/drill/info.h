/* SPDX-License-Identifier: MIT
 * The names that assertions may use for a connection: those of Linux's TCP_INFO, and the members of
 * struct weir_tcp_info as they are. */
#ifndef WEIR_DRILL_INFO_H
#define WEIR_DRILL_INFO_H

#include "weir/tcp.h"

/* The value of `name` in *info (NULL: there is no connection any more, which is tcpi_state 7 and
 * nothing else). False: no such name, or one of Linux's that weir has no figure for. */
bool info_value(const struct weir_tcp_info *info, const char *name, int64_t *value);

#endif
