/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/siphash.h"
#include "sim/internal.h"

void sim_packets_push(struct sim_packets *list, struct sim_packet *packet)
{
    packet->next = NULL;
    if (list->last == NULL)
        list->first = packet;
    else
        list->last->next = packet;
    list->last = packet;
    list->count++;
}

struct sim_packet *sim_packets_pop(struct sim_packets *list)
{
    struct sim_packet *packet = list->first;
    if (packet == NULL)
        return NULL;
    list->first = packet->next;
    if (list->first == NULL)
        list->last = NULL;
    list->count--;
    return packet;
}

void sim_packets_remove(struct sim_packets *list, struct sim_packet *packet)
{
    struct sim_packet *before = NULL;
    for (struct sim_packet *p = list->first; p != packet; p = p->next) {
        CHECK(NULL, p != NULL);
        before = p;
    }
    if (before == NULL)
        list->first = packet->next;
    else
        before->next = packet->next;
    if (list->last == packet)
        list->last = before;
    list->count--;
}

void sim_packets_free(struct sim_packets *list)
{
    for (struct sim_packet *packet; (packet = sim_packets_pop(list)) != NULL;)
        free(packet);
}

struct sim_packet *sim_packet_new(struct sim_dir_state *dir, uint32_t len)
{
    struct sim *sim = dir->link->sim;
    struct sim_packet *packet = malloc(sizeof *packet + len);
    if (packet == NULL || !sim_heap_reserve(&sim->heap)) {
        free(packet);
        sim_fail(sim, WEIR_E_EXHAUSTED);
        return NULL;
    }
    *packet = (struct sim_packet){
        .event = {.index = SIM_EVENT_OFF, .kind = SIM_EVENT_PACKET},
        .dir = dir,
        .len = len,
        .place = SIM_PLACE_NEW,
    };
    dir->stats.in_flight++;
    sim->packets_live++;
    return packet;
}

struct sim_packet *sim_packet_copy(const struct sim_packet *packet)
{
    struct sim_packet *copy = sim_packet_new(packet->dir, packet->len);
    if (copy == NULL)
        return NULL;
    memcpy(copy->bytes, packet->bytes, packet->len);
    copy->delay_more = packet->delay_more;
    copy->overtaken = packet->overtaken;
    return copy;
}

/* The packet is in no list and its event is off. */
static void packet_leave(struct sim_packet *packet)
{
    struct sim_dir_state *dir = packet->dir;
    struct sim *sim = dir->link->sim;
    CHECK(NULL, packet->event.index == SIM_EVENT_OFF);
    CHECK(NULL, dir->stats.in_flight > 0 && sim->packets_live > 0);
    dir->stats.in_flight--;
    sim->packets_live--;
    sim_heap_release(&sim->heap);
    free(packet);
}

void sim_packet_lose(struct sim_packet *packet, enum sim_lost cause)
{
    packet->dir->stats.lost[cause]++;
    packet_leave(packet);
}

/* The running hash: each step is keyed by the one before. Only values are hashed, in a byte order
 * of their own, never a struct with its padding. */
static uint64_t trace_step(uint64_t hash, const struct sim_packet *packet, weir_time now)
{
    uint8_t head[24];
    store64(head, (uint64_t)now);
    store64(head + 8, (uint64_t)packet->dir->link->id << 1 | (uint64_t)packet->dir->which);
    store64(head + 16, packet->len);
    struct sip_key key = {hash, 0x7472616365}; /* "trace" */
    key.k1 ^= siphash13(&key, head, sizeof head);
    return siphash13(&key, packet->bytes, packet->len);
}

void sim_packet_delivered(struct sim_packet *packet)
{
    struct sim_dir_state *dir = packet->dir;
    struct sim *sim = dir->link->sim;
    sim->trace_hash = trace_step(sim->trace_hash, packet, sim->now);
    sim->stats.packets++;
    sim->stats.bytes += packet->len;
    dir->stats.delivered++;
    dir->stats.delivered_bytes += packet->len;
    packet_leave(packet);
}

void sim_note(struct text *note, const char *s)
{
    if (note->len > 0)
        text_str(note, "; ");
    text_str(note, s);
}
