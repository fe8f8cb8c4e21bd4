/* SPDX-License-Identifier: MIT
 * Attacks on a host, while a bystander's connection goes on and honest clients come: SYN floods,
 * forged cookies, peers that never read, fast open cookies used up, and forged reports of a small
 * path MTU (rows of ATK-SYN, ATK-RES, ATK-TFO and ATK-ICM). */
#include <string.h>

#include "base/bytes.h"
#include "sim/siege.h"
#include "weir/net.h"

/* The smallest frames on a line of 100 Mbit/s: 84 bytes with preamble and gap. */
#define LINE_RATE (6720 * WEIR_NS_PER_US / 1000)

static struct tcp_options random_offer(struct siege *s)
{
    struct tcp_options o = {.present = TCP_HAS_MSS, .mss = 1460, .window_scale = 7};
    uint64_t draw = rng_u64(&s->rng);
    o.present |= (draw & 1) != 0 ? (uint32_t)TCP_HAS_WINDOW_SCALE : 0;
    o.present |= (draw & 2) != 0 ? (uint32_t)TCP_HAS_TIMESTAMPS : 0;
    o.present |= (draw & 4) != 0 ? (uint32_t)TCP_HAS_SACK_PERMITTED : 0;
    o.ts_val = (uint32_t)(draw >> 32);
    return o;
}

/* A SYN in the name of nobody. */
static uint32_t make_syn(struct siege *s, uint64_t number, uint8_t *out, uint32_t size)
{
    struct tcp_options offer = random_offer(s);
    struct siege_segment syn = {.source = siege_stranger(s),
                                .source_port = (uint16_t)rng_between(&s->rng, 1024, 65535),
                                .port = number % 4 == 3 ? SIEGE_PORT_STREAM : SIEGE_PORT,
                                .seq = rng_u32(&s->rng),
                                .flags = TCP_SYN,
                                .window = 65535,
                                .options = &offer};
    return siege_segment(&syn, out, size);
}

/* ---- ATK-SYN-01 ---- */

static void few_records(struct weir_config *config)
{
    config->tcp_syn_received_max = 256;
}

static void judge_flood(struct siege *s)
{
    scenario_figure(s->run, "cookies sent", (int64_t)s->victim.cookies_out, "");
    scenario_figure(s->run, "cookies that came back", (int64_t)s->victim.cookies_good, "");
    scenario_check(s->run, s->pending_max <= 256, "SYN-RECEIVED stays within its limit");
    scenario_check(s->run, s->victim.cookies_out > 0 && s->victim.cookies_good > 0,
                   "cookies take over where records end");
}

static void syn_flood_run(struct scenario_run *run)
{
    static const struct siege_plan plan = {.name = "SYN flood at line rate",
                                           .lasts = 300 * WEIR_NS_PER_MS,
                                           .interval = LINE_RATE,
                                           .honest = SIEGE_HONEST_MAX,
                                           .limits = few_records,
                                           .make = make_syn,
                                           .judge = judge_flood};
    siege_run(&plan, run);
}

const struct scenario scenario_syn_flood = {
    .name = "syn-flood",
    .summary = "spoofed SYNs at line rate; a bystander goes on, and 1,000 clients are served",
    .heavy = true,
    .run = syn_flood_run,
};

/* ---- ATK-SYN-02 ---- */

/* Every other packet an ACK that was not earned: anything, or what a SYN,ACK to somebody else said,
 * or nearly that. */
static uint32_t make_ack(struct siege *s, uint64_t number, uint8_t *out, uint32_t size)
{
    if (number % 8 == 0)
        return make_syn(s, number, out, size);
    struct tcp_options stamps = {.present = TCP_HAS_TIMESTAMPS, .ts_val = rng_u32(&s->rng)};
    uint32_t near = (uint32_t)rng_below(&s->rng, 3);
    stamps.ts_ecr = s->learned.ts_val;
    struct siege_segment ack = {.source = siege_stranger(s),
                                .source_port = (uint16_t)rng_between(&s->rng, 1024, 65535),
                                .port = SIEGE_PORT,
                                .seq = rng_u32(&s->rng),
                                .ack = number % 2 == 0 ? rng_u32(&s->rng) : s->number + near,
                                .flags = TCP_ACK,
                                .window = 65535,
                                .options = number % 4 < 2 ? &stamps : NULL};
    return siege_segment(&ack, out, size);
}

static void judge_forgery(struct siege *s)
{
    scenario_figure(s->run, "cookies sent", (int64_t)s->victim.cookies_out, "");
    scenario_figure(s->run, "cookies that came back", (int64_t)s->victim.cookies_good, "");
    scenario_figure(s->run, "forged ones refused", (int64_t)s->victim.cookies_bad, "");
    scenario_figure(s->run, "resets sent", (int64_t)s->victim.resets_out, "packets");
    scenario_check(s->run, s->victim.cookies_bad > 5000, "forged acknowledgments are no cookies");
    scenario_check(s->run, s->victim.cookies_good <= s->plan->honest + 1,
                   "none of them makes a connection");
    scenario_check(s->run, s->victim.resets_out < 1000, "resets stay within their budget");
}

static void cookie_forgery_run(struct scenario_run *run)
{
    static const struct siege_plan plan = {.name = "forged cookies",
                                           .lasts = 300 * WEIR_NS_PER_MS,
                                           .interval = LINE_RATE,
                                           .honest = SIEGE_HONEST_MAX,
                                           .limits = few_records,
                                           .make = make_ack,
                                           .judge = judge_forgery};
    siege_run(&plan, run);
}

const struct scenario scenario_cookie_forgery = {
    .name = "cookie-forgery",
    .summary = "forged final ACKs while SYN cookies are in use: none makes a connection",
    .heavy = true,
    .run = cookie_forgery_run,
};

/* ---- ATK-RES-04, ATK-SYN-27 ---- */

enum { STUCK_PEERS = 10000, STUCK_BYTES = 2800, STUCK_PACKET = 1400 };

static void little_memory(struct weir_config *config)
{
    config->tcp_endpoints_max = STUCK_PEERS + 1500;
    config->tcp_flights_max = 4096;
    config->tcp_stuck_ms = 1000;
    config->packet_memory_kb = 32768;
}

/* One SYN after the other, each from a peer of its own. */
static uint32_t make_peer(struct siege *s, uint64_t number, uint8_t *out, uint32_t size)
{
    static const struct tcp_options offer = {.present = TCP_HAS_MSS, .mss = 1460};
    struct siege_segment syn = {.source = siege_number((uint32_t)number),
                                .source_port = 5000,
                                .port = SIEGE_PORT_ECHO,
                                .seq = (uint32_t)number,
                                .flags = TCP_SYN,
                                .window = 0,
                                .options = &offer};
    (void)s;
    return number < STUCK_PEERS ? siege_segment(&syn, out, size) : 0;
}

/* It asks for an echo with its window closed, and keeps it closed. */
static void play_dead(struct siege *s, const struct sim_parsed *p)
{
    uint8_t out[1500], data[STUCK_PACKET] = {0};
    struct build_ip path = build_path(p, true);
    bool opens = (p->tcp_flags & TCP_SYN) != 0;
    struct siege_segment reply = {.source = path.source,
                                  .source_port = p->destination_port,
                                  .port = p->source_port,
                                  .seq = p->ack.v,
                                  .ack = p->seq.v + opens,
                                  .flags = TCP_ACK};
    if ((p->tcp_flags & TCP_RST) != 0 || (!opens && p->payload_len == 0))
        return;
    for (uint32_t at = 0; opens && at < STUCK_BYTES; at += STUCK_PACKET) {
        reply.seq = p->ack.v + at;
        reply.payload = (struct weir_ref){data, STUCK_PACKET};
        (void)actor_send(s->attacker, 0, out, siege_segment(&reply, out, sizeof out));
    }
    if (!opens)
        (void)actor_send(s->attacker, 0, out, siege_segment(&reply, out, sizeof out));
}

static void judge_stuck(struct siege *s)
{
    scenario_figure(s->run, "stuck peers accepted", s->held_count, "");
    scenario_figure(s->run, "given up under pressure", (int64_t)s->victim.stuck_given_up, "");
    scenario_figure(s->run, "told so to the application", s->pressed, "");
    scenario_check(s->run, s->held_count > STUCK_PEERS / 2, "they get in");
    scenario_check(s->run, s->victim.stuck_given_up > 0 && s->pressed == s->victim.stuck_given_up,
                   "those stuck longest go, and the application is told why");
    scenario_check(s->run, s->memory_max <= UINT64_C(32768) * 1024, "memory stays at its cap");
}

static void stuck_peers_run(struct scenario_run *run)
{
    static const struct siege_plan plan = {.name = "10,000 peers with closed windows",
                                           .lasts = 2500 * WEIR_NS_PER_MS,
                                           .interval = 100 * WEIR_NS_PER_US,
                                           .honest = SIEGE_HONEST_MAX,
                                           .limits = little_memory,
                                           .echo = true,
                                           .make = make_peer,
                                           .heard = play_dead,
                                           .judge = judge_stuck};
    siege_run(&plan, run);
}

const struct scenario scenario_stuck_peers = {
    .name = "stuck-peers",
    .summary = "10,000 peers of an echo service that never open their windows (RFC 6429)",
    .heavy = true,
    .run = stuck_peers_run,
};

/* ---- ATK-TFO-03 ---- */

enum { FAST_PENDING = 64, FAST_BYTES = 600, LEARNING = 3000 /* packets, until the answer is there */ };

/* Learn a cookie in order, then use it for one SYN with data after the other, from one port after
 * the other, and reset every fourth. */
static uint32_t make_fast(struct siege *s, uint64_t number, uint8_t *out, uint32_t size)
{
    uint8_t data[FAST_BYTES] = {0};
    struct tcp_options offer = {.present = TCP_HAS_MSS | TCP_HAS_FAST_OPEN, .mss = 1460};
    struct siege_segment syn = {.source = siege_number(1),
                                .source_port = (uint16_t)(1024 + number / 4 * 3 % 60000),
                                .port = SIEGE_PORT_ECHO,
                                .seq = (uint32_t)number,
                                .flags = TCP_SYN,
                                .window = 65535,
                                .options = &offer};
    if (number > 0 && (number < LEARNING || s->cookie_len == 0))
        return 0;
    if (number > 0) {
        offer.fast_open = (struct weir_ref){s->cookie, s->cookie_len};
        syn.payload = (struct weir_ref){data, sizeof data};
        syn.source_port = (uint16_t)(syn.source_port + number % 4);
    }
    if (number % 4 == 3) { /* of the one before */
        syn.source_port = (uint16_t)(syn.source_port - 1);
        syn.seq = (uint32_t)(number - 1) + 1 + FAST_BYTES;
        syn.flags = TCP_RST;
        syn.options = NULL;
        syn.payload.len = 0;
    }
    return siege_segment(&syn, out, size);
}

static void few_fast(struct weir_config *config)
{
    config->tcp_fast_open_pending_max = FAST_PENDING;
    config->tcp_syn_received_max = 256;
}

static void judge_fast(struct siege *s)
{
    scenario_figure(s->run, "SYNs whose data was taken", (int64_t)s->victim.fast_open_in, "");
    scenario_figure(s->run, "over the limit", (int64_t)s->victim.fast_open_limited, "");
    scenario_figure(s->run, "accepted by the echo service", s->held_count, "");
    scenario_check(s->run, s->cookie_len > 0, "the attacker has learned a cookie");
    scenario_check(s->run, s->victim.fast_open_limited > 1000,
                   "no more than %d are pending: the others go the ordinary way", FAST_PENDING);
    scenario_check(s->run, s->held_count > 0 && s->held_count <= FAST_PENDING,
                   "a reset frees no place early");
}

static void fast_open_flood_run(struct scenario_run *run)
{
    static const struct siege_plan plan = {.name = "fast open cookies used up",
                                           .lasts = 300 * WEIR_NS_PER_MS,
                                           .interval = 10 * WEIR_NS_PER_US,
                                           .honest = SIEGE_HONEST_MAX,
                                           .limits = few_fast,
                                           .fast = true,
                                           .echo = true,
                                           .make = make_fast,
                                           .judge = judge_fast};
    siege_run(&plan, run);
}

const struct scenario scenario_fast_open_flood = {
    .name = "fast-open-flood",
    .summary = "SYNs with data and a good cookie that nobody completes (RFC 7413 5.1)",
    .heavy = true,
    .run = fast_open_flood_run,
};

/* ---- ATK-ICM-04 ---- */

/* A report about the victim's stream to the bystander, most with any number, some with the right
 * one, as one would say who sees the path. */
static uint32_t make_report(struct siege *s, uint64_t number, uint8_t *out, uint32_t size)
{
    static const uint16_t mtus[] = {0, 68, 296, 552, 576, 1000, 1280, 1499};
    uint8_t quoted[1500], data[1400] = {0};
    struct weir_tcp_info info;
    if (weir_tcp_info(siege_stack(s, SIEGE_VICTIM), tcp_apps_handle(s->apps, s->stream, 1),
                      &info) != WEIR_OK)
        return 0;
    struct build_tcp tcp = {.ip = {.source = info.local, .destination = info.remote},
                            .source_port = info.local_port,
                            .destination_port = info.remote_port,
                            .seq = {number % 8 == 0 ? info.snd_una : rng_u32(&s->rng)},
                            .ack = {info.rcv_nxt},
                            .flags = TCP_ACK,
                            .window = 1000,
                            .payload = {data, sizeof data}};
    tcp.ip.dont_fragment = true;
    struct build_icmp_error report = {
        .ip = {.source = siege_stranger(s), .destination = info.local},
        .type = ICMP4_UNREACHABLE,
        .code = ICMP4_FRAGMENTATION_NEEDED,
        .mtu = mtus[rng_below(&s->rng, sizeof mtus / sizeof mtus[0])],
        .packet = {quoted, build_tcp(quoted, sizeof quoted, &tcp)}};
    return build_icmp_error(out, size, &report);
}

static void judge_reports(struct siege *s)
{
    struct weir_stats stats;
    (void)weir_stack_stats(siege_stack(s, SIEGE_VICTIM), WEIR_IFINDEX_ALL, &stats);
    scenario_figure(s->run, "reports without evidence", (int64_t)stats.drop[WEIR_DROP_ICMP_QUOTE],
                    "packets");
    scenario_figure(s->run, "reports that had to wait", (int64_t)s->victim.path_reports_pending,
                    "");
    scenario_figure(s->run, "reports that progress refuted", (int64_t)s->victim.path_reports_refuted,
                    "");
    scenario_figure(s->run, "smallest path MTU believed in", s->path_mtu_min, "bytes");
    scenario_check(s->run, stats.drop[WEIR_DROP_ICMP_QUOTE] > 1000,
                   "reports about what is not outstanding are dropped");
    scenario_check(s->run, s->victim.path_reports_pending > 0 && s->victim.path_reports_refuted > 0,
                   "reports about what is outstanding wait, and progress refutes them");
    scenario_check(s->run, s->path_mtu_min == 1500, "the path MTU stays what it is");
}

static void ptb_storm_run(struct scenario_run *run)
{
    static const struct siege_plan plan = {.name = "forged reports of a small path MTU",
                                           .lasts = 300 * WEIR_NS_PER_MS,
                                           .interval = 50 * WEIR_NS_PER_US,
                                           .honest = 100,
                                           .make = make_report,
                                           .judge = judge_reports};
    siege_run(&plan, run);
}

const struct scenario scenario_ptb_storm = {
    .name = "ptb-storm",
    .summary = "forged ICMP that the path is narrow, some with the right sequence number (RFC 5927)",
    .heavy = true,
    .run = ptb_storm_run,
};
