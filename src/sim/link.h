/* SPDX-License-Identifier: MIT
 * Links of the simulator: two directions between two ports, each with its own rate, delay, queue
 * and impairments, all of which can change at any virtual time.
 *
 * The way of a packet through one direction:
 *   1. pulled from the node's output; checksums finished, TCP and UDP cut to segments as asked.
 *      Each resulting packet is copied (the link never keeps a reference), counted as sent and
 *      numbered from 1.
 *   2. lost when the direction is down, or the packet is larger than the MTU;
 *   3. fault rules, in order (sim/fault.h);
 *   4. random loss is decided here, so that the fate of packet k does not depend on queues, but
 *      lost packets take their place in the queue and on the wire like any other and vanish at its
 *      end;
 *   5. the queue: dropped or marked by its discipline, else it waits for the wire;
 *   6. the wire: length * 8 / rate, in nanoseconds with the remainder carried; a packet whose
 *      transmission ends while the direction is down is lost;
 *   7. corruption, duplication;
 *   8. delay + jitter (+ the delay of reordering): packets stay in order unless they may overtake;
 *   9. delivery to the node at the other end, counted and hashed.
 * With rate 0 steps 5 and 6 take no time, so that no queue ever forms. Each kind of choice draws
 * from a random stream of its own per direction: to switch one on shifts no other. */
#ifndef WEIR_SIM_LINK_H
#define WEIR_SIM_LINK_H

#include "sim/node.h"
#include "weir/iface.h"

struct sim_link;
struct capture_writer;

/* The directions of a link from node a to node b and back; also the ends they start at. */
enum sim_dir {
    SIM_A_TO_B = 0,
    SIM_B_TO_A = 1,
    SIM_DIRS = 2
};

/* X(name, text). Why a packet did not arrive. */
#define SIM_LOSSES(X)                                                                              \
    X(DOWN, "link down")                                                                           \
    X(MTU, "larger than the MTU")                                                                  \
    X(FAULT, "fault rule")                                                                         \
    X(QUEUE, "queue full")                                                                         \
    X(RED, "RED")                                                                                  \
    X(CODEL, "CoDel")                                                                              \
    X(RANDOM, "loss model")                                                                        \
    X(RECEIVER, "receiver full")

enum sim_lost {
#define X(name, text) SIM_LOST_##name,
    SIM_LOSSES(X)
#undef X
    SIM_LOST_COUNT
};

/* The text of a cause; static. */
const char *sim_lost_text(enum sim_lost cause);

enum sim_queue_kind {
    SIM_QUEUE_TAIL = 0, /* full queue: the new packet is dropped */
    SIM_QUEUE_RED,      /* random early detection (Floyd and Jacobson 1993), on bytes */
    SIM_QUEUE_CODEL     /* controlled delay (RFC 8289) */
};

/* A queue. Limits hold for every kind and count waiting packets, not the one on the wire; with
 * neither limit it is unbounded. */
struct sim_queue_config {
    uint8_t kind;         /* enum sim_queue_kind */
    bool ecn;             /* RED and CoDel mark packets of ECN-capable transports (RFC 3168)
                             instead of dropping them; a full queue always drops */
    uint32_t packets_max; /* 0: no limit */
    uint64_t bytes_max;   /* 0: no limit */
    struct {
        uint32_t bytes_min, bytes_max; /* thresholds of the average; bytes_min < bytes_max */
        struct ratio chance_max;       /* of a drop when the average reaches bytes_max */
        uint8_t weight_shift;          /* weight of a new sample: 2^-shift; at most 16 */
        uint32_t packet_bytes;         /* typical, for the decay while idle; 0: 1500 */
    } red;
    struct {
        weir_time target;   /* 0: 5 ms */
        weir_time interval; /* 0: 100 ms; at most 4 s */
    } codel;
};

enum sim_loss_kind {
    SIM_LOSS_NONE = 0,
    SIM_LOSS_BERNOULLI, /* each packet with `chance` */
    SIM_LOSS_GILBERT,   /* Gilbert-Elliott: a good and a bad state, transition before each packet */
    SIM_LOSS_EVERY,     /* packets whose number is a multiple of `every` */
    SIM_LOSS_LIST       /* packets whose number is in `list` */
};

struct sim_loss_config {
    uint8_t kind; /* enum sim_loss_kind */
    struct ratio chance;
    struct {
        struct ratio to_bad, to_good;     /* transitions */
        struct ratio lost_good, lost_bad; /* loss in each state */
    } gilbert;
    uint64_t every;       /* > 0 */
    const uint64_t *list; /* ascending; the caller's, alive as long as the setting */
    size_t list_len;
};

/* Bits of sim_corrupt_config.kinds: what happens to a corrupted packet, chosen evenly. */
enum sim_corruption {
    SIM_CORRUPT_FLIP = 1U << 0, /* 1 to bits_max different bits flipped, anywhere in the frame */
    SIM_CORRUPT_SWAP = 1U << 1, /* two 16-bit words change places (the checksum cannot see it) */
    SIM_CORRUPT_ZERO = 1U << 2  /* a run of 1 to 64 bytes zeroed */
};

struct sim_corrupt_config {
    struct ratio chance; /* per packet */
    uint8_t kinds;       /* 0: SIM_CORRUPT_FLIP */
    uint8_t bits_max;    /* 0: 1; at most 64 */
};

/* A chance that something happens to a packet, and the delay that goes with it. */
struct sim_chance_config {
    struct ratio chance; /* {0, 0} (unset): never */
    weir_time delay;
};

/* One direction. All zero is a perfect wire. In every struct ratio of it a denominator of 0 means
 * never. */
struct sim_dir_config {
    uint64_t rate_bps;       /* bits per second; 0: infinite */
    uint32_t overhead_bytes; /* per packet on the wire beyond its bytes: framing, gaps, checksum */
    uint32_t mtu_bytes;      /* from the IP header; 0: none */
    weir_time delay;         /* propagation */
    weir_time jitter;        /* added evenly: 0 to jitter */
    bool jitter_reorders;    /* jitter, or a shorter delay from now on, may let packets overtake */
    bool down;               /* everything is lost */
    /* true: the queue belongs to the sender's device, output is polled only while there is room for
     * a packet, and the node holds back what does not fit (a packet that was cut may exceed the
     * limits by its own segments). false: the queue is that of a bottleneck, everything is pulled
     * at once and the discipline drops. */
    bool backpressure;
    uint8_t batch_max;       /* packets of one call of input(): those due at the same instant with
                                no other event between; 0: 1; at most SIM_BATCH_MAX */
    weir_time poll_interval; /* the receiver looks at multiples of this time only, as with interrupt
                                moderation; 0: at once */
    struct sim_queue_config queue;
    struct sim_loss_config loss;
    struct sim_corrupt_config corrupt;
    struct sim_chance_config duplicate; /* the copy is delayed by 0 to `delay`, evenly */
    struct sim_chance_config reorder;   /* delayed by `delay` more, and others may overtake it */
};

enum {
    SIM_BATCH_MAX = 64
};

struct sim_link_config {
    uint8_t type; /* enum weir_link; 0: WEIR_LINK_IP */
    struct sim_dir_config dir[SIM_DIRS];
};

/* What a direction did. sent + duplicated = delivered + sum of lost + in_flight (I-53). */
struct sim_dir_stats {
    uint64_t sent, duplicated, delivered, in_flight;
    uint64_t lost[SIM_LOST_COUNT];
    uint64_t sent_bytes, delivered_bytes; /* link headers included */
    uint64_t marked;    /* CE set by the queue */
    uint64_t corrupted; /* by impairment or fault rule */
    uint64_t reordered; /* delayed so that others may overtake */
    uint64_t rewritten; /* by a fault rule */
    uint64_t delayed, held; /* by a fault rule */
    uint32_t queue_packets; /* waiting now */
    uint64_t queue_bytes;
    uint32_t queue_packets_max; /* high-water mark */
    uint64_t queue_bytes_max;
};

/* Connect port_a of node a with port_b of node b (which may be the same node, on another port); a
 * port takes one link. The name must be new and 1 to SIM_NAME_MAX characters; the random streams of
 * the link come from it alone.
 * NULL: no memory, bad name, port taken or out of range, bad setting. */
struct sim_link *sim_link_add(struct sim *sim, const char *name, struct sim_node *a,
                              unsigned port_a, struct sim_node *b, unsigned port_b,
                              const struct sim_link_config *config);

const char *sim_link_name(const struct sim_link *link);
enum weir_link sim_link_type(const struct sim_link *link);

/* The present settings of a direction: copy, change, give to sim_link_set(); valid until then. */
const struct sim_dir_config *sim_link_dir(const struct sim_link *link, enum sim_dir dir);

/* Change all settings of a direction from now on. Waiting packets stay and meet the new settings;
 * the packet on the wire finishes at the old rate; packets under way keep their time of arrival.
 * Errors: WEIR_E_CONFIG (out of range; nothing changed). */
int sim_link_set(struct sim_link *link, enum sim_dir dir, const struct sim_dir_config *config);

/* Take one direction down or up. */
void sim_link_set_down(struct sim_link *link, enum sim_dir dir, bool down);

struct sim_dir_stats sim_link_stats(const struct sim_link *link, enum sim_dir dir);

/* Which sides of a link a capture shows. */
enum sim_capture_ends {
    SIM_CAPTURE_A = 1U << 0,
    SIM_CAPTURE_B = 1U << 1,
    SIM_CAPTURE_BOTH = 3
};

/* Record the link in `writer` (trace/writer.h) from now on: for each end an interface "LINK.NODE"
 * with what enters there (outbound, at the time of entering) and what is delivered there (inbound).
 * A packet that is known to be lost when it enters carries the comment "lost: ..."; a later loss
 * (CoDel, link down, receiver full) is a record of its own, with such a comment, on an interface
 * "LINK lost", which exists in pcapng only. A format that takes one interface (pcap) can show one
 * end.
 * Owner: the writer stays the caller's, who keeps it until the simulation is destroyed, may give it
 * to several links, and closes it.
 * Errors: those of the writer; WEIR_E_EXISTS: the link is being captured. */
int sim_link_capture(struct sim_link *link, struct capture_writer *writer, unsigned ends);

#endif
