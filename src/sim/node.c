/* SPDX-License-Identifier: MIT */
#include "sim/node.h"

#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"

struct sim_node *sim_node_add(struct sim *sim, const char *name, const struct sim_node_ops *ops,
                              void *ctx)
{
    if (!sim_name_is_good(name))
        return NULL;
    for (struct sim_node *node = sim->nodes; node != NULL; node = node->next)
        if (strcmp(node->name, name) == 0)
            return NULL;
    struct sim_node *node = calloc(1, sizeof *node);
    if (node == NULL || !sim_heap_reserve(&sim->heap)) {
        free(node);
        return NULL;
    }
    node->wake = (struct sim_event){.index = SIM_EVENT_OFF, .kind = SIM_EVENT_WAKE};
    node->sim = sim;
    node->ops = *ops;
    node->ctx = ctx;
    node->clock_tick = 1;
    memcpy(node->name, name, strlen(name) + 1);
    *sim->nodes_end = node;
    sim->nodes_end = &node->next;
    sim_node_wake(node);
    return node;
}

void sim_node_free(struct sim_node *node)
{
    if (node->ops.destroy != NULL)
        node->ops.destroy(node->ctx);
    sim_packets_free(&node->backlog);
    free(node);
}

struct sim *sim_node_sim(const struct sim_node *node)
{
    return node->sim;
}

const char *sim_node_name(const struct sim_node *node)
{
    return node->name;
}

void *sim_node_ctx(const struct sim_node *node)
{
    return node->ctx;
}

bool sim_node_is_stopped(const struct sim_node *node)
{
    return node->stopped;
}

/* ---- the node's clock ---- */

/* t rounded down to a multiple of `tick`, also below zero. */
static weir_time tick_floor(weir_time t, weir_time tick)
{
    weir_time over = t % tick;
    return t - (over < 0 ? over + tick : over);
}

weir_time sim_node_now(const struct sim_node *node)
{
    return tick_floor(node->sim->now + node->clock_offset, node->clock_tick);
}

void sim_node_set_clock(struct sim_node *node, weir_time offset, weir_time tick)
{
    CHECK(NULL, tick >= 0);
    node->clock_offset = offset;
    node->clock_tick = tick > 0 ? tick : 1;
    sim_node_wake(node);
}

/* The first virtual time, from now on, at which the node's clock shows `deadline` or later. */
static weir_time deadline_virtual(const struct sim_node *node, weir_time deadline)
{
    if (deadline <= sim_node_now(node))
        return node->sim->now;
    weir_time tick = tick_floor(deadline, node->clock_tick);
    if (tick < deadline)
        tick = tick > WEIR_TIME_NEVER - node->clock_tick ? WEIR_TIME_NEVER
                                                         : tick + node->clock_tick;
    if (node->clock_offset < 0 && tick > WEIR_TIME_NEVER + node->clock_offset)
        return WEIR_TIME_NEVER;
    return tick - node->clock_offset;
}

/* ---- serving ---- */

void sim_node_wake(struct sim_node *node)
{
    struct sim *sim = node->sim;
    if (node->stopped)
        return; /* it is woken when it starts */
    if (node->wake.index != SIM_EVENT_OFF) {
        if (node->wake.time <= sim->now)
            return;
        sim_heap_remove(&sim->heap, &node->wake);
    }
    sim_schedule(sim, &node->wake, sim->now);
}

/* Pull what the node has for one port, as far as there is room; false when that ended it. */
static bool port_poll(struct sim_node *node, unsigned port)
{
    struct sim *sim = node->sim;
    struct sim_dir_state *dir = node->out[port];
    if (dir == NULL)
        return true;
    for (uint32_t burst = 0; sim->error == 0;) {
        unsigned max = sim_dir_room(dir);
        if (max > SIM_TX_BATCH)
            max = SIM_TX_BATCH;
        if (max == 0)
            return false;
        for (unsigned i = 0; i < max; i++)
            memset(&sim->tx[i], 0, offsetof(struct weir_tx, headers));
        unsigned n = node->ops.output(node->ctx, port, sim->tx, max, sim_node_now(node));
        CHECK(NULL, n <= max);
        if (n == 0)
            return true;
        for (unsigned i = 0; i < n; i++)
            sim_dir_send(dir, &sim->tx[i]);
        burst += n;
        if (burst > SIM_BURST_PACKETS_MAX)
            sim_fail(sim, WEIR_E_EXHAUSTED);
    }
    return true;
}

/* One wake-up per node: where it is right already it stays, with its place among equal times. */
static void node_arm(struct sim_node *node, bool blocked)
{
    struct sim *sim = node->sim;
    weir_time deadline =
        node->ops.deadline != NULL ? node->ops.deadline(node->ctx) : WEIR_TIME_NEVER;
    weir_time at =
        deadline == WEIR_TIME_NEVER ? WEIR_TIME_NEVER : deadline_virtual(node, deadline);
    /* It wants to send and cannot: to ask again before there is room would never end. */
    node->waits_for_room = blocked && at <= sim->now;
    if (node->waits_for_room)
        at = WEIR_TIME_NEVER;
    if (node->wake.index != SIM_EVENT_OFF) {
        /* A wake that was asked for, at this instant, is not put off. */
        if (node->wake.time == at || node->wake.time <= sim->now)
            return;
        sim_heap_remove(&sim->heap, &node->wake);
    }
    if (at != WEIR_TIME_NEVER)
        sim_schedule(sim, &node->wake, at);
}

void sim_node_serve(struct sim_node *node, bool advance)
{
    if (node->stopped)
        return;
    if (advance && node->ops.advance != NULL)
        node->ops.advance(node->ctx, sim_node_now(node));
    bool blocked = false;
    if (node->ops.output != NULL)
        for (unsigned port = 0; port < node->port_end; port++)
            blocked |= !port_poll(node, port);
    node_arm(node, blocked);
}

void sim_node_deliver(struct sim_node *node, unsigned port, struct sim_packets *packets)
{
    struct weir_rx rx[SIM_BATCH_MAX];
    unsigned n = 0;
    if (node->stopped) {
        for (struct sim_packet *p; (p = sim_packets_pop(packets)) != NULL;) {
            if (node->backlog.count >= node->backlog_max) {
                sim_tap_lost(p->dir, p, SIM_LOST_RECEIVER);
                sim_packet_lose(p, SIM_LOST_RECEIVER);
                continue;
            }
            p->place = SIM_PLACE_BACKLOG;
            sim_packets_push(&node->backlog, p);
        }
        return;
    }
    CHECK(NULL, packets->count <= SIM_BATCH_MAX);
    for (struct sim_packet *p = packets->first; p != NULL; p = p->next) {
        sim_tap_delivered(p->dir, p);
        rx[n++] = (struct weir_rx){.head = p->bytes, .head_len = p->len, .len = p->len};
    }
    if (node->ops.input != NULL)
        node->ops.input(node->ctx, port, rx, n, sim_node_now(node));
    for (struct sim_packet *p; (p = sim_packets_pop(packets)) != NULL;)
        sim_packet_delivered(p);
    sim_node_serve(node, false);
}

void sim_node_stop(struct sim_node *node, uint32_t backlog_max)
{
    node->stopped = true;
    node->backlog_max = backlog_max;
    sim_heap_remove(&node->sim->heap, &node->wake);
}

void sim_node_start(struct sim_node *node)
{
    if (!node->stopped)
        return;
    node->stopped = false;
    for (struct sim_packet *p; (p = sim_packets_pop(&node->backlog)) != NULL;) {
        p->place = SIM_PLACE_FLYING;
        sim_schedule(node->sim, &p->event, node->sim->now);
    }
    sim_node_wake(node);
}
