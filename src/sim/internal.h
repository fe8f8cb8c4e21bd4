/* SPDX-License-Identifier: MIT
 * What the files of the simulator share and nobody else sees. */
#ifndef WEIR_SIM_INTERNAL_H
#define WEIR_SIM_INTERNAL_H

#include "base/check.h"
#include "base/text.h"
#include "sim/fault.h"
#include "sim/link.h"
#include "sim/node.h"
#include "sim/sim.h"

/* ---- events ---- */

enum sim_event_kind {
    SIM_EVENT_CALL,  /* struct sim_call */
    SIM_EVENT_WAKE,  /* struct sim_node */
    SIM_EVENT_PACKET /* struct sim_packet: what happens is told by its place */
};

/* Part of the object it happens to. */
struct sim_event {
    weir_time time;
    uint64_t order; /* of scheduling: breaks ties */
    size_t index;   /* in the heap; SIM_EVENT_OFF: not scheduled */
    enum sim_event_kind kind;
};

#define SIM_EVENT_OFF SIZE_MAX

/* A binary heap by (time, order). Entries repeat the keys so that sifting stays in the array. */
struct sim_heap_entry {
    weir_time time;
    uint64_t order;
    struct sim_event *event;
};

struct sim_heap {
    struct sim_heap_entry *entry;
    size_t count, reserved, capacity;
    uint64_t order_next;
};

/* Make room for one more object that has an event, so that scheduling it cannot fail; false: no
 * memory. And give the room back, when the object (whose event is off) goes. */
bool sim_heap_reserve(struct sim_heap *heap);
void sim_heap_release(struct sim_heap *heap);
/* Schedule an event that is off. O(log n), as the next one. */
void sim_heap_add(struct sim_heap *heap, struct sim_event *event, weir_time at);
/* Take an event out, if it is in. */
void sim_heap_remove(struct sim_heap *heap, struct sim_event *event);
/* The next event; NULL: none. */
struct sim_event *sim_heap_first(const struct sim_heap *heap);
/* Does every entry know its place, and stand behind its parent? Linear. */
bool sim_heap_is_sound(const struct sim_heap *heap);

/* ---- packets ---- */

enum sim_place {
    SIM_PLACE_NEW,     /* entering; owned by the function that handles it */
    SIM_PLACE_QUEUE,   /* waits in its direction's queue */
    SIM_PLACE_SENDING, /* on the wire; event: the transmission ends */
    SIM_PLACE_FLYING,  /* event: the arrival */
    SIM_PLACE_HELD,    /* by a fault rule; event (or off): the release */
    SIM_PLACE_BACKLOG  /* in front of a stopped node */
};

struct sim_packet {
    struct sim_event event;
    struct sim_packet *next; /* in a queue, hold or backlog */
    struct sim_dir_state *dir;
    uint64_t number;       /* from 1 as sent; 0: a copy */
    uint64_t held_at_sent; /* HELD: how many had been sent then */
    weir_time queued;      /* when it entered the queue */
    weir_time delay_more;  /* by fault rules */
    uint32_t len;
    uint8_t place;  /* enum sim_place */
    uint8_t rule;   /* HELD: by which */
    bool lost;      /* the loss model takes it at the end of the wire ... */
    bool loss_untold; /* ... which no capture has told yet */
    bool overtaken; /* others may arrive before it: it is not kept in order */
    uint8_t bytes[];
};

struct sim_packets {
    struct sim_packet *first, *last;
    uint32_t count;
};

void sim_packets_push(struct sim_packets *list, struct sim_packet *packet);
struct sim_packet *sim_packets_pop(struct sim_packets *list);
/* Take `packet`, which is in the list, out of it. Linear. */
void sim_packets_remove(struct sim_packets *list, struct sim_packet *packet);
void sim_packets_free(struct sim_packets *list);

/* ---- links ---- */

/* The longest of every delay that can be set: sums of them stay within weir_time. */
#define SIM_DELAY_MAX (INT64_C(1000) * 86400 * WEIR_NS_PER_S)

/* Random streams of a direction, one for each kind of choice. */
enum sim_stream {
    SIM_STREAM_LOSS,
    SIM_STREAM_QUEUE,
    SIM_STREAM_CORRUPT,
    SIM_STREAM_DUPLICATE,
    SIM_STREAM_REORDER,
    SIM_STREAM_JITTER,
    SIM_STREAM_FAULT,
    SIM_STREAM_COUNT
};

struct sim_rule {
    struct sim_fault fault;
    struct sim_fault_stats stats;
    struct sim_packets held;
    bool removed;
    bool has_isn;       /* seq_relative: a SYN was seen, with */
    struct tcp_seq isn; /* this number */
};

struct sim_red {
    uint64_t average; /* bytes, times 2^weight_shift */
    uint32_t since;   /* packets since the last drop or mark */
    weir_time idle_since;
};

struct sim_codel {
    weir_time first_above, drop_next;
    uint32_t count, count_last;
    uint32_t packet_bytes_max; /* seen so far */
    bool dropping;
};

struct sim_dir_state {
    struct sim_link *link;
    enum sim_dir which;
    struct sim_node *from, *to;
    unsigned from_port, to_port;
    struct sim_dir_config config;
    struct sim_dir_stats stats;
    struct rng rng[SIM_STREAM_COUNT];
    struct sim_packets queue;
    struct sim_packet *sending; /* NULL: the wire is free */
    weir_time wire_free_at;     /* the end of the last transmission ... */
    uint64_t wire_remainder;    /* ... and what is left of its last nanosecond, in 1/rate ns */
    weir_time arrival_last;     /* of packets in order */
    bool gilbert_bad;
    struct sim_red red;
    struct sim_codel codel;
    struct sim_rule *rules; /* SIM_FAULT_RULES_MAX, or NULL as long as there is none */
    unsigned rule_count;
    uint64_t recount; /* scratch of sim_invariants() */
};

struct sim_tap {
    struct capture_writer *writer; /* NULL: off */
    uint32_t interface[SIM_DIRS];  /* of the ends in `ends` */
    uint32_t interface_lost;
    bool has_lost;
    unsigned ends;
};

struct sim_link {
    struct sim *sim;
    struct sim_link *next;
    uint32_t id;
    enum weir_link type;
    struct sim_dir_state dir[SIM_DIRS];
    struct sim_tap tap;
    char name[SIM_NAME_MAX + 1];
};

/* ---- nodes ---- */

struct sim_node {
    struct sim_event wake;
    struct sim *sim;
    struct sim_node *next;
    struct sim_node_ops ops;
    void *ctx;
    struct sim_dir_state *out[SIM_PORTS_MAX]; /* NULL: not connected */
    unsigned port_end;                        /* one more than the highest connected port */
    bool waits_for_room; /* its deadline has passed, but a link has no room */
    bool stopped;
    uint32_t backlog_max;
    struct sim_packets backlog;
    weir_time clock_offset, clock_tick;
    char name[SIM_NAME_MAX + 1];
};

struct sim_call {
    struct sim_event event;
    void (*fn)(struct sim *sim, void *ctx);
    void *ctx;
};

enum {
    SIM_TX_BATCH = 16 /* packets asked of a node at a time */
};

struct sim {
    weir_time now;
    uint64_t seed;
    struct sim_recorders recorders;
    struct rng root;
    struct sim_heap heap;
    struct sim_node *nodes, **nodes_end; /* in the order of adding */
    struct sim_link *links, **links_end;
    uint32_t link_count;
    int error;
    bool interrupted;
    struct sim_stats stats;
    uint64_t packets_live;
    uint64_t trace_hash;
    void (*on_event)(struct sim *sim, void *ctx);
    void *on_event_ctx;
    struct weir_tx tx[SIM_TX_BATCH];
};

/* Stop the simulation; the first error stays. */
void sim_fail(struct sim *sim, int error);
/* Schedule an event that is off; not before now. */
void sim_schedule(struct sim *sim, struct sim_event *event, weir_time at);
/* Is it 1 to SIM_NAME_MAX characters? */
bool sim_name_is_good(const char *name);

/* A packet of `len` bytes (not set), in flight on `dir` from now on; NULL: no memory, and the
 * simulation stops. */
struct sim_packet *sim_packet_new(struct sim_dir_state *dir, uint32_t len);
/* A copy of it, with no number. */
struct sim_packet *sim_packet_copy(const struct sim_packet *packet);
/* It leaves its direction: lost for `cause`, or delivered. Frees it. */
void sim_packet_lose(struct sim_packet *packet, enum sim_lost cause);
void sim_packet_delivered(struct sim_packet *packet);

/* Call the node's input with the packets, which arrived now, then serve it. */
void sim_node_deliver(struct sim_node *node, unsigned port, struct sim_packets *packets);
/* Poll outputs and read the deadline; advance it before, if asked. */
void sim_node_serve(struct sim_node *node, bool advance);
void sim_node_free(struct sim_node *node);

/* How many packets may be pulled from the sender now; 0: no room. */
unsigned sim_dir_room(const struct sim_dir_state *dir);
/* A packet the sender wants to send: finish it, cut it, and let each part enter. */
void sim_dir_send(struct sim_dir_state *dir, const struct weir_tx *tx);
/* One packet, new and whole, enters: the steps of link.h from 2 on. */
void sim_dir_enter(struct sim_packet *packet);
/* A packet that passed the fault rules goes to the queue, or on. A loss is added to the note; with
 * NULL it is told to a capture. */
void sim_dir_admit(struct sim_packet *packet, struct text *note);
/* The event of a packet: by its place. */
void sim_packet_event(struct sim_packet *packet);
void sim_link_free(struct sim_link *link);

/* The queue's decision on a packet that arrives: SIM_LOST_COUNT to take it. May mark it. */
enum sim_lost sim_queue_judge(struct sim_dir_state *dir, struct sim_packet *packet);
void sim_queue_put(struct sim_dir_state *dir, struct sim_packet *packet);
/* The next packet for the wire; NULL: none. CoDel may lose packets here. */
struct sim_packet *sim_queue_take(struct sim_dir_state *dir);

/* Does it happen? Never with a denominator of 0. */
bool sim_happens(struct rng *rng, struct ratio chance);
/* Is the packet that enters now lost by the loss model? */
bool sim_loss_decide(struct sim_dir_state *dir, uint64_t number);
void sim_corrupt(struct sim_dir_state *dir, struct sim_packet *packet);

/* Let the rules see a packet that enters. Returns the packet, possibly another one, to go on with;
 * NULL: it was dropped or is held. Copies are appended to `copies`. */
struct sim_packet *sim_fault_walk(struct sim_packet *packet, struct sim_packets *copies,
                                  struct text *note);
/* A packet has entered: release what waited for it. */
void sim_fault_passed(struct sim_dir_state *dir);
/* The hold time of a packet is over. */
void sim_fault_hold_ended(struct sim_packet *packet);
void sim_fault_free(struct sim_dir_state *dir);

/* Length of the link header, VLAN tags counted; at most `len`. */
uint32_t sim_ip_offset(const uint8_t *bytes, uint32_t len, unsigned link);

/* Begin another remark in a note: "; " between. */
void sim_note(struct text *note, const char *s);

/* Records of the capture, where one is on. */
bool sim_tap_wants_sender(const struct sim_dir_state *dir);
void sim_tap_sent(struct sim_dir_state *dir, const uint8_t *bytes, uint32_t len, const char *note);
void sim_tap_lost(struct sim_dir_state *dir, const struct sim_packet *packet, enum sim_lost cause);
void sim_tap_delivered(struct sim_dir_state *dir, const struct sim_packet *packet);

#endif
