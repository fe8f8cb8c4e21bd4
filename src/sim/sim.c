/* SPDX-License-Identifier: MIT */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "sim/internal.h"

struct sim *sim_create(const struct sim_config *config)
{
    if (config->start < 0)
        return NULL;
    struct sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL)
        return NULL;
    sim->now = config->start;
    sim->seed = config->seed;
    sim->root = rng_make(config->seed);
    sim->recorders = config->recorders;
    sim->nodes_end = &sim->nodes;
    sim->links_end = &sim->links;
    return sim;
}

/* Calls are freed here; every other event is part of a packet or a node. A packet that is under way
 * is known to nobody but its event. */
static void events_free(struct sim *sim)
{
    while (sim->heap.count > 0) {
        struct sim_event *event = sim->heap.entry[sim->heap.count - 1].event;
        sim_heap_remove(&sim->heap, event);
        bool flying = event->kind == SIM_EVENT_PACKET &&
                      ((struct sim_packet *)event)->place == SIM_PLACE_FLYING;
        if (event->kind == SIM_EVENT_CALL || flying)
            free(event);
    }
    free(sim->heap.entry);
}

void sim_destroy(struct sim *sim)
{
    if (sim == NULL)
        return;
    events_free(sim);
    for (struct sim_node *node = sim->nodes, *next; node != NULL; node = next) {
        next = node->next;
        sim_node_free(node);
    }
    for (struct sim_link *link = sim->links, *next; link != NULL; link = next) {
        next = link->next;
        sim_link_free(link);
    }
    free(sim);
}

weir_time sim_now(const struct sim *sim)
{
    return sim->now;
}

uint64_t sim_seed(const struct sim *sim)
{
    return sim->seed;
}

struct weir_recorder sim_recorder(const struct sim *sim, const char *node)
{
    if (sim->recorders.fn == NULL)
        return (struct weir_recorder){.fn = NULL};
    return sim->recorders.fn(sim->recorders.ctx, node);
}

int sim_error(const struct sim *sim)
{
    return sim->error;
}

uint64_t sim_trace_hash(const struct sim *sim)
{
    return sim->trace_hash;
}

struct sim_stats sim_stats(const struct sim *sim)
{
    struct sim_stats stats = sim->stats;
    stats.events_pending = sim->heap.count;
    return stats;
}

struct rng sim_rng(const struct sim *sim, const char *name)
{
    /* The name only has to become a number; the seed is in the root. */
    static const struct sip_key key = {0x6d61657274732d6eU, 0x676e722d6d69732dU};
    return rng_fork(&sim->root, siphash24(&key, name, strlen(name)));
}

bool sim_name_is_good(const char *name)
{
    size_t len = strnlen(name, SIM_NAME_MAX + 1);
    return len > 0 && len <= SIM_NAME_MAX;
}

void sim_fail(struct sim *sim, int error)
{
    if (sim->error == 0)
        sim->error = error;
}

void sim_schedule(struct sim *sim, struct sim_event *event, weir_time at)
{
    sim_heap_add(&sim->heap, event, at > sim->now ? at : sim->now);
}

int sim_at(struct sim *sim, weir_time at, void (*fn)(struct sim *sim, void *ctx), void *ctx)
{
    if (at == WEIR_TIME_NEVER)
        return WEIR_E_INVALID;
    struct sim_call *call = malloc(sizeof *call);
    if (call == NULL || !sim_heap_reserve(&sim->heap)) {
        free(call);
        sim_fail(sim, WEIR_E_EXHAUSTED);
        return WEIR_E_EXHAUSTED;
    }
    *call = (struct sim_call){
        .event = {.index = SIM_EVENT_OFF, .kind = SIM_EVENT_CALL}, .fn = fn, .ctx = ctx};
    sim_schedule(sim, &call->event, at);
    return 0;
}

void sim_on_event(struct sim *sim, void (*fn)(struct sim *sim, void *ctx), void *ctx)
{
    sim->on_event = fn;
    sim->on_event_ctx = ctx;
}

void sim_interrupt(struct sim *sim)
{
    sim->interrupted = true;
}

static void event_run(struct sim *sim, struct sim_event *event)
{
    CHECK(NULL, event->time >= sim->now);
    sim->now = event->time;
    sim->stats.events++;
    sim_heap_remove(&sim->heap, event);
    if (event->kind == SIM_EVENT_CALL) {
        struct sim_call call = *(struct sim_call *)event;
        sim_heap_release(&sim->heap);
        free(event);
        call.fn(sim, call.ctx);
    } else if (event->kind == SIM_EVENT_WAKE) {
        sim_node_serve((struct sim_node *)event, true);
    } else {
        sim_packet_event((struct sim_packet *)event);
    }
    if (sim->on_event != NULL)
        sim->on_event(sim, sim->on_event_ctx);
}

static enum sim_stop run(struct sim *sim, weir_time until, uint64_t events_max)
{
    sim->interrupted = false;
    for (uint64_t n = 0; sim->error == 0; n++) {
        struct sim_event *event = sim_heap_first(&sim->heap);
        if (sim->interrupted)
            return SIM_STOP_EVENTS;
        if (event == NULL)
            return SIM_STOP_IDLE;
        if (event->time > until)
            return SIM_STOP_TIME;
        if (events_max != 0 && n == events_max)
            return SIM_STOP_EVENTS;
        event_run(sim, event);
    }
    return SIM_STOP_ERROR;
}

enum sim_stop sim_step(struct sim *sim)
{
    struct sim_event *event = sim_heap_first(&sim->heap);
    if (event != NULL && sim->error == 0)
        event_run(sim, event);
    if (sim->error != 0)
        return SIM_STOP_ERROR;
    return event != NULL ? SIM_STOP_EVENTS : SIM_STOP_IDLE;
}

enum sim_stop sim_run_until(struct sim *sim, weir_time until, uint64_t events_max)
{
    enum sim_stop stop = run(sim, until, events_max);
    if ((stop == SIM_STOP_TIME || stop == SIM_STOP_IDLE) && until > sim->now)
        sim->now = until;
    return stop;
}

enum sim_stop sim_run_for(struct sim *sim, weir_time span, uint64_t events_max)
{
    CHECK(NULL, span >= 0 && span <= WEIR_TIME_NEVER - sim->now);
    return sim_run_until(sim, sim->now + span, events_max);
}

enum sim_stop sim_run_until_idle(struct sim *sim, uint64_t events_max)
{
    CHECK(NULL, events_max > 0);
    return run(sim, WEIR_TIME_NEVER, events_max);
}
