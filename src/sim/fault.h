/* SPDX-License-Identifier: MIT
 * Fault rules: what exactly goes wrong on a direction of a link, by script. Rules see every packet
 * that enters, in the order in which they were added; DROP and HOLD end the walk, the others let
 * the following rules see the packet as it is then.
 *
 *     Drop the second and third retransmission of the SYN:
 *         sim_fault_add(link, SIM_A_TO_B, &(struct sim_fault){
 *             .match = {.protocol = IP_PROTOCOL_TCP, .flags_set = TCP_SYN}, .skip = 1, .count = 2,
 *             .action = SIM_FAULT_DROP});
 *     Black hole for data from 5 s on:
 *         {.match = {.payload_min = 1, .from = 5 * WEIR_NS_PER_S}, .action = SIM_FAULT_DROP} */
#ifndef WEIR_SIM_FAULT_H
#define WEIR_SIM_FAULT_H

#include "sim/link.h"
#include "sim/packet.h"

enum sim_fault_action {
    SIM_FAULT_COUNT = 0, /* nothing but counting: a probe */
    SIM_FAULT_DROP,
    SIM_FAULT_DELAY,     /* arrives `delay` later than it would, others may overtake it */
    SIM_FAULT_DUPLICATE, /* `copies` (0: 1) more enter right behind it, safe from rules and loss */
    SIM_FAULT_REWRITE,   /* rewrite() edits it */
    SIM_FAULT_CORRUPT,   /* one random bit flipped; with `corrupt_mask`, the byte at corrupt_offset
                            (modulo the length) is XORed with it */
    SIM_FAULT_HOLD       /* kept back until released */
};

/* Which packets a rule is for: all conditions that are set must hold. All zero matches everything;
 * a condition on a part that the packet has not (ports of an ICMP packet) does not hold. */
struct sim_match {
    uint8_t ip_version;          /* 4 or 6 */
    uint8_t protocol;            /* enum ip_protocol */
    uint16_t source_port, destination_port;
    uint16_t flags_set;          /* TCP flags that must all be set ... */
    uint16_t flags_clear;        /* ... and that must all be clear */
    bool no_payload;             /* TCP or UDP without payload */
    uint32_t payload_min, payload_max; /* of TCP or UDP; payload_max 0: no upper limit */
    uint32_t len_min, len_max;   /* of the frame; len_max 0: no upper limit */
    /* TCP segments that have any of [seq, seq + seq_len) (SYN and FIN count), when seq_len > 0;
     * with seq_relative counted from the sequence number of the last SYN that this rule saw on the
     * direction between the ports it names: its SYN is 0, its first byte 1. */
    bool seq_relative;
    struct tcp_seq seq;
    uint32_t seq_len;
    weir_time from, until;       /* virtual time: from <= now, and now < until unless until is 0 */
    bool (*fn)(void *ctx, const struct sim_parsed *packet); /* asked last; NULL: yes */
    void *ctx;
};

/* A packet under the hands of a rewrite: bytes[0 ... len) may change, and len up to capacity. */
struct sim_edit {
    uint8_t *bytes;
    uint32_t len, capacity;
    uint8_t link;                    /* enum weir_link */
    const struct sim_parsed *parsed; /* as it was before */
    bool keep_checksums; /* false when called; true: leave checksums as they are (else repaired) */
};

enum {
    SIM_EDIT_ROOM = 128,     /* bytes that a rewrite may add */
    SIM_FAULT_RULES_MAX = 64 /* per direction, removed ones included */
};

struct sim_fault {
    const char *name; /* for captures ("lost: fault rule NAME"); the caller's, NULL: the number */
    struct sim_match match;
    /* Of the matching packets: pass over `skip`, of the others take every `every`-th (0 and 1:
     * each), of these each with `chance` (denominator 0: always), and act on `count` of them (0:
     * all). */
    uint64_t skip, count, every;
    struct ratio chance;
    uint8_t action; /* enum sim_fault_action */
    weir_time delay;
    uint32_t copies;
    void (*rewrite)(void *ctx, struct sim_edit *edit);
    void *ctx; /* of rewrite; the caller's */
    uint32_t corrupt_offset;
    uint8_t corrupt_mask;
    /* HOLD releases what it holds when the first of the set conditions comes true; with none only
     * sim_fault_release() does. What is released enters the queue as that stands then. */
    struct {
        uint32_t held;        /* so many are held: all are released ... */
        const uint8_t *order; /* ... in this order (indexes 0 to held - 1, each once); NULL: as they
                                 came. The caller's, alive as long as the rule; held <= 255 with
                                 it */
        uint32_t passed;      /* each is released right behind so many later packets */
        weir_time after;      /* each is released after so long */
    } hold;
};

/* Append a rule (copied) to a direction; returns its number, from 0, the same for ever.
 * Errors: WEIR_E_EXHAUSTED (SIM_FAULT_RULES_MAX, no memory), WEIR_E_INVALID (a rewrite without
 * function, an order that is none, a time below 0 or above 1000 days). */
int sim_fault_add(struct sim_link *link, enum sim_dir dir, const struct sim_fault *fault);

/* End a rule: it matches no more, what it holds is released in order. Its counters stay. */
void sim_fault_remove(struct sim_link *link, enum sim_dir dir, unsigned rule);

/* Packets that matched, and those that were acted on. */
struct sim_fault_stats {
    uint64_t matched, acted;
    uint32_t held; /* now */
};

struct sim_fault_stats sim_fault_stats(const struct sim_link *link, enum sim_dir dir,
                                       unsigned rule);

/* Release all that a HOLD rule holds, oldest first. */
void sim_fault_release(struct sim_link *link, enum sim_dir dir, unsigned rule);

/* Release the held packet at `index`, 0 being the oldest; false when there is none. */
bool sim_fault_release_one(struct sim_link *link, enum sim_dir dir, unsigned rule, uint32_t index);

#endif
