/* SPDX-License-Identifier: MIT
 * Every input of a stack, told as it comes: with these, the same configuration and the same secret,
 * another stack does the same again, byte for byte. `weir host --record` writes them to a file. */
#ifndef WEIR_RECORD_H
#define WEIR_RECORD_H

#include "weir/event.h"
#include "weir/iface.h"
#include "weir/packet.h"
#include "weir/tcp.h"
#include "weir/types.h"
#include "weir/udp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, name): the calls that change a stack or take something out of it, by their names without
 * "weir_". Those that only look (weir_tcp_info(), weir_stack_deadline() ...) are not told. */
#define WEIR_CALLS(X)                                                                              \
    X(STACK_INIT, stack_init)                                                                      \
    X(STACK_ADD_IFACE, stack_add_iface)                                                            \
    X(STACK_INPUT, stack_input)                                                                    \
    X(STACK_OUTPUT, stack_output)                                                                  \
    X(STACK_ADVANCE, stack_advance)                                                                \
    X(STACK_EVENTS, stack_events)                                                                  \
    X(STACK_ADD_ADDRESS, stack_add_address)                                                        \
    X(STACK_REMOVE_ADDRESS, stack_remove_address)                                                  \
    X(STACK_ADD_ROUTE, stack_add_route)                                                            \
    X(STACK_REMOVE_ROUTE, stack_remove_route)                                                      \
    X(STACK_SET_MTU, stack_set_mtu)                                                                \
    X(UDP_OPEN, udp_open)                                                                          \
    X(UDP_CONNECT, udp_connect)                                                                    \
    X(UDP_SEND, udp_send)                                                                          \
    X(UDP_RECEIVE, udp_receive)                                                                    \
    X(UDP_CLOSE, udp_close)                                                                        \
    X(TCP_OPEN, tcp_open)                                                                          \
    X(TCP_SET, tcp_set)                                                                            \
    X(TCP_CONNECT, tcp_connect)                                                                    \
    X(TCP_LISTEN, tcp_listen)                                                                      \
    X(TCP_ACCEPT, tcp_accept)                                                                      \
    X(TCP_ASKED, tcp_asked)                                                                        \
    X(TCP_DECIDE, tcp_decide)                                                                      \
    X(TCP_SEND, tcp_send)                                                                          \
    X(TCP_RECEIVE, tcp_receive)                                                                    \
    X(TCP_SHUTDOWN, tcp_shutdown)                                                                  \
    X(TCP_CLOSE, tcp_close)                                                                        \
    X(TCP_ABORT, tcp_abort)                                                                        \
    X(TCP_ERROR, tcp_error)

enum weir_call {
#define X(NAME, name) WEIR_CALL_##NAME,
    WEIR_CALLS(X)
#undef X
        WEIR_CALL_COUNT
};

/* Half a call: its beginning, with what goes in, or its end, with what came out. The two follow each
 * other, and calls do not nest. What a call does not have is zero.
 * Owner: all pointers are the caller's or the stack's, for the time of the hook. */
struct weir_record {
    uint8_t call; /* enum weir_call */
    bool done;    /* this is its end */

    /* The beginning. */
    weir_time now;      /* of the calls that bring time: as the caller gave it */
    weir_handle handle; /* what the call is about; at the end of OPEN, ACCEPT, ASKED: what it gave */
    unsigned ifindex;
    uint32_t number[2]; /* prefix_len; mtu_bytes; max; setting and value; port; backlog; verdict; how;
                           flags */
    uint64_t size;      /* of the buffer to fill; of SEND, the bytes that are offered; of ACCEPT, user */
    const struct weir_addr *addr, *gateway; /* `remote` or `prefix`, too */
    const struct weir_config *config;       /* of STACK_INIT; its secret is that of the stack */
    const struct weir_iface_config *iface;
    const struct weir_udp_config *udp;
    const struct weir_tcp_config *tcp;
    const struct weir_datagram *datagram; /* of UDP_SEND `to`; at the end of UDP_RECEIVE `from` */
    const struct weir_rx *rx;             /* `count` of them */

    /* The end. */
    int64_t result;     /* what the call answers; of STACK_INIT 1 */
    unsigned count;     /* of packets and events */
    struct weir_ref data; /* what was sent of what was offered, or received */
    const struct weir_tx *tx;
    const struct weir_event *events;
    const struct weir_tcp_request *request;
};

/* The name of a call ("tcp_send"); "?" for a number that is none. */
WEIR_API const char *weir_call_name(unsigned call);

#ifdef __cplusplus
}
#endif

#endif
