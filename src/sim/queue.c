/* SPDX-License-Identifier: MIT
 * The queue in front of a wire: drop-tail, random early detection, controlled delay. */
#include "sim/internal.h"

enum {
    RED_PACKET_BYTES = 1500,
    RED_CHANCE_BITS = 24, /* probabilities are numbers of 2^-24 */
    CODEL_BURST_INTERVALS = 16
};

#define CODEL_TARGET (5 * WEIR_NS_PER_MS)     /* RFC 8289 section 4.4 */
#define CODEL_INTERVAL (100 * WEIR_NS_PER_MS) /* RFC 8289 section 4.3 */

void sim_queue_put(struct sim_dir_state *dir, struct sim_packet *packet)
{
    packet->place = SIM_PLACE_QUEUE;
    packet->queued = dir->link->sim->now;
    dir->stats.queue_bytes += packet->len;
    sim_packets_push(&dir->queue, packet);
}

static bool mark(struct sim_dir_state *dir, struct sim_packet *packet)
{
    if (!dir->config.queue.ecn || !sim_mark_ce(packet->bytes, packet->len, dir->link->type))
        return false;
    dir->stats.marked++;
    return true;
}

/* ---- RED: Floyd, Jacobson: Random Early Detection Gateways for Congestion Avoidance, 1993 ---- */

/* (1 - 2^-shift)^n, in units of 2^-32. */
static uint64_t decay_power(unsigned shift, uint64_t n)
{
    uint64_t base = shift == 0 ? 0 : (UINT64_C(1) << 32) - (UINT64_C(1) << (32 - shift));
    uint64_t power = UINT64_C(0xffffffff);
    for (; n > 0 && power > 0; n >>= 1) {
        if ((n & 1) != 0)
            power = power * base >> 32;
        base = base * base >> 32;
    }
    return power;
}

/* The average queue with the sample of this arrival; while the queue was idle, as if so many
 * packets had found it empty. */
static void red_sample(struct sim_dir_state *dir)
{
    const struct sim_dir_config *c = &dir->config;
    struct sim_red *red = &dir->red;
    unsigned shift = c->queue.red.weight_shift;
    if (dir->sending == NULL && dir->queue.count == 0 && c->rate_bps > 0) {
        uint64_t bytes =
            c->queue.red.packet_bytes > 0 ? c->queue.red.packet_bytes : RED_PACKET_BYTES;
        uint64_t packet_ns = bytes * 8 * (uint64_t)WEIR_NS_PER_S / c->rate_bps;
        uint64_t idle_ns = (uint64_t)(dir->link->sim->now - red->idle_since);
        uint64_t power = decay_power(shift, idle_ns / (packet_ns > 0 ? packet_ns : 1));
        red->average = (red->average >> 32) * power + ((red->average & UINT32_MAX) * power >> 32);
    } else {
        red->average = red->average - (red->average >> shift) + dir->stats.queue_bytes;
    }
}

/* Between the thresholds: p_b rises with the average, p_a spreads the drops evenly (section 4). */
static bool red_hits(struct sim_dir_state *dir, uint64_t average)
{
    const struct sim_queue_config *c = &dir->config.queue;
    struct ratio top = c->red.chance_max;
    if (top.denominator == 0)
        return false;
    uint64_t part = ((average - c->red.bytes_min) << RED_CHANCE_BITS) /
                    (c->red.bytes_max - c->red.bytes_min);
    uint64_t chance = part * top.numerator / top.denominator;
    uint64_t spent = chance * dir->red.since;
    dir->red.since++;
    if (spent + chance >= UINT64_C(1) << RED_CHANCE_BITS)
        return true;
    uint64_t left = (UINT64_C(1) << RED_CHANCE_BITS) - spent;
    return rng_below(&dir->rng[SIM_STREAM_QUEUE], left) < chance;
}

static enum sim_lost red_judge(struct sim_dir_state *dir, struct sim_packet *packet)
{
    const struct sim_queue_config *c = &dir->config.queue;
    red_sample(dir);
    uint64_t average = dir->red.average >> c->red.weight_shift;
    if (average < c->red.bytes_min) {
        dir->red.since = 0;
        return SIM_LOST_COUNT;
    }
    if (average >= c->red.bytes_max) { /* dropped, not marked: RFC 3168 section 7 */
        dir->red.since = 0;
        return SIM_LOST_RED;
    }
    if (!red_hits(dir, average))
        return SIM_LOST_COUNT;
    dir->red.since = 0;
    return mark(dir, packet) ? SIM_LOST_COUNT : SIM_LOST_RED;
}

enum sim_lost sim_queue_judge(struct sim_dir_state *dir, struct sim_packet *packet)
{
    const struct sim_queue_config *c = &dir->config.queue;
    if (c->kind == SIM_QUEUE_RED) {
        enum sim_lost verdict = red_judge(dir, packet);
        if (verdict != SIM_LOST_COUNT)
            return verdict;
    }
    if (dir->sending == NULL && dir->queue.count == 0)
        return SIM_LOST_COUNT; /* it does not wait */
    if (dir->config.backpressure)
        return SIM_LOST_COUNT; /* there was room for the packet whose segment this is */
    if (c->packets_max != 0 && dir->queue.count >= c->packets_max)
        return SIM_LOST_QUEUE;
    if (c->bytes_max != 0 && dir->stats.queue_bytes + packet->len > c->bytes_max)
        return SIM_LOST_QUEUE;
    return SIM_LOST_COUNT;
}

/* ---- CoDel: RFC 8289 section 5 ---- */

static uint64_t sqrt_floor(uint64_t n)
{
    if (n < 2)
        return n;
    /* Newton's method from above, where it falls until it is right. */
    uint64_t x = UINT64_C(1) << ((65 - (unsigned)__builtin_clzll(n)) / 2);
    for (;;) {
        uint64_t y = (x + n / x) / 2;
        if (y >= x)
            return x;
        x = y;
    }
}

static weir_time codel_interval(const struct sim_queue_config *c)
{
    return c->codel.interval > 0 ? c->codel.interval : CODEL_INTERVAL;
}

/* t + interval / sqrt(count), as the square root of interval^2 / count (interval <= 4 s). */
static weir_time control_law(const struct sim_queue_config *c, weir_time t, uint32_t count)
{
    uint64_t interval = (uint64_t)codel_interval(c);
    return t + (weir_time)sqrt_floor(interval * interval / count);
}

static struct sim_packet *queue_pop(struct sim_dir_state *dir)
{
    struct sim_packet *packet = sim_packets_pop(&dir->queue);
    if (packet != NULL) {
        CHECK(NULL, dir->stats.queue_bytes >= packet->len);
        dir->stats.queue_bytes -= packet->len;
    }
    return packet;
}

/* dodequeue() of RFC 8289 section 5.6. */
static struct sim_packet *codel_pop(struct sim_dir_state *dir, bool *ok_to_drop)
{
    const struct sim_queue_config *c = &dir->config.queue;
    struct sim_codel *codel = &dir->codel;
    weir_time now = dir->link->sim->now;
    weir_time target = c->codel.target > 0 ? c->codel.target : CODEL_TARGET;
    struct sim_packet *packet = queue_pop(dir);
    *ok_to_drop = false;
    if (packet == NULL) {
        codel->first_above = 0;
        return NULL;
    }
    if (packet->len > codel->packet_bytes_max)
        codel->packet_bytes_max = packet->len;
    if (now - packet->queued < target || dir->stats.queue_bytes <= codel->packet_bytes_max)
        codel->first_above = 0;
    else if (codel->first_above == 0)
        codel->first_above = now + codel_interval(c);
    else
        *ok_to_drop = now >= codel->first_above;
    return packet;
}

static void codel_drop(struct sim_dir_state *dir, struct sim_packet *packet)
{
    sim_tap_lost(dir, packet, SIM_LOST_CODEL);
    sim_packet_lose(packet, SIM_LOST_CODEL);
}

/* In the dropping state: drop as many as are due. */
static struct sim_packet *codel_go_on(struct sim_dir_state *dir, struct sim_packet *packet, bool ok)
{
    const struct sim_queue_config *c = &dir->config.queue;
    struct sim_codel *codel = &dir->codel;
    weir_time now = dir->link->sim->now;
    if (!ok)
        codel->dropping = false;
    while (codel->dropping && now >= codel->drop_next) {
        codel->count++;
        if (mark(dir, packet)) {
            codel->drop_next = control_law(c, codel->drop_next, codel->count);
            return packet;
        }
        codel_drop(dir, packet);
        packet = codel_pop(dir, &ok);
        if (ok)
            codel->drop_next = control_law(c, codel->drop_next, codel->count);
        else
            codel->dropping = false;
    }
    return packet;
}

static struct sim_packet *codel_take(struct sim_dir_state *dir)
{
    const struct sim_queue_config *c = &dir->config.queue;
    struct sim_codel *codel = &dir->codel;
    weir_time now = dir->link->sim->now;
    bool ok;
    struct sim_packet *packet = codel_pop(dir, &ok);
    if (packet == NULL) {
        codel->dropping = false;
        return NULL;
    }
    if (codel->dropping)
        return codel_go_on(dir, packet, ok);
    if (!ok)
        return packet;
    if (!mark(dir, packet)) {
        codel_drop(dir, packet);
        packet = codel_pop(dir, &ok);
    }
    codel->dropping = true;
    /* A drop rate that controlled the queue not long ago is the place to begin. */
    uint32_t delta = codel->count - codel->count_last;
    codel->count = 1;
    if (delta > 1 && now - codel->drop_next < CODEL_BURST_INTERVALS * codel_interval(c))
        codel->count = delta;
    codel->drop_next = control_law(c, now, codel->count);
    codel->count_last = codel->count;
    return packet;
}

struct sim_packet *sim_queue_take(struct sim_dir_state *dir)
{
    return dir->config.queue.kind == SIM_QUEUE_CODEL ? codel_take(dir) : queue_pop(dir);
}
