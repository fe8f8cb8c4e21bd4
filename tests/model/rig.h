/* SPDX-License-Identifier: MIT
 * What the matrix does to weir: a small stack that is used again and again, driven by the public
 * calls alone; a peer made of packets, who brings one connection into a state; and what can be seen
 * of it. */
#ifndef WEIR_TESTS_MODEL_RIG_H
#define WEIR_TESTS_MODEL_RIG_H

#include "model.h"
#include "weir/net.h"
#include "weir/tcp.h"

/* X(name, state, text): the ways to begin. The first eleven are the states of the RFC. */
#define RIG_SETUPS(X)                                                                              \
    X(CLOSED, CLOSED, "nobody there")                                                              \
    X(LISTEN, LISTEN, "a listener")                                                                \
    X(SYN_SENT, SYN_SENT, "active open")                                                           \
    X(SYN_RECEIVED, SYN_RECEIVED, "passive open")                                                  \
    X(ESTABLISHED, ESTABLISHED, "data outstanding")                                                \
    X(FIN_WAIT_1, FIN_WAIT_1, "data and FIN outstanding")                                          \
    X(FIN_WAIT_2, FIN_WAIT_2, "all acknowledged")                                                  \
    X(CLOSE_WAIT, CLOSE_WAIT, "data outstanding")                                                  \
    X(LAST_ACK, LAST_ACK, "data and FIN outstanding")                                              \
    X(CLOSING, CLOSING, "data and FIN outstanding")                                                \
    X(TIME_WAIT, TIME_WAIT, "a listener is there")                                                 \
    X(SYN_RECEIVED_ACTIVE, SYN_RECEIVED, "simultaneous open")                                      \
    X(TIME_WAIT_ACTIVE, TIME_WAIT, "nobody listens")                                               \
    X(ESTABLISHED_FRESH, ESTABLISHED, "nothing acknowledged but the SYN")                          \
    X(ESTABLISHED_SHUT, ESTABLISHED, "own window zero")                                            \
    X(FIN_WAIT_2_SHUT, FIN_WAIT_2, "own window zero")                                              \
    X(ESTABLISHED_TS, ESTABLISHED, "timestamps agreed on, and one in the segment")                 \
    X(ESTABLISHED_NO_TS, ESTABLISHED, "timestamps agreed on, and none in the segment")             \
    X(ESTABLISHED_OLD_TS, ESTABLISHED, "timestamps agreed on, and an old one in the segment")      \
    X(FIN_WAIT_1_LEFT, FIN_WAIT_1, "the application is gone")                                      \
    X(FIN_WAIT_2_LEFT, FIN_WAIT_2, "the application is gone")                                      \
    X(LISTEN_COOKIE, LISTEN, "a listener that has sent a SYN cookie")                              \
    X(SYN_RECEIVED_FAST, SYN_RECEIVED, "passive open with data in the SYN, accepted")              \
    X(SYN_SENT_FAST, SYN_SENT, "active open with data in the SYN")

enum rig_setup {
#define X(name, state, text) RIG_##name,
    RIG_SETUPS(X)
#undef X
        RIG_SETUP_COUNT
};

enum {
    RIG_OUT_MAX = 8,
    RIG_WINDOW = 40,      /* the peer's: small, so that MAX.SND.WND is soon exceeded */
    RIG_BUFFER = 4096,    /* weir's receive buffer */
    RIG_TIME_WAIT_MS = 1000,
    RIG_PAYLOAD_MAX = 1460
};

/* A segment that weir sent. */
struct rig_out {
    struct tcp_header header;
    uint32_t len;
    uint32_t ts_val;
    bool timestamps;
};

struct rig {
    weir_stack *stack;
    void *memory;
    weir_time now;
    unsigned family; /* 4 or 6 */
    bool cookies;    /* it answers SYNs by cookies */
    uint8_t cookie[8]; /* of fast open: what weir gave last ... */
    bool has_cookie;   /* ... if it did */
    bool gave_cookie;  /* and weir has one of its peer's */
    struct weir_addr local, remote;
    weir_handle listener;
    uint32_t cells; /* begun since the stack was made */
    uint8_t payload[RIG_PAYLOAD_MAX]; /* every segment carries the first octets of it */

    /* The connection of this cell, as its peer sees it. */
    enum rig_setup setup;
    struct model_conn conn;
    uint16_t local_port, remote_port;
    weir_handle handle; /* zeros: none */
    bool timestamps;    /* what the peer sends carries them */
    bool fast;          /* and its SYNs the fast open option, with the cookie if there is one */
    uint8_t scale;      /* what its SYN offers (RFC 7323 2); 0: nothing */
    uint32_t ts_val, ts_ecr;
    struct rig_out out[RIG_OUT_MAX];
    unsigned out_count;
    uint32_t event_bits; /* of `handle` */
    int event_error;
    bool accepted; /* the listener told of a connection */
    const char *trouble; /* why the connection did not get where it should; NULL: it did */
};

/* What can be seen of the connection. */
struct rig_view {
    bool present; /* weir holds it, or a record of it */
    struct weir_tcp_info info;
};

/* Make the stack anew, for one family. Ends the program when that fails. */
void rig_open(struct rig *r, unsigned family);
void rig_close(struct rig *r);

/* Bring a connection into a state; false, with r->trouble, when weir does not go along. */
bool rig_begin(struct rig *r, enum rig_setup setup);

/* Send weir a segment of this connection, and take what it answers (r->out, r->event...). */
void rig_send(struct rig *r, const struct model_segment *s);

/* Take what weir sends and tells now, after a call. */
void rig_poll(struct rig *r);

/* Shut the sending side, and see the FIN: weir_tcp_shutdown(). False when it does not come. */
bool rig_shut_send(struct rig *r);

/* Look for the connection. */
struct rig_view rig_look(const struct rig *r);

/* Take up to `size` octets that it received, accepting it first if need be. */
uint32_t rig_read(struct rig *r, uint8_t *data, uint32_t size);

/* Make it go; false when something is left of it. */
bool rig_end(struct rig *r);

/* Most octets in a segment of this family and setup. */
uint32_t rig_mss(const struct rig *r);

const char *rig_setup_name(unsigned setup);
const char *rig_setup_text(unsigned setup);

#endif
