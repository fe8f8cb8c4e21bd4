/* SPDX-License-Identifier: MIT
 * A middlebox between two actors, "in" and "out", over perfect links, and packets to send through
 * it. Checksums of what comes out are summed the plain way, apart from the code under test. */
#ifndef WEIR_TESTS_SIM_MIDDLEBOX_RIG_H
#define WEIR_TESTS_SIM_MIDDLEBOX_RIG_H

#include "harness.h"
#include "sim/actor.h"
#include "sim/build.h"
#include "sim/middlebox.h"
#include "wire/icmp.h"
#include "wire/ip6.h"
#include "wire/udp.h"

enum { RIG_ARRIVED_MAX = 64 };

/* What arrived at one of the actors since the last rig_send(). */
struct rig_end {
    struct actor *actor;
    unsigned count;
    uint32_t len[RIG_ARRIVED_MAX];
    uint8_t bytes[RIG_ARRIVED_MAX][2048];
    uint64_t unsound;
};

struct rig {
    struct sim *sim;
    struct middlebox *box;
    struct rig_end end[MIDDLEBOX_PORTS]; /* by the port of the box they are connected to */
};

/* RFC 1071 by hand: are the IP header's and the transport's checksums right? */
static inline bool plain_sound(const uint8_t *ip, uint32_t len)
{
    bool v4 = ip[0] >> 4 == 4;
    uint32_t header = v4 ? (ip[0] & 15U) * 4 : 40;
    uint8_t protocol = v4 ? ip[9] : ip[6];
    uint32_t total = v4 ? load16(ip + 2) : 40U + load16(ip + 4);
    if (total > len || (v4 && plain_sum(0, ip, header) != 0xffff))
        return false;
    if (protocol == 1)
        return plain_sum(0, ip + header, total - header) == 0xffff;
    if (protocol == 17 && load16(ip + header + 6) == 0)
        return v4;
    return plain_transport_sum(ip, header, total - header) == 0xffff;
}

static inline void rig_listen(void *ctx, struct actor *actor, const struct actor_packet *packet)
{
    struct rig_end *end = ctx;
    const struct sim_parsed *p = packet->parsed;
    (void)actor;
    assert_true(end->count < RIG_ARRIVED_MAX && p->len <= sizeof end->bytes[0]);
    end->len[end->count] = p->len;
    memcpy(end->bytes[end->count++], p->bytes, p->len);
    end->unsound += !packet->sound;
}

/* A rig without its box, which is added next; rig_join() completes it. */
static inline void rig_begin(struct rig *rig, unsigned link)
{
    struct actor_config config = {.link = (uint8_t)link};
    memset(rig, 0, sizeof *rig);
    rig->sim = sim_create(&(struct sim_config){.seed = 1});
    assert_non_null(rig->sim);
    for (unsigned i = 0; i < MIDDLEBOX_PORTS; i++) {
        rig->end[i].actor = actor_add(rig->sim, i == MIDDLEBOX_INSIDE ? "in" : "out", &config);
        assert_non_null(rig->end[i].actor);
        assert_int_equal(actor_listen(rig->end[i].actor, rig_listen, &rig->end[i]), WEIR_OK);
    }
}

static inline void rig_join(struct rig *rig, struct middlebox *box)
{
    assert_non_null(box);
    struct sim_link_config config = {.type = (uint8_t)middlebox_link(box)};
    rig->box = box;
    assert_non_null(sim_link_add(rig->sim, "inside", actor_node(rig->end[0].actor), 0,
                                 middlebox_node(box), MIDDLEBOX_INSIDE, &config));
    assert_non_null(sim_link_add(rig->sim, "outside", middlebox_node(box), MIDDLEBOX_OUTSIDE,
                                 actor_node(rig->end[1].actor), 0, &config));
}

/* No packet is unaccounted for. */
static inline void rig_check(const struct rig *rig)
{
    struct middlebox_stats s = middlebox_stats(rig->box);
    for (unsigned i = 0; i < MIDDLEBOX_PORTS; i++)
        assert_int_equal(s.received[i],
                         s.forwarded[i] + s.dropped[i] + s.overflowed[i] + s.held[i]);
    char text[128] = "";
    if (!sim_invariants(rig->sim, text, sizeof text))
        fail_msg("%s", text);
}

static inline void rig_end(struct rig *rig)
{
    rig_check(rig);
    sim_destroy(rig->sim);
}

/* Send a packet from one side now and let `span` pass. */
static inline void rig_send_for(struct rig *rig, unsigned from, const void *bytes, uint32_t len,
                                weir_time span)
{
    rig->end[0].count = rig->end[1].count = 0;
    assert_int_equal(actor_send(rig->end[from].actor, 0, bytes, len), WEIR_OK);
    (void)sim_run_for(rig->sim, span, UINT64_MAX);
    assert_int_equal(sim_error(rig->sim), 0);
}

static inline void rig_send(struct rig *rig, unsigned from, const void *bytes, uint32_t len)
{
    rig_send_for(rig, from, bytes, len, WEIR_NS_PER_MS);
}

/* Send it, expect exactly one packet on the other side and nothing back, and answer that packet. */
static inline const uint8_t *rig_pass(struct rig *rig, unsigned from, const void *bytes,
                                      uint32_t len)
{
    rig_send(rig, from, bytes, len);
    assert_int_equal(rig->end[from].count, 0);
    assert_int_equal(rig->end[1 - from].count, 1);
    return rig->end[1 - from].bytes[0];
}

/* Send it and expect the very same on the other side. */
static inline void rig_pass_unchanged(struct rig *rig, unsigned from, const void *bytes,
                                      uint32_t len)
{
    const uint8_t *out = rig_pass(rig, from, bytes, len);
    assert_int_equal(rig->end[1 - from].len[0], len);
    assert_memory_equal(out, bytes, len);
}

static inline struct build_ip rig_path(bool v6, bool back)
{
    struct weir_addr a = build_addr(v6 ? "2001:db8::1" : "10.0.0.1");
    struct weir_addr b = build_addr(v6 ? "2001:db8::2" : "192.0.2.2");
    return (struct build_ip){.source = back ? b : a, .destination = back ? a : b, .id = 77};
}

/* ---- many packets, good and bad ---- */

static inline uint32_t random_options(struct rng *rng, uint8_t *options)
{
    static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 19, 28, 30, 34, 172, 253, 99};
    uint8_t data[40];
    size_t len = 0;
    for (uint64_t n = rng_below(rng, 6); n > 0; n--) {
        rng_bytes(rng, data, sizeof data);
        len = tcp_option_append(options, 40, len, kinds[rng_below(rng, sizeof kinds)], data,
                                rng_below(rng, 12));
    }
    return (uint32_t)tcp_options_pad(options, 40, len);
}

/* A sound packet of any kind the builders know. `back` changes the addresses over. */
static inline uint32_t random_packet(struct rng *rng, uint8_t *out, uint32_t size, bool back)
{
    uint8_t payload[600], options[40];
    struct weir_ref data = {payload, rng_below(rng, sizeof payload)};
    struct build_ip ip = rig_path(rng_below(rng, 2) == 1, back);
    uint16_t a = (uint16_t)rng_between(rng, 40000, 40003), b = 80;
    ip.dont_fragment = rng_below(rng, 2) == 1;
    ip.ecn = (uint8_t)rng_below(rng, 4);
    ip.ttl = (uint8_t)rng_between(rng, 1, 255);
    rng_bytes(rng, payload, sizeof payload);
    struct build_tcp tcp = {.ip = ip,
                            .source_port = back ? b : a,
                            .destination_port = back ? a : b,
                            .seq = {rng_u32(rng)},
                            .ack = {rng_u32(rng)},
                            .flags = (uint16_t)rng_below(rng, 0x200),
                            .option_bytes = {options, random_options(rng, options)},
                            .payload = data};
    struct build_udp udp = {.ip = ip,
                            .source_port = tcp.source_port,
                            .destination_port = tcp.destination_port,
                            .no_checksum = addr_is_ip4(ip.source) && rng_below(rng, 4) == 0,
                            .payload = data};
    struct build_icmp_echo echo = {
        .ip = ip, .id = a, .sequence = 7, .reply = back, .payload = data};
    uint8_t quoted[1400];
    struct build_tcp other = tcp;
    other.ip = rig_path(!addr_is_ip4(ip.source), !back);
    struct build_icmp_error error = {.ip = ip,
                                     .type = addr_is_ip4(ip.source) ? 3 : 1,
                                     .code = 1,
                                     .packet = {quoted, build_tcp(quoted, sizeof quoted, &other)}};
    switch (rng_below(rng, 5)) {
    case 0:
        return build_udp(out, size, &udp);
    case 1:
        return build_icmp_echo(out, size, &echo);
    case 2:
        return build_icmp_error(out, size, &error);
    default:
        return build_tcp(out, size, &tcp);
    }
}

/* Damage a packet, in one of the ways that packets get damaged or are made to attack; its new
 * length. */
static inline uint32_t random_damage(struct rng *rng, uint8_t *p, uint32_t len)
{
    switch (rng_below(rng, 4)) {
    case 0: /* cut */
        return (uint32_t)rng_between(rng, 1, len);
    case 1: /* bits flipped anywhere */
        for (uint64_t n = rng_between(rng, 1, 8); n > 0; n--)
            p[rng_below(rng, len)] ^= (uint8_t)(1U << rng_below(rng, 8));
        return len;
    case 2: /* a byte of the headers set, and the checksums repaired: what an attacker sends */
        p[rng_below(rng, len < 80 ? len : 80)] = (uint8_t)rng_u32(rng);
        sim_fix_checksums(p, len, WEIR_LINK_IP);
        return len;
    default: /* noise behind an IP header */
        if (len > 40)
            rng_bytes(rng, p + 20, len - 20);
        return len;
    }
}

/* A packet that was unsound must not come out sound: a box that sums anew would hide damage. */
static inline void rig_check_still_unsound(const struct rig *rig, unsigned from, bool held_before)
{
    const struct rig_end *out = &rig->end[1 - from];
    if (out->count != 1 || rig->end[from].count != 0 || held_before)
        return;
    struct sim_parsed p = sim_parse(out->bytes[0], out->len[0], middlebox_link(rig->box));
    if (!p.fragment && out->unsound == 0)
        fail_msg("unsound before the box, sound behind it");
}

/* Send `count` packets through, both ways, sound and damaged: nothing breaks, no packet is lost
 * track of, a sound one stays sound and an unsound one unsound. */
static inline void rig_storm(struct rig *rig, unsigned count)
{
    static const struct eth_addr a = {{2, 0, 0, 0, 0, 1}}, b = {{2, 0, 0, 0, 0, 2}};
    struct rng rng = rng_make(42);
    for (unsigned i = 0; i < count; i++) {
        uint8_t packet[2000];
        unsigned from = (unsigned)rng_below(&rng, 2);
        uint32_t len = random_packet(&rng, packet, sizeof packet, from == MIDDLEBOX_OUTSIDE);
        assert_true(len > 0);
        bool sound = rng_below(&rng, 2) == 1;
        if (!sound)
            len = random_damage(&rng, packet, len);
        if (middlebox_link(rig->box) == WEIR_LINK_ETHERNET)
            len = build_frame(packet, sizeof packet, len, from == 0 ? a : b, from == 0 ? b : a);
        struct middlebox_stats before = middlebox_stats(rig->box);
        bool unsound = !build_is_sound(packet, len, middlebox_link(rig->box));
        rig->end[0].unsound = rig->end[1].unsound = 0;
        rig_send(rig, from, packet, len);
        if (unsound)
            rig_check_still_unsound(rig, from, before.held[0] + before.held[1] > 0);
        if (sound && rig->end[0].unsound + rig->end[1].unsound > 0)
            fail_msg("packet %u: sound before the box, unsound behind it", i);
    }
    rig_check(rig);
}

#endif
