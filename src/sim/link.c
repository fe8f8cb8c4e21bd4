/* SPDX-License-Identifier: MIT */
#include "sim/link.h"

#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"

#define SIM_RATE_BPS_MAX (UINT64_C(1000) * 1000 * 1000 * 1000 * 1000)

enum {
    SIM_OVERHEAD_BYTES_MAX = 65535,
    SIM_RED_SHIFT_MAX = 16,
    SIM_CORRUPT_BITS_MAX = 64
};

/* The longest transmission fits 64 bits: all bits times 10^9, and a remainder below the rate. */
_Static_assert((WEIR_PACKET_BYTES_MAX + SIM_EDIT_ROOM * SIM_FAULT_RULES_MAX +
                SIM_OVERHEAD_BYTES_MAX) * UINT64_C(8) <
                   (UINT64_MAX - SIM_RATE_BPS_MAX) / 1000000000, "transmission time");

const char *sim_lost_text(enum sim_lost cause)
{
    static const char *const texts[] = {
#define X(name, text) text,
        SIM_LOSSES(X)
#undef X
    };
    return cause < SIM_LOST_COUNT ? texts[cause] : NULL;
}

/* ---- settings ---- */

static bool ratio_is_good(struct ratio r)
{
    return r.denominator == 0 || r.numerator <= r.denominator;
}

static bool delay_is_good(weir_time t)
{
    return t >= 0 && t <= SIM_DELAY_MAX;
}

static bool queue_is_good(const struct sim_queue_config *c)
{
    if (c->kind == SIM_QUEUE_RED)
        return c->red.bytes_min < c->red.bytes_max && c->red.weight_shift <= SIM_RED_SHIFT_MAX &&
               ratio_is_good(c->red.chance_max);
    if (c->kind == SIM_QUEUE_CODEL)
        return c->codel.target >= 0 && c->codel.interval >= 0 &&
               c->codel.interval <= 4 * WEIR_NS_PER_S && delay_is_good(c->codel.target);
    return c->kind == SIM_QUEUE_TAIL;
}

static bool loss_is_good(const struct sim_loss_config *c)
{
    return c->kind <= SIM_LOSS_LIST && ratio_is_good(c->chance) &&
           ratio_is_good(c->gilbert.to_bad) && ratio_is_good(c->gilbert.to_good) &&
           ratio_is_good(c->gilbert.lost_good) && ratio_is_good(c->gilbert.lost_bad) &&
           (c->kind != SIM_LOSS_EVERY || c->every > 0) &&
           (c->kind != SIM_LOSS_LIST || c->list != NULL || c->list_len == 0);
}

static bool dir_config_is_good(const struct sim_dir_config *c)
{
    return c->rate_bps <= SIM_RATE_BPS_MAX && c->overhead_bytes <= SIM_OVERHEAD_BYTES_MAX &&
           delay_is_good(c->delay) && delay_is_good(c->jitter) && delay_is_good(c->poll_interval) &&
           c->batch_max <= SIM_BATCH_MAX && queue_is_good(&c->queue) && loss_is_good(&c->loss) &&
           ratio_is_good(c->corrupt.chance) && c->corrupt.bits_max <= SIM_CORRUPT_BITS_MAX &&
           c->corrupt.kinds <= (SIM_CORRUPT_FLIP | SIM_CORRUPT_SWAP | SIM_CORRUPT_ZERO) &&
           ratio_is_good(c->duplicate.chance) && delay_is_good(c->duplicate.delay) &&
           ratio_is_good(c->reorder.chance) && delay_is_good(c->reorder.delay);
}

/* ---- making and changing ---- */

static void dir_init(struct sim_link *link, enum sim_dir which, struct sim_node *from,
                     unsigned from_port)
{
    struct sim_dir_state *dir = &link->dir[which];
    struct rng of_link = sim_rng(link->sim, link->name);
    struct rng of_dir = rng_fork(&of_link, which);
    dir->link = link;
    dir->which = which;
    dir->from = from;
    dir->from_port = from_port;
    for (unsigned i = 0; i < SIM_STREAM_COUNT; i++)
        dir->rng[i] = rng_fork(&of_dir, i);
    dir->red.idle_since = link->sim->now;
    from->out[from_port] = dir;
    if (from->port_end <= from_port)
        from->port_end = from_port + 1;
}

static bool port_is_free(const struct sim_node *node, unsigned port)
{
    return port < SIM_PORTS_MAX && node->out[port] == NULL;
}

static bool link_is_possible(const struct sim *sim, const char *name,
                             const struct sim_link_config *config)
{
    if (!sim_name_is_good(name) || config->type > WEIR_LINK_ETHERNET ||
        !dir_config_is_good(&config->dir[SIM_A_TO_B]) ||
        !dir_config_is_good(&config->dir[SIM_B_TO_A]))
        return false;
    for (const struct sim_link *link = sim->links; link != NULL; link = link->next)
        if (strcmp(link->name, name) == 0)
            return false;
    return true;
}

struct sim_link *sim_link_add(struct sim *sim, const char *name, struct sim_node *a,
                              unsigned port_a, struct sim_node *b, unsigned port_b,
                              const struct sim_link_config *config)
{
    if (!link_is_possible(sim, name, config) || !port_is_free(a, port_a) ||
        !port_is_free(b, port_b) || (a == b && port_a == port_b))
        return NULL;
    struct sim_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    memcpy(link->name, name, strlen(name) + 1);
    link->sim = sim;
    link->id = sim->link_count++;
    link->type = config->type == 0 ? WEIR_LINK_IP : (enum weir_link)config->type;
    dir_init(link, SIM_A_TO_B, a, port_a);
    dir_init(link, SIM_B_TO_A, b, port_b);
    for (unsigned i = 0; i < SIM_DIRS; i++) {
        struct sim_dir_state *back = &link->dir[1 - i];
        link->dir[i].to = back->from;
        link->dir[i].to_port = back->from_port;
        link->dir[i].config = config->dir[i];
    }
    *sim->links_end = link;
    sim->links_end = &link->next;
    sim_node_wake(a);
    sim_node_wake(b);
    return link;
}

void sim_link_free(struct sim_link *link)
{
    for (unsigned i = 0; i < SIM_DIRS; i++) {
        struct sim_dir_state *dir = &link->dir[i];
        sim_packets_free(&dir->queue);
        free(dir->sending);
        sim_fault_free(dir);
    }
    free(link);
}

const char *sim_link_name(const struct sim_link *link)
{
    return link->name;
}

enum weir_link sim_link_type(const struct sim_link *link)
{
    return link->type;
}

const struct sim_dir_config *sim_link_dir(const struct sim_link *link, enum sim_dir dir)
{
    CHECK(NULL, dir < SIM_DIRS);
    return &link->dir[dir].config;
}

int sim_link_set(struct sim_link *link, enum sim_dir dir, const struct sim_dir_config *config)
{
    CHECK(NULL, dir < SIM_DIRS);
    if (!dir_config_is_good(config))
        return WEIR_E_CONFIG;
    struct sim_dir_state *d = &link->dir[dir];
    if (config->queue.kind != d->config.queue.kind ||
        config->queue.red.weight_shift != d->config.queue.red.weight_shift) {
        d->red = (struct sim_red){.idle_since = link->sim->now};
        d->codel = (struct sim_codel){0};
    }
    if (config->loss.kind != d->config.loss.kind)
        d->gilbert_bad = false;
    if (config->rate_bps != d->config.rate_bps)
        d->wire_remainder = 0;
    d->config = *config;
    sim_node_wake(d->from); /* there may be room now */
    return 0;
}

void sim_link_set_down(struct sim_link *link, enum sim_dir dir, bool down)
{
    CHECK(NULL, dir < SIM_DIRS);
    link->dir[dir].config.down = down;
}

struct sim_dir_stats sim_link_stats(const struct sim_link *link, enum sim_dir dir)
{
    CHECK(NULL, dir < SIM_DIRS);
    struct sim_dir_stats stats = link->dir[dir].stats;
    stats.queue_packets = link->dir[dir].queue.count;
    return stats;
}

/* ---- the way in ---- */

unsigned sim_dir_room(const struct sim_dir_state *dir)
{
    const struct sim_queue_config *queue = &dir->config.queue;
    if (!dir->config.backpressure || dir->config.rate_bps == 0 ||
        (queue->packets_max == 0 && queue->bytes_max == 0))
        return SIM_TX_BATCH;
    if (dir->sending == NULL)
        return 1;
    if ((queue->packets_max != 0 && dir->queue.count >= queue->packets_max) ||
        (queue->bytes_max != 0 && dir->stats.queue_bytes >= queue->bytes_max))
        return 0;
    /* How long the next packet is nobody knows, so bytes are filled one by one. */
    return queue->bytes_max != 0 ? 1 : queue->packets_max - dir->queue.count;
}

/* Lost when its record in the sender's capture is not written yet: that tells it. */
static void lose_noted(struct sim_packet *packet, enum sim_lost cause, struct text *note)
{
    sim_note(note, "lost: ");
    text_str(note, sim_lost_text(cause));
    sim_packet_lose(packet, cause);
}

/* Lost later: a record of its own. */
static void lose_late(struct sim_packet *packet, enum sim_lost cause)
{
    sim_tap_lost(packet->dir, packet, cause);
    sim_packet_lose(packet, cause);
}

static void packet_fly(struct sim_packet *packet, weir_time at)
{
    packet->place = SIM_PLACE_FLYING;
    sim_schedule(packet->dir->link->sim, &packet->event, at);
}

/* When the packet arrives that leaves the wire now. */
static weir_time arrival(struct sim_dir_state *dir, struct sim_packet *packet)
{
    const struct sim_dir_config *c = &dir->config;
    weir_time at = dir->link->sim->now + c->delay + packet->delay_more;
    if (c->jitter > 0)
        at += (weir_time)rng_below(&dir->rng[SIM_STREAM_JITTER], (uint64_t)c->jitter + 1);
    if (sim_happens(&dir->rng[SIM_STREAM_REORDER], c->reorder.chance)) {
        at += c->reorder.delay;
        packet->overtaken = true;
    }
    if (packet->overtaken)
        dir->stats.reordered++;
    else if (!c->jitter_reorders && at < dir->arrival_last)
        at = dir->arrival_last;
    if (c->poll_interval > 1) {
        weir_time over = at % c->poll_interval;
        at += over > 0 ? c->poll_interval - over : 0;
    }
    if (!packet->overtaken && at > dir->arrival_last)
        dir->arrival_last = at;
    return at;
}

/* A transmission has ended: what the wire does to the packet. */
static void wire_leave(struct sim_packet *packet)
{
    struct sim_dir_state *dir = packet->dir;
    const struct sim_dir_config *c = &dir->config;
    if (packet->lost && !packet->loss_untold) {
        sim_packet_lose(packet, SIM_LOST_RANDOM);
        return;
    }
    if (packet->lost || c->down) {
        lose_late(packet, packet->lost ? SIM_LOST_RANDOM : SIM_LOST_DOWN);
        return;
    }
    if (sim_happens(&dir->rng[SIM_STREAM_CORRUPT], c->corrupt.chance))
        sim_corrupt(dir, packet);
    weir_time at = arrival(dir, packet);
    struct sim_packet *copy = NULL;
    weir_time copy_at = at;
    if (sim_happens(&dir->rng[SIM_STREAM_DUPLICATE], c->duplicate.chance)) {
        copy = sim_packet_copy(packet);
        copy_at += (weir_time)rng_below(&dir->rng[SIM_STREAM_DUPLICATE],
                                        (uint64_t)c->duplicate.delay + 1);
    }
    packet_fly(packet, at);
    if (copy != NULL) {
        dir->stats.duplicated++;
        packet_fly(copy, copy_at);
    }
}

/* Begin the next transmission, if the wire is free and a packet waits. */
static void wire_start(struct sim_dir_state *dir)
{
    struct sim *sim = dir->link->sim;
    const struct sim_dir_config *c = &dir->config;
    while (dir->sending == NULL) {
        struct sim_packet *packet = sim_queue_take(dir);
        if (packet == NULL) {
            dir->red.idle_since = sim->now;
            return;
        }
        if (c->rate_bps == 0) { /* what is left from a time with a rate */
            wire_leave(packet);
            continue;
        }
        if (dir->wire_free_at != sim->now)
            dir->wire_remainder = 0; /* not back to back */
        uint64_t bits = ((uint64_t)packet->len + c->overhead_bytes) * 8;
        uint64_t scaled = bits * (uint64_t)WEIR_NS_PER_S + dir->wire_remainder;
        dir->wire_remainder = scaled % c->rate_bps;
        dir->wire_free_at = sim->now + (weir_time)(scaled / c->rate_bps);
        dir->sending = packet;
        packet->place = SIM_PLACE_SENDING;
        sim_schedule(sim, &packet->event, dir->wire_free_at);
    }
}

void sim_dir_admit(struct sim_packet *packet, struct text *note)
{
    struct sim_dir_state *dir = packet->dir;
    if (dir->config.rate_bps == 0 && dir->sending == NULL && dir->queue.count == 0) {
        wire_leave(packet);
        return;
    }
    enum sim_lost verdict = sim_queue_judge(dir, packet);
    if (verdict != SIM_LOST_COUNT) {
        if (note != NULL)
            lose_noted(packet, verdict, note);
        else
            lose_late(packet, verdict);
        return;
    }
    sim_queue_put(dir, packet);
    wire_start(dir);
    if (dir->queue.count > dir->stats.queue_packets_max)
        dir->stats.queue_packets_max = dir->queue.count;
    if (dir->stats.queue_bytes > dir->stats.queue_bytes_max)
        dir->stats.queue_bytes_max = dir->stats.queue_bytes;
}

/* The steps of link.h from 2 on, for one packet. */
static void dir_enter(struct sim_packet *packet, struct text *note)
{
    struct sim_dir_state *dir = packet->dir;
    const struct sim_dir_config *c = &dir->config;
    struct sim_packets copies = {0};
    uint32_t ip_offset = sim_ip_offset(packet->bytes, packet->len, dir->link->type);
    packet->number = ++dir->stats.sent;
    dir->stats.sent_bytes += packet->len;
    packet->lost = sim_loss_decide(dir, packet->number);
    if (c->down) {
        lose_noted(packet, SIM_LOST_DOWN, note);
    } else if (c->mtu_bytes != 0 && packet->len - ip_offset > c->mtu_bytes) {
        lose_noted(packet, SIM_LOST_MTU, note);
    } else if ((packet = sim_fault_walk(packet, &copies, note)) != NULL) {
        if (packet->lost) {
            sim_note(note, "lost: ");
            text_str(note, sim_lost_text(SIM_LOST_RANDOM));
        }
        sim_dir_admit(packet, note);
    }
    for (struct sim_packet *copy; (copy = sim_packets_pop(&copies)) != NULL;) {
        dir->stats.duplicated++;
        sim_dir_admit(copy, NULL); /* the note is about the packet itself */
    }
    sim_fault_passed(dir);
}

/* Let the packet enter, and show it as the sender sent it, with what became of it. */
void sim_dir_enter(struct sim_packet *packet)
{
    struct sim_dir_state *dir = packet->dir;
    char buf[160];
    struct text note = text_begin(buf, sizeof buf);
    uint32_t len = packet->len;
    uint8_t *as_sent = NULL;
    if (sim_tap_wants_sender(dir)) {
        as_sent = malloc(len);
        if (as_sent == NULL)
            sim_fail(dir->link->sim, WEIR_E_EXHAUSTED);
        else
            memcpy(as_sent, packet->bytes, len);
    }
    dir_enter(packet, &note);
    if (as_sent != NULL)
        sim_tap_sent(dir, as_sent, len, buf);
    free(as_sent);
}

/* ---- events ---- */

static void wire_event(struct sim_packet *packet)
{
    struct sim_dir_state *dir = packet->dir;
    dir->sending = NULL;
    wire_leave(packet);
    wire_start(dir);
    if (dir->config.backpressure || dir->from->waits_for_room)
        sim_node_serve(dir->from, dir->from->waits_for_room);
}

/* Deliver the packet, and with it those that are due at the same instant on the same direction and
 * stand next in the order of events. */
static void arrival_event(struct sim_packet *packet)
{
    struct sim_dir_state *dir = packet->dir;
    struct sim *sim = dir->link->sim;
    unsigned max = dir->config.batch_max > 0 ? dir->config.batch_max : 1;
    struct sim_packets batch = {0};
    sim_packets_push(&batch, packet);
    while (batch.count < max) {
        struct sim_event *event = sim_heap_first(&sim->heap);
        if (event == NULL || event->time != sim->now || event->kind != SIM_EVENT_PACKET)
            break;
        struct sim_packet *next = (struct sim_packet *)event;
        if (next->place != SIM_PLACE_FLYING || next->dir != dir)
            break;
        sim_heap_remove(&sim->heap, event);
        sim_packets_push(&batch, next);
    }
    sim_node_deliver(dir->to, dir->to_port, &batch);
}

void sim_packet_event(struct sim_packet *packet)
{
    if (packet->place == SIM_PLACE_SENDING)
        wire_event(packet);
    else if (packet->place == SIM_PLACE_HELD)
        sim_fault_hold_ended(packet);
    else
        arrival_event(packet);
}
