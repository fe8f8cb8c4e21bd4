/* SPDX-License-Identifier: MIT
 * The matrix of middleboxes and features: a cell is a set of boxes between two hosts and a set of
 * features that both want to use. In each cell one connection, or two in a row, carry 200 KB both
 * ways; each either works, byte for byte, or ends with an error that its boxes account for, in
 * bounded time. `weir sim middlebox-matrix --only CELL` replays one. */
#ifndef WEIR_SIM_MATRIX_H
#define WEIR_SIM_MATRIX_H

#include "sim/scenario.h"
#include "sim/verdict.h"

/* X(name, text). Bits of a cell, from 0 on: the boxes, in their order from client to server. */
#define MATRIX_BOXES(X)                                                                            \
    X(CLAMP, "mss-clamp")         /* MSS options of 1,000 at most */                               \
    X(STRIPPER, "stripper")       /* SYNs lose SACK-permitted, and all options that are rare */    \
    X(STAMPS, "stamp-stripper")   /* SYNs lose timestamps */                                       \
    X(ERASER, "scale-eraser")     /* the SYN,ACK loses its window scale */                         \
    X(THIEF, "stamp-thief")       /* all but SYNs lose timestamps */                               \
    X(NO_DATA, "syn-data-filter") /* SYNs with data vanish */                                      \
    X(NO_RARE, "option-filter")   /* SYNs with options that are rare vanish */                     \
    X(NUMBERS, "randomiser")      /* sequence numbers change, but not those of SACK and ICMP */    \
    X(ROUTER, "router")           /* an MTU of 1,400, with ICMP */                                 \
    X(HOLE, "black-hole")         /* an MTU of 1,300, without */                                   \
    X(RESETS, "rst-injector")     /* a reset to both ends behind a segment with data */            \
    X(BREAK, "break")             /* from some segment on, nothing passes any more */

/* X(name, bits, levels, text). Above the boxes: the features, each with the bits that its level
 * takes. */
#define MATRIX_FEATURES(X)                                                                         \
    X(TIMESTAMPS, 1, 2, "timestamps")                                                              \
    X(SCALE, 1, 2, "scale")                                                                        \
    X(SACK, 1, 2, "sack")                                                                          \
    X(FAST_OPEN, 2, 4, "fast-open")     /* 1: the client, 2: the server, 3: both; two connections */ \
    X(COOKIES, 2, 3, "cookies")         /* tcp_syn_cookies */                                      \
    X(ASK, 1, 2, "ask")                                                                            \
    X(USER_TIMEOUT, 1, 2, "user-timeout")                                                          \
    X(PATH_PROBE, 1, 2, "path-probe")                                                              \
    X(TUNE, 1, 2, "tune")                                                                          \
    X(KEEPALIVE, 1, 2, "keepalive")                                                                \
    X(IP6, 1, 2, "ip6")                                                                            \
    X(LOSS, 1, 2, "loss")               /* one packet in a hundred, both ways */

enum matrix_box {
#define X(name, text) MATRIX_##name,
    MATRIX_BOXES(X)
#undef X
        MATRIX_BOX_COUNT
};

enum matrix_feature {
#define X(name, bits, levels, text) MATRIX_WITH_##name,
    MATRIX_FEATURES(X)
#undef X
        MATRIX_FEATURE_COUNT
};

enum {
    MATRIX_BOX_SETS = 1 << MATRIX_BOX_COUNT,
    MATRIX_ROWS = 16 /* sets of features in which every pair of levels of two features stands */
};

/* The cell of a set of boxes (bits 1 << MATRIX_...) and a row. */
uint32_t matrix_cell(uint32_t boxes, unsigned row);

/* The level of a feature in a cell, and how many it has. */
unsigned matrix_level(uint32_t cell, enum matrix_feature feature);
unsigned matrix_levels(enum matrix_feature feature);

/* Is it one? Not every level that fits its bits exists. */
bool matrix_is_cell(uint64_t cell);

/* Its boxes and features as a line. */
void matrix_text(uint32_t cell, char *text, size_t size);

enum matrix_outcome { MATRIX_WORKED, MATRIX_ENDED, MATRIX_WRONG };

struct matrix_result {
    uint8_t outcome; /* enum matrix_outcome of all connections: the last in that order */
    char text[VERDICT_TEXT_MAX + 1]; /* WRONG: why. ENDED: the errors */
    bool reset, timed_out;           /* of the connections one ended so */
    bool fast, cookie;               /* one had data taken from its SYN; was made of a SYN cookie */
};

/* Play one cell, as scenarios are: seed, time, capture and stop() come from `run`, where hash,
 * statistics and time are added to what is there. */
struct matrix_result matrix_play(uint32_t cell, struct scenario_run *run);

#endif
