/* SPDX-License-Identifier: MIT */
#include "sim/fault.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/internal.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

/* ---- matching ---- */

static bool has_ports(const struct sim_parsed *p)
{
    return p->transport_len > 0 &&
           (p->protocol == IP_PROTOCOL_TCP || p->protocol == IP_PROTOCOL_UDP);
}

static bool is_tcp(const struct sim_parsed *p)
{
    return p->transport_len > 0 && p->protocol == IP_PROTOCOL_TCP;
}

/* The conditions that name a flow. */
static bool match_flow(const struct sim_match *m, const struct sim_parsed *p)
{
    if (m->ip_version != 0 && m->ip_version != p->ip_version)
        return false;
    if (m->protocol != 0 && (p->ip_version == 0 || m->protocol != p->protocol))
        return false;
    if (m->source_port == 0 && m->destination_port == 0)
        return true;
    return has_ports(p) && (m->source_port == 0 || m->source_port == p->source_port) &&
           (m->destination_port == 0 || m->destination_port == p->destination_port);
}

static bool match_lengths(const struct sim_match *m, const struct sim_parsed *p)
{
    if (p->len < m->len_min || (m->len_max != 0 && p->len > m->len_max))
        return false;
    if (!m->no_payload && m->payload_min == 0 && m->payload_max == 0)
        return true;
    return has_ports(p) && !(m->no_payload && p->payload_len > 0) &&
           p->payload_len >= m->payload_min &&
           (m->payload_max == 0 || p->payload_len <= m->payload_max);
}

static bool match_tcp(const struct sim_rule *rule, const struct sim_parsed *p)
{
    const struct sim_match *m = &rule->fault.match;
    if (m->flags_set == 0 && m->flags_clear == 0 && m->seq_len == 0)
        return true;
    if (!is_tcp(p) || (p->tcp_flags & m->flags_set) != m->flags_set ||
        (p->tcp_flags & m->flags_clear) != 0)
        return false;
    if (m->seq_len == 0)
        return true;
    if (m->seq_relative && !rule->has_isn)
        return false;
    struct tcp_seq from = m->seq_relative ? seq_add(rule->isn, m->seq.v) : m->seq;
    /* Two ranges on the circle meet when one begins in the other. */
    return seq_in(p->seq, from, m->seq_len) ?
               tcp_segment_seq_len(p->tcp_flags, p->payload_len) > 0 :
               seq_in(from, p->seq, tcp_segment_seq_len(p->tcp_flags, p->payload_len));
}

static bool rule_matches(struct sim_rule *rule, const struct sim_parsed *p, weir_time now)
{
    const struct sim_match *m = &rule->fault.match;
    if (rule->removed || !match_flow(m, p))
        return false;
    if (m->seq_relative && is_tcp(p) && (p->tcp_flags & TCP_SYN) != 0) {
        rule->isn = p->seq;
        rule->has_isn = true;
    }
    return now >= m->from && (m->until == 0 || now < m->until) && match_lengths(m, p) &&
           match_tcp(rule, p) && (m->fn == NULL || m->fn(m->ctx, p));
}

/* Of the packets that match, is this one to be acted on? */
static bool rule_acts(struct sim_rule *rule, struct rng *rng)
{
    const struct sim_fault *f = &rule->fault;
    uint64_t number = rule->stats.matched++;
    if (number < f->skip)
        return false;
    number -= f->skip;
    uint64_t every = f->every > 1 ? f->every : 1;
    if ((number + 1) % every != 0 || (f->count != 0 && rule->stats.acted >= f->count))
        return false;
    if (f->chance.denominator != 0 && !rng_chance(rng, f->chance))
        return false;
    rule->stats.acted++;
    return true;
}

/* ---- acting ---- */

static void note_rule(struct text *note, const char *what, const struct sim_rule *rule,
                      unsigned number)
{
    sim_note(note, what);
    text_str(note, " fault rule ");
    if (rule->fault.name != NULL)
        text_str(note, rule->fault.name);
    else
        text_u64(note, number);
}

/* A packet under way through the rules. */
struct walk {
    struct sim_packet *packet; /* NULL: dropped or held */
    struct sim_parsed parsed;
    struct sim_packets *copies;
    struct text *note;
};

/* The packet after the rewrite: another one, with room, in place of the first. */
static struct sim_packet *rule_rewrite(struct sim_rule *rule, struct sim_packet *packet,
                                       const struct sim_parsed *parsed)
{
    struct sim_dir_state *dir = packet->dir;
    struct sim_packet *edited = malloc(sizeof *edited + packet->len + SIM_EDIT_ROOM);
    if (edited == NULL) {
        sim_fail(dir->link->sim, WEIR_E_EXHAUSTED);
        return packet;
    }
    CHECK(NULL, packet->event.index == SIM_EVENT_OFF);
    *edited = *packet;
    memcpy(edited->bytes, packet->bytes, packet->len);
    struct sim_edit edit = {.bytes = edited->bytes,
                            .len = edited->len,
                            .capacity = packet->len + SIM_EDIT_ROOM,
                            .link = (uint8_t)dir->link->type,
                            .parsed = parsed};
    rule->fault.rewrite(rule->fault.ctx, &edit);
    CHECK(NULL, edit.len > 0 && edit.len <= packet->len + SIM_EDIT_ROOM);
    edited->len = edit.len;
    if (!edit.keep_checksums)
        sim_fix_checksums(edited->bytes, edited->len, dir->link->type);
    dir->stats.rewritten++;
    free(packet);
    return edited;
}

static void rule_corrupt(const struct sim_rule *rule, struct sim_packet *packet)
{
    struct sim_dir_state *dir = packet->dir;
    dir->stats.corrupted++;
    if (rule->fault.corrupt_mask != 0) {
        packet->bytes[rule->fault.corrupt_offset % packet->len] ^= rule->fault.corrupt_mask;
        return;
    }
    uint64_t bit = rng_below(&dir->rng[SIM_STREAM_FAULT], (uint64_t)packet->len * 8);
    packet->bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
}

static void rule_duplicate(const struct sim_rule *rule, const struct sim_packet *packet,
                           struct sim_packets *copies)
{
    uint32_t count = rule->fault.copies > 0 ? rule->fault.copies : 1;
    for (uint32_t i = 0; i < count; i++) {
        struct sim_packet *copy = sim_packet_copy(packet);
        if (copy == NULL)
            return;
        sim_packets_push(copies, copy);
    }
}

static void rule_hold(struct sim_rule *rule, unsigned number, struct sim_packet *packet)
{
    struct sim_dir_state *dir = packet->dir;
    struct sim *sim = dir->link->sim;
    packet->place = SIM_PLACE_HELD;
    packet->rule = (uint8_t)number;
    packet->held_at_sent = dir->stats.sent;
    sim_packets_push(&rule->held, packet);
    dir->stats.held++;
    if (rule->fault.hold.after > 0)
        sim_schedule(sim, &packet->event, sim->now + rule->fault.hold.after);
}

/* Act, and note it as "WHAT: fault rule NAME". */
static void rule_act(struct sim_rule *rule, unsigned number, struct walk *walk)
{
    static const char *const what[] = {
        [SIM_FAULT_DROP] = "lost:",
        [SIM_FAULT_DELAY] = "delayed:",
        [SIM_FAULT_DUPLICATE] = "duplicated:",
        [SIM_FAULT_REWRITE] = "rewritten:",
        [SIM_FAULT_CORRUPT] = "corrupted:",
        [SIM_FAULT_HOLD] = "held:",
    };
    struct sim_packet *packet = walk->packet;
    struct sim_dir_state *dir = packet->dir;
    if (rule->fault.action == SIM_FAULT_COUNT)
        return;
    note_rule(walk->note, what[rule->fault.action], rule, number);
    switch ((enum sim_fault_action)rule->fault.action) {
    case SIM_FAULT_COUNT:
        break;
    case SIM_FAULT_DROP:
        sim_packet_lose(packet, SIM_LOST_FAULT);
        walk->packet = NULL;
        break;
    case SIM_FAULT_DELAY:
        packet->delay_more += rule->fault.delay;
        packet->overtaken = true;
        dir->stats.delayed++;
        break;
    case SIM_FAULT_DUPLICATE:
        rule_duplicate(rule, packet, walk->copies);
        break;
    case SIM_FAULT_REWRITE:
        walk->packet = rule_rewrite(rule, packet, &walk->parsed);
        break;
    case SIM_FAULT_CORRUPT:
        rule_corrupt(rule, packet);
        break;
    case SIM_FAULT_HOLD:
        rule_hold(rule, number, packet);
        walk->packet = NULL;
        break;
    }
}

struct sim_packet *sim_fault_walk(struct sim_packet *packet, struct sim_packets *copies,
                                  struct text *note)
{
    struct sim_dir_state *dir = packet->dir;
    if (dir->rule_count == 0)
        return packet;
    weir_time now = dir->link->sim->now;
    struct walk walk = {.packet = packet,
                        .parsed = sim_parse(packet->bytes, packet->len, dir->link->type),
                        .copies = copies,
                        .note = note};
    for (unsigned i = 0; i < dir->rule_count && walk.packet != NULL; i++) {
        struct sim_rule *rule = &dir->rules[i];
        if (!rule_matches(rule, &walk.parsed, now) ||
            !rule_acts(rule, &dir->rng[SIM_STREAM_FAULT]))
            continue;
        rule_act(rule, i, &walk);
        if (walk.packet != NULL)
            walk.parsed = sim_parse(walk.packet->bytes, walk.packet->len, dir->link->type);
    }
    return walk.packet;
}

/* ---- releasing ---- */

/* `packet` was taken out of the rule's list. A capture has shown it as held: if it is lost now,
 * that has to be told. */
static void release(struct sim_packet *packet)
{
    sim_heap_remove(&packet->dir->link->sim->heap, &packet->event);
    packet->place = SIM_PLACE_NEW;
    packet->loss_untold = true;
    sim_dir_admit(packet, NULL);
}

static void release_all(struct sim_rule *rule)
{
    /* Only those that are there now: none can come in between. */
    for (struct sim_packet *packet; (packet = sim_packets_pop(&rule->held)) != NULL;)
        release(packet);
}

static struct sim_packet *held_at(const struct sim_rule *rule, uint32_t index)
{
    struct sim_packet *packet = rule->held.first;
    while (packet != NULL && index-- > 0)
        packet = packet->next;
    return packet;
}

/* In the order that the rule gives. */
static void release_ordered(struct sim_rule *rule)
{
    struct sim_packet *packet[UINT8_MAX];
    uint32_t count = rule->held.count;
    for (uint32_t i = 0; i < count; i++)
        packet[i] = held_at(rule, rule->fault.hold.order[i]);
    rule->held = (struct sim_packets){0};
    for (uint32_t i = 0; i < count; i++)
        release(packet[i]);
}

static void release_if_full(struct sim_rule *rule)
{
    if (rule->fault.hold.held == 0 || rule->held.count < rule->fault.hold.held)
        return;
    if (rule->fault.hold.order != NULL)
        release_ordered(rule);
    else
        release_all(rule);
}

void sim_fault_passed(struct sim_dir_state *dir)
{
    for (unsigned i = 0; i < dir->rule_count; i++) {
        struct sim_rule *rule = &dir->rules[i];
        release_if_full(rule);
        while (rule->fault.hold.passed > 0 && rule->held.count > 0 &&
               dir->stats.sent - rule->held.first->held_at_sent >= rule->fault.hold.passed)
            release(sim_packets_pop(&rule->held));
    }
}

void sim_fault_hold_ended(struct sim_packet *packet)
{
    struct sim_rule *rule = &packet->dir->rules[packet->rule];
    sim_packets_remove(&rule->held, packet);
    release(packet);
}

/* ---- the interface ---- */

/* Each index once? */
static bool order_is_good(const uint8_t *order, uint32_t count)
{
    bool seen[UINT8_MAX] = {false};
    if (count == 0 || count > UINT8_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (order[i] >= count || seen[order[i]])
            return false;
        seen[order[i]] = true;
    }
    return true;
}

static bool fault_is_good(const struct sim_fault *f)
{
    return f->action <= SIM_FAULT_HOLD && f->delay >= 0 && f->delay <= SIM_DELAY_MAX &&
           f->hold.after >= 0 && f->hold.after <= SIM_DELAY_MAX &&
           f->chance.numerator <= f->chance.denominator &&
           (f->action != SIM_FAULT_REWRITE || f->rewrite != NULL) &&
           (f->hold.order == NULL || order_is_good(f->hold.order, f->hold.held));
}

int sim_fault_add(struct sim_link *link, enum sim_dir dir, const struct sim_fault *fault)
{
    CHECK(NULL, dir < SIM_DIRS);
    struct sim_dir_state *d = &link->dir[dir];
    if (!fault_is_good(fault))
        return WEIR_E_INVALID;
    if (d->rules == NULL)
        d->rules = calloc(SIM_FAULT_RULES_MAX, sizeof *d->rules);
    if (d->rules == NULL || d->rule_count == SIM_FAULT_RULES_MAX)
        return WEIR_E_EXHAUSTED;
    d->rules[d->rule_count] = (struct sim_rule){.fault = *fault};
    return (int)d->rule_count++;
}

static struct sim_rule *rule_at(const struct sim_link *link, enum sim_dir dir, unsigned rule)
{
    CHECK(NULL, dir < SIM_DIRS && rule < link->dir[dir].rule_count);
    return &link->dir[dir].rules[rule];
}

void sim_fault_remove(struct sim_link *link, enum sim_dir dir, unsigned rule)
{
    struct sim_rule *r = rule_at(link, dir, rule);
    r->removed = true;
    release_all(r);
}

struct sim_fault_stats sim_fault_stats(const struct sim_link *link, enum sim_dir dir,
                                       unsigned rule)
{
    const struct sim_rule *r = rule_at(link, dir, rule);
    struct sim_fault_stats stats = r->stats;
    stats.held = r->held.count;
    return stats;
}

void sim_fault_release(struct sim_link *link, enum sim_dir dir, unsigned rule)
{
    release_all(rule_at(link, dir, rule));
}

bool sim_fault_release_one(struct sim_link *link, enum sim_dir dir, unsigned rule, uint32_t index)
{
    struct sim_rule *r = rule_at(link, dir, rule);
    struct sim_packet *packet = held_at(r, index);
    if (packet == NULL)
        return false;
    sim_packets_remove(&r->held, packet);
    release(packet);
    return true;
}

void sim_fault_free(struct sim_dir_state *dir)
{
    for (unsigned i = 0; i < dir->rule_count; i++)
        sim_packets_free(&dir->rules[i].held);
    free(dir->rules);
}
