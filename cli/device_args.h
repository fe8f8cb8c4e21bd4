/* SPDX-License-Identifier: MIT
 * The options that weir host, weir ping and weir udp have in common: which device, and what stands
 * on it. */
#ifndef WEIR_CLI_DEVICE_ARGS_H
#define WEIR_CLI_DEVICE_ARGS_H

#include <argp.h>

#include "weir/net.h"

enum {
    DEVICE_ADDRESSES_MAX = 16, /* of the stack, and of the kernel */
    DEVICE_ROUTES_MAX = 16
};

enum device_kind { DEVICE_TUN = 0, DEVICE_TAP, DEVICE_PACKET };

/* An address and the length of its prefix, and the words they were given in. */
struct device_prefix {
    const char *text;
    struct weir_addr addr;
    unsigned len;
};

struct device_route {
    struct device_prefix to;
    struct weir_addr gateway;
    bool on_link; /* there is no gateway */
};

/* All zero: a TUN of any name. The texts are those of argv. */
struct device_args {
    char name[32]; /* of the command, in usage lines: "weir host"; set by the command */
    enum device_kind kind;
    const char *ifname; /* NULL: the kernel chooses */
    struct device_prefix address[DEVICE_ADDRESSES_MAX], host_address[DEVICE_ADDRESSES_MAX];
    unsigned address_count, host_address_count;
    struct device_route route[DEVICE_ROUTES_MAX];
    unsigned route_count;
    uint32_t mtu_bytes; /* 0: the device's */
    uint8_t mac[6];     /* zeros: a random one, or the interface's */
    const char *pcap;   /* NULL: none; "-": stdout */
    const char *recording; /* the same */
    bool has_mac, no_offload, own_namespace, stats, verbose;
    bool no_device;             /* set by the command: do without one, and without addresses */
    uint32_t connections_max;   /* set by the command: of TCP; 0: the stack's default */
    uint32_t packet_memory_kb;  /* set by the command: of the stack; 0: its default */
    uint32_t quiet_ms;          /* set by the command: quiet time of TCP */
};

/* Does a capture or recording go to standard output? */
bool device_takes_stdout(const struct device_args *args);

/* A child parser whose input is a struct device_args. A wrong option is one line and exit 2. */
extern const struct argp device_argp;

/* What a command does not understand: say it in one line, and exit 2. */
__attribute__((format(printf, 1, 2))) _Noreturn void cli_usage(const char *format, ...);

/* Read a whole number from low to high; `what` names it ("MTU") where it is none. Exits then. */
uint32_t cli_number(const char *text, const char *what, uint32_t low, uint32_t high);

/* Read a span of time above zero, as cli_parse_time() does. Exits when it is none. */
weir_time cli_span(const char *text, const char *what);

/* Read an address. Exits when it is none. */
struct weir_addr cli_address(const char *text);

#endif
