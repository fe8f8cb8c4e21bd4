/* SPDX-License-Identifier: MIT
 * Numbers that must not be guessed: initial sequence numbers, timestamps, ports. Each comes from
 * SipHash 2-4 under a key of its own, so what is seen of one tells nothing of another. */
#include "base/siphash.h"
#include "tcp/tcp.h"

enum {
    ISN_TICK_NS = 4000, /* RFC 9293 3.4.1 (MUST-8) */
    /* The ports that RFC 6335 leaves to nobody begin at 49152; half of all ports make a guess
     * harder (RFC 6056 3.2), and a power of two makes drawing unbiased. */
    PORT_LOW = 32768,
    PORT_COUNT = 32768,
    PORT_DRAWS = 16 /* before all ports are gone through */
};

_Static_assert(PORT_LOW + PORT_COUNT == 65536 && (PORT_COUNT & (PORT_COUNT - 1)) == 0,
               "the upper half");

static uint64_t tuple_secret(const struct sip_key *key, const struct tcp_tuple *tuple)
{
    uint8_t bytes[TCP_TUPLE_BYTES_MAX];
    size_t n = tcp_tuple_bytes(tuple, bytes);
    return siphash24(key, bytes, n);
}

struct tcp_seq tcp_isn(const struct tcp_room *tcp, const struct tcp_tuple *tuple, weir_time now)
{
    /* MUST-9: ISN = M + F(localip, localport, remoteip, remoteport, secretkey). */
    uint32_t clock = (uint32_t)((uint64_t)now / ISN_TICK_NS);
    return seq_make(clock + (uint32_t)tuple_secret(&tcp->isn_key, tuple));
}

uint32_t tcp_stamp_offset(const struct tcp_room *tcp, const struct tcp_tuple *tuple)
{
    return (uint32_t)tuple_secret(&tcp->stamp_key, tuple);
}

enum port_state { PORT_TAKEN, PORT_REUSABLE, PORT_FREE };

static enum port_state port_state(struct tcp_room *tcp, const struct tcp_tuple *tuple,
                                  weir_time now)
{
    if (tcp_port_listed(tcp, tuple->local_port))
        return PORT_TAKEN;
    struct tcp_found found = tcp_find(tcp, tuple);
    if (found.kind == TCP_KIND_NONE)
        return PORT_FREE;
    if (found.kind == TCP_KIND_WAIT &&
        tcp_time_wait_reusable(tcp, pool_at(&tcp->waits, found.index), now))
        return PORT_REUSABLE;
    return PORT_TAKEN;
}

static uint32_t draw(struct tcp_room *tcp)
{
    uint8_t bytes[8];
    store64(bytes, tcp->ports_drawn++);
    return (uint32_t)(siphash24(&tcp->port_key, bytes, sizeof bytes) % PORT_COUNT);
}

uint16_t tcp_port_choose(struct tcp_room *tcp, const struct tcp_tuple *tuple, weir_time now)
{
    struct tcp_tuple tried = *tuple;
    uint32_t start = 0;
    for (unsigned i = 0; i < PORT_DRAWS; i++) {
        start = draw(tcp);
        tried.local_port = (uint16_t)(PORT_LOW + start);
        if (port_state(tcp, &tried, now) == PORT_FREE)
            return tried.local_port;
    }
    /* Nearly all are taken. */
    for (uint32_t i = 0; i < PORT_COUNT; i++) {
        tried.local_port = (uint16_t)(PORT_LOW + (start + i) % PORT_COUNT);
        if (port_state(tcp, &tried, now) != PORT_TAKEN)
            return tried.local_port;
    }
    return 0;
}

uint32_t tcp_flow_label(const struct tcp_room *tcp, uint32_t stamp_offset)
{
    uint8_t bytes[5] = {[4] = 1}; /* apart from what the key is used for above */
    store32(bytes, stamp_offset);
    return (uint32_t)siphash24(&tcp->stamp_key, bytes, sizeof bytes) & 0xfffffU;
}
