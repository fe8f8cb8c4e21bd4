/* SPDX-License-Identifier: MIT */
#include "sim/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"

struct sim_outbox_packet {
    struct sim_outbox_packet *next;
    uint32_t len;
    uint8_t bytes[];
};

static void list_free(struct sim_outbox_packet *packet)
{
    while (packet != NULL) {
        struct sim_outbox_packet *next = packet->next;
        free(packet);
        packet = next;
    }
}

void sim_outbox_init(struct sim_outbox *box, struct sim *sim, uint32_t packets_max)
{
    *box = (struct sim_outbox){.sim = sim, .packets_max = packets_max};
}

bool sim_outbox_put(struct sim_outbox *box, const void *bytes, uint32_t len)
{
    CHECK(NULL, len > 0 && len <= WEIR_PACKET_BYTES_MAX);
    if (box->count >= box->packets_max)
        return false;
    struct sim_outbox_packet *packet = malloc(sizeof *packet + len);
    if (packet == NULL) {
        sim_fail(box->sim, WEIR_E_EXHAUSTED);
        return false;
    }
    packet->next = NULL;
    packet->len = len;
    memcpy(packet->bytes, bytes, len);
    if (box->last == NULL)
        box->first = packet;
    else
        box->last->next = packet;
    box->last = packet;
    box->count++;
    return true;
}

unsigned sim_outbox_take(struct sim_outbox *box, struct weir_tx *tx, unsigned max)
{
    unsigned n = 0;
    list_free(box->given);
    box->given = NULL;
    struct sim_outbox_packet **end = &box->given;
    while (n < max && box->first != NULL) {
        struct sim_outbox_packet *packet = box->first;
        box->first = packet->next;
        packet->next = NULL;
        *end = packet;
        end = &packet->next;
        tx[n].frag[0] = (struct weir_ref){packet->bytes, packet->len};
        tx[n].frag_count = 1;
        tx[n].len = packet->len;
        n++;
    }
    if (box->first == NULL)
        box->last = NULL;
    CHECK(NULL, box->count >= n);
    box->count -= n;
    return n;
}

void sim_outbox_free(struct sim_outbox *box)
{
    list_free(box->given);
    list_free(box->first);
    *box = (struct sim_outbox){0};
}
