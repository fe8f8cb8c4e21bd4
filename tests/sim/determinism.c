/* SPDX-License-Identifier: MIT
 * One seed, one history, byte for byte (I-49): a busy network with every impairment gives the
 * numbers below with every compiler, at every optimisation, on machines of either byte order and
 * word size.
 *
 * When a change of the simulator is meant to change histories, the test says what the new numbers
 * are; put them here after the same run agrees on all machines of CI. */
#include "harness.h"

#include "trace/writer.h"
#include "wire/tcp.h"

static const uint64_t golden_trace = 0x4d57011ce606d9bb;
static const uint64_t golden_pcapng = 0xc9acb69232d115a5;
static const uint64_t golden_pcap = 0xdff4027269c8efb0;
static const uint64_t golden_events = 5402;

enum {
    NODES = 4,
    LINKS = 5,
    PACKET_MAX = 12000,
    OUT_MAX = 8
};

static const weir_time us = WEIR_NS_PER_US, ms = WEIR_NS_PER_MS;

/* ---- a node that talks to all its neighbours ---- */

struct packet_plan {
    unsigned port;
    uint32_t payload_len;
    uint8_t hops; /* how many answers it may cause */
    bool ip6, tcp, cut;
};

struct talker {
    struct sim_node *node;
    struct rng rng;
    unsigned ports, left; /* packets to begin by itself */
    weir_time next_at;
    struct packet_plan out[OUT_MAX]; /* answers that wait */
    unsigned out_count;
    uint16_t ip_id;
    uint8_t payload[PACKET_MAX];
};

/* Headers of the packet, with the sum of the pseudo-header where the checksum goes. */
static void headers_make(struct talker *t, const struct packet_plan *plan, struct weir_tx *tx)
{
    uint8_t *ip = tx->headers;
    uint32_t ip_len = plan->ip6 ? 40 : 20, transport_header = plan->tcp ? 20 : 8;
    uint32_t transport_len = transport_header + plan->payload_len;
    uint8_t *p = ip + ip_len, protocol = plan->tcp ? 6 : 17;
    memset(ip, 0, ip_len + transport_header);
    if (plan->ip6) {
        store32(ip, 0x60200000);
        store16(ip + 4, (uint16_t)transport_len);
        ip[6] = protocol;
        ip[7] = 64;
        rng_bytes(&t->rng, ip + 8, 32);
    } else {
        ip[0] = 0x45;
        ip[1] = (uint8_t)rng_below(&t->rng, 4);
        store16(ip + 2, (uint16_t)(ip_len + transport_len));
        store16(ip + 4, t->ip_id++);
        ip[8] = 64;
        ip[9] = protocol;
        rng_bytes(&t->rng, ip + 12, 8);
        store16(ip + 10, (uint16_t)~plain_sum(0, ip, 20));
    }
    store16(p, (uint16_t)rng_between(&t->rng, 1, 5));
    store16(p + 2, (uint16_t)rng_between(&t->rng, 1, 5));
    if (plan->tcp) {
        store32(p + 4, rng_u32(&t->rng));
        p[12] = 0x50;
        p[13] = (uint8_t)(TCP_ACK | (rng_u32(&t->rng) & (TCP_PSH | TCP_FIN | TCP_CWR)));
    } else {
        store16(p + 4, (uint16_t)transport_len);
    }
    uint32_t pseudo = plain_sum(0, plan->ip6 ? ip + 8 : ip + 12, plan->ip6 ? 32 : 8);
    store16(p + (plan->tcp ? 16 : 6), plain_sum(pseudo + protocol + transport_len, p, 0));
    tx->header_len = (uint16_t)(ip_len + transport_header);
    tx->len = ip_len + transport_len;
    tx->checksum_wanted = 1;
    tx->checksum_start = (uint16_t)ip_len;
    tx->checksum_offset = plan->tcp ? 16 : 6;
}

static void packet_make(struct talker *t, const struct packet_plan *plan, struct weir_tx *tx)
{
    headers_make(t, plan, tx);
    rng_bytes(&t->rng, t->payload, 32);
    t->payload[0] = plan->hops;
    tx->frag_count = 2;
    tx->frag[0] = (struct weir_ref){t->payload, plan->payload_len / 2};
    tx->frag[1] = (struct weir_ref){t->payload + plan->payload_len / 2,
                                    plan->payload_len - plan->payload_len / 2};
    if (plan->cut) {
        tx->segmentation = (uint8_t)(!plan->tcp   ? WEIR_SEGMENT_UDP
                                     : plan->ip6 ? WEIR_SEGMENT_TCP6
                                                 : WEIR_SEGMENT_TCP4);
        tx->segment_size = 1000;
    }
}

static struct packet_plan plan_make(struct talker *t, uint8_t hops)
{
    /* Drawn one by one: C does not say in which order an initialiser calls functions. */
    uint64_t bits = rng_u64(&t->rng);
    bool cut = bits % 16 == 0;
    uint64_t port = rng_below(&t->rng, t->ports);
    uint64_t payload_len = rng_between(&t->rng, 1, cut ? PACKET_MAX : 1200);
    return (struct packet_plan){
        .port = (unsigned)port,
        .payload_len = (uint32_t)payload_len,
        .hops = hops,
        .ip6 = (bits & 0x100) != 0,
        .tcp = (bits & 0x200) != 0,
        .cut = cut,
    };
}

static void talker_input(void *ctx, unsigned port, const struct weir_rx *rx, unsigned n,
                         weir_time now)
{
    struct talker *t = ctx;
    (void)port;
    (void)now;
    for (unsigned i = 0; i < n; i++) {
        struct sim_parsed p = sim_parse(rx[i].head, rx[i].len, WEIR_LINK_IP);
        uint8_t hops = p.payload_len > 0 ? rx[i].head[p.payload_offset] % 4 : 0;
        if (hops > 0 && t->out_count < OUT_MAX)
            t->out[t->out_count++] = plan_make(t, (uint8_t)(hops - 1));
    }
}

static unsigned talker_output(void *ctx, unsigned port, struct weir_tx *tx, unsigned max,
                              weir_time now)
{
    struct talker *t = ctx;
    (void)max;
    if (t->left > 0 && t->next_at <= now && t->out_count < OUT_MAX) {
        t->left--;
        t->next_at = now + (weir_time)rng_below(&t->rng, (uint64_t)ms);
        t->out[t->out_count++] = plan_make(t, 3);
    }
    for (unsigned i = 0; i < t->out_count; i++)
        if (t->out[i].port == port) {
            packet_make(t, &t->out[i], tx);
            t->out[i] = t->out[--t->out_count];
            return 1;
        }
    return 0;
}

static weir_time talker_deadline(void *ctx)
{
    struct talker *t = ctx;
    if (t->out_count > 0)
        return 0; /* at once */
    return t->left > 0 ? t->next_at : WEIR_TIME_NEVER;
}

/* ---- the network ---- */

struct digest {
    uint64_t fnv, bytes;
};

static int digest_write(void *ctx, const struct weir_ref *part, unsigned count)
{
    struct digest *d = ctx;
    for (unsigned i = 0; i < count; i++)
        for (size_t j = 0; j < part[i].len; j++) {
            d->fnv = (d->fnv ^ part[i].data[j]) * UINT64_C(0x100000001b3);
            d->bytes++;
        }
    return 0;
}

struct net {
    struct sim *sim;
    struct talker talker[NODES];
    struct sim_link *link[LINKS];
    struct rng rng;
};

static struct sim_dir_config impairments(struct rng *rng, unsigned kind)
{
    static const uint64_t list[] = {1, 7, 8, 30};
    return (struct sim_dir_config){
        .rate_bps = kind % 5 == 4 ? 0 : 500017 * (kind % 10 + 1),
        .overhead_bytes = 20,
        .mtu_bytes = kind % 4 == 3 ? 900 : 1500,
        .delay = (weir_time)rng_below(rng, 5 * (uint64_t)ms),
        .jitter = 777 * us,
        .jitter_reorders = kind % 2 == 0,
        .backpressure = kind % 3 == 0,
        .batch_max = (uint8_t)(kind % 4),
        .poll_interval = kind % 5 == 1 ? 250 * us : 0,
        .queue = {.kind = (uint8_t)(kind % 3),
                  .ecn = true,
                  .packets_max = 20,
                  .bytes_max = kind % 2 == 0 ? 15000 : 0,
                  .red = {1500, 9000, {1, 3}, 2, 700},
                  .codel = {1 * ms, 10 * ms}},
        .loss = {.kind = (uint8_t)(kind % 5),
                 .chance = {1, 30},
                 .gilbert = {{1, 40}, {1, 4}, {1, 100}, {3, 4}},
                 .every = 17,
                 .list = list,
                 .list_len = 4},
        .corrupt = {.chance = {1, 20}, .kinds = (uint8_t)(kind % 8), .bits_max = 5},
        .duplicate = {{1, 15}, 1 * ms},
        .reorder = {{1, 12}, 2 * ms},
    };
}

static void rewrite(void *ctx, struct sim_edit *edit)
{
    (void)ctx;
    if (edit->parsed->payload_len > 4)
        edit->bytes[edit->parsed->payload_offset + 3] ^= 0x55;
}

static void faults_add(struct net *net)
{
    const struct sim_fault faults[] = {
        {.match = {.protocol = 6, .flags_set = TCP_FIN}, .every = 3, .action = SIM_FAULT_DROP},
        {.match = {.payload_min = 500}, .every = 5, .action = SIM_FAULT_DELAY, .delay = 3 * ms},
        {.match = {.ip_version = 6}, .chance = {1, 9}, .action = SIM_FAULT_DUPLICATE, .copies = 2},
        {.match = {.source_port = 3}, .every = 4, .action = SIM_FAULT_REWRITE, .rewrite = rewrite},
        {.every = 19, .action = SIM_FAULT_CORRUPT},
        {.every = 7, .action = SIM_FAULT_HOLD, .hold = {.passed = 3, .after = 20 * ms}},
        {.match = {.seq = {0}, .seq_len = 0x40000000}, .every = 2, .action = SIM_FAULT_HOLD,
         .hold = {.held = 3}},
    };
    for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++)
        assert_true(sim_fault_add(net->link[i % LINKS], (enum sim_dir)(i % 2), &faults[i]) >= 0);
}

static void disturb(struct sim *sim, void *ctx)
{
    struct net *net = ctx;
    enum sim_dir dir = (enum sim_dir)rng_below(&net->rng, 2);
    struct sim_link *link = net->link[rng_below(&net->rng, LINKS)];
    struct sim_node *node = net->talker[rng_below(&net->rng, NODES)].node;
    (void)sim;
    for (unsigned i = 0; i < NODES; i++)
        sim_node_start(net->talker[i].node);
    for (unsigned i = 0; i < LINKS; i++) {
        sim_link_set_down(net->link[i], SIM_A_TO_B, false);
        sim_link_set_down(net->link[i], SIM_B_TO_A, false);
    }
    switch (rng_below(&net->rng, 4)) {
    case 0: {
        struct sim_dir_config config = impairments(&net->rng, (unsigned)rng_below(&net->rng, 30));
        assert_int_equal(sim_link_set(link, dir, &config), 0);
        break;
    }
    case 1:
        sim_link_set_down(link, dir, true);
        break;
    case 2:
        sim_node_stop(node, 5);
        break;
    default:
        sim_node_set_clock(node, (weir_time)rng_below(&net->rng, (uint64_t)ms), 1000);
    }
}

static void net_make(struct net *net, uint64_t seed)
{
    static const struct sim_node_ops ops = {
        .input = talker_input, .output = talker_output, .deadline = talker_deadline};
    static const char *const names[NODES] = {"north", "east", "south", "west"};
    static const char *const link_names[LINKS] = {"ne", "es", "sw", "wn", "ns"};
    static const uint8_t ends[LINKS][4] = {
        {0, 0, 1, 0}, {1, 1, 2, 0}, {2, 1, 3, 0}, {3, 1, 0, 1}, {0, 2, 2, 2}};
    memset(net, 0, sizeof *net);
    net->sim = sim_create(&(struct sim_config){.seed = seed});
    net->rng = sim_rng(net->sim, "disturbances");
    for (unsigned i = 0; i < NODES; i++) {
        struct talker *t = &net->talker[i];
        t->rng = sim_rng(net->sim, names[i]);
        t->ports = i % 2 == 0 ? 3 : 2;
        t->left = 400;
        t->node = sim_node_add(net->sim, names[i], &ops, t);
    }
    for (unsigned i = 0; i < LINKS; i++) {
        struct sim_link_config config = {0};
        config.dir[0] = impairments(&net->rng, 2 * i);
        config.dir[1] = impairments(&net->rng, 2 * i + 1);
        struct sim_node *a = net->talker[ends[i][0]].node, *b = net->talker[ends[i][2]].node;
        net->link[i] = sim_link_add(net->sim, link_names[i], a, ends[i][1], b, ends[i][3], &config);
        assert_non_null(net->link[i]);
    }
    faults_add(net);
    for (unsigned i = 0; i < 80; i++)
        assert_int_equal(sim_at(net->sim, (weir_time)i * 5 * ms, disturb, net), 0);
}

struct outcome {
    uint64_t trace, pcapng, pcap, events, packets;
    struct sim_dir_stats total;
};

static void stats_add(struct sim_dir_stats *total, const struct sim_link *link)
{
    for (unsigned i = 0; i < SIM_DIRS; i++) {
        struct sim_dir_stats s = sim_link_stats(link, (enum sim_dir)i);
        total->duplicated += s.duplicated;
        total->marked += s.marked;
        total->corrupted += s.corrupted;
        total->reordered += s.reordered;
        total->rewritten += s.rewritten;
        total->delayed += s.delayed;
        total->held += s.held;
        for (unsigned j = 0; j < SIM_LOST_COUNT; j++)
            total->lost[j] += s.lost[j];
    }
}

static struct outcome run(uint64_t seed)
{
    struct net *net = malloc(sizeof *net);
    struct digest ng = {UINT64_C(0xcbf29ce484222325), 0}, classic = ng;
    struct capture_writer w_ng, w_classic;
    struct capture_options options = {.application = "weir"};
    assert_non_null(net);
    net_make(net, seed);
    assert_int_equal(
        capture_open(&w_ng, (struct capture_sink){.write = digest_write, .ctx = &ng}, &options), 0);
    options.format = CAPTURE_PCAP;
    options.snap_bytes = 100;
    assert_int_equal(capture_open(&w_classic,
                                  (struct capture_sink){.write = digest_write, .ctx = &classic},
                                  &options), 0);
    for (unsigned i = 0; i + 1 < LINKS; i++)
        assert_int_equal(sim_link_capture(net->link[i], &w_ng, SIM_CAPTURE_BOTH), 0);
    assert_int_equal(sim_link_capture(net->link[LINKS - 1], &w_classic, SIM_CAPTURE_A), 0);
    enum sim_stop stop = sim_run_until_idle(net->sim, 1000000);
    assert_int_equal(stop, SIM_STOP_IDLE);
    check_event(net->sim, NULL);
    struct outcome out = {.trace = sim_trace_hash(net->sim),
                          .pcapng = ng.fnv,
                          .pcap = classic.fnv,
                          .events = sim_stats(net->sim).events,
                          .packets = sim_stats(net->sim).packets};
    assert_int_equal(sim_stats(net->sim).malformed, 0);
    for (unsigned i = 0; i < LINKS; i++)
        stats_add(&out.total, net->link[i]);
    sim_destroy(net->sim);
    free(net);
    return out;
}

static void test_I_49_one_seed_gives_the_same_bytes_everywhere(void **state)
{
    (void)state;
    struct outcome out = run(20260101);
    if (out.trace != golden_trace || out.pcapng != golden_pcapng || out.pcap != golden_pcap ||
        out.events != golden_events)
        fail_msg("golden_trace = 0x%016llx, golden_pcapng = 0x%016llx, golden_pcap = 0x%016llx, "
                 "golden_events = %llu (%llu packets)",
                 (unsigned long long)out.trace, (unsigned long long)out.pcapng,
                 (unsigned long long)out.pcap, (unsigned long long)out.events,
                 (unsigned long long)out.packets);
}

/* A history in which nothing happens would prove nothing. */
static void test_the_history_has_everything_in_it(void **state)
{
    (void)state;
    struct outcome out = run(20260101);
    assert_in_range(out.packets, 1000, 10000);
    assert_true(out.total.duplicated > 20 && out.total.marked > 5 && out.total.corrupted > 20);
    assert_true(out.total.reordered > 20 && out.total.rewritten > 2 && out.total.delayed > 2);
    assert_true(out.total.held > 5);
    for (unsigned i = 0; i < SIM_LOST_COUNT; i++)
        if (out.total.lost[i] == 0)
            fail_msg("no packet was lost for: %s", sim_lost_text((enum sim_lost)i));
}

static void test_I_49_runs_repeat_and_seeds_differ(void **state)
{
    (void)state;
    struct outcome first = run(1), again = run(1), other = run(2);
    assert_true(first.trace == again.trace && first.pcapng == again.pcapng);
    assert_true(first.pcap == again.pcap && first.events == again.events);
    assert_true(first.trace != other.trace && first.pcapng != other.pcapng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_I_49_one_seed_gives_the_same_bytes_everywhere),
        cmocka_unit_test(test_the_history_has_everything_in_it),
        cmocka_unit_test(test_I_49_runs_repeat_and_seeds_differ),
    };
    return cmocka_run_group_tests_name("determinism", tests, NULL, NULL);
}
