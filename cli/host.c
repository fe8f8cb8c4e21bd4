/* SPDX-License-Identifier: MIT
 * `weir host`: a stack on a device that answers ping and the small UDP services. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "driver/clock.h"
#include "driver/entropy.h"
#include "namespace.h"
#include "services.h"
#include "station.h"

enum { KEY_SERVICES = 256, KEY_SECONDS };

struct arguments {
    struct device_args device;
    unsigned services; /* as bits */
    weir_time seconds; /* 0: no end */
    char **command;    /* NULL: none */
};

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    const char *unknown;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->device;
        return 0;
    case KEY_SERVICES:
        if (!services_parse(arg, &a->services, &unknown))
            cli_usage("no service '%.*s': echo, discard, daytime, time, chargen, or none",
                      (int)strcspn(unknown, ","), unknown);
        return 0;
    case KEY_SECONDS:
        a->seconds = cli_span(arg, "time");
        return 0;
    case ARGP_KEY_ARG:
        a->command = &state->argv[state->next - 1];
        state->next = state->argc; /* the rest is the command's */
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse(int argc, char **argv, struct arguments *a)
{
    static const struct argp_option options[] = {
        {"services", KEY_SERVICES, "LIST", 0,
         "UDP services: echo,discard,daytime,time,chargen (all), or none", 0},
        {"seconds", KEY_SECONDS, "TIME", 0, "End after this time (10, 1.5s, 500ms)", 0},
        {0}};
    static const struct argp_child children[] = {{&device_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_argument,
        .args_doc = "[-- COMMAND [ARG...]]",
        .doc =
            "Bring up a stack on a device. It answers ping and the small UDP services until it is "
            "interrupted, or as long as COMMAND runs."
            "\vFor example, without any rights:\n"
            "  weir host -N -a 10.9.0.2/24 --host-address 10.9.0.1/24 -- ping -c 3 10.9.0.2\n\n"
            "Exit status: that of COMMAND; without one 0 after an interrupt or --seconds, 1 when "
            "something failed; 2 for wrong usage, 127 when COMMAND cannot be run.",
        .children = children};
    cli_parse(&argp, argc, argv, a->device.name, a);
    /* Whoever has no rights and wants a command run in the end gets by without them. */
    if (a->command != NULL && a->device.kind != DEVICE_PACKET && !namespace_has_rights())
        a->device.own_namespace = true;
}

static weir_time serve(void *ctx, weir_time now)
{
    (void)now;
    return services_serve(ctx) ? 0 : WEIR_TIME_NEVER;
}

/* From the moment that the device is there. */
static bool run(struct station *station, const struct arguments *a, struct services *services)
{
    uint64_t seed;
    if (entropy_bytes(&seed, sizeof seed) != WEIR_OK) {
        cli_error("no random bytes from the system: %m");
        return false;
    }
    if (!services_open(services, station->stack, a->services, seed))
        return false;
    if (!station_ready(station, true))
        return station->ended;
    station_serve(station, serve, services);
    if (a->command != NULL && !station_command(station, a->command))
        return false;
    weir_time end = a->seconds != 0 ? clock_monotonic() + a->seconds : WEIR_TIME_NEVER;
    return station_run(station, end);
}

int cli_host(int argc, char **argv)
{
    struct arguments arguments = {.device.name = "weir host", .services = (1U << SERVICES_MAX) - 1};
    struct services services = {0};
    struct station station;
    parse(argc, argv, &arguments);
    if (!station_open(&station, &arguments.device))
        return CLI_FAILED;
    bool good = run(&station, &arguments, &services);
    FILE *out = station.out;
    good &= station_close(&station);
    if (arguments.device.stats)
        services_print(&services, out);
    return station.code != CLI_OK || good ? station.code : CLI_FAILED;
}
