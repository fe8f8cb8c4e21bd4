/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* signalfd() */
#include "station.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/clock.h"
#include "driver/entropy.h"
#include "driver/host.h"
#include "driver/packet.h"
#include "driver/tun.h"
#include "namespace.h"
#include "weir/tcp.h"

enum {
    LISTENERS = 16, /* beside the connections that were asked for */
    FLUSH_TURNS = 16,
    STACK_ALIGNMENT = 64,
    STATUS_SIGNALLED = 128,
    STATUS_NOT_FOUND = 127
};

extern char **environ;

/* Longer than duplicate detection takes: a second at most before it, one for each probe. */
#define READY_WAIT (4 * WEIR_NS_PER_S)

/* ---- the device ---- */

static bool open_packet(struct station *s, struct device_error *why)
{
    const struct device_args *a = s->args;
    struct packet_config config = {.ifname = a->ifname,
                                   .promiscuous = a->has_mac,
                                   .without = a->no_offload ? WEIR_CAP_ALL : 0};
    memcpy(config.mac, a->mac, sizeof config.mac);
    return packet_open(&s->device, &config, why) == WEIR_OK;
}

static bool open_tun(struct station *s, struct device_error *why)
{
    const struct device_args *a = s->args;
    struct tun_config config = {.name = a->ifname,
                                .ethernet = a->kind == DEVICE_TAP,
                                .mtu_bytes = a->mtu_bytes,
                                .without = a->no_offload ? WEIR_CAP_ALL : 0};
    memcpy(config.mac, a->mac, sizeof config.mac);
    return tun_open(&s->device, &config, why) == WEIR_OK;
}

/* The kernel's end: up, with its addresses. */
static bool prepare_host(const struct station *s, struct device_error *why)
{
    const char *ifname = device_name(s->device);
    if (host_set_up(ifname, true, why) != WEIR_OK)
        return false;
    for (unsigned i = 0; i < s->args->host_address_count; i++) {
        const struct device_prefix *p = &s->args->host_address[i];
        if (host_add_address(ifname, p->addr, p->len, NULL, why) != WEIR_OK)
            return false;
    }
    return true;
}

static bool open_device(struct station *s)
{
    struct device_error why = {0};
    const struct device_args *a = s->args;
    if (a->own_namespace && !namespace_enter())
        return false;
    if (!(a->kind == DEVICE_PACKET ? open_packet(s, &why) : open_tun(s, &why))) {
        bool helps = why.number == EPERM && !a->own_namespace && a->kind != DEVICE_PACKET;
        cli_error("%s%s", why.text, helps ? "; --namespace needs none" : "");
        return false;
    }
    if (prepare_host(s, &why))
        return true;
    cli_error("%s", why.text);
    return false;
}

/* The MTU to use of what the device has. */
static uint32_t present_mtu(const struct station *s, const struct weir_iface_config *iface)
{
    uint32_t wanted = s->args->kind == DEVICE_PACKET ? s->args->mtu_bytes : 0;
    return wanted != 0 && wanted < iface->mtu_bytes ? wanted : iface->mtu_bytes;
}

/* ---- the stack ---- */

static bool add_addresses(struct station *s)
{
    for (unsigned i = 0; i < s->args->address_count; i++) {
        const struct device_prefix *p = &s->args->address[i];
        int error = weir_stack_add_address(s->stack, s->ifindex, &p->addr, p->len);
        if (error == WEIR_E_INVALID)
            cli_error("%s: no host can have this address", p->text);
        else if (error != WEIR_OK)
            cli_error("%s: %s", p->text, weir_strerror(error));
        if (error != WEIR_OK)
            return false;
    }
    for (unsigned i = 0; i < s->args->route_count; i++) {
        const struct device_route *r = &s->args->route[i];
        int error = weir_stack_add_route(s->stack, s->ifindex, &r->to.addr, r->to.len,
                                         r->on_link ? NULL : &r->gateway);
        if (error != WEIR_OK) {
            cli_error("route %s: %s", r->to.text, weir_strerror(error));
            return false;
        }
    }
    return true;
}

static bool make_stack(struct station *s)
{
    struct weir_config config;
    weir_config_default(&config);
    config.tap = record_tap(&s->record);
    if (s->args->packet_memory_kb > 0)
        config.packet_memory_kb = s->args->packet_memory_kb;
    config.tcp_quiet_ms = s->args->quiet_ms;
    if (s->args->connections_max > 0) { /* and listeners */
        config.tcp_endpoints_max = s->args->connections_max + LISTENERS;
        config.tcp_flights_max = s->args->connections_max;
        config.tcp_syn_received_max = s->args->connections_max;
    }
    if (entropy_bytes(config.secret, sizeof config.secret) != WEIR_OK ||
        entropy_bytes(&config.seed, sizeof config.seed) != WEIR_OK) {
        cli_error("no random bytes from the system: %m");
        return false;
    }
    recorder_attach(&s->recorder, &config); /* the secret is of this run alone */
    size_t size =
        (weir_stack_size(&config) + STACK_ALIGNMENT - 1) / STACK_ALIGNMENT * STACK_ALIGNMENT;
    void *memory = aligned_alloc(STACK_ALIGNMENT, size);
    s->stack = weir_stack_init(memory, size, &config, clock_monotonic());
    if (s->stack == NULL) {
        cli_error("no memory");
        free(memory);
        return false;
    }
    struct weir_iface_config iface;
    device_iface(s->device, &iface);
    iface.mtu_bytes = s->mtu_bytes = present_mtu(s, &iface);
    int ifindex = weir_stack_add_iface(s->stack, &iface);
    if (ifindex < 0) {
        cli_error("%s: %s", device_name(s->device), weir_strerror(ifindex));
        return false;
    }
    s->ifindex = (unsigned)ifindex;
    record_interface(&s->record, iface.link, device_name(s->device));
    return add_addresses(s);
}

/* ---- what happens outside ---- */

/* The exit status as a shell tells it. */
static void command_over(struct station *s)
{
    int status;
    if (s->command == 0 || waitpid(s->command, &status, WNOHANG) != s->command)
        return;
    s->command = 0;
    s->code = WIFSIGNALED(status) ? STATUS_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
    s->ended = true;
}

static void on_signal(void *ctx, int fd, short revents)
{
    struct station *s = ctx;
    struct signalfd_siginfo info;
    (void)revents;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            command_over(s);
        else if (s->command != 0)
            (void)kill(s->command, (int)info.ssi_signo);
        else
            s->ended = true;
    }
}

/* Something about an interface of the kernel's has changed: perhaps our MTU. */
static void on_link(void *ctx, int fd, short revents)
{
    struct station *s = ctx;
    char message[8192];
    struct weir_iface_config iface;
    (void)revents;
    while (recv(fd, message, sizeof message, MSG_DONTWAIT) > 0)
        ;
    device_iface(s->device, &iface);
    uint32_t mtu_bytes = present_mtu(s, &iface);
    if (mtu_bytes != s->mtu_bytes && weir_stack_set_mtu(s->stack, s->ifindex, mtu_bytes) == WEIR_OK)
        s->mtu_bytes = mtu_bytes;
}

static int hear_links(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* Where signals are ignored (nohup, background jobs) they stay so. */
static int hear_signals(struct station *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, &s->mask);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void serve(void *ctx, weir_time now)
{
    struct station *s = ctx;
    s->wake = s->serve != NULL ? s->serve(s->serve_ctx, now) : WEIR_TIME_NEVER;
}

static bool make_loop(struct station *s)
{
    struct device_error why;
    if (loop_init(&s->loop, s->stack, serve, s, &why) != WEIR_OK) {
        cli_error("%s", why.text);
        return false;
    }
    s->link_fd = hear_links();
    if (s->link_fd < 0 || s->signal_fd < 0) {
        cli_error("no descriptor to listen on: %m");
        return false;
    }
    (void)loop_add_device(&s->loop, s->device, s->ifindex);
    const struct loop_watch signals = {
        .fd = s->signal_fd, .events = POLLIN, .fn = on_signal, .ctx = s};
    const struct loop_watch links = {.fd = s->link_fd, .events = POLLIN, .fn = on_link, .ctx = s};
    (void)loop_add_watch(&s->loop, &signals);
    (void)loop_add_watch(&s->loop, &links);
    return true;
}

/* ---- the whole ---- */

static bool release(struct station *s)
{
    device_close(s->device);
    free(s->stack); /* the memory it was made in */
    if (s->loop.stack != NULL)
        loop_end(&s->loop);
    if (s->signal_fd >= 0)
        (void)close(s->signal_fd);
    if (s->link_fd >= 0)
        (void)close(s->link_fd);
    bool whole = recorder_close(&s->recorder);
    whole &= record_close(&s->record);
    (void)sigprocmask(SIG_SETMASK, &s->mask, NULL);
    return whole;
}

bool station_open(struct station *s, const struct device_args *args)
{
    *s = (struct station){.args = args, .signal_fd = -1, .link_fd = -1, .wake = WEIR_TIME_NEVER};
    s->out = device_takes_stdout(args) ? stderr : stdout;
    if (!recorder_open(&s->recorder, args->recording))
        return false;
    if (!record_open(&s->record, args->pcap, args->verbose)) {
        (void)recorder_close(&s->recorder);
        return false;
    }
    recorder_guard(&s->recorder);
    s->signal_fd = hear_signals(s);
    if (open_device(s) && make_stack(s) && make_loop(s))
        return true;
    (void)release(s);
    return false;
}

void station_serve(struct station *s, weir_time (*fn)(void *ctx, weir_time now), void *ctx)
{
    s->serve = fn;
    s->serve_ctx = ctx;
    s->wake = 0;
}

/* One turn of the loop, and what it recorded. */
static bool turn(struct station *s, weir_time until)
{
    struct device_error why;
    if (loop_turn(&s->loop, s->wake < until ? s->wake : until, &why) == WEIR_OK)
        return record_flush(&s->record) && recorder_flush(&s->recorder);
    cli_error("%s", why.text);
    return false;
}

bool station_run(struct station *s, weir_time until)
{
    bool good = true;
    while (good && !s->ended && (until == WEIR_TIME_NEVER || clock_monotonic() < until))
        good = turn(s, until);
    return good;
}

void station_flush(struct station *s)
{
    s->serve = NULL;
    for (unsigned i = 0; i < FLUSH_TURNS; i++)
        if (!turn(s, 0))
            return;
}

/* May the address be used: can an endpoint have it? */
static bool is_usable(weir_stack *stack, const struct weir_addr *addr)
{
    struct weir_udp_config config = {.size = sizeof config, .address = *addr};
    struct weir_event event;
    weir_handle handle;
    if (weir_udp_open(stack, &config, &handle) != WEIR_OK)
        return false;
    (void)weir_udp_close(stack, handle);
    while (weir_stack_events(stack, &event, 1) > 0)
        ;
    return true;
}

static const struct device_prefix *first_unusable(const struct station *s)
{
    for (unsigned i = 0; i < s->args->address_count; i++)
        if (!is_usable(s->stack, &s->args->address[i].addr))
            return &s->args->address[i];
    return NULL;
}

static void say_ready(const struct station *s)
{
    static const char kinds[][8] = {"tun", "tap", "packet"};
    fprintf(s->out, "weir: %s is ready:", device_name(s->device));
    for (unsigned i = 0; i < s->args->address_count; i++)
        fprintf(s->out, " %s", s->args->address[i].text);
    fprintf(s->out, " (%s, MTU %" PRIu32 "%s)\n", kinds[s->args->kind], s->mtu_bytes,
            s->args->no_offload ? ", no offloads" : "");
    (void)fflush(s->out);
}

bool station_ready(struct station *s, bool say)
{
    weir_time limit = clock_monotonic() + READY_WAIT;
    const struct device_prefix *p;
    while (!s->ended && (p = first_unusable(s)) != NULL) {
        if (clock_monotonic() >= limit) {
            cli_error("%s: another host has this address", p->text);
            return false;
        }
        if (!turn(s, limit))
            return false;
    }
    if (say && !s->ended)
        say_ready(s);
    return !s->ended;
}

bool station_command(struct station *s, char **argv)
{
    posix_spawnattr_t attributes;
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigmask(&attributes, &s->mask);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int number = posix_spawnp(&s->command, argv[0], NULL, &attributes, argv, environ);
    (void)posix_spawnattr_destroy(&attributes);
    if (number == 0)
        return true;
    s->command = 0;
    s->code = STATUS_NOT_FOUND;
    cli_error("%s: %s", argv[0], strerror(number));
    return false;
}

void station_counter(FILE *out, const char *name, uint64_t value, const char *meaning)
{
    if (value > 0)
        fprintf(out, "  %-22s %12" PRIu64 "  %s\n", name, value, meaning);
}

static void print_stats(struct station *s)
{
    struct weir_stats stats;
    struct device_stats device;
    (void)weir_stack_stats(s->stack, WEIR_IFINDEX_ALL, &stats);
    fprintf(s->out, "stack\n");
    for (unsigned i = 0; i < WEIR_COUNTER_COUNT; i++)
        station_counter(s->out, weir_counter_name(i), stats.counter[i], weir_counter_text(i));
    for (unsigned i = 0; i < WEIR_DROP_COUNT; i++)
        station_counter(s->out, weir_drop_name(i), stats.drop[i], weir_drop_text(i));
    struct weir_tcp_stats tcp;
    const char *name;
    weir_tcp_stats(s->stack, &tcp);
    fprintf(s->out, "tcp\n");
    for (unsigned i = 0; (name = weir_tcp_counter_name(i)) != NULL; i++)
        station_counter(s->out, name, weir_tcp_counter(&tcp, i), weir_tcp_counter_text(i));
    device_stats(s->device, &device);
    fprintf(s->out, "%s\n", device_name(s->device));
    for (unsigned i = 0; i < DEVICE_COUNTER_COUNT; i++)
        station_counter(s->out, device_counter_name(i), device.counter[i], device_counter_text(i));
}

bool station_close(struct station *s)
{
    if (s->args->stats)
        print_stats(s);
    return release(s);
}
