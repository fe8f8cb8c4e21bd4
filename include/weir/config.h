/* SPDX-License-Identifier: MIT
 * Everything about a stack that is decided before it starts. All memory is sized by it and taken at
 * init; nothing is allocated later, and each limit, when reached, is a counted outcome. */
#ifndef WEIR_CONFIG_H
#define WEIR_CONFIG_H

#include "weir/assert.h"
#include "weir/packet.h"
#include "weir/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, default, low, high, meaning): the limits, each with its unit in its name, and settings. */
#define WEIR_LIMITS(X)                                                                             \
    X(interfaces_max, 4, 1, 64, "interfaces of the stack")                                         \
    X(addresses_max, 16, 1, 1024, "own addresses, on all interfaces together")                     \
    X(routes_max, 32, 1, 4096, "routes")                                                           \
    X(neighbours_max, 1024, 8, 65536, "neighbour cache entries")                                   \
    X(neighbours_incomplete_max, 64, 1, 4096, "neighbours being resolved at one time")             \
    X(neighbour_queue_packets_max, 3, 1, 16, "packets that wait for one neighbour")                \
    X(path_mtus_max, 1024, 8, 65536, "destinations with a path MTU of their own")                  \
    X(reassemblies_max, 64, 1, 1024, "datagrams being put together from fragments")                \
    X(reassembly_fragments_max, 64, 2, 256, "fragments of one datagram; 64 KB at MTU 1500 is 45")  \
    X(reassembly_ip4_ms, 30000, 1000, 120000, "life of an incomplete IPv4 datagram")               \
    X(reassembly_ip6_ms, 60000, 1000, 120000, "life of an incomplete IPv6 datagram")               \
    X(replies_max, 256, 1, 4096, "stateless replies to be sent; half may wait for neighbours")      \
    X(icmp_errors_per_s_max, 200, 1, 100000, "ICMP errors and resets sent in a second")            \
    X(packet_memory_kb, 65536, 256, 1073741824, "payload on its way, both directions, in all")     \
    X(packet_memory_reserve_kb, 1024, 64, 1073741824, "part of it kept for data in sequence")      \
    X(packet_memory_overcommit_percent, 400, 100, 100000, "windows promised per memory present")   \
    X(udp_endpoints_max, 256, 0, 1048576, "UDP endpoints")                                         \
    X(tcp_endpoints_max, 1024, 0, 16777216, "TCP connections and listeners")                       \
    X(tcp_flights_max, 256, 0, 16777216, "TCP connections with data outstanding at one time")      \
    X(tcp_syn_received_max, 1024, 1, 1048576, "connections in SYN-RECEIVED before cookies")        \
    X(tcp_syn_cookies, 1, 0, 2, "SYN cookies: 0 never, 1 when that is reached, 2 always")          \
    X(tcp_verdict_ms, 3000, 10, 60000, "wait for weir_tcp_decide()")                               \
    X(tcp_time_wait_max, 16384, 1, 16777216, "connections in TIME-WAIT")                           \
    X(tcp_time_wait_ms, 60000, 1000, 240000, "twice the maximum segment lifetime (RFC 9293 3.4.2)") \
    X(tcp_fin_wait_2_ms, 60000, 1000, 7200000, "FIN-WAIT-2 of a connection that nobody holds")     \
    X(tcp_orphan_ms, 120000, 1000, 7200000, "held by nobody, while a peer that answers takes nothing") \
    X(tcp_stuck_ms, 10000, 100, 7200000, "closed window that pressure ends, sooner if it is high")  \
    X(tcp_pressure_percent, 12, 0, 90, "free packet memory below which the longest stuck go")      \
    X(tcp_quiet_ms, 0, 0, 240000, "quiet time after start: no segments (RFC 9293 3.4.3)")          \
    X(tcp_fast_open_pending_max, 64, 0, 65536, "connections open fast, before their handshake ends") \
    X(tcp_fast_open_paths_max, 256, 1, 65536, "peers whose fast open cookie, or refusal, is kept")   \
    X(tcp_accounts_max, 16777216, 0, 16777216, "connections with accounts; at most all")           \
    X(tcp_window_floor_bytes, 8192, 1024, 65535, "window that every connection may promise")       \
    X(tcp_syn_data, 1, 0, 1, "1: keep up to a segment of data that comes with a SYN")              \
    X(tcp_reassembly_ranges_max, 100, 4, 1024, "islands of data above a hole, a connection")       \
    X(tcp_sack_ranges_max, 128, 4, 1024, "ranges a peer has selectively acknowledged")             \
    X(ranges_max, 65536, 64, 16777216, "such ranges of all connections together")                  \
    X(advance_steps_max, 4096, 16, 1048576, "timer steps in one call of weir_stack_advance()")     \
    X(reverse_path, 0, 0, 2, "check of sources (RFC 3704): 0 off, 1 loose, 2 strict")              \
    X(accept_routers, 0, 0, 1, "1: take routes from router advertisements")

/* What a tap sees: every packet, where it enters or leaves an interface. */
struct weir_tap_packet {
    weir_time time;
    unsigned ifindex;
    unsigned drop;             /* enum weir_drop: why it was dropped; WEIR_DROP_NONE: it was not */
    const struct weir_rx *rx;  /* a received packet, after its verdict; or NULL and ... */
    const struct weir_tx *tx;  /* ... a packet to send */
};

/* A packet tap, for captures and counters of one's own. `fn` may be NULL. It is called from inside
 * the stack: it must not call the stack, and what it is given is valid for the call only. */
struct weir_tap {
    void (*fn)(void *ctx, const struct weir_tap_packet *packet);
    void *ctx;
};

/* Whoever is told of every call on the stack, as it begins and as it ends (weir/record.h). `fn` may be
 * NULL. The same holds for it as for a tap. */
struct weir_record;
struct weir_recorder {
    void (*fn)(void *ctx, const struct weir_record *record);
    void *ctx;
};

struct weir_config {
    uint32_t size; /* sizeof(struct weir_config) of the caller: lets the struct grow */
#define X(name, value, low, high, meaning) uint32_t name;
    WEIR_LIMITS(X)
#undef X
    uint64_t seed;             /* of choices that are not secret; same seed, same history */
    uint8_t secret[32];        /* keys sequence numbers, cookies and hash tables: from the OS's random
                                  source, or fixed for a replay */
    struct weir_assert on_assert; /* told of faults of weir or its caller; fn NULL: trap */
    struct weir_tap tap;
    struct weir_recorder recorder; /* is told the secret: give a recorded stack one of its own */
};

/* Set every field to its default, the secret to zeros.
 * Owner: the caller owns *config. Bound: constant. */
WEIR_API void weir_config_default(struct weir_config *config);

/* Is every value within its range, and do they go together?
 * Errors: WEIR_E_CONFIG, and `why` (size bytes, may be NULL when size is 0) names the field, its
 * value and what it must be; WEIR_E_INVALID when config is NULL or its size field is impossible.
 * Bound: constant. */
WEIR_API int weir_config_check(const struct weir_config *config, char *why, size_t size);

#ifdef __cplusplus
}
#endif

#endif
