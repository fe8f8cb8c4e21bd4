/* SPDX-License-Identifier: MIT */
#include "sim/swarm.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "sim/attacker.h"
#include "sim/middlebox_path.h"
#include "sim/middlebox_tcp.h"
#include "sim/scenario_kit.h"
#include "sim/tcp_world.h"
#include "weir/net.h"

enum {
    HOSTS = 2,
    TALKS_MAX = 12,
    LISTENERS = 3,
    PORT = 7000,
    MBIT = 1000000
};

#define EVENTS_MAX   UINT64_C(3000000)
#define BUDGET_BYTES UINT64_C(1000000) /* of a run, both directions */
#define KB           UINT64_C(1024)

struct swarm {
    struct tcp_world world;
    struct rng rng;
    struct sim_link *link;
    struct sim_dir_config clean[SIM_DIRS]; /* how the link is when its faults have ended */
    bool tight;     /* limits so small that connections may fail */
    bool harsh;     /* so little patience with peers that they may */
    bool flood;     /* SYNs of strangers */
    bool fast;      /* most open fast */
    bool asks[HOSTS]; /* the listeners of this host have ASK */
    struct middlebox *narrow; /* the router whose MTU changes; NULL: none */
    bool ip6;       /* the MTU has room for it */
    bool slow;      /* the devices hold packets back */
    unsigned stops; /* this host is stopped now and then; HOSTS: none is */
    uint32_t mtu;
    uint64_t budget; /* bytes that talks may still draw */
    weir_time faults_end;
    bool jumps;                               /* clocks do */
    weir_time ahead[HOSTS], tick[HOSTS];      /* of their clocks */
    struct text text;
};

/* ---- drawing ---- */

static bool chance(struct swarm *s, unsigned percent)
{
    return rng_below(&s->rng, 100) < percent;
}

static uint64_t between(struct swarm *s, uint64_t low, uint64_t high)
{
    return rng_between(&s->rng, low, high);
}

/* A number whose size is drawn evenly, not its value. */
static uint64_t sized(struct swarm *s, uint64_t low, uint64_t high)
{
    uint64_t top = low;
    while (top < high && chance(s, 80))
        top *= 2;
    return between(s, low, top < high ? top : high);
}

#define PICK(s, list) ((list)[rng_below(&(s)->rng, sizeof(list) / sizeof((list)[0]))])

static void note(struct swarm *s, const char *name, uint64_t value)
{
    text_str(&s->text, s->text.len > 0 ? ", " : "");
    text_str(&s->text, name);
    text_char(&s->text, ' ');
    text_u64(&s->text, value);
}

/* Within the talks. */
static weir_time draw_time(struct swarm *s)
{
    return (weir_time)between(s, 3000, 10000) * WEIR_NS_PER_MS;
}

/* ---- the link ---- */

static void draw_loss(struct swarm *s, struct sim_dir_config *dir)
{
    if (chance(s, 40))
        return;
    if (chance(s, 60)) {
        dir->loss.kind = SIM_LOSS_BERNOULLI;
        dir->loss.chance = (struct ratio){(uint32_t)sized(s, 1, 150), 1000};
    } else {
        dir->loss.kind = SIM_LOSS_GILBERT;
        dir->loss.gilbert.to_bad = (struct ratio){(uint32_t)between(s, 1, 30), 1000};
        dir->loss.gilbert.to_good = (struct ratio){(uint32_t)between(s, 50, 500), 1000};
        dir->loss.gilbert.lost_bad = (struct ratio){(uint32_t)between(s, 500, 1000), 1000};
        dir->loss.gilbert.lost_good = (struct ratio){0, 1};
    }
}

static void draw_impairments(struct swarm *s, struct sim_dir_config *dir, bool ethernet)
{
    draw_loss(s, dir);
    if (chance(s, 30)) {
        dir->jitter = (weir_time)sized(s, 1, 500000) * WEIR_NS_PER_US;
        dir->jitter_reorders = chance(s, 50);
    }
    if (chance(s, 30)) {
        dir->reorder.chance = (struct ratio){(uint32_t)sized(s, 1, 200), 1000};
        dir->reorder.delay = (weir_time)sized(s, 1, 2000) * WEIR_NS_PER_MS;
    }
    if (chance(s, 30)) {
        dir->duplicate.chance = (struct ratio){(uint32_t)sized(s, 1, 200), 1000};
        dir->duplicate.delay = (weir_time)sized(s, 1, 20000) * WEIR_NS_PER_MS;
    }
    if (!ethernet && chance(s, 25)) { /* nothing protects what ARP says */
        dir->corrupt.chance = (struct ratio){(uint32_t)sized(s, 1, 50), 1000};
        dir->corrupt.kinds = SIM_CORRUPT_FLIP;
        dir->corrupt.bits_max = 1;
    }
}

static void draw_queue(struct swarm *s, struct sim_dir_config *dir)
{
    static const uint32_t packets[] = {0, 4, 16, 64, 256};
    dir->queue.packets_max = PICK(s, packets);
    dir->queue.kind = chance(s, 70) ? SIM_QUEUE_TAIL : SIM_QUEUE_CODEL;
    if (s->slow) {
        dir->backpressure = true;
        dir->queue.packets_max = (uint32_t)between(s, 1, 32);
        dir->queue.kind = SIM_QUEUE_TAIL;
    }
}

static struct sim_dir_config draw_dir(struct swarm *s, unsigned dir)
{
    static const uint64_t rates[] = {0, 1 * MBIT, 10 * MBIT, 100 * MBIT, UINT64_C(1000) * MBIT};
    static const weir_time delays[] = {0, 50 * WEIR_NS_PER_US, WEIR_NS_PER_MS, 10 * WEIR_NS_PER_MS,
                                       80 * WEIR_NS_PER_MS};
    static const uint8_t batches[] = {0, 0, 4, 16, 64};
    struct sim_dir_config d = {.rate_bps = PICK(s, rates)};
    d.delay = PICK(s, delays); /* one draw a statement: else their order is the compiler's choice */
    d.batch_max = PICK(s, batches);
    if (s->slow && d.rate_bps == 0)
        d.rate_bps = 10 * MBIT;
    draw_queue(s, &d);
    s->clean[dir] = d;
    return d;
}

static void faults_end(struct sim *sim, void *ctx)
{
    struct swarm *s = ctx;
    (void)sim;
    for (unsigned i = 0; i < SIM_DIRS; i++)
        CHECK(NULL, sim_link_set(s->link, (enum sim_dir)i, &s->clean[i]) == 0);
    if (s->narrow != NULL) /* it says what it does, from now on */
        middlebox_path_mtu_set(s->narrow, (uint32_t)between(s, s->ip6 ? 1280 : 560, s->mtu), false);
}

/* The path MTU changes, and whether the router tells (RFC 2923 2.1). */
static void change_path(struct sim *sim, void *ctx)
{
    struct swarm *s = ctx;
    uint32_t mtu = (uint32_t)between(s, s->ip6 ? 1280 : 560, s->mtu);
    bool silent = chance(s, 50);
    if (sim_now(sim) >= s->faults_end)
        return;
    middlebox_path_mtu_set(s->narrow, mtu, silent);
    (void)sim_at(sim, sim_now(sim) + (weir_time)sized(s, 50, 5000) * WEIR_NS_PER_MS, change_path, s);
}

static void flap(struct sim *sim, void *ctx)
{
    struct swarm *s = ctx;
    bool one_way = chance(s, 50), down = chance(s, 50);
    if (sim_now(sim) >= s->faults_end)
        return;
    sim_link_set_down(s->link, SIM_A_TO_B, down);
    sim_link_set_down(s->link, SIM_B_TO_A, one_way ? !down : down);
    (void)sim_at(sim, sim_now(sim) + (weir_time)between(s, 10, 3000) * WEIR_NS_PER_MS, flap, s);
}

/* One host gets no time for a while: packets wait in front of it, timers are late (NF-26). */
static void stop(struct sim *sim, void *ctx)
{
    struct swarm *s = ctx;
    struct sim_node *node = tcp_world_node(&s->world, s->stops);
    if (sim_node_is_stopped(node)) {
        sim_node_start(node);
    } else if (sim_now(sim) < s->faults_end) {
        sim_node_stop(node, (uint32_t)between(s, 0, 100));
        (void)sim_at(sim, sim_now(sim) + (weir_time)sized(s, 1, 8000) * WEIR_NS_PER_MS, stop, s);
    }
}

/* The clock of a host jumps ahead (NF-27). */
static void jump(struct sim *sim, void *ctx)
{
    struct swarm *s = ctx;
    unsigned host = (unsigned)between(s, 0, HOSTS - 1);
    (void)sim;
    s->ahead[host] += (weir_time)sized(s, 1, 60000) * WEIR_NS_PER_MS;
    sim_node_set_clock(tcp_world_node(&s->world, host), s->ahead[host], s->tick[host]);
}

/* The MTU of the link becomes smaller, with segments under way that are lost by it. */
static void shrink_mtu(struct sim *sim, void *ctx)
{
    struct swarm *s = ctx;
    uint32_t mtu = (uint32_t)between(s, s->ip6 ? 1280 : 400, s->mtu);
    (void)sim;
    for (unsigned host = 0; host < HOSTS; host++) {
        CHECK(NULL, weir_stack_set_mtu(tcp_world_stack(&s->world, host), 0, mtu) == WEIR_OK);
        tcp_watch_set_mtu(s->world.watch, host, mtu);
        sim_node_wake(tcp_world_node(&s->world, host));
    }
}

static struct middlebox *draw_attacker(struct swarm *s)
{
    struct attacker_config attacker = {
        .until = s->faults_end, .syns_max = 300, .port = PORT, .ports = LISTENERS};
    attacker.chance = (struct ratio){1, (uint32_t)sized(s, 2, 100)};
    attacker.reports = (struct ratio){1, (uint32_t)sized(s, 2, 100)};
    if (s->flood)
        attacker.syns = (struct ratio){1, (uint32_t)sized(s, 1, 10)};
    text_str(&s->text, s->flood ? ", attacker with SYNs" : ", attacker");
    return middlebox_add_attacker(s->world.sim, "attacker", &attacker);
}

/* A firewall for SYNs, or for sequence numbers. */
static struct middlebox *draw_firewall(struct swarm *s)
{
    struct segment_filter_config filter = {.segments = MIDDLEBOX_SYNS};
    struct seq_randomiser_config numbers = {.sack = chance(s, 50), .secret = rng_u64(&s->rng)};
    switch (rng_below(&s->rng, 3)) {
    case 0:
        filter.payload_min = 1;
        text_str(&s->text, ", no SYNs with data");
        return middlebox_add_segment_filter(s->world.sim, "no-data", &filter);
    case 1:
        filter.unknown = true;
        text_str(&s->text, ", no SYNs with rare options");
        return middlebox_add_segment_filter(s->world.sim, "no-rare", &filter);
    default:
        text_str(&s->text, ", other numbers");
        return middlebox_add_seq_randomiser(s->world.sim, "numbers", &numbers);
    }
}

/* What may stand in the way, on bare IP (NF-53). NULL: nothing. Below 552 bytes fragments are sent in
 * place of smaller segments (RFC 5927 7.2), which the watcher does not put together. */
static struct middlebox *draw_box(struct swarm *s)
{
    static const uint8_t kinds[] = {TCP_OPT_WINDOW_SCALE, TCP_OPT_SACK_PERMITTED,
                                    TCP_OPT_TIMESTAMPS};
    struct sim *sim = s->world.sim;
    struct option_stripper_config stripper = {.segments = MIDDLEBOX_SYNS,
                                              .kind_count = 1,
                                              .kinds = {PICK(s, kinds)}};
    stripper.shorten = chance(s, 50);
    struct mss_clamp_config clamp = {.mss4_max = (uint16_t)between(s, 88, 1460)};
    clamp.mss6_max = (uint16_t)between(s, 88, 1440);
    struct path_mtu_config narrow = {.mtu_bytes = (uint32_t)between(s, s->ip6 ? 1280 : 560, s->mtu),
                                     .router4 = build_addr("10.0.0.99"),
                                     .router6 = build_addr("fd00::99")};
    struct ack_thinner_config thinner = {.every = (uint32_t)between(s, 2, 10)};
    stripper.unknown = chance(s, 30);
    switch (s->flood ? 0 : rng_below(&s->rng, 14)) {
    case 0:
    case 1:
        return draw_attacker(s);
    case 2:
        return draw_firewall(s);
    case 3:
        note(s, "stripped option", stripper.kinds[0]);
        return middlebox_add_option_stripper(sim, "stripper", &stripper);
    case 4:
        note(s, "MSS at most", clamp.mss4_max);
        return middlebox_add_mss_clamp(sim, "clamp", &clamp);
    case 5:
        note(s, "ACKs thinned by", thinner.every);
        return middlebox_add_ack_thinner(sim, "thinner", &thinner);
    case 6:
    case 7:
        note(s, "path MTU", narrow.mtu_bytes);
        s->narrow = middlebox_add_path_mtu(sim, "narrow", &narrow);
        return s->narrow;
    default:
        return NULL;
    }
}

static void draw_link(struct swarm *s, bool ethernet, struct capture_writer *capture)
{
    struct sim_link_config config = {.type = ethernet ? WEIR_LINK_ETHERNET : WEIR_LINK_IP};
    s->faults_end = (weir_time)between(s, 4, 20) * WEIR_NS_PER_S;
    for (unsigned i = 0; i < SIM_DIRS; i++) {
        config.dir[i] = draw_dir(s, i);
        if (chance(s, 80))
            draw_impairments(s, &config.dir[i], ethernet);
    }
    note(s, "rate there", config.dir[0].rate_bps);
    note(s, "delay there us", (uint64_t)(config.dir[0].delay / WEIR_NS_PER_US));
    note(s, "rate back", config.dir[1].rate_bps);
    note(s, "delay back us", (uint64_t)(config.dir[1].delay / WEIR_NS_PER_US));
    struct sim_node *end = tcp_world_node(&s->world, 1);
    struct middlebox *box = ethernet ? NULL : draw_box(s);
    if (box != NULL) {
        static const struct sim_link_config perfect;
        CHECK(NULL, sim_link_add(s->world.sim, "behind", middlebox_node(box), MIDDLEBOX_OUTSIDE, end,
                                 0, &perfect) != NULL);
        end = middlebox_node(box);
    }
    s->link = sim_link_add(s->world.sim, "link", tcp_world_node(&s->world, 0), 0, end,
                           MIDDLEBOX_INSIDE, &config);
    CHECK(NULL, s->link != NULL);
    if (capture != NULL)
        (void)sim_link_capture(s->link, capture, SIM_CAPTURE_BOTH);
    (void)sim_at(s->world.sim, s->faults_end, faults_end, s);
    if (chance(s, 20))
        (void)sim_at(s->world.sim, draw_time(s), flap, s);
    if (s->stops < HOSTS)
        (void)sim_at(s->world.sim, draw_time(s), stop, s);
    if (chance(s, 20))
        (void)sim_at(s->world.sim, draw_time(s), shrink_mtu, s);
    if (s->jumps)
        (void)sim_at(s->world.sim, draw_time(s), jump, s);
    if (s->narrow != NULL && chance(s, 60))
        (void)sim_at(s->world.sim, draw_time(s), change_path, s);
}

/* ---- the stacks ---- */

/* What protects a host: records, cookies, verdicts, and how long it bears with whom. */
static void draw_protection(struct swarm *s, struct weir_config *c, unsigned host)
{
    bool may_fail = s->tight || s->harsh;
    s->asks[host] = chance(s, 15) && (may_fail || !s->flood);
    c->tcp_syn_received_max = s->tight ? (uint32_t)between(s, 1, 4) : 32;
    c->tcp_syn_cookies = (uint32_t)between(s, s->flood && !may_fail, 2);
    if (c->tcp_syn_cookies > 0 && !s->asks[host] && chance(s, 50))
        c->tcp_syn_received_max = (uint32_t)between(s, 1, 4);
    c->tcp_verdict_ms = (uint32_t)sized(s, 100, 3000);
    c->tcp_fast_open_pending_max = (uint32_t)between(s, 0, 8);
    c->tcp_fast_open_paths_max = (uint32_t)sized(s, 1, 16);
    if (chance(s, 20))
        c->tcp_accounts_max = (uint32_t)between(s, 0, c->tcp_endpoints_max);
    if (chance(s, 15))
        c->tcp_quiet_ms = (uint32_t)between(s, 1, 6000);
    c->tcp_stuck_ms = 7200000; /* longer than anybody does not read */
    if (s->harsh) {
        c->tcp_stuck_ms = (uint32_t)sized(s, 100, 10000);
        c->tcp_pressure_percent = (uint32_t)between(s, 0, 90);
        c->tcp_orphan_ms = (uint32_t)sized(s, 1000, 60000);
    }
    note(s, "cookies", c->tcp_syn_cookies);
    note(s, "quiet ms", c->tcp_quiet_ms);
}

static struct weir_config draw_stack(struct swarm *s, unsigned host)
{
    static const uint32_t waits[] = {1000, 5000, 60000};
    struct weir_config c;
    weir_config_default(&c);
    rng_bytes(&s->rng, c.secret, sizeof c.secret);
    c.seed = rng_u64(&s->rng) | 1;
    c.tcp_endpoints_max = s->tight ? (uint32_t)between(s, 4, 12) : 64;
    c.tcp_flights_max = (uint32_t)sized(s, s->tight ? 1 : 4, c.tcp_endpoints_max);
    c.tcp_time_wait_max = (uint32_t)sized(s, 1, 64);
    c.tcp_time_wait_ms = PICK(s, waits);
    c.tcp_reassembly_ranges_max = (uint32_t)sized(s, 4, 100);
    c.tcp_sack_ranges_max = (uint32_t)sized(s, 4, 128);
    c.ranges_max = (uint32_t)sized(s, 128, 4096);
    c.tcp_window_floor_bytes = (uint32_t)sized(s, 1024, 65535);
    c.tcp_syn_data = chance(s, 50);
    if (chance(s, 50)) {
        bool scarce = chance(s, 40);
        c.packet_memory_kb = (uint32_t)(scarce ? sized(s, 256, 1024) : sized(s, 1024, 8192));
        c.packet_memory_reserve_kb = scarce ? 64 : 128;
        c.packet_memory_overcommit_percent = (uint32_t)between(s, 100, 400);
    }
    draw_protection(s, &c, host);
    note(s, "memory KB", c.packet_memory_kb);
    note(s, "flights", c.tcp_flights_max);
    return c;
}

static void draw_hosts(struct swarm *s, bool ethernet)
{
    static const char *const names[HOSTS] = {"client", "server"};
    static const uint32_t mtus[] = {576, 1280, 1500, 1500, 1500, 9000};
    s->mtu = PICK(s, mtus);
    s->ip6 = s->mtu >= 1280;
    s->slow = chance(s, 15);
    s->stops = chance(s, 10) ? (unsigned)between(s, 0, HOSTS - 1) : HOSTS;
    s->jumps = chance(s, 5);
    note(s, "MTU", s->mtu);
    for (unsigned i = 0; i < HOSTS; i++) {
        static const weir_time ticks[] = {WEIR_NS_PER_MS, 10 * WEIR_NS_PER_MS, 100 * WEIR_NS_PER_MS};
        struct weir_config config = draw_stack(s, i);
        if (chance(s, 10))
            s->tick[i] = PICK(s, ticks);
        struct tcp_world_host host = {.name = names[i],
                                      .config = &config,
                                      .link = ethernet ? WEIR_LINK_ETHERNET : WEIR_LINK_IP,
                                      .mtu_bytes = s->mtu,
                                      .slow = s->slow || ethernet || s->stops == i ||
                                              s->jumps || s->tick[i] > 0 ||
                                              config.packet_memory_kb < 1024,
                                      .own_clock = s->jumps || s->tick[i] > 0};
        if (chance(s, 40))
            host.capabilities = WEIR_CAP_TX_CHECKSUM;
        if (chance(s, 40))
            host.capabilities =
                WEIR_CAP_TX_CHECKSUM | WEIR_CAP_TX_TCP4 | WEIR_CAP_TX_TCP6 | WEIR_CAP_TX_GATHER;
        (void)tcp_world_host(&s->world, &host);
        if (s->tick[i] > 0)
            sim_node_set_clock(tcp_world_node(&s->world, i), 0, s->tick[i]);
    }
}

/* ---- the applications ---- */

static void set(struct tcp_app_setting *list, uint8_t *count, unsigned setting, uint64_t value)
{
    CHECK(NULL, *count < TCP_APP_SETTINGS_MAX);
    list[(*count)++] = (struct tcp_app_setting){(uint8_t)setting, (uint32_t)value};
}

/* Settings that count when a connection begins, and buffers. */
static void draw_beginning(struct swarm *s, struct tcp_app_setting *list, uint8_t *count)
{
    static const uint32_t sizes[] = {88, 256, 536, 1000};
    if (chance(s, 20))
        set(list, count, WEIR_TCP_MSS_MAX, PICK(s, sizes));
    if (chance(s, 20))
        set(list, count, WEIR_TCP_TIMESTAMPS, 0);
    if (chance(s, 20))
        set(list, count, WEIR_TCP_SACK, 0);
    if (chance(s, 20))
        set(list, count, WEIR_TCP_WINDOW_SCALE, 0);
    if (chance(s, 20))
        set(list, count, WEIR_TCP_INITIAL_WINDOW, between(s, 1, 10));
    if (chance(s, 40))
        set(list, count, WEIR_TCP_RECEIVE_BYTES_MAX, sized(s, 2 * KB, 512 * KB));
    if (chance(s, 25))
        set(list, count, WEIR_TCP_TUNE, 0);
    if (chance(s, s->fast ? 90 : 10))
        set(list, count, WEIR_TCP_FAST_OPEN, 1);
    if (chance(s, 20)) { /* longer than every outage */
        set(list, count, WEIR_TCP_USER_TIMEOUT_OPTION, 1);
        set(list, count, WEIR_TCP_USER_TIMEOUT_MS, between(s, 200, 900) * 1000);
    }
}

static void draw_behaviour(struct swarm *s, struct tcp_side *side)
{
    static const uint32_t delays[] = {0, 40, 200, 499};
    struct tcp_app_setting *list = side->setting;
    if (chance(s, 30))
        set(list, &side->setting_count, WEIR_TCP_NODELAY, 1);
    else if (chance(s, 20))
        set(list, &side->setting_count, WEIR_TCP_MINSHALL, 1);
    if (chance(s, 30))
        set(list, &side->setting_count, WEIR_TCP_DELAYED_ACK_MS, PICK(s, delays));
    if (chance(s, 40))
        set(list, &side->setting_count, WEIR_TCP_SEND_BYTES_MAX, sized(s, 2 * KB, 512 * KB));
    if (chance(s, 15)) { /* patient enough for every outage */
        set(list, &side->setting_count, WEIR_TCP_KEEPALIVE, 1);
        set(list, &side->setting_count, WEIR_TCP_KEEPALIVE_IDLE_S, between(s, 1, 10));
        set(list, &side->setting_count, WEIR_TCP_KEEPALIVE_INTERVAL_S, between(s, 5, 10));
        set(list, &side->setting_count, WEIR_TCP_KEEPALIVE_OCTET, chance(s, 50));
    }
    if (chance(s, 10))
        set(list, &side->setting_count, WEIR_TCP_QUICK_ACK, 1);
    if (chance(s, 10))
        set(list, &side->setting_count, WEIR_TCP_CORK, 1);
    if (chance(s, 25))
        set(list, &side->setting_count, WEIR_TCP_PATH_PROBE, 0);
    if (chance(s, 60))
        side->write_max = (uint32_t)sized(s, 1, 16 * KB);
    if (chance(s, 60))
        side->read_max = (uint32_t)sized(s, 1, 16 * KB);
    /* So many pauses as do not make it last too long. */
    if (chance(s, 20))
        side->write_pause = (weir_time)between(s, 1, 300) * WEIR_NS_PER_MS;
    if (chance(s, 20))
        side->read_pause = (weir_time)between(s, 1, 100) * WEIR_NS_PER_MS;
    if (side->write_pause > 0 && side->write_max > 0 && side->write_max < 500)
        side->write_max += 500;
    if (side->read_pause > 0 && side->read_max > 0 && side->read_max < 1000)
        side->read_max += 1000;
    if (chance(s, 15))
        side->read_delay = (weir_time)between(s, 100, 30000) * WEIR_NS_PER_MS;
    if (chance(s, 15))
        side->urgent_every = (uint32_t)between(s, 1, 5);
    side->more = chance(s, 20);
    side->finish = (uint8_t)between(s, TCP_FINISH_SHUTDOWN, TCP_FINISH_CLOSE);
    if (chance(s, 8)) {
        side->finish = TCP_FINISH_ABORT;
        side->abort_after = sized(s, 1, 100 * KB);
    }
    if (chance(s, 5))
        side->abort_at = (weir_time)sized(s, 1, 5000000) * WEIR_NS_PER_US;
    if (chance(s, 8))
        side->shut_after = sized(s, 1, 100 * KB);
}

static uint64_t draw_bytes(struct swarm *s)
{
    uint64_t most = s->budget / 2 > 0 ? s->budget / 2 : 1, bytes = 0;
    if (chance(s, 85))
        bytes = chance(s, 40) ? between(s, 1, most) : sized(s, 1, most);
    s->budget -= bytes < s->budget ? bytes : s->budget;
    return bytes;
}

static void draw_talk(struct swarm *s, unsigned number)
{
    bool ip6 = s->ip6 && chance(s, 40);
    unsigned client = chance(s, 75) ? 0 : 1;
    struct tcp_talk_config talk = {.may_fail = s->tight || s->harsh, .kind = (uint8_t)between(s, 0, 2)};
    talk.host[0] = client;
    talk.host[1] = 1 - client;
    talk.address[1] = tcp_world_addr(talk.host[1], ip6);
    talk.port[1] = (uint16_t)(PORT + between(s, 0, LISTENERS - 1));
    /* IPv6 addresses of an Ethernet are looked for duplicates first. */
    talk.start = (weir_time)between(s, 3000, 8000) * WEIR_NS_PER_MS;
    if (chance(s, 10)) {
        talk.crossing = true;
        talk.address[0] = tcp_world_addr(talk.host[0], ip6);
        talk.port[0] = (uint16_t)(PORT + 100 + number);
        talk.port[1] = (uint16_t)(PORT + 200 + number);
    }
    draw_beginning(s, talk.side[0].setting, &talk.side[0].setting_count);
    for (unsigned i = 0; i < 2; i++)
        draw_behaviour(s, &talk.side[i]);
    if (talk.kind == TCP_TALK_ROUNDS) {
        talk.side[0].shut_after = talk.side[1].shut_after = 0;
        talk.rounds = (uint32_t)sized(s, 1, 50);
        talk.request_max = (uint32_t)sized(s, 1, 4000);
        talk.response_max = (uint32_t)sized(s, 1, 8000);
    } else {
        talk.side[0].bytes = draw_bytes(s);
        if (talk.kind == TCP_TALK_STREAM)
            talk.side[1].bytes = draw_bytes(s);
        else
            talk.side[0].shut_after = talk.side[1].shut_after = 0;
        /* When a cookie is lost, nobody remembers the handshake but a client that speaks (RFC 4987
         * 3.6). */
        if (talk.side[0].bytes == 0)
            talk.side[0].bytes = 1;
    }
    if (talk.side[0].finish == TCP_FINISH_LAST &&
        (talk.side[1].finish == TCP_FINISH_LAST || talk.kind == TCP_TALK_ECHO))
        talk.side[0].finish = TCP_FINISH_SHUTDOWN;
    (void)tcp_apps_talk(s->world.apps, &talk);
}

static void draw_applications(struct swarm *s)
{
    unsigned talks = (unsigned)between(s, 1, TALKS_MAX);
    for (unsigned host = 0; host < HOSTS; host++)
        for (unsigned i = 0; i < LISTENERS; i++) {
            struct tcp_listen_config listen = {.host = host, .port = (uint16_t)(PORT + i)};
            listen.backlog = s->tight ? (unsigned)between(s, 1, 3) : TALKS_MAX;
            if (chance(s, 20))
                listen.pause = (weir_time)between(s, 1, 500) * WEIR_NS_PER_MS;
            draw_beginning(s, listen.setting, &listen.setting_count);
            if (s->asks[host]) {
                set(listen.setting, &listen.setting_count, WEIR_TCP_ASK, 1);
                listen.answers.admit = (uint8_t)between(s, 40, 100);
                listen.answers.refuse = (uint8_t)between(s, 0, 100U - listen.answers.admit);
                listen.answers.ignore = 10;
                listen.answers.pause = (weir_time)sized(s, 1, 40) * WEIR_NS_PER_MS;
            }
            tcp_apps_listen(s->world.apps, &listen);
        }
    for (unsigned i = 0; i < talks; i++)
        draw_talk(s, i);
    note(s, "talks", talks);
}

/* ---- a run ---- */

/* `run` has been given its seed, and what else a scenario is given. */
static bool play(struct scenario_run *run, struct swarm_result *result)
{
    struct swarm s = {.budget = BUDGET_BYTES};
    struct sim *sim = scenario_begin(run);
    memset(result, 0, sizeof *result);
    s.text = text_begin(result->drawn, sizeof result->drawn);
    s.rng = sim_rng(sim, "swarm");
    tcp_world_begin(&s.world, sim);
    bool ethernet = chance(&s, 15);
    s.tight = chance(&s, 10);
    s.harsh = chance(&s, 10);
    s.flood = !ethernet && chance(&s, 10);
    s.fast = chance(&s, 40);
    if (ethernet)
        text_str(&s.text, "Ethernet");
    if (s.tight)
        text_str(&s.text, s.text.len > 0 ? ", tight" : "tight");
    if (s.harsh)
        text_str(&s.text, s.text.len > 0 ? ", harsh" : "harsh");
    draw_hosts(&s, ethernet);
    draw_link(&s, ethernet, run->capture);
    draw_applications(&s);
    if (tcp_world_go(&s.world, run, EVENTS_MAX))
        (void)tcp_world_close(&s.world, EVENTS_MAX);

    result->verdict = s.world.verdict;
    result->verdict.sim = NULL;
    result->wire = tcp_watch_stats(s.world.watch);
    result->bytes = tcp_apps_read(s.world.apps);
    for (unsigned host = 0; host < HOSTS; host++)
        weir_tcp_stats(tcp_world_stack(&s.world, host), &result->tcp[host]);
    run->ended = sim_now(sim);
    run->trace_hash = sim_trace_hash(sim);
    run->stats = sim_stats(sim);
    run->error = sim_error(sim);
    tcp_world_end(&s.world);
    return !result->verdict.failed && run->error == 0;
}

bool swarm_run(uint64_t seed, struct swarm_result *result)
{
    struct scenario_run run = {.seed = seed};
    bool good = play(&run, result);
    result->trace_hash = run.trace_hash;
    result->events = run.stats.events;
    return good;
}

static void swarm_scenario(struct scenario_run *run)
{
    struct swarm_result r;
    bool good = play(run, &r);
    const struct verdict *v = &r.verdict;
    scenario_section(run, "swarm");
    scenario_note(run, "%s", r.drawn);
    scenario_figure(run, "bytes read", (int64_t)r.bytes, "bytes");
    scenario_figure(run, "segments", (int64_t)r.wire.segments, "packets");
    scenario_figure(run, "retransmitted", (int64_t)r.wire.retransmitted, "packets");
    scenario_figure(run, "with SACK", (int64_t)r.wire.sacks, "packets");
    scenario_figure(run, "probes", (int64_t)r.wire.probes, "packets");
    scenario_figure(run, "resets", (int64_t)r.wire.resets, "packets");
    scenario_figure(run, "virtual time", run->ended, "ns");
    scenario_figure(run, "events", (int64_t)run->stats.events, "");
    if (v->failed)
        scenario_check(run, false, "%s at %lld.%09lld: %s", v->id,
                       (long long)(v->time / WEIR_NS_PER_S), (long long)(v->time % WEIR_NS_PER_S),
                       v->text);
    else
        scenario_check(run, good, "every invariant holds, and nothing is left behind");
}

const struct scenario scenario_swarm = {
    .name = "swarm",
    .summary = "TCP of every kind over a link drawn from the seed, all invariants watched",
    .run = swarm_scenario,
};
