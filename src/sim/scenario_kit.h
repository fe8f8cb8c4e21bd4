/* SPDX-License-Identifier: MIT
 * What scenarios are written with. Every part is there when it is asked for, or the program ends: a
 * scenario builds only what can be built. */
#ifndef WEIR_SIM_SCENARIO_KIT_H
#define WEIR_SIM_SCENARIO_KIT_H

#include "base/check.h"
#include "sim/actor.h"
#include "sim/build.h"
#include "sim/link.h"
#include "sim/scenario.h"

/* The simulation of a run: begin, let it go, end. */
struct sim *scenario_begin(const struct scenario_run *run);

/* Run until nothing is left to happen. True: it came to its end. */
bool scenario_go(struct scenario_run *run, struct sim *sim);

/* Check the invariants, take the results and destroy the simulation. */
void scenario_end(struct scenario_run *run, struct sim *sim);

/* A link, recorded in the capture at the ends asked for. */
struct scenario_link {
    const char *name;
    struct sim_node *a, *b;
    unsigned port_a, port_b;
    uint8_t type;                      /* enum weir_link; 0: WEIR_LINK_IP */
    struct sim_dir_config there, back; /* from a to b, from b to a */
    unsigned capture;                  /* enum sim_capture_ends; 0: none */
};

struct sim_link *scenario_link(struct scenario_run *run, struct sim *sim,
                               const struct scenario_link *link);

/* The report. Texts are as for printf(). */
void scenario_section(struct scenario_run *run, const char *text);
void scenario_figure(struct scenario_run *run, const char *name, int64_t value, const char *unit);
__attribute__((format(printf, 2, 3))) void scenario_note(struct scenario_run *run,
                                                         const char *format, ...);

/* An expectation. Not looked at when the run was cut. */
__attribute__((format(printf, 3, 4))) void scenario_check(struct scenario_run *run, bool ok,
                                                          const char *format, ...);

/* What a direction did, as a section, with the check that no packet is unaccounted for. */
void scenario_report_dir(struct scenario_run *run, const struct sim_link *link, enum sim_dir dir);

/* A packet as a note: "SUBJECT saw IP 10.0.0.1 > ...". */
void scenario_note_packet(struct scenario_run *run, const char *subject,
                          const struct sim_parsed *packet);

extern const struct scenario scenario_ping, scenario_lossy, scenario_queue, scenario_middleboxes,
    scenario_blackhole, scenario_hosts, scenario_bulk, scenario_swarm, scenario_matrix,
    scenario_long_path, scenario_syn_flood, scenario_cookie_forgery, scenario_stuck_peers,
    scenario_fast_open_flood, scenario_ptb_storm, scenario_narrow_path;

#endif
