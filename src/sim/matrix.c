/* SPDX-License-Identifier: MIT */
#include "sim/matrix.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/middlebox_path.h"
#include "sim/middlebox_tcp.h"
#include "sim/scenario_kit.h"
#include "sim/tcp_world.h"

enum {
    PORT = 5001,
    TALKS_MAX = 2,
    BYTES = 200000,
    CHECK_EVERY = 1,
    MSS_CLAMPED = 1000,
    MTU_ROUTER = 1400,
    MTU_HOLE = 1300,
    RESET_AT = 40,  /* segments with data */
    BREAK_AT = 150, /* segments */
    USER_TIMEOUT_MS = 60000
};

#define DELAY       (5 * WEIR_NS_PER_MS)
#define EVENTS_MAX  UINT64_C(300000)
#define LASTS_MAX   (400 * WEIR_NS_PER_S) /* R2 of a SYN, and some more */
#define BOXES_DEADLY (1U << MATRIX_RESETS | 1U << MATRIX_BREAK | 1U << MATRIX_THIEF)

/* ---- cells ---- */

static const struct {
    const char *text;
    uint8_t bits, levels;
} features[MATRIX_FEATURE_COUNT] = {
#define X(name, bits, levels, text) {text, bits, levels},
    MATRIX_FEATURES(X)
#undef X
};

static const char *const box_names[MATRIX_BOX_COUNT] = {
#define X(name, text) text,
    MATRIX_BOXES(X)
#undef X
};

/* What is new, all at once; what is on by default; then the pairs (tests/sim/middlebox_matrix.c). */
static const uint8_t rows[MATRIX_ROWS][MATRIX_FEATURE_COUNT] = {
    {1, 1, 1, 3, 2, 1, 1, 1, 1, 1, 0, 1}, {1, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0},
    {1, 1, 1, 3, 1, 0, 1, 1, 1, 1, 0, 0}, {0, 0, 0, 2, 0, 1, 0, 0, 1, 0, 1, 1},
    {1, 1, 0, 0, 2, 1, 0, 1, 0, 0, 1, 0}, {0, 0, 1, 1, 2, 0, 1, 0, 0, 1, 0, 1},
    {0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0}, {1, 1, 1, 2, 0, 0, 1, 1, 0, 1, 1, 1},
    {0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1}, {1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0},
    {0, 1, 0, 3, 2, 1, 0, 0, 1, 1, 1, 1}, {1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 1},
    {1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1}, {0, 1, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0},
    {1, 1, 1, 3, 0, 0, 0, 1, 1, 0, 1, 0}, {0, 0, 0, 2, 2, 0, 1, 1, 1, 1, 1, 0},
};

unsigned matrix_level(uint32_t cell, enum matrix_feature feature)
{
    unsigned at = MATRIX_BOX_COUNT;
    for (unsigned i = 0; i < (unsigned)feature; i++)
        at += features[i].bits;
    return cell >> at & ((1U << features[feature].bits) - 1);
}

unsigned matrix_levels(enum matrix_feature feature)
{
    return features[feature].levels;
}

uint32_t matrix_cell(uint32_t boxes, unsigned row)
{
    unsigned at = MATRIX_BOX_COUNT;
    uint32_t cell = boxes;
    CHECK(NULL, boxes < MATRIX_BOX_SETS && row < MATRIX_ROWS);
    for (unsigned i = 0; i < MATRIX_FEATURE_COUNT; i++) {
        cell |= (uint32_t)rows[row][i] << at;
        at += features[i].bits;
    }
    return cell;
}

bool matrix_is_cell(uint64_t cell)
{
    unsigned bits = MATRIX_BOX_COUNT;
    for (unsigned i = 0; i < MATRIX_FEATURE_COUNT; i++) {
        if (matrix_level((uint32_t)cell, (enum matrix_feature)i) >= features[i].levels)
            return false;
        bits += features[i].bits;
    }
    return cell < UINT64_C(1) << bits;
}

void matrix_text(uint32_t cell, char *text, size_t size)
{
    struct text t = text_begin(text, size);
    for (unsigned i = 0; i < MATRIX_BOX_COUNT; i++) {
        if ((cell & 1U << i) == 0)
            continue;
        text_str(&t, t.len > 0 ? " " : "");
        text_str(&t, box_names[i]);
    }
    text_str(&t, t.len > 0 ? " /" : "no box /");
    for (unsigned i = 0; i < MATRIX_FEATURE_COUNT; i++) {
        unsigned level = matrix_level(cell, (enum matrix_feature)i);
        if (level == 0)
            continue;
        text_char(&t, ' ');
        text_str(&t, features[i].text);
        if (features[i].levels > 2)
            text_u64(&t, level);
    }
}

/* ---- the world of a cell ---- */

struct cell {
    uint32_t id;
    struct tcp_world world;
    struct sim *sim;
    struct matrix_result result;
    struct tcp_talk_config talk;
    unsigned talks, wanted;
    bool compared[TALKS_MAX];
    struct sim_node *near; /* what the next box is linked to ... */
    unsigned near_port;
    unsigned links;
    struct scenario_run *run;
};

static bool has(const struct cell *c, enum matrix_feature feature)
{
    return matrix_level(c->id, feature) > 0;
}

static bool box_is_there(const struct cell *c, enum matrix_box box)
{
    return (c->id & 1U << box) != 0;
}

__attribute__((format(printf, 2, 3))) static void wrong(struct cell *c, const char *format, ...)
{
    char text[VERDICT_TEXT_MAX + 1];
    va_list args;
    if (c->result.outcome == MATRIX_WRONG)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->result.outcome = MATRIX_WRONG;
    memcpy(c->result.text, text, sizeof text);
}

/* Link what stands nearest to the client so far with the next node; the delay is on the first. */
static void link_to(struct cell *c, struct sim_node *node, unsigned port)
{
    char name[16];
    struct scenario_link link = {
        .name = name, .a = c->near, .port_a = c->near_port, .b = node, .port_b = port};
    snprintf(name, sizeof name, "link%u", c->links);
    if (c->links == 0) {
        struct sim_dir_config dir = {.delay = DELAY};
        if (has(c, MATRIX_WITH_LOSS))
            dir.loss = (struct sim_loss_config){.kind = SIM_LOSS_BERNOULLI, .chance = {1, 100}};
        link.there = link.back = dir;
        link.capture = SIM_CAPTURE_A;
    }
    (void)scenario_link(c->run, c->sim, &link);
    c->links++;
}

static void box_chain(struct cell *c, struct middlebox *box)
{
    CHECK(NULL, box != NULL);
    link_to(c, middlebox_node(box), MIDDLEBOX_INSIDE);
    c->near = middlebox_node(box);
    c->near_port = MIDDLEBOX_OUTSIDE;
}

/* Boxes that edit options. */
static struct middlebox *make_editor(struct cell *c, enum matrix_box box)
{
    struct option_stripper_config stripper = {.segments = MIDDLEBOX_SYNS, .kind_count = 1};
    switch ((int)box) {
    case MATRIX_CLAMP:
        return middlebox_add_mss_clamp(c->sim, "clamp",
                                       &(struct mss_clamp_config){.mss4_max = MSS_CLAMPED,
                                                                  .mss6_max = MSS_CLAMPED});
    case MATRIX_STRIPPER:
        stripper.kinds[0] = TCP_OPT_SACK_PERMITTED;
        stripper.unknown = stripper.shorten = true;
        return middlebox_add_option_stripper(c->sim, "stripper", &stripper);
    case MATRIX_STAMPS:
        stripper.kinds[0] = TCP_OPT_TIMESTAMPS;
        return middlebox_add_option_stripper(c->sim, "stamps", &stripper);
    case MATRIX_ERASER:
        return middlebox_add_scale_eraser(c->sim, "eraser", &(struct scale_eraser_config){0});
    case MATRIX_THIEF:
        stripper.segments = MIDDLEBOX_NO_SYN;
        stripper.kinds[0] = TCP_OPT_TIMESTAMPS;
        return middlebox_add_option_stripper(c->sim, "thief", &stripper);
    default:
        return middlebox_add_seq_randomiser(
            c->sim, "randomiser", &(struct seq_randomiser_config){.secret = sim_seed(c->sim)});
    }
}

/* Boxes that let packets vanish. */
static struct middlebox *make_filter(struct cell *c, enum matrix_box box)
{
    struct path_mtu_config path = {.mtu_bytes = MTU_ROUTER,
                                   .router4 = build_addr("198.51.100.1"),
                                   .router6 = build_addr("2001:db8:ffff::1")};
    switch ((int)box) {
    case MATRIX_NO_DATA:
        return middlebox_add_segment_filter(c->sim, "no-data",
                                            &(struct segment_filter_config){
                                                .segments = MIDDLEBOX_SYNS, .payload_min = 1});
    case MATRIX_NO_RARE:
        return middlebox_add_segment_filter(
            c->sim, "no-rare",
            &(struct segment_filter_config){.segments = MIDDLEBOX_SYNS, .unknown = true});
    case MATRIX_ROUTER:
        return middlebox_add_path_mtu(c->sim, "router", &path);
    case MATRIX_HOLE:
        path.mtu_bytes = MTU_HOLE;
        path.silent = true;
        return middlebox_add_path_mtu(c->sim, "hole", &path);
    case MATRIX_RESETS:
        return middlebox_add_rst_injector(
            c->sim, "resets", &(struct rst_injector_config){.payload_min = 1, .nth = RESET_AT});
    default:
        return middlebox_add_segment_filter(c->sim, "break",
                                            &(struct segment_filter_config){.nth = BREAK_AT});
    }
}

static struct middlebox *make_box(struct cell *c, enum matrix_box box)
{
    const uint32_t editors = 1U << MATRIX_CLAMP | 1U << MATRIX_STRIPPER | 1U << MATRIX_STAMPS |
                             1U << MATRIX_ERASER | 1U << MATRIX_THIEF | 1U << MATRIX_NUMBERS;
    return (editors & 1U << box) != 0 ? make_editor(c, box) : make_filter(c, box);
}

static void make_hosts(struct cell *c)
{
    static const char *const names[] = {"client", "server"};
    for (unsigned i = 0; i < 2; i++) {
        struct weir_config config;
        weir_config_default(&config);
        config.seed = sim_seed(c->sim) * 2 + i;
        config.secret[0] = (uint8_t)(i + 1);
        config.tcp_endpoints_max = config.tcp_flights_max = config.tcp_time_wait_max = 8;
        config.tcp_syn_received_max = 4;
        config.ranges_max = 1024;
        config.packet_memory_kb = 4096;
        config.tcp_syn_cookies = matrix_level(c->id, MATRIX_WITH_COOKIES);
        config.tcp_fast_open_pending_max = config.tcp_fast_open_paths_max = 4;
        (void)tcp_world_host(&c->world,
                             &(struct tcp_world_host){.name = names[i], .config = &config});
    }
}

static void make_path(struct cell *c)
{
    c->near = tcp_world_node(&c->world, 0);
    for (unsigned i = 0; i < MATRIX_BOX_COUNT; i++)
        if (box_is_there(c, (enum matrix_box)i))
            box_chain(c, make_box(c, (enum matrix_box)i));
    link_to(c, tcp_world_node(&c->world, 1), 0);
}

static void set(struct tcp_app_setting *list, uint8_t *count, unsigned setting, uint32_t value)
{
    CHECK(NULL, *count < TCP_APP_SETTINGS_MAX);
    list[(*count)++] = (struct tcp_app_setting){(uint8_t)setting, value};
}

static void set_all(const struct cell *c, struct tcp_app_setting *list, uint8_t *count, bool client)
{
    unsigned fast = matrix_level(c->id, MATRIX_WITH_FAST_OPEN);
    set(list, count, WEIR_TCP_TIMESTAMPS, has(c, MATRIX_WITH_TIMESTAMPS));
    set(list, count, WEIR_TCP_WINDOW_SCALE, has(c, MATRIX_WITH_SCALE));
    set(list, count, WEIR_TCP_SACK, has(c, MATRIX_WITH_SACK));
    set(list, count, WEIR_TCP_FAST_OPEN, (fast & (client ? 1U : 2U)) != 0);
    set(list, count, WEIR_TCP_USER_TIMEOUT_OPTION, has(c, MATRIX_WITH_USER_TIMEOUT));
    set(list, count, WEIR_TCP_USER_TIMEOUT_MS, USER_TIMEOUT_MS);
    set(list, count, WEIR_TCP_PATH_PROBE, has(c, MATRIX_WITH_PATH_PROBE));
    set(list, count, WEIR_TCP_TUNE, has(c, MATRIX_WITH_TUNE));
    if (has(c, MATRIX_WITH_KEEPALIVE)) {
        set(list, count, WEIR_TCP_KEEPALIVE, 1);
        set(list, count, WEIR_TCP_KEEPALIVE_IDLE_S, 5);
        set(list, count, WEIR_TCP_KEEPALIVE_INTERVAL_S, 2);
        set(list, count, WEIR_TCP_KEEPALIVE_PROBES, 5);
    }
    if (!client)
        set(list, count, WEIR_TCP_ASK, has(c, MATRIX_WITH_ASK));
}

static void make_talks(struct cell *c)
{
    struct tcp_listen_config listen = {.host = 1,
                                       .port = PORT,
                                       .backlog = 4,
                                       .answers = {.admit = 100, .pause = 50 * WEIR_NS_PER_MS}};
    set_all(c, listen.setting, &listen.setting_count, false);
    tcp_apps_listen(c->world.apps, &listen);
    c->talk = tcp_world_talk(PORT, BYTES, BYTES);
    c->talk.address[1] = tcp_world_addr(1, has(c, MATRIX_WITH_IP6));
    c->talk.may_fail = true;
    set_all(c, c->talk.side[0].setting, &c->talk.side[0].setting_count, true);
    c->wanted = has(c, MATRIX_WITH_FAST_OPEN) ? TALKS_MAX : 1;
    (void)tcp_apps_talk(c->world.apps, &c->talk);
    c->talks = 1;
}

/* ---- what both ends know ---- */

static void compare_option(struct cell *c, const struct weir_tcp_info info[2], unsigned bit,
                           const char *name, bool wanted, bool sure)
{
    bool a = (info[0].options & bit) != 0, b = (info[1].options & bit) != 0;
    if (a != b)
        wrong(c, "%s: the client says %d, the server %d", name, a, b);
    else if (a && !wanted)
        wrong(c, "%s, though not both could have offered it", name);
    else if (!a && wanted && sure)
        wrong(c, "no %s, though both offered it and nothing was in the way", name);
}

static void compare_scale(struct cell *c, const struct weir_tcp_info info[2], bool sure)
{
    bool wanted = has(c, MATRIX_WITH_SCALE);
    if (wanted && box_is_there(c, MATRIX_ERASER)) {
        /* The ends cannot agree: the client has none, the server may believe in its own. */
        if ((info[0].options & WEIR_TCP_HAS_WINDOW_SCALE) != 0)
            wrong(c, "window scale, though the SYN,ACK had none");
        return;
    }
    compare_option(c, info, WEIR_TCP_HAS_WINDOW_SCALE, "window scale", wanted, sure);
    if (info[0].snd_scale != info[1].rcv_scale || info[0].rcv_scale != info[1].snd_scale)
        wrong(c, "scales of %u and %u at the client, %u and %u at the server", info[0].snd_scale,
              info[0].rcv_scale, info[1].snd_scale, info[1].rcv_scale);
}

/* Both ends are established: do they agree? */
static void compare(struct cell *c, unsigned talk, const struct weir_tcp_info info[2])
{
    bool cookie = (info[1].options & WEIR_TCP_HAS_COOKIE) != 0;
    bool fast = (info[0].options & WEIR_TCP_HAS_FAST_OPEN) != 0;
    bool stamps = has(c, MATRIX_WITH_TIMESTAMPS) && !box_is_there(c, MATRIX_STAMPS);
    bool stripped = box_is_there(c, MATRIX_STRIPPER), loss = has(c, MATRIX_WITH_LOSS);
    bool rare = !stripped && !box_is_there(c, MATRIX_NO_RARE);
    /* A cookie remembers the rest in the timestamps; without them it is not agreed on. */
    bool sure = !cookie || stamps;
    c->result.cookie |= cookie;
    c->result.fast |= fast;
    compare_option(c, info, WEIR_TCP_HAS_TIMESTAMPS, "timestamps", stamps, true);
    compare_option(c, info, WEIR_TCP_HAS_SACK, "SACK", has(c, MATRIX_WITH_SACK) && !stripped, sure);
    compare_scale(c, info, sure);
    bool opens_fast = matrix_level(c->id, MATRIX_WITH_FAST_OPEN) == 3 && talk > 0 && rare &&
                      !box_is_there(c, MATRIX_NO_DATA);
    /* A large SYN may be too large for the path, and a SYN,ACK get lost. */
    bool small = !box_is_there(c, MATRIX_ROUTER) && !box_is_there(c, MATRIX_HOLE);
    /* Who is asked keeps the data of a SYN until there is a verdict, which the client cannot tell. */
    if (!has(c, MATRIX_WITH_ASK) || (info[1].options & WEIR_TCP_HAS_FAST_OPEN) != 0)
        compare_option(c, info, WEIR_TCP_HAS_FAST_OPEN, "fast open", opens_fast,
                       small && !loss && (c->id & BOXES_DEADLY) == 0);
    if (matrix_level(c->id, MATRIX_WITH_COOKIES) == 0 && cookie)
        wrong(c, "a SYN cookie, though they are off");
    if (matrix_level(c->id, MATRIX_WITH_COOKIES) == 2 && !cookie && !fast &&
        !has(c, MATRIX_WITH_ASK))
        wrong(c, "no SYN cookie, though they are always used");
    if (has(c, MATRIX_WITH_USER_TIMEOUT) && rare && !loss &&
        (info[0].options & WEIR_TCP_HAS_USER_TIMEOUT) == 0 &&
        (info[1].options & WEIR_TCP_HAS_USER_TIMEOUT) == 0)
        wrong(c, "neither end knows the other's user timeout");
}

static void look(struct cell *c, unsigned talk)
{
    struct weir_tcp_info info[2];
    for (unsigned side = 0; side < 2; side++)
        if (!tcp_apps_end(c->world.apps, talk, side).connected ||
            weir_tcp_info(tcp_world_stack(&c->world, side),
                          tcp_apps_handle(c->world.apps, talk, side), &info[side]) != WEIR_OK ||
            info[side].state < WEIR_TCP_ESTABLISHED)
            return;
    c->compared[talk] = true;
    compare(c, talk, info);
}

static void on_event(struct tcp_world *world, void *ctx)
{
    struct cell *c = ctx;
    unsigned last = c->talks - 1;
    if (!c->compared[last])
        look(c, last);
    struct tcp_end_view a = tcp_apps_end(world->apps, last, 0);
    struct tcp_end_view b = tcp_apps_end(world->apps, last, 1);
    bool over = a.closed && a.let_go && (!b.opened || (b.closed && b.let_go));
    if (!over || c->talks == c->wanted)
        return;
    c->talk.start = sim_now(world->sim);
    (void)tcp_apps_talk(world->apps, &c->talk);
    c->talks++;
}

/* ---- the judgment ---- */

/* May a connection end so, in this cell? */
static bool is_defined(const struct cell *c, const struct tcp_end_view *end, unsigned talk)
{
    bool broken = box_is_there(c, MATRIX_BREAK) ||
                  (box_is_there(c, MATRIX_THIEF) && has(c, MATRIX_WITH_TIMESTAMPS) &&
                   !box_is_there(c, MATRIX_STAMPS));
    bool reset = box_is_there(c, MATRIX_RESETS) && talk == 0; /* one only */
    /* Without the search of RFC 4821 nobody finds a black hole, and what quotes a number that was
     * changed is believed by nobody (RFC 5927 4.1). */
    bool silent = box_is_there(c, MATRIX_HOLE) ||
                  (box_is_there(c, MATRIX_ROUTER) && box_is_there(c, MATRIX_NUMBERS));
    broken |= silent && !has(c, MATRIX_WITH_PATH_PROBE);
    switch (end->error) {
    case WEIR_E_TIMED_OUT: /* the reset of the other end may be lost, or be taken for a bad cookie */
        return broken || (reset && (has(c, MATRIX_WITH_LOSS) || has(c, MATRIX_WITH_COOKIES)));
    case WEIR_E_RESET:
        return reset || broken; /* one end gives up, and says so */
    default:
        return false;
    }
}

static void judge_end(struct cell *c, unsigned talk, unsigned side, weir_time begin)
{
    struct tcp_end_view end = tcp_apps_end(c->world.apps, talk, side);
    struct tcp_end_view peer = tcp_apps_end(c->world.apps, talk, 1 - side);
    static const char *const names[] = {"client", "server"};
    if (!end.opened) {
        if (peer.error == WEIR_OK)
            wrong(c, "connection %u: never accepted", talk + 1);
        return;
    }
    bool worked = end.error == WEIR_OK && end.written == BYTES && end.read == BYTES &&
                  end.read_end && !end.aborted;
    if (worked && peer.error == WEIR_OK)
        return;
    /* The first of the two may have all, and the other lose the rest of the good-bye. */
    if (!worked && end.error == WEIR_OK && end.aborted && peer.error != WEIR_OK) {
        /* Nothing outstanding, and nobody answers: without keepalive it may wait for ever. */
        if (has(c, MATRIX_WITH_KEEPALIVE) || peer.read < end.written)
            wrong(c, "connection %u: the %s waits for ever", talk + 1, names[side]);
    } else if (!worked && !is_defined(c, &end, talk)) {
        wrong(c, "connection %u: the %s ends with '%s', wrote %llu, read %llu", talk + 1,
              names[side], weir_strerror(end.error), (unsigned long long)end.written,
              (unsigned long long)end.read);
    } else if (!worked && end.closed_at - begin > LASTS_MAX) {
        wrong(c, "connection %u: the %s took %lld s to end", talk + 1, names[side],
              (long long)((end.closed_at - begin) / WEIR_NS_PER_S));
    }
    c->result.reset |= end.error == WEIR_E_RESET;
    c->result.timed_out |= end.error == WEIR_E_TIMED_OUT;
    if (c->result.outcome == MATRIX_WORKED)
        c->result.outcome = MATRIX_ENDED;
}

static void judge(struct cell *c)
{
    const struct verdict *v = &c->world.verdict;
    weir_time begin = 0;
    if (v->failed) {
        wrong(c, "%s at %lld.%09lld: %.150s", v->id, (long long)(v->time / WEIR_NS_PER_S),
              (long long)(v->time % WEIR_NS_PER_S), v->text);
        return;
    }
    for (unsigned talk = 0; talk < c->talks; talk++) {
        for (unsigned side = 0; side < 2; side++)
            judge_end(c, talk, side, begin);
        begin = tcp_apps_end(c->world.apps, talk, 0).closed_at;
    }
    if (c->talks < c->wanted)
        wrong(c, "the second connection did not begin");
    if (box_is_there(c, MATRIX_BREAK) && c->result.outcome == MATRIX_WORKED)
        wrong(c, "works, though the path is broken");
    if (c->result.outcome == MATRIX_ENDED)
        snprintf(c->result.text, sizeof c->result.text, "%s%s%s", c->result.reset ? "reset" : "",
                 c->result.reset && c->result.timed_out ? ", " : "",
                 c->result.timed_out ? "timed out" : "");
}

struct matrix_result matrix_play(uint32_t cell, struct scenario_run *run)
{
    struct cell c = {.id = cell, .run = run, .sim = scenario_begin(run)};
    CHECK(NULL, matrix_is_cell(cell));
    tcp_world_begin(&c.world, c.sim);
    c.world.check_every = CHECK_EVERY;
    c.world.on_event = on_event;
    c.world.on_event_ctx = &c;
    make_hosts(&c);
    make_path(&c);
    make_talks(&c);
    if (tcp_world_go(&c.world, run, EVENTS_MAX))
        (void)tcp_world_close(&c.world, EVENTS_MAX);
    if (!run->cut)
        judge(&c);
    struct sim_stats stats = sim_stats(c.sim);
    run->trace_hash = (run->trace_hash ^ sim_trace_hash(c.sim)) * UINT64_C(0x100000001b3);
    run->ended += sim_now(c.sim);
    run->stats.events += stats.events;
    run->stats.packets += stats.packets;
    run->stats.bytes += stats.bytes;
    run->error = sim_error(c.sim);
    tcp_world_end(&c.world);
    return c.result;
}
