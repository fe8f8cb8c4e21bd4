/* SPDX-License-Identifier: MIT
 * UDP and TCP packets made and read by hand, for tests of devices. */
#ifndef WEIR_TESTS_DRIVER_CRAFT_H
#define WEIR_TESTS_DRIVER_CRAFT_H

#include "weir/packet.h"
#include "wire/addr.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

/* Who speaks to whom. */
struct flow {
    struct weir_addr source, destination; /* both IPv4 or both IPv6 */
    uint16_t source_port, destination_port;
    uint8_t protocol; /* IP_PROTOCOL_UDP or IP_PROTOCOL_TCP */
    bool ethernet;
    struct eth_addr source_mac, destination_mac;
};

/* What is said; zeros are a plain packet with a finished checksum. */
struct speech {
    struct weir_ref part[2]; /* payload */
    uint32_t seq, ack;       /* TCP */
    uint16_t flags;
    bool checksum_wanted;  /* leave the checksum to the device */
    uint16_t segment_size; /* not 0: let the device cut it */
};

/* A packet as it was received. */
struct seen {
    uint8_t version, protocol;
    uint16_t source_port, destination_port;
    struct tcp_header tcp;
    const uint8_t *payload;
    size_t payload_len;
    bool fragment;
    bool sum_good;    /* finished and right */
    bool sum_partial; /* unfinished, the pseudo-header's sum is right, and rx says where */
};

/* An address from its text. */
struct weir_addr craft_addr(const char *text);

/* Fill *tx. */
void craft(struct weir_tx *tx, const struct flow *flow, const struct speech *speech);

/* Read a packet that has its bytes in its head. False: it is neither UDP nor TCP, or malformed. */
bool craft_read(struct seen *out, const struct weir_rx *rx, bool ethernet);

/* Bytes that tell where they stand. */
void craft_pattern(uint8_t *p, size_t len, unsigned seed);
bool craft_pattern_is(const uint8_t *p, size_t len, unsigned seed, size_t from);

#endif
