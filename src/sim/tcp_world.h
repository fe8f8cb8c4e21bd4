/* SPDX-License-Identifier: MIT
 * Hosts with TCP, their applications, and everything that watches them, as one: the scenarios, the
 * swarm and the tests of TCP are built on it. */
#ifndef WEIR_SIM_TCP_WORLD_H
#define WEIR_SIM_TCP_WORLD_H

#include "sim/link.h"
#include "sim/scenario.h"
#include "sim/tcp_app.h"
#include "sim/tcp_check.h"
#include "sim/tcp_watch.h"

/* Fields may be read; the functions below change them. */
struct tcp_world {
    struct sim *sim;
    struct verdict verdict;
    struct tcp_apps *apps;
    struct tcp_watch *watch;
    struct tcp_check *check;
    struct stack_node *node[TCP_APP_HOSTS_MAX];
    unsigned hosts;
    uint64_t events;
    uint32_t check_every; /* events between two looks at all connections; 1 unless set */
    void (*on_event)(struct tcp_world *world, void *ctx); /* after each event; NULL: nothing */
    void *on_event_ctx;
};

/* A host: its number (1, 2, ...) makes its addresses, 10.0.0.N/24 and fd00::N/64. */
struct tcp_world_host {
    const char *name;
    const struct weir_config *config; /* NULL: the defaults; its tap is the world's */
    uint8_t link;                     /* enum weir_link; 0: WEIR_LINK_IP */
    uint32_t mtu_bytes;               /* 0: 1500 */
    uint32_t capabilities;
    bool slow; /* packets may wait for the device */
    bool own_clock; /* it may not be that of the simulation */
};

/* Begin in a simulation without nodes, which stays the caller's. The world does not move. */
void tcp_world_begin(struct tcp_world *world, struct sim *sim);

/* Add a host; answers its index from 0. */
unsigned tcp_world_host(struct tcp_world *world, const struct tcp_world_host *host);

struct sim_node *tcp_world_node(const struct tcp_world *world, unsigned host);
weir_stack *tcp_world_stack(const struct tcp_world *world, unsigned host);

/* The address of a host. */
struct weir_addr tcp_world_addr(unsigned host, bool ip6);

/* A plain talk: side 0 on host 0, side 1 on host 1, by IPv4, to be changed before it is given to
 * tcp_apps_talk(). */
struct tcp_talk_config tcp_world_talk(uint16_t port, uint64_t bytes_there, uint64_t bytes_back);

/* Run until nothing is left to happen, at most so many events. Then close the listeners, run again,
 * and look for what was left behind. True: all talks came to their end and nothing was wrong; else
 * the verdict says what. */
bool tcp_world_finish(struct tcp_world *world, uint64_t events_max);

/* The same in two steps: run to the end; close and look. */
bool tcp_world_run(struct tcp_world *world, uint64_t events_max);
bool tcp_world_close(struct tcp_world *world, uint64_t events_max);

/* The first step for a scenario: until the time it is to stop at, or until it is told to stop, which
 * makes it cut. True: it came to its end and nothing was wrong. */
bool tcp_world_go(struct tcp_world *world, struct scenario_run *run, uint64_t events_max);

/* Destroy the simulation and free what belongs to the world. */
void tcp_world_end(struct tcp_world *world);

/* Free what belongs to the world, after the simulation was destroyed. */
void tcp_world_free(struct tcp_world *world);

#endif
