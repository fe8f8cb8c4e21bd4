/* SPDX-License-Identifier: MIT
 * What holds for every segment of a connection, whatever a script expects. */
#ifndef WEIR_DRILL_WATCH_H
#define WEIR_DRILL_WATCH_H

#include "drill/packet.h"
#include "wire/tcp.h"

/* A segment, in the numbers of the wire. */
struct watch_segment {
    const struct tcp_header *header;
    struct weir_ref options;
    uint32_t len; /* of the payload */
};

/* The peer sends it. */
void watch_in(struct packet_watch *watch, const struct watch_segment *segment);

/* The stack has sent it: what is wrong with it; NULL: nothing. `begins`: its SYN begins another
 * connection. */
const char *watch_out(struct packet_watch *watch, const struct watch_segment *segment, bool begins);

#endif
