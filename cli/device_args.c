/* SPDX-License-Identifier: MIT */
#include "device_args.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum {
    KEY_NAME = 512, /* out of the way of the commands' own */
    KEY_HOST_ADDRESS,
    KEY_MTU,
    KEY_NO_OFFLOAD,
    KEY_MAC,
    KEY_PCAP,
    KEY_STATS,
    KEY_RECORD
};

static const char device_names[][8] = {"tun", "tap", "packet"};

void cli_usage(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_error("%s", text);
    exit(CLI_USAGE);
}

uint32_t cli_number(const char *text, const char *what, uint32_t low, uint32_t high)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < low || value > high)
        cli_usage("bad %s '%s': a number from %u to %u", what, text, low, high);
    return (uint32_t)value;
}

weir_time cli_span(const char *text, const char *what)
{
    weir_time span = 0;
    if (!cli_parse_time(text, &span))
        cli_usage("bad %s '%s': a number above zero and ns, us, ms, s or min", what, text);
    return span;
}

struct weir_addr cli_address(const char *text)
{
    struct weir_addr address = {{0}};
    if (weir_addr_parse(text, &address) != WEIR_OK)
        cli_usage("bad address '%s': like 10.9.0.2 or fd00:9::2", text);
    return address;
}

static void take_prefix(struct device_prefix *out, const char *text)
{
    out->text = text;
    if (weir_prefix_parse(text, &out->addr, &out->len) != WEIR_OK)
        cli_usage("bad address '%s': like 10.9.0.2/24 or fd00:9::2/64", text);
}

static void add_prefix(struct device_prefix *list, unsigned *count, const char *text)
{
    if (*count == DEVICE_ADDRESSES_MAX)
        cli_usage("'%s' is one address too many: there may be %d", text, DEVICE_ADDRESSES_MAX);
    take_prefix(&list[(*count)++], text);
}

static void add_route(struct device_args *a, char *text)
{
    if (a->route_count == DEVICE_ROUTES_MAX)
        cli_usage("'%s' is one route too many: there may be %d", text, DEVICE_ROUTES_MAX);
    struct device_route *route = &a->route[a->route_count++];
    char *comma = strchr(text, ',');
    route->on_link = comma == NULL;
    if (comma != NULL) {
        *comma = '\0';
        route->gateway = cli_address(comma + 1);
    }
    take_prefix(&route->to, text);
    if (comma != NULL && weir_addr_is_ip4(&route->gateway) != weir_addr_is_ip4(&route->to.addr))
        cli_usage("bad route: %s and its gateway %s are of different families", text, comma + 1);
}

static void take_device(struct device_args *a, const char *text)
{
    const char *colon = strchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
    unsigned kind = 0;
    while (kind <= DEVICE_PACKET &&
           (strlen(device_names[kind]) != len || strncmp(device_names[kind], text, len) != 0))
        kind++;
    if (kind > DEVICE_PACKET)
        cli_usage("no device '%s': tun, tap or packet:INTERFACE", text);
    a->kind = (enum device_kind)kind;
    if (colon != NULL)
        a->ifname = colon + 1;
    if (colon != NULL && colon[1] == '\0')
        cli_usage("an interface is missing behind '%s'", text);
}

static void take_mac(struct device_args *a, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    bool good = strlen(text) == 17;
    for (unsigned i = 0; good && i < 17; i++) {
        int c = text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i];
        const char *digit = strchr(digits, c);
        if (i % 3 == 2)
            good = c == ':';
        else if (digit == NULL)
            good = false;
        else
            a->mac[i / 3] = (uint8_t)(a->mac[i / 3] << 4 | (uint8_t)(digit - digits));
    }
    static const uint8_t zero[6];
    if (!good || (a->mac[0] & 1) != 0 || memcmp(a->mac, zero, sizeof zero) == 0)
        cli_usage("bad MAC address '%s': of one station, like 02:00:00:00:00:09", text);
    a->has_mac = true;
}

static bool is_stdout(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

bool device_takes_stdout(const struct device_args *args)
{
    return is_stdout(args->pcap) || is_stdout(args->recording);
}

/* Which go together? */
static void check(const struct device_args *a)
{
    if (a->address_count == 0 && !a->no_device)
        cli_usage("an address is missing: --address 10.9.0.2/24");
    if (a->kind == DEVICE_PACKET && a->ifname == NULL)
        cli_usage("an interface is missing: packet:INTERFACE");
    if (a->ifname != NULL && strlen(a->ifname) >= IFNAMSIZ)
        cli_usage("bad interface '%s': at most %d characters", a->ifname, IFNAMSIZ - 1);
    if (a->kind == DEVICE_PACKET && a->host_address_count > 0)
        cli_usage("--host-address is about tun and tap; the kernel has no end of %s but itself",
                  a->ifname);
    if (a->kind == DEVICE_TUN && a->has_mac)
        cli_usage("--mac is about Ethernet, and a tun has none");
    bool capture = is_stdout(a->pcap), recording = is_stdout(a->recording);
    if ((capture || recording) && (a->verbose || (capture && recording)))
        cli_usage("--%s=- takes standard output for itself", capture ? "pcap" : "record");
    if ((capture || recording) && isatty(STDOUT_FILENO))
        cli_usage("a %s is not for a terminal; name a file, or send it through a pipe",
                  capture ? "capture" : "recording");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct device_args *a = state->input;
    switch (key) {
    case 'd':
        take_device(a, arg);
        return 0;
    case 'a':
        add_prefix(a->address, &a->address_count, arg);
        return 0;
    case 'r':
        add_route(a, arg);
        return 0;
    case KEY_NAME:
        a->ifname = arg;
        return 0;
    case KEY_HOST_ADDRESS:
        add_prefix(a->host_address, &a->host_address_count, arg);
        return 0;
    case KEY_MTU:
        a->mtu_bytes = cli_number(arg, "MTU", 68, 65535);
        return 0;
    case KEY_NO_OFFLOAD:
        a->no_offload = true;
        return 0;
    case KEY_MAC:
        take_mac(a, arg);
        return 0;
    case KEY_PCAP:
        a->pcap = arg;
        return 0;
    case KEY_RECORD:
        a->recording = arg;
        return 0;
    case KEY_STATS:
        a->stats = true;
        return 0;
    case 'v':
        a->verbose = true;
        return 0;
    case 'N':
        a->own_namespace = true;
        return 0;
    case ARGP_KEY_SUCCESS:
        check(a);
        return 0;
    default:
        return cli_help_key(key, state, a->name);
    }
}

static const struct argp_option options[] = {
    {0, 0, 0, 0, "Device and addresses:", 1},
    {"device", 'd', "DEVICE", 0, "tun (the default), tap, or packet:INTERFACE", 1},
    {"name", KEY_NAME, "NAME", 0, "Name of the tun or tap (weir0, weir1, ...)", 1},
    {"address", 'a', "ADDR/LEN", 0, "An address of the stack; may be repeated", 1},
    {"host-address", KEY_HOST_ADDRESS, "ADDR/LEN", 0, "An address of the kernel's end", 1},
    {"route", 'r', "PREFIX/LEN[,GATEWAY]", 0, "A route; without a gateway it is on the link", 1},
    {"mtu", KEY_MTU, "BYTES", 0, "MTU of the device", 1},
    {"mac", KEY_MAC, "MAC", 0, "MAC address of the stack", 1},
    {"no-offload", KEY_NO_OFFLOAD, 0, 0, "Do without checksum and segmentation offloads", 1},
    {"namespace", 'N', 0, 0,
     "Make a network namespace of our own; needs no rights where the kernel "
     "allows it",
     1},
    {"unprivileged", 'N', 0, OPTION_ALIAS, 0, 1},
    {0, 0, 0, 0, "What to see:", 2},
    {"pcap", KEY_PCAP, "FILE", 0, "Write all packets as pcapng; - is standard output", 2},
    {"record", KEY_RECORD, "FILE", 0,
     "Record all that the stack is told, for 'weir replay'; it holds the payload, too", 2},
    {"verbose", 'v', 0, 0, "Print every packet as a line", 2},
    {"stats", KEY_STATS, 0, 0, "Print the counters at the end", 2},
    CLI_HELP_OPTIONS,
    {0}};

const struct argp device_argp = {.options = options, .parser = parse};
