/* SPDX-License-Identifier: MIT
 * The small services over TCP: echo (RFC 862), discard (RFC 863), chargen (RFC 864), daytime (RFC
 * 867), time (RFC 868). */
#ifndef WEIR_CLI_TCP_SERVICES_H
#define WEIR_CLI_TCP_SERVICES_H

#include "tcp_host.h"

enum {
    TCP_SERVICES_MAX = 5,
    TCP_SERVICES_BUFFER = 65536 /* what one turn moves at most */
};

/* The fields are the services' own. */
struct tcp_services {
    struct tcp_service service[TCP_SERVICES_MAX];
    uint8_t buffer[TCP_SERVICES_BUFFER];
};

/* Fill in the services, in the order of services.h. */
void tcp_services_init(struct tcp_services *services);

/* Listen for those of `set`, as bits. False: a line was printed. */
bool tcp_services_open(struct tcp_services *services, struct tcp_host *host, unsigned set);

#endif
