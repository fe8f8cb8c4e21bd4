/* SPDX-License-Identifier: MIT */
#include "net/pmtu.h"

#include "base/layout.h"
#include "wire/ip6.h"

struct entry_key {
    const struct pmtus *t;
    struct weir_addr destination;
};

static uint32_t hash_of(const struct pmtus *t, struct weir_addr destination)
{
    return (uint32_t)siphash13(&t->key, destination.bytes, sizeof destination.bytes);
}

static bool same_destination(const void *ctx, uint32_t value)
{
    const struct entry_key *key = ctx;
    return addr_eq(key->t->entries[value].destination, key->destination);
}

static struct pmtu_entry *find(const struct pmtus *t, struct weir_addr destination)
{
    struct entry_key key = {.t = t, .destination = destination};
    uint32_t index = map_find(&t->map, hash_of(t, destination), same_destination, &key);
    return index == MAP_NONE ? NULL : &t->entries[index];
}

size_t pmtus_size(uint32_t path_mtus_max)
{
    if (path_mtus_max < 1 || path_mtus_max > PMTUS_MAX)
        return 0;
    return map_size(path_mtus_max) +
           layout_size(
               layout_bytes(path_mtus_max, sizeof(struct pmtu_entry), _Alignof(struct pmtu_entry)));
}

void pmtus_init(struct pmtus *t, const struct pmtus_config *config, void *mem)
{
    CHECK(config->handler, mem != NULL && pmtus_size(config->path_mtus_max) != 0);
    CHECK(config->handler, config->ip4_floor >= PMTU_IP4_MIN);
    *t = (struct pmtus){
        .handler = config->handler,
        .key = config->key,
        .rng = config->rng,
        .entries = layout_align((uint8_t *)mem + map_size(config->path_mtus_max),
                                _Alignof(struct pmtu_entry)),
        .entries_max = config->path_mtus_max,
        .ip4_floor = config->ip4_floor,
    };
    map_init(&t->map, config->path_mtus_max, config->handler, mem);
}

struct pmtu pmtu_lookup(const struct pmtus *t, struct weir_addr destination, uint32_t link_mtu,
                        weir_time now)
{
    struct pmtu pmtu = {.mtu = link_mtu, .until = WEIR_TIME_NEVER};
    const struct pmtu_entry *entry = t->map.count == 0 ? NULL : find(t, destination);
    if (entry == NULL || now >= entry->until)
        return pmtu;
    return (struct pmtu){.mtu = entry->mtu < link_mtu ? entry->mtu : link_mtu,
                         .until = entry->until,
                         .below_floor = entry->below_floor};
}

/* The next smaller plateau (RFC 1191 7.1) for a router that does not say its MTU. */
static uint32_t plateau_below(uint32_t mtu)
{
    static const uint16_t plateau[] = {65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
    for (unsigned i = 0; i < sizeof plateau / sizeof plateau[0]; i++)
        if (plateau[i] < mtu)
            return plateau[i];
    return PMTU_IP4_MIN;
}

/* What a report without an MTU means (RFC 1191 5). Some old routers add the header length to the
 * total length that they quote, so a length that is not below the estimate is not believed as it
 * is. */
static uint32_t guess_mtu(const struct pmtu_report *report, uint32_t estimate)
{
    uint32_t len = report->quoted_len;
    if (len >= estimate)
        len = estimate > report->quoted_header_len ? estimate - report->quoted_header_len : 0;
    return plateau_below(len);
}

/* An entry for a destination that has none: a fresh one, or that of another. One that has run
 * out is preferred when the first choice at random is not: that costs nobody anything. */
static struct pmtu_entry *make_room(struct pmtus *t, struct weir_addr destination, weir_time now)
{
    uint32_t index = t->map.count;
    if (index == t->entries_max) {
        index = (uint32_t)rng_below(&t->rng, t->entries_max);
        uint32_t other = (uint32_t)rng_below(&t->rng, t->entries_max);
        if (now >= t->entries[other].until)
            index = other;
        struct pmtu_entry *victim = &t->entries[index];
        t->evicted += now < victim->until;
        bool removed = map_remove(&t->map, hash_of(t, victim->destination), index);
        CHECK(t->handler, removed);
    }
    bool inserted = map_insert(&t->map, hash_of(t, destination), index);
    CHECK(t->handler, inserted);
    t->entries[index].destination = destination;
    return &t->entries[index];
}

/* What a report asks for, and whether that is less than we let it have. */
struct wanted {
    uint32_t mtu;
    bool below_floor;
};

static struct wanted wanted_of(const struct pmtus *t, const struct pmtu_report *report,
                               uint32_t estimate)
{
    bool ip4 = addr_is_ip4(report->destination);
    uint32_t floor = ip4 ? t->ip4_floor : (uint32_t)IP6_MTU_MIN;
    uint32_t mtu = ip4 && report->mtu == 0 ? guess_mtu(report, estimate) : report->mtu;
    if (ip4 && floor > report->link_mtu)
        floor = report->link_mtu;
    if (mtu < floor)
        return (struct wanted){.mtu = floor, .below_floor = true};
    return (struct wanted){.mtu = mtu};
}

struct pmtu_claim pmtu_claimed(const struct pmtus *t, const struct pmtu_report *report,
                               uint32_t estimate)
{
    struct wanted wanted = wanted_of(t, report, estimate);
    uint32_t told = report->mtu;
    if (told == 0 && addr_is_ip4(report->destination))
        told = guess_mtu(report, estimate);
    return (struct pmtu_claim){.mtu = wanted.mtu,
                               .told = (uint16_t)(told < 1            ? 1
                                                  : told < UINT16_MAX ? told
                                                                      : (uint32_t)UINT16_MAX),
                               .below_floor = wanted.below_floor};
}

bool pmtu_update(struct pmtus *t, const struct pmtu_report *report, weir_time now)
{
    bool ip4 = addr_is_ip4(report->destination);
    struct pmtu old = pmtu_lookup(t, report->destination, report->link_mtu, now);
    struct wanted wanted = wanted_of(t, report, old.mtu);
    bool clears_df = ip4 && wanted.below_floor && !old.below_floor && wanted.mtu == old.mtu;
    if (wanted.mtu >= old.mtu && !clears_df) {
        t->ignored++;
        return false;
    }
    struct pmtu_entry *entry = find(t, report->destination);
    if (entry == NULL)
        entry = make_room(t, report->destination, now);
    CHECK(t->handler, wanted.mtu <= UINT16_MAX); /* it is at most the MTU of a link of ours */
    entry->mtu = (uint16_t)wanted.mtu;
    entry->until = now > WEIR_TIME_NEVER - PMTU_LIFE ? WEIR_TIME_NEVER : now + PMTU_LIFE;
    entry->below_floor = ip4 && wanted.below_floor;
    t->clamped += wanted.below_floor;
    t->decreased++;
    t->generation++;
    return true;
}

bool pmtus_invariants(const struct pmtus *t)
{
    if (!map_invariants(&t->map) || t->map.count > t->entries_max)
        return false;
    for (uint32_t i = 0; i < t->map.count; i++) {
        const struct pmtu_entry *entry = &t->entries[i];
        bool ip4 = addr_is_ip4(entry->destination);
        if (find(t, entry->destination) != entry || entry->mtu < (ip4 ? PMTU_IP4_MIN : IP6_MTU_MIN))
            return false;
    }
    return true;
}
