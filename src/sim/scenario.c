/* SPDX-License-Identifier: MIT */
#include "sim/scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/scenario_kit.h"
#include "wire/print.h"

enum { EVENTS_BETWEEN_STOPS = 4096, LINE_MAX_BYTES = 512 };

#define EVENTS_MAX UINT64_C(100000000) /* more is a scenario that does not end */

const struct scenario *scenario_at(unsigned index)
{
    static const struct scenario *const all[] = {
        &scenario_ping,        &scenario_lossy,     &scenario_queue,
        &scenario_middleboxes, &scenario_blackhole, &scenario_hosts,
        &scenario_bulk,        &scenario_swarm,     &scenario_matrix,
        &scenario_long_path,   &scenario_syn_flood, &scenario_cookie_forgery,
        &scenario_stuck_peers, &scenario_fast_open_flood, &scenario_ptb_storm,
        &scenario_narrow_path,
    };
    return index < sizeof all / sizeof all[0] ? all[index] : NULL;
}

const struct scenario *scenario_find(const char *name)
{
    const struct scenario *s;
    for (unsigned i = 0; (s = scenario_at(i)) != NULL; i++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

int scenario_play(const struct scenario *scenario, struct scenario_run *run)
{
    run->checks = run->failed = 0;
    run->cut = run->stopped = false;
    run->error = 0;
    scenario->run(run);
    return run->error;
}

/* ---- for scenarios ---- */

struct sim *scenario_begin(const struct scenario_run *run)
{
    struct sim *sim =
        sim_create(&(struct sim_config){.seed = run->seed, .recorders = run->recorders});
    CHECK(NULL, sim != NULL);
    return sim;
}

bool scenario_go(struct scenario_run *run, struct sim *sim)
{
    weir_time until = run->until > 0 ? run->until : WEIR_TIME_NEVER - 1;
    enum sim_stop stop = SIM_STOP_EVENTS;
    uint64_t events = 0;
    while (stop == SIM_STOP_EVENTS && !run->stopped) {
        /* With no time set the clock is to stay at the last event. */
        stop = run->until > 0 ? sim_run_until(sim, until, EVENTS_BETWEEN_STOPS)
                              : sim_run_until_idle(sim, EVENTS_BETWEEN_STOPS);
        events += EVENTS_BETWEEN_STOPS;
        CHECK(NULL, events < EVENTS_MAX);
        run->stopped = run->stop != NULL && run->stop(run->ctx);
    }
    run->cut = stop != SIM_STOP_IDLE;
    return !run->cut;
}

void scenario_end(struct scenario_run *run, struct sim *sim)
{
    char text[LINE_MAX_BYTES] = "";
    bool sound = sim_invariants(sim, text, sizeof text);
    run->error = sim_error(sim);
    run->ended = sim_now(sim);
    run->trace_hash = sim_trace_hash(sim);
    run->stats = sim_stats(sim);
    scenario_section(run, "simulation");
    scenario_figure(run, "virtual time", run->ended, "ns");
    scenario_figure(run, "events", (int64_t)run->stats.events, "");
    scenario_figure(run, "packets delivered", (int64_t)run->stats.packets, "packets");
    scenario_check(run, sound && run->error == 0, "the simulator's invariants hold%s%s",
                   sound ? "" : ": ", text);
    sim_destroy(sim);
}

struct sim_link *scenario_link(struct scenario_run *run, struct sim *sim,
                               const struct scenario_link *link)
{
    struct sim_link_config config = {.type = link->type, .dir = {link->there, link->back}};
    struct sim_link *made =
        sim_link_add(sim, link->name, link->a, link->port_a, link->b, link->port_b, &config);
    CHECK(NULL, made != NULL);
    if (run->capture != NULL && link->capture != 0)
        /* An error stays in the writer, for whoever flushes it. */
        (void)sim_link_capture(made, run->capture, link->capture);
    return made;
}

/* ---- the report ---- */

static void report(struct scenario_run *run, const struct scenario_item *item)
{
    if (run->report != NULL)
        run->report(run->ctx, item);
}

void scenario_section(struct scenario_run *run, const char *text)
{
    report(run, &(struct scenario_item){.kind = SCENARIO_SECTION, .text = text});
}

void scenario_figure(struct scenario_run *run, const char *name, int64_t value, const char *unit)
{
    report(run, &(struct scenario_item){
                    .kind = SCENARIO_FIGURE, .text = name, .value = value, .unit = unit});
}

void scenario_note(struct scenario_run *run, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    report(run, &(struct scenario_item){.kind = SCENARIO_NOTE, .text = text});
}

void scenario_check(struct scenario_run *run, bool ok, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;
    if (run->cut)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    run->checks++;
    run->failed += !ok;
    report(run, &(struct scenario_item){.kind = SCENARIO_CHECK, .text = text, .ok = ok});
}

void scenario_report_dir(struct scenario_run *run, const struct sim_link *link, enum sim_dir dir)
{
    char text[LINE_MAX_BYTES];
    struct sim_dir_stats s = sim_link_stats(link, dir);
    uint64_t lost = 0;
    snprintf(text, sizeof text, "link %s, %s", sim_link_name(link),
             dir == SIM_A_TO_B ? "there" : "back");
    scenario_section(run, text);
    scenario_figure(run, "sent", (int64_t)s.sent, "packets");
    scenario_figure(run, "delivered", (int64_t)s.delivered, "packets");
    for (unsigned i = 0; i < SIM_LOST_COUNT; i++) {
        lost += s.lost[i];
        if (s.lost[i] == 0)
            continue;
        snprintf(text, sizeof text, "lost: %s", sim_lost_text((enum sim_lost)i));
        scenario_figure(run, text, (int64_t)s.lost[i], "packets");
    }
    const struct {
        const char *name;
        uint64_t value;
    } others[] = {{"duplicated", s.duplicated},
                  {"corrupted", s.corrupted},
                  {"overtaken", s.reordered},
                  {"marked", s.marked}};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].value != 0)
            scenario_figure(run, others[i].name, (int64_t)others[i].value, "packets");
    scenario_check(
        run, s.sent + s.duplicated == s.delivered + lost + s.in_flight,
        "sent + duplicated = delivered + lost + in flight: %llu + %llu = %llu + %llu + %llu",
        (unsigned long long)s.sent, (unsigned long long)s.duplicated,
        (unsigned long long)s.delivered, (unsigned long long)lost, (unsigned long long)s.in_flight);
}

void scenario_note_packet(struct scenario_run *run, const char *subject,
                          const struct sim_parsed *packet)
{
    char buf[LINE_MAX_BYTES];
    struct text text = text_begin(buf, sizeof buf);
    struct print_options options = {0};
    print_packet(&text, &options, packet->bytes, packet->len, packet->len, WEIR_LINK_IP);
    scenario_note(run, "%s saw %s", subject, buf);
}
