/* SPDX-License-Identifier: MIT
 * The recount of everything (I-53). */
#include "sim/internal.h"

static bool broken(char *text, size_t size, const char *who, const char *what)
{
    if (text != NULL && size > 0) {
        struct text t = text_begin(text, size);
        text_str(&t, who);
        text_str(&t, ": ");
        text_str(&t, what);
    }
    return false;
}

/* Count a list of packets into their directions; false when one is not where it says. */
static bool recount_list(const struct sim_packets *list, enum sim_place place)
{
    uint32_t count = 0;
    for (const struct sim_packet *p = list->first; p != NULL; p = p->next) {
        if (p->place != place || (p->next == NULL && list->last != p))
            return false;
        p->dir->recount++;
        count++;
    }
    return count == list->count && (count > 0 || list->last == NULL);
}

/* Packets that only their event knows. */
static void recount_flying(const struct sim_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        const struct sim_event *event = heap->entry[i].event;
        if (event->kind != SIM_EVENT_PACKET)
            continue;
        const struct sim_packet *packet = (const struct sim_packet *)event;
        if (packet->place == SIM_PLACE_FLYING)
            packet->dir->recount++;
    }
}

static bool dir_lists_are_sound(struct sim_dir_state *dir)
{
    uint64_t bytes = 0;
    for (const struct sim_packet *p = dir->queue.first; p != NULL; p = p->next)
        bytes += p->len;
    if (bytes != dir->stats.queue_bytes || !recount_list(&dir->queue, SIM_PLACE_QUEUE))
        return false;
    for (unsigned i = 0; i < dir->rule_count; i++)
        if (!recount_list(&dir->rules[i].held, SIM_PLACE_HELD))
            return false;
    if (dir->sending == NULL)
        return dir->queue.count == 0; /* a free wire leaves nothing waiting */
    dir->recount++;
    return dir->sending->place == SIM_PLACE_SENDING && dir->sending->event.index != SIM_EVENT_OFF;
}

static const char *dir_fault(const struct sim_dir_state *dir)
{
    const struct sim_dir_stats *s = &dir->stats;
    uint64_t lost = 0;
    for (unsigned i = 0; i < SIM_LOST_COUNT; i++)
        lost += s->lost[i];
    if (s->sent + s->duplicated != s->delivered + lost + s->in_flight)
        return "sent + duplicated is not delivered + lost + in flight (I-53)";
    return s->in_flight == dir->recount ? NULL : "in flight is not what a recount finds (I-53)";
}

bool sim_invariants(const struct sim *sim, char *text, size_t size)
{
    uint64_t live = 0;
    if (!sim_heap_is_sound(&sim->heap))
        return broken(text, size, "events", "out of order");
    if (sim->heap.count > 0 && sim->heap.entry[0].time < sim->now)
        return broken(text, size, "events", "one lies in the past");
    for (struct sim_link *link = sim->links; link != NULL; link = link->next)
        for (unsigned i = 0; i < SIM_DIRS; i++) {
            link->dir[i].recount = 0;
            live += link->dir[i].stats.in_flight;
        }
    if (live != sim->packets_live)
        return broken(text, size, "links", "packets in flight are not the packets that exist");
    recount_flying(&sim->heap);
    for (const struct sim_node *node = sim->nodes; node != NULL; node = node->next)
        if (!recount_list(&node->backlog, SIM_PLACE_BACKLOG))
            return broken(text, size, node->name, "backlog counts wrong");
    for (struct sim_link *link = sim->links; link != NULL; link = link->next)
        for (unsigned i = 0; i < SIM_DIRS; i++)
            if (!dir_lists_are_sound(&link->dir[i]))
                return broken(text, size, link->name, "queue or hold counts wrong");
    for (struct sim_link *link = sim->links; link != NULL; link = link->next)
        for (unsigned i = 0; i < SIM_DIRS; i++) {
            const char *fault = dir_fault(&link->dir[i]);
            if (fault != NULL)
                return broken(text, size, link->name, fault);
        }
    return true;
}
