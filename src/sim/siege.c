/* SPDX-License-Identifier: MIT */
#include "sim/siege.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/stack.h"
#include "sim/hub.h"
#include "weir/net.h"

enum {
    PORT_WORLD = SIEGE_HOSTS, /* of the hub */
    REQUEST = 100,            /* bytes of an honest client, and of its answer, at most */
    RESPONSE = 400,
    ECHO_BYTES = 2048,
    GOODPUT_PERCENT_MIN = 90, /* G-5 */
    HONEST_PERMILLE_MIN = 999
};

#define RATE_LINE     UINT64_C(100000000)
#define RATE_TRUNK    UINT64_C(1000000000)
#define DELAY         (5 * WEIR_NS_PER_MS)
#define SAMPLE_EVERY  (10 * WEIR_NS_PER_MS)
#define LATE_MAX      (500 * WEIR_NS_PER_MS) /* nobody has to send a SYN twice */
#define STREAM_BYTES  (UINT64_C(1) << 40) /* without end */
#define STREAM_AFTER  (10 * WEIR_NS_PER_MS)
#define EVENTS_AT_ONCE 4096
#define EVENTS_MAX    UINT64_C(30000000)

struct weir_addr siege_addr(unsigned host)
{
    char text[WEIR_ADDR_TEXT_MAX];
    snprintf(text, sizeof text, "10.0.0.%u", host + 1);
    return build_addr(text);
}

struct weir_addr siege_number(uint32_t number)
{
    char text[WEIR_ADDR_TEXT_MAX];
    snprintf(text, sizeof text, "10.%u.%u.%u", 1 + number / 62500 % 250, number / 250 % 250,
             1 + number % 250);
    return build_addr(text);
}

struct weir_addr siege_stranger(struct siege *siege)
{
    return siege_number(rng_u32(&siege->rng));
}

weir_stack *siege_stack(const struct siege *siege, unsigned host)
{
    return stack_node_stack(siege->node[host]);
}

uint32_t siege_segment(const struct siege_segment *s, uint8_t *out, uint32_t size)
{
    struct build_tcp b = {.ip = {.source = s->source, .destination = siege_addr(SIEGE_VICTIM)},
                          .source_port = s->source_port,
                          .destination_port = s->port,
                          .seq = {s->seq},
                          .ack = {s->ack},
                          .flags = s->flags,
                          .window = s->window,
                          .options = s->options,
                          .payload = s->payload};
    return build_tcp(out, size, &b);
}

/* ---- the echo service ---- */

static void echo_wake(struct siege *s)
{
    sim_node_wake(stack_node_node(s->node[SIEGE_VICTIM]));
}

static void echo_accept(struct siege *s)
{
    weir_stack *stack = siege_stack(s, SIEGE_VICTIM);
    weir_handle handle;
    while (s->held_count < UINT32_C(1) << 20 &&
           weir_tcp_accept(stack, s->echo, TCP_APP_USER_OTHER + 1 + s->held_count, &handle) ==
               WEIR_OK) {
        if ((s->held_count & (s->held_count + 1)) == 0) {
            size_t room = 2 * ((size_t)s->held_count + 1);
            s->held = realloc(s->held, room * sizeof *s->held);
            CHECK(NULL, s->held != NULL);
        }
        s->held[s->held_count++] = handle;
    }
}

/* Send back what can be read, as long as there is room for it. */
static void echo_step(struct siege *s, weir_handle handle)
{
    weir_stack *stack = siege_stack(s, SIEGE_VICTIM);
    uint8_t data[ECHO_BYTES];
    int n;
    while ((n = weir_tcp_receive(stack, handle, data, sizeof data, WEIR_TCP_PEEK)) > 0) {
        int sent = weir_tcp_send(stack, handle, data, (size_t)n, 0);
        if (sent <= 0)
            return;
        (void)weir_tcp_receive(stack, handle, data, (size_t)sent, 0);
    }
    if (n == 0)
        (void)weir_tcp_close(stack, handle);
}

static void echo_event(void *ctx, unsigned host, const struct weir_event *event)
{
    struct siege *s = ctx;
    uint64_t place = event->user - TCP_APP_USER_OTHER;
    CHECK(NULL, host == SIEGE_VICTIM);
    if (place == 0) {
        echo_accept(s);
    } else if ((event->bits & WEIR_EVENT_CLOSED) != 0) {
        s->pressed += event->error == WEIR_E_PRESSURE;
        (void)weir_tcp_close(siege_stack(s, SIEGE_VICTIM), event->handle);
    } else {
        echo_step(s, event->handle);
    }
    echo_wake(s);
}

static void echo_open(struct siege *s)
{
    weir_stack *stack = siege_stack(s, SIEGE_VICTIM);
    struct weir_tcp_config open = {
        .size = sizeof open, .port = SIEGE_PORT_ECHO, .user = TCP_APP_USER_OTHER};
    CHECK(NULL, weir_tcp_open(stack, &open, &s->echo) == WEIR_OK);
    CHECK(NULL, weir_tcp_set(stack, s->echo, WEIR_TCP_FAST_OPEN, s->plan->fast) == WEIR_OK);
    CHECK(NULL, weir_tcp_listen(stack, s->echo, 1024) == WEIR_OK);
    tcp_apps_others(s->apps, echo_event, s);
}

/* The attack is over: the service lets go of all that it has. */
static void echo_close(struct siege *s)
{
    weir_stack *stack = siege_stack(s, SIEGE_VICTIM);
    for (unsigned i = 0; i < s->held_count; i++)
        (void)weir_tcp_abort(stack, s->held[i]);
    (void)weir_tcp_close(stack, s->echo);
    echo_wake(s);
}

/* ---- the hosts ---- */

static void add_host(struct siege *s, unsigned host)
{
    static const char *const names[] = {"victim", "bystander", "honest"};
    struct weir_config config;
    struct weir_iface_config iface = {.size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = 1500};
    struct weir_addr own = siege_addr(host);
    weir_config_default(&config);
    config.seed = sim_seed(s->sim) * SIEGE_HOSTS + host + 1;
    rng_bytes(&s->rng, config.secret, sizeof config.secret);
    config.tcp_endpoints_max = SIEGE_HONEST_MAX + 200;
    config.packet_memory_kb = 16384;
    if (host == SIEGE_VICTIM && s->plan->limits != NULL)
        s->plan->limits(&config);
    s->node[host] = stack_node_add(
        s->sim, names[host],
        &(struct stack_node_config){.stack = &config, .iface = &iface, .iface_count = 1});
    CHECK(NULL, s->node[host] != NULL);
    CHECK(NULL, weir_stack_add_address(siege_stack(s, host), 0, &own, 8) == WEIR_OK);
    CHECK(NULL, tcp_apps_host(s->apps, s->node[host]) == host);
    tcp_check_add(s->check, siege_stack(s, host), true);
}

static void add_links(struct siege *s)
{
    struct hub *hub = hub_add(s->sim, "hub", PORT_WORLD);
    static const char *const names[] = {"trunk", "bystander-line", "honest-line", "attack-line"};
    CHECK(NULL, hub != NULL);
    for (unsigned i = 0; i <= SIEGE_HOSTS; i++) {
        struct sim_dir_config dir = {.rate_bps = RATE_LINE, .delay = DELAY};
        struct scenario_link link = {.name = names[i], .b = hub_node(hub), .port_b = i};
        link.a = i == PORT_WORLD ? actor_node(s->attacker) : stack_node_node(s->node[i]);
        if (i == SIEGE_VICTIM) {
            dir = (struct sim_dir_config){.rate_bps = RATE_TRUNK, .delay = 50 * WEIR_NS_PER_US};
            link.capture = SIM_CAPTURE_A;
        }
        if (i < SIEGE_HOSTS) {
            struct weir_addr address = siege_addr(i);
            hub_address(hub, i, &address);
        }
        link.there = link.back = dir;
        (void)scenario_link(s->run, s->sim, &link);
    }
}

static void add_talks(struct siege *s)
{
    struct tcp_talk_config stream = {.host = {SIEGE_BYSTANDER, SIEGE_VICTIM},
                                     .port = {0, SIEGE_PORT_STREAM},
                                     .start = STREAM_AFTER,
                                     .side = {{.bytes = STREAM_BYTES}, {.bytes = STREAM_BYTES}}};
    stream.address[1] = siege_addr(SIEGE_VICTIM);
    stream.side[0].finish = TCP_FINISH_ABORT;
    stream.side[0].abort_after = STREAM_BYTES;
    stream.side[0].abort_at = SIEGE_BEGIN + s->plan->lasts - STREAM_AFTER;
    s->stream = tcp_apps_talk(s->apps, &stream);
    for (unsigned i = 0; i < s->plan->honest; i++) {
        struct tcp_talk_config talk = {.host = {SIEGE_HONEST, SIEGE_VICTIM},
                                       .port = {0, SIEGE_PORT},
                                       .may_fail = true,
                                       .kind = TCP_TALK_ROUNDS,
                                       .rounds = 1,
                                       .request_max = REQUEST,
                                       .response_max = RESPONSE};
        talk.address[1] = siege_addr(SIEGE_VICTIM);
        talk.side[0].setting[0] = (struct tcp_app_setting){WEIR_TCP_FAST_OPEN, s->plan->fast};
        talk.side[0].setting_count = 1;
        talk.start = SIEGE_BEGIN + s->plan->lasts * (weir_time)i / (weir_time)s->plan->honest;
        unsigned number = tcp_apps_talk(s->apps, &talk);
        if (i == 0)
            s->first = number;
    }
    static const uint16_t ports[] = {SIEGE_PORT, SIEGE_PORT_STREAM};
    for (unsigned i = 0; i < 2; i++) {
        struct tcp_listen_config listen = {.host = SIEGE_VICTIM, .port = ports[i], .backlog = 1024};
        listen.setting[0] = (struct tcp_app_setting){WEIR_TCP_FAST_OPEN, s->plan->fast};
        listen.setting_count = 1;
        tcp_apps_listen(s->apps, &listen);
    }
    if (s->plan->echo)
        echo_open(s);
}

/* ---- the attack ---- */

static uint32_t attack_make(void *ctx, uint64_t number, weir_time now, uint8_t *out, uint32_t size)
{
    struct siege *s = ctx;
    (void)now;
    return s->plan->make(s, number, out, size);
}

static void attack_heard(void *ctx, struct actor *actor, const struct actor_packet *packet)
{
    struct siege *s = ctx;
    (void)actor;
    const struct sim_parsed *p = packet->parsed;
    s->heard++;
    if (p->protocol != IP_PROTOCOL_TCP || p->transport_len == 0)
        return;
    if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
        tcp_options_parse(&s->learned, p->bytes + p->transport_offset + TCP_HEADER_BYTES,
                          p->payload_offset - p->transport_offset - TCP_HEADER_BYTES);
        s->number = p->seq.v;
        struct weir_ref cookie = s->learned.fast_open;
        if ((s->learned.present & TCP_HAS_FAST_OPEN) != 0 && cookie.len > 0 &&
            cookie.len <= sizeof s->cookie) {
            memcpy(s->cookie, cookie.data, cookie.len);
            s->cookie_len = (uint32_t)cookie.len;
        }
    }
    if (s->plan->heard != NULL)
        s->plan->heard(s, p);
}

static void add_attack(struct siege *s)
{
    struct actor_stream stream = {.start = SIEGE_BEGIN,
                                  .interval = s->plan->interval,
                                  .count = (uint64_t)(s->plan->lasts / s->plan->interval),
                                  .make = attack_make,
                                  .ctx = s};
    if (!s->attacked)
        return;
    CHECK(NULL, actor_stream(s->attacker, &stream) == WEIR_OK &&
                    actor_listen(s->attacker, attack_heard, s) == WEIR_OK);
}

/* ---- looking ---- */

static uint64_t streamed(const struct siege *s)
{
    return tcp_apps_end(s->apps, s->stream, 0).read + tcp_apps_end(s->apps, s->stream, 1).read;
}

static void look(struct siege *s)
{
    const weir_stack *victim = siege_stack(s, SIEGE_VICTIM);
    struct weir_tcp_info info;
    uint64_t pending = victim->tcp.syns.in_use_max, memory = victim->blocks.bytes_in_use;
    s->pending_max = pending > s->pending_max ? pending : s->pending_max;
    s->memory_max = memory > s->memory_max ? memory : s->memory_max;
    if (weir_tcp_info(victim, tcp_apps_handle(s->apps, s->stream, 1), &info) == WEIR_OK &&
        info.path_mtu_bytes < s->path_mtu_min)
        s->path_mtu_min = info.path_mtu_bytes;
    if (!tcp_invariants(&victim->tcp))
        verdict_fail(&s->verdict, sim_now(s->sim), "tcp", "the victim's own recount fails");
}

static void sample(struct sim *sim, void *ctx)
{
    struct siege *s = ctx;
    weir_time end = SIEGE_BEGIN + s->plan->lasts;
    look(s);
    if (sim_now(sim) == SIEGE_BEGIN)
        s->streamed[0] = streamed(s);
    /* The stream is aborted at the end: look just before. */
    if (sim_now(sim) < end - 1)
        (void)sim_at(sim, sim_now(sim) + SAMPLE_EVERY < end ? sim_now(sim) + SAMPLE_EVERY : end - 1,
                     sample, s);
    else {
        s->streamed[1] = streamed(s);
        weir_tcp_stats(siege_stack(s, SIEGE_VICTIM), &s->victim);
    }
}

static void over(struct sim *sim, void *ctx)
{
    struct siege *s = ctx;
    (void)sim;
    if (s->plan->echo)
        echo_close(s);
}

static void on_event(struct sim *sim, void *ctx)
{
    struct siege *s = ctx;
    (void)sim;
    tcp_apps_serve(s->apps);
}

/* ---- a history ---- */

static void begin(struct siege *s, const struct siege_plan *plan, struct scenario_run *run,
                  bool attacked)
{
    *s = (struct siege){.plan = plan, .run = run, .attacked = attacked, .sim = scenario_begin(run)};
    s->path_mtu_min = UINT32_MAX;
    s->verdict.sim = s->sim;
    s->rng = sim_rng(s->sim, "attacker");
    s->apps = tcp_apps_new(s->sim, &s->verdict);
    s->check = tcp_check_new(&s->verdict, s->apps, NULL);
    s->attacker = actor_add(s->sim, "attacker", &(struct actor_config){.queue_packets_max = 65536});
    CHECK(NULL, s->attacker != NULL);
    for (unsigned host = 0; host < SIEGE_HOSTS; host++)
        add_host(s, host);
    add_links(s);
    add_talks(s);
    add_attack(s);
    (void)sim_at(s->sim, SIEGE_BEGIN, sample, s);
    (void)sim_at(s->sim, SIEGE_BEGIN + plan->lasts, over, s);
    sim_on_event(s->sim, on_event, s);
}

static void go(struct siege *s)
{
    struct scenario_run *run = s->run;
    enum sim_stop stop = SIM_STOP_EVENTS;
    for (uint64_t events = 0; stop == SIM_STOP_EVENTS && !s->verdict.failed && !run->stopped;
         events += EVENTS_AT_ONCE) {
        stop = run->until > 0 ? sim_run_until(s->sim, run->until, EVENTS_AT_ONCE)
                              : sim_run_until_idle(s->sim, EVENTS_AT_ONCE);
        if (events > EVENTS_MAX)
            verdict_fail(&s->verdict, sim_now(s->sim), "I-61", "there is no end of events");
        run->stopped = run->stop != NULL && run->stop(run->ctx);
    }
    run->cut = stop != SIM_STOP_IDLE && !s->verdict.failed;
}

static void finish(struct siege *s)
{
    tcp_apps_listen_end(s->apps);
    while (!s->verdict.failed && sim_run_until_idle(s->sim, EVENTS_AT_ONCE) == SIM_STOP_EVENTS)
        ;
    tcp_check_now(s->check, sim_now(s->sim), true);
    tcp_check_idle(s->check, sim_now(s->sim));
    for (unsigned i = 0; i < s->plan->honest; i++) {
        struct tcp_end_view a = tcp_apps_end(s->apps, s->first + i, 0);
        s->served += a.error == WEIR_OK && a.read_end && a.closed;
        s->last_served = a.closed_at > s->last_served ? a.closed_at : s->last_served;
    }
}

static void end(struct siege *s)
{
    free(s->held);
    sim_destroy(s->sim);
    tcp_check_free(s->check);
    tcp_apps_free(s->apps);
}

static void report(struct siege *s, const struct siege *calm)
{
    struct scenario_run *run = s->run;
    uint64_t goodput = s->streamed[1] - s->streamed[0];
    uint64_t usual = calm->streamed[1] - calm->streamed[0];
    const struct verdict *v = &s->verdict;
    scenario_section(run, s->plan->name);
    scenario_figure(run, "sent by the attacker", (int64_t)actor_stats(s->attacker).sent, "packets");
    scenario_figure(run, "that came back to it", (int64_t)s->heard, "packets");
    scenario_figure(run, "bystander, bytes", (int64_t)goodput, "bytes");
    scenario_figure(run, "bystander without attack", (int64_t)usual, "bytes");
    scenario_figure(run, "honest clients", s->plan->honest, "");
    scenario_figure(run, "honest clients served", s->served, "");
    scenario_figure(run, "the last of them, after the attack",
                    s->last_served - SIEGE_BEGIN - s->plan->lasts, "ns");
    scenario_figure(run, "SYN-RECEIVED at most", (int64_t)s->pending_max, "");
    scenario_figure(run, "packet memory at most", (int64_t)s->memory_max, "bytes");
    scenario_figure(run, "victim's retransmissions", (int64_t)s->victim.segments_retransmitted,
                    "packets");
    scenario_figure(run, "victim's fast recoveries", (int64_t)s->victim.fast_retransmits, "");
    scenario_figure(run, "victim's timeouts", (int64_t)s->victim.timeouts, "");
    if (s->plan->judge != NULL)
        s->plan->judge(s);
    scenario_check(run, usual > 0 && goodput * 100 >= usual * GOODPUT_PERCENT_MIN,
                   "G-5: the bystander keeps %d %% of its goodput", GOODPUT_PERCENT_MIN);
    scenario_check(run, s->served * 1000U >= s->plan->honest * HONEST_PERMILLE_MIN,
                   "%u of %u honest connections succeed", s->served, s->plan->honest);
    scenario_check(run, s->last_served < SIEGE_BEGIN + s->plan->lasts + LATE_MAX,
                   "the last of them has got its answer within half a second");
    if (v->failed)
        scenario_check(run, false, "%s at %lld.%09lld: %s", v->id,
                       (long long)(v->time / WEIR_NS_PER_S), (long long)(v->time % WEIR_NS_PER_S),
                       v->text);
    else
        scenario_check(run, !calm->verdict.failed,
                       "G-7: invariants hold, and at the end all is as it was before");
}

void siege_run(const struct siege_plan *plan, struct scenario_run *run)
{
    struct siege attack, calm;
    struct capture_writer *capture = run->capture;
    begin(&attack, plan, run, true);
    go(&attack);
    if (!run->cut) {
        finish(&attack);
        run->capture = NULL;
        begin(&calm, plan, run, false);
        go(&calm);
        run->capture = capture;
        if (!run->cut) {
            finish(&calm);
            report(&attack, &calm);
        }
        end(&calm);
    }
    run->error = sim_error(attack.sim);
    run->ended = sim_now(attack.sim);
    run->trace_hash = sim_trace_hash(attack.sim);
    run->stats = sim_stats(attack.sim);
    end(&attack);
}
