/* SPDX-License-Identifier: MIT
 * The names of Linux that scripts use. */
#ifndef WEIR_DRILL_SYMBOLS_H
#define WEIR_DRILL_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

/* The levels of socket options that are weir's own: SOL_WEIR has the settings of weir/tcp.h by their
 * names (DELAYED_ACK_MS), numbered from 0. */
enum { SYMBOL_SOL_WEIR = 0x77656972 };

enum { SYMBOL_TCPI_OPT_SYN_DATA = 32 };

/* Numbers of TCP_INFO's tcpi_state that system headers keep among their enums. */
enum symbol_tcp_state {
    SYMBOL_TCP_ESTABLISHED = 1,
    SYMBOL_TCP_SYN_SENT,
    SYMBOL_TCP_SYN_RECV,
    SYMBOL_TCP_FIN_WAIT1,
    SYMBOL_TCP_FIN_WAIT2,
    SYMBOL_TCP_TIME_WAIT,
    SYMBOL_TCP_CLOSE,
    SYMBOL_TCP_CLOSE_WAIT,
    SYMBOL_TCP_LAST_ACK,
    SYMBOL_TCP_LISTEN,
    SYMBOL_TCP_CLOSING
};

/* The number behind a name (AF_INET, MSG_OOB, ...); false: it is none of ours. */
bool symbol_number(const char *name, int64_t *number);

/* An errno by its name; 0: it is none of ours. And the name of one; "?". */
int symbol_errno(const char *name);
const char *symbol_errno_name(int number);

#endif
