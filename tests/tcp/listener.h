/* SPDX-License-Identifier: MIT
 * The steps of a passive open, for the tests of listeners: a SYN of the peer's, and what follows. */
#ifndef WEIR_TESTS_TCP_LISTENER_H
#define WEIR_TESTS_TCP_LISTENER_H

#include "host.h"

static const uint32_t irs = 0xfffffff0U; /* so that the peer's numbers wrap around */

/* What came out: a SYN,ACK for the peer's SYN. */
static inline struct seg take_syn_ack(struct host *h, uint16_t port, uint32_t ack)
{
    struct seg s = must_take(h);
    assert_int_equal(s.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(s.from_port, 80);
    assert_int_equal(s.to_port, port);
    assert_int_equal(s.ack, ack);
    return s;
}

/* A bare segment that came out. */
static inline void takes(struct host *h, uint16_t flags, uint32_t seq, uint32_t ack)
{
    struct seg s = must_take(h);
    assert_int_equal(s.flags, flags);
    assert_int_equal(s.seq, seq);
    if ((flags & TCP_ACK) != 0)
        assert_int_equal(s.ack, ack);
    assert_int_equal(s.len, 0);
}

/* SYN in, SYN,ACK out: the stack's ISN. */
static inline uint32_t begin(struct host *h, uint16_t port)
{
    struct seg syn = peer_seg(port, TCP_SYN, irs, 0);
    assert_int_equal(give(h, &syn), WEIR_DROP_NONE);
    return take_syn_ack(h, port, irs + 1).seq;
}

static inline enum weir_drop final_ack(struct host *h, uint16_t port, uint32_t iss)
{
    struct seg ack = peer_seg(port, TCP_ACK, irs + 1, iss + 1);
    return give(h, &ack);
}

static inline struct tcp_conn *accepts(struct host *h, weir_handle listener)
{
    weir_handle handle;
    host_begin(h);
    assert_int_equal(tcp_accept(&h->tcp, host_get(h, listener), 7, &handle), WEIR_OK);
    return host_get(h, handle);
}

static inline int accept_error(struct host *h, weir_handle listener)
{
    weir_handle handle;
    return tcp_accept(&h->tcp, host_get(h, listener), 7, &handle);
}

/* Bytes of which each says where it stands. */
static inline const uint8_t *pattern(void)
{
    static uint8_t bytes[8192];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 8));
    return bytes;
}

#endif
