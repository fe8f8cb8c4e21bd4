/* SPDX-License-Identifier: MIT
 * A host under attack, in virtual time: the victim behind a hub, a bystander whose connection to it
 * never rests, honest clients that come one after the other, and an attacker with a line of its own
 * that sends what a scenario makes and takes what nobody else has an address for.
 *
 * What is asked of the victim is told by differences to the same history without the attack: the
 * bystander keeps 90 % of its goodput (G-5), honest connections succeed, and at the end all is as it
 * was before (G-7). */
#ifndef WEIR_SIM_SIEGE_H
#define WEIR_SIM_SIEGE_H

#include "sim/scenario_kit.h"
#include "sim/tcp_app.h"
#include "sim/tcp_check.h"
#include "weir/config.h"

enum { SIEGE_VICTIM, SIEGE_BYSTANDER, SIEGE_HONEST, SIEGE_HOSTS };

enum {
    SIEGE_PORT = 80,        /* where honest clients come */
    SIEGE_PORT_STREAM = 81, /* the bystander's */
    SIEGE_PORT_ECHO = 7,    /* of the echo service, for the attacker */
    SIEGE_HONEST_MAX = 1000
};

#define SIEGE_BEGIN (60 * WEIR_NS_PER_MS) /* of the attack; before it, all is quiet */

struct siege;

struct siege_plan {
    const char *name;
    weir_time lasts;       /* the attack */
    weir_time interval;    /* between two packets of the attacker */
    unsigned honest;       /* clients, evenly over the attack */
    void (*limits)(struct weir_config *config); /* of the victim; NULL: the defaults */
    bool fast; /* listeners and honest clients open fast (RFC 7413) */
    bool echo; /* there is an echo service */
    /* The attack: packet `number`, written to `out`; 0: none this time. */
    uint32_t (*make)(struct siege *siege, uint64_t number, uint8_t *out, uint32_t size);
    /* What comes to the attacker; NULL: it does not look. */
    void (*heard)(struct siege *siege, const struct sim_parsed *packet);
    void (*judge)(struct siege *siege); /* reports and checks of its own; NULL: none */
};

/* One history. Fields may be read. */
struct siege {
    const struct siege_plan *plan;
    struct scenario_run *run;
    struct sim *sim;
    struct verdict verdict;
    struct tcp_apps *apps;
    struct tcp_check *check;
    struct stack_node *node[SIEGE_HOSTS];
    struct actor *attacker;
    struct rng rng;
    bool attacked;

    unsigned stream, first; /* talks: the bystander's; the first honest one */
    uint64_t streamed[2];   /* by the bystander, both ways together: at begin and end of the attack */
    uint64_t pending_max, memory_max; /* of the victim: SYN-RECEIVED, bytes of packet memory */
    uint32_t path_mtu_min;            /* of the bystander's connection, at the victim */
    struct weir_tcp_stats victim;     /* at the end of the attack */
    unsigned served;                  /* honest clients that got what they wanted */
    weir_time last_served;

    weir_handle echo;
    weir_handle *held; /* connections of the echo service, by their place */
    unsigned held_count, pressed; /* the latter: given up under pressure */

    /* the attacker's own */
    struct tcp_options learned; /* of the SYN,ACK heard last; its references are stale */
    uint32_t number;            /* its sequence number */
    uint8_t cookie[16];         /* the fast open cookie that came last ... */
    uint32_t cookie_len;        /* ... and its length; 0: none came */
    uint64_t heard;
};

/* Play the attack and the same without, and report. */
void siege_run(const struct siege_plan *plan, struct scenario_run *run);

/* For make() and heard(): a TCP segment from an address and port to the victim; its length. */
struct siege_segment {
    struct weir_addr source;
    uint16_t source_port, port;
    uint32_t seq, ack;
    uint16_t flags, window;
    const struct tcp_options *options;
    struct weir_ref payload;
};

uint32_t siege_segment(const struct siege_segment *segment, uint8_t *out, uint32_t size);

/* An address that nobody has, by chance or by number. */
struct weir_addr siege_stranger(struct siege *siege);
struct weir_addr siege_number(uint32_t number);

struct weir_addr siege_addr(unsigned host);
weir_stack *siege_stack(const struct siege *siege, unsigned host);

extern const struct scenario scenario_syn_flood, scenario_cookie_forgery, scenario_stuck_peers,
    scenario_fast_open_flood, scenario_ptb_storm;

#endif
