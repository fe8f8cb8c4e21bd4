/* SPDX-License-Identifier: MIT
 * An attacker on the wire of one stack, which has an Ethernet and a bare IP interface: packets go
 * in by hand, and the global rules of the catalogue are checked after each: one verdict (G-6), at
 * most one packet in answer and no longer than the input and 60 bytes (G-4), only sound packets
 * out. At the end, when all timers have run, the stack holds what it held before (G-7). */
#ifndef WEIR_TESTS_ATTACK_HARNESS_H
#define WEIR_TESTS_ATTACK_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/stack.h"
#include "sim/build.h"
#include "weir/net.h"
#include "weir/udp.h"
#include "wire/arp.h"
#include "wire/nd.h"
#include "wire/udp.h"

#define MS WEIR_NS_PER_MS
#define S  WEIR_NS_PER_S

enum { ETHER, TUN, INTERFACES }; /* the indices of the interfaces; both have MTU 1500 */

enum { ATTACK_OUT_MAX = 256, ATTACK_PACKET_MAX = 65535 + 40 + 22 };

struct attack_out {
    uint8_t *bytes; /* of its own exact length */
    uint32_t len;
    unsigned ifindex;
};

/* What the tables hold, when idle. */
struct attack_baseline {
    uint64_t block_bytes;
    uint32_t replies, reassemblies, neighbours, neighbours_incomplete, addresses, routes, path_mtus;
    uint32_t connections, handshakes, waits, flights, holes; /* of TCP */
    size_t timers;
};

struct attack {
    struct weir_config config;
    void *mem;
    weir_stack *stack;
    weir_time now;
    struct attack_baseline baseline;
    unsigned ifindex;                      /* where attack_ip() sends */
    struct eth_addr to;                    /* its destination on ETHER; at first the stack's own */
    unsigned answers_max;                  /* packets out for one packet in; at first 1 */
    struct attack_out out[ATTACK_OUT_MAX]; /* what came out since the last attack_*() call */
    unsigned out_count;
    uint64_t out_total;
    uint64_t unanswered_bytes; /* that came in since the last packet that was dropped or answered */
    uint64_t received[INTERFACES]; /* packets handed in */
};

/* Addresses of the stack on an interface, of a peer there, and of somebody behind the gateway,
 * which is at peer 254 on ETHER. */
struct weir_addr own4(unsigned ifindex);
struct weir_addr own6(unsigned ifindex);
struct weir_addr peer4(unsigned ifindex, unsigned host);
struct weir_addr peer6(unsigned ifindex, unsigned host);
struct weir_addr stranger4(uint32_t number);
struct weir_addr stranger6(uint32_t number);
struct eth_addr own_mac(void);
struct eth_addr peer_mac(unsigned host);

/* The default config, its assertions failing the test, its times at the default. */
struct weir_config attack_config(void);

/* A stack with addresses checked and announced, all timers run; the neighbours that answer are peer
 * 2 and the gateway, static. config may be NULL. Memory begins filled with `fill`. */
struct attack *attack_begin(const struct weir_config *config, uint8_t fill);

/* Let all timers run, see that nothing is left behind, and end it. */
void attack_end(struct attack *a);

/* Let time pass, running what is due when it is due; collects what comes out. */
void attack_pass(struct attack *a, weir_time ns);

/* Hand in a packet as a driver describes it, a frame, or an IP packet by a->ifindex (on ETHER from
 * peer 2 to a->to). Answers the reason it was dropped for, WEIR_DROP_NONE: it was not. What came
 * out is in a->out. Bytes are copied to memory of exactly their size first. */
unsigned attack_rx(struct attack *a, unsigned ifindex, const struct weir_rx *rx);
unsigned attack_frame(struct attack *a, unsigned ifindex, const uint8_t *frame, size_t len);
unsigned attack_ip(struct attack *a, const uint8_t *packet, size_t len);

/* Does the stack hold exactly what it held when it began? Timers may run. */
void attack_assert_idle(const struct attack *a);

/* Is it still serving: an echo of peer 2 by a->ifindex is answered, in both families. */
void attack_assert_serving(struct attack *a);

/* The IP packet in out[i], its link header behind it. */
struct weir_ref out_ip(const struct attack *a, unsigned i);

/* out[i] as an ICMP message of the family of its packet: the message, and behind its first eight
 * bytes the data. */
struct out_icmp {
    struct weir_addr source, destination;
    struct icmp icmp;
    struct weir_ref data;
    uint8_t hop_limit, traffic_class;
};
struct out_icmp out_icmp(const struct attack *a, unsigned i);

/* ---- packets; each answers its length ---- */

/* Ones of which some fields are wrong on purpose: the header as given, then the payload. */
size_t put_ip4(uint8_t *p, const struct ip4 *h, const void *payload, size_t len);
size_t put_ip6(uint8_t *p, struct weir_addr source, struct weir_addr destination, uint8_t next,
               const void *payload, size_t len);

/* Sum again what was changed: the header of IPv4, or the ICMP message at offset `at` of the packet.
 */
void sum_ip4(uint8_t *p);
void sum_icmp(uint8_t *p, size_t at, size_t len);

size_t put_echo(uint8_t *p, struct weir_addr source, struct weir_addr destination, size_t data_len);
size_t put_udp(uint8_t *p, struct weir_addr source, struct weir_addr destination, size_t data_len);
size_t put_tcp(uint8_t *p, struct weir_addr source, struct weir_addr destination, uint16_t flags);

/* An ICMP error from peer 2 of a->ifindex to us. */
size_t put_error(uint8_t *p, const struct attack *a, uint8_t type, uint8_t code, uint32_t mtu,
                 const uint8_t *quoted, size_t len);

/* Neighbour discovery with hop limit 255, from `source`. */
size_t put_nd(uint8_t *p, struct weir_addr source, struct weir_addr destination,
              const struct nd *m);

size_t put_arp(uint8_t *frame, struct eth_addr destination, const struct arp *m);

/* Part [from, to) of the payload of a packet as a fragment of its own. IPv4 by the header's id. */
struct cut {
    uint32_t id, from, to;
    bool more;
};
size_t put_fragment(uint8_t *p, const uint8_t *packet, const struct cut *cut);

/* ---- assertions; macros, so that a failure tells the line of the test ---- */

#define assert_dropped(a, reason, p, len)                                                          \
    do {                                                                                           \
        assert_int_equal(attack_ip(a, p, len), reason);                                            \
        assert_int_equal((a)->out_count, 0);                                                       \
    } while (0)

#define assert_frame_dropped(a, reason, p, len)                                                    \
    do {                                                                                           \
        assert_int_equal(attack_frame(a, ETHER, p, len), reason);                                  \
        assert_int_equal((a)->out_count, 0);                                                       \
    } while (0)

/* Dropped, and told so by one ICMP message. */
#define assert_told(a, reason, type_, code_, p, len)                                               \
    do {                                                                                           \
        assert_int_equal(attack_ip(a, p, len), reason);                                            \
        assert_int_equal((a)->out_count, 1);                                                       \
        assert_int_equal(out_icmp(a, 0).icmp.type, type_);                                         \
        assert_int_equal(out_icmp(a, 0).icmp.code, code_);                                         \
    } while (0)

#define assert_answered(a, p, len)                                                                 \
    do {                                                                                           \
        assert_int_equal(attack_ip(a, p, len), WEIR_DROP_NONE);                                    \
        assert_int_equal((a)->out_count, 1);                                                       \
    } while (0)

#endif
