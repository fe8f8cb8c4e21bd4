/* SPDX-License-Identifier: MIT
 * Datagram endpoints: UDP (RFC 768), and ICMP echo, whose identifier takes the place of the port.
 *
 * A local address and port belong to one endpoint at most; one for any address may stand beside
 * those for single addresses. A datagram goes to the endpoint of its address and port, or else to
 * the one for any address; an endpoint connected to the sender comes before one that is not
 * connected, and one connected to somebody else gets nothing. Datagrams to groups and broadcasts go
 * to the endpoint for any address. */
#ifndef WEIR_UDP_H
#define WEIR_UDP_H

#include "weir/stack.h"

#ifdef __cplusplus
extern "C" {
#endif

enum weir_datagram_kind {
    WEIR_DATAGRAM_UDP = 0,
    WEIR_DATAGRAM_ECHO /* sends echo requests, receives the replies; see struct weir_datagram */
};

enum {
    WEIR_UDP_BYTES_DEFAULT = 212992, /* of each queue */
    WEIR_UDP_BYTES_MAX = 1 << 25,
    WEIR_UDP_RECORD_BYTES = 56, /* what a queue counts for a datagram beside its bytes, receiving ... */
    WEIR_UDP_SEND_RECORD_BYTES = 80 /* ... and sending */
};

/* An endpoint to open; zero what is not needed. */
struct weir_udp_config {
    uint32_t size;            /* sizeof(struct weir_udp_config) of the caller */
    uint8_t kind;             /* enum weir_datagram_kind */
    bool checksum_off;        /* UDP over IPv4 is sent without a checksum */
    uint16_t port;            /* local; 0: chosen at random, 49152 ... 65535 (RFC 6056) */
    struct weir_addr address; /* local; all zeros: any, of both families */
    uint32_t receive_bytes_max; /* of queued datagrams, at most WEIR_UDP_BYTES_MAX; 0: the default */
    uint32_t send_bytes_max;    /* the same for sending */
    uint64_t user;              /* comes back with events */
};

/* What goes with a datagram: on receiving where it came from and how, on sending where to and how.
 * */
struct weir_datagram {
    struct weir_addr remote; /* sending: all zeros: the connected one */
    struct weir_addr local;  /* receiving: where it was sent to, which may be a group; sending: one of
                                the stack's own addresses, or all zeros: the stack chooses */
    uint16_t remote_port;    /* of ECHO: the sequence number */
    uint16_t local_port;     /* receiving; of ECHO: the identifier */
    uint32_t ifindex;        /* 1 + the interface it came in or is to leave by; sending, 0: by route */
    uint8_t hop_limit;       /* sending, 0: 64, or 1 to a multicast group (RFC 1112 6.1) */
    uint8_t traffic_class;   /* DSCP and ECN */
    bool dont_fragment;      /* sending: refuse (WEIR_E_RANGE) what does not fit the path MTU */
    weir_time time;          /* receiving: when it arrived */
};

/* Open an endpoint; *handle is its name. Errors: WEIR_E_INVALID, WEIR_E_EXISTS (address and port
 * are taken), WEIR_E_NOT_FOUND (not an address of ours), WEIR_E_EXHAUSTED (udp_endpoints_max,
 * ports).
 * Bound: constant with a port given; otherwise linear in the ports taken next to the one drawn. */
WEIR_API int weir_udp_open(weir_stack *stack, const struct weir_udp_config *config,
                           weir_handle *handle);

/* Fix the peer: only its datagrams are received from now on, and errors about what was sent to it
 * are returned by the next call that sends or receives. NULL or all zeros takes it back. Without a
 * peer, errors are told by ADVICE events only, for they say nothing of other destinations.
 * Errors: WEIR_E_STALE, WEIR_E_INVALID (port 0 with UDP, a family other than that of the local
 * address). */
WEIR_API int weir_udp_connect(weir_stack *stack, weir_handle handle, const struct weir_addr *remote,
                              uint16_t port);

/* The local address and port, and the peer of a connected endpoint; the rest is zero. Errors:
 * WEIR_E_STALE. */
WEIR_API int weir_udp_name(const weir_stack *stack, weir_handle handle, struct weir_datagram *name);

/* Queue a datagram, copied from the caller; it leaves with weir_stack_output(). `to` NULL: the
 * connected peer.
 * Errors, nothing queued: WEIR_E_STALE, WEIR_E_INVALID (no or an impossible destination, interface
 * or combination of families), WEIR_E_NOT_FOUND (local is not ours), WEIR_E_RANGE (too long: 65,507
 * bytes over IPv4, 65,527 over IPv6, less with dont_fragment or a smaller send_bytes_max),
 * WEIR_E_WOULD_BLOCK (the send queue is full, or holds short datagrams and this one is longer than
 * 16 KB: WRITABLE comes when it fits), WEIR_E_EXHAUSTED (no packet memory; no event will come),
 * WEIR_E_UNREACHABLE (no route), and an error about an earlier datagram, once (WEIR_E_REFUSED,
 * WEIR_E_UNREACHABLE, WEIR_E_RANGE). Bound: linear in len. */
WEIR_API int weir_udp_send(weir_stack *stack, weir_handle handle, const struct weir_datagram *to,
                           const void *data, size_t len);

/* Take the oldest datagram: answers its length, of which at most `size` bytes were copied to data;
 * the rest is gone. `from` may be NULL. Errors: WEIR_E_STALE, WEIR_E_WOULD_BLOCK (none), and an
 * error about a datagram sent, once, as above. */
WEIR_API int weir_udp_receive(weir_stack *stack, weir_handle handle, struct weir_datagram *from,
                              void *data, size_t size);

/* The level behind the events. READABLE: weir_udp_receive() has a datagram or an error to give;
 * WRITABLE: the last weir_udp_send() was not refused with WOULD_BLOCK, or would not be any more.
 * 0 for a stale handle. */
WEIR_API uint32_t weir_udp_ready(const weir_stack *stack, weir_handle handle);

/* Close it: what is queued for sending still leaves, what was received is gone. The handle is stale
 * from here on; its CLOSED event follows. Errors: WEIR_E_STALE. */
WEIR_API int weir_udp_close(weir_stack *stack, weir_handle handle);

#ifdef __cplusplus
}
#endif

#endif
