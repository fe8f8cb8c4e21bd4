/* SPDX-License-Identifier: MIT */
#include "drill/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/build.h"

enum {
    STACK_ALIGNMENT = 64,
    HOST_BATCH = 32,
    EVENT_BATCH = 16,
    IDLE_STEPS_MAX = 100000, /* in a row, in which no time passes */
    ICMP6_FIRST_QUERY = 128 /* RFC 4443 2.1: above it stand messages that are no errors */
};

/* Long enough for duplicate address detection, and a time that is not zero in any unit. */
static const weir_time base_time = 1000 * WEIR_NS_PER_S, ready_time = 20 * WEIR_NS_PER_S;

struct drill_held {
    struct drill_held *next;
    uint32_t len;
    uint8_t bytes[];
};

static int add_family(struct drill_host *host, const struct weir_addr *local, unsigned prefix_len)
{
    struct weir_addr any = {{0}};
    if (weir_addr_is_ip4(local))
        any.bytes[10] = any.bytes[11] = 0xff;
    int error = weir_stack_add_address(host->stack, 0, local, prefix_len);
    return error != WEIR_OK ? error : weir_stack_add_route(host->stack, 0, &any, 0, NULL);
}

static int add_interface(struct drill_host *host, const struct drill_host_config *config)
{
    struct weir_iface_config iface = {
        .size = sizeof iface, .link = WEIR_LINK_IP, .mtu_bytes = config->mtu_bytes};
    int error = weir_stack_add_iface(host->stack, &iface);
    if (error == 0)
        error = add_family(host, &config->local4, config->prefix4_len);
    if (error == 0 && config->mtu_bytes >= 1280)
        error = add_family(host, &config->local6, config->prefix6_len);
    return error;
}

/* Move to the beginning, and forget what was sent on the way. */
static void get_ready(struct drill_host *host)
{
    struct capture_writer *capture = host->capture;
    host->capture = NULL;
    drill_host_settle(host);
    while (drill_host_step(host, ready_time) && host->now < ready_time)
        ;
    struct drill_out *out;
    while ((out = drill_host_take(host)) != NULL)
        free(out);
    host->base += ready_time;
    host->now = 0;
    host->packets_out = 0;
    host->capture = capture;
}

int drill_host_open(struct drill_host *host, const struct drill_host_config *config, char *why,
                    size_t size)
{
    *host = (struct drill_host){.base = base_time,
                                .capture = config->capture,
                                .capture_interface = config->capture_interface};
    host->last = &host->first;
    int error = weir_config_check(&config->stack, why, size);
    if (error != WEIR_OK)
        return error;
    size_t bytes = weir_stack_size(&config->stack);
    bytes = (bytes + STACK_ALIGNMENT - 1) / STACK_ALIGNMENT * STACK_ALIGNMENT;
    host->memory = aligned_alloc(STACK_ALIGNMENT, bytes);
    if (host->memory != NULL)
        host->stack = weir_stack_init(host->memory, bytes, &config->stack, host->base);
    error = host->stack == NULL ? WEIR_E_EXHAUSTED : add_interface(host, config);
    if (error != WEIR_OK) {
        snprintf(why, size, "%s", weir_strerror(error));
        drill_host_close(host);
        return error;
    }
    get_ready(host);
    return WEIR_OK;
}

void drill_host_close(struct drill_host *host)
{
    struct drill_out *out;
    while ((out = drill_host_take(host)) != NULL)
        free(out);
    while (host->held != NULL) {
        struct drill_held *next = host->held->next;
        free(host->held);
        host->held = next;
    }
    free(host->memory);
    host->memory = NULL;
    host->stack = NULL;
}

static void record(struct drill_host *host, const uint8_t *bytes, uint32_t len,
                   enum capture_direction direction)
{
    struct weir_ref part = {bytes, len};
    struct capture_packet packet = {.interface = host->capture_interface,
                                    .direction = (uint8_t)direction,
                                    .time = host->now,
                                    .part = &part,
                                    .part_count = 1};
    if (host->capture != NULL)
        (void)capture_packet(host->capture, &packet); /* the writer keeps its error */
}

/* ---- in ---- */

/* Hand over the packet, behind those that were held back. */
static void hand_in(struct drill_host *host, const uint8_t *bytes, uint32_t len)
{
    struct weir_rx rx[HOST_BATCH];
    unsigned n = 0;
    for (struct drill_held *held = host->held; held != NULL && n < HOST_BATCH - 1;
         held = held->next)
        rx[n++] = (struct weir_rx){.head = held->bytes, .head_len = held->len, .len = held->len};
    rx[n++] = (struct weir_rx){.head = bytes, .head_len = len, .len = len};
    weir_stack_input(host->stack, 0, rx, n, host->base + host->now);
    while (host->held != NULL) {
        struct drill_held *next = host->held->next;
        free(host->held);
        host->held = next;
    }
}

void drill_host_input(struct drill_host *host, const uint8_t *bytes, uint32_t len, bool more)
{
    record(host, bytes, len, CAPTURE_INBOUND);
    watch_packet_in(&host->watch, bytes, len);
    host->packets_in++;
    if (!more) {
        hand_in(host, bytes, len);
        drill_host_settle(host);
        return;
    }
    struct drill_held **last = &host->held, *held = malloc(sizeof *held + len);
    if (held == NULL) {
        host->fault = "no memory";
        return;
    }
    held->next = NULL;
    held->len = len;
    memcpy(held->bytes, bytes, len);
    while (*last != NULL)
        last = &(*last)->next;
    *last = held;
}

/* ---- out ---- */

/* Neighbour discovery and the like is not what scripts are about. */
static bool is_of_interest(const struct drill_out *out)
{
    struct sim_parsed p = sim_parse(out->bytes, out->len, WEIR_LINK_IP);
    return p.ip_version != 6 || p.protocol != IP_PROTOCOL_ICMP6 || p.transport_len == 0 ||
           out->bytes[p.transport_offset] < ICMP6_FIRST_QUERY;
}

static void take_tx(struct drill_host *host, const struct weir_tx *tx)
{
    struct drill_out *out = malloc(sizeof *out + tx->len);
    if (out == NULL) {
        host->fault = "no memory";
        return;
    }
    *out = (struct drill_out){.time = host->now, .len = tx->header_len};
    memcpy(out->bytes, tx->headers + tx->header_start, tx->header_len);
    for (unsigned i = 0; i < tx->frag_count && out->len + tx->frag[i].len <= tx->len; i++) {
        memcpy(out->bytes + out->len, tx->frag[i].data, tx->frag[i].len);
        out->len += (uint32_t)tx->frag[i].len;
    }
    record(host, out->bytes, out->len, CAPTURE_OUTBOUND);
    host->packets_out++;
    if (out->len != tx->len || tx->segment_count != 0)
        host->fault = "a packet of the stack is not as long as it says";
    else if (!build_is_sound(out->bytes, out->len, WEIR_LINK_IP))
        host->fault = "a packet of the stack has a wrong checksum or header";
    const char *broken = watch_packet_out(&host->watch, out->bytes, out->len);
    if (broken != NULL && host->fault == NULL)
        host->fault = broken;
    if (!is_of_interest(out)) {
        free(out);
        return;
    }
    *host->last = out;
    host->last = &out->next;
}

void drill_host_settle(struct drill_host *host)
{
    struct weir_tx tx[HOST_BATCH];
    struct weir_event event[EVENT_BATCH];
    unsigned n;
    do {
        n = weir_stack_output(host->stack, 0, tx, HOST_BATCH, host->base + host->now);
        for (unsigned i = 0; i < n; i++)
            take_tx(host, &tx[i]);
    } while (n == HOST_BATCH);
    /* Events are edges; those who wait here ask for the level. Read, so that handles come free. */
    while (weir_stack_events(host->stack, event, EVENT_BATCH) == EVENT_BATCH)
        ;
}

bool drill_host_step(struct drill_host *host, weir_time limit)
{
    weir_time deadline = weir_stack_deadline(host->stack);
    bool waits = deadline != WEIR_TIME_NEVER;
    weir_time to = waits && deadline - host->base < limit ? deadline - host->base : limit;
    host->idle_steps = to > host->now ? 0 : host->idle_steps + 1;
    if (host->idle_steps > IDLE_STEPS_MAX) {
        host->fault = "the stack has something due for ever";
        to = limit;
    }
    if (to > host->now)
        host->now = to;
    weir_stack_advance(host->stack, host->base + host->now);
    drill_host_settle(host);
    return waits;
}

struct drill_out *drill_host_take(struct drill_host *host)
{
    struct drill_out *out = host->first;
    if (out == NULL)
        return NULL;
    host->first = out->next;
    if (host->first == NULL)
        host->last = &host->first;
    return out;
}
